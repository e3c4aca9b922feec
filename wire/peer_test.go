package wire

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"
)

// pair returns the two ends of a TCP connection over loopback.
func pair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	return pairOf(t, "tcp", "127.0.0.1:0")
}

func pairOf(t testing.TB, network, addr string) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial(network, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// conns returns Conns over the two ends.
func conns(t testing.TB) (a, b *Conn) {
	t.Helper()
	x, y := pair(t)
	return NewConn(x), NewConn(y)
}

// scripted is a net.Conn that reads from one place and writes to another.
type scripted struct {
	net.Conn // nil: any other method would be a mistake of the test
	io.Reader
	io.Writer
}

func (s scripted) Read(p []byte) (int, error)  { return s.Reader.Read(p) }
func (s scripted) Write(p []byte) (int, error) { return s.Writer.Write(p) }

// from returns a Conn that reads these bytes, at most size at a time.
func from(stream []byte, size int) *Conn {
	return NewConn(scripted{Reader: &chunks{p: stream, size: size}, Writer: io.Discard})
}

// into returns a Conn that writes to w.
func into(w io.Writer) *Conn {
	return NewConn(scripted{Reader: bytes.NewReader(nil), Writer: w})
}

// chunks reads p in pieces of size bytes.
type chunks struct {
	p    []byte
	size int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.p) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.size)], c.p)
	c.p = c.p[n:]
	return n, nil
}

// stream frames payloads by hand, apart from the code under test.
func stream(seq uint8, payloads ...[]byte) []byte {
	var out []byte
	for _, p := range payloads {
		for {
			n := min(len(p), 1<<24-1)
			out = append(out, byte(n), byte(n>>8), byte(n>>16), seq)
			out = append(out, p[:n]...)
			p = p[n:]
			seq++
			if n < 1<<24-1 {
				break
			}
		}
	}
	return out
}

// pattern returns n bytes that differ from place to place, beginning with 1, so
// that no packet is taken for an end of rows.
func pattern(n int) []byte {
	p := make([]byte, n)
	r := rand.New(rand.NewPCG(uint64(n), 1))
	for i := 0; i+8 <= n; i += 8 {
		v := r.Uint64()
		for j := range 8 {
			p[i+j] = byte(v >> (8 * j))
		}
	}
	if n > 0 {
		p[0] = 1
	}
	return p
}

// within fails the test if f does not return in a time that is long for anybody.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s did not end", what)
	}
}
