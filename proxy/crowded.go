package proxy

import (
	"errors"

	"ifmatch/wire"
)

// This file executes prepared statements that are guarded and have so many parameters of
// the client's, close to 65,535, that the guard's own have no room. By the client's id the
// backend has the client's own text. Each execution prepares a variant of it, with what the
// guard expects in its text.

// notPreparedError is that a variant was not executed. It had no effect.
type notPreparedError struct {
	failed *wire.ERR // the server's error; nil where the variant has no room either
}

func (e *notPreparedError) Error() string { return "a variant of a statement cannot be prepared" }

// executeCrowded carries out an execution whose parameters are bound.
func (s *session) executeCrowded(st *statement) error {
	if st.cutShort() {
		return s.refuse(st.plan.Table, "parameters", "a parameter of a statement with so many came as long data of more than 4096 bytes, which can be sent once only")
	}
	err := s.bindWrite(&guarded{plan: st.plan, st: st})
	var not *notPreparedError
	if !errors.As(err, &not) {
		return err
	}
	if _, err := s.leaveOwn(false); err != nil {
		return err
	}
	if not.failed != nil {
		return s.orError(not.failed, nil)
	}
	return s.refuse(st.plan.Table, "parameters", "the guard would need more than 65,535 parameters")
}

// sendCrowded prepares the variant for a write that is bound, and sends its execution.
func (s *session) sendCrowded(g *guarded) error {
	sql, args := g.plan.Bound(s.out[:0], g.st.text, &s.binding)
	if s.out = sql; len(args) > maxParams {
		return &notPreparedError{}
	}
	if err := s.closeVariant(g.st); err != nil {
		return err
	}
	prepared, failed, err := s.prepareAside(sql)
	if err != nil {
		return err
	}
	if failed != nil {
		return &notPreparedError{failed}
	}
	g.st.variant = prepared.ID
	e := s.exec
	e.ID, e.Params = prepared.ID, s.valueParams(g.st, args)
	return s.send(comStmtExecute, e.Append(nil, s.caps))
}

// closeVariant closes the variant that was executed last. It has no answer.
func (s *session) closeVariant(st *statement) error {
	if st.variant == 0 {
		return nil
	}
	id := st.variant
	st.variant = 0
	return s.closeAside(id)
}
