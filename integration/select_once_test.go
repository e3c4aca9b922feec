package integration

import (
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// onceDifferent are statements whose answers, or what was remembered of them,
// have once been others than without the proxy.
var onceDifferent = []struct{ why, set, sql string }{
	{why: "the name of an added column is the client's", sql: "SELECT name FROM item ORDER BY `ifmatch 1`"},
	{why: "so is that of a column of its own", sql: "SELECT price AS `ifmatch 1`, name FROM item ORDER BY `ifmatch 1`, id"},
	{why: "a number of no column", sql: "SELECT name FROM item ORDER BY 2"},
	{why: "a number of no column, in parentheses", sql: "SELECT name FROM item ORDER BY id, (+3) DESC"},
	{why: "a number behind all columns", sql: "SELECT * FROM item ORDER BY 7"},
	{why: "a number of the last of all columns", sql: "SELECT *, 1 FROM item ORDER BY 7, id"},
	{why: "blanks that belong to a name", set: "SET NAMES utf8mb4, sql_mode = 'ANSI'", sql: "SELECT id, @seen := qty \n FROM item ORDER BY id"},
	{why: "an error in a row of a cursor", sql: "SELECT id, (SELECT name FROM item i WHERE i.id > rec.id) FROM rec ORDER BY id"},
	{why: "an error in a row of a cursor without added columns", sql: "SELECT DISTINCT (SELECT name FROM item i WHERE i.id > rec.id) FROM rec"},
	{why: "another column under the name of the version", sql: "SELECT line.*, vis.id AS version, vis.* FROM line, vis ORDER BY line.ord, line.no, vis.id"},
	{why: "a column under its own name twice", sql: "SELECT vis.version AS id, vis.id AS version FROM vis ORDER BY vis.id"},
}

// What has once been different is no longer.
func TestSelectsThatOnceDiffered(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, selectSetup, selectPolicy)
		truth := trueReads(t, p, shop)
		for _, c := range onceDifferent {
			eachForm(t, func(t *testing.T, caps wire.Capability) {
				d := &selectDiff{t: t, flavor: s.Flavor, shop: shop, gen: newSelectGen(1, s.Flavor, shop), hidden: true}
				d.pair = [2]*raw{dial(t, s.Addr, shop, caps), dial(t, p.Addr, shop, caps)}
				if c.set != "" {
					d.same(c.set, exact)
				}
				st := genSelect{sql: c.sql, total: true}
				for _, send := range []func(){
					func() { d.same(c.sql, exact) },
					func() { d.compare("prepared", c.sql, d.executed(st, exact, false, true)) },
					func() { d.same("EXECUTE nosuch", exact) },
					func() { d.same("PREPARE s FROM '"+c.sql+"'", exact); d.same("EXECUTE s", exact) },
				} {
					send()
					d.remembers(truth)
				}
				if t.Failed() {
					t.Log(c.why)
				}
			})
		}
	})
}
