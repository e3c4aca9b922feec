package rewrite

import (
	"testing"

	"ifmatch/sqltext"
)

func TestJudge(t *testing.T) {
	rules := world(t)
	// Rows are those of a probe: key, version, whether the client's own
	// condition holds, whether the guard does.
	row := func(columns ...string) []Row {
		var r Row
		for _, c := range columns {
			if c == "NULL" {
				r = append(r, nil)
				continue
			}
			r = append(r, []byte(c))
		}
		return []Row{r}
	}
	tests := []struct {
		name    string
		sql     string
		db      string
		rows    []Row
		want    Outcome
		message string
	}{
		{"own condition explains it", "UPDATE products SET stock = 7 WHERE id = 5 AND stock > 3 /* ifmatch: version=9 */", "shop",
			row("5", "11", "0", "0"), OwnCondition, ""},
		{"another version", "UPDATE products SET stock = 7 WHERE id = 5 /* ifmatch: version=9 */", "shop",
			row("5", "11", "1", "0"), InConflict, "ifmatch: version conflict on shop.products id=5: expected version=9, found version=11"},
		{"another version by its own WHERE", "UPDATE products SET stock = 7 WHERE id = 5 AND version = 9", "shop",
			row("5", "11", "1", "0"), InConflict, "ifmatch: version conflict on shop.products id=5: expected version=9, found version=11"},
		{"another version of a row saved back", "UPDATE products SET version = 9 WHERE id = 5", "shop",
			row("5", "NULL", "1", "0"), InConflict, "ifmatch: version conflict on shop.products id=5: expected version=9, found version=NULL"},
		{"own_version: pass", "UPDATE orders SET status = 'x' WHERE id = 5 AND version = 9", "shop",
			row("5", "11", "0", "1"), OwnCondition, ""},
		{"own_version: pass, no row", "UPDATE orders SET status = 'x' WHERE id = 5 AND version = 9", "shop",
			nil, OwnCondition, ""},
		{"no row, expected", "UPDATE products SET stock = 7 WHERE id = 5 /* ifmatch: version=9 */", "shop",
			nil, InConflict, "ifmatch: version conflict on shop.products id=5: expected version=9, found no row"},
		{"no row, not expected", "UPDATE products SET stock = 7 WHERE id = 5", "shop",
			nil, OwnCondition, ""},
		{"missing: conflict", "UPDATE gone SET n = 7 WHERE id = 5", "shop",
			nil, InConflict, "ifmatch: version conflict on shop.gone id=5: expected a row, found no row"},
		{"holds by now", "UPDATE products SET stock = 7 WHERE id = 5 /* ifmatch: version=9 */", "shop",
			row("5", "9", "1", "1"), HoldsNow, ""},
		{"disclose: false", "UPDATE secret SET n = 7 WHERE id = 5 /* ifmatch: version=9 */", "shop",
			row("5", "11", "1", "0"), InConflict, "ifmatch: version conflict on shop.secret id=5: expected version=9, found another"},
		{"a full column", "UPDATE tiny SET n = 7 WHERE id = 5", "shop",
			row("5", "127", "1", "1"), Full, "ifmatch: refused: version of shop.tiny id=5 is 127, the greatest that its column holds; it cannot be raised"},
		{"a term", "DELETE FROM docs WHERE id = 5 /* ifmatch: seq_no=9, primary_term=4 */", "search",
			row("5", "9", "3", "1", "0"), InConflict, "ifmatch: version conflict on search.docs id=5: expected seq_no=9, primary_term=4, found seq_no=9, primary_term=3"},
		{"an older external version", "UPDATE items SET version = 12 WHERE id = 5", "feed",
			row("5", "12", "1", "0"), InConflict, "ifmatch: version conflict on feed.items id=5: expected version<12, found version=12"},
		{"a key of strings", "DELETE FROM names WHERE name = 'it''s' /* ifmatch: version=9 */", "shop",
			row("It's", "11", "1", "0"), InConflict, "ifmatch: version conflict on shop.names name='It''s': expected version=9, found version=11"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var text sqltext.Text
			plan := somePlan(rules, &text, []byte(test.sql), &sqltext.Lexis{Version: 90700}, Env{DB: test.db, UTF8: true})
			if plan == nil || plan.Verdict != Guard {
				t.Fatalf("not guarded: %+v", plan)
			}
			var hint []sqltext.Pair
			if len(text.Hints) == 1 {
				var err error
				if hint, err = sqltext.ParseHint(string(text.SQL[text.Hints[0].Start:text.Hints[0].End])); err != nil {
					t.Fatal(err)
				}
			}
			var b Binding
			if refused := plan.Bind(&text, nil, hint, &b); refused != nil {
				t.Fatal(refused)
			}
			got, c := plan.Judge(&b, test.rows)
			message := ""
			if c != nil {
				message = c.Message
			}
			if got != test.want || message != test.message {
				t.Errorf("%s\noutcome %d, %q\nwant %d, %q", test.sql, got, message, test.want, test.message)
			}
			if got != OwnCondition && !plan.Needed(&b) {
				t.Errorf("%s\nwould not be looked into", test.sql)
			}
		})
	}
}
