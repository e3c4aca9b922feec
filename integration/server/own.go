package server

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	root := clientRoot(t, flavor)
	switch {
	case flavor == FlavorMySQL:
		return commandIn(root, "/usr/bin/mysql", args...)
	case root != "":
		return commandIn(root, "/usr/bin/mariadb", args...)
	}
	path, err := look("mariadb", "Debian's package mariadb-client")
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(path, args...)
}

// ClientFile gives the path at which the client of the flavor finds a file, and
// copies it there for as long as the test lasts where that is another system.
func ClientFile(t testing.TB, flavor, path string) string {
	t.Helper()
	root := clientRoot(t, flavor)
	if root == "" {
		return path
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := newData(filepath.Join(root, "tmp"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	name := filepath.Base(path)
	if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Join("/tmp", filepath.Base(dir), name)
}

// clientRoot is the folder with the system that the client of the flavor runs in,
// "" for this one.
func clientRoot(t testing.TB, flavor string) string {
	t.Helper()
	if flavor == FlavorMariaDB {
		return os.Getenv(EnvMariaDBRoot)
	}
	root, err := mysqlRoot()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// String names the server for messages of tests.
func (s *Server) String() string { return fmt.Sprintf("%s at %s", s.Flavor, s.Addr) }
