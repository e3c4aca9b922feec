package wire

import "encoding/binary"

// ChangeUser is COM_CHANGE_USER after its command byte.
// Sources: "COM_CHANGE_USER", parse_com_change_user_packet in
// sql_authentication.cc.
type ChangeUser struct {
	User       string
	Auth       []byte // the plug-in's first answer, at most 255 bytes, never to be logged
	Database   string
	Charset    uint16 // collation number; 0 if the packet ends before it
	Plugin     string // with ClientPluginAuth
	Attributes []byte // the raw block without its length, with ClientConnectAttrs
}

// ParseChangeUser reads a ChangeUser. What an old client leaves out at the end
// is empty.
func ParseChangeUser(p []byte, caps Capability) (*ChangeUser, error) {
	r := cursor{p: p}
	u := &ChangeUser{User: string(r.nul())}
	if caps.Has(ClientSecureConnection) {
		u.Auth = r.bytes(int(r.u8()))
	} else {
		u.Auth = r.nul()
	}
	u.Database = string(r.nul())
	if len(r.p) > 0 {
		u.Charset = r.u16()
	}
	if caps.Has(ClientPluginAuth) {
		u.Plugin = string(r.nul())
	}
	if caps.Has(ClientConnectAttrs) && len(r.p) > 0 {
		u.Attributes = r.lenBytes()
	}
	if err := r.err("COM_CHANGE_USER"); err != nil {
		return nil, err
	}
	return u, nil
}

// Append appends the body to dst, without the command byte.
func (u *ChangeUser) Append(dst []byte, caps Capability) []byte {
	dst = append(dst, u.User...)
	dst = append(dst, 0)
	if caps.Has(ClientSecureConnection) {
		auth := u.Auth[:min(len(u.Auth), 255)]
		dst = append(dst, byte(len(auth)))
		dst = append(dst, auth...)
	} else {
		dst = append(dst, u.Auth...)
		dst = append(dst, 0)
	}
	dst = append(dst, u.Database...)
	dst = append(dst, 0)
	dst = binary.LittleEndian.AppendUint16(dst, u.Charset)
	if caps.Has(ClientPluginAuth) {
		dst = append(dst, u.Plugin...)
		dst = append(dst, 0)
	}
	if caps.Has(ClientConnectAttrs) {
		dst = AppendLenBytes(dst, u.Attributes)
	}
	return dst
}
