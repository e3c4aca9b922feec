package rewrite

import (
	"strings"

	"ifmatch/schema"
	"ifmatch/sqltext"
)

// This file is about writes that the first words of a statement do not show:
// in routines that it calls, in bodies that it has, in texts that it makes.

// outOfSight refuses a statement that may write a guarded table where no guard
// can be added. i is its first word.
func (p *planner) outOfSight(i int) *Plan {
	if refused := p.foreignNames(i); refused != nil {
		return refused
	}
	if p.defines(i) {
		return nil // what is made is not run: planDDL looks into it
	}
	what := p.body(i)
	if what == "" {
		return p.calls(p.stmt)
	}
	if refused := p.callsWithin(p.stmt); refused != nil {
		return refused
	}
	if p.has(part{i + 1, p.stmt.to}, "PREPARE", "EXECUTE") && p.rules.Tables() > 0 {
		return refuse(nil, "%s with PREPARE or EXECUTE in it, whose text cannot be judged; send that statement by itself", what)
	}
	if t := p.written(part{i + 1, p.stmt.to}); t != nil {
		return refuse(t, "%s with a write in it that may be of %s cannot be guarded; send the write by itself", what, t.Name)
	}
	return nil
}

// written gives a guarded table that one of several statements in p may write.
func (p *planner) written(in part) *Table {
	if p.writes(in) {
		if t := p.mentioned(in); t != nil {
			return t
		}
	}
	for i := in.from; i < in.to; i++ {
		if p.word(i, "DROP") && p.oneOf(i+1, "DATABASE", "SCHEMA") {
			if t := p.dropsSchema(i + 2); t != nil {
				return t
			}
		}
	}
	return nil
}

// body names the kind of a statement that runs others, "" for one that does not.
func (p *planner) body(i int) string {
	switch {
	case p.word(i, "BEGIN"):
		// BEGIN and BEGIN WORK start a transaction. All else is MariaDB's
		// BEGIN NOT ATOMIC, or a block in its sql_mode ORACLE.
		if i+1 == p.stmt.to || i+2 == p.stmt.to && p.word(i+1, "WORK") {
			return ""
		}
		return "a compound statement"
	case p.oneOf(i, "IF", "CASE", "LOOP", "REPEAT", "WHILE", "FOR", "DECLARE"), p.op(i+1, ":"), p.op(i, "<<"):
		return "a compound statement"
	case p.word(i, "SET") && p.word(i+1, "STATEMENT"):
		return "SET STATEMENT"
	}
	return ""
}

// foreignNames refuses names beyond ASCII, in a character set in which their
// bytes cannot be compared with those of the policy.
func (p *planner) foreignNames(i int) *Plan {
	if p.env.UTF8 || !p.rules.wide {
		return nil
	}
	reads := p.oneOf(i, "SELECT", "SHOW", "DESC", "DESCRIBE", "EXPLAIN", "USE", "TABLE", "VALUES", "SET", "DO")
	for j := i; j < p.stmt.to; j++ {
		if p.isName(j) && !ascii(p.Bytes(j)) && (!reads || p.op(j+1, "(") || p.op(j+1, ".")) {
			return refuse(nil, "names beyond ASCII cannot be compared with those of the policy in this session's character set; SET NAMES utf8mb4")
		}
	}
	return nil
}

// calls refuses where a routine is called that may write a guarded table. A name
// counts as called where a parenthesis follows it, or behind CALL.
func (p *planner) calls(in part) *Plan {
	return p.called(in, func(start, end int) bool {
		return p.word(start-1, "CALL") || p.op(end, "(") && !p.word(start-1, "INTO")
	})
}

// callsWithin is calls for a body: in MariaDB's sql_mode ORACLE the name of a
// procedure alone calls it there.
func (p *planner) callsWithin(in part) *Plan {
	return p.called(in, func(int, int) bool { return true })
}

// called refuses where one of the names for which counts is true is that of a
// routine that may write a guarded table. Names go from token start to end.
func (p *planner) called(in part, counts func(start, end int) bool) *Plan {
	if len(p.rules.routines) == 0 {
		return nil
	}
	for i := in.from; i < in.to; i++ {
		if !p.isName(i) {
			continue
		}
		names, start := p.dotted(in.from, i)
		if len(names) == 0 || !counts(start, i+1) {
			continue
		}
		if t, n := p.routine(names); t != nil {
			return refuse(t, "the routine %s may write %s, and what a routine writes cannot be guarded; the policy can allow it (routines: allow)", n, t.Name)
		}
	}
	return nil
}

// routine gives the guarded table that the routine of a dotted name may write.
// p, db.p, and of MariaDB's packages pkg.p and db.pkg.p: the package as a whole
// stands for what is in it.
func (p *planner) routine(names []string) (*Table, schema.Name) {
	var may []schema.Name
	switch len(names) {
	case 1:
		may = []schema.Name{{Schema: p.env.DB, Name: names[0]}}
	case 2:
		may = []schema.Name{{Schema: names[0], Name: names[1]}, {Schema: p.env.DB, Name: names[0]}}
	case 3:
		may = []schema.Name{{Schema: names[0], Name: names[1]}}
	}
	for _, n := range may {
		if base, ok := p.rules.routines[foldRoutine(n)]; ok {
			if t := p.active(p.rules.Table(base, "")); t != nil {
				return t, n
			}
		}
	}
	return nil, schema.Name{}
}

// severalWrites reports whether a write may stand behind a ; of the statement.
func (p *planner) severalWrites() bool {
	for i := p.stmt.from; i < p.stmt.to; i++ {
		if !p.op(i, ";") {
			continue
		}
		rest := part{i, p.stmt.to}
		return p.written(rest) != nil || p.has(rest, "PREPARE", "EXECUTE") || p.callsWithin(rest) != nil
	}
	return false
}

// is reports whether token i is that name, quoted or not.
func (p *planner) is(i int, name string) bool {
	if i < 0 || i >= p.stmt.to || p.Tokens[i].Kind != sqltext.Word && p.Tokens[i].Kind != sqltext.Quoted {
		return false
	}
	n, ok := p.Name(i)
	return ok && strings.EqualFold(n, name)
}
