package rewrite

import (
	"slices"
	"strconv"
	"strings"

	"ifmatch/schema"
)

// This file is about what columns make of a value that they cannot hold as it is:
// where sql_mode is not strict it is cut, clipped or taken for another one.

// keeps reports whether a text that the column takes is stored as it is, or as
// something that is found out. What is temporal has many ways to say one value.
func (c *Column) keeps() bool {
	switch c.Class {
	case schema.Temporal, schema.Date, schema.Time, schema.Other:
		return false
	}
	return true
}

// bounds gives the least and the greatest number that the column holds, as SQL,
// both empty where it has none that matter.
func (c *Column) bounds() (low, high string) {
	d := c.def
	if d == nil {
		return "", ""
	}
	switch c.Class {
	case schema.Integer:
		high = strconv.FormatUint(d.Max(), 10)
		low = Value{Kind: Integer, Neg: true, Abs: d.Max() + 1}.String()
	case schema.Decimal:
		if d.Precision == 0 {
			return "", ""
		}
		high = "0" + strings.Repeat("9", d.Precision-d.Scale)
		if d.Scale > 0 {
			high += "." + strings.Repeat("9", d.Scale)
		}
		low = "-" + high
	case schema.Float:
		low, high = "-1.7e308", "1.7e308"
	case schema.Bit:
		return "0", strconv.FormatUint(1<<d.Precision-1, 10)
	case schema.Year:
		return "1901", "2155"
	default:
		return "", ""
	}
	if d.Unsigned {
		low = "0"
	}
	return low, high
}

// inBounds reports whether the column holds a whole number.
func (c *Column) inBounds(v Value) bool {
	d := c.def
	switch {
	case d == nil:
		return true
	case c.Class == schema.Integer:
		return c.holds(v)
	case v.Neg:
		return c.Class == schema.Decimal && !d.Unsigned && len(strconv.FormatUint(v.Abs, 10)) <= d.Precision-d.Scale
	case c.Class == schema.Decimal:
		return v.Abs == 0 || len(strconv.FormatUint(v.Abs, 10)) <= d.Precision-d.Scale
	case c.Class == schema.Bit:
		return d.Precision >= 64 || v.Abs>>d.Precision == 0
	case c.Class == schema.Year:
		return 1901 <= v.Abs && v.Abs <= 2155
	}
	return true
}

// isMember reports whether a text is an element of an ENUM, or some of a SET in
// their order.
func (c *Column) isMember(text string) bool {
	if c.Class != schema.Set {
		return slices.Contains(c.def.Members, text)
	}
	var all []string
	given := strings.Split(text, ",")
	for _, m := range c.def.Members {
		if slices.Contains(given, m) {
			all = append(all, m)
		}
	}
	return strings.Join(all, ",") == text
}

// collation gives the column's collation where texts in utf8mb4 can be compared by
// it and it may take different ones for equal, else "".
func (c *Column) collation() string {
	if c.def == nil || !strings.HasPrefix(c.def.Collation, "utf8mb4_") || strings.HasSuffix(c.def.Collation, "_bin") || c.def.Collation == "utf8mb4_unicode_ci" {
		return ""
	}
	return c.def.Collation
}

// marked reports whether a state has a question mark in it and the column's
// character set lacks characters.
func (m *machine) marked() bool {
	d := m.column.def
	if d == nil || m.column.Class == schema.Binary || d.Charset == "" || strings.HasPrefix(d.Charset, "utf") {
		return false
	}
	return slices.ContainsFunc(m.groups, func(g group) bool {
		return slices.ContainsFunc(g.states, func(s stateValue) bool { return strings.Contains(s.text, "?") })
	})
}
