package integration

import "testing"

// rooms is a table with a status machine and columns for every kind of version.
const rooms = `CREATE TABLE rooms (id INT PRIMARY KEY AUTO_INCREMENT, state VARCHAR(12) NOT NULL DEFAULT 'free', was VARCHAR(12) NULL, n INT NOT NULL DEFAULT 0,
	note VARCHAR(20) NULL, etag CHAR(36) NULL, at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), term INT NOT NULL DEFAULT 1, version BIGINT NOT NULL DEFAULT 1);
	CREATE TABLE log (state VARCHAR(12));
	INSERT INTO rooms (id, state, etag) VALUES (1, 'free', 'e1'), (2, 'held', 'e2'), (3, 'sold', 'e3')`

// roomsPolicy is a policy for rooms. more is of the table's entry, with a comma behind it.
func roomsPolicy(more string) string {
	return "{tables: {shop.rooms: {" + more + ` require: {note: {not: dead}}, status: {column: state, initial: [free], transitions: [
  {to: held, from: free, set: {was: state, n: n + 1, term: term + 1}}, {to: free, from: [held, sold]}, {to: sold, from: held}], delete: {from: free}}}}}`
}

// Whatever the version is made of, a transition that sets columns leaves the scope
// knowing the row, and a stale version is named before a state that does not fit.
func TestStatusAndVersions(t *testing.T) {
	var all []scenario
	for _, c := range []struct {
		name, version string
		stale         want
	}{
		{"none", "", barred("rooms id=1: state is 'free', 'sold' may follow 'held'")},
		{"counted", "version: version,", conflict("rooms id=1")},
		{"digest of all", "version: {digest: all},", conflict("rooms id=1")},
		{"digest of some", "version: {digest: [state, n]},", conflict("rooms id=1")},
		{"now", "version: {column: at, bump: now},", conflict("rooms id=1")},
		{"uuid", "version: {column: etag, bump: uuid},", conflict("rooms id=1")},
		{"term", "version: {column: version, term: term},", conflict("rooms id=1")},
	} {
		all = append(all, scenario{name: c.name, setup: rooms, policy: roomsPolicy(c.version), steps: []step{
			do(A, "SELECT * FROM rooms WHERE id = 1", fine),
			do(A, "UPDATE rooms SET state = 'held' WHERE id = 1", affects(1)),
			do(A, "UPDATE rooms SET state = ? WHERE id = 1", affects(1), "sold"),
			do(A, "UPDATE rooms SET state = ? WHERE id = ?", affects(1), "free", 1),
			do(A, "UPDATE rooms SET state = ?, term = ?, note = 'x' WHERE id = ?", affects(1), "held", 9, 1),
			do(A, "UPDATE rooms SET state = CONCAT('fr', 'ee') WHERE id = 1", affects(1)),
			do(A, "UPDATE rooms SET note = 'y' WHERE id = 1", affects(1)),
			do(direct, "SELECT state, was, n, note, term FROM rooms WHERE id = 1", gives("free|free|2|y|3")),
			do(direct, "UPDATE rooms SET n = 7, version = version + 1, etag = 'zz', at = at + INTERVAL 1 SECOND WHERE id = 1", affects(1)),
			do(A, "UPDATE rooms SET state = 'sold' WHERE id = 1", c.stale),
		}})
	}
	play(t, all)
}

// DDL through the proxy does not take what the status rests on out of its sight.
func TestStatusColumnStays(t *testing.T) {
	play(t, []scenario{
		{name: "ALTER TABLE", setup: rooms, policy: roomsPolicy(""), steps: []step{
			do(A, "ALTER TABLE rooms CHANGE state state2 VARCHAR(12)", refused("renames state")),
			do(A, "ALTER TABLE rooms ADD x INT, CHANGE COLUMN `state` y VARCHAR(12)", refused("renames state")),
			do(A, "ALTER TABLE rooms RENAME COLUMN state TO state2", refused("renames state")),
			do(A, "ALTER TABLE rooms DROP STATE", refused("drops")),
			do(A, "ALTER TABLE rooms DROP COLUMN note", refused("drops or renames note")),
			do(A, "ALTER TABLE rooms CHANGE state state VARCHAR(20) NOT NULL DEFAULT 'held'", fine),
			do(A, "INSERT INTO rooms (id) VALUES (9)", barred("id=9: state is 'held'")),
			do(A, "ALTER TABLE rooms MODIFY COLUMN state VARCHAR(20) NOT NULL DEFAULT 'free', ADD INDEX state (state), DROP COLUMN was", fine),
			do(A, "ALTER TABLE rooms DROP INDEX state", fine),
		}},
		{name: "a trigger", setup: rooms, policy: roomsPolicy(""), steps: []step{
			do(A, "CREATE TRIGGER a BEFORE UPDATE ON rooms FOR EACH ROW SET NEW.state = 'held'", refused("NEW.state")),
			do(A, "CREATE TRIGGER a BEFORE INSERT ON rooms FOR EACH ROW SET NEW.note = 'n', NEW.`state` = 'held'", refused("state")),
			do(A, "CREATE TRIGGER a BEFORE UPDATE ON rooms FOR EACH ROW SELECT 'held' INTO NEW.state", refused("NEW.state")),
			do(A, "CREATE TRIGGER a BEFORE UPDATE ON rooms FOR EACH ROW SET NEW.note = IF(NEW.state = 'held', 'h', NEW.note)", fine),
			do(A, "CREATE TRIGGER b AFTER UPDATE ON rooms FOR EACH ROW INSERT INTO log VALUES (NEW.state)", fine),
		}},
	})
}
