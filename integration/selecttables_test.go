package integration

import (
	"strings"

	"ifmatch/integration/server"
)

// selectSetup makes the tables of which SELECTs are written at random. No two
// rows have a version in common, nor a row one with another of its columns. No
// number is too great for a key: whether that is warned of depends on the plan.
const selectSetup = `CREATE TABLE item(id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40), price DECIMAL(10,2), qty INT NULL, note TEXT NULL,
	cat INT, version BIGINT NOT NULL DEFAULT 1 INVISIBLE, KEY by_cat (cat), KEY by_name (name));
INSERT INTO item(id, name, price, qty, note, cat, version) VALUES (1, 'apple', 1.50, 3, 'red', 1, 1001), (2, 'pear', 2.25, NULL, NULL, 1, 1002), (3, 'B2', 0, 0, '', 2, 1003),
	(4, 'Apple', 10.00, 5, 'green', 2, 1004), (5, NULL, NULL, 7, 'é', NULL, 1005), (6, 'zebra', 3.10, 3, 'x', 3, 1006), (7, 'o', 1.50, 1, 'y', 3, 1007);
CREATE TABLE line(ord INT, no INT, sku VARCHAR(20), item INT UNSIGNED, n INT, version INT NOT NULL DEFAULT 0, PRIMARY KEY(ord, no)) PARTITION BY HASH(ord) PARTITIONS 2;
INSERT INTO line VALUES (1, 1, 'a', 1, 2, 2001), (1, 2, 'B2', 3, 1, 2002), (2, 1, 'a', 4, 9, 2003), (2, 2, NULL, NULL, 0, 2004), (3, 1, 'zz', 99, 4, 2005);
CREATE TABLE tag(code VARCHAR(10) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci PRIMARY KEY, title VARCHAR(30) CHARACTER SET latin1, weight DOUBLE, ver INT NOT NULL);
INSERT INTO tag VALUES ('a', 'first', 0.1, 3001), ('B2', 'sécond', 1e9, 3002), ('é', NULL, NULL, 3003), ('o', 'apple', -3, 3004);
CREATE TABLE rec(id INT PRIMARY KEY, f FLOAT, d DOUBLE, amount DECIMAL(20,6), j JSON, b BIT(9), e ENUM('', 'one', 'two'), s SET('x', 'y', 'z'), t TIME(3), dt DATETIME(6),
	ts TIMESTAMP(2) NULL, bl BLOB, tx TEXT, u BIGINT UNSIGNED, z INT(6) ZEROFILL, y YEAR, c CHAR(8), bi BINARY(4));
INSERT INTO rec VALUES (1, 0.1, 0.1, 1.5, '{"a": 1}', 5, 'one', 'x,z', '-01:02:03.456', '2024-01-02 03:04:05.678901', '2024-01-02 03:04:05.67', x'00ff', 'text', 18446744073709551615, 42, 2024, 'ab ', 'ab'),
	(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(3, 1e9, -20.5, -0.000001, '[1, "é"]', 0, '', '', '838:59:59', '1999-12-31 23:59:59', '2000-02-29 00:00:00', '', '', 0, 0, 1999, '', ''),
	(4, 3, 3, 3, '3', 3, 'two', 'y', '00:00:03', '2024-03-03 00:00:00', '2024-03-03 00:00:03', REPEAT('b', 300), REPEAT('é', 200), 3, 3, 2003, 'é', 'éx');
CREATE TABLE vis(id INT PRIMARY KEY, name VARCHAR(20), version INT);
INSERT INTO vis VALUES (1, 'apple', 5001), (2, 'o', 5002), (3, NULL, NULL), (9, 'x', 5009);
CREATE TABLE plain(id INT PRIMARY KEY, name VARCHAR(20), version INT, cat INT);
INSERT INTO plain VALUES (1, 'apple', 6001, 1), (2, 'B2', 6002, 2), (4, NULL, NULL, NULL), (8, 'é', 6008, 3);
CREATE VIEW item_v AS SELECT id, name, price, version FROM item AS base WHERE qty IS NOT NULL`

// selectPolicy guards all of them but plain and the view.
const selectPolicy = `tables:
  shop.item: {version: version}
  shop.line: {version: version}
  shop.tag: {version: ver}
  shop.rec: {version: {digest: all}}
  shop.vis: {version: version, capture: visible}
`

type genKind int

const (
	anyKind genKind = iota
	numKind
	strKind
)

// genTable is a table as statements are written of it.
type genTable struct {
	from    string // as it stands in FROM, where that is not its name
	columns map[genKind][]string
	key     []string // empty where it tells rows not apart
}

func newGenTable(from, key, nums, strs, others string) *genTable {
	t := &genTable{from: from, key: strings.Fields(key), columns: map[genKind][]string{numKind: strings.Fields(nums), strKind: strings.Fields(strs)}}
	t.columns[anyKind] = append(append(strings.Fields(others), t.columns[numKind]...), t.columns[strKind]...)
	return t
}

// selectTables are the tables, the view and derived tables. Those inside have
// names of their own: in MySQL ORDER BY item.id finds the column of a derived
// table that is selected if that is made of item.id.
var selectTables = map[string]*genTable{
	"item":   newGenTable("", "id", "id price qty cat version", "name note", ""),
	"line":   newGenTable("", "ord no", "ord no item n version", "sku", ""),
	"tag":    newGenTable("", "code", "ver weight", "code title", ""),
	"rec":    newGenTable("", "id", "id f d amount u z", "tx c e", "j b s t dt ts bl y bi"),
	"vis":    newGenTable("", "id", "id version", "name", ""),
	"plain":  newGenTable("", "id", "id version cat", "name", ""),
	"item_v": newGenTable("", "id", "id price version", "name", ""),
	"few":    newGenTable("(SELECT id, name, version FROM item AS base WHERE id < 5)", "id", "id version", "name", ""),
	"most":   newGenTable("(SELECT id, MAX(version) AS version, MIN(name) AS name FROM item AS base GROUP BY id)", "id", "id version", "name", ""),
	"fixed":  newGenTable("(SELECT 1 AS id, 7 AS version, 'n' AS name)", "id", "id version", "name", ""),
	"all_v":  newGenTable("(SELECT * FROM vis AS base)", "id", "id version", "name", ""),
}

// selectNames are the tables, the guarded ones more often.
var selectNames = strings.Fields("item item item line line tag tag rec rec vis plain item_v few most fixed all_v")

// from writes n tables and what joins them.
func (g *selectGen) from(n int) string {
	g.sources = nil
	text := g.factor()
	for range n - 1 {
		left := len(g.sources)
		right := g.factor()
		switch g.r.IntN(12) {
		case 0:
			text += ", " + right
		case 1:
			text += " CROSS JOIN " + right
		case 2:
			text += " NATURAL " + g.pick("", "LEFT ", "RIGHT ", "INNER ", "LEFT OUTER ") + "JOIN " + right
		case 3:
			text += g.pick(" JOIN ", " LEFT JOIN ", " RIGHT JOIN ") + right + " USING (" + g.pick("id", "name", "version", "id, name", "cat") + ")"
		case 4:
			text += " STRAIGHT_JOIN " + right + " ON " + g.on(left)
		case 5:
			text = "(" + text + g.pick(" JOIN ", " LEFT JOIN ") + right + " ON " + g.on(left) + ")"
		case 6:
			text = "{ OJ " + text + " LEFT OUTER JOIN " + right + " ON " + g.on(left) + " }"
		default:
			text += g.pick(" JOIN ", " INNER JOIN ", " LEFT JOIN ", " LEFT OUTER JOIN ", " RIGHT JOIN ") + right + " ON " + g.on(left)
		}
	}
	return text
}

// factor writes one table and adds it to the sources.
func (g *selectGen) factor() string {
	name := selectNames[g.r.IntN(len(selectNames))]
	t := selectTables[name]
	text, alias := t.from, ""
	if text == "" {
		if text = g.quote(name); g.one(8) {
			text = g.quote(g.shop) + g.pick(".", ".", " . ") + text
		}
		if name == "line" && g.one(5) {
			text += " PARTITION (p0, p1)"
		}
		taken := false
		for _, s := range g.sources {
			taken = taken || s.name == name
		}
		if taken || g.one(3) {
			alias = g.pick("t", "u", "x", "item", "tag", "p1") + g.pick("", "1", "2")
		}
	} else if alias = name; g.one(4) {
		alias = g.pick("item", "d", "vis")
	}
	if alias != "" {
		name = alias
		text += g.pick(" AS ", " ") + g.quote(alias)
	}
	if t == selectTables["item"] && g.one(8) {
		text += g.pick(" USE INDEX (by_cat)", " IGNORE INDEX (by_name, by_cat)", " FORCE INDEX FOR JOIN (PRIMARY)", " USE KEY ()", " USE INDEX FOR ORDER BY (by_name)")
	}
	g.sources = append(g.sources, genSource{name, t})
	return text
}

// on writes a condition of the last source with one of those before it.
func (g *selectGen) on(last int) string {
	a, b := g.sources[g.r.IntN(last)], g.sources[last]
	kind := numKind
	if g.one(3) {
		kind = strKind
	}
	return g.of(a, kind) + " = " + g.of(b, kind) + g.maybe(6, " AND "+g.cond(1))
}

// of writes a column of a source.
func (g *selectGen) of(s genSource, kind genKind) string {
	all := s.table.columns[kind]
	name := all[g.r.IntN(len(all))]
	if g.one(12) {
		name = strings.ToUpper(name)
	}
	return g.quote(s.name) + g.pick(".", ".", ".", " . ") + g.quote(name)
}

func (g *selectGen) column(kind genKind) string {
	s := g.source()
	if len(g.sources) < 2 && !g.one(3) || g.one(6) {
		all := s.table.columns[kind]
		return g.quote(all[g.r.IntN(len(all))])
	}
	if s.table.from == "" { // of a derived table MariaDB 10.11 may crash
		return g.maybe(20, g.quote(g.shop)+".") + g.of(s, kind)
	}
	return g.of(s, kind)
}

// any writes an expression of any type. It is at most so deep.
func (g *selectGen) any(depth int) string {
	if depth == 0 || g.one(2) {
		return g.column(anyKind)
	}
	switch g.r.IntN(12) {
	case 0:
		return g.pick("NULL", "TRUE", "x'41'", "_utf8mb4'é'", "N'n'", "1e3", ".5", "-0", "CURRENT_DATE", "@kept", "@nosuch", "@@autocommit", "DATE'2024-01-02'", "'a' 'b'", "_binary'z'", "b'101'")
	case 1:
		return "@seen := " + g.num(depth-1)
	case 2:
		if g.alone {
			return "NULL"
		}
		g.vague = true                                                       // of which row the others are is not decided
		return g.pick("MAX", "COUNT", "MIN") + "(" + g.column(numKind) + ")" // of all rows
	case 3, 4, 5:
		return g.str(depth)
	}
	return g.num(depth)
}

// num writes an expression that is a number.
func (g *selectGen) num(depth int) string {
	if depth == 0 || g.one(3) {
		if g.one(3) {
			return g.number()
		}
		return g.column(numKind)
	}
	a, b := g.num(depth-1), g.num(depth-1)
	switch g.r.IntN(14) {
	case 0, 1:
		return a + g.pick(" + ", " - ", "*", " DIV ", " % ", " / ") + b
	case 2:
		return "ABS(" + a + ")"
	case 3:
		return "LENGTH(" + g.str(depth-1) + ")"
	case 4:
		return "CASE WHEN " + g.cond(depth-1) + " THEN " + a + " ELSE " + b + " END"
	case 5:
		return "COALESCE(" + a + ", " + b + ")"
	case 6:
		return g.pick("EXISTS", "NOT EXISTS") + g.sub("SELECT * FROM plain WHERE plain.id = %s", a)
	case 7:
		return a + " IN " + g.sub("%s", g.inner(1))
	case 8:
		return g.sub("SELECT %s FROM plain", g.pick("MAX(id)", "COUNT(*)", "SUM(cat)", "MAX(plain.id + "+a+")", "MAX("+a+")", "COUNT("+g.column(numKind)+")"))
	case 9:
		return g.sub("SELECT version FROM item i WHERE i.id = %s", a)
	case 10:
		return g.sub("%s", g.cond(depth-1))
	case 11:
		return "IF(" + g.cond(depth-1) + ", " + a + ", " + b + ")"
	case 12:
		return "-" + a
	}
	return "ROUND(" + a + ", 1)"
}

// str writes an expression that is a string.
func (g *selectGen) str(depth int) string {
	if depth == 0 || g.one(3) {
		if g.one(3) {
			return g.text()
		}
		return g.column(strKind)
	}
	a := g.str(depth - 1)
	switch g.r.IntN(9) {
	case 0:
		return "CONCAT(" + a + ", " + g.str(depth-1) + ")"
	case 1:
		return "UPPER(" + a + ")"
	case 2:
		return "LEFT(" + a + ", 2)"
	case 3:
		return "CAST(" + g.num(depth-1) + " AS CHAR)"
	case 4:
		return "IFNULL(" + a + ", " + g.text() + ")"
	case 5:
		return g.sub("SELECT name FROM item i WHERE i.id = %s", g.num(depth-1))
	case 6:
		return "TRIM(LEADING 'a' FROM " + a + ")"
	case 7:
		return a + " COLLATE " + g.pick("utf8mb4_bin", "utf8mb4_general_ci", "latin1_swedish_ci")
	}
	return "CONVERT(" + a + " USING " + g.pick("utf8mb4", "latin1", "ascii") + ")"
}

// cond writes a condition.
func (g *selectGen) cond(depth int) string {
	if depth == 0 {
		return g.column(numKind) + g.pick(" = ", " < ", " >= ", " <> ", " <=> ") + g.number()
	}
	switch g.r.IntN(10) {
	case 0:
		return g.num(depth-1) + " BETWEEN " + g.num(depth-1) + " AND " + g.num(depth-1)
	case 1:
		return g.str(depth-1) + g.pick(" LIKE ", " NOT LIKE ", " = ", " > ") + g.text()
	case 2:
		return g.column(anyKind) + g.pick(" IS NULL", " IS NOT NULL")
	case 3:
		return g.cond(depth-1) + g.pick(" AND ", " OR ", " XOR ") + g.cond(depth-1)
	case 4:
		return g.column(numKind) + g.pick(" IN (", " NOT IN (") + g.number() + ", " + g.number() + ", 3)"
	case 5:
		return "NOT (" + g.cond(depth-1) + ")"
	case 6:
		return g.pick("1", "TRUE", "FALSE", "1=1", "NULL")
	}
	return g.num(depth-1) + g.pick(" = ", " < ", " >= ", " <> ", " <=> ") + g.num(depth-1)
}

// selectSettings are what a session may have set while it reads. ansi is set
// where " quotes names.
var selectSettings = []struct {
	only string
	set  string
	ansi bool
}{
	{set: "SET NAMES utf8mb4"},
	{set: "SET NAMES utf8mb4"},
	{set: "SET NAMES latin1"},
	{set: "SET NAMES utf8mb4, sql_mode = ''"},
	{set: "SET NAMES utf8mb4, sql_mode = 'ANSI_QUOTES,STRICT_ALL_TABLES'", ansi: true},
	{set: "SET NAMES utf8mb4, sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES'", ansi: true},
	{set: "SET NAMES utf8mb4, sql_mode = 'PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE,NO_UNSIGNED_SUBTRACTION'"},
	{set: "SET NAMES latin1, sql_mode = 'TRADITIONAL,ONLY_FULL_GROUP_BY,PAD_CHAR_TO_FULL_LENGTH', time_zone = '+05:30'"},
	{set: "SET character_set_results = NULL, big_tables = 1"},
	{set: "SET NAMES utf8mb4, sql_select_limit = 3"},
	{set: "SET NAMES utf8mb4, autocommit = 0"},
	{set: "SET NAMES gbk"},
	{only: server.FlavorMariaDB, set: "SET NAMES utf8mb4, sql_mode = 'ORACLE'", ansi: true},
	{only: server.FlavorMySQL, set: "SET NAMES utf8mb4, internal_tmp_mem_storage_engine = MEMORY"},
}
