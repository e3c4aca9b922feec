package certs

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"sync"
)

// rsaBits is the size of a key that is made here, which is that of MySQL's own.
const rsaBits = 2048

// RSAKey gives the key with which clients without TLS encrypt their password: that
// of the PEM file, PKCS #1 or PKCS #8. Where the name is empty it is a new one, made
// when it is first asked for: that takes longer than all else of a start, and many
// proxies never need it.
func RSAKey(file string) (func() (*rsa.PrivateKey, error), error) {
	if file == "" {
		return sync.OnceValues(func() (*rsa.PrivateKey, error) {
			key, err := rsa.GenerateKey(rand.Reader, rsaBits)
			if err != nil {
				return nil, fmt.Errorf("make a key: %w", err)
			}
			return key, nil
		}), nil
	}
	key, err := readRSAKey(file)
	if err != nil {
		return nil, err
	}
	return func() (*rsa.PrivateKey, error) { return key, nil }, nil
}

func readRSAKey(file string) (*rsa.PrivateKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("load --rsa-key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("load --rsa-key: %s has no PEM key", file)
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("load --rsa-key: %s has no private key without a passphrase: %w", file, err)
	}
	rsaKey, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("load --rsa-key: the key in %s is not RSA", file)
	}
	return rsaKey, nil
}
