package rewrite

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"ifmatch/sqltext"
)

// This file plans UPDATE and DELETE of joined tables: each guarded table that is
// written has a plan of its own for what concerns its rows, and the statement as a
// whole one that locks and confines.

// joined is what planning such a statement finds out.
type joined struct {
	plan    *Plan
	sources []source
	parts   []*Plan  // one for each guarded table that is written
	of      []int    // their sources
	sets    [][]part // assignments of each
}

// planJoinedUpdate plans an UPDATE of several tables. One that sets no column of a
// guarded table passes.
func (p *planner) planJoinedUpdate(verb int, refs part, set int) *Plan {
	all := p.sources(refs)
	t := p.guardedSource(all)
	if t == nil {
		t = p.mentioned(refs)
	}
	if t == nil {
		return pass("it writes no guarded table")
	}
	where := p.find(part{set, p.stmt.to}, "WHERE")
	end := p.tail(part{set, p.stmt.to})
	plan := &Plan{Verdict: Guard, Strategy: LockAndCheck, Verb: Update, Table: t, params: p.parameters(), target: refs}
	plan.set = part{set + 1, min(where, end)}
	p.joinedWhere(plan, where, end)
	j := &joined{plan: plan, sources: all}
	for _, a := range p.list(plan.set) {
		ref, next, ok := p.column(a.from)
		if !ok || next+1 >= a.to || !p.op(next, "=") && !p.op(next, ":=") {
			return refuse(t, "an assignment of this UPDATE of several tables, %s among them, cannot be read", t.Name)
		}
		at, known := p.writtenBy(ref, all)
		if !known {
			return refuse(t, "UPDATE of several tables that may set columns of %s cannot be guarded; qualify what it sets, or write one table", t.Name)
		}
		if at < 0 {
			continue
		}
		one, refused := p.joinedPart(j, at)
		if refused != nil {
			return refused
		}
		if refused := p.set(one, ref, part{next + 1, a.to}); refused != nil {
			return refused
		}
		k := len(j.sets) - 1
		for n, o := range j.of {
			if o == at {
				k = n
			}
		}
		j.sets[k] = append(j.sets[k], a)
	}
	if len(j.parts) == 0 {
		return p.passJoined(j, "it sets no column of a guarded table")
	}
	for i, one := range j.parts {
		if refused := p.joinedSets(one, j.sets[i]); refused != nil {
			return refused
		}
	}
	if p.dropIgnored(j); len(j.parts) == 0 {
		return p.passJoined(j, "it sets ignored columns alone")
	}
	return p.joinedRows(j, verb, end)
}

// joinedSets refuses assignments that a statement on joined tables cannot have:
// their order there is the server's affair.
func (p *planner) joinedSets(one *Plan, sets []part) *Plan {
	t, v := one.Table, one.Table.Version
	if v != nil && (one.assigned.kind != unassigned && one.assigned.kind != raised || one.termSet) {
		return refuse(t, "UPDATE of several tables that sets the version of %s cannot be guarded; leave it out", t.Name)
	}
	if len(one.moves) > 0 {
		return refuse(t, "UPDATE of several tables that changes the key of %s cannot be guarded; write one table", t.Name)
	}
	if refused := p.statusChange(one, sets); refused != nil {
		return refused
	}
	if one.change != nil && len(t.status.sets) > 0 {
		return refuse(t, "UPDATE of several tables that changes %s of %s, whose transitions set columns, cannot be guarded; write one table", t.status.column.Name, t.Name)
	}
	return nil
}

// joinedWhere notes the condition of a statement on joined tables.
func (p *planner) joinedWhere(plan *Plan, where, end int) {
	if where < end {
		plan.where = part{where + 1, end}
		plan.wrap = p.needsWrap(plan.where)
	}
}

// dropIgnored leaves out the tables of which ignored columns alone are set.
func (p *planner) dropIgnored(j *joined) {
	kept := 0
	for i, one := range j.parts {
		ignored := true
		for _, a := range j.sets[i] {
			ref, _, _ := p.column(a.from)
			ignored = ignored && contains(one.Table.Ignore, ref.column)
		}
		if !ignored {
			j.parts[kept], j.of[kept], j.sets[kept] = one, j.of[i], j.sets[i]
			kept++
		}
	}
	j.parts, j.of, j.sets = j.parts[:kept], j.of[:kept], j.sets[:kept]
}

// planJoinedDelete plans DELETE t FROM … and DELETE FROM t USING …. One that
// deletes from no guarded table passes.
func (p *planner) planJoinedDelete(verb int) *Plan {
	i := verb + 1
	for ; p.oneOf(i, "LOW_PRIORITY", "QUICK", "IGNORE"); i++ {
	}
	all := part{i, p.stmt.to}
	from := p.find(all, "FROM")
	targets, refs := part{i, from}, part{from + 1, p.stmt.to}
	if from == i {
		using := p.find(all, "USING")
		targets, refs = part{from + 1, using}, part{using + 1, p.stmt.to}
	}
	refs.to = p.find(refs, "WHERE", "ORDER", "LIMIT", "RETURNING")
	sources := p.sources(refs)
	t := p.guardedSource(sources)
	if t == nil {
		t = p.mentioned(p.stmt)
	}
	if t == nil {
		return pass("it writes no guarded table")
	}
	plan := &Plan{Verdict: Guard, Strategy: LockAndCheck, Verb: Delete, Table: t, params: p.parameters(), target: refs}
	rest := part{refs.to, p.stmt.to}
	end := p.tail(rest)
	p.joinedWhere(plan, p.find(rest, "WHERE"), end)
	j := &joined{plan: plan, sources: sources}
	for _, d := range p.list(targets) {
		ref, ok := p.deleteTarget(d)
		at, known := -1, false
		if ok {
			at, known = p.writtenSource(ref, sources)
		}
		if !known {
			return refuse(t, "DELETE from several tables that may take rows of %s cannot be guarded; delete from one table", t.Name)
		}
		if at < 0 {
			continue
		}
		if _, refused := p.joinedPart(j, at); refused != nil {
			return refused
		}
	}
	if len(j.parts) == 0 {
		return p.passJoined(j, "it deletes from no guarded table")
	}
	return p.joinedRows(j, verb, end)
}

// writtenBy gives the place among the sources of the guarded table whose column an
// assignment sets, -1 where it is of another table. known is false where that
// cannot be told.
func (p *planner) writtenBy(ref columnRef, all []source) (at int, known bool) {
	if ref.table != "" {
		return p.writtenSource(columnRef{table: ref.schema, column: ref.table}, all)
	}
	at = -1
	for i, s := range all {
		t, view := p.guarded(s.table)
		if t == nil {
			continue
		}
		if view || t.columns == nil {
			return -1, false
		}
		if t.columns.Column(ref.column) != nil {
			if at >= 0 {
				return -1, false // the server would not know either
			}
			at = i
		}
	}
	if at >= 0 {
		return at, true
	}
	for _, s := range all {
		n := s.table
		if n.Schema == "" {
			n.Schema = p.env.DB
		}
		if t, _ := p.guarded(s.table); t != nil {
			continue
		}
		if columns := p.rules.Catalog.Table(n); columns != nil && columns.Column(ref.column) != nil {
			return -1, true // a guarded table that had it as well would make it ambiguous
		}
	}
	// It may be one that was added around this proxy.
	return -1, false
}

// writtenSource gives the place of the source that a name means, -1 where that
// is no guarded table.
func (p *planner) writtenSource(ref columnRef, all []source) (at int, known bool) {
	t, known := p.target(ref, all)
	if !known || t == nil {
		return -1, known
	}
	at = -1
	for i, s := range all {
		if !p.sameTable(s.name, ref.column) {
			continue
		}
		if s.table.Schema == "" {
			s.table.Schema = p.env.DB
		}
		if ref.table != "" && !p.sameTable(s.table.Schema, ref.table) {
			continue
		}
		if at >= 0 {
			return -1, false
		}
		at = i
	}
	return at, at >= 0
}

// joinedPart gives the plan of the part of the statement that is about a source.
func (p *planner) joinedPart(j *joined, at int) (*Plan, *Plan) {
	for i, of := range j.of {
		if of == at {
			return j.parts[i], nil
		}
	}
	s := j.sources[at]
	t, view := p.guarded(s.table)
	switch {
	case view:
		return nil, refuse(t, "a write through a view on %s cannot be guarded in a join; write the table itself", t.Name)
	case t.fault != nil:
		return nil, refuse(t, "the policy's SQL for %s cannot be said", t.Name)
	}
	for i, other := range j.sources {
		if i != at && sameName(other.name, s.name) {
			return nil, refuse(t, "two tables of this %s have the name %s; give one of them another", j.plan.Verb, s.name)
		}
	}
	for _, one := range j.parts {
		if one.Table == t && j.plan.Verb == Update { // its version would be raised twice
			return nil, refuse(t, "a statement that writes %s under two names cannot be guarded; write it once", t.Name)
		}
	}
	named := s.at
	if s.alias >= 0 {
		named = part{s.alias, s.alias + 1}
	}
	one := &Plan{Verdict: Guard, Strategy: LockAndCheck, Verb: j.plan.Verb, Table: t, params: j.plan.params, target: named, set: j.plan.set}
	one.qualifier, one.relative = p.sourceName(s), true
	j.parts, j.of, j.sets = append(j.parts, one), append(j.of, at), append(j.sets, nil)
	return one, nil
}

// sourceName gives the name by which columns of a source are qualified, as SQL.
func (p *planner) sourceName(s source) string {
	if s.alias >= 0 {
		text := string(p.Bytes(s.alias))
		if p.Tokens[s.alias].Kind == sqltext.Word && ascii(text) {
			return string(quoteName(nil, text))
		}
		return text
	}
	var ref []string
	for i := s.at.from; i < s.at.to; i++ {
		ref = append(ref, string(p.Bytes(i)))
	}
	return strings.Join(ref, "")
}

// joinedRows finishes the plan of a statement on joined tables.
func (p *planner) joinedRows(j *joined, verb, end int) *Plan {
	plan := j.plan
	t := j.parts[0].Table
	plan.Table = t
	if verb != p.stmt.from {
		return refuse(t, "%s behind WITH on %s cannot be guarded yet; write it without", plan.Verb, t.Name)
	}
	s := &several{refs: plan.target, after: part{end, p.stmt.to}, writes: j.parts}
	plan.several = s
	if !plan.where.empty() {
		if _, ok := p.conjuncts(plan.where, nil); !ok {
			return refuse(t, "the condition of this %s on %s cannot be read", plan.Verb, t.Name)
		}
	}
	for _, in := range []part{plan.target, plan.where, s.after} {
		if s.unsure == "" {
			s.unsure = p.unsure(in)
		}
	}
	if refused := p.afterSeveral(plan); refused != nil {
		return refused
	}
	for _, one := range j.parts {
		one.several = &several{writes: []*Plan{one}}
		if refused := p.versionFits(one); refused != nil {
			return refused
		}
		if refused := p.asciiOnly(one.Table); refused != nil {
			return refused
		}
		one.hold()
	}
	for i, src := range j.sources {
		written := false
		for _, of := range j.of {
			written = written || of == i
		}
		if !written {
			s.reads = append(s.reads, p.sourceName(src))
		}
	}
	if refused := p.crossCheckJoined(j); refused != nil {
		return refused
	}
	plan.Why = "several tables: the rows that are written are locked and checked, and the version of each is raised once"
	return plan
}

// passJoined lets a statement on joined tables pass that writes no row of a guarded
// one: by both readings, or by ours where the parser cannot read what stands behind
// FROM and nothing in it could hide a table from us.
func (p *planner) passJoined(j *joined, why string) *Plan {
	node, unreadable := p.parse(j.plan.Verb, j.plan.Table)
	if unreadable != nil {
		for i := j.plan.target.from; i < j.plan.target.to; i++ {
			if p.op(i, "{") || p.oneOf(i, "PARTITION", "FOR") {
				return unreadable
			}
		}
		return pass(why)
	}
	if refused := p.sameJoined(j, node); refused != nil {
		return refused
	}
	return pass(why)
}

// crossCheckJoined is crossCheck for a statement on joined tables.
func (p *planner) crossCheckJoined(j *joined) *Plan {
	node, refused := p.parse(j.plan.Verb, j.plan.Table)
	if refused != nil {
		return refused
	}
	return p.sameJoined(j, node)
}

// sameJoined refuses where the parser reads a statement on joined tables in another way.
func (p *planner) sameJoined(j *joined, node ast.StmtNode) *Plan {
	t, same := j.plan.Table, false
	switch s := node.(type) {
	case *ast.UpdateStmt:
		same = j.plan.Verb == Update && p.sameSources(j, s.TableRefs) && p.sameAssignments(j.plan, s.List) &&
			(s.Limit != nil) == j.plan.hasLimit() && (s.Where != nil) == !j.plan.where.empty()
		for i, a := range p.list(j.plan.set) {
			ref, _, _ := p.column(a.from)
			same = same && sameName(readable(ref.table), s.List[i].Column.Table.O)
		}
	case *ast.DeleteStmt:
		same = j.plan.Verb == Delete && s.IsMultiTable && p.sameSources(j, s.TableRefs) &&
			(s.Where != nil) == !j.plan.where.empty()
	}
	if !same {
		return refuse(t, "this %s on %s can be read in two ways; write it more plainly", j.plan.Verb, t.Name)
	}
	return nil
}

// sameSources reports whether the parser finds the same tables under the same names.
func (p *planner) sameSources(j *joined, refs *ast.TableRefsClause) bool {
	if refs == nil {
		return false
	}
	found := tableSources(refs.TableRefs, nil)
	if len(found) != len(j.sources) {
		return false
	}
	for i, src := range found {
		name := src.Source.(*ast.TableName)
		as := src.AsName.O
		if as == "" {
			as = name.Name.O
		}
		is := j.sources[i]
		if as != readable(is.name) || name.Name.O != readable(is.table.Name) || name.Schema.O != readable(is.table.Schema) {
			return false
		}
	}
	return true
}

// tableSources lists the base tables of a FROM in their order.
func tableSources(n ast.ResultSetNode, into []*ast.TableSource) []*ast.TableSource {
	switch x := n.(type) {
	case *ast.Join:
		if x == nil {
			return into
		}
		into = tableSources(x.Left, into)
		if x.Right != nil {
			into = tableSources(x.Right, into)
		}
	case *ast.TableSource:
		if _, ok := x.Source.(*ast.TableName); ok {
			return append(into, x)
		}
		return tableSources(x.Source, into)
	}
	return into
}

// joinedStatement writes a statement on joined tables: with the versions raised,
// and with what keeps it from rows that it must not have.
func (w *writer) joinedStatement() {
	at, tok := int32(0), 0
	upTo := func(to int) {
		w.bytes(at, w.toks[to-1].End)
		w.count(part{tok, to})
		at, tok = w.toks[to-1].End, to
	}
	if w.Verb == Update {
		upTo(w.set.to)
		for _, one := range w.several.writes {
			if v := one.Table.Version; v != nil {
				w.part(one, (*writer).bumpAny)
			}
		}
		w.gap(at)
	}
	bare, args := 0, 0 // where a WHERE begins that the client has not written
	switch {
	case w.where.empty():
		if end := w.several.after.from; w.toks[end-1].End > at {
			upTo(end)
		}
		bare, args = len(w.buf), len(w.args)
		w.lit(" WHERE TRUE")
	case w.wrap:
		upTo(w.where.from)
		w.bytes(at, w.toks[w.where.from].Start)
		at = w.toks[w.where.from].Start
		w.lit("(")
		upTo(w.where.to)
		w.lit(")")
	default:
		upTo(w.where.to)
	}
	guards := len(w.buf)
	if w.only != nil {
		w.confinement()
	} else {
		for _, one := range w.several.writes {
			w.part(one, (*writer).raising)
		}
	}
	if bare > 0 && len(w.buf) == guards {
		w.buf, w.args = w.buf[:bare], w.args[:args]
	}
	w.gap(at)
	w.bytes(at, int32(len(w.sql)))
	w.count(part{tok, len(w.toks)})
}

// part lets f write for one of the tables.
func (w *writer) part(one *Plan, f func(*writer)) {
	own := *w
	own.Plan = one
	for i, other := range w.several.writes {
		if other == one && w.bs != nil {
			own.b, own.target = &w.bs[i], w.bs[i].target
		}
	}
	f(&own)
	w.buf, w.args = own.buf, own.args
}

// bumpAny appends the assignment that raises the version, unless the table's
// versions are the writer's own affair.
func (w *writer) bumpAny() {
	if w.versions() && w.assigned.kind == unassigned {
		w.bump()
	}
}
