package control

import (
	"testing"

	"ifmatch/sqltext"
)

// lex reads the only statement of a text.
func lex(t *testing.T, sql string) (*sqltext.Text, sqltext.Span) {
	t.Helper()
	text := &sqltext.Text{}
	if err := text.Lex([]byte(sql), &sqltext.Lexis{Flavor: sqltext.MariaDB, Version: 101106, Charset: sqltext.UTF8MB4}); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	all := text.Statements(nil)
	return text, sqltext.Span{Start: all[0].Start, End: all[len(all)-1].End} // blocks have others in them
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		sql  string
		kind Kind
		name string
		ends Ending // what it means where it ends a transaction
	}{
		{"SELECT 1", Plain, "", Committed},
		{"UPDATE t SET a = 1", Plain, "", Committed},
		{"`begin`", Plain, "", Committed},
		{"begin", Begin, "", Committed},
		{"BEGIN WORK", Begin, "", Committed},
		{"START TRANSACTION READ ONLY", Begin, "", Committed},
		{"COMMIT AND CHAIN", Commit, "", Committed},
		{"ROLLBACK", Rollback, "", RolledBack},
		{"ROLLBACK WORK", Rollback, "", RolledBack},
		{"ROLLBACK TO a", RollbackTo, "a", Committed},
		{"ROLLBACK WORK TO SAVEPOINT `a b`", RollbackTo, "a b", Committed},
		{"SAVEPOINT a", Savepoint, "a", Committed},
		{"RELEASE SAVEPOINT a", Release, "a", Committed},
		{"XA END 'x'", XAEnd, "", Committed},
		{"XA PREPARE 'x'", XAPrepare, "", Uncertain},
		{"XA ROLLBACK 'x'", XARollback, "", RolledBack},
		{"SET autocommit = 1", Set, "", Committed},
		{"SET STATEMENT max_statement_time = 1 FOR ROLLBACK", Set, "", Uncertain},
		{"SET @a = 1, @`IfMatch` := 'version=9'", SetOwn, "", Committed},
		{"SET @ifmatch_context = 'user-42'", SetOwn, "", Committed},
		{"SET @a = @ifmatch", Set, "", Committed},
		{"PREPARE q FROM 'SELECT 1'", Prepare, "q", Committed},
		{"EXECUTE q USING @a", Execute, "q", Uncertain},
		{"EXECUTE IMMEDIATE 'ROLLBACK'", Immediate, "", Uncertain},
		{"DEALLOCATE PREPARE q", Deallocate, "q", Committed},
		{"DROP PREPARE q", Deallocate, "q", Committed},
		{"CALL p()", Call, "", Uncertain},
		{"BEGIN NOT ATOMIC ROLLBACK; END", Block, "", Uncertain},
		{"l: BEGIN NOT ATOMIC ROLLBACK; END", Block, "", Uncertain},
		{"IF 1 THEN ROLLBACK; END IF", Block, "", Uncertain},
		{"<<l>> LOOP ROLLBACK; END LOOP", Block, "", Uncertain},
		{"CREATE TABLE t (a INT)", DDL, "", Committed},
		{"TRUNCATE t", DDL, "", Committed},
		{"DROP TABLE t", DDL, "", Committed},
		{"SHOW WARNINGS", ShowDiagnosis, "", Committed},
		{"SHOW COUNT(*) ERRORS", ShowDiagnosis, "", Committed},
		{"GET DIAGNOSTICS @n = NUMBER", ShowDiagnosis, "", Committed},
		{"SHOW TABLES", Plain, "", Committed},
		{"USE shop", Use, "shop", Committed},
		{"SHOW IFMATCH reads", ShowIfmatch, "READS", Committed},
		{"LOCK TABLES t WRITE", LockTables, "", Committed},
		{"FLUSH TABLES t WITH READ LOCK", LockTables, "", Committed},
		{"FLUSH TABLES t FOR EXPORT", LockTables, "", Committed},
		{"FLUSH LOGS", Plain, "", Committed},
		{"UNLOCK TABLES", UnlockTables, "", Committed},
	} {
		text, stmt := lex(t, c.sql)
		if kind, name := Classify(text, stmt); kind != c.kind || name != c.name {
			t.Errorf("%s: kind %d about %q, want %d about %q", c.sql, kind, name, c.kind, c.name)
		} else if ends := EndingOf(text, stmt, kind); ends != c.ends {
			t.Errorf("%s: ending %d, want %d", c.sql, ends, c.ends)
		}
	}
}

func TestChangesOf(t *testing.T) {
	for sql, want := range map[string]Changes{
		"SELECT @@sql_mode":                                        {},
		"SET autocommit = 0":                                       {},
		"SET sql_mode = ''":                                        {Reading: true},
		"SET @a = 1, NAMES gbk":                                    {Reading: true},
		"SET @@`SQL_mode` = ''":                                    {Reading: true},
		"SET session_track_schema = 0":                             {Reading: true, Tracking: true},
		"SET STATEMENT max_statement_time = 1 FOR SELECT 1":        {Reading: true, Tracking: true},
		"SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED":         {Level: true, Next: true, Dirty: true},
		"SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED": {Level: true, Dirty: true},
		"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE":             {Level: true, Next: true},
		"SET tx_isolation = 'READ-UNCOMMITTED'":                    {Level: true},
		"SET @@transaction_isolation = 'serializable'":             {},
		"SET @@transaction_isolation = @level":                     {Once: true},
	} {
		text, stmt := lex(t, sql)
		kind, _ := Classify(text, stmt)
		if got := ChangesOf(kind, text, stmt); got != want {
			t.Errorf("%s: %+v, want %+v", sql, got, want)
		}
	}
}

// What begins with a verb of rows is plain, whatever follows, and nothing else is
// taken for one.
func TestOfRows(t *testing.T) {
	for _, verb := range []string{"SELECT", "select", "Insert", "UPDATE", "DELETE", "REPLACE", "With"} {
		if !OfRows([]byte(verb)) {
			t.Errorf("%s is not known", verb)
		}
		for _, rest := range []string{"", " 1", ".a", " BEGIN", " ROLLBACK", "*", " PREPARE a", "@ifmatch = 1"} {
			text, stmt := lex(t, verb+rest)
			if kind, name := Classify(text, stmt); kind != Plain || name != "" || EndingOf(text, stmt, kind) != Committed {
				t.Errorf("%s%s is of kind %d %q", verb, rest, kind, name)
			}
		}
	}
	for _, word := range []string{"", "S", "SET", "SELEC", "SELECTS", "SELECU", "XELECT", "WHILE", "REPEAT", "RELEASE", "EXECUTE", "PREPARE", "COMMIT", "ROLLBACK", "BEGIN", "CALL", "LOOP", "_ELECT", "\x13ELECT"} {
		if OfRows([]byte(word)) {
			t.Errorf("%s is taken for a verb of rows", word)
		}
	}
}
