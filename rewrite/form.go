package rewrite

import (
	"encoding/binary"
	"strconv"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// Keys and tokens stand in a read set in a form of their own: for each column
// its canonical form (digits of numbers, bytes of all else) with a length in
// front, so that one read as text, one read from a prepared statement and one
// that a constant names are the same bytes.

const (
	formNull = 0xfb // in place of a length
	formLong = 0xfc // two bytes of length follow
)

// AppendForm appends the canonical form of one column to a key or token. Values
// of more than 65,535 bytes are cut, and so are those that a key cannot have.
func AppendForm(dst, value []byte, null bool) []byte {
	switch {
	case null:
		return append(dst, formNull)
	case len(value) < formNull:
		dst = append(dst, byte(len(value)))
	default:
		value = value[:min(len(value), 1<<16-1)]
		dst = binary.LittleEndian.AppendUint16(append(dst, formLong), uint16(len(value)))
	}
	return append(dst, value...)
}

// nextForm takes the form of one column off a key or token.
func nextForm(b []byte) (value []byte, null bool, rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, false, nil, false
	}
	n, at := int(b[0]), 1
	switch {
	case n == formNull:
		return nil, true, b[1:], true
	case n == formLong && len(b) >= 3:
		n, at = int(binary.LittleEndian.Uint16(b[1:])), 3
	case n > formNull:
		return nil, false, nil, false
	}
	if len(b) < at+n {
		return nil, false, nil, false
	}
	return b[at : at+n], false, b[at+n:], true
}

// value gives what the canonical form of a column stands for.
func (c *Column) value(form []byte, null bool) Value {
	if null {
		return Value{Kind: Null}
	}
	switch c.Class {
	case schema.Integer, schema.Year, schema.Unknown, schema.Bit:
		if v, ok := integerOf(form); ok {
			return v
		}
	case schema.Decimal:
		return DecimalValue(string(form))
	case schema.Binary:
		return BytesValue(string(form))
	}
	return TextValue(string(form))
}

// integerOf reads a whole number without an allocation.
func integerOf(b []byte) (Value, bool) {
	neg := len(b) > 0 && b[0] == '-'
	if neg {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 20 {
		return Value{}, false
	}
	n := uint64(0)
	for _, c := range b {
		d := uint64(c - '0')
		if d > 9 || n > (1<<64-1-d)/10 {
			return Value{}, false
		}
		n = 10*n + d
	}
	return Value{Kind: Integer, Neg: neg && n != 0, Abs: n}, true
}

// Captured reports whether reads of the table are remembered.
func (t *Table) Captured() bool {
	return t.Version != nil && t.Settings.Capture != policy.CaptureOff
}

// ParseToken reads a token as a read set has it.
func (t *Table) ParseToken(b []byte) (token Token, ok bool) {
	v := t.Version
	form, null, rest, ok := nextForm(b)
	if !ok {
		return token, false
	}
	token.Version = v.Column.value(form, null)
	if v.Term != nil {
		if form, null, rest, ok = nextForm(rest); !ok {
			return token, false
		}
		token.Term = v.Term.value(form, null)
	}
	return token, len(rest) == 0
}

// TokenText shows a token as a read set has it.
func (t *Table) TokenText(b []byte) string {
	token, ok := t.ParseToken(b)
	if !ok {
		return ""
	}
	return t.Version.text(token)
}

// ParsedKeyText shows a key as a read set has it.
func (t *Table) ParsedKeyText(b []byte) string {
	key := make([]Value, 0, len(t.Key))
	for i := range t.Key {
		form, null, rest, ok := nextForm(b)
		if !ok {
			break
		}
		key, b = append(key, t.Key[i].value(form, null)), rest
	}
	return t.keyText(key)
}

// AppendToken appends a token that is known without reading it. ok is false
// where its form is for the server to say.
func (t *Table) AppendToken(dst []byte, token Token) (_ []byte, ok bool) {
	dst, exact := t.Version.Column.appendValue(dst, token.Version, true)
	if exact == formAsk {
		return dst, false
	}
	if t.Version.Term != nil {
		dst, exact = t.Version.Term.appendValue(dst, token.Term, true)
	}
	return dst, exact != formAsk
}

// formed says how sure the form of a constant is.
type formed uint8

const (
	formAsk    formed = iota // the server has to say what row the constant names
	formLikely               // a row of this form is the one, but the constant may name another one
	formFinal                // no row of another form is
)

// KeyForm appends the form of the key that an execution names. found is whether
// the form is known; final is whether no row of another form can be meant: where
// it is not and nothing is known of that form, [Plan.Look] asks the server. utf8
// is whether the session's character set is UTF-8.
func (p *Plan) KeyForm(dst []byte, key []Value, utf8 bool) (_ []byte, found, final bool) {
	found, final = true, true
	for i := range p.Table.Key {
		var f formed
		dst, f = p.Table.Key[i].appendValue(dst, key[i], utf8)
		found, final = found && f != formAsk, final && f == formFinal
	}
	return dst, found, final
}

// appendValue appends the form of a constant.
func (c *Column) appendValue(dst []byte, v Value, utf8 bool) ([]byte, formed) {
	if v.Kind == Null {
		return AppendForm(dst, nil, true), formFinal
	}
	whole, isWhole := v.integer()
	switch c.Class {
	case schema.Integer, schema.Unknown, schema.Bit:
		if isWhole {
			f := formFinal
			if c.Class == schema.Unknown {
				f = formLikely // it may be a column of strings
			}
			return whole.appendForm(dst), f
		}
		if c.Class != schema.Unknown {
			return dst, formAsk
		}
	case schema.Year:
		if isWhole && !whole.Neg && whole.Abs >= 1901 {
			return whole.appendForm(dst), formFinal
		}
		return dst, formAsk
	case schema.String, schema.Binary, schema.Enum, schema.Set:
	default:
		return dst, formAsk
	}
	switch {
	case v.Kind == Bytes && c.Class == schema.Binary, v.Kind == Text && (utf8 || ascii(v.Text)):
		text := v.Text
		if c.padded() {
			for len(text) > 0 && text[len(text)-1] == ' ' {
				text = text[:len(text)-1]
			}
		}
		if len(text) < formNull {
			return append(append(dst, byte(len(text))), text...), formLikely
		}
		return AppendForm(dst, []byte(text), false), formLikely
	}
	return dst, formAsk
}

// appendForm appends a whole number.
func (v Value) appendForm(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, 0)
	if v.Neg {
		dst = append(dst, '-')
	}
	dst = strconv.AppendUint(dst, v.Abs, 10)
	dst[at] = byte(len(dst) - at - 1)
	return dst
}

// padded reports whether the column's values are padded with spaces that do not count.
func (c *Column) padded() bool {
	return c.Class == schema.String && c.def != nil && c.def.DataType == "char"
}

// Look is a SELECT of the key and the token of the row that an execution names,
// each column in its canonical form. It names the row as the client's own
// condition does.
func (p *Plan) Look(t *sqltext.Text, b *Binding) Probe {
	w := writer{Plan: p, sql: t.SQL, toks: tokens(t), b: b}
	w.forms()
	w.reference()
	w.lit(" WHERE ")
	for i, k := range p.key {
		if i > 0 {
			w.lit(" AND ")
		}
		w.tokens(k.conjunct)
	}
	w.lit(" LIMIT 2")
	return Probe{SQL: w.buf, Args: w.args}
}

// LookRows is Look for rows that are named by the values of their keys. ok is
// false where one of these cannot be written.
func (p *Plan) LookRows(keys [][]Value) (sql []byte, ok bool) {
	w := writer{Plan: p}
	table := p.Table.qualified()
	w.as = table
	w.forms()
	w.lit(table)
	w.lit(" WHERE ")
	return w.named(keys)
}

// named writes the condition that picks the rows of these keys, and gives what is
// written. ok is false where one of them cannot be written.
func (w *writer) named(keys [][]Value) (sql []byte, ok bool) {
	for n, key := range keys {
		if n > 0 {
			w.lit(" OR ")
		}
		for i := range w.Table.Key {
			if i > 0 {
				w.lit(" AND ")
			}
			if key[i].Kind == Opaque || key[i].Kind == NoValue {
				return nil, false
			}
			w.column(w.Table.Key[i].Name)
			w.lit(" = ")
			w.buf = key[i].appendLiteral(w.buf)
		}
	}
	w.lit(unlimited)
	return w.buf, true
}

// unlimited makes a SELECT of the proxy's own give all of its rows, whatever
// sql_select_limit says.
const unlimited = " LIMIT 18446744073709551615"

// forms writes SELECT of the canonical forms of key and token, up to FROM.
func (w *writer) forms() {
	w.lit("SELECT ")
	w.formColumns()
	w.lit(" FROM ")
}

// qualified gives the table's name as SQL.
func (t *Table) qualified() string { return QualifiedName(t.Name.Schema, t.Name.Name) }

// QuotedName gives a name as SQL.
func QuotedName(name string) string { return string(quoteName(nil, name)) }

// QualifiedName gives the name of a table as SQL.
func QualifiedName(schema, table string) string {
	return string(quoteName(append(quoteName(nil, schema), '.'), table))
}

// RowForms gives key and token of a row that [Plan.Look] found, in the form of a
// read set, behind what is in their buffers.
func (t *Table) RowForms(row Row, key, token []byte) (_, _ []byte, ok bool) {
	n := len(t.Key)
	want := n + 1
	if t.Version == nil {
		want = n
	} else if t.Version.Term != nil {
		want++
	}
	if len(row) != want {
		return key, token, false
	}
	for i, value := range row {
		if i < n {
			key = AppendForm(key, value, value == nil)
		} else {
			token = AppendForm(token, value, value == nil)
		}
	}
	return key, token, true
}
