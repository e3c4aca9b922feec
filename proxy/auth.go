package proxy

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"

	"ifmatch/wire"
)

// The plug-ins that send a password in the clear over TLS, and encrypted with an
// RSA key without.
const (
	cachingSHA2 = "caching_sha2_password"
	plainSHA256 = "sha256_password"
)

// The steps of caching_sha2_password after its first answer.
// Source: MySQL's sql/auth/sha2_password.cc.
const (
	sha2RequestKey = 2
	sha2FastOK     = 3
	sha2FullAuth   = 4
)

// sha256RequestKey is the answer of a client without TLS to sha256_password.
// Source: sha256_password_authenticate in MySQL's sql_authentication.cc.
const sha256RequestKey = 1

// otherPlugin is a name that no account has. A server answers it by asking for the
// account's own plug-in, with a new challenge.
const otherPlugin = "ifmatch_asks_for_a_switch"

// alternating are the plug-ins of which server and client speak in turn. Of others it
// is not known: the last token of GSSAPI, or of SCRAM, is the server's, and an OK
// follows it at once.
var alternating = map[string]bool{
	"mysql_native_password": true, "mysql_old_password": true, "mysql_clear_password": true, cachingSHA2: true, plainSHA256: true,
	"client_ed25519": true, "parsec": true, "dialog": true, otherPlugin: true,
}

// turn is how long one side is waited for before the other one is looked at.
const turn = 5 * time.Millisecond

// errRefused is the end of an authentication that the server refused. The
// client has the server's own error.
var errRefused = errors.New("authentication refused")

// oneSided says whether one of the two connections only has TLS.
func (s *session) oneSided() bool { return (s.client.TLS() != nil) != (s.backend.TLS() != nil) }

// authenticate relays an authentication exchange, packet for packet, until the
// server says OK or an error. The plug-in's data stay opaque, but for the steps
// of two plug-ins that differ with and without TLS.
func (s *session) authenticate(plugin string) error {
	spoken := false // the server's next packet is there
	for {
		if err := s.backend.FlushLate(); err != nil {
			return fail("backend-gone", &backendError{err})
		}
		if !spoken {
			if _, _, err := s.backend.Next(); err != nil {
				return fail("backend-gone", &backendError{err})
			}
		}
		spoken = false
		p, err := s.backend.Payload(maxHandshake)
		if err != nil {
			return fail("backend-gone", &backendError{err})
		}
		if len(p) == 0 {
			return fail("backend-protocol", &backendError{errors.New("empty packet during authentication")})
		}
		switch p[0] {
		case wire.OKHeader:
			ok, err := wire.ParseOK(p, s.caps)
			if err != nil {
				return fail("backend-protocol", &backendError{err})
			}
			s.note(&ok)
			return s.tell(s.clientOK(&ok, p))
		case wire.ERRHeader:
			if err := s.tell(p); err != nil {
				return err
			}
			s.client.Flush()
			return errRefused
		case wire.AuthSwitchHeader:
			if sw, err := wire.ParseAuthSwitch(p); err == nil && sw.Plugin != "" {
				plugin, s.scramble = sw.Plugin, bytes.Clone(sw.Scramble())
			}
			if plugin == plainSHA256 && s.oneSided() {
				if err := s.bridgePassword(p, sha256RequestKey); err != nil {
					return err
				}
				continue
			}
		case wire.AuthNextFactorHeader:
			if !s.caps.Has(wire.ClientMultiFactorAuthentication) {
				break // a question of MariaDB's dialog
			}
			name, _, _ := bytes.Cut(p[1:], []byte{0})
			plugin = string(name) // its data are its own
		case wire.AuthMoreDataHeader:
			if plugin != cachingSHA2 || len(p) != 2 {
				break
			}
			if p[1] == sha2FastOK {
				if err := s.tell(p); err != nil {
					return err
				}
				continue
			}
			if p[1] == sha2FullAuth && s.oneSided() {
				if err := s.bridgePassword(p, sha2RequestKey); err != nil {
					return err
				}
				continue
			}
		}
		if err := s.tell(p); err != nil {
			return err
		}
		if alternating[plugin] {
			if _, _, err := s.client.Next(); err != nil {
				return fail(clientFault(err), err)
			}
			if err := s.passReply(); err != nil {
				return err
			}
			continue
		}
		for !spoken {
			if spoken, err = s.either(); err != nil {
				return fail(clientFault(err), err)
			}
			if !spoken {
				if err := s.passReply(); err != nil {
					return err
				}
			}
		}
	}
}

// passReply passes the client's packet on.
func (s *session) passReply() error {
	reply, err := s.client.Payload(maxHandshake)
	if err != nil {
		return fail(clientFault(err), err)
	}
	if err := errors.Join(s.backend.WritePacket(reply), s.backend.Flush()); err != nil {
		return fail("backend-gone", &backendError{err})
	}
	return nil
}

// either waits until the client or the server has a packet, and says whether it is
// the server.
func (s *session) either() (server bool, err error) {
	for s.takesTurns(turn) {
		if _, _, err := s.client.Next(); !errors.Is(err, os.ErrDeadlineExceeded) {
			s.takesTurns(0)
			return false, err
		}
		if _, _, err := s.backend.Next(); err == nil {
			s.takesTurns(0)
			return true, nil
		} else if !errors.Is(err, os.ErrDeadlineExceeded) {
			return false, &backendError{err}
		}
	}
	return false, os.ErrDeadlineExceeded
}

// takesTurns bounds how long the next read of each side may wait, not at all with 0.
// It says no, and leaves the bounds as they are, where the handshake takes too long.
func (s *session) takesTurns(d time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.late {
		return false
	}
	var client, backend time.Time
	if d > 0 {
		client = time.Now().Add(d)
		backend = client.Add(d)
	}
	s.client.SetReadDeadline(client)
	s.backend.SetReadDeadline(backend)
	return true
}

// tell sends one packet of an authentication to the client. It leaves with the wait
// for what the client says next.
func (s *session) tell(p []byte) error {
	if err := s.client.WritePacket(p); err != nil {
		return fail("client-gone", err)
	}
	if err := s.client.FlushLate(); err != nil {
		return fail("client-gone", err)
	}
	return nil
}

// bridgePassword takes part in a password's transfer where one side only has TLS:
// there the password goes in the clear, on the other side it is encrypted with an
// RSA key, the server's or the proxy's. request is the server's packet that asks
// for the password, requestKey what asks for the key.
func (s *session) bridgePassword(request []byte, requestKey byte) error {
	if err := s.tell(request); err != nil {
		return err
	}
	p, err := s.client.ReadPayload(maxHandshake)
	if err != nil {
		return fail(clientFault(err), err)
	}
	if len(p) == 0 || len(p) == 1 && p[0] == 0 { // no password, which is never encrypted
		if err := s.backend.WritePacket(p); err != nil {
			return fail("backend-gone", &backendError{err})
		}
		return nil
	}
	if s.client.TLS() != nil {
		return s.encryptPassword(bytes.Clone(p), requestKey)
	}
	private, err := s.srv.cfg.RSAKey()
	if err != nil {
		return fail("proxy-key", err)
	}
	if len(p) == 1 && p[0] == requestKey {
		key, err := publicKeyPEM(&private.PublicKey)
		if err != nil {
			return fail("proxy-key", err)
		}
		if err := s.tell(append([]byte{wire.AuthMoreDataHeader}, key...)); err != nil {
			return err
		}
		if p, err = s.client.ReadPayload(maxHandshake); err != nil {
			return fail(clientFault(err), err)
		}
	}
	password, err := rsa.DecryptOAEP(sha1.New(), nil, private, p, nil)
	if err != nil {
		s.answerError(1045, "28000", "ifmatch: the password is encrypted with another key than the proxy's; let the client ask for the key or use TLS, or give the proxy the server's (--rsa-key)")
		return &handshakeError{reason: "client-key", err: errors.New("the password was encrypted with another key"), told: true}
	}
	obscure(password, s.scramble)
	err = s.backend.WritePacket(password)
	clear(password)
	if err != nil {
		return fail("backend-gone", &backendError{err})
	}
	return nil
}

// encryptPassword sends a password that came over TLS to a server without.
func (s *session) encryptPassword(password []byte, requestKey byte) error {
	defer clear(password)
	if err := s.backend.WritePacket([]byte{requestKey}); err != nil {
		return fail("backend-gone", &backendError{err})
	}
	if err := s.backend.Flush(); err != nil {
		return fail("backend-gone", &backendError{err})
	}
	p, err := s.backend.ReadPayload(maxHandshake)
	if err != nil {
		return fail("backend-gone", &backendError{err})
	}
	if len(p) == 0 || p[0] != wire.AuthMoreDataHeader {
		return fail("backend-protocol", &backendError{errors.New("no public key from the server")})
	}
	key, err := parsePublicKey(p[1:])
	if err != nil {
		return fail("backend-protocol", &backendError{err})
	}
	obscure(password, s.scramble)
	sealed, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, key, password, nil)
	if err != nil {
		return fail("backend-key", &backendError{err})
	}
	if err := s.backend.WritePacket(sealed); err != nil {
		return fail("backend-gone", &backendError{err})
	}
	return nil
}

// obscure is the XOR with the scramble that goes before the RSA step, and its inverse.
func obscure(password, scramble []byte) {
	if len(scramble) == 0 {
		return
	}
	for i := range password {
		password[i] ^= scramble[i%len(scramble)]
	}
}

func publicKeyPEM(key *rsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

func parsePublicKey(p []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(p)
	if block == nil {
		return nil, errors.New("the server's public key is no PEM")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse the server's public key: %w", err)
	}
	rsaKey, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("the server's public key is not RSA")
	}
	return rsaKey, nil
}
