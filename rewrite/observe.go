package rewrite

import (
	"fmt"
	"slices"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// This file is about mode: observe. A statement on an observed table goes as it
// came. What would have become of it is planned beside: by the tables that are
// observed alone, as if they were enforced. Rows are known by a digest, because
// nobody raises a version while observing.

// mode gives the mode in which statements on the table are judged.
func (e Env) mode(t *Table) policy.Mode {
	if e.AccountMode {
		return e.Mode
	}
	return t.Settings.Mode
}

// Enforces reports whether statements that cannot be judged are refused in a
// session: not where tables are observed and none is enforced.
func (r *Rules) Enforces(env Env) bool {
	return r.has(env, policy.ModeEnforce) || !r.has(env, policy.ModeObserve)
}

// has reports whether a session has tables of a mode.
func (r *Rules) has(env Env, m policy.Mode) bool {
	if env.AccountMode {
		return env.Mode == m
	}
	for _, t := range r.tables {
		if t.Settings.Mode == m {
			return true
		}
	}
	return false
}

// observe adds to a plan what would become of the statement if the tables that
// are observed were enforced. A plan that guards or refuses stays as it is: of a
// statement on tables of both modes only what is enforced is judged.
func (p *planner) observe(plan *Plan) *Plan {
	if !p.rules.has(p.env, policy.ModeObserve) {
		return plan
	}
	if plan.Verdict == Refuse && plan.Table == nil && !p.rules.Enforces(p.env) {
		return &Plan{Verdict: Observe, DDL: true, Why: "nothing is enforced; else it would be refused", observed: plan}
	}
	if plan.Verdict != Pass || plan.capture != nil || plan.insert != nil || plan.initial != nil {
		return plan
	}
	o := (&planner{reader: p.reader, rules: p.rules, env: p.env, of: policy.ModeObserve}).plan()
	plan.DDL = plan.DDL || o.DDL
	if o.Verdict == Pass && (o.insert == nil || o.capture != nil) && o.initial == nil {
		return plan
	}
	ddl := plan.DDL || p.defines(p.stmt.from)
	why := "its table is observed; enforced, the verdict would be " + o.Verdict.String()
	if o.Verdict == Refuse {
		why += ": " + o.Reason
	}
	return &Plan{Verdict: Observe, Table: o.Table, DDL: ddl, Why: why, observed: o}
}

// Observed gives what would become of the statement if its tables were enforced,
// nil for one on no observed table.
func (p *Plan) Observed() *Plan { return p.observed }

// Label gives the verdict by which a statement is counted: Observe also for a
// SELECT that shows rows of observed tables alone.
func (p *Plan) Label() Verdict {
	if p.Verdict == Pass && p.capture != nil && p.capture.Observes() {
		return Observe
	}
	return p.Verdict
}

// observedTwin gives the table as it is while it is observed, nil where its rows
// cannot be told from one another on another connection: without a service
// account, and where the text of a key depends on the session.
func observedTwin(t *Table) *Table {
	if t.columns == nil || t.Version == nil || len(t.Key) == 0 {
		return nil
	}
	for _, k := range t.Key {
		if k.def == nil || k.def.DataType == "timestamp" {
			return nil
		}
	}
	twin := *t
	twin.watched = t
	if t.Version.Column.digest == nil {
		columns := slices.DeleteFunc(digestColumns(policy.Digest{All: true}, t), func(c *schema.Column) bool { return !c.Digestible() })
		if len(columns) == 0 {
			return nil
		}
		twin.Version = &Version{Column: Column{Name: "digest", Class: schema.Binary, digest: columns}, Bump: policy.BumpNone}
	}
	twin.ID = tableID(&twin)
	return &twin
}

// Twin gives the table as it is while it is observed: with a digest for a token
// and an ID of its own. It is nil where the table's rows cannot be observed.
func (t *Table) Twin() *Table { return t.twin }

// Observed reports whether t is a [Table.Twin].
func (t *Table) Observed() bool { return t.watched != nil }

// observedOrigin finds the key of an observed table in what the client selects
// itself, or in WHERE. Nothing is added to the statement. What would not be
// remembered of the table if it were enforced is not.
func (s *selection) observedOrigin(c *Capture, r *tableRef) (o Origin, ok bool) {
	t := r.table
	r.table = t.watched
	_, ok = s.origin(&Capture{list: c.list}, r)
	if r.table = t; !ok {
		return o, false
	}
	o = Origin{Table: t, Alias: r.source.name, alias: []byte(r.source.name), schema: []byte(t.Name.Schema), table: []byte(t.Name.Name)}
	other, _ := s.shares(r)
	as, visible := *r, *t
	visible.Settings.Capture = policy.CaptureVisible
	as.table = &visible
	for i := range t.Key {
		f, shown := s.shown(&as, &t.Key[i], other)
		if !shown {
			o.Fields = nil
			o.named, ok = s.namedKey(r, other)
			return o, ok
		}
		o.Fields = append(o.Fields, f)
	}
	return o, true
}

// namedKey finds the constants with which WHERE compares the whole key of a table.
func (s *selection) namedKey(r *tableRef, other bool) ([]Operand, bool) {
	where := s.find(part{s.columns.to, s.end}, "WHERE")
	if where == s.end {
		return nil, false
	}
	conjuncts, ok := s.conjuncts(part{where + 1, s.find(part{where + 1, s.end}, "ORDER")}, nil)
	if !ok {
		return nil, false
	}
	params, named, found := s.parameters(), make([]Operand, len(r.table.Key)), make([]bool, len(r.table.Key))
	for _, c := range conjuncts {
		ref, operand, ok := s.equality(c, params)
		if !ok {
			continue
		}
		switch {
		case ref.schema != "" && !s.sameTable(ref.schema, r.source.table.Schema):
			continue
		case ref.table == "" && len(s.refs) > 1, ref.table != "" && (other && ref.schema == "" || !s.sameTable(ref.table, r.source.name)):
			continue
		}
		if k := r.table.keyIndex(ref.column); k >= 0 && !found[k] {
			named[k], found[k] = operand, true
		}
	}
	return named, !slices.Contains(found, false)
}

// NamedKey gives the key of the row of origin k that WHERE names, where the
// answer shows an observed table without its key. t and params are those of the
// execution, utf8 is whether its character set is UTF-8. ok is false where the
// origin has none, or its constants are not understood.
func (p *Plan) NamedKey(k int, t *sqltext.Text, params []Value, utf8 bool) (key []Value, ok bool) {
	o := &p.capture.Origins[k]
	if len(o.named) == 0 {
		return nil, false
	}
	for i, operand := range o.named {
		v := p.value(t, operand, params)
		if !keyFits(o.Table.Key[i], v) || !portable(v, utf8) {
			return nil, false
		}
		key = append(key, v)
	}
	return key, true
}

// Named reports whether the rows of the origin are named by WHERE alone.
func (o *Origin) Named() bool { return len(o.named) > 0 }

// Names reports whether the rows of one of the origins are.
func (c *Capture) Names() bool {
	for i := range c.Origins {
		if c.Origins[i].Named() {
			return true
		}
	}
	return false
}

// Observes reports whether all of the tables whose rows are shown are observed.
func (c *Capture) Observes() bool {
	for i := range c.Origins {
		if !c.Origins[i].Table.Observed() {
			return false
		}
	}
	return true
}

// portable reports whether a constant of the client's means the same on another
// connection.
func portable(v Value, utf8 bool) bool {
	switch v.Kind {
	case Null, Integer, Decimal, Bytes:
		return true
	case Text:
		return utf8 || ascii(v.Text)
	}
	return false
}

// SelectTokens gives a SELECT of key and token, in canonical form, of the rows of
// an observed table with these keys, which are in the form of a read set.
func (t *Table) SelectTokens(keys [][]byte) (sql []byte, ok bool) {
	values, ok := t.keyValues(keys)
	if !ok {
		return nil, false
	}
	return t.SelectRows(values)
}

// SelectRows is SelectTokens for keys that are given by their values.
func (t *Table) SelectRows(keys [][]Value) (sql []byte, ok bool) {
	w := writer{Plan: &Plan{Table: t}, as: t.qualified()}
	w.forms()
	w.lit(w.as)
	w.lit(" WHERE ")
	return w.buf, w.keys(keys)
}

// keys writes a condition that picks the rows with these keys.
func (w *writer) keys(keys [][]Value) bool {
	if len(w.Table.Key) == 1 {
		w.column(w.Table.Key[0].Name)
		w.lit(" IN (")
	}
	for n, key := range keys {
		switch {
		case n == 0:
		case len(w.Table.Key) == 1:
			w.lit(", ")
		default:
			w.lit(" OR ")
		}
		for i, v := range key {
			if v.Kind == Opaque || v.Kind == NoValue {
				return false
			}
			if len(key) > 1 {
				if i > 0 {
					w.lit(" AND ")
				}
				w.column(w.Table.Key[i].Name)
				w.lit(" = ")
			}
			w.buf = v.appendLiteral(w.buf)
		}
	}
	if len(w.Table.Key) == 1 {
		w.lit(")")
	}
	return len(keys) > 0
}

// Beside gives a SELECT of the row that an execution names, to be run on another
// connection than the client's: key and digest in canonical form, and where the
// statement itself says what the version must be, the version as messages show
// it and whether it is so, '1' or '0'. b is what the plan, of an enforced write,
// was bound to; utf8 is whether the client's character set is UTF-8. ok is false
// where the proxy cannot say it on another connection.
func (p *Plan) Beside(b *Binding, utf8 bool) (sql []byte, ok bool) {
	twin := p.Table.twin
	if twin == nil {
		return nil, false
	}
	for _, v := range b.Key {
		if !portable(v, utf8) {
			return nil, false
		}
	}
	from := []byte(" FROM ")
	w := writer{Plan: &Plan{Table: twin}, as: twin.qualified()}
	w.forms()
	w.buf = w.buf[:len(w.buf)-len(from)]
	if p.demands(b) && !w.demanded(p, b, utf8) {
		return nil, false
	}
	w.buf = append(w.buf, from...)
	w.lit(w.as)
	w.lit(" WHERE ")
	return w.buf, w.keys([][]Value{b.Key})
}

// demands reports whether the statement itself says what the version must be.
func (p *Plan) demands(b *Binding) bool {
	v := p.Table.Version
	return b.Source == FromHint || b.Source == FromWhere || b.Source == FromSet ||
		p.Verb == Update && v != nil && v.External != policy.ExternalNone
}

// demanded writes the version and whether it is what the statement says.
func (w *writer) demanded(p *Plan, b *Binding, utf8 bool) bool {
	v := p.Table.Version
	columns, values := []*Column{&v.Column}, []Value{b.Expected.Version}
	if v.Term != nil {
		columns, values = append(columns, v.Term), append(values, b.Expected.Term)
	}
	for _, c := range columns {
		w.lit(", ")
		w.shown(*c)
	}
	w.lit(", CAST(CASE WHEN TRUE")
	for i, c := range columns {
		given := values[i]
		if b.Source == NoExpectation || b.Source == FromRead || given.Kind == NoValue {
			continue
		}
		if !portable(given, utf8) || c.def != nil && c.def.DataType == "timestamp" {
			return false
		}
		w.lit(" AND ")
		if c.digest != nil {
			w.form(c)
		} else {
			w.column(c.Name)
		}
		if given.Kind == Null && b.Source != FromWhere {
			w.lit(" IS NULL")
			continue
		}
		w.lit(" = ")
		w.buf = given.appendLiteral(w.buf)
	}
	if p.Verb == Update && v.External != policy.ExternalNone {
		op := " < "
		if v.External == policy.ExternalGE {
			op = " <= "
		}
		w.lit(" AND (")
		w.column(v.Column.Name)
		w.lit(op)
		w.buf = b.External.appendLiteral(w.buf)
		w.lit(" OR ")
		w.column(v.Column.Name)
		w.lit(" IS NULL)")
	}
	w.lit(" THEN '1' ELSE '0' END AS BINARY)")
	return true
}

// Sight is what [Plan.Beside] has found of a row.
type Sight struct {
	Found      bool
	Key, Token []byte // in the form of a read set, of the table's twin
	Version    Token  // where the statement itself says what it must be
	Fits       bool   // and whether it is so
}

// Sight reads the answer to [Plan.Beside]. ok is false where it is none.
func (p *Plan) Sight(b *Binding, rows []Row) (s Sight, ok bool) {
	if len(rows) == 0 {
		return s, true
	}
	row, n := rows[0], len(p.Table.Key)+1
	if len(rows) > 1 || len(row) < n {
		return s, false
	}
	if s.Key, s.Token, ok = p.Table.twin.RowForms(row[:n], nil, nil); !ok {
		return s, false
	}
	s.Found = true
	if rest := row[n:]; p.demands(b) {
		if len(rest) < 2 {
			return s, false
		}
		s.Version.Version = shownValue(rest[0])
		if p.Table.Version.Term != nil && len(rest) > 2 {
			s.Version.Term = shownValue(rest[1])
		}
		s.Fits = string(rest[len(rest)-1]) == "1"
	}
	return s, true
}

// NeedsSight reports whether the row of an execution has to be looked at for
// more than what the scope has read of it.
func (p *Plan) NeedsSight(b *Binding) bool {
	return p.demands(b) || p.Table.Settings.Missing == policy.MissingConflict
}

// Foresee says what conflict an observed write would have been, nil for none.
// read is the token that the scope has read of the row, nil where that does not
// count; matched is whether the write met a row as it came.
func (p *Plan) Foresee(b *Binding, s Sight, read []byte, matched bool) *Conflict {
	expects := read != nil && !b.Soft || p.demands(b) && p.expects(b)
	if !s.Found {
		if matched || !expects && p.Table.Settings.Missing != policy.MissingConflict {
			return nil
		}
		return p.foreseen(b, read, "no row")
	}
	switch {
	case p.demands(b):
		// A write whose WHERE names the version meets no row where it does not fit.
		meets := matched
		if b.Source == FromWhere {
			meets = !matched && p.expects(b)
		}
		if s.Fits || !meets {
			return nil
		}
		return p.foreseen(b, nil, p.Table.Version.text(s.Version))
	case read == nil || b.Soft || !matched || string(read) == string(s.Token):
		return nil
	}
	return p.foreseen(b, read, p.Table.twin.TokenText(s.Token))
}

func (p *Plan) foreseen(b *Binding, read []byte, found string) *Conflict {
	c := &Conflict{Kind: VersionConflict, Table: p.Table, Key: p.KeyText(b), Expected: p.expected(b), Found: found, Reason: "observed"}
	if read != nil {
		c.Expected = p.Table.twin.TokenText(read)
	}
	shown := found
	if !p.Table.Settings.Disclose && found != "no row" {
		c.Found, shown = "", "another"
	}
	c.Message = fmt.Sprintf("ifmatch: version conflict on %s %s: expected %s, found %s", p.Table.Name, c.Key, c.Expected, shown)
	return c
}

// Moves reports whether an execution changes the key. to is the new key, nil
// where an expression has made it.
func (p *Plan) Moves(t *sqltext.Text, params []Value, b *Binding) (moves bool, to []Value) {
	if len(p.moves) == 0 {
		return false, nil
	}
	return true, p.movedKey(t, params, b)
}
