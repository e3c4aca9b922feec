package proxy

import (
	"bytes"
	"strings"

	"ifmatch/control"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// This file is about writes that are prepared at SQL level, by a name, and have to be
// guarded. The server prepares the guarded text as a statement of the binary protocol,
// and EXECUTE becomes an execution of that.

// barText is what the server prepares by the name of such a statement: it fails, where a
// routine executes it out of the proxy's sight.
const barText = "SELECT (SELECT 1 UNION SELECT 2)"

// guardedDynamic says why a text that has to be guarded cannot be when it is prepared at
// SQL level, or "".
func guardedDynamic(t *sqltext.Text, all []sqltext.Span, plan *rewrite.Plan) string {
	label := plan.Table.Label
	if len(all) > 1 {
		return "several statements in one prepared text, of which one writes " + label
	}
	if plan.Capture() != nil || plan.Returns() {
		return "RETURNING of " + label + " cannot be guarded when it is prepared at SQL level; send it as text"
	}
	for i := range t.Tokens {
		// What they tell of the statement before is lost when the variables are read.
		if (t.Is(i, "ROW_COUNT") || t.Is(i, "FOUND_ROWS")) && t.IsOp(i+1, "(") {
			return strings.ToUpper(string(t.Bytes(i))) + "() in a write on " + label + " cannot be guarded when it is prepared at SQL level"
		}
		if t.Tokens[i].Kind == sqltext.SysVar {
			for at := i + 1; at <= i+3; at++ {
				if t.Is(at, "WARNING_COUNT") || t.Is(at, "ERROR_COUNT") {
					return "the count of warnings in a write on " + label + " cannot be guarded when it is prepared at SQL level"
				}
			}
		}
	}
	return ""
}

// bars reports whether the server must not execute the statement by its name.
func (v *verdict) bars() bool { return v.held || v.refused != "" }

// drop forgets a statement that was prepared at SQL level. That the backend cannot be
// written to is noticed at its next use as well.
func (s *session) drop(name string) error {
	name = strings.ToLower(name)
	d, ok := s.dynamics[name]
	delete(s.dynamics, name)
	if !ok || d.st == nil {
		return nil
	}
	return s.closeAside(d.st.backend)
}

// unnamed is for a PREPARE that has failed: the server has dropped the statement of that
// name before, unless it could not read the PREPARE itself.
func (s *session) unnamed(name string) error {
	if s.running.odd {
		return nil
	}
	return s.drop(name)
}

// keep remembers a statement that the server has prepared by this name, in place of the
// one that had the name.
func (s *session) keep(name string, d dynamic) error {
	if err := s.drop(name); err != nil {
		return err
	}
	s.dynamics[strings.ToLower(name)] = d
	return nil
}

// prepareNamed carries out PREPARE of a statement that has to be guarded, or that must not
// be executed. The server first prepares the client's own text, so that the errors are its own.
func (s *session) prepareNamed(name string) error {
	d := s.running
	if err := s.sendAsIs(); err != nil {
		return err
	}
	ok, p, failed, err := s.writeAnswer()
	if err != nil {
		return err
	}
	if failed {
		return s.unnamed(name)
	}
	p = bytes.Clone(p)
	if ok, err = wire.ParseOK(p, s.caps); err != nil {
		return &backendError{err}
	}
	if ok.Warnings > 0 {
		if err := s.diagnose(&ok); err != nil {
			return err
		}
	}
	refused, err := s.makeNamed(name, &d)
	if err != nil {
		return err
	}
	if refused == nil {
		refused, err = s.bar(name, &d)
	}
	if err != nil {
		return err
	}
	if refused != nil {
		return s.unprepared(name, &d, refused)
	}
	if err := s.keep(name, d); err != nil {
		return err
	}
	return s.finish(&ok, p)
}

// unprepared answers PREPARE where the server has taken the client's text and not what the
// proxy makes of it: there is then no statement of that name.
func (s *session) unprepared(name string, d *dynamic, failed *wire.ERR) error {
	if d.st != nil {
		if err := s.closeAside(d.st.backend); err != nil {
			return err
		}
	}
	if err := s.drop(name); err != nil {
		return err
	}
	if _, _, err := s.ask([]byte("DEALLOCATE PREPARE " + quoted(name))); err != nil {
		return err
	}
	return s.orError(failed, nil)
}

// makeNamed makes the statement by which the proxy executes d, where it does.
func (s *session) makeNamed(name string, d *dynamic) (failed *wire.ERR, err error) {
	if !d.held && !d.inserts {
		return nil, nil
	}
	st := &statement{db: d.db}
	if st.text, err = copyText([]byte(d.sql), &d.lex); err != nil {
		return nil, err // judged before, by the same lexis
	}
	s.listColumns(st, &d.lex)
	if refused := s.planStatement(st); refused != nil {
		d.refused = refused.Reason
		return nil, nil
	}
	if refused, failed, err := s.prepareNumbered(st); failed != nil || err != nil {
		return failed, err
	} else if refused != nil {
		d.refused = refused.Reason
		return nil, nil
	}
	text, args, rewritten := st.sql()
	if st.crowded {
		d.refused = "the guard would need more than 65,535 parameters"
		return nil, nil
	}
	prepared, failed, err := s.prepareAside(text)
	if failed != nil || err != nil {
		return failed, err
	}
	st.args, st.rewritten, st.backend, st.params = args, rewritten, prepared.ID, int(prepared.Params)
	if st.plan != nil {
		st.params = st.plan.Params()
	}
	d.st = st
	return nil, nil
}

// bar puts a statement that fails in the place of the client's, where that must not be
// executed out of the proxy's sight.
func (s *session) bar(name string, d *dynamic) (failed *wire.ERR, err error) {
	if !d.bars() || d.barred {
		return nil, nil
	}
	_, failed, err = s.ask([]byte("PREPARE " + quoted(name) + " FROM '" + barText + "'"))
	d.barred = failed == nil && err == nil
	return failed, err
}

// judgeAgain judges a statement under rules that have come since it was prepared.
func (s *session) judgeAgain(name string, d *dynamic) error {
	noted, held := d.noted, d.st
	d.generation, d.verdict, d.st = s.rules.Generation, s.judge(d), nil
	switch {
	case noted != nil && noted.Capture().Hidden > 0:
		d.noted = noted // the server has its columns in the statement
	case d.noted != nil && d.noted.Capture().Hidden > 0:
		d.noted = nil
	}
	if held != nil {
		if err := s.closeAside(held.backend); err != nil {
			return err
		}
	}
	if d.refused == "" && (d.held || d.inserts || d.barred) {
		refused, err := s.prepareAgain(name, d)
		if err != nil {
			return err
		}
		if refused != "" {
			d.refused, d.generation = refused, 0 // to be tried again
		}
	}
	if _, err := s.bar(name, d); err != nil {
		return err
	}
	s.dynamics[strings.ToLower(name)] = *d
	return nil
}

// prepareAgain prepares a statement as the new rules have it. It says why it cannot.
func (s *session) prepareAgain(name string, d *dynamic) (refused string, err error) {
	if d.db != s.state.DB || d.lex != s.state.Lex {
		// Its names would be looked for in another database, and its text read in another way.
		return "the policy has changed since it was prepared, in another database or sql_mode; prepare it again", nil
	}
	failed, err := s.makeNamed(name, d)
	if err == nil && failed == nil && d.barred && !d.bars() {
		text, ok := s.literal([]byte(d.sql))
		if !ok {
			return "the policy has changed since it was prepared; prepare it again", nil
		}
		if _, failed, err = s.ask(append([]byte("PREPARE "+quoted(name)+" FROM "), text...)); failed == nil {
			d.barred = false
		}
	}
	if failed != nil {
		s.log.Warn("statement could not be prepared again", "code", failed.Code)
		return "the statement cannot be prepared under the new policy", err
	}
	return "", err
}

// executeNamed carries out EXECUTE of a statement that the proxy executes itself. Its
// values begin at token at. done is false where the server may execute it by its name.
func (s *session) executeNamed(d dynamic, stmt sqltext.Span, at int) (done bool, err error) {
	st := d.st
	if st.refused != "" {
		return true, s.refuse(nil, "dynamic", st.refused)
	}
	refused, failed, err := s.using(&s.text, sqltext.Span{Start: int32(at), End: stmt.End})
	switch {
	case failed != nil || err != nil:
		return true, s.orError(failed, err)
	case refused != "" && !d.bars():
		return false, nil
	case refused != "":
		return true, s.refuse(nil, "dynamic", refused)
	case len(s.exec.Params) != st.params-st.added():
		verb := "EXECUTE"
		if d.kindOf == control.Immediate {
			verb = "EXECUTE IMMEDIATE"
		}
		return true, s.answerError(1210, "HY000", "Incorrect arguments to "+verb)
	}
	if st.numbered != nil {
		if done, err := s.numberParams(st, &s.exec); done || err != nil {
			return true, err
		}
		defer func() { s.insertID = 0 }()
	}
	if st.plan == nil {
		s.cur = st.text
		return true, s.insertNamed(st)
	}
	s.srv.counters.guarded.Add(1)
	if len(st.text.Hints) == 0 && len(s.text.Hints) > 0 {
		hint, refused := s.expectation() // beside EXECUTE
		if refused != "" {
			return true, s.refuse(st.plan.Table, "hint", refused)
		}
		s.hint = hint
	}
	s.cur = st.text
	s.bindValues(st)
	return true, s.bindWrite(&guarded{plan: st.plan, st: st})
}

// insertNamed executes an INSERT that was prepared at SQL level.
func (s *session) insertNamed(st *statement) error {
	e := s.exec
	e.ID = st.backend
	s.out = e.Append(append(s.out[:0], byte(wire.ComStmtExecute)), s.caps)
	if st.noted != nil {
		if done, err := s.executeNoted(st, s.out, true); done || err != nil {
			return err
		}
	}
	if err := s.send(s.out); err != nil {
		return err
	}
	if _, err := s.relay(); err != nil {
		return err
	}
	s.reads.writesUntold()
	return s.answered()
}

// executeImmediate carries out EXECUTE IMMEDIATE of a statement that the proxy executes
// itself. Its values begin at token at.
func (s *session) executeImmediate(stmt sqltext.Span, at int) (done bool, err error) {
	d := s.running
	if s.state.Lex.Flavor != sqltext.MariaDB {
		return true, s.refuse(nil, "dynamic", "this server has no EXECUTE IMMEDIATE")
	}
	failed, err := s.makeNamed("", &d)
	if failed != nil || err != nil {
		return true, s.orError(failed, err)
	}
	if d.refused != "" || d.st == nil {
		return true, s.refuse(nil, "dynamic", d.refused)
	}
	if done, err = s.executeNamed(d, stmt, at); err != nil {
		return true, err
	}
	return done, s.closeAside(d.st.backend)
}
