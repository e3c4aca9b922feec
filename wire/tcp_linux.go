//go:build !386 && !s390x

package wire

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// A tcpSocket is a TCP connection that was made without package net, which asks
// the kernel for addresses and sets options that a short connection has no use
// for. The runtime's poller waits for it as for any other.
type tcpSocket struct {
	tcpFile
	peer   netip.AddrPort
	stall  time.Duration // as its listener has set it
	dialed bool
}

// newTCPSocket takes over a non-blocking descriptor.
func newTCPSocket(fd int, peer netip.AddrPort) (*tcpSocket, error) {
	c := &tcpSocket{peer: peer}
	return c, c.open(os.NewFile(uintptr(fd), "tcp"))
}

// Dial begins to connect to a server and does not wait for it: that it comes to
// nothing is the error of the first read or write, see [Conn.ConnectError].
// Keep-alive is off until [Conn.KeepAlive].
func Dial(to netip.AddrPort) (net.Conn, error) {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	// A socket that connects to a port of this machine where nobody listens may
	// be given that very port, and then be connected to itself.
	const tries = 3
	for range tries {
		fd, err := connect(to)
		if err != nil {
			return nil, dialError(to, err)
		}
		if own, err := socketName(syscall.SYS_GETSOCKNAME, uintptr(fd)); err == nil && own == to {
			syscall.Close(fd)
			continue
		}
		c, err := newTCPSocket(fd, to)
		if err != nil {
			return nil, dialError(to, err)
		}
		c.dialed = true
		return c, nil
	}
	return nil, dialError(to, os.NewSyscallError("connect", syscall.ECONNREFUSED))
}

func dialError(to netip.AddrPort, err error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: err}
}

// connect makes a socket and has it begin to connect.
func connect(to netip.AddrPort) (fd int, err error) {
	family := syscall.AF_INET6
	if to.Addr().Is4() {
		family = syscall.AF_INET
	}
	fd, err = syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
		syscall.Close(fd)
		return 0, os.NewSyscallError("setsockopt", err)
	}
	var sa syscall.RawSockaddrInet6
	size := putSockaddr(&sa, to)
	_, _, errno := syscall.RawSyscall(syscall.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa)), size)
	switch errno {
	case 0, syscall.EINPROGRESS, syscall.EINTR: // a signal does not end it
		return fd, nil
	}
	syscall.Close(fd)
	return 0, os.NewSyscallError("connect", errno)
}

// connectError is that of [Conn.ConnectError].
func (c *tcpSocket) connectError(err error) error {
	if !c.dialed {
		return nil
	}
	var errno syscall.Errno
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		var peer error
		c.Control(func(fd uintptr) { _, peer = socketName(syscall.SYS_GETPEERNAME, fd) })
		if errors.Is(peer, syscall.ENOTCONN) {
			return dialError(c.peer, os.ErrDeadlineExceeded)
		}
	case errors.As(err, &errno) && errno != syscall.ECONNRESET && errno != syscall.EPIPE: // which a connection has
		return dialError(c.peer, os.NewSyscallError("connect", errno))
	}
	return nil
}

func (c *tcpSocket) keepAlive(cfg net.KeepAliveConfig) (err error) {
	if cerr := c.Control(func(fd uintptr) { err = setOptions(fd, keepAliveOptions(cfg)...) }); cerr != nil {
		return cerr
	}
	return err
}

func (c *tcpSocket) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	return n, c.said(err)
}

func (c *tcpSocket) Write(p []byte) (int, error) {
	n, err := c.file.Write(p)
	return n, c.said(err)
}

func (c *tcpSocket) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.peer) }

func (c *tcpSocket) LocalAddr() net.Addr {
	var own netip.AddrPort
	c.Control(func(fd uintptr) { own, _ = socketName(syscall.SYS_GETSOCKNAME, fd) })
	return net.TCPAddrFromAddrPort(own)
}

func (c *tcpSocket) SetDeadline(t time.Time) error      { return c.said(c.file.SetDeadline(t)) }
func (c *tcpSocket) SetReadDeadline(t time.Time) error  { return c.said(c.file.SetReadDeadline(t)) }
func (c *tcpSocket) SetWriteDeadline(t time.Time) error { return c.said(c.file.SetWriteDeadline(t)) }

// SyscallConn gives access to the descriptor.
func (c *tcpSocket) SyscallConn() (syscall.RawConn, error) { return rawTCP{&c.tcpFile}, nil }

// A tcpFile is a socket as a file, with the errors of a connection.
type tcpFile struct {
	file   *os.File
	rc     syscall.RawConn // of file
	closed atomic.Bool
}

func (f *tcpFile) open(file *os.File) (err error) {
	f.file = file
	if f.rc, err = file.SyscallConn(); err != nil {
		file.Close()
	}
	return err
}

// Control calls fn with the descriptor.
func (f *tcpFile) Control(fn func(fd uintptr)) error { return f.said(f.rc.Control(fn)) }

// Close closes the socket and ends every wait for it.
func (f *tcpFile) Close() error {
	if f.closed.Swap(true) {
		return net.ErrClosed
	}
	return f.file.Close()
}

// said gives an error of the file as it would be that of a connection.
func (f *tcpFile) said(err error) error {
	if err != nil && err != io.EOF && f.closed.Load() {
		return net.ErrClosed
	}
	return err
}

// A rawTCP is the syscall.RawConn of a tcpFile.
type rawTCP struct{ *tcpFile }

func (r rawTCP) Read(fn func(fd uintptr) bool) error  { return r.said(r.rc.Read(fn)) }
func (r rawTCP) Write(fn func(fd uintptr) bool) error { return r.said(r.rc.Write(fn)) }

// setOptions sets options of a socket: level, name, value.
func setOptions(fd uintptr, options ...[3]int) error {
	for _, o := range options {
		if err := syscall.SetsockoptInt(int(fd), o[0], o[1], o[2]); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return nil
}

// keepAliveOptions are the options of keep-alive probes. A time or count that is not
// given is the kernel's.
func keepAliveOptions(cfg net.KeepAliveConfig) [][3]int {
	if !cfg.Enable {
		return [][3]int{{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 0}}
	}
	options := [][3]int{{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1}}
	for _, o := range [][3]int{
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, int(cfg.Idle.Seconds())},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, int(cfg.Interval.Seconds())},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, cfg.Count},
	} {
		if o[2] > 0 {
			options = append(options, o)
		}
	}
	return options
}

// putSockaddr makes sa the address a and gives its size. The ports of both
// families are at the same place, in the network's order.
func putSockaddr(sa *syscall.RawSockaddrInet6, a netip.AddrPort) (size uintptr) {
	port := (*[2]byte)(unsafe.Pointer(&sa.Port))
	port[0], port[1] = byte(a.Port()>>8), byte(a.Port())
	if a.Addr().Is4() {
		v4 := (*syscall.RawSockaddrInet4)(unsafe.Pointer(sa))
		v4.Family, v4.Addr = syscall.AF_INET, a.Addr().As4()
		return syscall.SizeofSockaddrInet4
	}
	sa.Family, sa.Addr = syscall.AF_INET6, a.Addr().As16()
	if zone := a.Addr().Zone(); zone != "" {
		sa.Scope_id = zoneID(zone)
	}
	return syscall.SizeofSockaddrInet6
}

// zoneID gives the number of a zone, which is a network interface.
func zoneID(zone string) uint32 {
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	n, _ := strconv.ParseUint(zone, 10, 32)
	return uint32(n)
}

// sockaddr gives the address that the kernel has put into sa.
func sockaddr(sa *syscall.RawSockaddrInet6) netip.AddrPort {
	p := (*[2]byte)(unsafe.Pointer(&sa.Port))
	port := uint16(p[0])<<8 | uint16(p[1])
	switch sa.Family {
	case syscall.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4((*syscall.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr), port)
	case syscall.AF_INET6:
		a := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.Scope_id != 0 {
			a = a.WithZone(strconv.FormatUint(uint64(sa.Scope_id), 10))
		}
		return netip.AddrPortFrom(a, port)
	}
	return netip.AddrPort{}
}

// socketName asks for the address of a socket or of its peer, as trap says.
func socketName(trap, fd uintptr) (netip.AddrPort, error) {
	var sa syscall.RawSockaddrInet6
	size := uint32(syscall.SizeofSockaddrInet6)
	if _, _, errno := syscall.RawSyscall(trap, fd, uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size))); errno != 0 {
		return netip.AddrPort{}, errno
	}
	return sockaddr(&sa), nil
}
