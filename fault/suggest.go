package fault

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// suggestLimit is the length, in bytes, beyond which no word is compared with
// another: the names in use are shorter, and the comparison is quadratic.
const suggestLimit = 64

// Suggest gives the word of known that word was probably meant to be, or ""
// where none is near. Case, '-' and '_' count for nothing. Among equally near
// words the first wins.
func Suggest(word string, known []string) string {
	if len(word) > suggestLimit {
		return ""
	}
	plain := fold(word)
	limit := max(1, utf8.RuneCountInString(plain)/3)
	best, bestDistance := "", limit+1
	for _, k := range known {
		if len(k) > suggestLimit {
			continue
		}
		if d := distance(plain, fold(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// DidYouMean gives `, did you mean "…"?` to append to a fault, or "" where no
// word of known is near.
func DidYouMean(word string, known []string) string {
	s := Suggest(word, known)
	if s == "" {
		return ""
	}
	return ", did you mean " + strconv.Quote(s) + "?"
}

// OneOf gives the words as an English choice: "a", "a or b", "a, b or c".
func OneOf(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func fold(s string) string {
	return strings.NewReplacer("-", "_").Replace(strings.ToLower(s))
}

// distance is the number of insertions, deletions, replacements and exchanges
// of neighbours that make b of a (optimal string alignment).
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, last, row := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(s); i++ {
		row[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(t)]
}
