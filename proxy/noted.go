package proxy

import (
	"encoding/binary"

	"ifmatch/wire"
)

// executeNoted carries out the execution of a statement of which something is
// remembered. p is what is sent.
func (s *session) executeNoted(st *statement, p []byte, typed bool) (done bool, err error) {
	if st.noted.HoldsInitial() {
		if done, err := s.holdInitial(st, typed); done || err != nil {
			return true, err
		}
		if !st.noted.Inserts() && st.noted.Capture() == nil {
			return false, nil
		}
	}
	if st.noted.Inserts() {
		if typed {
			s.bindValues(st)
		}
		s.inserting = inserting{plan: st.noted, text: st.text, params: s.values[:boundParams(st, typed)], packet: p}
		err := s.insert(&s.inserting)
		s.inserting = inserting{}
		return true, err
	}
	capture := st.noted.Capture()
	dirty, err := s.dirty(capture)
	if err != nil || dirty && capture.Hidden == 0 {
		return false, err
	}
	sh := s.answerShown(dirty)
	if typed || st.params == 0 {
		s.nameExecuted(sh, st)
	}
	if err := s.send(p); err != nil {
		return true, err
	}
	again, err := s.relayShown(sh, capture, true)
	if err != nil {
		return true, err
	}
	if again {
		return true, s.executeAsIs(st, p, typed)
	}
	if sh.cursor {
		st.shown, s.shown = sh, nil
	}
	return true, s.answered()
}

// holdInitial answers the execution of an INSERT that gives a state which the
// policy does not allow at first.
func (s *session) holdInitial(st *statement, typed bool) (done bool, err error) {
	if !typed && st.params > 0 {
		s.executed = false
		return true, s.refuse(st.noted.Table, "parameters", "the parameters of this INSERT cannot be read, and the state that it gives may be one of them")
	}
	if typed {
		s.bindValues(st)
	}
	done, err = s.holdInsert(st.noted, st.text, s.values[:boundParams(st, typed)])
	s.executed = s.executed && !done
	return done, err
}

// executeAsIs prepares a SELECT anew without the columns that were added to it, of
// which the server says that they must not be read, and executes that. p is what
// was sent.
func (s *session) executeAsIs(st *statement, p []byte, typed bool) error {
	s.srv.counters.uncaptured.Add(1)
	prepared, failed, err := s.prepareAside(st.text.SQL)
	if err != nil {
		return err
	}
	if failed != nil {
		return s.orError(failed, nil)
	}
	old := st.backend
	st.backend, st.noted, st.rewritten = prepared.ID, nil, false
	if len(st.long) > 0 {
		st.unbound = true
		if err := s.closeAside(old); err != nil {
			return err
		}
		return s.answerError(1210, "HY000", "ifmatch: the long parameters went to a statement that the server refused; send them again")
	}
	binary.LittleEndian.PutUint32(p[1:], st.backend)
	if typed { // the new one has not had the types
		e := s.exec
		e.ID = st.backend
		s.out = e.Append(append(s.out[:0], byte(wire.ComStmtExecute)), s.caps)
		p = s.out
	}
	if err := s.send(p); err != nil {
		return err
	}
	if _, err := s.relay(); err != nil {
		return err
	}
	if err := s.closeAside(old); err != nil {
		return err
	}
	return s.answered()
}

// boundParams gives the number of parameters whose values are known.
func boundParams(st *statement, typed bool) int {
	if !typed {
		return 0
	}
	return st.params
}
