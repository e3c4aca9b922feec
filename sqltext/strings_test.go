package sqltext

import (
	"strings"
	"testing"
)

// A string stays what it was, whatever becomes of the bytes that it was made of
// and however many strings are made behind it; few of them allocate.
func TestStrings(t *testing.T) {
	var s Strings
	var got, want []string
	buf := make([]byte, 0, 300)
	for i := range 5000 {
		buf = append(buf[:0], strings.Repeat(string(rune('a'+i%26)), i%(longestBrief+20))...)
		got = append(got, s.Of(buf))
		want = append(want, strings.Clone(string(buf)))
		clear(buf)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("string %d is %q, was %q", i, got[i], want[i])
		}
	}
	twin := s // a copy must not write over what the other has made
	a, b := s.Of([]byte("from the one")), twin.Of([]byte("of the other"))
	if a != "from the one" || b != "of the other" {
		t.Errorf("%q, %q", a, b)
	}
	key := []byte("sku-4711")
	if n := testing.AllocsPerRun(1000, func() { s.Of(key) }); n >= 1 {
		t.Errorf("%v allocations for each string", n)
	}
}
