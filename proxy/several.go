package proxy

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// This file carries out writes of several rows and of joined tables. Where the
// scope knows nothing of their tables they are sent at once, with a guard that
// raises an error. Else the rows that they pick are locked and held one by one, in
// one transaction with the write, which is confined to them.

// bindWrite gives a guarded statement its constants or parameters, and carries it
// out. Its plan gives way to a wider one where they may pick several rows.
func (s *session) bindWrite(g *guarded) error {
	hint, refused := s.expectation()
	if refused != "" {
		return s.refuse(g.plan.Table, "hint", refused)
	}
	if !g.plan.Several() {
		err := g.plan.Bind(s.cur, s.valuesOf(g), hint, &s.binding)
		if err == nil {
			return s.write(g)
		}
		if !err.Wider || g.plan.Wider() == nil {
			return s.unbound(g.plan, err)
		}
		g.plan = g.plan.Wider()
	}
	return s.bindSeveral(g, hint)
}

// bindSeveral is bindWrite for a plan of several rows.
func (s *session) bindSeveral(g *guarded, hint []sqltext.Pair) error {
	values := s.valuesOf(g)
	s.binding = rewrite.Binding{}
	bound, err := g.plan.BindSeveral(s.cur, values, hint, s.bindings[:0])
	if s.bindings = bound; err != nil {
		return s.unbound(g.plan, err)
	}
	if s.mustLock(g, values) {
		return s.writeLocked(g, values)
	}
	return s.writeOpen(g, values)
}

// mustLock reports whether the rows of a write have to be held one by one: because
// something may be expected of them, or a guard in the statement could not tell.
func (s *session) mustLock(g *guarded, values []rewrite.Value) bool {
	if g.st != nil && (g.plan != g.st.plan || g.st.crowded) {
		return true // another statement is prepared
	}
	for i, one := range g.plan.Writes() {
		t, b := one.Table, s.bindings[i]
		switch {
		case b.Held(), one.BindUnread(&b) != nil, s.concernsTakings(t, &b):
			return true
		case t.Captured() && s.mayKnow(t) && s.scope(t, false) != nil:
			return true
		case t.Settings.Partial == policy.PartialProceed && g.plan.Limited():
			return true // LIMIT would slide on to the next row
		case t.Settings.Missing == policy.MissingConflict && one.NamedKeys(s.cur, values) != nil:
			return true
		}
	}
	return false
}

// writeOpen sends a write of whose rows nothing is expected. If its guard raises
// an error the server has undone it, and the rows are looked at one by one: the
// server may also have asked the guard of a row that the write does not pick.
func (s *session) writeOpen(g *guarded, values []rewrite.Value) error {
	s.binding = s.bindings[0]
	if g.st == nil {
		s.out = g.plan.AppendSeveral(s.out[:0], &s.text, s.bindings)
	} else {
		s.build(g)
	}
	start := time.Now()
	if err := s.sendGuarded(g); err != nil {
		return err
	}
	first, _, err := s.next()
	if err != nil {
		return err
	}
	s.srv.cfg.Meter.Seconds(stageBackend, time.Since(start))
	if first == wire.ERRHeader {
		p, err := s.payload()
		if err != nil {
			return err
		}
		failed, err := wire.ParseERR(p, s.caps)
		if err != nil {
			return &backendError{err}
		}
		if raised(&failed) {
			return s.writeLocked(g, values)
		}
		s.noteERR(&failed)
		s.failed = true
		if err := s.client.WritePacket(p); err != nil {
			return err
		}
		return s.answered()
	}
	ok, p, failed, err := s.writeOK(first)
	if failed || err != nil {
		return err
	}
	if !matched(&ok, g.plan.Verb) && g.proceeds() {
		return s.writeLocked(g, values) // all of the rows may have failed
	}
	if ok.AffectedRows > 0 {
		for i, one := range g.plan.Writes() {
			b := s.bindings[i]
			if one.BindUnread(&b); b.Unread {
				s.noteUnread(one.Table.Label)
			}
			if one.Table.Captured() {
				s.reads.writesUntold()
			}
		}
	}
	return s.finish(&ok, p)
}

// proceeds reports whether rows whose guard does not hold are left out.
func (g *guarded) proceeds() bool {
	return slices.ContainsFunc(g.plan.Writes(), func(one *rewrite.Plan) bool {
		return one.Table.Settings.Partial == policy.PartialProceed
	})
}

// writeLocked locks the rows of a write, holds each against what is expected of
// it, and sends the write confined to them.
func (s *session) writeLocked(g *guarded, values []rewrite.Value) (result error) {
	plan := g.plan
	if why := plan.Unsure(); why != "" {
		return s.refuse(plan.Table, "statement", fmt.Sprintf(
			"%s in this %s on %s, whose rows have to be checked first: which rows it picks cannot be proved", why, plan.Verb, plan.Table.Name))
	}
	if g.st != nil {
		for _, l := range g.st.long {
			if l != nil && l.more {
				return s.refuse(plan.Table, "statement", fmt.Sprintf(
					"a parameter of this %s of several rows of %s came as long data of more than %d bytes, which can be sent once only; name one row by its whole key", plan.Verb, plan.Table.Name, maxLongKept))
			}
		}
	}
	if g.tries++; !s.own && !s.transactional() && !s.tableLocks {
		if failed, err := s.enterOwn(); failed != nil || err != nil {
			return s.orError(failed, err)
		}
	}
	start := time.Now()
	held, failed, err := s.hold(g, values)
	if err != nil {
		return err
	}
	if failed != nil {
		if _, err := s.leaveOwn(false); err != nil {
			return err
		}
		return s.orError(failed, nil)
	}
	s.srv.cfg.Meter.Seconds(stageLock, time.Since(start))
	s.loseHeld(held)
	if c, key := s.verdict(plan, held); c != nil {
		s.row.known = key != nil
		s.row.form = append(s.row.form[:0], key...)
		return s.conflict(c)
	}
	only, refused := s.confine(g, held)
	if refused == "" {
		var lost *rewrite.Conflict
		if refused, lost = s.announceHeld(held, values); lost != nil {
			return s.conflict(lost)
		}
		defer func() { s.takingEnded(result) }()
	}
	if refused != "" {
		if _, err := s.leaveOwn(false); err != nil {
			return err
		}
		return s.refuse(plan.Table, "statement", refused)
	}
	return s.writeConfined(g, values, held, only)
}

// verdict says whether the rows that were locked keep the write from being made:
// by the first of them, by key, for which something does not hold. The other rows
// are written where the policy has it so.
func (s *session) verdict(plan *rewrite.Plan, held []*heldRows) (*rewrite.Conflict, []byte) {
	good := goodRows(held)
	for _, h := range held {
		if h.conflict == nil {
			continue
		}
		if h.plan.Table.Settings.Partial == policy.PartialConflict || good == 0 {
			return h.conflict, h.conflictKey
		}
	}
	for _, h := range held {
		if h.conflict != nil {
			s.count(h.conflict)
		}
		if h.unread > 0 {
			s.noteUnread(h.plan.Table.Label)
		}
	}
	return nil, nil
}

// writeConfined sends the write whose rows are locked, and answers.
func (s *session) writeConfined(g *guarded, values []rewrite.Value, held []*heldRows, only []rewrite.Confinement) error {
	sql, args := g.plan.Confined(s.out[:0], s.cur, s.bindings, only)
	s.out = sql
	start := time.Now()
	var aside *wire.PrepareOK
	if g.st == nil {
		if err := s.send(comQuery, g.attrs, sql); err != nil {
			return err
		}
	} else {
		prepared, failed, err := s.prepareAside(sql)
		if err != nil {
			return err
		}
		if failed != nil {
			if _, err := s.leaveOwn(false); err != nil {
				return err
			}
			return s.orError(failed, nil)
		}
		aside = &prepared
		e := wire.Execute{ID: prepared.ID, Iterations: 1, Params: s.valueParams(g.st, args)}
		if err := s.send(comStmtExecute, e.Append(nil, s.caps)); err != nil {
			return err
		}
	}
	first, _, err := s.next()
	if err != nil {
		return err
	}
	if first == wire.ERRHeader && slices.ContainsFunc(only, func(c rewrite.Confinement) bool { return c.Except }) {
		again, err := s.failConfined(aside)
		if again && g.tries < maxTries {
			return s.writeLocked(g, values) // the row that has come in between is locked now
		}
		if again {
			return s.conflict(g.plan.Unknown(&s.bindings[0]))
		}
		return err
	}
	ok, p, failed, err := s.writeOK(first)
	if aside != nil && err == nil {
		// After the answer: an execution's error or warnings stay as they are.
		if err := s.closeAside(aside.ID); err != nil {
			return err
		}
	}
	if failed || err != nil {
		return err
	}
	s.srv.cfg.Meter.Seconds(stageBackend, time.Since(start))
	own := s.own
	kept := bytes.Clone(p)
	if ok, err = wire.ParseOK(kept, s.caps); err != nil {
		return &backendError{err}
	}
	if own {
		n, _ := changedRows(&ok, s.caps)
		if err := s.diagnoseAll(&ok, ok.Warnings > 0 || g.plan.Verb == rewrite.Delete && n != goodRows(held)); err != nil {
			return err
		}
	}
	s.takingsOfHeld(held, &ok)
	if err := s.renewHeld(held, values, &ok); err != nil {
		return err
	}
	return s.finishOwn(&ok, kept, own)
}

// failConfined answers with the server's error to a write whose guard is asked of
// rows that were not locked. raised is whether it was that guard; then there is no
// answer yet.
func (s *session) failConfined(aside *wire.PrepareOK) (raisedIt bool, err error) {
	p, err := s.payload()
	if err != nil {
		return false, err
	}
	failed, err := wire.ParseERR(bytes.Clone(p), s.caps)
	if err != nil {
		return false, &backendError{err}
	}
	s.noteERR(&failed)
	if aside != nil {
		if err := s.closeAside(aside.ID); err != nil {
			return false, err
		}
	}
	if raised(&failed) {
		return true, nil
	}
	if _, err := s.leaveOwn(false); err != nil {
		return false, err
	}
	return false, s.orError(&failed, nil)
}

// locking gives the server's way to lock what a write reads. Under LOCK TABLES
// nobody else writes a table that the statement may write.
func (s *session) locking() rewrite.Locking {
	if s.state.Lex.Flavor == sqltext.MariaDB {
		l := rewrite.LockingMaria
		l.Shared = s.tableLocks
		return l
	}
	return rewrite.LockingMySQL
}
