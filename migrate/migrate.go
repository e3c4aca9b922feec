// Package migrate is what a policy needs of the backend and does not find
// there: version columns, the schema ifmatch, and triggers for writers that go
// around the proxy.
//
// [Make] is pure: it makes a [Plan] out of the policy, the catalog and what
// [Read] has found out about the tables' storage. [Plan.Print] writes the plan
// as SQL for the mariadb and mysql clients, [Plan.Apply] carries it out. A plan
// that was carried out is empty when it is made again.
package migrate

import (
	"fmt"
	"slices"
	"strings"

	"ifmatch/ledger"
	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// Options say what a plan is to hold beside the columns.
type Options struct {
	Triggers bool // a trigger for each table that bumps the version where the writer did not
}

// Plan is what is missing, in the order in which it has to be made.
type Plan struct {
	Steps    []Step
	Warnings []string // what is there and not as good as it could be, a sentence each
	Notes    []string // what the reader has to know whatever is missing
	Rights   []string // statements that grant what accounts need; they are for people to adapt
}

// Step is one statement that has to be run.
type Step struct {
	On    string // the table or schema, for people: "shop.products"
	For   string // what the statement is for
	SQL   string // without algorithm and semicolon
	In    string // the schema that has to be the current one; "" for any
	Alter bool   // an ALTER TABLE, which takes an algorithm; else it touches no row
	Cost  Cost   // what an ALTER TABLE is expected to cost
	Size  string // of the table, for people, where the cost goes by it
	// Able is a statement without effect that fails where the account that runs
	// the step lacks what the step's effect needs later; "" for none.
	Able string
}

// Statement gives the SQL with the clause that has the server fail rather than
// do the work in a dearer way than cost. It has no semicolon.
func (s *Step) Statement(cost Cost) string {
	if !s.Alter {
		return s.SQL
	}
	return s.SQL + cost.clause()
}

// Make holds a policy against the catalog and plans what is missing. faults has
// what [schema.Check] finds wrong beside missing version columns, and what
// cannot be made safely; with faults the plan is of no use.
//
// The columns that the plan adds are added to the catalog's tables as well, so
// that the policy is checked against the schema as it will be. The catalog must
// therefore be the caller's own, and not one that sessions share.
func Make(p *policy.Policy, c *schema.Catalog, b *Backend, o Options) (plan *Plan, faults policy.Faults) {
	m := maker{catalog: c, backend: b, options: o, plan: &Plan{}, names: map[string]schema.Name{}}
	if p.NeedsLedger() {
		for _, s := range b.Ledger {
			m.add(Step{On: strings.TrimSuffix(ledger.Schema+"."+s.Name, "."), For: s.For, SQL: s.SQL})
		}
	}
	var entries []*entry
	seen := map[schema.Name]bool{}
	for _, t := range p.Tables {
		name := schema.Name{Schema: t.Name.Schema, Name: t.Name.Table}
		in := c.Table(name)
		if in == nil || t.Version == nil || t.Version.Column == "" || seen[c.Fold(name)] {
			continue // there is nothing to make, or schema.Check says why not
		}
		seen[c.Fold(name)] = true
		entries = append(entries, &entry{maker: &m, Table: t, in: in, storage: b.Tables[c.Fold(name)]})
	}
	for _, e := range entries {
		e.columns()
	}
	if o.Triggers {
		for _, e := range entries {
			e.trigger()
		}
	}
	m.remarks(entries)
	m.plan.Rights = rights(p, c.Flavor, len(m.plan.Steps) > 0, o)
	faults = m.faults
	for _, f := range schema.Check(c, p) {
		// Of a column that is not added, we have said more.
		if !slices.ContainsFunc(m.faults, func(ours policy.Fault) bool { return ours.Pos == f.Pos }) {
			faults = append(faults, f)
		}
	}
	faults.Sort()
	return m.plan, faults
}

// use gives the statement that makes the step's schema the current one, or "".
func (s *Step) use() string {
	if s.In == "" {
		return ""
	}
	return "USE " + quote(s.In)
}

// maker makes one plan.
type maker struct {
	catalog *schema.Catalog
	backend *Backend
	options Options
	plan    *Plan
	faults  policy.Faults
	names   map[string]schema.Name // of planned triggers, in lower case: their tables
}

func (m *maker) add(s Step) { m.plan.Steps = append(m.plan.Steps, s) }

func (m *maker) warn(format string, args ...any) {
	m.plan.Warnings = append(m.plan.Warnings, fmt.Sprintf(format, args...))
}

func (m *maker) note(format string, args ...any) {
	m.plan.Notes = append(m.plan.Notes, fmt.Sprintf(format, args...))
}

// entry is a table with a version column, in the policy and on the server.
type entry struct {
	*maker
	*policy.Table
	in      *schema.Table
	storage Storage
}

// sql is the table's name as SQL has it.
func (e *entry) sql() string { return quote(e.in.Name.Schema) + "." + quote(e.in.Name.Name) }

// alter plans an ALTER TABLE of the entry's table.
func (e *entry) alter(what, purpose string, cost Cost) {
	s := Step{On: e.in.Name.String(), For: purpose, SQL: "ALTER TABLE " + e.sql() + " " + what, Alter: true, Cost: cost}
	if cost > Instant {
		s.Size = e.storage.size()
	}
	e.add(s)
}

// remarks adds what holds for the plan as a whole.
func (m *maker) remarks(entries []*entry) {
	if m.backend.StatementBinlog && len(entries) > 0 {
		m.warn("binlog_format is STATEMENT: a replica computes defaults and UUIDs anew and gets other versions; set MIXED or ROW")
	}
	if slices.ContainsFunc(m.plan.Steps, func(s Step) bool { return s.Alter }) {
		m.note("An account that has rights on single columns wants SELECT and UPDATE on the version columns too.")
	}
	if m.options.Triggers {
		m.note("A trigger runs with the rights of the account that makes it, which has to stay.")
		m.note("A trigger fires for every writer, but not for what a foreign key writes: ON DELETE and ON UPDATE of a foreign key bump no version.")
		for _, e := range entries {
			for _, key := range e.in.Cascades {
				m.warn("%s is written by its foreign key %s whenever %s is; no trigger sees that", e.in.Name, key.Name, key.Parent)
			}
		}
	}
	for _, unseen := range m.catalog.Unseen {
		m.warn("not seen: %s", unseen)
	}
}

// rights gives the statements that grant what is needed, with the accounts
// 'ifmatch' and 'app' for people to put theirs.
func rights(p *policy.Policy, flavor sqltext.Flavor, changes bool, o Options) []string {
	const service, app = "'ifmatch'@'%'", "'app'@'%'"
	reads := "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO " + service
	if flavor == sqltext.MySQL {
		reads = "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, SHOW_ROUTINE ON *.* TO " + service
	}
	list := []string{reads}
	if changes {
		what := "ALTER, CREATE, INSERT"
		if o.Triggers {
			// A trigger runs with the rights of who made it.
			what += ", UPDATE, TRIGGER"
		}
		for _, name := range schemas(p) {
			list = append(list, "GRANT "+what+" ON "+quote(name)+".* TO "+service)
		}
	}
	if p.NeedsLedger() {
		list = append(list, "GRANT ALL PRIVILEGES ON `ifmatch`.* TO "+service)
	}
	for _, t := range p.Tables {
		if t.Pending != nil {
			list = append(list, "GRANT UPDATE, DELETE ON "+quote(t.Name.Schema)+"."+quote(t.Name.Table)+" TO "+service)
		}
	}
	return append(list, "GRANT EXECUTE ON `ifmatch`.* TO "+app)
}

// schemas gives the schemas of the policy's tables, each once.
func schemas(p *policy.Policy) []string {
	var names []string
	seen := map[string]bool{}
	for _, t := range p.Tables {
		if !seen[t.Name.Schema] {
			seen[t.Name.Schema] = true
			names = append(names, t.Name.Schema)
		}
	}
	return names
}

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
