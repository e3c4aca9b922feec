package proxy

import (
	"sync"
	"sync/atomic"

	"ifmatch/rewrite"
	"ifmatch/sqltext"
)

// planKey is what a plan depends on. The rules' generation stands for policy and
// schema, the rest for the session.
type planKey struct {
	hi, lo     uint64 // hash of the statement's shape
	generation uint64 // of the rules
	charset    sqltext.Charset
	env        rewrite.Env
}

// planned is a plan that is kept. What others may see of it does not change but for
// next and used.
type planned struct {
	key   planKey
	plan  *rewrite.Plan
	count func() // counts a statement; nil where the plan is about no table
	next  atomic.Pointer[planned]
	used  atomic.Bool // since the hand came by
}

// planCache keeps the plans of statement shapes that were seen before, for all
// sessions. It is bounded: when it is full a hand goes round the plans, and the first
// one that nobody has asked for since the last time goes (CLOCK).
//
// Whoever looks for a plan takes no lock and writes nothing that others read, but
// used and a count: an LRU would move each plan that is found.
type planCache struct {
	chains                  []atomic.Pointer[planned] // by lo, as many as a power of two
	hits, misses, evictions atomic.Uint64

	mu   sync.Mutex // for all that follows, and to change a chain
	size int
	ring []*planned
	hand int
}

func newPlanCache(size int) *planCache {
	size = max(size, 1)
	n := 1
	for n < size {
		n *= 2
	}
	return &planCache{size: size, chains: make([]atomic.Pointer[planned], n)}
}

func (c *planCache) chain(key *planKey) *atomic.Pointer[planned] {
	return &c.chains[key.lo&uint64(len(c.chains)-1)]
}

// get gives a plan that is kept, or nil.
func (c *planCache) get(key *planKey) *planned {
	p := c.chain(key).Load()
	for p != nil && p.key != *key {
		p = p.next.Load()
	}
	if p == nil {
		c.misses.Add(1)
		return nil
	}
	if !p.used.Load() {
		p.used.Store(true)
	}
	c.hits.Add(1)
	return p
}

// add keeps a plan, unless another session has been faster, whose plan it then gives.
func (c *planCache) add(key planKey, plan *rewrite.Plan, count func()) *planned {
	c.mu.Lock()
	defer c.mu.Unlock()
	chain := c.chain(&key)
	for p := chain.Load(); p != nil; p = p.next.Load() {
		if p.key == key {
			return p
		}
	}
	p := &planned{key: key, plan: plan, count: count}
	if len(c.ring) < c.size {
		c.ring = append(c.ring, p)
	} else {
		for c.ring[c.hand].used.Swap(false) {
			c.hand = (c.hand + 1) % c.size
		}
		c.unchain(c.ring[c.hand])
		c.ring[c.hand] = p
		c.hand = (c.hand + 1) % c.size
		c.evictions.Add(1)
	}
	p.next.Store(chain.Load())
	chain.Store(p)
	return p
}

// unchain takes a plan out of its chain. Who is on it goes on from there.
func (c *planCache) unchain(p *planned) {
	at := c.chain(&p.key)
	for at.Load() != p {
		at = &at.Load().next
	}
	at.Store(p.next.Load())
}

// forget drops all plans: those of rules that are no longer in force are never
// asked for again.
func (c *planCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.chains {
		c.chains[i].Store(nil)
	}
	c.ring, c.hand = nil, 0
}

// len gives the number of plans that are kept.
func (c *planCache) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ring)
}

// PlanStats is what the plan cache has done so far.
type PlanStats struct {
	Hits, Misses uint64 // look-ups of statements that could concern a guarded table
	Evictions    uint64 // plans that gave way to others
	Plans        int    // kept now
}

// PlanStats gives what the plan cache has done so far.
func (s *Server) PlanStats() PlanStats {
	c := s.plans
	return PlanStats{Hits: c.hits.Load(), Misses: c.misses.Load(), Evictions: c.evictions.Load(), Plans: c.len()}
}
