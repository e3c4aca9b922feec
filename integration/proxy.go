package integration

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ifmatch/integration/racing"
	"ifmatch/integration/server"
)

// patience bounds every wait of these tests for something that has to happen.
const patience = 30 * time.Second

// Proxy is a running ifmatch serve.
type Proxy struct {
	Addr  string // host:port for clients
	Admin string // host:port of health and metrics
	Log   *Log   // what it has written so far

	policy string // its policy file
	cmd    *exec.Cmd
	exited chan struct{}
	code   int // to be read after exited is closed
}

// built is the binary under test, built at its first use.
var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

// program gives the path of the ifmatch binary of this source tree.
func program(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "ifmatch-binary-"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "ifmatch")
		built.err = racing.Build(built.path)
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// start runs a proxy in front of s with a policy until the test ends. Further
// flags come last and so win. The test fails where the proxy does not come up,
// does not end with exit code 0 when it is told to, has logged a panic, or has
// raced.
func start(t testing.TB, s *server.Server, policy string, flags ...string) *Proxy {
	t.Helper()
	for range 3 {
		p := launch(t, s, policy, flags...)
		if p.listens(t) {
			t.Cleanup(func() { p.stop(t) })
			return p
		}
		if !strings.Contains(p.Log.String(), "address already in use") {
			t.Fatalf("the proxy does not listen:\n%s", p.Log)
		}
	}
	t.Fatal("no free port for the proxy")
	return nil
}

// launch starts the process and does not wait until it listens.
func launch(t testing.TB, s *server.Server, policy string, flags ...string) *Proxy {
	t.Helper()
	return launchAs(t, exec.Command(program(t)), s, policy, flags...)
}

// launchAs is launch with a program, and an environment, of the test's own.
func launchAs(t testing.TB, program *exec.Cmd, s *server.Server, policy string, flags ...string) *Proxy {
	t.Helper()
	p := &Proxy{Admin: freeAddr(t), Log: &Log{}, policy: filepath.Join(t.TempDir(), "policy.yaml"), exited: make(chan struct{})}
	p.write(t, policy)
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--backend", s.Addr, "--policy", p.policy, "--admin", p.Admin,
		"--service-user", "root", "--log-format", "json", "--log-level", "debug", "--drain", "5s"}, flags...)
	p.cmd = program
	p.cmd.Args = append(p.cmd.Args, args...)
	p.cmd.Stdout, p.cmd.Stderr = p.Log, p.Log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		p.code = p.cmd.ProcessState.ExitCode()
		close(p.exited)
	}()
	return p
}

// listens waits until the proxy accepts clients, or has ended.
func (p *Proxy) listens(t testing.TB) bool {
	t.Helper()
	ok := await(func() bool {
		for _, line := range p.Log.Lines() {
			var entry struct{ Msg, Address string }
			if json.Unmarshal(line, &entry) == nil && entry.Msg == "listening" {
				p.Addr = entry.Address
				return true
			}
		}
		return p.ended()
	})
	if !ok {
		t.Errorf("the proxy neither listens nor ends:\n%s", p.Log)
		p.cmd.Process.Kill()
	}
	return p.Addr != ""
}

func (p *Proxy) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// stop tells the proxy to end and holds its end against what start promises.
func (p *Proxy) stop(t testing.TB) {
	if !p.ended() {
		p.cmd.Process.Signal(syscall.SIGTERM)
	}
	if code := p.wait(t); code != 0 {
		t.Errorf("the proxy ended with exit code %d", code)
	}
	if races := racing.Of(p.cmd.Process.Pid); races != "" {
		t.Errorf("the proxy has raced:\n%s", races)
	}
	for _, bad := range []string{"session panicked", "panic:"} {
		if strings.Contains(p.Log.String(), bad) {
			t.Errorf("the proxy has logged %q:\n%s", bad, p.Log.lineWith(bad))
		}
	}
	if t.Failed() {
		t.Logf("log of the proxy:\n%s", p.Log.tail())
	}
}

// wait waits for the end of the process and gives its exit code.
func (p *Proxy) wait(t testing.TB) int {
	select {
	case <-p.exited:
	case <-time.After(patience):
		t.Error("the proxy does not end")
		p.cmd.Process.Kill()
		<-p.exited
	}
	return p.code
}

// write replaces the policy file. The proxy reads it again at SIGHUP.
func (p *Proxy) write(t testing.TB, policy string) {
	t.Helper()
	if err := os.WriteFile(p.policy, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
}

// reload replaces the policy and waits until the proxy has taken it, or has
// refused it.
func (p *Proxy) reload(t testing.TB, policy string) (taken bool) {
	t.Helper()
	const good, bad = "policy read again", "policy is wrong"
	before := p.Log.Count(good) + p.Log.Count(bad)
	goodBefore := p.Log.Count(good)
	p.write(t, policy)
	p.cmd.Process.Signal(syscall.SIGHUP)
	if !await(func() bool { return p.Log.Count(good)+p.Log.Count(bad) > before }) {
		t.Fatal("the proxy does not read its policy again")
	}
	return p.Log.Count(good) > goodBefore
}

// server gives the proxy as if it were the server behind it.
func (p *Proxy) server(s *server.Server) *server.Server {
	return &server.Server{Flavor: s.Flavor, Addr: p.Addr}
}

// Log keeps what a process writes. It is safe for use while the process runs.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends p.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String gives all that was written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Lines gives the whole lines that were written.
func (l *Log) Lines() [][]byte {
	lines := bytes.Split([]byte(l.String()), []byte("\n"))
	return lines[:len(lines)-1]
}

// Count says how often text was written.
func (l *Log) Count(text string) int { return strings.Count(l.String(), text) }

// lineWith gives the first line that has text in it.
func (l *Log) lineWith(text string) string {
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			return line
		}
	}
	return ""
}

func (l *Log) tail() string {
	const most = 6000
	s := l.String()
	return s[max(0, len(s)-most):]
}

// await waits until what has to happen has happened, and says whether it has.
func await(happened func() bool) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if happened() {
			return true
		}
	}
	return false
}

func freeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
