package sqltext

// Sieve holds words so that nearly every other word is told from them by a few of
// its bytes. What it lets through is one of the words or, seldom, not. The zero
// value lets nothing through.
type Sieve struct {
	bits [sieveBits / 64]uint64
}

// sieveBits holds a thousand words and still stops three others in four.
const (
	sieveBits  = 1 << sieveShift
	sieveShift = 12
)

// sifted gives the bit of a word of ASCII, the same for both cases of its letters.
func sifted[T []byte | string](word T) uint32 {
	const golden = 0x9e3779b1 // spreads the bits upwards
	n := len(word)
	h := uint32(word[0]|0x20) | uint32(word[n/2]|0x20)<<8 | uint32(word[n-1]|0x20)<<16 | uint32(n)<<24
	return h * golden >> (32 - sieveShift)
}

// Add adds a word, which is not empty.
func (s *Sieve) Add(word string) {
	bit := sifted(word)
	s.bits[bit/64] |= 1 << (bit % 64)
}

// Lets reports whether a word, which is not empty, is let through: false only for
// one that is in no case of its ASCII letters one of those that were added.
func (s *Sieve) Lets(word []byte) bool {
	bit := sifted(word)
	return s.bits[bit/64]&(1<<(bit%64)) != 0
}
