package integration

import "testing"

// TestUnreadRefusedNeedsARow: a write whose own condition picks no row stays one of
// zero rows where unread rows are refused, whether it names its row by the key or not.
func TestUnreadRefusedNeedsARow(t *testing.T) {
	const setup = `CREATE TABLE goods(id INT PRIMARY KEY, n INT, version INT NOT NULL DEFAULT 1); INSERT INTO goods(id, n) VALUES (1, 5), (2, 5);
		CREATE TABLE plain(id INT PRIMARY KEY, n INT); INSERT INTO plain VALUES (1, 5)`
	const policy = `defaults: {unread: refuse}
tables:
  shop.goods: {version: version}
  shop.plain: {version: {digest: all}}
`
	unwritten := do(direct, "SELECT * FROM goods", gives("1|5|1", "2|5|1"))
	play(t, []scenario{
		{name: "no row is zero rows", setup: setup, policy: policy, steps: []step{
			do(A, "UPDATE goods SET n = 1 WHERE id = 9", affects(0)),
			do(A, "UPDATE goods SET n = ? WHERE id = ?", affects(0), 1, 9),
			do(A, "UPDATE goods SET n = 1 WHERE id = 1 AND n > 5", affects(0)),
			do(A, "DELETE FROM goods WHERE id = ? AND n > ?", affects(0), 1, 5),
			do(A, "SELECT ROW_COUNT()", gives("0")),
			do(A, "DELETE FROM plain WHERE id = 9", affects(0)),
			do(A, "UPDATE goods SET n = 1 WHERE id IN (8, 9)", affects(0)),
			unwritten,
		}},
		{name: "a row is unread", setup: setup, policy: policy, steps: []step{
			do(A, "UPDATE goods SET n = 1 WHERE id = 1 AND n = 5", unread("unread row on shop.goods id=1: ")),
			do(A, "DELETE FROM goods WHERE id = ?", unread("unread row on shop.goods id=1: "), 1),
			do(A, "DELETE FROM plain WHERE id = 1", unread("unread row on shop.plain id=1: ")),
			unwritten,
		}},
		{name: "the transaction goes on", setup: setup, policy: policy, steps: []step{
			do(A, "BEGIN", affects(0)),
			do(A, "UPDATE goods SET n = 1 WHERE id = 9", affects(0)),
			do(A, "SELECT n FROM goods WHERE id = 2", gives("5")),
			do(A, "UPDATE goods SET n = 6 WHERE id = 2", affects(1)),
			do(A, "COMMIT", affects(0)),
			do(direct, "SELECT * FROM goods", gives("1|5|1", "2|6|2")),
		}},
		{name: "one that was read long ago is refused though it is gone", setup: setup, policy: "tables: {shop.goods: {version: version, read_ttl: 1ms}}", steps: []step{
			do(A, "SELECT n FROM goods WHERE id = 1", gives("5")),
			do(direct, "DELETE FROM goods WHERE id = 1", affects(1)),
			do(direct, "DO SLEEP(0.01)", fine),
			do(A, "UPDATE goods SET n = 6 WHERE id = 1", unread("reads count for 1ms")),
			do(A, "UPDATE goods SET n = 6 WHERE id = 2 AND n > 5", affects(0)),
		}},
		{name: "a row that the snapshot does not show", setup: setup, policy: policy, steps: []step{
			do(A, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", affects(0)),
			do(A, "BEGIN", affects(0)),
			do(A, "SELECT COUNT(*) FROM goods", gives("2")),
			do(direct, "INSERT INTO goods(id, n) VALUES (9, 5)", affects(1)),
			do(A, "UPDATE goods SET n = 1 WHERE id = 9", unread("unread row on shop.goods id=9: ")),
			do(A, "ROLLBACK", affects(0)),
		}},
	})
}
