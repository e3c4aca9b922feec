package integration

import (
	"testing"

	"ifmatch/integration/server"
)

const drafts = `
CREATE TABLE products(id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50) UNIQUE, price INT DEFAULT 5,
  version BIGINT UNSIGNED NOT NULL DEFAULT (FLOOR(1000 + 0)) INVISIBLE);
INSERT INTO products(id, name, price) VALUES (100, 'pen', 99)`

// What MariaDB returns of the rows of an INSERT counts as read.
func TestReturning(t *testing.T) {
	stale := do(direct, "UPDATE products SET price=price+1, version=version+1", fine)
	var scenarios []scenario
	for _, c := range []struct {
		name, insert, row string
		columns           []string
		args              []any
	}{
		{"the key", "INSERT INTO products(name) VALUES ('ink') RETURNING id", "101", []string{"id"}, nil},
		{"as a parameter", "INSERT INTO products(name) VALUES (?) RETURNING id, ? AS x", "101|5", []string{"id", "x"}, []any{"ink", 5}},
		{"all columns", "INSERT INTO products SET name='ink' RETURNING *", "101|ink|5", []string{"id", "name", "price"}, nil},
		{"all columns, prepared", "INSERT INTO products SET name=? RETURNING *", "101|ink|5", []string{"id", "name", "price"}, []any{"ink"}},
		{"an expression", "INSERT INTO shop.products(name) VALUES ('ink') RETURNING CONCAT(name, price) AS c", "ink5", []string{"c"}, nil},
		{"another column under the key's name", "INSERT INTO products(name) VALUES ('ink') RETURNING name AS id", "ink", []string{"id"}, nil},
	} {
		insert := do(A, c.insert, nil, c.args...)
		insert.want = func(o outcome) string {
			if wrong := named(c.columns...)(o); wrong != "" {
				return wrong
			}
			return gives(c.row)(o)
		}
		scenarios = append(scenarios,
			scenario{name: c.name, only: server.FlavorMariaDB, setup: drafts, policy: byVersion, steps: []step{
				insert,
				do(A, "UPDATE products SET price=1 WHERE id=101", affects(1)),
				stale,
				do(A, "UPDATE products SET price=2 WHERE id=101", conflict("id=101: expected version=1001, found version=1002")),
			}},
			scenario{name: c.name + ", changed before it is saved", only: server.FlavorMariaDB, setup: drafts, policy: byVersion, steps: []step{
				insert,
				stale,
				do(A, "UPDATE products SET price=2 WHERE id=101", conflict("id=101: expected version=1000, found version=1001")),
			}},
			scenario{name: c.name + ", in a transaction", only: server.FlavorMariaDB, setup: drafts, policy: byVersion, steps: []step{
				do(A, "SET autocommit=0", fine),
				insert,
				do(A, "COMMIT", fine),
				stale,
				do(A, "UPDATE products SET price=2 WHERE id=101", conflict("id=101: expected version=1000, found version=1001")),
			}},
			scenario{name: c.name + ", rolled back", only: server.FlavorMariaDB, setup: drafts, policy: byVersion, steps: []step{
				do(A, "BEGIN", fine),
				insert,
				do(A, "ROLLBACK", fine),
				do(A, "UPDATE products SET price=2 WHERE id=101", affects(0)),
				do(direct, "INSERT INTO products(id, name) VALUES (101, 'cap')", affects(1)),
				do(A, "UPDATE products SET price=2 WHERE id=101", affects(1)),
			}})
	}
	play(t, append(scenarios,
		scenario{name: "several rows", only: server.FlavorMariaDB, setup: drafts, policy: byVersion, steps: []step{
			do(A, "INSERT INTO products(name) VALUES ('ink'), ('cap') RETURNING name", gives("ink", "cap")),
			stale,
			do(A, "UPDATE products SET price=2 WHERE id=101", conflict("id=101: expected version=1000, found version=1001")),
			do(A, "UPDATE products SET price=2 WHERE id=102", conflict("id=102: expected version=1000, found version=1001")),
			do(A, "UPDATE products SET price=2 WHERE id=100", affects(1)),
		}},
		scenario{name: "prepared by SQL", only: server.FlavorMariaDB, setup: drafts, policy: byVersion, steps: []step{
			do(A, "PREPARE p FROM 'INSERT INTO products(name) VALUES (?) RETURNING id'", fine),
			do(A, "SET @name = 'ink'", fine),
			do(A, "EXECUTE p USING @name /* RETURNING id */", gives("101")),
			do(A, "EXECUTE IMMEDIATE 'INSERT INTO products(name) VALUES (\"cap\") RETURNING id'", gives("102")),
			stale,
			do(A, "UPDATE products SET price=2 WHERE id=101", conflict("id=101: expected version=1000, found version=1001")),
			do(A, "UPDATE products SET price=2 WHERE id=102", conflict("id=102: expected version=1000, found version=1001")),
		}},
		// The server has returned the first row when it finds that the second
		// cannot be stored.
		scenario{name: "a row that fails", only: server.FlavorMariaDB, setup: drafts, policy: byVersion, steps: []step{
			do(A, "INSERT INTO products(id, name) VALUES (200, 'ink'), (201, 'pen') RETURNING id", fails(1062, "23000", "pen")),
			do(A, "UPDATE products SET price=2 WHERE id=200", affects(0)),
			do(direct, "INSERT INTO products(id, name) VALUES (200, 'cap')", affects(1)),
			do(A, "UPDATE products SET price=2 WHERE id=200", affects(1)),
		}},
		scenario{name: "a row that is left out", only: server.FlavorMariaDB, setup: drafts, policy: byVersion, steps: []step{
			do(A, "SELECT * FROM products WHERE id=100", gives("100|pen|99")),
			stale,
			do(A, "INSERT IGNORE INTO products(id, name) VALUES (100, 'cap'), (101, 'ink') RETURNING id", gives("101")),
			do(A, "UPDATE products SET price=2 WHERE id=100", conflict("id=100: expected version=1000, found version=1001")),
			do(A, "UPDATE products SET price=2 WHERE id=101", affects(1)),
		}},
		scenario{name: "a trigger has the last word", only: server.FlavorMariaDB,
			setup: drafts + "; CREATE TRIGGER dear BEFORE INSERT ON products FOR EACH ROW SET NEW.version=NEW.version+7, NEW.price=8", policy: byVersion, steps: []step{
				do(A, "INSERT INTO products(name) VALUES ('ink') RETURNING price", gives("8")),
				stale,
				do(A, "UPDATE products SET price=2 WHERE id=101", conflict("id=101: expected version=1007, found version=1008")),
			}},
		scenario{name: "a column that does not exist is the server's own error", only: server.FlavorMariaDB, setup: drafts, policy: byVersion, steps: []step{
			do(A, "INSERT INTO products(name) VALUES ('ink') RETURNING colour", hides(1054, "42S22", "ifmatch", "colour")),
			do(A, "INSERT INTO products(name) VALUES ('ink') RETURNING id FROM products", hides(1064, "42000", "ifmatch")),
			do(A, "INSERT INTO products(name) VALUES (?) RETURNING id FROM products", hides(1064, "42000", "ifmatch"), "ink"),
			do(A, "INSERT INTO products(name) VALUES ('ink') RETURNING id", fine),
			do(direct, "SELECT COUNT(*) FROM products", gives("2")),
		}},
		scenario{name: "a server that has no such thing", only: server.FlavorMySQL, setup: drafts, policy: byVersion, steps: []step{
			do(A, "INSERT INTO products(name) VALUES ('ink') RETURNING id", hides(1064, "42000", "ifmatch")),
			do(A, "INSERT INTO products(name) VALUES (?) RETURNING id", hides(1064, "42000", "ifmatch"), "ink"),
		}},
	))
}

// An account that may not read the version inserts as ever.
func TestReturningWithoutThePrivilege(t *testing.T) {
	s := server.MariaDB(t)
	shop, p := shopOf(t, s, drafts, byVersion)
	root := session(t, s, "root", "", "")
	execute(t, root, "DROP USER IF EXISTS drafter@'%'")
	execute(t, root, "CREATE USER drafter@'%'")
	t.Cleanup(func() { s.Open(t, "").Exec("DROP USER drafter@'%'") })
	execute(t, root, "GRANT INSERT, SELECT (id, name, price), UPDATE ON "+shop+".products TO drafter@'%'")
	app := session(t, p.server(s), "drafter", shop, "")
	for i, c := range []struct {
		insert, row string
		args        []any
	}{
		{"INSERT INTO products(name) VALUES ('ink') RETURNING id", "101", nil},
		{"INSERT INTO products(name) VALUES (?) RETURNING id, name", "102|cap", []any{"cap"}},
	} {
		if wrong := gives(c.row)(run(app, c.insert, shop, c.args...)); wrong != "" {
			t.Errorf("%s: %s", c.insert, wrong)
		}
		var n int
		if err := root.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+shop+".products").Scan(&n); err != nil || n != i+2 {
			t.Errorf("%d rows, error %v", n, err)
		}
	}
}
