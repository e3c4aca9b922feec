package rewrite

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"time"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// Source says where an expectation comes from.
type Source uint8

const (
	// NoExpectation is an unread row.
	NoExpectation Source = iota
	// FromHint is a hint in the statement, or SET @ifmatch before it.
	FromHint
	// FromWhere is the statement's own WHERE.
	FromWhere
	// FromSet is a whole row saved back: the constant that SET gives to the version.
	FromSet
	// FromRead is what the scope has read.
	FromRead
)

// String gives the source as explain names it.
func (s Source) String() string {
	return [...]string{"none", "hint", "the statement's WHERE", "the version in SET", "what was read"}[s]
}

// Token is the version of a row: what is expected or what was found.
type Token struct {
	Version Value
	Term    Value // NoValue where the table has no term
}

// Binding is what one execution of a plan adds to it.
type Binding struct {
	Key      []Value // of the key columns, in the order of the key
	Source   Source
	Expected Token
	External Value // the version that the writer brings, where versions are external
	Unread   bool  // nothing says what the writer has seen, and it could lose an update
	// Soft is an expectation that the write does not need: where it does not hold
	// the write is sent again without it. It tells whether it held.
	Soft    bool
	scratch []byte // for the text of a constant
	target  target // the state that it gives the row
	takes   bool   // it takes its row
	held    bool   // its row is taken, by the writer
	keep    bool   // the client's own assignment of the version stands
	skip    bool   // the version stays as it was where nothing else changes
	closed  bool   // an upsert may meet no row that was not looked at
	met     *Met   // the rows that an upsert may meet, once they are locked
}

// Refusal is the error of a statement that is not sent because of what it was
// bound to.
type Refusal struct {
	Unread bool // an unread row, rather than a statement that cannot be proved safe
	// Outlived says that the row was read, too long ago.
	Outlived bool
	// Wider says that the constants may pick several rows: see [Plan.Wider].
	Wider bool
	Text  string
}

// Error gives the text that the client sees.
func (r *Refusal) Error() string { return r.Text }

// refusal is the error of a statement that cannot be proved safe.
func refusal(format string, args ...any) *Refusal {
	return &Refusal{Text: "ifmatch: refused: " + fmt.Sprintf(format, args...)}
}

// Bind gives the plan its constants and parameters and finds the expectation.
// t is the text that the plan was made of, or one of the same shape; params are
// the values of its parameter markers; hint is nil where there is none.
func (p *Plan) Bind(t *sqltext.Text, params []Value, hint []sqltext.Pair, b *Binding) *Refusal {
	tab, v := p.Table, p.Table.Version
	*b = Binding{Key: b.Key[:0], scratch: b.scratch}
	if p.upsert != nil {
		return p.bindUpsert(t, params, hint, b)
	}
	for i, k := range p.key {
		value := p.value(t, k.operand, params)
		if !keyFits(tab.Key[i], value) {
			r := refusal("%s of %s is compared with a value of another type, which may pick several rows; give %s", tab.Key[i].Name, tab.Name, tab.Key[i].wants())
			r.Wider = true
			return r
		}
		b.Key = append(b.Key, value)
	}
	if p.limit != nil && !greater(p.value(t, *p.limit, params), UintValue(0)) {
		r := refusal("this LIMIT of %s on %s cannot be guarded; LIMIT 1 can", p.Verb, tab.Name)
		r.Wider = true
		return r
	}
	if refused := p.bindTarget(t, params, b); refused != nil {
		return refused
	}
	if refused := p.bindPending(t, params, b); refused != nil {
		return refused
	}
	if v == nil {
		if hint != nil {
			return refusal("%s has no version for a hint to name", tab.Name)
		}
		return nil
	}
	if p.own != nil {
		b.Source = FromWhere
		b.Expected.Version = p.value(t, *p.own, params)
		if p.ownTerm != nil {
			b.Expected.Term = p.value(t, *p.ownTerm, params)
		}
	}
	if hint != nil {
		token, err := v.hint(hint, tab)
		if err != nil {
			return err
		}
		b.Source, b.Expected = FromHint, token
	}
	if v.External != policy.ExternalNone && p.Verb == Update {
		return p.bindExternal(t, params, b)
	}
	if refused := p.bindAssigned(t, params, b); refused != nil {
		return refused
	}
	b.skip = p.bindChanges(t, params) && !p.setsColumns(b.target)
	b.Soft = b.Source == NoExpectation && p.passesUnread(t, params)
	return nil
}

// WantsRead reports whether what the scope has read of the row counts for the
// execution, because the statement itself says nothing of the version.
func (p *Plan) WantsRead(b *Binding) bool {
	return b.Source == NoExpectation && p.Table.Captured() && (p.Verb == Delete || p.Table.Version.External == policy.ExternalNone)
}

// Expect makes what the scope has read the expectation.
func (b *Binding) Expect(token Token) { b.Source, b.Expected = FromRead, token }

// Open takes a soft expectation back.
func (b *Binding) Open() { b.Source, b.Expected, b.Soft = NoExpectation, Token{}, false }

// BindUnread says what becomes of an execution for which no expectation was found.
func (p *Plan) BindUnread(b *Binding) *Refusal {
	tab, v := p.Table, p.Table.Version
	b.Unread = v != nil && b.Source == NoExpectation && !b.Soft && (p.Verb == Delete || v.External == policy.ExternalNone)
	if !b.Unread || tab.Settings.Unread != policy.UnreadRefuse {
		return nil
	}
	return &Refusal{Unread: true, Text: fmt.Sprintf("ifmatch: unread row on %s %s: %s", tab.Name, tab.keyText(b.Key), p.unreadAdvice())}
}

// unreadAdvice says what is wrong with a write to an unread row, and what would be right.
func (p *Plan) unreadAdvice() string {
	v := p.Table.Version
	return fmt.Sprintf("nothing says which %s the writer has seen; read the row first, or add %s", v.Column.Name, v.advice())
}

// Outlived is the refusal of a write that is held against a read of long ago.
func (p *Plan) Outlived(b *Binding, age time.Duration) *Refusal {
	return &Refusal{Unread: true, Outlived: true, Text: p.Table.outlivedText(p.Table.keyText(b.Key), age)}
}

// UnknownAge is the age of a read of which it is not known what was seen.
const UnknownAge = time.Duration(math.MaxInt64)

// outlivedText says that a row was read too long ago.
func (t *Table) outlivedText(key string, age time.Duration) string {
	if age == UnknownAge {
		return fmt.Sprintf("ifmatch: unread row on %s: what this context has read of it is not known, as the server that keeps it was not there; read it again",
			strings.TrimSpace(fmt.Sprint(t.Name, " ", key)))
	}
	return fmt.Sprintf("ifmatch: unread row on %s %s: it was read %s ago, and reads count for %s (read_ttl); read it again",
		t.Name, key, age.Round(time.Second), t.Settings.ReadTTL)
}

// advice says how a statement can give the expectation itself.
func (v *Version) advice() string {
	hint := "the hint /* ifmatch: " + v.names() + " */"
	if v.Column.digest != nil {
		return hint
	}
	return "AND " + v.Column.Name + " = … to WHERE, or " + hint
}

// bindExternal checks the version that the writer brings.
func (p *Plan) bindExternal(t *sqltext.Text, params []Value, b *Binding) *Refusal {
	given := p.value(t, p.assigned.operand, params)
	if refused := p.externalFits(given); refused != nil {
		return refused
	}
	b.External, _ = given.integer()
	b.keep = true
	return nil
}

// externalFits refuses what the writer brings where it is no version.
func (p *Plan) externalFits(v Value) *Refusal {
	given, ok := v.integer()
	if !ok {
		return refusal("the external version of %s must be a whole number", p.Table.Name)
	}
	if most := p.Table.Version.Max; most > 0 && !given.Neg && given.Abs > most {
		return refusal("the external version %s is beyond what %s of %s can hold", given, p.Table.Version.Column.Name, p.Table.Name)
	}
	return nil
}

// bindAssigned decides whether what the client itself assigns to the version
// stands, and whether it is the expectation.
func (p *Plan) bindAssigned(t *sqltext.Text, params []Value, b *Binding) *Refusal {
	v := p.Table.Version
	switch p.assigned.kind {
	case constant:
		given := p.value(t, p.assigned.operand, params)
		if b.Source == NoExpectation {
			b.Source, b.Expected.Version = FromSet, given
			if p.setTerm != nil {
				b.Expected.Term = p.value(t, *p.setTerm, params)
			}
			return v.fits(b.Expected, p.Table, "SET")
		}
		whole, ok := given.integer()
		b.keep = ok && v.Bump == policy.BumpIncrement && greater(whole, b.Expected.Version) && (v.Max == 0 || whole.Abs <= v.Max)
	case raised:
		by := p.value(t, p.assigned.operand, params)
		b.keep = by.Kind == Integer && v.Bump == policy.BumpIncrement && !v.Nullable && !by.Neg && by.Abs > 0 && (v.Max == 0 || by.Abs == 1)
	}
	return nil
}

// fits refuses an expectation that the server would take for another one: text
// that is no number is 0 to an integer column.
func (v *Version) fits(e Token, t *Table, where string) *Refusal {
	for _, c := range []struct {
		column *Column
		value  Value
	}{{&v.Column, e.Version}, {v.Term, e.Term}} {
		if c.column == nil || c.column.Class != schema.Integer || c.value.Kind != Text {
			continue
		}
		if _, whole := c.value.integer(); !whole {
			return refusal("the %s that %s gives for %s is no whole number", c.column.Name, where, t.Name)
		}
	}
	return nil
}

// passesUnread reports whether the statement needs no expectation: it adds to
// what is there. Adding NULL would not.
func (p *Plan) passesUnread(t *sqltext.Text, params []Value) bool {
	if p.removes() || !p.relative || p.Table.Settings.Relative != policy.RelativePass {
		return false
	}
	for _, o := range p.steps {
		if p.value(t, o, params).Kind == Null {
			return false
		}
	}
	return true
}

// value gives what an operand stands for.
func (p *Plan) value(t *sqltext.Text, o Operand, params []Value) Value {
	if o.param >= 0 {
		if o.param < len(params) {
			return params[o.param]
		}
		return Value{Kind: Opaque}
	}
	i := o.tok + len(t.Tokens) - len(tokens(t))
	switch t.Tokens[i].Kind {
	case sqltext.Number:
		return NumberValue(string(t.Bytes(i)), o.neg)
	case sqltext.String:
		if o.tok != o.from {
			return Value{Kind: Opaque}
		}
		if s, ok := t.StringText(i); ok {
			return TextValue(s)
		}
	case sqltext.Word:
		return Value{Kind: Null}
	}
	return Value{Kind: Opaque}
}

// hint turns the pairs of a hint into the token that it expects.
func (v *Version) hint(pairs []sqltext.Pair, t *Table) (Token, *Refusal) {
	var token Token
	for _, pair := range pairs {
		value := TextValue(pair.Value)
		if pair.Null {
			value = Value{Kind: Null}
		} else if whole, ok := value.integer(); ok && !pair.Quoted {
			value = whole
		}
		switch {
		case v.Column.digest != nil && sameName(pair.Name, v.Column.Name):
			sum, err := hex.DecodeString(pair.Value)
			if err != nil || len(sum) != sumSize {
				return token, refusal("the hint's digest for %s wants %d hexadecimal digits", t.Name, 2*sumSize)
			}
			token.Version = BytesValue(string(sum))
		case sameName(pair.Name, v.Column.Name) && token.Version.Kind == NoValue:
			token.Version = value
		case v.Term != nil && sameName(pair.Name, v.Term.Name) && token.Term.Kind == NoValue:
			token.Term = value
		default:
			return token, refusal("the hint's %s is no token of %s; it wants %s", pair.Name, t.Name, v.names())
		}
	}
	if token.Version.Kind == NoValue || v.Term != nil && token.Term.Kind == NoValue {
		return token, refusal("the hint for %s is not whole; it wants %s", t.Name, v.names())
	}
	return token, v.fits(token, t, "the hint")
}

// sumSize is the length of a digest in bytes.
const sumSize = 32

// names gives the token's columns as a hint writes them.
func (v *Version) names() string {
	if v.Term != nil {
		return v.Column.Name + "=…, " + v.Term.Name + "=…"
	}
	return v.Column.Name + "=…"
}

// text gives a token as messages show it: seq_no=9, primary_term=4.
func (v *Version) text(t Token) string {
	s := v.Column.Name + "=" + v.Column.show(t.Version)
	if v.Term != nil && t.Term.Kind != NoValue {
		s += ", " + v.Term.Name + "=" + v.Term.show(t.Term)
	}
	return s
}

// keyText gives a key as messages show it: id=100, or a=1, b='x'.
func (t *Table) keyText(key []Value) string {
	parts := make([]string, 0, len(t.Key))
	for i, c := range t.Key {
		if i < len(key) {
			parts = append(parts, c.Name+"="+c.show(key[i]))
		}
	}
	return strings.Join(parts, ", ")
}

// wants says what kind of constant names a value of the column.
func (c Column) wants() string {
	switch c.Class {
	case schema.Integer, schema.Year, schema.Bit:
		return "a whole number"
	case schema.Decimal:
		return "a number without exponent"
	case schema.Unknown:
		return "a number or a string"
	}
	return "a string"
}

// show gives a value of the column as messages show it: numbers bare, all else quoted.
func (c Column) show(v Value) string {
	switch c.Class {
	case schema.Integer, schema.Decimal, schema.Float, schema.Year, schema.Bit:
		if v.Kind == Text {
			return v.Text
		}
	case schema.Unknown:
		if whole, ok := v.integer(); ok {
			return whole.String()
		}
	case schema.Binary:
		if v.Kind == Text && strings.HasPrefix(v.Text, "0x") {
			return v.Text // as a probe shows it
		}
	default:
		if v.Kind == Integer || v.Kind == Decimal {
			return TextValue(v.String()).String()
		}
	}
	return v.String()
}
