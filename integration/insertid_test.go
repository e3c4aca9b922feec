package integration

import "testing"

// TestWriteOfTheRowJustInserted: LAST_INSERT_ID() in a condition is the session's
// own, so it can be asked for again where rows have to be checked, as long as the
// statement gives it no other value.
func TestWriteOfTheRowJustInserted(t *testing.T) {
	const setup = `CREATE TABLE goods(id INT AUTO_INCREMENT PRIMARY KEY, kind INT NULL, n INT, version INT NOT NULL DEFAULT 1); INSERT INTO goods(n) VALUES (1), (2);
		CREATE TABLE plain(id INT AUTO_INCREMENT PRIMARY KEY, n INT)`
	const policy = "tables:\n  shop.goods: {version: version}\n  shop.plain: {version: {digest: all}}\n"
	play(t, []scenario{
		{name: "as the key", setup: setup, policy: policy, steps: []step{
			do(A, "INSERT INTO goods(n) VALUES (5)", affects(1)),
			do(A, "UPDATE goods SET n = 6 WHERE id = LAST_INSERT_ID()", affects(1)),
			do(A, "UPDATE goods SET n = ? WHERE id = last_insert_id( )", affects(1), 7),
			do(B, "UPDATE goods SET n = 8 WHERE id = 3", affects(1)),
			do(A, "UPDATE goods SET n = 9 WHERE id = LAST_INSERT_ID()", conflict("id=3: expected version=3, found version=4")),
			do(A, "UPDATE goods SET n = LAST_INSERT_ID(n + 1) WHERE id = LAST_INSERT_ID()", refused("LAST_INSERT_ID()")),
			do(A, "SELECT LAST_INSERT_ID()", gives("3")),
			do(A, "SELECT n FROM goods WHERE id = 3", gives("8")),
			do(A, "DELETE FROM goods WHERE id = LAST_INSERT_ID()", affects(1)),
		}},
		{name: "beside the key", setup: setup, policy: policy, steps: []step{
			do(A, "INSERT INTO goods(n) VALUES (5)", affects(1)),
			do(A, "UPDATE goods SET kind = LAST_INSERT_ID() WHERE id = 1", affects(1)),
			do(A, "UPDATE goods SET n = 6 WHERE id = 1 AND kind = LAST_INSERT_ID()", affects(1)),
			do(A, "UPDATE goods SET n = 6 WHERE id = 2 AND kind = LAST_INSERT_ID()", affects(0)),
			do(A, "SELECT * FROM goods WHERE id = 1", gives("1|3|6|3")),
			do(B, "UPDATE goods SET n = 7 WHERE id = 1", affects(1)),
			do(A, "UPDATE goods SET n = 8 WHERE id = 1 AND kind = LAST_INSERT_ID()", conflict("expected version=3, found version=4")),
		}},
		{name: "with a digest, in a transaction", setup: setup, policy: policy, steps: []step{
			do(A, "BEGIN", affects(0)),
			do(A, "INSERT INTO plain(n) VALUES (5)", affects(1)),
			do(A, "UPDATE plain SET n = 6 WHERE id = LAST_INSERT_ID()", affects(1)),
			do(A, "UPDATE plain SET n = 7 WHERE id = LAST_INSERT_ID()", affects(1)),
			do(A, "COMMIT", affects(0)),
			do(direct, "SELECT n FROM plain", gives("7")),
		}},
	})
}
