package server

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

var errPortTaken = errors.New("its port was taken by another program")

// process is a running server and the folder that goes with it.
type process struct {
	cmd    *exec.Cmd
	data   string
	exited chan struct{}
	err    error // why it ended; to be read after exited is closed
}

// launch starts the server and waits until ping succeeds. The process ends
// when this one does, however that may be.
func launch(cmd *exec.Cmd, data string, ping func() error) (*process, error) {
	log, err := os.Create(filepath.Join(data, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = dieWithParent(cmd.SysProcAttr)

	p := &process{cmd: cmd, data: data, exited: make(chan struct{})}
	begun := make(chan error)
	go func() {
		// Linux sends the parent's death signal when the thread that
		// started the child ends, so that thread is kept for as long.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		begun <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.exited)
		}
	}()
	if err := <-begun; err != nil {
		return nil, err
	}
	if err := p.await(ping); err != nil {
		p.kill()
		text, _ := os.ReadFile(log.Name())
		if strings.Contains(string(text), "Address already in use") {
			return nil, errPortTaken
		}
		return nil, fmt.Errorf("%w\n%s", err, tail(text))
	}
	return p, nil
}

func (p *process) await(ping func() error) error {
	deadline := time.Now().Add(startWithin)
	for {
		err := ping()
		select {
		case <-p.exited:
			return fmt.Errorf("it ended at once: %v", p.err)
		case <-time.After(50 * time.Millisecond):
		}
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no answer within %v: %w", startWithin, err)
		}
	}
}

// stop ends the server and removes its data. It does not wait for an orderly
// shutdown, which would only tidy what is removed anyway.
func (p *process) stop() {
	p.kill()
	_ = os.RemoveAll(p.data)
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// alive says whether there is a process of that id, of whomever.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// tail is the end of a server's log, enough to see what is wrong.
func tail(log []byte) []byte {
	const most = 2000
	if len(log) > most {
		log = log[len(log)-most:]
	}
	return log
}
