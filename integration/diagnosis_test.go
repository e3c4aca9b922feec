package integration

import (
	"fmt"
	"testing"

	"ifmatch/integration/server"
)

// What a successful write leaves in its session must be what it leaves there
// without the proxy.
func TestSessionFunctionsAreThoseOfTheSameRunDirectly(t *testing.T) {
	const setup = `CREATE TABLE t(id INT AUTO_INCREMENT PRIMARY KEY, n INT, s VARCHAR(3), v INT NOT NULL DEFAULT 1);
		INSERT INTO t(n) VALUES (1), (2), (3)`
	texts := []string{
		"INSERT INTO t(n) VALUES (4)",
		"SELECT LAST_INSERT_ID(), ROW_COUNT()",
		"UPDATE t SET n=10 WHERE id=1",
		"SELECT ROW_COUNT(), LAST_INSERT_ID()",
		"SELECT * FROM t LIMIT 2",
		"UPDATE t SET n=11 WHERE id=1",
		"SELECT FOUND_ROWS()",
		"UPDATE t SET n=12 WHERE id=999",
		"SELECT ROW_COUNT(), LAST_INSERT_ID()",
		"UPDATE t SET n=13 WHERE id=1 AND n=999",
		"SELECT ROW_COUNT()",
		"SHOW WARNINGS",
		"UPDATE t SET n=LAST_INSERT_ID(77) WHERE id=1",
		"SELECT LAST_INSERT_ID(), ROW_COUNT()",
		"SET sql_mode=''",
		"UPDATE t SET s='abcdef' WHERE id=1",
		"SHOW WARNINGS",
		"SHOW COUNT(*) WARNINGS",
		"UPDATE t SET s='xyzzy' WHERE id=2",
		"SELECT @@warning_count, @@error_count",
		"DELETE FROM t WHERE id=2",
		"SELECT ROW_COUNT()",
		"DELETE FROM t WHERE id=2",
		"SELECT ROW_COUNT()",
		"INSERT INTO t(id, n) VALUES (1, 1)",
		"SHOW ERRORS",
		"SELECT ROW_COUNT()",
		"UPDATE t SET nosuch=1 WHERE id=1",
		"SHOW WARNINGS",
		"SELECT DATABASE() IS NOT NULL, @@autocommit, @@sql_mode",
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		for _, params := range []string{"", "clientFoundRows=true"} {
			t.Run(params, func(t *testing.T) {
				var outcomes [2][]string
				for i := range outcomes {
					shop := s.Database(t)
					db := session(t, s, "root", shop, "")
					for _, q := range statements(setup) {
						execute(t, db, q)
					}
					to := s
					if i == 1 {
						to = start(t, s, "tables: {"+shop+".t: {version: v}}").server(s)
					}
					conn := session(t, to, "root", shop, params)
					for _, q := range texts {
						o := run(conn, q, shop)
						if q == "SELECT * FROM t LIMIT 2" {
							o.rows = nil // the version may differ, of course
						}
						outcomes[i] = append(outcomes[i], fmt.Sprintf("affected %d, id %d, columns %q, rows %q, error %v", o.affected, o.insertID, o.columns, o.rows, o.err))
					}
				}
				for i, q := range texts {
					if outcomes[0][i] != outcomes[1][i] {
						t.Errorf("%s\n  directly: %s\n  proxied:  %s", q, outcomes[0][i], outcomes[1][i])
					}
				}
			})
		}
	})
}

func TestAfterAConflict(t *testing.T) {
	const text = "ifmatch: version conflict on shop.products id=100: expected version=7, found version=1"
	stale := do(A, "UPDATE /* ifmatch: version=7 */ products SET price=1 WHERE id=100", conflict(text))
	play(t, []scenario{
		{name: "SHOW WARNINGS and its like give the error until the next statement", setup: products, policy: byVersion, steps: []step{
			stale,
			do(A, "SHOW WARNINGS", gives("Error|1020|"+text)),
			do(A, "SHOW ERRORS", gives("Error|1020|"+text)),
			do(A, "SHOW COUNT(*) WARNINGS", gives("1")),
			do(A, "SHOW COUNT(*) ERRORS", gives("1")),
			do(A, "SHOW WARNINGS", gives("Error|1020|"+text)),
			do(A, "SELECT 1", gives("1")),
			do(A, "SHOW WARNINGS", gives()),
		}},
		{name: "SHOW IFMATCH CONFLICT gives it until the session ends", setup: products, policy: byVersion, steps: []step{
			do(A, "SHOW IFMATCH CONFLICT", gives()),
			stale,
			do(A, "SELECT 1", gives("1")),
			do(A, "SHOW IFMATCH CONFLICT", named("kind", "table", "key", "expected", "found", "reason", "statement")),
			do(A, "SHOW IFMATCH CONFLICT", matches("version", "shop.products", "id=100", "version=7", "version=1")),
			do(B, "SHOW IFMATCH CONFLICT", gives()),
		}},
		{name: "SHOW IFMATCH POLICY and STATUS", setup: products, policy: byVersion, steps: []step{
			stale,
			do(A, "SHOW IFMATCH POLICY", matches("shop.products", "id", "version (increment)", "enforce", "session", "hidden", "allow", "pass", "bump", "doom", "pass", "conflict")),
			do(A, "show ifmatch status", named("name", "value")),
			do(A, "SHOW IFMATCH NONSENSE", fails(1064, "42000", "CONFLICT")),
		}},
		{name: "the session goes on", setup: products, policy: byVersion, steps: []step{
			stale,
			do(A, "UPDATE /* ifmatch: version=1 */ products SET price=1 WHERE id=100", affects(1)),
			stale2(A),
			do(A, "SELECT price FROM products WHERE id=?", gives("1"), 100),
			do(A, "INSERT INTO products(id) VALUES (7)", affects(1)),
			do(A, "SELECT COUNT(*) FROM products", gives("4")),
		}},
	})
}

func stale2(on string) step {
	return do(on, "UPDATE products SET price=? WHERE id=? AND version=?", conflict("expected version=1, found version=2"), 5, 100, 1)
}

func TestConflictsAreCounted(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := session(t, s, "root", shop, "")
		for _, q := range statements(products) {
			execute(t, db, q)
		}
		p := start(t, s, "tables: {"+shop+".products: {version: version}}")
		app := session(t, p.server(s), "root", shop, "")
		for range 3 {
			if wrong := conflict()(run(app, "UPDATE /* ifmatch: version=7 */ products SET name='s3cret' WHERE id=100", shop)); wrong != "" {
				t.Fatal(wrong)
			}
		}
		run(app, "TRUNCATE products /* s3cret */", shop)
		metrics := get(t, "http://"+p.Admin+"/metrics")
		for _, line := range []string{
			fmt.Sprintf(`ifmatch_conflicts_total{kind="version",table="%s.products"} 3`, shop),
			fmt.Sprintf(`ifmatch_statements_total{table="%s.products",verdict="guard"} 3`, shop),
			fmt.Sprintf(`ifmatch_statements_total{table="%s.products",verdict="refuse"} 1`, shop),
			"ifmatch_sessions 1",
			"ifmatch_policy_last_reload_successful 1",
		} {
			if !contains(metrics, line) {
				t.Errorf("no line %q in the metrics", line)
			}
		}
		if p.Log.Count("s3cret") > 0 {
			t.Error("a constant of a statement is in the log")
		}
		for _, path := range []string{"/healthz", "/readyz"} {
			get(t, "http://"+p.Admin+path)
		}
	})
}
