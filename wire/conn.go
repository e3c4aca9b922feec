package wire

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"
)

const (
	// headerSize is the packet header: 3 bytes of payload length, little-endian,
	// and the sequence number.
	headerSize = 4

	// MaxPhysical is the longest payload, in bytes, that one header can
	// announce. A longer payload goes on in further packets: one of exactly this
	// length is always followed by another, which may be empty.
	MaxPhysical = 1<<24 - 1
)

// A Conn reads and writes packets over a network connection.
//
// A Conn belongs to one goroutine. Only Close and the deadline setters may be
// called from others; they end a wait of its owner.
//
// Reading: Next waits for a packet and makes it the current one; Payload, Pass
// and Drop say what becomes of it. Here a packet is a logical one, with all its
// continuations. Writing is buffered until Flush. Sequence numbers are counted
// for both directions together, as the protocol has it.
//
// Errors: io.EOF if the peer closed between packets, io.ErrUnexpectedEOF if
// within one, [*SequenceError], [*TooLargeError], [*WriteError], or the
// network's own. After a [*WriteError] or an error within a packet the Conn is
// good for nothing but Close.
type Conn struct {
	nc net.Conn
	tr transport
	// tls is atomic because Close, from another goroutine, must see it.
	tls atomic.Pointer[tls.Conn]

	seq uint8 // of the next packet in either direction

	// Bytes that have been read and not yet consumed are rbuf[r:w]. rbuf is nil
	// while there are none and the Conn waits.
	rbuf []byte
	r, w int
	few  bool // a read begins with a small buffer

	cur current

	// Bytes to be flushed are wbuf[:wn]. wbuf is nil while there are none.
	wbuf []byte
	wn   int
	late bool  // they are flushed when the Conn waits
	werr error // sticky: part of a packet may have been written

	answers atomic.Bool // the peer does not speak first
	gone    atomic.Bool // the peer has hung up
	looked  bool        // and a wait was ended for that
}

// current is the packet that Next found.
type current struct {
	valid bool
	more  bool // a continuation follows the physical packet at hand
	taken bool // Payload has handed it out
	phys  int  // payload bytes of the physical packet at hand
	left  int  // of these, not yet consumed from rbuf or the network
	// joined is the payload so far, if it had to be copied out of rbuf. It ends
	// with the phys-left consumed bytes of the physical packet at hand.
	joined *[]byte
}

// NewConn returns a Conn over nc, which it owns from now on. TCP and Unix
// sockets on Linux are read and written by system calls, other connections
// through their own methods.
func NewConn(nc net.Conn) *Conn {
	return &Conn{nc: nc, tr: newTransport(nc)}
}

// NetConn returns the connection that was given to NewConn, for its addresses.
// Reading from it or writing to it corrupts the stream.
func (c *Conn) NetConn() net.Conn { return c.nc }

// SetDeadline sets the time after which waits end with os.ErrDeadlineExceeded.
// The zero time means never.
//
// When Next ends so it can be called again later; after any other wait that
// ends so, the Conn is lost.
func (c *Conn) SetDeadline(t time.Time) error { return c.nc.SetDeadline(t) }

// SetReadDeadline is SetDeadline for reading only.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.nc.SetReadDeadline(t) }

// SetWriteDeadline is SetDeadline for writing only.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.nc.SetWriteDeadline(t) }

// SetStall bounds how long the peer may take in nothing of what was written: after
// that the connection breaks, and whoever waits to write gets the network's
// error. The kernel keeps the time, so it costs nothing for each write. It works
// on Linux for TCP and does nothing elsewhere. Source: TCP_USER_TIMEOUT, tcp(7).
func (c *Conn) SetStall(d time.Duration) error { return setStall(c.nc, d) }

// Silence tells how long ago something came from the peer's machine, and how many
// packets it has left unanswered since that any machine answers by itself and at once:
// data that were sent again, and probes. A peer that is alive, though it be idle, busy
// or not reading, leaves none. It works on Linux for TCP, and gives zeros elsewhere.
// It may be called from any goroutine.
func (c *Conn) Silence() (heard time.Duration, unanswered int) { return silence(c.nc) }

// Close closes the connection without flushing. It may be called from any
// goroutine, and more than once; a wait in progress ends with net.ErrClosed.
// Under TLS the peer is told, which waits 5 seconds at most.
func (c *Conn) Close() error {
	if t := c.tls.Load(); t != nil {
		return t.Close()
	}
	return c.nc.Close()
}

// ExpectFew says that most packets of the peer are small, as commands are: a
// read begins with a buffer of 4 KiB instead of 16 KiB. It matters where many
// wait for the answers to them.
func (c *Conn) ExpectFew() { c.few = true }

// ExpectAnswers says that the peer sends nothing but answers to what is written to
// it, as a server does, and that PeerGone is called when it hangs up. What it sends
// for another reason is read with the next answer.
func (c *Conn) ExpectAnswers() { c.answers.Store(true) }

// ExpectAnything takes ExpectAnswers back. It may be called from any goroutine; a wait
// that is under way goes on as it was.
func (c *Conn) ExpectAnything() { c.answers.Store(false) }

// PeerGone says that the peer has hung up, so that a wait for it looks for what it
// has sent before. It may be called from any goroutine.
func (c *Conn) PeerGone() {
	c.gone.Store(true)
	c.nc.SetReadDeadline(time.Unix(1, 0))
}

// LastWords bounds by d the wait for what a peer that is gone has sent before. It
// follows PeerGone.
func (c *Conn) LastWords(d time.Duration) {
	c.looked = true
	c.nc.SetReadDeadline(time.Now().Add(d))
}

// Rest gives the read buffer back where nothing is in it but the current packet,
// which is dropped: for a Conn from which nothing is expected for a while. It
// never waits.
func (c *Conn) Rest() {
	if c.cur.valid {
		if c.cur.more || c.cur.left > c.w-c.r {
			return // the rest is still to come
		}
		c.consume(c.cur.left)
		c.finish()
	}
	if c.r == c.w && c.rbuf != nil {
		putBlock(c.rbuf)
		c.rbuf = nil
	}
}

// Release gives all buffers back. Its owner calls it when it is done with the
// Conn, of which nothing but Close may be called from then on.
func (c *Conn) Release() {
	if c.cur.joined != nil {
		putJoin(c.cur.joined)
	}
	c.cur = current{}
	if c.rbuf != nil {
		putBlock(c.rbuf)
		c.rbuf, c.r, c.w = nil, 0, 0
	}
	if c.wbuf != nil {
		putBlock(c.wbuf)
		c.wbuf, c.wn, c.late = nil, 0, false
	}
	c.cutShort()
}

// Buffered returns how many bytes have been read from the peer that belong to
// no packet handed out so far. Under TLS, bytes that are still encrypted do not
// count.
func (c *Conn) Buffered() int {
	return c.w - c.r - min(c.cur.left, c.w-c.r)
}

// ResetSeq begins a new command: the next packet, read or written, has
// sequence 0.
func (c *Conn) ResetSeq() { c.seq = 0 }

// Seq returns the sequence number that the next packet, read or written, has.
func (c *Conn) Seq() uint8 { return c.seq }

// SetSeq sets the sequence number that the next packet, read or written, has.
func (c *Conn) SetSeq(seq uint8) { c.seq = seq }
