package control

import "ifmatch/sqltext"

// Ending is what the end of a transaction means for what it wrote.
type Ending uint8

// The endings of a transaction.
const (
	Committed  Ending = iota // what it wrote stands
	RolledBack               // what it wrote is gone
	Uncertain                // it cannot be proved which of the two
)

// EndingOf says what it means for an open transaction if a statement of a kind ends it.
// It may, whatever its kind: by an implicit commit, for one. What an EXECUTE means is for
// the caller to know, who has seen the text; here it may mean anything.
func EndingOf(t *sqltext.Text, stmt sqltext.Span, kind Kind) Ending {
	switch kind {
	case Rollback, XARollback:
		return RolledBack
	case Call, Block, Execute, Immediate, XAPrepare:
		// MySQL's XA PREPARE takes the transaction away from the session, and
		// anybody may commit it or roll it back.
		return Uncertain
	case Set:
		if t.Is(int(stmt.Start)+1, "STATEMENT") {
			return Uncertain
		}
	}
	return Committed
}
