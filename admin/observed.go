package admin

import "github.com/prometheus/client_golang/prometheus"

// Names and helps of what is counted with and without the label mode.
const (
	conflictsName = "ifmatch_conflicts_total"
	conflictsHelp = "Writes that would have lost an update or broken a rule, by kind."
	refusedName   = "ifmatch_refused_total"
	refusedHelp   = "Statements that could not be proved safe."
	unreadName    = "ifmatch_unread_total"
	unreadHelp    = "Writes to rows with no expectation, allowed or refused."
)

// observed are the counters of tables in mode observe: those of enforced ones
// under the same names, with mode="observe" beside their labels.
type observed struct {
	conflicts, refused, unread *prometheus.CounterVec
	dropped                    prometheus.Counter
}

func newObserved(registry *prometheus.Registry) observed {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		vec := prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: name, Help: help, ConstLabels: prometheus.Labels{"mode": "observe"}}, labels)
		registry.MustRegister(unchecked{vec})
		return vec
	}
	o := observed{
		conflicts: counter(conflictsName, conflictsHelp, "table", "kind"),
		refused:   counter(refusedName, refusedHelp, "reason"),
		unread:    counter(unreadName, unreadHelp, "table"),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ifmatch_observe_dropped_total", Help: "What could not be observed in time, or not at all."}),
	}
	registry.MustRegister(o.dropped)
	return o
}

// unchecked is a collector whose series have other labels than those of another
// collector with the same name, which the registry allows where none describes
// itself.
type unchecked struct{ prometheus.Collector }

// Describe describes nothing.
func (unchecked) Describe(chan<- *prometheus.Desc) {}
