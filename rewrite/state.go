package rewrite

import (
	"strings"

	"ifmatch/policy"
	"ifmatch/schema"
)

// This file is about conditions of the policy on one column, and how they are
// said in SQL. Texts are compared as bytes of UTF-8, whatever the column's
// collation and character set; numbers are compared as numbers.

// stateValue is a constant of the policy as it is compared with a column.
type stateValue struct {
	policy.Value
	numeric bool   // it is compared as a number
	text    string // digits of a number, characters of a text
}

// stateOf reads a constant of the policy for a column. ok is false where no value
// of the column can be equal to it: text that is no number, for a column of numbers.
func (c *Column) stateOf(v policy.Value) (s stateValue, ok bool) {
	s = stateValue{Value: v, text: v.Text}
	if v.Kind == policy.Bool {
		s.text = map[string]string{"true": "1", "false": "0"}[v.Text]
	}
	switch {
	case v.Kind == policy.Null:
		return s, true
	case c.numeric():
		if v.Kind == policy.String {
			whole, ok := TextValue(v.Text).integer()
			s.numeric, s.text = true, whole.String()
			return s, ok
		}
		s.numeric = true
	case c.Class == schema.Unknown:
		s.numeric = v.Kind != policy.String
	}
	return s, true
}

// numeric reports whether the column's values are numbers.
func (c *Column) numeric() bool {
	switch c.Class {
	case schema.Integer, schema.Decimal, schema.Float, schema.Year, schema.Bit:
		return true
	}
	return false
}

// String gives the value as messages show it.
func (s stateValue) String() string {
	switch {
	case s.isNull():
		return "NULL"
	case s.numeric:
		return s.text
	}
	return TextValue(s.text).String()
}

// isNull reports whether the value is NULL.
func (s stateValue) isNull() bool { return s.Kind == policy.Null }

// statesText lists values as messages show them.
func statesText(values []stateValue) string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = v.String()
	}
	return strings.Join(all, ", ")
}

// appendBytes writes a text as a binary string that reads the same under every
// sql_mode and character set.
func appendBytes(dst []byte, s string) []byte {
	if plain(s) {
		dst = append(dst, "_binary '"...)
		dst = append(dst, s...)
		return append(dst, '\'')
	}
	return BytesValue(s).appendLiteral(dst)
}

// appendCharacters writes a text as a character string of utf8mb4.
func appendCharacters(dst []byte, s string) []byte {
	if plain(s) {
		dst = append(dst, "_utf8mb4 '"...)
		dst = append(dst, s...)
		return append(dst, '\'')
	}
	return TextValue(s).appendLiteral(dst)
}

// appendCast writes the bytes of an expression's text in UTF-8.
func appendCast(dst []byte, expression func(dst []byte) []byte) []byte {
	dst = append(dst, "CAST(CAST("...)
	dst = expression(dst)
	return append(dst, " AS CHAR CHARACTER SET utf8mb4) AS BINARY)"...)
}

// condition is a condition of the policy on one column, as it is said in SQL.
type condition struct {
	policy.Condition
	column Column
	values []stateValue // without NULL
}

func (t *Table) condition(pc policy.Condition) condition {
	c := condition{Condition: pc, column: t.column(pc.Column)}
	for _, v := range pc.Values {
		if s, ok := c.column.stateOf(v); ok && v.Kind != policy.Null {
			c.values = append(c.values, s)
		}
	}
	return c
}

// always reports whether the condition holds for every row.
func (c *condition) always() bool { return c.Not && len(c.Values) == 0 }

// append writes the condition in SQL, of the table known as qualifier. It binds
// like a comparison. It is not true where the condition does not hold, NULL or
// false.
func (c *condition) append(dst []byte, qualifier string) []byte {
	null := c.HasNull()
	if c.Not {
		return c.appendExclusion(dst, qualifier, null)
	}
	switch {
	case len(c.values) == 0 && !null:
		return append(dst, "FALSE"...)
	case len(c.values) == 0:
		return append(appendColumn(dst, qualifier, c.column.Name), " IS NULL"...)
	case !null:
		return c.appendAmong(dst, qualifier, false)
	}
	dst = append(dst, '(')
	dst = append(appendColumn(dst, qualifier, c.column.Name), " IS NULL OR "...)
	return append(c.appendAmong(dst, qualifier, false), ')')
}

func (c *condition) appendExclusion(dst []byte, qualifier string, null bool) []byte {
	notNull := c.column.def != nil && !c.column.def.Nullable
	switch {
	case len(c.values) == 0 && null:
		return append(appendColumn(dst, qualifier, c.column.Name), " IS NOT NULL"...)
	case len(c.values) == 0:
		return append(dst, "TRUE"...)
	case null, c.NullsSQL, notNull:
		return c.appendAmong(dst, qualifier, true)
	}
	dst = append(dst, '(')
	dst = append(appendColumn(dst, qualifier, c.column.Name), " IS NULL OR "...)
	return append(c.appendAmong(dst, qualifier, true), ')')
}

// appendAmong writes that the column is one of the values, or none of them. It is
// NULL where the column is.
func (c *condition) appendAmong(dst []byte, qualifier string, not bool) []byte {
	var numbers, texts []stateValue
	for _, v := range c.values {
		if v.numeric {
			numbers = append(numbers, v)
		} else {
			texts = append(texts, v)
		}
	}
	if len(numbers) > 0 && len(texts) > 0 {
		dst = append(dst, '(')
	}
	if len(numbers) > 0 {
		dst = appendList(appendColumn(dst, qualifier, c.column.Name), numbers, not)
	}
	if len(numbers) > 0 && len(texts) > 0 {
		between := " OR "
		if not {
			between = " AND "
		}
		dst = append(dst, between...)
	}
	if len(texts) > 0 {
		dst = appendList(c.column.appendText(dst, qualifier), texts, not)
	}
	if len(numbers) > 0 && len(texts) > 0 {
		dst = append(dst, ')')
	}
	return dst
}

// appendList writes the comparison of what stands before it with values of one kind.
func appendList(dst []byte, values []stateValue, not bool) []byte {
	one := func(v stateValue) {
		if v.numeric {
			dst = append(dst, v.text...)
		} else {
			dst = appendBytes(dst, v.text)
		}
	}
	if len(values) == 1 {
		op := " = "
		if not {
			op = " <> "
		}
		dst = append(dst, op...)
		one(values[0])
		return dst
	}
	op := " IN ("
	if not {
		op = " NOT IN ("
	}
	dst = append(dst, op...)
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		one(v)
	}
	return append(dst, ')')
}

// appendText writes the column's text as bytes of UTF-8.
func (c *Column) appendText(dst []byte, qualifier string) []byte {
	if c.Class == schema.String || c.Class == schema.Binary {
		return c.appendForm(dst, qualifier)
	}
	return appendCast(dst, func(dst []byte) []byte { return appendColumn(dst, qualifier, c.Name) })
}

// text says for a message what a column must be, behind "may follow".
func (c *condition) text() string {
	values := make([]stateValue, 0, len(c.Values)+1)
	for _, v := range c.Values {
		s, _ := c.column.stateOf(v)
		values = append(values, s)
	}
	if c.Not && c.NullsSQL && !c.HasNull() && len(values) > 0 {
		values = append(values, stateValue{})
	}
	switch {
	case c.Not && len(values) == 0:
		return "anything"
	case c.Not:
		return "anything but " + statesText(values)
	case len(values) == 0:
		return "nothing"
	}
	return statesText(values)
}
