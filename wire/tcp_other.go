//go:build !linux || 386 || s390x

package wire

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Dial connects to a server.
func Dial(to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1, Timeout: 5 * time.Second}
	return d.Dial("tcp", to.String())
}

// Listen listens for TCP connections at host:port.
func Listen(addr string, keepAlive net.KeepAliveConfig, _ time.Duration) (net.Listener, error) {
	return (&net.ListenConfig{KeepAliveConfig: keepAlive}).Listen(context.Background(), "tcp", addr)
}

// tcpSocket is a connection that was made without package net, of which there
// are none here.
type tcpSocket struct {
	net.Conn
	stall time.Duration
}

// SyscallConn is there for what asks every connection for its descriptor.
func (*tcpSocket) SyscallConn() (syscall.RawConn, error) { return nil, errors.ErrUnsupported }

func (*tcpSocket) connectError(error) error { return nil }

func (*tcpSocket) keepAlive(net.KeepAliveConfig) error { return nil }
