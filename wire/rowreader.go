package wire

// A RowReader walks the rows of one result, of either protocol, where the proxy
// looks at some values and the client sees only the first of the columns: those
// behind them were added and are taken out again. It allocates nothing from one
// row to the next, and keeps its room for the next result.
//
// Sources: "Text Resultset Row", "Binary Protocol Resultset Row".
type RowReader struct {
	layouts []int8 // of all columns, see FieldType.layout
	keep    int
	binary  bool
	// What Read found in the row at hand.
	values int // where the first value begins
	cut    int // where the columns that the client sees end
	// head is the front of a binary row for the client, with its own NULL bitmap.
	head []byte
}

// A RowValue is a value of a row.
type RowValue struct {
	// Bytes are those of the text, or of the binary value as [BinaryRow.Next]
	// gives them. They point into the row. nil for NULL, and for that only.
	Bytes []byte
	Null  bool
}

// Reset begins a result. types are those of all columns that the server sends,
// keep is the number of those that the client sees, at most len(types), and
// binary tells the protocol. types is not kept.
func (r *RowReader) Reset(types []FieldType, keep int, binary bool) {
	r.layouts = r.layouts[:0]
	for _, t := range types {
		r.layouts = append(r.layouts, int8(t.layout()))
	}
	r.keep, r.binary = keep, binary
	r.values, r.cut = 0, 0
}

// Read reads the row with this payload: its columns up to last go to
// values[:last+1]. last is -1 where no value is wanted, and the index of a
// column at most.
//
// Where columns are taken out the whole row is read, and one that does not fit
// its columns is a [*MalformedError]; else what is behind last is not looked at.
func (r *RowReader) Read(p []byte, last int, values []RowValue) error {
	n := len(r.layouts)
	r.cut = len(p)
	if r.keep == n {
		n = last + 1
	}
	var pos int
	var ok bool
	if r.binary {
		pos, ok = r.readBinary(p, n, values[:last+1])
	} else {
		pos, ok = r.readText(p, n, values[:last+1])
	}
	switch {
	case !ok:
		return &MalformedError{What: "row is cut short or has a wrong length"}
	case n == len(r.layouts) && pos != len(p):
		return &MalformedError{What: "row is longer than its columns"}
	case !r.binary && 0 < r.keep && r.keep < len(r.layouts) && p[0] == 0xfe && r.cut < MaxPhysical:
		// No server writes a length so. Without the columns that make it as
		// long as it is, the row would be taken for the end of the rows.
		return &MalformedError{What: "row begins with a length of a wrong form"}
	}
	return nil
}

// readText reads the first n columns of a text row and returns where they end.
func (r *RowReader) readText(p []byte, n int, values []RowValue) (pos int, ok bool) {
	for i := range n {
		if i == r.keep {
			r.cut = pos
		}
		if pos >= len(p) {
			return 0, false
		}
		if p[pos] == nullByte {
			pos++
			if i < len(values) {
				values[i] = RowValue{Null: true}
			}
			continue
		}
		start, end := lenBytesAt(p, pos)
		if start == 0 {
			return 0, false
		}
		if i < len(values) {
			values[i] = RowValue{Bytes: p[start:end:end]}
		}
		pos = end
	}
	return pos, true
}

// readBinary reads the first n columns of a binary row and returns where they
// end.
func (r *RowReader) readBinary(p []byte, n int, values []RowValue) (pos int, ok bool) {
	pos = binaryRowHead(len(r.layouts))
	if len(p) < pos || p[0] != 0 {
		return 0, false
	}
	nulls := p[1:pos]
	r.values = pos
	for i, layout := range r.layouts[:n] {
		if i == r.keep {
			r.cut = pos
		}
		if nullBit(nulls, i+binaryRowNullOffset) {
			if i < len(values) {
				values[i] = RowValue{Null: true}
			}
			continue
		}
		start, end := pos, pos+int(layout)
		switch layout {
		case layoutUnknown:
			return 0, false
		case layoutLenenc:
			if start, end = lenBytesAt(p, pos); start == 0 {
				return 0, false
			}
		case layoutClock:
			if pos >= len(p) {
				return 0, false
			}
			start = pos + 1
			end = start + int(p[pos])
		}
		if end > len(p) {
			return 0, false
		}
		if i < len(values) {
			values[i] = RowValue{Bytes: p[start:end:end]}
		}
		pos = end
	}
	return pos, true
}

// WriteKept buffers the row that Read has just read, without the columns that
// the client does not see, as one packet of dst. Large values are written from
// where they are. What becomes of the packet that was read is the caller's.
func (r *RowReader) WriteKept(dst *Conn, p []byte) error {
	if r.keep == len(r.layouts) {
		return dst.WritePacket(p)
	}
	if !r.binary {
		return dst.WritePacket(p[:r.cut])
	}
	n := binaryRowHead(r.keep)
	r.head = append(r.head[:0], p[:n]...)
	// The bits of the columns that are taken out may share a byte with others.
	if used := (r.keep + binaryRowNullOffset) % 8; used != 0 {
		r.head[n-1] &= 1<<used - 1
	}
	values := p[r.values:r.cut]
	if n+len(values) >= MaxPhysical {
		return dst.WritePieces(r.head, values)
	}
	dst.putHeader(n + len(values))
	dst.put(r.head)
	dst.put(values)
	return dst.werr
}

// binaryRowHead returns how many bytes a binary row of n columns has in front of
// its values: 0x00 and the NULL bitmap.
func binaryRowHead(n int) int { return 1 + (n+7+binaryRowNullOffset)/8 }

// lenBytesAt returns where the content of the length-encoded string at p[pos:]
// begins and ends. start is 0 if there is none.
func lenBytesAt(p []byte, pos int) (start, end int) {
	if pos < len(p) && p[pos] < nullByte { // nearly all are
		start = pos + 1
		end = start + int(p[pos])
		if end > len(p) {
			return 0, 0
		}
		return start, end
	}
	size, n := ReadLenInt(p[pos:])
	if n == 0 || size > uint64(len(p)-pos-n) {
		return 0, 0
	}
	return pos + n, pos + n + int(size)
}
