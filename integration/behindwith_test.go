package integration

import (
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// What stands around UPDATE and DELETE: WITH before them (MySQL), RETURNING behind DELETE
// and SET STATEMENT (MariaDB).
func TestAroundWrites(t *testing.T) {
	play(t, []scenario{
		{name: "WITH", only: "mysql", setup: products, policy: byVersion, steps: []step{
			do(A, "SELECT price FROM products WHERE id=100", gives("99")),
			do(A, "WITH more AS (SELECT 5 AS n) UPDATE products SET price=(SELECT n FROM more) WHERE id=100", affects(1)),
			do(A, "SELECT ROW_COUNT()", gives("1")),
			do(A, "WITH more AS (SELECT ? AS n) UPDATE products SET price=(SELECT n FROM more) WHERE id=? AND version=?", affects(1), 6, 100, 2),
			do(direct, "UPDATE products SET version=9 WHERE id=100", affects(1)),
			do(A, "WITH more AS (SELECT 5 AS n) UPDATE products SET price=(SELECT n FROM more) WHERE id=100", conflict("expected version=3, found version=9")),
			do(A, "WITH more AS (SELECT ? AS n) DELETE FROM products WHERE id=?", conflict("expected version=3, found version=9"), 1, 100),
			do(A, "WITH a AS (SELECT 1), b AS (SELECT * FROM products) DELETE FROM products WHERE id=101 AND version=1", affects(1)),
			do(A, "WITH a AS (SELECT 102 AS id) UPDATE products SET price=1 WHERE id=(SELECT id FROM a)", refused("behind WITH")),
			do(A, "WITH a AS (SELECT 102 AS id) UPDATE products JOIN a ON a.id=products.id SET price=1", refused("behind WITH")),
			do(A, "WITH a AS (SELECT @n := 1 AS id) UPDATE products SET price=1 WHERE id=102", refused("an assignment")),
			do(A, "WITH products AS (SELECT 102 AS id, 1 AS price, 1 AS version) UPDATE products SET price=1 WHERE id=102", fails(1288, "HY000")),
			do(direct, "SELECT id, price, version FROM products ORDER BY id", gives("100|6|9", "102|7|1")),
		}},
		{name: "WITH that the server does not know", only: "mariadb", setup: products, policy: byVersion, steps: []step{
			do(A, "WITH more AS (SELECT 5 AS n) UPDATE products SET price=5 WHERE id=100", fails(1064, "42000")),
		}},
		{name: "RETURNING", only: "mariadb", setup: products, policy: byVersion, steps: []step{
			do(A, "SELECT price FROM products WHERE id=100", gives("99")),
			do(direct, "UPDATE products SET version=5 WHERE id=100", affects(1)),
			do(A, "DELETE FROM products WHERE id=100 RETURNING id", conflict("expected version=1, found version=5")),
			do(A, "SHOW WARNINGS", matches("Error", "1020")),
			do(A, "DELETE FROM products WHERE id=100 AND version=5 RETURNING id, price+1 AS more, name", gives("100|100|pen")),
			do(A, "SELECT ROW_COUNT()", gives("-1")),
			do(A, "DELETE FROM products WHERE id=100 RETURNING id", gives()),
			do(A, "DELETE FROM products WHERE id=101 AND price>50 RETURNING *", gives()),
			do(A, "DELETE FROM products WHERE id=? AND price>? RETURNING name", gives("ink"), 101, 1),
			do(A, "DELETE FROM products WHERE id=? AND version=? RETURNING name", conflict("expected version=7, found version=1"), 102, 7),
			do(A, "BEGIN", fine),
			do(A, "DELETE FROM products WHERE id=102 AND version=1 RETURNING name", gives("cap")),
			do(A, "DELETE FROM products WHERE id=102 AND version=1 RETURNING name", conflict("found no row")),
			do(A, "SELECT 1", doomed()),
			do(A, "ROLLBACK", fine),
			do(A, "DELETE FROM products WHERE price<50 RETURNING id", refused("RETURNING")),
			do(A, "PREPARE q FROM 'DELETE FROM products WHERE id=102 RETURNING id'", fine),
			do(A, "EXECUTE q", refused("RETURNING")),
			do(direct, "SELECT id FROM products", gives("102")),
		}},
		{name: "RETURNING of an observed table", only: "mariadb", setup: products, policy: "tables: {shop.products: {version: version, mode: observe}}", steps: []step{
			do(A, "DELETE FROM products WHERE id=100 RETURNING id", gives("100")),
		}},
		{name: "RETURNING that fails", only: "mariadb", setup: products + "; CREATE TABLE kept(p INT, FOREIGN KEY (p) REFERENCES products(id)); INSERT INTO kept VALUES (100)", policy: byVersion, steps: []step{
			do(A, "DELETE FROM products WHERE id=100 AND version=1 RETURNING id", fails(1451, "23000")),
			do(A, "SELECT 1", gives("1")),
		}},
		{name: "SET STATEMENT and compound statements", only: "mariadb", setup: products + "; CREATE TABLE notes(id INT PRIMARY KEY, t VARCHAR(20)); INSERT INTO notes VALUES (1, 'a')", policy: byVersion, steps: []step{
			do(A, "SET STATEMENT max_statement_time=9 FOR UPDATE products SET price=1 WHERE id=100", refused("send the write by itself")),
			do(A, "SET STATEMENT max_statement_time=9 FOR UPDATE notes SET t='b' WHERE id=1", affects(1)),
			do(A, "BEGIN NOT ATOMIC UPDATE products SET price=1 WHERE id=100; END", refused("send the write by itself")),
			do(A, "BEGIN NOT ATOMIC UPDATE notes SET t='c' WHERE id=1; END", fine),
			do(A, "BEGIN NOT ATOMIC PREPARE q FROM 'UPDATE notes SET t=1'; EXECUTE q; END", refused("PREPARE or EXECUTE")),
			do(A, "IF (SELECT COUNT(*) FROM products) > 0 THEN UPDATE notes SET t='d' WHERE id=1; END IF", refused()),
			do(A, "FOR i IN 1..2 DO INSERT INTO notes VALUES (i+1, 'e'); END FOR", fine),
			do(A, "SOMETHING NEW products", refused("begins with SOMETHING")),
			do(A, "SOMETHING NEW notes", fails(1064, "42000")),
			do(direct, "SELECT COUNT(*), MIN(t), MAX(t) FROM notes", gives("3|c|e")),
			do(direct, "SELECT SUM(version) FROM products", gives("3")),
		}},
	})
}

// DELETE … RETURNING in every framing, packet for packet.
func TestReturningByPacket(t *testing.T) {
	s := server.MariaDB(t)
	shop, p := shopOf(t, s, products, byVersion)
	db := session(t, s, "root", shop, "")
	eachForm(t, func(t *testing.T, caps wire.Capability) {
		execute(t, db, "DELETE FROM products")
		execute(t, db, "INSERT INTO products(id, name, version) VALUES (1, 'a', 1), (2, 'b', 1)")
		r, around := dial(t, p.Addr, shop, caps), dial(t, s.Addr, shop, caps)
		for _, q := range []struct{ guarded, plain string }{
			{"DELETE FROM products WHERE id=1 AND version=1 RETURNING id, name", "DELETE FROM products WHERE id=2 AND version=1 RETURNING id-1 AS id, 'a' AS name"},
			{"DELETE FROM products WHERE id=1 AND price=5 RETURNING id", "DELETE FROM products WHERE id=1 AND price=5 RETURNING id"},
		} {
			got, want := r.query(q.guarded), around.query(q.plain)
			if len(got) != len(want) {
				t.Fatalf("%s: %d packets, want %d: %q", q.guarded, len(got), len(want), got)
			}
			if last := len(got) - 1; string(got[last]) != string(want[last]) || string(got[last-1]) != string(want[last-1]) {
				t.Errorf("%s: ends in %q, want %q", q.guarded, got[last-1:], want[last-1:])
			}
		}
		execute(t, db, "INSERT INTO products(id, name, version) VALUES (3, 'c', 2)")
		got := r.query("SELECT 1; DELETE FROM products WHERE id=3 AND version=2 RETURNING name; SELECT 2")
		want := around.query("SELECT 1; SELECT 'c' AS name; SELECT 2")
		if len(got) != len(want) {
			t.Errorf("within a text of several: %d packets, want %d: %q", len(got), len(want), got)
		}
		if e, err := wire.ParseERR(r.query("DELETE FROM products WHERE id=1 AND version=1 RETURNING id")[0], r.caps); err != nil || e.Code != 1020 {
			t.Errorf("a row that is gone: %+v, %v", e, err)
		}
	})
}
