package plans

import (
	"sync"
	"sync/atomic"

	"ifmatch/rewrite"
	"ifmatch/sqltext"
)

// Key is what a plan depends on. The rules' generation stands for policy and
// schema, the rest for the session.
type Key struct {
	Hi, Lo     uint64          // hash of the statement's shape
	Generation uint64          // of the rules
	Charset    sqltext.Charset // its class
	Env        rewrite.Env
}

// Kept is a plan that is kept. It does not change, but for what the cache itself needs.
type Kept struct {
	Plan  *rewrite.Plan
	Count func() // counts a statement; nil where the plan is about no table

	key  Key
	next atomic.Pointer[Kept]
	used atomic.Bool // since the hand came by
}

// A Cache keeps the plans of statement shapes that were seen before, for all
// sessions. It is bounded: when it is full a hand goes round the plans, and the first
// one that nobody has asked for since the last time goes (CLOCK).
//
// Whoever looks for a plan takes no lock and writes nothing that others read, but
// used and a count: an LRU would move each plan that is found.
type Cache struct {
	chains                  []atomic.Pointer[Kept] // by Key.Lo, as many as a power of two
	hits, misses, evictions atomic.Uint64

	mu   sync.Mutex // for all that follows, and to change a chain
	size int
	ring []*Kept
	hand int
}

// New gives a cache of so many plans, at least one.
func New(size int) *Cache {
	size = max(size, 1)
	n := 1
	for n < size {
		n *= 2
	}
	return &Cache{size: size, chains: make([]atomic.Pointer[Kept], n)}
}

func (c *Cache) chain(key *Key) *atomic.Pointer[Kept] {
	return &c.chains[key.Lo&uint64(len(c.chains)-1)]
}

// Get gives the plan of a key, nil where it is not kept.
func (c *Cache) Get(key *Key) *Kept {
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

// Add keeps a plan, unless another session has been faster, whose plan it then gives.
func (c *Cache) Add(key Key, plan *rewrite.Plan, count func()) *Kept {
	c.mu.Lock()
	defer c.mu.Unlock()
	chain := c.chain(&key)
	for p := chain.Load(); p != nil; p = p.next.Load() {
		if p.key == key {
			return p
		}
	}
	p := &Kept{key: key, Plan: plan, Count: count}
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
func (c *Cache) unchain(p *Kept) {
	at := c.chain(&p.key)
	for at.Load() != p {
		at = &at.Load().next
	}
	at.Store(p.next.Load())
}

// Forget drops all plans: those of rules that are no longer in force are never
// asked for again.
func (c *Cache) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.chains {
		c.chains[i].Store(nil)
	}
	c.ring, c.hand = nil, 0
}

// Stats is what a cache has done so far.
type Stats struct {
	Hits, Misses uint64 // look-ups of statements that could concern a guarded table
	Evictions    uint64 // plans that gave way to others
	Plans        int    // kept now
}

// Stats gives what the cache has done so far.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	kept := len(c.ring)
	c.mu.Unlock()
	return Stats{Hits: c.hits.Load(), Misses: c.misses.Load(), Evictions: c.evictions.Load(), Plans: kept}
}

// All gives the plans that are kept.
func (c *Cache) All() []*rewrite.Plan {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []*rewrite.Plan
	for _, p := range c.ring {
		all = append(all, p.Plan)
	}
	return all
}
