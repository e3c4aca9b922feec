package schema

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/sqltext"
)

// enough is what a service account needs to see every writer.
const enough = "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO ?"

// base are the tables that the writers below write: products is guarded,
// orders and log are not.
var base = []string{
	"CREATE TABLE products (id INT PRIMARY KEY, name VARCHAR(20), n INT, version INT NOT NULL)",
	"CREATE TABLE orders (id INT PRIMARY KEY, products INT)",
	"CREATE TABLE log (what VARCHAR(200))",
}

func TestWriters(t *testing.T) {
	tests := []struct {
		title string
		ddl   []string
		want  []string // kind and name, and a part of the detail
		only  string   // the flavor that has it
	}{
		{"nothing", nil, nil, ""},

		{"trigger that updates", []string{"CREATE TRIGGER tr AFTER INSERT ON orders FOR EACH ROW UPDATE products SET n = n - 1"},
			[]string{"trigger tr AFTER INSERT on @.orders"}, ""},
		{"trigger that only reads", []string{"CREATE TRIGGER tr BEFORE INSERT ON orders FOR EACH ROW SET NEW.id = (SELECT MAX(id) FROM products)"},
			nil, ""},
		{"trigger of another table", []string{"CREATE TRIGGER tr AFTER INSERT ON orders FOR EACH ROW INSERT INTO log VALUES ('x')"},
			nil, ""},
		{"name in a comment or a string", []string{"CREATE TRIGGER tr AFTER INSERT ON orders FOR EACH ROW /* products */ INSERT INTO log VALUES ('products')"},
			nil, ""},
		{"name in quotes and another case", []string{"CREATE TRIGGER tr AFTER INSERT ON orders FOR EACH ROW UPDATE /* of */ `products` SET N = 1"},
			[]string{"trigger tr"}, ""},
		{"trigger in ANSI quotes", []string{"SET sql_mode = 'ANSI_QUOTES'", `CREATE TRIGGER tr AFTER INSERT ON orders FOR EACH ROW UPDATE "products" SET n = 1`, "SET sql_mode = DEFAULT"},
			[]string{"trigger tr"}, ""},
		{"string in double quotes", []string{`CREATE TRIGGER tr AFTER INSERT ON orders FOR EACH ROW INSERT INTO log VALUES ("products")`},
			nil, ""},
		{"column of the table's name", []string{"CREATE PROCEDURE p() UPDATE orders SET products = 0, id = products + 1 WHERE products = 1 AND products > 0"},
			nil, ""},
		{"column of the table's name in a list, where a table may stand", []string{"CREATE PROCEDURE p() INSERT INTO orders (id, products) VALUES (1, 2)"},
			[]string{"routine p"}, ""},
		{"tables in all places", []string{
			"CREATE PROCEDURE a() UPDATE orders, products SET n = 0",
			"CREATE PROCEDURE b() UPDATE (orders JOIN products) SET n = 0",
			"CREATE PROCEDURE c() DELETE p.* FROM orders JOIN products AS p",
			"CREATE PROCEDURE d() DELETE products.* FROM orders JOIN products",
			"CREATE PROCEDURE e() DELETE FROM p USING products p",
			"CREATE PROCEDURE f() INSERT IGNORE products(id) VALUES (1)",
			"CREATE PROCEDURE g() REPLACE LOW_PRIORITY INTO products VALUES (1, '', 1, 1)",
			"CREATE PROCEDURE h() TRUNCATE products",
			"CREATE PROCEDURE i() DROP TABLE IF EXISTS orders, products",
			"CREATE PROCEDURE j() IF 1 THEN UPDATE IGNORE products SET n = 0; END IF"},
			[]string{"routine a", "routine b", "routine c", "routine d", "routine e", "routine f", "routine g", "routine h", "routine i", "routine j"}, ""},
		{"column of the table's name, qualified", []string{"CREATE TRIGGER tr AFTER INSERT ON orders FOR EACH ROW INSERT INTO log VALUES (NEW.products)"},
			nil, ""},

		{"procedure", []string{"CREATE PROCEDURE p() BEGIN UPDATE products SET n = 0; END"},
			[]string{"routine p procedure, names it"}, ""},
		{"function", []string{"CREATE FUNCTION f() RETURNS INT DETERMINISTIC BEGIN DELETE FROM @.products WHERE id = 1; RETURN 1; END"},
			[]string{"routine f function, names it"}, ""},
		{"procedure that reads", []string{"CREATE PROCEDURE p() SELECT * FROM products"},
			nil, ""},
		{"replace() is a function", []string{"CREATE PROCEDURE p() SELECT REPLACE(name, 'a', 'b'), TRUNCATE(n, 0), INSERT(name, 1, 2, 'c') FROM products"},
			nil, ""},
		{"procedure that names the table of another schema", []string{"CREATE PROCEDURE p() UPDATE mysql.products SET n = 0"},
			nil, ""},
		{"procedure that calls one that writes", []string{"CREATE PROCEDURE q() UPDATE products SET n = 0", "CREATE PROCEDURE p() CALL q()"},
			[]string{"routine p procedure, names routine @.q", "routine q"}, ""},
		{"trigger that calls a function that writes", []string{
			"CREATE FUNCTION f() RETURNS INT DETERMINISTIC BEGIN UPDATE products SET n = 0; RETURN 1; END",
			"CREATE TRIGGER tr BEFORE INSERT ON orders FOR EACH ROW SET NEW.id = F()"},
			[]string{"routine f", "trigger tr BEFORE INSERT on @.orders, names routine @.f"}, ""},
		{"dynamic SQL", []string{"CREATE PROCEDURE p(s TEXT) BEGIN PREPARE x FROM 'SELECT 1'; EXECUTE x; END"},
			[]string{"routine p procedure, has dynamic SQL"}, ""},
		{"EXECUTE IMMEDIATE", []string{"CREATE PROCEDURE p(s TEXT) EXECUTE IMMEDIATE s"},
			[]string{"routine p procedure, has dynamic SQL"}, server.FlavorMariaDB},
		{"executable comment", []string{"CREATE PROCEDURE p() BEGIN /*!40000 UPDATE products SET n = 0 */; END"},
			[]string{"routine p"}, ""},
		{"package", []string{"SET sql_mode = 'ORACLE'", "CREATE PACKAGE k AS PROCEDURE p; END",
			"CREATE PACKAGE BODY k AS PROCEDURE p AS BEGIN UPDATE products SET n = 0; END; END", "SET sql_mode = DEFAULT"},
			[]string{"routine k package, names it"}, server.FlavorMariaDB},

		{"event", []string{"CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO UPDATE products SET n = 0"},
			[]string{"event e disabled, names it"}, ""},

		{"view", []string{"CREATE VIEW v AS SELECT id, n FROM products"},
			[]string{"view v names it"}, ""},
		{"view of a view", []string{"CREATE VIEW a AS SELECT id, n FROM products", "CREATE VIEW b AS SELECT * FROM a", "CREATE VIEW c AS SELECT * FROM b"},
			[]string{"view a names it", "view b names view @.a", "view c names view @.b"}, ""},
		{"view that cannot be written", []string{"CREATE VIEW v AS SELECT COUNT(*) AS n FROM products"},
			nil, ""},
		{"view of another table", []string{"CREATE VIEW v AS SELECT products FROM orders"},
			nil, ""},
		{"trigger that writes a view", []string{"CREATE VIEW v AS SELECT id, n FROM products",
			"CREATE TRIGGER tr AFTER INSERT ON orders FOR EACH ROW UPDATE v SET n = 1"},
			[]string{"trigger tr AFTER INSERT on @.orders, names view @.v", "view v"}, ""},

		{"cascade", []string{"CREATE TABLE kinds (id INT PRIMARY KEY)",
			"ALTER TABLE products ADD kind INT, ADD CONSTRAINT fk FOREIGN KEY (kind) REFERENCES kinds (id) ON DELETE SET NULL ON UPDATE CASCADE"},
			[]string{"cascade fk ON DELETE SET NULL ON UPDATE CASCADE of @.kinds"}, ""},
		{"foreign key that restricts", []string{"CREATE TABLE kinds (id INT PRIMARY KEY)",
			"ALTER TABLE products ADD kind INT, ADD CONSTRAINT fk FOREIGN KEY (kind) REFERENCES kinds (id) ON DELETE RESTRICT"},
			nil, ""},
		{"cascade to another table", []string{
			"ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (products) REFERENCES products (id) ON DELETE CASCADE"},
			nil, ""},
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		for _, test := range tests {
			if test.only != "" && test.only != s.Flavor {
				continue
			}
			t.Run(test.title, func(t *testing.T) {
				name := s.Database(t)
				root := s.Open(t, name)
				root.SetMaxOpenConns(1) // sql_mode is the session's
				run(t, root, name, base...)
				run(t, root, name, test.ddl...)
				c := read(t, s.OpenAs(t, account(t, root, name, enough), "", ""), name, "products")
				var got []string
				for _, w := range c.Writers(names(name, "products")) {
					if w.Table != (Name{name, "products"}) || w.Name.Schema != name {
						t.Errorf("%+v", w)
					}
					got = append(got, w.Kind+" "+w.Name.Name+" "+w.Detail)
				}
				ok := len(got) == len(test.want)
				for i := range test.want {
					ok = ok && strings.HasPrefix(got[i], strings.ReplaceAll(test.want[i], "@", name))
				}
				if !ok {
					t.Errorf("writers %q\nwant %q", got, test.want)
				}
			})
		}
	})
}

func TestWritersOfAnotherSchema(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, other := s.Database(t), s.Database(t)
		root := s.Open(t, shop)
		run(t, root, shop, base...)
		run(t, root, shop, "CREATE TABLE "+other+".a (i INT)", "CREATE TABLE "+other+".products (i INT)",
			"CREATE TRIGGER "+other+".tr AFTER INSERT ON "+other+".a FOR EACH ROW UPDATE @.products SET n = 0",
			"CREATE TRIGGER "+other+".own AFTER DELETE ON "+other+".a FOR EACH ROW DELETE FROM products",
			"CREATE VIEW "+other+".v AS SELECT id, n FROM @.products",
			"CREATE VIEW "+other+".w AS SELECT i FROM "+other+".products",
			"CREATE PROCEDURE "+other+".p() UPDATE v SET n = 0")
		c := read(t, s.OpenAs(t, account(t, root, shop, enough), "", ""), shop, "products")
		var got []string
		for _, w := range c.Writers(names(shop, "products")) {
			got = append(got, w.Kind+" "+w.Name.String())
		}
		want := []string{"routine " + other + ".p", "trigger " + other + ".tr", "view " + other + ".v"}
		if !slices.Equal(got, want) {
			t.Errorf("writers %q\nwant %q", got, want)
		}
	})
}

func TestViewsOfAndRoutinesOf(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		name := s.Database(t)
		root := s.Open(t, name)
		run(t, root, name, base...)
		run(t, root, name,
			"CREATE VIEW v AS SELECT id, n FROM products",
			"CREATE VIEW total AS SELECT COUNT(*) AS n FROM v",
			"CREATE VIEW o AS SELECT id FROM orders",
			"CREATE VIEW both_ AS SELECT p.id, o.id AS o FROM products p JOIN orders o",
			"CREATE PROCEDURE direct() UPDATE products SET n = 0",
			"CREATE PROCEDURE indirect() CALL @.direct()",
			"CREATE PROCEDURE harmless() UPDATE orders SET products = 0")
		c := read(t, s.OpenAs(t, account(t, root, name, enough), "", ""), name, "products")
		p := Name{name, "products"}
		own := func(all map[Name]Name) map[Name]Name {
			out := map[Name]Name{}
			for n, table := range all {
				if n.Schema == name {
					out[n] = table
				}
			}
			return out
		}
		views := map[Name]Name{{name, "v"}: p, {name, "total"}: p, {name, "both_"}: p}
		if got := own(c.ViewsOf([]Name{p})); !reflect.DeepEqual(got, views) {
			t.Errorf("ViewsOf %v, want %v", got, views)
		}
		all := c.RoutinesOf([]Name{p})
		routines := map[Name]Name{{name, "direct"}: p, {name, "indirect"}: p}
		if got := own(all); !reflect.DeepEqual(got, routines) {
			t.Errorf("RoutinesOf %v, want %v", got, routines)
		}
		if all[Name{"sys", "execute_prepared_stmt"}] != p {
			t.Error("RoutinesOf lacks sys.execute_prepared_stmt, which runs any text")
		}
		if _, ok := all[Name{"sys", "format_bytes"}]; ok {
			t.Error("RoutinesOf has sys.format_bytes, which writes nothing")
		}
		if r := c.Procedure(Name{name, "DIRECT"}); r == nil || !r.Readable || !strings.Contains(r.Body, "UPDATE products") {
			t.Errorf("Procedure: %+v", r)
		}
		if c.Function(Name{name, "direct"}) != nil {
			t.Error("a procedure is no function")
		}
	})
}

func TestWhatCannotBeSeenMayWrite(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		name := s.Database(t)
		root := s.Open(t, name)
		run(t, root, name, base...)
		run(t, root, name, "CREATE PROCEDURE p() SELECT 1", "CREATE VIEW v AS SELECT id FROM orders",
			"CREATE PROCEDURE calls() CALL p()")
		user := account(t, root, name, "GRANT SELECT, EXECUTE ON @.* TO ?")
		c := read(t, s.OpenAs(t, user, "", ""), name, "products")
		products := names(name, "products")
		if r := c.Procedure(Name{name, "p"}); r == nil || r.Readable || r.Body != "" {
			t.Fatalf("the body of p is to be hidden from this account: %+v", r)
		}
		for _, n := range []string{"p", "calls"} {
			if c.RoutinesOf(products)[Name{name, n}] != products[0] {
				t.Errorf("RoutinesOf lacks %s, whose body cannot be seen", n)
			}
		}
		if c.ViewsOf(products)[Name{name, "v"}] != products[0] {
			t.Error("ViewsOf lacks v, whose definition cannot be seen")
		}
	})
}

func TestBodiesThatCannotBeLexedCountForAllTheirWords(t *testing.T) {
	r := &reader{c: Offline(sqltext.MariaDB, 101106)}
	u := r.uses("shop", "UPDATE products SET name = 'never closed", "")
	if !u.writes || u.dynamic || !u.table(Name{"shop", "products"}) || u.table(Name{"shop", "orders"}) {
		t.Errorf("%+v", u)
	}
	if u := r.uses("shop", "EXECUTE x; SELECT '", ""); !u.dynamic {
		t.Errorf("%+v", u)
	}
}
