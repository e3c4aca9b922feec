package rewrite

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// The sieve lets every name through, in any case of its letters, however many
// there are, and tells nothing of words beyond ASCII.
func TestWordSet(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	letters := []rune("abcxyz_$019")
	word := func() string {
		b := make([]rune, 1+random.IntN(12))
		for i := range b {
			b[i] = letters[random.IntN(len(letters))]
		}
		return string(b)
	}
	anyCase := func(s string) []byte {
		b := []byte(s)
		for i := range b {
			if random.IntN(2) == 0 {
				b[i] = strings.ToUpper(string(b[i]))[0]
			}
		}
		return b
	}
	for _, size := range []int{0, 1, 30, 1000, 20_000} {
		var s wordSet
		names := map[string]bool{}
		for range size {
			w := word()
			names[w] = true
			s.add(w, true)
		}
		for w := range names {
			if has, sure := s.hasWord(anyCase(w)); !has || !sure {
				t.Fatalf("%q of %d names is not found", w, size)
			}
		}
		for range 20_000 {
			w := word()
			if has, sure := s.hasWord(anyCase(w)); has != names[w] || !sure || s.has(w) != names[w] {
				t.Fatalf("%q among %d names: %v, %v", w, size, has, sure)
			}
		}
	}
	var s wordSet
	long := strings.Repeat("x", 80)
	s.add("straße", true)
	s.add(long, true)
	s.add("", true)
	for _, w := range []string{"straße", "STRASSE\u0301", "\u212a", long} {
		if has, sure := s.hasWord([]byte(w)); has || sure {
			t.Errorf("%q: %v, %v", w, has, sure)
		}
	}
	if has, sure := s.hasWord(nil); has || !sure {
		t.Errorf("the empty word: %v, %v", has, sure)
	}
	if !s.has("straße") || s.has("strasse") {
		t.Error("a name beyond ASCII")
	}
}

// A thousand names are looked for at the price of one: few other words get
// through the sieve.
func TestSieveIsFine(t *testing.T) {
	var s wordSet
	for i := range 1000 {
		s.add(fmt.Sprintf("table_%c%c_%d", 'a'+i%26, 'a'+i/26%26, i), true)
	}
	bits := 0
	for _, w := range s.sieve {
		for ; w != 0; w &= w - 1 {
			bits++
		}
	}
	if share := float64(bits) / sieveBits; share > .3 {
		t.Errorf("%.0f %% of the sieve is open", 100*share)
	}
}
