package wire

// EndsRows tells whether a packet among rows is no row, given what Next says of
// it: an error, or the end of the rows, which begins as a value of 16 MiB or more
// would but is shorter. Source: "Text Resultset".
func EndsRows(first byte, n int) bool {
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
		if EndsRows(first, cur.phys) {
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
				if first >= 0xfe && EndsRows(first, n) {
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

// NextRow is [Conn.Next] among the rows of a result, each of which is looked into
// and then written to dst or passed on to it. Where it has to wait for the peer
// it first flushes dst, so that a slow result arrives as it is produced. A row
// that fits a buffer is there whole when it returns, so Payload does not wait.
//
// Unlike Next it holds its buffer while it waits. Failures of dst are
// [*WriteError]s.
func (c *Conn) NextRow(dst *Conn) (first byte, n int, err error) {
	if c.cur.valid {
		if c.cur.more || c.cur.left > c.w-c.r {
			if err := dst.Flush(); err != nil {
				return 0, 0, err
			}
		}
		if err := c.Drop(); err != nil {
			return 0, 0, err
		}
	}
	if c.w-c.r < headerSize {
		if err := c.fillRows(headerSize, dst, false); err != nil {
			return 0, 0, err
		}
	}
	n, err = c.peekHeader()
	if err != nil {
		return 0, 0, err
	}
	need := headerSize + n
	if need > blockSize {
		// The rest is waited for elsewhere. A row of this size is not worth
		// holding others back for.
		if err := dst.Flush(); err != nil {
			return 0, 0, err
		}
		need = headerSize + 1
	}
	if c.w-c.r < need {
		if err := c.fillRows(need, dst, true); err != nil {
			return 0, 0, err
		}
	}
	if n > 0 {
		first = c.rbuf[c.r+headerSize]
	}
	c.takeHeader(n)
	c.cur.valid = true
	return first, n, nil
}

// fillRows is fill, but flushes dst rather than let it wait for bytes that are
// in its buffer. Fewer than n bytes are there. within tells that the stream must
// not end here.
func (c *Conn) fillRows(n int, dst *Conn, within bool) error {
	if c.rbuf == nil {
		c.rbuf, c.r, c.w = getBlock(), 0, 0
	}
	err := c.flushBuffered()
	for err == nil && c.w-c.r < n {
		var k int
		c.makeRoom(n)
		if k, err = c.tr.tryRead(c.rbuf[c.w:]); c.again(err) {
			err = nil
		}
		c.w += k
	}
	if err == errWouldBlock {
		if err = dst.Flush(); err == nil {
			err = c.fill(n)
		}
	}
	if within {
		return unexpected(err)
	}
	return c.endOfStream(err)
}
