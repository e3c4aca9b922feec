package rewrite

import (
	"strings"

	"ifmatch/policy"
	"ifmatch/schema"
)

// oneRow finishes the plan of an UPDATE or DELETE whose WHERE fixes the whole
// key, and hands others on to severalRows.
func (p *planner) oneRow(plan *Plan, where, end int) *Plan {
	t, verb := plan.Table, plan.Verb
	if plan.params == nil {
		plan.params = p.parameters()
	}
	if where >= end {
		return p.severalRows(plan, nil, end)
	}
	plan.where = part{where + 1, end}
	conjuncts, ok := p.conjuncts(plan.where, nil)
	if !ok {
		return refuse(t, "the condition of this %s on %s cannot be read", verb, t.Name)
	}
	plan.wrap = p.needsWrap(plan.where)
	wide := *plan
	fixed := p.condition(plan, conjuncts)
	for _, k := range plan.key {
		if k.conjunct.empty() {
			return p.severalRows(&wide, conjuncts, end)
		}
	}
	if len(plan.key) == 0 || p.hasSubselect(plan.rest) {
		return p.severalRows(&wide, conjuncts, end)
	}
	for _, c := range plan.rest {
		if bad := p.undecided(c); bad != "" {
			return refuse(t, "%s in the condition of this %s on %s: what it picks cannot be proved", bad, verb, t.Name)
		}
	}
	if refused := p.afterWhere(plan, end); refused != nil {
		return refused
	}
	if refused := p.versionFits(plan); refused != nil {
		return refused
	}
	if refused := p.asciiOnly(t); refused != nil {
		return refused
	}
	refused := p.crossCheck(plan, fixed)
	if p.returning = (part{}); refused != nil {
		return refused
	}
	plan.hold()
	plan.Why = "one row by its whole key"
	if plan.checked() {
		plan.Why += ", held against the policy's conditions on it"
	}
	if w := p.severalRows(&wide, conjuncts, end); w.Verdict == Guard {
		plan.wider = w
	}
	return plan
}

// condition sorts the conjuncts of WHERE into the key, the row's version and
// the rest, and gives for each one the column that it fixes, or "".
func (p *planner) condition(plan *Plan, conjuncts []part) (fixed []string) {
	t := plan.Table
	plan.key = make([]keyPart, len(t.Key))
	fixed = make([]string, len(conjuncts))
	for i, c := range conjuncts {
		ref, o, ok := p.equality(c, plan.params)
		if ok && p.names(plan, ref) {
			if k := t.keyIndex(ref.column); k >= 0 && plan.key[k].conjunct.empty() {
				plan.key[k] = keyPart{c, o}
				fixed[i] = ref.column
				continue
			}
			if p.ownVersion(plan, ref, o) {
				fixed[i] = ref.column
				if t.Settings.OwnVersion == policy.OwnVersionConflict {
					plan.ownParts = append(plan.ownParts, c)
					continue
				}
			}
		}
		plan.rest = append(plan.rest, c)
	}
	if plan.own == nil && plan.ownTerm != nil {
		// A term alone is no token.
		plan.rest = append(plan.rest, plan.ownParts...)
		plan.ownTerm, plan.ownParts = nil, nil
	}
	return fixed
}

// ownVersion takes a conjunct that compares the version or its term with a constant.
func (p *planner) ownVersion(plan *Plan, ref columnRef, o Operand) bool {
	v := plan.Table.Version
	switch {
	case v == nil:
		return false
	case sameName(ref.column, v.Column.Name) && plan.own == nil:
		plan.own = &o
	case v.Term != nil && sameName(ref.column, v.Term.Name) && plan.ownTerm == nil:
		plan.ownTerm = &o
	default:
		return false
	}
	return true
}

// unsteady are functions whose answer differs from one asking to the next, or
// that do more than answer.
var unsteady = []string{"RAND", "RANDOM_BYTES", "UUID", "UUID_SHORT", "UUID_V4", "UUID_V7", "SYS_GUID", "SLEEP", "BENCHMARK",
	"GET_LOCK", "RELEASE_LOCK", "RELEASE_ALL_LOCKS", "IS_FREE_LOCK", "IS_USED_LOCK", "NEXTVAL", "LASTVAL", "SETVAL",
	"LAST_INSERT_ID", "ROW_COUNT", "FOUND_ROWS", "MASTER_POS_WAIT", "MASTER_GTID_WAIT", "SOURCE_POS_WAIT",
	"WAIT_FOR_EXECUTED_GTID_SET", "SYSDATE", "LOAD_FILE"}

// undecided names what in c may give another answer when it is asked again.
func (p *planner) undecided(c part) string {
	for i := c.from; i < c.to; i++ {
		switch {
		case p.op(i, ":="):
			return "an assignment"
		case p.word(i, "SELECT"), p.word(i, "VALUES") && p.op(i+1, "("), p.word(i, "TABLE"):
			return "a sub-select"
		case p.word(i, "NEXT") && p.word(i+1, "VALUE"), p.word(i, "PREVIOUS") && p.word(i+1, "VALUE"):
			return "the value of a sequence"
		case !p.isName(i) || !p.op(i+1, "("), p.readsInsertID(i):
		case p.oneOf(i, unsteady...):
			return strings.ToUpper(string(p.Bytes(i))) + "()"
		case p.stored(c, i):
			return "a stored function"
		}
	}
	return ""
}

// readsInsertID reports whether LAST_INSERT_ID() stands at i and is the same each
// time the session is asked: what the proxy asks makes no number, so only the
// statement itself could give it another.
func (p *planner) readsInsertID(i int) bool {
	return p.word(i, "LAST_INSERT_ID") && !p.op(i-1, ".") && p.op(i+2, ")") && !p.tellsAnother()
}

// effects names what in a part does more than answer, or "".
func (p *planner) effects(in part) string {
	for i := in.from; i < in.to; i++ {
		switch {
		case p.op(i, ":="):
			return "an assignment"
		case !p.isName(i) || !p.op(i+1, "("):
		case p.oneOf(i, unsteady...):
			return strings.ToUpper(string(p.Bytes(i))) + "()"
		case p.stored(in, i):
			return "a stored function"
		}
	}
	return ""
}

// stored reports whether the name that ends at token i is a stored function of
// the backend.
func (p *planner) stored(in part, i int) bool {
	names, _ := p.dotted(in.from, i)
	n := schema.Name{Schema: p.env.DB}
	switch len(names) {
	case 0:
		return false
	case 1:
		n.Name = names[0]
	default:
		// A function of a schema, or of a package: neither is the server's own.
		return true
	}
	return p.rules.Catalog.Function(n) != nil
}

// needsWrap reports whether something in the condition binds weaker than AND.
func (p *planner) needsWrap(w part) bool {
	weak := false
	p.top(w, func(i int) bool {
		weak = weak || p.oneOf(i, "OR", "XOR") || p.op(i, "||") || p.op(i, ":=")
		return true
	})
	return weak
}

// afterWhere reads ORDER BY and LIMIT, which change nothing for one row. The
// number of LIMIT is looked at when the plan is bound.
func (p *planner) afterWhere(plan *Plan, end int) *Plan {
	t := plan.Table
	rest := part{end, p.stmt.to}
	if at := p.find(rest, "RETURNING"); at < rest.to {
		if plan.Verb != Delete || p.of != policy.ModeEnforce || t.pending != nil {
			return refuse(t, "%s … RETURNING on %s cannot be guarded", plan.Verb, t.Name)
		}
		plan.returns, p.returning, rest.to = true, part{at, p.stmt.to}, at
	}
	limit := p.find(rest, "LIMIT")
	if limit == rest.to {
		return nil
	}
	o, ok := p.operand(part{limit + 1, rest.to}, plan.params)
	if !ok {
		return refuse(t, "this LIMIT of %s on %s cannot be guarded; LIMIT 1 can", plan.Verb, t.Name)
	}
	plan.limit = &o
	return nil
}

// versionFits refuses what the kind of version cannot serve.
func (p *planner) versionFits(plan *Plan) *Plan {
	t, v := plan.Table, plan.Table.Version
	if v == nil || v.External == policy.ExternalNone || plan.Verb != Update {
		return nil
	}
	if plan.assigned.kind != constant {
		return refuse(t, "UPDATE on %s must set %s to the new version, a whole number (external version)", t.Name, v.Column.Name)
	}
	return nil
}

func (t *Table) keyIndex(column string) int {
	for i, k := range t.Key {
		if sameName(k.Name, column) {
			return i
		}
	}
	return -1
}

// keyNames lists the key columns for messages.
func (t *Table) keyNames() string {
	names := make([]string, len(t.Key))
	for i, k := range t.Key {
		names[i] = k.Name
	}
	return strings.Join(names, ", ")
}

// ascii reports whether every name that a guard adds is plain ASCII.
func (t *Table) ascii() bool {
	for _, k := range t.Key {
		if !ascii(k.Name) {
			return false
		}
	}
	v := t.Version
	return v == nil || v.Column.ascii() && (v.Term == nil || ascii(v.Term.Name))
}

// keyFits reports whether column = value picks at most one row: a comparison
// that the server makes in floating point, or of a string with a number, may
// pick several. Without a service account the column's type is not known, and a
// number that is compared with a column of strings is not found out.
func keyFits(c Column, v Value) bool {
	switch v.Kind {
	case Null:
		return true
	case NoValue:
		return false
	}
	switch c.Class {
	case schema.Unknown:
		return v.Kind != Opaque
	case schema.Integer, schema.Year:
		_, whole := v.integer()
		return whole || v.Kind == Decimal
	case schema.Bit:
		return v.Kind == Integer || v.Kind == Opaque && v.Text == ""
	case schema.Decimal:
		if v.Kind == Text {
			_, whole := v.integer()
			return whole && len(v.Text) <= 15
		}
		return v.Kind == Integer || v.Kind == Decimal
	case schema.String, schema.Binary, schema.Enum, schema.Set:
		return v.Kind == Text || v.Kind == Opaque && v.Text == ""
	case schema.Temporal, schema.Date, schema.Time:
		return v.Kind == Text || v.Kind == Opaque
	case schema.Other:
		return v.Kind == Text // uuid, inet4, inet6: the server turns the text into one
	}
	return false
}
