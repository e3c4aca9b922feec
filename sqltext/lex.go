package sqltext

// Classes of bytes below 0x80. They are the same in every character set that a
// client may use here, see init_state_maps() of the servers.
const (
	other = iota
	letter
	digit
	blank
	mark // starts or is an operator
)

var class = func() (c [128]uint8) {
	for b := range c {
		switch {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b == '_', b == '$':
			c[b] = letter
		case b >= '0' && b <= '9':
			c[b] = digit
		case b >= '\t' && b <= '\r', b == ' ':
			c[b] = blank
		case b > ' ' && b < 0x7F:
			c[b] = mark
		}
	}
	return c
}()

// lexer is the state of one run over a text.
type lexer struct {
	t    *Text
	src  []byte
	cs   *charset
	pos  int
	exec bool // inside an executable comment
}

// run reads tokens to the end of the text.
func (l *lexer) run() error {
	src := l.src
	for l.pos < len(src) {
		start := l.pos
		c := src[start]
		if c >= 0x80 {
			if l.cs.blank(c) {
				l.pos++
				continue
			}
			if err := l.word(start, start); err != nil {
				return err
			}
			continue
		}
		var err error
		switch class[c] {
		case blank:
			l.pos++
		case letter:
			err = l.letter(c)
		case digit:
			err = l.number()
		default:
			err = l.mark(c)
		}
		if err != nil {
			return err
		}
	}
	if l.exec {
		return l.fail(len(src), "unclosed executable comment")
	}
	return nil
}

func (l *lexer) fail(at int, what string) error {
	return &LexError{Offset: at, What: what}
}

// emit adds the token from start to end and goes on behind it.
func (l *lexer) emit(k Kind, start, end int) {
	l.t.Tokens = append(l.t.Tokens, Token{Kind: k, Exec: l.exec, Start: int32(start), End: int32(end)})
	l.pos = end
}

// at returns the byte at i, 0 behind the end, as the server's buffer has it.
func (l *lexer) at(i int) byte {
	if i < len(l.src) {
		return l.src[i]
	}
	return 0
}

// letter reads a token that starts with a letter, _ or $.
func (l *lexer) letter(c byte) error {
	start := l.pos
	if l.at(start+1) == '\'' {
		switch c {
		case 'n', 'N':
			end, err := l.quoted(start, start+1, l.escapes())
			if err != nil {
				return err
			}
			l.emit(String, start, end)
			return nil
		case 'x', 'X':
			return l.digits(Hex)
		case 'b', 'B':
			return l.digits(Bit)
		}
	}
	if c == '$' && l.t.lx.Flavor == MySQL {
		if done, err := l.dollar(); done || err != nil {
			return err
		}
	}
	return l.word(start, start+1)
}

// word reads the rest of an identifier or keyword from i on.
func (l *lexer) word(start, i int) error {
	end, err := l.ident(i)
	if err != nil {
		return err
	}
	l.emit(Word, start, end)
	return nil
}

// ident returns where the identifier characters from i on end.
func (l *lexer) ident(i int) (int, error) {
	src := l.src
	for i < len(src) {
		c := src[i]
		if c < 0x80 {
			if k := class[c]; k != letter && k != digit {
				break
			}
			i++
			continue
		}
		if l.cs.blank(c) {
			break
		}
		n := l.cs.identLen(src[i:])
		if n == 0 {
			// MySQL may go on with the name, MariaDB ends it here.
			return 0, l.fail(i, "byte that is no character of a name")
		}
		i += n
	}
	return i, nil
}

// isIdent reports whether an identifier character starts at i.
func (l *lexer) isIdent(i int) bool {
	if i >= len(l.src) {
		return false
	}
	c := l.src[i]
	if c < 0x80 {
		return class[c] == letter || class[c] == digit
	}
	return !l.cs.blank(c)
}

// mark reads an operator, a quoted token, a variable or a comment.
func (l *lexer) mark(c byte) error {
	start := l.pos
	n := 1
	switch c {
	case '\'':
		return l.text(String, l.escapes())
	case '"':
		if l.t.lx.ANSIQuotes {
			return l.delimited()
		}
		return l.text(String, l.escapes())
	case '`':
		return l.delimited()
	case '.':
		return l.dot()
	case '@':
		return l.variable()
	case '#':
		return l.lineComment(start + 1)
	case '/':
		if l.at(start+1) == '*' {
			return l.comment()
		}
	case '*':
		if l.exec && l.at(start+1) == '/' {
			l.exec = false
			l.pos += 2
			return nil
		}
	case '-':
		return l.minus()
	case '?':
		// A marker directly before a name is none, see the servers' comment
		// on the binary log.
		if !l.isIdent(start + 1) {
			l.emit(Param, start, start+1)
			return nil
		}
	case '\\':
		if l.at(start+1) == 'N' && (l.t.lx.Flavor == MariaDB || l.t.lx.Version < 80000) {
			l.emit(Word, start, start+2)
			return nil
		}
	case 0:
		// The parsers take it for the end of input, and what follows is
		// read by nobody, or is the next statement.
		return l.fail(start, "NUL outside of a string")
	case '<':
		switch l.at(start + 1) {
		case '=':
			n = 2
			if l.at(start+2) == '>' {
				n = 3
			}
		case '>', '<':
			n = 2
		}
	case '>':
		if d := l.at(start + 1); d == '=' || d == '>' {
			n = 2
		}
	case '!':
		switch l.at(start + 1) {
		case '=':
			n = 2
		case '!', '<', '>':
			if l.t.lx.Flavor == MySQL {
				// It looks for an operator of both and, as there is none,
				// drops the second: !!1 is 0 to it.
				return l.fail(start, "! directly before another operator")
			}
		}
	case ':':
		if l.at(start+1) == '=' {
			n = 2
		}
	case '&', '|':
		if l.at(start+1) == c {
			n = 2
		}
	}
	l.emit(Op, start, start+n)
	return nil
}

// minus reads - -> ->> or a comment that starts with --.
func (l *lexer) minus() error {
	start := l.pos
	if l.at(start+1) == '-' {
		c := l.at(start + 2)
		switch {
		case l.endsDashes(start + 2):
			return l.lineComment(start + 2)
		case c >= 0x80:
			if l.cs.identLen(l.src[start+2:]) == 0 {
				return l.fail(start, "-- before a byte that may be a control character")
			}
		case c == '#', c == '/' && l.at(start+3) == '*', c == '*' && l.exec && l.at(start+3) == '/',
			c == '-' && l.at(start+3) == '-' && l.endsDashes(start+4):
			// With the comment blanked out these would start another.
			return l.fail(start, "-- directly before a comment mark")
		}
	} else if l.t.lx.Flavor == MySQL && l.at(start+1) == '>' {
		n := 2
		if l.at(start+2) == '>' {
			n = 3
		}
		l.emit(Op, start, start+n)
		return nil
	}
	l.emit(Op, start, start+1)
	return nil
}

// endsDashes reports whether the byte at i makes the two dashes before it a
// comment: a blank, a control character or the end.
func (l *lexer) endsDashes(i int) bool {
	c := l.at(i)
	return c <= ' ' || c == 0x7F || c >= 0x80 && l.cs.blank(c)
}

// dot reads what starts with a dot: a number, MariaDB's .. or a dot, and with
// the dot a name that follows it directly, which is never a keyword and may
// start with a digit.
func (l *lexer) dot() error {
	start := l.pos
	afterWord := false
	if n := len(l.t.Tokens); n > 0 {
		p := l.t.Tokens[n-1]
		afterWord = p.Kind == Word && int(p.End) == start && l.src[p.Start] != '\\'
	}
	next := l.at(start + 1)
	if !afterWord || !l.isIdent(start+1) {
		if next >= '0' && next <= '9' {
			return l.real(start, start+1)
		}
		if next == '.' && l.t.lx.Flavor == MariaDB {
			l.emit(Op, start, start+2)
			return nil
		}
	}
	l.emit(Op, start, start+1)
	if l.isIdent(start + 1) {
		return l.word(start+1, start+1)
	}
	return nil
}

// variable reads what starts with @.
func (l *lexer) variable() error {
	start := l.pos
	switch c := l.at(start + 1); c {
	case '@':
		l.emit(SysVar, start, start+2)
		if l.isIdent(start + 2) {
			return l.word(start+2, start+2)
		}
		return nil
	case '\'', '"', '`':
		var end int
		var err error
		if c == '`' || c == '"' && l.t.lx.ANSIQuotes {
			end, err = l.delimiter(start + 1)
		} else {
			end, err = l.quoted(start, start+1, l.escapes())
		}
		if err != nil {
			return err
		}
		l.emit(UserVar, start, end)
		return nil
	}
	i := start + 1
	for ; i < len(l.src); i++ {
		c := l.src[i]
		if c >= 0x80 {
			if l.cs.blank(c) {
				break
			}
			if !l.cs.variableByte(c) {
				return l.fail(i, "byte that may or may not belong to a variable's name")
			}
		} else if class[c] != letter && class[c] != digit && c != '.' {
			break
		}
	}
	l.emit(UserVar, start, i)
	return nil
}
