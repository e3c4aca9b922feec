package rewrite

import (
	"strconv"
	"strings"

	"ifmatch/sqltext"
)

// This file is about ORDER BY, which looks among what is selected before it looks
// in the tables, and must not find there what was added.

// hiddenName begins the names of the columns that are added.
const hiddenName = "ifmatch "

// namesHidden reports whether the client's own text has a name of those that
// added columns have.
func (s *selection) namesHidden() bool {
	for i := s.stmt.from; i < s.stmt.to; i++ {
		if name, ok := s.Name(i); ok && len(name) >= len(hiddenName) && strings.EqualFold(name[:len(hiddenName)], hiddenName) {
			return true
		}
	}
	return false
}

// ordinals gives the tokens of ORDER BY that are a number by themselves: that of
// a column. ok is false where a parameter may be one.
func (s *selection) ordinals() (tokens []int32, ok bool) {
	if s.order.empty() {
		return nil, true
	}
	for _, at := range s.list(part{s.order.from + 2, s.order.to}) {
		if at.to > at.from && s.oneOf(at.to-1, "ASC", "DESC") {
			at.to--
		}
		for at = s.unwrap(at); s.op(at.from, "+"); at = s.unwrap(at) {
			at.from++
		}
		if at.to-at.from != 1 {
			continue
		}
		switch s.Tokens[at.from].Kind {
		case sqltext.Param:
			return nil, false
		case sqltext.Number:
			tokens = append(tokens, int32(at.from))
		}
	}
	return tokens, true
}

// width gives the least number of columns that the select list can have.
func (s *selection) width() int {
	n := 0
	for i := range s.items {
		it := &s.items[i]
		if it.kind != itemWildcard {
			n++
			continue
		}
		shown := 1
		for k := range s.refs {
			r := &s.refs[k]
			switch of := r.width(); {
			case it.ref.table != "" && sameName(it.ref.table, r.source.name):
				shown = of // of several with that name only one can be meant, or none
			case it.ref.table == "" && s.merged:
				shown = max(shown, of)
			case it.ref.table == "" && k > 0:
				shown += of
			case it.ref.table == "":
				shown = of
			}
		}
		n += shown
	}
	return n
}

// width gives the least number of columns that * shows of a table.
func (r *tableRef) width() int {
	if r.table == nil || r.table.columns == nil {
		return 1
	}
	n := 0
	for _, c := range r.table.columns.Columns {
		if !c.Invisible {
			n++
		}
	}
	return max(n, 1)
}

// For gives the plan as it serves one text of its shape. A SELECT that orders by
// the number of a column that it does not have is an error, and would be none
// if columns were added: of such a one nothing is remembered.
func (p *Plan) For(t *sqltext.Text) *Plan {
	c := p.capture
	if c == nil || len(c.ordinals) == 0 {
		return p
	}
	for _, i := range c.ordinals {
		tok := tokens(t)[i]
		if n, err := strconv.ParseUint(string(t.SQL[tok.Start:tok.End]), 10, 64); err == nil && n > uint64(c.width) {
			return p.bare
		}
	}
	return p
}
