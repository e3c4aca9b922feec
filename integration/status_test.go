package integration

import (
	"fmt"
	"slices"
	"testing"
)

// doors is a table with a status machine: one of its states has two ways that
// lead to it, and each way of changing it sets columns.
const doors = `CREATE TABLE doors (id INT PRIMARY KEY, state VARCHAR(12) NULL, was VARCHAR(12) NULL, times INT NOT NULL DEFAULT 0,
	note VARCHAR(20) NULL, seen TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3), version BIGINT NOT NULL DEFAULT 1);
	INSERT INTO doors (id, state) VALUES (1, 'shut'), (2, 'open'), (3, 'locked'), (4, NULL), (5, 'SHUT')`

const doorsPolicy = `
tables:
  shop.doors:
    version: version
    status:
      column: state
      initial: [shut, null]
      transitions:
        - {to: open, from: shut, set: {was: state, times: times + 1}}
        - {to: open, from: locked, require: {note: key}, set: {was: state, note: NULL}}
        - {to: shut, from: [open, null], when: times < 2, unless: [note = 'stuck', "EXISTS (SELECT 1 FROM doors o WHERE o.was = 'jammed')"]}
        - {to: locked, from: {not: [open, null]}}
        - {to: null, from: {not: locked, nulls: sql}}
      delete: {from: [open, null], unless: version > 5}
`

// barred is a write that require or status keep from its row.
func barred(has ...string) want {
	return fails(1644, "45000", append([]string{"ifmatch: status conflict on shop."}, has...)...)
}

func TestStatus(t *testing.T) {
	play(t, []scenario{
		{
			name: "a change that the policy allows, and what it sets", setup: doors, policy: doorsPolicy,
			steps: []step{
				do(A, "UPDATE doors SET state = 'open' WHERE id = 1", affects(1)),
				do(direct, "SELECT state, was, times, version FROM doors WHERE id = 1", gives("open|shut|1|2")),
				do(A, "UPDATE doors SET state = 'open' WHERE id = 1", barred("doors id=1: state is 'open', 'open' may follow 'shut', 'locked'")),
				do(A, "UPDATE doors SET state = 'shut' WHERE id = 1", affects(1)),
				do(A, "UPDATE doors SET state = ? WHERE id = ?", affects(1), "open", 1),
				do(direct, "SELECT state, was, times, version FROM doors WHERE id = 1", gives("open|shut|2|4")),
				do(A, "UPDATE doors SET state = 'shut' WHERE id = 1", barred("doors id=1: when 1 failed")),
				do(A, "UPDATE doors SET state = ? WHERE id = ?", barred("doors id=1: when 1 failed"), "shut", 1),
				do(A, "UPDATE doors SET times = times - 1 WHERE id = 1", affects(1)),
				do(A, "UPDATE doors SET note = 'stuck' WHERE id = 1", affects(1)),
				do(A, "UPDATE doors SET state = 'shut' WHERE id = 1", barred("doors id=1: unless 1 failed")),
				do(A, "UPDATE doors SET note = '', was = 'jammed' WHERE id = 1", affects(1)),
				do(A, "UPDATE doors SET state = 'shut' WHERE id = 2", barred("doors id=2: unless 2 failed")),
				do(A, "UPDATE doors d SET d.state = ? WHERE d.id = 2", barred("doors id=2: unless 2 failed"), "shut"),
				do(A, "UPDATE doors SET was = NULL WHERE id = 1", affects(1)),
				do(A, "UPDATE doors d SET d.state = ? WHERE d.id = 2", affects(1), "shut"),
			},
		}, {
			name: "of two ways to a state the one counts that is allowed", setup: doors, policy: doorsPolicy,
			steps: []step{
				do(A, "UPDATE doors SET state = 'open' WHERE id = 3", barred("doors id=3: require note failed")),
				do(A, "UPDATE doors SET state = ? WHERE id = 3", barred("doors id=3: require note failed"), "open"),
				do(A, "UPDATE doors SET note = 'key' WHERE id = 3", affects(1)),
				do(A, "UPDATE doors SET note = 'mine', state = 'open' WHERE id = 3", affects(1)),
				do(direct, "SELECT state, was, times, note FROM doors WHERE id = 3", gives("open|locked|0|NULL")),
				do(A, "UPDATE doors SET times = 7, note = 'mine', state = 'open' WHERE id = 1", affects(1)),
				do(direct, "SELECT state, was, times, note FROM doors WHERE id = 1", gives("open|shut|1|mine")),
				do(A, "UPDATE doors SET state = 'open' WHERE id = 2", barred("doors id=2: state is 'open', 'open' may follow 'shut', 'locked'")),
			},
		}, {
			name: "parameters keep their places where assignments move", setup: doors, policy: doorsPolicy,
			steps: []step{
				do(A, "UPDATE doors SET note = ?, was = ?, state = ?, times = ? WHERE id = ?", affects(1), "n", "w", "open", 9, 1),
				do(direct, "SELECT state, was, times, note FROM doors WHERE id = 1", gives("open|shut|1|n")),
				do(A, "UPDATE doors SET note = ?, was = ?, state = ?, times = ? WHERE id = ?", affects(1), "n2", "w2", nil, 9, 1),
				do(direct, "SELECT state, was, times, note FROM doors WHERE id = 1", gives("NULL|w2|9|n2")),
				do(direct, "UPDATE doors SET state = 'shut' WHERE id = 1", affects(1)),
				do(A, "UPDATE doors SET was = ?, times = ?, note = ?, state = 'open' WHERE id = ?", affects(1), "w3", 5, "n3", 1),
				do(direct, "SELECT state, was, times, note FROM doors WHERE id = 1", gives("open|shut|10|n3")),
			},
		}, {
			name: "a state that is almost one of the policy", setup: doors, policy: doorsPolicy + "      otherwise: allow\n",
			steps: []step{
				do(A, "UPDATE doors SET state = 'ajar' WHERE id = 1", affects(1)),
				do(A, "UPDATE doors SET state = ? WHERE id = 1", affects(1), "half open"),
				do(A, "UPDATE doors SET state = 'OPEN' WHERE id = 1", barred("state is 'half open', 'OPEN' may follow nothing")),
				do(A, "UPDATE doors SET state = ? WHERE id = 1", barred("'OPEN' may follow nothing"), "OPEN"),
				do(A, "UPDATE doors SET state = 'open ' WHERE id = 1", barred("'open ' may follow nothing")),
				do(A, "UPDATE doors SET state = ? WHERE id = 1", barred("'open ' may follow nothing"), "open "),
				do(A, "UPDATE doors SET state = 'öpen' WHERE id = 1", barred("'öpen' may follow nothing")),
				do(A, "UPDATE doors SET state = ? WHERE id = 1", barred("'öpen' may follow nothing"), "öpen"),
				do(A, "UPDATE doors SET state = UPPER('open') WHERE id = 1", barred("'OPEN' may follow nothing")),
				do(A, "UPDATE doors SET state = CONCAT('op', 'en') WHERE id = 1", barred("state is 'half open', 'open' may follow 'shut', 'locked'")),
				do(A, "SET sql_mode = ''", fine),
				do(A, "UPDATE doors SET state = 'open        and more' WHERE id = 1", barred("may follow nothing")),
				do(A, "UPDATE doors SET state = ? WHERE id = 1", barred("may follow nothing"), "open        and more"),
				do(A, "UPDATE doors SET state = CONCAT('open', x'ff') WHERE id = 1", barred("may follow")), // to MySQL it is 'open'
				do(A, "UPDATE doors SET state = 'a state that is longer than that' WHERE id = 1", barred("may follow nothing")),
				do(direct, "SELECT state, version FROM doors WHERE id = 1", gives("half open|3")),
				do(A, "UPDATE doors SET state = 'open' WHERE id = 5", barred("state is 'SHUT', 'open' may follow 'shut', 'locked'")),
				do(direct, "UPDATE doors SET state = 'shut ' WHERE id = 5", affects(1)),
				do(A, "UPDATE doors SET state = 'open' WHERE id = 5", barred("state is 'shut ', 'open' may follow 'shut', 'locked'")),
			},
		}, {
			name: "a state that no transition names", setup: doors, policy: doorsPolicy,
			steps: []step{
				do(A, "UPDATE doors SET state = 'ajar' WHERE id = 1", barred("doors id=1: state is 'shut', 'ajar' may follow nothing: no transition names it")),
				do(A, "UPDATE doors SET state = ? WHERE id = 1", barred("doors id=1: state is 'shut', 'ajar' may follow nothing: no transition names it"), "ajar"),
				do(A, "UPDATE doors SET state = CONCAT('a', 'jar') WHERE id = 1", barred("'ajar' may follow nothing: no transition names it")),
				do(A, "UPDATE doors SET state = 'ajar' WHERE id = 99", affects(0)),
				do(A, "UPDATE doors SET state = 'ajar' WHERE id = 1 AND times = 5", affects(0)),
			},
		}, {
			name: "NULL as a state", setup: doors, policy: doorsPolicy,
			steps: []step{
				do(A, "UPDATE doors SET state = NULL WHERE id = 3", barred("state is 'locked', NULL may follow anything but 'locked', NULL")),
				do(A, "UPDATE doors SET state = NULL WHERE id = 4", barred("state is NULL, NULL may follow anything but 'locked', NULL")),
				do(A, "UPDATE doors SET state = ? WHERE id = 4", barred("state is NULL, NULL may follow anything but 'locked', NULL"), nil),
				do(A, "UPDATE doors SET state = NULL WHERE id = 1", affects(1)),
				do(A, "UPDATE doors SET state = 'locked' WHERE id = 1", barred("state is NULL, 'locked' may follow anything but 'open', NULL")),
				do(A, "UPDATE doors SET state = DEFAULT WHERE id = 2", affects(1)),
				do(A, "UPDATE doors SET state = 'shut' WHERE id = 2", affects(1)),
			},
		}, {
			name: "DELETE", setup: doors, policy: doorsPolicy,
			steps: []step{
				do(A, "DELETE FROM doors WHERE id = 1", barred("doors id=1: state is 'shut', DELETE may follow 'open', NULL")),
				do(A, "DELETE FROM doors WHERE id = ?", barred("doors id=1: state is 'shut', DELETE may follow 'open', NULL"), 1),
				do(direct, "UPDATE doors SET version = 6 WHERE id = 4", affects(1)),
				do(A, "DELETE FROM doors WHERE id = 4", barred("doors id=4: unless 1 failed")),
				do(A, "DELETE FROM doors WHERE id = 2", affects(1)),
				do(A, "DELETE FROM doors WHERE id = 2", affects(0)),
				do(direct, "SELECT COUNT(*) FROM doors", gives("4")),
			},
		}, {
			name: "INSERT gives the states that a row may begin with", setup: doors, policy: doorsPolicy,
			steps: []step{
				do(A, "INSERT INTO doors (id, state) VALUES (10, 'shut'), (11, NULL)", affects(2)),
				do(A, "INSERT INTO doors (id) VALUES (12)", affects(1)),
				do(A, "INSERT INTO doors SET id = 13, state = DEFAULT", affects(1)),
				do(A, "INSERT INTO doors (id, state) VALUES (?, ?)", affects(1), 14, "shut"),
				do(A, "INSERT INTO doors (id, state) VALUES (15, 'shut'), (16, 'open')", barred("doors id=16: state is 'open', an INSERT may give 'shut', NULL")),
				do(A, "INSERT INTO doors (id, state) VALUES (?, ?), (?, ?)", barred("doors id=18: state is 'open'"), 17, nil, 18, "open"),
				do(A, "INSERT INTO doors (id, state) VALUES (19, 'SHUT')", barred("doors id=19: state is 'SHUT'")),
				do(A, "INSERT INTO doors (id, state) VALUES (20, LOWER('SHUT'))", refused("an expression gives state")),
				do(A, "INSERT INTO doors (id, state) SELECT 21, 'shut'", affects(1)),
				do(A, "INSERT INTO doors (id, state) SELECT 24, 'open'", barred("doors (new row): state is 'open'")),
				do(A, "INSERT INTO doors (id, state) SELECT 25, LOWER('SHUT')", refused("doors")),
				do(A, "PREPARE s FROM 'INSERT INTO doors (id, state) VALUES (22, ''open'')'", fine),
				do(A, "EXECUTE s", barred("doors id=22: state is 'open', an INSERT may give 'shut', NULL")),
				do(A, "SELECT COUNT(*) FROM doors WHERE id > 9", gives("6")),
			},
		}, {
			name: "a stale writer is told of the version first", setup: doors, policy: doorsPolicy,
			steps: []step{
				do(A, "SELECT * FROM doors WHERE id = 1", fine),
				do(direct, "UPDATE doors SET state = 'open', version = 2 WHERE id = 1", affects(1)),
				do(A, "UPDATE doors SET state = 'open' WHERE id = 1", conflict("expected version=1, found version=2")),
				do(A, "SELECT * FROM doors WHERE id = 1", fine),
				do(A, "UPDATE doors SET state = 'open' WHERE id = 1", barred("state is 'open'")),
				do(A, "SHOW IFMATCH CONFLICT", matches("status|shop.doors|id=1|'shut', 'locked'|state='open'|status")),
				do(A, "SHOW WARNINGS", matches("Error|1644|ifmatch: status conflict on shop.doors id=1")),
			},
		}, {
			name: "a conflict dooms the transaction", setup: doors, policy: doorsPolicy,
			steps: []step{
				do(A, "BEGIN", fine),
				do(A, "UPDATE doors SET note = 'x' WHERE id = 1", affects(1)),
				do(A, "UPDATE doors SET state = 'open' WHERE id = 2", barred("doors id=2")),
				do(A, "UPDATE doors SET note = 'y' WHERE id = 1", doomed("status conflict on shop.doors id=2")),
				do(A, "ROLLBACK", fine),
				do(A, "BEGIN", fine),
				do(A, "INSERT INTO doors (id, state) VALUES (30, 'open')", barred("doors id=30")),
				do(A, "COMMIT", doomed("status conflict on shop.doors id=30")),
				do(direct, "SELECT note FROM doors WHERE id = 1", gives("NULL")),
			},
		}, {
			name: "what is not to be disclosed, and other codes", setup: doors,
			policy: "errors: {status: {code: 4711, state: '45T01'}}\ndefaults: {disclose: false, on_conflict: statement}" + doorsPolicy,
			steps: []step{
				do(A, "BEGIN", fine),
				do(A, "UPDATE doors SET state = 'open' WHERE id = 5", hides(4711, "45T01", "SHUT", "status conflict on shop.doors id=5: 'open' may follow 'shut', 'locked'")),
				do(A, "UPDATE doors SET state = 'open' WHERE id = 1", affects(1)),
				do(A, "COMMIT", fine),
			},
		}, {
			name: "expressions that another assignment would turn", setup: doors, policy: doorsPolicy,
			steps: []step{
				do(A, "UPDATE doors SET times = 9, state = IF(times = 9, 'open', 'locked') WHERE id = 1", refused("made of times")),
				do(A, "UPDATE doors SET state = IF(was = 'x', 'open', 'locked') WHERE id = 1", refused("made of was")),
				do(A, "UPDATE doors SET state = 'open', note = was WHERE id = 1", refused("made of was")),
				do(A, "UPDATE doors SET state = 'locked', note = was WHERE id = 1", affects(1)),
				do(A, "UPDATE doors SET state = (SELECT 'open') WHERE id = 1", refused("sub-select")),
				do(A, "UPDATE doors SET state = IF(id = 1, 'locked', 'open') WHERE id = 1", affects(1)),
				do(A, "UPDATE doors SET state = IF(id = 1, 'locked', 'open') WHERE id = 2", barred("'open' may follow")),
			},
		}, {
			name: "no warning and the app's own numbers", setup: doors, policy: doorsPolicy,
			steps: []step{
				do(A, "UPDATE doors SET state = CONCAT('op', 'en') WHERE id = 1", affects(1)),
				do(A, "SHOW WARNINGS", gives()),
				do(A, "UPDATE doors SET state = ? WHERE id = 1", affects(1), "shut"),
				do(A, "SHOW WARNINGS", gives()),
				do(A, "UPDATE doors SET state = ? WHERE id = 1", affects(1), "locked"),
				do(A, "SELECT ROW_COUNT()", gives("1")),
			},
		}, {
			name: "assignments that all see the row as it was", only: "mariadb", setup: doors, policy: doorsPolicy,
			steps: []step{
				do(A, "SET sql_mode = 'SIMULTANEOUS_ASSIGNMENT'", fine),
				do(A, "UPDATE doors SET times = 5, state = 'open', was = 'x' WHERE id = 1", affects(1)),
				do(A, "UPDATE doors SET state = ? WHERE id = 3 AND times = 0", barred("require note"), "open"),
				do(direct, "SELECT state, was, times FROM doors WHERE id = 1", gives("open|shut|1")),
			},
		},
	})
}

// A session's modes and character set change nothing of what the policy means.
func TestStatusInEverySession(t *testing.T) {
	modes := []string{"ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "PIPES_AS_CONCAT", "HIGH_NOT_PRECEDENCE", "IGNORE_SPACE", "PAD_CHAR_TO_FULL_LENGTH", "ANSI", ""}
	var all []scenario
	steps := func(first string) []step {
		return []step{
			do(A, first, fine),
			do(A, "UPDATE doors SET state = 'open' WHERE id = 1", affects(1)),
			do(A, "UPDATE doors SET state = 'open' WHERE id = 1", barred("state is 'open', 'open' may follow 'shut', 'locked'")),
			do(A, "UPDATE doors SET state = ? WHERE id = ?", affects(1), "shut", 1),
			do(A, "UPDATE doors SET state = ? WHERE id = ?", affects(1), "locked", 1),
			do(A, "UPDATE doors SET state = ? WHERE id = ?", barred("require note failed"), "open", 1),
			do(A, "UPDATE doors SET state = CONCAT('op', 'en') WHERE id = 3", barred("require note failed")),
			do(A, "UPDATE doors SET state = 'shut' WHERE id = 5", barred("state is 'SHUT'")),
			do(A, "DELETE FROM doors WHERE id = 1", barred("DELETE may follow")),
			do(A, "INSERT INTO doors (id, state) VALUES (9, 'open')", barred("an INSERT may give")),
			do(direct, "SELECT state, was, times, version FROM doors WHERE id = 1", gives("locked|shut|1|4")),
		}
	}
	for _, m := range modes {
		only := ""
		if m == "PAD_CHAR_TO_FULL_LENGTH" {
			only = "mariadb"
		}
		all = append(all, scenario{name: "mode " + m, only: only, setup: doors, policy: doorsPolicy, steps: steps("SET sql_mode = '" + m + "'")})
	}
	for _, m := range []string{"ORACLE", "MSSQL", "EMPTY_STRING_IS_NULL"} {
		all = append(all, scenario{name: "mode " + m, only: "mariadb", setup: doors, policy: doorsPolicy, steps: steps("SET sql_mode = '" + m + "'")})
	}
	for _, names := range []string{"latin1", "gbk", "sjis", "utf8mb3", "binary"} {
		all = append(all, scenario{name: "names " + names, setup: doors, policy: doorsPolicy, steps: steps("SET NAMES " + names)})
	}
	play(t, all)
}

// jobs is a table whose states are of other types than texts, and whose policy
// has no version.
const jobs = `CREATE TABLE jobs (id INT PRIMARY KEY, state TINYINT NOT NULL DEFAULT 0, kind ENUM('new', 'old', '2x') NULL, tag CHAR(6) CHARACTER SET latin1 NULL,
	done BIT(1) NOT NULL DEFAULT b'0', changed INT NOT NULL DEFAULT 0);
	INSERT INTO jobs (id, state, kind, tag) VALUES (1, 0, 'new', 'a'), (2, 1, 'old', 'b'), (3, 2, NULL, NULL)`

func TestStatusTypes(t *testing.T) {
	play(t, []scenario{
		{
			name: "numbers", setup: jobs, policy: `
tables:
  shop.jobs:
    require: {done: 0}
    status:
      column: state
      initial: [0]
      transitions:
        - {to: 1, from: 0, set: {changed: changed + 1}}
        - {to: [2, 3], from: [1, 2]}
`,
			steps: []step{
				do(A, "UPDATE jobs SET state = 1 WHERE id = 1", affects(1)),
				do(A, "UPDATE jobs SET state = '1' WHERE id = 1", barred("jobs id=1: state is 1, 1 may follow 0")),
				do(A, "UPDATE jobs SET state = state + 1 WHERE id = 1", affects(1)),
				do(A, "UPDATE jobs SET state = ? WHERE id = ?", affects(1), 3, 1),
				do(A, "UPDATE jobs SET state = ? WHERE id = ?", barred("state is 3, 2 may follow 1, 2"), 2, 1),
				do(A, "UPDATE jobs SET state = ? WHERE id = ?", affects(1), "3", 2),
				do(A, "UPDATE jobs SET state = 4 WHERE id = 3", barred("4 may follow nothing: no transition names it")),
				do(A, "SET sql_mode = ''", fine),
				do(A, "UPDATE jobs SET state = 2.6 WHERE id = 3", barred("may follow nothing")),
				do(A, "UPDATE jobs SET state = 2.0 WHERE id = 3", fine),
				do(A, "UPDATE jobs SET state = 300 WHERE id = 3", barred("may follow nothing")),
				do(A, "UPDATE jobs SET state = ? WHERE id = 3", barred("may follow nothing"), 300),
				do(A, "UPDATE jobs SET state = NULL WHERE id = 3", barred("NULL may follow nothing")),
				do(direct, "SELECT state, changed FROM jobs ORDER BY id", gives("3|1", "3|0", "2|0")),
				do(direct, "UPDATE jobs SET done = b'1' WHERE id = 3", affects(1)),
				do(A, "UPDATE jobs SET tag = 'c' WHERE id = 3", barred("jobs id=3: require done failed")),
				do(A, "DELETE FROM jobs WHERE id = 3", barred("jobs id=3: require done failed")),
				do(A, "UPDATE jobs SET tag = 'c' WHERE id = 3 AND tag = 'x'", affects(0)),
				do(A, "DELETE FROM jobs WHERE id = 2", affects(1)),
				do(A, "INSERT INTO jobs (id) VALUES (9)", affects(1)),
				do(A, "INSERT INTO jobs (id, state) VALUES (10, 1)", barred("jobs id=10: state is 1, an INSERT may give 0")),
			},
		}, {
			name: "elements of an ENUM", setup: jobs, policy: `
tables:
  shop.jobs:
    status:
      column: kind
      otherwise: allow
      initial: [new, old]
      transitions:
        - {to: old, from: new}
`,
			steps: []step{
				do(A, "UPDATE jobs SET kind = 2 WHERE id = 3", barred("may follow nothing")),
				do(A, "UPDATE jobs SET kind = '2' WHERE id = 3", barred("may follow nothing")),
				do(A, "UPDATE jobs SET kind = ? WHERE id = 3", barred("may follow nothing"), 2),
				do(A, "UPDATE jobs SET kind = ? WHERE id = 3", barred("may follow nothing"), "2"),
				do(A, "UPDATE jobs SET kind = 1 + 1 WHERE id = 3", barred("may follow nothing")),
				do(A, "UPDATE jobs SET kind = 'OLD' WHERE id = 3", barred("may follow nothing")),
				do(A, "UPDATE jobs SET kind = 'new' WHERE id = 3", affects(1)),
				do(A, "UPDATE jobs SET kind = ? WHERE id = 3", affects(1), "old"),
				do(A, "UPDATE jobs SET kind = ? WHERE id = 3", barred("kind is 'old', 'old' may follow 'new'"), "old"),
				do(A, "INSERT INTO jobs (id, kind) VALUES (9, 1)", barred("an INSERT may give 'new', 'old'")),
				do(A, "INSERT INTO jobs (id, kind) VALUES (9, 'new')", affects(1)),
			},
		}, {
			name: "CHAR in another character set", setup: jobs, policy: `
tables:
  shop.jobs:
    status:
      column: tag
      otherwise: allow
      transitions:
        - {to: ä, from: [a, ä], set: {state: 7, kind: "NULL"}}
`,
			steps: []step{
				do(A, "UPDATE jobs SET tag = 'ä' WHERE id = 2", barred("tag is 'b', 'ä' may follow 'a', 'ä'")),
				do(A, "UPDATE jobs SET tag = ? WHERE id = 2", barred("tag is 'b', 'ä' may follow 'a', 'ä'"), "ä"),
				do(A, "UPDATE jobs SET tag = 'a' WHERE id = 2", barred("may follow nothing")), // ä but for its dots
				do(A, "UPDATE jobs SET tag = ? WHERE id = 1", affects(1), "ä"),
				do(A, "SET NAMES latin1", fine),
				do(A, "UPDATE jobs SET tag = ? WHERE id = 1", affects(0), "\xe4"), // it changes nothing
				do(A, "UPDATE jobs SET tag = '\xe4', changed = 1 WHERE id = 1", affects(1)),
				do(A, "UPDATE jobs SET tag = 'c' WHERE id = 1", affects(1)),
				do(A, "UPDATE jobs SET tag = '\xe4', changed = 1 WHERE id = 1", fails(1644, "45000", "tag is 'c'")),
				do(direct, "SELECT HEX(tag), state, kind, changed FROM jobs WHERE id = 1", gives("63|7|NULL|1")),
			},
		},
	})
}

// What is observed goes as it came, and what would have been a conflict is counted.
func TestStatusObserved(t *testing.T) {
	play(t, []scenario{
		{
			name: "transitions", flags: patient, setup: doors, policy: "defaults: {mode: observe}" + doorsPolicy,
			steps: []step{
				do(A, "UPDATE doors SET state = 'open' WHERE id = 1", affects(1)),
				foreseen(0, 0),
				do(A, "UPDATE doors SET state = 'open', times = 5 WHERE id = 1", affects(1)),
				do(A, "SHOW IFMATCH CONFLICT", matches("status|shop.doors|id=1|'shut', 'locked'|state='open'")),
				foreseen(1, 0),
				do(A, "UPDATE doors SET state = ? WHERE id = ?", affects(1), "open", 3),
				foreseen(2, 0),
				do(A, "UPDATE doors SET state = ? WHERE id = ?", affects(0), "ajar", 99),
				do(A, "UPDATE doors SET state = 'ajar' WHERE id = 2 AND times = 9", affects(0)),
				foreseen(2, 0),
				do(A, "DELETE FROM doors WHERE id = 5", affects(1)),
				do(A, "INSERT INTO doors (id, state) VALUES (9, 'open')", affects(1)),
				foreseen(4, 0),
				do(A, "BEGIN", fine),
				do(A, "UPDATE doors SET state = 'open' WHERE id = 4", affects(1)),
				do(A, "UPDATE doors SET state = 'shut' WHERE id = 4", affects(1)),
				do(A, "COMMIT", fine),
				foreseen(5, 0),
				do(A, "UPDATE doors SET state = CONCAT('op', 'en') WHERE id = 4", affects(1)),
				foreseen(5, 1),
				do(direct, "SELECT id, state, was, version FROM doors ORDER BY id", gives("1|open|NULL|1", "2|open|NULL|1", "3|open|NULL|1", "4|open|NULL|1", "9|open|NULL|1")),
			},
		}, {
			name: "require, with no version", flags: patient, setup: jobs, policy: "tables: {shop.jobs: {mode: observe, require: {done: 0}, status: {column: state, transitions: [{to: 1, from: 0}]}}}",
			steps: []step{
				do(A, "UPDATE jobs SET state = 1 WHERE id = 1", affects(1)),
				do(A, "UPDATE jobs SET tag = 'z' WHERE id = 2", affects(1)),
				foreseen(0, 0),
				do(A, "UPDATE jobs SET state = 1, tag = 'y' WHERE id = 1", affects(1)),
				do(A, "UPDATE jobs SET done = b'1' WHERE id = 2", affects(1)),
				foreseen(1, 0),
				do(A, "UPDATE jobs SET tag = ? WHERE id = ?", affects(1), "x", 2),
				foreseen(2, 0),
			},
		},
	})
}

// foreseen is a step that asks how many conflicts were observed, and how many
// statements could not be.
func foreseen(conflicts, dropped int) step {
	return do("status", "SHOW IFMATCH STATUS", func(o outcome) string {
		for _, want := range []string{fmt.Sprintf("observed_conflicts|%d", conflicts), fmt.Sprintf("observe_dropped|%d", dropped)} {
			if !slices.Contains(o.rows, want) {
				return fmt.Sprintf("%q, error %v; want %s", o.rows, o.err, want)
			}
		}
		return ""
	})
}
