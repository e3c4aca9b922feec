package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// A cell is a work at a number of connections, with what was measured of it.
type cell struct {
	work        work
	connections int
	// samples are by the target's name; in each slice there is one a round.
	samples map[string][]sample
	targets []target
}

// A sample is what one measurement has found.
type sample struct {
	outcome
	CPU    time.Duration // of the process in the middle
	RSS    int64         // of it, in bytes, at the end
	Peak   int64         // the most that it was
	Allocs float64       // allocations of it; -1 where they are not known
}

// measure runs all rounds.
func measure(ctx context.Context, l *lab, opt options, log io.Writer) ([]cell, error) {
	var cells []cell
	for _, w := range works {
		if opt.only != nil && !opt.only.MatchString(w.name) {
			continue
		}
		for _, n := range w.connections(opt.connections) {
			cells = append(cells, cell{work: w, connections: n, samples: map[string][]sample{}, targets: l.targets})
		}
	}
	begin, end := "", "\n"
	if onTerminal(log) {
		begin, end = "\r", " " // one line, written over
		defer fmt.Fprintln(log)
	}
	for round := range opt.rounds {
		for done, i := range rand.Perm(len(cells)) {
			c := &cells[i]
			fmt.Fprintf(log, "%sround %d of %d, %d of %d: %-25s %4d connections%s", begin, round+1, opt.rounds, done+1, len(cells), c.work.name, c.connections, end)
			for _, k := range rand.Perm(len(l.targets)) {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				s, err := take(l, &l.targets[k], c, opt.span)
				if err != nil {
					return nil, fmt.Errorf("%s of %s at %d connections: %w", c.work.name, l.targets[k].name, c.connections, err)
				}
				c.samples[l.targets[k].name] = append(c.samples[l.targets[k].name], s)
			}
		}
	}
	return cells, nil
}

// onTerminal reports whether what is written to w is seen at once.
func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// take makes one measurement.
func take(l *lab, t *target, c *cell, span time.Duration) (sample, error) {
	s := sample{Allocs: -1}
	j := job{Addr: t.addr, Work: c.work.name, Guarded: t.guarded, Connections: c.connections, For: span}
	var cpu time.Duration
	var allocs float64
	before := func() (err error) {
		if t.pid == 0 {
			return nil
		}
		if allocs, err = t.allocations(); err != nil {
			return err
		}
		if err := forgetPeak(t.pid); err != nil {
			return err
		}
		cpu, err = processCPU(t.pid)
		return err
	}
	after := func() error {
		if t.pid == 0 {
			return nil
		}
		now, err := processCPU(t.pid)
		if err != nil {
			return err
		}
		s.CPU = now - cpu
		if s.RSS, s.Peak, err = processRSS(t.pid); err != nil {
			return err
		}
		if t.metrics == "" {
			return nil
		}
		// The question itself allocates: asked twice, the difference is its share.
		first, err := t.allocations()
		if err != nil {
			return err
		}
		second, err := t.allocations()
		if err != nil {
			return err
		}
		s.Allocs = max(0, first-allocs-(second-first))
		return nil
	}
	o, err := l.load.run(j, before, after)
	s.outcome = o
	return s, err
}

// allocations gives how many objects the target's process has allocated so far.
func (t *target) allocations() (float64, error) {
	if t.metrics == "" {
		return 0, nil
	}
	response, err := http.Get(t.metrics)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "go_memstats_mallocs_total "); ok {
			return strconv.ParseFloat(text, 64)
		}
	}
	return 0, fmt.Errorf("%s has no go_memstats_mallocs_total", t.metrics)
}

// ticks is how many of /proc's units of CPU time make a second: USER_HZ, which is
// 100 on every architecture that Go runs on.
const ticks = 100

// processCPU gives the CPU time, user's and system's, that a process has had.
func processCPU(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read CPU time: %w", err)
	}
	// The name, in parentheses, may hold anything.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const user, system = 11, 12
	if len(fields) <= system {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields behind the name", pid, len(fields))
	}
	var sum time.Duration
	for _, f := range []string{fields[user], fields[system]} {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read CPU time: %w", err)
		}
		sum += time.Duration(n) * time.Second / ticks
	}
	return sum, nil
}

// processRSS gives the resident memory of a process in bytes, and the most that
// it has been since forgetPeak.
func processRSS(pid int) (now, peak int64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("read resident memory: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		for prefix, to := range map[string]*int64{"VmRSS:": &now, "VmHWM:": &peak} {
			if kB, ok := strings.CutPrefix(line, prefix); ok {
				n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kB), "kB")), 10, 64)
				if err != nil {
					return 0, 0, fmt.Errorf("read resident memory: %w", err)
				}
				*to = n << 10
			}
		}
	}
	if now == 0 || peak == 0 {
		return 0, 0, fmt.Errorf("/proc/%d/status does not name the resident memory", pid)
	}
	return now, peak, nil
}

// forgetPeak begins a new peak of the resident memory.
func forgetPeak(pid int) error {
	const peak = "5"
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte(peak), 0); err != nil {
		return fmt.Errorf("begin a new peak of resident memory: %w", err)
	}
	return nil
}
