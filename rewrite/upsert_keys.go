package rewrite

import (
	"slices"

	"ifmatch/sqltext"
)

// This file is about the unique keys by which an upsert may meet rows.

// uniqueKeys finds what values the new rows have for the unique keys of the table.
func (p *planner) uniqueKeys(plan *Plan, w tuples) {
	t, u := plan.Table, plan.upsert
	names := make([]string, len(t.Key))
	for i, k := range t.Key {
		names[i] = k.Name
	}
	all := [][]string{names}
	if s := t.columns; s != nil {
		for _, unique := range append([][]string{s.Key}, s.Unique...) {
			same := func(other []string) bool { return slices.EqualFunc(unique, other, sameName) }
			if len(unique) > 0 && !slices.ContainsFunc(all, same) {
				all = append(all, unique)
			}
		}
		u.only = len(all) == 1 && !s.Opaque
	}
	if len(w.rows)*len(all) > maxHits {
		u.only = false
		return
	}
	if len(w.rows) == 0 {
		u.only = false
		p.selectedKeys(plan, w, all)
		return
	}
	u.named = true
	for n, unique := range all {
		k := uniqueKey{cells: make([]newCell, 0, len(unique)*len(w.rows))}
		for _, name := range unique {
			k.columns = append(k.columns, t.column(name))
		}
		for _, row := range w.rows {
			for i := range k.columns {
				c := p.newCell(plan, &w, row, &k.columns[i])
				u.named = u.named && (n > 0 || c.kind == cellNever || c.kind == cellGiven || c.kind == cellWritten && c.constant)
				k.cells = append(k.cells, c)
			}
		}
		u.keys = append(u.keys, k)
	}
}

// selectedKeys is uniqueKeys for rows that a SELECT gives.
func (p *planner) selectedKeys(plan *Plan, w tuples, all [][]string) {
	t, u := plan.Table, plan.upsert
	u.source, u.given = part{w.values, p.stmt.to}, len(w.columns)
	u.steady = p.steady(u.source)
	for _, unique := range all {
		k := uniqueKey{}
		for _, name := range unique {
			c := t.column(name)
			cell := p.newCell(plan, &w, nil, &c)
			if at, ok := w.place(name); ok && at >= 0 && (c.def == nil || !c.def.Generated) {
				cell = newCell{kind: cellSelected, column: at}
			}
			k.columns, k.cells = append(k.columns, c), append(k.cells, cell)
		}
		u.keys = append(u.keys, k)
	}
}

// steady reports whether a SELECT gives the same rows when it is asked again, as long
// as nobody writes what it reads.
func (p *planner) steady(source part) bool {
	for i := source.from; i < source.to; i++ {
		switch {
		case p.op(i, ":="), p.word(i, "INTO"):
			return false
		case p.word(i, "NEXT") && p.word(i+1, "VALUE"), p.word(i, "PREVIOUS") && p.word(i+1, "VALUE"):
			return false
		case p.isName(i) && p.op(i+1, "(") && (p.oneOf(i, unsteady...) || p.stored(source, i)):
			return false
		}
	}
	return true
}

// newCell finds where a new row has its value for a column.
func (p *planner) newCell(plan *Plan, w *tuples, row []part, c *Column) newCell {
	at, ok := w.place(c.Name)
	switch {
	case !ok, c.def != nil && c.def.Generated, plan.Table.columns != nil && plan.Table.columns.BeforeInsertNames(c.Name):
		return newCell{}
	case at < 0 || len(row) == 0 || p.isDefault(row[at]):
		if c.numbered() {
			return newCell{kind: cellNever}
		}
		v, ok := c.left()
		switch {
		case !ok:
			return newCell{}
		case v.Kind == Null:
			return newCell{kind: cellNever}
		}
		return newCell{kind: cellGiven, given: v}
	}
	value := row[at]
	o, constant := p.operand(p.unwrap(value), plan.params)
	if !constant && p.varies(value) {
		return newCell{}
	}
	return newCell{kind: cellWritten, part: value, operand: o, constant: constant}
}

// varies reports whether an expression may be something else in another statement:
// it names a column, or may give another answer.
func (p *planner) varies(value part) bool {
	if p.undecided(value) != "" {
		return true
	}
	for i := value.from; i < value.to; i++ {
		if p.Tokens[i].Kind == sqltext.Quoted || p.Tokens[i].Kind == sqltext.Word && !p.op(i+1, "(") && !p.oneOf(i, "NULL", "AND", "OR", "NOT", "AS", "INTERVAL") {
			return true
		}
	}
	return false
}
