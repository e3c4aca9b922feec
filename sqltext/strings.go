package sqltext

import "strings"

// Strings makes strings of bytes that will not last. Small ones share memory, so
// that nearly none costs an allocation; one that is kept keeps up to sharedSize
// bytes with it. The zero value is ready. It belongs to one goroutine.
type Strings struct{ shared *strings.Builder }

const (
	sharedSize   = 1 << 10 // bytes that strings share
	longestBrief = 128     // bytes of one that shares
)

// Of returns a string of the bytes of b.
func (s *Strings) Of(b []byte) string {
	if len(b) > longestBrief {
		return string(b)
	}
	if s.shared == nil || s.shared.Cap()-s.shared.Len() < len(b) {
		s.shared = new(strings.Builder)
		s.shared.Grow(sharedSize)
	}
	n := s.shared.Len()
	s.shared.Write(b)
	return s.shared.String()[n:]
}
