package wire

import (
	"encoding/binary"
	"strconv"
	"testing"
)

func TestAppendInteger(t *testing.T) {
	const signed, unsigned = false, true
	tests := []struct {
		v        string
		t        FieldType
		unsigned bool
		binary   bool
		want     string // "" if it is no integer
	}{
		{"0", TypeLong, signed, false, "0"},
		{"42", TypeLong, signed, false, "42"},
		{"-42", TypeLong, signed, false, "-42"},
		{"00042", TypeLong, unsigned, false, "42"},
		{"00000", TypeLong, unsigned, false, "0"},
		{"-0", TypeLong, signed, false, "0"},
		{"-007", TypeLong, signed, false, "-7"},
		{"100", TypeTiny, signed, false, "100"},
		{"18446744073709551615", TypeLongLong, unsigned, false, "18446744073709551615"},
		{"-9223372036854775808", TypeLongLong, signed, false, "-9223372036854775808"},
		{"0000", TypeYear, unsigned, false, "0"},
		{"2024", TypeYear, unsigned, false, "2024"},
		{"", TypeLong, signed, false, ""},
		{"-", TypeLong, signed, false, ""},
		{"-1", TypeLong, unsigned, false, ""},
		{"--1", TypeLong, signed, false, ""},
		{"+1", TypeLong, signed, false, ""},
		{" 1", TypeLong, signed, false, ""},
		{"1 ", TypeLong, signed, false, ""},
		{"1.0", TypeLong, signed, false, ""},
		{"1e3", TypeLong, signed, false, ""},
		{"1", TypeNewDecimal, signed, false, ""},
		{"1", TypeDouble, signed, false, ""},
		{"1", TypeBit, unsigned, false, ""},
		{"1", TypeVarString, signed, false, ""},

		{"\x00", TypeTiny, signed, true, "0"},
		{"\xff", TypeTiny, signed, true, "-1"},
		{"\xff", TypeTiny, unsigned, true, "255"},
		{"\x80", TypeTiny, signed, true, "-128"},
		{"\x00\x80", TypeShort, signed, true, "-32768"},
		{"\x00\x80", TypeShort, unsigned, true, "32768"},
		{"\x00\x00\x80\xff", TypeInt24, signed, true, "-8388608"},
		{"\xff\xff\xff\x00", TypeInt24, unsigned, true, "16777215"},
		{"\x00\x00\x00\x80", TypeLong, signed, true, "-2147483648"},
		{"\x00\x00\x00\x80", TypeLong, unsigned, true, "2147483648"},
		{"\x00\x00\x00\x00\x00\x00\x00\x80", TypeLongLong, signed, true, "-9223372036854775808"},
		{"\xff\xff\xff\xff\xff\xff\xff\xff", TypeLongLong, unsigned, true, "18446744073709551615"},
		{"\xe8\x07", TypeYear, unsigned, true, "2024"},
		{"\xff\xff", TypeYear, signed, true, "65535"},
		{"", TypeTiny, signed, true, ""},
		{"\x01\x00", TypeTiny, signed, true, ""},
		{"\x01\x00\x00\x00", TypeLongLong, signed, true, ""},
		{"\x01\x00\x00", TypeInt24, signed, true, ""},
		{"1", TypeVarString, signed, true, ""},
		{"\x00\x00\x80?", TypeFloat, signed, true, ""},
		{"\x04\xe8\x07\x02\x1d", TypeDate, signed, true, ""},
	}
	for _, test := range tests {
		got, ok := AppendInteger([]byte("n="), []byte(test.v), test.t, test.unsigned, test.binary)
		if string(got) != "n="+test.want || ok != (test.want != "") {
			t.Errorf("%q as %s, unsigned %v, binary %v: %q, %v, want %q", test.v, test.t, test.unsigned, test.binary, got, ok, test.want)
		}
	}
}

// FuzzAppendInteger writes a number in both protocols. Both must be read as that
// number, and whatever else is taken for text of one must be one for strconv too.
func FuzzAppendInteger(f *testing.F) {
	f.Add(uint64(1<<63), uint8(4), true, uint8(3), []byte("007"))
	f.Add(uint64(1<<64-1), uint8(0), false, uint8(0), []byte("-1.5"))
	f.Fuzz(func(t *testing.T, n uint64, which uint8, unsigned bool, zeros uint8, other []byte) {
		types := []FieldType{TypeTiny, TypeShort, TypeInt24, TypeLong, TypeLongLong}
		typ := types[int(which)%len(types)]
		size := typ.layout()
		raw := binary.LittleEndian.AppendUint64(nil, n)[:size]
		shift := 64 - 8*size
		want := strconv.FormatInt(int64(n<<shift)>>shift, 10)
		if unsigned {
			want = strconv.FormatUint(n<<shift>>shift, 10)
		}
		text := want
		if unsigned {
			for range zeros {
				text = "0" + text
			}
		}
		if got, ok := AppendInteger(nil, raw, typ, unsigned, true); !ok || string(got) != want {
			t.Fatalf("%x of %s, unsigned %v: %q, %v, want %q", raw, typ, unsigned, got, ok, want)
		}
		if got, ok := AppendInteger(nil, []byte(text), typ, unsigned, false); !ok || string(got) != want {
			t.Fatalf("%q: %q, %v, want %q", text, got, ok, want)
		}
		got, ok := AppendInteger(nil, other, typ, unsigned, false)
		v, err := strconv.ParseInt(string(other), 10, 64)
		u, uerr := strconv.ParseUint(string(other), 10, 64)
		switch {
		case !ok && got != nil:
			t.Fatalf("%q is no integer and %q", other, got)
		case !ok:
			if (err == nil && !unsigned || uerr == nil) && other[0] != '+' {
				t.Fatalf("%q is no integer", other)
			}
		case uerr == nil && string(got) != strconv.FormatUint(u, 10):
			t.Fatalf("%q is %q", other, got)
		case err == nil && string(got) != strconv.FormatInt(v, 10):
			t.Fatalf("%q is %q", other, got)
		}
	})
}
