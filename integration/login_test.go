package integration

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"fmt"
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

// The backend itself authenticates, whoever of the two connections has TLS.
// What the server has cached of a password decides between the full and the
// fast way of caching_sha2_password.
func TestCachingSHA2(t *testing.T) {
	s := server.MySQL(t)
	account(t, s, "sha2", "WITH caching_sha2_password BY 'p4ss w0rd'")
	root := session(t, s, "root", "", "")
	if err := mysql.RegisterTLSConfig("any", &tls.Config{InsecureSkipVerify: true}); err != nil {
		t.Fatal(err)
	}
	for _, backend := range []string{"disabled", "required"} {
		p := start(t, s, "tables: {}", "--backend-tls", backend)
		for client, params := range map[string]string{"plain": "tls=false&allowFallbackToPlaintext=false", "TLS": "tls=any"} {
			t.Run(client+" client, backend TLS "+backend, func(t *testing.T) {
				execute(t, root, "FLUSH PRIVILEGES") // empties the cache of passwords
				for _, way := range []string{"full", "fast"} {
					if wrong := matches("sha2@")(run(session(t, p.server(s), "sha2:p4ss w0rd", "", params), "SELECT CURRENT_USER()", "")); wrong != "" {
						t.Errorf("%s: %s", way, wrong)
					}
					wrongPassword(t, p, s, "sha2:wrong", params)
				}
				execute(t, root, "FLUSH PRIVILEGES")
				wrongPassword(t, p, s, "sha2:wrong", params)
			})
		}
	}
}

// wrongPassword expects the server's own error.
func wrongPassword(t *testing.T, p *Proxy, s *server.Server, user, params string) {
	t.Helper()
	_, err := p.server(s).OpenAs(t, user, "", params).Conn(context.Background())
	var e *mysql.MySQLError
	if !errors.As(err, &e) || e.Number != 1045 || !strings.Contains(e.Message, "Access denied for user") {
		t.Errorf("wrong password: %v", err)
	}
}

func TestPluginsOfMariaDB(t *testing.T) {
	s := server.MariaDB(t)
	if _, err := session(t, s, "root", "", "").ExecContext(context.Background(), "INSTALL SONAME 'auth_ed25519'"); err != nil && !strings.Contains(err.Error(), "already") {
		t.Fatal(err)
	}
	account(t, s, "native", "BY 'p4ss'")
	account(t, s, "ed", "VIA ed25519 USING PASSWORD('p4ss')")
	if err := mysql.RegisterTLSConfig("any", &tls.Config{InsecureSkipVerify: true}); err != nil {
		t.Fatal(err)
	}
	for _, backend := range []string{"disabled", "required"} {
		p := start(t, s, "tables: {}", "--backend-tls", backend)
		for _, user := range []string{"native", "ed"} {
			for _, params := range []string{"", "tls=any"} {
				t.Run(fmt.Sprintf("%s, backend TLS %s, %s", user, backend, params), func(t *testing.T) {
					if wrong := matches(user + "@")(run(session(t, p.server(s), user+":p4ss", "", params), "SELECT CURRENT_USER()", "")); wrong != "" {
						t.Error(wrong)
					}
					wrongPassword(t, p, s, user+":wrong", params)
				})
			}
		}
	}
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
			r.changeUser("second", "p4ss", other)
			answers("SELECT 1", "packets")
			answers("UPDATE products SET price=1 WHERE id=100", "1146") // of the other database
			answers("UPDATE "+shop+".products SET price=1 WHERE id=100", "1 affected")
			answers("UPDATE /* ifmatch: version=7 */ "+shop+".products SET price=1 WHERE id=100", "1020")
			r.changeUser("root", "", shop)
			answers("SHOW IFMATCH CONFLICT", "packets")
			answers("UPDATE products SET price=2 WHERE id=100", "1 affected")
		})
	})
}

// changeUser sends COM_CHANGE_USER and plays the part of the client's plug-ins.
func (r *raw) changeUser(user, password, db string) {
	r.t.Helper()
	u := wire.ChangeUser{User: user, Database: db, Charset: 45, Plugin: "mysql_clear_password_is_not_asked"}
	r.command(wire.ComChangeUser, u.Append(nil, r.caps))
	plugin := ""
	for {
		switch p := r.packet(); p[0] {
		case wire.OKHeader:
			return
		case wire.ERRHeader:
			r.t.Fatalf("COM_CHANGE_USER: %q", p)
		case wire.AuthSwitchHeader:
			sw, err := wire.ParseAuthSwitch(p)
			if err != nil {
				r.t.Fatal(err)
			}
			plugin = sw.Plugin
			r.send(scrambled(plugin, password, sw.Scramble()))
		case wire.AuthMoreDataHeader:
			if plugin == "caching_sha2_password" && p[1] == 3 {
				continue // the fast way has gone well
			}
			r.t.Fatalf("%s goes on with %q", plugin, p)
		}
	}
}

// scrambled gives the answer of a plug-in to a challenge.
// Source: "Native Authentication" and "Caching_sha2_password information" of MySQL's internals manual.
func scrambled(plugin, password string, challenge []byte) []byte {
	if password == "" {
		return nil
	}
	if plugin == "mysql_native_password" {
		once := sha1.Sum([]byte(password))
		twice := sha1.Sum(once[:])
		mask := sha1.Sum(append(challenge[:20:20], twice[:]...))
		return xor(once[:], mask[:])
	}
	once := sha256.Sum256([]byte(password))
	twice := sha256.Sum256(once[:])
	mask := sha256.Sum256(append(twice[:], challenge[:20]...))
	return xor(once[:], mask[:])
}

func xor(a, b []byte) []byte {
	for i := range a {
		a[i] ^= b[i]
	}
	return a
}
