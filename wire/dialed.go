package wire

import "net"

// ConnectError tells whether err, of the first read or write of a connection that
// Dial has begun, means that it was never connected, and then gives the error that
// dialing has come to; else nil.
func (c *Conn) ConnectError(err error) error {
	if t, ok := c.nc.(*tcpSocket); ok {
		return t.connectError(err)
	}
	return nil
}

// KeepAlive has the kernel find out by probes that a peer is gone without a word. It
// may be called from any goroutine.
func (c *Conn) KeepAlive(cfg net.KeepAliveConfig) error {
	switch nc := c.nc.(type) {
	case *net.TCPConn:
		return nc.SetKeepAliveConfig(cfg)
	case *tcpSocket:
		return nc.keepAlive(cfg)
	}
	return nil
}
