package wire

import "encoding/binary"

// EOF is the classic packet that ends column definitions and rows without
// ClientDeprecateEOF. Source: "EOF_Packet".
type EOF struct {
	Warnings uint16
	Status   Status
}

// IsEOF tells an EOF packet from a row whose first value is 16 MiB or longer and
// from an OK packet that ends the rows under ClientDeprecateEOF.
func IsEOF(p []byte) bool { return len(p) == 5 && p[0] == EOFHeader }

// ParseEOF reads an EOF packet.
func ParseEOF(p []byte) (EOF, error) {
	if !IsEOF(p) {
		return EOF{}, &MalformedError{What: "EOF has a wrong first byte or length"}
	}
	return EOF{Warnings: binary.LittleEndian.Uint16(p[1:]), Status: Status(binary.LittleEndian.Uint16(p[3:]))}, nil
}

// AppendEOF appends the payload of an EOF packet to dst.
func AppendEOF(dst []byte, warnings uint16, status Status) []byte {
	dst = append(dst, EOFHeader)
	dst = binary.LittleEndian.AppendUint16(dst, warnings)
	return binary.LittleEndian.AppendUint16(dst, uint16(status))
}
