package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// A class holds what lies between its start and the next one's, and is no wider
// than 1/32 of its start.
func TestClasses(t *testing.T) {
	for _, n := range []uint64{0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 1000, 4095, 4096, 1e6, 1e9, 1<<62 - 1, 1<<63 - 1} {
		c := class(n)
		from, to := classStart(c), classStart(c+1)
		if n < from || n >= to {
			t.Errorf("%d is in class %d, which goes from %d to %d", n, c, from, to)
		}
		if from >= classSteps && to-from > from/classSteps {
			t.Errorf("class %d goes from %d to %d, too wide", c, from, to)
		}
	}
}

func TestQuantile(t *testing.T) {
	var a, b latencies
	for i := 1; i <= 50; i++ {
		a.add(time.Duration(i) * time.Microsecond)
		b.add(time.Duration(i+50) * time.Microsecond)
	}
	a.merge(&b)
	for _, test := range []struct {
		q    float64
		want time.Duration
	}{{0, time.Microsecond}, {0.5, 51 * time.Microsecond}, {0.95, 96 * time.Microsecond}, {0.99, 100 * time.Microsecond}} {
		if got := a.quantile(test.q); got > test.want || test.want-got > test.want/classSteps {
			t.Errorf("quantile %v is %v, expected %v or up to 1/32 less", test.q, got, test.want)
		}
	}
}

func TestParams(t *testing.T) {
	for _, w := range works {
		for _, st := range w.statements {
			for _, sql := range []string{st.sql, st.guarded} {
				if got := strings.Count(sql, "?"); sql != "" && got != len(st.params) {
					t.Errorf("%s: %d parameters in %q, expected %d", w.name, got, sql, len(st.params))
				}
			}
		}
	}
}

// A work that is for few connections is measured in a run with many, too.
func TestConnections(t *testing.T) {
	some, few := work{}, work{most: 16}
	if got := some.connections([]int{1, 256}); !slices.Equal(got, []int{1, 256}) {
		t.Error(got)
	}
	if got := few.connections([]int{1, 16, 64}); !slices.Equal(got, []int{1, 16}) {
		t.Error(got)
	}
	if got := few.connections([]int{64, 256}); !slices.Equal(got, []int{16}) {
		t.Error(got)
	}
}
