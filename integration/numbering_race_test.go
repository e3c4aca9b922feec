package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"ifmatch/integration/server"
)

// envCounting makes the tests of counting longer, by that factor.
const envCounting = "IFMATCH_COUNTING_ROUNDS"

// countingRounds gives the factor, 1 by default.
func countingRounds() int {
	if n, err := strconv.Atoi(os.Getenv(envCounting)); err == nil && n > 0 {
		return n
	}
	return 1
}

// callers opens n connections, in turn through each of the proxies.
func callers(t *testing.T, n int, shop string, proxies ...*server.Server) []*sql.Conn {
	t.Helper()
	conns := make([]*sql.Conn, n)
	for i := range conns {
		conns[i] = session(t, proxies[i%len(proxies)], "root", shop, "")
	}
	return conns
}

// together runs f for each connection at once.
func together(conns []*sql.Conn, f func(i int, conn *sql.Conn)) {
	var wg sync.WaitGroup
	for i, conn := range conns {
		wg.Go(func() { f(i, conn) })
	}
	wg.Wait()
}

// allocate calls allocids and gives the first and the last number.
func allocate(conn *sql.Conn, counter string, n int) (first, last int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	err = conn.QueryRowContext(ctx, fmt.Sprintf("CALL ifmatch.allocids('%s', %d)", counter, n)).Scan(&first, &last)
	return first, last, err
}

// Two hundred callers through two proxies get all numbers once, none beyond the
// end of a range, and in a range that turns each as often as the others.
func TestCountingTogether(t *testing.T) {
	rounds := 4 * countingRounds()
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, "", "tables: {}")
		q := start(t, s, "tables: {}")
		conns := callers(t, 200, shop, p.server(s), q.server(s))
		free, ended, turning := "/"+shop+"/free", "/"+shop+"/ended", "/"+shop+"/turning"
		// What is left of the ended range at the end is less than the next caller wants.
		const size = 97
		room := int64(200*rounds*3 - 150)
		execute(t, conns[0], fmt.Sprintf("CALL ifmatch.rangeids('%s', '1-%d!')", ended, room))
		execute(t, conns[0], fmt.Sprintf("CALL ifmatch.rangeids('%s', '1000-%d')", turning, 1000+size-1))
		var mu sync.Mutex
		given := map[string]map[int64]int{free: {}, ended: {}, turning: {}}
		var overrun atomic.Int64
		together(conns, func(i int, conn *sql.Conn) {
			for round := range rounds {
				for _, c := range []struct {
					counter string
					n       int
				}{{free, 1 + (i+round)%7}, {ended, 3}, {turning, 1}} {
					first, last, err := allocate(conn, c.counter, c.n)
					var my *mysql.MySQLError
					if c.counter == ended && errors.As(err, &my) && my.Number == 1644 {
						overrun.Add(1)
						continue
					}
					if err != nil || last != first+int64(c.n)-1 {
						t.Errorf("%s: %d numbers from %d to %d, error %v", c.counter, c.n, first, last, err)
						return
					}
					mu.Lock()
					for n := first; n <= last; n++ {
						given[c.counter][n]++
					}
					mu.Unlock()
				}
			}
		})
		for n, times := range given[free] {
			if times != 1 || n < 1 || n > int64(len(given[free])) {
				t.Errorf("number %d of %d was given %d times", n, len(given[free]), times)
			}
		}
		if got := int64(len(given[ended])); got != room || overrun.Load() != 50 {
			t.Errorf("%d of %d numbers were given, %d calls were refused, want 50", got, room, overrun.Load())
		}
		for n := range given[ended] {
			if n > room {
				t.Errorf("number %d is beyond the end", n)
			}
		}
		low, high := 200*rounds/size, (200*rounds+size-1)/size
		for n := int64(1000); n < 1000+size; n++ {
			if times := given[turning][n]; times < low || times > high {
				t.Errorf("number %d was given %d times, want %d to %d", n, times, low, high)
			}
		}
		if n := len(given[turning]); n != size {
			t.Errorf("%d different numbers in a range of %d", n, size)
		}
	})
}

// A proxy and the server are killed while callers count, and no number comes twice.
func TestCountingThroughCrashes(t *testing.T) {
	server.EachOwn(t, func(t *testing.T, s *server.Server) {
		execute(t, session(t, s, "root", "", ""), "CREATE DATABASE shop")
		stays := start(t, s, "tables: {}")
		given := map[int64]int{}
		var mu sync.Mutex
		var got atomic.Int64
		count := func(via *server.Server, done chan struct{}) {
			db := s.OpenAs(t, "root", "shop", "timeout=2s&readTimeout=15s")
			if via != s {
				db = via.OpenAs(t, "root", "shop", "timeout=2s&readTimeout=15s")
			}
			db.SetMaxOpenConns(8)
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for {
						select {
						case <-done:
							return
						default:
						}
						var first, last int64
						if err := db.QueryRow("CALL ifmatch.allocids('/crash', 3)").Scan(&first, &last); err != nil {
							time.Sleep(5 * time.Millisecond)
							continue
						}
						mu.Lock()
						for n := first; n <= last; n++ {
							given[n]++
						}
						mu.Unlock()
						got.Add(1)
					}
				})
			}
			wg.Wait()
		}
		done := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { count(stays.server(s), done) })
		more := func(what string) {
			t.Helper()
			before := got.Load()
			if !await(func() bool { return got.Load() > before+50 }) {
				t.Errorf("no numbers %s", what)
			}
		}
		for range countingRounds() {
			dies := launch(t, s, "tables: {}")
			if !dies.listens(t) {
				t.Fatalf("the proxy does not listen:\n%s", dies.Log)
			}
			gone := make(chan struct{})
			wg.Go(func() { count(dies.server(s), gone) })
			more("through two proxies")
			dies.cmd.Process.Kill()
			<-dies.exited
			close(gone)
			more("after a proxy was killed")
			s.Kill()
			s.Restart(t)
			more("after the server was killed")
		}
		close(done)
		wg.Wait()
		var value int64
		if err := stays.server(s).Open(t, "shop").QueryRow("CALL ifmatch.getids('/crash')").Scan(&value); err != nil {
			t.Fatal(err)
		}
		for n, times := range given {
			if times != 1 || n > value {
				t.Errorf("number %d was given %d times; the counter is at %d", n, times, value)
			}
		}
		t.Logf("%d calls, counter at %d", got.Load(), value)
	})
}

// While somebody holds the row of a counter its callers wait, and are then served. A
// call that waits for another counter's is not one of them.
func TestCountingWaitsForAHeldRow(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, "", "tables: {}")
		conns := callers(t, 40, shop, p.server(s))
		held, other := "/"+shop+"/held", "/"+shop+"/other"
		if first, _, err := allocate(conns[0], held, 1); err != nil || first != 1 {
			t.Fatal(first, err)
		}
		holder := session(t, s, "root", "", "")
		execute(t, holder, "BEGIN")
		execute(t, holder, "UPDATE ifmatch.counters SET value = value + 1000 WHERE name = '"+held+"'")
		var mu sync.Mutex
		given := map[int64]bool{}
		var wg sync.WaitGroup
		wg.Go(func() {
			together(conns[1:], func(_ int, conn *sql.Conn) {
				first, _, err := allocate(conn, held, 1)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if given[first] || first <= 1001 {
					t.Errorf("number %d, after a counter that was put to 1001", first)
				}
				given[first] = true
			})
		})
		if first, _, err := allocate(conns[0], other, 1); err != nil || first != 1 {
			t.Errorf("another counter gives %d, error %v", first, err)
		}
		execute(t, holder, "COMMIT")
		wg.Wait()
		if len(given) != 39 {
			t.Errorf("%d of 39 callers have a number", len(given))
		}
	})
}

// A ledger that is dropped while the proxy runs is made anew, and counters begin at 0.
func TestCountingInANewLedger(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, "", "tables: {}")
		for _, drop := range []string{"", "DROP TABLE ifmatch.counters", "DROP PROCEDURE ifmatch.allocids", "DROP DATABASE ifmatch"} {
			if drop != "" {
				execute(t, session(t, s, "root", "", ""), drop)
			}
			conn := session(t, p.server(s), "root", shop, "") // an old one has the server's leave for a second
			want := int64(1)
			if drop == "DROP PROCEDURE ifmatch.allocids" {
				want = 2
			}
			if first, _, err := allocate(conn, "/"+shop, 1); err != nil || first != want {
				t.Errorf("after %q: number %d, error %v", drop, first, err)
			}
		}
	})
}
