package integration

import "testing"

func TestNamesOfTheTable(t *testing.T) {
	const setup = products + "; CREATE TABLE `odd ``name`(`id` INT PRIMARY KEY, `the version` INT NOT NULL DEFAULT 1, n INT); INSERT INTO `odd ``name`(id) VALUES (1)"
	const policy = "tables: {shop.products: {version: version}, 'shop.`odd ``name`': {version: the version}}"
	play(t, []scenario{
		{name: "every way to write it is guarded", setup: setup, policy: policy, steps: []step{
			do(A, "UPDATE products SET price=1 WHERE products.id=100", affects(1)),
			do(A, "UPDATE products SET products.price=1 WHERE shop.products.id=100", affects(1)),
			do(A, "UPDATE `products` `p` SET `p`.`price`=1 WHERE `p`.`id`=100", affects(1)),
			do(A, "UPDATE shop . products SET price=1 WHERE ID=100", affects(1)),
			do(A, "UPDATE products SET PRICE=1 WHERE (id=100)", affects(1)),
			do(A, "UPDATE PRODUCTS SET price=1 WHERE id=100", fails(1146, "42S02")), // the servers' names have a case
			do(A, "UPDATE products SET price=1 WHERE 100=id", affects(1)),
			do(A, "UPDATE LOW_PRIORITY IGNORE products SET price=1 WHERE id=100 ORDER BY id LIMIT 1", affects(1)),
			do(A, "/*! UPDATE */ products SET price=1 WHERE id=100", affects(1)),
			do(A, "UPDATE products/**/SET price=1 -- a comment\n WHERE id=100 # another", affects(1)),
			do(A, "UPDATE products SET name='; WHERE id=101 -- ' WHERE id=100", affects(1)),
			do(A, "UPDATE products SET name=\"it's\" WHERE id=100 AND (price=1 OR price=2)", affects(1)),
			do(A, "UPDATE products SET name='q' WHERE id=100 AND price=1 OR FALSE", affects(1)),
			do(direct, "SELECT version FROM products WHERE id=100", gives("13")),
			do(A, "UPDATE `odd ``name` SET n=1 WHERE id=1", affects(1)),
			do(A, "UPDATE /* ifmatch: the version=1 */ `odd ``name` SET n=1 WHERE id=1", refused()),
			do(A, "UPDATE `odd ``name` SET n=2 WHERE id=1 AND `the version`=1", conflict("expected the version=1, found the version=2")),
		}},
		{name: "ANSI quotes", setup: setup, policy: policy, steps: []step{
			do(A, "SET SESSION sql_mode='ANSI_QUOTES'", fine),
			do(A, `UPDATE "products" SET "price"=1 WHERE "id"=100 AND "version"=1`, affects(1)),
			do(A, `UPDATE "products" SET "price"=1 WHERE "id"=100 AND "version"=1`, conflict()),
			do(A, "SET SESSION sql_mode=''", fine),
			do(A, `UPDATE products SET name="products" WHERE id=100 AND version=2`, affects(1)),
			do(direct, "SELECT name, version FROM products WHERE id=100", gives("products|3")),
		}},
		{name: "no backslash escapes", setup: setup, policy: policy, steps: []step{
			do(A, "SET SESSION sql_mode='NO_BACKSLASH_ESCAPES'", fine),
			do(A, `UPDATE products SET name='\' WHERE id=100 AND version=1`, affects(1)),
			do(A, `UPDATE products SET name='\' WHERE id=100 AND version=1`, conflict()),
			do(direct, "SELECT name, version FROM products WHERE id=100", gives(`\|2`)),
		}},
		{name: "from another database", setup: setup, policy: policy, steps: []step{
			do(A, "USE mysql", fine),
			do(A, "UPDATE shop.products SET price=1 WHERE id=100 AND version=1", affects(1)),
			do(A, "UPDATE shop.products SET price=1 WHERE id=100 AND version=1", conflict("on shop.products")),
			do(A, "USE shop", fine),
			do(A, "UPDATE products SET price=1 WHERE id=100 AND version=2", affects(1)),
		}},
	})
}

func TestKeys(t *testing.T) {
	const pairs = "CREATE TABLE t(a INT, b VARCHAR(20), n INT, v INT NOT NULL DEFAULT 1, PRIMARY KEY (a, b)); INSERT INTO t(a, b, n) VALUES (1, 'x', 0), (1, 'y', 0), (2, 'x', 0)"
	const policy = "tables: {shop.t: {version: v}}"
	play(t, []scenario{
		{name: "a key of two columns", setup: pairs, policy: policy, steps: []step{
			do(A, "UPDATE t SET n=1 WHERE a=1 AND b='x'", affects(1)),
			do(A, "UPDATE t SET n=1 WHERE b='x' AND a=1 AND v=1", conflict("on shop.t a=1, b='x': expected v=1, found v=2")),
			do(A, "UPDATE t SET n=? WHERE b=? AND a=? AND v=?", conflict("on shop.t a=1, b='x': expected v=1, found v=2"), 1, "x", 1, 1),
			do(A, "UPDATE t SET n=? WHERE b=? AND a=? AND v=?", affects(1), 2, "x", 1, 2),
			do(A, "UPDATE t SET n=4 WHERE a=1", affects(2)),
			do(A, "DELETE FROM t WHERE a=1 AND b='y' AND v=2", affects(1)),
			do(direct, "SELECT a, b, n, v FROM t ORDER BY a, b", gives("1|x|4|4", "2|x|0|1")),
		}},
		{name: "a number compared with a string key may pick several rows", setup: "CREATE TABLE t(id VARCHAR(20) PRIMARY KEY, n INT, v INT NOT NULL DEFAULT 1); INSERT INTO t(id, n) VALUES ('1', 0), ('1a', 0), ('it''s', 0)", policy: policy, steps: []step{
			do(A, "SET sql_mode=''", fine),
			do(A, "UPDATE t SET n=1 WHERE id=1", affects(2)),
			do(A, "UPDATE t SET n=? WHERE id=?", affects(2), 2, 1),
			do(direct, "UPDATE t SET n=0, v=1", affects(2)),
			do(A, "UPDATE t SET n=? WHERE id=? AND v=?", conflict("on shop.t id='1': expected v=7, found v=1"), 1, 1, 7),
			do(A, "UPDATE t SET n=? WHERE id=?", affects(1), 1, "1"),
			do(A, "UPDATE t SET n=2 WHERE id='it''s'", affects(1)),
			do(A, "UPDATE t SET n=3 WHERE id='it\\'s' AND v=1", conflict("on shop.t id='it''s': expected v=1, found v=2")),
			do(direct, "SELECT id, n, v FROM t ORDER BY id", gives("1|1|2", "1a|0|1", "it's|2|2")),
		}},
		{name: "an integer key compared with a string of digits", setup: products, policy: byVersion, steps: []step{
			do(A, "UPDATE products SET price=1 WHERE id='100'", affects(1)),
			do(A, "UPDATE products SET price=? WHERE id=?", affects(1), 2, "100"),
			do(A, "UPDATE products SET price=1 WHERE id='100' AND version='1'", conflict("id=100: expected version=1, found version=3")),
			do(A, "UPDATE products SET price=1 WHERE id=1e2", affects(1)),
		}},
		{name: "a binary key", setup: "CREATE TABLE t(id BINARY(2) PRIMARY KEY, n INT, v INT NOT NULL DEFAULT 1); INSERT INTO t(id, n) VALUES (x'00ff', 0)", policy: policy, steps: []step{
			do(A, "UPDATE t SET n=? WHERE id=?", affects(1), 1, []byte{0x00, 0xff}),
			do(A, "UPDATE t SET n=? WHERE id=? AND v=?", conflict("on shop.t id=0x00FF: expected v=1, found v=2"), 1, []byte{0x00, 0xff}, 1),
			do(direct, "SELECT n, v FROM t", gives("1|2")),
		}},
		{name: "a change of the key", setup: products, policy: byVersion, steps: []step{
			do(A, "UPDATE products SET id=200 WHERE id=100 AND version=1", affects(1)),
			do(A, "UPDATE products SET id=201 WHERE id=100 AND version=1", conflict("id=100: expected version=1, found no row")),
			do(direct, "SELECT id, version FROM products WHERE id=200", gives("200|2")),
		}},
		{name: "a key of unsigned BIGINT", setup: "CREATE TABLE t(id BIGINT UNSIGNED PRIMARY KEY, n INT, v INT NOT NULL DEFAULT 1); INSERT INTO t(id, n) VALUES (18446744073709551615, 0)", policy: policy, steps: []step{
			do(A, "UPDATE t SET n=? WHERE id=?", affects(1), 1, uint64(18446744073709551615)),
			do(A, "UPDATE t SET n=? WHERE id=?", affects(0), 1, -1),
			do(A, "UPDATE t SET n=1 WHERE id=18446744073709551615 AND v=1", conflict("id=18446744073709551615: expected v=1, found v=2")),
		}},
	})
}
