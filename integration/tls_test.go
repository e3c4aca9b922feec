package integration

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// certificate writes cert.pem and key.pem to dir, signed by nobody else.
func certificate(t *testing.T, dir, name string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// hangUp sends SIGHUP and waits until the proxy has written text once more.
func (p *Proxy) hangUp(t *testing.T, text string) {
	t.Helper()
	before := p.Log.Count(text)
	p.cmd.Process.Signal(syscall.SIGHUP)
	if !await(func() bool { return p.Log.Count(text) > before }) {
		t.Fatalf("the proxy does not say %q", text)
	}
}

func TestCertificatesAreReadAgain(t *testing.T) {
	s := server.MariaDB(t)
	dir := t.TempDir()
	certificate(t, dir, "first")
	p := start(t, s, "tables: {}", "--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem"))
	shown := func() (r *raw, name string) {
		r, refused := credentials{user: "root", tls: &tls.Config{InsecureSkipVerify: true}}.login(t, p.Addr, plainCaps)
		if refused != nil {
			t.Fatalf("refused: %q", refused)
		}
		return r, r.c.TLS().PeerCertificates[0].Subject.CommonName
	}
	old, name := shown()
	if name != "first" {
		t.Fatalf("the certificate is %q", name)
	}
	old.query("SET @kept = 'kept'")
	certificate(t, dir, "second")
	p.hangUp(t, "certificate read again")
	if _, name := shown(); name != "second" {
		t.Errorf("after SIGHUP the certificate is %q", name)
	}
	if err := os.WriteFile(filepath.Join(dir, "key.pem"), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.hangUp(t, "certificate is wrong; the old one is kept")
	if _, name := shown(); name != "second" {
		t.Errorf("after SIGHUP with a wrong key the certificate is %q", name)
	}
	if answer := old.query("SELECT @kept"); string(answer[len(answer)-2]) != "\x04kept" {
		t.Errorf("the session from before: %q", answer)
	}
}

func TestAuthoritiesAreReadAgain(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		dir := t.TempDir()
		certificate(t, dir, "another authority")
		another, err := os.ReadFile(filepath.Join(dir, "cert.pem"))
		if err != nil {
			t.Fatal(err)
		}
		right, err := os.ReadFile(s.CAFile)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "ca.pem")
		write := func(pem []byte) {
			t.Helper()
			if err := os.WriteFile(file, pem, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write(right)
		p := start(t, s, "tables: {}", "--backend-tls", "verify-ca", "--backend-ca", file)
		old := session(t, p.server(s), "root", "", "")
		execute(t, old, "SET @kept = 'kept'")
		write(another)
		p.hangUp(t, "authorities read again")
		refusesCertificate(t, p, s, "unknown authority")
		write([]byte("no certificate"))
		p.hangUp(t, "the old ones are kept")
		refusesCertificate(t, p, s, "unknown authority")
		write(right)
		p.hangUp(t, "authorities read again")
		session(t, p.server(s), "root", "", "")
		if wrong := gives("kept")(run(old, "SELECT @kept", "")); wrong != "" {
			t.Error("the session from before: ", wrong)
		}
	})
}

// refusesCertificate expects that clients are told why there is no backend.
func refusesCertificate(t *testing.T, p *Proxy, s *server.Server, why string) {
	t.Helper()
	_, err := p.server(s).OpenAs(t, "root", "", "").Conn(context.Background())
	var e *mysql.MySQLError
	if !errors.As(err, &e) || e.Number != 2026 || !strings.Contains(e.Message, why) {
		t.Errorf("a client of a backend with a wrong certificate: %v, want error 2026 with %q", err, why)
	}
}

// Each mode takes the backends that it promises to take. The proxy stands before
// a relay that shows the server's clients a certificate of the test's own.
func TestBackendCertificate(t *testing.T) {
	now := time.Now()
	valid := func(from, until time.Duration) [2]time.Time { return [2]time.Time{now.Add(from), now.Add(until)} }
	good := valid(-time.Hour, time.Hour)
	authority, another := newAuthority(t), newAuthority(t)
	const always = "in"
	all := map[string]string{"disabled": always, "preferred": always, "required": always}
	with := func(ca, identity string) map[string]string {
		m := maps.Clone(all)
		m["verify-ca"], m["verify-identity"] = ca, identity
		return m
	}
	cases := []struct {
		name string
		cert *tls.Certificate // nil: the backend does not offer TLS
		says map[string]string
	}{
		{"of the authority, for this host", authority.issue(t, "127.0.0.1", good), with(always, always)},
		{"for another host", authority.issue(t, "192.0.2.1", good), with(always, "127.0.0.1")},
		{"without a host", authority.issue(t, "", good), with(always, "127.0.0.1")},
		{"expired", authority.issue(t, "127.0.0.1", valid(-2*time.Hour, -time.Hour)), with("expired", "expired")},
		{"not yet valid", authority.issue(t, "127.0.0.1", valid(time.Hour, 2*time.Hour)), with("not yet valid", "not yet valid")},
		{"of another authority", another.issue(t, "127.0.0.1", good), with("unknown authority", "unknown authority")},
		{"none", nil, map[string]string{"disabled": always, "preferred": always, "required": "offers no TLS",
			"verify-ca": "offers no TLS", "verify-identity": "offers no TLS"}},
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, authority.pem, 0o600); err != nil {
		t.Fatal(err)
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		shown := &atomic.Pointer[tls.Certificate]{}
		addr := relayTLS(t, s.Addr, shown)
		for mode := range cases[0].says {
			flags := []string{"--backend", addr, "--service-user", "", "--backend-tls", mode}
			if strings.HasPrefix(mode, "verify") {
				flags = append(flags, "--backend-ca", ca)
			}
			p := start(t, s, "tables: {}", flags...)
			for _, c := range cases {
				t.Run(c.name+"/"+mode, func(t *testing.T) {
					shown.Store(c.cert)
					failed := p.Log.Count(`"reason":"backend-tls"`)
					r, refused := credentials{user: "root"}.login(t, p.Addr, plainCaps)
					if c.says[mode] == always {
						if refused != nil {
							t.Fatalf("refused: %q", refused)
						}
						answer := r.query("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
						over := string(answer[len(answer)-2]) != "\nSsl_cipher\x00"
						if want := mode != "disabled" && c.cert != nil; over != want {
							t.Errorf("TLS at the backend: %v, want %v", over, want)
						}
						return
					}
					if refused == nil {
						t.Fatal("let in")
					}
					e, err := wire.ParseERR(refused, plainCaps)
					if err != nil || e.Code != 2026 || !strings.HasPrefix(e.Message, "ifmatch: ") || !strings.Contains(e.Message, addr) || !strings.Contains(e.Message, c.says[mode]) {
						t.Errorf("refused with %v, %v, want error 2026 with %q and %s", e, err, c.says[mode], addr)
					}
					if !await(func() bool { return p.Log.Count(`"reason":"backend-tls"`) > failed }) {
						t.Error("the failed handshake is not logged")
					}
				})
			}
		}
	})
}

// What comes instead of an authentication ends the connection, and is counted.
func TestBadHandshakesAreCounted(t *testing.T) {
	s := server.MariaDB(t)
	p := start(t, s, "tables: {}", "--require-tls")
	sslRequest := wire.AppendSSLRequest(nil, plainCaps, 1<<24, 45)
	packet := func(seq byte, p []byte) string {
		return string([]byte{byte(len(p)), byte(len(p) >> 8), byte(len(p) >> 16), seq}) + string(p)
	}
	for _, c := range []struct {
		name, sends string
		hangsUp     bool
		reason      string
	}{
		{"hangs up", "", true, "client-gone"},
		{"hangs up within a packet", "\x20\x00\x00\x01\x05", true, "client-gone"},
		{"sends text", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", false, "client-protocol"},
		{"sends a packet out of sequence", packet(7, sslRequest), false, "client-protocol"},
		{"sends an empty packet", packet(1, nil), false, "client-plain"},
		{"sends a packet that is too long", "\xff\xff\x7f\x01" + strings.Repeat("x", 1000), false, "client-protocol"},
		{"speaks an old protocol", packet(1, []byte("\x05\x00\x00\x00\x00root\x00")), false, "client-plain"},
		{"asks for no TLS", packet(1, (&wire.HandshakeResponse{Capabilities: plainCaps, User: "root"}).Append(nil)), false, "client-plain"},
		{"asks for TLS and does not use it", packet(1, sslRequest) + packet(2, (&wire.HandshakeResponse{Capabilities: plainCaps, User: "root"}).Append(nil)), false, "client-tls"},
		{"asks for TLS and hangs up", packet(1, sslRequest), true, "client-tls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			counted := func() string {
				for line := range strings.Lines(get(t, "http://"+p.Admin+"/metrics")) {
					if n, found := strings.CutPrefix(line, `ifmatch_handshake_failures_total{reason="`+c.reason+`"} `); found {
						return n
					}
				}
				return ""
			}
			before := counted()
			nc, err := net.Dial("tcp", p.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			nc.SetDeadline(time.Now().Add(patience))
			if _, err := wire.NewConn(nc).ReadPayload(1 << 20); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(nc, c.sends); err != nil {
				t.Fatal(err)
			}
			if c.hangsUp {
				nc.Close()
			} else if _, err := io.ReadAll(nc); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the client is not let go")
			}
			if !await(func() bool { return counted() != before }) {
				t.Errorf("not counted as %s", c.reason)
			}
		})
	}
	if !await(func() bool { return contains(get(t, "http://"+p.Admin+"/metrics"), "ifmatch_sessions 0") }) {
		t.Error("sessions are left")
	}
}
