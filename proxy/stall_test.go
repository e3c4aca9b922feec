package proxy

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ifmatch/certs"
	"ifmatch/wire"
)

// short is a bound that a test waits for.
const short = 50 * time.Millisecond

// A peer that says nothing during the handshake holds a session no longer than
// the handshake may last.
func TestHandshakeIsBounded(t *testing.T) {
	tests := map[string]struct {
		serve  func(c *wire.Conn, nc net.Conn) // the backend
		client func(c *client) error           // up to its silence
		reason string
		text   string // of the error that the client gets
	}{
		"client silent": {client: func(*client) error { return nil }, reason: "client-stalled"},
		"client silent within a packet": {
			client: func(c *client) error { _, err := c.nc.Write([]byte{200, 0, 0, 1, 1, 2, 3}); return err },
			reason: "client-stalled",
		},
		"client silent after it has asked for TLS": {
			client: func(c *client) error {
				c.SetSeq(1)
				return send(c.Conn, wire.AppendSSLRequest(nil, c.caps, 1<<24, 45))
			},
			reason: "client-stalled",
		},
		"client silent after a switch of the plug-in": {
			client: func(c *client) error {
				h := wire.HandshakeResponse{Capabilities: c.caps, User: "app", Plugin: "caching_sha2_password"}
				c.SetSeq(1)
				return send(c.Conn, h.Append(nil))
			},
			reason: "client-stalled",
		},
		"backend does not greet": {
			serve:  func(c *wire.Conn, _ net.Conn) { c.Next() },
			reason: "backend-greeting",
			text:   "while it should greet",
		},
		"backend does not answer the client's": {
			serve: func(c *wire.Conn, _ net.Conn) {
				greet(c)
				c.ReadPayload(1 << 20)
				c.Next()
			},
			client: func(c *client) error { c.login(); return nil },
			reason: "backend-gone",
		},
	}
	selfSigned, err := certs.Server("", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(cfg *Config) { cfg.ClientTLS = func() *tls.Config { return selfSigned } })
			defer b.close()
			b.srv.handshake = short
			b.backend.serve = test.serve
			c := b.dial(nil, nil)
			defer c.Close()
			if test.client != nil {
				if err := test.client(c); err != nil {
					t.Fatal(err)
				}
			}
			c.wait()
			heard, err := io.ReadAll(c.nc)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("the client is not let go")
			}
			if !strings.Contains(string(heard), test.text) {
				t.Errorf("the client hears %q, want %q in it", heard, test.text)
			}
			b.ended(0)
			if b.meter.handshakes.Load() != 1 || !strings.Contains(b.logs.String(), "reason="+test.reason) {
				t.Errorf("want one failed handshake for the reason %s\n%s", test.reason, b.logs)
			}
		})
	}
}

// greet sends a greeting and nothing more.
func greet(c *wire.Conn) error { return greetWith(c, 0) }

// greetWith is greet of a server that can do more.
func greetWith(c *wire.Conn, more wire.Capability) error {
	g := wire.Greeting{Protocol: 10, ServerVersion: "9.7.0", ConnectionID: 7, Scramble: []byte("abcdefghijklmnopqrst"),
		Capabilities: serverCaps | more, Charset: 45, Status: autocommit, Plugin: "caching_sha2_password"}
	return send(c, g.Append(nil))
}

// after authenticates a client and then does what a test wants in the place of
// the answer to its first command.
func after(do func(c *wire.Conn, nc net.Conn, caps wire.Capability)) func(*wire.Conn, net.Conn) {
	return func(c *wire.Conn, nc net.Conn) {
		caps, err := authenticate(c)
		if err != nil {
			return
		}
		c.ResetSeq()
		if _, err := c.ReadPayload(1 << 20); err == nil {
			do(c, nc, caps)
		}
	}
}

// A backend that fails within an answer ends that session. The client learns why
// where that can be said, and never takes a part of an answer for the whole.
func TestBackendFails(t *testing.T) {
	const lost = "ERROR 2013 (HY000): ifmatch: lost connection to the server during the statement"
	tests := map[string]struct {
		do   func(c *wire.Conn, nc net.Conn, caps wire.Capability)
		want string // the answer, as far as it comes; empty for no more than the beginning
	}{
		"instead of an answer": {func(*wire.Conn, net.Conn, wire.Capability) {}, lost},
		"between rows": {func(c *wire.Conn, _ net.Conn, caps wire.Capability) {
			packets := textResult(caps, 0, []string{"a"}, []string{"b"})
			send(c, packets[:len(packets)-1]...)
		}, "2 rows;lost"},
		"within a row": {func(c *wire.Conn, nc net.Conn, caps wire.Capability) {
			send(c, textResult(caps, 0, []string{"a"})[:2]...)
			// A row of 60 bytes, of which the proxy's error would be the rest.
			nc.Write([]byte{60, 0, 0, 3, 59, 'a', 'b'})
		}, ""},
		"within a large row": {func(c *wire.Conn, nc net.Conn, caps wire.Capability) {
			send(c, textResult(caps, 0, []string{"a"})[:2]...)
			nc.Write(append([]byte{0, 0, 9, 3}, bytes.Repeat([]byte("x"), 100_000)...))
		}, ""},
		"with a packet that nobody asked for": {func(c *wire.Conn, _ net.Conn, caps wire.Capability) {
			send(c, okPacket(caps, 0), okPacket(caps, 0))
			c.Next()
		}, "OK;"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			defer b.close()
			b.backend.serve = after(test.do)
			c := b.open()
			defer c.Close()
			got, err := c.query("SELECT a FROM t")
			if err != nil && strings.Contains(err.Error(), "lost connection") {
				got += "lost"
			}
			if got != test.want && (test.want != "" || got != "0 rows;") {
				t.Errorf("the client hears %q, %v, want %q", got, err, test.want)
			}
			c.query("SELECT 2") // the session may end at its next use only
			if err := hungUp(c); err != nil {
				t.Error(err)
			}
			b.ended(0)
		})
	}
}

// A wrong number of parameters or columns ends the session, or shows where the
// backend has nothing more to send as a wait that ends with either side.
func TestWrongCounts(t *testing.T) {
	tests := map[string]struct {
		sql    string
		answer func(caps wire.Capability) [][]byte
		want   string // in the error that the client gets
	}{
		"too many parameters": {"UPDATE shop.products SET name=? WHERE id=?", func(caps wire.Capability) [][]byte {
			return append([][]byte{wire.PrepareOK{ID: 1, Params: 9}.Append(nil)}, definitions(caps, 9)...)
		}, "lost connection"},
		"too few parameters": {"UPDATE shop.products SET name=? WHERE id=?", func(caps wire.Capability) [][]byte {
			return append([][]byte{wire.PrepareOK{ID: 1, Params: 1}.Append(nil)}, definitions(caps, 1)...)
		}, "lost connection"},
		"no parameters": {"UPDATE shop.products SET name=? WHERE id=?", func(wire.Capability) [][]byte {
			return [][]byte{wire.PrepareOK{ID: 1}.Append(nil)}
		}, "lost connection"},
		"fewer definitions than announced": {"SELECT a FROM t WHERE b=?", func(caps wire.Capability) [][]byte {
			return append([][]byte{wire.PrepareOK{ID: 1, Params: 2}.Append(nil)}, endPacket(caps, 0))
		}, "lost connection"},
		"an error for a definition": {"SELECT a FROM t WHERE b=?", func(wire.Capability) [][]byte {
			return [][]byte{wire.PrepareOK{ID: 1, Params: 2}.Append(nil), errPacket(1317, "Query execution was interrupted")}
		}, "interrupted"},
	}
	for name, test := range tests {
		for way, ways := range capabilities {
			t.Run(name+", "+way, func(t *testing.T) {
				b := newBench(t)
				defer b.close()
				b.backend.serve = after(func(c *wire.Conn, _ net.Conn, caps wire.Capability) {
					send(c, test.answer(caps)...)
					c.Next()
				})
				c := b.dial(nil, nil)
				defer c.Close()
				c.caps &= ways
				if err := c.login(); err != nil {
					t.Fatal(err)
				}
				if err := c.prepare(test.sql); err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("the client gets %v, want %q", err, test.want)
				}
			})
		}
	}
}

// An error that the server sends while the session is idle, as before it closes a
// connection for want of use, reaches the client.
func TestErrorWhileIdle(t *testing.T) {
	b := newBench(t)
	defer b.close()
	b.backend.serve = func(c *wire.Conn, _ net.Conn) {
		if _, err := authenticate(c); err == nil {
			c.ResetSeq()
			send(c, errPacket(4031, "The client was disconnected by the server because of inactivity."))
		}
	}
	c := b.open()
	defer c.Close()
	c.ResetSeq()
	if got, err := c.answer(); got != "ERROR 4031 (HY000): The client was disconnected by the server because of inactivity." {
		t.Errorf("the client hears %q, %v", got, err)
	}
	if err := hungUp(c); err != nil {
		t.Error(err)
	}
	b.ended(0)
}

// A client that has closed its sending side still gets the answer to what it
// sent, however long that takes.
func TestHalfClosedClient(t *testing.T) {
	closed := make(chan struct{})
	b := newBench(t)
	defer b.close()
	b.backend.serve = after(func(c *wire.Conn, _ net.Conn, caps wire.Capability) {
		<-closed
		send(c, textResult(caps, 0, []string{"a"})...)
		c.Next()
	})
	c := b.open()
	defer c.Close()
	if err := c.command(wire.ComQuery, "\x00\x01SELECT 1"); err != nil {
		t.Fatal(err)
	}
	c.nc.(*net.TCPConn).CloseWrite()
	close(closed)
	if got, err := c.answer(); got != "1 rows;" || err != nil {
		t.Errorf("the client hears %q, %v", got, err)
	}
	b.ended(0)
}

// A client that breaks its connection during a statement is let go at once: the
// backend's answer, which may never come, is not waited for.
func TestClientBreaksOff(t *testing.T) {
	b := newBench(t)
	defer b.close()
	asked := make(chan struct{})
	b.backend.serve = after(func(c *wire.Conn, _ net.Conn, _ wire.Capability) {
		close(asked)
		c.Next() // until the proxy hangs up
	})
	c := b.open()
	if err := c.command(wire.ComQuery, "\x00\x01SELECT SLEEP(1000000)"); err != nil {
		t.Fatal(err)
	}
	<-asked
	c.abort()
	b.ended(0)
}

// A client that does not read slows the backend down; the proxy does not buffer
// what it leaves. After a while the session ends.
func TestClientDoesNotRead(t *testing.T) {
	const row, most = 1 << 20, 2000 // 2 GB
	b := newBench(t)
	defer b.close()
	b.srv.stall = short
	var sent atomic.Int64
	ended := make(chan struct{})
	b.backend.serve = after(func(c *wire.Conn, _ net.Conn, caps wire.Capability) {
		packets := textResult(caps, 0, []string{"a"})
		send(c, packets[:2]...)
		value := wire.AppendTextRow(nil, bytes.Repeat([]byte("v"), row))
		for send(c, value) == nil && sent.Load() < most {
			sent.Add(1)
		}
		close(ended)
	})
	c := b.open()
	defer c.Close()
	before := heap()
	if err := c.command(wire.ComQuery, "\x00\x01SELECT a FROM large"); err != nil {
		t.Fatal(err)
	}
	<-ended
	// The kernel's buffers take some; what the proxy allocates for the whole answer
	// does not grow with it.
	if n := sent.Load(); n > most/4 {
		t.Errorf("the backend could send %d MiB to a client that reads nothing", n)
	}
	if grown := heap() - before; grown > 16<<20 {
		t.Errorf("%d bytes were allocated for an answer that was passed on", grown)
	}
	b.ended(0)
}

// A client that stalls within a command is let go when the backend is.
func TestClientStallsWithinCommand(t *testing.T) {
	b := newBench(t)
	defer b.close()
	b.srv.farewell = short
	leave := make(chan struct{})
	b.backend.serve = func(c *wire.Conn, _ net.Conn) {
		if _, err := authenticate(c); err == nil {
			<-leave
		}
	}
	c := b.open()
	defer c.Close()
	if _, err := c.nc.Write([]byte{100, 0, 0, 0, byte(wire.ComQuery), 0, 1, 'S'}); err != nil {
		t.Fatal(err)
	}
	b.eventually("the command is not begun", func() bool { return b.busy() })
	close(leave)
	if err := hungUp(c); err != nil {
		t.Error(err)
	}
	b.ended(0)
}

// busy reports whether a session is doing something for its client.
func (b *bench) busy() bool {
	b.srv.mu.Lock()
	defer b.srv.mu.Unlock()
	for ss := range b.srv.sessions {
		ss.mu.Lock()
		idle := ss.idle
		ss.mu.Unlock()
		if idle {
			return false
		}
	}
	return true
}

// An idle session keeps no memory of a large statement.
func TestLargeStatementIsForgotten(t *testing.T) {
	b := newBench(t)
	defer b.close()
	c := b.open()
	defer c.Close()
	large := strings.Repeat("x", 1<<20)
	for _, sql := range []string{
		"UPDATE shop.products SET name='" + large + "' WHERE id=100 AND version=9",
		"UPDATE shop.products SET name='" + large + "' WHERE id=100 AND version=9; SELECT 1",
		"SELECT " + strings.Repeat("1,", 100_000) + "1",
	} {
		if _, err := c.query(sql); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := c.query("SELECT 1"); text != "2 rows;" || err != nil {
		t.Fatal(text, err)
	}
	b.eventually("the session is not idle", func() bool { return !b.busy() })
	for ss := range b.srv.sessions {
		for name, n := range map[string]int{"out": cap(ss.out), "scratch": cap(ss.scratch), "text": len(ss.text.SQL), "tokens": cap(ss.text.Tokens)} {
			if n > maxKept {
				t.Errorf("%s is left with room for %d", name, n)
			}
		}
	}
}

// Statements that the proxy prepares itself, which the server does not count, are
// bounded; those that the server refuses leave nothing behind.
func TestPreparedIsBounded(t *testing.T) {
	b := newBench(t)
	defer b.close()
	b.backend.serve = func(c *wire.Conn, _ net.Conn) {
		caps, err := authenticate(c)
		for err == nil {
			c.ResetSeq()
			if _, err = c.ReadPayload(1 << 20); err == nil {
				err = send(c, errPacket(1064, "You have an error"))
			}
		}
		_ = caps
	}
	c := b.open()
	defer c.Close()
	var err error
	for range maxOwn {
		if err = c.prepare("SHOW IFMATCH STATUS"); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.prepare("SHOW IFMATCH STATUS"); err == nil {
		t.Errorf("more than %d are prepared", maxOwn)
	}
	if err := c.statement(wire.ComStmtClose, ""); err != nil {
		t.Fatal(err)
	}
	if err := c.prepare("SHOW IFMATCH STATUS"); err != nil {
		t.Errorf("after one was closed: %v", err)
	}
	for i := range 10 {
		if _, err := c.query(fmt.Sprintf("PREPARE s%d FROM 'SELEC 1'", i)); err != nil {
			t.Fatal(err)
		}
	}
	b.eventually("the session is not idle", func() bool { return !b.busy() })
	for ss := range b.srv.sessions {
		if n := len(ss.dynamics); n != 0 {
			t.Errorf("%d statements are kept that the server has refused", n)
		}
	}
}

// A PREPARE that the server refuses may leave what the name stood for before.
func TestRefusedPrepareKeepsJudgement(t *testing.T) {
	b := newBench(t)
	defer b.close()
	b.backend.serve = func(c *wire.Conn, _ net.Conn) {
		caps, err := authenticate(c)
		for err == nil {
			c.ResetSeq()
			p, rerr := c.ReadPayload(1 << 20)
			switch {
			case rerr != nil:
				return
			case bytes.Contains(p, []byte("USING")):
				err = send(c, errPacket(1064, "You have an error"))
			default:
				err = send(c, okPacket(caps, 0))
			}
		}
	}
	c := b.open()
	defer c.Close()
	for _, step := range []struct{ sql, want string }{
		{"PREPARE s FROM 'TRUNCATE shop.products'", "OK;"},
		{"EXECUTE s", "refused"},
		{"PREPARE s FROM 'SELECT 1' USING @a", "ERROR 1064"},
		{"EXECUTE s", "refused"},
	} {
		if got, err := c.query(step.sql); err != nil || !strings.Contains(got, step.want) {
			t.Errorf("%s: %q, %v, want %q", step.sql, got, err, step.want)
		}
	}
}

// heap gives the bytes allocated since the process began.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// A Shutdown that comes before Serve keeps it from accepting.
func TestShutdownBeforeServe(t *testing.T) {
	b := newBench(t)
	b.srv.Shutdown(t.Context())
	b.close()
}
