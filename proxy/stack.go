package proxy

// stackRoom is what a session needs of its goroutine's stack to log in and carry out a
// statement, in bytes.
const stackRoom = 4 << 10

// growStack has the runtime make room on the goroutine's stack at once, while next to
// nothing is on it that would have to be moved: call by call it would grow in the
// middle of the handshake and again in the first statement.
//
//go:noinline
func growStack(i int) byte {
	var room [stackRoom]byte
	room[i&(stackRoom-1)] = 1 // or it would not be there
	return room[0]
}
