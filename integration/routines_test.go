package integration

import (
	"strings"
	"testing"

	"ifmatch/integration/server"
)

// What a routine writes is out of the proxy's sight: its call is refused, however
// it is written, unless the policy allows the routine.
func TestRoutines(t *testing.T) {
	const strict = "tables: {shop.products: {version: version, unread: refuse}}"
	const wipes = products + `; CREATE TABLE notes(id INT PRIMARY KEY, x INT); INSERT INTO notes VALUES (1, 1);
CREATE PROCEDURE wipe() UPDATE products SET price=0;
CREATE PROCEDURE wash() CALL wipe();
CREATE PROCEDURE tidy() UPDATE notes SET x=x+1;
CREATE PROCEDURE any_text() EXECUTE IMMEDIATE 'SELECT 1'`
	const functions = products + `; CREATE TABLE notes(id INT PRIMARY KEY, x INT); INSERT INTO notes VALUES (1, 1);
CREATE PROCEDURE wipe() UPDATE products SET price=0;
CREATE FUNCTION wiped() RETURNS INT RETURN wipes();
CREATE FUNCTION unit() RETURNS INT DETERMINISTIC RETURN 1`
	never := refused("ifmatch: refused: the routine ", "routines: allow")
	untouched := do(direct, "SELECT SUM(price), SUM(version) FROM products", gives("111|3"))
	wipesBody := "CREATE FUNCTION wipes() RETURNS INT MODIFIES SQL DATA BEGIN UPDATE products SET price=0 WHERE id=100; RETURN 1; END"
	play(t, []scenario{
		{name: "procedures", setup: products + "; CREATE TABLE notes(id INT PRIMARY KEY, x INT); CREATE PROCEDURE wipe() UPDATE products SET price=0; " +
			"CREATE PROCEDURE wash() CALL wipe(); CREATE PROCEDURE tidy() UPDATE notes SET x=x+1", policy: strict, steps: []step{
			do(A, "CALL wipe()", never),
			do(A, "CALL wipe", never),
			do(A, "CALL shop.wipe()", never),
			do(A, "CALL `shop` . `WIPE` ()", never),
			do(A, "/*!50000 CALL*/ wipe/**/()", never),
			do(A, "CALL wash()", never),
			do(A, "CALL tidy()", fine),
			do(A, "USE mysql", fine),
			do(A, "CALL shop.wash()", never),
			untouched,
		}},
		{name: "one whose text is made when it runs", only: "mariadb", setup: wipes, policy: strict, steps: []step{
			do(A, "CALL any_text()", never),
			untouched,
		}},
		{name: "functions in any statement", setup: functions, policy: strict, steps: []step{
			do(A, wipesBody, fine),
			do(B, "SELECT wipes()", never),
			do(B, "SELECT shop.wipes ()", never),
			do(B, "SELECT 1 FROM notes WHERE wipes()=1", never),
			do(B, "SELECT wiped()", never),
			do(B, "DO wipes()", never),
			do(B, "SET @x = wipes()", never),
			do(B, "UPDATE notes SET x=wipes()", never),
			do(B, "INSERT INTO notes VALUES (2, wipes())", never),
			do(B, "REPLACE INTO notes VALUES (wipes(), 1)", never),
			do(B, "DELETE FROM notes ORDER BY wipes()", never),
			do(B, "SELECT * FROM (SELECT wipes()) AS d", never),
			do(B, "WITH c AS (SELECT wipes() AS w) SELECT w FROM c", never),
			do(B, "CALL tell(wipes())", never),
			do(B, "SELECT ?, wipes()", never, 1),
			do(B, "SELECT unit()", gives("1")),
			do(B, "SELECT 'wipes()', x AS wipes FROM notes", gives("wipes()|1")),
			untouched,
		}},
		{name: "made while the proxy runs", setup: products, policy: strict, params: "multiStatements=true", steps: []step{
			do(A, "CREATE PROCEDURE wash() CALL wipe()", fine),
			do(A, "CREATE PROCEDURE wipe() DELETE FROM products", fine),
			do(B, "CALL wash()", never),
			untouched,
		}},
		{name: "one that the policy allows", setup: products + "; CREATE PROCEDURE wipe() UPDATE products SET price=0; CREATE PROCEDURE wash() CALL wipe()",
			policy: "routines: {allow: [shop.WIPE]}\n" + strict, steps: []step{
				do(A, "CALL wash()", never),
				do(A, "CALL wipe()", fine),
				do(A, "UPDATE products SET price=1", unread("unread row")),
				do(direct, "SELECT SUM(price), SUM(version) FROM products", gives("0|3")),
			}},
		{name: "made by an account that may do all, noticed at once", setup: products + "; CREATE VIEW cheap AS SELECT * FROM products",
			policy: "accounts: {root: off}\n" + strict, flags: []string{"--schema-refresh", "1h"}, steps: []step{
				do(A, "CREATE USER IF NOT EXISTS clerk", fine),
				do(A, "GRANT ALL ON shop.* TO clerk", fine),
				do(A, "CREATE VIEW cheaper AS SELECT * FROM cheap", fine),
				do(A, "CREATE PROCEDURE wipe() UPDATE products SET price=0", fine),
				do(userPrefix+"clerk", "UPDATE cheaper SET price=0", fails(1290, "HY000")),
				do(userPrefix+"clerk", "CALL wipe()", never),
				untouched,
			}},
	})
}

// What somebody makes around the proxy is known to it when the schema has been
// read again.
func TestMadeAroundTheProxy(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := session(t, s, "root", shop, "")
		for _, q := range statements(products) {
			execute(t, db, q)
		}
		p := start(t, s, strings.ReplaceAll("tables: {shop.products: {version: version, unread: refuse}}", "shop", shop), "--schema-refresh", "100ms")
		app := session(t, p.server(s), "root", shop, "")
		for _, made := range []struct{ make, write string }{
			{"CREATE VIEW hasty AS SELECT id, price AS p FROM products WHERE price < 0", "UPDATE hasty SET p=0"},
			{"CREATE VIEW hastier AS SELECT * FROM hasty", "DELETE FROM hastier"},
			{"CREATE PROCEDURE wipe() UPDATE hasty SET p=0", "CALL wipe()"},
			{"CREATE PROCEDURE wash() CALL wipe()", "CALL wash()"},
		} {
			execute(t, db, made.make)
			if !await(func() bool { return refused("ifmatch: refused: ")(run(app, made.write, shop)) == "" }) {
				t.Errorf("%s is not refused after %s", made.write, made.make)
			}
		}
	})
}
