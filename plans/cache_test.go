package plans

import (
	"sync"
	"testing"

	"ifmatch/rewrite"
)

// The cache is bounded, counts what it does, and keeps nothing of rules that
// are no longer in force.
func TestPlanCache(t *testing.T) {
	c := New(2)
	plan := &rewrite.Plan{}
	for n := range uint64(3) {
		key := Key{Lo: n}
		if c.Get(&key) != nil {
			t.Fatal("a plan that was never made")
		}
		c.Add(key, plan, nil)
		if got := c.Get(&key); got == nil || got.Plan != plan {
			t.Fatal("a plan is not kept")
		}
	}
	if got, want := c.Stats(), (Stats{Hits: 3, Misses: 3, Evictions: 1, Plans: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, other := range []Key{{Lo: 2, Hi: 1}, {Lo: 2, Generation: 1}, {Lo: 2, Charset: 1}, {Lo: 2, Env: rewrite.Env{DB: "shop"}}, {Lo: 2, Env: rewrite.Env{Multi: true}}} {
		if c.Get(&other) != nil {
			t.Errorf("the plan of another statement, session or generation is taken for %+v", other)
		}
	}
	c.Forget()
	if n := c.Stats().Plans; n != 0 {
		t.Errorf("%d plans of old rules are kept", n)
	}
}

// The plans that nobody asks for go first, whatever chain they are in, and many
// sessions may look while others add.
func TestPlanCacheKeepsWhatIsUsed(t *testing.T) {
	const size = 64
	c := New(size)
	key := func(n int) Key { return Key{Hi: uint64(n), Lo: uint64(n % 7)} }
	for n := range 40 {
		c.Add(key(n), &rewrite.Plan{}, nil)
	}
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			for n := 1000 * (w + 1); n < 1000*(w+1)+900; n++ {
				for used := range 40 {
					k := key(used)
					if c.Get(&k) == nil {
						t.Errorf("plan %d has gone, which was just used", used)
						return
					}
				}
				p := c.Add(key(n), &rewrite.Plan{}, nil)
				if again := c.Add(key(n), &rewrite.Plan{}, nil); again != p && again.Plan == p.Plan {
					t.Errorf("plan %d is kept twice", n)
				}
			}
		})
	}
	workers.Wait()
	if n := c.Stats().Plans; n != size {
		t.Errorf("%d plans are kept, want %d", n, size)
	}
	inChains := 0
	for i := range c.chains {
		for p := c.chains[i].Load(); p != nil; p = p.next.Load() {
			inChains++
		}
	}
	if inChains != size {
		t.Errorf("%d plans in chains, want %d", inChains, size)
	}
}
