package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"ifmatch/control"
	"ifmatch/dialect"
	"ifmatch/numbering"
	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// session is one client connection and its backend connection. All fields belong to its
// own goroutine, but for what [presence], [recent] and [upbringing] say of theirs.
type session struct {
	// What every statement asks for comes first, so that it lies together: a session that
	// has been idle finds nothing of itself in the processor's caches.
	srv      *Server
	client   *wire.Conn
	backend  *wire.Conn
	rules    *rewrite.Rules  // for the statement at hand
	caps     wire.Capability // of the client and the backend alike, but for what follows
	status   wire.Status     // as of the last answer
	strip    bool            // the client did not ask for session tracking, the proxy did
	multi    bool            // several statements in one COM_QUERY are allowed
	failed   bool            // the statement at hand ended with an error
	executed bool            // the execution at hand was sent to the backend
	own      bool            // the open transaction is the proxy's, around one write
	ends     control.Ending  // what the end of a transaction would mean in the statement at hand
	presence
	isolation  isolation
	tableLocks bool // LOCK TABLES
	tx         transaction
	diag       *diagnosis    // error of the last statement, if it was the proxy's
	cur        *sqltext.Text // of the statement at hand
	state      dialect.State // what decides how statements are read
	numbers
	parts
	recent recent
	reads  reads
	text   sqltext.Text // of COM_QUERY
	spans  []sqltext.Span
	names  rewrite.Mention // what a scan has told of the statement at hand
	buffers

	log *slog.Logger
	login
	upbringing
	handed

	takings   takings
	row       rowName
	shown     *shown
	hint      []sqltext.Pair // SET @ifmatch, for the next guarded write
	last      *lastConflict  // for SHOW IFMATCH CONFLICT
	binding   rewrite.Binding
	bindings  []rewrite.Binding // of the tables that a write of several rows writes
	inserting inserting         // an INSERT on its way
	asked     []asideType       // types of the last answer to the proxy itself
}

// login is who the client is, and how it has said so.
type login struct {
	id         uint32 // the backend's connection id
	user       string
	account    account
	scramble   []byte      // the last challenge of the server
	libmariadb bool        // the client's library is MariaDB's for C
	attributes []wire.Pair // what the client says of itself, for reports
}

// handed are the statements that the client has prepared, by either protocol.
type handed struct {
	stmts    handles            // of the binary protocol
	lastStmt uint32             // id of the one that was prepared last
	owns     uint32             // those that the proxy answers itself
	dynamics map[string]dynamic // of SQL, by name
	running  dynamic            // the one of SQL that is prepared or executed
}

// parts is where the session is in a text of several statements.
type parts struct {
	more      bool   // results of further statements follow the one at hand
	part      []byte // the one at hand
	partAttrs []byte // and the query attributes of the text
}

// numbers is what is known of numbers for the statement at hand, and of the right to them.
type numbers struct {
	numbered bool                             // the statement at hand has its numbers
	insertID uint64                           // the first of them, where the server does not tell it
	rights   map[*numbering.Routine]time.Time // when the server last let the session call them
}

// buffers are used again for one statement after the other.
type buffers struct {
	out          []byte // rewritten statements
	scratch      []byte // packets of our own
	kept         []byte // the answer to a write, while more is read
	token, moved []byte // forms of the read set
	values       []rewrite.Value
	params       []wire.Param // of a guarded execution, as the backend knows them
	added        []byte       // values of those that the client did not give
	exec         wire.Execute
	strings      sqltext.Strings // of parameters
	inserted     []rewrite.NewRow
}

// maxKept bounds each buffer that an idle session keeps, in bytes.
const maxKept = 64 << 10

// trim gives back what an unusually large statement has left behind.
func (b *buffers) trim() {
	const elements = maxKept / 64 // the size of an element, roughly
	if cap(b.out) > maxKept || cap(b.scratch) > maxKept {
		b.out, b.scratch = nil, nil
	}
	if cap(b.values) > elements || cap(b.params) > elements || cap(b.added) > maxKept {
		b.exec, b.values, b.params, b.added = wire.Execute{}, nil, nil, nil
	}
}

func newSession(srv *Server, nc net.Conn) *session {
	client := wire.NewConn(nc)
	client.ExpectFew()
	return &session{srv: srv, log: srv.log, client: client, handed: handed{dynamics: map[string]dynamic{}}}
}

// errEnd ends a session that has nothing more to say.
var errEnd = errors.New("session ends")

// backendError is an error of the connection to the backend, as against the client's.
type backendError struct{ err error }

func (e *backendError) Error() string { return "backend: " + e.err.Error() }
func (e *backendError) Unwrap() error { return e.err }

// serve runs the session from greeting to end.
func (s *session) serve() {
	defer s.close()
	defer s.forgetReads()
	defer func() {
		if r := recover(); r != nil {
			s.srv.cfg.Meter.Panic()
			s.log.Error("session panicked", "panic", fmt.Sprint(r), "shape", s.shape(), "stack", string(debug.Stack()))
		}
	}()
	if err := s.open(); err != nil {
		s.handshakeEnded(err)
		return
	}
	defer s.unwatchPeers()
	s.ended(s.commands())
}

// ended says in the log why the session ends, and to the client where it can hear it.
func (s *session) ended(err error) {
	var be *backendError
	switch {
	case errors.Is(err, errEnd), errors.Is(err, net.ErrClosed), errors.Is(err, errRefused): // of COM_CHANGE_USER
		s.log.Debug("session ended")
	case errors.As(err, &be):
		s.backendLost(be)
	case errors.Is(err, io.EOF):
		s.log.Debug("session ended")
	default:
		s.protocolError(err)
	}
}

// close ends both connections. The session's own goroutine does it last.
func (s *session) close() {
	s.client.Close()
	s.client.Release()
	s.mu.Lock()
	backend := s.backend
	s.mu.Unlock()
	if backend != nil {
		backend.Close()
		backend.Release()
	}
}

// commands reads and carries out commands until the client leaves. What it keeps on
// the stack is there while the session waits: see growStack.
func (s *session) commands() error {
	for {
		s.client.ResetSeq()
		s.backend.ResetSeq()
		first, n, err := s.await()
		if err != nil {
			return err
		}
		if err := s.oneCommand(wire.Command(first), n); err != nil {
			return err
		}
	}
}

// oneCommand carries out the client's current packet, and makes ready for the next.
func (s *session) oneCommand(c wire.Command, n int) error {
	s.takeRules()
	if s.backend.Buffered() > 0 {
		// It would be taken for the answer to this command.
		return &backendError{&wire.MalformedError{What: "packets behind the end of an answer"}}
	}
	s.ends, s.cur = control.Committed, nil
	if err := s.command(c, n); err != nil {
		return err
	}
	s.keepReads()
	s.backend.Rest()
	s.trim()
	s.countEvicted()
	return nil
}

// trim gives back what an unusually large statement has left behind.
func (s *session) trim() {
	if len(s.text.SQL) > maxKept || cap(s.text.Tokens) > maxKept/64 {
		s.text, s.spans = sqltext.Text{}, nil
	}
	s.buffers.trim()
}

// backendLost tells the client that the backend is gone, as the client's own
// library would say.
func (s *session) backendLost(err *backendError) {
	s.mu.Lock()
	over := s.over
	s.mu.Unlock()
	if over {
		s.log.Warn("statement is not waited for: the proxy is shutting down")
		s.answerError(1053, "08S01", shuttingDown(true, "the statement is not waited for"))
		return
	}
	s.log.Warn("backend connection lost", "error", err.err)
	if s.libmariadb {
		// It takes a code of the client's own range for damage (2027), and says 2013 by
		// itself where the connection ends within a statement.
		return
	}
	s.answerError(2013, "HY000", "ifmatch: lost connection to the server during the statement")
}

// protocolError ends a session whose client or backend broke the protocol.
func (s *session) protocolError(err error) {
	var malformed *wire.MalformedError
	var sequence *wire.SequenceError
	var large *wire.TooLargeError
	switch {
	case errors.As(err, &sequence):
		s.log.Warn("packets out of order", "error", err)
		s.client.SetSeq(1)
		s.answerError(1156, "08S01", "ifmatch: got packets out of order")
	case errors.As(err, &malformed):
		s.log.Warn("malformed packet", "error", err)
		s.answerError(1835, "HY000", "ifmatch: malformed communication packet")
	case errors.As(err, &large):
		s.log.Warn("packet too large", "error", err)
		s.answerError(1153, "08S01", "ifmatch: got a packet bigger than the limit")
	default:
		s.log.Info("session ended by an error", "error", err)
	}
}

// shape gives the statement at hand without its constants.
func (s *session) shape() (shape string) {
	defer func() {
		if recover() != nil {
			shape = ""
		}
	}()
	if s.cur == nil {
		return ""
	}
	if t := s.cur; len(t.Tokens) == 0 { // it was not lexed
		lex := t.Lexis()
		_ = t.Lex(t.SQL, &lex) // what cannot be read has the tokens before
	}
	return string(s.cur.Shape(nil))
}

// account is the mode that rules give to a user.
type account struct {
	rules *rewrite.Rules
	user  string
	mode  policy.Mode
	given bool
}

// accountMode gives the mode that the policy gives to the session's user.
func (s *session) accountMode() (policy.Mode, bool) {
	a := &s.account
	if a.rules != s.rules || a.user != s.user {
		mode, given := s.rules.Policy.Accounts[s.user]
		*a = account{s.rules, s.user, mode, given}
	}
	return a.mode, a.given
}

// changed asks for the schema to be read again after a statement that may have
// changed it.
func (s *session) changed() {
	if s.srv.cfg.SchemaChanged == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.srv.cfg.SchemaChanged(ctx); err != nil {
		s.log.Error("schema could not be read again; the old one is kept", "error", err)
	}
}
