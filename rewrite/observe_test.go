package rewrite

import (
	"strings"
	"testing"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// watching is what would become of statements in a session that observes.
var watching = []struct {
	name, sql string
	observed  string // the verdict if it were enforced; "" for nothing to be seen
	key       string // of the rows that a SELECT shows: shown or named
}{
	{"one row", "UPDATE products SET name='x' WHERE id=1", "guard", ""},
	{"several rows", "UPDATE products SET name='x' WHERE id>1", "guard", ""},
	{"a new row", "INSERT INTO products (id) VALUES (1)", "pass", ""},
	{"ignored columns alone", "UPDATE products SET last_seen=1 WHERE id=1", "", ""},
	{"what takes the guard away", "TRUNCATE products", "refuse", ""},
	{"another table", "UPDATE other SET name='x' WHERE id=1", "", ""},
	{"a key that is shown", "SELECT id FROM products", "", "shown"},
	{"all columns", "SELECT * FROM products", "", "shown"},
	{"a key that is named", "SELECT name FROM products WHERE 1=id AND name='x' ORDER BY name LIMIT 3", "", "named"},
	{"a key that is named by an alias", "SELECT p.name FROM products p JOIN orders o ON o.id=p.id WHERE p.id=?", "", "named"},
	{"a key of either table", "SELECT p.name FROM products p JOIN orders o ON o.id=p.id WHERE id=?", "", ""},
	{"a key that may be another", "SELECT name FROM products WHERE id=1 OR id=2", "", ""},
	{"a key that is not told", "SELECT name FROM products WHERE name='x'", "", ""},
	{"rows put together", "SELECT MAX(version) FROM products WHERE id=1", "", ""},
	{"what a table in mode enforce would not show", "SELECT DISTINCT name FROM products WHERE id=1", "", ""},
}

func TestObservedPlans(t *testing.T) {
	rules := world(t)
	env := Env{DB: "shop", UTF8: true, AccountMode: true, Mode: policy.ModeObserve}
	for _, c := range watching {
		t.Run(c.name, func(t *testing.T) {
			var text sqltext.Text
			if err := text.Lex([]byte(c.sql), &sqltext.Lexis{Version: 90700}); err != nil {
				t.Fatal(err)
			}
			plan := rules.Plan(&text, text.Statements(nil)[0], env)
			observed, key := "", ""
			if plan.Observed() != nil {
				observed = plan.Observed().Verdict.String()
			}
			if captured := plan.Capture(); captured != nil {
				if captured.Hidden > 0 {
					t.Errorf("%d columns are added", captured.Hidden)
				}
				for i := range captured.Origins {
					if o := &captured.Origins[i]; o.Table.Label == "shop.products" {
						if key = "shown"; o.Named() {
							key = "named"
						}
					}
				}
			}
			if plan.Verdict != Pass && plan.Verdict != Observe || observed != c.observed || key != c.key {
				t.Errorf("verdict %s, observed %q, key %q; want %q, %q", plan.Verdict, observed, key, c.observed, c.key)
			}
		})
	}
}

// TestForesee holds what is seen of a row against what a write expects.
func TestForesee(t *testing.T) {
	const hint = "UPDATE /* ifmatch: version=9 */ products SET name='x' WHERE id=1"
	const bare = "UPDATE products SET name='x' WHERE id=1"
	const own = "UPDATE products SET name='x' WHERE id=1 AND version=9"
	const relative = "UPDATE products SET in_stock=in_stock-1 WHERE id=1"
	seen := func(token, version string, fits bool) Sight {
		return Sight{Found: true, Token: []byte(token), Version: Token{Version: TextValue(version)}, Fits: fits}
	}
	for _, c := range []struct {
		name, sql string
		sight     Sight
		read      string
		matched   bool
		want      string // of the conflict's message; "" for none
	}{
		{"a hint that holds", hint, seen("", "9", true), "", true, ""},
		{"a hint that does not", hint, seen("", "11", false), "", true, "id=1: expected version=9, found version=11"},
		{"a hint that does not, and the client's condition neither", hint, seen("", "11", false), "", false, ""},
		{"a hint for a row that is gone", hint, Sight{}, "", false, "id=1: expected version=9, found no row"},
		{"a row that was made meanwhile", hint, Sight{}, "", true, ""},
		{"its own WHERE that met the row", own, seen("", "11", false), "", true, ""},
		{"its own WHERE that did not", own, seen("", "11", false), "", false, "id=1: expected version=9, found version=11"},
		{"its own WHERE and another condition", own, seen("", "9", true), "", false, ""},
		{"what was read holds", bare, seen("\x01a", "", false), "\x01a", true, ""},
		{"what was read does not", bare, seen("\x01b", "", false), "\x01a", true, "id=1: expected digest=0x61, found digest=0x62"},
		{"what was read is gone", bare, Sight{}, "\x01a", false, "id=1: expected digest=0x61, found no row"},
		{"nothing was read", bare, seen("\x01b", "", false), "", true, ""},
		{"no row, and nothing was read", bare, Sight{}, "", false, ""},
		{"it adds to what is there", relative, seen("\x01b", "", false), "\x01a", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules := world(t)
			var text sqltext.Text
			if err := text.Lex([]byte(c.sql), &sqltext.Lexis{Version: 90700}); err != nil {
				t.Fatal(err)
			}
			env := Env{DB: "shop", UTF8: true, AccountMode: true, Mode: policy.ModeObserve}
			plan := rules.Plan(&text, text.Statements(nil)[0], env).Observed()
			var pairs []sqltext.Pair
			if len(text.Hints) > 0 {
				pairs, _ = sqltext.ParseHint(string(text.SQL[text.Hints[0].Start:text.Hints[0].End]))
			}
			var b Binding
			if err := plan.Bind(&text, nil, pairs, &b); err != nil {
				t.Fatal(err)
			}
			var read []byte
			if c.read != "" {
				read = []byte(c.read)
			}
			got := ""
			if conflict := plan.Foresee(&b, c.sight, read, c.matched); conflict != nil {
				got = conflict.Message
			}
			if c.want == "" && got != "" || !strings.HasSuffix(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// A row is looked for by constants that mean the same on another connection, or not
// at all.
func TestBeside(t *testing.T) {
	rules := world(t)
	table := rules.Table(schema.Name{Schema: "shop", Name: "products"}, "")
	plan := &Plan{Verb: Update, Table: table}
	for _, c := range []struct {
		b    Binding
		utf8 bool
		has  string // of the SELECT; "" for none
	}{
		{Binding{Key: []Value{UintValue(7)}}, true, " FROM `shop`.`products` WHERE `shop`.`products`.`id` IN (7)"},
		{Binding{Key: []Value{UintValue(7)}, Source: FromHint, Expected: Token{Version: UintValue(9)}}, true,
			"CASE WHEN TRUE AND `shop`.`products`.`version` = 9 THEN '1' ELSE '0' END"},
		{Binding{Key: []Value{{Kind: Opaque}}}, true, ""},
		{Binding{Key: []Value{TextValue("ü")}}, false, ""},
		{Binding{Key: []Value{UintValue(7)}, Source: FromSet, Expected: Token{Version: Value{Kind: Opaque}}}, true, ""},
	} {
		sql, ok := plan.Beside(&c.b, c.utf8)
		if ok != (c.has != "") || ok && !strings.Contains(string(sql), c.has) {
			t.Errorf("%+v: %t, %s; want %s", c.b, ok, sql, c.has)
		}
	}
}
