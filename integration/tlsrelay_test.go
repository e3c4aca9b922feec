package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"ifmatch/wire"
)

// An authority signs certificates of servers.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: rand.Text()},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue gives a certificate for the host of that address, for any where it is empty,
// valid from one time to another.
func (a *authority) issue(t *testing.T, host string, valid [2]time.Time) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "a server"},
		NotBefore: valid[0], NotAfter: valid[1], KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if host != "" {
		template.IPAddresses = []net.IP{net.ParseIP(host)}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// relayTLS stands before a server and shows its clients the certificate of the
// moment; where there is none, it does not offer TLS. It gives its address.
func relayTLS(t *testing.T, addr string, shown *atomic.Pointer[tls.Certificate]) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				relayOne(client, addr, shown.Load())
			}()
		}
	}()
	return ln.Addr().String()
}

// relayOne relays one connection. Over TLS both sides are, each with its own.
func relayOne(client net.Conn, addr string, cert *tls.Certificate) {
	back, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer back.Close()
	greeting, err := onePacket(back)
	if err != nil {
		return
	}
	g, err := wire.ParseGreeting(greeting[4:])
	if err != nil {
		return
	}
	if cert == nil {
		g.Capabilities &^= wire.ClientSSL
	}
	if _, err := client.Write(append(greeting[:4], g.Append(nil)...)); err != nil {
		return
	}
	first, err := onePacket(client)
	if err != nil {
		return
	}
	if _, err := back.Write(first); err != nil {
		return
	}
	if wire.IsSSLRequest(first[4:]) {
		client = tls.Server(client, &tls.Config{Certificates: []tls.Certificate{*cert}})
		back = tls.Client(back, &tls.Config{InsecureSkipVerify: true})
	}
	go func() {
		io.Copy(back, client)
		back.Close()
	}()
	io.Copy(client, back)
}

// onePacket reads a packet with its header.
func onePacket(r io.Reader) ([]byte, error) {
	p := make([]byte, 4)
	if _, err := io.ReadFull(r, p); err != nil {
		return nil, err
	}
	p = append(p, make([]byte, int(p[0])|int(p[1])<<8|int(p[2])<<16)...)
	_, err := io.ReadFull(r, p[4:])
	return p, err
}
