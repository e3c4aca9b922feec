package integration

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ifmatch/integration/server"
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
		d := &selectDiff{t: t, flavor: s.Flavor, gen: newSelectGen(uint64(seed), s.Flavor, shop)}
		const block = 25
		forms := []wire.Capability{0, wire.ClientDeprecateEOF, wire.ClientDeprecateEOF | wire.ClientSessionTrack | wire.ClientQueryAttributes}
		for n := 0; n*block < count && d.wrong < 20; n++ {
			setting := selectSettings[d.gen.r.IntN(len(selectSettings))]
			if setting.only != "" && setting.only != s.Flavor {
				continue
			}
			caps := plainCaps | forms[n%len(forms)]
			d.setting, d.gen.ansi = setting.set, setting.ansi
			d.pair = [2]*raw{dial(t, s.Addr, shop, caps), dial(t, p.Addr, shop, caps)}
			d.same("SET timestamp = 1700000000", exact)
			d.same(setting.set, exact)
			for range block {
				d.statement()
			}
			for key, token := range readsOf(d.pair[1]) {
				if token != truth[key] {
					t.Errorf("%s: it is remembered of %s that its token is %s, which is %s", d.setting, key, token, truth[key])
				}
			}
			for _, r := range d.pair {
				r.command(wire.ComQuit)
			}
		}
		t.Logf("%d answers compared", d.compared)
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
	t        *testing.T
	flavor   string
	gen      *selectGen
	setting  string
	pair     [2]*raw
	compared int
	wrong    int
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
	by := anyOrder
	switch {
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
	switch d.gen.r.IntN(8) {
	case 0:
		d.same("SELECT FOUND_ROWS()", exact)
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
	d.compare("text", sql, said)
	d.warnings(sql, said[0])
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
	}
	d.compare("warnings", sql, got)
}

// prepared prepares a statement, executes it twice and by a cursor.
func (d *selectDiff) prepared(st genSelect, by order) {
	params := make([]wire.Param, len(st.params))
	for i, p := range st.params {
		params[i] = p.wire
	}
	cursor := d.gen.one(3)
	var said [2][]string
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
			keep("again", r.executeAgain(ok.ID, params...))
			if cursor {
				keep("cursor", d.fetched(r, ok.ID, params))
			}
		}
		r.command(wire.ComStmtClose, statementID(ok.ID))
	}
	d.compare("prepared", st.sql, said)
	if d.gen.one(4) {
		d.warnings(st.sql, said[0])
	}
}

// fetched opens a cursor and fetches its rows, all as if it were one answer.
func (d *selectDiff) fetched(r *raw, id uint32, params []wire.Param) [][]byte {
	answer := slices.Clone(r.executeWith(wire.Execute{ID: id, Flags: wire.CursorReadOnly, Iterations: 1, Params: params}))
	last := answer[len(answer)-1]
	if last[0] == wire.ERRHeader || !r.status(last).Has(wire.StatusCursorExists) {
		return answer
	}
	for range 6 {
		r.command(wire.ComStmtFetch, statementID(id), []byte{3, 0, 0, 0})
		for {
			p := r.packet()
			if p[0] == wire.ERRHeader {
				return append(answer, p)
			}
			if p[0] != wire.EOFHeader {
				answer = append(answer, p)
				continue
			}
			if r.status(p).Has(wire.StatusLastRowSent) {
				return append(answer, p)
			}
			break
		}
	}
	r.command(wire.ComStmtReset, statementID(id))
	return append(answer, r.answer()...)
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
	d.same("EXECUTE "+d.gen.pick(name, name, "s")+with, by)
	if d.gen.one(3) {
		d.same("EXECUTE "+name+with, by)
	}
	if d.flavor == server.FlavorMariaDB && d.gen.one(3) {
		d.same("EXECUTE IMMEDIATE "+text+with, by)
	}
	if d.gen.one(4) {
		d.same(d.gen.pick("DEALLOCATE", "DROP")+" PREPARE "+name, exact)
	}
}

// said gives an answer as text, one line for each packet.
func (d *selectDiff) said(r *raw, answer [][]byte, by order) []string {
	var lines []string
	for len(answer) > 0 {
		p := answer[0]
		switch p[0] {
		case wire.ERRHeader, wire.OKHeader:
			lines = append(lines, d.end(r, p))
			answer = answer[1:]
			continue
		}
		n := 1 + len(columnsOf(answer))
		if !r.caps.Has(wire.ClientDeprecateEOF) {
			n++
		}
		for _, p := range answer[:n] {
			lines = append(lines, fmt.Sprintf("definition %q", p))
		}
		answer = answer[n:]
		var rows []string
		end := ""
		for end == "" && len(answer) > 0 {
			p := answer[0]
			if p[0] == wire.ERRHeader || p[0] == wire.EOFHeader && len(p) < 1<<24-1 {
				end = d.end(r, p)
			} else {
				rows = append(rows, fmt.Sprintf("row %q", p))
			}
			answer = answer[1:]
		}
		switch {
		case strings.HasPrefix(end, "error"), by == countOnly:
			// How many rows come before an error their order decides.
			rows = []string{strconv.Itoa(len(rows)) + " rows"}
			if strings.HasPrefix(end, "error") {
				rows = nil
			}
		case by == anyOrder:
			slices.Sort(rows)
		}
		lines = append(append(lines, rows...), end)
	}
	return lines
}

// end gives an OK, EOF or error as text.
func (d *selectDiff) end(r *raw, p []byte) string {
	if p[0] == wire.ERRHeader {
		return fmt.Sprintf("error %q", handler.ReplaceAllString(string(p), "handler (id)"))
	}
	text := fmt.Sprintf("end %q", p)
	warnings := uint16(0)
	if p[0] == wire.EOFHeader && !r.caps.Has(wire.ClientDeprecateEOF) {
		if eof, err := wire.ParseEOF(p); err == nil {
			warnings = eof.Warnings
		}
	} else if ok, err := wire.ParseOK(p, r.caps); err == nil {
		warnings = ok.Warnings
	}
	if warnings > 0 {
		text += " with warnings"
	}
	return text
}

// compare reports where two answers differ.
func (d *selectDiff) compare(how, sql string, said [2][]string) {
	d.t.Helper()
	d.compared++
	for i := range max(len(said[0]), len(said[1])) {
		line := [2]string{"nothing", "nothing"}
		for k := range line {
			if i < len(said[k]) {
				line[k] = said[k][i]
			}
		}
		if line[0] != line[1] {
			d.fault("%s, %s: %s\n  directly %s\n  proxied  %s", d.setting, how, sql, line[0], line[1])
			return
		}
	}
}

func (d *selectDiff) fault(format string, a ...any) {
	d.t.Helper()
	d.wrong++
	d.t.Errorf(format, a...)
}
