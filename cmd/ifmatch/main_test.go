package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCommands(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good.yaml", "tables:\n  shop.products: {key: [id], version: version}\n")
	keyless := write("keyless.yaml", "tables:\n  shop.products: {version: version}\n")
	wrong := write("wrong.yaml", "tables:\n  shop.products: {verison: version, key: 5}\n")
	broken := write("broken.yaml", `tables:
  shop.products:
    key: [id]
    status:
      column: status
      transitions:
        - to: sold
          unless: size = = 1
          set: {sold_by: RAND()}
`)
	both := write("both.yaml", `defaults: {mode: enforc}
tables:
  shop.orders: {key: [id], version: version, scop: session}
  shop.products: {key: [id], status: {column: status, transitions: [{to: sold, unless: size = = 1}]}}
`)
	numbered := write("numbered.yaml", "tables:\n  shop.orders: {key: [id], number: {column: id, counter: /orders}}\n")
	circle := write("circle.yaml", `tables:
  shop.products:
    status: {column: status, transitions: [{to: sold, set: {a: b, b: a}}]}
`)
	const update = "UPDATE products SET price = 5 WHERE id = 100 AND version = 3"

	for _, c := range []struct {
		name string
		args []string
		in   string
		exit int
		out  []string // on standard output
		err  []string // on standard error
	}{
		{name: "explain a guarded update", args: []string{"explain", "--policy", good, update}, out: []string{
			"verdict:     guard", "strategy:    predicate", "table:       shop.products", "expectation: the statement's WHERE",
			"SET price = 5, products.`version` = products.`version` + 1 WHERE id = 100 AND version = 3"}},
		{name: "explain from standard input, as JSON", args: []string{"explain", "--policy", good, "--format", "json"}, in: update,
			out: []string{`"verdict": "guard"`, `"strategy": "predicate"`}},
		{name: "explain a prepared one", args: []string{"explain", "--policy", good, "UPDATE products SET price = ? WHERE id = ?"},
			out: []string{"prepared:    UPDATE products SET price = ?, ", " OR products.`version` <=> ?)"}},
		{name: "explain a refusal", args: []string{"explain", "--policy", good, "TRUNCATE products"},
			out: []string{"verdict:     refuse", "shop.products"}},
		{name: "explain several rows", args: []string{"explain", "--policy", good, "DELETE FROM products"},
			out: []string{"verdict:     guard", "strategy:    lock-and-check", "lock:        SELECT products.`id`"}},
		{name: "explain what passes", args: []string{"explain", "--policy", good, "SELECT 1; UPDATE other SET x = 1"},
			out: []string{"statement:   SELECT 1", "verdict:     pass", "statement:   UPDATE other SET x = 1"}},
		{name: "explain a hint", args: []string{"explain", "--policy", good, "UPDATE products SET price = 5 WHERE id = 100 /* ifmatch: version=3 */"},
			out: []string{"expectation: hint", "products.`version` = 3"}},
		{name: "explain nothing", args: []string{"explain", "--policy", good}, exit: exitUsage, err: []string{"explain wants a statement"}},
		{name: "explain without a key", args: []string{"explain", "--policy", keyless, update}, exit: exitUsage, err: []string{"keyless.yaml:2:3: ", "needs key:"}},
		{name: "explain what cannot be lexed", args: []string{"explain", "--policy", good, "SELECT 'x"}, exit: exitUsage, err: []string{"at byte 7"}},
		{name: "check a good policy", args: []string{"check", "--policy", good}, out: []string{"right, 1 guarded tables"}},
		{name: "check lists every fault", args: []string{"check", "--policy", wrong}, exit: exitUsage,
			err: []string{`wrong.yaml:2:19: `, `did you mean "version"?`, "wrong.yaml:2:42: "}},
		{name: "check lists faults of the SQL beside those of keys", args: []string{"check", "--policy", both}, exit: exitUsage,
			err: []string{`both.yaml:1:18: "mode" wants`, `both.yaml:3:46: unknown key "scop"`, "both.yaml:4:88: this SQL cannot be read"}},
		{name: "check SQL in a policy", args: []string{"check", "--policy", broken}, exit: exitUsage,
			err: []string{`broken.yaml:8:19: this SQL cannot be read at its character 8, near "= 1"`, "broken.yaml:9:26: RAND() is not taken"}},
		{name: "check columns that are made of one another", args: []string{"check", "--policy", circle}, exit: exitUsage,
			err: []string{`circle.yaml:3:`, `of "set" are made of one another`}},
		{name: "explain with broken SQL in the policy", args: []string{"explain", "--policy", broken, update}, exit: exitUsage, err: []string{"broken.yaml:8:19: "}},
		{name: "check numbering without an account", args: []string{"check", "--policy", numbered}, out: []string{"right, 1 guarded tables"}},
		{name: "explain numbering without an account", args: []string{"explain", "--policy", numbered, "INSERT INTO orders (a) VALUES (1)"}, exit: exitUsage,
			err: []string{"numbered.yaml:2:36: number: needs a service account"}},
		{name: "check no policy", args: []string{"check", "--policy", filepath.Join(dir, "none.yaml")}, exit: exitUsage, err: []string{"none.yaml"}},
		{name: "check a backend without an account", args: []string{"check", "--policy", good, "--backend", "127.0.0.1:1"}, exit: exitUsage, err: []string{"--service-user"}},
		{name: "stress without a DSN", args: []string{"stress"}, exit: exitUsage, err: []string{"stress wants a DSN"}},
		{name: "stress with a DSN that is none", args: []string{"stress", "ann:secret@db"}, exit: exitUsage, err: []string{"DSN: ", "user:password@tcp(host:port)/database"}},
		{name: "stress without a database", args: []string{"stress", "mysql://ann@db"}, exit: exitUsage, err: []string{"the DSN names no database"}},
		{name: "stress in a mode that is none", args: []string{"stress", "ann@tcp(db)/shop", "--mode", "form"}, exit: exitUsage, err: []string{`--mode is "form", there are forms, transactions and relative`}},
		{name: "stress on a table without a column", args: []string{"stress", "ann@tcp(db)/shop", "--table", "t"}, exit: exitUsage, err: []string{"--table needs --column"}},
		{name: "stress on a key without a table", args: []string{"stress", "ann@tcp(db)/shop", "--key", "id"}, exit: exitUsage, err: []string{"go with --table"}},
		{name: "no command", exit: exitUsage, err: []string{"a command is missing"}},
		{name: "an unknown command", args: []string{"sevre"}, exit: exitUsage, err: []string{`unknown command "sevre"`}},
		{name: "an unknown flag", args: []string{"serve", "--polcy", "x"}, exit: exitUsage, err: []string{"--polcy"}},
		{name: "an argument too many", args: []string{"serve", "now"}, exit: exitUsage, err: []string{`serve takes no argument, has "now"`}},
		{name: "version", args: []string{"version"}, out: []string{"ifmatch ", "commit ", "go1."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			if exit := run(t.Context(), c.args, strings.NewReader(c.in), &out, &errOut); exit != c.exit {
				t.Errorf("exit code %d, want %d", exit, c.exit)
			}
			for _, want := range c.out {
				if !strings.Contains(out.String(), want) {
					t.Errorf("standard output has no %q:\n%s", want, out.String())
				}
			}
			for _, want := range c.err {
				if !strings.Contains(errOut.String(), want) {
					t.Errorf("standard error has no %q:\n%s", want, errOut.String())
				}
			}
			if c.exit == exitDone && errOut.Len() > 0 {
				t.Errorf("standard error has %q", errOut.String())
			}
		})
	}
}
