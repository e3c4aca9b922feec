package proxy

import (
	"bytes"
	"strings"

	"ifmatch/control"
	"ifmatch/numbering"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// dynamic is an SQL-level prepared statement.
type dynamic struct {
	sql        string
	db         string // database in which it was prepared, which its names belong to
	lex        sqltext.Lexis
	generation uint64 // of the rules that judged it
	unjudged   bool   // it was prepared while nothing was enforced, and its text was not asked for
	// st is how the proxy executes it, of one that it guards or whose rows it notes: as a
	// statement of the binary protocol, of which the client knows nothing.
	st     *statement
	kindOf control.Kind // prepareSQL or immediate
	odd    bool         // something stands behind the text, and PREPARE will leave the one of that name
	// barred is set where the server has, by its name, a statement in its place that fails:
	// a routine may execute it, out of sight.
	barred bool
	verdict
}

// verdict is what the rules say of a text that is prepared at SQL level.
type verdict struct {
	watched *rewrite.Plan   // of one that is observed
	refused string          // why it must not be executed, or ""
	held    bool            // it is to be guarded
	inserts bool            // it passes, and its rows will have been read
	ddl     bool            // it may change what the rules rest on
	ends    control.Ending  // what it means for an open transaction if it ends that
	kind    control.Kind    // of its only statement
	changes control.Changes // what it changes of what the session knows
	// noted is the plan of a SELECT whose rows are remembered. Once the server has
	// prepared it, it has the columns in it that were added.
	noted *rewrite.Plan
	// counts is set for CALL of a numbering routine, which the proxy answers; countsIn is
	// its text.
	counts   *numbering.Call
	countsIn *sqltext.Text
}

// dynamic judges the text of PREPARE and EXECUTE IMMEDIATE before the server
// sees it. done is true where the client has its answer.
func (s *session) dynamic(kind control.Kind, name string, stmt sqltext.Span) (done bool, err error) {
	s.running = dynamic{}
	t := &s.text
	at := int(stmt.Start) + 2 // EXECUTE IMMEDIATE text
	if kind == control.Prepare {
		at = int(stmt.Start) + 3 // PREPARE name FROM text
	}
	if at >= int(stmt.End) {
		return false, nil // the server will say that this is no statement
	}
	single := at+1 == int(stmt.End) || t.Is(at+1, "USING")
	if (!single || t.Tokens[at].Kind != sqltext.String) && !s.enforces() {
		// The server is not asked for a text that would not be refused.
		s.running = s.notJudged()
		s.ends = control.Uncertain
		if kind == control.Immediate {
			s.observeDynamic()
		}
		return false, nil
	}
	var sql []byte
	switch {
	case single && t.Tokens[at].Kind == sqltext.String:
		sql, _ = t.StringValue(nil, at)
	case single && t.Tokens[at].Kind == sqltext.UserVar:
		var readable bool
		if sql, readable, err = s.variable(string(t.Bytes(at))); err != nil {
			return true, err
		}
		if !readable {
			return true, s.refuse(nil, "dynamic", "the text of the prepared statement is in a character set that cannot be judged")
		}
	default:
		return true, s.refuse(nil, "dynamic", "the text of a prepared statement must be a string or a user variable, so that it can be judged")
	}
	if err := s.decide(sql); err != nil {
		return true, err
	}
	d := dynamic{sql: string(sql), db: s.state.DB, lex: s.state.Lex, kindOf: kind, odd: at+1 < int(stmt.End), generation: s.rules.Generation}
	d.verdict = s.judge(&d)
	if kind == control.Prepare {
		// Preparing writes nothing: it is EXECUTE that is refused. Until the server
		// has prepared it the name may stand for what it stood for before.
		s.running = d
		return false, nil
	}
	if d.refused != "" {
		return true, s.refuse(nil, "dynamic", d.refused)
	}
	s.running, s.ends = d, d.ends
	s.observeDynamic()
	return false, nil
}

// prepareNoted carries out PREPARE of a SELECT whose rows are remembered. Where
// columns have to be added its text gives way to one that has them.
func (s *session) prepareNoted(name string, stmt sqltext.Span, attrs []byte) error {
	d := s.running
	sql := s.text.SQL
	if d.noted.Capture().Hidden > 0 {
		var ok bool
		if sql, ok = s.withLiteral(int(stmt.Start)+3, d); !ok {
			d.noted, sql = nil, s.text.SQL
		}
	}
	for {
		if err := s.send(comQuery, attrs, sql); err != nil {
			return err
		}
		first, _, err := s.next()
		if err != nil {
			return err
		}
		p, err := s.payload()
		if err != nil {
			return err
		}
		if first == wire.ERRHeader {
			failed, err := wire.ParseERR(p, s.caps)
			if err != nil {
				return &backendError{err}
			}
			if d.noted != nil && d.noted.Capture().Hidden > 0 && ofAddedColumns(failed.Code) {
				s.srv.counters.uncaptured.Add(1)
				d.noted, sql = nil, s.text.SQL
				continue
			}
			s.noteERR(&failed)
			s.failed = true
			if err := s.client.WritePacket(p); err != nil {
				return err
			}
			if err := s.unnamed(name); err != nil {
				return err
			}
			return s.answered()
		}
		ok, err := wire.ParseOK(p, s.caps)
		if err != nil {
			return &backendError{err}
		}
		s.note(&ok)
		p = bytes.Clone(p)
		if err := s.keep(name, d); err != nil {
			return err
		}
		return s.finish(&ok, p)
	}
}

// executeNotedSQL carries out EXECUTE or EXECUTE IMMEDIATE of a SELECT whose rows are
// remembered.
func (s *session) executeNotedSQL(kind control.Kind, name string, stmt sqltext.Span, attrs []byte) (done bool, err error) {
	d := s.running
	capture := d.noted.Capture()
	dirty, err := s.readsUncommitted()
	if err != nil {
		return true, err
	}
	sql := s.text.SQL
	if kind == control.Immediate {
		if dirty {
			return false, nil
		}
		var ok bool
		if sql, ok = s.withLiteral(int(stmt.Start)+2, d); !ok {
			return false, nil
		}
	}
	if err := s.send(comQuery, attrs, sql); err != nil {
		return true, err
	}
	again, err := s.relayShown(s.answerShown(dirty), capture, false)
	if err != nil {
		return true, err
	}
	if again {
		if err := s.executeUnnoted(kind, name, d, attrs); err != nil {
			return true, err
		}
	}
	s.state.Stale, s.isolation.known = true, s.isolation.known && kind == control.Execute
	return true, s.answered()
}

// executeUnnoted executes the SELECT as the client wrote it, after the server has
// refused the columns that were added.
func (s *session) executeUnnoted(kind control.Kind, name string, d dynamic, attrs []byte) error {
	s.srv.counters.uncaptured.Add(1)
	if kind == control.Execute {
		again, _ := s.literal([]byte(d.sql))
		_, failed, err := s.ask(append([]byte("PREPARE "+quoted(name)+" FROM "), again...))
		if err != nil {
			return err
		}
		if failed != nil {
			return s.orError(failed, nil)
		}
		d.noted = nil
		s.dynamics[strings.ToLower(name)] = d
	}
	if err := s.send(comQuery, attrs, s.text.SQL); err != nil {
		return err
	}
	_, err := s.relay()
	return err
}

// quoted gives a name as it can stand in any statement.
func quoted(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// withLiteral gives the statement at hand with the text of d, columns added, in
// place of the string or variable at token i. ok is false where that cannot be
// written in the session's character set.
func (s *session) withLiteral(i int, d dynamic) (sql []byte, ok bool) {
	var t sqltext.Text
	if t.Lex([]byte(d.sql), &s.state.Lex) != nil {
		return nil, false
	}
	text, ok := s.literal(d.noted.AppendSelect(nil, &t))
	if !ok {
		return nil, false
	}
	at := s.text.Tokens[i]
	sql = append(sql, s.text.SQL[:at.Start]...)
	sql = append(sql, ' ')
	sql = append(sql, text...)
	return append(sql, s.text.SQL[at.End:]...), true
}

// literal writes a string as the session's modes have it.
func (s *session) literal(text []byte) (_ []byte, ok bool) {
	lex := &s.state.Lex
	if lex.Charset != sqltext.UTF8MB4 && lex.Charset != sqltext.UTF8MB3 && !ascii(text) {
		return nil, false
	}
	quoted := make([]byte, 0, len(text)+16)
	quoted = append(quoted, '\'')
	for _, c := range text {
		if c == '\'' || c == '\\' && !lex.NoBackslashEscapes {
			quoted = append(quoted, c)
		}
		quoted = append(quoted, c)
	}
	return append(quoted, '\''), true
}

// variable gives the text in a user variable as the session's character set has
// it, which is how the server will read it. readable is false where that cannot
// be told: then the text is not to be prepared.
func (s *session) variable(name string) (sql []byte, readable bool, err error) {
	rows, failed, err := s.ask([]byte("SELECT CAST(" + name + " AS BINARY), CHARSET(" + name + "), @@session.character_set_client"))
	if err != nil {
		return nil, false, err
	}
	if failed != nil || len(rows) != 1 || len(rows[0]) != 3 {
		return nil, false, nil
	}
	sql = rows[0][0]
	if string(rows[0][1]) == string(rows[0][2]) {
		return sql, true, nil
	}
	for _, c := range sql {
		if c >= 0x80 || c == 0 { // a NUL: two or four bytes for each character
			return nil, false, nil
		}
	}
	return sql, true, nil
}

// judge says whether a text that is prepared at SQL level may be executed.
func (s *session) judge(d *dynamic) verdict {
	var v verdict
	var t sqltext.Text
	sql := []byte(d.sql)
	if err := t.Lex(sql, &d.lex); err != nil {
		if s.rules.MentionsRaw(sql) && !s.enforces() {
			v.watched = unjudged
		} else if s.rules.MentionsRaw(sql) {
			v.refused = "the prepared text cannot be read, and the name of a guarded table is in it"
		}
		return v
	}
	enforces := s.enforces()
	all := t.Statements(nil)
	for _, stmt := range all {
		kind, name := control.Classify(&t, stmt)
		if v.ends = s.endingOf(&t, stmt, kind, name); kind == control.Begin || kind == control.Savepoint || kind == control.RollbackTo || kind == control.Release {
			v.ends = control.Uncertain
		}
		v.kind, v.changes = kind, control.ChangesOf(kind, &t, stmt)
		switch {
		case !enforces:
		case kind == control.SetOwn:
			return verdict{refused: "SET @ifmatch cannot be prepared at SQL level"}
		case kind == control.Prepare, kind == control.Immediate:
			return verdict{refused: "PREPARE within a prepared text cannot be judged"}
		}
		plan := s.rules.Plan(&t, stmt, s.env(d.db)).For(&t)
		switch plan.Verdict {
		case rewrite.Refuse:
			return verdict{refused: plan.Reason}
		case rewrite.Observe:
			v.watched = plan.Observed()
		case rewrite.Guard:
			v.held = true
		}
		if _, numbers := plan.Counter(); numbers {
			if rows, _ := plan.Wanting(&t, nil, true); len(rows) > 0 || plan.NumbersParams() {
				v.held = true
			}
		}
		if n, ok := numbering.Parse(&t, stmt, d.db); ok && kind == control.Call && len(all) == 1 {
			v.counts, v.countsIn = &n, &t
		}
		v.held = v.held || plan.HoldsInitial() || plan.ListsColumns()
		if v.held {
			if refused := guardedDynamic(&t, all, plan); refused != "" {
				return verdict{refused: refused}
			}
		}
		if c := plan.Capture(); c != nil && !c.Observes() && len(all) == 1 {
			v.noted = plan
		}
		v.inserts = plan.Inserts() && v.noted == nil && len(all) == 1
		v.ddl = v.ddl || plan.DDL
	}
	return v
}

// executeDynamic judges EXECUTE name before the server sees it. A statement is judged
// anew where the rules have changed since it was prepared, and one that was not
// seen when it was prepared is not executed. done is true where the client has
// its answer.
func (s *session) executeDynamic(name string) (done bool, err error) {
	d, ok := s.dynamics[strings.ToLower(name)]
	if !ok && !s.enforces() {
		d, ok = s.notJudged(), true
	}
	if !ok {
		// The server is to say so itself. If it has one all the same it is one that was
		// prepared out of sight, in a routine.
		if _, _, err := s.ask([]byte("DEALLOCATE PREPARE " + quoted(name))); err != nil {
			return true, err
		}
		s.running = dynamic{}
		return false, nil
	}
	if d.generation != s.rules.Generation && !d.unjudged {
		if err := s.judgeAgain(name, &d); err != nil {
			return true, err
		}
	}
	if d.unjudged && s.enforces() {
		return true, s.refuse(nil, "dynamic", "it was prepared while nothing was enforced; prepare it again")
	}
	if d.refused != "" {
		return true, s.refuse(nil, "dynamic", d.refused)
	}
	if fickle([]byte(d.sql)) {
		var t sqltext.Text
		_ = t.Lex([]byte(d.sql), &d.lex) // one that cannot be read has been judged
		if other, err := s.readsOtherwise(&t); err != nil || other {
			if err != nil {
				return true, err
			}
			return true, s.refuse(nil, "dynamic", otherwiseRead)
		}
	}
	s.running = d
	s.observeDynamic()
	return false, nil
}
