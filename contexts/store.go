// Package contexts keeps what named contexts have read in a Redis server, so that
// several proxies share it, and so that it outlives each of them.
//
// A request fetches all rows of its context when it begins, and holds its writes
// against this copy (see readset.Begin). What it reads and writes goes to the server
// before the client has the end of the answer. What others of the context have
// changed meanwhile is taken into account there, by a script.
//
// # When the server is not there
//
// It is not known then what the requests that begin have read earlier. Their writes
// are refused, as of rows that were read too long ago, whatever the policy says of
// rows that were not read at all: a lost read must not become a lost update. Reads
// go on. What they have read waits, within bounds, until the server is there again,
// and until all of it has been told requests go on beginning so.
package contexts

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"

	"ifmatch/readset"
	"ifmatch/rewrite"
)

// Config says where a Store keeps contexts.
type Config struct {
	Address  string // host:port
	User     string // "" for the server's default one
	Password string // secret: never to be logged
	DB       int
	TLS      *tls.Config // nil for none
	Prefix   string      // of all keys
	// Timeout bounds each thing that a request asks of the server, with all that it
	// takes: the wait for a connection, the connect, TLS and password.
	Timeout time.Duration

	Meter Meter
	Log   *slog.Logger
}

// Meter counts what a Store does. Its methods are called from many sessions at once.
type Meter interface {
	// ContextStore counts something that was asked of the server: begin or change.
	ContextStore(what string, took time.Duration, failed bool)
	// ContextStoreUp says whether the server is there.
	ContextStoreUp(up bool)
	// ContextStoreForgot counts that the server was found without what it had.
	ContextStoreForgot()
	// ContextReadsWaiting says how many changes wait for the server.
	ContextReadsWaiting(n int)
	// ContextReadsLost counts changes that could not be kept.
	ContextReadsLost(n int)
}

// Store keeps contexts in a Redis server. It is safe for concurrent use; each of
// its requests belongs to one goroutine.
type Store struct {
	cfg     Config
	conns   *conns
	bounds  atomic.Pointer[bounds]
	open    atomic.Int64           // requests
	evicted atomic.Uint64          // rows
	server  atomic.Pointer[string] // the mark of the server that was there last

	mu      sync.Mutex
	down    bool
	closed  time.Time // when Close gives up; zero before Close
	waiting []*batch
	rows    int           // changes in waiting
	bytes   int           // of waiting
	up      chan struct{} // closed when the server is there again; nil unless down
}

var _ readset.Store = (*Store)(nil)

// Bounds of what waits for the server.
const (
	unhurried    = 2 * time.Second // in place of Timeout where no client waits
	retryPause   = 100 * time.Millisecond
	maxWaiting   = 64 << 20 // bytes, roughly
	farewellTime = time.Second
)

// bounds are what Bound was told.
type bounds struct {
	rows int
	life int64 // milliseconds
}

// Bound says how many rows of a context are kept, and of a request; beyond, the oldest
// become unread. A context that has not been used for age is forgotten.
func (s *Store) Bound(rows int, age time.Duration) {
	s.bounds.Store(&bounds{max(rows, 1), age.Milliseconds()})
}

// Open gives a store. It does not connect: see Check. Until Bound is called it keeps
// one row of a context, for a day.
func Open(cfg Config) *Store {
	s := &Store{cfg: cfg}
	s.Bound(1, 24*time.Hour)
	dial := dialer(&cfg)
	s.conns = newConns(func(ctx context.Context) (*conn, error) {
		k, err := dial(ctx)
		if err == nil {
			err = s.recognize(k)
		}
		return k, err
	})
	cfg.Meter.ContextStoreUp(true)
	return s
}

// Check asks the server for what requests ask of it. It is an error, with nothing
// secret in it, where that is refused. A server that is not there is no error: it is
// waited for from now on.
func (s *Store) Check() error {
	err := s.conns.do(unhurried, s.probe)
	switch {
	case err == nil:
		s.warnOfEviction()
	case refused(err):
		return fmt.Errorf("contexts at %s: %s", s.cfg.Address, describe(err))
	default:
		s.failed("start", err, nil)
	}
	return nil
}

// probe is a begin of no context and a change of nothing.
func (s *Store) probe(c redis.Conn) error {
	b := s.bounds.Load()
	rows, times := keysOf(s.cfg.Prefix, "", "")
	if _, err := beginScript.Do(c, rows, times, b.life); err != nil {
		return err
	}
	_, err := changeScript.Do(c, rows, times, b.life, b.rows, "")
	return err
}

// Request begins a request of the context that an account has under a name. It
// takes one round trip, and no longer than Timeout.
func (s *Store) Request(account, name string) *readset.Request {
	j := &journal{store: s}
	j.rows, j.times = keysOf(s.cfg.Prefix, account, name)
	rand.Read(j.by[:])
	r := readset.Begin(s.bounds.Load().rows, time.Now, j)
	s.open.Add(1)
	if s.isDown() {
		s.cfg.Meter.ContextStore("begin", 0, true)
		r.Blind()
		return r
	}
	if err := s.fetch(r, j); err != nil {
		r.Blind()
		s.failed("begin", err, nil)
	}
	return r
}

// Len is the number of requests of contexts that are open in this process.
func (s *Store) Len() int { return int(s.open.Load()) }

// Evicted is how many rows became unread because their context was full, as far as
// this process has seen it, or because they were too long.
func (s *Store) Evicted() uint64 { return s.evicted.Load() }

// fetch tells a request what its context has read.
func (s *Store) fetch(r *readset.Request, j *journal) error {
	start := time.Now()
	var reply []any
	err := s.conns.do(s.cfg.Timeout, func(c redis.Conn) (err error) {
		reply, err = redis.Values(beginScript.Do(c, j.rows, j.times, s.bounds.Load().life))
		return err
	})
	var rows []row
	var now uint64
	if err == nil {
		rows, now, err = parseBegin(reply)
	}
	s.cfg.Meter.ContextStore("begin", time.Since(start), err != nil)
	if err != nil {
		return err
	}
	here := time.Now()
	for i := range rows {
		w := &rows[i]
		id, ok := rewrite.TableOf(w.table)
		if !ok {
			continue // of another policy, or of a table that is not guarded here
		}
		at := readset.Never
		if w.known {
			at = here.Add(-time.Duration(max(0, int64(now)-int64(w.at))) * time.Millisecond)
		}
		r.Earlier(id, w.key, w.token, at, w.alone())
	}
	return nil
}

// parseBegin reads the answer of beginScript.
func parseBegin(reply []any) (rows []row, now uint64, err error) {
	if len(reply) != 3 {
		return nil, 0, errRubbish
	}
	seconds, err1 := redis.Uint64(reply[0], nil)
	micros, err2 := redis.Uint64(reply[1], nil)
	pairs, err3 := redis.ByteSlices(reply[2], nil)
	if err1 != nil || err2 != nil || err3 != nil || len(pairs)%2 != 0 {
		return nil, 0, errRubbish
	}
	rows = make([]row, len(pairs)/2)
	for i := range rows {
		if err := rows[i].decode(pairs[2*i], pairs[2*i+1]); err != nil {
			return nil, 0, err
		}
	}
	return rows, seconds*1000 + micros/1000, nil
}
