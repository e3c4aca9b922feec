//go:build race

package wire

import (
	"runtime"
	"unsafe"
)

// kernelReads and kernelWrites tell the race detector, which does not see raw system
// calls, that the kernel is about to read p, or has written n bytes to it. Without
// them it would not notice that somebody uses a buffer that was given back.
func kernelReads(p []byte) {
	if len(p) > 0 {
		runtime.RaceReadRange(unsafe.Pointer(unsafe.SliceData(p)), len(p))
	}
}

func kernelWrites(p []byte, n int) {
	if n > 0 {
		runtime.RaceWriteRange(unsafe.Pointer(unsafe.SliceData(p)), n)
	}
}
