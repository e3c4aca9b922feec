package rewrite

import (
	"bytes"
	"unicode/utf8"

	"ifmatch/sqltext"
)

// wordSet is the names that Mentions looks for, in lower case. Nearly all words of
// nearly all statements are none of them, so a sieve goes before the look-up.
type wordSet struct {
	raw   map[string]bool // true where MentionsRaw looks for it, too
	sieve sqltext.Sieve
	parts partSet // of ASCII ones that MentionsRaw looks for
}

// add adds a name in lower case.
func (s *wordSet) add(name string, raw bool) {
	if s.raw == nil {
		s.raw = map[string]bool{}
	}
	s.raw[name] = raw
	if name == "" {
		return
	}
	s.sieve.Add(name)
	if raw && ascii(name) {
		s.parts.add(name)
	}
}

// hasWord reports whether a word without quotes is one of the names; sure is
// false where it has characters beyond ASCII or is longer than names are.
func (s *wordSet) hasWord(word []byte) (has, sure bool) {
	var all byte
	for _, c := range word {
		all |= c
	}
	if all >= utf8.RuneSelf {
		return false, false
	}
	if len(word) == 0 {
		return false, true
	}
	if !s.sieve.Lets(word) {
		return false, true
	}
	var low [64]byte
	if len(word) > len(low) {
		return false, false
	}
	_, has = s.raw[string(lowered(&low, word))]
	return has, true
}

// lowered gives a word of at most 64 bytes with its ASCII letters in lower case.
func lowered(low *[64]byte, word []byte) []byte {
	for i, c := range word {
		low[i] = lowerASCII(c)
	}
	return low[:len(word)]
}

func lowerASCII(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// has reports whether a name, in lower case, is one of them.
func (s *wordSet) has(name string) bool {
	_, has := s.raw[name]
	return has
}

// occurs reports whether the bytes of one of the names that MentionsRaw looks for
// occur in a text, in any case of their letters.
func (s *wordSet) occurs(sql []byte) bool {
	if !ascii(sql) && (bytes.Contains(sql, []byte("İ")) || bytes.Contains(sql, []byte("\u212a"))) {
		// These have letters of ASCII for their lower case.
		sql = []byte(lower(string(sql)))
	}
	return s.parts.occurs(sql)
}
