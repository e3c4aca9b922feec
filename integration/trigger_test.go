package integration

import "testing"

// A trigger of the application's may store another version than the statement
// gives it. What a session's own write has left is then read, not foretold.
func TestTriggeredVersions(t *testing.T) {
	const setup = `CREATE TABLE t(id INT PRIMARY KEY, n INT, v INT NOT NULL DEFAULT 1); INSERT INTO t(id, n) VALUES (1, 0);
		CREATE TRIGGER twice BEFORE UPDATE ON t FOR EACH ROW SET NEW.v = OLD.v + 2`
	const policy = "tables:\n  shop.t: {version: v}\n"
	var steps []step
	for _, autocommit := range []string{"SET autocommit=1", "SET autocommit=0"} {
		steps = append(steps,
			do(A, autocommit, fine),
			do(A, "SELECT n FROM t WHERE id=1", fine),
			do(A, "UPDATE t SET n=n*2+1 WHERE id=1", affects(1)),
			do(A, "UPDATE t SET n=? WHERE id=?", affects(1), 5, 1),
			do(A, "UPDATE t SET n=n*2+1 WHERE id=1", affects(1)),
			do(A, "COMMIT", fine),
			do(A, "UPDATE t SET n=6 WHERE id=1", affects(1)),
			do(A, "COMMIT", fine),
			do(direct, "UPDATE t SET n=7 WHERE id=1", affects(1)),
			do(A, "UPDATE t SET n=8 WHERE id=1", conflict("expected v=")),
			do(A, "ROLLBACK", fine),
		)
	}
	play(t, []scenario{{name: "raises twice", setup: setup, policy: policy, steps: steps}})
}
