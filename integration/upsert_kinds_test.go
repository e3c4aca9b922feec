package integration

import "testing"

// TestUpsertOfEveryKindOfVersion holds upserts against versions that are no plain
// numbers, and conditions.
func TestUpsertOfEveryKindOfVersion(t *testing.T) {
	const (
		upsert1  = "INSERT INTO rows_(id, n) VALUES (1, 11) ON DUPLICATE KEY UPDATE n=VALUES(n)"
		upsert1p = "INSERT INTO rows_(id, n) VALUES (?, ?) ON DUPLICATE KEY UPDATE n=VALUES(n)"
		replace1 = "REPLACE INTO rows_(id, n) VALUES (1, 11)"
		read1    = "SELECT n FROM rows_ WHERE id=1"
	)
	// used holds all that a version has to do for an upsert.
	used := func(version string) []step {
		return []step{
			do(A, read1, fine),
			do(A, upsert1, affects(2)),
			do(A, upsert1p, affects(2), 1, 12),
			do(A, "UPDATE rows_ SET n=13 WHERE id=1", affects(1)),
			do(A, "REPLACE INTO rows_(id, n) VALUES (1, 14)", affects(2)),
			do(A, "REPLACE INTO rows_(id, n) VALUES (?, ?)", affects(2), 1, 15),
			do(B, read1, gives("15")),
			do(A, "UPDATE rows_ SET n=16 WHERE id=1", affects(1)),
			do(B, upsert1, conflict("id=1: expected "+version)),
			do(B, upsert1p, conflict("id=1: expected "+version), 1, 12),
			do(B, replace1, conflict("id=1: expected "+version)),
			do(B, "REPLACE INTO rows_(id, n) VALUES (?, ?)", conflict("id=1: expected "+version), 1, 12),
			do(B, "INSERT INTO rows_(id, n) VALUES (2, 12) ON DUPLICATE KEY UPDATE n=VALUES(n)", affects(1)),
			do(B, "REPLACE INTO rows_(id, n) VALUES (3, 12)", affects(1)),
			do(A, upsert1, affects(2)),
			do(A, "UPDATE rows_ SET n=17 WHERE id=2", affects(1)),
			do(A, "UPDATE rows_ SET n=17 WHERE id=3", affects(1)),
			do(B, "UPDATE rows_ SET n=18 WHERE id=2", conflict("id=2: expected "+version)),
			do(B, "UPDATE rows_ SET n=18 WHERE id=3", conflict("id=3: expected "+version)),
			do(direct, "SELECT id, n FROM rows_ ORDER BY id", gives("1|11", "2|17", "3|17")),
		}
	}
	play(t, []scenario{
		{name: "digest", setup: "CREATE TABLE rows_(id INT PRIMARY KEY, n INT, note TEXT NULL); INSERT INTO rows_ VALUES (1, 10, 'x')",
			policy: "tables: {shop.rows_: {version: {digest: all}}}", steps: used("digest=")},
		{name: "uuid", setup: "CREATE TABLE rows_(id INT PRIMARY KEY, n INT, etag CHAR(36) NOT NULL DEFAULT 'new'); INSERT INTO rows_ VALUES (1, 10, 'x')",
			policy: "tables: {shop.rows_: {version: {column: etag, bump: uuid}}}", steps: used("etag=")},
		{name: "uuid in bytes", setup: "CREATE TABLE rows_(id INT PRIMARY KEY, n INT, etag BINARY(16) NULL); INSERT INTO rows_ VALUES (1, 10, NULL)",
			policy: "tables: {shop.rows_: {version: {column: etag, bump: uuid}}}", steps: used("etag=")},
		{name: "now", setup: "CREATE TABLE rows_(id INT PRIMARY KEY, n INT, at DATETIME(3) NOT NULL DEFAULT '2020-01-01'); INSERT INTO rows_ VALUES (1, 10, '2020-01-01')",
			policy: "tables: {shop.rows_: {version: at}}", steps: used("at=")},
		{name: "now in the future", setup: "CREATE TABLE rows_(id INT PRIMARY KEY, n INT, at TIMESTAMP NOT NULL DEFAULT '2020-01-01'); INSERT INTO rows_ VALUES (1, 10, '2036-01-01 00:00:00')",
			policy: "tables: {shop.rows_: {version: at}}", steps: append(used("at="),
				do(direct, "SELECT at > '2036-01-01 00:00:05' FROM rows_ WHERE id=1", gives("1")))},
		{name: "that can be NULL", setup: "CREATE TABLE rows_(id INT PRIMARY KEY, n INT, version INT NULL); INSERT INTO rows_ VALUES (1, 10, NULL)",
			policy: "tables: {shop.rows_: {version: version}}", steps: used("version=")},
		{name: "whose new rows have an expression", setup: "CREATE TABLE rows_(id INT PRIMARY KEY, n INT, version BIGINT NOT NULL DEFAULT (1000 + 1)); INSERT INTO rows_(id, n) VALUES (1, 10)",
			policy: "tables: {shop.rows_: {version: version}}", steps: used("version=")},
		{name: "with a term", setup: "CREATE TABLE rows_(id INT PRIMARY KEY, n INT, seq INT NOT NULL DEFAULT 1, term INT NOT NULL DEFAULT 1); INSERT INTO rows_(id, n) VALUES (1, 10)",
			policy: "tables: {shop.rows_: {version: {column: seq, term: term}}}", steps: append(used("seq="),
				do(A, "INSERT INTO rows_(id, n, seq, term) VALUES (1, 1, 8, 2) ON DUPLICATE KEY UPDATE n=VALUES(n), seq=VALUES(seq), term=VALUES(term)", conflict("id=1: expected seq=8, term=2, found seq=8, term=1")),
				do(A, "INSERT INTO rows_(id, n, seq, term) VALUES (1, 1, 8, 1) ON DUPLICATE KEY UPDATE n=VALUES(n), seq=VALUES(seq), term=VALUES(term)", affects(2)),
				do(A, "REPLACE INTO rows_(id, n, seq, term) VALUES (1, 1, 9, 2)", conflict("id=1: expected seq=9, term=2, found seq=9, term=1")),
				do(A, "REPLACE INTO rows_(id, n, seq, term) VALUES (1, 11, 9, 1)", affects(2)))},
		{name: "by a trigger", setup: `CREATE TABLE rows_(id INT PRIMARY KEY, n INT, version INT NOT NULL DEFAULT 1);
			INSERT INTO rows_(id, n) VALUES (1, 10);
			CREATE TRIGGER up BEFORE UPDATE ON rows_ FOR EACH ROW SET NEW.version = OLD.version + 1`,
			policy: "tables: {shop.rows_: {version: {column: version, bump: none}}}", steps: []step{
				do(A, read1, fine),
				do(A, upsert1, affects(2)),
				do(A, upsert1p, affects(2), 1, 12),
				do(B, "UPDATE rows_ SET n=16 WHERE id=1", affects(1)),
				do(A, upsert1, conflict("id=1: expected version=3, found version=4")),
				do(A, replace1, refused("whose version a trigger gives")),
			}},
		{name: "that the writer brings", setup: "CREATE TABLE rows_(id INT PRIMARY KEY, n INT, version INT NULL); INSERT INTO rows_(id, n, version) VALUES (1, 10, 5)",
			policy: "tables: {shop.rows_: {version: {column: version, external: gt}}}", steps: []step{
				do(A, upsert1, refused("VALUES(version)")),
				do(A, replace1, refused("external version")),
				do(A, "INSERT INTO rows_(id, n, version) VALUES (1, 11, 5) ON DUPLICATE KEY UPDATE n=VALUES(n), version=VALUES(version)", conflict("id=1: expected version<5, found version=5")),
				do(A, "INSERT INTO rows_(id, n, version) VALUES (1, 11, 7) ON DUPLICATE KEY UPDATE n=VALUES(n), version=VALUES(version)", affects(2)),
				do(A, "INSERT INTO rows_(id, n, version) VALUES (?, ?, ?), (?, ?, ?) ON DUPLICATE KEY UPDATE n=VALUES(n), version=VALUES(version)", affects(3), 1, 12, 8, 2, 22, 3),
				do(A, "INSERT INTO rows_(id, n, version) VALUES (?, ?, ?), (?, ?, ?) ON DUPLICATE KEY UPDATE n=VALUES(n), version=VALUES(version)", conflict("id=2: expected version<3, found version=3"), 1, 12, 9, 2, 22, 3),
				do(A, "INSERT INTO rows_(id, n, version) VALUES (1, 11, 'x') ON DUPLICATE KEY UPDATE n=VALUES(n), version=VALUES(version)", refused("whole number")),
				do(A, "REPLACE INTO rows_(id, n, version) VALUES (1, 13, 8)", conflict("id=1: expected version<8, found version=8")),
				do(A, "REPLACE INTO rows_(id, n, version) VALUES (1, 13, 9)", affects(2)),
				do(A, "REPLACE INTO rows_(id, n, version) VALUES (?, ?, ?)", affects(1), 3, 33, 1),
				do(direct, "SELECT id, n, version FROM rows_ ORDER BY id", gives("1|13|9", "2|22|3", "3|33|1")),
			}},
	})
}

const crates = `
CREATE TABLE crates(id INT PRIMARY KEY, name VARCHAR(9) NULL UNIQUE, status VARCHAR(20) NOT NULL, was VARCHAR(20) NULL, deleted INT NOT NULL DEFAULT 0, version INT NOT NULL DEFAULT 1);
INSERT INTO crates(id, name, status) VALUES (1, 'a', 'available'), (2, 'b', 'in-use'), (3, 'c', 'error');
INSERT INTO crates(id, name, status, deleted) VALUES (4, 'd', 'available', 1)`

const cratesPolicy = `
tables:
  shop.crates:
    version: version
    require: {deleted: 0}
    status:
      column: status
      initial: [creating, available]
      transitions:
        - {to: deleting, from: [available, error], set: {was: status}}
        - {to: [in-use, available], from: [available, in-use], unless: EXISTS (SELECT 1 FROM crates c WHERE c.name = 'lock' AND c.id <> crates.id)}
      delete: {from: [error, deleting]}`

func TestUpsertAgainstTheStatus(t *testing.T) {
	const given = "INSERT INTO crates(id, status) VALUES (?, ?) ON DUPLICATE KEY UPDATE status=VALUES(status)"
	statusFails := func(has ...string) want { return fails(1644, "45000", has...) }
	play(t, []scenario{{name: "machine", setup: crates, policy: cratesPolicy, steps: []step{
		do(A, "INSERT INTO crates(id, status) VALUES (1, 'available') ON DUPLICATE KEY UPDATE status='deleting'", affects(2)),
		do(A, "INSERT INTO crates(id, status) VALUES (2, 'available') ON DUPLICATE KEY UPDATE status='deleting'",
			statusFails("ifmatch: status conflict on shop.crates id=2: status is 'in-use', 'deleting' may follow 'available', 'error'")),
		do(A, "INSERT INTO crates(id, status) VALUES (9, 'deleting') ON DUPLICATE KEY UPDATE status='in-use'",
			statusFails("ifmatch: status conflict on shop.crates id=9: status is 'deleting', an INSERT may give 'creating', 'available'")),
		do(A, "INSERT INTO crates(id, status) VALUES (1, 'available') ON DUPLICATE KEY UPDATE status=VALUES(status)",
			statusFails("id=1: status is 'deleting', 'available' may follow 'available', 'in-use'")),
		do(A, given, statusFails("id=3: status is 'error', 'available' may follow 'available', 'in-use'"), 3, "available"),
		do(A, given, affects(2), 2, "available"),
		do(A, given, statusFails("an INSERT may give"), 2, "in-use"),
		do(A, "INSERT INTO crates(id, status) VALUES (?, 'available') ON DUPLICATE KEY UPDATE status=?", affects(2), 2, "in-use"),
		do(A, "INSERT INTO crates(id, status) VALUES (?, 'available') ON DUPLICATE KEY UPDATE status=?", affects(2), 3, "deleting"),
		do(A, "INSERT INTO crates(id, status) VALUES (1, 'available'), (2, 'creating') ON DUPLICATE KEY UPDATE status=VALUES(status)", refused("different values")),
		do(A, "INSERT INTO crates(id, status) VALUES (4, 'available') ON DUPLICATE KEY UPDATE name='x'", statusFails("id=4: require deleted failed")),
		do(A, "INSERT INTO crates(id, name, status) VALUES (NULL, 'd', 'available') ON DUPLICATE KEY UPDATE name='x'", func(o outcome) string {
			if o.err == nil {
				return "no error"
			}
			return ""
		}),
		do(A, "INSERT INTO crates(id, name, status) VALUES (9, 'd', 'available') ON DUPLICATE KEY UPDATE name='x'", statusFails("id=4: require deleted failed")),
		do(A, "INSERT INTO crates(id, name, status) VALUES (5, 'e', 'available') ON DUPLICATE KEY UPDATE status='in-use'", affects(1)),
		do(A, "INSERT INTO crates(id, name, status) VALUES (5, 'e', 'available') ON DUPLICATE KEY UPDATE status='in-use'", affects(2)),
		do(A, "INSERT INTO crates(id, status) SELECT 6, 'available' ON DUPLICATE KEY UPDATE status='in-use'", refused("which state its rows get cannot be known")),
		do(direct, "INSERT INTO crates(id, name, status) VALUES (8, 'lock', 'available')", affects(1)),
		do(A, "INSERT INTO crates(id, name, status) VALUES (5, 'e', 'available') ON DUPLICATE KEY UPDATE status='in-use'", statusFails("unless 1 failed")),
		do(A, given, statusFails("unless 1 failed"), 5, "available"),
		do(direct, "DELETE FROM crates WHERE id=8", affects(1)),
		do(A, "REPLACE INTO crates(id, status) VALUES (2, 'available')", statusFails("id=2: status is 'in-use', REPLACE may follow 'error', 'deleting'")),
		do(A, "REPLACE INTO crates(id, status) VALUES (1, 'in-use')", statusFails("an INSERT may give")),
		do(A, "REPLACE INTO crates(id, status) VALUES (4, 'available')", statusFails("id=4: status is 'available', REPLACE may follow")),
		do(A, "REPLACE INTO crates(id, name, status) VALUES (1, 'a', 'creating')", affects(2)),
		do(direct, "SELECT id, name, status, was, version FROM crates ORDER BY id", gives("1|a|creating|NULL|3", "2|b|in-use|NULL|3", "3|c|deleting|error|2", "4|d|available|NULL|1", "5|e|in-use|NULL|2")),
	}}})
}
