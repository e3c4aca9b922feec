package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"ifmatch/integration/server"
)

// A target is a way to the server.
type target struct {
	name    string
	addr    string
	guarded bool   // it guards writes, and is sent them as an app writes them
	pid     int    // of the process in the middle; 0 if there is none
	metrics string // URL of its Prometheus metrics; "" if it has none
}

// The names of the targets, in the order in which they are shown.
const (
	directName   = "direct"
	haproxyName  = "haproxy"
	relayNetName = "relay net.Conn"
	relayRawName = "relay raw"
	beforeName   = "ifmatch before"
	ifmatchName  = "ifmatch"
)

// A lab is all that a run needs: server, targets, and the load generator.
type lab struct {
	server  *server.Server
	targets []target
	load    *generator
	closers []func()
}

// newLab starts all of it.
func newLab(ctx context.Context, opt options, flavor string, log io.Writer) (_ *lab, err error) {
	l := &lab{}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(log, "starting %s and filling two tables\n", flavor)
	backend, stop, err := server.Start(flavor)
	if err != nil {
		return nil, err
	}
	l.closers = append(l.closers, stop)
	l.server = backend
	if err := fill(ctx, backend); err != nil {
		return nil, fmt.Errorf("fill tables: %w", err)
	}
	l.targets = append(l.targets, target{name: directName, addr: backend.Addr})
	wanted := func(name string) bool { return opt.targets == nil || opt.targets.MatchString(name) }
	if wanted(haproxyName) {
		if err := l.startHAProxy(ctx, backend.Addr); err != nil {
			return nil, fmt.Errorf("start haproxy: %w", err)
		}
	}
	for _, r := range []struct{ name, kind string }{{relayNetName, relayNet}, {relayRawName, relayRaw}} {
		if !wanted(r.name) {
			continue
		}
		p, err := l.start(exec.CommandContext(ctx, self, relayPart, r.kind, backend.Addr))
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", r.name, err)
		}
		addr, err := p.out.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("start %s: %w", r.name, err)
		}
		l.targets = append(l.targets, target{name: r.name, addr: strings.TrimSpace(addr), pid: p.pid()})
	}
	if opt.before != "" {
		if err := l.startIfmatch(ctx, beforeName, opt.before, "", backend, log); err != nil {
			return nil, fmt.Errorf("start %s: %w", opt.before, err)
		}
	}
	if err := l.startIfmatch(ctx, ifmatchName, opt.ifmatch, opt.admin, backend, log); err != nil {
		return nil, fmt.Errorf("start ifmatch: %w", err)
	}
	l.targets = slices.DeleteFunc(l.targets, func(t target) bool { return !wanted(t.name) })
	p, err := l.start(exec.CommandContext(ctx, self, loadPart))
	if err != nil {
		return nil, fmt.Errorf("start load generator: %w", err)
	}
	l.load = &generator{in: json.NewEncoder(p.in), out: json.NewDecoder(p.out)}
	return l, nil
}

// close ends what has been started, the last first.
func (l *lab) close() {
	for i := len(l.closers) - 1; i >= 0; i-- {
		l.closers[i]()
	}
}

func fill(ctx context.Context, s *server.Server) error {
	db, err := sql.Open("mysql", s.DSN("root", "", ""))
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	depth := "max_recursive_iterations"
	if s.Flavor == server.FlavorMySQL {
		depth = "cte_max_recursion_depth"
	}
	if _, err := db.ExecContext(ctx, "SET "+depth+" = 10000000"); err != nil {
		return err
	}
	for _, statement := range setUp {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// child is a process that was started.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// start starts a part of this program, which ends when its input does.
func (l *lab) start(cmd *exec.Cmd) (*child, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	l.closers = append(l.closers, func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	return &child{cmd, in, bufio.NewReader(out)}, nil
}

// startIfmatch starts ifmatch with the guard on one table. Without a program it
// is built from the source.
func (l *lab) startIfmatch(ctx context.Context, name, program, admin string, backend *server.Server, log io.Writer) error {
	dir, err := os.MkdirTemp("", "ifmatch-bench-")
	if err != nil {
		return err
	}
	l.closers = append(l.closers, func() { os.RemoveAll(dir) })
	if program == "" {
		fmt.Fprintln(log, "building ifmatch")
		program = filepath.Join(dir, "ifmatch")
		build := exec.CommandContext(ctx, "go", "build", "-o", program, "ifmatch/cmd/ifmatch")
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as make build does
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	policyFile := filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(policyFile, []byte(policy), 0o600); err != nil {
		return err
	}
	if admin == "" {
		if admin, err = freeAddress(); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, program, "serve", "--listen", "127.0.0.1:0", "--backend", backend.Addr, "--backend-tls", "disabled",
		"--policy", policyFile, "--service-user", "root", "--admin", admin, "--log-format", "json")
	out, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	l.closers = append(l.closers, func() {
		cmd.Process.Signal(syscall.SIGTERM)
		forced := time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
		defer forced.Stop()
		cmd.Wait()
	})
	addr, err := listening(out, log)
	if err != nil {
		return err
	}
	l.targets = append(l.targets, target{name: name, addr: addr, guarded: true, pid: cmd.Process.Pid, metrics: "http://" + admin + "/metrics"})
	return nil
}

// listening reads ifmatch's log up to the line that says where it listens. From
// then on what is more than information is shown.
func listening(out io.Reader, log io.Writer) (addr string, err error) {
	var entry struct{ Level, Msg, Address string }
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Msg == "listening" {
			go func() {
				for lines.Scan() {
					if json.Unmarshal(lines.Bytes(), &entry) != nil || entry.Level != "INFO" {
						fmt.Fprintln(log, "\n"+lines.Text())
					}
				}
			}()
			return entry.Address, nil
		}
		fmt.Fprintln(log, lines.Text())
	}
	return "", errors.New("it ended without listening")
}

// freeAddress gives an address of this machine on which nobody listens.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// generator is the load generator as its owner sees it.
type generator struct {
	in  *json.Encoder
	out *json.Decoder
}

// run carries out a job. before is called when the connections are warm, after
// when the load has ended and they are still open.
func (g *generator) run(j job, before, after func() error) (outcome, error) {
	if err := g.ask(j, nil); err != nil {
		return outcome{}, err
	}
	if err := before(); err != nil {
		return outcome{}, err
	}
	var o outcome
	if err := g.ask("go", &o); err != nil {
		return outcome{}, err
	}
	if err := after(); err != nil {
		return outcome{}, err
	}
	return o, g.in.Encode("close")
}

// ask sends a line and reads the answer.
func (g *generator) ask(line any, o *outcome) error {
	if o == nil {
		o = &outcome{}
	}
	if err := g.in.Encode(line); err != nil {
		return fmt.Errorf("ask load generator: %w", err)
	}
	if err := g.out.Decode(o); err != nil {
		return fmt.Errorf("hear load generator: %w", err)
	}
	if o.Error != "" {
		return fmt.Errorf("load generator: %s", o.Error)
	}
	return nil
}
