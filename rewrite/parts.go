package rewrite

import (
	"slices"
	"strings"
)

// partSet is names that are looked for anywhere among bytes. It takes the same time
// for a thousand names as for one: their first bytes are looked up at each place,
// and where these are known, the names of each length.
type partSet struct {
	names   map[string]bool
	lengths []int
	first   int       // bytes of a name that firsts has
	firsts  firstBits // of each name, hashed
}

const (
	maxFirst   = 4
	firstShift = 13
)

// firstBits has few bits of many set, whatever the number of tables.
type firstBits [1 << firstShift / 64]uint64

// add adds a name of ASCII in lower case.
func (s *partSet) add(name string) {
	if s.names == nil {
		s.names, s.first = map[string]bool{}, maxFirst
	}
	s.names[name] = true
	if !slices.Contains(s.lengths, len(name)) {
		s.lengths = append(s.lengths, len(name))
	}
	if len(name) < s.first {
		s.first, s.firsts = len(name), firstBits{}
		for other := range s.names {
			s.addFirst(other)
		}
		return
	}
	s.addFirst(name)
}

func (s *partSet) addFirst(name string) {
	var w uint32
	for i := range s.first {
		w = w<<8 | uint32(name[i])
	}
	bit := firstBit(w)
	s.firsts[bit/64] |= 1 << (bit % 64)
}

func firstBit(w uint32) uint32 {
	const golden = 0x9e3779b1
	return w * golden >> (32 - firstShift)
}

func (s *partSet) occurs(b []byte) bool {
	if len(s.names) == 0 {
		return false
	}
	var w uint32
	mask := ^uint32(0) >> (8 * (maxFirst - s.first))
	for i, c := range b {
		w = (w<<8 | uint32(lowerASCII(c))) & mask
		if bit := firstBit(w); s.firsts[bit/64]&(1<<(bit%64)) != 0 && i+1 >= s.first && s.beginsWith(b[i+1-s.first:]) {
			return true
		}
	}
	return false
}

// beginsWith reports whether b begins with one of the names.
func (s *partSet) beginsWith(b []byte) bool {
	var low [64]byte
	for _, n := range s.lengths {
		switch {
		case n > len(b):
		case n > len(low):
			if s.names[strings.ToLower(string(b[:n]))] {
				return true
			}
		case s.names[string(lowered(&low, b[:n]))]:
			return true
		}
	}
	return false
}
