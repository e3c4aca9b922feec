package integration

import (
	"encoding/binary"
	"fmt"
	"net"
	"testing"
	"time"

	"ifmatch/wire"
)

// raw is a client that speaks in packets, for what drivers do not do.
type raw struct {
	t    testing.TB
	nc   net.Conn // under c
	c    *wire.Conn
	caps wire.Capability
	seen [][]byte // the packets of the answer at hand
	id   uint32   // connection id of the greeting

	greeting *wire.Greeting
	key      []byte // the server's public key, where the client has a copy
}

const plainCaps = wire.ClientMySQL | wire.ClientLongFlag | wire.ClientProtocol41 | wire.ClientTransactions | wire.ClientSecureConnection |
	wire.ClientPluginAuth | wire.ClientConnectWithDB | wire.ClientMultiResults | wire.ClientPSMultiResults | wire.ClientMultiStatements

// dial logs in as root, who has no password.
func dial(t testing.TB, addr, db string, caps wire.Capability) *raw {
	t.Helper()
	nc, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	r := &raw{t: t, nc: nc, c: wire.NewConn(nc), caps: caps}
	r.wait()
	greeting, err := wire.ParseGreeting(r.packet())
	if err != nil {
		t.Fatal(err)
	}
	r.id, r.greeting = greeting.ConnectionID, greeting
	r.caps &= greeting.Capabilities | wire.ClientConnectWithDB
	r.write(wire.HandshakeResponse{Capabilities: r.caps, MaxPacket: 1 << 30, Charset: 45, User: "root", Database: db, Plugin: greeting.Plugin})
	r.welcome()
	return r
}

func (r *raw) write(h wire.HandshakeResponse) { r.send(h.Append(nil)) }

// welcome reads over what comes before the OK that ends an authentication.
func (r *raw) welcome() {
	r.t.Helper()
	for {
		switch p := r.packet(); p[0] {
		case wire.OKHeader:
			return
		case wire.AuthSwitchHeader:
			r.send(nil) // no password
		case wire.ERRHeader:
			r.t.Fatalf("not let in: %q", p)
		}
	}
}

// wait bounds how long what comes next may take.
func (r *raw) wait() { r.nc.SetDeadline(time.Now().Add(2 * patience)) }

// send writes one packet.
func (r *raw) send(p []byte) {
	r.t.Helper()
	r.wait()
	err := r.c.WritePacket(p)
	if err == nil {
		err = r.c.Flush()
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// command starts a command and reads nothing.
func (r *raw) command(c wire.Command, body ...[]byte) {
	r.t.Helper()
	p := []byte{byte(c)}
	if c == wire.ComQuery && r.caps.Has(wire.ClientQueryAttributes) && len(body) == 1 {
		p = append(p, 0, 1)
	}
	for _, b := range body {
		p = append(p, b...)
	}
	r.c.ResetSeq()
	r.seen = nil
	r.send(p)
}

// packet reads one packet.
func (r *raw) packet() []byte {
	r.t.Helper()
	p, err := r.c.ReadPayload(1 << 30)
	if err != nil {
		r.t.Fatalf("read after %q: %v", r.seen, err)
	}
	p = append([]byte{}, p...)
	r.seen = append(r.seen, p)
	if r.caps.Has(wire.MariaDBProgress) && wire.IsProgress(p) {
		return r.packet()
	}
	return p
}

// query sends a text and gives the packets of its answer.
func (r *raw) query(text string) [][]byte {
	r.t.Helper()
	r.command(wire.ComQuery, []byte(text))
	return r.answer()
}

// answer reads a whole answer, with all its results, and gives its packets.
func (r *raw) answer() [][]byte {
	r.t.Helper()
	for {
		p := r.packet()
		var status wire.Status
		switch p[0] {
		case wire.ERRHeader:
			return r.seen
		case wire.OKHeader:
			status = r.status(p)
		default:
			if status = r.rows(p); status == failedRows {
				return r.seen
			}
		}
		if !status.Has(wire.StatusMoreResults) {
			return r.seen
		}
	}
}

const failedRows wire.Status = 0xffff &^ wire.StatusMoreResults

// rows reads a result from its number of columns on.
func (r *raw) rows(p []byte) wire.Status {
	r.t.Helper()
	columns, _ := wire.ReadLenInt(p)
	for range columns {
		r.packet()
	}
	if !r.caps.Has(wire.ClientDeprecateEOF) {
		p := r.packet()
		if p[0] == wire.ERRHeader {
			return failedRows
		}
		if s := r.status(p); s.Has(wire.StatusCursorExists) {
			return s
		}
	}
	for {
		switch p := r.packet(); {
		case p[0] == wire.ERRHeader:
			return failedRows
		case p[0] == wire.EOFHeader && len(p) < 1<<24-1:
			return r.status(p)
		}
	}
}

// status gives the status flags of an OK or EOF packet.
func (r *raw) status(p []byte) wire.Status {
	r.t.Helper()
	if p[0] == wire.EOFHeader && !r.caps.Has(wire.ClientDeprecateEOF) {
		eof, err := wire.ParseEOF(p)
		if err != nil {
			r.t.Fatal(err)
		}
		return eof.Status
	}
	ok, err := wire.ParseOK(p, r.caps)
	if err != nil {
		r.t.Fatal(err)
	}
	return ok.Status
}

// prepare prepares a statement and reads over its definitions.
func (r *raw) prepare(text string) wire.PrepareOK {
	r.t.Helper()
	r.command(wire.ComStmtPrepare, []byte(text))
	p := r.packet()
	if p[0] == wire.ERRHeader {
		r.t.Fatalf("prepare %s: %q", text, p)
	}
	ok, err := wire.ParsePrepareOK(p)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, n := range []int{int(ok.Params), int(ok.Columns)} {
		if n > 0 && !r.caps.Has(wire.ClientDeprecateEOF) {
			n++
		}
		for range n {
			r.packet()
		}
	}
	return ok
}

// execute executes a prepared statement with parameters and their types.
func (r *raw) execute(id uint32, params ...wire.Param) [][]byte {
	r.t.Helper()
	return r.executeWith(wire.Execute{ID: id, Iterations: 1, Params: params})
}

func (r *raw) executeWith(e wire.Execute) [][]byte {
	r.t.Helper()
	r.command(wire.ComStmtExecute, e.Append(nil, r.caps))
	return r.answer()
}

// executeAgain executes a prepared statement without the types of its
// parameters, as clients do from the second time on. No parameter is NULL.
func (r *raw) executeAgain(id uint32, params ...wire.Param) [][]byte {
	r.t.Helper()
	p := binary.LittleEndian.AppendUint32(nil, id)
	p = append(p, 0, 1, 0, 0, 0)
	if r.caps.Has(wire.ClientQueryAttributes) {
		p = wire.AppendLenInt(p, uint64(len(params)))
	}
	for range (len(params) + 7) / 8 {
		p = append(p, 0)
	}
	p = append(p, 0)
	for _, param := range params {
		p = append(p, param.Value...)
	}
	r.command(wire.ComStmtExecute, p)
	return r.answer()
}

// long sends a piece of a long parameter.
func (r *raw) long(id uint32, param uint16, data string) {
	r.t.Helper()
	p := binary.LittleEndian.AppendUint32(nil, id)
	p = binary.LittleEndian.AppendUint16(p, param)
	r.command(wire.ComStmtSendLongData, append(p, data...))
}

func statementID(id uint32) []byte { return binary.LittleEndian.AppendUint32(nil, id) }

// outcomeOf gives an answer as one text: affected rows, an error, or a number
// of packets.
func (r *raw) outcomeOf(answer [][]byte) string {
	p := answer[len(answer)-1]
	switch {
	case p[0] == wire.ERRHeader:
		e, err := wire.ParseERR(p, r.caps)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%d %s", e.Code, e.Message)
	case p[0] == wire.OKHeader && len(answer) == 1:
		ok, err := wire.ParseOK(p, r.caps)
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%d affected", ok.AffectedRows)
	}
	return fmt.Sprintf("%d packets", len(answer))
}
