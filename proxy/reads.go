package proxy

import (
	"bytes"
	"time"

	"ifmatch/control"
	"ifmatch/observe"
	"ifmatch/policy"
	"ifmatch/readset"
	"ifmatch/rewrite"
	"ifmatch/wire"
)

// Bounds of what all named contexts together keep. A context that has not been
// used for contextAge is forgotten: its rows are then unread.
const (
	maxContexts  = 100_000
	contextBytes = 1 << 30
	contextAge   = 24 * time.Hour
)

// contextBounds gives how many rows of a context are kept, and for how long one is that
// is not used: longer than what was read counts, so that a read that does not count any
// longer is known to be one.
func contextBounds(rules *rewrite.Rules) (rows int, age time.Duration) {
	age = contextAge
	for _, t := range rules.All() {
		age = max(age, 2*t.Settings.ReadTTL)
	}
	return rules.MaxReads(policy.ScopeContext), age
}

// reads is what the scopes of a session have read. Scopes are made when they are
// first needed.
type reads struct {
	session     *readset.Set
	transaction *readset.Set
	request     *readset.Request // of the context that the client has named; nil without one
	context     string           // its name

	open     bool           // a transaction is open
	doubt    bool           // what the open transaction wrote may not be what the server has of it
	shaken   *wire.ERR      // the error that may have rolled it back, until the server has been asked
	untold   time.Time      // since when the open transaction may have written rows of which the scopes know nothing
	tables   tableSet       // of which something was read, request aside
	evicted  uint64         // as far as it was counted, request aside
	undone   uint64         // how often what a transaction did was, or may have been, taken back
	watch    observe.Writes // of observed rows
	patience time.Duration  // for reading beside the statement at hand
}

// scopes gives those that there are.
func (r *reads) scopes() (all [3]readset.Scope, n int) {
	if r.session != nil {
		all[n] = r.session
		n++
	}
	if r.transaction != nil {
		all[n] = r.transaction
		n++
	}
	if r.request != nil {
		all[n] = r.request
		n++
	}
	return all, n
}

// begin opens the transaction in every scope. Without autocommit there may be
// savepoints that are older than its first statement.
func (r *reads) begin(savepoints []string) {
	r.open, r.doubt, r.shaken, r.untold = true, false, nil, time.Time{}
	all, n := r.scopes()
	for _, scope := range all[:n] {
		scope.Begin()
		for _, name := range savepoints {
			scope.Savepoint(name)
		}
	}
}

// end ends the transaction in every scope, and gives what is proved of it.
func (r *reads) end(how control.Ending) control.Ending {
	undone := how != control.Committed
	if r.doubt || r.shaken != nil {
		how = control.Uncertain
	}
	r.open, r.doubt = false, false
	r.watch.End(how)
	if how != control.Committed {
		r.undone++
	}
	all, n := r.scopes()
	for _, scope := range all[:n] {
		switch how {
		case control.Committed:
			scope.Commit()
		case control.RolledBack:
			scope.Rollback()
		default:
			scope.Uncertain()
		}
		if undone {
			r.forgetUntold(scope)
		}
	}
	r.shaken, r.untold = nil, time.Time{}
	r.forgetTransaction()
	return how
}

// writesUntold says that the open transaction may have written rows of which the
// scopes know nothing: what is read of them from now on may not stay.
func (r *reads) writesUntold() {
	if r.open && r.untold.IsZero() {
		r.untold = time.Now()
	}
}

// forgetUntold makes unread what was read since the transaction may have written
// what nobody was told of, as that is taken back.
func (r *reads) forgetUntold(scope readset.Scope) {
	if r.untold.IsZero() {
		return
	}
	type row struct {
		table uint32
		key   []byte
	}
	var rows []row
	scope.All(func(table uint32, key, _ []byte, at time.Time) bool {
		if at.Before(r.untold) {
			return false // so are all that follow
		}
		rows = append(rows, row{table, bytes.Clone(key)})
		return true
	})
	for _, w := range rows {
		scope.Forget(w.table, w.key)
	}
}

// forgetTransaction empties what was read in the scope of a transaction.
func (r *reads) forgetTransaction() {
	if r.transaction != nil && r.transaction.Len() > 0 {
		r.transaction.Clear()
	}
}

// scope gives the scope of a table's reads. With make it is made where it is not
// there yet.
func (s *session) scope(t *rewrite.Table, make bool) readset.Scope {
	r := &s.reads
	switch t.Settings.Scope {
	case policy.ScopeTransaction:
		if r.transaction == nil {
			if !make {
				return nil
			}
			r.transaction = s.newSet(policy.ScopeTransaction)
		}
		return r.transaction
	case policy.ScopeContext:
		if r.request != nil {
			return r.request
		}
	}
	if r.session == nil {
		if !make {
			return nil
		}
		r.session = s.newSet(policy.ScopeSession)
	}
	return r.session
}

// newSet makes a scope that is in the session's transaction.
func (s *session) newSet(kind policy.Scope) *readset.Set {
	set := readset.New(s.rules.MaxReads(kind))
	s.joinTransaction(set)
	return set
}

// takeRules makes the rules in force those of the statement at hand. Scopes of the
// session get their bounds.
func (s *session) takeRules() {
	rules := s.srv.rules.Load()
	if rules == s.rules {
		return
	}
	s.rules = rules
	if set := s.reads.session; set != nil {
		set.Bound(rules.MaxReads(policy.ScopeSession))
	}
	if set := s.reads.transaction; set != nil {
		set.Bound(rules.MaxReads(policy.ScopeTransaction))
	}
}

// joinTransaction puts a new scope into the transaction that is open.
func (s *session) joinTransaction(scope readset.Scope) {
	if !s.reads.open {
		return
	}
	scope.Begin()
	for _, name := range s.tx.savepoints {
		scope.Savepoint(name)
	}
}

// keeps reports whether what is noted of a table now outlives the statement.
func (s *session) keeps(t *rewrite.Table) bool {
	return t.Captured() && (t.Settings.Scope != policy.ScopeTransaction || s.transactional())
}

// noteTable remembers that something of a table was read.
func (r *reads) noteTable(id uint32) {
	if !r.tables.has(id) {
		r.tables.add(id)
	}
}

// tableSet is a set of tables, by their IDs, which are small numbers: a bit each.
type tableSet []uint64

func (t tableSet) has(id uint32) bool {
	i := int(id / 64)
	return i < len(t) && t[i]&(1<<(id%64)) != 0
}

func (t *tableSet) add(id uint32) {
	i := int(id / 64)
	if i >= len(*t) {
		*t = append(*t, make([]uint64, i+1-len(*t))...)
	}
	(*t)[i] |= 1 << (id % 64)
}

// mayKnow reports whether the scope may hold a row of the table.
func (s *session) mayKnow(t *rewrite.Table) bool {
	if t.Settings.Scope == policy.ScopeContext && s.reads.request != nil {
		return true
	}
	return s.reads.tables.has(t.ID)
}

// setContext begins a request of a context; "" leaves the one there is.
func (s *session) setContext(name string) {
	r := &s.reads
	if r.request != nil {
		r.request.End()
		r.request = nil
	}
	r.context = name
	r.writesUntold() // the scope from now on has not been told of what was written before
	if name == "" {
		return
	}
	r.request = s.srv.contexts.Request(s.user, name)
	s.joinTransaction(r.request)
}

// keepReads has what the request of a context has read and written kept, where that is
// outside the process, before the client has the end of the answer: what it then does
// over another connection, through another proxy, is held against it.
func (s *session) keepReads() {
	if s.reads.request != nil && !s.client.Diverted() {
		s.reads.request.Sync()
	}
}

// forgetReads empties the session's scopes and leaves its context.
func (s *session) forgetReads() {
	s.abandonTakings()
	s.setContext("")
	s.countEvicted()
	s.reads = reads{}
}

// countEvicted counts expectations that had to give way to others.
func (s *session) countEvicted() {
	r, n := &s.reads, uint64(0)
	if r.session != nil {
		n += r.session.Evicted()
	}
	if r.transaction != nil {
		n += r.transaction.Evicted()
	}
	fresh := n - r.evicted
	r.evicted = n
	if r.request != nil {
		fresh += s.srv.evictedInContexts()
	}
	if fresh > 0 {
		s.srv.counters.evicted.Add(int64(fresh))
		s.srv.cfg.Meter.Evicted(fresh)
	}
}

// evictedInContexts gives how many rows contexts have lost since it was asked last.
func (s *Server) evictedInContexts() uint64 {
	for {
		was, now := s.contextsEvicted.Load(), s.contexts.Evicted()
		if now <= was {
			return 0
		}
		if s.contextsEvicted.CompareAndSwap(was, now) {
			return now - was
		}
	}
}
