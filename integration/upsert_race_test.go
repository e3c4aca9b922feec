package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"ifmatch/integration/server"
)

const counters = `
CREATE TABLE counters(id INT PRIMARY KEY, name VARCHAR(20) NOT NULL UNIQUE, n INT NOT NULL, version BIGINT NOT NULL DEFAULT 1);
CREATE TABLE log_(id INT, version BIGINT);
CREATE TRIGGER made AFTER INSERT ON counters FOR EACH ROW INSERT INTO log_ VALUES (NEW.id, NEW.version);
CREATE TRIGGER changed AFTER UPDATE ON counters FOR EACH ROW INSERT INTO log_ VALUES (NEW.id, NEW.version)`

// again reports whether a client is to read again and try once more: it has lost a
// race, or the server wants it to.
func again(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && (e.Number == 1020 || e.Number == 3101 || e.Number == 1213 || e.Number == 1205)
}

// TestUpsertsLoseNothing has clients count by reading a row and writing it back by
// each kind of statement that can.
func TestUpsertsLoseNothing(t *testing.T) {
	const clients, writes, rows = 6, 25, 2
	writers := []func(ctx context.Context, c *sql.Conn, id, n int) error{
		func(ctx context.Context, c *sql.Conn, id, n int) error {
			_, err := c.ExecContext(ctx, fmt.Sprintf("INSERT INTO counters(id, name, n) VALUES (%d, 'c%d', %d) ON DUPLICATE KEY UPDATE n=%d", id, id, n, n))
			return err
		},
		func(ctx context.Context, c *sql.Conn, id, n int) error {
			_, err := c.ExecContext(ctx, "INSERT INTO counters(id, name, n) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE n=VALUES(n)", id, fmt.Sprint("c", id), n)
			return err
		},
		func(ctx context.Context, c *sql.Conn, id, n int) error {
			_, err := c.ExecContext(ctx, fmt.Sprintf("REPLACE INTO counters(id, name, n) VALUES (%d, 'c%d', %d)", id, id, n))
			return err
		},
		func(ctx context.Context, c *sql.Conn, id, n int) error {
			_, err := c.ExecContext(ctx, "REPLACE INTO counters(id, name, n) VALUES (?, ?, ?)", id, fmt.Sprint("c", id), n)
			return err
		},
		func(ctx context.Context, c *sql.Conn, id, n int) error {
			_, err := c.ExecContext(ctx, fmt.Sprintf("UPDATE counters SET n=%d WHERE id=%d", n, id))
			return err
		},
		func(ctx context.Context, c *sql.Conn, id, n int) error {
			_, err := c.ExecContext(ctx, fmt.Sprintf("INSERT INTO counters(id, name, n) SELECT %d, 'c%d', %d ON DUPLICATE KEY UPDATE n=VALUES(n)", id, id, n))
			return err
		},
		func(ctx context.Context, c *sql.Conn, id, n int) error {
			_, err := c.ExecContext(ctx, "REPLACE INTO counters(id, name, n) SELECT ?, CONCAT('c', ?), ?", id, id, n)
			return err
		},
	}
	setup := counters + "; INSERT INTO counters(id, name, n) VALUES (0, 'c0', 0), (1, 'c1', 0)"
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := s.Open(t, shop)
		for _, q := range statements(setup) {
			if _, err := db.Exec(q); err != nil {
				t.Fatalf("%s: %v", q, err)
			}
		}
		p := start(t, s, "tables: {"+shop+".counters: {version: version}}")
		var mu sync.Mutex
		acked := make([]int, rows)
		var wg sync.WaitGroup
		for client := range clients {
			conn := session(t, p.server(s), "root", shop, "")
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
				defer cancel()
				r := rand.New(rand.NewPCG(1, uint64(client)))
				if client%2 == 1 {
					if _, err := conn.ExecContext(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"); err != nil {
						t.Error(err)
						return
					}
				}
				for done := 0; done < writes; {
					id, inTx := r.IntN(rows), r.IntN(2) == 0
					err := count(ctx, conn, inTx, id, writers[r.IntN(len(writers))])
					switch {
					case err == nil:
						done++
						mu.Lock()
						acked[id]++
						mu.Unlock()
					case !again(err):
						t.Errorf("client %d: %v", client, err)
						return
					}
				}
			})
		}
		wg.Wait()
		for id, want := range acked {
			var n int
			if err := db.QueryRow("SELECT n FROM counters WHERE id=?", id).Scan(&n); err != nil || n != want {
				t.Errorf("counter %d is %d, error %v; %d were acknowledged", id, n, err, want)
			}
		}
		neverTwice(t, db)
	})
}

// count reads a counter and writes it back with one more.
func count(ctx context.Context, c *sql.Conn, inTx bool, id int, write func(ctx context.Context, c *sql.Conn, id, n int) error) error {
	exec := func(q string) error {
		_, err := c.ExecContext(ctx, q)
		return err
	}
	if inTx {
		if err := exec("BEGIN"); err != nil {
			return err
		}
	}
	var n int
	err := c.QueryRowContext(ctx, fmt.Sprint("SELECT n FROM counters WHERE id=", id)).Scan(&n)
	if err == nil {
		err = write(ctx, c, id, n+1)
	}
	if !inTx {
		return err
	}
	if err != nil {
		if failed := exec("ROLLBACK"); failed != nil {
			return failed
		}
		return err
	}
	return exec("COMMIT")
}

// neverTwice fails where a row has had a version twice.
func neverTwice(t *testing.T, db *sql.DB) {
	t.Helper()
	var repeated int
	var which string
	const check = "SELECT COUNT(*), COALESCE(GROUP_CONCAT(CONCAT(id, ' at ', version)), '') FROM (SELECT id, version FROM log_ GROUP BY id, version HAVING COUNT(*) > 1) d"
	if err := db.QueryRow(check).Scan(&repeated, &which); err != nil || repeated != 0 {
		t.Errorf("%d versions were given to a row twice: %s, error %v", repeated, which, err)
	}
}

// TestUpsertsOfTheSameNewRow has clients make the same rows at the same time: who
// comes second has met a row that was not there when it looked.
func TestUpsertsOfTheSameNewRow(t *testing.T) {
	const clients, rows = 6, 30
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := s.Open(t, shop)
		for _, q := range statements(counters) {
			if _, err := db.Exec(q); err != nil {
				t.Fatalf("%s: %v", q, err)
			}
		}
		p := start(t, s, "tables: {"+shop+".counters: {version: version}}")
		var wg sync.WaitGroup
		for client := range clients {
			conn := session(t, p.server(s), "root", shop, "")
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
				defer cancel()
				if client%3 > 0 {
					if _, err := conn.ExecContext(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"); err != nil {
						t.Error(err)
						return
					}
				}
				for id := range rows {
					q := fmt.Sprintf("REPLACE INTO counters(id, name, n) VALUES (%d, 'c%d', %d)", id, id, client)
					if client == 3 {
						q = fmt.Sprintf("REPLACE INTO counters(id, name, n) SELECT %d, 'c%d', %d", id, id, client)
					}
					if client == 5 {
						q = fmt.Sprintf("INSERT INTO counters(id, name, n) VALUES (%d, 'c%d', %d) ON DUPLICATE KEY UPDATE n=VALUES(n)", id, id, client)
					}
					inTx := client == 4
					if inTx {
						q = "BEGIN; " + q + "; COMMIT"
					}
					for _, q := range statements(q) {
						if _, err := conn.ExecContext(ctx, q); err != nil && !again(err) {
							t.Errorf("client %d: %s: %v", client, q, err)
							return
						}
					}
				}
			})
		}
		wg.Wait()
		neverTwice(t, db)
		var n int
		if err := db.QueryRow("SELECT COUNT(*) FROM counters").Scan(&n); err != nil || n != rows {
			t.Errorf("%d rows, error %v; want %d", n, err, rows)
		}
	})
}
