package integration

import (
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
