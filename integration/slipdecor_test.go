package integration

import (
	"fmt"
	"strings"
)

// decorated writes a statement with comments in and around it, in any case of
// its letters, and now and then with its blanks left out.
func (g *slipGen) decorated(sql string) string {
	if g.chance(40) {
		return sql
	}
	words := blanks(sql)
	if g.chance(30) && len(words) > 2 {
		g.executable(words)
	}
	var b strings.Builder
	if g.chance(10) {
		b.WriteString(g.comment())
	}
	if g.chance(5) {
		b.WriteString(g.one(";", " ;; ", "\n", "\t", "\v"))
	}
	for i, w := range words {
		if i > 0 {
			b.WriteString(g.blank())
		}
		if g.chance(15) && !strings.ContainsAny(w, "'\"`@\\") {
			w = g.letterCase(w)
		}
		b.WriteString(w)
	}
	switch g.n(40) {
	case 0:
		b.WriteString(g.one("/*", "/*!", "/*!50000 ", " /* x", "/*!99999 ", "/*M! ", "-- ", "--", "#", "# x", "*/", ";", "; ", ";;", "\x00", "; -- x", "/*! ; */"))
	case 1:
		b.WriteString(" " + g.comment())
	}
	return b.String()
}

// blanks splits a text at blanks that stand in no string.
func blanks(sql string) []string {
	var words []string
	from := 0
	var quote byte
	for i := 0; i < len(sql); i++ {
		switch c := sql[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quote = c
		case c == ' ':
			words = append(words, sql[from:i])
			from = i + 1
		}
	}
	return append(words, sql[from:])
}

// executable puts some of the words into an executable comment.
func (g *slipGen) executable(words []string) {
	from := g.n(len(words))
	to := from + g.n(len(words)-from)
	words[from] = g.opening() + words[from]
	words[to] += g.one("*/", " */", "*/", "*/ /**/", "")
	if g.chance(80) && !strings.HasSuffix(words[to], "/") {
		words[to] += "*/"
	}
}

// opening begins an executable comment, which this server runs or not.
func (g *slipGen) opening() string {
	return g.one("/*!", "/*! ", "/*!40000 ", "/*!50000", "/*!050000 ", "/*!50100 ", "/*!80000 ", "/*!99999 ", "/*!090000 ", "/*!100000 ", "/*!101100 ", "/*!999999 ",
		"/*M!", "/*M! ", "/*M!100000 ", "/*M!50000 ", "/*M!999999 ", "/*!5000", "/*!500000", "/* ! ", "/*+ ")
}

func (g *slipGen) comment() string {
	return g.one("/**/", "/* x */", "/* ' */", "/* ; */", "-- x\n", "# x\n", "#\n", "-- '\n", "--\n", "/*!*/", "/*! */", "/*!99999 x */", "/*!999999 x /* y */ z */",
		"/* goods */", "/*!50000 */", "/*M!*/", "/*! /* x */ */", "/* /* */", "/*'*/", "/* \" */", "/* `*/", "-- x\r\n", "/*/ x */")
}

func (g *slipGen) blank() string {
	switch g.n(12) {
	case 0:
		return g.comment()
	case 1:
		return " " + g.comment() + " "
	case 2:
		return g.one("\n", "\t", "  ", "\r\n", "\f", "\v", "\n\n")
	}
	return " "
}

func (g *slipGen) letterCase(w string) string {
	switch g.n(3) {
	case 0:
		return strings.ToLower(w)
	case 1:
		if strings.ContainsRune(w, '.') || w == "goods" || w == "order" {
			return w // the names of tables have a case
		}
		return strings.ToUpper(w)
	}
	var b strings.Builder
	for _, c := range w {
		if g.chance(50) {
			b.WriteString(strings.ToLower(string(c)))
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// dynamic writes statements that make others of texts.
func (g *slipGen) dynamic(about *slip) string {
	inner := g.decorated(g.statement(about))
	if g.chance(10) {
		inner, about.set = g.setting(), true
	}
	switch k := g.n(10); {
	case k < 3:
		g.prep = true
		return "PREPARE " + g.one("q", "`q`", "Q") + " FROM " + g.literal(inner)
	case k < 5:
		about.takes, about.returns, about.reads = true, true, true
		return "EXECUTE " + g.one("q", "`q`", "Q", "q USING @one", "q USING @one, @n")
	case k < 6:
		return g.one("SET @s = ", "SELECT ", "SET @s := CONCAT('', ") + strings.TrimSuffix(g.literal(inner), "")
	case k < 7:
		return "SET @s = " + g.literal(inner)
	case k < 8:
		return "PREPARE q FROM @s"
	case g.maria && k < 9:
		return "EXECUTE IMMEDIATE " + g.literal(inner) + g.one("", "", " USING 1")
	case g.maria:
		about.takes, about.returns, about.reads = true, true, true
		return "EXECUTE IMMEDIATE " + g.one("@s", "CONCAT(@s, '')", "(SELECT 'DELETE FROM goods')")
	}
	return "PREPARE q FROM 0x" + fmt.Sprintf("%x", strings.ReplaceAll(inner, "@shop", g.shop))
}

// wrapped writes statements within others.
func (g *slipGen) wrapped(about *slip) string {
	inner := g.decorated(g.statement(about))
	about.reads = true
	if !g.maria {
		return g.one("WITH c AS (SELECT 1) ", "EXPLAIN ANALYZE ", "(", "/*! */", "EXPLAIN FORMAT=TREE ") + inner
	}
	switch g.n(6) {
	case 0:
		return "SET STATEMENT max_statement_time=9 FOR " + inner
	case 1:
		about.set = true
		return "SET STATEMENT sql_mode='" + g.one("ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "") + "' FOR " + g.one(inner, "EXECUTE IMMEDIATE "+g.literal(inner))
	case 2:
		return "BEGIN NOT ATOMIC " + inner + "; END"
	case 3:
		return g.one("IF 1 THEN ", "lbl: BEGIN NOT ATOMIC ", "WHILE 0 DO ") + inner + "; END" + g.one(" IF", "", " WHILE")
	case 4:
		return "ANALYZE " + g.one("", "FORMAT=JSON ") + inner
	}
	return "BEGIN NOT ATOMIC DECLARE EXIT HANDLER FOR SQLEXCEPTION SELECT 1; " + inner + "; END"
}

// several writes a text of several statements.
func (g *slipGen) several(about *slip) string {
	var b strings.Builder
	for i := range 2 + g.n(2) {
		if i > 0 {
			b.WriteString(g.one(";", "; ", " ;\n", ";;", ";/* x */", "; -- x\n"))
		}
		switch g.n(6) {
		case 0:
			b.WriteString(g.setting())
			about.set = true
		case 1:
			b.WriteString(g.transaction())
		case 2:
			b.WriteString("SELECT " + g.text())
		default:
			b.WriteString(g.decorated(g.statement(about)))
		}
	}
	if about.takes {
		about.returns = true
	}
	return b.String()
}
