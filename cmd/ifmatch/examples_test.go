package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what explain says to testdata")

// What the examples make of the statements that they are about.
func TestExamples(t *testing.T) {
	policies, err := filepath.Glob("../../conf/examples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(policies) < 3 {
		t.Fatalf("%d examples: some are missing", len(policies))
	}
	for _, policy := range policies {
		name := strings.TrimSuffix(filepath.Base(policy), ".yaml")
		t.Run(name, func(t *testing.T) {
			statements, err := os.ReadFile(filepath.Join("testdata", name+".sql"))
			if err != nil {
				t.Fatal(err)
			}
			var out, errOut bytes.Buffer
			if exit := run(t.Context(), []string{"check", "--policy", policy}, strings.NewReader(""), &out, &errOut); exit != exitDone {
				t.Fatalf("check: exit code %d\n%s", exit, &errOut)
			}
			out.Reset()
			if exit := run(t.Context(), []string{"explain", "--policy", policy}, bytes.NewReader(statements), &out, &errOut); exit != exitDone {
				t.Fatalf("explain: exit code %d\n%s", exit, &errOut)
			}
			golden := filepath.Join("testdata", name+".explained")
			if *update {
				if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if out.String() != string(want) {
				t.Errorf("explain says\n%s\nwant\n%s", &out, want)
			}
		})
	}
}
