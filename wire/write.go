package wire

import "io"

// WritePacket buffers a packet with this payload, split where it is longer than
// MaxPhysical. The payload is not kept.
func (c *Conn) WritePacket(payload []byte) error {
	for len(payload) >= MaxPhysical {
		c.putHeader(MaxPhysical)
		c.put(payload[:MaxPhysical])
		payload = payload[MaxPhysical:]
	}
	c.putHeader(len(payload))
	c.put(payload)
	return c.werr
}

// WritePieces buffers one packet whose payload is the pieces put together.
// Large pieces are written straight from where they are, and none is kept.
func (c *Conn) WritePieces(pieces ...[]byte) error {
	total := 0
	for _, p := range pieces {
		total += len(p)
	}
	size := min(total, MaxPhysical) // of the physical packet that is open
	room := size                    // left in it
	c.putHeader(size)
	for _, p := range pieces {
		for len(p) > 0 {
			if room == 0 {
				size = min(total, MaxPhysical)
				room = size
				c.putHeader(size)
			}
			k := min(len(p), room)
			c.put(p[:k])
			p = p[k:]
			room -= k
			total -= k
		}
	}
	// A packet of full length always has one after it, if only an empty one.
	if size == MaxPhysical {
		c.putHeader(0)
	}
	return c.werr
}

// Flush sends what is buffered.
func (c *Conn) Flush() error {
	if c.werr != nil {
		return c.werr
	}
	if c.wn == 0 {
		return nil
	}
	c.send(nil)
	return c.werr
}

// FlushLate has what is buffered sent when the Conn next waits for a packet, as
// part of that wait: cheaper than Flush where nothing else is done before. Who
// calls it reads from the Conn next, or calls Flush. It fails only as what was
// written before has.
func (c *Conn) FlushLate() error {
	c.late = c.wn > 0
	return c.werr
}

// putHeader buffers the header of a physical packet of n bytes.
func (c *Conn) putHeader(n int) {
	if c.wbuf != nil && c.wn+headerSize > blockSize {
		c.send(nil)
	}
	if c.werr != nil {
		return
	}
	if c.wbuf == nil {
		c.wbuf = getBlock()
	}
	h := c.wbuf[c.wn : c.wn+headerSize]
	h[0], h[1], h[2], h[3] = byte(n), byte(n>>8), byte(n>>16), c.seq
	c.seq++
	c.wn += headerSize
}

var errCutShort = &WriteError{Err: io.ErrUnexpectedEOF}

// cutShort ends all writing where a packet has been passed on in part and the
// rest will not come: whatever followed would be read as part of it.
func (c *Conn) cutShort() {
	if c.werr == nil {
		c.werr = errCutShort
	}
}

// put buffers p where it fits, else sends the buffer and p together.
func (c *Conn) put(p []byte) {
	switch {
	case c.werr != nil || len(p) == 0:
	case len(p) > blockSize-c.wn:
		c.send(p)
	default:
		if c.wbuf == nil {
			c.wbuf = getBlock()
		}
		c.wn += copy(c.wbuf[c.wn:], p)
	}
}

// send writes the buffer and then p, and gives the buffer back.
func (c *Conn) send(p []byte) {
	if err := c.tr.write(c.wbuf[:c.wn], p); err != nil {
		c.werr = &WriteError{Err: err}
	}
	c.wn, c.late = 0, false
	if c.wbuf != nil {
		putBlock(c.wbuf)
		c.wbuf = nil
	}
}
