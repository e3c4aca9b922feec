package rewrite

import (
	"slices"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"ifmatch/fault"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// filterScope is what names in a sub-select may stand for.
type filterScope struct {
	sources []filterSource
	aliases []string // of the select list: ORDER BY and the like may name them
}

// filterSource is a table of a FROM.
type filterSource struct {
	name    string        // its alias, or the table's own name
	schema  string        // "" behind an alias
	columns *schema.Table // nil where they are not known
}

// enterSelect looks at a sub-select before its parts are read.
func (r *filterReader) enterSelect(n *ast.SelectStmt) {
	switch {
	case n.Kind != ast.SelectStmtKindSelect:
		r.fault("TABLE and VALUES are not taken in a policy's %s; write a SELECT", r.what)
	case n.LockInfo != nil:
		r.fault("a lock in a policy's %s is not taken: a write locks what its sub-selects read", r.what)
	case n.SelectIntoOpt != nil:
		r.fault("INTO is not taken in a policy's %s", r.what)
	case n.CalcFoundRows:
		r.fault("SQL_CALC_FOUND_ROWS is not taken in a policy's %s", r.what)
	case len(n.WindowSpecs) > 0:
		r.fault("windows are not taken in a policy's %s", r.what)
	}
	scope := &filterScope{}
	r.scopes = append(r.scopes, scope)
	if n.Fields != nil {
		for _, f := range n.Fields.Fields {
			if f.AsName.O != "" {
				scope.aliases = append(scope.aliases, f.AsName.O)
			}
		}
	}
	if n.From == nil {
		return
	}
	r.sources(scope, n.From.TableRefs)
	n.LockInfo = lockPlace()
}

// lockPlace is printed as printedLock.
func lockPlace() *ast.SelectLockInfo {
	return &ast.SelectLockInfo{LockType: ast.SelectLockForShareNoWait, Tables: []*ast.TableName{{Name: ast.NewCIStr(lockMark)}}}
}

// sources notes the tables of a FROM, and gives each an alias that can be told
// from the name by which a statement knows the policy's table.
func (r *filterReader) sources(scope *filterScope, n ast.ResultSetNode) {
	switch n := n.(type) {
	case *ast.Join:
		if n.Left != nil {
			r.sources(scope, n.Left)
		}
		if n.Right != nil {
			r.sources(scope, n.Right)
		}
	case *ast.TableSource:
		if t, ok := n.Source.(*ast.TableName); ok {
			r.source(scope, n, t)
			return
		}
		if join, ok := n.Source.(*ast.Join); ok && n.AsName.O == "" {
			r.sources(scope, join)
			return
		}
		scope.sources = append(scope.sources, filterSource{name: n.AsName.O})
		r.rename(n, n.AsName.O)
	default:
		r.fault("%s is not taken in FROM", nodeName(n))
	}
}

func (r *filterReader) source(scope *filterScope, n *ast.TableSource, t *ast.TableName) {
	if t.AsOf != nil || t.TableSample != nil {
		r.fault("AS OF and TABLESAMPLE are not taken in a policy's %s", r.what)
	}
	s := filterSource{name: n.AsName.O}
	name := schema.Name{Schema: t.Schema.O, Name: t.Name.O}
	if name.Schema == "" {
		// The policy's, wherever the session is.
		name.Schema = r.table.Name.Schema
		t.Schema = ast.NewCIStr(name.Schema)
	}
	if s.name == "" {
		s.name, s.schema = t.Name.O, name.Schema
	}
	if why := r.catalog.Missing(name); why != "" {
		r.fault("%s", why)
	}
	s.columns = r.catalog.Table(name)
	own := r.catalog.Fold(name) == r.catalog.Fold(r.table.Name)
	if own && s.columns == nil {
		s.columns = r.table.columns
	}
	scope.sources = append(scope.sources, s)
	r.rename(n, s.name)
	if own || r.catalog.View(name) != nil {
		switch r.sheltered() {
		case wholeQuery:
			r.self = true
		case eachTable:
			if r.copies == nil {
				r.copies = map[*ast.TableSource]*schema.Table{}
			}
			r.copies[n] = s.columns
		}
	}
}

// rename gives a table of a FROM its alias, with a hole before it.
func (r *filterReader) rename(n *ast.TableSource, name string) {
	n.AsName = ast.NewCIStr(aliasMark + name)
	if !slices.Contains(r.aliases, name) {
		r.aliases = append(r.aliases, name)
	}
}

// shelterKind is how a sub-select may read the very table that a statement writes,
// which MySQL refuses with error 1093.
type shelterKind uint8

const (
	noShelter  shelterKind = iota // the server takes it as it is: MariaDB since 10.3
	wholeQuery                    // the sub-select becomes a derived table, which knows the row around it: MySQL since 8.0.14
	eachTable                     // the table in it becomes one, which is a copy of all rows: any server
)

func (r *filterReader) sheltered() shelterKind {
	c := r.catalog
	switch {
	case c.Offline():
	case c.Flavor == sqltext.MariaDB && c.Version >= 100302:
		return noShelter
	case c.Flavor == sqltext.MySQL && c.Version >= 80014:
		return wholeQuery
	}
	return eachTable
}

// allRows keeps a derived table from being merged into the query around it.
const allRows = 1<<64 - 1

func limited() *ast.Limit {
	return &ast.Limit{Count: ast.NewValueExpr(uint64(allRows), "", "")}
}

// copyOf gives SELECT … FROM t LIMIT all of its rows. Hidden columns are named
// where they are known.
func copyOf(t *ast.TableName, columns *schema.Table) *ast.SelectStmt {
	fields := []*ast.SelectField{{WildCard: &ast.WildCardField{}}}
	if columns != nil {
		fields = nil
		for _, c := range columns.Columns {
			fields = append(fields, &ast.SelectField{Expr: &ast.ColumnNameExpr{Name: &ast.ColumnName{Name: ast.NewCIStr(c.Name)}}})
		}
	}
	s := selectFrom(&ast.TableSource{Source: t}, fields, limited())
	s.LockInfo = lockPlace()
	return s
}

func selectFrom(from *ast.TableSource, fields []*ast.SelectField, limit *ast.Limit) *ast.SelectStmt {
	return &ast.SelectStmt{
		SelectStmtOpts: &ast.SelectStmtOpts{SQLCache: true},
		Fields:         &ast.FieldList{Fields: fields},
		From:           &ast.TableRefsClause{TableRefs: &ast.Join{Left: from}},
		Limit:          limit,
	}
}

// shelter makes of a sub-select a derived table that is not merged.
func shelter(n *ast.SubqueryExpr) {
	if s, ok := n.Query.(*ast.SelectStmt); ok && s.Limit == nil {
		s.Limit = limited()
	}
	derived := &ast.TableSource{Source: n.Query, AsName: ast.NewCIStr("own_rows")}
	n.Query = selectFrom(derived, []*ast.SelectField{{WildCard: &ast.WildCardField{}}}, nil)
}

// exists writes 1 for the select list of EXISTS where that is columns: two of one
// name would be an error in a derived table.
func exists(n *ast.ExistsSubqueryExpr) {
	sub, ok := n.Sel.(*ast.SubqueryExpr)
	if !ok {
		return
	}
	s, ok := sub.Query.(*ast.SelectStmt)
	if ok && s.From != nil {
		if d, is := s.From.TableRefs.Left.(*ast.TableSource); is && d.AsName.O == "own_rows" {
			s, ok = d.Source.(*ast.SelectStmt)
		}
	}
	if !ok || s.Having != nil || s.OrderBy != nil {
		return
	}
	for _, f := range s.Fields.Fields {
		if p, is := f.Expr.(*printed); f.WildCard == nil && (!is || !p.column) {
			return
		}
	}
	s.Fields.Fields = []*ast.SelectField{{Expr: ast.NewValueExpr(int64(1), "", "")}}
}

// find gives the source of that name in the sub-selects around, the nearest first.
func (r *filterReader) find(db, table string) *filterSource {
	for i := len(r.scopes) - 1; i >= 0; i-- {
		for j := range r.scopes[i].sources {
			s := &r.scopes[i].sources[j]
			if db != "" && r.fold(db) != r.fold(s.schema) {
				continue
			}
			if r.fold(s.name) == r.fold(table) {
				return s
			}
		}
	}
	return nil
}

func (r *filterReader) fold(name string) string {
	return r.catalog.Fold(schema.Name{Name: name}).Name
}

func (r *filterReader) wildcard(n *ast.WildCardField) {
	if r.find(n.Schema.O, n.Table.O) == nil {
		r.fault("no table %q in FROM of the sub-select", n.Table.O)
		return
	}
	n.Schema, n.Table = ast.CIStr{}, ast.NewCIStr(aliasMark+n.Table.O)
}

// columnExpr says whose a column is.
func (r *filterReader) columnExpr(n *ast.ColumnNameExpr) ast.ExprNode {
	c := n.Name
	if c.Table.O == "" {
		return r.unqualified(c.Name.O)
	}
	if s := r.find(c.Schema.O, c.Table.O); s != nil {
		if s.columns != nil && s.columns.Column(c.Name.O) == nil {
			r.noColumn(s.columns, c.Name.O)
		}
		return columnOf(aliasMark+s.name, c.Name.O)
	}
	own := r.table.Name
	if r.fold(c.Table.O) != r.fold(own.Name) || c.Schema.O != "" && r.fold(c.Schema.O) != r.fold(own.Schema) {
		r.fault("%q is neither the table %s nor one of a sub-select around it%s", c.Table.O, own, fault.DidYouMean(c.Table.O, []string{own.Name}))
		return n
	}
	return r.own(c.Name.O)
}

// own gives a column of the policy's table itself.
func (r *filterReader) own(name string) ast.ExprNode {
	if t := r.table.columns; t != nil && t.Column(name) == nil {
		r.noColumn(t, name)
	}
	r.read(name)
	return &printed{parts: []any{qualifierMark + "." + string(quoteName(nil, name))}, column: true}
}

func (r *filterReader) read(name string) {
	if name = lower(name); !slices.Contains(r.reads, name) {
		r.reads = append(r.reads, name)
	}
}

// unqualified gives a column that is named alone: of the nearest sub-select that
// has it, else of the policy's table.
func (r *filterReader) unqualified(name string) ast.ExprNode {
	bare := &printed{parts: []any{string(quoteName(nil, name))}, column: true}
	for i := len(r.scopes) - 1; i >= 0; i-- {
		s := r.scopes[i]
		if slices.ContainsFunc(s.aliases, func(a string) bool { return sameName(a, name) }) {
			return bare
		}
		unknown := false
		for _, source := range s.sources {
			if source.columns == nil {
				unknown = true
			} else if source.columns.Column(name) != nil {
				return columnOf(aliasMark+source.name, name)
			}
		}
		if unknown {
			// The server will know. It may be the table's own.
			if t := r.table.columns; t == nil || t.Column(name) != nil {
				r.read(name)
			}
			return bare
		}
	}
	return r.own(name)
}

func (r *filterReader) noColumn(t *schema.Table, name string) {
	var names []string
	for _, c := range t.Columns {
		names = append(names, c.Name)
	}
	r.fault("%s has no column %q%s", t.Name, name, fault.DidYouMean(name, names))
}

func columnOf(table, name string) ast.ExprNode {
	b := append(quoteName(nil, table), '.')
	return &printed{parts: []any{string(quoteName(b, name))}, column: true}
}
