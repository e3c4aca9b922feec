package sqltext

import "slices"

// UTF8 reports whether the text was read as UTF-8: only then are names beyond
// ASCII the same bytes as elsewhere.
func (t *Text) UTF8() bool { return t.lx.Charset == UTF8MB4 || t.lx.Charset == UTF8MB3 }

// Lexis returns how the text was read.
func (t *Text) Lexis() Lexis { return t.lx }

// ReadsSame reports whether the text has the same tokens under lx, and || the same
// meaning.
func (t *Text) ReadsSame(lx *Lexis) bool {
	if t.lx == *lx {
		return true
	}
	var other Text
	if other.Lex(t.SQL, lx) != nil || !slices.Equal(t.Tokens, other.Tokens) {
		return false
	}
	if t.lx.PipesAsConcat != lx.PipesAsConcat {
		for i := range t.Tokens {
			if t.IsOp(i, "||") {
				return false
			}
		}
	}
	return true
}

// Bytes returns the bytes of token i as they were written.
func (t *Text) Bytes(i int) []byte {
	tok := t.Tokens[i]
	return t.SQL[tok.Start:tok.End]
}

// Is reports whether token i is the keyword, which is given in upper case. A
// word directly after a dot, or directly before a dot and a name, is a name to
// the server and never a keyword. False for an index that is out of range.
func (t *Text) Is(i int, keyword string) bool {
	if i < 0 || i >= len(t.Tokens) || t.Tokens[i].Kind != Word {
		return false
	}
	b := t.Bytes(i)
	if len(b) != len(keyword) {
		return false
	}
	for j := range len(keyword) {
		if upper(b[j]) != keyword[j] {
			return false
		}
	}
	return !afterDot(t.SQL, t.Tokens, i) && !t.qualifies(i)
}

// IsOp reports whether token i is that operator. False for an index that is
// out of range.
func (t *Text) IsOp(i int, op string) bool {
	return i >= 0 && i < len(t.Tokens) && t.Tokens[i].Kind == Op && string(t.Bytes(i)) == op
}

// afterDot reports whether token i follows a dot directly.
func afterDot(sql []byte, toks []Token, i int) bool {
	if i == 0 {
		return false
	}
	p := toks[i-1]
	return p.Kind == Op && p.End == toks[i].Start && p.End-p.Start == 1 && sql[p.Start] == '.'
}

// qualifies reports whether the word i is directly followed by a dot and a
// word. The keyword of a system variable's scope stays one.
func (t *Text) qualifies(i int) bool {
	return i+2 < len(t.Tokens) &&
		t.Tokens[i].End == t.Tokens[i+1].Start && t.Tokens[i+2].Kind == Word &&
		afterDot(t.SQL, t.Tokens, i+2) &&
		(i == 0 || t.Tokens[i-1].Kind != SysVar)
}

// Name returns the identifier that token i writes, with the quotes of a quoted
// one taken off and doubled ones undone, in the client's character set. False
// for a token that writes none. Whether a word is a keyword is for the caller
// to know.
func (t *Text) Name(i int) (string, bool) {
	if i < 0 || i >= len(t.Tokens) {
		return "", false
	}
	b := t.Bytes(i)
	switch t.Tokens[i].Kind {
	case Word:
		if b[0] == '\\' {
			return "", false
		}
		return string(b), true
	case Quoted:
		q := b[0]
		b = b[1 : len(b)-1]
		name := make([]byte, 0, len(b))
		cs := t.lx.Charset.info()
		for i := 0; i < len(b); {
			n := 1
			if b[i] >= 0x80 && cs.trailASCII {
				n = max(1, cs.charLen(b[i:]))
			}
			name = append(name, b[i:i+n]...)
			if n == 1 && b[i] == q {
				i++ // the second of a pair
			}
			i += n
		}
		return string(name), true
	}
	return "", false
}

// StringValue appends the value of the String token i to dst: quotes taken off
// and escapes undone by the mode that Lex was given. The bytes stay in the
// character set that they were written in. \_ and \% keep their backslash, as
// with the server. False for other tokens.
func (t *Text) StringValue(dst []byte, i int) ([]byte, bool) {
	if i < 0 || i >= len(t.Tokens) || t.Tokens[i].Kind != String {
		return dst, false
	}
	b := t.Bytes(i)
	switch b[0] {
	case '$':
		n := 2
		for b[n-1] != '$' {
			n++
		}
		return append(dst, b[n:len(b)-n]...), true
	case 'n', 'N':
		b = b[1:]
	}
	q := b[0]
	b = b[1 : len(b)-1]
	cs := t.lx.Charset.info()
	for i := 0; i < len(b); {
		c := b[i]
		switch {
		case c >= 0x80 && cs.trailASCII:
			n := max(1, cs.charLen(b[i:]))
			dst = append(dst, b[i:i+n]...)
			i += n
		case c == '\\' && !t.lx.NoBackslashEscapes && i+1 < len(b):
			dst = unescape(dst, b[i+1])
			i += 2
		case c == q:
			dst = append(dst, c)
			i += 2
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst, true
}

// StringText is StringValue as a string. It uses t's own buffer.
func (t *Text) StringText(i int) (string, bool) {
	b, ok := t.StringValue(t.scratch[:0], i)
	if !ok {
		return "", false
	}
	t.scratch = b
	return t.strings.Of(b), true
}

// unescape appends what a backslash before c stands for.
func unescape(dst []byte, c byte) []byte {
	switch c {
	case 'n':
		c = '\n'
	case 't':
		c = '\t'
	case 'r':
		c = '\r'
	case 'b':
		c = '\b'
	case '0':
		c = 0
	case 'Z':
		c = 0x1A
	case '_', '%':
		dst = append(dst, '\\')
	}
	return append(dst, c)
}

// Placeholders returns the number of Param tokens in [from, to).
func Placeholders(t *Text, from, to int) int {
	n := 0
	for _, tok := range t.Tokens[from:to] {
		if tok.Kind == Param {
			n++
		}
	}
	return n
}
