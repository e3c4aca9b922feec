package integration

import (
	"database/sql"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// mannerStep is a statement with constants for its parameters. One that stands behind a
// "direct: " goes around the proxy.
type mannerStep struct {
	sql  string
	args []any
}

// mannerScript is a table with its policy and what happens to it.
type mannerScript struct {
	name, table string
	steps       []mannerStep
}

const mannerGuards = `
tables:
  shop.plain: {version: version}
  shop.summed: {version: {digest: all}}
  shop.stamped: {version: {column: etag, bump: uuid}}
  shop.outer_v: {version: {column: version, external: gt}}
  shop.careful: {version: version, unread: refuse, noop: skip, missing: conflict}
  shop.doors:
    version: version
    require: {locked: 0}
    status: {column: state, initial: [shut, null], transitions: [{to: open, from: [shut], set: {opened: opened+1}}, {to: shut, from: [open, null]}], delete: {from: [shut]}}
`

const mannerTables = `
CREATE TABLE plain(id INT PRIMARY KEY, name VARCHAR(40), n INT DEFAULT 0, d DECIMAL(20,5), f DOUBLE, b VARBINARY(20), version INT UNSIGNED NOT NULL DEFAULT 1);
CREATE TABLE summed(id VARCHAR(20) PRIMARY KEY, name VARCHAR(40), n INT DEFAULT 0);
CREATE TABLE stamped(id BIGINT UNSIGNED PRIMARY KEY, name VARCHAR(40), etag CHAR(36) NOT NULL DEFAULT 'first');
CREATE TABLE outer_v(id INT PRIMARY KEY, name VARCHAR(40), version INT UNSIGNED NOT NULL DEFAULT 1);
CREATE TABLE careful(id INT PRIMARY KEY, name VARCHAR(40), n INT DEFAULT 0, version INT UNSIGNED NOT NULL DEFAULT 1);
CREATE TABLE doors(id INT PRIMARY KEY, state VARCHAR(10), locked INT NOT NULL DEFAULT 0, opened INT NOT NULL DEFAULT 0, version INT UNSIGNED NOT NULL DEFAULT 1);
INSERT INTO plain(id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c');
INSERT INTO summed(id, name) VALUES ('x', 'a'), ('y', 'b');
INSERT INTO stamped(id, name) VALUES (18446744073709551615, 'a'), (2, 'b');
INSERT INTO outer_v(id, name) VALUES (1, 'a');
INSERT INTO careful(id, name) VALUES (1, 'a'), (2, 'b');
INSERT INTO doors(id, state, locked) VALUES (1, 'shut', 0), (2, 'open', 0), (3, 'shut', 1), (4, NULL, 0)`

func mannerScripts() []mannerScript {
	do := func(q string, args ...any) mannerStep { return mannerStep{q, args} }
	return []mannerScript{
		{name: "versions", table: "plain", steps: []mannerStep{
			do("UPDATE plain SET name=? WHERE id=?", "unread", 1),
			do("UPDATE plain SET name=? WHERE id=? AND version=?", "own", 1, 2),
			do("UPDATE plain SET name=? WHERE id=? AND version=?", "stale", 1, 2),
			do("UPDATE plain SET name=?, version=? WHERE id=?", "saved back", 3, 1),
			do("UPDATE plain SET name=?, version=? WHERE id=?", "saved back again", 3, 1),
			do("SELECT name FROM plain WHERE id=?", 2),
			do("direct: UPDATE plain SET version=9 WHERE id=2"),
			do("UPDATE plain SET name=? WHERE id=?", "read before", 2),
			do("UPDATE /* ifmatch: version=9 */ plain SET name=? WHERE id=?", "hinted", 2),
			do("UPDATE /* ifmatch: version=9 */ plain SET name=? WHERE id=?", "hinted", 2),
			do("SET @ifmatch = ?", "version=8"),
			do("UPDATE plain SET name=? WHERE id=?", "hinted before", 2),
			do("UPDATE plain SET n=n+? WHERE id=?", 5, 2),
			do("UPDATE plain SET n=n+?, name=CONCAT(name, ?) WHERE id=? AND n<?", 5, "x", 2, 3),
			do("UPDATE plain SET name=? WHERE id=? AND n>?", "nobody", 3, 100),
			do("UPDATE plain SET name=? WHERE id=?", "none", 77),
			do("UPDATE plain SET name=? WHERE id=?", nil, 3),
			do("UPDATE plain SET name=? WHERE id=?", "null key", nil),
			do("UPDATE plain SET name=? WHERE id=?", "wrong type", "3x"),
			do("UPDATE plain SET name=? WHERE id=? AND version=?", "null version", 3, nil),
			do("UPDATE plain SET d=?, f=?, b=? WHERE id=?", "12345678901234.56789", 1.5e-7, []byte("\xff\x00'\\"), 3),
			do("UPDATE plain SET name=? WHERE id=? AND f=? AND d=? AND b=?", "by all", 3, 1.5e-7, "12345678901234.56789", []byte("\xff\x00'\\")),
			do("UPDATE plain SET name=? WHERE id=? LIMIT 1", "übel 'quoted' \\ \n", 3),
			do("UPDATE plain SET id=? WHERE id=?", 33, 3),
			do("UPDATE plain SET name=? WHERE id=?", "moved", 33),
			do("INSERT INTO plain(id, name) VALUES (?, ?)", 50, "new"),
			do("direct: UPDATE plain SET version=7 WHERE id=50"),
			do("DELETE FROM plain WHERE id=?", 50),
			do("DELETE FROM plain WHERE id=?", 50),
			do("DELETE FROM plain WHERE id=? AND version=?", 33, 1),
			do("UPDATE plain SET name=? WHERE n=?", "many", 0),
			do("INSERT INTO plain(id, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE name=VALUES(name)", 2, "upserted"),
			do("direct: UPDATE plain SET version=20 WHERE id=2"),
			do("INSERT INTO plain(id, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE name=?", 2, "upserted", "again"),
			do("INSERT INTO plain(id, name) VALUES (?, ?) ON DUPLICATE KEY UPDATE name=VALUES(name)", 60, "upserted"),
			do("REPLACE INTO plain(id, name, version) VALUES (?, ?, ?)", 60, "replaced", 1),
			do("REPLACE INTO plain(id, name, version) VALUES (?, ?, ?)", 60, "replaced", 1),
			do("UPDATE plain SET nonsense=? WHERE id=?", 1, 1),
			do("UPDATE plain SET n=? WHERE id=?", "no number", 1),
			do("UPDATE IGNORE plain SET n=? WHERE id=?", "no number", 1),
			do("SHOW WARNINGS"),
		}},
		{name: "a transaction", table: "plain", steps: []mannerStep{
			do("BEGIN"),
			do("SAVEPOINT s"),
			do("UPDATE plain SET name=? WHERE id=?", "first", 1),
			do("UPDATE plain SET name=? WHERE id=? AND version=?", "stale", 2, 5),
			do("UPDATE plain SET name=? WHERE id=?", "doomed", 1),
			do("SHOW WARNINGS"),
			do("ROLLBACK TO s"),
			do("UPDATE plain SET name=? WHERE id=?", "second", 1),
			do("COMMIT"),
			do("SET autocommit=0"),
			do("UPDATE plain SET name=? WHERE id=?", "third", 1),
			do("UPDATE plain SET name=? WHERE id=? AND version=?", "stale", 2, 5),
			do("UPDATE plain SET name=? WHERE id=?", "doomed", 1),
			do("COMMIT"),
			do("UPDATE plain SET name=? WHERE id=?", "fourth", 1),
			do("ROLLBACK"),
		}},
		{name: "digests", table: "summed", steps: []mannerStep{
			do("SELECT id FROM summed WHERE id=?", "x"),
			do("UPDATE summed SET name=? WHERE id=?", "one", "x"),
			do("UPDATE summed SET name=? WHERE id=?", "two", "x"),
			do("SELECT ROW_COUNT()"),
			do("direct: UPDATE summed SET n=5 WHERE id='x'"),
			do("UPDATE summed SET name=? WHERE id=?", "three", "x"),
			do("DELETE FROM summed WHERE id=?", "x"),
			do("INSERT INTO summed(id, name) VALUES (?, ?), (?, ?)", "z", "new", "zz", nil),
			do("direct: UPDATE summed SET n=5 WHERE id='z'"),
			do("UPDATE summed SET name=? WHERE id=?", "four", "z"),
			do("UPDATE summed SET name=? WHERE id=?", "five", "zz"),
		}},
		{name: "other tokens", table: "outer_v", steps: []mannerStep{
			do("UPDATE outer_v SET name=?, version=? WHERE id=?", "newer", 5, 1),
			do("UPDATE outer_v SET name=?, version=? WHERE id=?", "older", 4, 1),
			do("UPDATE outer_v SET name=?, version=? WHERE id=?", "none", "x", 1),
			do("UPDATE stamped SET name=? WHERE id=? AND etag=?", "tagged", uint64(1<<64-1), "first"),
			do("UPDATE stamped SET name=? WHERE id=? AND etag=?", "tagged", uint64(1<<64-1), "first"),
			do("UPDATE stamped SET name=? WHERE id=?", "tagged", 2),
		}},
		{name: "careful", table: "careful", steps: []mannerStep{
			do("UPDATE careful SET name=? WHERE id=?", "unread", 1),
			do("SELECT * FROM careful WHERE id=?", 1),
			do("UPDATE careful SET name=? WHERE id=?", "a", 1),
			do("UPDATE careful SET name=? WHERE id=?", "b", 1),
			do("UPDATE careful SET n=n-? WHERE id=?", 3, 2),
			do("UPDATE careful SET n=n-? WHERE id=?", nil, 2),
			do("UPDATE /* ifmatch: version=1 */ careful SET n=? WHERE id=?", 3, 99),
		}},
		{name: "states", table: "doors", steps: []mannerStep{
			do("UPDATE doors SET state=? WHERE id=?", "open", 1),
			do("UPDATE doors SET state=? WHERE id=?", "open", 1),
			do("UPDATE doors SET state=? WHERE id=?", "ajar", 1),
			do("UPDATE doors SET state=? WHERE id=?", "open", 3),
			do("UPDATE doors SET state='shut' WHERE id=? AND version=?", 4, 1),
			do("DELETE FROM doors WHERE id=?", 2),
			do("DELETE FROM doors WHERE id=?", 4),
			do("INSERT INTO doors(id, state) VALUES (?, ?)", 10, "shut"),
			do("INSERT INTO doors(id, state) VALUES (?, ?), (?, 'open')", 11, "shut", 12),
			do("INSERT INTO doors(id, state) VALUES (?, ?)", 13, "open"),
		}},
	}
}

// A manner is a manner to send a statement with constants.
type manner struct {
	name, only string
	run        func(conn *sql.Conn, q, shop string, args []any) outcome
}

// inText writes the constants into the text.
func inText(q string, args []any) string {
	for _, a := range args {
		q = strings.Replace(q, "?", literalOf(a), 1)
	}
	return q
}

func literalOf(a any) string {
	switch a := a.(type) {
	case nil:
		return "NULL"
	case string:
		return quote(a)
	case []byte:
		return fmt.Sprintf("x'%x'", a)
	case float64:
		return fmt.Sprintf("%e", a)
	}
	return fmt.Sprint(a)
}

func quote(s string) string {
	return "'" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(s) + "'"
}

// preparable reports whether servers prepare it at SQL level.
func preparable(q string) bool {
	for _, word := range []string{"SET", "SHOW", "SAVEPOINT", "ROLLBACK", "BEGIN", "COMMIT", "SELECT ROW_COUNT"} {
		if strings.HasPrefix(q, word) {
			return false
		}
	}
	return true
}

// setVariables gives each constant to a user variable and names them.
func setVariables(conn *sql.Conn, shop string, args []any) (names []string, failed *outcome) {
	for i, a := range args {
		name := fmt.Sprintf("@`v %d`", i)
		if o := run(conn, "SET "+name+" = "+literalOf(a), shop); o.err != nil {
			return nil, &o
		}
		names = append(names, name)
	}
	return names, nil
}

func usingClause(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return " USING " + strings.Join(names, ", ")
}

// rows runs a statement that may give rows, whatever it begins with.
func rowsIf(conn *sql.Conn, reads bool, q, shop string) outcome {
	if !reads {
		return run(conn, q, shop)
	}
	return runQuery(conn, q, shop)
}

var manners = []manner{
	{name: "text", run: func(conn *sql.Conn, q, shop string, args []any) outcome {
		return run(conn, inText(q, args), shop)
	}},
	{name: "binary", run: func(conn *sql.Conn, q, shop string, args []any) outcome {
		return run(conn, q, shop, args...)
	}},
	{name: "PREPARE from a literal, EXECUTE", run: func(conn *sql.Conn, q, shop string, args []any) outcome {
		if o := run(conn, "PREPARE Named FROM "+quote(inText(q, args)), shop); o.err != nil {
			return o
		}
		return rowsIf(conn, strings.HasPrefix(q, "SELECT"), "EXECUTE named", shop)
	}},
	{name: "PREPARE from a variable, EXECUTE USING", run: func(conn *sql.Conn, q, shop string, args []any) outcome {
		run(conn, "DEALLOCATE PREPARE NAMED", shop) // where there is one
		if o := run(conn, "SET @text = "+quote(q), shop); o.err != nil {
			return o
		}
		if o := run(conn, "PREPARE `named` FROM @text", shop); o.err != nil {
			return o
		}
		names, failed := setVariables(conn, shop, args)
		if failed != nil {
			return *failed
		}
		return rowsIf(conn, strings.HasPrefix(q, "SELECT"), "EXECUTE named"+usingClause(names), shop)
	}},
	{name: "EXECUTE IMMEDIATE", only: server.FlavorMariaDB, run: func(conn *sql.Conn, q, shop string, args []any) outcome {
		return rowsIf(conn, strings.HasPrefix(q, "SELECT"), "EXECUTE IMMEDIATE "+quote(inText(q, args)), shop)
	}},
	{name: "EXECUTE IMMEDIATE USING", only: server.FlavorMariaDB, run: func(conn *sql.Conn, q, shop string, args []any) outcome {
		names, failed := setVariables(conn, shop, args)
		if failed != nil {
			return *failed
		}
		return rowsIf(conn, strings.HasPrefix(q, "SELECT"), "EXECUTE IMMEDIATE "+quote(q)+usingClause(names), shop)
	}},
	{name: "EXECUTE IMMEDIATE USING constants", only: server.FlavorMariaDB, run: func(conn *sql.Conn, q, shop string, args []any) outcome {
		var constants []string
		for _, a := range args {
			if _, bytes := a.([]byte); bytes {
				return run(conn, inText(q, args), shop)
			}
			constants = append(constants, literalOf(a))
		}
		return rowsIf(conn, strings.HasPrefix(q, "SELECT"), "EXECUTE IMMEDIATE "+quote(q)+usingClause(constants), shop)
	}},
}

// tag is what no two runs have alike, or no two protocols of a server.
var tag = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|Truncated incorrect (INTEGER|DOUBLE)`)

// playManner plays a script in one manner and gives what was seen, a line for each thing.
func playManner(t *testing.T, s *server.Server, p *Proxy, shop string, manner manner, c mannerScript) []string {
	app, db := session(t, p.server(s), "root", shop, ""), session(t, s, "root", shop, "")
	var seen []string
	see := func(what string, o outcome) {
		line := fmt.Sprintf("%s: %d affected, insert id %d, rows %q, error %v", what, o.affected, o.insertID, o.rows, o.err)
		seen = append(seen, tag.ReplaceAllString(strings.ReplaceAll(line, shop, "shop"), "a tag"))
	}
	for _, st := range c.steps {
		q, around := strings.CutPrefix(st.sql, "direct: ")
		switch {
		case around:
			see(st.sql, run(db, q, shop))
		case !preparable(q):
			see(st.sql, run(app, inText(q, st.args), shop))
		default:
			see(inText(st.sql, st.args), manner.run(app, q, shop, st.args))
		}
		see("  "+c.table, run(db, "SELECT * FROM "+c.table+" ORDER BY id", shop))
		reads := run(app, "SHOW IFMATCH READS", shop)
		for i, r := range reads.rows {
			reads.rows[i] = r[:strings.LastIndexByte(r, '|')] // the age
		}
		see("  READS", reads)
	}
	return seen
}

// What is prepared at SQL level comes out as the same statement in text does.
func TestDynamicSQLIsGuardedAsText(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		want := map[string][]string{}
		for i, manner := range manners {
			if manner.only != "" && manner.only != s.Flavor {
				continue
			}
			t.Run(manner.name, func(t *testing.T) {
				shop, p := shopOf(t, s, mannerTables, mannerGuards)
				for _, c := range mannerScripts() {
					seen := playManner(t, s, p, shop, manner, c)
					if i == 0 {
						want[c.name] = seen
					}
					for at, line := range want[c.name] {
						if seen[at] != line {
							t.Errorf("%s: saw\n  %s\nand as text\n  %s", c.name, seen[at], line)
						}
					}
				}
			})
		}
	})
}

// A name is the client's: it can be used again, and ends, as the server has it.
func TestNamesOfDynamicSQL(t *testing.T) {
	stale := conflict("version conflict on shop.products id=100: expected version=1, found version=2")
	never, nor := fails(1242, "21000"), fails(1210, "HY000") // the server has another statement by that name
	around := do(direct, "UPDATE products SET price=50, version=version+1 WHERE id=100", affects(1))
	play(t, []scenario{
		{name: "executed again and again", setup: products, policy: byVersion, steps: []step{
			do(A, "PREPARE q FROM 'UPDATE products SET price=? WHERE id=? AND version=?'", fine),
			do(A, "SET @p = 1, @id = 100, @v = 1", fine),
			do(A, "EXECUTE q USING @p, @id, @v", affects(1)),
			do(A, "SELECT ROW_COUNT()", gives("1")),
			do(A, "EXECUTE q USING @p, @id, @v", stale),
			do(A, "SHOW WARNINGS", matches("Error", "1020", "ifmatch: version conflict")),
			do(A, "SHOW IFMATCH CONFLICT", matches("version", "shop.products", "id=100", "version=1", "version=2")),
			do(A, "SET @v = @v + 1", fine),
			do(A, "EXECUTE Q USING @p, @id, @v", affects(1)),
			do(A, "EXECUTE q USING @p, @id", fails(1210, "HY000", "Incorrect arguments to EXECUTE")),
			do(A, "EXECUTE q", fails(1210, "HY000")),
			do(A, "SELECT price, version FROM products WHERE id=100", gives("1|3")),
		}},
		{name: "given up, given again, and failing", setup: products, policy: byVersion, steps: []step{
			do(A, "PREPARE q FROM 'UPDATE products SET price=1 WHERE id=100'", fine),
			do(A, "PREPARE q FROM 'SELECT 7'", fine),
			do(A, "EXECUTE q", fine),
			do(A, "PREPARE q FROM 'UPDATE products SET price=2 WHERE id=100'", fine),
			do(A, "EXECUTE q", affects(1)),
			do(A, "PREPARE q FROM 'UPDATE products SET nonsense=2 WHERE id=100'", fails(1054, "42S22")),
			do(A, "EXECUTE q", fails(1243, "HY000")),
			do(A, "PREPARE q FROM 'UPDATE products SET price=3 WHERE id=100'", fine),
			do(A, "PREPARE q FROM 'UPDATE nowhere SET price=3'", fails(1146, "42S02")),
			do(A, "EXECUTE q", fails(1243, "HY000")),
			do(A, "PREPARE q FROM 'UPDATE products SET price=4 WHERE id=100'", fine),
			do(A, "DEALLOCATE PREPARE `Q`", fine),
			do(A, "EXECUTE q", fails(1243, "HY000")),
			do(A, "DEALLOCATE PREPARE q", fails(1243, "HY000")),
			do(A, "PREPARE q FROM 'UPDATE products SET price=5 WHERE id=100'", fine),
			do(A, "DROP PREPARE q", fine),
			do(A, "EXECUTE q", fails(1243, "HY000")),
			do(A, "SELECT price, version FROM products WHERE id=100", gives("2|2")),
		}},
		{name: "of a database that is left", setup: products, policy: byVersion, steps: []step{
			do(A, "PREPARE q FROM 'UPDATE products SET price=? WHERE id=100'", fine),
			do(A, "SELECT price FROM products WHERE id=100", gives("99")),
			do(A, "USE mysql", fine),
			do(A, "SET @p = 1", fine),
			do(A, "EXECUTE q USING @p", affects(1)),
			around,
			do(A, "EXECUTE q USING @p", conflict("expected version=2, found version=3")),
		}},
		{name: "under an sql_mode that is left, and comes back", only: "mariadb", setup: products, policy: byVersion, steps: []step{
			do(A, "SET sql_mode = 'ANSI_QUOTES'", fine),
			do(A, `PREPARE q FROM 'UPDATE "products" SET "price"=? WHERE "id"=100'`, fine),
			do(A, "SELECT price FROM products WHERE id=100", gives("99")),
			do(A, "SET sql_mode = DEFAULT, @p = 1", fine),
			do(A, "EXECUTE q USING @p", refused("prepare it again")),
			do(A, "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", fine),
			do(A, "EXECUTE q USING @p", affects(1)),
			around,
			do(A, "EXECUTE q USING @p", conflict("expected version=2, found version=3")),
		}},
		{name: "held against what was read, within a text of several", setup: products, policy: byVersion, params: "multiStatements=true", steps: []step{
			do(A, "PREPARE q FROM 'UPDATE products SET price=? WHERE id=100'; SET @p = 1; SELECT price FROM products WHERE id=100", fine),
			around,
			do(A, "SET @q = 3; EXECUTE q USING @p; SET @q = 4", stale),
			do(A, "SELECT @q", gives("3")),
		}},
		{name: "with hints", setup: products, policy: byVersion, steps: []step{
			do(A, "PREPARE q FROM 'UPDATE products SET price=? WHERE id=100'", fine),
			do(A, "SET @p = 1", fine),
			do(A, "EXECUTE q USING @p /* ifmatch: version=1 */", affects(1)),
			do(A, "EXECUTE /* ifmatch: version=1 */ q USING @p", stale),
			do(A, "SET @ifmatch = 'version=1'", fine),
			do(A, "EXECUTE q USING @p", stale),
			do(A, "EXECUTE q USING @p", affects(1)),
		}},
		{name: "executed by a routine that the proxy does not know yet", setup: products, policy: byVersion, steps: []step{
			do(direct, "CREATE PROCEDURE go() EXECUTE q", fine),
			do(direct, "CREATE PROCEDURE go1() EXECUTE q USING @p", fine),
			do(A, "PREPARE q FROM 'UPDATE products SET price=1 WHERE id=100'", fine),
			do(A, "CALL go()", never),
			do(A, "EXECUTE q", affects(1)),
			do(A, "PREPARE q FROM 'UPDATE products SET price=? WHERE id=100'", fine),
			do(A, "SET @p = 2", fine),
			do(A, "CALL go1()", nor),
			do(A, "CALL go()", never),
			do(A, "EXECUTE q USING @p", affects(1)),
			do(A, "PREPARE q FROM 'TRUNCATE products'", fine),
			do(A, "CALL go()", never),
			do(A, "EXECUTE q", refused()),
			do(A, "SELECT price, version FROM products WHERE id=100", gives("2|3")),
		}},
		{name: "what is still refused", setup: products, policy: byVersion, steps: []step{
			do(A, "PREPARE q FROM 'UPDATE products SET price=ROW_COUNT() WHERE id=100'", fine),
			do(A, "EXECUTE q", refused("ROW_COUNT()")),
			do(A, "PREPARE q FROM 'UPDATE products SET name=? WHERE id=100'", fine),
			do(A, "SET @n = _ucs2 x'0416'", fine),
			do(A, "EXECUTE q USING @n", refused("@n is in a character set")),
			do(A, "SET @n = REPEAT('x', 5000000)", fine),
			do(A, "EXECUTE q USING @n", refused("too large")),
			do(A, "SHOW WARNINGS", matches("Error", "1290")),
			do(A, "SET @n = _latin1 'pin', sql_select_limit = 0", fine),
			do(A, "EXECUTE q USING @n", affects(1)),
			do(direct, "SELECT name, version FROM products WHERE id=100", gives("pin|2")),
		}},
	})
}

// The policy may change between PREPARE and EXECUTE.
func TestPolicyBetweenPrepareAndExecute(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, "tables: {}")
		app, db := session(t, p.server(s), "root", shop, ""), session(t, s, "root", shop, "")
		set := func(policy string) {
			t.Helper()
			if !p.reload(t, strings.ReplaceAll(policy, "shop", shop)) {
				t.Fatal("policy not taken")
			}
		}
		check := func(q string, want want) {
			t.Helper()
			if wrong := want(run(app, q, shop)); wrong != "" {
				t.Fatalf("%s: %s", q, wrong)
			}
		}
		check("SET @p = 1, @v = 1", fine)
		check("PREPARE q FROM 'UPDATE products SET price=? WHERE id=100 AND version=?'", fine)
		check("EXECUTE q USING @p, @v", affects(1))
		set(byVersion)
		check("SET @p = 2", fine)
		check("EXECUTE q USING @p, @v", affects(1)) // guarded now
		check("EXECUTE q USING @p, @v", conflict("expected version=1, found version=2"))
		execute(t, db, "CREATE PROCEDURE go() EXECUTE q USING @p, @v")
		check("CALL go()", fails(1210, "HY000")) // the server has another statement by that name
		set("tables: {}")
		check("SET @p = 3, @v = 2", fine)
		check("EXECUTE q USING @p, @v", affects(1)) // not any longer
		check("SELECT price, version FROM products WHERE id=100", gives("3|2"))
		check("CALL go()", fine)
		set("tables: {shop.products: {version: version, require: {in_stock: 7}}}")
		check("EXECUTE q USING @p, @v", fails(1644, "45000", "require in_stock failed"))
		check("USE mysql", fine)
		set(byVersion)
		check("EXECUTE q USING @p, @v", refused("prepare it again"))
		check("USE "+shop, fine)
		check("SET @p = 4", fine)
		check("EXECUTE q USING @p, @v", affects(1))
		check("SELECT price, version FROM products WHERE id=100", gives("4|3"))
	})
}

// COM_RESET_CONNECTION and COM_CHANGE_USER take the names away.
func TestResetTakesNamesAway(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, byVersion)
		r := dial(t, p.Addr, shop, plainCaps)
		r.query("PREPARE q FROM 'UPDATE products SET price=1 WHERE id=100'")
		if got := r.query("EXECUTE q"); got[0][0] != wire.OKHeader {
			t.Fatalf("EXECUTE gives %q", got)
		}
		r.command(wire.ComResetConnection)
		r.answer()
		e, err := wire.ParseERR(r.query("EXECUTE q")[0], r.caps)
		if err != nil || e.Code != 1243 {
			t.Errorf("EXECUTE after a reset gives %+v, %v", e, err)
		}
	})
}
