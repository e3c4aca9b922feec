package integration

import (
	"fmt"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// most is the greatest number of parameters of a statement.
const most = 65535

// crowd executes text, in which %s stands for as many markers as there is room for, twice:
// with the first values, and with the second. Fillers are numbers from 1000 on.
func (r *raw) crowd(text string, params int, before int, first, second []any) string {
	r.t.Helper()
	fill := params - len(first)
	r.command(wire.ComStmtPrepare, []byte(fmt.Sprintf(text, "?"+strings.Repeat(",?", fill-1))))
	got := r.prepared()
	if !strings.HasPrefix(got, "prepared") {
		return got
	}
	if want := fmt.Sprintf("prepared, %d parameters", params); got != want {
		r.t.Errorf("%s, want %s", got, want)
	}
	id := lastID(r)
	var said []string
	for _, given := range [][]any{first, second} {
		values := make([]wire.Param, 0, params)
		add := func(v any) {
			switch v := v.(type) {
			case int:
				values = append(values, wire.NewInt(int64(v)))
			case string:
				values = append(values, wire.NewBytes([]byte(v)))
			}
		}
		for _, v := range given[:before] {
			add(v)
		}
		for i := range fill {
			add(1000 + i)
		}
		for _, v := range given[before:] {
			add(v)
		}
		said = append(said, r.outcomeOf(r.execute(id, values...)))
	}
	r.command(wire.ComStmtClose, statementID(id))
	return strings.Join(said, ", then ")
}

// A statement that is guarded may have as many parameters as any, though the guard has some
// of its own.
func TestManyParameters(t *testing.T) {
	const setup = products + `; CREATE TABLE plain LIKE products; INSERT INTO plain SELECT * FROM products;
CREATE TABLE volumes(id INT PRIMARY KEY, status VARCHAR(20), n INT, version BIGINT UNSIGNED NOT NULL DEFAULT 1); INSERT INTO volumes VALUES (1, 'creating', 1, 1);
CREATE TABLE digests(id INT PRIMARY KEY, n INT); INSERT INTO digests VALUES (1, 1), (2, 2)`
	const policy = `
tables:
  shop.products: {version: version}
  shop.volumes: {version: version, status: {column: status, initial: [creating], transitions: [{to: ready, from: [creating]}]}}
  shop.digests: {version: {digest: all}}`
	const save = "UPDATE products SET price=? WHERE id=? AND version=? AND price NOT IN (%s)"
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, setup, policy)
		direct, app := dial(t, s.Addr, shop, plainCaps), dial(t, p.Addr, shop, plainCaps)
		db := session(t, s, "root", shop, "")
		again := func() {
			execute(t, db, "REPLACE INTO products(id, name, price, version) VALUES (100, 'pen', 99, 1), (101, 'ink', 5, 1)")
			execute(t, db, "UPDATE plain SET price=99, version=1")
		}
		before := preparedCount(t, s)
		for _, params := range []int{1000, most, most + 1} {
			again()
			plain := strings.ReplaceAll(save, "products", "plain")
			want := direct.crowd(plain, params, 3, []any{1, 100, 1}, []any{2, 100, 1})
			again()
			if got := app.crowd(plain, params, 3, []any{1, 100, 1}, []any{2, 100, 1}); got != want {
				t.Errorf("%d parameters, not guarded: %s, want %s", params, got, want)
			}
		}
		conflict := "1020 " + versionConflict(shop+".products", 100, 1, 2)
		for _, c := range []struct {
			name, read    string
			text          string
			params        int
			before        int
			first, second []any
			want          string
			maria         bool // tried with MariaDB only
		}{
			{"a few", "", save, 1000, 3, []any{1, 100, 1}, []any{2, 100, 1}, "1 affected, then " + conflict, true},
			{"nearly all", "", save, most - 535, 3, []any{1, 100, 1}, []any{2, 100, 1}, "1 affected, then " + conflict, true},
			{"all", "", save, most, 3, []any{1, 100, 1}, []any{2, 100, 1}, "1 affected, then " + conflict, false},
			{"a hint", "", strings.Replace(save, "UPDATE", "UPDATE /* ifmatch: version=1 */", 1), most, 3, []any{1, 100, 1}, []any{2, 100, 1}, "1 affected, then 1020 ", true},
			{"a row saved back", "", "UPDATE products SET price=?, version=? WHERE id=? AND price NOT IN (%s)", most, 3, []any{1, 1, 100}, []any{2, 1, 100}, "1 affected, then " + conflict, false},
			{"what was read", "SELECT id FROM products", "UPDATE products SET price=? WHERE id=? AND price NOT IN (%s)", most, 2, []any{1, 100}, []any{2, 101}, "1 affected, then 1 affected", false},
			{"DELETE", "", "DELETE FROM products WHERE id=? AND version=? AND price NOT IN (%s)", most, 2, []any{100, 2}, []any{100, 1},
				"1020 " + versionConflict(shop+".products", 100, 2, 1) + ", then 1 affected", false},
			{"several rows", "SELECT id FROM products", "UPDATE products SET price=? WHERE id IN (100, 101) AND price NOT IN (%s)", most, 1, []any{1}, []any{2}, "2 affected, then 2 affected", false},
			{"several rows unread", "", "UPDATE products SET price=? WHERE id<? AND price NOT IN (%s)", most, 2, []any{1, 102}, []any{2, 102}, "2 affected, then 2 affected", true},
			{"an upsert", "SELECT id FROM products", "INSERT INTO products(id, price) VALUES (?, GREATEST(?, %s)) ON DUPLICATE KEY UPDATE price=0", most, 2, []any{100, 1}, []any{999, 2}, "2 affected, then 1 affected", false},
			{"REPLACE", "SELECT id FROM products", "REPLACE INTO products(id, price) VALUES (?, GREATEST(?, %s))", most, 2, []any{100, 1}, []any{999, 2}, "2 affected, then 2 affected", true},
			{"a digest", "SELECT * FROM digests", "UPDATE digests SET n=n+2 WHERE id=? AND n NOT IN (%s)", most, 1, []any{1}, []any{2}, "1 affected, then 1 affected", true},
			{"a state as a constant", "", "UPDATE volumes SET status='ready' WHERE id=? AND n NOT IN (%s)", most, 1, []any{1}, []any{1}, "1 affected, then 1644 ", false},
			{"a state as a parameter", "", "UPDATE volumes SET status=? WHERE id=? AND n NOT IN (%s)", most, 2, []any{"ready", 1}, []any{"ready", 1},
				"1290 ifmatch: refused: the guard would need more than 65,535 parameters", false},
		} {
			if s.Flavor == server.FlavorMySQL && c.maria {
				continue // it takes its time to prepare so many
			}
			again()
			if c.read != "" {
				app.query(c.read)
			}
			if got := app.crowd(c.text, c.params, c.before, c.first, c.second); !strings.HasPrefix(got, c.want) {
				t.Errorf("%s: %s, want %s", c.name, got, c.want)
			}
			app.command(wire.ComResetConnection) // forgets what was read
			app.answer()
		}
		if n := preparedCount(t, s); n != before {
			t.Errorf("the server has %d prepared statements, before it had %d", n, before)
		}
	})
}

// Long data, and a new policy, between executions of a statement with so many parameters.
func TestManyParametersInOtherWays(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, "tables: {}")
		r := dial(t, p.Addr, shop, plainCaps)
		id := r.prepare("UPDATE products SET name=? WHERE id=? AND price NOT IN (?" + strings.Repeat(",?", most-3) + ")").ID
		values := make([]wire.Param, most)
		for i := range values {
			values[i] = wire.NewInt(int64(1000 + i))
		}
		values[1] = wire.NewInt(100)
		outcome := func(name wire.Param) string {
			values[0] = name
			return r.outcomeOf(r.execute(id, values...))
		}
		long := wire.Param{Type: wire.TypeBlob, Long: true}
		for i, policy := range []string{"tables: {}", byVersion, byVersion + " # again", "tables: {}"} {
			if !p.reload(t, strings.ReplaceAll(policy, "shop", shop)) {
				t.Fatal("the policy is not taken")
			}
			if got := outcome(wire.NewBytes([]byte(fmt.Sprint("name", i)))); got != "1 affected" {
				t.Errorf("under policy %d: %s", i, got)
			}
			r.long(id, 0, fmt.Sprint("long", i))
			if got := outcome(long); got != "1 affected" {
				t.Errorf("long data under policy %d: %s", i, got)
			}
			o := run(session(t, s, "root", shop, ""), "SELECT name FROM products WHERE id=100", "")
			if wrong := gives(fmt.Sprint("long", i))(o); wrong != "" {
				t.Errorf("under policy %d: %s", i, wrong)
			}
		}
		if !p.reload(t, strings.ReplaceAll(byVersion, "shop", shop)) {
			t.Fatal("the policy is not taken")
		}
		outcome(wire.NewBytes([]byte("guarded")))
		r.long(id, 0, strings.Repeat("x", 5000))
		if got := outcome(long); !strings.HasPrefix(got, "1290 ifmatch: refused: a parameter of a statement with so many came as long data") {
			t.Errorf("data that is too long to be kept: %s", got)
		}
		if got := outcome(wire.NewBytes([]byte("behind it"))); got != "1 affected" {
			t.Errorf("behind it: %s", got)
		}
	})
}
