package proxy

import (
	"errors"

	"ifmatch/control"
	"ifmatch/wire"
)

// answer is how the backend's answer to a command ended.
type answer struct {
	ok     wire.OK // of the last result; Info and State are not kept
	failed *wire.ERR
}

// next waits for the backend's next packet, reports of progress aside.
func (s *session) next() (first byte, n int, err error) {
	for {
		first, n, err = s.backend.Next()
		if err != nil {
			return 0, 0, &backendError{err}
		}
		if first != wire.ERRHeader {
			return first, n, nil
		}
		if reported, err := s.passProgress(); !reported || err != nil {
			return first, n, err
		}
	}
}

// passProgress hands the backend's current packet, which begins as an error does, on at
// once if it is a report of progress. The server sends them before an answer and among its
// rows, and only to clients that have asked for them.
func (s *session) passProgress() (reported bool, err error) {
	if !s.caps.Has(wire.MariaDBProgress) {
		return false, nil
	}
	p, err := s.payload()
	if err != nil || !wire.IsProgress(p) {
		return false, err
	}
	if s.client.Diverted() {
		return true, nil
	}
	if err := s.client.WritePacket(p); err != nil {
		return true, err
	}
	return true, s.client.Flush()
}

// payload gives the backend's current packet as a whole.
func (s *session) payload() ([]byte, error) {
	p, err := s.backend.Payload(maxAnswer)
	if err != nil {
		return nil, &backendError{err}
	}
	return p, nil
}

// pass hands the backend's current packet on to the client.
func (s *session) pass() error { return s.side(s.backend.Pass(s.client)) }

// side tells whose fault an error of relaying from backend to client is.
func (s *session) side(err error) error {
	if err == nil {
		return nil
	}
	var write *wire.WriteError
	if errors.As(err, &write) {
		return err
	}
	return &backendError{err}
}

// The first bytes of commands that the proxy makes. They are variables because a
// slice made for each statement would be an allocation for each statement.
var (
	comQuery       = []byte{byte(wire.ComQuery)}
	comStmtExecute = []byte{byte(wire.ComStmtExecute)}
)

// send sends a command packet, in pieces, to the backend. It leaves with the wait for
// its answer, so the answer must be read next; [session.post] is for commands that
// have none.
func (s *session) send(pieces ...[]byte) error {
	s.backend.ResetSeq()
	if err := s.backend.WritePieces(pieces...); err != nil {
		return &backendError{err}
	}
	return s.leaves(s.backend.FlushLate())
}

// post sends a command packet that has no answer to the backend.
func (s *session) post(packet []byte) error {
	s.backend.ResetSeq()
	if err := s.backend.WritePacket(packet); err != nil {
		return &backendError{err}
	}
	return s.leaves(s.backend.Flush())
}

// passCommand hands the client's current packet on to the backend as it came. Like
// [session.send] it is for commands that have an answer.
func (s *session) passCommand() error {
	s.backend.ResetSeq()
	if err := s.passToBackend(); err != nil {
		return err
	}
	return s.leaves(s.backend.FlushLate())
}

// leaves says whose error it is that a command could not be sent.
func (s *session) leaves(err error) error {
	if err != nil {
		return &backendError{err}
	}
	return nil
}

// answered ends an answer to the client: it leaves with the wait for the next
// command, or now where another statement of the same text comes first.
func (s *session) answered() error {
	s.keepReads()
	if s.more {
		return s.client.Flush()
	}
	return s.client.FlushLate()
}

// passToBackend hands the client's current packet on without flushing it.
func (s *session) passToBackend() error {
	err := s.client.Pass(s.backend)
	if err == nil {
		return nil
	}
	var write *wire.WriteError
	if errors.As(err, &write) {
		return &backendError{err}
	}
	return err
}

// clientOK gives the OK packet p, which was parsed as ok, as the client is to
// see it: without a session state that it did not ask for.
func (s *session) clientOK(ok *wire.OK, p []byte) []byte {
	if s.insertID != 0 && ok.LastInsertID == 0 && ok.Header == wire.OKHeader {
		numbered := *ok
		numbered.LastInsertID = s.insertID
		ok, p = &numbered, numbered.Append(nil, s.caps)
	}
	strip := s.strip && ok.Status.Has(wire.StatusSessionStateChanged)
	if !strip && !s.more {
		return p
	}
	shown, caps := *ok, s.caps
	if strip {
		shown.Status &^= wire.StatusSessionStateChanged
		caps &^= wire.ClientSessionTrack
	}
	if s.more {
		shown.Status |= wire.StatusMoreResults
	}
	s.scratch = shown.Append(s.scratch[:0], caps)
	return s.scratch
}

// clientStatus gives the status flags of an answer of the proxy's own.
func (s *session) clientStatus() wire.Status {
	status := s.status &^ (wire.StatusMoreResults | wire.StatusSessionStateChanged | wire.StatusCursorExists | wire.StatusLastRowSent)
	if s.more {
		status |= wire.StatusMoreResults
	}
	return status
}

// clientEOF gives the EOF packet p as the client is to see it.
func (s *session) clientEOF(eof wire.EOF, p []byte) []byte {
	if !s.more {
		return p
	}
	s.scratch = wire.AppendEOF(s.scratch[:0], eof.Warnings, eof.Status|wire.StatusMoreResults)
	return s.scratch
}

// passOK hands an OK packet on to the client and takes over what it says.
func (s *session) passOK() (wire.OK, error) {
	p, err := s.payload()
	if err != nil {
		return wire.OK{}, err
	}
	ok, err := wire.ParseOK(p, s.caps)
	if err != nil {
		return ok, &backendError{err}
	}
	s.note(&ok)
	return ok, s.client.WritePacket(s.clientOK(&ok, p))
}

// passERR hands an error packet on to the client.
func (s *session) passERR() (*wire.ERR, error) {
	p, err := s.payload()
	if err != nil {
		return nil, err
	}
	failed, err := wire.ParseERR(p, s.caps)
	if err != nil {
		return nil, &backendError{err}
	}
	s.noteERR(&failed)
	return &failed, s.client.WritePacket(p)
}

// noteERR takes over what an error says of the session: some roll back the
// transaction, and error packets have no status flags to tell.
func (s *session) noteERR(failed *wire.ERR) {
	switch failed.Code {
	case 1213, 1614, 1180, 3101: // deadlock, XA rollback, error during COMMIT
		s.status &^= wire.StatusInTrans
		s.tx.ended()
		s.takingsEnded(s.reads.end(control.Uncertain))
	case 1205, // lock wait timeout: innodb_rollback_on_timeout decides what it undoes
		1206, // no room for locks
		1020: // a row is newer than the snapshot (MariaDB's innodb_snapshot_isolation)
		if s.reads.open {
			s.reads.shaken = failed
		}
	}
}

// relay passes a whole answer on, with all its results. Its end may not be
// flushed yet.
func (s *session) relay() (answer, error) {
	var a answer
	for {
		more, err := s.relayResult(&a)
		if err != nil {
			return a, err
		}
		if !more {
			s.failed = a.failed != nil
			return a, nil
		}
	}
}

// relayResult passes one result on: OK, error, rows, or a file that the server
// asks the client for.
func (s *session) relayResult(a *answer) (more bool, err error) {
	first, _, err := s.next()
	if err != nil {
		return false, err
	}
	switch first {
	case wire.OKHeader:
		a.ok, err = s.passOK()
		return a.ok.Status.Has(wire.StatusMoreResults), err
	case wire.ERRHeader:
		a.failed, err = s.passERR()
		return false, err
	case wire.LocalInfileHeader:
		if err := s.pass(); err != nil {
			return false, err
		}
		return true, s.relayFile()
	}
	p, err := s.payload()
	if err != nil {
		return false, err
	}
	columns, size := wire.ReadLenInt(p)
	if size == 0 {
		return false, &backendError{&wire.MalformedError{What: "result has no number of columns"}}
	}
	if err := s.client.WritePacket(p); err != nil {
		return false, err
	}
	return s.relayRows(columns, a)
}

// relayRows passes column definitions and rows on.
func (s *session) relayRows(columns uint64, a *answer) (more bool, err error) {
	for range columns {
		if a.failed, err = s.relayDefinition(); a.failed != nil || err != nil {
			return false, err
		}
	}
	if !s.caps.Has(wire.ClientDeprecateEOF) {
		eof, failed, err := s.relayEndOfDefinitions()
		if failed != nil || err != nil {
			a.failed = failed
			return false, err
		}
		if eof.Status.Has(wire.StatusCursorExists) {
			s.noteStatus(eof.Status)
			a.ok = wire.OK{Header: wire.EOFHeader, Status: eof.Status}
			return eof.Status.Has(wire.StatusMoreResults), nil
		}
	}
	return s.relayToEnd(a)
}

// relayDefinition passes one definition of a column or parameter on. An error in
// its place ends the answer, for clients too.
func (s *session) relayDefinition() (failed *wire.ERR, err error) {
	instead, err := s.nextDefinition()
	if err != nil {
		return nil, err
	}
	if instead {
		return s.passERR()
	}
	return nil, s.pass()
}

// dropDefinition is relayDefinition for one that the client is not to see.
func (s *session) dropDefinition() (failed *wire.ERR, err error) {
	instead, err := s.nextDefinition()
	if err != nil {
		return nil, err
	}
	if instead {
		return s.passERR()
	}
	if err := s.backend.Drop(); err != nil {
		return nil, &backendError{err}
	}
	return nil, nil
}

// nextDefinition waits for a definition, or an error instead. Anything else means
// that the backend has announced a wrong number of them.
func (s *session) nextDefinition() (instead bool, err error) {
	first, n, err := s.next()
	switch {
	case err != nil:
		return false, err
	case first == wire.ERRHeader:
		return true, nil
	case n == 0 || first >= wire.LocalInfileHeader:
		return false, &backendError{&wire.MalformedError{What: "another packet in the place of a definition"}}
	}
	return false, nil
}

// relayEndOfDefinitions relays the EOF behind definitions, or an error in its
// place: MySQL makes all the rows of a cursor before it sends that.
func (s *session) relayEndOfDefinitions() (wire.EOF, *wire.ERR, error) {
	first, _, err := s.next()
	if err != nil {
		return wire.EOF{}, nil, err
	}
	if first == wire.ERRHeader {
		failed, err := s.passERR()
		return wire.EOF{}, failed, err
	}
	eof, p, err := s.thisEOF()
	if err != nil {
		return eof, nil, err
	}
	return eof, nil, s.client.WritePacket(s.clientEOF(eof, p))
}

// endOfDefinitions waits for the EOF behind definitions.
func (s *session) endOfDefinitions() (wire.EOF, []byte, error) {
	if _, _, err := s.next(); err != nil {
		return wire.EOF{}, nil, err
	}
	return s.thisEOF()
}

// thisEOF reads the backend's current packet, an EOF.
func (s *session) thisEOF() (wire.EOF, []byte, error) {
	p, err := s.payload()
	if err != nil {
		return wire.EOF{}, nil, err
	}
	eof, err := wire.ParseEOF(p)
	if err != nil {
		return eof, nil, &backendError{err}
	}
	return eof, p, nil
}

// relayToEnd passes packets on up to and with the one that ends the rows.
func (s *session) relayToEnd(a *answer) (more bool, err error) {
	var first byte
	for reported := true; reported; {
		if first, _, err = s.backend.PassRows(s.client); err != nil {
			return false, s.side(err)
		}
		if reported = first == wire.ERRHeader; reported {
			if reported, err = s.passProgress(); err != nil {
				return false, err
			}
		}
	}
	if first == wire.ERRHeader {
		a.failed, err = s.passERR()
		return false, err
	}
	if s.caps.Has(wire.ClientDeprecateEOF) {
		a.ok, err = s.passOK()
		return a.ok.Status.Has(wire.StatusMoreResults), err
	}
	p, err := s.payload()
	if err != nil {
		return false, err
	}
	eof, err := wire.ParseEOF(p)
	if err != nil {
		return false, &backendError{err}
	}
	s.noteStatus(eof.Status)
	a.ok = wire.OK{Header: wire.EOFHeader, Status: eof.Status, Warnings: eof.Warnings}
	return eof.Status.Has(wire.StatusMoreResults), s.client.WritePacket(s.clientEOF(eof, p))
}

// relayFile passes the content of LOCAL INFILE from client to backend: packets
// up to an empty one.
func (s *session) relayFile() error {
	s.cur = nil // the statement's bytes give way to the file's
	if err := s.client.Flush(); err != nil {
		return err
	}
	for {
		_, n, err := s.client.Next()
		if err != nil {
			return err
		}
		if err := s.passToBackend(); err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	if err := s.backend.Flush(); err != nil {
		return &backendError{err}
	}
	return nil
}

// answerError sends an error packet of the proxy's own to the client.
func (s *session) answerError(code uint16, state, text string) error {
	s.failed = true
	s.scratch = wire.ERR{Code: code, State: state, Message: text}.Append(s.scratch[:0], s.caps|wire.ClientProtocol41)
	if err := s.client.WritePacket(s.scratch); err != nil {
		return err
	}
	s.keepReads()
	return s.client.Flush()
}

// answerOK sends an OK packet of the proxy's own to the client.
func (s *session) answerOK() error {
	s.scratch = wire.OK{Header: wire.OKHeader, Status: s.clientStatus()}.Append(s.scratch[:0], s.caps)
	if err := s.client.WritePacket(s.scratch); err != nil {
		return err
	}
	return s.answered()
}
