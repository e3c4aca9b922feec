package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/sqltext"
)

func TestMain(m *testing.M) { os.Exit(server.Main(m)) }

// run executes statements, in which @ stands for the name of the database.
func run(t *testing.T, db *sql.DB, name string, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.Exec(strings.ReplaceAll(s, "@", name)); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// read reads the catalog for tables of a database.
func read(t *testing.T, db *sql.DB, name string, tables ...string) *Catalog {
	t.Helper()
	c, err := Read(context.Background(), db, names(name, tables...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func names(schema string, tables ...string) []Name {
	var out []Name
	for _, table := range tables {
		out = append(out, Name{schema, table})
	}
	return out
}

func TestReadServer(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		c := read(t, s.Open(t, ""), "")
		flavor, least := sqltext.MySQL, 80000
		if s.Flavor == server.FlavorMariaDB {
			flavor, least = sqltext.MariaDB, 100600
		}
		if c.Flavor != flavor || c.Version < least || c.LowerCaseTableNames != 0 || c.Offline() {
			t.Errorf("flavor %v, version %d (%s), lower_case_table_names %d", c.Flavor, c.Version, c.VersionText, c.LowerCaseTableNames)
		}
		if c.MaxAllowedPacket != 64<<20 || !strings.Contains(c.SQLMode, "STRICT_TRANS_TABLES") {
			t.Errorf("max_allowed_packet %d, sql_mode %q", c.MaxAllowedPacket, c.SQLMode)
		}
	})
}

func TestReadColumns(t *testing.T) {
	value := func(s string) *string { return &s }
	tests := []struct {
		ddl  string
		want Column
	}{
		{"INT NOT NULL", Column{DataType: "int", Class: Integer, Precision: 10}},
		{"TINYINT UNSIGNED NOT NULL DEFAULT 7", Column{DataType: "tinyint", Class: Integer, Precision: 3, Unsigned: true, Default: value("7")}},
		{"BIGINT NULL DEFAULT NULL", Column{DataType: "bigint", Class: Integer, Precision: 19, Nullable: true}},
		{"BIGINT NOT NULL DEFAULT 0 INVISIBLE", Column{DataType: "bigint", Class: Integer, Precision: 19, Invisible: true, Default: value("0")}},
		{"DECIMAL(9,2) NOT NULL", Column{DataType: "decimal", Class: Decimal, Precision: 9, Scale: 2}},
		{"DOUBLE NOT NULL", Column{DataType: "double", Class: Float, Precision: 22}},
		{"VARCHAR(20) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL DEFAULT 'it''s'",
			Column{DataType: "varchar", Class: String, Length: 20, Charset: "latin1", Collation: "latin1_bin", Default: value("it's")}},
		{"CHAR(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT ''",
			Column{DataType: "char", Class: String, Length: 36, Charset: "utf8mb4", Collation: "utf8mb4_bin", Default: value("")}},
		{"VARCHAR(9) CHARACTER SET latin1 COLLATE latin1_bin DEFAULT 'NULL'",
			Column{DataType: "varchar", Class: String, Length: 9, Charset: "latin1", Collation: "latin1_bin", Nullable: true, Default: value("NULL")}},
		{"TEXT CHARACTER SET latin1 COLLATE latin1_bin NOT NULL",
			Column{DataType: "text", Class: String, Length: 65535, Charset: "latin1", Collation: "latin1_bin"}},
		{"BINARY(16) NOT NULL", Column{DataType: "binary", Class: Binary, Length: 16}},
		{"LONGBLOB NOT NULL", Column{DataType: "longblob", Class: Binary, Length: 1<<32 - 1}},
		{"DATETIME(6) NOT NULL", Column{DataType: "datetime", Class: Temporal, Fsp: 6}},
		{"DATE NOT NULL DEFAULT '2020-01-01'", Column{DataType: "date", Class: Date, Default: value("2020-01-01")}},
		{"TIME(3) NOT NULL", Column{DataType: "time", Class: Time, Fsp: 3}},
		{"YEAR NOT NULL", Column{DataType: "year", Class: Year}},
		{"ENUM('a','b unsigned') CHARACTER SET latin1 COLLATE latin1_bin NOT NULL DEFAULT 'a'",
			Column{DataType: "enum", Class: Enum, Length: 10, Charset: "latin1", Collation: "latin1_bin", Members: []string{"a", "b unsigned"}, Default: value("a")}},
		{"SET('a','b') CHARACTER SET latin1 COLLATE latin1_bin NOT NULL", Column{DataType: "set", Class: Set, Length: 3, Charset: "latin1", Collation: "latin1_bin", Members: []string{"a", "b"}}},
		{"BIT(5) NOT NULL", Column{DataType: "bit", Class: Bit, Precision: 5}},
		{"POINT NOT NULL", Column{DataType: "point", Class: Other}},
		{"INT AS (1 + 1) STORED", Column{DataType: "int", Class: Integer, Precision: 10, Nullable: true, Generated: true}},
		{"INT AS (1 + 1) VIRTUAL", Column{DataType: "int", Class: Integer, Precision: 10, Nullable: true, Generated: true}},
		{"INT NOT NULL AUTO_INCREMENT, KEY (c)", Column{DataType: "int", Class: Integer, Precision: 10, AutoIncrement: true}},
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		name := s.Database(t)
		db := s.Open(t, name)
		for i, test := range tests {
			run(t, db, name, fmt.Sprintf("CREATE TABLE t%d (x INT, c %s)", i, test.ddl))
		}
		c := read(t, db, name, "t0")
		for i, test := range tests {
			got := c.Table(Name{name, fmt.Sprintf("t%d", i)}).Column("C")
			test.want.Name = "c"
			if !reflect.DeepEqual(*got, test.want) {
				t.Errorf("%s: %s\nwant %s", test.ddl, show(*got), show(test.want))
			}
		}
	})
}

func show(c Column) string {
	value := "none"
	if c.Default != nil {
		value = *c.Default
	}
	c.Default = nil
	return fmt.Sprintf("%+v with default %q", c, value)
}

func TestReadDefaultsThatAreExpressions(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		name := s.Database(t)
		db := s.Open(t, name)
		run(t, db, name, `CREATE TABLE a (u CHAR(36) DEFAULT (UUID()),
			at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6))`)
		a := read(t, db, name, "a").Table(Name{name, "a"})
		for column, want := range map[string]string{"u": "uuid()", "at": "current_timestamp(6)"} {
			c := a.Column(column)
			if c.Default == nil || !strings.EqualFold(*c.Default, want) || !c.DefaultIsExpression {
				t.Errorf("%s: want the expression %s, have %s", column, want, show(*c))
			}
		}
		if at := a.Column("at"); !at.OnUpdateNow || at.Generated || a.Column("u").OnUpdateNow {
			t.Errorf("ON UPDATE: %+v", at)
		}
	})
}

func TestReadKeys(t *testing.T) {
	tests := []struct {
		ddl    string
		key    []string
		unique [][]string
	}{
		{"(a INT)", nil, nil},
		{"(a INT PRIMARY KEY)", []string{"a"}, nil},
		{"(a INT, b INT, PRIMARY KEY (b, a))", []string{"b", "a"}, nil},
		{"(a INT, b INT, c INT NOT NULL, PRIMARY KEY (a), KEY plain (b), UNIQUE two (b, c), UNIQUE aone (c))",
			[]string{"a"}, [][]string{{"c"}, {"b", "c"}}},
		{"(a VARCHAR(20) NOT NULL, UNIQUE prefix (a(5)))", nil, [][]string{{"a"}}},
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		name := s.Database(t)
		db := s.Open(t, name)
		for i, test := range tests {
			run(t, db, name, fmt.Sprintf("CREATE TABLE t%d %s", i, test.ddl))
		}
		if s.Flavor == server.FlavorMySQL {
			run(t, db, name, "CREATE TABLE expression (a INT, b INT, UNIQUE ((a + b)), UNIQUE mixed (a, (b + 1)))")
		}
		c := read(t, db, name, "t0")
		for i, test := range tests {
			got := c.Table(Name{name, fmt.Sprintf("t%d", i)})
			if !reflect.DeepEqual(got.Key, test.key) || !reflect.DeepEqual(got.Unique, test.unique) {
				t.Errorf("%s: key %v unique %v", test.ddl, got.Key, got.Unique)
			}
		}
		if e := c.Table(Name{name, "expression"}); e != nil && len(e.Unique) != 0 {
			t.Errorf("an index over an expression is no key: %v", e.Unique)
		}
	})
}

func TestReadEngines(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		name := s.Database(t)
		db := s.Open(t, name)
		run(t, db, name, "CREATE TABLE a (i INT) ENGINE=InnoDB", "CREATE TABLE b (i INT) ENGINE=MyISAM",
			"CREATE TABLE c (i INT) ENGINE=MEMORY", "CREATE TABLE d (i INT) PARTITION BY HASH (i) PARTITIONS 2")
		c := read(t, db, name, "a")
		for table, want := range map[string]bool{"a": true, "b": false, "c": false, "d": true} {
			if got := c.Table(Name{name, table}); got.Transactional != want {
				t.Errorf("%s: engine %s, transactional %v", table, got.Engine, got.Transactional)
			}
		}
	})
}

func TestReadKnowsOnlyTheSchemasAskedFor(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		one, two := s.Database(t), s.Database(t)
		db := s.Open(t, "")
		run(t, db, one, "CREATE TABLE @.a (i INT)", "CREATE TABLE @.b (i INT)", "CREATE VIEW @.v AS SELECT * FROM @.a")
		run(t, db, two, "CREATE TABLE @.a (i INT)")
		c := read(t, db, one, "a")
		for n, want := range map[Name]bool{{one, "a"}: true, {one, "b"}: true, {one, "v"}: false, {one, "A"}: false, {two, "a"}: false} {
			if got := c.Table(n) != nil; got != want {
				t.Errorf("Table(%s) is there: %v, want %v", n, got, want)
			}
		}
		if v := c.View(Name{one, "v"}); v == nil || !v.Updatable || !strings.Contains(v.Definition, "`a`") {
			t.Errorf("View: %+v", v)
		}
	})
}

func TestReadSystemVersionedTableAndSequence(t *testing.T) {
	s := server.MariaDB(t)
	name := s.Database(t)
	db := s.Open(t, name)
	run(t, db, name, "CREATE TABLE a (i INT PRIMARY KEY) WITH SYSTEM VERSIONING", "CREATE SEQUENCE q")
	c := read(t, db, name, "a", "q")
	if a := c.Table(Name{name, "a"}); a == nil || !reflect.DeepEqual(a.Key, []string{"i"}) {
		t.Errorf("system-versioned table: %+v", a)
	}
	if c.Table(Name{name, "q"}) != nil {
		t.Error("a sequence is not a table")
	}
}

// account makes a user that may do what grants say, which name it by ?.
func account(t *testing.T, db *sql.DB, name string, grants ...string) string {
	t.Helper()
	user := "u" + name[len(name)-8:]
	run(t, db, name, "CREATE USER "+user+" IDENTIFIED BY 'pw'")
	t.Cleanup(func() { run(t, db, name, "DROP USER "+user) })
	for _, g := range grants {
		run(t, db, name, strings.ReplaceAll(g, "?", user))
	}
	return user + ":pw"
}

func TestReadWithoutTheRightToSeeATable(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		name := s.Database(t)
		root := s.Open(t, name)
		run(t, root, name, "CREATE TABLE a (i INT)", "CREATE TABLE b (i INT)")
		db := s.OpenAs(t, account(t, root, name, "GRANT SELECT ON @.a TO ?"), "", "")

		if c := read(t, db, name, "a"); c.Table(Name{name, "a"}) == nil {
			t.Error("the table that may be seen is not there")
		}
		_, err := Read(context.Background(), db, names(name, "a", "b"))
		var denied *PrivilegeError
		if !errors.As(err, &denied) || denied.Privilege != "SELECT" || denied.On != name+".b" {
			t.Errorf("the table that may not be seen: %v", err)
		}
	})
}

func TestUnseenNamesTheMissingPrivilege(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		for _, test := range []struct {
			grants []string
			unseen []string // a part of each line
		}{
			{[]string{"GRANT ALL PRIVILEGES ON *.* TO ?"}, nil},
			{[]string{enough}, nil},
			{[]string{"GRANT SELECT ON *.* TO ?"}, []string{"TRIGGER ON *.*", "SHOW VIEW ON *.*", "EVENT ON *.*"}},
			{[]string{"GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON @.* TO ?"}, []string{"TRIGGER", "SHOW VIEW", "EVENT", "procedures"}},
		} {
			t.Run(strings.Join(test.grants, ";"), func(t *testing.T) {
				name := s.Database(t)
				root := s.Open(t, name)
				run(t, root, name, "CREATE TABLE a (i INT)")
				c := read(t, s.OpenAs(t, account(t, root, name, test.grants...), "", ""), name, "a")
				ok := len(c.Unseen) == len(test.unseen)
				for i := range test.unseen {
					ok = ok && strings.Contains(c.Unseen[i], test.unseen[i])
				}
				if !ok {
					t.Errorf("unseen %q\nwant %q", c.Unseen, test.unseen)
				}
			})
		}
	})
}

func TestUnseenKnowsWhatARoleGives(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		name := s.Database(t)
		root := s.Open(t, name)
		role := "r" + name[len(name)-8:]
		run(t, root, name, "CREATE TABLE a (i INT)", "CREATE ROLE "+role, "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO "+role)
		t.Cleanup(func() { run(t, root, name, "DROP ROLE "+role) })
		user := account(t, root, name, "GRANT "+role+" TO ?",
			map[string]string{server.FlavorMariaDB: "SET DEFAULT ROLE " + role + " FOR ?", server.FlavorMySQL: "SET DEFAULT ROLE " + role + " TO ?"}[s.Flavor])
		if c := read(t, s.OpenAs(t, user, "", ""), name, "a"); len(c.Unseen) != 0 {
			t.Errorf("unseen %q, though the role gives all", c.Unseen)
		}
	})
}

func TestReadEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := server.MariaDB(t)
	if _, err := Read(ctx, s.Open(t, ""), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]int{
		"10.11.6-MariaDB-0+deb12u1":        101106,
		"5.5.5-10.11.6-MariaDB-log":        101106,
		"9.7.0":                            90700,
		"8.0.36-28":                        80036,
		"8.0.mysql_aurora.3.05.2":          80000,
		"11.4.2-MariaDB-ubu2404":           110402,
		"5.5.5-x":                          50505,
		"":                                 0,
		"Percona":                          0,
		"99999999999999999999.1.1-surreal": 0,
	} {
		if got := parseVersion(text); got != want {
			t.Errorf("parseVersion(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestMax(t *testing.T) {
	for _, test := range []struct {
		dataType         string
		signed, unsigned uint64
	}{
		{"tinyint", 127, 255},
		{"smallint", 32767, 65535},
		{"mediumint", 8388607, 16777215},
		{"int", 2147483647, 4294967295},
		{"bigint", 9223372036854775807, 18446744073709551615},
		{"decimal", 0, 0},
		{"varchar", 0, 0},
	} {
		s, u := (&Column{DataType: test.dataType}).Max(), (&Column{DataType: test.dataType, Unsigned: true}).Max()
		if s != test.signed || u != test.unsigned {
			t.Errorf("%s: %d and %d, want %d and %d", test.dataType, s, u, test.signed, test.unsigned)
		}
	}
}

func TestNamesFoldAsTheServerHasIt(t *testing.T) {
	for mode, want := range map[int]bool{0: false, 1: true, 2: true} {
		c := &Catalog{LowerCaseTableNames: mode, tables: map[Name]*Table{}}
		n := Name{"Shop", "Products"}
		c.tables[c.Fold(n)] = &Table{Name: n}
		if c.Table(n) == nil {
			t.Errorf("lower_case_table_names=%d: not found by its own name", mode)
		}
		if got := c.Table(Name{"shop", "PRODUCTS"}) != nil; got != want {
			t.Errorf("lower_case_table_names=%d: found in another case: %v, want %v", mode, got, want)
		}
	}
}

func TestNameString(t *testing.T) {
	for n, want := range map[Name]string{
		{"shop", "products"}: "shop.products",
		{"a.b", "c`d"}:       "`a.b`.`c``d`",
	} {
		if got := n.String(); got != want {
			t.Errorf("%#v: %s, want %s", n, got, want)
		}
	}
}

func TestOfflineKnowsNoTable(t *testing.T) {
	c := Offline(sqltext.MariaDB, 101106)
	n := names("shop", "products")
	if !c.Offline() || c.Table(n[0]) != nil || len(c.Writers(n)) != 0 || len(c.ViewsOf(n)) != 0 || len(c.RoutinesOf(n)) != 0 {
		t.Error("an offline catalog knows something")
	}
	if c.Flavor != sqltext.MariaDB || c.Version != 101106 || c.MaxAllowedPacket != 16<<20 {
		t.Errorf("%+v", c)
	}
}
