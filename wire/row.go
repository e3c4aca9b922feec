package wire

// AppendTextRow appends a row of the text protocol to dst. A nil field is NULL,
// an empty one the empty string. Source: "Text Resultset Row".
func AppendTextRow(dst []byte, fields ...[]byte) []byte {
	for _, f := range fields {
		if f == nil {
			dst = AppendLenNull(dst)
		} else {
			dst = AppendLenBytes(dst, f)
		}
	}
	return dst
}

// A TextRow walks the values of a row of the text protocol.
type TextRow struct {
	r cursor
}

// NewTextRow returns a walk over the row with this payload.
func NewTextRow(p []byte) TextRow { return TextRow{cursor{p: p}} }

// Next returns the next value, which points into the row. ok is false at the
// row's end and where it cannot be read; Err tells which.
func (t *TextRow) Next() (value []byte, null, ok bool) {
	if len(t.r.p) == 0 {
		return nil, false, false
	}
	if t.r.p[0] == nullByte {
		t.r.p = t.r.p[1:]
		return nil, true, true
	}
	value = t.r.lenBytes()
	return value, false, !t.r.bad
}

// Err returns a [*MalformedError] if Next ended before the end of the row.
func (t *TextRow) Err() error { return t.r.err("text row") }

// A BinaryRow walks the values of a row of the binary protocol.
// Source: "Binary Protocol Resultset Row".
type BinaryRow struct {
	r     cursor
	nulls []byte
	types []FieldType
	i     int
}

// binaryRowNullOffset is the number of unused bits in front of a row's NULL
// bitmap.
const binaryRowNullOffset = 2

// NewBinaryRow returns a walk over the row with this payload, whose columns have
// these types.
func NewBinaryRow(p []byte, types []FieldType) BinaryRow {
	b := BinaryRow{r: cursor{p: p}, types: types}
	if b.r.u8() != 0 {
		b.r.fail()
	}
	b.nulls = b.r.bytes((len(types) + 7 + binaryRowNullOffset) / 8)
	return b
}

// Next returns the next value, which points into the row: the little-endian
// bytes of a number, and of all else the bytes after the length. ok is false at
// the row's end and where it cannot be read; Err tells which.
func (b *BinaryRow) Next() (value []byte, null, ok bool) {
	if b.r.bad || b.i == len(b.types) {
		return nil, false, false
	}
	i := b.i
	b.i++
	if bit := i + binaryRowNullOffset; b.nulls[bit/8]&(1<<(bit%8)) != 0 {
		return nil, true, true
	}
	_, value = b.r.binaryValue(b.types[i])
	return value, false, !b.r.bad
}

// Err returns a [*MalformedError] if Next ended before the last column, or if
// bytes follow that one.
func (b *BinaryRow) Err() error {
	if b.i == len(b.types) && len(b.r.p) > 0 {
		return &MalformedError{What: "binary row is longer than its columns"}
	}
	return b.r.err("binary row")
}

// binaryValue reads a value of the binary protocol: all of its bytes, and those
// without a length in front.
func (r *cursor) binaryValue(t FieldType) (whole, value []byte) {
	start := r.p
	switch layout := t.layout(); layout {
	case layoutUnknown:
		r.fail()
	case layoutLenenc:
		value = r.lenBytes()
	case layoutClock:
		value = r.bytes(int(r.u8()))
	default:
		value = r.bytes(layout)
	}
	if r.bad {
		return nil, nil
	}
	n := len(start) - len(r.p)
	return start[:n:n], value
}
