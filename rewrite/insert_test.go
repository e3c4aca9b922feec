package rewrite

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

const insertPolicy = `
tables:
  shop.items: {version: version}
  shop.pairs: {version: version}
  shop.hides: {version: version}
  shop.maybe: {version: version}
  shop.docs: {version: {column: seq_no, term: primary_term}}
  shop.feed: {version: {column: version, external: gt}}
  shop.bumped: {version: {column: version, bump: none}}
  shop.random: {version: version}
  shop.tags: {version: {column: etag, bump: uuid}}
  shop.days: {version: changed_at}
  shop.sums: {version: {digest: all}}
  shop.before: {version: version}
  shop.after: {version: version}
  shop.alone: {version: version, key: [id]}
  shop.watched: {version: version, mode: observe}
  shop.uncaught: {version: version, capture: off}
  shop.wide: {version: version}
  shop.k_tiny: {version: version}
  shop.k_unsigned: {version: version}
  shop.k_char: {version: version}
  shop.k_varchar: {version: version}
  shop.k_tinytext: {version: version}
  shop.k_binary: {version: version}
  shop.k_varbinary: {version: version}
  shop.k_year: {version: version}
  shop.k_bit: {version: version}
  shop.k_date: {version: version}
  shop.k_decimal: {version: version}
  shop.k_enum: {version: version}
  shop.k_uuid: {version: version}
  shop.k_double: {version: version}
`

// insertTables are "column type attribute…" by table. Attributes are key, null,
// auto, unsigned, invisible, generated, =literal for a default and :expression
// for one that is an expression.
var insertTables = map[string]string{
	"items":       "id int key auto, name varchar(10) null, version bigint =1",
	"pairs":       "a int key =4, b varchar(5) key =x, version int =7",
	"hides":       "id int key, secret int =3 invisible, version bigint =0 invisible, name varchar(10) null, twice int generated",
	"maybe":       "id int key, version int null",
	"docs":        "id bigint key, seq_no bigint =0, primary_term bigint",
	"feed":        "id int key, version bigint =0",
	"bumped":      "id int key, version bigint =1",
	"random":      "id int key, version bigint :42",
	"tags":        "id int key, etag char(36) =none",
	"days":        "id int key, changed_at datetime =2026-01-01",
	"sums":        "id int key, n int =0",
	"before":      "id int key, version bigint =1",
	"after":       "id int key, version bigint =1",
	"watched":     "id int key, version bigint =1",
	"uncaught":    "id int key, version bigint =1",
	"wide":        "größe int key =2, version int =1",
	"k_tiny":      "k tinyint key, version tinyint =1",
	"k_unsigned":  "k tinyint key unsigned, version bigint unsigned =1",
	"k_char":      "k char(5) key, version int =1",
	"k_varchar":   "k varchar(5) key, version int =1",
	"k_tinytext":  "k tinytext(255) key, version int =1",
	"k_binary":    "k binary(3) key, version int =1",
	"k_varbinary": "k varbinary(3) key, version int =1",
	"k_year":      "k year key, version int =1",
	"k_bit":       "k bit(4) key, version int =1",
	"k_date":      "k date key, version int =1",
	"k_decimal":   "k decimal(5,2) key =1.50, version int =1",
	"k_enum":      "k enum key, version int =1",
	"k_uuid":      "k uuid key, version int =1",
	"k_double":    "k double key, version int =1",
}

var insertClasses = map[string]schema.Class{
	"tinyint": schema.Integer, "int": schema.Integer, "bigint": schema.Integer, "decimal": schema.Decimal, "double": schema.Float,
	"char": schema.String, "varchar": schema.String, "tinytext": schema.String, "binary": schema.Binary, "varbinary": schema.Binary,
	"datetime": schema.Temporal, "date": schema.Date, "year": schema.Year, "bit": schema.Bit, "enum": schema.Enum, "uuid": schema.Other,
}

// insertRules gives rules of insertPolicy; shop.alone is in no catalog.
func insertRules(t testing.TB) *Rules {
	t.Helper()
	p, err := policy.Parse("policy.yaml", []byte(insertPolicy))
	if err != nil {
		t.Fatal(err)
	}
	r := Compile(p, schema.Offline(sqltext.MySQL, 90700))
	for _, pt := range p.Tables {
		n := schema.Name{Schema: pt.Name.Schema, Name: pt.Name.Table}
		var table *schema.Table
		if columns, ok := insertTables[n.Name]; ok {
			table = insertTable(t, n, columns)
		}
		r.tables[n] = compileTable(pt, n, table)
	}
	r.tables[schema.Name{Schema: "shop", Name: "before"}].columns.Triggers = []*schema.Trigger{{Timing: "BEFORE", Event: "UPDATE OR INSERT"}}
	r.tables[schema.Name{Schema: "shop", Name: "after"}].columns.Triggers = []*schema.Trigger{{Timing: "AFTER", Event: "INSERT"}, {Timing: "BEFORE", Event: "UPDATE"}}
	return r
}

func insertTable(t testing.TB, n schema.Name, columns string) *schema.Table {
	table := &schema.Table{Name: n, Engine: "InnoDB", Transactional: true}
	for column := range strings.SplitSeq(columns, ", ") {
		words := strings.Fields(column)
		kind, size, _ := strings.Cut(strings.TrimSuffix(words[1], ")"), "(")
		class, ok := insertClasses[kind]
		if !ok {
			t.Fatalf("no such type: %s", kind)
		}
		c := &schema.Column{Name: words[0], DataType: kind, Class: class}
		_, _ = fmt.Sscan(size, &c.Length)
		c.Precision = c.Length
		for _, w := range words[2:] {
			switch value := w[1:]; {
			case w == "key":
				table.Key = append(table.Key, c.Name)
			case w == "null":
				c.Nullable = true
			case w == "auto":
				c.AutoIncrement = true
			case w == "unsigned":
				c.Unsigned = true
			case w == "invisible":
				c.Invisible = true
			case w == "generated":
				c.Generated = true
			case w[0] == '=', w[0] == ':':
				c.Default, c.DefaultIsExpression = &value, w[0] == ':'
			default:
				t.Fatalf("no such attribute: %s", w)
			}
		}
		table.Columns = append(table.Columns, c)
	}
	return table
}

// asMany stands for as many affected rows as the INSERT has.
const asMany = math.MaxUint64

// told is what the plan of an INSERT says of its rows: "id=5 version=1" where
// the token is foretold, "id=5" where it has to be read, "" where nothing is
// known.
func told(t testing.TB, rules *Rules, lx sqltext.Lexis, sql string, params []Value, affected, first uint64) string {
	t.Helper()
	var text sqltext.Text
	if err := text.Lex([]byte(sql), &lx); err != nil {
		t.Fatal(err)
	}
	env := Env{DB: "shop", UTF8: text.UTF8(), PipesAsConcat: lx.PipesAsConcat}
	plan := rules.Plan(&text, text.Statements(nil)[0], env)
	if plan.Verdict != Pass {
		t.Fatalf("%s: %s", plan.Verdict, plan.Reason)
	}
	if affected == asMany && plan.Inserts() {
		affected = uint64(plan.insert.rows)
	}
	foretold := plan.Foretold(&text, params)
	rows, ok := plan.NewRows(&text, params, affected, first, nil)
	if !plan.Inserts() && (ok || foretold) {
		t.Errorf("a plan without rows gives %d of them", len(rows))
	}
	if !ok {
		return ""
	}
	all := true
	var out []string
	for _, r := range rows {
		s := plan.Table.keyText(r.Key)
		if all = all && r.Foretold; r.Foretold {
			s += " " + plan.Table.Version.text(r.Token)
		}
		out = append(out, s)
	}
	if all != foretold {
		t.Errorf("Foretold says %t, and the rows %t", foretold, all)
	}
	return strings.Join(out, "; ")
}

func TestInsertTellsItsRows(t *testing.T) {
	tests := []struct {
		name   string
		sql    string
		params []Value
		first  uint64 // LAST_INSERT_ID
		want   string
	}{
		// Forms.
		{name: "columns and values", sql: "INSERT INTO pairs (a, b, version) VALUES (1, 'b', 3)", want: "a=1, b='b' version=3"},
		{name: "several rows", sql: "INSERT pairs (b, a) VALUES ('b', 1), ('c', 2)", want: "a=1, b='b' version=7; a=2, b='c' version=7"},
		{name: "VALUE", sql: "INSERT LOW_PRIORITY IGNORE INTO shop.pairs (b, a) VALUE ('b', 1)", want: "a=1, b='b' version=7"},
		{name: "SET", sql: "INSERT INTO pairs SET a = 1, pairs.b := 'b', version = (9)", want: "a=1, b='b' version=9"},
		{name: "SET AS", sql: "INSERT INTO pairs SET a = 1, b = 'b' AS new", want: "a=1, b='b' version=7"},
		{name: "partition", sql: "INSERT INTO pairs PARTITION (p0, p1) (a, b) VALUES (1, 'b')", want: "a=1, b='b' version=7"},
		{name: "alias", sql: "INSERT INTO pairs (a, b) VALUES (1, 'b') AS new", want: "a=1, b='b' version=7"},
		{name: "alias with columns", sql: "INSERT INTO pairs (a, b) VALUES (1, 'b') AS new (m, n)", want: "a=1, b='b' version=7"},
		{name: "no columns", sql: "INSERT INTO pairs VALUES (1, 'b', 3), (2, 'c', DEFAULT)", want: "a=1, b='b' version=3; a=2, b='c' version=7"},
		{name: "nothing", sql: "INSERT INTO pairs () VALUES ()", want: "a=4, b='x' version=7"},
		{name: "nothing for several rows", sql: "INSERT INTO pairs VALUES (), ()", want: "a=4, b='x' version=7; a=4, b='x' version=7"},
		{name: "empty columns", sql: "INSERT INTO pairs () VALUES (1, 'b', 3)", want: "a=1, b='b' version=3"},
		{name: "invisible columns are not among the nameless", sql: "INSERT INTO hides VALUES (1, 'n', DEFAULT)", want: "id=1 version=0"},
		{name: "invisible column by its name", sql: "INSERT INTO hides (id, version) VALUES (1, 8)", want: "id=1 version=8"},
		{name: "expressions beside the key", sql: "INSERT INTO items (id, name) VALUES (5, CONCAT('a', (SELECT 'b')))", want: "id=5 version=1"},
		{name: "a table in other case is another one", sql: "INSERT INTO PAIRS (a, b) VALUES (1, 'b')", want: ""},
		{name: "executable comment", sql: "insert into pairs (`A`, B) values (/*!50000 1, */ 'b')", want: "a=1, b='b' version=7"},
		{name: "columns quoted and in other case", sql: "insert /* x */ into pairs (`A`, B) values (1, 'b')", want: "a=1, b='b' version=7"},

		{name: "what the second reading cannot read", sql: "INSERT INTO items (id, name) VALUES (5, 1 1)", want: ""},
		{name: "SELECT", sql: "INSERT INTO pairs (a, b) SELECT 1, 'b'", want: ""},
		{name: "SELECT in parentheses", sql: "INSERT INTO pairs (SELECT 1, 'b', 2)", want: ""},
		{name: "TABLE", sql: "INSERT INTO pairs TABLE other", want: ""},
		{name: "VALUES ROW", sql: "INSERT INTO pairs VALUES ROW(1, 'b', 2)", want: ""},
		{name: "RETURNING", sql: "INSERT INTO pairs (a, b) VALUES (1, 'b') RETURNING a", want: ""},
		{name: "SET RETURNING", sql: "INSERT INTO pairs SET a = 1, b = 'b' RETURNING a", want: ""},
		{name: "DELAYED", sql: "INSERT DELAYED INTO pairs (a, b) VALUES (1, 'b')", want: ""},
		{name: "WITH", sql: "WITH c AS (SELECT 1) INSERT INTO pairs (a, b) VALUES (1, 'b')", want: ""},
		{name: "too few values", sql: "INSERT INTO pairs VALUES (1, 'b')", want: ""},
		{name: "a row that is longer", sql: "INSERT INTO pairs (a, b) VALUES (1, 'b'), (2, 'c', 3)", want: ""},
		{name: "key twice", sql: "INSERT INTO pairs (a, b, A) VALUES (1, 'b', 2)", want: ""},
		{name: "names and no values", sql: "INSERT INTO pairs (a, b) VALUES ()", want: ""},
		{name: "table whose reads are not captured", sql: "INSERT INTO uncaught (id) VALUES (1)", want: ""},

		// Keys.
		{name: "parameters", sql: "INSERT INTO pairs (version, b, a) VALUES (?, ?, ?)", params: []Value{UintValue(3), TextValue("b"), UintValue(1)}, want: "a=1, b='b' version=3"},
		{name: "parameters of several rows", sql: "INSERT INTO pairs (a, b) VALUES (?, 'b'), (?, ?)",
			params: []Value{UintValue(1), UintValue(2), TextValue("c")}, want: "a=1, b='b' version=7; a=2, b='c' version=7"},
		{name: "parameters beside the key", sql: "INSERT INTO items (name, id) VALUES (CONCAT(?, ?), ?)",
			params: []Value{TextValue("a"), TextValue("b"), UintValue(5)}, want: "id=5 version=1"},
		{name: "sign and parentheses", sql: "INSERT INTO pairs (a, b) VALUES ((-1), ('b'))", want: "a=-1, b='b' version=7"},
		{name: "default of a key", sql: "INSERT INTO pairs (a, b) VALUES (DEFAULT, 'b')", want: "a=4, b='b' version=7"},
		{name: "default for one row of two", sql: "INSERT INTO pairs (a, b) VALUES (DEFAULT, 'b'), (5, DEFAULT)", want: "a=4, b='b' version=7; a=5, b='x' version=7"},
		{name: "DEFAULT of a column is an expression", sql: "INSERT INTO pairs (a, b) VALUES (DEFAULT(a), 'b')", want: ""},
		{name: "expression as key", sql: "INSERT INTO pairs (a, b) VALUES (1 + 1, 'b')", want: ""},
		{name: "expression as key of one row", sql: "INSERT INTO pairs (a, b) VALUES (1, 'b'), (f(), 'c')", want: ""},
		{name: "variable as key", sql: "INSERT INTO pairs (a, b) VALUES (@a, 'b')", want: ""},
		{name: "typed literal as key", sql: "INSERT INTO k_date (k) VALUES (DATE '2026-01-01')", want: ""},
		{name: "introducer", sql: "INSERT INTO k_varchar (k) VALUES (_utf8mb4'a')", want: ""},
		{name: "adjacent strings", sql: "INSERT INTO k_varchar (k) VALUES ('a' 'b')", want: ""},
		{name: "key without default left out", sql: "INSERT INTO hides (name) VALUES ('n')", want: ""},
		{name: "NULL for a key", sql: "INSERT INTO hides (id) VALUES (NULL)", want: ""},
		{name: "NULL parameter for a key", sql: "INSERT INTO hides (id) VALUES (?)", params: []Value{{Kind: Null}}, want: ""},
		{name: "missing parameter", sql: "INSERT INTO hides (id) VALUES (?)", want: ""},

		// Numbers that the server gives.
		{name: "number left out", sql: "INSERT INTO items (name) VALUES ('n')", first: 12, want: "id=12 version=1"},
		{name: "number of no columns at all", sql: "INSERT INTO items () VALUES ()", first: 12, want: "id=12 version=1"},
		{name: "number for NULL", sql: "INSERT INTO items VALUES (NULL, 'n', 1)", first: 12, want: "id=12 version=1"},
		{name: "number for DEFAULT", sql: "INSERT INTO items SET id = DEFAULT", first: 12, want: "id=12 version=1"},
		{name: "number for a NULL parameter", sql: "INSERT INTO items (id) VALUES (?)", params: []Value{{Kind: Null}}, first: 12, want: "id=12 version=1"},
		{name: "given number", sql: "INSERT INTO items (id) VALUES (5)", first: 5, want: "id=5 version=1"},
		{name: "no number in the packet", sql: "INSERT INTO items (name) VALUES ('n')", want: ""},
		{name: "zero depends on sql_mode", sql: "INSERT INTO items (id) VALUES (0)", first: 12, want: ""},
		{name: "zero in quotes", sql: "INSERT INTO items (id) VALUES ('0')", first: 12, want: ""},
		{name: "zero that is rounded", sql: "INSERT INTO items (id) VALUES (0.0)", first: 12, want: ""},
		{name: "zero parameter", sql: "INSERT INTO items (id) VALUES (?)", params: []Value{UintValue(0)}, first: 12, want: ""},
		{name: "numbers of several rows", sql: "INSERT INTO items (name) VALUES ('n'), ('m')", first: 12, want: ""},
		{name: "numbers of several rows by NULL", sql: "INSERT INTO items (id) VALUES (NULL), (NULL)", first: 12, want: ""},
		{name: "number for one row of two", sql: "INSERT INTO items (id) VALUES (5), (?)", params: []Value{{Kind: Null}}, first: 12, want: ""},
		{name: "several given numbers", sql: "INSERT INTO items (id) VALUES (5), (7)", first: 7, want: "id=5 version=1; id=7 version=1"},
		{name: "LAST_INSERT_ID set", sql: "INSERT INTO items (name) VALUES (LAST_INSERT_ID(77))", first: 77, want: ""},
		{name: "LAST_INSERT_ID set, NULL", sql: "INSERT INTO items (id, name) VALUES (NULL, `last_insert_id` (77))", first: 77, want: ""},
		{name: "LAST_INSERT_ID read", sql: "INSERT INTO items (name) VALUES (LAST_INSERT_ID())", first: 12, want: "id=12 version=1"},
		{name: "LAST_INSERT_ID set, number given", sql: "INSERT INTO items (id, name) VALUES (5, LAST_INSERT_ID(77))", first: 77, want: "id=5 version=1"},

		// What a key column makes of what is written.
		{name: "number in quotes", sql: "INSERT INTO k_tiny (k) VALUES ('-5')", want: "k=-5 version=1"},
		{name: "zero where nothing is numbered", sql: "INSERT INTO k_tiny (k) VALUES (0)", want: "k=0 version=1"},
		{name: "least tinyint", sql: "INSERT INTO k_tiny (k) VALUES (-128)", want: "k=-128 version=1"},
		{name: "clipped below", sql: "INSERT IGNORE INTO k_tiny (k) VALUES (-129)", want: ""},
		{name: "clipped above", sql: "INSERT IGNORE INTO k_tiny (k) VALUES (128)", want: ""},
		{name: "unsigned", sql: "INSERT INTO k_unsigned (k) VALUES (255)", want: "k=255 version=1"},
		{name: "clipped above unsigned", sql: "INSERT IGNORE INTO k_unsigned (k) VALUES (256)", want: ""},
		{name: "clipped below unsigned", sql: "INSERT IGNORE INTO k_unsigned (k) VALUES (-1)", want: ""},
		{name: "rounded", sql: "INSERT INTO k_tiny (k) VALUES (1.6)", want: ""},
		{name: "approximate", sql: "INSERT INTO k_tiny (k) VALUES (1e1)", want: ""},
		{name: "hexadecimal", sql: "INSERT INTO k_tiny (k) VALUES (0x10)", want: ""},
		{name: "text for a number", sql: "INSERT IGNORE INTO k_tiny (k) VALUES ('5 apples')", want: ""},
		{name: "TRUE", sql: "INSERT INTO k_tiny (k) VALUES (TRUE)", want: ""},
		{name: "char without its spaces", sql: "INSERT INTO k_char (k) VALUES ('ab  ')", want: "k='ab' version=1"},
		{name: "varchar with its spaces", sql: "INSERT INTO k_varchar (k) VALUES ('ab  ')", want: "k='ab  ' version=1"},
		{name: "escapes", sql: `INSERT INTO k_varchar (k) VALUES ('a\'''b')`, want: "k='a''''b' version=1"},
		{name: "characters, not bytes", sql: "INSERT INTO k_varchar (k) VALUES ('äöüßé')", want: "k='äöüßé' version=1"},
		{name: "cut", sql: "INSERT IGNORE INTO k_varchar (k) VALUES ('abcdef')", want: ""},
		{name: "spaces cut", sql: "INSERT INTO k_varchar (k) VALUES ('abcde ')", want: ""},
		{name: "text by bytes", sql: "INSERT INTO k_tinytext (k) VALUES ('" + strings.Repeat("ä", 128) + "')", want: ""},
		{name: "text", sql: "INSERT INTO k_tinytext (k) VALUES ('" + strings.Repeat("a", 255) + "')", want: "k='" + strings.Repeat("a", 255) + "' version=1"},
		{name: "number for a string", sql: "INSERT INTO k_varchar (k) VALUES (007)", want: "k='7' version=1"},
		{name: "decimal for a string", sql: "INSERT INTO k_varchar (k) VALUES (1.0)", want: ""},
		{name: "bytes for a string", sql: "INSERT INTO k_varchar (k) VALUES (?)", params: []Value{BytesValue("ab")}, want: ""},
		{name: "not UTF-8", sql: "INSERT IGNORE INTO k_varchar (k) VALUES (?)", params: []Value{TextValue("a\xff")}, want: ""},
		{name: "binary of its length", sql: "INSERT INTO k_binary (k) VALUES ('abc')", want: "k='abc' version=1"},
		{name: "binary filled with zeros", sql: "INSERT INTO k_binary (k) VALUES ('ab')", want: ""},
		{name: "varbinary", sql: "INSERT INTO k_varbinary (k) VALUES ('ab')", want: "k='ab' version=1"},
		{name: "varbinary cut", sql: "INSERT IGNORE INTO k_varbinary (k) VALUES ('abcd')", want: ""},
		{name: "year", sql: "INSERT INTO k_year (k) VALUES ('2026')", want: "k=2026 version=1"},
		{name: "year of two digits", sql: "INSERT INTO k_year (k) VALUES (26)", want: ""},
		{name: "year that there is not", sql: "INSERT IGNORE INTO k_year (k) VALUES (3000)", want: ""},
		{name: "bits", sql: "INSERT INTO k_bit (k) VALUES (15)", want: "k=15 version=1"},
		{name: "too many bits", sql: "INSERT IGNORE INTO k_bit (k) VALUES (16)", want: ""},
		{name: "digits in a bit column are characters", sql: "INSERT INTO k_bit (k) VALUES ('5')", want: ""},
		{name: "date", sql: "INSERT INTO k_date (k) VALUES ('2026-1-5')", want: "k='2026-1-5' version=1"},
		{name: "date as a number", sql: "INSERT INTO k_date (k) VALUES (20260105)", want: ""},
		{name: "decimal", sql: "INSERT INTO k_decimal (k) VALUES (2.5)", want: "k=2.5 version=1"},
		{name: "decimal of a default", sql: "INSERT INTO k_decimal () VALUES ()", want: "k=1.50 version=1"},
		{name: "NULL decimal", sql: "INSERT INTO k_decimal (k) VALUES (NULL)", want: ""},
		{name: "enum", sql: "INSERT INTO k_enum (k) VALUES ('new')", want: "k='new' version=1"},
		{name: "enum by number", sql: "INSERT INTO k_enum (k) VALUES (1)", want: ""},
		{name: "enum by number in quotes", sql: "INSERT INTO k_enum (k) VALUES ('1')", want: ""},
		{name: "uuid", sql: "INSERT INTO k_uuid (k) VALUES ('00000000-0000-0000-0000-00000000000a')", want: "k='00000000-0000-0000-0000-00000000000a' version=1"},
		{name: "double", sql: "INSERT INTO k_double (k) VALUES (1.5)", want: ""},

		// Tokens.
		{name: "version in quotes", sql: "INSERT INTO pairs (a, b, version) VALUES (1, 'b', '3')", want: "a=1, b='b' version=3"},
		{name: "version that is clipped", sql: "INSERT IGNORE INTO k_tiny (k, version) VALUES (1, 128)", want: "k=1"},
		{name: "version that is rounded", sql: "INSERT INTO pairs (a, b, version) VALUES (1, 'b', 1.5)", want: "a=1, b='b'"},
		{name: "version by an expression", sql: "INSERT INTO pairs (a, b, version) VALUES (1, 'b', 1 + 1)", want: "a=1, b='b'"},
		{name: "version by an expression in one row", sql: "INSERT INTO pairs (a, b, version) VALUES (1, 'b', 2), (2, 'b', f())", want: "a=1, b='b'; a=2, b='b'"},
		{name: "version by a parameter that cannot be told in one row", sql: "INSERT INTO pairs (a, b, version) VALUES (1, 'b', 2), (2, 'b', ?)",
			params: []Value{TextValue("x")}, want: "a=1, b='b' version=2; a=2, b='b'"},
		{name: "NULL for a version that has none", sql: "INSERT IGNORE INTO pairs (a, b, version) VALUES (1, 'b', NULL)", want: "a=1, b='b'"},
		{name: "NULL version", sql: "INSERT INTO maybe (id, version) VALUES (1, NULL)", want: "id=1 version=NULL"},
		{name: "NULL version by default", sql: "INSERT INTO maybe (id) VALUES (1)", want: "id=1 version=NULL"},
		{name: "version twice", sql: "INSERT INTO maybe (id, version, version) VALUES (1, 2, 3)", want: "id=1"},
		{name: "term", sql: "INSERT INTO docs (id, primary_term) VALUES (1, 4)", want: "id=1 seq_no=0, primary_term=4"},
		{name: "term without default", sql: "INSERT INTO docs (id, seq_no) VALUES (1, 9)", want: "id=1"},
		{name: "external version", sql: "INSERT INTO feed (id, version) VALUES (1, 9)", want: "id=1 version=9"},
		{name: "default that is an expression", sql: "INSERT INTO random (id) VALUES (1)", want: "id=1"},
		{name: "constant for such a one", sql: "INSERT INTO random (id, version) VALUES (1, 9)", want: "id=1 version=9"},
		{name: "bump none", sql: "INSERT INTO bumped (id, version) VALUES (1, 9)", want: "id=1"},
		{name: "uuid", sql: "INSERT INTO tags (id, etag) VALUES (1, 'x')", want: "id=1"},
		{name: "now", sql: "INSERT INTO days (id) VALUES (1)", want: "id=1"},
		{name: "digest", sql: "INSERT INTO sums (id, n) VALUES (1, 2)", want: "id=1"},
		{name: "trigger before, which may name the key", sql: "INSERT INTO before (id) VALUES (1)", want: ""},
		{name: "triggers that fire otherwise", sql: "INSERT INTO after (id) VALUES (1)", want: "id=1 version=1"},

		// Without a catalog.
		{name: "no catalog", sql: "INSERT INTO alone (id, version) VALUES (1, 9)", want: "id=1 version=9"},
		{name: "no catalog, text", sql: "INSERT INTO alone (id, version) VALUES ('k1', 9)", want: "id='k1' version=9"},
		{name: "no catalog, spaces that may go", sql: "INSERT INTO alone (id, version) VALUES ('k ', 9)", want: ""},
		{name: "no catalog, version left out", sql: "INSERT INTO alone (id) VALUES (1)", want: "id=1"},
		{name: "no catalog, version of unknown type", sql: "INSERT INTO alone (id, version) VALUES (1, '9')", want: "id=1"},
		{name: "no catalog, zero", sql: "INSERT INTO alone (id, version) VALUES (0, 9)", want: ""},
		{name: "no catalog, key left out", sql: "INSERT INTO alone (version) VALUES (9)", first: 12, want: ""},
		{name: "no catalog, no columns", sql: "INSERT INTO alone VALUES (1, 9)", want: ""},
	}
	rules := insertRules(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			lx := sqltext.Lexis{Version: 90700}
			if strings.Contains(test.sql, "RETURNING") {
				lx = sqltext.Lexis{Flavor: sqltext.MariaDB, Version: 101106}
			}
			if got := told(t, rules, lx, test.sql, test.params, asMany, test.first); got != test.want {
				t.Errorf("%s\ngot  %q\nwant %q", test.sql, got, test.want)
			}
		})
	}
}

func TestInsertFollowsTheSession(t *testing.T) {
	rules := insertRules(t)
	tests := []struct {
		name  string
		lexis sqltext.Lexis
		sql   string
		want  string
	}{
		{"latin1 in ASCII", sqltext.Lexis{Charset: sqltext.Latin1}, "INSERT INTO k_varchar (k) VALUES ('a')", "k='a' version=1"},
		{"latin1 beyond ASCII", sqltext.Lexis{Charset: sqltext.Latin1}, "INSERT INTO k_varchar (k) VALUES ('\xe4')", ""},
		{"name beyond ASCII", sqltext.Lexis{}, "INSERT INTO wide (GRÖSSE, größe) VALUES (8, 9)", ""},
		{"name beyond ASCII by itself", sqltext.Lexis{}, "INSERT INTO wide (größe) VALUES (9)", "größe=9 version=1"},
		{"name that the server takes for it", sqltext.Lexis{}, "INSERT INTO wide (grose) VALUES (9)", ""},
		{"name beyond ASCII in latin1", sqltext.Lexis{Charset: sqltext.Latin1}, "INSERT INTO wide (gr\xf6\xdfe) VALUES (9)", ""},
		{"ANSI_QUOTES", sqltext.Lexis{ANSIQuotes: true}, `INSERT INTO "k_varchar" ("k") VALUES ('a')`, "k='a' version=1"},
		{"a string that would be a name", sqltext.Lexis{ANSIQuotes: true}, `INSERT INTO k_varchar (k) VALUES ("a")`, ""},
		{"double quotes", sqltext.Lexis{}, `INSERT INTO k_varchar (k) VALUES ("a")`, "k='a' version=1"},
		{"no backslashes", sqltext.Lexis{NoBackslashEscapes: true}, `INSERT INTO k_varchar (k) VALUES ('a\n')`, `k='a\n' version=1`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.lexis.Version = 90700
			if got := told(t, rules, test.lexis, test.sql, nil, 1, 0); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Where the server says another number of rows, it has left some out.
func TestInsertOfOtherRowsIsNotTold(t *testing.T) {
	rules := insertRules(t)
	const sql = "INSERT IGNORE INTO pairs (a, b) VALUES (1, 'b'), (2, 'c')"
	for affected, want := range []string{"", "", "a=1, b='b' version=7; a=2, b='c' version=7", ""} {
		if got := told(t, rules, sqltext.Lexis{}, sql, nil, uint64(affected), 0); got != want {
			t.Errorf("%d rows affected: %q, want %q", affected, got, want)
		}
	}
}

func TestInsertOfManyRows(t *testing.T) {
	rules := insertRules(t)
	for _, rows := range []int{maxNewRows, maxNewRows + 1} {
		sql := "INSERT INTO pairs (a, b) VALUES " + strings.Repeat("(1, 'b'), ", rows-1) + "(2, 'c')"
		got := told(t, rules, sqltext.Lexis{}, sql, nil, uint64(rows), 0)
		if ok := strings.HasSuffix(got, "; a=2, b='c' version=7"); ok != (rows <= maxNewRows) {
			t.Errorf("%d rows: told %t", rows, ok)
		}
	}
}

// A plan serves every statement of its shape, also behind semicolons, and
// overwrites the rows it is given.
func TestInsertOfTheSameShape(t *testing.T) {
	rules := insertRules(t)
	var first, other sqltext.Text
	for text, sql := range map[*sqltext.Text]string{
		&first: "INSERT INTO pairs (a, b, version) VALUES (1, 'b', 2), (3, 'c', 4)",
		&other: ";; INSERT INTO pairs (a, b, version) VALUES (10, 'x', 20), (30, 'y', 40)",
	} {
		if err := text.Lex([]byte(sql), &sqltext.Lexis{}); err != nil {
			t.Fatal(err)
		}
	}
	plan := rules.Plan(&first, first.Statements(nil)[0], Env{DB: "shop", UTF8: true})
	rows, ok := plan.NewRows(&first, nil, 2, 0, nil)
	if !ok {
		t.Fatal("not told")
	}
	if rows, ok = plan.NewRows(&other, nil, 2, 0, rows); !ok || len(rows) != 2 {
		t.Fatalf("%d rows, %t", len(rows), ok)
	}
	for i, want := range []string{"a=10, b='x' version=20", "a=30, b='y' version=40"} {
		if got := plan.Table.keyText(rows[i].Key) + " " + plan.Table.Version.text(rows[i].Token); got != want {
			t.Errorf("row %d: %s, want %s", i, got, want)
		}
	}
}

// An account's mode goes over the table's.
func TestInsertOfAnAccountWithAMode(t *testing.T) {
	rules := insertRules(t)
	var text sqltext.Text
	if err := text.Lex([]byte("INSERT INTO items (id) VALUES (5)"), &sqltext.Lexis{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		mode           policy.Mode
		verdict        Verdict
		tells, watches bool
	}{
		{policy.ModeEnforce, Pass, true, false},
		{policy.ModeObserve, Observe, false, true},
		{policy.ModeOff, Pass, false, false},
	} {
		plan := rules.Plan(&text, text.Statements(nil)[0], Env{DB: "shop", UTF8: true, AccountMode: true, Mode: c.mode})
		watches := plan.Observed() != nil && plan.Observed().Inserts()
		if plan.Verdict != c.verdict || plan.Inserts() != c.tells || watches != c.watches {
			t.Errorf("mode %s: %s, tells rows %t, beside %t", c.mode, plan.Verdict, plan.Inserts(), watches)
		}
	}
}

func TestInsertNeedsToSeeTriggers(t *testing.T) {
	rules := insertRules(t)
	rules.Catalog.Unseen = []string{"triggers that the service account has no right to see"}
	if got, want := told(t, rules, sqltext.Lexis{}, "INSERT INTO pairs (a, b, version) VALUES (1, 'b', 2)", nil, 1, 0), "a=1, b='b'"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A constant in the text and a parameter are the same to a plan.
func FuzzInsertTextAndParameter(f *testing.F) {
	f.Add("a", int64(1), "items")
	f.Add("it's \\ ", int64(-129), "k_tiny")
	f.Add("0", int64(0), "k_char")
	f.Add("äö\xff", int64(256), "k_varbinary")
	rules := insertRules(f)
	quote := strings.NewReplacer(`\`, `\\`, "'", "''")
	f.Fuzz(func(t *testing.T, s string, n int64, table string) {
		columns := insertTables[table]
		if columns == "" {
			return
		}
		key, _, _ := strings.Cut(columns, " ")
		for literal, v := range map[string]Value{"'" + quote.Replace(s) + "'": TextValue(s), fmt.Sprint(n): IntegerValue(n)} {
			insert := "INSERT INTO " + table + " SET " + key + " = "
			text := told(t, rules, sqltext.Lexis{}, insert+literal, nil, 1, 12)
			param := told(t, rules, sqltext.Lexis{}, insert+"?", []Value{v}, 1, 12)
			if text != param {
				t.Errorf("%s%s: %q as text, %q as a parameter", insert, literal, text, param)
			}
		}
	})
}

// BenchmarkNewRows is what an INSERT costs whose plan is there: one of numbers
// allocates nothing.
func BenchmarkNewRows(b *testing.B) {
	rules := insertRules(b)
	var text sqltext.Text
	if err := text.Lex([]byte("INSERT INTO items (name, version) VALUES ('n', 3)"), &sqltext.Lexis{}); err != nil {
		b.Fatal(err)
	}
	plan := rules.Plan(&text, text.Statements(nil)[0], Env{DB: "shop", UTF8: true})
	var rows []NewRow
	b.ReportAllocs()
	for b.Loop() {
		var ok bool
		if rows, ok = plan.NewRows(&text, nil, 1, 12, rows); !ok || !plan.Foretold(&text, nil) {
			b.Fatal("not told")
		}
	}
}
