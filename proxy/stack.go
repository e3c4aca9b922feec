package proxy

// growStack has the runtime make room on the goroutine's stack at once, 4 KiB in all,
// while next to nothing is on it that would have to be moved: call by call it would
// grow in the middle of the handshake. That is what a session needs to log in, to carry
// out an ordinary statement and to wait; what needs more makes the stack 8 KiB, of which
// it gives nothing back while the session lives, so frames on the way to a wait are
// better kept small.
//
//go:noinline
func growStack(i int) byte {
	var room [1536]byte
	room[i&1023] = 1 // or it would not be there
	return room[0]
}
