package rewrite

import (
	"bytes"
	"strings"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// Bounds of what noop: skip compares. What is not compared is bumped.
const (
	// maxCompared is how many bytes the assignments of a statement may have: the
	// constants in them are sent twice, and the server bounds a packet.
	maxCompared = 64 << 10
	// maxComparedParam is how many characters a column may hold that a parameter
	// is compared with: of long data only the first 4096 bytes can be sent twice.
	maxComparedParam = 1023
)

// change is an assignment that may leave its column as it was: one constant or
// parameter, which can be compared with the column.
type change struct {
	column  *schema.Column
	operand Operand
}

// Skips reports whether an execution may leave the version as it was, because
// the row has the values already that it sets (noop: skip). The server decides.
func (p *Plan) Skips() bool { return len(p.changes) > 0 }

// changes gives the assignments of an UPDATE if it can be said in SQL that they
// change nothing, and else none. list has all assignments, that of the version
// too. A needless bump is harmless, one that is missing is a lost update: so
// whatever is in doubt gives none.
func (p *planner) changes(plan *Plan, list []part) []change {
	t, v := plan.Table, plan.Table.Version
	if v == nil || t.Settings.Noop != policy.NoopSkip || !t.still() {
		return nil
	}
	var all []change
	for i, a := range list {
		ref, next, _ := p.column(a.from)
		if sameName(ref.column, v.Column.Name) {
			// SET is carried out from left to right: behind another assignment the
			// row would be compared with itself.
			if i > 0 {
				return nil
			}
			continue
		}
		o, ok := p.operand(p.unwrap(part{next + 1, a.to}), plan.params)
		c := t.columns.Column(ref.column)
		if !ok || c == nil || !p.comparable(c, o) {
			return nil
		}
		for _, before := range all {
			if before.column == c {
				return nil
			}
		}
		all = append(all, change{c, o})
	}
	return all
}

// still reports whether a row of the table stays as it is, version included,
// when an UPDATE gives it the values that it has.
func (t *Table) still() bool {
	v := t.Version
	if t.columns == nil || v.External != policy.ExternalNone || v.Bump == policy.BumpNone {
		return false
	}
	// Twice a year a TIMESTAMP that is set to itself by way of an expression
	// moves by an hour.
	if c := t.columns.Column(v.Column.Name); c == nil || c.DataType == "timestamp" {
		return false
	}
	for _, tr := range t.columns.Triggers {
		if tr.Timing != "AFTER" && strings.Contains(tr.Event, "UPDATE") {
			return false // it may change what the statement does not
		}
	}
	return true
}

// comparable reports whether equal bytes of column and operand as text mean
// that the assignment changes nothing, as far as the shape of the statement
// tells. Of ENUM and SET it takes for granted that no two elements are equal
// under their collation, which the servers refuse or warn of.
func (p *planner) comparable(c *schema.Column, o Operand) bool {
	kind := p.Tokens[o.tok].Kind
	if kind == sqltext.Hex || kind == sqltext.Bit || p.Tokens[o.from].Kind == sqltext.Introducer {
		return false
	}
	long := o.param >= 0 && (c.Length < 1 || c.Length > maxComparedParam)
	switch c.Class {
	case schema.Integer, schema.Decimal, schema.Year, schema.Date, schema.Time, schema.Temporal:
		return true
	case schema.String, schema.Enum:
		return !long && usable(c.Charset)
	case schema.Set:
		return o.param < 0 && usable(c.Charset)
	case schema.Binary:
		return !long
	}
	return false
}

// usable reports whether constants can be converted into a character set
// without a warning. MySQL 9 warns where a statement names one of these.
func usable(charset string) bool {
	switch charset {
	case "", "ucs2", "macroman", "macce", "dec8", "hp8":
		return false
	}
	return true
}

// bindChanges reports whether the constants and parameters of an execution can
// be compared with their columns.
func (p *Plan) bindChanges(t *sqltext.Text, params []Value) bool {
	if len(p.changes) == 0 {
		return false
	}
	toks := tokens(t)
	if toks[p.set.to-1].End-toks[p.set.from].Start > maxCompared {
		return false
	}
	for _, c := range p.changes {
		if !fitsColumn(c.column.Class, p.sketch(t, toks[c.operand.tok], c.operand, params)) {
			return false
		}
	}
	return true
}

// sketch gives what an operand stands for as far as fitsColumn asks: of a
// constant its kind, and for text whether there is any. It does not allocate.
func (p *Plan) sketch(t *sqltext.Text, tok sqltext.Token, o Operand, params []Value) Value {
	switch {
	case o.param >= 0 && o.param < len(params):
		return params[o.param]
	case o.param >= 0:
		return Value{}
	case tok.Kind == sqltext.Word:
		return Value{Kind: Null}
	case tok.Kind == sqltext.String:
		if s := bytes.TrimLeft(t.SQL[tok.Start:tok.End], "nN"); len(s) == len("''") {
			return Value{Kind: Text}
		}
		return Value{Kind: Text, Text: "?"}
	case bytes.ContainsAny(t.SQL[tok.Start:tok.End], "eExX"):
		return Value{Kind: Opaque} // floating point
	case bytes.IndexByte(t.SQL[tok.Start:tok.End], '.') >= 0:
		return Value{Kind: Decimal}
	}
	return Value{Kind: Integer}
}

// fitsColumn reports whether the text of v says what a column will hold.
func fitsColumn(c schema.Class, v Value) bool {
	switch v.Kind {
	case Null:
		return true
	case Text:
		// The empty string of an ENUM may be one of its elements, or stand for none.
		return c != schema.Enum || v.Text != ""
	case Integer:
		return c == schema.Integer || c == schema.Decimal || c == schema.String || c == schema.Year
	case Decimal:
		return c == schema.Integer || c == schema.Decimal
	}
	return false
}

// skips reports whether the version may stay as it was.
func (w *writer) skips() bool {
	return len(w.changes) > 0 && (w.prepared() || w.b.skip)
}

// bumpFirst writes the assignment of the version before the client's, where it
// sees the row as it was.
func (w *writer) bumpFirst() {
	w.lit(" ")
	w.column(w.Table.Version.Column.Name)
	w.lit(" = ")
	w.next()
	w.lit(",")
}

// next writes the expression of the version behind the write: the bumped one,
// or the old one where nothing else changes.
func (w *writer) next() {
	if !w.skips() {
		w.bumped()
		return
	}
	w.lit("IF(")
	if w.prepared() {
		w.mark(ArgSkip)
		w.lit(" AND ")
	}
	for i, c := range w.changes {
		if i > 0 {
			w.lit(" AND ")
		}
		w.unchanged(c)
	}
	w.lit(", ")
	w.column(w.Table.Version.Column.Name)
	w.lit(", ")
	w.bumped()
	w.lit(")")
}

// unchanged writes the condition that an assignment changes nothing. It is never
// true by mistake: a text that cannot be converted gives NULL, which is no
// reason to leave the version alone, so NULL is asked for by itself.
func (w *writer) unchanged(c change) {
	switch {
	case w.toks[c.operand.tok].Kind == sqltext.Word:
		w.column(c.column.Name)
		w.lit(" IS NULL")
	case c.operand.param >= 0:
		w.lit("IF(")
		w.tokens(c.operand.part)
		w.lit(" IS NULL, ")
		w.column(c.column.Name)
		w.lit(" IS NULL, ")
		w.sameBytes(c)
		w.lit(")")
	default:
		w.sameBytes(c)
	}
}

// sameBytes writes the comparison of a column with its operand, as bytes of text
// in one character set.
func (w *writer) sameBytes(c change) {
	charset := c.charset()
	switch c.column.Class {
	case schema.String, schema.Binary, schema.Enum, schema.Set:
		w.lit("CAST(")
		w.column(c.column.Name)
	default:
		w.lit("CAST(CONVERT(")
		w.column(c.column.Name)
		w.using(charset)
	}
	w.lit(" AS BINARY) = CAST(")
	if charset == "" {
		w.tokens(c.operand.part)
	} else {
		w.lit("CONVERT(")
		w.tokens(c.operand.part)
		w.using(charset)
	}
	w.lit(" AS BINARY)")
	if c.column.DataType == "timestamp" {
		// In the hour that the clock is set back two instants have one text.
		w.lit(" AND UNIX_TIMESTAMP(")
		w.column(c.column.Name)
		w.lit(") = UNIX_TIMESTAMP(CAST(")
		w.column(c.column.Name)
		w.lit(" AS CHAR))")
	}
}

// using ends a CONVERT.
func (w *writer) using(charset string) {
	w.lit(" USING ")
	w.lit(charset)
	w.lit(")")
}

// charset is the character set in which the bytes are compared, "" for bytes
// that have none. That of three bytes is part of that of four, and MySQL warns
// where a statement names it.
func (c change) charset() string {
	switch cs := c.column.Charset; {
	case c.column.Class == schema.Binary:
		return ""
	case cs == "" || strings.HasPrefix(cs, "utf8"):
		return "utf8mb4"
	default:
		return cs
	}
}
