package readset

import (
	"slices"
	"strings"
)

// undo is what a set keeps to take back what the open transaction wrote.
//
// Before a row is written for the first time since the newest savepoint, or
// since the beginning, a copy of it goes to the log: its shadow. Reads are not
// logged. So undoing the records from the last to the first leaves each row as
// it was before its first write, and leaves alone what was only read.
type undo struct {
	open       bool
	lost       bool // the open transaction wrote a row that has been evicted since
	log        []record
	dropped    int // records that the log had no room for; none is added after them
	shadowed   int // bytes of the shadows
	savepoints []savepoint
}

// record is what a row was before it was written.
type record struct {
	shadow uint32 // a record outside the index, with the row's key
	prev   uint32 // the row's link before
	read   bool   // there was an expectation: the shadow has it
}

// savepoint is a name for a length of the log, dropped records counted.
type savepoint struct {
	name string
	mark int
}

// maxSavepoints is how many savepoints are kept. The oldest give way.
const maxSavepoints = 1024

// record logs a row that is about to be written, and gives its link. The
// log has room for as many records as the set for rows; where a transaction
// needs more, its rollback makes everything unread of which there is no record.
func (s *Set) record(row, table uint32, key []byte) uint32 {
	if !s.open || len(key) > maxLength {
		return 0
	}
	prev := uint32(0)
	if row != 0 {
		prev = s.link(row)
	}
	if prev != 0 && int(prev) > s.floor() {
		return prev
	}
	var token []byte
	at := int64(0)
	if row != 0 {
		token, at = s.token(row), s.at(row)
	}
	n := sizeOf(len(key), len(token))
	if s.dropped > 0 || len(s.log) >= s.undoLimit || s.shadowed+n > s.maxBytes {
		s.dropped++
		return prev
	}
	place := uint32(len(s.log)) + 1
	s.shadowed += n
	s.log = append(s.log, record{shadow: s.add(shadow, table, place, key, token, at), prev: prev, read: row != 0})
	return place
}

// floor is how much of the log is older than the newest savepoint.
func (s *Set) floor() int {
	if n := len(s.savepoints); n > 0 {
		return s.savepoints[n-1].mark
	}
	return 0
}

// Begin opens a transaction. See [Scope].
func (s *Set) Begin() {
	s.Commit()
	s.open = true
}

// Commit ends the transaction and keeps what it did. See [Scope].
func (s *Set) Commit() {
	for _, r := range s.log {
		if row, _ := s.current(r.shadow); row != 0 {
			s.setLink(row, 0)
		}
	}
	s.end()
}

// Rollback ends the transaction and takes back what it wrote. See [Scope].
func (s *Set) Rollback() {
	s.back(0)
	s.end()
}

// Savepoint sets a savepoint. See [Scope].
func (s *Set) Savepoint(name string) {
	if !s.open {
		return
	}
	if i := s.savepoint(name); i >= 0 {
		s.savepoints = slices.Delete(s.savepoints, i, i+1)
	}
	if len(s.savepoints) == maxSavepoints {
		s.savepoints = slices.Delete(s.savepoints, 0, 1)
	}
	s.savepoints = append(s.savepoints, savepoint{strings.Clone(name), len(s.log) + s.dropped})
}

// RollbackTo takes back what was written since a savepoint. See [Scope].
func (s *Set) RollbackTo(name string) {
	if !s.open {
		return
	}
	i := s.savepoint(name)
	if i < 0 {
		s.forgetWritten()
		return
	}
	s.back(s.savepoints[i].mark)
	s.savepoints = s.savepoints[:i+1]
}

// Release removes a savepoint and those after it. See [Scope].
func (s *Set) Release(name string) {
	if i := s.savepoint(name); i >= 0 {
		s.savepoints = s.savepoints[:i]
	}
}

// Uncertain ends a transaction whose fate is not proved. See [Scope].
func (s *Set) Uncertain() {
	s.forgetWritten()
	s.end()
}

// savepoint gives the place of a savepoint, -1 for none. The server compares
// names without their case.
func (s *Set) savepoint(name string) int {
	return slices.IndexFunc(s.savepoints, func(p savepoint) bool { return strings.EqualFold(p.name, name) })
}

// current gives the row that a shadow was copied from, 0 where it is unread now.
func (s *Set) current(shadow uint32) (row, hash uint32) {
	table, key := s.table(shadow), s.key(shadow)
	hash = hashOf(table, key)
	return s.find(hash, table, key), hash
}

// wrote says whether the open transaction wrote a row, or may have.
func (s *Set) wrote(table uint32, key []byte) bool {
	if len(s.log) == 0 && s.dropped == 0 {
		return false
	}
	row := s.find(hashOf(table, key), table, key)
	return s.lost || s.dropped > 0 || row != 0 && s.link(row) != 0
}

// changes gives the rows that the open transaction wrote, with the token before
// the first write; read is false where the row was unread. A row may come more
// than once.
func (s *Set) changes(yield func(table uint32, key, before []byte, read bool)) {
	for _, r := range s.log {
		key, before := s.bytes(r.shadow)
		yield(s.table(r.shadow), key, before, r.read)
	}
}

// back undoes the log down to a mark.
func (s *Set) back(mark int) {
	if all := len(s.log) + s.dropped; s.dropped > 0 && mark < all {
		// Any row may be one that has no record. Those that have one are right
		// again below.
		s.forgetAll()
		s.dropped = max(0, mark-len(s.log))
		s.evicted += uint64(all - len(s.log) - s.dropped)
	}
	if mark >= len(s.log) {
		return
	}
	for _, r := range slices.Backward(s.log[mark:]) {
		if row, hash := s.current(r.shadow); row != 0 {
			s.remove(row, hash)
		}
		s.shadowed -= s.size(r.shadow)
		if r.read {
			s.restore(r)
		} else {
			s.release(r.shadow)
		}
	}
	s.log = s.log[:mark]
	for s.full() {
		s.evict(0)
	}
}

// restore makes a shadow the row again that it was copied from.
func (s *Set) restore(r record) {
	row := r.shadow
	s.setState(row, indexed)
	s.setLink(row, r.prev)
	hash := hashOf(s.table(row), s.key(row))
	s.enter(row, hash)
	s.came(row, hash, s.at(row))
}

// forgetWritten makes unread what the log has records of.
func (s *Set) forgetWritten() {
	if s.dropped > 0 {
		s.forgetAll()
		return
	}
	for _, r := range s.log {
		if row, hash := s.current(r.shadow); row != 0 {
			s.remove(row, hash)
		}
	}
}

// forgetAll makes every row unread and keeps the log.
func (s *Set) forgetAll() {
	s.rows(func(row uint32) {
		s.lost = s.lost || s.link(row) != 0
		s.release(row)
	})
	s.evicted += uint64(s.live)
	s.live = 0
	clear(s.index)
	s.unqueue()
}

// end forgets the transaction. The log keeps its memory for the next one,
// unless it is much.
func (s *Set) end() {
	for _, r := range s.log {
		s.release(r.shadow)
	}
	log, savepoints := s.log, s.savepoints
	if cap(log) > 1024 {
		log = nil
	}
	clear(savepoints) // the names
	s.undo = undo{log: log[:0], savepoints: savepoints[:0]}
}
