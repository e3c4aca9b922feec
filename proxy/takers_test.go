package proxy

import (
	"testing"
	"time"
)

// A context that holds nothing is forgotten after a while. A transaction that has
// given its row back may last longer: where it is rolled back, the context holds the
// row again, or nobody could give it back any more.
func TestTakerOutlivesItsContext(t *testing.T) {
	id := takenID{table: 1, form: "a"}
	row := &taking{id: 7, table: id.table, form: id.form}
	for _, c := range []struct {
		what  string
		again bool // the context is used meanwhile
	}{
		{"nobody has used the context since", false},
		{"the context has a new taker", true},
	} {
		var all takers
		before := all.context("app", "page", true)
		before.idle = time.Hour
		before.add(row)
		before.remove(row) // given back, in a transaction that is open
		if ids := all.aged(time.Now().Add(2 * time.Minute)); len(ids) > 0 {
			t.Errorf("%s: %v are abandoned, which were given back", c.what, ids)
		}
		if all.context("app", "page", false) != nil {
			t.Fatalf("%s: the context is not forgotten", c.what)
		}
		if c.again {
			all.context("app", "page", true)
		}
		before.add(row) // rolled back
		after := all.context("app", "page", false)
		if after == nil || after.find(id) != row {
			t.Fatalf("%s: the context does not hold its row", c.what)
		}
		if after.idle != time.Hour {
			t.Errorf("%s: it is taken for dead after %v, want 1h", c.what, after.idle)
		}
		before.remove(row)
		if after.find(id) != nil {
			t.Errorf("%s: the context holds a row that was taken back from it", c.what)
		}
		before.add(row)
		if ids := all.aged(time.Now().Add(2 * time.Hour)); len(ids) != 1 || ids[0] != row.id {
			t.Errorf("%s: when it is not used any longer %v are abandoned, want [7]", c.what, ids)
		}
	}
}
