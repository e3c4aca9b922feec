package sqltext

import (
	"slices"
	"testing"
)

func TestCharsetByName(t *testing.T) {
	for i := range charsets {
		c := Charset(i)
		if got, ok := CharsetByName(c.String()); !ok || got != c {
			t.Errorf("%s: got %s %v", c, got, ok)
		}
	}
	for name, want := range map[string]Charset{"UTF8MB4": UTF8MB4, "utf8": UTF8MB3, "UTF8": UTF8MB3, "Latin1": Latin1} {
		if got, ok := CharsetByName(name); !ok || got != want {
			t.Errorf("%s: got %s %v", name, got, ok)
		}
	}
	for _, name := range []string{"", "utf", "ucs2", "utf16", "utf16le", "utf32", "swe7", "nosuch", "utf8mb4x"} {
		if got, ok := CharsetByName(name); ok {
			t.Errorf("%q: got %s", name, got)
		}
	}
}

func TestCharsetByID(t *testing.T) {
	for id, want := range map[int]string{
		1: "big5", 8: "latin1", 28: "gbk", 33: "utf8mb3", 45: "utf8mb4", 46: "utf8mb4", 63: "binary", 76: "utf8mb3",
		95: "cp932", 192: "utf8mb3", 224: "utf8mb4", 247: "utf8mb4", 248: "gb18030", 255: "utf8mb4", 323: "utf8mb4",
		576: "utf8mb3", 608: "utf8mb4", 1032: "latin1", 1070: "utf8mb4", 1270: "utf8mb4", 2048: "utf8mb3", 2304: "utf8mb4",
	} {
		c, ok := CharsetByID(id)
		if name := CharsetName(id); !ok || name != want || c.String() != want {
			t.Errorf("%d: got %q %s %v, want %s", id, name, c, ok, want)
		}
	}
	for id, name := range map[int]string{35: "ucs2", 54: "utf16", 56: "utf16le", 60: "utf32", 10: "swe7", 0: "", 100: "", 252: "", 5000: "", -1: ""} {
		if c, ok := CharsetByID(id); ok || CharsetName(id) != name {
			t.Errorf("%d: got %s %v %q", id, c, ok, CharsetName(id))
		}
	}
}

func TestCharLen(t *testing.T) {
	tests := []struct {
		c    Charset
		b    string
		want int
	}{
		{UTF8MB4, "é", 2}, {UTF8MB4, "€", 3}, {UTF8MB4, "😀", 4}, {UTF8MB3, "😀", 0}, {UTF8MB3, "€", 3},
		{UTF8MB4, "\xc0\x80", 0}, {UTF8MB4, "\xe0\x80\x80", 0}, {UTF8MB4, "\xed\xa0\x80", 0}, {UTF8MB4, "\xf4\x90\x80\x80", 0},
		{UTF8MB4, "\xc3", 0}, {UTF8MB4, "\xc3'", 0}, {UTF8MB4, "\xf0\x9f\x98", 0},
		{GBK, "\x81\x40", 2}, {GBK, "\x81\x5c", 2}, {GBK, "\x81\x7f", 0}, {GBK, "\x80\x40", 0}, {GBK, "\x81'", 0}, {GBK, "\x81", 0},
		{GB18030, "\x81\x30\x81\x30", 4}, {GB18030, "\x81\x30\x81", 0}, {GB18030, "\x81\x5c", 2},
		{Big5, "\xa1\x5c", 2}, {Big5, "\xfa\x5c", 0}, {Big5, "\xa1\x80", 0},
		{SJIS, "\x83\x5c", 2}, {SJIS, "\xb1\x5c", 0}, {CP932, "\xfc\x5c", 2}, {CP932, "\xfd\x5c", 0},
		{EUCKR, "\x81A", 2}, {EUCKR, "\x81\x5c", 0}, {GB2312, "\xa1\xa1", 2}, {GB2312, "\xa1\x5c", 0},
		{UJIS, "\xa1\xa1", 2}, {UJIS, "\x8e\xa1", 2}, {UJIS, "\x8f\xa1\xa1", 3}, {EUCJPMS, "\x8f\xa1\x40", 0},
	}
	for _, tt := range tests {
		if got := tt.c.info().charLen([]byte(tt.b)); got != tt.want {
			t.Errorf("%s %x: got %d, want %d", tt.c, tt.b, got, tt.want)
		}
	}
}

// The table by id says what the names say.
func TestCharsetTable(t *testing.T) {
	for id := -1; id < 5000; id++ {
		want, known := CharsetByName(CharsetName(id))
		if got, ok := CharsetByID(id); got != want || ok != known {
			t.Fatalf("collation %d: %v, %v, expected %v, %v", id, got, ok, want, known)
		}
	}
}

// Those in which a quote may be half a character are classes of their own, and no
// text of UTF-8 is of one class with another.
func TestClass(t *testing.T) {
	own := []Charset{Big5, CP932, EUCKR, GB18030, GBK, SJIS}
	for i := range charsets {
		c, want := Charset(i), Binary
		switch {
		case c == UTF8MB4, c == UTF8MB3:
			want = UTF8MB4
		case slices.Contains(own, c):
			want = c
		}
		if got := c.Class(); got != want || got.Class() != got {
			t.Errorf("%s is of class %s, want %s", c, got, want)
		}
	}
}
