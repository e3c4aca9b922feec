// Package server starts real MariaDB and MySQL servers for tests.
//
// A server is started at its first use and serves every test of the package
// run; it listens on a free port of 127.0.0.1 and keeps its data in a folder
// that is removed when the run ends. A package whose tests use it has
//
//	func TestMain(m *testing.M) { os.Exit(server.Main(m)) }
//
// Where a server cannot be had the test fails and says how to get it; it never
// skips. A server that is already running can be used instead: see
// [EnvMariaDB] and [EnvMySQL].
package server

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver behind Open
)

// The environment variables that the package reads.
const (
	EnvMariaDB   = "IFMATCH_TEST_MARIADB" // host:port of a running MariaDB, root without password
	EnvMySQL     = "IFMATCH_TEST_MYSQL"   // host:port of a running MySQL, root without password
	EnvMySQLRoot = "IFMATCH_MYSQL_ROOT"   // folder with a Debian system that has MySQL installed

	// EnvMariaDBRoot is a folder with a Debian system whose MariaDB is to be
	// tested instead of the one of this system.
	EnvMariaDBRoot = "IFMATCH_MARIADB_ROOT"
)

// The flavors of server.
const (
	FlavorMariaDB = "mariadb"
	FlavorMySQL   = "mysql"
)

// startWithin bounds how long a server may take until it answers. It is
// generous: several packages may start theirs at once on a small machine.
const startWithin = 2 * time.Minute

// Server is a running database server whose user root has no password and may
// connect from anywhere. Its databases are shared by all tests of the run, so a
// test that needs one to itself takes it from [Server.Database].
type Server struct {
	Flavor string // FlavorMariaDB or FlavorMySQL
	Addr   string // host:port

	// CAFile is the certificate authority that signed the server's
	// certificate (for localhost and 127.0.0.1), in PEM. Empty for a server
	// that was given by an environment variable.
	CAFile string

	data string   // its folder, as this process sees it
	proc *process // nil if given by an environment variable
}

// started is what the run has of one flavor: a server, or why there is none.
type started struct {
	once   sync.Once
	server *Server
	err    error
}

var mariadb, mysql started

// MariaDB returns the MariaDB server of this package run and starts it first
// where needed.
func MariaDB(t testing.TB) *Server {
	t.Helper()
	return mariadb.get(t, FlavorMariaDB, EnvMariaDB, startMariaDB)
}

// MySQL returns the MySQL server of this package run and starts it first where
// needed.
func MySQL(t testing.TB) *Server {
	t.Helper()
	return mysql.get(t, FlavorMySQL, EnvMySQL, startMySQL)
}

// Start starts a server for a program that is no test, or takes the one that the
// environment names. stop ends it.
func Start(flavor string) (s *Server, stop func(), err error) {
	switch flavor {
	case FlavorMariaDB:
		s, err = open(flavor, EnvMariaDB, startMariaDB)
	case FlavorMySQL:
		s, err = open(flavor, EnvMySQL, startMySQL)
	default:
		err = fmt.Errorf("no server is called %q", flavor)
	}
	if err != nil {
		return nil, nil, err
	}
	return s, func() {
		if s.proc != nil {
			s.proc.stop()
		}
		removeTemplates()
	}, nil
}

// Present reports whether a server of this kind can be had: one that the
// environment names, or one that is installed.
func Present(flavor string) bool {
	switch flavor {
	case FlavorMariaDB:
		_, err := exec.LookPath("mariadbd")
		return err == nil || os.Getenv(EnvMariaDB) != ""
	case FlavorMySQL:
		if os.Getenv(EnvMySQL) != "" {
			return true
		}
		root, err := mysqlRoot()
		if err != nil {
			return false
		}
		_, err = os.Stat(filepath.Join(root, "usr", "sbin", "mysqld"))
		return err == nil
	}
	return false
}

// open takes the server that the variable env names, or starts one.
func open(flavor, env string, start func() (*Server, error)) (*Server, error) {
	addr := os.Getenv(env)
	if addr == "" {
		return start()
	}
	s := &Server{Flavor: flavor, Addr: addr}
	return s, s.ping()
}

func (s *started) get(t testing.TB, flavor, env string, start func() (*Server, error)) *Server {
	t.Helper()
	s.once.Do(func() { s.server, s.err = open(flavor, env, start) })
	if s.err != nil {
		t.Fatalf("no %s server: %v\n(`make test` installs what is missing; or set %s=host:port to one whose root has no password)",
			flavor, s.err, env)
	}
	return s.server
}

// Each runs f as the subtests "mariadb" and "mysql", both at the same time: what they
// share has to be locked, and f must not call t.Parallel. It comes back when both have
// ended.
func Each(t *testing.T, f func(t *testing.T, s *Server)) {
	t.Helper()
	flavors(t, func(t *testing.T, flavor string) {
		if flavor == FlavorMySQL {
			f(t, MySQL(t))
		} else {
			f(t, MariaDB(t))
		}
	})
}

// EachOwn is Each with servers as [Own] starts them.
func EachOwn(t *testing.T, f func(t *testing.T, s *Server), options ...string) {
	t.Helper()
	flavors(t, func(t *testing.T, flavor string) { f(t, Own(t, flavor, options...)) })
}

func flavors(t *testing.T, f func(t *testing.T, flavor string)) {
	t.Helper()
	var both sync.WaitGroup
	for _, flavor := range []string{FlavorMariaDB, FlavorMySQL} {
		both.Go(func() { t.Run(flavor, func(t *testing.T) { f(t, flavor) }) })
	}
	both.Wait()
}

// Main runs the tests, ends the servers that they started, removes the
// servers' data, and returns the exit code for os.Exit.
func Main(m *testing.M) int {
	code := m.Run()
	for _, s := range []*started{&mariadb, &mysql} {
		if s.server != nil && s.server.proc != nil {
			s.server.proc.stop()
		}
	}
	return code
}

// DSN returns the data source name for go-sql-driver. The user may carry a
// password ("app:secret"); params is what follows the question mark, and may
// be empty, as may db.
func (s *Server) DSN(user, db, params string) string {
	dsn := fmt.Sprintf("%s@tcp(%s)/%s", user, s.Addr, db)
	if params != "" {
		dsn += "?" + params
	}
	return dsn
}

// Open returns a pool of connections of root to the database db, which may be
// empty. It is closed when the test ends.
func (s *Server) Open(t testing.TB, db string) *sql.DB {
	t.Helper()
	return s.OpenAs(t, "root", db, "")
}

// OpenAs is Open for another user ("name" or "name:password") and with
// parameters of the data source name.
func (s *Server) OpenAs(t testing.TB, user, db, params string) *sql.DB {
	t.Helper()
	pool, err := sql.Open("mysql", s.DSN(user, db, params))
	if err != nil {
		t.Fatalf("open %s: %v", s.Flavor, err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	return pool
}

// Database makes an empty database for this test alone and returns its name.
// It is dropped when the test ends.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	var id [6]byte
	_, _ = rand.Read(id[:]) // never fails
	name := "t_" + hex.EncodeToString(id[:])
	db := s.OpenAs(t, "root", "", "lock_wait_timeout=30") // a transaction left open fails the drop, and does not hang it
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatalf("create database on %s: %v", s.Flavor, err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec("DROP DATABASE " + name); err != nil {
			t.Errorf("drop database on %s: %v", s.Flavor, err)
		}
	})
	return name
}

// ping says whether the server lets root in and answers.
func (s *Server) ping() error {
	db, err := sql.Open("mysql", s.DSN("root", "", "timeout=5s&readTimeout=5s&writeTimeout=5s"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return db.PingContext(ctx)
}
