package rewrite

import (
	"ifmatch/policy"
	"ifmatch/sqltext"
)

// unlisted is the list of columns that an INSERT or REPLACE wants.
type unlisted struct {
	text string
	at   int // the token behind which it is put
}

// unlisted adds to the plan of an INSERT or REPLACE the list of columns that it
// leaves out where its rows would else begin without the default of the version:
// MySQL (seen with 9.7) gives an INVISIBLE column 0, or an empty string, and not
// its default where that is an expression and INSERT … VALUES names no columns. A
// row that is deleted and inserted again would so repeat its versions. VALUES (),
// SELECT, LOAD DATA and MariaDB have the default.
func (p *planner) unlisted(verb int, plan *Plan) *Plan {
	t := plan.Table
	if plan.Verdict == Refuse || p.of != policy.ModeEnforce || t == nil || t.columns == nil ||
		p.rules.Catalog.Flavor != sqltext.MySQL || !t.hidesExpression() {
		return plan
	}
	i := verb + 1
	for p.oneOf(i, "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO") {
		i++
	}
	of, view, next, ok := p.tableName(i)
	if !ok || view || of != t {
		return plan
	}
	if p.word(next, "PARTITION") && p.op(next+1, "(") {
		next = p.closing(next+1, p.stmt.to) + 1
	}
	u := &unlisted{at: next - 1}
	empty := p.op(next, "(") && p.op(next+1, ")")
	if empty {
		u.at, next = next, next+2
	}
	if !p.oneOf(next, "VALUES", "VALUE") {
		return plan
	}
	if next++; p.word(next, "ROW") {
		next++
	}
	if !p.op(next, "(") || p.op(next+1, ")") {
		return plan
	}
	var list []byte
	for _, c := range t.columns.Columns {
		if !c.Invisible {
			if len(list) > 0 {
				list = append(list, ", "...)
			}
			list = quoteName(list, c.Name)
		}
	}
	if u.text = string(list); !empty {
		u.text = " (" + u.text + ")"
	}
	if p.env.UTF8 || ascii(u.text) {
		plan.unlisted = u
	}
	return plan
}

// hidesExpression reports whether a column of the token is INVISIBLE and has an
// expression for a default, as ifmatch migrate makes it.
func (t *Table) hidesExpression() bool {
	hides := func(c *Column) bool { return c != nil && c.def != nil && c.def.Invisible && c.def.DefaultIsExpression }
	return t.Version != nil && (hides(&t.Version.Column) || hides(t.Version.Term))
}

// ListsColumns reports whether the INSERT is to be sent with a list of its columns
// in it; see [Plan.AppendListed].
func (p *Plan) ListsColumns() bool { return p.unlisted != nil }

// AppendListed appends the client's statement to dst with the list of columns that
// it leaves out. What becomes of it is for the plan of that text to say.
func (p *Plan) AppendListed(dst []byte, t *sqltext.Text) []byte {
	end := tokens(t)[p.unlisted.at].End
	dst = append(append(dst, t.SQL[:end]...), p.unlisted.text...)
	return append(dst, t.SQL[end:]...)
}
