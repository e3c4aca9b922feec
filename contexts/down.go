package contexts

import "time"

// isDown reports whether the server is not there.
func (s *Store) isDown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down
}

// wait has a batch wait for the server where it is not there.
func (s *Store) wait(b *batch) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		s.queue(b)
	}
	return s.down
}

// queue puts a batch behind those that wait.
func (s *Store) queue(b *batch) {
	if s.bytes+b.bytes > maxWaiting || !s.closed.IsZero() {
		s.cfg.Meter.ContextReadsLost(len(b.changes))
		return
	}
	s.waiting = append(s.waiting, b)
	s.bytes += b.bytes
	s.rows += len(b.changes)
	s.cfg.Meter.ContextReadsWaiting(s.rows)
}

// failed is for what the server has not done. b is a batch that it has not carried
// out, nil for none; it is the caller's again where dropped is true.
func (s *Store) failed(what string, err error, b *batch) (dropped bool) {
	if ofContext(err) {
		// Others are not concerned, and it will not be better later.
		s.cfg.Log.Error("a context cannot be used", "in", what, "error", errRubbish)
		if b != nil {
			s.cfg.Meter.ContextReadsLost(len(b.changes))
		}
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if b != nil {
		s.queue(b)
	}
	if s.down || !s.closed.IsZero() {
		return false
	}
	s.down, s.up = true, make(chan struct{})
	s.cfg.Meter.ContextStoreUp(false)
	s.cfg.Log.Error("the server of contexts is not there: writes of contexts that need what was read are refused until it is",
		"address", s.cfg.Address, "in", what, "error", describe(err))
	go s.recover()
	return false
}

// recover tells the server what has waited as soon as it is there again.
func (s *Store) recover() {
	since, last := time.Now(), ""
	for {
		b, done := s.first(since)
		if done {
			return
		}
		err := error(nil)
		if b == nil {
			err = s.conns.do(unhurried, s.probe)
		} else {
			err = s.apply(b, unhurried)
		}
		switch {
		case err == nil, b != nil && ofContext(err):
			if b == nil {
				s.mu.Lock()
				none := len(s.waiting) == 0
				if none {
					s.returned(since)
				}
				s.mu.Unlock()
				if none {
					return
				}
				continue
			}
			if err != nil {
				s.failed("change", err, b)
			}
			s.pop()
			continue
		}
		if is := describe(err); is != last {
			s.cfg.Log.Warn("the server of contexts is still not there", "address", s.cfg.Address, "error", is)
			last = is
		}
		time.Sleep(retryPause)
	}
}

// first gives the batch that has waited longest, nil for none. done is whether
// nobody waits for the server any more.
func (s *Store) first(since time.Time) (b *batch, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed.IsZero() && (len(s.waiting) == 0 || time.Now().After(s.closed)) {
		s.returned(since)
		return nil, true
	}
	if len(s.waiting) > 0 {
		b = s.waiting[0]
	}
	return b, false
}

// pop takes the first batch out that waits.
func (s *Store) pop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.waiting[0]
	s.waiting[0] = nil
	s.waiting = s.waiting[1:]
	s.bytes -= b.bytes
	s.rows -= len(b.changes)
	s.cfg.Meter.ContextReadsWaiting(s.rows)
}

// returned takes over that the server is there again. The lock is held.
func (s *Store) returned(since time.Time) {
	s.down = false
	close(s.up)
	if !s.closed.IsZero() {
		return
	}
	s.waiting = nil
	s.cfg.Meter.ContextStoreUp(true)
	s.cfg.Log.Info("the server of contexts is there again", "address", s.cfg.Address, "after", time.Since(since).Round(time.Millisecond))
}

// Close waits, for a second at most, until what has been read is kept. Requests must
// not be begun any more.
func (s *Store) Close() {
	s.mu.Lock()
	s.closed = time.Now().Add(farewellTime)
	up := s.up
	if !s.down {
		up = nil
	}
	s.mu.Unlock()
	if up != nil {
		<-up
		if n := len(s.waiting); n > 0 { // nobody else has it any more
			s.cfg.Meter.ContextReadsLost(s.rows)
			s.cfg.Log.Error("what contexts have read is lost: their server is not there", "changes", s.rows)
		}
	}
	s.conns.closeIdle()
}
