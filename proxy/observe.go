package proxy

import (
	"sync/atomic"
	"time"

	"ifmatch/control"
	"ifmatch/observe"
	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// This file is about statements on tables in mode: observe. They go to the server
// as they came. What would have become of them is found by reading tokens beside
// them, and is counted and logged.

// observedCounters are what SHOW IFMATCH STATUS shows of observed tables.
type observedCounters struct {
	conflicts, unread, refused, dropped atomic.Int64
}

// observation is an observed write on its way.
type observation struct {
	plan   *rewrite.Plan // as if it were enforced
	text   *sqltext.Text
	params []rewrite.Value
	b      rewrite.Binding
	after  bool // its row is looked at once the write has its lock
	looked bool
	sight  rewrite.Sight
	status *rewrite.Conflict // of its status, as the row was before it
}

// enforces reports whether statements that cannot be judged are refused in this
// session.
func (s *session) enforces() bool { return s.rules.Enforces(s.env("")) }

// refuses reports whether a statement that cannot be judged is refused in this
// session. Where nothing is enforced it is counted.
func (s *session) refuses(reason string) bool {
	if s.enforces() {
		return true
	}
	s.observeRefused(nil, reason)
	return false
}

// unjudged is what would become of a text that is not judged.
var unjudged = &rewrite.Plan{Verdict: rewrite.Refuse}

// notJudged is a text that was prepared at SQL level while nothing is enforced.
func (s *session) notJudged() dynamic {
	return dynamic{generation: s.rules.Generation, unjudged: true, verdict: verdict{ends: control.Uncertain, watched: unjudged}}
}

// observeDynamic counts a statement that was prepared at SQL level and would not
// be executed if its table were enforced, or would be guarded: its values are not
// known, as that would take questions in the client's session.
func (s *session) observeDynamic() {
	switch p := s.running.watched; {
	case p == nil, p.Verdict == rewrite.Pass:
	case p.Verdict == rewrite.Guard && p.Several():
		s.observeSeveral(p)
	case p.Verdict == rewrite.Guard:
		s.loseObserved(p.Table)
		s.observeDropped()
	default:
		s.observeRefused(p.Table, "dynamic")
	}
}

// observeQuery carries out an observed statement of the text protocol.
func (s *session) observeQuery(plan *rewrite.Plan, kind control.Kind, name string, stmt sqltext.Span) error {
	o := s.beginObserved(plan.Observed(), &s.text, nil)
	if o == nil {
		return s.passQueryOf(kind, name, stmt, plan)
	}
	s.diag = nil
	if err := s.sendAsIs(); err != nil {
		return err
	}
	return s.relayObserved(o)
}

// executeObserved carries out the execution of an observed statement. p is what
// is sent; typed is whether the parameters are known.
func (s *session) executeObserved(st *statement, p []byte, typed bool) (done bool, err error) {
	if typed {
		s.bindValues(st)
	}
	o := s.beginObserved(st.watched, st.text, s.values[:boundParams(st, typed)])
	if o == nil {
		return false, nil
	}
	if err := s.send(p); err != nil {
		return true, err
	}
	return true, s.relayObserved(o)
}

// beginObserved judges a statement before it is sent. It is nil where there is
// nothing to be seen in its answer.
func (s *session) beginObserved(plan *rewrite.Plan, t *sqltext.Text, params []rewrite.Value) *observation {
	s.beginReading()
	o := &observation{plan: plan, text: t, params: params}
	switch plan.Verdict {
	case rewrite.Refuse:
		if s.hint = nil; plan == unjudged {
			s.running = s.notJudged()
		}
		s.observeRefused(plan.Table, "statement")
		return nil
	case rewrite.Pass: // an INSERT
		if plan.HoldsInitial() && len(params) == plan.Params() {
			if c := plan.BindInsert(t, params); c != nil {
				s.foresee(c)
			}
		}
		return o
	}
	if plan.Several() {
		s.hint = nil
		s.observeSeveral(plan)
		return nil
	}
	hint, refused := s.expectation()
	if refused != "" {
		s.observeRefused(plan.Table, "hint")
		return nil
	}
	if plan.Upserts() {
		s.loseObserved(plan.Table)
		return nil
	}
	if err := plan.Bind(t, params, hint, &o.b); err != nil {
		s.observeRefused(plan.Table, "binding")
		return nil
	}
	// In a transaction the row is looked at behind the write, whose lock then keeps
	// others from it: what is committed is what the write has met.
	if o.after = s.inTransaction() || !s.status.Has(wire.StatusAutocommit); !o.after {
		s.lookBeside(o)
		s.lookStatus(o)
	}
	return o
}

// lookStatus finds out what of the row's status would have kept a write from it.
func (s *session) lookStatus(o *observation) {
	sql, asks, ok := o.plan.BesideStatus(o.text, o.params, &o.b, s.utf8())
	switch {
	case !asks:
		return
	case !ok, o.after && o.plan.Table.Twin() == nil: // it may be the transaction's second write of the row
		s.observeDropped()
		return
	}
	if rows, ok := s.besideRead(sql); ok {
		o.status = o.plan.ForeseeStatus(&o.b, rows)
	}
}

// lookBeside looks at the row of a write, where it matters.
func (s *session) lookBeside(o *observation) {
	twin := o.plan.Table.Twin()
	if twin == nil || !o.plan.NeedsSight(&o.b) && !s.mayKnow(twin) {
		return
	}
	sql, ok := o.plan.Beside(&o.b, s.utf8())
	if !ok {
		s.observeDropped()
		return
	}
	rows, ok := s.besideRead(sql)
	if ok {
		o.sight, o.looked = o.plan.Sight(&o.b, rows)
	}
}

// relayObserved relays the answer to an observed write and takes over what it
// tells, before the client hears of it.
func (s *session) relayObserved(o *observation) error {
	ok, p, failed, err := s.writeAnswer()
	if failed || err != nil {
		return err
	}
	switch {
	case o.plan.Inserts():
		s.observeInserted(o, &ok)
	case o.plan.Verdict == rewrite.Guard:
		s.observeWritten(o, &ok)
	}
	s.renewObserved()
	return s.finish(&ok, p)
}

// observeInserted notes the rows that an INSERT has made.
func (s *session) observeInserted(o *observation, ok *wire.OK) {
	twin := o.plan.Table.Twin()
	rows, told := o.plan.NewRows(o.text, o.params, ok.AffectedRows, ok.LastInsertID, s.inserted[:0])
	s.inserted = rows
	if !told || twin == nil {
		return
	}
	for _, row := range rows {
		if form, known, _ := o.plan.KeyForm(nil, row.Key, s.utf8()); known {
			s.reads.watch.Wrote(twin, form, observe.Read, s.inTransaction())
		}
	}
}

// observeWritten says what would have become of a write, and notes what it has
// left of its row.
func (s *session) observeWritten(o *observation, ok *wire.OK) {
	plan, twin, w := o.plan, o.plan.Table.Twin(), &s.reads.watch
	met := matched(ok, plan.Verb)
	if o.after && met {
		if form, known, final := s.guessRow(o); known && final && twin != nil && w.Has(twin, form) {
			s.leaveWritten(o, form, observe.Read)
			return
		}
	}
	if o.after {
		s.lookBeside(o)
		if met {
			// What others see of the row is what it was when the transaction began.
			s.lookStatus(o)
		}
	}
	form, known, _ := s.guessRow(o)
	if o.sight.Found {
		form, known = o.sight.Key, true
	}
	if known && twin != nil && w.Has(twin, form) {
		if met {
			s.leaveWritten(o, form, observe.Read)
		}
		return
	}
	left := s.judgeWritten(o, form, known, met)
	switch {
	case !met || twin == nil:
	case !known:
		w.Lose(twin, s.inTransaction())
	default:
		s.leaveWritten(o, form, left)
	}
}

// guessRow gives the form of the key that a write names, as far as its constants
// tell it.
func (s *session) guessRow(o *observation) (form []byte, known, final bool) {
	return o.plan.KeyForm(nil, o.b.Key, s.utf8())
}

// judgeWritten counts what would have become of a write, and says what it leaves
// of what the scope knows of its row, if it has met that.
func (s *session) judgeWritten(o *observation, form []byte, known, met bool) observe.Left {
	plan, b := o.plan, &o.b
	if plan.NeedsSight(b) && !o.looked {
		return observe.Read
	}
	var read []byte
	if twin := plan.Table.Twin(); known && twin != nil && plan.WantsRead(b) {
		token, at, ok := s.expected(twin, form)
		age := ageOf(at)
		switch {
		case !ok:
		case !o.looked:
			return observe.Read // it was counted where it failed
		case !s.reads.watch.Counts(twin, at):
			s.observeDropped()
			return observe.Read
		case age > plan.Table.Settings.ReadTTL && !b.Soft:
			s.foresee(s.unreadConflict(o))
			return observe.Unread
		default:
			read = token
		}
	}
	if read == nil {
		if refused := plan.BindUnread(b); refused != nil {
			s.foresee(s.unreadConflict(o))
			return observe.Unread
		}
		if b.Unread {
			s.observeUnread(plan.Table)
		}
	}
	if c := plan.Foresee(b, o.sight, read, met); c != nil && o.looked {
		s.foresee(c)
	} else if o.status != nil && met {
		s.foresee(o.status)
	}
	switch {
	case read == nil && b.Source == rewrite.NoExpectation:
		return observe.Unread
	case read != nil && b.Soft && string(read) != string(o.sight.Token):
		return observe.Stale
	}
	return observe.Read
}

// expected gives what the scope has read of an observed row.
func (s *session) expected(twin *rewrite.Table, form []byte) (token []byte, at time.Time, ok bool) {
	scope := s.scope(twin, false)
	if scope == nil {
		return nil, at, false
	}
	token, at, ok = scope.Expect(twin.ID, form)
	return append([]byte{}, token...), at, ok
}

// unreadConflict is what a write to a row that was not read would have been.
func (s *session) unreadConflict(o *observation) *rewrite.Conflict {
	return &rewrite.Conflict{Kind: rewrite.UnreadConflict, Table: o.plan.Table, Key: o.plan.KeyText(&o.b), Reason: "observed"}
}

// leaveWritten notes what a write has left of its row.
func (s *session) leaveWritten(o *observation, form []byte, left observe.Left) {
	w, open, twin := &s.reads.watch, s.inTransaction(), o.plan.Table.Twin()
	w.Wrote(twin, form, left, open)
	moves, to := o.plan.Moves(o.text, o.params, &o.b)
	if !moves {
		return
	}
	if moved, known, _ := o.plan.KeyForm(nil, to, s.utf8()); to != nil && known {
		w.Wrote(twin, moved, left, open)
	}
}

// foresee counts, logs and keeps what would have been a conflict.
func (s *session) foresee(c *rewrite.Conflict) {
	if c.Kind == rewrite.UnreadConflict {
		s.observeUnread(c.Table)
	} else {
		s.srv.counters.observed.conflicts.Add(1)
	}
	s.srv.cfg.Meter.ObservedConflict(c.Table.Label, c.Kind)
	shape := s.shape()
	s.last = &lastConflict{c, shape}
	args := []any{"kind", c.Kind.String(), "table", c.Table.Label, "shape", shape, "user", s.user, "mode", policy.ModeObserve.String()}
	if c.Table.Settings.Disclose {
		args = append(args, "key", c.Key, "expected", c.Expected, "found", c.Found)
	}
	s.log.Info("would have been a conflict", args...)
}

// observeUnread counts a write to a row with no expectation.
func (s *session) observeUnread(t *rewrite.Table) {
	s.srv.counters.observed.unread.Add(1)
	s.srv.cfg.Meter.ObservedUnread(t.Label)
}

// observeRefused counts and logs a statement that would have been refused. What
// it writes is not known.
func (s *session) observeRefused(t *rewrite.Table, reason string) {
	label := ""
	if t != nil {
		label = t.Label
		s.loseObserved(t)
	}
	s.srv.counters.observed.refused.Add(1)
	s.srv.cfg.Meter.ObservedRefused(reason)
	s.log.Info("would have been a conflict", "kind", rewrite.Refused.String(), "table", label, "reason", reason,
		"shape", s.shape(), "user", s.user, "mode", policy.ModeObserve.String())
}

// loseObserved forgets what is known of the rows of an observed table, one of which
// is written and it is not known which.
func (s *session) loseObserved(t *rewrite.Table) {
	if twin := t.Twin(); twin != nil {
		s.reads.watch.Lose(twin, s.inTransaction() || !s.status.Has(wire.StatusAutocommit))
	}
}

// observeSeveral is for a write of several rows, which are not looked at. What was
// seen of its tables counts no longer.
func (s *session) observeSeveral(plan *rewrite.Plan) {
	for _, one := range plan.Writes() {
		s.loseObserved(one.Table)
	}
	s.observeDropped()
}

// observeDropped counts what could not be observed.
func (s *session) observeDropped() {
	s.srv.counters.observed.dropped.Add(1)
	s.srv.cfg.Meter.ObserveDropped()
}

// dirty reports whether the rows of an answer may be uncommitted ones, of which
// nothing is remembered. Where all of them are observed the server is not asked.
func (s *session) dirty(c *rewrite.Capture) (bool, error) {
	if c.Observes() {
		return s.isolation.once || s.isolation.known && s.isolation.dirty, nil
	}
	return s.readsUncommitted()
}

// seen is what an answer shows of the rows of an observed table.
type seen struct {
	keys  map[string]bool // at most besideRows
	named []rewrite.Value // the key in WHERE, where the answer does not show it
	rows  int             // of the answer
}

// nameSeen finds the keys that WHERE names of the observed tables of a SELECT
// whose answer does not show them.
func (s *session) nameSeen(sh *shown, plan *rewrite.Plan, t *sqltext.Text, params []rewrite.Value) {
	sh.named = nil
	for k := range plan.Capture().Origins {
		o := &plan.Capture().Origins[k]
		if !o.Named() {
			continue
		}
		key, ok := plan.NamedKey(k, t, params, s.utf8())
		if !ok {
			s.observeDropped()
			continue
		}
		if sh.named == nil {
			sh.named = map[*rewrite.Table][]rewrite.Value{}
		}
		sh.named[o.Table] = key
	}
}

// nameExecuted is nameSeen for the execution of a prepared SELECT.
func (s *session) nameExecuted(sh *shown, st *statement) {
	if !st.noted.Capture().Names() {
		sh.named = nil
		return
	}
	if st.params > 0 {
		s.bindValues(st)
	}
	s.nameSeen(sh, st.noted, st.text, s.values[:st.params])
}

// beginSeen makes ready for the observed rows of an answer.
func (sh *shown) beginSeen() {
	if len(sh.seen) > 0 {
		clear(sh.seen)
	}
	for i := range sh.capture.Origins {
		t := sh.capture.Origins[i].Table
		if sh.blind || !t.Observed() || sh.seen[t] != nil {
			continue
		}
		if sh.seen == nil {
			sh.seen = map[*rewrite.Table]*seen{}
		}
		sh.seen[t] = &seen{keys: map[string]bool{}, named: sh.named[t]}
	}
	sh.named = nil
}

// see notes that the row at hand shows an observed row. Where there are too many,
// what was known of the row is forgotten.
func (sh *shown) see(s *session, o *shownOrigin) {
	one := sh.seen[o.table]
	if one == nil {
		return
	}
	if one.rows++; len(o.at) == 0 {
		return
	}
	sh.key = sh.key[:0]
	for _, column := range o.at {
		v, ok := sh.values[column], false
		if v.Null {
			return
		}
		if sh.key, ok = sh.form(sh.key, v, sh.columns.infos[column], column); !ok {
			return
		}
	}
	switch {
	case one.keys[string(sh.key)], s.reads.watch.Sees(o.table, sh.key):
	case len(one.keys) < observe.MaxRows:
		one.keys[string(sh.key)] = true
	default:
		s.observeDropped()
		o.scope.Forget(o.table.ID, sh.key)
	}
}

// noteSeen reads the tokens of the observed rows that an answer has shown.
func (s *session) noteSeen(sh *shown) {
	s.beginReading()
	for twin, one := range sh.seen {
		keys := make([][]byte, 0, len(one.keys)+1)
		for key := range one.keys {
			keys = append(keys, []byte(key))
		}
		if one.named != nil && one.rows > 0 {
			s.noteNamed(twin, one.named, sh.at)
		}
		if len(keys) > 0 {
			found, _ := s.tokensBeside(twin, keys)
			scope := s.scope(twin, true)
			for _, key := range keys {
				if found[string(key)] == nil {
					scope.Forget(twin.ID, key)
				}
			}
			for key, token := range found {
				if !s.reads.watch.Sees(twin, []byte(key)) {
					scope.Read(twin.ID, []byte(key), token, sh.at)
				}
			}
		}
		clear(one.keys)
		one.rows = 0
	}
}

// noteNamed is noteSeen for the row that WHERE names.
func (s *session) noteNamed(twin *rewrite.Table, key []rewrite.Value, at time.Time) {
	sql, ok := twin.SelectRows([][]rewrite.Value{key})
	if !ok {
		s.observeDropped()
		return
	}
	rows, ok := s.besideRead(sql)
	scope := s.scope(twin, true)
	if !ok {
		if form, known, _ := (&rewrite.Plan{Table: twin}).KeyForm(nil, key, true); known {
			scope.Forget(twin.ID, form)
		}
		return
	}
	for _, row := range rows {
		if form, token, ok := twin.RowForms(row, nil, nil); ok && !s.reads.watch.Sees(twin, form) {
			scope.Read(twin.ID, form, token, at)
		}
	}
}
