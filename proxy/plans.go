package proxy

import (
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"

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

// planCache keeps the plans of statement shapes that were seen before, for all
// sessions. It is bounded: the least recently used go.
type planCache struct {
	plans                   *lru.Cache[planKey, *rewrite.Plan]
	hits, misses, evictions atomic.Uint64
}

func newPlanCache(size int) *planCache {
	c := &planCache{}
	plans, err := lru.New[planKey, *rewrite.Plan](max(size, 1))
	if err != nil {
		panic(err) // only for a size below 1
	}
	c.plans = plans
	return c
}

// get gives a plan that is kept.
func (c *planCache) get(key planKey) (*rewrite.Plan, bool) {
	plan, ok := c.plans.Get(key)
	if ok {
		c.hits.Add(1)
	} else {
		c.misses.Add(1)
	}
	return plan, ok
}

// add keeps a plan.
func (c *planCache) add(key planKey, plan *rewrite.Plan) {
	if c.plans.Add(key, plan) {
		c.evictions.Add(1)
	}
}

// forget drops all plans: those of rules that are no longer in force are never
// asked for again.
func (c *planCache) forget() { c.plans.Purge() }

// PlanStats is what the plan cache has done so far.
type PlanStats struct {
	Hits, Misses uint64 // look-ups of statements that could concern a guarded table
	Evictions    uint64 // plans that gave way to others
	Plans        int    // kept now
}

// PlanStats gives what the plan cache has done so far.
func (s *Server) PlanStats() PlanStats {
	c := s.plans
	return PlanStats{Hits: c.hits.Load(), Misses: c.misses.Load(), Evictions: c.evictions.Load(), Plans: c.plans.Len()}
}
