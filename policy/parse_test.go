package policy

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func parse(t *testing.T, src string) *Policy {
	t.Helper()
	p, err := Parse("p.yaml", []byte(src))
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	return p
}

func at(line, column int) Position { return Position{File: "p.yaml", Line: line, Column: column} }

// one is the only table of a policy.
func one(t *testing.T, src string) *Table {
	t.Helper()
	p := parse(t, src)
	if len(p.Tables) != 1 {
		t.Fatalf("%d tables, want 1", len(p.Tables))
	}
	return p.Tables[0]
}

func TestDefaults(t *testing.T) {
	for _, src := range []string{"", "# nothing\n", "tables: {}", "defaults:\ntables:\n"} {
		p := parse(t, src)
		// The contract's defaults, in its words.
		want := Settings{
			Mode: ModeEnforce, Scope: ScopeSession, Unread: UnreadAllow, Relative: RelativePass, OnConflict: OnConflictDoom,
			Partial: PartialConflict, Missing: MissingPass, OwnVersion: OwnVersionConflict, Upsert: UpsertCheck, Noop: NoopBump,
			Disclose: true, ReadTTL: 30 * time.Minute, Capture: CaptureHidden, MaxReads: 10000,
		}
		if p.Defaults != want {
			t.Errorf("%q: defaults %+v, want %+v", src, p.Defaults, want)
		}
		if p.Errors != DefaultErrors() || len(p.Tables) != 0 || len(p.Accounts) != 0 || len(p.Routines) != 0 {
			t.Errorf("%q gives %+v, want nothing but defaults", src, p)
		}
	}
}

// A table has the defaults with its own keys over them, wherever in the file
// the defaults stand.
func TestTableGoesOverDefaults(t *testing.T) {
	p := parse(t, `
tables:
  shop.a: {version: v, unread: allow, disclose: false, read_ttl: 1h30m}
  shop.b: {version: v}
errors: {version: {code: 1213}, doomed: {state: "25000"}}
accounts: {backup: off, "007": observe}
routines: {allow: [shop.close_day, "`+"`a.b`.`c``d`"+`"]}
defaults: {unread: refuse, mode: observe, max_reads: 5}
`)
	b := DefaultSettings()
	b.Unread, b.Mode, b.MaxReads = UnreadRefuse, ModeObserve, 5
	a := b
	a.Unread, a.Disclose, a.ReadTTL = UnreadAllow, false, 90*time.Minute
	if p.Defaults != b || p.Tables[1].Settings != b {
		t.Errorf("defaults %+v, shop.b %+v, want %+v", p.Defaults, p.Tables[1].Settings, b)
	}
	if p.Tables[0].Settings != a {
		t.Errorf("shop.a %+v, want %+v", p.Tables[0].Settings, a)
	}
	e := DefaultErrors()
	e.Version.Code, e.Doomed.State = 1213, "25000"
	if p.Errors != e || p.Tables[0].Errors != e {
		t.Errorf("errors %+v, of shop.a %+v, want %+v", p.Errors, p.Tables[0].Errors, e)
	}
	if want := map[string]Mode{"backup": ModeOff, "007": ModeObserve}; !reflect.DeepEqual(p.Accounts, want) {
		t.Errorf("accounts %v, want %v", p.Accounts, want)
	}
	if want := []Name{{"shop", "close_day"}, {"a.b", "c`d"}}; !reflect.DeepEqual(p.Routines, want) {
		t.Errorf("routines %v, want %v", p.Routines, want)
	}
}

func TestVersion(t *testing.T) {
	for _, c := range []struct {
		src  string
		want Version
	}{
		{"version", Version{Column: "version"}},
		{"{column: version}", Version{Column: "version"}},
		{"{column: seq_no, term: primary_term}", Version{Column: "seq_no", Term: "primary_term"}},
		{"{column: v, term: t, bump: increment}", Version{Column: "v", Term: "t", Bump: BumpIncrement}},
		{"{column: v, external: gt}", Version{Column: "v", External: ExternalGT}},
		{"{column: v, external: ge}", Version{Column: "v", External: ExternalGE}},
		{"{column: v, bump: now}", Version{Column: "v", Bump: BumpNow}},
		{"{column: v, bump: uuid}", Version{Column: "v", Bump: BumpUUID}},
		{"{column: v, bump: none}", Version{Column: "v", Bump: BumpNone}},
		{"{digest: all}", Version{Digest: Digest{All: true}}},
		{"{digest: [a, b]}", Version{Digest: Digest{Columns: []string{"a", "b"}}}},
		{"{digest: [all]}", Version{Digest: Digest{Columns: []string{"all"}}}},
	} {
		v := one(t, "tables: {shop.t: {version: "+c.src+"}}").Version
		c.want.Pos = at(1, 28)
		if !reflect.DeepEqual(*v, c.want) {
			t.Errorf("%s is %+v, want %+v", c.src, *v, c.want)
		}
		if got, want := v.Digest.Given(), v.Column == ""; got != want {
			t.Errorf("%s: digest given: %v, want %v", c.src, got, want)
		}
	}
}

func TestConditions(t *testing.T) {
	x, n, i := Value{String, "x"}, Value{Kind: Null}, Value{Integer, "1"}
	for _, c := range []struct {
		src  string
		want Condition
	}{
		{"x", Condition{Values: []Value{x}}},
		{"''", Condition{Values: []Value{{String, ""}}}},
		{"1", Condition{Values: []Value{i}}},
		{"'1'", Condition{Values: []Value{{String, "1"}}}},
		{"-0x10", Condition{Values: []Value{{Integer, "-16"}}}},
		{"1.50", Condition{Values: []Value{{Decimal, "1.50"}}}},
		{"true", Condition{Values: []Value{{Bool, "true"}}}},
		{"null", Condition{Values: []Value{n}}},
		{"[x, null]", Condition{Values: []Value{x, n}, List: true}},
		{"[]", Condition{List: true}},
		{"{not: x}", Condition{Values: []Value{x}, Not: true}},
		{"{not: null}", Condition{Values: []Value{n}, Not: true}},
		{"{not: [x, 1]}", Condition{Values: []Value{x, i}, Not: true, List: true}},
		{"{not: []}", Condition{Not: true, List: true}},
		{"{nulls: sql, not: x}", Condition{Values: []Value{x}, Not: true, NullsSQL: true}},
	} {
		got := one(t, "tables: {shop.t: {require: {c: "+c.src+"}}}").Require[0]
		c.want.Pos, c.want.Column = at(1, 32), "c"
		if len(got.Values) == 0 {
			got.Values = nil
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s is %+v, want %+v", c.src, got, c.want)
		}
		if want := strings.Contains(c.src, "null") && !strings.Contains(c.src, "nulls"); got.HasNull() != want {
			t.Errorf("%s has null: %v, want %v", c.src, got.HasNull(), want)
		}
	}
}

func TestContractSample(t *testing.T) {
	src, err := os.ReadFile("testdata/valid/contract.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := parse(t, string(src))
	var names []string
	for _, table := range p.Tables {
		names = append(names, table.Name.String())
	}
	if got, want := strings.Join(names, " "), "shop.products shop.accounts search.docs feed.items blobs.files cinder.volumes"; got != want {
		t.Errorf("tables %s, want %s", got, want)
	}
	if got := p.Tables[0]; !reflect.DeepEqual(got.Key, []string{"id"}) || !reflect.DeepEqual(got.Ignore, []string{"last_seen"}) {
		t.Errorf("shop.products has key %v, ignore %v", got.Key, got.Ignore)
	}
	text := func(words ...string) (values []Value) {
		for _, w := range words {
			values = append(values, Value{String, w})
		}
		return values
	}
	want := &Status{
		Pos: at(44, 7), Column: "status", Initial: text("creating", "available"), HasInitial: true, Otherwise: OtherwiseRefuse,
		Transitions: []Transition{{
			Pos: at(48, 11), To: text("deleting"),
			From: &Condition{Pos: at(49, 17), Column: "status", Values: text("available", "error", "error_restoring", "error_extending"), List: true},
			Require: []Condition{
				{Pos: at(51, 28), Column: "attach_status", Values: text("attached"), Not: true},
				{Pos: at(52, 31), Column: "migration_status", Values: []Value{{Kind: Null}}},
				{Pos: at(53, 34), Column: "consistencygroup_id", Values: []Value{{Kind: Null}}},
			},
			Unless: []Filter{{at(54, 19), "EXISTS (SELECT 1 FROM snapshots s WHERE s.volume_id = volumes.id)"}},
			Set:    []Assignment{{at(55, 34), "previous_status", "status"}, {at(55, 57), "terminated_at", "NOW()"}},
		}},
		Delete: &Transition{Pos: at(56, 15), From: &Condition{Pos: at(56, 22), Column: "status", Values: text("deleted", "error"), List: true}},
	}
	volumes := p.Tables[5]
	if !reflect.DeepEqual(volumes.Status, want) {
		t.Errorf("status is\n%+v\nwant\n%+v", volumes.Status, want)
	}
	if got, want := *volumes.Pending, (Pending{at(57, 14), Value{String, "PENDING"}, OnAbandonRestore, time.Minute}); got != want {
		t.Errorf("pending is %+v, want %+v", got, want)
	}
}

func TestPositions(t *testing.T) {
	table := one(t, `
tables:
  shop.t:
    key:
      - a
      - b
    version: {column: seq, term: trm}
    ignore: [c, d]
    unread: refuse
`)
	for _, c := range []struct {
		key          string
		line, column int
	}{
		{"key", 5, 7}, {"key[0]", 5, 9}, {"key[1]", 6, 9}, {"key[7]", 5, 7},
		{"version", 7, 14}, {"version.column", 7, 23}, {"version.term", 7, 34}, {"version.bump", 7, 14}, {"version.digest[3]", 7, 14},
		{"ignore[1]", 8, 17},
		{"unread", 9, 13},
		{"mode", 3, 3}, {"", 3, 3}, {"[", 3, 3}, {".", 3, 3},
	} {
		if got, want := table.PosOf(c.key), at(c.line, c.column); got != want {
			t.Errorf("position of %q is %v, want %v", c.key, got, want)
		}
	}
	short := one(t, "tables: {shop.t: {version: v}}")
	if got, want := short.PosOf("version.column"), at(1, 28); got != want {
		t.Errorf("position of the short form's column is %v, want %v", got, want)
	}
}

func TestNameString(t *testing.T) {
	for _, c := range []struct {
		name Name
		want string
	}{
		{Name{"shop", "products"}, "shop.products"},
		{Name{"shop", "a.b"}, "shop.`a.b`"},
		{Name{"s`p", "größe"}, "`s``p`.größe"},
	} {
		if got := c.name.String(); got != c.want {
			t.Errorf("%#v is %s, want %s", c.name, got, c.want)
		}
		// What is written can be read.
		if got := (&reader{}).name(c.want, Position{}, "table"); got != c.name {
			t.Errorf("%s is read as %#v, want %#v", c.want, got, c.name)
		}
	}
}

func TestLoadMissingFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	_, err := Load(file)
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v, want one that names %s", err, file)
	}
}

func TestParseErrorIsFaults(t *testing.T) {
	_, err := Parse("p.yaml", []byte("tabels: {}"))
	var faults Faults
	var first Fault
	if !errors.As(err, &faults) || !errors.As(err, &first) {
		t.Fatalf("%T is no Faults", err)
	}
	if want := (Fault{Pos: at(1, 1), Text: `unknown key "tabels", did you mean "tables"?`}); first != want {
		t.Errorf("got %+v, want %+v", first, want)
	}
}

// Whatever comes in, Parse ends without a panic and gives either a policy or
// faults in order, and a policy keeps what its types promise.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/valid/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatal("no seeds: ", pattern)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := Parse("p.yaml", src)
		if err != nil {
			faults, ok := err.(Faults)
			if !ok || len(faults) == 0 || p != nil {
				t.Fatalf("%T with %d faults, policy %v", err, len(faults), p)
			}
			last := Position{}
			for _, f := range faults {
				if f.Text == "" || f.Pos.File != "p.yaml" {
					t.Errorf("fault without text or file: %+v", f)
				}
				if f.Pos.Line < last.Line || (f.Pos.Line == last.Line && f.Pos.Column < last.Column) {
					t.Errorf("%v comes after %v", f.Pos, last)
				}
				last = f.Pos
			}
			return
		}
		for _, table := range p.Tables {
			checkTable(t, table)
		}
	})
}

func checkTable(t *testing.T, table *Table) {
	_ = table.Mode.String() + table.Scope.String() + table.OnConflict.String() + table.Upsert.String() + table.Capture.String()
	if table.Name.Schema == "" || table.Name.Table == "" || table.Pos.Line == 0 || table.ReadTTL <= 0 || table.MaxReads < 1 {
		t.Errorf("%+v breaks its promises", table)
	}
	if v := table.Version; v != nil && (v.Column == "") != v.Digest.Given() {
		t.Errorf("version %+v is neither column nor digest, or both", v)
	}
	if s := table.Status; s != nil {
		if s.Column == "" {
			t.Error("status without column")
		}
		for _, transition := range s.Transitions {
			if len(transition.To) == 0 || (transition.From != nil && transition.From.Column != s.Column) {
				t.Errorf("transition %+v breaks its promises", transition)
			}
		}
	}
	if table.Pending != nil && (table.Version == nil || table.Status == nil || table.Pending.Lease <= 0) {
		t.Errorf("pending %+v breaks its promises", table.Pending)
	}
}
