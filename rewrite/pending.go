package rewrite

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// This file is about rows that are taken: whose status is the one that the policy
// names under `pending`. Only who has taken such a row may write it.

// pending is how rows of a table are taken.
type pending struct {
	value stateValue
	lease time.Duration
	keep  bool
}

// compilePending makes a state of the value by which rows are taken. Where no
// transition names it and the policy allows such states, it becomes one of its own,
// so that what is almost that state is refused.
func (t *Table) compilePending(pp *policy.Pending) {
	m := t.status
	if pp == nil || m == nil {
		return
	}
	s, ok := m.column.stateOf(pp.Value)
	if !ok {
		return // schema.Check says so
	}
	t.pending = &pending{value: s, lease: pp.Lease, keep: pp.OnAbandon == policy.OnAbandonKeep}
	if m.find(s.numeric, s.text) < 0 && m.otherwise == policy.OtherwiseAllow {
		m.groups = append(m.groups, group{states: []stateValue{s}, by: []int{len(m.transitions)}})
		m.transitions = append(m.transitions, transition{})
	}
}

// Pending reports whether rows of the table can be taken.
func (t *Table) Pending() bool { return t.pending != nil }

// Lease gives how long a taking outlives its taker's last sign of life.
func (t *Table) Lease() time.Duration { return t.pending.lease }

// KeepsAbandoned reports whether a row whose taker is gone stays as it is.
func (t *Table) KeepsAbandoned() bool { return t.pending.keep }

// Status gives the name of the status column.
func (t *Table) Status() string { return t.status.column.Name }

// PendingText gives the status of a row that is taken, as text.
func (t *Table) PendingText() string { return t.pending.value.text }

// is reports whether a known state is the one by which rows are taken.
func (pd *pending) is(m *machine, v Value, utf8 bool) bool { return m.column.is(pd.value, v, utf8) }

// bindPending finds out whether an execution takes its row.
func (p *Plan) bindPending(t *sqltext.Text, params []Value, b *Binding) *Refusal {
	pd, m, c := p.Table.pending, p.Table.status, p.change
	if pd == nil || c == nil {
		return nil
	}
	to := b.target
	if to.kind == targetByRow && c.constant && c.left == nil {
		v := p.value(t, c.operand, params)
		if to = m.decide(v, c.utf8); to.kind == targetGroup {
			to.value = v
		}
	}
	switch to.kind {
	case targetGroup:
		b.takes = pd.is(m, to.value, true)
	case targetByRow:
		return refusal("the new %s of %s cannot be known before it is written, and it might take the row; give it as a constant", m.column.Name, p.Table.Name)
	}
	if b.takes && len(p.moves) > 0 {
		return refusal("this UPDATE of %s takes a row and changes its key; do one after the other", p.Table.Name)
	}
	return nil
}

// Takes reports whether the execution takes its row.
func (b *Binding) Takes() bool { return b.takes }

// Hold says that the execution is of who has taken the row.
func (b *Binding) Hold() { b.held = true }

// EndsTaking reports whether an execution of who has taken the row gives it back,
// or deletes it.
func (p *Plan) EndsTaking() bool { return p.Verb == Delete || p.change != nil }

// Renames reports whether the statement assigns to the key.
func (p *Plan) Renames() bool { return len(p.moves) > 0 }

// pendingGuard appends what must hold of a row because rows can be taken: it is not
// taken, or it is by the writer.
func (w *writer) pendingGuard() {
	if w.Table.pending == nil {
		return
	}
	w.lit(" AND ")
	switch {
	case w.prepared():
		w.lit("(")
		w.isTaken()
		w.lit(") = ")
		w.mark(ArgHeld)
	case w.b.held:
		w.isTaken()
	default:
		w.lit("NOT (")
		w.isTaken()
		w.lit(")")
	}
}

// isTaken writes whether the row is taken. It is never NULL.
func (w *writer) isTaken() {
	pd, c := w.Table.pending, &w.Table.status.column
	if pd.value.numeric {
		w.column(c.Name)
		w.lit(" <=> " + pd.value.text)
		return
	}
	w.buf = c.appendText(w.buf, w.name())
	w.lit(" <=> ")
	w.buf = appendBytes(w.buf, pd.value.text)
}

// Codes of a reason that are about a row that is taken: it is, or it is not and
// the writer thought so.
const (
	codeTaken = 'p'
	codeLost  = 'l'
)

func isTakenCode(code []byte) bool {
	return len(code) > 0 && (code[0] == codeTaken || code[0] == codeLost)
}

// pendingReason writes the code of a row that is taken, or that is not by the writer
// any longer, and behind it that of code.
func (w *writer) pendingReason(code func()) {
	if w.Table.pending == nil || w.b == nil {
		code() // of an observed table nobody knows who has taken a row
		return
	}
	w.lit("CONCAT(IF(")
	if w.b.held {
		w.lit("NOT (")
		w.isTaken()
		w.lit("), '" + string(rune(codeLost)))
	} else {
		w.isTaken()
		w.lit(", '" + string(rune(codeTaken)))
	}
	w.lit("', ''), ")
	code()
	w.lit(")")
}

// takenConflict is the conflict of a write to a row that is taken.
func (p *Plan) takenConflict(key, status string, lost bool) *Conflict {
	t, m := p.Table, p.Table.status
	taken := t.pending.value.String()
	c := &Conflict{Kind: StatusConflict, Table: t, Key: key, Expected: m.column.Name + ": not " + taken, Found: m.column.Name + "=" + status, Reason: "taken"}
	what := fmt.Sprintf("%s is %s, the row is taken by another writer", m.column.Name, status)
	if lost {
		c.Expected, c.Reason = m.column.Name+"="+taken, "taking lost"
		what = fmt.Sprintf("%s is %s, the row is no longer taken by this writer: it was given back when its lease had run out, or changed by others", m.column.Name, status)
	}
	if !t.Settings.Disclose {
		c.Found = ""
		if what = "the row is taken by another writer"; lost {
			what = "the row is no longer taken by this writer"
		}
	}
	c.Message = fmt.Sprintf("ifmatch: status conflict on %s %s: %s", t.Name, key, what)
	return c
}

// LostConflict is the conflict of a write to a row that the writer had taken, and
// that is not as it left it.
func (p *Plan) LostConflict(r *TakenRow) *Conflict {
	return p.takenConflict(p.Table.keyText(r.Key), p.Table.status.column.show(r.Status), true)
}

// TakenRow is a row as [Plan.PendingLook] finds it.
type TakenRow struct {
	Key     []Value
	Form    []byte // of the key, as a read set has it
	Version Value
	Status  Value
	Taken   bool
}

// Text shows the key.
func (r *TakenRow) Text(t *Table) string { return t.keyText(r.Key) }

// KeyLiterals gives the names of the key's columns, and the row's values of them as
// SQL.
func (r *TakenRow) KeyLiterals(t *Table) (names, literals []string) {
	for i := range t.Key {
		names = append(names, t.Key[i].Name)
		literals = append(literals, string(r.Key[i].appendLiteral(nil)))
	}
	return names, literals
}

// StatusLiteral gives the row's status as SQL.
func (r *TakenRow) StatusLiteral() string { return string(r.Status.appendLiteral(nil)) }

// Next gives the version, in digits, that an execution which was bound gives the
// row. ok is false where that cannot be foretold. t and params are those that it
// was bound to.
func (p *Plan) Next(r *TakenRow, t *sqltext.Text, params []Value, b *Binding) (version string, ok bool) {
	is := *b
	is.Expected.Version = r.Version
	next, ok := p.nextVersion(t, params, &is)
	return next.String(), ok && next.Kind == Integer
}

// PendingLook is a SELECT of the row that an execution names, which locks it: key,
// version, status and whether it is taken.
func (p *Plan) PendingLook(t *sqltext.Text, b *Binding) Probe {
	w := writer{Plan: p, sql: t.SQL, toks: tokens(t), b: b}
	w.pendingColumns()
	w.tokens(p.target)
	w.lit(" WHERE ")
	for i, k := range p.key {
		if i > 0 {
			w.lit(" AND ")
		}
		w.tokens(k.conjunct)
	}
	w.lit(" LIMIT 2 FOR UPDATE")
	return Probe{SQL: w.buf, Args: w.args}
}

// pendingColumns writes SELECT of the columns of a TakenRow, up to FROM.
func (w *writer) pendingColumns() {
	w.lit("SELECT ")
	for i := range w.Table.Key {
		w.form(&w.Table.Key[i])
		w.lit(", ")
	}
	w.form(&w.Table.Version.Column)
	w.lit(", ")
	w.form(&w.Table.status.column)
	w.lit(", ")
	w.isTaken()
	w.lit(" FROM ")
}

// TakenRow reads a row that [Plan.PendingLook] has found.
func (t *Table) TakenRow(row Row) (*TakenRow, bool) {
	n := len(t.Key)
	if len(row) != n+3 {
		return nil, false
	}
	r := &TakenRow{}
	for i := range t.Key {
		r.Key = append(r.Key, t.Key[i].value(row[i], row[i] == nil))
		r.Form = AppendForm(r.Form, row[i], row[i] == nil)
	}
	r.Version = t.Version.Column.value(row[n], row[n] == nil)
	r.Status = t.status.column.value(row[n+1], row[n+1] == nil)
	r.Taken = string(row[n+2]) == "1"
	return r, true
}

// Births gives the rows of an INSERT that are taken from the start, by their order.
// c is the conflict of one whose state is almost that of a row that is taken.
func (p *Plan) Births(t *sqltext.Text, params []Value) (rows []int, c *Conflict, refused *Refusal) {
	n, m := p.initial, p.Table.status
	if n == nil || p.Table.pending == nil {
		return nil, nil, nil
	}
	for row := 0; row < len(n.cells)/n.width; row++ {
		at := n.cells[row*n.width]
		v, utf8 := n.given[0], true
		if at.tok >= 0 {
			v, utf8 = p.value(t, at.operand(), params), n.utf8
		}
		if p.Table.pending.is(m, v, utf8) {
			rows = append(rows, row)
			continue
		}
		switch to := m.decide(v, utf8); to.kind {
		case targetNear:
			key := p.newRowText(t, params, row)
			c := &Conflict{Kind: StatusConflict, Table: p.Table, Key: key, Found: m.column.Name + "=" + m.column.show(v), Reason: "initial"}
			c.Message = fmt.Sprintf("ifmatch: status conflict on %s %s: %s is almost a state that the policy names, and not exactly", p.Table.Name, key, m.column.show(v))
			return nil, c, nil
		case targetByRow:
			return nil, nil, refusal("the %s of a new row of %s cannot be known before it is written, and it might be taken; give it as a constant", m.column.Name, p.Table.Name)
		}
	}
	if len(rows) > 0 && p.insert == nil {
		return nil, nil, refusal("which row this INSERT into %s takes is not known; write VALUES with constants for the key, and no RETURNING", p.Table.Name)
	}
	return rows, nil, nil
}

// BornLook is a SELECT of rows that an INSERT has made, in the columns of a TakenRow.
// ok is false where a key cannot be written.
func (p *Plan) BornLook(keys [][]Value) (sql []byte, ok bool) {
	w := writer{Plan: p}
	table := p.Table.qualified()
	w.as = table
	w.pendingColumns()
	w.lit(table)
	w.lit(" WHERE ")
	return w.named(keys)
}

// codeAt gives the place of the code among the columns of a locked row.
func (p *Plan) codeAt(l *Locked) int { return len(l.row) - 3 }

// TakenLocked reports whether a locked row is taken, by whomever.
func (p *Plan) TakenLocked(b *Binding, l *Locked) bool {
	return p.asks(b) && isTakenCode(l.row[p.codeAt(l)])
}

// Ours says that a locked row is taken by the writer: see [Plan.JudgeLocked].
func (p *Plan) Ours(b *Binding, l *Locked) {
	if at := p.codeAt(l); p.TakenLocked(b, l) {
		l.row[at] = l.row[at][1:]
	}
}

// TakenRowOf gives a locked row as [Plan.PendingLook] would.
func (p *Plan) TakenRowOf(b *Binding, l *Locked) (*TakenRow, bool) {
	t := p.Table
	token, ok := t.ParseToken(l.Token)
	if !ok {
		return nil, false
	}
	c := &t.status.column
	shown := l.row[len(l.row)-2-p.reasonColumns(b)]
	if shown != nil && c.Class == schema.Binary {
		raw, err := hex.DecodeString(strings.TrimPrefix(string(shown), "0x"))
		if err != nil {
			return nil, false
		}
		shown = raw
	}
	return &TakenRow{Key: t.parsedKey(l.Key), Form: bytes.Clone(l.Key), Version: token.Version,
		Status: c.value(shown, shown == nil), Taken: p.TakenLocked(b, l)}, true
}

// TakenRows is a SELECT of the rows of the table that are taken, by whomever, in the
// columns of a TakenRow.
func (t *Table) TakenRows(limit int) string {
	w := writer{Plan: &Plan{Table: t}, as: t.qualified()}
	w.pendingColumns()
	w.lit(w.as)
	w.lit(" WHERE ")
	w.isTaken()
	w.lit(" LIMIT " + strconv.Itoa(limit))
	return string(w.buf)
}

// StateLiteral gives a state that a person has typed as SQL. ok is false where the
// column cannot hold it.
func (t *Table) StateLiteral(text string) (literal string, ok bool) {
	if t.status.column.numeric() {
		n, whole := TextValue(text).integer()
		return n.String(), whole
	}
	return string(TextValue(text).appendLiteral(nil)), true
}
