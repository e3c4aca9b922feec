//go:build acceptance

// Package acceptance runs a suite of acceptance cases that lives outside the
// repository, where there is one: IFMATCH_ACCEPT names its runner, which is
// called as RUNNER BINARY -backend HOST:PORT and prints a line that begins with
// FAIL and the case's name for each case that does not hold.
package acceptance

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ifmatch/integration/racing"
	"ifmatch/integration/server"
)

func TestMain(m *testing.M) { os.Exit(racing.End(server.Main(m))) }

// TestCases fails for a case that does not hold and is not in waiting.txt, and
// for one that is there and holds: the list says what is still to be built.
func TestCases(t *testing.T) {
	runner := os.Getenv("IFMATCH_ACCEPT")
	if runner == "" {
		t.Fatal("IFMATCH_ACCEPT does not name the runner of the cases")
	}
	binary := filepath.Join(t.TempDir(), "ifmatch")
	if err := racing.Build(binary); err != nil {
		t.Fatal(err)
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		waiting := readWaiting(t, s.Flavor)
		out, err := exec.Command(runner, binary, "-backend", s.Addr, "-v").CombinedOutput()
		t.Logf("%s", out)
		held := 0
		for sc := bufio.NewScanner(bytes.NewReader(out)); sc.Scan(); {
			line := sc.Text()
			if name, ok := strings.CutPrefix(line, "ok   "); ok {
				held++
				if waiting[name] {
					t.Errorf("%q holds now: take it out of waiting.txt", name)
				}
			}
			if rest, ok := strings.CutPrefix(line, "FAIL "); ok {
				name, _, _ := strings.Cut(rest, " [")
				if !waiting[name] {
					t.Errorf("does not hold: %s", rest)
				}
			}
		}
		if held == 0 {
			t.Fatalf("no case was run: %v", err)
		}
	})
}

// readWaiting reads the names of the cases that wait: one a line, with "mariadb:"
// or "mysql:" before those that wait on one server only.
func readWaiting(t *testing.T, flavor string) map[string]bool {
	b, err := os.ReadFile("waiting.txt")
	if err != nil {
		t.Fatal(err)
	}
	waiting := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if only, name, ok := strings.Cut(line, ": "); ok && (only == "mariadb" || only == "mysql") {
			if only != flavor {
				continue
			}
			line = name
		}
		waiting[line] = true
	}
	return waiting
}
