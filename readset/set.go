// Package readset keeps expectations: who has read which row, and at which
// token. A write is held against them.
//
// A [Set] is what one session has read, or one transaction of it. A [Contexts]
// is what named user sessions have read, over requests that come through
// different connections; a [Request] is one of those. Both are a [Scope].
//
// The package is a data structure. It knows nothing of SQL, policies or the
// wire: tables are numbers, keys and tokens are bytes, both in a canonical form
// that the caller makes, and time is what the caller says it is. It keeps no
// pointer to what it is given.
//
// # Transactions
//
// What the transaction wrote is undone by Rollback and RollbackTo, what it read
// is not:
//
//   - A row that the transaction wrote is, after a rollback, what it was just
//     before the first write that is rolled back. A read of it in between saw
//     the transaction's own uncommitted state and goes with it.
//   - A row that the transaction only read was committed by somebody. It stays
//     read.
//   - A row that became unread because the set was full stays unread, unless it
//     had been written: then it is again what it was before.
//
// So the scope must be told of every write to a row, by Wrote, Touched, Move,
// Forget or Gone, also where the row is unread and where the write was not held
// against anything.
package readset

import (
	"bytes"
	"slices"
	"time"
	"unsafe"
)

// Scope is what those who share what was read do with it: a [*Set] for a
// session or a transaction, a [*Request] for a context.
type Scope interface {
	// Read notes a row that was read. It replaces the expectation.
	Read(table uint32, key, token []byte, at time.Time)

	// Wrote notes a row that the scope wrote and that is now at token: a write
	// that was held against the expectation, or an INSERT.
	Wrote(table uint32, key, token []byte, at time.Time)

	// Touched notes a row that the scope wrote but whose expectation, if there
	// is one, stands as it is: a relative write where it no longer held.
	Touched(table uint32, key []byte)

	// Move notes a row whose key the scope changed.
	Move(table uint32, from, to, token []byte, at time.Time)

	// Forget makes a row unread that the scope may have written.
	Forget(table uint32, key []byte)

	// Gone notes a row that the scope deleted. There is no expectation of it,
	// as after Forget, so that its absence is no conflict.
	Gone(table uint32, key []byte)

	// Expect gives the expectation of a row: its token and when it was read or
	// renewed. ok is false where the row is unread. The token is valid until
	// the next call, and must not be passed to one.
	Expect(table uint32, key []byte) (token []byte, at time.Time, ok bool)

	// Begin opens a transaction. One that is open is committed first, as the
	// server does.
	Begin()

	// Commit ends the transaction and keeps what it did. Without an open one
	// it does nothing; so it is with all that follow.
	Commit()

	// Rollback ends the transaction and takes back what it wrote.
	Rollback()

	// Savepoint sets a savepoint. One of the same name, whatever its case, is
	// replaced.
	Savepoint(name string)

	// RollbackTo takes back what was written since a savepoint, which stays.
	// Where the name is not known, because names differ here that are the same
	// to the server's collation, or because there were too many savepoints,
	// what the transaction wrote becomes unread.
	RollbackTo(name string)

	// Release removes a savepoint and those after it.
	Release(name string)

	// Uncertain ends a transaction whose fate is not proved: what it wrote
	// becomes unread. After a CALL in a transaction that stays open, it stands
	// in place of Commit and Rollback at the end.
	Uncertain()

	// Len is the number of rows for which there is an expectation.
	Len() int

	// All gives every expectation, the newest first, until yield returns
	// false. The slices are valid during the call. yield must not call the
	// scope.
	All(yield func(table uint32, key, token []byte, at time.Time) bool)
}

var (
	_ Scope = (*Set)(nil)
	_ Scope = (*Request)(nil)
)

// bytesPerRow times its limit is how many bytes of keys and tokens a set keeps,
// so that its memory has a bound where keys are long. An integer key with an
// integer version takes about 10.
const bytesPerRow = 512

// Set holds the expectations of one scope. It is not safe for concurrent use.
// The order of reads is taken from the times that it is given, and that of reads of
// one time from the order in which it is told of them.
//
// It takes 50 to 70 bytes for a row with a key and a token of 8 bytes, up to 24 more
// from when it is full, and about 300 bytes when empty.
type Set struct {
	slab
	limit     int
	maxBytes  int
	undoLimit int // records
	evicted   uint64
	epoch     time.Time // what rows count their time from; keeps the monotonic clock
	given     int64     // the time that was given last
	same      int64     // how often before
	after     uint32    // what stands behind the row that was read last, which may be nothing; 0 where it is not known
	undo
}

// New gives an empty set that keeps the limit rows that were read last, and not
// more than 512 bytes of keys and tokens for each of them on the average. Older
// rows become unread and are counted by Evicted. So do rows whose key or token
// is longer than 65,535 bytes. A limit above 2,097,152 counts as that.
func New(limit int) *Set {
	s := &Set{}
	s.Bound(limit)
	return s
}

// Bound gives the set another limit. Rows that are beyond it become unread at once.
func (s *Set) Bound(limit int) {
	limit = min(max(limit, 0), 1<<21)
	s.limit, s.maxBytes, s.undoLimit = limit, max(limit*(bytesPerRow+recordHeader), 1<<18), limit
	for s.full() {
		s.evict(0)
	}
}

// Read notes a row that was read. See [Scope].
func (s *Set) Read(table uint32, key, token []byte, at time.Time) {
	if s.readNext(table, key, token, at) {
		return
	}
	hash := hashOf(table, key)
	row := s.findFor(hash, table, key, token)
	if row = s.put(row, hash, table, key, token, at); row != 0 {
		s.after = row + uint32(s.size(row)/recordUnit)
	}
}

// readNext is Read for a row of an answer whose record stands behind that of the row
// before: that is so where rows are read again in the order in which they were read
// at first. It tells whether it is.
func (s *Set) readNext(table uint32, key, token []byte, at time.Time) bool {
	if s.after == 0 || s.queued || int64(at.Sub(s.epoch)) != s.given || int(s.after-1)*recordUnit >= len(s.records) {
		return false
	}
	row := s.after
	if s.state(row) != indexed || s.table(row) != table || !bytes.Equal(s.key(row), key) || s.size(row) != sizeOf(len(key), len(token)) {
		return false
	}
	s.renew(row, 0, token, s.since(at))
	s.after = row + uint32(s.size(row)/recordUnit)
	return true
}

// since gives a time as rows keep it. The rows of one answer have one time: a
// nanosecond each tells their order.
func (s *Set) since(at time.Time) int64 {
	if s.epoch.IsZero() {
		s.epoch, s.given = at, -1
	}
	since := int64(at.Sub(s.epoch))
	if since == s.given {
		s.same++
	} else {
		s.given, s.same = since, 0
	}
	return since + s.same
}

// Wrote notes a row that the scope wrote. See [Scope].
func (s *Set) Wrote(table uint32, key, token []byte, at time.Time) {
	hash := hashOf(table, key)
	row := s.findFor(hash, table, key, token)
	record := s.record(row, table, key)
	if row = s.put(row, hash, table, key, token, at); row != 0 {
		s.setLink(row, record)
	}
}

// Touched notes a row that the scope wrote but whose expectation stands. See
// [Scope].
func (s *Set) Touched(table uint32, key []byte) {
	row := s.findFor(hashOf(table, key), table, key, nil)
	if record := s.record(row, table, key); row != 0 {
		s.setLink(row, record)
	}
}

// Move notes a row whose key the scope changed. See [Scope].
func (s *Set) Move(table uint32, from, to, token []byte, at time.Time) {
	s.Forget(table, from)
	s.Wrote(table, to, token, at)
}

// Forget makes a row unread. See [Scope].
func (s *Set) Forget(table uint32, key []byte) {
	hash := hashOf(table, key)
	row := s.findFor(hash, table, key, nil)
	s.record(row, table, key)
	if row != 0 {
		s.remove(row, hash)
	}
}

// Gone notes a row that the scope deleted. See [Scope].
func (s *Set) Gone(table uint32, key []byte) { s.Forget(table, key) }

// findFor is find for a row that is about to be read or written: it makes room for
// the row with its token, and for its shadow, so that no row moves meanwhile.
func (s *Set) findFor(hash, table uint32, key, token []byte) uint32 {
	if len(key) > maxLength || len(token) > maxLength {
		token = nil // it will not be kept
		if len(key) > maxLength {
			return 0
		}
	}
	row := s.find(hash, table, key)
	n := sizeOf(len(key), len(token))
	if row != 0 {
		n += s.size(row)
	} else {
		n += sizeOf(len(key), 0)
	}
	if s.fits(n) {
		return row
	}
	if s.dead >= len(s.records)/4 {
		s.compact(func(link, row uint32) { s.log[link-1].shadow = row })
		s.after = 0
	}
	s.records = slices.Grow(s.records, n)
	return s.find(hash, table, key)
}

// Expect gives the expectation of a row. It does not allocate. See [Scope].
func (s *Set) Expect(table uint32, key []byte) (token []byte, at time.Time, ok bool) {
	row := s.find(hashOf(table, key), table, key)
	if row == 0 {
		return nil, time.Time{}, false
	}
	return s.token(row), s.time(row), true
}

// Clear forgets everything, the open transaction too, and gives the memory
// back. What Evicted counts stays.
func (s *Set) Clear() {
	*s = Set{limit: s.limit, maxBytes: s.maxBytes, undoLimit: s.undoLimit, evicted: s.evicted}
}

// Len is the number of rows for which there is an expectation.
func (s *Set) Len() int { return s.live }

// Evicted is how many rows became unread, since the set was made, because it
// was full. Where a rollback makes rows unread that the undo list had no room
// for, some are counted twice.
func (s *Set) Evicted() uint64 { return s.evicted }

// Bytes estimates the memory that the set takes.
func (s *Set) Bytes() int64 {
	return int64(unsafe.Sizeof(*s)) +
		int64(cap(s.index))*8 +
		int64(cap(s.records)) +
		int64(cap(s.queue))*int64(unsafe.Sizeof(candidate{})) +
		int64(cap(s.log))*int64(unsafe.Sizeof(record{})) +
		int64(cap(s.savepoints))*int64(unsafe.Sizeof(savepoint{}))
}

// All gives every expectation, the newest first. See [Scope].
func (s *Set) All(yield func(table uint32, key, token []byte, at time.Time) bool) {
	if s.live == 0 {
		return
	}
	for _, c := range s.newestFirst() {
		key, token := s.bytes(c.row)
		if !yield(s.table(c.row), key, token, s.time(c.row)) {
			return
		}
	}
}

// put makes token the expectation of a row, which is at row or, if that is 0, is
// new. It gives the row, 0 where it cannot be kept.
func (s *Set) put(row, hash, table uint32, key, token []byte, at time.Time) uint32 {
	if len(key) > maxLength || len(token) > maxLength {
		if row != 0 {
			s.remove(row, hash)
		}
		s.evicted++
		return 0
	}
	since := s.since(at)
	if row == 0 {
		if s.live >= s.limit && s.live > 0 {
			s.evict(0) // first, so that the row takes its place
		}
		row = s.add(indexed, table, 0, key, token, since)
		s.enter(row, hash)
	} else {
		row = s.renew(row, hash, token, since)
	}
	s.came(row, hash, since)
	for s.full() {
		if s.live == 1 {
			s.evict(0) // it is the only one and too much
			return 0
		}
		s.evict(row)
	}
	return row
}

// remove makes an indexed row unread.
func (s *Set) remove(row, hash uint32) {
	s.leave(row, hash)
	s.release(row)
}

// full reports whether there are too many rows.
func (s *Set) full() bool {
	return s.live > s.limit || s.live > 0 && s.used()-s.shadowed > s.maxBytes
}

// evict makes the oldest row unread, or the oldest other than one.
func (s *Set) evict(other uint32) {
	row, hash := s.oldest(other)
	s.lost = s.lost || s.link(row) != 0
	s.remove(row, hash)
	s.evicted++
}

func (s *Set) time(row uint32) time.Time {
	return s.epoch.Add(time.Duration(s.at(row)))
}
