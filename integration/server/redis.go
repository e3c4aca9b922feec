package server

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Redis is a Redis server of a test's own.
type Redis struct {
	Addr   string // host:port
	CAFile string // of the authority that has signed its certificate
	Dir    string // of its data, and of cert.pem and key.pem

	proc *process
}

// OwnRedis starts a Redis server for this test alone. It ends with the test. What it
// has is gone when it ends, unless options say otherwise; they are the server's own,
// in which PORT and DIR stand for its port and its folder.
func OwnRedis(t testing.TB, options ...string) *Redis {
	t.Helper()
	r, err := startRedis(options)
	if err != nil {
		t.Fatalf("no Redis server: %v", err)
	}
	t.Cleanup(func() {
		r.Resume()
		r.proc.stop()
	})
	return r
}

func startRedis(options []string) (*Redis, error) {
	program, err := look("redis-server", "Debian's package redis-server")
	if err != nil {
		return nil, err
	}
	dir, err := newData(os.TempDir())
	if err != nil {
		return nil, err
	}
	r := &Redis{Dir: dir, CAFile: filepath.Join(dir, "ca.pem")}
	if err := writeCertificates(dir); err != nil {
		return nil, err
	}
	for range 3 {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		number := strconv.Itoa(port)
		r.Addr = net.JoinHostPort("127.0.0.1", number)
		args := []string{"--port", number, "--bind", "127.0.0.1", "--save", "", "--dir", dir}
		for _, o := range options {
			args = append(args, os.Expand(o, func(name string) string {
				return map[string]string{"PORT": number, "DIR": dir}[name]
			}))
		}
		r.proc, err = launch(exec.Command(program, args...), dir, r.ping)
		if err == nil {
			return r, nil
		}
		if !errors.Is(err, errPortTaken) {
			return nil, err
		}
	}
	return nil, errPortTaken
}

// ping connects. Over TLS the server would answer nothing to more.
func (r *Redis) ping() error {
	c, err := net.DialTimeout("tcp", r.Addr, time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}

// Pause stops the server from running, as a machine that is stuck would.
func (r *Redis) Pause() { r.proc.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume lets it run again.
func (r *Redis) Resume() { r.proc.cmd.Process.Signal(syscall.SIGCONT) }

// Kill ends the server at once, as a crash would.
func (r *Redis) Kill() { r.proc.kill() }

// Restart starts the server again after Kill, at the same port.
func (r *Redis) Restart(t testing.TB) {
	t.Helper()
	old := r.proc.cmd
	proc, err := launch(exec.Command(old.Path, old.Args[1:]...), r.Dir, r.ping)
	if err != nil {
		t.Fatalf("restart Redis: %v", err)
	}
	r.proc = proc
}
