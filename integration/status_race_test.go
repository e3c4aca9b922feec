package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"ifmatch/integration/server"
)

// envRaceRounds gives the number of rounds of TestStatusRace.
const envRaceRounds = "IFMATCH_RACE_ROUNDS"

const (
	contenders = 200
	raceRounds = 12 // where the environment gives none
)

// raced is a row to race for, and one beside it that nobody writes.
const raced = `CREATE TABLE jobs (id INT PRIMARY KEY, status VARCHAR(20) NOT NULL, previous VARCHAR(20) NULL, host VARCHAR(20) NULL,
	deletions INT NOT NULL DEFAULT 0, version BIGINT NOT NULL DEFAULT 1);
	INSERT INTO jobs (id, status) VALUES (1, 'new'), (2, 'available')`

const racedPolicy = `
tables:
  shop.jobs:
    version: version
    status:
      column: status
      transitions:
        - {to: deleting, from: [available, error], set: {previous: status, deletions: deletions + 1}}
`

// Of two hundred clients that take one row to the same state at the same time
// exactly one does, and each of the others is told why it does not. What the
// policy sets is set once. The server may give up on a write, or the proxy on the
// search for a reason, where the queue for the row is long: that is counted, and
// must have no effect.
func TestStatusRace(t *testing.T) {
	rounds := raceRounds
	if text := os.Getenv(envRaceRounds); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil || rounds < 1 {
			t.Fatalf("%s is %q, want a number of rounds", envRaceRounds, text)
		}
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		for _, protocol := range []string{"text", "binary"} {
			t.Run(protocol, func(t *testing.T) {
				shop, p := shopOf(t, s, raced, racedPolicy, "--log-level", "info")
				r := &statusRace{shop: shop, referee: session(t, s, "root", shop, ""), writes: make([]func() outcome, contenders)}
				for i := range r.writes {
					r.writes[i] = contender(t, session(t, p.server(s), "root", shop, ""), shop, hostOf(i), protocol == "binary")
				}
				began := time.Now()
				for n := range rounds {
					r.round(t, n)
				}
				t.Logf("%d rounds of %d clients in %v: %d won, %d lost, %d of them without a proved reason; %d errors of the server's",
					rounds, contenders, time.Since(began).Round(time.Millisecond), r.won, r.lost, r.unproved, r.busy)
				if r.unproved == r.lost {
					t.Error("no client was told why it has lost")
				}
				if told := fmt.Sprintf(`ifmatch_conflicts_total{kind="status",table="%s.jobs"} %d`, shop, r.lost); !contains(get(t, "http://"+p.Admin+"/metrics"), told) {
					t.Errorf("the metrics have no %s", told)
				}
				if wrong := gives("available|NULL|NULL|0|1")(run(r.referee, "SELECT status, previous, host, deletions, version FROM jobs WHERE id = 2", shop)); wrong != "" {
					t.Error("the row that nobody writes: ", wrong)
				}
			})
		}
	})
}

// statusRace is a row, those who race for it, and what came of it so far.
type statusRace struct {
	shop                      string
	referee                   *sql.Conn // goes around the proxy
	writes                    []func() outcome
	won, lost, unproved, busy int
}

// contender gives a client's attempt to take the row, in either protocol. It leaves
// the client's own mark on the row.
func contender(t *testing.T, conn *sql.Conn, shop, host string, binary bool) func() outcome {
	t.Helper()
	if !binary {
		q := fmt.Sprintf("UPDATE jobs SET host = '%s', status = 'deleting' WHERE id = 1", host)
		return func() outcome { return run(conn, q, shop) }
	}
	stmt, err := conn.PrepareContext(context.Background(), "UPDATE jobs SET host = ?, status = ? WHERE id = ?")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stmt.Close() })
	return func() outcome {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		res, err := stmt.ExecContext(ctx, host, "deleting", 1)
		if err != nil {
			return outcome{err: err, shop: shop}
		}
		n, _ := res.RowsAffected()
		return outcome{affected: n, shop: shop}
	}
}

func hostOf(i int) string { return fmt.Sprintf("host%d", i) }

// round has all clients write at once and holds their answers and the row
// against what must come of it. The referee keeps the row locked until all of
// them have begun, so none can have won before another comes.
func (r *statusRace) round(t *testing.T, n int) {
	t.Helper()
	state := []string{"available", "error"}[n%2]
	execute(t, r.referee, "BEGIN")
	execute(t, r.referee, "UPDATE jobs SET status = ?, previous = NULL, host = NULL WHERE id = 1", state)
	outcomes := make([]outcome, len(r.writes))
	var begun, done sync.WaitGroup
	begun.Add(len(r.writes))
	for i, write := range r.writes {
		done.Go(func() {
			begun.Done()
			outcomes[i] = write()
		})
	}
	begun.Wait()
	execute(t, r.referee, "COMMIT")
	done.Wait()

	var winners []string
	for i, o := range outcomes {
		switch {
		case affects(1)(o) == "":
			winners = append(winners, hostOf(i))
		case barred("jobs id=1: status is 'deleting', 'deleting' may follow 'available', 'error'")(o) == "":
			r.lost++
		case barred("jobs id=1: the reason is unknown")(o) == "":
			r.lost++
			r.unproved++
		case busy(o.err):
			r.busy++
		default:
			t.Fatalf("round %d, %s: %d rows affected, error %v", n, hostOf(i), o.affected, o.err)
		}
	}
	if len(winners) != 1 {
		t.Fatalf("round %d: %d have won: %s", n, len(winners), strings.Join(winners, ", "))
	}
	r.won++
	want := fmt.Sprintf("deleting|%s|%s|%d|%d", state, winners[0], n+1, n+2)
	if wrong := gives(want)(run(r.referee, "SELECT status, previous, host, deletions, version FROM jobs WHERE id = 1", r.shop)); wrong != "" {
		t.Fatalf("round %d: %s", n, wrong)
	}
}

// busy reports whether the server gave up on a write that waited for a lock: by
// ER_LOCK_WAIT_TIMEOUT or ER_LOCK_DEADLOCK.
func busy(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && (e.Number == 1205 || e.Number == 1213)
}
