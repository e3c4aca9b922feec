package readset

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"
)

// Store gives the requests of contexts. [Contexts] keeps them in the memory of
// this process; a store that several proxies share would be another.
type Store interface {
	// Bound says how many rows of a context are kept, and of a request; beyond, the
	// oldest become unread. A context that has not been used for age is forgotten. It
	// counts for requests that begin after it.
	Bound(rows int, age time.Duration)

	// Request begins a request of the context that an account has under a name.
	Request(account, name string) *Request

	// Len is the number of contexts.
	Len() int

	// Evicted is how many rows became unread because there was no room.
	Evicted() uint64
}

var _ Store = (*Contexts)(nil)

// Limits bound what a [Contexts] keeps. A limit of 0 or less does not bound,
// Rows aside.
type Limits struct {
	Contexts int           // number of contexts; beyond, those whose last request began first go
	Rows     int           // see Bound
	Bytes    int64         // of what contexts have read; beyond, as with Contexts
	Age      time.Duration // see Bound
}

// Contexts keeps what the requests of named user sessions have read, in memory.
// It is safe for concurrent use; each of its requests belongs to one goroutine.
// Limits are kept when a request begins: until then a context may grow beyond
// Bytes by what its open requests read.
type Contexts struct {
	now     func() time.Time
	bytes   atomic.Int64
	evicted atomic.Uint64

	mu     sync.Mutex
	limits Limits
	byName map[contextName]*list.Element
	recent *list.List // of *shared, by the beginning of their last request, the newest first
}

type contextName struct{ account, name string }

// NewContexts gives a store without contexts. now is the clock for Limits.Age.
func NewContexts(limits Limits, now func() time.Time) *Contexts {
	return &Contexts{
		limits: limits,
		now:    now,
		byName: make(map[contextName]*list.Element),
		recent: list.New(),
	}
}

// shared is what the requests of one context share.
type shared struct {
	owner *Contexts
	name  contextName
	used  atomic.Int64 // when it was used last, in Unix nanoseconds

	mu      sync.Mutex
	dropped bool   // no longer in the store
	bytes   int64  // of reads, as far as owner.bytes has them
	evicted uint64 // of reads, as far as owner.evicted has them
	begun   uint64 // number of requests
	reads   *Set   // the last read of each row; tokens begin with a stamp
	stamped []byte // a token with its stamp
	open    []*Request
	journal Journal // nil where the context is in memory
}

// Bound changes the limits of that name. See [Store].
func (c *Contexts) Bound(rows int, age time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limits.Rows, c.limits.Age = rows, age
}

// Request begins a request of the context that an account has under a name:
// `SET @ifmatch_context = 'name'`. Whoever begins it ends it, also when the
// connection is lost; a request that is not ended keeps its memory until its
// context is dropped.
func (c *Contexts) Request(account, name string) *Request {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	id := contextName{account, name}
	e := c.byName[id]
	if e != nil && c.aged(e.Value.(*shared), now) {
		c.drop(e)
		e = nil
	}
	if e == nil {
		e = c.recent.PushFront(&shared{owner: c, name: id, reads: New(c.limits.Rows)})
		c.byName[id] = e
	}
	x := e.Value.(*shared)
	x.used.Store(now.UnixNano())
	c.recent.MoveToFront(e)
	r := x.begin(c.limits.Rows)
	c.trim(now)
	return r
}

// Len is the number of contexts.
func (c *Contexts) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.recent.Len()
}

// Evicted is how many rows became unread because their context was full, or
// because it was dropped to make room for others.
func (c *Contexts) Evicted() uint64 { return c.evicted.Load() }

// Bytes estimates the memory that the reads of all contexts take, those of their
// open requests aside.
func (c *Contexts) Bytes() int64 { return c.bytes.Load() }

// trim drops contexts from the end of the list: those that are out of age, and
// as many as there are too many.
func (c *Contexts) trim(now time.Time) {
	for c.recent.Len() > 1 {
		e := c.recent.Back()
		full := c.limits.Contexts > 0 && c.recent.Len() > c.limits.Contexts ||
			c.limits.Bytes > 0 && c.bytes.Load() > c.limits.Bytes
		if old := c.aged(e.Value.(*shared), now); !full && !old {
			return
		} else if !old {
			c.evicted.Add(uint64(e.Value.(*shared).rows()))
		}
		c.drop(e)
	}
}

func (c *Contexts) aged(x *shared, now time.Time) bool {
	return c.limits.Age > 0 && now.UnixNano()-x.used.Load() > int64(c.limits.Age)
}

// drop takes a context out of the store. Requests of it that are open go on,
// but what they do is for nobody after them.
func (c *Contexts) drop(e *list.Element) {
	x := c.recent.Remove(e).(*shared)
	delete(c.byName, x.name)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.dropped = true
	c.bytes.Add(-x.bytes)
}

// begin opens a request. What was read until now is earlier to it.
func (x *shared) begin(rows int) *Request {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.begun++
	x.reads.Bound(rows)
	r := &Request{context: x, number: x.begun, view: New(rows), pending: New(rows)}
	x.open = append(x.open, r)
	x.measure()
	return r
}

func (x *shared) rows() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.reads.Len()
}

// measure keeps the store's counts.
func (x *shared) measure() {
	if x.dropped {
		return
	}
	if n := x.reads.Evicted(); n != x.evicted {
		x.owner.evicted.Add(n - x.evicted)
		x.evicted = n
	}
	if n := x.reads.Bytes() + int64(len(x.name.account)+len(x.name.name)); n != x.bytes {
		x.owner.bytes.Add(n - x.bytes)
		x.bytes = n
	}
}
