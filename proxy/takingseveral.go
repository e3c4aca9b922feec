package proxy

import (
	"context"
	"slices"

	"ifmatch/failpoint"
	"ifmatch/ledger"
	"ifmatch/rewrite"
	"ifmatch/taking"
	"ifmatch/wire"
)

// This file is about takings in writes of several rows: the rows are locked and
// looked at one by one, see held.go, and all that the write does to takings goes
// into the ledger before it is sent.

// heldTakings is what a write does to the takings of one table.
type heldTakings struct {
	by    *taking.Holder
	takes bool
	ends  bool
	rows  []heldTaking
	lost  []*taking.Row
}

// heldTaking is a row that is about to be taken, or that is taken by the writer.
type heldTaking struct {
	row *rewrite.TakenRow
	k   *taking.Row // nil where it is about to be taken
}

// concernsTakings reports whether a write of several rows takes rows of a table, or
// may be about rows that the writer has taken.
func (s *session) concernsTakings(t *rewrite.Table, b *rewrite.Binding) bool {
	if !t.Pending() {
		return false
	}
	by := s.taker(t, b.Takes())
	return b.Takes() || by != nil && by.HoldsAny(t.ID)
}

// heldTakings readies what is to be known of the takings of a table, nil where the
// write has nothing to do with them.
func (s *session) heldTakings(plan *rewrite.Plan, b *rewrite.Binding) *heldTakings {
	if !s.concernsTakings(plan.Table, b) {
		return nil
	}
	return &heldTakings{by: s.taker(plan.Table, true), takes: b.Takes(), ends: plan.EndsTaking()}
}

// taking holds a row against what is taken. ours is the row where the write is to
// do something to its taking.
func (h *heldRows) taking(b *rewrite.Binding, l *rewrite.Locked) (ours *heldTaking, c *rewrite.Conflict) {
	if !h.plan.Table.Pending() {
		return nil, nil
	}
	taken := h.plan.TakenLocked(b, l)
	if h.takings == nil {
		if taken {
			return nil, h.plan.JudgeLocked(b, l)
		}
		return nil, nil
	}
	k := h.takings.by.Find(taking.Key{Table: h.plan.Table.ID, Form: string(l.Key)})
	if taken && (k == nil || h.takings.takes) {
		return nil, h.plan.JudgeLocked(b, l)
	}
	row, ok := h.plan.TakenRowOf(b, l)
	switch {
	case !ok:
		return nil, h.plan.Unknown(b)
	case k != nil && (!taken || !slices.Contains(k.Versions(), row.Version.String())) && !h.takings.takes:
		h.takings.lost = append(h.takings.lost, k)
		return nil, h.plan.LostConflict(row)
	case k != nil && h.takings.takes: // its lease had run out
		h.takings.lost = append(h.takings.lost, k)
		return &heldTaking{row: row}, nil
	case taken:
		h.plan.Ours(b, l)
		return &heldTaking{row: row, k: k}, nil
	case h.takings.takes:
		return &heldTaking{row: row}, nil
	}
	return nil, nil
}

// announceHeld writes into the ledger what a write of several rows is about to do.
// refused says why it is not sent.
func (s *session) announceHeld(held []*heldRows, values []rewrite.Value) (refused string, lost *rewrite.Conflict) {
	w := &takingWrite{}
	defer func() {
		if refused != "" || lost != nil {
			s.books().End(w.ids())
		}
	}()
	for i, h := range held {
		if h.takings == nil || len(h.takings.rows) == 0 {
			continue
		}
		t, b := h.plan.Table, &s.bindings[i]
		if h.more {
			return "it is about more rows than can be taken at once; write it in parts", nil
		}
		if h.plan.Renames() {
			return "the key of a row that is taken cannot be changed; do one after the other", nil
		}
		var intents []ledger.Intent
		for _, r := range h.takings.rows {
			if r.k != nil && h.takings.ends {
				failpoint.Here("give.locked")
				w.gives = append(w.gives, taking.Deed{Row: r.k, By: h.takings.by, Gave: true})
				continue
			}
			version, ok := h.plan.Next(r.row, s.cur, values, b)
			if !ok {
				return "the version that this write gives a row cannot be foretold", nil
			}
			if r.k != nil {
				w.held = true
				failpoint.Here("hold.locked")
				switch ok, why := s.announce(r.k, h.takings.by, r.row, version); {
				case why != "":
					return why, nil
				case !ok:
					s.loseTaking(h.takings.by, r.k)
					return "", h.plan.LostConflict(r.row)
				}
				continue
			}
			if s.takings.deeds.Gave(taking.Key{Table: t.ID, Form: string(r.row.Form)}) {
				return "a row was given back in this transaction, and can be taken again when that is committed", nil
			}
			in := s.intent(t, h.takings.by, r.row)
			in.Before, in.Versions = r.row.StatusLiteral(), []string{version}
			intents = append(intents, in)
		}
		if len(intents) == 0 {
			continue
		}
		failpoint.Here("take.locked")
		took, why := s.writeIntents(t, h.takings.by, intents)
		w.took = append(w.took, took...)
		if why != "" {
			return why, nil
		}
	}
	if len(w.took)+len(w.gives) > 0 || w.held {
		s.takings.write = w
		if w.held {
			failpoint.Here("hold.announced")
		}
		if w.took != nil {
			failpoint.Here("take.intent")
		}
	}
	return "", nil
}

// announce says which version the row that is taken will have. ok is false where it
// is not the taker's any longer; why says why the write cannot be sent.
func (s *session) announce(k *taking.Row, by *taking.Holder, row *rewrite.TakenRow, version string) (ok bool, why string) {
	versions := []string{row.Version.String()}
	if s.inTransaction() {
		// It may go back to any of them.
		versions = slices.Clone(k.Versions())
	}
	if !slices.Contains(versions, version) {
		versions = append(versions, version)
	}
	if len(versions) > ledger.MaxVersions {
		return false, "this transaction has written the row that is taken too often; commit it first"
	}
	ctx, cancel := context.WithTimeout(context.Background(), taking.Timeout)
	defer cancel()
	ok, err := s.srv.cfg.Ledger.Announce(ctx, k.ID, versions)
	if err != nil {
		s.log.Warn("a write to a row that is taken cannot be announced", "error", err)
		return false, "the write cannot be announced in the ledger"
	}
	if ok {
		k.SetVersions(versions)
	}
	return ok, ""
}

// takingsOfHeld takes over that the server has carried out a write of several rows.
func (s *session) takingsOfHeld(held []*heldRows, ok *wire.OK) {
	if s.takings.write == nil {
		return
	}
	// UPDATE IGNORE leaves rows out, and does not say which.
	n, known := changedRows(ok, s.caps)
	s.takings.write.partly = !known || n != goodRows(held)
	s.takingWritten()
}

// loseHeld gives up rows that are not as their taker has left them.
func (s *session) loseHeld(held []*heldRows) {
	for _, h := range held {
		if h.takings != nil {
			for _, k := range h.takings.lost {
				s.loseTaking(h.takings.by, k)
			}
		}
	}
}
