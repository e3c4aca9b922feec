package wire

import (
	"encoding/binary"
	"fmt"
)

// ERR is the packet of failure. It is an error value too.
// Sources: "ERR_Packet", net_send_error_packet in both servers.
type ERR struct {
	Code    uint16
	State   string // SQLSTATE, 5 characters; empty before the handshake
	Message string
}

// progressCode is the code of MariaDB's progress reports, which are no errors.
const progressCode = 0xffff

// IsProgress tells whether a packet is a progress report, which MariaDB sends
// before the answer to clients with MariaDBProgress. More packets follow it.
// Source: net_send_progress_packet in MariaDB's sql/protocol.cc.
func IsProgress(p []byte) bool {
	return len(p) >= 3 && p[0] == ERRHeader && binary.LittleEndian.Uint16(p[1:]) == progressCode
}

// ParseERR reads an ERR packet. A SQLSTATE is taken where there is one, whatever
// caps say: servers send it before the handshake too, or not.
func ParseERR(p []byte, caps Capability) (ERR, error) {
	r := cursor{p: p}
	if r.u8() != ERRHeader {
		return ERR{}, &MalformedError{What: "ERR has a wrong first byte"}
	}
	e := ERR{Code: r.u16()}
	if e.Code != progressCode && len(r.p) >= 6 && r.p[0] == '#' {
		r.u8()
		e.State = string(r.bytes(5))
	}
	e.Message = string(r.rest())
	return e, r.err("ERR")
}

// Append appends the packet's payload to dst. Without ClientProtocol41 in caps,
// as before the handshake, the SQLSTATE is left out. A State that is not of 5
// characters is sent as HY000.
func (e ERR) Append(dst []byte, caps Capability) []byte {
	dst = append(dst, ERRHeader, byte(e.Code), byte(e.Code>>8))
	if caps.Has(ClientProtocol41) && e.Code != progressCode {
		dst = append(dst, '#')
		if len(e.State) == 5 {
			dst = append(dst, e.State...)
		} else {
			dst = append(dst, "HY000"...)
		}
	}
	return append(dst, e.Message...)
}

// Error gives it as the command line clients do.
func (e ERR) Error() string {
	if e.State == "" {
		return fmt.Sprintf("ERROR %d: %s", e.Code, e.Message)
	}
	return fmt.Sprintf("ERROR %d (%s): %s", e.Code, e.State, e.Message)
}
