package policy

import (
	"strings"
	"time"

	"ifmatch/fault"
)

// Status guards the changes of a status column.
type Status struct {
	Pos         Position
	Column      string
	Initial     []Value // what an INSERT may give, where HasInitial
	HasInitial  bool
	Otherwise   Otherwise
	Transitions []Transition
	Delete      *Transition // nil: DELETE is not held against the status
}

// Otherwise is what becomes of a target state that no transition names.
type Otherwise uint8

// Kinds of Otherwise.
const (
	OtherwiseRefuse Otherwise = iota
	OtherwiseAllow
)

// Transition says when a row may go to a state, and what else changes then. Where
// several lead to one state, one of them has to allow the change, and Set is that
// of the first that does.
type Transition struct {
	Pos     Position
	To      []Value    // never empty, but for Delete, where it is
	From    *Condition // on the status column; nil: from any state
	Require []Condition
	When    []Filter // each must be true
	Unless  []Filter // none may be true
	Set     []Assignment
}

// Filter is a condition in SQL.
type Filter struct {
	Pos Position
	SQL string // not empty; not parsed yet
}

// Assignment is a column and the SQL expression, over the row as it was, that
// it is set to.
type Assignment struct {
	Pos    Position
	Column string
	SQL    string // not empty; not parsed yet
}

// Pending makes rows takeable: setting the status to Value takes the row.
type Pending struct {
	Pos       Position
	Value     Value
	OnAbandon OnAbandon
	Lease     time.Duration // greater than 0, by the server's clock
}

// OnAbandon is what becomes of a row whose taker went away.
type OnAbandon uint8

// Kinds of OnAbandon: the row goes back to its status of before, or it stays.
const (
	OnAbandonRestore OnAbandon = iota
	OnAbandonKeep
)

// DefaultLease is the lease of `pending` where the policy does not give one.
const DefaultLease = time.Minute

// Number fills a column from a counter where an INSERT leaves it out.
type Number struct {
	Pos     Position
	Column  string
	Counter string // as in ifmatch.allocids('/orders', 1)
}

var (
	otherwises = []string{"refuse", "allow"}
	onAbandons = []string{"restore", "keep"}
)

// String gives the word of the policy language.
func (o Otherwise) String() string { return otherwises[o] }

// String gives the word of the policy language.
func (o OnAbandon) String() string { return onAbandons[o] }

func (r *reader) status(n *fault.Node) *Status {
	s := &Status{Pos: n.Pos}
	var from []*Condition // whose column is known only when all keys are read
	given := r.fields(n, `"status"`, []field{
		{"column", func(n *fault.Node) { s.Column = r.column(n, "column") }},
		{"initial", func(n *fault.Node) {
			s.HasInitial = true
			if n.Kind != fault.Sequence {
				r.wants(n, "initial", "a list of states")
				return
			}
			s.Initial = r.valueList(n, "initial")
		}},
		{"otherwise", func(n *fault.Node) { word(r, n, "otherwise", otherwises, &s.Otherwise) }},
		{"transitions", func(n *fault.Node) {
			if n.Kind != fault.Sequence {
				r.wants(n, "transitions", "a list of transitions")
				return
			}
			for _, item := range n.Items {
				t := r.transition(item, false)
				s.Transitions = append(s.Transitions, t)
				from = append(from, t.From)
			}
		}},
		{"delete", func(n *fault.Node) {
			t := r.transition(n, true)
			s.Delete = &t
			from = append(from, t.From)
		}},
	})
	if given.lacks("column") {
		r.faults.Add(n.Pos, "\"status\" wants \"column\": the column that holds the state")
	}
	for _, c := range from {
		if c != nil {
			c.Column = s.Column
		}
	}
	r.lookAlikes(s)
	return s
}

// lookAlikes refuses states that differ only by case or by spaces at the end. Most
// collations take them for equal, and a write of one that looks like another is
// refused, so that both could not be written.
func (r *reader) lookAlikes(s *Status) {
	seen := map[string]string{}
	look := func(values []Value, pos Position) {
		for _, v := range values {
			if v.Kind != String {
				continue
			}
			folded := strings.ToLower(strings.TrimRight(v.Text, " "))
			if first, there := seen[folded]; there && first != v.Text {
				r.faults.Add(pos, "the states %q and %q differ only by case or spaces at the end; write one of them everywhere", first, v.Text)
				continue
			}
			seen[folded] = v.Text
		}
	}
	look(s.Initial, s.Pos)
	for _, t := range s.Transitions {
		look(t.To, t.Pos)
		if t.From != nil {
			look(t.From.Values, t.From.Pos)
		}
	}
	if s.Delete != nil && s.Delete.From != nil {
		look(s.Delete.From.Values, s.Delete.From.Pos)
	}
}

func (r *reader) transition(n *fault.Node, onDelete bool) Transition {
	t := Transition{Pos: n.Pos}
	what := "a transition"
	if onDelete {
		what = `"delete"`
	}
	given := r.fields(n, what, []field{
		{"to", func(n *fault.Node) {
			t.To, _ = r.values(n, "to")
			if n.Kind == fault.Sequence && len(n.Items) == 0 {
				r.faults.Add(n.Pos, "\"to\" has an empty list; give it the states that the transition leads to")
			}
		}},
		{"from", func(n *fault.Node) {
			c := r.condition(n, "from")
			t.From = &c
		}},
		{"require", func(n *fault.Node) { t.Require = r.conditions(n, "require") }},
		{"when", func(n *fault.Node) { t.When = r.filters(n, "when") }},
		{"unless", func(n *fault.Node) { t.Unless = r.filters(n, "unless") }},
		{"set", func(n *fault.Node) { t.Set = r.assignments(n) }},
	})
	to, hasTo := given.at["to"]
	switch {
	case onDelete && hasTo:
		r.faults.Add(to, "\"delete\" cannot have \"to\": a deleted row has no state; remove it")
	case !onDelete && given.lacks("to"):
		r.faults.Add(n.Pos, "a transition wants \"to\": the state, or the states, that it leads to")
	}
	if set, ok := given.at["set"]; ok && onDelete {
		r.faults.Add(set, "\"delete\" cannot have \"set\": a deleted row has no columns to set; remove it")
	}
	return t
}

func (r *reader) filters(n *fault.Node, key string) []Filter {
	items := []*fault.Node{n}
	if n.Kind == fault.Sequence {
		items = n.Items
		if len(items) == 0 {
			r.faults.Add(n.Pos, "%q has an empty list; give it an SQL condition, or remove it", key)
		}
	}
	var out []Filter
	for _, item := range items {
		if item.Kind != fault.String {
			r.wants(item, key, "an SQL condition, or a list of them")
			continue
		}
		out = append(out, Filter{Pos: item.Pos, SQL: r.sql(item, key)})
	}
	return out
}

func (r *reader) assignments(n *fault.Node) []Assignment {
	if n.Kind != fault.Mapping {
		r.wants(n, "set", "a mapping of columns to SQL expressions")
		return nil
	}
	if len(n.Pairs) == 0 {
		r.faults.Add(n.Pos, "\"set\" is empty; give it a column, or remove it")
	}
	var out []Assignment
	columns := make(columnSet)
	for _, p := range n.Pairs {
		r.columnName(p.Key, p.Pos, "set")
		columns.add(r, p.Key, p.Pos, "set")
		a := Assignment{Pos: p.Value.Pos, Column: p.Key}
		switch v := p.Value; v.Kind {
		case fault.String:
			a.SQL = r.sql(v, p.Key)
		case fault.Integer, fault.Decimal:
			a.SQL = v.Text
		case fault.Bool:
			a.SQL = map[string]string{"true": "TRUE", "false": "FALSE"}[v.Text]
		case fault.Null:
			a.SQL = "NULL"
		default:
			r.wants(v, p.Key, "an SQL expression")
		}
		out = append(out, a)
	}
	return out
}

func (r *reader) pending(n *fault.Node) *Pending {
	p := &Pending{Pos: n.Pos, Lease: DefaultLease}
	given := r.fields(n, `"pending"`, []field{
		{"value", func(n *fault.Node) {
			if n.Kind == fault.Null {
				r.faults.Add(n.Pos, "\"value\" cannot be null: a taken row wants a state of its own")
				return
			}
			p.Value, _ = r.value(n, "value")
		}},
		{"on_abandon", func(n *fault.Node) { word(r, n, "on_abandon", onAbandons, &p.OnAbandon) }},
		{"lease", func(n *fault.Node) { r.duration(n, "lease", &p.Lease) }},
	})
	if given.lacks("value") {
		r.faults.Add(n.Pos, "\"pending\" wants \"value\": the state of a taken row")
	}
	return p
}

func (r *reader) number(n *fault.Node) *Number {
	out := &Number{Pos: n.Pos}
	given := r.fields(n, `"number"`, []field{
		{"column", func(n *fault.Node) { out.Column = r.column(n, "column") }},
		{"counter", func(n *fault.Node) { out.Counter = r.text(n, "counter", "the name of a counter, such as /orders") }},
	})
	for _, key := range []string{"column", "counter"} {
		if given.lacks(key) {
			r.faults.Add(n.Pos, "\"number\" wants %q, as in {column: id, counter: /orders}", key)
		}
	}
	return out
}
