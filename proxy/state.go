package proxy

import "ifmatch/wire"

// note takes over what an OK packet says of the session.
func (s *session) note(ok *wire.OK) {
	s.noteStatus(ok.Status)
	if len(ok.State) == 0 {
		return
	}
	for change, err := range ok.StateChanges() {
		if err != nil {
			s.state.Stale = true
			return
		}
		s.state.Reported(change)
	}
}

// noteStatus takes over the status flags of an answer.
func (s *session) noteStatus(status wire.Status) {
	s.transactionOver(status)
	was, is := s.status.Has(wire.StatusInTrans), status.Has(wire.StatusInTrans)
	s.status = status
	switch {
	case was && !is:
		s.tx.ended()
		s.takingsEnded(s.reads.end(s.ends))
	case !was && is:
		s.recallBegun()
		s.reads.begin(s.tx.savepoints)
	case !is && status.Has(wire.StatusAutocommit):
		s.tx.ended() // savepoints that SET autocommit=1 has taken away
	}
	s.state.SetFlags(status)
}

// askState asks the backend for modes and character set. It changes nothing
// that the client can see but FOUND_ROWS(), and is done only where a statement
// depends on the answer.
func (s *session) askState() error {
	// SET TRANSACTION is for the client's next statement: this one does not end it.
	once := s.isolation.once
	rows, failed, err := s.ask(s.state.Question())
	s.isolation.once = s.isolation.once || once
	if err != nil {
		return err
	}
	if failed == nil && len(rows) == 1 {
		s.state.Answered(rows[0]) // else it is still stale: what depends on it is refused
	}
	return nil
}
