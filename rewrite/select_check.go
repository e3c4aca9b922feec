package rewrite

import (
	"github.com/pingcap/tidb/pkg/parser/ast"
)

// sameSelect reads the SELECT a second time, with a parser of the whole grammar,
// and reports whether the two readings agree in what a capture rests on: what is
// selected, from which tables, and that no rows are put together. What that
// parser does not take for a column by its name is none from then on.
func (s *selection) sameSelect() bool {
	rd := *s.reader
	rd.stmt.to = s.end
	first := *s.planner
	first.reader = &rd
	x, ok := s.env.parse(first.canonical()).(*ast.SelectStmt)
	if !ok || x.Kind != ast.SelectStmtKindSelect || x.With != nil || x.AfterSetOperator != nil || x.Distinct != s.distinct ||
		x.GroupBy != nil || x.Having != nil || len(x.WindowSpecs) > 0 || x.SelectIntoOpt != nil || x.Limit != nil ||
		x.Fields == nil || x.From == nil || (x.OrderBy != nil) == s.order.empty() {
		return false
	}
	if !s.sameItems(x.Fields.Fields) || !s.sameTables(x.From.TableRefs) {
		return false
	}
	var rows aggregates
	x.Fields.Accept(&rows)
	if x.OrderBy != nil {
		x.OrderBy.Accept(&rows)
	}
	return !rows.found
}

// sameItems holds the select list against the fields of the second reading.
func (s *selection) sameItems(fields []*ast.SelectField) bool {
	if len(fields) != len(s.items) {
		return false
	}
	for i, f := range fields {
		it := &s.items[i]
		if (f.WildCard != nil) != (it.kind == itemWildcard) {
			return false
		}
		if w := f.WildCard; w != nil {
			if w.Table.O != readable(it.ref.table) || w.Schema.O != readable(it.ref.schema) {
				return false
			}
			continue
		}
		if it.kind != itemColumn {
			continue
		}
		c, ok := f.Expr.(*ast.ColumnNameExpr)
		if !ok || c.Name.Name.O != readable(it.ref.column) || c.Name.Table.O != readable(it.ref.table) || c.Name.Schema.O != readable(it.ref.schema) {
			it.kind = itemExpression
		}
	}
	return true
}

// sameTables holds the tables of FROM against those of the second reading.
func (s *selection) sameTables(from *ast.Join) bool {
	var j joins
	if !j.walk(from) || len(j.all) != len(s.refs) || j.merged != s.merged {
		return false
	}
	for i, src := range j.all {
		r := &s.refs[i]
		alias := ""
		if r.alias >= 0 {
			alias, _ = s.Name(r.alias)
		}
		if src.AsName.O != readable(alias) {
			return false
		}
		name, base := src.Source.(*ast.TableName)
		if base != r.base {
			return false
		}
		if !base {
			continue
		}
		ref, _, _ := s.column(r.name.from)
		if name.Name.O != readable(ref.column) || name.Schema.O != readable(ref.table) || name.TableSample != nil || name.AsOf != nil {
			return false
		}
	}
	return true
}

// joins are the tables of a FROM, in the order in which they are written.
type joins struct {
	all    []*ast.TableSource
	merged bool
}

func (j *joins) walk(n ast.ResultSetNode) bool {
	switch x := n.(type) {
	case *ast.Join:
		if x == nil {
			return false
		}
		j.merged = j.merged || x.NaturalJoin || len(x.Using) > 0
		return j.walk(x.Left) && (x.Right == nil || j.walk(x.Right))
	case *ast.TableSource:
		if inner, ok := x.Source.(*ast.Join); ok {
			return j.walk(inner)
		}
		j.all = append(j.all, x)
		return true
	}
	return false
}

// aggregates looks for what makes one value of several rows.
type aggregates struct{ found bool }

// Enter notes aggregates and window functions.
func (a *aggregates) Enter(n ast.Node) (ast.Node, bool) {
	switch n.(type) {
	case *ast.AggregateFuncExpr, *ast.WindowFuncExpr:
		a.found = true
	}
	return n, a.found
}

// Leave goes on unless one was found.
func (a *aggregates) Leave(n ast.Node) (ast.Node, bool) { return n, !a.found }
