// Package admin is what an operator asks over HTTP: health, readiness, metrics
// and profiles.
package admin

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"ifmatch/rewrite"
)

// Metrics counts what the proxy does, for Prometheus. It is safe for use by many
// sessions at once.
type Metrics struct {
	registry   *prometheus.Registry
	statements *prometheus.CounterVec
	conflicts  *prometheus.CounterVec
	refused    *prometheus.CounterVec
	unread     *prometheus.CounterVec
	observed   observed
	evicted    prometheus.Counter
	sessions   prometheus.Gauge
	abandoned  *prometheus.CounterVec
	handshakes *prometheus.CounterVec
	panics     prometheus.Counter
	idle       *prometheus.CounterVec
	vanished   *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	reloadOK   prometheus.Gauge
	reloadTime prometheus.Gauge

	// known are the tables' counters that were used before, for a look-up that
	// allocates nothing. The map is not changed but replaced, under mu.
	known  atomic.Pointer[map[counterKey]prometheus.Counter]
	mu     sync.Mutex
	stages atomic.Pointer[[]stage] // of seconds, as known
}

// stage is one of the few stages of a write: so few that a search costs less than a
// look-up in a map.
type stage struct {
	name     string
	observer prometheus.Observer
}

// counterKey names a counter of one table.
type counterKey struct {
	of    *prometheus.CounterVec
	table string
	label string // the second one; "" where there is none
}

// NewMetrics returns counters that are registered and at zero.
func NewMetrics() *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	m := &Metrics{
		registry:   prometheus.NewRegistry(),
		statements: counter("ifmatch_statements_total", "Statements that name a guarded table, by what became of them.", "table", "verdict"),
		conflicts:  counter(conflictsName, conflictsHelp, "table", "kind"),
		refused:    counter(refusedName, refusedHelp, "reason"),
		unread:     counter(unreadName, unreadHelp, "table"),
		evicted:    prometheus.NewCounter(prometheus.CounterOpts{Name: "ifmatch_reads_evicted_total", Help: "Expectations forgotten because a scope held too many."}),
		sessions:   gauge("ifmatch_sessions", "Client connections that are open."),
		handshakes: counter("ifmatch_handshake_failures_total", "Connections that ended before authentication did, by reason.", "reason"),
		abandoned:  counter("ifmatch_pending_abandoned_total", "Rows that were taken and whose taker is gone, by what has become of them.", "table", "outcome"),
		panics:     prometheus.NewCounter(prometheus.CounterOpts{Name: "ifmatch_panics_total", Help: "Sessions ended by a defect of the proxy."}),
		idle:       counter("ifmatch_idle_transactions_total", "Sessions that were idle in a transaction for too long, by what was done: warn or end.", "action"),
		vanished:   counter("ifmatch_vanished_total", "Sessions ended because a machine did not answer any more: that of the client or of the backend.", "peer"),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ifmatch_statement_seconds", Help: "Time of guarded writes, by stage.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12)}, []string{"stage"}),
		reloadOK:   gauge("ifmatch_policy_last_reload_successful", "1 if the policy file was right when it was read last."),
		reloadTime: gauge("ifmatch_policy_last_reload_timestamp_seconds", "When the policy in force was read."),
	}
	m.observed = newObserved(m.registry)
	m.known.Store(&map[counterKey]prometheus.Counter{})
	m.stages.Store(new([]stage))
	m.registry.MustRegister(m.statements, m.conflicts, m.refused, m.unread, m.evicted, m.sessions, m.abandoned, m.handshakes,
		m.panics, m.idle, m.vanished, m.seconds, m.reloadOK, m.reloadTime,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Statements gives what counts a statement that names a guarded table.
func (m *Metrics) Statements(table string, v rewrite.Verdict) (count func()) {
	return m.statements.WithLabelValues(table, v.String()).Inc
}

// count adds one to a counter.
func (m *Metrics) count(key counterKey) {
	c, ok := (*m.known.Load())[key]
	if !ok {
		c = m.learn(key)
	}
	c.Inc()
}

// learn adds a counter to those that are known.
func (m *Metrics) learn(key counterKey) prometheus.Counter {
	labels := []string{key.table, key.label}
	if key.label == "" {
		labels = labels[:1]
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	known := maps.Clone(*m.known.Load())
	known[key] = key.of.WithLabelValues(labels...)
	m.known.Store(&known)
	return known[key]
}

// Conflict counts a conflict.
func (m *Metrics) Conflict(table string, k rewrite.Kind) {
	m.conflicts.WithLabelValues(table, k.String()).Inc()
}

// Refused counts a statement that was refused. reason is one of a few words.
func (m *Metrics) Refused(reason string) { m.refused.WithLabelValues(reason).Inc() }

// Unread counts a write to a row with no expectation, allowed or refused.
func (m *Metrics) Unread(table string) { m.count(counterKey{of: m.unread, table: table}) }

// Evicted counts expectations that were forgotten because a scope held too many.
func (m *Metrics) Evicted(rows uint64) { m.evicted.Add(float64(rows)) }

// Sessions adds to the number of open sessions.
func (m *Metrics) Sessions(delta int) { m.sessions.Add(float64(delta)) }

// ObservedConflict counts what would have been a conflict on an observed table.
func (m *Metrics) ObservedConflict(table string, k rewrite.Kind) {
	m.observed.conflicts.WithLabelValues(table, k.String()).Inc()
}

// ObservedRefused counts a statement that would have been refused.
func (m *Metrics) ObservedRefused(reason string) { m.observed.refused.WithLabelValues(reason).Inc() }

// ObservedUnread counts a write to a row of an observed table with no expectation.
func (m *Metrics) ObservedUnread(table string) { m.observed.unread.WithLabelValues(table).Inc() }

// ObserveDropped counts what could not be observed in time, or not at all.
func (m *Metrics) ObserveDropped() { m.observed.dropped.Inc() }

// Abandoned counts rows that were taken and whose taker is gone, by what has become
// of them.
func (m *Metrics) Abandoned(table, outcome string) { m.abandoned.WithLabelValues(table, outcome).Inc() }

// HandshakeFailed counts a connection that ended before authentication did.
func (m *Metrics) HandshakeFailed(reason string) { m.handshakes.WithLabelValues(reason).Inc() }

// Panic counts a session that a defect ended.
func (m *Metrics) Panic() { m.panics.Inc() }

// IdleTransaction counts a session that was idle in a transaction for too long.
// action is "warn" or "end".
func (m *Metrics) IdleTransaction(action string) { m.idle.WithLabelValues(action).Inc() }

// Vanished counts a session that has ended because the machine of one of its peers,
// "client" or "backend", did not answer any more.
func (m *Metrics) Vanished(peer string) { m.vanished.WithLabelValues(peer).Inc() }

// Seconds records how long the named stage of a guarded write took.
func (m *Metrics) Seconds(name string, d time.Duration) {
	for _, s := range *m.stages.Load() {
		if s.name == name {
			s.observer.Observe(d.Seconds())
			return
		}
	}
	m.mu.Lock()
	s := stage{name, m.seconds.WithLabelValues(name)}
	known := append(slices.Clone(*m.stages.Load()), s)
	m.stages.Store(&known)
	m.mu.Unlock()
	s.observer.Observe(d.Seconds())
}

// Reloaded records an attempt to read the policy.
func (m *Metrics) Reloaded(ok bool) {
	if !ok {
		m.reloadOK.Set(0)
		return
	}
	m.reloadOK.Set(1)
	m.reloadTime.SetToCurrentTime()
}
