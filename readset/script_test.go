package readset

import (
	"strings"
	"testing"
	"time"
)

var start = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

// do carries out one step of a script: a method in lower case and what it
// takes. Rows are of table 1.
func do(t *testing.T, s Scope, step string, at time.Time) {
	t.Helper()
	w := append(strings.Fields(step), "", "", "", "")
	a, b := []byte(w[1]), []byte(w[2])
	switch w[0] {
	case "read":
		s.Read(1, a, b, at)
	case "wrote":
		s.Wrote(1, a, b, at)
	case "touched":
		s.Touched(1, a)
	case "move":
		s.Move(1, a, b, []byte(w[3]), at)
	case "forget":
		s.Forget(1, a)
	case "gone":
		s.Gone(1, a)
	case "begin":
		s.Begin()
	case "commit":
		s.Commit()
	case "rollback":
		s.Rollback()
	case "savepoint":
		s.Savepoint(w[1])
	case "rollbackTo":
		s.RollbackTo(w[1])
	case "release":
		s.Release(w[1])
	case "uncertain":
		s.Uncertain()
	case "conflict":
		s.(*Request).Conflict(1, a)
	case "end":
		s.(*Request).End()
	default:
		t.Fatalf("no such step: %q", step)
	}
}

// all gives what a scope holds as "a=1 b=2", the newest first, and checks that
// Expect and Len say the same.
func all(t *testing.T, s Scope) string {
	t.Helper()
	var rows, expected []string
	var keys []string
	s.All(func(_ uint32, key, token []byte, _ time.Time) bool {
		rows = append(rows, string(key)+"="+string(token))
		keys = append(keys, string(key))
		return true
	})
	for _, key := range keys {
		if token, _, ok := s.Expect(1, []byte(key)); ok {
			expected = append(expected, key+"="+string(token))
		}
	}
	got := strings.Join(rows, " ")
	if e := strings.Join(expected, " "); e != got {
		t.Errorf("All gives %q, Expect %q", got, e)
	}
	if s.Len() != len(rows) {
		t.Errorf("Len is %d, All gives %q", s.Len(), got)
	}
	return got
}

func steps(script string) []string {
	return strings.FieldsFunc(script, func(r rune) bool { return r == ';' })
}
