package rewrite

import (
	"fmt"
	"strings"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// targetKind is what is known of the state that a write gives its row.
type targetKind uint8

const (
	targetNone   targetKind = iota // the write gives none
	targetGroup                    // it is one of a group, or the write is a DELETE that has one
	targetPasses                   // no transition names it, and the policy allows that
	targetOther                    // no transition names it, and the policy refuses that
	targetNear                     // it is almost a state that is named: see [Plan.targetOf]
	targetByRow                    // only the server can say, row by row
)

// target is the state that an execution gives its row.
type target struct {
	kind  targetKind
	group int
	value Value // what messages show, unless byRow
}

// Guards that plans hold ready, besides those of groups.
const (
	heldRequire = iota // of the table alone
	heldRefused        // never true
	heldGroups         // that of group 0 and those behind it
)

// guard gives the place of the target's guard among those that a plan holds.
func (t target) guard() int {
	switch t.kind {
	case targetGroup:
		return heldGroups + t.group
	case targetOther, targetNear:
		return heldRefused
	}
	return heldRequire
}

// hold makes ready the guards, and what is set, that depend on no constants.
func (p *Plan) hold() {
	m, c := p.Table.status, p.change
	if len(p.Table.require) == 0 && m == nil || c != nil && (!c.constant || c.operand.param >= 0) && c.left == nil {
		return
	}
	held := func(to target) string {
		w := writer{Plan: p, target: to}
		w.states()
		return string(w.buf)
	}
	p.held = append(p.held, held(target{}), held(target{kind: targetOther}))
	for g := 0; m != nil && g < len(m.groups); g++ {
		guard, sets := "", ""
		if isDeletion := g == m.deletion; isDeletion == p.removes() && (isDeletion || c != nil) {
			to := target{kind: targetGroup, group: g}
			guard = held(to)
			if p.setsColumns(to) && len(m.groups[g].by) == 1 {
				w := writer{Plan: p, target: to}
				w.settings()
				sets = string(w.buf)
			}
		}
		p.held, p.heldSets = append(p.held, guard), append(p.heldSets, sets)
	}
}

// statusChange is the assignment to the status column.
type statusChange struct {
	value    part
	operand  Operand
	constant bool   // value is operand
	left     *Value // value is DEFAULT: this one
	faults   []string
	fault    string // why columns cannot be set where the target is known by row only
	items    []assignedItem
	utf8     bool
}

// assignedItem is one assignment of an UPDATE.
type assignedItem struct {
	column       string
	whole, value part
}

// statusChange reads what the statement assigns to the status column.
func (p *planner) statusChange(plan *Plan, list []part) *Plan {
	t, m := plan.Table, plan.Table.status
	if m == nil {
		return nil
	}
	c := &statusChange{utf8: p.env.UTF8}
	at := -1
	for i, a := range list {
		ref, next, _ := p.column(a.from)
		c.items = append(c.items, assignedItem{ref.column, a, part{next + 1, a.to}})
		if !sameName(ref.column, m.column.Name) {
			continue
		}
		if at >= 0 {
			return refuse(t, "%s of %s is set twice", m.column.Name, t.Name)
		}
		at, c.value = i, part{next + 1, a.to}
	}
	if at < 0 {
		return nil
	}
	if !p.given.empty() {
		c.value = p.given
	}
	plan.change = c
	if p.isDefault(c.value) {
		v, ok := m.column.left()
		if !ok {
			return refuse(t, "the default of %s of %s is not known; give the state itself", m.column.Name, t.Name)
		}
		c.left = &v
	} else if c.operand, c.constant = p.operand(p.unwrap(c.value), plan.params); !c.constant {
		if bad := p.undecided(c.value); bad != "" {
			return refuse(t, "%s in the new %s of %s: which state it gives cannot be proved", bad, m.column.Name, t.Name)
		}
		if p.assignsVariable(plan.set) {
			return refuse(t, "this UPDATE assigns a variable, and an expression gives the new %s of %s: which state it gives cannot be proved", m.column.Name, t.Name)
		}
		for _, before := range c.items[:at] {
			if p.namesColumn(c.value, before.column) {
				return refuse(t, "the new %s of %s is made of %s, which this UPDATE sets before it; set %s first", m.column.Name, t.Name, before.column, m.column.Name)
			}
		}
	}
	if len(m.sets) == 0 {
		return nil
	}
	for g := range m.groups {
		c.faults = append(c.faults, p.settingFault(plan, m.setColumns(m.groups[g].by), len(m.groups[g].by) > 1))
	}
	c.fault = p.settingFault(plan, m.sets, true)
	if c.left == nil && (!c.constant || c.operand.param >= 0) {
		if c.fault != "" {
			return refuse(t, "%s", c.fault)
		}
		plan.changes = nil // what is set by row may change the row
	}
	return nil
}

// assignsVariable reports whether a user variable is assigned in the part.
func (p *planner) assignsVariable(in part) bool {
	for i := in.from + 1; i < in.to; i++ {
		if p.op(i, ":=") && p.Tokens[i-1].Kind == sqltext.UserVar {
			return true
		}
	}
	return false
}

// setColumns gives the columns that some of the transitions set, in order.
func (m *machine) setColumns(by []int) []Column {
	var columns []Column
	for _, c := range m.sets {
		if m.setsBy(by, c.Name) {
			columns = append(columns, c)
		}
	}
	return columns
}

// settingFault says why the columns cannot be set by the policy before the
// client's assignments, or "": what the client's own expressions see would
// change. byRow is whether the client's value of such a column may still count.
func (p *planner) settingFault(plan *Plan, sets []Column, byRow bool) string {
	t, c := plan.Table, plan.change
	among := func(column string) bool {
		for _, s := range sets {
			if sameName(s.Name, column) {
				return true
			}
		}
		return false
	}
	twice := map[string]bool{}
	for i, item := range c.items {
		if !among(item.column) {
			for _, s := range sets {
				if p.namesColumn(item.value, s.Name) {
					return fmt.Sprintf("%s of %s is made of %s, which the policy sets in this transition; read the row and give the value", item.column, t.Name, s.Name)
				}
			}
			continue
		}
		if !byRow {
			continue
		}
		if name := lower(item.column); twice[name] {
			return fmt.Sprintf("%s of %s is set twice", item.column, t.Name)
		} else {
			twice[name] = true
		}
		if p.isDefault(item.value) {
			return fmt.Sprintf("DEFAULT for %s of %s, which the policy may set in this transition; give the value", item.column, t.Name)
		}
		for _, before := range c.items[:i] {
			if !sameName(before.column, item.column) && p.namesColumn(item.value, before.column) {
				return fmt.Sprintf("%s of %s, which the policy may set in this transition, is made of %s, which this UPDATE sets before it; set %s first",
					item.column, t.Name, before.column, item.column)
			}
		}
		for _, s := range sets {
			if sameName(s.Name, item.column) {
				break
			}
			if p.namesColumn(item.value, s.Name) {
				return fmt.Sprintf("%s of %s is made of %s, which the policy sets in this transition; read the row and give the value", item.column, t.Name, s.Name)
			}
		}
	}
	return ""
}

// namesColumn reports whether a name in the expression may be that of a column.
func (p *planner) namesColumn(value part, column string) bool {
	for i := value.from; i < value.to; i++ {
		if !p.isName(i) {
			continue
		}
		if name, ok := p.Name(i); !ok || sameName(name, column) {
			return true
		}
	}
	return false
}

// left gives the value of a column that an INSERT leaves out, or that DEFAULT
// stands for. ok is false where only the server knows it.
func (c *Column) left() (Value, bool) {
	if c.def == nil || c.def.Generated || c.def.AutoIncrement || c.def.DefaultIsExpression {
		return Value{}, false
	}
	switch {
	case c.def.Default != nil && c.numeric():
		v := DecimalValue(*c.def.Default)
		return v, c.Class != schema.Bit && v.Kind == Integer
	case c.def.Default != nil:
		return TextValue(*c.def.Default), c.Class == schema.String || c.Class == schema.Enum
	case c.def.Nullable:
		return Value{Kind: Null}, true
	case c.numeric():
		return UintValue(0), true // where sql_mode is not strict; else the server refuses it
	}
	return TextValue(""), c.Class == schema.String
}

// targetOf says what is known of the state that an execution gives its row.
//
// A target that is named by case, accents or trailing spaces alone, that the
// column would cut or clip, or that is the number of an element where names are
// meant, would be stored as a state that is named, or be taken for one. It is
// near, and refused whatever the policy says of other states. What is decided
// here is what needs no knowledge of collations; the rest is for the server.
//
// scratch is for the text of a constant.
func (p *Plan) targetOf(t *sqltext.Text, scratch *[]byte) target {
	m, c := p.Table.status, p.change
	switch {
	case m == nil:
		return target{}
	case p.removes() && m.deletion >= 0:
		return target{kind: targetGroup, group: m.deletion}
	case p.removes(), c == nil:
		return target{}
	case c.left != nil:
		return m.decide(*c.left, true)
	case !c.constant || c.operand.param >= 0:
		return target{kind: targetByRow}
	}
	i := c.operand.tok + len(t.Tokens) - len(tokens(t))
	if t.Tokens[i].Kind == sqltext.String && c.operand.tok == c.operand.from && m.numbers == 0 && !m.column.numeric() {
		text, ok := t.StringValue((*scratch)[:0], i)
		if *scratch = text; ok {
			return m.decideText(text, c.utf8)
		}
	}
	return m.decide(p.value(t, c.operand, nil), c.utf8)
}

// decide is targetOf for a constant. utf8 is whether its text is in UTF-8.
func (m *machine) decide(v Value, utf8 bool) target {
	byRow := target{kind: targetByRow}
	if v.Kind == Null {
		return m.nullTarget(v)
	}
	switch {
	case m.column.numeric() || m.texts == 0 && m.numbers > 0:
		whole, ok := v.integer()
		if m.column.Class == schema.Bit && v.Kind != Integer {
			return byRow // texts are bytes
		}
		if m.column.Class == schema.Year && ok && !m.column.inBounds(whole) {
			return target{targetNear, 0, v}
		}
		if !ok || m.column.Class == schema.Float || !m.simple {
			return byRow
		}
		s := whole.String()
		if g := m.find(true, s); g >= 0 {
			return target{targetGroup, g, v}
		}
		if !m.column.inBounds(whole) {
			return target{targetNear, 0, v}
		}
		return m.unnamed(v)
	case m.numbers > 0:
		return byRow
	case v.Kind == Integer && (m.column.Class == schema.Enum || m.column.Class == schema.Set):
		return target{targetNear, 0, v}
	case v.Kind == Integer && m.column.Class == schema.String:
		return m.decideText([]byte(v.String()), true)
	case v.Kind == Text:
		return m.decideText([]byte(v.Text), utf8)
	}
	return byRow
}

// decideText is decide for a text, of a machine whose states are texts. It does
// not allocate for a state that is named.
func (m *machine) decideText(text []byte, utf8 bool) target {
	settled := printable(text) && (utf8 || portableText(text))
	if !settled && !utf8 {
		return target{kind: targetByRow}
	}
	for i, g := range m.groups {
		for _, s := range g.states {
			if s.text == string(text) {
				return target{targetGroup, i, TextValue(s.text)}
			}
		}
	}
	switch {
	case !settled || !m.simple:
		return target{kind: targetByRow}
	case m.near(string(text)):
		return target{targetNear, 0, TextValue(string(text))}
	case m.otherwise == policy.OtherwiseAllow:
		return target{kind: targetPasses}
	}
	return target{kind: targetOther, value: TextValue(string(text))}
}

// nullTarget is decide for NULL. Where sql_mode is not strict a column that is
// not nullable makes of it an empty string, or a zero.
func (m *machine) nullTarget(v Value) target {
	switch {
	case m.null >= 0:
		return target{targetGroup, m.null, v}
	case m.voided():
		return target{targetNear, 0, v}
	}
	return m.unnamed(v)
}

// voided reports whether NULL may be stored as a state that is named.
func (m *machine) voided() bool {
	notNull := m.column.def != nil && !m.column.def.Nullable
	return notNull && (m.column.Class == schema.Enum || m.find(false, "") >= 0 || m.find(true, "0") >= 0)
}

// unnamed is a target that no transition names.
func (m *machine) unnamed(v Value) target {
	if m.otherwise == policy.OtherwiseAllow {
		return target{kind: targetPasses, value: v}
	}
	return target{kind: targetOther, value: v}
}

// find gives the group of a state, -1 where no transition names it.
func (m *machine) find(numeric bool, text string) int {
	for i, g := range m.groups {
		for _, s := range g.states {
			if s.numeric == numeric && s.text == text {
				return i
			}
		}
	}
	return -1
}

// near reports whether a printable text that is not named is almost one that is.
func (m *machine) near(text string) bool {
	c := &m.column
	if (c.Class == schema.Enum || c.Class == schema.Set) && text != "" && text[0] < ':' {
		return true // it may be the number of an element
	}
	if !c.keeps() || c.def != nil && len(c.def.Members) > 0 && !c.isMember(text) {
		return true
	}
	if c.def != nil && c.def.Length > 0 && len(text) > c.def.Length && (c.Class == schema.String || c.Class == schema.Binary) {
		return true
	}
	text = strings.TrimRight(text, " ")
	for _, g := range m.groups {
		for _, s := range g.states {
			if strings.EqualFold(strings.TrimRight(s.text, " "), text) {
				return true
			}
		}
	}
	return false
}

// printable reports whether s is ASCII without control characters, so that two
// of them are equal under a collation only if they are but for case and
// trailing spaces.
func printable[T string | []byte](s T) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// portableText reports whether the bytes of s are the same text in every
// character set of a client.
func portableText[T string | []byte](s T) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == ' ', c == '.':
		default:
			return false
		}
	}
	return true
}

// bindTarget finds the state that an execution gives its row, and refuses what
// cannot be said of it.
func (p *Plan) bindTarget(t *sqltext.Text, params []Value, b *Binding) *Refusal {
	b.target = p.targetOf(t, &b.scratch)
	tab, m, c := p.Table, p.Table.status, p.change
	if c == nil {
		return nil
	}
	for i := ordinal(p.params, c.value.from); i < len(p.params) && int(p.params[i]) < c.value.to; i++ {
		if i < len(params) && params[i].Kind == Opaque && params[i].Text == "" {
			return refusal("the new %s of %s is too long to be held against the policy", m.column.Name, tab.Name)
		}
	}
	if !p.setsColumns(b.target) {
		return nil
	}
	if b.target.kind == targetGroup && c.faults[b.target.group] != "" {
		return refusal("%s", c.faults[b.target.group])
	}
	if b.target.kind == targetByRow && c.fault != "" {
		return refusal("%s", c.fault)
	}
	toks := tokens(t)
	for i := p.set.from; i < p.set.to; i++ {
		if toks[i].Exec {
			return refusal("an executable comment among the assignments of %s, to which the policy adds some; write it without", tab.Name)
		}
	}
	return nil
}

// removes reports whether the statement takes rows away: REPLACE deletes those that
// it meets.
func (p *Plan) removes() bool { return p.Verb == Delete || p.Verb == Replace }

// setsColumns reports whether a transition sets columns in an execution.
func (p *Plan) setsColumns(to target) bool {
	m := p.Table.status
	switch to.kind {
	case targetGroup:
		return !p.removes() && m.anySet(m.groups[to.group].by)
	case targetByRow:
		return len(m.sets) > 0
	}
	return false
}
