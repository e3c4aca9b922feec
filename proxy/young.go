package proxy

import (
	"os"
	"time"
)

// This file is about young sessions. Many live for a few milliseconds: what a
// session needs only where it lives longer it gets from here, and the time that a
// handshake may take is kept here, for all sessions together.

// youth is how old a session is before the end of its peers is watched, and how
// often young ones are looked at.
const youth = 50 * time.Millisecond

// young are sessions that have not been looked at since they were open, the oldest
// first. The server's lock guards it.
type young struct {
	first, last *session
	timer       *time.Timer // nil while there is nobody to look at
}

// upbringing is a young session's place in the list, guarded by the server's lock,
// and what has become of it, guarded by its own.
type upbringing struct {
	born           time.Time
	older, younger *session
	listed         bool

	opened bool // the handshake is over
	late   bool // it has taken too long
	left   bool // the session has ended
	stops  [2]func()
}

// add takes in a session that begins.
func (y *young) add(s *session, look func()) {
	s.born, s.listed = time.Now(), true
	s.older = y.last
	if y.last != nil {
		y.last.younger = s
	} else {
		y.first = s
	}
	y.last = s
	if y.timer == nil {
		y.timer = time.AfterFunc(youth, look)
	}
}

// remove forgets a session, if it is still in the list.
func (y *young) remove(s *session) {
	if !s.listed {
		return
	}
	s.listed = false
	if s.older != nil {
		s.older.younger = s.younger
	} else {
		y.first = s.younger
	}
	if s.younger != nil {
		s.younger.older = s.older
	} else {
		y.last = s.older
	}
	s.older, s.younger = nil, nil
}

// lookAtYoung has sessions watched that have become old enough, and ends
// handshakes that take too long.
func (s *Server) lookAtYoung() {
	now := time.Now()
	var grown []*session
	s.mu.Lock()
	for ss := s.young.first; ss != nil; {
		next := ss.younger
		age := now.Sub(ss.born)
		if age < min(youth, s.handshake) {
			break
		}
		if ss.growsUp(age) {
			s.young.remove(ss)
			grown = append(grown, ss)
		}
		ss = next
	}
	if s.young.first != nil {
		s.young.timer.Reset(youth)
	} else {
		s.young.timer = nil
	}
	s.mu.Unlock()
	for _, ss := range grown {
		ss.watchPeers()
	}
}

// growsUp reports whether the session is open, and ends its handshake or its
// connecting where that takes too long.
func (s *session) growsUp(age time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	past := time.Unix(1, 0)
	switch {
	case s.opened:
		return true
	case age >= s.srv.handshake && !s.late:
		s.late = true
		s.client.SetReadDeadline(past)
		s.client.SetWriteDeadline(time.Now().Add(time.Second)) // to say why it came to nothing
		if s.backend != nil {
			s.backend.SetDeadline(past)
		}
	case age >= dialTimeout && s.backend != nil && s.backend.ConnectError(os.ErrDeadlineExceeded) != nil:
		s.backend.SetReadDeadline(past)
	}
	return false
}

// hasOpened says that the handshake is over, and that its bounds are no more.
func (s *session) hasOpened() {
	s.mu.Lock()
	s.opened = true
	late := s.late
	s.mu.Unlock()
	if late {
		s.client.SetDeadline(time.Time{})
		s.backend.SetDeadline(time.Time{})
	}
}

// watchPeers has the session learn that a peer is gone while it waits for the
// other one. Where a connection cannot be watched that is noticed at its next use.
func (s *session) watchPeers() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left {
		return
	}
	if err := s.backend.KeepAlive(s.srv.keepAlive); err != nil {
		s.log.Debug("no keep-alive probes to the backend", "error", err)
	}
	if stop, err := s.srv.watch.Watch(s.backend, s.backendGone); err == nil {
		s.stops[0] = stop
	} else {
		s.backend.ExpectAnything()
	}
	if stop, err := s.srv.watch.WatchBroken(s.client, s.kill); err == nil {
		s.stops[1] = stop
	}
}

// unwatchPeers ends the watch, and keeps it from being begun.
func (s *session) unwatchPeers() {
	s.mu.Lock()
	s.left = true
	stops := s.stops
	s.mu.Unlock()
	for _, stop := range stops {
		if stop != nil {
			stop()
		}
	}
}
