package rewrite

import (
	"bytes"
	"fmt"
	"strings"

	"ifmatch/policy"
)

// Kind is the kind of a conflict, by the names of the policy's `errors`.
type Kind uint8

const (
	// VersionConflict is a row that is not at the version expected.
	VersionConflict Kind = iota
	// StatusConflict is a row in a state that the policy does not allow.
	StatusConflict
	// UnreadConflict is a write to a row with no expectation.
	UnreadConflict
	// Refused is a statement that cannot be proved safe.
	Refused
	// Doomed is a statement in a transaction in which a conflict happened.
	Doomed
)

// String gives the kind as SHOW IFMATCH CONFLICT and the metrics name it.
func (k Kind) String() string {
	return [...]string{"version", "status", "unread", "refused", "doomed"}[k]
}

// Code gives the error code and SQLSTATE of the kind.
func (k Kind) Code(e policy.Errors) policy.Code {
	return [...]policy.Code{e.Version, e.Status, e.Unread, e.Refused, e.Doomed}[k]
}

// Conflict is an error that a client gets from the guard.
type Conflict struct {
	Kind     Kind
	Table    *Table
	Key      string // id=100
	Expected string // version=9
	Found    string // version=11, or "no row"; empty where it is not known or not disclosed
	Reason   string // for people
	Message  string // what the client sees
}

// Error gives the message.
func (c *Conflict) Error() string { return c.Message }

// Row is what a probe found: its columns in order, nil for NULL.
type Row [][]byte

// Outcome is what a probe proves.
type Outcome uint8

const (
	// OwnCondition is that the client's own condition explains zero rows.
	OwnCondition Outcome = iota
	// InConflict is that the guard alone does.
	InConflict
	// HoldsNow is that the row changed meanwhile and the write would find it.
	HoldsNow
	// Full is that the version cannot grow in its column.
	Full
)

// Judge says why a write met no row, by what its probe found now.
func (p *Plan) Judge(b *Binding, rows []Row) (Outcome, *Conflict) {
	tab := p.Table
	if len(rows) == 0 {
		if !p.expects(b) && tab.Settings.Missing != policy.MissingConflict {
			return OwnCondition, nil
		}
		return InConflict, p.gone(b)
	}
	row := rows[0]
	asked := p.reasonColumns(b)
	if p.columns()+asked != len(row) {
		return InConflict, p.Unknown(b)
	}
	if !holds(row[len(row)-2]) {
		return OwnCondition, nil
	}
	if tab.pending != nil && asked > 0 {
		// It comes first: that it is taken has changed the version as well.
		if columns := row[len(row)-2-asked : len(row)-2]; isTakenCode(columns[asked-1]) {
			return InConflict, p.statusConflict(b, p.rowKey(row), columns)
		}
	}
	if holds(row[len(row)-1]) {
		if asked > 0 {
			if c := p.statusConflict(b, p.rowKey(row), row[len(row)-2-asked:len(row)-2]); c != nil {
				return InConflict, c
			}
		}
		if v := tab.Version; v != nil && p.Verb == Update && v.Max > 0 && v.Bump == policy.BumpIncrement && v.External == policy.ExternalNone {
			if whole, ok := p.foundToken(row).Version.integer(); ok && whole.Abs >= v.Max && !whole.Neg {
				return Full, &Conflict{Kind: Refused, Table: tab, Key: p.rowKey(row), Reason: "full", Message: fmt.Sprintf(
					"ifmatch: refused: %s of %s %s is %s, the greatest that its column holds; it cannot be raised",
					v.Column.Name, tab.Name, p.rowKey(row), whole)}
			}
		}
		return HoldsNow, nil
	}
	return InConflict, p.versionConflict(b, row)
}

// versionConflict is the conflict of a row that a probe has found at another
// version than the one expected.
func (p *Plan) versionConflict(b *Binding, row Row) *Conflict {
	tab := p.Table
	c := &Conflict{Kind: VersionConflict, Table: tab, Key: p.rowKey(row), Expected: p.expected(b), Found: tab.Version.text(p.foundToken(row))}
	c.Reason = "the row was written since"
	shown := c.Found
	if !tab.Settings.Disclose {
		c.Found, shown = "", "another"
	}
	c.Message = fmt.Sprintf("ifmatch: version conflict on %s %s: expected %s, found %s", tab.Name, c.Key, c.Expected, shown)
	return c
}

// foundToken reads the token of a row that a probe has found.
func (p *Plan) foundToken(row Row) (found Token) {
	if v := p.Table.Version; v != nil {
		n := len(p.Table.Key)
		found.Version = shownValue(row[n])
		if v.Term != nil {
			found.Term = shownValue(row[n+1])
		}
	}
	return found
}

// holds reads a truth of a probe. A session whose connection speaks UTF-16 or
// UTF-32 gives zeros beside the digit.
func holds(truth []byte) bool { return string(bytes.Trim(truth, "\x00")) == "1" }

// Unknown is the conflict of a write whose reason could not be proved.
func (p *Plan) Unknown(b *Binding) *Conflict {
	if !p.expects(b) && p.asks(b) {
		c := &Conflict{Kind: StatusConflict, Table: p.Table, Key: p.Table.keyText(b.Key), Reason: "unknown"}
		c.Message = fmt.Sprintf("ifmatch: status conflict on %s %s: the reason is unknown", p.Table.Name, c.Key)
		return c
	}
	c := &Conflict{Kind: VersionConflict, Table: p.Table, Key: p.Table.keyText(b.Key), Expected: p.expected(b), Reason: "unknown"}
	c.Message = fmt.Sprintf("ifmatch: version conflict on %s %s: expected %s, found unknown", p.Table.Name, c.Key, c.Expected)
	return c
}

// gone is the conflict of a row that is not there.
func (p *Plan) gone(b *Binding) *Conflict {
	c := &Conflict{Kind: VersionConflict, Table: p.Table, Key: p.Table.keyText(b.Key), Expected: p.expected(b), Found: "no row", Reason: "the row is gone"}
	c.Message = fmt.Sprintf("ifmatch: version conflict on %s %s: expected %s, found no row", p.Table.Name, c.Key, c.Expected)
	return c
}

// KeyText shows the key that an execution names.
func (p *Plan) KeyText(b *Binding) string { return p.Table.keyText(b.Key) }

// columns gives the number of columns of the plan's probe.
func (p *Plan) columns() int {
	n := len(p.Table.Key) + 2
	if v := p.Table.Version; v != nil {
		n++
		if v.Term != nil {
			n++
		}
	}
	return n
}

// rowKey shows the key of a row that was found.
func (p *Plan) rowKey(row Row) string {
	key := make([]Value, len(p.Table.Key))
	for i := range key {
		key[i] = shownValue(row[i])
	}
	return p.Table.keyText(key)
}

// expected shows what the write required.
func (p *Plan) expected(b *Binding) string {
	v := p.Table.Version
	if v == nil || b.Source == NoExpectation && v.External == policy.ExternalNone {
		return "a row"
	}
	var all []string
	if b.Source != NoExpectation {
		all = append(all, v.text(b.Expected))
	}
	if p.Verb == Update && v.External != policy.ExternalNone {
		op := "<"
		if v.External == policy.ExternalGE {
			op = "<="
		}
		all = append(all, v.Column.Name+op+b.External.String())
	}
	if len(all) == 0 {
		return "a row"
	}
	return strings.Join(all, ", ")
}

// shownValue reads a column of a probe.
func shownValue(b []byte) Value {
	if b == nil {
		return Value{Kind: Null}
	}
	return TextValue(string(b))
}
