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
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
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

// A backend whose certificate is good, but for another host.
func TestBackendOfAnotherName(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		ln, err := net.Listen("tcp", "127.0.0.2:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					b, err := net.Dial("tcp", s.Addr)
					if err != nil {
						return
					}
					defer b.Close()
					go io.Copy(b, c)
					io.Copy(c, b)
				}()
			}
		}()
		flags := []string{"--backend", ln.Addr().String(), "--service-user", "", "--backend-ca", s.CAFile, "--backend-tls"}
		p := start(t, s, "tables: {}", append(flags, "verify-ca")...)
		session(t, p.server(s), "root", "", "")
		p = start(t, s, "tables: {}", append(flags, "verify-identity")...)
		refusesCertificate(t, p, s, "127.0.0.2")
		if !await(func() bool { return p.Log.Count(`"reason":"backend-tls"`) == 1 }) {
			t.Error("the failed handshake is not logged")
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
