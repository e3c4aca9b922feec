package fault

import (
	"errors"
	"testing"
)

func TestPositionString(t *testing.T) {
	for _, c := range []struct {
		pos  Position
		want string
	}{
		{Position{"policy.yaml", 12, 7}, "policy.yaml:12:7"},
		{Position{File: "--listen"}, "--listen"},
	} {
		if got := c.pos.String(); got != c.want {
			t.Errorf("%#v is %q, want %q", c.pos, got, c.want)
		}
	}
}

func TestListErr(t *testing.T) {
	var none List
	if err := none.Err(); err != nil {
		t.Errorf("an empty list is the error %v", err)
	}
	var l List
	l.Add(Position{"b", 1, 1}, "x")
	l.Add(Position{"a", 10, 1}, "ten")
	l.Add(Position{"a", 2, 9}, "nine")
	l.Add(Position{"a", 2, 3}, "%s", "z")
	l.Add(Position{"a", 2, 3}, "y")
	l.Add(Position{"a", 10, 1}, "ten")
	l.Add(Position{File: "a"}, "whole")
	err := l.Err()
	want := "a: whole\na:2:3: y\na:2:3: z\na:2:9: nine\na:10:1: ten\nb:1:1: x"
	if err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	var f Fault
	if !errors.As(err, &f) || f.Text != "whole" {
		t.Errorf("errors.As gives %+v, want the first fault", f)
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"version", "status", "key", "on_conflict", "max_reads", "off"}
	for _, c := range []struct{ word, want string }{
		{"verison", "version"},
		{"Version", "version"},
		{"vers", ""},
		{"onconflict", "on_conflict"},
		{"on-conflict", "on_conflict"},
		{"max_read", "max_reads"},
		{"kye", "key"},
		{"of", "off"},
		{"on", ""},
		{"", ""},
		{"frobnicate", ""},
		{"stätus", "status"},
		{string(make([]byte, 1000)), ""},
	} {
		if got := Suggest(c.word, known); got != c.want {
			t.Errorf("Suggest(%.20q) is %q, want %q", c.word, got, c.want)
		}
	}
}

func TestOneOf(t *testing.T) {
	for _, c := range []struct {
		words []string
		want  string
	}{
		{nil, ""}, {[]string{"a"}, "a"}, {[]string{"a", "b"}, "a or b"}, {[]string{"a", "b", "c"}, "a, b or c"},
	} {
		if got := OneOf(c.words); got != c.want {
			t.Errorf("OneOf(%q) is %q, want %q", c.words, got, c.want)
		}
	}
}
