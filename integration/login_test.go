package integration

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// account makes a user that lasts as long as the test.
func account(t *testing.T, s *server.Server, name, identified string) {
	t.Helper()
	db := session(t, s, "root", "", "")
	execute(t, db, "DROP USER IF EXISTS '"+name+"'@'%'")
	execute(t, db, "CREATE USER '"+name+"'@'%' IDENTIFIED "+identified)
	execute(t, db, "GRANT ALL ON *.* TO '"+name+"'@'%'")
	t.Cleanup(func() { s.Open(t, "").Exec("DROP USER '" + name + "'@'%'") })
}

func TestBackendTLSIsVerified(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		p := start(t, s, "tables: {}", "--backend-tls", "verify-identity", "--backend-ca", s.CAFile)
		var name, cipher string
		db := session(t, p.server(s), "root", "", "")
		if err := db.QueryRowContext(context.Background(), "SHOW STATUS LIKE 'Ssl_cipher'").Scan(&name, &cipher); err != nil || cipher == "" {
			t.Errorf("the backend connection has the cipher %q, error %v", cipher, err)
		}
	})
}

func TestRequireTLS(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		p := start(t, s, "tables: {}", "--require-tls")
		if wrong := gives("1")(run(session(t, p.server(s), "root", "", "tls=skip-verify"), "SELECT 1", "")); wrong != "" {
			t.Error(wrong)
		}
		_, err := p.server(s).OpenAs(t, "root", "", "").Conn(context.Background())
		var e *mysql.MySQLError
		if !errors.As(err, &e) || e.Number != 3159 {
			t.Errorf("a plain client: %v", err)
		}
	})
}

func TestUnknownDatabase(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		p := start(t, s, "tables: {}")
		_, err := p.server(s).Open(t, "no_such_database").Conn(context.Background())
		var e *mysql.MySQLError
		if !errors.As(err, &e) || e.Number != 1049 {
			t.Errorf("error %v", err)
		}
	})
}

func TestMaxSessions(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		p := start(t, s, "tables: {}", "--max-sessions", "2")
		session(t, p.server(s), "root", "", "")
		second := session(t, p.server(s), "root", "", "")
		db := p.server(s).Open(t, "")
		_, err := db.Conn(context.Background())
		var e *mysql.MySQLError
		if !errors.As(err, &e) || e.Number != 1040 {
			t.Errorf("the third: %v", err)
		}
		second.Raw(func(any) error { return driver.ErrBadConn }) // closes the connection
		if !await(func() bool {
			c, err := db.Conn(context.Background())
			if err == nil {
				c.Close()
			}
			return err == nil
		}) {
			t.Error("no place after a session has ended")
		}
	})
}

func TestConnectionAttributesReachTheServer(t *testing.T) {
	s := server.MySQL(t)
	p := start(t, s, "tables: {}")
	app := session(t, p.server(s), "root", "", "connectionAttributes=program_name:a-store")
	if wrong := gives("a-store")(run(app, "SELECT ATTR_VALUE FROM performance_schema.session_connect_attrs WHERE PROCESSLIST_ID=CONNECTION_ID() AND ATTR_NAME='program_name'", "")); wrong != "" {
		t.Error(wrong)
	}
}

// COM_CHANGE_USER and COM_RESET_CONNECTION forget what the session had.
func TestChangeUserAndReset(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, byVersion)
		other, db := s.Database(t), session(t, s, "root", shop, "")
		account(t, s, "second", map[string]string{server.FlavorMariaDB: "BY 'p4ss'", server.FlavorMySQL: "WITH caching_sha2_password BY 'p4ss'"}[s.Flavor])
		session(t, s, "second:p4ss", "", "") // so that MySQL has its password cached
		eachForm(t, func(t *testing.T, caps wire.Capability) {
			execute(t, db, "UPDATE products SET version=1")
			r := dial(t, p.Addr, shop, caps)
			stale := "UPDATE /* ifmatch: version=7 */ products SET price=1 WHERE id=100"
			answers := func(q, want string) {
				t.Helper()
				if got := r.outcomeOf(r.query(q)); !strings.Contains(got, want) {
					t.Fatalf("%s: %s, want %s", q, got, want)
				}
			}
			answers("BEGIN", "affected")
			answers(stale, "1020")
			answers("SELECT 1", "3101")
			r.command(wire.ComResetConnection)
			if got := r.outcomeOf(r.answer()); got != "0 affected" {
				t.Fatalf("COM_RESET_CONNECTION: %s", got)
			}
			answers("SET @ifmatch = 'version=7'", "affected")
			r.command(wire.ComResetConnection)
			r.answer()
			answers("UPDATE products SET price=1 WHERE id=100", "1 affected")

			answers("BEGIN", "affected")
			answers(stale, "1020")
			r.becomes("second", "p4ss", other)
			answers("SELECT 1", "packets")
			answers("UPDATE products SET price=1 WHERE id=100", "1146") // of the other database
			answers("UPDATE "+shop+".products SET price=1 WHERE id=100", "1 affected")
			answers("UPDATE /* ifmatch: version=7 */ "+shop+".products SET price=1 WHERE id=100", "1020")
			r.becomes("root", "", shop)
			answers("SHOW IFMATCH CONFLICT", "packets")
			answers("UPDATE products SET price=2 WHERE id=100", "1 affected")
		})
	})
}

// What an account requires of its connection the server sees of the proxy's.
func TestAccountsThatRequireTLS(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		identified := map[string]string{server.FlavorMariaDB: "BY 'p4ss'", server.FlavorMySQL: "WITH caching_sha2_password BY 'p4ss'"}[s.Flavor]
		account(t, s, "needs_tls", identified+" REQUIRE SSL")
		account(t, s, "needs_certificate", identified+" REQUIRE X509")
		with, without := start(t, s, "tables: {}", "--backend-tls", "required"), start(t, s, "tables: {}", "--backend-tls", "disabled")
		for _, c := range []struct {
			user string
			p    *Proxy
			in   bool
		}{{"needs_tls", with, true}, {"needs_tls", without, false}, {"needs_certificate", with, false}} {
			for _, client := range []*tls.Config{nil, {InsecureSkipVerify: true}} {
				_, refused := credentials{user: c.user, password: "p4ss", tls: client}.login(t, c.p.Addr, plainCaps)
				if c.in != (refused == nil) || !c.in && !strings.Contains(string(refused), "Access denied") {
					t.Errorf("%s, backend TLS %v, client TLS %v: %q", c.user, c.p == with, client != nil, refused)
				}
			}
		}
	})
}
