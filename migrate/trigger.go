package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// longestName is the servers' limit for the name of a trigger, in characters.
const longestName = 64

// triggerName gives the name of a table's trigger. A name that would be too
// long is cut, and told from others by a part of its hash.
func triggerName(table string) string {
	name := schema.BumpTrigger + table
	if utf8.RuneCountInString(name) <= longestName {
		return name
	}
	sum := sha256.Sum256([]byte(table))
	mark := "_" + hex.EncodeToString(sum[:4])
	return string([]rune(name)[:longestName-len(mark)]) + mark
}

// trigger plans the trigger that bumps the version where the writer has not
// done so. Servers run triggers of one event in the order in which they were
// made, so it comes after those that are there.
func (e *entry) trigger() {
	col := e.in.Column(e.Version.Column)
	if col == nil {
		return // with a fault
	}
	switch {
	case e.Version.External != policy.ExternalNone:
		e.note("%s gets no trigger: its writers bring the version.", e.in.Name)
		return
	case e.Version.Bump == policy.BumpNone:
		e.note("%s gets no trigger: bump: none says that it has one of its own.", e.in.Name)
		return
	}
	name := triggerName(e.in.Name.Name)
	// Names of triggers have no case on MySQL, those of tables may.
	folded := strings.ToLower(e.in.Name.Schema + "." + name)
	if other, ok := e.names[folded]; ok {
		e.faults.Add(e.Pos, "the triggers of %s and %s would have the same name to the server; make one of the two yourself, and leave --triggers away", e.in.Name, other)
		return
	}
	e.names[folded] = e.in.Name
	body := e.body(col)
	for _, t := range e.in.Triggers {
		if !strings.EqualFold(t.Name, name) {
			continue
		}
		if t.Timing != "BEFORE" || t.Event != "UPDATE" || strings.TrimSpace(t.Body) != body {
			e.faults.Add(e.Pos, "%s has a trigger %s of another body: made by somebody else, or for other columns; look at it, then DROP TRIGGER %s.%s and run this again",
				e.in.Name, name, quote(e.in.Name.Schema), quote(t.Name))
		} else if last := e.storage.LastTrigger; last != "" && last != t.Name {
			e.warn("trigger %s of %s runs before %s, and does not see what that one changes; better: drop it and run this again", t.Name, e.in.Name, last)
		}
		return
	}
	// MariaDB keeps the statement as it is written. With the schema in it a dump
	// could be restored under that name alone.
	e.add(Step{On: e.in.Name.String(), For: "a bump by writers that go around the proxy; it leaves the proxy's alone", In: e.in.Name.Schema,
		// A trigger runs with the rights of who made it: without UPDATE every write
		// of the table would fail from then on.
		Able: "EXPLAIN UPDATE " + quote(e.in.Name.Name) + " SET " + quote(col.Name) + " = " + quote(col.Name),
		SQL:  "CREATE TRIGGER " + quote(name) + " BEFORE UPDATE ON " + quote(e.in.Name.Name) + " FOR EACH ROW " + body})
}

// body gives the trigger's body: one SET, which needs no DELIMITER and means the
// same under every sql_mode, because a trigger keeps the one that it was made
// under.
//
// A version that is greater than the old one was bumped by the proxy and stays.
// One that is not is bumped, also one that went back: a whole row that somebody
// saves back carries an old version with it.
func (e *entry) body(col *schema.Column) string {
	next := e.next(col)
	v := quote(col.Name)
	fresh := "NEW." + v + " > OLD." + v
	switch {
	case col.Class == schema.String || col.Class == schema.Binary:
		fresh = "NOT (" + same(col, e.catalog.Flavor) + ")"
	case col.Nullable:
		fresh = "NEW." + v + " > OLD." + v + " OR OLD." + v + " IS NULL AND NEW." + v + " IS NOT NULL"
	}
	old := "NEW." + v
	if unchanged := e.unchanged(col); unchanged != "" {
		next = "IF(" + unchanged + ", OLD." + v + ", " + next + ")"
	}
	return "SET " + old + " = IF(" + fresh + ", NEW." + v + ", " + next + ")"
}

// unchanged gives the condition under which the policy wants no bump: nothing
// has changed beside ignored columns. It is "" where every write bumps. What a
// trigger sees is values, so a write of ignored columns alone and one that
// changes nothing are the same to it, and neither loses anything. A column that
// the server itself sets to the time of the update says nothing of the writer.
func (e *entry) unchanged(version *schema.Column) string {
	if len(e.Ignore) == 0 && e.Noop != policy.NoopSkip {
		return ""
	}
	var terms []string
	for _, col := range e.in.Columns {
		ignored := slices.ContainsFunc(e.Ignore, func(name string) bool { return strings.EqualFold(name, col.Name) })
		if !ignored && !col.Generated && (!col.OnUpdateNow || col == version) {
			terms = append(terms, same(col, e.catalog.Flavor))
		}
	}
	return strings.Join(terms, " AND ")
}

// same gives the condition that a column has kept its bytes. Collations take
// different strings for the same, and MySQL different JSON.
func same(col *schema.Column, flavor sqltext.Flavor) string {
	value := func(row string) string { return row + "." + quote(col.Name) }
	switch col.Class {
	case schema.JSON:
		value = func(row string) string { return "CAST(CAST(" + row + "." + quote(col.Name) + " AS CHAR) AS BINARY)" }
	case schema.String, schema.Enum, schema.Set, schema.Other, schema.Unknown:
		value = func(row string) string { return "CAST(" + row + "." + quote(col.Name) + " AS BINARY)" }
	}
	return value("NEW") + " <=> " + value("OLD")
}

// next gives the expression of the next version, as package rewrite has it for
// the proxy's own writes. A full column is an error under every sql_mode and
// with IGNORE: the sum leaves BIGINT, which no mode allows.
func (e *entry) next(col *schema.Column) string {
	old := "OLD." + quote(col.Name)
	switch col.Class {
	case schema.Temporal:
		now := "NOW(" + strconv.Itoa(col.Fsp) + ")"
		return "COALESCE(GREATEST(" + now + ", " + old + " + INTERVAL " + tick(col.Fsp) + "), " + now + ")"
	case schema.Binary:
		return "UNHEX(REPLACE(UUID(), '-', ''))"
	case schema.String:
		if col.Length < 36 {
			return "REPLACE(UUID(), '-', '')"
		}
		// MariaDB would take the IF around it for one of its type UUID, and
		// refuse a writer's own text; and what CAST gives has a collation as
		// strong as the column's own.
		return "CONCAT(UUID())"
	}
	if col.Nullable {
		old = "COALESCE(" + old + ", 0)"
	}
	most := "18446744073709551615"
	if !col.Unsigned {
		most = "9223372036854775807"
	}
	if col.DataType == "bigint" {
		return old + " + 1"
	}
	return "IF(" + old + " < " + strconv.FormatUint(col.Max(), 10) + ", " + old + " + 1, " + most + " + " + old + ")"
}

// tick is the smallest step of a temporal column with fsp digits of fraction.
func tick(fsp int) string {
	if fsp == 0 {
		return "1 SECOND"
	}
	step := 1
	for range 6 - fsp {
		step *= 10
	}
	return strconv.Itoa(step) + " MICROSECOND"
}
