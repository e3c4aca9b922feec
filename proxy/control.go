package proxy

import (
	"slices"
	"strings"

	"ifmatch/sqltext"
)

// control is the kind of a statement, as far as the session itself must know it.
type control uint8

const (
	plain         control = iota
	begin                 // BEGIN, START TRANSACTION
	commit                // COMMIT
	rollback              // ROLLBACK
	rollbackTo            // ROLLBACK TO name
	savepoint             // SAVEPOINT name
	release               // RELEASE SAVEPOINT name
	xaEnd                 // XA END
	xaPrepare             // XA PREPARE
	xaRollback            // XA ROLLBACK
	set                   // SET of something else than the two below
	setOwn                // SET @ifmatch = …, SET @ifmatch_context = …
	prepareSQL            // PREPARE name FROM …
	executeSQL            // EXECUTE name
	immediate             // EXECUTE IMMEDIATE …
	deallocate            // DEALLOCATE PREPARE name, DROP PREPARE name
	call                  // CALL
	block                 // BEGIN NOT ATOMIC … END and what else has several statements in it
	ddl                   // CREATE, ALTER, DROP, RENAME, TRUNCATE
	showDiagnosis         // SHOW WARNINGS, SHOW ERRORS, SHOW COUNT(*) …, GET DIAGNOSTICS
	use                   // USE name
	showIfmatch           // SHOW IFMATCH …
	lockTables            // LOCK TABLES, FLUSH TABLES … WITH READ LOCK
	unlockTables          // UNLOCK TABLES
)

// classify gives the kind of a statement and the name it is about.
func classify(t *sqltext.Text, stmt sqltext.Span) (control, string) {
	kind, name := classifyFirst(t, stmt)
	if kind == plain && opensBlock(t, int(stmt.Start)) {
		return block, ""
	}
	return kind, name
}

// opensBlock reports whether a statement that begins at token i has others in it.
func opensBlock(t *sqltext.Text, i int) bool {
	if i >= len(t.Tokens) {
		return false
	}
	if t.IsOp(i+1, ":") || t.IsOp(i, "<<") {
		return true
	}
	switch t.SQL[t.Tokens[i].Start] | 0x20 {
	case 'b', 'c', 'd', 'f', 'i', 'l', 'r', 'w':
		return slices.ContainsFunc(blockWords, func(w string) bool { return t.Is(i, w) })
	}
	return false
}

var blockWords = []string{"BEGIN", "CASE", "DECLARE", "FOR", "IF", "LOOP", "REPEAT", "WHILE"}

// classifyFirst goes by the first words.
func classifyFirst(t *sqltext.Text, stmt sqltext.Span) (control, string) {
	i := int(stmt.Start)
	if i >= int(stmt.End) || t.Tokens[i].Kind != sqltext.Word {
		return plain, ""
	}
	name := func(i int) string {
		if i < int(stmt.End) {
			s, _ := t.Name(i)
			return s
		}
		return ""
	}
	switch t.Bytes(i)[0] | 0x20 {
	case 'b':
		// Anything else behind BEGIN is a block.
		if t.Is(i, "BEGIN") && (i+1 == int(stmt.End) || t.Is(i+1, "WORK")) {
			return begin, ""
		}
	case 'a':
		if t.Is(i, "ALTER") {
			return ddl, ""
		}
	case 't':
		if t.Is(i, "TRUNCATE") {
			return ddl, ""
		}
	case 'c':
		switch {
		case t.Is(i, "COMMIT"):
			return commit, ""
		case t.Is(i, "CALL"):
			return call, ""
		case t.Is(i, "CREATE"):
			return ddl, ""
		}
	case 'd':
		switch {
		case t.Is(i, "DEALLOCATE"), t.Is(i, "DROP") && t.Is(i+1, "PREPARE"):
			return deallocate, name(i + 2)
		case t.Is(i, "DROP"):
			return ddl, ""
		}
	case 'e':
		switch {
		case t.Is(i, "EXECUTE") && t.Is(i+1, "IMMEDIATE"):
			return immediate, ""
		case t.Is(i, "EXECUTE"):
			return executeSQL, name(i + 1)
		}
	case 'f':
		if t.Is(i, "FLUSH") && locksTables(t, stmt) {
			return lockTables, ""
		}
	case 'g':
		if t.Is(i, "GET") {
			return showDiagnosis, ""
		}
	case 'l':
		if t.Is(i, "LOCK") && (t.Is(i+1, "TABLES") || t.Is(i+1, "TABLE")) {
			return lockTables, ""
		}
	case 'p':
		if t.Is(i, "PREPARE") {
			return prepareSQL, name(i + 1)
		}
	case 'r':
		switch {
		case t.Is(i, "ROLLBACK"):
			return classifyRollback(t, i, name)
		case t.Is(i, "RELEASE"):
			return release, name(i + 2)
		case t.Is(i, "RENAME"):
			return ddl, ""
		}
	case 's':
		switch {
		case t.Is(i, "START") && t.Is(i+1, "TRANSACTION"):
			return begin, ""
		case t.Is(i, "SAVEPOINT"):
			return savepoint, name(i + 1)
		case t.Is(i, "SET"):
			return classifySet(t, stmt)
		case t.Is(i, "SHOW") && t.Is(i+1, "IFMATCH"):
			return showIfmatch, strings.ToUpper(name(i + 2))
		case t.Is(i, "SHOW") && (t.Is(i+1, "WARNINGS") || t.Is(i+1, "ERRORS")),
			t.Is(i, "SHOW") && t.Is(i+1, "COUNT") && (t.Is(i+5, "WARNINGS") || t.Is(i+5, "ERRORS")):
			return showDiagnosis, ""
		}
	case 'u':
		switch {
		case t.Is(i, "USE"):
			return use, name(i + 1)
		case t.Is(i, "UNLOCK"):
			return unlockTables, ""
		}
	case 'x':
		switch {
		case t.Is(i, "XA") && t.Is(i+1, "END"):
			return xaEnd, ""
		case t.Is(i, "XA") && t.Is(i+1, "PREPARE"):
			return xaPrepare, ""
		case t.Is(i, "XA") && t.Is(i+1, "ROLLBACK"):
			return xaRollback, ""
		}
	}
	return plain, ""
}

// locksTables reports whether a FLUSH holds tables until UNLOCK TABLES: with READ
// LOCK or FOR EXPORT.
func locksTables(t *sqltext.Text, stmt sqltext.Span) bool {
	last := int(stmt.End) - 1
	return t.Is(last, "LOCK") && t.Is(last-1, "READ") || t.Is(last, "EXPORT") && t.Is(last-1, "FOR")
}

// classifyRollback tells ROLLBACK [WORK] TO [SAVEPOINT] name from the rest.
func classifyRollback(t *sqltext.Text, i int, name func(int) string) (control, string) {
	i++
	if t.Is(i, "WORK") {
		i++
	}
	if !t.Is(i, "TO") {
		return rollback, ""
	}
	i++
	if t.Is(i, "SAVEPOINT") {
		i++
	}
	return rollbackTo, name(i)
}

// classifySet tells SET @ifmatch and SET @ifmatch_context from the rest.
func classifySet(t *sqltext.Text, stmt sqltext.Span) (control, string) {
	for i := int(stmt.Start); i < int(stmt.End); i++ {
		if ownVariable(t, i) != "" && (t.IsOp(i+1, "=") || t.IsOp(i+1, ":=")) {
			return setOwn, ""
		}
	}
	return set, ""
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
