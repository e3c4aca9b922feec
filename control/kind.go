package control

import (
	"slices"
	"strings"

	"ifmatch/sqltext"
)

// Kind is what a statement does to its session, as far as the proxy must know it.
type Kind uint8

// The kinds of statements.
const (
	Plain         Kind = iota // all that follows aside: it reads or writes rows, or is none of the proxy's business
	Begin                     // BEGIN, START TRANSACTION
	Commit                    // COMMIT
	Rollback                  // ROLLBACK
	RollbackTo                // ROLLBACK TO name
	Savepoint                 // SAVEPOINT name
	Release                   // RELEASE SAVEPOINT name
	XAEnd                     // XA END
	XAPrepare                 // XA PREPARE
	XARollback                // XA ROLLBACK
	Set                       // SET of something else than the two below
	SetOwn                    // SET @ifmatch = …, SET @ifmatch_context = …
	Prepare                   // PREPARE name FROM …
	Execute                   // EXECUTE name
	Immediate                 // EXECUTE IMMEDIATE …
	Deallocate                // DEALLOCATE PREPARE name, DROP PREPARE name
	Call                      // CALL
	Block                     // BEGIN NOT ATOMIC … END and what else has several statements in it
	DDL                       // CREATE, ALTER, DROP, RENAME, TRUNCATE
	ShowDiagnosis             // SHOW WARNINGS, SHOW ERRORS, SHOW COUNT(*) …, GET DIAGNOSTICS
	Use                       // USE name
	ShowIfmatch               // SHOW IFMATCH …
	LockTables                // LOCK TABLES, FLUSH TABLES … WITH READ LOCK
	UnlockTables              // UNLOCK TABLES
)

// Classify gives the kind of a statement, which is a whole one of t, and the name that
// it is about: of a savepoint, a prepared statement or a database, or in capitals what
// SHOW IFMATCH shows. It allocates nothing for a plain one.
func Classify(t *sqltext.Text, stmt sqltext.Span) (Kind, string) {
	kind, name := classifyFirst(t, stmt)
	if kind == Plain && opensBlock(t, int(stmt.Start)) {
		return Block, ""
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
func classifyFirst(t *sqltext.Text, stmt sqltext.Span) (Kind, string) {
	i := int(stmt.Start)
	if i >= int(stmt.End) || t.Tokens[i].Kind != sqltext.Word {
		return Plain, ""
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
			return Begin, ""
		}
	case 'a':
		if t.Is(i, "ALTER") {
			return DDL, ""
		}
	case 't':
		if t.Is(i, "TRUNCATE") {
			return DDL, ""
		}
	case 'c':
		switch {
		case t.Is(i, "COMMIT"):
			return Commit, ""
		case t.Is(i, "CALL"):
			return Call, ""
		case t.Is(i, "CREATE"):
			return DDL, ""
		}
	case 'd':
		switch {
		case t.Is(i, "DEALLOCATE"), t.Is(i, "DROP") && t.Is(i+1, "PREPARE"):
			return Deallocate, name(i + 2)
		case t.Is(i, "DROP"):
			return DDL, ""
		}
	case 'e':
		switch {
		case t.Is(i, "EXECUTE") && t.Is(i+1, "IMMEDIATE"):
			return Immediate, ""
		case t.Is(i, "EXECUTE"):
			return Execute, name(i + 1)
		}
	case 'f':
		if t.Is(i, "FLUSH") && locksTables(t, stmt) {
			return LockTables, ""
		}
	case 'g':
		if t.Is(i, "GET") {
			return ShowDiagnosis, ""
		}
	case 'l':
		if t.Is(i, "LOCK") && (t.Is(i+1, "TABLES") || t.Is(i+1, "TABLE")) {
			return LockTables, ""
		}
	case 'p':
		if t.Is(i, "PREPARE") {
			return Prepare, name(i + 1)
		}
	case 'r':
		switch {
		case t.Is(i, "ROLLBACK"):
			return classifyRollback(t, i, name)
		case t.Is(i, "RELEASE"):
			return Release, name(i + 2)
		case t.Is(i, "RENAME"):
			return DDL, ""
		}
	case 's':
		switch {
		case t.Is(i, "START") && t.Is(i+1, "TRANSACTION"):
			return Begin, ""
		case t.Is(i, "SAVEPOINT"):
			return Savepoint, name(i + 1)
		case t.Is(i, "SET"):
			return classifySet(t, stmt)
		case t.Is(i, "SHOW") && t.Is(i+1, "IFMATCH"):
			return ShowIfmatch, strings.ToUpper(name(i + 2))
		case t.Is(i, "SHOW") && (t.Is(i+1, "WARNINGS") || t.Is(i+1, "ERRORS")),
			t.Is(i, "SHOW") && t.Is(i+1, "COUNT") && (t.Is(i+5, "WARNINGS") || t.Is(i+5, "ERRORS")):
			return ShowDiagnosis, ""
		}
	case 'u':
		switch {
		case t.Is(i, "USE"):
			return Use, name(i + 1)
		case t.Is(i, "UNLOCK"):
			return UnlockTables, ""
		}
	case 'x':
		switch {
		case t.Is(i, "XA") && t.Is(i+1, "END"):
			return XAEnd, ""
		case t.Is(i, "XA") && t.Is(i+1, "PREPARE"):
			return XAPrepare, ""
		case t.Is(i, "XA") && t.Is(i+1, "ROLLBACK"):
			return XARollback, ""
		}
	}
	return Plain, ""
}

// locksTables reports whether a FLUSH holds tables until UNLOCK TABLES: with READ
// LOCK or FOR EXPORT.
func locksTables(t *sqltext.Text, stmt sqltext.Span) bool {
	last := int(stmt.End) - 1
	return t.Is(last, "LOCK") && t.Is(last-1, "READ") || t.Is(last, "EXPORT") && t.Is(last-1, "FOR")
}

// classifyRollback tells ROLLBACK [WORK] TO [SAVEPOINT] name from the rest.
func classifyRollback(t *sqltext.Text, i int, name func(int) string) (Kind, string) {
	i++
	if t.Is(i, "WORK") {
		i++
	}
	if !t.Is(i, "TO") {
		return Rollback, ""
	}
	i++
	if t.Is(i, "SAVEPOINT") {
		i++
	}
	return RollbackTo, name(i)
}

// classifySet tells SET @ifmatch and SET @ifmatch_context from the rest.
func classifySet(t *sqltext.Text, stmt sqltext.Span) (Kind, string) {
	for i := int(stmt.Start); i < int(stmt.End); i++ {
		if OwnVariable(t, i) != "" && (t.IsOp(i+1, "=") || t.IsOp(i+1, ":=")) {
			return SetOwn, ""
		}
	}
	return Set, ""
}
