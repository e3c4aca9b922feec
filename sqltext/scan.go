package sqltext

import "bytes"

// Scan goes over the words of a text that is one plain statement, which takes a
// fraction of the time of [Text.Lex]. What it reads, it reads as Lex does: the
// words are those of Lex, in their order. Where a text has anything of which the
// reading takes more care (executable comments, names beyond ASCII, a second
// statement, …) it gives up, and only Lex tells.
//
// A Scan is used from one text to the next, and allocates nothing.
type Scan struct {
	src     []byte
	pos     int
	sure    bool
	escapes bool  // a backslash in a string takes the next byte with it
	double  uint8 // what " is
	high    bool  // bytes beyond ASCII in a string may matter
}

// Doubt says what of a [Lexis] is not sure: a text that depends on it is not
// scanned.
type Doubt struct {
	Quotes  bool // whether "x" is a string or a name
	Charset bool
}

// What a byte means between two words.
const (
	unknown = iota // gives up
	between        // of no meaning here: blanks, operators
	letters        // begins a word
	decimal
	single
	doubled
	backquote
	dot
	at
	slash
	dash
	bang
	colon
	ending
)

var means = func() (m [256]uint8) {
	for b := range class {
		switch class[b] {
		case blank:
			m[b] = between
		case letter:
			m[b] = letters
		case digit:
			m[b] = decimal
		}
	}
	for _, b := range []byte("%&()*+,<=>?[]^{|}~") {
		m[b] = between
	}
	m['$'] = unknown // may open a string
	m['\''], m['"'], m['`'] = single, doubled, backquote
	m['.'], m['@'], m['/'], m['-'], m['!'], m[':'], m[';'] = dot, at, slash, dash, bang, colon, ending
	return m
}()

// inWord are the bytes that go on with a word.
var inWord = func() (in [256]bool) {
	for b := range class {
		in[b] = class[b] == letter || class[b] == digit
	}
	return in
}()

// Start begins with a text, which must not change while it is scanned.
func (s *Scan) Start(sql []byte, lx *Lexis, doubt Doubt) {
	*s = Scan{src: sql, sure: true, escapes: !lx.NoBackslashEscapes, double: single, high: doubt.Charset || lx.Charset.info().trailASCII}
	switch {
	case doubt.Quotes:
		s.double = unknown
	case lx.ANSIQuotes:
		s.double = backquote
	}
}

// Sure reports whether the text has been read as far as the scan has come: false
// once it has given up.
func (s *Scan) Sure() bool { return s.sure }

// giveUp ends the scan.
func (s *Scan) giveUp() []byte {
	s.sure, s.pos = false, len(s.src)
	return nil
}

// First gives the first word, which is then still to come. It is nil where the
// text begins with anything else than a word without quotes.
func (s *Scan) First() []byte {
	for s.pos < len(s.src) {
		i := s.pos
		switch c := s.src[i]; {
		case isBlank(c):
			s.pos++
		case means[c] == letters:
			for i++; i < len(s.src) && inWord[s.src[i]]; i++ {
			}
			if i == s.pos+1 && s.at(i) == '\'' {
				return s.giveUp() // perhaps a string
			}
			return s.src[s.pos:i]
		default:
			n := 0
			if c == '/' || c == '-' {
				n = s.comment(i)
			}
			if n == 0 {
				return s.giveUp()
			}
			s.pos += n
		}
	}
	return nil
}

// Next gives the next word or quoted name that the sieve lets through, without
// quotes, nil where there is none up to the end of the statement or where the scan
// gives up.
func (s *Scan) Next(sieve *Sieve) []byte {
	src := s.src
	for i := s.pos; i < len(src); {
		m := means[src[i]]
		if m == letters {
			start := i
			for i++; i < len(src) && inWord[src[i]]; i++ {
			}
			if i == start+1 && i < len(src) && src[i] == '\'' {
				n := s.prefixed(start)
				if n == 0 {
					return s.giveUp()
				}
				i = start + n
				continue
			}
			if word := src[start:i]; sieve.Lets(word) {
				s.pos = i
				return word
			}
			continue
		}
		if i++; m == between || m == dot && i < len(src) && means[src[i]] == letters {
			continue
		}
		i--
		if m == doubled {
			m = s.double
		}
		n := 1 // bytes to go on
		switch m {
		case decimal:
			n = s.number(i)
		case single:
			n = s.quoted(i)
		case backquote:
			if n = s.name(i); n > 0 && sieve.Lets(src[i+1:i+n-1]) {
				s.pos = i + n
				return src[i+1 : i+n-1]
			}
		case dot:
			// A name may begin with a digit here, and a number with the dot.
			if d := s.at(i + 1); d == '.' || isDecimal(d) {
				n = 0
			}
		case at:
			n = s.variable(i)
		case slash:
			if s.at(i+1) == '*' {
				n = s.comment(i)
			}
		case dash:
			if s.at(i+1) == '-' {
				n = s.comment(i)
			}
		case bang, colon:
			if n = 2; s.at(i+1) != '=' {
				n = 0
			}
		case ending:
			for n = 1; i+n < len(src) && isBlank(src[i+n]); n++ {
			}
			if i+n < len(src) {
				n = 0
			}
		default:
			n = 0
		}
		if n == 0 {
			return s.giveUp()
		}
		i += n
	}
	s.pos = len(src)
	return nil
}

func (s *Scan) at(i int) byte {
	if i < len(s.src) {
		return s.src[i]
	}
	return 0
}

// The methods below give the length of what begins at i, 0 to give up.

// prefixed is for a letter with a quote behind it.
func (s *Scan) prefixed(i int) int {
	switch s.src[i] {
	case 'x', 'X':
		if i > 0 && (s.src[i-1] == '.' || s.src[i-1] == '@') {
			return 0 // a name
		}
		end := i + 2
		for ; end < len(s.src) && isDigitOf(Hex, s.src[end]); end++ {
		}
		if s.at(end) != '\'' || (end-i)%2 != 0 {
			return 0
		}
		return end + 1 - i
	}
	return 0
}

// number reads digits, with a dot among them or not, or 0x1F. All else that begins
// with a digit may be a name.
func (s *Scan) number(i int) int {
	src, end := s.src, i+1
	if src[i] == '0' && s.at(end) == 'x' {
		for end++; end < len(src) && isDigitOf(Hex, src[end]); end++ {
		}
		if end == i+2 {
			return 0
		}
	} else {
		for end < len(src) && isDecimal(src[end]) {
			end++
		}
		if end < len(src) && src[end] == '.' {
			for end++; end < len(src) && isDecimal(src[end]); end++ {
			}
		}
	}
	if end < len(src) && (inWord[src[end]] || src[end] == '.' || src[end] >= 0x80) {
		return 0
	}
	return end - i
}

// quoted reads a string.
func (s *Scan) quoted(i int) int {
	src, q := s.src, s.src[i]
	for end := i + 1; end < len(src); end++ {
		switch c := src[end]; {
		case c == q:
			if end+1 >= len(src) || src[end+1] != q {
				return end + 1 - i
			}
			end++
		case c == '\\' && s.escapes:
			end++
		case c >= 0x80 && s.high:
			return 0
		}
	}
	return 0
}

// name reads a quoted name of ASCII that has no quote in it.
func (s *Scan) name(i int) int {
	src, q := s.src, s.src[i]
	for end := i + 1; end < len(src); end++ {
		switch c := src[end]; {
		case c == q:
			if end == i+1 || s.at(end+1) == q {
				return 0
			}
			return end + 1 - i
		case c == 0 || c >= 0x80:
			return 0
		}
	}
	return 0
}

// variable reads @x, and of @@x the marks.
func (s *Scan) variable(i int) int {
	src, end := s.src, i+1
	switch s.at(end) {
	case '@':
		if isDecimal(s.at(end + 1)) {
			return 0 // a name that begins with a digit
		}
		return 2
	case '\'', '"', '`':
		return 0
	}
	for end < len(src) && (inWord[src[end]] || src[end] == '.') {
		end++
	}
	return end - i
}

// comment reads a comment that the server does not run.
func (s *Scan) comment(i int) int {
	body := s.src[i+1:]
	switch {
	case s.src[i] == '-':
		// Other bytes behind -- make it a comment, too, and others again do not.
		if len(body) < 2 || body[0] != '-' || body[1] != ' ' && body[1] != '\t' && body[1] != '\n' {
			return 0
		}
		if n := bytes.IndexByte(body, '\n'); n >= 0 {
			body = body[:n]
		}
		if bytes.IndexByte(body, 0) >= 0 {
			return 0
		}
		return 1 + len(body)
	case len(body) < 3 || body[0] != '*' || body[1] == '!' || body[1] == 'M' && body[2] == '!':
		return 0
	}
	n := bytes.Index(body[1:], closing)
	if n < 0 {
		return 0
	}
	return 2 + n + len(closing)
}
