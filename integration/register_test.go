package integration

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/go-sql-driver/mysql"

	"ifmatch/integration/server"
)

// A guarded row is a register of which each state has a name: that of the write
// that made it. Clients read, and write what they make of what they have read.
// Whatever they do at once, a write that is acknowledged took the place of the
// very state that its session had seen last, and a conflict says that it was
// another by then and changes nothing.

// registerOp is what a client does with a register.
type registerOp struct {
	register int
	write    string // the state that it makes; "" is a read
	believed string // the state that a write takes the place of
}

// registerResult is what came of it.
type registerResult struct {
	read     string
	conflict bool
}

const firstState = "-"

var registers = porcupine.Model{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		parts := make([][]porcupine.Operation, registerCount)
		for _, op := range history {
			k := op.Input.(registerOp).register
			parts[k] = append(parts[k], op)
		}
		return parts
	},
	Init: func() any { return firstState },
	Step: func(state, input, output any) (bool, any) {
		op, result := input.(registerOp), output.(registerResult)
		switch {
		case op.write == "":
			return result.read == state, state
		case result.conflict:
			return op.believed != state, state
		}
		return op.believed == state, op.write
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v %+v", input, output) },
}

const (
	registerCount   = 4
	registerClients = 16
	registerRounds  = 16
)

// The model itself tells a lost update and a stale read from what may be.
func TestRegistersTellALostUpdate(t *testing.T) {
	read := func(from, to int64, state string) porcupine.Operation {
		return porcupine.Operation{Input: registerOp{}, Output: registerResult{read: state}, Call: from, Return: to}
	}
	write := func(from, to int64, believed, state string, conflict bool) porcupine.Operation {
		return porcupine.Operation{Input: registerOp{write: state, believed: believed}, Output: registerResult{conflict: conflict}, Call: from, Return: to}
	}
	for name, test := range map[string]struct {
		history []porcupine.Operation
		want    bool
	}{
		"one of two writes conflicts":       {[]porcupine.Operation{write(1, 4, "-", "a", false), write(2, 3, "-", "b", true), read(5, 6, "a")}, true},
		"both are acknowledged":             {[]porcupine.Operation{write(1, 4, "-", "a", false), write(2, 3, "-", "b", false)}, false},
		"a conflict with nobody":            {[]porcupine.Operation{write(1, 2, "-", "a", true)}, false},
		"a conflict with a write that came": {[]porcupine.Operation{write(1, 2, "-", "a", true), write(3, 4, "-", "b", false)}, false},
		"a conflict that had an effect":     {[]porcupine.Operation{write(1, 4, "-", "a", false), write(2, 3, "-", "b", true), read(5, 6, "b")}, false},
		"a stale read":                      {[]porcupine.Operation{write(1, 2, "-", "a", false), read(3, 4, "-")}, false},
	} {
		if got := porcupine.CheckOperations(registers, test.history); got != test.want {
			t.Errorf("%s: linearizable is %v, want %v", name, got, test.want)
		}
	}
}

func TestVersionedRegisters(t *testing.T) {
	modes := []registerMode{
		{name: "text"},
		{name: "prepared", prepared: true},
		{name: "transactions, read committed", level: "READ COMMITTED"},
		{name: "transactions, repeatable read", level: "REPEATABLE READ"},
		{name: "transactions, prepared, repeatable read", level: "REPEATABLE READ", prepared: true},
		{name: "transactions of the scope", level: "READ COMMITTED", scope: "transaction"},
		{name: "digests", version: "{digest: all}"},
		{name: "digests in transactions", level: "READ COMMITTED", version: "{digest: all}", prepared: true},
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		for _, m := range modes {
			t.Run(m.name, func(t *testing.T) { m.play(t, s) })
		}
	})
}

// registerMode is a way to read and write registers.
type registerMode struct {
	name     string
	level    string // isolation level of transactions; "" is autocommit
	prepared bool
	scope    string // session if not given
	version  string // of the policy, a column if not given
}

func (m registerMode) play(t *testing.T, s *server.Server) {
	shop := s.Database(t)
	direct := session(t, s, "root", shop, "")
	must := func(q string) outcome {
		o := run(direct, q, shop)
		if o.err != nil {
			t.Fatalf("%s: %v", q, o.err)
		}
		return o
	}
	scope, version := "session", "version"
	if m.scope != "" {
		scope = m.scope
	}
	if m.version != "" {
		version = m.version
	}
	must("CREATE TABLE registers(id INT PRIMARY KEY, state VARCHAR(20) NOT NULL DEFAULT '-', value INT NOT NULL DEFAULT 0, version BIGINT NOT NULL DEFAULT 1)")
	for k := range registerCount {
		must(fmt.Sprintf("INSERT INTO registers(id) VALUES (%d)", k))
	}
	p := start(t, s, fmt.Sprintf("tables: {%s.registers: {version: %s, scope: %s}}", shop, version, scope))
	clients := make([]*registerClient, registerClients)
	for i := range clients {
		clients[i] = &registerClient{mode: m, number: i, conn: session(t, p.server(s), "root", shop, ""), shop: shop, started: time.Now(),
			believed: map[int]string{}, values: map[int]int{}, random: rand.New(rand.NewPCG(uint64(i), 3))}
		if m.level != "" {
			run(clients[i].conn, "SET SESSION TRANSACTION ISOLATION LEVEL "+m.level, shop)
		}
	}
	var all sync.WaitGroup
	for _, c := range clients {
		c.started = clients[0].started
		all.Go(func() {
			for round := range registerRounds {
				c.round(round)
			}
		})
	}
	all.Wait()
	var history []porcupine.Operation
	acknowledged, conflicts := map[int]int{}, 0
	for _, c := range clients {
		if c.wrong != nil {
			t.Errorf("client %d: %v", c.number, c.wrong)
		}
		history = append(history, c.history...)
		for _, op := range c.history {
			in, out := op.Input.(registerOp), op.Output.(registerResult)
			switch {
			case out.conflict:
				conflicts++
			case in.write != "":
				acknowledged[in.register]++
			}
		}
	}
	t.Logf("%d operations, %d writes acknowledged, %d conflicts", len(history), sum(acknowledged), conflicts)
	for k := range registerCount {
		if got, want := must(fmt.Sprintf("SELECT value FROM registers WHERE id=%d", k)).rows[0], strconv.Itoa(acknowledged[k]); got != want {
			t.Errorf("register %d counts %s; %s increments were acknowledged", k, got, want)
		}
	}
	if conflicts == 0 || len(acknowledged) < registerCount {
		t.Errorf("%d conflicts, increments %v: the clients have not met", conflicts, acknowledged)
	}
	if result := porcupine.CheckOperationsTimeout(registers, history, patience); result != porcupine.Ok {
		t.Errorf("the history is not linearizable: %v", result)
	}
}

func sum(counts map[int]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// registerClient is a client with its session and what it believes.
type registerClient struct {
	mode     registerMode
	number   int
	conn     *sql.Conn
	shop     string
	started  time.Time
	believed map[int]string // what its session has seen or made last
	values   map[int]int
	random   *rand.Rand
	made     int
	history  []porcupine.Operation
	wrong    error
}

func (c *registerClient) now() int64 { return int64(time.Since(c.started)) }

func (c *registerClient) note(call int64, op registerOp, result registerResult) {
	c.history = append(c.history, porcupine.Operation{ClientId: c.number, Input: op, Output: result, Call: call, Return: c.now()})
}

func (c *registerClient) run(q string, args ...any) outcome {
	if !c.mode.prepared {
		q, args = fmt.Sprintf(strings.ReplaceAll(q, "?", "'%v'"), args...), nil
	}
	return run(c.conn, q, c.shop, args...)
}

// round reads and writes one register, or in a transaction two.
func (c *registerClient) round(round int) {
	if c.wrong != nil {
		return
	}
	k := c.random.IntN(registerCount)
	if c.mode.level == "" {
		// Every third time it goes by what it believes already, be it stale.
		if _, known := c.believed[k]; !known || round%3 != 0 {
			c.read(k, c.now())
		}
		if made := c.write(k); made != nil {
			c.acknowledge(made)
		}
		return
	}
	c.transaction(k, (k+1+c.random.IntN(registerCount-1))%registerCount)
}

// transaction reads two registers and then writes them. What it reads may be as
// old as its first read: that is where a snapshot is from.
func (c *registerClient) transaction(first, second int) {
	if o := run(c.conn, "BEGIN", c.shop); o.err != nil {
		c.wrong = o.err
		return
	}
	call := c.now()
	if !c.read(first, call) || !c.read(second, call) {
		return
	}
	var writes []*registerWrite
	for _, k := range []int{first, second} {
		made := c.write(k)
		if made == nil {
			// A conflict or a deadlock: nothing of it has happened.
			delete(c.believed, first)
			delete(c.believed, second)
			run(c.conn, "ROLLBACK", c.shop)
			return
		}
		writes = append(writes, made)
	}
	if o := run(c.conn, "COMMIT", c.shop); o.err != nil {
		c.wrong = o.err
		return
	}
	for _, made := range writes {
		c.acknowledge(made)
	}
}

func (c *registerClient) read(k int, call int64) bool {
	o := c.run("SELECT state, value FROM registers WHERE id=?", k)
	if o.err != nil || len(o.rows) != 1 {
		c.wrong = fmt.Errorf("read: %q, %w", o.rows, o.err)
		return false
	}
	state, value, _ := strings.Cut(o.rows[0], "|")
	c.note(call, registerOp{register: k}, registerResult{read: state})
	c.believed[k] = state
	c.values[k], _ = strconv.Atoi(value)
	return true
}

// registerWrite is a write that the server has taken, and that is effective once
// its transaction is committed.
type registerWrite struct {
	call int64
	op   registerOp
}

func (c *registerClient) acknowledge(w *registerWrite) {
	c.note(w.call, w.op, registerResult{})
	c.believed[w.op.register] = w.op.write
	c.values[w.op.register]++
}

// write writes a register by what the client believes of it. It gives nil where
// that had no effect.
func (c *registerClient) write(k int) *registerWrite {
	c.made++
	w := &registerWrite{c.now(), registerOp{register: k, write: fmt.Sprintf("%d.%d", c.number, c.made), believed: c.believed[k]}}
	o := c.run("UPDATE registers SET state=?, value=? WHERE id=?", w.op.write, c.values[k]+1, k)
	if o.err == nil && o.affected == 1 {
		return w
	}
	var e *mysql.MySQLError
	switch errors.As(o.err, &e); {
	case e != nil && e.Number == 1020:
		c.note(w.call, w.op, registerResult{conflict: true})
	case e != nil && e.Number == 1213:
	default:
		c.wrong = fmt.Errorf("write: %d rows, %w", o.affected, o.err)
	}
	return nil
}
