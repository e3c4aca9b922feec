package rewrite

import (
	"slices"
	"strings"
	"testing"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// wrapped is the SQL of a digest whose parts are these.
func wrapped(parts string) string {
	return "UNHEX(CONVERT(SHA2(CONCAT_WS(CAST(x'2c' AS BINARY)," + parts + "),256)USING ascii))"
}

func TestDigestSQL(t *testing.T) {
	tests := []struct {
		column schema.Column
		want   string
	}{
		{schema.Column{DataType: "int", Class: schema.Integer}, "t.`c`"},
		{schema.Column{DataType: "int", Class: schema.Integer, Nullable: true}, "IFNULL(t.`c`,x'4e')"},
		{schema.Column{DataType: "datetime", Class: schema.Temporal, Nullable: true}, "IFNULL(t.`c`,x'4e')"},
		{schema.Column{DataType: "timestamp", Class: schema.Temporal}, "UNIX_TIMESTAMP(t.`c`)"},
		{schema.Column{DataType: "timestamp", Class: schema.Temporal, Nullable: true}, "IFNULL(UNIX_TIMESTAMP(t.`c`),x'4e')"},
		{schema.Column{DataType: "float", Class: schema.Float}, "t.`c`*1e0"},
		{schema.Column{DataType: "bit", Class: schema.Bit}, "t.`c`+0"},
		{schema.Column{DataType: "varchar", Class: schema.String, Length: 9}, "OCTET_LENGTH(t.`c`),t.`c`"},
		{schema.Column{DataType: "varbinary", Class: schema.Binary, Length: 9, Nullable: true}, "IFNULL(OCTET_LENGTH(t.`c`),-1),t.`c`"},
		{schema.Column{DataType: "char", Class: schema.String, Length: 9}, "OCTET_LENGTH(RPAD(t.`c`,9,_ascii x'20')),RPAD(t.`c`,9,_ascii x'20')"},
		{schema.Column{DataType: "char", Class: schema.String, Nullable: true}, "IFNULL(OCTET_LENGTH(t.`c`),-1),t.`c`"},
		{schema.Column{DataType: "enum", Class: schema.Enum}, "t.`c`+0,t.`c`"},
		{schema.Column{DataType: "set", Class: schema.Set, Nullable: true}, "IFNULL(t.`c`+0,x'4e'),t.`c`"},
		{schema.Column{DataType: "text", Class: schema.String}, "CONVERT(SHA2(CAST(t.`c` AS BINARY),256)USING ascii)"},
		{schema.Column{DataType: "json", Class: schema.JSON, Nullable: true}, "IFNULL(CONVERT(SHA2(CAST(t.`c` AS BINARY),256)USING ascii),x'4e')"},
		{schema.Column{DataType: "polygon", Class: schema.Other}, "CONVERT(SHA2(CAST(t.`c` AS BINARY),256)USING ascii)"},
		{schema.Column{DataType: "uuid", Class: schema.Other}, "CAST(t.`c` AS CHAR CHARACTER SET ascii)"},
	}
	for _, test := range tests {
		test.column.Name = "c"
		c := Column{Name: "digest", Class: schema.Binary, digest: []*schema.Column{&test.column}}
		if got := string(c.appendForm(nil, "t")); got != wrapped(test.want) {
			t.Errorf("%s, nullable %v:\n%s\nwant\n%s", test.column.DataType, test.column.Nullable, got, wrapped(test.want))
		}
	}
}

// digested are the rules of a table with a digest.
func digested(t testing.TB, version string) *Table {
	t.Helper()
	p, err := policy.Parse("p.yaml", []byte("tables: {shop.t: {ignore: [SEEN], version: "+version+"}}"))
	if err != nil {
		t.Fatal(err)
	}
	columns := []*schema.Column{
		{Name: "id", DataType: "int", Class: schema.Integer},
		{Name: "na`me", DataType: "varchar", Class: schema.String, Length: 20, Nullable: true},
		{Name: "seen", DataType: "datetime", Class: schema.Temporal},
		{Name: "twice", DataType: "int", Class: schema.Integer, Generated: true},
	}
	name := schema.Name{Schema: "shop", Name: "t"}
	return compileTable(p.Tables[0], name, &schema.Table{Name: name, Columns: columns, Key: []string{"id"}})
}

func TestTokenSQLOfDigests(t *testing.T) {
	tests := []struct{ title, version, qualifier, want string }{
		{"all that a write can set and the policy heeds", "{digest: all}", "`a`",
			wrapped("`a`.`id`,IFNULL(OCTET_LENGTH(`a`.`na``me`),-1),`a`.`na``me`")},
		{"those listed, computed ones too", "{digest: [TWICE, id]}", "`a`", wrapped("`a`.`twice`,`a`.`id`")},
		{"without a qualifier", "{digest: [id]}", "", wrapped("`id`")},
	}
	for _, test := range tests {
		if got := digested(t, test.version).TokenSQL(test.qualifier); got != test.want {
			t.Errorf("%s:\n%s\nwant\n%s", test.title, got, test.want)
		}
	}
}

// The forms of all classes read as the same tokens whatever the session has set.
func TestFormsLexAlikeInEveryMode(t *testing.T) {
	types := map[string]schema.Class{"timestamp": schema.Temporal, "time": schema.Time, "char": schema.String, "varchar": schema.String,
		"text": schema.String, "blob": schema.Binary, "bit": schema.Bit, "double": schema.Float, "enum": schema.Enum, "json": schema.JSON,
		"uuid": schema.Other, "vector": schema.Other, "int": schema.Integer}
	lexis := []sqltext.Lexis{{ANSIQuotes: true}, {NoBackslashEscapes: true}, {Charset: sqltext.GBK}, {Flavor: sqltext.MariaDB}}
	for name, class := range types {
		for _, nullable := range []bool{false, true} {
			def := &schema.Column{Name: "c", DataType: name, Class: class, Nullable: nullable, Length: 3}
			for _, c := range []Column{{Name: "c", Class: class, def: def}, {Name: "digest", digest: []*schema.Column{def}}} {
				sql := c.appendForm(nil, "`t`")
				if i := strings.IndexFunc(string(sql), func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' || r == '|' }); i >= 0 {
					t.Errorf("%s has %q in it", sql, sql[i])
				}
				if strings.Contains(string(sql), " (") {
					t.Errorf("%s has a blank before a parenthesis", sql)
				}
				for i := range lexis {
					var plain, text sqltext.Text
					if err := plain.Lex(sql, &sqltext.Lexis{}); err != nil {
						t.Fatalf("%s: %v", sql, err)
					}
					if err := text.Lex(sql, &lexis[i]); err != nil || !slices.Equal(text.Tokens, plain.Tokens) {
						t.Errorf("%s has the tokens %v under %+v, error %v, and %v by default", sql, text.Tokens, lexis[i], err, plain.Tokens)
					}
				}
			}
		}
	}
}

func TestColumnASCII(t *testing.T) {
	plain, wide := &schema.Column{Name: "c"}, &schema.Column{Name: "größe"}
	for _, test := range []struct {
		c    Column
		want bool
	}{
		{Column{Name: "c"}, true},
		{Column{Name: "größe"}, false},
		{Column{Name: "digest", digest: []*schema.Column{plain}}, true},
		{Column{Name: "digest", digest: []*schema.Column{plain, wide}}, false},
	} {
		if got := test.c.ascii(); got != test.want {
			t.Errorf("%v: %v", test.c, got)
		}
	}
}

func BenchmarkAppendDigest(b *testing.B) {
	c := &digested(b, "{digest: all}").Version.Column
	buf := c.appendForm(nil, "`products`")
	b.ReportAllocs()
	for b.Loop() {
		buf = c.appendForm(buf[:0], "`products`")
	}
}
