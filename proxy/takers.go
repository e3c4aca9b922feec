package proxy

import (
	"slices"
	"strconv"
	"time"

	"ifmatch/control"
	"ifmatch/ledger"
	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/taking"
)

// maxTaken bounds the rows that the clients of one process have taken.
const maxTaken = 100_000

// dropContexts gives up what contexts have taken that are not used any longer.
func (s *Server) dropContexts() {
	if ids := s.takers.Aged(time.Now()); len(ids) > 0 {
		s.keeper.Abandon(ids...)
	}
}

// countTaking counts what has become of a taking that was abandoned.
func (s *Server) countTaking(f ledger.Found) {
	s.counters.abandoned.Add(1)
	s.cfg.Meter.Abandoned(f.Record.Schema+"."+f.Record.Table, f.Outcome.String())
}

// takings is what a session knows of rows that are taken.
type takings struct {
	own   taking.Holder // the session itself
	deeds taking.Deeds  // of the open transaction
	write *takingWrite
	born  []int // rows of the INSERT at hand that are taken from the start
}

// books are where the session's takings are written down. There are none without a
// ledger, and then nothing is taken.
func (s *session) books() taking.Books {
	return taking.Books{Ledger: s.srv.cfg.Ledger, Keeper: s.srv.keeper, Log: s.log}
}

// taker gives who takes rows of a table in this session. With make it is made
// where it is not there yet.
func (s *session) taker(t *rewrite.Table, make bool) *taking.Holder {
	if t.Settings.Scope == policy.ScopeContext && s.reads.request != nil {
		return s.srv.takers.Holder(s.user, s.reads.context, make)
	}
	if s.takings.own.Name == "" {
		s.takings.own.Name = "session " + strconv.FormatUint(uint64(s.id), 10) + " of " + s.user
	}
	return &s.takings.own
}

// takingsEnded takes over that the transaction has ended.
func (s *session) takingsEnded(how control.Ending) {
	deeds, sure := s.takings.deeds.End()
	if len(deeds) == 0 {
		return
	}
	if !sure {
		how = control.Uncertain
	}
	s.books().Ended(deeds, how)
}

// takingsBackTo takes back what was done since a savepoint.
func (s *session) takingsBackTo(name string) {
	if undone := s.takings.deeds.BackTo(name); len(undone) > 0 {
		s.books().Undo(undone)
	}
}

// abandonTakings gives up what the session has taken. Its rows go back as soon as
// the server has ended the session's transaction.
func (s *session) abandonTakings() {
	ids := s.takings.own.Empty()
	for _, d := range s.takings.deeds.All() {
		d.By.Remove(d.Row)
		ids = append(ids, d.ID)
	}
	if w := s.takings.write; w != nil {
		ids = append(ids, w.ids()...)
	}
	s.takings = takings{}
	if len(ids) > 0 {
		slices.Sort(ids)
		s.srv.keeper.Abandon(slices.Compact(ids)...)
	}
}
