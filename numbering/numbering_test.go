package numbering

import (
	"errors"
	"testing"

	"ifmatch/ledger"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
)

// parse reads the only statement of a text.
func parse(t *testing.T, sql, db string) (*sqltext.Text, Call, bool) {
	t.Helper()
	text := &sqltext.Text{}
	if err := text.Lex([]byte(sql), &sqltext.Lexis{Charset: sqltext.UTF8MB4}); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	call, ok := Parse(text, text.Statements(nil)[0], db)
	return text, call, ok
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		sql, db string
		want    string // the routine; "" for none
	}{
		{"CALL ifmatch.allocids('a', 3)", "shop", "allocids"},
		{"call `IFMATCH`.`AllocIDs` ('a', 3)", "shop", "allocids"},
		{"CALL addids('a', f(1, 2))", "ifmatch", "addids"},
		{"CALL ifmatch.getids(CONCAT('a', ?))", "", "getids"},
		{"CALL ifmatch.setids({fn LCASE('A')}, -1)", "", "setids"},
		{"CALL ifmatch.rangeids('a', '')", "", "rangeids"},
		{"CALL allocids('a', 3)", "shop", ""},
		{"CALL ifmatch.allocids('a')", "", ""},
		{"CALL ifmatch.allocids('a', 3, 4)", "", ""},
		{"CALL ifmatch.allocids('a', )", "", ""},
		{"CALL ifmatch.allocids", "", ""},
		{"CALL ifmatch.allocids('a', 3) + (1)", "", ""},
		{"CALL ifmatch.moreids('a', 3)", "", ""},
		{"CALL ifmatch.", "", ""},
		{"CALL", "ifmatch", ""},
	} {
		_, call, ok := parse(t, c.sql, c.db)
		if ok != (c.want != "") || ok && call.Routine.Name != c.want {
			t.Errorf("%s in %q: %v, %+v; want %q", c.sql, c.db, ok, call.Routine, c.want)
		}
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		sql    string
		values []rewrite.Value
		utf8   bool
		op     ledger.Op // of counter "a"; with err its text
		err    string
		asked  string // what the server is asked instead
	}{
		{sql: "CALL ifmatch.allocids('a', 3)", op: ledger.Alloc(3)},
		{sql: "CALL ifmatch.allocids('a', '+5 ')", op: ledger.Alloc(5)},
		{sql: "CALL ifmatch.allocids('a', '1e2')", op: ledger.Alloc(100)},
		{sql: "CALL ifmatch.allocids(?, ?)", values: []rewrite.Value{rewrite.TextValue("a"), rewrite.IntegerValue(7)}, op: ledger.Alloc(7)},
		{sql: "CALL ifmatch.addids('a', -2.0)", op: ledger.Add(-2)},
		{sql: "CALL ifmatch.setids('a', 9)", op: ledger.Set(9)},
		{sql: "CALL ifmatch.getids('a')"},
		{sql: "CALL ifmatch.allocids('a', 501)", err: "allocids takes 1 to 500 numbers, not 501"},
		{sql: "CALL ifmatch.addids('a', 1.5)", err: "a whole number is wanted"},
		{sql: "CALL ifmatch.addids('a', NULL)", err: "a whole number is wanted, not NULL"},
		{sql: "CALL ifmatch.setids('a', 9223372036854775808)", err: "the number is beyond BIGINT"},
		{sql: "CALL ifmatch.rangeids('a', 5)", err: "a range is a string, '1000-2000' or '1000-2000!', or '' for none"},
		{sql: "CALL ifmatch.getids(5)", err: "the name of a counter is a string, not 5"},
		{sql: "CALL ifmatch.getids('ä')", asked: "SELECT CAST(CONVERT(('ä') USING utf8mb4) AS BINARY)"},
		{sql: "CALL ifmatch.addids('a', @n + 1)", utf8: true, asked: "SELECT CAST(CONVERT(('a') USING utf8mb4) AS BINARY), CAST(CONVERT((@n + 1) USING utf8mb4) AS BINARY)"},
		{sql: "CALL ifmatch.getids(?)", utf8: true, asked: "SELECT CAST(CONVERT((?) USING utf8mb4) AS BINARY)"},
	} {
		text, call, ok := parse(t, c.sql, "")
		if !ok {
			t.Fatalf("%s is none", c.sql)
		}
		args, ok := call.Values(text, c.values, c.utf8)
		if !ok {
			if asked := string(call.AppendSelect(nil, text)); asked != c.asked {
				t.Errorf("%s: asks %s, want %q", c.sql, asked, c.asked)
			}
			continue
		}
		counter, op, err := call.Routine.Op(args)
		var wrong ArgumentError
		switch {
		case c.asked != "":
			t.Errorf("%s: %v, want the server asked", c.sql, args)
		case c.err != "" && (!errors.As(err, &wrong) || err.Error() != c.err):
			t.Errorf("%s: %v, want %s", c.sql, err, c.err)
		case c.err == "" && (err != nil || counter != "a" || op != c.op):
			t.Errorf("%s: %q %+v, %v; want %+v", c.sql, counter, op, err, c.op)
		}
	}
}

func TestSelected(t *testing.T) {
	_, call, _ := parse(t, "CALL ifmatch.addids(@a, @b)", "")
	args, ok := call.Selected([]rewrite.Row{{[]byte("a"), nil}})
	if !ok || args[0] != rewrite.TextValue("a") || args[1].Kind != rewrite.Null {
		t.Errorf("%v, %v", args, ok)
	}
	if _, ok := call.Selected(nil); ok {
		t.Error("no row is taken for one")
	}
}
