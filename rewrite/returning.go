package rewrite

import "ifmatch/policy"

// returned finds where the answer to an INSERT … RETURNING, whose list begins at
// token i, has keys and tokens, and adds what is not there to the list. What is
// returned is what was stored, so nothing has to be foretold of the rows. name is
// the table's name in the statement. It is nil where the rows cannot be known.
//
// Source: "INSERT...RETURNING" of MariaDB's manual; MySQL has no such thing.
func (p *planner) returned(t *Table, name part, i int) *Capture {
	s := &selection{planner: p, columns: part{i, p.stmt.to}}
	if p.env.mode(t) != policy.ModeEnforce || s.columns.empty() || !s.scalar(s.columns) {
		return nil
	}
	for j := i; j < p.stmt.to; j++ {
		if p.op(j, "?") {
			return nil // no parameter: a name stands directly behind it
		}
	}
	for _, at := range p.list(s.columns) {
		if at.empty() {
			return nil
		}
		s.items = append(s.items, s.item(at))
	}
	s.refs = []tableRef{{source: source{name: t.Name.Name, table: t.Name}, base: true, name: name, alias: -1, table: t}}
	c := s.capture()
	if c != nil {
		c.Made = true
	}
	return c
}
