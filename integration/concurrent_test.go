package integration

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// The reason of a conflict is a current read, whatever the transaction's
// snapshot shows.
func TestConflictUnderASnapshot(t *testing.T) {
	var scenarios []scenario
	for _, level := range []string{"READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"} {
		read := "SELECT price FROM products WHERE id=100"
		if level == "SERIALIZABLE" {
			read = "SELECT price FROM products WHERE id=101" // it locks what it reads
		}
		scenarios = append(scenarios, scenario{name: level, setup: products, policy: byVersion, steps: []step{
			do(A, "SET SESSION TRANSACTION ISOLATION LEVEL "+level, fine),
			do(A, "BEGIN", fine),
			do(A, read, fine),
			do(B, "UPDATE products SET price=2 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=3 WHERE id=100 AND version=1", conflict("expected version=1, found version=2")),
			do(A, "ROLLBACK", fine),
			do(A, "UPDATE products SET price=? WHERE id=? AND version=?", affects(1), 4, 100, 2),
			do(direct, "SELECT price, version FROM products WHERE id=100", gives("4|3")),
		}})
	}
	play(t, append(scenarios,
		scenario{name: "a row that is locked is the server's own error", setup: products, policy: byVersion, steps: []step{
			do(A, "SET innodb_lock_wait_timeout=1", fine),
			do(B, "BEGIN", fine),
			do(B, "UPDATE products SET price=2 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=3 WHERE id=100 AND version=1", fails(1205, "HY000")),
			do(B, "COMMIT", fine),
			do(A, "UPDATE products SET price=3 WHERE id=100 AND version=1", conflict("found version=2")),
		}},
		scenario{name: "an own write in the same transaction", setup: products, policy: byVersion, steps: []step{
			do(A, "BEGIN", fine),
			do(A, "UPDATE products SET price=2 WHERE id=100 AND version=1", affects(1)),
			do(A, "UPDATE products SET price=3 WHERE id=100 AND version=1", conflict("found version=2")),
			do(A, "ROLLBACK", fine),
			do(direct, "SELECT price, version FROM products WHERE id=100", gives("99|1")),
		}}))
}

// MariaDB's innodb_snapshot_isolation, which is on from 11.6.2 on and can be turned on
// before, rolls a transaction back that writes a row which has changed since its
// snapshot. What the transaction was to do is done whole or not at all even so.
func TestSnapshotIsolation(t *testing.T) {
	// A transaction of A writes row 101 and then row 100, which B has changed.
	steps := func(begin, read string, then ...step) []step {
		return append([]step{
			do(A, "SET innodb_snapshot_isolation = ON", fine),
			do(A, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", fine),
			do(A, begin, fine),
			do(A, read, fine),
			do(A, "UPDATE products SET price=5 WHERE id=101", affects(1)),
			do(B, "UPDATE products SET price=2 WHERE id=100", affects(1)),
		}, then...)
	}
	const read, readOther = "SELECT price FROM products WHERE id=100", "SELECT price FROM products WHERE id=102"
	overtaken := conflict("shop.products id=100: expected version=1, found version=2")
	next := do(A, "UPDATE products SET price=6 WHERE id=102", affects(1))
	rows := func(of102 string) step {
		return do(direct, "SELECT id, price, version FROM products ORDER BY id", gives("100|2|2", "101|5|1", of102))
	}
	then := func(c string) string {
		return strings.Replace(byVersion, "{version: version}", "{version: version, "+c+"}", 1)
	}
	var scenarios []scenario
	add := func(name, policy string, steps []step) {
		scenarios = append(scenarios, scenario{name: name, only: server.FlavorMariaDB, setup: products, policy: policy, steps: steps})
	}
	add("the transaction is doomed", byVersion, steps("BEGIN", read,
		do(A, "UPDATE products SET price=3 WHERE id=100", overtaken),
		do(A, "SHOW WARNINGS", matches("Error|1020|ifmatch: version conflict on ")),
		do(A, "UPDATE products SET price=6 WHERE id=102", doomed()),
		do(A, "COMMIT", doomed()), rows("102|7|1"), next, rows("102|6|2")))
	add("prepared, and rolled back", byVersion, steps("BEGIN", read,
		do(A, "UPDATE products SET price=? WHERE id=?", overtaken, 3, 100),
		do(A, "UPDATE products SET price=? WHERE id=?", doomed(), 6, 102),
		do(A, "ROLLBACK", fine), rows("102|7|1"), next, rows("102|6|2")))
	add("the version in WHERE", byVersion, steps("START TRANSACTION", readOther,
		do(A, "UPDATE products SET price=3 WHERE id=100 AND version=1", overtaken),
		do(A, "BEGIN", fine), next, do(A, "COMMIT", fine), rows("102|6|2")))
	add("without autocommit", byVersion, steps("SET autocommit = 0", read,
		do(A, "UPDATE products SET price=3 WHERE id=100", overtaken),
		do(A, "UPDATE products SET price=6 WHERE id=102", doomed()),
		do(B, "UPDATE products SET price=2 WHERE id=100", affects(1)), // nobody holds its lock
		do(A, "ROLLBACK", fine), next, do(A, "COMMIT", fine),
		do(direct, "SELECT id, price, version FROM products ORDER BY id", gives("100|2|3", "101|5|1", "102|6|2"))))
	add("a savepoint is gone with it", byVersion, steps("BEGIN", read,
		do(A, "SAVEPOINT a", fine),
		do(A, "UPDATE products SET price=3 WHERE id=100", overtaken),
		do(A, "ROLLBACK TO a", doomed()), do(A, "COMMIT", doomed()), rows("102|7|1")))
	add("on_conflict: rollback", then("on_conflict: rollback"), steps("BEGIN", read,
		do(A, "UPDATE products SET price=3 WHERE id=100", overtaken), next, rows("102|6|2")))
	add("on_conflict: statement, but the server has undone more", then("on_conflict: statement"), steps("BEGIN", read,
		do(A, "UPDATE products SET price=3 WHERE id=100", overtaken),
		do(A, "COMMIT", doomed()), rows("102|7|1")))
	add("nothing was expected: the server's own error", byVersion, steps("BEGIN", readOther,
		do(A, "UPDATE products SET price=3 WHERE id=100", fails(1020, "HY000", "Record has changed")),
		do(A, "SELECT @@in_transaction", gives("0")), next, rows("102|6|2")))
	add("what is expected holds: the server's own error", byVersion, steps("BEGIN", readOther,
		do(A, "UPDATE products SET price=3 WHERE id=100 AND version=2", fails(1020, "HY000", "Record has changed")),
		next, rows("102|6|2")))
	play(t, scenarios)
}

// Clients that read, add one and save with the version that they read, and try
// again after a conflict, never lose one of their additions.
func TestNoUpdateIsLost(t *testing.T) {
	const clients, additions = 8, 40
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, byVersion)
		var conflicts atomic.Int64
		var wait sync.WaitGroup
		for c := range clients {
			conn := session(t, p.server(s), "root", shop, "interpolateParams="+fmt.Sprint(c%2 == 0))
			wait.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
				defer cancel()
				for done := 0; done < additions; {
					var n, version int
					if err := conn.QueryRowContext(ctx, "SELECT in_stock, version FROM products WHERE id=100").Scan(&n, &version); err != nil {
						t.Error(err)
						return
					}
					_, err := conn.ExecContext(ctx, "UPDATE products SET in_stock=?, version=? WHERE id=100", n+1, version)
					var e *mysql.MySQLError
					switch {
					case err == nil:
						done++
					case errors.As(err, &e) && e.Number == 1020 && strings.Contains(e.Message, fmt.Sprintf("expected version=%d, found version=", version)):
						conflicts.Add(1)
					default:
						t.Error(err)
						return
					}
				}
			})
		}
		wait.Wait()
		want := fmt.Sprintf("%d|%d", 6+clients*additions, 1+clients*additions)
		if wrong := gives(want)(run(session(t, s, "root", shop, ""), "SELECT in_stock, version FROM products WHERE id=100", shop)); wrong != "" {
			t.Error(wrong)
		}
		if conflicts.Load() == 0 {
			t.Error("the clients never met: this proves nothing")
		}
	})
}

// Bad packets end the session that they came on, and no other.
func TestBadPackets(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	garbage := make([]byte, 4096)
	for i := range garbage {
		garbage[i] = byte(random.Uint32())
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, byVersion)
		for name, bytes := range map[string][]byte{
			"random":                     garbage,
			"out of sequence":            {1, 0, 0, 9, byte(wire.ComPing)},
			"empty":                      {0, 0, 0, 0},
			"unknown command":            {1, 0, 0, 0, 0x77},
			"execute without an id":      {2, 0, 0, 0, byte(wire.ComStmtExecute), 1},
			"execute of no statement":    {10, 0, 0, 0, byte(wire.ComStmtExecute), 9, 9, 0, 0, 0, 1, 0, 0, 0},
			"long data without an id":    {3, 0, 0, 0, byte(wire.ComStmtSendLongData), 1, 0},
			"change of user, cut short":  {2, 0, 0, 0, byte(wire.ComChangeUser), 'x'},
			"more announced than comes":  {255, 255, 255, 0, byte(wire.ComQuery), 'S'},
			"set option without option":  {1, 0, 0, 0, byte(wire.ComSetOption)},
			"binlog dump":                {1, 0, 0, 0, byte(wire.ComBinlogDump)},
			"close without an id":        {1, 0, 0, 0, byte(wire.ComStmtClose)},
			"a statement of NUL bytes":   {5, 0, 0, 0, byte(wire.ComQuery), 0, 0, 0, 0},
			"an unclosed string":         append([]byte{30, 0, 0, 0, byte(wire.ComQuery)}, "UPDATE products SET name='abc"...),
			"prepare of nothing":         {1, 0, 0, 0, byte(wire.ComStmtPrepare)},
			"half a header":              {1, 0},
			"a TLS handshake":            {22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3},
			"fetch of what is not there": {9, 0, 0, 0, byte(wire.ComStmtFetch), 1, 0, 0, 0, 1, 0, 0, 0},
		} {
			t.Run(name, func(t *testing.T) {
				before, err := net.Dial("tcp", p.Addr)
				if err != nil {
					t.Fatal(err)
				}
				defer before.Close()
				before.Write(bytes)
				r := dial(t, p.Addr, shop, plainCaps)
				r.c.NetConn().Write(bytes)
				for _, nc := range []net.Conn{before, r.c.NetConn()} {
					nc.(*net.TCPConn).CloseWrite()
					nc.SetReadDeadline(time.Now().Add(patience))
					for buf := make([]byte, 4096); ; {
						if _, err := nc.Read(buf); err != nil {
							if errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "timeout") {
								t.Error("the session neither answers nor ends")
							}
							break
						}
					}
				}
				if wrong := gives("1")(run(session(t, p.server(s), "root", shop, ""), "SELECT 1", shop)); wrong != "" {
					t.Error("another session: ", wrong)
				}
			})
		}
		app := session(t, p.server(s), "root", shop, "")
		if !await(func() bool { return contains(get(t, "http://"+p.Admin+"/metrics"), "ifmatch_sessions 1") }) {
			t.Error("sessions are left")
		}
		if wrong := gives("3")(run(app, "SELECT SUM(version) FROM products", shop)); wrong != "" {
			t.Error(wrong)
		}
	})
}
