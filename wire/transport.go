package wire

import (
	"errors"
	"io"
	"net"
)

// errWouldBlock is tryRead's answer when nothing has arrived.
var errWouldBlock = errors.New("would block")

// A transport moves bytes for a Conn. One goroutine may read while another
// writes. Deadlines and Close are the net.Conn's and end every wait.
type transport interface {
	// read waits for bytes and reads them into p, which is not empty.
	read(p []byte) (int, error)
	// readFresh waits for bytes without holding a buffer, and borrows one for
	// them once they are there: a small one, or a block.
	readFresh(small bool) ([]byte, int, error)
	// exchange writes block[:n], gives block back to its pool, and then is
	// readFresh. Where the peer has nothing to say but in answer to that, answers
	// is set: then nothing is read before the poller has seen something arrive.
	// With an error that is a [*WriteError] the bytes may have been written in
	// part; with another one sent tells whether they were written, and if not,
	// block is still the caller's.
	exchange(block []byte, n int, small, answers bool) (b []byte, k int, sent bool, err error)
	// tryRead is read if bytes have arrived, else errWouldBlock. A transport
	// that cannot tell answers errWouldBlock.
	tryRead(p []byte) (int, error)
	// write writes head and then tail, whole, in one system call where it can.
	write(head, tail []byte) error
}

// newTransport chooses the transport for nc.
func newTransport(nc net.Conn) transport {
	if t := newRawTransport(nc); t != nil {
		return t
	}
	return &netTransport{nc: nc}
}

// A netTransport uses nothing but a net.Conn's Read and Write: the portable way,
// and the one for tls.Conn and net.Pipe.
type netTransport struct {
	nc net.Conn
	// few holds the first bytes of a fresh read, so that an idle Conn does not
	// keep a block for a Read that has nothing to read yet.
	few [64]byte
}

func (t *netTransport) read(p []byte) (int, error) {
	// An io.Reader may return 0 and no error, but not for ever.
	for range 100 {
		n, err := t.nc.Read(p)
		if n > 0 {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, io.ErrNoProgress
}

func (t *netTransport) readFresh(small bool) ([]byte, int, error) {
	n, err := t.read(t.few[:])
	if err != nil {
		return nil, 0, err
	}
	b := fresh(small)
	copy(b, t.few[:n])
	return b, n, nil
}

func (t *netTransport) exchange(block []byte, n int, small, _ bool) ([]byte, int, bool, error) {
	err := t.write(block[:n], nil)
	putBlock(block)
	if err != nil {
		return nil, 0, true, &WriteError{Err: err}
	}
	b, k, err := t.readFresh(small)
	return b, k, true, err
}

// fresh borrows a buffer to read into.
func fresh(small bool) []byte {
	if small {
		return getSmall()
	}
	return getBlock()
}

func (t *netTransport) tryRead([]byte) (int, error) { return 0, errWouldBlock }

func (t *netTransport) write(head, tail []byte) error {
	for _, p := range [2][]byte{head, tail} {
		if len(p) == 0 {
			continue
		}
		if _, err := t.nc.Write(p); err != nil {
			return err
		}
	}
	return nil
}
