package proxy

import (
	"bytes"

	"ifmatch/sqltext"
)

// This file is about statements that are prepared under one sql_mode and character
// set and executed under others. A server that prepares them anew, because a
// table has changed, reads their text as it reads any other at that time.

// fickle reports whether how sql is read depends on modes or character set.
func fickle(sql []byte) bool {
	for _, c := range sql {
		if c == '\\' || c == '"' || c >= 0x80 {
			return true
		}
	}
	return bytes.Contains(sql, []byte("||"))
}

// readsOtherwise reports whether a prepared text, of which t is the reading, would
// be read otherwise now, where a guarded table may be named in it.
func (s *session) readsOtherwise(t *sqltext.Text) (bool, error) {
	if !s.enforces() || !s.rules.MentionsRaw(t.SQL) {
		return false, nil
	}
	if err := s.decide(t.SQL); err != nil {
		return false, err
	}
	return !t.ReadsSame(&s.state.Lex), nil
}

// otherwiseRead says why such a statement is not executed.
const otherwiseRead = "it was prepared under another sql_mode or character set, and names a guarded table; prepare it again"
