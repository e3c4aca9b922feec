package rewrite

import (
	"bytes"

	"ifmatch/sqltext"
)

// This file copies parts of a write into the SELECT that locks its rows. What the
// sub-selects in them read is locked as well: else they would read a snapshot, which
// the write does not.

// locked copies the tokens of a part, as tokens does, and has its sub-selects lock.
func (w *writer) locked(p part) {
	w.lockedTokens(p)
	w.count(p)
}

func (w *writer) lockedTokens(p part) {
	for i := p.from; i < p.to; i++ {
		w.space(p, i)
		w.buf = appendToken(w.buf, w.sql[w.toks[i].Start:w.toks[i].End], w.toks[i].Kind)
		if w.isOp(i, "(") && i+1 < p.to && w.isWord(i+1, "SELECT") {
			in := part{i + 1, w.closing(i, p.to)}
			w.lockedSelect(in)
			i = in.to - 1
		}
	}
}

// lockedSelect copies a sub-select without its brackets. Of a UNION each part gets
// brackets of its own, so that each can lock.
func (w *writer) lockedSelect(p part) {
	operators := w.tops(p, "UNION", "EXCEPT", "INTERSECT", "MINUS")
	if len(operators) == 0 {
		w.lockedTokens(p)
		if len(w.tops(p, "FROM")) > 0 {
			w.lit(string(w.lock))
		}
		return
	}
	from := p.from
	for n := 0; n <= len(operators); n++ {
		one, rest := part{from, p.to}, part{p.to, p.to}
		if n < len(operators) {
			one.to = operators[n]
			if rest = (part{operators[n], operators[n] + 1}); w.isWord(rest.to, "ALL") || w.isWord(rest.to, "DISTINCT") {
				rest.to++
			}
			from = rest.to
		} else if order := w.tops(one, "ORDER", "LIMIT"); len(order) > 0 {
			one.to, rest = order[0], part{order[0], p.to} // of the whole
		}
		if w.isWord(one.from, "SELECT") {
			w.lit("(")
			w.lockedSelect(one)
			w.lit(")")
		} else {
			w.lockedTokens(one)
		}
		if !rest.empty() {
			w.lit(" ")
			w.lockedTokens(rest)
			w.lit(" ")
		}
	}
}

// tops gives the places of words in p that stand in no brackets.
func (w *writer) tops(p part, words ...string) (at []int) {
	for i := p.from; i < p.to; i++ {
		if w.isOp(i, "(") {
			i = w.closing(i, p.to)
			continue
		}
		for _, word := range words {
			if w.isWord(i, word) && (i == p.from || !w.isOp(i-1, ".")) {
				at = append(at, i)
			}
		}
	}
	return at
}

// closing gives the place of the bracket that closes the one at token i, to where
// there is none.
func (w *writer) closing(i, to int) int {
	depth := 0
	for ; i < to; i++ {
		switch {
		case w.isOp(i, "("):
			depth++
		case w.isOp(i, ")"):
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return to
}

func (w *writer) isOp(i int, s string) bool {
	t := w.toks[i]
	return t.Kind == sqltext.Op && string(w.sql[t.Start:t.End]) == s
}

func (w *writer) isWord(i int, s string) bool {
	t := w.toks[i]
	return t.Kind == sqltext.Word && bytes.EqualFold(w.sql[t.Start:t.End], []byte(s))
}
