package integration

import (
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

const (
	byDigest    = "tables: {shop.products: {version: {digest: all}}}"
	ofTheirOwn  = "defaults: {scope: transaction}\ntables: {shop.products: {version: version}}"
	ofContexts  = "defaults: {scope: context}\ntables: {shop.products: {version: version}}"
	mustBeRead  = "defaults: {unread: refuse}\ntables: {shop.products: {version: version, ignore: [last_seen]}}"
	bumpsByUUID = "tables: {shop.docs: {version: {column: etag, bump: uuid}}}"
	docs        = "CREATE TABLE docs(id INT PRIMARY KEY, body VARCHAR(20), etag VARCHAR(36) NOT NULL DEFAULT (UUID())); INSERT INTO docs(id, body) VALUES (1, 'a')"
)

func TestReadsInTransactions(t *testing.T) {
	stale := conflict("expected version=1, found version=2")
	play(t, []scenario{
		{name: "what a transaction wrote is unread after ROLLBACK, though it read it", setup: products, policy: byVersion, steps: []step{
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
			do(A, "SELECT price FROM products WHERE id=100", gives("1")),
			do(A, "SHOW IFMATCH READS", matches("session|shop.products|id=100|version=2")),
			do(A, "ROLLBACK", fine),
			do(A, "SHOW IFMATCH READS", gives()),
			do(B, "UPDATE products SET price=2 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=3 WHERE id=100", affects(1)),
		}},
		{name: "a relative write needs no expectation, but a row that was read has to be there", setup: products, policy: byVersion, steps: []step{
			do(A, "UPDATE products SET in_stock = in_stock - 1 WHERE id=999", affects(0)),
			do(A, "SELECT name FROM products WHERE id=100", fine),
			do(direct, "UPDATE products SET version=7 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET in_stock = in_stock - 1 WHERE id=100 AND in_stock > 1000", affects(0)),
			do(A, "UPDATE products SET in_stock = in_stock - 1 WHERE id=100", affects(1)),
			do(direct, "DELETE FROM products WHERE id=100", affects(1)),
			do(A, "UPDATE products SET in_stock = in_stock - 1 WHERE id=100", conflict("expected version=1, found no row")),
			do(A, "UPDATE products SET in_stock = in_stock - ? WHERE id=?", conflict("expected version=1, found no row"), 1, 100),
		}},
		{name: "a key that was renamed by case alone stands in nobody's way", setup: "CREATE TABLE products(id VARCHAR(10) PRIMARY KEY, price INT, version INT NOT NULL DEFAULT 1); INSERT INTO products(id, price) VALUES ('a', 1)", policy: byVersion, steps: []step{
			do(A, "SELECT price FROM products WHERE id='a'", gives("1")),
			do(direct, "UPDATE products SET id='A', version=2", affects(1)),
			do(A, "SELECT price FROM products WHERE id='a'", gives("1")),
			do(A, "UPDATE products SET price=2 WHERE id='a'", conflict("expected version=1, found version=2")),
			do(A, "UPDATE products SET price=2 WHERE id='a'", affects(1)),
			do(A, "UPDATE products SET price=? WHERE id=?", affects(1), 3, "a"),
		}},
		{name: "what is sent unread may have rolled back", setup: products, policy: mustBeRead, params: "multiStatements=true", steps: []step{
			do(A, "SELECT price FROM products WHERE id=100", fine),
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
			do(A, `SET sql_mode='NO_BACKSLASH_ESCAPES'; ROLLBACK; DO 'a\'b'`, fails(1064, "42000")),
			do(direct, "UPDATE products SET price=2, version=2 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=3 WHERE id=100", unread("unread row")),
		}},
		{name: "a block may have rolled back", only: "mariadb", setup: products, policy: mustBeRead, steps: []step{
			do(A, "SELECT price FROM products WHERE id=100", fine),
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
			do(A, "BEGIN NOT ATOMIC ROLLBACK; END", fine),
			do(direct, "UPDATE products SET price=2, version=2 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=3 WHERE id=100", unread("unread row")),
		}},
		{name: "a row that an unread one became is unread after ROLLBACK", setup: products, policy: byVersion, steps: []step{
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET id=200 WHERE id=100", affects(1)),
			do(A, "SELECT price FROM products WHERE id=200", gives("99")),
			do(A, "ROLLBACK", fine),
			do(A, "UPDATE products SET price=1 WHERE id=200", affects(0)),
		}},
		{name: "a row that an unread one became is not what was read there before", setup: products, policy: byVersion, steps: []step{
			do(A, "SELECT price FROM products WHERE id=100", gives("99")),
			do(direct, "DELETE FROM products WHERE id=100", affects(1)),
			do(A, "UPDATE products SET id=100 WHERE id=101", affects(1)),
			do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
		}},
		{name: "what was only read stays read after ROLLBACK", setup: products, policy: byVersion, steps: []step{
			do(A, "BEGIN", fine),
			do(A, "SELECT price FROM products WHERE id=100", gives("99")),
			do(A, "ROLLBACK", fine),
			do(B, "UPDATE products SET price=2 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=3 WHERE id=100", stale),
		}},
		{name: "ROLLBACK TO takes back what was written since", setup: products, policy: byVersion, steps: []step{
			do(A, "SELECT price FROM products WHERE id IN (100, 101)", gives("99", "5")),
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
			do(A, "SAVEPOINT s", fine),
			do(A, "UPDATE products SET price=2 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=2 WHERE id=101", affects(1)),
			do(A, "ROLLBACK TO s", fine),
			do(A, "SHOW IFMATCH READS", func(o outcome) string {
				return gives("id=100|version=2", "id=101|version=1")(outcome{rows: shortReads(o.rows), err: o.err})
			}),
			do(A, "UPDATE products SET price=3 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=3 WHERE id=101", affects(1)),
			do(A, "COMMIT", fine),
			do(A, "UPDATE products SET price=4 WHERE id=100", affects(1)),
			do(direct, "SELECT price, version FROM products WHERE id<102 ORDER BY id", gives("4|4", "3|2")),
		}},
		{name: "without autocommit a savepoint may be older than the first statement", setup: products, policy: byVersion, steps: []step{
			do(A, "SELECT price FROM products WHERE id=100", gives("99")),
			do(A, "SET autocommit=0", fine),
			do(A, "SAVEPOINT s", fine),
			do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
			do(A, "ROLLBACK TO s", fine),
			do(A, "SHOW IFMATCH READS", matches("session|shop.products|id=100|version=1")),
			do(A, "COMMIT", fine),
			do(direct, "UPDATE products SET version=2 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=2 WHERE id=100", stale),
			do(A, "SELECT 1", doomed()),
			do(A, "ROLLBACK", fine),
		}},
		{name: "and ROLLBACK TO it lifts a doom", setup: products, policy: byVersion, steps: []step{
			do(A, "SET autocommit=0", fine),
			do(A, "SAVEPOINT s", fine),
			do(A, "UPDATE /* ifmatch: version=7 */ products SET price=1 WHERE id=100", conflict("found version=1")),
			do(A, "SELECT 1", doomed()),
			do(A, "ROLLBACK TO s", fine),
			do(A, "UPDATE products SET price=2 WHERE id=100", affects(1)),
			do(A, "COMMIT", fine),
			do(direct, "SELECT price FROM products WHERE id=100", gives("2")),
		}},
		{name: "without autocommit the first write is not committed for its token", setup: docs, policy: bumpsByUUID, steps: []step{
			do(A, "SELECT body FROM docs WHERE id=1", gives("a")),
			do(A, "SET autocommit=0", fine),
			do(A, "UPDATE docs SET body='b' WHERE id=1", affects(1)),
			do(A, "UPDATE docs SET body='c' WHERE id=1", affects(1)),
			do(direct, "SELECT body FROM docs", gives("a")),
			do(A, "ROLLBACK", fine),
			do(A, "UPDATE docs SET body='d' WHERE id=1", affects(1)),
			do(A, "COMMIT", fine),
			do(direct, "SELECT body FROM docs", gives("d")),
		}},
		{name: "nor the first INSERT", setup: docs, policy: bumpsByUUID, steps: []step{
			do(A, "SET autocommit=0", fine),
			do(A, "INSERT INTO docs(id, body) VALUES (2, 'b')", affects(1)),
			do(direct, "SELECT COUNT(*) FROM docs", gives("1")),
			do(A, "ROLLBACK", fine),
			do(direct, "SELECT COUNT(*) FROM docs", gives("1")),
			do(A, "SHOW IFMATCH READS", gives()),
		}},
		{name: "without autocommit the first write is of the transaction's scope", setup: products, policy: ofTheirOwn, steps: []step{
			do(A, "SET autocommit=0", fine),
			do(A, "INSERT INTO products(id, name) VALUES (200, 'new')", affects(1)),
			do(A, "SHOW IFMATCH READS", matches("transaction|shop.products|id=200|version=1")),
			do(A, "COMMIT", fine),
			do(A, "SHOW IFMATCH READS", gives()),
		}},
		{name: "what is read of rows that came from elsewhere goes with them", setup: products, policy: byVersion, steps: []step{
			do(A, "SELECT name FROM products WHERE id=100", gives("pen")),
			do(A, "BEGIN", fine),
			do(A, "INSERT INTO products(id, name) SELECT id+100, 'new' FROM products WHERE id=101", affects(1)),
			do(A, "SELECT name FROM products WHERE id=201", gives("new")),
			do(A, "ROLLBACK", fine),
			do(A, "SHOW IFMATCH READS", matches("session|shop.products|id=100|version=1")),
			do(A, "BEGIN", fine),
			do(A, "SAVEPOINT s", fine),
			do(A, "INSERT INTO products(id, name) SELECT id+?, 'new' FROM products WHERE id=101", affects(1), 100),
			do(A, "SELECT name FROM products WHERE id=201", gives("new")),
			do(A, "ROLLBACK TO s", fine),
			do(A, "COMMIT", fine),
			do(direct, "INSERT INTO products(id, name) VALUES (201, 'of another')", affects(1)),
			do(A, "UPDATE products SET price=1 WHERE id=201", affects(1)),
			do(A, "SHOW IFMATCH READS", matches("session|shop.products|id=100|version=1")),
		}},
		{name: "so it is with what EXECUTE wrote, and stays after COMMIT", setup: products, policy: byVersion, steps: []step{
			do(A, "PREPARE s FROM 'INSERT INTO products(id, name) VALUES (200, ''new'')'", fine),
			do(A, "BEGIN", fine),
			do(A, "EXECUTE s", affects(1)),
			do(A, "SELECT name FROM products WHERE id=200", gives("new")),
			do(A, "ROLLBACK", fine),
			do(A, "SHOW IFMATCH READS", gives()),
			do(A, "BEGIN", fine),
			do(A, "EXECUTE s", affects(1)),
			do(A, "SELECT name FROM products WHERE id=200", gives("new")),
			do(A, "COMMIT", fine),
			do(A, "SHOW IFMATCH READS", matches("session|shop.products|id=200|version=1")),
		}},
		{name: "with a digest", setup: products, policy: byDigest, steps: []step{
			do(A, "SELECT price FROM products WHERE id=100", gives("99")),
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=2 WHERE id=100", affects(1)),
			do(A, "ROLLBACK", fine),
			do(A, "UPDATE products SET price=3 WHERE id=100", affects(1)),
			do(direct, "UPDATE products SET name='x' WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=4 WHERE id=100", conflict("expected digest=", "found digest=")),
			do(A, "DELETE FROM products WHERE id=100", conflict("expected digest=")),
		}},
		{name: "a deleted row is unread, and read again after ROLLBACK", setup: products, policy: mustBeRead, steps: []step{
			do(A, "SELECT price FROM products WHERE id=100", gives("99")),
			do(A, "BEGIN", fine),
			do(A, "DELETE FROM products WHERE id=100", affects(1)),
			do(A, "SHOW IFMATCH READS", gives()),
			do(A, "INSERT INTO products(id, name) VALUES (100, 'again')", affects(1)),
			do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
			do(A, "ROLLBACK", fine),
			do(A, "UPDATE products SET price=2 WHERE id=100", affects(1)),
			do(direct, "SELECT name, price, version FROM products WHERE id=100", gives("pen|2|2")),
		}},
	})
}

// shortReads leaves of SHOW IFMATCH READS key and token.
func shortReads(rows []string) []string {
	short := make([]string, len(rows))
	for i, r := range rows {
		parts := strings.Split(r, "|")
		short[i] = parts[2] + "|" + parts[3]
	}
	return short
}

// COM_RESET_CONNECTION rolls back, so the context keeps what it had read before.
func TestAResetTakesBackWhatTheContextWrote(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		direct := session(t, s, "root", shop, "")
		for _, q := range statements(products) {
			run(direct, q, shop)
		}
		p := start(t, s, strings.ReplaceAll(ofContexts, "shop", shop))
		r := dial(t, p.Addr, shop, plainCaps)
		r.query("SET @ifmatch_context = 'ann'")
		r.query("SELECT price FROM products WHERE id=100")
		r.query("SET @ifmatch_context = 'ann'")
		r.query("BEGIN")
		if o := r.outcomeOf(r.query("UPDATE products SET price=1 WHERE id=100")); o != "1 affected" {
			t.Fatal(o)
		}
		r.command(wire.ComResetConnection)
		r.answer()
		again := session(t, p.server(s), "root", shop, "")
		run(again, "SET @ifmatch_context = 'ann'", shop)
		if wrong := matches("context ann|shop.products|id=100|version=1")(run(again, "SHOW IFMATCH READS", shop)); wrong != "" {
			t.Error(wrong)
		}
	})
}
