package rewrite

import (
	"strconv"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// ArgKind says what an argument of a prepared statement is at the backend.
type ArgKind uint8

const (
	// ArgClient is a parameter of the client's.
	ArgClient ArgKind = iota
	// ArgOpen is 1 where no guard on the version is added, else 0.
	ArgOpen
	// ArgVersion is the expected version.
	ArgVersion
	// ArgTerm is the expected term.
	ArgTerm
	// ArgKeep is 1 where the client's own assignment of the version stands, else 0.
	ArgKeep
)

// Arg is one parameter of a prepared statement as the backend knows it.
type Arg struct {
	Kind   ArgKind
	Client int // ordinal among the client's parameters
}

// Value gives the value of an argument that is not the client's.
func (b *Binding) Value(a Arg) Value {
	switch a.Kind {
	case ArgOpen:
		return flag(b.open)
	case ArgKeep:
		return flag(b.keep)
	case ArgVersion:
		if !b.open {
			return b.Expected.Version
		}
	case ArgTerm:
		if !b.open && b.Expected.Term.Kind != NoValue {
			return b.Expected.Term
		}
	}
	return Value{Kind: Null}
}

func flag(on bool) Value {
	if on {
		return UintValue(1)
	}
	return UintValue(0)
}

// writer builds a statement out of the client's bytes and pieces of ours. With
// a Binding it writes text for one execution; without, the text that is
// prepared, in which switches stand for what the Binding decides later.
type writer struct {
	*Plan
	t    *sqltext.Text
	b    *Binding
	buf  []byte
	args []Arg
}

// AppendText appends the guarded statement for one execution to dst. t is the
// text that was bound.
func (p *Plan) AppendText(dst []byte, t *sqltext.Text, b *Binding) []byte {
	w := writer{Plan: p, t: t, b: b, buf: dst}
	w.statement()
	return w.buf
}

// Prepared gives the guarded statement as it is prepared at the backend, and
// what each of its parameters is.
func (p *Plan) Prepared(t *sqltext.Text) (sql []byte, args []Arg) {
	w := writer{Plan: p, t: t}
	w.statement()
	return w.buf, w.args
}

func (w *writer) prepared() bool { return w.b == nil }

// bytes copies the client's bytes [from, to) of its text.
func (w *writer) bytes(from, to int32) { w.buf = append(w.buf, w.t.SQL[from:to]...) }

// tokens copies the client's bytes of a part, and counts its parameters.
func (w *writer) tokens(p part) {
	if p.empty() {
		return
	}
	w.bytes(w.t.Tokens[p.from].Start, w.t.Tokens[p.to-1].End)
	w.count(p)
}

// count records the client's parameters in p.
func (w *writer) count(p part) {
	for i := ordinal(w.params, p.from); i < len(w.params) && int(w.params[i]) < p.to; i++ {
		w.args = append(w.args, Arg{ArgClient, i})
	}
}

func (w *writer) lit(s string) { w.buf = append(w.buf, s...) }

// mark writes a parameter marker of ours.
func (w *writer) mark(kind ArgKind) {
	w.buf = append(w.buf, '?')
	w.args = append(w.args, Arg{Kind: kind})
}

// column writes a column of the table, qualified as the statement does.
func (w *writer) column(name string) {
	w.lit(w.qualifier)
	w.buf = append(w.buf, '.')
	w.buf = quoteName(w.buf, name)
}

// statement writes the client's text with the pieces in their places.
func (w *writer) statement() {
	at := int32(0) // of the client's text, copied so far
	tok := 0       // tokens counted so far
	upTo := func(to int) {
		end := w.t.Tokens[to-1].End
		w.bytes(at, end)
		w.count(part{tok, to})
		at, tok = end, to
	}
	if w.Verb == Update && w.Table.Version != nil && w.Table.Version.External == policy.ExternalNone {
		if a := w.assigned; a.kind == unassigned {
			upTo(w.set.to)
			w.bump()
		} else if w.replaces() {
			upTo(a.value.from)
			w.bytes(at, w.t.Tokens[a.value.from].Start)
			w.value()
			at, tok = w.t.Tokens[a.value.to-1].End, a.value.to
		}
	}
	if w.wrap {
		upTo(w.where.from)
		w.bytes(at, w.t.Tokens[w.where.from].Start)
		at = w.t.Tokens[w.where.from].Start
		w.lit("(")
	}
	upTo(w.where.to)
	if w.wrap {
		w.lit(")")
	}
	w.guard()
	w.bytes(at, int32(len(w.t.SQL)))
	w.count(part{tok, len(w.t.Tokens)})
}

// bump appends the assignment that raises the version.
func (w *writer) bump() {
	if w.Table.Version.Bump == policy.BumpNone {
		return
	}
	w.lit(", ")
	w.column(w.Table.Version.Column.Name)
	w.lit(" = ")
	w.bumped()
}

// replaces reports whether the client's assignment of the version is touched.
func (w *writer) replaces() bool { return w.prepared() || !w.b.keep }

// value writes what the version is set to instead of the client's value.
func (w *writer) value() {
	a := w.assigned
	switch {
	case w.prepared() && (a.kind != unknown || !a.bare):
		w.lit("IF(")
		w.mark(ArgKeep)
		w.lit(", ")
		w.tokens(a.value)
		w.lit(", ")
		w.bumped()
		w.lit(")")
	default:
		w.bumped()
	}
}

// bumped writes the expression of the next version.
func (w *writer) bumped() {
	v := w.Table.Version
	switch v.Bump {
	case policy.BumpNow:
		now := "NOW(" + strconv.Itoa(v.Fsp) + ")"
		w.lit("COALESCE(GREATEST(" + now + ", ")
		w.column(v.Column.Name)
		w.lit(" + INTERVAL " + tick(v.Fsp) + "), " + now + ")")
	case policy.BumpUUID:
		switch {
		case v.Column.Class == schema.Binary && v.Length < 32:
			w.lit("UNHEX(REPLACE(UUID(), '-', ''))")
		case v.Length > 0 && v.Length < 36:
			w.lit("REPLACE(UUID(), '-', '')")
		default:
			w.lit("UUID()")
		}
	case policy.BumpNone:
		w.column(v.Column.Name)
	default:
		if v.Nullable && v.Column.Class != schema.Unknown {
			w.lit("COALESCE(")
			w.column(v.Column.Name)
			w.lit(", 0) + 1")
			return
		}
		w.column(v.Column.Name)
		w.lit(" + 1")
	}
}

// tick is the smallest step of a temporal column with fsp digits of fraction.
func tick(fsp int) string {
	if fsp == 0 {
		return "1 SECOND"
	}
	n := 1
	for i := fsp; i < 6; i++ {
		n *= 10
	}
	return strconv.Itoa(n) + " MICROSECOND"
}

// guard appends what must hold of the row besides the client's own condition.
func (w *writer) guard() {
	v := w.Table.Version
	if v == nil {
		return
	}
	w.expectation(v)
	if w.Verb != Update {
		return
	}
	if v.External != policy.ExternalNone {
		w.lit(" AND ")
		w.external(v)
		return
	}
	if v.Max > 0 && v.Bump == policy.BumpIncrement {
		w.lit(" AND COALESCE(")
		w.column(v.Column.Name)
		w.lit(", 0) < ")
		w.buf = strconv.AppendUint(w.buf, v.Max, 10)
	}
}

// expectation appends the comparison of the token with what is expected.
func (w *writer) expectation(v *Version) {
	columns := []*Column{&v.Column, v.Term}
	kinds := []ArgKind{ArgVersion, ArgTerm}
	for i, c := range columns {
		if c == nil {
			continue
		}
		if w.prepared() {
			w.lit(" AND (")
			w.mark(ArgOpen)
			w.lit(" OR ")
			w.column(c.Name)
			w.lit(" <=> ")
			w.mark(kinds[i])
			w.lit(")")
			continue
		}
		value := w.b.Value(Arg{Kind: kinds[i]})
		if w.b.open || i == 1 && w.b.Expected.Term.Kind == NoValue {
			continue
		}
		w.lit(" AND ")
		w.column(c.Name)
		if value.Kind == Null {
			w.lit(" IS NULL")
			continue
		}
		w.lit(" = ")
		if i == 0 && w.b.Source == FromSet {
			// The client's own bytes: whatever they mean, they meant it.
			w.tokens(w.assigned.operand.part)
			continue
		}
		w.buf = value.appendLiteral(w.buf)
	}
}

// external appends the comparison with the version that the writer brings.
func (w *writer) external(v *Version) {
	if v.Nullable {
		w.lit("(")
	}
	w.column(v.Column.Name)
	if v.External == policy.ExternalGE {
		w.lit(" <= ")
	} else {
		w.lit(" < ")
	}
	w.tokens(w.assigned.operand.part)
	if v.Nullable {
		w.lit(" OR ")
		w.column(v.Column.Name)
		w.lit(" IS NULL)")
	}
}
