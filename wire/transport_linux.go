package wire

import (
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// A rawTransport reads and writes a socket with system calls of which the
// runtime is not told. The descriptor is non-blocking, so the calls return at
// once and the scheduler's bookkeeping around a call that might block, which is
// most of what a Go relay loses to one in C, is not needed. Where the socket has
// nothing to give, the callback returns false and the runtime's poller waits, as
// it does for net.Conn: deadlines and Close work the same way.
type rawTransport struct {
	nc net.Conn
	rc syscall.RawConn

	// The callbacks are built once: a closure for each call would be an
	// allocation for each call.
	onRead, onWrite func(fd uintptr) bool

	rd rawRead
	wr rawWrite
}

// rawRead is the state of one call of read, readFresh or tryRead.
type rawRead struct {
	p     []byte // where to read; empty for a fresh read
	fresh []byte // what a fresh read borrowed
	small bool   // a fresh read is to borrow a small buffer
	try   bool   // do not wait
	n     int
	errno syscall.Errno
}

// rawWrite is the state of one call of write.
type rawWrite struct {
	head, tail []byte // what is still to be written
	iov        [2]syscall.Iovec
	errno      syscall.Errno
}

// newRawTransport returns nil if nc is not a stream socket of this process.
func newRawTransport(nc net.Conn) transport {
	var sc syscall.Conn
	switch c := nc.(type) {
	case *net.TCPConn:
		sc = c
	case *net.UnixConn:
		if c.LocalAddr().Network() != "unix" {
			return nil
		}
		sc = c
	default:
		return nil
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	t := &rawTransport{nc: nc, rc: rc}
	t.onRead = t.readable
	t.onWrite = t.writable
	return t
}

func (t *rawTransport) read(p []byte) (int, error) {
	t.rd = rawRead{p: p}
	n, _, err := t.doRead()
	return n, err
}

func (t *rawTransport) readFresh(small bool) ([]byte, int, error) {
	t.rd = rawRead{small: small}
	n, b, err := t.doRead()
	return b, n, err
}

func (t *rawTransport) tryRead(p []byte) (int, error) {
	t.rd = rawRead{p: p, try: true}
	n, _, err := t.doRead()
	return n, err
}

func (t *rawTransport) doRead() (int, []byte, error) {
	err := t.rc.Read(t.onRead)
	rd := t.rd
	t.rd = rawRead{}
	switch {
	case err != nil:
		return 0, nil, err
	case rd.errno == syscall.EAGAIN:
		return 0, nil, errWouldBlock
	case rd.errno != 0:
		return 0, nil, t.opError("read", rd.errno)
	case rd.n == 0:
		return 0, nil, io.EOF
	}
	return rd.n, rd.fresh, nil
}

// readable tries to read. It returns false to be called again when the poller
// sees bytes.
func (t *rawTransport) readable(fd uintptr) bool {
	rd := &t.rd
	p := rd.p
	if len(p) == 0 {
		rd.fresh = fresh(rd.small)
		p = rd.fresh
	}
	rd.n, rd.errno = receive(fd, p)
	if rd.fresh != nil && rd.n == 0 {
		putBlock(rd.fresh)
		rd.fresh = nil
	}
	return rd.errno != syscall.EAGAIN || rd.try
}

func (t *rawTransport) write(head, tail []byte) error {
	t.wr.head, t.wr.tail, t.wr.errno = head, tail, 0
	err := t.rc.Write(t.onWrite)
	errno := t.wr.errno
	t.wr = rawWrite{}
	if err != nil {
		return err
	}
	if errno != 0 {
		return t.opError("write", errno)
	}
	return nil
}

// writable writes until all is written or the socket is full. It returns false
// to be called again when the poller sees room.
func (t *rawTransport) writable(fd uintptr) bool {
	wr := &t.wr
	for {
		if len(wr.head) == 0 {
			wr.head, wr.tail = wr.tail, nil
		}
		var n int
		switch {
		case len(wr.head) == 0:
			return true
		case len(wr.tail) == 0:
			n, wr.errno = send(fd, wr.head)
		default:
			for i, p := range [2][]byte{wr.head, wr.tail} {
				wr.iov[i].Base = unsafe.SliceData(p)
				wr.iov[i].SetLen(len(p))
			}
			n, wr.errno = rawSyscall(syscall.SYS_WRITEV, fd, unsafe.Pointer(&wr.iov[0]), len(wr.iov), 0)
		}
		switch wr.errno {
		case 0:
		case syscall.EAGAIN:
			wr.errno = 0
			return false
		default:
			return true
		}
		k := min(n, len(wr.head))
		wr.head = wr.head[k:]
		wr.tail = wr.tail[n-k:]
	}
}

// opError dresses an error number as the net package would.
func (t *rawTransport) opError(op string, errno syscall.Errno) error {
	addr := t.nc.RemoteAddr()
	return &net.OpError{Op: op, Net: t.nc.LocalAddr().Network(), Source: t.nc.LocalAddr(), Addr: addr, Err: os.NewSyscallError(op, errno)}
}

// rawSyscall does a system call that reads or writes a non-blocking descriptor,
// again if a signal came between. n is 0 with an error.
func rawSyscall(trap, fd uintptr, p unsafe.Pointer, size int, flags uintptr) (n int, errno syscall.Errno) {
	for {
		r, _, e := syscall.RawSyscall6(trap, fd, uintptr(p), uintptr(size), flags, 0, 0)
		runtime.KeepAlive(p)
		switch e {
		case 0:
			return int(r), 0
		case syscall.EINTR:
		default:
			return 0, e
		}
	}
}
