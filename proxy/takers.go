package proxy

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ifmatch/control"
	"ifmatch/ledger"
	"ifmatch/policy"
	"ifmatch/rewrite"
)

// This file is about who has taken which rows, as far as this process knows; the
// ledger knows it too, and has the last word.

// Limits of what is taken.
const (
	// maxTaken bounds the rows that the clients of one process have taken.
	maxTaken = 100_000
	// ledgerTimeout bounds a change of the ledger that a statement waits for.
	ledgerTimeout = 5 * time.Second
	// settleTries and settlePause bound how long the end of a transaction whose fate
	// is not proved waits for its rows' locks.
	settleTries = 20
	settlePause = 50 * time.Millisecond
)

// taking is a row that is taken.
type taking struct {
	id       uint64 // in the ledger
	table    uint32
	form     string   // of the key
	versions []string // that the taker has given it, or may have, as the ledger has them
}

// takenID names a row of any table.
type takenID struct {
	table uint32
	form  string
}

// taker is a session, or a context, that takes rows.
type taker struct {
	name string    // for people
	home *takers   // of a context
	key  [2]string // its user and name

	mu      sync.Mutex
	rows    map[takenID]*taking
	used    time.Time     // when a context took part in a statement last
	idle    time.Duration // after how long without use a context is taken for dead
	dropped bool          // its context has another taker now, or none
}

// holdsAny reports whether a row of the table is taken.
func (t *taker) holdsAny(table uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id := range t.rows {
		if id.table == table {
			return true
		}
	}
	return false
}

func (t *taker) find(id takenID) *taking {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rows[id]
}

// add notes that a row is taken. A transaction may last longer than a context's taker
// that holds nothing: what it takes then, or takes again when it is rolled back, is
// held by the taker that the context has by now.
func (t *taker) add(k *taking) {
	t.mu.Lock()
	if !t.dropped {
		defer t.mu.Unlock()
		if t.rows == nil {
			t.rows = map[takenID]*taking{}
		}
		t.rows[takenID{k.table, k.form}] = k
		return
	}
	idle := t.idle
	t.mu.Unlock()
	now := t.home.context(t.key[0], t.key[1], true)
	now.mu.Lock()
	now.idle = max(now.idle, idle)
	now.mu.Unlock()
	now.add(k)
}

func (t *taker) remove(k *taking) {
	t.mu.Lock()
	if t.dropped {
		t.mu.Unlock()
		if now := t.home.context(t.key[0], t.key[1], false); now != nil {
			now.remove(k)
		}
		return
	}
	defer t.mu.Unlock()
	if id := (takenID{k.table, k.form}); t.rows[id] == k {
		delete(t.rows, id)
	}
}

// all empties the taker and gives the numbers of what it has held.
func (t *taker) all() (ids []uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.empty()
}

// empty is all, with the lock held.
func (t *taker) empty() (ids []uint64) {
	for _, k := range t.rows {
		ids = append(ids, k.id)
	}
	t.rows = nil
	return ids
}

// takers are the contexts that have taken rows.
type takers struct {
	mu       sync.Mutex
	contexts map[[2]string]*taker
}

// context gives the taker of a named context. With make it is made where it is not
// there yet.
func (s *takers) context(user, name string, make bool) *taker {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]string{user, name}
	t := s.contexts[key]
	if t == nil && make {
		if s.contexts == nil {
			s.contexts = map[[2]string]*taker{}
		}
		t = &taker{name: "context " + name + " of " + user, home: s, key: key}
		s.contexts[key] = t
	}
	if t != nil {
		t.mu.Lock()
		t.used = time.Now()
		t.mu.Unlock()
	}
	return t
}

// aged takes out the contexts that have not been used for long, and those that hold
// nothing, and gives what they have held.
func (s *takers) aged(now time.Time) (ids []uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, t := range s.contexts {
		t.mu.Lock()
		idle, empty := now.Sub(t.used), len(t.rows) == 0
		if t.dropped = t.idle > 0 && idle > t.idle || empty && idle > time.Minute; t.dropped {
			ids = append(ids, t.empty()...)
			delete(s.contexts, key)
		}
		t.mu.Unlock()
	}
	return ids
}

// dropContexts gives up what contexts have taken that are not used any longer.
func (s *Server) dropContexts() {
	if ids := s.takers.aged(time.Now()); len(ids) > 0 {
		s.keeper.Abandon(ids...)
	}
}

// countTaking counts what has become of a taking that was abandoned.
func (s *Server) countTaking(f ledger.Found) {
	s.counters.abandoned.Add(1)
	s.cfg.Meter.Abandoned(f.Record.Schema+"."+f.Record.Table, f.Outcome.String())
}

// deed is what an open transaction has done to a taking.
type deed struct {
	*taking
	by   *taker
	gave bool // it was given back; else it was taken
}

// takings is what a session knows of rows that are taken.
type takings struct {
	own   taker // the session itself
	deeds []deed
	marks []mark
	doubt bool // what has become of the deeds is to be asked
	write *takingWrite
	born  []int // rows of the INSERT at hand that are taken from the start
}

// mark is a savepoint: how many deeds were done before it.
type mark struct {
	name  string
	deeds int
}

// taker gives who takes rows of a table in this session. With make it is made
// where it is not there yet.
func (s *session) taker(t *rewrite.Table, make bool) *taker {
	if t.Settings.Scope == policy.ScopeContext && s.reads.request != nil {
		return s.srv.takers.context(s.user, s.reads.context, make)
	}
	if s.takings.own.name == "" {
		s.takings.own.name = "session " + strconv.FormatUint(uint64(s.id), 10) + " of " + s.user
	}
	return &s.takings.own
}

// gave reports whether the open transaction has given the row back.
func (s *session) gave(id takenID) bool {
	return slices.ContainsFunc(s.takings.deeds, func(d deed) bool { return d.gave && d.table == id.table && d.form == id.form })
}

// takingsEnded takes over that the transaction has ended.
func (s *session) takingsEnded(how control.Ending) {
	ts := &s.takings
	deeds, doubt := ts.deeds, ts.doubt
	ts.deeds, ts.marks, ts.doubt = nil, nil, false
	if len(deeds) == 0 {
		return
	}
	switch {
	case doubt || how == control.Uncertain:
		s.settleDeeds(deeds)
	case how == control.RolledBack:
		s.undoDeeds(deeds)
	default:
		var over []uint64
		for _, d := range deeds {
			if d.gave {
				over = append(over, d.id)
			}
		}
		s.endTakings(over)
	}
}

// undoDeeds takes back what was done and what the server has undone.
func (s *session) undoDeeds(deeds []deed) {
	var over []uint64
	for _, d := range slices.Backward(deeds) {
		if d.gave {
			d.by.add(d.taking)
			continue
		}
		d.by.remove(d.taking)
		over = append(over, d.id)
	}
	s.endTakings(over)
}

// endTakings ends takings in the ledger. Where that fails they end when their
// leases have run out: their rows are not taken.
func (s *session) endTakings(ids []uint64) {
	if len(ids) == 0 {
		return
	}
	s.srv.keeper.Release(ids...)
	ctx, cancel := context.WithTimeout(context.Background(), ledgerTimeout)
	defer cancel()
	if err := s.srv.cfg.Ledger.End(ctx, ids...); err != nil {
		s.log.Warn("takings that are over are still in the ledger, until their leases have run out", "rows", len(ids), "error", err)
	}
}

// settleDeeds asks what has become of what a transaction did whose fate is not proved.
func (s *session) settleDeeds(deeds []deed) {
	asked := map[uint64]bool{}
	for _, d := range deeds {
		d.by.remove(d.taking)
		if asked[d.id] {
			continue
		}
		asked[d.id] = true
		if s.settleTaking(d.id) {
			d.by.add(d.taking)
		}
	}
}

// settleTaking asks whether a row is taken as the ledger has it. Where that cannot
// be found out it goes back when its lease has run out.
func (s *session) settleTaking(id uint64) (owned bool) {
	ctx, cancel := context.WithTimeout(context.Background(), ledgerTimeout)
	defer cancel()
	for range settleTries {
		f, err := s.srv.cfg.Ledger.Settle(ctx, id)
		if err != nil {
			s.log.Warn("it cannot be found out whether a row is taken", "taking", id, "error", err)
			break
		}
		if f.Outcome != ledger.Busy {
			if owned = f.Outcome == ledger.Owned; !owned {
				s.srv.keeper.Release(id)
			}
			return owned
		}
		time.Sleep(settlePause)
	}
	s.srv.keeper.Abandon(id)
	return false
}

// savesDeeds notes a savepoint.
func (ts *takings) save(name string) {
	ts.release(name, false)
	ts.marks = append(ts.marks, mark{name, len(ts.deeds)})
}

// release forgets a savepoint, with all those after it where it is released.
func (ts *takings) release(name string, after bool) {
	i := ts.mark(name)
	switch {
	case i < 0:
	case after:
		ts.marks = ts.marks[:i]
	default:
		ts.marks = slices.Delete(ts.marks, i, i+1)
	}
}

func (ts *takings) mark(name string) int {
	return slices.IndexFunc(ts.marks, func(m mark) bool { return strings.EqualFold(m.name, name) })
}

// takingsBackTo takes back what was done since a savepoint.
func (s *session) takingsBackTo(name string) {
	ts := &s.takings
	i := ts.mark(name)
	if i < 0 {
		ts.doubt = ts.doubt || len(ts.deeds) > 0
		return
	}
	n := ts.marks[i].deeds
	ts.marks = ts.marks[:i+1]
	undone := slices.Clone(ts.deeds[n:])
	ts.deeds = ts.deeds[:n]
	s.undoDeeds(undone)
}

// doubtTakings says that a statement whose effect is not seen may have gone back in
// the transaction.
func (ts *takings) doubtful() { ts.doubt = ts.doubt || len(ts.deeds) > 0 }

// abandonTakings gives up what the session has taken. Its rows go back as soon as
// the server has ended the session's transaction.
func (s *session) abandonTakings() {
	ids := s.takings.own.all()
	for _, d := range s.takings.deeds {
		d.by.remove(d.taking)
		ids = append(ids, d.id)
	}
	if w := s.takings.write; w != nil {
		ids = append(ids, w.ids()...)
	}
	s.takings = takings{}
	if len(ids) > 0 {
		slices.Sort(ids)
		s.srv.keeper.Abandon(slices.Compact(ids)...)
	}
}
