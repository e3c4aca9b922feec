package rewrite

import (
	"io"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/format"
)

// printed is an expression of which it is known how it is to be written: texts
// and expressions, in order.
type printed struct {
	ast.TexprNode
	parts  []any   // string or ast.ExprNode
	value  *string // of a string constant
	column bool    // it is a column
}

// Restore writes the parts.
func (p *printed) Restore(ctx *format.RestoreCtx) error {
	for _, part := range p.parts {
		switch part := part.(type) {
		case string:
			ctx.WritePlain(part)
		case ast.ExprNode:
			if err := part.Restore(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// Accept shows the visitor the expression as a whole: its parts were visited
// before it was made.
func (p *printed) Accept(v ast.Visitor) (ast.Node, bool) {
	n, _ := v.Enter(p)
	return v.Leave(n)
}

// Format writes nothing: Restore does.
func (p *printed) Format(io.Writer) {}
