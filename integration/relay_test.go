package integration

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"ifmatch/integration/racing"
	"ifmatch/integration/server"
	"ifmatch/wire"
)

const guardOfAnother = "tables: {shop.guarded: {version: version}}"
const another = "CREATE TABLE guarded(id INT PRIMARY KEY, version INT NOT NULL DEFAULT 1); CREATE TABLE t(id INT PRIMARY KEY, s VARCHAR(100), d DATETIME(3), f DOUBLE, b BLOB)"

var handler = regexp.MustCompile(`handler \(\d+\)`)

// What guards nothing is answered packet for packet as without the proxy.
func TestAnswersAreTheServersOwnPackets(t *testing.T) {
	text := func(s string) wire.Param { return wire.NewBytes([]byte(s)) }
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, another, guardOfAnother)
		db := session(t, s, "root", shop, "")
		eachForm(t, func(t *testing.T, caps wire.Capability) {
			script := func(addr string) (packets []string) {
				execute(t, db, "TRUNCATE TABLE t")
				r := dial(t, addr, shop, caps)
				keep := func(what string, answer [][]byte) {
					for i, p := range answer {
						if strings.HasPrefix(what, "prepare") && i == 0 {
							clear(p[1:5]) // MariaDB counts statements over all sessions
						}
						text := handler.ReplaceAllString(fmt.Sprintf("%q", p), "handler (id)")
						packets = append(packets, fmt.Sprintf("%s: packet %d: %s", what, i, text))
					}
				}
				for _, q := range []string{
					"INSERT INTO t VALUES (1, 'one', '2026-01-02 03:04:05.678', 1.5, x'00ff'), (2, NULL, NULL, NULL, NULL)",
					"SELECT * FROM t",
					"SELECT * FROM t WHERE FALSE",
					"UPDATE t SET s='uno' WHERE id=1",
					"UPDATE t SET s='uno' WHERE id=1",
					"SELECT nosuch FROM t",
					"NONSENSE",
					"",
					"SELECT 1; SELECT 2, 3; UPDATE t SET s='eins' WHERE id=1; SELECT s FROM t",
					"SELECT 1; SELECT nosuch; SELECT 3",
					"SELECT 1; SET @x=1; SAVEPOINT a; SELECT 'behind a statement that concerns the session'",
					"BEGIN", "COMMIT", "SET autocommit=0", "SELECT 1 FROM t", "ROLLBACK", "SET autocommit=1",
					"SET NAMES utf8mb4", "SET SESSION sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", `SELECT "s", '\' FROM t`, "SET SESSION sql_mode=DEFAULT",
					"USE mysql", "USE " + shop,
					"SHOW WARNINGS", "SHOW TABLES",
					"INSERT INTO t(id, s) VALUES (3, REPEAT('x', 200))", "SHOW WARNINGS",
					"CREATE TEMPORARY TABLE tmp(id INT)", "DROP TABLE tmp",
					"SELECT * FROM guarded WHERE id=1",
				} {
					keep(q, r.query(q))
				}
				for _, c := range []wire.Command{wire.ComPing, wire.ComResetConnection} {
					r.command(c)
					keep(c.String(), r.answer())
				}
				r.command(wire.ComInitDB, []byte("mysql"))
				keep("COM_INIT_DB", r.answer())
				r.command(wire.ComInitDB, []byte("no such database"))
				keep("COM_INIT_DB of none", r.answer())
				r.command(wire.ComInitDB, []byte(shop))
				keep("COM_INIT_DB back", r.answer())
				for _, option := range []byte{1, 0} { // several statements: off, on
					r.command(wire.ComSetOption, []byte{option, 0})
					p := r.packet()
					keep("COM_SET_OPTION", [][]byte{p})
					keep("several statements", r.query("SELECT 1; SELECT 2"))
				}
				insert := r.prepare("INSERT INTO t(id, s, f) VALUES (?, ?, ?)")
				keep("prepare", r.seen)
				keep("execute", r.execute(insert.ID, wire.NewInt(10), text("ten"), wire.NewNull()))
				keep("execute again", r.executeAgain(insert.ID, wire.NewInt(11), text("eleven"), wire.Param{}))
				keep("execute a duplicate", r.execute(insert.ID, wire.NewInt(10), text("ten"), wire.NewNull()))
				choose := r.prepare("SELECT id, s, f FROM t WHERE id>? ORDER BY id")
				keep("prepare SELECT", r.seen)
				keep("execute SELECT", r.execute(choose.ID, wire.NewInt(0)))
				keep("open a cursor", r.executeWith(wire.Execute{ID: choose.ID, Flags: wire.CursorReadOnly, Iterations: 1, Params: []wire.Param{wire.NewInt(0)}}))
				for range 3 {
					r.command(wire.ComStmtFetch, statementID(choose.ID), []byte{1, 0, 0, 0})
					for {
						p := r.packet()
						if p[0] == wire.EOFHeader || p[0] == wire.ERRHeader {
							break
						}
					}
					keep("fetch", r.seen)
				}
				r.command(wire.ComStmtReset, statementID(choose.ID))
				keep("reset", r.answer())
				r.command(wire.ComStmtClose, statementID(choose.ID))
				keep("execute what is closed", r.execute(choose.ID, wire.NewInt(0)))
				return packets
			}
			want, got := script(s.Addr), script(p.Addr)
			for i := range min(len(want), len(got)) {
				if want[i] != got[i] {
					t.Errorf("directly %s\n  proxied %s", want[i], got[i])
				}
			}
			if len(want) != len(got) {
				t.Errorf("%d packets directly, %d proxied", len(want), len(got))
			}
		})
	})
}

// A file of 100 MB goes to the server, and the proxy keeps none of it.
func TestLocalInfile(t *testing.T) {
	const rows, most = 100, 32 << 20
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, another, guardOfAnother)
		value := strings.Repeat("0123456789", 100_000)
		name := "big-" + s.Flavor
		mysql.RegisterReaderHandler(name, func() io.Reader {
			var parts []io.Reader
			for n := range rows {
				parts = append(parts, strings.NewReader(fmt.Sprintf("%d\t", n)), strings.NewReader(value), strings.NewReader("\n"))
			}
			return io.MultiReader(parts...)
		})
		defer mysql.DeregisterReaderHandler(name)
		app := session(t, p.server(s), "root", shop, "")
		before := p.peak(t)
		if wrong := affects(rows)(run(app, "LOAD DATA LOCAL INFILE 'Reader::"+name+"' INTO TABLE t (id, @text) SET s=SHA2(@text, 256)", shop)); wrong != "" {
			t.Fatal(wrong)
		}
		if grown := p.peak(t) - before; grown > most && !racing.Wanted() {
			t.Errorf("the proxy has taken %d MiB more", grown>>20)
		}
		if wrong := gives(fmt.Sprintf("%d|%x", rows, sha256.Sum256([]byte(value))))(run(app, "SELECT COUNT(*), MIN(s) FROM t", shop)); wrong != "" {
			t.Error(wrong)
		}
		if wrong := refused()(run(app, "LOAD DATA LOCAL INFILE 'Reader::"+name+"' REPLACE INTO TABLE guarded (id)", shop)); wrong != "" {
			t.Error(wrong)
		}
		if wrong := gives("1")(run(app, "SELECT 1", shop)); wrong != "" {
			t.Error(wrong)
		}
	})
}

func TestSeveralResults(t *testing.T) {
	const setup = products + "; CREATE PROCEDURE two() SELECT 1 AS a UNION SELECT 2"
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, setup, byVersion)
		db := session(t, s, "root", shop, "")
		execute(t, db, "CREATE PROCEDURE readers() BEGIN SELECT 1 AS a; SELECT 2, 3; SELECT 4; END")
		app := session(t, p.server(s), "root", shop, "multiStatements=true")
		for q, want := range map[string]string{
			"CALL readers()": "1 / 2|3 / 4",
			"CALL two()":     "1,2",
			"CALL readers(); SELECT 5; CALL readers()": "1 / 2|3 / 4 / 5 / 1 / 2|3 / 4",
			"SELECT 1; UPDATE products SET price=1 WHERE id=100; SELECT price, version FROM products WHERE id=100; SELECT 4": "1 / 1|2 / 4",
			"SELECT 1; /* a comment */ SELECT ';'; SELECT 3;":                                                                "1 / ; / 3",
		} {
			got, err := results(app, q)
			if err != nil || got != want {
				t.Errorf("%s gives %q, error %v; want %q", q, got, err, want)
			}
		}
		got, err := results(app, "SELECT 1; UPDATE /* ifmatch: version=7 */ products SET price=5 WHERE id=100; SELECT 3")
		var e *mysql.MySQLError
		if got != "1" || !errors.As(err, &e) || e.Number != 1020 {
			t.Errorf("a conflict between two statements: %q, error %v", got, err)
		}
		if wrong := gives("1")(run(app, "SELECT 1", shop)); wrong != "" {
			t.Error("after it: ", wrong)
		}
		execute(t, session(t, p.server(s), "root", shop, ""), "CREATE PROCEDURE writer() BEGIN SELECT 1; UPDATE products SET name='x' WHERE id=100; END")
		if wrong := refused("routine")(run(app, "CALL writer()", shop)); wrong != "" {
			t.Error(wrong)
		}
	})
}

// results gives the rows of all results of a text: values separated by '|',
// rows by ',', results by ' / '.
func results(conn *sql.Conn, q string) (string, error) {
	rows, err := conn.QueryContext(context.Background(), q)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var all []string
	for {
		columns, _ := rows.Columns()
		var some []string
		for rows.Next() {
			values := make([]string, len(columns))
			into := make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				return "", err
			}
			some = append(some, strings.Join(values, "|"))
		}
		if len(columns) > 0 || rows.Err() == nil {
			all = append(all, strings.Join(some, ","))
		}
		if !rows.NextResultSet() {
			break
		}
	}
	return strings.Join(all, " / "), rows.Err()
}

// A result of any size streams: it arrives whole and the proxy does not keep it.
func TestLargeResultInBoundedMemory(t *testing.T) {
	const most = 64 << 20
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, another, guardOfAnother)
		db := session(t, s, "root", shop, "")
		execute(t, db, "INSERT INTO t(id) VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)")
		const query = `SELECT ((((a.id*10+b.id)*10+c.id)*10+d.id)*10+e.id) AS n, REPEAT(SHA2(CONCAT(a.id, b.id, c.id, d.id, e.id), 256), 8) AS text
			FROM t a, t b, t c, t d, t e ORDER BY n`
		sum := func(to *server.Server) (n int, digest string) {
			rows, err := session(t, to, "root", shop, "").QueryContext(context.Background(), query)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			h := sha256.New()
			for rows.Next() {
				n++
				var key, text sql.RawBytes
				if err := rows.Scan(&key, &text); err != nil {
					t.Fatal(err)
				}
				add(h, key, text)
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			return n, fmt.Sprintf("%x", h.Sum(nil))
		}
		n, want := sum(s)
		m, got := sum(p.server(s))
		if n != 100_000 || m != n || got != want {
			t.Errorf("%d rows directly, %d proxied, or others", n, m)
		}
		if rss := p.resident(t); rss > most && !racing.Wanted() {
			t.Errorf("the proxy has had %d MiB, more than %d", rss>>20, most>>20)
		}
	})
}

func add(h hash.Hash, values ...[]byte) {
	for _, v := range values {
		fmt.Fprintf(h, "%d:", len(v))
		h.Write(v)
	}
}

var residentPeak = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// resident gives the most memory that the proxy has had so far, in bytes.
func (p *Proxy) resident(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	m := residentPeak.FindSubmatch(text)
	if m == nil {
		t.Fatalf("no VmHWM in %s", text)
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n << 10
}

// Values around the greatest length of one packet, and beyond it, go both ways.
func TestLargeValues(t *testing.T) {
	const packet = 1<<24 - 1
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, "CREATE TABLE plain(id INT PRIMARY KEY, s LONGTEXT); CREATE TABLE guarded(id INT PRIMARY KEY, s LONGTEXT, version INT NOT NULL DEFAULT 1)", guardOfAnother)
		db := session(t, s, "root", shop, "")
		app := session(t, p.server(s), "root", shop, "maxAllowedPacket=67108864")
		text := session(t, p.server(s), "root", shop, "maxAllowedPacket=67108864&interpolateParams=true")
		for _, table := range []string{"plain", "guarded"} {
			execute(t, db, "INSERT INTO "+table+"(id) VALUES (1)")
		}
		// What goes with the value in a command, as text and prepared, and in a row.
		command := len("\x03UPDATE guarded SET s='' WHERE id=1")
		execution := len("\x17....\x00....\x00\x01\xfe\x00\xfd...")
		row := len("\xfd...")
		var sizes []int
		for _, payload := range []int{packet - 1, packet, packet + 1} {
			sizes = append(sizes, payload-command, payload-execution, payload-row)
		}
		check := func(table string, size int, name string, conn *sql.Conn) {
			t.Helper()
			value := strings.Repeat("0123456789abcde.", size/16+1)[:size]
			execute(t, db, "UPDATE "+table+" SET s=NULL")
			execute(t, conn, "UPDATE "+table+" SET s=? WHERE id=1", value)
			var got string
			if err := app.QueryRowContext(context.Background(), "SELECT s FROM "+table+" WHERE id=1").Scan(&got); err != nil {
				t.Fatalf("%s, %d bytes, %s: %v", table, size, name, err)
			}
			if got != value {
				t.Errorf("%s, %d bytes, %s: %d bytes come back, or others", table, size, name, len(got))
			}
		}
		for name, conn := range map[string]*sql.Conn{"prepared": app, "text": text} {
			for i, size := range sizes {
				if i%3 == 2 || name == "text" && i%3 == 0 || name == "prepared" && i%3 == 1 {
					check("guarded", size, name, conn)
				}
			}
			check("guarded", 2*packet+100_000, name, conn)
		}
		check("plain", packet-row, "text", text)
		check("plain", 2*packet+100_000, "prepared", app)
		if wrong := conflict("expected version=7")(run(text, "UPDATE guarded SET s=? WHERE id=? AND version=?", shop, strings.Repeat("x", packet+1), 1, 7)); wrong != "" {
			t.Error(wrong)
		}
	})
}
