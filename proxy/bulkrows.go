package proxy

import (
	"errors"
	"fmt"

	"ifmatch/control"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// This file carries out a bulk execution row by row, each as an execution of its own,
// and gathers their answers into the one that the server would give. The server executes
// UPDATE and DELETE so itself: what was done before an error stays. It makes all the rows
// of an INSERT or REPLACE or none, so these are put into a transaction, or behind a
// savepoint in the client's.

// bulkSavepoint is that of the savepoint before rows that are made all or not at all.
const bulkSavepoint = "ifmatch bulk"

// noSavepoint is ER_SP_DOES_NOT_EXIST, which is of savepoints too.
const noSavepoint = 1305

// maxBulkAnswer bounds what is kept of the answers to a bulk execution, in bytes.
const maxBulkAnswer = maxAnswer

// maxBulkWarnings bounds the warnings that are kept of them: the server's own
// max_error_count.
const maxBulkWarnings = 64

// gathered is what the answers to the rows say together.
type gathered struct {
	ok         wire.OK // of the last row
	sets       int     // rows of parameters
	affected   uint64
	records    uint64 // that INSERT or REPLACE has had
	duplicates uint64
	firstID    uint64 // of the rows that were inserted
	lastID     uint64
	warned     int
	warnings   []warning

	head, rows [][]byte // of answers with rows
	size       int
}

// bulkRows carries out a bulk execution row by row.
func (s *session) bulkRows(b *bulk) error {
	first := int(b.st.stmt.Start)
	whole := !b.st.text.Is(first, "UPDATE") && !b.st.text.Is(first, "DELETE")
	own := whole && !s.transactional()
	if own && s.tableLocks {
		return s.refuse(s.tableOf(b.st), "statement", "a bulk execution of INSERT or REPLACE under LOCK TABLES without a transaction cannot be guarded; SET autocommit=0 before LOCK TABLES")
	}
	ends := s.ends
	if whole {
		if failed, err := s.beginBulk(own); failed != nil || err != nil {
			return s.orError(failed, err)
		}
	}
	g, failed, err := s.eachRow(b, ends)
	if err != nil {
		return err
	}
	diag := s.diag
	if failed == nil {
		diag, failed, err = s.endBulk(b.st, g, whole, own)
	} else if whole {
		if diag == nil {
			diag = s.diagnoseFailed(failed)
		}
		err = s.undoBulk(own)
	}
	if err != nil {
		return err
	}
	if s.ends, s.diag = ends, diag; failed != nil {
		s.failed = true
		if err := s.client.WritePacket(failed); err != nil {
			return err
		}
		s.keepReads()
		return s.client.Flush()
	}
	return s.answerGathered(b.st, g)
}

// tableOf gives the guarded table that a statement is about.
func (s *session) tableOf(st *statement) *rewrite.Table {
	switch {
	case st.plan != nil:
		return st.plan.Table
	case st.noted != nil:
		return st.noted.Table
	}
	return st.counted.Table
}

// diagnoseFailed is the diagnosis of an error packet.
func (s *session) diagnoseFailed(p []byte) *diagnosis {
	e, err := wire.ParseERR(p, s.caps)
	if err != nil {
		return nil
	}
	return diagnoseError(e.Code, e.Message)
}

// eachRow executes the rows one after the other until one fails, of which failed is
// the error packet. The client hears of none of it.
func (s *session) eachRow(b *bulk, ends control.Ending) (g *gathered, failed []byte, err error) {
	g = &gathered{}
	var e wire.BulkExecute
	if err := b.rows(&e); err != nil {
		return g, nil, err
	}
	hint := s.hint
	d := s.client.Divert(maxBulkAnswer)
	defer func() { d.End(); s.hint = nil }()
	var packet []byte
	for e.More() {
		if err := e.Next(b.types); err != nil {
			return g, wrongBulk.Append(nil, s.caps), nil
		}
		s.hint, s.ends, s.cur, s.diag, s.failed = hint, ends, b.st.text, nil, false
		if hasDefaults(e.Indicators) {
			err = s.refuse(s.tableOf(b.st), "parameters", "DEFAULT or IGNORE as a parameter of a bulk execution cannot be guarded; execute that row by itself, with DEFAULT in the statement")
		} else {
			one := wire.Execute{ID: b.st.id, Iterations: 1, Params: e.Params}
			packet = one.Append(append(packet[:0], byte(wire.ComStmtExecute)), s.caps)
			err = s.carryOut(b.st, packet)
		}
		if err != nil {
			return g, nil, err
		}
		answer, err := d.Take()
		if err != nil {
			return g, tooMuchInBulk.Append(nil, s.caps), nil
		}
		if failed, err = s.gather(b.st, g, answer); failed != nil || err != nil {
			return g, failed, err
		}
	}
	return g, nil, nil
}

var tooMuchInBulk = wire.ERR{Code: 1290, State: "HY000", Message: fmt.Sprintf("ifmatch: refused: the rows that a bulk execution answers with are more than %d MiB; send fewer at once", maxBulkAnswer>>20)}

// gather adds the answer to one row. failed is its packet where it is an error.
func (s *session) gather(st *statement, g *gathered, answer [][]byte) (failed []byte, err error) {
	if len(answer) == 0 {
		return nil, errors.New("a row of a bulk execution has no answer")
	}
	last := answer[len(answer)-1]
	if last[0] == wire.ERRHeader {
		return last, nil
	}
	g.sets++
	if len(answer) > 1 {
		return s.gatherRows(g, answer)
	}
	ok, err := wire.ParseOK(last, s.caps)
	if err != nil {
		return nil, &backendError{err}
	}
	g.affected += ok.AffectedRows
	g.count(&ok)
	if updates := st.plan != nil && st.plan.Verb == rewrite.Upsert && ok.AffectedRows != 1; ok.LastInsertID != 0 && !updates {
		if g.lastID = ok.LastInsertID; g.firstID == 0 {
			g.firstID = g.lastID
		}
	}
	state := g.ok.State
	g.ok = ok
	g.ok.Info = nil
	if len(ok.State) > 0 {
		state = append(state[:0:0], ok.State...)
	}
	g.ok.State = state
	return nil, s.gatherWarnings(g, ok.Warnings)
}

// count adds what the answer to an INSERT or REPLACE says of its rows: the text of several,
// or the number of affected rows, which is 2 where one was updated or replaced another.
func (g *gathered) count(ok *wire.OK) {
	var records, duplicates uint64
	if n, _ := fmt.Sscanf(string(ok.Info), "Records: %d  Duplicates: %d", &records, &duplicates); n == 2 {
		g.records += records
		g.duplicates += duplicates
		return
	}
	switch g.records++; ok.AffectedRows {
	case 0:
		g.duplicates++
	default:
		g.duplicates += ok.AffectedRows - 1
	}
}

// gatherRows adds an answer with rows.
func (s *session) gatherRows(g *gathered, answer [][]byte) (failed []byte, err error) {
	columns, _ := wire.ReadLenInt(answer[0])
	head := 1 + int(columns)
	if !s.caps.Has(wire.ClientDeprecateEOF) {
		head++
	}
	if head >= len(answer) {
		return nil, &backendError{&wire.MalformedError{What: "an answer with rows is cut short"}}
	}
	rows, end := answer[head:len(answer)-1], answer[len(answer)-1]
	if g.head == nil {
		g.head = cloneAll(answer[:head])
	}
	for _, row := range rows {
		g.size += len(row)
	}
	if g.size > maxBulkAnswer {
		return tooMuchInBulk.Append(nil, s.caps), nil
	}
	g.rows = append(g.rows, cloneAll(rows)...)
	if s.caps.Has(wire.ClientDeprecateEOF) {
		if g.ok, err = wire.ParseOK(end, s.caps); err != nil {
			return nil, &backendError{err}
		}
		g.ok.Info, g.ok.State = nil, nil
		g.ok.Status &^= wire.StatusSessionStateChanged
	} else {
		eof, err := wire.ParseEOF(end)
		if err != nil {
			return nil, &backendError{err}
		}
		g.ok = wire.OK{Header: wire.EOFHeader, Status: eof.Status, Warnings: eof.Warnings}
	}
	return nil, s.gatherWarnings(g, g.ok.Warnings)
}

func cloneAll(packets [][]byte) [][]byte {
	all := make([][]byte, len(packets))
	for i, p := range packets {
		all[i] = append([]byte{}, p...)
	}
	return all
}

// gatherWarnings keeps the warnings of a row before the next one takes them away.
func (s *session) gatherWarnings(g *gathered, n uint16) error {
	g.warned += int(n)
	if n == 0 || len(g.warnings) == maxBulkWarnings {
		return nil
	}
	if s.diag == nil {
		if err := s.diagnoseAll(&wire.OK{}, true); err != nil {
			return err
		}
	}
	g.warnings = append(g.warnings, s.diag.warnings...)
	g.warnings = g.warnings[:min(len(g.warnings), maxBulkWarnings)]
	return nil
}

// beginBulk makes sure that the rows are made all or not at all.
func (s *session) beginBulk(own bool) (*wire.ERR, error) {
	if own {
		_, failed, err := s.ask([]byte("START TRANSACTION"))
		return failed, err
	}
	_, failed, err := s.ask([]byte("SAVEPOINT `" + bulkSavepoint + "`"))
	if failed == nil && err == nil {
		s.settleSavepoint(control.Savepoint, bulkSavepoint)
	}
	return failed, err
}

// endBulk ends a bulk execution of which each row has succeeded, and says what ROW_COUNT()
// and SHOW WARNINGS are behind it.
func (s *session) endBulk(st *statement, g *gathered, whole, own bool) (diag *diagnosis, failed []byte, err error) {
	diag = &diagnosis{warnings: g.warnings, rowCount: int64(g.ok.AffectedRows)}
	if !whole {
		return diag, nil, nil // ROW_COUNT() is of the last row, as at the server
	}
	diag.rowCount = int64(g.affected)
	if g.sets > 1 && g.firstID != 0 && g.head == nil {
		if err := s.numberBulk(g); err != nil {
			return nil, nil, err
		}
	}
	var refused *wire.ERR
	if own {
		s.ends = control.Committed
		_, refused, err = s.ask([]byte(commitOnly))
		if refused != nil && err == nil {
			err = s.undoBulk(true)
		}
	} else {
		_, refused, err = s.ask([]byte("RELEASE SAVEPOINT `" + bulkSavepoint + "`"))
		if refused == nil && err == nil {
			s.settleSavepoint(control.Release, bulkSavepoint)
		}
	}
	if err != nil || refused == nil {
		return diag, nil, err
	}
	return diagnoseError(refused.Code, refused.Message), refused.Append(nil, s.caps), nil
}

// numberBulk makes LAST_INSERT_ID(), and what the answer says of it, that of the first row
// that was numbered, as for one INSERT of them all. Where rows bring their numbers it is
// that of the last row, and LAST_INSERT_ID() stays what it was.
func (s *session) numberBulk(g *gathered) error {
	rows, failed, err := s.ask([]byte("SELECT LAST_INSERT_ID()"))
	if err != nil || failed != nil || len(rows) != 1 || len(rows[0]) != 1 {
		return err
	}
	if string(rows[0][0]) != fmt.Sprint(g.lastID) {
		return nil
	}
	g.ok.LastInsertID = g.firstID
	_, _, err = s.ask(fmt.Appendf(nil, "DO LAST_INSERT_ID(%d)", g.firstID))
	return err
}

// undoBulk takes back the rows before one that has failed.
func (s *session) undoBulk(own bool) error {
	if own {
		s.ends = control.RolledBack
		_, failed, err := s.ask([]byte(rollbackOnly))
		for try := 1; failed != nil && err == nil; try++ { // KILL QUERY may have met it
			if try == maxTries {
				return &backendError{fmt.Errorf("the transaction of a bulk execution cannot be ended: error %d", failed.Code)}
			}
			_, failed, err = s.ask([]byte(rollbackOnly))
		}
		s.tx.doomed = nil
		return err
	}
	if doomed := s.tx.doomed; doomed != nil {
		// It was doomed with a savepoint of ours in the way of a rollback at once.
		s.tx.doomed = nil
		s.tx.backTo(bulkSavepoint, true)
		return s.doom(doomed)
	}
	if s.tx.index(bulkSavepoint) < 0 {
		return nil // the error has ended the transaction
	}
	_, failed, err := s.ask([]byte("ROLLBACK TO SAVEPOINT `" + bulkSavepoint + "`"))
	if err == nil && failed != nil && failed.Code == noSavepoint && s.reads.shaken != nil {
		return nil // a timeout has rolled back the transaction (innodb_rollback_on_timeout)
	}
	if err == nil && failed != nil {
		err = &backendError{errors.New("a bulk execution could not be taken back")}
	}
	if err != nil {
		return err
	}
	s.settleSavepoint(control.RollbackTo, bulkSavepoint)
	if _, failed, err = s.ask([]byte("RELEASE SAVEPOINT `" + bulkSavepoint + "`")); failed == nil && err == nil {
		s.settleSavepoint(control.Release, bulkSavepoint)
	}
	return err
}

// answerGathered answers as the server does to all the rows.
func (s *session) answerGathered(st *statement, g *gathered) error {
	ok := &g.ok
	ok.Status = ok.Status&^(wire.StatusInTrans|wire.StatusInTransReadonly) | s.status&(wire.StatusInTrans|wire.StatusInTransReadonly)
	if len(ok.State) == 0 {
		ok.Status &^= wire.StatusSessionStateChanged
	}
	ok.Warnings = uint16(min(g.warned, 1<<16-1))
	if g.head == nil {
		ok.AffectedRows, ok.Info = g.affected, g.info(st.text, int(st.stmt.Start))
		s.scratch = ok.Append(s.scratch[:0], s.caps)
	} else {
		for _, p := range append(g.head, g.rows...) {
			if err := s.client.WritePacket(p); err != nil {
				return err
			}
		}
		if s.caps.Has(wire.ClientDeprecateEOF) {
			s.scratch = ok.Append(s.scratch[:0], s.caps)
		} else {
			s.scratch = wire.AppendEOF(s.scratch[:0], ok.Warnings, ok.Status)
		}
	}
	if err := s.client.WritePacket(s.scratch); err != nil {
		return err
	}
	s.keepReads()
	return s.client.Flush()
}

// info gives the text of the OK packet. MariaDB counts the rows of an UPDATE that were
// matched and those that were changed alike.
func (g *gathered) info(t *sqltext.Text, first int) []byte {
	switch {
	case t.Is(first, "UPDATE"):
		return fmt.Appendf(nil, "Rows matched: %d  Changed: %d  Warnings: %d", g.affected, g.affected, g.warned)
	case !t.Is(first, "DELETE") && g.records > 1:
		return fmt.Appendf(nil, "Records: %d  Duplicates: %d  Warnings: %d", g.records, g.duplicates, g.warned)
	}
	return nil
}
