package schema

import (
	"database/sql"
	"slices"
	"strings"

	"ifmatch/sqltext"
)

// This file reads what is not a table: what can write one without its name
// being in the client's statement.

func (r *reader) triggers() error {
	const query = `SELECT TRIGGER_SCHEMA, TRIGGER_NAME, EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_STATEMENT, SQL_MODE
		FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA NOT IN ` + systemSchemas + ` ORDER BY TRIGGER_SCHEMA, TRIGGER_NAME`
	return r.each(query, nil, func(scan func(...any) error) error {
		var own, mode string
		var tr Trigger
		var body sql.NullString
		if err := scan(&own, &tr.Name, &tr.Table.Schema, &tr.Table.Name, &tr.Timing, &tr.Event, &body, &mode); err != nil {
			return err
		}
		// MariaDB has one row for each event of a trigger of several.
		if last := len(r.c.triggers) - 1; last >= 0 && r.c.triggers[last].Name == tr.Name && r.c.triggers[last].Table == tr.Table {
			r.c.triggers[last].Event += " OR " + tr.Event
			return nil
		}
		tr.Body = body.String
		tr.uses = r.uses(own, tr.Body, mode)
		r.c.triggers = append(r.c.triggers, &tr)
		if t := r.c.Table(tr.Table); t != nil {
			t.Triggers = append(t.Triggers, &tr)
		}
		return nil
	})
}

func (r *reader) views() error {
	const query = `SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION, IS_UPDATABLE
		FROM information_schema.VIEWS WHERE ` + notTheServers
	return r.each(query, nil, func(scan func(...any) error) error {
		var v View
		var definition sql.NullString
		var updatable string
		if err := scan(&v.Name.Schema, &v.Name.Name, &definition, &updatable); err != nil {
			return err
		}
		v.Definition = definition.String
		v.Updatable = updatable == "YES"
		// The definition is the server's own print: its quotes depend on no
		// sql_mode, and every table has its schema.
		v.uses = r.uses("", v.Definition, "")
		r.c.views[r.c.Fold(v.Name)] = &v
		return nil
	})
}

func (r *reader) routines() error {
	const query = `SELECT ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE, ROUTINE_BODY, ROUTINE_DEFINITION, SQL_MODE
		FROM information_schema.ROUTINES ORDER BY ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE`
	return r.each(query, nil, func(scan func(...any) error) error {
		var rt Routine
		var kind, language, mode string
		var body sql.NullString
		if err := scan(&rt.Name.Schema, &rt.Name.Name, &kind, &language, &body, &mode); err != nil {
			return err
		}
		if kind == "PACKAGE" {
			return nil // declarations only
		}
		rt.Procedure = kind == "PROCEDURE"
		rt.Package = kind == "PACKAGE BODY"
		rt.Readable = body.Valid && language == "SQL"
		if rt.Readable {
			rt.Body = body.String
			rt.uses = r.uses(rt.Name.Schema, rt.Body, mode)
		}
		r.c.routines = append(r.c.routines, &rt)
		return nil
	})
}

func (r *reader) events() error {
	const query = `SELECT EVENT_SCHEMA, EVENT_NAME, STATUS, EVENT_DEFINITION, SQL_MODE
		FROM information_schema.EVENTS WHERE EVENT_SCHEMA NOT IN ` + systemSchemas + ` ORDER BY EVENT_SCHEMA, EVENT_NAME`
	return r.each(query, nil, func(scan func(...any) error) error {
		var e Event
		var status, mode string
		var body sql.NullString
		if err := scan(&e.Name.Schema, &e.Name.Name, &status, &body, &mode); err != nil {
			return err
		}
		e.Enabled = status == "ENABLED"
		e.Body = body.String
		e.uses = r.uses(e.Name.Schema, e.Body, mode)
		r.c.events = append(r.c.events, &e)
		return nil
	})
}

// grants fills Catalog.Unseen: information_schema leaves out without a word
// what the account may not see.
func (r *reader) grants() error {
	var lines []string
	err := r.each("SHOW GRANTS", nil, func(scan func(...any) error) error {
		var line string
		if err := scan(&line); err != nil {
			return err
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		return err
	}
	r.c.Unseen = unseen(r.c.Flavor, lines)
	return nil
}

// unseenTriggers begins the sentence that says that triggers were not seen.
const unseenTriggers = "triggers"

// SeesTriggers reports whether the service account could see all triggers.
func (c *Catalog) SeesTriggers() bool {
	return !slices.ContainsFunc(c.Unseen, func(s string) bool { return strings.HasPrefix(s, unseenTriggers) })
}

// unseen says what an account with these grants cannot look at everywhere.
func unseen(flavor sqltext.Flavor, grants []string) []string {
	has := func(on string, privileges ...string) bool {
		for _, line := range grants {
			list, _, ok := strings.Cut(strings.TrimPrefix(line, "GRANT "), " ON "+on+" TO ")
			if !ok {
				continue
			}
			for _, p := range strings.Split(list, ", ") {
				if p == "ALL PRIVILEGES" || slices.Contains(privileges, p) {
					return true
				}
			}
		}
		return false
	}
	var out []string
	add := func(what, grant string) {
		out = append(out, what+" that the service account has no right to see: it has not all of "+grant)
	}
	if !has("*.*", "TRIGGER") {
		add(unseenTriggers, "TRIGGER ON *.*")
	}
	if !has("*.*", "SELECT") || !has("*.*", "SHOW VIEW") {
		add("views", "SELECT, SHOW VIEW ON *.*")
	}
	if !has("*.*", "EVENT") {
		add("events", "EVENT ON *.*")
	}
	switch {
	case has("*.*", "SELECT"):
	case flavor == sqltext.MariaDB:
		if !has("`mysql`.*", "SELECT") && !has("`mysql`.`proc`", "SELECT") {
			add("procedures and functions", "SELECT ON mysql.proc")
		}
	case !has("*.*", "SHOW_ROUTINE"):
		add("procedures and functions", "SHOW_ROUTINE ON *.*")
	}
	return out
}
