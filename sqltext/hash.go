package sqltext

import (
	"encoding/binary"
	"hash/maphash"
)

// Two seeds of this process: a client cannot make up texts that collide.
var seedHi, seedLo = maphash.MakeSeed(), maphash.MakeSeed()

// Hash returns a hash of the shape of the tokens in [from, to): the kinds and
// bytes of all that is no constant, of constants the kinds only. Comments and
// blanks do not count, except where they decide whether a word is a keyword or
// a function's name. It differs from process to process. It uses t's own
// buffer and allocates nothing in steady state.
func (t *Text) Hash(from, to int) (hi, lo uint64) {
	b := t.scratch[:0]
	for i := from; i < to; i++ {
		tok := t.Tokens[i]
		k := byte(tok.Kind) << 1
		if i > from && t.glued(i) {
			k |= 1
		}
		b = append(b, k)
		if tok.Kind.Constant() || tok.Kind == Param {
			continue
		}
		b = binary.AppendUvarint(b, uint64(tok.End-tok.Start))
		b = append(b, t.SQL[tok.Start:tok.End]...)
	}
	t.scratch = b
	return maphash.Bytes(seedHi, b), maphash.Bytes(seedLo, b)
}

// glued reports whether token i follows the one before directly and that
// matters: at a dot, and at the parenthesis behind a name.
func (t *Text) glued(i int) bool {
	p, tok := t.Tokens[i-1], t.Tokens[i]
	if p.End != tok.Start {
		return false
	}
	c := t.SQL[tok.Start]
	return c == '.' || c == '(' || t.SQL[p.Start] == '.'
}
