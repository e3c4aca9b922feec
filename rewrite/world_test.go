package rewrite

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// classes of the types that the schema of the tests has.
var classes = map[string]schema.Class{
	"tinyint": schema.Integer, "int": schema.Integer, "bigint": schema.Integer, "decimal": schema.Decimal,
	"varchar": schema.String, "char": schema.String, "text": schema.String, "varbinary": schema.Binary, "binary": schema.Binary,
	"datetime": schema.Temporal, "timestamp": schema.Temporal, "date": schema.Date, "bit": schema.Bit, "uuid": schema.Other, "enum": schema.Enum,
}

// world gives rules of testdata/shop.yaml over the tables of testdata/shop.schema.
func world(t testing.TB) *Rules {
	t.Helper()
	p, err := policy.Load("testdata/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("testdata/shop.schema")
	if err != nil {
		t.Fatal(err)
	}
	r := Compile(p, schema.Offline(sqltext.MySQL, 90700))
	tables := map[schema.Name]*schema.Table{}
	for line := range strings.Lines(string(file)) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, rest, _ := strings.Cut(rest, ": ")
		n := tableName(name)
		switch kind {
		case "table":
			tables[n] = readTable(t, n, rest)
		case "trigger":
			tables[n].Triggers = append(tables[n].Triggers, &schema.Trigger{Name: rest, Table: n})
		case "view":
			r.views[n] = tableName(rest)
			r.word(n.Name)
		case "routine":
			r.routines[foldRoutine(n)] = tableName(rest)
			r.word(n.Name)
		}
	}
	for _, pt := range p.Tables {
		n := schema.Name{Schema: pt.Name.Schema, Name: pt.Name.Table}
		if tables[n] == nil {
			t.Fatalf("no table %s in the schema", n)
		}
		r.tables[n] = compileTable(pt, n, tables[n])
		r.tables[n].compileStatus(pt, r.Catalog)
	}
	return r
}

// refold makes rules of a server that compares names without case.
func (r *Rules) refold() {
	tables := map[schema.Name]*Table{}
	for n, t := range r.tables {
		tables[r.fold(n)] = t
	}
	r.tables = tables
}

func tableName(s string) schema.Name {
	db, name, _ := strings.Cut(s, ".")
	return schema.Name{Schema: db, Name: name}
}

// readTable reads "id int key, name varchar(50) null, …".
func readTable(t testing.TB, n schema.Name, columns string) *schema.Table {
	table := &schema.Table{Name: n, Engine: "InnoDB", Transactional: true}
	for _, column := range strings.Split(columns, ", ") {
		words := strings.Fields(column)
		kind, size, _ := strings.Cut(strings.TrimSuffix(words[1], ")"), "(")
		class, ok := classes[kind]
		if !ok {
			t.Fatalf("no such type: %s", kind)
		}
		length, _ := strconv.Atoi(size)
		c := &schema.Column{Name: words[0], DataType: kind, Class: class}
		if class == schema.Temporal {
			c.Fsp = length
		} else {
			c.Length = length
		}
		for _, w := range words[2:] {
			if value, ok := strings.CutPrefix(w, "default="); ok {
				c.Default = &value
			}
			switch w {
			case "auto":
				c.AutoIncrement = true
			case "onupdate":
				c.OnUpdateNow = true
			case "key":
				table.Key = append(table.Key, c.Name)
			case "null":
				c.Nullable = true
			case "latin1", "utf8mb3", "ucs2":
				c.Charset = w
			case "invisible":
				c.Invisible = true
			case "expression":
				c.DefaultIsExpression = true
			}
		}
		table.Columns = append(table.Columns, c)
	}
	return table
}

// goldenStatements gives the statements of the golden files.
func goldenStatements(t testing.TB) [][]byte {
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut("\n"+string(content), dashes)
		sql, _, _ := strings.Cut(rest, dashes)
		all = append(all, []byte(sql))
	}
	return all
}
