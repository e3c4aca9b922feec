package wire

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
)

// StartTLSServer goes over to TLS as its server side and shakes hands. The
// current packet, which would be the client's SSLRequest, is dropped; what is
// buffered behind it belongs to the TLS stream, never to the packets. Sequence
// numbers go on. ctx and the deadlines bound the handshake. After an error the
// Conn is closed.
func (c *Conn) StartTLSServer(ctx context.Context, cfg *tls.Config) error {
	return c.startTLS(ctx, cfg, tls.Server)
}

// StartTLSClient goes over to TLS as its client side; the SSLRequest must have
// been flushed. It is like [Conn.StartTLSServer] in all else.
func (c *Conn) StartTLSClient(ctx context.Context, cfg *tls.Config) error {
	return c.startTLS(ctx, cfg, tls.Client)
}

// TLS returns the state of the TLS connection, nil if the connection is plain.
func (c *Conn) TLS() *tls.ConnectionState {
	t := c.tls.Load()
	if t == nil {
		return nil
	}
	state := t.ConnectionState()
	return &state
}

func (c *Conn) startTLS(ctx context.Context, cfg *tls.Config, side func(net.Conn, *tls.Config) *tls.Conn) error {
	if err := c.Drop(); err != nil {
		return err
	}
	if err := c.Flush(); err != nil {
		return err
	}
	under := &streamConn{Conn: c.nc, tr: c.tr}
	if c.r < c.w {
		under.early = append(under.early, c.rbuf[c.r:c.w]...)
	}
	c.r, c.w = 0, 0
	t := side(under, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		c.nc.Close()
		return fmt.Errorf("TLS handshake: %w", err)
	}
	c.tls.Store(t)
	c.tr = &netTransport{nc: t}
	return nil
}
