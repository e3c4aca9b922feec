package rewrite

import (
	"strings"
	"sync"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
	"github.com/pingcap/tidb/pkg/parser/opcode"
	_ "github.com/pingcap/tidb/pkg/parser/test_driver" // the parser needs a driver for constants

	"ifmatch/schema"
)

// parsers are kept: one costs far more than a statement.
var parsers = sync.Pool{New: func() any { return parser.New() }}

// crossCheck reads the statement a second time, with a parser of the whole
// grammar, and refuses where the two readings differ in anything that the guard
// rests on: tables, columns that are set, conditions that AND joins, LIMIT. It
// runs once for a plan.
func (p *planner) crossCheck(plan *Plan, conjuncts []part) *Plan {
	t := plan.Table
	ps := parsers.Get().(*parser.Parser)
	defer parsers.Put(ps)
	// The mask writes strings between single quotes whatever the session's
	// mode, so that a double quote can only be an identifier's.
	mode := mysql.ModeANSIQuotes
	if p.env.PipesAsConcat {
		mode |= mysql.ModePipesAsConcat
	}
	ps.SetSQLMode(mode)
	masked := p.Mask(nil)
	from, to := p.Tokens[p.stmt.from].Start, p.Tokens[p.stmt.to-1].End
	node, err := ps.ParseOneStmt(string(masked[from:to]), "", "")
	if err != nil {
		return refuse(t, "the parser cannot read this statement on %s", t.Name)
	}
	var same bool
	switch s := node.(type) {
	case *ast.UpdateStmt:
		same = plan.Verb == Update && s.With == nil && !s.MultipleTable && p.sameSource(plan, s.TableRefs) &&
			p.sameAssignments(plan, s.List) && conjunctCount(s.Where) == len(conjuncts)
	case *ast.DeleteStmt:
		same = plan.Verb == Delete && s.With == nil && !s.IsMultiTable && p.sameSource(plan, s.TableRefs) &&
			conjunctCount(s.Where) == len(conjuncts)
	}
	if !same {
		return refuse(t, "two readings of this statement on %s differ", t.Name)
	}
	return nil
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
		if !ok || !strings.EqualFold(ref.column, list[i].Column.Name.O) {
			return false
		}
	}
	return true
}

// conjunctCount counts what AND joins at the top of a condition.
func conjunctCount(e ast.ExprNode) int {
	switch x := e.(type) {
	case nil:
		return 0
	case *ast.ParenthesesExpr:
		return conjunctCount(x.Expr)
	case *ast.BinaryOperationExpr:
		if x.Op == opcode.LogicAnd {
			return conjunctCount(x.L) + conjunctCount(x.R)
		}
	}
	return 1
}
