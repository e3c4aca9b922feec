package rewrite

import (
	"bytes"
	"slices"
	"strconv"
	"sync/atomic"

	"ifmatch/schema"
	"ifmatch/sqltext"
)

// Capture is what the answer to a SELECT or an INSERT … RETURNING tells of guarded rows: which of its
// columns carry keys and tokens, and which of them were added for that. It is
// immutable, as the plan is to which it belongs, but for what others keep in Known.
type Capture struct {
	Origins []Origin
	// Hidden is the number of columns that are added at the end of the select
	// list, and have to be taken out of the answer.
	Hidden int
	// Made is set where the rows are those that the statement makes, INSERT …
	// RETURNING: they are there only once it has succeeded.
	Made bool

	// Known is for who relays the answers, to keep what it has found out about those
	// that have come. It is the one thing in a plan that changes.
	Known atomic.Value

	list    part     // the client's select list
	added   []byte   // the hidden columns as they are spliced in behind it
	aliases [][]byte // their names
	fields  int      // of all origins
	fold    bool     // names of tables have no case
	// ordinals are the tokens of ORDER BY that may be numbers of columns, and width
	// is the least number of columns that the client's select list can have.
	ordinals []int32
	width    int
}

// Origin is a guarded table in FROM, whose rows the answer shows.
type Origin struct {
	Table  *Table
	Alias  string  // by which metadata of the answer name it
	Fields []Field // the key's columns, then version or digest, then the term

	named []Operand // of an observed table: the key in WHERE, where the answer does not show it

	first                int    // its first field among those of all origins
	schema, table, alias []byte // as metadata give them
}

// Field says where in an answer a column of an origin is.
type Field struct {
	Column *Column
	// Hidden is its index among the hidden columns, or -1.
	Hidden int
	// Left and Right bound where a column that is not hidden can stand: Left
	// columns are before it, and Right of the client's columns behind it.
	Left, Right int

	place place
	name  []byte // of its column
}

// place says how far Left and Right tell where a field stands.
type place uint8

const (
	between   place = iota // a wildcard on either side, or a wildcard itself
	fromLeft               // exactly Left columns are before it
	fromRight              // exactly Right columns are behind it
)

// Capture gives what the answer to the statement tells of guarded rows, or nil
// where nothing of it is remembered.
func (p *Plan) Capture() *Capture { return p.capture }

// AppendSelect appends the client's SELECT, or INSERT … RETURNING, to dst, with the hidden columns
// behind the last item of its select list. t is a text of the plan's shape. The
// text is the same for a statement that is prepared: there are no parameters of
// the proxy's own in it.
func (p *Plan) AppendSelect(dst []byte, t *sqltext.Text) []byte {
	c := p.capture
	if c == nil || c.Hidden == 0 {
		return append(dst, t.SQL...)
	}
	// Directly behind a token the server reads what stands there, even where
	// that token, or the next one, is in an executable comment.
	at := tokens(t)[c.list.to-1].End
	// Under IGNORE_SPACE MySQL takes the blanks behind a word into the name of an
	// expression that ends with it.
	for int(at) < len(t.SQL) && (t.SQL[at] == ' ' || '\t' <= t.SQL[at] && t.SQL[at] <= '\r') {
		at++
	}
	dst = append(dst, t.SQL[:at]...)
	dst = append(dst, c.added...)
	if int(at) < len(t.SQL) && t.SQL[at] > ' ' {
		dst = append(dst, ' ')
	}
	return append(dst, t.SQL[at:]...)
}

// hide adds a column to the select list, and gives its index among those added.
func (c *Capture) hide(qualifier string, column *Column) int {
	alias := strconv.AppendInt([]byte(hiddenName), int64(c.Hidden+1), 10)
	c.aliases = append(c.aliases, alias)
	c.added = append(c.added, ", "...)
	c.added = column.appendForm(c.added, qualifier)
	c.added = append(c.added, " AS "...)
	c.added = quoteName(c.added, string(alias))
	c.Hidden++
	return c.Hidden - 1
}

// Definition is what a column definition of an answer says.
type Definition struct {
	Schema, Table, OrgTable, Name, OrgName []byte
	Text                                   bool // a character string, converted to the session's character set
	UTF8                                   bool // that is utf8 or utf8mb4
}

// Layout is where the columns of a Capture are in one answer. It is reused from
// one answer to the next, and allocates nothing once it has been large enough.
type Layout struct {
	capture *Capture
	client  int    // columns of the answer that are the client's, negative where no answer can be one to the SELECT
	at      []int  // of each field of each origin, -1 where it was not found
	ascii   []bool // of the same fields
	strange bool   // a column in the place of a hidden one is another
}

// Begin readies l for an answer to a SELECT of this capture. columns is the
// number of columns that the server's answer has, hidden ones included.
func (c *Capture) Begin(l *Layout, columns int) {
	l.capture, l.client, l.strange = c, columns-c.Hidden, false
	l.at, l.ascii = l.at[:0], l.ascii[:0]
	for range c.fields {
		l.at = append(l.at, -1)
		l.ascii = append(l.ascii, false)
	}
}

// Clone gives a copy that nothing is shared with but the Capture.
func (l *Layout) Clone() Layout {
	to := *l
	to.at, to.ascii = slices.Clone(l.at), slices.Clone(l.ascii)
	return to
}

// Definition notes which fields are in column i of the answer, as the server
// describes it. Where several columns can be a field the first one is.
func (c *Capture) Definition(l *Layout, i int, d Definition) {
	if i >= l.client {
		c.hiddenDefinition(l, i, d)
		return
	}
	if len(d.OrgName) == 0 {
		return
	}
	for k := range c.Origins {
		o := &c.Origins[k]
		known := false // that the column is one of this origin's
		for n := range o.Fields {
			f := &o.Fields[n]
			if l.at[o.first+n] >= 0 || f.Hidden >= 0 || !f.canBe(i, l.client) || !f.isNamed(d) {
				continue
			}
			if known = known || c.of(o, d); !known {
				break
			}
			l.note(o.first+n, i, d)
		}
	}
}

// hiddenDefinition is Definition for a column that is not the client's.
func (c *Capture) hiddenDefinition(l *Layout, i int, d Definition) {
	h := i - l.client
	if l.client < 0 || h >= len(c.aliases) || !isAlias(d.Name, c.aliases[h]) {
		l.strange = true
		return
	}
	for k := range c.Origins {
		o := &c.Origins[k]
		for n := range o.Fields {
			f := &o.Fields[n]
			if f.Hidden == h && (!f.Column.plain() || f.isNamed(d) && c.of(o, d)) {
				l.note(o.first+n, i, d)
			}
		}
	}
}

// isAlias reports whether a column has the name that was given to it. In a wide
// character set, such as utf16, there are NULs between its letters.
func isAlias(name, alias []byte) bool {
	if len(name) == len(alias) {
		return bytes.Equal(name, alias)
	}
	for _, b := range name {
		if b == 0 {
			continue
		}
		if len(alias) == 0 || b != alias[0] {
			return false
		}
		alias = alias[1:]
	}
	return len(alias) == 0
}

// Strange reports whether a column in the place of a hidden one has another name:
// then the answer is none to the SELECT with its columns, and nobody knows which
// of them are the client's.
func (l *Layout) Strange() bool { return l.strange }

// canBe reports whether column i of the client's can be the field.
func (f *Field) canBe(i, client int) bool {
	switch f.place {
	case fromLeft:
		return i == f.Left
	case fromRight:
		return i == client-1-f.Right
	}
	return i >= f.Left && i < client-f.Right
}

// isNamed reports whether a column has the name of the field's. Of a cursor, whose
// rows are those of a temporary table, the servers give the alias for it: that
// will do where nothing else can stand at its place.
func (f *Field) isNamed(d Definition) bool {
	return bytes.EqualFold(d.OrgName, f.name) || (f.Hidden >= 0 || f.place != between) && bytes.Equal(d.OrgName, d.Name)
}

// of reports whether a column is one of the origin's, by what the server says.
func (c *Capture) of(o *Origin, d Definition) bool {
	return c.sameName(d.Table, o.alias) && c.sameName(d.OrgTable, o.table) && c.sameName(d.Schema, o.schema)
}

func (c *Capture) sameName(a, b []byte) bool {
	return bytes.Equal(a, b) || c.fold && bytes.EqualFold(a, b)
}

func (l *Layout) note(field, i int, d Definition) {
	l.at[field] = i
	l.ascii[field] = d.Text && !d.UTF8
}

// Origin gives the columns of the server's answer in which the fields of origin
// k are, in their order. ok is false where one of them was not found.
func (l *Layout) Origin(k int) (at []int, ok bool) {
	o := &l.capture.Origins[k]
	at = l.at[o.first : o.first+len(o.Fields)]
	for _, i := range at {
		if i < 0 {
			return at, false
		}
	}
	return at, true
}

// ASCIIOnly says of each field of origin k whether it comes as text in a
// character set other than UTF-8: such a value is known only where each of its
// bytes is one of 0x01 to 0x7F, and the set has ASCII there (swe7 has not).
func (l *Layout) ASCIIOnly(k int) []bool {
	o := &l.capture.Origins[k]
	return l.ascii[o.first : o.first+len(o.Fields)]
}

// Last gives the greatest index of a column that is needed, or -1 where
// the rows of no origin can be known from the answer.
func (l *Layout) Last() int {
	last := -1
	for k := range l.capture.Origins {
		at, ok := l.Origin(k)
		if !ok {
			continue
		}
		for _, i := range at {
			last = max(last, i)
		}
	}
	return last
}

// visible reports whether the value that a SELECT shows of a column can be
// taken for it: always where its form is what is shown, and with strings that of
// a string too.
func (c *Column) visible(strings bool) bool {
	if c.plain() {
		return true
	}
	switch c.Class {
	case schema.String, schema.Enum, schema.Set:
		return strings && c.digest == nil
	}
	return false
}
