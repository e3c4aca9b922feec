package rewrite

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"

	"ifmatch/sqltext"
)

// captured adds what of the answer to a SELECT is remembered, and what is sent
// for it: each field as the hidden column that it is, or where it can stand.
func captured(out *bytes.Buffer, plan *Plan, text *sqltext.Text) {
	c := plan.Capture()
	if c == nil {
		return
	}
	for _, o := range c.Origins {
		var fields []string
		for _, f := range o.Fields {
			fields = append(fields, f.Column.Name+" "+f.String())
		}
		fmt.Fprintf(out, "origin: %s as %s: %s\n", o.Table.Name, o.Alias, strings.Join(fields, ", "))
	}
	fmt.Fprintf(out, "sent: %s\n", plan.AppendSelect(nil, text))
}

func (f Field) String() string {
	switch {
	case f.Hidden >= 0:
		return fmt.Sprintf("hidden %d", f.Hidden+1)
	case f.place == fromLeft:
		return fmt.Sprintf("column %d", f.Left)
	case f.place == fromRight:
		return fmt.Sprintf("column -%d", f.Right+1)
	}
	return fmt.Sprintf("in columns %d to -%d", f.Left, f.Right+1)
}

// selection writes a random SELECT.
func (g *grammar) selection() string {
	froms, aliases := g.from()
	g.words("SELECT " + g.pick("", "", "", "", "DISTINCT", "ALL", "STRAIGHT_JOIN", "SQL_CALC_FOUND_ROWS"))
	var items []string
	for i := range 1 + g.n(4) {
		alias := g.pick(aliases...)
		switch g.n(12) {
		case 0:
			if i == 0 {
				items = append(items, "*")
				continue
			}
			fallthrough
		case 1:
			items = append(items, g.pick(alias, "p")+".*")
		case 2:
			items = append(items, g.expr(0, alias)+g.pick("", " AS x", " y"))
		case 3:
			items = append(items, g.pick("MAX(id)", "COUNT(*)", "most(id)", "(SELECT MAX(id) FROM other)", "(SELECT id FROM other LIMIT 1)",
				"ROW_NUMBER() OVER ()", "LOWER(name)", "LEFT(name, 2)", "CONVERT(name USING utf8mb4)", "EXTRACT(DAY FROM day)", "NULL", "@@version"))
		default:
			items = append(items, g.column(alias)+g.pick("", "", " AS x", " version", " 'z'"))
		}
	}
	g.words(strings.Join(items, g.pick(",", " , ")))
	g.words("FROM " + froms)
	if g.n(3) == 0 {
		g.words("WHERE " + g.condition(0, g.pick(aliases...)))
	}
	g.words(g.pick("", "", "", "", "", "", "GROUP BY id", "HAVING id > 1", "UNION SELECT 1", "INTO @a"))
	g.words(g.pick("", "", "", "ORDER BY id", "ORDER BY 1 DESC, LOWER(name)", "ORDER BY MAX(id)", "ORDER BY version, id"))
	g.words(g.pick("", "", "LIMIT 5", "LIMIT 1, 2", "LIMIT 3 OFFSET 4", "FOR UPDATE", "FOR SHARE", "LOCK IN SHARE MODE", "LIMIT 1 FOR UPDATE"))
	return strings.TrimSpace(g.sb.String())
}

// from writes the tables of a FROM, and gives the names by which they are known.
func (g *grammar) from() (text string, aliases []string) {
	for i := range 1 + g.n(3) {
		alias := []string{"p", "q", "r"}[i]
		ref := g.table() + g.pick(" AS ", " ") + alias
		switch g.n(12) {
		case 0:
			ref = "(SELECT id, MAX(version) AS version FROM products) AS " + alias
		case 1:
			ref = "(" + ref + ")"
		case 2:
			ref += " USE INDEX FOR ORDER BY (a)"
		case 3:
			ref, alias = g.table(), ""
		}
		if i > 0 {
			switch join := g.pick(",", " JOIN ", " LEFT JOIN ", " NATURAL JOIN ", " STRAIGHT_JOIN ", " RIGHT OUTER JOIN "); join {
			case " LEFT JOIN ", " RIGHT OUTER JOIN ":
				ref = join + ref + g.pick(" USING (id)", " ON p.id = q.id", " ON CASE WHEN 1 THEN LEFT(p.name, 1) END = 'x'")
			default:
				ref = join + ref
			}
		}
		text += ref
		aliases = append(aliases, alias)
	}
	return text, aliases
}

// parsed gives the tree of a SELECT by another parser, nil where it cannot read it.
func parsed(text *sqltext.Text, lx *sqltext.Lexis) *ast.SelectStmt {
	ps := parser.New()
	var mode mysql.SQLMode
	if lx.ANSIQuotes {
		mode |= mysql.ModeANSIQuotes
	}
	if lx.PipesAsConcat {
		mode |= mysql.ModePipesAsConcat
	}
	if lx.NoBackslashEscapes {
		mode |= mysql.ModeNoBackslashEscapes
	}
	ps.SetSQLMode(mode)
	node, err := ps.ParseOneStmt(string(text.Normalize(nil)), "", "")
	if err != nil {
		return nil
	}
	s, _ := node.(*ast.SelectStmt)
	return s
}

// TestSelections: what is sent for a random SELECT is the client's text with
// hidden columns at the end of its select list and nowhere else; it means the
// same to another parser; and columns that are taken for visible are.
func TestSelections(t *testing.T) {
	rules := world(t)
	random := rand.New(rand.NewPCG(3, 4))
	passed, hidden, seen := 0, 0, 0
	for range 12000 {
		choices := make([]byte, 300)
		for i := range choices {
			choices[i] = byte(random.Uint32())
		}
		lx, env := session(byte(random.Uint32()) &^ (16 | 32))
		sql := (&grammar{choices: choices, ansi: lx.ANSIQuotes}).selection()
		var text sqltext.Text
		plan := somePlan(rules, &text, []byte(sql), &lx, env)
		if plan == nil {
			continue
		}
		if plan.Verdict != Pass {
			t.Fatalf("%s\nis not passed: %s", sql, plan.Reason)
		}
		c := plan.Capture()
		if c == nil {
			passed++
			continue
		}
		client := parsed(&text, &lx)
		if client == nil {
			continue // the parser does not know the words behind LIMIT or FOR
		}
		onlyRows(t, sql, client)
		asShown(t, sql, c, client)
		sent := plan.AppendSelect(nil, &text)
		addedOnly(t, c, &text, sent, &lx)
		again := remembers(t, rules, c, sent, &lx, env)
		if c.Hidden == 0 {
			seen++
			continue
		}
		hidden++
		if len(again.Fields.Fields) != len(client.Fields.Fields)+c.Hidden {
			t.Fatalf("%s\nhas %d fields, and as\n%s\n%d", sql, len(client.Fields.Fields), sent, len(again.Fields.Fields))
		}
		for i, f := range again.Fields.Fields[len(client.Fields.Fields):] {
			if want := fmt.Sprintf("ifmatch %d", i+1); f.AsName.O != want {
				t.Fatalf("%s\nhas %q for the name of a hidden column", sent, f.AsName.O)
			}
		}
	}
	if passed < 2000 || hidden < 1000 || seen < 100 {
		t.Errorf("too few of a kind: %d pass, %d with hidden columns, %d without", passed, hidden, seen)
	}
	t.Logf("%d pass, %d with hidden columns, %d without", passed, hidden, seen)
}

// onlyRows fails where the answer to a SELECT is not one row for each of its tables'.
func onlyRows(t *testing.T, sql string, s *ast.SelectStmt) {
	t.Helper()
	text := strings.ToUpper(sql)
	for _, f := range s.Fields.Fields {
		if f.Expr == nil {
			continue
		}
		switch f.Expr.(type) {
		case *ast.AggregateFuncExpr, *ast.WindowFuncExpr:
			t.Fatalf("%s\nis captured, though it aggregates", sql)
		}
	}
	if s.GroupBy != nil || s.Having != nil || s.SelectIntoOpt != nil || strings.Contains(text, "MOST(") {
		t.Fatalf("%s\nis captured", sql)
	}
}

// asShown fails where a visible field is no column of that name.
func asShown(t *testing.T, sql string, c *Capture, s *ast.SelectStmt) {
	t.Helper()
	for _, o := range c.Origins {
		for _, f := range o.Fields {
			if f.Hidden >= 0 {
				if s.Distinct {
					t.Fatalf("%s\nhas hidden columns", sql)
				}
				continue
			}
			if len(s.Fields.Fields) != f.Left+1+f.Right {
				t.Fatalf("%s\nhas %d fields, and %s of %s %s", sql, len(s.Fields.Fields), f.Column.Name, o.Alias, f)
			}
			shown := s.Fields.Fields[f.Left]
			if w := shown.WildCard; w != nil {
				if w.Table.O != "" && w.Table.O != o.Alias {
					t.Fatalf("%s\ndoes not show %s of %s by %s.*", sql, f.Column.Name, o.Alias, w.Table.O)
				}
				continue
			}
			x, ok := shown.Expr.(*ast.ColumnNameExpr)
			if !ok || !sameName(x.Name.Name.O, f.Column.Name) || x.Name.Table.O != "" && x.Name.Table.O != o.Alias {
				t.Fatalf("%s\ndoes not show %s of %s in field %d", sql, f.Column.Name, o.Alias, f.Left)
			}
		}
	}
}

// addedOnly fails where sent is not the tokens of text with others in one place.
func addedOnly(t *testing.T, c *Capture, text *sqltext.Text, sent []byte, lx *sqltext.Lexis) {
	t.Helper()
	var out sqltext.Text
	if err := out.Lex(sent, lx); err != nil {
		t.Fatalf("%q became %q: %v", text.SQL, sent, err)
	}
	at := c.list.to + len(text.Tokens) - len(tokens(text))
	added := len(out.Tokens) - len(text.Tokens)
	if (added > 0) != (c.Hidden > 0) {
		t.Fatalf("%d tokens and %d columns are added to %q: %q", added, c.Hidden, text.SQL, sent)
	}
	for i := range text.Tokens {
		j := i
		if i >= at {
			j += added
		}
		if out.Tokens[j].Kind != text.Tokens[i].Kind || !bytes.Equal(out.Bytes(j), text.Bytes(i)) {
			t.Fatalf("%q became %q, which has %q instead of %q", text.SQL, sent, out.Bytes(j), text.Bytes(i))
		}
	}
}

// remembers fails where of what is sent not as much is remembered as of what the
// client wrote.
func remembers(t *testing.T, rules *Rules, c *Capture, sent []byte, lx *sqltext.Lexis, env Env) *ast.SelectStmt {
	t.Helper()
	var out sqltext.Text
	if err := out.Lex(sent, lx); err != nil {
		t.Fatalf("%s: %v", sent, err)
	}
	s := parsed(&out, lx)
	if s == nil {
		t.Fatalf("%s cannot be parsed", sent)
	}
	// Nothing is added to a text with a name that added columns have.
	sent = bytes.ReplaceAll(sent, []byte(hiddenName), []byte("client "))
	plan := somePlan(rules, &out, sent, lx, env)
	if plan == nil || plan.Capture() == nil {
		t.Fatalf("nothing is remembered of %s", sent)
	}
	for i, o := range c.Origins {
		o2 := plan.Capture().Origins[i]
		if o.Alias != o2.Alias || o.Table != o2.Table {
			t.Fatalf("%s remembers %s of %s", sent, o2.Alias, o2.Table.Name)
		}
	}
	return s
}

// FuzzSelect: whatever is written, what is sent for a SELECT has the client's
// tokens and those that are added, in one place.
func FuzzSelect(f *testing.F) {
	rules := world(f)
	for _, line := range goldenStatements(f) {
		f.Add(line, byte(0))
		f.Add(line, byte(8))
	}
	f.Fuzz(func(t *testing.T, sql []byte, flags byte) {
		lx, env := session(flags)
		var text sqltext.Text
		plan := somePlan(rules, &text, sql, &lx, env)
		if plan == nil || plan.Capture() == nil {
			return
		}
		addedOnly(t, plan.Capture(), &text, plan.AppendSelect(nil, &text), &lx)
	})
}

// TestSelectOneShape: the plan of one SELECT serves others of its shape,
// wherever they have comments and whatever their constants are.
func TestSelectOneShape(t *testing.T) {
	rules := world(t)
	lx, env := session(0)
	one := "SELECT name, 'a', 1 FROM products WHERE id = 5 LIMIT 1"
	var text sqltext.Text
	plan := somePlan(rules, &text, []byte(one), &lx, env)
	for _, sql := range []string{
		"SELECT name, 'FROM', 23 FROM products WHERE id = 6 LIMIT 7",
		"SELECT /* FROM */ name, 'b', 1 -- FROM\nFROM products WHERE id = 5 LIMIT 1",
		"SELECT name /*!50000 , 'a', 1 */ FROM products WHERE id = 5 LIMIT 1",
		"SELECT name, 'a', 1 /*!50000 FROM products */ WHERE id = 5 LIMIT 1",
		"/*!50000 SELECT name, 'a', 1 FROM products WHERE */ id = 5 LIMIT 1",
		"SELECT name,'a',1/*!99999 , 2 */FROM products WHERE id = 5 LIMIT 1",
		"; ; SELECT name, 'a', 1 FROM products WHERE id = 5 LIMIT 1",
	} {
		var other sqltext.Text
		fresh := somePlan(rules, &other, []byte(sql), &lx, env)
		got, want := plan.AppendSelect(nil, &other), fresh.AppendSelect(nil, &other)
		if !bytes.Equal(got, want) || slices.Equal(got, []byte(sql)) {
			t.Errorf("%s\nis sent as\n%s\nwant\n%s", sql, got, want)
		}
		addedOnly(t, plan.Capture(), &other, got, &lx)
	}
}
