package integration

import (
	"maps"
	"slices"
)

// This file is what the contract says of reads, without a thought for how the
// proxy does it: statements happen one after the other, and what a transaction
// may take back is kept by copies. reads_walk_test.go holds the proxy against it.

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

// savepoint gives the place of a savepoint, -1 for none.
func (x *actor) savepoint(name string) int {
	return slices.IndexFunc(x.savepoints, func(p mark) bool { return p.name == name })
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
