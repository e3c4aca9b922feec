package proxy

import (
	"net"
	"strings"
	"testing"

	"ifmatch/certs"
	"ifmatch/conf"
	"ifmatch/wire"
)

// What a backend may say instead of a greeting that the proxy can use, and what the
// client is told.
func TestGreetings(t *testing.T) {
	says := func(p []byte) func(*wire.Conn, net.Conn) {
		return func(c *wire.Conn, _ net.Conn) { send(c, p) }
	}
	old := wire.Greeting{Protocol: 10, ServerVersion: "3.23.58", ConnectionID: 1, Scramble: []byte("abcdefgh"), Capabilities: wire.ClientConnectWithDB}
	for name, test := range map[string]struct {
		serve        func(*wire.Conn, net.Conn)
		tls          conf.TLSMode
		reason, text string // empty: the client is let in
	}{
		"it has no room":              {says(wire.ERR{Code: 1040, Message: "Too many connections"}.Append(nil, 0)), conf.TLSDisabled, "backend-refused", "Too many connections"},
		"it blocks the host":          {says(wire.ERR{Code: 1129, Message: "Host 'a' is blocked"}.Append(nil, 0)), conf.TLSDisabled, "backend-refused", "Host 'a' is blocked"},
		"it speaks another protocol":  {func(_ *wire.Conn, nc net.Conn) { nc.Write([]byte("SSH-2.0-OpenSSH_9.2\r\n")) }, conf.TLSDisabled, "backend-greeting", "while it should greet"},
		"it speaks protocol 9":        {says([]byte("\x095.0\x00\x01\x00\x00\x00abcdefgh\x00")), conf.TLSDisabled, "backend-greeting", "speaks another protocol"},
		"it is too old":               {says(old.Append(nil)), conf.TLSDisabled, "backend-greeting", "before 4.1"},
		"it hangs up":                 {func(*wire.Conn, net.Conn) {}, conf.TLSDisabled, "backend-greeting", "while it should greet"},
		"no TLS, which is preferred":  {nil, conf.TLSPreferred, "", ""},
		"no TLS, which is required":   {nil, conf.TLSRequired, "backend-tls", "offers no TLS, which --backend-tls requires"},
		"no TLS, and is to be proved": {nil, conf.TLSVerifyIdentity, "backend-tls", "offers no TLS, which --backend-tls requires"},
		"TLS that it does not keep to": {func(c *wire.Conn, nc net.Conn) {
			g := wire.Greeting{Protocol: 10, ServerVersion: "9.7.0", ConnectionID: 7, Scramble: []byte("abcdefghijklmnopqrst"),
				Capabilities: serverCaps | wire.ClientSSL, Plugin: "caching_sha2_password"}
			send(c, g.Append(nil))
			c.ReadPayload(1 << 20)
			nc.Write([]byte("no TLS at all"))
		}, conf.TLSRequired, "backend-tls", "TLS with the server at "},
	} {
		t.Run(name, func(t *testing.T) {
			backend, err := certs.NewBackend(test.tls, "", "localhost:3306")
			if err != nil {
				t.Fatal(err)
			}
			tlsConfig := backend.Config()
			b := newBench(t, func(cfg *Config) { cfg.BackendTLS, cfg.TLSOptional = tlsConfig, test.tls == conf.TLSPreferred })
			defer b.close()
			b.backend.serve = test.serve
			c := b.dial(nil, nil)
			defer c.Close()
			switch err := c.login(); {
			case test.text == "" && err != nil:
				t.Fatal(err)
			case test.text == "":
				return
			case err == nil || !strings.Contains(err.Error(), test.text):
				t.Errorf("the client is told %q, want %q", err, test.text)
			}
			b.ended(0)
			if b.meter.handshakes.Load() != 1 || !strings.Contains(b.logs.String(), "reason="+test.reason) {
				t.Errorf("want one failed handshake for the reason %s\n%s", test.reason, b.logs)
			}
		})
	}
}
