package proxy

import (
	"strings"

	"ifmatch/sqltext"
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

// changes is what a SET changes of what the session knows of the server's, once
// it has succeeded.
type changes struct {
	reading  bool // how statements are read
	tracking bool // what the server reports of that
	level    bool // the isolation level
	next     bool // that of one transaction only
	once     bool // so it is too, and the value can be any
	dirty    bool // to READ UNCOMMITTED
}

// changesOf gives what a statement of a kind may change.
func changesOf(kind control, t *sqltext.Text, stmt sqltext.Span) (c changes) {
	if kind != set && kind != setOwn {
		return c
	}
	c.reading, c.tracking = changesReading(t, stmt)
	for i := int(stmt.Start); i < int(stmt.End); i++ {
		if k := t.Tokens[i].Kind; k != sqltext.Word && k != sqltext.Quoted {
			continue
		}
		switch {
		case namesIsolation(t.Bytes(i)) && t.Tokens[i-1].Kind == sqltext.SysVar:
			// Without SESSION it is that of the next transaction.
			c.once = c.once || !clean(t, i+1)
		case t.Is(i, "ISOLATION"), namesIsolation(t.Bytes(i)):
			c.level = true
		case t.Is(i, "UNCOMMITTED"):
			c.dirty = true
		}
	}
	c.next = t.Is(int(stmt.Start)+1, "TRANSACTION")
	return c
}

// clean reports whether what is assigned at token i is a level that reads nothing
// uncommitted.
func clean(t *sqltext.Text, i int) bool {
	if i+1 >= len(t.Tokens) || t.Tokens[i+1].Kind != sqltext.String {
		return false
	}
	level, ok := t.StringValue(nil, i+1)
	if !ok {
		return false
	}
	switch strings.ToUpper(string(level)) {
	case "READ-COMMITTED", "REPEATABLE-READ", "SERIALIZABLE":
		return true
	}
	return false
}

// settleChanges takes over what a SET has changed.
func (s *session) settleChanges(c changes) {
	if c.reading {
		s.state.stale = true
	}
	if c.tracking {
		s.state.unseen()
	}
	if c.once {
		s.isolation.once = true
	}
	switch {
	case !c.level:
	case c.next:
		s.isolation.once = c.dirty
	default:
		s.isolation.known = false
	}
}

// namesIsolation reports whether a name is that of the variable, with or without
// its prefixes.
func namesIsolation(b []byte) bool {
	name := strings.ToLower(strings.Trim(string(b), "`"))
	return strings.HasSuffix(name, "tx_isolation") || strings.HasSuffix(name, "transaction_isolation")
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
