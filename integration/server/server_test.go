package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	driver "github.com/go-sql-driver/mysql"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

func TestServerIsOfItsFlavor(t *testing.T) {
	Each(t, func(t *testing.T, s *Server) {
		var version string
		if err := s.Open(t, "").QueryRow("SELECT VERSION()").Scan(&version); err != nil {
			t.Fatal(err)
		}
		if is := strings.Contains(version, "MariaDB"); is != (s.Flavor == FlavorMariaDB) {
			t.Errorf("version %s, flavor %s", version, s.Flavor)
		}
	})
}

func TestServerHasTheOptionsThatTestsRelyOn(t *testing.T) {
	want := map[string]string{
		"max_connections":                "1000",
		"max_allowed_packet":             strconv.Itoa(64 << 20),
		"local_infile":                   "1",
		"innodb_flush_log_at_trx_commit": "2",
		"skip_name_resolve":              "1",
		"log_bin":                        "0",
	}
	Each(t, func(t *testing.T, s *Server) {
		db := s.Open(t, "")
		for name, value := range want {
			var got string
			if err := db.QueryRow("SELECT @@global." + name).Scan(&got); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if got != value {
				t.Errorf("%s is %s, want %s", name, got, value)
			}
		}
	})
}

func TestServerSpeaksTLSWithACertificateThatVerifies(t *testing.T) {
	Each(t, func(t *testing.T, s *Server) {
		if s.CAFile == "" {
			t.Logf("%s was given by an environment variable; its certificate is not ours", s.Addr)
			return
		}
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			t.Fatalf("no certificate in %s", s.CAFile)
		}
		name := "test-" + s.Flavor
		if err := driver.RegisterTLSConfig(name, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}); err != nil {
			t.Fatal(err)
		}
		defer driver.DeregisterTLSConfig(name)
		var variable, cipher string
		db := s.OpenAs(t, "root", "", "tls="+name)
		if err := db.QueryRow("SHOW STATUS LIKE 'Ssl_cipher'").Scan(&variable, &cipher); err != nil {
			t.Fatal(err)
		}
		if cipher == "" {
			t.Error("the connection is not encrypted")
		}
	})
}

func TestDatabaseLastsAsLongAsItsTest(t *testing.T) {
	Each(t, func(t *testing.T, s *Server) {
		var name string
		t.Run("within", func(t *testing.T) {
			name = s.Database(t)
			if _, err := s.Open(t, name).Exec("CREATE TABLE a (id INT)"); err != nil {
				t.Error(err)
			}
		})
		var n int
		err := s.Open(t, "").QueryRow("SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?", name).Scan(&n)
		if err != nil || n != 0 {
			t.Errorf("%d databases %s are left, error %v", n, name, err)
		}
	})
}

func TestTwoServersOfAFlavorRunAtOnce(t *testing.T) {
	for flavor, start := range map[string]func() (*Server, error){FlavorMariaDB: startMariaDB, FlavorMySQL: startMySQL} {
		t.Run(flavor, func(t *testing.T) {
			first := map[string]func(testing.TB) *Server{FlavorMariaDB: MariaDB, FlavorMySQL: MySQL}[flavor](t)
			second, err := start()
			if err != nil {
				t.Fatal(err)
			}
			if first.Addr == second.Addr {
				t.Errorf("both listen on %s", first.Addr)
			}
			name := first.Database(t)
			_, err = second.Open(t, name).Conn(context.Background())
			if err == nil || !strings.Contains(err.Error(), "Unknown database") {
				t.Errorf("database of the first on the second: %v, want Unknown database", err)
			}
			pid := second.proc.cmd.Process.Pid
			second.proc.stop()
			if alive(pid) {
				t.Errorf("process %d lives on after stop", pid)
			}
			if _, err := os.Stat(second.data); !os.IsNotExist(err) {
				t.Errorf("%s after stop: %v, want it gone", second.data, err)
			}
		})
	}
}

func TestDataOfDeadTestProcessesIsRemoved(t *testing.T) {
	parent := t.TempDir()
	// Linux gives out no process id above 2^22.
	dead := filepath.Join(parent, dataPrefix+"99999999-1")
	living := filepath.Join(parent, dataPrefix+strconv.Itoa(os.Getpid())+"-1")
	other := filepath.Join(parent, "ifmatch-99999999-1")
	for _, dir := range []string{dead, living, other} {
		if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := newData(parent); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]bool{dead: false, living: true, other: true} {
		if _, err := os.Stat(dir); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", filepath.Base(dir), err == nil, want)
		}
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	t.Setenv(EnvMySQLRoot, t.TempDir())
	_, err := startMySQL()
	if err == nil || !strings.Contains(err.Error(), "integration/server/install") || !strings.Contains(err.Error(), EnvMySQLRoot) {
		t.Errorf("MySQL missing: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	_, err = look("no-such-server", "Debian's package mariadb-server")
	if err == nil || !strings.Contains(err.Error(), "mariadb-server") || !strings.Contains(err.Error(), "integration/server/install") {
		t.Errorf("MariaDB missing: %v", err)
	}
}

func TestDSN(t *testing.T) {
	s := &Server{Addr: "127.0.0.1:3306"}
	for _, c := range []struct{ user, db, params, want string }{
		{"root", "", "", "root@tcp(127.0.0.1:3306)/"},
		{"app:secret", "shop", "", "app:secret@tcp(127.0.0.1:3306)/shop"},
		{"root", "shop", "clientFoundRows=true", "root@tcp(127.0.0.1:3306)/shop?clientFoundRows=true"},
	} {
		if got := s.DSN(c.user, c.db, c.params); got != c.want {
			t.Errorf("DSN(%q, %q, %q) = %s, want %s", c.user, c.db, c.params, got, c.want)
		}
	}
}
