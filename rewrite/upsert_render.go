package rewrite

import (
	"strconv"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// AppendUpsert appends what is sent for one execution of an upsert. args are the
// parameters of what came as a prepared statement.
func (p *Plan) AppendUpsert(dst []byte, t *sqltext.Text, b *Binding) (sql []byte, args []Arg) {
	w := writer{Plan: p, sql: t.SQL, toks: tokens(t), b: b, buf: dst, target: b.target}
	w.upserted()
	repeated(w.args, p.Params())
	return w.buf, w.args
}

// upserted writes the upsert.
func (w *writer) upserted() {
	if w.Verb == Replace {
		w.replaced()
		return
	}
	at := w.toks[w.set.from-1].End
	w.bytes(0, at)
	w.count(part{0, w.set.from})
	w.lit(" ")
	guard := w.upsertGuard()
	v, u := w.Table.Version, w.upsert
	bumps := v != nil && v.Bump != policy.BumpNone
	carried := bumps && !u.early && guard != ""
	switch {
	case guard == "":
	case carried:
		w.column(v.Column.Name)
		w.lit(" = IF(")
		w.lit(guard)
		w.lit(", ")
		w.newVersion()
		w.lit(", ")
		w.raise(&v.Column)
		w.lit("), ")
	default:
		k := &w.Table.Key[0]
		w.column(k.Name)
		w.lit(" = IF(" + guard + ", ")
		w.column(k.Name)
		w.lit(", ")
		w.raise(k)
		w.lit("), ")
	}
	if w.setsColumns(w.target) {
		w.apart((*writer).settings)
	}
	sep := ""
	for n, item := range u.items {
		gone := n == u.own && carried || w.change != nil && w.setsColumns(w.target) && w.givesWay(item.column)
		if gone {
			continue
		}
		w.lit(sep)
		sep = ", "
		if n == u.own && bumps {
			w.column(v.Column.Name)
			w.lit(" = ")
			w.newVersion()
			continue
		}
		w.bytes(w.toks[item.whole.from].Start, w.toks[item.whole.to-1].End)
		w.count(item.whole)
	}
	if bumps && !carried && u.own < 0 {
		w.lit(sep)
		sep = ", "
		w.column(v.Column.Name)
		w.lit(" = ")
		w.newVersion()
	}
	if sep == "" {
		w.buf = w.buf[:len(w.buf)-len(", ")] // all gave way to what stands before
	}
	at = w.toks[w.set.to-1].End
	w.gap(at)
	w.bytes(at, int32(len(w.sql)))
}

// newVersion writes the version of a row that was there: the next one, or what the
// writer brings.
func (w *writer) newVersion() {
	v, u := w.Table.Version, w.upsert
	switch {
	case v.External != policy.ExternalNone:
		w.tokens(u.items[u.own].value)
	case v.Bump == policy.BumpUUID && v.Column.Class != schema.Binary && (v.Length == 0 || v.Length >= 36):
		w.lit("CONCAT(UUID())")
	default:
		w.bumped()
	}
}

// raise writes an expression that raises an error, of the kind of the column. It
// depends on the row, so that no server works it out before there is one.
func (w *writer) raise(c *Column) {
	text := false
	switch c.Class {
	case schema.Integer, schema.Decimal, schema.Float, schema.Year, schema.Bit, schema.Unknown:
	default:
		text = true
	}
	if text {
		w.lit("CONCAT(")
	}
	w.lit(RaiseConstant + " + (")
	w.column(w.Table.Key[0].Name)
	w.lit(" IS NOT NULL)")
	if text {
		w.lit(")")
	}
}

// upsertGuard gives what must hold of a row that is there, "" where that is
// nothing. It has no parameters but those of the status, which come first.
func (w *writer) upsertGuard() string {
	own := *w
	own.buf = nil
	g := &own
	and := func() {
		if len(g.buf) > 0 {
			g.lit(" AND ")
		}
	}
	v, u := w.Table.Version, w.upsert
	met := w.met()
	switch {
	case u.free:
		return ""
	case met != nil:
		g.lit("(")
		g.among(met)
		g.lit(")")
	case w.closes():
		g.lit("FALSE")
	}
	if v != nil && u.version != nil && (w.b == nil || w.b.Source != FromHint) {
		and()
		g.saidByItem()
	}
	if v != nil && v.Max > 0 && v.Bump == policy.BumpIncrement && v.External == policy.ExternalNone {
		and()
		g.lit("COALESCE(")
		g.column(v.Column.Name)
		g.lit(", 0) < " + strconv.FormatUint(v.Max, 10))
	}
	if len(w.Table.require) > 0 || w.target.kind != targetNone {
		if len(g.buf) == 0 {
			g.lit("TRUE")
		}
		g.states()
		if string(g.buf) == "TRUE" {
			g.buf = nil
		}
	}
	w.args = g.args
	return string(g.buf)
}

// saidByItem is saidOf with the client's own assignments: for several rows, each
// has its own there.
func (w *writer) saidByItem() {
	u, v := w.upsert, w.Table.Version
	w.saidOf(len(u.term), u.items[u.own].value)
	if v.Term == nil || u.term == nil || v.External != policy.ExternalNone {
		return
	}
	for _, item := range u.items {
		if sameName(item.column, v.Term.Name) {
			w.lit(" AND ")
			w.column(v.Term.Name)
			w.lit(" <=> (")
			w.tokens(item.value)
			w.lit(")")
		}
	}
}

// met gives the rows that were locked for the execution, nil where none were.
func (w *writer) met() *Met {
	if w.b == nil {
		return nil
	}
	return w.b.met
}

// closes reports whether no row may be met that was not locked.
func (w *writer) closes() bool {
	if w.b != nil {
		return w.b.closed
	}
	return w.Closes()
}

// Closes is [Binding.Closed] for what is prepared before there is a binding.
func (p *Plan) Closes() bool {
	v, s := p.Table.Version, &p.Table.Settings
	relative := p.relative && s.Relative == policy.RelativePass && p.Verb == Upsert
	return v != nil && !p.upsert.free && p.upsert.version == nil && v.External == policy.ExternalNone && !relative && s.Unread == policy.UnreadRefuse
}

// among writes whether a row is one that may be met.
func (w *writer) among(m *Met) {
	keys := make([][]byte, len(m.Hits))
	for i := range m.Hits {
		keys[i] = m.Hits[i].Key
	}
	w.isOne(keys)
	if m.Else {
		w.lit(" OR NOT ")
		w.isOne(m.Not)
	}
}

// isOne writes whether a row has one of the keys, which are in the form of a read set.
func (w *writer) isOne(keys [][]byte) {
	if len(keys) == 0 {
		w.lit("FALSE")
		return
	}
	key := w.Table.Key
	open, shut := "(", ")"
	if len(key) == 1 {
		open, shut = "", ""
	}
	w.lit(open)
	for i := range key {
		if i > 0 {
			w.lit(", ")
		}
		w.form(&key[i])
	}
	w.lit(shut)
	w.lit(" IN (")
	for n, form := range keys {
		if n > 0 {
			w.lit(", ")
		}
		w.lit(open)
		for i := range key {
			v, null, rest, _ := nextForm(form)
			form = rest
			if i > 0 {
				w.lit(", ")
			}
			w.buf = key[i].appendFormLiteral(w.buf, v, null)
		}
		w.lit(shut)
	}
	w.lit(")")
}

// replaced writes a REPLACE, with the version that follows those of the rows that
// it meets.
func (w *writer) replaced() {
	r := w.upsert.replace
	version := ""
	if w.b != nil {
		version, _ = w.NextVersion(w.b)
	}
	at, tok := int32(0), 0
	upTo := func(to int, end int32) {
		w.bytes(at, end)
		w.count(part{tok, to})
		at, tok = end, to
	}
	if version != "" {
		v := w.Table.Version
		name := string(quoteName(nil, v.Column.Name))
		switch {
		case r.columns != nil:
			upTo(r.values, w.toks[r.values-1].End)
			w.lit(" (")
			for i, c := range r.columns {
				if i > 0 {
					w.lit(", ")
				}
				w.buf = quoteName(w.buf, c)
			}
			if r.at < 0 {
				w.lit(", " + name)
			}
			w.lit(")")
			w.gap(at)
		case r.at < 0 && !r.set:
			upTo(r.names.to, w.toks[r.names.to-1].End)
			w.lit(", " + name)
		}
		if w.upsert.rows == 0 {
			upTo(r.values, w.toks[r.values-1].End)
			w.lit(" ")
			w.replacedSelect(version)
			w.bytes(w.toks[w.upsert.source.to-1].End, int32(len(w.sql)))
			return
		}
		for i, row := range r.rows {
			switch {
			case r.at >= 0:
				cell := r.cells[i]
				upTo(cell.from, w.toks[cell.from].Start)
				w.lit(version)
				at, tok = w.toks[cell.to-1].End, cell.to
			case r.set:
				upTo(row.to, w.toks[row.to-1].End)
				w.lit(", " + name + " = " + version)
			default:
				upTo(row.to, w.toks[row.to-1].End)
				w.lit(", " + version)
			}
			w.gap(at)
		}
	}
	upTo(len(w.toks), int32(len(w.sql)))
}

// replacedSelect writes the client's SELECT with the version beside, or in the place of,
// what it gives.
func (w *writer) replacedSelect(version string) {
	w.selected()
	w.lit("SELECT ")
	at := w.upsert.replace.at
	for i := range w.upsert.given {
		if i > 0 {
			w.lit(", ")
		}
		if i == at {
			w.lit(version)
			continue
		}
		w.selectedColumn(i)
	}
	if at < 0 {
		w.lit(", " + version)
	}
	w.lit(" FROM " + selectedName)
}
