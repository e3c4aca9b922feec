package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// kept is what WriteKept makes of the row that r has read.
func kept(t testing.TB, r *RowReader, p []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	dst := into(&out)
	if err := r.WriteKept(dst, p); err != nil {
		t.Fatal(err)
	}
	if err := dst.Flush(); err != nil {
		t.Fatal(err)
	}
	row, err := from(out.Bytes(), 1<<20).ReadPayload(unlimited)
	if err != nil {
		t.Fatal(err)
	}
	if framed := stream(0, row); !bytes.Equal(out.Bytes(), framed) {
		t.Fatalf("a row of %d bytes is framed in %d, want %d", len(row), out.Len(), len(framed))
	}
	return row
}

// show prints values as a test reads best: quoted bytes, and NULL.
func show(values []RowValue) string {
	var shown []string
	for _, v := range values {
		switch {
		case v.Null && v.Bytes == nil:
			shown = append(shown, "NULL")
		case v.Null || v.Bytes == nil:
			shown = append(shown, "wrong")
		default:
			shown = append(shown, fmt.Sprintf("%q", v.Bytes))
		}
	}
	return strings.Join(shown, " ")
}

const (
	untouched  = "-"
	text300    = "\xfc\x2c\x01"
	tenNulls   = "\xfb\xfb\xfb\xfb\xfb\xfb\xfb\xfb\xfb\xfb"
	tenStrings = "\x01a\x01b\x01c\x01d\x01e\x01f\x01g\x01h\x01i\x01j"
)

func typesOf(n int, t FieldType) []FieldType {
	types := make([]FieldType, n)
	for i := range types {
		types[i] = t
	}
	return types
}

func TestRowReader(t *testing.T) {
	x300 := strings.Repeat("x", 300)
	str, long := TypeVarString, TypeLong
	tests := map[string]struct {
		types  []FieldType
		keep   int
		binary bool
		row    string
		last   int
		values string
		kept   string
	}{
		"text: all columns are the client's":      {[]FieldType{long, str}, 2, false, "\x017\x02ab", 1, `"7" "ab"`, "\x017\x02ab"},
		"text: one is taken out":                  {[]FieldType{long, str, long}, 2, false, "\x017\x02ab\x0242", 2, `"7" "ab" "42"`, "\x017\x02ab"},
		"text: all but one are taken out":         {[]FieldType{long, str, long}, 1, false, "\x017\x02ab\x0242", 2, `"7" "ab" "42"`, "\x017"},
		"text: all are taken out":                 {[]FieldType{long}, 0, false, "\x017", 0, `"7"`, ""},
		"text: NULLs":                             {[]FieldType{long, str, str, long}, 2, false, "\xfb\x00\xfb\x011", 3, `NULL "" NULL "1"`, "\xfb\x00"},
		"text: a long value":                      {[]FieldType{str, str, long}, 2, false, text300 + x300 + "\x01a\x011", 2, fmt.Sprintf("%q", x300) + ` "a" "1"`, text300 + x300 + "\x01a"},
		"text: a length in a longer form":         {[]FieldType{str, str}, 1, false, "\xfc\x01\x00a\x01b", 1, `"a" "b"`, "\xfc\x01\x00a"},
		"text: a hidden one in the longest form":  {[]FieldType{str, str}, 1, false, "\x01a\xfe\x01\x00\x00\x00\x00\x00\x00\x00b", 1, `"a" "b"`, "\x01a"},
		"text: only the first is wanted":          {[]FieldType{long, str, long}, 2, false, "\x017\x02ab\x0242", 0, `"7"`, "\x017\x02ab"},
		"text: none is wanted":                    {[]FieldType{long, str, long}, 2, false, "\x017\x02ab\x0242", -1, ``, "\x017\x02ab"},
		"text: the rest is not looked at":         {[]FieldType{long, str, str}, 3, false, "\x017\xffab", 0, `"7"`, "\x017\xffab"},
		"text: nothing is looked at":              {[]FieldType{long}, 1, false, "", -1, ``, ""},
		"binary: all columns are the client's":    {[]FieldType{long, str}, 2, true, "\x00\x00\x07\x00\x00\x00\x02ab", 1, `"\a\x00\x00\x00" "ab"`, "\x00\x00\x07\x00\x00\x00\x02ab"},
		"binary: one is taken out":                {[]FieldType{long, str, TypeTiny}, 2, true, "\x00\x00\x07\x00\x00\x00\x02ab\x05", 2, `"\a\x00\x00\x00" "ab" "\x05"`, "\x00\x00\x07\x00\x00\x00\x02ab"},
		"binary: all are taken out":               {[]FieldType{TypeTiny}, 0, true, "\x00\x00\x05", 0, `"\x05"`, "\x00\x00"},
		"binary: a hidden NULL":                   {[]FieldType{str, str}, 1, true, "\x00\x08\x01a", 1, `"a" NULL`, "\x00\x00\x01a"},
		"binary: a NULL that stays":               {[]FieldType{str, str}, 1, true, "\x00\x04\x01b", 1, `NULL "b"`, "\x00\x04"},
		"binary: all NULL":                        {[]FieldType{str, str}, 1, true, "\x00\x0c", 1, `NULL NULL`, "\x00\x04"},
		"binary: the bitmap loses a byte":         {typesOf(7, str), 6, true, "\x00\xfc\x01", 6, `NULL NULL NULL NULL NULL NULL NULL`, "\x00\xfc"},
		"binary: the bitmap loses two bytes":      {typesOf(15, str), 6, true, "\x00\xfc\xff\x01", -1, ``, "\x00\xfc"},
		"binary: the bitmap keeps its byte":       {typesOf(8, str), 7, true, "\x00\xfc\x03", -1, ``, "\x00\xfc\x01"},
		"binary: the bitmap keeps its length":     {typesOf(14, str), 9, true, "\x00\xfc\xff", -1, ``, "\x00\xfc\x07"},
		"binary: values behind a longer bitmap":   {typesOf(10, str), 3, true, "\x00\x00\x00" + tenStrings, 9, `"a" "b" "c" "d" "e" "f" "g" "h" "i" "j"`, "\x00\x00\x01a\x01b\x01c"},
		"binary: clocks":                          {[]FieldType{TypeDatetime, TypeDate, TypeTime}, 2, true, "\x00\x00\x04\xe8\x07\x02\x1d\x00\x08\x00\x01\x00\x00\x00\x04\x01\x02", 2, `"\xe8\a\x02\x1d" "" "\x00\x01\x00\x00\x00\x04\x01\x02"`, "\x00\x00\x04\xe8\x07\x02\x1d\x00"},
		"binary: only the first is wanted":        {[]FieldType{TypeTiny, TypeTiny, TypeTiny}, 2, true, "\x00\x00\x01\x02\x03", 0, `"\x01"`, "\x00\x00\x01\x02"},
		"binary: the rest is not looked at":       {[]FieldType{TypeTiny, TypeInvalid}, 2, true, "\x00\x00\x01\x02\x03", 0, `"\x01"`, "\x00\x00\x01\x02\x03"},
		"binary: a NULL of a type without a form": {[]FieldType{TypeTiny, TypeInvalid}, 1, true, "\x00\x08\x01", 1, `"\x01" NULL`, "\x00\x00\x01"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var r RowReader
			r.Reset(test.types, test.keep, test.binary)
			values := make([]RowValue, len(test.types))
			for i := range values {
				values[i] = RowValue{Bytes: []byte(untouched)}
			}
			row := []byte(test.row)
			// Twice: nothing of a row may stay behind for the next.
			for range 2 {
				if err := r.Read(row, test.last, values); err != nil {
					t.Fatal(err)
				}
				if got := show(values[:test.last+1]); got != test.values {
					t.Errorf("reads %s, want %s", got, test.values)
				}
				for i, v := range values[test.last+1:] {
					if string(v.Bytes) != untouched {
						t.Errorf("touches value %d", test.last+1+i)
					}
				}
				if got := kept(t, &r, row); string(got) != test.kept {
					t.Errorf("writes %q, want %q", got, test.kept)
				}
			}
			if string(row) != test.row {
				t.Errorf("the row has become %q", row)
			}
		})
	}
}

func TestRowReaderRefuses(t *testing.T) {
	short := []FieldType{TypeVarString, TypeVarString}
	tests := map[string]struct {
		types  []FieldType
		keep   int
		binary bool
		row    string
		last   int
	}{
		"text: empty":                                     {short, 1, false, "", -1},
		"text: a column too few":                          {short, 1, false, "\x01a", -1},
		"text: a column too many":                         {short, 1, false, "\x01a\x01b\x01c", -1},
		"text: a column too many, none taken out":         {short, 2, false, "\x01a\x01b\x01c", 1},
		"text: a wanted column too few":                   {short, 2, false, "\x01a", 1},
		"text: a value cut short":                         {short, 1, false, "\x01a\x02b", -1},
		"text: a length cut short":                        {short, 1, false, "\x01a\xfc\x01", -1},
		"text: no length":                                 {short, 1, false, "\x01a\xff", -1},
		"text: a length beyond all rows":                  {short, 1, false, "\x01a\xfe\xff\xff\xff\xff\xff\xff\xff\xffb", -1},
		"text: would be taken for the end of the rows":    {short, 1, false, "\xfe\x01\x00\x00\x00\x00\x00\x00\x00a\x01b", -1},
		"binary: empty":                                   {short, 1, true, "", -1},
		"binary: no bitmap":                               {short, 1, true, "\x00", -1},
		"binary: half a bitmap":                           {typesOf(10, TypeNull), 1, true, "\x00\x00", -1},
		"binary: another first byte":                      {short, 1, true, "\x01\x00\x01a\x01b", -1},
		"binary: another first byte, nothing looked at":   {short, 2, true, "\x01\x00\x01a\x01b", -1},
		"binary: a column too few":                        {short, 1, true, "\x00\x00\x01a", -1},
		"binary: a column too many":                       {short, 1, true, "\x00\x00\x01a\x01b\x01c", -1},
		"binary: a number cut short":                      {[]FieldType{TypeTiny, TypeLong}, 1, true, "\x00\x00\x01\x01\x02\x03", -1},
		"binary: a clock cut short":                       {[]FieldType{TypeTiny, TypeDate}, 1, true, "\x00\x00\x01\x04\x01\x02\x03", -1},
		"binary: no clock":                                {[]FieldType{TypeTiny, TypeDate}, 1, true, "\x00\x00\x01", -1},
		"binary: a string cut short":                      {short, 1, true, "\x00\x00\x01a\x02b", -1},
		"binary: NULL in the place of a length":           {short, 1, true, "\x00\x00\x01a\xfb", -1},
		"binary: a length beyond all rows":                {short, 1, true, "\x00\x00\x01a\xfe\xff\xff\xff\xff\xff\xff\xff\xffb", -1},
		"binary: a type without a form":                   {[]FieldType{TypeTiny, TypeInvalid}, 1, true, "\x00\x00\x01\x01", -1},
		"binary: a type that is none, none taken out":     {[]FieldType{FieldType(100)}, 1, true, "\x00\x00\x01\x01", 0},
		"binary: a wanted column too few, none taken out": {short, 2, true, "\x00\x00\x01a", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var r RowReader
			r.Reset(test.types, test.keep, test.binary)
			err := r.Read([]byte(test.row), test.last, make([]RowValue, len(test.types)))
			var malformed *MalformedError
			if !errors.As(err, &malformed) {
				t.Errorf("gives %v", err)
			}
		})
	}
}

// Rows around and beyond 16 MiB, where packets are split, keep their content.
func TestRowReaderLargeRows(t *testing.T) {
	for _, n := range []int{MaxPhysical - 5, MaxPhysical - 4, MaxPhysical - 3, 1 << 24, 1<<24 + 100} {
		large, small := pattern(n), []byte("small")
		types := []FieldType{TypeLongBlob, TypeVarString}
		for name, test := range map[string]struct{ row, want []byte }{
			"a large one stays":        {AppendTextRow(nil, large, small), AppendTextRow(nil, large)},
			"a large one is taken out": {AppendTextRow(nil, small, large), AppendTextRow(nil, small)},
		} {
			for _, binary := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d/%v", name, n, binary), func(t *testing.T) {
					row, want := test.row, test.want
					if binary {
						row = append([]byte{0, 0}, row...)
						want = append([]byte{0, 0}, want...)
					}
					var r RowReader
					r.Reset(types, 1, binary)
					c, dst := from(stream(0, row), 1<<30), into(bytes.NewBuffer(nil))
					if first, n, err := c.NextRow(dst); err != nil || EndsRows(first, n) {
						t.Fatalf("the row begins with %#x, %d, %v", first, n, err)
					}
					p, err := c.Payload(unlimited)
					if err != nil {
						t.Fatal(err)
					}
					if err := r.Read(p, -1, nil); err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(kept(t, &r, p), want) {
						t.Error("another row comes out")
					}
				})
			}
		}
	}
}

// What servers wrote is read as the walks of whole rows read it.
func TestRowReaderServersRows(t *testing.T) {
	rows := 0
	for _, rec := range recordings(t) {
		if rec.kind != "binaryrow" {
			continue
		}
		rows++
		types := []FieldType{TypeLong, TypeLongLong, TypeVarString, TypeNewDecimal, TypeDatetime, TypeTime, TypeDouble, TypeBlob, TypeTiny,
			TypeYear, TypeDate, TypeFloat, TypeBit, TypeString, TypeJSON, TypeTimestamp, TypeShort, TypeInt24}
		want := valuesOf(t, rec.payload, types, true)
		for keep := range len(types) + 1 {
			var r RowReader
			r.Reset(types, keep, true)
			values := make([]RowValue, len(types))
			if err := r.Read(rec.payload, len(types)-1, values); err != nil {
				t.Fatalf("%s: %v", rec.server, err)
			}
			if show(values) != show(want) {
				t.Errorf("%s: %s, want %s", rec.server, show(values), show(want))
			}
			left := valuesOf(t, kept(t, &r, rec.payload), types[:keep], true)
			if show(left) != show(want[:keep]) {
				t.Errorf("%s: of %d columns the client sees %s", rec.server, keep, show(left))
			}
		}
	}
	if rows == 0 {
		t.Error("no row is recorded")
	}
}

// valuesOf reads a row with TextRow or BinaryRow.
func valuesOf(t testing.TB, p []byte, types []FieldType, binary bool) []RowValue {
	t.Helper()
	values, err := walk(p, types, binary)
	if err != nil || len(values) != len(types) {
		t.Fatalf("%d values of %d, %v", len(values), len(types), err)
	}
	return values
}

func walk(p []byte, types []FieldType, binary bool) (values []RowValue, err error) {
	text, bin := NewTextRow(p), NewBinaryRow(p, types)
	for {
		v, null, ok := text.Next()
		if binary {
			v, null, ok = bin.Next()
		}
		if !ok {
			break
		}
		values = append(values, RowValue{Bytes: v, Null: null})
	}
	if binary {
		return values, bin.Err()
	}
	return values, text.Err()
}

// One RowReader serves results of any shape, one after the other.
func TestRowReaderReset(t *testing.T) {
	var r RowReader
	values := make([]RowValue, 10)
	r.Reset(typesOf(10, TypeVarString), 9, false)
	if err := r.Read([]byte(tenNulls), 9, values); err != nil {
		t.Fatal(err)
	}
	r.Reset([]FieldType{TypeTiny, TypeTiny}, 1, true)
	row := []byte("\x00\x00\x01\x02")
	if err := r.Read(row, 1, values); err != nil {
		t.Fatal(err)
	}
	if got := kept(t, &r, row); string(got) != "\x00\x00\x01" {
		t.Errorf("writes %q", got)
	}
	r.Reset([]FieldType{TypeTiny}, 1, false)
	row = []byte("\x011")
	if err := r.Read(row, 0, values); err != nil {
		t.Fatal(err)
	}
	if got := kept(t, &r, row); string(got) != "\x011" {
		t.Errorf("writes %q", got)
	}
}
