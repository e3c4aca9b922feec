package rewrite

import (
	"github.com/pingcap/tidb/pkg/parser/ast"

	"ifmatch/sqltext"
)

// selectedState finds the state that INSERT … SELECT gives all of its rows, where it
// is a constant or the column's default. w is what tuples has read of the statement.
func (p *planner) selectedState(plan *Plan, w tuples) bool {
	t, column := plan.Table, plan.Table.status.column
	if !p.word(w.values, "SELECT") {
		return false
	}
	i := w.values + 1
	for p.oneOf(i, "ALL", "DISTINCT", "DISTINCTROW", "HIGH_PRIORITY", "STRAIGHT_JOIN", "SQL_SMALL_RESULT", "SQL_BIG_RESULT",
		"SQL_BUFFER_RESULT", "SQL_NO_CACHE") {
		i++
	}
	items := p.list(part{i, p.find(part{i, p.stmt.to}, "FROM", "WHERE", "GROUP", "HAVING", "WINDOW", "ORDER", "LIMIT", "OFFSET", "FETCH",
		"INTO", "FOR", "LOCK", "PROCEDURE", "UNION", "EXCEPT", "INTERSECT", "MINUS")})
	w.rows = [][]part{items}
	if !w.complete(t.columns) {
		return false
	}
	at, ok := w.place(column.Name)
	if !ok || !p.sameSelect(plan, w, at) {
		return false
	}
	check := &initialCheck{width: 1 + len(t.Key), given: make([]Value, 1+len(t.Key)), utf8: p.env.UTF8}
	for range check.width {
		check.cells = append(check.cells, cell{tok: -1})
	}
	if at < 0 {
		check.given[0], ok = column.left()
	} else {
		var o Operand
		o, ok = p.operand(p.withoutAlias(items[at]), plan.params)
		if ok && p.Tokens[o.from].Kind == sqltext.Introducer {
			return false
		}
		check.cells[0] = cell{tok: int32(o.tok), param: int32(o.param), neg: o.neg}
	}
	if ok {
		plan.initial = check
	}
	return ok
}

// sameSelect reports whether the parser finds the same table and columns in INSERT …
// SELECT, one SELECT with as many items, and a constant at the place, if there is one.
// WITH ROLLUP may give NULL in the place of a constant.
func (p *planner) sameSelect(plan *Plan, w tuples, at int) bool {
	s := p.parsedInsert(p.stmt.to)
	if s == nil || s.IsReplace || len(s.OnDuplicate) > 0 || !p.sameSource(plan, s.Table) {
		return false
	}
	if named := len(s.Columns); named != len(w.columns) && (named > 0 || !w.names.empty()) {
		return false
	}
	for i := range s.Columns {
		if !sameName(readable(w.columns[i]), s.Columns[i].Name.O) {
			return false
		}
	}
	of, ok := s.Select.(*ast.SelectStmt)
	if !ok || of.Kind != ast.SelectStmtKindSelect || of.With != nil || of.GroupBy != nil || of.Fields == nil || len(of.Fields.Fields) != len(w.columns) {
		return false
	}
	for i, f := range of.Fields.Fields {
		if f.WildCard != nil || i == at && !isConstant(f.Expr) {
			return false
		}
	}
	return true
}

// withoutAlias gives an item of a SELECT without the name that is given to it.
func (p *planner) withoutAlias(item part) part {
	switch last := item.to - 1; {
	case last-item.from >= 2 && p.word(last-1, "AS"):
		item.to = last - 1
	case last > item.from && p.isName(last):
		item.to = last
	}
	return item
}
