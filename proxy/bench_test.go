package proxy

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// long is more time than anything here takes; what has not ended by then hangs.
const long = 20 * time.Second

// meter counts what the proxy reports, and keeps the labels.
type meter struct {
	panics, handshakes, sessions, conflicts, refused atomic.Int64

	mu     sync.Mutex
	labels []string
}

func (m *meter) label(s string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.Contains(m.labels, s) {
		m.labels = append(m.labels, s)
	}
}

func (m *meter) Statements(table string, _ rewrite.Verdict) func() {
	return func() { m.label(table) }
}
func (m *meter) Conflict(table string, k rewrite.Kind) {
	m.conflicts.Add(1)
	m.label(table)
	m.label(k.String())
}
func (m *meter) Refused(reason string) {
	m.refused.Add(1)
	m.label(reason)
}
func (m *meter) ObservedConflict(table string, k rewrite.Kind) {
	m.label(table)
	m.label(k.String())
}
func (m *meter) ObservedRefused(reason string)         { m.label(reason) }
func (m *meter) ObservedUnread(table string)           { m.label(table) }
func (m *meter) Abandoned(string, string)              {}
func (m *meter) ObserveDropped()                       {}
func (m *meter) IdleTransaction(string)                {}
func (m *meter) Vanished(peer string)                  { m.label(peer) }
func (m *meter) Unread(table string)                   { m.label(table) }
func (m *meter) Seconds(stage string, _ time.Duration) { m.label(stage) }
func (m *meter) Sessions(delta int)                    { m.sessions.Add(int64(delta)) }
func (m *meter) HandshakeFailed(reason string) {
	m.handshakes.Add(1)
	m.label(reason)
}
func (m *meter) Evicted(uint64) {}
func (m *meter) Panic()         { m.panics.Add(1) }

// records is what was logged, as text.
type records struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

// reset forgets what was logged.
func (r *records) reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.buf.Reset()
}

func (r *records) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

const testPolicy = `
tables:
  shop.products:
    key: [id]
    version: version
  shop.orders:
    key: [id]
    version: version
    unread: refuse
`

// A bench is a proxy in this process, between scripted peers.
type bench struct {
	t       testing.TB
	srv     *Server
	ln      net.Listener
	started sync.Once
	backend *backend
	meter   *meter
	logs    *records
	serving chan error

	goroutines, descriptors int // before it was set up
}

// newBench sets a proxy up. setup may change the configuration.
func newBench(t testing.TB, setup ...func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, meter: &meter{}, logs: &records{}, serving: make(chan error, 1)}
	b.goroutines, b.descriptors = runtime.NumGoroutine(), descriptors(t)
	b.backend = newBackend(t)
	p, err := policy.Parse("policy.yaml", []byte(testPolicy))
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Backend:   b.backend.ln.Addr().String(),
		ClientTLS: func() *tls.Config { return nil },
		PlanCache: 100,
		Rules:     rewrite.Compile(p, schema.Offline(sqltext.MySQL, 90700)),
		Meter:     b.meter,
		Log:       slog.New(slog.NewTextHandler(b.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range setup {
		f(&cfg)
	}
	if b.srv, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	if b.ln, err = Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return b
}

// start begins to serve: with the first client, so that a test can change before
// what it wants otherwise.
func (b *bench) start() {
	b.backend.start()
	go func() { b.serving <- b.srv.Serve(b.ln) }()
}

// close ends the proxy and fails the test if anything of it is left or a session
// has panicked.
func (b *bench) close() {
	b.t.Helper()
	b.stop()
	b.eventually("goroutines are left", func() bool { return runtime.NumGoroutine() <= b.goroutines })
	b.eventually("descriptors are left", func() bool { return descriptors(b.t) <= b.descriptors })
}

// stop is close where goroutines of others come and go, as those of a fuzzer.
func (b *bench) stop() {
	b.t.Helper()
	b.started.Do(b.start)
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	b.srv.Shutdown(ctx)
	if err := <-b.serving; err != nil {
		b.t.Errorf("Serve: %v", err)
	}
	b.backend.close()
	b.sound()
	if n := b.meter.sessions.Load(); n != 0 {
		b.t.Errorf("the meter has %d sessions left", n)
	}
}

// sound fails the test if a session has panicked.
func (b *bench) sound() {
	b.t.Helper()
	if b.meter.panics.Load() != 0 {
		b.t.Fatalf("a session panicked:\n%s", b.logs)
	}
}

// ended waits until no more than n sessions are open.
func (b *bench) ended(n int64) {
	b.t.Helper()
	b.eventually(fmt.Sprintf("more than %d sessions are open", n), func() bool { return b.srv.counters.sessions.Load() <= n })
}

// eventually fails the test if a condition does not come to hold.
func (b *bench) eventually(what string, holds func() bool) {
	b.t.Helper()
	for pause, start := 20*time.Microsecond, time.Now(); !holds(); pause = min(2*pause, 50*time.Millisecond) {
		if time.Since(start) > long {
			stacks := make([]byte, 1<<20)
			b.t.Fatalf("%s\n%s", what, stacks[:runtime.Stack(stacks, true)])
		}
		time.Sleep(pause)
	}
}

func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if errors.Is(err, os.ErrNotExist) {
		return 0 // not Linux: goroutines tell
	}
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
