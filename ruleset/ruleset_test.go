package ruleset

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ifmatch/rewrite"
)

// Whoever is told which rules are in force may rely on them being used, and rules that
// were made first never come into force last.
func TestRulesComeIntoForceOneByOne(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte("tables: {shop.products: {key: [id], version: version}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var events []string
	happens := func(event string) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, event)
	}
	s := &Source{PolicyFile: file}
	if _, err := s.Load(context.Background()); err != nil {
		t.Fatal(err)
	}
	began, used := make(chan struct{}), 0
	var last *rewrite.Rules
	s.Use = func(r *rewrite.Rules) {
		if used++; used == 1 {
			close(began)
			time.Sleep(50 * time.Millisecond) // somebody who does not wait would be first
		}
		happens("used")
		if last != nil && r.Generation < last.Generation {
			t.Errorf("generation %d comes into force behind %d", r.Generation, last.Generation)
		}
		last = r
	}
	var all sync.WaitGroup
	load := func() {
		if _, err := s.Load(context.Background()); err != nil {
			t.Error(err)
		}
	}
	all.Go(load)
	<-began
	all.Go(func() {
		if _, _, err := s.Refresh(context.Background()); err != nil {
			t.Error(err)
		}
		happens("told")
	})
	for range 4 {
		all.Go(load)
	}
	all.Wait()
	if events[0] != "used" {
		t.Errorf("somebody was told of rules before they were used: %v", events)
	}
	if used != 5 {
		t.Errorf("rules came into force %d times, want 5", used)
	}
	if rules, _, err := s.Refresh(context.Background()); err != nil || rules != last {
		t.Errorf("the rules used last are not those in force: %v", err)
	}
}
