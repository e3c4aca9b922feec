package contexts

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"ifmatch/rewrite"
)

func FuzzDecode(f *testing.F) {
	whole := row{table: rewrite.Fingerprint{1, 2, 3}, key: []byte("100"), known: true, at: 1_700_000_000_000, by: request{9}, token: []byte("7")}
	f.Add(appendField(nil, whole.table, whole.key), whole.appendValue(nil))
	blot := row{table: rewrite.Fingerprint{1}}
	f.Add(appendField(nil, blot.table, nil), blot.appendValue(nil))
	f.Add([]byte("short"), []byte{})
	f.Add(bytes.Repeat([]byte{1}, 12), bytes.Repeat([]byte{2}, valueHeader))
	f.Fuzz(func(t *testing.T, field, value []byte) {
		var r row
		if r.decode(field, value) != nil {
			return
		}
		if got := appendField(nil, r.table, r.key); !bytes.Equal(got, field) {
			t.Errorf("the field %q becomes %q", field, got)
		}
		if got := r.appendValue(nil); !bytes.Equal(got, value) {
			t.Errorf("the value %q becomes %q", value, got)
		}
	})
}

func FuzzEncode(f *testing.F) {
	f.Add([]byte("table"), []byte("100"), true, uint64(1_700_000_000_000), []byte("me"), []byte("7"))
	f.Add([]byte{}, []byte{}, false, uint64(0), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, table, key []byte, is bool, at uint64, by, token []byte) {
		r := row{key: key, known: is, at: at % (1 << 48), token: token}
		copy(r.table[:], table)
		copy(r.by[:], by)
		if !is {
			r.token = nil
		}
		var got row
		if err := got.decode(appendField(nil, r.table, r.key), r.appendValue(nil)); err != nil {
			t.Fatal(err)
		}
		if got.table != r.table || !bytes.Equal(got.key, r.key) || got.known != r.known || got.at != r.at || got.by != r.by || !bytes.Equal(got.token, r.token) {
			t.Errorf("%+v becomes %+v", r, got)
		}
	})
}

func TestParseBegin(t *testing.T) {
	field, value := strings.Repeat("f", 12)+"key", "\x01\x00\x00\x00\x00\x00\x05"+strings.Repeat("\x00", 8)+"token"
	b := func(s string) []byte { return []byte(s) }
	rows, now, err := parseBegin([]any{b("12"), b("345678"), []any{b(field), b(value)}})
	if err != nil || now != 12345 || len(rows) != 1 || rows[0].at != 5 || string(rows[0].token) != "token" || rows[0].alone() {
		t.Errorf("%+v at %d, %v", rows, now, err)
	}
	for name, reply := range map[string][]any{
		"nothing":            {},
		"no time":            {nil, nil, []any{}},
		"a time in words":    {b("noon"), b("0"), []any{}},
		"rows that are none": {b("1"), b("0"), b("rows")},
		"an odd number":      {b("1"), b("0"), []any{b(field)}},
		"a number as value":  {b("1"), b("0"), []any{b(field), int64(7)}},
		"a short field":      {b("1"), b("0"), []any{b("f"), b(value)}},
		"a short value":      {b("1"), b("0"), []any{b(field), b("\x01")}},
		"an unknown flag":    {b("1"), b("0"), []any{b(field), b("\x02" + value[1:])}},
		"a blot with token":  {b("1"), b("0"), []any{b(field), b("\x00" + value[1:])}},
	} {
		if rows, _, err := parseBegin(reply); !ofContext(err) {
			t.Errorf("%s: %+v, %v", name, rows, err)
		}
	}
}

// Neither account nor name nor where one ends and the other begins is in the keys, but
// all of it decides them.
func TestKeys(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range [][2]string{{"ann", "b"}, {"an", "nb"}, {"annb", ""}, {"", "annb"}, {"ann", "B"}} {
		rows, times := keysOf("p:", c[0], c[1])
		if seen[rows] || rows == times || !strings.HasPrefix(rows, "p:1:{") || strings.Contains(rows, "ann") {
			t.Errorf("%q has the keys %q and %q", c, rows, times)
		}
		seen[rows] = true
	}
}

// What a server answers may repeat keys and tokens.
func TestErrorsShowNothing(t *testing.T) {
	s := describe(redis.Error("ERR unknown command 'EVALSHA', with args beginning with: 'secret'"))
	if s != "the server answers ERR" {
		t.Error(s)
	}
}
