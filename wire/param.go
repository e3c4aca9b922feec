package wire

import (
	"encoding/binary"
	"math"
)

// A ParamType is the type of a parameter as an execution gives it.
type ParamType struct {
	Type     FieldType
	Unsigned bool
}

// A Param is a parameter of an execution, or a query attribute.
type Param struct {
	Type     FieldType
	Unsigned bool
	Null     bool
	Long     bool   // came by COM_STMT_SEND_LONG_DATA
	Name     []byte // of a query attribute
	Value    []byte // the bytes on the wire, with a length in front where the type has one; empty for NULL and long data
}

// NewInt returns a signed integer parameter.
func NewInt(v int64) Param {
	return Param{Type: TypeLongLong, Value: binary.LittleEndian.AppendUint64(nil, uint64(v))}
}

// NewUint returns an unsigned integer parameter.
func NewUint(v uint64) Param {
	return Param{Type: TypeLongLong, Unsigned: true, Value: binary.LittleEndian.AppendUint64(nil, v)}
}

// NewBytes returns a string parameter, in the session's character set. b is
// copied.
func NewBytes(b []byte) Param {
	return Param{Type: TypeVarString, Value: AppendLenBytes(nil, b)}
}

// NewNull returns a NULL parameter.
func NewNull() Param { return Param{Type: TypeNull, Null: true} }

// Integer returns the value of an integer parameter. If negative, it is
// int64(v). ok is false for other types, NULL and long data.
func (p Param) Integer() (v uint64, negative, ok bool) {
	if p.Null || p.Long {
		return 0, false, false
	}
	size := 0
	switch p.Type {
	case TypeTiny, TypeBool:
		size = 1
	case TypeShort, TypeYear:
		size = 2
	case TypeLong, TypeInt24:
		size = 4
	case TypeLongLong:
		size = 8
	}
	if size == 0 || len(p.Value) != size {
		return 0, false, false
	}
	for i, b := range p.Value {
		v |= uint64(b) << (8 * i)
	}
	if p.Unsigned {
		return v, false, true
	}
	shift := 64 - 8*size
	v = uint64(int64(v<<shift) >> shift)
	return v, v > math.MaxInt64, true
}

// Bytes returns the content of a parameter that is a string on the wire: text,
// binary, decimals, JSON. ok is false for other types, NULL and long data. It
// points into the packet.
func (p Param) Bytes() (b []byte, ok bool) {
	if p.Null || p.Long || p.Type.layout() != layoutLenenc {
		return nil, false
	}
	b, n := ReadLenBytes(p.Value)
	return b, n > 0 && n == len(p.Value)
}

// Parameter types are two bytes on the wire: the type, and a flag in the top bit.
const unsignedFlag = 1 << 15

func appendParamType(dst []byte, t FieldType, unsigned bool) []byte {
	v := uint16(t)
	if unsigned {
		v |= unsignedFlag
	}
	return binary.LittleEndian.AppendUint16(dst, v)
}

// paramType reads a parameter's type. Bits that nobody defined are refused: a
// server might read them as another type and so the values differently.
func (r *cursor) paramType() ParamType {
	v := r.u16()
	if v&^unsignedFlag > 0xff {
		r.fail()
	}
	return ParamType{Type: FieldType(v), Unsigned: v&unsignedFlag != 0}
}

// nullBit is bit i of a NULL bitmap that has no offset.
func nullBit(bitmap []byte, i int) bool { return bitmap[i/8]&(1<<(i%8)) != 0 }
