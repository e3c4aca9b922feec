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

// noAttributes is what stands before the text of a COM_QUERY without query attributes.
func (s *session) noAttributes() []byte {
	if s.caps.Has(wire.ClientQueryAttributes) {
		return []byte{0, 1}
	}
	return nil
}

// askPrepared is ask for a statement with parameters, in their own types.
func (s *session) askPrepared(sql []byte, params []wire.Param) (rows []rewrite.Row, failed *wire.ERR, err error) {
	prepared, failed, err := s.prepareAside(sql)
	if failed != nil || err != nil {
		return nil, failed, err
	}
	e := wire.Execute{ID: prepared.ID, Iterations: 1, Params: params}
	if err := s.send(comStmtExecute, e.Append(nil, s.caps)); err != nil {
		return nil, nil, err
	}
	rows, failed, err = s.collect(true)
	if err != nil {
		return nil, nil, err
	}
	return rows, failed, s.closeAside(prepared.ID)
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
	return s.send(packet[:])
}

// collect reads a whole answer of which every column is a string or a whole number.
func (s *session) collect(binaryRows bool) (rows []rewrite.Row, failed *wire.ERR, err error) {
	for {
		first, _, err := s.next()
		if err != nil {
			return nil, nil, err
		}
		p, err := s.payload()
		if err != nil {
			return nil, nil, err
		}
		var status wire.Status
		switch first {
		case wire.OKHeader:
			ok, err := wire.ParseOK(p, s.caps)
			if err != nil {
				return nil, nil, &backendError{err}
			}
			s.note(&ok)
			status = ok.Status
		case wire.ERRHeader:
			e, err := wire.ParseERR(bytes.Clone(p), s.caps)
			if err != nil {
				return nil, nil, &backendError{err}
			}
			s.noteERR(&e)
			return rows, &e, nil
		default:
			columns, size := wire.ReadLenInt(p)
			if size == 0 || columns > 4096 {
				return nil, nil, &backendError{&wire.MalformedError{What: "result has a wrong number of columns"}}
			}
			if rows, failed, status, err = s.collectRows(int(columns), binaryRows, rows); err != nil || failed != nil {
				return rows, failed, err
			}
		}
		if !status.Has(wire.StatusMoreResults) {
			return rows, nil, nil
		}
	}
}

// collectRows reads one result set.
func (s *session) collectRows(columns int, binaryRows bool, rows []rewrite.Row) ([]rewrite.Row, *wire.ERR, wire.Status, error) {
	types, err := s.asideTypes(columns)
	if err != nil {
		return nil, nil, 0, err
	}
	size := 0 // of all rows
	for {
		first, n, err := s.next()
		if err != nil {
			return nil, nil, 0, err
		}
		p, err := s.payload()
		if err != nil {
			return nil, nil, 0, err
		}
		switch {
		case first == wire.ERRHeader:
			e, err := wire.ParseERR(bytes.Clone(p), s.caps)
			if err != nil {
				return nil, nil, 0, &backendError{err}
			}
			s.noteERR(&e)
			return rows, &e, 0, nil
		case first == wire.EOFHeader && n < wire.MaxPhysical && s.caps.Has(wire.ClientDeprecateEOF):
			ok, err := wire.ParseOK(p, s.caps)
			if err != nil {
				return nil, nil, 0, &backendError{err}
			}
			s.note(&ok)
			return rows, nil, ok.Status, nil
		case first == wire.EOFHeader && n < 9:
			eof, err := wire.ParseEOF(p)
			if err != nil {
				return nil, nil, 0, &backendError{err}
			}
			s.noteStatus(eof.Status)
			return rows, nil, eof.Status, nil
		}
		if len(rows) == maxAsideRows {
			return nil, nil, 0, &backendError{fmt.Errorf("more than %d rows in an answer to the proxy itself", maxAsideRows)}
		}
		if size += len(p); size > maxAnswer {
			return nil, nil, 0, &backendError{&wire.TooLargeError{Size: size, Limit: maxAnswer}}
		}
		row, err := asideRow(p, types, binaryRows)
		if err != nil {
			return nil, nil, 0, &backendError{err}
		}
		rows = append(rows, row)
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
