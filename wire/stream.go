package wire

import "net"

// NewStream returns nc with a Read and a Write that go through the transport of
// a [Conn], for what is relayed without a look at its packets. All else is nc's.
func NewStream(nc net.Conn) net.Conn { return &streamConn{Conn: nc, tr: newTransport(nc)} }

// A streamConn is a net.Conn that reads and writes through a transport, which on
// Linux is cheaper than the net.Conn itself. One lies under every tls.Conn.
type streamConn struct {
	net.Conn
	tr    transport
	early []byte // to be read first: what was read from tr before
}

func (s *streamConn) Read(p []byte) (int, error) {
	if len(s.early) > 0 {
		n := copy(p, s.early)
		s.early = s.early[n:]
		return n, nil
	}
	if len(p) == 0 {
		return 0, nil
	}
	return s.tr.read(p)
}

func (s *streamConn) Write(p []byte) (int, error) {
	if err := s.tr.write(p, nil); err != nil {
		return 0, err
	}
	return len(p), nil
}
