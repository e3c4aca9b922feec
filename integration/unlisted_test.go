package integration

import "testing"

// TestInsertWithoutColumns: MySQL leaves the default of an INVISIBLE column out,
// where that is an expression and VALUES stands behind no list of columns. A row
// that is deleted and inserted again would then have the version it had before.
func TestInsertWithoutColumns(t *testing.T) {
	const setup = `CREATE TABLE goods(id INT PRIMARY KEY, name VARCHAR(20), version BIGINT UNSIGNED NOT NULL DEFAULT (1000 + 1) INVISIBLE);
		CREATE TABLE dated(id INT PRIMARY KEY, name VARCHAR(20), at DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) INVISIBLE);
		CREATE TABLE source(id INT PRIMARY KEY, name VARCHAR(20)); INSERT INTO source VALUES (12, 's')`
	const policy = "tables:\n  shop.goods: {version: version}\n  shop.dated: {version: at}\n"
	play(t, []scenario{
		{name: "new rows begin with the default", setup: setup, policy: policy, steps: []step{
			do(A, "INSERT INTO goods VALUES (1, 'a'), (2, 'b')", affects(2)),
			do(A, "INSERT INTO goods VALUES (?, ?)", affects(1), 3, "c"),
			do(A, "INSERT shop.goods () VALUE (4, 'd') /* d */", affects(1)),
			do(A, "REPLACE INTO goods VALUES (5, 'e')", affects(1)),
			do(A, "REPLACE INTO goods VALUES (?, ?)", affects(1), 6, "f"),
			do(A, "INSERT INTO goods VALUES (7, 'g') ON DUPLICATE KEY UPDATE name = 'x'", affects(1)),
			do(A, "INSERT INTO goods VALUES (?, ?) ON DUPLICATE KEY UPDATE name = 'x'", affects(1), 8, "h"),
			do(A, "PREPARE q FROM 'INSERT INTO goods VALUES (?, 9)'", affects(0)),
			do(A, "SET @id = 9", affects(0)),
			do(A, "EXECUTE q USING @id", affects(1)),
			do(A, "INSERT INTO goods SELECT * FROM source", affects(1)),
			do(direct, "SELECT COUNT(*), MIN(version), MAX(version) FROM goods", gives("10|1001|1001")),
			do(A, "INSERT INTO dated VALUES (1, 'a')", affects(1)),
			do(A, "INSERT INTO dated VALUES (?, ?)", affects(1), 2, "b"),
			do(direct, "SELECT COUNT(*) FROM dated WHERE YEAR(at) > 2000", gives("2")),
		}},
		{name: "they count as read, and a wrong number of values is the server's error", setup: setup, policy: policy, steps: []step{
			do(A, "INSERT INTO goods VALUES (1, 'a')", affects(1)),
			do(B, "UPDATE goods SET name = 'b' WHERE id = 1", affects(1)),
			do(A, "UPDATE goods SET name = 'c' WHERE id = 1", conflict("expected version=1001, found version=1002")),
			do(A, "INSERT INTO goods VALUES (2, 'a', 3)", fails(1136, "21S01", "")),
			do(A, "INSERT INTO goods VALUES (1, 'a')", fails(1062, "23000", "")),
		}},
	})
}
