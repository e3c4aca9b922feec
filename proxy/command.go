package proxy

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"ifmatch/control"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// command carries out the client's current packet.
func (s *session) command(c wire.Command, n int) error {
	if n == 0 {
		return &wire.MalformedError{What: "command packet is empty"}
	}
	switch c {
	case wire.ComQuery:
		return s.query()
	case wire.ComStmtPrepare:
		return s.prepare()
	case wire.ComStmtExecute:
		return s.execute()
	case wire.ComStmtBulkExecute:
		return s.bulkExecute()
	case wire.ComStmtSendLongData:
		return s.longData()
	case wire.ComStmtClose:
		return s.closeStatement()
	case wire.ComStmtReset, wire.ComStmtFetch:
		return s.statementCommand(c)
	case wire.ComQuit:
		if s.passCommand() == nil {
			s.backend.CloseAfter()
		}
		return errEnd
	case wire.ComPing:
		return s.simple()
	case wire.ComInitDB:
		return s.initDB()
	case wire.ComResetConnection:
		return s.reset()
	case wire.ComChangeUser:
		return s.changeUser()
	}
	if s.tx.doomed != nil {
		return s.answerConflict(s.doomedError())
	}
	switch c {
	case wire.ComFieldList:
		return s.fieldList()
	case wire.ComStatistics:
		return s.statistics()
	case wire.ComProcessInfo:
		s.diag = nil
		return s.passQuery()
	case wire.ComProcessKill, wire.ComRefresh, wire.ComShutdown, wire.ComDebug:
		return s.simple()
	case wire.ComSetOption:
		return s.setOption()
	}
	return s.answerError(1047, "08S01", fmt.Sprintf("ifmatch: %s is not handled by the proxy", c))
}

// simple passes a command whose answer is one packet: OK, EOF or an error.
func (s *session) simple() error {
	_, err := s.single()
	return err
}

// single is simple, and tells whether the server took the command.
func (s *session) single() (ok bool, err error) {
	if err := s.passCommand(); err != nil {
		return false, err
	}
	return s.singleAnswer()
}

// singleAnswer relays an answer of one packet.
func (s *session) singleAnswer() (ok bool, err error) {
	first, n, err := s.next()
	if err != nil {
		return false, err
	}
	switch {
	case first == wire.OKHeader:
		_, err = s.passOK()
	case first == wire.ERRHeader:
		_, err = s.passERR()
	case first == wire.EOFHeader && n == 5:
		p, perr := s.payload()
		if perr != nil {
			return false, perr
		}
		if eof, perr := wire.ParseEOF(p); perr == nil {
			s.noteStatus(eof.Status)
		}
		err = s.client.WritePacket(p)
	case first == wire.EOFHeader && s.caps.Has(wire.ClientDeprecateEOF):
		_, err = s.passOK()
	default:
		err = s.pass()
	}
	if err != nil {
		return false, err
	}
	return first != wire.ERRHeader, s.answered()
}

// initDB passes COM_INIT_DB and takes over the database.
func (s *session) initDB() error {
	if s.tx.doomed != nil {
		return s.answerConflict(s.doomedError())
	}
	p, err := s.client.Payload(maxCommand)
	if err != nil {
		return err
	}
	db := string(p[1:])
	s.diag = nil
	if err := s.send(p); err != nil {
		return err
	}
	ok, err := s.singleAnswer()
	if ok {
		s.state.Use(db)
	}
	return err
}

// fieldList passes COM_FIELD_LIST: column definitions up to an EOF.
func (s *session) fieldList() error {
	if err := s.passCommand(); err != nil {
		return err
	}
	var a answer
	if _, err := s.relayToEnd(&a); err != nil {
		return err
	}
	return s.answered()
}

// statistics passes COM_STATISTICS, whose answer is a bare string.
func (s *session) statistics() error {
	if err := s.passCommand(); err != nil {
		return err
	}
	if _, _, err := s.next(); err != nil {
		return err
	}
	if err := s.pass(); err != nil {
		return err
	}
	return s.answered()
}

// setOption passes COM_SET_OPTION, which allows several statements in a text.
func (s *session) setOption() error {
	p, err := s.client.Payload(maxCommand)
	if err != nil {
		return err
	}
	if len(p) != 3 {
		return &wire.MalformedError{What: "COM_SET_OPTION has no option of two bytes"}
	}
	option := binary.LittleEndian.Uint16(p[1:])
	if err := s.send(p); err != nil {
		return err
	}
	ok, err := s.singleAnswer()
	if ok {
		s.multi = option == 0
	}
	return err
}

// reset passes COM_RESET_CONNECTION. The server rolls back and forgets, and so
// does the proxy.
func (s *session) reset() error {
	s.ends = control.RolledBack
	ok, err := s.single()
	if ok {
		s.forget()
	}
	return err
}

// forget drops what belongs to the session before a reset or a change of user.
func (s *session) forget() {
	s.tx = transaction{}
	s.forgetReads()
	s.isolation = s.beginIsolation()
	s.tableLocks = false
	s.stmts.clear()
	clear(s.dynamics)
	s.hint, s.diag, s.last, s.rights = nil, nil, nil, nil
	s.state.Reset()
}

// changeUser relays COM_CHANGE_USER and the authentication that follows.
func (s *session) changeUser() error {
	p, err := s.client.Payload(maxHandshake)
	if err != nil {
		return err
	}
	change, err := wire.ParseChangeUser(p[1:], s.caps)
	if err != nil {
		return err
	}
	s.ends = control.RolledBack
	if change.Plugin == plainSHA256 && s.oneSided() {
		change.Plugin, change.Auth = otherPlugin, nil
		p = change.Append([]byte{byte(wire.ComChangeUser)}, s.caps)
	}
	if err := s.send(p); err != nil {
		return err
	}
	if err := s.authenticate(change.Plugin); err != nil {
		return err // the server closes the connection after a refusal
	}
	s.forget()
	s.user, s.state.DB = change.User, change.Database
	s.keepAttributes(change.Attributes)
	s.multi = s.caps.Has(wire.ClientMultiStatements)
	if change.Charset > 0 {
		s.state.SetCharset(int(change.Charset))
	}
	return nil
}

// copyText lexes a statement that outlives its packet.
func copyText(sql []byte, lex *sqltext.Lexis) (*sqltext.Text, error) {
	t := &sqltext.Text{}
	return t, t.Lex(bytes.Clone(sql), lex)
}
