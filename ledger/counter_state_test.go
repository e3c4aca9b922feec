package ledger

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
)

// act is one operation in a row of them, and what must come of it.
type act struct {
	op   Op
	want string // value, or first-last of Alloc, or "refused"/"wrong" and a part of the text
}

func ranged(text string) Op {
	r, err := ParseRange(text)
	if err != nil {
		panic(err)
	}
	return Confine(r)
}

func TestCounter(t *testing.T) {
	const most, least = math.MaxInt64, math.MinInt64
	for name, acts := range map[string][]act{
		"counts from 0, on and back": {
			{Op{}, "0"}, {Add(5), "5"}, {Add(-7), "-2"}, {Add(0), "-2"}, {Alloc(3), "-1-1"}, {Set(100), "100"}, {Alloc(1), "101-101"}, {Op{}, "101"},
		},
		"ends with BIGINT": {
			{Set(most - 1), strconv.Itoa(most - 1)}, {Add(2), "refused beyond BIGINT"}, {Alloc(2), "refused beyond BIGINT"}, {Add(1), strconv.Itoa(most)},
			{Alloc(1), "refused"}, {Add(least), "-1"}, {Add(least), "refused"}, {Set(least), strconv.Itoa(least)}, {Add(-1), "refused"}, {Add(most), "-1"},
		},
		"takes 1 number to 65536": {
			{Alloc(0), "wrong 0 numbers"}, {Alloc(-1), "wrong"}, {Alloc(MaxAlloc + 1), "wrong"}, {Op{}, "0"}, {Alloc(MaxAlloc), "1-65536"},
		},
		"turns in a range, and back": {
			{ranged("1000-2000"), "999"}, {Add(0), "999"}, {Add(1), "1000"}, {Add(1001), "1000"}, {Add(-1), "2000"}, {Add(-1001), "refused begins 1000 numbers"},
			{Op{}, "2000"}, {Add(1002), "refused has 1001 numbers"}, {Add(-1002), "refused has 1001"}, {Add(-1000), "1000"}, {Add(-1), "refused"}, {Op{}, "1000"},
		},
		"cannot count below the first number": {
			{ranged("5-7"), "4"}, {Add(-1), "refused"}, {Add(-3), "refused"}, {Op{}, "4"}, {Add(3), "7"}, {Add(-3), "refused"}, {Add(-2), "5"}, {Add(3), "5"}, {Add(-3), "5"},
		},
		"allocates over the turn": {
			{ranged("1-10"), "0"}, {Alloc(8), "1-8"}, {Alloc(4), "9-2"}, {Alloc(10), "3-2"}, {Alloc(11), "refused has 10 numbers, 11 are more"}, {Op{}, "2"},
		},
		"ends where the range does": {
			{ranged("1-10!"), "0"}, {Add(7), "7"}, {Add(5), "refused has 3 numbers left, 5 are more"}, {Alloc(4), "refused"}, {Op{}, "7"}, {Alloc(3), "8-10"},
			{Add(1), "refused has 0 numbers left"}, {Add(0), "10"}, {Add(-9), "1"}, {Add(-1), "refused"}, {Set(11), "refused"}, {Set(10), "10"},
		},
		"is set within its range": {
			{ranged("1000-2000"), "999"}, {Set(2001), "refused 2001 is outside its range 1000-2000"}, {Set(999), "refused"}, {Op{}, "999"}, {Set(1500), "1500"},
			{Add(1001), "1500"}, {Set(1000), "1000"}, {Add(-1), "refused"},
		},
		"shows how far it has counted once the range is gone": {
			{ranged("1-10"), "0"}, {Add(10), "10"}, {Add(10), "10"}, {Add(3), "3"}, {Confine(Range{}), "23"}, {Add(1), "24"}, {Confine(Range{}), "24"},
		},
		"a range again begins anew": {
			{ranged("1-10"), "0"}, {Add(7), "7"}, {ranged("1-10"), "0"}, {ranged("50-60!"), "49"}, {Add(1), "50"},
		},
		"negative ranges": {
			{ranged("-20--10"), "-21"}, {Add(1), "-20"}, {Add(11), "-20"}, {Alloc(11), "-19--20"}, {Set(0), "refused"}, {ranged("-1-1!"), "-2"}, {Alloc(3), "-1-1"}, {Alloc(1), "refused"},
		},
		"a range at the upper end": {
			{ranged("9223372036854775800-9223372036854775807"), "9223372036854775799"}, {Add(8), "9223372036854775807"}, {Alloc(2), "9223372036854775800-9223372036854775801"},
			{Add(-2), "9223372036854775807"}, {Add(most), "refused"}, {Add(least), "refused"},
			{Alloc(1), "9223372036854775800-9223372036854775800"}, {Confine(Range{}), "refused no BIGINT"}, {Op{}, "9223372036854775800"},
			{Set(most), strconv.Itoa(most)}, {Confine(Range{}), strconv.Itoa(most)}, {Add(1), "refused"},
		},
		"a range of nearly all of BIGINT": {
			{ranged("-9223372036854775807-9223372036854775807"), strconv.Itoa(least)}, {Add(1), strconv.Itoa(least + 1)}, {Add(most), "0"}, {Add(most), strconv.Itoa(most)},
			{Add(1), strconv.Itoa(least + 1)}, {Add(-1), strconv.Itoa(most)}, {Add(least), "-1"}, {Add(least), "refused"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var s state
			for i, a := range acts {
				before := s
				n, err := s.apply(a.op)
				var got string
				var known *CounterError
				switch {
				case errors.As(err, &known):
					got = []string{"wrong", "refused"}[known.Kind] + " " + err.Error()
					if s != before {
						t.Errorf("act %d: the error has changed the counter from %+v to %+v", i+1, before, s)
					}
					if kind, text, _ := strings.Cut(a.want, " "); !strings.HasPrefix(got, kind+" ") || !strings.Contains(got, text) {
						t.Fatalf("act %d: %s; want %s", i+1, got, a.want)
					}
					continue
				case a.op.kind == opAlloc:
					got = strconv.FormatInt(n.First, 10) + "-" + strconv.FormatInt(n.Value, 10)
				default:
					got = strconv.FormatInt(n.Value, 10)
				}
				if got != a.want {
					t.Fatalf("act %d: %s; want %s", i+1, got, a.want)
				}
			}
		})
	}
}

// Numbers.At gives the numbers one by one, over the turn too.
func TestNumbersAt(t *testing.T) {
	s := state{value: 8, Range: Range{First: 1, Last: 10}}
	n, err := s.apply(Alloc(4))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int64{9, 10, 1, 2} {
		if got := n.At(i); got != want {
			t.Errorf("number %d is %d, want %d", i, got, want)
		}
	}
}

func TestParseRange(t *testing.T) {
	for text, want := range map[string]string{
		"1-2": "1-2", "1000-2000!": "1000-2000!", "-5--3": "-5--3", "-5-3!": "-5-3!", "007-010": "7-10", "": "",
		"-9223372036854775807-9223372036854775807": "-9223372036854775807-9223372036854775807",
		"9-9":                     "the second number must be greater than the first",
		"10-9":                    "must be greater",
		"-3--5":                   "must be greater",
		"5":                       "not of the form",
		"-":                       "not of the form",
		"--":                      "not of the form",
		"1-":                      "not of the form",
		"-5":                      "not of the form",
		"1-2-3":                   "not of the form",
		"1-2!!":                   "not of the form",
		"!":                       "not of the form",
		"1 - 2":                   "not of the form",
		"+1-2":                    "not of the form",
		"a-b":                     "not of the form",
		"1.5-2":                   "not of the form",
		"1-9223372036854775808":   "no BIGINT",
		"-9223372036854775808-0":  "cannot begin with the least BIGINT",
		"-9223372036854775809-0!": "no BIGINT",
	} {
		r, err := ParseRange(text)
		got := r.String()
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != want || err != nil && !strings.Contains(got, want) || err != nil && want == "" {
			t.Errorf("%q: %s; want %s", text, got, want)
		}
	}
}
