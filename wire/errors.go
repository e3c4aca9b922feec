package wire

import (
	"errors"
	"fmt"
)

// ErrTooLarge is what a [*TooLargeError] matches with errors.Is.
var ErrTooLarge = errors.New("packet too large")

// ErrParamTypes says that an execution brings no parameter types and none are
// known from an earlier one. Servers answer error 1210 or 1058.
var ErrParamTypes = errors.New("execution without parameter types, and none from before")

// errNoPacket is a use of the current packet when there is none.
var errNoPacket = errors.New("no current packet")

// A MalformedError is a packet that does not follow the protocol.
type MalformedError struct {
	What string // the message and what is wrong with it, never its content
}

func (e *MalformedError) Error() string { return "malformed packet: " + e.What }

// A SequenceError is a packet with another sequence number than the one that is
// due. After it the stream cannot be trusted.
type SequenceError struct {
	Want, Got uint8
}

func (e *SequenceError) Error() string {
	return fmt.Sprintf("packet out of sequence: expected %d, received %d", e.Want, e.Got)
}

// A TooLargeError is a packet whose payload exceeds the reader's limit.
// The packet stays current: it can still be dropped or passed on.
type TooLargeError struct {
	Size  int // bytes of payload known so far; the packet has at least as many
	Limit int // bytes the reader was willing to hold
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("packet too large: at least %d bytes, limit %d", e.Size, e.Limit)
}

// Is makes errors.Is(err, ErrTooLarge) hold.
func (e *TooLargeError) Is(target error) bool { return target == ErrTooLarge }

// A WriteError is a failure to write to a connection. It tells apart the two
// ends of [Conn.Pass] and [Conn.PassRows]: a failure to read the source is never
// a WriteError.
type WriteError struct {
	Err error
}

func (e *WriteError) Error() string { return "writing packet: " + e.Err.Error() }

// Unwrap returns the network's own error.
func (e *WriteError) Unwrap() error { return e.Err }
