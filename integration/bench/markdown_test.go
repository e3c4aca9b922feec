package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each goal means works that are measured, at connections at which they are.
func TestGoalsAreOfWorks(t *testing.T) {
	for _, g := range goals {
		found := false
		for _, w := range works {
			name := strings.TrimSuffix(strings.TrimSuffix(w.name, " text"), " prepared")
			found = found || name == g.work && (w.most == 0 || g.connection[len(g.connection)-1] <= w.most)
		}
		if !found {
			t.Errorf("%s: no work is called %q and measured at %v connections", g.what, g.work, g.connection)
		}
	}
}

func TestGeometricMean(t *testing.T) {
	ratio := func(work string, connections int, rate float64) result {
		return result{Work: work, Connections: connections, Target: ifmatchName, Against: map[string]spread{haproxyName: {Median: rate}}}
	}
	results := []result{
		ratio("point_select text", 16, 2), ratio("point_select prepared", 16, .5), ratio("point_select text", 64, 4), ratio("point_select prepared", 64, 1),
		ratio("point_select text", 1, 100), ratio("point_select guarded text", 16, 100),
	}
	mean, ok := goals[0].geometric(results, func(r *result) (spread, bool) { s, ok := r.Against[haproxyName]; return s, ok })
	if !ok || mean < 1.414 || mean > 1.415 {
		t.Errorf("%v, %v", mean, ok)
	}
	if _, ok := goals[0].geometric(results, func(r *result) (spread, bool) { s, ok := r.CPUAgainst[haproxyName]; return s, ok }); ok {
		t.Error("a mean of nothing")
	}
}

// A second run takes the place of the first one, and the rest stays.
func TestWriteInto(t *testing.T) {
	path := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(path, []byte("before\n"+tableBegin+"\nold\n"+tableEnd+"\nafter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := report{How: "Once.", Idle: []idleResult{{Target: ifmatchName, Connections: 7, RSS: 3}}}
	for range 2 {
		if err := r.writeInto(path); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(got)
	if !strings.HasPrefix(text, "before\n"+tableBegin+"\n") || !strings.HasSuffix(text, "\n"+tableEnd+"\nafter\n") ||
		strings.Contains(text, "old") || strings.Count(text, "ifmatch at 7 idle connections") != 1 {
		t.Error(text)
	}
	if err := os.WriteFile(path, []byte("nothing\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.writeInto(path); err == nil {
		t.Error("a document without the lines is taken")
	}
}
