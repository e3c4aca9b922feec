package sqltext

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

var (
	mysql97   = Lexis{Flavor: MySQL, Version: 90704}
	mysql80   = Lexis{Flavor: MySQL, Version: 80036}
	mysql57   = Lexis{Flavor: MySQL, Version: 50744}
	mariadb   = Lexis{Flavor: MariaDB, Version: 101119}
	ansi      = Lexis{Flavor: MySQL, Version: 90704, ANSIQuotes: true}
	noEscapes = Lexis{Flavor: MySQL, Version: 90704, NoBackslashEscapes: true}
)

func charsetLexis(c Charset) Lexis { return Lexis{Flavor: MySQL, Version: 90704, Charset: c} }

// dump writes the tokens as kind‹text›, with a ! before those of executable
// comments. Words and operators stand for themselves.
func dump(t *Text) string {
	var b strings.Builder
	for i, tok := range t.Tokens {
		if i > 0 {
			b.WriteByte(' ')
		}
		if tok.Exec {
			b.WriteByte('!')
		}
		switch tok.Kind {
		case Word, Op:
			fmt.Fprintf(&b, "%s", t.Bytes(i))
		default:
			fmt.Fprintf(&b, "%s‹%s›", tok.Kind, t.Bytes(i))
		}
	}
	return b.String()
}

func TestLex(t *testing.T) {
	tests := []struct {
		name string
		lx   Lexis
		sql  string
		want string
	}{
		{"empty", mysql97, "", ""},
		{"blanks are tab to carriage return and space", mysql97, " a\tb\nc\vd\fe\rf ", "a b c d e f"},
		{"an update", mysql97, "UPDATE t SET a=1 WHERE id = ?", "UPDATE t SET a = number‹1› WHERE id = param‹?›"},

		{"names may have $ and digits", mysql97, "a$b a1 _x 1a 12_b", "a$b a1 _x 1a 12_b"},
		{"names may have utf8", mysql97, "größe.é", "größe . é"},
		{"a name after a dot may start with a digit", mysql97, "a.1b t.2", "a . 1b t . 2"},
		{"a name after a dot is no hexadecimal number", mysql97, "t.0x1F t.1e5 t.x'1F'", "t . 0x1F t . 1e5 t . x string‹'1F'›"},
		{"blanks around the dot", mysql97, "a . b", "a . b"},
		{"a dot after a quoted name may start a number", mysql97, "`a`.1b `a`.b", "quoted‹`a`› number‹.1› b quoted‹`a`› . b"},
		{"doubled quotes", mysql97, "`a``b` 'a''b' \"a\"\"b\"", "quoted‹`a``b`› string‹'a''b'› string‹\"a\"\"b\"›"},
		{"ANSI_QUOTES", ansi, `"a""b" 'c' "d\"`, `quoted‹"a""b"› string‹'c'› quoted‹"d\"›`},
		{"the other quote inside", mysql97, "`a'b` 'a`b\"c' \"a'b\"", "quoted‹`a'b`› string‹'a`b\"c'› string‹\"a'b\"›"},
		{"no escapes in quoted names", mysql97, "`a\\`b", "quoted‹`a\\`› b"},

		{"escapes", mysql97, `'a\'b' "a\"b" 'a\\' 'b'`, `string‹'a\'b'› string‹"a\"b"› string‹'a\\'› string‹'b'›`},
		{"NO_BACKSLASH_ESCAPES", noEscapes, `'a\' 'b'`, `string‹'a\'› string‹'b'›`},
		{"national strings", mysql97, "n'x' N'y\\'z' N 'x' n\"q\"", "string‹n'x'› string‹N'y\\'z'› N string‹'x'› n string‹\"q\"›"},
		{"adjacent strings stay apart", mysql97, "'a' 'b'", "string‹'a'› string‹'b'›"},
		{"NUL in a string", mysql97, "'a\x00b'", "string‹'a\x00b'›"},

		{"introducers", mysql97, "_utf8mb4'a' _LATIN1 /**/ x'41' _binary 0b1", "introducer‹_utf8mb4› string‹'a'› introducer‹_LATIN1› hex‹x'41'› introducer‹_binary› bit‹0b1›"},
		{"no introducers", mysql97, "_nosuch 'a' _utf8mb4 1 a._utf8mb4 'a' _utf8", "_nosuch string‹'a'› _utf8mb4 number‹1› a . _utf8mb4 string‹'a'› _utf8"},
		{"MySQL knows gb18030", mysql97, "_gb18030'a'", "introducer‹_gb18030› string‹'a'›"},
		{"MariaDB does not", mariadb, "_gb18030'a'", "_gb18030 string‹'a'›"},
		{"introducers of character sets that clients cannot use", mariadb, "_utf16 x'0041'", "introducer‹_utf16› hex‹x'0041'›"},

		{"numbers", mysql97, "1 1.5 .5 1. 1e3 1E+3 1.5e-3 .5e1 00", "number‹1› number‹1.5› number‹.5› number‹1.› number‹1e3› number‹1E+3› number‹1.5e-3› number‹.5e1› number‹00›"},
		{"the sign is an operator", mysql97, "-1 +2", "- number‹1› + number‹2›"},
		{"a number ends where it must", mysql97, "1.5.5 1e5a 1.5a", "number‹1.5› number‹.5› number‹1e5› a number‹1.5› a"},
		{"e without digits makes a name", mysql97, "1e 1ex 1e+ 1e+x", "1e 1ex 1e + 1e + x"},
		{"two dots in MySQL", mysql97, "1..2", "number‹1.› number‹.2›"},
		{"two dots in MariaDB", mariadb, "1..2 a..b", "number‹1› .. number‹2› a .. b"},
		{"hexadecimal", mysql97, "0x1F x'1f' X'' 0xa", "hex‹0x1F› hex‹x'1f'› hex‹X''› hex‹0xa›"},
		{"0x that is a name", mysql97, "0xg 0x 0X1F 0x1g", "0xg 0x 0X1F 0x1g"},
		{"bits", mysql97, "0b01 b'01' B'' 0b2 0b 0B1 0b12", "bit‹0b01› bit‹b'01'› bit‹B''› 0b2 0b 0B1 0b12"},
		{"\\N in MariaDB", mariadb, `\N`, `\N`},
		{"\\N in old MySQL", mysql57, `\N`, `\N`},
		{"\\N is gone in MySQL 8", mysql97, `\N`, `\ N`},

		{"placeholders", mysql97, "?,? ?a ?1 ??", "param‹?› , param‹?› ? a ? number‹1› param‹?› param‹?›"},
		{"user variables", mysql97, "@x @'a b' @\"c\" @`d` @a.b @$1 @ x @", "uservar‹@x› uservar‹@'a b'› uservar‹@\"c\"› uservar‹@`d`› uservar‹@a.b› uservar‹@$1› uservar‹@› x uservar‹@›"},
		{"user variables with escapes", mysql97, `@'a\'b' @x:=1`, `uservar‹@'a\'b'› uservar‹@x› := number‹1›`},
		{"user variables under ANSI_QUOTES", ansi, `@"a\"`, `uservar‹@"a\"›`},
		{"user variables in utf8", mysql97, "@é=1", "uservar‹@é› = number‹1›"},
		{"accounts", mysql97, "root@localhost 'a'@'%' a@10.0.0.1", "root uservar‹@localhost› string‹'a'› uservar‹@'%'› a uservar‹@10.0.0.1›"},
		{"system variables", mysql97, "@@a @@global.x @@`y` @@session . z @@ w", "sysvar‹@@› a sysvar‹@@› global . x sysvar‹@@› quoted‹`y`› sysvar‹@@› session . z sysvar‹@@› w"},

		{"operators", mysql97, "<=> << >> <= >= <> != := && || < > = ! : & | ( ) , ; + * / % ^ ~ { } [ ]", "<=> << >> <= >= <> != := && || < > = ! : & | ( ) , ; + * / % ^ ~ { } [ ]"},
		{"longest match", mysql97, "a<=>b<<=c>>=d=!e<=!f===g&&&h", "a <=> b << = c >> = d = ! e <= ! f = = = g && & h"},
		{"two negations in MariaDB", mariadb, "!!a !<b", "! ! a ! < b"},
		{"JSON arrows in MySQL", mysql97, "a->b->>c-->d", "a -> b ->> c - -> d"},
		{"no JSON arrows in MariaDB", mariadb, "a->b->>c", "a - > b - >> c"},
		{"odbc braces", mysql97, "{d '2020-01-01'}", "{ d string‹'2020-01-01'› }"},

		{"comments", mysql97, "a/**/b/* c */d # e\nf -- g\nh --\ti\nj", "a b d f h j"},
		{"-- needs a blank behind it", mysql97, "a--b --1 c -- d", "a - - b - - number‹1› c"},
		{"-- at the end or before a control character", mysql97, "a --\x01b\nc --", "a c"},
		{"a carriage return does not end a comment", mysql97, "a -- b\rc\nd", "a d"},
		{"a comment opens with two bytes of its own", mysql97, "a /*/ b */ c", "a c"},
		{"plain comments do not nest", mysql97, "a /* /* b */ c */", "a c * /"},
		{"comment marks in strings", mysql97, "'/*' '-- ' `#` '*/'", "string‹'/*'› string‹'-- '› quoted‹`#`› string‹'*/'›"},
		{"division", mysql97, "a/b * /c", "a / b * / c"},

		{"dollar quotes", mysql97, "$$a'b$$ c $x$ $$ ; $x$", "string‹$$a'b$$› c string‹$x$ $$ ; $x$›"},
		{"dollar in names of MySQL 9", mysql97, "a$b$c $a", "a$b$c $a"},
		{"dollar in names of MySQL 5.7", mysql57, "$$ $a$b$a$", "$$ $a$b$a$"},
		{"dollar in names of MariaDB", mariadb, "$$ $a$b$a$", "$$ $a$b$a$"},

		{"gbk: a backslash may end a character", charsetLexis(GBK), "'\xbf\\' 'x'", "string‹'\xbf\\'› string‹'x'›"},
		{"utf8: it does not", mysql97, "'\xbf\\' 'x'", "error"},
		{"gbk: a quote does not end one", charsetLexis(GBK), "'\xbf' 'x'", "string‹'\xbf'› string‹'x'›"},
		{"gbk: a backquote may end a character", charsetLexis(GBK), "`\x81`` a", "quoted‹`\x81``› a"},
		{"gbk: a name", charsetLexis(GBK), "\xbf\\ b", "\xbf\\ b"},
		{"sjis: a backslash may end a character", charsetLexis(SJIS), "'\x95\\' 'x'", "string‹'\x95\\'› string‹'x'›"},
		{"sjis: half-width letters are one byte", charsetLexis(SJIS), "'\xb1\\'x'", "string‹'\xb1\\'x'›"},
		{"big5: a backslash may end a character", charsetLexis(Big5), "'\xa5\\' 'x'", "string‹'\xa5\\'› string‹'x'›"},
		{"gb18030: four bytes", charsetLexis(GB18030), "'\x81\x30\x81\x30\\'x'", "string‹'\x81\x30\x81\x30\\'x'›"},
		{"the byte after a backslash starts no character", charsetLexis(GBK), "'\\\xbf\\' x'", "string‹'\\\xbf\\' x'›"},
		{"latin1: a no-break space is a blank", charsetLexis(Latin1), "a\xa0b", "a b"},
		{"latin1: letters", charsetLexis(Latin1), "\xe4\xf6", "\xe4\xf6"},
		{"ujis: three bytes", charsetLexis(UJIS), "\x8f\xa1\xa1a", "\x8f\xa1\xa1a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var text Text
			got := ""
			if err := text.Lex([]byte(tt.sql), &tt.lx); err != nil {
				got = "error"
			} else {
				got = dump(&text)
			}
			if got != tt.want {
				t.Errorf("%q\n got %q\nwant %q", tt.sql, got, tt.want)
			}
		})
	}
}

func TestLexExecutableComments(t *testing.T) {
	tests := []struct {
		lx   Lexis
		sql  string
		want string
	}{
		{mysql97, "a /*!b*/ c", "a !b c"},
		{mysql97, "a /*!*/ c", "a c"},
		{mysql97, "a /*!50000 b*/ c", "a !b c"},
		{mysql97, "a /*!50000b*/ c", "a !b c"},
		{mysql97, "a /*!90704 b*/ c", "a !b c"},
		{mysql97, "a /*!90705 b*/ c", "a c"},
		{mysql97, "a /*!99999 b*/ c", "a c"},
		{mysql97, "a /*!090704 b*/ c", "a !b c"},
		{mysql97, "a /*!090705 b*/ c", "a c"},
		{mysql97, "a /*!100000 b*/ c", "a c"},
		{mysql97, "a /*!500001*/ c", "a !number‹1› c"},
		{mysql97, "a /*!0500001 b*/ c", "a !number‹01› !b c"},
		{mysql97, "a /*!500001 b*/ c", "a c"},
		{mysql97, "a /*!5000 b*/ c", "a !number‹5000› !b c"},
		{mysql97, "a /*! 50000 b*/ c", "a !number‹50000› !b c"},
		{mysql97, "a /*M! b*/ c /*M!50000 d*/", "a c"},
		{mysql97, "a /*m! b*/ c", "a c"},
		{mysql80, "a /*!100000 b*/ c", "a !number‹0› !b c"},
		{mysql80, "a /*!080000 b*/ c", "a !number‹0› !b c"},
		{mysql57, "a /*!50744 b*/ /*!50745 c*/ /*!80000 d*/", "a !b"},
		{mariadb, "a /*!b*/ c", "a !b c"},
		{mariadb, "a /*M!b*/ c", "a !b c"},
		{mariadb, "a /*m!b*/ c", "a c"},
		{mariadb, "a /*!50699 b*/ c", "a !b c"},
		{mariadb, "a /*!50700 b*/ c", "a c"},
		{mariadb, "a /*!99999 b*/ c", "a c"},
		{mariadb, "a /*!050700 b*/ c", "a c"},
		{mariadb, "a /*!100000 b*/ c", "a !b c"},
		{mariadb, "a /*!100000b*/ c", "a !b c"},
		{mariadb, "a /*!101119 b*/ c", "a !b c"},
		{mariadb, "a /*!101120 b*/ c", "a c"},
		{mariadb, "a /*M!50700 b*/ c", "a !b c"},
		{mariadb, "a /*M!101120 b*/ c", "a c"},
		{mariadb, "a /*!500001*/ c", "a c"},

		// A comment inside one that runs is a comment, and does not end it.
		{mysql97, "a /*! b /* c */ d */ e", "a !b !d e"},
		{mysql97, "a /*! b -- c */\n d */ e", "a !b !d e"},
		{mysql97, "a /*! b # c */\n d */ e", "a !b !d e"},
		{mysql97, "a /*! b '*/' d */ e", "a !b !string‹'*/'› !d e"},
		{mysql97, "a /*! b /*!99999 c */ d */ e", "a !b !d e"},
		// One that runs inside one that runs ends both.
		{mysql97, "a /*! b /*! c */ d */ e", "a !b !c d * / e"},
		// One level of comments inside one that does not run.
		{mysql97, "a /*!99999 b /* c */ d */ e", "a e"},
		{mysql97, "a /*!99999 b /*!50000 c */ d */ e", "a e"},
		{mysql97, "a /*!99999 b /* /* c */ d */ e", "a e"},
		{mysql97, "a /*!99999 b ' /* ' */ d */ e", "a e"},
		{mariadb, "a /*!99999 b /* c */ d */ e", "a e"},
		{mysql97, "/*!50003 SELECT 1; SELECT 2 */", "!SELECT !number‹1› !; !SELECT !number‹2›"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %d %s", tt.lx.Flavor, tt.lx.Version, tt.sql), func(t *testing.T) {
			var text Text
			if err := text.Lex([]byte(tt.sql), &tt.lx); err != nil {
				t.Fatal(err)
			}
			got := dump(&text)
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if !strings.Contains(tt.sql, "!*/") && text.Executable != strings.Contains(got, "!") {
				t.Errorf("Executable is %v", text.Executable)
			}
		})
	}
}

func TestLexErrors(t *testing.T) {
	tests := []struct {
		lx     Lexis
		sql    string
		offset int
		what   string
	}{
		{mysql97, "a 'b", 2, "unclosed string"},
		{mysql97, `a 'b\'`, 2, "unclosed string"},
		{mysql97, `a 'b\`, 2, "unclosed string"},
		{mysql97, "a n'b", 2, "unclosed string"},
		{mysql97, "a @'b", 2, "unclosed string"},
		{mysql97, "a `b", 2, "unclosed quoted identifier"},
		{ansi, `a "b`, 2, "unclosed quoted identifier"},
		{mysql97, "a `b\x00`", 4, "NUL in a quoted identifier"},
		{mysql97, "a\x00b", 1, "NUL outside of a string"},
		{mysql97, "a -- b\x00\n", 6, "NUL in a comment"},
		{mysql97, "a # \x00\n", 4, "NUL in a comment"},
		{mysql97, "a /* b", 2, "unclosed comment"},
		{mysql97, "a /*/", 2, "unclosed comment"},
		{mysql97, "a /*! b", 7, "unclosed executable comment"},
		{mysql97, "a /*!99999 b", 2, "unclosed comment"},
		{mysql97, "a /*!99999 /* b */", 2, "unclosed comment"},
		{mysql97, "x'zz'", 0, "malformed hexadecimal or bit string"},
		{mysql97, "b'2'", 0, "malformed hexadecimal or bit string"},
		{mysql97, "x'1", 0, "malformed hexadecimal or bit string"},
		{mysql97, "x'1'", 0, "odd number of hexadecimal digits"},
		{mysql97, "1.e(1)", 0, "number with an exponent of no digits"},
		{mysql97, "a .1e", 2, "number with an exponent of no digits"},
		{mysql97, "a\xff", 1, "byte that is no character of a name"},
		{mysql97, "a \xc3(", 2, "byte that is no character of a name"},
		{mysql97, "$a$ b", 0, "unclosed dollar quote"},
		{mysql80, "$$", 0, "name that may be a dollar quote"},
		{mysql97, "1--/**/2", 1, "-- directly before a comment mark"},
		{mysql97, "!!a", 0, "! directly before another operator"},
		{mysql97, "a !<b", 2, "! directly before another operator"},
		{mysql97, "1--# a\n2", 1, "-- directly before a comment mark"},
		{mysql97, "1---- a\n2", 1, "-- directly before a comment mark"},
		{mysql97, "/*!1--*/2", 4, "-- directly before a comment mark"},
		{mariadb, "/*!99997 a*/", 0, "comment that runs only under Galera"},
		{charsetLexis(Latin2), "1--\x85", 1, "-- before a byte that may be a control character"},
		{charsetLexis(GBK), "1\xbf\\", 1, "multi-byte character after the digits of a name"},
		{charsetLexis(GBK), "@\xbf\\", 1, "byte that may or may not belong to a variable's name"},
		{charsetLexis(SJIS), "\xb1", 0, "byte that is no character of a name"},
	}
	for _, tt := range tests {
		t.Run(tt.sql, func(t *testing.T) {
			var text Text
			err := text.Lex([]byte(tt.sql), &tt.lx)
			var lexErr *LexError
			if !errors.As(err, &lexErr) {
				t.Fatalf("error is %v, tokens %s", err, dump(&text))
			}
			if lexErr.Offset != tt.offset || lexErr.What != tt.what {
				t.Errorf("got %d %q, want %d %q", lexErr.Offset, lexErr.What, tt.offset, tt.what)
			}
		})
	}
}

func TestLexReusesText(t *testing.T) {
	var text Text
	if err := text.Lex([]byte("a /* ifmatch: v=1 */ /*! b */ c d"), &mysql97); err != nil {
		t.Fatal(err)
	}
	if err := text.Lex([]byte("e"), &mysql97); err != nil {
		t.Fatal(err)
	}
	if got := dump(&text); got != "e" || len(text.Hints) != 0 || text.Executable {
		t.Errorf("left over: %q, hints %v, executable %v", got, text.Hints, text.Executable)
	}
}

func TestHints(t *testing.T) {
	tests := []struct {
		sql  string
		want []string
	}{
		{"UPDATE t /* ifmatch: version=9 */ SET a=1", []string{"version=9"}},
		{"/*ifmatch:version=9*/ UPDATE t", []string{"version=9"}},
		{"/*\n\tIfMatch: a=1, b=2\n*/ UPDATE t", []string{"a=1, b=2"}},
		{"a /*ifmatch:x=1*/ b /*ifmatch: y=2 */", []string{"x=1", "y=2"}},
		{"/*! UPDATE /* ifmatch: v=1 */ t */", []string{"v=1"}},
		{"/* ifmatch: */", []string{""}},
		{"/* not ifmatch: v=1 */ /* ifmatch v=1 */", nil},
		{"/*! ifmatch: v=1 */", nil},
		{"/*!99999 /* ifmatch: v=1 */ */", nil},
		{"/*+ ifmatch: v=1 */ -- ifmatch: v=1", nil},
		{"'/* ifmatch: v=1 */'", nil},
	}
	for _, tt := range tests {
		t.Run(tt.sql, func(t *testing.T) {
			var text Text
			if err := text.Lex([]byte(tt.sql), &mysql97); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, h := range text.Hints {
				got = append(got, tt.sql[h.Start:h.End])
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
