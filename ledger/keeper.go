package ledger

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Times of a Keeper.
const (
	// SweepEvery is how often a keeper looks for leases that have run out.
	SweepEvery = time.Second
	// sweepAgain is after how long it looks again at a row that was locked, at first.
	sweepAgain = 50 * time.Millisecond
	// renewals is how often a lease is renewed while it runs.
	renewals = 4
	// patience bounds one round of a keeper's work.
	patience = 10 * time.Second
	// failedAgain is after how long a taking is looked at again whose undoing failed.
	failedAgain = 10 * time.Second
	// sweepSize is how many takings a keeper looks at in one round.
	sweepSize = 200
)

// Keeper renews the leases of the takings that this process holds, and undoes
// those, of whatever process, whose lease has run out.
type Keeper struct {
	ledger *Ledger
	log    *slog.Logger
	count  func(Found)
	also   func() // called with every round

	mu     sync.Mutex
	held   map[uint64]time.Duration // leases by number
	failed map[uint64]time.Time     // when a taking whose undoing failed may be tried again
	owed   map[uint64]bool          // to be abandoned, once the ledger can be reached

	kick, renew chan struct{}
	stop        context.CancelFunc
	done        sync.WaitGroup
}

// NewKeeper returns a keeper that works until Close. It tells count what it has
// found of takings, and calls also about every second.
func NewKeeper(l *Ledger, log *slog.Logger, count func(Found), also func()) *Keeper {
	ctx, stop := context.WithCancel(context.Background())
	k := &Keeper{ledger: l, log: log, count: count, also: also, held: map[uint64]time.Duration{}, failed: map[uint64]time.Time{}, owed: map[uint64]bool{},
		kick: make(chan struct{}, 1), renew: make(chan struct{}, 1), stop: stop}
	k.done.Go(func() { k.renewing(ctx) })
	k.done.Go(func() { k.sweeping(ctx) })
	return k
}

// Hold has the lease of a taking renewed from now on.
func (k *Keeper) Hold(id uint64, lease time.Duration) {
	k.mu.Lock()
	k.held[id] = lease
	k.mu.Unlock()
	wake(k.renew)
}

// Release leaves the lease of a taking alone.
func (k *Keeper) Release(ids ...uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range ids {
		delete(k.held, id)
	}
}

// Held is how many takings are held.
func (k *Keeper) Held() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.held)
}

// Abandon has takings undone as soon as the ledger can be reached and their rows are
// not locked.
func (k *Keeper) Abandon(ids ...uint64) {
	if len(ids) == 0 {
		return
	}
	k.mu.Lock()
	for _, id := range ids {
		delete(k.held, id)
		k.owed[id] = true
	}
	k.mu.Unlock()
	wake(k.kick)
}

// abandon ends the leases of what is to be abandoned.
func (k *Keeper) abandon(ctx context.Context) {
	k.mu.Lock()
	ids := slices.Collect(maps.Keys(k.owed))
	k.mu.Unlock()
	if len(ids) == 0 {
		return
	}
	if err := k.ledger.Abandon(ctx, ids); err != nil {
		k.log.Debug("leases cannot be ended", "rows", len(ids), "error", err)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range ids {
		delete(k.owed, id)
	}
}

// Close abandons what is held, and has it undone as far as ctx allows.
func (k *Keeper) Close(ctx context.Context) {
	k.mu.Lock()
	var ids []uint64
	for id := range k.held {
		ids = append(ids, id)
	}
	k.mu.Unlock()
	k.Abandon(ids...)
	for k.sweep(ctx) && sleep(ctx, sweepAgain, nil) {
	}
	k.stop()
	k.done.Wait()
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// sleep waits for d, or until it is woken. It is false where ctx is done.
func sleep(ctx context.Context, d time.Duration, woken <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-woken:
	case <-ctx.Done():
		return false
	}
	return true
}

// renewing renews leases.
func (k *Keeper) renewing(ctx context.Context) {
	last, lame := time.Now(), false
	for {
		ids, shortest := k.leases()
		wait := time.Until(last.Add(shortest / renewals))
		if len(ids) == 0 {
			wait = time.Hour
		}
		if wait > 0 {
			if !sleep(ctx, wait, k.renew) {
				return
			}
			continue
		}
		last = time.Now()
		one, cancel := context.WithTimeout(ctx, min(patience, max(shortest/2, time.Second)))
		err := k.ledger.Renew(one, ids)
		cancel()
		k.renewed(ids)
		if err != nil && !lame {
			k.log.Warn("leases cannot be renewed", "rows", len(ids), "error", err)
		}
		if lame = err != nil; lame && !sleep(ctx, min(shortest/renewals, time.Second), nil) {
			return
		}
	}
}

// renewed has the leases ended of takings that were let go while they were renewed: that
// they had ended may have come before.
func (k *Keeper) renewed(ids []uint64) {
	k.mu.Lock()
	for _, id := range ids {
		if _, held := k.held[id]; !held {
			k.owed[id] = true
		}
	}
	owes := len(k.owed) > 0
	k.mu.Unlock()
	if owes {
		wake(k.kick)
	}
}

// leases gives what is held, and the shortest lease.
func (k *Keeper) leases() (ids []uint64, shortest time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, lease := range k.held {
		ids = append(ids, id)
		if shortest == 0 || lease < shortest {
			shortest = lease
		}
	}
	return ids, shortest
}

// sweeping undoes takings.
func (k *Keeper) sweeping(ctx context.Context) {
	wait, locked := SweepEvery, sweepAgain
	for sleep(ctx, wait, k.kick) {
		one, cancel := context.WithTimeout(ctx, patience)
		again := k.sweep(one)
		cancel()
		if wait = SweepEvery; again {
			wait, locked = locked, min(2*locked, SweepEvery) // a transaction may hold a row for long
		} else {
			locked = sweepAgain
		}
		if k.also != nil {
			k.also()
		}
	}
}

// sweep looks at takings whose leases have run out. again is whether it should soon
// be done again: a row was locked, or there were more.
func (k *Keeper) sweep(ctx context.Context) (again bool) {
	k.abandon(ctx)
	ids, err := k.ledger.Due(ctx, sweepSize)
	if err != nil {
		k.log.Debug("the ledger cannot be read", "error", err)
		return false
	}
	// Proxies that look at the same moment should not all be at the same row.
	rand.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	now := time.Now()
	k.mu.Lock()
	for id, at := range k.failed {
		if now.After(at.Add(failedAgain)) {
			delete(k.failed, id) // it was undone by somebody else
		}
	}
	k.mu.Unlock()
	for _, id := range ids {
		k.mu.Lock()
		_, held := k.held[id]
		wait := now.Before(k.failed[id])
		k.mu.Unlock()
		if held || wait || ctx.Err() != nil {
			continue // what is held is about to be renewed
		}
		f, err := k.ledger.Undo(ctx, id, false)
		switch {
		case err != nil:
			k.fail(id, err)
		case f.Outcome == Busy:
			again = true
		default:
			k.report(f)
		}
	}
	return again || len(ids) == sweepSize
}

// fail puts off what could not be undone.
func (k *Keeper) fail(id uint64, err error) {
	k.mu.Lock()
	_, known := k.failed[id]
	k.failed[id] = time.Now().Add(failedAgain)
	k.mu.Unlock()
	level := slog.LevelWarn
	if known {
		level = slog.LevelDebug
	}
	k.log.Log(context.Background(), level, "a taking cannot be undone", "taking", id, "error", err)
}

// report logs and counts what was found of a taking.
func (k *Keeper) report(f Found) {
	args := []any{"table", f.Record.Schema + "." + f.Record.Table, "key", f.Record.Text, "taking", f.Record.ID, "taker", f.Record.Taker, "proxy", f.Record.Proxy}
	switch f.Outcome {
	case Restored:
		k.log.Info("a row that was abandoned has its status of before again", args...)
	case Removed:
		k.log.Info("a row that was inserted as pending and abandoned is deleted", args...)
	case Over:
		k.log.Debug("a taking had come to nothing, or was over", args...)
	case Kept:
		if f.First {
			k.log.Warn("a row was abandoned and stays as it is, as the policy has it", args...)
		}
	case Changed:
		if f.First {
			k.log.Warn("a row that was abandoned has been changed around the proxy, and is left alone", args...)
		}
	default:
		return
	}
	if k.count != nil && (f.First || f.Outcome != Kept && f.Outcome != Changed) {
		k.count(f)
	}
}
