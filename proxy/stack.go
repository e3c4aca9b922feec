package proxy

// growStack has the runtime make room on the goroutine's stack at once, 4 KiB in all,
// while next to nothing is on it that would have to be moved: call by call it would
// grow in the middle of the handshake. That is what a session needs to log in, to carry
// out an ordinary statement and to wait. What needs more makes the stack 8 KiB, and the
// garbage collector makes it 4 KiB again if it finds the session waiting with less than
// a quarter of that in use, some 1.2 KiB of frames (runtime.shrinkstack): so frames on
// the way to the wait for a command are better kept small.
//
//go:noinline
func growStack(i int) byte {
	var room [1536]byte
	room[i&1023] = 1 // or it would not be there
	return room[0]
}
