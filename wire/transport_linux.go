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

// rawRead is the state of one call of read, readFresh, exchange or tryRead.
type rawRead struct {
	send    []byte // the block whose first size bytes are to be written first, and given back then
	size    int
	written int  // bytes of send that a full socket took before it was full
	answers bool // after that nothing is there to read yet

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
	case *tcpSocket:
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

// exchange writes within the call that waits: what arrives behind the beginning of
// that call wakes it, so an answer to what it writes cannot be missed, and the
// poller need not be asked twice.
func (t *rawTransport) exchange(block []byte, n int, small, answers bool) ([]byte, int, bool, error) {
	rd := &t.rd // which is empty
	rd.send, rd.size, rd.answers, rd.small = block, n, answers, small
	err := t.rc.Read(t.onRead)
	if rd.send == nil {
		k, b, err := t.readResult(err)
		return b, k, true, err
	}
	return t.exchangeRest(block, n, small, err)
}

// exchangeRest goes on with an exchange that has not written all, or ended by err. It
// is apart so that every wait for an answer needs less of a stack.
//
//go:noinline
func (t *rawTransport) exchangeRest(block []byte, n int, small bool, err error) ([]byte, int, bool, error) {
	written, errno := t.rd.written, t.rd.errno
	t.rd = rawRead{}
	switch {
	case errno != 0:
		err = t.opError("write", errno)
	case err != nil:
		return nil, 0, false, err
	default:
		err = t.write(block[written:n], nil)
	}
	putBlock(block)
	if err != nil {
		return nil, 0, true, &WriteError{Err: err}
	}
	b, k, err := t.readFresh(small)
	return b, k, true, err
}

func (t *rawTransport) tryRead(p []byte) (int, error) {
	t.rd = rawRead{p: p, try: true}
	n, _, err := t.doRead()
	return n, err
}

func (t *rawTransport) doRead() (int, []byte, error) {
	return t.readResult(t.rc.Read(t.onRead))
}

// readResult ends a call whose callback has returned true, or that ended by err.
func (t *rawTransport) readResult(err error) (n int, fresh []byte, _ error) {
	n, fresh, errno := t.rd.n, t.rd.fresh, t.rd.errno
	t.rd = rawRead{}
	switch {
	case err != nil:
		return 0, nil, err
	case errno == syscall.EAGAIN:
		return 0, nil, errWouldBlock
	case errno != 0:
		return 0, nil, t.opError("read", errno)
	case n == 0:
		return 0, nil, io.EOF
	}
	return n, fresh, nil
}

// readable tries to read. It returns false to be called again when the poller
// sees bytes.
func (t *rawTransport) readable(fd uintptr) bool {
	rd := &t.rd
	if rd.send != nil {
		if !t.sendFirst(fd) {
			return true
		}
		if rd.answers {
			return false
		}
	}
	p := rd.p
	if len(p) == 0 {
		rd.fresh = fresh(rd.small)
		p = rd.fresh
	}
	rd.n, rd.errno = receive(fd, p)
	kernelWrites(p, rd.n)
	if rd.fresh != nil && rd.n == 0 {
		putBlock(rd.fresh)
		rd.fresh = nil
	}
	return rd.errno != syscall.EAGAIN || rd.try
}

// sendFirst writes what an exchange begins with. It returns false if the socket
// does not take all of it.
func (t *rawTransport) sendFirst(fd uintptr) bool {
	rd := &t.rd
	kernelReads(rd.send[:rd.size])
	n, errno := send(fd, rd.send[:rd.size])
	if errno == syscall.EAGAIN {
		errno = 0
	}
	if n < rd.size {
		rd.written, rd.errno = n, errno
		return false
	}
	putBlock(rd.send)
	rd.send = nil
	return true
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
		kernelReads(wr.head)
		kernelReads(wr.tail)
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
//
//go:noinline
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
