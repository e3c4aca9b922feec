// Package stress makes read-modify-write load on a MySQL server, or on a proxy
// in front of it, and says how many of the updates that were acknowledged are
// not in the data afterwards: the lost ones.
//
// Each update adds one to an integer of a row. So the sum of what was
// acknowledged for a row has to be the difference between its last value and its
// first one, whatever the server's answers have said on the way.
package stress

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Mode is the way in which a client updates a row.
type Mode string

// The modes.
const (
	// Forms reads a row and saves it with one added, each in a transaction of
	// its own, as a web form does.
	Forms Mode = "forms"
	// Transactions does the same within one transaction, with a plain read.
	Transactions Mode = "transactions"
	// Relative lets the server add one: UPDATE … SET n = n + 1.
	Relative Mode = "relative"
)

// modes are all of them.
var modes = []Mode{Forms, Transactions, Relative}

// Config says what load is made.
type Config struct {
	Target   *Target
	Clients  int           // connections that make load
	Keys     int           // rows that they share; the fewer, the more they meet
	For      time.Duration // how long
	Mode     Mode
	Prepared bool          // statements are prepared, else they have their values in the text
	Think    time.Duration // between the read and the write of an update
	Retries  int           // of an update that met a conflict; -1 for as many as it takes
	// Progress is called twice a second while load is made; nil for nobody.
	Progress func(Live)
}

// Limits of the load.
const (
	MaxClients = 10_000
	MaxKeys    = 100_000
)

// Check says what is wrong with the numbers of c.
func (c *Config) Check() error {
	switch {
	case c.Clients < 1 || c.Clients > MaxClients:
		return fmt.Errorf("--clients is %d, it has to be 1 to %d", c.Clients, MaxClients)
	case c.Keys < 1 || c.Keys > MaxKeys:
		return fmt.Errorf("--keys is %d, it has to be 1 to %d", c.Keys, MaxKeys)
	case c.For <= 0:
		return fmt.Errorf("--for is %s, it has to be more than 0", c.For)
	case c.Think < 0:
		return fmt.Errorf("--think is %s, it cannot be less than 0", c.Think)
	case c.Retries < -1:
		return fmt.Errorf("--retries is %d, it has to be -1 (no limit), 0 or more", c.Retries)
	}
	for _, m := range modes {
		if c.Mode == m {
			return nil
		}
	}
	return fmt.Errorf("--mode is %q, there are forms, transactions and relative", c.Mode)
}

// Live is what is known while load is made.
type Live struct {
	Since        time.Duration // the first client began
	For          time.Duration // that load is made
	Acknowledged int64
	Conflicting  int64
}

// progressEvery is the time between two calls of Config.Progress.
const progressEvery = 500 * time.Millisecond

// load is one run.
type load struct {
	Config
	db    *sql.DB
	table *table
	stop  context.CancelCauseFunc // ends the load before its time

	acknowledged, conflicting atomic.Int64 // for Live
}

// Run makes load until its time is over or ctx is done, and then holds what was
// acknowledged against the data. An error says that there was no run; what went
// wrong in one is in its result.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	db, err := cfg.Target.open(cfg.Prepared)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	db.SetMaxOpenConns(cfg.Clients + 2)
	db.SetMaxIdleConns(cfg.Clients + 2)
	t, err := openTable(ctx, db, cfg.Target, cfg.Keys)
	if err != nil {
		return nil, err
	}
	defer t.release()
	guard, err := guardOf(ctx, db, t)
	if err != nil {
		return nil, err
	}

	l := &load{Config: cfg, db: db, table: t}
	clients, err := l.clients(ctx)
	if err != nil {
		return nil, err
	}
	timed, over := context.WithTimeout(ctx, cfg.For)
	defer over()
	timed, l.stop = context.WithCancelCause(timed)
	defer l.stop(nil)
	began := time.Now()
	var wait sync.WaitGroup
	for _, c := range clients {
		wait.Go(func() { c.work(timed) })
	}
	ended := make(chan struct{})
	go func() {
		wait.Wait()
		close(ended)
	}()
	l.watch(began, ended)
	took := time.Since(began)

	result := &Result{Address: cfg.Target.Address(), Table: t.String(), Guard: guard, Mode: cfg.Mode, Prepared: cfg.Prepared,
		Clients: cfg.Clients, Keys: len(t.keys), Seconds: took.Seconds(), Interrupted: ctx.Err() != nil}
	for _, c := range clients {
		result.add(c)
	}
	result.finish(took)
	if cause := context.Cause(timed); cause != nil && !errors.Is(cause, context.DeadlineExceeded) && !errors.Is(cause, context.Canceled) {
		result.Error = cause.Error()
	}
	if err := l.settle(result, clients); err != nil {
		result.Error = err.Error()
	}
	return result, nil
}

// clients makes the clients and connects them, a few at a time.
func (l *load) clients(ctx context.Context) ([]*client, error) {
	const atOnce = 16
	slots := make(chan struct{}, atOnce)
	clients, errs := make([]*client, l.Clients), make([]error, l.Clients)
	seed := uint64(time.Now().UnixNano())
	var wait sync.WaitGroup
	for i := range clients {
		clients[i] = newClient(l, rand.New(rand.NewPCG(seed, uint64(i))))
		wait.Go(func() {
			slots <- struct{}{}
			errs[i] = clients[i].connect(ctx)
			<-slots
		})
	}
	wait.Wait()
	for i, err := range errs {
		if err != nil {
			for _, c := range clients {
				c.disconnect()
			}
			return nil, fmt.Errorf("connect client %d of %d: %w", i+1, len(clients), err)
		}
	}
	return clients, nil
}

// watch tells the progress until the clients have ended.
func (l *load) watch(began time.Time, ended <-chan struct{}) {
	tell := func() {
		if l.Progress != nil {
			l.Progress(Live{time.Since(began), l.For, l.acknowledged.Load(), l.conflicting.Load()})
		}
	}
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			tell()
		case <-ended:
			tell()
			return
		}
	}
}

// settleWithin bounds reading the rows after the load.
const settleWithin = time.Minute

// settle holds what the clients were told against the rows. It does so after an
// interrupt, too.
func (l *load) settle(r *Result, clients []*client) error {
	ctx, cancel := context.WithTimeout(context.Background(), settleWithin)
	defer cancel()
	last, err := l.table.valuesInTheEnd(ctx, l.db)
	if err != nil {
		return fmt.Errorf("the rows cannot be read after the load, so it is not known what is lost: %w", err)
	}
	for i := range l.table.keys {
		var acknowledged, unknown int64
		for _, c := range clients {
			acknowledged += c.acknowledged[i]
			unknown += c.unknown[i]
		}
		added := last[i] - l.table.first[i]
		r.Added += added
		r.Lost += max(acknowledged-added, 0)
		r.Unexplained += max(added-acknowledged-unknown, 0)
	}
	r.settled = true
	if r.Error == "" && r.Acknowledged == 0 {
		return errors.New("no update was acknowledged, so nothing is proved")
	}
	return nil
}
