package proxy

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/schema"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// A cursorShop is a backend whose executions open a cursor over one row, unless a
// test wants something else.
type cursorShop struct {
	mu      sync.Mutex
	fail    bool // executions
	open    bool // a cursor is
	inTx    bool
	dirty   bool
	visible bool // the client selects key and version itself
	columns int  // of which two are hidden, as the statement was prepared last
}

func (s *cursorShop) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *cursorShop) answer(caps wire.Capability, cmd wire.Command, body []byte) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := product{name: "pen", hidden: bytes.Contains(body, []byte("ifmatch 2")), binary: true}
	status := wire.Status(0)
	if s.inTx {
		status = wire.StatusInTrans
	}
	defined := func(cursor wire.Status) [][]byte {
		packets := p.defined(caps, cursor != 0)
		if s.visible {
			packets[2], packets[3] = productColumn(caps, "products", "id", "id"), productColumn(caps, "products", "version", "version")
		}
		switch {
		case !caps.Has(wire.ClientDeprecateEOF):
			packets[len(packets)-1] = wire.AppendEOF(nil, 0, autocommit|status|cursor)
		case cursor != 0:
			packets[len(packets)-1] = endPacket(caps, status|cursor)
		}
		return packets
	}
	switch cmd {
	case wire.ComStmtPrepare:
		if p.hidden = p.hidden || s.visible; p.hidden {
			s.columns = 3
		} else {
			s.columns = 1
		}
		packets := defined(0)
		packets[0] = wire.PrepareOK{ID: 1, Columns: uint16(s.columns)}.Append(nil)
		return packets
	case wire.ComStmtExecute:
		if s.open = !s.fail; s.fail {
			return [][]byte{errPacket(1205, "Lock wait timeout exceeded")}
		}
		p.hidden = s.columns == 3
		return defined(wire.StatusCursorExists)
	case wire.ComStmtFetch:
		if !s.open {
			return [][]byte{errPacket(1421, "The statement has no open cursor")}
		}
		p.hidden = s.columns == 3
		return [][]byte{p.row(1), endPacket(caps, status|wire.StatusLastRowSent)}
	case wire.ComStmtReset:
		s.open = false
	case wire.ComStmtClose, wire.ComQuit:
		return noAnswer
	case wire.ComQuery:
		switch {
		case bytes.Contains(body, []byte("SHOW SESSION VARIABLES")) && s.dirty:
			return textResult(caps, 0, []string{"transaction_isolation", "READ-UNCOMMITTED"})
		case bytes.Contains(body, []byte("BEGIN")):
			s.inTx, status = true, wire.StatusInTrans
		case bytes.Contains(body, []byte("COMMIT")), bytes.HasSuffix(body, []byte("ROLLBACK")):
			s.inTx, status = false, 0
		case bytes.Contains(body, []byte("USE other")):
			return [][]byte{usedPacket(caps, "other")}
		}
	}
	return [][]byte{okPacket(caps, status)}
}

// usedPacket is OK that says that the database is another.
func usedPacket(caps wire.Capability, db string) []byte {
	name := wire.AppendLenBytes(nil, db)
	state := append([]byte{byte(wire.StateSchema), byte(len(name))}, name...)
	return wire.OK{Status: autocommit | wire.StatusSessionStateChanged, State: state}.Append(nil, caps|wire.ClientSessionTrack)
}

// fetch fetches from the cursor: the rows, or the error of the server.
func (c *client) fetch() (rows [][]byte, failed string, err error) {
	if err := c.statement(wire.ComStmtFetch, "\x01\x00\x00\x00"); err != nil {
		return nil, "", err
	}
	for {
		p, err := c.ReadPayload(1 << 20)
		switch {
		case err != nil:
			return rows, "", err
		case p[0] == wire.ERRHeader:
			e, err := wire.ParseERR(p, c.caps)
			return rows, e.Message, err
		case p[0] == wire.EOFHeader:
			return rows, "", nil
		}
		rows = append(rows, bytes.Clone(p))
	}
}

// What is fetched from a cursor has no hidden columns in it, whatever has happened
// since it was opened, and is remembered where it may be.
func TestFetch(t *testing.T) {
	const noCursor = "The statement has no open cursor"
	open := func(c *client) error {
		_, err := c.execute(wire.CursorReadOnly)
		return err
	}
	query := func(sql string) func(*client) error {
		return func(c *client) error {
			text, err := c.query(sql)
			return expect("OK;")(text, err)
		}
	}
	type steps = []func(*bench, *cursorShop, *client) error
	do := func(f func(*client) error) func(*bench, *cursorShop, *client) error {
		return func(_ *bench, _ *cursorShop, c *client) error { return f(c) }
	}
	set := func(f func(*cursorShop)) func(*bench, *cursorShop, *client) error {
		return func(_ *bench, s *cursorShop, _ *client) error {
			s.set(func() { f(s) })
			return nil
		}
	}
	rules := func(text string) func(*bench, *cursorShop, *client) error {
		return func(b *bench, _ *cursorShop, _ *client) error {
			p, err := policy.Parse("policy.yaml", []byte(text))
			if err == nil {
				b.srv.SetRules(rewrite.Compile(p, schema.Offline(sqltext.MySQL, 90700)))
			}
			return err
		}
	}
	tests := map[string]struct {
		visible bool
		policy  string // before
		steps   steps
		failed  string // of the FETCH behind the steps
		reads   int    // remembered then
	}{
		"a row":                     {steps: steps{do(open)}, reads: 1},
		"a row without hidden ones": {visible: true, steps: steps{do(open)}, reads: 1},
		"without an execution":      {failed: noCursor},
		"after one that failed":     {steps: steps{set(func(s *cursorShop) { s.fail = true }), do(open)}, failed: noCursor},
		"after one that failed behind one that did not": {
			steps: steps{do(open), set(func(s *cursorShop) { s.fail = true }), do(open)}, failed: noCursor,
		},
		"after a reset of the statement": {
			steps: steps{do(open), do(func(c *client) error { return expect("OK;")(c.simpleStatement(wire.ComStmtReset)) })}, failed: noCursor,
		},
		"a cursor of a transaction that was rolled back": {steps: steps{do(query("BEGIN")), do(open), do(query("ROLLBACK"))}},
		"of one that went back to a savepoint": {
			steps: steps{do(query("BEGIN")), do(query("SAVEPOINT a")), do(open), do(query("ROLLBACK TO a"))},
		},
		"of one that was committed":     {steps: steps{do(query("BEGIN")), do(open), do(query("COMMIT"))}, reads: 1},
		"of one before one rolled back": {steps: steps{do(open), do(query("BEGIN")), do(query("ROLLBACK"))}, reads: 1},
		"of one before the one at hand": {steps: steps{do(open), do(query("BEGIN"))}, reads: 1},
		"that was opened uncommitted":   {steps: steps{set(func(s *cursorShop) { s.dirty = true }), do(open)}},
		"that was, behind one that was not": {
			steps: steps{do(open), set(func(s *cursorShop) { s.dirty = true }), do(query("SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")), do(open)},
		},
		"that was, behind one that was not, without hidden ones": {visible: true,
			steps: steps{do(open), set(func(s *cursorShop) { s.dirty = true }), do(query("SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")), do(open)},
		},
		"in another request than it was opened in": {
			policy: "tables: {shop.products: {key: [id], version: version, scope: context}}",
			steps:  steps{do(query("SET @ifmatch_context='a'")), do(open), do(query("SET @ifmatch_context='b'"))}, reads: 1,
		},
		"after an execution that new rules refuse": {
			steps: steps{do(open), do(query("USE other")), rules("tables: {shop.orders: {key: [id], version: version}}"), do(func(c *client) error {
				text, err := c.execute(wire.CursorReadOnly)
				if err == nil && !strings.Contains(text, "ERROR 1290") {
					t.Errorf("the execution in another database answers %q", text)
				}
				return err
			})}, reads: 0,
		},
		"under rules that came later": {
			steps: steps{do(open), rules("tables: {shop.orders: {key: [id], version: version}}")}, reads: 0,
		},
		"under rules without capture": {
			steps: steps{rules("tables: {shop.products: {key: [id], version: version, capture: off}}"), do(open)}, reads: 0,
		},
	}
	for name, test := range tests {
		for eof, caps := range capabilities {
			t.Run(name+"/"+eof, func(t *testing.T) {
				b := newBench(t)
				defer b.close()
				shop := &cursorShop{visible: test.visible}
				b.backend.serve = answering(shop.answer)
				if test.policy != "" {
					if err := rules(test.policy)(b, shop, nil); err != nil {
						t.Fatal(err)
					}
				}
				c := b.dial(nil, nil)
				defer c.Close()
				c.caps &= caps
				if err := c.login(); err != nil {
					t.Fatal(err)
				}
				list := "name"
				if test.visible {
					list = "name, id, version"
				}
				if err := c.prepare("SELECT " + list + " FROM products"); err != nil {
					t.Fatal(err)
				}
				for i, step := range test.steps {
					if err := step(b, shop, c); err != nil {
						t.Fatalf("step %d: %v\n%s", i, err, b.logs)
					}
				}
				rows, failed, err := c.fetch()
				if err != nil || failed != test.failed {
					t.Fatalf("FETCH: error %q, %v, want %q", failed, err, test.failed)
				}
				if failed == "" {
					want := product{name: "pen", binary: true, hidden: test.visible}.row(1)
					if len(rows) != 1 || !bytes.Equal(rows[0], want) {
						t.Errorf("FETCH gives %q, want %q", rows, want)
					}
				}
				if n := c.reads(t); n != test.reads {
					t.Errorf("%d rows are remembered, want %d", n, test.reads)
				}
			})
		}
	}
}

// Where the server refuses, at execution, the columns that were added, the client's
// own statement is executed as the client asked for it: with a cursor.
func TestExecutionWithoutHiddenColumns(t *testing.T) {
	b := newBench(t)
	defer b.close()
	var prepared uint32
	executed := make(chan []byte, 1)
	b.backend.serve = answering(func(caps wire.Capability, cmd wire.Command, body []byte) [][]byte {
		p := product{name: "pen", hidden: bytes.Contains(body, []byte("ifmatch 2")), binary: true}
		switch cmd {
		case wire.ComStmtPrepare:
			prepared++
			packets := p.defined(caps, false)
			packets[0] = wire.PrepareOK{ID: prepared, Columns: uint16(packets[0][0])}.Append(nil)
			return packets
		case wire.ComStmtExecute:
			if body[0] == 1 {
				return [][]byte{errPacket(1143, "SELECT command denied to user for column 'version'")}
			}
			executed <- bytes.Clone(body)
			return p.defined(caps, true)
		case wire.ComStmtFetch:
			return [][]byte{p.row(1), endPacket(caps, wire.StatusLastRowSent)}
		case wire.ComStmtClose, wire.ComQuit:
			return noAnswer
		}
		return [][]byte{okPacket(caps, 0)}
	})
	c := b.open()
	defer c.Close()
	if err := c.prepare("SELECT name FROM products"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := c.execute(wire.CursorReadOnly); err != nil {
			t.Fatal(err)
		}
		if e := <-executed; e[0] != 2 || e[4] != wire.CursorReadOnly {
			t.Errorf("the execution is % x, want one of statement 2 with a cursor", e)
		}
		rows, failed, err := c.fetch()
		if want := (product{name: "pen", binary: true}).row(1); err != nil || failed != "" || len(rows) != 1 || !bytes.Equal(rows[0], want) {
			t.Errorf("FETCH gives %q, %q, %v", rows, failed, err)
		}
	}
}
