package wire

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// certificate returns server and client configurations that trust each other.
var certificate = sync.OnceValues(func() (server, client *tls.Config) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), nil)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, DNSNames: []string{"test"},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: roots, ServerName: "test"}
})

// transports are the ways in which two Conns can be connected.
var transports = map[string]func(t *testing.T) (a, b *Conn){
	"tcp": func(t *testing.T) (a, b *Conn) { return conns(t) },
	"unix": func(t *testing.T) (a, b *Conn) {
		x, y := pairOf(t, "unix", filepath.Join(t.TempDir(), "s"))
		return NewConn(x), NewConn(y)
	},
	"pipe": func(t *testing.T) (a, b *Conn) {
		x, y := net.Pipe()
		t.Cleanup(func() { x.Close(); y.Close() })
		return NewConn(x), NewConn(y)
	},
	"tls over tcp": func(t *testing.T) (a, b *Conn) {
		a, b = conns(t)
		startTLS(t, a, b)
		return a, b
	},
}

func startTLS(t *testing.T, client, server *Conn) {
	t.Helper()
	sc, cc := certificate()
	done := make(chan error, 1)
	go func() { done <- server.StartTLSServer(context.Background(), sc) }()
	if err := errors.Join(client.StartTLSClient(context.Background(), cc), <-done); err != nil {
		t.Fatal(err)
	}
}

func TestTransports(t *testing.T) {
	for name, connect := range transports {
		t.Run(name+" moves packets both ways", func(t *testing.T) {
			a, b := connect(t)
			b.ExpectFew()
			payloads := [][]byte{{}, []byte("small"), pattern(smallSize), pattern(blockSize), pattern(100000), pattern(1 << 24)}
			within(t, "the exchange", func() {
				for _, p := range payloads {
					for _, way := range [][2]*Conn{{a, b}, {b, a}} {
						sent := make(chan error, 1)
						go func() { sent <- errors.Join(way[0].WritePacket(p), way[0].Flush()) }()
						got, err := way[1].ReadPayload(unlimited)
						if err := errors.Join(err, <-sent); err != nil {
							t.Error(err)
							return
						}
						if !bytes.Equal(got, p) {
							t.Errorf("a packet of %d bytes arrives changed", len(p))
						}
					}
				}
			})
		})
		t.Run(name+" ends waits at the deadline", func(t *testing.T) {
			a, b := connect(t)
			a.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			within(t, "the read", func() {
				if _, _, err := a.Next(); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("read: %v", err)
				}
			})
			a.SetReadDeadline(time.Time{})
			go func() { b.WritePacket([]byte("later")); b.Flush() }()
			within(t, "the second read", func() {
				if p, err := a.ReadPayload(10); string(p) != "later" {
					t.Errorf("read after a deadline: %q, %v", p, err)
				}
			})
			a.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
			within(t, "the write", func() {
				err := a.WritePacket(pattern(64 << 20)) // nobody reads it
				var of *WriteError
				if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &of) {
					t.Errorf("write: %v", err)
				}
			})
		})
		for what, wait := range map[string]func(c *Conn) error{
			"a read":  func(c *Conn) error { _, _, err := c.Next(); return err },
			"rows":    func(c *Conn) error { _, _, err := c.PassRows(into(io.Discard)); return err },
			"a write": func(c *Conn) error { return c.WritePacket(pattern(64 << 20)) },
		} {
			t.Run(name+": Close ends "+what, func(t *testing.T) {
				a, _ := connect(t)
				done := make(chan error, 1)
				go func() { done <- wait(a) }()
				time.Sleep(5 * time.Millisecond) // to be in the wait, most times
				a.Close()
				within(t, what, func() {
					if err := <-done; err == nil {
						t.Error("no error")
					}
				})
			})
		}
		t.Run(name+" tells a peer that closed", func(t *testing.T) {
			a, b := connect(t)
			b.Close()
			within(t, "the read", func() {
				if _, _, err := a.Next(); err != io.EOF {
					t.Errorf("read: %v, want EOF", err)
				}
			})
		})
	}
}

func TestIdleConnHoldsNoBuffer(t *testing.T) {
	for name, connect := range transports {
		t.Run(name, func(t *testing.T) {
			a, b := connect(t)
			seen := make(chan struct{})
			go func() {
				defer close(seen)
				for i := 0; i < 2; i++ {
					if _, err := a.ReadPayload(1 << 20); err != nil {
						t.Error(err)
					}
				}
				a.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
				a.Next()
			}()
			b.WritePacket(pattern(100000))
			b.WritePacket([]byte("x"))
			b.Flush()
			within(t, "the wait", func() { <-seen })
			if a.rbuf != nil || a.cur.joined != nil || a.wbuf != nil {
				t.Error("a Conn that waits holds a buffer")
			}
			if b.wbuf != nil {
				t.Error("a Conn that has flushed holds a buffer")
			}
		})
	}
}

func TestTLSUpgrade(t *testing.T) {
	sc, cc := certificate()
	t.Run("in place", func(t *testing.T) {
		client, server := conns(t)
		if client.TLS() != nil {
			t.Error("a plain Conn says it has TLS")
		}
		go func() {
			client.WritePacket(AppendSSLRequest(nil, ClientProtocol41, 1<<24, 45))
			if err := client.StartTLSClient(context.Background(), cc); err != nil { // flushes
				t.Error(err)
			}
			client.WritePacket([]byte("secret"))
			client.Flush()
		}()
		within(t, "the upgrade", func() {
			p, err := server.ReadPayload(100)
			if err != nil || !IsSSLRequest(p) {
				t.Errorf("%v, %v", p, err)
			}
			if err := server.StartTLSServer(context.Background(), sc); err != nil {
				t.Error(err)
			}
			if p, err = server.ReadPayload(100); string(p) != "secret" {
				t.Errorf("%q, %v", p, err)
			}
			if server.Seq() != 2 || server.TLS() == nil {
				t.Error("sequence numbers must go on, and TLS be there")
			}
		})
	})
	t.Run("what came with the request belongs to TLS", func(t *testing.T) {
		client, server := conns(t)
		request := stream(0, AppendSSLRequest(nil, ClientProtocol41, 1<<24, 45))
		client.NetConn().Write(append(request, stream(1, []byte("smuggled"))...))
		within(t, "the upgrade", func() {
			server.Next()
			if err := server.StartTLSServer(context.Background(), sc); err == nil {
				t.Error("a packet in clear text passes for TLS")
			}
			if _, _, err := server.Next(); err == nil {
				t.Error("the packet can be read")
			}
		})
	})
	t.Run("a ClientHello that came with the request is used", func(t *testing.T) {
		x, y := pair(t)
		request := stream(0, AppendSSLRequest(nil, ClientProtocol41, 1<<24, 45))
		done := make(chan error, 1)
		go func() { done <- tls.Client(&together{Conn: x, before: request}, cc).Handshake() }()
		server := NewConn(y)
		within(t, "the upgrade", func() {
			if _, _, err := server.Next(); err != nil {
				t.Error(err)
			}
			if server.Buffered() == 0 {
				t.Error("the hello is not there, the test shows nothing")
			}
			if err := errors.Join(server.StartTLSServer(context.Background(), sc), <-done); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("ends with its context", func(t *testing.T) {
		client, _ := conns(t)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		within(t, "the handshake", func() {
			if err := client.StartTLSClient(ctx, cc); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		})
	})
}

// together is a net.Conn that puts bytes before the first Write, in one write.
type together struct {
	net.Conn
	before []byte
}

func (c *together) Write(p []byte) (int, error) {
	_, err := c.Conn.Write(append(c.before, p...))
	c.before = nil
	return len(p), err
}
