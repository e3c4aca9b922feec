// Command bench measures what a statement costs through ifmatch, as against a
// bare TCP hop and against the server itself, in one interleaved run.
//
// It starts MariaDB, HAProxy as a plain hop, relays, `ifmatch serve` with a guarded table, and a load
// generator, each in a process of its own. A cell is a work (a statement, or a transaction)
// at a number of connections; a round goes over all cells in random order, and in
// each over all targets in random order, for a short time each. So what else the
// machine does meanwhile hits all targets alike, and ratios are taken within a
// round only. Where ifmatch is sent a plain write, the others are sent the write
// as ifmatch would rewrite it: the server has the same work in all of them.
//
// Where MySQL is installed a shorter run follows on it, at 64 connections.
//
// The servers are its own, unless IFMATCH_TEST_MARIADB or IFMATCH_TEST_MYSQL names
// one: on that one the database bench is made, or its tables are made anew.
//
// CPU and resident memory are those of the process in the middle. Figures are
// medians over the rounds, with least and greatest.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ifmatch/integration/server"
)

// options are the flags.
type options struct {
	rounds      int
	connections []int
	span        time.Duration
	only        *regexp.Regexp
	targets     *regexp.Regexp
	ifmatch     string
	before      string
	admin       string
	json        bool
	idle        bool
	sysbench    bool
	micro       bool
	short       bool
	write       string
	server      string // "" for MariaDB, and MySQL where it is present
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// errUsage is wrong usage, of which the user has been told.
var errUsage = errors.New("wrong usage")

func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) error {
	// The program starts itself in these parts.
	if len(args) == 3 && args[0] == relayPart {
		return serveRelay(args[1], args[2], in, out)
	}
	if len(args) == 1 && args[0] == loadPart {
		return serveLoad(in, out)
	}
	opt, err := parse(args, errOut)
	if err != nil {
		return err
	}
	r := report{How: opt.how()}
	first := cmp.Or(opt.server, server.FlavorMariaDB)
	if err := r.measure(ctx, opt, first, errOut); err != nil {
		return cmp.Or(ctx.Err(), err) // what an interrupt interrupted has failed in its own way
	}
	if opt.server == "" && server.Present(server.FlavorMySQL) {
		if r.MySQL, err = measureMySQL(ctx, opt, errOut); err != nil {
			return cmp.Or(ctx.Err(), err)
		}
	}
	if opt.micro {
		fmt.Fprintln(errOut, "microbenchmarks")
		if r.Micro, err = microbenchmarks(os.Stderr); err != nil {
			return err
		}
	}
	if opt.write != "" {
		if err := r.writeInto(opt.write); err != nil {
			return err
		}
	}
	if opt.json {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	return r.print(out)
}

// measure measures all that was asked for on one server, which it starts and ends.
func (r *report) measure(ctx context.Context, opt options, flavor string, log io.Writer) error {
	lab, err := newLab(ctx, opt, flavor, log)
	if err != nil {
		return err
	}
	defer lab.close()
	if opt.idle {
		if r.Busy, err = measureBusy(ctx, lab, log); err != nil {
			return err
		}
	}
	cells, err := measure(ctx, lab, opt, log)
	if err != nil {
		return err
	}
	r.Results = summarize(cells)
	if opt.sysbench {
		if r.Sysbench, err = measureSysbench(ctx, lab, opt, log); err != nil {
			return err
		}
	}
	if opt.idle {
		if r.Idle, err = measureIdle(ctx, lab, log); err != nil {
			return err
		}
	}
	return nil
}

// connectionsMySQL is the number of connections of the run on MySQL, which is to
// show that nothing is peculiar to MariaDB.
const connectionsMySQL = 64

func measureMySQL(ctx context.Context, opt options, log io.Writer) ([]result, error) {
	opt.idle, opt.sysbench, opt.connections = false, false, []int{connectionsMySQL}
	var r report
	err := r.measure(ctx, opt, server.FlavorMySQL, log)
	return r.Results, err
}

// how says how a run was made.
func (o *options) how() string {
	length := ""
	if o.short {
		length = ", the short run"
	}
	return fmt.Sprintf("Rounds: %d, of %s a cell%s.", o.rounds, o.span, length)
}

func parse(args []string, errOut io.Writer) (options, error) {
	opt := options{connections: []int{1, 16, 64, 256}}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(errOut)
	fs.IntVar(&opt.rounds, "rounds", 5, "`number` of rounds")
	fs.DurationVar(&opt.span, "for", 600*time.Millisecond, "`time` of one measurement")
	fs.Func("connections", "`numbers` of connections, with commas between them (default 1,16,64,256)", func(s string) error {
		opt.connections = nil
		for part := range strings.SplitSeq(s, ",") {
			n, err := strconv.Atoi(part)
			if err != nil || n < 1 || n > mostConnections {
				return fmt.Errorf("%q is no number between 1 and %d", part, mostConnections)
			}
			opt.connections = append(opt.connections, n)
		}
		return nil
	})
	expression := func(name, usage string, e **regexp.Regexp) {
		fs.Func(name, usage, func(s string) (err error) {
			*e, err = regexp.Compile(s)
			return err
		})
	}
	expression("only", "measure the works whose name matches this `expression`", &opt.only)
	expression("targets", "measure the targets whose name matches this `expression`", &opt.targets)
	fs.StringVar(&opt.ifmatch, "ifmatch", "", "`program` to measure; built from the source where it is not given")
	fs.StringVar(&opt.before, "before", "", "another `program` to measure in the same run: ifmatch before a change")
	fs.StringVar(&opt.admin, "admin", "", "`host:port` of the proxy's metrics and profiles; a free port where it is not given")
	fs.BoolVar(&opt.json, "json", false, "print JSON instead of a table")
	fs.BoolVar(&opt.idle, "idle", false, "memory as well: at first of 256 busy connections, at the end of 10,000 idle ones, or as many as the limit of open files lets be")
	fs.BoolVar(&opt.sysbench, "sysbench", false, "run the scripts of Debian's sysbench as well")
	fs.BoolVar(&opt.micro, "micro", false, "run the microbenchmarks of the packages as well")
	fs.Func("server", "measure on this `server` only, mariadb or mysql (default mariadb, then mysql where it is installed)", func(s string) error {
		if s != server.FlavorMariaDB && s != server.FlavorMySQL {
			return errors.New("mariadb or mysql")
		}
		opt.server = s
		return nil
	})
	fs.StringVar(&opt.write, "write", "", "write the tables into this `document`, between the lines made for them")
	fs.BoolVar(&opt.short, "short", false, "three rounds of 300 ms at 16, 64 and 256 connections, without the relays: about ten minutes with all parts")
	quick := fs.Bool("quick", false, "two rounds of 200 ms at 1 and 16 connections: shows that all works, and little else")
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		return opt, err
	} else if err != nil {
		return opt, errUsage
	}
	if opt.short {
		opt.rounds, opt.span, opt.connections = 3, 300*time.Millisecond, []int{16, 64, 256}
		if opt.targets == nil {
			opt.targets = regexp.MustCompile("^(direct|haproxy|ifmatch.*)$")
		}
	}
	if *quick {
		opt.rounds, opt.span, opt.connections = 2, 200*time.Millisecond, []int{1, 16}
	}
	if fs.NArg() > 0 || opt.rounds < 1 || opt.span <= 0 {
		fmt.Fprintln(errOut, "bench takes no arguments, and --rounds and --for must be greater than 0")
		return opt, errUsage
	}
	return opt, nil
}
