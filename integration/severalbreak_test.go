package integration

import "testing"

// Writes of several rows that a guard was once got round by, or that were refused or
// answered otherwise than the server would without need.
func TestSeveralRowsHoldOut(t *testing.T) {
	read := do(A, "SELECT * FROM stock", fine)
	const kids = stockroom + "; CREATE TABLE kids(id INT PRIMARY KEY, s INT, FOREIGN KEY (s) REFERENCES stock(id)); INSERT INTO kids VALUES (1, 2)"
	play(t, []scenario{
		{name: "safe updates want a key of the client's own", setup: stockroom, policy: byStock, steps: []step{
			do(A, "SET sql_safe_updates=1", fine),
			do(A, "UPDATE stock SET n=9", fails(1175, "HY000")),
			read,
			do(A, "UPDATE stock SET n=9", fails(1175, "HY000")),
			do(A, "UPDATE stock SET n=? WHERE n=?", fails(1175, "HY000"), 9, 10),
			do(A, "DELETE FROM stock WHERE n=9", fails(1175, "HY000")),
			do(A, "UPDATE stock s JOIN picks p ON p.x=s.n SET s.n=9", fails(1175, "HY000")),
			do(A, "UPDATE stock SET n=9 WHERE id<3", affects(2)),
			do(A, "UPDATE stock SET n=8 ORDER BY id DESC LIMIT 1", affects(1)),
			do(A, "DELETE FROM stock WHERE id IN (1, 7)", affects(1)),
		}},
		{name: "a row that DELETE IGNORE leaves is still known", setup: kids, policy: byStock, steps: []step{
			read,
			do(A, "DELETE IGNORE FROM stock WHERE kind='a'", affects(2)),
			do(B, "UPDATE stock SET n=1 WHERE id=2", affects(1)),
			do(A, "UPDATE stock SET n=2 WHERE id=2", conflict("id=2: expected version=1, found version=2")),
		}},
		{name: "sql_select_limit hides no row", setup: stockroom, policy: byStock, steps: []step{
			read,
			do(A, "SET sql_select_limit=1", fine),
			do(A, "UPDATE stock SET n=9 WHERE id IN (1, 2) AND kind='q'", affects(0)),
			do(A, "UPDATE stock SET n=9 WHERE id IN (1, 2)", affects(2)),
			do(B, "UPDATE stock SET n=1 WHERE id=2", affects(1)),
			do(A, "UPDATE stock SET n=2 WHERE id>1", conflict("id=2: expected version=2, found version=3")),
		}},
		{name: "each of the rows that a row is joined with has to give it an allowed state", setup: `
CREATE TABLE jobs(id INT PRIMARY KEY, state VARCHAR(10), version INT NOT NULL DEFAULT 1); INSERT INTO jobs(id, state) VALUES (1, 'new'), (2, 'new');
CREATE TABLE st(id INT PRIMARY KEY, job INT, st VARCHAR(10)); INSERT INTO st VALUES (1, 1, 'busy'), (2, 1, 'done'), (3, 2, 'busy'), (4, 2, 'busy')`,
			policy: "tables: {shop.jobs: {version: version, status: {column: state, otherwise: refuse, transitions: [{to: busy, from: [new]}, {to: done, from: [busy]}]}}}",
			steps: []step{
				do(A, "SELECT * FROM jobs", fine),
				do(A, "UPDATE jobs j JOIN st ON st.job=j.id SET j.state=st.st", fails(1644, "45000", "id=1: state is 'new', 'done' may follow 'busy'")),
				do(A, "SELECT * FROM jobs", fine),
				do(A, "UPDATE jobs j JOIN st ON st.job=j.id SET j.state=st.st WHERE j.id=2", affects(1)),
			}},
		{name: "partial: proceed leaves what an outer join adds", setup: stockroom, policy: "tables: {shop.stock: {version: version, partial: proceed, require: {kind: {not: c}}}}", steps: []step{
			do(A, "UPDATE picks p LEFT JOIN stock s ON s.id=p.x AND s.id>1 SET s.n=9, p.x=7", affects(3)),
		}},
		{name: "keys that several rows move to", setup: stockroom, policy: byStock, steps: []step{
			read,
			do(A, "UPDATE stock SET id=id+10 WHERE id IN (1, 2)", affects(2)),
			do(A, "SHOW IFMATCH READS", matches("session|shop.stock|id=3|version=1")),
			do(A, "SELECT n FROM stock WHERE id=12", gives("10")),
			do(B, "UPDATE stock SET n=1 WHERE id=12", affects(1)),
			do(A, "UPDATE stock SET n=2 WHERE id>10", conflict("id=12: expected version=2, found version=3")),
		}},
		{name: "LOCK TABLES for reading", setup: stockroom, policy: byStock, steps: []step{
			read,
			do(A, "LOCK TABLES stock WRITE, picks READ", fine),
			do(A, "UPDATE stock JOIN picks ON picks.x=stock.id SET stock.n=9", affects(2)),
			do(A, "UPDATE stock SET n=8 WHERE id IN (SELECT x FROM picks)", affects(2)),
			do(A, "UNLOCK TABLES", fine),
			do(B, "UPDATE stock SET n=1 WHERE id=2", affects(1)),
			do(A, "LOCK TABLES stock WRITE, picks READ", fine),
			do(A, "UPDATE stock JOIN picks ON picks.x=stock.id SET stock.n=9", conflict("id=2")),
		}},
	})
}

// Statements on joined tables, in the ways in which applications write them.
func TestJoinedTablesAreRead(t *testing.T) {
	read := do(A, "SELECT * FROM stock", fine)
	const found = "id=2: expected version="
	var scenarios []scenario
	for _, w := range []struct {
		name, sql string
		affected  int64
		only      string
	}{
		{"schemas and tables", "UPDATE shop.stock JOIN shop.picks ON shop.picks.x=shop.stock.id SET shop.stock.n=1", 2, ""},
		{"a comma in a condition", "UPDATE stock s JOIN picks p ON p.x=COALESCE(s.id, s.n) SET s.n=2", 2, ""},
		{"a list of columns", "UPDATE stock JOIN picks USING (id, id) SET stock.n=3", 2, "mariadb"},
		{"hints of indexes", "UPDATE stock s USE INDEX (PRIMARY, code) JOIN picks p FORCE INDEX FOR JOIN (PRIMARY) ON p.id=s.id SET s.n=4", 2, ""},
		{"a table in brackets", "UPDATE (stock s JOIN picks p ON p.x=s.id) LEFT JOIN (orders o, picks q) ON o.id=s.id AND q.id=o.id SET s.n=5", 2, ""},
		{"a list of rows", "UPDATE stock s JOIN (SELECT 1 AS id, 6 AS v UNION ALL SELECT 2, 7) d ON d.id=s.id SET s.n=d.v", 2, ""},
		{"a list of rows in brackets", "UPDATE stock s JOIN ((SELECT 1 AS id, 8 AS v) UNION ALL (SELECT 2, 9)) d ON d.id=s.id SET s.n=d.v", 2, ""},
		{"UNION in WHERE", "UPDATE stock SET n=11 WHERE id IN (SELECT x FROM picks UNION SELECT id FROM picks)", 2, ""},
		{"columns of no table", "UPDATE stock s JOIN picks p ON p.id=s.id SET kind='b', x=x+5", 4, ""},
		{"ODBC", "UPDATE { OJ stock s LEFT OUTER JOIN picks p ON p.id=s.id } SET s.n=12 WHERE p.id IS NOT NULL", 2, ""},
		{"NATURAL JOIN", "UPDATE stock NATURAL JOIN (SELECT id FROM picks) d SET stock.n=13", 2, ""},
		{"STRAIGHT_JOIN", "UPDATE stock s STRAIGHT_JOIN picks p SET s.n=14 WHERE p.id=s.id", 2, ""},
		{"a view that is read", "UPDATE stock s JOIN seen v ON v.id=s.id SET s.n=15", 2, ""},
		{"ORDER BY and LIMIT", "UPDATE stock s JOIN picks p ON p.id=s.id SET s.n=16 ORDER BY s.id DESC LIMIT 1", 1, "mariadb"},
		{"a table under two names", "DELETE a, b FROM stock a, stock b WHERE a.code='y' AND b.code='z'", 2, ""},
	} {
		stale := conflict(found)
		scenarios = append(scenarios, scenario{name: w.name, setup: stockroom + "; CREATE VIEW seen AS SELECT id FROM picks", policy: byStock, only: w.only, steps: []step{
			read,
			do(B, "UPDATE stock SET n=50 WHERE id=2", affects(1)),
			do(A, w.sql, stale),
			do(direct, "SELECT n, version FROM stock ORDER BY id", gives("10|1", "50|2", "10|1")),
			read,
			do(A, w.sql, affects(w.affected)),
		}})
	}
	scenarios = append(scenarios, scenario{name: "only the other table is written", setup: stockroom, policy: byStock, steps: []step{
		read,
		do(B, "UPDATE stock SET n=50 WHERE id=2", affects(1)),
		do(A, "UPDATE stock s JOIN picks p ON p.id=s.id SET x=9", affects(2)),
		do(A, "DELETE p FROM stock s JOIN picks p ON p.id=s.id", affects(2)),
		do(direct, "SELECT n, version FROM stock ORDER BY id", gives("10|1", "50|2", "10|1")),
	}})
	play(t, scenarios)
}
