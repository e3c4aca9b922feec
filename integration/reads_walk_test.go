package integration

import (
	"context"
	"database/sql"
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

var (
	walks    = flag.Int("walks", 72, "random walks of TestReadsAgainstAModel on each server")
	walkSeed = flag.Uint64("walkseed", 1, "number of the first of them")
)

const (
	walkLength = 60
	walkers    = 3 // sessions of the proxy, beside one that goes around it
	topID      = 6
)

// Random interleavings of sessions come out as the model says: every answer, the
// rows, and what SHOW IFMATCH READS shows. A walk that does not is shortened to
// the statements that it takes.
func TestReadsAgainstAModel(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		guarded := guardedTables()
		shop := s.Database(t)
		l := &lab{t: t, shop: shop, db: session(t, s, "root", shop, "")}
		l.exec("SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")
		l.exec("CREATE TABLE side(id INT)")
		policy := "tables:\n"
		for _, g := range guarded {
			l.exec(g.create())
			policy += fmt.Sprintf("  %s.%s\n", shop, g.policy())
		}
		l.around, l.through = s.Addr, start(t, s, policy).Addr
		for seed := *walkSeed; seed < *walkSeed+uint64(*walks); seed++ {
			g := guarded[seed%uint64(len(guarded))]
			acts := g.walk(rand.New(rand.NewPCG(seed, 0)))
			if failed := l.walk(g, acts); failed != "" {
				t.Fatalf("walk %d on %+v:\n%s", seed, g, l.shortest(g, acts, failed))
			}
		}
	})
}

// lab is where walks happen: a database, a proxy and a view of what is really
// there.
type lab struct {
	t       *testing.T
	shop    string
	db      *sql.Conn // sees what is not committed
	through string
	around  string
	also    []string // in place of through: each session goes through one of them
	walked  int      // walks, each of which has contexts of its own
}

func (l *lab) exec(q string) {
	l.t.Helper()
	if _, err := l.db.ExecContext(context.Background(), q); err != nil {
		l.t.Fatalf("%s: %v", q, err)
	}
}

// rows gives what is in a table now, committed or not.
func (l *lab) rows(g guardedAs) map[int]row {
	columns := "id, a, n, seen, version"
	if g.token == digested {
		columns = "id, a, n, seen, ''"
	}
	rows, err := l.db.QueryContext(context.Background(), "SELECT "+columns+" FROM "+g.table)
	if err != nil {
		l.t.Fatal(err)
	}
	defer rows.Close()
	all := map[int]row{}
	for rows.Next() {
		var id int
		var r row
		if err := rows.Scan(&id, &r.a, &r.n, &r.seen, &r.version); err != nil {
			l.t.Fatal(err)
		}
		all[id] = r
	}
	return all
}

// walker is a session of a walk.
type walker struct {
	*raw
	statements map[string]wire.PrepareOK
}

// walk carries out the acts on a fresh table and fresh sessions. It gives what
// differs from the model, with all that led to it, or "".
func (l *lab) walk(g guardedAs, acts []act) string {
	l.exec("DELETE FROM " + g.table)
	l.exec("INSERT INTO " + g.table + "(id, a, n) VALUES (1,0,1),(2,1,2),(3,2,3),(4,0,4)")
	w := newWorld(g, l.rows(g), walkers)
	var sessions []*walker
	for i := range w.actors {
		addr := l.through
		if n := len(l.also); n > 0 {
			addr = l.also[i%n]
		}
		if i == walkers {
			addr = l.around
		}
		k := &walker{dial(l.t, addr, l.shop, plainCaps), map[string]wire.PrepareOK{}}
		defer k.c.Close()
		k.settings()
		sessions = append(sessions, k)
	}
	digests := map[string]string{}
	var story strings.Builder
	l.walked++
	for _, a := range acts {
		if a.do == setContext {
			a.name = fmt.Sprint(a.name, l.walked)
		}
		if w.blocked(a) {
			continue
		}
		x := w.actors[a.who]
		if a.by != byRead && a.do != insertRow {
			if a.given = w.pick(x, a); a.given == "" {
				a.by = byRead
			}
		}
		text, params := a.sql(g, x.direct)
		fmt.Fprintf(&story, "  %d: %s", a.who, text)
		for _, p := range params {
			if b, ok := p.Bytes(); ok {
				fmt.Fprintf(&story, " %q", b)
			} else {
				n, _, _ := p.Integer()
				fmt.Fprintf(&story, " %d", n)
			}
		}
		if a.by == byVariable && !x.doomed {
			fmt.Fprintf(&story, " (after SET @ifmatch = 'version=%s')", a.given)
		}
		is := sessions[a.who].do(a, g, text, params, x.doomed)
		fmt.Fprintf(&story, "\n     %s\n", is)
		there := l.rows(g)
		want := w.step(a, there)
		if wrong := want.differs(g, is, digests); wrong != "" {
			return story.String() + wrong
		}
		if latest := w.latest(); !maps.Equal(latest, there) {
			return story.String() + fmt.Sprintf("the rows are %v; want %v", there, latest)
		}
		if wrong := w.readsDiffer(x, sessions[a.who], digests); !x.direct && wrong != "" {
			return story.String() + wrong
		}
	}
	return ""
}

// shortest leaves out of a walk what it fails without.
func (l *lab) shortest(g guardedAs, acts []act, failed string) string {
	for again, until := true, time.Now().Add(patience); again && time.Now().Before(until); {
		again = false
		for i := len(acts) - 1; i >= 0; i-- {
			less := slices.Delete(slices.Clone(acts), i, i+1)
			if f := l.walk(g, less); f != "" {
				acts, failed, again = less, f, true
			}
		}
	}
	return failed
}

// pick gives a token that the writer of an act may believe in.
func (w *world) pick(x *actor, a act) string {
	r, ok := w.row(x, a.id)
	switch {
	case a.pick == 0 && ok:
		return w.as.tokenOf(a.id, r)
	case a.pick == 1:
		return w.memory(x).expectation(a.id)
	}
	return w.first[a.id].version
}

func (k *walker) settings() {
	for _, q := range []string{"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", "SET innodb_lock_wait_timeout=1"} {
		if o := k.outcomeOf(k.query(q)); o != "0 affected" {
			k.t.Fatalf("%s: %s", q, o)
		}
	}
}

// happened is the outcome of a statement.
type happened struct {
	code     int
	message  string
	affected int
	rows     []string
	result   bool
}

func (h happened) String() string {
	switch {
	case h.code != 0:
		return fmt.Sprintf("%d %s", h.code, h.message)
	case h.result:
		return fmt.Sprintf("%q", h.rows)
	}
	return fmt.Sprintf("%d affected", h.affected)
}

// do carries out an act.
func (k *walker) do(a act, g guardedAs, text string, params []wire.Param, doomed bool) happened {
	if a.do == reset {
		k.command(wire.ComResetConnection)
		h := k.happened(k.answer(), false)
		clear(k.statements)
		k.settings()
		return h
	}
	if a.by == byVariable && !doomed {
		if h := k.happened(k.query("SET @ifmatch = 'version="+strings.ReplaceAll(g.constant(a.given), "'", "''")+"'"), false); h.code != 0 {
			return h
		}
	}
	if !a.prepared || !a.touchesRows() && a.do != setContext { // MySQL does not prepare all that ends transactions
		return k.happened(k.query(text), false)
	}
	st, ok := k.statements[text]
	if !ok {
		k.command(wire.ComStmtPrepare, []byte(text))
		p := k.packet()
		if p[0] == wire.ERRHeader {
			return k.happened(k.seen, false)
		}
		var err error
		if st, err = wire.ParsePrepareOK(p); err != nil {
			k.t.Fatal(err)
		}
		for _, n := range []uint16{st.Params, st.Columns} {
			for range n {
				k.packet()
			}
			if n > 0 {
				k.packet()
			}
		}
		k.statements[text] = st
	}
	return k.happened(k.execute(st.ID, params...), true)
}

// happened reads the packets of an answer.
func (k *walker) happened(answer [][]byte, binary bool) happened {
	p := answer[len(answer)-1]
	switch {
	case p[0] == wire.ERRHeader:
		e, err := wire.ParseERR(p, k.caps)
		if err != nil {
			k.t.Fatal(err)
		}
		return happened{code: int(e.Code), message: e.Message}
	case len(answer) == 1:
		ok, err := wire.ParseOK(p, k.caps)
		if err != nil {
			k.t.Fatal(err)
		}
		return happened{affected: int(ok.AffectedRows)}
	}
	h := happened{result: true}
	n, _ := wire.ReadLenInt(answer[0])
	columns := make([]wire.Column, n)
	for i := range columns {
		var err error
		if columns[i], err = wire.ParseColumn(answer[1+i], k.caps); err != nil {
			k.t.Fatal(err)
		}
	}
	for _, p := range answer[2+n : len(answer)-1] {
		h.rows = append(h.rows, rowText(k.t, p, columns, binary))
	}
	return h
}

// rowText gives the values of a row, separated by '|'.
func rowText(t testing.TB, p []byte, columns []wire.Column, inBinary bool) string {
	types := make([]wire.FieldType, len(columns))
	for i := range columns {
		types[i] = columns[i].Type
	}
	text, bin := wire.NewTextRow(p), wire.NewBinaryRow(p, types)
	var values []string
	for i := range columns {
		next := text.Next
		if inBinary {
			next = bin.Next
		}
		b, null, ok := next()
		if !ok {
			t.Fatalf("row %q of %d columns is cut short", p, len(columns))
		}
		v := string(b)
		switch {
		case null:
			v = "NULL"
		case inBinary && (types[i] == wire.TypeLong || types[i] == wire.TypeLongLong):
			v = fmt.Sprint(binary.LittleEndian.Uint64(append(slices.Clone(b), 0, 0, 0, 0)))
		case inBinary && types[i] == wire.TypeDatetime:
			v = fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d.%06d", binary.LittleEndian.Uint16(b), b[2], b[3], b[4], b[5], b[6], binary.LittleEndian.Uint32(b[7:]))
		}
		values = append(values, v)
	}
	return strings.Join(values, "|")
}

var conflictText = regexp.MustCompile(`^ifmatch: version conflict on (\S+) id=(\d+): expected (.*), found (.*)$`)

// differs says what of an outcome is not as it must be.
func (v verdict) differs(g guardedAs, h happened, digests map[string]string) string {
	wrong := fmt.Sprintf("%v; want %+v", h, v)
	code := map[string]int{"done": 0, "rows": 0, "conflict": 1020, "unread": 1644, "doomed": 3101, "error": v.code}[v.kind]
	if h.code != code {
		return wrong
	}
	switch v.kind {
	case "done":
		if h.affected != v.affected && v.affected >= 0 || h.result {
			return wrong
		}
	case "rows":
		if !slices.Equal(h.rows, v.rows) {
			return wrong
		}
	case "conflict":
		m := conflictText.FindStringSubmatch(h.message)
		if m == nil || m[2] != fmt.Sprint(v.id) || !g.shown(v.expected, m[3], "a row", digests) || !g.shown(v.found, m[4], "no row", digests) {
			return wrong
		}
	}
	return ""
}

// shown reports whether text stands for a token, none for that there is none. A
// digest stands for the same values wherever it is shown.
func (g guardedAs) shown(token, text, none string, digests map[string]string) bool {
	switch {
	case token == "":
		return text == none
	case g.token != digested:
		return text == "version="+g.constant(token)
	}
	for values, digest := range digests {
		if (values == token) != (digest == text) {
			return false
		}
	}
	digests[token] = text
	return strings.HasPrefix(text, "digest=")
}

// readsDiffer says what of SHOW IFMATCH READS is not what the session has read.
func (w *world) readsDiffer(x *actor, k *walker, digests map[string]string) string {
	want := map[string]string{}
	alone := "session"
	if w.as.scope == "transaction" {
		alone = "transaction"
	}
	for id, token := range x.alone.all() {
		want[fmt.Sprintf("%s|id=%d", alone, id)] = token
	}
	if w.as.scope == "context" && w.holds(x) {
		for id, token := range w.contexts[x.context].all() {
			want[fmt.Sprintf("context ctx-%s|id=%d", x.context, id)] = token
		}
	}
	is := k.happened(k.query("SHOW IFMATCH READS"), false).rows
	if x.context != "" && !w.holds(x) {
		// Of an old request beside a newer one the model says nothing.
		is = slices.DeleteFunc(is, func(r string) bool { return strings.HasPrefix(r, "context ") })
	}
	wrong := fmt.Sprintf("SHOW IFMATCH READS gives %q; want %v", is, want)
	if len(is) != len(want) {
		return wrong
	}
	for _, r := range is {
		parts := strings.Split(r, "|")
		token, ok := want[parts[0]+"|"+parts[2]]
		if !ok || !w.as.shown(token, parts[3], "", digests) {
			return wrong
		}
	}
	return ""
}
