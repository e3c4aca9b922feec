package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"ifmatch/integration/server"
)

const observed = "tables: {shop.products: {version: version, mode: observe}}"

// observes is SHOW IFMATCH STATUS with these numbers of conflicts, unread rows,
// refusals and dropped observations.
func observes(conflicts, unread, refused, dropped int) want {
	return func(o outcome) string {
		counts := map[string]string{}
		for _, row := range o.rows {
			name, n, _ := strings.Cut(row, "|")
			counts[name] = n
		}
		got := fmt.Sprintf("%s %s %s %s", counts["observed_conflicts"], counts["observed_unread"], counts["observed_refused"], counts["observe_dropped"])
		if want := fmt.Sprintf("%d %d %d %d", conflicts, unread, refused, dropped); o.err != nil || got != want {
			return fmt.Sprintf("observed %s, error %v; want %s", got, o.err, want)
		}
		return ""
	}
}

// status is a step that asks for the counters.
func status(conflicts, unread, refused, dropped int) step {
	return do("status", "SHOW IFMATCH STATUS", observes(conflicts, unread, refused, dropped))
}

func TestObserve(t *testing.T) {
	const select100 = "SELECT id, name, price FROM products WHERE id=100"
	const write100 = "UPDATE products SET price=1 WHERE id=100"
	const steal100 = "UPDATE products SET price=77 WHERE id=100"
	scenarios := []scenario{
		{name: "a stale write passes and is counted", setup: products, policy: observed, steps: []step{
			do(A, select100, matches("100|pen")),
			do(B, select100, matches("100|pen")),
			do(B, steal100, affects(1)),
			status(0, 0, 0, 0),
			do(A, write100, affects(1)),
			status(1, 0, 0, 0),
			do(A, "SHOW IFMATCH CONFLICT", matches("version|shop.products|id=100|digest=0x")),
			do(direct, "SELECT price, version FROM products WHERE id=100", gives("1|1")),
			do(A, "UPDATE products SET price=2 WHERE id=100", affects(1)),
			status(1, 0, 0, 0),
		}},
		{name: "a stale write, prepared", setup: products, policy: observed, steps: []step{
			do(A, "SELECT id, price FROM products WHERE id=?", matches("100|"), 100),
			do(direct, steal100, affects(1)),
			do(A, "UPDATE products SET price=? WHERE id=?", affects(1), 1, 100),
			do(A, "UPDATE products SET price=? WHERE id=?", affects(1), 2, 100),
			status(1, 0, 0, 0),
		}},
		{name: "a stale write in a text of several statements", setup: products, policy: observed, params: "multiStatements=true", steps: []step{
			do(A, "SELECT 1; "+select100, gives("1")),
			do(direct, steal100, affects(1)),
			do(A, "SET @x=1; "+write100, fine),
			status(1, 0, 0, 0),
		}},
		{name: "a stale delete, and a row that is gone", setup: products, policy: observed, steps: []step{
			do(A, "SELECT * FROM products", fine),
			do(direct, steal100, affects(1)),
			do(direct, "DELETE FROM products WHERE id=101", affects(1)),
			do(A, "DELETE FROM products WHERE id=100", affects(1)),
			status(1, 0, 0, 0),
			do(A, "UPDATE products SET price=1 WHERE id=101", affects(0)),
			status(2, 0, 0, 0),
			do(A, "UPDATE products SET price=1 WHERE id=102", affects(1)),
			status(2, 0, 0, 0),
		}},
		{name: "a key that WHERE names and the answer does not show", setup: products, policy: observed, steps: []step{
			do(A, "SELECT name FROM products WHERE id=100", gives("pen")),
			do(A, "SELECT name FROM products p WHERE p.id=?", fine, 101),
			do(direct, "UPDATE products SET price=77 WHERE id IN (100, 101)", affects(2)),
			do(A, write100, affects(1)),
			do(A, "UPDATE products SET price=1 WHERE id=101", affects(1)),
			status(2, 0, 0, 0),
		}},
		{name: "a row that is read again", setup: products, policy: observed, steps: []step{
			do(A, select100, fine),
			do(direct, steal100, affects(1)),
			do(A, select100, fine),
			do(A, write100, affects(1)),
			status(0, 0, 0, 0),
		}},
		{name: "the client's own condition explains zero rows", setup: products, policy: observed, steps: []step{
			do(A, select100, fine),
			do(direct, steal100, affects(1)),
			do(A, "UPDATE products SET price=1 WHERE id=100 AND in_stock>500", affects(0)),
			status(0, 0, 0, 0),
		}},
		{name: "unread and relative", setup: products, policy: observed, steps: []step{
			do(A, write100, affects(1)),
			status(0, 1, 0, 0),
			do(A, "UPDATE products SET in_stock=in_stock-1 WHERE id=100", affects(1)),
			status(0, 1, 0, 0),
			do(A, select100, fine),
			do(direct, steal100, affects(1)),
			do(A, "UPDATE products SET in_stock=in_stock-1 WHERE id=100", affects(1)),
			status(0, 1, 0, 0),
			do(A, "UPDATE products SET price=5 WHERE id=100", affects(1)),
			status(1, 1, 0, 0),
		}},
		{name: "unread: refuse", setup: products, policy: "tables: {shop.products: {version: version, mode: observe, unread: refuse}}", steps: []step{
			do(A, write100, affects(1)),
			status(0, 1, 0, 0),
			do(A, "SHOW IFMATCH CONFLICT", matches("unread|shop.products|id=100")),
		}},
		{name: "what would have been refused", setup: products, policy: observed, params: "multiStatements=true", steps: []step{
			do(A, "SELECT * FROM products", fine),
			do(A, "UPDATE products SET price=price+1", affects(3)), // several rows are not looked at
			status(0, 0, 0, 1),
			do(A, "REPLACE INTO products (id, name, price, in_stock, version) VALUES (100, 'cap', 5, 5, 1)", affects(2)),
			do(A, "UPDATE products SET price=? WHERE id>?", affects(3), 4, 0),
			status(0, 0, 0, 2),
			do(A, "TRUNCATE products", fine),
			status(0, 0, 1, 2),
			do(direct, "SELECT COUNT(*) FROM products", gives("0")),
		}},
		{name: "what the session has written without being seen is not held against it", setup: products, policy: observed, steps: []step{
			do(A, select100, fine),
			do(A, "UPDATE products SET price=price+1", affects(3)),
			do(A, write100, affects(1)),
			status(0, 0, 0, 2),
		}},
		{name: "in a transaction", setup: products, policy: observed, steps: []step{
			do(A, select100, fine),
			do(direct, steal100, affects(1)),
			do(A, "BEGIN", fine),
			do(A, write100, affects(1)),
			status(1, 0, 0, 0),
			do(A, "UPDATE products SET price=2 WHERE id=100", affects(1)),
			status(1, 0, 0, 0),
			do(A, "COMMIT", fine),
			do(A, "UPDATE products SET price=3 WHERE id=100", affects(1)),
			status(1, 0, 0, 0),
			do(direct, steal100, affects(1)),
			do(A, "UPDATE products SET price=4 WHERE id=100", affects(1)),
			status(2, 0, 0, 0),
		}},
		{name: "rollback takes back what was written", setup: products, policy: observed, steps: []step{
			do(A, select100, fine),
			do(A, "BEGIN", fine),
			do(A, write100, affects(1)),
			do(A, "ROLLBACK", fine),
			do(direct, steal100, affects(1)),
			do(A, "UPDATE products SET price=4 WHERE id=100", affects(1)),
			status(1, 0, 0, 0),
		}},
		{name: "rollback to a savepoint", setup: products, policy: observed, steps: []step{
			do(A, "SELECT id, price FROM products", fine),
			do(A, "BEGIN", fine),
			do(A, write100, affects(1)),
			do(A, "SAVEPOINT s", fine),
			do(A, "UPDATE products SET price=1 WHERE id=101", affects(1)),
			do(A, "ROLLBACK TO s", fine),
			do(A, "COMMIT", fine),
			do(direct, "UPDATE products SET price=9 WHERE id=101", affects(1)),
			do(A, "UPDATE products SET price=2 WHERE id=100", affects(1)),
			status(0, 0, 0, 0),
			do(A, "UPDATE products SET price=2 WHERE id=101", affects(1)),
			status(1, 0, 0, 0),
		}},
		{name: "autocommit off, and prepared COMMIT", setup: products, policy: observed, steps: []step{
			do(A, "SET autocommit=0", fine),
			do(A, select100, fine),
			do(A, write100, affects(1)),
			do(A, "COMMIT", fine),
			do(A, "UPDATE products SET price=2 WHERE id=100", affects(1)),
			do(A, "COMMIT", fine),
			status(0, 0, 0, 0),
			do(direct, steal100, affects(1)),
			do(A, "UPDATE products SET price=3 WHERE id=100", affects(1)),
			do(A, "COMMIT", fine),
			status(1, 0, 0, 0),
		}},
		{name: "an inserted row counts as read", setup: products, policy: observed, steps: []step{
			do(A, "INSERT INTO products (id, name, price, in_stock) VALUES (200, 'cap', 1, 1), (201, 'mug', 1, 1)", affects(2)),
			do(A, "INSERT INTO products (id, name, price, in_stock) VALUES (?, ?, 1, 1)", affects(1), 202, "tea"),
			do(A, "UPDATE products SET price=2 WHERE id=200", affects(1)),
			do(direct, "UPDATE products SET price=3 WHERE id IN (201, 202)", affects(2)),
			do(A, "UPDATE products SET price=2 WHERE id=201", affects(1)),
			do(A, "UPDATE products SET price=2 WHERE id=202", affects(1)),
			status(2, 0, 0, 0),
		}},
		{name: "a row whose key changes", setup: products, policy: observed, steps: []step{
			do(A, select100, fine),
			do(A, "UPDATE products SET id=300 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=1 WHERE id=300", affects(1)),
			status(0, 0, 0, 0),
			do(direct, "UPDATE products SET price=3 WHERE id=300", affects(1)),
			do(A, "UPDATE products SET price=1 WHERE id=300", affects(1)),
			status(1, 0, 0, 0),
		}},
		{name: "hint, own WHERE and version in SET", setup: products, policy: observed, steps: []step{
			do(A, "UPDATE /* ifmatch: version=1 */ products SET price=1 WHERE id=100", affects(1)),
			status(0, 0, 0, 0),
			do(A, "UPDATE /* ifmatch: version=9 */ products SET price=2 WHERE id=100", affects(1)),
			status(1, 0, 0, 0),
			do(A, "SHOW IFMATCH CONFLICT", matches("version|shop.products|id=100|version=9|version=1|observed")),
			do(A, "UPDATE products SET price=1 WHERE id=100 AND version=9", affects(0)),
			status(2, 0, 0, 0),
			do(A, "UPDATE products SET price=1, version=2 WHERE id=? AND version=?", affects(1), 100, 1),
			status(2, 0, 0, 0),
			do(A, "UPDATE products SET price=1, version=1 WHERE id=101", affects(1)),
			do(A, "UPDATE products SET price=1, version=7 WHERE id=101", affects(1)),
			status(3, 0, 0, 0),
			do(A, "UPDATE /* ifmatch: version=1 */ products SET price=1 WHERE id=999", affects(0)),
			status(4, 0, 0, 0),
		}},
		{name: "settings are as in enforce", setup: products, policy: "tables: {shop.products: {version: version, mode: observe, missing: conflict, own_version: pass, relative: guard, ignore: [name]}}", steps: []step{
			do(A, "UPDATE products SET price=1 WHERE id=100 AND version=9", affects(0)),
			status(0, 0, 0, 0),
			do(A, "UPDATE products SET price=1 WHERE id=999", affects(0)),
			status(1, 1, 0, 0),
			do(A, select100, fine),
			do(direct, "UPDATE products SET name='quill' WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
			status(1, 1, 0, 0),
			do(direct, steal100, affects(1)),
			do(A, "UPDATE products SET in_stock=in_stock-1 WHERE id=100", affects(1)),
			status(2, 1, 0, 0),
		}},
		{name: "what the session asks the server stays its own", setup: products, policy: observed, steps: []step{
			do(A, "SELECT SQL_CALC_FOUND_ROWS id FROM products LIMIT 1", gives("100")),
			do(A, "SELECT FOUND_ROWS()", gives("3")),
			do(A, write100, affects(1)),
			do(A, "SELECT ROW_COUNT()", gives("1")),
			do(A, "UPDATE IGNORE products SET price='7x' WHERE id=100", affects(1)),
			do(A, "SHOW WARNINGS", matches("Warning|1265|")),
			do(A, "PREPARE q FROM 'UPDATE products SET price=6 WHERE id=101'", fine),
			do(A, "EXECUTE q", affects(1)),
			do(direct, "SELECT price, version FROM products WHERE id=101", gives("6|1")),
		}},
		{name: "an account that observes", setup: products, policy: "accounts: {root: observe}\ntables: {shop.products: {version: version}}", steps: []step{
			do(A, select100, fine),
			do(direct, steal100, affects(1)),
			do(A, write100, affects(1)),
			do(A, "UPDATE products SET price=1", fine),
			status(1, 0, 0, 1),
			do(direct, "SELECT price, version FROM products WHERE id=100", gives("1|1")),
		}},
		{name: "one table is observed and another enforced", setup: products + "; CREATE TABLE orders (id INT PRIMARY KEY, n INT, version INT NOT NULL DEFAULT 1); INSERT INTO orders VALUES (1, 1, 1)",
			policy: "tables: {shop.products: {version: version, mode: observe}, shop.orders: {version: version}}", steps: []step{
				do(A, "SELECT p.id, o.n FROM products p JOIN orders o ON o.id = p.id - 99 WHERE p.id=100", gives("100|1")),
				do(direct, steal100, affects(1)),
				do(direct, "UPDATE orders SET n=2, version=2 WHERE id=1", affects(1)),
				do(A, write100, affects(1)),
				status(1, 0, 0, 0),
				do(A, "UPDATE products p, orders o SET p.price=1, o.n=1 WHERE p.id=100 AND o.id=1", conflict("on shop.orders id=1: expected version=1, found version=2")),
				do(A, "UPDATE orders SET n=3 WHERE id=1", conflict("expected version=1, found version=2")),
				status(1, 0, 0, 0),
			}},
		{name: "a form over two connections", setup: products, policy: "tables: {shop.products: {version: version, mode: observe, scope: context}}", steps: []step{
			do(A, "SET @ifmatch_context = 'user-42'", fine),
			do(A, select100, fine),
			do(direct, steal100, affects(1)),
			do(B, "SET @ifmatch_context = 'user-42'", fine),
			do(B, select100, fine),
			do(B, write100, affects(1)),
			status(1, 0, 0, 0),
			do(B, "SET @ifmatch_context = 'user-42'", fine),
			do(B, "UPDATE products SET price=2 WHERE id=100", affects(1)),
			status(1, 0, 0, 0),
		}},
		{name: "disclose: false", setup: products, policy: "tables: {shop.products: {version: version, mode: observe, disclose: false}}", steps: []step{
			do(A, "UPDATE /* ifmatch: version=9 */ products SET price=1 WHERE id=100", affects(1)),
			do(A, "SHOW IFMATCH CONFLICT", matches("version|shop.products|id=100|version=9|NULL|observed")),
		}},
		{name: "prepared at SQL level", setup: products, policy: observed, steps: []step{
			do(A, "SET @s = 'UPDATE products SET price=8 WHERE id=101'", fine),
			do(A, "PREPARE q FROM @s", fine),
			do(A, "EXECUTE q", affects(1)),
			do(A, "PREPARE r FROM 'UPDATE products SET price=9 WHERE id=101'", fine),
			do(A, "EXECUTE r", affects(1)),
			status(0, 0, 1, 1), // one could not be judged; the other would be guarded
		}},
		{name: "what cannot be read", setup: products, policy: observed, steps: []step{
			do(A, "UPDATE products SET name='x WHERE id=100", fails(1064, "42000")),
			do(A, "SET @ifmatch = CONCAT('version=', 1)", fine),
			do(A, "BEGIN NOT ATOMIC UPDATE products SET price=4; END", func(outcome) string { return "" }),
			do(A, "SELECT 1", gives("1")),
		}},
		{name: "READ UNCOMMITTED is not remembered, and not asked for", setup: products, policy: observed, steps: []step{
			do(A, "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED", fine),
			do(A, select100, fine),
			do(A, write100, affects(1)),
			status(0, 0, 0, 0),
		}},
		{name: "a table with a digest", setup: products, policy: "tables: {shop.products: {version: {digest: [price]}, mode: observe}}", steps: []step{
			do(A, select100, fine),
			do(direct, "UPDATE products SET name='quill' WHERE id=100", affects(1)),
			do(A, write100, affects(1)),
			status(0, 0, 0, 0),
			do(direct, steal100, affects(1)),
			do(A, write100, affects(1)),
			status(1, 0, 0, 0),
		}},
	}
	for i := range scenarios {
		scenarios[i].flags = patient
	}
	play(t, scenarios)
}

// patient is a proxy that waits for what it reads beside a statement: these tests
// are not to fail where the machine is slow.
var patient = []string{"--observe-wait", "30s"}

// TestObserveReports holds metrics and log against what was observed.
func TestObserveReports(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := s.Open(t, shop)
		for _, q := range statements(products) {
			if _, err := db.Exec(q); err != nil {
				t.Fatal(err)
			}
		}
		p := start(t, s, strings.ReplaceAll(observed, "shop", shop), patient...)
		a := session(t, p.server(s), "root", shop, "")
		for _, q := range []string{"SELECT id, price FROM products", "UPDATE products SET price=1 WHERE id=100", "UPDATE products SET price=424242 WHERE id=100"} {
			if o := run(a, q, shop); o.err != nil {
				t.Fatal(o.err)
			}
			if _, err := db.Exec("UPDATE products SET price=price+1000 WHERE id=100"); err != nil {
				t.Fatal(err)
			}
		}
		for _, q := range []string{"UPDATE products SET price=2 WHERE id>0", "TRUNCATE products"} {
			if o := run(a, q, shop); o.err != nil {
				t.Fatal(o.err)
			}
		}
		metrics := get(t, "http://"+p.Admin+"/metrics")
		for _, line := range []string{
			`ifmatch_conflicts_total{kind="version",mode="observe",table="` + shop + `.products"} 2`,
			`ifmatch_refused_total{mode="observe",reason="statement"} 1`,
		} {
			if !contains(metrics, line) {
				t.Errorf("metrics lack %s\n%s", line, metrics)
			}
		}
		if !strings.Contains(metrics, `ifmatch_statements_total{table="`+shop+`.products",verdict="observe"}`) {
			t.Errorf("metrics do not count statements as observed:\n%s", metrics)
		}
		var entry struct{ Msg, Kind, Table, Key, Expected, Found, Shape, User, Mode string }
		found := false
		for _, line := range p.Log.Lines() {
			if json.Unmarshal(line, &entry) == nil && entry.Msg == "would have been a conflict" && entry.Kind == "version" {
				found = true
				if entry.Key != "id=100" || entry.Mode != "observe" || entry.User != "root" || !strings.HasPrefix(entry.Expected, "digest=0x") ||
					!strings.HasPrefix(entry.Found, "digest=0x") || !strings.Contains(entry.Shape, "UPDATE") {
					t.Errorf("logged %s", line)
				}
			}
		}
		if !found || p.Log.Count("424242") > 0 {
			t.Errorf("logged conflicts: %t; constants: %d\n%s", found, p.Log.Count("424242"), p.Log)
		}
	})
}

// TestObserveSendsWhatCame holds what the server has seen of a session against
// what its client has sent.
func TestObserveSendsWhatCame(t *testing.T) {
	sent := []string{
		"SELECT CONNECTION_ID()",
		"SELECT name FROM products WHERE id=100",
		"UPDATE products SET price = 1 /* a comment */ WHERE id=100",
		"SELECT p.*, 'x' FROM `products` AS p ORDER BY price LIMIT 2",
		"SELECT DISTINCT name FROM products",
		`UPDATE products SET name = "double" WHERE id=101 AND version=1`,
		"UPDATE /* ifmatch: version=9 */ products SET price=3 WHERE id=101",
		"UPDATE products SET price=price+1 WHERE price>2",
		"INSERT INTO products (id, name, price, in_stock) VALUES (200, 'cap', 1, 1)",
		"BEGIN",
		"UPDATE products SET price=4 WHERE id=200",
		"DELETE FROM products WHERE id=102",
		"SAVEPOINT s",
		"ROLLBACK TO s",
		"COMMIT",
		"SET @s = 'UPDATE products SET price=8 WHERE id=101'",
		"REPLACE INTO products (id, name) VALUES (100, 'pen')",
		"SHOW WARNINGS",
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := s.Open(t, shop)
		for _, q := range statements(products) {
			if _, err := db.Exec(q); err != nil {
				t.Fatal(err)
			}
		}
		p := start(t, s, strings.ReplaceAll(observed, "shop", shop), patient...)
		a := session(t, p.server(s), "root", shop, "")
		admin := session(t, s, "root", shop, "")
		set := func(q string) {
			if o := run(admin, q, shop); o.err != nil {
				t.Fatal(o.err)
			}
		}
		set("SET GLOBAL log_output = 'TABLE'")
		set("SET GLOBAL general_log = 1")
		t.Cleanup(func() {
			db.Exec("SET GLOBAL general_log = 0")
			db.Exec("SET GLOBAL log_output = 'FILE'")
			db.Exec("TRUNCATE mysql.general_log")
		})
		id := ""
		for _, q := range sent {
			o := run(a, q, shop)
			if o.err != nil {
				t.Fatalf("%s: %v", q, o.err)
			}
			if id == "" {
				id = o.rows[0]
			}
		}
		if o := run(a, "UPDATE products SET price=? WHERE id=?", shop, 5, 200); o.err != nil {
			t.Fatal(o.err)
		}
		want := strings.Join(append(sent, "UPDATE products SET price=? WHERE id=?"), "\n")
		got := ""
		if !await(func() bool {
			o := run(admin, "SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log WHERE command_type IN ('Query', 'Prepare') AND thread_id="+id+" ORDER BY event_time", shop)
			got = strings.Join(o.rows, "\n")
			return got == want
		}) {
			t.Errorf("the server has seen\n%s\nwant\n%s", got, want)
		}
		if o := run(admin, "SELECT COUNT(*) FROM products WHERE version <> 1", shop); gives("0")(o) != "" {
			t.Errorf("versions have changed: %q %v", o.rows, o.err)
		}
		o := run(a, "SHOW IFMATCH STATUS", shop)
		if wrong := observes(1, 1, 0, 2)(o); wrong != "" {
			t.Error(wrong)
		}
	})
}

// TestObserveWithoutSight has a service account that may not read rows: what cannot
// be seen is counted, and no client is the worse for it.
func TestObserveWithoutSight(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := s.Open(t, shop)
		account := "blind_" + shop
		for _, q := range append(statements(products), "CREATE USER "+account, "GRANT INSERT, TRIGGER, EVENT, SHOW VIEW ON "+shop+".* TO "+account) {
			if _, err := db.Exec(q); err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() { db.Exec("DROP USER " + account) })
		p := start(t, s, strings.ReplaceAll(observed, "shop", shop), "--service-user", account)
		a := session(t, p.server(s), "root", shop, "")
		for _, q := range []string{"SELECT id, name FROM products", "UPDATE products SET price=1 WHERE id=100", "UPDATE products SET price=2 WHERE id=100"} {
			if o := run(a, q, shop); o.err != nil {
				t.Fatal(o.err)
			}
		}
		metrics := get(t, "http://"+p.Admin+"/metrics")
		if contains(metrics, "ifmatch_observe_dropped_total 0") || strings.Contains(metrics, `ifmatch_conflicts_total{`) {
			t.Errorf("metrics after what could not be seen:\n%s", metrics)
		}
	})
}

// TestObserveWantsTheServiceAccount starts proxies that have none.
func TestObserveWantsTheServiceAccount(t *testing.T) {
	s := server.MariaDB(t)
	for policy, at := range map[string]string{
		"tables: {shop.products: {key: [id], version: version, mode: observe}}":              "policy.yaml:1:55: ",
		"accounts: {batch: observe}\ntables: {shop.products: {key: [id], version: version}}": "policy.yaml:1:12: ",
		"defaults: {mode: observe}\ntables: {shop.products: {key: [id], version: version}}":  "policy.yaml:1:12: ",
	} {
		p := launch(t, s, policy, "--service-user", "")
		if code := p.wait(t); code != 2 || !strings.Contains(p.Log.String(), at+"mode: observe needs a service account") {
			t.Errorf("%s: exit code %d, log %s; want %s", policy, code, p.Log, at)
		}
	}
}
