package schema

import (
	"slices"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/policy"
	"ifmatch/sqltext"
)

// checked are the tables that policies are held against.
var checked = []string{
	`CREATE TABLE products (id INT PRIMARY KEY, sku VARCHAR(20) NOT NULL, region CHAR(2) NOT NULL, nick VARCHAR(20), name VARCHAR(100),
		version INT UNSIGNED NOT NULL, term BIGINT NOT NULL, etag CHAR(36) NOT NULL, short CHAR(31) NOT NULL, raw BINARY(16) NOT NULL,
		at DATETIME(6) NOT NULL, stamp TIMESTAMP NULL, day DATE, clock TIME, y YEAR, price DECIMAL(9,2), f DOUBLE NOT NULL, doc JSON, body TEXT NOT NULL,
		twice INT AS (id * 2) VIRTUAL, UNIQUE (sku, region), UNIQUE (nick), UNIQUE (etag), UNIQUE (f), UNIQUE (body(20)))`,
	"CREATE TABLE nokey (id INT, u INT NOT NULL, version INT, UNIQUE (u))",
	"CREATE TABLE bare (id INT, version INT)",
	"CREATE TABLE floats (f FLOAT PRIMARY KEY, version INT)",
	"CREATE TABLE old (id INT PRIMARY KEY, version INT) ENGINE=MyISAM",
	"CREATE TABLE types (id INT PRIMARY KEY, p POINT, g GEOMETRYCOLLECTION, l LINESTRING, m MULTIPOLYGON, b BIT(3), e ENUM('a'), s SET('a'), j JSON, lb LONGBLOB)",
	"CREATE TABLE machine (id INT PRIMARY KEY, st ENUM('NEW','in use','it''s','a,b','é') NOT NULL, flags SET('x','y'), word VARCHAR(5), fixed CHAR(5), n TINYINT, u BIGINT UNSIGNED, b BIT(3), d DECIMAL(5,2), doc TEXT, g INT AS (n + 1) VIRTUAL)",
	"CREATE TABLE numbered (id INT PRIMARY KEY AUTO_INCREMENT, n BIGINT)",
	"CREATE VIEW shown AS SELECT id, version FROM products",
}

func TestCheck(t *testing.T) {
	tests := []struct {
		title  string
		policy string   // what stands under `tables:`, with @ for the database and a ^ before the place of each fault
		want   []string // how each fault's text begins, in the order of their places
	}{
		{"right", "@.products: {version: version, ignore: [name]}", nil},
		{"right, names in another case", "@.products: {key: [ID], version: VERSION, ignore: [Name]}", nil},
		{"right, other unique key", "@.products: {key: [region, sku], version: version}", nil},
		{"right, key without a primary one", "@.nokey: {key: [u], version: version}", nil},

		{"no such table", "^@.prodcts: {version: version}", []string{`no such table @.prodcts, did you mean "@.products"?`}},
		{"no such table and nothing like it", "^@.zzzzzzzz: {version: version}", []string{"no such table @.zzzzzzzz"}},
		{"no such schema", "^no_such_db.products: {version: version}", []string{"no such table no_such_db.products: there is no table at all in no_such_db"}},
		{"view", "^@.shown: {version: version}", []string{"@.shown is a view"}},
		{"engine", "^@.old: {version: version}", []string{"@.old has the engine MyISAM"}},

		{"no key", "^@.bare: {version: version}", []string{"@.bare has no primary key; name"}},
		{"unknown key column", "@.products: {key: [^idd], version: version}", []string{`@.products has no column "idd", did you mean "id"?`}},
		{"every unknown key column", "@.products: {key: [^qqqqq, sku, ^wwwww], version: version}",
			[]string{`@.products has no column "qqqqq"`, `@.products has no column "wwwww"`}},
		{"key not unique", "@.products: {key: ^[sku], version: version}",
			[]string{"no unique index of @.products has exactly the columns [sku]; there is [id], "}},
		{"key wider than the unique index", "@.products: {key: ^[id, sku], version: version}", []string{"no unique index"}},
		{"key not unique where nothing is", "@.bare: {key: ^[^id], version: version}",
			[]string{"no unique index of @.bare has exactly the columns [id]; it has none at all", `key column "id" of @.bare can be NULL`}},
		{"key that can be NULL", "@.products: {key: [^nick], version: version}", []string{`key column "nick" of @.products can be NULL`}},
		{"key of double", "@.products: {key: [^f], version: version}", []string{`key column "f" of @.products is of type double`}},
		{"key of text", "@.products: {key: [^body], version: version}", []string{`key column "body" of @.products is of type text`}},
		{"primary key of float", "^@.floats: {version: version}", []string{`key column "f" of @.floats is of type float`}},

		{"unknown version", "@.products: {version: ^verison}", []string{`@.products has no column "verison", did you mean "version"?`}},
		{"generated version", "@.products: {version: ^twice}", []string{`version column "twice" of @.products is generated`}},
		{"version in the primary key", "@.products: {version: ^id}", []string{`version column "id" of @.products is part of the key`}},
		{"unknown term", "@.products: {version: {column: version, term: ^trem}}", []string{`@.products has no column "trem", did you mean "term"?`}},
		{"right term", "@.products: {version: {column: version, term: term}}", nil},
		{"term of text", "@.products: {version: {column: version, term: ^name}}", []string{`term column "name" of @.products is of type varchar(100); a term wants an integer`}},

		{"no bump for a string", "@.products: {version: ^etag}", []string{`version column "etag" of @.products is of type char(36); only integers`}},
		{"no bump for a date", "@.products: {version: ^day}", []string{`version column "day" of @.products is of type date; only integers`}},
		{"default bump of DATETIME", "@.products: {version: at}", nil},
		{"default bump of TIMESTAMP", "@.products: {version: stamp}", nil},
		{"increment of DATETIME", "@.products: {version: {column: at, bump: ^increment}}", []string{`version column "at" of @.products is of type datetime(6); bump: increment wants an integer`}},
		{"increment of DECIMAL", "@.products: {version: {column: price, bump: ^increment}}", []string{`version column "price"`}},
		{"now of DATE", "@.products: {version: {column: day, bump: ^now}}", []string{`version column "day" of @.products is of type date; bump: now wants DATETIME or TIMESTAMP`}},
		{"now of TIME", "@.products: {version: {column: clock, bump: ^now}}", []string{`version column "clock"`}},
		{"now of YEAR", "@.products: {version: {column: y, bump: ^now}}", []string{`version column "y"`}},
		{"now of INT", "@.products: {version: {column: version, bump: ^now}}", []string{`version column "version" of @.products is of type int unsigned`}},
		{"uuid", "@.products: {version: {column: etag, bump: uuid}}", nil},
		{"uuid in binary", "@.products: {version: {column: raw, bump: uuid}}", nil},
		{"uuid too long", "@.products: {version: {column: short, bump: ^uuid}}", []string{`version column "short" of @.products is of type char(31); bump: uuid wants`}},
		{"uuid of TEXT", "@.products: {version: {column: body, bump: ^uuid}}", []string{`version column "body" of @.products is of type text`}},
		{"none goes with any", "@.products: {version: {column: doc, bump: none}}", nil},
		{"external", "@.products: {version: {column: version, external: gt}}", nil},
		{"external of DATETIME", "@.products: {version: {column: at, external: ^ge}}", []string{`version column "at" of @.products is of type datetime(6); an external version wants an integer`}},
		{"digest", "@.products: {version: {digest: all}, ignore: [name]}", nil},
		{"digest of a generated column", "@.products: {version: {digest: [twice, doc, body, f]}}", nil},
		{"digest of every type", "@.types: {version: {digest: all}}", nil},
		{"unknown digest column", "@.products: {version: {digest: [name, ^nmae]}}", []string{`@.products has no column "nmae", did you mean "name"?`}},

		{"unknown ignored column", "@.products: {version: version, ignore: [name, ^nmae]}", []string{`@.products has no column "nmae", did you mean "name"?`}},
		{"ignored key", "@.products: {version: version, ignore: [^ID]}", []string{`"id" is a key column of @.products`}},

		{"states that are members", `@.machine: {status: {column: st, initial: [NEW], transitions: [{to: ["it's", "a,b", é], from: {not: in use}, require: {flags: "x,y", n: -128, u: 18446744073709551615, d: 1.50, b: 7, fixed: abcde, doc: anything at all, word: null}}]}}`, nil},
		{"states that are no members", "@.machine: {status: {column: st, initial: ^[NWE], transitions: [^^{to: [in-use, new], from: ^{not: 1}}], delete: {from: ^OLD}}}",
			[]string{`column "st" of @.machine cannot hold 'NWE': it is no member of the enum`, `column "st" of @.machine cannot hold 'in-use': it is no member of the enum, did you mean "in use"?`,
				`column "st" of @.machine cannot hold 'new': it is no member of the enum, did you mean "NEW"?`, `column "st" of @.machine cannot hold 1: it is no member`, `column "st" of @.machine cannot hold 'OLD'`}},
		{"NULL where there is none", "@.machine: {status: {column: st, initial: ^[null], transitions: [^{to: null, from: null}]}}",
			[]string{`column "st" of @.machine cannot be NULL`, `column "st" of @.machine cannot be NULL`}},
		{"values that no row can have", `@.machine: {require: {word: ^abcdef, fixed: ^"a ", n: ^^^[128, x, 1.5], u: ^-1, d: ^many, flags: ^"x,z"}}`,
			[]string{`column "word" of @.machine cannot hold 'abcdef': it is of type varchar(5)`, `column "fixed" of @.machine cannot hold 'a ': it is of type char(5), which drops spaces at the end`,
				`column "n" of @.machine cannot hold 'x': it is of type tinyint, which wants a number`, `column "n" of @.machine cannot hold 1.5: it is of type tinyint`, `column "n" of @.machine cannot hold 128: it is of type tinyint`,
				`column "u" of @.machine cannot hold -1: it is of type bigint unsigned`, `column "d" of @.machine cannot hold 'many': it is of type decimal, which wants a number`, `column "flags" of @.machine cannot hold 'x,z': it is no member of the set`}},
		{"columns that cannot be set", "@.machine: {status: {column: ^g, transitions: [{to: 1, set: {st: NOW(), id: ^1}}]}}",
			[]string{`status column "g" of @.machine is generated`, `column "id" of @.machine is part of the key, which "set" cannot change`}},
		{"unknown columns of conditions", "@.products: {version: version, require: {deleted: ^0}, status: {column: ^statos, transitions: [{to: a, require: {x1: ^1}, set: {y1: ^NOW()}}], delete: {from: [a], require: {z1: ^1}}}}",
			[]string{`@.products has no column "deleted"`, `@.products has no column "statos"`,
				`@.products has no column "x1"`, `@.products has no column "y1"`, `@.products has no column "z1"`}},

		{"a numbered column", "@.numbered: {number: {column: N, counter: /numbers}}", nil},
		{"a numbered key", "@.products: {version: version, number: {column: id, counter: /numbers}}", nil},
		{"columns that cannot be numbered", "@.products: {number: {column: ^name, counter: c}}\n  @.numbered: {number: {column: ^id, counter: c}}\n  @.machine: {number: {column: ^g, counter: c}}\n  @.types: {number: {column: ^x, counter: c}}",
			[]string{`column "name" of @.products is of type varchar(100); a counter numbers whole numbers`, `column "id" of @.numbered is AUTO_INCREMENT, so the server numbers it`,
				`column "g" of @.machine is generated, so no counter can number it`, `@.types has no column "x"`}},
		{"a counter's name that is too long", "@.numbered: {number: {column: n, counter: ^" + strings.Repeat("é", 513) + "}}", []string{"the name of a counter has at most 1024 bytes, this one has 1026"}},

		{"every fault of every table", "^@.bare: {version: ^vresion}\n  ^@.old: {version: ^id}",
			[]string{"@.bare has no primary key", `@.bare has no column "vresion"`,
				"@.old has the engine", `version column "id" of @.old is part of the key`}},
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		name := s.Database(t)
		db := s.Open(t, name)
		run(t, db, name, checked...)
		c := read(t, db, name, "products")
		for _, test := range tests {
			t.Run(test.title, func(t *testing.T) {
				src, places := unmark("tables:\n  " + strings.ReplaceAll(test.policy, "@", name) + "\n")
				var got, want []string
				for _, f := range Check(c, parse(t, src)) {
					got = append(got, f.Error())
				}
				for i, w := range test.want {
					want = append(want, places[i]+": "+strings.ReplaceAll(w, "@", name))
				}
				if len(got) != len(want) || !slices.EqualFunc(got, want, strings.HasPrefix) {
					t.Errorf("faults\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			})
		}
	})
}

// unmark takes the ^ out of a policy and gives the places where they stood.
func unmark(src string) (plain string, places []string) {
	line, column := 1, 1
	var b strings.Builder
	for _, c := range src {
		switch c {
		case '^':
			places = append(places, policy.Position{File: "p.yaml", Line: line, Column: column}.String())
			continue
		case '\n':
			line, column = line+1, 1
		default:
			column++
		}
		b.WriteRune(c)
	}
	return b.String(), places
}

func parse(t *testing.T, src string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("p.yaml", []byte(src))
	if err != nil {
		t.Fatalf("the policy is to be right in itself: %v\n%s", err, src)
	}
	return p
}

func TestCheckFindsEntriesThatAreOneTableToTheServer(t *testing.T) {
	p := parse(t, "tables:\n  shop.products: {version: version}\n  Shop.Products: {version: version}\n")
	id := &Column{Name: "id", DataType: "int", Class: Integer}
	version := &Column{Name: "version", DataType: "int", Class: Integer}
	for mode, want := range map[int]string{
		0: "p.yaml:3:3: no such table Shop.Products: there is no table at all in Shop",
		1: "p.yaml:3:3: Shop.Products is the table shop.products of line 2: this server compares names without case (lower_case_table_names=1); remove one of the two",
	} {
		n := Name{"shop", "products"}
		c := &Catalog{LowerCaseTableNames: mode, tables: map[Name]*Table{
			n: {Name: n, Engine: "InnoDB", Transactional: true, Columns: []*Column{id, version}, Key: []string{"id"}},
		}}
		if got := Check(c, p).Error(); got != want {
			t.Errorf("lower_case_table_names=%d: %s\nwant %s", mode, got, want)
		}
	}
}

func TestCheckWantsDigestsThatCanTellValuesApart(t *testing.T) {
	id := &Column{Name: "id", DataType: "int", Class: Integer, Generated: true}
	n := &Column{Name: "n", DataType: "int", Class: Integer}
	doc := &Column{Name: "doc", DataType: "xmltype", Class: Other}
	name := Name{"shop", "t"}
	c := &Catalog{tables: map[Name]*Table{
		name: {Name: name, Engine: "InnoDB", Transactional: true, Columns: []*Column{id, n, doc}, Key: []string{"id"}},
	}}
	const unknown = `column "doc" of shop.t is of type xmltype, whose values a digest is not known to tell apart; list the columns that the digest is made of without it`
	tests := []struct{ policy, want string }{
		{"{version: {digest: [n, id]}}", ""},
		{"{version: {digest: all}, ignore: [doc]}", ""},
		{"{version: {digest: [n, doc]}}", "p.yaml:2:34: " + unknown},
		{"{version: {digest: all}}", "p.yaml:2:30: " + unknown},
		{"{version: {digest: all}, ignore: [n, DOC]}", `p.yaml:2:30: no column of shop.t is left for the digest: all are generated or under "ignore"`},
	}
	for _, test := range tests {
		got := ""
		if err := Check(c, parse(t, "tables:\n  shop.t: "+test.policy+"\n")).Err(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: %s\nwant %s", test.policy, got, test.want)
		}
	}
}

func TestCheckWithoutABackendWantsKeys(t *testing.T) {
	c := Offline(sqltext.MySQL, 90700)
	p := parse(t, "tables:\n  shop.a: {key: [id], version: version}\n  shop.b: {version: version}\n")
	want := "p.yaml:3:3: shop.b has no key: without a backend to read the primary key from, give it as key: [column, …]"
	if got := Check(c, p).Error(); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestCheckNamesWhatElseATableIs(t *testing.T) {
	s := server.MariaDB(t)
	name := s.Database(t)
	db := s.Open(t, name)
	run(t, db, name, "CREATE SEQUENCE q")
	got := Check(read(t, db, name, "q"), parse(t, "tables:\n  "+name+".q: {key: [a], version: b}\n")).Error()
	if want := "p.yaml:2:3: " + name + ".q is a sequence, not a table"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
