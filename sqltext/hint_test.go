package sqltext

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestParseHint(t *testing.T) {
	tests := []struct {
		hint string
		want []Pair
	}{
		{"version=9", []Pair{{Name: "version", Value: "9"}}},
		{"seq_no=9, primary_term=4", []Pair{{Name: "seq_no", Value: "9"}, {Name: "primary_term", Value: "4"}}},
		{"etag='abc'", []Pair{{Name: "etag", Value: "abc", Quoted: true}}},
		{"etag = 'it''s, \\x' ", []Pair{{Name: "etag", Value: `it's, \x`, Quoted: true}}},
		{"etag=''", []Pair{{Name: "etag", Quoted: true}}},
		{"version=NULL", []Pair{{Name: "version", Null: true}}},
		{"version=null", []Pair{{Name: "version", Null: true}}},
		{"version='NULL'", []Pair{{Name: "version", Value: "NULL", Quoted: true}}},
		{"v=-1.5e+3", []Pair{{Name: "v", Value: "-1.5e+3"}}},
		{"id=550e8400-e29b-41d4-a716-446655440000", []Pair{{Name: "id", Value: "550e8400-e29b-41d4-a716-446655440000"}}},
		{"`a ``b`=1", []Pair{{Name: "a `b", Value: "1"}}},
		{"größe=1", []Pair{{Name: "größe", Value: "1"}}},
		{"\n v\t=\n1 ", []Pair{{Name: "v", Value: "1"}}},
	}
	for _, tt := range tests {
		got, err := ParseHint(tt.hint)
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: got %+v %v, want %+v", tt.hint, got, err, tt.want)
		}
	}
}

func TestParseHintErrors(t *testing.T) {
	tests := []struct {
		hint   string
		offset int
		wants  string
	}{
		{"", 0, "a name"},
		{"=9", 0, "a name"},
		{"``=9", 0, "a name"},
		{"`v=9", 0, "the quote to be closed"},
		{"version", 7, "="},
		{"version 9", 8, "="},
		{"version:9", 7, "="},
		{"version=", 8, "a value"},
		{"version=, a=1", 8, "a value"},
		{"version=$1", 8, "a value"},
		{"version=\"9\"", 8, "a value"},
		{"etag='abc", 5, "the quote to be closed"},
		{"version=9 10", 10, "a comma or the end"},
		{"version=9;", 9, "a comma or the end"},
		{"version=9,", 10, "a name"},
		{"v=1, V=2", 5, "each name once"},
	}
	for _, tt := range tests {
		got, err := ParseHint(tt.hint)
		var hintErr *HintError
		if !errors.As(err, &hintErr) {
			t.Errorf("%q: got %+v %v", tt.hint, got, err)
			continue
		}
		if hintErr.Offset != tt.offset || !strings.HasPrefix(hintErr.What, tt.wants) {
			t.Errorf("%q: wants %q at %d, want %q at %d", tt.hint, hintErr.What, hintErr.Offset, tt.wants, tt.offset)
		}
		if !strings.Contains(err.Error(), "version=9") {
			t.Errorf("%q: %q does not say what would be right", tt.hint, err)
		}
	}
}

// printHint is the inverse of ParseHint.
func printHint(pairs []Pair) string {
	s := make([]string, len(pairs))
	for i, p := range pairs {
		s[i] = p.String()
	}
	return strings.Join(s, ", ")
}

func FuzzParseHint(f *testing.F) {
	for _, s := range []string{"version=9", "seq_no=9, primary_term=4", "etag='a''b'", "`x ``y`=NULL", "a=", "=", "`", "v='"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		pairs, err := ParseHint(s)
		if err != nil {
			var hintErr *HintError
			if !errors.As(err, &hintErr) || hintErr.Offset < 0 || hintErr.Offset > len(s) {
				t.Fatalf("%q: error %v", s, err)
			}
			return
		}
		again, err := ParseHint(printHint(pairs))
		if err != nil || !reflect.DeepEqual(pairs, again) {
			t.Fatalf("%q: %+v was printed as %q and read as %+v %v", s, pairs, printHint(pairs), again, err)
		}
	})
}
