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
	plans *lru.Cache[planKey, *rewrite.Plan]
}

func newPlanCache(size int) *planCache {
	plans, err := lru.New[planKey, *rewrite.Plan](max(size, 1))
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &planCache{plans}
}
