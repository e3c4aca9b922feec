package proxy

import (
	"slices"
	"strings"
	"time"

	"ifmatch/control"
	"ifmatch/policy"
	"ifmatch/rewrite"
)

// watch is what a session knows of observed rows, beside what its scopes have
// read of them. What an open transaction has written cannot be seen on another
// connection; its tokens are read when it is committed.
type watch struct {
	wrote []watched     // by the open transaction
	index map[rowID]int // of wrote
	marks []watchMark   // savepoints
	due   []watched     // written and committed, and not read again yet

	// blind says since when the reads of a table count: before, the session has
	// written rows of it that are not known. It is zero while such a write is in
	// the open transaction.
	blind map[uint32]time.Time
	left  time.Duration // for reading beside the statement at hand
}

// rowID names an observed row by the ID of its table's twin and its key in the
// form of a read set.
type rowID struct {
	table uint32
	key   string
}

// watched is an observed row that the session has written.
type watched struct {
	rowID
	twin *rewrite.Table
	left left
}

// left is what a write has left of what the scope knows of its row.
type left uint8

const (
	leftUnread left = iota
	leftStale       // the row is not as the scope believes, and that stands
	leftRead        // the scope knows the row as the write has left it
)

// watchMark is a savepoint.
type watchMark struct {
	name string
	rows int // written before it
}

// maxWatched bounds the rows that one transaction has written and that are
// known one by one.
const maxWatched = besideRows

// has reports whether the open transaction has written a row.
func (w *watch) has(twin *rewrite.Table, key []byte) bool {
	_, found := w.index[rowID{twin.ID, string(key)}]
	return found
}

// sees notes that the open transaction has read a row that it had written. It is
// false for any other row.
func (w *watch) sees(twin *rewrite.Table, key []byte) bool {
	i, found := w.index[rowID{twin.ID, string(key)}]
	if found {
		w.wrote[i].left = leftRead
	}
	return found
}

// write notes a row that the session has written.
func (w *watch) write(twin *rewrite.Table, key []byte, left left, open bool) {
	row := watched{rowID{twin.ID, string(key)}, twin, left}
	if !open {
		w.due = append(w.due, row)
		return
	}
	if i, found := w.index[row.rowID]; found {
		w.wrote[i].left = max(w.wrote[i].left, left)
		return
	}
	if len(w.wrote) == maxWatched {
		w.lose(twin, open)
		return
	}
	if w.index == nil {
		w.index = map[rowID]int{}
	}
	w.index[row.rowID] = len(w.wrote)
	w.wrote = append(w.wrote, row)
}

// lose notes that the session has written rows of a table that are not known.
func (w *watch) lose(twin *rewrite.Table, open bool) {
	if w.blind == nil {
		w.blind = map[uint32]time.Time{}
	}
	w.blind[twin.ID] = time.Time{}
	if !open {
		w.blind[twin.ID] = time.Now()
	}
}

// counts reports whether a read of a table at that time counts.
func (w *watch) counts(twin *rewrite.Table, at time.Time) bool {
	since, found := w.blind[twin.ID]
	return !found || !since.IsZero() && at.After(since)
}

// maxMarks bounds the savepoints that are known. One that is not known takes back
// what the transaction has written.
const maxMarks = 1000

// save notes a savepoint; one of the same name gives way, or else the oldest where
// there are too many.
func (w *watch) save(name string) {
	w.marks = slices.DeleteFunc(w.marks, func(m watchMark) bool { return strings.EqualFold(m.name, name) })
	if len(w.marks) == maxMarks {
		w.marks = slices.Delete(w.marks, 0, 1)
	}
	w.marks = append(w.marks, watchMark{name, len(w.wrote)})
}

// backTo takes back what was written since a savepoint.
func (w *watch) backTo(name string) {
	for i := len(w.marks) - 1; i >= 0; i-- {
		if !strings.EqualFold(w.marks[i].name, name) {
			continue
		}
		for _, row := range w.wrote[w.marks[i].rows:] {
			delete(w.index, row.rowID)
		}
		w.wrote, w.marks = w.wrote[:w.marks[i].rows], w.marks[:i+1]
		return
	}
	for _, row := range w.wrote {
		w.lose(row.twin, true)
	}
}

// end ends the transaction: what it has committed is due to be read again.
func (w *watch) end(how control.Ending) {
	switch how {
	case control.Committed:
		w.due = append(w.due, w.wrote...)
	case control.Uncertain:
		for _, row := range w.wrote {
			row.left = leftUnread
			w.due = append(w.due, row)
		}
	}
	clear(w.index)
	w.wrote, w.marks = w.wrote[:0], w.marks[:0]
	for id, since := range w.blind {
		if since.IsZero() {
			w.blind[id] = time.Now()
		}
	}
}

// beginReading begins the time that a statement has for reading beside it.
func (s *session) beginReading() {
	if s.srv.beside != nil {
		s.reads.watch.left = s.srv.beside.wait
	}
}

// besideRead runs a SELECT beside the session, within what is left of the time
// for its statement. What cannot be had is counted.
func (s *session) besideRead(sql []byte) (rows []rewrite.Row, ok bool) {
	w := &s.reads.watch
	if start := time.Now(); !s.tableLocks {
		rows, ok = s.srv.beside.read(string(sql), w.left)
		w.left -= time.Since(start)
	}
	if !ok {
		s.observeDropped()
	}
	return rows, ok
}

// renewObserved reads again what the session has written and committed.
func (s *session) renewObserved() {
	w := &s.reads.watch
	if len(w.due) == 0 {
		return
	}
	s.beginReading()
	for len(w.due) > 0 {
		twin, keys, rest := w.due[0].twin, [][]byte(nil), w.due[:0]
		for _, row := range w.due {
			switch {
			case row.table != twin.ID, len(keys) == besideRows:
				rest = append(rest, row)
			case row.left == leftStale:
			case row.left == leftUnread || twin.Settings.Scope == policy.ScopeTransaction:
				if scope := s.scope(twin, false); scope != nil {
					scope.Forget(twin.ID, []byte(row.key))
				}
			default:
				keys = append(keys, []byte(row.key))
			}
		}
		w.due = rest
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
