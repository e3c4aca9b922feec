package control

import (
	"slices"
	"strings"

	"ifmatch/sqltext"
)

// Changes is what a SET changes of what the proxy knows of the server's session, once it
// has succeeded.
type Changes struct {
	Reading  bool // how statements are read
	Tracking bool // what the server reports of that
	Level    bool // the isolation level
	Next     bool // that of one transaction only
	Once     bool // so it is too, and the value can be any
	Dirty    bool // to READ UNCOMMITTED
}

// ChangesOf gives what a statement of a kind may change: nothing, unless it is a SET.
func ChangesOf(kind Kind, t *sqltext.Text, stmt sqltext.Span) (c Changes) {
	if kind != Set && kind != SetOwn {
		return c
	}
	c.Reading, c.Tracking = changesReading(t, stmt)
	for i := int(stmt.Start); i < int(stmt.End); i++ {
		if k := t.Tokens[i].Kind; k != sqltext.Word && k != sqltext.Quoted {
			continue
		}
		switch {
		case namesIsolation(t.Bytes(i)) && t.Tokens[i-1].Kind == sqltext.SysVar:
			// Without SESSION it is that of the next transaction.
			c.Once = c.Once || !clean(t, i+1)
		case t.Is(i, "ISOLATION"), namesIsolation(t.Bytes(i)):
			c.Level = true
		case t.Is(i, "UNCOMMITTED"):
			c.Dirty = true
		}
	}
	c.Next = t.Is(int(stmt.Start)+1, "TRANSACTION")
	return c
}

// clean reports whether what is assigned at token i is a level that reads nothing
// uncommitted.
func clean(t *sqltext.Text, i int) bool {
	if i+1 >= len(t.Tokens) || t.Tokens[i+1].Kind != sqltext.String {
		return false
	}
	level, ok := t.StringValue(nil, i+1)
	if !ok {
		return false
	}
	switch strings.ToUpper(string(level)) {
	case "READ-COMMITTED", "REPEATABLE-READ", "SERIALIZABLE":
		return true
	}
	return false
}

// readingWords are what a SET names that changes how statements are read.
var readingWords = []string{"SQL_MODE", "NAMES", "CHARACTER", "CHARSET", "CHARACTER_SET_CLIENT"}

// trackingWords are what a SET names that changes what the server reports of that.
var trackingWords = []string{"SESSION_TRACK_SYSTEM_VARIABLES", "SESSION_TRACK_SCHEMA", "STATEMENT"}

// changesReading reports whether a SET may change how statements are read, and
// whether it may change what the server reports of it.
func changesReading(t *sqltext.Text, stmt sqltext.Span) (reading, tracking bool) {
	for i := int(stmt.Start); i < int(stmt.End); i++ {
		if k := t.Tokens[i].Kind; k != sqltext.Word && k != sqltext.Quoted {
			continue
		}
		name, ok := t.Name(i)
		if !ok {
			return true, true
		}
		is := func(word string) bool { return strings.EqualFold(name, word) }
		tracking = tracking || slices.ContainsFunc(trackingWords, is)
		reading = reading || tracking || slices.ContainsFunc(readingWords, is)
	}
	return reading, tracking
}

// namesIsolation reports whether a name is that of the variable, with or without
// its prefixes.
func namesIsolation(b []byte) bool {
	name := strings.ToLower(strings.Trim(string(b), "`"))
	return strings.HasSuffix(name, "tx_isolation") || strings.HasSuffix(name, "transaction_isolation")
}
