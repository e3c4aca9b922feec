package integration

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// This file is what the contract says of reads, without a thought for how the
// proxy does it: statements happen one after the other, and what a transaction
// may take back is kept by copies. reads_walk_test.go holds the proxy against it.

// guardedAs is a table and how the policy guards it.
type guardedAs struct {
	table      string
	token      tokenKind
	scope      string
	unread     string
	relative   string
	onConflict string
	missing    string
	noop       string
}

// tokenKind is how the policy versions a table.
type tokenKind int

const (
	counted  tokenKind = iota // a number
	timed                     // a time
	unique                    // a UUID
	digested                  // no column: a digest of the others
)

// row is a row of a guarded table, all but its key.
type row struct {
	a, n, seen int
	version    string // of a digested table always ""
}

func (g guardedAs) tokenOf(id int, r row) string {
	if g.token == digested {
		return fmt.Sprintf("%d,%d,%d", id, r.a, r.n)
	}
	return r.version
}

// act is one statement of one session.
type act struct {
	who      int
	do       deed
	id, to   int
	a, n     int
	least    int // with AND n >= least, if it is not 0
	by       source
	pick     int    // of the tokens that the writer may believe in
	given    string // the token picked
	name     string // of a savepoint or context
	prepared bool
}

type deed int

const (
	selectRow deed = iota
	selectHidden
	selectSome
	selectJoined
	selectLocking
	selectCount
	selectDerived
	updateValue
	updateRelative
	updateMixed
	updateIgnored
	updateKey
	deleteRow
	insertRow
	begin
	commit
	rollback
	setSavepoint
	rollbackTo
	release
	autocommitOff
	autocommitOn
	commitByDDL
	reset
	setContext
)

// source is where a write takes its expectation from.
type source int

const (
	byRead source = iota
	byHint
	byVariable
	byWhere
	bySet
)

// verdict is what comes of a statement.
type verdict struct {
	kind     string // "done", "rows", "conflict", "unread", "doomed", "error"
	affected int
	rows     []string
	code     int
	id       int
	expected string // tokens; "" is no expectation
	found    string // "" is no row
}

func done(affected int) verdict   { return verdict{kind: "done", affected: affected} }
func failing(code int) verdict    { return verdict{kind: "error", code: code} }
func conflictOf(id int) verdict   { return verdict{kind: "conflict", id: id} }
func shows(rows []string) verdict { return verdict{kind: "rows", rows: rows} }
func (a act) isSelect() bool      { return a.do <= selectDerived }
func (a act) isUpdate() bool      { return a.do >= updateValue && a.do <= updateKey }
func (a act) touchesRows() bool   { return a.do <= insertRow }
func (a act) locks() bool         { return a.do == selectLocking || a.do >= updateValue && a.do <= insertRow }
func (x *actor) savepoint(n string) int {
	return slices.IndexFunc(x.savepoints, func(p mark) bool { return p.name == n })
}

// world is the server and what the proxy knows.
type world struct {
	as        guardedAs
	committed map[int]row
	first     map[int]row // what the rows were at the beginning
	actors    []*actor    // the last one goes around the proxy
	contexts  map[string]*memory
	holder    map[string]int // the session of a context's latest request
}

// actor is a session.
type actor struct {
	direct     bool
	autocommit bool
	open       bool         // a transaction is open
	silent     bool         // no statement in it has succeeded: an error does not tell that it is open
	changed    map[int]*row // what it wrote; nil is a row that it deleted
	locked     map[int]bool
	savepoints []mark
	doomed     bool
	alone      *memory // of the session, or of its transaction
	context    string
}

type mark struct {
	name    string
	changed map[int]*row
}

func newWorld(as guardedAs, rows map[int]row, sessions int) *world {
	w := &world{as: as, committed: maps.Clone(rows), first: rows, contexts: map[string]*memory{}, holder: map[string]int{}}
	for range sessions {
		w.actors = append(w.actors, &actor{autocommit: true, alone: newMemory()})
	}
	w.actors = append(w.actors, &actor{autocommit: true, direct: true, alone: newMemory()})
	return w
}

// row gives a row as a session sees it.
func (w *world) row(x *actor, id int) (row, bool) {
	if r, ok := x.changed[id]; ok {
		if r == nil {
			return row{}, false
		}
		return *r, true
	}
	r, ok := w.committed[id]
	return r, ok
}

// latest gives all rows, those that are not committed too.
func (w *world) latest() map[int]row {
	all := maps.Clone(w.committed)
	for _, x := range w.actors {
		for id, r := range x.changed {
			delete(all, id)
			if r != nil {
				all[id] = *r
			}
		}
	}
	return all
}

func (w *world) put(x *actor, id int, r *row) {
	switch {
	case x.open:
		x.changed[id] = r
	case r == nil:
		delete(w.committed, id)
	default:
		w.committed[id] = *r
	}
}

// memory gives what counts as read by a session.
func (w *world) memory(x *actor) *memory {
	if w.as.scope == "context" && x.context != "" {
		return w.contexts[x.context]
	}
	return x.alone
}

func (w *world) memories(x *actor) []*memory {
	if w.holds(x) {
		return []*memory{x.alone, w.contexts[x.context]}
	}
	return []*memory{x.alone}
}

// holds says whether the session has the latest request of its context.
func (w *world) holds(x *actor) bool {
	return x.context != "" && w.actors[w.holder[x.context]] == x
}

// keeps says whether what is read now counts for a later statement.
func (w *world) keeps(x *actor) bool { return !x.direct && (x.open || w.as.scope != "transaction") }

func (w *world) begin(x *actor) {
	x.open, x.silent, x.changed, x.locked = true, !x.autocommit, map[int]*row{}, map[int]bool{}
	for i := range x.savepoints {
		x.savepoints[i].changed = map[int]*row{}
	}
	for _, m := range w.memories(x) {
		m.begin("")
		for _, p := range x.savepoints {
			m.begin(p.name)
		}
	}
}

// enter opens the transaction that the first statement on a table opens without
// autocommit. Savepoints may be older than that.
func (w *world) enter(x *actor) {
	if !x.open && !x.autocommit {
		w.begin(x)
	}
}

func (w *world) end(x *actor, keep bool) {
	if !x.open {
		x.savepoints = nil
		return
	}
	changed := x.changed
	x.open, x.changed, x.locked, x.savepoints = false, nil, nil, nil
	for id, r := range changed {
		if keep {
			w.put(x, id, r)
		}
	}
	for _, m := range w.memories(x) {
		if !keep {
			m.rollback(0)
		}
		m.commit()
	}
	if w.as.scope == "transaction" {
		x.alone.cells = map[int]cell{}
	}
}

func (w *world) lock(x *actor, ids ...int) {
	if x.open {
		for _, id := range ids {
			x.locked[id] = true
		}
	}
}

// blocked says whether a statement would have to wait for another session, or is
// one that the model does not cover.
func (w *world) blocked(a act) bool {
	x := w.actors[a.who]
	if a.touchesRows() && w.as.scope == "context" && x.context != "" && !w.holds(x) {
		return true // an old request, beside which a newer one has begun
	}
	if a.do == setContext {
		holder, held := w.holder[a.name]
		return x.open || held && w.actors[holder].open && w.actors[holder].context == a.name
	}
	if !a.locks() {
		return false
	}
	for i, y := range w.actors {
		if i != a.who && (y.locked[a.id] || a.do == updateKey && y.locked[a.to]) {
			return true
		}
	}
	return false
}

// step says what must come of a statement. fresh is what the server has
// afterwards, for tokens that cannot be foretold.
func (w *world) step(a act, fresh map[int]row) verdict {
	x := w.actors[a.who]
	if x.doomed {
		return w.inDoom(x, a)
	}
	v := w.sound(x, a, fresh)
	if v.kind == "done" || v.kind == "rows" {
		x.silent = false
	}
	return v
}

// sound is a step that no doom forbids.
func (w *world) sound(x *actor, a act, fresh map[int]row) verdict {
	switch {
	case a.isSelect():
		return w.read(x, a)
	case a.touchesRows() && x.direct:
		return w.writeAround(x, a, fresh)
	case a.isUpdate(), a.do == deleteRow:
		return w.write(x, a, fresh)
	case a.do == insertRow:
		return w.insert(x, a, fresh)
	}
	switch a.do {
	case begin:
		w.end(x, true)
		w.begin(x)
		x.silent = false
	case commit, commitByDDL:
		w.end(x, true)
	case rollback:
		w.end(x, false)
	case autocommitOff:
		x.autocommit = false
	case autocommitOn:
		if !x.autocommit {
			w.end(x, true)
		}
		x.autocommit = true
	case reset:
		w.reset(x)
	case setContext:
		w.request(x, a)
	default:
		return w.savepointing(x, a)
	}
	return done(0)
}

func (w *world) savepointing(x *actor, a act) verdict {
	if a.do == setSavepoint {
		if !x.open && x.autocommit {
			return done(0) // it has no effect
		}
		if i := x.savepoint(a.name); i >= 0 {
			x.savepoints = slices.Delete(x.savepoints, i, i+1)
		}
		x.savepoints = append(x.savepoints, mark{a.name, maps.Clone(x.changed)})
		if x.open {
			for _, m := range w.memories(x) {
				m.release(a.name, false)
				m.begin(a.name)
			}
		}
		return done(0)
	}
	i := x.savepoint(a.name)
	if i < 0 {
		return failing(1305)
	}
	if a.do == rollbackTo {
		x.changed = maps.Clone(x.savepoints[i].changed)
		x.savepoints = x.savepoints[:i+1]
	} else {
		x.savepoints = x.savepoints[:i]
	}
	for _, m := range w.memories(x) {
		switch {
		case !x.open:
		case a.do == rollbackTo:
			m.rollbackTo(a.name)
		default:
			m.release(a.name, true)
		}
	}
	return done(0)
}

// inDoom is a statement in a doomed transaction.
func (w *world) inDoom(x *actor, a act) verdict {
	refused := verdict{kind: "doomed"}
	switch a.do {
	case rollback, begin, reset, commit:
		w.end(x, false)
		x.doomed = false
		if a.do == commit {
			return refused
		}
		return w.step(a, nil)
	case rollbackTo:
		if x.savepoint(a.name) >= 0 {
			x.doomed = false
			return w.savepointing(x, a)
		}
	}
	return refused
}

func (w *world) reset(x *actor) {
	w.end(x, false)
	x.autocommit, x.context, x.alone = true, "", newMemory()
}

// request begins a request of a context.
func (w *world) request(x *actor, a act) {
	x.context = a.name
	if w.contexts[a.name] == nil {
		w.contexts[a.name] = newMemory()
	}
	w.holder[a.name] = a.who
	w.contexts[a.name].request()
}

func (w *world) read(x *actor, a act) verdict {
	w.enter(x)
	var ids []int
	switch a.do {
	case selectSome, selectCount:
		for id := range topID + 1 {
			ids = append(ids, id)
		}
	default:
		ids = []int{a.id}
	}
	if a.do == selectLocking {
		w.lock(x, a.id)
	}
	var rows []string
	for _, id := range ids {
		r, ok := w.row(x, id)
		if !ok {
			continue
		}
		var shown string
		remembered := []int{id}
		switch a.do {
		case selectRow:
			shown = fmt.Sprintf("%d|%d|%d|%d", id, r.a, r.n, r.seen)
			if w.as.token != digested {
				shown += "|" + r.version
			}
		case selectHidden, selectLocking:
			shown = strconv.Itoa(r.a)
		case selectSome:
			if r.n < a.least {
				continue
			}
			shown = fmt.Sprintf("%d|%d", r.n, r.a)
		case selectJoined:
			next, ok := w.row(x, id+1)
			shown = fmt.Sprintf("%d|NULL", r.a)
			if ok {
				shown = fmt.Sprintf("%d|%d", r.a, next.n)
				remembered = append(remembered, id+1)
			}
		case selectDerived, selectCount:
			shown = strconv.Itoa(r.a)
			remembered = nil
		}
		rows = append(rows, shown)
		for _, id := range remembered {
			if r, _ := w.row(x, id); w.keeps(x) {
				w.memory(x).read(id, w.as.tokenOf(id, r))
			}
		}
	}
	if a.do == selectCount {
		rows = []string{strconv.Itoa(len(rows))}
	}
	return shows(rows)
}

// write is an UPDATE or DELETE of one row through the proxy.
func (w *world) write(x *actor, a act, fresh map[int]row) verdict {
	if a.do == updateIgnored {
		return w.writeIgnored(x, a)
	}
	m := w.memory(x)
	expected := a.given
	if a.by == byRead && w.keeps(x) {
		expected = m.expectation(a.id)
	}
	soft := a.do == updateRelative && a.by == byRead && w.as.relative == "pass"
	if expected == "" && !soft && w.as.unread == "refuse" {
		w.doom(x)
		return verdict{kind: "unread", id: a.id}
	}
	w.enter(x)
	w.lock(x, a.id)
	r, there := w.row(x, a.id)
	switch {
	case !there && (expected == "" || soft) && w.as.missing == "pass", there && r.n < a.least:
		return done(0)
	case !there:
		if soft {
			expected = ""
		}
		return w.conflict(x, a.id, expected, "")
	}
	holds := expected == w.as.tokenOf(a.id, r)
	if expected != "" && !holds && !soft {
		return w.conflict(x, a.id, expected, w.as.tokenOf(a.id, r))
	}
	if a.do == deleteRow {
		w.put(x, a.id, nil)
		if w.keeps(x) {
			m.gone(a.id)
		}
		return done(1)
	}
	to, changed := a.id, r
	switch a.do {
	case updateValue, updateMixed:
		changed.a = a.a
	case updateKey:
		w.lock(x, a.to)
		if _, taken := w.row(x, a.to); taken && a.to != a.id {
			return failing(1062)
		}
		to = a.to
	}
	if a.do == updateRelative || a.do == updateMixed {
		changed.n += a.n
	}
	affected := 1
	if changed == r && to == a.id && (w.as.token == digested || w.as.noop == "skip") {
		affected = 0
	} else {
		changed.version = w.bumped(r.version, fresh[to].version)
	}
	if to != a.id {
		w.put(x, a.id, nil)
	}
	w.put(x, to, &changed)
	switch {
	case !w.keeps(x):
	case holds:
		m.wrote(a.id, to, w.as.tokenOf(to, changed))
	case expected != "":
		m.stands(a.id)
	default:
		m.gone(a.id)
		m.gone(to)
	}
	return done(affected)
}

// bumped gives the version after a write. What the server has is taken for it
// where it can only be read, if it is another than before.
func (w *world) bumped(was, is string) string {
	switch {
	case w.as.token == digested:
		return ""
	case w.as.token == counted:
		n, _ := strconv.Atoi(was)
		return strconv.Itoa(n + 1)
	case is == was, w.as.token == timed && is < was:
		return "later than " + was
	}
	return is
}

// writeIgnored is an UPDATE of a column that the policy ignores.
func (w *world) writeIgnored(x *actor, a act) verdict {
	w.enter(x)
	w.lock(x, a.id)
	r, there := w.row(x, a.id)
	if !there || r.n < a.least || r.seen == a.a {
		return done(0)
	}
	r.seen = a.a
	w.put(x, a.id, &r)
	return done(1)
}

// writeAround is a write of somebody who knows nothing of the proxy, and who
// bumps the version where there is one.
func (w *world) writeAround(x *actor, a act, fresh map[int]row) verdict {
	if a.do == insertRow {
		return w.insert(x, a, fresh)
	}
	r, there := w.row(x, a.id)
	switch {
	case !there:
		return done(0)
	case a.do == deleteRow:
		w.put(x, a.id, nil)
		return done(1)
	}
	r.a = a.a
	r.version = w.bumped(r.version, fresh[a.id].version)
	w.put(x, a.id, &r)
	return verdict{kind: "done", affected: -1}
}

func (w *world) insert(x *actor, a act, fresh map[int]row) verdict {
	w.enter(x)
	w.lock(x, a.id)
	if _, taken := w.row(x, a.id); taken {
		return failing(1062)
	}
	r := row{a: a.a, n: a.n, version: fresh[a.id].version}
	if w.as.token == counted {
		r.version = "1"
		if a.by != byRead {
			r.version = "5"
		}
	}
	w.put(x, a.id, &r)
	if w.keeps(x) {
		w.memory(x).wrote(a.id, a.id, w.as.tokenOf(a.id, r))
	}
	return done(1)
}

func (w *world) conflict(x *actor, id int, expected, found string) verdict {
	x.silent = false // the write met no row, which is no error to the server
	v := conflictOf(id)
	v.expected, v.found = expected, found
	if w.as.scope == "context" && x.context != "" {
		w.contexts[x.context].conflict(id)
	}
	w.doom(x)
	return v
}

// doom is what a conflict does to the transaction.
func (w *world) doom(x *actor) {
	if !x.open || x.silent || w.as.onConflict == "statement" {
		return
	}
	x.doomed = w.as.onConflict == "doom"
	if !x.doomed || len(x.savepoints) == 0 {
		w.end(x, false)
	}
}

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
