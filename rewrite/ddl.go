package rewrite

import (
	"slices"
	"strings"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// planDDL refuses what would take a guard away, and marks the rest as something
// that the rules may rest on.
func (p *planner) planDDL(i int) *Plan {
	verb := strings.ToUpper(string(p.Bytes(i)))
	what, at := p.objectKind(i + 1)
	ok := &Plan{Verdict: Pass, Why: "it takes no guard away", DDL: true}
	if p.env.Multi && p.severalWrites() {
		return refuse(nil, "where the body of this %s ends cannot be told, and a write on a guarded table may follow it; send it on a connection without multi-statements", verb)
	}
	switch {
	case verb == "DROP" && (what == "DATABASE" || what == "SCHEMA"):
		if t := p.dropsSchema(at); t != nil {
			return refuse(t, "DROP DATABASE would take the guard of %s away; let an account with mode off do it", t.Name)
		}
		return ok
	case verb == "DROP" && what == "TRIGGER":
		return or(p.dropTrigger(at), ok)
	case (verb == "CREATE" || verb == "ALTER") && (what == "TRIGGER" || what == "EVENT"):
		return or(p.program(i, what, at), ok)
	case verb == "CREATE" && (what == "TABLE" || what == "TEMPORARY"):
		// CREATE TABLE … SELECT f()
		if refused := p.calls(part{p.find(part{at, p.stmt.to}, "SELECT", "WITH", "VALUES", "AS"), p.stmt.to}); refused != nil {
			return refused
		}
	}
	t := p.mentioned(p.stmt)
	if t == nil {
		ok.Why = "it names no guarded table"
		ok.DDL = what == "VIEW" || what == "PROCEDURE" || what == "FUNCTION" || what == "PACKAGE"
		return ok
	}
	switch verb {
	case "TRUNCATE", "RENAME":
		return refuse(t, "%s would take the guard of %s away; let an account with mode off do it", verb, t.Name)
	case "DROP":
		return or(p.drop(what, at, t), ok)
	case "ALTER":
		if what == "TABLE" {
			return or(p.alterTable(at, t), ok)
		}
		return ok
	}
	return or(p.create(i, what, at, t), ok)
}

// defines reports whether the statement that begins at token i is DDL.
func (p *planner) defines(i int) bool {
	return p.oneOf(i, "TRUNCATE", "DROP", "RENAME", "ALTER", "CREATE")
}

// objects are what DDL is about. TEMPORARY stands for the table behind it.
var objects = []string{"TABLE", "TABLES", "TEMPORARY", "DATABASE", "SCHEMA", "VIEW", "TRIGGER", "EVENT", "PROCEDURE", "FUNCTION",
	"INDEX", "PACKAGE", "SEQUENCE", "USER", "ROLE", "SERVER", "TABLESPACE"}

// objectKind reads what a DDL statement is about, and gives the index after it.
func (p *planner) objectKind(i int) (string, int) {
	for ; i < p.stmt.to; i++ {
		switch {
		case p.word(i, "DEFINER") && p.op(i+1, "="):
			i += 2 // the account's name may be any word
			if i+1 < p.stmt.to && p.Tokens[i+1].Kind == sqltext.UserVar {
				i++
			}
		case p.oneOf(i, objects...):
			return strings.ToUpper(string(p.Bytes(i))), i + 1
		case p.word(i, "SECURITY"), p.op(i, "="):
			i++ // SQL SECURITY x, ALGORITHM = x
		}
	}
	return "", p.stmt.to
}

// exists skips IF [NOT] EXISTS.
func (p *planner) exists(i int) int {
	if !p.word(i, "IF") {
		return i
	}
	for i < p.stmt.to && !p.word(i, "EXISTS") {
		i++
	}
	return i + 1
}

// dropsSchema gives a guarded table of the database that is named at i.
func (p *planner) dropsSchema(i int) *Table {
	name, ok := p.Name(p.exists(i))
	if !ok {
		return nil
	}
	name = p.rules.fold(schema.Name{Schema: name}).Schema
	if !p.rules.schemas[name] {
		return nil
	}
	for _, t := range p.rules.All() {
		if p.rules.fold(t.Name).Schema == name && p.active(t) != nil {
			return t
		}
	}
	return nil
}

// dropTrigger refuses to drop the trigger that bumps a version.
func (p *planner) dropTrigger(i int) *Plan {
	ref, _, ok := p.column(p.exists(i))
	if !ok {
		return nil
	}
	for _, t := range p.rules.All() {
		if t.Version == nil || t.Version.Bump != policy.BumpNone || t.columns == nil || p.active(t) == nil {
			continue
		}
		for _, tr := range t.columns.Triggers {
			if sameName(tr.Name, ref.column) {
				return refuse(t, "DROP TRIGGER may take the bump of %s away; let an account with mode off do it", t.Name)
			}
		}
	}
	return nil
}

// drop refuses to drop a guarded table or its primary key.
func (p *planner) drop(what string, at int, t *Table) *Plan {
	switch what {
	case "TABLE", "TABLES", "TEMPORARY":
		return refuse(t, "DROP TABLE would take the guard of %s away; let an account with mode off do it", t.Name)
	case "INDEX":
		if on := p.find(part{at, p.stmt.to}, "ON"); on < p.stmt.to {
			if indexed, _, _, read := p.tableName(on + 1); read && indexed == nil {
				return nil
			}
		}
		if p.is(p.exists(at), "PRIMARY") || t.otherKey() {
			return refuse(t, "DROP INDEX may take the key of %s away; let an account with mode off do it", t.Name)
		}
	}
	return nil
}

// otherKey reports whether the policy's key is not certainly the primary key.
func (t *Table) otherKey() bool {
	if t.columns == nil || len(t.columns.Key) != len(t.Key) {
		return true
	}
	for _, name := range t.columns.Key {
		if t.keyIndex(name) < 0 {
			return true
		}
	}
	return false
}

// alterTable lets an ALTER TABLE pass that leaves name, engine, key and token alone.
func (p *planner) alterTable(i int, named *Table) *Plan {
	t, _, next, read := p.tableName(p.exists(i))
	if !read {
		t = named
	}
	for j := next; j < p.stmt.to; j++ {
		switch {
		case t == nil && (p.word(j, "EXCHANGE") || p.word(j, "RENAME") && !p.oneOf(j+1, "COLUMN", "INDEX", "KEY")):
			return refuse(named, "ALTER TABLE … %s of another table with the guarded table %s; let an account with mode off do it", strings.ToUpper(string(p.Bytes(j))), named.Name)
		case t == nil:
		case p.word(j, "RENAME") && !p.oneOf(j+1, "COLUMN", "INDEX", "KEY"):
			return refuse(t, "ALTER TABLE … RENAME would take the guard of %s away; let an account with mode off do it", t.Name)
		case p.is(j, "PRIMARY"), p.oneOf(j, "ENGINE", "PARTITION", "EXCHANGE", "DISCARD", "IMPORT", "CONVERT"):
			return refuse(t, "ALTER TABLE … %s on the guarded table %s; let an account with mode off do it", strings.ToUpper(string(p.Bytes(j))), t.Name)
		case p.word(j, "DROP") && p.oneOf(j+1, "INDEX", "KEY", "CONSTRAINT") && t.otherKey():
			return refuse(t, "ALTER TABLE … DROP %s may take the key of %s away; let an account with mode off do it", strings.ToUpper(string(p.Bytes(j+1))), t.Name)
		default:
			name, isName := p.Name(j)
			if isName && t.guardColumn(name) && !p.word(j-1, "AFTER") {
				return refuse(t, "ALTER TABLE that names %s, which the guard of %s rests on; let an account with mode off do it", name, t.Name)
			}
			if isName && t.stateColumn(name) && p.takesColumn(j) {
				return refuse(t, "ALTER TABLE that drops or renames %s, which the guard of %s rests on; let an account with mode off do it", name, t.Name)
			}
		}
	}
	return nil
}

// guardColumn reports whether the guard of t rests on the column.
func (t *Table) guardColumn(name string) bool {
	if t.keyIndex(name) >= 0 {
		return true
	}
	v := t.Version
	return v != nil && (sameName(v.Column.Name, name) || v.Term != nil && sameName(v.Term.Name, name))
}

// stateColumn reports whether require or status of t judge the column. Other than
// those of [Table.guardColumn] its type may change: the rules are made anew.
func (t *Table) stateColumn(name string) bool {
	judges := func(conditions []condition) bool {
		return slices.ContainsFunc(conditions, func(c condition) bool { return sameName(c.column.Name, name) })
	}
	m := t.status
	return judges(t.require) || m != nil && (sameName(m.column.Name, name) ||
		slices.ContainsFunc(m.transitions, func(tr transition) bool { return judges(tr.require) }))
}

// takesColumn reports whether the name at i is that of a column which ALTER TABLE
// drops or gives another name.
func (p *planner) takesColumn(i int) bool {
	before := i - 1
	if p.word(before, "EXISTS") && p.word(before-1, "IF") {
		before -= 2
	}
	if p.word(before, "COLUMN") {
		before--
	}
	if p.word(before, "CHANGE") {
		is, _ := p.Name(i)
		becomes, ok := p.Name(i + 1)
		return !ok || !sameName(is, becomes)
	}
	return p.oneOf(before, "DROP", "RENAME")
}

// create refuses what would hide a guarded table or write it out of sight.
func (p *planner) create(i int, what string, at int, t *Table) *Plan {
	switch what {
	case "TEMPORARY":
		for p.oneOf(at, "TABLE", "SEQUENCE") {
			at++
		}
		if hidden, _, _, read := p.tableName(p.exists(at)); !read || hidden != nil {
			return refuse(t, "a temporary table would hide the guarded table %s; give it another name", t.Name)
		}
	case "TABLE", "SEQUENCE":
		if p.word(i+1, "OR") {
			if replaced, _, _, read := p.tableName(p.exists(at)); !read || replaced != nil {
				return refuse(t, "CREATE OR REPLACE %s would take the guard of %s away; let an account with mode off do it", what, t.Name)
			}
		}
	}
	return nil
}

// assignsNew reports whether NEW.column at i, in the body of a trigger, may be given
// a value there: in a SET, or by INTO.
func (p *planner) assignsNew(body part, i int) bool {
	if p.op(i+3, ":=") {
		return true
	}
	for j := i - 1; j >= body.from && !p.op(j, ";"); j-- {
		switch {
		case p.word(j, "INTO"):
			return !p.oneOf(j-1, "INSERT", "REPLACE", "IGNORE", "LOW_PRIORITY")
		case p.word(j, "SET"):
			return p.op(i+3, "=") && (j == i-1 || p.op(i-1, ","))
		}
	}
	return false
}

// program refuses a trigger or an event whose body may write a guarded table,
// or that changes what the guard of its own table rests on.
func (p *planner) program(i int, what string, at int) *Plan {
	verb := strings.ToUpper(string(p.Bytes(i)))
	body := part{at, p.stmt.to}
	for j := at; j < p.stmt.to; j++ {
		// FOR EACH ROW body, DO body: a trigger on a guarded table names it
		// before without writing it.
		if p.word(j, "DO") || p.word(j, "ROW") && p.word(j-1, "EACH") {
			body.from = j + 1
			break
		}
	}
	if t := p.written(body); t != nil {
		return refuse(t, "%s %s whose body may write %s would go around its guard", verb, what, t.Name)
	}
	if refused := p.callsWithin(body); refused != nil {
		return refused
	}
	t := p.mentioned(part{at, body.from})
	if what != "TRIGGER" || t == nil {
		return nil
	}
	versioned := t.Version != nil && t.Version.Bump != policy.BumpNone
	for j := body.from; j < body.to; j++ {
		name, ok := p.Name(j)
		if !ok || !p.op(j-1, ".") || !p.is(j-2, "NEW") {
			continue
		}
		// To read the status is what triggers that keep a history do.
		sets := t.status != nil && sameName(name, t.status.column.Name) && p.assignsNew(body, j-2)
		if sets || versioned && t.guardColumn(name) {
			return refuse(t, "%s TRIGGER that names NEW.%s, which the guard of %s rests on; let an account with mode off do it", verb, name, t.Name)
		}
	}
	return nil
}
