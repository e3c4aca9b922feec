package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ContextMetrics counts what is asked of the server that keeps named contexts. It is
// safe for use by many sessions at once.
type ContextMetrics struct {
	up, waiting  prometheus.Gauge
	seconds      *prometheus.HistogramVec
	failures     *prometheus.CounterVec
	lost, forgot prometheus.Counter
}

// Contexts registers the metrics of such a server.
func (m *Metrics) Contexts() *ContextMetrics {
	c := &ContextMetrics{
		up:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "ifmatch_context_store_up", Help: "1 if the server that keeps named contexts is there."}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{Name: "ifmatch_context_changes_waiting", Help: "Changes of named contexts that wait for their server."}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ifmatch_context_store_seconds", Help: "Time that the server of named contexts takes, by what is asked: begin or change.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 10)}, []string{"what"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ifmatch_context_store_failures_total", Help: "What the server of named contexts has not done, by what was asked: begin or change."}, []string{"what"}),
		lost:   prometheus.NewCounter(prometheus.CounterOpts{Name: "ifmatch_context_changes_lost_total", Help: "Changes of named contexts that could not be kept."}),
		forgot: prometheus.NewCounter(prometheus.CounterOpts{Name: "ifmatch_context_store_forgot_total", Help: "How often the server of named contexts was found without what it had."}),
	}
	for _, what := range []string{"begin", "change"} {
		c.failures.WithLabelValues(what)
	}
	m.registry.MustRegister(c.up, c.waiting, c.seconds, c.failures, c.lost, c.forgot)
	return c
}

// ContextStore counts something that was asked of the server: begin or change.
func (c *ContextMetrics) ContextStore(what string, took time.Duration, failed bool) {
	if failed {
		c.failures.WithLabelValues(what).Inc()
		return
	}
	c.seconds.WithLabelValues(what).Observe(took.Seconds())
}

// ContextStoreUp says whether the server is there.
func (c *ContextMetrics) ContextStoreUp(up bool) {
	if up {
		c.up.Set(1)
	} else {
		c.up.Set(0)
	}
}

// ContextStoreForgot counts that the server was found without what it had.
func (c *ContextMetrics) ContextStoreForgot() { c.forgot.Inc() }

// ContextReadsWaiting says how many changes wait for the server.
func (c *ContextMetrics) ContextReadsWaiting(n int) { c.waiting.Set(float64(n)) }

// ContextReadsLost counts changes that could not be kept.
func (c *ContextMetrics) ContextReadsLost(n int) { c.lost.Add(float64(n)) }
