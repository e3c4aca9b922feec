package rewrite

import (
	"strings"

	"ifmatch/schema"
	"ifmatch/sqltext"
)

// planUpdate reads UPDATE [LOW_PRIORITY] [IGNORE] table [AS alias] SET … WHERE …
// The verb is token i.
func (p *planner) planUpdate(i int) *Plan {
	verb := i
	for i++; p.oneOf(i, "LOW_PRIORITY", "IGNORE"); {
		i++
	}
	set := p.find(part{i, p.stmt.to}, "SET")
	refs := part{i, set}
	if tables := p.list(refs); len(tables) != 1 || p.has(refs, "JOIN", "STRAIGHT_JOIN") || p.op(i, "(") {
		return p.planJoinedUpdate(verb, refs, set)
	}
	t, view, next, ok := p.tableName(i)
	if !ok {
		return p.unreadable("UPDATE")
	}
	if t == nil {
		return pass("it writes no guarded table")
	}
	if refused := p.indirect(t, view, verb); refused != nil {
		return refused
	}
	plan := &Plan{Verdict: Guard, Strategy: Predicate, Verb: Update, Table: t, target: refs, with: verb != p.stmt.from}
	if refused := p.alias(plan, i, next, set); refused != nil {
		return refused
	}
	where := p.find(part{set, p.stmt.to}, "WHERE")
	end := p.tail(part{set, p.stmt.to})
	plan.set = part{set + 1, min(where, end)}
	if refused := p.assignments(plan); refused != nil || plan.Verdict == Pass {
		return or(refused, plan)
	}
	return p.oneRow(plan, where, end)
}

// planDelete reads DELETE [LOW_PRIORITY] [QUICK] [IGNORE] FROM table [AS alias] WHERE …
// The verb is token i.
func (p *planner) planDelete(i int) *Plan {
	verb := i
	for i++; p.oneOf(i, "LOW_PRIORITY", "QUICK", "IGNORE", "HISTORY"); {
		i++
	}
	if !p.word(i, "FROM") {
		return p.planJoinedDelete(verb)
	}
	i++
	where := p.find(part{i, p.stmt.to}, "WHERE")
	end := p.tail(part{i, p.stmt.to})
	refs := part{i, min(where, end)}
	if p.has(refs, "USING", "JOIN") || len(p.list(refs)) != 1 {
		return p.planJoinedDelete(verb)
	}
	t, view, next, ok := p.tableName(i)
	if !ok {
		return p.unreadable("DELETE")
	}
	if t == nil {
		return pass("it writes no guarded table")
	}
	if refused := p.indirect(t, view, verb); refused != nil {
		return refused
	}
	plan := &Plan{Verdict: Guard, Strategy: Predicate, Verb: Delete, Table: t, target: refs, with: verb != p.stmt.from}
	if refused := p.alias(plan, i, next, refs.to); refused != nil {
		return refused
	}
	return p.oneRow(plan, where, end)
}

// indirect refuses a write through a view, and one behind a WITH that does more than read.
func (p *planner) indirect(t *Table, view bool, verb int) *Plan {
	switch {
	case view:
		return refuse(t, "a write through a view on %s cannot be guarded yet; write the table itself", t.Name)
	case t.fault != nil:
		return refuse(t, "the policy's SQL for %s cannot be said", t.Name)
	}
	// A write that met no row may be sent again.
	if bad := p.effects(part{p.stmt.from, verb}); bad != "" {
		return refuse(t, "%s in the WITH before a write on %s cannot be guarded", bad, t.Name)
	}
	return nil
}

// or gives the first plan that is there.
func or(a, b *Plan) *Plan {
	if a != nil {
		return a
	}
	return b
}

// unreadable refuses a write whose table cannot be read, where it could be a guarded one.
func (p *planner) unreadable(verb string) *Plan {
	if t := p.mentioned(p.stmt); t != nil {
		return refuse(t, "this %s cannot be read, and %s is named in it", verb, t.Name)
	}
	return pass("it writes no guarded table")
}

// tail gives the first token behind table, assignments and condition.
func (p *planner) tail(in part) int {
	return p.find(in, "ORDER", "LIMIT", "RETURNING")
}

// alias reads what stands between a table's name and the next clause, and sets
// the name by which added columns are qualified.
func (p *planner) alias(plan *Plan, name, next, to int) *Plan {
	i := next
	if p.word(i, "AS") && i < to {
		i++
	}
	if i < to {
		k := p.Tokens[i].Kind
		if i != to-1 || k != sqltext.Word && k != sqltext.Quoted {
			return refuse(plan.Table, "%s with %s behind the name of %s cannot be guarded", plan.Verb, strings.ToUpper(string(p.Bytes(next))), plan.Table.Name)
		}
		plan.qualifier = string(p.Bytes(i))
		if k == sqltext.Word && ascii(plan.qualifier) {
			plan.qualifier = string(quoteName(nil, plan.qualifier)) // it may be a keyword
		}
		return nil
	}
	// The table as the client wrote it: shop . `products`.
	var ref []byte
	for j := name; j < next; j++ {
		ref = appendToken(ref, p.Bytes(j), p.Tokens[j].Kind)
	}
	plan.qualifier = string(ref)
	return nil
}

// names reports whether ref speaks of the plan's table.
func (p *planner) names(plan *Plan, ref columnRef) bool {
	if ref.table == "" {
		return true
	}
	last := plan.target.to - 1
	name, _ := p.Name(last)
	if ref.schema == "" {
		return p.sameTable(ref.table, name)
	}
	n := schema.Name{Schema: ref.schema, Name: ref.table}
	return p.rules.fold(n) == p.rules.fold(plan.Table.Name)
}

func (p *planner) sameTable(a, b string) bool {
	if p.rules.foldCase {
		return sameName(a, b)
	}
	return a == b
}

// assignments reads what the statement sets: whether only ignored columns,
// whether only relatively, and what it does to the version.
func (p *planner) assignments(plan *Plan) *Plan {
	t := plan.Table
	plan.params = p.parameters()
	list := p.list(plan.set)
	if plan.set.empty() || list == nil {
		return refuse(t, "this UPDATE on %s cannot be read", t.Name)
	}
	ignored := len(t.Ignore) > 0
	plan.relative = true
	for _, a := range list {
		ref, next, ok := p.column(a.from)
		if !ok || next+1 >= a.to || !p.op(next, "=") && !p.op(next, ":=") || !p.names(plan, ref) {
			return refuse(t, "an assignment of this UPDATE on %s cannot be read", t.Name)
		}
		if !p.env.UTF8 && !ascii(ref.column) {
			return refuse(t, "this UPDATE on %s sets a column whose name is beyond ASCII, which cannot be told from others in this session's character set; SET NAMES utf8mb4", t.Name)
		}
		ignored = ignored && contains(t.Ignore, ref.column)
		if refused := p.set(plan, ref, part{next + 1, a.to}); refused != nil {
			return refused
		}
	}
	plan.changes = p.changes(plan, list)
	if refused := p.statusChange(plan, list); refused != nil {
		return refused
	}
	if ignored {
		plan.Verdict, plan.Strategy = Pass, NoStrategy
		plan.Why = "it sets ignored columns alone"
	}
	return nil
}

// set reads one assignment.
func (p *planner) set(plan *Plan, ref columnRef, value part) *Plan {
	t, v := plan.Table, plan.Table.Version
	switch {
	case v != nil && sameName(ref.column, v.Column.Name):
		if plan.assigned.kind != unassigned {
			return refuse(t, "%s of %s is set twice", v.Column.Name, t.Name)
		}
		plan.assigned = p.assignment(plan, ref, value)
		return nil
	case v != nil && v.Term != nil && sameName(ref.column, v.Term.Name):
		if o, ok := p.operand(p.unwrap(value), plan.params); ok {
			if plan.setTerm != nil {
				return refuse(t, "%s of %s is set twice", v.Term.Name, t.Name)
			}
			plan.setTerm = &o
		}
		plan.relative, plan.termSet = false, true
	case t.keyIndex(ref.column) >= 0:
		o, ok := p.operand(p.unwrap(value), plan.params)
		plan.moves = append(plan.moves, move{t.keyIndex(ref.column), o, ok})
		plan.relative = false
	}
	if o, ok := p.relativeTo(plan, ref, value); ok {
		plan.steps = append(plan.steps, o)
	} else {
		plan.relative = false
	}
	return nil
}

// assignment says what is known of a value given to the version column.
func (p *planner) assignment(plan *Plan, ref columnRef, value part) assignment {
	a := assignment{kind: unknown, value: value, bare: true}
	for i := value.from; i < value.to; i++ {
		if p.Tokens[i].Kind == sqltext.Param {
			a.bare = false
		}
	}
	if o, ok := p.operand(p.unwrap(value), plan.params); ok {
		a.kind, a.operand = constant, o
	} else if o, plus := p.step(plan, ref, value); plus == '+' {
		a.kind, a.operand = raised, o
	}
	return a
}

// relativeTo reads column ± operand, of a numeric column.
func (p *planner) relativeTo(plan *Plan, ref columnRef, value part) (Operand, bool) {
	o, sign := p.step(plan, ref, value)
	switch plan.Table.column(ref.column).Class {
	case schema.Integer, schema.Decimal, schema.Float, schema.Unknown:
		return o, sign != 0
	}
	return o, false
}

// step reads column + operand, column - operand or operand + column.
func (p *planner) step(plan *Plan, ref columnRef, value part) (Operand, byte) {
	value = p.unwrap(value)
	if col, next, ok := p.column(value.from); ok && next < value.to && sameName(col.column, ref.column) && p.names(plan, col) {
		if p.op(next, "+") || p.op(next, "-") {
			sign := p.Bytes(next)[0]
			if o, ok := p.operand(part{next + 1, value.to}, plan.params); ok && p.number(o) {
				return o, sign
			}
		}
		return Operand{}, 0
	}
	for i := value.from; i < value.to; i++ {
		if !p.op(i, "+") || i == value.from {
			continue
		}
		o, ok := p.operand(part{value.from, i}, plan.params)
		col, next, isColumn := p.column(i + 1)
		if ok && p.number(o) && isColumn && next == value.to && sameName(col.column, ref.column) && p.names(plan, col) {
			return o, '+'
		}
		return Operand{}, 0
	}
	return Operand{}, 0
}

// number reports whether an operand can be the step of a relative update: a
// number, or a parameter, whose type is seen when it is bound. Strings count
// too, since clients that emulate parameters quote them.
func (p *planner) number(o Operand) bool {
	switch p.Tokens[o.tok].Kind {
	case sqltext.Number, sqltext.Param, sqltext.String:
		return true
	}
	return false
}

// parameters lists the parameter markers of the statement.
func (p *planner) parameters() []int32 {
	var params []int32
	for i := p.stmt.from; i < p.stmt.to; i++ {
		if p.Tokens[i].Kind == sqltext.Param {
			params = append(params, int32(i))
		}
	}
	return params
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if sameName(n, name) {
			return true
		}
	}
	return false
}
