package proxy

import (
	"bytes"
	"time"

	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// inserting is an INSERT on its way whose rows the scope will have read.
type inserting struct {
	plan   *rewrite.Plan
	text   *sqltext.Text
	params []rewrite.Value

	attrs, sql []byte // of COM_QUERY
	packet     []byte // of an execution, in its place
}

// sendInsert sends an INSERT.
func (s *session) sendInsert(in *inserting) error {
	if in.packet != nil {
		return s.send(in.packet)
	}
	return s.send(comQuery, in.attrs, in.sql)
}

// insertQuery carries out an INSERT of the text protocol.
func (s *session) insertQuery(plan *rewrite.Plan, attrs []byte) error {
	s.inserting = inserting{plan: plan, text: &s.text, attrs: attrs, sql: s.text.SQL}
	err := s.insert(&s.inserting)
	s.inserting = inserting{}
	return err
}

// conflictOfInsert answers an INSERT that was not sent.
func (s *session) conflictOfInsert(c *rewrite.Conflict) error {
	s.row.known = false
	return s.conflict(c)
}

// insert sends an INSERT and notes the rows that it has made as read. Tokens that
// cannot be foretold are read in the INSERT's own transaction.
func (s *session) insert(in *inserting) error {
	t := in.plan.Table
	if born := s.takings.born; len(born) > 0 {
		s.takings.born = nil
		return s.insertBorn(in, born)
	}
	keeps := s.keeps(t)
	foretold := !keeps || in.plan.Foretold(in.text, in.params)
	if !foretold && !s.transactional() && !s.tableLocks {
		if failed, err := s.enterOwn(); failed != nil || err != nil {
			return s.orError(failed, err)
		}
	}
	own := s.own
	if err := s.sendInsert(in); err != nil {
		return err
	}
	ok, p, failed, err := s.writeAnswer()
	if failed || err != nil {
		return err
	}
	if !keeps {
		return s.finish(&ok, p)
	}
	s.kept = append(s.kept[:0], p...) // what follows may read from the backend
	p = s.kept
	if ok, err = wire.ParseOK(p, s.caps); err != nil {
		return &backendError{err}
	}
	if own {
		if err := s.diagnose(&ok); err != nil {
			return err
		}
	}
	if err := s.noteInserted(in, &ok); err != nil {
		return err
	}
	return s.finishOwn(&ok, p, own)
}

// insertsOf reports whether a statement makes new rows.
func insertsOf(t *sqltext.Text, stmt sqltext.Span) bool {
	return t.Is(int(stmt.Start), "INSERT") || t.Is(int(stmt.Start), "LOAD")
}

// maxInserted bounds the rows of one INSERT whose tokens are read.
const maxInserted = maxAsideRows

// noteInserted notes the rows of an INSERT that has succeeded.
func (s *session) noteInserted(in *inserting, ok *wire.OK) error {
	rows, told := in.plan.NewRows(in.text, in.params, ok.AffectedRows, ok.LastInsertID, s.inserted[:0])
	s.inserted = rows
	if !told {
		s.reads.writesUntold()
		return nil
	}
	return s.noteNewRows(in.plan, rows, ok)
}

// noteNewRows notes the rows that an INSERT, whose answer was ok, has made.
func (s *session) noteNewRows(plan *rewrite.Plan, rows []rewrite.NewRow, ok *wire.OK) error {
	if len(rows) == 0 {
		return nil
	}
	t, now := plan.Table, time.Now()
	scope := s.scope(t, true)
	s.reads.noteTable(t.ID)
	var unsaid [][]rewrite.Value
	var foretold []byte // the token of those rows, where all have the same one
	mixed := false
	for _, row := range rows {
		form, known, _ := plan.KeyForm(s.row.form[:0], row.Key, s.utf8())
		s.row.form = form
		token, said := s.token[:0], false
		if row.Foretold {
			token, said = t.AppendToken(token, row.Token)
			s.token = token
		}
		if known && said {
			scope.Wrote(t.ID, form, token, now)
			continue
		}
		if known {
			scope.Forget(t.ID, form)
		}
		mixed = mixed || !said || foretold != nil && !bytes.Equal(token, foretold)
		if foretold == nil {
			foretold = bytes.Clone(token)
		}
		unsaid = append(unsaid, row.Key)
	}
	// A row that is not locked any longer may be another's by now: then it is only
	// asked for its key.
	held := s.holdsRow()
	if len(unsaid) == 0 || len(unsaid) > maxInserted {
		return nil
	}
	look, can := plan.LookRows(unsaid)
	if !can {
		return nil
	}
	if s.diag == nil {
		if err := s.diagnose(ok); err != nil {
			return err
		}
	}
	found, failed, err := s.ask(look)
	if err != nil || failed != nil {
		return err
	}
	for _, row := range found {
		if key, token, ok := t.RowForms(row, s.row.form[:0], s.token[:0]); ok {
			s.row.form, s.token = key, token
			if held || !mixed && bytes.Equal(token, foretold) {
				scope.Wrote(t.ID, key, token, now)
			}
		}
	}
	return nil
}
