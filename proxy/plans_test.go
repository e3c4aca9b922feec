package proxy

import (
	"strings"
	"sync"
	"testing"

	"ifmatch/control"
	"ifmatch/rewrite"
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
			sql := []byte(kind.sql)
			judge := func() {
				if s.overlooks(sql) {
					return
				}
				if err := s.text.Lex(sql, &s.state.lex); err != nil {
					b.Fatal(err)
				}
				s.spans = s.text.Statements(s.spans[:0])
				control.Classify(&s.text, s.spans[0])
				if !s.rules.Mentions(&s.text, s.spans[0]) {
					return
				}
				plan := s.plan(&s.text, s.spans[0], s.state.db)
				if plan.Verdict != kind.verdict {
					b.Fatalf("the verdict is %s", plan.Verdict)
				}
				if plan.Verdict == rewrite.Guard {
					if refused := plan.Bind(&s.text, nil, nil, &s.binding); refused != nil {
						b.Fatal(refused)
					}
					s.out = plan.AppendText(s.out[:0], &s.text, &s.binding)
				}
			}
			judge()
			b.ReportAllocs()
			for b.Loop() {
				judge()
			}
		})
	}
}

// longSelect is what an ORM writes.
var longSelect = "SELECT " + strings.Repeat("`c`.`id` AS `c0_id`, `c`.`first_name` AS `c0_first_name`, `c`.`created_at` AS `c0_created_at`, ", 8) +
	"`o`.`total` FROM `customers` AS `c` LEFT OUTER JOIN `invoices` AS `o` ON `o`.`customer_id` = `c`.`id` " +
	"WHERE `c`.`country` = 'DE' AND (`c`.`first_name` LIKE '%an%' OR `o`.`total` >= 100.50) ORDER BY `c`.`created_at` DESC LIMIT 50 OFFSET 100"

// The cache is bounded, counts what it does, and keeps nothing of rules that
// are no longer in force.
func TestPlanCache(t *testing.T) {
	b := newBench(t, func(c *Config) { c.PlanCache = 2 })
	defer b.close()
	c := b.srv.plans
	plan := &rewrite.Plan{}
	for n := range uint64(3) {
		key := planKey{lo: n}
		if c.get(&key) != nil {
			t.Fatal("a plan that was never made")
		}
		c.add(key, plan, nil)
		if got := c.get(&key); got == nil || got.plan != plan {
			t.Fatal("a plan is not kept")
		}
	}
	if got, want := b.srv.PlanStats(), (PlanStats{Hits: 3, Misses: 3, Evictions: 1, Plans: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, other := range []planKey{{lo: 2, hi: 1}, {lo: 2, generation: 1}, {lo: 2, charset: 1}, {lo: 2, env: rewrite.Env{DB: "shop"}}, {lo: 2, env: rewrite.Env{Multi: true}}} {
		if c.get(&other) != nil {
			t.Errorf("the plan of another statement, session or generation is taken for %+v", other)
		}
	}
	b.srv.SetRules(b.srv.Rules())
	if n := b.srv.PlanStats().Plans; n != 0 {
		t.Errorf("%d plans of old rules are kept", n)
	}
}

// The plans that nobody asks for go first, whatever chain they are in, and many
// sessions may look while others add.
func TestPlanCacheKeepsWhatIsUsed(t *testing.T) {
	const size = 64
	c := newPlanCache(size)
	key := func(n int) planKey { return planKey{hi: uint64(n), lo: uint64(n % 7)} }
	for n := range 40 {
		c.add(key(n), &rewrite.Plan{}, nil)
	}
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			for n := 1000 * (w + 1); n < 1000*(w+1)+900; n++ {
				for used := range 40 {
					k := key(used)
					if c.get(&k) == nil {
						t.Errorf("plan %d has gone, which was just used", used)
						return
					}
				}
				p := c.add(key(n), &rewrite.Plan{}, nil)
				if again := c.add(key(n), &rewrite.Plan{}, nil); again != p && again.plan == p.plan {
					t.Errorf("plan %d is kept twice", n)
				}
			}
		})
	}
	workers.Wait()
	if n := c.len(); n != size {
		t.Errorf("%d plans are kept, want %d", n, size)
	}
	inChains := 0
	for i := range c.chains {
		for p := c.chains[i].Load(); p != nil; p = p.next.Load() {
			inChains++
		}
	}
	if inChains != size {
		t.Errorf("%d plans in chains, want %d", inChains, size)
	}
}
