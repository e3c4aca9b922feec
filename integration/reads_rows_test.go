package integration

import (
	"fmt"
	"strconv"
)

// What comes of a statement on the rows of the guarded table, in the model.

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
	w.enter(x)
	w.lock(x, a.id)
	r, there := w.row(x, a.id)
	switch {
	case !there && expected == "" && w.as.missing == "pass", there && r.n < a.least:
		return done(0)
	case expected == "" && !soft && w.as.unread == "refuse":
		x.silent = false // the server was asked whether there is a row
		w.doom(x)
		return verdict{kind: "unread", id: a.id}
	case !there:
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
