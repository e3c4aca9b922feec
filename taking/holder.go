package taking

import (
	"sync"
	"sync/atomic"
	"time"
)

// Key names a row of any table: by the table's ID and the key in the form of a read set.
type Key struct {
	Table uint32
	Form  string
}

// A Row is a row that is taken. Those who act for the same context share it.
type Row struct {
	Key
	ID uint64 // in the ledger

	versions atomic.Pointer[[]string]
}

// NewRow gives a row that has just been taken, by its number in the ledger.
func NewRow(id uint64, key Key, versions []string) *Row {
	r := &Row{Key: key, ID: id}
	r.SetVersions(versions)
	return r
}

// Versions gives those that the taker has given the row, or may have, as the ledger has
// them. They are not to be changed.
func (r *Row) Versions() []string { return *r.versions.Load() }

// SetVersions says which these are.
func (r *Row) SetVersions(versions []string) { r.versions.Store(&versions) }

// A Holder is a session, or a context, that takes rows. Its zero value holds none.
type Holder struct {
	Name string // for people

	home *Contexts // of a context
	key  [2]string // its user and name

	mu      sync.Mutex
	rows    map[Key]*Row
	used    time.Time     // when a context took part in a statement last
	idle    time.Duration // after how long without use a context is taken for dead
	dropped bool          // its context has another holder now, or none
}

// HoldsAny reports whether a row of the table is taken.
func (h *Holder) HoldsAny(table uint32) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for key := range h.rows {
		if key.Table == table {
			return true
		}
	}
	return false
}

// Find gives the row of a key, nil where it is not taken.
func (h *Holder) Find(key Key) *Row {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rows[key]
}

// Add notes a row that is taken from now on. A transaction may last longer than the
// holder of a context that holds nothing: what it takes then, or takes again when it is
// rolled back, is held by the holder that the context has by now.
func (h *Holder) Add(r *Row) {
	h.mu.Lock()
	if !h.dropped {
		defer h.mu.Unlock()
		if h.rows == nil {
			h.rows = map[Key]*Row{}
		}
		h.rows[r.Key] = r
		return
	}
	idle := h.idle
	h.mu.Unlock()
	now := h.home.Holder(h.key[0], h.key[1], true)
	now.mu.Lock()
	now.idle = max(now.idle, idle)
	now.mu.Unlock()
	now.Add(r)
}

// Remove notes that a row is not taken any longer, unless it has been taken again since.
func (h *Holder) Remove(r *Row) {
	h.mu.Lock()
	if h.dropped {
		h.mu.Unlock()
		if now := h.home.Holder(h.key[0], h.key[1], false); now != nil {
			now.Remove(r)
		}
		return
	}
	defer h.mu.Unlock()
	if h.rows[r.Key] == r {
		delete(h.rows, r.Key)
	}
}

// Use notes that a context takes rows now, and after how long without use it is taken
// for dead; 0 for never.
func (h *Holder) Use(idle time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.used, h.idle = time.Now(), idle
}

// Empty takes all rows from the holder and gives their numbers in the ledger.
func (h *Holder) Empty() (ids []uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.empty()
}

// empty is Empty, with the lock held.
func (h *Holder) empty() (ids []uint64) {
	for _, r := range h.rows {
		ids = append(ids, r.ID)
	}
	h.rows = nil
	return ids
}

// Contexts are the named contexts that have taken rows. The zero value has none.
type Contexts struct {
	mu  sync.Mutex
	all map[[2]string]*Holder // by user and name
}

// unused is after how long a context that holds nothing is forgotten.
const unused = time.Minute

// Holder gives the holder of a context's rows, and notes that it is in use. With create it
// is made where it is not there yet; else it is nil then.
func (c *Contexts) Holder(user, name string, create bool) *Holder {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := [2]string{user, name}
	h := c.all[key]
	if h == nil && create {
		if c.all == nil {
			c.all = map[[2]string]*Holder{}
		}
		h = &Holder{Name: "context " + name + " of " + user, home: c, key: key}
		c.all[key] = h
	}
	if h != nil {
		h.mu.Lock()
		h.used = time.Now()
		h.mu.Unlock()
	}
	return h
}

// Aged takes out the contexts that have not been used for long, and those that hold
// nothing, and gives the numbers of what they have held.
func (c *Contexts) Aged(now time.Time) (ids []uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, h := range c.all {
		h.mu.Lock()
		idle, empty := now.Sub(h.used), len(h.rows) == 0
		if h.dropped = h.idle > 0 && idle > h.idle || empty && idle > unused; h.dropped {
			ids = append(ids, h.empty()...)
			delete(c.all, key)
		}
		h.mu.Unlock()
	}
	return ids
}
