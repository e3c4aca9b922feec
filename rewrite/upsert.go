package rewrite

import (
	"slices"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"ifmatch/policy"
	"ifmatch/schema"
)

// maxHits bounds the rows that one upsert is held against: those that it may meet
// by each of the table's unique keys. A plan keeps where their values stand.
const maxHits = 1000

// upsert is what a plan knows of an INSERT … ON DUPLICATE KEY UPDATE or a REPLACE.
type upsert struct {
	rows    int         // 0 where a SELECT gives them
	source  part        // that SELECT
	given   int         // and how many columns it has
	steady  bool        // asked twice, it gives the same rows
	keys    []uniqueKey // the policy's key, then the table's other unique ones; nil where rows cannot be found by them
	only    bool        // the policy's key is the only way to meet a row
	named   bool        // constants give it for each row
	ignore  bool        // IGNORE may leave rows out
	free    bool        // upsert: allow
	items   []assignedItem
	own     int       // the item that assigns the version, -1 if none does
	early   bool      // another item reads the version, so that it is raised behind them
	version []newCell // of each row, the version that the statement says it is at, or brings; nil where it says none
	term    []newCell // the same for the term
	states  []newCell // of each row, the state that the update gives, where that is the new row's
	replace *replacement
}

// uniqueKey is a unique key and the values that the new rows have for it.
type uniqueKey struct {
	columns []Column
	cells   []newCell // row after row
}

// newCell is where a new row has its value for a column.
type newCell struct {
	kind    cellKind
	part    part    // of cellWritten
	operand Operand // of cellWritten, where constant
	given   Value   // of cellGiven
	column  int     // of cellSelected
	// constant is whether the part is a constant or a parameter.
	constant bool
}

type cellKind uint8

const (
	cellUnknown  cellKind = iota // only the server knows it
	cellNever                    // NULL, or a number that no row has yet
	cellGiven                    // the statement leaves it out: the column's default
	cellWritten                  // the statement has it
	cellSelected                 // a column of the SELECT
)

// planUpsert plans an INSERT … ON DUPLICATE KEY UPDATE, which begins at token on,
// or a REPLACE. name is the table's name.
func (p *planner) planUpsert(t *Table, view bool, verb int, delayed bool, name part, on int) *Plan {
	kind := Upsert
	if p.word(verb, "REPLACE") {
		kind = Replace
	}
	free := t.Settings.Upsert == policy.UpsertAllow
	plan := p.upsertPlan(t, view, verb, delayed, name, on, kind)
	switch {
	case t.pending != nil:
		return refuse(t, "%s on %s, whose rows can be taken: whether it takes one, and whose it is, cannot be known before; write UPDATE or INSERT", kind, t.Name)
	case t.Settings.Upsert == policy.UpsertRefuse:
		return refuse(t, "%s on %s: the policy refuses it (upsert: refuse); write UPDATE or INSERT", kind, t.Name)
	case plan.Verdict == Refuse && free:
		plan = pass("the policy lets it pass unchecked (upsert: allow), and its version cannot be raised: " + plan.Reason)
		plan.Table = t
	}
	return plan
}

func (p *planner) upsertPlan(t *Table, view bool, verb int, delayed bool, name part, on int, kind Verb) *Plan {
	if refused := p.indirect(t, view, verb); refused != nil {
		return refused
	}
	plan := &Plan{Verdict: Guard, Strategy: Raise, Verb: kind, Table: t, target: name, params: p.parameters()}
	plan.upsert = &upsert{own: -1, free: t.Settings.Upsert == policy.UpsertAllow, ignore: p.has(part{verb, name.from}, "IGNORE")}
	for i := name.from; i < name.to; i++ {
		plan.qualifier += string(p.Bytes(i))
	}
	switch {
	case delayed:
		return refuse(t, "%s DELAYED on %s cannot be guarded; write it without", kind, t.Name)
	case p.find(part{name.to, p.stmt.to}, "RETURNING") < p.stmt.to:
		return refuse(t, "%s … RETURNING on %s cannot be guarded; write it without", kind, t.Name)
	case !p.env.UTF8 && (!t.ascii() || !t.asciiGuards()):
		return refuse(t, "the guard of %s has names beyond ASCII, which this session's character set may not have; SET NAMES utf8mb4", t.Name)
	case t.Version != nil && t.Version.Column.digest == nil && t.Version.Bump == policy.BumpNone && kind == Replace:
		return refuse(t, "REPLACE on %s, whose version a trigger gives, cannot be guarded; write UPDATE", t.Name)
	}
	for i := p.stmt.from; i < p.stmt.to; i++ {
		if p.op(i, "?") {
			return refuse(t, "the parser cannot read this %s on %s; write it more plainly", kind, t.Name)
		}
	}
	rows := p.before(on)
	w, ok := rows.tuples(name.to)
	if !ok && !rows.selects(&w) {
		return refuse(t, "this %s on %s cannot be read; write VALUES, SET or SELECT", kind, t.Name)
	}
	plan.upsert.rows = len(w.rows)
	if len(w.rows) > 0 && !rows.sameInsert(plan, w) {
		return refuse(t, "the rows of this %s on %s cannot be read; write them more plainly", kind, t.Name)
	}
	if !w.complete(t.columns) {
		return refuse(t, "which columns this %s on %s gives cannot be told; name them", kind, t.Name)
	}
	rows.uniqueKeys(plan, w)
	if !plan.upsert.free {
		if refused := rows.initialCheck(plan, true, name); refused != nil {
			return refused
		}
	}
	if len(w.rows) > 0 && t.Captured() && !rows.insertion(plan, name) {
		plan.insert = nil
	}
	if kind == Replace {
		return p.planReplace(plan, w)
	}
	return p.planDuplicate(plan, w, on)
}

// before gives the planner of the part of the statement before token on, if that
// is not negative.
func (p *planner) before(on int) *planner {
	if on < 0 {
		return p
	}
	one := *p.reader
	one.stmt.to = on
	short := *p
	short.reader = &one
	return &short
}

// selects reports whether a SELECT, or the like, gives the rows.
func (p *planner) selects(w *tuples) bool {
	i := w.values
	for p.op(i, "(") {
		i++
	}
	return w.rows == nil && !w.set && p.oneOf(i, "SELECT", "TABLE", "WITH")
}

// planDuplicate plans what stands behind ON DUPLICATE KEY UPDATE.
func (p *planner) planDuplicate(plan *Plan, w tuples, on int) *Plan {
	t, v, u := plan.Table, plan.Table.Version, plan.upsert
	plan.set = part{on + 4, p.stmt.to}
	list := p.list(plan.set)
	if !p.word(on+3, "UPDATE") || plan.set.empty() || list == nil {
		return refuse(t, "what this INSERT … ON DUPLICATE KEY UPDATE on %s sets cannot be read", t.Name)
	}
	ignored := len(t.Ignore) > 0
	plan.relative = true
	for n, a := range list {
		ref, next, ok := p.column(a.from)
		if !ok || next+1 >= a.to || !p.op(next, "=") && !p.op(next, ":=") || !p.names(plan, ref) {
			return refuse(t, "an assignment of this INSERT … ON DUPLICATE KEY UPDATE on %s cannot be read", t.Name)
		}
		if !p.env.UTF8 && !ascii(ref.column) {
			return refuse(t, "this INSERT … ON DUPLICATE KEY UPDATE on %s sets a column whose name is beyond ASCII; SET NAMES utf8mb4", t.Name)
		}
		ignored = ignored && contains(t.Ignore, ref.column)
		value := part{next + 1, a.to}
		u.items = append(u.items, assignedItem{ref.column, a, value})
		if refused := p.duplicateItem(plan, &w, n, ref, value); refused != nil {
			return refused
		}
	}
	if !p.sameDuplicate(plan, w, on) {
		return refuse(t, "this INSERT … ON DUPLICATE KEY UPDATE on %s can be read in two ways; write it more plainly", t.Name)
	}
	if ignored {
		plan = pass("where the row is there, it sets ignored columns alone")
		plan.Table = t
		return plan
	}
	if refused := p.duplicateState(plan, &w, list); refused != nil {
		return refused
	}
	if v != nil && v.External != policy.ExternalNone && (u.version == nil || u.own < 0) {
		return refuse(t, "INSERT … ON DUPLICATE KEY UPDATE on %s must set %s to the new version, a whole number, or VALUES(%s) (external version)",
			t.Name, v.Column.Name, v.Column.Name)
	}
	for n, item := range u.items {
		if v != nil && n != u.own && v.Column.digest == nil && p.readsColumn(plan, &w, item.value, v.Column.Name) {
			u.early = true
		}
	}
	plan.Why = "a row that is there already is held against its guard inside the statement"
	return plan
}

// duplicateItem reads one assignment behind ON DUPLICATE KEY UPDATE.
func (p *planner) duplicateItem(plan *Plan, w *tuples, n int, ref columnRef, value part) *Plan {
	t, v, u := plan.Table, plan.Table.Version, plan.upsert
	switch {
	case v != nil && v.Column.digest == nil && sameName(ref.column, v.Column.Name):
		if u.own >= 0 {
			return refuse(t, "%s of %s is set twice", v.Column.Name, t.Name)
		}
		u.own = n
		u.version = p.newCells(plan, w, value)
		return nil
	case v != nil && v.Term != nil && sameName(ref.column, v.Term.Name):
		u.term = p.newCells(plan, w, value)
		plan.relative, plan.termSet = false, true
		return nil
	case t.keyIndex(ref.column) >= 0:
		plan.moves = append(plan.moves, move{column: t.keyIndex(ref.column)})
		plan.relative = false
		return nil
	}
	if o, ok := p.relativeTo(plan, ref, value); ok {
		plan.steps = append(plan.steps, o)
	} else if steps, ok := p.relativeToRow(plan, w, ref, value); ok {
		plan.steps = append(plan.steps, steps...)
	} else {
		plan.relative = false
	}
	return nil
}

// relativeToRow reads column ± VALUES(other), of a numeric column.
func (p *planner) relativeToRow(plan *Plan, w *tuples, ref columnRef, value part) (steps []Operand, ok bool) {
	switch plan.Table.column(ref.column).Class {
	case schema.Integer, schema.Decimal, schema.Float, schema.Unknown:
	default:
		return nil, false
	}
	value = p.unwrap(value)
	col, next, ok := p.column(value.from)
	if !ok || !sameName(col.column, ref.column) || !p.names(plan, col) || !p.op(next, "+") && !p.op(next, "-") {
		return nil, false
	}
	for _, c := range p.newCells(plan, w, part{next + 1, value.to}) {
		if !c.constant || !p.number(c.operand) {
			return nil, false
		}
		steps = append(steps, c.operand)
	}
	return steps, len(steps) > 0
}

// newCells gives for each new row what an assignment's value is: itself where it
// is a constant, or the row's own value of a column. It is nil where it is
// neither, or not a constant of each row.
func (p *planner) newCells(plan *Plan, w *tuples, value part) []newCell {
	value = p.unwrap(value)
	if o, ok := p.operand(value, plan.params); ok {
		return slices.Repeat([]newCell{{kind: cellWritten, part: value, operand: o, constant: true}}, max(len(w.rows), 1))
	}
	column, ok := p.rowColumn(w, value)
	if !ok || len(w.rows) == 0 {
		return nil
	}
	at, ok := w.place(column)
	if !ok || at < 0 {
		return nil
	}
	var cells []newCell
	for _, row := range w.rows {
		if len(row) == 0 {
			return nil
		}
		o, ok := p.operand(p.unwrap(row[at]), plan.params)
		if !ok {
			return nil
		}
		cells = append(cells, newCell{kind: cellWritten, part: row[at], operand: o, constant: true})
	}
	return cells
}

// rowColumn reads what stands for a new row's value: VALUES(column), or alias.column.
func (p *planner) rowColumn(w *tuples, value part) (column string, ok bool) {
	if p.oneOf(value.from, "VALUES", "VALUE") && p.op(value.from+1, "(") && p.closing(value.from+1, value.to) == value.to-1 {
		ref, next, ok := p.column(value.from + 2)
		return ref.column, ok && next == value.to-1
	}
	ref, next, ok := p.column(value.from)
	if !ok || next != value.to || w.alias == "" || ref.schema != "" {
		return "", false
	}
	switch {
	case ref.table != "" && !p.sameTable(ref.table, w.alias):
		return "", false
	case len(w.called) == 0:
		return ref.column, ref.table != ""
	}
	for i, name := range w.called {
		if sameName(name, ref.column) && i < len(w.columns) {
			return w.columns[i], true
		}
	}
	return "", false
}

// readsColumn reports whether an expression may read a column of the row that is
// there. VALUES(column) and alias.column read the new one.
func (p *planner) readsColumn(plan *Plan, w *tuples, value part, column string) bool {
	for i := value.from; i < value.to; i++ {
		if !p.isName(i) {
			continue
		}
		if p.oneOf(i, "VALUES", "VALUE") && p.op(i+1, "(") {
			i = p.closing(i+1, value.to)
			continue
		}
		if p.op(i-1, ".") && i-2 >= value.from {
			if name, ok := p.Name(i - 2); ok && w.alias != "" && p.sameTable(name, w.alias) {
				continue
			}
		}
		if name, ok := p.Name(i); !ok || sameName(name, column) {
			return true
		}
	}
	return false
}

// duplicateState reads what the update gives to the status column.
func (p *planner) duplicateState(plan *Plan, w *tuples, list []part) *Plan {
	t, m, u := plan.Table, plan.Table.status, plan.upsert
	if m == nil || u.free {
		return nil
	}
	for _, item := range u.items {
		if !sameName(item.column, m.column.Name) {
			continue
		}
		column, isRow := p.rowColumn(w, p.unwrap(item.value))
		if !isRow {
			break
		}
		u.states = p.newCells(plan, w, item.value)
		if u.states == nil {
			return refuse(t, "%s gives the new %s of %s, and is no constant of each row; give constants", column, m.column.Name, t.Name)
		}
		p.given = u.states[0].part
	}
	defer func() { p.given = part{} }()
	return p.statusChange(plan, list)
}

// sameDuplicate reads the whole statement a second time, with a parser of the whole
// grammar, and reports whether it finds the same table and assignments.
func (p *planner) sameDuplicate(plan *Plan, w tuples, on int) bool {
	skip := part{}
	if w.alias != "" {
		skip = part{w.end, on} // the parser does not know it
	}
	s, ok := p.parsed(skip).(*ast.InsertStmt)
	return ok && !s.IsReplace && (s.Select != nil) == (len(w.rows) == 0) && p.sameSource(plan, s.Table) && p.sameAssignments(plan, s.OnDuplicate)
}

// parsed reads the statement, without the tokens of a part, with a parser of the whole
// grammar. It is nil where that cannot read it.
func (p *planner) parsed(skip part) ast.StmtNode {
	return p.env.parse(p.canonicalWithout(skip))
}

// Upserts reports whether the plan is of an INSERT … ON DUPLICATE KEY UPDATE or a
// REPLACE.
func (p *Plan) Upserts() bool { return p.upsert != nil }
