package integration

import (
	"math/rand/v2"
	"strings"
	"testing"

	"ifmatch/integration/server"
)

// scanAttacks hide the name of a guarded table from who goes over the words of a
// text without lexing it: in what looks like a string, a number, a comment or
// another word to a careless reader.
var scanAttacks = []attack{
	{name: "scan, behind a string with an escaped quote", texts: []string{`UPDATE other o JOIN goods g SET o.note='it\'s', g.price=0`}},
	{name: "scan, behind a string that ends with an escaped backslash", texts: []string{`UPDATE other o JOIN goods g SET o.note='\\', g.price=0`}},
	{name: "scan, between strings of both quotes", texts: []string{`UPDATE other o JOIN goods g SET o.note="'", g.price=0 WHERE o.note<>"'"`}},
	{name: "scan, between doubled quotes", texts: []string{`UPDATE other o JOIN goods g SET o.note='''', g.price=0 WHERE o.note<>''''''`}},
	{name: "scan, between empty strings", texts: []string{`UPDATE other o JOIN goods g SET o.note='', g.price=0 WHERE o.note<>'x'`}},
	{name: "scan, a backslash at the end of a quoted name", texts: []string{"UPDATE other `\\`, `goods` g SET g.price=0"}},
	{name: "scan, a quote in a quoted name", texts: []string{"UPDATE other `'`, `goods` `g'` SET `g'`.price=0"}},
	{name: "scan, a doubled quote in a quoted name", texts: []string{"UPDATE other `a``b`, goods g SET g.price=0"}},
	{name: "scan, a comment mark in a quoted name", texts: []string{"UPDATE other `-- `, goods `/*` SET `/*`.price=0"}},
	{name: "scan, of two dashes that are none", texts: []string{"UPDATE other o JOIN goods g SET o.x=1--1, g.price=0"}},
	{name: "scan, of two dashes before a string", texts: []string{"UPDATE other o JOIN goods g SET o.x=1--'1', g.price=0"}},
	{name: "scan, of two dashes and a carriage return", texts: []string{"UPDATE other o SET o.x=1 --\r\n", "UPDATE other o --\r'\n JOIN goods g SET g.price=0 --\r'"}},
	{name: "scan, of two dashes and a vertical tab", texts: []string{"UPDATE other o --\v'\n JOIN goods g SET g.price=0 --\v'"}},
	{name: "scan, of two dashes that end at once", texts: []string{"UPDATE other o --\n JOIN goods g SET g.price=0 --\n"}},
	{name: "scan, a comment of MariaDB's that others take for a comment", only: server.FlavorMariaDB, texts: []string{"UPDATE other o /*M! JOIN goods g */ SET o.x=0 /*M!,g.price=0*/"}},
	{name: "scan, a comment that begins with an M", texts: []string{"UPDATE other o /*M*/ JOIN /*Me*/ goods g /*M !*/ SET g.price=0"}},
	{name: "scan, a comment of stars", texts: []string{"UPDATE other o /***/ JOIN /****/ goods g /**/ SET g.price=0"}},
	{name: "scan, a slash before a comment", texts: []string{"UPDATE other o JOIN goods g SET o.x=1//**/1, g.price=0"}},
	{name: "scan, a star before a comment", texts: []string{"UPDATE other o JOIN goods g SET o.x=1*/**/1, g.price=0"}},
	{name: "scan, a name that begins as a hexadecimal string", texts: []string{"UPDATE other x JOIN goods n SET x.x=x'31'+0, n.price=0"}},
	{name: "scan, a name behind a dot and a blank", texts: []string{"UPDATE other, @shop. goods SET price=0"}},
	{name: "scan, a name behind a dot in a comment", texts: []string{"UPDATE other, @shop./**/goods SET price=0"}},
	{name: "scan, a name before a dot", texts: []string{"DELETE goods.* FROM other JOIN goods"}},
	{name: "scan, a name directly behind a quoted one", texts: []string{"UPDATE other`o`JOIN`goods`g SET g.price=0"}},
	{name: "scan, a name directly behind a string", texts: []string{"UPDATE other o JOIN goods g SET o.note='a'WHERE g.price=0", "UPDATE other o JOIN(SELECT'a'x)s JOIN goods g SET g.price=0"}},
	{name: "scan, a name directly behind a number", texts: []string{"UPDATE other o JOIN goods g SET g.price=1.WHERE 1", "UPDATE other o JOIN goods g SET g.price=.5e0WHERE o.x=1."}},
	{name: "scan, behind a number with an exponent", texts: []string{"UPDATE other o JOIN goods g SET o.x=1e0,g.price=0"}},
	{name: "scan, behind a hexadecimal number", texts: []string{"UPDATE other o JOIN goods g SET o.x=0x1,g.price=0"}},
	{name: "scan, behind a variable", texts: []string{"UPDATE other o JOIN goods g SET o.x=@a.b$c,g.price=0"}},
	{name: "scan, behind a variable with a quoted name", texts: []string{"UPDATE other o JOIN goods g SET o.x=@`a,`,g.price=0", "UPDATE other o JOIN goods g SET o.x=@'a,',g.price=0"}},
	{name: "scan, behind a system variable", texts: []string{"UPDATE other o JOIN goods g SET o.x=@@session.sql_safe_updates,g.price=0"}},
	{name: "scan, behind an assignment in an expression", texts: []string{"UPDATE other o JOIN goods g SET o.x=(@a:=1),g.price=0"}},
	{name: "scan, behind an introducer", texts: []string{"UPDATE other o JOIN goods g SET o.note=_binary'\\'',g.price=0"}},
	{name: "scan, behind an introducer of a set in which quotes are halves", texts: []string{"UPDATE other o JOIN goods g SET o.note=_gbk'\\\\',g.price=0"}},
	{name: "scan, behind a national string", texts: []string{"UPDATE other o JOIN goods g SET o.note=N'\\'',g.price=0"}},
	{name: "scan, behind a semicolon", params: "multiStatements=true", texts: []string{"SELECT 1;UPDATE goods SET price=0", "SELECT 1; \n;UPDATE goods SET price=0"}},
	{name: "scan, behind a semicolon and a comment", params: "multiStatements=true", texts: []string{"SELECT 1 /* ; */; -- ;\nUPDATE goods SET price=0"}},
	{name: "scan, in a block that begins like rows", only: server.FlavorMariaDB, texts: []string{"BEGIN NOT ATOMIC SELECT 1; UPDATE goods SET price=0; END"}},
	{name: "scan, behind a label that is a verb", only: server.FlavorMariaDB, params: "multiStatements=true", texts: []string{"`select`: BEGIN NOT ATOMIC UPDATE goods SET price=0; END"}, vain: true},
	{name: "scan, in braces", texts: []string{"UPDATE {oj other o LEFT JOIN goods g ON 1} SET g.price=0"}},
	{name: "scan, by WITH", only: server.FlavorMySQL, texts: []string{"WITH c AS (SELECT 1 a) UPDATE c, goods SET price=0"}},
	{name: "scan, in dollar quotes", only: server.FlavorMySQL, texts: []string{"UPDATE other o JOIN goods g SET o.note=$$'$$,g.price=0 WHERE o.note<>$a$'$a$"}, vain: true},
	{name: "scan, behind a backslash and an N", only: server.FlavorMariaDB, texts: []string{`UPDATE other o JOIN goods g SET o.note=\N,g.price=0`}},
	{name: "scan, by a view", texts: []string{"UPDATE other o, cheap c SET c.p=0"}},
	{name: "scan, a NUL in a string", texts: []string{"UPDATE other o JOIN goods g SET o.note='\x00',g.price=0"}},
	{name: "scan, a name in other letters", texts: []string{"UPDATE other o JOIN @shop.`goods` g SET g.price=0"}},
}

// Made-up texts: pieces that are strings, comments, numbers and names to one reader
// and not to another, put around a write of a guarded table. Whatever the server
// makes of them, no guarded row changes.
func TestNothingHidesFromTheScan(t *testing.T) {
	count := fromEnv(t, envSlipCount, 120)
	pieces := []string{"'", `"`, "`", `\`, `\\`, "''", "-- ", "--\n", "--", "--\t", "#", "\n", "/*", "*/", "/*!", "/*M!", "/**/", "/*/", "/*!99999 ", "'a'", `'\''`, `"a"`, "`a`", "x'41'", "x", "n'b'", "_gbk'c'",
		".", "@", "@@", "@a", ":", ":=", "!", "-", "1", "1.", ".5", "0x1", "1e", "$$", "$a$", "é", "\xbf\\", "\xbf'", "\x83`", "\x01", "\v", "{", "}", "(", ")", ",", " ", " o ", " AND ", "="}
	server.Each(t, func(t *testing.T, s *server.Server) {
		w := newAttackWorld(t, s, attackPolicy)
		seed := uint64(fromEnv(t, envSlipSeed, 1))
		r := rand.New(rand.NewPCG(seed, 15))
		before := w.rows(t, w.shop)
		for _, params := range []string{"multiStatements=true", "multiStatements=true&sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES'", "collation=gbk_chinese_ci"} {
			conn := w.proxy.server(s).OpenAs(t, "root", w.shop, params)
			conn.SetMaxOpenConns(1)
			attacks, log := 0, []string{}
			direct := s.OpenAs(t, "root", w.twin, params)
			direct.SetMaxOpenConns(1)
			for range count {
				pick := func() string { return pieces[r.IntN(len(pieces))] }
				some := func() string { return strings.Repeat(pick(), 1+r.IntN(2)) }
				a, b, c := some(), some(), some()
				text := []string{
					"UPDATE other o " + a + " JOIN goods g SET o.note='x' " + b + ", g.price=0 " + c,
					"UPDATE other o JOIN goods g SET o.note='" + a + "', g.price=0 " + b,
					"UPDATE other o JOIN goods g SET o.note=\"" + a + "\", g.price=0 WHERE o.x<>\"" + b + "\"",
					"UPDATE other `" + a + "`, `goods` g SET g.price=0 " + b,
					"UPDATE other o JOIN goods g SET o.x=1" + a + "1, g.price=0",
					"UPDATE other o " + a + "\n, goods g " + b + " SET g.price=0",
				}[r.IntN(6)]
				log = append(log, text)
				direct.Exec(text)
				if w.rows(t, w.twin) != before {
					attacks++
					w.exec(t, "USE "+w.twin+";"+attackRows)
				}
				conn.Exec(text)
			}
			if after := w.rows(t, w.shop); after != before {
				t.Fatalf("%s: the rows were %s and are %s after one of\n%q", params, before, after, log)
			}
			if attacks < count/60 {
				t.Errorf("%s: only %d of %d texts are attacks", params, attacks, count)
			}
			conn.Close()
			direct.Close()
		}
	})
}
