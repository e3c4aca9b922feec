package integration

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"strings"
	"testing"

	"filippo.io/edwards25519"

	"ifmatch/wire"
)

// credentials are what a client logs in with.
type credentials struct {
	user, password, db string
	// plugin makes the first answer. Where it is another than the account's, the
	// server asks for a switch. Empty for the one that the server's greeting names.
	plugin string
	tls    *tls.Config // nil for a plain connection
	key    []byte      // the server's public key, where the client has a copy
	// charset is the number of a collation; 0 for utf8mb4_general_ci.
	charset byte
	// takes are capabilities that the client takes whatever the greeting says.
	takes wire.Capability
}

// noPlugin is a name that no server knows, so that it asks for a switch.
const noPlugin = "none_of_the_servers"

// login logs in. Where it is refused, it gives the server's error packet.
func (c credentials) login(t testing.TB, addr string, caps wire.Capability) (r *raw, refused []byte) {
	t.Helper()
	nc, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	r = &raw{t: t, nc: nc, c: wire.NewConn(nc), key: c.key}
	r.wait()
	p := r.packet()
	if p[0] == wire.ERRHeader {
		return r, p
	}
	greeting, err := wire.ParseGreeting(p)
	if err != nil {
		t.Fatal(err)
	}
	r.id, r.greeting = greeting.ConnectionID, greeting
	r.caps = caps & (greeting.Capabilities | wire.ClientConnectWithDB)
	h := wire.HandshakeResponse{Capabilities: r.caps | c.takes, MaxPacket: 1 << 30, Charset: 45, User: c.user, Database: c.db, Plugin: c.plugin}
	if c.charset != 0 {
		h.Charset = c.charset
	}
	if c.tls != nil {
		r.send(wire.AppendSSLRequest(nil, r.caps, h.MaxPacket, h.Charset))
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.c.StartTLSClient(ctx, c.tls); err != nil {
			t.Fatal(err)
		}
		h.Capabilities |= wire.ClientSSL
	}
	if h.Plugin == "" {
		h.Plugin = greeting.Plugin
	}
	h.Auth = r.firstAnswer(h.Plugin, c.password, greeting.Scramble)
	r.write(h)
	return r, r.authenticate(h.Plugin, c.password, greeting.Scramble)
}

// changeUser sends COM_CHANGE_USER and plays the part of the client's plug-ins.
// Where it is refused, it gives the server's error packet.
func (r *raw) changeUser(c credentials) (refused []byte) {
	r.t.Helper()
	u := wire.ChangeUser{User: c.user, Database: c.db, Charset: 45, Plugin: c.plugin,
		Auth: r.firstAnswer(c.plugin, c.password, r.greeting.Scramble)}
	r.command(wire.ComChangeUser, u.Append(nil, r.caps))
	return r.authenticate(c.plugin, c.password, r.greeting.Scramble)
}

// becomes changes the user, who is let in.
func (r *raw) becomes(user, password, db string) {
	r.t.Helper()
	if refused := r.changeUser(credentials{user: user, password: password, db: db, plugin: noPlugin}); refused != nil {
		r.t.Fatalf("COM_CHANGE_USER: %q", refused)
	}
}

// authenticate goes on until the server says OK or an error, which it gives.
func (r *raw) authenticate(plugin, password string, challenge []byte) (refused []byte) {
	r.t.Helper()
	for {
		switch p := r.packet(); {
		case p[0] == wire.OKHeader:
			return nil
		case p[0] == wire.ERRHeader:
			return p
		case p[0] == wire.AuthSwitchHeader:
			sw, err := wire.ParseAuthSwitch(p)
			if err != nil {
				r.t.Fatal(err)
			}
			plugin, challenge = sw.Plugin, sw.Scramble()
			if (plugin == "client_ed25519" || plugin == "parsec") && len(sw.Data) >= 32 {
				challenge = sw.Data[:32] // random bytes, of which the last may be a zero
			}
			r.send(r.firstAnswer(plugin, password, challenge))
		case plugin == "caching_sha2_password" && p[1] == 3: // the fast way has gone well
		case plugin == "caching_sha2_password" && p[1] == 4 && r.c.TLS() != nil:
			r.send([]byte(password + "\x00"))
		case plugin == "caching_sha2_password" && p[1] == 4 && r.key != nil:
			r.send(encrypted(r.t, r.key, password, challenge))
		case plugin == "caching_sha2_password" && p[1] == 4:
			r.send([]byte{2}) // asks for the key
		case p[0] == wire.AuthMoreDataHeader && strings.HasPrefix(string(p[1:]), "-----BEGIN"):
			r.send(encrypted(r.t, p[1:], password, challenge))
		case plugin == "parsec" && len(p) > 3 && string(p[:2]) == "\x01P":
			r.send(parsecAnswer(r.t, password, challenge, p[2], p[3:]))
		default:
			r.t.Fatalf("%s goes on with %q", plugin, p)
		}
	}
}

// firstAnswer gives the answer of a plug-in to a challenge.
// Sources: "Native Authentication", "SHA256" and "Caching_sha2_password
// information" of MySQL's internals manual.
func (r *raw) firstAnswer(plugin, password string, challenge []byte) []byte {
	switch {
	case plugin == "sha256_password" && password == "":
		return []byte{0}
	case plugin == "sha256_password" && r.c.TLS() != nil:
		return []byte(password + "\x00")
	case plugin == "sha256_password" && r.key != nil:
		return encrypted(r.t, r.key, password, challenge)
	case plugin == "sha256_password":
		return []byte{1} // asks for the key
	case plugin == "parsec": // asks for the salt
		return nil
	case plugin == "client_ed25519":
		return ed25519Answer(r.t, password, challenge)
	case password == "":
		return nil
	case plugin == "mysql_native_password":
		once := sha1.Sum([]byte(password))
		twice := sha1.Sum(once[:])
		mask := sha1.Sum(append(challenge[:20:20], twice[:]...))
		return xor(once[:], mask[:])
	case plugin == "caching_sha2_password":
		once := sha256.Sum256([]byte(password))
		twice := sha256.Sum256(once[:])
		mask := sha256.Sum256(append(twice[:], challenge[:20]...))
		return xor(once[:], mask[:])
	}
	return nil
}

// encrypted gives the password as both SHA-256 plug-ins want it without TLS.
func encrypted(t testing.TB, key []byte, password string, challenge []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(key)
	if block == nil {
		t.Fatalf("no PEM: %q", key)
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	text := []byte(password + "\x00")
	for i := range text {
		text[i] ^= challenge[i%20]
	}
	sealed, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, public.(*rsa.PublicKey), text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// ed25519Answer is the signature that MariaDB's ed25519 asks for: in the place of a
// seed of 32 bytes stands the password itself.
// Sources: RFC 8032, MariaDB's "Authentication Plugin - ed25519".
func ed25519Answer(t testing.TB, password string, challenge []byte) []byte {
	t.Helper()
	digest := func(parts ...[]byte) *edwards25519.Scalar {
		sum := sha512.Sum512(bytes.Join(parts, nil))
		s, err := edwards25519.NewScalar().SetUniformBytes(sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	h := sha512.Sum512([]byte(password))
	secret, err := edwards25519.NewScalar().SetBytesWithClamping(h[:32])
	if err != nil {
		t.Fatal(err)
	}
	public := new(edwards25519.Point).ScalarBaseMult(secret).Bytes()
	once := digest(h[32:], challenge)
	first := new(edwards25519.Point).ScalarBaseMult(once).Bytes()
	last := edwards25519.NewScalar().MultiplyAdd(digest(first, public, challenge), secret, once)
	return append(first, last.Bytes()...)
}

// parsecAnswer answers the salt of MariaDB's parsec. factor is the logarithm of the
// number of thousands of iterations.
// Source: MariaDB's "Authentication Plugin - PARSEC".
func parsecAnswer(t testing.TB, password string, challenge []byte, factor byte, salt []byte) []byte {
	t.Helper()
	seed, err := pbkdf2.Key(sha512.New, password, salt, 1024<<factor, ed25519.SeedSize)
	if err != nil {
		t.Fatal(err)
	}
	own := make([]byte, 32)
	rand.Read(own)
	return append(own, ed25519.Sign(ed25519.NewKeyFromSeed(seed), append(bytes.Clone(challenge), own...))...)
}

func xor(a, b []byte) []byte {
	for i := range a {
		a[i] ^= b[i]
	}
	return a
}
