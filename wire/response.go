package wire

import "encoding/binary"

// responseFiller is the part of a handshake response, and of an SSLRequest,
// between the character set and the user name.
const responseFiller = 23

// HandshakeResponse is the client's answer to the greeting, in the form of
// protocol 4.1 (all clients since 2004).
// Sources: "Protocol::HandshakeResponse41", MariaDB's "Connecting: handshake
// response packet", parse_client_handshake_packet in sql_authentication.cc.
type HandshakeResponse struct {
	Capabilities Capability
	MaxPacket    uint32
	Charset      byte
	// Filler is what stands in the reserved bytes, kept as it came. Its last 4
	// bytes are the extended capabilities where ClientMySQL is not set; Append
	// takes these from Capabilities.
	Filler [responseFiller]byte
	User   string
	// Auth is the plug-in's first answer, never to be logged. At most 255 bytes
	// where ClientPluginAuthLenencData is not set.
	Auth       []byte
	Database   string // with ClientConnectWithDB
	Plugin     string // with ClientPluginAuth
	Attributes []byte // the raw block without its length, with ClientConnectAttrs
	Zstd       byte   // compression level, with ClientZstdCompression
}

// ParseHandshakeResponse reads a handshake response. Strings and lists that a
// client announces by a capability and then leaves out at the end are empty, as
// for the servers. Clients older than protocol 4.1 are an error that says so.
func ParseHandshakeResponse(p []byte) (*HandshakeResponse, error) {
	r := cursor{p: p}
	if len(p) >= 2 && !Capability(binary.LittleEndian.Uint16(p)).Has(ClientProtocol41) {
		return nil, &MalformedError{What: "handshake response is of a protocol before 4.1, which is not supported"}
	}
	h := &HandshakeResponse{Capabilities: Capability(r.u32()), MaxPacket: r.u32(), Charset: r.u8()}
	copy(h.Filler[:], r.bytes(responseFiller))
	if !h.Capabilities.Has(ClientMySQL) {
		h.Capabilities |= Capability(binary.LittleEndian.Uint32(h.Filler[responseFiller-4:])) << 32
	}
	h.User = string(r.nul())
	switch {
	case len(r.p) == 0:
	case h.Capabilities.Has(ClientPluginAuthLenencData):
		h.Auth = r.lenBytes()
	case h.Capabilities.Has(ClientSecureConnection):
		h.Auth = r.bytes(int(r.u8()))
	default:
		h.Auth = r.nul()
	}
	if h.Capabilities.Has(ClientConnectWithDB) {
		h.Database = string(r.nul())
	}
	if h.Capabilities.Has(ClientPluginAuth) {
		h.Plugin = string(r.nul())
	}
	if h.Capabilities.Has(ClientConnectAttrs) && len(r.p) > 0 {
		h.Attributes = r.lenBytes()
	}
	if h.Capabilities.Has(ClientZstdCompression) && len(r.p) > 0 {
		h.Zstd = r.u8()
	}
	if err := r.err("handshake response"); err != nil {
		return nil, err
	}
	return h, nil
}

// Append appends the packet's payload to dst.
func (h *HandshakeResponse) Append(dst []byte) []byte {
	dst = appendResponseStart(dst, h.Capabilities, h.MaxPacket, h.Charset, h.Filler)
	dst = append(dst, h.User...)
	dst = append(dst, 0)
	switch {
	case h.Capabilities.Has(ClientPluginAuthLenencData):
		dst = AppendLenBytes(dst, h.Auth)
	case h.Capabilities.Has(ClientSecureConnection):
		auth := h.Auth[:min(len(h.Auth), 255)]
		dst = append(dst, byte(len(auth)))
		dst = append(dst, auth...)
	default:
		dst = append(dst, h.Auth...)
		dst = append(dst, 0)
	}
	if h.Capabilities.Has(ClientConnectWithDB) {
		dst = append(dst, h.Database...)
		dst = append(dst, 0)
	}
	if h.Capabilities.Has(ClientPluginAuth) {
		dst = append(dst, h.Plugin...)
		dst = append(dst, 0)
	}
	if h.Capabilities.Has(ClientConnectAttrs) {
		dst = AppendLenBytes(dst, h.Attributes)
	}
	if h.Capabilities.Has(ClientZstdCompression) {
		dst = append(dst, h.Zstd)
	}
	return dst
}

// IsSSLRequest tells whether a client's first packet is the request to go over
// to TLS: the beginning of a handshake response and no more.
func IsSSLRequest(p []byte) bool {
	return len(p) == 9+responseFiller && Capability(binary.LittleEndian.Uint32(p)).Has(ClientSSL|ClientProtocol41)
}

// AppendSSLRequest appends the payload of such a request to dst. Servers expect
// the same values again in the handshake response. ClientSSL is added.
func AppendSSLRequest(dst []byte, caps Capability, maxPacket uint32, charset byte) []byte {
	return appendResponseStart(dst, caps|ClientSSL, maxPacket, charset, [responseFiller]byte{})
}

func appendResponseStart(dst []byte, caps Capability, maxPacket uint32, charset byte, filler [responseFiller]byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(caps))
	dst = binary.LittleEndian.AppendUint32(dst, maxPacket)
	dst = append(dst, charset)
	if !caps.Has(ClientMySQL) {
		binary.LittleEndian.PutUint32(filler[responseFiller-4:], uint32(caps>>32))
	}
	return append(dst, filler[:]...)
}

// A Pair is a connection attribute. Both are the client's own words.
type Pair struct {
	Name, Value string
}

// ConnectAttributes decodes the raw attributes of a handshake response, as far
// as they can be read. They are for logs: nothing depends on them.
func ConnectAttributes(raw []byte) []Pair {
	r := cursor{p: raw}
	var pairs []Pair
	for len(r.p) > 0 {
		name, value := r.lenBytes(), r.lenBytes()
		if r.bad {
			break
		}
		pairs = append(pairs, Pair{string(name), string(value)})
	}
	return pairs
}
