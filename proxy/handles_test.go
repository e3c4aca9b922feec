package proxy

import (
	"math/rand/v2"
	"testing"
)

// TestHandlesAreAMap holds statements, with ids that share their last bits, against a
// map.
func TestHandlesAreAMap(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var h handles
	want := map[uint32]*statement{}
	for step := range 20_000 {
		id := uint32(rng.IntN(3))*16 + uint32(rng.IntN(4)) // twelve ids in four places
		switch rng.IntN(8) {
		case 0, 1:
			st := &statement{id: id}
			h.keep(st)
			want[id] = st
		case 2:
			if st := h.find(id); st != nil {
				h.drop(st)
			}
			delete(want, id)
		case 3:
			if rng.IntN(50) == 0 {
				h.clear()
				clear(want)
			}
		}
		if got := h.find(id); got != want[id] {
			t.Fatalf("step %d: find(%d) = %p, want %p", step, id, got, want[id])
		}
		if len(h.all) != len(want) {
			t.Fatalf("step %d: %d statements, want %d", step, len(h.all), len(want))
		}
	}
}
