package proxy

import (
	"bytes"
	"time"

	"ifmatch/readset"
	"ifmatch/rewrite"
	"ifmatch/wire"
)

// This file is about the rows that an upsert may meet: they are locked, and each is held
// against its guard.

// Bounds of what the scope has read that a statement is held against whose rows
// are not known before.
const (
	maxHeld      = maxAsideRows
	maxHeldBytes = 64 << 10
)

// lockMet locks the rows that the upsert may meet and holds each against its
// guard. done is whether the upsert has been answered; failed is the server's error
// where they could not be locked.
func (s *session) lockMet(u *upserting) (done bool, failed *wire.ERR, err error) {
	u.met, u.found = rewrite.Met{}, u.found[:0]
	var expected []metRow // that are expected to be there
	scope := s.scope(u.plan.Table, false)
	var sql []byte
	var args []rewrite.Arg
	u.gone = nil
	switch {
	case u.plan.Rows() == 0 && !u.sought:
		held, refused := s.held(u, scope)
		if refused != "" {
			return true, nil, s.refuseUpsert(u, "reads", refused)
		}
		keys := formsOf(held)
		ok := true
		if len(keys) > 0 {
			sql, args, ok = u.plan.SelectHeld(u.text, &s.binding, keys)
		}
		if !ok {
			return true, nil, s.refuseUpsert(u, "reads", "the rows of "+u.plan.Table.Label+" that were read cannot be named; write VALUES")
		}
		expected = held
		u.met.Not, u.met.Else = keys, !s.binding.Closed()
	case !u.plan.Finds():
		return true, nil, s.refuseUpsert(u, "rows", "an INSERT … ON DUPLICATE KEY UPDATE on "+u.plan.Table.Label+
			" of more than 1000 rows, each by each unique key, or of a SELECT that may give other rows when it is asked again, cannot be held against what was read; write several")
	case u.plan.Rows() == 0:
		held, refused := s.held(u, scope)
		if refused != "" {
			return true, nil, s.refuseUpsert(u, "reads", refused)
		}
		expected = held
		sql, args = u.plan.SelectHits(u.text, &s.binding)
	default:
		sql, args = u.plan.SelectHits(u.text, &s.binding)
		expected = s.named(u, scope)
	}
	var rows []rewrite.Row
	if sql != nil {
		if rows, failed, err = s.askUpsert(u, sql, args); failed != nil || err != nil {
			return false, failed, err
		}
	}
	if u.sought && len(rows) >= u.plan.MostHits() {
		return true, nil, s.refuseUpsert(u, "rows", "this "+u.plan.Verb.String()+" meets more rows of "+u.plan.Table.Label+" than can be held against anything (1000, by all unique keys together); write several")
	}
	if u.plan.Rows() == 0 {
		if expected, failed, err = s.goneOf(u, rows, expected); failed != nil || err != nil {
			return false, failed, err
		}
	}
	done, err = s.judgeMet(u, scope, rows, expected)
	return done, nil, err
}

// askUpsert runs a statement of the proxy's own that has pieces of the upsert in it.
func (s *session) askUpsert(u *upserting, sql []byte, args []rewrite.Arg) ([]rewrite.Row, *wire.ERR, error) {
	if u.st == nil || len(args) == 0 {
		return s.ask(sql)
	}
	return s.askPrepared(sql, s.valueParams(u.st, args))
}

// held lists what the scope has read of the table.
func (s *session) held(u *upserting, scope readset.Scope) (held []metRow, refused string) {
	if scope == nil {
		return nil, ""
	}
	t, size := u.plan.Table, 0
	scope.All(func(table uint32, key, token []byte, at time.Time) bool {
		if table == t.ID {
			held = append(held, metRow{Hit: rewrite.Hit{Key: bytes.Clone(key)}, read: bytes.Clone(token), at: at})
			size += len(key)
		}
		return len(held) <= maxHeld && size <= maxHeldBytes
	})
	if len(held) > maxHeld || size > maxHeldBytes {
		return nil, "more rows of " + t.Label + " were read than a statement can be held against whose rows are not known before (1000, and 64 KiB of their keys); write VALUES"
	}
	return held, ""
}

// formsOf lists the keys of rows.
func formsOf(rows []metRow) [][]byte {
	keys := make([][]byte, len(rows))
	for i := range rows {
		keys[i] = rows[i].Key
	}
	return keys
}

// goneOf gives those of the rows that were read that are not there. met are the rows that
// are locked.
func (s *session) goneOf(u *upserting, met []rewrite.Row, read []metRow) (gone []metRow, failed *wire.ERR, err error) {
	there := map[string]bool{}
	note := func(rows []rewrite.Row) {
		for _, row := range rows {
			if h, ok := u.plan.ReadHit(&s.binding, row); ok {
				there[string(h.Key)] = true
			}
		}
	}
	missing := func() (all []metRow) {
		for _, m := range read {
			if !there[string(m.Key)] {
				all = append(all, m)
			}
		}
		return all
	}
	note(met)
	if gone = missing(); len(gone) == 0 || !u.sought || !s.counts() {
		return gone, nil, nil
	}
	sql, args, ok := u.plan.SelectHeld(u.text, &s.binding, formsOf(gone))
	if !ok {
		return nil, nil, nil
	}
	rows, failed, err := s.askUpsert(u, sql, args)
	if failed != nil || err != nil {
		return nil, failed, err
	}
	note(rows)
	return missing(), nil, nil
}

// named lists the rows that the new rows name and the scope has read.
func (s *session) named(u *upserting, scope readset.Scope) (named []metRow) {
	t := u.plan.Table
	keys, ok := u.plan.RowKeys(u.text, u.params)
	if !ok || scope == nil || !t.Captured() {
		return nil
	}
	for _, key := range keys {
		if key == nil {
			continue
		}
		form, found, _ := u.plan.KeyForm(nil, key, s.utf8())
		if token, at, read := scope.Expect(t.ID, form); found && read {
			named = append(named, metRow{Hit: rewrite.Hit{Key: form}, read: bytes.Clone(token), at: at})
		}
	}
	return named
}

// judgeMet holds the rows that were locked against their guards.
func (s *session) judgeMet(u *upserting, scope readset.Scope, rows []rewrite.Row, expected []metRow) (done bool, err error) {
	plan, t, b := u.plan, u.plan.Table, &s.binding
	seen := map[string]bool{}
	for _, row := range rows {
		h, ok := plan.ReadHit(b, row)
		if !ok {
			return true, s.conflict(plan.Unknown(b))
		}
		if seen[string(h.Key)] {
			continue
		}
		seen[string(h.Key)] = true
		m := metRow{Hit: h}
		if scope != nil && t.Captured() {
			if token, at, read := scope.Expect(t.ID, h.Key); read {
				m.read, m.at = bytes.Clone(token), at
			}
		}
		c := s.judgeRow(u, &m)
		if m.stale = c != nil; m.stale && (plan.Rows() > 0 || u.sought) {
			s.row = rowName{form: h.Key, known: true}
			return true, s.conflict(c)
		}
		if !m.stale {
			u.met.Hits = append(u.met.Hits, h)
		}
		u.found = append(u.found, m)
	}
	for i := range expected {
		e := &expected[i]
		if seen[string(e.Key)] || !s.counts() {
			continue
		}
		if plan.Rows() == 0 {
			u.gone = append(u.gone, *e) // if it makes that anew
			continue
		}
		s.row = rowName{form: e.Key, known: true}
		return true, s.conflict(plan.Missing(e.Key, e.read))
	}
	if b.Source == rewrite.FromHint && len(rows) == 0 {
		var key []rewrite.Value
		if keys, ok := plan.RowKeys(u.text, u.params); ok {
			key = keys[0]
		}
		return true, s.conflict(plan.MissingHinted(b, key))
	}
	if plan.Verb == rewrite.Replace {
		if _, full := plan.NextVersion(s.meets(u)); full != nil {
			return true, s.conflict(full)
		}
	}
	s.meets(u)
	return false, nil
}

// meets makes the rows that are locked part of the binding.
func (s *session) meets(u *upserting) *rewrite.Binding {
	s.binding.Meets(&u.met)
	return &s.binding
}

// counts reports whether what was read counts for the upsert at hand.
func (s *session) counts() bool {
	return s.binding.Source == rewrite.NoExpectation && !s.binding.Soft && s.binding.External.Kind == rewrite.NoValue
}

// judgeRow says whether the upsert may meet a row.
func (s *session) judgeRow(u *upserting, m *metRow) *rewrite.Conflict {
	age := time.Duration(0)
	if m.read != nil {
		age = ageOf(m.at)
	}
	return u.plan.JudgeHit(u.text, u.params, &s.binding, &m.Hit, m.read, age)
}
