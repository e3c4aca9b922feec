package observe

import (
	"slices"
	"strings"
	"time"

	"ifmatch/control"
	"ifmatch/rewrite"
)

// Writes are the observed rows that a session has written. The zero value has none. What an open transaction has written cannot be seen on another
// connection; its tokens are read when it is committed.
type Writes struct {
	wrote []written     // by the open transaction
	index map[rowID]int // of wrote
	marks []mark        // savepoints
	due   []written     // written and committed, and not read again yet

	// blind says since when the reads of a table count: before, the session has
	// written rows of it that are not known. It is zero while such a write is in
	// the open transaction.
	blind map[uint32]time.Time
}

// rowID names an observed row by the ID of its table's twin and its key in the
// form of a read set.
type rowID struct {
	table uint32
	key   string
}

// written is an observed row that the session has written.
type written struct {
	rowID
	twin *rewrite.Table
	left Left
}

// Left is what a write has left of what the scope knows of its row. Of two writes to a row
// the greater counts.
type Left uint8

// What a write may leave.
const (
	Unread Left = iota // it is not known what the row is now
	Stale              // the row is not as the scope believes, and that stands
	Read               // the scope knows the row as the write has left it
)

// mark is a savepoint.
type mark struct {
	name string
	rows int // written before it
}

// maxWritten bounds the rows that one transaction has written and that are
// known one by one.
const maxWritten = MaxRows

// Has reports whether the open transaction has written a row.
func (w *Writes) Has(twin *rewrite.Table, key []byte) bool {
	_, found := w.index[rowID{twin.ID, string(key)}]
	return found
}

// Sees notes that the open transaction has read a row that it had written. It is
// false for any other row.
func (w *Writes) Sees(twin *rewrite.Table, key []byte) bool {
	i, found := w.index[rowID{twin.ID, string(key)}]
	if found {
		w.wrote[i].left = Read
	}
	return found
}

// Wrote notes a row that the session has written, in a transaction that is open or by
// itself.
func (w *Writes) Wrote(twin *rewrite.Table, key []byte, left Left, open bool) {
	row := written{rowID{twin.ID, string(key)}, twin, left}
	if !open {
		w.due = append(w.due, row)
		return
	}
	if i, found := w.index[row.rowID]; found {
		w.wrote[i].left = max(w.wrote[i].left, left)
		return
	}
	if len(w.wrote) == maxWritten {
		w.Lose(twin, open)
		return
	}
	if w.index == nil {
		w.index = map[rowID]int{}
	}
	w.index[row.rowID] = len(w.wrote)
	w.wrote = append(w.wrote, row)
}

// Lose notes that the session has written rows of a table that are not known.
func (w *Writes) Lose(twin *rewrite.Table, open bool) {
	if w.blind == nil {
		w.blind = map[uint32]time.Time{}
	}
	w.blind[twin.ID] = time.Time{}
	if !open {
		w.blind[twin.ID] = time.Now()
	}
}

// Counts reports whether a read of a table at that time counts.
func (w *Writes) Counts(twin *rewrite.Table, at time.Time) bool {
	since, found := w.blind[twin.ID]
	return !found || !since.IsZero() && at.After(since)
}

// maxMarks bounds the savepoints that are known. One that is not known takes back
// what the transaction has written.
const maxMarks = 1000

// Save notes a savepoint; one of the same name gives way, or else the oldest where
// there are too many.
func (w *Writes) Save(name string) {
	w.marks = slices.DeleteFunc(w.marks, func(m mark) bool { return strings.EqualFold(m.name, name) })
	if len(w.marks) == maxMarks {
		w.marks = slices.Delete(w.marks, 0, 1)
	}
	w.marks = append(w.marks, mark{name, len(w.wrote)})
}

// BackTo takes back what was written since a savepoint.
func (w *Writes) BackTo(name string) {
	for i := len(w.marks) - 1; i >= 0; i-- {
		if !strings.EqualFold(w.marks[i].name, name) {
			continue
		}
		for _, row := range w.wrote[w.marks[i].rows:] {
			delete(w.index, row.rowID)
		}
		w.wrote, w.marks = w.wrote[:w.marks[i].rows], w.marks[:i+1]
		return
	}
	for _, row := range w.wrote {
		w.Lose(row.twin, true)
	}
}

// End ends the transaction: what it has committed is due to be read again.
func (w *Writes) End(how control.Ending) {
	switch how {
	case control.Committed:
		w.due = append(w.due, w.wrote...)
	case control.Uncertain:
		for _, row := range w.wrote {
			row.left = Unread
			w.due = append(w.due, row)
		}
	}
	clear(w.index)
	w.wrote, w.marks = w.wrote[:0], w.marks[:0]
	for id, since := range w.blind {
		if since.IsZero() {
			w.blind[id] = time.Now()
		}
	}
}

// Written is a row that is due to be read again.
type Written struct {
	Key  []byte // in the form of a read set
	Left Left
}

// Due reports whether any rows are due to be read again.
func (w *Writes) Due() bool { return len(w.due) > 0 }

// TakeDue gives the rows of one table that are due, as many as are read at once. They are
// not due any longer.
func (w *Writes) TakeDue() (twin *rewrite.Table, rows []Written) {
	rest := w.due[:0]
	for _, row := range w.due {
		if twin == nil {
			twin = row.twin
		}
		if row.table != twin.ID || len(rows) == MaxRows {
			rest = append(rest, row)
			continue
		}
		rows = append(rows, Written{[]byte(row.key), row.left})
	}
	w.due = rest
	return twin, rows
}
