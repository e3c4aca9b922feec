package wire

import "encoding/binary"

// PrepareOK is the first packet of the answer to COM_STMT_PREPARE. Definitions
// of its parameters and then of its columns follow.
// Source: "COM_STMT_PREPARE_OK".
type PrepareOK struct {
	ID       uint32
	Columns  uint16
	Params   uint16
	Warnings uint16
	// Rest is what follows, raw: with ClientOptionalResultsetMetadata a byte that
	// tells whether definitions follow.
	Rest []byte
}

// ParsePrepareOK reads a PrepareOK. Rest points into p.
func ParsePrepareOK(p []byte) (PrepareOK, error) {
	r := cursor{p: p}
	if r.u8() != OKHeader {
		return PrepareOK{}, &MalformedError{What: "answer to COM_STMT_PREPARE has a wrong first byte"}
	}
	ok := PrepareOK{ID: r.u32(), Columns: r.u16(), Params: r.u16()}
	r.u8()
	ok.Warnings = r.u16()
	ok.Rest = r.rest()
	if err := r.err("answer to COM_STMT_PREPARE"); err != nil {
		return PrepareOK{}, err
	}
	return ok, nil
}

// Append appends the packet's payload to dst.
func (ok PrepareOK) Append(dst []byte) []byte {
	dst = append(dst, OKHeader)
	dst = binary.LittleEndian.AppendUint32(dst, ok.ID)
	dst = binary.LittleEndian.AppendUint16(dst, ok.Columns)
	dst = binary.LittleEndian.AppendUint16(dst, ok.Params)
	dst = append(dst, 0)
	dst = binary.LittleEndian.AppendUint16(dst, ok.Warnings)
	return append(dst, ok.Rest...)
}
