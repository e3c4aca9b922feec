package integration

import (
	"fmt"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// A text of several statements on guarded tables is answered packet for packet as the
// server itself does: each statement by itself, in order, up to the first error.
func TestSeveralStatementsByPacket(t *testing.T) {
	texts := []string{
		"UPDATE products SET price=1 WHERE id=100; SELECT price FROM products WHERE id=100; UPDATE products SET price=2 WHERE id=101",
		"SELECT 1; SELECT 2; SELECT id, name FROM products ORDER BY id",
		"SET @x=1; SELECT @x; UPDATE products SET price=9 WHERE id=999;",
		"UPDATE products SET price=3 WHERE id=100; SELEC 1; UPDATE products SET price=4 WHERE id=101",
		"UPDATE products SET nonsense=3 WHERE id=100; UPDATE products SET price=4 WHERE id=101",
		"INSERT INTO products(id, name) VALUES (200, 'x'), (201, 'y'); SELECT 5; DELETE FROM products WHERE id=200",
		"BEGIN; UPDATE products SET price=6 WHERE id=102; SAVEPOINT s; UPDATE products SET price=7 WHERE id=102; ROLLBACK TO s; COMMIT; SELECT price FROM products",
		"SET autocommit=0; UPDATE products SET price=8 WHERE id=102; ROLLBACK; SET autocommit=1; SELECT 1",
		"DELETE FROM products WHERE id=100; SELECT ROW_COUNT(); DELETE FROM products WHERE id=100; SELECT ROW_COUNT()",
		"PREPARE q FROM 'UPDATE products SET price=? WHERE id=101'; SET @p=3; EXECUTE q USING @p; DEALLOCATE PREPARE q; SELECT price FROM products WHERE id=101",
		"SELECT name FROM products WHERE id=100 INTO @name; SELECT @name; SHOW WARNINGS",
		"UPDATE products SET price=11 WHERE id IN (100, 101); SELECT price FROM products",
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, byVersion)
		db := session(t, s, "root", shop, "")
		eachForm(t, func(t *testing.T, caps wire.Capability) {
			for _, text := range texts {
				var answers [2][][]byte
				for i, addr := range []string{s.Addr, p.Addr} {
					execute(t, db, "DELETE FROM products")
					execute(t, db, "INSERT INTO products(id, name, price) VALUES (100, 'pen', 99), (101, 'ink', 5), (102, 'cap', 7)")
					answers[i] = dial(t, addr, shop, caps).query(text)
				}
				want, got := answers[0], answers[1]
				if len(got) != len(want) {
					t.Errorf("%s\n%d packets: %q\nwant %d: %q", text, len(got), got, len(want), want)
					continue
				}
				for i := range want {
					if g, w := bare(t, got[i]), bare(t, want[i]); g != w {
						t.Errorf("%s\npacket %d is %q\nwant %q", text, i, g, w)
					}
				}
			}
		})
	})
}

// bare gives a packet without what an error quotes of the text.
func bare(t *testing.T, p []byte) string {
	if p[0] != wire.ERRHeader {
		return string(p)
	}
	return string(p[:min(len(p), 9)]) // code and state
}

// A parameter marker in a text that is not prepared is a syntax error of the client's own
// text.
func TestMarkersInTexts(t *testing.T) {
	const setup = products + `; CREATE TABLE orders(id BIGINT PRIMARY KEY, total INT);
CREATE TABLE volumes(id INT PRIMARY KEY, status VARCHAR(20), version BIGINT UNSIGNED NOT NULL DEFAULT 1)`
	const policy = `
tables:
  shop.products: {version: version}
  shop.orders: {number: {column: id, counter: /markers}}
  shop.volumes: {version: version, status: {column: status, initial: [creating], transitions: [{to: ready, from: [creating]}]}}`
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, setup, policy)
		direct, app := dial(t, s.Addr, shop, plainCaps), dial(t, p.Addr, shop, plainCaps)
		for _, text := range []string{
			"UPDATE products SET price=? WHERE id=100",
			"UPDATE products SET price=1 WHERE id=? AND version=1",
			"UPDATE products SET price=1 WHERE id=100 AND version=?",
			"UPDATE products SET price=1, version=? WHERE id=100",
			"UPDATE products SET price=1 WHERE price<?",
			"UPDATE products SET price=1 WHERE id=100 AND name='?' AND price IN (?, 2)",
			"UPDATE products p JOIN orders o ON o.id=p.id SET p.price=? WHERE o.total=1",
			"UPDATE volumes SET status=? WHERE id=1",
			"DELETE FROM products WHERE id=?",
			"INSERT INTO products(id) VALUES (?)",
			"INSERT INTO products(id) VALUES (?) ON DUPLICATE KEY UPDATE price=1",
			"INSERT INTO products(id) VALUES (1) ON DUPLICATE KEY UPDATE price=?",
			"INSERT INTO volumes(id, status) VALUES (1, ?)",
			"INSERT INTO orders(total) VALUES (?)",
			"REPLACE INTO products(id, price) VALUES (?, 1)",
			"SELECT name FROM products WHERE id=?",
			"SELECT 1; UPDATE products SET price=? WHERE id=100",
		} {
			want, got := packetsOf(text, direct.query(text)), packetsOf(text, app.query(text))
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%v\ndirectly %v", got, want)
			}
		}
		// A mark that is none.
		if got := app.outcomeOf(app.query("UPDATE products SET name='?' /* ? */ WHERE id=100")); got != "1 affected" {
			t.Error(got)
		}
		if wrong := gives("?|2")(run(session(t, s, "root", shop, ""), "SELECT name, version FROM products WHERE id=100", "")); wrong != "" {
			t.Error(wrong)
		}
	})
}
