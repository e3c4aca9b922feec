package wire

import (
	"net"
	"syscall"
	"time"

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
	var info *unix.TCPInfo
	var asked error
	err = rc.Control(func(fd uintptr) {
		info, asked = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	})
	if err != nil || asked != nil {
		return 0, 0
	}
	heard = time.Duration(min(info.Last_ack_recv, info.Last_data_recv)) * time.Millisecond
	return heard, int(max(info.Probes, info.Retransmits))
}
