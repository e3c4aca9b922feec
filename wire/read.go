package wire

import (
	"errors"
	"io"
	"os"
	"time"
)

// Next waits for the next packet and makes it the current one. It returns the
// first byte of its payload (0 if the payload is empty) and the length of its
// first physical packet: if that is MaxPhysical, there is more. A packet left
// current is dropped.
//
// While it waits with nothing buffered the Conn holds no buffer.
func (c *Conn) Next() (first byte, n int, err error) {
	if err := c.Drop(); err != nil {
		return 0, 0, err
	}
	if c.r == c.w && c.rbuf != nil {
		putBlock(c.rbuf)
		c.rbuf = nil
	}
	if err := c.flushBuffered(); err != nil {
		return 0, 0, err
	}
	if err := c.fill(headerSize); err != nil {
		return 0, 0, c.endOfStream(err)
	}
	n, err = c.peekHeader()
	if err != nil {
		return 0, 0, err
	}
	// Nothing is consumed before the first byte is there, so that a caller
	// whose deadline passes can go on waiting later.
	if n > 0 {
		if err := c.fillWithin(headerSize + 1); err != nil {
			return 0, 0, err
		}
		first = c.rbuf[c.r+headerSize]
	}
	c.takeHeader(n)
	c.cur.valid = true
	return first, n, nil
}

// Payload returns the whole payload of the current packet, continuations joined.
// It is valid until the packet is passed on, dropped, or followed by Next, and
// may be changed by the caller, who then must not pass the packet on.
// A payload of more than limit bytes is a [*TooLargeError].
func (c *Conn) Payload(limit int) ([]byte, error) {
	cur := &c.cur
	if !cur.valid {
		return nil, errNoPacket
	}
	if cur.joined == nil {
		if cur.left > limit {
			return nil, &TooLargeError{Size: cur.left, Limit: limit}
		}
		if !cur.more && cur.left <= blockSize {
			if err := c.fillWithin(cur.left); err != nil {
				return nil, err
			}
			cur.taken = true
			return c.rbuf[c.r : c.r+cur.left], nil
		}
		cur.joined = getJoin(min(cur.left, joinSizes[0]))
	}
	for {
		if err := c.joinPhysical(); err != nil {
			return nil, err
		}
		if !cur.more {
			break
		}
		if err := c.continuation(); err != nil {
			return nil, err
		}
		if size := len(*cur.joined) + cur.left; size > limit {
			return nil, &TooLargeError{Size: size, Limit: limit}
		}
	}
	if size := len(*cur.joined); size > limit {
		return nil, &TooLargeError{Size: size, Limit: limit}
	}
	cur.taken = true
	return *cur.joined, nil
}

// ReadPayload is Next and Payload.
func (c *Conn) ReadPayload(limit int) ([]byte, error) {
	if _, _, err := c.Next(); err != nil {
		return nil, err
	}
	return c.Payload(limit)
}

// Drop skips the current packet, if there is one.
func (c *Conn) Drop() error {
	if !c.cur.valid {
		return nil
	}
	for {
		for c.cur.left > 0 {
			if err := c.fillWithin(1); err != nil {
				return err
			}
			c.consume(min(c.cur.left, c.w-c.r))
		}
		if !c.cur.more {
			break
		}
		if err := c.continuation(); err != nil {
			return err
		}
	}
	c.finish()
	return nil
}

// Pass hands the current packet on to dst, where it is buffered and gets dst's
// sequence numbers. A large one streams through a buffer of 16 KiB, at the pace
// of the slower side. It may follow Payload, also one that failed with a
// [*TooLargeError]. Failures of dst are [*WriteError]s. Where the source fails
// within the packet dst writes nothing more: it would be taken for the rest.
func (c *Conn) Pass(dst *Conn) error {
	cur := &c.cur
	if !cur.valid {
		return errNoPacket
	}
	if cur.joined != nil {
		joined := *cur.joined
		for len(joined) > cur.phys-cur.left {
			dst.putHeader(MaxPhysical)
			dst.put(joined[:MaxPhysical])
			joined = joined[MaxPhysical:]
		}
		dst.putHeader(cur.phys)
		dst.put(joined)
	} else {
		dst.putHeader(cur.phys)
	}
	for {
		for cur.left > 0 {
			if err := c.fillWithin(1); err != nil {
				dst.cutShort()
				return err
			}
			k := min(cur.left, c.w-c.r)
			if dst.put(c.rbuf[c.r : c.r+k]); dst.werr != nil {
				return dst.werr
			}
			c.consume(k)
		}
		if !cur.more {
			break
		}
		if err := c.continuation(); err != nil {
			dst.cutShort()
			return err
		}
		dst.putHeader(cur.phys)
	}
	c.finish()
	return dst.werr
}

// fill reads until at least n bytes, at most blockSize, are in the buffer.
func (c *Conn) fill(n int) error {
	for c.w-c.r < n {
		if c.rbuf == nil {
			b, k, err := c.readFresh()
			if err != nil {
				return err
			}
			c.rbuf, c.r, c.w = b, 0, k
			continue
		}
		c.makeRoom(n)
		k, err := c.tr.read(c.rbuf[c.w:])
		if c.again(err) {
			continue
		}
		if err != nil {
			return err
		}
		c.w += k
	}
	return nil
}

// readFresh waits for bytes without holding a buffer. What is to be flushed late
// is flushed as it begins to wait.
func (c *Conn) readFresh() ([]byte, int, error) {
	if !c.late {
		b, k, err := c.tr.readFresh(c.few)
		if c.again(err) {
			return c.readFresh()
		}
		return b, k, err
	}
	b, k, sent, err := c.tr.exchange(c.wbuf, c.wn, c.few, c.answers.Load() && !c.gone.Load())
	if sent {
		c.wbuf, c.wn, c.late = nil, 0, false
	}
	if c.again(err) {
		return c.readFresh()
	}
	if _, failed := err.(*WriteError); failed {
		c.werr = err
	}
	return b, k, err
}

// again tells whether err is PeerGone's end of a wait. It ends one only: what the
// peer has sent before, and the end of the stream, are there to be read.
func (c *Conn) again(err error) bool { return err != nil && c.mayRead(err) }

// mayRead is again of an error.
//
//go:noinline
func (c *Conn) mayRead(err error) bool {
	if c.looked || !c.gone.Load() || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	c.looked = true
	c.nc.SetReadDeadline(time.Time{})
	return true
}

// flushBuffered flushes what is to be flushed late where no wait without a buffer
// will do it.
func (c *Conn) flushBuffered() error {
	if !c.late || c.rbuf == nil {
		return nil
	}
	return c.Flush()
}

// fillWithin is fill within a packet, where the stream must not end.
func (c *Conn) fillWithin(n int) error {
	return unexpected(c.fill(n))
}

// unexpected is err where the stream must not end.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// endOfStream tells an end between packets from one within a header.
func (c *Conn) endOfStream(err error) error {
	if err == io.EOF && c.r != c.w {
		return io.ErrUnexpectedEOF
	}
	return err
}

// makeRoom moves the buffered bytes to the front of rbuf where n bytes would not
// fit behind them, or where they are so few that moving them costs nothing; and
// to a larger buffer where n bytes or the packet at hand want one.
func (c *Conn) makeRoom(n int) {
	if len(c.rbuf) < blockSize && max(n, c.cur.left) > len(c.rbuf) {
		b := getBlock()
		c.w = copy(b, c.rbuf[c.r:c.w])
		c.r = 0
		putBlock(c.rbuf)
		c.rbuf = b
		return
	}
	if c.r > 0 && (c.r+n > len(c.rbuf) || c.w-c.r < 64) {
		c.w = copy(c.rbuf, c.rbuf[c.r:c.w])
		c.r = 0
	}
}

// peekHeader reads the header at the front of the buffer without consuming it
// and checks its sequence number. It returns the payload's length.
func (c *Conn) peekHeader() (int, error) {
	h := c.rbuf[c.r : c.r+headerSize]
	if h[3] != c.seq {
		return 0, &SequenceError{Want: c.seq, Got: h[3]}
	}
	return int(h[0]) | int(h[1])<<8 | int(h[2])<<16, nil
}

// takeHeader consumes a header that announced n bytes.
func (c *Conn) takeHeader(n int) {
	c.r += headerSize
	c.seq++
	c.cur.phys, c.cur.left, c.cur.more = n, n, n == MaxPhysical
}

// continuation reads the header of the current packet's next physical packet.
func (c *Conn) continuation() error {
	if err := c.fillWithin(headerSize); err != nil {
		return err
	}
	n, err := c.peekHeader()
	if err != nil {
		return err
	}
	c.takeHeader(n)
	return nil
}

// consume takes k bytes of the current packet out of the buffer.
func (c *Conn) consume(k int) {
	c.r += k
	c.cur.left -= k
}

// finish ends the current packet, which has been consumed.
func (c *Conn) finish() {
	if c.cur.joined != nil {
		putJoin(c.cur.joined)
	}
	c.cur = current{}
}

// joinPhysical appends what is left of the physical packet at hand to joined:
// first what is buffered, then straight from the network, no further than the
// packet's end.
func (c *Conn) joinPhysical() error {
	cur := &c.cur
	for cur.left > 0 {
		b := *cur.joined
		if len(b) == cap(b) {
			cur.joined = growJoin(cur.joined)
			b = *cur.joined
		}
		room := b[len(b):min(cap(b), len(b)+cur.left)]
		if c.r < c.w {
			k := copy(room, c.rbuf[c.r:c.w])
			c.consume(k)
			*cur.joined = b[:len(b)+k]
			continue
		}
		k, err := c.tr.read(room)
		if c.again(err) {
			continue
		}
		if err != nil {
			return unexpected(err)
		}
		cur.left -= k
		*cur.joined = b[:len(b)+k]
	}
	return nil
}
