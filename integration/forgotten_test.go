package integration

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// forgottenEntry is what the log says of a transaction that is idle.
type forgottenEntry struct {
	Level, Msg, User, Database, Client, Idle, Open string
	BegunBy                                        string `json:"begun_by"`
	First, Last                                    string
	Statements                                     int
	Doomed                                         bool
	Attributes                                     map[string]string
}

// forgottenEntries gives the entries of the log that say this.
func forgottenEntries(p *Proxy, msg string) (entries []forgottenEntry) {
	for _, line := range p.Log.Lines() {
		var e forgottenEntry
		if json.Unmarshal(line, &e) == nil && e.Msg == msg {
			entries = append(entries, e)
		}
	}
	return entries
}

const (
	idleLogged = "transaction is idle"
	idleEnded  = "idle transaction is rolled back, and its session ended"
)

// A transaction that is begun and forgotten is reported, rolled back and its session
// ended, however it was begun; its locks go, and its client is told why.
func TestForgottenTransactions(t *testing.T) {
	const (
		write    = "UPDATE products SET price = ? WHERE id = ?"
		conflict = "UPDATE products SET price = ? WHERE id = ? AND version = ?"
		stale    = "UPDATE products SET price=3 WHERE id=100 AND version=9"
	)
	cases := []struct {
		name, begunBy, first, last string
		begin                      []string // LOCK writes the row that is the case's own
		doomed                     bool
	}{
		{"BEGIN", "BEGIN", write, "SELECT ? FROM products WHERE id = ?", []string{"BEGIN", "LOCK", "SELECT 'secret' FROM products WHERE id=102"}, false},
		{"without autocommit", write, "", "", []string{"SET autocommit=0", "LOCK"}, false},
		{"XA", "XA START ?", write, write, []string{"XA START 'forgotten'", "LOCK"}, false},
		{"doomed", "BEGIN", write, conflict, []string{"BEGIN", "LOCK", stale}, true},
		{"doomed with a savepoint", "START TRANSACTION", "SAVEPOINT s", conflict, []string{"START TRANSACTION", "SAVEPOINT s", "LOCK", stale}, true},
		{"COMMIT AND CHAIN", "COMMIT AND CHAIN", write, write, []string{"BEGIN", "COMMIT AND CHAIN", "LOCK"}, false},
		{"several statements in one text", "BEGIN", write, write, []string{"BEGIN; LOCK"}, false},
		{"a statement of another transaction before", "BEGIN", write, write, []string{"BEGIN", "ROLLBACK", "SELECT 1", "BEGIN", "LOCK"}, false},
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		setup := products
		for i := range cases {
			setup += fmt.Sprintf("; INSERT INTO products(id, price) VALUES (%d, 5)", i)
		}
		shop, p := shopOf(t, s, setup, byVersion, "--idle-transaction-warn", "100ms", "--idle-transaction-end", "2s")
		bystander := session(t, p.server(s), "root", shop, "") // idle as well, and in no transaction
		execute(t, bystander, "SET @here = 1")
		apps := make([]*sql.Conn, len(cases))
		for i, c := range cases {
			apps[i] = session(t, p.server(s), "root", shop, fmt.Sprintf("multiStatements=true&connectionAttributes=program_name:till-%d,password:hunter2", i))
			for _, q := range c.begin {
				q = strings.ReplaceAll(q, "LOCK", fmt.Sprintf("UPDATE products SET price=2 WHERE id=%d", i))
				if _, err := apps[i].ExecContext(context.Background(), q); err != nil && !c.doomed {
					t.Fatalf("%s: %s: %v", c.name, q, err)
				}
			}
		}
		db := session(t, s, "root", shop, "")
		execute(t, db, "SET innodb_lock_wait_timeout=30")
		for i := range cases {
			execute(t, db, fmt.Sprintf("UPDATE products SET price=price+10 WHERE id=%d", i)) // waits for the lock to go
		}
		if !await(func() bool { return len(forgottenEntries(p, idleEnded)) == len(cases) }) {
			t.Fatal("not all sessions were ended")
		}
		if wrong := gives("15|8")(run(db, "SELECT price, COUNT(*) FROM products WHERE id<100 GROUP BY price", shop)); wrong != "" {
			t.Error(wrong)
		}
		entries := map[string][]forgottenEntry{}
		for _, msg := range []string{idleLogged, idleEnded} {
			for _, e := range forgottenEntries(p, msg) {
				app := e.Attributes["program_name"]
				entries[app] = append(entries[app], e)
			}
		}
		for i, c := range cases {
			reported := entries[fmt.Sprintf("till-%d", i)]
			if len(reported) < 2 {
				t.Errorf("%s: reported %d times", c.name, len(reported))
				continue
			}
			for _, e := range reported[len(reported)-2:] {
				if e.Level != "WARN" || e.User != "root" || e.Database != shop || e.Client == "" || e.Idle == "" || e.Open == "" || e.Doomed != c.doomed {
					t.Errorf("%s: reported as %+v", c.name, e)
				}
				if e.BegunBy != c.begunBy || e.First != c.first || e.Last != c.last {
					t.Errorf("%s: begun by %q, first %q, last %q; want %q, %q, %q", c.name, e.BegunBy, e.First, e.Last, c.begunBy, c.first, c.last)
				}
				if e.Attributes["_client_name"] == "" || e.Attributes["_pid"] == "" || len(e.Attributes["password"]) > 0 {
					t.Errorf("%s: attributes are %v", c.name, e.Attributes)
				}
			}
			if _, err := apps[i].ExecContext(context.Background(), "COMMIT"); err == nil {
				t.Errorf("%s: the session goes on", c.name)
			}
		}
		if strings.Contains(p.Log.String(), "secret") || strings.Contains(p.Log.String(), "hunter2") {
			t.Error("the log has a constant or an attribute of the client's own")
		}
		if wrong := gives("1")(run(bystander, "SELECT @here", shop)); wrong != "" {
			t.Error(wrong)
		}
		ended := strconv.Itoa(len(cases))
		if o := run(bystander, "SHOW IFMATCH STATUS", shop); !slices.Contains(o.rows, "idle_transactions_ended|"+ended) {
			t.Errorf("status is %q, error %v", o.rows, o.err)
		}
		metrics := get(t, "http://"+p.Admin+"/metrics")
		if !contains(metrics, `ifmatch_idle_transactions_total{action="end"} `+ended) || !strings.Contains(metrics, `ifmatch_idle_transactions_total{action="warn"}`) {
			t.Errorf("metrics lack what was ended:\n%s", metrics)
		}
	})
}

// The client of a session that was ended finds the error that its server would have
// given, as the answer to its next command.
func TestForgottenTransactionIsExplained(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, byVersion, "--idle-transaction-end", "300ms")
		r := dial(t, p.Addr, shop, plainCaps)
		r.query("BEGIN")
		r.query("UPDATE products SET price=2 WHERE id=101")
		r.c.ResetSeq()
		e, err := wire.ParseERR(r.packet(), r.caps)
		if err != nil {
			t.Fatal(err)
		}
		code, state := uint16(4031), "HY000"
		if s.Flavor == server.FlavorMariaDB {
			code, state = 1927, "70100"
		}
		if e.Code != code || e.State != state || !strings.Contains(e.Message, "ifmatch: the transaction was idle for 300ms and was rolled back") {
			t.Errorf("told %+v", e)
		}
		if _, err := r.c.ReadPayload(100); err == nil {
			t.Error("the connection stays open")
		}
	})
}

// What ends within the time, or is never to be ended, is left alone.
func TestTransactionsThatAreNotForgotten(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, byVersion, "--idle-transaction-warn", "50ms", "--idle-transaction-end", "0")
		app := session(t, p.server(s), "root", shop, "")
		execute(t, app, "BEGIN")
		execute(t, app, "UPDATE products SET price=2 WHERE id=101")
		if !await(func() bool { return len(forgottenEntries(p, idleLogged)) == 1 }) {
			t.Fatal("not reported")
		}
		execute(t, app, "UPDATE products SET price=3 WHERE id=102")
		if !await(func() bool { return len(forgottenEntries(p, idleLogged)) == 2 }) {
			t.Fatal("not reported when it was idle again")
		}
		execute(t, app, "COMMIT")
		if wrong := gives("2", "3")(run(app, "SELECT price FROM products WHERE id>100 ORDER BY id", shop)); wrong != "" {
			t.Error(wrong)
		}
		if n := len(forgottenEntries(p, idleEnded)); n != 0 {
			t.Errorf("%d sessions ended", n)
		}
		var my *mysql.MySQLError
		if _, err := app.ExecContext(context.Background(), "SELECT nonsense"); !errors.As(err, &my) {
			t.Errorf("the session is not as it was: %v", err)
		}
	})
}
