package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/schema"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// long is more time than anything here takes; what has not ended by then hangs.
const long = 20 * time.Second

// meter counts what the proxy reports, and keeps the labels.
type meter struct {
	panics, handshakes, sessions, conflicts, refused atomic.Int64

	mu     sync.Mutex
	labels []string
}

func (m *meter) label(s string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Contains(m.labels, s) {
		m.labels = append(m.labels, s)
	}
}

func (m *meter) Statement(table string, _ rewrite.Verdict) { m.label(table) }
func (m *meter) Conflict(table string, k rewrite.Kind) {
	m.conflicts.Add(1)
	m.label(table)
	m.label(k.String())
}
func (m *meter) Refused(reason string) {
	m.refused.Add(1)
	m.label(reason)
}
func (m *meter) Unread(table string)                   { m.label(table) }
func (m *meter) Seconds(stage string, _ time.Duration) { m.label(stage) }
func (m *meter) Sessions(delta int)                    { m.sessions.Add(int64(delta)) }
func (m *meter) HandshakeFailed(reason string) {
	m.handshakes.Add(1)
	m.label(reason)
}
func (m *meter) Panic() { m.panics.Add(1) }

// records is what was logged, as text.
type records struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

// reset forgets what was logged.
func (r *records) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.buf.Reset()
}

func (r *records) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

// A damage is done to the bytes that a peer sends, at one place of its stream.
type damage struct {
	at     int    // offset in the stream; what is before it is sent as it is
	patch  []byte // in the place of as many bytes
	insert []byte // before the byte at the offset, behind the patch
	cut    bool   // hang up behind the patch
}

// A damagedConn sends what its damage makes of the bytes that it is given.
type damagedConn struct {
	net.Conn
	damage *damage       // nil: none
	record *bytes.Buffer // what was to be sent, where it is not nil
	sent   int
}

func (c *damagedConn) Write(p []byte) (int, error) {
	if c.record != nil {
		c.record.Write(p)
	}
	from := c.sent
	c.sent += len(p)
	d := c.damage
	if d == nil || d.at >= c.sent {
		return c.Conn.Write(p)
	}
	out := bytes.Clone(p)
	at := max(d.at-from, 0)
	if skip := from - d.at; skip <= 0 {
		out = append(out[:at:at], d.insert...)
		out = append(out, p[at:]...)
		copy(out[at+len(d.insert):], d.patch)
	} else if skip < len(d.patch) {
		copy(out, d.patch[skip:])
	}
	if end := d.at + len(d.patch); d.cut && end <= c.sent {
		c.Conn.Write(out[:max(end-from, 0)+len(d.insert)])
		c.Conn.Close()
		return 0, net.ErrClosed
	}
	if _, err := c.Conn.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// serverCaps are what the scripted backend can do: all that the proxy knows.
const serverCaps = wire.ClientMySQL | wire.ClientFoundRows | wire.ClientLongFlag | wire.ClientConnectWithDB | wire.ClientLocalFiles |
	wire.ClientProtocol41 | wire.ClientTransactions | wire.ClientSecureConnection | wire.ClientMultiStatements | wire.ClientMultiResults |
	wire.ClientPSMultiResults | wire.ClientPluginAuth | wire.ClientConnectAttrs | wire.ClientPluginAuthLenencData | wire.ClientSessionTrack |
	wire.ClientDeprecateEOF | wire.ClientQueryAttributes

const autocommit = wire.StatusAutocommit

// A backend is a scripted MySQL server. Its connections speak the protocol as a
// server does, but for the damage that is set.
type backend struct {
	ln net.Listener
	// serve carries out a connection. The default is converse.
	serve  func(c *wire.Conn, nc net.Conn)
	damage atomic.Pointer[damage] // of the next connection; taken by it
	record atomic.Pointer[bytes.Buffer]
	wg     sync.WaitGroup
}

func newBackend(t testing.TB) *backend {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return &backend{ln: ln}
}

// start accepts connections until close.
func (b *backend) start() {
	b.wg.Go(func() {
		for {
			nc, err := b.ln.Accept()
			if err != nil {
				return
			}
			d, record := b.damage.Swap(nil), b.record.Swap(nil)
			b.wg.Go(func() {
				defer nc.Close()
				nc.SetDeadline(time.Now().Add(10 * long)) // no test takes so long
				c := wire.NewConn(&damagedConn{Conn: nc, damage: d, record: record})
				if b.serve != nil {
					b.serve(c, nc)
					return
				}
				converse(c)
			})
		}
	})
}

func (b *backend) close() {
	b.ln.Close()
	b.wg.Wait()
}

// converse speaks with one client until either side ends it.
func converse(c *wire.Conn) {
	caps, err := authenticate(c)
	if err != nil {
		return
	}
	for answerCommand(c, caps) == nil {
	}
}

// authenticate greets a client and takes whoever comes, after one switch of the
// plug-in.
func authenticate(c *wire.Conn) (wire.Capability, error) {
	g := wire.Greeting{Protocol: 10, ServerVersion: "9.7.0", ConnectionID: 7, Scramble: []byte("abcdefghijklmnopqrst"),
		Capabilities: serverCaps, Charset: 45, Status: autocommit, Plugin: "caching_sha2_password"}
	if err := send(c, g.Append(nil)); err != nil {
		return 0, err
	}
	p, err := c.ReadPayload(1 << 20)
	if err != nil {
		return 0, err
	}
	h, err := wire.ParseHandshakeResponse(p)
	if err != nil {
		return 0, err
	}
	if err := authSwitch(c); err != nil {
		return 0, err
	}
	return h.Capabilities, send(c, okPacket(h.Capabilities, 0))
}

func authSwitch(c *wire.Conn) error {
	if err := send(c, wire.AuthSwitch{Plugin: "mysql_native_password", Data: []byte("tsrqponmlkjihgfedcba\x00")}.Append(nil)); err != nil {
		return err
	}
	_, err := c.ReadPayload(1 << 20)
	return err
}

// send writes packets and flushes them.
func send(c *wire.Conn, payloads ...[]byte) error {
	for _, p := range payloads {
		if err := c.WritePacket(p); err != nil {
			return err
		}
	}
	return c.Flush()
}

func okPacket(caps wire.Capability, status wire.Status) []byte {
	return wire.OK{Status: autocommit | status}.Append(nil, caps)
}

// endPacket ends rows, or definitions where caps have an end for these.
func endPacket(caps wire.Capability, status wire.Status) []byte {
	if caps.Has(wire.ClientDeprecateEOF) {
		return wire.OK{Header: wire.EOFHeader, Status: autocommit | status}.Append(nil, caps)
	}
	return wire.AppendEOF(nil, 0, autocommit|status)
}

func columnPacket(caps wire.Capability, name string) []byte {
	column := wire.Column{Catalog: []byte("def"), Name: []byte(name), Charset: 45, Length: 40, Type: wire.TypeVarString}
	return column.Append(nil, caps)
}

// definitions are n column definitions and their end.
func definitions(caps wire.Capability, n int) (packets [][]byte) {
	for i := range n {
		packets = append(packets, columnPacket(caps, fmt.Sprint("c", i)))
	}
	if n > 0 && !caps.Has(wire.ClientDeprecateEOF) {
		packets = append(packets, wire.AppendEOF(nil, 0, autocommit))
	}
	return packets
}

// textResult is a result set of the text protocol.
func textResult(caps wire.Capability, status wire.Status, rows ...[]string) (packets [][]byte) {
	n := 1
	if len(rows) > 0 {
		n = len(rows[0])
	}
	packets = append(packets, []byte{byte(n)})
	packets = append(packets, definitions(caps, n)...)
	for _, row := range rows {
		var fields [][]byte
		for _, v := range row {
			fields = append(fields, []byte(v))
		}
		packets = append(packets, wire.AppendTextRow(nil, fields...))
	}
	return append(packets, endPacket(caps, status))
}

// answerCommand reads a command and answers it.
func answerCommand(c *wire.Conn, caps wire.Capability) error {
	c.ResetSeq()
	p, err := c.ReadPayload(1 << 26)
	if err != nil {
		return err
	}
	if len(p) == 0 {
		return io.ErrUnexpectedEOF
	}
	if wire.Command(p[0]) == wire.ComStmtExecute && len(p) < 10 {
		return send(c, errPacket(1835, "Malformed communication packet"))
	}
	switch wire.Command(p[0]) {
	case wire.ComQuit:
		return io.EOF
	case wire.ComQuery:
		_, sql, err := wire.ParseQuery(p[1:], caps)
		if err != nil {
			return err
		}
		return answerQuery(c, caps, string(sql))
	case wire.ComStmtPrepare:
		params := bytes.Count(p, []byte("?"))
		columns := 0
		if bytes.HasPrefix(p[1:], []byte("SELECT")) {
			columns = 2
		}
		packets := [][]byte{wire.PrepareOK{ID: 3, Params: uint16(params), Columns: uint16(columns)}.Append(nil)}
		packets = append(packets, definitions(caps, params)...)
		return send(c, append(packets, definitions(caps, columns)...)...)
	case wire.ComStmtExecute:
		if p[5] != 0 { // with a cursor: definitions only
			packets := append([][]byte{{2}}, definitions(caps, 2)...)
			if caps.Has(wire.ClientDeprecateEOF) {
				return send(c, append(packets, endPacket(caps, wire.StatusCursorExists))...)
			}
			packets[len(packets)-1] = wire.AppendEOF(nil, 0, autocommit|wire.StatusCursorExists)
			return send(c, packets...)
		}
		packets := append([][]byte{{2}}, definitions(caps, 2)...)
		return send(c, append(packets, []byte("\x00\x00\x01a\x01b"), endPacket(caps, 0))...)
	case wire.ComStmtFetch:
		return send(c, []byte("\x00\x00\x01a\x01b"), endPacket(caps, wire.StatusLastRowSent))
	case wire.ComStmtSendLongData, wire.ComStmtClose:
		return nil
	case wire.ComFieldList:
		return send(c, columnPacket(caps, "id"), endPacket(caps, 0))
	case wire.ComStatistics:
		return send(c, []byte("Uptime: 1"))
	case wire.ComSetOption:
		return send(c, wire.AppendEOF(nil, 0, autocommit))
	case wire.ComChangeUser:
		if err := authSwitch(c); err != nil {
			return err
		}
		return send(c, okPacket(caps, 0))
	case wire.ComPing, wire.ComInitDB, wire.ComResetConnection, wire.ComStmtReset:
		return send(c, okPacket(caps, 0))
	}
	return send(c, errPacket(1047, "Unknown command"))
}

func errPacket(code uint16, text string) []byte {
	return wire.ERR{Code: code, State: "HY000", Message: text}.Append(nil, wire.ClientProtocol41)
}

// answerQuery answers a text by what it begins with.
func answerQuery(c *wire.Conn, caps wire.Capability, sql string) error {
	begins := func(s string) bool { return strings.HasPrefix(sql, s) }
	switch {
	case begins("SELECT @@session"):
		return send(c, textResult(caps, 0, []string{"STRICT_TRANS_TABLES", "utf8mb4"})...)
	case begins("SELECT CAST(CAST("): // a probe: the row is there, at another version
		return send(c, textResult(caps, 0, []string{"100", "11", "1", "0"})...)
	case begins("SELECT"), begins("select"):
		return send(c, textResult(caps, 0, []string{"a", "ROW-MARKER"}, []string{"b", ""})...)
	case begins("CALL"):
		packets := textResult(caps, wire.StatusMoreResults, []string{"a"})
		return send(c, append(packets, okPacket(caps, 0))...)
	case begins("UPDATE shop.products"):
		return send(c, wire.OK{Status: autocommit, Info: []byte("Rows matched: 0  Changed: 0  Warnings: 0")}.Append(nil, caps))
	case begins("LOAD"):
		if err := send(c, []byte("\xfbfile")); err != nil {
			return err
		}
		for {
			p, err := c.ReadPayload(1 << 26)
			if err != nil {
				return err
			}
			if len(p) == 0 {
				return send(c, okPacket(caps, 0))
			}
		}
	case begins("BEGIN"):
		return send(c, okPacket(caps, wire.StatusInTrans))
	case begins("FAIL"):
		return send(c, errPacket(1064, "You have an error: ERROR-MARKER"))
	}
	return send(c, okPacket(caps, 0))
}

const testPolicy = `
tables:
  shop.products:
    key: [id]
    version: version
  shop.orders:
    key: [id]
    version: version
    unread: refuse
`

// A bench is a proxy in this process, between scripted peers.
type bench struct {
	t       testing.TB
	srv     *Server
	ln      net.Listener
	started sync.Once
	backend *backend
	meter   *meter
	logs    *records
	serving chan error

	goroutines, descriptors int // before it was set up
}

// newBench sets a proxy up. setup may change the configuration.
func newBench(t testing.TB, setup ...func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, meter: &meter{}, logs: &records{}, serving: make(chan error, 1)}
	b.goroutines, b.descriptors = runtime.NumGoroutine(), descriptors(t)
	b.backend = newBackend(t)
	p, err := policy.Parse("policy.yaml", []byte(testPolicy))
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Backend:   b.backend.ln.Addr().String(),
		ClientTLS: func() *tls.Config { return nil },
		PlanCache: 100,
		Rules:     rewrite.Compile(p, schema.Offline(sqltext.MySQL, 90700)),
		Meter:     b.meter,
		Log:       slog.New(slog.NewTextHandler(b.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range setup {
		f(&cfg)
	}
	if b.srv, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	if b.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return b
}

// start begins to serve: with the first client, so that a test can change before
// what it wants otherwise.
func (b *bench) start() {
	b.backend.start()
	go func() { b.serving <- b.srv.Serve(b.ln) }()
}

// close ends the proxy and fails the test if anything of it is left or a session
// has panicked.
func (b *bench) close() {
	b.t.Helper()
	b.stop()
	b.eventually("goroutines are left", func() bool { return runtime.NumGoroutine() <= b.goroutines })
	b.eventually("descriptors are left", func() bool { return descriptors(b.t) <= b.descriptors })
}

// stop is close where goroutines of others come and go, as those of a fuzzer.
func (b *bench) stop() {
	b.t.Helper()
	b.started.Do(b.start)
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	b.srv.Shutdown(ctx)
	if err := <-b.serving; err != nil {
		b.t.Errorf("Serve: %v", err)
	}
	b.backend.close()
	b.sound()
	if n := b.meter.sessions.Load(); n != 0 {
		b.t.Errorf("the meter has %d sessions left", n)
	}
}

// sound fails the test if a session has panicked.
func (b *bench) sound() {
	b.t.Helper()
	if b.meter.panics.Load() != 0 {
		b.t.Fatalf("a session panicked:\n%s", b.logs)
	}
}

// ended waits until no more than n sessions are open.
func (b *bench) ended(n int64) {
	b.t.Helper()
	b.eventually(fmt.Sprintf("more than %d sessions are open", n), func() bool { return b.srv.counters.sessions.Load() <= n })
}

// eventually fails the test if a condition does not come to hold.
func (b *bench) eventually(what string, holds func() bool) {
	b.t.Helper()
	for pause, start := 20*time.Microsecond, time.Now(); !holds(); pause = min(2*pause, 50*time.Millisecond) {
		if time.Since(start) > long {
			stacks := make([]byte, 1<<20)
			b.t.Fatalf("%s\n%s", what, stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(pause)
	}
}

func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if errors.Is(err, os.ErrNotExist) {
		return 0 // not Linux: goroutines tell
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// A client is a scripted MySQL client.
type client struct {
	*wire.Conn
	caps   wire.Capability
	nc     net.Conn
	stmt   uint32
	silent time.Duration // the longest wait for an answer
}

// dial connects a client, of which what it sends is damaged.
func (b *bench) dial(d *damage, record *bytes.Buffer) *client {
	b.t.Helper()
	b.started.Do(b.start)
	nc, err := net.Dial("tcp", b.ln.Addr().String())
	if err != nil {
		b.t.Fatal(err)
	}
	return &client{Conn: wire.NewConn(&damagedConn{Conn: nc, damage: d, record: record}), nc: nc, silent: long,
		caps: serverCaps}
}

// open connects a client and logs in.
func (b *bench) open() *client {
	b.t.Helper()
	c := b.dial(nil, nil)
	if err := c.login(); err != nil {
		b.t.Fatal(err)
	}
	return c
}

// abort hangs up so that the other side learns of it at once.
func (c *client) abort() {
	c.nc.(*net.TCPConn).SetLinger(0)
	c.nc.Close()
}

func (c *client) wait() { c.nc.SetDeadline(time.Now().Add(c.silent)) }

const password = "PASSWORD-MARKER"

// login takes the greeting and authenticates.
func (c *client) login() error {
	c.wait()
	p, err := c.ReadPayload(1 << 20)
	if err != nil {
		return err
	}
	g, err := wire.ParseGreeting(p)
	if err != nil {
		return err
	}
	c.caps &= g.Capabilities
	h := wire.HandshakeResponse{Capabilities: c.caps, MaxPacket: 1 << 24, Charset: 45, User: "app", Auth: []byte(password), Database: "shop", Plugin: g.Plugin}
	if err := send(c.Conn, h.Append(nil)); err != nil {
		return err
	}
	return c.finishLogin()
}

func (c *client) finishLogin() error {
	for {
		p, err := c.ReadPayload(1 << 20)
		if err != nil {
			return err
		}
		switch {
		case len(p) == 0:
			return io.ErrUnexpectedEOF
		case p[0] == wire.OKHeader:
			return nil
		case p[0] == wire.ERRHeader:
			return errors.New(string(p))
		}
		if err := send(c.Conn, []byte(password)); err != nil {
			return err
		}
	}
}

// command sends a command packet.
func (c *client) command(cmd wire.Command, body string) error {
	c.wait()
	c.ResetSeq()
	return send(c.Conn, append([]byte{byte(cmd)}, body...))
}

// query sends a text and gives the answer as text.
func (c *client) query(sql string) (string, error) {
	if c.caps.Has(wire.ClientQueryAttributes) {
		sql = "\x00\x01" + sql
	}
	if err := c.command(wire.ComQuery, sql); err != nil {
		return "", err
	}
	return c.answer()
}

// answer reads an answer of any kind to its end. An error of the server is part
// of the text.
func (c *client) answer() (string, error) {
	var text strings.Builder
	for {
		p, err := c.ReadPayload(1 << 26)
		if err != nil {
			return text.String(), err
		}
		if len(p) == 0 {
			return text.String(), io.ErrUnexpectedEOF
		}
		status := wire.Status(0)
		switch p[0] {
		case wire.OKHeader:
			ok, err := wire.ParseOK(p, c.caps)
			if err != nil {
				return "", err
			}
			text.WriteString("OK;")
			status = ok.Status
		case wire.ERRHeader:
			e, err := wire.ParseERR(p, c.caps)
			text.WriteString(e.Error())
			return text.String(), err
		case wire.LocalInfileHeader:
			if err := send(c.Conn, []byte("FILE-MARKER"), nil); err != nil {
				return "", err
			}
			continue
		default:
			n, _ := wire.ReadLenInt(p)
			rows, end, err := c.rows(int(n))
			text.WriteString(rows)
			if err != nil {
				return text.String(), err
			}
			status = end
		}
		if !status.Has(wire.StatusMoreResults) {
			return text.String(), nil
		}
	}
}

// rows reads definitions and rows.
func (c *client) rows(columns int) (string, wire.Status, error) {
	if !c.caps.Has(wire.ClientDeprecateEOF) {
		columns++
	}
	status, err := c.skip(columns)
	if err != nil || status.Has(wire.StatusCursorExists) {
		return "cursor;", status, err
	}
	rows, status, err := c.toEnd()
	return fmt.Sprintf("%d rows;", rows), status, err
}

// skip reads n packets; the status is that of the last, if that is an EOF.
func (c *client) skip(n int) (status wire.Status, err error) {
	for range n {
		p, err := c.ReadPayload(1 << 26)
		if err != nil {
			return 0, err
		}
		if len(p) > 0 && p[0] == wire.ERRHeader {
			return 0, errors.New(string(p))
		}
		if eof, err := wire.ParseEOF(p); err == nil {
			status = eof.Status
		}
	}
	return status, nil
}

// toEnd reads packets up to the end of rows.
func (c *client) toEnd() (rows int, status wire.Status, err error) {
	for {
		p, err := c.ReadPayload(1 << 26)
		if err != nil {
			return rows, 0, err
		}
		switch {
		case len(p) > 0 && p[0] == wire.ERRHeader:
			return rows, 0, errors.New(string(p))
		case len(p) == 0 || p[0] != wire.EOFHeader:
			rows++
			continue
		case c.caps.Has(wire.ClientDeprecateEOF):
			ok, err := wire.ParseOK(p, c.caps)
			return rows, ok.Status, err
		}
		eof, err := wire.ParseEOF(p)
		return rows, eof.Status, err
	}
}

// prepare prepares a statement and keeps its id.
func (c *client) prepare(sql string) error {
	if err := c.command(wire.ComStmtPrepare, sql); err != nil {
		return err
	}
	p, err := c.ReadPayload(1 << 20)
	if err != nil {
		return err
	}
	if e, err := wire.ParseERR(p, c.caps); err == nil {
		return e
	}
	ok, err := wire.ParsePrepareOK(p)
	if err != nil {
		return err
	}
	c.stmt = ok.ID
	for _, n := range []uint16{ok.Params, ok.Columns} {
		if n > 0 && !c.caps.Has(wire.ClientDeprecateEOF) {
			n++
		}
		if _, err := c.skip(int(n)); err != nil {
			return err
		}
	}
	return nil
}

// statement sends a command about the statement that was prepared last.
func (c *client) statement(cmd wire.Command, rest string) error {
	return c.command(cmd, string(binary.LittleEndian.AppendUint32(nil, c.stmt))+rest)
}

// execute executes the statement that was prepared last.
func (c *client) execute(flags byte, params ...wire.Param) (string, error) {
	e := wire.Execute{ID: c.stmt, Flags: flags, Iterations: 1, Params: params}
	if err := c.command(wire.ComStmtExecute, string(e.Append(nil, c.caps))); err != nil {
		return "", err
	}
	return c.answer()
}
