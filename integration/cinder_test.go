package integration

import (
	"strings"
	"testing"
)

// What Cinder's conditional_update does (cinder/db/sqlalchemy/api.py) and its own
// tests hold it to (cinder/tests/unit/db/test_volume…, test_conditional_update_*),
// restated: the expectations stand in a policy, and the program writes plain SQL.
// The numbers are for finding a case again.

// volumes are a volume for each state that the cases begin with.
const volumes = `CREATE TABLE volumes (id INT PRIMARY KEY, size INT NOT NULL DEFAULT 1, status VARCHAR(30) NULL, previous_status VARCHAR(30) NULL,
	attach_status VARCHAR(30) NULL, migration_status VARCHAR(30) NULL, host VARCHAR(30) NULL, deleted TINYINT NOT NULL DEFAULT 0, version BIGINT NOT NULL DEFAULT 1);
	CREATE TABLE snapshots (id INT PRIMARY KEY, volume_id INT NOT NULL, status VARCHAR(30), deleted TINYINT NOT NULL DEFAULT 0);
	INSERT INTO volumes (id, size, status, attach_status, migration_status) VALUES
		(1, 1, 'available', 'detached', NULL), (2, 1, 'available', 'attached', NULL), (3, 1, 'in-use', 'attached', 'migrating'), (4, 1, NULL, NULL, 'error'), (5, 2, 'error', NULL, NULL);
	INSERT INTO snapshots (id, volume_id, status) VALUES (1, 2, 'available')`

// machine gives a policy for volumes with these transitions.
func machine(transitions ...string) string {
	return "tables:\n  shop.volumes:\n    version: version\n    require: {deleted: 0}\n    status:\n      column: status\n      otherwise: allow\n      transitions:\n        - " +
		strings.Join(transitions, "\n        - ") + "\n"
}

func TestCinder(t *testing.T) {
	leaves := func(s step, state string) []step {
		return []step{s, do(direct, "SELECT status FROM volumes WHERE id = 1", gives(state))}
	}
	all := []scenario{
		{
			name: "01 plain", policy: machine("{to: deleting, from: available}"),
			steps: leaves(do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", affects(1)), "deleting"),
		}, {
			name: "02 plain, in another state", policy: machine("{to: deleting, from: error}"),
			steps: leaves(do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", barred("volumes id=1: status is 'available', 'deleting' may follow 'error'")), "available"),
		}, {
			name: "03 previous status", policy: machine("{to: deleting, from: available, set: {previous_status: status}}"),
			steps: []step{
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", affects(1)),
				do(A, "UPDATE volumes SET previous_status = 'x', status = ? WHERE id = ?", affects(1), "deleting", 2),
				do(direct, "SELECT status, previous_status, version FROM volumes WHERE id < 3", gives("deleting|available|2", "deleting|available|2")),
			},
		}, {
			name: "04 what was read is expected", policy: machine("{to: deleting}"),
			steps: []step{
				do(A, "SELECT status FROM volumes WHERE id = 1", gives("available")),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", affects(1)),
				do(A, "UPDATE volumes SET size = 2 WHERE id = 1", affects(1)),
			},
		}, {
			name: "05 stale by another session", policy: machine("{to: deleting, from: [available, error]}"),
			steps: []step{
				do(A, "SELECT * FROM volumes WHERE id = 1", fine),
				do(B, "UPDATE volumes SET status = 'error' WHERE id = 1", affects(1)),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", conflict("expected version=1, found version=2")),
				do(A, "SELECT status FROM volumes WHERE id = 1", gives("error")),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", affects(1)),
			},
		}, {
			name: "06 one exclusion", policy: machine("{to: deleting, from: {not: in-use}}"),
			steps: []step{
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", affects(1)),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 3", barred("status is 'in-use', 'deleting' may follow anything but 'in-use'")),
			},
		}, {
			name: "07 exclusion twice", policy: machine("{to: deleting, from: {not: in-use}, require: {attach_status: {not: attached}}}"),
			steps: []step{
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", affects(1)),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 2", barred("volumes id=2: require attach_status failed")),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 3", barred("volumes id=3: status is 'in-use'")),
			},
		}, {
			name: "08 inclusion", policy: machine("{to: deleting, from: [error, available]}"),
			steps: []step{
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", affects(1)),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 5", affects(1)),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 3", barred("'deleting' may follow 'error', 'available'")),
			},
		}, {
			name: "09 a filter that one of three rows meets", policy: machine("{to: deleting, from: [available, in-use], when: EXISTS (SELECT 1 FROM snapshots s WHERE s.volume_id = volumes.id)}"),
			steps: []step{
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", barred("volumes id=1: when 1 failed")),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 2", affects(1)),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 3", barred("volumes id=3: when 1 failed")),
				do(direct, "SELECT status FROM volumes WHERE id < 4 ORDER BY id", gives("available", "deleting", "in-use")),
			},
		}, {
			name: "10 several inclusions, failing by each", policy: machine("{to: deleting, from: [available, error], require: {attach_status: [null, detached], migration_status: [null, success], size: [1, 2]}}"),
			steps: []step{
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 3", barred("status is 'in-use'")),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 2", barred("require attach_status failed")),
				do(direct, "UPDATE volumes SET migration_status = 'starting' WHERE id = 1", fine),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", barred("require migration_status failed")),
				do(direct, "UPDATE volumes SET migration_status = 'success', size = 3 WHERE id = 1", fine),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", barred("require size failed")),
				do(direct, "UPDATE volumes SET size = 2 WHERE id = 1", fine),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", affects(1)),
				do(A, "UPDATE volumes SET status = ? WHERE id = ?", affects(1), "deleting", 5),
			},
		}, {
			name: "11 several exclusions, failing by each", policy: machine("{to: deleting, from: {not: [in-use, attaching]}, require: {attach_status: {not: [attached, attaching]}, migration_status: {not: [migrating, starting]}}}"),
			steps: []step{
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 3", barred("status is 'in-use', 'deleting' may follow anything but 'in-use', 'attaching'")),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 2", barred("require attach_status failed")),
				do(direct, "UPDATE volumes SET migration_status = 'starting' WHERE id = 1", fine),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", barred("require migration_status failed")),
				do(direct, "UPDATE volumes SET migration_status = NULL WHERE id = 1", fine),
				do(A, "UPDATE volumes SET status = ? WHERE id = ?", affects(1), "deleting", 1),
			},
		}, {
			name: "12 a snapshot is there", policy: machine("{to: deleting, from: available, unless: EXISTS (SELECT 1 FROM snapshots WHERE volume_id = volumes.id AND snapshots.deleted = 0)}"),
			steps: []step{
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 2", barred("volumes id=2: unless 1 failed")),
				do(A, "UPDATE volumes v SET v.status = ? WHERE v.id = ?", barred("volumes id=2: unless 1 failed"), "deleting", 2),
				do(A, "UPDATE snapshots SET deleted = 1", affects(1)),
				do(A, "UPDATE volumes v SET v.status = ? WHERE v.id = ?", affects(1), "deleting", 2),
			},
		}, {
			name: "13 CASE taken and not taken", policy: machine(`{to: deleting, from: available, set: {previous_status: "CASE WHEN EXISTS (SELECT 1 FROM snapshots s WHERE s.volume_id = volumes.id) THEN 'has-snapshot' ELSE status END"}}`),
			steps: []step{
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", affects(1)),
				do(A, "UPDATE volumes SET status = ? WHERE id = ?", affects(1), "deleting", 2),
				do(direct, "SELECT previous_status FROM volumes WHERE id < 3 ORDER BY id", gives("available", "has-snapshot")),
			},
		}, {
			name: "14 CASE in the program's own statement", policy: machine("{to: deleting, from: available}", "{to: error, from: in-use}"),
			steps: []step{
				do(A, "UPDATE volumes SET status = CASE WHEN attach_status = 'detached' THEN 'deleting' ELSE 'error' END WHERE id = 1", affects(1)),
				do(A, "UPDATE volumes SET status = CASE WHEN attach_status = 'detached' THEN 'deleting' ELSE 'error' END WHERE id = 2", barred("status is 'available', 'error' may follow 'in-use'")),
				do(A, "UPDATE volumes SET status = CASE WHEN attach_status = 'detached' THEN 'deleting' ELSE 'error' END WHERE id = 3", affects(1)),
				do(direct, "SELECT status FROM volumes WHERE id < 4 ORDER BY id", gives("deleting", "available", "error")),
			},
		}, {
			name: "15 NULL in an inclusion", policy: machine("{to: deleting, from: [available, null]}"),
			steps: []step{
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 4", affects(1)),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", affects(1)),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 3", barred("'deleting' may follow 'available', NULL")),
			},
		}, {
			name: "16 NULL in an exclusion refuses the row that is NULL", policy: machine("{to: deleting, from: {not: [in-use, null]}}"),
			steps: []step{
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 4", barred("status is NULL, 'deleting' may follow anything but 'in-use', NULL")),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 3", barred("status is 'in-use'")),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", affects(1)),
			},
		}, {
			name: "17 an exclusion holds for a row that is NULL", policy: machine("{to: deleting, from: {not: in-use}}"),
			steps: []step{do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 4", affects(1))},
		}, {
			name: "18 an exclusion as SQL reads it does not", policy: machine("{to: deleting, from: {not: in-use, nulls: sql}}"),
			steps: []step{
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 4", barred("status is NULL")),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", affects(1)),
			},
		}, {
			name: "19 NULL alone, both ways", policy: machine("{to: deleting, from: null}", "{to: error, from: {not: null}}"),
			steps: []step{
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", barred("'deleting' may follow NULL")),
				do(A, "UPDATE volumes SET status = 'error' WHERE id = 4", barred("'error' may follow anything but NULL")),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 4", affects(1)),
				do(A, "UPDATE volumes SET status = 'error' WHERE id = 1", affects(1)),
			},
		}, {
			name: "20 lists with nothing in them", policy: machine("{to: deleting, from: []}", "{to: error, from: {not: []}}"),
			steps: []step{
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", barred("'deleting' may follow nothing")),
				do(A, "UPDATE volumes SET status = 'error' WHERE id = 4", affects(1)),
				do(A, "UPDATE volumes SET status = 'error' WHERE id = 1", affects(1)),
			},
		}, {
			name: "21 size = size + 1", policy: machine("{to: extending, from: available, set: {size: size + 1}}"),
			steps: []step{
				do(A, "UPDATE volumes SET size = size + 1 WHERE id = 1", affects(1)),
				do(A, "UPDATE volumes SET status = 'extending' WHERE id = 1", affects(1)),
				do(A, "UPDATE volumes SET size = size + 5, status = ? WHERE id = ?", affects(1), "extending", 2),
				do(direct, "SELECT size, version FROM volumes WHERE id < 3 ORDER BY id", gives("3|3", "2|2")),
			},
		}, {
			name: "22 literals in any order", policy: machine("{to: deleting, from: available, set: {host: previous_status, previous_status: status, migration_status: host}}"),
			steps: []step{
				do(direct, "UPDATE volumes SET previous_status = 'p', host = 'h'", fine),
				do(A, "UPDATE volumes SET size = 7, status = 'deleting', attach_status = 'x' WHERE id = 1", affects(1)),
				do(A, "UPDATE volumes SET attach_status = ?, status = ?, size = ? WHERE id = ?", affects(1), "x", "deleting", 7, 2),
				do(direct, "SELECT size, status, attach_status, host, previous_status, migration_status FROM volumes WHERE id < 3",
					gives("7|deleting|x|p|available|h", "7|deleting|x|p|available|h")),
			},
		}, {
			name: "23 a row that was deleted softly", policy: machine("{to: deleting, from: available}"),
			steps: []step{
				do(A, "UPDATE volumes SET deleted = 1 WHERE id = 1", affects(1)),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", barred("volumes id=1: require deleted failed")),
				do(A, "UPDATE volumes SET size = ? WHERE id = ?", barred("volumes id=1: require deleted failed"), 5, 1),
				do(A, "UPDATE volumes SET deleted = 0 WHERE id = 1", barred("volumes id=1: require deleted failed")),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1 AND deleted = 0", affects(0)),
			},
		}, {
			name: "24 the program's own condition explains what it explains", policy: machine("{to: deleting, from: available}"),
			steps: []step{
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 3 AND status = 'available'", affects(0)),
				do(A, "UPDATE volumes SET status = ? WHERE id = ? AND status IN (?, ?)", affects(0), "deleting", 3, "available", "error"),
				do(A, "UPDATE volumes SET status = ? WHERE id = ? AND status IN (?, ?)", affects(1), "deleting", 1, "available", "error"),
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 99", affects(0)),
			},
		}, {
			name: "25 a filter over the written table", policy: machine("{to: deleting, from: available, unless: EXISTS (SELECT 1 FROM volumes o WHERE o.status = 'deleting' AND o.id <> volumes.id)}"),
			steps: []step{
				do(A, "UPDATE volumes SET status = 'deleting' WHERE id = 1", affects(1)),
				do(A, "UPDATE volumes o SET o.status = 'deleting' WHERE o.id = 2", barred("volumes id=2: unless 1 failed")),
				do(A, "UPDATE volumes SET status = ? WHERE id = ?", barred("volumes id=2: unless 1 failed"), "deleting", 2),
				do(A, "UPDATE volumes SET status = 'error' WHERE id = 1", affects(1)),
				do(A, "UPDATE volumes o SET o.status = ? WHERE o.id = ?", affects(1), "deleting", 2),
			},
		},
	}
	for i := range all {
		all[i].setup = volumes
	}
	play(t, all)
}
