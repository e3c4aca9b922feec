package integration

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/ruleset"
	"ifmatch/schema"
)

func TestDigestTellsEveryTwoValuesApart(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		w := newForms(t, s)
		var tested []domain
		for _, d := range domains() {
			if d.only == "" || d.only == s.Flavor {
				w.table(len(tested), d, "{digest: [c]}")
				tested = append(tested, d)
			}
		}
		rules := w.rules()
		digests := make([]map[string]string, len(tested)) // by type, of each writing of a value
		w.sessions(func(setting string, conn *sql.Conn) {
			for i, d := range tested {
				token := rules.Table(schema.Name{Schema: w.db, Name: w.name(i)}, "").TokenSQL("t")
				for _, how := range readings {
					got := w.read(conn, how, w.name(i), token)
					if digests[i] == nil {
						digests[i] = got
						d.holds(t, got)
						continue
					}
					for id, digest := range got {
						if digest != digests[i][id] {
							t.Errorf("%s, %s, %s: the digest of row %s is %x and was %x", d.of, setting, how.name, id, digest, digests[i][id])
						}
					}
				}
				w.guard(conn, setting+", "+d.of, w.name(i), token, digests[i])
			}
		})
	})
}

// holds asks that writings of one value have one digest, and values different ones.
func (d domain) holds(t *testing.T, digests map[string]string) {
	t.Helper()
	first := map[string]string{} // digest → the value
	for v, writings := range d.values {
		for i, writing := range writings {
			digest := digests[rowID(v, i)]
			if len(digest) != 32 {
				t.Errorf("%s: the digest of %.40s is %x; want 32 bytes", d.of, writing, digest)
			}
			switch other, known := first[digest]; {
			case i == 0 && known:
				t.Errorf("%s: %.40s and %.40s have one digest", d.of, writing, other)
			case i > 0 && other != writings[0]:
				t.Errorf("%s: %s and %s have different digests", d.of, writing, writings[0])
			case i == 0:
				first[digest] = writing
			}
		}
	}
}

// A column that is made NOT NULL, or no longer, keeps the digests of its values.
func TestDigestOfNotNull(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		w := newForms(t, s)
		var tested []domain
		for _, d := range domains() {
			if d.only == "" || d.only == s.Flavor {
				w.table(len(w.tables), d, "{digest: [c]}")
				w.table(len(w.tables), d.never(), "{digest: [c]}")
				tested = append(tested, d)
			}
		}
		rules := w.rules()
		of := func(i int) map[string]string {
			token := rules.Table(schema.Name{Schema: w.db, Name: w.name(i)}, "").TokenSQL("t")
			return w.read(w.conn, readings[0], w.name(i), token)
		}
		for i, d := range tested {
			nullable, never := of(2*i), of(2*i+1)
			if len(never) == 0 {
				t.Errorf("%s: no values", d.of)
			}
			for id, digest := range never {
				if digest != nullable[id] {
					t.Errorf("%s: the digest of row %s is %x where the column is NOT NULL, and %x where it is not", d.of, id, digest, nullable[id])
				}
			}
		}
	})
}

// What a row says must not depend on where in it the bytes stand.
func TestDigestTellsColumnsApart(t *testing.T) {
	values := []string{"NULL", "''", "'N'", "'-1'", "'1'", "','", "'1,a'", "'-1,'", "',0'", "'0,,'"}
	server.Each(t, func(t *testing.T, s *server.Server) {
		w := newForms(t, s)
		execute(t, w.conn, "CREATE TABLE t(id INT PRIMARY KEY AUTO_INCREMENT, a VARCHAR(5), b VARBINARY(5), n INT, c CHAR(2), e ENUM('','1','N'), x TINYTEXT, seen INT, twice INT AS (n * 2))")
		var rows []string
		for _, a := range values {
			for _, b := range values {
				for _, n := range []string{"NULL", "0", "1", "-1"} {
					for _, c := range []string{"NULL", "''", "'N'", "'1'"} {
						rows = append(rows, "("+a+","+b+","+n+","+c+",NULL,NULL)", "("+a+","+b+","+n+","+c+",'N','')")
					}
				}
			}
		}
		execute(t, w.conn, "INSERT INTO t(a, b, n, c, e, x) VALUES "+strings.Join(rows, ","))
		w.policy = "{version: {digest: [a, b, n, c, e, x]}}"
		w.tables = []string{"t"}
		token := w.rules().Table(schema.Name{Schema: w.db, Name: "t"}, "").TokenSQL("t")
		seen := map[string]string{}
		for id, digest := range w.read(w.conn, readings[0], "t", token) {
			if other, ok := seen[digest]; ok {
				t.Errorf("rows %s and %s have one digest", id, other)
			}
			seen[digest] = id
		}
		if len(seen) != len(rows) {
			t.Errorf("%d digests of %d rows", len(seen), len(rows))
		}
	})
}

func TestDigestOfAllLeavesOutWhatIsIgnoredAndComputed(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		w := newForms(t, s)
		execute(t, w.conn, "CREATE TABLE t(id INT PRIMARY KEY, n INT, seen INT, today INT AS (n * 0) VIRTUAL, `odd ``name` INT)")
		execute(t, w.conn, "INSERT INTO t(id, n, seen, `odd ``name`) VALUES (1, 1, 1, 1)")
		w.policy = "{version: {digest: all}, ignore: [SEEN]}"
		w.tables = []string{"t"}
		token := w.rules().Table(schema.Name{Schema: w.db, Name: "t"}, "").TokenSQL("`t`")
		read := func() string { return w.read(w.conn, readings[0], "t", token)["1"] }
		before := read()
		execute(t, w.conn, "UPDATE t SET seen = 2")
		if read() != before {
			t.Error("a write to an ignored column changes the digest")
		}
		for _, set := range []string{"n = 2", "`odd ``name` = 2", "n = NULL"} {
			execute(t, w.conn, "UPDATE t SET "+set)
			if now := read(); now == before {
				t.Errorf("%s does not change the digest", set)
			} else {
				before = now
			}
		}
	})
}

// Neither the size of a value nor the number of columns may make a digest NULL,
// also where max_allowed_packet is less than what the row has.
func TestDigestOfLargeRows(t *testing.T) {
	server.EachOwn(t, func(t *testing.T, s *server.Server) {
		w := newForms(t, s)
		execute(t, w.conn, "CREATE TABLE large(id INT PRIMARY KEY, a LONGTEXT CHARACTER SET latin1, b LONGBLOB, c MEDIUMTEXT CHARACTER SET utf16, v VARBINARY(60000))")
		execute(t, w.conn, "INSERT INTO large VALUES (1, REPEAT('a', 9000000), REPEAT('b', 9000000), REPEAT('c', 2000000), REPEAT(x'00', 60000))")
		for id, set := range []string{"a = CONCAT(LEFT(a, 8999999), 'A')", "b = CONCAT(b, 'b')", "c = CONCAT(LEFT(c, 1999999), 'C')", "v = REPEAT(x'5c', 60000)"} {
			execute(t, w.conn, fmt.Sprintf("INSERT INTO large SELECT %d, a, b, c, v FROM large WHERE id = 1", id+2))
			execute(t, w.conn, fmt.Sprintf("UPDATE large SET %s WHERE id = %d", set, id+2))
		}
		var columns []string
		for i := range 1000 {
			columns = append(columns, fmt.Sprintf("column%d %s", i, []string{"INT", "VARCHAR(10)", "TIMESTAMP(6) NULL", "CHAR(2)"}[i%4]))
		}
		execute(t, w.conn, "CREATE TABLE wide(id INT PRIMARY KEY, "+strings.Join(columns, ",")+") CHARACTER SET latin1 ROW_FORMAT=DYNAMIC")
		execute(t, w.conn, "BEGIN")
		for id := range 1000 {
			value := "1"
			if id%4 == 2 {
				value = "NOW()"
			}
			execute(t, w.conn, fmt.Sprintf("INSERT INTO wide(id, column%d) VALUES (%d, %s)", id, id, value))
		}
		execute(t, w.conn, "COMMIT")
		execute(t, w.conn, "SET GLOBAL max_allowed_packet = 1048576")
		w.policy = "{version: {digest: all}}"
		w.tables = []string{"large", "wide"}
		rules := w.rules()
		small := session(t, w.server, "root", w.db, "")
		for table, rows := range map[string]int{"large": 5, "wide": 1000} {
			token := rules.Table(schema.Name{Schema: w.db, Name: table}, "").TokenSQL("t")
			seen := map[string]bool{}
			for id, digest := range w.read(small, reading{name: "text"}, table, token) {
				if len(digest) != 32 {
					t.Errorf("%s: the digest of row %s is %x", table, id, digest)
				}
				seen[digest] = true
			}
			if len(seen) != rows {
				t.Errorf("%s: %d digests of %d rows", table, len(seen), rows)
			}
		}
	})
}

// The canonical forms, as a read set keeps them.
func TestFormOfAColumn(t *testing.T) {
	tests := []struct{ of, only, value, want string }{
		{of: "INT UNSIGNED", value: "7", want: "7"},
		{of: "DECIMAL(10,3)", value: "-1.5", want: "-1.500"},
		{of: "YEAR", value: "2024", want: "2024"},
		{of: "VARBINARY(4)", value: "x'00ff20'", want: "\x00\xff "},
		{of: "VARCHAR(20) CHARACTER SET utf8mb4", value: "'Zoë 😀 '", want: "Zoë 😀 "},
		{of: "VARCHAR(20) CHARACTER SET latin1", value: "'Zoë '", want: "Zoë "},
		{of: "VARCHAR(20) CHARACTER SET utf16", value: "'Zoë 😀'", want: "Zoë 😀"},
		{of: "VARCHAR(20) CHARACTER SET gbk", value: "'你好'", want: "你好"},
		{of: "CHAR(20) CHARACTER SET utf8mb4", value: "'Zoë  '", want: "Zoë"},
		{of: "CHAR(20) CHARACTER SET utf16", value: "' Zoë '", want: " Zoë"},
		{of: "CHAR(20) CHARACTER SET gbk", value: "'你好'", want: "你好"},
		{of: "CHAR(20)", value: "''", want: ""},
		{of: "ENUM('ä','b') CHARACTER SET latin1", value: "'ä'", want: "ä"},
		{of: "SET('a','b','c') CHARACTER SET utf16", value: "'c,a'", want: "a,c"},
		{of: "DATE", value: "'2024-01-02'", want: "2024-01-02"},
		{of: "DATE", value: "'0000-00-00'", want: "0000-00-00"},
		{of: "TIME(3)", value: "'-01:02:03.4'", want: "-01:02:03.400"},
		{of: "DATETIME", value: "'2024-01-02 03:04:05'", want: "2024-01-02 03:04:05"},
		{of: "DATETIME(6)", value: "'2024-01-02 03:04:05.6'", want: "2024-01-02 03:04:05.600000"},
		{of: "TIMESTAMP NULL", value: "'2024-01-02 03:04:05'", want: "1704164645"},
		{of: "TIMESTAMP(6) NULL", value: "'2024-01-02 03:04:05.6'", want: "1704164645.600000"},
		{of: "TIMESTAMP NULL", value: "'0000-00-00 00:00:00'", want: "0"},
		{of: "BIT(8)", value: "b'101'", want: "5"},
		{of: "BIT(64)", value: "x'ffffffffffffffff'", want: "18446744073709551615"},
		{of: "FLOAT", value: "0.1", want: "0.10000000149011612"},
		{of: "DOUBLE", value: "0.1e0 + 0.2e0", want: "0.30000000000000004"},
		{of: "TEXT CHARACTER SET latin1", value: "'ë '", want: "ë "},
		{of: "JSON", only: server.FlavorMySQL, value: `'{"b":1,"a":"ë"}'`, want: `{"a": "ë", "b": 1}`},
		{of: "JSON", only: server.FlavorMariaDB, value: `'{"b":1,"a":"ë"}'`, want: `{"b":1,"a":"ë"}`},
		{of: "UUID", only: server.FlavorMariaDB, value: "'123E4567E89B12D3A456426655440000'", want: "123e4567-e89b-12d3-a456-426655440000"},
		{of: "INET4", only: server.FlavorMariaDB, value: "'1.2.3.4'", want: "1.2.3.4"},
		{of: "INET6", only: server.FlavorMariaDB, value: "'0:0::1'", want: "::1"},
		{of: "VECTOR(2)", only: server.FlavorMySQL, value: "STRING_TO_VECTOR('[1,2]')", want: "\x00\x00\x80\x3f\x00\x00\x00\x40"},
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		w := newForms(t, s)
		for i, test := range tests {
			if test.only == "" || test.only == s.Flavor {
				w.table(i, domain{of: test.of, values: each(test.value, "NULL")}, "{column: c, bump: none}")
			}
		}
		rules := w.rules()
		w.sessions(func(setting string, conn *sql.Conn) {
			for i, test := range tests {
				if test.only != "" && test.only != s.Flavor {
					continue
				}
				token := rules.Table(schema.Name{Schema: w.db, Name: w.name(i)}, "").TokenSQL("t")
				if token == "t.`c`" && setting == "utf16 results" {
					continue // MariaDB shows a number by itself in character_set_results
				}
				for _, how := range readings {
					got := w.read(conn, how, w.name(i), token)
					if form := got[rowID(0, 0)]; form != test.want {
						t.Errorf("%s, %s, %s: the form of %s is %q; want %q", test.of, setting, how.name, test.value, form, test.want)
					}
					if form := got[rowID(1, 0)]; form != null {
						t.Errorf("%s, %s, %s: the form of NULL is %q", test.of, setting, how.name, form)
					}
				}
				w.guard(conn, setting+", "+test.of, w.name(i), token, map[string]string{rowID(0, 0): test.want})
			}
		})
	})
}

func TestFormOfAKey(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		w := newForms(t, s)
		execute(t, w.conn, "CREATE TABLE t(id TIMESTAMP(3) NOT NULL, c CHAR(4) CHARACTER SET utf16, n INT, v INT NOT NULL, PRIMARY KEY (c, id, n))")
		execute(t, w.conn, "INSERT INTO t VALUES ('2024-01-02 03:04:05.678', 'ë', 5, 1)")
		w.policy = "{version: v}"
		w.tables = []string{"t"}
		key := w.rules().Table(schema.Name{Schema: w.db, Name: "t"}, "").KeySQL("t")
		w.sessions(func(setting string, conn *sql.Conn) {
			for _, how := range readings {
				got := w.read(conn, how, "t", "CONCAT_WS(CAST(x'2f' AS BINARY), "+key+")")
				for _, form := range got {
					if form != "ë/1704164645.678/5" {
						t.Errorf("%s, %s: the key is %q", setting, how.name, form)
					}
				}
				if len(got) != 1 {
					t.Errorf("%s, %s: %d rows", setting, how.name, len(got))
				}
			}
		})
	})
}

// null stands for NULL among forms.
const null = "\x00NULL"

// reading is a way in which the proxy, or a server for it, comes to an expression.
type reading struct {
	name     string
	prepared bool
	options  string
}

var readings = []reading{
	{name: "text"},
	{name: "prepared", prepared: true},
	{name: "through a temporary table", options: "SQL_BUFFER_RESULT "},
}

// forms is a database whose tables forms are read of.
type forms struct {
	t      *testing.T
	server *server.Server
	db     string
	conn   *sql.Conn
	policy string // of all tables; else each has its own in tables
	tables []string
}

func newForms(t *testing.T, s *server.Server) *forms {
	w := &forms{t: t, server: s, db: s.Database(t)}
	w.conn = session(t, s, "root", w.db, "charset=utf8mb4")
	execute(t, w.conn, "SET sql_mode = '', time_zone = '+00:00'")
	return w
}

func (w *forms) name(i int) string { return fmt.Sprintf("t%d", i) }

func rowID(value, writing int) string { return fmt.Sprint(100*value + writing) }

// table makes table i with a row for each writing of each value of c.
func (w *forms) table(i int, d domain, version string) {
	w.t.Helper()
	execute(w.t, w.conn, fmt.Sprintf("CREATE TABLE %s(id INT PRIMARY KEY, c %s)", w.name(i), d.of))
	var rows []string
	for v, writings := range d.values {
		for n, writing := range writings {
			rows = append(rows, "("+rowID(v, n)+", "+writing+")")
		}
	}
	// One by one: the server would make one type of all values of a column.
	for _, row := range rows {
		execute(w.t, w.conn, "INSERT INTO "+w.name(i)+" VALUES "+row)
	}
	w.tables = append(w.tables, w.name(i)+": {version: "+version+"}")
}

// never is the domain without NULL, the other values in the same rows.
func (d domain) never() domain {
	d.of = strings.TrimSuffix(d.of, " NULL") + " NOT NULL"
	d.values = slices.Clone(d.values)
	for i, writings := range d.values {
		if writings[0] == "NULL" {
			d.values[i] = nil
		}
	}
	return d
}

// rules compiles the policy against the schema, as serve does.
func (w *forms) rules() *rewrite.Rules {
	w.t.Helper()
	text := "tables:\n"
	for _, table := range w.tables {
		text += "  " + w.db + "." + table
		if w.policy != "" {
			text += ": " + w.policy
		}
		text += "\n"
	}
	p, err := policy.Parse("policy.yaml", []byte(text))
	if err != nil {
		w.t.Fatal(err)
	}
	catalog, err := schema.Read(context.Background(), w.server.Open(w.t, ""), ruleset.Names(p))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := schema.Check(catalog, p).Err(); err != nil {
		w.t.Fatal(err)
	}
	return rewrite.Compile(p, catalog)
}

// sessions runs f in one session after the other, each with its settings.
func (w *forms) sessions(f func(setting string, conn *sql.Conn)) {
	w.t.Helper()
	for _, setting := range settings {
		if setting.only != "" && setting.only != w.server.Flavor {
			continue
		}
		conn := session(w.t, w.server, "root", w.db, "charset=utf8mb4")
		if setting.set != "" {
			execute(w.t, conn, setting.set)
		}
		f(setting.name, conn)
	}
}

// number writes a number so that every session is shown ASCII digits: MariaDB
// gives those of a number by itself in character_set_results.
func number(sql string) string { return "CONCAT_WS(CAST(x'2c' AS BINARY)," + sql + ")" }

// read gives the value of an expression for each row by its id. The expression
// knows the table as t.
func (w *forms) read(conn *sql.Conn, how reading, table, expression string) map[string]string {
	w.t.Helper()
	query := "SELECT " + how.options + number("t.id") + ", " + expression + " FROM " + table + " AS t ORDER BY 1"
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	source := conn.QueryContext
	if how.prepared {
		stmt, err := conn.PrepareContext(ctx, query)
		if err != nil {
			w.t.Fatalf("prepare %.300s: %v", query, err)
		}
		defer stmt.Close()
		source = func(ctx context.Context, _ string, _ ...any) (*sql.Rows, error) { return stmt.QueryContext(ctx) }
	}
	rows, err := source(ctx, query)
	if err != nil {
		w.t.Fatalf("%.300s: %v", query, err)
	}
	defer rows.Close()
	got := map[string]string{}
	for rows.Next() {
		var id, value []byte
		if err := rows.Scan(&id, &value); err != nil {
			w.t.Fatalf("%.300s: %v", query, err)
		}
		got[string(id)] = string(value)
		if value == nil {
			got[string(id)] = null
		}
	}
	if err := rows.Err(); err != nil {
		w.t.Fatalf("%.300s: %v", query, err)
	}
	return got
}

// guard asks that a guard with its form finds each row, without a warning, which
// would be an error in an UPDATE.
func (w *forms) guard(conn *sql.Conn, what, table, token string, want map[string]string) {
	w.t.Helper()
	var rows []string
	for id, form := range want {
		rows = append(rows, "t.id = "+id+" AND "+token+" = _binary x'"+hex.EncodeToString([]byte(form))+"'")
	}
	query := "SELECT " + number("COUNT(*)") + " FROM " + table + " AS t WHERE " + strings.Join(rows, " OR ")
	if wrong := gives(fmt.Sprint(len(want)))(run(conn, query, "")); wrong != "" {
		w.t.Errorf("%s: rows that the guard finds: %s", what, wrong)
	}
	if wrong := gives()(run(conn, "SHOW WARNINGS", "")); wrong != "" {
		w.t.Errorf("%s: warnings of the guard: %s", what, wrong)
	}
}
