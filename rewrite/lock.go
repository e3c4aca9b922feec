package rewrite

import (
	"bytes"
	"cmp"
	"fmt"
	"time"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// This file writes the two statements of lock-and-check: the SELECT that locks
// the rows that a write picks, and the write confined to them.

// Locking says how a server locks what a write reads.
type Locking struct {
	Share  string // behind a sub-select
	Of     bool   // FOR UPDATE can say of which tables
	Shared bool   // the tables are locked for writing already: what else would be written to cannot be
}

// LockingMySQL and LockingMaria are the ways of the two servers. They wait as
// long as the session's own statements would.
var (
	LockingMySQL = Locking{Share: " FOR SHARE", Of: true}
	LockingMaria = Locking{Share: " LOCK IN SHARE MODE"}
)

// Lock builds the SELECT that locks the rows that a write picks. bs are the
// bindings of [Plan.Writes], in their order. The answer has for each of these the
// columns that [Plan.Locked] reads, one part behind the other, and at the end
// sql_safe_updates. For a prepared statement it is one too, with the client's
// parameters.
func (p *Plan) Lock(t *sqltext.Text, bs []Binding, lock Locking) Probe {
	w := writer{sql: t.SQL, toks: tokens(t), lock: Lock(lock.Share)}
	w.lit("SELECT ")
	for i, one := range p.several.writes {
		if i > 0 {
			w.lit(", ")
		}
		w.Plan, w.b, w.target = one, &bs[i], bs[i].target
		w.formColumns()
		w.lit(", ")
		w.judged(nil, false)
	}
	w.Plan = p
	s := p.several
	w.lit(", " + SafeUpdates + " FROM ")
	w.locked(s.refs)
	switch {
	case len(p.ownParts) > 0:
		for i, c := range p.rest {
			if i == 0 {
				w.lit(" WHERE (")
			} else {
				w.lit(" AND (")
			}
			w.locked(c)
			w.lit(")")
		}
	case !p.where.empty():
		w.lit(" WHERE ")
		w.locked(p.where)
	}
	if !s.after.empty() {
		w.lit(" ")
		w.locked(s.after)
	}
	if !s.limit {
		w.lit(unlimited)
	}
	if lock.Shared {
		w.lit(lock.Share)
		return Probe{SQL: w.buf, Args: w.args}
	}
	w.lit(" FOR UPDATE")
	if lock.Of && len(s.reads) > 0 {
		for i, one := range s.writes {
			w.lit([...]string{" OF ", ", "}[min(i, 1)])
			w.lit(one.qualifier)
		}
		for i, name := range s.reads {
			w.lit([...]string{" FOR SHARE OF ", ", "}[min(i, 1)])
			w.lit(name)
		}
	}
	return Probe{SQL: w.buf, Args: w.args}
}

// SafeUpdates is the variable under which a server refuses writes of several rows
// whose own condition uses no key.
const SafeUpdates = "@@sql_safe_updates"

// Locked is a row that a write picks.
type Locked struct {
	Key, Token []byte // in the form of a read set
	row        Row    // as Judge reads it
}

// Locked takes the columns of the plan's own table off the front of a row of
// [Plan.Lock]. ok is false where the row has too few; there is no row of the table
// in it, as in what an outer join adds, where there is false. Key and Token are
// appended to what l has of them.
func (p *Plan) Locked(b *Binding, row Row, l *Locked) (rest Row, there, ok bool) {
	t := p.Table
	forms := len(t.Key) + t.tokenColumns()
	n := forms + p.columns() + p.reasonColumns(b)
	if len(row) < n {
		return nil, false, false
	}
	for _, v := range row[:len(t.Key)] {
		there = there || v != nil
	}
	l.Key, l.Token, _ = t.RowForms(row[:forms], l.Key[:0], l.Token[:0])
	l.row = row[forms:n]
	return row[n:], there, true
}

// tokenColumns gives the number of columns that a token has.
func (t *Table) tokenColumns() int {
	switch {
	case t.Version == nil:
		return 0
	case t.Version.Term != nil:
		return 2
	}
	return 1
}

// LockedKey shows the key of a row.
func (p *Plan) LockedKey(l *Locked) string { return p.rowKey(l.row) }

// JudgeLocked says whether what the statement itself and the policy ask of a row
// that is locked holds. nil is that it does.
func (p *Plan) JudgeLocked(b *Binding, l *Locked) *Conflict {
	outcome, c := p.Judge(b, []Row{l.row})
	if outcome == HoldsNow || outcome == OwnCondition {
		return nil
	}
	return c
}

// Stale is the conflict of a locked row that was read at another token.
func (p *Plan) Stale(b *Binding, l *Locked, read []byte) *Conflict {
	token, ok := p.Table.ParseToken(read)
	if !ok {
		return nil
	}
	held := *b
	held.Expect(token)
	return p.versionConflict(&held, l.row)
}

// OutlivedLocked is the conflict of a locked row that was read too long ago.
func (p *Plan) OutlivedLocked(l *Locked, age time.Duration) *Conflict {
	b := Binding{Key: p.Table.parsedKey(l.Key)}
	return &Conflict{Kind: UnreadConflict, Table: p.Table, Key: p.rowKey(l.row), Reason: "binding", Message: p.Outlived(&b, age).Text}
}

// UnreadLocked says what becomes of a locked row for which nothing is expected.
func (p *Plan) UnreadLocked(b *Binding, l *Locked) *Conflict {
	r := p.BindUnread(b)
	if r == nil {
		return nil
	}
	key := p.rowKey(l.row)
	return &Conflict{Kind: UnreadConflict, Table: p.Table, Key: key, Reason: "binding",
		Message: fmt.Sprintf("ifmatch: unread row on %s %s: %s", p.Table.Name, key, p.unreadAdvice())}
}

// GoneRow is the conflict of a row that is expected and not there. key is in the
// form of a read set, read the token that was read, nil where the statement says
// itself what it expects.
func (p *Plan) GoneRow(b *Binding, key, read []byte) *Conflict {
	held := *b
	held.Key = p.Table.parsedKey(key)
	if read != nil {
		token, ok := p.Table.ParseToken(read)
		if !ok {
			return nil
		}
		held.Expect(token)
	}
	return p.gone(&held)
}

// parsedKey gives the values of a key in the form of a read set.
func (t *Table) parsedKey(form []byte) []Value {
	key := make([]Value, 0, len(t.Key))
	for i := range t.Key {
		v, null, rest, ok := nextForm(form)
		if !ok {
			break
		}
		key, form = append(key, t.Key[i].value(v, null)), rest
	}
	return key
}

// CompareKeys orders keys in the form of a read set: whole numbers by value, all
// else by bytes.
func (t *Table) CompareKeys(a, b []byte) int {
	x, y := t.parsedKey(a), t.parsedKey(b)
	for i := range min(len(x), len(y)) {
		if m, n := x[i], y[i]; m.Kind == Integer && n.Kind == Integer {
			switch {
			case greater(m, n):
				return 1
			case greater(n, m):
				return -1
			}
			continue
		}
		if c := cmp.Compare(x[i].Text, y[i].Text); c != 0 {
			return c
		}
	}
	return bytes.Compare(a, b)
}

// Confinement says to which rows of a table a write is confined, by keys in the
// form of a read set.
type Confinement struct {
	Keys    [][]byte
	Except  bool // to all but these; the guard is then asked of each row as well
	Outer   bool // a row of an outer join without one of this table is left alone
	Unkeyed bool // so that the server can use no key for it
}

// Confined gives the write as it is sent when its rows are locked and held against
// all that is expected. only has a confinement for each of [Plan.Writes].
func (p *Plan) Confined(dst []byte, t *sqltext.Text, bs []Binding, only []Confinement) (sql []byte, args []Arg) {
	w := writer{Plan: p, sql: t.SQL, toks: tokens(t), b: &bs[0], buf: dst, target: bs[0].target, bs: bs, only: only}
	w.statement()
	return w.buf, w.args
}

// confinement writes what keeps the write to the rows that are locked.
func (w *writer) confinement() {
	for i, one := range w.several.writes {
		c := w.only[i]
		if len(c.Keys) > 0 || !c.Except {
			w.lit(" AND ")
			own := writer{Plan: one, buf: w.buf}
			own.onlyOf(&c)
			w.buf = own.buf
		}
		if c.Except {
			w.part(one, (*writer).raising) // of rows that have come in between
		}
	}
}

// onlyOf writes whether the row is one of those of c.
func (w *writer) onlyOf(c *Confinement) {
	switch {
	case c.Except:
		w.lit("NOT (")
	case c.Unkeyed:
		w.lit("(CASE WHEN ")
	default:
		w.lit("(")
	}
	if c.Outer {
		w.form(&w.Table.Key[0])
		w.lit(" IS NULL OR ")
	}
	if len(c.Keys) == 0 {
		// Never so. The server does not know before it has a row: of a condition that is
		// FALSE MariaDB's answer has no text, and sql_safe_updates minds none.
		w.lit("LENGTH(")
		w.column(w.Table.Key[0].Name)
		w.lit(") < 0")
	} else {
		w.isOne(c.Keys)
	}
	if c.Unkeyed && !c.Except {
		w.lit(" THEN TRUE ELSE FALSE END")
	}
	w.lit(")")
}

// appendFormLiteral writes a canonical form as a constant that the column's form
// is compared with.
func (c *Column) appendFormLiteral(dst, form []byte, null bool) []byte {
	v := c.value(form, null)
	if !null && !c.plain() {
		v = BytesValue(string(form))
	}
	return v.appendLiteral(dst)
}

// formColumns writes the canonical forms of key and token.
func (w *writer) formColumns() {
	for i := range w.Table.Key {
		if i > 0 {
			w.lit(", ")
		}
		w.form(&w.Table.Key[i])
	}
	if v := w.Table.Version; v != nil {
		w.lit(", ")
		w.form(&v.Column)
		if v.Term != nil {
			w.lit(", ")
			w.form(v.Term)
		}
	}
}

// Reread is a SELECT of key and token of rows, by their keys in the form of a read
// set, each column in its canonical form.
func (p *Plan) Reread(keys [][]byte) []byte {
	t := p.Table
	w := writer{Plan: p, as: t.qualified()}
	w.lit("SELECT ")
	w.formColumns()
	w.lit(" FROM ")
	w.lit(w.as)
	w.lit(" WHERE ")
	for n, form := range keys {
		if n > 0 {
			w.lit(" OR ")
		}
		for i := range t.Key {
			c := &t.Key[i]
			v, null, rest, _ := nextForm(form)
			form = rest
			if i > 0 {
				w.lit(" AND ")
			}
			if value := c.value(v, null); !null && c.names() {
				w.column(c.Name) // an index finds it
				w.lit(" = ")
				w.buf = value.appendLiteral(w.buf)
				continue
			}
			w.form(c)
			w.lit(" <=> ")
			w.buf = c.appendFormLiteral(w.buf, v, null)
		}
	}
	w.lit(unlimited)
	return w.buf
}

// names reports whether the canonical form of the column is a constant that names
// its value, or one equal to it.
func (c *Column) names() bool {
	switch c.Class {
	case schema.Integer, schema.Decimal, schema.Year, schema.Binary, schema.String, schema.Enum, schema.Unknown:
		return true
	}
	return false
}

// raising writes the guard so that the statement fails at a row for which it does
// not hold. The number is too great for its type where the row has a key, which
// it has; it depends on the row, so that no optimizer works it out before.
func (w *writer) raising() {
	at, args := len(w.buf), len(w.args)
	if w.Table.Settings.Partial == policy.PartialProceed {
		if !w.several.joined() {
			w.guard()
			return
		}
		// What an outer join adds has no row of the table that could fail.
		w.lit(" AND (")
		w.column(w.Table.Key[0].Name)
		w.lit(" IS NULL OR TRUE")
		from := len(w.buf)
		if w.guard(); len(w.buf) == from {
			w.buf, w.args = w.buf[:at], w.args[:args]
			return
		}
		w.lit(")")
		return
	}
	w.lit(" AND IF(TRUE")
	from := len(w.buf)
	w.guard()
	if len(w.buf) == from {
		w.buf, w.args = w.buf[:at], w.args[:args]
		return
	}
	w.lit(", 1, ")
	w.lit(RaiseConstant)
	w.lit(" + (")
	w.column(w.Table.Key[0].Name)
	w.lit(" IS NOT NULL))")
}
