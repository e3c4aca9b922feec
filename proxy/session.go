package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"ifmatch/control"
	"ifmatch/dialect"
	"ifmatch/numbering"
	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// session is one client connection and its backend connection. All fields but
// those of the second group belong to its own goroutine.
type session struct {
	srv     *Server
	log     *slog.Logger
	client  *wire.Conn
	backend *wire.Conn

	mu     sync.Mutex  // guards the change between idle and busy
	idle   bool        // waiting for a command, outside a transaction or not
	recent recent      // may be read while idle
	inTx   bool        // as of the last answer
	gone   atomic.Bool // the backend hung up
	ending atomic.Bool // the server drains
	dead   bool        // kill was called
	over   bool        // the time to finish is over

	reported bool // as one whose peer is gone; belongs to the goroutine that looks for these

	upbringing

	id           uint32 // the backend's connection id
	scramble     []byte // the last challenge of the server
	user         string
	account      account
	libmariadb   bool            // the client's library is MariaDB's for C
	attributes   []wire.Pair     // what the client says of itself, for reports
	caps         wire.Capability // of the client and the backend alike, but for what follows
	strip        bool            // the client did not ask for session tracking, the proxy did
	status       wire.Status     // as of the last answer
	multi        bool            // several statements in one COM_QUERY are allowed
	state        dialect.State   // what decides how statements are read
	tx           transaction
	reads        reads
	ends         control.Ending // what the end of a transaction would mean in the statement at hand
	takings      takings
	row          rowName
	shown        *shown
	isolation    isolation
	tableLocks   bool                             // LOCK TABLES
	token, moved []byte                           // forms of the read set
	own          bool                             // the open transaction is the proxy's, around one write
	stmts        handles                          // prepared by the client
	lastStmt     uint32                           // id of the statement that was prepared last
	owns         uint32                           // statements prepared that the proxy answers itself
	hint         []sqltext.Pair                   // SET @ifmatch, for the next guarded write
	diag         *diagnosis                       // error of the last statement, if it was the proxy's
	rights       map[*numbering.Routine]time.Time // when the server last let the session call them
	last         *lastConflict                    // for SHOW IFMATCH CONFLICT

	more      bool               // results of further statements follow the one at hand
	part      []byte             // the one statement at hand of a text of several
	partAttrs []byte             // and the query attributes of the text
	numbered  bool               // the statement at hand has its numbers
	insertID  uint64             // the first of them, where the server does not tell it
	failed    bool               // the statement at hand ended with an error
	executed  bool               // the execution at hand was sent to the backend
	dynamics  map[string]dynamic // SQL-level prepared statements by name
	running   dynamic            // the one that is prepared or executed
	asked     []asideType        // types of the last answer to the proxy itself

	rules     *rewrite.Rules // for the statement at hand
	text      sqltext.Text   // of COM_QUERY
	cur       *sqltext.Text  // of the statement at hand
	spans     []sqltext.Span
	binding   rewrite.Binding
	bindings  []rewrite.Binding // of the tables that a write of several rows writes
	exec      wire.Execute
	values    []rewrite.Value
	strings   sqltext.Strings // of parameters
	params    []wire.Param    // of a guarded execution, as the backend knows them
	added     []byte          // values of those that the client did not give
	out       []byte          // rewritten statements
	inserted  []rewrite.NewRow
	inserting inserting // an INSERT on its way
	kept      []byte    // the answer to a write, while more is read
	scratch   []byte    // packets of our own
}

func newSession(srv *Server, nc net.Conn) *session {
	client := wire.NewConn(nc)
	client.ExpectFew()
	return &session{srv: srv, log: srv.log, client: client, dynamics: map[string]dynamic{}}
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
	err := s.commands()
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

// commands reads and carries out commands until the client leaves.
func (s *session) commands() error {
	for {
		s.client.ResetSeq()
		s.backend.ResetSeq()
		first, n, err := s.await()
		if err != nil {
			return err
		}
		s.rules = s.srv.rules.Load()
		if s.backend.Buffered() > 0 {
			// It would be taken for the answer to this command.
			return &backendError{&wire.MalformedError{What: "packets behind the end of an answer"}}
		}
		s.ends, s.cur = control.Committed, nil
		if err := s.command(wire.Command(first), n); err != nil {
			return err
		}
		s.backend.Rest()
		s.trim()
		s.countEvicted()
	}
}

// maxKept bounds each buffer that an idle session keeps, in bytes.
const maxKept = 64 << 10

// trim gives back what an unusually large statement has left behind.
func (s *session) trim() {
	const elements = maxKept / 64 // the size of an element, roughly
	if len(s.text.SQL) > maxKept || cap(s.text.Tokens) > elements {
		s.text, s.spans = sqltext.Text{}, nil
	}
	if cap(s.out) > maxKept || cap(s.scratch) > maxKept {
		s.out, s.scratch = nil, nil
	}
	if cap(s.values) > elements || cap(s.params) > elements || cap(s.added) > maxKept {
		s.exec, s.values, s.params, s.added = wire.Execute{}, nil, nil, nil
	}
}

// await waits for the next command. While it waits, a drain or a backend that
// hangs up ends the session.
func (s *session) await() (first byte, n int, err error) {
	s.mu.Lock()
	s.idle = true
	s.inTx = s.status.Has(wire.StatusInTrans)
	s.waits()
	end := s.dead || s.over || s.gone.Load() || s.ending.Load() && !s.inTx
	s.mu.Unlock()
	if !end || s.client.Buffered() > 0 && !s.gone.Load() {
		first, n, err = s.client.Next()
	} else {
		err = os.ErrDeadlineExceeded
	}
	s.mu.Lock()
	s.idle = false
	ended := s.recent.ended
	s.mu.Unlock()
	if ended && err == nil {
		return 0, 0, s.endForgotten() // a command that came at the last moment
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, 0, s.interrupted()
	}
	return first, n, err
}

// interrupted says what woke a session that waited for a command.
func (s *session) interrupted() error {
	// The answer to the last command may be waiting for the next one.
	if err := s.client.Flush(); err != nil {
		return err
	}
	if s.gone.Load() {
		// What the backend had to say before it hung up belongs to the client.
		s.backend.LastWords(time.Second)
		if first, _, err := s.backend.Next(); err == nil && first == wire.ERRHeader {
			s.client.SetSeq(0)
			if s.backend.Pass(s.client) == nil {
				s.client.Flush()
			}
		}
		return errEnd
	}
	s.client.SetSeq(0)
	if s.recent.ended {
		return s.endForgotten()
	}
	s.answerError(1053, "08S01", shuttingDown(s.inTx, "its transaction is rolled back"))
	s.post([]byte{byte(wire.ComQuit)})
	return errEnd
}

// shuttingDown is what a client is told, and what more where that is so.
func shuttingDown(so bool, more string) string {
	const text = "ifmatch: the proxy is shutting down"
	if !so {
		return text
	}
	return text + "; --drain is over, " + more
}

// wake ends a wait for a command. The lock is held.
func (s *session) wake() {
	if s.idle {
		s.client.SetReadDeadline(time.Unix(1, 0))
	}
}

// farewellTimeout bounds what a session still does for its client once the
// backend has hung up. It is long enough for a slow client to take what the
// backend had sent before.
const farewellTimeout = time.Minute

// backendGone is called when the backend hangs up.
func (s *session) backendGone() {
	s.backend.PeerGone()
	s.hasNoBackend()
}

// backendVanished is backendGone where the backend cannot even hang up: what it has
// sent before is not looked for, as nothing would ever say that this was all.
func (s *session) backendVanished() {
	s.backend.SetDeadline(time.Unix(1, 0))
	s.hasNoBackend()
}

// hasNoBackend has the session end, and its client hear of it.
func (s *session) hasNoBackend() {
	s.gone.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client.SetDeadline(time.Now().Add(s.srv.farewell))
	s.wake()
}

// drain ends the session once it is outside a transaction.
func (s *session) drain() {
	s.ending.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.inTx {
		s.wake()
	}
}

// overdue ends the session because the time to finish is over: an idle one in its
// transaction, another in its statement. The client is told where it listens.
func (s *session) overdue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.client.SetWriteDeadline(time.Now().Add(lastWords))
	if s.idle {
		s.wake()
	} else if s.backend != nil {
		s.backend.SetDeadline(time.Unix(1, 0))
	}
}

// kill ends the session whatever it does.
func (s *session) kill() {
	s.mu.Lock()
	s.dead = true
	backend := s.backend
	s.mu.Unlock()
	s.client.Close()
	if backend != nil {
		backend.Close()
	}
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
	if t := s.cur; len(t.Tokens) == 0 { // it was overlooked
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
