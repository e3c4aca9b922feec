package rewrite

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"ifmatch/policy"
	"ifmatch/sqltext"
)

// This file is about the rows that an upsert would meet: which they are, and
// whether their guards hold. They are read under a lock that keeps them as they are
// until the upsert is there.

// Hit is a row that an upsert would meet.
type Hit struct {
	Key, Token []byte // in the form of a read set
	row        int    // of the new rows, which one meets it
	holds      bool   // the version is what the statement itself says
	reasons    Row    // see [writer.reasons]
}

// Met is the rows that were locked for an upsert, and by which it may go.
type Met struct {
	Hits []Hit    // those whose guards hold
	Else bool     // it may meet any other row but those of Not
	Not  [][]byte // the keys of rows whose guards do not hold
}

// Meets makes the rows that an execution may meet part of it. nil makes it one for
// which nothing was locked.
func (b *Binding) Meets(m *Met) { b.met = m }

// Closed reports whether an upsert for which nothing was locked raises an error
// for each row that it meets.
func (b *Binding) Closed() bool { return b.closed }

// lockShared is the lock of sub-selects in a locking read.
const lockShared Lock = " LOCK IN SHARE MODE"

// SelectHits gives a SELECT … FOR UPDATE of the rows that an execution would meet,
// by each of the unique keys. args are its parameters, where the upsert is a
// prepared statement. sql is nil where no row can be met.
func (p *Plan) SelectHits(t *sqltext.Text, b *Binding) (sql []byte, args []Arg) {
	u := p.upsert
	w := writer{Plan: p, sql: t.SQL, toks: tokens(t), b: b, target: b.target, lock: lockShared, as: p.Table.qualified()}
	if u.rows == 0 {
		w.selected()
	}
	first := true
	for i := range u.keys {
		k := &u.keys[i]
		rows := k.rows(max(u.rows, 1))
		if len(rows) == 0 {
			continue
		}
		if !first {
			w.lit(" UNION ALL ")
		}
		first = false
		w.lit("(SELECT ")
		w.hitColumns()
		w.byRow(k, rows, func(row int) { w.said(row) }, "'1'")
		w.lit(" AS BINARY), ")
		w.byRow(k, rows, func(row int) { w.lit("'" + strconv.Itoa(row) + "'") }, "'0'")
		w.lit(" AS BINARY) FROM ")
		if u.rows == 0 {
			// STRAIGHT_JOIN: the rows that are met are found by the key, and no others are locked.
			w.lit(selectedName + " STRAIGHT_JOIN " + w.as + " ON ")
			w.match(k, 0)
			w.lit(" LIMIT " + strconv.Itoa(p.MostHits()) + " FOR UPDATE)")
			continue
		}
		w.lit(w.as + " WHERE ")
		for n, row := range rows {
			if n > 0 {
				w.lit(" OR ")
			}
			w.match(k, row)
		}
		w.lit(" FOR UPDATE)")
	}
	if first {
		return nil, nil
	}
	return w.buf, w.args
}

// MostHits gives how many rows the SELECT of an upsert may meet by one of the keys, so
// that all of them together are no more than can be held. Where there are as many there
// may be more.
func (p *Plan) MostHits() int { return maxHits / max(len(p.upsert.keys), 1) }

// selectedName is the name by which the rows of the client's SELECT are known.
const selectedName = "`ifmatch rows`"

// selected writes WITH that gives the rows of the client's SELECT, and their columns,
// names that no client has: c1, c2 and so on.
func (w *writer) selected() {
	w.lit("WITH " + selectedName + "(")
	for i := range w.upsert.given {
		if i > 0 {
			w.lit(", ")
		}
		w.lit("c" + strconv.Itoa(i+1))
	}
	w.lit(") AS (")
	w.tokens(w.upsert.source)
	w.lit(") ")
}

// selectedColumn writes column i of the client's SELECT.
func (w *writer) selectedColumn(i int) { w.lit(selectedName + ".c" + strconv.Itoa(i+1)) }

// SelectHeld gives a SELECT … FOR UPDATE of rows by their keys, which are in the
// form of a read set, with the columns of [Plan.SelectHits]. ok is false where a
// key cannot be said in SQL.
func (p *Plan) SelectHeld(t *sqltext.Text, b *Binding, keys [][]byte) (sql []byte, args []Arg, ok bool) {
	values, ok := p.Table.keyValues(keys)
	if !ok {
		return nil, nil, false
	}
	w := writer{Plan: p, sql: t.SQL, toks: tokens(t), b: b, target: b.target, lock: lockShared, as: p.Table.qualified()}
	w.lit("SELECT ")
	w.hitColumns()
	w.lit("CAST(")
	w.said(0)
	w.lit(" AS BINARY), CAST('0' AS BINARY) FROM " + w.as + " WHERE ")
	ok = w.keys(values)
	w.lit(" FOR UPDATE")
	return w.buf, w.args, ok
}

// hitColumns writes key, token and reasons, each with a comma behind it.
func (w *writer) hitColumns() {
	for i := range w.Table.Key {
		w.form(&w.Table.Key[i])
		w.lit(", ")
	}
	if v := w.Table.Version; v != nil {
		w.form(&v.Column)
		w.lit(", ")
		if v.Term != nil {
			w.form(v.Term)
			w.lit(", ")
		}
	}
	if w.asks(w.b) && !w.upsert.free {
		w.reasons()
	}
}

// rows lists the new rows that can meet a row by the key.
func (k *uniqueKey) rows(n int) []int {
	var rows []int
	for row := range n {
		can := true
		for i := range k.columns {
			kind := k.cells[row*len(k.columns)+i].kind
			can = can && kind >= cellGiven
		}
		if can {
			rows = append(rows, row)
		}
	}
	return rows
}

// match writes whether a row has the key that a new row gives.
func (w *writer) match(k *uniqueKey, row int) {
	w.lit("(")
	for i := range k.columns {
		if i > 0 {
			w.lit(" AND ")
		}
		w.column(k.columns[i].Name)
		w.lit(" = ")
		c := &k.cells[row*len(k.columns)+i]
		switch c.kind {
		case cellGiven:
			w.buf = c.given.appendLiteral(w.buf)
			continue
		case cellSelected:
			w.selectedColumn(c.column)
			continue
		}
		w.lit("(")
		w.tokens(c.part)
		w.lit(")")
	}
	w.lit(")")
}

// byRow writes CAST( and what differs by the new row that meets a row; other stands
// where it does not differ.
func (w *writer) byRow(k *uniqueKey, rows []int, each func(row int), other string) {
	w.lit("CAST(")
	if len(rows) == 1 {
		each(rows[0])
		return
	}
	w.lit("CASE")
	for _, row := range rows {
		w.lit(" WHEN ")
		w.match(k, row)
		w.lit(" THEN ")
		each(row)
	}
	w.lit(" ELSE " + other + " END")
}

// said writes '1' or '0': whether the version is what the statement itself says it
// is, or, where versions are external, what the writer brings is newer.
func (w *writer) said(row int) {
	v, u := w.Table.Version, w.upsert
	switch {
	case v == nil || u.free:
	case w.b.Source == FromHint:
		w.lit("CASE WHEN TRUE")
		w.expectation(v)
		w.lit(" THEN '1' ELSE '0' END")
		return
	case row < len(u.version):
		w.lit("CASE WHEN ")
		w.saidOf(row, u.version[row].part)
		w.lit(" THEN '1' ELSE '0' END")
		return
	}
	w.lit("'1'")
}

// saidOf writes the condition of what a row's version must be by what the
// statement gives for it.
func (w *writer) saidOf(row int, version part) {
	v, u := w.Table.Version, w.upsert
	if v.External != policy.ExternalNone {
		op := " < "
		if v.External == policy.ExternalGE {
			op = " <= "
		}
		w.lit("(")
		w.column(v.Column.Name)
		w.lit(op + "(")
		w.tokens(version)
		w.lit(") OR ")
		w.column(v.Column.Name)
		w.lit(" IS NULL)")
		return
	}
	w.column(v.Column.Name)
	w.lit(" <=> (")
	w.tokens(version)
	w.lit(")")
	if v.Term != nil && row < len(u.term) {
		w.lit(" AND ")
		w.column(v.Term.Name)
		w.lit(" <=> (")
		w.tokens(u.term[row].part)
		w.lit(")")
	}
}

// ReadHit reads a row that [Plan.SelectHits] or [Plan.SelectHeld] found.
func (p *Plan) ReadHit(b *Binding, row Row) (h Hit, ok bool) {
	n := len(p.Table.Key)
	if v := p.Table.Version; v != nil {
		n++
		if v.Term != nil {
			n++
		}
	}
	asked := 0
	if !p.upsert.free {
		asked = p.reasonColumns(b)
	}
	if len(row) != n+asked+2 {
		return h, false
	}
	if h.Key, h.Token, ok = p.Table.RowForms(row[:n], nil, nil); !ok {
		return h, false
	}
	h.reasons = row[n : n+asked]
	h.holds = holds(row[n+asked])
	h.row, _ = strconv.Atoi(string(bytes.Trim(row[n+asked+1], "\x00")))
	return h, true
}

// JudgeHit says whether an upsert may meet a row. read is the token that the scope
// has read of it, nil where there is none; age is how old that is.
func (p *Plan) JudgeHit(t *sqltext.Text, params []Value, b *Binding, h *Hit, read []byte, age time.Duration) *Conflict {
	tab, v := p.Table, p.Table.Version
	key := tab.ParsedKeyText(h.Key)
	switch {
	case p.upsert.free:
		return nil
	case v == nil:
	case !h.holds:
		expected := Token{}
		if b.Source == FromHint {
			expected = b.Expected
		} else {
			expected = p.saidToken(t, params, h.row)
		}
		return p.outdated(key, p.saidText(b, expected), tab.TokenText(h.Token))
	case b.Source != NoExpectation || v.External != policy.ExternalNone || b.Soft:
	case read == nil && tab.Settings.Unread == policy.UnreadRefuse:
		return &Conflict{Kind: UnreadConflict, Table: tab, Key: key, Reason: "binding", Message: fmt.Sprintf(
			"ifmatch: unread row on %s %s: nothing says which %s the writer has seen; read the row first, or add the hint /* ifmatch: %s */",
			tab.Name, key, v.Column.Name, v.names())}
	case read == nil:
	case age > tab.Settings.ReadTTL:
		return &Conflict{Kind: UnreadConflict, Table: tab, Key: key, Reason: "binding", Message: tab.outlivedText(key, age)}
	case !bytes.Equal(read, h.Token):
		return p.outdated(key, tab.TokenText(read), tab.TokenText(h.Token))
	}
	if len(h.reasons) > 0 {
		if c := p.statusConflict(b, key, h.reasons); c != nil {
			return c
		}
	}
	if v != nil && p.Verb == Upsert && v.Max > 0 && v.Bump == policy.BumpIncrement && v.External == policy.ExternalNone {
		token, _ := tab.ParseToken(h.Token)
		if is, whole := token.Version.integer(); whole && !is.Neg && is.Abs >= v.Max {
			return p.full(h, token)
		}
	}
	return nil
}

// saidText shows what the statement says a version must be.
func (p *Plan) saidText(b *Binding, expected Token) string {
	v := p.Table.Version
	if b.Source == FromHint || v.External == policy.ExternalNone {
		return v.text(expected)
	}
	op := "<"
	if v.External == policy.ExternalGE {
		op = "<="
	}
	return v.Column.Name + op + expected.Version.String()
}

// outdated is the conflict of a row that is at another version than expected.
func (p *Plan) outdated(key, expected, found string) *Conflict {
	c := &Conflict{Kind: VersionConflict, Table: p.Table, Key: key, Expected: expected, Found: found, Reason: "the row was written since"}
	shown := found
	if !p.Table.Settings.Disclose {
		c.Found, shown = "", "another"
	}
	c.Message = fmt.Sprintf("ifmatch: version conflict on %s %s: expected %s, found %s", p.Table.Name, key, expected, shown)
	return c
}

// full is the refusal of a version that cannot be raised.
func (p *Plan) full(h *Hit, token Token) *Conflict {
	tab := p.Table
	key := tab.ParsedKeyText(h.Key)
	return &Conflict{Kind: Refused, Table: tab, Key: key, Reason: "full", Message: fmt.Sprintf(
		"ifmatch: refused: %s of %s %s is %s, the greatest that its column holds; it cannot be raised",
		tab.Version.Column.Name, tab.Name, key, token.Version)}
}

// Missing is the conflict of a row that the writer expects at that token, in the
// form of a read set, and that is gone.
func (p *Plan) Missing(key, token []byte) *Conflict {
	return p.missing(p.Table.ParsedKeyText(key), p.Table.TokenText(token))
}

// MissingHinted is [Plan.Missing] for a row that a hint speaks of.
func (p *Plan) MissingHinted(b *Binding, key []Value) *Conflict {
	text := "(the row)"
	if key != nil {
		text = p.Table.keyText(key)
	}
	return p.missing(text, p.Table.Version.text(b.Expected))
}

func (p *Plan) missing(key, expected string) *Conflict {
	c := &Conflict{Kind: VersionConflict, Table: p.Table, Key: key, Expected: expected, Found: "no row", Reason: "the row is gone"}
	c.Message = fmt.Sprintf("ifmatch: version conflict on %s %s: expected %s, found no row", p.Table.Name, key, expected)
	return c
}

// KeyValues gives what a key in the form of a read set stands for. ok is false where
// it cannot be said in SQL.
func (t *Table) KeyValues(form []byte) (key []Value, ok bool) {
	values, ok := t.keyValues([][]byte{form})
	if !ok {
		return nil, false
	}
	return values[0], true
}

// keyValues gives what keys in the form of a read set stand for.
func (t *Table) keyValues(keys [][]byte) (values [][]Value, ok bool) {
	for _, form := range keys {
		key := make([]Value, 0, len(t.Key))
		for i := range t.Key {
			value, null, rest, ok := nextForm(form)
			if !ok || null {
				return nil, false
			}
			key, form = append(key, t.Key[i].value(value, null)), rest
		}
		values = append(values, key)
	}
	return values, true
}
