package integration

import "testing"

// stopped is a write that is refused, or guarded and then finds the row unread.
func stopped(o outcome) string {
	if wrong := refused("ifmatch: refused: ")(o); wrong != "" {
		return unread("ifmatch: unread row on ")(o)
	}
	return ""
}

// TestNoWayAround has ways of writing a guarded row that do not look like a
// write of it. Each is guarded, and then finds the row unread, or refused: no
// price changes.
func TestNoWayAround(t *testing.T) {
	const strict = "tables: {shop.products: {version: version, unread: refuse}}"
	const other = products + "; CREATE TABLE other(id INT PRIMARY KEY, x INT); INSERT INTO other VALUES (100, 1)"
	untouched := do(direct, "SELECT SUM(price), SUM(version) FROM products", gives("111|3"))
	never := refused("ifmatch: refused: ")
	play(t, []scenario{
		{name: "executable comments", setup: products, policy: strict, steps: []step{
			do(A, "/*!50000 UPDATE products SET price=0 WHERE id=100 */", unread("ifmatch: unread row on ")),
			do(A, "UPDATE /*! products */ SET price=0 WHERE id=100", unread("ifmatch: unread row on ")),
			do(A, "/*!40000 UPDATE*/ products /* x */ SET price=0 WHERE id=100", unread("ifmatch: unread row on ")),
			untouched,
		}},
		{name: "MariaDB's executable comments", only: "mariadb", setup: products, policy: strict, steps: []step{
			do(A, "/*M!100000 UPDATE products SET price=0 WHERE id=100 */", unread("ifmatch: unread row on ")),
			untouched,
		}},
		{name: "a mode that changes the lexing", setup: products, policy: strict, steps: []step{
			do(A, "SET SESSION sql_mode='ANSI_QUOTES'", fine),
			do(A, `UPDATE "products" SET price=0 WHERE id=100`, unread("ifmatch: unread row on ")),
			do(A, "SET SESSION sql_mode='NO_BACKSLASH_ESCAPES'", fine),
			do(A, `UPDATE products SET name='\', price=0 WHERE id=100 -- '`, unread("ifmatch: unread row on ")),
			untouched,
		}},
		{name: "a mode that changes the lexing within a text", setup: products, policy: strict, params: "multiStatements=true", steps: []step{
			do(A, `SET SESSION sql_mode='ANSI_QUOTES'; UPDATE "products" SET price=0 WHERE id=100`, unread("ifmatch: unread row on ")),
			untouched,
		}},
		{name: "through a view, also one that is made meanwhile", setup: products + "; CREATE VIEW cheap AS SELECT id AS pid, price AS p FROM products", policy: strict, steps: []step{
			do(A, "UPDATE cheap SET p=0 WHERE pid=100", never),
			do(A, "CREATE VIEW cheaper AS SELECT * FROM cheap", fine),
			do(B, "UPDATE cheaper SET p=0 WHERE pid=100", never),
			do(A, "PREPARE q FROM 'CREATE VIEW cheapest AS SELECT * FROM products'", fine),
			do(A, "EXECUTE q", fine),
			do(B, "UPDATE cheapest SET price=0 WHERE id=100", never),
			untouched,
		}},
		{name: "through a view that is made in the same text", setup: products, policy: strict, params: "multiStatements=true", steps: []step{
			do(A, "CREATE VIEW cheap AS SELECT * FROM products; UPDATE cheap SET price=0 WHERE id=100", never),
			untouched,
		}},
		{name: "through a routine, also one that is made meanwhile", setup: products + "; CREATE PROCEDURE wipe() UPDATE products SET price=0", policy: strict, steps: []step{
			do(A, "CALL wipe()", never),
			do(A, "CREATE PROCEDURE wash() CALL wipe()", fine),
			do(B, "CALL wash()", never),
			untouched,
		}},
		{name: "prepared at SQL level", setup: products, policy: strict, steps: []step{
			do(A, "SET @s = CONCAT('UPDATE prod', 'ucts SET price=0 WHERE id=100')", fine),
			do(A, "PREPARE q FROM @s", fine),
			do(A, "EXECUTE q", stopped),
			do(A, "PREPARE q FROM 'UPDATE products SET price=0'", fine),
			do(A, "EXECUTE q", stopped),
			do(A, "EXECUTE never_seen", fails(1243, "HY000")),
			do(A, "SET @s = CONVERT('UPDATE products SET price=0' USING utf16)", fine),
			do(A, "PREPARE q FROM @s", never),
			untouched,
		}},
		{name: "at once, from a variable", only: "mariadb", setup: products, policy: strict, steps: []step{
			do(A, "SET @s = CONCAT('UPDATE prod', 'ucts SET price=0 WHERE id=100')", fine),
			do(A, "EXECUTE IMMEDIATE @s", stopped),
			do(A, "EXECUTE IMMEDIATE CONCAT('UPDATE prod', 'ucts SET price=0')", stopped),
			do(A, "BEGIN NOT ATOMIC UPDATE products SET price=0; END", never),
			do(A, "SET STATEMENT max_statement_time=9 FOR UPDATE products SET price=0 WHERE id=100", never),
			untouched,
		}},
		{name: "a hint within a text of several statements", setup: products, policy: strict, params: "multiStatements=true", steps: []step{
			do(A, "SET @x = 1; /* ifmatch: version=3 */ UPDATE products SET price=0 WHERE id=100", conflict("expected version=3, found version=1")),
			do(A, "UPDATE products SET price=0 WHERE id=100 /* ifmatch: version=3 */; SELECT 2", conflict("expected version=3, found version=1")),
			untouched,
		}},
		{name: "joined", setup: other, policy: strict, steps: []step{
			do(A, "UPDATE other o JOIN products p ON p.id=o.id SET p.price=0", unread("id=100: ")),
			do(A, "DELETE p FROM products p JOIN other o ON o.id=p.id", unread("id=100: ")),
			do(A, "UPDATE other o JOIN products p ON p.id=o.id SET o.x=p.price", affects(1)),
			untouched,
		}},
		{name: "from another database", setup: products, policy: strict, steps: []step{
			do(A, "USE mysql", fine),
			do(A, "UPDATE shop . `products` SET price=0 WHERE id=100", unread("ifmatch: unread row on ")),
			untouched,
		}},
		{name: "replaced", setup: products, policy: strict, steps: []step{
			do(A, "REPLACE INTO products(id, price) VALUES (100, 0)", unread("ifmatch: unread row on ")),
			do(A, "REPLACE INTO products(id, price) SELECT 100, 0", unread("ifmatch: unread row on ")),
			do(A, "INSERT INTO products(id, price) VALUES (100, 0) ON DUPLICATE KEY UPDATE price=0", unread("ifmatch: unread row on ")),
			do(A, "INSERT INTO products(id, price) SELECT 100, 0 ON DUPLICATE KEY UPDATE price=0", unread("ifmatch: unread row on ")),
			untouched,
		}},
		{name: "DDL that would take the guard away", setup: products, policy: strict, steps: []step{
			do(A, "TRUNCATE products", never),
			do(A, "DROP TABLE products", never),
			do(A, "DROP DATABASE shop", never),
			do(A, "RENAME TABLE products TO goods", never),
			do(A, "ALTER TABLE products DROP COLUMN version", never),
			do(A, "CREATE TEMPORARY TABLE products(id INT)", never),
			do(A, "ALTER TABLE products ADD COLUMN note INT", fine),
			untouched,
		}},
	})
}
