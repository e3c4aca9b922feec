package rewrite

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/format"

	"ifmatch/policy"
	"ifmatch/schema"
)

// This file is about the SQL that a policy has in it: `when`, `unless` and `set`.
// It is read once, when the policy is loaded, and printed anew from its tree, so
// that it means the same in every session: names are quoted, strings say their
// character set, and what an sql_mode could turn stands in parentheses.

// filter is SQL of a policy, ready to be spliced into statements on its table.
type filter struct {
	pieces  []filterPiece
	table   string   // the table's own name, quoted
	aliases []string // names that its sub-selects give their tables
	reads   []string // columns of the table itself, in lower case, each once
	plain   bool     // it has no byte beyond ASCII
}

// filterPiece is a text, or a place where one is put in.
type filterPiece struct {
	text string
	hole hole
}

// hole is what is put in behind a piece's text.
type hole uint8

const (
	noHole        hole = iota
	qualifierHole      // the name by which the statement knows the table
	aliasHole          // what keeps an alias from being that name
	lockHole           // how a sub-select locks what it reads
)

// aliasPrefix goes before the aliases of sub-selects where one of them is the
// name by which the statement knows the table.
const aliasPrefix = "ifmatch_"

// compileFilter reads SQL that the policy has at pos for table t. expression
// says that it is one of `set`, not a condition; the faults are worded by it. An
// error is policy.Faults, all of them at pos, which is where the SQL starts.
func compileFilter(sql string, pos policy.Position, t *Table, catalog *schema.Catalog, expression bool) (*filter, error) {
	r := &filterReader{table: t, catalog: catalog, pos: pos, what: "condition"}
	if expression {
		r.what = "expression"
	}
	e := r.parse(sql)
	if e == nil {
		return nil, r.faults.Err()
	}
	if node, ok := e.Accept(r); ok {
		e = node.(ast.ExprNode)
	}
	if err := r.faults.Err(); err != nil {
		return nil, err
	}
	var b strings.Builder
	const flags = format.RestoreStringSingleQuotes | format.RestoreKeyWordUppercase | format.RestoreNameBackQuotes |
		format.RestoreSpacesAroundBinaryOperation
	if err := e.Restore(format.NewRestoreCtx(flags, &b)); err != nil {
		r.fault("this %s cannot be written back: %v", r.what, err)
		return nil, r.faults.Err()
	}
	f := &filter{table: string(quoteName(nil, t.Name.Name)), aliases: r.aliases, reads: r.reads, plain: ascii(b.String())}
	f.pieces = cutPieces(b.String())
	return f, nil
}

// CheckSQL gives what is wrong with the SQL that a policy has in it, sorted by
// position. Against an offline catalog it is the syntax alone; else the tables
// and columns too, which must have been checked (schema.Check). check and the
// loading of rules ask it.
func CheckSQL(p *policy.Policy, c *schema.Catalog) policy.Faults {
	var faults policy.Faults
	for _, pt := range p.Tables {
		if pt.Status == nil {
			continue
		}
		name := schema.Name{Schema: pt.Name.Schema, Name: pt.Name.Table}
		t := &Table{Name: name, columns: c.Table(name)}
		check := func(sql string, pos policy.Position, expression bool) {
			if _, err := compileFilter(sql, pos, t, c, expression); err != nil {
				faults = append(faults, err.(policy.Faults)...)
			}
		}
		transitions := pt.Status.Transitions
		if pt.Status.Delete != nil {
			transitions = append(transitions[:len(transitions):len(transitions)], *pt.Status.Delete)
		}
		for _, tr := range transitions {
			for _, f := range append(tr.When[:len(tr.When):len(tr.When)], tr.Unless...) {
				check(f.SQL, f.Pos, false)
			}
			for _, a := range tr.Set {
				check(a.SQL, a.Pos, true)
			}
		}
		// What can be said of the machine as a whole only.
		if t.compileStatus(pt, c); t.fault != nil {
			faults = append(faults, t.fault.(policy.Faults)...)
		}
	}
	faults.Sort()
	return faults
}

// parse reads one expression, or adds a fault and gives nil.
func (r *filterReader) parse(sql string) ast.ExprNode {
	if !r.lexes(sql) {
		return nil
	}
	ps := parsers.Get().(*parser.Parser)
	defer parsers.Put(ps)
	ps.SetSQLMode(0)
	// DO takes expressions and nothing else, so that none can end early and
	// leave the rest to mean something.
	const before = "DO "
	stmts, _, err := ps.Parse(before+sql, "utf8mb4", "")
	if err != nil {
		r.syntax(sql, err)
		return nil
	}
	do, ok := stmts[0].(*ast.DoStmt)
	switch {
	case len(stmts) != 1 || !ok:
		r.fault("this is more than one statement; \"%s\" wants one %s", r.what, r.what)
	case len(do.Exprs) != 1:
		r.fault("this is a list; one %s is wanted, and a list of them stands in the policy as a list", r.what)
	default:
		return do.Exprs[0]
	}
	return nil
}

// Marks stand in the printed text for holes. No name, string or operator has
// them: a policy's SQL cannot have control characters.
const (
	qualifierMark = "\x02"
	aliasMark     = "\x03"
	lockMark      = "\x04"
	// printedLock is how the lock of a sub-select is printed whose table is lockMark.
	printedLock = " FOR SHARE OF `" + lockMark + "` NOWAIT"
)

// cutPieces cuts the printed text at its marks.
func cutPieces(sql string) []filterPiece {
	sql = strings.ReplaceAll(sql, printedLock, lockMark)
	var pieces []filterPiece
	for {
		i := strings.IndexAny(sql, qualifierMark+aliasMark+lockMark)
		if i < 0 {
			return append(pieces, filterPiece{text: sql})
		}
		pieces = append(pieces, filterPiece{sql[:i], map[string]hole{
			qualifierMark: qualifierHole, aliasMark: aliasHole, lockMark: lockHole}[sql[i:i+1]]})
		sql = sql[i+1:]
	}
}

// append writes the SQL in parentheses. qualifier is the name by which the
// statement knows the table, as it stands there; where it is empty that is the
// table's own name.
func (f *filter) append(dst []byte, qualifier string) []byte {
	return f.appendLocked(dst, qualifier, LockPlain)
}

// appendLocked is append for a statement that is no write: a write reads rows as
// they are now, and a SELECT does so in its sub-selects only where these lock.
func (f *filter) appendLocked(dst []byte, qualifier string, lock Lock) []byte {
	if qualifier == "" {
		qualifier = f.table
	}
	clash := f.clashes(qualifier)
	dst = append(dst, '(')
	for _, p := range f.pieces {
		dst = append(dst, p.text...)
		switch {
		case p.hole == qualifierHole:
			dst = append(dst, qualifier...)
		case p.hole == aliasHole && clash:
			dst = append(dst, aliasPrefix...)
		case p.hole == lockHole:
			dst = append(dst, lock...)
		}
	}
	return append(dst, ')')
}

// clashes reports whether a sub-select has a table of the same name, which would
// be meant by the qualifier inside it.
func (f *filter) clashes(qualifier string) bool {
	bare := strings.Trim(qualifier, "`\"")
	if bare != qualifier && strings.ContainsAny(bare, ".`\"") {
		return len(f.aliases) > 0 // quotes around dots and quotes are not taken apart
	}
	name := bare[strings.LastIndexByte(bare, '.')+1:]
	for _, a := range f.aliases {
		if sameName(a, name) {
			return true
		}
	}
	return false
}

// columns gives the columns of the table itself that the SQL reads, in lower
// case. Where it cannot be known whose column a name in a sub-select is, it is
// taken to be the table's.
func (f *filter) columns() []string { return f.reads }

// ascii reports whether the SQL can be sent in every character set.
func (f *filter) ascii() bool { return f.plain }
