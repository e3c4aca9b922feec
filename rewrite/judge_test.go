package rewrite

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"

	"ifmatch/schema"
	"ifmatch/sqltext"
)

// judge says by the tree of another parser which guarded table a statement may
// write. It shares nothing with the planner. read is false where the parser
// cannot read the statement, or it is none that this judges.
type judge struct {
	rules *Rules
	db    string
}

func (j judge) written(text *sqltext.Text, lexis sqltext.Lexis) (t *Table, read bool) {
	ps := parser.New()
	var mode mysql.SQLMode
	if lexis.ANSIQuotes {
		mode |= mysql.ModeANSIQuotes
	}
	if lexis.PipesAsConcat {
		mode |= mysql.ModePipesAsConcat
	}
	ps.SetSQLMode(mode)
	node, err := ps.ParseOneStmt(string(text.Normalize(nil)), "", "")
	if err != nil {
		return nil, false
	}
	switch s := node.(type) {
	case *ast.UpdateStmt:
		return j.update(s), true
	case *ast.DeleteStmt:
		return j.delete(s), true
	case *ast.InsertStmt:
		if s.IsReplace || len(s.OnDuplicate) > 0 {
			for _, src := range sourcesOf(s.Table.TableRefs) {
				if t := j.guarded(src.Source.(*ast.TableName)); t != nil {
					return t, true
				}
			}
		}
		return nil, true
	case *ast.TruncateTableStmt:
		return j.guarded(s.Table), true
	case *ast.DropTableStmt:
		for _, n := range s.Tables {
			if t := j.guarded(n); t != nil && !s.IsView {
				return t, true
			}
		}
		return nil, true
	}
	return nil, false
}

func (j judge) guarded(n *ast.TableName) *Table {
	name := schema.Name{Schema: n.Schema.O, Name: n.Name.O}
	if name.Schema == "" {
		name.Schema = j.db
	}
	t := j.rules.tables[name]
	if base, ok := j.rules.views[name]; ok {
		t = j.rules.tables[base]
	}
	if t == nil || t.Name.Name == "off" {
		return nil
	}
	return t
}

// sourcesOf lists the tables of a FROM.
func sourcesOf(n ast.ResultSetNode) []*ast.TableSource {
	switch x := n.(type) {
	case *ast.Join:
		all := sourcesOf(x.Left)
		if x.Right != nil {
			all = append(all, sourcesOf(x.Right)...)
		}
		return all
	case *ast.TableSource:
		if _, ok := x.Source.(*ast.TableName); ok {
			return []*ast.TableSource{x}
		}
		return sourcesOf(x.Source)
	}
	return nil
}

// called reports whether a source goes by that name. Its schema is left out, as
// a looser judge is a stricter test.
func called(src *ast.TableSource, table string) bool {
	name := src.AsName.O
	if name == "" {
		name = src.Source.(*ast.TableName).Name.O
	}
	return table == "" || name == table
}

func (j judge) update(s *ast.UpdateStmt) *Table {
	for _, src := range sourcesOf(s.TableRefs.TableRefs) {
		n := src.Source.(*ast.TableName)
		t := j.guarded(n)
		if t == nil {
			continue
		}
		for _, a := range s.List {
			if contains(t.Ignore, a.Column.Name.O) {
				continue
			}
			if a.Column.Schema.O != "" && src.AsName.O == "" && !strings.EqualFold(a.Column.Schema.O, t.Name.Schema) {
				continue
			}
			if called(src, a.Column.Table.O) {
				return t
			}
		}
	}
	return nil
}

func (j judge) delete(s *ast.DeleteStmt) *Table {
	all := sourcesOf(s.TableRefs.TableRefs)
	for _, src := range all {
		t := j.guarded(src.Source.(*ast.TableName))
		if t == nil {
			continue
		}
		if !s.IsMultiTable {
			return t
		}
		for _, d := range s.Tables.Tables {
			if d.Schema.O != "" && d.Schema.O != t.Name.Schema {
				continue
			}
			if called(src, d.Name.O) {
				return t
			}
		}
	}
	return nil
}
