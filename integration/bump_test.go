package integration

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"ifmatch/integration/server"
)

func TestBumpIncrement(t *testing.T) {
	table := func(version string) string {
		return "CREATE TABLE t(id INT PRIMARY KEY, n INT, v " + version + "); INSERT INTO t(id, n) VALUES (1, 0)"
	}
	const policy = "tables: {shop.t: {version: v}}"
	play(t, []scenario{
		{name: "a nullable version counts from 0", setup: table("INT NULL"), policy: policy, steps: []step{
			do(A, "UPDATE /* ifmatch: v=null */ t SET n=1 WHERE id=1", affects(1)),
			do(A, "UPDATE t SET n=1 WHERE id=1 AND v IS NULL", affects(0)),
			do(A, "UPDATE /* ifmatch: v=null */ t SET n=1 WHERE id=1", conflict("expected v=NULL, found v=1")),
			do(A, "UPDATE t SET n=2 WHERE id=1", affects(1)),
			do(A, "UPDATE t SET n=?, v=v+1 WHERE id=?", affects(1), 3, 1),
			do(direct, "SELECT n, v FROM t", gives("3|3")),
			do(direct, "UPDATE t SET v=NULL", affects(1)),
			do(A, "UPDATE t SET n=?, v=v+1 WHERE id=?", conflict("expected v=3, found v=NULL"), 4, 1),
			do(A, "SELECT n FROM t", fine),
			do(A, "UPDATE t SET n=?, v=v+1 WHERE id=?", affects(1), 4, 1),
			do(direct, "SELECT n, v FROM t", gives("4|1")),
		}},
		{name: "a full TINYINT is an error in strict mode", setup: table("TINYINT UNSIGNED NOT NULL DEFAULT 254"), policy: policy, steps: []step{
			do(A, "UPDATE t SET n=1 WHERE id=1", affects(1)),
			do(A, "UPDATE t SET n=2 WHERE id=1", refused("v of shop.t id=1 is 255")),
			do(A, "UPDATE t SET n=? WHERE id=? AND v=?", refused("255"), 2, 1, 255),
			do(A, "DELETE FROM t WHERE id=1 AND v=255", affects(1)),
		}},
		{name: "a full TINYINT is an error without strict mode", setup: table("TINYINT NOT NULL DEFAULT 126"), policy: policy, steps: []step{
			do(A, "SET sql_mode=''", fine),
			do(A, "UPDATE t SET n=1 WHERE id=1", affects(1)),
			do(A, "UPDATE t SET n=2 WHERE id=1", refused("v of shop.t id=1 is 127")),
			do(A, "UPDATE IGNORE t SET n=2 WHERE id=1", refused("127")),
			do(direct, "SELECT n, v FROM t", gives("1|127")),
		}},
		{name: "the greatest of BIGINT UNSIGNED", setup: table("BIGINT UNSIGNED NOT NULL DEFAULT 18446744073709551614"), policy: policy, steps: []step{
			do(A, "UPDATE /* ifmatch: v=18446744073709551614 */ t SET n=1 WHERE id=1", affects(1)),
			do(A, "SET sql_mode=''", fine),
			do(A, "UPDATE t SET n=? WHERE id=? AND v=?", fails(1690, "22003"), 2, 1, uint64(18446744073709551615)), // the server's own
			do(direct, "SELECT n, v FROM t", gives("1|18446744073709551615")),
		}},
	})
}

// A version by the clock must move with every write, however fast they come.
func TestBumpNowNeverStandsStill(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		for _, typ := range []string{"DATETIME", "DATETIME(3)", "DATETIME(6)", "TIMESTAMP", "TIMESTAMP(6)"} {
			t.Run(typ, func(t *testing.T) {
				shop := s.Database(t)
				db := session(t, s, "root", shop, "")
				execute(t, db, "CREATE TABLE t(id INT PRIMARY KEY, n INT, v "+typ+" NULL)")
				execute(t, db, "INSERT INTO t(id) VALUES (1)")
				p := start(t, s, "tables: {"+shop+".t: {version: {column: v, bump: now}}}")
				text := session(t, p.server(s), "root", shop, "")
				last := ""
				for i := range 4 {
					if i%2 == 0 {
						execute(t, text, fmt.Sprintf("UPDATE t SET n=%d WHERE id=1", i))
					} else {
						execute(t, text, "UPDATE t SET n=? WHERE id=?", i, 1)
					}
					var v string
					if err := db.QueryRowContext(context.Background(), "SELECT v FROM t").Scan(&v); err != nil {
						t.Fatal(err)
					}
					if v <= last {
						t.Errorf("write %d: the version is %s after %s", i, v, last)
					}
					last = v
				}
				execute(t, db, "UPDATE t SET v='2037-01-01'")
				execute(t, text, "UPDATE t SET n=9 WHERE id=1")
				var ahead bool
				if err := db.QueryRowContext(context.Background(), "SELECT v > '2037-01-01' FROM t").Scan(&ahead); err != nil || !ahead {
					t.Errorf("a version ahead of the clock has gone back (error %v)", err)
				}
				if wrong := conflict("found v='2037-01-01 00:00:0")(run(text, "UPDATE t SET n=1 WHERE id=1 AND v='"+last+"'", shop)); wrong != "" {
					t.Error(wrong)
				}
			})
		}
	})
}

func TestBumpUUID(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		for typ, shown := range map[string]string{"CHAR(36)": "v", "VARCHAR(64)": "v", "CHAR(32)": "v", "BINARY(16)": "HEX(v)"} {
			t.Run(typ, func(t *testing.T) {
				shop := s.Database(t)
				db := session(t, s, "root", shop, "")
				execute(t, db, "CREATE TABLE t(id INT PRIMARY KEY, n INT, v "+typ+" NOT NULL)")
				execute(t, db, "INSERT INTO t VALUES (1, 0, ''), (2, 0, '')")
				p := start(t, s, "tables: {"+shop+".t: {version: {column: v, bump: uuid}}}")
				app := session(t, p.server(s), "root", shop, "")
				seen := map[string]bool{}
				for i := range 4 {
					if i%2 == 0 {
						execute(t, app, fmt.Sprintf("UPDATE t SET n=%d WHERE id=%d", i, 1+i/2))
					} else {
						execute(t, app, "UPDATE t SET n=? WHERE id=?", i, 1+i/2)
					}
					var v string
					if err := db.QueryRowContext(context.Background(), "SELECT "+shown+" FROM t WHERE id=?", 1+i/2).Scan(&v); err != nil {
						t.Fatal(err)
					}
					if len(strings.ReplaceAll(v, "-", "")) != 32 || seen[v] {
						t.Errorf("write %d: the version is %q", i, v)
					}
					seen[v] = true
				}
				read := "SELECT v FROM t WHERE id=1"
				var raw []byte
				if err := db.QueryRowContext(context.Background(), read).Scan(&raw); err != nil {
					t.Fatal(err)
				}
				const save = "UPDATE t SET n=? WHERE id=? AND v=?"
				if wrong := affects(1)(run(app, save, shop, 7, 1, raw)); wrong != "" {
					t.Error(wrong)
				}
				if wrong := conflict("id=1: expected v=", "found v=")(run(app, save, shop, 8, 1, raw)); wrong != "" {
					t.Error(wrong)
				}
			})
		}
	})
}

func TestBumpNoneLeavesItToATrigger(t *testing.T) {
	play(t, []scenario{{name: "trigger",
		setup:  "CREATE TABLE t(id INT PRIMARY KEY, n INT, v INT NOT NULL DEFAULT 1); INSERT INTO t(id, n) VALUES (1, 0); CREATE TRIGGER t_bump BEFORE UPDATE ON t FOR EACH ROW SET NEW.v = OLD.v + 1",
		policy: "tables: {shop.t: {version: {column: v, bump: none}}}",
		steps: []step{
			do(A, "UPDATE t SET n=1 WHERE id=1", affects(1)),
			do(A, "UPDATE /* ifmatch: v=1 */ t SET n=2 WHERE id=1", conflict("expected v=1, found v=2")),
			do(A, "UPDATE /* ifmatch: v=2 */ t SET n=2 WHERE id=1", affects(1)),
			do(A, "UPDATE t SET n=? WHERE id=? AND v=?", affects(1), 3, 1, 3),
			do(direct, "SELECT n, v FROM t", gives("3|4")),
		}}})
}

// execute runs a statement that has to succeed.
func execute(t testing.TB, conn *sql.Conn, q string, args ...any) {
	t.Helper()
	if _, err := conn.ExecContext(context.Background(), q, args...); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
}
