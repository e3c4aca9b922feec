package main

import (
	"fmt"
	"net"
	"strconv"
	"time"

	"ifmatch/wire"
)

// A client is one connection of the load generator: no more of a MySQL client
// than the works need, so that it takes little of the machine.
type client struct {
	conn *wire.Conn
}

// clientCaps are what the client asks for.
const clientCaps = wire.ClientMySQL | wire.ClientProtocol41 | wire.ClientSecureConnection | wire.ClientPluginAuth |
	wire.ClientConnectWithDB | wire.ClientTransactions | wire.ClientDeprecateEOF

const (
	maxAnswer   = 1 << 20
	dialTimeout = 10 * time.Second
)

// dial connects as root, who has no password, to the database of the tables.
func dial(addr string) (*client, error) {
	nc, err := net.DialTimeout("tcp", addr, dialTimeout)
	if err != nil {
		return nil, err
	}
	c := &client{conn: wire.NewConn(nc)}
	if err := c.handshake(); err != nil {
		c.conn.Close()
		return nil, fmt.Errorf("log in at %s: %w", addr, err)
	}
	return c, nil
}

func (c *client) handshake() error {
	p, err := c.conn.ReadPayload(maxAnswer)
	if err != nil {
		return err
	}
	if len(p) > 0 && p[0] == wire.ERRHeader {
		return serverError(p, 0)
	}
	greeting, err := wire.ParseGreeting(p)
	if err != nil {
		return err
	}
	response := wire.HandshakeResponse{Capabilities: clientCaps, MaxPacket: 1 << 24, Charset: greeting.Charset,
		User: "root", Database: "bench", Plugin: "mysql_native_password"}
	answer := response.Append(nil)
	for {
		if err := c.conn.WritePacket(answer); err != nil {
			return err
		}
		if err := c.conn.Flush(); err != nil {
			return err
		}
		p, err := c.conn.ReadPayload(maxAnswer)
		switch {
		case err != nil:
			return err
		case len(p) > 0 && p[0] == wire.OKHeader:
			return nil
		case len(p) > 0 && p[0] == wire.AuthSwitchHeader:
			answer = nil // the empty password is an empty answer for every plug-in
		default:
			return serverError(p, clientCaps)
		}
	}
}

// serverError is what the server says instead of what was expected.
func serverError(p []byte, caps wire.Capability) error {
	e, err := wire.ParseERR(p, caps)
	if err != nil {
		return err
	}
	return fmt.Errorf("error %d: %s", e.Code, e.Message)
}

// quit ends the connection as a client should.
func (c *client) quit() {
	c.send([]byte{byte(wire.ComQuit)})
	c.conn.Close()
}

// send sends a command.
func (c *client) send(command []byte) error {
	c.conn.ResetSeq()
	if err := c.conn.WritePacket(command); err != nil {
		return err
	}
	return c.conn.Flush()
}

// roundTrip sends a command and reads its answer: a number of rows, or of rows
// affected.
func (c *client) roundTrip(command []byte) (rows, affected uint64, err error) {
	if err := c.send(command); err != nil {
		return 0, 0, err
	}
	first, _, err := c.conn.Next()
	if err != nil {
		return 0, 0, err
	}
	p, err := c.conn.Payload(maxAnswer)
	if err != nil {
		return 0, 0, err
	}
	switch first {
	case wire.OKHeader:
		ok, err := wire.ParseOK(p, clientCaps)
		return 0, ok.AffectedRows, err
	case wire.ERRHeader:
		return 0, 0, serverError(p, clientCaps)
	}
	columns, _ := wire.ReadLenInt(p)
	for range columns {
		if _, _, err := c.conn.Next(); err != nil {
			return 0, 0, err
		}
	}
	for {
		first, n, err := c.conn.Next()
		switch {
		case err != nil:
			return 0, 0, err
		case first == wire.EOFHeader && n < wire.MaxPhysical:
			return rows, 0, c.conn.Drop()
		case first == wire.ERRHeader:
			p, err := c.conn.Payload(maxAnswer)
			if err != nil {
				return 0, 0, err
			}
			return 0, 0, serverError(p, clientCaps)
		}
		rows++
	}
}

// prepare prepares a statement and gives its id.
func (c *client) prepare(sql string) (uint32, error) {
	if err := c.send(append([]byte{byte(wire.ComStmtPrepare)}, sql...)); err != nil {
		return 0, err
	}
	p, err := c.conn.ReadPayload(maxAnswer)
	if err != nil {
		return 0, err
	}
	if len(p) > 0 && p[0] == wire.ERRHeader {
		return 0, serverError(p, clientCaps)
	}
	ok, err := wire.ParsePrepareOK(p)
	if err != nil {
		return 0, err
	}
	for range int(ok.Params) + int(ok.Columns) {
		if _, _, err := c.conn.Next(); err != nil {
			return 0, err
		}
	}
	return ok.ID, c.conn.Drop()
}

// numbers gives the answer to a query of one whole number a row.
func (c *client) numbers(sql string) ([]uint64, error) {
	if err := c.send(append([]byte{byte(wire.ComQuery)}, sql...)); err != nil {
		return nil, err
	}
	var numbers []uint64
	for packet := 0; ; packet++ {
		p, err := c.conn.ReadPayload(maxAnswer)
		switch {
		case err != nil:
			return nil, err
		case len(p) > 0 && p[0] == wire.ERRHeader:
			return nil, serverError(p, clientCaps)
		case packet < 2: // the number of columns, and the one column
			continue
		case len(p) > 0 && p[0] == wire.EOFHeader:
			return numbers, nil
		}
		text, _ := wire.ReadLenBytes(p)
		n, err := strconv.ParseUint(string(text), 10, 64)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, n)
	}
}
