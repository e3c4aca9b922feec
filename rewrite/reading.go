package rewrite

import (
	"strings"
	"unicode/utf8"

	"ifmatch/sqltext"
)

// part is a range [from, to) of token indices, counted from the start of the
// statement. Plans speak of tokens, never of bytes, so that one plan serves
// every statement of the same shape.
type part struct{ from, to int }

func (p part) empty() bool { return p.from >= p.to }

// reader walks the tokens of one statement.
type reader struct {
	*sqltext.Text
	stmt part
}

// op reports whether token i is the operator or punctuation mark s.
func (r *reader) op(i int, s string) bool {
	return i < r.stmt.to && r.IsOp(i, s)
}

// word reports whether token i of the statement is the keyword.
func (r *reader) word(i int, keyword string) bool { return i < r.stmt.to && r.Is(i, keyword) }

// oneOf reports whether token i is one of the keywords.
func (r *reader) oneOf(i int, keywords ...string) bool {
	for _, k := range keywords {
		if r.word(i, k) {
			return true
		}
	}
	return false
}

// opens and closes report whether token i is a bracket.
func (r *reader) opens(i int) bool  { return r.op(i, "(") || r.op(i, "{") }
func (r *reader) closes(i int) bool { return r.op(i, ")") || r.op(i, "}") }

// top calls f for the tokens of p that stand in no parentheses and no CASE,
// until f says to stop. It reports whether the brackets of p are balanced.
func (r *reader) top(p part, f func(i int) bool) bool {
	depth, cases := 0, 0
	for i := p.from; i < p.to; i++ {
		switch {
		case r.opens(i):
			depth++
			continue
		case r.closes(i):
			depth--
			if depth < 0 {
				return false
			}
			continue
		}
		if depth > 0 {
			continue
		}
		if r.word(i, "CASE") {
			cases++
			continue
		}
		if cases > 0 {
			if r.word(i, "END") {
				cases--
			}
			continue
		}
		if !f(i) {
			return true
		}
	}
	return depth == 0 && cases == 0
}

// find gives the first token of p at top level that is one of the keywords, or p.to.
func (r *reader) find(p part, keywords ...string) int {
	at := p.to
	r.top(p, func(i int) bool {
		if r.oneOf(i, keywords...) {
			at = i
			return false
		}
		return true
	})
	return at
}

// list splits p at its top-level commas. It is nil where brackets do not match.
func (r *reader) list(p part) []part {
	var parts []part
	from := p.from
	balanced := r.top(p, func(i int) bool {
		if r.op(i, ",") {
			parts = append(parts, part{from, i})
			from = i + 1
		}
		return true
	})
	if !balanced {
		return nil
	}
	return append(parts, part{from, p.to})
}

// conjuncts splits a condition into what its top-level ANDs join. An operator
// that binds weaker than AND makes the whole one conjunct, of which nothing is
// understood. ok is false where brackets do not match.
func (r *reader) conjuncts(p part, into []part) (_ []part, ok bool) {
	p = r.unwrap(p)
	var cuts []int
	between, weak := 0, false
	ok = r.top(p, func(i int) bool {
		switch {
		case r.word(i, "BETWEEN"):
			between++
		case r.word(i, "AND") || r.op(i, "&&"):
			if between > 0 {
				between--
			} else {
				cuts = append(cuts, i)
			}
		case r.oneOf(i, "OR", "XOR"), r.op(i, "||"), r.op(i, ":="):
			weak = true
		}
		return true
	})
	if !ok || p.empty() {
		return into, false
	}
	if weak || len(cuts) == 0 {
		return append(into, p), true
	}
	from := p.from
	for _, cut := range append(cuts, p.to) {
		if into, ok = r.conjuncts(part{from, cut}, into); !ok {
			return into, false
		}
		from = cut + 1
	}
	return into, true
}

// unwrap removes the parentheses around a whole expression.
func (r *reader) unwrap(p part) part {
	for p.to-p.from >= 2 && r.op(p.from, "(") && r.closing(p.from, p.to) == p.to-1 {
		p = part{p.from + 1, p.to - 1}
	}
	return p
}

// closing gives the index of the bracket that closes the one at i, or to.
func (r *reader) closing(i, to int) int {
	depth := 0
	for ; i < to; i++ {
		if r.opens(i) {
			depth++
		} else if r.closes(i) {
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return to
}

// columnRef is a column as a statement writes it, with the names before its own.
type columnRef struct {
	schema, table, column string
}

// column reads a column reference at i and gives the index after it.
func (r *reader) column(i int) (ref columnRef, next int, ok bool) {
	var names []string
	for {
		if i >= r.stmt.to {
			return ref, i, false
		}
		if k := r.Tokens[i].Kind; k != sqltext.Word && k != sqltext.Quoted {
			return ref, i, false
		}
		name, ok := r.Name(i)
		if !ok {
			return ref, i, false
		}
		names = append(names, name)
		i++
		if !r.op(i, ".") {
			break
		}
		i++
	}
	switch len(names) {
	case 1:
		ref.column = names[0]
	case 2:
		ref.table, ref.column = names[0], names[1]
	case 3:
		ref.schema, ref.table, ref.column = names[0], names[1], names[2]
	default:
		return ref, i, false
	}
	return ref, i, true
}

// Operand is a constant of a statement or a parameter marker in it.
type Operand struct {
	part
	tok   int // the token of the constant itself, after sign or introducer
	neg   bool
	param int // ordinal of the parameter marker, -1 for a constant
}

// operand reads p as one constant or parameter. Nothing else may stand in it.
func (r *reader) operand(p part, params []int32) (Operand, bool) {
	o := Operand{part: p, tok: p.from, param: -1}
	if p.empty() {
		return o, false
	}
	switch {
	case r.op(o.tok, "-"):
		o.neg = true
		o.tok++
	case r.op(o.tok, "+"):
		o.tok++
	case r.Tokens[o.tok].Kind == sqltext.Introducer:
		o.tok++
		if o.tok < p.to && r.Tokens[o.tok].Kind != sqltext.String && r.Tokens[o.tok].Kind != sqltext.Hex && r.Tokens[o.tok].Kind != sqltext.Bit {
			return o, false
		}
	}
	if o.tok != p.to-1 {
		return o, false
	}
	switch r.Tokens[o.tok].Kind {
	case sqltext.Number:
		return o, true
	case sqltext.String, sqltext.Hex, sqltext.Bit:
		return o, o.tok == p.from || r.Tokens[p.from].Kind == sqltext.Introducer
	case sqltext.Param:
		o.param = ordinal(params, o.tok)
		return o, o.tok == p.from
	}
	return o, o.tok == p.from && r.word(o.tok, "NULL")
}

// ordinal gives the position of the parameter marker at token tok.
func ordinal(params []int32, tok int) int {
	lo, hi := 0, len(params)
	for lo < hi {
		if mid := (lo + hi) / 2; int(params[mid]) < tok {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// equality reads p as column = operand, operand = column or column IN (operand).
func (r *reader) equality(p part, params []int32) (ref columnRef, o Operand, ok bool) {
	if ref, next, isColumn := r.column(p.from); isColumn && next < p.to {
		switch {
		case r.op(next, "="):
			o, ok = r.operand(part{next + 1, p.to}, params)
		case r.word(next, "IN") && r.op(next+1, "(") && r.op(p.to-1, ")"):
			o, ok = r.operand(part{next + 2, p.to - 1}, params)
		}
		if ok {
			return ref, o, true
		}
	}
	eq := -1
	for i := p.from; i < p.to && eq < 0; i++ {
		if r.op(i, "=") {
			eq = i
		}
	}
	if eq < 0 {
		return ref, o, false
	}
	if o, ok = r.operand(part{p.from, eq}, params); !ok {
		return ref, o, false
	}
	ref, next, ok := r.column(eq + 1)
	return ref, o, ok && next == p.to
}

// has reports whether one of the keywords occurs anywhere in p.
func (r *reader) has(p part, keywords ...string) bool {
	for i := p.from; i < p.to; i++ {
		if r.oneOf(i, keywords...) {
			return true
		}
	}
	return false
}

// isName reports whether token i is an identifier or a keyword.
func (r *reader) isName(i int) bool {
	return i >= 0 && i < r.stmt.to && (r.Tokens[i].Kind == sqltext.Word || r.Tokens[i].Kind == sqltext.Quoted)
}

// dotted gives the parts of the dotted name that ends at token i, at most the
// last three, and the index at which it begins. from bounds it.
func (r *reader) dotted(from, i int) (names []string, start int) {
	start = i
	for {
		name, ok := r.Name(start)
		if !ok {
			return names, start
		}
		names = append([]string{name}, names...)
		if len(names) == 3 || start-2 < from || !r.op(start-1, ".") || !r.isName(start-2) {
			return names, start
		}
		start -= 2
	}
}

// sameName compares identifiers whose case does not matter, such as columns.
func sameName(a, b string) bool { return strings.EqualFold(a, b) || lower(a) == lower(b) }

// lower folds a name as the servers do: MySQL takes the capital I with a dot
// for an i, which Go does not.
func lower(s string) string { return strings.ToLower(strings.ReplaceAll(s, "İ", "i")) }

// ascii reports whether b has no byte beyond ASCII.
func ascii[T string | []byte](b T) bool {
	for i := 0; i < len(b); i++ {
		if b[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
