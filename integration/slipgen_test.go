package integration

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// slipGen writes statements at random that a guard could be got around with. It
// knows the session's modes and character set as its own statements have set
// them, and now and then writes as if they were others.
type slipGen struct {
	r      *rand.Rand
	maria  bool
	shop   string // where @shop stands for the database's name
	ansi   bool   // sql_mode ANSI_QUOTES
	raw    bool   // sql_mode NO_BACKSLASH_ESCAPES
	prep   bool   // a statement was prepared at SQL level
	serial int
}

// slip is one text that is sent, with what has to be known to judge its effects.
type slip struct {
	sql     string
	params  []any // of a statement that goes through the binary protocol
	binary  bool
	set     bool // it sets how later statements are read
	ddl     bool // it may change what the world is made of
	reads   bool // it may read rows of guarded tables
	takes   bool // it may delete rows, or give them another key
	returns bool // it may delete rows and insert others in their place
}

func (g *slipGen) n(n int) int             { return g.r.IntN(n) }
func (g *slipGen) chance(percent int) bool { return g.r.IntN(100) < percent }

// one gives one of several texts.
func (g *slipGen) one(of ...string) string { return of[g.n(len(of))] }

// next writes a text to send.
func (g *slipGen) next() slip {
	var s slip
	switch k := g.n(100); {
	case k < 12:
		s.sql, s.set = g.setting(), true
	case k < 17:
		s.sql = g.transaction()
	case k < 62:
		s.sql = g.decorated(g.statement(&s))
	case k < 70:
		s.binary = true
		s.sql = g.decorated(g.statement(&s))
		for range strings.Count(s.sql, "?") {
			s.params = append(s.params, g.param())
		}
	case k < 80:
		s.sql = g.dynamic(&s)
	case k < 88:
		s.sql = g.wrapped(&s)
	case k < 97:
		s.sql = g.several(&s)
	default:
		s.sql = g.decorated(g.definition(&s))
	}
	s.sql = strings.ReplaceAll(s.sql, "@shop", g.shop)
	return s
}

func (g *slipGen) param() any {
	switch g.n(4) {
	case 0:
		return g.one("a", "'", "\\", "100")
	case 1:
		return nil
	}
	return []int{1, 2, 3, 100, 0}[g.n(5)]
}

// transaction writes what begins and ends transactions, and what a session is about.
func (g *slipGen) transaction() string {
	return g.one("BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK", "SAVEPOINT s1", "ROLLBACK TO s1", "SET autocommit=0", "SET autocommit=1",
		"USE mysql", "USE @shop", "USE @shop", "/*!50000 USE*/ @shop", "COMMIT AND CHAIN", "XA START 'x'", "XA END 'x'", "XA ROLLBACK 'x'", "SHOW WARNINGS")
}

// charsets that a client may have, and all that the fuzzer names.
func (g *slipGen) charset() string {
	if g.chance(50) {
		return g.one("utf8mb4", "latin1")
	}
	if !g.maria && g.chance(20) {
		return "gb18030"
	}
	return g.one("gbk", "sjis", "big5", "cp932", "euckr", "gb2312", "ujis", "utf8mb3", "binary", "cp1251")
}

// setting writes a statement that changes how later ones are read.
func (g *slipGen) setting() string {
	if g.chance(45) {
		c := g.charset()
		return g.one("SET NAMES "+c, "SET NAMES '"+c+"'", "set names "+c+" collate "+c+"_bin", "SET CHARACTER SET "+c, "SET CHARSET '"+c+"'",
			"SET character_set_client="+c, "SET @@session.character_set_client = '"+c+"'", "SET @a=1, NAMES "+c,
			"/*!40101 SET NAMES "+c+" */", "SET character_set_connection="+c, "SET SESSION character_set_results=NULL", "CALL @shop.talk()", "SET NAMES DEFAULT")
	}
	var modes []string
	g.ansi, g.raw = false, false
	if g.chance(40) {
		modes, g.ansi = append(modes, g.one("ANSI_QUOTES", "ansi_quotes", "ANSI")), true
	}
	if g.chance(35) {
		modes, g.raw = append(modes, "NO_BACKSLASH_ESCAPES"), true
	}
	if g.chance(20) {
		modes = append(modes, g.one("PIPES_AS_CONCAT", "IGNORE_SPACE", "HIGH_NOT_PRECEDENCE", "STRICT_ALL_TABLES"))
	}
	if g.maria && g.chance(4) {
		modes, g.ansi = append(modes, g.one("ORACLE", "MSSQL")), true
	}
	list := strings.Join(modes, ",")
	text := g.one("SET sql_mode='"+list+"'", "SET SESSION sql_mode='"+list+"'", "SET @@sql_mode:='"+list+"'", "SET LOCAL sql_mode = '"+list+"'",
		"SET @@session.sql_mode=CONCAT('"+list+"','')", "SET @m='"+list+"', sql_mode=@m", "SET `sql_mode`='"+list+"'", "SET SESSION autocommit=1, sql_mode='"+list+"'")
	switch {
	case g.chance(4):
		text, g.ansi, g.raw = g.one("SET sql_mode=DEFAULT", "SET sql_mode=@@global.sql_mode"), false, false
	case g.chance(8):
		text = "PREPARE m FROM " + g.literal(text)
		if g.maria && g.chance(50) {
			text = "EXECUTE IMMEDIATE" + text[len("PREPARE m FROM"):]
		}
	case g.chance(10):
		text = "EXECUTE m"
	case g.chance(6):
		text = g.one("CALL @shop.speak()", "DO @shop.f_speak()", "CALL @shop.talk()")
	case g.chance(10):
		text = "/*!40101 " + text + " */"
	}
	return text
}

// Kinds of names.

// quote writes a name in one of the ways there are.
func (g *slipGen) quote(name string, must bool) string {
	switch g.n(5) {
	case 0:
		if g.ansi || g.chance(5) {
			return `"` + name + `"`
		}
		return "`" + name + "`"
	case 1:
		return "`" + name + "`"
	}
	if must {
		return "`" + name + "`"
	}
	return name
}

// table writes the name of a table or view, with its database or not.
func (g *slipGen) table(name string) string {
	q := g.quote(name, name == "order")
	switch g.n(8) {
	case 0:
		return "@shop." + q
	case 1:
		return "`@shop`." + q
	case 2:
		return "@shop . " + q
	case 3:
		if g.chance(10) {
			return "." + q
		}
	}
	return q
}

// plainly writes the write of one row by its key, which is the kind that can be
// guarded in every way.
func (g *slipGen) plainly(about *slip) string {
	t, key := g.table("goods"), g.one("id=1", "id = 2", "id=?", "'3'=id", "id=1 AND price>=0", "id=2 AND name<>"+g.text())
	if g.chance(30) {
		t, key = g.table("order"), g.one("a=1 AND b=1", "`a`=1 AND b=2", "b=1 AND a=?")
	}
	if g.chance(20) {
		about.takes = true
		return "DELETE FROM " + t + " WHERE " + key
	}
	s := shapeOf("goods")
	if strings.Contains(t, "order") {
		s = shapeOf("order")
	}
	return "UPDATE " + t + " SET " + g.assignments(s, "") + " WHERE " + key
}

// object gives the table that a write is about, most of the time a guarded one.
func (g *slipGen) object() string {
	return g.one("goods", "goods", "goods", "goods", "order", "order", "other", "other", "cheap", "cheaper", "plainv", "mixed")
}

// shape is what the columns of an object are called.
type shape struct{ name, key, sets, text string }

func shapeOf(name string) shape {
	switch name {
	case "order":
		return shape{name, "a", "`set`", "`where`"}
	case "other", "plainv":
		return shape{name, "id", "x", "note"}
	case "cheap", "cheaper":
		return shape{name, "pid", "p", "n"}
	case "mixed":
		return shape{name, "id", "price", "note"}
	}
	return shape{name, "id", "price", "name"}
}

func (g *slipGen) number() string {
	return g.one("0", "1", "7", "1e1", "0x1", "1.0", "'1'", "-3", "b'1'", "+2", "?", "@n", "(1)", "1+1")
}

func (g *slipGen) key() string {
	return g.one("1", "1", "2", "3", "'1'", "1.0", "0x1", "@one", "?", "(1)", "1+0", "100", "_binary'1'")
}

// lead bytes before a backslash or quote: one character in some character sets.
var leads = []string{"\x83", "\x95\x5c", "\xbf", "\xa1", "\xe5", "\x81\x30", "\x8e", "\xc3\xa9", "é", "ソ", "\xfe", "\x81\x30\x81\x30"}

// text writes a string literal, with what could end it too early or too late.
func (g *slipGen) text() string {
	q := "'"
	if !g.ansi && g.chance(25) {
		q = `"`
	}
	var b strings.Builder
	if g.chance(12) {
		b.WriteString(g.one("_utf8mb4", "_gbk", "_sjis ", "_latin1", "_binary ", "n", "_big5"))
		if strings.HasSuffix(b.String(), "n") {
			q = "'"
		}
	}
	b.WriteString(q)
	for range g.n(5) {
		switch g.n(9) {
		case 0:
			b.WriteString(leads[g.n(len(leads))])
		case 1:
			b.WriteString(q + q)
		case 2:
			if g.raw {
				b.WriteString(`\`)
			} else {
				b.WriteString(g.one(`\\`, `\`+q, `\n`, `\%`))
			}
		case 3:
			b.WriteString(g.one("/*", "*/", "-- ", "#", ";", "/*!", "`", "*/ x"))
		case 4:
			// What is a write where the string is taken for ended before it.
			b.WriteString(g.one("; UPDATE goods SET price=0; ", ", price=0 WHERE id=1 -- ", "; DELETE FROM goods; -- "))
		default:
			b.WriteString(g.one("a", "goods", " ", "1", "x'"+q, "B"))
		}
	}
	if g.chance(6) {
		// The end is meant for another character set or mode.
		b.WriteString(leads[g.n(len(leads))] + `\`)
	}
	b.WriteString(q)
	text := b.String()
	if g.chance(80) && strings.Count(text, "'")%2 != 0 && q == "'" && !strings.Contains(text, `\'`) {
		text = "'a'"
	}
	return text
}

// literal writes a text as a string of the session's modes.
func (g *slipGen) literal(text string) string {
	if !g.raw {
		text = strings.ReplaceAll(text, `\`, `\\`)
	}
	if !g.ansi && g.chance(20) {
		return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// where writes a condition on s, as its alias or name has it.
func (g *slipGen) where(s shape, alias string) string {
	col := func(c string) string {
		if alias != "" && g.chance(60) {
			return alias + "." + c
		}
		return c
	}
	key := func() string {
		k := g.key()
		c := col(s.key) + g.one("=", " = ", "<=>", "=", "=", " in ")
		if strings.HasSuffix(c, "in ") {
			return c + "(" + k + ")"
		}
		if g.chance(8) {
			return k + "=" + col(s.key)
		}
		return c + k
	}
	switch g.n(22) {
	case 0:
		return col(s.key) + " IN (1,2,3)"
	case 1:
		return col(s.key) + ">0"
	case 2:
		return col(s.sets) + " IS NOT NULL"
	case 3:
		return col(s.key) + " IN (SELECT id FROM other)"
	case 4:
		return "(" + key() + " OR " + col(s.sets) + ">=0)"
	case 5:
		return key() + " AND " + col(s.text) + "<>" + g.text()
	case 6:
		return g.text() + "<>" + col(s.text) + " AND " + key()
	case 7:
		return col(s.key) + " BETWEEN 1 AND 3 AND " + key()
	case 8:
		return "EXISTS (SELECT 1) AND " + key()
	case 9:
		return key() + " XOR 0"
	case 10:
		return "NOT " + key()
	case 11:
		return "1"
	}
	if s.name == "order" && g.chance(70) {
		return col("a") + "=1 AND " + col("b") + "=" + g.one("1", "2", "?")
	}
	return key()
}

// assignments writes what an UPDATE sets.
func (g *slipGen) assignments(s shape, alias string) string {
	var list []string
	for range 1 + g.n(2) {
		target := s.sets
		if g.chance(25) {
			target = s.text
		}
		col := target
		if alias != "" && g.chance(50) {
			col = alias + "." + col
		}
		eq := g.one("=", "=", " := ", " = ")
		switch g.n(8) {
		case 0:
			list = append(list, col+eq+target+"+"+g.number())
		case 1:
			list = append(list, col+eq+"(SELECT MAX(x) FROM other)")
		case 2:
			list = append(list, col+eq+"IF("+g.number()+","+g.number()+",2)")
		case 3:
			list = append(list, s.text+eq+g.text())
		case 4:
			list = append(list, s.text+eq+g.text())
		case 5:
			list = append(list, col+eq+"DEFAULT")
		default:
			list = append(list, col+eq+g.number())
		}
	}
	return strings.Join(list, ", ")
}

// tail writes ORDER BY, LIMIT and RETURNING.
func (g *slipGen) tail(s shape, deletes bool) string {
	t := ""
	if g.chance(15) {
		t += " ORDER BY " + s.sets + g.one("", " DESC")
	}
	if g.chance(15) {
		t += " LIMIT " + g.one("1", "2", "10", "?")
	}
	if deletes && g.maria && g.chance(15) {
		t += " RETURNING " + g.one("*", s.key)
	}
	return t
}

// statement writes one that reads or writes rows, as text with blanks between
// its tokens.
func (g *slipGen) statement(about *slip) string {
	if g.chance(20) {
		return g.plainly(about)
	}
	s := shapeOf(g.object())
	alias := ""
	as := ""
	if g.chance(35) {
		alias = g.one("t", "g", "`x y`", "goods", "other")
		as = g.one(" ", " AS ") + alias
	}
	with := ""
	if g.chance(6) {
		with = g.one("WITH c AS (SELECT 1 AS y) ", "WITH RECURSIVE c(y) AS (SELECT 1) ", "WITH `order` AS (SELECT 1 AS y) ")
	}
	values := func() string {
		v := make([]string, 2)
		v[0] = g.one("1", "2", "1", g.key(), "NULL", "50")
		v[1] = g.number()
		return "(" + strings.Join(v, ", ") + ")"
	}
	columns := func() string {
		if s.name == "order" {
			return "(a, b)"
		}
		return g.one("("+s.key+", "+s.sets+")", "("+s.key+","+s.sets+")")
	}
	source := func() string {
		switch g.n(5) {
		case 0:
			about.reads = true
			return columns() + " SELECT " + shapeOf("goods").key + ", 7 FROM " + g.table("goods")
		case 1:
			return columns() + " SELECT 1, x FROM other"
		case 2:
			if s.name != "order" {
				return " SET " + s.key + "=1, " + s.sets + "=" + g.number()
			}
		case 3:
			return columns() + " VALUES " + values() + ", " + values()
		}
		return columns() + " " + g.one("VALUES ", "VALUE ") + values()
	}
	duplicate := func() string {
		switch g.n(4) {
		case 0:
			return " ON DUPLICATE KEY UPDATE " + s.sets + "=VALUES(" + s.sets + ")"
		case 1:
			return " ON DUPLICATE KEY UPDATE " + s.text + "=" + g.text() + "," + s.sets + "=" + s.sets + "+1"
		case 2:
			if !g.maria {
				return " AS fresh ON DUPLICATE KEY UPDATE " + s.sets + "=0"
			}
		}
		return " ON DUPLICATE KEY UPDATE " + s.sets + "=" + g.number()
	}
	switch k := g.n(100); {
	case k < 32:
		opt := g.one("", "", "", "LOW_PRIORITY ", "IGNORE ", "LOW_PRIORITY IGNORE ")
		about.reads = about.reads || strings.Contains(with, "FROM")
		return with + "UPDATE " + opt + g.table(s.name) + as + " SET " + g.assignments(s, alias) + " WHERE " + g.where(s, alias) + g.tail(s, false)
	case k < 40:
		j := g.one(" JOIN ", ", ", " LEFT JOIN ", " STRAIGHT_JOIN ", " NATURAL JOIN ")
		on := ""
		if strings.Contains(j, "LEFT") || strings.Contains(j, " JOIN") && !strings.Contains(j, "NATURAL") {
			on = " ON 1=1"
		}
		o := shapeOf("other")
		about.reads = true
		first, second := g.table("other")+" AS o", g.table(s.name)+" AS t"
		if g.chance(40) {
			first, second = second, first
		}
		set := g.one("t."+s.sets+"=5", s.sets+"=5", "o."+o.sets+"=5", "o.x=1, t."+s.sets+"=2")
		return "UPDATE " + first + j + second + on + " SET " + set + " WHERE " + g.one("1", "t."+s.key+"=1", "o.id=1 AND t."+s.key+"=o.id")
	case k < 52:
		about.takes = true
		opt := g.one("", "", "", "LOW_PRIORITY ", "QUICK ", "IGNORE ")
		if alias != "" && g.maria {
			as = "" // no alias in a DELETE of one table
			alias = ""
		}
		return with + "DELETE " + opt + "FROM " + g.table(s.name) + as + " WHERE " + g.where(s, alias) + g.tail(s, true)
	case k < 58:
		about.takes, about.reads = true, true
		t := g.table(s.name)
		return g.one("DELETE t FROM "+t+" AS t JOIN other o WHERE t."+s.key+"=1", "DELETE FROM t USING "+t+" t, other o WHERE o.id=t."+s.key,
			"DELETE "+s.name+" FROM "+s.name+" JOIN other ON 1", "DELETE o, t FROM other o, "+t+" t", "DELETE o.* FROM other AS o JOIN "+t+" AS t ON 1 WHERE t."+s.key+"=1",
			"DELETE t FROM "+t+" t")
	case k < 66:
		return "INSERT " + g.one("", "IGNORE ", "LOW_PRIORITY ") + g.one("INTO ", "") + g.table(s.name) + source()
	case k < 74:
		if s.name == "mixed" {
			s = shapeOf("goods") // MariaDB 10.11 crashes where it is INSERT … SELECT … through a join
		}
		return "INSERT " + g.one("", "IGNORE ") + g.one("INTO ", "") + g.table(s.name) + source() + duplicate()
	case k < 80:
		about.takes, about.returns = true, true
		return "REPLACE " + g.one("", "LOW_PRIORITY ") + g.one("INTO ", "") + g.table(s.name) + source()
	case k < 82:
		about.takes, about.returns = true, true
		return "LOAD DATA LOCAL INFILE 'Reader::slip' " + g.one("REPLACE ", "IGNORE ", "") + "INTO TABLE " + g.table(s.name) + " FIELDS TERMINATED BY ','"
	case k < 85:
		return g.one("CALL ", "CALL @shop.", "call `@shop` . ") + g.one("wipe()", "wash()", "tidy()", "`wipe`", "wipe", "run('UPDATE goods SET price=0')", "tidy")
	case k < 90:
		f := g.one("f_wipe()", "f_one()", "f_tidy()", "@shop.f_wipe()", "`f_wipe`()", "f_wipe ()", "@shop.`f_wipe` ()")
		return g.one("SELECT "+f, "DO "+f, "SET @f = "+f, "SELECT 1 FROM other WHERE x="+f, "UPDATE other SET x="+f, "INSERT INTO other(id,x) VALUES (9, "+f+")",
			"DELETE FROM other WHERE id="+f, "SELECT * FROM other ORDER BY "+f)
	case k < 93:
		about.reads = true
		return g.one("SELECT * FROM ", "SELECT name FROM ", "SELECT COUNT(*) FROM ", "TABLE ", "(SELECT 1 FROM ") + g.table("goods") + g.one("", " WHERE id=1", " FOR UPDATE")
	case k < 95:
		return g.one("EXPLAIN ", "ANALYZE ", "DESCRIBE ", "EXPLAIN FORMAT=JSON ") + "UPDATE " + g.table(s.name) + " SET " + g.assignments(s, "") + " WHERE " + g.where(s, "")
	case k < 97:
		return g.one("LOCK TABLES "+g.table("goods")+g.one(" READ", " READ", " READ", " WRITE"), "UNLOCK TABLES", "HANDLER "+g.table("goods")+" OPEN", "CHECK TABLE goods", "FLUSH TABLES")
	}
	return "SELECT " + g.text() + ", " + g.number()
}

// definition writes DDL.
func (g *slipGen) definition(about *slip) string {
	about.ddl, about.takes = true, true
	g.serial++
	t := g.table(g.one("goods", "goods", "order", "other"))
	name := fmt.Sprintf("made%d", g.n(3))
	return g.one(
		"TRUNCATE "+t, "TRUNCATE TABLE "+t, "DROP TABLE IF EXISTS "+t, "DROP TABLE other, "+t, "RENAME TABLE "+t+" TO "+name, "RENAME TABLE other TO "+name+", "+t+" TO other",
		"ALTER TABLE "+t+" RENAME TO "+name, "ALTER TABLE "+t+" DROP COLUMN version", "ALTER TABLE "+t+" CHANGE version v INT", "ALTER TABLE "+t+" ENGINE=MyISAM",
		"ALTER TABLE "+t+" DROP PRIMARY KEY", "ALTER TABLE other RENAME AS goods", "CREATE TEMPORARY TABLE "+t+" (id INT)", "CREATE OR REPLACE TABLE "+t+"(id INT)",
		"CREATE VIEW "+name+" AS SELECT * FROM "+t, "CREATE OR REPLACE VIEW plainv AS SELECT id, price AS x, name AS note FROM "+t, "DROP VIEW IF EXISTS cheaper",
		"CREATE TRIGGER "+name+" BEFORE INSERT ON other FOR EACH ROW UPDATE "+t+" SET version=version", "CREATE TRIGGER "+name+" AFTER UPDATE ON other FOR EACH ROW DELETE FROM goods",
		"CREATE PROCEDURE "+name+"() DELETE FROM "+t, "CALL "+name+"()", "UPDATE "+name+" SET price=0", "DELETE FROM "+name, "CREATE FUNCTION "+name+"() RETURNS INT RETURN f_wipe()",
		"SELECT "+name+"()", "CREATE TABLE made9 AS SELECT f_wipe()", "DROP PROCEDURE IF EXISTS tidy", "CREATE EVENT "+name+" ON SCHEDULE EVERY 1 SECOND DO UPDATE "+t+" SET version=version",
		"DROP DATABASE @shop", "ALTER VIEW plainv AS SELECT id, price AS x, name AS note FROM goods", "UPDATE plainv SET x=0 WHERE id=1", "CREATE TABLE made8 LIKE "+t,
	)
}
