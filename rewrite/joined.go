package rewrite

import (
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// source is a table in FROM, by the name under which the statement knows it.
type source struct {
	name  string // alias, or the table's own name
	table schema.Name
	at    part // the reference, without its alias
	alias int  // token of the alias, -1 without one
}

// sources lists the tables that refs names, derived tables left out.
func (p *planner) sources(refs part) []source {
	var all []source
	expect := true // a table stands next
	for i := refs.from; i < refs.to; i++ {
		switch {
		case p.op(i, "("):
			if !expect || p.oneOf(i+1, "SELECT", "WITH", "VALUES", "TABLE") {
				// A condition, a list of names or indexes, a derived table.
				i = p.closing(i, refs.to)
				expect = false
			}
			continue
		case p.op(i, ","), p.oneOf(i, "JOIN", "STRAIGHT_JOIN") && !p.word(i-1, "FOR"):
			expect = true
			continue
		case expect && p.op(i, "{"): // { OJ …
			i++
			continue
		case expect && p.word(i, "LATERAL") && p.op(i+1, "("):
			continue
		}
		if !expect {
			continue
		}
		ref, next, ok := p.column(i)
		expect = false
		if !ok || p.op(next, "(") { // a table that a function makes
			continue
		}
		s := source{name: ref.column, table: schema.Name{Schema: ref.table, Name: ref.column}, at: part{i, next}, alias: -1}
		if p.word(next, "PARTITION") && p.op(next+1, "(") {
			next = p.closing(next+1, refs.to) + 1
		}
		if p.word(next, "AS") {
			next++
		}
		if next < refs.to && !p.oneOf(next, "ON", "USING", "JOIN", "INNER", "LEFT", "RIGHT", "CROSS", "NATURAL", "STRAIGHT_JOIN", "USE", "FORCE", "IGNORE") {
			if k := p.Tokens[next].Kind; k == sqltext.Word || k == sqltext.Quoted {
				s.name, _ = p.Name(next)
				s.alias = next
				next++
			}
		}
		all = append(all, s)
		i = next - 1
	}
	return all
}

// guardedSource gives the first guarded table in FROM.
func (p *planner) guardedSource(all []source) *Table {
	for _, s := range all {
		if t, _ := p.guarded(s.table); t != nil {
			return t
		}
	}
	return nil
}

// target resolves a name that a joined write gives as its target. Several
// sources may have the name, of tables of several schemas: any of them that is
// guarded counts. known is false where none has it.
func (p *planner) target(ref columnRef, all []source) (t *Table, known bool) {
	for _, s := range all {
		if !p.sameTable(s.name, ref.column) {
			continue
		}
		if s.table.Schema == "" {
			s.table.Schema = p.env.DB
		}
		if ref.table != "" && !p.sameTable(s.table.Schema, ref.table) {
			continue
		}
		known = true
		if t, _ = p.guarded(s.table); t != nil {
			return t, true
		}
	}
	return nil, known
}

// deleteTarget reads t, db.t, t.* or db.t.*.
func (p *planner) deleteTarget(d part) (columnRef, bool) {
	to := d.to
	if to-d.from >= 3 && p.op(to-1, "*") && p.op(to-2, ".") {
		to -= 2
	}
	if to-d.from == 2 && p.op(to-1, ".*") {
		to--
	}
	ref, next, ok := p.column(d.from)
	return ref, ok && next == to
}
