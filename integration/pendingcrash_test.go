package integration

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"ifmatch/failpoint"
	"ifmatch/integration/racing"
	"ifmatch/integration/server"
)

// crashRounds is how often each step of TestPendingCrashes is crashed at, in each
// way to take rows. 0 is one way a step, in turn.
var crashRounds = flag.Int("crashrounds", 0, "rounds of TestPendingCrashes for each step and each way of taking rows")

// crashPolicy has a lease that is over soon.
const crashPolicy = `
tables:
  shop.disks:
    version: version
    status: {column: state, otherwise: allow}
    pending: {value: PENDING, lease: 400ms}
`

// crashSteps are the places at which the proxy ends. The last ones are in what it
// does once the client has left.
var crashSteps = []string{
	"take.locked", "take.intent", "take.written", "take.committed", "take.answered",
	"birth.inserted", "birth.intent", "birth.written", "birth.committed", "birth.answered",
	"hold.locked", "hold.announced", "hold.written", "hold.committed", "hold.answered",
	"give.locked", "give.written", "give.committed", "give.answered",
	"undo.locked", "undo.done", "undo.committed",
}

// Ways to take rows.
const (
	takeAlone = iota
	takeInTransaction
	takeSeveral
	ways
)

// crashStory is what a client does with the rows k and k + "n" of a round.
func crashStory(k string, way int) (units [][]string) {
	take := "UPDATE disks SET state = 'PENDING' WHERE name = '" + k + "'"
	birth := "INSERT INTO disks (name, state, size) VALUES ('" + k + "n', 'PENDING', 1)"
	hold := "UPDATE disks SET size = 2 WHERE name = '" + k + "'"
	give := "UPDATE disks SET state = 'IN_USE' WHERE name = '" + k + "'"
	giveBorn := "UPDATE disks SET state = 'IN_USE' WHERE name = '" + k + "n'"
	switch way {
	case takeInTransaction:
		return [][]string{{"BEGIN", take, birth, "COMMIT"}, {"BEGIN", hold, "COMMIT"}, {"BEGIN", give, giveBorn, "COMMIT"}}
	case takeSeveral:
		several := func(q string) string { return strings.Replace(q, "name = ", "name LIKE ", 1) }
		return [][]string{{several(take)}, {birth}, {several(hold)}, {strings.Replace(give, "name = '"+k+"'", "name IN ('"+k+"', '"+k+"n')", 1)}}
	}
	return [][]string{{take}, {birth}, {hold}, {give}, {giveBorn}}
}

// saboteur gives the command of a proxy that ends at a step.
func saboteur(t *testing.T, path, step string) *exec.Cmd {
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), failpoint.Env+"="+step)
	return cmd
}

// TestPendingCrashes ends a proxy at every step of taking, holding and giving back,
// and has two others race to undo what it leaves. Each row is then as it was before
// the taking, or as its taker has given it back.
func TestPendingCrashes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ifmatch")
	if err := racing.Build(path, "-tags", "failpoints"); err != nil {
		t.Fatal(err)
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := s.Open(t, shop)
		must(t, db, disks)
		policy := strings.ReplaceAll(crashPolicy, "shop", shop)
		one, other := start(t, s, policy), start(t, s, policy)
		restored := func() int {
			const said = "a row that was abandoned has its status of before again"
			return one.Log.Count(said) + other.Log.Count(said)
		}
		type round struct {
			step string
			way  int
		}
		var rounds []round
		for i, step := range crashSteps {
			for n := range max(1, *crashRounds*ways) {
				rounds = append(rounds, round{step, (i + n) % ways})
			}
		}
		room := make(chan struct{}, 6)
		var wg sync.WaitGroup
		for i, r := range rounds {
			room <- struct{}{}
			wg.Go(func() {
				defer func() { <-room }()
				c := crash{t: t, s: s, db: db, shop: shop, policy: policy, path: path, step: r.step, way: r.way, key: fmt.Sprintf("r%d", i)}
				if wrong := c.play(); wrong != "" {
					t.Errorf("%s, way %d: %s", r.step, r.way, wrong)
				}
			})
		}
		wg.Wait()
		if restored() == 0 {
			t.Error("no other proxy has undone anything")
		}
		var left int
		if err := db.QueryRow("SELECT COUNT(*) FROM ifmatch.pending WHERE table_schema = DATABASE()").Scan(&left); err != nil || left > 0 {
			t.Errorf("%d records are left, error %v", left, err)
		}
	})
}

// crash is one round.
type crash struct {
	t                        *testing.T
	s                        *server.Server
	db                       *sql.DB
	shop, policy, path, step string
	way                      int
	key                      string
}

// play has a client take rows through a proxy that ends at the step, and says what
// is wrong with what is left.
func (c *crash) play() string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := c.db.ExecContext(ctx, "INSERT INTO disks (name, state, size) VALUES (?, 'AVAILABLE', 1)", c.key); err != nil {
		return err.Error()
	}
	p := launchAs(c.t, saboteur(c.t, c.path, c.step), c.s, c.policy)
	defer func() {
		p.cmd.Process.Kill()
		<-p.exited
	}()
	if !p.listens(c.t) {
		return "the proxy does not listen: " + p.Log.String()
	}
	conn, err := p.server(c.s).Open(c.t, c.shop).Conn(ctx)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	units := crashStory(c.key, c.way)
	undo := strings.HasPrefix(c.step, "undo.")
	if undo {
		units = units[:len(units)-1] // the client leaves while it holds the rows
		if c.way == takeAlone {
			units = units[:len(units)-1]
		}
	}
	var done, begun []string
	for _, unit := range units {
		if err != nil {
			break
		}
		begun = append(begun, unit...)
		for _, q := range unit {
			if _, err = conn.ExecContext(ctx, q); err != nil {
				break
			}
		}
		if err == nil {
			done = append(done, unit...)
		}
	}
	if undo && err == nil {
		conn.Raw(func(any) error { return driver.ErrBadConn })
		conn.Close()
	}
	// One of the others may have undone all that before this one comes to it.
	if !await(func() bool { return p.ended() || undo && c.left(ctx) == 0 }) {
		return fmt.Sprintf("the step is not passed; error %v", err)
	}
	return c.judge(ctx, done, begun)
}

// judge waits until nothing is left in the ledger and holds the rows against what
// the client was told, done, and what it has asked for, begun.
func (c *crash) judge(ctx context.Context, done, begun []string) string {
	if !await(func() bool { return c.left(ctx) == 0 }) {
		return "nobody has undone it"
	}
	// A proxy that has ended may have left statements behind that the server has yet to see the end of.
	var got string
	read := func() error {
		return c.db.QueryRowContext(ctx, "SELECT GROUP_CONCAT(name, ' ', state, ' ', size, ' ', version ORDER BY name SEPARATOR ', ') FROM disks WHERE name IN (?, ?) LOCK IN SHARE MODE",
			c.key, c.key+"n").Scan(&got)
	}
	if err := read(); err != nil {
		return err.Error()
	}
	has := func(list []string, what string) bool {
		return slices.ContainsFunc(list, func(q string) bool { return strings.Contains(q, what) })
	}
	var fits []string
	for _, took := range bools(has(done, "'PENDING' WHERE"), has(begun, "'PENDING' WHERE")) {
		for _, held := range bools(has(done, "size = 2"), has(begun, "size = 2")) {
			for _, gave := range bools(has(done, "'IN_USE' WHERE name = '"+c.key+"'") || has(done, "'IN_USE' WHERE name IN"), has(begun, "'IN_USE' WHERE name")) {
				for _, gaveBorn := range bools(has(done, "'"+c.key+"n'") && has(done, "'IN_USE'") && (c.way != takeAlone || has(done, "'IN_USE' WHERE name = '"+c.key+"n'")), has(begun, "'IN_USE' WHERE name")) {
					if c.way != takeAlone && gave != gaveBorn || held && !took || gave && !held {
						continue
					}
					fits = append(fits, crashEnd(c.key, took, held, gave, gaveBorn))
				}
			}
		}
	}
	if !slices.Contains(fits, got) {
		return fmt.Sprintf("rows are %q, want one of %q", got, fits)
	}
	return ""
}

// left gives how many records the ledger has of the round, -1 where that is not known.
func (c *crash) left(ctx context.Context) int {
	var left int
	err := c.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM ifmatch.pending WHERE table_schema = DATABASE() AND row_text IN (?, ?)",
		"name='"+c.key+"'", "name='"+c.key+"n'").Scan(&left)
	if err != nil {
		return -1
	}
	return left
}

// bools gives the values that what was asked for may have, once it was answered or not.
func bools(done, begun bool) []bool {
	switch {
	case done:
		return []bool{true}
	case begun:
		return []bool{true, false}
	}
	return []bool{false}
}

// crashEnd gives the rows at the end of a round.
func crashEnd(k string, took, held, gave, gaveBorn bool) string {
	state, size, version := "AVAILABLE", 1, 1
	if took {
		version += 2 // and given back, by the taker or for it
	}
	if held {
		size = 2
		version++
	}
	if gave {
		state = "IN_USE"
	}
	rows := fmt.Sprintf("%s %s %d %d", k, state, size, version)
	if gaveBorn {
		rows += fmt.Sprintf(", %sn IN_USE 1 2", k)
	}
	return rows
}

// TestPendingLeaseRunsOut stops a proxy until its leases have run out and others
// have done what they like with the rows: what its client then writes is refused.
func TestPendingLeaseRunsOut(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := s.Open(t, shop)
		must(t, db, disks)
		policy := strings.ReplaceAll(crashPolicy, "shop", shop)
		asleep, awake := start(t, s, policy), start(t, s, policy)
		a := session(t, asleep.server(s), "root", shop, "")
		b := session(t, awake.server(s), "root", shop, "")
		for _, name := range []string{"d1", "d2", "d3"} {
			must(t, a, "UPDATE disks SET state = 'PENDING' WHERE name = '"+name+"'")
		}
		asleep.cmd.Process.Signal(syscall.SIGSTOP)
		defer asleep.cmd.Process.Signal(syscall.SIGCONT)
		for _, name := range []string{"d1", "d2", "d3"} {
			if !await(func() bool {
				var state sql.NullString
				return db.QueryRow("SELECT state FROM disks WHERE name = ?", name).Scan(&state) == nil && state.String != "PENDING"
			}) {
				t.Fatalf("%s is not given back", name)
			}
		}
		must(t, b, "UPDATE disks SET state = 'PENDING' WHERE name = 'd2'")
		asleep.cmd.Process.Signal(syscall.SIGCONT)
		for _, c := range []struct {
			sql  string
			want want
		}{
			{"UPDATE disks SET size = 9 WHERE name = 'd1'", takingLost("d1", "'AVAILABLE'")},
			{"UPDATE disks SET size = 9 WHERE name = 'd2'", takingLost("d2", "'PENDING'")},
			{"UPDATE disks SET state = 'IN_USE' WHERE name = 'd3'", takingLost("d3", "NULL")},
			{"UPDATE disks SET size = 9 WHERE name = 'd2'", taken("d2")},
		} {
			if wrong := c.want(run(a, c.sql, shop)); wrong != "" {
				t.Errorf("%s: %s", c.sql, wrong)
			}
		}
		must(t, b, "UPDATE disks SET size = 7 WHERE name = 'd2'")
		must(t, b, "UPDATE disks SET state = 'IN_USE' WHERE name = 'd2'")
		if wrong := gives("d1|AVAILABLE|1", "d2|IN_USE|7", "d3|NULL|1")(run(session(t, s, "root", shop, ""), "SELECT name, state, size FROM disks ORDER BY name", shop)); wrong != "" {
			t.Error(wrong)
		}
	})
}

// TestPendingServerKilled kills the server while rows are taken.
func TestPendingServerKilled(t *testing.T) {
	server.EachOwn(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := s.Open(t, shop)
		must(t, db, disks)
		p := start(t, s, strings.ReplaceAll(disksPolicy, "shop", shop))
		a, b := session(t, p.server(s), "root", shop, ""), session(t, p.server(s), "root", shop, "")
		must(t, a, "UPDATE disks SET state = 'PENDING' WHERE name = 'd1'; UPDATE disks SET size = 3 WHERE name = 'd1';"+
			"INSERT INTO disks (name, state) VALUES ('n1', 'PENDING')")
		must(t, b, "UPDATE disks SET state = 'PENDING' WHERE name = 'd3'; UPDATE disks SET state = 'IN_USE' WHERE name = 'd3'")
		must(t, b, "BEGIN; UPDATE disks SET state = 'PENDING' WHERE name = 'd2'")
		s.Kill()
		s.Restart(t)
		var got string
		want := "d1 AVAILABLE 3, d2 IN_USE 1, d3 IN_USE 1"
		if !await(func() bool {
			err := db.QueryRow("SELECT GROUP_CONCAT(name, ' ', state, ' ', size ORDER BY name SEPARATOR ', ') FROM disks").Scan(&got)
			return err == nil && got == want
		}) {
			t.Errorf("rows are %q, want %q", got, want)
		}
	})
}
