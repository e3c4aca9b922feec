// Command ifmatch-demo plays a lost update and a refused one in a small shop.
//
// It carries a MySQL-compatible engine in its own process, runs `ifmatch serve`
// in front of it, and lets two editors save the same product: first at the
// engine, then through the proxy. Then it stays up to be tried. Every line that
// it prints has been held against the answers of engine and proxy; where they
// differ, the demo fails.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// Exit codes, as those of ifmatch.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// options are what the command line says.
type options struct {
	ifmatch string // path of the proxy's program
	engine  string // host:port of the engine
	listen  string // host:port of the proxy
	once    bool   // end after the played part
}

// run carries out a command line and gives its exit code.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	opt, err := parse(args, errOut)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case err != nil:
		fmt.Fprintln(errOut, "ifmatch-demo:", err)
		return exitUsage
	}
	if err := demo(ctx, opt, newPage(out)); err != nil {
		fmt.Fprintln(errOut, "ifmatch-demo:", err)
		return exitFailed
	}
	return exitDone
}

func parse(args []string, errOut io.Writer) (options, error) {
	var opt options
	flags := flag.NewFlagSet("ifmatch-demo", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&opt.ifmatch, "ifmatch", "", "`path` of the proxy's program; default: the ifmatch that lies beside this one")
	flags.StringVar(&opt.engine, "engine", "127.0.0.1:0", "`address` of the engine, on a loopback interface; port 0 takes a free one")
	flags.StringVar(&opt.listen, "listen", "127.0.0.1:4406", "`address` of the proxy; where it is taken, a free port of the same host")
	flags.BoolVar(&opt.once, "once", false, "end after the played part")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(errOut)
			flags.Usage()
		}
		return opt, err
	}
	if flags.NArg() > 0 {
		return opt, fmt.Errorf("unexpected argument %q; see ifmatch-demo --help", flags.Arg(0))
	}
	if err := loopback(opt.engine); err != nil {
		return opt, fmt.Errorf("--engine %s: %w", opt.engine, err)
	}
	if _, _, err := net.SplitHostPort(opt.listen); err != nil {
		return opt, fmt.Errorf("--listen: %w", err)
	}
	if opt.ifmatch == "" {
		self, err := os.Executable()
		if err != nil {
			return opt, fmt.Errorf("find the demo's own program: %w", err)
		}
		opt.ifmatch = filepath.Join(filepath.Dir(self), "ifmatch")
	}
	return opt, nil
}

// loopback refuses addresses that others can reach: the engine takes anybody
// without a password.
func loopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host != "localhost" && !ip.IsLoopback() {
		return errors.New("the engine has no passwords and must stay on a loopback address, such as 127.0.0.1:0")
	}
	return nil
}

// demo starts engine and proxy, plays, and stays up until ctx ends.
func demo(ctx context.Context, opt options, p *page) (err error) {
	dir, err := os.MkdirTemp("", "ifmatch-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	engine, err := startEngine(opt.engine, dir)
	if err != nil {
		return fmt.Errorf("start the engine: %w", err)
	}
	defer engine.close()
	listen, err := freeAddress(opt.listen)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", opt.listen, err)
	}
	proxy, err := startProxy(ctx, opt.ifmatch, listen, engine.address, dir)
	if err != nil {
		return fmt.Errorf("start the proxy: %w", err)
	}
	defer proxy.stop()
	if listen != opt.listen {
		p.remark("%s is taken; the proxy listens on %s instead.", opt.listen, proxy.address)
	}
	err = play(ctx, p, engine.address, proxy.address)
	switch {
	case ctx.Err() != nil:
		return nil // the user has seen enough
	case err != nil:
		return err
	case opt.once:
		return p.err
	}
	p.closing()
	select {
	case <-ctx.Done():
		return p.err
	case <-proxy.exited:
		return fmt.Errorf("the proxy has ended: %w", proxy.fate())
	}
}
