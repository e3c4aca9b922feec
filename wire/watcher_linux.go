package wire

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
)

// A poller is an epoll instance of its own, which the runtime's poller watches
// in turn: waiting for it takes a goroutine and no thread.
type poller struct {
	file *os.File
	rc   syscall.RawConn

	mu      sync.Mutex
	last    uint64            // the latest token
	waiting map[uint64]func() // by token
}

// The events of a peer that has closed its side, and those of a connection that
// is broken, which are reported without being asked for.
const (
	resetEvents  = syscall.EPOLLHUP | syscall.EPOLLERR
	closedEvents = resetEvents | syscall.EPOLLRDHUP
)

func (p *poller) start() error {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("starting the watcher: %w", os.NewSyscallError("epoll_create1", err))
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		syscall.Close(fd)
		return fmt.Errorf("starting the watcher: %w", os.NewSyscallError("fcntl", err))
	}
	p.file = os.NewFile(uintptr(fd), "epoll")
	p.waiting = make(map[uint64]func())
	if p.rc, err = p.file.SyscallConn(); err != nil {
		p.file.Close()
		return fmt.Errorf("starting the watcher: %w", err)
	}
	go p.run()
	return nil
}

// run takes events until the epoll instance is closed.
func (p *poller) run() {
	var events [64]syscall.EpollEvent
	for {
		n := 0
		err := p.rc.Read(func(fd uintptr) bool {
			k, err := syscall.EpollWait(int(fd), events[:], 0)
			n = max(k, 0)
			return n > 0 || err != nil && err != syscall.EINTR
		})
		if err != nil {
			return
		}
		for _, ev := range events[:n] {
			if f := p.take(token(ev)); f != nil {
				go f()
			}
		}
	}
}

// take removes a watch and returns its function, nil if it was stopped.
func (p *poller) take(t uint64) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.waiting[t]
	delete(p.waiting, t)
	return f
}

func (p *poller) watch(nc net.Conn, events uint32, f func()) (func(), error) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return func() {}, nil
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("watching a connection: %w", err)
	}
	p.mu.Lock()
	p.last++
	t := p.last
	p.waiting[t] = f
	p.mu.Unlock()
	if err := p.control(rc, syscall.EPOLL_CTL_ADD, events, t); err != nil {
		p.take(t)
		return nil, fmt.Errorf("watching a connection: %w", err)
	}
	return func() {
		if p.take(t) != nil {
			// After a close the kernel has forgotten the descriptor, and control
			// does not reach a later one of the same number.
			_ = p.control(rc, syscall.EPOLL_CTL_DEL, 0, t)
		}
	}, nil
}

// control changes the epoll set while both descriptors are held open, so that
// neither number can be reused under it.
func (p *poller) control(rc syscall.RawConn, op int, events uint32, t uint64) error {
	var inner, outer error
	err := p.rc.Control(func(epfd uintptr) {
		outer = rc.Control(func(fd uintptr) {
			ev := syscall.EpollEvent{Events: events | syscall.EPOLLONESHOT, Fd: int32(t), Pad: int32(t >> 32)}
			inner = os.NewSyscallError("epoll_ctl", syscall.EpollCtl(int(epfd), op, int(fd), &ev))
		})
	})
	return cmp.Or(err, outer, inner)
}

// token is the number that a watch put in its event. It outlives descriptor
// numbers, so an event for a closed connection never meets a newer one.
func token(ev syscall.EpollEvent) uint64 {
	return uint64(uint32(ev.Fd)) | uint64(uint32(ev.Pad))<<32
}

func (p *poller) close() error { return p.file.Close() }
