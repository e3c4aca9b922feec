package rewrite

import "ifmatch/sqltext"

// This file is about require and status of observed tables: what of them would
// have kept a write from its row is asked beside the client's session.

// BesideStatus gives a SELECT, to be run on another connection than the client's,
// that says what of the row which an execution names the policy would not have
// allowed. asks is false where it allows everything; ok is false where that
// cannot be said on another connection, because an expression gives the state.
// utf8 is whether the client's character set is UTF-8.
func (p *Plan) BesideStatus(t *sqltext.Text, params []Value, b *Binding, utf8 bool) (sql []byte, asks, ok bool) {
	if !p.asks(b) {
		return nil, false, true
	}
	w := writer{Plan: p, as: p.Table.qualified()}
	if b.target.kind == targetByRow {
		if !p.change.constant {
			return nil, true, false
		}
		v := p.value(t, p.change.operand, params)
		if !portable(v, utf8) {
			return nil, true, false
		}
		if b.target = p.Table.status.decide(v, utf8); b.target.kind == targetByRow {
			w.stated = &v
		} else if !p.asks(b) {
			return nil, false, true
		}
	}
	for _, v := range b.Key {
		if !portable(v, utf8) {
			return nil, true, false
		}
	}
	w.target = b.target
	w.lit("SELECT ")
	w.reasons()
	w.buf = w.buf[:len(w.buf)-len(", ")]
	w.lit(" FROM " + w.as + " WHERE ")
	return w.buf, true, w.keys([][]Value{b.Key})
}

// ForeseeStatus says by the answer to [Plan.BesideStatus] what conflict an observed
// write would have been, nil for none.
func (p *Plan) ForeseeStatus(b *Binding, rows []Row) *Conflict {
	if len(rows) != 1 || len(rows[0]) != p.reasonColumns(b) {
		return nil
	}
	return p.statusConflict(b, p.KeyText(b), rows[0])
}
