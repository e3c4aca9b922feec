package wire

import (
	"encoding/binary"
	"strconv"
)

// AppendInteger appends the decimal digits of v, an integer in a row of a result,
// to dst, so that a value has one form whatever protocol it came by: a minus sign
// where it is negative, and no zeros in front, which ZEROFILL columns have in
// text.
//
// v is a value that is not NULL, of a column of type t, unsigned as its flags say
// it: text, or with binary the little-endian bytes. ok is false, and dst as it
// was, if t is no integer type (YEAR is one, BIT and DECIMAL are not) or v no
// value of it.
//
// Source: "Binary Protocol Value"; INT24 has 4 bytes there, and YEAR has 2 and no
// sign.
func AppendInteger(dst, v []byte, t FieldType, unsigned, binary bool) (_ []byte, ok bool) {
	switch t {
	case TypeYear:
		unsigned = true
	case TypeTiny, TypeShort, TypeInt24, TypeLong, TypeLongLong:
	default:
		return dst, false
	}
	if binary {
		return appendBinaryInteger(dst, v, t, unsigned)
	}
	return appendTextInteger(dst, v, unsigned)
}

func appendBinaryInteger(dst, v []byte, t FieldType, unsigned bool) (_ []byte, ok bool) {
	if len(v) != t.layout() {
		return dst, false
	}
	var u uint64
	switch len(v) {
	case 1:
		u = uint64(int8(v[0]))
		if unsigned {
			u = uint64(v[0])
		}
	case 2:
		x := binary.LittleEndian.Uint16(v)
		u = uint64(int16(x))
		if unsigned {
			u = uint64(x)
		}
	case 4:
		x := binary.LittleEndian.Uint32(v)
		u = uint64(int32(x))
		if unsigned {
			u = uint64(x)
		}
	default:
		u = binary.LittleEndian.Uint64(v)
	}
	if unsigned {
		return strconv.AppendUint(dst, u, 10), true
	}
	return strconv.AppendInt(dst, int64(u), 10), true
}

func appendTextInteger(dst, v []byte, unsigned bool) (_ []byte, ok bool) {
	digits := v
	negative := len(v) > 0 && v[0] == '-'
	if negative {
		digits = v[1:]
	}
	if len(digits) == 0 || negative && unsigned {
		return dst, false
	}
	zeros := 0
	for i, b := range digits {
		if b < '0' || b > '9' {
			return dst, false
		}
		if b == '0' && zeros == i {
			zeros++
		}
	}
	if zeros == len(digits) {
		return append(dst, '0'), true
	}
	if negative {
		dst = append(dst, '-')
	}
	return append(dst, digits[zeros:]...), true
}
