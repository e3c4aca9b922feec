package proxy

import (
	"ifmatch/control"
	"ifmatch/sqltext"
)

// blind reports whether the names in a statement cannot be told: the policy has some
// beyond ASCII, and the session is, or may be, in a character set that no lexer here
// knows. There is one for clients, swe7, in which { and other marks are letters.
func (s *session) blind() bool {
	return s.rules.Wide() && s.state.Doubt().Charset && s.enforces()
}

// unnameable is why a blind session's statements are refused.
const unnameable = "names beyond ASCII cannot be told in the session's character set, and the policy has some; SET NAMES utf8mb4"

// mayName reports whether a statement of a kind may name a table that it writes.
// What was prepared before was judged then.
func (s *session) mayName(kind control.Kind, stmt sqltext.Span) bool {
	switch kind {
	case control.Plain:
		return !s.text.Is(int(stmt.Start), "SHOW")
	case control.Block, control.DDL, control.Call, control.Prepare, control.Immediate:
		return true
	}
	return false
}
