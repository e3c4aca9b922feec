package rewrite

import "unicode/utf8"

// wordSet is the names that Mentions looks for, in lower case. Nearly all words of
// nearly all statements are none of them, so a sieve of a few of their bytes goes
// before the look-up: what it lets through is one of the names or, seldom, not.
type wordSet struct {
	raw   map[string]bool // true where MentionsRaw looks for it, too
	sieve [sieveBits / 64]uint64
}

// sieveBits holds a thousand names and still stops three words in four.
const sieveBits = 4096

// sifted gives the bit of a name or a word of ASCII, the same for both cases of
// its letters.
func sifted[T []byte | string](word T) uint32 {
	const golden = 0x9e3779b1 // spreads the bits upwards
	n := len(word)
	h := uint32(word[0]|0x20) | uint32(word[n/2]|0x20)<<8 | uint32(word[n-1]|0x20)<<16 | uint32(n)<<24
	return h * golden >> (32 - 12)
}

// add adds a name in lower case.
func (s *wordSet) add(name string, raw bool) {
	if s.raw == nil {
		s.raw = map[string]bool{}
	}
	s.raw[name] = raw
	if name != "" {
		bit := sifted(name)
		s.sieve[bit/64] |= 1 << (bit % 64)
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
	if bit := sifted(word); s.sieve[bit/64]&(1<<(bit%64)) == 0 {
		return false, true
	}
	var low [64]byte
	if len(word) > len(low) {
		return false, false
	}
	for i, c := range word {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		low[i] = c
	}
	_, has = s.raw[string(low[:len(word)])]
	return has, true
}

// has reports whether a name, in lower case, is one of them.
func (s *wordSet) has(name string) bool {
	_, has := s.raw[name]
	return has
}
