package schema

import (
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"ifmatch/fault"
	"ifmatch/policy"
)

// checkConditions asks that the columns exist that conditions, the status and
// numbering name, and that they can hold the values that these give.
func (e *entry) checkConditions() {
	require := func(conditions []policy.Condition) {
		for _, c := range conditions {
			e.checkValues(e.column(c.Column, c.Pos), c.Values, c.Pos)
		}
	}
	require(e.Require)
	if e.Number != nil {
		e.checkNumber(e.column(e.Number.Column, e.PosOf("number.column")))
	}
	if e.Status == nil {
		return
	}
	status := e.column(e.Status.Column, e.PosOf("status.column"))
	if status != nil && status.Generated {
		e.fault(e.PosOf("status.column"), "status column %q of %s is generated, so no write can set it", status.Name, e.in.Name)
	}
	e.checkTargets(status, e.Status.Initial, e.PosOf("status.initial"))
	transitions := e.Status.Transitions
	if e.Status.Delete != nil {
		transitions = append(slices.Clone(transitions), *e.Status.Delete)
	}
	for _, t := range transitions {
		e.checkTargets(status, t.To, t.Pos)
		if t.From != nil {
			e.checkValues(status, t.From.Values, t.From.Pos)
		}
		require(t.Require)
		for _, set := range t.Set {
			switch col := e.column(set.Column, set.Pos); {
			case col == nil:
			case col.Generated:
				e.fault(set.Pos, "column %q of %s is generated, so \"set\" cannot set it", col.Name, e.in.Name)
			case e.inKey(col):
				e.fault(set.Pos, "column %q of %s is part of the key, which \"set\" cannot change", col.Name, e.in.Name)
			}
		}
	}
}

// checkTargets asks that a column can be set to each of the values. One that is
// missing has its fault already.
func (e *entry) checkTargets(col *Column, values []policy.Value, pos policy.Position) {
	e.checkValues(col, values, pos)
	if col != nil && !col.Nullable && slices.ContainsFunc(values, func(v policy.Value) bool { return v.Kind == policy.Null }) {
		e.fault(pos, "column %q of %s cannot be NULL", col.Name, e.in.Name)
	}
}

// checkValues asks that each of the values is one that the column can hold: a
// misspelt state would be one that no row ever has.
func (e *entry) checkValues(col *Column, values []policy.Value, pos policy.Position) {
	if col == nil {
		return
	}
	for _, v := range values {
		if why := col.lacks(v); why != "" {
			e.fault(pos, "column %q of %s cannot hold %s: %s", col.Name, e.in.Name, describeValue(v), why)
		}
	}
}

func describeValue(v policy.Value) string {
	if v.Kind == policy.String {
		return "'" + v.Text + "'"
	}
	return v.Text
}

// lacks says why no value of the column is equal to v, "" where one may be.
func (c *Column) lacks(v policy.Value) string {
	if v.Kind == policy.Null {
		return ""
	}
	switch c.Class {
	case Integer, Decimal, Float, Year, Bit:
		return c.lacksNumber(v)
	case String:
		if n := utf8.RuneCountInString(v.Text); !c.long() && n > c.Length {
			return "it is of type " + c.describe()
		}
		if c.DataType == "char" && strings.HasSuffix(v.Text, " ") {
			return "it is of type " + c.describe() + ", which drops spaces at the end"
		}
	case Enum:
		return c.lacksMember(v.Text)
	case Set:
		for _, member := range strings.Split(v.Text, ",") {
			if why := c.lacksMember(member); why != "" && v.Text != "" {
				return why
			}
		}
	}
	return ""
}

func (c *Column) lacksNumber(v policy.Value) string {
	text := v.Text
	if v.Kind == policy.Bool {
		text = map[string]string{"true": "1", "false": "0"}[text]
	}
	n, ok := new(big.Rat).SetString(text)
	if !ok || strings.Trim(text, "-.0123456789") != "" {
		return "it is of type " + c.describe() + ", which wants a number"
	}
	if c.Class != Integer {
		return ""
	}
	low := new(big.Int)
	if !c.Unsigned {
		low.SetUint64(c.Max() + 1)
		low.Neg(low)
	}
	if !n.IsInt() || n.Num().Cmp(low) < 0 || n.Num().Cmp(new(big.Int).SetUint64(c.Max())) > 0 {
		return "it is of type " + c.describe()
	}
	return ""
}

func (c *Column) lacksMember(text string) string {
	if len(c.Members) == 0 || slices.Contains(c.Members, text) {
		return ""
	}
	why := "it is no member of the " + c.DataType
	if len(text) > 1 { // every letter is near to every other one
		why += fault.DidYouMean(text, c.Members)
	}
	return why
}
