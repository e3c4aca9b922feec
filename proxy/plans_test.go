package proxy

import (
	"strings"
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
				if err := s.text.Lex(sql, &s.state.Lex); err != nil {
					b.Fatal(err)
				}
				s.spans = s.text.Statements(s.spans[:0])
				control.Classify(&s.text, s.spans[0])
				if !s.rules.Mentions(&s.text, s.spans[0]) {
					return
				}
				plan := s.plan(&s.text, s.spans[0], s.state.DB)
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
