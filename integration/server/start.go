package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// dataPrefix begins the name of every data folder; the id of the test process
// and a random part follow, so that a later run can tell what a killed one left.
const dataPrefix = "ifmatch-test-"

// setUp is run by either server once it is up, and lets root in over TCP:
// without name resolution 127.0.0.1 is not the localhost of its first account.
const setUp = `CREATE USER IF NOT EXISTS 'root'@'%';
GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;
`

// options are those of both servers, for a data folder as the server sees it.
// Durability and memory are traded for speed: nothing here outlives the run.
func options(data string, port int) []string {
	return []string{
		"--no-defaults",
		"--datadir=" + data + "/data",
		"--tmpdir=" + data + "/data", // servers that start clean up the temporary tables of a shared one
		"--socket=" + data + "/s",
		"--pid-file=" + data + "/pid",
		"--init-file=" + data + "/setup.sql",
		"--ssl-ca=" + data + "/ca.pem",
		"--ssl-cert=" + data + "/cert.pem",
		"--ssl-key=" + data + "/key.pem",
		"--bind-address=127.0.0.1",
		"--port=" + strconv.Itoa(port),
		"--skip-name-resolve",
		"--skip-log-bin",
		"--max-connections=1000",
		"--max-allowed-packet=64M",
		"--local-infile=1",
		"--innodb-buffer-pool-size=64M",
		"--innodb-flush-log-at-trx-commit=2",
		"--table-definition-cache=600",
		"--table-open-cache=2000",
	}
}

// leaner halves what MySQL takes for a thousand connections. The performance
// schema itself stays: it shows connection attributes.
var leaner = []string{
	"--innodb-log-buffer-size=4M",
	"--performance-schema-digests-size=100",
	"--performance-schema-error-size=0",
	"--performance-schema-events-statements-history-long-size=0",
	"--performance-schema-max-memory-classes=0",
}

func startMariaDB() (*Server, error) { return startMariaDBWith() }

// startMariaDBWith starts it with further options.
func startMariaDBWith(further ...string) (*Server, error) {
	if root := os.Getenv(EnvMariaDBRoot); root != "" {
		return startMariaDBIn(root, further...)
	}
	mariadbd, err := look("mariadbd", "Debian's package mariadb-server")
	if err != nil {
		return nil, err
	}
	install, err := look("mariadb-install-db", "Debian's package mariadb-server")
	if err != nil {
		return nil, err
	}
	asRoot := []string{}
	if os.Geteuid() == 0 {
		asRoot = []string{"--user=root"}
	}
	data, err := freshData(os.TempDir(), FlavorMariaDB, func(dir string) error {
		// --force: a machine that cannot look up its own name will do. In a shared folder
		// servers that start take each other's temporary tables away.
		args := append([]string{"--no-defaults", "--datadir=" + dir + "/data", "--tmpdir=" + dir, "--skip-test-db",
			"--auth-root-authentication-method=normal", "--force"}, asRoot...)
		if out, err := exec.Command(install, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("prepare the data of MariaDB: %w\n%s", err, tail(out))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return start(&Server{Flavor: FlavorMariaDB, data: data}, func(port int) *exec.Cmd {
		return exec.Command(mariadbd, append(append(append(options(data, port), "--sync-frm=0"), asRoot...), further...)...)
	})
}

// startMariaDBIn runs the MariaDB of another Debian system inside its folder.
func startMariaDBIn(root string, further ...string) (*Server, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	data, err := freshData(filepath.Join(root, "tmp"), FlavorMariaDB, func(dir string) error {
		host := "/tmp/" + filepath.Base(dir)
		args := []string{"--no-defaults", "--datadir=" + host + "/data", "--tmpdir=" + host, "--skip-test-db",
			"--auth-root-authentication-method=normal", "--force", "--user=root"}
		if out, err := commandIn(root, "/usr/bin/mariadb-install-db", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("prepare its data (needs root, or user namespaces): %w\n%s", err, tail(out))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("MariaDB in %s (integration/server/install mariadb-sid puts one into a folder): %w", root, err)
	}
	host := "/tmp/" + filepath.Base(data)
	return start(&Server{Flavor: FlavorMariaDB, data: data}, func(port int) *exec.Cmd {
		return commandIn(root, "/usr/sbin/mariadbd", append(append(options(host, port), "--user=root"), further...)...)
	})
}

// commandIn is a command that runs inside another Debian system.
func commandIn(root, path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Err = nil // it is looked for inside the chroot, not here
	cmd.Dir = "/"
	cmd.SysProcAttr = inside(root)
	return cmd
}

// startMySQL runs MySQL inside the folder of its own Debian system: its
// libraries are newer than those around it. The data stand in the /tmp of that
// system, so nothing has to be mounted and many servers can run at once.
func startMySQL() (*Server, error) { return startMySQLWith() }

// startMySQLWith starts it with further options, which hold from the making of its
// data on.
func startMySQLWith(further ...string) (*Server, error) {
	root, err := mysqlRoot()
	if err != nil {
		return nil, err
	}
	const mysqld = "usr/sbin/mysqld"
	if _, err := os.Stat(filepath.Join(root, mysqld)); err != nil {
		return nil, fmt.Errorf("MySQL is not in %s (integration/server/install puts it there; or name another folder in %s): %w",
			root, EnvMySQLRoot, err)
	}
	run := func(args ...string) *exec.Cmd { return commandIn(root, "/"+mysqld, args...) }
	data, err := freshData(filepath.Join(root, "tmp"), strings.Join(append([]string{FlavorMySQL}, further...), " "), func(dir string) error {
		data := "/tmp/" + filepath.Base(dir) + "/data"
		if out, err := run(append([]string{"--no-defaults", "--initialize-insecure", "--user=root", "--datadir=" + data}, further...)...).CombinedOutput(); err != nil {
			return fmt.Errorf("prepare the data of MySQL in %s (needs root, or user namespaces): %w\n%s", root, err, tail(out))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	host := "/tmp/" + filepath.Base(data)
	return start(&Server{Flavor: FlavorMySQL, data: data}, func(port int) *exec.Cmd {
		return run(append(append(options(host, port), append(leaner, "--user=root", "--mysqlx=OFF", "--secure-file-priv=NULL")...), further...)...)
	})
}

// mysqlRoot is the folder with MySQL's Debian system; the script install has
// the same default.
func mysqlRoot() (string, error) {
	if dir := os.Getenv(EnvMySQLRoot); dir != "" {
		return filepath.Abs(dir)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("where MySQL is: %w (name its folder in %s)", err, EnvMySQLRoot)
	}
	return filepath.Join(cache, "ifmatch", "mysql-sid"), nil
}

// start runs the server with a prepared data folder until it answers, and
// again where somebody else took the port meanwhile.
func start(s *Server, command func(port int) *exec.Cmd) (*Server, error) {
	err := os.WriteFile(filepath.Join(s.data, "setup.sql"), []byte(setUp), 0o644)
	if err == nil {
		s.CAFile = filepath.Join(s.data, "ca.pem")
		err = writeCertificates(s.data)
	}
	for range 3 {
		if err != nil {
			break
		}
		var port int
		if port, err = freePort(); err != nil {
			break
		}
		s.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		s.proc, err = launch(command(port), s.data, s.ping)
		if err == nil {
			return s, nil
		}
		if errors.Is(err, errPortTaken) {
			err = nil
		}
	}
	_ = os.RemoveAll(s.data)
	if err == nil {
		err = errPortTaken
	}
	return nil, fmt.Errorf("start %s: %w", s.Flavor, err)
}

func look(program, from string) (string, error) {
	for _, dir := range []string{"", "/usr/sbin/", "/usr/local/sbin/"} {
		if path, err := exec.LookPath(dir + program); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed (%s has it; integration/server/install installs it)", program, from)
}

// newData makes a data folder under parent, and removes those of test
// processes that are gone.
func newData(parent string) (string, error) {
	old, _ := filepath.Glob(filepath.Join(parent, dataPrefix+"*"))
	for _, dir := range old {
		id, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), dataPrefix), "-")
		if pid, err := strconv.Atoi(id); err == nil && !alive(pid) {
			_ = os.RemoveAll(dir)
		}
	}
	dir, err := os.MkdirTemp(parent, fmt.Sprintf("%s%d-*", dataPrefix, os.Getpid()))
	if err != nil {
		return "", fmt.Errorf("make a folder for the server's data: %w", err)
	}
	return dir, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
