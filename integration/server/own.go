package server

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Own starts a server of the flavor for this test alone, for what would
// disturb other tests: to be killed, restarted or configured. It ends with the
// test. Further options are the server's own, such as --lower-case-table-names=1.
func Own(t testing.TB, flavor string, options ...string) *Server {
	t.Helper()
	start := startMariaDBWith
	if flavor == FlavorMySQL {
		start = startMySQLWith
	}
	s, err := start(options...)
	if err != nil {
		t.Fatalf("no %s server: %v", flavor, err)
	}
	t.Cleanup(func() { s.proc.stop() })
	return s
}

// Kill ends the server at once, as a crash would. It is for a server of [Own].
func (s *Server) Kill() { s.proc.kill() }

// Restart starts the server again after [Server.Kill], on the same port and
// with the same data.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	old := s.proc.cmd
	cmd := exec.Command(old.Path, old.Args[1:]...)
	cmd.Err, cmd.Dir = nil, old.Dir
	cmd.SysProcAttr = old.SysProcAttr
	proc, err := launch(cmd, s.data, s.ping)
	if err != nil {
		t.Fatalf("restart %s: %v", s.Flavor, err)
	}
	s.proc = proc
}

// Client returns the command line client that comes with servers of the
// flavor: mariadb, or mysql in the folder of MySQL's own Debian system.
func Client(t testing.TB, flavor string, args ...string) *exec.Cmd {
	t.Helper()
	args = append([]string{"--no-defaults"}, args...)
	if root := os.Getenv(EnvMariaDBRoot); flavor == FlavorMariaDB && root != "" {
		return commandIn(root, "/usr/bin/mariadb", args...)
	}
	if flavor == FlavorMariaDB {
		path, err := look("mariadb", "Debian's package mariadb-client")
		if err != nil {
			t.Fatal(err)
		}
		return exec.Command(path, args...)
	}
	root, err := mysqlRoot()
	if err != nil {
		t.Fatal(err)
	}
	return commandIn(root, "/usr/bin/mysql", args...)
}

// String names the server for messages of tests.
func (s *Server) String() string { return fmt.Sprintf("%s at %s", s.Flavor, s.Addr) }
