package integration

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"ifmatch/integration/racing"
	"ifmatch/integration/server"
	"ifmatch/wire"
)

// fetched executes a statement with a cursor and fetches n rows at a time to the
// end: definitions and rows as they came.
func (r *raw) fetched(id uint32, n uint32, params ...wire.Param) (definitions, rows [][]byte) {
	r.t.Helper()
	answer := r.executeWith(wire.Execute{ID: id, Flags: wire.CursorReadOnly, Iterations: 1, Params: params})
	if answer[0][0] == wire.ERRHeader {
		r.t.Fatalf("execute: %q", answer[0])
	}
	columns, _ := wire.ReadLenInt(answer[0])
	definitions = answer[:1+columns]
	if status := r.status(answer[len(answer)-1]); !status.Has(wire.StatusCursorExists) {
		r.t.Fatalf("no cursor: %v", status)
	}
	for {
		r.command(wire.ComStmtFetch, statementID(id), binary.LittleEndian.AppendUint32(nil, n))
		for {
			p := r.packet()
			if p[0] == wire.ERRHeader {
				r.t.Fatalf("fetch: %q", p)
			}
			if p[0] != wire.EOFHeader {
				rows = append(rows, p)
				continue
			}
			if r.status(p).Has(wire.StatusLastRowSent) {
				return definitions, rows
			}
			break
		}
	}
}

const manyProducts = `
CREATE TABLE products(id INT PRIMARY KEY, name VARCHAR(50) NULL, price DECIMAL(10,2) NULL, made DATETIME(3) NULL, version BIGINT UNSIGNED NOT NULL DEFAULT 1);
INSERT INTO products(id, name, price, made) VALUES (1, 'pen', 1.50, '2026-01-02 03:04:05.678'), (2, NULL, NULL, NULL), (3, '', 0, NULL), (4, 'ink', -7, '2026-01-01')`

// A cursor gives through the proxy what it gives directly, and what is fetched
// from it counts as read.
func TestCursor(t *testing.T) {
	selects := []string{
		"SELECT name FROM products WHERE id > ? ORDER BY id",
		"SELECT * FROM products WHERE id > ? ORDER BY id",
		"SELECT p.made, p.price, p.name, q.name AS other FROM products p LEFT JOIN products q ON q.id = p.id + 2 WHERE p.id > ? ORDER BY p.id",
		"SELECT id, version, name FROM products WHERE id > ? ORDER BY 1 DESC",
		"SELECT id AS k, name AS version, version AS name FROM products WHERE id > ? ORDER BY 1 DESC",
		"SELECT COUNT(*) FROM products WHERE id > ?",
		"SELECT name FROM products WHERE id > ? AND 1 = 0",
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, manyProducts, byVersion)
		db := session(t, s, "root", shop, "")
		eachForm(t, func(t *testing.T, caps wire.Capability) {
			for _, text := range selects {
				for _, n := range []uint32{1, 3, 100} {
					direct, app := dial(t, s.Addr, shop, caps), dial(t, p.Addr, shop, caps)
					want, got := direct.prepare(text), app.prepare(text)
					if want.Columns != got.Columns || want.Params != got.Params {
						t.Fatalf("%s: %+v, want %+v", text, got, want)
					}
					wantDefinitions, wantRows := direct.fetched(want.ID, n, wire.NewInt(0))
					definitions, rows := app.fetched(got.ID, n, wire.NewInt(0))
					if !equalPackets(definitions, wantDefinitions) {
						t.Errorf("%s: definitions\n%q, want\n%q", text, definitions, wantDefinitions)
					}
					if !equalPackets(rows, wantRows) {
						t.Errorf("%s: rows\n%q, want\n%q", text, rows, wantRows)
					}
					if strings.Contains(text, "COUNT") || len(rows) == 0 {
						continue
					}
					execute(t, db, "UPDATE products SET version = version + 1 WHERE id = 4")
					if got := app.outcomeOf(app.query("UPDATE products SET price = 9 WHERE id = 4")); !strings.Contains(got, "version conflict") {
						t.Errorf("%s: a write behind the cursor: %s, want a conflict", text, got)
					}
				}
			}
		})
	})
}

func equalPackets(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

const manyRows = `
CREATE TABLE digits(d INT PRIMARY KEY);
INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9);
CREATE TABLE products(id INT PRIMARY KEY, name LONGTEXT NULL, version BIGINT UNSIGNED NOT NULL DEFAULT 1);
INSERT INTO products(id, name) SELECT 1 + a.d + 10*b.d + 100*c.d + 1000*e.d + 10000*f.d, REPEAT('x', 500)
  FROM digits a, digits b, digits c, digits e, digits f`

// An answer of many rows is remembered as far as max_reads goes, in memory that
// does not grow with it.
func TestManyCapturedRows(t *testing.T) {
	const rows, most = 100_000, 32 << 20 // of 50 MB
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, manyRows, byVersion)
		app := dial(t, p.Addr, shop, plainCaps|wire.ClientDeprecateEOF)
		before := p.peak(t)
		e := wire.Execute{ID: app.prepare("SELECT name FROM products ORDER BY id").ID, Iterations: 1}
		for _, ask := range []func(){
			func() { app.command(wire.ComQuery, []byte("SELECT name FROM products ORDER BY id")) },
			func() { app.command(wire.ComStmtExecute, e.Append(nil, app.caps)) },
		} {
			ask()
			if n := app.count(2); n != rows {
				t.Errorf("%d rows, want %d", n, rows)
			}
		}
		if grown := p.peak(t) - before; grown > most && !racing.Wanted() {
			t.Errorf("the proxy has taken %d MiB more", grown>>20)
		}
		app.query("SELECT name FROM products WHERE id = 1") // it was forgotten long ago
		execute(t, session(t, s, "root", shop, ""), "UPDATE products SET version = version + 1 WHERE id IN (1, 100000)")
		for _, id := range []int{1, rows} {
			got := app.outcomeOf(app.query(fmt.Sprintf("UPDATE products SET name = '' WHERE id = %d", id)))
			if !strings.Contains(got, "version conflict") {
				t.Errorf("a write to row %d behind it: %s, want a conflict", id, got)
			}
		}
		if got := app.outcomeOf(app.query("UPDATE products SET name = '' WHERE id = 2")); got != "1 affected" {
			t.Errorf("a write to a row beyond max_reads: %s", got)
		}
	})
}

// count reads over the rows of a result with these packets before them.
func (r *raw) count(before int) (rows int) {
	r.t.Helper()
	for ; ; before-- {
		p, err := r.c.ReadPayload(1 << 30)
		if err != nil || p[0] == wire.ERRHeader {
			r.t.Fatalf("%q, %v", p, err)
		}
		switch {
		case before > 0:
		case p[0] == wire.EOFHeader && len(p) < wire.MaxPhysical:
			return rows
		default:
			rows++
		}
	}
}

// peak gives the most memory that the proxy has had so far, in bytes.
func (p *Proxy) peak(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if size, found := strings.CutPrefix(line, "VmHWM:"); found {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(size), " kB"))
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatalf("no VmHWM in %s", status)
	return 0
}

// A row of many packets passes, and counts as read.
func TestLargeCapturedRow(t *testing.T) {
	const setup = `
CREATE TABLE products(id INT PRIMARY KEY, name LONGTEXT NULL, version BIGINT UNSIGNED NOT NULL DEFAULT 1);
INSERT INTO products(id, name) VALUES (1, REPEAT('x', 34000000))`
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, setup, byVersion)
		db := session(t, s, "root", shop, "")
		const text = "SELECT name FROM products"
		for name, ask := range map[string]func(r *raw) [][]byte{
			"text":     func(r *raw) [][]byte { return r.query(text) },
			"prepared": func(r *raw) [][]byte { return r.execute(r.prepare(text).ID) },
			"cursor": func(r *raw) [][]byte {
				_, rows := r.fetched(r.prepare(text).ID, 10)
				return rows
			},
		} {
			direct, app := dial(t, s.Addr, shop, plainCaps), dial(t, p.Addr, shop, plainCaps)
			want, got := ask(direct), ask(app)
			if !equalPackets(got, want) {
				t.Errorf("%s: %d packets, want %d, or another row", name, len(got), len(want))
			}
			execute(t, db, "UPDATE products SET version = version + 1")
			if got := app.outcomeOf(app.query("UPDATE products SET id = 1, name = '' WHERE id = 1")); !strings.Contains(got, "version conflict") {
				t.Errorf("%s: a write behind it: %s, want a conflict", name, got)
			}
		}
	})
}

// Names of columns come in the character set of results, those of hidden columns
// too: they are known in every one.
func TestHiddenColumnsInAnyCharset(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, manyProducts, byVersion)
		for _, charset := range []string{"utf8mb4", "latin1", "swe7", "sjis", "gbk", "ucs2", "utf16", "utf16le", "utf32", "binary", "NULL"} {
			direct, app := dial(t, s.Addr, shop, plainCaps), dial(t, p.Addr, shop, plainCaps)
			for _, text := range []string{"SET character_set_results = " + charset, "SELECT name, made FROM products ORDER BY id"} {
				if got, want := app.query(text), direct.query(text); !equalPackets(got, want) {
					t.Errorf("%s: %s gives\n%q, want\n%q", charset, text, got, want)
				}
			}
		}
	})
}
