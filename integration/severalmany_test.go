package integration

import (
	"context"
	"strings"
	"testing"
	"time"

	"ifmatch/integration/server"
)

// crowd is a table with more rows than are kept of one write.
const crowd = `
CREATE TABLE d(i INT); INSERT INTO d VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
CREATE TABLE stock(id INT PRIMARY KEY, n INT NOT NULL DEFAULT 0, kind VARCHAR(10) NOT NULL DEFAULT 'a', version INT NOT NULL DEFAULT 1);
INSERT INTO stock(id) SELECT 10 + a.i + 10*b.i + 100*c.i + 1000*e.i + 10000*f.i FROM d a, d b, d c, d e, d f WHERE f.i < 1 OR e.i < 1`

// More rows than are kept are written too, whoever says what is expected of them.
func TestSeveralRowsInThousands(t *testing.T) {
	const policy = "tables: {shop.stock: {version: version, require: {kind: {not: c}}}}"
	play(t, []scenario{
		{name: "the statement expects a version", setup: crowd, policy: policy, steps: []step{
			do(A, "SELECT * FROM stock WHERE id IN (12, 10500)", fine),
			do(A, "UPDATE stock SET n=1, version=1", func(o outcome) string {
				if o.err != nil || o.affected < 10_500 {
					return "not all rows were written"
				}
				return ""
			}),
			do(direct, "SELECT COUNT(*), MIN(version), MAX(version) FROM stock WHERE id>=10", func(o outcome) string {
				if len(o.rows) != 1 || !strings.HasSuffix(o.rows[0], "|2|2") {
					return "versions " + strings.Join(o.rows, " ")
				}
				return ""
			}),
			do(B, "UPDATE stock SET n=5 WHERE id=9000", affects(1)),
			do(A, "UPDATE stock SET n=6 WHERE id=12", affects(1)),
			do(A, "UPDATE stock SET n=2, version=2 WHERE id>12", conflict("id=9000: expected version=2, found version=3")),
			do(direct, "UPDATE stock SET kind='c' WHERE id=9001", affects(1)),
			do(A, "SELECT n FROM stock WHERE id=9000", fine),
			do(A, "UPDATE stock SET n=7 WHERE id NOT IN (11, 13)", fails(1644, "45000", "id=9001: require kind failed")),
		}},
	})
}

// A row that comes in between the lock and the write of very many rows, which READ
// COMMITTED does not keep out, is held against the policy's conditions as well.
func TestSeveralRowsInThousandsAndOneMore(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := s.Open(t, shop)
		for _, q := range statements(crowd) {
			if _, err := db.Exec(q); err != nil {
				t.Fatal(err)
			}
		}
		p := start(t, s, "tables: {"+shop+".stock: {version: version, require: {kind: {not: c}}}}")
		app, other := session(t, p.server(s), "root", shop, ""), session(t, s, "root", shop, "")
		must := func(o outcome) {
			t.Helper()
			if o.err != nil {
				t.Fatal(o.err)
			}
		}
		must(run(app, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", shop))
		must(run(app, "SELECT * FROM stock WHERE id=12", shop))
		must(run(other, "BEGIN", shop))
		must(run(other, "SELECT id FROM stock ORDER BY id DESC LIMIT 1 FOR UPDATE", shop))
		done := make(chan outcome, 1)
		go func() { done <- run(app, "UPDATE stock SET n=9", shop) }()
		waits := await(func() bool {
			var n int
			err := db.QueryRowContext(context.Background(), "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state='LOCK WAIT' AND trx_query LIKE '%sql_safe_updates%'").Scan(&n)
			time.Sleep(100 * time.Millisecond) // MariaDB keeps what it shows there for as long
			return err == nil && n > 0
		})
		if !waits {
			t.Fatal("the rows are not locked")
		}
		must(run(other, "INSERT INTO stock(id, kind) VALUES (1, 'c')", shop))
		must(run(other, "COMMIT", shop))
		if wrong := fails(1644, "45000", "id=1: require kind failed")(<-done); wrong != "" {
			t.Error(wrong)
		}
		if o := run(other, "SELECT MAX(n), MAX(version) FROM stock", shop); len(o.rows) != 1 || o.rows[0] != "0|1" {
			t.Errorf("written: %q", o.rows)
		}
	})
}
