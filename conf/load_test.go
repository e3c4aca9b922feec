package conf

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// load is what a command does: flags, then the rest.
func load(t *testing.T, file string, env map[string]string, args ...string) (Config, error) {
	t.Helper()
	if file != "" {
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", path)
	}
	c := Default()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	c.Flags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	err := Load(flags, &c, func(name string) string { return env[name] })
	return c, err
}

// Flag before environment before file before default.
func TestPrecedence(t *testing.T) {
	const file = `
listen: 0.0.0.0:1
service-user: from-file
service-password: from-file
require-tls: true
max-sessions: 7
drain: 1m30s
backend-tls: verify-ca
backend-ca: ca.pem
`
	env := map[string]string{"IFMATCH_SERVICE_PASSWORD": "from-env"}
	for _, c := range []struct {
		name string
		file string
		env  map[string]string
		args []string
		want func(*Config)
	}{
		{name: "defaults", want: func(*Config) {}},
		{name: "file", file: file, want: func(c *Config) {
			c.Listen, c.ServiceUser, c.ServicePassword = "0.0.0.0:1", "from-file", "from-file"
			c.RequireTLS, c.MaxSessions, c.Drain = true, 7, 90*time.Second
			c.BackendTLS, c.BackendCA = TLSVerifyCA, "ca.pem"
		}},
		{name: "flags over the file", file: file, args: []string{
			"--listen=:0", "--service-user=f", "--service-password=f", "--require-tls=false", "--max-sessions=0", "--drain=0", "--backend-tls=required", "--backend-ca=",
		}, want: func(c *Config) {
			c.Listen, c.ServiceUser, c.ServicePassword, c.Drain, c.BackendTLS = ":0", "f", "f", 0, TLSRequired
		}},
		{name: "a flag that says the default", file: "admin: \"\"", args: []string{"--admin=127.0.0.1:4480"}, want: func(*Config) {}},
		{name: "environment over the file", file: "service-user: u\nservice-password: p\n", env: env, want: func(c *Config) {
			c.ServiceUser, c.ServicePassword = "u", "from-env"
		}},
		{name: "flag over the environment", env: env, args: []string{"--service-user=u", "--service-password=p"}, want: func(c *Config) {
			c.ServiceUser, c.ServicePassword = "u", "p"
		}},
		{name: "environment without a user", env: env, want: func(c *Config) { c.ServicePassword = "from-env" }},
		{name: "empty file", file: "# nothing\n", want: func(*Config) {}},
		{name: "no admin", file: `admin: ""`, want: func(c *Config) { c.Admin = "" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := Default()
			c.want(&want)
			got, err := load(t, c.file, c.env, c.args...)
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("got\n%+v\nwant\n%+v", got, want)
			}
		})
	}
}

func TestWrongUsage(t *testing.T) {
	for _, c := range []struct {
		name, file string
		args       []string
		want       string
	}{
		{"unknown key", "listn: x\n", nil, `c.yaml:1:1: unknown key "listn", did you mean "listen"?`},
		{"underscores", "tls_cert: x\n", nil, `c.yaml:1:1: unknown key "tls_cert", did you mean "tls-cert"?`},
		{"config within", "config: x\n", nil, `c.yaml:1:1: key "config" cannot stand in the file that it names`},
		{"duplicate key", "drain: 1s\ndrain: 2s\n", nil, `c.yaml:2:1: duplicate key "drain", first given at line 1`},
		{"a list", "- drain\n", nil, "c.yaml:1:1: wants a mapping of settings to values, has a list"},
		{"no YAML", "drain: [\n", nil, "c.yaml:1:8: not YAML: sequence end token ']' not found"},
		{"types", "listen: 4406\nrequire-tls: yes\nmax-sessions: many\ndrain: 30\nplan-cache: 1.5\nlog-level:\n", nil,
			"c.yaml:1:9: \"listen\" wants a text, has the number 4406; put it in quotes\n" +
				"c.yaml:2:14: \"require-tls\" wants true or false, has \"yes\"\n" +
				"c.yaml:3:15: \"max-sessions\" wants a whole number, has \"many\"\n" +
				"c.yaml:4:8: \"drain\" wants a duration with a unit, such as 30s, has the number 30\n" +
				"c.yaml:5:13: \"plan-cache\" wants a whole number, has the number 1.5\n" +
				"c.yaml:6:1: \"log-level\" wants a text, has nothing"},
		{"a type that is overridden", "max-sessions: many\n", []string{"--max-sessions=1"}, `c.yaml:1:15: "max-sessions" wants a whole number, has "many"`},
		{"too large", "max-sessions: 99999999999999999999\n", nil, `c.yaml:1:15: "max-sessions" wants a whole number that fits into 64 bits, has the number 99999999999999999999`},
		{"secret of the wrong type", "service-user: u\nservice-password: 12345\n", nil, `c.yaml:2:19: "service-password" wants a text, has a number; put it in quotes`},
		{"values of the file", "listen: here\nlog-level: warning\n", nil,
			"c.yaml:1:9: \"listen\" wants host:port, such as 127.0.0.1:3306, has \"here\"\n" +
				"c.yaml:2:12: \"log-level\" wants debug, info, warn or error, has \"warning\""},
		{"values of flags", "", []string{"--listen=x:99999", "--backend=:3306", "--admin=a b:1", "--policy="},
			"--admin: wants a host name or address before the port, has \"a b:1\"\n" +
				"--backend: wants a host before the port, has \":3306\"\n" +
				"--listen: wants a port from 0 to 65535, has \"x:99999\"\n" +
				"--policy: wants the path of the policy file, is empty"},
		{"port 0 of the backend", "", []string{"--backend=db:0"}, `--backend: wants a port from 1 to 65535, has "db:0"`},
		{"named port", "", []string{"--backend=db:mysql"}, `--backend: wants a port from 1 to 65535, has "db:mysql"`},
		{"certificate without key", "", []string{"--tls-cert=c"}, "--tls-cert: wants --tls-key beside it: a certificate and its key come together"},
		{"key without certificate", "tls-key: k\n", nil, `c.yaml:1:10: "tls-key" wants --tls-cert beside it: a certificate and its key come together`},
		{"unknown TLS mode", "", []string{"--backend-tls=verify_ca"}, `--backend-tls: wants disabled, preferred, required, verify-ca or verify-identity, has "verify_ca", did you mean "verify-ca"?`},
		{"authorities for nothing", "", []string{"--backend-ca=ca.pem"}, "--backend-ca: has no effect with --backend-tls preferred; it wants verify-ca or verify-identity"},
		{"password without user", "", []string{"--service-password=hunter2"}, "--service-password: stands without --service-user, whose password it is"},
		{"numbers", "", []string{"--max-sessions=-1", "--plan-cache=0", "--drain=-1s", "--schema-refresh=0"},
			"--drain: wants a duration of at least 0, has -1s\n" +
				"--max-sessions: wants a number of at least 0, has -1\n" +
				"--plan-cache: wants a number of at least 1, has 0\n" +
				"--schema-refresh: wants a duration greater than 0, has 0s"},
		{"log format", "", []string{"--log-format=xml"}, `--log-format: wants text or json, has "xml"`},
		{"contexts in a database by name", "", []string{"--contexts=redis://:hunter2@host:6379/shop"},
			"--contexts: wants the number of a database behind the host, such as redis://host:6379/1"},
		{"contexts with an unknown option", "contexts: rediss://ann:hunter2@host?skip=1\n", nil,
			`c.yaml:1:11: "contexts" has an unknown option behind ?; there are prefix, ca and timeout`},
		{"contexts with authorities for nothing", "", []string{"--contexts=redis://:hunter2@host?ca=ca.pem"},
			"--contexts: has the option ca without TLS; it wants rediss://"},
		{"contexts with a lone password", "", []string{"--contexts=redis://hunter2@host"},
			"--contexts: wants user:password@, or :password@, before the host; a user alone may be a password"},
		{"contexts at a wrong port", "", []string{"--contexts=redis://:hunter2@host:99999"}, "--contexts: wants a port from 1 to 65535"},
		{"contexts under braces", "", []string{"--contexts=redis://host?prefix={a}"}, "--contexts: wants a prefix of at most 100 bytes without { and }"},
		{"contexts in no time", "", []string{"--contexts=redis://host?timeout=1ms"}, "--contexts: wants a timeout from 10ms to 10s"},
		{"contexts at a URL that is none", "", []string{"--contexts=redis://:hunter2@ho st"}, "--contexts: wants memory or a URL such as redis://host:6379"},
		{"contexts nowhere", "", []string{"--contexts=file:///x"}, "--contexts: wants memory or a URL such as redis://host:6379"},
		{"negative times", "idle-transaction-end: -5m\n", []string{"--idle-transaction-warn=-10s"},
			"--idle-transaction-warn: wants a duration of at least 0, has -10s\n" +
				"c.yaml:1:23: \"idle-transaction-end\" wants a duration of at least 0, has -5m0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, c.file, nil, c.args...)
			var usage *UsageError
			if !errors.As(err, &usage) {
				t.Fatalf("got %v, want a UsageError", err)
			}
			var lines []string
			for _, f := range usage.Faults {
				f.Pos.File = filepath.Base(f.Pos.File)
				lines = append(lines, f.Error())
			}
			got := strings.Join(lines, "\n")
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "12345") {
				t.Errorf("shows a secret: %v", err)
			}
		})
	}
}

func TestLoadMissingFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "none.yaml")
	_, err := load(t, "", nil, "--config", file)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v, want one that names %s", err, file)
	}
}

// A command may have some of the flags only; the file may say all settings.
func TestSomeFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("backend: db:1\nlisten: :2\npolicy: p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Default()
	all := pflag.NewFlagSet("all", pflag.ContinueOnError)
	c.Flags(all)
	some := pflag.NewFlagSet("check", pflag.ContinueOnError)
	for _, name := range []string{"config", "backend", "policy"} {
		some.AddFlag(all.Lookup(name))
	}
	if err := some.Parse([]string{"--config", file, "--policy", "q"}); err != nil {
		t.Fatal(err)
	}
	if err := Load(some, &c, func(string) string { return "" }); err != nil {
		t.Fatal(err)
	}
	if c.Backend != "db:1" || c.Listen != ":2" || c.Policy != "q" {
		t.Errorf("backend %s, listen %s, policy %s; want db:1, :2, q", c.Backend, c.Listen, c.Policy)
	}
}

func TestDefaultIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	if err := (Config{}).Validate(); err == nil {
		t.Error("the zero Config is valid")
	}
}
