package schema

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Writer is something that can write a guarded table without the client's
// statement naming the table.
type Writer struct {
	Kind   string // "cascade", "event", "routine", "trigger" or "view"
	Name   Name   // of the writer; of a cascade, the constraint's
	Table  Name   // the guarded table, as the caller spelled it
	Detail string // what it is and why it counts, for a reader
}

// Writers gives what can write the named tables behind the proxy's back, sorted
// by table, kind and name. Bodies are searched for the tables' names, not
// understood, so a writer may turn out to write something else; none that the
// service account could see is left out. The server's own schemas are.
func (c *Catalog) Writers(names []Name) []Writer {
	r := c.reach(names)
	var out []Writer
	add := func(kind string, n Name, found []target, detail string) {
		for _, f := range found {
			out = append(out, Writer{kind, n, f.table, strings.TrimPrefix(detail+", "+f.why, ", ")})
		}
	}
	for _, v := range c.sortedViews() {
		if v.Updatable {
			add("view", v.Name, r.views[v.Name.lower()], "")
		}
	}
	for _, rt := range c.routines {
		if !isSystem(rt.Name.Schema) {
			add("routine", rt.Name, r.ofRoutine(rt), rt.kind())
		}
	}
	for _, tr := range c.triggers {
		add("trigger", Name{tr.Table.Schema, tr.Name}, r.ofProgram(&tr.uses, tr.Table.Schema),
			tr.Timing+" "+tr.Event+" on "+tr.Table.String())
	}
	for _, e := range c.events {
		detail := ""
		if !e.Enabled {
			detail = "disabled"
		}
		add("event", e.Name, r.ofProgram(&e.uses, e.Name.Schema), detail)
	}
	for _, n := range names {
		if t := c.Table(n); t != nil {
			for _, key := range t.Cascades {
				out = append(out, Writer{"cascade", Name{t.Name.Schema, key.Name}, n, key.writes() + " of " + key.Parent.String()})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Writer) int {
		return cmp.Or(compareNames(a.Table, b.Table), cmp.Compare(a.Kind, b.Kind), compareNames(a.Name, b.Name))
	})
	return out
}

// ViewsOf gives the views that show the named tables, directly or through other
// views, and for each one of these tables. A view whose definition the service
// account may not see counts.
func (c *Catalog) ViewsOf(names []Name) map[Name]Name {
	r := c.reach(names)
	out := map[Name]Name{}
	for _, v := range c.views {
		if found := r.views[v.Name.lower()]; len(found) > 0 {
			out[v.Name] = found[0].table
		}
	}
	return out
}

// RoutinesOf gives the procedures, functions and packages that may write the
// named tables, and for each one of these tables: their bodies name the table
// or a view of it and have a keyword that writes, or have dynamic SQL, or
// cannot be seen, or name another routine that may.
//
// MariaDB's package stands under its own name, and what is in it is called as
// package.routine: of CALL a.b, the name b in schema a and the name a in the
// current schema both have to be looked up.
func (c *Catalog) RoutinesOf(names []Name) map[Name]Name {
	r := c.reach(names)
	out := map[Name]Name{}
	for _, rt := range c.routines {
		if found := r.ofRoutine(rt); len(found) > 0 {
			out[rt.Name] = found[0].table
		}
	}
	return out
}

// target is a guarded table that something reaches, and how it does.
type target struct {
	table Name
	why   string
}

// reach is how named tables can be come to: through views and routines, both by
// their names in lower case.
type reach struct {
	names    []Name
	tables   map[Name]Name // by name in lower case
	views    map[Name][]target
	routines map[Name][]target
}

func (c *Catalog) reach(names []Name) *reach {
	r := &reach{
		names:    names,
		tables:   map[Name]Name{},
		views:    map[Name][]target{},
		routines: map[Name][]target{},
	}
	if len(names) == 0 {
		return r
	}
	for _, n := range names {
		r.tables[n.lower()] = n
	}
	r.throughViews(c.sortedViews())
	r.throughRoutines(c.routines)
	return r
}

func (c *Catalog) sortedViews() []*View {
	return slices.SortedFunc(maps.Values(c.views), func(a, b *View) int { return compareNames(a.Name, b.Name) })
}

// throughViews goes over the views until no view reaches more than before.
func (r *reach) throughViews(views []*View) {
	for grown := true; grown; {
		grown = false
		for _, v := range views {
			key := v.Name.lower()
			found := r.shown(&v.uses)
			if v.Definition == "" {
				found = r.any(v.Name.Schema, "its definition cannot be seen, so it may be of any table")
			}
			if len(found) > len(r.views[key]) {
				r.views[key] = found
				grown = true
			}
		}
	}
}

// throughRoutines goes over the routines until no routine reaches more.
func (r *reach) throughRoutines(routines []*Routine) {
	for grown := true; grown; {
		grown = false
		for _, rt := range routines {
			key := rt.Name.lower()
			// A procedure and a function may share a name.
			found := merge(r.routines[key], r.ofRoutine(rt))
			if len(found) > len(r.routines[key]) {
				r.routines[key] = found
				grown = true
			}
		}
	}
}

// ofRoutine gives what a routine may write.
func (r *reach) ofRoutine(rt *Routine) []target {
	if rt.Readable {
		return r.ofProgram(&rt.uses, rt.Name.Schema)
	}
	// The server's own functions write nothing of anybody's, and a function
	// can have no dynamic SQL.
	if isSystem(rt.Name.Schema) && !rt.Procedure {
		return nil
	}
	return r.any(rt.Name.Schema, "its body cannot be seen, so it may write any table")
}

// ofProgram gives what a body may write.
func (r *reach) ofProgram(u *uses, schema string) []target {
	var found []target
	if u.writes {
		found = r.shown(u)
	}
	for _, callee := range named(r.routines, u.name) {
		for _, f := range r.routines[callee] {
			found = merge(found, []target{{f.table, "names routine " + callee.String()}})
		}
	}
	if u.dynamic {
		found = merge(found, r.any(schema, "has dynamic SQL, so it may write any table"))
	}
	return found
}

// shown gives the tables that a text names, itself or through a view.
func (r *reach) shown(u *uses) []target {
	var found []target
	for _, n := range named(r.tables, u.table) {
		found = merge(found, []target{{r.tables[n], "names it"}})
	}
	for _, view := range named(r.views, u.table) {
		for _, f := range r.views[view] {
			found = merge(found, []target{{f.table, "names view " + view.String()}})
		}
	}
	return found
}

// any stands for all tables where it cannot be known which: it gives one of the
// schema if there is one.
func (r *reach) any(schema, why string) []target {
	for _, n := range r.names {
		if strings.EqualFold(n.Schema, schema) {
			return []target{{n, why}}
		}
	}
	return []target{{r.names[0], why}}
}

// named gives the keys of known that a text names, sorted.
func named[T any](known map[Name]T, names func(Name) bool) []Name {
	var found []Name
	for n := range known {
		if names(n) {
			found = append(found, n)
		}
	}
	slices.SortFunc(found, compareNames)
	return found
}

// merge adds the tables of more that have does not have.
func merge(have, more []target) []target {
	for _, m := range more {
		if !slices.ContainsFunc(have, func(h target) bool { return h.table == m.table }) {
			have = append(have, m)
		}
	}
	return have
}

func (rt *Routine) kind() string {
	switch {
	case rt.Package:
		return "package"
	case rt.Procedure:
		return "procedure"
	}
	return "function"
}

func isSystem(schema string) bool {
	return strings.Contains(systemSchemas, "'"+strings.ToLower(schema)+"'")
}
