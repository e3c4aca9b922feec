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

// many gives rules of as many tables.
func many(n int) *Rules {
	p := &policy.Policy{}
	for i := range n {
		p.Tables = append(p.Tables, &policy.Table{
			Name: policy.Name{Schema: "shop", Table: fmt.Sprintf("guarded_%d", i)}, Key: []string{"id"}, Version: &policy.Version{Column: "version"},
		})
	}
	return Compile(p, schema.Offline(sqltext.MySQL, 90700))
}

const benchUnguarded = "SELECT c.id, c.name, c.`email`, o.total FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.id = 100 ORDER BY o.id DESC LIMIT 10"

// BenchmarkScanned is what a statement costs that touches no guarded table.
func BenchmarkScanned(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("tables=%d", n), func(b *testing.B) {
			rules, sql, lx := many(n), []byte(benchUnguarded), sqltext.Lexis{Version: 90700}
			b.ReportAllocs()
			for b.Loop() {
				var scan sqltext.Scan
				if scan.Start(sql, &lx, sqltext.Doubt{}); scan.First() == nil || rules.Scanned(&scan) != Nothing {
					b.Fatal("nothing guarded is in it")
				}
			}
		})
	}
}

// BenchmarkMentions is what it costs behind the lex where the scan has given up.
func BenchmarkMentions(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("tables=%d", n), func(b *testing.B) {
			rules := many(n)
			var text sqltext.Text
			if err := text.Lex([]byte(benchUnguarded), &sqltext.Lexis{Version: 90700}); err != nil {
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

// BenchmarkMentionsRaw is what it costs where modes or character set are not sure.
func BenchmarkMentionsRaw(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("tables=%d", n), func(b *testing.B) {
			rules, sql := many(n), []byte(benchUnguarded)
			b.ReportAllocs()
			for b.Loop() {
				if rules.MentionsRaw(sql) {
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
