package proxy

import (
	lru "github.com/hashicorp/golang-lru/v2"

	"ifmatch/rewrite"
	"ifmatch/sqltext"
)

// planKey is what a plan depends on.
type planKey struct {
	hi, lo     uint64 // hash of the statement's shape
	generation uint64 // of the rules
	charset    sqltext.Charset
	env        rewrite.Env
}

// planCache keeps the plans of statement shapes that were seen before, for all
// sessions. It is bounded: the least recently used go.
type planCache struct {
	plans *lru.Cache[planKey, cachedPlan]
}

// cachedPlan is a plan with the name by which its table is counted, which would
// be an allocation to put together for each statement.
type cachedPlan struct {
	*rewrite.Plan
	table string // "" where the plan is about none
}

func newCachedPlan(plan *rewrite.Plan) cachedPlan {
	c := cachedPlan{Plan: plan}
	if plan.Table != nil {
		c.table = plan.Table.Name.String()
	}
	return c
}

func newPlanCache(size int) *planCache {
	plans, err := lru.New[planKey, cachedPlan](max(size, 1))
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &planCache{plans}
}
