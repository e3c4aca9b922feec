package proxy

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"testing"

	"ifmatch/certs"
	"ifmatch/wire"
)

// A spoken packet of an authentication is the server's or the client's.
type spoken struct {
	server bool
	p      []byte
}

// What a plug-in's sides say to one another goes through byte for byte, whatever
// it is and whoever speaks last, and whether or not either connection has TLS.
func TestPluginsAreOpaque(t *testing.T) {
	random := func(n int) string {
		p := make([]byte, n)
		rand.Read(p)
		return string(p)
	}
	server := func(p string) spoken { return spoken{true, []byte(p)} }
	client := func(p string) spoken { return spoken{false, []byte(p)} }
	switched := func(plugin, data string) spoken {
		return spoken{true, wire.AuthSwitch{Plugin: plugin, Data: []byte(data)}.Append(nil)}
	}
	const more = "\x01" // what the server puts before data that would mean something else
	exchanges := map[string][]spoken{
		"parsec": {switched("parsec", random(32)), client(""), server("P0" + random(18)), client(random(96))},
		"dialog": {switched("dialog", "\x04Password: "), client("s3cret\x00"), server("\x02One-time code: "), client("123456\x00"),
			server(more + "\x00\x02again: "), client("\x00")},
		"mysql_clear_password": {switched("mysql_clear_password", ""), client("s3cret\x00")},
		"client_ed25519":       {switched("client_ed25519", random(32)+"\x00"), client(random(64))},
		"GSSAPI, one token":    {switched("auth_gssapi_client", "mysql/host@REALM\x00Kerberos\x00"), client("\x60" + random(1500))},
		"GSSAPI, the server has the last word": {switched("auth_gssapi_client", "mysql/host@REALM\x00Negotiate\x00"), client("\x60" + random(60_000)),
			server("\xa1" + random(200)), client("\xa1" + random(600)), server("\xa1" + random(30))},
		"SCRAM": {switched("authentication_ldap_sasl_client", "SCRAM-SHA-256\x00"), client("n,a=app,n=app,r=fyko"),
			server("r=fyko3rfc,s=QSXCR,i=4096"), client("c=biws,r=fyko3rfc,p=v0X8"), server("v=rmF9")},
		"a plug-in that nobody knows": {switched("nobody_knows", random(8)), server(more + "\x00"), server(more + "\xfe"), client("\xff"),
			server(more + "\x03"), server(more + "\x04"), client("\x02"), client("\x01")},
		"a second factor": {switched("caching_sha2_password", "tsrqponmlkjihgfedcba\x00"), client("answer 0"), server(more + "\x03"),
			server("\x02authentication_webauthn_client\x00a challenge"), client("answer 2"), server(more + "\x03"), client("answer 3"),
			server(more + "\x04"), client("answer 4")},
		"three factors": {switched("caching_sha2_password", "tsrqponmlkjihgfedcba\x00"), client("answer 0"), server(more + "\x03"),
			server("\x02mysql_clear_password\x00"), client("s3cret\x00"), server("\x02authentication_kerberos_client\x00data"),
			client(random(2000)), server(random(0) + "\x60token")},
	}
	selfSigned, err := certs.Server("", "")
	if err != nil {
		t.Fatal(err)
	}
	unverified := &tls.Config{InsecureSkipVerify: true}
	for name, exchange := range exchanges {
		for side, over := range map[string]struct{ client, backend bool }{
			"no TLS": {}, "TLS of the client": {client: true}, "TLS of the backend": {backend: true}, "TLS": {true, true},
		} {
			t.Run(name+"/"+side, func(t *testing.T) {
				b := newBench(t, func(cfg *Config) {
					cfg.ClientTLS = func() *tls.Config { return selfSigned }
					if over.backend {
						cfg.BackendTLS = unverified
					}
				})
				defer b.close()
				b.backend.serve = func(c *wire.Conn, _ net.Conn) {
					if err := playServer(c, exchange, over.backend, selfSigned); err != nil {
						t.Error("server:", err)
					}
				}
				c := b.dial(nil, nil)
				defer c.Close()
				c.wait()
				if err := playClient(c, exchange, over.client, unverified); err != nil {
					t.Fatal("client:", err)
				}
				if text, err := c.query("SELECT a, b FROM t"); err != nil || text != "2 rows;" {
					t.Errorf("behind it: %q, %v", text, err)
				}
			})
		}
	}
}

// playServer greets a client, has its part of the exchange, and answers commands.
func playServer(c *wire.Conn, exchange []spoken, over bool, config *tls.Config) error {
	more := wire.ClientMultiFactorAuthentication
	if over {
		more |= wire.ClientSSL
	}
	if err := greetWith(c, more); err != nil {
		return err
	}
	if over {
		if _, _, err := c.Next(); err != nil {
			return err
		}
		if err := c.StartTLSServer(context.Background(), config); err != nil {
			return err
		}
	}
	p, err := c.ReadPayload(1 << 20)
	if err != nil {
		return err
	}
	h, err := wire.ParseHandshakeResponse(p)
	if err != nil {
		return err
	}
	if err := play(c, exchange, true); err != nil {
		return err
	}
	if err := send(c, okPacket(h.Capabilities, 0)); err != nil {
		return err
	}
	for answerCommand(c, h.Capabilities) == nil {
	}
	return nil
}

// playClient logs in and has the client's part of the exchange.
func playClient(c *client, exchange []spoken, over bool, config *tls.Config) error {
	if _, err := c.ReadPayload(1 << 20); err != nil {
		return err
	}
	h := wire.HandshakeResponse{Capabilities: c.caps | wire.ClientMultiFactorAuthentication, User: "app", Plugin: "caching_sha2_password"}
	if over {
		if err := send(c.Conn, wire.AppendSSLRequest(nil, h.Capabilities, 1<<24, 45)); err != nil {
			return err
		}
		if err := c.StartTLSClient(context.Background(), config); err != nil {
			return err
		}
	}
	if err := errors.Join(send(c.Conn, h.Append(nil)), play(c.Conn, exchange, false)); err != nil {
		return err
	}
	p, err := c.ReadPayload(1 << 20)
	if err == nil && p[0] != wire.OKHeader {
		err = fmt.Errorf("%q instead of OK", p)
	}
	return err
}

// play says what one side has to say and expects what the other one has.
func play(c *wire.Conn, exchange []spoken, server bool) error {
	for i, s := range exchange {
		if s.server == server {
			if err := send(c, s.p); err != nil {
				return err
			}
			continue
		}
		p, err := c.ReadPayload(1 << 20)
		if err != nil {
			return fmt.Errorf("packet %d: %w", i, err)
		}
		if !bytes.Equal(p, s.p) {
			return fmt.Errorf("packet %d is %.100q, want %.100q", i, p, s.p)
		}
	}
	return nil
}
