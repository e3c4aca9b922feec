package proxy

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"ifmatch/wire"
)

// presence is whether a session waits for its client, and what others want of it then:
// that it ends. The lock guards the change between idle and busy; what is no atomic is
// read and written under it, but for reported.
type presence struct {
	mu     sync.Mutex
	idle   bool        // waiting for a command, outside a transaction or not
	inTx   bool        // as of the last answer
	dead   bool        // kill was called
	over   bool        // the time to finish is over
	gone   atomic.Bool // the backend hung up
	ending atomic.Bool // the server drains

	reported bool // as one whose peer is gone; belongs to the goroutine that looks for these
}

// mustEnd reports whether a session that would wait ends instead. The lock is held.
func (p *presence) mustEnd() bool {
	return p.dead || p.over || p.gone.Load() || p.ending.Load() && !p.inTx
}

// await waits for the next command. While it waits, a drain or a backend that
// hangs up ends the session.
func (s *session) await() (first byte, n int, err error) {
	s.mu.Lock()
	s.idle = true
	s.inTx = s.status.Has(wire.StatusInTrans)
	s.waits()
	end := s.mustEnd()
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
