package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// policyText guards the shop's products. It names the key because the demo has
// no service account to read it from the server.
const policyText = `tables:
  shop.products:
    key: [id]
    version: version
`

// Bounds of the proxy's life: how long it may take until it listens, and until
// it has ended after it was told to.
const (
	startWithin = 30 * time.Second
	stopWithin  = 5 * time.Second
)

// proxy is a running `ifmatch serve`.
type proxy struct {
	address string // host:port that it listens on
	process *os.Process
	exited  chan struct{} // closed when the process has ended
	err     error         // why it ended; to be read after exited is closed
	last    string        // what it said last beside its log; the same holds
}

// startProxy runs program as a proxy in front of backend and waits until it
// listens. dir is a folder of the demo's own.
func startProxy(ctx context.Context, program, listen, backend, dir string) (*proxy, error) {
	policy := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(policy, []byte(policyText), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "serve", "--listen", listen, "--backend", backend, "--policy", policy,
		"--admin", "", "--drain", "1s", "--log-format", "json")
	cmd.SysProcAttr = ownGroup()
	logged, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	p := &proxy{exited: make(chan struct{})}
	begun := make(chan error, 1)
	listening := make(chan string, 1)
	go p.run(cmd, logged, begun, listening)
	if err := <-begun; err != nil {
		return nil, err
	}
	select {
	case p.address = <-listening:
		return p, nil
	case <-p.exited:
		return nil, p.fate()
	case <-ctx.Done():
		p.stop()
		return nil, ctx.Err()
	case <-time.After(startWithin):
		p.stop()
		return nil, fmt.Errorf("%s does not listen after %v", program, startWithin)
	}
}

// run starts the process and stays with it until it ends.
func (p *proxy) run(cmd *exec.Cmd, logged io.Reader, begun chan<- error, listening chan<- string) {
	// Linux sends the parent's death signal when the thread that started the
	// child ends, so that thread is kept for as long.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		begun <- err
		return
	}
	p.process = cmd.Process
	begun <- nil
	p.follow(logged, listening)
	p.err = cmd.Wait()
	close(p.exited)
}

// follow reads the proxy's standard error until it ends: the log for the address
// that it listens on, and else for why it gives up.
func (p *proxy) follow(logged io.Reader, listening chan<- string) {
	lines := bufio.NewScanner(logged)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var entry struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &entry) != nil {
			p.last = lines.Text()
			continue
		}
		if entry.Msg == "listening" {
			select {
			case listening <- entry.Address:
			default:
			}
		}
	}
	io.Copy(io.Discard, logged) // a line that is too long must not stop the proxy
}

// fate says why the proxy has ended. It is to be asked after exited is closed.
func (p *proxy) fate() error {
	if p.err == nil {
		return errors.New("it was told to stop")
	}
	if p.last == "" {
		return p.err
	}
	return fmt.Errorf("%w: %s", p.err, strings.TrimPrefix(p.last, "ifmatch: "))
}

// stop ends the proxy and waits until it has.
func (p *proxy) stop() {
	p.process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(stopWithin):
		p.process.Kill()
		<-p.exited
	}
}

// freeAddress gives address if nobody listens there, and else the same host
// with port 0. Other faults of the address are errors.
func freeAddress(address string) (string, error) {
	ln, err := net.Listen("tcp", address)
	if err == nil {
		return address, ln.Close()
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return "", err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(host, "0"), nil
}
