//go:build !race

// Under the race detector sync.Pool drops what it is given at random, so buffers
// are allocated anew.

package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"ifmatch/admin"
	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/schema"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// peerCaps are those of the client and the backend of these tests.
const peerCaps = wire.ClientMySQL | wire.ClientProtocol41 | wire.ClientSecureConnection | wire.ClientPluginAuth |
	wire.ClientConnectWithDB | wire.ClientTransactions | wire.ClientDeprecateEOF

// statements are sent again and again.
var statements = []struct {
	name    string
	prepare string // to be prepared first, as statement 1
	command []byte
}{
	{name: "select", command: []byte("\x03SELECT c FROM plain WHERE id = 4711")},
	{name: "select guarded", command: []byte("\x03SELECT c FROM guarded WHERE id = 4711")},
	{name: "update", command: []byte("\x03UPDATE guarded SET k = 7 WHERE id = 4711 AND version = 12")},
	{name: "update whole row", command: []byte("\x03UPDATE guarded SET k = 7, name = 'pen', version = 12 WHERE id = 4711")},
	{name: "update without expectation", command: []byte("\x03UPDATE guarded SET k = 7 WHERE id = 4711")},
	{name: "update status", command: []byte("\x03UPDATE machines SET state = 'on' WHERE id = 4711")},
	{name: "update status that sets", command: []byte("\x03UPDATE machines SET state = 'off', k = 7 WHERE id = 4711")},
	{name: "delete held against status", command: []byte("\x03DELETE FROM machines WHERE id = 4711")},
	{name: "execute update status", prepare: "UPDATE machines SET state = 'on', k = ? WHERE id = ?", command: execution(7, 4711)},
	{name: "execute update status by parameter", prepare: "UPDATE machines SET state = ? WHERE id = ?", command: execution(1, 4711)},
	{name: "execute select", prepare: "SELECT c FROM plain WHERE id = ?", command: execution(4711)},
	{name: "execute select guarded", prepare: "SELECT c FROM guarded WHERE id = ?", command: execution(4711)},
	{name: "execute update", prepare: "UPDATE guarded SET k = ? WHERE id = ? AND version = ?", command: execution(7, 4711, 12)},
	{name: "update by a string key", command: []byte("\x03UPDATE guarded SET name = 'it''s a pen' WHERE id = 'k-4711' AND version = 12")},
	{name: "update relative", command: []byte("\x03UPDATE guarded SET k = k + 1 WHERE id = 4711")},
	{name: "delete", command: []byte("\x03DELETE FROM guarded WHERE id = 4711 AND version = 12")},
	{name: "insert", command: []byte("\x03INSERT INTO guarded (id, k, name, version) VALUES (4711, 7, 'pen', 1)")},
	{name: "execute insert", prepare: "INSERT INTO guarded (id, k, name, version) VALUES (?, ?, ?, 1)", command: execution(4711, 7, "pen")},
	{name: "execute update of a text", prepare: "UPDATE guarded SET name = ? WHERE id = ? AND version = ?", command: execution("it's a pen", 4711, 12)},
	{name: "execute update of a text by a string key", prepare: "UPDATE guarded SET name = ? WHERE id = ?", command: execution("it's a pen", "k-4711")},
	{name: "execute delete by a string key", prepare: "DELETE FROM guarded WHERE id = ?", command: execution("k-4711")},
	{name: "execute select by a string key", prepare: "SELECT c FROM guarded WHERE id = ?", command: execution("k-4711")},
	{name: "execute update relative", prepare: "UPDATE guarded SET k = k + ? WHERE id = ?", command: execution(1, 4711)},
	{name: "execute update without expectation", prepare: "UPDATE guarded SET k = ? WHERE id = ?", command: execution(7, 4711)},
}

// execution is COM_STMT_EXECUTE of statement 1, with numbers and texts.
func execution(params ...any) []byte {
	e := wire.Execute{ID: 1, Iterations: 1}
	for _, p := range params {
		switch p := p.(type) {
		case int:
			e.Params = append(e.Params, wire.NewUint(uint64(p)))
		case string:
			e.Params = append(e.Params, wire.NewBytes([]byte(p)))
		}
	}
	return e.Append([]byte{byte(wire.ComStmtExecute)}, peerCaps)
}

// A statement that was seen before costs no allocation: not in the session, not in
// the plan cache, not in the metrics.
func TestNoAllocation(t *testing.T) {
	for _, test := range statements {
		t.Run(test.name, func(t *testing.T) {
			c := connect(t)
			c.prepare(test.prepare)
			step := func() { c.roundTrip(test.command) }
			for range 100 {
				step() // buffers grow, the plan is made
			}
			if allocs := testing.AllocsPerRun(1000, step); allocs >= 1 {
				t.Errorf("%v allocations for each statement, expected none", allocs)
			}
		})
	}
}

// BenchmarkStatement is a round trip through a session, to a backend that answers
// at once.
func BenchmarkStatement(b *testing.B) {
	for _, test := range statements {
		b.Run(test.name, func(b *testing.B) {
			c := connect(b)
			c.prepare(test.prepare)
			c.roundTrip(test.command)
			b.ReportAllocs()
			for b.Loop() {
				c.roundTrip(test.command)
			}
		})
	}
}

// connect starts a server and gives a client of it, with a scripted backend.
func connect(t testing.TB) *peer {
	t.Helper()
	p, err := policy.Parse("policy.yaml", []byte("tables:\n  shop.guarded:\n    key: [id]\n    version: version\n"+
		"  shop.machines:\n    key: [id]\n    version: version\n    require: {deleted: 0}\n    status: {column: state, delete: {from: off}, "+
		"transitions: [{to: on, from: off, when: k > 1}, {to: off, from: on, set: {was: state}}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	backend := listen(t)
	go new(scripted).serve(backend)
	ln := listen(t)
	s, err := New(Config{
		Backend: backend.Addr().String(), ClientTLS: func() *tls.Config { return nil }, PlanCache: 100, Meter: admin.NewMetrics(),
		Rules: rewrite.Compile(p, schema.Offline(sqltext.MySQL, 90700)),
		Log:   slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(ln)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		s.Shutdown(ctx)
	})
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := &peer{t: t, conn: wire.NewConn(nc)}
	t.Cleanup(func() { c.conn.Close() })
	c.read()
	response := wire.HandshakeResponse{Capabilities: peerCaps, MaxPacket: 1 << 24, User: "root", Database: "shop", Plugin: "mysql_native_password"}
	c.write(response.Append(nil))
	c.read()
	return c
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// peer is a client that allocates nothing either.
type peer struct {
	t    testing.TB
	conn *wire.Conn
}

func (c *peer) write(packets ...[]byte) {
	for _, p := range packets {
		if err := c.conn.WritePacket(p); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := c.conn.Flush(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *peer) read() []byte {
	p, err := c.conn.ReadPayload(1 << 10)
	if err != nil {
		c.t.Fatal(err)
	}
	if p[0] == wire.ERRHeader {
		e, _ := wire.ParseERR(p, peerCaps)
		c.t.Fatalf("error %d: %s", e.Code, e.Message)
	}
	return p
}

// roundTrip sends a command and reads its answer: OK, or one column and one row.
func (c *peer) roundTrip(command []byte) {
	c.conn.ResetSeq()
	c.write(command)
	if c.read()[0] == wire.OKHeader {
		return
	}
	for range 3 { // column, row, end
		c.read()
	}
}

func (c *peer) prepare(sql string) {
	if sql == "" {
		return
	}
	c.conn.ResetSeq()
	c.write(append([]byte{byte(wire.ComStmtPrepare)}, sql...))
	ok, err := wire.ParsePrepareOK(c.read())
	if err != nil {
		c.t.Fatal(err)
	}
	for range ok.Params + ok.Columns {
		c.read()
	}
}

// scripted is a backend that has one statement prepared at most, gives one row
// for a SELECT, key and version with it where they were added, and says that a
// write met one.
type scripted struct {
	conn     *wire.Conn
	prepared bool // the statement prepared is a SELECT
	hidden   bool // with columns added
}

var (
	answerOK     = wire.OK{AffectedRows: 1, Status: wire.StatusAutocommit, Info: []byte("Rows matched: 1  Changed: 1  Warnings: 0")}.Append(nil, peerCaps)
	answerOne    = []byte{1} // column
	answerColumn = (&wire.Column{Name: []byte("c"), Type: wire.TypeVarString, Charset: 45, Length: 480}).Append(nil, peerCaps)
	answerRow    = wire.AppendLenBytes(nil, "value")
	answerThree  = []byte{3}
	answerKey    = hiddenColumn("id", "ifmatch 1")
	answerToken  = hiddenColumn("version", "ifmatch 2")
	answerShown  = wire.AppendTextRow(nil, []byte("value"), []byte("4711"), []byte("12"))
	answerBinary = append(wire.AppendLenBytes([]byte{0, 0}, "value"), 0x67, 0x12, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0)
	answerEnd    = wire.OK{Header: wire.EOFHeader, Status: wire.StatusAutocommit}.Append(nil, peerCaps)
)

func hiddenColumn(of, alias string) []byte {
	c := wire.Column{Schema: []byte("shop"), Table: []byte("guarded"), OrgTable: []byte("guarded"), Name: []byte(alias), OrgName: []byte(of), Type: wire.TypeLongLong, Charset: 63, Length: 20}
	return c.Append(nil, peerCaps)
}

// serve serves one client. What goes wrong ends the connection, which fails the
// test at the client.
func (b *scripted) serve(ln net.Listener) {
	nc, err := ln.Accept()
	if err != nil {
		return
	}
	b.conn = wire.NewConn(nc)
	defer b.conn.Close()
	greeting := wire.Greeting{Protocol: 10, ServerVersion: "9.7.0", ConnectionID: 1, Scramble: make([]byte, 20), Capabilities: peerCaps,
		Charset: 45, Status: wire.StatusAutocommit, Plugin: "mysql_native_password"}
	if b.write(greeting.Append(nil)) != nil {
		return
	}
	if _, err := b.conn.ReadPayload(1 << 10); err != nil || b.write(answerOK) != nil {
		return
	}
	for {
		b.conn.ResetSeq()
		p, err := b.conn.ReadPayload(1 << 10)
		if err != nil || b.answer(wire.Command(p[0]), p[1:]) != nil {
			return
		}
	}
}

func (b *scripted) answer(command wire.Command, p []byte) error {
	if (command == wire.ComQuery || command == wire.ComStmtPrepare) && isSelect(p) {
		b.hidden = bytes.Contains(p, []byte("ifmatch 2"))
	}
	rows := command == wire.ComQuery && isSelect(p) || command == wire.ComStmtExecute && b.prepared
	switch {
	case command == wire.ComStmtPrepare:
		b.prepared = isSelect(p)
		ok := wire.PrepareOK{ID: 1, Params: uint16(bytes.Count(p, []byte("?")))}
		if b.prepared {
			ok.Columns = 1
		}
		if b.hidden {
			ok.Columns = 3
		}
		packets := [][]byte{ok.Append(nil)}
		for range ok.Params + ok.Columns {
			packets = append(packets, answerColumn)
		}
		return b.write(packets...)
	case rows && b.hidden && command == wire.ComQuery:
		return b.write(answerThree, answerColumn, answerKey, answerToken, answerShown, answerEnd)
	case rows && b.hidden:
		return b.write(answerThree, answerColumn, answerKey, answerToken, answerBinary, answerEnd)
	case rows:
		return b.write(answerOne, answerColumn, answerRow, answerEnd)
	}
	return b.write(answerOK)
}

func isSelect(sql []byte) bool { return bytes.HasPrefix(sql, []byte("SELECT")) }

func (b *scripted) write(packets ...[]byte) error {
	for _, p := range packets {
		if err := b.conn.WritePacket(p); err != nil {
			return err
		}
	}
	return b.conn.Flush()
}
