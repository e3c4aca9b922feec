package proxy

import (
	"slices"
	"strings"

	"ifmatch/control"
	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// transaction is what the session knows of the client's transaction beyond the
// status flags.
type transaction struct {
	savepoints []string
	doomed     *rewrite.Conflict // the conflict that doomed it; lifted by the client only
}

// ended forgets what ends with a transaction. The doom stays: the client has
// not heard yet that its transaction is over.
func (tx *transaction) ended() { tx.savepoints = tx.savepoints[:0] }

// save records a savepoint; one of the same name gives way.
func (tx *transaction) save(name string) {
	tx.savepoints = slices.DeleteFunc(tx.savepoints, func(s string) bool { return strings.EqualFold(s, name) })
	tx.savepoints = append(tx.savepoints, name)
}

// index gives the place of a savepoint, or -1.
func (tx *transaction) index(name string) int {
	return slices.IndexFunc(tx.savepoints, func(s string) bool { return strings.EqualFold(s, name) })
}

// backTo forgets the savepoints after name; released ones go with it.
func (tx *transaction) backTo(name string, released bool) {
	if i := tx.index(name); i >= 0 {
		if !released {
			i++
		}
		tx.savepoints = tx.savepoints[:i]
	}
}

// endingOf says what it means for an open transaction if a statement ends it.
func (s *session) endingOf(t *sqltext.Text, stmt sqltext.Span, kind control.Kind, name string) control.Ending {
	if kind == control.Execute {
		if d, ok := s.dynamics[strings.ToLower(name)]; ok {
			return d.ends
		}
	}
	return control.EndingOf(t, stmt, kind)
}

// inTransaction reports whether a transaction of the client's was open after the
// last answer.
func (s *session) inTransaction() bool { return s.status.Has(wire.StatusInTrans) && !s.own }

// transactional reports whether the statement at hand is part of a transaction of
// the client's: one that is open, or one that it opens, without autocommit.
func (s *session) transactional() bool {
	return s.inTransaction() || !s.own && !s.status.Has(wire.StatusAutocommit)
}

// doom does to the transaction what the policy wants after a conflict. Refusals
// leave it alone.
func (s *session) doom(c *rewrite.Conflict) error {
	if c.Kind == rewrite.Refused || c.Kind == rewrite.Doomed || !s.inTransaction() {
		return nil
	}
	switch c.Table.Settings.OnConflict {
	case policy.OnConflictStatement:
		return nil
	case policy.OnConflictDoom:
		s.tx.doomed = c
		if len(s.tx.savepoints) > 0 {
			return nil // the client may go back to one of them
		}
	}
	ended, err := s.rollbackAside()
	if !ended {
		s.tx.doomed = c // it goes on at the backend, and must not be committed
	}
	return err
}

// What ends a transaction and does nothing else, whatever the session's
// completion_type.
const (
	rollbackOnly = "ROLLBACK AND NO CHAIN NO RELEASE"
	commitOnly   = "COMMIT AND NO CHAIN NO RELEASE"
)

// rollbackAside rolls back at the backend, so that locks go. ok is false where
// the server does not: an XA transaction ends by XA ROLLBACK only.
func (s *session) rollbackAside() (ok bool, err error) {
	s.ends = control.RolledBack
	_, failed, err := s.ask([]byte(rollbackOnly))
	if err == nil && failed != nil {
		s.log.Warn("rollback after a conflict failed", "code", failed.Code)
	}
	return failed == nil, err
}

// doomedError is the error of whatever a doomed transaction does not take.
func (s *session) doomedError() *rewrite.Conflict {
	by := s.tx.doomed
	return &rewrite.Conflict{
		Kind: rewrite.Doomed, Table: by.Table, Key: by.Key,
		Message: "ifmatch: transaction doomed by: " + strings.TrimPrefix(by.Message, "ifmatch: "),
	}
}

// inDoom answers a statement in a doomed transaction. done is false where the
// statement may be carried out as in any other; where that ends the transaction,
// or goes back in it, settle lifts the doom once the server has done so.
func (s *session) inDoom(kind control.Kind, name string) (done bool, err error) {
	if kind == control.Execute {
		switch inner := s.dynamics[strings.ToLower(name)].kind; inner {
		case control.Commit, control.Rollback, control.XAEnd, control.XARollback:
			kind = inner
		}
	}
	switch kind {
	case control.ShowDiagnosis, control.ShowIfmatch, control.XAEnd, control.XARollback, control.Rollback:
		return false, nil
	case control.RollbackTo:
		if s.tx.index(name) >= 0 {
			return false, nil
		}
	case control.Begin:
		_, err := s.rollbackAside()
		return err != nil, err
	case control.Commit:
		ended, err := s.rollbackAside()
		if err != nil {
			return true, err
		}
		c := s.doomedError()
		if ended {
			s.tx.doomed = nil
		}
		return true, s.answerConflict(c)
	}
	return true, s.answerConflict(s.doomedError())
}

// settleShaken finds out whether an error has rolled back the transaction, before
// a statement that is not about the error: what the server says of DO 0 tells.
func (s *session) settleShaken() error {
	failed := s.reads.shaken
	if failed == nil {
		return nil
	}
	s.reads.shaken, s.ends = nil, control.RolledBack
	_, refused, err := s.ask([]byte("DO 0"))
	if refused != nil {
		s.reads.doubt = s.reads.open
	}
	if s.diag == nil {
		s.diag = diagnoseError(failed.Code, failed.Message)
	}
	return err
}
