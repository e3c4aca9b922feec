package proxy

import (
	"bytes"
	"time"

	"ifmatch/policy"
	"ifmatch/readset"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// rowName is the key of the row that a guarded write names, in the form of the
// read set.
type rowName struct {
	form  []byte
	known bool // form is that of the row, if there is one
	// likely is whether form was taken for the row's without asking: a row of it was
	// read, but the constant may by now name one of another form.
	likely bool
}

// expect finds what the scope has read of the row that a write names, and makes
// it the expectation where the statement has none of its own.
//
// failed is the server's error where it was asked which row that is and could not
// say: the write is then not sent.
func (s *session) expect(g *guarded) (refused *rewrite.Refusal, failed *wire.ERR, err error) {
	plan, b := g.plan, &s.binding
	t := plan.Table
	s.row.known = false
	if !t.Captured() {
		return plan.BindUnread(b), nil, nil
	}
	if failed, err := s.nameRow(g); failed != nil || err != nil {
		return nil, failed, err
	}
	if !s.row.known || !plan.WantsRead(b) {
		return plan.BindUnread(b), nil, nil
	}
	scope := s.scope(t, false)
	if scope == nil {
		return plan.BindUnread(b), nil, nil
	}
	form, at, ok := scope.Expect(t.ID, s.row.form)
	if !ok {
		return plan.BindUnread(b), nil, nil
	}
	if age := ageOf(at); age > t.Settings.ReadTTL && !b.Soft {
		s.takeBackRead(t)
		return plan.Outlived(b, age), nil, nil
	}
	token, ok := t.ParseToken(form)
	if !ok {
		return plan.BindUnread(b), nil, nil
	}
	b.Expect(token)
	return nil, nil, nil
}

// ageOf gives how long ago a row was read.
func ageOf(at time.Time) time.Duration {
	if readset.IsNever(at) {
		return rewrite.UnknownAge
	}
	return time.Since(at)
}

// takeBackRead takes back what the request of a context has read of the row that is
// named, as the write to it has failed: it stays held against what was read before.
func (s *session) takeBackRead(t *rewrite.Table) {
	if r := s.reads.request; r != nil && s.row.known && t != nil && t.Settings.Scope == policy.ScopeContext {
		r.Conflict(t.ID, s.row.form)
	}
}

// blindTo reports whether it cannot be known what the context has read of a table.
func (s *session) blindTo(t *rewrite.Table) bool {
	r := s.reads.request
	return r != nil && r.IsBlind() && t.Captured() && t.Settings.Scope == policy.ScopeContext
}

// nameRow finds the form of the key. Where a constant can name a row of another
// form, because of a collation or a type, and the scope knows none of its own
// form, the server is asked which row it is.
func (s *session) nameRow(g *guarded) (*wire.ERR, error) {
	t := g.plan.Table
	var found, final bool
	s.row.form, found, final = g.plan.KeyForm(s.row.form[:0], s.binding.Key, s.utf8())
	s.row.known, s.row.likely = found, false
	if final {
		return nil, nil
	}
	scope := s.scope(t, false)
	if scope == nil || !s.mayKnow(t) {
		return nil, nil
	}
	if found {
		if _, _, ok := scope.Expect(t.ID, s.row.form); ok {
			s.row.likely = true
			return nil, nil
		}
	}
	return s.lookUp(g)
}

// forgetMisnamed is for a write that conflicted: where the row that it names is
// not the one that was read, somebody has renamed that one to an equal key, and
// the old name would stand in the way for ever.
func (s *session) forgetMisnamed(g *guarded) error {
	t := g.plan.Table
	scope := s.scope(t, false)
	if !s.row.likely || scope == nil {
		return nil
	}
	rows, failed, err := s.look(g)
	if err != nil || failed != nil || len(rows) != 1 {
		return err
	}
	if key, _, ok := t.RowForms(rows[0], nil, nil); ok && !bytes.Equal(key, s.row.form) {
		scope.Forget(t.ID, s.row.form)
	}
	return nil
}

// lookUp asks the server for the form of the key that a write names. What it must
// not tell stays unread; that it was interrupted, or the like, is an error.
func (s *session) lookUp(g *guarded) (*wire.ERR, error) {
	rows, failed, err := s.look(g)
	if err != nil {
		return nil, err
	}
	if failed != nil && !ofAddedColumns(failed.Code) {
		return failed, nil
	}
	if failed != nil || len(rows) != 1 {
		return nil, nil
	}
	if key, _, ok := g.plan.Table.RowForms(rows[0], s.row.form[:0], nil); ok {
		s.row.form, s.row.known = key, true
	}
	return nil, nil
}

// look reads key and token of the row that a write names, as they are now to the
// session.
func (s *session) look(g *guarded) ([]rewrite.Row, *wire.ERR, error) {
	if g.st == nil {
		return s.ask(g.plan.Look(&s.text, &s.binding).SQL)
	}
	probe := g.plan.Look(g.st.text, &s.binding)
	return s.askPrepared(probe.SQL, s.valueParams(g.st, probe.Args))
}

// utf8 reports whether the client's character set is UTF-8.
func (s *session) utf8() bool {
	return s.state.Lex.Charset == sqltext.UTF8MB4 || s.state.Lex.Charset == sqltext.UTF8MB3
}
