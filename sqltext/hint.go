package sqltext

import (
	"fmt"
	"strings"
)

// Pair is one name and value of a hint.
type Pair struct {
	Name   string
	Value  string // without quotes; empty where Null is set
	Null   bool   // the value is the word NULL
	Quoted bool   // the value stood in quotes
}

// String writes p so that [ParseHint] reads it again.
func (p Pair) String() string {
	name := p.Name
	if end := hintName(name); end == 0 || end < len(name) {
		name = "`" + strings.ReplaceAll(name, "`", "``") + "`"
	}
	switch {
	case p.Null:
		return name + "=NULL"
	case p.Quoted:
		return name + "='" + strings.ReplaceAll(p.Value, "'", "''") + "'"
	}
	return name + "=" + p.Value
}

// HintError says what is wrong with a hint. It does not quote the hint.
type HintError struct {
	Offset int    // in bytes from the start of the hint
	What   string // what was wanted there
}

// Error returns what is wrong, where, and what would be right.
func (e *HintError) Error() string {
	return fmt.Sprintf("hint: wants %s at byte %d, as in version=9 or seq_no=9, primary_term=4 or etag='abc'", e.What, e.Offset)
}

// ParseHint reads what stands in a hint behind "ifmatch:", or in SET @ifmatch:
// pairs of name=value, joined by commas. A name is a column's, in backquotes
// where it has other characters than letters, digits, _ and $. A value is NULL,
// a string in single quotes (a quote in it doubled, no backslash escapes), or a
// word of letters, digits and _ . : + -. The error is a [*HintError].
func ParseHint(s string) ([]Pair, error) {
	var pairs []Pair
	i := 0
	for {
		i = skipBlanks(s, i)
		start := i
		name, i2, err := parseHintName(s, i)
		if err != nil {
			return nil, err
		}
		for _, p := range pairs {
			if strings.EqualFold(p.Name, name) {
				return nil, &HintError{start, "each name once"}
			}
		}
		if i = skipBlanks(s, i2); i == len(s) || s[i] != '=' {
			return nil, &HintError{i, "="}
		}
		p, i2, err := parseHintValue(s, skipBlanks(s, i+1))
		if err != nil {
			return nil, err
		}
		p.Name = name
		pairs = append(pairs, p)
		if i = skipBlanks(s, i2); i == len(s) {
			return pairs, nil
		}
		if s[i] != ',' {
			return nil, &HintError{i, "a comma or the end"}
		}
		i++
	}
}

func skipBlanks(s string, i int) int {
	for i < len(s) && isBlank(s[i]) {
		i++
	}
	return i
}

func parseHintName(s string, i int) (string, int, error) {
	if i < len(s) && s[i] == '`' {
		name, end := unquoteHint(s, i)
		if end < 0 {
			return "", i, &HintError{i, "the quote to be closed"}
		}
		if name == "" {
			return "", i, &HintError{i, "a name"}
		}
		return name, end, nil
	}
	n := hintName(s[i:])
	if n == 0 {
		return "", i, &HintError{i, "a name"}
	}
	return s[i : i+n], i + n, nil
}

// hintName returns how many bytes of a bare name s starts with.
func hintName(s string) int {
	n := 0
	for n < len(s) && (s[n] >= 0x80 || class[s[n]] == letter || class[s[n]] == digit) {
		n++
	}
	return n
}

func parseHintValue(s string, i int) (Pair, int, error) {
	if i < len(s) && s[i] == '\'' {
		v, end := unquoteHint(s, i)
		if end < 0 {
			return Pair{}, i, &HintError{i, "the quote to be closed"}
		}
		return Pair{Value: v, Quoted: true}, end, nil
	}
	end := i
	for end < len(s) && s[end] < 0x80 && s[end] != '$' &&
		(class[s[end]] == letter || class[s[end]] == digit || strings.IndexByte(".:+-", s[end]) >= 0) {
		end++
	}
	switch v := s[i:end]; {
	case v == "":
		return Pair{}, i, &HintError{i, "a value (in single quotes, unless it is a number, a plain word or NULL)"}
	case strings.EqualFold(v, "NULL"):
		return Pair{Null: true}, end, nil
	default:
		return Pair{Value: v}, end, nil
	}
}

// unquoteHint reads the quoted text that starts at i and returns it with the
// index behind it, -1 where it is not closed.
func unquoteHint(s string, i int) (string, int) {
	q := s[i]
	var b strings.Builder
	for i++; i < len(s); i++ {
		if s[i] == q {
			if i+1 == len(s) || s[i+1] != q {
				return b.String(), i + 1
			}
			i++
		}
		b.WriteByte(s[i])
	}
	return "", -1
}
