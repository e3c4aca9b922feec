package integration

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// What a plan tells of the rows of an INSERT is what the server has stored, in
// every sql_mode. told is whether anything is told at all.
func TestNewRowsAreThoseStored(t *testing.T) {
	tables := []string{
		"num (k INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(10), version BIGINT NOT NULL DEFAULT 1)",
		"tiny (k TINYINT PRIMARY KEY, version TINYINT NOT NULL DEFAULT '7')",
		"uns (k TINYINT UNSIGNED PRIMARY KEY, version INT DEFAULT 3)",
		"chr (k CHAR(5) PRIMARY KEY DEFAULT 'ab', version INT NULL)",
		"vchr (k VARCHAR(5) PRIMARY KEY DEFAULT 'it''s', version INT NOT NULL DEFAULT 1)",
		"bin (k BINARY(3) PRIMARY KEY, version INT NOT NULL DEFAULT 1)",
		"vbin (k VARBINARY(3) PRIMARY KEY, version INT NOT NULL DEFAULT 1)",
		"yr (k YEAR PRIMARY KEY, version INT NOT NULL DEFAULT 1)",
		"inv (k INT PRIMARY KEY, version INT NOT NULL DEFAULT 5 INVISIBLE, name VARCHAR(10))",
		"gen (k INT PRIMARY KEY, twice INT AS (k * 2) STORED, version INT NOT NULL DEFAULT 5)",
		"keyed (k INT PRIMARY KEY, version INT NOT NULL DEFAULT 5)",
		"calm (k INT PRIMARY KEY, n INT, version INT NOT NULL DEFAULT 5)",
		"late (k INT PRIMARY KEY, version INT NOT NULL DEFAULT 5)",
	}
	triggers := []string{
		"CREATE TRIGGER keyed_before BEFORE INSERT ON keyed FOR EACH ROW SET NEW.k = NEW.k + 1000",
		"CREATE TRIGGER calm_before BEFORE INSERT ON calm FOR EACH ROW SET NEW.n = 1, NEW.version = 50",
		"CREATE TRIGGER late_after AFTER INSERT ON late FOR EACH ROW INSERT INTO num (name) VALUES ('from late')",
	}
	statements := []struct {
		sql  string
		told bool
	}{
		{"INSERT INTO num (name) VALUES ('a')", true},
		{"INSERT INTO num VALUES (NULL, 'a', 8)", true},
		{"INSERT INTO num () VALUES ()", true},
		{"INSERT INTO num VALUES ()", true},
		{"INSERT INTO num () VALUES (9, 'a', 2)", true},
		{"INSERT INTO num (k) VALUES (70), (71)", true},
		{"INSERT INTO num (k, name) VALUES (75, LAST_INSERT_ID(99))", true},
		{"INSERT INTO num (name) VALUES (LAST_INSERT_ID())", true},
		{"INSERT INTO num (name) VALUES (LAST_INSERT_ID(99))", false},
		{"INSERT INTO num (k) VALUES (0)", false},
		{"INSERT INTO num (k) VALUES (NULL), (NULL)", false},
		{"INSERT IGNORE INTO num (k) VALUES (90), (90)", false},
		{"INSERT INTO tiny (k) VALUES (-128), (127)", true},
		{"INSERT INTO tiny (k) VALUES ('5')", true},
		{"INSERT INTO tiny (k) VALUES (-129)", false},
		{"INSERT INTO tiny (k) VALUES (128)", false},
		{"INSERT INTO tiny (k) VALUES (1.5)", false},
		{"INSERT INTO tiny (k, version) VALUES (1, 127)", true},
		{"INSERT INTO tiny (k, version) VALUES (1, 128)", true},
		{"INSERT INTO tiny (k, version) VALUES (2, 6), (1, NULL)", true},
		{"INSERT INTO uns (k) VALUES (255)", true},
		{"INSERT INTO uns (k) VALUES (-1)", false},
		{"INSERT INTO uns (k, version) VALUES (1, NULL)", true},
		{"INSERT INTO chr (k) VALUES ('a  ')", true},
		{"INSERT INTO chr () VALUES ()", true},
		{"INSERT INTO chr (k) VALUES (007)", true},
		{"INSERT INTO vchr (k) VALUES ('a  ')", true},
		{"INSERT INTO vchr (k) VALUES (DEFAULT)", true},
		{"INSERT INTO vchr (k) VALUES ('äöüß€')", true},
		{"INSERT INTO vchr (k) VALUES ('abcdef')", false},
		{"INSERT INTO vchr (k) VALUES ('abcde ')", false},
		{"INSERT INTO bin (k) VALUES ('abc')", true},
		{"INSERT INTO bin (k) VALUES ('ab')", false},
		{"INSERT INTO vbin (k) VALUES ('ab')", true},
		{"INSERT INTO vbin (k) VALUES ('abcd')", false},
		{"INSERT INTO yr (k) VALUES (2026), ('1999')", true},
		{"INSERT INTO yr (k) VALUES (26)", false},
		{"INSERT INTO inv VALUES (1, 'a')", true},
		{"INSERT INTO inv (k, version) VALUES (1, 9)", true},
		{"INSERT INTO gen VALUES (1, DEFAULT, 9)", true},
		{"INSERT INTO keyed (k) VALUES (1)", false},
		{"INSERT INTO calm (k, version) VALUES (1, 9)", true},
		{"INSERT INTO late (k) VALUES (1)", true},
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		name := s.Database(t)
		root := s.Open(t, name)
		text := "tables:\n"
		for _, ddl := range tables {
			table, _, _ := strings.Cut(ddl, " ")
			text += fmt.Sprintf("  %s.%s: {version: version}\n", name, table)
			if _, err := root.Exec("CREATE TABLE " + ddl); err != nil {
				t.Fatalf("%s: %v", ddl, err)
			}
		}
		for _, ddl := range triggers {
			if _, err := root.Exec(ddl); err != nil {
				t.Fatalf("%s: %v", ddl, err)
			}
		}
		p, err := policy.Parse("policy.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var names []schema.Name
		for _, pt := range p.Tables {
			names = append(names, schema.Name{Schema: pt.Name.Schema, Name: pt.Name.Table})
		}
		catalog, err := schema.Read(context.Background(), root, names)
		if err != nil {
			t.Fatal(err)
		}
		rules := rewrite.Compile(p, catalog)
		for _, mode := range []string{"STRICT_TRANS_TABLES", "", "NO_AUTO_VALUE_ON_ZERO"} {
			db := s.OpenAs(t, "root", name, "sql_mode=%27"+mode+"%27")
			for _, test := range statements {
				insertAndCompare(t, db, rules, name, test.sql, test.told)
			}
			// DEFAULT is a zero to the servers, which this mode makes a value.
			insertAndCompare(t, db, rules, name, "INSERT INTO num SET k = DEFAULT, name = 'a'", mode != "NO_AUTO_VALUE_ON_ZERO")
		}
	})
}

// insertAndCompare runs an INSERT on an empty table, and holds what it stored
// against what the plan tells.
func insertAndCompare(t *testing.T, db *sql.DB, rules *rewrite.Rules, schema, statement string, want bool) {
	t.Helper()
	_, rest, _ := strings.Cut(statement, "INTO ")
	table := strings.Fields(rest)[0]
	if _, err := db.Exec("DELETE FROM " + table); err != nil {
		t.Fatal(err)
	}
	done, err := db.Exec(statement)
	if err != nil {
		if want {
			var mode string
			_ = db.QueryRow("SELECT @@sql_mode").Scan(&mode)
			if !strings.Contains(mode, "STRICT") {
				t.Errorf("%s: %v", statement, err)
			}
		}
		return // the server says that there is nothing to tell
	}
	affected, _ := done.RowsAffected()
	first, _ := done.LastInsertId()

	var text sqltext.Text
	if err := text.Lex([]byte(statement), &sqltext.Lexis{Flavor: rules.Catalog.Flavor, Version: rules.Catalog.Version}); err != nil {
		t.Fatal(err)
	}
	plan := rules.Plan(&text, text.Statements(nil)[0], rewrite.Env{DB: schema, UTF8: true})
	rows, ok := plan.NewRows(&text, nil, uint64(affected), uint64(first), nil)
	if ok != want {
		t.Errorf("%s: told %t, want %t", statement, ok, want)
	}
	if !ok {
		return
	}
	stored := map[string]string{}
	found, err := db.Query("SELECT k, IFNULL(version, 'NULL') FROM " + table)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = found.Close() }()
	var all []string
	for found.Next() {
		var key, version string
		if err := found.Scan(&key, &version); err != nil {
			t.Fatal(err)
		}
		stored[key] = version
		all = append(all, key)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, r := range rows {
		key := r.Key[0].Text
		if r.Key[0].Kind == rewrite.Integer {
			key = r.Key[0].String()
		}
		told = append(told, key)
		if version := r.Token.Version.String(); r.Foretold && stored[key] != version {
			t.Errorf("%s: version %q of %q, foretold is %q", statement, stored[key], key, version)
		}
	}
	slices.Sort(all)
	slices.Sort(told)
	if !slices.Equal(all, told) {
		t.Errorf("%s: stored %q, told %q", statement, all, told)
	}
}
