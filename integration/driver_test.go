package integration

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"testing"

	"ifmatch/integration/server"
)

// driverModule is the driver whose own tests are run through the proxy.
const driverModule = "github.com/go-sql-driver/mysql"

// driverTests builds go-sql-driver's own test suite from the module cache. It is
// copied first: the cache cannot be written, and a test binary wants its folder.
func driverTests(t *testing.T) (binary, dir string) {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", driverModule).Output()
	if err != nil {
		t.Fatalf("find %s: %v", driverModule, err)
	}
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(strings.TrimSpace(string(out)))); err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(t.TempDir(), "driver.test")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the tests of %s: %v\n%s", driverModule, err, out)
	}
	return binary, dir
}

// testResult is a line in which a test of the suite says how it went.
var testResult = regexp.MustCompile(`^\s*--- (PASS|FAIL|SKIP): (\S+)`)

// runDriverTests runs the suite against an address and gives the result of each
// test by its name.
func runDriverTests(t *testing.T, binary, dir, addr, db string) (results map[string]string, output []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	defer cancel()
	// The one that is left out dials a public address.
	cmd := exec.CommandContext(ctx, binary, "-test.v", "-test.skip", "^TestConnectorReturnsTimeout$")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "MYSQL_TEST_USER=root", "MYSQL_TEST_PASS=", "MYSQL_TEST_PROT=tcp",
		"MYSQL_TEST_ADDR="+addr, "MYSQL_TEST_DBNAME="+db, "MYSQL_TEST_CONCURRENT=1")
	output, _ = cmd.CombinedOutput()
	results = map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(output))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if m := testResult.FindStringSubmatch(lines.Text()); m != nil {
			results[m[2]] = m[1]
		}
	}
	return results, output
}

// Each test of the driver's own suite must end through the proxy as it ends at
// the server. The three runs have a database each and go on at the same time:
// they mostly wait.
func TestTheDriversOwnTests(t *testing.T) {
	binary, dir := driverTests(t)
	server.Each(t, func(t *testing.T, s *server.Server) {
		type run struct {
			name, addr, db string
			results        map[string]string
			output         []byte
		}
		runs := []*run{{name: "server"}, {name: "no guarded table"}, {name: "a guarded table"}}
		var wait sync.WaitGroup
		for i, r := range runs {
			r.db, r.addr = s.Database(t), s.Addr
			execute(t, session(t, s, "root", r.db, ""), "CREATE TABLE guarded(id INT PRIMARY KEY, version INT NOT NULL DEFAULT 1)")
			switch i {
			case 1:
				r.addr = start(t, s, "tables: {}").Addr
			case 2:
				r.addr = start(t, s, "tables: {"+r.db+".guarded: {version: version}}").Addr
			}
			wait.Go(func() { r.results, r.output = runDriverTests(t, binary, dir, r.addr, r.db) })
		}
		wait.Wait()
		want := runs[0].results
		passed := 0
		for _, result := range want {
			if result == "PASS" {
				passed++
			}
		}
		if passed < 100 {
			t.Fatalf("only %d tests pass at the server:\n%s", passed, runs[0].output)
		}
		for _, r := range runs[1:] {
			for _, test := range names(want, r.results) {
				if want[test] != r.results[test] {
					t.Errorf("%s, %s: %s at the server, %s through the proxy%s%s", r.name, test, or(want[test], "not run"), or(r.results[test], "not run"),
						said(runs[0].output, test), said(r.output, test))
				}
			}
		}
	})
}

// names gives the names of all tests in either, in order.
func names(all ...map[string]string) []string {
	seen := map[string]bool{}
	var names []string
	for _, results := range all {
		for name := range results {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	sort.Strings(names)
	return names
}

func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

// said gives what the output of a suite says of a test that failed.
func said(output []byte, test string) string {
	_, rest, ok := strings.Cut(string(output), "--- FAIL: "+test+" ")
	if !ok {
		return ""
	}
	if end := strings.Index(rest, "\n--- "); end >= 0 {
		rest = rest[:end]
	}
	return "\n" + rest[:min(len(rest), 1500)]
}
