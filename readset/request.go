package readset

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"
)

// Request is one request of a context: a [Scope] that knows what the context
// had read before. It is not safe for concurrent use; requests of the same
// context may run at the same time. After End it holds nothing and does nothing.
//
// # What is earlier
//
// A write is held against what the context had read when the request began: the
// last read of the row that any request of the context, ended or not, made until
// then. Only where there is none it is held against what the request itself has
// read. So
//
//   - a request counts from its reads, not from its end: one that is never ended,
//     because its connection died or sits in a pool, counts as one that was;
//   - of two requests that are open at once on two connections, neither sees
//     what the other reads after both began. A poll in the background does not
//     change what a save is held against.
//
// A write that was held against its expectation renews it for the whole context:
// for later requests, and for those open requests that hold the very expectation
// that the write was held against. Requests see a write of another, and what it
// reads of rows that it wrote, when it is committed.
//
// A request that conflicted on a row leaves no reads of that row, neither those
// before the conflict nor those after it: the user who sends the same form again
// has not seen the row.
type Request struct {
	context *shared
	number  uint64 // of the requests of its context, from 1

	// view is what the request holds rows against, where that is not simply
	// what the context reads have. Its tokens begin with a kind.
	view *Set

	// pending has the request's reads of rows that its open transaction wrote.
	pending *Set

	conflicted map[string]struct{} // rows by rowName
	muted      bool                // more rows conflicted than are kept: no read counts any longer
	ended      bool
	blind      bool // what earlier requests read is not known

	given  []byte // the token that Expect gave
	before []byte
	kinded []byte
	row    []byte
}

// Kinds of rows in a view.
const (
	own     byte = iota // the request read it, or inserted it
	earlier             // earlier requests read it; reads of this one do not replace it
	unread              // there is no expectation, whatever the context has read
)

// stamp stands before the tokens of a context's reads.
type stamp struct {
	made uint64 // how many requests had begun; earlier to those that began after
	by   uint64 // the request that alone made the read; 0 where it is not to be taken back
}

const stampLength = 16

func (s stamp) appendTo(b []byte) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, s.made), s.by)
}

// last gives what the context has read of a row.
func (x *shared) last(table uint32, key []byte) (s stamp, token []byte, at time.Time, ok bool) {
	b, at, ok := x.reads.Expect(table, key)
	if !ok {
		return stamp{}, nil, at, false
	}
	s = stamp{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
	return s, b[stampLength:], at, true
}

func (x *shared) set(s stamp, table uint32, key, token []byte, at time.Time) {
	x.stamped = append(s.appendTo(x.stamped[:0]), token...)
	x.reads.Read(table, key, x.stamped, at)
}

// publish makes a read of a request the context's. Open requests for which the
// former one is earlier keep that.
func (x *shared) publish(by uint64, table uint32, key, token []byte, at time.Time) {
	if x.journal != nil && !x.noteRead(by, table, key, token, at) {
		return
	}
	x.place(by, table, key, token, at)
}

// place is publish without a journal.
func (x *shared) place(by uint64, table uint32, key, token []byte, at time.Time) {
	now := stamp{made: x.begun, by: by}
	if was, old, _, ok := x.last(table, key); ok {
		if bytes.Equal(old, token) {
			now.made = was.made
			if was.by != by {
				now.by = 0
			}
		} else {
			x.pinOthers(by, table, key)
		}
	}
	x.set(now, table, key, token, at)
}

// pinOthers lets the open requests but one keep what is now earlier to them.
func (x *shared) pinOthers(number uint64, table uint32, key []byte) {
	for _, q := range x.open {
		if q.number != number {
			q.pin(table, key)
		}
	}
}

// settle makes a committed write of a request the context's. before is what the
// request held the row against, was says whether there was such; token and is
// are the same for after the write.
func (x *shared) settle(r *Request, table uint32, key, before []byte, was bool, token []byte, is bool, at time.Time) {
	if was == is && bytes.Equal(before, token) {
		return
	}
	x.noteWrite(table, key, before, was, token, is, at)
	s, old, _, ok := x.last(table, key)
	switch renews := ok && was && bytes.Equal(old, before); {
	case renews && is:
		x.set(stamp{made: s.made}, table, key, token, at)
	case renews:
		x.reads.Forget(table, key)
	case is:
		x.place(0, table, key, token, at)
	}
	if !was {
		return
	}
	for _, q := range x.open {
		if q == r {
			continue
		}
		kind, held, _, ok := q.look(table, key)
		switch {
		case !ok || kind == unread || !bytes.Equal(held, before) || q.view.wrote(table, key):
		case is:
			q.see(kind, table, key, token, at)
		default:
			q.see(unread, table, key, nil, at)
		}
	}
}

// look gives a row of the view.
func (r *Request) look(table uint32, key []byte) (kind byte, token []byte, at time.Time, ok bool) {
	b, at, ok := r.view.Expect(table, key)
	if !ok {
		return unread, nil, at, false
	}
	return b[0], b[1:], at, true
}

// see puts a row into the view.
func (r *Request) see(kind byte, table uint32, key, token []byte, at time.Time) {
	r.view.Read(table, key, r.kind(kind, token), at)
}

func (r *Request) kind(kind byte, token []byte) []byte {
	r.kinded = append(append(r.kinded[:0], kind), token...)
	return r.kinded
}

// earlier gives what earlier requests have read of a row that is not in the view.
// Where the view has lost a row that the open transaction wrote, that row could
// be any.
func (r *Request) earlier(table uint32, key []byte) (token []byte, at time.Time, ok bool) {
	if r.view.lost {
		return nil, time.Time{}, false
	}
	s, token, at, ok := r.context.last(table, key)
	return token, at, ok && s.made < r.number
}

// pin puts into the view what earlier requests have read of a row, so that it
// stays what it is.
func (r *Request) pin(table uint32, key []byte) (kind byte, token []byte, at time.Time, ok bool) {
	if kind, token, at, ok = r.look(table, key); ok {
		return kind, token, at, true
	}
	if token, at, ok = r.earlier(table, key); ok {
		r.see(earlier, table, key, token, at)
		return earlier, token, at, true
	}
	return unread, nil, at, false
}

// lock says whether the request is open, and then keeps others of the context
// out.
func (r *Request) lock() bool {
	r.context.mu.Lock()
	if r.ended {
		r.context.mu.Unlock()
		return false
	}
	return true
}

func (r *Request) unlock() {
	r.context.measure()
	r.context.mu.Unlock()
}

// Read notes a row that was read. It is the expectation of this request only
// where no earlier one read the row. See [Scope].
func (r *Request) Read(table uint32, key, token []byte, at time.Time) {
	if !r.lock() {
		return
	}
	defer r.unlock()
	x := r.context
	x.used.Store(at.UnixNano())
	if kind, _, _, _ := r.pin(table, key); kind != earlier {
		r.see(own, table, key, token, at)
	}
	switch {
	case r.view.wrote(table, key):
		r.pending.Read(table, key, token, at)
	case !r.silent(table, key):
		x.publish(r.number, table, key, token, at)
	}
}

// Wrote notes a row that the request wrote. See [Scope].
func (r *Request) Wrote(table uint32, key, token []byte, at time.Time) {
	if !r.lock() {
		return
	}
	defer r.unlock()
	r.context.used.Store(at.UnixNano())
	kind, _, _, _ := r.pin(table, key)
	r.write(r.wroteKind(kind), table, key, token, at)
}

// Touched notes a row that the request wrote but whose expectation stands. See
// [Scope].
func (r *Request) Touched(table uint32, key []byte) {
	if !r.lock() {
		return
	}
	defer r.unlock()
	if !r.view.open {
		return
	}
	if _, _, _, ok := r.pin(table, key); !ok {
		r.write(unread, table, key, nil, r.context.owner.now())
		return
	}
	r.pending.Forget(table, key)
	r.view.Touched(table, key)
}

// Move notes a row whose key the request changed. See [Scope].
func (r *Request) Move(table uint32, from, to, token []byte, at time.Time) {
	if !r.lock() {
		return
	}
	defer r.unlock()
	r.context.used.Store(at.UnixNano())
	kind, _, _, _ := r.pin(table, from)
	kind = r.wroteKind(kind)
	r.pin(table, to)
	if !bytes.Equal(from, to) {
		r.write(unread, table, from, nil, at)
	}
	r.write(kind, table, to, token, at)
}

// Forget makes a row unread, for the context. See [Scope].
func (r *Request) Forget(table uint32, key []byte) {
	if !r.lock() {
		return
	}
	defer r.unlock()
	r.pin(table, key)
	r.write(unread, table, key, nil, r.context.owner.now())
}

// Gone notes a row that the request deleted. See [Scope].
func (r *Request) Gone(table uint32, key []byte) { r.Forget(table, key) }

// write makes the view have what a write left. The row must be pinned.
func (r *Request) write(kind byte, table uint32, key, token []byte, at time.Time) {
	was, held, _, _ := r.look(table, key)
	r.before = append(r.before[:0], held...)
	r.pending.Forget(table, key)
	r.view.Wrote(table, key, r.kind(kind, token), at)
	if !r.view.open {
		r.context.settle(r, table, key, r.before, was != unread, token, kind != unread, at)
	}
}

// Conflict says that a write of the request to a row conflicted.
func (r *Request) Conflict(table uint32, key []byte) {
	if !r.lock() {
		return
	}
	defer r.unlock()
	x := r.context
	kind, token, at, ok := r.pin(table, key)
	if r.view.wrote(table, key) {
		kind, token, ok = r.committed(table, key)
	}
	if r.blind {
		r.blot()
	}
	if s, _, _, read := x.last(table, key); read && s.by == r.number {
		x.pinOthers(r.number, table, key)
		r.retract(ok && kind == earlier, table, key, token, at)
		if ok && kind == earlier {
			x.set(stamp{made: x.begun}, table, key, token, at)
		} else {
			x.reads.Forget(table, key)
		}
	}
	if len(r.conflicted) >= max(r.view.limit, 1) {
		r.muted = true
		return
	}
	if r.conflicted == nil {
		r.conflicted = make(map[string]struct{})
	}
	r.conflicted[string(r.rowName(table, key))] = struct{}{}
}

// committed gives what the view had of a row before the open transaction wrote it.
func (r *Request) committed(table uint32, key []byte) (kind byte, token []byte, ok bool) {
	found := false
	r.view.changes(func(t uint32, k, before []byte, read bool) {
		if !found && t == table && bytes.Equal(k, key) {
			found = true
			if ok = read; ok {
				kind, token = before[0], before[1:]
			}
		}
	})
	return kind, token, ok
}

// silent says whether reads of a row do not count for later requests.
func (r *Request) silent(table uint32, key []byte) bool {
	if r.muted || len(r.conflicted) == 0 {
		return r.muted
	}
	_, ok := r.conflicted[string(r.rowName(table, key))]
	return ok
}

func (r *Request) rowName(table uint32, key []byte) []byte {
	r.row = append(binary.LittleEndian.AppendUint32(r.row[:0], table), key...)
	return r.row
}

// Expect gives the expectation of a row: what earlier requests of the context
// read, else what this one did. It does not allocate in the long run. See
// [Scope].
func (r *Request) Expect(table uint32, key []byte) (token []byte, at time.Time, ok bool) {
	if !r.lock() {
		return nil, time.Time{}, false
	}
	defer r.context.mu.Unlock()
	kind, token, at, ok := r.look(table, key)
	switch {
	case r.blind:
		token, at, ok = r.blindExpect(kind, token, at, ok)
	case !ok:
		token, at, ok = r.earlier(table, key)
	default:
		ok = kind != unread
	}
	if !ok {
		return nil, time.Time{}, false
	}
	if len(token) == 0 {
		return []byte{}, at, true
	}
	r.given = append(r.given[:0], token...) // others may move the context's rows
	return r.given, at, true
}

// Len is the number of rows for which there is an expectation. It takes time in
// proportion to what the context has read.
func (r *Request) Len() int {
	n := 0
	r.All(func(uint32, []byte, []byte, time.Time) bool { n++; return true })
	return n
}

// All gives every expectation, the newest first: what it is now, however long
// yield takes. See [Scope].
func (r *Request) All(yield func(table uint32, key, token []byte, at time.Time) bool) {
	if !r.lock() {
		return
	}
	type row struct {
		table      uint32
		key, token []byte
		at         time.Time
	}
	var rows []row
	r.view.All(func(table uint32, key, token []byte, at time.Time) bool {
		if token[0] != unread {
			rows = append(rows, row{table, bytes.Clone(key), bytes.Clone(token[1:]), at})
		}
		return true
	})
	r.context.reads.All(func(table uint32, key, _ []byte, _ time.Time) bool {
		if _, _, _, ok := r.look(table, key); !ok {
			if token, at, ok := r.earlier(table, key); ok {
				rows = append(rows, row{table, bytes.Clone(key), bytes.Clone(token), at})
			}
		}
		return true
	})
	r.context.mu.Unlock()
	slices.SortStableFunc(rows, func(a, b row) int { return b.at.Compare(a.at) })
	for _, w := range rows {
		if !yield(w.table, w.key, w.token, w.at) {
			return
		}
	}
}

// End ends the request. A transaction that is open is Uncertain.
func (r *Request) End() {
	r.Uncertain()
	if !r.lock() {
		return
	}
	defer r.unlock()
	x := r.context
	if x.journal != nil {
		x.journal.End()
	}
	i := slices.Index(x.open, r)
	x.open = slices.Delete(x.open, i, i+1)
	*r = Request{context: x, ended: true}
}
