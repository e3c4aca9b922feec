package wire

import (
	"net"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// silence asks the kernel. Source: tcp_get_info and tcp_ack in Linux's net/ipv4.
func silence(nc net.Conn) (heard time.Duration, unanswered int) {
	switch nc.(type) {
	case *net.TCPConn, *tcpSocket:
	default:
		return 0, 0
	}
	rc, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		return 0, 0
	}
	// After an error both stay 0.
	_ = rc.Control(func(fd uintptr) {
		var info unix.TCPInfo // on the stack: all sessions are asked every few seconds
		size := uint32(unsafe.Sizeof(info))
		_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, fd, unix.IPPROTO_TCP, unix.TCP_INFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
		if errno == 0 {
			heard = time.Duration(min(info.Last_ack_recv, info.Last_data_recv)) * time.Millisecond
			unanswered = int(max(info.Probes, info.Retransmits))
		}
	})
	return heard, unanswered
}
