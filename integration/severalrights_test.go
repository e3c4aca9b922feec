package integration

import (
	"errors"
	"testing"

	"github.com/go-sql-driver/mysql"

	"ifmatch/integration/server"
)

// Accounts with few rights write several rows that they have read as without the
// proxy: they may lock them, and what is only read in the statement.
func TestSeveralRowsWithFewRights(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := s.Open(t, shop)
		account := "few_" + shop[len(shop)-8:]
		exec := func(queries ...string) {
			t.Helper()
			for _, q := range queries {
				if _, err := db.Exec(q); err != nil {
					t.Fatalf("%s: %v", q, err)
				}
			}
		}
		exec(append(statements(stockroom), "CREATE USER "+account,
			"GRANT SELECT, UPDATE ON "+shop+".stock TO "+account, "GRANT SELECT ON "+shop+".picks TO "+account,
			"GRANT SELECT (id, stock), UPDATE (what) ON "+shop+".orders TO "+account)...)
		t.Cleanup(func() { db.Exec("DROP USER " + account) })
		p := start(t, s, "tables: {"+shop+".stock: {version: version}}")
		plain, guarded := session(t, s, account, shop, ""), session(t, p.server(s), account, shop, "")
		run(guarded, "SELECT * FROM stock", shop)
		for _, q := range []string{
			"UPDATE stock SET n=1 WHERE n=10",
			"UPDATE stock SET n=2 WHERE id IN (SELECT x FROM picks)",
			"UPDATE stock s JOIN picks p ON p.x=s.id SET s.n=3",
			"UPDATE stock s JOIN (SELECT x FROM picks UNION SELECT 3) p ON p.x=s.id SET s.n=4",
			"UPDATE stock s JOIN orders o ON o.stock=s.id SET s.n=5, o.what='x'",
			"UPDATE stock s JOIN orders o ON o.stock=s.id SET s.n=6 WHERE o.id=1",
			"UPDATE stock s JOIN orders o ON o.stock=s.id SET s.n=6 WHERE o.version=1",
			"UPDATE stock s JOIN picks p ON p.x=s.id SET p.x=3",
			"DELETE FROM stock WHERE id>1",
			"DELETE s FROM stock s JOIN picks p ON p.x=s.id",
			"UPDATE stock SET n=6 WHERE id>1",
		} {
			var said [2]outcome
			var code [2]uint16
			for i, conn := range []func(string) outcome{
				func(q string) outcome { return run(plain, q, shop) }, func(q string) outcome { return run(guarded, q, shop) },
			} {
				exec("UPDATE stock SET n=10", "UPDATE orders SET what='y'")
				said[i] = conn(q)
				var e *mysql.MySQLError
				if errors.As(said[i].err, &e) {
					code[i] = e.Number
				}
			}
			if said[0].affected != said[1].affected || code[0] != code[1] {
				t.Errorf("%s: %d rows, error %v; with the proxy %d, %v", q, said[0].affected, said[0].err, said[1].affected, said[1].err)
			}
		}
		if o := run(guarded, "SELECT @@in_transaction", shop); o.err == nil && o.rows[0] != "0" {
			t.Error("a transaction is open")
		}
	})
}
