package integration

import "testing"

const products = `
CREATE TABLE products(id INT PRIMARY KEY, name VARCHAR(50), price INT, in_stock INT, last_seen DATETIME NULL,
  version BIGINT UNSIGNED NOT NULL DEFAULT 1);
INSERT INTO products(id, name, price, in_stock) VALUES (100, 'pen', 99, 6), (101, 'ink', 5, 1), (102, 'cap', 7, 3)`

const byVersion = "tables: {shop.products: {version: version}}"

func TestExpectation(t *testing.T) {
	play(t, []scenario{
		{name: "a hint with the right token", setup: products, policy: byVersion, steps: []step{
			do(A, "UPDATE /* ifmatch: version=1 */ products SET in_stock=0 WHERE id=100", affects(1)),
			do(direct, "SELECT in_stock, version FROM products WHERE id=100", gives("0|2")),
		}},
		{name: "a hint with a stale token", setup: products, policy: byVersion, steps: []step{
			do(A, "UPDATE products SET in_stock=0 WHERE id=100", affects(1)),
			do(B, "/* ifmatch: version=1 */ UPDATE products SET in_stock=5 WHERE id=100",
				conflict("ifmatch: version conflict on shop.products id=100: expected version=1, found version=2")),
			do(B, "SHOW WARNINGS", named("Level", "Code", "Message")),
			do(B, "SHOW WARNINGS", gives("Error|1020|ifmatch: version conflict on shop.products id=100: expected version=1, found version=2")),
			do(B, "SELECT 1", gives("1")),
			do(direct, "SELECT in_stock, version FROM products WHERE id=100", gives("0|2")),
		}},
		{name: "a hint by session variable serves one write", setup: products, policy: byVersion, steps: []step{
			do(A, "SET @ifmatch = 'version=7'", fine),
			do(A, "UPDATE products SET in_stock=0 WHERE id=100", conflict("expected version=7, found version=1")),
			do(A, "UPDATE products SET in_stock=0 WHERE id=100", affects(1)),
		}},
		{name: "a hint by session variable waits for a guarded write", setup: products + "; CREATE TABLE notes(id INT)", policy: byVersion, steps: []step{
			do(A, "SET @ifmatch = 'version=7'", fine),
			do(A, "INSERT INTO notes VALUES (1)", affects(1)),
			do(A, "SELECT id FROM products WHERE id=100", gives("100")),
			do(A, "UPDATE products SET in_stock=0 WHERE id=100", conflict("expected version=7")),
		}},
		{name: "a hint by session variable as a parameter", setup: products, policy: byVersion, steps: []step{
			do(A, "SET @ifmatch = ?", fine, "version=7"),
			do(A, "UPDATE products SET in_stock=? WHERE id=?", conflict("expected version=7, found version=1"), 0, 100),
			do(A, "SET @ifmatch = ?", fine, "version=1"),
			do(A, "UPDATE products SET in_stock=? WHERE id=?", affects(1), 0, 100),
			do(direct, "SELECT in_stock, version FROM products WHERE id=100", gives("0|2")),
		}},
		{name: "a hint by session variable can be taken back", setup: products, policy: byVersion, steps: []step{
			do(A, "SET @ifmatch = 'version=7'", fine),
			do(A, "SET @ifmatch = NULL", fine),
			do(A, "UPDATE products SET in_stock=0 WHERE id=100", affects(1)),
		}},
		{name: "a hint that names no token is refused", setup: products, policy: byVersion, steps: []step{
			do(A, "UPDATE /* ifmatch: etag=1 */ products SET in_stock=0 WHERE id=100", refused("ifmatch: refused: ", "version")),
			do(A, "SET @ifmatch = CONCAT('version=', 1)", refused("literal")),
			do(direct, "SELECT in_stock, version FROM products WHERE id=100", gives("6|1")),
		}},
		{name: "the app's own version predicate", setup: products, policy: byVersion, steps: []step{
			do(A, "UPDATE products SET price=1, version=2 WHERE id=100 AND version=1", affects(1)),
			do(direct, "SELECT price, version FROM products WHERE id=100", gives("1|2")),
			do(B, "UPDATE products SET price=2 WHERE id=100 AND version=1", conflict("expected version=1", "found version=2")),
			do(B, "UPDATE products SET price=3 WHERE version=2 AND id=100", affects(1)),
			do(direct, "SELECT price, version FROM products WHERE id=100", gives("3|3")),
			do(B, "UPDATE products SET price=4, version=version+1 WHERE id=100 AND version=3", affects(1)),
			do(direct, "SELECT price, version FROM products WHERE id=100", gives("4|4")),
		}},
		{name: "the app's own version predicate, prepared", setup: products, policy: byVersion, steps: []step{
			do(A, "UPDATE products SET price=? WHERE id=? AND version=?", affects(1), 1, 100, 1),
			do(A, "UPDATE products SET price=? WHERE id=? AND version=?", conflict("expected version=1, found version=2"), 1, 100, 1),
			do(direct, "SELECT price, version FROM products WHERE id=100", gives("1|2")),
		}},
		{name: "a whole row saved back", setup: products, policy: byVersion, steps: []step{
			do(A, "UPDATE products SET name='pen', price=98, version=1 WHERE id=100", affects(1)),
			do(B, "UPDATE products SET name='pen', price=97, version=1 WHERE id=100", conflict("expected version=1, found version=2")),
			do(B, "UPDATE products SET name=?, price=?, version=? WHERE id=?", conflict("expected version=1, found version=2"), "pen", 97, 1, 100),
			do(B, "UPDATE products SET name=?, price=?, version=? WHERE id=?", affects(1), "pen", 96, 2, 100),
			do(direct, "SELECT price, version FROM products WHERE id=100", gives("96|3")),
		}},
		{name: "a version never goes back", setup: products, policy: byVersion, steps: []step{
			do(A, "UPDATE products SET price=1, version=version-1 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=2, version=1 WHERE id=100 AND version=2", affects(1)),
			do(A, "UPDATE products SET price=?, version=? WHERE id=? AND version=?", affects(1), 3, 0, 100, 3),
			do(A, "UPDATE products SET price=4, version=price WHERE id=100", affects(1)),
			do(direct, "SELECT price, version FROM products WHERE id=100", gives("4|5")),
		}},
		{name: "a row without expectation is bumped", setup: products, policy: byVersion, steps: []step{
			do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
			do(A, "UPDATE shop.products SET price=2 WHERE id=100", affects(1)),
			do(A, "UPDATE `shop`.`products` AS p SET p.price=3 WHERE p.id=100", affects(1)),
			do(A, "update products p set price=? where p.id=?", affects(1), 4, 100),
			do(direct, "SELECT price, version FROM products WHERE id=100", gives("4|5")),
		}},
		{name: "stale delete", setup: products, policy: byVersion, steps: []step{
			do(B, "UPDATE products SET price=1 WHERE id=100", affects(1)),
			do(A, "DELETE /* ifmatch: version=1 */ FROM products WHERE id=100", conflict("expected version=1, found version=2")),
			do(A, "DELETE FROM products WHERE id=100 AND version=1", conflict("expected version=1, found version=2")),
			do(A, "DELETE FROM products WHERE id=? AND version=?", conflict("expected version=1, found version=2"), 100, 1),
			do(A, "DELETE /* ifmatch: version=2 */ FROM products WHERE id=100", affects(1)),
			do(A, "DELETE /* ifmatch: version=2 */ FROM products WHERE id=100", conflict("expected version=2, found no row")),
			do(direct, "SELECT id FROM products ORDER BY id", gives("101", "102")),
		}},
	})
}

func TestZeroRows(t *testing.T) {
	play(t, []scenario{
		{name: "that the app's own WHERE explains stay zero rows", setup: products, policy: byVersion, steps: []step{
			do(A, "UPDATE products SET price=1 WHERE id=999", affects(0)),
			do(A, "UPDATE products SET in_stock=in_stock-1 WHERE id=100 AND in_stock>50", affects(0)),
			do(A, "UPDATE /* ifmatch: version=1 */ products SET price=2 WHERE id=100 AND in_stock>50", affects(0)),
			do(A, "UPDATE /* ifmatch: version=9 */ products SET price=2 WHERE id=100 AND in_stock>50", affects(0)),
			do(A, "UPDATE products SET price=? WHERE id=? AND in_stock>? AND version=?", affects(0), 2, 100, 50, 9),
			do(A, "DELETE FROM products WHERE id=999", affects(0)),
			do(A, "SHOW WARNINGS", gives()),
			do(direct, "SELECT SUM(version) FROM products", gives("3")),
		}},
		{name: "a row that is gone, with an expectation", setup: products, policy: byVersion, steps: []step{
			do(A, "UPDATE /* ifmatch: version=1 */ products SET price=1 WHERE id=999", conflict("id=999: expected version=1, found no row")),
			do(A, "UPDATE products SET price=? WHERE id=? AND version=?", conflict("id=999: expected version=1, found no row"), 1, 999, 1),
		}},
		{name: "missing: conflict", setup: products, policy: "tables: {shop.products: {version: version, missing: conflict}}", steps: []step{
			do(A, "UPDATE products SET price=1 WHERE id=999", conflict("found no row")),
			do(A, "UPDATE products SET price=? WHERE id=?", conflict("found no row"), 1, 999),
			do(A, "DELETE FROM products WHERE id=999", conflict("found no row")),
			do(A, "UPDATE products SET price=1 WHERE id=100 AND in_stock>50", affects(0)),
		}},
		{name: "own_version: pass", setup: products, policy: "tables: {shop.products: {version: version, own_version: pass}}", steps: []step{
			do(A, "UPDATE products SET price=1 WHERE id=100 AND version=7", affects(0)),
			do(A, "UPDATE products SET price=? WHERE id=? AND version=?", affects(0), 1, 100, 7),
			do(A, "UPDATE products SET price=1 WHERE id=100 AND version=1", affects(1)),
			do(A, "UPDATE /* ifmatch: version=1 */ products SET price=1 WHERE id=100", conflict("found version=2")),
			do(direct, "SELECT price, version FROM products WHERE id=100", gives("1|2")),
		}},
		{name: "a NULL key picks no row", setup: products, policy: byVersion, steps: []step{
			do(A, "UPDATE products SET price=1 WHERE id=NULL", affects(0)),
			do(A, "UPDATE products SET price=? WHERE id=?", affects(0), 1, nil),
		}},
		{name: "an update that changes no value writes its version", setup: products, policy: byVersion, steps: []step{
			do(A, "UPDATE products SET price=99 WHERE id=100", affects(1)),
			do(direct, "SELECT price, version FROM products WHERE id=100", gives("99|2")),
		}},
		{name: "with CLIENT_FOUND_ROWS", setup: products, policy: byVersion, params: "clientFoundRows=true", steps: []step{
			do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=1 WHERE id=999", affects(0)),
			do(A, "UPDATE /* ifmatch: version=1 */ products SET price=1 WHERE id=100", conflict("found version=2")),
			do(A, "DELETE FROM products WHERE id=100 AND version=1", conflict("found version=2")),
			do(A, "DELETE FROM products WHERE id=100 AND version=2", affects(1)),
		}},
	})
}

func TestUnread(t *testing.T) {
	const policy = "defaults: {unread: refuse}\ntables: {shop.products: {version: version, ignore: [last_seen]}}"
	play(t, []scenario{
		{name: "a row with no expectation is refused", setup: products, policy: policy, steps: []step{
			do(A, "UPDATE products SET price=1 WHERE id=100", unread("ifmatch: unread row on shop.products id=100")),
			do(A, "SHOW WARNINGS", matches("Error", "1644", "ifmatch: unread row on shop.products id=100")),
			do(A, "UPDATE products SET price=? WHERE id=?", unread("ifmatch: unread row on shop.products id=100"), 1, 100),
			do(A, "DELETE FROM products WHERE id=100", unread("id=100")),
			do(A, "UPDATE products SET price=1 WHERE id=100 AND version=1", affects(1)),
			do(A, "UPDATE /* ifmatch: version=2 */ products SET price=1 WHERE id=100", affects(1)),
			do(direct, "SELECT price, version FROM products WHERE id=100", gives("1|3")),
		}},
		{name: "a relative update needs one where the policy says so", setup: products, policy: "defaults: {unread: refuse, relative: guard}\ntables: {shop.products: {version: version}}", steps: []step{
			do(A, "UPDATE products SET in_stock=in_stock-1 WHERE id=100", unread("id=100")),
			do(A, "UPDATE products SET in_stock=in_stock-1 WHERE id=100 AND version=1", affects(1)),
		}},
		{name: "a relative update needs no expectation", setup: products, policy: policy, steps: []step{
			do(A, "UPDATE products SET in_stock=in_stock-1 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET in_stock=in_stock+? WHERE id=?", affects(1), 2, 100),
			do(A, "UPDATE products SET in_stock=in_stock-1, price=7 WHERE id=100", unread()),
			do(direct, "SELECT in_stock, version FROM products WHERE id=100", gives("7|3")),
		}},
		{name: "ignored columns need none and are not bumped", setup: products, policy: policy, steps: []step{
			do(A, "UPDATE products SET last_seen=NOW() WHERE id=100", affects(1)),
			do(A, "UPDATE products SET last_seen=? WHERE id=?", affects(1), "2026-01-01 00:00:00", 100),
			do(A, "UPDATE products SET last_seen=NOW(), price=1 WHERE id=100", unread()),
			do(direct, "SELECT price, version, last_seen FROM products WHERE id=100", gives("99|1|2026-01-01 00:00:00")),
		}},
	})
}

func TestDisclose(t *testing.T) {
	play(t, []scenario{
		{name: "the token that was found stays hidden", setup: products, policy: "tables: {shop.products: {version: version, disclose: false}}", steps: []step{
			do(direct, "UPDATE products SET version=4711 WHERE id=100", affects(1)),
			do(A, "UPDATE /* ifmatch: version=1 */ products SET price=1 WHERE id=100", hides(1020, "40001", "4711", "expected version=1")),
			do(A, "SHOW IFMATCH CONFLICT", matches("version", "shop.products", "id=100", "version=1", "NULL")),
		}},
	})
}

func TestTermAndExternalVersions(t *testing.T) {
	const docs = `CREATE TABLE docs(id INT PRIMARY KEY, body VARCHAR(50), seq_no BIGINT NOT NULL DEFAULT 0, primary_term BIGINT NOT NULL DEFAULT 1);
		INSERT INTO docs(id, body, seq_no, primary_term) VALUES (100, 'a', 9, 4)`
	const items = `CREATE TABLE items(id INT PRIMARY KEY, body VARCHAR(50), version BIGINT NOT NULL); INSERT INTO items VALUES (1, 'a', 0)`
	const byTerm = "tables: {shop.docs: {version: {column: seq_no, term: primary_term}}}"
	play(t, []scenario{
		{name: "seq_no and primary_term", setup: docs, policy: byTerm, steps: []step{
			do(A, "UPDATE /* ifmatch: seq_no=9, primary_term=3 */ docs SET body='b' WHERE id=100",
				conflict("expected seq_no=9, primary_term=3, found seq_no=9, primary_term=4")),
			do(A, "UPDATE /* ifmatch: seq_no=9, primary_term=4 */ docs SET body='b' WHERE id=100", affects(1)),
			do(direct, "SELECT body, seq_no, primary_term FROM docs", gives("b|10|4")),
			do(A, "UPDATE docs SET body=? WHERE id=? AND seq_no=? AND primary_term=?", affects(1), "c", 100, 10, 4),
			do(A, "UPDATE docs SET body=? WHERE id=? AND seq_no=? AND primary_term=?",
				conflict("expected seq_no=10, primary_term=4, found seq_no=11, primary_term=4"), "d", 100, 10, 4),
			do(direct, "SELECT body, seq_no, primary_term FROM docs", gives("c|11|4")),
		}},
		{name: "a hint needs both", setup: docs, policy: byTerm, steps: []step{
			do(A, "UPDATE /* ifmatch: seq_no=9 */ docs SET body='b' WHERE id=100", refused("primary_term")),
		}},
		{name: "external: gt", setup: items, policy: "tables: {shop.items: {version: {column: version, external: gt}}}", steps: []step{
			do(A, "UPDATE items SET body='b', version=5 WHERE id=1", affects(1)),
			do(A, "UPDATE items SET body='c', version=5 WHERE id=1", conflict("found version=5")),
			do(A, "UPDATE items SET body='c', version=0 WHERE id=1", conflict("found version=5")),
			do(A, "UPDATE items SET body='c', version=? WHERE id=1", conflict("found version=5"), 5),
			do(A, "UPDATE items SET body='c', version=? WHERE id=1", affects(1), 6),
			do(A, "UPDATE items SET body='d' WHERE id=1", refused("version")),
			do(direct, "SELECT body, version FROM items", gives("c|6")),
		}},
		{name: "external: ge", setup: items, policy: "tables: {shop.items: {version: {column: version, external: ge}}}", steps: []step{
			do(A, "UPDATE items SET body='b', version=5 WHERE id=1", affects(1)),
			do(A, "UPDATE items SET body='c', version=5 WHERE id=1", affects(1)),
			do(A, "UPDATE items SET body='d', version=4 WHERE id=1", conflict("found version=5")),
			do(A, "UPDATE items SET body=?, version=? WHERE id=?", conflict("found version=5"), "d", 4, 1),
			do(direct, "SELECT body, version FROM items", gives("c|5")),
		}},
	})
}

func TestTablesWithoutPolicyAreLeftAlone(t *testing.T) {
	play(t, []scenario{{name: "notes", setup: products + "; CREATE TABLE notes(id INT PRIMARY KEY, t VARCHAR(20)); INSERT INTO notes VALUES (1, 'a')", policy: byVersion, steps: []step{
		do(A, "SELECT * FROM notes", gives("1|a")),
		do(B, "UPDATE notes SET t='b' WHERE id=1", affects(1)),
		do(A, "UPDATE notes SET t='c' WHERE id=1", affects(1)),
		do(A, "UPDATE notes SET t='c' WHERE id=1", affects(0)),
		do(A, "UPDATE notes SET t='d'", affects(1)),
		do(A, "DELETE FROM notes", affects(1)),
		do(A, "SELECT ? FROM notes", gives(), "version"),
	}}})
}

func TestWhatTakesTheGuardAwayIsRefused(t *testing.T) {
	play(t, []scenario{{name: "by name", setup: products + "; CREATE TABLE notes(id INT PRIMARY KEY)", policy: byVersion, steps: []step{
		do(A, "TRUNCATE TABLE products", refused()),
		do(A, "DROP TABLE products", refused()),
		do(A, "ALTER TABLE products DROP COLUMN version", refused()),
		do(A, "ALTER TABLE products DROP COLUMN version", refused()),
		do(A, "SHOW WARNINGS", matches("Error", "1290", "ifmatch: refused: ")),
		do(A, "INSERT INTO products(id) VALUES (103)", affects(1)),
		do(A, "SELECT COUNT(*), SUM(version) FROM products", gives("4|4")),
	}}})
}
