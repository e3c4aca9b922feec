package rewrite

import (
	"strings"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// tableRef is one of FROM: a table, or what stands in its place.
type tableRef struct {
	source
	base  bool   // a table or view, no derived table and no function
	name  part   // of a base: the name as the client wrote it
	alias int    // token of the alias, -1 without one
	table *Table // where rows of it are remembered
}

// readFrom reads the tables of FROM from token i on, up to where the next clause
// begins.
func (s *selection) readFrom(i int) bool {
	f := fromReader{selection: s, at: i}
	if !f.list() || f.at < s.stmt.to && !s.oneOf(f.at, clauses...) {
		return false
	}
	s.end = f.at
	return true
}

// fromReader reads tables from token at on. Its methods are false where they
// cannot.
type fromReader struct {
	*selection
	at int
}

// list reads what commas join.
func (f *fromReader) list() bool {
	for f.joined() {
		if !f.op(f.at, ",") {
			return true
		}
		f.at++
	}
	return false
}

// joined reads what JOIN joins.
func (f *fromReader) joined() bool {
	if !f.factor() {
		return false
	}
	for {
		n, natural := f.join(f.at)
		switch {
		case n > 0:
			f.at += n
			f.merged = f.merged || natural
			if !f.factor() {
				return false
			}
		case f.word(f.at, "ON"):
			f.at++
			f.condition()
		case f.word(f.at, "USING") && f.op(f.at+1, "("):
			f.merged = true
			f.at = f.closing(f.at+1, f.stmt.to) + 1
		default:
			return true
		}
	}
}

// join gives the number of words from token i on that join two tables.
func (f *fromReader) join(i int) (n int, natural bool) {
	if f.word(i, "STRAIGHT_JOIN") {
		return 1, false
	}
	at := i
	if f.word(at, "NATURAL") {
		natural = true
		at++
	}
	if f.oneOf(at, "LEFT", "RIGHT") {
		if at++; f.word(at, "OUTER") {
			at++
		}
	} else if f.oneOf(at, "INNER", "CROSS") {
		at++
	}
	if !f.word(at, "JOIN") {
		return 0, false
	}
	return at + 1 - i, natural
}

// condition reads what is behind ON.
func (f *fromReader) condition() {
	depth := 0
	for ; f.at < f.stmt.to; f.at++ {
		switch {
		case f.opens(f.at):
			depth++
		case f.closes(f.at):
			if depth == 0 {
				return
			}
			depth--
		case depth > 0:
		case f.op(f.at, ","), f.oneOf(f.at, "ON", "USING"), f.oneOf(f.at, clauses...):
			return
		default:
			if n, _ := f.join(f.at); n > 0 {
				return
			}
		}
	}
}

// factor reads one table, or several in brackets.
func (f *fromReader) factor() bool {
	switch {
	case f.op(f.at, "("):
		if f.oneOf(f.at+1, "SELECT", "WITH", "VALUES", "TABLE") {
			return f.derived(f.at)
		}
		f.at++
		return f.list() && f.closed(")")
	case f.op(f.at, "{") && f.word(f.at+1, "OJ"):
		f.at += 2
		return f.joined() && f.closed("}")
	case f.word(f.at, "LATERAL") && f.op(f.at+1, "("):
		return f.derived(f.at + 1)
	}
	ref, next, ok := f.column(f.at)
	if !ok || ref.schema != "" {
		return false
	}
	if f.op(next, "(") {
		return f.derived(next)
	}
	r := tableRef{base: true, name: part{f.at, next}, alias: -1}
	r.source = source{name: ref.column, table: schema.Name{Schema: ref.table, Name: ref.column}}
	if r.source.table.Schema == "" {
		r.source.table.Schema = f.env.DB
	}
	f.at = next
	if f.word(f.at, "PARTITION") && f.op(f.at+1, "(") {
		f.at = f.closing(f.at+1, f.stmt.to) + 1
	}
	if !f.named(&r) || !f.indexHints() {
		return false
	}
	r.table = f.remembered(r.source.table)
	f.refs = append(f.refs, r)
	return true
}

// closed reads a bracket that must stand here.
func (f *fromReader) closed(bracket string) bool {
	if !f.op(f.at, bracket) {
		return false
	}
	f.at++
	return true
}

// derived reads what is in the parentheses at token i, and its name.
func (f *fromReader) derived(i int) bool {
	f.at = f.closing(i, f.stmt.to) + 1
	r := tableRef{alias: -1}
	if f.at > f.stmt.to || !f.named(&r) {
		return false
	}
	if f.op(f.at, "(") {
		f.at = f.closing(f.at, f.stmt.to) + 1
	}
	f.refs = append(f.refs, r)
	return true
}

// named reads an alias where there is one.
func (f *fromReader) named(r *tableRef) bool {
	switch {
	case f.word(f.at, "AS"):
		f.at++
		if !f.isName(f.at) {
			return false
		}
	case !f.isName(f.at), f.oneOf(f.at, "ON", "USING", "USE", "FORCE", "IGNORE", "NATURAL", "INNER", "CROSS", "LEFT", "RIGHT", "JOIN",
		"STRAIGHT_JOIN", "PARTITION"), f.oneOf(f.at, clauses...):
		return true
	}
	r.alias = f.at
	r.source.name, _ = f.Name(f.at)
	f.at++
	return true
}

// indexHints reads USE, FORCE and IGNORE INDEX.
func (f *fromReader) indexHints() bool {
	for f.oneOf(f.at, "USE", "FORCE", "IGNORE") {
		if f.at++; !f.oneOf(f.at, "INDEX", "KEY") {
			return false
		}
		if f.at++; f.word(f.at, "FOR") {
			if f.at++; f.word(f.at+1, "BY") {
				f.at++
			}
			f.at++
		}
		if !f.op(f.at, "(") {
			return false
		}
		f.at = f.closing(f.at, f.stmt.to) + 1
	}
	return true
}

// remembered gives the table of that name where rows of it are remembered when
// they are read: its twin while it is observed.
func (p *planner) remembered(n schema.Name) *Table {
	t := p.rules.Table(n, "")
	if t == nil || !t.Captured() || len(t.Key) == 0 {
		return nil
	}
	switch p.env.mode(t) {
	case policy.ModeEnforce:
		return t
	case policy.ModeObserve:
		return t.twin
	}
	return nil
}

// qualifier gives the name by which columns of the table are added.
func (s *selection) qualifier(r *tableRef) string {
	if r.alias < 0 {
		var b strings.Builder
		for i := r.name.from; i < r.name.to; i++ {
			b.Write(s.Bytes(i))
		}
		return b.String()
	}
	alias := string(s.Bytes(r.alias))
	if s.Tokens[r.alias].Kind == sqltext.Word && ascii(alias) {
		return string(quoteName(nil, alias)) // it may be a keyword
	}
	return alias
}

// shares says how the name of a table in FROM is shared with others: not at all,
// with tables of other schemas alone, or in another way, so that it is not clear
// which of them a column is of.
func (s *selection) shares(r *tableRef) (other, unclear bool) {
	for i := range s.refs {
		o := &s.refs[i]
		if o == r || !sameName(o.source.name, r.source.name) {
			continue
		}
		other = true
		if !o.base || sameName(o.source.table.Schema, r.source.table.Schema) {
			unclear = true
		}
	}
	return other, unclear
}
