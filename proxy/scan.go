package proxy

import (
	"ifmatch/control"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
)

// Nearly all statements of nearly all apps touch nothing that is guarded and change
// nothing that the session has to know of. They are told from the others by a scan
// of their words, and go on without being lexed.

// scan tells whether sql names anything that the policy guards, as far as a scan of
// its words does. Nothing is only said of what is surely one statement of a kind that the
// session need not know of: session.statement would do no more than pass it.
func (s *session) scan(sql []byte) rewrite.Mention {
	if s.tx.doomed != nil || s.reads.shaken != nil || s.diag != nil || s.blind() {
		return rewrite.Unsure
	}
	var scan sqltext.Scan
	scan.Start(sql, &s.state.Lex, s.state.Doubt())
	if !control.OfRows(scan.First()) {
		return rewrite.Unsure
	}
	return s.rules.Scanned(&scan)
}

// passScanned passes a statement that surely touches nothing guarded.
func (s *session) passScanned(sql []byte) error {
	s.text.Hold(sql, &s.state.Lex)
	s.recall(&s.text, control.Plain)
	return s.passQueryOf(control.Plain, "", sqltext.Span{}, nil)
}
