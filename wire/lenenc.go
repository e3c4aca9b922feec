package wire

import "encoding/binary"

// nullByte stands for NULL where a length-encoded string may.
const nullByte = 0xfb

// AppendLenInt appends v as a length-encoded integer, in its shortest form.
func AppendLenInt(dst []byte, v uint64) []byte {
	switch {
	case v < nullByte:
		return append(dst, byte(v))
	case v < 1<<16:
		return append(dst, 0xfc, byte(v), byte(v>>8))
	case v < 1<<24:
		return append(dst, 0xfd, byte(v), byte(v>>8), byte(v>>16))
	}
	return binary.LittleEndian.AppendUint64(append(dst, 0xfe), v)
}

// AppendLenBytes appends s with its length before it, a length-encoded string.
func AppendLenBytes[T ~[]byte | ~string](dst []byte, s T) []byte {
	return append(AppendLenInt(dst, uint64(len(s))), s...)
}

// AppendLenNull appends NULL in the place of a length-encoded string.
func AppendLenNull(dst []byte) []byte { return append(dst, nullByte) }

// ReadLenInt reads a length-encoded integer at the front of p and returns how
// many bytes it takes, 0 if there is none (too short, NULL or 0xff). Longer
// forms than needed are accepted, as servers do.
func ReadLenInt(p []byte) (v uint64, n int) {
	if len(p) == 0 {
		return 0, 0
	}
	switch b := p[0]; {
	case b < nullByte:
		return uint64(b), 1
	case b == 0xfc && len(p) >= 3:
		return uint64(p[1]) | uint64(p[2])<<8, 3
	case b == 0xfd && len(p) >= 4:
		return uint64(p[1]) | uint64(p[2])<<8 | uint64(p[3])<<16, 4
	case b == 0xfe && len(p) >= 9:
		return binary.LittleEndian.Uint64(p[1:]), 9
	}
	return 0, 0
}

// ReadLenBytes reads a length-encoded string at the front of p, a slice of p,
// and returns how many bytes it takes with its length, 0 if there is none.
func ReadLenBytes(p []byte) (s []byte, n int) {
	size, n := ReadLenInt(p)
	if n == 0 || size > uint64(len(p)-n) {
		return nil, 0
	}
	end := n + int(size)
	return p[n:end:end], end
}

// A cursor reads a packet from front to back. Once a read does not fit, bad is
// set, and that read and all later ones give zero values.
type cursor struct {
	p   []byte // what is still to be read
	bad bool
}

// fail marks the packet as malformed.
func (r *cursor) fail() { r.p, r.bad = nil, true }

func (r *cursor) bytes(n int) []byte {
	if n < 0 || n > len(r.p) {
		r.fail()
		return nil
	}
	b := r.p[:n:n]
	r.p = r.p[n:]
	return b
}

func (r *cursor) u8() byte {
	if len(r.p) < 1 {
		r.fail()
		return 0
	}
	b := r.p[0]
	r.p = r.p[1:]
	return b
}

func (r *cursor) u16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *cursor) u32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *cursor) lenInt() uint64 {
	v, n := ReadLenInt(r.p)
	if n == 0 {
		r.fail()
		return 0
	}
	r.p = r.p[n:]
	return v
}

func (r *cursor) lenBytes() []byte {
	s, n := ReadLenBytes(r.p)
	if n == 0 {
		r.fail()
		return nil
	}
	r.p = r.p[n:]
	return s
}

// nul reads up to a NUL and skips it. Without a NUL it reads all there is, as
// the servers and clients do for the last string of a packet.
func (r *cursor) nul() []byte {
	for i, b := range r.p {
		if b == 0 {
			s := r.p[:i:i]
			r.p = r.p[i+1:]
			return s
		}
	}
	return r.rest()
}

func (r *cursor) rest() []byte {
	s := r.p
	r.p = nil
	return s
}

// err is the error for a packet of this name, nil if all reads fitted.
func (r *cursor) err(what string) error {
	if r.bad {
		return &MalformedError{What: what + " is cut short or has a wrong length"}
	}
	return nil
}
