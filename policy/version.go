package policy

import (
	"ifmatch/fault"
)

// Version is what identifies the state of a row: a column, a column with a
// term beside it, or a digest of columns.
type Version struct {
	Pos      Position
	Column   string // "" with a digest
	Term     string // "" without a term; else both must match, and Column is bumped
	Digest   Digest
	External External
	Bump     Bump
}

// Digest is a token that is made of columns, for tables without a version.
type Digest struct {
	All     bool     // of all columns
	Columns []string // of these, where not All
}

// Given says whether the token is a digest rather than a column.
func (d Digest) Given() bool { return d.All || len(d.Columns) > 0 }

// External says that the writer brings the version in SET, and how it must
// compare with the one that is there.
type External uint8

// Kinds of External: the proxy bumps, or the new version must be greater, or
// greater or equal.
const (
	ExternalNone External = iota
	ExternalGT
	ExternalGE
)

// Bump is how a write changes the version column.
type Bump uint8

// Kinds of Bump. BumpDefault goes by the type of the column: increment for
// integers, now for temporal columns. With BumpNone a trigger does it.
const (
	BumpDefault Bump = iota
	BumpIncrement
	BumpNow
	BumpUUID
	BumpNone
)

var (
	externals = []string{"", "gt", "ge"}
	bumps     = []string{"", "increment", "now", "uuid", "none"}
)

// String gives the word of the policy language, "" for ExternalNone.
func (e External) String() string { return externals[e] }

// String gives the word of the policy language, "" for BumpDefault.
func (b Bump) String() string { return bumps[b] }

func (r *reader) version(n *fault.Node) *Version {
	v := &Version{Pos: n.Pos}
	if n.Kind == fault.String {
		v.Column = r.column(n, "version")
		r.locate("version.column", n.Pos)
		return v
	}
	if n.Kind != fault.Mapping {
		r.wants(n, "version", "a column name, or a mapping such as {column: version}")
		return v
	}
	given := r.fields(n, `"version"`, []field{
		{"column", func(n *fault.Node) { v.Column = r.column(n, "column") }},
		{"term", func(n *fault.Node) { v.Term = r.column(n, "term") }},
		{"digest", func(n *fault.Node) { v.Digest = r.digest(n) }},
		{"external", func(n *fault.Node) { word(r, n, "external", externals, &v.External) }},
		{"bump", func(n *fault.Node) { word(r, n, "bump", bumps, &v.Bump) }},
	})
	if _, ok := given.at["digest"]; ok {
		for _, key := range []string{"column", "term", "external", "bump"} {
			if pos, ok := given.at[key]; ok {
				r.faults.Add(pos, "%q cannot stand beside \"digest\", which takes the place of a version column; remove one of the two", key)
			}
		}
		return v
	}
	if given.lacks("column") {
		r.faults.Add(n.Pos, "\"version\" wants \"column\" or \"digest\", such as {column: version} or {digest: all}")
	}
	if _, ok := given.at["external"]; ok {
		if pos, also := given.at["bump"]; also {
			r.faults.Add(pos, "\"bump\" cannot stand beside \"external\": the writer brings the version; remove one of the two")
		}
		if pos, also := given.at["term"]; also {
			r.faults.Add(pos, "\"term\" cannot stand beside \"external\": the writer brings the version, and there is no term to match; remove one of the two")
		}
	}
	if v.Term != "" && sameColumn(v.Term, v.Column) {
		r.faults.Add(given.at["term"], "\"term\" and \"column\" are both %q; they want two different columns", v.Term)
	}
	return v
}

func (r *reader) digest(n *fault.Node) Digest {
	switch {
	case n.Kind == fault.String && n.Text == "all":
		return Digest{All: true}
	case n.Kind == fault.String:
		r.faults.Add(n.Pos, "\"digest\" wants all or a list of column names, has %s; write [%s] if it is a column", n.Describe(), n.Text)
	case n.Kind == fault.Sequence && len(n.Items) == 0:
		r.faults.Add(n.Pos, "\"digest\" has an empty list; write all, or the columns that the digest is made of")
	case n.Kind == fault.Sequence:
		return Digest{Columns: r.columns(n, "version.digest")}
	default:
		r.wants(n, "digest", "all or a list of column names")
	}
	return Digest{}
}
