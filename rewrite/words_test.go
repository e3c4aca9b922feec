package rewrite

import (
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

// What MentionsRaw looks for is found wherever it stands, in any case of its letters.
func TestPartSet(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	letters := []byte("abC_1 .`\xbf")
	word := func(most int) string {
		b := make([]byte, 1+random.IntN(most))
		for i := range b {
			b[i] = letters[random.IntN(5)]
		}
		return strings.ToLower(string(b))
	}
	for shortest := range 6 {
		for range 40 {
			var s wordSet
			names := map[string]bool{}
			for range 1 + random.IntN(12) {
				name := strings.Repeat("b", shortest) + word(6)
				if random.IntN(10) == 0 {
					name = strings.Repeat("x", 70) + name
				}
				names[name] = true
				s.add(name, true)
			}
			s.add("dropped", false)
			for range 300 {
				b := make([]byte, random.IntN(30))
				for i := range b {
					b[i] = letters[random.IntN(len(letters))]
				}
				for name := range names {
					if random.IntN(20) == 0 {
						b = append(append(b, strings.ToUpper(name)...), " dropped"...)
						break
					}
				}
				want := false
				for name := range names {
					want = want || strings.Contains(strings.ToLower(string(b)), name)
				}
				if got := s.occurs(b); got != want {
					t.Fatalf("%v in %q: %v", names, b, got)
				}
			}
		}
	}
	var none wordSet
	if none.occurs([]byte("abc")) {
		t.Error("there is nothing to be found")
	}
	var s wordSet
	s.add("ink", true)
	for text, want := range map[string]bool{"İNK": true, "in\u212a": true, "IN\u212a": true, "ınk": false, "in": false, "": false, "\xe2\x84ink": true} {
		if got := s.occurs([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
