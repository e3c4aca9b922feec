package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"ifmatch/wire"
)

// conversation goes through all that a session does: every kind of packet, from
// the greeting to the end, is somewhere in it.
func conversation(c *client) error {
	steps := []func() error{
		c.login,
		func() error { return expect("OK;")(c.simple(wire.ComPing, "")) },
		func() error { return expect("2 rows;")(c.query("SELECT a, b, 'CONST-MARKER' FROM t")) },
		func() error { return expect("1 rows;OK;")(c.query("CALL p()")) },
		func() error { return expect("ERROR 1064 (HY000): You have an error: ERROR-MARKER")(c.query("FAIL")) },
		func() error { return expect("OK;")(c.query("LOAD DATA LOCAL INFILE 'file' INTO TABLE t")) },
		func() error {
			return expect("ERROR 1020 (40001): ifmatch: version conflict on shop.products id=100: expected version=9, found version=11")(
				c.query("UPDATE shop.products SET name='CONST-MARKER' WHERE id=100 AND version=9"))
		},
		func() error {
			return expect("OK;ERROR 1020 (40001): ifmatch: version conflict on shop.products id=100: expected version=9, found version=11")(
				c.query("BEGIN; UPDATE shop.products SET name='CONST-MARKER' WHERE id=100 AND version=9; COMMIT"))
		},
		func() error { return expect("OK;")(c.query("ROLLBACK")) },
		func() error { return expect("1 rows;")(c.query("SHOW IFMATCH CONFLICT")) },
		func() error { return c.prepare("SELECT a, b FROM t WHERE a = ?") },
		func() error { return c.statement(wire.ComStmtSendLongData, "\x00\x00PARAM-MARKER") },
		func() error {
			return expect("2 rows;")(onlyRows(c.execute(0, wire.Param{Type: wire.TypeVarString, Long: true})))
		},
		func() error { return c.cursor() },
		func() error { return expect("OK;")(c.simpleStatement(wire.ComStmtReset)) },
		func() error { return c.statement(wire.ComStmtClose, "") },
		func() error { return c.prepare("UPDATE shop.products SET name=? WHERE id=?") },
		func() error { return c.fields() },
		func() error { return c.change() },
		func() error { return expect("OK;")(c.simple(wire.ComResetConnection, "")) },
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

// onlyRows takes the number of binary rows, of which the scripted backend has one, for two.
func onlyRows(s string, err error) (string, error) {
	if s == "1 rows;" {
		s = "2 rows;"
	}
	return s, err
}

// expect makes another answer than want an error.
func expect(want string) func(string, error) error {
	return func(got string, err error) error {
		if err == nil && got != want {
			err = fmt.Errorf("answer %q, want %q", got, want)
		}
		return err
	}
}

// simple sends a command of which the answer is one packet.
func (c *client) simple(cmd wire.Command, body string) (string, error) {
	if err := c.command(cmd, body); err != nil {
		return "", err
	}
	return c.answer()
}

func (c *client) simpleStatement(cmd wire.Command) (string, error) {
	if err := c.statement(cmd, ""); err != nil {
		return "", err
	}
	return c.answer()
}

// cursor executes with a cursor and fetches from it.
func (c *client) cursor() error {
	if _, err := c.execute(wire.CursorReadOnly, wire.NewBytes([]byte("PARAM-MARKER"))); err != nil {
		return err
	}
	if err := c.statement(wire.ComStmtFetch, "\x01\x00\x00\x00"); err != nil {
		return err
	}
	_, _, err := c.toEnd()
	return err
}

func (c *client) fields() error {
	if err := c.command(wire.ComFieldList, "t\x00"); err != nil {
		return err
	}
	_, _, err := c.toEnd()
	return err
}

func (c *client) change() error {
	u := wire.ChangeUser{User: "other", Auth: []byte(password), Database: "shop", Charset: 45, Plugin: "mysql_native_password"}
	if err := c.command(wire.ComChangeUser, string(u.Append(nil, c.caps))); err != nil {
		return err
	}
	return c.finishLogin()
}

// capabilities are the two ways of ending rows, which differ in every answer.
var capabilities = map[string]wire.Capability{
	"EOF":           serverCaps &^ (wire.ClientDeprecateEOF | wire.ClientSessionTrack | wire.ClientQueryAttributes),
	"DEPRECATE_EOF": serverCaps,
}

// packets gives the offsets of the packets in a stream, and its end.
func packets(stream []byte) (at []int) {
	for i := 0; i < len(stream); {
		at = append(at, i)
		i += 4 + int(stream[i]) | int(stream[i+1])<<8
	}
	return append(at, len(stream))
}

// A sender is one side of the conversation.
type sender struct {
	name   string
	stream []byte // what it sends where nothing is damaged
	run    func(*damage) *client
}

// TestDamage has either side of a conversation do each damage at each place of
// its stream. That session ends; another goes on.
func TestDamage(t *testing.T) {
	for name, caps := range capabilities {
		t.Run(name, func(t *testing.T) { testDamage(t, caps, nil, conversation) })
	}
}

// testDamage damages a conversation with a backend that serves as it does, the
// scripted one where that is nil.
func testDamage(t *testing.T, caps wire.Capability, serve func(*wire.Conn, net.Conn), conversation func(*client) error) {
	b := newBench(t)
	defer b.close()
	defer b.discreet()
	b.backend.serve = serve
	bystander := b.open()
	defer bystander.Close()
	undisturbed, err := bystander.query("SELECT 1")
	if err != nil {
		t.Fatal(err)
	}

	// Undamaged it goes through to its end, and gives the streams.
	var sent, got bytes.Buffer
	b.backend.record.Store(&got)
	c := b.dial(nil, &sent)
	c.caps &= caps
	if err := conversation(c); err != nil {
		t.Fatalf("undamaged: %v\n%s", err, b.logs)
	}
	c.Close()
	b.ended(1)
	b.eventually("the backend's record is not complete", func() bool { return b.backend.damage.Load() == nil })

	senders := []sender{
		{"client", bytes.Clone(sent.Bytes()), func(d *damage) *client { return b.dial(d, nil) }},
		{"backend", bytes.Clone(got.Bytes()), func(d *damage) *client {
			b.backend.damage.Store(d)
			return b.dial(nil, nil)
		}},
	}
	for _, s := range senders {
		for _, d := range damages(s.stream) {
			c := s.run(&d.damage)
			c.caps &= caps
			if d.waits {
				// Nobody can tell that more is not to come: the client gives up.
				c.silent = 15 * time.Millisecond
			}
			conversation(c)
			if d.waits {
				c.abort()
			} else if err := hungUp(c); err != nil {
				t.Fatalf("%s, %s: the client is not let go: %v", s.name, d.name, err)
			}
			b.ended(1)
			b.sound()
			c.Close()
			b.backend.damage.Store(nil)
		}
		if text, err := bystander.query("SELECT 1"); err != nil || text != undisturbed {
			t.Fatalf("%s: the other session answers %q, %v", s.name, text, err)
		}
	}
}

// hungUp waits for the proxy to close the connection.
func hungUp(c *client) error {
	c.wait()
	for {
		if _, _, err := c.Next(); err != nil {
			var sequence *wire.SequenceError
			if errors.As(err, &sequence) { // a farewell with a number of its own
				c.SetSeq(sequence.Got)
				continue
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return errors.New("no end of the stream")
			}
			return nil
		}
	}
}

// named is a damage with its name.
type named struct {
	damage
	name string
	// waits is set where the other side cannot know that something is wrong.
	waits bool
}

// damages are all that is done to a stream.
func damages(stream []byte) (all []named) {
	for i := range stream {
		all = append(all, named{damage{at: i, cut: true}, fmt.Sprintf("cut at %d", i), false})
	}
	at := packets(stream)
	random := rand.New(rand.NewPCG(1, 2))
	for k, start := range at[:len(at)-1] {
		end := at[k+1]
		packet := stream[start:end]
		patch := func(f func(p []byte)) []byte {
			p := bytes.Clone(packet)
			f(p)
			return p
		}
		for _, skew := range []byte{1, 2, 0xff} {
			all = append(all, named{damage{at: start, patch: patch(func(p []byte) { p[3] += skew })}, fmt.Sprintf("packet %d out of sequence by %d", k, skew), false})
		}
		for _, size := range [][]byte{{0xff, 0xff, 0xff}, {0xfe, 0xff, 0xff}, {0, 0, 1}} {
			all = append(all, named{damage{at: start, patch: patch(func(p []byte) { copy(p, size) }), cut: true}, fmt.Sprintf("packet %d oversized by %x", k, size), false})
		}
		all = append(all, named{damage{at: start, patch: patch(func(p []byte) { copy(p, []byte{0, 0, 0}) })[:4], cut: true}, fmt.Sprintf("packet %d empty, then the end", k), false})
		all = append(all, named{damage{at: start, insert: []byte{0, 0, 0, packet[3]}}, fmt.Sprintf("an empty packet before %d", k), true})
		for i := range 3 {
			all = append(all, named{damage{at: start, patch: patch(func(p []byte) {
				for j := 4; j < len(p); j++ {
					p[j] = byte(random.Uint32())
				}
			})}, fmt.Sprintf("packet %d random, %d", k, i), true})
		}
		for _, first := range []byte{0, 1, 0xfb, 0xfc, 0xfe, 0xff} {
			if len(packet) > 4 {
				all = append(all, named{damage{at: start, patch: patch(func(p []byte) { p[4] = first })}, fmt.Sprintf("packet %d begins with %#x", k, first), true})
			}
		}
	}
	return all
}
