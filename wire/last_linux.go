//go:build !386 && !s390x

package wire

import (
	"syscall"
	"unsafe"
)

// writeLast tells the kernel that more follows, which is the end of the stream. Should
// that not come the bytes leave after a fifth of a second. Source: MSG_MORE, send(2).
func (t *rawTransport) writeLast(p []byte) error {
	n := 0
	kernelReads(p)
	err := t.rc.Control(func(fd uintptr) {
		n, _ = rawSyscall(syscall.SYS_SENDTO, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p), syscall.MSG_NOSIGNAL|syscall.MSG_MORE)
	})
	if err != nil || n == len(p) {
		return err
	}
	return t.write(p[n:], nil) // waits, or meets the error again
}
