package proxy

import (
	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// This file is about MariaDB's innodb_snapshot_isolation, which is on from 11.6.2 on:
// a transaction that writes a row which has changed since its snapshot gets an error,
// and is rolled back whole. What the application does next would be a transaction
// of its own.

// errCheckRead is ER_CHECKREAD, the error that it gets.
const errCheckRead = 1020

// outrun answers a guarded write in the client's transaction whose answer is that
// error: with the conflict, where the row is not what is expected, and with a doom
// that keeps what follows from being committed. done is false where the answer is
// another, and still to be read.
func (s *session) outrun(g *guarded) (done bool, err error) {
	if s.state.Lex.Flavor != sqltext.MariaDB || !s.inTransaction() {
		return false, nil
	}
	p, err := s.payload()
	if err != nil {
		return false, err
	}
	failed, err := wire.ParseERR(p, s.caps)
	if err != nil || failed.Code != errCheckRead {
		return false, nil // which passes it on
	}
	s.noteERR(&failed)
	if err := s.settleShaken(); err != nil {
		return true, err
	}
	if s.inTransaction() || g.once() || s.binding.Source == rewrite.NoExpectation || s.binding.Soft {
		s.takingEnded(nil)
		return true, s.orError(&failed, nil) // an engine that undoes the statement only; or nothing was expected
	}
	rows, refused, err := s.current(g)
	if err != nil {
		return true, err
	}
	if refused == nil {
		outcome, c := g.plan.Judge(&s.binding, rows)
		if outcome == rewrite.InConflict || outcome == rewrite.Full {
			if !s.inTransaction() && c.Table.Settings.OnConflict != policy.OnConflictRollback {
				s.tx.doomed = c // what was to stand with this write is gone
			}
			return true, s.conflict(c)
		}
	}
	s.takingEnded(nil)
	if s.inTransaction() { // without autocommit the look has begun another one
		if _, err := s.rollbackAside(); err != nil {
			return true, err
		}
	}
	return true, s.orError(&failed, nil)
}
