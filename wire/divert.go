package wire

import "errors"

// A Diversion keeps what is written to a Conn, in the place of its peer: see
// [Conn.Divert].
type Diversion struct {
	transport // reading goes on as before

	c     *Conn
	seq   uint8
	kept  []byte
	limit int
	over  bool
}

// ErrDiverted is the error of [Diversion.Take] where more was written than is kept.
var ErrDiverted = errors.New("more is written than is kept of a diversion")

// Divert keeps what is written to c from now on, up to limit bytes between two calls
// of Take, and sends none of it, until End is called. Nothing may be buffered.
func (c *Conn) Divert(limit int) *Diversion {
	d := &Diversion{transport: c.tr, c: c, seq: c.seq, limit: limit}
	c.tr = d
	return d
}

// Diverted reports whether what is written to c is kept.
func (c *Conn) Diverted() bool {
	_, diverted := c.tr.(*Diversion)
	return diverted
}

// Take gives the payloads of the packets that were written since it was called last.
// They are good until more is written. The next packet has the sequence number of the
// first one again.
func (d *Diversion) Take() (payloads [][]byte, err error) {
	defer func() { d.kept, d.over, d.c.seq = d.kept[:0], false, d.seq }()
	if err := d.c.Flush(); err != nil {
		return nil, err
	}
	if d.over {
		return nil, ErrDiverted
	}
	for p, more := d.kept, false; len(p) > 0; {
		n := int(p[0]) | int(p[1])<<8 | int(p[2])<<16
		payload := p[headerSize : headerSize+n : headerSize+n]
		if more {
			last := len(payloads) - 1
			payloads[last] = append(payloads[last], payload...)
		} else {
			payloads = append(payloads, payload)
		}
		p, more = p[headerSize+n:], n == MaxPhysical
	}
	return payloads, nil
}

// End drops what was not taken. What is written from now on is sent, with the sequence
// numbers of before.
func (d *Diversion) End() {
	d.c.wn, d.c.late = 0, false
	if d.c.wbuf != nil {
		putBlock(d.c.wbuf)
		d.c.wbuf = nil
	}
	d.c.tr, d.c.seq = d.transport, d.seq
}

// write keeps what would have been sent.
func (d *Diversion) write(head, tail []byte) error {
	if d.over = d.over || len(d.kept)+len(head)+len(tail) > d.limit; d.over {
		return nil
	}
	d.kept = append(append(d.kept, head...), tail...)
	return nil
}
