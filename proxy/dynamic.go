package proxy

import (
	"strings"

	"ifmatch/rewrite"
	"ifmatch/sqltext"
)

// dynamic is an SQL-level prepared statement.
type dynamic struct {
	sql        string
	db         string // database in which it was prepared, which its names belong to
	generation uint64 // of the rules that judged it
	verdict
}

// verdict is what the rules say of a text that is prepared at SQL level.
type verdict struct {
	refused string // why it must not be executed, or ""
	ddl     bool   // it may change what the rules rest on
}

// dynamic judges the text of PREPARE and EXECUTE IMMEDIATE before the server
// sees it. done is true where the client has its answer.
func (s *session) dynamic(kind control, name string, stmt sqltext.Span) (done bool, err error) {
	s.running = dynamic{}
	t := &s.text
	at := int(stmt.Start) + 2 // EXECUTE IMMEDIATE text
	if kind == prepareSQL {
		at = int(stmt.Start) + 3 // PREPARE name FROM text
	}
	if at >= int(stmt.End) {
		return false, nil // the server will say that this is no statement
	}
	single := at+1 == int(stmt.End) || t.Is(at+1, "USING")
	var sql []byte
	switch {
	case single && t.Tokens[at].Kind == sqltext.String:
		sql, _ = t.StringValue(nil, at)
	case single && t.Tokens[at].Kind == sqltext.UserVar:
		var readable bool
		if sql, readable, err = s.variable(string(t.Bytes(at))); err != nil {
			return true, err
		}
		if !readable {
			return true, s.refuse(nil, "dynamic", "the text of the prepared statement is in a character set that cannot be judged")
		}
	default:
		return true, s.refuse(nil, "dynamic", "the text of a prepared statement must be a string or a user variable, so that it can be judged")
	}
	if err := s.decide(sql); err != nil {
		return true, err
	}
	d := dynamic{string(sql), s.state.db, s.rules.Generation, s.judge(sql, s.state.db)}
	if kind == prepareSQL {
		// Preparing writes nothing: it is EXECUTE that is refused. Until the server
		// has prepared it the name may stand for what it stood for before.
		s.running = d
		return false, nil
	}
	if d.refused != "" {
		return true, s.refuse(nil, "dynamic", d.refused)
	}
	s.running = d
	return false, nil
}

// variable gives the text in a user variable as the session's character set has
// it, which is how the server will read it. readable is false where that cannot
// be told: then the text is not to be prepared.
func (s *session) variable(name string) (sql []byte, readable bool, err error) {
	rows, failed, err := s.ask([]byte("SELECT CAST(" + name + " AS BINARY), CHARSET(" + name + "), @@session.character_set_client"))
	if err != nil {
		return nil, false, err
	}
	if failed != nil || len(rows) != 1 || len(rows[0]) != 3 {
		return nil, false, nil
	}
	sql = rows[0][0]
	if string(rows[0][1]) == string(rows[0][2]) {
		return sql, true, nil
	}
	for _, c := range sql {
		if c >= 0x80 || c == 0 { // a NUL: two or four bytes for each character
			return nil, false, nil
		}
	}
	return sql, true, nil
}

// judge says whether a text that is prepared at SQL level may be executed.
func (s *session) judge(sql []byte, db string) verdict {
	var v verdict
	var t sqltext.Text
	if err := t.Lex(sql, &s.state.lex); err != nil {
		if s.rules.MentionsRaw(sql) {
			v.refused = "the prepared text cannot be read, and the name of a guarded table is in it"
		}
		return v
	}
	for _, stmt := range t.Statements(nil) {
		switch kind, _ := classify(&t, stmt); kind {
		case setHint:
			return verdict{refused: "SET @ifmatch cannot be prepared at SQL level"}
		case prepareSQL, immediate:
			return verdict{refused: "PREPARE within a prepared text cannot be judged"}
		}
		plan := s.rules.Plan(&t, stmt, s.env(db))
		switch plan.Verdict {
		case rewrite.Refuse:
			return verdict{refused: plan.Reason}
		case rewrite.Guard:
			return verdict{refused: "a write on " + plan.Table.Label + " cannot be guarded yet when it is prepared at SQL level; send it as text or by the binary protocol"}
		}
		v.ddl = v.ddl || plan.DDL
	}
	return v
}

// executeDynamic judges EXECUTE name before the server sees it. A statement is judged
// anew where the rules have changed since it was prepared, and one that was not
// seen when it was prepared is not executed. done is true where the client has
// its answer.
func (s *session) executeDynamic(name string) (done bool, err error) {
	d, ok := s.dynamics[strings.ToLower(name)]
	if !ok {
		return true, s.answerError(1243, "HY000", "Unknown prepared statement handler ("+name+") given to EXECUTE")
	}
	if d.generation != s.rules.Generation {
		d.generation, d.verdict = s.rules.Generation, s.judge([]byte(d.sql), d.db)
		s.dynamics[strings.ToLower(name)] = d
	}
	if d.refused != "" {
		return true, s.refuse(nil, "dynamic", d.refused)
	}
	s.running = d
	return false, nil
}
