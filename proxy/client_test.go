package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"ifmatch/wire"
)

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
	if len(p) > 0 && p[0] == wire.ERRHeader {
		return errors.New(string(p))
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
