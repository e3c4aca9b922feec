// Package proxy stands between clients and a MySQL or MariaDB server: it relays
// the protocol, one backend connection for each client connection, carries out
// what package rewrite plans for writes to guarded tables, and answers for the
// guard where a write must not happen.
package proxy

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"ifmatch/ledger"
	"ifmatch/observe"
	"ifmatch/plans"
	"ifmatch/readset"
	"ifmatch/rewrite"
	"ifmatch/taking"
	"ifmatch/wire"
)

// Limits of a session that are no configuration.
const (
	// handshakeTimeout bounds the time from accept to the end of authentication.
	handshakeTimeout = 10 * time.Second
	// clientStall bounds how long a client may read nothing of an answer. The server's
	// net_write_timeout does not see such a client: it waits for the proxy, and its
	// hanging up is queued behind what the proxy has not read.
	clientStall = 10 * time.Minute
	// dialTimeout bounds connecting to the backend.
	dialTimeout = 5 * time.Second
	// maxHandshake bounds a packet before authentication, in bytes. Connection
	// attributes, the largest part, are at most 64 KiB.
	maxHandshake = 128 << 10
	// maxCommand bounds a command that is read whole, in bytes: the greatest
	// max_allowed_packet that a server takes.
	maxCommand = 1 << 30
	// maxAnswer bounds a packet of the backend that is read whole, in bytes.
	maxAnswer = 16 << 20
)

// lastWords bounds how long a session that is ended by force may take to say so.
const lastWords = time.Second

// abandonTimeout bounds how long the end of the proxy waits for rows to go back
// that its clients had taken.
const abandonTimeout = 5 * time.Second

// Config is what a Server needs.
type Config struct {
	Backend     string                          // host:port
	ClientTLS   func() *tls.Config              // certificate for clients, asked for each handshake; nil result: TLS is not offered
	RequireTLS  bool                            // refuse clients that do not ask for TLS
	BackendTLS  *tls.Config                     // nil: never TLS
	TLSOptional bool                            // with BackendTLS: plain where the backend does not offer it
	RSAKey      func() (*rsa.PrivateKey, error) // for passwords of plain clients where the backend wants them over TLS
	MaxSessions int                             // 0: no limit
	PlanCache   int                             // plans kept
	Rules       *rewrite.Rules
	// SchemaChanged is called after a statement that may change what the rules
	// rest on, before the next statement of any session is judged by old ones.
	SchemaChanged func(ctx context.Context) error
	// Service reads the tokens of observed rows beside the clients' sessions; nil
	// where there is no service account. Its connections should be of isolation
	// level READ COMMITTED, and wait for no lock for long.
	Service *sql.DB
	// ObserveWait bounds how long reading beside one statement may keep its client
	// from the answer.
	ObserveWait time.Duration
	// Ledger keeps what outlives the proxy; nil where there is no service account.
	Ledger *ledger.Ledger
	// Contexts keeps what named contexts have read; nil for the memory of this process.
	Contexts readset.Store
	// IdleWarn and IdleEnd are the times after which a session that is idle in a
	// transaction is logged, and rolled back and ended; 0 for never.
	IdleWarn, IdleEnd time.Duration

	Meter Meter
	Log   *slog.Logger
}

// Meter counts what happens. Its methods are called from many sessions at once.
type Meter interface {
	// Statements gives what counts a statement that names a guarded table.
	Statements(table string, v rewrite.Verdict) (count func())
	Conflict(table string, k rewrite.Kind)
	Refused(reason string)
	Unread(table string)
	Evicted(rows uint64)
	Seconds(stage string, d time.Duration)
	Sessions(delta int)
	// Abandoned counts a row that was taken, and whose taker is gone, by what has
	// become of it.
	Abandoned(table, outcome string)
	HandshakeFailed(reason string)
	Panic()
	IdleTransaction(action string) // "warn" or "end"
	Vanished(peer string)          // "client" or "backend": its machine does not answer

	// What would have been, of tables in mode observe, and what could not be seen.
	ObservedConflict(table string, k rewrite.Kind)
	ObservedRefused(reason string)
	ObservedUnread(table string)
	ObserveDropped()
}

// Stages of the time that a guarded write takes, as the metrics name them.
const (
	// stageBackend is from sending the write to the first packet of its answer.
	stageBackend = "backend"
	// stageLock is locking the rows of a write of several, and holding them.
	stageLock = "lock"
	// stageExplain is finding out why a write met no row.
	stageExplain = "explain"
)

// Server accepts clients. Its zero value is of no use: see New.
type Server struct {
	cfg     Config
	log     *slog.Logger
	rules   atomic.Pointer[rewrite.Rules]
	plans   *plans.Cache
	watch   *wire.Watcher
	address netip.AddrPort // the backend's, where its host is an address
	sweep   *sweeper       // nil where idle transactions are left alone
	started time.Time

	// handshakeTimeout, farewellTimeout, clientStall, vanishAfter and vanishPause; shorter in tests
	handshake, farewell, stall, vanish, vanishPause time.Duration
	keepAlive                                       net.KeepAliveConfig // KeepAlive, of backend connections

	mu       sync.Mutex
	sessions map[*session]struct{}
	young    young
	listener net.Listener
	draining atomic.Bool
	wg       sync.WaitGroup
	counters counters
	contexts readset.Store
	keeper   *ledger.Keeper // nil without a ledger
	takers   taking.Contexts
	beside   *observe.Reader // nil without a service account

	contextsEvicted atomic.Uint64 // as far as it was counted
}

// counters are what SHOW IFMATCH STATUS shows.
type counters struct {
	sessions, statements, guarded, conflicts, refused, unread, retried, evicted, uncaptured, abandoned atomic.Int64
	idleWarned, idleEnded, bulk                                                                        atomic.Int64

	observed observedCounters
}

// New returns a Server that judges statements by cfg.Rules.
func New(cfg Config) (*Server, error) {
	watch, err := wire.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch connections: %w", err)
	}
	s := &Server{cfg: cfg, log: cfg.Log, plans: plans.New(cfg.PlanCache), watch: watch, started: time.Now(), sessions: map[*session]struct{}{},
		handshake: handshakeTimeout, farewell: farewellTimeout, stall: clientStall,
		vanish: vanishAfter, vanishPause: vanishPause, keepAlive: KeepAlive}
	s.address, _ = netip.ParseAddrPort(cfg.Backend) // a name is looked up for each connection
	s.rules.Store(cfg.Rules)
	if cfg.Ledger != nil {
		s.keeper = ledger.NewKeeper(cfg.Ledger, cfg.Log, s.countTaking, s.dropContexts)
	}
	s.beside = observe.NewReader(cfg.Service)
	if s.contexts = cfg.Contexts; s.contexts == nil {
		s.contexts = readset.NewContexts(readset.Limits{Contexts: maxContexts, Bytes: contextBytes}, time.Now)
	}
	s.contexts.Bound(contextBounds(cfg.Rules))
	if cfg.IdleWarn > 0 || cfg.IdleEnd > 0 {
		s.sweep = &sweeper{stop: make(chan struct{})}
		go s.runSweeper()
	}
	return s, nil
}

// PlanStats gives what the plan cache has done so far.
func (s *Server) PlanStats() plans.Stats { return s.plans.Stats() }

// SetRules swaps the rules. Statements that have begun go on under the old ones.
func (s *Server) SetRules(r *rewrite.Rules) {
	s.rules.Store(r)
	s.plans.Forget()
	s.contexts.Bound(contextBounds(r))
}

// Rules gives the rules in force.
func (s *Server) Rules() *rewrite.Rules { return s.rules.Load() }

// Listen listens at host:port for clients, as Serve has them most cheaply.
func Listen(address string) (net.Listener, error) {
	return wire.Listen(address, KeepAlive, clientStall)
}

// Serve accepts clients on ln until Shutdown, and then returns nil.
func (s *Server) Serve(ln net.Listener) error {
	s.mu.Lock()
	s.listener = ln
	draining := s.draining.Load()
	s.mu.Unlock()
	if draining { // Shutdown came first and found no listener to close
		ln.Close()
		return nil
	}
	stop := make(chan struct{})
	defer close(stop)
	go s.lookForVanished(stop)
	delay := time.Duration(0)
	for {
		nc, err := ln.Accept()
		if err != nil {
			if s.draining.Load() || errors.Is(err, net.ErrClosed) {
				return nil
			}
			// Out of descriptors, or a client that was gone before it was accepted.
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			s.log.Error("accept failed", "error", err, "retry_in", delay)
			time.Sleep(delay)
			continue
		}
		delay = 0
		s.start(nc)
	}
}

// start runs a session in its own goroutine.
func (s *Server) start(nc net.Conn) {
	ss := newSession(s, nc)
	s.mu.Lock()
	full := s.cfg.MaxSessions > 0 && len(s.sessions) >= s.cfg.MaxSessions
	draining := s.draining.Load()
	if !full && !draining {
		s.sessions[ss] = struct{}{}
		s.young.add(ss, s.lookAtYoung)
		s.wg.Add(1)
	}
	s.mu.Unlock()
	switch {
	case draining:
		nc.Close()
		return
	case full:
		s.cfg.Meter.HandshakeFailed("max-sessions")
		go ss.rejectFull()
		return
	}
	s.counters.sessions.Add(1)
	s.cfg.Meter.Sessions(1)
	go func() {
		defer func() {
			s.counters.sessions.Add(-1)
			s.cfg.Meter.Sessions(-1)
			s.mu.Lock()
			delete(s.sessions, ss)
			s.young.remove(ss)
			s.mu.Unlock()
			s.wg.Done()
		}()
		growStack(0)
		ss.serve()
	}()
}

// Draining says whether the end has begun: no clients are taken any more.
func (s *Server) Draining() bool { return s.draining.Load() }

// Shutdown stops accepting, ends idle sessions at once, lets open transactions
// and running statements finish until ctx is done, and then ends what is left,
// and tells their clients.
func (s *Server) Shutdown(ctx context.Context) {
	s.draining.Store(true)
	s.mu.Lock()
	if s.listener != nil {
		s.listener.Close()
	}
	s.mu.Unlock()
	s.each((*session).drain)
	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.log.Warn("drain time is over, ending sessions with open transactions", "sessions", s.each((*session).overdue))
		select {
		case <-done:
		case <-time.After(lastWords):
			s.each(func(ss *session) { go ss.kill() }) // closing TLS waits for the peer, for a while
			<-done
		}
	}
	if s.keeper != nil {
		ctx, cancel := context.WithTimeout(context.Background(), abandonTimeout)
		defer cancel()
		s.keeper.Close(ctx)
	}
	s.watch.Close()
	if s.sweep != nil {
		s.sweep.end()
	}
}

// each calls f for every session, and gives their number.
func (s *Server) each(f func(*session)) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ss := range s.sessions {
		f(ss)
	}
	return len(s.sessions)
}
