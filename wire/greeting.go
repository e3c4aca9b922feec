package wire

import (
	"encoding/binary"
	"fmt"
)

// Greeting is the server's first packet, protocol version 10.
// Sources: "Protocol::HandshakeV10"; MariaDB's "Connecting: initial handshake
// packet" for the extended capabilities; send_server_handshake_packet in both.
type Greeting struct {
	Protocol      byte // 10
	ServerVersion string
	ConnectionID  uint32
	Scramble      []byte // the challenge without its closing NUL, 8 or (today always) 20 bytes or more
	Capabilities  Capability
	Charset       byte
	Status        Status
	Plugin        string // the server's default authentication plug-in, if ClientPluginAuth
}

// shortScramble is the part of the challenge that old clients know.
const shortScramble = 8

// ParseGreeting reads a greeting. An error packet in its place (too many
// connections, a blocked host) is a [*MalformedError]: look at the first byte
// before.
func ParseGreeting(p []byte) (*Greeting, error) {
	r := cursor{p: p}
	g := &Greeting{Protocol: r.u8()}
	if g.Protocol != 10 {
		return nil, &MalformedError{What: fmt.Sprintf("greeting has protocol version %d, only 10 is known", g.Protocol)}
	}
	g.ServerVersion = string(r.nul())
	g.ConnectionID = r.u32()
	first := r.bytes(shortScramble)
	r.u8()
	g.Capabilities = Capability(r.u16())
	if r.bad {
		return nil, r.err("greeting")
	}
	if len(r.p) == 0 { // servers before 4.1 end here
		g.Scramble = append(g.Scramble, first...)
		return g, nil
	}
	g.Charset = r.u8()
	g.Status = Status(r.u16())
	g.Capabilities |= Capability(r.u16()) << 16
	size := int(r.u8())
	filler := r.bytes(10)
	if r.bad {
		return nil, r.err("greeting")
	}
	if !g.Capabilities.Has(ClientMySQL) {
		g.Capabilities |= Capability(binary.LittleEndian.Uint32(filler[6:])) << 32
	}
	g.Scramble = append(g.Scramble, first...)
	if !g.Capabilities.Has(ClientPluginAuth) {
		size = 0 // the byte is reserved
	}
	if g.Capabilities.Has(ClientSecureConnection) {
		// At least 13 bytes, whatever the length says; the last is a NUL.
		second := r.bytes(max(13, size-shortScramble))
		if r.bad {
			return nil, r.err("greeting")
		}
		g.Scramble = append(g.Scramble, second[:len(second)-1]...)
	}
	if g.Capabilities.Has(ClientPluginAuth) {
		g.Plugin = string(r.nul())
	}
	return g, r.err("greeting")
}

// Append appends the packet's payload to dst. What ParseGreeting read from a
// MariaDB 10 or MySQL 8 or 9 server comes out byte for byte.
func (g *Greeting) Append(dst []byte) []byte {
	dst = append(dst, g.Protocol)
	dst = append(dst, g.ServerVersion...)
	dst = append(dst, 0)
	dst = binary.LittleEndian.AppendUint32(dst, g.ConnectionID)
	var first [shortScramble]byte
	second := g.Scramble[copy(first[:], g.Scramble):]
	if g.Capabilities.Has(ClientPluginAuth) {
		second = second[:min(len(second), 255-shortScramble-1)]
	} else {
		second = second[:min(len(second), 12)] // its length cannot be told
	}
	dst = append(dst, first[:]...)
	dst = append(dst, 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(g.Capabilities))
	dst = append(dst, g.Charset)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(g.Status))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(g.Capabilities>>16))
	if g.Capabilities.Has(ClientPluginAuth) {
		dst = append(dst, byte(shortScramble+max(13, len(second)+1)))
	} else {
		dst = append(dst, 0)
	}
	dst = append(dst, 0, 0, 0, 0, 0, 0)
	if g.Capabilities.Has(ClientMySQL) {
		dst = append(dst, 0, 0, 0, 0)
	} else {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(g.Capabilities>>32))
	}
	if g.Capabilities.Has(ClientSecureConnection) {
		dst = append(dst, second...)
		for range 12 - len(second) {
			dst = append(dst, 0)
		}
		dst = append(dst, 0)
	}
	if g.Capabilities.Has(ClientPluginAuth) {
		dst = append(dst, g.Plugin...)
		dst = append(dst, 0)
	}
	return dst
}
