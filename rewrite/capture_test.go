package rewrite

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ifmatch/sqltext"
)

// answers are what servers say of the columns of an answer, each as
// "schema.alias=table.column name"; "-" is an expression. What follows is where
// the fields of each origin are found.
var answers = []struct {
	what, sql string
	columns   []string
	want      string
	last      int
}{
	{"hidden", "SELECT name FROM products p", []string{
		"shop.p=products.name name", "shop.p=products.id ifmatch_1", "shop.p=products.version ifmatch_2"}, "p[1 2]", 2},
	{"hidden under another name", "SELECT name FROM products p", []string{
		"shop.p=products.name name", "shop.p=products.id id", "shop.p=products.version version"}, "p no", -1},
	{"hidden of another column", "SELECT name FROM products p", []string{
		"shop.p=products.name name", "shop.p=products.version ifmatch_1", "shop.p=products.version ifmatch_2"}, "p no", -1},
	{"hidden of another table", "SELECT name FROM products p", []string{
		"shop.p=v.name name", "shop.p=v.id ifmatch_1", "shop.p=v.version ifmatch_2"}, "p no", -1},
	{"hidden expression", "SELECT n, version FROM names", []string{
		"shop.names=names.n n", "shop.names=names.version version", "- ifmatch_1"}, "names[2 1]", 2},
	{"visible", "SELECT id, name, version FROM products", []string{
		"shop.products=products.id id", "shop.products=products.name name", "shop.products=products.version version"}, "products[0 2]", 2},
	{"visible under other names", "SELECT id AS version, version AS id FROM products", []string{
		"shop.products=products.id version", "shop.products=products.version id"}, "products[0 1]", 1},
	{"capitals", "SELECT ID, Version FROM products", []string{
		"shop.products=products.id ID", "shop.products=products.version Version"}, "products[0 1]", 1},
	{"all columns", "SELECT * FROM products", []string{
		"shop.products=products.id id", "shop.products=products.name name", "shop.products=products.version version"}, "products[0 2]", 2},
	{"a view took the table's place", "SELECT * FROM products", []string{
		"shop.products=v.id id", "shop.products=v.version version"}, "products no", -1},
	{"another schema", "SELECT * FROM products", []string{
		"old.products=products.id id", "old.products=products.version version"}, "products no", -1},
	{"the version is not there", "SELECT * FROM products", []string{
		"shop.products=products.id id", "shop.products=products.name name"}, "products no", -1},
	{"a table with itself", "SELECT a.*, b.* FROM products a JOIN products b", []string{
		"shop.a=products.id id", "shop.a=products.version version", "shop.b=products.id id", "shop.b=products.version version"},
		"a[0 1] b[2 3]", 3},
	{"the first of two", "SELECT *, id, version FROM products", []string{
		"shop.products=products.id id", "shop.products=products.version version",
		"shop.products=products.id id", "shop.products=products.version version"}, "products[0 1]", 1},
	{"an expression that a server takes for a column", "SELECT p.*, (SELECT MAX(version) FROM products p) FROM products p", nil, "", -1},
	{"an expression behind all columns", "SELECT *, (SELECT version FROM products p LIMIT 1) FROM products p", []string{
		"shop.p=products.id id", "shop.p=products.version version"}, "p no", -1},
	{"an expression before all columns", "SELECT (SELECT version FROM products p LIMIT 1), p.* FROM products p", []string{
		"shop.p=products.version (…)", "shop.p=products.id id", "shop.p=products.version version"}, "p[1 2]", 2},
	{"one of two tables", "SELECT p.name, o.* FROM products p LEFT JOIN orders o ON o.id = p.id", []string{
		"shop.p=products.name name", "shop.o=orders.id id", "shop.o=orders.status status",
		"shop.p=products.id ifmatch_1", "shop.p=products.version ifmatch_2"}, "p[3 4] o no", 4},
	{"names of columns among the hidden", "SELECT * FROM discreet", []string{
		"shop.discreet=discreet.id id", "shop.discreet=discreet.version ifmatch_1"}, "discreet[0 1]", 1},
	{"hidden, of a cursor", "SELECT name FROM products p", []string{
		"shop.p=products.name name", "shop.p=products.ifmatch_1 ifmatch_1", "shop.p=products.ifmatch_2 ifmatch_2"}, "p[1 2]", 2},
	{"visible under other names, of a cursor", "SELECT id AS a, version AS id FROM products", []string{
		"shop.products=products.a a", "shop.products=products.id id"}, "products[0 1]", 1},
	{"a column by the name of the version, of a cursor", "SELECT q.*, p.price AS version, p.* FROM products p, products q", []string{
		"shop.q=products.id id", "shop.q=products.version version", "shop.p=products.version version", "shop.p=products.id id",
		"shop.p=products.version version", "shop.p=products.ifmatch_1 ifmatch_1", "shop.p=products.ifmatch_2 ifmatch_2",
		"shop.q=products.ifmatch_3 ifmatch_3", "shop.q=products.ifmatch_4 ifmatch_4"}, "p[5 6] q[7 8]", 8},
	{"an answer too short for it", "SELECT name FROM products", []string{
		"shop.products=products.id ifmatch_1"}, "products no", -1},
	{"nothing of a SELECT", "SELECT name FROM products", nil, "products no", -1},
}

// TestLayout holds answers against captures.
func TestLayout(t *testing.T) {
	rules := world(t)
	lx, env := session(0)
	var l Layout
	for _, a := range answers {
		t.Run(a.what, func(t *testing.T) {
			var text sqltext.Text
			c := somePlan(rules, &text, []byte(a.sql), &lx, env).Capture()
			if c == nil {
				if a.want != "" {
					t.Fatal("nothing is remembered")
				}
				return
			}
			c.Begin(&l, len(a.columns))
			for i, column := range a.columns {
				c.Definition(&l, i, definition(column))
			}
			var got []string
			for k, o := range c.Origins {
				at, ok := l.Origin(k)
				if !ok {
					got = append(got, o.Alias+" no")
					continue
				}
				got = append(got, fmt.Sprintf("%s%v", o.Alias, at))
			}
			if s := strings.Join(got, " "); s != a.want {
				t.Errorf("found %s, want %s", s, a.want)
			}
			if last := l.Last(); last != a.last {
				t.Errorf("the last is %d, want %d", last, a.last)
			}
		})
	}
}

func definition(s string) Definition {
	from, name, _ := strings.Cut(s, " ")
	d := Definition{Name: []byte(strings.ReplaceAll(name, "_", " "))}
	if from == "-" {
		return d
	}
	table, column, _ := strings.Cut(from, "=")
	db, alias, _ := strings.Cut(table, ".")
	org, orgName, _ := strings.Cut(strings.ReplaceAll(column, "_", " "), ".")
	d.Schema, d.Table, d.OrgTable, d.OrgName = []byte(db), []byte(alias), []byte(org), []byte(orgName)
	return d
}

// TestLayoutFold: names of tables are compared as the server does.
func TestLayoutFold(t *testing.T) {
	for _, fold := range []bool{false, true} {
		rules := world(t)
		rules.foldCase = fold
		rules.refold()
		lx, env := session(0)
		var text sqltext.Text
		var l Layout
		c := somePlan(rules, &text, []byte("SELECT * FROM products P"), &lx, env).Capture()
		c.Begin(&l, 2)
		c.Definition(&l, 0, definition("SHOP.p=Products.id id"))
		c.Definition(&l, 1, definition("SHOP.p=Products.version version"))
		if _, ok := l.Origin(0); ok != fold {
			t.Errorf("found is %t where names are folded is %t", ok, fold)
		}
	}
}

// TestLayoutOffline: without a service account it is the answer that says
// whether * shows a column, as it may be INVISIBLE.
func TestLayoutOffline(t *testing.T) {
	rules := world(t)
	for _, table := range rules.tables {
		table.columns = nil
	}
	lx, env := session(0)
	var text sqltext.Text
	var l Layout
	c := somePlan(rules, &text, []byte("SELECT * FROM discreet"), &lx, env).Capture()
	for _, shown := range []bool{true, false} {
		c.Begin(&l, 2)
		c.Definition(&l, 0, definition("shop.discreet=discreet.id id"))
		if shown {
			c.Definition(&l, 1, definition("shop.discreet=discreet.version version"))
		}
		if _, ok := l.Origin(0); ok != shown {
			t.Errorf("found is %t where * shows the version is %t", ok, shown)
		}
	}
}

// TestLayoutASCIIOnly: text in other character sets than UTF-8 is marked, field
// by field, and not for the next answer.
func TestLayoutASCIIOnly(t *testing.T) {
	rules := world(t)
	lx, env := session(0)
	var text sqltext.Text
	var l Layout
	c := somePlan(rules, &text, []byte("SELECT word, version FROM words"), &lx, env).Capture()
	for _, test := range []struct {
		text, utf8 bool
		want       []bool
	}{
		{true, false, []bool{true, false}},
		{true, true, []bool{false, false}},
		{false, false, []bool{false, false}},
	} {
		c.Begin(&l, 2)
		d := definition("shop.words=words.word word")
		d.Text, d.UTF8 = test.text, test.utf8
		c.Definition(&l, 0, d)
		c.Definition(&l, 1, definition("shop.words=words.version version"))
		if got := l.ASCIIOnly(0); !slices.Equal(got, test.want) {
			t.Errorf("text %t, UTF-8 %t: %v, want %v", test.text, test.utf8, got, test.want)
		}
	}
}

// TestLayoutAllocations: an answer is laid out, and a SELECT is sent, without
// allocation once the buffers are there.
func TestLayoutAllocations(t *testing.T) {
	rules := world(t)
	lx, env := session(0)
	var text sqltext.Text
	plan := somePlan(rules, &text, []byte("SELECT name, o.* FROM products p JOIN orders o"), &lx, env)
	c := plan.Capture()
	columns := []Definition{definition("shop.p=products.name name"), definition("shop.o=orders.id id"), definition("shop.o=orders.version version"),
		definition("shop.p=products.id ifmatch_1"), definition("shop.p=products.version ifmatch_2")}
	var l Layout
	var sql []byte
	n := testing.AllocsPerRun(100, func() {
		sql = plan.AppendSelect(sql[:0], &text)
		c.Begin(&l, len(columns))
		for i, d := range columns {
			c.Definition(&l, i, d)
		}
		if _, ok := l.Origin(1); !ok || l.Last() != 4 {
			t.Fatal("not found")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLayout(b *testing.B) {
	rules := world(b)
	lx, env := session(0)
	var text sqltext.Text
	c := somePlan(rules, &text, []byte("SELECT * FROM products"), &lx, env).Capture()
	var columns []Definition
	for _, name := range []string{"id", "name", "price", "stock", "last_seen", "hits", "version"} {
		columns = append(columns, definition("shop.products=products."+name+" "+name))
	}
	var l Layout
	b.ReportAllocs()
	for b.Loop() {
		c.Begin(&l, len(columns))
		for i := range columns {
			c.Definition(&l, i, columns[i])
		}
		if l.Last() != 6 {
			b.Fatal("not found")
		}
	}
}
