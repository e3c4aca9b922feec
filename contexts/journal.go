package contexts

import (
	"time"

	"github.com/gomodule/redigo/redis"

	"ifmatch/readset"
	"ifmatch/rewrite"
)

// Bounds of what a request notes before it is sent.
const (
	maxBatch      = 1000
	maxBatchBytes = 256 << 10
	changeBytes   = 100 // what a change takes beside field and token
)

// journal is the journal of a request.
type journal struct {
	store       *Store
	rows, times string // keys
	by          request
	changes     []change
	bytes       int
	field       []byte
}

// change is a readset.Change as the script is told of it.
type change struct {
	what         string
	field, token string
	at           time.Time
}

// batch is what is sent at once.
type batch struct {
	rows, times string
	by          request
	changes     []change
	bytes       int
}

var whatOf = [...]string{
	readset.Read: doRead, readset.Renew: doRenew, readset.Lapse: doLapse, readset.Forget: doForget,
	readset.Clear: doClear, readset.Restore: doRestore, readset.Retract: doRetract, readset.Blot: doBlot,
}

// Change notes a change.
func (j *journal) Change(c readset.Change) {
	w := change{what: whatOf[c.Kind], token: string(c.Token), at: c.At}
	if c.Kind == readset.Clear {
		j.add(w)
		return
	}
	table, ok := rewrite.FingerprintOf(c.Table)
	if !ok {
		return
	}
	if c.Kind == readset.Restore && readset.IsNever(c.At) {
		w.what, w.token = doBlot, ""
	}
	if len(c.Key)+len(w.token) > maxRow {
		// What was there is no longer what was read last.
		j.store.evicted.Add(1)
		w.what, w.token = doForget, ""
	}
	j.field = appendField(j.field[:0], table, c.Key)
	w.field = string(j.field)
	j.add(w)
}

func (j *journal) add(w change) {
	j.changes = append(j.changes, w)
	j.bytes += len(w.field) + len(w.token) + changeBytes
	if len(j.changes) >= maxBatch || j.bytes >= maxBatchBytes {
		j.Sync()
	}
}

// Sync sends what was noted.
func (j *journal) Sync() {
	if len(j.changes) == 0 {
		return
	}
	b := &batch{rows: j.rows, times: j.times, by: j.by, changes: j.changes, bytes: j.bytes}
	if j.store.send(b) {
		clear(j.changes)
		j.changes = j.changes[:0]
	} else {
		j.changes = nil // they wait
	}
	j.bytes = 0
}

// End sends what was noted, and is the last call.
func (j *journal) End() {
	j.Sync()
	j.store.open.Add(-1)
}

// apply has the server carry a batch out.
func (s *Store) apply(b *batch, patience time.Duration) error {
	start := time.Now()
	var gone uint64
	err := s.conns.do(patience, func(c redis.Conn) (err error) {
		args := make([]any, 0, 5+4*len(b.changes))
		bounds := s.bounds.Load()
		args = append(args, b.rows, b.times, bounds.life, bounds.rows, b.by[:])
		now := time.Now()
		for i := range b.changes {
			w := &b.changes[i]
			age := int64(0)
			if !w.at.IsZero() {
				age = max(0, now.Sub(w.at).Milliseconds())
			}
			args = append(args, w.what, w.field, age, w.token)
		}
		gone, err = redis.Uint64(changeScript.Do(c, args...))
		return err
	})
	s.cfg.Meter.ContextStore("change", time.Since(start), err != nil)
	s.evicted.Add(gone)
	return err
}

// send sends a batch, or has it wait. The batch is the caller's again where it does
// not wait.
func (s *Store) send(b *batch) (sent bool) {
	if s.wait(b) {
		return false
	}
	err := s.apply(b, s.cfg.Timeout)
	if err == nil {
		return true
	}
	return s.failed("change", err, b)
}
