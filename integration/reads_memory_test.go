package integration

import (
	"maps"
	"slices"
)

// memory is what a scope has read.
type memory struct {
	cells map[int]cell
	undo  []level // the transaction's beginning and its savepoints
	muted map[int]bool
}

// cell is what a scope knows of a row. But for contexts only read counts.
type cell struct {
	earlier string // what earlier requests of the context have read
	read    string // what this one has
	last    string // what it will be for later ones
	kept    string // last, without what this request has read but not written
}

type level struct {
	name   string
	before map[int]cell // of rows written since
}

func newMemory() *memory { return &memory{cells: map[int]cell{}, muted: map[int]bool{}} }

func (m *memory) expectation(id int) string {
	if c := m.cells[id]; c.earlier != "" {
		return c.earlier
	}
	return m.cells[id].read
}

// all gives every expectation.
func (m *memory) all() map[int]string {
	all := map[int]string{}
	for id := range m.cells {
		if e := m.expectation(id); e != "" {
			all[id] = e
		}
	}
	return all
}

func (m *memory) read(id int, token string) {
	c := m.cells[id]
	c.read = token
	if !m.muted[id] {
		c.last = token
	}
	m.cells[id] = c
}

// stands notes a write that has left the expectation as it was.
func (m *memory) stands(id int) {
	if n := len(m.undo); n > 0 {
		before := m.undo[n-1].before
		if _, known := before[id]; !known {
			before[id] = m.cells[id]
		}
	}
}

func (m *memory) gone(id int) {
	m.stands(id)
	m.cells[id] = cell{}
}

// wrote notes a write that was held against the expectation, or an INSERT. The
// row may have another key now.
func (m *memory) wrote(id, to int, token string) {
	c := m.cells[id]
	m.gone(id)
	m.stands(to)
	now := cell{last: token, kept: token}
	if c.earlier != "" {
		now.earlier = token
	} else {
		now.read = token
	}
	m.cells[to] = now
}

// conflict takes the request's reads of a row from later requests.
func (m *memory) conflict(id int) {
	m.muted[id] = true
	forget := func(cells map[int]cell) {
		if c, ok := cells[id]; ok {
			c.last = c.kept
			cells[id] = c
		}
	}
	forget(m.cells)
	for _, l := range m.undo {
		forget(l.before)
	}
}

// request makes what was read until now earlier.
func (m *memory) request() {
	m.muted = map[int]bool{}
	for id, c := range m.cells {
		m.cells[id] = cell{earlier: c.last, last: c.last, kept: c.last}
	}
}

func (m *memory) begin(name string) { m.undo = append(m.undo, level{name, map[int]cell{}}) }

func (m *memory) level(name string) int {
	return slices.IndexFunc(m.undo, func(l level) bool { return l.name == name })
}

// rollback makes the rows what they were before they were written since level i.
func (m *memory) rollback(i int) {
	for len(m.undo) > i {
		last := len(m.undo) - 1
		maps.Copy(m.cells, m.undo[last].before)
		m.undo = m.undo[:last]
	}
}

// commit ends the transaction. What the request has seen of rows that it wrote is
// no read of them any longer, but what it made of them.
func (m *memory) commit() {
	for _, l := range m.undo {
		for id := range l.before {
			c := m.cells[id]
			c.kept = c.last
			m.cells[id] = c
		}
	}
	m.undo = nil
}

func (m *memory) rollbackTo(name string) {
	m.rollback(m.level(name))
	m.begin(name)
}

// release removes a savepoint, and with all those after it; what was written since
// is written since the one before.
func (m *memory) release(name string, all bool) {
	i := m.level(name)
	if i < 0 {
		return
	}
	end := i + 1
	if all {
		end = len(m.undo)
	}
	for _, l := range m.undo[i:end] {
		for id, c := range l.before {
			if _, known := m.undo[i-1].before[id]; !known {
				m.undo[i-1].before[id] = c
			}
		}
	}
	m.undo = slices.Delete(m.undo, i, end)
}
