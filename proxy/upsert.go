package proxy

import (
	"bytes"
	"time"

	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// upserting is an INSERT … ON DUPLICATE KEY UPDATE or a REPLACE on its way.
type upserting struct {
	plan   *rewrite.Plan
	text   *sqltext.Text
	params []rewrite.Value
	attrs  []byte     // query attributes of one that came as text
	st     *statement // nil for one that came as text
	locked bool       // the rows that it may meet are locked before it
	sought bool       // and those of a SELECT are sought by it, not by what was read
	gone   []metRow   // rows that were read and are not there, and that a SELECT may make anew
	met    rewrite.Met
	found  []metRow // the rows that are locked

	victims int // how often the server has ended a deadlock by undoing it
	misses  int // how often it has met rows that all its looking had not found
}

// metRow is a row that an upsert may meet.
type metRow struct {
	rewrite.Hit
	read  []byte // the token that the scope has read, nil for none
	at    time.Time
	stale bool // its guard does not hold
}

// upsert carries out an upsert that is bound.
func (s *session) upsert(g *guarded) error {
	u := &upserting{plan: g.plan, text: &s.text, attrs: g.attrs, st: g.st}
	if g.st != nil {
		u.text, u.params = g.st.text, s.values
	}
	t := u.plan.Table
	s.row.known = false
	if u.plan.HoldsInitial() {
		if c := u.plan.BindInsert(u.text, u.params); c != nil {
			return s.conflictOfInsert(c)
		}
	}
	if s.blindTo(t) && t.Settings.Upsert != policy.UpsertAllow && u.plan.WantsRead(&s.binding) && !s.binding.Soft {
		s.reads.request.Refused()
		return s.unbound(u.plan, u.plan.Outlived(&s.binding, rewrite.UnknownAge)) // which rows it may meet does not matter
	}
	u.sought = u.plan.Verb == rewrite.Replace && u.plan.Rows() == 0
	u.locked = u.plan.Verb == rewrite.Replace || s.binding.Source == rewrite.FromHint || s.concerns(u)
	if u.locked && s.binding.Soft && u.plan.Verb == rewrite.Upsert && !u.plan.Finds() {
		u.locked = false // nothing is held; what was read of its rows stays as it is
	}
	keeps := s.keeps(t)
	if u.locked && (u.plan.Verb == rewrite.Replace || u.plan.Rows() == 0) && s.tableLocks && !s.transactional() {
		return s.refuse(t, "statement", u.plan.Verb.String()+" on "+t.Label+" under LOCK TABLES without a transaction cannot be guarded; SET autocommit=0 before LOCK TABLES")
	}
	if u.locked || keeps && u.plan.Inserts() && !u.plan.Foretold(u.text, u.params) {
		if failed, err := s.beginUpsert(); failed != nil || err != nil {
			return s.orError(failed, err)
		}
	}
	for {
		done, err := s.tryUpsert(u)
		if done || err != nil {
			return err
		}
		s.srv.counters.retried.Add(1)
	}
}

// beginUpsert makes sure that locks are kept until the upsert is there.
func (s *session) beginUpsert() (*wire.ERR, error) {
	if s.transactional() || s.tableLocks || s.own {
		return nil, nil
	}
	return s.enterOwn()
}

// victim begins the proxy's own transaction anew that the server has rolled back to
// end a deadlock: nothing of it has had an effect, and the client has asked for no
// transaction of which it would have to hear.
func (s *session) victim(u *upserting, e *wire.ERR) (again bool, err error) {
	if u.victims++; !s.own || e.Code != errDeadlock || u.victims >= maxTries {
		return false, nil
	}
	s.own = false
	failed, err := s.enterOwn()
	return failed == nil, err
}

// tryUpsert sends the upsert once. done is false where it is to be sent again: it
// has had no effect then.
func (s *session) tryUpsert(u *upserting) (done bool, err error) {
	if u.locked {
		if done, failed, err := s.lockMet(u); done || err != nil {
			return true, err
		} else if failed != nil {
			if again, err := s.victim(u, failed); again || err != nil {
				return false, err
			}
			return true, s.failAside(failed)
		}
	}
	if u.locked && u.st.cutShort() && (u.plan.Verb == rewrite.Upsert || len(u.met.Hits) > 0) {
		return true, s.refuseUpsert(u, "parameters", "a parameter of this "+u.plan.Verb.String()+" came as long data, of which only the beginning is kept; send it with the execution")
	}
	ok, p, e, raw, err := s.sendUpsert(u)
	if err != nil {
		return true, err
	}
	if e != nil && !raised(e) {
		if again, err := s.victim(u, e); again || err != nil {
			return false, err
		}
		return true, s.failUpsert(e, raw)
	}
	if e == nil {
		done, err := s.undoMore(u, &ok)
		if err != nil {
			return true, err
		}
		if !done {
			c, err := s.remade(u, &ok)
			if c != nil && err == nil {
				return true, s.conflict(c)
			}
			if err != nil {
				return true, err
			}
			return true, s.succeedUpsert(u, &ok, p)
		}
	}
	// A row that is met before all are looked for says nothing yet, nor does a deadlock.
	if u.locked && (u.sought || u.plan.Rows() > 0 || !u.plan.Finds()) {
		u.misses++
	}
	if u.misses >= maxTries {
		if c := s.onlyStale(u); c != nil {
			return true, s.conflict(c)
		}
		if u.plan.Rows() == 1 && u.plan.Locates() { // several may meet one another
			return true, s.conflict(u.plan.Unknown(&s.binding)) // others were faster each time
		}
		return true, s.refuseUpsert(u, "unfound", u.plan.Unfound())
	}
	if c := s.onlyStale(u); c != nil {
		return true, s.conflict(c)
	}
	u.sought = u.plan.Rows() == 0 && (u.sought || u.plan.Finds())
	if u.locked = true; e != nil {
		if failed, err := s.beginUpsert(); failed != nil || err != nil {
			return true, s.orError(failed, err)
		}
	}
	return false, nil
}

// onlyStale gives the conflict of an upsert that has met one of the rows whose
// guards do not hold. Where there are several it is not known which.
func (s *session) onlyStale(u *upserting) *rewrite.Conflict {
	if !u.locked || u.plan.Rows() > 0 || u.plan.Finds() {
		return nil
	}
	var c *rewrite.Conflict
	for i := range u.found {
		if m := &u.found[i]; m.stale {
			if c != nil {
				return u.plan.Unknown(&s.binding)
			}
			c = s.judgeRow(u, m)
		}
	}
	return c
}

// concerns reports whether the scope has read a row that the upsert may meet.
func (s *session) concerns(u *upserting) bool {
	t := u.plan.Table
	scope := s.scope(t, false)
	if scope == nil || !t.Captured() || !s.mayKnow(t) {
		return false
	}
	if keys, ok := u.plan.RowKeys(u.text, u.params); ok && u.plan.MeetsByKeyAlone() {
		sure := true
		for _, key := range keys {
			if key == nil {
				continue
			}
			form, found, final := u.plan.KeyForm(s.row.form[:0], key, s.utf8())
			s.row.form = form
			if _, _, read := scope.Expect(t.ID, form); found && read {
				return true
			}
			sure = sure && final
		}
		if sure {
			return false
		}
	}
	any := false
	scope.All(func(table uint32, _, _ []byte, _ time.Time) bool {
		any = table == t.ID
		return !any
	})
	return any
}

// refuseUpsert answers an upsert that is not sent, or that had no effect.
func (s *session) refuseUpsert(u *upserting, reason, text string) error {
	if _, err := s.leaveOwn(false); err != nil {
		return err
	}
	return s.refuse(u.plan.Table, reason, text)
}

// sendUpsert sends the upsert and reads the answer to it: ok and its packet p, or
// the error e and its packet.
func (s *session) sendUpsert(u *upserting) (ok wire.OK, p []byte, e *wire.ERR, raw []byte, err error) {
	start := time.Now()
	if (u.plan.Verb == rewrite.Replace || len(u.gone) > 0) && !s.own {
		_, failed, err := s.ask([]byte("SAVEPOINT " + savepointName))
		if err != nil || failed != nil {
			return ok, nil, failed, nil, err
		}
	}
	aside := uint32(0)
	switch {
	case u.st == nil:
		s.out, _ = u.plan.AppendUpsert(s.out[:0], u.text, &s.binding)
		err = s.send(comQuery, u.attrs, s.out)
	case u.st.crowded:
		var failed *wire.ERR
		if aside, failed, err = s.executeAside(u); err != nil || failed != nil {
			return ok, nil, failed, nil, err
		}
	case !u.locked && s.binding.Closed() == u.plan.Closes(), u.plan.Verb == rewrite.Replace && len(u.met.Hits) == 0:
		e := s.exec
		e.ID = u.st.backend
		e.Params = s.backendParams(u.st)
		s.out = e.Append(s.out[:0], s.caps)
		s.executed = true
		err = s.send(comStmtExecute, s.out)
	default:
		var failed *wire.ERR
		if aside, failed, err = s.executeAside(u); err != nil || failed != nil {
			return ok, nil, failed, nil, err
		}
	}
	if err != nil {
		return ok, nil, nil, nil, err
	}
	ok, p, e, raw, err = s.upsertAnswer()
	if err == nil {
		s.srv.cfg.Meter.Seconds(stageBackend, time.Since(start))
		if aside != 0 {
			err = s.closeAside(aside)
		}
	}
	return ok, p, e, raw, err
}

// executeAside prepares and executes the upsert with the rows in it that were
// locked for it. id is that of a statement to be closed behind it.
func (s *session) executeAside(u *upserting) (id uint32, failed *wire.ERR, err error) {
	sql, args := u.plan.AppendUpsert(nil, u.text, &s.binding)
	if len(args) > maxParams {
		return 0, nil, &notPreparedError{}
	}
	prepared, failed, err := s.prepareAside(sql)
	if failed != nil || err != nil {
		return 0, failed, err
	}
	e := wire.Execute{ID: prepared.ID, Iterations: 1, Params: s.valueParams(u.st, args)}
	return prepared.ID, nil, s.send(comStmtExecute, e.Append(nil, s.caps))
}

// cutShort reports whether a parameter came as long data of which only the
// beginning is known.
func (st *statement) cutShort() bool {
	if st == nil {
		return false
	}
	for _, l := range st.long {
		if l.more {
			return true
		}
	}
	return false
}

// upsertAnswer reads the answer to an upsert. Errors stay with the caller.
func (s *session) upsertAnswer() (ok wire.OK, p []byte, e *wire.ERR, raw []byte, err error) {
	first, _, err := s.next()
	if err != nil {
		return ok, nil, nil, nil, err
	}
	if first != wire.OKHeader && first != wire.ERRHeader {
		return ok, nil, nil, nil, &backendError{&wire.MalformedError{What: "a write was answered by a result set"}}
	}
	if p, err = s.payload(); err != nil {
		return ok, nil, nil, nil, err
	}
	p = bytes.Clone(p)
	if first == wire.ERRHeader {
		failed, err := wire.ParseERR(p, s.caps)
		if err != nil {
			return ok, nil, nil, nil, &backendError{err}
		}
		s.noteERR(&failed)
		return ok, nil, &failed, p, nil
	}
	if ok, err = wire.ParseOK(p, s.caps); err != nil {
		return ok, nil, nil, nil, &backendError{err}
	}
	s.note(&ok)
	return ok, p, nil, nil, nil
}

// failUpsert answers with the server's error to the upsert.
func (s *session) failUpsert(e *wire.ERR, raw []byte) error {
	s.failed = true
	if s.own || raw == nil {
		return s.failAside(e)
	}
	if err := s.client.WritePacket(raw); err != nil {
		return err
	}
	return s.answered()
}

// failAside ends the proxy's own transaction and answers with an error of the
// server's to a statement of the proxy's own.
func (s *session) failAside(e *wire.ERR) error {
	if _, err := s.leaveOwn(false); err != nil {
		return err
	}
	return s.orError(e, nil)
}
