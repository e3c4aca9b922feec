package wire

// A Value is a value in a result that the proxy writes itself.
type Value struct {
	Null bool
	Text string
}

// WriteResult buffers a whole result set of the text protocol: the number of
// columns, their definitions, the rows, and the ends that caps ask for. Each row
// has a value for each column.
func WriteResult(c *Conn, caps Capability, status Status, columns []Column, rows [][]Value) error {
	buf := AppendLenInt(nil, uint64(len(columns)))
	if caps.Has(ClientOptionalResultsetMetadata) || caps.Has(MariaDBCacheMetadata) {
		buf = append(buf, 1) // definitions follow
	}
	if err := c.WritePacket(buf); err != nil {
		return err
	}
	for i := range columns {
		buf = columns[i].Append(buf[:0], caps)
		if err := c.WritePacket(buf); err != nil {
			return err
		}
	}
	if !caps.Has(ClientDeprecateEOF) {
		if err := c.WritePacket(AppendEOF(buf[:0], 0, status)); err != nil {
			return err
		}
	}
	for _, row := range rows {
		buf = buf[:0]
		for _, v := range row {
			if v.Null {
				buf = AppendLenNull(buf)
			} else {
				buf = AppendLenBytes(buf, v.Text)
			}
		}
		if err := c.WritePacket(buf); err != nil {
			return err
		}
	}
	if caps.Has(ClientDeprecateEOF) {
		return c.WritePacket(OK{Header: EOFHeader, Status: status}.Append(buf[:0], caps))
	}
	return c.WritePacket(AppendEOF(buf[:0], 0, status))
}
