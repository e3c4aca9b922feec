package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"

	"ifmatch/integration/server"
)

func TestWhatKeepsTheProxyFromStarting(t *testing.T) {
	s := server.MariaDB(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	noCert := filepath.Join(t.TempDir(), "cert.pem")
	if err := os.WriteFile(noCert, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		policy string
		flags  []string
		code   int
		says   string
	}{
		{"wrong policy", "tables: {shop.products: {vresion: version}}", nil, 2, `policy.yaml:1:26: `},
		{"a routine that is not there", "routines: {allow: [shop.close_day]}", nil, 2, `policy.yaml:1:20: no such routine shop.close_day`},
		{"policy that the schema contradicts", "tables: {no_such.table: {version: version}}", nil, 2, `policy.yaml:1:10: `},
		{"no policy file", "tables: {}", []string{"--policy", "/no/such/policy.yaml"}, 2, "/no/such/policy.yaml"},
		{"unreachable backend", "tables: {}", []string{"--backend", "127.0.0.1:1"}, 1, "127.0.0.1:1"},
		{"service account that is not let in", "tables: {}", []string{"--service-user", "nobody", "--service-password", "s3cret"}, 1, "1045"},
		{"port in use", "tables: {}", []string{"--listen", taken.Addr().String()}, 1, "listen on --listen " + taken.Addr().String()},
		{"admin port in use", "tables: {}", []string{"--admin", taken.Addr().String()}, 1, "listen on --admin " + taken.Addr().String()},
		{"bad certificate", "tables: {}", []string{"--tls-cert", noCert, "--tls-key", noCert}, 2, noCert},
		{"certificate without key", "tables: {}", []string{"--tls-cert", noCert}, 2, "--tls-cert: wants --tls-key"},
		{"bad authorities", "tables: {}", []string{"--backend-tls", "verify-ca", "--backend-ca", noCert}, 2, noCert},
		{"no RSA key", "tables: {}", []string{"--rsa-key", noCert}, 2, "--rsa-key: " + noCert + " has no PEM key"},
		{"backend of another authority", "tables: {}", []string{"--backend-tls", "verify-ca"}, 1, "certificate"},
		{"unknown flag", "tables: {}", []string{"--no-such-flag"}, 2, "--no-such-flag"},
		{"unknown mode", "tables: {}", []string{"--backend-tls", "perhaps"}, 2, "--backend-tls: wants disabled"},
		{"argument", "tables: {}", []string{"now"}, 2, `"now"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := launch(t, s, c.policy, c.flags...)
			code := p.wait(t)
			var said []string
			for _, line := range p.Log.Lines() {
				if !strings.HasPrefix(string(line), "{") { // not the log
					said = append(said, string(line))
				}
			}
			if code != c.code || len(said) != 1 || !strings.Contains(said[0], c.says) {
				t.Errorf("exit code %d, says %q; want %d and one line with %q", code, said, c.code, c.says)
			}
			if p.Log.Count("s3cret") > 0 {
				t.Error("it says the password")
			}
			if p.Log.Count(`"listening"`) > 0 {
				t.Error("it has listened")
			}
		})
	}
}

func TestTerminationWaitsForTransactions(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, byVersion, "--drain", "30s")
		busy := session(t, p.server(s), "root", shop, "")
		idle := dial(t, p.Addr, shop, plainCaps)
		running := session(t, p.server(s), "root", shop, "")
		execute(t, busy, "BEGIN")
		execute(t, busy, "UPDATE products SET price=1 WHERE id=100")
		slept := make(chan outcome, 1)
		go func() { slept <- run(running, "SELECT SLEEP(1), 'slept'", shop) }()
		if !await(func() bool { return strings.Contains(processes(t, s), "SLEEP(1)") }) {
			t.Fatal("the statement does not run")
		}
		p.cmd.Process.Signal(syscall.SIGTERM)
		idle.c.ResetSeq() // nobody has asked
		if e := string(idle.packet()); !strings.Contains(e, "ifmatch: the proxy is shutting down") {
			t.Errorf("an idle session is told %q", e)
		}
		if !await(func() bool {
			c, err := net.Dial("tcp", p.Addr)
			if err == nil {
				c.Close()
			}
			return err != nil
		}) {
			t.Error("it still accepts clients")
		}
		if wrong := gives("0|slept")(<-slept); wrong != "" {
			t.Error("a statement in flight: ", wrong)
		}
		if p.ended() {
			t.Fatal("it has ended with a transaction open")
		}
		execute(t, busy, "UPDATE products SET price=2 WHERE id=101")
		execute(t, busy, "COMMIT")
		if code := p.wait(t); code != 0 {
			t.Errorf("exit code %d", code)
		}
		if wrong := gives("1|2", "2|2", "7|1")(run(session(t, s, "root", shop, ""), "SELECT price, version FROM products ORDER BY id", shop)); wrong != "" {
			t.Error(wrong)
		}
	})
}

func TestTerminationEndsTransactionsThatLastTooLong(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, byVersion, "--drain", "200ms")
		busy := session(t, p.server(s), "root", shop, "")
		execute(t, busy, "BEGIN")
		execute(t, busy, "UPDATE products SET price=1 WHERE id=100")
		p.cmd.Process.Signal(syscall.SIGTERM)
		if code := p.wait(t); code != 0 {
			t.Errorf("exit code %d", code)
		}
		db := session(t, s, "root", shop, "innodb_lock_wait_timeout=20")
		execute(t, db, "UPDATE products SET name='free' WHERE id=100") // waits until the server has rolled back
		if wrong := gives("99|free")(run(db, "SELECT price, name FROM products WHERE id=100", shop)); wrong != "" {
			t.Error(wrong)
		}
	})
}

// processes gives what the server's sessions are doing.
func processes(t *testing.T, s *server.Server) string {
	t.Helper()
	o := run(session(t, s, "root", "", ""), "SELECT INFO FROM information_schema.PROCESSLIST WHERE INFO IS NOT NULL AND ID<>CONNECTION_ID()", "")
	return strings.Join(o.rows, "\n")
}

// Clients see the backend's own connection ids, so KILL works through the proxy.
func TestKill(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		p := start(t, s, "tables: {}")
		victim, killer := session(t, p.server(s), "root", "", ""), session(t, p.server(s), "root", "", "")
		var id int
		if err := victim.QueryRowContext(context.Background(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
			t.Fatal(err)
		}
		killed := make(chan outcome, 1)
		go func() { killed <- run(victim, "SELECT SLEEP(100) FROM (SELECT 1 UNION SELECT 2) AS two", "") }()
		if !await(func() bool { return strings.Contains(processes(t, s), "SLEEP(100)") }) {
			t.Fatal("the statement does not run")
		}
		execute(t, killer, fmt.Sprintf("KILL QUERY %d", id))
		if o := <-killed; o.err == nil && strings.Join(o.rows, "") != "1" {
			t.Errorf("KILL QUERY: %v", o)
		}
		if wrong := gives("1")(run(victim, "SELECT 1", "")); wrong != "" {
			t.Error("after KILL QUERY: ", wrong)
		}
		execute(t, killer, fmt.Sprintf("KILL %d", id))
		if !await(func() bool { return run(victim, "SELECT 1", "").err != nil }) {
			t.Error("KILL has not ended the session")
		}
		raw := dial(t, p.Addr, "", plainCaps)
		if got := run(killer, fmt.Sprintf("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID=%d", raw.id), ""); strings.Join(got.rows, "") != "1" {
			t.Errorf("the greeting's connection id %d is none of the server's: %v", raw.id, got)
		}
	})
}

func TestTheBackendDiesAndComesBack(t *testing.T) {
	server.EachOwn(t, func(t *testing.T, s *server.Server) {
		db, err := sql.Open("mysql", s.DSN("root", "", ""))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, q := range append([]string{"CREATE DATABASE store", "USE store"}, statements(products)...) {
			q = strings.NewReplacer("TABLE products", "TABLE store.products", "INTO products", "INTO store.products").Replace(q)
			if _, err := db.Exec(q); err != nil {
				t.Fatal(err)
			}
		}
		p := start(t, s, "tables: {store.products: {version: version}}")
		busy := session(t, p.server(s), "root", "store", "")
		idle := dial(t, p.Addr, "store", plainCaps)
		lost := make(chan outcome, 1)
		go func() { lost <- run(busy, "SELECT SLEEP(100)", "") }()
		// MariaDB's library for C takes the packet of such an error for damage.
		host, port, _ := net.SplitHostPort(p.Addr)
		said := make(chan string, 1)
		go func() {
			out, _ := server.Client(t, server.FlavorMariaDB, "-h", host, "-P", port, "-u", "root", "store", "-e", "SELECT SLEEP(200)").CombinedOutput()
			said <- string(out)
		}()
		if !await(func() bool {
			running := processes(t, s)
			return strings.Contains(running, "SLEEP(100)") && strings.Contains(running, "SLEEP(200)")
		}) {
			t.Fatal("the statements do not run")
		}
		s.Kill()
		if out := <-said; !strings.Contains(out, "ERROR 2013") {
			t.Errorf("the mariadb command: %s, want error 2013", out)
		}
		var e *mysql.MySQLError
		if o := <-lost; !errors.As(o.err, &e) || e.Number != 2013 {
			t.Errorf("a statement in flight: %v, want error 2013", o.err)
		}
		if _, err := idle.c.ReadPayload(1 << 20); err == nil {
			t.Error("an idle session is told something without having asked")
		}
		_, err = p.server(s).Open(t, "store").Conn(context.Background())
		if !errors.As(err, &e) || e.Number != 2003 || !strings.Contains(e.Message, s.Addr) {
			t.Errorf("a new session: %v, want error 2003 with %s", err, s.Addr)
		}
		s.Restart(t)
		app := session(t, p.server(s), "root", "store", "")
		if wrong := affects(1)(run(app, "UPDATE products SET price=1 WHERE id=100 AND version=1", "")); wrong != "" {
			t.Error("after the restart: ", wrong)
		}
		if wrong := conflict("found version=2")(run(app, "UPDATE products SET price=1 WHERE id=100 AND version=1", "")); wrong != "" {
			t.Error("after the restart: ", wrong)
		}
		shutsDown(t, s, p)
	})
}
