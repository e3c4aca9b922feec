package wire

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// allTypes are the types that have a binary form.
func allTypes() (types []FieldType) {
	for t := range 256 {
		if FieldType(t).layout() != layoutUnknown {
			types = append(types, FieldType(t))
		}
	}
	return types
}

// generated makes a row out of data: its columns' types and values. A value has
// the size that its type asks for; nil is NULL.
func generated(data []byte, types []FieldType) (of []FieldType, values [][]byte) {
	for len(data) >= 2 {
		t := types[int(data[0])%len(types)]
		n := int(data[1])
		data = data[2:]
		of = append(of, t)
		if n%4 == 3 || t == TypeNull {
			values = append(values, nil)
			continue
		}
		v := make([]byte, n)
		switch layout := t.layout(); {
		case layout >= 0:
			v = v[:0:0]
			v = append(v, make([]byte, layout)...)
		case layout == layoutClock:
			v = v[:n%13]
		case n%16 == 8: // beyond one byte of length
			v = make([]byte, n*300)
		}
		data = data[copy(v, data):]
		values = append(values, v)
	}
	return of, values
}

// appendBinaryRow writes a row as a server does, apart from the code under test.
func appendBinaryRow(dst []byte, types []FieldType, values [][]byte) []byte {
	bitmap := make([]byte, (len(types)+9)/8)
	var behind []byte
	for i, v := range values {
		switch {
		case v == nil:
			bitmap[(i+2)/8] |= 1 << ((i + 2) % 8)
		case types[i].layout() == layoutLenenc:
			behind = AppendLenBytes(behind, v)
		case types[i].layout() == layoutClock:
			behind = append(append(behind, byte(len(v))), v...)
		default:
			behind = append(behind, v...)
		}
	}
	return append(append(append(dst, 0), bitmap...), behind...)
}

// FuzzRowReader generates rows of every type. What is written for the client must
// be the row of its own columns, and the values those that went in.
func FuzzRowReader(f *testing.F) {
	types := allTypes()
	var every []byte
	for i := range types {
		every = append(every, byte(i), 9, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	}
	for keep := range len(types) + 1 {
		f.Add(every, uint8(keep), uint8(keep))
	}
	f.Add([]byte{20, 3, 20, 8, 20, 200, 20, 1, 'a'}, uint8(2), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, keeps, lasts uint8) {
		columns, values := generated(data, types)
		keep := int(keeps) % (len(columns) + 1)
		last := int(lasts)%(len(columns)+1) - 1
		for _, binary := range []bool{false, true} {
			row, want := AppendTextRow(nil, values...), AppendTextRow(nil, values[:keep]...)
			if binary {
				row, want = appendBinaryRow(nil, columns, values), appendBinaryRow(nil, columns[:keep], values[:keep])
			}
			var r RowReader
			r.Reset(columns, keep, binary)
			got := make([]RowValue, last+1)
			if err := r.Read(row, last, got); err != nil {
				t.Fatalf("%x, binary %v: %v", row, binary, err)
			}
			for i, v := range got {
				if v.Null != (values[i] == nil) || (v.Bytes == nil) != v.Null || !bytes.Equal(v.Bytes, values[i]) {
					t.Fatalf("value %d is %x, NULL %v, want %x", i, v.Bytes, v.Null, values[i])
				}
			}
			if out := kept(t, &r, row); !bytes.Equal(out, want) {
				t.Fatalf("%d of %d columns, binary %v:\n%x\nbecomes\n%x, want\n%x", keep, len(columns), binary, row, out, want)
			}
		}
	})
}

// FuzzRowReaderGarbage reads anything as a row of any types. It must agree with
// the walks of whole rows, or say that the row is malformed, and what it writes
// must be read as the front of the same row.
func FuzzRowReaderGarbage(f *testing.F) {
	f.Add([]byte("\x017\x02ab\xfb"), []byte{3, 253, 3}, uint8(2), false)
	f.Add([]byte("\x00\x10\x07\x00\x00\x00\x02ab"), []byte{3, 253, 3}, uint8(2), true)
	f.Add([]byte("\xfe\x01\x00\x00\x00\x00\x00\x00\x00a\x01b"), []byte{253, 253}, uint8(1), false)
	f.Fuzz(func(t *testing.T, p, raw []byte, keeps uint8, binary bool) {
		if len(raw) == 0 {
			return
		}
		var types []FieldType
		for _, b := range raw {
			types = append(types, FieldType(b))
		}
		keep := int(keeps) % len(types)
		before := bytes.Clone(p)
		want, wantErr := walk(p, types, binary)
		fits := wantErr == nil && len(want) == len(types)
		endLike := !binary && keep > 0 && len(p) > 0 && p[0] == 0xfe

		var r RowReader
		r.Reset(types, keep, binary)
		got := make([]RowValue, len(types))
		err := r.Read(p, len(types)-1, got)
		if err != nil {
			var malformed *MalformedError
			if !errors.As(err, &malformed) || fits && !endLike {
				t.Fatalf("%x of %v: %v", p, types, err)
			}
			return
		}
		if !fits {
			t.Fatalf("%x of %v is accepted: %v", p, types, wantErr)
		}
		same := func(a, b RowValue) bool { return a.Null == b.Null && bytes.Equal(a.Bytes, b.Bytes) }
		if !slices.EqualFunc(got, want, same) {
			t.Fatalf("%x is %s, want %s", p, show(got), show(want))
		}
		out := kept(t, &r, p)
		if len(out) > 0 && EndsRows(out[0], len(out)) {
			t.Fatalf("%x is written as the end of the rows: %x", p, out)
		}
		if front := valuesOf(t, out, types[:keep], binary); !slices.EqualFunc(front, want[:keep], same) {
			t.Fatalf("%x is written %x", p, out)
		}
		if !bytes.Equal(p, before) {
			t.Fatal("the row has been changed")
		}
		// What the client is shown whole may be read in part.
		r.Reset(types, len(types), binary)
		for last := -1; last < len(types); last++ {
			if err := r.Read(p, last, got); err != nil {
				t.Fatalf("to %d: %v", last, err)
			}
			if !slices.EqualFunc(got[:last+1], want[:last+1], same) {
				t.Fatalf("to %d: %s", last, show(got[:last+1]))
			}
		}
	})
}
