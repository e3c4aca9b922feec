package wire

import "bytes"

// First bytes of the packets a server sends while it authenticates.
const (
	AuthSwitchHeader     = 0xfe // AuthSwitch
	AuthMoreDataHeader   = 0x01 // data of the plug-in follows
	AuthNextFactorHeader = 0x02 // MySQL's multi-factor authentication
)

// AuthSwitch is the server's request to use another authentication plug-in.
// Source: "Protocol::AuthSwitchRequest".
type AuthSwitch struct {
	Plugin string // empty in the old form, which means mysql_old_password
	Data   []byte // all that follows the name, with the NUL that servers put behind a challenge
}

// ParseAuthSwitch reads an AuthSwitch. Data points into p.
func ParseAuthSwitch(p []byte) (AuthSwitch, error) {
	r := cursor{p: p}
	if r.u8() != AuthSwitchHeader {
		return AuthSwitch{}, &MalformedError{What: "authentication switch has a wrong first byte"}
	}
	if len(r.p) == 0 {
		return AuthSwitch{}, nil
	}
	return AuthSwitch{Plugin: string(r.nul()), Data: r.rest()}, nil
}

// Append appends the packet's payload to dst.
func (a AuthSwitch) Append(dst []byte) []byte {
	dst = append(dst, AuthSwitchHeader)
	if a.Plugin == "" && len(a.Data) == 0 {
		return dst
	}
	dst = append(dst, a.Plugin...)
	dst = append(dst, 0)
	return append(dst, a.Data...)
}

// Scramble returns Data without its closing NUL.
func (a AuthSwitch) Scramble() []byte { return bytes.TrimSuffix(a.Data, []byte{0}) }
