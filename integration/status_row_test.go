package integration

import "testing"

// gates is a table whose conditions read columns that statements change.
const gates = `CREATE TABLE gates (id INT PRIMARY KEY, state VARCHAR(12) NULL, was VARCHAR(12) NULL, times INT NOT NULL DEFAULT 0, note VARCHAR(20) NULL, twin VARCHAR(12) GENERATED ALWAYS AS (CONCAT(state, '!')) STORED, version BIGINT NOT NULL DEFAULT 1);
	CREATE TABLE s (gate_id INT, state VARCHAR(12), id INT);
	INSERT INTO s VALUES (3, 'hot', 1);
	INSERT INTO gates (id, state) VALUES (1, 'shut'), (2, 'open'), (3, 'locked'), (4, NULL)`

const gatesPolicy = `
tables:
  shop.gates:
    version: version
    ignore: [note]
    noop: skip
    require: {times: {not: 9}}
    status:
      column: state
      otherwise: allow
      transitions:
        - {to: open, from: shut, require: {note: null}, unless: "EXISTS (SELECT 1 FROM s WHERE s.gate_id = gates.id)", set: {was: state, times: times + 1}}
        - {to: locked, from: open, when: times > 0}
        - {to: dead, from: shut, unless: note = 'x'}
        - {to: wet, from: [shut, wet], set: {was: "CASE WHEN EXISTS (SELECT 1 FROM gates g WHERE g.id = gates.id AND g.state = 'shut') THEN 'dry' ELSE state END"}}
`

// The policy's conditions see the row as it was, whatever the statement does to it.
func TestStatusSees(t *testing.T) {
	as := func(s string) step {
		return do(direct, "SELECT state, was, times, note FROM gates WHERE id = 1", gives(s))
	}
	reset := do(direct, "UPDATE gates SET state = 'shut', was = NULL, times = 0, note = NULL WHERE id = 1", fine)
	play(t, []scenario{
		{name: "ignored columns beside the status", setup: gates, policy: gatesPolicy, steps: []step{
			do(A, "UPDATE gates SET state = 'open' WHERE id = 2", barred("state is 'open'")),
			do(A, "UPDATE gates SET note = 'a', state = 'open' WHERE id = 2", barred("state is 'open'")),
		}},
		{name: "require", setup: gates, policy: gatesPolicy, steps: []step{
			do(direct, "UPDATE gates SET note = 'k' WHERE id = 1", fine),
			do(A, "UPDATE gates SET note = NULL, state = 'open' WHERE id = 1", barred("require note")),
			do(A, "UPDATE gates SET state = 'open', note = NULL WHERE id = 1", barred("require note")),
			do(A, "UPDATE gates SET note = NULL, state = ? WHERE id = 1", barred("require note"), "open"),
			do(A, "UPDATE gates SET note = NULL, state = CONCAT('op','en') WHERE id = 1", barred("require note")),
			do(direct, "UPDATE gates SET times = 9 WHERE id = 1", fine),
			do(A, "UPDATE gates SET times = 1 WHERE id = 1", barred("require times")),
			do(A, "UPDATE gates SET times = times + 1 WHERE id = 1", barred("require times")),
		}},
		{name: "an alias that is a table of the policy", setup: gates, policy: gatesPolicy, steps: []step{
			do(direct, "INSERT INTO s VALUES (1, 'x', 1)", fine),
			do(A, "UPDATE gates s SET s.state = 'open' WHERE s.id = 1", barred("unless 1")),
			do(A, "UPDATE gates AS s SET state = 'open' WHERE id = 1", barred("unless 1")),
			do(A, "UPDATE gates `s` SET state = ? WHERE id = 1", barred("unless 1"), "open"),
			do(A, "UPDATE gates S SET state = 'open' WHERE id = 1", barred("unless 1")),
			do(A, "UPDATE shop.gates SET state = 'open' WHERE id = 1", barred("unless 1")),
			do(A, "UPDATE IGNORE gates SET state = 'open' WHERE id = 1", barred("unless 1")),
			do(A, "UPDATE LOW_PRIORITY IGNORE gates SET state = 'open' WHERE id = 1 ORDER BY id LIMIT 1", barred("unless 1")),
			do(A, "UPDATE gates g SET state = 'wet' WHERE id = 1", affects(1)), as("wet|dry|0|NULL"),
			do(A, "UPDATE gates g SET was = 'mine', g.state = ? WHERE id = 1", affects(1), "wet"), as("wet|wet|0|NULL"),
			do(A, "UPDATE gates SET state = 'wet', was = 'mine' WHERE id = 1", affects(1)), as("wet|wet|0|NULL"),
		}},
		{name: "filters that are NULL", setup: gates, policy: gatesPolicy, steps: []step{
			do(A, "UPDATE gates SET state = 'dead' WHERE id = 1", affects(1)), reset,
			do(A, "UPDATE gates SET note = 'x', state = 'dead' WHERE id = 1", affects(1)), reset,
			do(direct, "UPDATE gates SET note = 'x' WHERE id = 1", fine),
			do(A, "UPDATE gates SET note = 'y', state = 'dead' WHERE id = 1", barred("unless 1")),
		}},
		{name: "set twice and orders", setup: gates, policy: gatesPolicy, steps: []step{
			do(A, "UPDATE gates SET state = 'shut', state = 'open' WHERE id = 2", refused("twice")),
			do(A, "UPDATE gates SET state = 'open', gates.state = 'shut' WHERE id = 2", refused("twice")),
			do(A, "UPDATE gates SET `STATE` = 'open' WHERE id = 2", barred("state is 'open'")),
			do(A, "UPDATE gates SET note = 'open', state = note WHERE id = 2", refused("note")),
			do(A, "UPDATE gates SET note = @a := 'open', state = @a WHERE id = 2", refused("variable")),
			do(A, "UPDATE gates SET state = @a WHERE id = 2 AND (@a := 'open') IS NOT NULL", refused("")),
			do(A, "UPDATE gates SET state = (SELECT state FROM (SELECT 'open' AS state) x) WHERE id = 2", refused("sub-select")),
			do(A, "UPDATE gates SET state = DEFAULT(state) WHERE id = 2", fine),
			do(A, "UPDATE gates SET id = 77, state = 'open' WHERE id = 2", barred("state is NULL")),
		}},
		{name: "the key changes too", setup: gates, policy: gatesPolicy, steps: []step{
			do(A, "UPDATE gates SET id = 77, state = 'open' WHERE id = 2", barred("id=2: state is 'open'")),
			do(A, "UPDATE gates SET id = 3, state = 'wet' WHERE id = 1", fails(1062, "23000")),
			do(direct, "INSERT INTO s VALUES (1, 'x', 1)", fine),
			do(A, "UPDATE gates SET id = 88, state = 'open' WHERE id = 1", barred("unless 1")),
			do(A, "UPDATE gates SET state = ?, id = ? WHERE id = ?", barred("unless 1"), "open", 88, 1),
			do(A, "UPDATE gates SET state = IF(id = 1, 'open', 'x'), id = ? WHERE id = ?", barred("unless 1"), 88, 1),
			do(A, "UPDATE gates SET id = ?, state = IF(id = 88, 'open', 'x') WHERE id = ?", refused("made of id"), 88, 1),
			do(A, "UPDATE gates SET id = 5, state = 'wet' WHERE id = 1", affects(1)),
			do(direct, "SELECT state, was FROM gates WHERE id = 5", gives("wet|dry")),
		}},
		{name: "versions", setup: gates, policy: gatesPolicy, steps: []step{
			do(A, "UPDATE gates SET state = 'open', version = 2 WHERE id = 1 AND version = 1", affects(1)), as("open|shut|1|NULL"),
			do(A, "UPDATE gates SET state = 'open', version = 2 WHERE id = 1 AND version = 2", barred("state is 'open'")),
			do(A, "/* ifmatch: version=2 */ UPDATE gates SET state = ?, version = ? WHERE id = 1 AND version = ?", barred("state is 'open'"), "open", 3, 2),
			do(A, "/* ifmatch: version=1 */ UPDATE gates SET state = ? WHERE id = 1", conflict("expected version=1"), "locked"),
			do(A, "UPDATE gates SET state = ?, version = ? WHERE id = 1", conflict("expected version=1, found version=2"), "locked", 1),
			do(A, "UPDATE gates SET version = ?, state = ?, was = ? WHERE id = 1", barred("state is 'open'"), 2, "wet", "p"),
		}},
	})
}

// A transition with set raises the version even where noop is skip.
func TestStatusRepeated(t *testing.T) {
	play(t, []scenario{
		{name: "one prepared statement, several targets", setup: gates, policy: gatesPolicy, params: "interpolateParams=false", steps: []step{
			do(A, "UPDATE gates SET state = ? WHERE id = ?", affects(1), "wet", 1),
			do(A, "UPDATE gates SET state = ? WHERE id = ?", affects(1), "wet", 1),
			do(direct, "SELECT version FROM gates WHERE id = 1", gives("3")),
			do(A, "UPDATE gates SET state = 'wet' WHERE id = 1", affects(1)),
			do(direct, "SELECT version FROM gates WHERE id = 1", gives("4")),
			do(A, "UPDATE gates SET state = 'shut' WHERE id = 1", affects(1)),
			do(A, "UPDATE gates SET was = was, state = CONCAT('we', 't') WHERE id = 1", affects(1)),
			do(A, "UPDATE gates SET state = 'locked' WHERE id = 2", barred("when 1")),
			do(A, "UPDATE gates SET times = 3, state = 'locked' WHERE id = 2", barred("when 1")),
			do(A, "UPDATE gates SET times = ?, state = ? WHERE id = 2", barred("when 1"), 3, "locked"),
		}},
	})
}
