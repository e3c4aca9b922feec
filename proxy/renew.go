package proxy

import (
	"bytes"
	"fmt"
	"time"

	"ifmatch/control"
	"ifmatch/readset"
	"ifmatch/rewrite"
	"ifmatch/wire"
)

// This file is about what the scope knows after a write of its own.

// renew takes over what a write that met its row has left. Tokens that cannot be
// foretold are read in the write's own transaction.
func (s *session) renew(g *guarded, changed bool) error {
	t := g.plan.Table
	if !s.keeps(t) {
		return nil
	}
	r := g.plan.Renewal(s.cur, s.valuesOf(g), &s.binding, changed)
	// In a transaction every write is told, so that what is read of it goes with it.
	scope := s.scope(t, s.reads.open || r.Fate == rewrite.Renewed || r.Fate == rewrite.Unsaid)
	if scope == nil || !s.row.known {
		return nil
	}
	if r.Fate == rewrite.Lost && g.opened {
		r.Fate = rewrite.Stands
	}
	from, to := s.row.form, s.row.form
	if r.Moved {
		known, final := false, false
		if r.Key != nil {
			s.moved, known, final = g.plan.KeyForm(s.moved[:0], r.Key, s.utf8())
		}
		switch {
		case known && final:
			to = s.moved
		case known && bytes.Equal(s.moved, from):
		default:
			var err error
			if known, err = s.findMoved(g, r); err != nil {
				return err
			}
			if to = s.moved; !known {
				r.Fate, to = rewrite.Lost, from
			}
		}
	}
	switch r.Fate {
	case rewrite.Lost:
		forgetRow(scope, t, from, to)
		return nil
	case rewrite.Stands:
		scope.Touched(t.ID, from)
		return nil
	case rewrite.Deleted:
		scope.Gone(t.ID, from)
		return nil
	}
	var token []byte
	ok := false
	if r.Fate == rewrite.Renewed {
		token, ok = t.AppendToken(s.token[:0], r.Token)
	}
	if !ok && s.holdsRow() {
		var err error
		if token, ok, err = s.readToken(g, r); err != nil {
			return err
		}
	}
	if !ok {
		forgetRow(scope, t, from, to)
		return nil
	}
	s.token = token
	s.reads.noteTable(t.ID)
	if bytes.Equal(from, to) {
		scope.Wrote(t.ID, from, token, time.Now())
	} else {
		scope.Move(t.ID, from, to, token, time.Now())
	}
	return nil
}

// findMoved asks the server for the form of a key that a write has made, where the
// constants do not tell it surely, and leaves it in s.moved.
func (s *session) findMoved(g *guarded, r rewrite.Renewal) (found bool, err error) {
	if r.Key == nil || r.Fate != rewrite.Renewed && r.Fate != rewrite.Unsaid {
		return false, nil
	}
	sql, can := g.plan.LookRows([][]rewrite.Value{r.Key})
	if !can {
		return false, nil
	}
	rows, failed, err := s.ask(sql)
	if err != nil || failed != nil || len(rows) != 1 {
		return false, err
	}
	s.moved, _, found = g.plan.Table.RowForms(rows[0], s.moved[:0], nil)
	return found, nil
}

// forgetRow makes a row unread under the key that it had and the one that it has.
func forgetRow(scope readset.Scope, t *rewrite.Table, from, to []byte) {
	scope.Forget(t.ID, from)
	if !bytes.Equal(from, to) {
		scope.Forget(t.ID, to)
	}
}

// holdsRow reports whether the row that was just written is still locked, so that
// what is read of it is what the write has left. An error that has ended a
// transaction unseen, which the write was taken to be part of, has left none.
func (s *session) holdsRow() bool {
	return s.own || s.tableLocks || s.status.Has(wire.StatusInTrans)
}

// readToken reads the token of the row that was just written, which is locked by
// the transaction.
func (s *session) readToken(g *guarded, r rewrite.Renewal) (token []byte, ok bool, err error) {
	var rows []rewrite.Row
	var failed *wire.ERR
	if r.Moved {
		sql, can := g.plan.LookRows([][]rewrite.Value{r.Key})
		if !can {
			return nil, false, nil
		}
		rows, failed, err = s.ask(sql)
	} else {
		rows, failed, err = s.look(g)
	}
	if err != nil || failed != nil || len(rows) != 1 {
		return nil, false, err
	}
	_, token, ok = g.plan.Table.RowForms(rows[0], nil, s.token[:0])
	return token, ok, nil
}

// needsOwn reports whether a write needs a transaction of the proxy's own, for its
// token to be read in.
func (s *session) needsOwn(g *guarded) bool {
	t := g.plan.Table
	if s.transactional() || s.tableLocks || !s.row.known || !s.keeps(t) {
		return false
	}
	params := []rewrite.Value(nil)
	if g.st != nil {
		params = s.values
	}
	return !g.plan.Foretells(s.cur, params, &s.binding)
}

// enterOwn begins a transaction of the proxy's own. BEGIN is another thing in
// sql_mode ORACLE.
func (s *session) enterOwn() (*wire.ERR, error) {
	_, failed, err := s.ask([]byte("START TRANSACTION"))
	s.own = err == nil && failed == nil
	return failed, err
}

// leaveOwn ends the transaction of the proxy's own, if there is one.
func (s *session) leaveOwn(commit bool) (*wire.ERR, error) {
	if !s.own {
		return nil, nil
	}
	end := rollbackOnly
	s.ends = control.RolledBack
	if commit {
		end, s.ends = commitOnly, control.Committed
	}
	_, failed, err := s.ask([]byte(end))
	if failed != nil && commit {
		s.reads.doubt = s.reads.open
		s.ends = control.RolledBack
	}
	// KILL QUERY may have met what was to end it. It must not stay open: the client
	// knows nothing of it.
	open := failed
	for try := 1; open != nil && err == nil; try++ {
		if try == maxTries {
			return failed, &backendError{fmt.Errorf("the proxy's own transaction cannot be ended: error %d", open.Code)}
		}
		_, open, err = s.ask([]byte(rollbackOnly))
	}
	s.own = false
	return failed, err
}
