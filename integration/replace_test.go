package integration

import "testing"

func TestReplace(t *testing.T) {
	const write1 = "REPLACE INTO stock(id, n) VALUES (1, 11)"
	play(t, []scenario{
		{name: "is held against what was read", setup: stock, policy: stocked, steps: []step{
			do(A, "SELECT n FROM stock WHERE id=1", gives("10")),
			do(A, write1, affects(2)),
			do(A, "SELECT ROW_COUNT()", gives("2")),
			stockIs("1|11|2", "2|20|1", "3|30|1"),
			do(A, "UPDATE stock SET n=12 WHERE id=1", affects(1)),
			do(B, "UPDATE stock SET n=5 WHERE id=1", affects(1)),
			do(A, write1, conflict("ifmatch: version conflict on shop.stock id=1: expected version=3, found version=4")),
			do(A, "REPLACE INTO stock(id, n) VALUES (?, ?)", conflict("expected version=3, found version=4"), 1, 11),
			do(A, "SHOW WARNINGS", matches("Error|1020|ifmatch: version conflict")),
			stockIs("1|5|4", "2|20|1", "3|30|1"),
		}},
		{name: "of unread rows, in all its forms, raises the version", setup: stock, policy: stocked, steps: []step{
			do(A, write1, affects(2)),
			do(A, "REPLACE stock SET id=1, n=12", affects(2)),
			do(A, "REPLACE INTO stock(id, n) VALUES (?, ?)", affects(2), 1, 13),
			do(A, "REPLACE INTO stock VALUES (1, 14, NULL, 4)", affects(2)),
			do(A, "REPLACE INTO stock(version, id, n) VALUES (5, 1, 15)", affects(2)),
			do(A, "REPLACE stock SET id=?, version=?, n=16", affects(2), 1, 6),
			do(A, "REPLACE INTO stock(id, n, version) VALUES (1, 17, DEFAULT)", affects(2)),
			do(A, "REPLACE INTO stock(id, n, version) VALUES (1, 18, 1+1)", affects(2)),
			do(A, "REPLACE INTO stock VALUES (?, ?, NULL, ?)", affects(2), 1, 19, 9),
			stockIs("1|19|10", "2|20|1", "3|30|1"),
			do(A, "REPLACE INTO stock VALUES (1, 14, NULL, 5)", conflict("expected version=5, found version=10")),
		}},
		{name: "of several rows", setup: stock, policy: stocked, steps: []step{
			do(direct, "UPDATE stock SET version=7 WHERE id=2", affects(1)),
			do(A, "REPLACE INTO stock(id, n) VALUES (1, 11), (2, 21), (4, 41)", affects(5)),
			do(A, "REPLACE INTO stock VALUES (5, 51, NULL, 3), (1, 12, NULL, 8)", affects(3)),
			do(direct, "SELECT id, n, version>7 FROM stock ORDER BY id", gives("1|12|1", "2|21|1", "3|30|0", "4|41|1", "5|51|1")),
			do(A, "UPDATE stock SET n=0 WHERE id=4", affects(1)),
			do(B, "UPDATE stock SET n=1 WHERE id=2", affects(1)),
			do(A, "REPLACE INTO stock(id, n) VALUES (9, 9), (2, 22)", conflict("id=2: expected version=8, found version=9")),
			do(A, "SELECT COUNT(*) FROM stock WHERE id=9", gives("0")),
		}},
		{name: "of a row that was read and is gone", setup: stock, policy: stocked, steps: []step{
			do(A, "SELECT n FROM stock WHERE id=1", gives("10")),
			do(B, "DELETE FROM stock WHERE id=1", affects(1)),
			do(A, write1, conflict("id=1: expected version=1, found no row")),
			do(A, "REPLACE INTO stock(id, n) VALUES (?, ?)", conflict("id=1: expected version=1, found no row"), 1, 11),
			do(B, write1, affects(1)),
			stockIs("1|11|1", "2|20|1", "3|30|1"),
			do(B, "UPDATE stock SET n=12 WHERE id=1", affects(1)), // the new row counts as read
		}},
		{name: "with unread: refuse", setup: stock, policy: stockStrict, steps: []step{
			do(A, write1, unread("ifmatch: unread row on shop.stock id=1: ")),
			do(A, "REPLACE INTO stock(id, n) VALUES (?, ?)", unread("id=1"), 1, 12),
			do(A, "REPLACE INTO stock(id, n) VALUES (4, 1)", affects(1)),
			do(A, "REPLACE INTO stock(id, n) VALUES (4, 2)", affects(2)),
			do(A, "REPLACE /* ifmatch: version=1 */ INTO stock(id, n) VALUES (1, 12)", affects(2)),
			do(A, "REPLACE /* ifmatch: version=1 */ INTO stock(id, n) VALUES (1, 12)", conflict("expected version=1, found version=2")),
			stockIs("1|12|2", "2|20|1", "3|30|1", "4|2|2"),
		}},
		{name: "in a transaction", setup: stock, policy: stocked, steps: []step{
			do(A, "SELECT n FROM stock", gives("10", "20", "30")),
			do(A, "BEGIN", fine),
			do(A, write1, affects(2)),
			do(A, "REPLACE INTO stock(id, n) VALUES (?, ?)", affects(2), 1, 12),
			do(A, "SHOW WARNINGS", gives()),
			do(A, "ROLLBACK", fine),
			do(A, write1, affects(2)),
			do(B, "UPDATE stock SET n=21 WHERE id=2", affects(1)),
			do(A, "BEGIN", fine),
			do(A, write1, affects(2)),
			do(A, "REPLACE INTO stock(id, n) VALUES (2, 22)", conflict("expected version=1, found version=2")),
			do(A, "COMMIT", doomed()),
			stockIs("1|11|2", "2|21|2", "3|30|1"),
		}},
		{name: "by another key", setup: users, policy: usersByVersion, steps: []step{
			do(A, "SELECT name FROM users", gives("Ann", "Bob", "Cyd")),
			do(A, "REPLACE INTO users(mail, name) VALUES ('ann@x', 'Anna')", affects(2)),
			usersAre("2|bob@x|Bob|1", "3|NULL|Cyd|1", "4|ann@x|Anna|2"),
			do(A, "UPDATE users SET name='Anne' WHERE id=4", affects(1)),
			do(B, "UPDATE users SET name='Rob' WHERE id=2", affects(1)),
			do(A, "REPLACE INTO users(mail, name) VALUES ('bob@x', 'Bobby')", conflict("id=2: expected version=1, found version=2")),
			do(A, "REPLACE INTO users(id, mail, name) VALUES (?, ?, ?)", conflict("id=2: expected version=1, found version=2"), 3, "bob@x", "Bobby"),
			do(B, "REPLACE INTO users(id, mail, name) VALUES (3, 'bob@x', 'Bobby')", affects(3)),
			do(A, "REPLACE INTO users(mail, name) VALUES (NULL, 'Dan')", affects(1)),
			do(direct, "SELECT mail, name, version FROM users ORDER BY id", gives("bob@x|Bobby|3", "ann@x|Anne|3", "NULL|Dan|1")),
		}},
		{name: "where the version is hidden", only: "mysql", setup: `CREATE TABLE stock(id INT PRIMARY KEY, n INT, version BIGINT NOT NULL DEFAULT 1 INVISIBLE);
			INSERT INTO stock VALUES (1, 10)`, policy: stocked0, steps: []step{
			do(A, "REPLACE INTO stock VALUES (1, 11)", affects(2)),
			do(A, "REPLACE INTO stock VALUES(?, ?)", affects(2), 1, 12),
			do(A, "REPLACE stock SET id=1, n=13", affects(2)),
			do(A, "INSERT INTO stock VALUES (1, 14) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2)),
			stockIs("1|14|5"),
		}},
		{name: "what cannot be proved is refused", setup: stock, policy: stocked, steps: []step{
			do(A, "REPLACE INTO stock(id, n) SELECT 1, 2", refused("REPLACE … SELECT")),
			do(A, "REPLACE INTO stock(id, n) VALUES (1, 2), (1, 3)", refused("by a key by which it could not be found")),
			do(A, "REPLACE INTO stock(id, n) VALUES (8, 2), (8, 3)", refused("by a key by which it could not be found")),
			do(A, "REPLACE INTO stock(id, n) VALUES (1, 2) /*! , (2, 3) */", refused("executable comment")),
			stockIs("1|10|1", "2|20|1", "3|30|1"),
		}},
		{name: "in the small", setup: `CREATE TABLE stock(id INT PRIMARY KEY, n INT, version TINYINT NOT NULL DEFAULT 1); INSERT INTO stock VALUES (1, 10, 127), (2, 20, -5)`, policy: stocked0, steps: []step{
			do(A, write1, refused("the greatest that its column holds")),
			do(A, "INSERT INTO stock(id, n) VALUES (1, 11) ON DUPLICATE KEY UPDATE n=VALUES(n)", refused("the greatest that its column holds")),
			do(A, "INSERT INTO stock(id, n) VALUES (?, 11) ON DUPLICATE KEY UPDATE n=VALUES(n)", refused("the greatest that its column holds"), 1),
			do(A, "REPLACE INTO stock(id, n) VALUES (2, 11)", affects(2)),
			do(A, "INSERT INTO stock(id, n) VALUES (2, 12) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(2)),
			stockIs("1|10|127", "2|12|-3"),
		}},
	})
}

const stocked0 = "tables: {shop.stock: {version: version}}"
