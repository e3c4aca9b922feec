package integration

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// shopOf makes a database with the setup in it and starts a proxy whose policy
// may call it shop.
func shopOf(t *testing.T, s *server.Server, setup, policy string, flags ...string) (shop string, p *Proxy) {
	t.Helper()
	shop = s.Database(t)
	db := session(t, s, "root", shop, "")
	for _, q := range statements(setup) {
		execute(t, db, q)
	}
	return shop, start(t, s, strings.ReplaceAll(policy, "shop", shop), flags...)
}

// A prepared statement has the client's own parameters, however many the guard adds.
func TestPreparedStatementHasTheClientsParameters(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, byVersion)
		app := session(t, p.server(s), "root", shop, "")
		for text, want := range map[string]int{
			"UPDATE products SET price=1 WHERE id=100":                                 0,
			"UPDATE products SET price=? WHERE id=?":                                   2,
			"UPDATE products SET price=?, version=? WHERE id=? AND version=?":          4,
			"UPDATE products SET price=?, version=version+? WHERE id=? AND in_stock>?": 4,
			"DELETE FROM products WHERE id=? AND version=?":                            2,
			"SELECT * FROM products WHERE id=? AND price>?":                            2,
		} {
			err := app.Raw(func(c any) error {
				stmt, err := c.(driver.ConnPrepareContext).PrepareContext(context.Background(), text)
				if err != nil {
					return err
				}
				defer stmt.Close()
				if n := stmt.NumInput(); n != want {
					t.Errorf("%s has %d parameters", text, n)
				}
				return nil
			})
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
	})
}

func TestPreparedParameters(t *testing.T) {
	const wide = "CREATE TABLE t(id VARCHAR(100) PRIMARY KEY, s LONGTEXT, n BIGINT UNSIGNED NULL, v INT UNSIGNED NOT NULL DEFAULT 1); INSERT INTO t(id) VALUES ('a'), ('b')"
	const policy = "tables: {shop.t: {version: v}}"
	long := strings.Repeat("long ", 1<<20)
	play(t, []scenario{
		{name: "NULL, unsigned and long ones", setup: wide, policy: policy, params: "maxAllowedPacket=4194304", steps: []step{
			do(A, "UPDATE t SET s=?, n=? WHERE id=? AND v=?", affects(1), nil, uint64(1<<64-1), "a", 1),
			do(direct, "SELECT s, n, v FROM t WHERE id='a'", gives("NULL|18446744073709551615|2")),
			do(A, "UPDATE t SET s=?, n=? WHERE id=? AND v=?", affects(1), long, nil, "a", 2),
			do(direct, "SELECT LENGTH(s), s=REPEAT('long ', 1048576), n, v FROM t WHERE id='a'", gives("5242880|1|NULL|3")),
			do(A, "UPDATE t SET s=?, n=? WHERE id=? AND v=?", conflict("id='a': expected v=2, found v=3"), long, 1, "a", 2),
			do(A, "UPDATE t SET s=?, n=? WHERE id=? AND v=? AND n>?", affects(0), long, 1, "a", 3, 5),
			do(A, "UPDATE t SET s=? WHERE id=? AND v=?", conflict("expected v=NULL, found v=3"), "x", "a", nil),
			do(A, "UPDATE t SET s=? WHERE id=?", affects(0), "x", nil),
			do(A, "UPDATE t SET s=? WHERE id=? AND n<=>?", affects(1), "x", "a", nil),
			do(A, "UPDATE t SET s=? WHERE id=? AND s=? AND v=?", affects(1), "y", "a", "x", 4),
			do(A, "UPDATE t SET s=? WHERE id=? AND s=? AND v=?", affects(0), "z", "a", "x", 4),
			do(direct, "SELECT s, v FROM t WHERE id='a'", gives("y|5")),
		}},
	})
}

// eachForm runs f with and without the capabilities that change how packets are framed.
func eachForm(t *testing.T, f func(t *testing.T, caps wire.Capability)) {
	forms := map[string]wire.Capability{
		"plain":            0,
		"deprecate_eof":    wire.ClientDeprecateEOF,
		"session_track":    wire.ClientSessionTrack,
		"query_attributes": wire.ClientQueryAttributes,
		"all":              wire.ClientDeprecateEOF | wire.ClientSessionTrack | wire.ClientQueryAttributes,
	}
	for name, caps := range forms {
		t.Run(name, func(t *testing.T) { f(t, plainCaps|caps) })
	}
}

func TestExecutionsByPacket(t *testing.T) {
	const setup = "CREATE TABLE t(id VARCHAR(100) PRIMARY KEY, s LONGTEXT, n INT, v INT NOT NULL DEFAULT 1)"
	text := func(s string) wire.Param { return wire.NewBytes([]byte(s)) }
	long := wire.Param{Type: wire.TypeBlob, Long: true}
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, setup, "tables: {shop.t: {version: v}}")
		db := session(t, s, "root", shop, "")
		eachForm(t, func(t *testing.T, caps wire.Capability) {
			execute(t, db, "DELETE FROM t")
			execute(t, db, "INSERT INTO t(id) VALUES ('a'), ('b')")
			r := dial(t, p.Addr, shop, caps)
			expect := func(what string, answer [][]byte, want string) {
				t.Helper()
				if got := r.outcomeOf(answer); !strings.Contains(got, strings.ReplaceAll(want, "shop", shop)) {
					t.Fatalf("%s: %s, want %s", what, got, want)
				}
			}
			update := r.prepare("UPDATE t SET n=? WHERE id=? AND v=?")
			if update.Params != 3 || update.Columns != 0 {
				t.Fatalf("%d parameters, %d columns", update.Params, update.Columns)
			}
			expect("before any types", r.executeAgain(update.ID, wire.NewInt(1), text("a"), wire.NewInt(1)), "1210")
			expect("first", r.execute(update.ID, wire.NewInt(1), text("a"), wire.NewInt(1)), "1 affected")
			expect("without types", r.executeAgain(update.ID, wire.NewInt(2), text("a"), wire.NewInt(2)), "1 affected")
			expect("without types, stale", r.executeAgain(update.ID, wire.NewInt(3), text("a"), wire.NewInt(2)), "1020 ifmatch: version conflict on shop.t id='a': expected v=2, found v=3")
			expect("without types, after a conflict", r.executeAgain(update.ID, wire.NewInt(3), text("a"), wire.NewInt(3)), "1 affected")
			expect("with other types", r.execute(update.ID, text("4"), text("a"), text("4")), "1 affected")
			expect("the version as a decimal", r.execute(update.ID, wire.NewInt(5), text("a"), wire.Param{Type: wire.TypeNewDecimal, Value: wire.AppendLenBytes(nil, []byte("5"))}), "1 affected")
			expect("the version as a TINY", r.execute(update.ID, wire.NewInt(6), text("a"), wire.Param{Type: wire.TypeTiny, Value: []byte{6}}), "1 affected")
			expect("a NULL key", r.execute(update.ID, wire.NewInt(7), wire.NewNull(), wire.NewInt(7)), "found no row")

			save := r.prepare("UPDATE t SET s=?, n=? WHERE id=? AND v=?")
			r.long(save.ID, 0, "of an execution that is refused, ")
			r.query("SET @ifmatch='other=1'")
			expect("long data of an execution that is not sent", r.execute(save.ID, long, wire.NewInt(8), text("a"), wire.NewInt(7)), "1290")
			r.long(save.ID, 0, "of one that compares names with a number")
			expect("long data of an execution of several rows", r.execute(save.ID, long, wire.NewInt(8), wire.NewInt(5), wire.NewInt(7)), "1292")
			r.long(save.ID, 0, "one, ")
			r.long(save.ID, 0, "two, ")
			r.long(save.ID, 2, "a")
			r.long(save.ID, 0, "three")
			expect("long data, also in the key", r.execute(save.ID, long, wire.NewInt(8), long, wire.NewInt(7)), "1 affected")
			expect("that are spent", r.execute(save.ID, text("short"), wire.NewInt(8), text("a"), wire.NewInt(7)), "expected v=7, found v=8")
			r.long(save.ID, 0, "never used")
			r.command(wire.ComStmtReset, statementID(save.ID))
			expect("reset", r.answer(), "0 affected")
			expect("after a reset", r.execute(save.ID, text("short"), wire.NewInt(9), text("b"), wire.NewInt(1)), "1 affected")

			remove := r.prepare("DELETE FROM t WHERE id=? AND v=?")
			choose := r.prepare("SELECT n FROM t WHERE id=?")
			expect("statements interleaved: a stale DELETE", r.execute(remove.ID, text("b"), wire.NewInt(1)), "expected v=1, found v=2")
			expect("a SELECT between them", r.execute(choose.ID, text("b")), "packets")
			expect("the DELETE again", r.executeAgain(remove.ID, text("b"), wire.NewInt(2)), "1 affected")
			r.command(wire.ComStmtClose, statementID(remove.ID))
			expect("closed", r.execute(remove.ID, text("b"), wire.NewInt(2)), "1243")
			expect("the others go on", r.execute(update.ID, wire.NewInt(10), text("a"), wire.NewInt(8)), "1 affected")
			o := run(db, "SELECT id, s, n, v FROM t", shop)
			if wrong := gives("a|one, two, three|10|9")(o); wrong != "" {
				t.Error(wrong)
			}
		})
	})
}

func TestAHundredPreparedStatements(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, byVersion)
		app := session(t, p.server(s), "root", shop, "")
		before := preparedCount(t, s)
		var all []*sql.Stmt
		for i := range 100 {
			// Each has its own shape.
			stmt, err := app.PrepareContext(context.Background(), "UPDATE products SET price=?"+strings.Repeat("+0", i)+" WHERE id=?")
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, stmt)
		}
		for i, stmt := range all {
			res, err := stmt.Exec(i, 100+i%3)
			if err != nil {
				t.Fatal(err)
			}
			if n, _ := res.RowsAffected(); n != 1 {
				t.Fatalf("statement %d has affected %d rows", i, n)
			}
		}
		for _, stmt := range all {
			if err := stmt.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if wrong := gives("103|99")(run(app, "SELECT SUM(version), MAX(price) FROM products", shop)); wrong != "" {
			t.Error(wrong)
		}
		if !await(func() bool { return preparedCount(t, s) <= before }) {
			t.Errorf("%d statements stay prepared at the server, %d were before", preparedCount(t, s), before)
		}
	})
}

// preparedCount gives the number of statements that are prepared at the server.
func preparedCount(t testing.TB, s *server.Server) (n int) {
	t.Helper()
	var name string
	if err := s.Open(t, "").QueryRow("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'").Scan(&name, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A statement that was prepared under one policy is executed under the next.
func TestPreparedStatementsFollowTheReload(t *testing.T) {
	const guarded = "tables: {shop.products: {version: version}}"
	const strict = "tables: {shop.products: {version: version, unread: refuse}}"
	const none = "tables: {}"
	const byName = "tables: {shop.products: {key: [name], version: version}}"
	for _, c := range []struct {
		name, before, after string
		first, second       want
		version             string // at the end
	}{
		{"a guard is added", none, guarded, affects(1), affects(1), "2"},
		{"a guard is removed", guarded, none, affects(1), affects(1), "2"},
		{"a guard stays", guarded, guarded + " # again", affects(1), affects(1), "3"},
		{"a guard is changed", guarded, strict, affects(1), unread("id=100"), "2"},
		{"it is one of several rows now", guarded, byName, affects(1), affects(1), "3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server.Each(t, func(t *testing.T, s *server.Server) {
				shop, p := shopOf(t, s, products+"; ALTER TABLE products ADD UNIQUE (name), MODIFY name VARCHAR(50) NOT NULL", c.before)
				app := session(t, p.server(s), "root", shop, "")
				stmt, err := app.PrepareContext(context.Background(), "UPDATE products SET price=? WHERE id=?")
				if err != nil {
					t.Fatal(err)
				}
				if wrong := c.first(executed(stmt, shop, 1, 100)); wrong != "" {
					t.Fatal(wrong)
				}
				if !p.reload(t, strings.ReplaceAll(c.after, "shop", shop)) {
					t.Fatal("the policy is not taken")
				}
				if wrong := c.second(executed(stmt, shop, 2, 100)); wrong != "" {
					t.Fatal(wrong)
				}
				if wrong := gives(c.version)(run(app, "SELECT version FROM products WHERE id=100", shop)); wrong != "" {
					t.Error(wrong)
				}
				if !p.reload(t, strings.ReplaceAll(none, "shop", shop)) {
					t.Fatal("the policy is not taken")
				}
				if wrong := affects(1)(executed(stmt, shop, 77, 100)); wrong != "" {
					t.Error("back without a guard: ", wrong)
				}
			})
		})
	}
}

// The types of parameters and long data that the server has had belong to the
// statement as it was prepared under the old policy.
func TestReloadBetweenPackets(t *testing.T) {
	const guarded = "tables: {shop.products: {version: version}}"
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, guarded)
		db := session(t, s, "root", shop, "")
		reload := func(policy string) {
			t.Helper()
			if !p.reload(t, strings.ReplaceAll(policy, "shop", shop)) {
				t.Fatal("the policy is not taken")
			}
		}
		eachForm(t, func(t *testing.T, caps wire.Capability) {
			execute(t, db, "UPDATE products SET version=1, name='pen' WHERE id=100")
			reload(guarded)
			r := dial(t, p.Addr, shop, caps)
			expect := func(what string, answer [][]byte, want string) {
				t.Helper()
				if got := r.outcomeOf(answer); !strings.Contains(got, want) {
					t.Fatalf("%s: %s, want %s", what, got, want)
				}
			}
			update := r.prepare("UPDATE products SET name=? WHERE id=?")
			key, long := wire.NewInt(100), wire.Param{Type: wire.TypeBlob, Long: true}
			name := func(s string) wire.Param { return wire.NewBytes([]byte(s)) }
			expect("guarded", r.execute(update.ID, name("a"), key), "1 affected")
			reload("tables: {}")
			expect("without a guard and without types", r.executeAgain(update.ID, name("b"), key), "1 affected")
			expect("and again", r.executeAgain(update.ID, name("c"), key), "1 affected")
			reload(guarded)
			expect("with a guard and without types", r.executeAgain(update.ID, name("d"), key), "1 affected")
			if wrong := gives("d|3")(run(db, "SELECT name, version FROM products WHERE id=100", shop)); wrong != "" {
				t.Error(wrong)
			}
			r.long(update.ID, 0, "lost")
			reload("tables: {}")
			expect("long data from before the reload", r.execute(update.ID, long, key), "1290 ifmatch: refused: the policy has changed")
			r.long(update.ID, 0, "sent")
			expect("and sent again", r.execute(update.ID, long, key), "1 affected")
			reload(guarded)
			r.command(wire.ComInitDB, []byte("mysql"))
			expect("another database", r.answer(), "0 affected")
			expect("prepared in one database, executed in another", r.execute(update.ID, name("e"), key), "1290 ifmatch: refused: the policy has changed")
			r.command(wire.ComInitDB, []byte(shop))
			expect("back", r.answer(), "0 affected")
			expect("and executed", r.execute(update.ID, name("e"), key), "1 affected")
			if wrong := gives("e|4")(run(db, "SELECT name, version FROM products WHERE id=100", shop)); wrong != "" {
				t.Error(wrong)
			}
		})
	})
}

func executed(stmt *sql.Stmt, shop string, args ...any) outcome {
	res, err := stmt.Exec(args...)
	if err != nil {
		return outcome{err: err, shop: shop}
	}
	n, _ := res.RowsAffected()
	id, _ := res.LastInsertId()
	return outcome{affected: n, insertID: id, shop: shop}
}

func TestAReloadWithAWrongPolicyKeepsTheOld(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, "tables: {shop.products: {version: version, unread: refuse}}")
		app := session(t, p.server(s), "root", shop, "")
		for _, wrong := range []string{
			"tables: {shop.products: {version: no_such_column}}",
			"tables: {shop.no_such_table: {version: version}}",
			"tables: {shop.products: {vresion: version}}",
			"tables: [",
		} {
			if p.reload(t, strings.ReplaceAll(wrong, "shop", shop)) {
				t.Fatalf("%q is taken", wrong)
			}
			if wrong := unread()(run(app, "UPDATE products SET price=1 WHERE id=100", shop)); wrong != "" {
				t.Fatal(wrong)
			}
		}
		if !contains(get(t, "http://"+p.Admin+"/metrics"), "ifmatch_policy_last_reload_successful 0") {
			t.Error("the metrics do not tell the reload that failed")
		}
		if !p.reload(t, fmt.Sprintf("tables: {%s.products: {version: version}}", shop)) {
			t.Fatal("a right policy is not taken after a wrong one")
		}
		if wrong := affects(1)(run(app, "UPDATE products SET price=1 WHERE id=100", shop)); wrong != "" {
			t.Error(wrong)
		}
		if !contains(get(t, "http://"+p.Admin+"/metrics"), "ifmatch_policy_last_reload_successful 1") {
			t.Error("the metrics do not tell the reload")
		}
	})
}
