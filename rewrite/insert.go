package rewrite

import (
	"fmt"
	"slices"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// maxNewRows bounds the rows of one INSERT that count as read. What loads more
// at once does not go on to edit them one by one, and a plan keeps their places.
const maxNewRows = 1000

// planInsert passes a plain INSERT and says which rows it makes, where it can be
// told. What replaces rows that are there is refused.
func (p *planner) planInsert(i int) *Plan {
	verb, delayed := i, false
	for i++; p.oneOf(i, "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO"); {
		delayed = delayed || p.word(i, "DELAYED")
		i++
	}
	t, view, next, ok := p.tableName(i)
	switch {
	case !ok:
		return p.unreadable("INSERT or REPLACE")
	case t == nil:
		return pass("it writes no guarded table")
	}
	if on := p.duplicateKey(); on >= 0 || p.word(verb, "REPLACE") {
		return p.planUpsert(t, view, verb, delayed, part{i, next}, on)
	}
	plan := pass("an INSERT takes nobody's update away")
	plan.Table, plan.params = t, p.parameters()
	plainly := verb == p.stmt.from && !view && !delayed
	if refused := p.initialCheck(plan, plainly, part{i, next}); refused != nil {
		return refused
	}
	if plan.initial != nil {
		if plan.Why = "the states that it gives are held against initial"; !t.status.hasInitial {
			plan.Why = "the states that it gives say which rows it takes"
		}
	}
	if !t.Captured() && t.pending == nil {
		return plan
	}
	why := "which rows it makes is not known"
	if plainly && p.insertion(plan, part{i, next}) {
		switch why = "its rows count as read"; {
		case plan.capture != nil:
			why += fmt.Sprintf(", as they are returned; hidden columns: %d", plan.capture.Hidden)
		case plan.insert.read:
			why += ", their tokens are read after it"
		}
	}
	plan.Why += "; " + why
	return plan
}

// duplicateKey gives the place of ON DUPLICATE KEY UPDATE in the statement, or -1.
func (p *planner) duplicateKey() int {
	for i := p.stmt.from; i < p.stmt.to; i++ {
		if p.word(i, "DUPLICATE") && p.word(i-1, "ON") && p.word(i+1, "KEY") {
			return i - 1
		}
	}
	return -1
}

// insertion finds the rows of the INSERT into the table of that name.
func (p *planner) insertion(plan *Plan, name part) bool {
	t, v := plan.Table, plan.Table.Version
	w, ok := p.tuples(name.to)
	if !ok || len(w.rows) > maxNewRows || !p.sameInsert(plan, w) || !w.complete(t.columns) {
		return false
	}
	if w.returns {
		plan.capture = p.returned(t, name, w.end+1)
		return plan.capture != nil
	}
	n := &insertion{rows: len(w.rows), first: len(w.rows) == 1 && !p.tellsAnother()}
	n.read = v.Column.digest != nil || v.Bump != policy.BumpIncrement
	if t.columns != nil {
		n.read = n.read || t.columns.BeforeInsert() || !p.rules.Catalog.SeesTriggers()
	}
	columns := make([]*Column, 0, len(t.Key)+2)
	for k := range t.Key {
		columns = append(columns, &t.Key[k])
	}
	if !n.read {
		if columns = append(columns, &v.Column); v.Term != nil {
			columns = append(columns, v.Term)
		}
		n.read = !p.cells(plan, n, w, columns)
	}
	if n.read {
		if columns = columns[:len(t.Key)]; !p.cells(plan, n, w, columns) {
			return false
		}
	}
	plan.insert = n
	return true
}

// cells finds the values of the columns in every row. The first of them are
// those of the key.
func (p *planner) cells(plan *Plan, n *insertion, w tuples, columns []*Column) bool {
	t := plan.Table
	n.given, n.cells = make([]Value, len(columns)), make([]cell, 0, len(columns)*n.rows)
	at := make([]int, len(columns))
	for i, c := range columns {
		var ok bool
		if at[i], ok = w.place(c.Name); !ok {
			return false
		}
		if i < len(t.Key) && t.columns != nil && t.columns.BeforeInsertNames(c.Name) {
			return false // a trigger may give another key
		}
	}
	for _, row := range w.rows {
		for i, c := range columns {
			if at[i] >= 0 && len(row) > 0 && !p.isDefault(row[at[i]]) {
				o, ok := p.operand(p.unwrap(row[at[i]]), plan.params)
				whole := false
				if !ok {
					o, ok = p.lastInsertID(p.unwrap(row[at[i]]), plan.params)
					whole = true
				}
				if !ok || p.Tokens[o.from].Kind == sqltext.Introducer {
					return false
				}
				n.cells = append(n.cells, cell{tok: int32(o.tok), param: int32(o.param), neg: o.neg, whole: whole})
				continue
			}
			var ok bool
			if n.given[i], ok = c.given(i >= len(t.Key)); !ok && (i >= len(t.Key) || !n.first || !c.numbered()) {
				return false
			}
			n.cells = append(n.cells, cell{tok: -1})
		}
	}
	return true
}

func (p *planner) isDefault(value part) bool {
	return value.to == value.from+1 && p.word(value.from, "DEFAULT")
}

// tellsAnother reports whether LAST_INSERT_ID has an argument in the statement,
// which then may be what the OK packet tells.
func (p *planner) tellsAnother() bool {
	for i := p.stmt.from; i < p.stmt.to; i++ {
		if name, ok := p.Name(i); ok && sameName(name, "LAST_INSERT_ID") && p.op(i+1, "(") && !p.op(i+2, ")") {
			return true
		}
	}
	return false
}

// given gives the value that the server gives a column that a statement leaves
// out. NULL is the value of a version, but of no key.
func (c *Column) given(version bool) (Value, bool) {
	if c.def == nil || c.def.Generated || c.def.AutoIncrement || c.def.DefaultIsExpression {
		return Value{}, false
	}
	var v Value
	switch {
	case c.def.Default == nil:
		v = Value{Kind: Null}
	case c.Class == schema.Integer, c.Class == schema.String:
		v = TextValue(*c.def.Default)
	case c.Class == schema.Decimal:
		v = DecimalValue(*c.def.Default)
	default:
		return v, false // how the catalog shows it depends on the service account's session
	}
	if version {
		return c.version(v)
	}
	return c.stored(v, true)
}

// tuples is what an INSERT has in it.
type tuples struct {
	columns []string // nil where the statement names none
	rows    [][]part // the values; a row of none is one of defaults
	end     int      // the token behind the rows
	returns bool     // that token is RETURNING

	names  part     // the list of columns, without its parentheses
	values int      // VALUES, or SET
	set    bool     // it is SET
	alias  string   // MySQL's name for a new row, "" if there is none
	called []string // and for its columns, nil if they have their own
}

// tuples reads what stands behind the table's name: VALUES or SET. Anything
// else, and anything behind them but MySQL's AS alias and MariaDB's RETURNING,
// makes it false.
func (p *planner) tuples(i int) (w tuples, ok bool) {
	if p.word(i, "PARTITION") && p.op(i+1, "(") {
		i = p.closing(i+1, p.stmt.to) + 1
	}
	first := i
	for p.op(first, "(") {
		first++
	}
	if p.op(i, "(") && !p.oneOf(first, "SELECT", "WITH", "TABLE", "VALUES") {
		end := p.closing(i, p.stmt.to)
		w.names = part{i + 1, end}
		for _, c := range p.items(w.names) {
			ref, next, ok := p.column(c.from)
			if !ok || next != c.to {
				return w, false
			}
			w.columns = append(w.columns, ref.column)
		}
		i = end + 1
	}
	w.values = i
	switch {
	case p.oneOf(i, "VALUES", "VALUE"):
		w.end = i
		for w.end == i || p.op(w.end, ",") {
			end := p.closing(w.end+1, p.stmt.to)
			if !p.op(w.end+1, "(") || end >= p.stmt.to {
				return w, false
			}
			w.rows = append(w.rows, p.items(part{w.end + 2, end}))
			w.end = end + 1
		}
	case p.word(i, "SET") && w.columns == nil:
		w.end = p.find(part{i, p.stmt.to}, "AS", "RETURNING")
		var row []part
		for _, a := range p.items(part{i + 1, w.end}) {
			ref, next, ok := p.column(a.from)
			if !ok || !p.op(next, "=") && !p.op(next, ":=") {
				return w, false
			}
			w.columns, row = append(w.columns, ref.column), append(row, part{next + 1, a.to})
		}
		if w.columns == nil {
			return w, false
		}
		w.rows, w.set = [][]part{row}, true
	default:
		return w, false
	}
	i = w.end
	if w.returns = p.word(i, "RETURNING"); w.returns {
		return w, true
	}
	if p.word(i, "AS") && p.isName(i+1) {
		w.alias, _ = p.Name(i + 1)
		if i += 2; p.op(i, "(") {
			end := p.closing(i, p.stmt.to)
			for _, c := range p.items(part{i + 1, end}) {
				name, _ := p.Name(c.from)
				w.called = append(w.called, name)
			}
			i = end + 1
		}
	}
	return w, i == p.stmt.to
}

// items splits a list that may be empty.
func (p *planner) items(in part) []part {
	if in.empty() {
		return nil
	}
	return p.list(in)
}

// complete gives the columns their names where the statement has none. It
// reports whether every row has as many values, and whether all names are known:
// the server takes ö and o for the same letter in them, so that an unknown one
// may be that of a column which seems to be left out.
func (w *tuples) complete(t *schema.Table) bool {
	unnamed := w.columns == nil
	if unnamed {
		if t == nil {
			return false
		}
		for _, c := range t.Columns {
			if !c.Invisible {
				w.columns = append(w.columns, c.Name)
			}
		}
	}
	for _, c := range w.columns {
		if t != nil && !slices.ContainsFunc(t.Columns, func(known *schema.Column) bool { return sameName(known.Name, c) }) {
			return false
		}
	}
	for _, row := range w.rows {
		if len(row) != len(w.columns) && (!unnamed || len(row) > 0) {
			return false
		}
	}
	return true
}

// place gives the position of a column's values in a row, -1 where the statement
// leaves it out. ok is false where it cannot be told.
func (w *tuples) place(column string) (at int, ok bool) {
	at = -1
	for i, c := range w.columns {
		if !sameName(c, column) {
			continue
		}
		if at >= 0 {
			return -1, false
		}
		at = i
	}
	return at, true
}

// sameInsert reads the statement a second time, with a parser of the whole
// grammar, and reports whether it finds the same table, columns and values.
func (p *planner) sameInsert(plan *Plan, w tuples) bool {
	s := p.parsedInsert(w.end) // the parser does not know AS alias
	if s == nil || s.IsReplace != p.word(p.stmt.from, "REPLACE") || s.Select != nil || len(s.OnDuplicate) > 0 || !p.sameSource(plan, s.Table) ||
		len(s.Columns) != len(w.columns) || len(s.Lists) != len(w.rows) {
		return false
	}
	for i, c := range w.columns {
		if !sameName(readable(c), s.Columns[i].Name.O) {
			return false
		}
	}
	for i, row := range w.rows {
		if len(row) != len(s.Lists[i]) {
			return false
		}
		for j, value := range row {
			if !p.sameValue(plan, value, s.Lists[i][j]) {
				return false
			}
		}
	}
	return true
}

// parsedInsert reads the INSERT or REPLACE up to a token with the parser of the whole
// grammar. It is nil where the parser cannot, or reads something else.
func (p *planner) parsedInsert(end int) *ast.InsertStmt {
	one := *p.reader
	one.stmt.to = end
	for i := one.stmt.from; i < one.stmt.to; i++ {
		if one.op(i, "?") {
			return nil // no parameter: a name stands directly behind it
		}
	}
	s, _ := p.env.parse((&planner{reader: &one}).canonical()).(*ast.InsertStmt)
	return s
}

// sameValue reports whether a value that is a constant or DEFAULT to us is one
// to the parser.
func (p *planner) sameValue(plan *Plan, value part, e ast.ExprNode) bool {
	for {
		inner, ok := e.(*ast.ParenthesesExpr)
		if !ok {
			break
		}
		e = inner.Expr
	}
	if p.isDefault(value) {
		d, ok := e.(*ast.DefaultExpr)
		return ok && d.Name == nil
	}
	_, ours := p.operand(p.unwrap(value), plan.params)
	return !ours || isConstant(e)
}
