package rewrite

import "strings"

// grammar writes random statements. What it chooses comes from bytes, so that a
// fuzzer steers it; two runs over the same bytes with other constants give two
// statements of one shape.
type grammar struct {
	choices   []byte
	constants int // added to every constant
	ansi      bool
	sb        strings.Builder
}

// n chooses one of n.
func (g *grammar) n(n int) int {
	if len(g.choices) == 0 {
		return 0
	}
	c := int(g.choices[0]) % n
	g.choices = g.choices[1:]
	return c
}

func (g *grammar) pick(s ...string) string { return s[g.n(len(s))] }

// word writes a keyword or a mark, with blanks or a comment before it.
func (g *grammar) word(s string) {
	switch g.n(12) {
	case 0:
		g.sb.WriteString(" /* SET x = 1 WHERE */ ")
	case 1:
		g.sb.WriteString("\n-- ) OR 1\n")
	case 2:
		g.sb.WriteString(" /*!50000 " + s + "*/ ")
		return
	case 3:
		g.sb.WriteString(" /*!99999 OR 1 = 1 */ ")
		s = strings.ToLower(s)
	default:
		g.sb.WriteByte(' ')
	}
	g.sb.WriteString(s)
}

func (g *grammar) words(s string) {
	for w := range strings.FieldsSeq(s) {
		g.word(w)
	}
}

// name writes an identifier, quoted or not.
func (g *grammar) name(s string) string {
	switch g.n(4) {
	case 0:
		return "`" + s + "`"
	case 1:
		if g.ansi {
			return `"` + s + `"`
		}
	}
	return s
}

func (g *grammar) table() string {
	t := g.pick("products", "other", "lines", "v_products", "accounts", "off", "elsewhere")
	if t == "lines" {
		t = "`lines`"
	} else {
		t = g.name(t)
	}
	switch g.n(5) {
	case 0:
		return g.name("shop") + "." + t
	case 1:
		return g.name("search") + "." + t
	case 2:
		return g.name("shop") + " . " + t
	}
	return t
}

func (g *grammar) constant() string {
	n := 3 + g.constants
	switch g.n(9) {
	case 0:
		return "'x" + strings.Repeat("y", n) + "'"
	case 1:
		return "-" + digits(n)
	case 2:
		return "'" + digits(n) + "'"
	case 3:
		return "NULL"
	case 4:
		return digits(n) + ".5"
	case 5:
		return "0x0" + digits(n)
	case 6:
		return "_utf8mb4 'WHERE id = 5'"
	}
	return digits(n)
}

func digits(n int) string { return strings.Repeat("1", 1+n%5) }

func (g *grammar) column(alias string) string {
	c := g.name(g.pick("id", "id", "name", "stock", "version", "order_id", "line", "day", "last_seen", "rank"))
	if alias != "" && g.n(3) == 0 {
		return alias + "." + c
	}
	return c
}

func (g *grammar) expr(depth int, alias string) string {
	if depth > 2 {
		return g.column(alias)
	}
	switch g.n(9) {
	case 0:
		return g.column(alias) + " + " + g.constant()
	case 1:
		return "(" + g.expr(depth+1, alias) + ")"
	case 2:
		return "CASE WHEN " + g.condition(depth+1, alias) + " THEN " + g.constant() + " ELSE " + g.expr(depth+1, alias) + " END"
	case 3:
		return "COALESCE(" + g.expr(depth+1, alias) + ", " + g.constant() + ")"
	case 4:
		return g.column(alias)
	case 5:
		return "(SELECT MAX(x) FROM other WHERE x = " + g.constant() + ")"
	case 6:
		return "@v"
	}
	return g.constant()
}

func (g *grammar) condition(depth int, alias string) string {
	if depth > 3 {
		return g.column(alias) + " = " + g.constant()
	}
	switch g.n(16) {
	case 0, 1, 2:
		return g.condition(depth+1, alias) + " " + g.pick("AND", "&&", "and") + " " + g.condition(depth+1, alias)
	case 3:
		return g.condition(depth+1, alias) + " " + g.pick("OR", "||", "XOR") + " " + g.condition(depth+1, alias)
	case 4:
		return "(" + g.condition(depth+1, alias) + ")"
	case 5:
		return g.pick("NOT ", "! ") + g.condition(depth+1, alias)
	case 6:
		return g.column(alias) + " BETWEEN " + g.constant() + " AND " + g.constant()
	case 7:
		return g.column(alias) + " IN (" + g.constant() + ")"
	case 8:
		return g.constant() + " = " + g.column(alias)
	case 9:
		return g.column(alias) + " = " + g.expr(depth+1, alias)
	case 10:
		return g.column(alias) + " = " + g.constant() + g.pick(" = 1", " IS NULL", " COLLATE utf8mb4_bin", " + 1", "")
	}
	return g.column(alias) + " = " + g.constant()
}

func (g *grammar) source() (text, alias string) {
	text = g.table()
	if g.n(3) == 0 {
		alias = g.pick("p", "products", "o")
		text += g.pick(" AS ", " ") + alias
	}
	return text, alias
}

func (g *grammar) assignments(alias string) string {
	var all []string
	for range 1 + g.n(3) {
		c := g.column(alias)
		value := g.expr(1, alias)
		if g.n(3) == 0 {
			value = c + g.pick(" + ", " - ") + g.constant()
		}
		all = append(all, c+g.pick(" = ", " := ", "=")+value)
	}
	return strings.Join(all, g.pick(", ", ","))
}

func (g *grammar) where(alias string) {
	if g.n(8) == 0 {
		return
	}
	g.word("WHERE")
	c := g.condition(0, alias)
	if g.n(2) == 0 {
		c = "id = " + digits(3+g.constants) + " AND " + c
	}
	g.words(c)
}

func (g *grammar) tail() {
	switch g.n(6) {
	case 0:
		g.words("ORDER BY id")
	case 1:
		g.words("LIMIT " + g.pick("1", "0", "2"))
	case 2:
		g.words("ORDER BY name LIMIT 1")
	}
}

// statement writes one.
func (g *grammar) statement() string {
	switch g.n(10) {
	case 0, 1, 2, 3:
		s, alias := g.source()
		g.words("UPDATE " + g.pick("", "", "IGNORE", "LOW_PRIORITY") + " " + s + " SET")
		g.words(g.assignments(alias))
		g.where(alias)
		g.tail()
	case 4, 5:
		s, alias := g.source()
		g.words("DELETE " + g.pick("", "", "QUICK", "IGNORE") + " FROM " + s)
		g.where(alias)
		g.tail()
	case 6:
		a, aliasA := g.source()
		b, aliasB := g.source()
		g.words("UPDATE " + g.pick("", "(") + a)
		open := strings.HasSuffix(strings.TrimSpace(g.sb.String()), "("+a)
		g.words(g.pick(",", "JOIN", "STRAIGHT_JOIN", "CROSS JOIN") + " " + b)
		if open {
			g.word(")")
		}
		g.word("SET")
		g.words(g.assignments(g.pick(aliasA, aliasB, "products", "shop.products", "other")))
		g.where("")
	case 7:
		a, aliasA := g.source()
		b, aliasB := g.source()
		target := g.pick(aliasA, aliasB, "products", "shop.products", "other", "search.products") + g.pick("", ".*")
		if g.n(2) == 0 {
			g.words("DELETE " + target + " FROM " + a + " JOIN " + b)
		} else {
			g.words("DELETE FROM " + target + " USING " + a + " , " + b)
		}
		g.where("")
	case 8:
		g.words(g.pick("INSERT INTO", "INSERT IGNORE INTO", "REPLACE INTO", "REPLACE", "INSERT") + " " + g.table() + " (id) VALUES (" + g.constant() + ")")
		if g.n(2) == 0 {
			g.words("ON DUPLICATE KEY UPDATE name = " + g.constant())
		}
	default:
		g.words(g.pick("TRUNCATE", "TRUNCATE TABLE", "DROP TABLE", "DROP TABLE IF EXISTS", "SELECT * FROM",
			"WITH x AS (SELECT 1) DELETE FROM", "WITH x AS (SELECT 1) UPDATE other JOIN",
			"EXPLAIN DELETE FROM") + " " + g.table())
	}
	return strings.TrimSpace(g.sb.String())
}
