package rewrite

import (
	"strconv"

	"ifmatch/policy"
)

// This file writes the conditions by which a write is held against what was expected.

// guard appends what must hold of the row besides the client's own condition.
func (w *writer) guard() {
	if w.Table.Version != nil {
		w.versionGuard(w.Table.Version)
	}
	w.statusGuard()
}

// statusGuard appends what require, status and pending ask of the row.
func (w *writer) statusGuard() {
	w.pendingGuard()
	switch {
	case len(w.Table.require) == 0 && w.target.kind == targetNone:
		return
	case w.held != nil && w.as == "" && w.target.kind != targetByRow:
		w.buf = append(w.buf, w.held[w.target.guard()]...)
	default:
		w.apart((*writer).states)
	}
}

// apart lets f write on. Its pieces are functions, for which the writer must
// stand in memory of its own; one that does without stays on the stack. It is not
// inlined, so that the copy takes no room in frames that others stand on.
//
//go:noinline
func (w *writer) apart(f func(*writer)) {
	own := *w
	f(&own)
	w.buf, w.args = own.buf, own.args
}

// versionGuard appends what must hold of the version.
func (w *writer) versionGuard(v *Version) {
	w.expectation(v)
	if w.Verb != Update {
		return
	}
	if v.External != policy.ExternalNone {
		w.lit(" AND ")
		w.external(v)
		return
	}
	if v.Max > 0 && v.Bump == policy.BumpIncrement {
		w.lit(" AND COALESCE(")
		w.column(v.Column.Name)
		w.lit(", 0) < ")
		w.buf = strconv.AppendUint(w.buf, v.Max, 10)
	}
}

// expectation appends the comparison of the token with what is expected.
func (w *writer) expectation(v *Version) {
	w.expect(&v.Column, ArgVersion, w.saved())
	if v.Term != nil {
		w.expect(v.Term, ArgTerm, w.setTerm)
	}
}

// saved gives the version in SET where it may be the expectation.
func (w *writer) saved() *Operand {
	if w.assigned.kind != constant {
		return nil
	}
	return &w.assigned.operand
}

// expect appends the comparison of one column with what the hint or a read
// gives, or with what SET gives: the client's own bytes there, whatever they mean.
func (w *writer) expect(c *Column, kind ArgKind, set *Operand) {
	if w.prepared() {
		w.expectSwitched(c, kind, set)
		return
	}
	given := w.b.Expected.Version
	if kind == ArgTerm {
		given = w.b.Expected.Term
	}
	switch {
	case w.b.Source == FromHint || w.b.Source == FromRead:
		w.lit(" AND ")
		formed := c.digest != nil || w.b.Source == FromRead && !c.plain()
		if formed {
			given = given.formValue()
			w.form(c)
		} else {
			w.column(c.Name)
		}
		if given.Kind != Null {
			w.lit(" = ")
			w.buf = given.appendLiteral(w.buf)
			return
		}
		w.lit(" IS NULL")
	case w.b.Source == FromSet && set != nil:
		w.lit(" AND ")
		w.column(c.Name)
		if given.Kind == Null {
			w.lit(" IS NULL")
			return
		}
		w.lit(" = ")
		if w.saves && given.Kind == Integer {
			w.buf = given.appendLiteral(w.buf)
			return
		}
		w.tokens(set.part)
	}
}

// expectSwitched is expect for a prepared statement, in which parameters switch
// the comparisons on.
func (w *writer) expectSwitched(c *Column, kind ArgKind, set *Operand) {
	either := func(open, value ArgKind, left func()) {
		w.lit(" AND (")
		w.mark(open)
		w.lit(" OR ")
		left()
		w.lit(" <=> ")
		w.mark(value)
		w.lit(")")
	}
	form, column := func() { w.form(c) }, func() { w.column(c.Name) }
	read, loose := ArgReadVersion, ArgLooseVersion
	if kind == ArgTerm {
		read, loose = ArgReadTerm, ArgLooseTerm
	}
	switch external := w.Verb == Update && w.Table.Version.External != policy.ExternalNone; {
	case c.digest != nil:
		either(ArgLoose, loose, form)
	case external || !w.Table.Captured():
		either(ArgOpen, kind, column)
	case c.plain():
		either(ArgLoose, loose, column)
	default:
		either(ArgOpen, kind, column)
		either(ArgUnheld, read, form)
	}
	if w.saved() != nil && set != nil && w.Table.Version.External == policy.ExternalNone {
		w.lit(" AND (")
		w.mark(ArgSaved)
		w.lit(" OR ")
		w.column(c.Name)
		w.lit(" <=> ")
		w.tokens(set.part)
		w.lit(")")
	}
}

// external appends the comparison with the version that the writer brings.
func (w *writer) external(v *Version) {
	if v.Nullable {
		w.lit("(")
	}
	w.column(v.Column.Name)
	if v.External == policy.ExternalGE {
		w.lit(" <= ")
	} else {
		w.lit(" < ")
	}
	w.tokens(w.assigned.operand.part)
	if v.Nullable {
		w.lit(" OR ")
		w.column(v.Column.Name)
		w.lit(" IS NULL)")
	}
}
