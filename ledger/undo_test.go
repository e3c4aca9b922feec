package ledger

import "testing"

// What a record says becomes part of a statement only where it is a constant.
func TestLiterals(t *testing.T) {
	for _, good := range []string{"NULL", "0", "-17", "1.50", "''", "'d1'", "'a b[]^'", "x''", "x'00ff'", "_utf8mb4 x'c3a4'", "_binary x'00'"} {
		if !literal.MatchString(good) {
			t.Errorf("%s is no literal", good)
		}
	}
	for _, bad := range []string{"", "1 OR 1", "''''", "'a' OR 'b'", `'\'`, "'ä'", "'a\n'", "x'0g'", "SLEEP(1)", "`a`", "1;", "'", "x'", "- 1", "1e5"} {
		if literal.MatchString(bad) {
			t.Errorf("%s is a literal", bad)
		}
	}
}

// Rows of two tables, or of two keys, are told apart however their names end.
func TestHash(t *testing.T) {
	seen := map[string]Row{}
	for _, r := range []Row{
		{Schema: "a", Table: "b", Form: []byte("c")}, {Schema: "ab", Table: "", Form: []byte("c")}, {Schema: "a", Table: "bc"},
		{Schema: "", Table: "ab", Form: []byte("c")}, {Schema: "a", Table: "b", Form: []byte("C")},
	} {
		if other, ok := seen[string(r.hash())]; ok {
			t.Errorf("%v and %v are the same", r, other)
		}
		seen[string(r.hash())] = r
	}
}

// A record that somebody has written anything into is not carried out.
func TestValid(t *testing.T) {
	good := Record{Intent: Intent{Row: Row{Key: []KeyColumn{{"id", "1"}}}, Before: "'x'", Versions: []string{"1", "-2"}}}
	if err := good.valid(true); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(r *Record){
		"no key":  func(r *Record) { r.Key = nil },
		"key":     func(r *Record) { r.Key = []KeyColumn{{"id", "1 OR TRUE"}} },
		"before":  func(r *Record) { r.Before = "(SELECT 1)" },
		"version": func(r *Record) { r.Versions = []string{"1 OR TRUE"} },
	} {
		bad := good
		if spoil(&bad); bad.valid(true) == nil {
			t.Errorf("%s: it is valid", name)
		}
	}
}
