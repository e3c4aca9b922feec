package conf_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/spf13/pflag"

	"ifmatch/conf"
	"ifmatch/policy"
)

func noEnv(string) string { return "" }

// The file that comes with the proxy says the defaults, all of them.
func TestSettingsFile(t *testing.T) {
	c := conf.Default()
	// Other values than the defaults, so that it is the file that sets them back.
	c.Listen, c.Backend, c.Policy, c.Admin, c.BackendTLS = "h:1", "h:2", "x", "", conf.TLSRequired
	c.RequireTLS, c.MaxSessions, c.PlanCache = true, 7, 7
	c.LogFormat, c.LogLevel, c.Drain, c.SchemaRefresh, c.ObserveWait = "json", "warn", 1, 1, 1
	c.IdleTransactionWarn, c.IdleTransactionEnd = 1, 1
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	c.Flags(fs)
	if err := fs.Parse([]string{"--config", "ifmatch.yaml"}); err != nil {
		t.Fatal(err)
	}
	if err := conf.Load(fs, &c, noEnv); err != nil {
		t.Fatal(err)
	}
	if c != conf.Default() {
		t.Errorf("ifmatch.yaml gives\n%+v\nthe defaults are\n%+v", c, conf.Default())
	}
	src, err := os.ReadFile("ifmatch.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Name != "config" && !regexp.MustCompile(`(?m)^(# )?`+f.Name+`: `).Match(src) {
			t.Errorf("ifmatch.yaml does not mention %s", f.Name)
		}
	})
}

func TestSamplePolicy(t *testing.T) {
	p, err := policy.Load("policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if p.Defaults != policy.DefaultSettings() {
		t.Errorf("defaults of policy.yaml are %+v, those of the language %+v", p.Defaults, policy.DefaultSettings())
	}
	if p.Errors != policy.DefaultErrors() {
		t.Errorf("errors of policy.yaml are %+v, those of the language %+v", p.Errors, policy.DefaultErrors())
	}
	if got, want := len(p.Tables), 7; got != want {
		t.Errorf("%d tables, want %d", got, want)
	}
	src, err := os.ReadFile("policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, ok := document(string(src))
	if !ok {
		t.Fatal("not JSON")
	}
	if err := schema(t).Validate(doc); err != nil {
		t.Errorf("the schema refuses it: %v", err)
	}
}

// The examples are right by the parser, by this build and by the schema.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("examples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 3 {
		t.Fatalf("%d examples: some are missing", len(files))
	}
	for _, file := range files {
		if _, err := policy.Load(file); err != nil {
			t.Errorf("%v", err)
			continue
		}
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, ok := document(string(src))
		if !ok {
			t.Fatalf("%s is not JSON", file)
		}
		if err := schema(t).Validate(doc); err != nil {
			t.Errorf("the schema refuses %s: %v", file, err)
		}
	}
}

// The manual has a heading for every key, and its examples are right.
func TestManual(t *testing.T) {
	manual, err := os.ReadFile("../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	b, err := os.ReadFile("policy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	defs := doc["$defs"].(map[string]any)
	for _, of := range []any{doc, defs["table"], defs["status"], defs["transition"]} {
		for key := range of.(map[string]any)["properties"].(map[string]any) {
			if !regexp.MustCompile(`(?mi)^##+ ` + key + `( |$)`).Match(manual) {
				t.Errorf("docs/policy.md has no section %q", key)
			}
		}
	}
	blocks := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```").FindAllSubmatch(manual, -1)
	if len(blocks) < 10 {
		t.Fatalf("%d examples in docs/policy.md: some are missing", len(blocks))
	}
	for _, block := range blocks {
		if _, err := policy.Parse("policy.md", block[1]); err != nil {
			t.Errorf("%s\n%v", block[1], err)
		}
	}
}

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	f, err := os.Open("policy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	doc, err := jsonschema.UnmarshalJSON(f)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("policy.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("policy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// document is YAML as a JSON schema sees it. It is not ok where the YAML cannot
// be read at all.
func document(src string) (doc any, ok bool) {
	var v any
	if err := yaml.Unmarshal([]byte(src), &v); err != nil {
		return nil, false
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, false
	}
	doc, err = jsonschema.UnmarshalJSON(bytes.NewReader(b))
	return doc, err == nil
}

// Every description is there, since editors show it.
func TestSchemaDescribes(t *testing.T) {
	var doc map[string]any
	b, err := os.ReadFile("policy.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	defs := doc["$defs"].(map[string]any)
	for name, p := range defs["table"].(map[string]any)["properties"].(map[string]any) {
		m := p.(map[string]any)
		if ref, ok := m["$ref"].(string); ok && m["description"] == nil {
			m = defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		}
		if text, ok := m["description"].(string); !ok || text == "" {
			t.Errorf("%s has no description", name)
		}
	}
}
