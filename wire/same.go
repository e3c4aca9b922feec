package wire

import "bytes"

// SkipSame tells whether the current packet, the payload of which nobody has taken,
// and those behind it are n packets that are these bytes, headers included, 16 KiB at
// most. Then they are skipped and no packet is current. Where they are not, nothing
// has happened. It waits for more as long as what has come is the beginning of them:
// n packets must be sure to come.
func (c *Conn) SkipSame(packets []byte, n int) (same bool, err error) {
	cur, rest := &c.cur, packets[headerSize:]
	if !cur.valid || cur.taken || cur.joined != nil || cur.left != cur.phys || packets[3] != c.seq-1 ||
		cur.phys != int(packets[0])|int(packets[1])<<8|int(packets[2])<<16 {
		return false, nil
	}
	for {
		there := min(len(rest), c.w-c.r)
		if !bytes.Equal(c.rbuf[c.r:c.r+there], rest[:there]) {
			return false, nil
		}
		if there == len(rest) {
			break
		}
		if err := c.fillWithin(there + 1); err != nil {
			return false, err
		}
	}
	c.finish()
	c.r += len(rest)
	c.seq += uint8(n - 1)
	return true, nil
}

// WriteFramed buffers n packets that have their headers, the first with the sequence
// number that is next. They are not kept.
func (c *Conn) WriteFramed(packets []byte, n int) error {
	c.put(packets)
	c.seq += uint8(n)
	return c.werr
}
