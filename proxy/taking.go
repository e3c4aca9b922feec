package proxy

import (
	"context"
	"slices"

	"ifmatch/failpoint"
	"ifmatch/ledger"
	"ifmatch/rewrite"
	"ifmatch/taking"
	"ifmatch/wire"
)

// This file carries out writes that take rows, are about rows that the writer has
// taken, or give them back. The row is locked first, by the transaction of the
// write; what the write is about to do is then written into the ledger; then it is
// sent, and committed. So whoever finds a record in the ledger and the row not
// locked knows what has become of it.

// takingWrite is such a write on its way.
type takingWrite struct {
	took   []taking.Deed // that it takes
	gives  []taking.Deed // that it gives back
	held   bool          // it is about rows that stay taken
	insert bool
	done   bool // the server has carried it out; whether it is committed may be open
	partly bool // not of all its rows, or it is not known of which
}

// ids gives the numbers of what it takes.
func (w *takingWrite) ids() (ids []uint64) {
	for _, d := range w.took {
		ids = append(ids, d.ID)
	}
	return ids
}

// step names the steps of a write for tests that end the process at one.
func (w *takingWrite) step(step string) string {
	switch {
	case w.insert:
		return "birth." + step
	case w.took != nil:
		return "take." + step
	case w.gives != nil:
		return "give." + step
	}
	return "hold." + step
}

// prepareTaking does what has to be done before a write is sent, where rows of its
// table can be taken. done is true where the client has its answer.
func (s *session) prepareTaking(g *guarded) (done bool, err error) {
	t, takes := g.plan.Table, s.binding.Takes()
	by := s.taker(t, takes)
	if !takes && (by == nil || !by.HoldsAny(t.ID)) {
		return false, nil // the guard refuses what others have taken
	}
	if !s.transactional() && !s.tableLocks {
		if failed, err := s.enterOwn(); failed != nil || err != nil {
			return true, s.orError(failed, err)
		}
	}
	row, failed, err := s.lockTaking(g)
	if err != nil {
		return true, err
	}
	if failed != nil {
		if _, err := s.leaveOwn(false); err != nil {
			return true, err
		}
		return true, s.orError(failed, nil)
	}
	if row == nil {
		return false, nil // nor does the write find one
	}
	id := taking.Key{Table: t.ID, Form: string(row.Form)}
	k := by.Find(id)
	switch {
	case takes && row.Taken:
		return false, nil // the guard says so
	case takes && s.takings.deeds.Gave(id):
		return true, s.refuseTaking(t, "the row was given back in this transaction, and can be taken again when that is committed")
	case takes:
		if k != nil { // its lease had run out
			s.loseTaking(by, k)
		}
		return s.takeRow(g, by, row)
	case k == nil:
		return false, nil
	case !row.Taken || !slices.Contains(k.Versions(), row.Version.String()):
		s.loseTaking(by, k)
		return true, s.conflict(g.plan.LostConflict(row))
	case g.plan.Renames():
		return true, s.refuseTaking(t, "the key of a row that is taken cannot be changed; give it back first")
	}
	return s.useTaking(g, by, k, row)
}

// lockTaking locks the row that a write names and reads it, nil where there is none.
func (s *session) lockTaking(g *guarded) (*rewrite.TakenRow, *wire.ERR, error) {
	var rows []rewrite.Row
	var failed *wire.ERR
	var err error
	if g.st == nil {
		rows, failed, err = s.ask(g.plan.PendingLook(&s.text, &s.binding).SQL)
	} else {
		probe := g.plan.PendingLook(g.st.text, &s.binding)
		rows, failed, err = s.askPrepared(probe.SQL, s.valueParams(g.st, probe.Args))
	}
	if failed != nil || err != nil || len(rows) != 1 {
		return nil, failed, err
	}
	row, ok := g.plan.Table.TakenRow(rows[0])
	if !ok {
		return nil, nil, &backendError{&wire.MalformedError{What: "a row that was locked has a wrong number of columns"}}
	}
	return row, nil, nil
}

// takeRow writes into the ledger that a row is about to be taken.
func (s *session) takeRow(g *guarded, by *taking.Holder, row *rewrite.TakenRow) (done bool, err error) {
	failpoint.Here("take.locked")
	t := g.plan.Table
	version, ok := g.plan.Next(row, s.cur, s.boundValues(g), &s.binding)
	if !ok {
		return true, s.refuseTaking(t, "the version that this write gives the row cannot be foretold")
	}
	in := s.intent(t, by, row)
	in.Before, in.Versions = row.StatusLiteral(), []string{version}
	took, refused := s.writeIntents(t, by, []ledger.Intent{in})
	if refused != "" {
		return true, s.refuseTaking(t, refused)
	}
	w := &takingWrite{took: took}
	s.takings.write = w
	failpoint.Here(w.step("intent"))
	return false, nil
}

// boundValues gives the parameters that a write was bound to.
func (s *session) boundValues(g *guarded) []rewrite.Value {
	if g.st == nil {
		return nil
	}
	return s.values
}

// intent describes a row that is about to be taken.
func (s *session) intent(t *rewrite.Table, by *taking.Holder, row *rewrite.TakenRow) ledger.Intent {
	return ledger.Intent{Row: LedgerRow(t, row), Keep: t.KeepsAbandoned(), Lease: t.Lease(), Taker: by.Name, Connection: uint64(s.id)}
}

// LedgerRow gives a row as the ledger names it.
func LedgerRow(t *rewrite.Table, row *rewrite.TakenRow) ledger.Row {
	r := ledger.Row{Schema: t.Name.Schema, Table: t.Name.Name, Text: row.Text(t), Form: row.Form,
		Status: t.Status(), Version: t.Version.Column.Name, Pending: t.PendingText()}
	names, literals := row.KeyLiterals(t)
	for i := range names {
		r.Key = append(r.Key, ledger.KeyColumn{Column: names[i], Literal: literals[i]})
	}
	return r
}

// writeIntents writes intents into the ledger and has their leases renewed.
// refused says why that cannot be done.
func (s *session) writeIntents(t *rewrite.Table, by *taking.Holder, intents []ledger.Intent) (took []taking.Deed, refused string) {
	if s.srv.keeper == nil {
		return nil, "there is no ledger to write the taking into"
	}
	if s.srv.keeper.Held()+len(intents) > maxTaken {
		return nil, "more rows are taken through this proxy than it has room for"
	}
	ctx, cancel := context.WithTimeout(context.Background(), taking.Timeout)
	defer cancel()
	ids, err := s.srv.cfg.Ledger.Take(ctx, intents)
	if err != nil {
		s.log.Warn("a row cannot be taken", "table", t.Label, "error", err)
		return nil, "the taking cannot be written into the ledger"
	}
	for i := range intents {
		in := &intents[i]
		took = append(took, taking.Deed{Row: taking.NewRow(ids[i], taking.Key{Table: t.ID, Form: string(in.Form)}, in.Versions), By: by})
		s.srv.keeper.Hold(ids[i], in.Lease)
	}
	by.Use(t.Settings.ReadTTL)
	return took, ""
}

// useTaking announces a write to a row that the writer has taken, unless it gives
// the row back.
func (s *session) useTaking(g *guarded, by *taking.Holder, k *taking.Row, row *rewrite.TakenRow) (done bool, err error) {
	s.binding.Hold()
	t := g.plan.Table
	if g.plan.EndsTaking() {
		s.takings.write = &takingWrite{gives: []taking.Deed{{Row: k, By: by, Gave: true}}}
		failpoint.Here("give.locked")
		return false, nil
	}
	version, ok := g.plan.Next(row, s.cur, s.boundValues(g), &s.binding)
	if !ok {
		return true, s.refuseTaking(t, "the version that this write gives the row cannot be foretold")
	}
	failpoint.Here("hold.locked")
	switch ok, why := s.announce(k, by, row, version); {
	case why != "":
		return true, s.refuseTaking(t, why)
	case !ok:
		s.loseTaking(by, k)
		return true, s.conflict(g.plan.LostConflict(row))
	}
	s.takings.write = &takingWrite{held: true}
	failpoint.Here("hold.announced")
	return false, nil
}

// refuseTaking answers a write that is not sent.
func (s *session) refuseTaking(t *rewrite.Table, why string) error {
	if _, err := s.leaveOwn(false); err != nil {
		return err
	}
	return s.refuse(t, "taking", why)
}

// loseTaking gives up a row that is not as its taker has left it. What is left of
// it in the ledger is judged there.
func (s *session) loseTaking(by *taking.Holder, k *taking.Row) {
	by.Remove(k)
	s.srv.keeper.Abandon(k.ID)
}

// takingWritten takes over that the server has carried out the write at hand.
func (s *session) takingWritten() {
	if w := s.takings.write; w != nil {
		w.done = true
		failpoint.Here(w.step("written"))
	}
}

// takingAnswered takes over what the write at hand has done to takings, before the
// client is told that it has succeeded.
func (s *session) takingAnswered() {
	w := s.takings.write
	if w == nil {
		return
	}
	if !w.done {
		s.takingEnded(nil)
		return
	}
	failpoint.Here(w.step("committed"))
	s.takings.write = nil
	open := s.inTransaction()
	if w.partly && !open {
		s.books().Settle(slices.Concat(w.took, w.gives))
		return
	}
	for _, d := range w.took {
		d.By.Add(d.Row)
	}
	var over []uint64
	for _, d := range w.gives {
		d.By.Remove(d.Row)
		over = append(over, d.ID)
	}
	if open {
		s.takings.deeds.Add(w.took...)
		s.takings.deeds.Add(w.gives...)
		if w.partly {
			s.takings.deeds.Doubt()
		}
	} else {
		s.books().End(over)
	}
	failpoint.Here(w.step("answered"))
}

// takingEnded clears up behind a write. err is the error of the connections, with
// which the session ends: see [session.abandonTakings].
func (s *session) takingEnded(err error) {
	w := s.takings.write
	if w == nil || err != nil {
		return
	}
	s.takings.write = nil
	if !w.done {
		s.books().End(w.ids()) // it has had no effect
		return
	}
	// It was to be committed, and the server has not said that it is.
	s.books().Settle(slices.Concat(w.took, w.gives))
}
