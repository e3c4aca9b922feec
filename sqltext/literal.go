package sqltext

import "bytes"

// dollarQuotes is the first version of which it is sure that $tag$…$tag$ is a
// string; from dollarNames on a name may no longer look like one for certain.
const (
	dollarNames  = 80030
	dollarQuotes = 90000
)

func (l *lexer) escapes() bool { return !l.t.lx.NoBackslashEscapes }

// text emits the string that starts here.
func (l *lexer) text(k Kind, escapes bool) error {
	start := l.pos
	end, err := l.quoted(start, start, escapes)
	if err != nil {
		return err
	}
	l.emit(k, start, end)
	if k == String {
		l.introduce()
	}
	return nil
}

// quoted returns where the string whose opening quote stands at i ends. start
// is where its token starts. It follows the servers' get_text().
func (l *lexer) quoted(start, i int, escapes bool) (int, error) {
	src := l.src
	q := src[i]
	for i++; i < len(src); {
		c := src[i]
		switch {
		case c == q:
			if i+1 < len(src) && src[i+1] == q {
				i += 2
				continue
			}
			return i + 1, nil
		case c == '\\' && escapes:
			i += 2 // one byte, not one character, is what the server skips
		case c >= 0x80 && l.cs.trailASCII:
			i += max(1, l.cs.charLen(src[i:]))
		default:
			i++
		}
	}
	return 0, l.fail(start, "unclosed string")
}

// delimited emits the quoted identifier that starts here.
func (l *lexer) delimited() error {
	start := l.pos
	end, err := l.delimiter(start)
	if err != nil {
		return err
	}
	l.emit(Quoted, start, end)
	return nil
}

// delimiter returns where the quoted identifier whose quote stands at start
// ends.
func (l *lexer) delimiter(start int) (int, error) {
	src := l.src
	q := src[start]
	for i := start + 1; i < len(src); {
		c := src[i]
		switch {
		case c == q:
			if i+1 < len(src) && src[i+1] == q {
				i += 2
				continue
			}
			return i + 1, nil
		case c == 0:
			return 0, l.fail(i, "NUL in a quoted identifier")
		case c >= 0x80 && l.cs.trailASCII:
			i += max(1, l.cs.charLen(src[i:]))
		default:
			i++
		}
	}
	return 0, l.fail(start, "unclosed quoted identifier")
}

// introduce makes the name before the constant just read an introducer where
// it names a character set.
func (l *lexer) introduce() {
	toks := l.t.Tokens
	n := len(toks) - 2
	if n < 0 || toks[n].Kind != Word || l.src[toks[n].Start] != '_' || afterDot(l.src, toks, n) {
		return
	}
	if introducer(l.src[toks[n].Start+1:toks[n].End], l.t.lx.Flavor) {
		toks[n].Kind = Introducer
	}
}

// digits reads x'…' or b'…'.
func (l *lexer) digits(k Kind) error {
	start := l.pos
	i := start + 2
	for ; i < len(l.src) && isDigitOf(k, l.src[i]); i++ {
	}
	if l.at(i) != '\'' {
		return l.fail(start, "malformed hexadecimal or bit string")
	}
	if k == Hex && (i-start)%2 != 0 {
		return l.fail(start, "odd number of hexadecimal digits")
	}
	l.emit(k, start, i+1)
	l.introduce()
	return nil
}

func isDigitOf(k Kind, c byte) bool {
	if k == Bit {
		return c == '0' || c == '1'
	}
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// number reads what starts with a digit: a number, or a name such as 1a.
func (l *lexer) number() error {
	start := l.pos
	i := start + 1
	if l.src[start] == '0' && (l.at(i) == 'x' || l.at(i) == 'b') { // 0X and 0B start names
		k := Hex
		if l.src[i] == 'b' {
			k = Bit
		}
		for i++; i < len(l.src) && isDigitOf(k, l.src[i]); i++ {
		}
		if i < start+3 || l.isIdent(i) {
			return l.numberedWord(start, i)
		}
		l.emit(k, start, i)
		l.introduce()
		return nil
	}
	i = l.decimals(i)
	c := l.at(i)
	switch {
	case !l.isIdent(i):
		if c == '.' && (l.at(i+1) != '.' || l.t.lx.Flavor == MySQL) {
			return l.real(start, i+1)
		}
		l.emit(Number, start, i)
		return nil
	case c == 'e' || c == 'E':
		j := i + 1
		if s := l.at(j); s == '+' || s == '-' {
			j++
		}
		if isDecimal(l.at(j)) {
			l.emit(Number, start, l.decimals(j))
			return nil
		}
		i++
	}
	return l.numberedWord(start, i)
}

// numberedWord reads a name that started like a number and goes on at i.
func (l *lexer) numberedWord(start, i int) error {
	if l.at(i) >= 0x80 && l.cs.charLen != nil && !l.cs.utf8 {
		// MySQL reads the first byte here without the rest of its character.
		return l.fail(i, "multi-byte character after the digits of a name")
	}
	return l.word(start, i)
}

// real reads the rest of a number behind its dot.
func (l *lexer) real(start, i int) error {
	i = l.decimals(i)
	if c := l.at(i); c == 'e' || c == 'E' {
		i++
		if s := l.at(i); s == '+' || s == '-' {
			i++
		}
		if !isDecimal(l.at(i)) {
			// MySQL drops the number and goes on with the next character:
			// 1.e(1) is (1) to it.
			return l.fail(start, "number with an exponent of no digits")
		}
		i = l.decimals(i)
	}
	l.emit(Number, start, i)
	return nil
}

func (l *lexer) decimals(i int) int {
	for i < len(l.src) && isDecimal(l.src[i]) {
		i++
	}
	return i
}

func isDecimal(c byte) bool { return c >= '0' && c <= '9' }

// dollar reads MySQL's $$…$$ and $tag$…$tag$. It reports false where a name
// starts instead.
func (l *lexer) dollar() (bool, error) {
	if l.t.lx.Version < dollarNames {
		return false, nil
	}
	start := l.pos
	end, err := l.ident(start + 1)
	if err != nil {
		return false, err
	}
	n := bytes.IndexByte(l.src[start+1:end], '$')
	if n < 0 {
		return false, nil
	}
	if l.t.lx.Version < dollarQuotes {
		return false, l.fail(start, "name that may be a dollar quote")
	}
	tag := l.src[start : start+n+2]
	n = bytes.Index(l.src[start+len(tag):], tag)
	if n < 0 {
		return false, l.fail(start, "unclosed dollar quote")
	}
	l.emit(String, start, start+n+2*len(tag))
	return true, nil
}
