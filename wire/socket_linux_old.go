//go:build linux && (386 || s390x)

package wire

import (
	"syscall"
	"unsafe"
)

// receive reads from a socket. These architectures reach recvfrom by a detour.
func receive(fd uintptr, p []byte) (int, syscall.Errno) {
	return rawSyscall(syscall.SYS_READ, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p), 0)
}

// send writes to a socket.
func send(fd uintptr, p []byte) (int, syscall.Errno) {
	return rawSyscall(syscall.SYS_WRITE, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p), 0)
}
