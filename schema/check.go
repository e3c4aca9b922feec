package schema

import (
	"slices"
	"strconv"
	"strings"

	"ifmatch/fault"
	"ifmatch/policy"
)

// Check holds a policy against the catalog and gives every fault, sorted by its
// position in the policy; none is nil. Against an offline catalog it asks only
// what needs no backend: that every table names its key.
func Check(c *Catalog, p *policy.Policy) policy.Faults {
	var faults policy.Faults
	seen := map[Name]*policy.Table{}
	for _, t := range p.Tables {
		n := Name{t.Name.Schema, t.Name.Table}
		if first, ok := seen[c.Fold(n)]; ok {
			faults.Add(t.Pos, "%s is the table %s of line %d: this server compares names without case (lower_case_table_names=%d); remove one of the two",
				n, first.Name, first.Pos.Line, c.LowerCaseTableNames)
			continue
		}
		seen[c.Fold(n)] = t
		switch table := c.Table(n); {
		case table != nil:
			k := entry{Table: t, in: table, faults: &faults}
			k.check()
		case !c.offline:
			faults.Add(t.Pos, "%s", c.noTable(n))
		case len(t.Key) == 0:
			faults.Add(t.Pos, "%s has no key: without a backend to read the primary key from, give it as key: [column, …]", n)
		}
	}
	for i, rt := range p.Routines {
		if n := (Name{rt.Schema, rt.Table}); !c.offline && !c.hasRoutine(n) {
			faults.Add(p.PosOfRoutine(i), "no such routine %s%s", n, fault.DidYouMean(n.String(), c.routineNames()))
		}
	}
	faults.Sort()
	return faults
}

// noTable says why a name stands for no table.
func (c *Catalog) noTable(n Name) string {
	if v := c.View(n); v != nil {
		return n.String() + " is a view; guard the table that it shows"
	}
	if kind := c.others[c.Fold(n)]; kind != "" {
		return n.String() + " is a " + kind + ", not a table"
	}
	known := c.tableNames(n.Schema)
	text := "no such table " + n.String()
	if len(known) == 0 {
		return text + ": there is no table at all in " + quote(n.Schema)
	}
	return text + fault.DidYouMean(n.String(), known)
}

// entry is a table's entry in a policy, beside the table.
type entry struct {
	*policy.Table
	in     *Table
	key    []*Column // what can be found of the key
	faults *policy.Faults
}

func (e *entry) fault(pos policy.Position, format string, args ...any) {
	e.faults.Add(pos, format, args...)
}

func (e *entry) check() {
	switch {
	case e.in.Engine == "":
		e.fault(e.Pos, "%s cannot be opened by the server, so its engine is not known", e.in.Name)
	case !e.in.Transactional:
		e.fault(e.Pos, "%s has the engine %s, whose statements cannot be undone; guarded tables want InnoDB (ALTER TABLE … ENGINE=InnoDB)", e.in.Name, e.in.Engine)
	}
	e.checkKey()
	if e.Version != nil {
		e.checkVersion(e.Version)
	}
	e.checkIgnore()
	e.checkConditions()
	if e.Pending != nil {
		e.checkPending()
	}
}

// column gives the column of that name, or adds a fault.
func (e *entry) column(name string, pos policy.Position) *Column {
	col := e.in.Column(name)
	if col == nil {
		e.fault(pos, "%s has no column %q%s", e.in.Name, name, fault.DidYouMean(name, e.in.columnNames()))
	}
	return col
}

func (e *entry) checkKey() {
	names, given := e.Key, len(e.Key) > 0
	if !given {
		names = e.in.Key
	}
	if len(names) == 0 {
		e.fault(e.Pos, "%s has no primary key; name the columns of a unique index as key: [column, …]", e.in.Name)
		return
	}
	whole := true
	for i, name := range names {
		pos := e.PosOf(item("key", i))
		col := e.column(name, pos)
		if col == nil {
			whole = false
			continue
		}
		e.key = append(e.key, col)
		switch {
		case col.Class == Float, col.Long():
			e.fault(pos, "key column %q of %s is of type %s, whose values cannot be named exactly; a key wants integers, strings, binary or temporal columns",
				col.Name, e.in.Name, col.describe())
		case given && col.Nullable:
			e.fault(pos, "key column %q of %s can be NULL, and a unique index lets NULL repeat; make it NOT NULL or choose another key", col.Name, e.in.Name)
		}
	}
	if given && whole && !e.unique() {
		e.fault(e.PosOf("key"), "no unique index of %s has exactly the columns [%s]%s", e.in.Name, strings.Join(names, ", "), e.uniqueKeys())
	}
}

// unique says whether there is a unique index over exactly the key's columns.
func (e *entry) unique() bool {
	for _, index := range append(slices.Clone(e.in.Unique), e.in.Key) {
		if len(index) == len(e.key) && !slices.ContainsFunc(e.key, func(c *Column) bool { return !contains(index, c.Name) }) {
			return true
		}
	}
	return false
}

// uniqueKeys says what would be right instead of a key that is not unique.
func (e *entry) uniqueKeys() string {
	var keys []string
	for _, index := range append([][]string{e.in.Key}, e.in.Unique...) {
		if len(index) > 0 {
			keys = append(keys, "["+strings.Join(index, ", ")+"]")
		}
	}
	if keys == nil {
		return "; it has none at all"
	}
	return "; there is " + fault.OneOf(keys)
}

func (e *entry) inKey(col *Column) bool { return slices.Contains(e.key, col) }

func (e *entry) checkVersion(v *policy.Version) {
	if v.Digest.Given() {
		e.checkDigest(v.Digest)
	}
	if v.Column != "" {
		pos := e.PosOf("version.column")
		if col := e.column(v.Column, pos); col != nil {
			e.checkToken(col, "version", pos)
			e.checkBump(v, col)
		}
	}
	if v.Term != "" {
		pos := e.PosOf("version.term")
		if col := e.column(v.Term, pos); col != nil {
			e.checkToken(col, "term", pos)
			if col.Class != Integer {
				e.fault(pos, "term column %q of %s is of type %s; a term wants an integer", col.Name, e.in.Name, col.describe())
			}
		}
	}
}

// checkDigest asks that the digest is made of something, and of nothing whose
// values it cannot tell apart.
func (e *entry) checkDigest(d policy.Digest) {
	exact := func(col *Column, pos policy.Position) {
		if !col.Digestible() {
			e.fault(pos, "column %q of %s is of type %s, whose values a digest is not known to tell apart; list the columns that the digest is made of without it",
				col.Name, e.in.Name, col.describe())
		}
	}
	for i, name := range d.Columns {
		pos := e.PosOf(item("version.digest", i))
		if col := e.column(name, pos); col != nil {
			exact(col, pos)
		}
	}
	if !d.All {
		return
	}
	pos, of := e.PosOf("version.digest"), 0
	for _, col := range e.in.Columns {
		if !col.Generated && !contains(e.Ignore, col.Name) {
			exact(col, pos)
			of++
		}
	}
	if of == 0 {
		e.fault(pos, "no column of %s is left for the digest: all are generated or under \"ignore\"", e.in.Name)
	}
}

// checkToken asks what holds for version and term alike.
func (e *entry) checkToken(col *Column, what string, pos policy.Position) {
	if col.Generated {
		e.fault(pos, "%s column %q of %s is generated, so no write can set it", what, col.Name, e.in.Name)
	}
	if e.inKey(col) {
		e.fault(pos, "%s column %q of %s is part of the key, which says which row it is and not in what state", what, col.Name, e.in.Name)
	}
}

func (e *entry) checkBump(v *policy.Version, col *Column) {
	pos := e.PosOf("version.bump")
	is := func(want string) {
		e.fault(pos, "version column %q of %s is of type %s; %s", col.Name, e.in.Name, col.describe(), want)
	}
	if v.External != policy.ExternalNone {
		if col.Class != Integer {
			pos = e.PosOf("version.external")
			is("an external version wants an integer")
		}
		return
	}
	switch v.Bump {
	case policy.BumpDefault:
		if col.Class != Integer && col.Class != Temporal {
			pos = e.PosOf("version.column")
			is("only integers (bump: increment) and DATETIME or TIMESTAMP (bump: now) have a bump of their own; give bump: uuid for a CHAR(36), or bump: none where a trigger changes it")
		}
	case policy.BumpIncrement:
		if col.Class != Integer {
			is("bump: increment wants an integer")
		}
	case policy.BumpNow:
		if col.Class != Temporal {
			is("bump: now wants DATETIME or TIMESTAMP")
		}
	case policy.BumpUUID:
		if !holdsUUID(col) {
			is("bump: uuid wants CHAR or VARCHAR of 32 or more, or BINARY(16)")
		}
	case policy.BumpNone:
		// A trigger makes of it what it likes.
	}
}

// holdsUUID says whether a column takes a UUID, at the least without its hyphens.
func holdsUUID(col *Column) bool {
	switch col.DataType {
	case "char", "varchar":
		return col.Length >= 32
	case "binary":
		return col.Length == 16
	}
	return false
}

func (e *entry) checkIgnore() {
	for i, name := range e.Ignore {
		pos := e.PosOf(item("ignore", i))
		col := e.column(name, pos)
		switch {
		case col == nil:
		case e.inKey(col):
			e.fault(pos, "%q is a key column of %s; a change of it cannot be ignored", col.Name, e.in.Name)
		case e.Version != nil && (strings.EqualFold(e.Version.Column, name) || strings.EqualFold(e.Version.Term, name)):
			e.fault(pos, "%q is the version of %s; a change of it cannot be ignored", col.Name, e.in.Name)
		}
	}
}

func contains(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

// item is the key under which a policy keeps the position of a list's item.
func item(key string, i int) string {
	return key + "[" + strconv.Itoa(i) + "]"
}

// Missing says why a name stands for nothing that can be read, "" where it does,
// or where it is not known: offline, and of a schema that was not read.
func (c *Catalog) Missing(n Name) string {
	if c.offline || c.Table(n) != nil || c.View(n) != nil || c.others[c.Fold(n)] != "" || len(c.tableNames(n.Schema)) == 0 {
		return ""
	}
	return c.noTable(n)
}
