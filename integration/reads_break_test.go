package integration

import (
	"strings"
	"testing"

	"ifmatch/integration/server"
)

// A write that was taken back has left the row at the token that the next
// writer's will have: taken for a committed one it would let a lost update pass.

// otherWrites is somebody else's update, after which a blind write of A is stale.
func otherWrites() step {
	return do(direct, "UPDATE products SET price=50, version=version+1 WHERE id=100", affects(1))
}

// stale is A's write that must not pass.
func stale() step {
	return do(A, "UPDATE products SET price=2 WHERE id=100", conflict("expected version=1, found version=2"))
}

func TestTakenBack(t *testing.T) {
	play(t, []scenario{
		{name: "by EXECUTE of ROLLBACK AND CHAIN", setup: products, policy: byVersion, steps: []step{
			do(A, "SELECT name FROM products WHERE id=100", gives("pen")),
			do(A, "PREPARE back FROM 'ROLLBACK AND CHAIN'", fine),
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
			do(A, "EXECUTE back", fine),
			do(A, "COMMIT", fine),
			otherWrites(),
			stale(),
		}},
		{name: "by EXECUTE of ROLLBACK, which completion_type chains", setup: products, policy: byVersion, steps: []step{
			do(A, "SELECT name FROM products WHERE id=100", gives("pen")),
			do(A, "PREPARE back FROM 'ROLLBACK'", fine),
			do(A, "SET completion_type=1", fine),
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
			do(A, "EXECUTE back", fine),
			do(A, "COMMIT AND NO CHAIN", fine),
			otherWrites(),
			stale(),
		}},
		{name: "behind CREATE TEMPORARY TABLE, which commits nothing", setup: products, policy: byVersion, steps: []step{
			do(A, "SELECT name FROM products WHERE id=100", gives("pen")),
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
			do(A, "CREATE TEMPORARY TABLE basket(id INT)", fine),
			do(A, "DROP TEMPORARY TABLE basket", fine),
			do(A, "ROLLBACK", fine),
			otherWrites(),
			stale(),
		}},
		{name: "DDL that commits still does", setup: products, policy: byVersion, steps: []step{
			do(A, "SET autocommit=0", fine),
			do(A, "SELECT name FROM products WHERE id=100", gives("pen")),
			do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
			do(A, "CREATE TABLE notes(id INT)", fine),
			do(A, "ROLLBACK", fine),
			do(A, "UPDATE products SET price=2 WHERE id=100", affects(1)),
		}},
		{name: "by the server, at a row newer than the snapshot", only: server.FlavorMariaDB, setup: products, policy: byVersion, steps: []step{
			do(A, "SET innodb_snapshot_isolation=ON", fine),
			do(A, "BEGIN", fine),
			do(A, "SELECT name FROM products", gives("pen", "ink", "cap")),
			do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
			do(direct, "UPDATE products SET price=77 WHERE id=101", affects(1)),
			do(A, "UPDATE products SET price=price+1 WHERE id=101", fails(1020, "HY000", "Record has changed")),
			do(A, "SELECT 1", gives("1")),
			otherWrites(),
			stale(),
		}},
		{name: "a lock that was not had takes nothing else back", setup: products, policy: byVersion, steps: []step{
			do(A, "SET innodb_lock_wait_timeout=1", fine),
			do(A, "SELECT name FROM products", gives("pen", "ink", "cap")),
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
			do(direct, "BEGIN", fine),
			do(direct, "UPDATE products SET price=9 WHERE id=101", affects(1)),
			do(A, "UPDATE products SET price=1 WHERE id=101", fails(1205, "HY000")),
			do(A, "SELECT ROW_COUNT()", gives("-1")),
			do(direct, "COMMIT", fine),
			do(A, "COMMIT", fine),
			do(direct, "UPDATE products SET price=50, version=version+1 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=2 WHERE id=100", conflict("expected version=2, found version=3")),
		}},
		{name: "behind the back of a context", setup: products, policy: byContext, steps: []step{
			do(A, "SET @ifmatch_context='u1'", fine),
			do(A, "SELECT name FROM products WHERE id=100", gives("pen")),
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
			do(A, "SET @ifmatch_context='u2'", fine),
			do(A, "SELECT name FROM products WHERE id=100", gives("pen")),
			do(A, "ROLLBACK", fine),
			do(A, "SHOW IFMATCH READS", gives()),
		}},
	})
}

const byContext = "tables: {shop.products: {version: version, scope: context}}"

// A ROLLBACK that was prepared by the binary protocol takes back as well.
func TestTakenBackPrepared(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		ctx, shop := t.Context(), s.Database(t)
		db := s.Open(t, shop)
		for _, q := range statements(products) {
			if _, err := db.Exec(q); err != nil {
				t.Fatal(err)
			}
		}
		p := start(t, s, strings.ReplaceAll(byVersion, "shop", shop))
		conn := session(t, p.server(s), "root", shop, "")
		back, err := conn.PrepareContext(ctx, "ROLLBACK")
		if err != nil {
			t.Fatal(err)
		}
		defer back.Close()
		for _, q := range []string{"SELECT name FROM products WHERE id=100", "BEGIN", "UPDATE products SET price=1 WHERE id=100"} {
			if o := run(conn, q, shop); o.err != nil {
				t.Fatal(o.err)
			}
		}
		if _, err := back.ExecContext(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("UPDATE products SET price=50, version=version+1 WHERE id=100"); err != nil {
			t.Fatal(err)
		}
		last := stale()
		if wrong := last.want(run(conn, last.sql, shop)); wrong != "" {
			t.Fatal(wrong)
		}
	})
}

const letters = `
CREATE TABLE docs(k VARCHAR(20) PRIMARY KEY, body TEXT, version INT NOT NULL DEFAULT 1);
INSERT INTO docs(k, body) VALUES ('a', 'x'), ('b', 'y')`

const lettersByVersion = "tables: {shop.docs: {version: version}}"

const byUUID = "tables: {shop.notes: {version: {column: etag, bump: uuid}}}"

const notes = `
CREATE TABLE notes(id INT PRIMARY KEY, name VARCHAR(2), etag CHAR(36));
INSERT INTO notes VALUES (100, 'a', UUID())`

func TestReadsHold(t *testing.T) {
	play(t, []scenario{
		{name: "a key of letters that was changed takes its expectation along", setup: letters, policy: lettersByVersion, steps: []step{
			do(A, "SELECT body FROM docs WHERE k='a'", gives("x")),
			do(A, "UPDATE docs SET k='c' WHERE k='A'", affects(1)),
			do(A, "SELECT ROW_COUNT()", gives("1")),
			do(A, "UPDATE docs SET k=? WHERE k=?", affects(1), "D", "c"),
			do(A, "SHOW IFMATCH READS", matches("session|shop.docs|k='D'|version=3")),
			do(direct, "UPDATE docs SET body='other', version=version+1 WHERE k='d'", affects(1)),
			do(A, "UPDATE docs SET body='mine' WHERE k='d'", conflict("expected version=3, found version=4")),
		}},
		{name: "a write that IGNORE kept from its row has left it as it was", setup: products + "; ALTER TABLE products ADD UNIQUE (name)", policy: byVersion, steps: []step{
			do(A, "SELECT price FROM products", gives("99", "5", "7")),
			do(A, "UPDATE IGNORE products SET name='ink' WHERE id=100", affects(0)),
			do(A, "UPDATE IGNORE products SET id=101 WHERE id=100", affects(0)),
			do(direct, "UPDATE products SET price=50, version=version+1 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=2 WHERE id=100", conflict("expected version=1, found version=2")),
			do(A, "UPDATE products SET price=2 WHERE id=101", affects(1)),
		}},
		{name: "in a session whose connection speaks UTF-16", setup: letters, policy: lettersByVersion, steps: []step{
			do(A, "SET collation_connection=utf16_general_ci", fine),
			do(A, "SELECT body FROM docs WHERE k='a'", gives("x")),
			do(direct, "UPDATE docs SET version=version+1", affects(2)),
			do(A, "UPDATE docs SET body='mine' WHERE k='a'", conflict("expected version=1, found version=2")),
			do(A, "UPDATE docs SET body='mine' WHERE k='a' AND body='z'", affects(0)),
		}},
		{name: "what an own transaction has to say of a write", setup: notes, policy: byUUID, steps: []step{
			do(A, "SET sql_mode=''", fine),
			do(A, "SELECT name FROM notes WHERE id=100", gives("a")),
			do(A, "UPDATE notes SET name='long' WHERE id=100", affects(1)),
			do(A, "SELECT ROW_COUNT(), @@warning_count, @@session.warning_count, ROW_COUNT(), @@error_count", gives("1|1|1|1|0")),
			do(A, "UPDATE notes SET name='more' WHERE id=100", affects(1)),
			do(A, "SELECT @@warning_count, ROW_COUNT()", named("@@warning_count", "ROW_COUNT()")),
		}},
	})
}

// What was read uncommitted is not remembered, however the level was set.
func TestDirtyOnce(t *testing.T) {
	dirty := func(flavor, set string) scenario {
		return scenario{name: set, only: flavor, setup: products, policy: byVersion, steps: []step{
			do(A, "SELECT 1", gives("1")),
			do(A, set, fine),
			do(direct, "BEGIN", fine),
			do(direct, "UPDATE products SET price=50, version=version+1 WHERE id=100", affects(1)),
			do(A, "SELECT price FROM products WHERE id=100", gives("50")),
			do(direct, "ROLLBACK", fine),
			do(A, "SHOW IFMATCH READS", gives()),
			do(A, "SELECT price FROM products WHERE id=100", gives("99")),
			do(A, "SHOW IFMATCH READS", matches("session|shop.products|id=100|version=1")),
		}}
	}
	play(t, []scenario{
		dirty(server.FlavorMariaDB, "SET @@tx_isolation='READ-UNCOMMITTED'"),
		dirty(server.FlavorMariaDB, "EXECUTE IMMEDIATE 'SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED'"),
		dirty(server.FlavorMySQL, "SET @@transaction_isolation='READ-UNCOMMITTED'"),
		{name: "a level that is clean", only: server.FlavorMySQL, setup: products, policy: byVersion, steps: []step{
			do(A, "SET @@transaction_isolation='READ-COMMITTED'", fine),
			do(A, "SELECT price FROM products WHERE id=100", gives("99")),
			do(A, "SHOW IFMATCH READS", matches("session|shop.products|id=100|version=1")),
		}},
	})
}

// The proxy's own transactions leave the client's table locks alone.
func TestLocksStay(t *testing.T) {
	locked := func(flavor, lock string, write want) scenario {
		return scenario{name: lock, only: flavor, setup: notes, policy: byUUID, steps: []step{
			do(A, "SELECT name FROM notes WHERE id=100", gives("a")),
			do(A, lock, fine),
			do(A, "UPDATE notes SET name='b' WHERE id=100", write),
			do(direct, "SET lock_wait_timeout=1", fine),
			do(direct, "UPDATE notes SET name='c' WHERE id=100", fails(1205, "HY000")),
			do(A, "UNLOCK TABLES", fine),
			do(direct, "UPDATE notes SET name='c' WHERE id=100", affects(1)),
		}}
	}
	read := fails(1099, "HY000")
	play(t, []scenario{
		locked(server.FlavorMariaDB, "EXECUTE IMMEDIATE 'LOCK TABLES notes WRITE'", affects(1)),
		locked("", "LOCK TABLES notes WRITE", affects(1)),
		locked("", "FLUSH TABLES notes WITH READ LOCK", read),
		locked("", "FLUSH TABLES notes FOR EXPORT", read),
	})
}

// MySQL's XA PREPARE takes the transaction away from the session: its fate is not
// known any longer.
func TestPreparedXA(t *testing.T) {
	play(t, []scenario{
		{name: "taken away", only: server.FlavorMySQL, setup: products, policy: byVersion, steps: append(prepared("shop"),
			do(A, "SHOW IFMATCH READS", gives()),
			do(A, "XA ROLLBACK 'shop'", fine))},
		{name: "rolled back", only: server.FlavorMariaDB, setup: products, policy: byVersion, steps: append(prepared("shop"),
			do(A, "XA ROLLBACK 'shop'", fine),
			otherWrites(),
			stale())},
	})
}

// prepared are the steps of an XA transaction up to XA PREPARE.
func prepared(id string) []step {
	return []step{
		do(A, "SELECT name FROM products WHERE id=100", gives("pen")),
		do(A, "XA START '"+id+"'", fine),
		do(A, "UPDATE products SET price=1 WHERE id=100", affects(1)),
		do(A, "XA END '"+id+"'", fine),
		do(A, "XA PREPARE '"+id+"'", fine),
	}
}
