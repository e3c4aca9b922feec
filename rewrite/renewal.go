package rewrite

import (
	"slices"

	"ifmatch/policy"
	"ifmatch/sqltext"
)

// Fate is what a write that met its row has done to what is known of the row.
type Fate uint8

const (
	// Lost is that nothing is known: nobody said what the row was.
	Lost Fate = iota
	// Stands is that what was known of the row is what it was, true or not.
	Stands
	// Renewed is that the row is at a token that is known.
	Renewed
	// Unsaid is that the token can only be read.
	Unsaid
	// Deleted is that there is no such row any longer.
	Deleted
)

// Renewal is what is known of a row after a write.
type Renewal struct {
	Fate  Fate
	Token Token
	// Moved is whether the write has changed the key. Key is the new one, nil
	// where that is not known.
	Moved bool
	Key   []Value
}

// move is an assignment to a key column.
type move struct {
	column  int
	operand Operand
	known   bool // it is a constant
}

// Renewal says what an execution that met its row has left. t and params are
// those that it was bound to; changed is whether the server says that a value
// was changed.
func (p *Plan) Renewal(t *sqltext.Text, params []Value, b *Binding, changed bool) Renewal {
	v := p.Table.Version
	if p.Verb == Delete {
		return Renewal{Fate: Deleted}
	}
	r := Renewal{Fate: Lost}
	if v == nil {
		return r
	}
	if !changed {
		// Nothing was: it is a noop, or UPDATE IGNORE has met a duplicate key.
		if r.Fate = Stands; b.Source != NoExpectation && v.External == policy.ExternalNone {
			r.Fate, r.Token = Renewed, b.Expected
			if v.Term != nil && b.Expected.Term.Kind == NoValue {
				r.Fate = Unsaid
			}
		}
		return r
	}
	if len(p.moves) > 0 {
		r.Moved, r.Key = true, p.movedKey(t, params, b)
	}
	switch {
	case v.Triggered:
		if b.Source != NoExpectation || v.External != policy.ExternalNone {
			r.Fate = Unsaid
		}
	case v.External != policy.ExternalNone:
		if v.Term == nil {
			r.Fate, r.Token = Renewed, Token{Version: b.External}
		}
	case b.Source == NoExpectation:
	case v.Bump != policy.BumpIncrement:
		r.Fate = Unsaid
	default:
		r.Fate = Unsaid
		if next, ok := p.nextVersion(t, params, b); ok {
			r.Fate, r.Token = Renewed, Token{Version: next, Term: b.Expected.Term}
		}
	}
	if r.Fate == Renewed && p.policySetsTerm(b) {
		r.Fate = Unsaid
	} else if r.Fate == Renewed && p.setTerm != nil {
		r.Token.Term = p.value(t, *p.setTerm, params)
	} else if r.Fate == Renewed && v.Term != nil && (p.termSet || r.Token.Term.Kind == NoValue) {
		r.Fate = Unsaid
	}
	return r
}

// policySetsTerm reports whether the term may be one that a transition sets.
func (p *Plan) policySetsTerm(b *Binding) bool {
	m, v := p.Table.status, p.Table.Version
	if m == nil || v.Term == nil {
		return false
	}
	switch b.target.kind {
	case targetGroup:
		return m.setsBy(m.groups[b.target.group].by, v.Term.Name)
	case targetByRow:
		return slices.ContainsFunc(m.sets, func(c Column) bool { return sameName(c.Name, v.Term.Name) })
	}
	return false
}

// nextVersion foretells the version that follows the one expected.
func (p *Plan) nextVersion(t *sqltext.Text, params []Value, b *Binding) (Value, bool) {
	by := uint64(1)
	if b.keep {
		given := p.value(t, p.assigned.operand, params)
		if p.assigned.kind == constant {
			return given.integer()
		}
		by = given.Abs
	}
	is, ok := b.Expected.Version.integer()
	switch {
	case b.Expected.Version.Kind == Null:
		return UintValue(1), p.Table.Version.Nullable && !b.keep
	case !ok:
		return Value{}, false
	}
	return is.plus(by)
}

// movedKey gives the key of the row after the write, nil where an expression
// has made it.
func (p *Plan) movedKey(t *sqltext.Text, params []Value, b *Binding) []Value {
	key := append([]Value(nil), b.Key...)
	for _, m := range p.moves {
		if !m.known {
			return nil
		}
		key[m.column] = p.value(t, m.operand, params)
		if !keyFits(p.Table.Key[m.column], key[m.column]) {
			return nil
		}
	}
	return key
}

// Foretells reports, before a write is sent, whether its Renewal will need no
// reading.
func (p *Plan) Foretells(t *sqltext.Text, params []Value, b *Binding) bool {
	return p.Renewal(t, params, b, true).Fate != Unsaid
}
