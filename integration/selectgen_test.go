package integration

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// This file writes SELECTs at random, over the tables of selecttables_test.go:
// every clause that a SELECT has, and every few a mistake.

// genSelect is one statement that was written.
type genSelect struct {
	sql    string
	params []genParam // for each ?, where it has some
	// total is set where ORDER BY leaves nothing undecided, and cut where LIMIT
	// may take some of the rows of a SELECT that does. any is set where values may
	// be of any row.
	total, cut, any bool
}

// genParam is a value of a parameter, as text and in packets.
type genParam struct {
	text string
	wire wire.Param
}

// selectGen writes SELECTs. The same seed writes the same ones.
type selectGen struct {
	r      *rand.Rand
	flavor string
	shop   string // the database
	ansi   bool   // " quotes names
	marks  bool   // ? stand for some constants
	alone  bool   // no aggregates
	free   bool   // no locks: another session would wait for them

	params  []genParam
	sources []genSource
	aliases []string // of items of the select list
	total   bool
	cut     bool
	vague   bool
}

// genSource is what FROM has.
type genSource struct {
	name  string // by which columns are qualified
	table *genTable
}

func newSelectGen(seed uint64, flavor, shop string) *selectGen {
	return &selectGen{r: rand.New(rand.NewPCG(seed, 7)), flavor: flavor, shop: shop}
}

// one is true once in n times.
func (g *selectGen) one(n int) bool { return g.r.IntN(n) == 0 }

func (g *selectGen) pick(of ...string) string { return of[g.r.IntN(len(of))] }

// maybe gives text once in n times, and else nothing.
func (g *selectGen) maybe(n int, text ...string) string {
	if g.one(n) {
		return g.pick(text...)
	}
	return ""
}

// next writes a statement, with ? for some constants where marks is set.
func (g *selectGen) next(marks bool) genSelect {
	g.marks, g.params, g.total, g.cut = marks, nil, false, false
	g.vague = false
	sql := g.whole()
	if g.one(25) {
		sql = g.spoil(sql)
	}
	// What is written first need not stand first, nor at all.
	var params []genParam
	sql = hole.ReplaceAllStringFunc(sql, func(m string) string {
		i, _ := strconv.Atoi(strings.Trim(m, "\x00"))
		params = append(params, g.params[i])
		return "?"
	})
	return genSelect{sql, params, g.total, g.cut, g.vague}
}

// hole stands for a parameter until the statement is whole.
var hole = regexp.MustCompile("\x00[0-9]+\x00")

// param gives a parameter that has a value.
func (g *selectGen) param(text string, p wire.Param) string {
	g.params = append(g.params, genParam{text, p})
	return fmt.Sprintf("\x00%d\x00", len(g.params)-1)
}

// whole writes a statement of any kind.
func (g *selectGen) whole() string {
	switch n := g.r.IntN(100); {
	case n < 62:
		return g.simple()
	case n < 72:
		return g.grouped()
	case n < 77:
		return g.united()
	case n < 81:
		return "WITH w AS (" + g.inner(2) + ") SELECT w.*, item.name FROM w, item WHERE item.id < 3"
	case n < 84:
		return "(" + g.simple() + ")"
	case n < 88:
		return g.windowed()
	case n < 92:
		from := g.from(1 + g.r.IntN(2))
		return "SELECT DISTINCT " + g.list(1+g.r.IntN(3)) + " FROM " + from + g.where()
	case n < 94:
		from := g.from(1)
		return "SELECT " + g.any(1) + " INTO @kept FROM " + from + g.where() + " LIMIT 1"
	case n < 96:
		return "SELECT " + g.any(1) + ", " + g.any(1)
	case n < 98 && g.flavor == server.FlavorMariaDB:
		return "SELECT id, name FROM item PROCEDURE ANALYSE(" + g.pick("", "10", "10, 2000") + ")"
	}
	from := g.from(1)
	return "SELECT " + g.list(1) + " FROM " + from + " HAVING " + g.cond(1)
}

// simple writes a SELECT whose rows are those of its tables.
func (g *selectGen) simple() string {
	from := g.from(1 + min(g.r.IntN(4), g.r.IntN(3)))
	list := g.list(1 + g.r.IntN(4))
	where := g.where()
	order, tail := g.order(), ""
	if g.total || g.one(12) {
		tail = g.limit()
	}
	tail += g.locking()
	modifier := g.maybe(8, "ALL ", "HIGH_PRIORITY ", "STRAIGHT_JOIN ", "SQL_SMALL_RESULT ", "SQL_BIG_RESULT ", "SQL_BUFFER_RESULT ",
		"SQL_NO_CACHE ", "SQL_CALC_FOUND_ROWS ", "SQL_CALC_FOUND_ROWS ALL ", "/*+ NO_ICP(item) */ ")
	return g.maybe(20, "/* before */ ", "-- before\n", "# before\n") + "SELECT" + g.pick(" ", " ", "\n", "/**/") + modifier + list +
		g.seam() + "FROM " + from + where + order + tail
}

// seam is what stands between the select list and FROM.
func (g *selectGen) seam() string {
	if g.one(3) {
		return g.pick("\n", "\t", "  ", " /* c */ ", " -- c, d\n", "/*c*/", " # c\n", " /*! */", "/*!50000 , 1*/ ", " /*!99999 , 1*/ ",
			"/*M! , 2 */ ", "/*M!100000 , 3*/ ", " /*!80000 , 4 */ ", " /* , version */ ", "/*! AS named */ ", ",4.", ", NULL ", ", 'x'")
	}
	return " "
}

// list writes a select list of n items.
func (g *selectGen) list(n int) string {
	g.aliases = nil
	var items []string
	for i := range n {
		items = append(items, g.item(i == 0))
	}
	return strings.Join(items, g.pick(", ", ",", " , ", ",\n"))
}

func (g *selectGen) item(first bool) string {
	switch n := g.r.IntN(20); {
	case n < 2 && first, n == 0:
		return "*"
	case n < 5:
		s := g.source()
		return g.maybe(8, g.quote(g.shop)+".") + g.quote(s.name) + ".*"
	}
	text := g.any(2)
	if g.one(3) {
		alias := g.pick("x", "y", "version", "id", "name", "ver", "ifmatch 1", "item", "", "n", "code", "price", "ord", "x y", "VERSION", "i`d")
		quoted := "`" + strings.ReplaceAll(alias, "`", "``") + "`"
		if !strings.ContainsAny(alias, " `") && alias != "" {
			g.aliases = append(g.aliases, alias)
			quoted = g.pick(quoted, alias, alias)
		}
		text += g.pick(" AS ", " ", "\nAS\t") + g.pick(quoted, quoted, "'"+alias+"'")
	}
	return text
}

// order writes ORDER BY, half of the times one that decides everything.
func (g *selectGen) order() string {
	if g.one(3) {
		return ""
	}
	var by []string
	// MariaDB 10.11 crashes on some SELECTs that order by an aggregate of the whole.
	g.alone = g.flavor == server.FlavorMariaDB
	defer func() { g.alone = false }()
	for range g.r.IntN(3) {
		term := g.any(1)
		switch g.r.IntN(4) {
		case 0:
			term = g.pick("1", "2", "1", "9", "`ifmatch 1`", "id", "version", "name", "NULL", "(SELECT 1)", "'x'")
		case 1:
			if len(g.aliases) > 0 {
				term = g.aliases[g.r.IntN(len(g.aliases))]
			}
		}
		by = append(by, term+g.pick("", "", " ASC", " DESC"))
	}
	if g.one(2) && g.keyed() {
		for _, s := range g.sources {
			for _, key := range s.table.key {
				by = append(by, g.quote(s.name)+"."+g.quote(key)+g.pick("", " DESC"))
			}
		}
		g.total = true
	}
	if len(by) == 0 {
		return ""
	}
	return " ORDER BY " + strings.Join(by, ", ")
}

// keyed reports whether each source has a key that tells its rows apart.
func (g *selectGen) keyed() bool {
	for _, s := range g.sources {
		if len(s.table.key) == 0 {
			return false
		}
	}
	return true
}

func (g *selectGen) limit() string {
	if g.one(3) {
		return ""
	}
	g.cut = true
	if g.one(4) && g.flavor == server.FlavorMariaDB {
		return g.pick(" OFFSET 1 ROWS FETCH NEXT 2 ROWS ONLY", " FETCH FIRST 2 ROWS ONLY", " FETCH FIRST ROW ONLY", " LIMIT 3 ROWS EXAMINED 100000", " LIMIT ROWS EXAMINED 100000")
	}
	if g.marks && g.one(2) {
		n := g.r.IntN(4)
		return " LIMIT " + g.param(strconv.Itoa(n), wire.NewInt(int64(n)))
	}
	return g.pick(" LIMIT 0", " LIMIT 1", " LIMIT 3", " LIMIT 1, 2", " LIMIT 2 OFFSET 1", " LIMIT 100", " LIMIT 18446744073709551615")
}

func (g *selectGen) locking() string {
	if g.free || !g.one(8) {
		return ""
	}
	if g.flavor == server.FlavorMariaDB {
		return g.pick(" FOR UPDATE", " LOCK IN SHARE MODE", " FOR UPDATE NOWAIT", " FOR UPDATE WAIT 3", " LOCK IN SHARE MODE SKIP LOCKED", " FOR UPDATE SKIP LOCKED")
	}
	of := g.quote(g.source().name)
	return g.pick(" FOR UPDATE", " LOCK IN SHARE MODE", " FOR SHARE", " FOR UPDATE NOWAIT", " FOR SHARE SKIP LOCKED", " FOR UPDATE OF "+of, " FOR SHARE OF "+of+" NOWAIT")
}

func (g *selectGen) where() string {
	if g.one(3) {
		return ""
	}
	return " WHERE " + g.cond(2)
}

// grouped writes a SELECT of which a row stands for several.
func (g *selectGen) grouped() string {
	from := g.from(1 + g.r.IntN(2))
	group, list := g.column(numKind), ""
	if g.one(4) {
		// Which of apple and Apple stands for both is not decided.
		group, g.vague = g.column(anyKind), true
	}
	switch g.r.IntN(4) {
	case 0:
		list, group = g.aggregate(), ""
	case 1:
		list = g.list(2) // what does not go with GROUP BY, or is of any row
		g.vague = true
	default:
		list = group + ", " + g.aggregate()
	}
	sql := "SELECT " + list + " FROM " + from + g.where()
	if group != "" {
		sql += " GROUP BY " + group + g.maybe(5, " WITH ROLLUP")
	}
	return sql + g.maybe(4, " HAVING COUNT(*) > 0", " HAVING "+g.cond(1))
}

func (g *selectGen) aggregate() string {
	return g.pick("COUNT(*)", "MAX("+g.column(anyKind)+")", "SUM("+g.num(1)+")", "MIN("+g.str(1)+")", "COUNT(DISTINCT "+g.column(anyKind)+")",
		"AVG("+g.num(1)+")", "1 + COUNT(*)", "GROUP_CONCAT("+g.num(1)+" ORDER BY 1)", "IFNULL(MAX(id), 0)", "BIT_OR("+g.num(0)+")", "ANY_VALUE("+g.column(anyKind)+")")
}

func (g *selectGen) united() string {
	how := g.pick(" UNION ", " UNION ALL ", " EXCEPT ", " INTERSECT ", " UNION DISTINCT ")
	return "SELECT id, name, version FROM item" + g.maybe(2, " WHERE id < 4") + how + "SELECT id, name, version FROM " + g.pick("vis", "plain", "item") +
		g.maybe(3, " ORDER BY 1", " ORDER BY id", " LIMIT 100", " ORDER BY version")
}

func (g *selectGen) windowed() string {
	from := g.from(1)
	key := g.column(anyKind)
	tie := strings.Join(append([]string{""}, g.sources[0].table.key...), ", ")
	return "SELECT " + g.list(1) + ", " + g.pick("ROW_NUMBER()", "RANK()", "SUM(1)", "COUNT(*)") + " OVER (ORDER BY " + key + tie + ") FROM " + from
}

// inner writes a sub-select of n columns.
func (g *selectGen) inner(n int) string {
	t := g.pick("item", "plain", "vis")
	return "SELECT " + strings.Join([]string{"id", "version", "name"}[:n], ", ") + " FROM " + t + g.maybe(2, " WHERE id < 3", " WHERE name IS NOT NULL")
}

// spoil makes a mistake.
func (g *selectGen) spoil(sql string) string {
	if g.one(2) {
		for from, to := range map[string]string{"FROM": "FORM", "name": "nosuch", "WHERE": "WHERE )", "id": "idx", " item": " items", "version": "vers"} {
			if at := strings.Index(sql, from); at > 0 && len(to)%2 == len(sql)%2 {
				return sql[:at] + to + sql[at+len(from):]
			}
		}
	}
	return sql + g.pick(" ,", " AND", " ORDER BY 99", " )", " LIMIT 'x'", " LIMIT -1", " nonsense here")
}

func (g *selectGen) source() genSource {
	if len(g.sources) == 0 {
		return genSource{"item", selectTables["item"]}
	}
	return g.sources[g.r.IntN(len(g.sources))]
}

// quote writes a name in one of the ways.
func (g *selectGen) quote(name string) string {
	switch {
	case g.ansi && g.one(4):
		return `"` + name + `"`
	case g.one(4):
		return "`" + name + "`"
	}
	return name
}

// literal gives a constant, or a parameter that has its value.
func (g *selectGen) literal(text string, p wire.Param) string {
	if !g.marks || g.one(3) {
		return text
	}
	return g.param(text, p)
}

func (g *selectGen) number() string {
	n := g.r.IntN(9) - 1
	return g.literal(strconv.Itoa(n), wire.NewInt(int64(n)))
}

func (g *selectGen) text() string {
	s := g.pick("apple", "a", "", "B2", "o", "é", "x")
	return g.literal("'"+s+"'", wire.NewBytes([]byte(s)))
}

func (g *selectGen) sub(format string, a ...any) string {
	return "(" + fmt.Sprintf(format, a...) + ")"
}
