package taking

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"ifmatch/control"
	"ifmatch/ledger"
)

const (
	// Timeout bounds a change of the ledger that a statement waits for.
	Timeout = 5 * time.Second
	// settleTries and settlePause bound how long the end of a transaction whose fate
	// is not proved waits for its rows' locks.
	settleTries = 20
	settlePause = 50 * time.Millisecond
)

// Ledger is what is asked of a [ledger.Ledger] when takings end.
type Ledger interface {
	End(ctx context.Context, ids ...uint64) error
	Settle(ctx context.Context, id uint64) (ledger.Found, error)
}

// Keeper is what is asked of a [ledger.Keeper] then.
type Keeper interface {
	Release(ids ...uint64)
	Abandon(ids ...uint64)
}

// Books are where takings are written down beside their holders. What cannot be written
// is logged, and made good when leases run out.
type Books struct {
	Ledger Ledger
	Keeper Keeper
	Log    *slog.Logger
}

// Ended takes over that the transaction in which deeds were done has ended.
func (b Books) Ended(deeds []Deed, how control.Ending) {
	switch how {
	case control.Uncertain:
		b.Settle(deeds)
	case control.RolledBack:
		b.Undo(deeds)
	default:
		var over []uint64
		for _, d := range deeds {
			if d.Gave {
				over = append(over, d.ID)
			}
		}
		b.End(over)
	}
}

// Undo takes back what was done and what the server has undone.
func (b Books) Undo(deeds []Deed) {
	var over []uint64
	for _, d := range slices.Backward(deeds) {
		if d.Gave {
			d.By.Add(d.Row)
			continue
		}
		d.By.Remove(d.Row)
		over = append(over, d.ID)
	}
	b.End(over)
}

// End ends takings in the ledger. Where that fails they end when their leases have run
// out: their rows are not taken.
func (b Books) End(ids []uint64) {
	if len(ids) == 0 {
		return
	}
	b.Keeper.Release(ids...)
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	if err := b.Ledger.End(ctx, ids...); err != nil {
		b.Log.Warn("takings that are over are still in the ledger, until their leases have run out", "rows", len(ids), "error", err)
	}
}

// Settle asks what has become of what a transaction did whose fate is not proved.
func (b Books) Settle(deeds []Deed) {
	asked := map[uint64]bool{}
	for _, d := range deeds {
		d.By.Remove(d.Row)
		if asked[d.ID] {
			continue
		}
		asked[d.ID] = true
		if b.owned(d.ID) {
			d.By.Add(d.Row)
		}
	}
}

// owned asks whether a row is taken as the ledger has it. Where that cannot be found out
// it goes back when its lease has run out.
func (b Books) owned(id uint64) bool {
	ctx, cancel := context.WithTimeout(context.Background(), Timeout)
	defer cancel()
	for range settleTries {
		f, err := b.Ledger.Settle(ctx, id)
		if err != nil {
			b.Log.Warn("it cannot be found out whether a row is taken", "taking", id, "error", err)
			break
		}
		if f.Outcome != ledger.Busy {
			owned := f.Outcome == ledger.Owned
			if !owned {
				b.Keeper.Release(id)
			}
			return owned
		}
		time.Sleep(settlePause)
	}
	b.Keeper.Abandon(id)
	return false
}
