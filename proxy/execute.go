package proxy

import (
	"encoding/binary"
	"errors"
	"math"
	"strconv"

	"ifmatch/control"
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
	return s.stmts.find(id), nil
}

// unknownStatement answers an execution as the server does where it has no such statement.
func (s *session) unknownStatement(p []byte) error {
	where := "mysql_stmt_precheck"
	if s.state.Lex.Flavor == sqltext.MariaDB {
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
// saw: they would be taken for the beginning of the next one's. The client has its
// answer before.
func (s *session) dropLong(st *statement) error {
	clear(st.long)
	if err := s.client.Flush(); err != nil {
		return err
	}
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
	s.recallPrepared(st)
	if st.kind != control.ShowDiagnosis {
		if err := s.settleShaken(); err != nil {
			return err
		}
	}
	if s.tx.doomed != nil {
		if done, err := s.inDoom(st.kind, st.name); done {
			return err
		}
	}
	if st.own || st.kind == control.ShowDiagnosis && s.diag != nil {
		if t, ok := s.ownTable(st); ok {
			return s.answerBinary(t)
		}
	}
	if done, err := s.admit(st); done || err != nil {
		return err
	}
	return s.carryOut(st, p)
}

// admit holds a statement that is to be executed against the rules in force. done is
// true where the client has its answer.
func (s *session) admit(st *statement) (done bool, err error) {
	if st.kind != control.ShowDiagnosis {
		s.diag = nil
	}
	s.ends = st.ends
	if st.kind == control.Execute {
		s.ends = s.endingOf(st.text, st.stmt, st.kind, st.name) // what the name stands for may have changed
	}
	s.cur = st.text
	if st.fickle {
		if other, err := s.readsOtherwise(st.text); err != nil || other {
			if err != nil {
				return true, err
			}
			return true, s.refuse(nil, "unreadable", otherwiseRead)
		}
	}
	if st.generation != s.rules.Generation {
		if err := s.planAgain(st); err != nil {
			return true, err
		}
	}
	if st.refused != "" {
		return true, s.refuse(nil, "statement", st.refused)
	}
	return false, nil
}

// carryOut carries out an execution of a statement that was judged.
func (s *session) carryOut(st *statement, p []byte) (err error) {
	if st.numbering != nil {
		return s.executeNumbering(st, p)
	}
	if st.kind == control.Execute {
		if done, err := s.executeDynamic(st.name); done {
			return err
		}
	}
	if st.numbered != nil {
		var done bool
		if p, done, err = s.numberExecution(st, p); done {
			return err
		}
		defer func() { s.insertID = 0 }()
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
		case st.kind == control.SetOwn:
			return err
		case !errors.Is(err, wire.ErrParamTypes):
			// The server will say what it thinks of it.
		}
	}
	if st.kind == control.SetOwn {
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
	st.shown = nil // its cursor is closed
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
	if (st.ddl || st.kind == control.Execute && s.running.ddl) && a.failed == nil {
		s.changed()
	}
	return s.answered()
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
	if st.crowded {
		return s.executeCrowded(st)
	}
	return s.bindWrite(&guarded{plan: st.plan, st: st})
}

// planAgain plans a statement anew under new rules, and prepares it anew at the
// backend where that changes its text.
func (s *session) planAgain(st *statement) error {
	st.refused = ""
	if refused := s.planStatement(st); refused != nil {
		st.refused = refused.Reason
		return nil
	}
	if st.refused != "" {
		return nil
	}
	if st.refused = s.renumber(st); st.refused != "" {
		st.generation = 0 // to be tried again
		return nil
	}
	sql, args, rewritten := st.sql()
	if !st.rewritten && !rewritten {
		st.args = args
		return nil
	}
	if st.db != s.state.DB {
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
		return s.post(p)
	}
	param := int(binary.LittleEndian.Uint16(p[5:]))
	binary.LittleEndian.PutUint32(p[1:], st.backend)
	if param < st.params-st.added() {
		param = st.placeOf(param)
		binary.LittleEndian.PutUint16(p[5:], uint16(param))
		st.keepLong(param, p[7:])
		if st.plan != nil && !st.crowded {
			at, used := st.backendParam(param)
			if !used {
				return nil // its assignment gave way to the policy's
			}
			binary.LittleEndian.PutUint16(p[5:], uint16(at))
		}
	}
	return s.post(p)
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
		s.stmts.drop(st)
		if err := s.closeVariant(st); err != nil {
			return err
		}
		if st.own {
			return nil
		}
		binary.LittleEndian.PutUint32(p[1:], st.backend)
	}
	return s.post(p)
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
	if st != nil && st.shown != nil {
		return s.relayFetched(st.shown)
	}
	var a answer
	if _, err := s.relayToEnd(&a); err != nil {
		return err
	}
	return s.answered()
}
