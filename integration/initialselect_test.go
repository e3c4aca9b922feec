package integration

import "testing"

// TestInsertSelectOfAState: INSERT … SELECT gives all its rows one state where that is
// a constant or the column's default, and is held against `initial`; what each row
// brings is refused.
func TestInsertSelectOfAState(t *testing.T) {
	const setup = `CREATE TABLE jobs(id INT PRIMARY KEY, state VARCHAR(10) NOT NULL DEFAULT 'new', n INT, version INT NOT NULL DEFAULT 1);
		CREATE TABLE wishes(id INT PRIMARY KEY, state VARCHAR(10)); INSERT INTO wishes VALUES (1, 'new'), (2, 'done')`
	const policy = "tables: {shop.jobs: {version: version, status: {column: state, initial: [new], transitions: [{to: done, from: [new]}]}}}"
	states := do(direct, "SELECT id, state FROM jobs ORDER BY id", nil)
	holds := func(rows ...string) step { s := states; s.want = gives(rows...); return s }
	play(t, []scenario{{name: "INSERT … SELECT", setup: setup, policy: policy, steps: []step{
		do(A, "INSERT INTO jobs(id, state) SELECT id, 'new' FROM wishes", affects(2)),
		do(A, "INSERT INTO jobs(id) SELECT DISTINCT id + 10 FROM wishes WHERE id = 1", affects(1)),
		do(A, "INSERT INTO jobs(id, state) SELECT id + ?, ? AS state FROM wishes LIMIT 1", affects(1), 20, "new"),
		do(A, "INSERT INTO jobs(id, state) SELECT id + 30, 'done' FROM wishes", fails(1644, "45000", "state is 'done', an INSERT may give 'new'")),
		do(A, "INSERT INTO jobs(id, state) SELECT id + ?, ? FROM wishes", fails(1644, "45000", "state is 'done'"), 30, "done"),
		do(A, "INSERT INTO jobs(id, state) SELECT id + 30, state FROM wishes", refused("which state its rows get")),
		do(A, "INSERT INTO jobs(id, state) SELECT 30, 'new' UNION SELECT 31, 'done'", refused()),
		do(A, "INSERT INTO jobs(id, state) SELECT COUNT(*) + 30, 'new' FROM wishes GROUP BY 2 WITH ROLLUP", refused()),
		holds("1|new", "2|new", "11|new", "21|new"),
		do(A, "UPDATE jobs SET state = 'done'", affects(4)),
	}}})
}
