package sqltext

import (
	"fmt"
	"strings"
	"testing"
)

// Every word gets through, in any case of its letters, and of a thousand words few
// others do.
func TestSieve(t *testing.T) {
	var s Sieve
	for i := range 1000 {
		s.Add(fmt.Sprintf("table_%c%c_%d", 'a'+i%26, 'a'+i/26%26, i))
	}
	for i := range 1000 {
		word := fmt.Sprintf("table_%c%c_%d", 'a'+i%26, 'a'+i/26%26, i)
		if !s.Lets([]byte(word)) || !s.Lets([]byte(strings.ToUpper(word))) {
			t.Fatalf("%s is stopped", word)
		}
	}
	through := 0
	for i := range 10_000 {
		if s.Lets([]byte(fmt.Sprintf("c%x_%d_name", i*7, i%31))) {
			through++
		}
	}
	if through > 3000 {
		t.Errorf("%d of 10,000 others get through", through)
	}
	if new(Sieve).Lets([]byte("x")) {
		t.Error("an empty one lets a word through")
	}
}
