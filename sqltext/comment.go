package sqltext

import "bytes"

// sixDigits is the first version of MySQL that knows versions of six digits in
// executable comments, and those only before a blank.
const sixDigits = 80100

// galeraCheck is the version of which a comment runs on MariaDB where Galera
// is on, and else does not.
const galeraCheck = 99997

// lineComment skips a comment to the end of the line. i is the first byte
// behind its mark.
func (l *lexer) lineComment(i int) error {
	rest := l.src[min(i, len(l.src)):]
	n := bytes.IndexByte(rest, '\n')
	if n < 0 {
		n = len(rest)
	}
	if z := bytes.IndexByte(rest[:n], 0); z >= 0 {
		// To the servers it ends the comment, and then the text.
		return l.fail(i+z, "NUL in a comment")
	}
	l.pos = min(i, len(l.src)) + n
	return nil
}

// comment skips a comment that starts with /*, or opens an executable one.
func (l *lexer) comment() error {
	start := l.pos
	body := start + 2
	maria := l.at(body) == 'M' && l.at(body+1) == '!' && l.t.lx.Flavor == MariaDB
	switch {
	case maria:
		body += 2
	case l.at(body) == '!':
		body++
	default:
		n := bytes.Index(l.src[body:], closing)
		if n < 0 {
			return l.fail(start, "unclosed comment")
		}
		l.hint(body, body+n)
		l.pos = body + n + 2
		return nil
	}
	version, n := l.version(body)
	if n > 0 {
		runs, err := l.runs(version, maria)
		if err != nil {
			return err
		}
		if !runs {
			return l.skip(start, body)
		}
	}
	// The servers remember one level only: the first */ leaves all.
	l.exec = true
	l.t.Executable = true
	l.pos = body + n
	return nil
}

var closing = []byte("*/")

// version reads the version at i and returns it with the number of its digits,
// 0 where there is none.
func (l *lexer) version(i int) (version, n int) {
	for n < 6 && isDecimal(l.at(i+n)) {
		n++
	}
	if n < 5 {
		return 0, 0
	}
	if n == 6 && l.t.lx.Flavor == MySQL {
		if c := l.at(i + 6); l.t.lx.Version < sixDigits || c >= 0x80 || class[c] != blank {
			n = 5
		}
	}
	for _, c := range l.src[i : i+n] {
		version = 10*version + int(c-'0')
	}
	return version, n
}

// runs reports whether the server runs a comment of that version.
func (l *lexer) runs(version int, maria bool) (bool, error) {
	if l.t.lx.Flavor == MySQL {
		return version <= l.t.lx.Version, nil
	}
	if version == galeraCheck {
		return false, l.fail(l.pos, "comment that runs only under Galera")
	}
	// From 5.7 on MySQL's versions say nothing of what MariaDB knows.
	foreign := version >= 50700 && version <= 99999 && !maria
	return version <= l.t.lx.Version && !foreign, nil
}

// skip skips an executable comment that does not run. One level of comments
// inside it is known to the servers.
func (l *lexer) skip(start, i int) error {
	for i < len(l.src) {
		switch {
		case l.src[i] == '*' && l.at(i+1) == '/':
			l.pos = i + 2
			return nil
		case l.src[i] == '/' && l.at(i+1) == '*':
			n := bytes.Index(l.src[i+2:], closing)
			if n < 0 {
				return l.fail(i, "unclosed comment")
			}
			i += 2 + n + 2
		default:
			i++
		}
	}
	return l.fail(start, "unclosed comment")
}

const hintMark = "ifmatch:"

// hint keeps the comment body from start to end where it is a hint.
func (l *lexer) hint(start, end int) {
	for start < end && isBlank(l.src[start]) {
		start++
	}
	if !foldPrefix(l.src[start:end], hintMark) {
		return
	}
	start += len(hintMark)
	for start < end && isBlank(l.src[start]) {
		start++
	}
	for start < end && isBlank(l.src[end-1]) {
		end--
	}
	l.t.Hints = append(l.t.Hints, Span{int32(start), int32(end)})
}

func isBlank(c byte) bool { return c < 0x80 && class[c] == blank }

// foldPrefix reports whether b starts with prefix, which is in lower case,
// whatever the case of its ASCII letters.
func foldPrefix(b []byte, prefix string) bool {
	if len(b) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(b[i]) != prefix[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - ('a' - 'A')
	}
	return c
}
