package proxy

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"ifmatch/policy"
	"ifmatch/readset"
	"ifmatch/rewrite"
	"ifmatch/wire"
)

// Bounds of what is kept of the rows of one write that are held one by one.
const (
	// maxLocked is how many rows of a table are kept. Beyond, only those are for which
	// there is an expectation, and the write is kept from all others of these.
	maxLocked = 10_000
	// maxConfined is how many bytes the keys may have that a write is confined to:
	// as SQL they take about twice as many.
	maxConfined = 256 << 10
	// rereadRows is how many rows are read again in one statement.
	rereadRows = 500
)

// heldRows are the rows of one table that a write picks.
type heldRows struct {
	plan  *rewrite.Plan
	scope readset.Scope  // of what was read; nil where it knows nothing of the table
	rows  []heldRow      // those that are written, as far as they are kept
	seen  map[string]int // what became of a row: its place in rows and one more, or left out
	bytes int            // of keys

	good        int               // rows for which all holds
	more        bool              // not all of these are kept
	joined      bool              // a row of the table may come several times, beside others
	outer       bool              // an outer join gave rows without one of the table
	unread      int               // rows for which nothing was expected
	conflict    *rewrite.Conflict // of the first row, by key, for which something does not hold
	conflictKey []byte
	failing     [][]byte // rows that are left out
	takings     *heldTakings
}

// leftOut stands for a row that is not written.
const leftOut = -1

// heldRow is a row that is written.
type heldRow struct {
	key  []byte
	read []byte // what was expected of it and held; nil where nothing was
	lost bool   // something was expected and does not hold, but the write does not need it
}

// hold locks the rows that a write picks and holds each against what is expected
// of it.
func (s *session) hold(g *guarded, values []rewrite.Value) ([]*heldRows, *wire.ERR, error) {
	writes := g.plan.Writes()
	held := make([]*heldRows, len(writes))
	for i, one := range writes {
		held[i] = &heldRows{plan: one, seen: map[string]int{}, joined: one != g.plan, takings: s.heldTakings(one, &s.bindings[i])}
		if one.Table.Captured() && s.mayKnow(one.Table) {
			held[i].scope = s.scope(one.Table, false)
		}
	}
	var locked rewrite.Locked
	judge := func(row rewrite.Row) error {
		for i, h := range held {
			rest, there, ok := h.plan.Locked(&s.bindings[i], row, &locked)
			if !ok {
				return &backendError{&wire.MalformedError{What: "row of a lock has too few columns"}}
			}
			if row = rest; !there {
				h.outer = true
				continue
			}
			h.judge(&s.bindings[i], &locked)
		}
		if len(row) != 1 {
			return &backendError{&wire.MalformedError{What: "row of a lock has a wrong number of columns"}}
		}
		g.unkeyed = string(row[0]) != "0"
		return nil
	}
	lock := g.plan.Lock(s.cur, s.bindings, s.locking())
	var failed *wire.ERR
	var err error
	if g.st == nil {
		failed, err = s.askEach(lock.SQL, judge)
	} else {
		failed, err = s.askPreparedEach(lock.SQL, s.valueParams(g.st, lock.Args), judge)
	}
	if failed != nil || err != nil {
		return nil, failed, err
	}
	for i, h := range held {
		if failed, err := s.missNamed(h, &s.bindings[i], values); failed != nil || err != nil {
			return nil, failed, err
		}
	}
	return held, nil, nil
}

// judge holds one row.
func (h *heldRows) judge(b *rewrite.Binding, l *rewrite.Locked) {
	at := h.seen[string(l.Key)]
	if at != 0 {
		h.judgeAgain(b, l, at)
		return
	}
	row := heldRow{}
	ours, c := h.taking(b, l)
	if c == nil {
		c = h.expected(b, l, &row)
	}
	if c == nil {
		c = h.plan.JudgeLocked(b, l)
	}
	if c != nil {
		h.fail(c, l.Key)
		return
	}
	h.good++
	if ours != nil {
		h.takings.rows = append(h.takings.rows, *ours)
	}
	if !h.mustKeep(b, l, &row) && (len(h.rows) >= maxLocked || h.bytes+len(l.Key) > maxConfined) {
		h.more = true
		return
	}
	row.key = bytes.Clone(l.Key)
	h.bytes += len(row.key)
	h.rows = append(h.rows, row)
	h.seen[string(row.key)] = len(h.rows)
}

// judgeAgain holds a row that came before, beside other rows of the joined tables:
// which of these the write will have it by is not known.
func (h *heldRows) judgeAgain(b *rewrite.Binding, l *rewrite.Locked, at int) {
	if !h.joined || at == leftOut {
		return
	}
	_, c := h.taking(b, l)
	if c == nil {
		c = h.plan.JudgeLocked(b, l)
	}
	if c == nil {
		return
	}
	h.good--
	if h.takings != nil {
		h.takings.rows = slices.DeleteFunc(h.takings.rows, func(r heldTaking) bool { return string(r.row.Form) == string(l.Key) })
	}
	last := len(h.rows) - 1
	h.bytes -= len(h.rows[at-1].key)
	h.rows[at-1] = h.rows[last]
	h.seen[string(h.rows[at-1].key)] = at
	h.rows = h.rows[:last]
	h.fail(c, l.Key)
}

// fail notes a row for which something does not hold.
func (h *heldRows) fail(c *rewrite.Conflict, key []byte) {
	key = bytes.Clone(key)
	if h.conflict == nil || h.plan.Table.CompareKeys(key, h.conflictKey) < 0 {
		h.conflict, h.conflictKey = c, key
	}
	if len(h.failing) < maxLocked {
		h.failing, h.seen[string(key)] = append(h.failing, key), leftOut
	}
}

// mustKeep reports whether a row is kept however many there are: because the scope
// knows it. Of these there are no more than max_reads.
func (h *heldRows) mustKeep(b *rewrite.Binding, l *rewrite.Locked, row *heldRow) bool {
	if h.scope == nil || !b.Held() {
		return row.read != nil || row.lost
	}
	_, _, ok := h.scope.Expect(h.plan.Table.ID, l.Key)
	return ok
}

// expected holds a row against what the scope has read of it.
func (h *heldRows) expected(b *rewrite.Binding, l *rewrite.Locked, row *heldRow) *rewrite.Conflict {
	if b.Held() {
		row.read = bytes.Clone(l.Token) // if it is not so, JudgeLocked will say
		return nil
	}
	if h.scope != nil && h.plan.WantsRead(b) {
		read, at, ok := h.scope.Expect(h.plan.Table.ID, l.Key)
		switch {
		case !ok:
		case !b.Soft && ageOf(at) > h.plan.Table.Settings.ReadTTL:
			return h.plan.OutlivedLocked(l, ageOf(at))
		case bytes.Equal(read, l.Token):
			row.read = bytes.Clone(read)
			return nil
		case b.Soft:
			row.lost = true
			return nil
		default:
			return h.plan.Stale(b, l, bytes.Clone(read))
		}
	}
	if c := h.plan.UnreadLocked(b, l); c != nil {
		return c
	}
	if b.Unread {
		h.unread++
	}
	return nil
}

// missNamed looks for rows that WHERE names by their keys, of which something is
// expected, and that are not there.
func (s *session) missNamed(h *heldRows, b *rewrite.Binding, values []rewrite.Value) (*wire.ERR, error) {
	t := h.plan.Table
	always := t.Settings.Missing == policy.MissingConflict
	type missing struct {
		form, read []byte
	}
	var keys [][]rewrite.Value
	var of []missing
	for _, key := range h.plan.NamedKeys(s.cur, values) {
		form, found, _ := h.plan.KeyForm(nil, key, s.utf8())
		if !found || h.seen[string(form)] != 0 {
			continue
		}
		m := missing{form: form}
		if h.scope != nil && !b.Held() && h.plan.WantsRead(b) && !b.Soft {
			if read, _, ok := h.scope.Expect(t.ID, form); ok {
				m.read = bytes.Clone(read)
			}
		}
		if m.read != nil || b.Held() || always {
			keys, of = append(keys, key), append(of, m)
		}
	}
	for len(keys) > 0 {
		n := min(len(keys), rereadRows)
		look, can := h.plan.LookRows(keys[:n])
		if !can {
			return nil, nil
		}
		there := map[string]bool{}
		rows, failed, err := s.ask(append(look, s.locking().Share...))
		if failed != nil || err != nil {
			return failed, err
		}
		for _, row := range rows {
			if key, _, ok := t.RowForms(row, nil, nil); ok {
				there[string(key)] = true
			}
		}
		for _, m := range of[:n] {
			if there[string(m.form)] || len(there) == n {
				continue // it is there, and the client's own condition leaves it out
			}
			if h.conflict != nil && t.CompareKeys(m.form, h.conflictKey) >= 0 {
				continue
			}
			h.conflict, h.conflictKey = h.plan.GoneRow(b, m.form, m.read), m.form
		}
		keys, of = keys[n:], of[n:]
	}
	return nil, nil
}

// confine says to which rows the write is confined. refused is why that cannot be said.
func (s *session) confine(g *guarded, held []*heldRows) (only []rewrite.Confinement, refused string) {
	plan := g.plan
	for _, h := range held {
		c := rewrite.Confinement{Outer: h.outer, Unkeyed: g.unkeyed}
		if !h.more {
			for _, row := range h.rows {
				c.Keys = append(c.Keys, row.key)
			}
			only = append(only, c)
			continue
		}
		t := h.plan.Table
		if plan.Limited() || t.Settings.Unread == policy.UnreadRefuse || len(held) > 1 {
			return nil, fmt.Sprintf("this %s picks more than %d rows of %s, which is more than can be checked at once; write it in parts", plan.Verb, len(h.rows), t.Name)
		}
		c.Except, c.Outer = true, false
		if c.Keys, refused = s.exceptions(h); refused != "" {
			return nil, refused
		}
		only = append(only, c)
	}
	return only, ""
}

// exceptions gives the rows that a write of very many rows must not have: those
// that failed, and those of which something is expected and that were not locked.
func (s *session) exceptions(h *heldRows) (keys [][]byte, refused string) {
	t, size := h.plan.Table, 0
	keys = h.failing
	for _, key := range keys {
		size += len(key)
	}
	if h.scope != nil {
		h.scope.All(func(table uint32, key, _ []byte, _ time.Time) bool {
			if table == t.ID && h.seen[string(key)] == 0 {
				keys = append(keys, bytes.Clone(key))
				size += len(key)
			}
			return size <= maxConfined
		})
	}
	if size > maxConfined || len(h.failing) >= maxLocked {
		return nil, fmt.Sprintf("this %s picks more than %d rows of %s, and too many were read or fail; write it in parts", h.plan.Verb, len(h.rows), t.Name)
	}
	return keys, ""
}

// goodRows gives the number of rows that are written.
func goodRows(held []*heldRows) (n int) {
	for _, h := range held {
		n += h.good
	}
	return n
}

// renewHeld takes over what a write has left of the rows that were held.
func (s *session) renewHeld(held []*heldRows, values []rewrite.Value, ok *wire.OK) error {
	n, known := changedRows(ok, s.caps)
	all := known && n == goodRows(held)
	for i, h := range held {
		t := h.plan.Table
		if !s.keeps(t) {
			continue
		}
		if h.more {
			s.reads.writesUntold()
		}
		scope := s.scope(t, s.reads.open || h.expects())
		if scope == nil {
			continue
		}
		reread := s.renewTable(scope, h, s.bindings[i], values, all, known && n == 0)
		if err := s.readAgain(scope, h, reread, ok); err != nil {
			return err
		}
	}
	return nil
}

// expects reports whether something was expected of one of the rows.
func (h *heldRows) expects() bool {
	for i := range h.rows {
		if h.rows[i].read != nil {
			return true
		}
	}
	return false
}

// renewTable notes the rows of one table whose tokens can be told, and gives the
// others. all is whether each of the rows was changed, none whether none was.
func (s *session) renewTable(scope readset.Scope, h *heldRows, b rewrite.Binding, values []rewrite.Value, all, none bool) (reread [][]byte) {
	t, now := h.plan.Table, time.Now()
	source := b
	for i := range h.rows {
		row := &h.rows[i]
		b = source
		if b.Soft = false; row.read != nil && !b.Held() {
			if token, ok := t.ParseToken(row.read); ok {
				b.Expect(token)
			}
		}
		r := h.plan.Renewal(s.cur, values, &b, !none)
		switch {
		case r.Fate == rewrite.Deleted && !all && row.read != nil:
			reread = append(reread, row.key) // DELETE IGNORE leaves a row that others point at
		case r.Fate == rewrite.Deleted:
			scope.Gone(t.ID, row.key)
		case r.Moved:
			scope.Forget(t.ID, row.key)
			s.reads.writesUntold()
		case row.lost:
			scope.Touched(t.ID, row.key)
		case row.read == nil:
			scope.Forget(t.ID, row.key)
		case !all && !none, r.Fate == rewrite.Unsaid:
			reread = append(reread, row.key)
		case r.Fate == rewrite.Renewed:
			token, ok := t.AppendToken(s.token[:0], r.Token)
			if s.token = token; !ok {
				reread = append(reread, row.key)
				continue
			}
			s.reads.noteTable(t.ID)
			scope.Wrote(t.ID, row.key, token, now)
		default:
			scope.Forget(t.ID, row.key)
		}
	}
	return reread
}

// readAgain reads the tokens of rows that were written and are still locked.
func (s *session) readAgain(scope readset.Scope, h *heldRows, keys [][]byte, ok *wire.OK) error {
	t, now := h.plan.Table, time.Now()
	for _, key := range keys {
		scope.Forget(t.ID, key)
	}
	if len(keys) == 0 || !s.holdsRow() {
		return nil
	}
	if s.diag == nil {
		if err := s.diagnoseAll(ok, ok.Warnings > 0 || h.plan.Verb == rewrite.Delete); err != nil {
			return err
		}
	}
	s.reads.noteTable(t.ID)
	for len(keys) > 0 {
		n := min(len(keys), rereadRows)
		rows, failed, err := s.ask(h.plan.Reread(keys[:n]))
		if err != nil || failed != nil {
			return err
		}
		for _, row := range rows {
			if key, token, ok := t.RowForms(row, s.row.form[:0], s.token[:0]); ok {
				s.row.form, s.token = key, token
				scope.Wrote(t.ID, key, token, now)
			}
		}
		keys = keys[n:]
	}
	return nil
}

// changedRows gives how many rows a write has changed, as the server says.
func changedRows(ok *wire.OK, caps wire.Capability) (n int, known bool) {
	if !caps.Has(wire.ClientFoundRows) {
		return int(ok.AffectedRows), true
	}
	numbers, in, value := 0, false, 0
	for _, c := range ok.Info {
		digit := c >= '0' && c <= '9'
		if digit && !in {
			numbers++
			value = 0
		}
		if digit {
			value = value*10 + int(c-'0')
		} else if in && numbers == 2 {
			return value, true
		}
		in = digit
	}
	return value, in && numbers == 2
}
