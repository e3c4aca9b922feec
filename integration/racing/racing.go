// Package racing builds the program under test, with Go's race detector where that
// is wanted ([Env]), and collects what the detector reports of every process of it:
// a report fails the package run, whatever the tests made of that process.
package racing

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// Env is the environment variable that asks for the race detector.
const Env = "IFMATCH_TEST_RACE"

// ExitCode is that of a process that has raced and would have ended with 0.
const ExitCode = 66

// Wanted reports whether programs are built with the race detector.
func Wanted() bool { return os.Getenv(Env) != "" }

// reports is the folder that the detector writes into: one file for each process
// that has raced, with the process's number behind a dot. It is made at the first
// build, and every process that is started later is told of it by GORACE.
var reports struct {
	once sync.Once
	dir  string
	err  error
}

// Build builds ifmatch of this source tree at path. Flags are further ones of go build.
func Build(path string, flags ...string) error {
	args := append([]string{"build", "-o", path}, flags...)
	if Wanted() {
		reports.once.Do(func() { reports.err = collect() })
		if reports.err != nil {
			return reports.err
		}
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "ifmatch/cmd/ifmatch")...).CombinedOutput(); err != nil {
		return fmt.Errorf("build ifmatch: %w\n%s", err, out)
	}
	return nil
}

// collect has the detector go on after a race, and write into a folder of its own.
// Source: https://go.dev/doc/articles/race_detector, "Options".
func collect() (err error) {
	if reports.dir, err = os.MkdirTemp("", "ifmatch-races-"); err != nil {
		return err
	}
	return os.Setenv("GORACE", fmt.Sprintf("%s halt_on_error=0 exitcode=%d log_path=%s",
		os.Getenv("GORACE"), ExitCode, filepath.Join(reports.dir, "race")))
}

// Of gives what the detector has reported of a process so far; "" for nothing.
func Of(pid int) string {
	if reports.dir == "" {
		return ""
	}
	text, err := os.ReadFile(filepath.Join(reports.dir, "race."+strconv.Itoa(pid)))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err.Error()
	}
	return string(text)
}

// End ends a package run that would have ended with code: where a process has raced
// it says so and gives another code than 0. No process of the program may run any more.
func End(code int) int {
	if reports.dir == "" {
		return code
	}
	defer os.RemoveAll(reports.dir)
	files, err := filepath.Glob(filepath.Join(reports.dir, "race.*"))
	for _, f := range files {
		var text []byte
		if text, err = os.ReadFile(f); err != nil {
			break
		}
		fmt.Fprintf(os.Stderr, "process %s has raced:\n%s\n", strings.TrimPrefix(filepath.Ext(f), "."), text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "reading the reports of races:", err)
	}
	if code == 0 && (err != nil || len(files) > 0) {
		return 1
	}
	return code
}
