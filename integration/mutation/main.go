// Command mutation takes the protections of ifmatch out of a copy of its source,
// one at a time, and runs the test that has to fail without it. It says which
// tests do not.
//
//	go run ./integration/mutation [-run SUBSTRING]
//
// It takes some minutes and wants what the tests against real servers want.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	only := flag.String("run", "", "only the mutants in whose name this stands")
	flag.Parse()
	if err := run(".", *only); err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
		os.Exit(1)
	}
}

// run tries the mutants on a copy of the module at root.
func run(root, only string) error {
	dir, err := os.MkdirTemp("", "ifmatch-mutation-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := copyModule(dir, root); err != nil {
		return fmt.Errorf("copy the source: %w", err)
	}
	sound := map[string]bool{} // tests that hold without a mutant
	failed := 0
	for _, m := range mutants {
		if !strings.Contains(m.name, only) {
			continue
		}
		start := time.Now()
		verdict := "killed"
		if err := m.try(dir, sound); err != nil {
			verdict = err.Error()
			failed++
		}
		fmt.Printf("%-60s %6.1f s  %s\n", m.name, time.Since(start).Seconds(), verdict)
	}
	if failed > 0 {
		return fmt.Errorf("%d mutants are not killed", failed)
	}
	return nil
}

// try says why the mutant is not killed by its test.
func (m mutant) try(dir string, sound map[string]bool) error {
	file := filepath.Join(dir, m.file)
	before, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	after, err := m.apply(string(before))
	if err != nil {
		return err
	}
	if key := m.pkg + " " + m.test; !sound[key] {
		if out, err := m.runTest(dir); err != nil {
			return fmt.Errorf("its test fails without it: %s", lastLines(out))
		}
		sound[key] = true
	}
	if err := os.WriteFile(file, []byte(after), 0o644); err != nil {
		return err
	}
	defer os.WriteFile(file, before, 0o644)
	out, err := m.runTest(dir)
	switch {
	case err == nil:
		return errors.New("SURVIVES " + m.pkg + " -run " + m.test)
	case !strings.Contains(out, "--- FAIL: "):
		return fmt.Errorf("no test has failed: %s", lastLines(out))
	}
	return nil
}

// apply gives the source with the mutant in it.
func (m mutant) apply(source string) (string, error) {
	if n := strings.Count(source, m.old); n != 1 {
		return "", fmt.Errorf("%s has %d times what the mutant %q replaces, and should have it once:\n%s", m.file, n, m.name, m.old)
	}
	return strings.Replace(source, m.old, m.new, 1), nil
}

func (m mutant) runTest(dir string) (string, error) {
	cmd := exec.Command("go", "test", m.pkg, "-run", m.test, "-count=1", "-timeout=15m")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func lastLines(out string) string {
	return out[max(0, len(out)-500):]
}

// copyModule copies the files of a module, those of version control aside.
func copyModule(to, root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && (d.Name() == ".git" || rel == "bin"):
			return filepath.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, info.Mode().Perm())
	})
}
