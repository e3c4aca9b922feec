package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"ifmatch/wire"
)

// hidden are the capabilities that clients are not offered: the proxy would not
// understand the packets that follow from them.
const hidden = wire.ClientCompress | wire.ClientZstdCompression | wire.ClientOptionalResultsetMetadata |
	wire.ClientCapabilityExtension | wire.MariaDBComMulti | wire.MariaDBCacheMetadata | wire.MariaDBBulkUnitResults |
	^(wire.MariaDBBulkUnitResults<<1 - 1)

// greetingSize is room for the packets of most handshakes, in bytes.
const greetingSize = 256

// handshakeError is a failure before the session was open.
type handshakeError struct {
	reason string // for the counter
	err    error
	told   bool // the client has had its error packet
}

func (e *handshakeError) Error() string { return e.reason + ": " + e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

func fail(reason string, err error) error { return &handshakeError{reason: reason, err: err} }

// open connects to the backend and relays greeting and authentication.
func (s *session) open() error {
	if err := s.client.SetStall(s.srv.stall); err != nil {
		s.log.Debug("no bound on a client that does not read", "error", err)
	}
	nc, err := s.dial()
	if err != nil {
		return s.unreachable(err)
	}
	s.mu.Lock()
	s.backend = wire.NewConn(nc)
	dead, late := s.dead, s.late
	s.mu.Unlock()
	if dead {
		return fail("shutdown", net.ErrClosed)
	}
	if late {
		s.backend.SetDeadline(time.Unix(1, 0))
	}
	if err := s.handshake(); err != nil {
		return err
	}
	// That the backend has hung up is noticed when the session is watched, which may
	// be as soon as it is open.
	s.backend.ExpectAnswers()
	s.hasOpened()
	return nil
}

// dial connects to the backend. Keep-alive is off for the while.
func (s *session) dial() (net.Conn, error) {
	if s.srv.address.IsValid() {
		return wire.Dial(s.srv.address)
	}
	return (&net.Dialer{Timeout: dialTimeout, KeepAlive: -1}).Dial("tcp", s.srv.cfg.Backend)
}

// unreachable tells the client that there is no connection to the backend.
func (s *session) unreachable(err error) error {
	s.connectError(2003, fmt.Sprintf("ifmatch: can't connect to the server at %s: %s", s.srv.cfg.Backend, reasonOf(err)))
	return &handshakeError{reason: "backend-unreachable", err: err, told: true}
}

// handshake relays the greeting, the client's answer and the authentication.
func (s *session) handshake() error {
	p, err := s.backend.ReadPayload(maxHandshake)
	if cerr := s.backend.ConnectError(err); cerr != nil {
		return s.unreachable(cerr)
	}
	if err != nil {
		s.connectError(2013, "ifmatch: lost connection to the server at "+s.srv.cfg.Backend+" while it should greet")
		return &handshakeError{reason: "backend-greeting", err: err, told: true}
	}
	if len(p) > 0 && p[0] == wire.ERRHeader {
		// Too many connections, host blocked: the server's own words.
		s.client.WritePacket(p)
		s.client.Flush()
		return &handshakeError{reason: "backend-refused", err: errors.New("the server sent an error for a greeting"), told: true}
	}
	greeting, err := wire.ParseGreeting(p)
	if err != nil {
		s.connectError(2007, "ifmatch: the server at "+s.srv.cfg.Backend+" speaks another protocol")
		return &handshakeError{reason: "backend-greeting", err: err, told: true}
	}
	if !greeting.Capabilities.Has(wire.ClientProtocol41) {
		s.connectError(2007, "ifmatch: the server at "+s.srv.cfg.Backend+" speaks a protocol before 4.1, which is not supported")
		return &handshakeError{reason: "backend-greeting", err: errors.New("the server speaks a protocol before 4.1"), told: true}
	}
	s.id = greeting.ConnectionID
	s.log = slog.New(sessionLog{s.log.Handler(), s})
	server := greeting.Capabilities
	offer := *greeting
	tlsConfig := s.srv.cfg.ClientTLS()
	offer.Capabilities = server &^ (hidden | wire.ClientSSL)
	if tlsConfig != nil {
		offer.Capabilities |= wire.ClientSSL
	}
	s.scratch = offer.Append(slices.Grow(s.scratch[:0], greetingSize))
	if err := s.client.WritePacket(s.scratch); err != nil {
		return fail("client-gone", err)
	}
	if err := s.client.FlushLate(); err != nil {
		return fail("client-gone", err)
	}
	p, err = s.client.ReadPayload(maxHandshake)
	if err != nil {
		return fail(clientFault(err), err)
	}
	if wire.IsSSLRequest(p) {
		if tlsConfig == nil {
			return fail("client-protocol", errors.New("the client asks for TLS that was not offered"))
		}
		ctx, cancel := context.WithTimeout(context.Background(), s.srv.handshake)
		defer cancel()
		if err := s.client.StartTLSServer(ctx, tlsConfig); err != nil {
			if reason := clientFault(err); reason == "client-stalled" {
				return fail(reason, err)
			}
			return fail("client-tls", err)
		}
		if p, err = s.client.ReadPayload(maxHandshake); err != nil {
			return fail(clientFault(err), err)
		}
	} else if s.srv.cfg.RequireTLS {
		s.answerError(3159, "HY000", "ifmatch: connections without TLS are not taken (--require-tls)")
		return &handshakeError{reason: "client-plain", err: errors.New("the client does not use TLS"), told: true}
	}
	response, err := wire.ParseHandshakeResponse(p)
	if err != nil {
		s.answerError(1043, "08S01", "ifmatch: bad handshake")
		return &handshakeError{reason: "client-protocol", err: err, told: true}
	}
	asked := response.Capabilities
	s.caps = asked &^ (hidden | wire.ClientSSL) & (server | wire.ClientRememberOptions | wire.ClientSSLVerifyServerCert)
	s.caps |= asked & wire.ClientConnectWithDB
	if server.Has(wire.ClientSessionTrack) && !s.caps.Has(wire.ClientSessionTrack) {
		s.strip = true
	}
	s.caps |= server & wire.ClientSessionTrack
	response.Capabilities = s.caps
	if err := s.backendTLS(server, response); err != nil {
		return err
	}
	if s.backend.TLS() != nil {
		response.Capabilities |= wire.ClientSSL
	}
	plugin := response.Plugin
	if plugin == plainSHA256 && s.oneSided() {
		// The client's first answer is made for its own connection, not for the server's.
		plugin, response.Plugin, response.Auth = otherPlugin, otherPlugin, nil
	}
	s.scratch = response.Append(s.scratch[:0])
	err = s.backend.WritePacket(s.scratch)
	clear(s.scratch) // there may be a password in it
	if err != nil {
		return fail("backend-gone", &backendError{err})
	}
	s.user = response.User
	s.multi = s.caps.Has(wire.ClientMultiStatements)
	s.state.Tracked = s.caps.Has(wire.ClientSessionTrack)
	if s.caps.Has(wire.ClientConnectWithDB) {
		s.state.DB = response.Database
	}
	s.state.Greeted(greeting)
	if catalog := s.srv.Rules().Catalog; !catalog.Offline() {
		s.state.SetModes(catalog.SQLMode)
	}
	s.isolation = s.beginIsolation()
	s.state.SetCharset(int(response.Charset))
	s.logAttributes(response)
	s.keepAttributes(response.Attributes)
	s.scramble = greeting.Scramble
	return s.authenticate(plugin)
}

// backendTLS goes over to TLS at the backend where the configuration says so.
func (s *session) backendTLS(server wire.Capability, response *wire.HandshakeResponse) error {
	cfg := s.srv.cfg.BackendTLS
	if cfg == nil {
		return nil
	}
	if !server.Has(wire.ClientSSL) {
		if s.srv.cfg.TLSOptional {
			return nil
		}
		s.answerError(2026, "HY000", "ifmatch: the server at "+s.srv.cfg.Backend+" offers no TLS, which --backend-tls requires")
		return &handshakeError{reason: "backend-tls", err: errors.New("the server offers no TLS"), told: true}
	}
	if err := s.backend.WritePacket(wire.AppendSSLRequest(nil, s.caps, response.MaxPacket, response.Charset)); err != nil {
		return fail("backend-gone", &backendError{err})
	}
	if err := s.backend.Flush(); err != nil {
		return fail("backend-gone", &backendError{err})
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.srv.handshake)
	defer cancel()
	if err := s.backend.StartTLSClient(ctx, cfg); err != nil {
		s.answerError(2026, "HY000", "ifmatch: TLS with the server at "+s.srv.cfg.Backend+" failed: "+err.Error())
		return &handshakeError{reason: "backend-tls", err: err, told: true}
	}
	return nil
}

// rejectFull answers a client that is one too many.
func (s *session) rejectFull() {
	defer s.client.Close()
	s.client.SetDeadline(time.Now().Add(time.Second))
	s.connectError(1040, "ifmatch: Too many connections (--max-sessions)")
}

// connectError answers a client that has had no greeting yet. It has agreed on
// no capabilities, so the packet has no SQLSTATE.
func (s *session) connectError(code uint16, text string) {
	s.client.SetSeq(0)
	if s.client.WritePacket(wire.ERR{Code: code, Message: text}.Append(nil, 0)) == nil {
		s.client.Flush()
	}
}

// handshakeEnded logs and counts a session that did not open, and tells the
// client where it does not know yet.
func (s *session) handshakeEnded(err error) {
	var h *handshakeError
	if !errors.As(err, &h) {
		s.log.Debug("authentication refused by the server")
		return
	}
	s.srv.cfg.Meter.HandshakeFailed(h.reason)
	var be *backendError
	if !h.told && errors.As(err, &be) {
		s.answerError(2013, "HY000", "ifmatch: lost connection to the server during authentication")
	}
	level := slog.LevelWarn
	if h.reason == "client-gone" || h.reason == "shutdown" {
		level = slog.LevelDebug // probes connect and hang up
	}
	s.log.Log(context.Background(), level, "handshake failed", "reason", h.reason, "error", h.err)
}

// logAttributes logs who has connected, by what the client says of itself.
func (s *session) logAttributes(r *wire.HandshakeResponse) {
	if !s.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	args := []any{"user", r.User, "database", r.Database, "tls", s.client.TLS() != nil, "backend_tls", s.backend.TLS() != nil}
	for _, a := range wire.ConnectAttributes(r.Attributes) {
		if a.Name == "program_name" || a.Name == "_client_name" || a.Name == "_client_version" {
			args = append(args, a.Name, a.Value)
		}
	}
	s.log.Debug("session opened", args...)
}

// clientFault names what a client did that ended its handshake.
func clientFault(err error) string {
	var be *backendError
	switch {
	case errors.As(err, &be):
		return "backend-gone"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return "client-stalled"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "client-gone"
	}
	return "client-protocol"
}

// reasonOf gives the last cause of a network error, without addresses.
func reasonOf(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		var sys *os.SyscallError
		if errors.As(op.Err, &sys) {
			return sys.Err.Error()
		}
		return op.Err.Error()
	}
	return err.Error()
}
