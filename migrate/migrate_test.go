package migrate

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"ifmatch/ledger"
	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// The columns that tables of these tests have.
var (
	id      = schema.Column{Name: "id", DataType: "int", Class: schema.Integer}
	title   = schema.Column{Name: "title", DataType: "varchar", Class: schema.String, Length: 20}
	seen    = schema.Column{Name: "last_seen", DataType: "datetime", Class: schema.Temporal}
	touched = schema.Column{Name: "updated_at", DataType: "timestamp", Class: schema.Temporal, OnUpdateNow: true}
	doc     = schema.Column{Name: "doc", DataType: "json", Class: schema.JSON}
	twice   = schema.Column{Name: "twice", DataType: "int", Class: schema.Integer, Generated: true}
)

// integer is a version column that is there.
func integer(dataType string, with ...func(*schema.Column)) schema.Column {
	c := schema.Column{Name: "version", DataType: dataType, Class: schema.Integer, Unsigned: true}
	for _, w := range with {
		w(&c)
	}
	return c
}

func nullable(c *schema.Column)  { c.Nullable = true }
func signed(c *schema.Column)    { c.Unsigned = false }
func invisible(c *schema.Column) { c.Invisible = true }
func literal(text string) func(*schema.Column) {
	return func(c *schema.Column) { c.Default = &text }
}
func expression(text string) func(*schema.Column) {
	return func(c *schema.Column) { c.Default, c.DefaultIsExpression = &text, true }
}

// entryOf makes the entry shop.t of a policy's table in flow style, over a table
// with these columns, on a server of the flavor.
func entryOf(t *testing.T, flavor sqltext.Flavor, guard string, columns ...schema.Column) *entry {
	t.Helper()
	p, err := policy.Parse("p.yaml", []byte("tables:\n  shop.t: "+guard+"\n"))
	if err != nil {
		t.Fatalf("the policy is to be right in itself: %v", err)
	}
	version := 90700
	if flavor == sqltext.MariaDB {
		version = 101100
	}
	in := &schema.Table{Name: schema.Name{Schema: "shop", Name: "t"}, Engine: "InnoDB", Transactional: true, Key: []string{"id"}}
	for _, c := range columns {
		in.Columns = append(in.Columns, &c)
	}
	m := &maker{catalog: schema.Offline(flavor, version), backend: &Backend{}, plan: &Plan{}, names: map[string]schema.Name{}}
	return &entry{maker: m, Table: p.Tables[0], in: in}
}

// statements gives the steps as they would be sent.
func (p *Plan) statements() []string {
	var all []string
	for _, s := range p.Steps {
		all = append(all, s.Statement(s.Cost))
	}
	return all
}

const (
	mariadbTicks = "(CAST(CONV(REGEXP_REPLACE(UUID(), '^(.{8})-(.{4})-.(.{3}).*', CONCAT(CHAR(92), '3', CHAR(92), '2', CHAR(92), '1')), 16, 10) AS UNSIGNED) & 9007199254740991)"
	mysqlTicks   = "(CAST(CONV(LEFT(HEX(UUID_TO_BIN(UUID(), 1)), 16), 16, 10) AS UNSIGNED) & 9007199254740991)"

	alter = "ALTER TABLE `shop`.`t` "
)

func TestColumns(t *testing.T) {
	for _, c := range []struct {
		name    string
		flavor  sqltext.Flavor
		guard   string
		columns []schema.Column
		storage Storage
		want    []string
	}{
		{"integer on MariaDB", sqltext.MariaDB, "{version: version}", []schema.Column{id}, Storage{}, []string{
			alter + "ADD COLUMN `version` BIGINT UNSIGNED NOT NULL DEFAULT 1 INVISIBLE, ALGORITHM=INSTANT",
			alter + "ALTER COLUMN `version` SET DEFAULT " + mariadbTicks + ", ALGORITHM=INSTANT"}},
		{"integer on MySQL", sqltext.MySQL, "{version: {column: version, bump: increment}}", []schema.Column{id}, Storage{}, []string{
			alter + "ADD COLUMN `version` BIGINT UNSIGNED NOT NULL DEFAULT 1 INVISIBLE, ALGORITHM=INSTANT",
			alter + "ALTER COLUMN `version` SET DEFAULT " + mysqlTicks + ", ALGORITHM=INSTANT"}},
		{"a name that wants quotes", sqltext.MySQL, "{version: {column: 'v`1', external: ge}}", []schema.Column{id}, Storage{}, []string{
			alter + "ADD COLUMN `v``1` BIGINT NOT NULL DEFAULT 0 INVISIBLE, ALGORITHM=INSTANT"}},
		{"with a term", sqltext.MySQL, "{version: {column: seq_no, term: primary_term}}", []schema.Column{id}, Storage{}, []string{
			alter + "ADD COLUMN `seq_no` BIGINT UNSIGNED NOT NULL DEFAULT 1 INVISIBLE, ADD COLUMN `primary_term` BIGINT NOT NULL DEFAULT 1 INVISIBLE, ALGORITHM=INSTANT",
			alter + "ALTER COLUMN `seq_no` SET DEFAULT " + mysqlTicks + ", ALGORITHM=INSTANT"}},
		{"the term alone", sqltext.MySQL, "{version: {column: version, term: primary_term}}", []schema.Column{id, integer("bigint", expression(mysqlTicks))}, Storage{}, []string{
			alter + "ADD COLUMN `primary_term` BIGINT NOT NULL DEFAULT 1 INVISIBLE, ALGORITHM=INSTANT"}},
		{"uuid", sqltext.MariaDB, "{version: {column: etag, bump: uuid}}", []schema.Column{id}, Storage{}, []string{
			alter + "ADD COLUMN `etag` CHAR(36) CHARACTER SET ascii NOT NULL DEFAULT '' INVISIBLE, ALGORITHM=INSTANT",
			alter + "ALTER COLUMN `etag` SET DEFAULT (UUID()), ALGORITHM=INSTANT"}},
		{"now", sqltext.MariaDB, "{version: {column: at, bump: now}}", []schema.Column{id}, Storage{}, []string{
			alter + "ADD COLUMN `at` DATETIME(6) NOT NULL DEFAULT '2000-01-01 00:00:00' INVISIBLE, ALGORITHM=INSTANT",
			alter + "ALTER COLUMN `at` SET DEFAULT (CURRENT_TIMESTAMP(6)), ALGORITHM=INSTANT"}},

		{"half made", sqltext.MySQL, "{version: version}", []schema.Column{id, integer("bigint", invisible, literal("1"))}, Storage{}, []string{
			alter + "ALTER COLUMN `version` SET DEFAULT " + mysqlTicks + ", ALGORITHM=INSTANT"}},
		{"made", sqltext.MySQL, "{version: version}",
			[]schema.Column{id, integer("bigint", invisible, expression("(cast(conv(left(hex(uuid_to_bin(uuid(),1)),16),16,10) as unsigned) & 9007199254740991)"))}, Storage{}, nil},
		{"made, in another case", sqltext.MySQL, "{version: VERSION}", []schema.Column{id, integer("bigint", expression(mysqlTicks))}, Storage{}, nil},
		{"bump: none", sqltext.MySQL, "{version: {column: version, bump: none}}", []schema.Column{id, integer("bigint")}, Storage{}, nil},

		{"full text on MariaDB", sqltext.MariaDB, "{version: {column: v, external: gt}}", []schema.Column{id}, Storage{Fulltext: true}, []string{
			alter + "ADD COLUMN `v` BIGINT NOT NULL DEFAULT 0 INVISIBLE, ALGORITHM=INPLACE, LOCK=SHARED"}},
		{"full text on MySQL", sqltext.MySQL, "{version: {column: v, external: gt}}", []schema.Column{id}, Storage{Fulltext: true}, []string{
			alter + "ADD COLUMN `v` BIGINT NOT NULL DEFAULT 0 INVISIBLE, ALGORITHM=COPY, LOCK=SHARED"}},
		{"compressed", sqltext.MySQL, "{version: {column: v, external: gt}}", []schema.Column{id}, Storage{Compressed: true}, []string{
			alter + "ADD COLUMN `v` BIGINT NOT NULL DEFAULT 0 INVISIBLE, ALGORITHM=INPLACE, LOCK=NONE"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := entryOf(t, c.flavor, c.guard, c.columns...)
			e.storage = c.storage
			e.columns()
			if got := e.plan.statements(); !slices.Equal(got, c.want) {
				t.Errorf("statements\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			if len(e.faults) > 0 || len(e.plan.Warnings) > 0 {
				t.Errorf("faults %v, warnings %q", e.faults, e.plan.Warnings)
			}
			if e.in.Column(e.Version.Column) == nil {
				t.Error("the catalog has no version column afterwards")
			}
		})
	}
}

func TestColumnsThatAreThere(t *testing.T) {
	at := schema.Column{Name: "at", DataType: "datetime", Class: schema.Temporal}
	etag := schema.Column{Name: "etag", DataType: "char", Class: schema.String, Length: 36}
	raw := schema.Column{Name: "raw", DataType: "binary", Class: schema.Binary, Length: 16}
	with := func(c schema.Column, change func(*schema.Column)) schema.Column {
		change(&c)
		return c
	}
	for _, c := range []struct {
		name   string
		guard  string
		column schema.Column
		want   []string // in the warning; none for no warning
	}{
		{"constant default", "{version: version}", integer("bigint", literal("1")), []string{"may repeat", "16 digits", "ALTER COLUMN `version` SET DEFAULT " + mysqlTicks}},
		{"no default", "{version: version}", integer("bigint"), []string{"may repeat"}},
		{"narrow", "{version: version}", integer("int", literal("1")), []string{"may repeat", "MODIFY COLUMN `version` BIGINT UNSIGNED NOT NULL DEFAULT " + mysqlTicks}},
		{"UUID_SHORT counts as bumps do", "{version: version}", integer("bigint", expression("uuid_short()")), []string{"may repeat"}},
		{"signed is wide enough", "{version: version}", integer("bigint", signed, expression(mysqlTicks)), nil},
		{"nullable", "{version: version}", integer("bigint", nullable, expression(mysqlTicks)), []string{"can be NULL"}},
		{"external", "{version: {column: version, external: gt}}", integer("int", nullable), nil},
		{"now", "{version: at}", with(with(at, expression("CURRENT_TIMESTAMP(6)")), func(c *schema.Column) { c.Fsp = 6 }), nil},
		{"now, coarse", "{version: at}", with(at, expression("CURRENT_TIMESTAMP")), []string{"has 0 digits", "DATETIME(6)"}},
		{"now, constant", "{version: at}", at, []string{"may repeat", "SET DEFAULT (CURRENT_TIMESTAMP(0))"}},
		{"uuid", "{version: {column: etag, bump: uuid}}", with(etag, expression("uuid()")), nil},
		{"uuid, constant", "{version: {column: etag, bump: uuid}}", etag, []string{"may repeat", "SET DEFAULT (UUID())"}},
		{"uuid, short", "{version: {column: etag, bump: uuid}}", with(etag, func(c *schema.Column) { c.Length = 32 }), []string{"SET DEFAULT (REPLACE(UUID(), '-', ''))"}},
		{"uuid, binary", "{version: {column: raw, bump: uuid}}", raw, []string{"SET DEFAULT (UNHEX(REPLACE(UUID(), '-', '')))"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := entryOf(t, sqltext.MySQL, c.guard, id, c.column)
			e.columns()
			if len(e.plan.Steps) > 0 || len(e.faults) > 0 {
				t.Errorf("steps %q, faults %v", e.plan.statements(), e.faults)
			}
			text := strings.Join(e.plan.Warnings, "\n")
			if (text != "") != (c.want != nil) {
				t.Errorf("warnings %q", text)
			}
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("warnings %q have no %q", text, want)
				}
			}
		})
	}
}

func TestColumnsThatAreNotAdded(t *testing.T) {
	for _, c := range []struct {
		name    string
		guard   string
		change  func(*entry)
		columns []schema.Column
		want    string
	}{
		{"misspelt", "{version: verison}", nil, []schema.Column{id, integer("int")}, `p.yaml:2:21: shop.t has no column "verison", did you mean "version"?`},
		{"a trigger's", "{version: {column: version, bump: none}}", nil, []schema.Column{id}, "with bump: none its type is not known"},
		{"system versioning", "{version: version}", func(e *entry) { e.storage.Versioned = true }, []schema.Column{id}, "system_versioning_alter_history=KEEP"},
		{"old server", "{version: version}", func(e *entry) { e.catalog.Version = 50744 }, []schema.Column{id}, "too old"},
		{"term like another", "{version: {column: version, term: trem}}", nil,
			[]schema.Column{id, integer("bigint", expression(mysqlTicks)), {Name: "term", Class: schema.Integer}}, `did you mean "term"?`},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := entryOf(t, sqltext.MySQL, c.guard, c.columns...)
			if c.change != nil {
				c.change(e)
			}
			e.columns()
			if len(e.plan.Steps) > 0 {
				t.Errorf("steps %q", e.plan.statements())
			}
			if text := e.faults.Error(); !strings.Contains(text, c.want) {
				t.Errorf("faults %q, want %q", text, c.want)
			}
		})
	}
}

func TestTriggers(t *testing.T) {
	const create = "CREATE TRIGGER `ifmatch_bump_t` BEFORE UPDATE ON `t` FOR EACH ROW SET "
	for _, c := range []struct {
		name    string
		guard   string
		columns []schema.Column
		want    string // behind create
	}{
		{"bigint", "{version: version}", []schema.Column{id, integer("bigint")},
			"NEW.`version` = IF(NEW.`version` > OLD.`version`, NEW.`version`, OLD.`version` + 1)"},
		{"tinyint, which may be full", "{version: version}", []schema.Column{id, integer("tinyint")},
			"NEW.`version` = IF(NEW.`version` > OLD.`version`, NEW.`version`, IF(OLD.`version` < 255, OLD.`version` + 1, 18446744073709551615 + OLD.`version`))"},
		{"signed and nullable int", "{version: version}", []schema.Column{id, integer("int", signed, nullable)},
			"NEW.`version` = IF(NEW.`version` > OLD.`version` OR OLD.`version` IS NULL AND NEW.`version` IS NOT NULL, NEW.`version`, " +
				"IF(COALESCE(OLD.`version`, 0) < 2147483647, COALESCE(OLD.`version`, 0) + 1, 9223372036854775807 + COALESCE(OLD.`version`, 0)))"},
		{"now", "{version: at}", []schema.Column{id, {Name: "at", DataType: "datetime", Class: schema.Temporal, Fsp: 3}},
			"NEW.`at` = IF(NEW.`at` > OLD.`at`, NEW.`at`, COALESCE(GREATEST(NOW(3), OLD.`at` + INTERVAL 1000 MICROSECOND), NOW(3)))"},
		{"now, in seconds", "{version: at}", []schema.Column{id, {Name: "at", DataType: "datetime", Class: schema.Temporal}},
			"NEW.`at` = IF(NEW.`at` > OLD.`at`, NEW.`at`, COALESCE(GREATEST(NOW(0), OLD.`at` + INTERVAL 1 SECOND), NOW(0)))"},
		{"uuid", "{version: {column: etag, bump: uuid}}", []schema.Column{id, {Name: "etag", DataType: "char", Class: schema.String, Length: 36}},
			"NEW.`etag` = IF(NOT (CAST(NEW.`etag` AS BINARY) <=> CAST(OLD.`etag` AS BINARY)), NEW.`etag`, CONCAT(UUID()))"},
		{"uuid in 16 bytes", "{version: {column: etag, bump: uuid}}", []schema.Column{id, {Name: "etag", DataType: "binary", Class: schema.Binary, Length: 16}},
			"NEW.`etag` = IF(NOT (NEW.`etag` <=> OLD.`etag`), NEW.`etag`, UNHEX(REPLACE(UUID(), '-', '')))"},
		{"ignored columns", "{version: version, ignore: [LAST_SEEN]}", []schema.Column{id, title, doc, seen, touched, twice, integer("bigint")},
			"NEW.`version` = IF(NEW.`version` > OLD.`version`, NEW.`version`, IF(NEW.`id` <=> OLD.`id` AND " +
				"CAST(NEW.`title` AS BINARY) <=> CAST(OLD.`title` AS BINARY) AND CAST(CAST(NEW.`doc` AS CHAR) AS BINARY) <=> CAST(CAST(OLD.`doc` AS CHAR) AS BINARY) AND " +
				"NEW.`version` <=> OLD.`version`, OLD.`version`, OLD.`version` + 1))"},
		{"noop: skip", "{version: version, noop: skip}", []schema.Column{id, seen, integer("bigint")},
			"NEW.`version` = IF(NEW.`version` > OLD.`version`, NEW.`version`, IF(NEW.`id` <=> OLD.`id` AND NEW.`last_seen` <=> OLD.`last_seen` AND " +
				"NEW.`version` <=> OLD.`version`, OLD.`version`, OLD.`version` + 1))"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := entryOf(t, sqltext.MySQL, c.guard, c.columns...)
			e.trigger()
			if got := e.plan.statements(); len(got) != 1 || got[0] != create+c.want {
				t.Fatalf("statements\n%s\nwant\n%s", strings.Join(got, "\n"), create+c.want)
			}
			// The server gives the body back, and then there is nothing to do.
			again := entryOf(t, sqltext.MySQL, c.guard, c.columns...)
			again.in.Triggers = []*schema.Trigger{{Name: "ifmatch_bump_t", Timing: "BEFORE", Event: "UPDATE", Body: "SET " + c.want}}
			again.trigger()
			if len(again.plan.Steps) > 0 || len(again.faults) > 0 || len(again.plan.Warnings) > 0 {
				t.Errorf("again: steps %q, faults %v, warnings %q", again.plan.statements(), again.faults, again.plan.Warnings)
			}
		})
	}
}

func TestTriggersThatAreNotMade(t *testing.T) {
	ours := schema.Trigger{Name: "ifmatch_bump_t", Timing: "BEFORE", Event: "UPDATE",
		Body: "SET NEW.`version` = IF(NEW.`version` > OLD.`version`, NEW.`version`, OLD.`version` + 1)"}
	other, after := ours, ours
	other.Body = "SET NEW.`version` = 7"
	after.Timing = "AFTER"
	for _, c := range []struct {
		name                string
		guard               string
		trigger             *schema.Trigger
		last                string
		fault, warning, not string
	}{
		{name: "another body", guard: "{version: version}", trigger: &other, fault: "DROP TRIGGER `shop`.`ifmatch_bump_t`"},
		{name: "another time", guard: "{version: version}", trigger: &after, fault: "DROP TRIGGER `shop`.`ifmatch_bump_t`"},
		{name: "ours, and not the last", guard: "{version: version}", trigger: &ours, last: "audit", warning: "runs before audit"},
		{name: "external", guard: "{version: {column: version, external: gt}}", not: "shop.t gets no trigger: its writers bring the version."},
		{name: "none", guard: "{version: {column: version, bump: none}}", not: "shop.t gets no trigger: bump: none says that it has one of its own."},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := entryOf(t, sqltext.MySQL, c.guard, id, integer("bigint"))
			e.storage.LastTrigger = c.last
			if c.trigger != nil {
				e.in.Triggers = []*schema.Trigger{c.trigger}
			}
			e.trigger()
			if len(e.plan.Steps) > 0 {
				t.Errorf("steps %q", e.plan.statements())
			}
			for _, text := range []struct{ got, want string }{
				{e.faults.Error(), c.fault}, {strings.Join(e.plan.Warnings, "\n"), c.warning}, {strings.Join(e.plan.Notes, "\n"), c.not},
			} {
				if (text.got != "") != (text.want != "") || !strings.Contains(text.got, text.want) {
					t.Errorf("%q, want %q", text.got, text.want)
				}
			}
		})
	}
}

func TestTablesWhoseTriggersHaveOneName(t *testing.T) {
	e := entryOf(t, sqltext.MySQL, "{version: version}", id, integer("bigint"))
	e.trigger()
	upper := *e
	upper.in = &schema.Table{Name: schema.Name{Schema: "shop", Name: "T"}, Columns: e.in.Columns}
	upper.trigger()
	if text := e.faults.Error(); !strings.Contains(text, "the triggers of shop.T and shop.t would have the same name") {
		t.Errorf("faults %q", text)
	}
}

func FuzzTriggerName(f *testing.F) {
	for _, name := range []string{"products", strings.Repeat("x", 51), strings.Repeat("x", 52), strings.Repeat("ü", 64)} {
		f.Add(name, name+"y")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) || utf8.RuneCountInString(a) > 64 || utf8.RuneCountInString(b) > 64 {
			return // no name of a table
		}
		name := triggerName(a)
		if n := utf8.RuneCountInString(name); n > longestName || !strings.HasPrefix(name, "ifmatch_bump_") {
			t.Errorf("%q has %d characters", name, n)
		}
		if a != b && name == triggerName(b) {
			t.Errorf("%q and %q have the same trigger %q", a, b, name)
		}
	})
}

func TestPrint(t *testing.T) {
	p := Plan{
		Steps: []Step{
			{On: "ifmatch", For: "the schema of pending rows and counters", SQL: "CREATE DATABASE IF NOT EXISTS `ifmatch`"},
			{On: "shop.t", For: "a bump", In: "shop", SQL: "CREATE TRIGGER …"},
			{On: "shop.t", For: "the version of rows that are there", SQL: alter + "ADD COLUMN …", Alter: true, Cost: Copy, Size: "about 7 rows, 1 MiB"},
		},
		Warnings: []string{"beware of a name\n; DROP TABLE t"},
		Notes:    []string{"know"},
		Rights:   []string{"GRANT EXECUTE ON `ifmatch`.* TO 'app'@'%'"},
	}
	var out strings.Builder
	if err := p.Print(&out); err != nil {
		t.Fatal(err)
	}
	const want = `-- warning: beware of a name ; DROP TABLE t
-- note: know

-- An ALTER waits for open transactions, and who comes later waits behind it: it gives up after 10 s.
SET SESSION lock_wait_timeout = 10;

-- ifmatch: the schema of pending rows and counters
-- no row is touched
CREATE DATABASE IF NOT EXISTS ` + "`ifmatch`" + `;

-- shop.t: a bump
-- no row is touched
USE ` + "`shop`" + `;
CREATE TRIGGER …;

-- shop.t: the version of rows that are there
-- copy: the table is copied row by row, writes wait, reads go on; about 7 rows, 1 MiB
ALTER TABLE ` + "`shop`.`t`" + ` ADD COLUMN …, ALGORITHM=COPY, LOCK=SHARED;

-- Rights, to be adapted: 'ifmatch' stands for the service account, 'app' for what the application logs in as.
-- GRANT EXECUTE ON ` + "`ifmatch`" + `.* TO 'app'@'%';
`
	if out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
}

func TestSchemaAndRights(t *testing.T) {
	p, err := policy.Parse("p.yaml", []byte("tables:\n  shop.t: {number: {column: id, counter: /orders}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, there := range []bool{false, true} {
		b := &Backend{Ledger: []ledger.Statement{{SQL: "CREATE DATABASE IF NOT EXISTS `ifmatch`"}, {Name: "t", SQL: "CREATE TABLE …"}}}
		want := []string{"CREATE DATABASE IF NOT EXISTS `ifmatch`", "CREATE TABLE …"}
		if there {
			b.Ledger, want = nil, nil
		}
		plan, _ := Make(p, schema.Offline(sqltext.MySQL, 90700), b, Options{Triggers: true})
		if got := plan.statements(); !slices.Equal(got, want) {
			t.Errorf("statements %q, want %q", got, want)
		}
		for _, right := range []string{"GRANT ALL PRIVILEGES ON `ifmatch`.* TO 'ifmatch'@'%'", "GRANT EXECUTE ON `ifmatch`.* TO 'app'@'%'"} {
			if !slices.Contains(plan.Rights, right) {
				t.Errorf("rights %q have no %q", plan.Rights, right)
			}
		}
		if grants := slices.Contains(plan.Rights, "GRANT ALTER, CREATE, INSERT, UPDATE, TRIGGER ON `shop`.* TO 'ifmatch'@'%'"); grants == there {
			t.Errorf("rights %q with the schema there: %v", plan.Rights, there)
		}
	}
}
