package proxy

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"

	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// lastPrepared is the statement id by which MariaDB's clients mean the
// statement that was prepared last.
const lastPrepared = math.MaxUint32

// find gives the statement that a command's packet is about.
func (s *session) find(p []byte) (*statement, error) {
	if len(p) < 5 {
		return nil, &wire.MalformedError{What: "command has no statement id"}
	}
	id := binary.LittleEndian.Uint32(p[1:])
	if id == lastPrepared {
		id = s.lastStmt
	}
	return s.stmts[id], nil
}

// unknownStatement answers an execution as the server does where it has no such statement.
func (s *session) unknownStatement(p []byte) error {
	where := "mysql_stmt_precheck"
	if s.state.lex.Flavor == sqltext.MariaDB {
		where = "mysqld_stmt_execute"
	}
	id := strconv.FormatUint(uint64(binary.LittleEndian.Uint32(p[1:])), 10)
	return s.answerError(1243, "HY000", "Unknown prepared statement handler ("+id+") given to "+where)
}

// execute carries out COM_STMT_EXECUTE.
func (s *session) execute() error {
	p, err := s.client.Payload(maxCommand)
	if err != nil {
		return err
	}
	st, err := s.find(p)
	if err != nil {
		return err
	}
	if st == nil {
		return s.unknownStatement(p)
	}
	s.srv.counters.statements.Add(1)
	long := len(st.long) > 0
	s.executed = false
	if err := s.executeStatement(st, p); err != nil || s.executed || !long {
		return err
	}
	return s.dropLong(st)
}

// dropLong makes the backend forget the long data of an execution that it never
// saw: they would be taken for the beginning of the next one's.
func (s *session) dropLong(st *statement) error {
	clear(st.long)
	var packet [5]byte
	packet[0] = byte(wire.ComStmtReset)
	binary.LittleEndian.PutUint32(packet[1:], st.backend)
	if err := s.send(packet[:]); err != nil {
		return err
	}
	_, _, err := s.collect(false)
	return err
}

// executeStatement judges an execution and carries it out.
func (s *session) executeStatement(st *statement, p []byte) error {
	if st.kind != showDiagnosis {
		if err := s.settleShaken(); err != nil {
			return err
		}
	}
	if s.tx.doomed != nil {
		if done, err := s.inDoom(st.kind, st.name); done {
			return err
		}
	}
	if st.own || st.kind == showDiagnosis && s.diag != nil {
		if t, ok := s.ownTable(st); ok {
			return s.answerBinary(t)
		}
	}
	if st.kind != showDiagnosis {
		s.diag = nil
	}
	s.ends = uncertain
	if st.text != nil {
		s.ends = s.endingOf(st.text, st.stmt, st.kind, st.name)
	}
	s.cur = st.text
	if st.generation != s.rules.Generation {
		if err := s.planAgain(st); err != nil {
			return err
		}
	}
	if st.refused != "" {
		return s.refuse(nil, "statement", st.refused)
	}
	if st.kind == executeSQL {
		if done, err := s.executeDynamic(st.name); done {
			return err
		}
	}
	if st.plan != nil {
		return s.executeGuarded(st, p)
	}
	return s.executePlain(st, p)
}

// executePlain passes the execution of a statement that is not guarded.
func (s *session) executePlain(st *statement, p []byte) error {
	typed := false
	if st.params > 0 {
		err := s.exec.Parse(p[1:], st.params, st.types, st.isLong, s.caps)
		switch {
		case err == nil:
			st.types, typed = s.exec.Types(st.types[:0]), true
		case st.kind == setOwn:
			return err
		case !errors.Is(err, wire.ErrParamTypes):
			// The server will say what it thinks of it.
		}
	}
	if st.kind == setOwn {
		s.bindValues(st)
		if refused := s.takeVariables(st.stmt, s.values); refused != "" && s.enforces() {
			return s.refuse(nil, "hint", refused)
		}
	}
	binary.LittleEndian.PutUint32(p[1:], st.backend)
	if st.unbound && typed {
		// The client may leave out the types, which only the old one has had.
		st.unbound = false
		e := s.exec
		e.ID = st.backend
		s.out = e.Append(append(s.out[:0], byte(wire.ComStmtExecute)), s.caps)
		p = s.out
	}
	s.executed = true
	if st.shown != nil {
		st.shown.capture = nil // its cursor is closed
	}
	defer clear(st.long)
	if st.watched != nil {
		if done, err := s.executeObserved(st, p, typed); done || err != nil {
			return err
		}
	}
	if st.noted != nil {
		if done, err := s.executeNoted(st, p, typed); done || err != nil {
			return err
		}
	}
	if err := s.send(p); err != nil {
		return err
	}
	a, err := s.relay()
	if err != nil {
		return err
	}
	s.settle(st.kind, st.name, st.changes, &a)
	if st.untold {
		s.reads.writesUntold()
	}
	s.renewObserved()
	if (st.ddl || st.kind == executeSQL && s.running.ddl) && a.failed == nil {
		s.changed()
	}
	return s.client.Flush()
}

// executeNoted carries out the execution of a statement of which something is
// remembered. p is what is sent.
func (s *session) executeNoted(st *statement, p []byte, typed bool) (done bool, err error) {
	if st.noted.Inserts() {
		if typed {
			s.bindValues(st)
		}
		return true, s.insert(&inserting{st.noted, st.text, s.values[:boundParams(st, typed)], func() error { return s.send(p) }})
	}
	capture := st.noted.Capture()
	dirty, err := s.dirty(capture)
	if err != nil || dirty && capture.Hidden == 0 {
		return false, err
	}
	if st.shown == nil {
		st.shown = &shown{}
	}
	st.shown.blind = dirty
	if typed || st.params == 0 {
		s.nameExecuted(st)
	}
	if err := s.send(p); err != nil {
		return true, err
	}
	again, err := s.relayShown(st.shown, capture, true)
	if err != nil {
		return true, err
	}
	if again {
		return true, s.executeAsIs(st, p, typed)
	}
	return true, s.client.Flush()
}

// executeAsIs prepares a SELECT anew without the columns that were added to it, of
// which the server says that they must not be read, and executes that. p is what
// was sent.
func (s *session) executeAsIs(st *statement, p []byte, typed bool) error {
	s.srv.counters.uncaptured.Add(1)
	prepared, failed, err := s.prepareAside(st.text.SQL)
	if err != nil {
		return err
	}
	if failed != nil {
		return s.orError(failed, nil)
	}
	old := st.backend
	st.backend, st.noted, st.rewritten = prepared.ID, nil, false
	if len(st.long) > 0 {
		st.unbound = true
		if err := s.closeAside(old); err != nil {
			return err
		}
		return s.answerError(1210, "HY000", "ifmatch: the long parameters went to a statement that the server refused; send them again")
	}
	binary.LittleEndian.PutUint32(p[1:], st.backend)
	if typed { // the new one has not had the types
		e := s.exec
		e.ID = st.backend
		s.out = e.Append(append(s.out[:0], byte(wire.ComStmtExecute)), s.caps)
		p = s.out
	}
	if err := s.send(p); err != nil {
		return err
	}
	if _, err := s.relay(); err != nil {
		return err
	}
	if err := s.closeAside(old); err != nil {
		return err
	}
	return s.client.Flush()
}

// boundParams gives the number of parameters whose values are known.
func boundParams(st *statement, typed bool) int {
	if !typed {
		return 0
	}
	return st.params
}

// executeGuarded carries out the execution of a guarded statement.
func (s *session) executeGuarded(st *statement, p []byte) error {
	s.srv.counters.guarded.Add(1)
	err := s.exec.Parse(p[1:], st.params, st.types, st.isLong, s.caps)
	defer clear(st.long)
	if err != nil {
		if errors.Is(err, wire.ErrParamTypes) {
			return s.answerError(1210, "HY000", "ifmatch: the first execution has to give the types of the parameters")
		}
		return err
	}
	st.types = s.exec.Types(st.types[:0])
	s.bindValues(st)
	hint, refused := s.expectation()
	if refused != "" {
		return s.refuse(st.plan.Table, "hint", refused)
	}
	if err := st.plan.Bind(st.text, s.values, hint, &s.binding); err != nil {
		return s.unbound(st.plan, err)
	}
	return s.write(&guarded{plan: st.plan, st: st})
}

// bindValues gives the values of the client's parameters as plans understand them.
func (s *session) bindValues(st *statement) {
	s.values = s.values[:0]
	for i, p := range s.exec.Params {
		if p.Long {
			s.values = append(s.values, st.long[i].asValue())
			continue
		}
		s.values = append(s.values, paramValue(p))
	}
}

// asValue gives a long parameter as plans understand it.
func (l *longParam) asValue() rewrite.Value {
	if l == nil {
		return rewrite.TextValue("")
	}
	if l.more {
		return rewrite.Value{Kind: rewrite.Opaque}
	}
	return rewrite.TextValue(string(l.value))
}

// paramValue gives a parameter as plans understand it.
func paramValue(p wire.Param) rewrite.Value {
	if p.Null {
		return rewrite.Value{Kind: rewrite.Null}
	}
	if v, negative, ok := p.Integer(); ok {
		if negative {
			return rewrite.IntegerValue(int64(v))
		}
		return rewrite.UintValue(v)
	}
	if b, ok := p.Bytes(); ok {
		if p.Type == wire.TypeDecimal || p.Type == wire.TypeNewDecimal {
			return rewrite.DecimalValue(string(b))
		}
		return rewrite.TextValue(string(b))
	}
	if p.Type == wire.TypeDouble && len(p.Value) == 8 {
		// Clients without integers send whole numbers so. Below 2^53 a double is
		// as good as an integer.
		f := math.Float64frombits(binary.LittleEndian.Uint64(p.Value))
		if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return rewrite.IntegerValue(int64(f))
		}
	}
	return rewrite.Value{Kind: rewrite.Opaque, Text: "?"}
}

// backendParams gives the parameters of a guarded statement in the backend's
// order: the client's, and those of the guard.
func (s *session) backendParams(st *statement) []wire.Param {
	s.params, s.added = s.params[:0], s.added[:0]
	seen := 0
	for _, a := range st.args {
		if a.Kind != rewrite.ArgClient {
			var p wire.Param
			p, s.added = valueParam(s.added, s.binding.Value(a))
			s.params = append(s.params, p)
			continue
		}
		p := s.exec.Params[a.Client]
		if a.Client == seen {
			seen++
		} else if p.Long {
			// The backend has the long data for the first use only.
			p = longAgain(p.Type, st.long[a.Client])
		}
		s.params = append(s.params, p)
	}
	return s.params
}

// valueParams gives the parameters of a probe, which has no long data.
func (s *session) valueParams(st *statement, args []rewrite.Arg) []wire.Param {
	params := make([]wire.Param, len(args))
	for i, a := range args {
		switch {
		case a.Kind != rewrite.ArgClient:
			params[i], _ = valueParam(nil, s.binding.Value(a))
		case s.exec.Params[a.Client].Long:
			params[i] = wire.NewBytes(st.long[a.Client].bytes())
		default:
			params[i] = s.exec.Params[a.Client]
		}
	}
	return params
}

// longAgain gives a long parameter for a use beyond the first. Bytes stay bytes,
// which no character set converts.
func longAgain(t wire.FieldType, l *longParam) wire.Param {
	p := wire.NewBytes(l.bytes())
	switch t {
	case wire.TypeTinyBlob, wire.TypeMediumBlob, wire.TypeLongBlob, wire.TypeBlob:
		p.Type = t
	}
	return p
}

func (l *longParam) bytes() []byte {
	if l == nil {
		return nil
	}
	return l.value
}

// valueParam gives a value of ours as a parameter. Its bytes are appended to buf.
func valueParam(buf []byte, v rewrite.Value) (wire.Param, []byte) {
	start := len(buf)
	switch v.Kind {
	case rewrite.Integer:
		n := v.Abs
		if v.Neg {
			n = -n
		}
		buf = binary.LittleEndian.AppendUint64(buf, n)
		return wire.Param{Type: wire.TypeLongLong, Unsigned: !v.Neg, Value: buf[start:]}, buf
	case rewrite.Null, rewrite.NoValue:
		return wire.NewNull(), buf
	case rewrite.Bytes:
		buf = wire.AppendLenBytes(buf, v.Text)
		return wire.Param{Type: wire.TypeBlob, Value: buf[start:]}, buf
	}
	buf = wire.AppendLenBytes(buf, v.Text)
	return wire.Param{Type: wire.TypeVarString, Value: buf[start:]}, buf
}

// planAgain plans a statement anew under new rules, and prepares it anew at the
// backend where that changes its text.
func (s *session) planAgain(st *statement) error {
	st.refused = ""
	if refused := s.planStatement(st); refused != nil {
		st.refused = refused.Reason
		return nil
	}
	sql, args, rewritten := st.sql()
	if !st.rewritten && !rewritten {
		return nil
	}
	if st.db != s.state.db {
		// Its names would be looked for in another database.
		st.refused = "the policy has changed since it was prepared, in another database; prepare it again"
		st.generation = 0 // to be tried again
		return nil
	}
	prepared, failed, err := s.prepareAside(sql)
	if err != nil {
		return err
	}
	if failed != nil && st.hidden() > 0 {
		st.noted, rewritten = nil, false
		if prepared, failed, err = s.prepareAside(st.text.SQL); err != nil {
			return err
		}
	}
	if failed != nil {
		st.refused = "the statement cannot be prepared under the new policy"
		st.generation = 0 // to be tried again
		s.log.Warn("statement could not be prepared again", "code", failed.Code)
		return nil
	}
	// The client keeps its id: the backend gives none out twice in a session.
	old := st.backend
	st.backend, st.rewritten, st.unbound = prepared.ID, rewritten, true
	st.args = args
	if len(st.long) > 0 {
		// They went to the old one.
		clear(st.long)
		st.refused = "the policy has changed while its long parameters came; send them again"
		st.generation = 0
	}
	return s.closeAside(old)
}

func (st *statement) isLong(i int) bool {
	_, ok := st.long[i]
	return ok
}

// longData passes COM_STMT_SEND_LONG_DATA, which has no answer.
func (s *session) longData() error {
	p, err := s.client.Payload(maxCommand)
	if err != nil {
		return err
	}
	if len(p) < 7 {
		return &wire.MalformedError{What: "COM_STMT_SEND_LONG_DATA is cut short"}
	}
	st, err := s.find(p)
	if err != nil {
		return err
	}
	if st == nil {
		return s.send(p)
	}
	param := int(binary.LittleEndian.Uint16(p[5:]))
	binary.LittleEndian.PutUint32(p[1:], st.backend)
	if param < st.params {
		st.keepLong(param, p[7:])
		if st.plan != nil {
			binary.LittleEndian.PutUint16(p[5:], uint16(st.backendParam(param)))
		}
	}
	return s.send(p)
}

// keepLong keeps the beginning of a long parameter, which may be a key.
func (st *statement) keepLong(param int, data []byte) {
	if st.long == nil {
		st.long = map[int]*longParam{}
	}
	l := st.long[param]
	if l == nil {
		l = &longParam{}
		st.long[param] = l
	}
	keep := min(len(data), maxLongKept-len(l.value))
	l.value = append(l.value, data[:keep]...)
	l.more = l.more || keep < len(data)
}

// backendParam gives the place of the client's parameter among the backend's.
func (st *statement) backendParam(param int) int {
	for i, a := range st.args {
		if a.Kind == rewrite.ArgClient && a.Client == param {
			return i
		}
	}
	return param
}

// closeStatement passes COM_STMT_CLOSE, which has no answer.
func (s *session) closeStatement() error {
	p, err := s.client.Payload(maxCommand)
	if err != nil {
		return err
	}
	st, err := s.find(p)
	if err != nil {
		return err
	}
	if st != nil {
		delete(s.stmts, st.id)
		if st.own {
			return nil
		}
		binary.LittleEndian.PutUint32(p[1:], st.backend)
	}
	return s.send(p)
}

// statementCommand passes COM_STMT_RESET and COM_STMT_FETCH.
func (s *session) statementCommand(c wire.Command) error {
	p, err := s.client.Payload(maxCommand)
	if err != nil {
		return err
	}
	st, err := s.find(p)
	if err != nil {
		return err
	}
	if c == wire.ComStmtFetch && s.tx.doomed != nil {
		return s.answerConflict(s.doomedError())
	}
	if st != nil && st.own {
		return s.answerOK()
	}
	if st != nil {
		binary.LittleEndian.PutUint32(p[1:], st.backend)
		if c == wire.ComStmtReset {
			clear(st.long)
		}
	}
	if err := s.send(p); err != nil {
		return err
	}
	if c == wire.ComStmtReset {
		_, err := s.singleAnswer()
		return err
	}
	if st != nil && st.shown != nil && st.shown.capture != nil {
		return s.relayFetched(st.shown)
	}
	var a answer
	if _, err := s.relayToEnd(&a); err != nil {
		return err
	}
	return s.client.Flush()
}
