package integration

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"ifmatch/integration/server"
)

var update = flag.Bool("update", false, "write docs/clients.md anew")

// Tried is a driver, a command or an ORM, with the program that uses it.
type tried struct {
	name string
	run  func(t *testing.T, on trial) []line
	ways []way
}

// A way is one of those in which a client can be used. number gives its rows: see
// clients/README.md.
type way struct {
	name      string
	number    int
	prepares  string // whose prepared statements it uses
	bulk      int    // how often it executes in bulk at MariaDB
	exception string // how the client names the error
	state     bool   // does it tell the SQLSTATE?
	steps     func(w way, db string) []line
}

// got is a step that goes well.
func (w way) got(step, text string) line { return line{Way: w.name, Step: step, Got: text} }

// conflict is a step that is refused, with the end of the error's message.
func (w way) conflict(step, message string) line {
	l := line{Way: w.name, Step: step, Error: w.exception, Code: 1020, State: "40001", Message: message}
	if !w.state {
		l.State = ""
	}
	return l
}

// versionConflict is the text of one.
func versionConflict(table string, id, expected, found int) string {
	return fmt.Sprintf("ifmatch: version conflict on %s id=%d: expected version=%d, found version=%d", table, id, expected, found)
}

// A trial is what one run of a client's program is given.
type trial struct {
	host, port, db string
	ca             string // empty for plain connections
}

// A line is one of the output of a client's program.
type line struct {
	Version, Way, Step, Got, Error, State, Message string
	Code                                           int
}

// is says whether the line is what was to come; a message may have a head of the
// client's own.
func (l line) is(want line) bool {
	ends := strings.HasSuffix(l.Message, want.Message)
	l.Message, want.Message = "", ""
	return ends && l == want
}

// runs gives what runs a program as clients/README.md says.
func runs(command ...string) func(t *testing.T, on trial) []line {
	return func(t *testing.T, on trial) []line {
		t.Helper()
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		args := append(command[1:len(command):len(command)], on.host, on.port, "client", secret, on.db)
		if on.ca != "" {
			args = append(args, on.ca)
		}
		cmd := exec.Command(command[0], args...)
		cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(cache, "ifmatch", "node", "node_modules"), "PYTHONDONTWRITEBYTECODE=1")
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Errorf("%v: %v (integration/server/install installs what it needs)\n%s", command, err, stderr.Bytes())
		}
		var all []line
		for text := range strings.Lines(stdout.String()) {
			var l line
			if err := json.Unmarshal([]byte(text), &l); err != nil {
				t.Errorf("%v says %q: %v", command, text, err)
			}
			all = append(all, l)
		}
		return all
	}
}

// compiled builds a program once, at its first use.
func compiled(build func(t *testing.T) []string) func(t *testing.T, on trial) []line {
	var once sync.Once
	var command []string
	return func(t *testing.T, on trial) []line {
		t.Helper()
		once.Do(func() { command = build(t) })
		if command == nil {
			t.Fatal("the program could not be built")
		}
		return runs(command...)(t, on)
	}
}

// goProgram builds a program of a folder, which may be a module of its own.
func goProgram(dir, into string) func(t *testing.T, on trial) []line {
	return compiled(func(t *testing.T) []string {
		path := filepath.Join(into, filepath.Base(dir))
		if out, err := exec.Command("go", "build", "-C", dir, "-o", path, ".").CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", dir, err, out)
		}
		return []string{path}
	})
}

// commandScript is what the command line clients are given, a statement a line.
var commandScript = []struct{ step, text string }{
	{"update", "UPDATE products SET price=1 WHERE id=1 AND version=1"},
	{"", "SELECT 'update', ROW_COUNT()"},
	{"conflict", "UPDATE /* ifmatch: version=1 */ products SET price=2 WHERE id=1"},
	{"", "SHOW WARNINGS"},
	{"", "SELECT 'row', price, version FROM products WHERE id=1"},
	{"update again", "UPDATE products SET price=3 WHERE id=1 AND version=2"},
	{"", "SELECT 'update again', ROW_COUNT()"},
	{"", "SELECT 'row at last', price, version FROM products WHERE id=1"},
}

func commandSteps(w way, db string) []line {
	text := versionConflict(db+".products", 1, 1, 2)
	return []line{
		w.got("update", "1"),
		w.conflict("conflict", text),
		w.got("Error", "1020|"+text),
		w.got("row", "1|2"),
		w.got("update again", "1"),
		w.got("row at last", "3|3"),
	}
}

var commandError = regexp.MustCompile(`(?m)^ERROR (\d+) \((\w+)\) at line (\d+): (.*)$`)

var commandVersion = regexp.MustCompile(`(?:Ver|Distrib|from) ([^ ,]+)`)

// commandLine runs the command line client of a flavor.
func commandLine(flavor string) func(t *testing.T, on trial) []line {
	tls := map[string][]string{
		server.FlavorMariaDB: {"--skip-ssl", "--ssl-verify-server-cert"},
		server.FlavorMySQL:   {"--ssl-mode=DISABLED", "--ssl-mode=VERIFY_IDENTITY"},
	}[flavor]
	return func(t *testing.T, on trial) []line {
		t.Helper()
		args := []string{"--host=" + on.host, "--port=" + on.port, "--user=client", "--password=" + secret,
			"--force", "--comments", "--batch", "--skip-column-names", on.db}
		if on.ca == "" {
			args = append(tls[:1:1], args...)
		} else {
			args = append([]string{tls[1], "--ssl-ca=" + server.ClientFile(t, flavor, on.ca)}, args...)
		}
		if flavor == server.FlavorMySQL && on.ca == "" {
			args = append([]string{"--get-server-public-key"}, args...)
		}
		version, err := server.Client(t, flavor, "--version").Output()
		if err != nil {
			t.Fatal(err)
		}
		numbers := commandVersion.FindAllSubmatch(version, -1)
		all := []line{{Version: string(numbers[len(numbers)-1][1])}}
		cmd := server.Client(t, flavor, args...)
		var script strings.Builder
		for _, s := range commandScript {
			script.WriteString(s.text + ";\n")
		}
		cmd.Stdin = strings.NewReader(script.String())
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		cmd.Run() // with --force the exit code says that there was an error
		const name = "--comments --force"
		for text := range strings.Lines(stdout.String()) {
			step, got, _ := strings.Cut(strings.TrimSuffix(text, "\n"), "\t")
			all = append(all, line{Way: name, Step: step, Got: strings.ReplaceAll(got, "\t", "|")})
		}
		for _, m := range commandError.FindAllStringSubmatch(stderr.String(), -1) {
			code, _ := strconv.Atoi(m[1])
			at, _ := strconv.Atoi(m[3])
			all = append(all, line{Way: name, Step: commandScript[at-1].step, Error: "ERROR", Code: code, State: m[2], Message: m[4]})
		}
		if len(all) == 1 {
			t.Errorf("the %s client says\n%s", flavor, stderr.Bytes())
		}
		return all
	}
}

// clientTables have rows 10k+1 to 10k+4 for way k.
const clientTables = `
CREATE TABLE products(id INT PRIMARY KEY, name VARCHAR(50), price INT, version INT NOT NULL DEFAULT 1);
INSERT INTO products(id, name, price) SELECT 10*a.d + b.d, CONCAT('product ', 10*a.d + b.d), 0 FROM
  (SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5) a,
  (SELECT 1 AS d UNION SELECT 2 UNION SELECT 3 UNION SELECT 4) b;
CREATE TABLE documents LIKE products;
INSERT INTO documents SELECT * FROM products`

// Every client logs in to both servers with a password, over TLS where the
// server's side has none and the other way round; is told of conflicts in its own
// way, and goes on over the same connection.
func TestClients(t *testing.T) {
	all := everyClient(t.TempDir())
	found := newFindings()
	server.Each(t, func(t *testing.T, s *server.Server) {
		account(t, s, "client", map[string]string{
			server.FlavorMariaDB: "BY '" + secret + "'", server.FlavorMySQL: "WITH caching_sha2_password BY '" + secret + "'"}[s.Flavor])
		root := session(t, s, "root", "", "")
		found.server(s.Flavor, run(root, "SELECT VERSION()", "").rows[0])
		policy := "tables:\n"
		dbs := map[string]string{}
		for _, c := range all {
			for _, tls := range []string{"plain", "TLS"} {
				db := s.Database(t)
				dbs[c.name+tls] = db
				must(t, session(t, s, "root", db, ""), clientTables)
				policy += fmt.Sprintf("  %s.products: {version: version}\n  %s.documents: {version: version, own_version: pass}\n", db, db)
			}
		}
		certs := filepath.Dir(s.CAFile)
		proxies := map[string]*Proxy{
			"plain": start(t, s, policy, "--backend-tls", "required"),
			"TLS": start(t, s, policy, "--backend-tls", "disabled", "--require-tls",
				"--tls-cert", filepath.Join(certs, "cert.pem"), "--tls-key", filepath.Join(certs, "key.pem")),
		}
		t.Run("each", func(t *testing.T) {
			for _, c := range all {
				for _, tls := range []string{"plain", "TLS"} {
					t.Run(c.name+"/"+tls, func(t *testing.T) {
						t.Parallel()
						on := trial{db: dbs[c.name+tls]}
						on.host, on.port, _ = net.SplitHostPort(proxies[tls].Addr)
						if tls == "TLS" {
							on.ca = s.CAFile
						}
						if _, err := s.Open(t, "").Exec("FLUSH PRIVILEGES"); err != nil { // empties MySQL's cache of passwords
							t.Fatal(err)
						}
						c.try(t, s.Flavor, tls, on, found)
					})
				}
			}
		})
		if s.Flavor == server.FlavorMariaDB && !t.Failed() {
			for tls, p := range proxies {
				if got, want := bulkExecutions(t, p, s), found.bulk(all, tls); got != want {
					t.Errorf("%s: the clients have executed %d times in bulk, want %d", tls, got, want)
				}
			}
		}
	})
	if !t.Failed() && found.complete(all) {
		found.compare(t, all)
	}
}

// try runs the client's program and holds each way against its steps.
func (c tried) try(t *testing.T, flavor, tls string, on trial, found *findings) {
	t.Helper()
	said := map[string][]line{}
	version, steps := "", 0
	for _, l := range c.run(t, on) {
		if l.Version != "" {
			version = l.Version
			continue
		}
		said[l.Way] = append(said[l.Way], l)
		steps++
	}
	for _, w := range c.ways {
		want := w.steps(w, on.db)
		steps -= len(want)
		for _, l := range want {
			met := false
			for _, got := range said[w.name] {
				met = met || got.is(l)
			}
			if !met {
				t.Errorf("%s: want %+v", w.name, l)
			}
		}
		if t.Failed() {
			t.Logf("%s says %+v", w.name, said[w.name])
		}
		if !t.Failed() {
			found.add(c.name, version, w.name, flavor, tls)
		}
	}
	if steps != 0 {
		t.Errorf("%d steps more than expected: %+v", steps, said)
	}
}

// bulkExecutions gives how often the clients of a proxy have executed in bulk.
func bulkExecutions(t *testing.T, p *Proxy, s *server.Server) int {
	t.Helper()
	for _, row := range run(session(t, p.server(s), "root", "", "tls=skip-verify"), "SHOW IFMATCH STATUS", "").rows {
		if name, n, _ := strings.Cut(row, "|"); name == "bulk_executions" {
			got, err := strconv.Atoi(n)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
	}
	t.Fatal("SHOW IFMATCH STATUS has no bulk_executions")
	return 0
}
