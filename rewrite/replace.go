package rewrite

import (
	"slices"
	"strconv"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"ifmatch/policy"
)

// replacement says where a REPLACE has, or would have, the version of its rows.
type replacement struct {
	names   part     // the list of columns, without its parentheses
	columns []string // the list that is written where the statement has none and needs one
	values  int      // VALUES, or SET
	set     bool     // it is SET
	at      int      // the place of the version in a row, -1 where it is left out
	rows    []part   // of each row, from its first value to its last
	cells   []part   // of each row, the value of the version, where it has one
	raises  bool     // the version is raised
}

// planReplace plans a REPLACE.
func (p *planner) planReplace(plan *Plan, w tuples) *Plan {
	t, v, u, m := plan.Table, plan.Table.Version, plan.upsert, plan.Table.status
	plan.Strategy = LockAndCheck
	switch {
	case u.rows == 0 && !u.steady:
		return refuse(t, "REPLACE … SELECT into %s cannot be guarded: asked again, the SELECT may give other rows; write VALUES", t.Name)
	case u.rows == 0 && !p.sameReplace(plan):
		return refuse(t, "this REPLACE on %s can be read in two ways; write it more plainly", t.Name)
	case len(u.keys) == 0:
		return refuse(t, "REPLACE into %s of more than %d rows, each by each unique key, cannot be guarded; write several", t.Name, maxHits)
	case m != nil && !m.hasInitial && m.deletion < 0 && len(m.groups) > 0 && !u.free:
		return refuse(t, "REPLACE on %s would go around the transitions of its %s, as the policy says neither what may be deleted nor what may be inserted; write UPDATE", t.Name, m.column.Name)
	}
	r := &replacement{names: w.names, values: w.values, set: w.set, at: -1}
	u.replace = r
	for _, row := range w.rows {
		if len(row) == 0 {
			return refuse(t, "REPLACE of a row of defaults into %s cannot be guarded; name its columns", t.Name)
		}
		r.rows = append(r.rows, part{row[0].from, row[len(row)-1].to})
	}
	plan.Why = "the rows that it replaces are locked and held against their guards; the version goes on from theirs"
	if v == nil || v.Column.digest != nil {
		plan.Why = "the rows that it replaces are locked and held against their guards"
		return plan
	}
	ok := true
	if r.at, ok = w.place(v.Column.Name); !ok {
		return refuse(t, "%s of %s is set twice", v.Column.Name, t.Name)
	}
	r.raises = v.External == policy.ExternalNone
	if r.at >= 0 {
		for _, row := range w.rows {
			r.cells = append(r.cells, row[r.at])
			o, constant := p.operand(p.unwrap(row[r.at]), plan.params)
			u.version = append(u.version, newCell{kind: cellWritten, part: row[r.at], operand: o, constant: constant})
		}
		if slices.ContainsFunc(u.version, func(c newCell) bool { return !c.constant }) {
			u.version = nil
		}
		u.term = p.replacedTerm(plan, w)
	}
	if r.raises && w.names.empty() && !w.set && (r.at < 0 || u.rows == 0) {
		r.columns = w.columns
	}
	if !r.raises && u.version == nil {
		return refuse(t, "REPLACE on %s must give %s, the new version, a whole number (external version)", t.Name, v.Column.Name)
	}
	return plan
}

// sameReplace reads a REPLACE … SELECT a second time, with a parser of the whole grammar.
func (p *planner) sameReplace(plan *Plan) bool {
	s, ok := p.parsed(part{}).(*ast.InsertStmt)
	return ok && s.IsReplace && s.Select != nil && p.sameSource(plan, s.Table)
}

// replacedTerm finds the terms that the rows give beside their versions.
func (p *planner) replacedTerm(plan *Plan, w tuples) []newCell {
	term := plan.Table.Version.Term
	if term == nil {
		return nil
	}
	at, ok := w.place(term.Name)
	if !ok || at < 0 {
		return nil
	}
	var cells []newCell
	for _, row := range w.rows {
		o, constant := p.operand(p.unwrap(row[at]), plan.params)
		if !constant {
			return nil
		}
		cells = append(cells, newCell{kind: cellWritten, part: row[at], operand: o, constant: true})
	}
	return cells
}

// NextVersion gives the SQL of the version that follows those of the rows that a
// REPLACE meets, "" where it stays as the statement has it. full is the conflict of
// a version that cannot be raised.
func (p *Plan) NextVersion(b *Binding) (sql string, full *Conflict) {
	v, u := p.Table.Version, p.upsert
	if u.replace == nil || !u.replace.raises || b.met == nil || len(b.met.Hits) == 0 {
		return "", nil
	}
	w := writer{Plan: p, b: b}
	switch v.Bump {
	case policy.BumpUUID:
		w.bumped()
		return string(w.buf), nil
	case policy.BumpNow:
		return v.nextInstant(b.met.Hits), nil
	}
	var most Value
	var of *Hit
	for i := range b.met.Hits {
		h := &b.met.Hits[i]
		token, ok := p.Table.ParseToken(h.Token)
		is, whole := token.Version.integer()
		if token.Version.Kind == Null {
			is, whole = UintValue(0), true
		}
		if !ok || !whole {
			return "", p.full(h, token)
		}
		if of == nil || greater(is, most) {
			most, of = is, h
		}
	}
	next, ok := most.plus(1)
	if !ok || v.Max > 0 && !next.Neg && next.Abs > v.Max {
		return "", p.full(of, Token{Version: most})
	}
	return next.String(), nil
}

// plus adds to a whole number. ok is false where that is too large for one.
func (v Value) plus(by uint64) (sum Value, ok bool) {
	switch {
	case v.Neg && v.Abs > by:
		return Value{Kind: Integer, Neg: true, Abs: v.Abs - by}, true
	case v.Neg:
		return UintValue(by - v.Abs), true
	}
	return UintValue(v.Abs + by), v.Abs+by > v.Abs
}

// nextInstant writes the later of now and one tick after the latest of the hits.
func (v *Version) nextInstant(hits []Hit) string {
	now := "NOW(" + strconv.Itoa(v.Fsp) + ")"
	sql := now
	for _, h := range hits {
		form, null, _, ok := nextForm(h.Token)
		if !ok || null {
			continue
		}
		was := "CAST(" + string(TextValue(string(form)).appendLiteral(nil)) + " AS DATETIME(" + strconv.Itoa(v.Fsp) + "))"
		if v.Column.def != nil && v.Column.def.DataType == "timestamp" {
			was = "FROM_UNIXTIME(" + string(form) + ")"
		}
		sql = "GREATEST(" + sql + ", " + was + " + INTERVAL " + tick(v.Fsp) + ")"
	}
	return sql
}
