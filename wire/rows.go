package wire

// endsRows tells whether a physical packet is no row: an error, or the end of
// the rows, which begins as a value of 16 MiB or more would but is shorter.
func endsRows(first byte, n int) bool {
	return first == 0xff || first == 0xfe && n < MaxPhysical
}

// PassRows passes result rows on to dst, renumbered, until a packet that is no
// row: one that begins with 0xff, or with 0xfe and is shorter than MaxPhysical.
// That one is left current, and first and n are as Next gives them.
//
// A packet that Next made current and that nobody has looked into is the first
// of the rows; one whose Payload was taken is dropped, as by Next.
//
// Rows are not touched one by one: headers are renumbered inside the read buffer
// and the buffer is written on. Whenever the source has nothing more to read,
// what dst has buffered is flushed before waiting, so a slow result arrives as
// it is produced; with a fast one, or where the transport cannot tell, that is
// once for each read. The end of the rows leaves dst unflushed. Where the source
// fails within a row dst writes nothing more, as with [Conn.Pass].
func (c *Conn) PassRows(dst *Conn) (first byte, n int, err error) {
	left, more := 0, false // of the packet that the walk is in
	switch cur := &c.cur; {
	case !cur.valid:
	case cur.taken:
		if err := c.Drop(); err != nil {
			return 0, 0, err
		}
	case cur.joined != nil:
		if err := c.Pass(dst); err != nil {
			return 0, 0, err
		}
	default:
		if cur.phys > 0 {
			first = c.rbuf[c.r]
		}
		if endsRows(first, cur.phys) {
			return first, cur.phys, nil
		}
		dst.putHeader(cur.phys)
		left, more = cur.left, cur.more
		c.finish()
	}
	for {
		end, need := false, 0
		pos, seq := c.r, c.seq
		for {
			if left > 0 {
				k := min(left, c.w-pos)
				pos += k
				left -= k
				if left > 0 {
					need = 1
					break
				}
			}
			if c.w-pos < headerSize {
				need = headerSize
				break
			}
			h := c.rbuf[pos:]
			n = int(h[0]) | int(h[1])<<8 | int(h[2])<<16
			if h[3] != seq {
				err = &SequenceError{Want: seq, Got: h[3]}
				break
			}
			if !more {
				first = 0
				if n > 0 {
					if c.w-pos == headerSize {
						need = headerSize + 1
						break
					}
					first = h[headerSize]
				}
				if first >= 0xfe && endsRows(first, n) {
					end = true
					break
				}
			}
			h[3] = dst.seq
			dst.seq++
			seq++
			pos += headerSize
			left, more = n, n == MaxPhysical
		}
		c.seq = seq
		if pos > c.r {
			dst.put(c.rbuf[c.r:pos])
			c.r = pos
			if dst.werr != nil {
				return 0, 0, dst.werr
			}
		}
		if err != nil {
			if more {
				dst.cutShort()
			}
			return 0, 0, err
		}
		if end {
			c.takeHeader(n)
			c.cur.valid = true
			return first, n, nil
		}
		if err := c.fillRows(need, dst, left > 0 || more); err != nil {
			if left > 0 || more {
				dst.cutShort()
			}
			return 0, 0, err
		}
	}
}

// fillRows is fill, but flushes dst rather than let it wait for bytes that are
// in its buffer. within tells that the stream must not end here.
func (c *Conn) fillRows(n int, dst *Conn, within bool) error {
	if c.rbuf == nil {
		c.rbuf, c.r, c.w = getBlock(), 0, 0
	}
	c.makeRoom(n)
	k, err := c.tr.tryRead(c.rbuf[c.w:])
	if err == errWouldBlock {
		err = dst.Flush()
	}
	if err == nil {
		c.w += k
		err = c.fill(n)
	}
	if within {
		return unexpected(err)
	}
	return c.endOfStream(err)
}
