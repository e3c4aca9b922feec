package integration

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ifmatch/integration/server"
)

// BenchmarkNumbering measures a number against an update by key of a guarded table,
// both through the proxy, in turn: calls a second of the one for each of the other.
// Every updater has a row of its own; all callers have one counter.
func BenchmarkNumbering(b *testing.B) {
	for _, flavor := range []string{server.FlavorMariaDB, server.FlavorMySQL} {
		s, stop, err := server.Start(flavor)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(stop)
		for _, commit := range []int{1, 2} {
			for _, callers := range []int{1, 64} {
				b.Run(fmt.Sprintf("%s/flush=%d/callers=%d", flavor, commit, callers), func(b *testing.B) { benchNumbering(b, s, commit, callers) })
			}
		}
	}
}

func benchNumbering(b *testing.B, s *server.Server, commit, callers int) {
	root := s.Open(b, "")
	shop := "bench_numbers"
	for _, q := range []string{"DROP DATABASE IF EXISTS " + shop, "CREATE DATABASE " + shop,
		fmt.Sprintf("SET GLOBAL innodb_flush_log_at_trx_commit = %d", commit),
		"CREATE TABLE " + shop + ".items(id INT PRIMARY KEY, n INT NOT NULL, version INT NOT NULL DEFAULT 1)"} {
		if _, err := root.Exec(q); err != nil {
			b.Fatal(err)
		}
	}
	p := start(b, s, strings.ReplaceAll("tables: {shop.items: {version: version}}", "shop", shop), "--log-level", "info")
	db := p.server(s).OpenAs(b, "root", shop, "")
	db.SetMaxIdleConns(callers)
	conns := make([]*sql.Conn, callers)
	for i := range conns {
		var err error
		if conns[i], err = db.Conn(b.Context()); err != nil {
			b.Fatal(err)
		}
		defer conns[i].Close()
		if _, err := conns[i].ExecContext(b.Context(), fmt.Sprintf("INSERT INTO items(id, n) VALUES (%d, 0)", i)); err != nil {
			b.Fatal(err)
		}
	}
	rate := func(f func(i, n int) error) float64 {
		const stretch = 250 * time.Millisecond // in turn, so that both meet the same machine
		var done atomic.Int64
		var wg sync.WaitGroup
		begin := time.Now()
		for i := range conns {
			wg.Go(func() {
				for n := 0; time.Since(begin) < stretch; n++ {
					if err := f(i, n); err != nil {
						b.Error(err)
						return
					}
					done.Add(1)
				}
			})
		}
		wg.Wait()
		return float64(done.Load()) / time.Since(begin).Seconds()
	}
	number := func(i, _ int) error {
		var first, last int64
		return conns[i].QueryRowContext(b.Context(), "CALL ifmatch.allocids('/"+shop+"', 1)").Scan(&first, &last)
	}
	update := func(i, n int) error {
		_, err := conns[i].ExecContext(b.Context(), fmt.Sprintf("UPDATE items SET n = %d WHERE id = %d", n, i))
		return err
	}
	var numbers, updates, ratios []float64
	for b.Loop() {
		x, y := rate(number), rate(update)
		numbers, updates, ratios = append(numbers, x), append(updates, y), append(ratios, x/y)
	}
	median := func(all []float64) float64 { slices.Sort(all); return all[len(all)/2] }
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(median(numbers), "numbers/s")
	b.ReportMetric(median(updates), "updates/s")
}
