package proxy

import (
	"encoding/binary"
	"slices"

	"ifmatch/control"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// This file carries out COM_STMT_BULK_EXECUTE, MariaDB's execution of one statement
// with many rows of parameters. What concerns no guarded table goes as it came, and
// so does an INSERT whose rows the policy allows. All else is carried out row by row:
// see bulkrows.go.

// unsupportedInBulk is how the server refuses to execute a statement in bulk: all but
// INSERT, REPLACE, UPDATE and DELETE, and those without parameters.
var unsupportedInBulk = wire.ERR{Code: 1295, State: "HY000", Message: "This command is not supported in the prepared statement protocol yet"}

// wrongBulk is how the server refuses parameters that it cannot read.
var wrongBulk = wire.ERR{Code: 1210, State: "HY000", Message: "Incorrect arguments to mysqld_stmt_bulk_execute"}

// emptyBulk is how the server refuses a packet without a row.
var emptyBulk = wire.ERR{Code: 1835, State: "HY000", Message: "Malformed communication packet"}

// A bulk is a bulk execution on its way.
type bulk struct {
	st     *statement
	packet []byte
	types  []wire.ParamType // of the client's parameters, nil where they are not known
}

// rows begins to read the rows from the first one on.
func (b *bulk) rows(into *wire.BulkExecute) error {
	return into.Parse(b.packet[1:], b.theirs())
}

// theirs gives the number of parameters that the client knows of.
func (b *bulk) theirs() int { return b.st.params - b.st.added() }

// bulkExecute carries out COM_STMT_BULK_EXECUTE.
func (s *session) bulkExecute() error {
	p, err := s.client.Payload(maxCommand)
	if err != nil {
		return err
	}
	st, err := s.find(p)
	switch {
	case err != nil:
		return err
	case s.state.Lex.Flavor != sqltext.MariaDB:
		return s.answerError(1047, "08S01", "ifmatch: COM_STMT_BULK_EXECUTE is not known to MySQL")
	case s.tx.doomed != nil:
		return s.answerConflict(s.doomedError())
	case !s.caps.Has(wire.MariaDBStmtBulkOperations):
		return s.orError(&unsupportedInBulk, nil)
	case st == nil:
		return s.unknownStatement(p)
	}
	s.srv.counters.statements.Add(1)
	s.srv.counters.bulk.Add(1)
	s.executed = false
	if err := s.bulkStatement(st, p); err != nil || s.executed || len(st.long) == 0 {
		return err
	}
	return s.dropLong(st)
}

// bulkStatement judges a bulk execution and carries it out.
func (s *session) bulkStatement(st *statement, p []byte) error {
	s.recallPrepared(st)
	if err := s.settleShaken(); err != nil {
		return err
	}
	switch {
	case st.own, st.kind == control.ShowDiagnosis:
		return s.orError(&unsupportedInBulk, nil)
	case st.kind == control.Call, st.kind == control.Execute, st.kind == control.Immediate, st.kind == control.Prepare:
		// No server executes these in bulk; should one do so, they are not judged row by row.
		return s.orError(&unsupportedInBulk, nil)
	}
	if done, err := s.admit(st); done || err != nil {
		return err
	}
	b := &bulk{st: st, packet: p}
	var e wire.BulkExecute
	readable := b.rows(&e) == nil
	b.knowTypes(&e)
	switch {
	case st.plan == nil && st.noted == nil && st.numbered == nil:
		return s.bulkPlain(b, &e)
	case !batches(st.text, st.stmt), b.theirs() == 0, e.Flags&^wire.BulkTypes != 0:
		return s.orError(&unsupportedInBulk, nil)
	case !e.More():
		return s.orError(&emptyBulk, nil)
	case !readable, b.types == nil:
		return s.orError(&wrongBulk, nil)
	}
	if len(st.long) > 0 { // the server forgets it where rows are bound
		if err := s.dropLong(st); err != nil {
			return err
		}
	}
	if st.plan == nil && st.numbered == nil && st.noted.Capture() == nil {
		if done, err := s.bulkInsert(b, &e); done || err != nil {
			return err
		}
	}
	return s.bulkRows(b)
}

// knowTypes finds the types of the client's parameters: those that the packet has, or
// those of the execution before.
func (b *bulk) knowTypes(e *wire.BulkExecute) {
	known := b.st.types
	if b.st.numbered != nil {
		known = b.st.numbered.types
	}
	switch {
	case e.Types != nil:
		b.types = e.Types
	case len(known) >= b.theirs():
		b.types = known[:b.theirs()]
	}
}

// batches reports whether a statement is of a kind that the server executes in bulk, as
// far as it is guarded: not a DELETE from joined tables, nor an INSERT of a SELECT.
func batches(t *sqltext.Text, stmt sqltext.Span) bool {
	first := int(stmt.Start)
	switch {
	case t.Is(first, "UPDATE"):
		return true
	case t.Is(first, "DELETE"):
		from := false
		for i := first + 1; i < int(stmt.End); i++ {
			switch {
			case from && t.Is(i, "USING"):
				return false
			case t.Is(i, "FROM"):
				from = true
			case !from && !t.Is(i, "LOW_PRIORITY") && !t.Is(i, "QUICK") && !t.Is(i, "IGNORE"):
				return false
			}
		}
		return from
	case t.Is(first, "INSERT"), t.Is(first, "REPLACE"):
		for i := first + 1; i < int(stmt.End); i++ {
			if t.Is(i, "VALUES") || t.Is(i, "VALUE") || t.Is(i, "SET") {
				return true
			}
			if t.Is(i, "SELECT") || t.Is(i, "WITH") {
				return false
			}
		}
	}
	return false
}

// bulkPlain passes a bulk execution of a statement that is not guarded.
func (s *session) bulkPlain(b *bulk, e *wire.BulkExecute) error {
	st := b.st
	if st.watched != nil {
		// Its rows are not looked at one by one.
		if t := st.watched.Table; t != nil {
			s.loseObserved(t)
		}
		s.observeDropped()
	}
	if err := s.sendBulk(b, e); err != nil {
		return err
	}
	a, err := s.relay()
	if err != nil {
		return err
	}
	s.settle(st.kind, st.name, st.changes, &a)
	if st.untold || st.watched != nil {
		s.reads.writesUntold()
	}
	s.renewObserved()
	s.keepReads()
	return s.client.Flush()
}

// sendBulk sends a bulk execution as it came, by the backend's id of the statement, and
// with the types of its parameters where the backend does not know them.
func (s *session) sendBulk(b *bulk, e *wire.BulkExecute) error {
	st := b.st
	s.executed = true
	clear(st.long)
	binary.LittleEndian.PutUint32(b.packet[1:], st.backend)
	if st.unbound && e.Types == nil && b.types != nil {
		st.unbound = false
		e.ID = st.backend
		s.out = e.AppendHead(append(s.out[:0], byte(wire.ComStmtBulkExecute)), b.types)
		return s.send(s.out, e.Rest())
	}
	if e.Types != nil {
		st.types, st.unbound = append(st.types[:0], e.Types...), false
	}
	return s.send(b.packet)
}

// maxBulkNoted bounds the rows of one bulk execution of an INSERT that count as read.
const maxBulkNoted = 10_000

// bulkInsert passes a bulk execution of an INSERT to which nothing is added, where the
// policy allows all its rows, and notes those whose keys and tokens are known before. The
// server makes all of the rows or none. done is false where they have to be made one by one.
func (s *session) bulkInsert(b *bulk, e *wire.BulkExecute) (done bool, err error) {
	st, plan := b.st, b.st.noted
	keeps := plan.Inserts() && s.keeps(plan.Table)
	var rows []rewrite.NewRow
	sets := 0
	told := keeps
	for ; e.More(); sets++ {
		if err := e.Next(b.types); err != nil {
			return true, s.orError(&wrongBulk, nil)
		}
		s.bindBulk(e)
		if plan.HoldsInitial() {
			if done, err := s.holdInsert(plan, st.text, s.values); done || err != nil {
				return true, err
			}
			if len(s.takings.born) > 0 {
				s.takings.born = nil
				return false, nil
			}
		}
		switch {
		case !told:
		case hasDefaults(e.Indicators), len(rows) >= maxBulkNoted:
			told = false
		case !plan.Foretold(st.text, s.values):
			return false, nil
		default:
			made, known := plan.NewRows(st.text, s.values, uint64(plan.RowsMade()), 0, nil)
			rows = append(rows, made...)
			told = known
		}
	}
	if err := b.rows(e); err != nil {
		return true, err
	}
	if err := s.sendBulk(b, e); err != nil {
		return true, err
	}
	ok, p, failed, err := s.writeAnswer()
	if failed || err != nil {
		return true, err
	}
	told = told && ok.AffectedRows == uint64(len(rows)) // IGNORE may have left some out
	if !told {
		s.reads.writesUntold()
		return true, s.finish(&ok, p)
	}
	s.kept = append(s.kept[:0], p...)
	if ok, err = wire.ParseOK(s.kept, s.caps); err != nil {
		return true, &backendError{err}
	}
	if err := s.noteNewRows(plan, rows, &ok); err != nil {
		return true, err
	}
	return true, s.finish(&ok, s.kept)
}

// bindBulk gives the values of the row at hand as plans understand them.
func (s *session) bindBulk(e *wire.BulkExecute) {
	s.values = s.values[:0]
	for i, p := range e.Params {
		v := s.paramValue(p)
		if e.Indicators[i] > wire.IndicatorNull {
			v = rewrite.Value{Kind: rewrite.Opaque, Text: "DEFAULT"}
		}
		s.values = append(s.values, v)
	}
}

// hasDefaults reports whether a row has a parameter that is DEFAULT or IGNORE.
func hasDefaults(row []wire.Indicator) bool {
	return slices.ContainsFunc(row, func(i wire.Indicator) bool { return i > wire.IndicatorNull })
}
