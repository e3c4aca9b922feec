package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ifmatch/wire"
)

// answering serves connections by a function that gives the packets for each
// command. nil ends the connection, and none at all is no answer.
func answering(answer func(caps wire.Capability, cmd wire.Command, body []byte) [][]byte) func(*wire.Conn, net.Conn) {
	return func(c *wire.Conn, _ net.Conn) {
		caps, err := authenticate(c)
		for err == nil {
			c.ResetSeq()
			var p []byte
			if p, err = c.ReadPayload(1 << 26); err != nil || len(p) == 0 {
				return
			}
			packets := answer(caps, wire.Command(p[0]), p[1:])
			if packets == nil {
				return
			}
			err = send(c, packets...)
		}
	}
}

// noAnswer is that to a command that has none.
var noAnswer = [][]byte{}

// A product is what a backend answers to a SELECT of name: with hidden columns
// where they were added.
type product struct {
	name   string
	hidden bool
	binary bool
}

// defined are column count and definitions, and what ends them. With a cursor no
// rows follow.
func (p product) defined(caps wire.Capability, cursor bool) [][]byte {
	packets := append([][]byte{{1}}, productColumn(caps, "products", "name", "name"))
	if p.hidden {
		packets[0] = []byte{3}
		packets = append(packets, productColumn(caps, "products", "id", "ifmatch 1"), productColumn(caps, "products", "version", "ifmatch 2"))
	}
	status := wire.Status(0)
	if cursor {
		status = wire.StatusCursorExists
	}
	switch {
	case !caps.Has(wire.ClientDeprecateEOF):
		packets = append(packets, wire.AppendEOF(nil, 0, autocommit|status))
	case cursor:
		packets = append(packets, endPacket(caps, status))
	}
	return packets
}

// row is the row with this key, at version 7.
func (p product) row(id byte) []byte {
	switch {
	case p.binary && p.hidden:
		row := wire.AppendLenBytes([]byte{0, 0}, p.name)
		return append(row, id, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0)
	case p.binary:
		return wire.AppendLenBytes([]byte{0, 0}, p.name)
	case p.hidden:
		return wire.AppendTextRow(nil, []byte(p.name), fmt.Append(nil, id), []byte("7"))
	}
	return wire.AppendTextRow(nil, []byte(p.name))
}

// answer is the whole answer, of rows with the keys 1 to n.
func (p product) answer(caps wire.Capability, n byte) [][]byte {
	packets := p.defined(caps, false)
	for id := byte(1); id <= n; id++ {
		packets = append(packets, p.row(id))
	}
	return append(packets, endPacket(caps, 0))
}

// shopOf answers as a server with rows named name. A SELECT is answered by what
// of makes of it.
func shopOf(of func(p product, caps wire.Capability) [][]byte) func(*wire.Conn, net.Conn) {
	return answering(func(caps wire.Capability, cmd wire.Command, body []byte) [][]byte {
		p := product{name: "pen", hidden: bytes.Contains(body, []byte("ifmatch 2")), binary: cmd == wire.ComStmtExecute}
		switch {
		case cmd == wire.ComQuery && bytes.Contains(body, []byte("SELECT name")):
			return of(p, caps)
		case cmd == wire.ComStmtExecute:
			p.hidden = true
			return of(p, caps)
		case cmd == wire.ComStmtPrepare:
			packets := p.defined(caps, false)
			packets[0] = wire.PrepareOK{ID: 1, Columns: uint16(packets[0][0])}.Append(nil)
			return packets
		case cmd == wire.ComStmtClose, cmd == wire.ComQuit:
			return noAnswer
		}
		return [][]byte{okPacket(caps, 0)}
	})
}

// fetched is a SELECT whose answer a client has taken, packet by packet.
func (c *client) fetched(prepared bool, packets int) (got [][]byte, err error) {
	if prepared {
		if err = c.prepare("SELECT name FROM products"); err == nil {
			err = c.command(wire.ComStmtExecute, "\x01\x00\x00\x00\x00\x01\x00\x00\x00")
		}
	} else {
		err = c.command(wire.ComQuery, c.noAttributes()+"SELECT name FROM products")
	}
	return c.take(packets, err)
}

func (c *client) noAttributes() string {
	if c.caps.Has(wire.ClientQueryAttributes) {
		return "\x00\x01"
	}
	return ""
}

// take reads so many packets.
func (c *client) take(packets int, err error) (got [][]byte, _ error) {
	for ; packets > 0 && err == nil; packets-- {
		var p []byte
		if p, err = c.ReadPayload(1 << 26); err == nil {
			got = append(got, bytes.Clone(p))
		}
	}
	return got, err
}

// eachProtocol runs f for both protocols and both ways of ending rows.
func eachProtocol(t *testing.T, f func(t *testing.T, caps wire.Capability, prepared bool)) {
	for name, caps := range capabilities {
		for _, prepared := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/prepared=%v", name, prepared), func(t *testing.T) { f(t, caps, prepared) })
		}
	}
}

// reads gives how many rows the session remembers.
func (c *client) reads(t *testing.T) int {
	t.Helper()
	text, err := c.query("SHOW IFMATCH READS")
	var rows int
	if _, scanned := fmt.Sscanf(text, "%d rows;", &rows); err != nil || scanned != nil {
		t.Fatalf("SHOW IFMATCH READS: %q, %v", text, err)
	}
	return rows
}

// What a client sees of a SELECT with hidden columns is, packet by packet, what a
// server would have sent without them.
func TestHiddenColumnsAreTakenOut(t *testing.T) {
	tests := map[string]string{
		"a value":                              "pen",
		"an empty one":                         "",
		"one with a length of two bytes":       strings.Repeat("x", 300),
		"a row that fits a buffer just":        strings.Repeat("x", 16<<10-30),
		"a row that does not":                  strings.Repeat("x", 16<<10),
		"a row of many buffers":                strings.Repeat("x", 1<<20),
		"a row of which the client's is full":  strings.Repeat("x", wire.MaxPhysical-4),
		"a binary one of which it is":          strings.Repeat("x", wire.MaxPhysical-6),
		"a row of one packet with the hidden":  strings.Repeat("x", wire.MaxPhysical-4-4),
		"a binary one":                         strings.Repeat("x", wire.MaxPhysical-6-16),
		"a row of two packets with the hidden": strings.Repeat("x", wire.MaxPhysical-5),
		"a value with a length of eight bytes": strings.Repeat("x", 1<<24),
		"a row of three packets":               strings.Repeat("x", 2*wire.MaxPhysical),
	}
	eachProtocol(t, func(t *testing.T, caps wire.Capability, prepared bool) {
		b := newBench(t)
		defer b.close()
		var name atomic.Pointer[string]
		b.backend.serve = shopOf(func(p product, caps wire.Capability) [][]byte {
			p.name = *name.Load()
			return p.answer(caps, 2)
		})
		for what, value := range tests {
			name.Store(&value)
			c := b.dial(nil, nil)
			c.caps &= caps
			if err := c.login(); err != nil {
				t.Fatal(err)
			}
			want := product{name: value, binary: prepared}.answer(c.caps, 2)
			got, err := c.fetched(prepared, len(want))
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			for i := range want {
				if !bytes.Equal(got[i], want[i]) {
					t.Errorf("%s: packet %d has %d bytes and begins %.40q, want %d and %.40q", what, i, len(got[i]), got[i], len(want[i]), want[i])
				}
			}
			if n := c.reads(t); n != 2 {
				t.Errorf("%s: %d rows are remembered", what, n)
			}
			c.Close()
		}
	})
}

// As many columns as a server can have, of which only the first are the client's.
func TestManyHiddenColumnsAreTakenOut(t *testing.T) {
	const columns = 4096
	var list [][]byte
	for i := range columns {
		list = append(list, fmt.Append(nil, "c", i))
	}
	b := newBench(t)
	defer b.close()
	b.backend.serve = answering(func(caps wire.Capability, _ wire.Command, body []byte) [][]byte {
		if !bytes.Contains(body, []byte("ifmatch 2")) {
			return [][]byte{okPacket(caps, 0)}
		}
		packets := [][]byte{wire.AppendLenInt(nil, columns)}
		for i := range columns - 2 {
			packets = append(packets, productColumn(caps, "products", "name", string(list[i])))
		}
		packets = append(packets, productColumn(caps, "products", "id", "ifmatch 1"), productColumn(caps, "products", "version", "ifmatch 2"))
		if !caps.Has(wire.ClientDeprecateEOF) {
			packets = append(packets, wire.AppendEOF(nil, 0, autocommit))
		}
		row := wire.AppendTextRow(wire.AppendTextRow(nil, list[:columns-2]...), []byte("1"), []byte("7"))
		return append(packets, row, endPacket(caps, 0))
	})
	c := b.open()
	defer c.Close()
	if err := c.command(wire.ComQuery, c.noAttributes()+"SELECT "+string(bytes.Join(list[:columns-2], []byte(",")))+" FROM products"); err != nil {
		t.Fatal(err)
	}
	got, err := c.take(1+columns-2+1+1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := wire.ReadLenInt(got[0]); n != columns-2 {
		t.Errorf("%d columns", n)
	}
	if row := wire.AppendTextRow(nil, list[:columns-2]...); !bytes.Equal(got[columns-1], row) {
		t.Error("the row is another")
	}
	if n := c.reads(t); n != 1 {
		t.Errorf("%d rows are remembered", n)
	}
	b.eventually("the session is not idle", func() bool { return !b.busy() })
	b.srv.mu.Lock()
	defer b.srv.mu.Unlock()
	for ss := range b.srv.sessions {
		if n := cap(ss.shown.values); n > maxKept/64 {
			t.Errorf("room for %d values is left", n)
		}
	}
}

// What cannot be an answer to a SELECT with hidden columns ends the session: the
// client takes no part of it for the whole, and sees no column that it did not
// ask for.
func TestCapturedAnswerFails(t *testing.T) {
	const lost = "ifmatch: lost connection to the server during the statement"
	refused := errPacket(1317, "Query execution was interrupted")
	replace := func(packets [][]byte, i int, with []byte) [][]byte {
		if i < 0 {
			i += len(packets)
		}
		return append(append(packets[:i:i], with), packets[i+1:]...)
	}
	type answerOf = func(p product, caps wire.Capability) [][]byte
	tests := map[string]struct {
		answer answerOf
		text   string // of the error that the client gets
		goesOn bool   // the session
	}{
		"an error": {answer: func(product, wire.Capability) [][]byte { return [][]byte{refused} },
			text: "Query execution was interrupted", goesOn: true},
		"an error in the place of a definition": {answer: func(p product, caps wire.Capability) [][]byte {
			return append(p.defined(caps, false)[:1], refused)
		}, text: "Query execution was interrupted", goesOn: true},
		"an error in the place of a hidden definition": {answer: func(p product, caps wire.Capability) [][]byte {
			return append(p.defined(caps, false)[:2], refused)
		}, text: "Query execution was interrupted", goesOn: true},
		"an error in the place of the first row": {answer: func(p product, caps wire.Capability) [][]byte {
			return append(p.defined(caps, false), refused)
		}, text: "Query execution was interrupted", goesOn: true},
		"an error in the place of the end": {answer: func(p product, caps wire.Capability) [][]byte {
			return replace(p.answer(caps, 2), -1, refused)
		}, text: "Query execution was interrupted", goesOn: true},
		"an error that cannot be read": {answer: func(p product, caps wire.Capability) [][]byte {
			return [][]byte{{wire.ERRHeader}}
		}, text: lost},
		"OK":               {answer: func(_ product, caps wire.Capability) [][]byte { return [][]byte{okPacket(caps, 0)} }, text: lost},
		"a file asked for": {answer: func(product, wire.Capability) [][]byte { return [][]byte{[]byte("\xfbfile")} }, text: lost},
		"the end of rows":  {answer: func(_ product, caps wire.Capability) [][]byte { return [][]byte{endPacket(caps, 0)} }, text: lost},
		"an empty packet":  {answer: func(product, wire.Capability) [][]byte { return [][]byte{{}} }, text: lost},
		"as many columns as are hidden": {answer: func(p product, caps wire.Capability) [][]byte {
			return replace(p.answer(caps, 1), 0, []byte{2})
		}, text: lost},
		"one column more than there are": {answer: func(p product, caps wire.Capability) [][]byte {
			return replace(p.answer(caps, 1), 0, []byte{4})
		}, text: lost},
		"more columns than there can be": {answer: func(p product, caps wire.Capability) [][]byte {
			return replace(p.answer(caps, 1), 0, []byte{0xfd, 0xff, 0xff, 0xff})
		}, text: lost},
		"a column instead of a hidden one": {answer: func(p product, caps wire.Capability) [][]byte {
			return replace(p.answer(caps, 1), 3, productColumn(caps, "products", "version", "version"))
		}, text: lost},
		"hidden ones in another order": {answer: func(p product, caps wire.Capability) [][]byte {
			packets := p.answer(caps, 1)
			packets[2], packets[3] = packets[3], packets[2]
			return packets
		}, text: lost},
		"a definition that is cut short": {answer: func(p product, caps wire.Capability) [][]byte {
			return replace(p.answer(caps, 1), 2, p.answer(caps, 1)[2][:20])
		}, text: lost},
		"a row in the place of a definition": {answer: func(p product, caps wire.Capability) [][]byte {
			return replace(p.answer(caps, 1), 3, p.row(1))
		}, text: lost},
		"a row without its last column": {answer: func(p product, caps wire.Capability) [][]byte {
			q := p
			q.hidden = false
			return append(p.defined(caps, false), q.row(1))
		}, text: lost},
		"a row that is cut short": {answer: func(p product, caps wire.Capability) [][]byte {
			row := p.row(1)
			return append(p.defined(caps, false), row[:len(row)-1])
		}, text: lost},
		"a row that is too long": {answer: func(p product, caps wire.Capability) [][]byte {
			return append(p.defined(caps, false), append(p.row(1), 0))
		}, text: lost},
		"an empty row": {answer: func(p product, caps wire.Capability) [][]byte {
			return append(p.defined(caps, false), []byte{})
		}, text: lost},
		"an end that cannot be read": {answer: func(p product, caps wire.Capability) [][]byte {
			return append(p.defined(caps, false), []byte{0xfe})
		}, text: lost},
		"no end": {answer: func(p product, caps wire.Capability) [][]byte { return nil }, text: lost},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			eachProtocol(t, func(t *testing.T, caps wire.Capability, prepared bool) {
				b := newBench(t)
				defer b.close()
				b.backend.serve = shopOf(test.answer)
				c := b.dial(nil, nil)
				defer c.Close()
				c.caps &= caps
				if err := c.login(); err != nil {
					t.Fatal(err)
				}
				if _, err := c.fetched(prepared, 0); err != nil {
					t.Fatal(err)
				}
				e, err := c.upToError()
				if err != nil || !strings.Contains(e.Message, test.text) {
					t.Errorf("the answer ends with %q, %v, want %q", e.Message, err, test.text)
				}
				if !test.goesOn {
					if err := hungUp(c); err != nil {
						t.Error(err)
					}
				} else if text, err := c.simple(wire.ComPing, ""); text != "OK;" || err != nil {
					t.Errorf("the session does not go on: %q, %v", text, err)
				}
			})
		})
	}
}

// upToError reads packets up to an error.
func (c *client) upToError() (wire.ERR, error) {
	for {
		p, err := c.ReadPayload(1 << 26)
		if err != nil {
			return wire.ERR{}, err
		}
		if len(p) > 0 && p[0] == wire.ERRHeader {
			return wire.ParseERR(p, c.caps)
		}
	}
}

// Where a server says that more results follow, they do, and belong to the answer.
func TestResultsBehindCapturedOne(t *testing.T) {
	refused := errPacket(1317, "Query execution was interrupted")
	eachProtocol(t, func(t *testing.T, caps wire.Capability, prepared bool) {
		for name, behind := range map[string]func(wire.Capability) [][]byte{
			"OK":       func(caps wire.Capability) [][]byte { return [][]byte{okPacket(caps, 0)} },
			"rows":     func(caps wire.Capability) [][]byte { return textResult(caps, 0, []string{"a"}) },
			"an error": func(wire.Capability) [][]byte { return [][]byte{refused} },
		} {
			b := newBench(t)
			b.backend.serve = shopOf(func(p product, caps wire.Capability) [][]byte {
				packets := p.answer(caps, 1)
				packets[len(packets)-1] = endPacket(caps, wire.StatusMoreResults)
				return append(packets, behind(caps)...)
			})
			c := b.dial(nil, nil)
			c.caps &= caps
			if err := c.login(); err != nil {
				t.Fatal(err)
			}
			want := behind(c.caps)
			got, err := c.fetched(prepared, len(product{}.answer(c.caps, 1))+len(want))
			if err != nil || !bytes.Equal(got[len(got)-1], want[len(want)-1]) {
				t.Errorf("%s: the answer ends with %q, %v", name, got[len(got)-1], err)
			}
			if text, err := c.simple(wire.ComPing, ""); text != "OK;" || err != nil {
				t.Errorf("%s: the session does not go on: %q, %v", name, text, err)
			}
			c.Close()
			b.close()
		}
	})
}

// Commands that come before the answers to those before them wait for their turn.
func TestPipelinedCapture(t *testing.T) {
	eachProtocol(t, func(t *testing.T, caps wire.Capability, prepared bool) {
		b := newBench(t)
		defer b.close()
		b.backend.serve = shopOf(func(p product, caps wire.Capability) [][]byte { return p.answer(caps, 3) })
		c := b.dial(nil, nil)
		defer c.Close()
		c.caps &= caps
		if err := c.login(); err != nil {
			t.Fatal(err)
		}
		command := "\x03" + c.noAttributes() + "SELECT name FROM products"
		if prepared {
			if err := c.prepare("SELECT name FROM products"); err != nil {
				t.Fatal(err)
			}
			command = "\x17\x01\x00\x00\x00\x00\x01\x00\x00\x00"
		}
		const times = 50
		c.wait()
		c.nc.Write(bytes.Repeat(append([]byte{byte(len(command)), 0, 0, 0}, command...), times))
		for i := range times {
			c.SetSeq(1)
			if text, err := c.answer(); text != "3 rows;" || err != nil {
				t.Fatalf("answer %d is %q, %v", i, text, err)
			}
		}
		if n := c.reads(t); n != 3 {
			t.Errorf("%d rows are remembered", n)
		}
	})
}

// A client that does not read the rows of a SELECT with hidden columns slows the
// backend down, as with any other answer.
func TestClientDoesNotReadCaptured(t *testing.T) {
	const size, most = 1 << 20, 2000 // 2 GB
	b := newBench(t)
	defer b.close()
	b.srv.stall = short
	var sent atomic.Int64
	ended := make(chan struct{})
	b.backend.serve = func(c *wire.Conn, _ net.Conn) {
		defer close(ended)
		caps, err := authenticate(c)
		for err == nil {
			c.ResetSeq()
			var asked []byte
			if asked, err = c.ReadPayload(1 << 20); err != nil {
				return
			}
			if !bytes.Contains(asked, []byte("ifmatch 2")) {
				err = send(c, okPacket(caps, 0))
				continue
			}
			p := product{name: strings.Repeat("v", size), hidden: true}
			err = send(c, p.defined(caps, false)...)
			for row := p.row(1); err == nil && sent.Load() < most; sent.Add(1) {
				err = send(c, row)
			}
		}
	}
	c := b.open()
	defer c.Close()
	before := heap()
	if err := c.command(wire.ComQuery, c.noAttributes()+"SELECT name FROM products"); err != nil {
		t.Fatal(err)
	}
	<-ended
	if n := sent.Load(); n > most/4 {
		t.Errorf("the backend could send %d MiB to a client that reads nothing", n)
	}
	if grown := heap() - before; grown > 32<<20 {
		t.Errorf("%d bytes were allocated for an answer that was passed on", grown)
	}
	b.ended(0)
}

// capturing goes through the ways on which an answer with hidden columns comes.
func capturing(c *client) error {
	steps := []func() error{
		c.login,
		func() error { return expect("2 rows;")(c.query("SELECT name FROM products")) },
		func() error { return expect("2 rows;OK;")(c.query("SELECT name FROM products; SET @a = 1")) },
		func() error { return expect("OK;")(c.query("PREPARE s FROM 'SELECT name FROM products'")) },
		func() error { return expect("2 rows;")(c.query("EXECUTE s")) },
		func() error { return c.prepare("SELECT name FROM products") },
		func() error { return expect("2 rows;")(c.execute(0)) },
		func() error { return expect("cursor;")(onlyCursor(c.execute(wire.CursorReadOnly))) },
		func() error {
			rows, failed, err := c.fetch()
			if err == nil && (len(rows) != 1 || failed != "") {
				err = fmt.Errorf("FETCH gives %d rows, error %q", len(rows), failed)
			}
			return err
		},
		func() error { return expect("2 rows;")(c.query("SHOW IFMATCH READS")) },
		func() error { return c.command(wire.ComQuit, "") },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	if _, err := c.ReadPayload(1 << 20); err == nil {
		return errors.New("a packet behind COM_QUIT")
	}
	return nil
}

// onlyCursor takes the end of definitions that opens a cursor for what it is,
// where it looks as the end of no rows.
func onlyCursor(s string, err error) (string, error) {
	if s == "0 rows;" {
		s = "cursor;"
	}
	return s, err
}

// serveCapturing answers what capturing asks.
func serveCapturing() func(*wire.Conn, net.Conn) {
	return answering(func(caps wire.Capability, cmd wire.Command, body []byte) [][]byte {
		p := product{name: "pen", hidden: true, binary: cmd != wire.ComQuery}
		switch {
		case cmd == wire.ComQuit, cmd == wire.ComStmtClose:
			return noAnswer
		case cmd == wire.ComQuery && bytes.Contains(body, []byte("PREPARE")):
		case cmd == wire.ComQuery && (bytes.Contains(body, []byte("ifmatch 2")) || bytes.Contains(body, []byte("EXECUTE"))):
			return p.answer(caps, 2)
		case cmd == wire.ComStmtPrepare:
			packets := p.defined(caps, false)
			packets[0] = wire.PrepareOK{ID: 1, Columns: 3}.Append(nil)
			return packets
		case cmd == wire.ComStmtExecute && len(body) > 4 && body[4] != 0:
			return p.defined(caps, true)
		case cmd == wire.ComStmtExecute:
			return p.answer(caps, 2)
		case cmd == wire.ComStmtFetch:
			return [][]byte{p.row(1), endPacket(caps, wire.StatusLastRowSent)}
		}
		return [][]byte{okPacket(caps, 0)}
	})
}

// TestDamageOfCaptured is TestDamage for answers with hidden columns.
func TestDamageOfCaptured(t *testing.T) {
	for name, caps := range capabilities {
		t.Run(name, func(t *testing.T) { testDamage(t, caps, serveCapturing(), capturing) })
	}
}

// FuzzCaptured answers PREPARE, EXECUTE with a cursor and FETCH of a SELECT with
// hidden columns with anything. What holds of FuzzBackend holds here.
func FuzzCaptured(f *testing.F) {
	for _, caps := range capabilities {
		p := product{name: "pen", hidden: true, binary: true}
		prepared := p.defined(caps, false)
		prepared[0] = wire.PrepareOK{ID: 1, Columns: 3}.Append(nil)
		fetched := [][]byte{p.row(1), endPacket(caps, wire.StatusLastRowSent)}
		f.Add(caps == serverCaps, framed(prepared...), framed(p.answer(caps, 2)...), framed(fetched...))
		f.Add(caps == serverCaps, framed(prepared...), framed(p.defined(caps, true)...), framed(fetched...))
		f.Add(caps == serverCaps, framed(prepared...), framed(errPacket(1143, "no")), framed(prepared...))
		f.Add(caps == serverCaps, framed(prepared...), framed(errPacket(1205, "no")), framed(fetched...))
		p.binary = false
		f.Add(caps == serverCaps, framed(errPacket(1143, "no")), framed(prepared...), framed(p.answer(caps, 1)...))
	}
	b := newBench(f)
	defer func() {
		b.t = f
		b.stop()
	}()
	b.srv.farewell = short // for an answer that the client would have to reply to
	answers := make(chan [][]byte, 1)
	b.backend.serve = func(c *wire.Conn, nc net.Conn) {
		caps, err := authenticate(c)
		if err != nil {
			return
		}
		left := <-answers
		for {
			c.ResetSeq()
			p, err := c.ReadPayload(1 << 20)
			switch {
			case err != nil:
				return
			case len(p) == 0 || wire.Command(p[0]) == wire.ComStmtClose:
			case bytes.Contains(p, []byte("SHOW SESSION")):
				send(c, okPacket(caps, 0))
			case len(left) == 0:
				return
			default:
				nc.Write(left[0])
				left = left[1:]
				// The proxy may wait for more of it, which is not to come.
				nc.SetReadDeadline(time.Now().Add(short))
			}
		}
	}
	f.Fuzz(func(t *testing.T, all bool, prepared, executed, fetched []byte) {
		b.t = t
		seq := func(i int) byte { return byte(i + 1) }
		left := [][]byte{frames(prepared, seq), frames(executed, seq), frames(fetched, seq)}
		answers <- left
		caps := capabilities["EOF"]
		if all {
			caps = serverCaps
		}
		b.logs.reset()
		before := heap()
		c := b.dial(nil, nil)
		defer c.Close()
		c.caps &= caps
		if err := c.login(); err != nil {
			t.Fatal(err)
		}
		for _, command := range []string{"\x16SELECT name FROM products", "\x17\x01\x00\x00\x00\x01\x01\x00\x00\x00", "\x1c\x01\x00\x00\x00\x01\x00\x00\x00"} {
			c.nc.Write(append([]byte{byte(len(command)), 0, 0, 0}, command...))
		}
		c.nc.(*net.TCPConn).CloseWrite()
		if err := hungUp(c); err != nil {
			t.Error(err)
		}
		b.ended(0)
		b.sound()
		size := len(prepared) + len(executed) + len(fetched)
		if grown := heap() - before; grown > fuzzMemory+fuzzPerByte*uint64(size) {
			t.Errorf("%d bytes were allocated for %d that a peer sent", grown, size)
		}
	})
}
