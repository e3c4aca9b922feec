package proxy

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"ifmatch/control"
	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// BenchmarkPlanHit is what judging a statement costs that was seen before: its
// lex, the look-up of its plan, and for a guarded one key, expectation and the
// text that is sent. It is the whole of what a guard adds on the proxy's side. Those
// that touch nothing guarded are sysbench's point select, a join, and what an ORM
// writes for a page of a list.
func BenchmarkPlanHit(b *testing.B) {
	for _, kind := range []struct {
		name, sql string
		verdict   rewrite.Verdict
	}{
		{"update", "UPDATE products SET name = 'a new name', price = 12.50, stock = 7 WHERE id = 100 AND version = 9", rewrite.Guard},
		{"select", "SELECT name, price FROM products WHERE id = 100", rewrite.Pass},
		{"unguarded", "SELECT c.id, c.name FROM customers c WHERE c.id = 100", rewrite.Pass},
		{"unguarded point select", "SELECT c FROM sbtest1 WHERE id=5023", rewrite.Pass},
		{"unguarded list", longSelect, rewrite.Pass},
	} {
		b.Run(kind.name, func(b *testing.B) {
			s, _ := alone(b, serverCaps)
			judgeAgain(b, s.session, kind.sql, kind.verdict)
		})
	}
}

// BenchmarkPlanHitOfMany is a hit where many tables are guarded, and all have plans.
func BenchmarkPlanHitOfMany(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("tables=%d", n), func(b *testing.B) {
			s, _ := alone(b, serverCaps, func(c *Config) {
				p := &policy.Policy{}
				for i := range n {
					name := policy.Name{Schema: "shop", Table: fmt.Sprintf("guarded_%d", i)}
					p.Tables = append(p.Tables, &policy.Table{Name: name, Key: []string{"id"}, Version: &policy.Version{Column: "version"}})
				}
				c.Meter = counted{Meter: c.Meter}
				c.Rules, c.PlanCache = rewrite.Compile(p, schema.Offline(sqltext.MySQL, 90700)), 4096
			})
			update := func(i int) string {
				return fmt.Sprintf("UPDATE guarded_%d SET name = 'a new name', price = 12.50, stock = 7 WHERE id = 100 AND version = 9", i)
			}
			for i := range n {
				judge(b, s.session, []byte(update(i)), rewrite.Guard)
			}
			if got := s.srv.PlanStats(); got.Plans != n || got.Evictions != 0 {
				b.Fatalf("%+v of %d tables", got, n)
			}
			judgeAgain(b, s.session, update(n/2), rewrite.Guard)
			if got := s.srv.PlanStats(); got.Misses != uint64(n) {
				b.Fatalf("%+v: not every look-up was a hit", got)
			}
		})
	}
}

// counted is a meter that counts as quickly whatever the number of tables.
type counted struct{ Meter }

func (counted) Statements(string, rewrite.Verdict) func() {
	n := new(atomic.Int64)
	return func() { n.Add(1) }
}

// judge judges a statement as far as it is sent.
func judge(b *testing.B, s *session, sql []byte, verdict rewrite.Verdict) {
	names := s.scan(sql)
	if names == rewrite.Nothing {
		return
	}
	if err := s.text.Lex(sql, &s.state.Lex); err != nil {
		b.Fatal(err)
	}
	s.spans = s.text.Statements(s.spans[:0])
	control.Classify(&s.text, s.spans[0])
	if names != rewrite.Something && !s.rules.Mentions(&s.text, s.spans[0]) {
		return
	}
	plan := s.plan(&s.text, s.spans[0], s.state.DB)
	if plan.Verdict != verdict {
		b.Fatalf("the verdict is %s", plan.Verdict)
	}
	if plan.Verdict == rewrite.Guard {
		if refused := plan.Bind(&s.text, nil, nil, &s.binding); refused != nil {
			b.Fatal(refused)
		}
		s.out = plan.AppendText(s.out[:0], &s.text, &s.binding)
	}
}

// judgeAgain measures judge of a statement that was seen before.
func judgeAgain(b *testing.B, s *session, text string, verdict rewrite.Verdict) {
	sql := []byte(text)
	judge(b, s, sql, verdict)
	b.ReportAllocs()
	for b.Loop() {
		judge(b, s, sql, verdict)
	}
}

// longSelect is what an ORM writes.
var longSelect = "SELECT " + strings.Repeat("`c`.`id` AS `c0_id`, `c`.`first_name` AS `c0_first_name`, `c`.`created_at` AS `c0_created_at`, ", 8) +
	"`o`.`total` FROM `customers` AS `c` LEFT OUTER JOIN `invoices` AS `o` ON `o`.`customer_id` = `c`.`id` " +
	"WHERE `c`.`country` = 'DE' AND (`c`.`first_name` LIKE '%an%' OR `o`.`total` >= 100.50) ORDER BY `c`.`created_at` DESC LIMIT 50 OFFSET 100"

// A plan serves the sessions of all character sets in which names read the same.
func TestPlanCacheByCharset(t *testing.T) {
	for _, tt := range []struct {
		first, then sqltext.Charset
		hits        uint64
	}{
		{sqltext.UTF8MB4, sqltext.UTF8MB4, 1},
		{sqltext.UTF8MB4, sqltext.UTF8MB3, 1},
		{sqltext.Latin1, sqltext.CP1251, 1},
		{sqltext.UTF8MB4, sqltext.Latin1, 0},
		{sqltext.Latin1, sqltext.GBK, 0},
		{sqltext.SJIS, sqltext.GBK, 0},
	} {
		s, _ := alone(t, serverCaps)
		for _, charset := range []sqltext.Charset{tt.first, tt.then} {
			s.state.Lex.Charset = charset
			if err := s.text.Lex([]byte("UPDATE products SET name = 'x' WHERE id = 1 AND version = 9"), &s.state.Lex); err != nil {
				t.Fatal(err)
			}
			if plan := s.plan(&s.text, s.text.Statements(nil)[0], "shop"); plan.Verdict != rewrite.Guard {
				t.Fatalf("the verdict is %s", plan.Verdict)
			}
		}
		if got := s.srv.PlanStats().Hits; got != tt.hits {
			t.Errorf("%s, then %s: %d hits, want %d", tt.first, tt.then, got, tt.hits)
		}
	}
}
