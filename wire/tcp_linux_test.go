//go:build !386 && !s390x

package wire

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"
)

var probes = net.KeepAliveConfig{Enable: true, Idle: 11 * time.Second, Interval: 12 * time.Second, Count: 3}

// listenAndDial gives both ends of a connection that Listen and Dial have made.
func listenAndDial(t *testing.T, addr string) (client, server net.Conn) {
	t.Helper()
	ln, err := Listen(addr, probes, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	client, err = Dial(ln.Addr().(*net.TCPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	server, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return client, server
}

func TestListenAndDial(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(addr, func(t *testing.T) {
			client, server := listenAndDial(t, addr)
			if client.LocalAddr().String() != server.RemoteAddr().String() || client.RemoteAddr().String() != server.LocalAddr().String() {
				t.Errorf("addresses: %v to %v, and %v to %v", client.LocalAddr(), client.RemoteAddr(), server.LocalAddr(), server.RemoteAddr())
			}
			a, b := NewConn(client), NewConn(server)
			if err := errors.Join(a.WritePacket([]byte("hello")), a.Flush()); err != nil {
				t.Fatal(err)
			}
			if p, err := b.ReadPayload(100); err != nil || string(p) != "hello" {
				t.Fatalf("got %q, %v", p, err)
			}
			b.SetReadDeadline(time.Now().Add(time.Millisecond))
			if _, _, err := b.Next(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("after the deadline: %v", err)
			}
			b.SetReadDeadline(time.Time{})
			a.Close()
			if _, _, err := b.Next(); err != io.EOF {
				t.Errorf("after the peer has closed: %v, want EOF", err)
			}
			if _, _, err := a.Next(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		})
	}
}

// Read and Write of the connection itself are those of any net.Conn.
func TestSocketIsAConn(t *testing.T) {
	client, server := listenAndDial(t, "127.0.0.1:0")
	if _, err := client.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	if n, err := server.Read(buf); err != nil || string(buf[:n]) != "hello" {
		t.Fatalf("got %q, %v", buf[:n], err)
	}
	client.Close()
	if _, err := server.Read(buf); err != io.EOF {
		t.Errorf("got %v, want EOF", err)
	}
	if _, err := client.Read(buf); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func option(t *testing.T, nc net.Conn, level, name int) (value int) {
	t.Helper()
	rc, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if cerr := rc.Control(func(fd uintptr) { value, err = syscall.GetsockoptInt(int(fd), level, name) }); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	return value
}

// The options that Listen sets once are those of every connection.
func TestAcceptedSocketsHaveOptions(t *testing.T) {
	client, server := listenAndDial(t, "127.0.0.1:0")
	for _, o := range append([][3]int{
		{syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
		{syscall.IPPROTO_TCP, tcpUserTimeout, int(time.Minute.Milliseconds())},
	}, keepAliveOptions(probes)...) {
		if got := option(t, server, o[0], o[1]); got != o[2] {
			t.Errorf("option %d of level %d is %d, want %d", o[1], o[0], got, o[2])
		}
	}
	if option(t, client, syscall.IPPROTO_TCP, syscall.TCP_NODELAY) == 0 {
		t.Error("what is dialed is delayed")
	}
	c := NewConn(client)
	if err := c.KeepAlive(probes); err != nil {
		t.Fatal(err)
	}
	for _, o := range keepAliveOptions(probes) {
		if got := option(t, client, o[0], o[1]); got != o[2] {
			t.Errorf("after KeepAlive option %d is %d, want %d", o[1], got, o[2])
		}
	}
	s := NewConn(server)
	if err := s.SetStall(time.Second); err != nil {
		t.Fatal(err)
	}
	if got := option(t, server, syscall.IPPROTO_TCP, tcpUserTimeout); got != 1000 {
		t.Errorf("another stall than the listener's is %d ms", got)
	}
}

// Where nobody listens the first read says so, as dialing would have.
func TestConnectError(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().(*net.TCPAddr).AddrPort()
	ln.Close()
	nc, err := Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	c := NewConn(nc)
	defer c.Close()
	_, _, err = c.Next()
	err = c.ConnectError(err)
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "dial" || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", err)
	}
}

// A connection that was there and is reset is no connection that never was.
func TestResetIsNoConnectError(t *testing.T) {
	client, server := listenAndDial(t, "127.0.0.1:0")
	c := NewConn(client)
	client.Write([]byte("unread"))
	time.Sleep(time.Millisecond)
	server.Close() // with bytes that nobody has read: a reset
	_, _, err := c.Next()
	if err == nil || c.ConnectError(err) != nil {
		t.Errorf("%v is taken for %v", err, c.ConnectError(err))
	}
}

// A server that does not answer leaves the connection unmade: its backlog is full.
func TestConnectTakesTooLong(t *testing.T) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	to, err := socketName(syscall.SYS_GETSOCKNAME, uintptr(fd))
	if err != nil {
		t.Fatal(err)
	}
	dial := func() *Conn {
		nc, err := Dial(to)
		if err != nil {
			t.Fatal(err)
		}
		c := NewConn(nc)
		t.Cleanup(func() { c.Close() })
		c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		return c
	}
	first := dial()
	dial()
	last := dial()
	if _, _, err := first.Next(); !errors.Is(err, os.ErrDeadlineExceeded) || first.ConnectError(err) != nil {
		t.Errorf("a silent peer: %v, %v", err, first.ConnectError(err))
	}
	_, _, err = last.Next()
	if err = last.ConnectError(err); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection that is not made: %v", err)
	}
}

// Close ends an Accept that waits.
func TestListenerClose(t *testing.T) {
	ln, err := Listen("127.0.0.1:0", probes, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan error, 1)
	go func() {
		_, err := ln.Accept()
		accepted <- err
	}()
	time.Sleep(time.Millisecond)
	ln.Close()
	within(t, "the end of Accept", func() { err = <-accepted })
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept says %v", err)
	}
	if _, err := net.DialTimeout("tcp", ln.Addr().String(), time.Second); err == nil {
		t.Error("it still listens")
	}
}

func TestSockaddr(t *testing.T) {
	for _, text := range []string{"127.0.0.1:3306", "[2001:db8::1]:65535", "[fe80::1%1]:1"} {
		want := netip.MustParseAddrPort(text)
		var sa syscall.RawSockaddrInet6
		putSockaddr(&sa, want)
		if got := sockaddr(&sa); got != want {
			t.Errorf("%v comes back as %v", want, got)
		}
	}
}
