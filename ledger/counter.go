package ledger

import (
	"database/sql/driver"
	"errors"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// MaxCounterName bounds the name of a counter, in bytes of UTF-8.
const MaxCounterName = 1024

const (
	// maxKnown bounds the counters whose state is remembered. One that is not costs a
	// reading.
	maxKnown = 10_000
	// maxBatch bounds what is served by one write.
	maxBatch = 1024
	// countTimeout bounds one use of a connection.
	countTimeout = 10 * time.Second
	// countPatience bounds the time from a call to the beginning of the write that
	// serves it.
	countPatience = 20 * time.Second
)

// counters are the counters that were used lately.
type counters struct {
	store counterStore
	// Two of one name, one of them evicted while it was in use, do no harm: they
	// are to each other what those of two proxies are.
	known *lru.Cache[string, *counter]
}

func newCounters(l *Ledger, connector driver.Connector) *counters {
	known, err := lru.New[string, *counter](maxKnown)
	if err != nil {
		panic(err) // the size is not positive
	}
	return &counters{store: counterStore{ledger: l, conns: newCounterConns(connector)}, known: known}
}

// counter serves the calls of one counter in the order in which they come. While a
// write is under way further calls wait, and the next write is for all of them.
type counter struct {
	name string

	mu    sync.Mutex
	queue []*request
	busy  bool // somebody serves the queue

	last state // as of the last write; belongs to who serves
	sure bool  // last was read or written, and nobody is known to have changed it
	// contended is how many writes to go the row is locked before it is read, as
	// another proxy counts as well.
	contended int
}

// request is one call.
type request struct {
	op    Op
	since time.Time
	out   Numbers
	err   error
	leads bool // it is this caller's turn to serve the queue
	ready chan struct{}
}

// Count carries out op on the counter of that name, which begins at 0 where it does
// not exist. What it takes is committed when it returns, and will not be given to
// anybody else. Its wait has a bound; the error is a *CounterError.
func (l *Ledger) Count(name string, op Op) (Numbers, error) {
	switch {
	case name == "":
		return Numbers{}, wrong("a counter needs a name")
	case len(name) > MaxCounterName:
		return Numbers{}, wrong("the name of a counter has at most %d bytes, this one has %d", MaxCounterName, len(name))
	}
	c, ok := l.counters.known.Get(name)
	if !ok {
		c = &counter{name: name}
		if other, there, _ := l.counters.known.PeekOrAdd(name, c); there {
			c = other
		}
	}
	out, err := c.count(&l.counters.store, op)
	var known *CounterError
	if errors.As(err, &known) && known.Counter == "" {
		named := *known
		named.Counter = name
		err = &named
	}
	return out, err
}

// count waits for its turn, and serves the queue when it is this caller's.
func (c *counter) count(store *counterStore, op Op) (Numbers, error) {
	r := &request{op: op}
	c.mu.Lock()
	c.queue = append(c.queue, r)
	if c.busy {
		r.since, r.ready = time.Now(), make(chan struct{}, 1)
		c.mu.Unlock()
		<-r.ready // who serves now does so in bounded time, and so do those before
		if !r.leads {
			return r.out, r.err
		}
	} else {
		c.busy = true
		c.mu.Unlock()
	}
	c.serve(store)
	return r.out, r.err
}

// serve carries out what is in the queue, the caller's own among it, and leaves what
// comes meanwhile to the first of those.
func (c *counter) serve(store *counterStore) {
	c.mu.Lock()
	batch := c.queue
	if len(batch) > maxBatch {
		batch = batch[:maxBatch:maxBatch]
	}
	c.queue = c.queue[len(batch):]
	c.mu.Unlock()

	for _, r := range batch {
		r.err = errUnserved
	}
	defer c.leave(batch) // whatever becomes of this session, others go on
	c.carryOut(store, patient(batch))
}

// errUnserved is the error of calls whose serving came to no end.
var errUnserved = &CounterError{Kind: Uncertain, Text: "serving it failed in the proxy"}

// leave gives the callers of a batch their answers, and the queue to the next one.
func (c *counter) leave(batch []*request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range batch {
		if r.ready != nil && !r.leads {
			r.ready <- struct{}{}
		}
	}
	if c.busy = len(c.queue) > 0; c.busy {
		c.queue[0].leads = true
		c.queue[0].ready <- struct{}{}
	}
}

// patient gives those of a batch that have not waited for too long. The others have
// an error.
func patient(batch []*request) []*request {
	if first := batch[0]; first.ready == nil || time.Since(first.since) < countPatience {
		return batch // it has waited longest
	}
	served := make([]*request, 0, len(batch))
	for _, r := range batch {
		if time.Since(r.since) < countPatience {
			served = append(served, r)
			continue
		}
		r.err = &CounterError{Kind: Failed, Text: "others were served for too long"}
	}
	return served
}

// apply carries out a batch on s, which is not written yet.
func apply(batch []*request, s state) state {
	for _, r := range batch {
		r.out, r.err = s.apply(r.op)
	}
	return s
}

const (
	// maxTries bounds the tries of a write that others came before, and triesEnd the
	// time in which one is begun.
	maxTries = 20
	triesEnd = 10 * time.Second
	// wary is for how many writes a counter is taken for contended.
	wary = 64
)

// carryOut serves a batch by one write, or by a reading where nothing changes.
func (c *counter) carryOut(store *counterStore, batch []*request) {
	if len(batch) == 0 {
		return
	}
	var err error
	begin := time.Now()
	for try := range maxTries {
		if try > 0 && time.Since(begin) > triesEnd {
			break
		}
		var done bool
		if c.contended > 0 {
			done, err = c.underLock(store, batch)
		} else {
			done, err = c.optimistically(store, batch)
		}
		if done {
			return
		}
		c.sure = false
		if err != nil {
			break
		}
		c.contended = wary
	}
	if err == nil {
		err = &CounterError{Kind: Failed, Text: "others came before at each try"}
	}
	for _, r := range batch {
		r.out, r.err = Numbers{}, err
	}
}

// optimistically writes on condition that the row is what it was. done is false
// where it is not.
func (c *counter) optimistically(store *counterStore, batch []*request) (done bool, err error) {
	read := false
	if !c.sure {
		if c.last, err = store.read(c.name); err != nil {
			return false, err
		}
		read = true
	}
	next := apply(batch, c.last)
	if next == c.last && !read {
		// Nothing to write, so that nothing says whether the row is still the same.
		if c.last, err = store.read(c.name); err != nil {
			return false, err
		}
		next, read = apply(batch, c.last), true
	}
	if next == c.last {
		c.sure = true
		return true, nil
	}
	if done, err = store.swap(c.name, c.last, &next); done {
		c.last, c.sure = next, true
	}
	return done, err
}

// underLock locks the row, so that nobody comes before.
func (c *counter) underLock(store *counterStore, batch []*request) (done bool, err error) {
	var before, after state
	done, err = store.locked(c.name, func(s state) state {
		before, after = s, apply(batch, s)
		after.there = s.there || after != s
		return after
	})
	if !done {
		return false, err
	}
	// Who meets the row as it was left is alone, and goes on without a lock in time.
	if c.contended--; !c.sure || before != c.last {
		c.contended = wary
	}
	c.last, c.sure = after, true
	return true, nil
}
