package proxy

import (
	"ifmatch/control"
	"ifmatch/sqltext"
)

// Nearly all statements of nearly all apps touch nothing that is guarded and change
// nothing that the session has to know of. They are told from the others by a scan
// of their words, and go on without being lexed.

// overlooks reports whether sql is surely one statement of a kind that the session
// need not know of, and names nothing that the policy guards: session.statement
// would do no more than pass it.
func (s *session) overlooks(sql []byte) bool {
	if s.tx.doomed != nil || s.reads.shaken != nil || s.diag != nil || s.blind() {
		return false
	}
	var scan sqltext.Scan
	scan.Start(sql, &s.state.Lex, s.state.Doubt())
	return control.OfRows(scan.First()) && s.rules.Overlooks(&scan)
}

// passOverlooked passes a statement that is overlooked.
func (s *session) passOverlooked(sql []byte) error {
	s.text.Hold(sql, &s.state.Lex)
	s.recall(&s.text, control.Plain)
	return s.passQueryOf(control.Plain, "", sqltext.Span{}, nil)
}
