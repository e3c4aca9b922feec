package rewrite

import (
	"fmt"
	"slices"

	"ifmatch/policy"
	"ifmatch/sqltext"
)

// bindUpsert is [Plan.Bind] for an upsert.
func (p *Plan) bindUpsert(t *sqltext.Text, params []Value, hint []sqltext.Pair, b *Binding) *Refusal {
	u, tab, v := p.upsert, p.Table, p.Table.Version
	for i, c := range u.states {
		if i > 0 && p.value(t, c.operand, params) != p.value(t, u.states[0].operand, params) {
			return refusal("the rows of this %s give %s of %s different values; write one for each", p.Verb, tab.status.column.Name, tab.Name)
		}
	}
	if !u.free {
		if refused := p.bindTarget(t, params, b); refused != nil {
			return refused
		}
	}
	for _, tok := range tokens(t)[p.target.from:] {
		if tok.Exec {
			return refusal("an executable comment in this %s on %s cannot be guarded; write it without", p.Verb, tab.Name)
		}
	}
	switch {
	case v == nil && hint != nil:
		return refusal("%s has no version for a hint to name", tab.Name)
	case v == nil:
		return nil
	case u.free:
		b.Soft = true
		return nil
	}
	for i := range u.version {
		token := p.saidToken(t, params, i)
		if v.External != policy.ExternalNone {
			if refused := p.externalFits(token.Version); refused != nil {
				return refused
			}
			b.External, _ = token.Version.integer()
			continue
		}
		if refused := v.fits(token, tab, "the statement"); refused != nil {
			return refused
		}
		b.Source, b.Expected = FromSet, token
	}
	if hint != nil {
		if u.rows != 1 {
			return refusal("a hint names the version of one row, and this %s on %s may have several", p.Verb, tab.Name)
		}
		token, err := v.hint(hint, tab)
		if err != nil {
			return err
		}
		b.Source, b.Expected = FromHint, token
	}
	b.Soft = b.Source == NoExpectation && p.passesUnread(t, params)
	b.closed = b.Source == NoExpectation && !b.Soft && v.External == policy.ExternalNone && tab.Settings.Unread == policy.UnreadRefuse
	return nil
}

// saidToken gives the version that the statement says a new row is at, or brings.
func (p *Plan) saidToken(t *sqltext.Text, params []Value, row int) Token {
	u := p.upsert
	token := Token{}
	if row < len(u.version) && u.version[row].constant {
		token.Version = p.value(t, u.version[row].operand, params)
	}
	if row < len(u.term) && u.term[row].constant {
		token.Term = p.value(t, u.term[row].operand, params)
	}
	return token
}

// RowKeys gives the keys that constants give to the new rows of an upsert, nil for
// a row that has none. ok is false where they cannot be told.
func (p *Plan) RowKeys(t *sqltext.Text, params []Value) (keys [][]Value, ok bool) {
	u := p.upsert
	if !u.named || len(u.keys) == 0 {
		return nil, false
	}
	n := len(p.Table.Key)
	for row := range u.rows {
		key := make([]Value, 0, n)
		for _, c := range u.keys[0].cells[row*n : (row+1)*n] {
			v := c.given
			if c.kind == cellWritten {
				v = p.value(t, c.operand, params)
			}
			if c.kind == cellNever || v.Kind == Null {
				key = nil
				break
			}
			key = append(key, v)
		}
		keys = append(keys, key)
	}
	return keys, true
}

// MeetsByKeyAlone reports whether the key of the policy is the only one by which
// an upsert can meet a row.
func (p *Plan) MeetsByKeyAlone() bool { return p.upsert.only }

// Finds reports whether the rows that an upsert may meet can be looked for.
func (p *Plan) Finds() bool { return len(p.upsert.keys) > 0 && (p.upsert.rows > 0 || p.upsert.steady) }

// Locates reports whether every row that an upsert may meet is found by looking for
// it: one that it meets all the same has come meanwhile.
func (p *Plan) Locates() bool {
	if s := p.Table.columns; !p.Finds() || s == nil || s.Opaque {
		return false
	}
	return !slices.ContainsFunc(p.upsert.keys, func(k uniqueKey) bool {
		return slices.ContainsFunc(k.cells, func(c newCell) bool { return c.kind == cellUnknown })
	})
}

// MovesKey reports whether an upsert may change the key of a row that it meets.
func (p *Plan) MovesKey() bool { return len(p.moves) > 0 }

// Rows gives how many rows an upsert makes or meets, 0 where a SELECT says it.
func (p *Plan) Rows() int { return p.upsert.rows }

// Tells reports whether the number of affected rows tells how many rows were there
// already: each counts twice, if it changes and none is left out.
func (p *Plan) Tells(foundRows bool) bool {
	v := p.Table.Version
	changes := v != nil && v.Bump != policy.BumpNone && v.External == policy.ExternalNone
	return p.upsert.rows > 0 && !p.upsert.ignore && (changes || p.upsert.rows == 1 && !foundRows)
}

// Meets reports whether a new row meets one of the hits.
func (p *Plan) Meets(hits []Hit, row int) bool {
	return slices.ContainsFunc(hits, func(h Hit) bool { return h.row == row })
}

// MetRows gives how many of the new rows meet one of the hits.
func (p *Plan) MetRows(hits []Hit) int {
	n := 0
	for row := range p.upsert.rows {
		if p.Meets(hits, row) {
			n++
		}
	}
	return n
}

// Successor foretells the token of a row that an upsert has met at that token, in
// the form of a read set. ok is false where it has to be read.
func (p *Plan) Successor(token []byte) (next Token, ok bool) {
	was, ok := p.Table.ParseToken(token)
	if !ok {
		return next, false
	}
	return p.successor(was)
}

// NextSaid is [Plan.Successor] for a row of which the statement itself said what it
// was, or what it becomes.
func (p *Plan) NextSaid(b *Binding) (next Token, ok bool) {
	v := p.Table.Version
	switch {
	case b.External.Kind != NoValue:
		return Token{Version: b.External}, v.Term == nil
	case b.Source == FromSet:
		return p.successor(b.Expected)
	}
	return next, false
}

func (p *Plan) successor(was Token) (next Token, ok bool) {
	v := p.Table.Version
	if v.Bump != policy.BumpIncrement || v.External != policy.ExternalNone || v.Triggered || v.Term != nil {
		return next, false
	}
	if was.Version.Kind == Null {
		return Token{Version: UintValue(1)}, v.Nullable
	}
	is, ok := was.Version.integer()
	if !ok {
		return next, false
	}
	next.Version, ok = is.plus(1)
	return next, ok
}

// Unfound is the refusal of an upsert that meets rows which could not be found
// before it.
func (p *Plan) Unfound() string {
	return fmt.Sprintf("this %s meets a row of %s by a key by which it could not be found before; name its key, or write UPDATE or INSERT", p.Verb, p.Table.Name)
}
