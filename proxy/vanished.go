package proxy

import (
	"net"
	"time"

	"ifmatch/wire"
)

// This file is about peers that are gone without a word: a machine without power, a
// network that is cut, a firewall that has forgotten the connection. The kernel would
// notice after a quarter of an hour where data are on their way, or, for a client, after
// the time that it may take to read; and a transaction would keep its locks for as long.

const (
	// vanishAfter is for how long nothing may come from a peer that has something to
	// answer. What a network does to itself while it heals is over by then.
	vanishAfter = time.Minute
	// vanishUnanswered is how many packets it has left unanswered by then. One may get
	// lost, and a client that does not read is probed every two minutes only.
	vanishUnanswered = 3
	// vanishPause is the time between two rounds over the sessions.
	vanishPause = 10 * time.Second
)

// KeepAlive is how connections on which nothing is said are probed. A listener for
// Serve has it too.
var KeepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 9}

// lookForVanished looks for peers that are gone until stop is closed.
func (s *Server) lookForVanished(stop <-chan struct{}) {
	tick := time.NewTicker(s.vanishPause)
	defer tick.Stop()
	var sessions []*session // of one round
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			s.mu.Lock()
			for ss := range s.sessions {
				sessions = append(sessions, ss)
			}
			s.mu.Unlock()
			for _, ss := range sessions {
				ss.endVanished()
			}
			clear(sessions)
			sessions = sessions[:0]
		}
	}
}

// endVanished ends the session if one of its peers is gone.
func (s *session) endVanished() {
	s.mu.Lock()
	backend, inTx := s.backend, s.inTx
	s.mu.Unlock()
	if backend == nil {
		return
	}
	if d, gone := s.gonePeer(s.client); gone {
		s.vanished("client", d, inTx)
		go s.kill() // closing TLS waits for the peer, for a while
	} else if d, gone := s.gonePeer(backend); gone {
		s.vanished("backend", d, inTx)
		s.backendVanished()
	}
}

// gonePeer says whether the peer of c is gone, and since when nothing has come from it.
func (s *session) gonePeer(c *wire.Conn) (time.Duration, bool) {
	heard, unanswered := c.Silence()
	return heard, unanswered >= vanishUnanswered && heard >= s.srv.vanish
}

// vanished reports a peer that is gone, once. The session's own log belongs to its
// goroutine.
func (s *session) vanished(peer string, d time.Duration, inTx bool) {
	if s.reported {
		return
	}
	s.reported = true
	s.srv.cfg.Meter.Vanished(peer)
	s.srv.log.Warn("a "+peer+"'s machine does not answer; the session ends", "client", s.client.NetConn().RemoteAddr().String(),
		"for", d.Round(time.Millisecond).String(), "in_transaction", inTx)
}
