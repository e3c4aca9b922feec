package proxy

import (
	"time"

	"ifmatch/observe"
	"ifmatch/policy"
	"ifmatch/rewrite"
)

// beginReading begins the time that a statement has for reading beside it.
func (s *session) beginReading() {
	if s.srv.beside != nil {
		s.reads.patience = s.srv.cfg.ObserveWait
	}
}

// besideRead runs a SELECT beside the session, within what is left of the time
// for its statement. What cannot be had is counted.
func (s *session) besideRead(sql []byte) (rows []rewrite.Row, ok bool) {
	if start := time.Now(); !s.tableLocks {
		rows, ok = s.srv.beside.Read(string(sql), s.reads.patience)
		s.reads.patience -= time.Since(start)
	}
	if !ok {
		s.observeDropped()
	}
	return rows, ok
}

// renewObserved reads again what the session has written and committed.
func (s *session) renewObserved() {
	w := &s.reads.watch
	if !w.Due() {
		return
	}
	s.beginReading()
	for w.Due() {
		twin, rows := w.TakeDue()
		var keys [][]byte
		for _, row := range rows {
			switch {
			case row.Left == observe.Stale:
			case row.Left == observe.Unread || twin.Settings.Scope == policy.ScopeTransaction:
				if scope := s.scope(twin, false); scope != nil {
					scope.Forget(twin.ID, row.Key)
				}
			default:
				keys = append(keys, row.Key)
			}
		}
		if len(keys) > 0 {
			s.renewKeys(twin, keys)
		}
	}
}

// renewKeys reads the tokens of rows that the session has written.
func (s *session) renewKeys(twin *rewrite.Table, keys [][]byte) {
	found, _ := s.tokensBeside(twin, keys)
	scope, now := s.scope(twin, true), time.Now()
	s.reads.noteTable(twin.ID)
	for _, key := range keys {
		if token, ok := found[string(key)]; ok {
			scope.Wrote(twin.ID, key, token, now)
		} else {
			scope.Gone(twin.ID, key)
		}
	}
}

// tokensBeside reads the tokens of rows by their keys.
func (s *session) tokensBeside(twin *rewrite.Table, keys [][]byte) (found map[string][]byte, ok bool) {
	sql, ok := twin.SelectTokens(keys)
	if !ok {
		s.observeDropped()
		return nil, false
	}
	rows, ok := s.besideRead(sql)
	found = make(map[string][]byte, len(rows))
	for _, row := range rows {
		if key, token, ok := twin.RowForms(row, nil, nil); ok {
			found[string(key)] = token
		}
	}
	return found, ok
}
