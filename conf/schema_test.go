package conf_test

import (
	"testing"

	"ifmatch/policy"
)

// The schema and the parser agree, so that an editor shows no error that is
// none, and misses only what a schema cannot say.
func TestSchemaAgreesWithParse(t *testing.T) {
	const (
		right  = iota // both take it
		wrong         // both refuse it
		beyond        // the parser refuses it for what a schema cannot say
	)
	// Each case of wrong and beyond has one fault.
	table := func(s string) string { return "tables: {shop.t: " + s + "}" }
	with := func(s string) string { return table("{version: v, " + s + "}") }
	status := func(s string) string { return table("{status: {column: s, " + s + "}}") }
	to := func(s string) string { return status("transitions: [{to: x, " + s + "}]") }
	cases := []struct {
		name, src string
		want      int
	}{
		{"nothing", "", right},
		{"comments", "# later\n", right},
		{"no tables", "tables: {}", right},
		{"headings alone", "defaults:\naccounts:\nerrors:\nroutines:\ntables:\n", right},
		{"a list", "- tables", wrong},
		{"a text", "tables", wrong},
		{"unknown section", "tabels: {}", wrong},

		{"every default", "defaults: {mode: enforce, scope: session, unread: allow, relative: pass, on_conflict: doom, partial: conflict, missing: pass, own_version: conflict, upsert: check, noop: bump, disclose: true, read_ttl: 30m, capture: hidden, max_reads: 10000}", right},
		{"every other word", "defaults: {mode: observe, scope: context, unread: refuse, relative: guard, on_conflict: statement, partial: proceed, missing: conflict, own_version: pass, upsert: allow, noop: skip, disclose: false, capture: visible}", right},
		{"third words", "defaults: {mode: off, scope: transaction, on_conflict: rollback, upsert: refuse, capture: off}", right},
		{"a default under a table", with("unread: refuse"), right},
		{"a table's key under defaults", "defaults: {version: v}", wrong},
		{"unknown default", "defaults: {skope: session}", wrong},
		{"unknown word", "defaults: {mode: on}", wrong},
		{"a bool for a word", "defaults: {mode: true}", wrong},
		{"a word for a bool", "defaults: {disclose: yes}", wrong},
		{"compound duration", "defaults: {read_ttl: 1h30m}", right},
		{"fraction in a duration", "defaults: {read_ttl: 1.5h}", right},
		{"duration without unit", "defaults: {read_ttl: 30}", wrong},
		{"duration of days", "defaults: {read_ttl: 1d}", wrong},
		{"negative duration", "defaults: {read_ttl: -1m}", wrong},
		{"duration of nothing", "defaults: {read_ttl: 0.0h0s}", wrong},
		{"duration of ages", "defaults: {read_ttl: 99999999h}", beyond},
		{"no reads", "defaults: {max_reads: 0}", wrong},
		{"too many reads", "defaults: {max_reads: 10000001}", wrong},
		{"reads as text", `defaults: {max_reads: "5"}`, wrong},
		{"half a read", "defaults: {max_reads: 1.5}", wrong},
		{"duplicate key", "defaults: {mode: off, mode: off}", beyond},

		{"errors", `errors: {version: {code: 1213, state: "40001"}, doomed: {code: 1}}`, right},
		{"unknown error", "errors: {conflict: {code: 1}}", wrong},
		{"error as number", "errors: {version: 1020}", wrong},
		{"error 0", "errors: {version: {code: 0}}", wrong},
		{"error 65536", "errors: {version: {code: 65536}}", wrong},
		{"state as number", "errors: {version: {state: 45000}}", wrong},
		{"state in lower case", "errors: {version: {state: hy000}}", wrong},
		{"state of six", "errors: {version: {state: HY0000}}", wrong},
		{"state of success", `errors: {version: {state: "00000"}}`, wrong},

		{"accounts", "accounts: {backup: off, batch: observe, 7: enforce}", right},
		{"account as list", "accounts: [backup]", wrong},
		{"account with unknown mode", "accounts: {backup: of}", wrong},
		{"account without name", `accounts: {"": off}`, wrong},

		{"routines", "routines: {allow: [shop.close_day, \"`a.b`.c\"]}", right},
		{"no routines", "routines: {allow: []}", right},
		{"routine without database", "routines: {allow: [close_day]}", wrong},
		{"routine twice", "routines: {allow: [shop.a, shop.a]}", wrong},
		{"routines denied", "routines: {deny: [shop.a]}", wrong},
		{"routines as text", "routines: {allow: shop.a}", wrong},

		{"table without database", "tables: {t: {version: v}}", wrong},
		{"table with three parts", "tables: {a.b.c: {version: v}}", wrong},
		{"table with dots in backticks", "tables: {\"`a.b`.`c``.d`\": {version: v}}", right},
		{"table with a lone backtick", "tables: {\"a.`b\": {version: v}}", wrong},
		{"table with an empty part", "tables: {a.: {version: v}}", wrong},
		{"table with a space around the dot", "tables: {a. b: {version: v}}", wrong},
		{"table with nothing", "tables: {a.b: }", wrong},
		{"table without a guard", table("{key: [id]}"), wrong},
		{"table that is off", table("{mode: off}"), right},
		{"table as a list", table("[v]"), wrong},
		{"unknown table key", with("kye: [id]"), wrong},
		{"table twice, once in backticks", "tables: {a.b: {version: v}, \"`a`.`b`\": {version: v}}", beyond},

		{"key", with("key: [a, b]"), right},
		{"key as text", with("key: id"), wrong},
		{"empty key", with("key: []"), wrong},
		{"number in key", with("key: [1]"), wrong},
		{"empty name in key", with("key: [\"\"]"), wrong},
		{"column twice in key", with("key: [a, a]"), wrong},
		{"column twice in key, by case", with("key: [a, A]"), beyond},
		{"key column ignored", with("key: [a], ignore: [A]"), beyond},
		{"version column ignored", with("ignore: [V]"), beyond},
		{"version column in key", with("key: [v]"), beyond},
		{"ignore", with("ignore: [last_seen]"), right},
		{"ignore nothing", with("ignore: []"), wrong},
		{"name too long", with("ignore: [a2345678901234567890123456789012345678901234567890123456789012345]"), wrong},
		{"name with a control character", with(`ignore: ["a\tb"]`), wrong},
		{"name that ends with a space", with(`ignore: ["a "]`), wrong},
		{"name in another script", with(`ignore: [größe, 数量]`), right},

		{"version as mapping", table("{version: {column: v}}"), right},
		{"version as number", table("{version: 1}"), wrong},
		{"version as list", table("{version: [v]}"), wrong},
		{"empty version", table("{version: {}}"), wrong},
		{"term", table("{version: {column: v, term: t}}"), right},
		{"term alone", table("{version: {term: t}}"), wrong},
		{"term is the column", table("{version: {column: v, term: V}}"), beyond},
		{"external", table("{version: {column: v, external: ge}}"), right},
		{"external with bump", table("{version: {column: v, external: gt, bump: none}}"), wrong},
		{"external with term", table("{version: {column: v, external: gt, term: t}}"), wrong},
		{"unknown external", table("{version: {column: v, external: eq}}"), wrong},
		{"empty external", table(`{version: {column: v, external: ""}}`), wrong},
		{"bump", table("{version: {column: v, bump: uuid}}"), right},
		{"bump with term", table("{version: {column: v, bump: increment, term: t}}"), right},
		{"unknown bump", table("{version: {column: v, bump: plus}}"), wrong},
		{"digest of all", table("{version: {digest: all}}"), right},
		{"digest of some", table("{version: {digest: [a, b]}}"), right},
		{"digest of none", table("{version: {digest: []}}"), wrong},
		{"digest of one, as text", table("{version: {digest: a}}"), wrong},
		{"digest with column", table("{version: {digest: all, column: v}}"), wrong},
		{"digest with bump", table("{version: {digest: all, bump: now}}"), wrong},
		{"digest with an ignored column", table("{version: {digest: [a]}, ignore: [a]}"), beyond},

		{"require alone", table("{require: {deleted: 0}}"), right},
		{"every condition", table("{require: {a: 1, b: null, c: [1, x, null], d: [], e: {not: x}, f: {not: []}, g: {not: null}, h: {not: [a, null]}, i: {not: a, nulls: sql}, j: true, k: 1.50}}"), right},
		{"no condition", table("{require: {}}"), wrong},
		{"condition with nothing", table("{require: {a: }}"), beyond},
		{"condition as mapping", table("{require: {a: {is: x}}}"), wrong},
		{"nulls alone", table("{require: {a: {nulls: sql}}}"), wrong},
		{"unknown nulls", table("{require: {a: {not: x, nulls: python}}}"), wrong},
		{"not within not", table("{require: {a: {not: {not: x}}}}"), wrong},
		{"list within list", table("{require: {a: [[x]]}}"), wrong},
		{"value twice", table("{require: {a: [x, x]}}"), wrong},
		{"number with leading zero", table("{require: {a: 010}}"), beyond},
		{"number with exponent", table("{require: {a: 1.0e3}}"), beyond},

		{"status", status("initial: [a, null], otherwise: allow"), right},
		{"status without column", table("{status: {otherwise: allow}}"), wrong},
		{"status as text", table("{status: s}"), wrong},
		{"status column is ignored", table("{status: {column: s}, ignore: [s]}"), beyond},
		{"status column is the version", table("{status: {column: s}, version: S}"), beyond},
		{"initial as text", status("initial: a"), wrong},
		{"unknown otherwise", status("otherwise: maybe"), wrong},
		{"no transitions", status("transitions: []"), right},
		{"transitions as mapping", status("transitions: {to: x}"), wrong},
		{"several targets", status("transitions: [{to: [a, b], from: c}]"), right},
		{"no target", status("transitions: [{from: c}]"), wrong},
		{"empty target", status("transitions: [{to: []}]"), wrong},
		{"from", to("from: {not: x}"), right},
		{"when and unless", to("when: a = 1, unless: [b = 2, EXISTS (SELECT 1)]"), right},
		{"empty when", to(`when: ""`), wrong},
		{"blank unless", to(`unless: ["  "]`), wrong},
		{"no unless", to(`unless: []`), wrong},
		{"when as number", to("when: 1"), wrong},
		{"set", to("set: {a: b + 1, c: 1, d: null, e: true}"), right},
		{"empty set", to("set: {}"), wrong},
		{"set to empty", to(`set: {a: ""}`), wrong},
		{"set to a list", to("set: {a: [b]}"), wrong},
		{"set of the status column", to("set: {S: 1}"), beyond},
		{"set as text", to("set: a = 1"), wrong},
		{"unknown transition key", to("form: x"), wrong},
		{"delete", status("delete: {from: [a]}"), right},
		{"delete with target", status("delete: {to: a}"), wrong},
		{"delete with set", status("delete: {set: {a: 1}}"), wrong},

		{"pending", with("status: {column: s}, pending: {value: P, on_abandon: keep, lease: 90s}"), right},
		{"pending without version", table("{status: {column: s}, pending: {value: P}}"), wrong},
		{"pending without status", with("pending: {value: P}"), wrong},
		{"pending without value", with("status: {column: s}, pending: {lease: 1m}"), wrong},
		{"pending null", with("status: {column: s}, pending: {value: null}"), wrong},
		{"pending list", with("status: {column: s}, pending: {value: [a]}"), wrong},
		{"no lease", with("status: {column: s}, pending: {value: P, lease: 0s}"), wrong},

		{"number", table("{number: {column: id, counter: /orders}}"), right},
		{"number without counter", table("{number: {column: id}}"), wrong},
		{"number without column", table("{number: {counter: /orders}}"), wrong},
		{"number with an empty counter", table(`{number: {column: id, counter: ""}}`), wrong},

		{"merged", "tables: {a.b: &t {version: v, key: [id]}, a.c: {<<: *t, version: w}}", right},
		{"set of the version column", with("status: {column: s, transitions: [{to: x, set: {v: 1}}]}"), beyond},
	}
	s := schema(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := policy.Parse("p.yaml", []byte(c.src))
			if got, want := err == nil, c.want == right; got != want {
				t.Errorf("Parse takes it: %v, want %v\n%s\n%v", got, want, c.src, err)
			}
			if faults, ok := err.(policy.Faults); ok && len(faults) != 1 {
				t.Errorf("%d faults, want one\n%s\n%v", len(faults), c.src, err)
			}
			doc, readable := document(c.src)
			if !readable {
				if c.want != beyond {
					t.Errorf("not YAML:\n%s", c.src)
				}
				return
			}
			err = s.Validate(doc)
			if got, want := err == nil, c.want != wrong; got != want {
				t.Errorf("the schema takes it: %v, want %v\n%s\n%v", got, want, c.src, err)
			}
		})
	}
}
