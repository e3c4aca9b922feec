package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// haproxyConfig passes TCP connections on and reads nothing of them. Timeouts
// are those of a proxy for databases; all else is HAProxy's own choice.
const haproxyConfig = `global
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen mysql
  bind %s
  server backend %s
`

// startHAProxy starts HAProxy as a plain hop.
func (l *lab) startHAProxy(ctx context.Context, backend string) error {
	program, err := exec.LookPath("haproxy")
	if err != nil {
		return errors.New("haproxy is not installed: `make bench` installs Debian's package")
	}
	dir, err := os.MkdirTemp("", "ifmatch-bench-")
	if err != nil {
		return err
	}
	l.closers = append(l.closers, func() { os.RemoveAll(dir) })
	addr, err := freeAddress()
	if err != nil {
		return err
	}
	config := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(config, fmt.Appendf(nil, haproxyConfig, addr, backend), 0o600); err != nil {
		return err
	}
	p, err := l.start(exec.CommandContext(ctx, program, "-db", "-q", "-f", config))
	if err != nil {
		return err
	}
	const patience = 10 * time.Second
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		// Not a connection that says nothing: the server counts those as failed.
		c, err := dial(addr)
		if err == nil {
			c.quit()
			break
		}
		var refused *net.OpError
		if !errors.As(err, &refused) || time.Now().After(end) {
			return err
		}
	}
	l.targets = append(l.targets, target{name: haproxyName, addr: addr, pid: p.pid()})
	return nil
}
