package rewrite

import (
	"strings"

	"ifmatch/schema"
)

// planDDL refuses what would take a guard away, and marks the rest as something
// that the rules may rest on.
func (p *planner) planDDL(i int) *Plan {
	verb := strings.ToUpper(string(p.Bytes(i)))
	what, at := p.objectKind(i + 1)
	if verb == "DROP" && (what == "DATABASE" || what == "SCHEMA") {
		return p.dropSchema(at)
	}
	t := p.mentioned(p.stmt)
	if t == nil {
		program := what == "VIEW" || what == "PROCEDURE" || what == "FUNCTION" || what == "PACKAGE"
		return &Plan{Verdict: Pass, Why: "it names no guarded table", DDL: program}
	}
	if p.env.Multi && p.severalWrites() {
		return refuse(t, "where the body of this CREATE ends cannot be told, and a write may follow it; send it on a connection without multi-statements")
	}
	ok := &Plan{Verdict: Pass, Why: "it takes no guard away", DDL: true}
	switch verb {
	case "TRUNCATE", "RENAME":
		return refuse(t, "%s would take the guard of %s away", verb, t.Name)
	case "DROP":
		if what == "TABLE" || what == "TABLES" || what == "TEMPORARY" {
			return refuse(t, "DROP TABLE would take the guard of %s away", t.Name)
		}
		return ok
	case "ALTER":
		if what == "TABLE" {
			return p.alterTable(at, ok)
		}
		return ok
	}
	return p.create(i, what, at, t, ok)
}

// severalWrites reports whether a write may stand behind a ; of the statement.
func (p *planner) severalWrites() bool {
	for i := p.stmt.from; i < p.stmt.to; i++ {
		if p.op(i, ";") && p.has(part{i, p.stmt.to}, "UPDATE", "DELETE", "INSERT", "REPLACE", "TRUNCATE", "LOAD", "DROP", "ALTER", "RENAME", "CALL") {
			return true
		}
	}
	return false
}

// objectKind reads what a DDL statement is about, and gives the index after it.
func (p *planner) objectKind(i int) (string, int) {
	for p.oneOf(i, "OR", "REPLACE", "ONLINE", "OFFLINE", "IGNORE", "AGGREGATE", "UNIQUE", "FULLTEXT", "SPATIAL") {
		i++
	}
	// DEFINER = user, ALGORITHM = …, SQL SECURITY …
	for j := i; j < p.stmt.to && j < i+16; j++ {
		if p.oneOf(j, "TABLE", "TABLES", "TEMPORARY", "DATABASE", "SCHEMA", "VIEW", "TRIGGER", "EVENT", "PROCEDURE", "FUNCTION", "INDEX", "PACKAGE", "SEQUENCE", "USER", "ROLE", "SERVER", "TABLESPACE") {
			return strings.ToUpper(string(p.Bytes(j))), j + 1
		}
	}
	return "", i
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

func (p *planner) dropSchema(i int) *Plan {
	i = p.exists(i)
	if i < p.stmt.to {
		if name, ok := p.Name(i); ok && p.rules.schemas[p.rules.fold(schema.Name{Schema: name}).Schema] {
			for n, t := range p.rules.tables {
				if n.Schema == p.rules.fold(schema.Name{Schema: name}).Schema && p.active(t) != nil {
					return refuse(t, "DROP DATABASE would take the guard of %s away", t.Name)
				}
			}
		}
	}
	return &Plan{Verdict: Pass, Why: "it drops no guarded table", DDL: true}
}

// alterTable lets an ALTER TABLE pass that leaves name, engine, key and token alone.
func (p *planner) alterTable(i int, ok *Plan) *Plan {
	t, _, next, read := p.tableName(p.exists(i))
	if !read {
		t = p.mentioned(p.stmt)
	}
	if t == nil {
		return ok
	}
	for j := next; j < p.stmt.to; j++ {
		switch {
		case p.word(j, "RENAME") && !p.oneOf(j+1, "COLUMN", "INDEX", "KEY"):
			return refuse(t, "ALTER TABLE … RENAME would take the guard of %s away", t.Name)
		case p.oneOf(j, "ENGINE", "PRIMARY", "PARTITION", "EXCHANGE", "DISCARD", "IMPORT", "CONVERT"):
			return refuse(t, "ALTER TABLE … %s on the guarded table %s; let an account with mode off do it", strings.ToUpper(string(p.Bytes(j))), t.Name)
		}
		name, isName := p.Name(j)
		if isName && t.guardColumn(name) && !p.word(j-1, "AFTER") {
			return refuse(t, "ALTER TABLE that names %s, which the guard of %s rests on; let an account with mode off do it", name, t.Name)
		}
	}
	return ok
}

// guardColumn reports whether the guard of t rests on the column.
func (t *Table) guardColumn(name string) bool {
	for _, k := range t.Key {
		if sameName(k.Name, name) {
			return true
		}
	}
	if v := t.Version; v != nil {
		return sameName(v.Column.Name, name) || v.Term != nil && sameName(v.Term.Name, name)
	}
	return false
}

// create refuses what would hide a guarded table or write it out of sight.
func (p *planner) create(i int, what string, at int, t *Table, ok *Plan) *Plan {
	switch what {
	case "TRIGGER", "EVENT":
		if p.has(part{at, p.stmt.to}, "UPDATE", "DELETE", "INSERT", "REPLACE", "TRUNCATE", "CALL") && p.writesIn(at, t) {
			return refuse(t, "CREATE %s that writes %s would go around its guard", what, t.Name)
		}
	case "TEMPORARY":
		for p.oneOf(at, "TABLE", "SEQUENCE") {
			at++
		}
		if hidden, _, _, read := p.tableName(p.exists(at)); !read || hidden != nil {
			return refuse(t, "a temporary table would hide the guarded table %s", t.Name)
		}
	case "TABLE":
		if p.word(i+1, "OR") {
			if replaced, _, _, read := p.tableName(p.exists(at)); !read || replaced != nil {
				return refuse(t, "CREATE OR REPLACE TABLE would take the guard of %s away", t.Name)
			}
		}
	}
	return ok
}

// writesIn reports whether a body behind token at may write t: a trigger on t
// itself names it once without writing it.
func (p *planner) writesIn(at int, t *Table) bool {
	body := at
	for j := at; j < p.stmt.to; j++ {
		if p.oneOf(j, "ROW", "DO") {
			body = j + 1
			break
		}
	}
	return p.mentioned(part{body, p.stmt.to}) != nil
}
