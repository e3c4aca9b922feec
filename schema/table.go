package schema

import (
	"slices"
	"strings"
)

// Table is a base table.
type Table struct {
	Name          Name
	Engine        string // "" where the server cannot open the table
	Transactional bool   // a statement on it is undone when its transaction is
	Columns       []*Column
	Key           []string   // columns of the primary key, in its order; nil without one
	Unique        [][]string // columns of each other unique index over plain columns
	Opaque        bool       // there is a unique index over an expression, or over a column's beginning
	Triggers      []*Trigger // those that fire on this table
	Cascades      []Cascade  // foreign keys through which a write to another table writes this one
}

// Column gives the column of that name, or nil. Column names have no case.
func (t *Table) Column(name string) *Column {
	for _, c := range t.Columns {
		if strings.EqualFold(c.Name, name) {
			return c
		}
	}
	return nil
}

// BeforeInsert reports whether a trigger fires before a row is inserted, and so
// may store other values than the statement gives.
func (t *Table) BeforeInsert() bool {
	return slices.ContainsFunc(t.Triggers, (*Trigger).beforeInsert)
}

// BeforeInsertNames reports whether such a trigger names the column or could not
// be read: one that does not name it leaves its value alone.
func (t *Table) BeforeInsertNames(column string) bool {
	column = strings.ToLower(column)
	return slices.ContainsFunc(t.Triggers, func(tr *Trigger) bool {
		return tr.beforeInsert() && (tr.uses.names == nil || tr.uses.name(Name{"new", column}))
	})
}

// BumpTrigger is how the names of the triggers begin that bump a version for
// writers that go around the proxy. They leave alone what the proxy has bumped.
const BumpTrigger = "ifmatch_bump_"

// BeforeUpdateNames reports whether a trigger that fires before a row is updated
// names the column or could not be read, a [BumpTrigger] aside: it may store
// another value than the statement gives.
func (t *Table) BeforeUpdateNames(column string) bool {
	column = strings.ToLower(column)
	return slices.ContainsFunc(t.Triggers, func(tr *Trigger) bool {
		return tr.Timing == "BEFORE" && tr.Event == "UPDATE" && !strings.HasPrefix(strings.ToLower(tr.Name), BumpTrigger) &&
			(tr.uses.names == nil || tr.uses.name(Name{"new", column}))
	})
}

func (t *Table) columnNames() []string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	return names
}

// Cascade is a foreign key of a table that has the server write the table when
// the parent's row is updated or deleted.
type Cascade struct {
	Name     string // of the constraint
	Parent   Name
	OnUpdate string // CASCADE, SET NULL, SET DEFAULT, RESTRICT or NO ACTION
	OnDelete string
}

// writes says what the foreign key does to its own table, or "".
func (c Cascade) writes() string {
	var does []string
	for _, rule := range []struct{ on, do string }{{"DELETE", c.OnDelete}, {"UPDATE", c.OnUpdate}} {
		switch rule.do {
		case "CASCADE", "SET NULL", "SET DEFAULT":
			does = append(does, "ON "+rule.on+" "+rule.do)
		}
	}
	return strings.Join(does, " ")
}

// Trigger is a trigger. Its body runs with its own schema as the default one.
type Trigger struct {
	Name   string
	Table  Name   // on which it fires
	Timing string // BEFORE or AFTER
	Event  string // INSERT, UPDATE or DELETE
	Body   string
	uses   uses
}

// beforeInsert reports whether the trigger fires before an INSERT. MariaDB's may
// fire on several events.
func (tr *Trigger) beforeInsert() bool {
	return tr.Timing != "AFTER" && (tr.Event == "" || strings.Contains(tr.Event, "INSERT"))
}

// View is a view.
type View struct {
	Name       Name
	Definition string // the server's own canonical text; "" where the service account may not see it
	Updatable  bool   // the server lets it be written
	uses       uses
}

// Routine is a stored procedure or function, or a package of MariaDB, which
// stands here as one routine under its own name.
type Routine struct {
	Name      Name
	Procedure bool // else a function or a package
	Package   bool
	Body      string // "" where not Readable
	Readable  bool   // false where the service account may not see the body, or it is not SQL
	uses      uses
}

// Event is an event of the server's scheduler.
type Event struct {
	Name    Name
	Enabled bool
	Body    string
	uses    uses
}
