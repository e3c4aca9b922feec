package rewrite

import (
	"strconv"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// numberer is the column of a table that a counter fills.
type numberer struct {
	column  Column
	counter string
}

// numbering says where an INSERT has the values of the numbered column.
type numbering struct {
	head      string // what is put in to name the column, "" where it is named or need not be
	headAt    int    // the token behind which it is put
	cells     []numberCell
	upserts   bool // ON DUPLICATE KEY UPDATE
	byParams  bool // whether a parameter of the client's may have to be numbered
	constants bool // whether one of its constants may
}

// numberCell is the numbered column of one row.
type numberCell struct {
	value   part    // what is replaced; where it is empty, the number is put behind token from-1
	lead    string  // what is put before the number
	fill    bool    // a number is wanted whatever the execution
	operand Operand // else one is wanted where this is NULL or 0
}

// maxNumbered bounds the rows of one INSERT that are numbered.
const maxNumbered = 65536

// numbered adds to the plan of an INSERT or REPLACE what its numbered column needs,
// or refuses what cannot be numbered rightly.
func (p *planner) numbered(verb int, plan *Plan) *Plan {
	if plan.Verdict == Refuse || p.of != policy.ModeEnforce {
		return plan
	}
	i := verb + 1
	for p.oneOf(i, "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO") {
		i++
	}
	t, view, next := p.numberedTable(i)
	if t == nil {
		return plan
	}
	column := &t.number.column
	leaves := func(why string) *Plan {
		return refuse(t, "%s: %s is filled from counter %s where it is left out, and that cannot be done %s; give the column a value",
			t.Name, column.Name, t.number.counter, why)
	}
	if view {
		return leaves("through a view")
	}
	if !ascii(column.Name) && !p.env.UTF8 {
		return leaves("in the session's character set")
	}
	one := *p.reader
	upserts := -1
	for j := next; j < p.stmt.to && upserts < 0; j++ {
		if p.word(j, "ON") && p.word(j+1, "DUPLICATE") {
			upserts = j
		}
	}
	if upserts >= 0 {
		one.stmt.to = upserts
	}
	q := &planner{reader: &one, rules: p.rules, env: p.env}
	w, readable := q.tuples(next)
	if !readable {
		if q.givesColumn(next, column) {
			return plan // it is given, by a SELECT
		}
		return leaves("in INSERT … SELECT and the like")
	}
	n, sure := q.numberCells(t, w, next, p.parameters())
	switch {
	case !sure:
		return leaves("where it is not sure which value is whose")
	case n == nil || len(n.cells) == 0:
		return plan
	case len(n.cells) > maxNumbered:
		return leaves("for more than " + strconv.Itoa(maxNumbered) + " rows")
	}
	n.upserts = upserts >= 0
	if n.upserts && n.always() {
		return leaves("with ON DUPLICATE KEY UPDATE, which may write another row")
	}
	plan.number, plan.Table, plan.params = n, t, p.parameters()
	plan.Why += "; " + column.Name + " is filled from counter " + t.number.counter
	if !n.always() {
		plan.Why += " where it is NULL or 0"
	}
	return plan
}

// guards reports whether the policy says more of the table than how it is numbered.
func (t *Table) guards() bool {
	return t.number == nil || t.Version != nil || t.status != nil || len(t.require) > 0
}

// numberedTable reads [schema.]table at i, which an INSERT writes to. t is nil where
// it is not numbered.
func (p *planner) numberedTable(i int) (t *Table, view bool, next int) {
	ref, next, ok := p.column(i)
	if !ok || ref.schema != "" {
		return nil, false, next
	}
	n := schema.Name{Schema: ref.table, Name: ref.column}
	if n.Schema == "" {
		n.Schema = p.env.DB
	}
	n = p.rules.fold(n)
	if t = p.rules.tables[n]; t == nil {
		var base schema.Name
		if base, view = p.rules.views[n]; view {
			t = p.rules.Table(base, "")
		}
	}
	if t == nil || t.number == nil || p.env.mode(t) != policy.ModeEnforce {
		return nil, false, next
	}
	return t, view, next
}

// always reports whether a number is wanted whatever the execution.
func (n *numbering) always() bool {
	for _, c := range n.cells {
		if c.fill {
			return true
		}
	}
	return false
}

// givesColumn reports whether an INSERT that is no list of values gives the column a
// value: it names it, or names none and the column is one of all.
func (p *planner) givesColumn(i int, column *Column) bool {
	if p.word(i, "PARTITION") && p.op(i+1, "(") {
		i = p.closing(i+1, p.stmt.to) + 1
	}
	if !p.op(i, "(") || p.oneOf(i+1, "SELECT", "WITH", "TABLE", "VALUES") || p.op(i+1, "(") {
		return column.def != nil && !column.def.Invisible
	}
	for _, c := range p.items(part{i + 1, p.closing(i, p.stmt.to)}) {
		if ref, next, ok := p.column(c.from); ok && next == c.to && sameName(ref.column, column.Name) {
			return true
		}
	}
	return false
}

// numberCells finds the numbered column in the rows of w, whose list of columns
// begins at i. sure is false where it may be in another place.
func (p *planner) numberCells(t *Table, w tuples, i int, params []int32) (n *numbering, sure bool) {
	column := &t.number.column
	name := string(quoteName(nil, column.Name))
	if p.word(i, "PARTITION") && p.op(i+1, "(") {
		i = p.closing(i+1, p.stmt.to) + 1
	}
	n = &numbering{}
	if p.word(i, "SET") {
		return n, p.assignedNumber(n, w, i, name, column, params)
	}
	list, closing := p.op(i, "("), i
	if list {
		closing = p.closing(i, p.stmt.to)
	}
	unnamed := w.columns == nil
	if !w.complete(t.columns) {
		// The server will say what is wrong with it, unless a name is one that we do
		// not know.
		for _, c := range w.columns {
			if t.columns.Column(c) == nil {
				return nil, false
			}
		}
		return nil, true
	}
	at, ok := w.place(column.Name)
	if !ok {
		return nil, false
	}
	empty := 0
	for _, row := range w.rows {
		if len(row) == 0 {
			empty++
		}
	}
	switch {
	case empty > 0 && empty < len(w.rows):
		return nil, false // rows of defaults among others
	case empty > 0 && list:
		n.head, n.headAt = name, i
	case empty > 0:
		n.head, n.headAt = " ("+name+")", i-1
	case at < 0 && unnamed && list:
		return nil, false
	case at < 0 && unnamed:
		n.head, n.headAt = " ("+allColumns(w.columns)+name+")", i-1
	case at < 0:
		n.head, n.headAt = ", "+name, closing-1
	}
	if !p.env.UTF8 && !ascii(n.head) {
		return nil, false
	}
	open := i // of the row
	if list {
		open = closing + 1
	}
	for range w.rows {
		open++ // VALUES or the comma
		end := p.closing(open, p.stmt.to)
		row := p.items(part{open + 1, end})
		switch {
		case len(row) == 0:
			n.cells = append(n.cells, numberCell{value: part{end, end}, fill: true})
		case at < 0:
			n.cells = append(n.cells, numberCell{value: part{end, end}, lead: ", ", fill: true})
		default:
			n.addGiven(p, row[at], params)
		}
		open = end + 1
	}
	return n, true
}

// allColumns lists column names, each with a comma behind it.
func allColumns(names []string) string {
	var list []byte
	for _, c := range names {
		list = append(quoteName(list, c), ", "...)
	}
	return string(list)
}

// assignedNumber is numberCells for INSERT … SET, which begins at i.
func (p *planner) assignedNumber(n *numbering, w tuples, i int, name string, column *Column, params []int32) (sure bool) {
	at, ok := w.place(column.Name)
	if !ok || len(w.rows) != 1 {
		return false
	}
	if at < 0 {
		n.cells = append(n.cells, numberCell{value: part{w.end, w.end}, lead: ", " + name + " = ", fill: true})
		return true
	}
	n.addGiven(p, w.rows[0][at], params)
	return true
}

// addGiven adds a value that the statement gives the column, if it may have to give
// way to a number.
func (n *numbering) addGiven(p *planner, value part, params []int32) {
	if p.isDefault(value) {
		n.cells = append(n.cells, numberCell{value: value, fill: true})
		return
	}
	o, ok := p.operand(p.unwrap(value), params)
	if !ok || p.Tokens[o.from].Kind == sqltext.Introducer {
		return // an expression is kept
	}
	c := numberCell{value: value, operand: o}
	switch {
	case o.param >= 0:
		n.byParams = true
	case p.Tokens[o.tok].Kind == sqltext.Word:
		c.fill = true // NULL
	default:
		n.constants = true
	}
	n.cells = append(n.cells, c)
}

// Counter gives the name of the counter that numbers the rows of the INSERT, and
// whether there is one.
func (p *Plan) Counter() (name string, numbers bool) {
	if p.number == nil {
		return "", false
	}
	return p.Table.number.counter, true
}

// NumbersParams reports whether a parameter of the client's may have to give way to
// a number.
func (p *Plan) NumbersParams() bool { return p.number.byParams }

// Wanting gives the rows, by their index among those whose column may be numbered,
// that need a number: those that leave the column out or give it NULL or DEFAULT,
// and, unless zeroes is false, 0. hasZero is whether zeroes matters. With a nil params
// those are told that need one whatever the parameters.
func (p *Plan) Wanting(t *sqltext.Text, params []Value, zeroes bool) (rows []int, hasZero bool) {
	for i, c := range p.number.cells {
		if c.fill {
			rows = append(rows, i)
			continue
		}
		if c.operand.param >= 0 && params == nil {
			continue
		}
		v := p.value(t, c.operand, params)
		n, whole := v.integer()
		switch {
		case v.Kind == Null:
			rows = append(rows, i)
		case whole && n.Abs == 0:
			hasZero = true
			if zeroes {
				rows = append(rows, i)
			}
		}
	}
	return rows, hasZero
}

// NumberedParam gives the parameter that is the numbered column of a row that
// Wanting gave, or -1 where it is none.
func (p *Plan) NumberedParam(row int) int {
	if c := p.number.cells[row]; !c.fill {
		return c.operand.param
	}
	return -1
}

// RefusesNumbers says why the rows that want numbers cannot have them, or "".
func (p *Plan) RefusesNumbers() string {
	if p.number.upserts {
		return p.Table.Name.String() + ": " + p.Table.number.column.Name + " is NULL or 0, and is not filled from its counter with ON DUPLICATE KEY UPDATE, which may write another row"
	}
	return ""
}

// NumberFits reports whether the numbered column can hold n.
func (p *Plan) NumberFits(n int64) bool {
	c := &p.Table.number.column
	return n > 0 && (c.def == nil || uint64(n) <= c.def.Max())
}

// NumberedColumn names the column for people.
func (p *Plan) NumberedColumn() string { return p.Table.Label + "." + p.Table.number.column.Name }

// AppendNumbered appends the client's statement to dst with SQL in the place of the
// numbers that the rows want: number appends that of rows[i]. at has the offsets in
// dst at which they stand.
func (p *Plan) AppendNumbered(dst []byte, t *sqltext.Text, rows []int, number func(dst []byte, i int) []byte) (_ []byte, at []int) {
	toks := tokens(t)
	copied := int32(0) // of the client's text
	put := func(to int32, behind int32, text func()) {
		dst = append(dst, t.SQL[copied:to]...)
		text()
		copied = behind
	}
	if p.number.head != "" {
		end := toks[p.number.headAt].End
		put(end, end, func() { dst = append(dst, p.number.head...) })
	}
	for i, row := range rows {
		c := p.number.cells[row]
		from := toks[c.value.from-1].End
		behind := from
		if !c.value.empty() {
			from, behind = toks[c.value.from].Start, toks[c.value.to-1].End
		}
		put(from, behind, func() {
			dst = append(dst, c.lead...)
			at = append(at, len(dst))
			dst = number(dst, i)
		})
	}
	return append(dst, t.SQL[copied:]...), at
}

// compileNumber finds the numbered column.
func (t *Table) compileNumber(column, counter string) {
	t.number = &numberer{column: t.column(column), counter: counter}
}

// lastInsertID reads LAST_INSERT_ID(operand), whose value is that of a whole number
// in it.
func (p *planner) lastInsertID(value part, params []int32) (Operand, bool) {
	if value.to-value.from < 4 || !p.op(value.from+1, "(") || p.closing(value.from+1, value.to) != value.to-1 {
		return Operand{}, false
	}
	if name, ok := p.Name(value.from); !ok || !sameName(name, "LAST_INSERT_ID") {
		return Operand{}, false
	}
	return p.operand(part{value.from + 2, value.to - 1}, params)
}

// numberedLoad refuses LOAD DATA that leaves the numbered column out.
func (p *planner) numberedLoad(plan *Plan) *Plan {
	var t *Table
	for i := p.stmt.from; i < p.stmt.to && t == nil; i++ {
		if p.word(i, "INTO") && p.word(i+1, "TABLE") {
			t, _, _ = p.numberedTable(i + 2)
		}
	}
	if t == nil || plan.Verdict == Refuse {
		return plan
	}
	column := &t.number.column
	given := column.def != nil && !column.def.Invisible
	for i := p.stmt.from; i < p.stmt.to; i++ {
		if p.op(i, "(") && !p.word(i-1, "PARTITION") {
			given = p.givesColumn(i, column)
			break
		}
	}
	set := p.find(p.stmt, "SET")
	if p.word(set-1, "CHARACTER") {
		set = p.find(part{set + 1, p.stmt.to}, "SET")
	}
	for _, a := range p.items(part{set + 1, p.stmt.to}) {
		if ref, _, ok := p.column(a.from); ok && sameName(ref.column, column.Name) {
			given = true
		}
	}
	if !given {
		return refuse(t, "LOAD DATA into %s that leaves out %s, which is filled from counter %s: write INSERT", t.Name, column.Name, t.number.counter)
	}
	return plan
}
