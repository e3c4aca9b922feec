package rewrite

import (
	"strings"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// oneRow finishes the plan of an UPDATE or DELETE whose WHERE fixes the whole
// key, and refuses others.
func (p *planner) oneRow(plan *Plan, where, end int) *Plan {
	t := plan.Table
	verb := strings.ToUpper(string(p.Bytes(p.stmt.from)))
	if where >= end {
		return refuse(t, "%s of all rows of %s cannot be guarded yet; name one row by its whole key (%s)", verb, t.Name, t.keyNames())
	}
	if plan.params == nil {
		plan.params = p.parameters()
	}
	plan.where = part{where + 1, end}
	conjuncts, ok := p.conjuncts(plan.where, nil)
	if !ok {
		return refuse(t, "the condition of this %s on %s cannot be read", verb, t.Name)
	}
	plan.wrap = p.needsWrap(plan.where)
	plan.key = make([]keyPart, len(t.Key))
	fixed := 0
	for _, c := range conjuncts {
		ref, o, ok := p.equality(c, plan.params)
		if ok && p.names(plan, ref) {
			if k := t.keyIndex(ref.column); k >= 0 && plan.key[k].conjunct.empty() {
				plan.key[k] = keyPart{c, o}
				fixed++
				continue
			}
			if p.ownVersion(plan, ref, o, c) {
				continue
			}
		}
		if bad := p.undecided(c); bad != "" {
			return refuse(t, "%s in the condition of this %s on %s: what it picks cannot be proved", bad, verb, t.Name)
		}
		plan.rest = append(plan.rest, c)
	}
	if fixed < len(t.Key) {
		return refuse(t, "%s of several rows of %s cannot be guarded yet; name one row by its whole key (%s)", verb, t.Name, t.keyNames())
	}
	if refused := p.afterWhere(plan, end, verb); refused != nil {
		return refused
	}
	if refused := p.versionFits(plan, verb); refused != nil {
		return refused
	}
	if !p.env.UTF8 && !t.ascii() {
		return refuse(t, "the guard of %s has names beyond ASCII, which this session's character set may not have", t.Name)
	}
	if refused := p.crossCheck(plan, conjuncts); refused != nil {
		return refused
	}
	plan.Why = "one row by its whole key"
	return plan
}

// ownVersion takes a conjunct that compares the version or its term with a constant.
func (p *planner) ownVersion(plan *Plan, ref columnRef, o Operand, c part) bool {
	v := plan.Table.Version
	if v == nil || plan.Table.Settings.OwnVersion == policy.OwnVersionPass {
		return false
	}
	switch {
	case sameName(ref.column, v.Column.Name) && plan.own == nil:
		plan.own = &o
	case v.Term != nil && sameName(ref.column, v.Term.Name) && plan.ownTerm == nil:
		plan.ownTerm = &o
	default:
		return false
	}
	plan.ownParts = append(plan.ownParts, c)
	return true
}

// undecided names what in c may give another answer when it is asked again.
func (p *planner) undecided(c part) string {
	for i := c.from; i < c.to; i++ {
		switch {
		case p.op(i, ":="):
			return "an assignment"
		case p.word(i, "SELECT"), p.word(i, "VALUES") && p.op(i+1, "("), p.word(i, "TABLE"):
			return "a sub-select"
		case p.oneOf(i, "RAND", "UUID", "UUID_SHORT", "SLEEP", "BENCHMARK", "GET_LOCK", "RELEASE_LOCK", "RELEASE_ALL_LOCKS", "NEXTVAL", "SETVAL", "LAST_INSERT_ID", "MASTER_POS_WAIT", "ROW_COUNT", "FOUND_ROWS") && p.op(i+1, "("):
			return strings.ToUpper(string(p.Bytes(i))) + "()"
		case p.word(i, "NEXT") && p.word(i+1, "VALUE"):
			return "NEXT VALUE"
		}
	}
	return ""
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

// afterWhere reads ORDER BY and LIMIT, which change nothing for one row.
func (p *planner) afterWhere(plan *Plan, end int, verb string) *Plan {
	t := plan.Table
	rest := part{end, p.stmt.to}
	if p.find(rest, "RETURNING") < rest.to {
		return refuse(t, "%s … RETURNING on %s cannot be guarded yet", verb, t.Name)
	}
	limit := p.find(rest, "LIMIT")
	if limit == rest.to {
		return nil
	}
	if limit != rest.to-2 || p.Tokens[limit+1].Kind != sqltext.Number || strings.Trim(string(p.Bytes(limit+1)), "0") == "" {
		return refuse(t, "this LIMIT on a write of %s cannot be guarded; LIMIT 1 can", t.Name)
	}
	return nil
}

// versionFits refuses what the kind of version cannot serve.
func (p *planner) versionFits(plan *Plan, verb string) *Plan {
	t, v := plan.Table, plan.Table.Version
	if v == nil {
		return nil
	}
	if v.External == policy.ExternalNone || plan.Verb != Update {
		return nil
	}
	if plan.assigned.kind != constant {
		return refuse(t, "%s on %s must set %s to the new version, a whole number (external version)", verb, t.Name, v.Column.Name)
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
	names := []string{}
	for _, k := range t.Key {
		names = append(names, k.Name)
	}
	if v := t.Version; v != nil {
		names = append(names, v.Column.Name)
		if v.Term != nil {
			names = append(names, v.Term.Name)
		}
	}
	for _, n := range names {
		for i := 0; i < len(n); i++ {
			if n[i] >= 0x80 {
				return false
			}
		}
	}
	return true
}

// keyFits reports whether column = value picks at most one row: a comparison
// that the server makes in floating point, or of a string with a number, may
// pick several.
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
		return v.Kind == Integer || v.Kind == Opaque
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
	}
	return false
}
