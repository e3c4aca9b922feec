package migrate

import (
	"strconv"
	"strings"

	"ifmatch/fault"
	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// recipe is how a column is made.
type recipe struct {
	kind   string // SQL of its type
	start  string // SQL of the constant that existing rows get
	value  string // SQL of the expression that new rows get; "" for start
	column schema.Column
}

// recipe gives the column that a version wants, and false where that cannot be
// known.
//
// A column is added with a constant and given its expression by a second
// statement. Both are instant; together they are not: for an expression the
// server writes each row, and MySQL refuses that with a binary log at all
// (error 1674), as replicas would compute other values.
func (e *entry) recipe() (recipe, bool) {
	if e.Version.External != policy.ExternalNone {
		// The writers bring the version, and any of theirs has to be greater.
		return recipe{"BIGINT", "0", "", schema.Column{DataType: "bigint", Class: schema.Integer}}, true
	}
	switch e.Version.Bump {
	case policy.BumpNone:
		return recipe{}, false
	case policy.BumpUUID:
		return recipe{"CHAR(36) CHARACTER SET ascii", "''", "UUID()",
			schema.Column{DataType: "char", Class: schema.String, Length: 36}}, true
	case policy.BumpNow:
		// DATETIME rather than TIMESTAMP: its text is the same in every
		// session, whatever its time_zone, and it does not end in 2038.
		return recipe{"DATETIME(6)", "'2000-01-01 00:00:00'", "CURRENT_TIMESTAMP(6)",
			schema.Column{DataType: "datetime", Class: schema.Temporal, Fsp: 6}}, true
	}
	return recipe{"BIGINT UNSIGNED", "1", ticks(e.catalog.Flavor),
		schema.Column{DataType: "bigint", Class: schema.Integer, Unsigned: true}}, true
}

// ticks is the number that a new row begins with: the time of UUID(), in steps
// of 100 ns, its low 53 bits.
//
// A row that is deleted and inserted again must not get a version that the
// first row has had, its beginning or one that it was bumped to; else who has
// read the first would overwrite the second. UUID_SHORT() and counters do not
// do: they count in ones, as bumps do, so that the next number they give may be
// the one that the row was just bumped to. The time runs away from the bumps: a
// row would have to be bumped ten million times a second to keep up with it.
// And it is the time of UUID(), not NOW(6), because the server gives no two
// calls the same one, not within a statement and not where SET timestamp has
// stopped the clock (Item_func_uuid::val_str in item_strfunc.cc, my_uuid in
// MariaDB's my_uuid.c); after a restart it is later. Only a clock that is set
// back can repeat a tick, and then it has to be the very one.
//
// 53 bits pass unharmed through languages whose numbers are doubles, and leave
// more room for bumps in 64 than can ever be used. They begin again after 28
// years.
//
// UUID() must be called once: two calls could fall to both sides of a carry.
// MariaDB has no UUID_TO_BIN, so the parts are turned by REGEXP_REPLACE; the
// CHAR(92) is a backslash that no sql_mode takes for something else.
func ticks(flavor sqltext.Flavor) string {
	turned := "LEFT(HEX(UUID_TO_BIN(UUID(), 1)), 16)"
	if flavor == sqltext.MariaDB {
		turned = "REGEXP_REPLACE(UUID(), '^(.{8})-(.{4})-.(.{3}).*', CONCAT(CHAR(92), '3', CHAR(92), '2', CHAR(92), '1'))"
	}
	return "CAST(CONV(" + turned + ", 16, 10) AS UNSIGNED) & 9007199254740991"
}

// columns plans the columns that the version is made of, or says what is wrong
// with the one that is there.
func (e *entry) columns() {
	r, known := e.recipe()
	col := e.in.Column(e.Version.Column)
	var added []string
	switch {
	case col != nil:
		if known {
			e.judge(col, r)
		}
	case !e.mayAdd(e.Version.Column, "version.column", r.column.Class):
	case !known:
		e.faults.Add(e.PosOf("version.column"), "%s has no column %q, and with bump: none its type is not known; add the column yourself, or give another bump", e.in.Name, e.Version.Column)
	default:
		added = append(added, e.adding(e.Version.Column, r))
	}
	if term := e.Version.Term; term != "" && e.in.Column(term) == nil && e.mayAdd(term, "version.term", schema.Integer) {
		added = append(added, e.adding(term, recipe{"BIGINT", "1", "", schema.Column{DataType: "bigint", Class: schema.Integer}}))
	}
	if len(added) == 0 {
		return
	}
	e.alter(strings.Join(added, ", "), "the version of rows that are there", addCost(e.catalog.Flavor, e.storage))
	if col == nil && r.value != "" {
		e.setDefault(e.Version.Column, r)
	}
}

// The versions from which the servers know INVISIBLE and expressions as
// defaults, as schema.Catalog counts them.
const (
	leastMariaDB = 100300
	leastMySQL   = 80023
)

// mayAdd says whether a column of that name may be added; a fault says why not.
func (e *entry) mayAdd(name, key string, class schema.Class) bool {
	least, pos := leastMySQL, e.PosOf(key)
	if e.catalog.Flavor == sqltext.MariaDB {
		least = leastMariaDB
	}
	var alike []string
	for _, col := range e.in.Columns {
		if col.Class == class {
			alike = append(alike, col.Name)
		}
	}
	switch {
	case e.catalog.Version < least:
		e.faults.Add(pos, "%s has no column %q, and %s is too old for an invisible one; add the column yourself", e.in.Name, name, e.catalog.VersionText)
	case fault.Suggest(name, alike) != "":
		e.faults.Add(pos, "%s has no column %q%s; it is added for you only where no other is named so much like it", e.in.Name, name, fault.DidYouMean(name, alike))
	case e.storage.Versioned:
		e.faults.Add(pos, "%s has no column %q, and to add one to a table with system versioning changes its history; add it yourself, with system_versioning_alter_history=KEEP", e.in.Name, name)
	default:
		return true
	}
	return false
}

// adding gives the clause that adds a column, and adds it to the catalog.
func (e *entry) adding(name string, r recipe) string {
	col := r.column
	col.Name, col.Invisible = name, true
	e.in.Columns = append(e.in.Columns, &col)
	return "ADD COLUMN " + quote(name) + " " + r.kind + " NOT NULL DEFAULT " + r.start + " INVISIBLE"
}

// setDefault plans the expression of a column that has a constant.
func (e *entry) setDefault(name string, r recipe) {
	e.alter("ALTER COLUMN "+quote(name)+" SET DEFAULT ("+r.value+")", "the version of new rows, which a row that is inserted again does not repeat", Instant)
}

// judge looks at a version column that is there.
func (e *entry) judge(col *schema.Column, r recipe) {
	if r.value == "" || col.Generated {
		return
	}
	if e.halfMade(col, r) {
		e.setDefault(col.Name, r)
		return
	}
	if col.Nullable {
		e.warn("version column %q of %s can be NULL, and rows that have no version are alike; better: fill it and make it NOT NULL", col.Name, e.in.Name)
	}
	switch {
	case col.Class == schema.Temporal && named(col, "current_timestamp", "now(", "sysdate(", "utc_timestamp"):
		if col.Fsp < 6 {
			e.warn("version column %q of %s has %d digits of the second: a row that is deleted and inserted again within its tick has the same version; better: ALTER TABLE %s MODIFY COLUMN %s DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)",
				col.Name, e.in.Name, col.Fsp, e.sql(), quote(col.Name))
		}
	case col.Class == schema.Temporal:
		e.repeats(col, "SET DEFAULT (CURRENT_TIMESTAMP("+strconv.Itoa(col.Fsp)+"))")
	case (col.Class == schema.String || col.Class == schema.Binary) && named(col, "uuid("):
	case col.Class == schema.Binary:
		e.repeats(col, "SET DEFAULT (UNHEX(REPLACE(UUID(), '-', '')))")
	case col.Class == schema.String && col.Length < 36:
		e.repeats(col, "SET DEFAULT (REPLACE(UUID(), '-', ''))")
	case col.Class == schema.String:
		e.repeats(col, "SET DEFAULT (UUID())")
	case col.Class == schema.Integer && !(col.DefaultIsExpression && plain(*col.Default) == plain(r.value)):
		if col.DataType != "bigint" {
			e.repeats(col, "MODIFY COLUMN")
			return
		}
		e.repeats(col, "SET DEFAULT ("+r.value+")")
	}
}

// repeats warns of a default that a re-inserted row has again.
func (e *entry) repeats(col *schema.Column, better string) {
	change := "ALTER COLUMN " + quote(col.Name) + " " + better
	if better == "MODIFY COLUMN" {
		// The number does not fit into less, and a wider column is a copy.
		change = "MODIFY COLUMN " + quote(col.Name) + " BIGINT UNSIGNED NOT NULL DEFAULT (" + ticks(e.catalog.Flavor) + ")"
	}
	text := "the default of version column %q of %s may repeat: a row that is deleted and inserted again may get a version that somebody has read of the old one; better: ALTER TABLE %s %s"
	if col.Class == schema.Integer {
		text += " (versions are then numbers of 16 digits)"
	}
	e.warn(text, col.Name, e.in.Name, e.sql(), change)
}

// halfMade says whether the column is as the first of the two statements leaves
// it, because the second has failed.
func (e *entry) halfMade(col *schema.Column, r recipe) bool {
	return col.Invisible && !col.Nullable && !col.DefaultIsExpression && col.Default != nil &&
		col.DataType == r.column.DataType && col.Unsigned == r.column.Unsigned && col.Length == r.column.Length && col.Fsp == r.column.Fsp &&
		strings.TrimSuffix(*col.Default, ".000000") == strings.Trim(r.start, "'")
}

// named says whether the column's default is an expression with one of these
// names in it.
func named(col *schema.Column, names ...string) bool {
	if col.Default == nil || !col.DefaultIsExpression {
		return false
	}
	text := strings.ToLower(*col.Default)
	for _, name := range names {
		if strings.Contains(text, name) {
			return true
		}
	}
	return false
}

// plain is an expression as far as the server's way of printing it leaves it
// alone.
func plain(expression string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" ()`", r) {
			return -1
		}
		return r
	}, strings.ToLower(expression))
}
