package proxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"ifmatch/rewrite"
	"ifmatch/wire"
)

// maxAsideRows bounds the rows that the proxy takes from an answer to itself.
const maxAsideRows = 1000

// ask runs a statement of the proxy's own in the backend's session and gives its
// rows. failed is the server's error, if it had one.
func (s *session) ask(sql []byte) (rows []rewrite.Row, failed *wire.ERR, err error) {
	if err := s.send(comQuery, s.noAttributes(), sql); err != nil {
		return nil, nil, err
	}
	return s.collect(false)
}

// askEach is ask for an answer that may be long: each gets its rows one by one.
func (s *session) askEach(sql []byte, each func(rewrite.Row) error) (failed *wire.ERR, err error) {
	if err := s.send(comQuery, s.noAttributes(), sql); err != nil {
		return nil, err
	}
	return s.collectEach(false, each)
}

// noAttributes is what stands before the text of a COM_QUERY without query attributes.
func (s *session) noAttributes() []byte {
	if s.caps.Has(wire.ClientQueryAttributes) {
		return []byte{0, 1}
	}
	return nil
}

// askPrepared is ask for a statement with parameters, in their own types.
func (s *session) askPrepared(sql []byte, params []wire.Param) (rows []rewrite.Row, failed *wire.ERR, err error) {
	failed, err = s.askPreparedEach(sql, params, keepRows(&rows))
	return rows, failed, err
}

// askPreparedEach is askEach for a statement with parameters, in their own types.
func (s *session) askPreparedEach(sql []byte, params []wire.Param, each func(rewrite.Row) error) (failed *wire.ERR, err error) {
	prepared, failed, err := s.prepareAside(sql)
	if failed != nil || err != nil {
		return failed, err
	}
	e := wire.Execute{ID: prepared.ID, Iterations: 1, Params: params}
	if err := s.send(comStmtExecute, e.Append(nil, s.caps)); err != nil {
		return nil, err
	}
	if failed, err = s.collectEach(true, each); err != nil {
		return nil, err
	}
	return failed, s.closeAside(prepared.ID)
}

// keepRows gives a function that keeps the rows of an answer that is short.
func keepRows(rows *[]rewrite.Row) func(rewrite.Row) error {
	size := 0
	return func(row rewrite.Row) error {
		if len(*rows) == maxAsideRows {
			return &backendError{fmt.Errorf("more than %d rows in an answer to the proxy itself", maxAsideRows)}
		}
		for _, v := range row {
			size += len(v)
		}
		if size > maxAnswer {
			return &backendError{&wire.TooLargeError{Size: size, Limit: maxAnswer}}
		}
		*rows = append(*rows, row)
		return nil
	}
}

// prepareAside prepares a statement at the backend without the client's knowledge.
func (s *session) prepareAside(sql []byte) (wire.PrepareOK, *wire.ERR, error) {
	if err := s.send([]byte{byte(wire.ComStmtPrepare)}, sql); err != nil {
		return wire.PrepareOK{}, nil, err
	}
	first, _, err := s.next()
	if err != nil {
		return wire.PrepareOK{}, nil, err
	}
	p, err := s.payload()
	if err != nil {
		return wire.PrepareOK{}, nil, err
	}
	if first == wire.ERRHeader {
		failed, err := wire.ParseERR(bytes.Clone(p), s.caps)
		if err != nil {
			return wire.PrepareOK{}, nil, &backendError{err}
		}
		s.noteERR(&failed)
		return wire.PrepareOK{}, &failed, nil
	}
	prepared, err := wire.ParsePrepareOK(bytes.Clone(p))
	if err != nil {
		return prepared, nil, &backendError{err}
	}
	for _, n := range []uint16{prepared.Params, prepared.Columns} {
		if err := s.dropDefinitions(n); err != nil {
			return prepared, nil, err
		}
	}
	return prepared, nil, nil
}

// dropDefinitions reads over n definitions and the packet that ends them.
func (s *session) dropDefinitions(n uint16) error {
	if n == 0 {
		return nil
	}
	for range n {
		instead, err := s.nextDefinition()
		if err != nil {
			return err
		}
		if instead {
			return &backendError{errors.New("an error in the place of a definition")}
		}
		if err := s.backend.Drop(); err != nil {
			return &backendError{err}
		}
	}
	if s.caps.Has(wire.ClientDeprecateEOF) {
		return nil
	}
	_, _, err := s.endOfDefinitions()
	return err
}

// closeAside closes a statement that the client does not know.
func (s *session) closeAside(id uint32) error {
	var packet [5]byte
	packet[0] = byte(wire.ComStmtClose)
	binary.LittleEndian.PutUint32(packet[1:], id)
	return s.post(packet[:])
}

// collect reads a whole answer of which every column is a string or a whole number.
func (s *session) collect(binaryRows bool) (rows []rewrite.Row, failed *wire.ERR, err error) {
	failed, err = s.collectEach(binaryRows, keepRows(&rows))
	return rows, failed, err
}

// collectEach is collect for an answer that may be long. An error of each ends the
// session: the rest of the answer is not read.
func (s *session) collectEach(binaryRows bool, each func(rewrite.Row) error) (failed *wire.ERR, err error) {
	for {
		first, _, err := s.next()
		if err != nil {
			return nil, err
		}
		p, err := s.payload()
		if err != nil {
			return nil, err
		}
		var status wire.Status
		switch first {
		case wire.OKHeader:
			ok, err := wire.ParseOK(p, s.caps)
			if err != nil {
				return nil, &backendError{err}
			}
			s.note(&ok)
			status = ok.Status
		case wire.ERRHeader:
			e, err := wire.ParseERR(bytes.Clone(p), s.caps)
			if err != nil {
				return nil, &backendError{err}
			}
			s.noteERR(&e)
			return &e, nil
		default:
			columns, size := wire.ReadLenInt(p)
			if size == 0 || columns > 4096 {
				return nil, &backendError{&wire.MalformedError{What: "result has a wrong number of columns"}}
			}
			if failed, status, err = s.collectRows(int(columns), binaryRows, each); err != nil || failed != nil {
				return failed, err
			}
		}
		if !status.Has(wire.StatusMoreResults) {
			return nil, nil
		}
	}
}

// collectRows reads one result set.
func (s *session) collectRows(columns int, binaryRows bool, each func(rewrite.Row) error) (*wire.ERR, wire.Status, error) {
	types, err := s.asideTypes(columns)
	if err != nil {
		return nil, 0, err
	}
	s.asked = types
	for {
		first, n, err := s.next()
		if err != nil {
			return nil, 0, err
		}
		p, err := s.payload()
		if err != nil {
			return nil, 0, err
		}
		switch {
		case first == wire.ERRHeader:
			e, err := wire.ParseERR(bytes.Clone(p), s.caps)
			if err != nil {
				return nil, 0, &backendError{err}
			}
			s.noteERR(&e)
			return &e, 0, nil
		case first == wire.EOFHeader && n < wire.MaxPhysical && s.caps.Has(wire.ClientDeprecateEOF):
			ok, err := wire.ParseOK(p, s.caps)
			if err != nil {
				return nil, 0, &backendError{err}
			}
			s.note(&ok)
			return nil, ok.Status, nil
		case first == wire.EOFHeader && n < 9:
			eof, err := wire.ParseEOF(p)
			if err != nil {
				return nil, 0, &backendError{err}
			}
			s.noteStatus(eof.Status)
			return nil, eof.Status, nil
		}
		row, err := asideRow(p, types, binaryRows)
		if err != nil {
			return nil, 0, &backendError{err}
		}
		if err := each(row); err != nil {
			return nil, 0, err
		}
	}
}

// asideType is the type of a column in an answer to the proxy itself.
type asideType struct {
	wire.FieldType
	unsigned bool
}

// asideTypes reads n definitions and the packet that ends them.
func (s *session) asideTypes(n int) ([]asideType, error) {
	types := make([]asideType, n)
	for i := range types {
		instead, err := s.nextDefinition()
		if err != nil {
			return nil, err
		}
		if instead {
			return nil, &backendError{errors.New("an error in the place of a definition")}
		}
		p, err := s.payload()
		if err != nil {
			return nil, err
		}
		c, err := wire.ParseColumn(p, s.caps)
		if err != nil {
			return nil, &backendError{err}
		}
		types[i] = asideType{c.Type, c.Flags.Has(wire.FlagUnsigned)}
	}
	if s.caps.Has(wire.ClientDeprecateEOF) {
		return types, nil
	}
	_, _, err := s.endOfDefinitions()
	return types, err
}

// asideRow copies a row of strings and whole numbers, each as text.
func asideRow(p []byte, types []asideType, binaryRow bool) (rewrite.Row, error) {
	var r wire.RowReader
	fields := make([]wire.FieldType, len(types))
	for i, t := range types {
		fields[i] = t.FieldType
	}
	r.Reset(fields, len(fields), binaryRow)
	values := make([]wire.RowValue, len(types))
	if err := r.Read(p, len(types)-1, values); err != nil {
		return nil, err
	}
	row := make(rewrite.Row, len(types))
	for i, v := range values {
		if v.Null {
			continue
		}
		digits, ok := wire.AppendInteger([]byte{}, v.Bytes, types[i].FieldType, types[i].unsigned, binaryRow)
		if !ok {
			digits = append([]byte{}, v.Bytes...)
		}
		row[i] = digits
	}
	return row, nil
}
