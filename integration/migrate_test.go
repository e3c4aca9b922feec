package integration

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"ifmatch/integration/server"
)

// migration runs ifmatch migrate with a policy and gives what it says.
func migration(t *testing.T, s *server.Server, policy string, flags ...string) (out, errOut string, code int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"migrate", "--policy", file, "--backend", s.Addr, "--service-user", "root"}, flags...)
	cmd := exec.Command(program(t), args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// migrated runs ifmatch migrate, which must succeed, and gives its output.
func migrated(t *testing.T, s *server.Server, policy string, flags ...string) string {
	t.Helper()
	out, errOut, code := migration(t, s, policy, flags...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errOut)
	}
	return out
}

// must runs statements, separated by ';'.
func must(t *testing.T, db interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, texts string) {
	t.Helper()
	for _, q := range statements(texts) {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// client has the command line client of the server's flavor run a text.
func client(t *testing.T, s *server.Server, text string) {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	cmd := server.Client(t, s.Flavor, "--protocol=TCP", "--host="+host, "--port="+port, "--user=root")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the client: %v\n%s\nof\n%s", err, out, text)
	}
}

// everyBump has a table of each kind of version, none with its column.
const everyBump = `CREATE TABLE plain (id INT PRIMARY KEY, name VARCHAR(20));
	CREATE TABLE termed (id INT PRIMARY KEY, name VARCHAR(20));
	CREATE TABLE tagged (id INT PRIMARY KEY, name VARCHAR(20));
	CREATE TABLE dated (id INT PRIMARY KEY, name VARCHAR(20));
	CREATE TABLE brought (id INT PRIMARY KEY, name VARCHAR(20));
	CREATE TABLE ` + "`odd ``name`" + ` (id INT PRIMARY KEY, name VARCHAR(20));
	INSERT INTO plain VALUES (1, 'a'); INSERT INTO tagged VALUES (1, 'a'); INSERT INTO dated VALUES (1, 'a')`

const everyBumpPolicy = `
tables:
  shop.plain: {version: version, relative: guard}
  shop.termed: {version: {column: seq_no, term: primary_term}, ignore: [name]}
  shop.tagged: {version: {column: etag, bump: uuid}}
  shop.dated: {version: {column: at, bump: now}}
  shop.brought: {version: {column: version, external: gt}}
  "shop.` + "`odd ``name`" + `": {version: version}
`

func TestMigrate(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		for _, way := range []string{"printed", "applied"} {
			t.Run(way, func(t *testing.T) {
				shop := s.Database(t)
				db := s.Open(t, shop)
				must(t, db, everyBump)
				policy := strings.ReplaceAll(everyBumpPolicy, "shop", shop)
				var out string
				if way == "printed" {
					out = migrated(t, s, policy, "--triggers")
					client(t, s, out)
				} else {
					out = migrated(t, s, policy, "--triggers", "--apply")
				}
				for _, want := range []string{"ALGORITHM=INSTANT;", "-- instant: ", "foreign key", "-- GRANT EXECUTE ON `ifmatch`.* TO"} {
					if !strings.Contains(out, want) {
						t.Errorf("the output has no %q:\n%s", want, out)
					}
				}
				if again := migrated(t, s, policy, "--triggers", "--apply"); !strings.Contains(again, "-- nothing to do") || strings.Contains(again, "ALTER") || strings.Contains(again, "warning") {
					t.Errorf("run again it says\n%s", again)
				}
				p := start(t, s, policy) // the schema is right for the proxy
				conn := session(t, p.server(s), "root", shop, "")
				if o := run(conn, "SELECT * FROM plain", shop); o.err != nil || strings.Join(o.columns, ",") != "id,name" {
					t.Errorf("SELECT * gives columns %q, error %v", o.columns, o.err)
				}
				if o := run(conn, "INSERT INTO plain VALUES (2, 'b')", shop); o.err != nil {
					t.Errorf("INSERT without a list of columns: %v", o.err)
				}
			})
		}
	})
}

func TestMigratePrintsNoPassword(t *testing.T) {
	s := server.MariaDB(t)
	shop := s.Database(t)
	must(t, s.Open(t, shop), "CREATE TABLE plain (id INT PRIMARY KEY)")
	out, errOut, code := migration(t, s, "tables:\n  "+shop+".plain: {version: version}\n", "--service-password", "s3cret-word")
	if code != 1 || strings.Contains(out+errOut, "s3cret-word") || !strings.Contains(errOut, "Access denied") {
		t.Errorf("exit code %d, output %s, error %s", code, out, errOut)
	}
}

// TestMigratedVersionsNeverRepeat inserts, bumps, deletes and inserts again the
// same row, as fast as the server does it, and holds each version of it against
// all that it had before.
func TestMigratedVersionsNeverRepeat(t *testing.T) {
	const rounds = 10_000
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		must(t, s.Open(t, shop), "CREATE TABLE plain (id INT PRIMARY KEY, name VARCHAR(20)); CREATE TABLE log (id INT AUTO_INCREMENT PRIMARY KEY, version BIGINT UNSIGNED UNIQUE)")
		migrated(t, s, "tables:\n  "+shop+".plain: {version: version}\n", "--apply")
		conn := session(t, s, "root", shop, "")
		// The unique index of log is the judge. The loop is on the server, so
		// that nothing slows it down, and its clock stands still for NOW().
		if _, err := conn.ExecContext(t.Context(), `CREATE PROCEDURE churn(n INT) BEGIN
			WHILE n > 0 DO
				INSERT INTO plain(id) VALUES (1);
				INSERT INTO log(version) SELECT version FROM plain WHERE id = 1;
				UPDATE plain SET version = version + 1 WHERE id = 1;
				INSERT INTO log(version) SELECT version FROM plain WHERE id = 1;
				DELETE FROM plain WHERE id = 1;
				SET n = n - 1;
			END WHILE; END`); err != nil {
			t.Fatal(err)
		}
		must(t, conn, fmt.Sprintf("SET timestamp = 1700000000; BEGIN; CALL churn(%d); COMMIT", rounds))
		o := run(conn, "SELECT COUNT(*), MAX(version) < 9007199254740992, COUNT(*) = COUNT(DISTINCT version) FROM log", shop)
		if wrong := gives(fmt.Sprintf("%d|1|1", 2*rounds))(o); wrong != "" {
			t.Error(wrong)
		}

		// Rows of one statement differ too: a change of the key may give one the
		// place of another.
		must(t, conn, "INSERT INTO plain(id) SELECT id FROM log; REPLACE INTO plain(id) SELECT id FROM log; INSERT INTO plain(id) VALUES (-1), (-2), (-3)")
		o = run(conn, "SELECT COUNT(*) - COUNT(DISTINCT version), (SELECT COUNT(*) FROM log JOIN plain USING (version)) FROM plain", shop)
		if wrong := gives("0|0")(o); wrong != "" {
			t.Error(wrong)
		}
	})
}

func TestMigratedVersionsGoOnAfterARestart(t *testing.T) {
	t.Parallel()
	server.EachOwn(t, func(t *testing.T, s *server.Server) {
		db := s.Open(t, "")
		must(t, db, "CREATE DATABASE shop; CREATE TABLE shop.plain (id INT PRIMARY KEY)")
		migrated(t, s, "tables:\n  shop.plain: {version: version}\n", "--apply")
		var before, after uint64
		must(t, db, "INSERT INTO shop.plain(id) VALUES (1); UPDATE shop.plain SET version = version + 1000")
		if err := db.QueryRow("SELECT version FROM shop.plain").Scan(&before); err != nil {
			t.Fatal(err)
		}
		s.Kill()
		s.Restart(t)
		fresh := s.Open(t, "")
		must(t, fresh, "DELETE FROM shop.plain; INSERT INTO shop.plain(id) VALUES (1)")
		if err := fresh.QueryRow("SELECT version FROM shop.plain").Scan(&after); err != nil {
			t.Fatal(err)
		}
		if after <= before {
			t.Errorf("version %d after the restart, %d before", after, before)
		}
	})
}

// TestMigrateCosts holds what is printed against the server: the statements run
// as they are, and the server refuses every way that would be cheaper.
func TestMigrateCosts(t *testing.T) {
	ways := []string{"ALGORITHM=INSTANT", "ALGORITHM=INPLACE, LOCK=NONE", "ALGORITHM=INPLACE, LOCK=SHARED", "ALGORITHM=COPY, LOCK=SHARED"}
	for _, c := range []struct {
		name, table    string
		mariadb, mysql int // of ways
	}{
		{"plain", "(id INT PRIMARY KEY, name VARCHAR(20))", 0, 0},
		{"redundant", "(id INT PRIMARY KEY) ROW_FORMAT=REDUNDANT", 0, 0},
		{"compressed", "(id INT PRIMARY KEY) ROW_FORMAT=COMPRESSED", 1, 1},
		{"full text", "(id INT PRIMARY KEY, name VARCHAR(20), FULLTEXT (name))", 2, 3},
		{"spatial", "(id INT PRIMARY KEY, g POINT NOT NULL, SPATIAL INDEX (g))", 0, 0},
		{"spatial and compressed", "(id INT PRIMARY KEY, g POINT NOT NULL, SPATIAL INDEX (g)) ROW_FORMAT=COMPRESSED", 2, 2},
		{"computed", "(id INT PRIMARY KEY, n INT AS (id + 1) VIRTUAL, m INT AS (id + 2) STORED)", 0, 0},
		{"computed and indexed", "(id INT PRIMARY KEY, n INT AS (id + 1) VIRTUAL, INDEX (n))", 2, 0},
		{"computed, indexed and compressed", "(id INT PRIMARY KEY, n INT AS (id + 1) VIRTUAL, INDEX (n)) ROW_FORMAT=COMPRESSED", 2, 1},
		{"partitioned", "(id INT PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 3", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			server.Each(t, func(t *testing.T, s *server.Server) {
				want := c.mariadb
				if s.Flavor == server.FlavorMySQL {
					want = c.mysql
				}
				shop := s.Database(t)
				conn := session(t, s, "root", shop, "")
				must(t, conn, "CREATE TABLE plain "+c.table)
				policy := "tables:\n  " + shop + ".plain: {version: version}\n"
				out := migrated(t, s, policy)
				if !strings.Contains(out, "INVISIBLE, "+ways[want]+";") {
					t.Fatalf("want %s in\n%s", ways[want], out)
				}
				for _, cheaper := range ways[:want] {
					_, err := conn.ExecContext(t.Context(), "ALTER TABLE plain ADD COLUMN version BIGINT UNSIGNED NOT NULL DEFAULT 1 INVISIBLE, "+cheaper)
					var answer *mysql.MySQLError
					if !errors.As(err, &answer) || answer.Number != 1845 && answer.Number != 1846 {
						t.Fatalf("%s: %v; want the server to refuse it", cheaper, err)
					}
				}
				if want == 3 {
					if _, errOut, code := migration(t, s, policy, "--apply"); code != 1 || !strings.Contains(errOut, "--allow-copy") {
						t.Errorf("without --allow-copy: exit code %d, %s", code, errOut)
					}
					migrated(t, s, policy, "--apply", "--allow-copy")
				} else {
					client(t, s, out)
				}
				if again := migrated(t, s, policy); !strings.Contains(again, "-- nothing to do") {
					t.Errorf("run again it says\n%s", again)
				}
			})
		})
	}
}

func TestMigrateGivesUpOnALockedTable(t *testing.T) {
	t.Parallel() // it waits, and uses nothing meanwhile
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		conn := session(t, s, "root", shop, "")
		must(t, conn, "CREATE TABLE plain (id INT PRIMARY KEY); BEGIN; SELECT * FROM plain")
		policy := "tables:\n  " + shop + ".plain: {version: version}\n"
		if _, errOut, code := migration(t, s, policy, "--apply"); code != 1 || !strings.Contains(errOut, "a transaction that is open uses the table") {
			t.Errorf("exit code %d, %s", code, errOut)
		}
		must(t, conn, "COMMIT")
		migrated(t, s, policy, "--apply")
	})
}

func TestMigrateRefuses(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := s.Open(t, shop)
		must(t, db, `CREATE TABLE bare (id INT); CREATE TABLE old (id INT PRIMARY KEY) ENGINE=MyISAM;
			CREATE TABLE typed (id INT PRIMARY KEY, version VARCHAR(9)); CREATE TABLE spelt (id INT PRIMARY KEY, version INT);
			CREATE TABLE weak (id INT PRIMARY KEY, version INT DEFAULT 1);
			CREATE TABLE busy (id INT PRIMARY KEY, version INT NOT NULL);
			CREATE TRIGGER ifmatch_bump_busy BEFORE UPDATE ON busy FOR EACH ROW SET NEW.version = 7`)
		_, errOut, code := migration(t, s, strings.ReplaceAll(`tables:
  shop.bare: {version: version}
  shop.old: {version: version}
  shop.typed: {version: version}
  shop.spelt: {version: verison}
  shop.none: {version: version}
  shop.busy: {version: version}
`, "shop", shop), "--triggers", "--apply")
		if code != 2 {
			t.Errorf("exit code %d, want 2", code)
		}
		for _, want := range []string{":2:3: shop.bare has no primary key", ":3:3: shop.old has the engine MyISAM", `:4:25: version column "version" of shop.typed is of type varchar(9)`,
			`:5:25: shop.spelt has no column "verison", did you mean "version"?`, ":6:3: no such table shop.none", ":7:3: shop.busy has a trigger ifmatch_bump_busy of another body"} {
			want = strings.ReplaceAll(want, "shop", shop)
			want = strings.ReplaceAll(want, ":25:", fmt.Sprintf(":%d:", 25+len(shop)-len("shop")))
			if !strings.Contains(errOut, want) {
				t.Errorf("no %q in\n%s", want, errOut)
			}
		}
		if n := strings.Count(errOut, "\n"); n != 6 {
			t.Errorf("%d lines, want one for each fault:\n%s", n, errOut)
		}
		for _, table := range []string{"bare", "old"} {
			if o := run(session(t, s, "root", shop, ""), "SHOW COLUMNS FROM "+table, shop); len(o.rows) != 1 {
				t.Errorf("%s was changed: %q", table, o.rows)
			}
		}
		out := migrated(t, s, "tables:\n  "+shop+".weak: {version: version}\n")
		for _, want := range []string{"-- warning: version column \"version\" of ", "can be NULL", "may repeat", "MODIFY COLUMN `version` BIGINT UNSIGNED", "-- nothing to do"} {
			if !strings.Contains(out, want) {
				t.Errorf("no %q in\n%s", want, out)
			}
		}
	})
}

// A trigger runs with the rights of the account that made it. One that could not
// write the table would fail every write of everybody.
func TestMigrateMakesNoTriggerThatCannotWrite(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := s.Open(t, shop)
		account := "'poor_" + shop[len(shop)-6:] + "'@'%'"
		must(t, db, "CREATE TABLE p (id INT PRIMARY KEY); INSERT INTO p VALUES (1); CREATE USER "+account+
			"; GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO "+account+"; GRANT ALTER, CREATE, INSERT ON "+shop+".* TO "+account)
		t.Cleanup(func() { db.Exec("DROP USER " + account) })
		_, errOut, code := migration(t, s, "tables:\n  "+shop+".p: {version: version}\n", "--triggers", "--apply", "--service-user", strings.Trim(strings.Split(account, "@")[0], "'"))
		if code != 1 || !strings.Contains(errOut, "grant it UPDATE") {
			t.Errorf("exit code %d: %s", code, errOut)
		}
		must(t, db, "UPDATE p SET version = version + 1")
	})
}

// outOfRange is the server's refusal to count beyond the end.
var outOfRange = fails(1690, "22003")

func TestMigratedTriggers(t *testing.T) {
	const tables = `CREATE TABLE plain (id INT PRIMARY KEY, name VARCHAR(20), n INT);
		CREATE TABLE small (id INT PRIMARY KEY, name VARCHAR(20), version TINYINT UNSIGNED NOT NULL);
		CREATE TABLE minus (id INT PRIMARY KEY, name VARCHAR(20), version TINYINT);
		CREATE TABLE seen (id INT PRIMARY KEY, name VARCHAR(20), body TEXT, price DOUBLE, last_seen DATETIME, touched TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP);
		CREATE TABLE tagged (id INT PRIMARY KEY, name VARCHAR(20));
		CREATE TABLE dated (id INT PRIMARY KEY, name VARCHAR(20));
		CREATE TRIGGER loud BEFORE UPDATE ON seen FOR EACH ROW SET NEW.name = CONCAT(NEW.name, '')`
	const rows = `INSERT INTO plain(id, n, version) VALUES (1, 0, 5); INSERT INTO small VALUES (1, 'a', 254); INSERT INTO minus VALUES (1, 'a', -3), (2, 'a', NULL);
		INSERT INTO seen(id, name, body, price, version) VALUES (1, 'a', 'a', 0.1, 5); INSERT INTO tagged(id, etag) VALUES (1, 't'); INSERT INTO dated(id, at) VALUES (1, '2099-01-01')`
	const policy = `
tables:
  shop.plain: {version: version}
  shop.small: {version: version}
  shop.minus: {version: version}
  shop.seen: {version: version, ignore: [last_seen]}
  shop.tagged: {version: {column: etag, bump: uuid}}
  shop.dated: {version: {column: at, bump: now}}
`
	plain := func(version string) step { return do(direct, "SELECT version FROM plain", gives(version)) }
	seen := func(version string) step { return do(direct, "SELECT version FROM seen", gives(version)) }
	small := func(version string) step { return do(direct, "SELECT version FROM small", gives(version)) }
	steps := []step{
		do(A, "UPDATE plain SET name='b' WHERE id=1 /* ifmatch: version=5 */", affects(1)),
		plain("6"), // bumped once, by the proxy
		do(A, "UPDATE plain SET name=? WHERE id=? AND version=?", affects(1), "c", 1, 6),
		plain("7"),
		do(direct, "UPDATE plain SET name='d' WHERE id=1", affects(1)),
		plain("8"), // by the trigger
		do(A, "UPDATE plain SET name='e' WHERE id=1 /* ifmatch: version=7 */", conflict("expected version=7, found version=8")),
		do(direct, "UPDATE plain SET name='e', version=6", affects(1)),
		plain("9"), // it does not go back
		do(direct, "UPDATE plain SET version=20", affects(1)),
		plain("20"),
		do(direct, "UPDATE plain SET name=name", affects(1)),
		plain("21"), // noop: bump
		do(direct, "INSERT INTO plain(id, n) VALUES (1, 7) ON DUPLICATE KEY UPDATE n=VALUES(n)", fine),
		plain("22"),

		do(direct, "UPDATE small SET name='b'", affects(1)),
		small("255"),
		do(direct, "UPDATE small SET name='c'", outOfRange),
		do(direct, "UPDATE IGNORE small SET name='c'", outOfRange),
		do(direct, "SET sql_mode=''", fine),
		do(direct, "UPDATE small SET name='c'", outOfRange),
		do(direct, "UPDATE IGNORE small SET name='c', version=1", outOfRange),
		do(direct, "SELECT name, version FROM small", gives("b|255")),
		do(direct, "UPDATE minus SET name='b'", affects(2)),
		do(direct, "SELECT version FROM minus ORDER BY id", gives("-2", "1")),
		do(direct, "UPDATE minus SET version=127 WHERE id=1", affects(1)),
		do(direct, "UPDATE IGNORE minus SET name='c' WHERE id=1", outOfRange),

		do(direct, "UPDATE seen SET last_seen='2024-05-06'", affects(1)),
		seen("5"),
		do(A, "UPDATE seen SET last_seen='2024-05-07' WHERE id=1", affects(1)),
		seen("5"),
		do(direct, "UPDATE seen SET name='A'", affects(1)),
		seen("6"), // the collation takes it for the same
		do(direct, "UPDATE seen SET body='a '", affects(1)),
		seen("7"),
		do(direct, "UPDATE seen SET body='a ', price=0.1, name='A'", fine),
		seen("7"), // nothing has changed
		do(direct, "UPDATE seen SET price=0.2, last_seen='2024-05-08'", affects(1)),
		seen("8"),
		do(A, "UPDATE seen SET price=0.3 WHERE id=1 /* ifmatch: version=8 */", affects(1)),
		seen("9"),
		do(direct, "UPDATE seen SET last_seen='2024-05-09', version=3", affects(1)),
		seen("10"),

		do(direct, "UPDATE tagged SET name='b'", affects(1)),
		do(direct, "SELECT etag = 't', LENGTH(etag) FROM tagged", gives("0|36")),
		do(direct, "UPDATE tagged SET etag='mine'", affects(1)),
		do(direct, "SELECT etag FROM tagged", gives("mine")),
		do(A, "UPDATE tagged SET name='c' WHERE id=1 /* ifmatch: etag='mine' */", affects(1)),
		do(direct, "SELECT etag = 'mine', LENGTH(etag) FROM tagged", gives("0|36")),
		do(direct, "UPDATE dated SET name='b'", affects(1)),
		do(direct, "SELECT at FROM dated", gives("2099-01-01 00:00:00.000001")),
		do(A, "UPDATE dated SET name='c' WHERE id=1 /* ifmatch: at='2099-01-01 00:00:00.000001' */", affects(1)),
		do(direct, "SELECT at FROM dated", gives("2099-01-01 00:00:00.000002")),
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := s.Open(t, shop)
		must(t, db, tables)
		policy := strings.ReplaceAll(policy, "shop", shop)
		migrated(t, s, policy, "--apply", "--triggers")
		must(t, db, rows)
		// A dump can be restored under another name.
		if o := run(session(t, s, "root", shop, ""), "SHOW CREATE TRIGGER ifmatch_bump_plain", shop); o.err != nil || strings.Contains(o.rows[0], shop) {
			t.Errorf("the trigger names its database: %q, error %v", o.rows, o.err)
		}
		p := start(t, s, policy)
		sessions := map[string]*sql.Conn{A: session(t, p.server(s), "root", shop, ""), direct: session(t, s, "root", shop, "")}
		for i, st := range steps {
			if wrong := st.want(run(sessions[st.on], st.sql, shop, st.args...)); wrong != "" {
				t.Fatalf("step %d, %s: %s %v:\n  %s", i+1, st.on, st.sql, st.args, wrong)
			}
		}
		if again := migrated(t, s, policy, "--apply", "--triggers"); !strings.Contains(again, "-- nothing to do") {
			t.Errorf("run again it says\n%s", again)
		}
		must(t, db, "ALTER TABLE seen ADD COLUMN more INT")
		if _, errOut, code := migration(t, s, policy, "--triggers"); code != 2 || !strings.Contains(errOut, "ifmatch_bump_seen of another body") {
			t.Errorf("after a column was added: exit code %d, %s", code, errOut)
		}
	})
}

// TestMigratedTriggerOfEveryType has a trigger compare columns of every type: a
// write that changes one bumps, the same write again does not.
func TestMigratedTriggerOfEveryType(t *testing.T) {
	types := []struct{ kind, one, two, only string }{
		{"INT", "1", "2", ""}, {"BIGINT UNSIGNED", "18446744073709551614", "18446744073709551615", ""}, {"DECIMAL(20,2)", "1.10", "1.11", ""},
		{"FLOAT", "0.1", "0.10000001", ""}, {"DOUBLE", "0.1", "0.10000000000000002", ""}, {"BIT(9)", "b'100000000'", "b'100000001'", ""},
		{"CHAR(5)", "'a'", "'A'", ""}, {"VARCHAR(5)", "'a'", "'a '", ""}, {"TEXT", "'\u00e4'", "'a'", ""}, {"VARBINARY(5)", "'a'", "'a\\0'", ""}, {"BLOB", "'a'", "'A'", ""},
		{"ENUM('a','b')", "'a'", "'b'", ""}, {"SET('a','b')", "'a'", "'a,b'", ""}, {"JSON", "'[1]'", "'[1.0]'", ""}, {"JSON", "'\"a\"'", "'\"A\"'", ""},
		{"DATE", "'2024-01-01'", "'2024-01-02'", ""}, {"TIME(6)", "'00:00:00.000001'", "'00:00:00.000002'", ""}, {"YEAR", "2024", "2025", ""},
		{"DATETIME(6)", "'2024-01-01 00:00:00.000001'", "'2024-01-01 00:00:00.000002'", ""}, {"TIMESTAMP(6) NULL", "'2024-01-01 00:00:00.000001'", "'2024-01-01 00:00:00.000002'", ""},
		{"POINT", "POINT(1, 2)", "POINT(1, 3)", ""}, {"VARCHAR(5)", "NULL", "''", ""},
		{"UUID", "UUID()", "'00000000-0000-0000-0000-000000000001'", server.FlavorMariaDB}, {"INET6", "'::1'", "'::2'", server.FlavorMariaDB},
		{"VECTOR(2)", "STRING_TO_VECTOR('[1,2]')", "STRING_TO_VECTOR('[1,3]')", server.FlavorMySQL},
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		conn := session(t, s, "root", shop, "")
		must(t, conn, "SET NAMES utf8mb4")
		var policy strings.Builder
		policy.WriteString("tables:\n")
		for i, c := range types {
			if c.only == "" || c.only == s.Flavor {
				must(t, conn, fmt.Sprintf("CREATE TABLE t%d (id INT PRIMARY KEY, x %s) DEFAULT CHARACTER SET utf8mb4", i, c.kind))
				fmt.Fprintf(&policy, "  %s.t%d: {version: version, ignore: [last_seen]}\n", shop, i)
				must(t, conn, fmt.Sprintf("ALTER TABLE t%d ADD COLUMN last_seen DATETIME", i))
			}
		}
		migrated(t, s, policy.String(), "--apply", "--triggers")
		for i, c := range types {
			if c.only != "" && c.only != s.Flavor {
				continue
			}
			table := fmt.Sprintf("t%d", i)
			must(t, conn, fmt.Sprintf("INSERT INTO %s(id, x, version) VALUES (1, %s, 5)", table, c.one))
			for _, st := range []step{
				do(direct, "UPDATE "+table+" SET x="+c.two, affects(1)),
				do(direct, "SELECT version FROM "+table, gives("6")),
				do(direct, "UPDATE "+table+" SET x="+c.two+", last_seen=NOW()", affects(1)),
				do(direct, "SELECT version FROM "+table, gives("6")),
			} {
				if wrong := st.want(run(conn, st.sql, shop)); wrong != "" {
					t.Errorf("%s: %s: %s", c.kind, st.sql, wrong)
				}
			}
		}
	})
}
