package integration

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"ifmatch/integration/server"
)

// noopCase is an assignment to a column. What holds for all of them is that the
// version moves with the row. want adds that it stays, where it must.
type noopCase struct {
	typ    string
	stored string // expression of what is in the column
	text   string // expression that is assigned by text, "" for none
	param  any    // parameter that is assigned, nil for none
	names  string // character set of the session, utf8mb4 if not given
	mode   string // sql_mode of the session
	want   noopWant
	only   string // a flavor
}

type noopWant int

const (
	either noopWant = iota // the row says
	stays                  // the version stays as it was
	moves                  // the version moves, changed or not
)

var noopCases = []noopCase{
	{typ: "INT", stored: "5", text: "5", param: 5, want: stays},
	{typ: "INT", stored: "5", text: "'5'", param: "5", want: stays},
	{typ: "INT", stored: "5", text: "6", param: 6, want: moves},
	{typ: "INT", stored: "-5", text: "-5", param: -5, want: stays},
	{typ: "INT", stored: "5", text: "(5)", want: stays},
	{typ: "INT", stored: "5", text: "NULL", want: moves},
	{typ: "INT", stored: "NULL", text: "NULL", want: stays},
	{typ: "INT", stored: "NULL", text: "0", param: 0, want: moves},
	{typ: "INT", stored: "5", text: "05", param: "05"},
	{typ: "INT", stored: "5", text: "1e0", want: moves},
	{typ: "INT", stored: "5", text: "5e0", param: 5.0},
	{typ: "INT", stored: "5", text: "5.0", param: 5.4},
	{typ: "INT", stored: "5", text: "'5abc'", param: "5abc", mode: "''"},
	{typ: "INT", stored: "0", text: "''", param: "", mode: "''"},
	{typ: "INT", stored: "0", text: "'abc'", param: "abc", mode: "''"},
	{typ: "INT", stored: "0", text: "NULL", mode: "''"},
	{typ: "INT NOT NULL", stored: "0", text: "NULL", mode: "''"},
	{typ: "INT", stored: "5", text: "0x35"},
	{typ: "INT", stored: "5", text: "b'101'"},
	{typ: "INT", stored: "5", text: "TRUE"},
	{typ: "INT", stored: "5", text: "c", want: moves},
	{typ: "INT", stored: "5", text: "2+3", want: moves},
	{typ: "INT", stored: "5", text: "DEFAULT", want: moves},
	{typ: "INT(5) ZEROFILL", stored: "5", text: "5", param: "00005"},
	{typ: "TINYINT", stored: "127", text: "300", param: 300, mode: "''"},
	{typ: "TINYINT UNSIGNED", stored: "0", text: "-1", param: -1, mode: "''"},
	{typ: "BOOLEAN", stored: "1", text: "1", param: true, want: stays},
	{typ: "BIGINT", stored: "9007199254740993", text: "9007199254740993", param: "9007199254740993", want: stays},
	{typ: "BIGINT", stored: "9007199254740993", text: "'9007199254740992'", param: "9007199254740992", want: moves},
	{typ: "BIGINT", stored: "9007199254740993", text: "9007199254740992", param: int64(9007199254740992), want: moves},
	{typ: "BIGINT", stored: "9007199254740992", param: float64(9007199254740992)},
	{typ: "BIGINT UNSIGNED", stored: "18446744073709551615", text: "18446744073709551615", param: uint64(18446744073709551615), want: stays},
	{typ: "BIGINT UNSIGNED", stored: "18446744073709551615", text: "-1", param: -1, mode: "''"},

	{typ: "DECIMAL(10,2)", stored: "10.50", text: "10.50", param: "10.50", want: stays},
	{typ: "DECIMAL(10,2)", stored: "10.50", text: "'10.5'", param: "10.5"},
	{typ: "DECIMAL(10,2)", stored: "10.50", text: "10.504", param: "10.504"},
	{typ: "DECIMAL(30,0)", stored: "123456789012345678901234567890", text: "123456789012345678901234567890", param: "123456789012345678901234567890", want: stays},
	{typ: "DECIMAL(30,0)", stored: "123456789012345678901234567890", text: "123456789012345678901234567891", param: "123456789012345678901234567891", want: moves},
	{typ: "FLOAT", stored: "1.1", text: "1.1", param: 1.1, want: moves},
	{typ: "DOUBLE", stored: "1.1", text: "1.1", param: 1.1, want: moves},
	{typ: "BIT(8)", stored: "5", text: "5", param: 5, want: moves},

	{typ: "VARCHAR(20)", stored: "'x'", text: "'x'", param: "x", want: stays},
	{typ: "VARCHAR(20)", stored: "NULL", text: "NULL", want: stays},
	{typ: "VARCHAR(20)", stored: "NULL", text: "''", param: "", want: moves},
	{typ: "VARCHAR(20)", stored: "''", text: "NULL", want: moves},
	{typ: "VARCHAR(20)", stored: "''", text: "''", param: "", want: stays},
	{typ: "VARCHAR(20) CHARACTER SET utf8mb4", stored: "'A'", text: "'a'", param: "a", want: moves},
	{typ: "VARCHAR(20) CHARACTER SET utf8mb4", stored: "'é'", text: "'e'", param: "e", want: moves},
	{typ: "VARCHAR(20) CHARACTER SET utf8mb4", stored: "'é'", text: "'é'", param: "é", want: stays},
	{typ: "VARCHAR(20) CHARACTER SET utf8mb4", stored: "'x'", text: "'x '", param: "x ", want: moves},
	{typ: "VARCHAR(20) CHARACTER SET utf8mb4", stored: "'x '", text: "'x'", param: "x", want: moves},
	{typ: "VARCHAR(20) CHARACTER SET utf8mb4", stored: "'😀'", text: "'😀'", param: "😀", want: stays},
	{typ: "VARCHAR(20) CHARACTER SET utf8mb3", stored: "'é'", text: "'é'", param: "é", want: stays},
	{typ: "VARCHAR(20) CHARACTER SET utf8mb3", stored: "'?'", text: "'😀'", param: "😀", mode: "''"},
	{typ: "VARCHAR(20) CHARACTER SET latin1", stored: "'é'", text: "'é'", param: "é", want: stays},
	{typ: "VARCHAR(20) CHARACTER SET latin1", stored: "'é'", text: "'é'", param: "é", names: "latin1"},
	{typ: "VARCHAR(20) CHARACTER SET latin1", stored: "'Ã©'", text: "'é'", param: "é", names: "latin1"},
	{typ: "VARCHAR(20) CHARACTER SET latin1", stored: "_utf8mb4'Ã©'", text: "'é'", param: "é"},
	{typ: "VARCHAR(20) CHARACTER SET latin1", stored: "'?'", text: "'ő'", param: "ő", mode: "''"},
	{typ: "VARCHAR(20) CHARACTER SET utf8mb4", stored: "'é'", text: "'é'", param: "é", names: "latin1"},
	{typ: "VARCHAR(20) CHARACTER SET utf8mb4", stored: "'Ã©'", text: "'é'", param: "é", names: "latin1"},
	{typ: "VARCHAR(20) CHARACTER SET utf16", stored: "'é'", text: "'é'", param: "é", want: stays},
	{typ: "VARCHAR(20) CHARACTER SET utf32", stored: "'x'", text: "'x'", param: "x", want: stays},
	{typ: "VARCHAR(20) CHARACTER SET ucs2", stored: "'x'", text: "'x'", param: "x", want: moves},
	{typ: "VARCHAR(20) CHARACTER SET gbk", stored: "'中'", text: "'中'", param: "中", want: stays},
	{typ: "VARCHAR(20) CHARACTER SET sjis", stored: "'日'", text: "'日'", param: "日", want: stays},
	{typ: "VARCHAR(20) CHARACTER SET ascii", stored: "'?'", text: "'é'", param: "é", mode: "''"},
	{typ: "VARCHAR(20) CHARACTER SET utf8mb4", stored: "NULL", text: "_utf8mb4 x'41ff'", param: "A\xff", mode: "''"},
	{typ: "VARCHAR(20) CHARACTER SET utf8mb4", stored: "NULL", text: "'A\xff'", mode: "''"},
	{typ: "VARCHAR(20) CHARACTER SET utf8mb4", stored: "'A'", text: "'A\xff'", param: "A\xff", mode: "''"},
	{typ: "VARCHAR(20) CHARACTER SET latin1", stored: "NULL", text: "'A\xff'", param: "A\xff", mode: "''"},
	{typ: "VARCHAR(20) CHARACTER SET utf8mb4", stored: "'x'", text: "_latin1'x'"},
	{typ: "VARCHAR(20) CHARACTER SET latin1", stored: "'é'", text: "_utf8mb4'é'"},
	{typ: "VARCHAR(20) CHARACTER SET latin1", stored: "'é'", text: "_binary'é'", mode: "''"},
	{typ: "VARCHAR(20) CHARACTER SET utf8mb4", stored: "'x'", text: "N'x'"},
	{typ: "VARCHAR(20) CHARACTER SET utf8mb4", stored: "'xy'", text: "'x' 'y'"},
	{typ: "VARCHAR(20)", stored: "'x'", text: "0x78"},
	{typ: "VARCHAR(20)", stored: "'5'", text: "5", param: 5, want: stays},
	{typ: "VARCHAR(20)", stored: "'5'", text: "05"},
	{typ: "VARCHAR(20)", stored: "'5.0'", text: "5.0", param: 5.0},
	{typ: "VARCHAR(20)", stored: "'1e16'", text: "1e16", param: 1e16},
	{typ: "VARCHAR(3)", stored: "'abc'", text: "'abcd'", param: "abcd", mode: "''"},
	{typ: "VARCHAR(3)", stored: "'abc'", text: "'abc '", param: "abc "},
	{typ: "VARCHAR(3)", stored: "'1e6'", text: "1234567e0", param: 1e6, mode: "''"},
	{typ: "CHAR(5)", stored: "'x'", text: "'x'", param: "x", want: stays},
	{typ: "CHAR(5)", stored: "'x'", text: "'x  '", param: "x  "},
	{typ: "CHAR(5)", stored: "'x'", text: "'x'", param: "x", mode: "'PAD_CHAR_TO_FULL_LENGTH'", only: server.FlavorMariaDB},
	{typ: "CHAR(5)", stored: "'x'", text: "'X'", param: "X", want: moves},
	{typ: "TEXT", stored: "'x'", text: "'x'", want: stays},
	{typ: "TEXT", stored: "'x'", param: "x", want: moves},
	{typ: "LONGTEXT", stored: "REPEAT('x', 70000)", text: "'" + strings.Repeat("x", 70000) + "'", want: moves},
	{typ: "LONGTEXT", stored: "REPEAT('x', 60000)", text: "'" + strings.Repeat("x", 60000) + "'", want: stays},

	{typ: "VARBINARY(20)", stored: "'é'", text: "'é'", param: "é", want: stays},
	{typ: "VARBINARY(20)", stored: "'é'", text: "'é'", param: "é", names: "latin1"},
	{typ: "VARBINARY(20)", stored: "x'00ff'", param: []byte{0, 255}, want: stays},
	{typ: "VARBINARY(20)", stored: "x'00ff'", text: "x'00ff'", param: []byte{0, 254}, want: moves},
	{typ: "VARBINARY(20)", stored: "'A'", text: "'a'", param: "a", want: moves},
	{typ: "BINARY(4)", stored: "'ab'", text: "'ab'", param: "ab"},
	{typ: "BINARY(4)", stored: "'abcd'", text: "'abcd'", param: "abcd", want: stays},
	{typ: "BLOB", stored: "'x'", text: "'x'", want: stays},
	{typ: "BLOB", stored: "'x'", param: "x", want: moves},

	{typ: "DATE", stored: "'2024-01-31'", text: "'2024-01-31'", param: "2024-01-31", want: stays},
	{typ: "DATE", stored: "'2024-01-31'", text: "20240131", param: "2024-1-31"},
	{typ: "DATE", stored: "'2024-01-31'", text: "DATE'2024-01-31'"},
	{typ: "DATE", stored: "'2024-01-31'", text: "'2024-01-31 10:00:00'", param: "2024-01-31 10:00:00"},
	{typ: "DATE", stored: "'0000-00-00'", text: "'0000-00-00'", param: "0000-00-00", mode: "''", want: stays},
	{typ: "DATE", stored: "'0000-00-00'", text: "'rubbish'", param: "rubbish", mode: "''"},
	{typ: "DATETIME", stored: "'2024-01-01 00:00:00'", text: "'2024-01-01 00:00:00'", param: "2024-01-01 00:00:00", want: stays},
	{typ: "DATETIME", stored: "'2024-01-01 00:00:00'", text: "'2024-01-01'", param: "2024-01-01"},
	{typ: "DATETIME", stored: "'2024-01-01 00:00:00'", text: "'2024-01-01 00:00:00.6'", param: "2024-01-01 00:00:00.6"},
	{typ: "DATETIME", stored: "'2024-01-01 00:00:00'", text: "'2024-01-01 00:00:00+02:00'", param: "2024-01-01 00:00:00+02:00"},
	{typ: "DATETIME(6)", stored: "'2024-01-01 00:00:00.000001'", text: "'2024-01-01 00:00:00.000001'", param: "2024-01-01 00:00:00.000001", want: stays},
	{typ: "DATETIME(6)", stored: "'2024-01-01 00:00:00.000001'", text: "'2024-01-01 00:00:00.000002'", param: "2024-01-01 00:00:00", want: moves},
	{typ: "DATETIME ON UPDATE CURRENT_TIMESTAMP", stored: "'2024-01-01 00:00:00'", text: "'2024-01-01 00:00:00'", param: "2024-01-01 00:00:00", want: stays},
	{typ: "TIME", stored: "'-10:11:12'", text: "'-10:11:12'", param: "-10:11:12", want: stays},
	{typ: "TIME", stored: "'10:11:12'", text: "101112", param: "10:11:12.4"},
	{typ: "YEAR", stored: "2024", text: "2024", param: "2024", want: stays},
	{typ: "YEAR", stored: "2024", text: "24", param: 24},
	{typ: "YEAR", stored: "0", text: "'0'", param: "0", want: moves},
	{typ: "YEAR", stored: "0", text: "'0000'", param: "0000"},
	{typ: "YEAR", stored: "2000", text: "0", param: 0, want: moves},
	{typ: "TIMESTAMP NULL", stored: "'2024-07-01 08:00:00'", text: "'2024-07-01 10:00:00'", param: "2024-07-01 10:00:00", want: stays},
	{typ: "TIMESTAMP NULL", stored: "FROM_UNIXTIME(1729989000)", text: "'2024-10-27 02:30:00'", param: "2024-10-27 02:30:00"},
	{typ: "TIMESTAMP NULL", stored: "FROM_UNIXTIME(1729992600)", text: "'2024-10-27 02:30:00'", param: "2024-10-27 02:30:00", want: moves},
	{typ: "TIMESTAMP NULL", stored: "'0000-00-00 00:00:00'", text: "'0000-00-00 00:00:00'", param: "0000-00-00 00:00:00", mode: "''"},
	{typ: "TIMESTAMP NULL", stored: "'2024-07-01 08:00:00'", text: "NULL", want: moves},
	{typ: "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP", stored: "'2024-07-01 08:00:00'", text: "'2024-07-01 10:00:00'", param: "2024-07-01 10:00:00", want: stays},

	{typ: "ENUM('a','b','1')", stored: "'b'", text: "'b'", param: "b", want: stays},
	{typ: "ENUM('a','b','1')", stored: "'b'", text: "2", param: 2},
	{typ: "ENUM('a','b','1')", stored: "'1'", text: "'1'", param: "1", want: stays},
	{typ: "ENUM('a','b','1')", stored: "'1'", text: "1", param: 1, want: moves},
	{typ: "ENUM('a','b')", stored: "'a'", text: "'A'", param: "A"},
	{typ: "ENUM('a','')", stored: "0", text: "''", param: "", mode: "''"},
	{typ: "ENUM('a','')", stored: "0", text: "N''", mode: "''"},
	{typ: "SET('a','b')", stored: "'a,b'", text: "'a,b'", want: stays},
	{typ: "SET('a','b')", stored: "'a,b'", text: "'b,a'", param: "a,b"},
	{typ: "SET('a','b')", stored: "'a,b'", text: "3", param: "a", want: moves},
	{typ: "JSON", stored: `'{"a": 1}'`, text: `'{"a": 1}'`, param: `{"a": 1}`},
	{typ: "JSON", stored: `'{"a": 1}'`, text: `'{"a":1}'`, param: `{"a":1}`},
	{typ: "POINT", stored: "POINT(1,2)", text: "POINT(1,2)", want: moves},
	{typ: "INET6", stored: "'::1'", text: "'::1'", param: "::1", want: moves, only: server.FlavorMariaDB},
}

// The version moves with every byte of the row, and stays where a plain value is
// saved back.
func TestNoopFollowsTheRow(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := session(t, s, "root", shop, "charset=utf8mb4")
		execute(t, db, "SET sql_mode='', time_zone='+00:00'")
		policy := "defaults: {noop: skip}\ntables:\n"
		for i, c := range noopCases {
			if c.only != "" && c.only != s.Flavor {
				continue
			}
			execute(t, db, fmt.Sprintf("CREATE TABLE t%d(id INT PRIMARY KEY, v BIGINT UNSIGNED NOT NULL DEFAULT 1, c %s)", i, c.typ))
			for id := 1; id <= 2; id++ {
				execute(t, db, fmt.Sprintf("INSERT INTO t%d(id, c) VALUES (%d, %s)", i, id, c.stored))
			}
			policy += fmt.Sprintf("  %s.t%d: {version: v}\n", shop, i)
		}
		p := start(t, s, policy)
		zone := summerTime(t, db)
		for i, c := range noopCases {
			if c.only != "" && c.only != s.Flavor {
				continue
			}
			app := session(t, p.server(s), "root", shop, "")
			names := c.names
			if names == "" {
				names = "utf8mb4"
			}
			execute(t, app, "SET NAMES "+names)
			execute(t, app, "SET time_zone='"+zone+"'")
			if c.mode != "" {
				execute(t, app, "SET sql_mode="+c.mode)
			}
			if c.text != "" {
				what := fmt.Sprintf("%s with %.40q, set to %.40s under %s", c.typ, c.stored, c.text, names)
				c.check(t, what, db, app, i, 1, fmt.Sprintf("UPDATE t%d SET c=%s WHERE id=1", i, c.text))
			}
			if c.param != nil {
				what := fmt.Sprintf("%s with %.40q, set to parameter %v under %s", c.typ, c.stored, c.param, names)
				c.check(t, what, db, app, i, 2, fmt.Sprintf("UPDATE t%d SET c=? WHERE id=2", i), c.param)
			}
			app.Close()
		}
	})
}

// check runs one update and holds the version against the row.
func (c noopCase) check(t *testing.T, what string, db, app *sql.Conn, table, id int, update string, args ...any) {
	t.Helper()
	before, version := c.row(t, db, table, id)
	o := run(app, update, "", args...)
	warnings := run(app, "SHOW WARNINGS", "")
	after, now := c.row(t, db, table, id)
	switch {
	case before != after && version == now:
		t.Errorf("%s: the row was %s and is %s, and the version is still %s", what, before, after, now)
	case o.err != nil && (before != after || version != now):
		t.Errorf("%s: error %v, and yet the row has changed", what, o.err)
	case c.want == stays && (version != now || o.err != nil || o.affected != 0):
		t.Errorf("%s: the version was %s and is %s, %d rows affected, error %v; the row is still %s", what, version, now, o.affected, o.err, after)
	case c.want == stays && (len(warnings.rows) > 0 || warnings.err != nil):
		t.Errorf("%s: warnings %q, error %v", what, warnings.rows, warnings.err)
	case c.want == moves && version == now && o.err == nil:
		t.Errorf("%s: the version is still %s", what, now)
	}
}

// row gives all bytes of the column, and the version.
func (c noopCase) row(t *testing.T, db *sql.Conn, table, id int) (bytes, version string) {
	t.Helper()
	number := "0"
	switch word, _, _ := strings.Cut(c.typ, "("); word {
	case "ENUM", "SET", "BIT", "FLOAT", "DOUBLE":
		number = "c+0"
	}
	q := fmt.Sprintf("SELECT COALESCE(HEX(CAST(c AS BINARY)), 'NULL'), COALESCE(%s, 'NULL'), v FROM t%d WHERE id=%d", number, table, id)
	var n string
	if err := db.QueryRowContext(context.Background(), q).Scan(&bytes, &n, &version); err != nil {
		t.Fatal(err)
	}
	return bytes + "/" + n, version
}

// summerTime gives the name of a time zone whose clock is set back by an hour
// on 2024-10-27 at 1:00 UTC, as Berlin's is. The servers of these tests have no
// time zones of their own.
func summerTime(t *testing.T, db *sql.Conn) string {
	t.Helper()
	const zone = "Test/Summer"
	for _, q := range []string{
		"INSERT IGNORE INTO mysql.time_zone(Time_zone_id, Use_leap_seconds) VALUES (9999, 'N')",
		"INSERT IGNORE INTO mysql.time_zone_name(Name, Time_zone_id) VALUES ('" + zone + "', 9999)",
		"INSERT IGNORE INTO mysql.time_zone_transition_type(Time_zone_id, Transition_type_id, `Offset`, Is_DST, Abbreviation) VALUES (9999, 0, 3600, 0, 'CET'), (9999, 1, 7200, 1, 'CEST')",
		"INSERT IGNORE INTO mysql.time_zone_transition(Time_zone_id, Transition_time, Transition_type_id) VALUES (9999, 1698541200, 0), (9999, 1711846800, 1), (9999, 1729990800, 0)",
	} {
		execute(t, db, q)
	}
	return zone
}

func TestNoopSkip(t *testing.T) {
	const policy = "tables: {shop.products: {version: version, noop: skip}}"
	typed := func(version string) string {
		return "CREATE TABLE t(id INT PRIMARY KEY, a INT, b VARCHAR(20), v " + version + "); INSERT INTO t(id, a, b) VALUES (1, 5, 'x')"
	}
	const byV = "tables: {shop.t: {version: {column: v, bump: uuid}, noop: skip}}"
	play(t, []scenario{
		{name: "every value has to be the old one", setup: products, policy: policy, steps: []step{
			do(A, "UPDATE products SET name='pen', price=99, in_stock=6, last_seen=NULL WHERE id=100", affects(0)),
			do(A, "SHOW WARNINGS", gives()),
			do(A, "UPDATE products p SET p.name=?, p.price=?, p.in_stock=?, p.last_seen=? WHERE p.id=?", affects(0), "pen", 99, 6, nil, 100),
			do(A, "SHOW WARNINGS", gives()),
			do(direct, "SELECT version FROM products WHERE id=100", gives("1")),
			do(A, "UPDATE products SET name='pen', price=98, in_stock=6 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET name=?, price=?, in_stock=? WHERE id=?", affects(1), "pen", 98, 7, 100),
			do(A, "UPDATE products SET name='pen', price=98, in_stock=7, last_seen='2024-01-01 00:00:00' WHERE id=100", affects(1)),
			do(A, "UPDATE products SET name='pen', price=98, in_stock=7, last_seen=NULL WHERE id=100", affects(1)),
			do(direct, "SELECT version FROM products WHERE id=100", gives("5")),
		}},
		{name: "with CLIENT_FOUND_ROWS", setup: products, policy: policy, params: "clientFoundRows=true", steps: []step{
			do(A, "UPDATE products SET price=99 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=? WHERE id=?", affects(1), 99, 100),
			do(direct, "SELECT version FROM products WHERE id=100", gives("1")),
		}},
		{name: "what is in doubt moves the version", setup: products, policy: policy, steps: []step{
			do(A, "UPDATE products SET price=99, in_stock=in_stock+0 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=98, price=99 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=99, price=99 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=DEFAULT(price) WHERE id=100", fine),
			do(A, "UPDATE products SET last_seen=NULL, price=? WHERE id=?", affects(1), 98.5, 100),
			do(direct, "SELECT version FROM products WHERE id=100", gives("6")),
		}},
		{name: "the guard is what it was", setup: products, policy: policy, steps: []step{
			do(A, "UPDATE products SET price=99 WHERE id=100 AND version=1", affects(0)),
			do(A, "UPDATE /* ifmatch: version=1 */ products SET price=99 WHERE id=100", affects(0)),
			do(A, "UPDATE products SET price=99 WHERE id=100 AND version=7", conflict("expected version=7, found version=1")),
			do(A, "UPDATE products SET price=? WHERE id=? AND version=?", conflict("expected version=7, found version=1"), 99, 100, 7),
			do(direct, "SELECT version FROM products WHERE id=100", gives("1")),
		}},
		{name: "a whole row saved back", setup: products, policy: policy, steps: []step{
			do(A, "UPDATE products SET version=1, name='pen', price=99 WHERE id=100", affects(0)),
			do(A, "UPDATE products SET version=?, name=?, price=? WHERE id=?", affects(0), 1, "pen", 99, 100),
			do(A, "UPDATE products SET version=?, name=?, price=? WHERE id=?", conflict("expected version=3, found version=1"), 3, "pen", 99, 100),
			do(direct, "SELECT version FROM products WHERE id=100", gives("1")),
			do(A, "UPDATE products SET version=?, name=?, price=? WHERE id=?", affects(1), 1, "pen", 98, 100),
			do(A, "UPDATE products SET version=2, name='pen', price=97 WHERE id=100", affects(1)),
			// Behind other assignments the version would be compared with the new row.
			do(A, "UPDATE products SET name='pen', price=96, version=3 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET name=?, price=?, version=? WHERE id=?", affects(1), "pen", 95, 4, 100),
			do(direct, "SELECT price, version FROM products WHERE id=100", gives("95|5")),
		}},
		{name: "a version that the client raises itself", setup: products, policy: policy, steps: []step{
			do(A, "UPDATE products SET version=2, price=99 WHERE id=100 AND version=1", affects(1)),
			do(A, "UPDATE products SET version=?, price=? WHERE id=? AND version=?", affects(1), 3, 99, 100, 2),
			do(A, "UPDATE products SET version=version+1, price=? WHERE id=? AND version=?", affects(1), 99, 100, 3),
			do(A, "UPDATE products SET version=version+1 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET version=version-1, price=99 WHERE id=100", affects(0)),
			do(direct, "SELECT price, version FROM products WHERE id=100", gives("99|5")),
		}},
		{name: "a trigger may change what the statement does not", policy: policy, setup: products +
			"; CREATE TRIGGER touched BEFORE UPDATE ON products FOR EACH ROW SET NEW.last_seen = '2024-01-01'", steps: []step{
			do(A, "UPDATE products SET price=99 WHERE id=100", affects(1)),
			do(direct, "SELECT version FROM products WHERE id=100", gives("2")),
		}},
		{name: "assignments at once", setup: products, policy: policy, only: server.FlavorMariaDB, steps: []step{
			do(A, "SET sql_mode='SIMULTANEOUS_ASSIGNMENT'", fine),
			do(A, "UPDATE products SET price=99 WHERE id=100", affects(0)),
			do(A, "UPDATE products SET price=98, version=1 WHERE id=100", affects(1)),
			do(A, "UPDATE products SET version=2, price=98 WHERE id=100", affects(0)),
			do(direct, "SELECT version FROM products WHERE id=100", gives("2")),
		}},
		{name: "a connection of wide characters", setup: products, policy: policy, steps: []step{
			do(A, "SET collation_connection=utf16_general_ci", fine),
			do(A, "UPDATE products SET price='99', name='pen' WHERE id=100", affects(0)),
			do(A, "UPDATE products SET price=?, name=? WHERE id=?", affects(0), 99, "pen", 100),
			do(A, "UPDATE products SET price=98, name='pen' WHERE id=100", affects(1)),
			do(A, "UPDATE products SET price=?, name=? WHERE id=?", affects(1), 98, "cap", 100),
			do(direct, "SELECT version FROM products WHERE id=100", gives("3")),
		}},
		{name: "a nullable version", setup: typed("INT UNSIGNED NULL"), policy: "tables: {shop.t: {version: v, noop: skip}}", steps: []step{
			do(A, "UPDATE t SET a=5 WHERE id=1", affects(0)),
			do(A, "UPDATE t SET a=? WHERE id=?", affects(1), 6, 1),
			do(A, "UPDATE t SET a=? WHERE id=?", affects(0), 6, 1),
			do(direct, "SELECT v FROM t", gives("1")),
		}},
		{name: "a version by the clock", setup: typed("DATETIME(6) NOT NULL DEFAULT '2024-01-01'"), policy: "tables: {shop.t: {version: {column: v, bump: now}, noop: skip}}", steps: []step{
			do(A, "UPDATE t SET a=5, b='x' WHERE id=1", affects(0)),
			do(A, "UPDATE t SET a=?, b=? WHERE id=?", affects(0), 5, "x", 1),
			do(direct, "SELECT v FROM t", gives("2024-01-01 00:00:00.000000")),
			do(A, "UPDATE t SET v=?, a=? WHERE id=?", affects(0), "2024-01-01 00:00:00", 5, 1),
			do(A, "UPDATE t SET v='2024-01-01 00:00:00.000000', a=5 WHERE id=1", affects(0)),
			do(direct, "SELECT v FROM t", gives("2024-01-01 00:00:00.000000")),
			do(A, "UPDATE t SET a=?, b=? WHERE id=?", affects(1), 5, "X", 1),
			do(direct, "SELECT v > '2024-01-02' FROM t", gives("1")),
		}},
		{name: "a random version", setup: typed("CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'q'"), policy: byV, steps: []step{
			do(A, "UPDATE t SET a=5, b='x' WHERE id=1", affects(0)),
			do(A, "UPDATE t SET a=?, b=? WHERE id=?", affects(0), 5, "x", 1),
			do(direct, "SELECT v FROM t", gives("q")),
			do(A, "UPDATE t SET a=?, b=? WHERE id=?", affects(1), 4, "x", 1),
			do(direct, "SELECT LENGTH(v) FROM t", gives("36")),
			do(direct, "UPDATE t SET v='Q-1'", affects(1)),
			do(A, "UPDATE t SET v='Q-1', a=4 WHERE id=1", affects(0)),
			do(A, "UPDATE t SET v=?, a=? WHERE id=?", affects(0), "Q-1", 4, 1),
			do(direct, "SELECT v FROM t", gives("Q-1")),
			do(A, "UPDATE t SET v=?, a=? WHERE id=?", affects(1), "Q-1", 5, 1),
			do(A, "UPDATE t SET v=?, a=? WHERE id=?", conflict("expected v='Q-1'"), "Q-1", 6, 1),
		}},
		{name: "a random version of bytes", setup: typed("BINARY(16) NOT NULL DEFAULT 0x00112233445566778899AABBCCDDEEFF"), policy: byV, steps: []step{
			do(A, "UPDATE t SET a=5, b='x' WHERE id=1", affects(0)),
			do(direct, "SELECT HEX(v) FROM t", gives("00112233445566778899AABBCCDDEEFF")),
			do(A, "UPDATE t SET a=? WHERE id=?", affects(1), 4, 1),
			do(direct, "SELECT HEX(v) <> '00112233445566778899AABBCCDDEEFF' FROM t", gives("1")),
		}},
		{name: "a narrow version that is full", setup: typed("TINYINT UNSIGNED NOT NULL DEFAULT 254"), policy: "tables: {shop.t: {version: v, noop: skip}}", steps: []step{
			do(A, "UPDATE t SET a=5 WHERE id=1", affects(0)),
			do(A, "UPDATE t SET a=6 WHERE id=1", affects(1)),
			do(A, "UPDATE t SET a=7 WHERE id=1", refused("255")),
		}},
	})
}
