//go:build !linux

package wire

import "net"

// newRawTransport has nothing to offer here: newTransport falls back on net.Conn.
func newRawTransport(net.Conn) transport { return nil }
