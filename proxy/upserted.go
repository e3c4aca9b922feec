package proxy

import (
	"bytes"
	"time"

	"ifmatch/readset"
	"ifmatch/rewrite"
	"ifmatch/wire"
)

// This file is about what the scope knows after an upsert.

// succeedUpsert takes over what an upsert has left, and answers.
func (s *session) succeedUpsert(u *upserting, ok *wire.OK, p []byte) error {
	own, t := s.own, u.plan.Table
	if own && s.diag == nil {
		if err := s.diagnose(ok); err != nil {
			return err
		}
	}
	if t.Version != nil && s.counts() && s.meetsUnread(u, ok) {
		s.noteUnread(t.Label)
	}
	if s.keeps(t) {
		if err := s.noteUpserted(u, ok); err != nil {
			return err
		}
	}
	return s.finishOwn(ok, p, own)
}

// meetsUnread reports whether an upsert has written a row of which nothing was read.
func (s *session) meetsUnread(u *upserting, ok *wire.OK) bool {
	for i := range u.found {
		if u.found[i].read == nil {
			return true
		}
	}
	return !u.locked && u.plan.Rows() > 0 && ok.AffectedRows > uint64(u.plan.Rows())
}

// noteUpserted notes what an upsert has left of the rows that it has made and met.
func (s *session) noteUpserted(u *upserting, ok *wire.OK) error {
	rows := u.plan.Rows()
	foundRows := s.caps.Has(wire.ClientFoundRows)
	switch {
	case u.locked && rows > 0 && len(u.found) > 0:
		return s.noteMet(u, ok)
	case u.locked && rows == 0:
		s.reads.writesUntold()
		return s.rereadHeld(u, ok)
	case u.plan.Verb == rewrite.Replace, u.locked, u.plan.Tells(foundRows) && ok.AffectedRows == uint64(rows):
		made := *ok
		made.AffectedRows = uint64(rows)
		return s.noteInserted(&inserting{plan: u.plan, text: u.text, params: u.params}, &made)
	case ok.AffectedRows == 0:
		return nil
	case rows == 1 && u.plan.MeetsByKeyAlone():
		return s.noteSaid(u)
	}
	s.reads.writesUntold()
	return nil
}

// noteSaid notes the one row that an upsert has met by its key, without having read
// it: it is known now if the statement said what it was.
func (s *session) noteSaid(u *upserting) error {
	t, plan := u.plan.Table, u.plan
	keys, named := plan.RowKeys(u.text, u.params)
	if !named || keys[0] == nil {
		s.reads.writesUntold()
		return nil
	}
	form, found, _ := plan.KeyForm(nil, keys[0], s.utf8())
	if !found {
		s.reads.writesUntold()
		return nil
	}
	scope := s.scope(t, true)
	if next, said := plan.NextSaid(&s.binding); said {
		s.reads.noteTable(t.ID)
		if token, foretold := t.AppendToken(s.token[:0], next); foretold {
			s.token = token
			scope.Wrote(t.ID, form, token, time.Now())
			return nil
		}
	}
	scope.Forget(t.ID, form)
	return nil
}

// noteMet notes what an upsert has left of the rows that were locked for it, and
// those that it has made beside them.
func (s *session) noteMet(u *upserting, ok *wire.OK) error {
	t, plan, now := u.plan.Table, u.plan, time.Now()
	scope := s.scope(t, true)
	s.reads.noteTable(t.ID)
	var again [][]rewrite.Value // the keys of rows whose tokens are read again
	for i := range u.found {
		m := &u.found[i]
		held := s.binding.Source != rewrite.NoExpectation || s.binding.External.Kind != rewrite.NoValue || m.read != nil && bytes.Equal(m.read, m.Token)
		switch {
		case plan.Verb == rewrite.Replace:
			scope.Gone(t.ID, m.Key)
		case plan.MovesKey():
			scope.Forget(t.ID, m.Key)
			s.reads.writesUntold()
		case held && plan.Rows() == 1 && len(u.found) == 1 && ok.AffectedRows == 2:
			if token, foretold := plan.Successor(m.Token); foretold {
				if token, foretold := t.AppendToken(s.token[:0], token); foretold {
					s.token = token
					scope.Wrote(t.ID, m.Key, token, now)
					continue
				}
			}
			fallthrough
		case held:
			if key, can := t.KeyValues(m.Key); can {
				again = append(again, key)
			} else {
				scope.Forget(t.ID, m.Key)
			}
		case m.read != nil:
			scope.Touched(t.ID, m.Key)
		default:
			scope.Forget(t.ID, m.Key)
		}
	}
	rows, told := plan.NewRows(u.text, u.params, uint64(plan.Rows()), ok.LastInsertID, s.inserted[:0])
	s.inserted = rows
	if made := plan.Rows() - u.plan.MetRows(u.met.Hits); !told && (made > 0 || plan.Verb == rewrite.Replace) {
		s.reads.writesUntold()
	}
	for i, row := range rows {
		if plan.Verb == rewrite.Replace || !plan.Meets(u.met.Hits, i) {
			again = append(again, row.Key)
		}
	}
	return s.reread(u, scope, again, ok)
}

// rereadHeld reads the tokens of the rows again that were locked for a statement whose
// rows a SELECT gives.
func (s *session) rereadHeld(u *upserting, ok *wire.OK) error {
	t := u.plan.Table
	if len(u.found) == 0 || ok.AffectedRows == 0 {
		return nil
	}
	now, err := s.tokensOf(u, u.found, ok)
	if err != nil {
		return err
	}
	scope := s.scope(t, true)
	s.reads.noteTable(t.ID)
	for i := range u.found {
		m := &u.found[i]
		token, there := now[string(m.Key)]
		held := s.binding.Source != rewrite.NoExpectation || m.read != nil && bytes.Equal(m.read, m.Token)
		switch {
		case m.stale, there && bytes.Equal(token, m.Token):
		case !there:
			scope.Gone(t.ID, m.Key)
		case held, u.plan.Verb == rewrite.Replace:
			scope.Wrote(t.ID, m.Key, token, time.Now())
		case m.read != nil:
			scope.Touched(t.ID, m.Key)
		default:
			scope.Forget(t.ID, m.Key)
		}
	}
	return nil
}

// reread reads the tokens of rows that the transaction has locked, and makes them
// what the scope knows.
func (s *session) reread(u *upserting, scope readset.Scope, keys [][]rewrite.Value, ok *wire.OK) error {
	t := u.plan.Table
	if len(keys) == 0 || len(keys) > maxInserted {
		return nil
	}
	sql, can := t.SelectRows(keys)
	if !can {
		return nil
	}
	if s.diag == nil {
		if err := s.diagnose(ok); err != nil {
			return err
		}
	}
	rows, failed, err := s.ask(sql)
	if err != nil || failed != nil {
		return err
	}
	for _, row := range rows {
		if key, token, ok := t.RowForms(row, s.row.form[:0], s.token[:0]); ok {
			s.row.form, s.token = key, token
			scope.Wrote(t.ID, key, token, time.Now())
		}
	}
	return nil
}
