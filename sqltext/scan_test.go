package sqltext

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// everything lets every word through.
var everything = func() *Sieve {
	var s Sieve
	for i := range s.bits {
		s.bits[i] = ^uint64(0)
	}
	return &s
}()

// scanned gives the words of a text joined by blanks, or "?" where the scan gives up.
func scanned(sql string, lx *Lexis, doubt Doubt) string {
	var s Scan
	s.Start([]byte(sql), lx, doubt)
	var words []string
	if s.First() == nil {
		return "?"
	}
	for w := s.Next(everything); w != nil; w = s.Next(everything) {
		words = append(words, string(w))
	}
	if !s.Sure() {
		return "?"
	}
	return strings.Join(words, " ")
}

func TestScan(t *testing.T) {
	gbk, latin1 := charsetLexis(GBK), charsetLexis(Latin1)
	quotes, charset := Doubt{Quotes: true}, Doubt{Charset: true}
	tests := []struct {
		lx    Lexis
		doubt Doubt
		sql   string
		want  string
	}{
		// What apps write is known.
		{lx: mysql97, sql: "SELECT c FROM sbtest1 WHERE id=5023", want: "SELECT c FROM sbtest1 WHERE id"},
		{lx: mysql97, sql: "UPDATE sbtest1 SET k=k+1 WHERE id=5023", want: "UPDATE sbtest1 SET k k WHERE id"},
		{lx: mysql97, sql: "SELECT SUM(k) FROM sbtest1 WHERE id BETWEEN 1 AND 100;", want: "SELECT SUM k FROM sbtest1 WHERE id BETWEEN AND"},
		{lx: mysql97, sql: "SELECT `u`.`id`, `u`.`e-mail` FROM `app`.`users` AS `u` WHERE `u`.`name` = 'O''Brien \\'x\\'' LIMIT 20 OFFSET 40",
			want: "SELECT u id u e-mail FROM app users AS u WHERE u name LIMIT OFFSET"},
		{lx: mysql97, sql: "INSERT INTO t (a, b) VALUES (-1.50, 0x1F2e), (NULL, x'41'),(1., \"it's\") ON DUPLICATE KEY UPDATE b=VALUES(b)",
			want: "INSERT INTO t a b VALUES NULL ON DUPLICATE KEY UPDATE b VALUES b"},
		{lx: mysql97, sql: "select t.*, count(*) from t where a <> b and c != 'ä' and d >= 1 or e <=> f || g && !=h", want: "select t count from t where a b and c and d or e f g h"},
		{lx: mysql97, sql: "-- name: GetUser :one\nSELECT * FROM users /* list: page */ WHERE id = ? -- the end\n", want: "SELECT FROM users WHERE id"},
		{lx: mysql97, sql: "/* app:shop,controller:x */ SELECT /*+ MAX_EXECUTION_TIME(1000) */ 1 /* traceparent='00-1' */", want: "SELECT"},
		{lx: mysql97, sql: "SELECT doc->>'$.a', @x := @x + 1, @@session.sql_mode, a.b.c, a . b, _utf8mb4'x' FROM t  ;\n", want: "SELECT doc session sql_mode a b c a b _utf8mb4 FROM t"},
		{lx: mysql97, sql: "SELECT a/2, b*-3, c-d, $$", want: "?"},
		{lx: ansi, sql: `SELECT "a" FROM "t" WHERE b = 'x'`, want: "SELECT a FROM t WHERE b"},
		{lx: noEscapes, sql: `SELECT 'a\', b FROM t`, want: "SELECT b FROM t"},
		{lx: gbk, sql: "SELECT 'a' FROM t", want: "SELECT FROM t"},
		{lx: latin1, sql: "SELECT '\xe4' FROM t", want: "SELECT FROM t"},
		{lx: mysql97, doubt: quotes, sql: "SELECT 'ä' FROM t", want: "SELECT FROM t"},
		{lx: mysql97, doubt: charset, sql: `SELECT "a" /* ä */ FROM t`, want: "SELECT FROM t"},

		// What takes more care is left to the lexer.
		{lx: mysql97, doubt: quotes, sql: `SELECT "a" FROM t`, want: "?"},
		{lx: mysql97, doubt: charset, sql: "SELECT 'ä' FROM t", want: "?"},
		{lx: gbk, sql: "SELECT '\xbf\\' FROM t", want: "?"},
		{lx: mysql97, sql: "SELECT größe FROM t", want: "?"},
		{lx: mysql97, sql: "SELECT `größe` FROM t", want: "?"},
		{lx: mysql97, sql: "SELECT `a``b` FROM t", want: "?"},
		{lx: mysql97, sql: "SELECT 'a", want: "?"},
		{lx: mysql97, sql: `SELECT 'a\'`, want: "?"},
		{lx: mysql97, sql: "SELECT `a", want: "?"},
		{lx: mysql97, sql: "SELECT ``", want: "?"},
		{lx: mysql97, sql: "SELECT a; SELECT b", want: "?"},
		{lx: mysql97, sql: "SELECT a;;", want: "?"},
		{lx: mysql97, sql: "SELECT a; -- b", want: "?"},
		{lx: mysql97, sql: "(SELECT a)", want: "?"},
		{lx: mysql97, sql: "", want: "?"},
		{lx: mysql97, sql: " ; ", want: "?"},
		{lx: mysql97, sql: "'a'", want: "?"},
		{lx: mysql97, sql: "SELECT /*!50000 a */ b", want: "?"},
		{lx: mariadb, sql: "SELECT /*M! a */ b", want: "?"},
		{lx: mysql97, sql: "SELECT /* a", want: "?"},
		{lx: mysql97, sql: "SELECT a # b", want: "?"},
		{lx: mysql97, sql: "SELECT a--1", want: "?"},
		{lx: mysql97, sql: "SELECT a --\x01b", want: "?"},
		{lx: mysql97, sql: "SELECT a -- b\x00\n", want: "?"},
		{lx: mysql97, sql: "SELECT a\x00", want: "?"},
		{lx: mysql97, sql: "SELECT n'a'", want: "?"},
		{lx: mysql97, sql: "SELECT x'4'", want: "?"},
		{lx: mysql97, sql: "SELECT a.x'41'", want: "?"},
		{lx: mysql97, sql: "SELECT b'01'", want: "?"},
		{lx: mysql97, sql: "SELECT .5", want: "?"},
		{lx: mysql97, sql: "SELECT a.1b", want: "?"},
		{lx: mysql97, sql: "SELECT 1e5", want: "?"},
		{lx: mysql97, sql: "SELECT 1a", want: "?"},
		{lx: mysql97, sql: "SELECT 1.5a", want: "?"},
		{lx: mysql97, sql: "SELECT 0xg", want: "?"},
		{lx: mysql97, sql: "SELECT 0x1Fg", want: "?"},
		{lx: mariadb, sql: "SELECT 1..2", want: "?"},
		{lx: mysql97, sql: "SELECT @`a`", want: "?"},
		{lx: mysql97, sql: "SELECT @@1a", want: "?"},
		{lx: mysql97, sql: "SELECT @é", want: "?"},
		{lx: mysql97, sql: "SELECT !a", want: "?"},
		{lx: mysql97, sql: "a: BEGIN", want: "?"},
		{lx: mariadb, sql: `SELECT \N`, want: "?"},
		{lx: mysql97, sql: "SELECT $a$ b $a$", want: "?"},
	}
	for _, tt := range tests {
		if got := scanned(tt.sql, &tt.lx, tt.doubt); got != tt.want {
			t.Errorf("%q\n got %q\nwant %q", tt.sql, got, tt.want)
		}
	}
}

// checkScan holds a scan against Lex: where it is sure, Lex can read the text, has
// the same words, and finds one statement with nothing but blanks behind it.
func checkScan(t *testing.T, sql []byte, lx *Lexis) (sure bool) {
	t.Helper()
	var s Scan
	s.Start(sql, lx, Doubt{})
	first := s.First()
	if first == nil {
		return false
	}
	var words [][]byte
	for w := s.Next(everything); w != nil; w = s.Next(everything) {
		words = append(words, w)
	}
	if !s.Sure() {
		return false
	}
	var text Text
	if err := text.Lex(sql, lx); err != nil {
		t.Fatalf("%q is known to the scan: %v", sql, err)
	}
	if len(words) == 0 || !bytes.Equal(words[0], first) || !bytes.Equal(text.Bytes(0), first) {
		t.Fatalf("%q begins with %q to the scan, words %q", sql, first, words)
	}
	n := 0
	for i, tok := range text.Tokens {
		b := text.Bytes(i)
		switch tok.Kind {
		case Word, Introducer:
		case Quoted:
			b = b[1 : len(b)-1]
			if name, _ := text.Name(i); name != string(b) {
				t.Fatalf("%q has the name %q", sql, name)
			}
		default:
			continue
		}
		if n == len(words) || !bytes.Equal(words[n], b) {
			t.Fatalf("%q is %s, and to the scan its words are %q", sql, dump(&text), words)
		}
		n++
	}
	spans := text.Statements(nil)
	if n != len(words) || text.Executable || len(spans) != 1 || spans[0].Start != 0 {
		t.Fatalf("%q is %s in %d statements, and to the scan its words are %q", sql, dump(&text), len(spans), words)
	}
	if end := int(spans[0].End); end < len(text.Tokens) && len(bytes.TrimSpace(sql[text.Tokens[end].End:])) > 0 {
		t.Fatalf("%q has something behind its ;", sql)
	}
	if text.IsOp(1, ":") {
		t.Fatalf("%q has a label", sql)
	}
	// What is in doubt only makes the scan give up, and where it does not, the text
	// reads the same in any way.
	for _, doubt := range []Doubt{{Quotes: true}, {Charset: true}} {
		got := scanned(string(sql), lx, doubt)
		if got == "?" {
			continue
		}
		other := *lx
		other.ANSIQuotes = other.ANSIQuotes != doubt.Quotes
		for cs := range charsets {
			if doubt.Charset {
				other.Charset = Charset(cs)
			}
			if again := scanned(string(sql), &other, Doubt{}); again != got {
				t.Fatalf("%q reads as %q, and as %q under another mode or character set", sql, got, again)
			}
		}
	}
	return true
}

// scanPieces are what texts are made of that are about to be misread.
var scanPieces = []string{
	"SELECT", "INSERT", "products", "`products`", "`pro``ducts`", `"products"`, "'products'", "'a''b'", `'a\'`, `"a\"`, "'", `"`, "`", `\`, `\N`,
	" ", "\n", "\t", "\r", "\v", "\xa0", "\x85", "\x00", "\x01", "\x7f", ".", "..", ",", ";", ":", ":=", "=", "!", "!=", "!!", "<", ">", "<=>", "->", "->>",
	"-", "--", "-- ", "--\n", "--\t", "---- ", "#", "/", "/*", "*/", "*", "/*!", "/*!50000", "/*!99999 ", "/*M!", "/*M", "/*+", "/**/", "/*/", "@", "@@", "@a", "@'", "@`", "?", "?a",
	"n'", "N'x'", "x'41'", "x'4'", "X'zz'", "b'01'", "_utf8'x'", "_utf8mb4", "1", "1.5", "1.", ".5", "1e5", "1e", "1e+", "0x1F", "0x", "0b01", "1a", "$", "$$", "$a$", "a$b", "é", "\xbf\\", "\xbf`", "\xbf'", "\x81", "\xe2\x84\xaa",
	"(", ")", "{", "}", "[", "]", "&&", "||", "|", "^", "%", "~", "+", "a", "_", "ifmatch:",
}

// Made-up texts of pieces that are about to be misread: what the scan is sure of is
// as the lexer has it, under every mode and character set.
func TestScanAgreesWithLex(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	known := 0
	const n = 200_000
	for range n {
		var b []byte
		for i := range 1 + random.IntN(12) {
			if i == 0 && random.IntN(4) > 0 {
				b = append(b, "SELECT"...)
				continue
			}
			if random.IntN(3) == 0 {
				b = append(b, ' ')
			}
			b = append(b, scanPieces[random.IntN(len(scanPieces))]...)
		}
		lx := fuzzLexis(byte(random.IntN(4)), byte(random.IntN(len(charsets))), byte(random.IntN(4)))
		if checkScan(t, b, &lx) {
			known++
		}
	}
	if known < n/20 {
		t.Errorf("only %d of %d texts are known to the scan: little was tested", known, n)
	}
}

// What the scan is sure of in the statements of the rewriter's golden files, and in
// each of them with a byte put in, taken out or changed, is as the lexer has it.
func TestScanAgreesOnGoldenFiles(t *testing.T) {
	files, err := filepath.Glob("../rewrite/testdata/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	random := rand.New(rand.NewPCG(9, 10))
	statement := regexp.MustCompile(`(?i)^(select|insert|update|delete|replace|with)\b`)
	known, all := 0, 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(content) {
			line = bytes.TrimRight(line, "\n")
			if !statement.Match(line) {
				continue
			}
			for round := range 8 {
				sql := bytes.Clone(line)
				if round > 0 {
					at, piece := random.IntN(len(sql)+1), scanPieces[random.IntN(len(scanPieces))]
					rest := sql[min(len(sql), at+random.IntN(2)):]
					sql = fmt.Append(nil, string(sql[:at]), piece, string(rest))
				}
				lx := fuzzLexis(byte(random.IntN(4)), byte(random.IntN(len(charsets))), byte(random.IntN(4)))
				sure := checkScan(t, sql, &lx)
				if round == 0 {
					all++
					if sure {
						known++
					}
				}
			}
		}
	}
	t.Logf("%d of %d statements are known to the scan", known, all)
	if known*10 < all*7 {
		t.Errorf("only %d of %d statements are known to the scan", known, all)
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{
		"SELECT c FROM t WHERE id=5023 /* x */ -- y\n;",
		"INSERT INTO `t` VALUES ('a\\'b', \"c\", 0x1F, x'41', 1.5, @a, @@b.c, _utf8'x', a->>'$.b')",
		"SELECT a.b, `a`.`b`, 'x''y' FROM t WHERE a <> ? AND b != -1 AND @c := 2",
	} {
		for server := range byte(4) {
			f.Add([]byte(s), byte(0), byte(0), server)
		}
		f.Add([]byte(s), byte(3), byte(GBK), byte(1))
	}
	f.Fuzz(func(t *testing.T, sql []byte, mode, cset, server byte) {
		lx := fuzzLexis(mode, cset, server)
		checkScan(t, sql, &lx)
	})
}
