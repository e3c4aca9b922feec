package schema

import (
	"ifmatch/policy"
)

// checkPending asks that rows can be taken: that what they were, and which version
// each write gives them, can be written down before it is sent.
func (e *entry) checkPending() {
	pos := e.Pending.Pos
	var status, version *Column
	if e.Status != nil {
		status = e.in.Column(e.Status.Column)
	}
	if e.Version != nil {
		version = e.in.Column(e.Version.Column)
	}
	if status != nil {
		e.checkTargets(status, []policy.Value{e.Pending.Value}, pos)
		if !status.recorded() {
			e.fault(pos, "rows of %s cannot be taken by %q, which is of type %s; a status that is pending wants a string, an integer or an ENUM", e.in.Name, status.Name, status.describe())
		}
	}
	for _, k := range e.key {
		if !k.recorded() {
			e.fault(pos, "rows of %s cannot be taken: their key %q is of type %s, whose values are not written down; pending wants a key of strings, integers, decimals, dates or ENUMs",
				e.in.Name, k.Name, k.describe())
		}
	}
	switch v := e.Version; {
	case v == nil:
	case v.Digest.Given(), v.External != policy.ExternalNone, v.Bump != policy.BumpDefault && v.Bump != policy.BumpIncrement,
		version != nil && version.Class != Integer:
		e.fault(pos, "rows of %s cannot be taken: which version a write gives a row has to be known before it is sent; pending wants a version of whole numbers that is raised by one", e.in.Name)
	case version != nil && e.in.BeforeUpdateNames(version.Name):
		e.fault(pos, "rows of %s cannot be taken: a trigger may give %q another version than the statement does", e.in.Name, version.Name)
	}
	if status != nil && e.in.BeforeUpdateNames(status.Name) {
		e.fault(pos, "rows of %s cannot be taken: a trigger may give %q another value than the statement does", e.in.Name, status.Name)
	}
}

// recorded reports whether a value of the column can be written down as SQL that
// means the same in every session.
func (c *Column) recorded() bool {
	switch c.Class {
	case Integer, String, Binary, Enum, Date, Year, Decimal:
		return true
	case Temporal:
		return c.DataType == "datetime"
	}
	return false
}
