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
// copied first: the cache cannot be written, and a test binary wants its folder. The
// largest values of the suite, of 32 MiB, are made 17: more than a packet holds.
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
	largest := filepath.Join(dir, "driver_test.go")
	text, err := os.ReadFile(largest)
	if err != nil {
		t.Fatal(err)
	}
	smaller := strings.NewReplacer("maxAllowedPacketSize > 1<<25", "maxAllowedPacketSize > 17<<20", "maxAllowedPacketSize = 1 << 25", "maxAllowedPacketSize = 17 << 20")
	if changed := smaller.Replace(string(text)); strings.Count(changed, "17<<20")+strings.Count(changed, "17 << 20") != 2 {
		t.Fatalf("%s has its largest values no more where they were", largest)
	} else if err := os.WriteFile(largest, []byte(changed), 0o600); err != nil {
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

// suite is one run of the driver's tests, against one address.
type suite struct {
	name, addr, db string
	results        map[string]string // PASS, FAIL or SKIP by the name of the test
	output         []byte
}

// run runs the tests that args select and adds to the results.
func (r *suite) run(binary, dir string, args ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append([]string{"-test.v"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "MYSQL_TEST_USER=root", "MYSQL_TEST_PASS=", "MYSQL_TEST_PROT=tcp",
		"MYSQL_TEST_ADDR="+r.addr, "MYSQL_TEST_DBNAME="+r.db, "MYSQL_TEST_CONCURRENT=1")
	output, _ := cmd.CombinedOutput()
	r.output = append(r.output, output...)
	lines := bufio.NewScanner(bytes.NewReader(output))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if m := testResult.FindStringSubmatch(lines.Text()); m != nil {
			r.results[m[2]] = m[1]
		}
	}
}

// Each test of the driver's own suite must end through the proxy as it ends at
// the server.
func TestTheDriversOwnTests(t *testing.T) {
	binary, dir := driverTests(t)
	server.Each(t, func(t *testing.T, s *server.Server) {
		// One of the tests wants every connection that the server allows, and the
		// proxy's service account is not to have one of them meanwhile.
		unseen := []string{"--schema-refresh", "1h"}
		// They go as far as the server's limit does, and 200 connections prove as much
		// as a thousand.
		admin := session(t, s, "root", "", "")
		execute(t, admin, "SET GLOBAL max_connections=200")
		defer execute(t, admin, "SET GLOBAL max_connections=1000")
		runs := []*suite{{name: "server"}, {name: "no guarded table"}, {name: "a guarded table"}}
		for i, r := range runs {
			r.db, r.addr, r.results = s.Database(t), s.Addr, map[string]string{}
			execute(t, session(t, s, "root", r.db, ""), "CREATE TABLE guarded(id INT PRIMARY KEY, version INT NOT NULL DEFAULT 1)")
			switch i {
			case 1:
				r.addr = start(t, s, "tables: {}", unseen...).Addr
			case 2:
				r.addr = start(t, s, "tables: {"+r.db+".guarded: {version: version}}", unseen...).Addr
			}
		}
		// They mostly wait, so they go on at the same time; but for one that
		// takes all connections of the server. One more dials a public address.
		var wait sync.WaitGroup
		for _, r := range runs {
			wait.Go(func() { r.run(binary, dir, "-test.skip", "^(TestConnectorReturnsTimeout|TestConcurrent)$") })
		}
		wait.Wait()
		for _, r := range runs {
			// It takes "too many connections" for a failure, and on a slow machine
			// the server is still ending those of before when the next ones come.
			for try := 0; try < 3 && r.results["TestConcurrent"] != "PASS"; try++ {
				r.run(binary, dir, "-test.run", "^TestConcurrent$")
			}
		}
		want, passed := runs[0].results, 0
		for _, result := range want {
			if result == "PASS" {
				passed++
			}
		}
		if passed < 100 || want["TestConcurrent"] != "PASS" {
			t.Fatalf("%d tests pass at the server, TestConcurrent: %s:\n%s", passed, want["TestConcurrent"], runs[0].output)
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
