package rewrite

import (
	"strings"
	"testing"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// statusTable compiles a policy for a table s.t of these columns, as
// world_test.go reads them; none stands for a backend that is not known.
func statusTable(t testing.TB, entry, columns string) *Table {
	t.Helper()
	p, err := policy.Parse("p.yaml", []byte("tables: {s.t: {key: [id], "+entry+"}}"))
	if err != nil {
		t.Fatal(err)
	}
	name := schema.Name{Schema: "s", Name: "t"}
	var st *schema.Table
	if columns != "" {
		st = readTable(t, name, columns)
	}
	table := compileTable(p.Tables[0], name, st)
	table.compileStatus(p.Tables[0], schema.Offline(sqltext.MySQL, 90700))
	return table
}

func TestConditionSQL(t *testing.T) {
	const text = "CAST(CAST(t.`c` AS CHAR CHARACTER SET utf8mb4) AS BINARY)"
	const padded = "CAST(CAST(IFNULL(RTRIM(t.`c`),LEFT(t.`c`,0)) AS CHAR CHARACTER SET utf8mb4) AS BINARY)"
	for _, c := range []struct{ condition, column, want string }{
		{"a", "varchar(9)", text + " = _binary 'a'"},
		{"[a, b]", "varchar(9)", text + " IN (_binary 'a', _binary 'b')"},
		{"a", "char(9)", padded + " = _binary 'a'"},
		{"a", "enum(9)", text + " = _binary 'a'"},
		{"a", "varbinary(9)", "t.`c` = _binary 'a'"},
		{"a'b", "varchar(9)", text + " = x'612762'"},
		{"ä", "varchar(9)", text + " = x'c3a4'"},
		{"5", "varchar(9)", text + " = _binary '5'"},
		{"true", "varchar(9)", text + " = _binary '1'"},
		{"5", "int", "t.`c` = 5"},
		{"'5'", "int", "t.`c` = 5"},
		{"[-1, false]", "int", "t.`c` IN (-1, 0)"},
		{"a", "int", "FALSE"},
		{"{not: a}", "int", "TRUE"},
		{"1.50", "decimal(9)", "t.`c` = 1.50"},
		{"null", "varchar(9)", "t.`c` IS NULL"},
		{"[null]", "varchar(9)", "t.`c` IS NULL"},
		{"[a, null]", "varchar(9)", "(t.`c` IS NULL OR " + text + " = _binary 'a')"},
		{"[]", "varchar(9)", "FALSE"},
		{"{not: []}", "varchar(9)", "TRUE"},
		{"{not: null}", "varchar(9)", "t.`c` IS NOT NULL"},
		{"{not: a}", "varchar(9) null", "(t.`c` IS NULL OR " + text + " <> _binary 'a')"},
		{"{not: a}", "varchar(9)", text + " <> _binary 'a'"},
		{"{not: [a, b], nulls: sql}", "varchar(9) null", text + " NOT IN (_binary 'a', _binary 'b')"},
		{"{not: [a, null]}", "varchar(9) null", text + " <> _binary 'a'"},
		{"a", "", text + " = _binary 'a'"},
		{"0", "", "t.`c` = 0"},
		{"[a, 0]", "", "(t.`c` = 0 OR " + text + " = _binary 'a')"},
		{"{not: [a, 0]}", "", "(t.`c` IS NULL OR (t.`c` <> 0 AND " + text + " <> _binary 'a'))"},
	} {
		columns := ""
		if c.column != "" {
			columns = "id int key, c " + c.column
		}
		table := statusTable(t, "require: {c: "+c.condition+"}", columns)
		if got := string(table.require[0].append(nil, "t")); got != c.want {
			t.Errorf("%s of %q: %s, want %s", c.condition, c.column, got, c.want)
		}
	}
}

func TestTargetOfConstant(t *testing.T) {
	const texts = "status: {column: c, otherwise: allow, transitions: [{to: [on, 'off ', '3']}, {to: null}]}"
	const numbers = "status: {column: c, transitions: [{to: [1, 0]}, {to: -2}]}"
	const wide = "status: {column: c, otherwise: allow, transitions: [{to: ein}, {to: größe}]}"
	named := func(g int) target { return target{kind: targetGroup, group: g} }
	is := func(k targetKind) target { return target{kind: k} }
	text := TextValue
	for _, c := range []struct {
		entry, column string
		value         Value
		want          target
	}{
		{texts, "varchar(9)", text("on"), named(0)},
		{texts, "varchar(9)", text("off "), named(0)},
		{texts, "varchar(9)", text("off"), is(targetNear)},
		{texts, "varchar(9)", text("ON"), is(targetNear)},
		{texts, "varchar(9)", text("on  "), is(targetNear)},
		{texts, "varchar(9)", text("on and on "), is(targetNear)},
		{texts, "varchar(9)", text("other"), is(targetPasses)},
		{texts, "varchar(9)", text("on\x00"), is(targetByRow)},
		{texts, "varchar(9)", text("ön"), is(targetByRow)},
		{texts, "varchar(9)", UintValue(3), named(0)},
		{texts, "varchar(9)", UintValue(4), is(targetPasses)},
		{texts, "varchar(9)", DecimalValue("3.0"), is(targetByRow)},
		{texts, "varchar(9)", Value{Kind: Opaque}, is(targetByRow)},
		{texts, "varchar(9)", Value{Kind: Null}, named(1)},
		{texts, "enum(9)", text("on"), named(0)},
		{texts, "enum(9)", text("3"), named(0)},
		{texts, "enum(9)", text("2"), is(targetNear)},
		{texts, "enum(9)", UintValue(3), is(targetNear)},
		{texts, "", text("on"), named(0)},
		{texts, "", UintValue(3), is(targetByRow)},

		{numbers, "tinyint", UintValue(1), named(0)},
		{numbers, "tinyint", text("1"), named(0)},
		{numbers, "tinyint", text("1 "), is(targetByRow)},
		{numbers, "tinyint", IntegerValue(-2), named(1)},
		{numbers, "tinyint", UintValue(5), is(targetOther)},
		{numbers, "tinyint", UintValue(128), is(targetNear)},
		{numbers, "tinyint", DecimalValue("1.5"), is(targetByRow)},
		{numbers, "tinyint", Value{Kind: Null}, is(targetNear)}, // a zero where sql_mode is not strict
		{numbers, "tinyint null", Value{Kind: Null}, is(targetOther)},
		{numbers, "", UintValue(1), named(0)},

		{wide, "varchar(9)", text("größe"), named(1)},
		{wide, "varchar(9)", text("ein"), named(0)},
		{wide, "varchar(9)", text("zwei"), is(targetByRow)}, // a collation may take it for größe, for all we know
	} {
		columns := ""
		if c.column != "" {
			columns = "id int key, c " + c.column
		}
		got := statusTable(t, c.entry, columns).status.decide(c.value, true)
		got.value = Value{}
		if got != c.want {
			t.Errorf("%s in a %q: %+v, want %+v", c.value, c.column, got, c.want)
		}
	}
}

// Without UTF-8 only letters that every character set has are taken for what
// they are.
func TestTargetInAnotherCharacterSet(t *testing.T) {
	m := statusTable(t, "status: {column: c, otherwise: allow, transitions: [{to: [on, größe, 'a@b']}]}", "id int key, c varchar(9)").status
	for text, want := range map[string]targetKind{"on": targetGroup, "a@b": targetByRow, "größe": targetByRow, "other": targetByRow} {
		if got := m.decide(TextValue(text), false); got.kind != want {
			t.Errorf("%s: %v, want %v", text, got.kind, want)
		}
	}
}

// What is set is assigned behind everything that reads it.
func TestSettingsInOrder(t *testing.T) {
	for _, c := range []struct{ transitions, order, fault string }{
		{"{to: x, set: {a: b, b: c, c: 1}}", "a b c", ""},
		{"{to: x, set: {c: 1, b: c, a: b}}", "a b c", ""},
		{"{to: x, set: {a: a + 1, b: a + b}}", "b a", ""},
		{"{to: x, set: {a: b}}, {to: y, set: {b: 2}}", "a b", ""},
		{"{to: x, set: {a: b, b: a}}", "", "p.yaml:1:35: the columns a, b of \"set\""},
		{"{to: x, set: {a: b}}, {to: y, set: {b: a}}", "", "the columns a, b of \"set\""},
		{"{to: x, from: p, require: {a: 1}, set: {a: 2, b: 1}}, {to: x, from: q}", "b a", ""},
		{"{to: x, from: p, require: {a: 1, b: 1}, set: {a: 2, b: 2}}, {to: x, from: q}", "", "the columns a, b of \"set\""},
		{"{to: x, from: p, require: {a: 1, b: 1}, set: {a: 2, b: 2}}", "a b", ""},
	} {
		table := statusTable(t, "status: {column: s, transitions: ["+c.transitions+"]}", "id int key, s varchar(9), a int, b int, c int")
		if c.fault != "" {
			if table.fault == nil || !strings.Contains(table.fault.Error(), c.fault) {
				t.Errorf("%s: fault %v, want %q", c.transitions, table.fault, c.fault)
			}
			continue
		}
		var order []string
		for _, s := range table.status.sets {
			order = append(order, s.Name)
		}
		if got := strings.Join(order, " "); got != c.order || table.fault != nil {
			t.Errorf("%s: %s, fault %v, want %s", c.transitions, got, table.fault, c.order)
		}
	}
}

// Each code of a probe is a message that names what failed.
func TestStatusReasons(t *testing.T) {
	table := statusTable(t, "require: {n: {not: [1, null]}}, status: {column: s, transitions: ["+
		"{to: x, from: [a, null], require: {n: 1, m: null}, when: [n > 1, m > 1], unless: n = m}, "+
		"{to: y, from: {not: a}}, {to: z, from: []}, {to: z, from: b}, {to: z, from: {not: [c, d], nulls: sql}}], delete: {from: a}}",
		"id int key, s varchar(9), n int, m int null")
	for _, c := range []struct{ code, given, want string }{
		{"f0", "x", "s is 'q', 'x' may follow 'a', NULL"},
		{"f1", "y", "s is 'q', 'y' may follow anything but 'a'"},
		{"f2", "z", "s is 'q', 'z' may follow 'b', or anything but 'c', 'd', NULL"},
		{"r0", "x", "require n failed"},
		{"q0.1", "x", "require m failed"},
		{"w0.0", "x", "when 1 failed"},
		{"w0.1", "x", "when 2 failed"},
		{"u0.0", "x", "unless 1 failed"},
		{"o", "w", "s is 'q', 'w' may follow nothing: no transition names it"},
		{"n", "X", "s is 'q', 'X' may follow nothing: it is almost a state that the policy names, and not exactly"},
	} {
		plan := &Plan{Table: table, Verb: Update}
		b := &Binding{target: target{kind: targetGroup, value: TextValue(c.given)}}
		conflict := plan.statusConflict(b, "id=1", Row{[]byte("q"), []byte(c.code)})
		if want := "ifmatch: status conflict on s.t id=1: " + c.want; conflict == nil || conflict.Message != want {
			t.Errorf("%s: %v, want %s", c.code, conflict, want)
		}
		table.Settings.Disclose = false
		if hidden := plan.statusConflict(b, "id=1", Row{[]byte("q"), []byte(c.code)}); strings.Contains(hidden.Message+hidden.Found, "q") && !strings.Contains(c.want, "require") {
			t.Errorf("%s: %q, found %q, tells the state", c.code, hidden.Message, hidden.Found)
		}
		table.Settings.Disclose = true
	}
	if c := (&Plan{Table: table}).statusConflict(&Binding{}, "id=1", Row{nil, []byte("")}); c != nil {
		t.Errorf("nothing failed: %v", c)
	}
	deleting := (&Plan{Table: table, Verb: Delete}).statusConflict(&Binding{}, "id=1", Row{nil, []byte("f3")})
	if want := "ifmatch: status conflict on s.t id=1: s is NULL, DELETE may follow 'a'"; deleting.Message != want {
		t.Errorf("%s, want %s", deleting.Message, want)
	}
}
