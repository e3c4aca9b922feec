package rewrite

import (
	"fmt"
	"sync"
	"unicode/utf8"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
	"github.com/pingcap/tidb/pkg/parser/opcode"
	_ "github.com/pingcap/tidb/pkg/parser/test_driver" // the parser needs a driver for constants

	"ifmatch/schema"
	"ifmatch/sqltext"
)

// parsers are kept: one costs far more than a statement.
var parsers = sync.Pool{New: func() any { return parser.New() }}

// parse reads a statement with a parser of the whole grammar. It is nil where that
// cannot read it.
func (e *Env) parse(sql string) ast.StmtNode {
	ps := parsers.Get().(*parser.Parser)
	defer parsers.Put(ps)
	var mode mysql.SQLMode
	if e.PipesAsConcat {
		mode = mysql.ModePipesAsConcat
	}
	ps.SetSQLMode(mode)
	node, err := ps.ParseOneStmt(sql, "", "")
	if err != nil {
		return nil
	}
	return node
}

// crossCheck reads the statement a second time, with a parser of the whole
// grammar, and refuses where the two readings differ in anything that the guard
// rests on: tables, columns that are set, the conditions that AND joins and
// which of them fix a column, LIMIT. fixed has for each of the conjuncts the
// column that it fixes, or "". It runs once for a plan.
func (p *planner) crossCheck(plan *Plan, fixed []string) *Plan {
	t := plan.Table
	node, refused := p.parse(plan.Verb, t)
	if refused != nil {
		return refused
	}
	var same bool
	switch s := node.(type) {
	case *ast.UpdateStmt:
		same = plan.Verb == Update && (s.With != nil) == plan.with && !s.MultipleTable && p.sameSource(plan, s.TableRefs) &&
			p.sameAssignments(plan, s.List) && sameConjuncts(s.Where, fixed) && (s.Limit != nil) == plan.hasLimit()
	case *ast.DeleteStmt:
		same = plan.Verb == Delete && (s.With != nil) == plan.with && !s.IsMultiTable && p.sameSource(plan, s.TableRefs) &&
			sameConjuncts(s.Where, fixed) && (s.Limit != nil) == plan.hasLimit()
	}
	if !same {
		return refuse(t, "this %s on %s can be read in two ways; write it more plainly", plan.Verb, t.Name)
	}
	return nil
}

// parse reads the statement with the parser of the whole grammar. It refuses what
// that cannot read.
func (p *planner) parse(verb Verb, t *Table) (ast.StmtNode, *Plan) {
	for i := p.stmt.from; i < p.stmt.to; i++ {
		// A ? directly before a name is no parameter; with a piece of ours
		// between them it would become one.
		if p.op(i, "?") {
			return nil, refuse(t, "the parser cannot read this %s on %s; write it more plainly", verb, t.Name)
		}
	}
	node := p.env.parse(p.canonicalWithout(p.returning))
	if node == nil {
		return nil, refuse(t, "the parser cannot read this %s on %s; write it more plainly", verb, t.Name)
	}
	return node, nil
}

// hasLimit reports whether the statement has a LIMIT, by our own reading.
func (p *Plan) hasLimit() bool { return p.limit != nil || p.several != nil && p.several.limit }

// canonical gives the statement as the parser is to read it: without comments
// and secrets, the same for all statements of a shape, in ASCII or UTF-8, and
// with names in quotes where the parser would take them for keywords.
func (p *planner) canonical() string { return p.canonicalWithout(part{}) }

// canonicalWithout is canonical without the tokens of a part.
func (p *planner) canonicalWithout(skip part) string {
	var b []byte
	for i := p.stmt.from; i < p.stmt.to; i++ {
		if i >= skip.from && i < skip.to {
			continue
		}
		tok := p.Tokens[i]
		if i > p.stmt.from && (tok.Start != p.Tokens[i-1].End || i == skip.to || p.Tokens[i-1].Kind.Constant()) {
			b = append(b, ' ')
		}
		switch tok.Kind {
		case sqltext.Introducer:
		case sqltext.String:
			b = append(b, " 'x'"...)
		case sqltext.Number, sqltext.Hex, sqltext.Bit:
			b = append(b, " 1"...)
		case sqltext.UserVar:
			b = append(b, " @x"...)
		case sqltext.Quoted:
			name, _ := p.Name(i)
			b = quoteName(b, readable(name))
		case sqltext.Word:
			name := readable(string(p.Bytes(i)))
			if foreign[lower(name)] && !p.op(i+1, "(") {
				b = quoteName(b, name)
				continue
			}
			b = append(b, name...)
		default:
			b = append(b, p.Bytes(i)...)
		}
	}
	return string(b)
}

// foreign are keywords of the parser that are names to one of the servers.
var foreign = map[string]bool{
	"array": true, "cume_dist": true, "dense_rank": true, "empty": true, "first_value": true, "function": true,
	"grouping": true, "groups": true, "ilike": true, "json_table": true, "lag": true, "last_value": true,
	"lateral": true, "lead": true, "nth_value": true, "ntile": true, "of": true, "percent_rank": true, "rank": true,
	"row_number": true, "stored": true, "system": true, "tablesample": true, "until": true, "virtual": true,
}

// readable gives a name in UTF-8 that is told from others.
func readable(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	b := make([]byte, 0, 2*len(name))
	for i := range len(name) {
		if name[i] < utf8.RuneSelf {
			b = append(b, name[i])
			continue
		}
		b = fmt.Appendf(b, "_%x", name[i])
	}
	return string(b)
}

func (p *planner) sameSource(plan *Plan, refs *ast.TableRefsClause) bool {
	if refs == nil || refs.TableRefs == nil || refs.TableRefs.Right != nil {
		return false
	}
	src, ok := refs.TableRefs.Left.(*ast.TableSource)
	if !ok {
		return false
	}
	name, ok := src.Source.(*ast.TableName)
	if !ok || len(name.PartitionNames) > 0 {
		return false
	}
	return p.rules.Table(schema.Name{Schema: name.Schema.O, Name: name.Name.O}, p.env.DB) == plan.Table
}

func (p *planner) sameAssignments(plan *Plan, list []*ast.Assignment) bool {
	parts := p.list(plan.set)
	if len(parts) != len(list) {
		return false
	}
	for i, a := range parts {
		ref, _, ok := p.column(a.from)
		if !ok || !sameName(readable(ref.column), list[i].Column.Name.O) {
			return false
		}
	}
	return true
}

// sameConjuncts reports whether AND joins as many conditions as there are in
// fixed, and those that are to fix a column do.
func sameConjuncts(where ast.ExprNode, fixed []string) bool {
	all := conjuncts(where, nil)
	if len(all) != len(fixed) {
		return false
	}
	for i, column := range fixed {
		if column != "" && !fixes(all[i], readable(column)) {
			return false
		}
	}
	return true
}

// conjuncts lists what AND joins at the top of a condition.
func conjuncts(e ast.ExprNode, into []ast.ExprNode) []ast.ExprNode {
	switch x := e.(type) {
	case nil:
		return into
	case *ast.ParenthesesExpr:
		return conjuncts(x.Expr, into)
	case *ast.BinaryOperationExpr:
		if x.Op == opcode.LogicAnd {
			return conjuncts(x.R, conjuncts(x.L, into))
		}
	}
	return append(into, e)
}

// fixes reports whether e is column = constant, in either order, or column IN (constant).
func fixes(e ast.ExprNode, column string) bool {
	switch x := e.(type) {
	case *ast.BinaryOperationExpr:
		return x.Op == opcode.EQ && (isColumn(x.L, column) && isConstant(x.R) || isConstant(x.L) && isColumn(x.R, column))
	case *ast.PatternInExpr:
		return !x.Not && x.Sel == nil && len(x.List) == 1 && isColumn(x.Expr, column) && isConstant(x.List[0])
	}
	return false
}

func isColumn(e ast.ExprNode, column string) bool {
	c, ok := e.(*ast.ColumnNameExpr)
	return ok && sameName(c.Name.Name.O, column)
}

func isConstant(e ast.ExprNode) bool {
	switch x := e.(type) {
	case ast.ValueExpr:
		return true
	case *ast.UnaryOperationExpr:
		return (x.Op == opcode.Minus || x.Op == opcode.Plus) && isConstant(x.V)
	}
	return false
}
