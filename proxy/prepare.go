package proxy

import (
	"bytes"

	"ifmatch/control"
	"ifmatch/numbering"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// statement is a statement prepared by COM_STMT_PREPARE.
type statement struct {
	// What every execution asks for comes first, to lie close together.
	id         uint32 // by which the client knows it: the backend's first
	backend    uint32 // by which the backend knows it now
	params     int    // parameters that the client knows of
	generation uint64 // of the rules that made the plan
	kind       control.Kind
	ends       control.Ending // what it means for a transaction that it ends; another each time where kind is control.Execute
	opens      bool           // it may open a transaction, though it is plain
	own        bool           // the proxy answers it itself
	unread     bool           // it cannot be read, and names a guarded table: it is executed while nothing is enforced
	fickle     bool           // how it is read depends on modes or character set
	ddl        bool           // it may change what the rules rest on
	untold     bool           // it makes rows of a guarded table that are not known
	crowded    bool           // a guarded statement that has no room for parameters of the guard: see crowded.go
	rewritten  bool           // the backend has prepared it with a guard in it
	unbound    bool           // the backend has not had the types of its parameters since it was prepared again

	text      *sqltext.Text
	plan      *rewrite.Plan      // of a guarded statement; nil: it passes
	noted     *rewrite.Plan      // of one that passes and of which something is remembered
	watched   *rewrite.Plan      // of one that passes and is observed
	numbered  *numberedStatement // of one to which parameters were added for that
	numbering *numbering.Call    // of CALL ifmatch.allocids and the like
	shown     *shown             // the answer of the last execution, while a cursor is open
	refused   string             // by rules that came later
	types     []wire.ParamType   // of the last execution
	long      map[int]*longParam
	args      []rewrite.Arg // of a guarded statement, in the backend's order

	stmt    sqltext.Span
	db      string // database in which it was prepared, which its names belong to
	name    string // of a savepoint and the like
	changes control.Changes
	counted *rewrite.Plan // of an INSERT some of whose rows may want a number
	listed  bool          // whether text has a list of columns that is not the client's
	variant uint32        // of a crowded one, the backend's id of the last that was executed
}

// longParam is a parameter that came by COM_STMT_SEND_LONG_DATA.
type longParam struct {
	value []byte // the first bytes
	more  bool   // there were more than are kept
}

// maxLongKept bounds the bytes that are kept of a long parameter: no key is
// longer (InnoDB's limit is 3072 bytes).
const maxLongKept = 4096

// prepare carries out COM_STMT_PREPARE.
func (s *session) prepare() error {
	p, err := s.client.Payload(maxCommand)
	if err != nil {
		return err
	}
	s.lastStmt = 0 // so that what is sent behind it does not execute another where it fails
	if s.tx.doomed != nil {
		if done, err := s.prepareInDoom(p[1:]); done {
			return err
		}
	}
	sql := p[1:]
	if err := s.decide(sql); err != nil {
		return err
	}
	if s.blind() {
		return s.refuse(nil, "unreadable", unnameable)
	}
	st := &statement{db: s.state.DB, generation: s.rules.Generation}
	s.cur = nil
	if st.text, err = copyText(sql, &s.state.Lex); err != nil {
		if st.unread = s.rules.MentionsRaw(sql); st.unread && s.refuses("unreadable") {
			return s.refuse(nil, "unreadable", "the statement cannot be read, and the name of a guarded table is in it")
		}
		st.text = nil
	}
	st.fickle = st.text != nil && fickle(sql)
	s.cur = st.text
	s.listColumns(st, &s.state.Lex)
	if refused := s.planStatement(st); refused != nil {
		return s.refuse(refused.Table, "statement", refused.Reason)
	}
	if refused, failed, err := s.prepareNumbered(st); err != nil {
		return err
	} else if failed != nil {
		return s.orError(failed, nil)
	} else if refused != nil {
		return s.refuse(refused.Table, "statement", refused.Reason)
	}
	if st.kind == control.ShowIfmatch || st.kind == control.ShowDiagnosis && s.diag != nil {
		return s.prepareOwn(st)
	}
	if st.kind != control.ShowDiagnosis {
		s.diag = nil
	}
	if st.plan == nil && st.hidden() == 0 && st.added() == 0 && !st.listed {
		if err := s.passCommand(); err != nil {
			return err
		}
		return s.relayPrepared(st)
	}
	var text []byte
	if st.added() > 0 && len(st.numbered.own) > maxParams {
		return s.refuse(st.counted.Table, "parameters", "its numbers would need more than 65,535 parameters")
	}
	text, st.args, st.rewritten = st.sql()
	if err := s.send([]byte{byte(wire.ComStmtPrepare)}, text); err != nil {
		return err
	}
	return s.relayPrepared(st)
}

// prepareAsIs prepares a SELECT without the columns that were added to it, which
// the server has refused.
func (s *session) prepareAsIs(st *statement) error {
	st.noted, st.rewritten = nil, false
	s.srv.counters.uncaptured.Add(1)
	if err := s.send([]byte{byte(wire.ComStmtPrepare)}, st.text.SQL); err != nil {
		return err
	}
	return s.relayPrepared(st)
}

// listColumns gives a prepared INSERT the list of columns that it wants.
func (s *session) listColumns(st *statement, lex *sqltext.Lexis) {
	if st.text == nil {
		return
	}
	spans := st.text.Statements(nil)
	if len(spans) != 1 || !s.rules.Mentions(st.text, spans[0]) {
		return
	}
	if first := int(spans[0].Start); !st.text.Is(first, "INSERT") && !st.text.Is(first, "REPLACE") {
		return
	}
	plan := s.plan(st.text, spans[0], st.db)
	if !plan.ListsColumns() {
		return
	}
	if t, err := copyText(plan.AppendListed(nil, st.text), lex); err == nil {
		st.text, st.listed, s.cur = t, true, t
	}
}

// maxParams is the greatest number of parameters of a prepared statement.
const maxParams = 65535

// prepareInDoom lets a doomed transaction prepare what ends it.
func (s *session) prepareInDoom(sql []byte) (done bool, err error) {
	t, err := copyText(sql, &s.state.Lex)
	if err == nil {
		if spans := t.Statements(nil); len(spans) == 1 {
			switch kind, _ := control.Classify(t, spans[0]); kind {
			case control.Rollback, control.RollbackTo, control.Commit, control.Begin, control.XAEnd, control.XARollback, control.ShowDiagnosis:
				return false, nil
			}
		}
	}
	return true, s.answerConflict(s.doomedError())
}

// planStatement classifies and plans a prepared statement. It gives the plan of
// one that is refused.
func (s *session) planStatement(st *statement) (refused *rewrite.Plan) {
	st.plan, st.noted, st.watched, st.generation = nil, nil, nil, s.rules.Generation
	st.counted, st.crowded = nil, false
	st.ends = control.Uncertain
	if st.text == nil {
		if st.unread && s.enforces() {
			return &rewrite.Plan{Verdict: rewrite.Refuse, Reason: "it cannot be read, and names a guarded table"}
		}
		return nil
	}
	st.ends, st.opens = s.endingOf(st.text, st.stmt, st.kind, st.name), opens(st.text)
	spans := st.text.Statements(nil)
	if len(spans) != 1 {
		for _, span := range spans {
			if s.rules.Mentions(st.text, span) && s.enforces() {
				return &rewrite.Plan{Verdict: rewrite.Refuse, Reason: "several statements in one prepared text"}
			}
		}
		return nil
	}
	st.stmt = spans[0]
	st.kind, st.name = control.Classify(st.text, st.stmt)
	st.ends = s.endingOf(st.text, st.stmt, st.kind, st.name)
	switch st.kind {
	case control.Prepare, control.Immediate:
		if !s.enforces() {
			st.watched = unjudged
			return nil
		}
		// No server prepares it; should one do so, it is not executed.
		st.refused = "PREPARE within a prepared statement cannot be judged"
		return nil
	}
	st.changes = control.ChangesOf(st.kind, st.text, st.stmt)
	if st.kind == control.Call {
		if n, ok := numbering.Parse(st.text, st.stmt, st.db); ok {
			st.numbering = &n
			return s.lacksLedger()
		}
	}
	if st.kind == control.Plain && !s.rules.Mentions(st.text, st.stmt) {
		return nil
	}
	plan := s.plan(st.text, st.stmt, st.db)
	switch plan.Verdict {
	case rewrite.Refuse:
		return plan
	case rewrite.Guard:
		st.plan = plan
	case rewrite.Observe:
		st.watched = plan.Observed()
	case rewrite.Pass:
		if plan.Capture() != nil || plan.Inserts() || plan.HoldsInitial() {
			st.noted = plan
		}
	}
	if _, numbers := plan.Counter(); numbers {
		st.counted = plan
	}
	st.ddl = plan.DDL
	st.untold = plan.Verdict == rewrite.Pass && st.noted == nil && plan.Table != nil && insertsOf(st.text, st.stmt)
	return nil
}

// hidden gives the number of columns that are added to a SELECT.
func (st *statement) hidden() int {
	if st.noted == nil || st.noted.Capture() == nil {
		return 0
	}
	return st.noted.Capture().Hidden
}

// sql gives the statement as the backend prepares it, and what its parameters are
// where they are not the client's alone.
func (st *statement) sql() (sql []byte, args []rewrite.Arg, rewritten bool) {
	switch {
	case st.plan != nil:
		sql, args = st.plan.Prepared(st.text)
		if st.crowded = len(args) > maxParams; st.crowded {
			return st.text.SQL, nil, false
		}
		return sql, args, true
	case st.hidden() > 0:
		return st.noted.AppendSelect(nil, st.text), nil, true
	}
	return st.text.SQL, nil, false
}

// relayPrepared relays the answer to COM_STMT_PREPARE, with the client's own
// parameters only.
func (s *session) relayPrepared(st *statement) error {
	first, _, err := s.next()
	if err != nil {
		return err
	}
	if first == wire.ERRHeader {
		if st.hidden() > 0 {
			p, err := s.payload()
			if err != nil {
				return err
			}
			if failed, err := wire.ParseERR(p, s.caps); err == nil && ofAddedColumns(failed.Code) {
				return s.prepareAsIs(st)
			}
		}
		if _, err := s.passERR(); err != nil {
			return err
		}
		return s.answered()
	}
	p, err := s.payload()
	if err != nil {
		return err
	}
	ok, err := wire.ParsePrepareOK(bytes.Clone(p))
	if err != nil {
		return &backendError{err}
	}
	if st.plan != nil && !st.crowded && int(ok.Params) != len(st.args) {
		return &backendError{&wire.MalformedError{What: "answer to COM_STMT_PREPARE has a wrong number of parameters"}}
	}
	st.id, st.backend, st.params = ok.ID, ok.ID, int(ok.Params)
	shown := ok
	if st.plan != nil {
		st.params = st.plan.Params()
		shown.Params = uint16(st.params)
	}
	shown.Params -= uint16(st.added())
	columns, hidden := int(ok.Columns), st.hidden()
	if columns == 0 && hidden > 0 && st.noted.Capture().Made {
		hidden = 0 // what INSERT … RETURNING gives is described only when it is executed
	}
	if hidden >= columns && hidden > 0 {
		return &backendError{&wire.MalformedError{What: "answer to COM_STMT_PREPARE has a wrong number of columns"}}
	}
	shown.Columns -= uint16(hidden)
	if err := s.client.WritePacket(shown.Append(nil)); err != nil {
		return err
	}
	failed, err := s.relayParams(st, int(ok.Params))
	if failed == nil && err == nil {
		var seen func(i int) bool
		if hidden > 0 {
			seen = func(i int) bool { return i < columns-hidden || i == columns }
		}
		failed, err = s.relayDefinitions(columns, seen)
	}
	if err != nil {
		return err
	}
	if failed == nil {
		s.stmts.keep(st)
		s.lastStmt = st.id
	}
	return s.answered()
}

// relayParams relays the definitions of the client's parameters in the order of
// the client's statement, and drops the others.
func (s *session) relayParams(st *statement, count int) (failed *wire.ERR, err error) {
	theirs := st.params - st.added()
	if st.plan == nil || st.crowded {
		return s.relayDefinitions(count, func(i int) bool { return i < count && !st.isAdded(i) || i == count && theirs > 0 })
	}
	own := make([][]byte, st.params)
	for i := range count {
		instead, err := s.nextDefinition()
		if err != nil {
			return nil, err
		}
		if instead {
			return s.passERR()
		}
		p, err := s.payload()
		if err != nil {
			return nil, err
		}
		if a := st.args[i]; a.Kind == rewrite.ArgClient && !a.Again {
			own[a.Client] = bytes.Clone(p)
		}
	}
	for i, p := range own {
		if st.isAdded(i) {
			continue
		}
		if p == nil {
			p = unusedParam.Append(nil, s.caps)
		}
		if err := s.client.WritePacket(p); err != nil {
			return nil, err
		}
	}
	if count == 0 || s.caps.Has(wire.ClientDeprecateEOF) {
		return nil, nil
	}
	_, p, err := s.endOfDefinitions()
	if err != nil || theirs == 0 {
		return nil, err
	}
	return nil, s.client.WritePacket(p)
}

// unusedParam describes a parameter of an assignment that gave way to the
// policy's, as MariaDB describes every parameter.
var unusedParam = wire.Column{Catalog: []byte("def"), Name: []byte("?"), Charset: 63, Type: wire.TypeVarString}

// relayDefinitions relays count definitions and the EOF behind them, those that
// are to be shown; the EOF is number count. With a nil shown it relays them all.
func (s *session) relayDefinitions(count int, shown func(i int) bool) (failed *wire.ERR, err error) {
	if count == 0 {
		return nil, nil
	}
	for i := range count {
		if shown == nil || shown(i) {
			failed, err = s.relayDefinition()
		} else {
			failed, err = s.dropDefinition()
		}
		if failed != nil || err != nil {
			return failed, err
		}
	}
	if s.caps.Has(wire.ClientDeprecateEOF) {
		return nil, nil
	}
	_, p, err := s.endOfDefinitions()
	if err != nil || shown != nil && !shown(count) {
		return nil, err
	}
	return nil, s.client.WritePacket(p)
}
