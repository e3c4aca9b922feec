package proxy

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"ifmatch/control"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// This file is about transactions that somebody has begun and forgotten: idle
// sessions whose transaction is open are reported, and ended.

// Bounds of what a session keeps for such a report.
const (
	// maxRecalled bounds the bytes kept of a statement, and those of a shape that
	// is logged.
	maxRecalled = 512
	// maxAttribute bounds the bytes of a connection attribute.
	maxAttribute = 128
)

// recalled is a statement of which the shape may be asked for later. The text of a
// COM_QUERY is gone by then, so its beginning is copied.
type recalled struct {
	text *sqltext.Text // of a prepared one, which stays
	sql  []byte
	lex  sqltext.Lexis
}

// recent is what a session remembers of its transaction. It may be read by others, with
// the lock, while the session is idle. What is written outside transactions comes first.
type recent struct {
	idle               time.Time // since when the session waits for a command; zero outside a transaction
	warned             bool
	ended              bool      // it is to be rolled back, and the session to end
	known              bool      // last is the statement at hand
	statements         int       // those behind the one that began it
	since              time.Time // when it was begun
	begun, first, last recalled  // the statement that began it, the next one, the latest
}

// set takes over a statement. Its buffer is used again.
func (r *recalled) set(t *sqltext.Text, prepared bool) {
	r.text, r.sql = nil, r.sql[:0]
	switch {
	case t == nil:
	case prepared:
		r.text = t
	default:
		r.sql = append(r.sql, t.SQL[:min(len(t.SQL), maxRecalled)]...)
		r.lex = t.Lexis()
	}
}

// copyFrom takes over another one.
func (r *recalled) copyFrom(o *recalled) {
	r.text, r.sql, r.lex = o.text, append(r.sql[:0], o.sql...), o.lex
}

// shape gives the statement without its constants, as much as is kept.
func (r *recalled) shape() string {
	t := r.text
	if t == nil {
		t = &sqltext.Text{}
		// One that is cut within a string or comment fails, and has the tokens before.
		_ = t.Lex(r.sql, &r.lex)
	}
	shape := t.Shape(nil)
	if len(shape) > maxRecalled {
		shape = append(shape[:maxRecalled], "…"...)
	}
	return strings.ToValidUTF8(string(shape), "?")
}

// recall keeps the statement at hand where a transaction is open, or may be opened
// by it. t is nil where it cannot be read.
func (s *session) recall(t *sqltext.Text, kind control.Kind) {
	if s.recalls(kind) || s.srv.sweep != nil && opens(t) {
		s.recallAs(t, false)
	}
}

// recallPrepared is recall for the execution of a prepared statement.
func (s *session) recallPrepared(st *statement) {
	if s.recalls(st.kind) || s.srv.sweep != nil && st.opens {
		s.recallAs(st.text, true)
	}
}

// recalls reports whether a statement of a kind is to be kept whatever it says.
func (s *session) recalls(kind control.Kind) bool {
	s.recent.known = false
	return s.srv.sweep != nil && (kind != control.Plain || s.status.Has(wire.StatusInTrans) || !s.status.Has(wire.StatusAutocommit))
}

// recallAs keeps the statement at hand.
func (s *session) recallAs(t *sqltext.Text, prepared bool) {
	r := &s.recent
	r.known = true
	r.last.set(t, prepared)
	if r.statements++; r.statements == 1 {
		r.first.copyFrom(&r.last)
	}
}

// opens reports whether a statement that the session need not know otherwise may
// open a transaction.
func opens(t *sqltext.Text) bool { return t != nil && (t.Is(0, "XA") || t.Is(0, "BEGIN")) }

// recallBegun is for a transaction that the statement at hand has begun.
func (s *session) recallBegun() {
	if s.srv.sweep == nil || s.own {
		return
	}
	r := &s.recent
	r.since, r.statements = time.Now(), 0
	if !r.known {
		r.last.set(nil, false)
	}
	r.begun.copyFrom(&r.last)
	r.first.set(nil, false)
}

// waits notes that the session waits for a command from now on. The lock is held.
func (s *session) waits() {
	r := &s.recent
	r.idle, r.warned = time.Time{}, false
	if s.srv.sweep != nil && (s.inTx || s.tx.doomed != nil) {
		r.idle = time.Now()
	}
}

// forgotten reports what a session is due for, if it is idle in a transaction.
type forgotten struct {
	s      *session
	end    bool
	report []any // for the log
}

// due says whether the session has been idle in a transaction for too long.
func (s *session) due(now time.Time, warn, end time.Duration) (f forgotten, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.recent
	if !s.idle || r.idle.IsZero() || r.ended {
		return f, false
	}
	idle := now.Sub(r.idle)
	switch {
	case end > 0 && idle >= end:
		f.end, r.ended = true, true
	case warn > 0 && idle >= warn && !r.warned:
	default:
		return f, false
	}
	r.warned = true
	f.s, f.report = s, s.reportForgotten(now)
	if f.end {
		s.wake()
	}
	return f, true
}

// reportForgotten says whose transaction it is and where it came from. The lock is held,
// and the session is idle, so that what else is its own may be read.
func (s *session) reportForgotten(now time.Time) []any {
	r := &s.recent
	args := []any{"idle", now.Sub(r.idle).Round(time.Millisecond).String(), "open", now.Sub(r.since).Round(time.Millisecond).String(),
		"user", s.user, "database", s.state.DB, "begun_by", r.begun.shape()}
	if r.statements > 0 {
		args = append(args, "first", r.first.shape(), "last", r.last.shape(), "statements", r.statements)
	}
	if s.tx.doomed != nil {
		args = append(args, "doomed", true)
	}
	if len(s.attributes) > 0 {
		attributes := make([]any, 0, 2*len(s.attributes))
		for _, a := range s.attributes {
			attributes = append(attributes, a.Name, a.Value)
		}
		args = append(args, slog.Group("attributes", attributes...))
	}
	return args
}

// endForgotten rolls the transaction back, so that its locks go whatever the
// client does, and ends the session.
func (s *session) endForgotten() error {
	s.backend.SetDeadline(time.Now().Add(handshakeTimeout))
	if _, err := s.rollbackAside(); err != nil {
		s.log.Debug("rollback of an idle transaction failed", "error", err)
	}
	s.post([]byte{byte(wire.ComQuit)})   // what is an XA transaction ends so
	code, state := uint16(4031), "HY000" // ER_CLIENT_INTERACTION_TIMEOUT
	if s.state.Lex.Flavor == sqltext.MariaDB {
		code, state = 1927, "70100" // ER_CONNECTION_KILLED
	}
	s.answerError(code, state, "ifmatch: the transaction was idle for "+s.srv.cfg.IdleEnd.String()+" and was rolled back (--idle-transaction-end); the connection is closed")
	return errEnd
}

// identity are the attributes of a connection that are kept for reports. Others
// may hold anything.
var identity = []string{"program_name", "_client_name", "_client_version", "_pid", "_os", "_platform", "_server_host", "_client_host", "_runtime_version"}

// libmariadb is how MariaDB's library for C names itself among the attributes.
var libmariadb = []byte("\x0c_client_name\x0alibmariadb")

// keepAttributes keeps what the client says of itself.
func (s *session) keepAttributes(raw []byte) {
	s.libmariadb = bytes.Contains(raw, libmariadb)
	s.attributes = nil
	if s.srv.sweep == nil {
		return
	}
	for _, a := range wire.ConnectAttributes(raw) {
		if len(s.attributes) < len(identity) && slices.Contains(identity, a.Name) {
			s.attributes = append(s.attributes, wire.Pair{Name: a.Name, Value: strings.ToValidUTF8(a.Value[:min(len(a.Value), maxAttribute)], "?")})
		}
	}
}

// sweeper looks after idle transactions: one goroutine for all sessions, which costs
// them nothing but the time of day when they begin to wait in a transaction.
type sweeper struct {
	stop chan struct{}
	once sync.Once
}

func (w *sweeper) end() { w.once.Do(func() { close(w.stop) }) }

// sweepPause gives the time between two rounds: a part of the shortest time that is
// to be kept.
func sweepPause(warn, end time.Duration) time.Duration {
	shortest := warn
	if warn <= 0 || end > 0 && end < warn {
		shortest = end
	}
	return min(max(shortest/8, 10*time.Millisecond), time.Second)
}

// runSweeper looks after idle transactions until the server has ended.
func (s *Server) runSweeper() {
	warn, end := s.cfg.IdleWarn, s.cfg.IdleEnd
	tick := time.NewTicker(sweepPause(warn, end))
	defer tick.Stop()
	for {
		select {
		case <-s.sweep.stop:
			return
		case <-tick.C:
			s.sweepOnce(time.Now(), warn, end)
		}
	}
}

// sweepOnce reports, and ends, the transactions that are idle for too long.
func (s *Server) sweepOnce(now time.Time, warn, end time.Duration) {
	var due []forgotten
	s.mu.Lock()
	for ss := range s.sessions {
		if f, ok := ss.due(now, warn, end); ok {
			due = append(due, f)
		}
	}
	s.mu.Unlock()
	for _, f := range due {
		action, text := "warn", "transaction is idle"
		if f.end {
			action, text = "end", "idle transaction is rolled back, and its session ended"
			s.counters.idleEnded.Add(1)
		} else {
			s.counters.idleWarned.Add(1)
		}
		s.cfg.Meter.IdleTransaction(action)
		f.s.log.Warn(text, f.report...)
	}
}
