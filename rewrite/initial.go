package rewrite

import (
	"fmt"

	"ifmatch/schema"
	"ifmatch/sqltext"
)

// maxInitialRows bounds the rows of one INSERT whose states are looked at: a plan
// keeps where they stand.
const maxInitialRows = 1 << 16

// initialCheck says where an INSERT has the states of its rows, and their keys.
type initialCheck struct {
	width int     // columns of a row: the status, then the key's
	cells []cell  // row after row; for SELECT one row, without its key
	given []Value // of each column, what the server gives where the statement does not
	utf8  bool
}

// initialCheck holds an INSERT against `initial` of the policy. It gives the plan
// of one whose states cannot be known, nil where they are looked at when the plan
// is bound.
func (p *planner) initialCheck(plan *Plan, plainly bool, name part) *Plan {
	t, m := plan.Table, plan.Table.status
	if m == nil || !m.hasInitial && t.pending == nil {
		return nil
	}
	column := m.column.Name
	cannot := func(why string) *Plan {
		if !m.hasInitial {
			return refuse(t, "INSERT into %s, whose rows may be taken by their %s: %s", t.Name, column, why)
		}
		return refuse(t, "INSERT into %s, whose %s may only be %s at first: %s", t.Name, column, statesText(m.initial), why)
	}
	w, ok := p.tuples(name.to)
	if !ok && plainly && plan.Verb == Other && t.pending == nil && p.selectedState(plan, w) {
		return nil
	}
	switch {
	case !plainly:
		return cannot("a view, DELAYED or WITH hides what it gives; insert into the table itself")
	case !ok:
		return cannot("which state its rows get cannot be known; write VALUES with constants")
	case len(w.rows) > maxInitialRows:
		return cannot(fmt.Sprintf("it has more than %d rows; write several", maxInitialRows))
	case !p.sameInsert(plan, w) || !w.complete(t.columns):
		return cannot("it cannot be read; name its columns and write it more plainly")
	}
	columns := make([]*Column, 0, 1+len(t.Key))
	columns = append(columns, &m.column)
	for i := range t.Key {
		columns = append(columns, &t.Key[i])
	}
	check := &initialCheck{width: len(columns), given: make([]Value, len(columns)), utf8: p.env.UTF8}
	for i, c := range columns {
		at, ok := w.place(c.Name)
		if !ok {
			return cannot(c.Name + " is named twice")
		}
		for row, values := range w.rows {
			if row*check.width+i >= len(check.cells) {
				check.cells = append(check.cells, make([]cell, len(w.rows)*check.width)...)
			}
			one := &check.cells[row*check.width+i]
			one.tok = -1
			if at < 0 || len(values) == 0 || p.isDefault(values[at]) {
				if check.given[i], ok = c.left(); !ok && i == 0 {
					return cannot("it leaves " + column + " to a default that is not known; give it")
				}
				continue
			}
			o, constant := p.operand(p.unwrap(values[at]), plan.params)
			switch {
			case constant && p.Tokens[o.from].Kind != sqltext.Introducer:
				*one = cell{tok: int32(o.tok), param: int32(o.param), neg: o.neg}
			case i == 0:
				return cannot("an expression gives " + column + "; give a constant")
			}
		}
	}
	plan.initial = check
	return nil
}

// HoldsInitial reports whether the plan has to be held against `initial` before an
// INSERT is sent: see [Plan.BindInsert].
func (p *Plan) HoldsInitial() bool { return p.initial != nil }

// BindInsert gives the conflict of an INSERT that gives a state which the policy
// does not allow at first, nil where there is none. t and params are those of the
// execution.
func (p *Plan) BindInsert(t *sqltext.Text, params []Value) *Conflict {
	n, m := p.initial, p.Table.status
	if !m.hasInitial {
		return nil
	}
	for row := 0; row < len(n.cells)/n.width; row++ {
		at := n.cells[row*n.width]
		v, utf8 := n.given[0], true
		if at.tok >= 0 {
			v, utf8 = p.value(t, at.operand(), params), n.utf8
		}
		if m.begins(v, utf8) {
			continue
		}
		key := p.newRowText(t, params, row)
		c := &Conflict{Kind: StatusConflict, Table: p.Table, Key: key, Found: m.column.Name + "=" + m.column.show(v), Reason: "initial"}
		c.Expected = statesText(m.initial)
		if len(m.initial) == 0 {
			c.Expected = "nothing"
		}
		c.Message = fmt.Sprintf("ifmatch: status conflict on %s %s: %s is %s, an INSERT may give %s", p.Table.Name, key, m.column.Name, m.column.show(v), c.Expected)
		return c
	}
	return nil
}

// begins reports whether a row may be inserted with that state: whether it is
// provably one of those listed.
func (m *machine) begins(v Value, utf8 bool) bool {
	for _, s := range m.initial {
		if m.column.is(s, v, utf8) {
			return true
		}
	}
	return false
}

// is reports whether the column provably holds the state once v is stored in it.
func (c *Column) is(s stateValue, v Value, utf8 bool) bool {
	whole, isWhole := v.integer()
	switch {
	case v.Kind == Null || s.isNull():
		return v.Kind == Null && s.isNull()
	case s.numeric:
		return isWhole && whole.String() == s.text
	case v.Kind == Integer:
		return c.Class == schema.String && v.String() == s.text
	case v.Kind == Text && (portableText(v.Text) || utf8):
		// Numbers in quotes stand for elements of an ENUM.
		return v.Text == s.text
	}
	return false
}

// newRowText shows the key of a row that an INSERT would make.
func (p *Plan) newRowText(t *sqltext.Text, params []Value, row int) string {
	n := p.initial
	key := make([]Value, len(p.Table.Key))
	for i := range key {
		at := n.cells[row*n.width+1+i]
		if key[i] = n.given[1+i]; at.tok >= 0 {
			key[i] = p.value(t, at.operand(), params)
		}
		if k := key[i].Kind; k == NoValue || k == Null {
			return "(new row)"
		}
	}
	return p.Table.keyText(key)
}
