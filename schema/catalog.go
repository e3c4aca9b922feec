// Package schema is what the tables of the backend are: their keys, columns and
// engines, and the views, routines, triggers, events and cascades that can
// write them.
//
// A [Catalog] is one look at it, read through the service account, immutable
// and shared by all sessions. Who wants to see later DDL reads another one.
package schema

import (
	"cmp"
	"slices"
	"strings"

	"ifmatch/sqltext"
)

// Name is the name of a table, view, routine or event, as the server or the
// policy spells it. Whether case counts is for the [Catalog] to say.
type Name struct{ Schema, Name string }

// String gives "schema.name", with backticks around a part that has a dot or a
// backtick in it.
func (n Name) String() string { return quote(n.Schema) + "." + quote(n.Name) }

func quote(s string) string {
	if !strings.ContainsAny(s, ".`") {
		return s
	}
	return "`" + strings.ReplaceAll(s, "`", "``") + "`"
}

func compareNames(a, b Name) int {
	return cmp.Or(cmp.Compare(a.Schema, b.Schema), cmp.Compare(a.Name, b.Name))
}

// lower is a name without its case. Bodies are searched by it, and the names of
// routines and events have no case on any server.
func (n Name) lower() Name {
	return Name{strings.ToLower(n.Schema), strings.ToLower(n.Name)}
}

// Catalog is what the backend's tables were when it was read. Nothing in it may
// be changed.
type Catalog struct {
	Flavor      sqltext.Flavor
	VersionText string // as VERSION() gives it
	Version     int    // as executable comments count it: 101106, 90700

	// LowerCaseTableNames is the server's variable of that name: 0 names are
	// compared exactly, 1 stored in lower case and 2 compared in lower case.
	LowerCaseTableNames int
	MaxAllowedPacket    int64  // the server's global value, in bytes
	ReadsUncommitted    bool   // the server's global isolation level, which new sessions begin with, is READ UNCOMMITTED
	SQLMode             string // the server's global value, which new sessions begin with

	// Unseen says what the service account is not allowed to look at, a
	// sentence each, with the privilege that would show it. What was not
	// seen is missing from Writers, ViewsOf and RoutinesOf.
	Unseen []string

	offline  bool
	tables   map[Name]*Table // by folded name, as all maps here
	views    map[Name]*View
	routines []*Routine // sorted by name
	events   []*Event
	triggers []*Trigger      // of every table of the server, also of those not in tables
	others   map[Name]string // sequences and the like: what they are
}

// Offline is a catalog without a backend: it knows no table, compares names
// exactly, and takes the flavor's own default for max_allowed_packet.
func Offline(flavor sqltext.Flavor, version int) *Catalog {
	c := &Catalog{Flavor: flavor, Version: version, MaxAllowedPacket: 64 << 20, offline: true}
	if flavor == sqltext.MariaDB {
		c.MaxAllowedPacket = 16 << 20
	}
	return c
}

// Offline says whether the catalog was made without a backend, so that a table
// that is not in it may still exist.
func (c *Catalog) Offline() bool { return c.offline }

// Fold gives the form of a table's or view's name in which the server compares
// it: two names are the same table where their folded names are equal.
func (c *Catalog) Fold(n Name) Name {
	if c.LowerCaseTableNames != 0 {
		return n.lower()
	}
	return n
}

// Table gives the base table of that name, or nil. All tables of the schemas
// for which the catalog was read are in it.
func (c *Catalog) Table(n Name) *Table { return c.tables[c.Fold(n)] }

// View gives the view of that name, or nil. The views of all schemas are in the
// catalog, those of the server's own schemas aside.
func (c *Catalog) View(n Name) *View { return c.views[c.Fold(n)] }

// Procedure gives the stored procedure of that name, or nil.
func (c *Catalog) Procedure(n Name) *Routine { return c.routine(n, true) }

// Function gives the stored function of that name, or nil.
func (c *Catalog) Function(n Name) *Routine { return c.routine(n, false) }

func (c *Catalog) routine(n Name, procedure bool) *Routine {
	for _, r := range c.routines {
		if r.Procedure == procedure && !r.Package && strings.EqualFold(r.Name.Name, n.Name) &&
			c.Fold(r.Name).Schema == c.Fold(n).Schema {
			return r
		}
	}
	return nil
}

// hasRoutine reports whether there is a procedure, function or package of that name.
func (c *Catalog) hasRoutine(n Name) bool {
	return slices.ContainsFunc(c.routines, func(rt *Routine) bool { return rt.Name.lower() == n.lower() })
}

// routineNames gives the names of all routines but the server's own.
func (c *Catalog) routineNames() []string {
	var names []string
	for _, rt := range c.routines {
		if !isSystem(rt.Name.Schema) {
			names = append(names, rt.Name.String())
		}
	}
	return names
}

// tableNames gives the names of the tables of a schema, sorted, as the server
// spells them.
func (c *Catalog) tableNames(schema string) []string {
	var names []string
	for n, t := range c.tables {
		if n.Schema == c.Fold(Name{Schema: schema}).Schema {
			names = append(names, t.Name.String())
		}
	}
	slices.Sort(names)
	return names
}
