package integration

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// onConflicts are what a conflict does to its transaction. Three wants below stand for
// these, in this order.
var onConflicts = [...]string{"doom", "rollback", "statement"}

// after is a statement behind the conflict and what comes of it.
type after struct {
	sql  string
	want [3]want
}

// aftermath is what a client does in a transaction behind a conflict. The transaction has set
// the price of row 101, which was 5, to 2.
type aftermath struct {
	name   string
	before []string // statements between the write of row 101 and the conflict
	first  []string // statements before that write
	steps  []after
	// Prices of the rows 101 and 102, which was 7, in the end.
	explicit [3]string // where BEGIN began the transaction
	implicit [3]string // with autocommit=0, where that differs
	leaves   bool      // the client goes away instead
}

func aftermaths() []aftermath {
	d, f := doomed(), want(fine)
	same := func(w want) [3]want { return [3]want{w, w, w} }
	dff, fff := [3]want{d, f, f}, same(f)
	lost := fails(1305, "42000") // the savepoint went with the transaction
	const write = "UPDATE products SET price=3 WHERE id=102"
	return []aftermath{
		{name: "it ignores the error, goes on and commits", steps: []after{{"SELECT 1", dff}, {write, dff}, {"COMMIT", dff}},
			explicit: [3]string{"5 7", "5 3", "2 3"}},
		{name: "it ignores the error, goes on and rolls back", steps: []after{{write, dff}, {"ROLLBACK", fff}},
			explicit: [3]string{"5 7", "5 3", "5 7"}, implicit: [3]string{"5 7", "5 7", "5 7"}},
		{name: "it commits", steps: []after{{"COMMIT WORK", dff}, {write, fff}, {"COMMIT", fff}}, explicit: [3]string{"5 3", "5 3", "2 3"}},
		{name: "it commits and chains", steps: []after{{"COMMIT AND CHAIN", dff}, {write, fff}, {"ROLLBACK", fff}},
			explicit: [3]string{"5 3", "5 7", "2 7"}, implicit: [3]string{"5 7", "5 7", "2 7"}},
		{name: "it commits without release", steps: []after{{"COMMIT NO RELEASE", dff}, {"SELECT 1", fff}}, explicit: [3]string{"5 7", "5 7", "2 7"}},
		{name: "it rolls back and chains", steps: []after{{"ROLLBACK AND CHAIN", fff}, {write, fff}, {"ROLLBACK", fff}}, explicit: [3]string{"5 7", "5 7", "5 7"}},
		{name: "it rolls back and tries again", steps: []after{{"ROLLBACK", fff}, {write, fff}, {"COMMIT", fff}}, explicit: [3]string{"5 3", "5 3", "5 3"}},
		{name: "it begins again", steps: []after{{"BEGIN", fff}, {write, fff}, {"ROLLBACK", fff}}, explicit: [3]string{"5 7", "5 7", "2 7"}},
		{name: "it starts another transaction", steps: []after{{"START TRANSACTION READ WRITE", fff}, {write, fff}, {"COMMIT", fff}}, explicit: [3]string{"5 3", "5 3", "2 3"}},
		{name: "SET autocommit", steps: []after{{"SET autocommit=1", dff}, {"ROLLBACK", fff}},
			explicit: [3]string{"5 7", "5 7", "5 7"}, implicit: [3]string{"5 7", "5 7", "2 7"}},
		{name: "DDL", steps: []after{{"CREATE TABLE more(id INT)", dff}, {"ROLLBACK", fff}}, explicit: [3]string{"5 7", "5 7", "2 7"}},
		{name: "LOCK TABLES", steps: []after{{"LOCK TABLES notes WRITE", dff}, {"ROLLBACK", fff}, {"UNLOCK TABLES", fff}}, explicit: [3]string{"5 7", "5 7", "2 7"}},
		{name: "it looks at the error first", steps: []after{{"SHOW WARNINGS", same(matches("Error", "1020", "ifmatch: version conflict"))},
			{"SHOW ERRORS", same(matches("Error", "1020", "ifmatch: version conflict"))},
			{"SHOW IFMATCH CONFLICT", same(matches("version", "shop.products", "id=100"))}, {"ROLLBACK", fff}}, explicit: [3]string{"5 7", "5 7", "5 7"}},
		{name: "back to a savepoint before the write", first: []string{"SAVEPOINT s"},
			steps:    []after{{"ROLLBACK TO s", [3]want{f, lost, f}}, {write, fff}, {"COMMIT", fff}},
			explicit: [3]string{"5 3", "5 3", "5 3"}},
		{name: "back to a savepoint behind the write", before: []string{"SAVEPOINT s"},
			steps:    []after{{"SELECT 1", dff}, {"ROLLBACK WORK TO SAVEPOINT S", [3]want{f, lost, f}}, {write, fff}, {"COMMIT", fff}},
			explicit: [3]string{"2 3", "5 3", "2 3"}},
		{name: "commits with a savepoint", before: []string{"SAVEPOINT s"}, steps: []after{{"COMMIT", dff}}, explicit: [3]string{"5 7", "5 7", "2 7"}},
		{name: "a savepoint of before does not outlive the end", before: []string{"SAVEPOINT s"},
			steps:    []after{{"ROLLBACK", fff}, {"ROLLBACK TO s", same(lost)}},
			explicit: [3]string{"5 7", "5 7", "5 7"}},
		{name: "prepared at SQL level, it rolls back", first: []string{"PREPARE back FROM 'ROLLBACK'", "PREPARE one FROM 'SELECT 1'"},
			steps:    []after{{"PREPARE q FROM 'SELECT 1'", dff}, {"EXECUTE one", dff}, {"EXECUTE back", fff}, {write, fff}, {"COMMIT", fff}},
			explicit: [3]string{"5 3", "5 3", "5 3"}},
		{name: "prepared at SQL level, it commits", first: []string{"PREPARE done FROM 'COMMIT'"},
			steps:    []after{{"EXECUTE done", dff}, {write, fff}, {"COMMIT", fff}},
			explicit: [3]string{"5 3", "5 3", "2 3"}},
		{name: "it goes away", leaves: true, explicit: [3]string{"5 7", "5 7", "5 7"}},
	}
}

// conflictSenders send a write of row 100 that is stale.
var conflictSenders = []struct {
	name    string
	prepare []string // before the transaction
	sql     string
	args    []any
}{
	{"text", nil, "UPDATE products SET price=1 WHERE id=100 AND version=7", nil},
	{"a hint", nil, "DELETE /* ifmatch: version=7 */ FROM products WHERE id=100", nil},
	{"binary", nil, "UPDATE products SET price=? WHERE id=? AND version=?", []any{1, 100, 7}},
	{"SQL level", []string{"PREPARE stale FROM 'UPDATE products SET price=? WHERE id=100 AND version=7'", "SET @p = 1"}, "EXECUTE stale USING @p", nil},
}

// What CONTRACT §5 says of transactions: every way to end one after a conflict, for each
// on_conflict, however the transaction was begun and the stale write sent.
func TestAftermathOfAConflict(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		for policy, onConflict := range onConflicts {
			t.Run(onConflict, func(t *testing.T) {
				shop, p := shopOf(t, s, products+"; CREATE TABLE notes(id INT)",
					fmt.Sprintf("tables: {shop.products: {version: version, on_conflict: %s}}", onConflict))
				db := session(t, s, "root", shop, "")
				for i, c := range aftermaths() {
					for j, begin := range []string{"BEGIN", "SET autocommit=0"} {
						sender := conflictSenders[(i+j+policy)%len(conflictSenders)]
						t.Run(strings.Join([]string{c.name, begin, sender.name}, ", "), func(t *testing.T) {
							execute(t, db, "DROP TABLE IF EXISTS more")
							execute(t, db, "UPDATE products SET version=1, price=IF(id=101, 5, 7) WHERE id>100")
							app := session(t, p.server(s), "root", shop, "")
							defer app.Close()
							steps := append(append(append([]string{}, sender.prepare...), begin), c.first...)
							steps = append(append(steps, "UPDATE products SET price=2 WHERE id=101"), c.before...)
							for _, q := range steps {
								execute(t, app, q)
							}
							if wrong := conflict("id=100: expected version=7, found version=1")(run(app, sender.sql, shop, sender.args...)); wrong != "" {
								t.Fatalf("%s: %s", sender.sql, wrong)
							}
							for _, step := range c.steps {
								if wrong := step.want[policy](run(app, step.sql, shop)); wrong != "" {
									t.Fatalf("%s: %s", step.sql, wrong)
								}
							}
							end(t, s, p, db, app, shop, c, begin != "BEGIN", policy)
						})
					}
				}
			})
		}
	})
}

// end holds what is left against what should be, and sees that no lock is.
func end(t *testing.T, s *server.Server, p *Proxy, db, app *sql.Conn, shop string, c aftermath, implicit bool, policy int) {
	t.Helper()
	want := c.explicit[policy]
	if implicit && c.implicit[policy] != "" {
		want = c.implicit[policy]
	}
	if c.leaves {
		app.Raw(func(any) error { return driver.ErrBadConn }) // closes it
	}
	rows := strings.Fields(want)
	if c.leaves {
		// The server notices by itself, so the locks are waited for.
		execute(t, db, "UPDATE products SET version=version WHERE id IN (101, 102)")
	}
	if wrong := gives(rows...)(run(db, "SELECT price FROM products WHERE id>100 ORDER BY id", shop)); wrong != "" {
		t.Error(wrong)
	}
	if c.leaves {
		return
	}
	execute(t, app, "COMMIT")
	execute(t, db, "SET innodb_lock_wait_timeout=5")
	execute(t, db, "UPDATE products SET version=version+1 WHERE id IN (100, 101, 102)")
	execute(t, db, "UPDATE products SET version=version-1 WHERE id IN (100, 101, 102)")
	if wrong := gives("1")(run(app, "SELECT 1", shop)); wrong != "" {
		t.Error(wrong)
	}
}

// Commands without a text in a doomed transaction.
func TestCommandsInADoomedTransaction(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, byVersion)
		db := session(t, s, "root", shop, "")
		for _, c := range []struct {
			name string
			send func(r *raw)
			code uint16 // of its error, 0 for none
			over bool   // the doom is lifted
		}{
			{"PING", func(r *raw) { r.command(wire.ComPing) }, 0, false},
			{"INIT_DB", func(r *raw) { r.command(wire.ComInitDB, []byte("mysql")) }, 3101, false},
			{"FIELD_LIST", func(r *raw) { r.command(wire.ComFieldList, []byte("products\x00")) }, 3101, false},
			{"SET_OPTION", func(r *raw) { r.command(wire.ComSetOption, []byte{0, 0}) }, 3101, false},
			{"PREPARE of a SELECT", func(r *raw) { r.command(wire.ComStmtPrepare, []byte("SELECT 1")) }, 3101, false},
			{"RESET_CONNECTION", func(r *raw) { r.command(wire.ComResetConnection) }, 0, true},
			{"CHANGE_USER", func(r *raw) {
				r.command(wire.ComChangeUser, []byte("root\x00\x00"+shop+"\x00\x2d\x00mysql_native_password\x00"))
			}, 0, true},
		} {
			t.Run(c.name, func(t *testing.T) {
				r := dial(t, p.Addr, shop, plainCaps)
				r.query("BEGIN")
				r.query("UPDATE products SET price=2 WHERE id=101")
				if e, err := wire.ParseERR(r.query("UPDATE products SET price=2 WHERE id=100 AND version=7")[0], r.caps); err != nil || e.Code != 1020 {
					t.Fatalf("the stale write: %+v, %v", e, err)
				}
				c.send(r)
				first := r.packet()
				for first[0] == wire.AuthSwitchHeader {
					r.send(nil) // no password
					first = r.packet()
				}
				code := uint16(0)
				if first[0] == wire.ERRHeader {
					e, err := wire.ParseERR(first, r.caps)
					if err != nil {
						t.Fatal(err)
					}
					code = e.Code
				}
				if code != c.code {
					t.Fatalf("error %d, want %d", code, c.code)
				}
				want := byte(wire.ERRHeader)
				if c.over {
					want = wire.OKHeader
				}
				if got := r.query("DO 1"); got[0][0] != want {
					t.Errorf("what follows gives %q", got)
				}
				r.query("ROLLBACK")
				if wrong := gives("5")(run(db, "SELECT price FROM products WHERE id=101", shop)); wrong != "" {
					t.Error(wrong)
				}
			})
		}
	})
}
