package integration

import (
	"fmt"
	"testing"

	"ifmatch/integration/server"
)

// An error of the server's while rows are locked leaves no transaction of the
// proxy's own open: not their locks, not the session's state.
func TestSeveralRowsLeaveNothingOpen(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, stockroom, byStock)
		db := s.Open(t, shop)
		app, other, third := session(t, p.server(s), "root", shop, ""), session(t, s, "root", shop, ""), session(t, s, "root", shop, "")
		must := func(o outcome) outcome {
			t.Helper()
			if o.err != nil {
				t.Fatal(o.err)
			}
			return o
		}
		must(run(third, "SET innodb_lock_wait_timeout=2", shop))
		must(run(app, "SELECT * FROM stock", shop))
		id := must(run(app, "SELECT CONNECTION_ID()", shop)).rows[0]
		free := func(after string) {
			t.Helper()
			must(run(other, "ROLLBACK", shop))
			if o := run(third, "UPDATE stock SET kind=kind WHERE id>=1", shop); o.err != nil {
				t.Errorf("after %s the rows are locked: %v", after, o.err)
			}
			var n int
			if err := db.QueryRow("SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id=" + id).Scan(&n); err != nil || n != 0 {
				t.Errorf("after %s %d transactions are open, %v", after, n, err)
			}
			if o := run(app, "UPDATE stock SET n=n+1 WHERE n>0", shop); o.err != nil || o.affected != 3 {
				t.Errorf("after %s %d rows are written, %v", after, o.affected, o.err)
			}
		}
		hold := func() {
			t.Helper()
			must(run(other, "BEGIN", shop))
			must(run(other, "SELECT * FROM stock WHERE id=3 FOR UPDATE", shop))
		}
		const write = "UPDATE stock SET n=n+1 WHERE n>0"
		must(run(app, "SET innodb_lock_wait_timeout=1", shop))
		hold()
		if wrong := fails(1205, "HY000")(run(app, write, shop)); wrong != "" {
			t.Error(wrong)
		}
		free("a wait for a lock")

		must(run(app, "SET innodb_lock_wait_timeout=50", shop))
		hold()
		done := make(chan outcome, 1)
		go func() { done <- run(app, write, shop) }()
		waits := await(func() bool {
			var n int
			err := db.QueryRow("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE id=" + id + " AND info LIKE '%sql_safe_updates%' AND info NOT LIKE '%PROCESSLIST%'").Scan(&n)
			return err == nil && n > 0
		})
		if !waits {
			t.Fatal("the rows are not locked")
		}
		must(run(third, fmt.Sprintf("KILL QUERY %s", id), shop))
		if wrong := fails(1317, "70100")(<-done); wrong != "" {
			t.Error(wrong)
		}
		free("KILL QUERY")

		if wrong := fails(1054, "42S22")(run(app, "UPDATE stock SET nothing=1 WHERE n>0", shop)); wrong != "" {
			t.Error(wrong)
		}
		free("an error of the write")
	})
}
