package integration

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"ifmatch/integration/server"
)

// The environment makes the statements of TestNothingSlipsPast other or more.
const (
	envSlipSeed  = "IFMATCH_SLIP_SEED"  // another seed
	envSlipCount = "IFMATCH_SLIP_COUNT" // how many for each server
	envSlipFor   = "IFMATCH_SLIP_FOR"   // for how long instead, as in 10m
)

// slipTables are the tables of slipWorld, the guarded ones first, and their rows.
const slipTables = `
CREATE TABLE IF NOT EXISTS goods(id INT PRIMARY KEY, name VARBINARY(200) DEFAULT '', price INT DEFAULT 0, qty INT UNIQUE, version BIGINT UNSIGNED NOT NULL DEFAULT 1) ENGINE=InnoDB;
CREATE TABLE IF NOT EXISTS ` + "`order`(a INT, b INT DEFAULT 3, `set` INT DEFAULT 0, `where` VARBINARY(200) DEFAULT '', version BIGINT UNSIGNED NOT NULL DEFAULT 1, PRIMARY KEY (a, b)) ENGINE=InnoDB" + `;
CREATE TABLE IF NOT EXISTS other(id INT PRIMARY KEY, x INT, note VARBINARY(200) DEFAULT '') ENGINE=InnoDB`

const slipRows = `
DELETE FROM goods;
DELETE FROM ` + "`order`" + `;
DELETE FROM other;
INSERT INTO goods(id, name, price, qty, version) VALUES (1, 'pen', 99, 6, 5), (2, 'ink', 5, 1, 5), (3, 'cap', 7, 3, 5);
INSERT INTO ` + "`order`" + `(a, b, ` + "`set`, `where`" + `, version) VALUES (1, 1, 10, 'x', 5), (1, 2, 20, 'y', 5), (2, 1, 30, 'z', 5);
INSERT INTO other(id, x) VALUES (1, 1), (2, 2), (3, 3)`

// slipPrograms are its views and routines. They are made by way of the proxy, so
// that it knows of them at once.
var slipPrograms = []string{
	"VIEW cheap AS SELECT id AS pid, price AS p, name AS n FROM goods", "VIEW cheaper AS SELECT * FROM cheap", "VIEW plainv AS SELECT id, x, note FROM other",
	"VIEW mixed AS SELECT g.id, g.price, o.note FROM goods g JOIN other o ON o.id=g.id",
	"PROCEDURE wipe() UPDATE goods SET price=0", "PROCEDURE wash() CALL wipe()", "PROCEDURE tidy() UPDATE other SET x=x+1",
	"PROCEDURE run(s TEXT) BEGIN SET @run = s; PREPARE ran FROM @run; EXECUTE ran; END",
	"PROCEDURE speak() SET SESSION sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", "PROCEDURE talk() SET NAMES gbk",
	"FUNCTION f_wipe() RETURNS INT BEGIN UPDATE goods SET price=0; RETURN 1; END", "FUNCTION f_one() RETURNS INT DETERMINISTIC RETURN 1",
	"FUNCTION f_tidy() RETURNS INT BEGIN UPDATE other SET x=x+1; RETURN 1; END",
	"FUNCTION f_speak() RETURNS INT BEGIN SET SESSION sql_mode='ANSI_QUOTES'; RETURN 1; END",
}

// A blind policy lets no session know what a row is, so no row that is there may
// change. A sighted one lets rows change that were read.
const (
	slipBlind   = "accounts: {keeper: off}\ndefaults: {unread: refuse, relative: guard, capture: off}\ntables: {shop.goods: {version: version}, shop.order: {version: version}}"
	slipSighted = "accounts: {keeper: off}\ndefaults: {unread: refuse, relative: guard}\ntables: {shop.goods: {version: version}, shop.order: {version: version}}"
)

// TestNothingSlipsPast sends statements written at random, in all the ways that
// are known to hide a write, and after each one holds every guarded row against
// what it was: it may have changed only where the session knew it as it was, and
// then its version is greater. The same statements go to a database without a
// proxy, which tells how many of them are attacks and not nonsense.
func TestNothingSlipsPast(t *testing.T) {
	mysql.RegisterReaderHandler("slip", func() io.Reader { return strings.NewReader("1,5\n2,6\n") })
	seed, count := fromEnv(t, envSlipSeed, 1), fromEnv(t, envSlipCount, 250)
	var long time.Duration
	if text := os.Getenv(envSlipFor); text != "" {
		var err error
		if long, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", envSlipFor, err)
		}
		count = 1 << 40
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		w := newSlipWorld(t, s, uint64(seed))
		begin := time.Now()
		for n := 0; w.sent < count && w.wrong < 5 && (long == 0 || time.Since(begin) < long); n++ {
			w.session(n)
		}
		w.report()
	})
}

// slipWorld is a database behind two proxies, one of each policy, and its twin
// that has none.
type slipWorld struct {
	t       *testing.T
	s       *server.Server
	gen     *slipGen
	twin    string // name of the other database
	proxies [2]*Proxy
	keepers [2]*sql.Conn // through the proxies, unguarded
	direct  *sql.DB      // reads what is not committed
	base    string       // what the rows are before every statement
	log     []string     // of the session at hand
	ids     [2]uint64    // of its connections

	sent, wrong                int
	reached, taken             int // no refusal of the proxy's; no error at all
	attacks, let, stopped      int // the twin's rows changed; so did ours, in sight; so did not, for an error
	conflicts, unreads, denied int
}

func newSlipWorld(t *testing.T, s *server.Server, seed uint64) *slipWorld {
	w := &slipWorld{t: t, s: s, twin: s.Database(t)}
	shop := s.Database(t)
	w.gen = &slipGen{r: rand.New(rand.NewPCG(seed, 7)), maria: s.Flavor == server.FlavorMariaDB, shop: shop}
	isolation := "transaction_isolation"
	if w.gen.maria {
		isolation = "tx_isolation"
	}
	w.direct = s.OpenAs(t, "root", shop, "multiStatements=true&lock_wait_timeout=1&innodb_lock_wait_timeout=1&"+isolation+"=%27READ-UNCOMMITTED%27")
	for _, q := range []string{"CREATE USER IF NOT EXISTS keeper", "GRANT ALL ON *.* TO keeper WITH GRANT OPTION"} {
		w.must(w.direct, q)
	}
	for _, db := range []string{shop, w.twin} {
		w.must(w.direct, "USE "+db+";"+slipTables+";"+slipRows+"; USE "+shop)
	}
	w.base = w.rows(shop)
	for i, policy := range []string{slipBlind, slipSighted} {
		w.proxies[i] = start(t, s, strings.ReplaceAll(policy, "shop", shop), "--log-level", "info", "--schema-refresh", "1h")
	}
	w.mend()
	return w
}

// must runs a text on a connection that goes around the proxy.
func (w *slipWorld) must(on interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, text string) {
	w.t.Helper()
	if _, err := on.ExecContext(context.Background(), text); err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
}

// mend makes views and routines, and takes away what the statements have made.
func (w *slipWorld) mend() {
	for _, db := range []string{w.gen.shop, w.twin} {
		w.must(w.direct, "DROP VIEW IF EXISTS mysql.plainv, mysql.cheaper, mysql.made0, mysql.made1, mysql.made2; DROP TABLE IF EXISTS "+db+".other, "+db+".made0, "+db+".made1, "+db+".made2, "+db+".made8, "+db+".made9; USE "+db+";"+slipTables)
		for _, p := range slipPrograms {
			fields := strings.Fields(p)
			name, _, _ := strings.Cut(fields[1], "(")
			w.must(w.direct, "DROP "+fields[0]+" IF EXISTS "+db+"."+name)
		}
		for i := range 3 {
			for _, kind := range []string{"VIEW", "TRIGGER", "PROCEDURE", "FUNCTION"} {
				w.must(w.direct, fmt.Sprintf("DROP %s IF EXISTS %s.made%d", kind, db, i))
			}
		}
		for _, p := range slipPrograms {
			w.must(w.direct, "USE "+db+"; CREATE "+p)
		}
	}
	w.must(w.direct, "USE "+w.gen.shop)
	// Any DDL of its own makes a proxy look at the schema.
	for i, p := range w.proxies {
		if w.keepers[i] == nil {
			w.keepers[i] = session(w.t, p.server(w.s), "keeper", w.gen.shop, "")
		}
		w.must(w.keepers[i], "CREATE OR REPLACE VIEW plainv AS SELECT id, x, note FROM other")
	}
}

// rows gives the guarded rows of a database, committed or not, one a line: key,
// version, and all of it.
func (w *slipWorld) rows(db string) string {
	text, err := w.tryRows(db)
	if err != nil {
		w.t.Fatalf("the guarded rows cannot be read: %v", err)
	}
	return text
}

func (w *slipWorld) tryRows(db string) (string, error) {
	rows, err := w.direct.Query("SELECT CONCAT('g', id), version, CONCAT_WS('|', HEX(name), price, qty) FROM " + db + ".goods UNION ALL " +
		"SELECT CONCAT('o', a, ' ', b), version, CONCAT_WS('|', `set`, HEX(`where`)) FROM " + db + ".`order` ORDER BY 1")
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var b strings.Builder
	for rows.Next() {
		var key, rest string
		var version uint64
		if err := rows.Scan(&key, &version, &rest); err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%s\t%d\t%s\n", key, version, rest)
	}
	return b.String(), rows.Err()
}

// session sends some statements over one connection of a proxy, and over one
// that has none.
func (w *slipWorld) session(n int) {
	sighted := n % 2
	w.log = nil
	g := w.gen
	g.ansi, g.raw, g.prep = false, false, false
	params := "multiStatements=" + strconv.FormatBool(g.chance(70)) + "&collation=" +
		g.one("utf8mb4_general_ci", "utf8mb4_general_ci", "latin1_swedish_ci", "gbk_chinese_ci", "sjis_japanese_ci", "big5_chinese_ci", "euckr_korean_ci", "cp932_japanese_ci")
	w.note(params)
	ctx := context.Background()
	var pair [2]*sql.Conn
	for i, dsn := range []string{w.proxies[sighted].server(w.s).DSN("root", g.shop, params), w.s.DSN("root", w.twin, params)} {
		pool, err := sql.Open("mysql", dsn)
		if err != nil {
			w.t.Fatal(err)
		}
		defer pool.Close()
		if pair[i], err = pool.Conn(ctx); err != nil {
			w.t.Fatal(err)
		}
		defer pair[i].Close()
		w.must(pair[i], "SET @one=1, @n=2, lock_wait_timeout=2, innodb_lock_wait_timeout=1")
		if err := pair[i].QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&w.ids[i]); err != nil {
			w.t.Fatal(err)
		}
	}
	ours, theirs := pair[0], pair[1]
	for range 30 {
		if w.wrong >= 5 || !w.statement(ours, theirs, sighted == 1) {
			return
		}
	}
}

func (w *slipWorld) note(text string) { w.log = append(w.log, text) }

// send carries out a text on one connection.
func (w *slipWorld) send(c *sql.Conn, s slip, text string, within time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if !s.binary {
		_, err := c.ExecContext(ctx, text)
		return err
	}
	// The driver knows how many parameters there are, a text in a string may not.
	prepared, err := c.PrepareContext(ctx, text)
	if err != nil {
		return err
	}
	defer prepared.Close()
	_, err = prepared.ExecContext(ctx, s.params...)
	return err
}

// statement sends one, and judges what it has done. It reports whether the
// session can go on.
func (w *slipWorld) statement(ours, theirs *sql.Conn, sighted bool) bool {
	g := w.gen
	s := g.next()
	stale, before := false, w.base
	if sighted && g.chance(80) {
		stale = g.chance(40)
		before = w.look(ours, &stale)
	}
	w.sent++
	err := w.send(ours, s, s.sql, patience)
	w.note(fmt.Sprintf("%q %v stale=%v: %v", s.sql, s.params, stale, err))
	w.count(err)
	after, rerr := w.tryRows(g.shop)
	if errors.Is(err, context.DeadlineExceeded) {
		w.fail("there is no answer")
	}
	goesOn := !lost(err)
	if rerr != nil {
		// The session may hold a lock on the table.
		w.end()
		goesOn = false
		if after, rerr = w.tryRows(g.shop); rerr != nil {
			w.fail("the guarded tables are not there any more: " + rerr.Error())
			w.wrong = 5
			return false
		}
	}
	wrong := ""
	switch {
	case !sighted, stale && !s.reads:
		wrong = untouched(before, after)
	default:
		wrong = raised(before, after, s)
	}
	if wrong != "" {
		w.fail(wrong)
	}
	attack := false
	if !s.ddl {
		// MariaDB 10.11 leaves its flag of more results set after some errors in
		// routines, and the driver then waits for them.
		twin := w.send(theirs, s, w.ofTwin(s.sql), 5*time.Second)
		if lost(twin) {
			goesOn = false
		}
		if text, err := w.tryRows(w.twin); err == nil && untouched(w.base, text) != "" {
			attack = true
		} else if err != nil {
			goesOn = false
		}
	}
	if attack {
		w.attacks++
		if untouched(before, after) != "" {
			w.let++
		} else if err != nil {
			w.stopped++
		}
	}
	if attack || after != w.base || s.ddl || !goesOn || g.chance(10) {
		goesOn = w.letGo(ours, theirs, goesOn)
		if s.ddl {
			w.mend()
		}
		w.restore()
	}
	return goesOn
}

// ofTwin gives a text with the name of the other database in it, also where it
// is written in hexadecimal.
func (w *slipWorld) ofTwin(text string) string {
	text = strings.ReplaceAll(text, w.gen.shop, w.twin)
	return strings.ReplaceAll(text, fmt.Sprintf("%x", w.gen.shop), fmt.Sprintf("%x", w.twin))
}

// look lets the session read all rows. Where they are to be stale somebody else
// then changes them. It gives the rows as they are then.
func (w *slipWorld) look(ours *sql.Conn, stale *bool) string {
	for _, q := range []string{"SELECT id, version FROM `" + w.gen.shop + "`.`goods`", "SELECT a, b, version FROM `" + w.gen.shop + "`.`order`"} {
		w.send(ours, slip{}, q, patience)
	}
	if *stale = *stale && w.send(ours, slip{}, "ROLLBACK", patience) == nil; *stale {
		// The session may hold them by LOCK TABLES.
		_, err := w.direct.Exec("UPDATE " + w.gen.shop + ".goods SET price=price+1, version=version+1; UPDATE " + w.gen.shop + ".`order` SET `set`=`set`+1, version=version+1")
		*stale = err == nil
	}
	return w.rows(w.gen.shop)
}

// letGo ends the transactions and locks of the sessions. It reports whether they
// can go on.
func (w *slipWorld) letGo(ours, theirs *sql.Conn, goesOn bool) bool {
	for _, c := range []*sql.Conn{ours, theirs} {
		if goesOn {
			goesOn = w.send(c, slip{}, "ROLLBACK", patience) == nil && w.send(c, slip{}, "UNLOCK TABLES", patience) == nil
		}
	}
	if !goesOn {
		w.end()
	}
	return goesOn
}

// restore makes the rows what they were.
func (w *slipWorld) restore() {
	for _, db := range []string{w.gen.shop, w.twin} {
		text := "USE " + db + ";" + slipRows + "; USE " + w.gen.shop
		var err error
		if !await(func() bool { _, err = w.direct.Exec(text); return err == nil }) {
			w.t.Fatalf("the rows cannot be restored: %v, after\n  %s", err, strings.Join(w.log, "\n  "))
		}
	}
}

// end takes both connections, and with them their locks, away.
func (w *slipWorld) end() {
	for _, id := range w.ids {
		w.direct.Exec("KILL " + strconv.FormatUint(id, 10)) // it may be gone
	}
}

// lost reports whether the connection is of no use any more.
func lost(err error) bool {
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sql.ErrConnDone)
}

func (w *slipWorld) count(err error) {
	var e *mysql.MySQLError
	switch {
	case err == nil:
		w.taken++
		w.reached++
	case !errors.As(err, &e) || !strings.HasPrefix(e.Message, "ifmatch: "):
		w.reached++
	case strings.HasPrefix(e.Message, "ifmatch: refused: "):
		w.denied++
	case strings.HasPrefix(e.Message, "ifmatch: unread row"):
		w.unreads++
	default:
		w.conflicts++
	}
}

func (w *slipWorld) fail(wrong string) {
	w.wrong++
	w.t.Errorf("%s after\n  %s", wrong, strings.Join(w.log, "\n  "))
}

// untouched says which of the rows of before is no more what it was.
func untouched(before, after string) string {
	lines := strings.Split(after, "\n")
	for row := range strings.SplitSeq(before, "\n") {
		if !slices.Contains(lines, row) {
			return fmt.Sprintf("the row %q has changed", row)
		}
	}
	return ""
}

// takes finds in a text that it may take rows away, also where another reading of it
// takes that for a string or a comment.
var takes = regexp.MustCompile(`(?i)delete|replace|truncate`)

// raised says which of the rows has changed otherwise than a guard lets it.
func raised(before, after string, s slip) string {
	now := map[string][]string{}
	for row := range strings.SplitSeq(after, "\n") {
		f := strings.SplitN(row, "\t", 3)
		now[f[0]] = f
	}
	for row := range strings.SplitSeq(before, "\n") {
		was := strings.SplitN(row, "\t", 3)
		if len(was) < 3 {
			continue
		}
		is, there := now[was[0]]
		if !there {
			if !s.takes && !takes.MatchString(s.sql) {
				return fmt.Sprintf("the row %q is gone", row)
			}
			continue
		}
		old, _ := strconv.ParseUint(was[1], 10, 64)
		version, _ := strconv.ParseUint(is[1], 10, 64)
		if !s.returns && (version < old || version == old && is[2] != was[2]) {
			return fmt.Sprintf("the row %q has become %q", row, strings.Join(is, "\t"))
		}
	}
	return ""
}

func (w *slipWorld) report() {
	w.t.Logf("%d statements: %d reached the server, %d of them without error; refused %d, unread %d, conflicts and doomed %d; %d write guarded rows where there is no proxy, of these %d did here and %d were stopped",
		w.sent, w.reached, w.taken, w.denied, w.unreads, w.conflicts, w.attacks, w.let, w.stopped)
	for what, enough := range map[string]bool{
		"reach the server":                     w.reached*100 >= w.sent*30,
		"are taken by the server":              w.taken*100 >= w.sent*15,
		"would write a guarded row":            w.attacks*100 >= w.sent*8,
		"write a guarded row that they know":   w.let*1000 >= w.sent*5,
		"would write one and are kept from it": w.stopped*100 >= w.sent*4,
	} {
		if !enough {
			w.t.Errorf("too few of the statements %s", what)
		}
	}
}
