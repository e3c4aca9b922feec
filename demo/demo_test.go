package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata/once.txt anew")

// ifmatch is the path of the proxy's program, built for this run.
var ifmatch string

// within bounds every wait of these tests. It is met only where something hangs.
const within = time.Minute

// asVariable makes the test's own binary act as another program.
const asVariable = "IFMATCH_DEMO_TEST_AS"

func TestMain(m *testing.M) {
	switch os.Getenv(asVariable) {
	case "demo":
		os.Unsetenv(asVariable)
		main()
	case "demo with a bare proxy":
		os.Setenv(asVariable, "bare proxy")
		main()
	case "demo with a failing proxy":
		os.Setenv(asVariable, "failing proxy")
		main()
	case "bare proxy":
		bareProxy()
	case "failing proxy":
		fmt.Fprintln(os.Stderr, "ifmatch: no luck today")
		os.Exit(1)
	default:
		os.Exit(build(m))
	}
}

func build(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "ifmatch-demo-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	ifmatch = filepath.Join(dir, "ifmatch")
	cmd := exec.Command("go", "build", "-o", ifmatch, "./cmd/ifmatch")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the proxy: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// bareProxy takes the arguments of `ifmatch serve` and guards nothing: it says
// that it listens where the engine does.
func bareProxy() {
	backend := os.Args[slices.Index(os.Args, "--backend")+1]
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	json.NewEncoder(os.Stderr).Encode(map[string]string{"msg": "listening", "address": backend})
	<-stop
}

// program is a demo that runs as a process of its own.
type program struct {
	*exec.Cmd
	out, errOut bytes.Buffer
	temp        string // its folder for temporary files
}

// newProgram prepares a demo. as is what the test's binary acts as.
func newProgram(t *testing.T, as string, args ...string) *program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	t.Cleanup(cancel)
	p := &program{Cmd: exec.CommandContext(ctx, self, args...), temp: t.TempDir()}
	p.Env = append(os.Environ(), asVariable+"="+as, "TMPDIR="+p.temp)
	p.Stdout, p.Stderr = &p.out, &p.errOut
	return p
}

// code runs the demo to its end and gives its exit code.
func (p *program) code(t *testing.T) int {
	t.Helper()
	var exit *exec.ExitError
	if err := p.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return p.ProcessState.ExitCode()
}

// up starts the demo and waits until it stays up. It gives the page so far.
func (p *program) up(t *testing.T) string {
	t.Helper()
	p.Stdout = nil
	stdout, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() })
	var page []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(page, []byte("Ctrl-C ends the demo.\n")) {
		n, err := stdout.Read(buf)
		page = append(page, buf[:n]...)
		if err != nil {
			t.Fatalf("the demo did not stay up: %v\n%s%s", err, page, p.errOut.String())
		}
	}
	return string(page)
}

var (
	anyAddress = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	anyPort    = regexp.MustCompile(`-P \d+`)
)

// The page is a promise to the reader, so it is held whole.
func TestOnce(t *testing.T) {
	p := newProgram(t, "demo", "--once", "--ifmatch", ifmatch, "--listen", "127.0.0.1:0")
	if code := p.code(t); code != 0 {
		t.Fatalf("exit code %d: %s", code, p.errOut.String())
	}
	if p.errOut.Len() > 0 {
		t.Errorf("standard error is %q, want nothing", p.errOut.String())
	}
	page := anyAddress.ReplaceAllString(p.out.String(), "127.0.0.1:PORT")
	page = anyPort.ReplaceAllString(page, "-P PORT")
	golden := filepath.Join("testdata", "once.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if page != string(want) {
		t.Errorf("the page is\n%s\nand not that of %s", page, golden)
	}
	for _, said := range []string{
		"Ann's sale is lost",
		"Error 1020 (40001): ifmatch: version conflict on shop.products id=100: expected version=1, found version=2",
	} {
		if !strings.Contains(page, said) {
			t.Errorf("the page does not say %q", said)
		}
	}
	p.leftNothing(t)
}

func TestStaysUpUntilInterrupted(t *testing.T) {
	p := newProgram(t, "demo", "--ifmatch", ifmatch, "--listen", "127.0.0.1:0")
	page := p.up(t)
	dsn := regexp.MustCompile(`mysql://root@(127\.0\.0\.1:\d+)/shop`).FindStringSubmatch(page)
	if dsn == nil {
		t.Fatalf("no DSN in\n%s", page)
	}
	proxy := dsn[1]
	db, err := connect(proxy)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.Exec(staleSave)
	if err := refused(err, staleTold); err != nil {
		t.Error(err)
	}
	if _, err := db.Exec(freshSave); err != nil {
		t.Errorf("%s: %v", freshSave, err)
	}
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("the demo ended with %v: %s", err, p.errOut.String())
	}
	for _, address := range anyAddress.FindAllString(page, -1) {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			t.Errorf("somebody still listens on %s", address)
		}
	}
	p.leftNothing(t)
}

// leftNothing looks for files that a demo has left behind.
func (p *program) leftNothing(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(p.temp)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		t.Errorf("the demo left %s behind", f.Name())
	}
}

func TestTakenAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	p := newProgram(t, "demo", "--once", "--ifmatch", ifmatch, "--listen", taken.Addr().String())
	if code := p.code(t); code != 0 {
		t.Fatalf("exit code %d: %s", code, p.errOut.String())
	}
	word := taken.Addr().String() + " is taken; the proxy listens on 127.0.0.1:"
	if !strings.HasPrefix(p.out.String(), word) {
		t.Errorf("the page does not begin with %q:\n%s", word, p.out.String())
	}
	if strings.Contains(p.out.String(), "mysql://root@"+taken.Addr().String()) {
		t.Error("the DSN is the address that is taken")
	}
}

func TestFailures(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, tt := range []struct {
		name string
		as   string
		args []string
		code int
		says string
	}{
		{"a proxy that guards nothing", "demo with a bare proxy", []string{"--ifmatch", self}, 1, "with ifmatch: a write went through"},
		{"a proxy that fails", "demo with a failing proxy", []string{"--ifmatch", self}, 1, "start the proxy: exit status 1: no luck today"},
		{"no proxy", "demo", []string{"--ifmatch", filepath.Join(t.TempDir(), "ifmatch")}, 1, "start the proxy: "},
		{"an engine's port that is taken", "demo", []string{"--engine", taken.Addr().String()}, 1, "start the engine: "},
		{"an engine for everybody", "demo", []string{"--engine", "0.0.0.0:0"}, 2, "loopback"},
		{"an engine without a port", "demo", []string{"--engine", "127.0.0.1"}, 2, "missing port"},
		{"a proxy without a port", "demo", []string{"--listen", "127.0.0.1"}, 2, "missing port"},
		{"an address of another machine", "demo", []string{"--listen", "192.0.2.1:4406"}, 1, "--listen 192.0.2.1:4406"},
		{"an unknown flag", "demo", []string{"--twice"}, 2, "-twice"},
		{"an argument", "demo", []string{"now"}, 2, `"now"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"--once", "--listen", "127.0.0.1:0"}, tt.args...)
			p := newProgram(t, tt.as, args...)
			if code := p.code(t); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if !strings.Contains(p.errOut.String(), tt.says) {
				t.Errorf("standard error is %q, want it to say %q", p.errOut.String(), tt.says)
			}
			p.leftNothing(t)
		})
	}
}

func TestPageThatCannotBeWritten(t *testing.T) {
	broken, other := io.Pipe()
	broken.Close()
	var errOut bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	code := run(ctx, []string{"--once", "--ifmatch", ifmatch, "--listen", "127.0.0.1:0"}, other, &errOut)
	if code != exitFailed || !strings.Contains(errOut.String(), "write the page") {
		t.Errorf("exit code %d, %q; want %d and that the page could not be written", code, errOut.String(), exitFailed)
	}
}
