// Package rewrite decides what becomes of a statement: whether it passes, is
// refused, or is sent with a guard, and with which bytes. It is pure: no I/O, no
// clock, no session. What depends on a session comes in as an Env, what depends
// on constants, parameters and expectations as a Binding.
package rewrite

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// Rules is a policy held against a schema: what statements are judged by. It is
// immutable and shared by all sessions.
type Rules struct {
	// Generation tells two Rules of one process apart; plans made by one are
	// not valid for another.
	Generation uint64
	Policy     *policy.Policy
	Catalog    *schema.Catalog

	tables   map[schema.Name]*Table
	views    map[schema.Name]schema.Name // view → guarded table that it reaches
	routines map[schema.Name]schema.Name // routine → guarded table that it may write
	words    wordSet                     // what Mentions looks for
	wide     bool                        // one of the names is not plain ASCII
	schemas  map[string]bool             // schemas that hold a guarded table, folded
	foldCase bool
}

// Table is a guarded table as the rewriter needs it.
type Table struct {
	// ID tells tables apart in a read set. It stays the same as long as key and
	// token are made of the same columns, over reloads too.
	ID       uint32
	Name     schema.Name
	Label    string // the name as people read it, made once
	Settings policy.Settings
	Errors   policy.Errors
	Key      []Column
	Version  *Version // nil where the policy guards no version
	Ignore   []string
	require  []condition
	status   *machine      // nil where the policy has no status
	number   *numberer     // nil where no column is numbered
	pending  *pending      // nil where rows cannot be taken
	fault    error         // what is wrong with the SQL of the policy
	columns  *schema.Table // nil without a service account
	twin     *Table        // what it is while it is observed
	watched  *Table        // of a twin: the table itself
}

// Column is a column of a guarded table, or the digest of several.
type Column struct {
	Name   string
	Class  schema.Class // Unknown without a service account
	def    *schema.Column
	digest []*schema.Column // what a digest is made of; nil for a column
}

// Version is the token of a guarded table that is kept in columns.
type Version struct {
	Column   Column
	Term     *Column // second column that must match, or nil
	External policy.External
	Bump     policy.Bump // never the default: resolved by the column's type
	Nullable bool
	Max      uint64 // where the bump has to be kept from being clipped; 0 = nowhere
	Length   int    // of a character or binary column
	Fsp      int    // digits of the second's fraction of a temporal column
	// Triggered is whether a trigger may store another version than the statement
	// gives it.
	Triggered bool
}

var generations atomic.Uint64

// Compile holds p against c. Both must have been checked (schema.Check): a table
// that is in p and not in c is taken by what the policy alone says of it.
func Compile(p *policy.Policy, c *schema.Catalog) *Rules {
	r := &Rules{
		Generation: generations.Add(1),
		Policy:     p,
		Catalog:    c,
		tables:     map[schema.Name]*Table{},
		schemas:    map[string]bool{},
		foldCase:   c.LowerCaseTableNames != 0,
	}
	var names []schema.Name
	for _, pt := range p.Tables {
		name := schema.Name{Schema: pt.Name.Schema, Name: pt.Name.Table}
		t := compileTable(pt, name, c.Table(name))
		t.compileStatus(pt, c)
		r.tables[r.fold(name)] = t
		r.schemas[r.fold(name).Schema] = true
		r.word(name.Name)
		names = append(names, name)
	}
	r.views = map[schema.Name]schema.Name{}
	for view, base := range c.ViewsOf(names) {
		r.views[r.fold(view)] = base
		r.word(view.Name)
	}
	r.routines = map[schema.Name]schema.Name{}
	allowed := map[schema.Name]bool{}
	for _, rt := range p.Routines {
		allowed[foldRoutine(schema.Name{Schema: rt.Schema, Name: rt.Table})] = true
	}
	for routine, base := range c.RoutinesOf(names) {
		if allowed[foldRoutine(routine)] {
			continue
		}
		r.routines[foldRoutine(routine)] = base
		r.word(routine.Name)
	}
	if len(names) > 0 {
		// A text that is made at run time may name any table, and what drops a
		// database names none.
		r.words.add("prepare", true)
		r.words.add("execute", true)
		r.words.add("binlog", true)
		r.words.add("drop", false)
	}
	return r
}

// word makes statements that have the name in them looked at.
func (r *Rules) word(name string) {
	r.words.add(lower(name), true)
	r.wide = r.wide || !ascii(name)
}

func compileTable(pt *policy.Table, name schema.Name, st *schema.Table) *Table {
	t := &Table{Name: name, Label: name.String(), Settings: pt.Settings, Errors: pt.Errors, Ignore: pt.Ignore, columns: st}
	key := pt.Key
	if len(key) == 0 && st != nil {
		key = st.Key
	}
	for _, k := range key {
		t.Key = append(t.Key, t.column(k))
	}
	switch v := pt.Version; {
	case v == nil:
	case v.Digest.Given():
		t.Version = compileDigest(v, t)
	case v.Column != "":
		t.Version = compileVersion(v, t)
	}
	if pt.Number != nil {
		t.compileNumber(pt.Number.Column, pt.Number.Counter)
	}
	t.ID = tableID(t)
	t.twin = observedTwin(t)
	return t
}

// compileDigest makes a token of columns, those left out that writes may change
// without being noticed.
func compileDigest(pv *policy.Version, t *Table) *Version {
	c := Column{Name: "digest", Class: schema.Binary, digest: digestColumns(pv.Digest, t)}
	return &Version{Column: c, Bump: policy.BumpNone}
}

// tableID gives the number of a table.
func tableID(t *Table) uint32 {
	what := fmt.Sprintf("%q %q", t.Name.Schema, t.Name.Name)
	if t.watched != nil {
		what += " observed"
	}
	for _, c := range t.Key {
		what += fmt.Sprintf(" %q %d", c.Name, c.Class)
	}
	if v := t.Version; v != nil {
		what += fmt.Sprintf(" / %q %d", v.Column.Name, v.Column.Class)
		for _, c := range v.Column.digest {
			what += fmt.Sprintf(" %q %s", c.Name, c.DataType)
		}
		if v.Term != nil {
			what += fmt.Sprintf(" %q", v.Term.Name)
		}
	}
	return ids.of(what)
}

func compileVersion(pv *policy.Version, t *Table) *Version {
	v := &Version{Column: t.column(pv.Column), External: pv.External, Bump: pv.Bump, Nullable: true}
	if pv.Term != "" {
		term := t.column(pv.Term)
		v.Term = &term
	}
	if v.Bump == policy.BumpDefault {
		v.Bump = policy.BumpIncrement
		if v.Column.Class == schema.Temporal {
			v.Bump = policy.BumpNow
		}
	}
	if t.columns == nil {
		return v
	}
	if c := t.columns.Column(pv.Column); c != nil {
		v.Nullable, v.Length, v.Fsp = c.Nullable, c.Length, c.Fsp
		v.Triggered = t.columns.BeforeUpdateNames(c.Name) || v.Term != nil && t.columns.BeforeUpdateNames(v.Term.Name)
		// Arithmetic on a BIGINT that leaves its range is an error of the
		// server's in every sql_mode; a narrower column would be clipped.
		if v.Bump == policy.BumpIncrement || v.External != policy.ExternalNone {
			if v.Max = c.Max(); !strings.EqualFold(c.DataType, "bigint") || v.External != policy.ExternalNone {
				return v
			}
			v.Max = 0
		}
	}
	return v
}

func (t *Table) column(name string) Column {
	if t.columns != nil {
		if c := t.columns.Column(name); c != nil {
			return Column{Name: c.Name, Class: c.Class, def: c}
		}
	}
	return Column{Name: name}
}

// fold gives the form of a table's name in which the server compares it.
func (r *Rules) fold(n schema.Name) schema.Name {
	if r.foldCase {
		return foldRoutine(n)
	}
	return n
}

// foldRoutine is fold for routines: their names have no case, their schema's has.
func foldRoutine(n schema.Name) schema.Name {
	return schema.Name{Schema: lower(n.Schema), Name: lower(n.Name)}
}

// Table gives the guarded table of that name, or nil. db stands in for a missing schema.
func (r *Rules) Table(n schema.Name, db string) *Table {
	if n.Schema == "" {
		n.Schema = db
	}
	return r.tables[r.fold(n)]
}

// MaxReads gives how many expectations a scope of that kind keeps: the most that
// a table with that scope asks for.
func (r *Rules) MaxReads(kind policy.Scope) int {
	most := 0
	for _, t := range r.tables {
		if scope := t.Settings.Scope; scope == kind || scope == policy.ScopeContext && kind == policy.ScopeSession {
			most = max(most, t.Settings.MaxReads)
		}
	}
	return max(most, 1)
}

// Tables gives the number of guarded tables.
func (r *Rules) Tables() int { return len(r.tables) }

// All gives the guarded tables in the order of the policy.
func (r *Rules) All() []*Table {
	all := make([]*Table, 0, len(r.tables))
	for _, pt := range r.Policy.Tables {
		if t := r.Table(schema.Name{Schema: pt.Name.Schema, Name: pt.Name.Table}, ""); t != nil {
			all = append(all, t)
		}
	}
	return all
}

// KeyNames lists the key columns, for people.
func (t *Table) KeyNames() string { return t.keyNames() }

// VersionText names the version, for people.
func (t *Table) VersionText() string {
	v := t.Version
	switch {
	case v == nil:
		return ""
	case v.External != policy.ExternalNone:
		return v.Column.Name + " (external " + v.External.String() + ")"
	case v.Term != nil:
		return v.Column.Name + ", " + v.Term.Name + " (" + v.Bump.String() + ")"
	}
	return v.Column.Name + " (" + v.Bump.String() + ")"
}

// Mentions reports whether a token of stmt could name something that the
// policy guards or that reaches it, or run a text that could. A statement of
// which this is false touches no guarded table by name. It does not allocate.
func (r *Rules) Mentions(t *sqltext.Text, stmt sqltext.Span) bool {
	for i := int(stmt.Start); i < int(stmt.End); i++ {
		b := t.Bytes(i)
		doubled := false // a quote stands for itself
		switch t.Tokens[i].Kind {
		case sqltext.Word:
		case sqltext.Quoted:
			b = b[1 : len(b)-1]
			doubled = bytes.IndexByte(b, '`') >= 0 || bytes.IndexByte(b, '"') >= 0
		default:
			continue
		}
		if !doubled {
			has, sure := r.words.hasWord(b)
			if has {
				return true
			}
			if sure {
				continue
			}
		}
		name, ok := t.Name(i)
		if !ok || r.wide && !ascii(b) && !t.UTF8() {
			return true
		}
		if r.words.has(lower(name)) {
			return true
		}
	}
	return false
}

// Mention says whether a statement names anything guarded.
type Mention uint8

// What a scan tells of a statement.
const (
	Unsure Mention = iota // Mentions has to tell
	Nothing
	Something
)

// Scanned tells of the statement that the scan is at the start of what Mentions would.
// It stops at the first name that decides it, or makes it doubtful.
func (r *Rules) Scanned(scan *sqltext.Scan) Mention {
	for word := scan.Next(&r.words.sieve); word != nil; word = scan.Next(&r.words.sieve) {
		switch has, sure := r.words.hasWord(word); {
		case has:
			return Something
		case !sure:
			return Unsure
		}
	}
	if !scan.Sure() {
		return Unsure
	}
	return Nothing
}

// Wide reports whether one of the names that Mentions looks for is beyond ASCII.
func (r *Rules) Wide() bool { return r.wide }

// MentionsRaw is Mentions for a text that the lexer cannot read: it reports
// whether the bytes of one of the names occur in it at all, in any case.
func (r *Rules) MentionsRaw(sql []byte) bool {
	return r.words.occurs(sql) || r.wide && !ascii(sql)
}
