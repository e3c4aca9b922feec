package proxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ifmatch/wire"
)

// deafen has the kernel drop whatever arrives at a connection, as if the cable had
// been cut: nothing is acknowledged any more, and nothing says so.
func deafen(t *testing.T, nc net.Conn) {
	t.Helper()
	rc, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var set error
	err = rc.Control(func(fd uintptr) {
		nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
		set = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing})
	})
	if err != nil || set != nil {
		t.Fatal(err, set)
	}
}

// quick has peers that are gone found in about a second.
func (b *bench) quick() {
	b.t.Helper()
	b.srv.vanish, b.srv.vanishPause = 400*time.Millisecond, 50*time.Millisecond
	b.srv.keepAlive = net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 100}
	b.ln.Close()
	var err error
	if b.ln, err = wire.Listen("127.0.0.1:0", b.srv.keepAlive, clientStall); err != nil {
		b.t.Fatal(err)
	}
}

// A client or a backend whose machine is gone does not keep its session, and so no
// lock, whatever it was doing. Peers that are idle, busy or do not read are there.
func TestPeersVanish(t *testing.T) {
	b := newBench(t)
	defer b.close()
	b.quick()
	leave := make(chan struct{})
	// connections are the backend's, in the order in which clients have come.
	type connection struct {
		nc     net.Conn
		hungUp chan struct{}
	}
	connections := make(chan connection, 1)
	b.backend.serve = func(c *wire.Conn, nc net.Conn) {
		end := make(chan struct{})
		defer close(end)
		connections <- connection{nc, end}
		caps, err := authenticate(c)
		for err == nil {
			c.ResetSeq()
			var p []byte
			if p, err = c.ReadPayload(1 << 20); err != nil {
				return
			}
			switch {
			case bytes.Contains(p, []byte("WAIT")):
				<-leave
				err = send(c, okPacket(caps, 0))
			case bytes.Contains(p, []byte("LARGE")):
				packets := textResult(caps, 0, []string{"a"})
				packets, last := packets[:len(packets)-2], packets[len(packets)-1]
				for range 64 {
					packets = append(packets, wire.AppendTextRow(nil, bytes.Repeat([]byte("v"), 1<<20)))
				}
				err = send(c, append(packets, last)...)
			default:
				err = send(c, okPacket(caps, wire.StatusInTrans))
			}
		}
	}
	type acts struct {
		name string
		do   func(c *client, backend net.Conn) error
		lost string // what the client hears
	}
	command := func(c *client, sql string) error { return c.command(wire.ComQuery, "\x00\x01"+sql) }
	const lost = "ERROR 2013 (HY000): ifmatch: lost connection to the server during the statement"
	all := []acts{
		{"client, idle in a transaction", func(c *client, _ net.Conn) error {
			_, err := c.query("BEGIN")
			deafen(t, c.nc)
			return err
		}, ""},
		{"client, before it has the answer", func(c *client, _ net.Conn) error {
			deafen(t, c.nc)
			return command(c, "BEGIN")
		}, ""},
		{"client, within a large answer", func(c *client, _ net.Conn) error {
			if err := command(c, "LARGE"); err != nil {
				return err
			}
			_, err := c.ReadPayload(1 << 20)
			deafen(t, c.nc)
			return err
		}, ""},
		{"client, within a command", func(c *client, _ net.Conn) error {
			_, err := c.nc.Write([]byte{100, 0, 0, 0, byte(wire.ComQuery), 0, 1, 'S'})
			deafen(t, c.nc)
			return err
		}, ""},
		{"client, while its statement runs", func(c *client, _ net.Conn) error {
			err := command(c, "WAIT")
			deafen(t, c.nc)
			return err
		}, ""},
		{"backend, while the session is idle", func(_ *client, backend net.Conn) error {
			deafen(t, backend)
			return nil
		}, "nothing"},
		{"backend, within a statement", func(c *client, backend net.Conn) error {
			err := command(c, "WAIT")
			deafen(t, backend)
			return err
		}, lost},
		{"backend, before it has the statement", func(c *client, backend net.Conn) error {
			deafen(t, backend)
			return command(c, "BEGIN")
		}, lost},
	}
	idle, busy, slow := b.open(), (*client)(nil), (*client)(nil)
	defer idle.Close()
	<-connections
	for _, c := range []**client{&busy, &slow} {
		*c = b.open()
		defer (*c).Close()
		<-connections
	}
	if err := errors.Join(command(busy, "WAIT"), command(slow, "LARGE")); err != nil {
		t.Fatal(err)
	}
	clients, backends := make([]*client, len(all)), make([]connection, len(all))
	for i, a := range all {
		clients[i] = b.open()
		defer clients[i].Close()
		backends[i] = <-connections
		if err := a.do(clients[i], backends[i].nc); err != nil {
			t.Fatal(a.name, err)
		}
	}
	for i, a := range all {
		if a.lost == "" {
			continue
		}
		clients[i].wait()
		got, err := clients[i].answer()
		if a.lost == "nothing" && (got != "" || err != io.EOF) || a.lost != "nothing" && got != a.lost {
			t.Errorf("%s: the client hears %q, %v, want %q", a.name, got, err, a.lost)
		}
	}
	b.ended(3)
	close(leave)
	for i, a := range all {
		if a.lost != "" {
			continue // a deaf backend cannot tell
		}
		select {
		case <-backends[i].hungUp:
		case <-time.After(long):
			t.Errorf("%s: the backend's connection, and so its locks, are kept", a.name)
		}
	}
	for peer, want := range map[string]int{"client": 5, "backend": 3} {
		if n := strings.Count(b.logs.String(), "a "+peer+"'s machine does not answer"); n != want {
			t.Errorf("%d times a %s is said to be gone, want %d:\n%s", n, peer, want, b.logs)
		}
	}
	for _, c := range []*client{busy, slow} {
		c.wait()
	}
	if got, err := busy.answer(); got != "OK;" || err != nil {
		t.Errorf("the client that was busy: %q, %v", got, err)
	}
	if got, err := slow.answer(); got != "64 rows;" || err != nil {
		t.Errorf("the client that was slow: %q, %v", got, err)
	}
	if got, err := idle.query("BEGIN"); got != "OK;" || err != nil {
		t.Errorf("the client that was idle: %q, %v", got, err)
	}
	for _, c := range backends {
		c.nc.Close()
	}
}

// A statement whose backend has vanished ends at once, and not when it is looked for
// such backends again.
func TestVanishedBackendIsNotWaitedFor(t *testing.T) {
	b := newBench(t)
	defer b.close()
	begun, leave := make(chan struct{}), make(chan struct{})
	defer close(leave)
	b.backend.serve = func(c *wire.Conn, _ net.Conn) {
		if _, err := authenticate(c); err == nil {
			c.ResetSeq()
			c.ReadPayload(1 << 20)
			close(begun)
			<-leave
		}
	}
	c := b.open()
	defer c.Close()
	if err := c.command(wire.ComQuery, "\x00\x01SELECT 1"); err != nil {
		t.Fatal(err)
	}
	<-begun
	b.srv.each((*session).backendVanished)
	c.wait()
	const want = "ERROR 2013 (HY000): ifmatch: lost connection to the server during the statement"
	if got, err := c.answer(); got != want {
		t.Errorf("the client hears %q, %v, want %q", got, err, want)
	}
}
