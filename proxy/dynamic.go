package proxy

import (
	"strings"

	"ifmatch/rewrite"
	"ifmatch/sqltext"
)

// dynamic is an SQL-level prepared statement.
type dynamic struct {
	sql        string
	generation uint64 // of the rules that judged it
	refused    string // why it must not be executed, or ""
}

// dynamic judges the text of PREPARE and EXECUTE IMMEDIATE before the server
// sees it. done is true where the client has its answer.
func (s *session) dynamic(kind control, name string, stmt sqltext.Span) (done bool, err error) {
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
	reason := s.judge(sql)
	if kind == prepareSQL {
		// Preparing writes nothing: it is EXECUTE that is refused.
		s.dynamics[strings.ToLower(name)] = dynamic{string(sql), s.rules.Generation, reason}
		return false, nil
	}
	if reason != "" {
		return true, s.refuse(nil, "dynamic", reason)
	}
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

// judge gives the reason for which a text must not be prepared at SQL level.
func (s *session) judge(sql []byte) string {
	var t sqltext.Text
	if err := t.Lex(sql, &s.state.lex); err != nil {
		if s.rules.MentionsRaw(sql) {
			return "the prepared text cannot be read, and the name of a guarded table is in it"
		}
		return ""
	}
	for _, stmt := range t.Statements(nil) {
		switch kind, _ := classify(&t, stmt); kind {
		case setHint:
			return "SET @ifmatch cannot be prepared at SQL level"
		case prepareSQL, immediate:
			return "PREPARE within a prepared text cannot be judged"
		}
		switch plan := s.rules.Plan(&t, stmt, s.env(s.state.db)); plan.Verdict {
		case rewrite.Refuse:
			return plan.Reason
		case rewrite.Guard:
			return "a write on " + plan.Table.Label + " cannot be guarded yet when it is prepared at SQL level; send it as text or by the binary protocol"
		}
	}
	return ""
}

// executable gives the reason for which EXECUTE name must not be run. A statement
// is judged anew where the rules have changed since it was prepared.
func (s *session) executable(name string) string {
	name = strings.ToLower(name)
	d, ok := s.dynamics[name]
	if !ok {
		return "" // the server knows it no more than the proxy does
	}
	if d.generation != s.rules.Generation {
		d = dynamic{d.sql, s.rules.Generation, s.judge([]byte(d.sql))}
		s.dynamics[name] = d
	}
	return d.refused
}
