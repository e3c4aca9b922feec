package rewrite

import (
	"ifmatch/policy"
	"ifmatch/sqltext"
)

// This file is about writes of which the statement does not say which rows they
// are about: several rows, by any condition, with LIMIT, of joined tables. Where
// there is nothing to hold them against they are sent with a guard that raises an
// error; else the rows that they pick are locked and held, one by one, and the
// write is confined to them.

// several is what a plan has for such a write.
type several struct {
	refs   part      // what stands behind FROM, or between UPDATE and SET
	after  part      // ORDER BY and LIMIT
	limit  bool      // there is a LIMIT
	named  [][]named // the keys that WHERE lists, where it fixes them all
	unsure string    // what keeps the rows from being asked for before the write; "" for nothing
	writes []*Plan   // one for each guarded table that is written; the plan itself where no tables are joined
	reads  []string  // names of the joined tables that are only read, quoted
	table  *Table    // that is written, nil where tables are joined
}

// named is a constant by which WHERE names a key column.
type named struct {
	column  int
	operand Operand
}

// Several reports whether the statement may write other rows than the one that
// it names by its whole key.
func (p *Plan) Several() bool { return p.several != nil }

// Writes gives a plan for each guarded table that the statement writes: for one
// that joins tables those of its parts, which are bound by themselves; for all
// others the plan itself.
func (p *Plan) Writes() []*Plan { return p.several.writes }

// joined reports whether the statement is on joined tables.
func (s *several) joined() bool { return s.table == nil }

// Wider gives the plan of the statement for constants that may pick several rows,
// such as a string key compared with a number; nil where there is none.
func (p *Plan) Wider() *Plan { return p.wider }

// Unsure says what keeps the rows of the statement from being locked before it is
// sent, "" where nothing does.
func (p *Plan) Unsure() string { return p.several.unsure }

// Limited reports whether the statement has a LIMIT.
func (p *Plan) Limited() bool { return p.several.limit }

// severalRows finishes the plan of an UPDATE or DELETE of one table whose WHERE
// does not fix the whole key.
func (p *planner) severalRows(plan *Plan, conjuncts []part, end int) *Plan {
	t := plan.Table
	if plan.with {
		return refuse(t, "%s of several rows of %s behind WITH cannot be guarded; write it without", plan.Verb, t.Name)
	}
	s := &several{refs: plan.target, after: part{end, p.stmt.to}, writes: []*Plan{plan}, table: t}
	plan.several, plan.Strategy = s, LockAndCheck
	plan.key, plan.rest, plan.own, plan.ownTerm, plan.ownParts = nil, nil, nil, nil, nil
	s.unsure = p.unsure(plan.where)
	if s.unsure == "" {
		s.unsure = p.unsure(s.after)
	}
	if refused := p.afterSeveral(plan); refused != nil {
		return refused
	}
	fixed := p.severalConditions(plan, conjuncts)
	if refused := p.versionFits(plan); refused != nil {
		return refused
	}
	if refused := p.asciiOnly(t); refused != nil {
		return refused
	}
	if refused := p.crossCheck(plan, fixed); refused != nil {
		return refused
	}
	plan.hold()
	if !t.Captured() && t.Settings.Unread != policy.UnreadRefuse && !s.limit {
		plan.Strategy = Raise
	}
	plan.Why = "several rows"
	if plan.checked() {
		plan.Why += ", each held against the policy's conditions on it"
	}
	if plan.Strategy == LockAndCheck {
		plan.Why += "; where something is expected of them they are locked and checked before they are written"
	}
	return plan
}

// checked reports whether the policy has conditions on the rows of the write.
func (p *Plan) checked() bool {
	t := p.Table
	return len(t.require) > 0 || p.change != nil || t.status != nil && p.Verb == Delete && t.status.deletion >= 0
}

// asciiOnly refuses a guard whose names the session's character set may not have.
func (p *planner) asciiOnly(t *Table) *Plan {
	if !p.env.UTF8 && (!t.ascii() || !t.asciiGuards()) {
		return refuse(t, "the guard of %s has names beyond ASCII, which this session's character set may not have; SET NAMES utf8mb4", t.Name)
	}
	return nil
}

// afterSeveral reads ORDER BY and LIMIT.
func (p *planner) afterSeveral(plan *Plan) *Plan {
	t, s := plan.Table, plan.several
	if p.find(s.after, "RETURNING") < s.after.to {
		return refuse(t, "%s … RETURNING of several rows of %s cannot be guarded; name one row by its whole key (%s), or select first", plan.Verb, t.Name, t.keyNames())
	}
	if limit := p.find(s.after, "LIMIT"); limit < s.after.to {
		s.limit = true
		if _, ok := p.operand(part{limit + 1, s.after.to}, plan.params); !ok {
			return refuse(t, "this LIMIT of %s on %s cannot be read", plan.Verb, t.Name)
		}
	}
	return nil
}

// severalConditions looks for the keys that WHERE lists, and for the version that
// it names, and gives for each conjunct the column that it has to fix.
func (p *planner) severalConditions(plan *Plan, conjuncts []part) (fixed []string) {
	t, s := plan.Table, plan.several
	fixed = make([]string, len(conjuncts))
	names := make([][]Operand, len(t.Key))
	lists := 0
	for i, c := range conjuncts {
		ref, o, ok := p.equality(c, plan.params)
		ok = ok && p.names(plan, ref)
		if ok && p.ownVersion(plan, ref, o) {
			fixed[i] = ref.column
			plan.ownParts = append(plan.ownParts, c)
			continue
		}
		plan.rest = append(plan.rest, c)
		if !ok {
			var all []Operand
			if ref, all, ok = p.listed(c, plan.params); ok && p.names(plan, ref) {
				if k := t.keyIndex(ref.column); k >= 0 && names[k] == nil {
					names[k] = all
					lists++
				}
			}
			continue
		}
		if k := t.keyIndex(ref.column); k >= 0 && names[k] == nil {
			names[k] = []Operand{o}
		}
	}
	if plan.own == nil && plan.ownTerm != nil {
		plan.rest = append(plan.rest, plan.ownParts...)
		plan.ownTerm, plan.ownParts = nil, nil
	}
	for _, all := range names {
		if all == nil {
			lists = 2
		}
	}
	if lists <= 1 && len(names) > 0 {
		s.named = namedKeys(names)
	}
	if s.named == nil || t.Settings.OwnVersion == policy.OwnVersionPass {
		// A version in WHERE picks rows, as any other condition does.
		plan.rest = append(plan.rest, plan.ownParts...)
		plan.ownParts = nil
	}
	return fixed
}

// namedKeys gives the keys that are named where at most one of the columns has several.
func namedKeys(names [][]Operand) [][]named {
	n := 1
	for _, all := range names {
		n = max(n, len(all))
	}
	keys := make([][]named, n)
	for i := range keys {
		for k, all := range names {
			keys[i] = append(keys[i], named{k, all[min(i, len(all)-1)]})
		}
	}
	return keys
}

// listed reads c as column IN (operand, …).
func (p *planner) listed(c part, params []int32) (ref columnRef, all []Operand, ok bool) {
	ref, next, ok := p.column(c.from)
	if !ok || !p.word(next, "IN") || !p.op(next+1, "(") || p.closing(next+1, c.to) != c.to-1 {
		return ref, nil, false
	}
	for _, item := range p.list(part{next + 2, c.to - 1}) {
		o, ok := p.operand(item, params)
		if !ok {
			return ref, nil, false
		}
		all = append(all, o)
	}
	return ref, all, len(all) > 0
}

// unsure names what in c may pick other rows when it is asked again, or cannot be
// asked under a lock.
func (p *planner) unsure(c part) string {
	for i := c.from; i < c.to; i++ {
		switch {
		case p.op(i, ":="):
			return "an assignment of a variable"
		case p.op(i, "(") && p.oneOf(i+1, "SELECT", "WITH", "VALUES", "TABLE"):
			in := part{i + 1, p.closing(i, c.to)}
			if !p.word(i+1, "SELECT") || !p.unitesSelects(in) {
				return "a sub-select with WITH, VALUES or TABLE"
			}
			if p.find(in, "FOR", "LOCK", "INTO", "PROCEDURE") < in.to {
				return "a sub-select that locks"
			}
		case p.word(i, "NEXT") && p.word(i+1, "VALUE"), p.word(i, "PREVIOUS") && p.word(i+1, "VALUE"):
			return "the value of a sequence"
		case !p.isName(i) || !p.op(i+1, "("), p.readsInsertID(i):
		case p.oneOf(i, unsteady...):
			return string(p.Bytes(i)) + "()"
		case p.stored(c, i):
			return "a stored function"
		}
	}
	return ""
}

// unitesSelects reports whether what UNION and the like join in a sub-select are
// SELECTs, each of which can lock what it reads.
func (p *planner) unitesSelects(in part) bool {
	for {
		at := p.find(in, "UNION", "EXCEPT", "INTERSECT", "MINUS")
		if at == in.to {
			return true
		}
		if at++; p.oneOf(at, "ALL", "DISTINCT") {
			at++
		}
		if !p.word(at, "SELECT") && !p.op(at, "(") {
			return false
		}
		in.from = at
	}
}

// hasSubselect reports whether one of the conditions has a sub-select.
func (p *planner) hasSubselect(conditions []part) bool {
	for _, c := range conditions {
		for i := c.from; i < c.to; i++ {
			if p.op(i, "(") && p.oneOf(i+1, "SELECT", "WITH", "VALUES", "TABLE") {
				return true
			}
		}
	}
	return false
}

// NamedKeys gives the keys that WHERE lists, nil where it does not fix the key of
// each row.
func (p *Plan) NamedKeys(t *sqltext.Text, params []Value) [][]Value {
	if p.several == nil {
		return nil
	}
	var all [][]Value
	for _, key := range p.several.named {
		values := make([]Value, len(p.Table.Key))
		for _, n := range key {
			values[n.column] = p.value(t, n.operand, params)
			if !keyFits(p.Table.Key[n.column], values[n.column]) {
				return nil // it may pick several rows
			}
		}
		all = append(all, values)
	}
	return all
}

// BindSeveral binds the parts of the statement, see [Plan.Bind]. It appends to into.
func (p *Plan) BindSeveral(t *sqltext.Text, params []Value, hint []sqltext.Pair, into []Binding) ([]Binding, *Refusal) {
	for _, one := range p.several.writes {
		if hint != nil && len(p.several.writes) > 1 {
			return into, refusal("a hint with a statement that writes several guarded tables cannot be held against one of them; write one table")
		}
		into = append(into, Binding{})
		if refused := one.Bind(t, params, hint, &into[len(into)-1]); refused != nil {
			return into, refused
		}
		if one.assigned.kind == raised && p.several.joined() && !into[len(into)-1].keep {
			return into, refusal("UPDATE of several tables that sets the version of %s cannot be guarded; leave it out", one.Table.Name)
		}
	}
	return into, nil
}

// Held reports whether the statement itself says what it expects of its rows.
func (b *Binding) Held() bool { return b.Source != NoExpectation }

// AppendSeveral appends the statement as it is sent where nothing is expected of
// its rows that is known beforehand: the guard raises an error.
func (p *Plan) AppendSeveral(dst []byte, t *sqltext.Text, bs []Binding) []byte {
	w := writer{Plan: p, sql: t.SQL, toks: tokens(t), b: &bs[0], bs: bs, buf: dst, target: bs[0].target}
	w.statement()
	return w.buf
}
