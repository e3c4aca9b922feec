package proxy

import (
	"bytes"

	"ifmatch/failpoint"
	"ifmatch/ledger"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// This file carries out an INSERT of rows that are taken from the start. Their keys
// are known once it was carried out, so that the ledger is written between the
// INSERT and its commit; until then nobody sees the rows.

// birthSavepoint is where the client's transaction goes back to when rows cannot be
// taken that were inserted already.
const birthSavepoint = "`ifmatch_birth`"

// holdInsert holds an INSERT against the policy before it is sent, and notes which
// of its rows are taken from the start. done is true where the client has its answer.
func (s *session) holdInsert(plan *rewrite.Plan, text *sqltext.Text, params []rewrite.Value) (done bool, err error) {
	s.takings.born = nil
	c := plan.BindInsert(text, params)
	if c == nil && plan.Table.Pending() {
		var refused *rewrite.Refusal
		if s.takings.born, c, refused = plan.Births(text, params); refused != nil {
			return true, s.refused(plan, refused)
		}
	}
	if c != nil {
		return true, s.conflictOfInsert(c)
	}
	return false, nil
}

// refused answers an INSERT that cannot be proved safe.
func (s *session) refused(plan *rewrite.Plan, r *rewrite.Refusal) error {
	return s.answerConflict(&rewrite.Conflict{Kind: rewrite.Refused, Table: plan.Table, Reason: "binding", Message: r.Text})
}

// insertBorn carries out an INSERT some of whose rows are taken from the start.
func (s *session) insertBorn(in *inserting, born []int) error {
	t := in.plan.Table
	if s.tableLocks && !s.transactional() {
		return s.refuse(t, "taking", "rows that are taken cannot be inserted under LOCK TABLES")
	}
	own := !s.transactional()
	var failed *wire.ERR
	var err error
	if own {
		failed, err = s.enterOwn()
	} else {
		_, failed, err = s.ask([]byte("SAVEPOINT " + birthSavepoint))
	}
	if failed != nil || err != nil {
		return s.orError(failed, err)
	}
	if err := s.sendInsert(in); err != nil {
		return err
	}
	ok, p, bad, err := s.writeAnswer()
	if bad || err != nil {
		return err
	}
	p = bytes.Clone(p)
	if ok, err = wire.ParseOK(p, s.caps); err != nil {
		return &backendError{err}
	}
	failpoint.Here("birth.inserted")
	if err := s.diagnose(&ok); err != nil {
		return err
	}
	w, refused, err := s.nameBorn(in, born, &ok)
	if err != nil {
		return err
	}
	if refused != "" {
		return s.unborn(t, own, refused)
	}
	s.takings.write = w
	failpoint.Here(w.step("intent"))
	s.takingWritten()
	defer func() { s.takingEnded(err) }()
	if !own {
		if _, _, err = s.ask([]byte("RELEASE SAVEPOINT " + birthSavepoint)); err != nil {
			return err
		}
	}
	if s.keeps(t) {
		if err = s.noteInserted(in, &ok); err != nil {
			return err
		}
	}
	err = s.finishOwn(&ok, p, own)
	return err
}

// nameBorn writes the rows into the ledger that were inserted as taken.
func (s *session) nameBorn(in *inserting, born []int, ok *wire.OK) (w *takingWrite, refused string, err error) {
	t := in.plan.Table
	rows, told := in.plan.NewRows(in.text, in.params, ok.AffectedRows, ok.LastInsertID, nil)
	if !told {
		return nil, "which rows this INSERT has taken cannot be told; insert them one by one, without IGNORE, and give their keys", nil
	}
	var keys [][]rewrite.Value
	for _, row := range born {
		keys = append(keys, rows[row].Key)
	}
	const unclear = "the rows that this INSERT has taken are not found by their keys"
	sql, can := in.plan.BornLook(keys)
	if !can || len(keys) > maxAsideRows {
		return nil, unclear, nil
	}
	found, failed, err := s.ask(sql)
	if err != nil {
		return nil, "", err
	}
	if failed != nil || len(found) != len(keys) {
		return nil, unclear, nil
	}
	by := s.taker(t, true)
	var intents []ledger.Intent
	for _, f := range found {
		row, ok := t.TakenRow(f)
		if !ok || !row.Taken || row.Version.Kind != rewrite.Integer {
			return nil, "a row that this INSERT has taken is not as it was inserted", nil
		}
		in := s.intent(t, by, row)
		in.Versions = []string{row.Version.String()}
		intents = append(intents, in)
	}
	took, refused := s.writeIntents(t, by, intents)
	return &takingWrite{took: took, insert: true}, refused, nil
}

// unborn takes an INSERT back and refuses it.
func (s *session) unborn(t *rewrite.Table, own bool, why string) error {
	if own {
		return s.refuseTaking(t, why)
	}
	if _, failed, err := s.ask([]byte("ROLLBACK TO SAVEPOINT " + birthSavepoint)); failed != nil || err != nil {
		return s.orError(failed, err)
	}
	return s.refuse(t, "taking", why)
}
