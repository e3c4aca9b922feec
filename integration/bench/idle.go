package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"syscall"
	"time"
)

// idleWork is what each connection has done before it is idle: a row of the
// guarded table was read and written.
var idleWork = work{name: "idle", statements: []statement{point, versionUpdate}}

const (
	// mostIdle is the number of connections that idle.
	mostIdle = 10_000
	// idleFor is how long they have been idle when memory is read.
	idleFor = 10 * time.Second
)

// An idleResult is the resident memory of the process in the middle.
type idleResult struct {
	Target      string  `json:"target"`
	Connections int     `json:"connections"`
	RSS         float64 `json:"rss_mib"`
	Peak        float64 `json:"peak_mib"`
	Seconds     float64 `json:"seconds_to_connect,omitempty"`
}

// busyConnections is the number of connections whose memory is measured while
// they work.
const busyConnections = 256

// measureBusy gives the memory of processes that have done nothing else before:
// what scopes remember of a guarded table comes on top of it.
func measureBusy(ctx context.Context, l *lab, log io.Writer) (results []idleResult, err error) {
	const span = time.Second
	for _, t := range l.targets {
		if t.pid == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		fmt.Fprintf(log, "%d busy connections through %s\n", busyConnections, t.name)
		r := idleResult{Target: t.name, Connections: busyConnections}
		before := func() error { return nil }
		after := func() error {
			now, peak, err := processRSS(t.pid)
			r.RSS, r.Peak = float64(now)/(1<<20), float64(peak)/(1<<20)
			return err
		}
		if _, err := l.load.run(job{Addr: t.addr, Work: workPoint + " text", Connections: busyConnections, For: span}, before, after); err != nil {
			return nil, fmt.Errorf("%d busy connections through %s: %w", busyConnections, t.name, err)
		}
		results = append(results, r)
	}
	return results, nil
}

// measureIdle opens as many idle connections as a proxy may have here.
func measureIdle(ctx context.Context, l *lab, log io.Writer) (results []idleResult, err error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return nil, fmt.Errorf("read the limit of open files: %w", err)
	}
	const others = 200
	n := min(mostIdle, int(limit.Cur-others)/2) // two sockets each
	db, err := sql.Open("mysql", l.server.DSN("root", "", ""))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var before int
	if err := db.QueryRowContext(ctx, "SELECT @@max_connections").Scan(&before); err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, fmt.Sprintf("SET GLOBAL max_connections = %d", n+100)); err != nil {
		return nil, err
	}
	defer db.ExecContext(context.Background(), fmt.Sprintf("SET GLOBAL max_connections = %d", before))
	for _, t := range l.targets {
		if t.pid == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		fmt.Fprintf(log, "%d idle connections through %s\n", n, t.name)
		r := idleResult{Target: t.name, Connections: n}
		if err := forgetPeak(t.pid); err != nil {
			return nil, err
		}
		began := time.Now()
		before := func() error {
			r.Seconds = time.Since(began).Seconds()
			return nil
		}
		after := func() error {
			now, peak, err := processRSS(t.pid)
			r.RSS, r.Peak = float64(now)/(1<<20), float64(peak)/(1<<20)
			return err
		}
		if _, err := l.load.run(job{Addr: t.addr, Work: idleWork.name, Guarded: t.guarded, Connections: n, For: idleFor}, before, after); err != nil {
			return nil, fmt.Errorf("%d idle connections through %s: %w", n, t.name, err)
		}
		results = append(results, r)
	}
	return results, nil
}
