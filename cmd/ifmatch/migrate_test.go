package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMigrateUsage(t *testing.T) {
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(policy, []byte("tables:\n  shop.products: {verison: version}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		exit int
		err  string
	}{
		{"no account", nil, exitUsage, "migrate needs --service-user"},
		{"a copy of what is only printed", []string{"--service-user", "u", "--allow-copy"}, exitUsage, "--allow-copy goes with --apply"},
		{"a wrong policy", []string{"--service-user", "u"}, exitUsage, `policy.yaml:2:19: `},
		{"an argument", []string{"now"}, exitUsage, `migrate takes no argument, has "now"`},
		{"an unknown flag", []string{"--format", "json"}, exitUsage, "--format"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			args := append([]string{"migrate", "--policy", policy}, c.args...)
			if exit := run(t.Context(), args, strings.NewReader(""), &out, &errOut); exit != c.exit {
				t.Errorf("exit code %d, want %d", exit, c.exit)
			}
			if !strings.Contains(errOut.String(), c.err) || out.Len() > 0 {
				t.Errorf("standard error %q, want %q; standard output %q", errOut.String(), c.err, out.String())
			}
		})
	}
}
