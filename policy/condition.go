package policy

import (
	"strconv"

	"ifmatch/fault"
)

// ValueKind is the type of a constant in a policy.
type ValueKind uint8

// Kinds of Value.
const (
	Null ValueKind = iota
	Bool
	Integer
	Decimal
	String
)

// Value is a constant of a policy, to be compared with a column.
type Value struct {
	Kind ValueKind
	// Text is "true" or "false" of a Bool; the digits, with a sign if negative,
	// of an Integer or Decimal (at most 65, valid as SQL as they stand); the
	// characters of a String; "" of Null.
	Text string
}

// Condition is one line of `from` or `require`: a predicate on one column.
//
// Without Not it is inclusion in Values: equality where there is one, IS NULL
// for Null, never true where there is none. With Not it is exclusion, always
// true where Values is empty; NULL differs from every value and is refused only
// where Values has Null, unless NullsSQL is set: then SQL's reading holds, in
// which NULL is never "not in".
type Condition struct {
	Pos      Position
	Column   string
	Values   []Value
	List     bool // the file gives a list, not a single value
	Not      bool
	NullsSQL bool // only with Not
}

// HasNull says whether Null is among the values.
func (c *Condition) HasNull() bool {
	for _, v := range c.Values {
		if v.Kind == Null {
			return true
		}
	}
	return false
}

// conditions reads a mapping of columns to conditions, as `require` has it.
func (r *reader) conditions(n *fault.Node, key string) []Condition {
	if n.Kind != fault.Mapping {
		r.wants(n, key, "a mapping of columns to values, such as {deleted: 0}")
		return nil
	}
	if len(n.Pairs) == 0 {
		r.faults.Add(n.Pos, "%q is empty; give it a column, or remove it", key)
	}
	var out []Condition
	columns := make(columnSet)
	for _, p := range n.Pairs {
		r.columnName(p.Key, p.Pos, key)
		columns.add(r, p.Key, p.Pos, key)
		c := r.condition(p.Value, p.Key)
		c.Column = p.Key
		out = append(out, c)
	}
	return out
}

func (r *reader) condition(n *fault.Node, key string) Condition {
	c := Condition{Pos: n.Pos}
	if n.Kind != fault.Mapping {
		c.Values, c.List = r.values(n, key)
		return c
	}
	given := r.fields(n, strconv.Quote(key), []field{
		{"not", func(n *fault.Node) {
			c.Not = true
			c.Values, c.List = r.values(n, "not")
		}},
		{"nulls", func(n *fault.Node) {
			if n.Kind != fault.String || n.Text != "sql" {
				r.faults.Add(n.Pos, "\"nulls\" wants sql, or to be left out, has %s", n.Describe())
			}
			c.NullsSQL = true
		}},
	})
	if given.lacks("not") {
		r.faults.Add(n.Pos, "%q wants a value, a list of values or {not: …}, has a mapping without \"not\"", key)
	}
	return c
}

// values reads one constant or a list of them.
func (r *reader) values(n *fault.Node, key string) (values []Value, list bool) {
	if n.Kind != fault.Sequence {
		if v, ok := r.value(n, key); ok {
			values = append(values, v)
		}
		return values, false
	}
	return r.valueList(n, key), true
}

func (r *reader) valueList(n *fault.Node, key string) []Value {
	seen := make(map[Value]bool, len(n.Items))
	var values []Value
	for _, item := range n.Items {
		v, ok := r.value(item, key)
		if !ok {
			continue
		}
		if seen[v] {
			r.faults.Add(item.Pos, "%q lists %s twice", key, item.Describe())
			continue
		}
		seen[v] = true
		values = append(values, v)
	}
	return values
}

func (r *reader) value(n *fault.Node, key string) (Value, bool) {
	switch n.Kind {
	case fault.Null:
		return Value{Kind: Null}, true
	case fault.Bool:
		return Value{Kind: Bool, Text: n.Text}, true
	case fault.Integer:
		return Value{Kind: Integer, Text: n.Text}, true
	case fault.Decimal:
		return Value{Kind: Decimal, Text: n.Text}, true
	case fault.String:
		return Value{Kind: String, Text: n.Text}, true
	case fault.Empty:
		r.faults.Add(n.Pos, "%q has nothing; write null if NULL is meant", key)
	default:
		r.faults.Add(n.Pos, "%q wants single values, has %s", key, n.Describe())
	}
	return Value{}, false
}
