package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sync"
	"time"
)

// loadPart is the part of this program that makes load. It takes jobs, one a
// line, and for each one says when it is ready, waits for a line, runs, and gives
// the outcome; the connections stay open until the next line.
const loadPart = "load"

// warmUp is how many statements a connection sends before it is measured, or
// for how long where they are slow ones.
const (
	warmUp     = 50
	warmUpTime = 100 * time.Millisecond
)

// connectAtOnce is how many connections are opened at the same time.
const connectAtOnce = 32

// A job is what the load generator is asked for.
type job struct {
	Addr        string
	Work        string
	Guarded     bool // the app's own statements: the guard is ifmatch's
	Connections int
	For         time.Duration
}

// An outcome is what a job has measured.
type outcome struct {
	Ready      bool
	Error      string `json:",omitempty"`
	Statements int
	Seconds    float64
	P50        time.Duration
	P95        time.Duration
	P99        time.Duration
}

// serveLoad carries out jobs until in ends.
func serveLoad(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	answers := json.NewEncoder(out)
	for lines.Scan() {
		var j job
		if err := json.Unmarshal(lines.Bytes(), &j); err != nil {
			return fmt.Errorf("read job: %w", err)
		}
		scripts, err := j.open()
		if err != nil {
			if err := answers.Encode(outcome{Error: err.Error()}); err != nil {
				return err
			}
			continue
		}
		if err := answers.Encode(outcome{Ready: true}); err != nil {
			return err
		}
		if !lines.Scan() {
			break
		}
		if err := answers.Encode(j.run(scripts)); err != nil {
			return err
		}
		lines.Scan()
		for _, s := range scripts {
			s.client.conn.Close()
		}
	}
	return lines.Err()
}

// open connects, prepares and warms up.
func (j *job) open() ([]*script, error) {
	w := idleWork
	for _, candidate := range works {
		if candidate.name == j.Work {
			w = candidate
		}
	}
	warmUp := warmUp
	if j.idles() {
		warmUp = 1
	}
	scripts := make([]*script, j.Connections)
	// Servers take no more at once than their backlog holds.
	slots := make(chan struct{}, connectAtOnce)
	err := each(j.Connections, func(i int) error {
		slots <- struct{}{}
		defer func() { <-slots }()
		c, err := dial(j.Addr)
		if err != nil {
			return err
		}
		s, err := newScript(c, w, j.Addr, j.Guarded, i, j.Connections)
		if err != nil {
			return err
		}
		end := time.Now().Add(warmUpTime)
		for n := 0; n < warmUp && (n == 0 || time.Now().Before(end)); n++ {
			if err := s.step(); err != nil {
				return err
			}
		}
		scripts[i] = s
		return nil
	})
	if err == nil {
		return scripts, nil
	}
	for _, s := range scripts {
		if s != nil {
			s.client.conn.Close()
		}
	}
	return nil, err
}

// idles says whether the job is to do nothing once it is connected.
func (j *job) idles() bool { return j.Work == idleWork.name }

// run lets all connections send statements for the time of the job.
func (j *job) run(scripts []*script) outcome {
	if j.idles() {
		time.Sleep(j.For)
		return outcome{Seconds: j.For.Seconds()}
	}
	times := make([]latencies, len(scripts))
	start := time.Now()
	end := start.Add(j.For)
	err := each(len(scripts), func(i int) error {
		s, l := scripts[i], &times[i]
		for begun := start; begun.Before(end); {
			if err := s.step(); err != nil {
				return err
			}
			now := time.Now()
			l.add(now.Sub(begun))
			begun = now
		}
		return nil
	})
	seconds := time.Since(start).Seconds()
	if err != nil {
		return outcome{Error: err.Error()}
	}
	var all latencies
	for i := range times {
		all.merge(&times[i])
	}
	return outcome{Statements: all.total * len(scripts[0].ready), Seconds: seconds, P50: all.quantile(0.5), P95: all.quantile(0.95), P99: all.quantile(0.99)}
}

// each runs f for 0 … n-1 at once, and gives the errors.
func each(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// latencies counts times in classes that are 1/32 of their size wide, so that a
// quantile is right to 3 %.
type latencies struct {
	classes [64 * classSteps]uint32
	total   int
}

const classSteps = 32

func (l *latencies) add(d time.Duration) {
	l.classes[class(uint64(max(d, 0)))]++
	l.total++
}

// class gives the class of n: its leading bits.
func class(n uint64) int {
	if n < classSteps {
		return int(n)
	}
	shift := bits.Len64(n) - 6
	return (shift+1)*classSteps + int(n>>shift) - classSteps
}

// classStart gives the least number of a class.
func classStart(c int) uint64 {
	if c < classSteps {
		return uint64(c)
	}
	return uint64(classSteps+c%classSteps) << (c/classSteps - 1)
}

func (l *latencies) merge(other *latencies) {
	for c, n := range other.classes {
		l.classes[c] += n
	}
	l.total += other.total
}

// quantile gives the time that a share q of the statements did not exceed.
func (l *latencies) quantile(q float64) time.Duration {
	left := int(q * float64(l.total))
	for c, n := range l.classes {
		if left -= int(n); left < 0 {
			return time.Duration(classStart(c))
		}
	}
	return 0
}
