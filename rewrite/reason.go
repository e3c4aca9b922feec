package rewrite

import (
	"fmt"
	"strconv"
	"strings"

	"ifmatch/policy"
)

// This file says why require or status keep a write from its row. The probe asks
// for the first part that fails as a code: a letter, and numbers that say which
// one it is.
//
//	f2     no transition of group 2 leads there from the row's state
//	r0     the table's require, condition 0
//	q1.0   require of transition 1, condition 0
//	w1.0   when of transition 1, filter 0; u1.0 the same for unless
//	o      no transition names the state
//	n      the state is almost one that is named
//	p, l   the row is taken, or no longer by the writer: see pending.go
//
// It is empty where all holds.

// asks reports whether an execution asks anything of the row's columns besides
// its version.
func (p *Plan) asks(b *Binding) bool {
	return len(p.Table.require) > 0 || p.Table.pending != nil || b.target.kind != targetNone && b.target.kind != targetPasses
}

// reasonColumns gives the number of columns that a probe has for this.
func (p *Plan) reasonColumns(b *Binding) int {
	if !p.asks(b) {
		return 0
	}
	n := 1
	if p.Table.status != nil {
		n++
	}
	if b.target.kind == targetByRow {
		n++
	}
	return n
}

// reasons writes the columns of a probe: the row's status and, where only the
// server knows it, the new one as messages show them, and the code.
func (w *writer) reasons() {
	if m := w.Table.status; m != nil {
		w.shown(m.column)
		w.lit(", ")
		if w.target.kind == targetByRow {
			w.givenText()
			w.lit(", ")
		}
	}
	w.lit("CAST(")
	w.pendingReason(w.code)
	w.lit(" AS BINARY), ")
}

// code writes the code of what status and require ask.
func (w *writer) code() {
	code := func(s string) func() { return func() { w.lit("'" + s + "'") } }
	switch w.target.kind {
	case targetGroup:
		w.firstOf(w.target.group)
	case targetOther:
		code("o")()
	case targetNear:
		code("n")()
	case targetByRow:
		w.byTarget(w.firstOf, code("n"), func() {
			if w.Table.status.otherwise == policy.OtherwiseRefuse {
				code("o")()
				return
			}
			w.firstRequired()
		})
	default:
		w.firstRequired()
	}
}

// firstOf writes the code of the first part that fails of a group's transitions.
func (w *writer) firstOf(group int) {
	m := w.Table.status
	by := m.groups[group].by
	w.lit("CASE WHEN (")
	for n, i := range by {
		if n > 0 {
			w.lit(" OR ")
		}
		w.from(i)
	}
	w.lit(") IS NOT TRUE THEN 'f" + strconv.Itoa(group) + "'")
	w.required()
	if len(by) > 1 {
		for _, i := range by {
			w.lit(" WHEN ")
			w.guardOf(i)
			w.lit(" THEN ''")
		}
	}
	for n, i := range by {
		terms := w.terms(i)
		if len(terms) == 0 {
			continue // it allows the change where its from holds
		}
		if n < len(by)-1 {
			w.lit(" WHEN ")
			w.from(i)
			w.lit(" THEN CASE")
		}
		w.failing(i, terms)
		if n < len(by)-1 {
			w.lit(" ELSE '' END")
		}
	}
	w.lit(" ELSE '' END")
}

// failing writes a WHEN for each of the terms of a transition.
func (w *writer) failing(i int, terms []term) {
	for _, t := range terms {
		w.lit(" WHEN (")
		t.write()
		w.lit(") IS NOT TRUE THEN '" + string(t.kind) + strconv.Itoa(i) + "." + strconv.Itoa(t.index) + "'")
	}
}

// firstRequired writes the code of the first condition of the table that fails.
func (w *writer) firstRequired() {
	if len(w.Table.require) == 0 {
		w.lit("''")
		return
	}
	w.lit("CASE")
	w.required()
	w.lit(" ELSE '' END")
}

// required writes a WHEN for each condition of the table.
func (w *writer) required() {
	for n := range w.Table.require {
		w.lit(" WHEN (")
		w.condition(&w.Table.require[n])
		w.lit(") IS NOT TRUE THEN 'r" + strconv.Itoa(n) + "'")
	}
}

// statusConflict is the conflict that the columns of a probe speak of, nil where
// nothing fails.
func (p *Plan) statusConflict(b *Binding, key string, columns Row) *Conflict {
	t, m := p.Table, p.Table.status
	code := string(columns[len(columns)-1])
	if code == "" {
		return nil
	}
	c := &Conflict{Kind: StatusConflict, Table: t, Key: key}
	found, given := "", b.target.value.String()
	if m != nil {
		v := shownValue(columns[0])
		found = m.column.show(v)
		if b.target.kind == targetByRow {
			given = m.column.show(shownValue(columns[1]))
		} else if p.removes() {
			given = p.Verb.String()
		} else {
			given = m.column.show(b.target.value)
		}
	}
	one, two := codeNumbers(code)
	switch code[0] {
	case codeTaken, codeLost:
		return p.takenConflict(key, found, code[0] == codeLost)
	case 'f':
		c.Expected, c.Reason = m.followed(one), "status"
		c.Found = m.column.Name + "=" + found
		c.Message = given + " may follow " + c.Expected
	case 'o':
		c.Expected, c.Reason = "nothing", "status"
		c.Found = m.column.Name + "=" + found
		c.Message = given + " may follow nothing: no transition names it"
	case 'n':
		c.Expected, c.Reason = "nothing", "status"
		c.Found = m.column.Name + "=" + found
		c.Message = given + " may follow nothing: it is almost a state that the policy names, and not exactly"
	case 'r':
		c.Reason = "require " + t.require[one].column.Name
	case 'q':
		c.Reason = "require " + m.transitions[one].require[two].column.Name
	case 'w':
		c.Reason = "when " + strconv.Itoa(two+1)
	case 'u':
		c.Reason = "unless " + strconv.Itoa(two+1)
	}
	switch {
	case c.Message == "":
		c.Expected = t.expects(code[0], m, one, two)
		c.Message = c.Reason + " failed"
	case t.Settings.Disclose:
		c.Message = m.column.Name + " is " + found + ", " + c.Message
	default:
		c.Found = ""
	}
	c.Message = fmt.Sprintf("ifmatch: status conflict on %s %s: %s", t.Name, key, c.Message)
	return c
}

// expects says what a condition asks, for SHOW IFMATCH CONFLICT. Filters say
// nothing: they are SQL.
func (t *Table) expects(kind byte, m *machine, one, two int) string {
	var c *condition
	switch kind {
	case 'r':
		c = &t.require[one]
	case 'q':
		c = &m.transitions[one].require[two]
	default:
		return ""
	}
	return c.column.Name + ": " + c.text()
}

// codeNumbers reads the numbers of a code.
func codeNumbers(code string) (one, two int) {
	a, b, _ := strings.Cut(code[1:], ".")
	one, _ = strconv.Atoi(a)
	two, _ = strconv.Atoi(b)
	return one, two
}

// followed lists the states that a group's transitions lead from.
func (m *machine) followed(group int) string {
	by := m.groups[group].by
	var values []stateValue
	var all []string
	for _, i := range by {
		from := m.transitions[i].from
		if from.Not || len(by) == 1 {
			all = append(all, from.text())
			continue
		}
		for _, v := range from.Values {
			s, _ := from.column.stateOf(v)
			if !containsState(values, s) {
				values = append(values, s)
			}
		}
	}
	if len(values) > 0 {
		all = append([]string{statesText(values)}, all...)
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, ", or ")
}

func containsState(values []stateValue, v stateValue) bool {
	for _, other := range values {
		if other == v {
			return true
		}
	}
	return false
}
