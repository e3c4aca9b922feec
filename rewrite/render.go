package rewrite

import (
	"strconv"
	"strings"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// ArgKind says what an argument of a prepared statement is at the backend.
type ArgKind uint8

const (
	// ArgClient is a parameter of the client's.
	ArgClient ArgKind = iota
	// ArgOpen is 0 where a hint gives the expectation, else 1.
	ArgOpen
	// ArgSaved is 0 where the version in SET is the expectation, else 1.
	ArgSaved
	// ArgVersion is the expected version.
	ArgVersion
	// ArgTerm is the expected term.
	ArgTerm
	// ArgUnheld is 0 where what was read gives the expectation, else 1.
	ArgUnheld
	// ArgLoose is 0 where a hint or what was read gives the expectation, else 1:
	// for columns that are compared in one way with both.
	ArgLoose
	// ArgLooseVersion and ArgLooseTerm are the expectation in that case.
	ArgLooseVersion
	ArgLooseTerm
	// ArgReadVersion is the version that was read, in its canonical form.
	ArgReadVersion
	// ArgReadTerm is the term that was read, in its canonical form.
	ArgReadTerm
	// ArgKeep is 1 where the client's own assignment of the version stands, else 0.
	ArgKeep
	// ArgSkip is 1 where the version stays as it was if nothing else changes, else 0.
	ArgSkip
	// ArgHeld is 1 where the row is taken by the writer, else 0.
	ArgHeld
)

// Arg is one parameter of a prepared statement as the backend knows it.
type Arg struct {
	Kind   ArgKind
	Client int  // ordinal among the client's parameters
	Again  bool // the client's parameter stands before it already
}

// repeated marks the parameters of the client's that stand in a statement before.
func repeated(args []Arg, params int) {
	seen := make([]bool, params)
	for i, a := range args {
		if a.Kind == ArgClient {
			args[i].Again, seen[a.Client] = seen[a.Client], true
		}
	}
}

// Value gives the value of an argument that is not the client's.
func (b *Binding) Value(a Arg) Value {
	switch a.Kind {
	case ArgOpen:
		return switched(b.Source != FromHint)
	case ArgUnheld:
		return switched(b.Source != FromRead)
	case ArgLoose:
		return switched(b.Source != FromRead && b.Source != FromHint)
	case ArgSaved:
		return switched(b.Source != FromSet)
	case ArgKeep:
		return switched(b.keep)
	case ArgSkip:
		return switched(b.skip)
	case ArgHeld:
		return switched(b.held)
	case ArgVersion:
		if b.Source == FromHint {
			return b.Expected.Version
		}
	case ArgTerm:
		if b.Source == FromHint {
			return b.Expected.Term
		}
	case ArgLooseVersion:
		if b.Source == FromHint || b.Source == FromRead {
			return b.Expected.Version
		}
	case ArgLooseTerm:
		if b.Source == FromHint || b.Source == FromRead {
			return b.Expected.Term
		}
	case ArgReadVersion:
		if b.Source == FromRead {
			return b.Expected.Version.formValue()
		}
	case ArgReadTerm:
		if b.Source == FromRead {
			return b.Expected.Term.formValue()
		}
	}
	return Value{Kind: Null}
}

// formValue gives a value as forms that are no plain column are compared with
// it: as bytes.
func (v Value) formValue() Value {
	switch v.Kind {
	case Text:
		v.Kind = Bytes
	case Integer, Decimal:
		return BytesValue(v.String())
	}
	return v
}

func switched(on bool) Value {
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
	sql  []byte
	toks []sqltext.Token // of the statement
	b    *Binding
	buf  []byte
	args []Arg
	as   string // name by which columns are qualified, where it is not the plan's
	// target is the state that the statement gives its row.
	target target
	lock   Lock // that sub-selects take, in a probe
	// Of a write whose rows are locked: the bindings of its parts, and to which rows
	// they are confined.
	bs     []Binding
	only   []Confinement
	stated *Value // stands for the state that the statement gives, where its text cannot
	saves  bool   // parameters of the client's are not repeated where their value can stand
}

// name gives the name by which columns are qualified.
func (w *writer) name() string {
	if w.as != "" {
		return w.as
	}
	return w.qualifier
}

// AppendText appends the guarded statement for one execution to dst. t is the
// text that was bound.
func (p *Plan) AppendText(dst []byte, t *sqltext.Text, b *Binding) []byte {
	var w writer // one copy of it: this is where sessions need most of their stacks
	w.Plan, w.sql, w.toks = p, t.SQL, tokens(t)
	w.b, w.buf, w.target = b, dst, b.target
	if p.upsert != nil {
		w.upserted()
		return w.buf
	}
	w.statement()
	return w.buf
}

// Prepared gives the guarded statement as it is prepared at the backend, and
// what each of its parameters is.
func (p *Plan) Prepared(t *sqltext.Text) (sql []byte, args []Arg) {
	w := writer{Plan: p, sql: t.SQL, toks: tokens(t), target: p.targetOf(t, new([]byte))}
	if p.upsert != nil {
		if p.upsert.free {
			w.target = target{}
		}
		w.upserted()
	} else {
		w.statement()
	}
	repeated(w.args, p.Params())
	return w.buf, w.args
}

// Bound gives the guarded statement for one execution of a prepared one: what the guard
// expects stands in its text, and args are parameters of the client's alone. It is for
// statements that have no room for those of [Plan.Prepared].
func (p *Plan) Bound(dst []byte, t *sqltext.Text, b *Binding) (sql []byte, args []Arg) {
	w := writer{Plan: p, sql: t.SQL, toks: tokens(t), b: b, buf: dst, target: b.target, saves: true}
	w.statement()
	repeated(w.args, p.Params())
	return w.buf, w.args
}

func (w *writer) prepared() bool { return w.b == nil }

// bytes copies the client's bytes [from, to) of its text.
func (w *writer) bytes(from, to int32) { w.buf = append(w.buf, w.sql[from:to]...) }

// tokens copies the tokens of a part to another place, and counts its
// parameters. Comments stay behind: their marks would not match there.
func (w *writer) tokens(p part) {
	for i := p.from; i < p.to; i++ {
		w.space(p, i)
		tok := w.toks[i]
		w.buf = appendToken(w.buf, w.sql[tok.Start:tok.End], tok.Kind)
	}
	w.count(p)
}

// appendToken copies a token to another place. A name in double quotes stays one there
// whatever sql_mode has become since the statement was prepared.
func appendToken(dst, b []byte, kind sqltext.Kind) []byte {
	if kind == sqltext.Quoted && b[0] == '"' && ascii(b) {
		return quoteName(dst, strings.ReplaceAll(string(b[1:len(b)-1]), `""`, `"`))
	}
	return append(dst, b...)
}

// space keeps token i of a part from the one before as the client does.
func (w *writer) space(p part, i int) {
	if i > p.from && w.toks[i].Start != w.toks[i-1].End {
		w.buf = append(w.buf, ' ')
	}
}

// count records the client's parameters in p.
func (w *writer) count(p part) {
	for i := ordinal(w.params, p.from); i < len(w.params) && int(w.params[i]) < p.to; i++ {
		w.args = append(w.args, Arg{Kind: ArgClient, Client: i})
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
	w.lit(w.name())
	w.buf = append(w.buf, '.')
	w.buf = quoteName(w.buf, name)
}

// form writes the canonical form of a column.
func (w *writer) form(c *Column) { w.buf = c.appendForm(w.buf, w.name()) }

// statement writes the client's text with the pieces in their places.
func (w *writer) statement() {
	if w.several != nil && w.several.joined() {
		w.apart((*writer).joinedStatement)
		return
	}
	at := int32(0) // of the client's text, copied so far
	tok := 0       // tokens counted so far
	upTo := func(to int) {
		end := w.toks[to-1].End
		w.bytes(at, end)
		w.count(part{tok, to})
		at, tok = end, to
	}
	if w.setsColumns(w.target) {
		upTo(w.set.from)
		w.lit(" ")
		if to := w.target; to.kind == targetGroup && w.heldSets != nil && w.heldSets[to.group] != "" {
			w.lit(w.heldSets[to.group])
		} else {
			w.apart((*writer).settings)
		}
		w.assignments()
		at, tok = w.toks[w.set.to-1].End, w.set.to
		w.gap(at)
	} else if w.versions() {
		if a := w.assigned; a.kind == unassigned && w.skips() {
			upTo(w.set.from)
			w.bumpFirst()
			w.gap(at)
		} else if a.kind == unassigned {
			upTo(w.set.to)
			w.bump()
			w.gap(at)
		} else if w.replaces() {
			upTo(a.value.from)
			w.bytes(at, w.toks[a.value.from].Start)
			w.value()
			at, tok = w.toks[a.value.to-1].End, a.value.to
			w.balance(a.value)
			w.gap(at)
		}
	}
	if w.where.empty() {
		w.whereless(upTo, &at)
		w.bytes(at, int32(len(w.sql)))
		w.count(part{tok, len(w.toks)})
		return
	}
	if w.wrap {
		upTo(w.where.from)
		w.bytes(at, w.toks[w.where.from].Start)
		at = w.toks[w.where.from].Start
		w.lit("(")
	}
	upTo(w.where.to)
	if w.wrap {
		w.lit(")")
	}
	w.guards()
	w.gap(at)
	w.bytes(at, int32(len(w.sql)))
	w.count(part{tok, len(w.toks)})
}

// guards appends what keeps the write from rows that it must not have.
func (w *writer) guards() {
	switch {
	case w.only != nil:
		w.apart((*writer).confinement)
	case w.several != nil:
		w.apart((*writer).raising)
	default:
		w.guard()
	}
}

// whereless is for a statement without WHERE, to which one is added where there
// is a guard.
func (w *writer) whereless(upTo func(int), at *int32) {
	if end := w.several.after.from; w.toks[end-1].End > *at {
		upTo(end)
	}
	from, args := len(w.buf), len(w.args)
	w.lit(" WHERE TRUE")
	guard := len(w.buf)
	w.guards()
	if len(w.buf) == guard {
		w.buf, w.args = w.buf[:from], w.args[:args]
		return
	}
	w.gap(*at)
}

// gap keeps what was written from running into the client's text from at on:
// 'x'WHERE is two tokens, 1WHERE is one.
func (w *writer) gap(at int32) {
	if int(at) < len(w.sql) && w.sql[at] > ' ' && strings.IndexByte(",;)", w.sql[at]) < 0 {
		w.lit(" ")
	}
}

// balance makes up for the mark of an executable comment that begins or ends
// within a part that was left out.
func (w *writer) balance(p part) {
	switch first, last := w.toks[p.from].Exec, w.toks[p.to-1].Exec; {
	case first && !last:
		w.lit(" */")
	case last && !first:
		w.lit(" /*! ")
	}
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
		w.next()
		w.lit(")")
	default:
		w.next()
	}
}

// bumped writes the expression of the next version. What is seldom asked for stands in
// methods of its own, so that it takes no room on the stack.
func (w *writer) bumped() {
	v := w.Table.Version
	switch {
	case v.Bump == policy.BumpNow:
		w.bumpedNow(v)
	case v.Bump == policy.BumpUUID:
		w.bumpedUUID(v)
	case v.Bump == policy.BumpNone:
		w.column(v.Column.Name)
	case v.Nullable && v.Column.Class != schema.Unknown:
		w.lit("COALESCE(")
		w.column(v.Column.Name)
		w.lit(", 0) + 1")
	default:
		w.column(v.Column.Name)
		w.lit(" + 1")
	}
}

func (w *writer) bumpedNow(v *Version) {
	now := "NOW(" + strconv.Itoa(v.Fsp) + ")"
	w.lit("COALESCE(GREATEST(" + now + ", ")
	w.column(v.Column.Name)
	w.lit(" + INTERVAL " + tick(v.Fsp) + "), " + now + ")")
}

func (w *writer) bumpedUUID(v *Version) {
	switch {
	case v.Column.Class == schema.Binary && v.Length < 32:
		w.lit("UNHEX(REPLACE(UUID(), '-', ''))")
	case v.Length > 0 && v.Length < 36:
		w.lit("REPLACE(UUID(), '-', '')")
	case w.skips(), w.prepared() && w.assigned.kind != unassigned:
		// MariaDB's UUID() beside another value makes UUIDs of both.
		w.lit("CONCAT(UUID())")
	default:
		w.lit("UUID()")
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
