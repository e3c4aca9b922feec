package ledger

import (
	"context"
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
	// countTimeout bounds one write with all its tries.
	countTimeout = 10 * time.Second
)

// counters are the counters that were used lately.
type counters struct {
	store counterStore
	// Two of one name, one of them evicted while it was in use, do no harm: they
	// are to each other what those of two proxies are.
	known *lru.Cache[string, *counter]
}

func newCounters(l *Ledger) *counters {
	known, err := lru.New[string, *counter](maxKnown)
	if err != nil {
		panic(err) // the size is not positive
	}
	return &counters{store: counterStore{ledger: l}, known: known}
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
	out   Numbers
	err   error
	leads bool // it is this caller's turn to serve the queue
	ready chan struct{}
}

// Count carries out op on the counter of that name, which begins at 0 where it does
// not exist. What it takes is committed when it returns, and will not be given to
// anybody else. It waits until ctx is done; the error is a *CounterError.
func (l *Ledger) Count(ctx context.Context, name string, op Op) (Numbers, error) {
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
	out, err := c.count(ctx, &l.counters.store, op)
	var known *CounterError
	if errors.As(err, &known) && known.Counter == "" {
		named := *known
		named.Counter = name
		err = &named
	}
	return out, err
}

// count waits for its turn, and serves the queue when it is this caller's.
func (c *counter) count(ctx context.Context, store *counterStore, op Op) (Numbers, error) {
	r := &request{op: op}
	c.mu.Lock()
	c.queue = append(c.queue, r)
	if c.busy {
		r.ready = make(chan struct{}, 1)
		c.mu.Unlock()
		select {
		case <-r.ready:
		case <-ctx.Done():
			if c.leave(r) {
				return Numbers{}, &CounterError{Kind: Failed, Text: "others were served for too long"}
			}
			<-r.ready // it is being served, which has a bound of its own
		}
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

// leave takes a call back that nobody has begun to serve.
func (c *counter) leave(r *request) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, waiting := range c.queue {
		if waiting == r && !r.leads {
			c.queue = append(c.queue[:i], c.queue[i+1:]...)
			return true
		}
	}
	return false
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

	// It is for all of them, so it does not end with the caller's patience.
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	c.carryOut(ctx, store, batch)

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

// apply carries out a batch on s, which is not written yet.
func apply(batch []*request, s state) state {
	for _, r := range batch {
		r.out, r.err = s.apply(r.op)
	}
	return s
}

const (
	// maxTries bounds the tries of a write that others came before.
	maxTries = 20
	// wary is for how many writes a counter is taken for contended.
	wary = 64
)

// carryOut serves a batch by one write, or by a reading where nothing changes.
func (c *counter) carryOut(ctx context.Context, store *counterStore, batch []*request) {
	var err error
	for range maxTries {
		var done bool
		if c.contended > 0 {
			done, err = c.underLock(ctx, store, batch)
		} else {
			done, err = c.optimistically(ctx, store, batch)
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
func (c *counter) optimistically(ctx context.Context, store *counterStore, batch []*request) (done bool, err error) {
	read := false
	if !c.sure {
		if c.last, err = store.read(ctx, c.name); err != nil {
			return false, err
		}
		read = true
	}
	next := apply(batch, c.last)
	if next == c.last && !read {
		// Nothing to write, so that nothing says whether the row is still the same.
		if c.last, err = store.read(ctx, c.name); err != nil {
			return false, err
		}
		next, read = apply(batch, c.last), true
	}
	if next == c.last {
		c.sure = true
		return true, nil
	}
	if done, err = store.swap(ctx, c.name, c.last, &next); done {
		c.last, c.sure = next, true
	}
	return done, err
}

// underLock locks the row, so that nobody comes before.
func (c *counter) underLock(ctx context.Context, store *counterStore, batch []*request) (done bool, err error) {
	var before, after state
	done, err = store.locked(ctx, c.name, func(s state) state {
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
