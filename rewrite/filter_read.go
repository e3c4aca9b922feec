package rewrite

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
	"github.com/pingcap/tidb/pkg/parser/opcode"
	driver "github.com/pingcap/tidb/pkg/parser/test_driver"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// filterReader goes through the tree of a filter, changes what would depend on
// the session, and refuses what it does not know.
type filterReader struct {
	table   *Table
	catalog *schema.Catalog
	pos     policy.Position
	what    string // "condition" or "expression"
	faults  policy.Faults
	scopes  []*filterScope // of the sub-selects around the node at hand
	depth   int            // sub-selects around it, as expressions
	self    bool           // the outermost of these reads the table itself
	copies  map[*ast.TableSource]*schema.Table
	aliases []string
	reads   []string
}

func (r *filterReader) fault(format string, args ...any) {
	r.faults.Add(r.pos, format, args...)
}

// lexes looks for what a parser would not show: bytes and comments.
func (r *filterReader) lexes(sql string) bool {
	if i := strings.IndexFunc(sql, func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7F }); i >= 0 {
		r.fault("this SQL has a control character%s; write it with CHAR or as x'…'", placeIn(sql, i))
		return false
	}
	var t sqltext.Text
	if err := t.Lex([]byte(sql), &sqltext.Lexis{Flavor: r.catalog.Flavor, Version: r.catalog.Version}); err != nil {
		at := ""
		if e, ok := err.(*sqltext.LexError); ok {
			at, err = placeIn(sql, e.Offset), fmt.Errorf("%s", e.What)
		}
		r.fault("this SQL cannot be read%s: %v", at, err)
		return false
	}
	end := 0
	for i, tok := range append(t.Tokens, sqltext.Token{Start: int32(len(sql))}) {
		switch gap := sql[end:tok.Start]; {
		case tok.Exec, strings.Contains(gap, "/*!"), strings.Contains(gap, "/*M!"), strings.Contains(gap, "/*+"):
			r.fault("this SQL has a comment that servers take for more than a comment%s; remove it", placeIn(sql, end))
			return false
		}
		end = int(tok.End)
		switch {
		case t.IsOp(i, ";"):
			r.fault("this SQL has a semicolon%s; one %s is wanted", placeIn(sql, int(tok.Start)), r.what)
			return false
		case i < len(t.Tokens) && tok.Kind == sqltext.Param:
			r.fault("this SQL has a parameter%s; a policy has no values for it", placeIn(sql, int(tok.Start)))
			return false
		case t.Is(i, "ESCAPE") && i+1 < len(t.Tokens) && t.Tokens[i+1].Kind == sqltext.String && len(t.Bytes(i+1)) == 2:
			r.fault("ESCAPE wants one character%s", placeIn(sql, int(tok.Start)))
			return false
		}
	}
	return true
}

// placeIn says where in the SQL something stands, for people.
func placeIn(sql string, offset int) string {
	before := sql[:min(max(offset, 0), len(sql))]
	line := strings.Count(before, "\n")
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	if !strings.Contains(sql, "\n") {
		return fmt.Sprintf(" at its character %d", column)
	}
	return fmt.Sprintf(" at its line %d, character %d", line+1, column)
}

// syntax adds the fault of SQL that the parser cannot read. The parser shows the
// rest of the text from where it gave up.
func (r *filterReader) syntax(sql string, err error) {
	text := err.Error()
	_, near, found := strings.Cut(text, `near "`)
	if i := strings.LastIndexByte(near, '"'); found && i >= 0 {
		near = near[:i]
		if near == "" {
			r.fault("this SQL ends too early; one %s is wanted", r.what)
			return
		}
		if at := strings.LastIndex(sql, near); at >= 0 {
			if runes := []rune(near); len(runes) > 30 {
				near = string(runes[:30]) + "…"
			}
			r.fault("this SQL cannot be read%s, near %q", placeIn(sql, at), near)
			return
		}
	}
	r.fault("this SQL cannot be read: %s", text)
}

// Enter is called before what is below a node is visited.
func (r *filterReader) Enter(n ast.Node) (ast.Node, bool) {
	switch n := n.(type) {
	case *ast.SelectStmt:
		r.enterSelect(n)
	case *ast.SubqueryExpr:
		r.depth++
	case *ast.SelectField:
		if n.WildCard != nil && n.WildCard.Table.O != "" {
			r.wildcard(n.WildCard)
		}
	case *ast.ColumnNameExpr:
		return r.columnExpr(n), true
	case *driver.ValueExpr:
		return r.constant(n), true
	case *ast.FuncCallExpr:
		return r.call(n)
	case *ast.AggregateFuncExpr:
		if len(r.scopes) == 0 {
			r.fault("%s() counts over rows; outside of a sub-select there is one row", strings.ToUpper(n.F))
		} else if n.F == ast.AggFuncGroupConcat {
			r.fault("GROUP_CONCAT() is not taken: how much it gives depends on the session")
		}
	case *ast.FuncCastExpr:
		charset := n.Tp.GetCharset()
		text := n.Tp.GetType() == mysql.TypeVarString || n.Tp.GetType() == mysql.TypeString
		if n.FunctionType != ast.CastBinaryOperator && text && (charset == mysql.DefaultCharset || !n.ExplicitCharSet && charset != "binary") {
			// Without a character set it would be the session's. The printer
			// leaves its default out, which it knows by small letters.
			n.Tp.SetCharset(strings.ToUpper(mysql.DefaultCharset))
			n.ExplicitCharSet = true
		}
	case *ast.UnaryOperationExpr, *ast.BinaryOperationExpr, *ast.ParenthesesExpr, *ast.PatternInExpr, *ast.PatternRegexpExpr,
		*ast.BetweenExpr, *ast.IsNullExpr, *ast.IsTruthExpr, *ast.ExistsSubqueryExpr, *ast.CompareSubqueryExpr, *ast.CaseExpr,
		*ast.WhenClause, *ast.RowExpr, *ast.TimeUnitExpr, *ast.TrimDirectionExpr, *ast.GetFormatSelectorExpr, *ast.SetCollationExpr,
		*ast.SetOprStmt, *ast.SetOprSelectList, *ast.FieldList, *ast.TableRefsClause, *ast.Join, *ast.OnCondition, *ast.TableSource,
		*ast.TableName, *ast.ColumnName, *ast.GroupByClause, *ast.HavingClause, *ast.OrderByClause, *ast.ByItem, *ast.PositionExpr,
		*ast.Limit, *printed:
	case *ast.PatternLikeOrIlikeExpr:
		if !n.IsLike {
			r.fault("ILIKE is not taken: no server knows it")
		}
	case *ast.VariableExpr:
		r.fault("the variable @%s is not taken: it belongs to the session", n.Name)
	case *ast.DefaultExpr, *ast.ValuesExpr:
		r.fault("DEFAULT and VALUES are not taken in a policy's %s", r.what)
	case *ast.WithClause:
		r.fault("WITH is not taken in a policy's %s; write the sub-select where it is used", r.what)
	default:
		r.fault("%s is not taken in a policy's %s", nodeName(n), r.what)
		return n, true
	}
	return n, len(r.faults) > 0
}

// nodeName names a node of the parser for people.
func nodeName(n ast.Node) string {
	name := fmt.Sprintf("%T", n)
	return "what the parser calls " + strings.TrimSuffix(name[strings.LastIndexByte(name, '.')+1:], "Expr")
}

// Leave is called after it.
func (r *filterReader) Leave(n ast.Node) (ast.Node, bool) {
	if len(r.faults) > 0 {
		return n, false
	}
	switch n := n.(type) {
	case *ast.SelectStmt:
		r.scopes = r.scopes[:len(r.scopes)-1]
	case *ast.SubqueryExpr:
		if r.depth--; r.depth == 0 && r.self {
			shelter(n)
			r.self = false
		}
	case *ast.TableSource:
		if columns, own := r.copies[n]; own {
			n.Source = copyOf(n.Source.(*ast.TableName), columns)
		}
	case *ast.ExistsSubqueryExpr:
		exists(n)
	case *ast.SetOprSelectList:
		for _, s := range n.Selects {
			if s, ok := s.(*ast.SelectStmt); ok {
				s.IsInBraces = true // a lock at the end of one is not the last one's alone
			}
		}
	case *ast.FuncCallExpr:
		if spoken[n.FnName.L] {
			return &printed{parts: []any{"CONVERT(", n, " USING ascii)"}}, true
		}
	case *ast.UnaryOperationExpr:
		return unary(n), true
	case *ast.PatternLikeOrIlikeExpr:
		return like(n), true
	}
	return n, true
}

// unary puts parentheses where the sql_mode HIGH_NOT_PRECEDENCE would read
// another operand, and where two signs would make another token.
func unary(n *ast.UnaryOperationExpr) ast.ExprNode {
	switch n.Op {
	case opcode.Not, opcode.Not2:
		return &printed{parts: []any{"(NOT ", inParentheses(n.V), ")"}}
	}
	if _, constant := n.V.(*driver.ValueExpr); !constant {
		n.V = inParentheses(n.V)
	}
	return n
}

func inParentheses(e ast.ExprNode) ast.ExprNode {
	if _, done := e.(*ast.ParenthesesExpr); done {
		return e
	}
	return &ast.ParenthesesExpr{Expr: e}
}

// like writes LIKE with its escape character: without one it depends on the
// sql_mode NO_BACKSLASH_ESCAPES.
func like(n *ast.PatternLikeOrIlikeExpr) ast.ExprNode {
	op := " LIKE "
	if n.Not {
		op = " NOT LIKE "
	}
	parts := []any{n.Expr, op, n.Pattern}
	if p, ok := n.Pattern.(*printed); !ok || p.value == nil || strings.IndexByte(*p.value, n.Escape) >= 0 {
		parts = append(parts, " ESCAPE "+text("", string(n.Escape)))
	}
	return &printed{parts: parts}
}

// constant writes a string so that it is the same in every session.
func (r *filterReader) constant(n *driver.ValueExpr) ast.ExprNode {
	charset := n.Type.GetCharset()
	switch n.Kind() {
	case driver.KindString, driver.KindBytes:
		s := n.GetString()
		return &printed{parts: []any{text(charset, s)}, value: &s}
	case driver.KindBinaryLiteral:
		if charset != "" && charset != "binary" {
			return &printed{parts: []any{fmt.Sprintf("_%s x'%x'", charset, n.GetBytes())}}
		}
	}
	return n
}

// text writes a string with its character set. Letters and the like stay
// readable; what a quote, a backslash or a character set could turn does not,
// nor does nothing, which the sql_mode EMPTY_STRING_IS_NULL takes for NULL.
func text(charset, s string) string {
	if charset == "" || charset == "utf8" || charset == "utf8mb3" {
		charset = "utf8mb4"
	}
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '}' || c == '\'' || c == '\\' {
			return fmt.Sprintf("_%s x'%x'", charset, s)
		}
	}
	if s == "" {
		return "_" + charset + " x''"
	}
	return "_" + charset + "'" + s + "'"
}

// oracle are functions that MariaDB's sql_mode ORACLE gives another meaning;
// behind its schema mariadb_schema they keep their own.
var oracle = words("concat length lpad ltrim replace rpad rtrim substr substring trim")

// spoken are functions whose answer is ASCII, in the session's collation. Beside a
// string of ours of another collation that would be an error.
var spoken = words("bin conv date_format dayname format hex inet6_ntoa inet_ntoa md5 monthname oct sha sha1 sha2 time_format to_base64")

// call looks at a function.
func (r *filterReader) call(n *ast.FuncCallExpr) (ast.Node, bool) {
	name := n.FnName.L
	upper := strings.ToUpper(name)
	n.Tp = ast.FuncCallExprTypeKeyword // not in quotes: it is the server's own
	switch {
	case name == ast.DateLiteral, name == ast.TimeLiteral, name == ast.TimestampLiteral:
		return r.instant(n), true
	case n.Schema.O != "":
		r.fault("the stored function %s.%s is not taken: what it does is not known", n.Schema.O, n.FnName.O)
	case slices.Contains(unsteady, upper):
		r.fault("%s() is not taken: it answers differently each time, or does more than answer", upper)
	case name == "char_func", name == "weight_string", name == "encode", name == "decode", name == "name_const", name == ast.JSONMemberOf:
		r.fault("%s is not taken in a policy's %s", strings.TrimSuffix(upper, "_FUNC"), r.what)
	case r.catalog.Function(schema.Name{Schema: r.table.Name.Schema, Name: name}) != nil && !keywords[name] && !scalars[name]:
		r.fault("the stored function %s is not taken: what it does is not known", n.FnName.O)
	case !scalars[name]:
		r.fault("%s() is no function that both servers are known to have", upper)
	case name == "convert" && len(n.Args) == 2:
		if v, ok := n.Args[1].(*driver.ValueExpr); ok {
			n.Args[1] = &printed{parts: []any{v.GetString()}}
		}
	case name == "concat":
		// Of numbers alone it would be in the session's collation.
		n.Args = append(n.Args, ast.NewValueExpr("", "", ""))
	case name == "mid":
		n.FnName = ast.NewCIStr("SUBSTRING")
		name = "substring"
	}
	if oracle[name] && r.qualifiesFunctions() {
		n.Schema = ast.NewCIStr("mariadb_schema")
	}
	return n, len(r.faults) > 0
}

// qualifiesFunctions reports whether the server knows mariadb_schema before a
// function: since MDEV-27744.
func (r *filterReader) qualifiesFunctions() bool {
	if r.catalog.Offline() || r.catalog.Flavor != sqltext.MariaDB {
		return false
	}
	since := map[int]int{1005: 26, 1006: 19, 1011: 9, 1101: 6, 1102: 5, 1104: 3}
	v := r.catalog.Version
	patch, known := since[v/100]
	return known && v%100 >= patch || v >= 110500
}

// instant writes DATE '…' and the like, whose text may have no character set.
func (r *filterReader) instant(n *ast.FuncCallExpr) ast.Node {
	v, ok := n.Args[0].(*driver.ValueExpr)
	if !ok || strings.Trim(v.GetString(), "0123456789-+:. T") != "" {
		r.fault("a date or time wants digits in quotes, as in DATE '2026-01-31'")
		return n
	}
	word := map[string]string{ast.DateLiteral: "DATE", ast.TimeLiteral: "TIME", ast.TimestampLiteral: "TIMESTAMP"}[n.FnName.L]
	return &printed{parts: []any{word + " '" + v.GetString() + "'"}}
}
