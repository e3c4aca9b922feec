package rewrite

import (
	"slices"
	"strings"

	"ifmatch/policy"
	"ifmatch/schema"
)

// machine is the status machine of a table.
type machine struct {
	column      Column
	transitions []transition // that of DELETE is the last one, where there is one
	groups      []group      // states that transitions lead to
	null        int          // the group of NULL as a target, -1 where no transition names it
	deletion    int          // the group of DELETE, -1 where DELETE is not held against the status
	otherwise   policy.Otherwise
	initial     []stateValue
	hasInitial  bool
	// numbers and texts count the states by how they are compared; simple is
	// whether all of them are whole numbers or printable ASCII.
	numbers, texts int
	simple         bool
	// sets are the columns that transitions set, in an order in which each
	// expression sees the row as it was: an assignment stands behind those that
	// read its column.
	sets []Column
}

// group is states to which the same transitions lead. Where there are several,
// one of them has to allow the change; what is set is that of the first that does.
type group struct {
	states []stateValue // NULL is not in it
	by     []int        // transitions
}

// transition is one way to its states.
type transition struct {
	from    *condition // nil: from any state
	require []condition
	when    []*filter
	unless  []*filter
	set     []setting
}

// setting is a column that a transition sets.
type setting struct {
	column string
	value  *filter
}

// compileStatus makes status and require of the policy ready for SQL. What is
// wrong with the SQL of the policy goes to t.fault.
func (t *Table) compileStatus(pt *policy.Table, catalog *schema.Catalog) {
	for _, c := range pt.Require {
		t.require = append(t.require, t.condition(c))
	}
	ps := pt.Status
	if ps == nil {
		return
	}
	m := &machine{column: t.column(ps.Column), otherwise: ps.Otherwise, hasInitial: ps.HasInitial, null: -1, deletion: -1}
	t.status = m
	for _, v := range ps.Initial {
		if s, ok := m.column.stateOf(v); ok {
			m.initial = append(m.initial, s)
		}
	}
	for i := range ps.Transitions {
		m.transitions = append(m.transitions, t.compileTransition(&ps.Transitions[i], catalog))
	}
	m.group(ps.Transitions)
	t.compilePending(pt.Pending)
	m.count()
	if ps.Delete != nil {
		m.deletion = len(m.groups)
		m.groups = append(m.groups, group{by: []int{len(m.transitions)}})
		m.transitions = append(m.transitions, t.compileTransition(ps.Delete, catalog))
	}
	if columns := m.order(t); columns != nil && t.fault == nil {
		var faults policy.Faults
		faults.Add(ps.Pos, "the columns %s of \"set\" are made of one another, so that no order of assignments gives each the row as it was; leave one out",
			strings.Join(columns, ", "))
		t.fault = faults.Err()
	}
}

func (t *Table) compileTransition(pt *policy.Transition, catalog *schema.Catalog) transition {
	compile := func(sql string, pos policy.Position, expression bool) *filter {
		f, err := compileFilter(sql, pos, t, catalog, expression)
		if err != nil && t.fault == nil {
			t.fault = err
		}
		return f
	}
	var tr transition
	if pt.From != nil {
		c := t.condition(*pt.From)
		tr.from = &c
	}
	for _, c := range pt.Require {
		tr.require = append(tr.require, t.condition(c))
	}
	for _, f := range pt.When {
		tr.when = append(tr.when, compile(f.SQL, f.Pos, false))
	}
	for _, f := range pt.Unless {
		tr.unless = append(tr.unless, compile(f.SQL, f.Pos, false))
	}
	for _, a := range pt.Set {
		tr.set = append(tr.set, setting{t.column(a.Column).Name, compile(a.SQL, a.Pos, true)})
	}
	return tr
}

// group collects the states to which the same transitions lead.
func (m *machine) group(transitions []policy.Transition) {
	var states []stateValue
	by := map[stateValue][]int{}
	for i, tr := range transitions {
		for _, v := range tr.To {
			s, ok := m.column.stateOf(v)
			if !ok {
				continue
			}
			s.Value = policy.Value{Kind: v.Kind} // 1 and true are one state, as are 1 and "1" of a text
			if v.Kind != policy.Null {
				s.Kind = policy.String
			}
			if by[s] == nil {
				states = append(states, s)
			}
			by[s] = append(by[s], i)
		}
	}
	for _, s := range states {
		same := slices.IndexFunc(m.groups, func(g group) bool { return slices.Equal(g.by, by[s]) })
		if same < 0 {
			same = len(m.groups)
			m.groups = append(m.groups, group{by: by[s]})
		}
		if s.Kind == policy.Null {
			m.null = same
			continue
		}
		m.groups[same].states = append(m.groups[same].states, s)
	}
}

// count looks at what kinds of states there are.
func (m *machine) count() {
	m.simple = true
	for _, g := range m.groups {
		for _, s := range g.states {
			if s.numeric {
				m.numbers++
				_, whole := TextValue(s.text).integer()
				m.simple = m.simple && whole
				continue
			}
			m.texts++
			m.simple = m.simple && printable(s.text)
		}
	}
}

// order finds the order in which the columns of `set` are assigned. It gives
// those for which there is none.
func (m *machine) order(t *Table) (circle []string) {
	reads := map[string][]string{} // by column that is set
	var columns []string
	for _, g := range m.groups {
		for _, i := range g.by {
			tr := &m.transitions[i]
			for _, s := range tr.set {
				if s.value == nil {
					return nil // it has a fault already
				}
				name := lower(s.column)
				if reads[name] == nil {
					columns, reads[name] = append(columns, name), []string{}
				}
				reads[name] = append(reads[name], s.value.columns()...)
				if len(g.by) > 1 {
					reads[name] = append(reads[name], m.guardReads(g, i)...)
				}
			}
		}
	}
	for len(columns) > 0 {
		// A column goes first that no other one still reads.
		next := slices.IndexFunc(columns, func(c string) bool {
			return !slices.ContainsFunc(columns, func(other string) bool { return other != c && slices.Contains(reads[other], c) })
		})
		if next < 0 {
			return columns
		}
		m.sets = append(m.sets, t.column(columns[next]))
		columns = slices.Delete(columns, next, next+1)
	}
	return nil
}

// guardReads lists the columns that say which of a group's transitions, up to the
// one of index last, applies.
func (m *machine) guardReads(g group, last int) (columns []string) {
	for _, i := range g.by {
		tr := &m.transitions[i]
		for _, c := range tr.require {
			columns = append(columns, lower(c.column.Name))
		}
		for _, f := range slices.Concat(tr.when, tr.unless) {
			if f != nil {
				columns = append(columns, f.columns()...)
			}
		}
		if i == last {
			break
		}
	}
	return columns
}

// open reports whether a transition of the group asks nothing at all.
func (m *machine) open(group int) bool {
	return slices.ContainsFunc(m.groups[group].by, func(i int) bool {
		tr := &m.transitions[i]
		return (tr.from == nil || tr.from.always()) && len(tr.require)+len(tr.when)+len(tr.unless) == 0
	})
}

// setsBy reports whether one of the transitions sets the column.
func (m *machine) setsBy(by []int, column string) bool {
	return slices.ContainsFunc(by, func(i int) bool { return m.transitions[i].setting(column) != nil })
}

// anySet reports whether one of the transitions sets anything.
func (m *machine) anySet(by []int) bool {
	return slices.ContainsFunc(by, func(i int) bool { return len(m.transitions[i].set) > 0 })
}

// setting gives what the transition sets the column to, nil if nothing.
func (tr *transition) setting(column string) *filter {
	for _, s := range tr.set {
		if sameName(s.column, column) {
			return s.value
		}
	}
	return nil
}

// asciiGuards reports whether all names and texts of the guards are plain ASCII,
// so that they can be said in every character set of a session.
func (t *Table) asciiGuards() bool {
	all := func(conditions []condition) bool {
		return !slices.ContainsFunc(conditions, func(c condition) bool { return !ascii(c.column.Name) })
	}
	m := t.status
	if !all(t.require) || m != nil && !ascii(m.column.Name) {
		return false
	}
	for i := 0; m != nil && i < len(m.transitions); i++ {
		tr := &m.transitions[i]
		if !all(tr.require) {
			return false
		}
		for _, s := range tr.set {
			if !ascii(s.column) || !s.value.ascii() {
				return false
			}
		}
		for _, f := range slices.Concat(tr.when, tr.unless) {
			if !f.ascii() {
				return false
			}
		}
	}
	return true
}
