package sqltext

import (
	"fmt"
	"testing"
)

// lex lexes sql or ends the test.
func lex(t testing.TB, sql string, lx Lexis) *Text {
	t.Helper()
	text := new(Text)
	if err := text.Lex([]byte(sql), &lx); err != nil {
		t.Fatalf("%q: %v", sql, err)
	}
	return text
}

func TestIs(t *testing.T) {
	tests := []struct {
		sql  string
		i    int
		word string
		want bool
	}{
		{"update t", 0, "UPDATE", true},
		{"UpDaTe t", 0, "UPDATE", true},
		{"updated t", 0, "UPDATE", false},
		{"`update` t", 0, "UPDATE", false},
		{"'update' t", 0, "UPDATE", false},
		{"t.update", 2, "UPDATE", false},
		{"t .update", 2, "UPDATE", false},
		{"t. update", 2, "UPDATE", true},
		{"`t`.update", 2, "UPDATE", false},
		{"update.t", 0, "UPDATE", false},
		{"update .t", 0, "UPDATE", true},
		{"update. t", 0, "UPDATE", true},
		{"update.`t`", 0, "UPDATE", true},
		{"t /*! update */", 1, "UPDATE", true},
		{"@@global.x", 1, "GLOBAL", true},
		{"@@global.x", 3, "X", false},
		{"update", 1, "UPDATE", false},
		{"update", -1, "UPDATE", false},
	}
	for _, tt := range tests {
		text := lex(t, tt.sql, mysql97)
		if got := text.Is(tt.i, tt.word); got != tt.want {
			t.Errorf("%q: Is(%d, %s) = %v", tt.sql, tt.i, tt.word, got)
		}
	}
}

func TestIsOp(t *testing.T) {
	text := lex(t, "a <=> ';' ;", mysql97)
	for i, want := range []string{"", "<=>", "", ";"} {
		for _, op := range []string{"<=>", ";", "a", "';'"} {
			if got := text.IsOp(i, op); got != (op == want) {
				t.Errorf("IsOp(%d, %s) = %v", i, op, got)
			}
		}
	}
	if text.IsOp(4, ";") || text.IsOp(-1, ";") {
		t.Error("an index out of range is an operator")
	}
}

func TestName(t *testing.T) {
	tests := []struct {
		lx   Lexis
		sql  string
		want string
		ok   bool
	}{
		{mysql97, "Abc", "Abc", true},
		{mysql97, "`Abc`", "Abc", true},
		{mysql97, "`a``b\"c`", "a`b\"c", true},
		{mysql97, "````", "`", true},
		{mysql97, "``", "", true},
		{mysql97, "`a\\`", "a\\", true},
		{ansi, `"a""b` + "`" + `c"`, `a"b` + "`c", true},
		{mysql97, `"a"`, "", false},
		{mysql97, "1", "", false},
		{mysql97, "@a", "", false},
		{mariadb, `\N`, "", false},
		{charsetLexis(GBK), "`\x81``", "\x81`", true},
		{charsetLexis(GBK), "`\x81`\x81\x30`", "\x81`\x810", true},
		{charsetLexis(GBK), "`\x81``` `", "\x81`` ", true},
	}
	for _, tt := range tests {
		got, ok := lex(t, tt.sql, tt.lx).Name(0)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("%q: got %q %v, want %q %v", tt.sql, got, ok, tt.want, tt.ok)
		}
	}
	if _, ok := lex(t, "a", mysql97).Name(1); ok {
		t.Error("a token out of range has a name")
	}
}

func TestStringValue(t *testing.T) {
	tests := []struct {
		lx   Lexis
		sql  string
		want string
	}{
		{mysql97, `'abc'`, "abc"},
		{mysql97, `''`, ""},
		{mysql97, `"it's"`, "it's"},
		{mysql97, `'it''s "it"'`, `it's "it"`},
		{mysql97, `"a""b''"`, `a"b''`},
		{mysql97, `n'a\'b'`, "a'b"},
		{mysql97, `'\0\n\r\t\b\Z\a\\\'\"'`, "\x00\n\r\t\b\x1aa\\'\""},
		{mysql97, `'\%\_'`, `\%\_`},
		{noEscapes, `'\n\'`, `\n\`},
		{noEscapes, `'a''b'`, `a'b`},
		{mysql97, "'\xe4\\n'", "\xe4\n"},
		{charsetLexis(GBK), "'\xbf\\n'", "\xbf\\n"},
		{charsetLexis(GBK), "'\\\xbf\\n'", "\xbf\n"},
		{charsetLexis(SJIS), "'\x83\\\\'\xb1\\n'", "\x83\\'\xb1\n"},
		{charsetLexis(GB18030), "'\x81\x30\x81\x30\\n\x81\\'", "\x81\x30\x81\x30\n\x81\\"},
		{mysql97, `$$a'\n$$`, `a'\n`},
		{mysql97, `$x$a$$b$x$`, `a$$b`},
	}
	for _, tt := range tests {
		text := lex(t, tt.sql, tt.lx)
		if len(text.Tokens) != 1 {
			t.Errorf("%q: tokens %s", tt.sql, dump(text))
			continue
		}
		got, ok := text.StringValue([]byte("<"), 0)
		if !ok || string(got) != "<"+tt.want {
			t.Errorf("%q: got %q %v, want %q", tt.sql, got, ok, tt.want)
		}
	}
	for _, sql := range []string{"a", "1", "x'41'", "`a`", "@'a'"} {
		if got, ok := lex(t, sql, mysql97).StringValue(nil, 0); ok {
			t.Errorf("%q has the string value %q", sql, got)
		}
	}
}

func TestPlaceholders(t *testing.T) {
	text := lex(t, "UPDATE t SET a=?, b='?' WHERE c=? -- ?", mysql97)
	if n := Placeholders(text, 0, len(text.Tokens)); n != 2 {
		t.Errorf("%d placeholders, want 2", n)
	}
	if n := Placeholders(text, 0, 6); n != 1 {
		t.Errorf("%d placeholders in the first six tokens, want 1", n)
	}
}

func TestStatements(t *testing.T) {
	tests := []struct {
		sql  string
		want []string
	}{
		{"", nil},
		{";;", nil},
		{"SELECT 1", []string{"SELECT 1"}},
		{"SELECT 1;", []string{"SELECT 1"}},
		{"; SELECT 1; ; UPDATE t SET a=';' ;", []string{"SELECT 1", "UPDATE t SET a=';'"}},
		{"BEGIN; UPDATE t SET a=1; COMMIT", []string{"BEGIN", "UPDATE t SET a=1", "COMMIT"}},
		{"BEGIN WORK; UPDATE t SET a=1", []string{"BEGIN WORK", "UPDATE t SET a=1"}},
		{"BEGIN NOT ATOMIC UPDATE t SET a=1; DELETE FROM t; END; SELECT 1", []string{"BEGIN NOT ATOMIC UPDATE t SET a=1; DELETE FROM t; END; SELECT 1"}},
		{"SELECT 0; CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END; SELECT 3;", []string{"SELECT 0", "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END; SELECT 3"}},
		{"CREATE DEFINER=`a`@`b` TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET @a=1; END", []string{"CREATE DEFINER=`a`@`b` TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET @a=1; END"}},
		{"CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a=1; SELECT 1", []string{"CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a=1", "SELECT 1"}},
		{"CREATE OR REPLACE FUNCTION f() RETURNS INT RETURN 1; UPDATE t SET a=1", []string{"CREATE OR REPLACE FUNCTION f() RETURNS INT RETURN 1", "UPDATE t SET a=1"}},
		{"CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO IF 1 THEN SELECT 1; END IF; SELECT 2", []string{"CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO IF 1 THEN SELECT 1; END IF; SELECT 2"}},
		{"ALTER EVENT e DO BEGIN SELECT 1; END", []string{"ALTER EVENT e DO BEGIN SELECT 1; END"}},
		{"CREATE TABLE t (`begin` int, event int, trigger_ int); SELECT 1", []string{"CREATE TABLE t (`begin` int, event int, trigger_ int)", "SELECT 1"}},
		{"CREATE PACKAGE p AS PROCEDURE x; END; SELECT 1", []string{"CREATE PACKAGE p AS PROCEDURE x; END; SELECT 1"}},
		{"IF 1 THEN UPDATE t SET a=1; END IF", []string{"IF 1 THEN UPDATE t SET a=1; END IF"}},
		{"x: LOOP LEAVE x; END LOOP", []string{"x: LOOP LEAVE x; END LOOP"}},
		{"SELECT CASE WHEN 1 THEN 2 END; SELECT IF(1,2,3)", []string{"SELECT CASE WHEN 1 THEN 2 END", "SELECT IF(1,2,3)"}},
		{"/*!50003 CREATE*/ /*!50003 TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET @a=1; END */;", []string{"CREATE*/ /*!50003 TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET @a=1; END"}},
	}
	for _, tt := range tests {
		text := lex(t, tt.sql, mysql97)
		var got []string
		for _, s := range text.Statements(nil) {
			got = append(got, tt.sql[text.Tokens[s.Start].Start:text.Tokens[s.End-1].End])
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tt.want) {
			t.Errorf("%q:\n got %q\nwant %q", tt.sql, got, tt.want)
		}
	}
}

// The comments around a statement belong to it: they may be hints.
func TestRange(t *testing.T) {
	var text Text
	sql := ";/* a */ SELECT 1 /* b */; /* c */ SELECT 2 /* d */"
	if err := text.Lex([]byte(sql), &Lexis{}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, stmt := range text.Statements(nil) {
		from, to := text.Range(stmt)
		got = append(got, sql[from:to])
	}
	want := []string{"/* a */ SELECT 1 /* b */", " /* c */ SELECT 2 /* d */"}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("ranges %q, want %q", got, want)
	}
}
