package rewrite

import (
	"bytes"
	"testing"

	"ifmatch/sqltext"
)

// planned lexes and plans a statement of the database shop.
func planned(t testing.TB, sql string) (*Plan, *sqltext.Text) {
	t.Helper()
	var text sqltext.Text
	lx := sqltext.Lexis{Version: 90700}
	if err := text.Lex([]byte(sql), &lx); err != nil {
		t.Fatal(err)
	}
	plan := world(t).Plan(&text, text.Statements(nil)[0], Env{DB: "shop", UTF8: true})
	if plan.Verdict != Guard {
		t.Fatalf("%s: %s %s", sql, plan.Verdict, plan.Reason)
	}
	return plan, &text
}

func TestSkips(t *testing.T) {
	for _, c := range []struct {
		sql  string
		want bool
	}{
		{"UPDATE calm SET n = 5 WHERE id = 5", true},
		{"UPDATE calm SET n = ?, name = NULL WHERE id = ?", true},
		{"UPDATE calm SET version = 3, n = 5 WHERE id = 5", true},
		{"UPDATE calm SET n = 5, version = 3 WHERE id = 5", false},
		{"UPDATE calm SET version = 3 WHERE id = 5", false},
		{"UPDATE calm SET n = n + 1 WHERE id = 5", false},
		{"UPDATE calm SET note = ? WHERE id = 5", false},
		{"UPDATE products SET stock = 5 WHERE id = 5", false},
		{"DELETE FROM calm WHERE id = 5", false},
	} {
		if plan, _ := planned(t, c.sql); plan.Skips() != c.want {
			t.Errorf("%s: Skips is %v", c.sql, plan.Skips())
		}
	}
}

// A long constant is not sent twice: the server bounds a packet.
func TestLongConstantsAreNotCompared(t *testing.T) {
	for _, c := range []struct {
		length int
		twice  bool
	}{{maxCompared - 100, true}, {maxCompared, false}} {
		long := bytes.Repeat([]byte("x"), c.length)
		plan, text := planned(t, "UPDATE calm SET note = '"+string(long)+"' WHERE id = 5")
		var b Binding
		if refused := plan.Bind(text, nil, nil, &b); refused != nil {
			t.Fatal(refused)
		}
		if n := bytes.Count(plan.AppendText(nil, text, &b), long); n != 1 && !c.twice || n != 2 && c.twice {
			t.Errorf("a constant of %d bytes is sent %d times", c.length, n)
		}
	}
}

// BenchmarkNoop is BenchmarkBind for a statement whose values are compared.
func BenchmarkNoop(b *testing.B) {
	plan, text := planned(b, "UPDATE calm SET name = 'a new name', price = 12.50, n = 7 WHERE id = 100 AND version = 9")
	var binding Binding
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		if refused := plan.Bind(text, nil, nil, &binding); refused != nil {
			b.Fatal(refused)
		}
		out = plan.AppendText(out[:0], text, &binding)
	}
}
