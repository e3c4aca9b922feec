package proxy

import (
	"strings"

	"ifmatch/control"
	"ifmatch/wire"
)

// isolation is what is known of the session's isolation level. What is read
// uncommitted is not remembered: the token may be one that never was.
type isolation struct {
	known bool
	dirty bool // READ UNCOMMITTED
	once  bool // SET TRANSACTION has made the next transaction dirty, or the one that is open
}

// beginIsolation is what is known of the isolation level of a new session.
func (s *session) beginIsolation() isolation {
	c := s.srv.rules.Load().Catalog
	return isolation{known: !c.Offline() && !c.ReadsUncommitted}
}

// settleChanges takes over what a SET has changed.
func (s *session) settleChanges(c control.Changes) {
	if c.Reading {
		s.state.Stale = true
	}
	if c.Tracking {
		s.state.Unseen()
	}
	if c.Once {
		s.isolation.once = true
	}
	switch {
	case !c.Level:
	case c.Next:
		s.isolation.once = c.Dirty
	default:
		s.isolation.known = false
	}
}

// readsUncommitted reports whether the session may read what is not committed,
// and asks the server where that is not known.
func (s *session) readsUncommitted() (bool, error) {
	if s.isolation.once {
		return true, nil
	}
	if !s.isolation.known {
		rows, failed, err := s.ask([]byte("SHOW SESSION VARIABLES WHERE Variable_name IN ('tx_isolation', 'transaction_isolation')"))
		if err != nil {
			return false, err
		}
		if failed != nil {
			return true, nil // it stays unknown
		}
		s.isolation.known, s.isolation.dirty = true, false
		for _, row := range rows {
			if len(row) == 2 && strings.EqualFold(string(row[1]), "READ-UNCOMMITTED") {
				s.isolation.dirty = true
			}
		}
	}
	return s.isolation.dirty, nil
}

// transactionOver ends what SET TRANSACTION was for.
func (s *session) transactionOver(status wire.Status) {
	if !status.Has(wire.StatusInTrans) {
		s.isolation.once = false
	}
}
