package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"

	"ifmatch/conf"
)

// Backend is TLS with the backend. Its configuration stays one and the same while
// the authorities behind it are read again.
type Backend struct {
	config *tls.Config // nil for plain connections
	file   string      // PEM bundle of the authorities; "" for the system's
	host   string      // what the certificate must be for; "" for any
	roots  atomic.Pointer[x509.CertPool]
}

// NewBackend makes what mode asks for with the backend at address.
func NewBackend(mode conf.TLSMode, caFile, address string) (*Backend, error) {
	b := &Backend{}
	if mode == conf.TLSDisabled {
		return b, nil
	}
	// crypto/tls verifies chain and name or nothing, and by authorities that stay.
	b.config = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}
	if !mode.Verifies() {
		return b, nil
	}
	b.config.VerifyConnection = b.verify
	if mode == conf.TLSVerifyIdentity {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("host of --backend: %w", err)
		}
		b.host, b.config.ServerName = host, host
	}
	b.file = caFile
	return b, b.Reload()
}

// Config gives the configuration, nil for plain connections.
func (b *Backend) Config() *tls.Config { return b.config }

// Reload reads the authorities again. After an error the old ones stay.
func (b *Backend) Reload() error {
	if b.file == "" {
		return nil
	}
	pem, err := os.ReadFile(b.file)
	if err != nil {
		return fmt.Errorf("load --backend-ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("load --backend-ca: %s has no PEM certificate", b.file)
	}
	b.roots.Store(roots)
	return nil
}

// verify holds the backend's certificate against the authorities of the moment.
func (b *Backend) verify(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the backend sent no certificate")
	}
	opts := x509.VerifyOptions{Roots: b.roots.Load(), DNSName: b.host, Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:] {
		opts.Intermediates.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(opts)
	return err
}
