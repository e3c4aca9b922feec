package observe

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"ifmatch/control"
	"ifmatch/rewrite"
)

// takeAll takes out all that is due, as key and what is left.
func (w *Writes) takeAll() (all []string) {
	for w.Due() {
		twin, rows := w.TakeDue()
		for _, row := range rows {
			all = append(all, fmt.Sprintf("%d %s %d", twin.ID, row.Key, row.Left))
		}
	}
	return all
}

func TestWhatIsDue(t *testing.T) {
	one, two := &rewrite.Table{ID: 1}, &rewrite.Table{ID: 2}
	begun := func(w *Writes) {
		w.Wrote(one, []byte("a"), Read, true)
		w.Save("s")
		w.Wrote(two, []byte("a"), Read, true)
		w.Wrote(one, []byte("b"), Stale, true)
	}
	for _, c := range []struct {
		name string
		do   func(w *Writes)
		want []string
	}{
		{"a write by itself is due at once", func(w *Writes) { w.Wrote(one, []byte("a"), Stale, false) }, []string{"1 a 1"}},
		{"one in a transaction is not", begun, nil},
		{"COMMIT, table by table", func(w *Writes) { begun(w); w.End(control.Committed) }, []string{"1 a 2", "1 b 1", "2 a 2"}},
		{"ROLLBACK", func(w *Writes) { begun(w); w.End(control.RolledBack) }, nil},
		{"who knows", func(w *Writes) { begun(w); w.End(control.Uncertain) }, []string{"1 a 0", "1 b 0", "2 a 0"}},
		{"ROLLBACK TO", func(w *Writes) { begun(w); w.BackTo("S"); w.End(control.Committed) }, []string{"1 a 2"}},
		{"two writes to a row", func(w *Writes) { begun(w); w.Wrote(one, []byte("a"), Unread, true); w.End(control.Committed) }, []string{"1 a 2", "1 b 1", "2 a 2"}},
		{"a row that is read after its write", func(w *Writes) { begun(w); w.Sees(one, []byte("b")); w.End(control.Committed) }, []string{"1 a 2", "1 b 2", "2 a 2"}},
	} {
		var w Writes
		if c.do(&w); !slices.Equal(w.takeAll(), c.want) {
			var again Writes
			c.do(&again)
			t.Errorf("%s: %q, want %q", c.name, again.takeAll(), c.want)
		}
		w.End(control.RolledBack)
		if w.End(control.Committed); w.Due() {
			t.Errorf("%s: the next transaction has written something", c.name)
		}
	}
}

// What a transaction has written and nobody knows makes the reads of its table count
// again only when it is over.
func TestReadsThatCount(t *testing.T) {
	var w Writes
	one, two := &rewrite.Table{ID: 1}, &rewrite.Table{ID: 2}
	w.Lose(one, true)
	if w.Counts(one, time.Now()) || !w.Counts(two, time.Now()) {
		t.Error("within the transaction")
	}
	w.End(control.RolledBack)
	if w.Counts(one, time.Now().Add(-time.Second)) || !w.Counts(one, time.Now().Add(time.Second)) {
		t.Error("behind it")
	}
	for i := range maxWritten + 1 {
		w.Wrote(two, []byte{byte(i), byte(i >> 8)}, Read, true)
	}
	if w.Counts(two, time.Now()) || len(w.wrote) != maxWritten {
		t.Error("more rows than are known one by one")
	}
	w.BackTo("a savepoint that is not known")
	if w.Counts(two, time.Now()) {
		t.Error("it is not known how much was taken back")
	}
}
