package policy

import (
	"os"
	"path/filepath"
	"testing"
)

// What can be held against a schema is there beside the faults: tables in which
// nothing is wrong.
func TestLoadRight(t *testing.T) {
	for _, c := range []struct {
		name, src string
		faults    int
		tables    []string
	}{
		{"nothing wrong", "tables:\n  shop.a: {version: v}\n  shop.b: {version: v}\n", 0, []string{"a", "b"}},
		{"a wrong table", "tables:\n  shop.a: {version: v, scop: session}\n  shop.b: {version: v}\n", 1, []string{"b"}},
		{"a wrong default", "defaults: {mode: x}\ntables: {shop.a: {version: v}, shop.b: {version: 5}}\n", 2, []string{"a"}},
		{"a key twice", "tables:\n  shop.a: {version: v}\n  shop.b: {version: v, version: w}\n  shop.c: {version: v}\n", 1, []string{"a", "c"}},
	} {
		path := filepath.Join(t.TempDir(), "p.yaml")
		if err := os.WriteFile(path, []byte(c.src), 0o600); err != nil {
			t.Fatal(err)
		}
		p, faults, err := LoadRight(path)
		if err != nil {
			t.Fatal(err)
		}
		var tables []string
		for _, table := range p.Tables {
			tables = append(tables, table.Name.Table)
		}
		if len(faults) != c.faults || len(tables) != len(c.tables) {
			t.Fatalf("%s: faults %v, tables %q; want %d and %q", c.name, faults, tables, c.faults, c.tables)
		}
		for i := range tables {
			if tables[i] != c.tables[i] {
				t.Errorf("%s: tables %q, want %q", c.name, tables, c.tables)
			}
		}
	}
	if _, _, err := LoadRight(filepath.Join(t.TempDir(), "none.yaml")); err == nil {
		t.Error("no error for a file that is not there")
	}
}
