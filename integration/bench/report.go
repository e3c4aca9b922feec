package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A spread is what the rounds have found of one figure.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// A result is one line of the table: a target in a cell.
type result struct {
	Work        string `json:"work"`
	Connections int    `json:"connections"`
	Target      string `json:"target"`
	Rounds      int    `json:"rounds"`

	PerSecond spread `json:"statements_per_second"`
	P50       spread `json:"p50_microseconds"`
	P95       spread `json:"p95_microseconds"`
	P99       spread `json:"p99_microseconds"`
	// Of the process in the middle, absent for direct.
	CPU    *spread `json:"cpu_ms_per_1000_statements,omitempty"`
	RSS    *spread `json:"rss_mib,omitempty"`
	Peak   *spread `json:"peak_rss_mib,omitempty"`
	Allocs *spread `json:"allocations_per_statement,omitempty"`
	// Ratios of throughput within a round, by the name of the other target.
	Against map[string]spread `json:"throughput_against"`
	// Ratios of CPU time per statement within a round.
	CPUAgainst map[string]spread `json:"cpu_against,omitempty"`
}

// A report is all that a run has found.
type report struct {
	How      string           `json:"how"`
	Results  []result         `json:"results"`
	MySQL    []result         `json:"mysql,omitempty"`
	Busy     []idleResult     `json:"busy,omitempty"`
	Idle     []idleResult     `json:"idle,omitempty"`
	Sysbench []sysbenchResult `json:"sysbench,omitempty"`
	Micro    []microResult    `json:"microbenchmarks,omitempty"`
}

// print writes a report as tables.
func (r *report) print(out io.Writer) error {
	if err := printTable(out, r.Results); err != nil {
		return err
	}
	if len(r.MySQL) > 0 {
		fmt.Fprintln(out, "\nMySQL")
		if err := printTable(out, r.MySQL); err != nil {
			return err
		}
	}
	for _, i := range r.Busy {
		if _, err := fmt.Fprintf(out, "%d busy connections through %s: at most %.0f MiB\n", i.Connections, i.Target, i.Peak); err != nil {
			return err
		}
	}
	for _, i := range r.Idle {
		if _, err := fmt.Fprintf(out, "%d idle connections through %s: %.0f MiB, at most %.0f MiB\n", i.Connections, i.Target, i.RSS, i.Peak); err != nil {
			return err
		}
	}
	for _, x := range r.Sysbench {
		if _, err := fmt.Fprintf(out, "sysbench %-22s prepared=%-5v %3d connections  %-8s %8.0f/s  p95 %.1f ms  CPU %s ms/1000  errors %d\n",
			x.Script, x.Prepared, x.Connections, x.Target, x.PerSecond.Median, x.P95.Median, optional(x.CPU, 1)[0], x.Ignored); err != nil {
			return err
		}
	}
	for _, m := range r.Micro {
		if _, err := fmt.Fprintf(out, "%-60s %s, %s allocations\n", m.Name, m.Time, m.Allocs); err != nil {
			return err
		}
	}
	return nil
}

// summarize makes the results of all cells, in the order of the works.
func summarize(cells []cell) []result {
	var results []result
	for _, c := range cells {
		for _, t := range c.targets {
			results = append(results, c.result(t))
		}
	}
	return results
}

func (c *cell) result(t target) result {
	samples := c.samples[t.name]
	r := result{Work: c.work.name, Connections: c.connections, Target: t.name, Rounds: len(samples), Against: map[string]spread{}}
	r.PerSecond = over(samples, sample.rate)
	r.P50 = over(samples, func(s sample) float64 { return microseconds(s.P50) })
	r.P95 = over(samples, func(s sample) float64 { return microseconds(s.P95) })
	r.P99 = over(samples, func(s sample) float64 { return microseconds(s.P99) })
	for _, other := range c.targets {
		if other.name != t.name {
			r.Against[other.name] = ratio(samples, c.samples[other.name], sample.rate)
		}
	}
	if t.pid == 0 {
		return r
	}
	cpu := over(samples, sample.cpu)
	rss := over(samples, func(s sample) float64 { return float64(s.RSS) / (1 << 20) })
	peak := over(samples, func(s sample) float64 { return float64(s.Peak) / (1 << 20) })
	r.CPU, r.RSS, r.Peak, r.CPUAgainst = &cpu, &rss, &peak, map[string]spread{}
	for _, other := range c.targets {
		if other.name != t.name && other.pid != 0 {
			r.CPUAgainst[other.name] = ratio(samples, c.samples[other.name], sample.cpu)
		}
	}
	if t.metrics != "" {
		allocs := over(samples, func(s sample) float64 { return s.Allocs / float64(max(s.Statements, 1)) })
		r.Allocs = &allocs
	}
	return r
}

// rate is statements per second.
func (s sample) rate() float64 { return float64(s.Statements) / s.Seconds }

// cpu is milliseconds of CPU time for 1000 statements.
func (s sample) cpu() float64 {
	return s.CPU.Seconds() * 1e6 / float64(max(s.Statements, 1))
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// over gives the spread of a figure over the rounds.
func over(samples []sample, figure func(sample) float64) spread {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = figure(s)
	}
	return spreadOf(values)
}

// ratio gives the spread of the figure's ratio, taken in each round.
func ratio(a, b []sample, figure func(sample) float64) spread {
	var values []float64
	for i := range min(len(a), len(b)) {
		if v := figure(a[i]) / figure(b[i]); !math.IsNaN(v) && !math.IsInf(v, 0) {
			values = append(values, v)
		}
	}
	return spreadOf(values)
}

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	slices.Sort(values)
	n := len(values)
	return spread{Median: (values[n/2] + values[(n-1)/2]) / 2, Min: values[0], Max: values[n-1]}
}

// printTable writes the results as an aligned table.
func printTable(out io.Writer, results []result) error {
	lines := [][]string{{"work", "conn", "target", "stmt/s", "(min–max)", "p50 µs", "p95", "p99",
		"CPU ms/1000", "(min–max)", "RSS MiB", "allocs", "× direct", "× haproxy", "(min–max)", "CPU × haproxy", "(min–max)"}}
	for _, r := range results {
		line := []string{r.Work, strconv.Itoa(r.Connections), r.Target,
			whole(r.PerSecond.Median), whole(r.PerSecond.Min) + "–" + whole(r.PerSecond.Max),
			whole(r.P50.Median), whole(r.P95.Median), whole(r.P99.Median)}
		line = append(line, optional(r.CPU, 1)...)
		line = append(line, optional(r.Peak, 1)[0], optional(r.Allocs, 1)[0], against(r.Against, directName)[0])
		line = append(line, against(r.Against, haproxyName)...)
		line = append(line, against(r.CPUAgainst, haproxyName)...)
		lines = append(lines, line)
	}
	const left = 3 // columns of words; those of figures are right-aligned, but for conn's neighbours
	width := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, field := range line {
			width[i] = max(width[i], len([]rune(field)))
		}
	}
	for n, line := range lines {
		if n > 1 && (line[0] != lines[n-1][0] || line[1] != lines[n-1][1]) {
			if _, err := fmt.Fprintln(out); err != nil {
				return err
			}
		}
		var b strings.Builder
		for i, field := range line {
			pad := strings.Repeat(" ", width[i]-len([]rune(field)))
			if i < left && i != 1 {
				b.WriteString(field + pad)
			} else {
				b.WriteString(pad + field)
			}
			b.WriteString("  ")
		}
		if _, err := fmt.Fprintln(out, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

// whole writes a figure with three digits that count, at most.
func whole(v float64) string {
	if v < 10 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// optional writes median and range of a figure that not all targets have.
func optional(s *spread, digits int) []string {
	if s == nil {
		return []string{"–", ""}
	}
	f := func(v float64) string { return strconv.FormatFloat(v, 'f', digits, 64) }
	return []string{f(s.Median), f(s.Min) + "–" + f(s.Max)}
}

// against writes median and range of a ratio.
func against(ratios map[string]spread, name string) []string {
	s, ok := ratios[name]
	return optional(cmp.Or(map[bool]*spread{true: &s}[ok]), 2)
}
