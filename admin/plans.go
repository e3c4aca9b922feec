package admin

import "github.com/prometheus/client_golang/prometheus"

// PlanStats is what a plan cache has done so far.
type PlanStats struct {
	Hits, Misses uint64 // look-ups of statements that could concern a guarded table
	Evictions    uint64 // plans that gave way to others
	Plans        int    // kept now
}

// Plans shows a plan cache, which is asked when the metrics are.
func (m *Metrics) Plans(stats func() PlanStats) {
	counter := func(name, help string, of func(PlanStats) uint64) {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
			func() float64 { return float64(of(stats())) }))
	}
	counter("ifmatch_plan_cache_hits_total", "Statements whose plan was kept.", func(s PlanStats) uint64 { return s.Hits })
	counter("ifmatch_plan_cache_misses_total", "Statements whose plan had to be made.", func(s PlanStats) uint64 { return s.Misses })
	counter("ifmatch_plan_cache_evictions_total", "Plans that gave way to others.", func(s PlanStats) uint64 { return s.Evictions })
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "ifmatch_plan_cache_plans", Help: "Plans kept."},
		func() float64 { return float64(stats().Plans) }))
}
