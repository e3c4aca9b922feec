package proxy

import "ifmatch/sqltext"

// isWrong reports whether the server cannot but refuse the statement as it came, a text that
// is not prepared: it has a parameter marker. So the error is about the client's own text.
func (s *session) isWrong(stmt sqltext.Span) bool {
	if s.state.Undecided(s.text.SQL) {
		return false
	}
	for _, tok := range s.text.Tokens[stmt.Start:stmt.End] {
		if tok.Kind == sqltext.Param && !tok.Exec {
			return true
		}
	}
	return false
}
