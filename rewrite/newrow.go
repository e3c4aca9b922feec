package rewrite

import (
	"strings"
	"unicode/utf8"

	"ifmatch/schema"
	"ifmatch/sqltext"
)

// insertion says where an INSERT has the key and the token of its rows.
type insertion struct {
	rows  int
	first bool    // the OK packet tells the number that the server gives the one row
	read  bool    // tokens are for the server to say
	cells []cell  // row after row: the columns of the key, then version and term unless read
	given []Value // by column, in the same order: what the server gives where the statement does not
}

// cell is where a value stands in an INSERT. tok is negative where the
// statement leaves the value to the server.
type cell struct {
	tok, param int32
	neg        bool
	whole      bool // it stands in LAST_INSERT_ID(), which makes anything but a whole number another value
}

// NewRow is a row that an INSERT has made.
type NewRow struct {
	Key      []Value
	Token    Token // where Foretold
	Foretold bool  // the token is known without reading it
}

// Inserts reports whether the plan tells which rows an INSERT makes.
func (p *Plan) Inserts() bool { return p.insert != nil }

// RowsMade gives the number of rows that an INSERT makes where it leaves none out, 0
// where that is not known.
func (p *Plan) RowsMade() int {
	if p.insert == nil {
		return 0
	}
	return p.insert.rows
}

// Foretold reports, before the INSERT is sent, whether the tokens of all its rows
// are known without reading them. Else they have to be read in the transaction of
// the INSERT: behind it, somebody may have changed them already.
func (p *Plan) Foretold(t *sqltext.Text, params []Value) bool {
	if p.insert == nil || p.insert.read {
		return false
	}
	for row := range p.insert.rows {
		if _, ok := p.newToken(t, params, row); !ok {
			return false
		}
	}
	return true
}

// NewRows gives the rows that an execution has made. t and params are those that
// it was sent with; affected and first are the affected rows and the
// LAST_INSERT_ID of its OK packet. The rows overwrite those of into. ok is false
// where they cannot be told with certainty: then none of them counts as read.
func (p *Plan) NewRows(t *sqltext.Text, params []Value, affected, first uint64, into []NewRow) (_ []NewRow, ok bool) {
	into = into[:0]
	if p.insert == nil || affected != uint64(p.insert.rows) {
		return into, false // INSERT IGNORE has left rows out, and does not say which
	}
	for row := range p.insert.rows {
		if len(into) == cap(into) {
			into = append(into, NewRow{})
		} else {
			into = into[:len(into)+1]
		}
		n := &into[row]
		n.Key = n.Key[:0]
		for i := range p.Table.Key {
			v, ok := p.newKey(t, params, row, i, first)
			if !ok {
				return into[:0], false
			}
			n.Key = append(n.Key, v)
		}
		n.Token, n.Foretold = p.newToken(t, params, row)
	}
	return into, true
}

// newKey gives column i of the key of a new row.
func (p *Plan) newKey(t *sqltext.Text, params []Value, row, i int, first uint64) (Value, bool) {
	c, v, written := &p.Table.Key[i], p.insert.given[i], false
	if at := p.insert.cell(row, i); at.tok >= 0 {
		v, written = p.value(t, at.operand(), params), true
		if at.whole && (v.Kind != Integer || v.Neg) {
			return v, false
		}
	}
	if c.numbered() && (v.Kind == Null || v.Kind == NoValue) {
		// Of several rows the packet tells the first number only, and not by how
		// much they differ (auto_increment_increment). It tells none where DEFAULT
		// has stored a zero (NO_AUTO_VALUE_ON_ZERO).
		return UintValue(first), p.insert.first && first != 0
	}
	if !written {
		return v, v.Kind != NoValue
	}
	if n, whole := v.integer(); whole && n.Abs == 0 && (c.def == nil || c.numbered()) {
		return v, false // NO_AUTO_VALUE_ON_ZERO says what a zero is
	}
	return c.stored(v, t.UTF8())
}

// newToken gives the token of a new row.
func (p *Plan) newToken(t *sqltext.Text, params []Value, row int) (token Token, ok bool) {
	if p.insert.read {
		return token, false
	}
	i := len(p.Table.Key)
	if token.Version, ok = p.newVersion(t, params, &p.Table.Version.Column, row, i); !ok {
		return Token{}, false
	}
	if term := p.Table.Version.Term; term != nil {
		if token.Term, ok = p.newVersion(t, params, term, row, i+1); !ok {
			return Token{}, false
		}
	}
	return token, true
}

func (p *Plan) newVersion(t *sqltext.Text, params []Value, c *Column, row, i int) (Value, bool) {
	at := p.insert.cell(row, i)
	if at.tok < 0 {
		return p.insert.given[i], true
	}
	v := p.value(t, at.operand(), params)
	if at.whole && (v.Kind != Integer || v.Neg) {
		return v, false
	}
	return c.version(v)
}

func (n *insertion) cell(row, column int) cell { return n.cells[row*len(n.given)+column] }

func (c cell) operand() Operand {
	tok := int(c.tok)
	return Operand{part: part{tok, tok + 1}, tok: tok, neg: c.neg, param: int(c.param)}
}

// version gives what a version column holds once v is stored in it. ok is false
// where only the server can say.
func (c *Column) version(v Value) (Value, bool) {
	switch {
	case c.def == nil:
		return v, v.Kind == Integer
	case c.Class != schema.Integer || c.def.Generated || c.def.AutoIncrement:
		return v, false
	case v.Kind == Null:
		return v, c.def.Nullable
	}
	return c.stored(v, true)
}

// stored gives what a column holds once v is stored in it, as far as the value
// is the proxy's to say: what the server would round, cut, clip or convert is
// not. utf8 is whether text is in UTF-8.
func (c *Column) stored(v Value, utf8 bool) (Value, bool) {
	if v.Kind == Null {
		return v, false
	}
	switch c.Class {
	case schema.Unknown:
		switch v.Kind {
		case Integer:
			return v, true
		case Text:
			return v, (utf8 || ascii(v.Text)) && !strings.HasSuffix(v.Text, " ")
		}
	case schema.Integer:
		whole, ok := v.integer()
		return whole, ok && c.holds(whole)
	case schema.Year:
		whole, ok := v.integer()
		return whole, ok && !whole.Neg && whole.Abs >= 1901 && whole.Abs <= 2155
	case schema.Bit:
		return v, v.Kind == Integer && !v.Neg && (c.def.Precision >= 64 || v.Abs>>c.def.Precision == 0)
	case schema.String:
		if v.Kind == Integer {
			v = TextValue(v.String())
		}
		if c.padded() {
			v.Text = strings.TrimRight(v.Text, " ")
		}
		return v, v.Kind == Text && (utf8 || ascii(v.Text)) && c.fits(v.Text)
	case schema.Binary:
		// The column's bytes are those of the connection's character set.
		ok := v.Kind == Bytes || v.Kind == Text && (utf8 || ascii(v.Text))
		return v, ok && (len(v.Text) == c.def.Length || len(v.Text) < c.def.Length && c.def.DataType != "binary")
	case schema.Enum:
		// A number in quotes may be that of a member.
		_, whole := v.integer()
		return v, v.Kind == Text && !whole && (utf8 || ascii(v.Text))
	case schema.Decimal:
		return v, keyFits(*c, v)
	case schema.Set, schema.Temporal, schema.Date, schema.Time, schema.Other:
		return v, v.Kind == Text && (utf8 || ascii(v.Text))
	}
	return v, false
}

// numbered reports whether the server numbers the column's values.
func (c *Column) numbered() bool { return c.def != nil && c.def.AutoIncrement }

// holds reports whether an integer is in the column's range.
func (c *Column) holds(v Value) bool {
	limit := c.def.Max()
	switch {
	case !v.Neg:
		return v.Abs <= limit
	case c.def.Unsigned:
		return false
	}
	return v.Abs <= limit+1
}

// fits reports whether a string column takes the whole of s.
func (c *Column) fits(s string) bool {
	if c.def.DataType == "char" || c.def.DataType == "varchar" {
		return utf8.ValidString(s) && utf8.RuneCountInString(s) <= c.def.Length
	}
	return utf8.ValidString(s) && len(s) <= c.def.Length
}
