package rewrite

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ifmatch/policy"
	"ifmatch/sqltext"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A golden file is options, a statement and what becomes of it, each part set
// off by a line of dashes. Options are lines of "name value":
//
//	server mariadb      instead of MySQL 9.7
//	mode ANSI_QUOTES    sql_mode
//	charset latin1      character_set_client
//	db search           current database; shop if not given
//	account off         mode of the account
//	fold                table names have no case
//	multi               several statements in one text
//	params 5, 'x', NULL values of the parameters
//	hint version=9      as left by SET @ifmatch
//	read version=9      what the scope has read of the row
//	hit 5, 9            key and token of a row that an upsert meets
const dashes = "\n----\n"

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 150 {
		t.Fatalf("%d golden files: some are missing", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".golden"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			options, rest, ok := strings.Cut("\n"+string(content), dashes)
			if !ok {
				t.Fatalf("no line of dashes in %s", file)
			}
			sql, want, _ := strings.Cut(rest, dashes)
			got := readCase(t, options).run(t, sql)
			if *update {
				all := strings.TrimPrefix(options, "\n") + dashes + sql + dashes + got
				if err := os.WriteFile(file, []byte(strings.TrimPrefix(all, "\n")), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("%s\n--- got\n%s--- want\n%s", sql, got, want)
			}
		})
	}
}

// goldenCase is a session that a statement comes from.
type goldenCase struct {
	rules  *Rules
	lexis  sqltext.Lexis
	env    Env
	params []Value
	hint   []sqltext.Pair
	read   []sqltext.Pair
	hits   [][]Value
}

func readCase(t *testing.T, options string) *goldenCase {
	c := &goldenCase{rules: world(t), lexis: sqltext.Lexis{Flavor: sqltext.MySQL, Version: 90700}, env: Env{DB: "shop"}}
	for line := range strings.Lines(options) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch name {
		case "":
		case "server":
			c.lexis.Flavor, c.lexis.Version = sqltext.MariaDB, 101106
		case "mode":
			c.lexis.ANSIQuotes = strings.Contains(value, "ANSI_QUOTES")
			c.lexis.NoBackslashEscapes = strings.Contains(value, "NO_BACKSLASH_ESCAPES")
			c.lexis.PipesAsConcat = strings.Contains(value, "PIPES_AS_CONCAT")
			c.env.PipesAsConcat = c.lexis.PipesAsConcat
		case "charset":
			c.lexis.Charset, _ = sqltext.CharsetByName(value)
		case "db":
			c.env.DB = strings.TrimSpace(value)
		case "account":
			c.env.AccountMode, c.env.Mode = true, map[string]policy.Mode{"off": policy.ModeOff, "enforce": policy.ModeEnforce}[value]
		case "fold":
			c.rules.foldCase = true
		case "multi":
			c.env.Multi = true
		case "params":
			c.params = values(t, value)
		case "hit":
			c.hits = append(c.hits, values(t, value))
		case "read":
			var err error
			if c.read, err = sqltext.ParseHint(value); err != nil {
				t.Fatal(err)
			}
		case "hint":
			var err error
			if c.hint, err = sqltext.ParseHint(value); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("no such option: %s", name)
		}
	}
	if c.rules.foldCase {
		c.rules.refold()
	}
	c.env.UTF8 = c.lexis.Charset == sqltext.UTF8MB4 || c.lexis.Charset == sqltext.UTF8MB3
	return c
}

// values reads literals, as parameters of them.
func values(t *testing.T, list string) []Value {
	var text sqltext.Text
	if err := text.Lex([]byte(list), &sqltext.Lexis{}); err != nil {
		t.Fatal(err)
	}
	r := &reader{Text: &text, stmt: part{0, len(text.Tokens)}}
	var all []Value
	for _, p := range r.list(r.stmt) {
		o, ok := r.operand(p, nil)
		if !ok {
			t.Fatalf("params wants constants, has %s", list)
		}
		all = append(all, (&Plan{}).value(&text, o, nil))
	}
	return all
}

// run says what becomes of sql.
func (c *goldenCase) run(t *testing.T, sql string) string {
	var out bytes.Buffer
	var text sqltext.Text
	if err := text.Lex([]byte(sql), &c.lexis); err != nil {
		t.Fatal(err)
	}
	stmts := text.Statements(nil)
	if len(stmts) != 1 {
		t.Fatalf("%d statements", len(stmts))
	}
	plan := c.rules.Plan(&text, stmts[0], c.env).For(&text)
	mentions := c.rules.Mentions(&text, stmts[0])
	if plan.Verdict != Pass && !mentions && !text.Is(int(stmts[0].Start), "DROP") {
		t.Errorf("%s is a verdict on what Mentions does not see", plan.Verdict)
	}
	line := func(name, format string, args ...any) { fmt.Fprintf(&out, name+": "+format+"\n", args...) }
	line("verdict", "%s", plan.Verdict)
	switch plan.Verdict {
	case Refuse:
		line("reason", "%s", plan.Reason)
	case Pass:
		line("why", "%s", plan.Why)
		captured(&out, plan, &text)
		if plan.HoldsInitial() {
			line("initial", "%s", begun(plan.BindInsert(&text, c.params)))
		}
		if plan.DDL {
			line("ddl", "the schema is read again")
		}
	case Guard:
		c.guard(t, &out, plan, &text)
	}
	if plan.ListsColumns() {
		line("listed", "%s", plan.AppendListed(nil, &text))
	}
	if counter, ok := plan.Counter(); ok {
		c.numbers(&out, plan, &text, counter)
	}
	return out.String()
}

// numbers shows a statement with numbers from 1001 in it, and which of the client's
// parameters give way to others.
func (c *goldenCase) numbers(out *bytes.Buffer, plan *Plan, text *sqltext.Text, counter string) {
	rows, hasZero := plan.Wanting(text, c.params, true)
	fmt.Fprintf(out, "counter: %s, for %d rows\n", counter, len(rows))
	if refused := plan.RefusesNumbers(); refused != "" && len(rows) > 0 {
		fmt.Fprintf(out, "refusal: %s\n", refused)
		return
	}
	if hasZero {
		kept, _ := plan.Wanting(text, c.params, false)
		fmt.Fprintf(out, "zeroes kept: for %d rows\n", len(kept))
	}
	var static []int
	next := 1000
	for _, row := range rows {
		if at := plan.NumberedParam(row); at >= 0 {
			next++
			fmt.Fprintf(out, "parameter: ?%d=%d\n", at, next)
			continue
		}
		static = append(static, row)
	}
	sql, _ := plan.AppendNumbered(nil, text, static, func(dst []byte, i int) []byte { return fmt.Appendf(dst, "%d", next+i+1) })
	fmt.Fprintf(out, "numbered: %s\n", sql)
}

// begun says whether an INSERT gives states that the policy allows at first.
func begun(c *Conflict) string {
	if c == nil {
		return "allowed"
	}
	return c.Message
}

// guard adds what is sent for a guarded statement.
func (c *goldenCase) guard(t *testing.T, out *bytes.Buffer, plan *Plan, text *sqltext.Text) {
	line := func(name, format string, args ...any) { fmt.Fprintf(out, name+": "+format+"\n", args...) }
	hint := c.hint
	if len(text.Hints) == 1 {
		var err error
		if hint, err = sqltext.ParseHint(string(text.SQL[text.Hints[0].Start:text.Hints[0].End])); err != nil {
			t.Fatal(err)
		}
	}
	line("table", "%s", plan.Table.Name)
	line("strategy", "%s", plan.Strategy)
	if plan.Several() {
		c.several(t, out, plan, text, hint)
		return
	}
	var b Binding
	refused := plan.Bind(text, c.params, hint, &b)
	if refused == nil && c.read != nil && plan.WantsRead(&b) {
		token, err := plan.Table.Version.hint(c.read, plan.Table)
		if err != nil {
			t.Fatal(err)
		}
		b.Expect(token)
	}
	if refused == nil && !plan.Upserts() {
		refused = plan.BindUnread(&b)
	}
	if refused != nil {
		line("refusal", "%s", refused.Text)
		return
	}
	if plan.Upserts() {
		c.upsert(t, out, plan, text, &b)
		return
	}
	line("key", "%s", plan.KeyText(&b))
	line("expectation", "%s, %s", b.Source, plan.expected(&b))
	if plan.Params() == 0 {
		line("sent", "%s", plan.AppendText(nil, text, &b))
		line("probe", "%s", plan.Probe(text, &b, false, LockPlain).SQL)
		return
	}
	sql, args := plan.Prepared(text)
	line("prepared", "%s", sql)
	line("args", "%s", c.args(plan, &b, args))
	probe := plan.Probe(text, &b, true, LockPlain)
	line("probe", "%s", probe.SQL)
	line("args", "%s", c.args(plan, &b, probe.Args))
	if n := strings.Count(string(sql), "?"); n != len(args) {
		t.Errorf("%d markers, %d arguments", n, len(args))
	}
}

// upsert adds what is sent for an upsert: before anything is known of the rows that
// it may meet, to lock those, and once they are locked.
func (c *goldenCase) upsert(t *testing.T, out *bytes.Buffer, plan *Plan, text *sqltext.Text, b *Binding) {
	line := func(name, format string, args ...any) { fmt.Fprintf(out, name+": "+format+"\n", args...) }
	line("expectation", "%s, %s", b.Source, plan.expected(b))
	if plan.HoldsInitial() {
		line("initial", "%s", begun(plan.BindInsert(text, c.params)))
	}
	show := func(name string, sql []byte, args []Arg) {
		line(name, "%s", sql)
		if plan.Params() > 0 {
			line("args", "%s", c.args(plan, b, args))
			if n := strings.Count(string(sql), "?"); n != len(args) {
				t.Errorf("%d markers, %d arguments", n, len(args))
			}
		}
	}
	if plan.Params() > 0 {
		sql, args := plan.Prepared(text)
		show("prepared", sql, args)
	} else {
		show("sent", plan.AppendText(nil, text, b), nil)
	}
	sql, args := plan.SelectHits(text, b)
	show("hits", sql, args)
	met := Met{}
	for _, form := range c.hits {
		key, token := plan.Table.formsOf(form)
		met.Hits = append(met.Hits, Hit{Key: key, Token: token})
	}
	if met.Hits == nil {
		return
	}
	b.Meets(&met)
	if _, full := plan.NextVersion(b); full != nil {
		line("conflict", "%s", full.Message)
		return
	}
	sql, args = plan.AppendUpsert(nil, text, b)
	show("locked", sql, args)
}

// formsOf gives key and token of a row of which the columns are given.
func (t *Table) formsOf(columns []Value) (key, token []byte) {
	for i, v := range columns {
		to := &key
		if i >= len(t.Key) {
			to = &token
		}
		text := v.Text
		if v.Kind == Integer {
			text = v.String()
		}
		*to = AppendForm(*to, []byte(text), v.Kind == Null)
	}
	return key, token
}

// several adds what is sent for a write of several rows: without looking, and, where
// something is expected, the lock and the write confined to two rows.
func (c *goldenCase) several(t *testing.T, out *bytes.Buffer, plan *Plan, text *sqltext.Text, hint []sqltext.Pair) {
	line := func(name, format string, args ...any) { fmt.Fprintf(out, name+": "+format+"\n", args...) }
	bs, refused := plan.BindSeveral(text, c.params, hint, nil)
	if refused != nil {
		line("refusal", "%s", refused.Text)
		return
	}
	for i, one := range plan.Writes() {
		line("expectation", "%s, %s", bs[i].Source, one.expected(&bs[i]))
	}
	markers := func(sql []byte, args []Arg) {
		if n := strings.Count(string(sql), "?"); n != len(args) {
			t.Errorf("%d markers, %d arguments: %s", n, len(args), sql)
		}
		if len(args) > 0 {
			line("args", "%s", c.args(plan, &bs[0], args))
		}
	}
	if plan.Params() == 0 {
		line("sent", "%s", plan.AppendSeveral(nil, text, bs))
	} else {
		sql, args := plan.Prepared(text)
		line("prepared", "%s", sql)
		markers(sql, args)
	}
	if plan.Unsure() != "" {
		line("unsure", "%s", plan.Unsure())
		return
	}
	locking := LockingMySQL
	if c.rules.Catalog.Flavor == sqltext.MariaDB {
		locking = LockingMaria
	}
	lock := plan.Lock(text, bs, locking)
	line("lock", "%s", lock.SQL)
	markers(lock.SQL, lock.Args)
	var only []Confinement
	for _, one := range plan.Writes() {
		var a, b []byte
		for range one.Table.Key {
			a, b = AppendForm(a, []byte("1"), false), AppendForm(b, []byte("2"), false)
		}
		only = append(only, Confinement{Keys: [][]byte{a, b}})
	}
	sql, args := plan.Confined(nil, text, bs, only)
	line("confined", "%s", sql)
	markers(sql, args)
}

// args shows the arguments of a prepared statement, the client's as ?ordinal.
func (c *goldenCase) args(plan *Plan, b *Binding, args []Arg) string {
	var all []string
	for _, a := range args {
		if a.Kind != ArgClient {
			all = append(all, b.Value(a).String())
			continue
		}
		all = append(all, fmt.Sprintf("?%d=%s", a.Client, c.params[a.Client]))
	}
	return strings.Join(all, ", ")
}
