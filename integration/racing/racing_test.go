package racing

import (
	"os"
	"path/filepath"
	"testing"
)

// TestEnd has a folder with the report of one process, as the detector leaves it.
func TestEnd(t *testing.T) {
	defer func() { reports.dir = "" }()
	if got := End(0); got != 0 {
		t.Errorf("no process was built with the detector: exit code %d, want 0", got)
	}
	for _, c := range []struct {
		what, file string
		code, want int
	}{
		{"nothing is reported", "", 0, 0},
		{"nothing is reported and tests fail", "", 1, 1},
		{"a race is reported", "race.17", 0, 1},
		{"a race is reported and tests fail", "race.17", 2, 2},
	} {
		reports.dir = t.TempDir()
		if c.file != "" {
			if err := os.WriteFile(filepath.Join(reports.dir, c.file), []byte("WARNING: DATA RACE\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := Of(17) != "", c.file != ""; got != want {
			t.Errorf("%s: of process 17 is reported: %v, want %v", c.what, got, want)
		}
		if got := Of(1); got != "" {
			t.Errorf("%s: of process 1 is reported %q", c.what, got)
		}
		if got := End(c.code); got != c.want {
			t.Errorf("%s: exit code %d, want %d", c.what, got, c.want)
		}
	}
}
