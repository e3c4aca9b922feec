package integration

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"ifmatch/integration/server"
)

func TestADoomedTransaction(t *testing.T) {
	const text = "version conflict on shop.products id=100: expected version=7, found version=1"
	stale := do(A, "UPDATE /* ifmatch: version=7 */ products SET price=1 WHERE id=100", conflict(text))
	stalePrepared := do(A, "UPDATE products SET price=? WHERE id=? AND version=?", conflict(text), 1, 100, 7)
	isDoomed := doomed("ifmatch: transaction doomed by: " + text)
	play(t, []scenario{
		{name: "goes back without ending the session, whatever completion_type says", setup: products, policy: byVersion, steps: []step{
			do(A, "SET completion_type=2", fine),
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=2 WHERE id=101", affects(1)),
			stale,
			do(A, "SELECT 1", isDoomed),
			do(A, "ROLLBACK AND NO CHAIN NO RELEASE", fine),
			do(A, "SELECT price FROM products WHERE id=101", gives("5")),
		}},
		{name: "answers everything with its error until ROLLBACK", setup: products, policy: byVersion, steps: []step{
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=2 WHERE id=101", affects(1)),
			stale,
			do(A, "SELECT 1", isDoomed),
			do(A, "SELECT ?", isDoomed, 1),
			do(A, "UPDATE products SET price=3 WHERE id=101", isDoomed),
			do(A, "INSERT INTO products(id) VALUES (7)", isDoomed),
			do(A, "", isDoomed),
			do(A, "USE mysql", isDoomed),
			do(A, "SAVEPOINT s", isDoomed),
			do(A, "ROLLBACK TO s", isDoomed),
			do(A, "ROLLBACK", fine),
			do(A, "SELECT price, version FROM products WHERE id=101", gives("5|1")),
			do(A, "UPDATE products SET price=4 WHERE id=101", affects(1)),
			do(direct, "SELECT price FROM products WHERE id=101", gives("4")),
		}},
		{name: "refuses what would commit implicitly", setup: products + "; CREATE TABLE notes(id INT)", policy: byVersion, steps: []step{
			do(A, "START TRANSACTION", fine),
			do(A, "UPDATE products SET price=2 WHERE id=101", affects(1)),
			stalePrepared,
			do(A, "DROP TABLE notes", isDoomed),
			do(A, "SET autocommit=1", isDoomed),
			do(A, "LOCK TABLES notes WRITE", isDoomed),
			do(A, "CREATE TABLE more(id INT)", isDoomed),
			do(A, "ROLLBACK WORK", fine),
			do(direct, "SELECT price FROM products WHERE id=101", gives("5")),
			do(direct, "SELECT COUNT(*) FROM notes", gives("0")),
		}},
		{name: "COMMIT rolls back and answers with its error", setup: products, policy: byVersion, steps: []step{
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=2 WHERE id=101", affects(1)),
			stale,
			do(A, "COMMIT", isDoomed),
			do(direct, "SELECT price FROM products WHERE id=101", gives("5")),
			do(A, "UPDATE products SET price=2 WHERE id=101", affects(1)),
			do(direct, "SELECT price FROM products WHERE id=101", gives("2")),
		}},
		{name: "BEGIN rolls back and begins", setup: products, policy: byVersion, steps: []step{
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=2 WHERE id=101", affects(1)),
			stale,
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=3 WHERE id=102", affects(1)),
			do(direct, "SELECT price FROM products WHERE id=102", gives("7")),
			do(A, "COMMIT", fine),
			do(direct, "SELECT price FROM products WHERE id>100 ORDER BY id", gives("5", "3")),
		}},
		{name: "SHOW WARNINGS and SHOW IFMATCH work", setup: products, policy: byVersion, steps: []step{
			do(A, "BEGIN", fine),
			stale,
			do(A, "SHOW WARNINGS", gives("Error|1020|ifmatch: "+text)),
			do(A, "SHOW IFMATCH CONFLICT", matches("version", "shop.products", "id=100")),
			do(A, "SELECT 1", isDoomed),
			do(A, "SHOW ERRORS", matches("Error", "3101")),
			do(A, "ROLLBACK", fine),
		}},
		{name: "its locks go at once", setup: products, policy: byVersion, steps: []step{
			do(B, "SET innodb_lock_wait_timeout=1", fine),
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=2 WHERE id=101", affects(1)),
			stale,
			do(B, "UPDATE products SET price=3 WHERE id=101", affects(1)),
			do(A, "ROLLBACK", fine),
		}},
		{name: "ROLLBACK TO a savepoint lifts the doom", setup: products, policy: byVersion, steps: []step{
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=2 WHERE id=101", affects(1)),
			do(A, "SAVEPOINT early", fine),
			do(A, "UPDATE products SET price=3 WHERE id=102", affects(1)),
			stale,
			do(A, "SELECT 1", isDoomed),
			do(A, "SAVEPOINT late", isDoomed),
			do(A, "RELEASE SAVEPOINT early", isDoomed),
			do(A, "ROLLBACK TO late", isDoomed),
			do(A, "ROLLBACK WORK TO SAVEPOINT `EARLY`", fine),
			do(A, "UPDATE products SET price=4 WHERE id=100", affects(1)),
			do(A, "COMMIT", fine),
			do(direct, "SELECT price FROM products ORDER BY id", gives("4", "2", "7")),
		}},
		{name: "a savepoint that was released does not help", setup: products, policy: byVersion, steps: []step{
			do(A, "BEGIN", fine),
			do(A, "SAVEPOINT one", fine),
			do(A, "RELEASE SAVEPOINT one", fine),
			stale,
			do(A, "ROLLBACK TO one", isDoomed),
			do(A, "ROLLBACK", fine),
		}},
		{name: "without autocommit", setup: products, policy: byVersion, steps: []step{
			do(A, "SET autocommit=0", fine),
			do(A, "UPDATE products SET price=2 WHERE id=101", affects(1)),
			stale,
			do(A, "SELECT 1", isDoomed),
			do(A, "COMMIT", isDoomed),
			do(A, "UPDATE products SET price=3 WHERE id=102", affects(1)),
			do(A, "COMMIT", fine),
			do(direct, "SELECT price FROM products ORDER BY id", gives("99", "5", "3")),
		}},
		{name: "an unread row dooms, a refusal does not", setup: products, policy: "tables: {shop.products: {version: version, unread: refuse}}", steps: []step{
			do(A, "BEGIN", fine),
			do(A, "TRUNCATE products", refused()),
			do(A, "UPDATE products SET price=2 WHERE id=101 AND version=1", affects(1)),
			do(A, "UPDATE products SET price=2 WHERE id=102", unread()),
			do(A, "SELECT 1", doomed("ifmatch: transaction doomed by: unread row on shop.products id=102")),
			do(A, "ROLLBACK", fine),
		}},
		{name: "XA ROLLBACK lifts the doom of an XA transaction", setup: products, policy: byVersion, steps: []step{
			do(A, "XA START 'doomed'", fine),
			do(A, "UPDATE products SET price=2 WHERE id=101", affects(1)),
			stale,
			do(A, "SELECT 1", doomed()),
			do(A, "ROLLBACK", fails(1399, "XAE07")),
			do(A, "COMMIT", doomed()),
			do(A, "BEGIN", fails(1399, "XAE07")),
			do(A, "SELECT 1", doomed()),
			do(A, "XA END 'doomed'", fine),
			do(A, "XA COMMIT 'doomed' ONE PHASE", doomed()),
			do(A, "XA ROLLBACK 'doomed'", fine),
			do(A, "SELECT price FROM products WHERE id=101", gives("5")),
		}},
		{name: "a conflict outside a transaction dooms nothing", setup: products, policy: byVersion, steps: []step{
			stale,
			do(A, "SELECT 1", gives("1")),
			do(A, "COMMIT", fine),
		}},
	})
}

func TestOnConflict(t *testing.T) {
	stale := do(A, "UPDATE /* ifmatch: version=7 */ products SET price=1 WHERE id=100", conflict())
	play(t, []scenario{
		{name: "rollback", setup: products, policy: "tables: {shop.products: {version: version, on_conflict: rollback}}", steps: []step{
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=2 WHERE id=101", affects(1)),
			stale,
			do(A, "SHOW WARNINGS", matches("Error", "1020")),
			do(A, "SELECT price FROM products WHERE id=101", gives("5")),
			do(A, "UPDATE products SET price=3 WHERE id=102", affects(1)),
			do(A, "ROLLBACK", fine), // too late: what follows the conflict is in no transaction
			do(direct, "SELECT price FROM products WHERE id>100 ORDER BY id", gives("5", "3")),
		}},
		{name: "rollback of an XA transaction, which the server refuses, dooms it", setup: products, policy: "tables: {shop.products: {version: version, on_conflict: rollback}}", steps: []step{
			do(A, "XA START 'rolled'", fine),
			do(A, "UPDATE products SET price=2 WHERE id=101", affects(1)),
			stale,
			do(A, "XA END 'rolled'", fine),
			do(A, "XA COMMIT 'rolled' ONE PHASE", doomed()),
			do(A, "XA ROLLBACK 'rolled'", fine),
			do(A, "SELECT price FROM products WHERE id=101", gives("5")),
		}},
		{name: "statement", setup: products, policy: "tables: {shop.products: {version: version, on_conflict: statement}}", steps: []step{
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=2 WHERE id=101", affects(1)),
			stale,
			do(A, "SELECT price FROM products WHERE id=101", gives("2")),
			do(A, "COMMIT", fine),
			do(direct, "SELECT price FROM products WHERE id=101", gives("2")),
		}},
	})
}

// A prepared COMMIT or ROLLBACK ends a doomed transaction as its text does.
func TestPreparedEndOfADoomedTransaction(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, byVersion)
		app := session(t, p.server(s), "root", shop, "")
		prepare := func(text string) *sql.Stmt {
			t.Helper()
			stmt, err := app.PrepareContext(context.Background(), text)
			if err != nil {
				t.Fatalf("prepare %s: %v", text, err)
			}
			return stmt
		}
		commit, rollback, choose := prepare("COMMIT"), prepare("ROLLBACK"), prepare("SELECT 1")
		for _, c := range []struct {
			stmt *sql.Stmt
			want want
		}{{commit, doomed()}, {rollback, fine}} {
			execute(t, app, "BEGIN")
			execute(t, app, "UPDATE products SET price=2 WHERE id=101")
			if wrong := conflict()(run(app, "UPDATE /* ifmatch: version=7 */ products SET price=1 WHERE id=100", shop)); wrong != "" {
				t.Fatal(wrong)
			}
			if wrong := doomed()(executed(choose, shop)); wrong != "" {
				t.Fatal(wrong)
			}
			if err := app.PingContext(context.Background()); err != nil {
				t.Errorf("PING: %v", err)
			}
			if wrong := c.want(executed(c.stmt, shop)); wrong != "" {
				t.Fatal(wrong)
			}
			if wrong := gives("5|1")(run(app, "SELECT price, version FROM products WHERE id=101", shop)); wrong != "" {
				t.Fatal(wrong)
			}
		}
		execute(t, app, "BEGIN")
		if wrong := conflict()(run(app, "UPDATE /* ifmatch: version=7 */ products SET price=1 WHERE id=100", shop)); wrong != "" {
			t.Fatal(wrong)
		}
		if _, err := app.PrepareContext(context.Background(), "SELECT 2"); err == nil || !strings.Contains(err.Error(), "3101") {
			t.Errorf("a doomed transaction prepares: %v", err)
		}
		late := prepare("ROLLBACK")
		if wrong := fine(executed(late, shop)); wrong != "" {
			t.Fatal(wrong)
		}
		if wrong := gives("1")(run(app, "SELECT 1", shop)); wrong != "" {
			t.Fatal(wrong)
		}
	})
}
