//go:build !386 && !s390x

package wire

import (
	"context"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// Listen listens for TCP connections at host:port. What it accepts is probed as
// keepAlive says, is not delayed, and breaks where the peer takes in nothing of
// what was written for as long as stall, as [Conn.SetStall] has it: all of that is
// the listening socket's, so that nothing needs to be set for each connection.
func Listen(addr string, keepAlive net.KeepAliveConfig, stall time.Duration) (net.Listener, error) {
	lc := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, rc syscall.RawConn) (err error) {
		options := append([][3]int{
			{syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
			{syscall.IPPROTO_TCP, tcpUserTimeout, int(stall.Milliseconds())},
		}, keepAliveOptions(keepAlive)...)
		if err := rc.Control(func(fd uintptr) { err = setOptions(fd, options...) }); err != nil {
			return err
		}
		return err
	}}
	lc.SetMultipathTCP(false) // whose sockets cost more, also where clients know nothing of it
	ln, err := lc.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer ln.Close() // the file is a descriptor of its own
	f, err := ln.(*net.TCPListener).File()
	if err != nil {
		return nil, err
	}
	l := &tcpListener{addr: ln.Addr(), stall: stall}
	l.onRead = l.take
	return l, l.open(f)
}

// A tcpListener accepts connections without package net.
type tcpListener struct {
	tcpFile
	addr  net.Addr
	stall time.Duration

	mu     sync.Mutex            // held by Accept; what follows is its state
	onRead func(fd uintptr) bool // take, made once
	fd     int                   // what was accepted
	peer   syscall.RawSockaddrInet6
	errno  syscall.Errno
}

func (l *tcpListener) Addr() net.Addr { return l.addr }

func (l *tcpListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := (rawTCP{&l.tcpFile}).Read(l.onRead)
	if err == nil && l.errno != 0 {
		err = os.NewSyscallError("accept4", l.errno)
	}
	if err != nil {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.addr, Err: err}
	}
	c, err := newTCPSocket(l.fd, sockaddr(&l.peer))
	if err != nil {
		return nil, err
	}
	c.stall = l.stall
	return c, nil
}

// take accepts a connection if there is one.
func (l *tcpListener) take(fd uintptr) bool {
	for {
		l.peer = syscall.RawSockaddrInet6{}
		size := uint32(syscall.SizeofSockaddrInet6)
		n, _, errno := syscall.RawSyscall6(syscall.SYS_ACCEPT4, fd, uintptr(unsafe.Pointer(&l.peer)), uintptr(unsafe.Pointer(&size)),
			syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0, 0)
		l.fd, l.errno = int(n), errno
		switch errno {
		case syscall.EAGAIN:
			return false
		case syscall.EINTR, syscall.ECONNABORTED: // the latter was gone before it was accepted
		default:
			return true
		}
	}
}
