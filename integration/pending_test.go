package integration

import (
	"testing"
)

// disks is a table whose rows can be taken.
const disks = `CREATE TABLE disks (name VARCHAR(20) PRIMARY KEY, state VARCHAR(20) NULL, size INT, version BIGINT UNSIGNED NOT NULL DEFAULT 1);
	INSERT INTO disks (name, state, size) VALUES ('d1', 'AVAILABLE', 1), ('d2', 'IN_USE', 1), ('d3', NULL, 1)`

const disksPolicy = `
tables:
  shop.disks:
    version: version
    status: {column: state, otherwise: allow}
    pending: {value: PENDING, lease: 1h}
`

// taken is the error of a write to a row that somebody else has taken.
func taken(key string) want {
	return barred("disks name='" + key + "': state is 'PENDING', the row is taken by another writer")
}

// takingLost is the error of a write to a row that is no longer the writer's.
func takingLost(key, state string) want {
	return barred("disks name='" + key + "': state is " + state + ", the row is no longer taken by this writer")
}

// The ledger is shared by the cases; each looks at its own table only.
const ledgerRows = "SELECT row_text, status_before, versions FROM ifmatch.pending WHERE table_schema = 'shop' ORDER BY row_text"

func TestPending(t *testing.T) {
	state := func(key string) string { return "SELECT state, size, version FROM disks WHERE name = '" + key + "'" }
	play(t, []scenario{
		{
			name: "taken rows are the taker's", setup: disks, policy: disksPolicy,
			steps: []step{
				do(B, "SELECT * FROM disks", fine),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd1'", affects(1)),
				do(direct, state("d1"), gives("PENDING|1|2")),
				do(direct, ledgerRows, gives("name='d1'|'AVAILABLE'|2")),
				do(A, "SHOW IFMATCH PENDING", matches("shop.disks|name='d1'|'AVAILABLE'|2")),
				do(B, "UPDATE disks SET state = 'PENDING' WHERE name = 'd1'", taken("d1")),
				do(B, "UPDATE disks SET state = ? WHERE name = ?", taken("d1"), "PENDING", "d1"),
				do(B, "UPDATE disks SET size = 2 WHERE name = 'd1'", taken("d1")),
				do(B, "UPDATE disks SET size = size + 1 WHERE name = 'd1'", taken("d1")),
				do(B, "UPDATE disks SET size = ? WHERE name = ?", taken("d1"), 2, "d1"),
				do(B, "UPDATE disks SET state = 'IN_USE' WHERE name = 'd1'", taken("d1")),
				do(B, "DELETE FROM disks WHERE name = 'd1'", taken("d1")),
				do(B, "DELETE FROM disks WHERE name = ?", taken("d1"), "d1"),
				do(B, "UPDATE disks SET size = 7 WHERE name = 'd2'", affects(1)),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd1'", taken("d1")),
				do(A, "UPDATE disks SET size = 3 WHERE name = 'd1'", affects(1)),
				do(A, "UPDATE disks SET size = ? WHERE name = ?", affects(1), 4, "d1"),
				do(direct, ledgerRows, gives("name='d1'|'AVAILABLE'|3,4")),
				do(A, "UPDATE disks SET state = ? WHERE name = ?", affects(1), "IN_USE", "d1"),
				do(direct, ledgerRows, gives()),
				do(direct, state("d1"), gives("IN_USE|4|5")),
				do(A, "SHOW IFMATCH PENDING", gives()),
				do(B, "SELECT * FROM disks WHERE name = 'd1'", fine),
				do(B, "UPDATE disks SET size = 4 WHERE name = 'd1'", affects(1)),
				do(B, "UPDATE disks SET state = ? WHERE name = ?", affects(1), "PENDING", "d1"),
				do(A, "UPDATE disks SET size = 9 WHERE name = 'd1'", taken("d1")),
				do(B, "DELETE FROM disks WHERE name = 'd1'", affects(1)),
				do(direct, ledgerRows, gives()),
			},
		}, {
			name: "NULL before the taking, and what the taker left", setup: disks, policy: disksPolicy,
			steps: []step{
				do(A, "UPDATE disks SET state = 'PENDING', size = 5 WHERE name = 'd3'", affects(1)),
				do(A, "UPDATE disks SET size = 6 WHERE name = 'd3'", affects(1)),
				do(A, hangUp, nil),
				eventually(direct, state("d3"), gives("NULL|6|4")),
				do(direct, ledgerRows, gives()),
			},
		}, {
			name: "a birth", setup: disks, policy: disksPolicy,
			steps: []step{
				do(A, "INSERT INTO disks (name, state, size) VALUES ('n1', 'PENDING', 1), ('n2', 'AVAILABLE', 1), ('n3', 'PENDING', 3)", affects(2+1)),
				do(A, "INSERT INTO disks (name, state, size) VALUES (?, ?, ?)", affects(1), "n4", "PENDING", 4),
				do(direct, ledgerRows, gives("name='n1'|NULL|1", "name='n3'|NULL|1", "name='n4'|NULL|1")),
				do(B, "UPDATE disks SET size = 2 WHERE name = 'n1'", taken("n1")),
				do(A, "UPDATE disks SET size = 2 WHERE name = 'n1'", affects(1)),
				do(A, "UPDATE disks SET state = 'AVAILABLE' WHERE name = 'n1'", affects(1)),
				do(A, hangUp, nil),
				eventually(direct, "SELECT name FROM disks WHERE name LIKE 'n%' ORDER BY name", gives("n1", "n2")),
				do(B, "INSERT INTO disks (name, state, size) VALUES ('m1', 'pending', 1)", barred("'pending' is almost a state")),
				do(B, "INSERT INTO disks (name, state, size) SELECT 'm2', 'PENDING', 1", refused("which state its rows get cannot be known")),
				do(B, "INSERT IGNORE INTO disks (name, state, size) VALUES ('n1', 'PENDING', 1), ('m3', 'PENDING', 1)", refused("which rows this INSERT has taken cannot be told")),
				do(direct, "SELECT name FROM disks WHERE name LIKE 'm%'", gives()),
				do(direct, ledgerRows, gives()),
			},
		}, {
			name: "in a transaction", setup: disks, policy: disksPolicy,
			steps: []step{
				do(A, "BEGIN", fine),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd1'", affects(1)),
				do(A, "UPDATE disks SET size = 2 WHERE name = 'd1'", affects(1)),
				do(direct, ledgerRows, gives("name='d1'|'AVAILABLE'|2,3")),
				do(A, "ROLLBACK", fine),
				do(direct, ledgerRows, gives()),
				do(direct, state("d1"), gives("AVAILABLE|1|1")),
				do(A, "BEGIN", fine),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd1'", affects(1)),
				do(A, "INSERT INTO disks (name, state) VALUES ('n1', 'PENDING')", affects(1)),
				do(A, "COMMIT", fine),
				do(B, "UPDATE disks SET size = 2 WHERE name = 'd1'", taken("d1")),
				do(A, "BEGIN", fine),
				do(A, "UPDATE disks SET state = 'IN_USE' WHERE name = 'd1'", affects(1)),
				do(A, "UPDATE disks SET size = 8 WHERE name = 'd1'", affects(1)),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd1'", refused("the row was given back in this transaction")),
				do(A, "ROLLBACK", fine),
				do(B, "UPDATE disks SET size = 2 WHERE name = 'd1'", taken("d1")),
				do(A, "UPDATE disks SET size = 9 WHERE name = 'd1'", affects(1)),
				do(A, "BEGIN", fine),
				do(A, "UPDATE disks SET state = 'IN_USE' WHERE name = 'd1'", affects(1)),
				do(A, "COMMIT", fine),
				do(direct, ledgerRows, gives("name='n1'|NULL|1")),
				do(B, "UPDATE disks SET size = size + 1 WHERE name = 'd1'", affects(1)),
				do(A, hangUp, nil),
				eventually(direct, "SELECT name, state, size FROM disks ORDER BY name", gives("d1|IN_USE|10", "d2|IN_USE|1", "d3|NULL|1")),
			},
		}, {
			name: "savepoints", setup: disks, policy: disksPolicy,
			steps: []step{
				do(A, "BEGIN", fine),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd1'", affects(1)),
				do(A, "SAVEPOINT one", fine),
				do(A, "UPDATE disks SET size = 2 WHERE name = 'd1'", affects(1)),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd2'", affects(1)),
				do(A, "INSERT INTO disks (name, state) VALUES ('n1', 'PENDING')", affects(1)),
				do(A, "ROLLBACK TO ONE", fine),
				do(direct, ledgerRows, gives("name='d1'|'AVAILABLE'|2,3")),
				do(A, "UPDATE disks SET size = 3 WHERE name = 'd1'", affects(1)),
				do(A, "SAVEPOINT two", fine),
				do(A, "UPDATE disks SET state = 'AVAILABLE' WHERE name = 'd1'", affects(1)),
				do(A, "ROLLBACK TO two", fine),
				do(A, "COMMIT", fine),
				do(B, "UPDATE disks SET size = 2 WHERE name = 'd1'", taken("d1")),
				do(B, "UPDATE disks SET state = 'PENDING' WHERE name = 'd2'", affects(1)),
				do(A, "UPDATE disks SET size = 4 WHERE name = 'd1'", affects(1)),
				do(A, hangUp, nil),
				eventually(direct, state("d1"), gives("AVAILABLE|4|5")),
				do(direct, ledgerRows, gives("name='d2'|'IN_USE'|2")),
			},
		}, {
			name: "a transaction that ends without the proxy's knowledge", setup: disks, policy: disksPolicy,
			steps: []step{
				do(A, "PREPARE back FROM 'ROLLBACK'", fine),
				do(A, "BEGIN", fine),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd1'", affects(1)),
				do(A, "EXECUTE back", fine),
				eventually(direct, ledgerRows, gives()),
				do(B, "UPDATE disks SET size = 2 WHERE name = 'd1'", affects(1)),
				do(A, "PREPARE forth FROM 'COMMIT'", fine),
				do(A, "BEGIN", fine),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd2'", affects(1)),
				do(A, "EXECUTE forth", fine),
				do(B, "UPDATE disks SET size = 2 WHERE name = 'd2'", taken("d2")),
				do(A, "UPDATE disks SET size = 3 WHERE name = 'd2'", affects(1)),
				do(A, "BEGIN", fine),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd3'", affects(1)),
				do(A, "CREATE TABLE other (id INT PRIMARY KEY)", fine),
				do(A, "UPDATE disks SET size = 3 WHERE name = 'd3'", affects(1)),
				do(A, hangUp, nil),
				eventually(direct, "SELECT name, state FROM disks ORDER BY name", gives("d1|AVAILABLE", "d2|IN_USE", "d3|NULL")),
			},
		}, {
			name: "a taker that leaves in the middle of a transaction", setup: disks, policy: disksPolicy,
			steps: []step{
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd1'", affects(1)),
				do(A, "BEGIN", fine),
				do(A, "UPDATE disks SET state = 'AVAILABLE', size = 9 WHERE name = 'd1'", affects(1)),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd2'", affects(1)),
				do(A, hangUp, nil),
				eventually(direct, ledgerRows, gives()),
				do(direct, "SELECT name, state, size FROM disks ORDER BY name", gives("d1|AVAILABLE|1", "d2|IN_USE|1", "d3|NULL|1")),
			},
		}, {
			name: "changed around the proxy", setup: disks, policy: disksPolicy,
			steps: []step{
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd1'", affects(1)),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd2'", affects(1)),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd3'", affects(1)),
				do(direct, "UPDATE disks SET size = 5, version = version + 1 WHERE name = 'd1'", affects(1)),
				do(direct, "UPDATE disks SET state = 'BROKEN' WHERE name = 'd2'", affects(1)),
				do(A, "UPDATE disks SET size = 9 WHERE name = 'd1'", takingLost("d1", "'PENDING'")),
				do(A, "UPDATE disks SET size = 9 WHERE name = 'd2'", takingLost("d2", "'BROKEN'")),
				do(A, "UPDATE disks SET size = 9 WHERE name = 'd2'", affects(1)),
				do(A, hangUp, nil),
				eventually(direct, "SELECT name, state, size FROM disks ORDER BY name", gives("d1|PENDING|5", "d2|BROKEN|9", "d3|NULL|1")),
				eventually(direct, "SELECT row_text, state FROM ifmatch.pending WHERE table_schema = 'shop'", gives("name='d1'|changed")),
				do(B, "SHOW IFMATCH PENDING", matches("shop.disks|name='d1'|'AVAILABLE'|2|")),
				do(B, "UPDATE disks SET size = 2 WHERE name = 'd1'", taken("d1")),
			},
		}, {
			name: "who gives up what", setup: disks, policy: disksPolicy,
			steps: []step{
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd1'", affects(1)),
				do(A, "UPDATE disks SET name = 'other' WHERE name = 'd1'", refused("the key of a row that is taken cannot be changed")),
				do(A, "UPDATE disks SET name = 'other', state = 'PENDING' WHERE name = 'd2'", refused("takes a row and changes its key")),
				do(A, "UPDATE disks SET state = CONCAT('PEN', 'DING') WHERE name = 'd2'", refused("cannot be known before it is written")),
				do(A, "UPDATE disks SET state = 'pending' WHERE name = 'd2'", barred("almost a state")),
				do(B, "INSERT INTO disks (name, state) VALUES ('d1', 'FREE') ON DUPLICATE KEY UPDATE state = 'FREE'", refused("whose rows can be taken")),
				do(B, "REPLACE INTO disks (name, state) VALUES ('d1', 'FREE')", refused("whose rows can be taken")),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd2' AND size = 7", affects(0)),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'nobody'", affects(0)),
				do(direct, ledgerRows, gives("name='d1'|'AVAILABLE'|2")),
				do(A, "UPDATE disks SET size = 7 WHERE name = 'd1' AND size = 6", affects(0)),
				do(A, "UPDATE disks SET state = 'FREE' WHERE name = 'd1' AND size = 6", affects(0)),
				do(B, "UPDATE disks SET size = 7 WHERE name = 'd1' AND size = 6", affects(0)),
				do(A, "UPDATE disks SET size = 7 WHERE name = 'D1'", affects(1)),
				do(A, "UPDATE disks SET state = 'FREE' WHERE name = 'd1'", affects(1)),
				do(direct, ledgerRows, gives()),
			},
		}, {
			name: "only from the states that the machine allows", setup: disks,
			policy: `
tables:
  shop.disks:
    version: version
    status:
      column: state
      initial: [AVAILABLE, PENDING]
      transitions:
        - {to: PENDING, from: AVAILABLE, require: {size: 1}}
        - {to: IN_USE, from: PENDING, set: {size: size + 1}}
    pending: {value: PENDING}
`,
			steps: []step{
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd2'", barred("state is 'IN_USE', 'PENDING' may follow 'AVAILABLE'")),
				do(direct, ledgerRows, gives()),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd1'", affects(1)),
				do(B, "UPDATE disks SET state = 'IN_USE' WHERE name = 'd1'", taken("d1")),
				do(A, "UPDATE disks SET state = 'AVAILABLE' WHERE name = 'd1'", barred("'AVAILABLE' may follow nothing")),
				do(A, "UPDATE disks SET state = 'IN_USE' WHERE name = 'd1'", affects(1)),
				do(direct, state("d1"), gives("IN_USE|2|3")),
				do(A, "INSERT INTO disks (name, state, size) VALUES ('n1', 'PENDING', 1)", affects(1)),
				do(A, hangUp, nil),
				eventually(direct, "SELECT name FROM disks ORDER BY name", gives("d1", "d2", "d3")),
			},
		}, {
			name: "several rows at once", setup: disks + "; INSERT INTO disks (name, state, size) VALUES ('d4', 'AVAILABLE', 4), ('d5', 'AVAILABLE', 5)", policy: disksPolicy,
			steps: []step{
				do(B, "UPDATE disks SET state = 'PENDING' WHERE name = 'd4'", affects(1)),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE state = 'AVAILABLE' AND size < 4", affects(1)),
				do(A, "UPDATE disks SET state = ? WHERE name IN (?, ?)", taken("d4"), "PENDING", "d4", "d5"),
				do(direct, ledgerRows, gives("name='d1'|'AVAILABLE'|2", "name='d4'|'AVAILABLE'|2")),
				do(A, "UPDATE disks SET state = ? WHERE name IN (?, ?)", affects(2), "PENDING", "d5", "d3"),
				do(direct, ledgerRows, gives("name='d1'|'AVAILABLE'|2", "name='d3'|NULL|2", "name='d4'|'AVAILABLE'|2", "name='d5'|'AVAILABLE'|2")),
				do(direct, "UPDATE disks SET state = 'IN_USE', version = version + 1 WHERE name = 'd3'", affects(1)),
				do(A, "UPDATE disks SET size = size + 1 WHERE name IN ('d1', 'd5', 'd2')", affects(3)),
				do(A, "UPDATE disks SET size = size + 1", barred("disks name='d3': state is 'IN_USE', the row is no longer taken by this writer")),
				do(A, "UPDATE disks SET size = size + 1", taken("d4")),
				do(B, "UPDATE disks SET size = size + 1 ORDER BY name LIMIT 2", taken("d1")),
				do(B, "UPDATE disks SET size = size + 1 WHERE size > 0", taken("d1")),
				do(B, "UPDATE disks a JOIN disks b ON a.name = b.name SET a.size = 0 WHERE b.name = 'd5'", taken("d5")),
				do(B, "DELETE FROM disks WHERE name LIKE 'd%'", taken("d1")),
				do(A, "BEGIN", fine),
				do(A, "UPDATE disks SET state = 'IN_USE' WHERE state = 'PENDING' AND name <> 'd4'", affects(2)),
				do(A, "ROLLBACK", fine),
				do(B, "UPDATE disks SET size = size + 1 WHERE name IN ('d1', 'd5')", taken("d1")),
				do(A, "UPDATE disks SET state = 'IN_USE' WHERE name IN ('d1', 'd2')", affects(2)),
				do(A, hangUp, nil),
				eventually(direct, "SELECT name, state, size, version FROM disks ORDER BY name",
					gives("d1|IN_USE|2|4", "d2|IN_USE|2|3", "d3|IN_USE|1|3", "d4|PENDING|4|2", "d5|AVAILABLE|6|4")),
				do(direct, ledgerRows, gives("name='d4'|'AVAILABLE'|2")),
				do(B, "DELETE FROM disks WHERE name IN ('d4', 'd5')", affects(2)),
				do(direct, ledgerRows, gives()),
			},
		}, {
			name: "several rows, those that can be had", setup: disks,
			policy: `
tables:
  shop.disks:
    version: version
    partial: proceed
    status: {column: state, otherwise: allow}
    pending: {value: PENDING}
`,
			steps: []step{
				do(B, "UPDATE disks SET state = 'PENDING' WHERE name = 'd2'", affects(1)),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE size = 1", affects(2)),
				do(direct, ledgerRows, gives("name='d1'|'AVAILABLE'|2", "name='d2'|'IN_USE'|2", "name='d3'|NULL|2")),
				do(A, hangUp, nil),
				eventually(direct, ledgerRows, gives("name='d2'|'IN_USE'|2")),
			},
		}, {
			name: "kept, as the policy has it", setup: disks,
			policy: `
tables:
  shop.disks:
    version: version
    status: {column: state, otherwise: allow}
    pending: {value: PENDING, on_abandon: keep}
`,
			steps: []step{
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd1'", affects(1)),
				do(A, hangUp, nil),
				eventually(direct, "SELECT row_text, state FROM ifmatch.pending WHERE table_schema = 'shop'", gives("name='d1'|kept")),
				do(direct, state("d1"), gives("PENDING|1|2")),
				do(B, "UPDATE disks SET size = 2 WHERE name = 'd1'", taken("d1")),
			},
		}, {
			name: "observed rows can be taken by nobody", setup: disks,
			policy: `
tables:
  shop.disks:
    mode: observe
    version: version
    status: {column: state, otherwise: allow}
    pending: {value: PENDING}
`,
			steps: []step{
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd1'", affects(1)),
				do(B, "UPDATE disks SET state = ? WHERE name = ?", affects(1), "IN_USE", "d1"),
				do(B, "UPDATE disks SET size = size + 1", affects(3)),
				do(B, "INSERT INTO disks (name, state) VALUES ('n1', 'PENDING')", affects(1)),
				do(B, "DELETE FROM disks WHERE name = 'n1'", affects(1)),
				do(direct, ledgerRows, gives()),
			},
		}, {
			name: "by a context", setup: disks,
			policy: `
defaults: {scope: context}
tables:
  shop.disks:
    version: version
    status: {column: state, otherwise: allow}
    pending: {value: PENDING}
`,
			steps: []step{
				do(A, "SET @ifmatch_context = 'ann'", fine),
				do(A, "UPDATE disks SET state = 'PENDING' WHERE name = 'd1'", affects(1)),
				do(A, hangUp, nil),
				do(B, "UPDATE disks SET size = 2 WHERE name = 'd1'", taken("d1")),
				do(B, "SET @ifmatch_context = 'bob'", fine),
				do(B, "UPDATE disks SET size = 2 WHERE name = 'd1'", taken("d1")),
				do(B, "SET @ifmatch_context = 'ann'", fine),
				do(B, "UPDATE disks SET size = 2 WHERE name = 'd1'", affects(1)),
				do(B, "UPDATE disks SET state = 'IN_USE' WHERE name = 'd1'", affects(1)),
				do(direct, ledgerRows, gives()),
			},
		}, {
			name:   "numbers and a number as the state",
			setup:  `CREATE TABLE jobs (a INT, b DECIMAL(6,2), c VARBINARY(9), d DATE, id BIGINT AUTO_INCREMENT UNIQUE, status INT NOT NULL DEFAULT 0, version INT NOT NULL DEFAULT 7, PRIMARY KEY (a, b, c, d)); INSERT INTO jobs (a, b, c, d) VALUES (-1, 1.50, x'00ff27', '2024-02-29')`,
			policy: "tables:\n  shop.jobs: {version: version, status: {column: status, otherwise: allow}, pending: {value: 5}}\n",
			steps: []step{
				do(A, "UPDATE jobs SET status = 5 WHERE a = -1 AND b = 1.50 AND c = x'00ff27' AND d = '2024-02-29'", affects(1)),
				do(direct, "SELECT row_text, status_before, versions FROM ifmatch.pending WHERE table_schema = 'shop'", matches("a=-1, b=1.50, c=0x00FF27, d='2024-02-29'|0|8")),
				do(B, "UPDATE jobs SET status = 6 WHERE a = -1 AND b = 1.50 AND c = x'00ff27' AND d = '2024-02-29'", barred("status is 5")),
				do(A, hangUp, nil),
				eventually(direct, "SELECT status, version FROM jobs", gives("0|9")),
			},
		}, {
			name:   "a key from a counter",
			setup:  `CREATE TABLE jobs (id BIGINT PRIMARY KEY, status VARCHAR(9) NOT NULL, version INT NOT NULL DEFAULT 1)`,
			policy: "tables:\n  shop.jobs: {version: version, number: {column: id, counter: /shop/pending}, status: {column: status, otherwise: allow}, pending: {value: taken}}\n",
			steps: []step{
				do(A, "INSERT INTO jobs (status) VALUES ('new')", affects(1)),
				do(A, "INSERT INTO jobs (id, status) VALUES (100, 'taken')", affects(1)),
				do(A, "INSERT INTO jobs (status) VALUES ('taken')", affects(1)),
				do(direct, "SELECT row_text FROM ifmatch.pending WHERE table_schema = 'shop' ORDER BY id", gives("id=100", "id=2")),
				do(A, hangUp, nil),
				eventually(direct, "SELECT id, status FROM jobs", gives("1|new")),
			},
		}, {
			name:   "a key that the server numbers",
			setup:  `CREATE TABLE jobs (id BIGINT AUTO_INCREMENT PRIMARY KEY, status ENUM('new', 'taken') NOT NULL, version INT NOT NULL DEFAULT 1)`,
			policy: "tables:\n  shop.jobs: {version: version, status: {column: status, otherwise: allow}, pending: {value: taken}}\n",
			steps: []step{
				do(A, "INSERT INTO jobs (status) VALUES ('taken')", func(o outcome) string {
					if o.err != nil || o.affected != 1 || o.insertID != 1 {
						return "not as without the proxy"
					}
					return ""
				}),
				do(A, "SELECT LAST_INSERT_ID()", gives("1")),
				do(direct, "SELECT row_text, versions FROM ifmatch.pending WHERE table_schema = 'shop'", matches("id=1|1")),
				do(A, "UPDATE jobs SET status = 'new' WHERE id = 1", affects(1)),
				do(A, "INSERT INTO jobs (status) VALUES ('taken')", affects(1)),
				do(A, hangUp, nil),
				eventually(direct, "SELECT id, status FROM jobs", gives("1|new")),
			},
		},
	})
}
