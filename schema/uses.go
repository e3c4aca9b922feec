package schema

import (
	"slices"
	"strings"
	"unicode"

	"ifmatch/sqltext"
)

// uses is what the text of a view, routine, trigger or event names and does, as
// far as it can be told without parsing it. It errs on the side of more: where
// a name may stand for a table it counts as one, and one keyword that writes
// counts for every name in the text.
type uses struct {
	// names has every name in lower case, with the text's own schema where
	// none is written; true where it may stand for a table.
	names   map[Name]bool
	words   map[string]bool // where the text could not be read: its words, of whatever schema
	writes  bool
	dynamic bool // it runs text that is made at run time
}

// writing are the keywords that begin what changes a table, and functions those
// of them that before a parenthesis are a function and no statement.
var writing = []string{"UPDATE", "DELETE", "INSERT", "REPLACE", "TRUNCATE", "LOAD", "ALTER", "DROP", "RENAME", "CREATE"}
var functions = map[string]bool{"INSERT": true, "REPLACE": true, "TRUNCATE": true}

// before are keywords after which a name without a schema is a column, a
// variable or an alias, and operators those beside which it is one.
var before = []string{"SELECT", "DISTINCT", "SET", "WHERE", "AND", "OR", "NOT", "XOR", "HAVING", "BY", "BETWEEN", "AS",
	"CASE", "WHEN", "THEN", "ELSE", "IF", "ELSEIF", "WHILE", "UNTIL", "RETURN", "DECLARE"}
var operators = []string{"=", "<=>", "<>", "!=", "<", ">", "<=", ">=", "+", "-", "*", "/", "%", ":=", "|", "&", "^", "<<", ">>", "||", "&&"}

// uses reads a body that was made under a sql_mode. Names without a schema are
// of the one given; without one they stand for no table.
func (r *reader) uses(schema, body, mode string) uses {
	lx := sqltext.Lexis{
		ANSIQuotes:         hasMode(mode, "ANSI_QUOTES"),
		NoBackslashEscapes: hasMode(mode, "NO_BACKSLASH_ESCAPES"),
		IgnoreSpace:        hasMode(mode, "IGNORE_SPACE"),
		PipesAsConcat:      hasMode(mode, "PIPES_AS_CONCAT"),
		Flavor:             r.c.Flavor,
		Version:            r.c.Version,
	}
	if err := r.text.Lex([]byte(body), &lx); err != nil {
		return unreadable(body)
	}
	u := uses{names: map[Name]bool{}}
	t := &r.text
	for i := range t.Tokens {
		name, ok := t.Name(i)
		if !ok {
			continue
		}
		u.keyword(t, i)
		n, table := Name{schema, name}, !isColumn(t, i)
		if t.IsOp(i-1, ".") {
			if qualifier, ok := t.Name(i - 2); ok {
				n.Schema, table = qualifier, true
			}
		}
		n = n.lower()
		u.names[n] = u.names[n] || table
	}
	return u
}

// isColumn says whether the name, if it has no schema before it, certainly
// stands for no table.
func isColumn(t *sqltext.Text, i int) bool {
	return slices.ContainsFunc(before, func(word string) bool { return t.Is(i-1, word) }) ||
		slices.ContainsFunc(operators, func(op string) bool { return t.IsOp(i-1, op) || t.IsOp(i+1, op) })
}

func (u *uses) keyword(t *sqltext.Text, i int) {
	if t.Is(i, "PREPARE") || t.Is(i, "EXECUTE") {
		u.dynamic = true
	}
	for _, word := range writing {
		if t.Is(i, word) {
			u.writes = u.writes || !t.IsOp(i+1, "(") || !functions[word]
			return
		}
	}
}

// unreadable takes every word of a text for a name, and the text for one that
// writes.
func unreadable(body string) uses {
	u := uses{words: map[string]bool{}, writes: true}
	for _, w := range strings.FieldsFunc(strings.ToLower(body), func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '_' && c != '$'
	}) {
		u.words[w] = true
	}
	u.dynamic = u.words["prepare"] || u.words["execute"]
	return u
}

// table says whether the text names n, in lower case, where a table may stand,
// and name whether it names it anywhere.
func (u *uses) table(n Name) bool { return u.names[n] || u.words[n.Name] }
func (u *uses) name(n Name) bool {
	_, ok := u.names[n]
	return ok || u.words[n.Name]
}

// hasMode says whether a mode is in the server's list of them.
func hasMode(list, mode string) bool {
	for m := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(m, mode) {
			return true
		}
	}
	return false
}
