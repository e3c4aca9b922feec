package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// What a run writes stands between these lines of a document.
const (
	tableBegin = "<!-- what follows is written by `make bench` -->"
	tableEnd   = "<!-- end of what is written by `make bench` -->"
)

// writeInto replaces what an earlier run has written into a document.
func (r *report) writeInto(path string) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, found := bytes.Cut(document, []byte(tableBegin+"\n"))
	_, tail, foundEnd := bytes.Cut(rest, []byte(tableEnd+"\n"))
	if !found || !foundEnd {
		return fmt.Errorf("%s has no lines %q and %q", path, tableBegin, tableEnd)
	}
	var b bytes.Buffer
	b.Write(head)
	b.WriteString(tableBegin + "\n")
	r.markdown(&b)
	b.WriteString(tableEnd + "\n")
	b.Write(tail)
	return os.WriteFile(path, b.Bytes(), 0o644)
}

// A goal is a line of the table of targets: what ifmatch is to reach.
type goal struct {
	what       string
	work       string // works whose names begin so
	against    string // the target that it is held against
	inverse    bool   // time is meant, not throughput
	rate, cpu  float64
	connection []int
}

var manyConnections = []int{16, 64, 256}

var goals = []goal{
	{what: "point select, unguarded table", work: workPoint, against: haproxyName, rate: 1, cpu: 1.1, connection: manyConnections},
	{what: "point select, guarded table, row captured", work: workGuarded, against: haproxyName, rate: .95, cpu: 1.2, connection: manyConnections},
	{what: "guarded update by key, no expectation (non-index)", work: workNonIndex, against: haproxyName, rate: .95, cpu: 1.2, connection: manyConnections},
	{what: "guarded update by key, relative (index)", work: workIndex, against: haproxyName, rate: .95, cpu: 1.2, connection: manyConnections},
	{what: "guarded update by key, version in WHERE", work: workVersion, against: haproxyName, rate: .95, cpu: 1.2, connection: manyConnections},
	{what: "oltp_read_write, its table guarded", work: workReadWrite, against: haproxyName, rate: .9, cpu: 1.3, connection: manyConnections},
	{what: "100,000-row SELECT: time against direct", work: workRows, against: directName, inverse: true, rate: 1.15, connection: []int{1}},
	{what: "100,000-row SELECT, rows captured: time against direct", work: workRowsGuard, against: directName, inverse: true, rate: 1.15, connection: []int{1}},
	{what: "connect, one query, quit: against direct", work: workConnecting, against: directName, rate: .65, connection: []int{1, 16}},
}

// geometric gives the geometric mean of a figure over the results that a goal
// means; ok is false where there is none.
func (g *goal) geometric(results []result, figure func(*result) (spread, bool)) (mean float64, ok bool) {
	sum, n := 0.0, 0
	for i := range results {
		r := &results[i]
		name := strings.TrimSuffix(strings.TrimSuffix(r.Work, " text"), " prepared")
		if r.Target != ifmatchName || name != g.work {
			continue
		}
		for _, c := range g.connection {
			if s, found := figure(r); found && c == r.Connections && s.Median > 0 {
				sum += math.Log(s.Median)
				n++
			}
		}
	}
	return math.Exp(sum / float64(max(n, 1))), n > 0
}

// markdownGoals writes the table of targets.
func markdownGoals(b *bytes.Buffer, results []result) {
	b.WriteString("| work | throughput × HAProxy | target | CPU × HAProxy | target |\n|---|---:|---:|---:|---:|\n")
	for _, g := range goals {
		rate, ok := g.geometric(results, func(x *result) (spread, bool) { s, ok := x.Against[g.against]; return s, ok })
		if !ok {
			continue
		}
		bound := "≥"
		if g.inverse {
			rate, bound = 1/rate, "≤"
		}
		line := fmt.Sprintf("| %s | %.2f | %s %.2f |", g.what, rate, bound, g.rate)
		if cpu, ok := g.geometric(results, func(x *result) (spread, bool) { s, ok := x.CPUAgainst[g.against]; return s, ok }); ok && g.cpu > 0 {
			line += fmt.Sprintf(" %.2f | ≤ %.2f |", cpu, g.cpu)
		} else {
			line += " | |"
		}
		fmt.Fprintln(b, line)
	}
	b.WriteString("\n")
}

// markdown writes the tables.
func (r *report) markdown(b *bytes.Buffer) {
	fmt.Fprintf(b, "\nMeasured %s: %s. %s\n\n", time.Now().UTC().Format("2006-01-02"), machine(), r.How)
	markdownGoals(b, r.Results)
	for _, i := range r.Busy {
		fmt.Fprintf(b, "Resident memory of %s at %d connections that read an unguarded table: at most %.0f MiB.\n", i.Target, i.Connections, i.Peak)
	}
	for _, i := range r.Idle {
		fmt.Fprintf(b, "Resident memory of %s at %d idle connections, each of which has read and written a guarded row: %.0f MiB.\n", i.Target, i.Connections, i.RSS)
	}
	if len(r.MySQL) > 0 {
		fmt.Fprintf(b, "\n### MySQL, at %d connections\n\nThe targets are meant for MariaDB.\n\n", connectionsMySQL)
		markdownGoals(b, r.MySQL)
	}
	b.WriteString("\n### All cells\n\nMedian (least–greatest) of the rounds; CPU is that of the process in the middle.\n\n")
	b.WriteString("| work | connections | target | per second | p50 µs | p95 µs | p99 µs | CPU ms/1000 | peak RSS MiB | allocations | × direct | × HAProxy |\n")
	b.WriteString("|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	cells := slices.Clone(r.Results)
	for _, x := range r.MySQL {
		x.Work = "MySQL: " + x.Work
		cells = append(cells, x)
	}
	for _, x := range cells {
		ranged := func(s *spread, digits int) string {
			o := optional(s, digits)
			if o[1] == "" {
				return o[0]
			}
			return o[0] + " (" + o[1] + ")"
		}
		fmt.Fprintf(b, "| %s | %d | %s | %s (%s–%s) | %s | %s | %s | %s | %s | %s | %s | %s |\n", x.Work, x.Connections, x.Target,
			whole(x.PerSecond.Median), whole(x.PerSecond.Min), whole(x.PerSecond.Max), whole(x.P50.Median), whole(x.P95.Median), whole(x.P99.Median),
			ranged(x.CPU, 1), optional(x.Peak, 0)[0], optional(x.Allocs, 1)[0], against(x.Against, directName)[0], against(x.Against, haproxyName)[0])
	}
	if len(r.Sysbench) > 0 {
		b.WriteString("\n### Debian's sysbench, its own scripts\n\nThe table is guarded; behind the others nothing raises its version. " +
			"Errors are conflicts and deadlocks, after which sysbench begins again.\n\n" +
			"| script | connections | protocol | target | queries per second | p95 ms | CPU ms/1000 | errors |\n|---|---:|---|---|---:|---:|---:|---:|\n")
		for _, x := range r.Sysbench {
			protocol := "text"
			if x.Prepared {
				protocol = "prepared"
			}
			fmt.Fprintf(b, "| %s | %d | %s | %s | %s (%s–%s) | %.1f | %s | %d |\n", x.Script, x.Connections, protocol, x.Target,
				whole(x.PerSecond.Median), whole(x.PerSecond.Min), whole(x.PerSecond.Max), x.P95.Median, optional(x.CPU, 1)[0], x.Ignored)
		}
	}
	if len(r.Micro) > 0 {
		b.WriteString("\n### Microbenchmarks\n\n| benchmark | time | allocations |\n|---|---:|---:|\n")
		for _, m := range r.Micro {
			fmt.Fprintf(b, "| %s | %s | %s |\n", m.Name, m.Time, m.Allocs)
		}
	}
	b.WriteString("\n")
}

// machine says on what was measured.
func machine() string {
	parts := []string{fmt.Sprintf("%d CPUs", runtime.NumCPU())}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				parts = append(parts, strings.TrimSpace(strings.TrimLeft(name, "\t :")))
				break
			}
		}
	}
	for _, program := range [][]string{{"mariadbd", "--version"}, {"haproxy", "-v"}, {"sysbench", "--version"}} {
		if out, err := exec.Command(program[0], program[1:]...).Output(); err == nil {
			line, _, _ := strings.Cut(string(out), "\n")
			line, _, _ = strings.Cut(line, " for ")
			line, _, _ = strings.Cut(line, " - ")
			parts = append(parts, strings.TrimSpace(line))
		}
	}
	return strings.Join(append(parts, runtime.Version()), ", ")
}

// A microResult is a line of Go's benchmarks.
type microResult struct {
	Name   string `json:"name"`
	Time   string `json:"time"`
	Allocs string `json:"allocations"`
}

// microbenchmarks runs those of the packages on the way of a statement.
func microbenchmarks(log *os.File) ([]microResult, error) {
	args := []string{"test", "-run", "^$", "-bench", "Plan|Lex|Scan|Hash|Scanned|Mentions|Append|Bind|Capture|Conflict|Statement|ReadKnown|Expect", "-benchmem", "-benchtime", "200ms",
		"ifmatch/sqltext", "ifmatch/rewrite", "ifmatch/readset", "ifmatch/proxy"}
	cmd := exec.Command("go", args...)
	cmd.Stderr = log
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go test -bench: %w\n%s", err, out)
	}
	var results []microResult
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") {
			continue
		}
		m := microResult{Name: strings.TrimPrefix(f[0], "Benchmark"), Time: f[2] + " " + f[3]}
		if at := strings.LastIndexByte(m.Name, '-'); at > 0 {
			m.Name = m.Name[:at]
		}
		for i := 4; i+1 < len(f); i += 2 {
			if f[i+1] == "allocs/op" {
				m.Allocs = f[i]
			}
			if strings.HasPrefix(f[i+1], "ns/") && f[i+1] != "ns/op" {
				m.Time += ", " + f[i] + " " + f[i+1]
			}
		}
		results = append(results, m)
	}
	if len(results) == 0 {
		return nil, errors.New("go test -bench has printed no benchmark")
	}
	return results, nil
}
