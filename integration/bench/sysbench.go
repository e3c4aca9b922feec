package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// sysbenchScripts are those of Debian's sysbench that are run as they are.
var sysbenchScripts = []string{"oltp_point_select", "oltp_update_non_index", "oltp_update_index", "oltp_read_write"}

// sysbenchTable is sysbench's table, which is guarded.
const sysbenchTable = "sbtest1"

// A sysbenchResult is what sysbench itself says. The server has more to do
// behind ifmatch, which raises versions, than behind the others.
type sysbenchResult struct {
	Script      string `json:"script"`
	Connections int    `json:"connections"`
	Prepared    bool   `json:"prepared"`
	Target      string `json:"target"`

	PerSecond spread  `json:"queries_per_second"`
	P95       spread  `json:"p95_ms"` // of a transaction, or of a statement that is none
	CPU       *spread `json:"cpu_ms_per_1000_queries,omitempty"`
	Ignored   int     `json:"ignored_errors"` // conflicts and deadlocks, after which a transaction is tried again
}

// sysbenchSample is one run.
type sysbenchSample struct {
	rate, p95, cpu float64
	ignored        int
}

// measureSysbench runs sysbench's own scripts, in rounds and in random order.
func measureSysbench(ctx context.Context, l *lab, opt options, log io.Writer) ([]sysbenchResult, error) {
	program, err := exec.LookPath("sysbench")
	if err != nil {
		return nil, errors.New("sysbench is not installed: `make bench` installs Debian's package")
	}
	if err := fillSysbench(ctx, l, program); err != nil {
		return nil, fmt.Errorf("fill sysbench's table: %w", err)
	}
	connections := opt.connections
	if opt.short {
		connections = []int{64}
	}
	var results []sysbenchResult
	for _, script := range sysbenchScripts {
		for _, prepared := range []bool{false, true} {
			for _, n := range connections {
				for _, t := range l.targets {
					if n > 1 && t.name != relayNetName && t.name != relayRawName {
						results = append(results, sysbenchResult{Script: script, Connections: n, Prepared: prepared, Target: t.name})
					}
				}
			}
		}
	}
	samples := make([][]sysbenchSample, len(results))
	for round := range opt.rounds {
		fmt.Fprintf(log, "sysbench, round %d of %d\n", round+1, opt.rounds)
		for _, i := range rand.Perm(len(results)) {
			s, err := runSysbench(ctx, l, program, &results[i], opt.span)
			if err != nil {
				return nil, fmt.Errorf("%s at %d connections through %s: %w", results[i].Script, results[i].Connections, results[i].Target, err)
			}
			samples[i] = append(samples[i], s)
		}
	}
	for i := range results {
		r := &results[i]
		of := func(figure func(sysbenchSample) float64) spread {
			var values []float64
			for _, s := range samples[i] {
				values = append(values, figure(s))
			}
			return spreadOf(values)
		}
		r.PerSecond = of(func(s sysbenchSample) float64 { return s.rate })
		r.P95 = of(func(s sysbenchSample) float64 { return s.p95 })
		if cpu := of(func(s sysbenchSample) float64 { return s.cpu }); cpu.Max > 0 {
			r.CPU = &cpu
		}
		for _, s := range samples[i] {
			r.Ignored += s.ignored
		}
	}
	return results, nil
}

// fillSysbench makes sysbench's table, to which a version is added.
func fillSysbench(ctx context.Context, l *lab, program string) error {
	db, err := sql.Open("mysql", l.server.DSN("root", "bench", ""))
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "DROP TABLE "+sysbenchTable); err != nil { // the lab has made an empty one
		return err
	}
	args := append(sysbenchArgs("oltp_common", l.server.Addr), "prepare")
	if out, err := exec.CommandContext(ctx, program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	_, err = db.ExecContext(ctx, "ALTER TABLE "+sysbenchTable+" ADD COLUMN version BIGINT UNSIGNED NOT NULL DEFAULT 1")
	return err
}

func sysbenchArgs(script, addr string) []string {
	host, port, _ := strings.Cut(addr, ":")
	return []string{script, "--db-driver=mysql", "--mysql-host=" + host, "--mysql-port=" + port, "--mysql-user=root", "--mysql-password=",
		"--mysql-db=bench", "--mysql-ssl=off", "--tables=1", "--table-size=" + strconv.Itoa(tableRows), "--rand-type=uniform",
		"--mysql-ignore-errors=1020,1213,1205,1062,3101"}
}

// figures finds what sysbench prints.
var figures = map[string]*regexp.Regexp{
	"queries": regexp.MustCompile(`queries:\s+(\d+)\s+\(([\d.]+) per sec`),
	"ignored": regexp.MustCompile(`ignored errors:\s+(\d+)`),
	"p95":     regexp.MustCompile(`95th percentile:\s+([\d.]+)`),
}

func runSysbench(ctx context.Context, l *lab, program string, r *sysbenchResult, span time.Duration) (s sysbenchSample, err error) {
	var t target
	for _, candidate := range l.targets {
		if candidate.name == r.Target {
			t = candidate
		}
	}
	mode := "disable"
	if r.Prepared {
		mode = "auto"
	}
	// sysbench counts time in whole seconds.
	seconds := max(2, int(span.Seconds()+.999))
	args := append(sysbenchArgs(r.Script, t.addr), "--threads="+strconv.Itoa(r.Connections), "--time="+strconv.Itoa(seconds),
		"--db-ps-mode="+mode, "--percentile=95", "run")
	var before time.Duration
	if t.pid != 0 {
		if before, err = processCPU(t.pid); err != nil {
			return s, err
		}
	}
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		return s, fmt.Errorf("%w\n%s", err, out)
	}
	find := func(name string, group int) (value float64) {
		m := figures[name].FindSubmatch(out)
		if m == nil {
			err = fmt.Errorf("sysbench says nothing of %s:\n%s", name, out)
			return 0
		}
		value, _ = strconv.ParseFloat(string(m[group]), 64)
		return value
	}
	queries := find("queries", 1)
	s.rate, s.p95, s.ignored = find("queries", 2), find("p95", 1), int(find("ignored", 1))
	if err != nil || t.pid == 0 {
		return s, err
	}
	after, err := processCPU(t.pid)
	s.cpu = (after - before).Seconds() * 1e6 / max(queries, 1)
	return s, err
}
