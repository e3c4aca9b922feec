package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ifmatch/wire"
)

// A damage is done to the bytes that a peer sends, at one place of its stream.
type damage struct {
	at     int    // offset in the stream; what is before it is sent as it is
	patch  []byte // in the place of as many bytes
	insert []byte // before the byte at the offset, behind the patch
	cut    bool   // hang up behind the patch
	stall  bool   // send nothing from there on
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
	if d.stall {
		if n := d.at - from; n > 0 {
			c.Conn.Write(p[:n])
		}
		return len(p), nil
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
