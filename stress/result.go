package stress

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Result is what a run has found.
type Result struct {
	Address     string  `json:"address"`
	Table       string  `json:"table"`
	Guard       Guard   `json:"guard"`
	Mode        Mode    `json:"mode"`
	Prepared    bool    `json:"prepared"`
	Clients     int     `json:"clients"`
	Keys        int     `json:"keys"`
	Seconds     float64 `json:"seconds"`
	Interrupted bool    `json:"interrupted"` // before its time was over

	Acknowledged int64 `json:"acknowledged"` // updates that the server has said are done
	Conflicting  int64 `json:"conflicting"`  // answers that refused one, since its row had changed
	Retried      int64 `json:"retried"`      // tries after such an answer, or after the server's own
	GivenUp      int64 `json:"given_up"`     // updates that were not tried again
	Aborted      int64 `json:"aborted"`      // deadlocks and waits for locks
	Failed       int64 `json:"failed"`       // other errors of the server
	Reconnected  int64 `json:"reconnected"`  // connections that were lost
	Unknown      int64 `json:"unknown"`      // updates that may have happened when a connection was lost

	// What the rows say.
	Added       int64 `json:"added"`       // their last values less their first ones
	Lost        int64 `json:"lost"`        // acknowledged, and not in the data
	Unexplained int64 `json:"unexplained"` // in the data, and neither acknowledged nor unknown

	PerSecond            float64 `json:"acknowledged_per_second"`
	ConflictingPerSecond float64 `json:"conflicting_per_second"`
	Update               Latency `json:"update_ms"` // from the first read to the acknowledgement, with all tries
	Read                 Latency `json:"read_ms"`   // one statement
	Write                Latency `json:"write_ms"`  // one statement

	Error string `json:"error,omitempty"` // why the run proves nothing or ended early

	updates, reads, writes histogram
	settled                bool // the rows have been read
}

// Latency is in milliseconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// add takes over what a client has counted.
func (r *Result) add(c *client) {
	for i := range c.acknowledged {
		r.Acknowledged += c.acknowledged[i]
		r.Unknown += c.unknown[i]
	}
	r.Conflicting += c.conflicting
	r.Retried += c.retried
	r.GivenUp += c.givenUp
	r.Aborted += c.aborted
	r.Failed += c.failed
	r.Reconnected += c.reconnected
	r.updates.merge(&c.updates)
	r.reads.merge(&c.reads)
	r.writes.merge(&c.writes)
	if c.failed > 0 && r.Error == "" && c.failure != nil {
		r.Error = c.failure.Error()
	}
}

// finish computes what follows from the counts.
func (r *Result) finish(took time.Duration) {
	r.PerSecond = float64(r.Acknowledged) / took.Seconds()
	r.ConflictingPerSecond = float64(r.Conflicting) / took.Seconds()
	r.Update, r.Read, r.Write = latencyOf(&r.updates), latencyOf(&r.reads), latencyOf(&r.writes)
}

func latencyOf(h *histogram) Latency {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return Latency{ms(h.quantile(.5)), ms(h.quantile(.95)), ms(h.quantile(.99)), ms(h.most)}
}

// OK says whether no acknowledged update is lost, and nothing else was wrong.
func (r *Result) OK() bool {
	return r.settled && r.Error == "" && r.Lost == 0 && r.Unexplained == 0 && r.Failed == 0
}

// Print writes the figures of a run, without its verdict.
func (r *Result) Print(out io.Writer) error {
	protocol := "text"
	if r.Prepared {
		protocol = "prepared"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s  %s, %s, clients %d, keys %d, %.1f s", r.Address, r.Table, r.Mode, protocol, r.Clients, r.Keys, r.Seconds)
	if r.Interrupted {
		b.WriteString(" (interrupted)")
	}
	fmt.Fprintf(&b, "\n  acknowledged %8d  %10.1f/s\n", r.Acknowledged, r.PerSecond)
	fmt.Fprintf(&b, "  conflicting  %8d  %10.1f/s\n", r.Conflicting, r.ConflictingPerSecond)
	fmt.Fprintf(&b, "  retried      %8d", r.Retried)
	for _, more := range []struct {
		what string
		n    int64
	}{{"given up", r.GivenUp}, {"deadlocks and lock waits", r.Aborted}, {"failed", r.Failed}, {"connections lost", r.Reconnected}, {"of unknown fate", r.Unknown}} {
		if more.n > 0 {
			fmt.Fprintf(&b, "  %s %d", more.what, more.n)
		}
	}
	fmt.Fprintf(&b, "\n  in the data  %8d\n  lost         %8d\n", r.Added, r.Lost)
	if r.Unexplained > 0 {
		fmt.Fprintf(&b, "  unexplained  %8d  more in the data than was acknowledged: somebody else writes the table, or a write was repeated\n", r.Unexplained)
	}
	fmt.Fprintf(&b, "  %-13s%8s  %8s  %8s  %8s\n", "ms", "p50", "p95", "p99", "max")
	for _, l := range []struct {
		what string
		Latency
		of *histogram
	}{{"update", r.Update, &r.updates}, {"read", r.Read, &r.reads}, {"write", r.Write, &r.writes}} {
		if l.of.total > 0 {
			fmt.Fprintf(&b, "  %-13s%8.2f  %8.2f  %8.2f  %8.2f\n", l.what, l.P50, l.P95, l.P99, l.Max)
		}
	}
	if r.Error != "" {
		fmt.Fprintf(&b, "  error: %s\n", r.Error)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// Verdict is the answer in one line.
func (r *Result) Verdict() string {
	who := map[Guard]string{NoProxy: "without ifmatch", Unguarded: "ifmatch, table not guarded", Guarded: "with ifmatch"}[r.Guard]
	if !r.settled {
		return fmt.Sprintf("%-16s %8d updates acknowledged, unknown how many of them lost", who+":", r.Acknowledged)
	}
	return fmt.Sprintf("%-16s %8d updates acknowledged, %d lost", who+":", r.Acknowledged, r.Lost)
}
