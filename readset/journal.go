package readset

import (
	"bytes"
	"encoding/binary"
	"math"
	"time"
)

// Never is the time of a read of which it is not known what was seen: whatever
// is expected of the row, it is older than any read may be. Its token is empty.
var Never = time.Unix(0, 0)

// IsNever reports whether a time that a [Scope] has given is that of [Never]. Rows
// that are noted at one time are some nanoseconds apart.
func IsNever(at time.Time) bool { return at.Unix() == Never.Unix() }

// Journal takes what a request does to what its context has read, where that is
// kept outside the process. What it is given is valid during the call. All of a
// journal's methods are called by the request's goroutine.
type Journal interface {
	// Change notes a change.
	Change(c Change)

	// Sync sends what was noted. It returns when it is kept, or when that is
	// not to be had for now.
	Sync()

	// End is Sync, and the last call.
	End()
}

// Change is one change of what a context has read of a row.
type Change struct {
	Kind  ChangeKind
	Table uint32
	Key   []byte
	Token []byte    // of Read, Renew and Restore; of Lapse the one that is taken away
	At    time.Time // of Read, Renew and Restore
}

// ChangeKind says what a [Change] does.
type ChangeKind byte

// Kinds of changes. A read is a request's alone until another request reads the
// same token, or a write renews it.
const (
	Read    ChangeKind = iota // the request read the row
	Renew                     // a write left the row so: nobody takes it back
	Lapse                     // a write left nothing to expect: the row becomes unread, if it still is at Token
	Forget                    // the row becomes unread
	Clear                     // all rows do
	Restore                   // the request's own read, if it is alone, gives way to the one before it
	Retract                   // and this one becomes unread
	Blot                      // and of this one nobody knows what was seen
)

// Begin begins a request of a context that is kept elsewhere. It holds a copy of
// what the context has read, for which the caller calls Earlier next, and tells
// journal what it changes. rows bounds what the request keeps.
//
// Beside others that are open at once it differs from a request of [Contexts] in
// one thing: it does not see what they write, and so may conflict with a write of
// its own context.
func Begin(rows int, now func() time.Time, journal Journal) *Request {
	x := &shared{owner: &Contexts{now: now}, dropped: true, reads: New(rows), journal: journal}
	return x.begin(rows)
}

// others stands for the number of a request that is somewhere else.
const others = math.MaxUint64

// Earlier tells a request that has just begun of a row that its context has read.
// alone is whether a single other request has.
func (r *Request) Earlier(table uint32, key, token []byte, at time.Time, alone bool) {
	s := stamp{}
	if alone {
		s.by = others
	}
	r.context.set(s, table, key, token, at)
}

// Blind tells a request that has just begun that it cannot be known what its
// context has read. Each row then is as one that was read at Never, those aside
// that the request itself has written. What it reads counts for later requests.
func (r *Request) Blind() { r.blind = true }

// IsBlind reports whether the request does not know what its context has read.
func (r *Request) IsBlind() bool { return r.blind }

// Sync has what the request has read and written kept, where its context is kept
// outside the process.
func (r *Request) Sync() {
	if j := r.context.journal; j != nil && !r.ended {
		j.Sync()
	}
}

// note tells the journal of a change, where there is one.
func (x *shared) note(kind ChangeKind, table uint32, key, token []byte, at time.Time) {
	if x.journal != nil {
		x.journal.Change(Change{kind, table, key, token, at})
	}
}

// lateness is by how much the time of a read may be too early: a row that is read
// again and again is not written each time.
const lateness = time.Second

// noteRead tells the journal of a read. new is false where there is nothing to tell.
func (x *shared) noteRead(by uint64, table uint32, key, token []byte, at time.Time) (new bool) {
	if by == 0 {
		x.note(Renew, table, key, token, at)
		return true
	}
	s, old, then, ok := x.last(table, key)
	if ok && s.by != others && bytes.Equal(old, token) && at.Sub(then) < lateness {
		return false
	}
	x.note(Read, table, key, token, at)
	return true
}

// noteWrite tells the journal of a committed write. See settle.
func (x *shared) noteWrite(table uint32, key, before []byte, was bool, token []byte, is bool, at time.Time) {
	switch {
	case is:
		x.note(Renew, table, key, token, at)
	case was:
		x.note(Lapse, table, key, before, at)
	}
}

// retract takes back, in the journal, what a request alone has read of a row. With
// earlier there was another read before it.
func (r *Request) retract(earlier bool, table uint32, key, token []byte, at time.Time) {
	if earlier {
		r.context.note(Restore, table, key, token, at)
	} else {
		r.context.note(Retract, table, key, nil, at)
	}
}

// Refused says that a write of a blind request was refused, to whatever row. See
// Conflict.
func (r *Request) Refused() {
	if r.blind && r.lock() {
		defer r.unlock()
		r.blot()
	}
}

// blot says of all that a blind request has read until now that nobody knows what was
// seen of it: the form that its client has sent was not made of these reads, and what it
// was made of they have overwritten.
func (r *Request) blot() {
	x := r.context
	var rows [][]byte
	x.reads.All(func(table uint32, key, _ []byte, _ time.Time) bool {
		if s, _, _, _ := x.last(table, key); s.by == r.number {
			x.note(Blot, table, key, nil, Never)
			rows = append(rows, bytes.Clone(r.rowName(table, key)))
		}
		return true
	})
	for _, name := range rows {
		x.reads.Forget(binary.LittleEndian.Uint32(name), name[4:])
	}
}

// blindExpect is Expect of a request that is blind.
func (r *Request) blindExpect(kind byte, token []byte, at time.Time, ok bool) ([]byte, time.Time, bool) {
	switch {
	case !ok || kind == own:
		return []byte{}, Never, true
	case kind == unread:
		return nil, time.Time{}, false // the request has deleted it, or the like
	}
	return token, at, true
}

// wroteKind gives what a row becomes in the view that the request wrote. One that
// is blind knows nothing but its own writes.
func (r *Request) wroteKind(kind byte) byte {
	switch {
	case r.blind:
		return earlier
	case kind == unread:
		return own
	}
	return kind
}
