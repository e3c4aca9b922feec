package readset

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

// model is a read set as the package's documentation tells it, by full copies:
// one for each savepoint, and one for the beginning.
type model struct {
	limit   int
	rows    map[modelRow]modelRead
	levels  []modelLevel // none outside a transaction
	evicted uint64
	step    int
}

type modelRow struct {
	table uint32
	key   string
}

type modelRead struct {
	token string
	at    time.Time
}

// modelLevel is what a rollback to a savepoint makes of the rows in wrote.
type modelLevel struct {
	savepoint string
	before    map[modelRow]modelRead
	wrote     map[modelRow]int // the step of the first write
	since     int              // the step of the savepoint
}

// happen lets something befall a row that no rollback undoes, unless the row
// was written before.
func (m *model) happen(row modelRow, befall func(map[modelRow]modelRead)) {
	befall(m.rows)
	for _, l := range slices.Backward(m.levels) {
		if l.wrote[row] > 0 {
			break
		}
		befall(l.before)
	}
}

func (m *model) read(row modelRow, r modelRead) {
	m.happen(row, func(rows map[modelRow]modelRead) { rows[row] = r })
	m.trim()
}

func (m *model) wrote(row modelRow, r modelRead, expected bool) {
	m.touched(row)
	delete(m.rows, row)
	if expected {
		m.rows[row] = r
	}
	m.trim()
}

func (m *model) touched(row modelRow) {
	for _, l := range m.levels {
		if l.wrote[row] == 0 {
			l.wrote[row] = m.step
		}
	}
}

func (m *model) trim() {
	for len(m.rows) > m.limit {
		oldest := slices.MinFunc(slices.Collect(maps.Keys(m.rows)), func(a, b modelRow) int { return m.rows[a].at.Compare(m.rows[b].at) })
		m.happen(oldest, func(rows map[modelRow]modelRead) { delete(rows, oldest) })
		m.evicted++
	}
}

func (m *model) push(name string) {
	m.levels = append(m.levels, modelLevel{name, maps.Clone(m.rows), map[modelRow]int{}, m.step})
}

func (m *model) level(name string) int {
	return slices.IndexFunc(m.levels, func(l modelLevel) bool { return l.savepoint == name })
}

func (m *model) backTo(i int) {
	l := m.levels[i]
	for row := range l.wrote {
		delete(m.rows, row)
		if r, ok := l.before[row]; ok {
			m.rows[row] = r
		}
	}
	m.levels = m.levels[:i]
	for _, outer := range m.levels { // what was undone was not written
		maps.DeleteFunc(outer.wrote, func(_ modelRow, step int) bool { return step > l.since })
	}
	if i > 0 {
		m.push(l.savepoint)
	}
	m.trim()
}

func (m *model) forgetWritten() {
	for row := range m.levels[0].wrote {
		delete(m.rows, row)
	}
}

// play carries out on both what data says, a few bytes a step. check is called
// after each.
func play(data []byte, s *Set, m *model, check func(step string)) {
	at := start
	next := func() byte {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return b
	}
	row := func() modelRow {
		b := next()
		return modelRow{uint32(b & 1), fmt.Sprintf("%*d", 1+b%9, b>>1%16)}
	}
	name := func() string { return string('a' + rune(next()%4)) }
	data = data[:min(len(data), 2000)]
	for len(data) > 0 {
		at = at.Add(time.Second)
		m.step++
		op := next() % 16
		r := row()
		key := []byte(r.key)
		b := next()
		token := fmt.Sprintf("%*d", b%5, b)
		value := modelRead{token, at}
		step := fmt.Sprintf("%d %v %q", op, r, token)
		switch op {
		case 0, 1, 2, 3:
			s.Read(r.table, key, []byte(token), at)
			m.read(r, value)
		case 4, 5, 6:
			s.Wrote(r.table, key, []byte(token), at)
			m.wrote(r, value, true)
		case 7:
			to := row()
			s.Move(r.table, key, []byte(to.key), []byte(token), at)
			m.wrote(r, modelRead{}, false)
			m.wrote(modelRow{r.table, to.key}, value, true)
		case 8:
			s.Forget(r.table, key)
			m.wrote(r, modelRead{}, false)
		case 9:
			s.Touched(r.table, key)
			m.touched(r)
		case 10:
			s.Begin()
			m.levels = nil
			m.push("")
		case 11:
			if b%4 == 0 {
				s.Commit()
				m.levels = nil
				break
			}
			s.Rollback()
			if m.levels != nil {
				m.backTo(0)
				m.levels = nil
			}
		case 12, 13:
			n := name()
			s.Savepoint(n)
			if m.levels != nil {
				m.levels = slices.DeleteFunc(m.levels, func(l modelLevel) bool { return l.savepoint == n })
				m.push(n)
			}
		case 14:
			n := name()
			s.RollbackTo(n)
			if i := m.level(n); i > 0 {
				m.backTo(i)
			} else if m.levels != nil {
				m.forgetWritten()
			}
		case 15:
			n := name()
			if b%8 == 0 {
				s.Uncertain()
				if m.levels != nil {
					m.forgetWritten()
				}
				m.levels = nil
				break
			}
			s.Release(n)
			if i := m.level(n); i > 0 {
				m.levels = m.levels[:i]
			}
		}
		check(step)
	}
}

func addSeeds(f *testing.F) {
	f.Add([]byte("\x02\x00\x01\x05\x0a\x00\x00\x04\x01\x09\x00\x01\x0b\x0b\x00\x01"), byte(3))
	f.Add([]byte("\x0a00\x041a\x0c000\x041b\x001c\x0e000\x041d\x0b01"), byte(8))
	long := make([]byte, 600)
	x := uint32(1)
	for i := range long {
		x = x*1664525 + 1013904223
		long[i] = byte(x >> 24)
	}
	for limit := range byte(20) {
		f.Add(long, limit)
	}
}

// A set does what the model does, evictions included.
func FuzzSet(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte, limit byte) {
		s := New(int(limit % 20))
		s.undoLimit = 1 << 20
		m := &model{limit: int(limit % 20), rows: map[modelRow]modelRead{}}
		play(data, s, m, func(step string) {
			if s.Len() != len(m.rows) || s.Evicted() != m.evicted {
				t.Fatalf("after %s: %d rows, %d evicted; want %d, %d", step, s.Len(), s.Evicted(), len(m.rows), m.evicted)
			}
			for row, r := range m.rows {
				token, at, ok := s.Expect(row.table, []byte(row.key))
				if !ok || string(token) != r.token || !at.Equal(r.at) {
					t.Fatalf("after %s: %v is at %q of %v, %v; want %q of %v", step, row, token, at, ok, r.token, r.at)
				}
			}
			newestFirst := slices.SortedFunc(maps.Keys(m.rows), func(a, b modelRow) int { return m.rows[b].at.Compare(m.rows[a].at) })
			i := 0
			s.All(func(table uint32, key, _ []byte, _ time.Time) bool {
				if got := (modelRow{table, string(key)}); got != newestFirst[i] {
					t.Fatalf("after %s: row %d of all is %v, want %v", step, i, got, newestFirst[i])
				}
				i++
				return true
			})
			if i != len(m.rows) {
				t.Fatalf("after %s: all gives %d rows, want %d", step, i, len(m.rows))
			}
			checkSlab(t, s)
		})
	})
}

// A set whose undo list overflows forgets more than the model, but what it has
// is right.
func FuzzUndoOverflow(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte, limit byte) {
		s := New(1000)
		s.undoLimit = int(limit % 20)
		m := &model{limit: 1000, rows: map[modelRow]modelRead{}}
		play(data, s, m, func(step string) {
			s.All(func(table uint32, key, token []byte, at time.Time) bool {
				if r, ok := m.rows[modelRow{table, string(key)}]; !ok || r.token != string(token) || !at.Equal(r.at) {
					t.Fatalf("after %s: %d %q is at %q of %v; want %v, %v", step, table, key, token, at, r, ok)
				}
				return true
			})
			if missing := len(m.rows) - s.Len(); missing > int(s.Evicted()) {
				t.Fatalf("after %s: %d rows are missing, %d were counted", step, missing, s.Evicted())
			}
			checkSlab(t, s)
		})
	})
}

// checkSlab checks that every record is in use once and every byte accounted for.
func checkSlab(t *testing.T, s *Set) {
	t.Helper()
	counts := map[byte]int{}
	dead, free := 0, 0
	for from := 0; from < len(s.records); {
		row := uint32(from/recordUnit) + 1
		state := s.state(row)
		counts[state]++
		switch state {
		case unused:
			dead += s.size(row)
		case indexed:
			if s.find(hashOf(s.table(row), s.key(row)), s.table(row), s.key(row)) != row {
				t.Fatalf("row %d is not found by its key", row)
			}
			if int(s.link(row)) > len(s.log) {
				t.Fatalf("row %d has record %d of %d", row, s.link(row), len(s.log))
			}
		case shadow:
			if link := int(s.link(row)); link < 1 || link > len(s.log) || s.log[link-1].shadow != row {
				t.Fatalf("shadow %d has record %d of %d", row, link, len(s.log))
			}
		default:
			t.Fatalf("row %d has state %d", row, state)
		}
		from += s.size(row)
	}
	if dead != s.dead {
		t.Fatalf("%d bytes are dead, counted %d", dead, s.dead)
	}
	if counts[shadow] != len(s.log) {
		t.Fatalf("%d shadows of %d records", counts[shadow], len(s.log))
	}
	shadowed := 0
	for _, r := range s.log {
		shadowed += s.size(r.shadow)
	}
	if shadowed != s.shadowed {
		t.Fatalf("shadows have %d bytes, counted %d", shadowed, s.shadowed)
	}
	inIndex := 0
	for _, x := range s.index {
		if x != 0 {
			inIndex++
		}
	}
	if inIndex != counts[indexed] || s.live != inIndex {
		t.Fatalf("%d rows, %d in the index, counted %d", counts[indexed], inIndex, s.live)
	}
	for _, row := range s.free {
		for ; row != 0; row = s.link(row) {
			free++
		}
	}
	if free != counts[unused] {
		t.Fatalf("%d free records, %d in lists", counts[unused], free)
	}
}
