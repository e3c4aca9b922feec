package integration

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/ruleset"
	"ifmatch/schema"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// The environment varies the SELECTs that are written at random.
const (
	envSelectSeed  = "IFMATCH_SELECT_SEED"  // another seed
	envSelectCount = "IFMATCH_SELECT_COUNT" // how many for each server
)

func fromEnv(t *testing.T, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// What a SELECT on guarded tables gives is what it gives without the proxy, to
// the byte, however it is written and sent. What is remembered of it is true.
func TestSelectsGiveWhatTheyGiveDirectly(t *testing.T) {
	seed, count := fromEnv(t, envSelectSeed, 1), fromEnv(t, envSelectCount, 1500)
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, selectSetup, selectPolicy)
		truth := trueReads(t, p, shop)
		d := &selectDiff{t: t, flavor: s.Flavor, shop: shop, rules: rulesOf(t, s, strings.ReplaceAll(selectPolicy, "shop", shop)),
			gen: newSelectGen(uint64(seed), s.Flavor, shop)}
		const block = 25
		forms := []wire.Capability{0, wire.ClientDeprecateEOF, wire.ClientDeprecateEOF | wire.ClientSessionTrack | wire.ClientQueryAttributes}
		for n := 0; n*block < count && d.wrong < 20; n++ {
			setting := selectSettings[d.gen.r.IntN(len(selectSettings))]
			if setting.only != "" && setting.only != s.Flavor {
				continue
			}
			caps := plainCaps | forms[n%len(forms)]
			d.setting, d.gen.ansi, d.gen.free = setting.set, setting.ansi, strings.Contains(setting.set, "autocommit")
			d.pair = [2]*raw{dial(t, s.Addr, shop, caps), dial(t, p.Addr, shop, caps)}
			d.same("SET timestamp = 1700000000", exact)
			d.same(setting.set, exact)
			for range block {
				d.statement()
			}
			d.remembers(truth)
			for _, r := range d.pair {
				r.command(wire.ComQuit)
			}
		}
		if d.replanned > d.widened/20 {
			t.Errorf("of %d definitions more is not the same than another plan can explain", d.replanned)
		}
		t.Logf("%d answers compared, of %d SELECTs; of %d rows are remembered, of %d by columns that are added", d.compared, d.written, d.noted, d.widened)
		if least := d.written / 4; d.noted < least || d.widened < least/2 {
			t.Errorf("of %d SELECTs, %d are of a kind whose rows are remembered, %d with columns added: too few", d.written, d.noted, d.widened)
		}
	})
}

// trueReads gives the token of each row.
func trueReads(t *testing.T, p *Proxy, shop string) map[string]string {
	r := dial(t, p.Addr, shop, plainCaps)
	n := 0
	for _, q := range []string{"SELECT * FROM item", "SELECT * FROM line", "SELECT * FROM tag", "SELECT * FROM rec", "SELECT id, version FROM vis"} {
		n += len(r.query(q)) - 3 - len(columnsOf(r.seen))
	}
	reads := readsOf(r)
	if len(reads) != n {
		t.Fatalf("of %d rows %d are remembered: %v", n, len(reads), reads)
	}
	return reads
}

// columnsOf gives the definitions in an answer.
func columnsOf(answer [][]byte) [][]byte {
	n, _ := wire.ReadLenInt(answer[0])
	return answer[1 : 1+n]
}

// readsOf gives what a session remembers: table and key, and the token.
func readsOf(r *raw) map[string]string {
	r.t.Helper()
	reads := map[string]string{}
	answer := r.query("SHOW IFMATCH READS")
	for _, p := range answer[1+len(columnsOf(answer)):] {
		if p[0] == wire.EOFHeader {
			continue
		}
		var values []string
		for len(p) > 0 && p[0] != 0xfb {
			size, n := wire.ReadLenInt(p)
			values = append(values, string(p[n:n+int(size)]))
			p = p[n+int(size):]
		}
		if len(values) < 4 {
			continue // what ends the rows
		}
		reads[values[1]+" "+values[2]] = values[3]
	}
	return reads
}

// selectDiff holds two sessions against each other: one that goes to the server,
// and one through the proxy.
type selectDiff struct {
	t         *testing.T
	flavor    string
	shop      string
	rules     *rewrite.Rules
	gen       *selectGen
	setting   string
	pair      [2]*raw
	failed    bool   // the last answer is an error
	before    string // the last statement
	hidden    bool   // columns are added to the statement at hand
	compared  int
	written   int
	noted     int
	widened   int
	replanned int  // definitions of another plan
	refused   bool // the last statement, by the proxy
	wrong     int
}

// rulesOf gives the rules that the proxy makes of a policy.
func rulesOf(t *testing.T, s *server.Server, text string) *rewrite.Rules {
	t.Helper()
	p, err := policy.Parse("policy.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := schema.Read(context.Background(), s.Open(t, ""), ruleset.Names(p))
	if err != nil {
		t.Fatal(err)
	}
	return rewrite.Compile(p, catalog)
}

// judge counts what the rules make of a statement.
func (d *selectDiff) judge(sql string) {
	d.written++
	d.hidden = false
	has := func(mode string) bool { return strings.Contains(d.setting, mode) }
	lexis := sqltext.Lexis{ANSIQuotes: d.gen.ansi, NoBackslashEscapes: has("NO_BACKSLASH_ESCAPES"), PipesAsConcat: d.gen.ansi || has("PIPES_AS_CONCAT"),
		Version: 90700}
	if d.flavor == server.FlavorMariaDB {
		lexis.Flavor, lexis.Version = sqltext.MariaDB, 101100
	}
	var text sqltext.Text
	if text.Lex([]byte(sql), &lexis) != nil || len(text.Statements(nil)) != 1 {
		return
	}
	env := rewrite.Env{DB: d.shop, PipesAsConcat: lexis.PipesAsConcat, Multi: true, UTF8: true}
	if c := d.rules.Plan(&text, text.Statements(nil)[0], env).For(&text).Capture(); c != nil {
		d.noted++
		if d.hidden = c.Hidden > 0; d.hidden {
			d.widened++
		}
	}
}

// remembers asks that what is remembered is true.
func (d *selectDiff) remembers(truth map[string]string) {
	d.t.Helper()
	for key, token := range readsOf(d.pair[1]) {
		if token != truth[key] {
			d.t.Errorf("%s: it is remembered of %s that its token is %s, which is %s", d.setting, key, token, truth[key])
		}
	}
}

// order is what an answer's rows are compared by.
type order int

const (
	exact order = iota
	anyOrder
	countOnly // LIMIT takes some, and ORDER BY does not say which
)

// statement writes one statement and sends it in one of the ways.
func (d *selectDiff) statement() {
	how := d.gen.r.IntN(10)
	st := d.gen.next(how >= 4)
	d.judge(st.sql)
	by := anyOrder
	switch {
	case st.any:
		by = countOnly
	case st.total:
		by = exact
	case st.cut || strings.Contains(d.setting, "sql_select_limit"):
		by = countOnly
	}
	switch {
	case how == 3:
		d.same("SELECT 1; "+st.sql+"; SELECT FOUND_ROWS()", by)
	case how < 4:
		d.same(st.sql, by)
	case how < 8:
		d.prepared(st, by)
	default:
		d.dynamic(st, by)
	}
	d.hidden, d.before = false, st.sql
	if d.refused {
		return // the server knows nothing of it
	}
	switch d.gen.r.IntN(8) {
	case 0:
		// Else what the proxy asks before a statement may count: one with an
		// error has no number, nor has PREPARE.
		if how < 8 && !d.failed && strings.Contains(st.sql, "SQL_CALC_FOUND_ROWS") {
			d.same("SELECT FOUND_ROWS()", exact)
		}
	case 1:
		d.same("SELECT ROW_COUNT()", exact)
	case 2:
		d.same("SELECT @@warning_count, @@error_count", exact)
	case 3:
		d.same("COMMIT", exact)
	}
}

// same sends a text to both and compares the answers, and the warnings if there are any.
func (d *selectDiff) same(sql string, by order) {
	var said [2][]string
	for i, r := range d.pair {
		said[i] = d.said(r, r.query(sql), by)
	}
	d.failed = hasError(said[0])
	if d.refused = refusedInstead(said); d.refused {
		return
	}
	d.compare("text", sql, said)
	d.warnings(sql, said[0])
	d.failed = hasError(said[0])
}

// warnings compares the warnings of a statement.
func (d *selectDiff) warnings(sql string, said []string) {
	last := said[len(said)-1]
	if !strings.HasPrefix(last, "error") && !strings.Contains(last, "warnings") {
		return
	}
	var got [2][]string
	for i, r := range d.pair {
		got[i] = d.said(r, r.query("SHOW WARNINGS"), anyOrder)
		for k := range got[i] {
			got[i][k] = nearWarned.ReplaceAllString(got[i][k], "near")
		}
	}
	d.compare("warnings", sql, got)
}

// prepared prepares a statement, executes it twice and by a cursor.
func (d *selectDiff) prepared(st genSelect, by order) {
	// MariaDB 10.11 crashes on second executions of some SELECTs in SELECTs.
	again := d.flavor != server.FlavorMariaDB || !nested(st.sql)
	said := d.executed(st, by, again, again && d.gen.one(3))
	if d.refused = refusedInstead(said); d.refused {
		return
	}
	d.compare("prepared", st.sql, said)
	d.failed = hasError(said[0])
	if d.gen.one(4) {
		d.warnings(st.sql, said[0])
	}
}

// executed gives what both say of a statement that is prepared and executed.
func (d *selectDiff) executed(st genSelect, by order, again, cursor bool) (said [2][]string) {
	params := make([]wire.Param, len(st.params))
	for i, p := range st.params {
		params[i] = p.wire
	}
	for i, r := range d.pair {
		keep := func(what string, answer [][]byte) {
			for _, line := range d.said(r, answer, by) {
				said[i] = append(said[i], what+" "+line)
			}
		}
		r.command(wire.ComStmtPrepare, []byte(st.sql))
		p := r.packet()
		if p[0] == wire.ERRHeader {
			keep("prepare", r.seen)
			continue
		}
		ok, err := wire.ParsePrepareOK(p)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, n := range []uint16{ok.Params, ok.Columns} {
			if n > 0 && !r.caps.Has(wire.ClientDeprecateEOF) {
				n++
			}
			for range n {
				r.packet()
			}
		}
		clear(p[1:5]) // the servers count statements
		for _, p := range r.seen {
			said[i] = append(said[i], fmt.Sprintf("prepare %q", p))
		}
		if int(ok.Params) == len(params) {
			keep("execute", r.execute(ok.ID, params...))
			if again {
				keep("again", r.executeAgain(ok.ID, params...))
			}
			if cursor {
				keep("cursor", d.fetched(r, ok.ID, params))
			}
		}
		r.command(wire.ComStmtClose, statementID(ok.ID))
	}
	return said
}

// hasError reports whether an answer is or has an error.
func hasError(said []string) bool {
	return slices.ContainsFunc(said, func(line string) bool { return strings.Contains(line, "error ") })
}

// refusedInstead reports whether the server has seen a mistake in a text where
// the proxy has refused to pass what it cannot read.
func refusedInstead(said [2][]string) bool {
	return strings.Contains(said[1][len(said[1])-1], "ifmatch: refused: ") && strings.Contains(said[0][len(said[0])-1], "You have an error in your SQL syntax")
}

// nested reports whether a statement has a SELECT in it, or a view.
func nested(sql string) bool {
	return strings.Contains(sql, "(SELECT") || strings.Contains(sql, "item_v")
}

// fetched opens a cursor and fetches its rows, all as if it were one answer.
func (d *selectDiff) fetched(r *raw, id uint32, params []wire.Param) [][]byte {
	answer := slices.Clone(r.executeWith(wire.Execute{ID: id, Flags: wire.CursorReadOnly, Iterations: 1, Params: params}))
	last := answer[len(answer)-1]
	if last[0] == wire.ERRHeader || !r.status(last).Has(wire.StatusCursorExists) {
		return answer
	}
	var opened [][]byte
	if r.caps.Has(wire.ClientDeprecateEOF) {
		answer, opened = answer[:len(answer)-1], [][]byte{last}
	}
	for n := byte(3); ; n = 200 {
		r.command(wire.ComStmtFetch, statementID(id), []byte{n, 0, 0, 0})
		for {
			p := r.packet()
			if p[0] == wire.ERRHeader {
				return append(append(answer, p), opened...)
			}
			if p[0] != wire.EOFHeader {
				answer = append(answer, p)
				continue
			}
			if r.status(p).Has(wire.StatusLastRowSent) {
				return append(append(answer, p), opened...)
			}
			break
		}
	}
}

// dynamic prepares a statement at SQL level, and executes it.
func (d *selectDiff) dynamic(st genSelect, by order) {
	text := "'" + strings.ReplaceAll(st.sql, "'", "''") + "'"
	if !strings.Contains(d.setting, "NO_BACKSLASH_ESCAPES") && d.gen.one(2) {
		text = "'" + strings.NewReplacer("'", `\'`, `"`, `\"`, "\n", `\n`).Replace(st.sql) + "'"
	}
	var using []string
	for i, p := range st.params {
		d.same(fmt.Sprintf("SET @p%d = %s", i, p.text), exact)
		using = append(using, fmt.Sprintf("@p%d", i))
	}
	with := ""
	if len(using) > 0 {
		with = " USING " + strings.Join(using, ", ")
	}
	if d.gen.one(3) {
		d.same("SET @text = "+text, exact)
		text = "@text"
	}
	name := d.gen.pick("s", "S", "`s`", "other")
	d.same("PREPARE "+name+" FROM "+text, by)
	if d.gen.one(4) {
		d.hidden = true // it may be so of another one
		d.same("EXECUTE "+d.gen.pick("s", "other", "nosuch")+with, countOnly)
	}
	d.same("EXECUTE "+name+with, by)
	if d.gen.one(3) && (d.flavor != server.FlavorMariaDB || !nested(st.sql)) {
		d.same("EXECUTE "+name+with, by)
	}
	if d.flavor == server.FlavorMariaDB && d.gen.one(3) {
		d.same("EXECUTE IMMEDIATE "+text+with, by)
	}
	if d.gen.one(4) {
		d.same(d.gen.pick("DEALLOCATE", "DROP")+" PREPARE "+name, exact)
	}
}
