package proxy

import (
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ifmatch/wire"
)

// Where there is no connection to the backend the client hears why.
func TestBackendUnreachable(t *testing.T) {
	tests := map[string]struct {
		listen bool // and take nobody in
		text   string
	}{
		"nobody listens":        {false, "refused"},
		"nobody is let through": {true, "timeout"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			addr := boundPort(t, test.listen)
			b := newBench(t, func(cfg *Config) { cfg.Backend = addr.String() })
			defer b.close()
			if test.listen {
				b.srv.handshake = short
				defer fillBacklog(t, addr)()
			}
			c := b.dial(nil, nil)
			defer c.Close()
			err := c.login()
			if err == nil || !strings.Contains(err.Error(), "ifmatch: can't connect to the server at "+addr.String()+": ") || !strings.Contains(err.Error(), test.text) {
				t.Errorf("the client hears %v", err)
			}
			b.ended(0)
			if logs := b.logs.String(); b.meter.handshakes.Load() != 1 || !strings.Contains(logs, "reason=backend-unreachable") || !strings.Contains(logs, "dial tcp") {
				t.Errorf("want one failed handshake for the reason backend-unreachable\n%s", logs)
			}
		})
	}
}

// A session is young until it has been open for a while; then its peers are watched.
func TestSessionsGrowUp(t *testing.T) {
	b := newBench(t)
	defer b.close()
	var clients []*client
	for range 3 {
		c := b.open()
		defer c.Close()
		clients = append(clients, c)
	}
	young := func() (n int) {
		b.srv.mu.Lock()
		defer b.srv.mu.Unlock()
		for ss := b.srv.young.first; ss != nil; ss = ss.younger {
			n++
		}
		if n == 0 && b.srv.young.last != nil {
			t.Fatal("the list has an end and no beginning")
		}
		return n
	}
	clients[1].Close() // from the middle of the list, if it is young still
	b.eventually("sessions stay young", func() bool { return young() == 0 })
	b.srv.mu.Lock()
	sessions := slices.Collect(maps.Keys(b.srv.sessions))
	b.srv.mu.Unlock()
	for _, ss := range sessions {
		b.eventually("a grown session is not watched", func() bool {
			ss.mu.Lock()
			defer ss.mu.Unlock()
			return ss.left || ss.stops[0] != nil && ss.stops[1] != nil
		})
	}
}

// A handshake that ends at the very moment when its time is over leaves no deadline
// behind.
func TestHandshakeInTheLastMoment(t *testing.T) {
	b := newBench(t)
	defer b.close()
	c := b.open()
	defer c.Close()
	var ss *session
	b.eventually("no session is open", func() bool {
		b.srv.mu.Lock()
		defer b.srv.mu.Unlock()
		for ss = range b.srv.sessions {
			ss.mu.Lock()
			defer ss.mu.Unlock()
			return ss.opened
		}
		return false
	})
	if !ss.growsUp(time.Hour) {
		t.Error("an open session is to be ended")
	}
	ss.mu.Lock()
	late := ss.late
	ss.mu.Unlock()
	if late {
		t.Error("the session is late though it was open")
	}
	if _, err := c.query("SELECT 1"); errors.Is(err, net.ErrClosed) {
		t.Errorf("the session has ended: %v", err)
	}
}

// A session that is not let through to the backend is given up before the handshake's
// time is over.
func TestConnectingIsBounded(t *testing.T) {
	addr := boundPort(t, true)
	b := newBench(t, func(cfg *Config) { cfg.Backend = addr.String() })
	defer b.close()
	b.srv.handshake = time.Hour
	defer fillBacklog(t, addr)()
	c := b.dial(nil, nil)
	defer c.Close()
	b.eventually("no session connects", func() bool {
		b.srv.mu.Lock()
		defer b.srv.mu.Unlock()
		for ss := range b.srv.sessions {
			ss.mu.Lock()
			connects := ss.backend != nil
			ss.mu.Unlock()
			if connects {
				ss.growsUp(dialTimeout)
			}
			return connects
		}
		return false
	})
	if err := c.login(); err == nil || !strings.Contains(err.Error(), "ifmatch: can't connect to the server at "+addr.String()+": i/o timeout") {
		t.Errorf("the client hears %v", err)
	}
	b.ended(0)
}

// boundPort gives a port at which nobody is let in: one that is taken and, where listen
// is not set, refuses.
func boundPort(t *testing.T, listen bool) *net.TCPAddr {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if listen {
		if err := syscall.Listen(fd, 0); err != nil {
			t.Fatal(err)
		}
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*syscall.SockaddrInet4).Port}
}

// fillBacklog takes the places of those that are not accepted, of which the kernel keeps
// a few, until free is called.
func fillBacklog(t *testing.T, addr *net.TCPAddr) (free func()) {
	t.Helper()
	var taken []net.Conn
	for range 2 {
		nc, err := wire.Dial(addr.AddrPort())
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, nc)
	}
	return func() {
		for _, nc := range taken {
			nc.Close()
		}
	}
}
