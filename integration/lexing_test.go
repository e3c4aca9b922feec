package integration

import (
	"fmt"
	"strings"
	"testing"

	"ifmatch/integration/server"
)

// What the server reads as a write of a guarded row is one, however the text
// looks: none of these changes a row.
func TestLexingAsTheServerDoes(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		w := newAttackWorld(t, s, attackPolicy)
		var version string
		if err := w.direct.QueryRow("SELECT VERSION()").Scan(&version); err != nil {
			t.Fatal(err)
		}
		var major, minor, patch int
		fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch)
		number := major*10000 + minor*100 + patch
		var all []attack
		for _, list := range [][]attack{executableComments(number), commentEnds, modeAttacks(), charsetAttacks(s.Flavor == server.FlavorMySQL), nameAttacks, delimiterAttacks, kindAttacks, oracleAttacks, scanAttacks} {
			all = append(all, list...)
		}
		for _, a := range all {
			t.Run(a.name, func(t *testing.T) { w.run(t, a) })
		}
	})
}

// A server that compares the names of tables without case does so everywhere.
func TestNamesWithoutCase(t *testing.T) {
	server.EachOwn(t, func(t *testing.T, s *server.Server) {
		w := newAttackWorld(t, s, strings.Replace(attackPolicy, "shop.goods", "shop.Goods", 1))
		for _, a := range []attack{
			{name: "as it is", texts: []string{"UPDATE goods SET price=0"}},
			{name: "in capitals", texts: []string{"UPDATE GOODS SET price=0"}},
			{name: "quoted", texts: []string{"UPDATE `gOOds` SET price=0"}},
			{name: "with its database", texts: []string{"UPDATE @SHOP.Goods SET price=0"}},
			{name: "from another database", texts: []string{"USE mysql", "DELETE FROM @SHOP.goods"}},
			{name: "in a database that is named otherwise", texts: []string{"USE mysql", "USE @SHOP", "UPDATE GOODS SET price=0"}},
			{name: "joined", texts: []string{"UPDATE OTHER o, Goods G SET g.price=0"}},
			{name: "by the name of its alias", texts: []string{"DELETE G FROM goods AS g JOIN other"}},
			{name: "a view", texts: []string{"UPDATE CHEAP SET P=0"}},
			{name: "a view that is made", texts: []string{"CREATE VIEW Cheaper AS SELECT * FROM Cheap", "UPDATE CHEAPER SET p=0"}},
			{name: "a routine", texts: []string{"CALL @SHOP.WIPE()"}},
			{name: "replaced", texts: []string{"REPLACE INTO GOODS(ID, PRICE) VALUES (1, 0)"}},
			{name: "prepared", texts: []string{asBinary + "UPDATE GOODS SET price=0", executeIt}},
		} {
			t.Run(a.name, func(t *testing.T) { w.run(t, a) })
		}
	}, "--lower-case-table-names=1")
}

// executableComments are comments that the server at hand runs, or does not.
func executableComments(version int) []attack {
	one := func(name, only, text string, vain bool) attack {
		return attack{name: "executable comment, " + name, only: only, texts: []string{text}, vain: vain}
	}
	v := fmt.Sprintf("%05d", version)
	next := fmt.Sprintf("%05d", version+1)
	all := []attack{
		one("whole", "", "/*! UPDATE goods SET price=0 */", false),
		one("without blanks", "", "/*!50000UPDATE goods SET price=0*/", false),
		one("around the name", "", "UPDATE /*! goods */ SET price=0", false),
		one("around a second table", "", "UPDATE other /*!40000 , goods */ SET price=0", false),
		one("around the target of a DELETE", "", "DELETE /*! goods */ FROM other JOIN goods ON 1", false),
		one("that replaces a name", "", "UPDATE /*!99999 other */ /*!50000 goods */ SET price=0", false),
		one("of this very version", "mysql", "/*!"+v+" UPDATE goods SET price=0 */", false),
		one("of the version after this", "mysql", "/*!"+next+" UPDATE goods SET price=0 */", true),
		one("of this very version", "mariadb", "/*!"+v+" UPDATE goods SET price=0 */", false),
		one("of the version after this", "mariadb", "/*!"+next+" UPDATE goods SET price=0 */", true),
		one("of this very version, MariaDB's", "mariadb", "/*M!"+v+" UPDATE goods SET price=0 */", false),
		one("of the version after this, MariaDB's", "mariadb", "/*M!"+next+" UPDATE goods SET price=0 */", true),
		one("of MySQL's later versions", "mariadb", "/*!80000 UPDATE goods SET price=0 */", true),
		one("of MySQL's later versions, MariaDB's", "mariadb", "/*M!80000 UPDATE goods SET price=0 */", false),
		one("of MySQL's later versions", "mysql", "/*!80000 UPDATE goods SET price=0 */", false),
		one("of six digits", "mysql", "/*!080000 UPDATE goods SET price=0 */", false),
		one("of six digits without a blank", "mysql", "/*!080000UPDATE goods SET price=0 */", true),
		one("of four digits", "", "/*!5000 UPDATE goods SET price=0 */", true),
		one("MariaDB's", "mariadb", "/*M! UPDATE goods SET price=0 */", false),
		one("MariaDB's", "mysql", "/*M! UPDATE goods SET price=0 */", true),
		one("MariaDB's in a statement on another table", "mariadb", "UPDATE other /*M!, goods */ SET x=0, price=0", false),
		one("with a comment in it", "", "/*! UPDATE goods /* x */ SET price=0 */", false),
		one("with an executable one in it", "", "/*!50000 UPDATE /*!50000 goods */ SET price=0", false),
		one("with one in it that is not run", "", "/*! UPDATE goods /*!999999 , other */ SET price=0 */", false),
		one("that is not run, with a comment in it", "", "/*!999999 x /* y */ z */ UPDATE goods SET price=0", false),
		one("that is not run, with an unclosed string in it", "", "/*!999999 ' */ UPDATE goods SET price=0 -- '", false),
		one("unclosed", "", "/*! UPDATE goods SET price=0", true),
		one("unclosed at the end", "", "UPDATE goods SET price=0 /*!", true),
		one("empty at the end", "", "UPDATE goods SET price=0 /*!*/", false),
		one("that ends in the middle of a condition", "", "UPDATE goods SET price=0 /*!99999 WHERE */ /*!50000 WHERE */ id=1", false),
		one("that hides another's assignment", "", "UPDATE other o JOIN goods g SET o.x=0 /*! , g.price=0 */", false),
		one("prepared", "", "PREPARE q FROM '/*! UPDATE goods SET price=0 */'", true),
	}
	all = append(all, attack{name: "executable comment, prepared and executed", texts: []string{"PREPARE q FROM '/*! UPDATE goods SET price=0 */'", "EXECUTE q"}})
	return all
}

// commentEnds are comments that end where one does not think, and quotes in them.
var commentEnds = []attack{
	{name: "comment, a mark that opens and does not close", texts: []string{"/*/ UPDATE other SET x=1 /*/ UPDATE goods SET price=0"}},
	{name: "comment, a mark that closes only what is open", texts: []string{"/*/ UPDATE other SET x=1 */ UPDATE goods SET price=0"}},
	{name: "comment, unclosed", texts: []string{"UPDATE goods SET price=0 /* x"}, vain: true},
	{name: "comment, of two dashes without a blank", texts: []string{"UPDATE other SET x=1--1, note='\n'; UPDATE goods SET price=0"}, params: "multiStatements=true"},
	{name: "comment, of two dashes and a control character", texts: []string{"UPDATE goods --\x01'\n SET price=0 -- '"}},
	{name: "comment, of two dashes and a tab", texts: []string{"UPDATE goods --\t'\n SET price=0 --\t'"}},
	{name: "comment, of two dashes at the end", texts: []string{"UPDATE goods SET price=0 --"}},
	{name: "comment, of a hash with a quote", texts: []string{"UPDATE goods # '\n SET price=0 # '"}},
	{name: "comment, that ends at a line feed and not at a carriage return", texts: []string{"UPDATE other SET x=1 WHERE id=1 -- \r, goods\n; UPDATE goods SET price=0"}, params: "multiStatements=true"},
	{name: "comment, with a quote", texts: []string{"UPDATE /* ' */ goods SET price=0 /* ' */"}},
	{name: "comment, in place of blanks", texts: []string{"UPDATE/**/goods/**/SET/**/price=0"}},
	{name: "comment, an optimizer hint", texts: []string{"UPDATE /*+ NO_MERGE() */ goods SET price=0"}},
	{name: "comment, within a name is none", texts: []string{"UPDATE other `/*` JOIN goods `*/` SET `*/`.price=0"}},
	{name: "comment, within a string is none", texts: []string{"UPDATE other o JOIN goods g SET o.note='/*', g.price=0 WHERE o.note<>'*/'"}},
}

// escaped is a text that writes a guarded row where the backslash is no escape,
// and else sets a string.
const escaped = `UPDATE other o JOIN goods g SET o.note='\', g.price=0 -- '`

// doubly is one that does so where the backslash is an escape.
const doubly = `UPDATE other o JOIN goods g SET o.note='\\', g.price=0 -- '`

// double is one that does so where double quotes are those of names.
const double = `UPDATE other o JOIN "goods" g SET g.price=0`

// doubled writes a text as a string of SQL.
func doubled(text string) string {
	return "'" + strings.NewReplacer("'", "''", `\`, `\\`).Replace(text) + "'"
}

// anew makes the server prepare a statement again before the last of the texts.
func anew(texts ...string) []string {
	last := len(texts) - 1
	return append(texts[:last:last], "ALTER TABLE other ADD COLUMN added INT", texts[last], "ALTER TABLE other DROP COLUMN added")
}

// modeAttacks change sql_mode in every way there is.
func modeAttacks() []attack {
	sets := []struct {
		name, only, text string
		vain             bool
	}{
		{"SET", "", "SET sql_mode='@m'", false},
		{"SET SESSION", "", "SET SESSION sql_mode='@m'", false},
		{"SET LOCAL", "", "SET LOCAL sql_mode := '@m'", false},
		{"@@", "", "SET @@sql_mode='@m'", false},
		{"@@session", "", "SET @@session.sql_mode='@m'", false},
		{"@@local", "", "SET @@local . sql_mode='@m'", false},
		{"quoted", "", "SET `sql_mode`='@m'", false},
		{"quoted behind @@", "", "SET @@`sql_mode`='@m'", false},
		{"in capitals", "", "sEt SQL_MODE='@m'", false},
		{"by an expression", "", "SET sql_mode=CONCAT(@@sql_mode, ',', '@m')", false},
		{"by a variable", "", "SET @y='@m'|SET sql_mode=@y", false},
		{"among others", "", "SET autocommit=1, sql_mode='@m', @x=1", false},
		{"in an executable comment", "", "/*!40101 SET SQL_MODE='@m' */", false},
		{"its name in an executable comment", "", "SET /*!50000 sql_mode */ = '@m'", false},
		{"prepared", "", "PREPARE m FROM 'SET sql_mode=''@m'''|EXECUTE m", false},
		{"at once", "mariadb", "EXECUTE IMMEDIATE 'SET sql_mode=''@m'''", false},
		{"of one statement", "mariadb", "SET STATEMENT sql_mode='@m' FOR SELECT 1", true},
		{"a block", "mariadb", "BEGIN NOT ATOMIC SET sql_mode='@m'; END", true},
		{"as a hint", "mysql", "SELECT /*+ SET_VAR(sql_mode='@m') */ 1", true},
		{"for all to come", "", "SET @@global.sql_mode=@@global.sql_mode, sql_mode='@m'", false},
		{"for those to come alone", "", "SET GLOBAL sql_mode=@@global.sql_mode", true},
	}
	var all []attack
	for _, s := range sets {
		for _, m := range []struct{ mode, text string }{{"NO_BACKSLASH_ESCAPES", escaped}, {"ANSI_QUOTES", double}} {
			set := strings.Split(strings.ReplaceAll(s.text, "@m", m.mode), "|")
			all = append(all, attack{name: m.mode + " set by " + s.name, only: s.only, texts: append(set, m.text), vain: s.vain})
		}
	}
	for _, m := range []struct{ mode, text string }{{"NO_BACKSLASH_ESCAPES", escaped}, {"ANSI_QUOTES", double}, {"ANSI", double}} {
		all = append(all, attack{name: m.mode + " by the server's default", global: m.mode, texts: []string{m.text}},
			attack{name: m.mode + " by the server's default, prepared", global: m.mode, texts: []string{"PREPARE q FROM @q", m.text}})
	}
	return append(all,
		attack{name: "NO_BACKSLASH_ESCAPES is gone again", texts: []string{"SET sql_mode='NO_BACKSLASH_ESCAPES'", "SET sql_mode=''", doubly}},
		attack{name: "NO_BACKSLASH_ESCAPES of the default is gone", global: "NO_BACKSLASH_ESCAPES", texts: []string{"SET sql_mode=''", doubly}},
		attack{name: "NO_BACKSLASH_ESCAPES by a default that is set", global: "NO_BACKSLASH_ESCAPES", texts: []string{"SET sql_mode=''", "SET sql_mode=DEFAULT", escaped}, vain: true},
		attack{name: "NO_BACKSLASH_ESCAPES by a routine", texts: []string{"CALL speak()", escaped}, vain: true},
		attack{name: "NO_BACKSLASH_ESCAPES within a text", params: "multiStatements=true", texts: []string{"SET sql_mode='NO_BACKSLASH_ESCAPES'; " + escaped}},
		attack{name: "ANSI_QUOTES within a text", params: "multiStatements=true", texts: []string{"SET sql_mode='ANSI_QUOTES'; " + double}},
		attack{name: "ANSI_QUOTES for one statement, whose text is read before", only: "mariadb", texts: []string{"SET STATEMENT sql_mode='ANSI_QUOTES' FOR " + double}, vain: true},
		attack{name: "ANSI_QUOTES for a text that is made at once", only: "mariadb", texts: []string{"SET STATEMENT sql_mode='ANSI_QUOTES' FOR EXECUTE IMMEDIATE '" + double + "'"}},
		attack{name: "NO_BACKSLASH_ESCAPES when it is prepared anew", only: "mysql", texts: anew("PREPARE q FROM "+doubled(escaped), "SET sql_mode='NO_BACKSLASH_ESCAPES'", "EXECUTE q")},
		attack{name: "NO_BACKSLASH_ESCAPES when it is prepared anew", only: "mariadb", texts: anew("PREPARE q FROM "+doubled(escaped), "SET sql_mode='NO_BACKSLASH_ESCAPES'", "EXECUTE q"), vain: true},
		attack{name: "NO_BACKSLASH_ESCAPES when it is prepared anew, binary", only: "mysql", texts: anew(asBinary+escaped, "SET sql_mode='NO_BACKSLASH_ESCAPES'", executeIt)},
		attack{name: "NO_BACKSLASH_ESCAPES when it is prepared anew, binary", only: "mariadb", texts: anew(asBinary+escaped, "SET sql_mode='NO_BACKSLASH_ESCAPES'", executeIt), vain: true},
		attack{name: "PIPES_AS_CONCAT", texts: []string{"SET sql_mode='PIPES_AS_CONCAT'", "UPDATE goods SET price=0 WHERE id=1 AND name='a'||'b' OR id=1"}},
		attack{name: "|| as OR", texts: []string{"UPDATE goods SET price=0 WHERE id=1 AND version=7 || id=1"}},
		attack{name: "HIGH_NOT_PRECEDENCE", texts: []string{"SET sql_mode='HIGH_NOT_PRECEDENCE'", "UPDATE goods SET price=0 WHERE id=1 AND NOT version=7 BETWEEN 1 AND 9"}, vain: true},
		attack{name: "IGNORE_SPACE", texts: []string{"SET sql_mode='IGNORE_SPACE'", "CALL wipe ()"}},
	)
}

// gbk is a text that writes a guarded row in a character set in which the byte
// before the backslash makes one character with it, and else sets a string;
// notGBK is the other way round.
const (
	gbk    = "UPDATE other o JOIN goods g SET o.note='\xbf\\', g.price=0 -- '"
	notGBK = "UPDATE other o JOIN goods g SET o.note='\xbf\\\\', g.price=0 -- '"
)

// charsetAttacks change the character set in every way there is.
func charsetAttacks(mysql bool) []attack {
	var all []attack
	for _, set := range []struct{ name, only, text string }{
		{"SET NAMES", "", "SET NAMES gbk"},
		{"SET NAMES, quoted", "", "SET NAMES 'gbk'"},
		{"SET NAMES with a collation", "", "set names gbk collate gbk_bin"},
		{"SET NAMES among others", "", "SET @x=1, NAMES gbk"},
		{"SET CHARACTER SET", "", "SET CHARACTER SET gbk"},
		{"SET CHARSET", "", "SET CHARSET gbk"},
		{"character_set_client", "", "SET character_set_client=gbk"},
		{"character_set_client, session", "", "SET SESSION character_set_client='gbk'"},
		{"character_set_client, @@", "", "SET @@session.`character_set_client`=gbk"},
		{"character_set_client by an expression", "", "SET character_set_client=CONCAT('g','bk')"},
		{"character_set_client by its number", "", "SET character_set_client=28"},
		{"an executable comment", "", "/*!40101 SET NAMES gbk */"},
		{"a routine", "", "CALL talk()"},
		{"a prepared statement", "", "PREPARE m FROM 'SET NAMES gbk'|EXECUTE m"},
		{"a text that is made at once", "mariadb", "EXECUTE IMMEDIATE 'SET NAMES gbk'"},
		{"a block", "mariadb", "BEGIN NOT ATOMIC SET NAMES gbk; END"},
		{"a statement that fails", "", "SET character_set_client=gbk, @x=(SELECT 1 FROM nowhere)"},
		{"a change that the client hides", "", "SET session_track_system_variables=''|SET NAMES gbk"},
	} {
		vain := set.name == "a statement that fails" || set.name == "a routine"
		all = append(all, attack{name: "gbk by " + set.name, only: set.only, texts: append(strings.Split(set.text, "|"), gbk), vain: vain},
			attack{name: "gbk by " + set.name + ", the other way round", only: set.only, params: "collation=gbk_chinese_ci",
				texts: append(strings.Split(strings.NewReplacer("gbk_bin", "latin1_bin", "gbk", "latin1", "'g','bk'", "'lat','in1'", "talk", "chat", "=28", "=8").Replace(set.text), "|"), notGBK), vain: vain})
	}
	for _, c := range []struct{ name, collation, lead string }{
		{"gbk", "gbk_chinese_ci", "\xbf"}, {"sjis", "sjis_japanese_ci", "\x83"}, {"cp932", "cp932_japanese_ci", "\x83"}, {"big5", "big5_chinese_ci", "\xa5"},
	} {
		text := "UPDATE other o JOIN goods g SET o.note='" + c.lead + "\\', g.price=0 -- '"
		all = append(all, attack{name: c.name + " by the handshake", params: "collation=" + c.collation, texts: []string{text}},
			attack{name: c.name + " by SET NAMES", texts: []string{"SET NAMES " + c.name, text}},
			attack{name: c.name + " in a name", texts: []string{"SET NAMES latin1", "UPDATE other AS `" + c.lead + "`, goods AS `g` SET g.price=0"}},
			attack{name: c.name + " in a name, prepared", texts: []string{"SET NAMES " + c.name, "PREPARE q FROM '" + strings.ReplaceAll(text, "'", "''") + "'", "EXECUTE q"}})
	}
	for _, h := range []struct{ name, only, text string }{
		{"SET", "", "SET session_track_system_variables='', session_track_schema=0"},
		{"a routine", "", "CALL @shop.hush()"},
		{"a prepared statement", "", "PREPARE m FROM \"SET session_track_system_variables='', session_track_schema=0\"|EXECUTE m"},
		{"a block", "mariadb", "BEGIN NOT ATOMIC SET session_track_system_variables='', session_track_schema=0; END"},
		{"a branch", "mariadb", "IF 1 THEN SET session_track_system_variables='', session_track_schema=0; END IF"},
		{"a statement for one", "mariadb", "SET STATEMENT max_statement_time=9 FOR SET session_track_system_variables='', session_track_schema=0"},
	} {
		hush := func(before string, after ...string) []string {
			return append(append([]string{before}, strings.Split(h.text, "|")...), after...)
		}
		all = append(all, attack{name: "gbk, unreported by " + h.name, only: h.only, texts: hush("SELECT 1", "SET NAMES gbk", gbk)},
			attack{name: "gbk, unreported by " + h.name + " after it was asked for", only: h.only, texts: hush("SELECT 'é', \"goods\"", "SET NAMES gbk", gbk)},
			attack{name: "USE, unreported by " + h.name, only: h.only, texts: hush("USE mysql", "USE @shop", "UPDATE goods SET price=0")},
			attack{name: "USE, prepared and unreported by " + h.name, only: h.only, texts: hush("USE mysql", "PREPARE u FROM 'USE @shop'", "EXECUTE u", "UPDATE goods SET price=0"), vain: mysql})
	}
	return append(all,
		attack{name: "gb18030 by the handshake", only: "mysql", params: "collation=gb18030_chinese_ci", texts: []string{gbk}},
		attack{name: "gb18030 by SET NAMES", only: "mysql", texts: []string{"SET NAMES gb18030", gbk}},
		attack{name: "gb18030, four bytes", only: "mysql", texts: []string{"SET NAMES gb18030", "UPDATE other o JOIN goods g SET o.note='\x81\x30\x81\x30\\\\', g.price=0 -- '"}},
		attack{name: "euckr has no backslash in a character", texts: []string{"SET NAMES euckr", "UPDATE other o JOIN goods g SET o.note='\xb0\\\\', g.price=0 -- '"}},
		attack{name: "utf8mb4 has none either", texts: []string{"SET NAMES utf8mb4", "UPDATE other o JOIN goods g SET o.note='\xe3\x83\xbd\\\\', g.price=0 -- '"}},
		attack{name: "an introducer changes no lexing", texts: []string{"SET NAMES latin1", "UPDATE other o JOIN goods g SET o.note=_gbk'\xbf\\\\', g.price=0 -- '"}},
		attack{name: "an introducer changes no lexing, the other way round", texts: []string{"SET NAMES gbk", "UPDATE other o JOIN goods g SET o.note=_latin1'\xbf\\', g.price=0 -- '"}},
		attack{name: "gbk within a text", params: "multiStatements=true", texts: []string{"SET NAMES gbk; " + gbk}},
		attack{name: "gbk when it is prepared anew", only: "mariadb", texts: anew("SET NAMES latin1", "PREPARE q FROM "+doubled(gbk), "SET NAMES gbk", "EXECUTE q")},
		attack{name: "gbk when it is prepared anew, binary", texts: anew("SET NAMES latin1", asBinary+gbk, "SET NAMES gbk", executeIt)},
		attack{name: "a byte that the character set does not have", texts: []string{"SET NAMES sjis", "UPDATE other o JOIN goods g SET o.note='\xff\\\\', g.price=0 -- '"}},
	)
}

// nameAttacks write the name of the table in other ways.
var nameAttacks = []attack{
	{name: "name, quoted", texts: []string{"UPDATE `goods` SET price=0"}},
	{name: "name, with its database", texts: []string{"UPDATE `@shop` . `goods` SET price=0"}},
	{name: "name, without a blank", texts: []string{"UPDATE`goods`SET`price`=0"}},
	{name: "name, with a dot before it", only: "mariadb", texts: []string{"UPDATE .goods SET price=0"}},
	{name: "name, from another database", texts: []string{"USE mysql", "UPDATE @shop.goods SET price=0"}},
	{name: "name, after a change of database that fails", texts: []string{"USE no_such_database", "UPDATE goods SET price=0"}},
	{name: "name, after a prepared change of database", only: "mariadb", texts: []string{"USE mysql", "PREPARE q FROM 'USE @shop'", "EXECUTE q", "UPDATE goods SET price=0"}},
	{name: "name, that a common table expression hides", texts: []string{"WITH goods AS (SELECT 1 AS id) UPDATE goods SET price=0"}, vain: true},
	{name: "name, that an alias hides", texts: []string{"UPDATE other AS goods, goods AS other SET other.price=0"}},
	{name: "name, of the alias of another", texts: []string{"DELETE o FROM goods AS o JOIN other ON 1"}},
	{name: "name, of an index hint", texts: []string{"UPDATE other USE INDEX (PRIMARY), goods IGNORE INDEX (PRIMARY) SET price=0"}},
	{name: "name, with a partition", texts: []string{"DELETE FROM goods PARTITION (p0)"}, vain: true},
	{name: "name, in parentheses", texts: []string{"UPDATE (goods) SET price=0"}},
	{name: "name, in parentheses with others", texts: []string{"UPDATE (other, goods) SET price=0"}},
	{name: "name, in braces", texts: []string{"UPDATE { oj other LEFT OUTER JOIN goods ON 1 } SET price=0"}},
	{name: "name, of a keyword behind", texts: []string{"DELETE FROM goods.* USING goods JOIN other"}},
	{name: "name, of a view", texts: []string{"UPDATE cheap SET p=0"}},
	{name: "name, of a view in a schema of the server's", texts: []string{"CREATE VIEW mysql.ifmatch_cheap AS SELECT * FROM goods", "UPDATE mysql.ifmatch_cheap SET price=0", "DROP VIEW mysql.ifmatch_cheap"}},
	{name: "name, of a derived table's columns", texts: []string{"UPDATE goods JOIN (SELECT 1 AS one) d SET price=0"}},
}

// delimiterAttacks are about where a statement of several ends.
var delimiterAttacks = []attack{
	{name: "delimiter, in a string", params: "multiStatements=true", texts: []string{"SELECT ';'; UPDATE goods SET price=0"}},
	{name: "delimiter, in a string with an escape", params: "multiStatements=true", texts: []string{`SELECT '\';'; UPDATE goods SET price=0`}},
	{name: "delimiter, in a comment", params: "multiStatements=true", texts: []string{"SELECT 1 /* ; */; UPDATE goods SET price=0"}},
	{name: "delimiter, in an executable comment", params: "multiStatements=true", texts: []string{"SELECT 1 /*! ; UPDATE goods SET price=0 */"}, vain: true},
	{name: "delimiter, in a comment to the end of the line", params: "multiStatements=true", texts: []string{"SELECT 1 -- ;\n; UPDATE goods SET price=0"}},
	{name: "delimiter, in a name", params: "multiStatements=true", texts: []string{"SELECT 1 AS `;`; UPDATE goods SET price=0"}},
	{name: "delimiter, several of them", params: "multiStatements=true", texts: []string{"SELECT 1;; UPDATE goods SET price=0"}, vain: true},
	{name: "delimiter, in a block", params: "multiStatements=true", only: "mariadb", texts: []string{"BEGIN NOT ATOMIC SELECT 1; UPDATE goods SET price=0; END"}},
	{name: "delimiter, behind a block", params: "multiStatements=true", only: "mariadb", texts: []string{"BEGIN NOT ATOMIC SELECT 1; END; UPDATE goods SET price=0"}},
	{name: "delimiter, behind the body of a procedure", params: "multiStatements=true", texts: []string{"CREATE PROCEDURE made() BEGIN SELECT 1; END; UPDATE goods SET price=0; DROP PROCEDURE made"}},
	{name: "delimiter, NUL", params: "multiStatements=true", texts: []string{"SELECT 1;\x00 UPDATE goods SET price=0"}, vain: true},
	{name: "delimiter, where only one statement may stand", texts: []string{"SELECT 1; UPDATE goods SET price=0"}, vain: true},
}

// kindAttacks are statements whose kind does not say that they write.
var kindAttacks = []attack{
	{name: "kind, EXPLAIN ANALYZE of a join", only: "mysql", texts: []string{"EXPLAIN ANALYZE UPDATE goods JOIN other ON 1 SET price=0"}, vain: true},
	{name: "kind, ANALYZE", only: "mariadb", texts: []string{"ANALYZE UPDATE goods SET price=0"}},
	{name: "kind, ANALYZE with a format", only: "mariadb", texts: []string{"ANALYZE FORMAT=JSON UPDATE goods SET price=0"}},
	{name: "kind, a view of documents", only: "mysql", texts: []string{
		"CREATE JSON RELATIONAL DUALITY VIEW docs AS SELECT JSON_DUALITY_OBJECT(WITH(INSERT,UPDATE,DELETE) '_id': id, 'price': price, 'version': version) FROM goods",
		"UPDATE docs SET data=JSON_SET(data, '$.price', 0) WHERE data->'$._id'=1"}},
	{name: "kind, a table that is made of a function", texts: []string{"CREATE TABLE made AS SELECT wiped() AS w", "DROP TABLE made"}, vain: true},
	{name: "kind, a condition in parentheses", texts: []string{"(UPDATE goods SET price=0)"}, vain: true},
	{name: "kind, behind WITH", only: "mysql", texts: []string{"WITH c AS (SELECT 1 AS id) UPDATE goods JOIN c USING (id) SET price=0"}},
	{name: "kind, behind WITH, a DELETE", only: "mysql", texts: []string{"WITH c AS (SELECT 1 AS id) DELETE goods FROM goods JOIN c USING (id)"}},
	{name: "kind, DELETE HISTORY", only: "mariadb", texts: []string{"DELETE HISTORY FROM goods"}, vain: true},
	{name: "kind, a statement for one statement", only: "mariadb", texts: []string{"SET STATEMENT max_statement_time=9 FOR UPDATE goods SET price=0"}},
	{name: "kind, a statement for one statement for one", only: "mariadb", texts: []string{"SET STATEMENT max_statement_time=9 FOR SET STATEMENT sort_buffer_size=100000 FOR DELETE FROM goods"}},
}

// oracleAttacks are MariaDB's sql_mode ORACLE, which has another grammar.
var oracleAttacks = []attack{
	{name: "ORACLE, a block", only: "mariadb", texts: []string{"SET sql_mode=ORACLE", "BEGIN UPDATE goods SET price=0; END;"}},
	{name: "ORACLE, a block with declarations", only: "mariadb", texts: []string{"SET sql_mode=ORACLE", "DECLARE x INT; BEGIN UPDATE goods SET price=0; END"}},
	{name: "ORACLE, a label", only: "mariadb", texts: []string{"SET sql_mode=ORACLE", "<<l>> BEGIN UPDATE goods SET price=0; END"}, vain: true},
	{name: "ORACLE, a loop", only: "mariadb", texts: []string{"SET sql_mode=ORACLE", "FOR i IN 1 .. 1 LOOP UPDATE goods SET price=0; END LOOP"}},
	{name: "ORACLE, a call without CALL", only: "mariadb", texts: []string{"SET sql_mode=ORACLE", "BEGIN wipe; END"}},
	{name: "ORACLE, double quotes", only: "mariadb", texts: []string{"SET sql_mode='ORACLE'", double}},
	{name: "ORACLE, by the server's default", only: "mariadb", global: "ORACLE", texts: []string{"BEGIN UPDATE goods SET price=0; END"}},
	{name: "ORACLE, numbered parameters", only: "mariadb", texts: []string{"SET sql_mode=ORACLE", "PREPARE q FROM 'UPDATE goods SET price=:1'", "SET @x=0", "EXECUTE q USING @x"}},
	{name: "ORACLE, at once", only: "mariadb", texts: []string{"SET sql_mode=ORACLE", "EXECUTE IMMEDIATE 'BEGIN UPDATE goods SET price=0; END;'"}},
	{name: "ORACLE, empty strings", only: "mariadb", texts: []string{"SET sql_mode='ORACLE,EMPTY_STRING_IS_NULL'", "UPDATE other o JOIN goods g SET o.note='', g.price=0 WHERE '' IS NULL"}},
}
