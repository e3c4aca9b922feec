package rewrite

import (
	"fmt"
	"testing"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

const benchUpdate = "UPDATE products SET name = 'a new name', price = 12.50, stock = 7 WHERE id = 100 /* ifmatch: version=9 */"

// BenchmarkPlan is a miss of the plan cache: the statement is read and checked.
func BenchmarkPlan(b *testing.B) {
	rules := world(b)
	var text sqltext.Text
	lx := sqltext.Lexis{Version: 90700}
	if err := text.Lex([]byte(benchUpdate), &lx); err != nil {
		b.Fatal(err)
	}
	stmt := text.Statements(nil)[0]
	b.ReportAllocs()
	for b.Loop() {
		if rules.Plan(&text, stmt, Env{DB: "shop", UTF8: true}).Verdict != Guard {
			b.Fatal("not guarded")
		}
	}
}

// BenchmarkBind is a hit of it: key and expectation are taken out of the text,
// and the guarded text is written.
func BenchmarkBind(b *testing.B) {
	rules := world(b)
	var text sqltext.Text
	lx := sqltext.Lexis{Version: 90700}
	if err := text.Lex([]byte(benchUpdate), &lx); err != nil {
		b.Fatal(err)
	}
	plan := rules.Plan(&text, text.Statements(nil)[0], Env{DB: "shop", UTF8: true})
	hint, err := sqltext.ParseHint("version=9")
	if err != nil {
		b.Fatal(err)
	}
	var binding Binding
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		if refused := plan.Bind(&text, nil, hint, &binding); refused != nil {
			b.Fatal(refused)
		}
		out = plan.AppendText(out[:0], &text, &binding)
	}
}

// BenchmarkMentions is what every statement that touches no guarded table costs.
func BenchmarkMentions(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("tables=%d", n), func(b *testing.B) {
			p := &policy.Policy{}
			for i := range n {
				p.Tables = append(p.Tables, &policy.Table{
					Name: policy.Name{Schema: "shop", Table: fmt.Sprintf("guarded_%d", i)}, Key: []string{"id"}, Version: &policy.Version{Column: "version"},
				})
			}
			rules := Compile(p, schema.Offline(sqltext.MySQL, 90700))
			var text sqltext.Text
			sql := "SELECT c.id, c.name, c.`email`, o.total FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.id = 100 ORDER BY o.id DESC LIMIT 10"
			if err := text.Lex([]byte(sql), &sqltext.Lexis{Version: 90700}); err != nil {
				b.Fatal(err)
			}
			stmt := text.Statements(nil)[0]
			b.ReportAllocs()
			for b.Loop() {
				if rules.Mentions(&text, stmt) {
					b.Fatal("nothing guarded is in it")
				}
			}
		})
	}
}

// BenchmarkConflict is the answer to a write whose guard does not hold, but for
// the round trip: the question why, and what is said.
func BenchmarkConflict(b *testing.B) {
	rules := world(b)
	var text sqltext.Text
	if err := text.Lex([]byte(benchUpdate), &sqltext.Lexis{Version: 90700}); err != nil {
		b.Fatal(err)
	}
	plan := rules.Plan(&text, text.Statements(nil)[0], Env{DB: "shop", UTF8: true})
	hint, err := sqltext.ParseHint("version=9")
	if err != nil {
		b.Fatal(err)
	}
	found := []Row{{[]byte("100"), []byte("11"), []byte("1"), []byte("0")}}
	var binding Binding
	b.ReportAllocs()
	for b.Loop() {
		if refused := plan.Bind(&text, nil, hint, &binding); refused != nil {
			b.Fatal(refused)
		}
		plan.Probe(&text, &binding, false, LockMySQL)
		if outcome, c := plan.Judge(&binding, found); outcome != InConflict || c == nil {
			b.Fatal("no conflict")
		}
	}
}
