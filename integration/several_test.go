package integration

import (
	"testing"
)

// stockroom is a table of three rows, and one that points at them.
const stockroom = `
CREATE TABLE stock(id INT PRIMARY KEY, n INT, kind VARCHAR(10) NOT NULL DEFAULT 'a', code VARCHAR(10) UNIQUE, version BIGINT UNSIGNED NOT NULL DEFAULT 1);
INSERT INTO stock(id, n, code) VALUES (1, 10, 'x'), (2, 10, 'y'), (3, 10, 'z');
CREATE TABLE orders(id INT PRIMARY KEY, stock INT, what VARCHAR(10), version BIGINT UNSIGNED NOT NULL DEFAULT 1);
INSERT INTO orders(id, stock, what) VALUES (1, 1, 'pen'), (2, 1, 'ink'), (3, 3, 'cap');
CREATE TABLE picks(id INT PRIMARY KEY, x INT);
INSERT INTO picks VALUES (1, 1), (2, 2)`

const byStock = "tables: {shop.stock: {version: version}, shop.orders: {version: version}}"

// staleStock makes the row 2 of what A has read stale.
func staleStock(more ...step) []step {
	return append([]step{
		do(A, "SELECT * FROM stock", gives("1|10|a|x|1", "2|10|a|y|1", "3|10|a|z|1")),
		do(B, "UPDATE stock SET n=1 WHERE id=2", affects(1)),
	}, more...)
}

var unwritten = do(direct, "SELECT n, version FROM stock ORDER BY id", gives("10|1", "1|2", "10|1"))

// TestSeveralRowsAllOrNothing names the ways in which a statement can pick
// several rows: one of them is stale, and none is written.
func TestSeveralRowsAllOrNothing(t *testing.T) {
	found := conflict("on shop.stock id=2: expected version=1, found version=2")
	writes := []struct {
		name, sql string
		args      []any
	}{
		{"all rows", "UPDATE stock SET n=0", nil},
		{"all rows, deleted", "DELETE FROM stock", nil},
		{"a list of keys", "UPDATE stock SET n=0 WHERE id IN (1, 2, 3)", nil},
		{"a range of keys", "UPDATE stock SET n=0 WHERE id BETWEEN 1 AND 2", nil},
		{"alternatives", "UPDATE stock SET n=0 WHERE id=1 OR id=2", nil},
		{"another column", "DELETE FROM stock WHERE kind='a'", nil},
		{"another unique key", "UPDATE stock SET n=0 WHERE code='y'", nil},
		{"a key by expression", "UPDATE stock SET n=0 WHERE id=1+1", nil},
		{"a key by variable", "UPDATE stock SET n=0 WHERE id=@two", nil},
		{"a sub-select", "UPDATE stock SET n=0 WHERE id IN (SELECT x FROM picks)", nil},
		{"a sub-select that depends on the row", "DELETE FROM stock WHERE EXISTS (SELECT 1 FROM picks WHERE picks.x=stock.id)", nil},
		{"a whole key and a sub-select", "UPDATE stock SET n=0 WHERE id=2 AND (SELECT COUNT(*) FROM picks)>0", nil},
		{"LIMIT", "UPDATE stock SET n=0 ORDER BY n LIMIT 1", nil},
		{"LIMIT without ORDER BY", "DELETE FROM stock WHERE n<10 LIMIT 2", nil},
		{"an alias", "UPDATE stock AS s SET s.n=0 WHERE s.n>0", nil},
		{"parameters", "UPDATE stock SET n=? WHERE id IN (?, ?)", []any{0, 1, 2}},
		{"a parameter as LIMIT", "DELETE FROM stock ORDER BY n LIMIT ?", []any{1}},
		{"IGNORE", "UPDATE IGNORE stock SET n=0", nil},
		{"joined", "UPDATE stock s JOIN picks p ON p.x=s.id SET s.n=p.x", nil},
		{"joined by a comma", "UPDATE stock, picks SET stock.n=0 WHERE picks.x=stock.id", nil},
		{"joined with a derived table", "UPDATE stock s JOIN (SELECT x FROM picks) p ON p.x=s.id SET s.n=0", nil},
		{"an outer join", "UPDATE picks p LEFT JOIN stock s ON p.x=s.id AND s.id>1 SET s.n=0, p.x=7", nil},
		{"joined, prepared", "UPDATE stock s JOIN picks p ON p.x=s.id SET s.n=? WHERE s.id>?", []any{0, 0}},
		{"deleted, joined", "DELETE s FROM stock s JOIN picks p ON p.x=s.id", nil},
		{"deleted, USING", "DELETE FROM s USING stock AS s JOIN picks p ON p.x=s.id", nil},
		{"deleted from two tables", "DELETE s, p FROM stock s JOIN picks p ON p.x=s.id", nil},
	}
	var scenarios []scenario
	for _, w := range writes {
		end := []step{do(A, "SET @two = 2", fine), do(A, w.sql, found, w.args...), unwritten,
			do(direct, "SELECT COUNT(*) FROM picks WHERE x<3", gives("2")),
			do(A, "SHOW IFMATCH CONFLICT", matches("version", "shop.stock", "id=2", "version=1", "version=2"))}
		in := append([]step{do(A, "SET @two = 2", fine), do(A, "BEGIN", fine), do(A, "UPDATE orders SET what='pad' WHERE id=3", affects(1))},
			do(A, w.sql, found, w.args...), do(A, "COMMIT", doomed("id=2")), unwritten,
			do(direct, "SELECT what FROM orders WHERE id=3", gives("cap")))
		scenarios = append(scenarios,
			scenario{name: w.name, setup: stockroom, policy: byStock, steps: staleStock(end...)},
			scenario{name: w.name + ", in a transaction", setup: stockroom, policy: byStock, steps: staleStock(in...)})
	}
	play(t, scenarios)
}

// TestSeveralRowsAreWritten holds what is reported of writes whose rows are all as
// they were read, and that they are known afterwards.
func TestSeveralRowsAreWritten(t *testing.T) {
	read := do(A, "SELECT * FROM stock", fine)
	play(t, []scenario{
		{name: "several, and again", setup: stockroom, policy: byStock, steps: []step{
			read,
			do(A, "UPDATE stock SET n=n+1 WHERE id<3", affects(2)),
			do(A, "SELECT ROW_COUNT()", gives("2")),
			do(A, "SHOW WARNINGS", gives()),
			do(direct, "SELECT id, n, version FROM stock ORDER BY id", gives("1|11|2", "2|11|2", "3|10|1")),
			do(A, "UPDATE stock SET n=5 WHERE id IN (1, 2, 3)", affects(3)),
			do(B, "UPDATE stock SET n=6 WHERE id=3", affects(1)),
			do(A, "UPDATE stock SET n=7 WHERE id=3", conflict("id=3: expected version=2, found version=3")),
			do(A, "UPDATE stock SET n=7 WHERE id=2", affects(1)),
			do(A, "DELETE FROM stock WHERE id<3", affects(2)),
			do(A, "SELECT ROW_COUNT()", gives("2")),
			do(A, "INSERT INTO stock(id, n) VALUES (1, 1)", affects(1)),
			do(A, "DELETE FROM stock WHERE n=1", affects(1)),
		}},
		{name: "no row", setup: stockroom, policy: byStock, steps: []step{
			read,
			do(A, "UPDATE stock SET n=0 WHERE n>100", affects(0)),
			do(A, "SELECT ROW_COUNT()", gives("0")),
			do(A, "DELETE FROM stock WHERE n>100 ORDER BY id LIMIT 3", affects(0)),
			do(A, "DELETE FROM stock LIMIT 0", affects(0)),
			do(direct, "SELECT SUM(version) FROM stock", gives("3")),
		}},
		{name: "a transaction, rolled back", setup: stockroom, policy: byStock, steps: []step{
			read,
			do(A, "BEGIN", fine),
			do(A, "UPDATE stock SET n=n+1", affects(3)),
			do(A, "UPDATE stock SET n=n+1 WHERE id=2", affects(1)),
			do(A, "SAVEPOINT s", fine),
			do(A, "DELETE FROM stock WHERE id>1", affects(2)),
			do(A, "ROLLBACK TO s", fine),
			do(A, "UPDATE stock SET n=0 WHERE id>1", affects(2)),
			do(A, "ROLLBACK", fine),
			do(A, "UPDATE stock SET n=1", affects(3)),
			do(direct, "SELECT n, version FROM stock", gives("1|2", "1|2", "1|2")),
		}},
		{name: "the first rows, not those that come after them", setup: stockroom, policy: byStock, steps: []step{
			read,
			do(A, "UPDATE stock SET n=n-1 WHERE n>0 ORDER BY id DESC LIMIT 2", affects(2)),
			do(A, "DELETE FROM stock ORDER BY n LIMIT 1", affects(1)),
			do(direct, "SELECT COUNT(*), MIN(n), MAX(n) FROM stock", gives("2|9|10")),
		}},
		{name: "rows that were not read, beside those that were", setup: stockroom, policy: byStock, steps: []step{
			do(A, "SELECT n FROM stock WHERE id=1", gives("10")),
			do(B, "UPDATE stock SET n=3 WHERE id=2", affects(1)),
			do(A, "UPDATE stock SET n=0", affects(3)),
			do(direct, "SELECT n, version FROM stock ORDER BY id", gives("0|2", "0|3", "0|2")),
		}},
		{name: "tables joined, each row once", setup: stockroom, policy: byStock, steps: []step{
			read,
			do(A, "SELECT * FROM orders", fine),
			do(A, "UPDATE stock s JOIN orders o ON o.stock=s.id SET s.n=s.n-1, o.what='sent'", affects(5)),
			do(direct, "SELECT id, n, version FROM stock ORDER BY id", gives("1|9|2", "2|10|1", "3|9|2")),
			do(direct, "SELECT what, version FROM orders", gives("sent|2", "sent|2", "sent|2")),
			do(B, "UPDATE orders SET what='lost' WHERE id=2", affects(1)),
			do(A, "DELETE s, o FROM stock s JOIN orders o ON o.stock=s.id", conflict("on shop.orders id=2: expected version=2, found version=3")),
			do(A, "SELECT * FROM orders", fine),
			do(A, "DELETE s, o FROM stock s JOIN orders o ON o.stock=s.id WHERE s.id=1", affects(3)),
			do(direct, "SELECT COUNT(*) FROM stock, orders", gives("2")),
		}},
		{name: "a joined table that is only read is not held", setup: stockroom, policy: byStock, steps: []step{
			do(A, "SELECT * FROM orders", fine),
			do(B, "UPDATE orders SET what='x' WHERE id=1", affects(1)),
			do(A, "UPDATE stock s JOIN orders o ON o.stock=s.id SET s.n=0 WHERE o.id=1", affects(1)),
		}},
		{name: "a whole row is saved back to several", setup: stockroom, policy: byStock, steps: []step{
			do(A, "UPDATE stock SET n=0, version=1", affects(3)),
			do(A, "UPDATE stock SET n=0, version=1 WHERE id<3", conflict("id=1: expected version=1, found version=2")),
			do(A, "UPDATE stock SET n=?, version=? WHERE id<?", affects(2), 5, 2, 3),
		}},
		{name: "the version in WHERE of a list of keys is expected, elsewhere it picks rows", setup: stockroom, policy: byStock, steps: []step{
			do(B, "UPDATE stock SET n=1 WHERE id=2", affects(1)),
			do(A, "UPDATE stock SET n=0 WHERE id IN (1, 2) AND version=1", conflict("id=2: expected version=1, found version=2")),
			do(A, "UPDATE stock SET n=0 WHERE id IN (1, 3) AND version=1", affects(2)),
			do(A, "UPDATE stock SET n=0 WHERE id IN (1, 9) AND version=2", conflict("id=9: expected version=2, found no row")),
			do(A, "UPDATE stock SET n=7 WHERE version=2", affects(3)),
			do(A, "UPDATE stock SET n=? WHERE version=?", affects(0), 7, 2),
		}},
		{name: "a hint", setup: stockroom, policy: byStock, steps: []step{
			do(A, "UPDATE /* ifmatch: version=1 */ stock SET n=0 WHERE n=10", affects(3)),
			do(A, "UPDATE /* ifmatch: version=1 */ stock SET n=0 WHERE n=0", conflict("id=1: expected version=1, found version=2")),
			do(A, "UPDATE /* ifmatch: version=1 */ stock s, orders o SET s.n=0, o.what='x'", refused("several guarded tables")),
		}},
		{name: "a row that was read and is gone", setup: stockroom, policy: byStock, steps: []step{
			read,
			do(B, "DELETE FROM stock WHERE id=2", affects(1)),
			do(A, "UPDATE stock SET n=0 WHERE id IN (1, 2)", conflict("id=2: expected version=1, found no row")),
			do(A, "UPDATE stock SET n=? WHERE id IN (?, ?)", conflict("id=2: expected version=1, found no row"), 0, 3, 2),
			do(A, "UPDATE stock SET n=0 WHERE id>2", affects(1)),
		}},
		{name: "FOUND_ROWS counts rows that match", setup: stockroom, policy: byStock, params: "clientFoundRows=true", steps: []step{
			read,
			do(A, "UPDATE stock SET n=10 WHERE id<3", affects(2)),
			do(B, "UPDATE stock SET n=10 WHERE id=1", affects(1)),
			do(A, "UPDATE stock SET n=10 WHERE id=1", conflict("id=1: expected version=2, found version=3")),
		}},
		{name: "sql_select_limit is for the client's own SELECTs", setup: stockroom, policy: byStock, steps: []step{
			read,
			do(A, "SET sql_select_limit=1", fine),
			do(A, "UPDATE stock SET n=0 WHERE n=10", affects(3)),
		}},
		{name: "LOCK TABLES stays", setup: stockroom, policy: byStock, steps: []step{
			read,
			do(A, "LOCK TABLES stock WRITE", fine),
			do(A, "UPDATE stock SET n=0 WHERE n=10", affects(3)),
			do(A, "UPDATE stock SET n=1 WHERE n=0", affects(3)),
			do(A, "UNLOCK TABLES", fine),
			do(direct, "SELECT SUM(version) FROM stock", gives("9")),
		}},
		{name: "without autocommit the write stays in the client's transaction", setup: stockroom, policy: byStock, steps: []step{
			do(A, "SET autocommit=0", fine),
			read,
			do(A, "UPDATE stock SET n=0 WHERE n=10", affects(3)),
			do(direct, "SELECT SUM(n) FROM stock", gives("30")),
			do(A, "ROLLBACK", fine),
			do(direct, "SELECT SUM(n) FROM stock", gives("30")),
		}},
		{name: "READ COMMITTED", setup: stockroom, policy: byStock, steps: []step{
			do(A, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", fine),
			read,
			do(A, "BEGIN", fine),
			do(A, "UPDATE stock SET n=0 WHERE n=10", affects(3)),
			do(A, "COMMIT", fine),
			do(A, "UPDATE stock SET n=1 WHERE n=0", affects(3)),
		}},
		{name: "an old snapshot does not hide what a sub-select picks", setup: stockroom, policy: byStock, steps: []step{
			read,
			do(A, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", fine),
			do(A, "SET @none = 0 /*M!101108 , innodb_snapshot_isolation = OFF */", fine), // MariaDB's default from 11.6.2 on is an error
			do(A, "BEGIN", fine),
			do(A, "SELECT COUNT(*) FROM picks", gives("2")),
			do(direct, "INSERT INTO picks VALUES (3, 3)", affects(1)),
			do(A, "UPDATE stock SET n=0 WHERE id IN (SELECT x FROM picks WHERE x>2)", affects(1)),
			do(A, "COMMIT", fine),
		}},
		{name: "warnings are the write's own", setup: stockroom, policy: byStock, steps: []step{
			do(A, "SET sql_mode=''", fine),
			read,
			do(A, "UPDATE stock SET code=CONCAT(id, '23456789012345') WHERE id<3", affects(2)),
			do(A, "SHOW COUNT(*) WARNINGS", gives("2")),
			do(A, "SHOW WARNINGS", func(o outcome) string {
				if len(o.rows) != 2 {
					return "not two warnings"
				}
				return ""
			}),
			do(A, "UPDATE stock SET n=? WHERE n=10", affects(3), "7x"),
			do(A, "SELECT @@warning_count > 0", gives("1")),
		}},
	})
}

// TestSeveralRowsUnderOtherPolicies holds writes of several rows against keys of
// the policy.
func TestSeveralRowsUnderOtherPolicies(t *testing.T) {
	policy := func(more string) string { return "tables: {shop.stock: {version: version, " + more + "}}" }
	read := do(A, "SELECT * FROM stock", fine)
	play(t, []scenario{
		{name: "unread: refuse", setup: stockroom, policy: policy("unread: refuse"), steps: []step{
			do(A, "UPDATE stock SET n=0", unread("ifmatch: unread row on shop.stock id=1: ")),
			do(A, "UPDATE stock SET n=0 WHERE n>100", affects(0)),
			do(A, "SELECT * FROM stock WHERE id=1", fine),
			do(A, "UPDATE stock SET n=0 WHERE id<3", unread("ifmatch: unread row on shop.stock id=2: ")),
			do(A, "UPDATE stock SET n=? WHERE id<?", unread("ifmatch: unread row on shop.stock id=2: "), 0, 3),
			do(A, "UPDATE stock SET n=n+1", affects(3)),
			read,
			do(A, "DELETE FROM stock", affects(3)),
		}},
		{name: "unread: refuse, joined", setup: stockroom, policy: policy("unread: refuse"), steps: []step{
			do(A, "UPDATE stock s JOIN picks p ON p.x=s.id SET s.n=0", unread("id=1: ")),
			do(A, "DELETE s FROM stock s JOIN picks p ON p.x=s.id", unread("id=1: ")),
			do(A, "UPDATE stock s JOIN picks p ON p.x=s.id SET p.x=0", affects(2)),
		}},
		{name: "partial: proceed", setup: stockroom, policy: policy("partial: proceed"), steps: staleStock(
			do(A, "UPDATE stock SET n=0 ORDER BY id", affects(2)),
			do(A, "SHOW IFMATCH CONFLICT", matches("version", "shop.stock", "id=2")),
			do(direct, "SELECT n, version FROM stock ORDER BY id", gives("0|2", "1|2", "0|2")),
			do(A, "UPDATE stock SET n=3 WHERE id<3 ORDER BY id LIMIT 2", affects(1)),
			do(A, "UPDATE stock SET n=3 WHERE code='y'", conflict("id=2")),
			do(A, "DELETE FROM stock", affects(2)),
		)},
		{name: "partial: proceed with a status", setup: stockroom, policy: policy("partial: proceed, require: {kind: {not: c}}"), steps: []step{
			do(direct, "UPDATE stock SET kind='c' WHERE id=2", affects(1)),
			do(A, "UPDATE stock SET n=0", affects(2)),
			do(A, "UPDATE stock SET n=1 LIMIT 2", affects(1)),
			do(A, "DELETE FROM stock WHERE n=10", fails(1644, "45000", "id=2: require kind failed")),
		}},
		{name: "relative: pass", setup: stockroom, policy: policy("relative: pass"), steps: staleStock(
			do(A, "UPDATE stock SET n=n+1", affects(3)),
			do(direct, "SELECT n, version FROM stock ORDER BY id", gives("11|2", "2|3", "11|2")),
			do(A, "UPDATE stock SET n=0 WHERE id<>2", affects(2)),
			do(A, "UPDATE stock SET n=0", conflict("id=2: expected version=1, found version=3")),
		)},
		{name: "relative: guard", setup: stockroom, policy: policy("relative: guard"), steps: staleStock(
			do(A, "UPDATE stock SET n=n+1", conflict("id=2")), unwritten,
		)},
		{name: "ignored columns alone", setup: stockroom, policy: policy("ignore: [kind]"), steps: staleStock(
			do(A, "UPDATE stock SET kind='b'", affects(3)),
			do(A, "UPDATE stock s JOIN picks p ON p.x=s.id SET s.kind='c'", affects(2)), unwritten,
		)},
		{name: "noop: skip", setup: stockroom, policy: policy("noop: skip"), steps: []step{
			read,
			do(direct, "UPDATE stock SET n=3 WHERE id=2", affects(1)),
			do(A, "UPDATE stock SET n=10", affects(1)),
			do(direct, "SELECT n, version FROM stock ORDER BY id", gives("10|1", "10|2", "10|1")),
			do(B, "UPDATE stock SET n=4 WHERE id=1", affects(1)),
			do(A, "UPDATE stock SET n=5 WHERE id>1", affects(2)),
			do(A, "UPDATE stock SET n=5", conflict("id=1: expected version=1, found version=2")),
		}},
		{name: "missing: conflict", setup: stockroom, policy: policy("missing: conflict"), steps: []step{
			do(A, "UPDATE stock SET n=0 WHERE id IN (1, 8)", conflict("id=8: expected a row, found no row")),
			do(A, "UPDATE stock SET n=0 WHERE n>100", affects(0)),
		}},
		{name: "on_conflict: statement", setup: stockroom, policy: policy("on_conflict: statement"), steps: staleStock(
			do(A, "BEGIN", fine),
			do(A, "UPDATE stock SET n=2 WHERE id=1", affects(1)),
			do(A, "UPDATE stock SET n=3", conflict("id=2")),
			do(A, "COMMIT", fine),
			do(direct, "SELECT n, version FROM stock ORDER BY id", gives("2|2", "1|2", "10|1")),
		)},
		{name: "on_conflict: rollback", setup: stockroom, policy: policy("on_conflict: rollback"), steps: staleStock(
			do(A, "BEGIN", fine),
			do(A, "UPDATE stock SET n=2 WHERE id=1", affects(1)),
			do(A, "DELETE FROM stock", conflict("id=2")), unwritten,
		)},
		{name: "capture: off", setup: stockroom, policy: policy("capture: off"), steps: staleStock(
			do(A, "UPDATE stock SET n=0", affects(3)),
			do(A, "DELETE FROM stock ORDER BY RAND() LIMIT 1", affects(1)),
		)},
		{name: "a condition that cannot be asked twice", setup: stockroom, policy: byStock, steps: staleStock(
			do(A, "DELETE FROM stock ORDER BY RAND() LIMIT 1", refused("RAND()")),
			do(A, "UPDATE stock SET n=0 WHERE (@n := id) > 0", refused("an assignment of a variable")),
			do(A, "UPDATE stock SET n=0 WHERE id IN (WITH a AS (SELECT 1 AS x) SELECT x FROM a)", refused("WITH")), unwritten,
			do(B, "UPDATE orders SET what='x' WHERE stock IN (SELECT 1 UNION SELECT 3)", affects(3)),
		)},
		{name: "a digest", setup: stockroom, policy: "tables: {shop.stock: {version: {digest: all}}}", steps: []step{
			read,
			do(A, "UPDATE stock SET n=n*2 WHERE id<3", affects(2)),
			do(A, "UPDATE stock SET n=n*2", affects(3)),
			do(B, "UPDATE stock SET n=0 WHERE id=2", affects(1)),
			do(A, "UPDATE stock SET n=5 WHERE kind='a'", conflict("on shop.stock id=2: expected digest=")),
			do(direct, "SELECT n FROM stock ORDER BY id", gives("40", "0", "20")),
		}},
		{name: "a time", setup: "CREATE TABLE stock(id INT PRIMARY KEY, n INT, at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)); INSERT INTO stock(id, n) VALUES (1, 1), (2, 1)",
			policy: "tables: {shop.stock: {version: at}}", steps: []step{
				read,
				do(A, "UPDATE stock SET n=2 WHERE n=1", affects(2)),
				do(A, "UPDATE stock SET n=3 WHERE n=2", affects(2)),
				do(B, "UPDATE stock SET n=4 WHERE id=2", affects(1)),
				do(A, "UPDATE stock SET n=5", conflict("id=2")),
			}},
		{name: "the context's earlier request", setup: stockroom, policy: policy("scope: context"), steps: []step{
			do(A, "SET @ifmatch_context='u'", fine),
			read,
			do(B, "UPDATE stock SET n=1 WHERE id=2", affects(1)),
			do(A, "SET @ifmatch_context='u'", fine),
			read,
			do(A, "UPDATE stock SET n=0 WHERE id>1", conflict("id=2: expected version=1, found version=2")),
			do(A, "SET @ifmatch_context='u'", fine),
			read,
			do(A, "SET @ifmatch_context='u'", fine),
			do(A, "UPDATE stock SET n=0 WHERE id>1", affects(2)),
		}},
		{name: "a full version", setup: "CREATE TABLE stock(id INT PRIMARY KEY, n INT, version TINYINT NOT NULL DEFAULT 1); INSERT INTO stock VALUES (1, 1, 5), (2, 1, 127)", policy: policy("capture: off"), steps: []step{
			do(A, "SET sql_mode=''", fine),
			do(A, "UPDATE stock SET n=2", refused("id=2 is 127, the greatest that its column holds")),
			do(A, "UPDATE IGNORE stock SET n=2 WHERE n=1", refused("id=2 is 127")),
			do(A, "UPDATE stock SET n=2 WHERE id<2", affects(1)),
			do(direct, "SELECT n, version FROM stock ORDER BY id", gives("2|6", "1|127")),
		}},
		{name: "an external version", setup: stockroom, policy: "tables: {shop.stock: {version: {column: version, external: gt}}}", steps: []step{
			do(A, "UPDATE stock SET n=1, version=5 WHERE id<3", affects(2)),
			do(A, "UPDATE stock SET n=2, version=5 WHERE n>=0", conflict("id=1: expected version<5, found version=5")),
			do(A, "UPDATE stock SET n=?, version=? WHERE n>=?", affects(3), 3, 6, 0),
		}},
		{name: "observe", setup: stockroom, policy: policy("mode: observe"), steps: []step{
			read,
			do(A, "UPDATE stock SET n=0", affects(3)),
			do(A, "UPDATE stock SET n=0 WHERE id=1", affects(0)),
			do(direct, "SELECT SUM(version) FROM stock", gives("3")),
		}},
	})
}

// TestSeveralRowsAndTheStatus holds writes of several rows against the status machine.
func TestSeveralRowsAndTheStatus(t *testing.T) {
	const setup = `
CREATE TABLE jobs(id INT PRIMARY KEY, state VARCHAR(10), was VARCHAR(10), tries INT NOT NULL DEFAULT 0, version INT NOT NULL DEFAULT 1);
INSERT INTO jobs(id, state) VALUES (1, 'new'), (2, 'new'), (3, 'done');
CREATE TABLE picks(x INT); INSERT INTO picks VALUES (1), (3)`
	const policy = `
tables:
  shop.jobs:
    version: version
    require: {tries: {not: 9}}
    status:
      column: state
      otherwise: refuse
      transitions:
        - {to: busy, from: [new], set: {was: state}}
        - {to: done, from: [busy]}
      delete: {from: [done]}`
	plain := "tables: {shop.jobs: {status: {column: state, otherwise: refuse, transitions: [{to: busy, from: [new]}, {to: done, from: [busy]}]}}}"
	status := func(has ...string) want { return fails(1644, "45000", has...) }
	play(t, []scenario{
		{name: "a change that one row does not allow", setup: setup, policy: policy, steps: []step{
			do(A, "UPDATE jobs SET state='busy'", status("on shop.jobs id=3: state is 'done', 'busy' may follow 'new'")),
			do(A, "UPDATE jobs SET state=? WHERE id>=?", status("on shop.jobs id=3: state is 'done', 'busy' may follow 'new'"), "busy", 2),
			do(direct, "SELECT SUM(version) FROM jobs", gives("3")),
			do(A, "UPDATE jobs SET state='busy' WHERE state='new'", affects(2)),
			do(direct, "SELECT state, was, version FROM jobs ORDER BY id", gives("busy|new|2", "busy|new|2", "done|NULL|1")),
			do(A, "DELETE FROM jobs", status("id=1: state is 'busy', DELETE may follow 'done'")),
			do(A, "DELETE FROM jobs WHERE state='done'", affects(1)),
		}},
		{name: "a job queue takes its next job", setup: setup, policy: policy, steps: []step{
			do(A, "UPDATE jobs SET state='busy', tries=1 WHERE state='new' ORDER BY id LIMIT 1", affects(1)),
			do(B, "UPDATE jobs SET state='busy', tries=2 WHERE state='new' ORDER BY id LIMIT 1", affects(1)),
			do(A, "UPDATE jobs SET state='busy' WHERE state='new' ORDER BY id LIMIT 1", affects(0)),
			do(direct, "SELECT tries, was FROM jobs ORDER BY id", gives("1|new", "2|new", "0|NULL")),
		}},
		{name: "require", setup: setup, policy: policy, steps: []step{
			do(direct, "UPDATE jobs SET tries=9 WHERE id=2", affects(1)),
			do(A, "UPDATE jobs SET was='x'", status("id=2: require tries failed")),
			do(A, "DELETE FROM jobs WHERE id>1", status("id=2: state is 'new', DELETE may follow 'done'")),
		}},
		{name: "no version: the guard raises", setup: setup, policy: plain, steps: []step{
			do(A, "UPDATE jobs SET state='busy'", status("id=3: state is 'done', 'busy' may follow 'new'")),
			do(A, "UPDATE IGNORE jobs SET state='busy'", status("id=3: ")),
			do(A, "SET sql_mode=''", fine),
			do(A, "UPDATE jobs SET state='busy' ORDER BY id", status("id=3: ")),
			do(A, "UPDATE jobs SET state='busy' ORDER BY id LIMIT 2", affects(2)),
			do(A, "UPDATE jobs SET state=? WHERE id<?", affects(2), "done", 3),
			do(A, "UPDATE jobs SET state=? WHERE id<?", status("id=1: state is 'done', 'busy' may follow 'new'"), "busy", 3),
		}},
		{name: "joined", setup: setup, policy: plain, steps: []step{
			do(A, "UPDATE jobs j JOIN picks p ON p.x=j.id SET j.state='busy'", status("id=3: ")),
			do(A, "UPDATE jobs j JOIN picks p ON p.x=j.id SET j.state='busy' WHERE j.id<3", affects(1)),
			do(direct, "SELECT state FROM jobs ORDER BY id", gives("busy", "new", "done")),
		}},
		{name: "joined, with what a transition sets", setup: setup, policy: policy, steps: []step{
			do(A, "UPDATE jobs j JOIN picks p ON p.x=j.id SET j.state='busy'", refused("whose transitions set columns")),
			do(A, "DELETE j FROM jobs j JOIN picks p ON p.x=j.id", status("id=1: state is 'new', DELETE may follow 'done'")),
			do(A, "UPDATE jobs j JOIN picks p ON p.x=j.id SET j.was=p.x", affects(2)),
		}},
		{name: "a target by expression", setup: setup, policy: plain, steps: []step{
			do(A, "UPDATE jobs SET state=IF(id=1, 'busy', state) WHERE id<3", status("id=2: state is 'new', 'new' may follow nothing")),
			do(A, "UPDATE jobs SET state=IF(id<3, 'busy', 'done') WHERE id<3", affects(2)),
		}},
	})
}

// TestWhatStandsBehindTheLastStatement has a comment behind the ; of a text, which
// servers take for another statement.
func TestWhatStandsBehindTheLastStatement(t *testing.T) {
	play(t, []scenario{{name: "a comment", setup: stockroom, policy: byStock, params: "multiStatements=true", steps: []step{
		do(A, "UPDATE stock SET n=1 WHERE id=1; -- the first", affects(1)),
		do(A, "SELECT n FROM stock WHERE id=1; # read", gives("1")),
		do(A, "UPDATE stock SET n=2 WHERE id=1; /* again */ ", affects(1)),
		do(A, "UPDATE stock SET n=3; -- all", affects(3)),
		do(A, "INSERT INTO stock(id, n) VALUES (7, 7); -- new", affects(1)),
		do(A, "INSERT INTO stock(id, n) VALUES (7, 8) ON DUPLICATE KEY UPDATE n=8; -- changed", affects(2)),
		do(A, "DELETE FROM stock WHERE id=7; -- gone", affects(1)),
		do(A, "UPDATE /* ifmatch: version=9 */ stock SET n=1 WHERE id=1; -- stale", conflict("expected version=9, found version=4")),
		do(A, "UPDATE picks SET x=9; -- no guarded table", fine),
		do(direct, "SELECT SUM(x) FROM picks", gives("18")),
		do(A, "SELECT n, version FROM stock ORDER BY id", gives("3|4", "3|2", "3|2")),
	}}})
}
