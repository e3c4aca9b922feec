package integration

import (
	"strings"
	"testing"
)

// TestUpsertInEverySession has upserts in the ways in which sessions differ: scopes,
// savepoints, several statements in a text, statements prepared at SQL level, modes.
func TestUpsertInEverySession(t *testing.T) {
	const (
		write1   = "INSERT INTO stock(id, n) VALUES (1, 11) ON DUPLICATE KEY UPDATE n=VALUES(n)"
		replace2 = "REPLACE INTO stock(id, n) VALUES (2, 22)"
		read     = "SELECT n FROM stock"
	)
	long := strings.Repeat("x", 9000)
	play(t, []scenario{
		{name: "of a context", setup: stock, policy: "tables: {shop.stock: {version: version, scope: context}}", steps: []step{
			do(A, "SET @ifmatch_context = 'u1'", fine),
			do(A, read, gives("10", "20", "30")),
			do(B, "UPDATE stock SET n=5 WHERE id=1", affects(1)),
			do(B, "SET @ifmatch_context = 'u1'", fine),
			do(B, read, gives("5", "20", "30")),
			do(B, write1, conflict("expected version=1, found version=2")),
			do(B, "SET @ifmatch_context = 'u1'", fine),
			do(B, "INSERT INTO stock(id, n) VALUES (?, ?) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2), 2, 21),
			do(B, replace2, affects(2)),
			do(B, "REPLACE INTO stock(id, n) SELECT 2, 23", affects(2)),
			stockIs("1|5|2", "2|23|4", "3|30|1"),
		}},
		{name: "of a transaction", setup: stock, policy: "tables: {shop.stock: {version: version, scope: transaction}}", steps: []step{
			do(A, read, gives("10", "20", "30")),
			do(A, "SET @none = 0 /*M!101108 , innodb_snapshot_isolation = OFF */", fine), // docs/limits.md has what it does to upserts
			do(B, "UPDATE stock SET n=5 WHERE id=1", affects(1)),
			do(A, write1, affects(2)),
			do(A, "BEGIN", fine),
			do(A, read, gives("11", "20", "30")),
			do(A, replace2, affects(2)),
			do(B, "UPDATE stock SET n=5 WHERE id=1", affects(1)),
			do(A, write1, conflict("expected version=3, found version=4")),
			do(A, "ROLLBACK", fine),
			do(A, write1, affects(2)),
			stockIs("1|11|5", "2|20|1", "3|30|1"),
		}},
		{name: "with savepoints", setup: stock, policy: stocked, steps: []step{
			do(A, read, gives("10", "20", "30")),
			do(B, "UPDATE stock SET n=5 WHERE id=1", affects(1)),
			do(A, "BEGIN", fine),
			do(A, "SAVEPOINT s", fine),
			do(A, replace2, affects(2)),
			do(A, "SAVEPOINT t", fine),
			do(A, write1, conflict("expected version=1, found version=2")),
			do(A, "ROLLBACK TO t", fine),
			do(A, "UPDATE stock SET n=23 WHERE id=2", affects(1)),
			do(A, "ROLLBACK TO s", fine),
			do(A, replace2, affects(2)),
			do(A, "COMMIT", fine),
			stockIs("1|5|2", "2|22|2", "3|30|1"),
		}},
		{name: "in a text of several statements", setup: stock, policy: stocked, params: "multiStatements=true", steps: []step{
			do(A, read, gives("10", "20", "30")),
			do(A, write1+"; "+replace2+"; "+write1, fine),
			do(B, "UPDATE stock SET n=5 WHERE id=1", affects(1)),
			do(A, replace2+"; "+write1+"; UPDATE stock SET n=33 WHERE id=3", conflict("expected version=3, found version=4")),
			stockIs("1|5|4", "2|22|3", "3|30|1"),
		}},
		{name: "prepared at SQL level", setup: stock, policy: stocked, steps: []step{
			do(A, read, gives("10", "20", "30")),
			do(A, "PREPARE p FROM 'INSERT INTO stock(id, n) VALUES (?, ?) ON DUPLICATE KEY UPDATE n=VALUES(n)'", fine),
			do(A, "PREPARE q FROM 'REPLACE INTO stock(id, n) VALUES (?, ?)'", fine),
			do(A, "SET @one=1, @two=2, @n=12", fine),
			do(A, "EXECUTE p USING @one, @n", affects(2)),
			do(A, "EXECUTE q USING @two, @n", affects(2)),
			do(B, "UPDATE stock SET n=5 WHERE id<3", affects(2)),
			do(A, "EXECUTE p USING @one, @n", conflict("id=1: expected version=2, found version=3")),
			do(A, "EXECUTE q USING @two, @n", conflict("id=2: expected version=2, found version=3")),
			stockIs("1|5|3", "2|5|3", "3|30|1"),
		}},
		{name: "without strict modes, in other quotes", setup: stock, policy: stocked, steps: []step{
			do(A, "SET SESSION sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", fine),
			do(A, read, gives("10", "20", "30")),
			do(A, `INSERT INTO "stock"("id", "n") VALUES ('1', '11') ON DUPLICATE KEY UPDATE "n"=VALUES("n")`, affects(2)),
			do(A, `INSERT INTO stock(id, n) VALUES ('2x', 22) ON DUPLICATE KEY UPDATE n=VALUES(n)`, affects(2)),
			do(B, "UPDATE stock SET n=5 WHERE id=1", affects(1)),
			do(A, `INSERT IGNORE INTO "stock"("id", "n") VALUES ('1', '11') ON DUPLICATE KEY UPDATE "n"=VALUES("n")`, conflict("id=1: expected version=2, found version=3")),
			do(A, `REPLACE INTO "stock"("id", "n") VALUES ('1', '11')`, conflict("id=1: expected version=2, found version=3")),
			do(A, `INSERT INTO stock(id, n) VALUES (1.4, 11) ON DUPLICATE KEY UPDATE n=VALUES(n)`, func(o outcome) string {
				if o.err == nil || !strings.Contains(o.err.Error(), "ifmatch: ") {
					return "the row that a rounded key meets was written"
				}
				return ""
			}),
			stockIs("1|5|3", "2|22|2", "3|30|1"),
		}},
		{name: "under LOCK TABLES", setup: stock, policy: stocked, steps: []step{
			do(A, read, gives("10", "20", "30")),
			do(B, "UPDATE stock SET n=5 WHERE id=1", affects(1)),
			do(A, "LOCK TABLES stock WRITE", fine),
			do(A, "INSERT INTO stock(id, n) VALUES (2, 21) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2)),
			do(A, write1, conflict("expected version=1, found version=2")),
			do(A, replace2, refused("LOCK TABLES")),
			do(A, "UNLOCK TABLES", fine),
			stockIs("1|5|2", "2|21|2", "3|30|1"),
		}},
		{name: "with parameters sent apart", setup: "CREATE TABLE notes(id INT PRIMARY KEY, n TEXT, version INT NOT NULL DEFAULT 1); INSERT INTO notes VALUES (1, 'a', 1), (2, 'b', 1)",
			policy: "tables: {shop.notes: {version: version}}", params: "maxAllowedPacket=16384", steps: []step{
				do(A, "INSERT INTO notes(id, n) VALUES (?, ?) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2), 1, long),
				do(A, "SELECT id FROM notes WHERE id=1", gives("1")),
				do(A, "INSERT INTO notes(id, n) VALUES (?, ?) ON DUPLICATE KEY UPDATE n=VALUES(n)", refused("long data"), 1, long),
				do(A, "REPLACE INTO notes(id, n) VALUES (?, ?)", refused("long data"), 1, long),
				do(A, "INSERT INTO notes(id, n) VALUES (?, ?) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2), 1, "short"),
				do(A, "REPLACE INTO notes(id, n) VALUES (?, ?)", affects(1), 3, long),
				do(direct, "SELECT id, LENGTH(n), version FROM notes ORDER BY id", gives("1|5|3", "2|1|1", "3|9000|1")),
			}},
		{name: "while it is observed", setup: stock, policy: "tables: {shop.stock: {version: version, mode: observe}}", flags: patient, steps: []step{
			do(A, read, gives("10", "20", "30")),
			do(A, write1, affects(2)),
			do(A, replace2, affects(2)),
			do(A, "INSERT INTO stock(id, n) VALUES (?, ?) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2), 3, 31),
			do(A, "UPDATE stock SET n=12 WHERE id=1", affects(1)),
			status(0, 1, 0, 0), // what it writes of an observed table is not known
			stockIs("1|12|1", "2|22|1", "3|31|1"),
		}},
		{name: "that may not be rolled back to a savepoint of its own", setup: stock, policy: stocked, steps: []step{
			do(A, "BEGIN", fine),
			do(A, replace2, affects(2)),
			do(A, "SAVEPOINT mine", fine),
			do(A, "REPLACE INTO stock(id, n) VALUES (8, 8), (8, 9)", refused("could not be found")),
			do(A, "REPLACE INTO stock(id, n) VALUES (9, 9)", affects(1)),
			do(A, "COMMIT", fine),
			stockIs("1|10|1", "2|22|2", "3|30|1", "9|9|1"),
		}},
		{name: "that an account lets pass", setup: stock, policy: "accounts: {root: off}\ntables: {shop.stock: {version: version}}", steps: []step{
			do(A, replace2, affects(2)),
			do(A, write1, affects(2)),
			stockIs("1|11|1", "2|22|1", "3|30|1"),
		}},
	})
}
