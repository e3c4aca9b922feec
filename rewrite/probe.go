package rewrite

import (
	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// Probe is a SELECT that says why a guarded write met no row: it reads the row
// of the write's key as it is now, under a lock, with the client's own rights.
// Its columns are the key, the version, the term if there is one, what reason.go
// says of the status, and two
// truths, '1' or '0': whether the client's own condition holds and whether the
// guard does. Every column is a binary string, in UTF-8, in both protocols.
type Probe struct {
	SQL  []byte
	Args []Arg // parameters, where the write is a prepared statement
}

// Lock is the way in which a server takes a lock without waiting for long.
type Lock string

// Locks of a probe. NOWAIT has to be tried again; WAIT 2 waits 2 seconds by
// itself. LockPlain is for servers that are neither MySQL nor MariaDB.
const (
	LockMySQL Lock = " FOR SHARE NOWAIT"
	LockMaria Lock = " LOCK IN SHARE MODE WAIT 2"
	LockPlain Lock = ""
)

// Probe builds the probe of an execution. For a prepared statement the probe is
// one too, with the client's parameters in their own types.
func (p *Plan) Probe(t *sqltext.Text, b *Binding, prepared bool, lock Lock) Probe {
	return p.probe(t, b, prepared, false, lock)
}

// BoundProbe is the probe of an execution of what [Plan.Bound] gives.
func (p *Plan) BoundProbe(t *sqltext.Text, b *Binding, lock Lock) Probe {
	return p.probe(t, b, true, true, lock)
}

func (p *Plan) probe(t *sqltext.Text, b *Binding, prepared, saves bool, lock Lock) Probe {
	w := writer{Plan: p, sql: t.SQL, toks: tokens(t), b: b, target: b.target, lock: lock, saves: saves}
	w.lit("SELECT ")
	w.judged(p.rest, prepared)
	w.lit(" FROM ")
	if prepared {
		w.reference()
	} else {
		w.tokens(p.target)
	}
	w.lit(" WHERE ")
	for i, k := range p.key {
		if i > 0 {
			w.lit(" AND ")
		}
		w.tokens(k.conjunct)
	}
	w.lit(" LIMIT 2")
	w.lit(string(lock))
	return Probe{SQL: w.buf, Args: w.args}
}

// judged writes the columns that [Plan.Judge] reads: key, version, term, what the
// status says, and the truths of the client's own condition and of the guard.
func (w *writer) judged(own []part, prepared bool) {
	for _, c := range w.Table.Key {
		w.shown(c)
		w.lit(", ")
	}
	v := w.Table.Version
	if v != nil {
		w.shown(v.Column)
		w.lit(", ")
		if v.Term != nil {
			w.shown(*v.Term)
			w.lit(", ")
		}
	}
	if w.asks(w.b) {
		w.reasons()
	}
	w.truth(func() {
		for i, c := range own {
			if i > 0 {
				w.lit(" AND ")
			}
			w.lit("(")
			w.tokens(c)
			w.lit(")")
		}
	}, len(own) > 0)
	w.lit(", ")
	w.truth(func() {
		w.lit("TRUE")
		for _, c := range w.ownParts {
			w.lit(" AND (")
			w.tokens(c)
			w.lit(")")
		}
		if v == nil {
			return
		}
		b := w.b
		if prepared && !w.saves {
			w.b = nil
		}
		w.expectation(v)
		w.b = b
		if w.Verb == Update && v.External != policy.ExternalNone {
			w.lit(" AND ")
			w.external(v)
		}
	}, true)
}

// reference writes the table as the client named it, with its database: that of
// the session may have changed since the statement was prepared.
func (w *writer) reference() {
	at := w.Plan.target
	if next := at.from + 1; (next >= at.to || string(w.sql[w.toks[next].Start:w.toks[next].End]) != ".") && ascii(w.Table.Name.Schema) {
		w.buf = append(quoteName(w.buf, w.Table.Name.Schema), '.')
	}
	w.tokens(at)
}

// shown writes a column as the text that messages show.
func (w *writer) shown(c Column) {
	w.lit("CAST(")
	switch {
	case c.digest != nil:
		w.lit("CONCAT('0x', HEX(")
		w.form(&c)
		w.lit("))")
	case c.Class == schema.Binary:
		w.lit("CONCAT('0x', HEX(")
		w.column(c.Name)
		w.lit("))")
	case c.Class == schema.Bit:
		w.column(c.Name)
		w.lit(" + 0")
	default:
		w.lit("CAST(")
		w.column(c.Name)
		w.lit(" AS CHAR CHARACTER SET utf8mb4)")
	}
	w.lit(" AS BINARY)")
}

// truth writes a condition as '1' or '0'; one that is not there holds.
func (w *writer) truth(condition func(), there bool) {
	if !there {
		w.lit("CAST('1' AS BINARY)")
		return
	}
	w.lit("CAST(CASE WHEN ")
	condition()
	w.lit(" THEN '1' ELSE '0' END AS BINARY)")
}

// Needed reports whether a write that met no row has to be looked into: whether
// anything but the client's own condition could be the reason.
func (p *Plan) Needed(b *Binding) bool {
	v := p.Table.Version
	switch {
	case p.Table.Settings.Missing == policy.MissingConflict, p.asks(b):
		return true
	case v == nil:
		return false
	case p.expects(b):
		return true
	}
	return p.Verb == Update && (v.External != policy.ExternalNone || v.Max > 0 && v.Bump == policy.BumpIncrement)
}

// Certain reports whether a write that met no row is an error for sure: its own
// condition names nothing but the key and the version.
func (p *Plan) Certain(b *Binding) bool {
	return len(p.rest) == 0 && (p.expects(b) || p.Table.Settings.Missing == policy.MissingConflict)
}

// expects reports whether the row's version, or its absence, is a conflict: with
// own_version: pass what the client's own WHERE says is its own affair.
func (p *Plan) expects(b *Binding) bool {
	return b.Source != NoExpectation &&
		(b.Source != FromWhere || p.Table.Settings.OwnVersion != policy.OwnVersionPass)
}
