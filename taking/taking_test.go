package taking

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"testing"
	"time"

	"ifmatch/control"
	"ifmatch/ledger"
)

// books is a ledger and its keeper that note what they are told.
type books struct {
	outcomes map[uint64][]ledger.Outcome // one after the other; none: the ledger fails

	ended, released, abandoned []uint64
}

func (b *books) End(_ context.Context, ids ...uint64) error {
	b.ended = append(b.ended, ids...)
	return nil
}

func (b *books) Settle(_ context.Context, id uint64) (f ledger.Found, err error) {
	next := b.outcomes[id]
	if len(next) == 0 {
		return f, errors.New("no answer")
	}
	b.outcomes[id] = next[1:]
	f.Outcome = next[0]
	return f, nil
}

func (b *books) Release(ids ...uint64) { b.released = append(b.released, ids...) }
func (b *books) Abandon(ids ...uint64) { b.abandoned = append(b.abandoned, ids...) }

func (b *books) books() Books { return Books{b, b, slog.New(slog.NewTextHandler(io.Discard, nil))} }

// transaction is one in which the row of key 1 was given back, and those of key 2 and,
// behind the savepoint, 3 were taken.
func transaction() (h *Holder, d *Deeds) {
	h, d = &Holder{}, &Deeds{}
	rows := map[uint64]*Row{}
	for id := range uint64(3) {
		rows[id+1] = NewRow(id+1, Key{7, string(rune('0' + id + 1))}, nil)
	}
	d.Add(Deed{Row: rows[1], By: h, Gave: true})
	h.Add(rows[2])
	d.Add(Deed{Row: rows[2], By: h})
	d.Save("S")
	h.Add(rows[3])
	d.Add(Deed{Row: rows[3], By: h})
	return h, d
}

func (h *Holder) held() (ids []uint64) {
	for _, r := range h.rows {
		ids = append(ids, r.ID)
	}
	slices.Sort(ids)
	return ids
}

func TestTheEndOfATransaction(t *testing.T) {
	for _, c := range []struct {
		name                             string
		before                           func(b Books, d *Deeds)
		how                              control.Ending
		outcomes                         map[uint64][]ledger.Outcome
		held, ended, released, abandoned []uint64
	}{
		{name: "COMMIT", how: control.Committed, held: []uint64{2, 3}, ended: []uint64{1}, released: []uint64{1}},
		{name: "ROLLBACK", how: control.RolledBack, held: []uint64{1}, ended: []uint64{3, 2}, released: []uint64{3, 2}},
		{name: "ROLLBACK TO, COMMIT", before: func(b Books, d *Deeds) { b.Undo(d.BackTo("s")) }, how: control.Committed,
			held: []uint64{2}, ended: []uint64{3, 1}, released: []uint64{3, 1}},
		{name: "ROLLBACK TO a savepoint that is released, COMMIT", before: func(b Books, d *Deeds) { d.Release("s"); b.Undo(d.BackTo("s")) },
			how: control.Committed, outcomes: map[uint64][]ledger.Outcome{1: {ledger.Owned}, 2: {ledger.Owned}},
			held: []uint64{1, 2}, abandoned: []uint64{3}},
		{name: "a block, COMMIT", before: func(_ Books, d *Deeds) { d.Doubt() }, how: control.Committed,
			outcomes: map[uint64][]ledger.Outcome{1: {ledger.Over}, 2: {ledger.Busy, ledger.Owned}, 3: {ledger.Over}},
			held:     []uint64{2}, released: []uint64{1, 3}},
		{name: "who knows", how: control.Uncertain, abandoned: []uint64{1, 2, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, d := transaction()
			b := &books{outcomes: c.outcomes}
			if c.before != nil {
				c.before(b.books(), d)
			}
			deeds, sure := d.End()
			if !sure {
				c.how = control.Uncertain
			}
			b.books().Ended(deeds, c.how)
			for _, part := range []struct {
				name      string
				got, want []uint64
			}{{"held", h.held(), c.held}, {"ended", b.ended, c.ended}, {"released", b.released, c.released}, {"abandoned", b.abandoned, c.abandoned}} {
				if !slices.Equal(part.got, part.want) {
					t.Errorf("%s: %v, want %v", part.name, part.got, part.want)
				}
			}
			if left, _ := d.End(); left != nil {
				t.Errorf("%d deeds are left behind the end", len(left))
			}
		})
	}
}

func TestGave(t *testing.T) {
	_, d := transaction()
	if !d.Gave(Key{7, "1"}) || d.Gave(Key{7, "2"}) || d.Gave(Key{8, "1"}) {
		t.Error("of what was done, the row of key 1 alone was given back")
	}
}

func TestAHolderKeepsWhatWasTakenAgain(t *testing.T) {
	var h Holder
	was, now := NewRow(1, Key{7, "a"}, nil), NewRow(2, Key{7, "a"}, []string{"4"})
	h.Add(was)
	h.Add(now)
	h.Remove(was)
	if h.Find(Key{7, "a"}) != now || !h.HoldsAny(7) || h.HoldsAny(8) {
		t.Error("the end of the first taking was the second one's too")
	}
}

func TestContextsThatAreNotUsed(t *testing.T) {
	var all Contexts
	if all.Holder("u", "none", false) != nil {
		t.Error("a context is there before it is made")
	}
	all.Holder("u", "empty", true)
	holds := all.Holder("u", "holds", true)
	holds.Add(NewRow(1, Key{7, "a"}, nil))
	holds.Use(time.Hour)
	forever := all.Holder("u", "forever", true)
	forever.Add(NewRow(2, Key{7, "b"}, nil))
	if ids := all.Aged(time.Now().Add(2 * unused)); ids != nil || all.Holder("u", "empty", false) != nil || all.Holder("u", "holds", false) != holds {
		t.Errorf("after two minutes the one that holds nothing goes, and it alone: %v", ids)
	}
	if ids := all.Aged(time.Now().Add(2 * time.Hour)); !slices.Equal(ids, []uint64{1}) || all.Holder("u", "forever", false) != forever {
		t.Errorf("after read_ttl its rows go back: %v", ids)
	}
}

// A context that holds nothing is forgotten after a while. A transaction that has
// given its row back may last longer: where it is rolled back, the context holds the
// row again, or nobody could give it back any more.
func TestAHolderOutlivesItsContext(t *testing.T) {
	key := Key{Table: 1, Form: "a"}
	row := NewRow(7, key, nil)
	for _, c := range []struct {
		what  string
		again bool // the context is used meanwhile
	}{
		{"nobody has used the context since", false},
		{"the context has a new holder", true},
	} {
		var all Contexts
		before := all.Holder("app", "page", true)
		before.idle = time.Hour
		before.Add(row)
		before.Remove(row) // given back, in a transaction that is open
		if ids := all.Aged(time.Now().Add(2 * time.Minute)); len(ids) > 0 {
			t.Errorf("%s: %v are abandoned, which were given back", c.what, ids)
		}
		if all.Holder("app", "page", false) != nil {
			t.Fatalf("%s: the context is not forgotten", c.what)
		}
		if c.again {
			all.Holder("app", "page", true)
		}
		before.Add(row) // rolled back
		after := all.Holder("app", "page", false)
		if after == nil || after.Find(key) != row {
			t.Fatalf("%s: the context does not hold its row", c.what)
		}
		if after.idle != time.Hour {
			t.Errorf("%s: it is taken for dead after %v, want 1h", c.what, after.idle)
		}
		before.Remove(row)
		if after.Find(key) != nil {
			t.Errorf("%s: the context holds a row that was taken back from it", c.what)
		}
		before.Add(row)
		if ids := all.Aged(time.Now().Add(2 * time.Hour)); len(ids) != 1 || ids[0] != row.ID {
			t.Errorf("%s: when it is not used any longer %v are abandoned, want [7]", c.what, ids)
		}
	}
}
