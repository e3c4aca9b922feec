package wire

import (
	"encoding/binary"
	"strconv"
)

// Collations in the definitions of columns that the proxy makes.
const (
	UTF8MB4Collation = 45 // utf8mb4_general_ci
	BinaryCollation  = 63 // of numbers and bytes
)

// A Value is a value in a result that the proxy writes itself.
type Value struct {
	Null bool
	Text string
}

// A Result is a result set that the proxy writes itself. Each row has a value for each
// column, numbers as their digits.
type Result struct {
	Columns []Column
	Rows    [][]Value
}

// TextColumn gives the definition of a column of texts of up to so many characters.
func TextColumn(name string, length uint32) Column {
	return Column{Catalog: []byte("def"), Name: []byte(name), Charset: UTF8MB4Collation, Length: length * 4, Type: TypeVarString, Decimals: 31}
}

// TextResult gives a result, empty yet, of text columns with these names.
func TextResult(names ...string) Result {
	var r Result
	for _, n := range names {
		r.Columns = append(r.Columns, TextColumn(n, 1024))
	}
	return r
}

// Add appends a row; an empty string is NULL.
func (r *Result) Add(values ...string) {
	row := make([]Value, len(values))
	for i, v := range values {
		row[i] = Value{Text: v, Null: v == ""}
	}
	r.Rows = append(r.Rows, row)
}

// Write buffers the whole result in the text protocol: the number of columns, their
// definitions, the rows, and the ends that caps ask for.
func (r *Result) Write(c *Conn, caps Capability, status Status) error {
	return r.write(c, caps, status, appendText)
}

// WriteBinary is Write for the execution of a prepared statement.
func (r *Result) WriteBinary(c *Conn, caps Capability, status Status) error {
	return r.write(c, caps, status, func(buf []byte, row []Value) []byte { return appendBinary(buf, r.Columns, row) })
}

func (r *Result) write(c *Conn, caps Capability, status Status, appendRow func([]byte, []Value) []byte) error {
	buf := AppendLenInt(nil, uint64(len(r.Columns)))
	if caps.Has(ClientOptionalResultsetMetadata) || caps.Has(MariaDBCacheMetadata) {
		buf = append(buf, 1) // definitions follow
	}
	if err := c.WritePacket(buf); err != nil {
		return err
	}
	if err := WriteColumns(c, caps, status, r.Columns); err != nil {
		return err
	}
	for _, row := range r.Rows {
		buf = appendRow(buf[:0], row)
		if err := c.WritePacket(buf); err != nil {
			return err
		}
	}
	if caps.Has(ClientDeprecateEOF) {
		return c.WritePacket(OK{Header: EOFHeader, Status: status}.Append(buf[:0], caps))
	}
	return c.WritePacket(AppendEOF(buf[:0], 0, status))
}

// WriteColumns buffers definitions and the EOF behind them, where caps ask for one.
func WriteColumns(c *Conn, caps Capability, status Status, columns []Column) error {
	var buf []byte
	for i := range columns {
		buf = columns[i].Append(buf[:0], caps)
		if err := c.WritePacket(buf); err != nil {
			return err
		}
	}
	if caps.Has(ClientDeprecateEOF) {
		return nil
	}
	return c.WritePacket(AppendEOF(buf[:0], 0, status))
}

func appendText(buf []byte, row []Value) []byte {
	for _, v := range row {
		if v.Null {
			buf = AppendLenNull(buf)
		} else {
			buf = AppendLenBytes(buf, v.Text)
		}
	}
	return buf
}

// appendBinary appends a row of the binary protocol.
// Source: "Binary Protocol Resultset Row".
func appendBinary(buf []byte, columns []Column, row []Value) []byte {
	nulls := len(buf) + 1
	buf = append(buf, make([]byte, 1+(len(columns)+9)/8)...)
	for i, v := range row {
		if v.Null {
			buf[nulls+(i+2)/8] |= 1 << ((i + 2) % 8)
			continue
		}
		n, _ := strconv.ParseUint(v.Text, 10, 64)
		if signed, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
			n = uint64(signed)
		}
		switch columns[i].Type {
		case TypeLong:
			buf = binary.LittleEndian.AppendUint32(buf, uint32(n))
		case TypeLongLong:
			buf = binary.LittleEndian.AppendUint64(buf, n)
		default:
			buf = AppendLenBytes(buf, v.Text)
		}
	}
	return buf
}
