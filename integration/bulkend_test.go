package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// A bulk execution that waits for the lock of its second row, and ends there: the rows before
// stay of an UPDATE, and none of a REPLACE, whatever has ended it.
func TestBulkExecutionThatEndsWithin(t *testing.T) {
	s := server.MariaDB(t)
	shop, p := shopOf(t, s, products, byVersion)
	root := session(t, s, "root", shop, "")
	for _, c := range []struct {
		name, setting string
		begin         []string
		end           func(id uint32) string // what ends it, nil for a timeout
		want          string                 // of the error
		goes          bool                   // the session goes on
	}{
		{"KILL QUERY", "", []string{"", "BEGIN"}, func(id uint32) string { return fmt.Sprint("KILL QUERY ", id) }, "1317 ", true},
		{"KILL", "", []string{""}, func(id uint32) string { return fmt.Sprint("KILL ", id) }, "2013 ", false},
		{"a timeout", "SET innodb_lock_wait_timeout=1", []string{"BEGIN"}, nil, "1205 ", true},
	} {
		for _, begin := range c.begin {
			for text, left := range map[string]string{
				"UPDATE products SET price=? WHERE id=?":         "100:1@2,101:5@1,102:7@1",
				"REPLACE INTO products(price, id) VALUES (?, ?)": "100:99@1,101:5@1,102:7@1",
			} {
				t.Run(fmt.Sprintf("%s, %s %s", c.name, begin, strings.Fields(text)[0]), func(t *testing.T) {
					execute(t, root, "REPLACE INTO products(id, name, price) VALUES (100, 'pen', 99), (101, 'ink', 5), (102, 'cap', 7)")
					r, other := dial(t, p.Addr, shop, mariaDBCaps), session(t, s, "root", shop, "")
					for _, q := range []string{c.setting, begin} {
						if q != "" {
							r.query(q)
						}
					}
					execute(t, other, "BEGIN")
					execute(t, other, "SELECT * FROM products WHERE id=101 FOR UPDATE")
					id := r.prepare(text).ID
					r.command(wire.ComStmtBulkExecute, bulkPacket(id, wire.BulkTypes, set{1, 100}, set{2, 101}, set{3, 102}))
					if c.end != nil {
						if !await(func() bool {
							var n int
							q := "SELECT COUNT(*) FROM information_schema.processlist WHERE id=? AND command<>'Sleep' AND time_ms>100"
							if err := other.QueryRowContext(context.Background(), q, r.id).Scan(&n); err != nil {
								t.Fatal(err)
							}
							return n > 0
						}) {
							t.Fatal("it does not wait for the lock")
						}
						execute(t, other, c.end(r.id))
					}
					if got := r.outcomeOf(r.answer()); !strings.HasPrefix(got, c.want) {
						t.Errorf("%s, want %s", got, c.want)
					}
					execute(t, other, "ROLLBACK")
					if begin != "" {
						if got := r.outcomeOf(r.query("COMMIT")); got != "0 affected" {
							t.Error(got)
						}
					}
					var got string
					q := "SELECT GROUP_CONCAT(id, ':', price, '@', version ORDER BY id) FROM products"
					if !await(func() bool { // the server undoes what it has killed
						if err := other.QueryRowContext(context.Background(), q).Scan(&got); err != nil {
							t.Fatal(err)
						}
						return got == left
					}) {
						t.Errorf("%s, want %s", got, left)
					}
					if c.goes {
						if got := r.outcomeOf(r.query("UPDATE products SET price=9 WHERE id=102")); got != "1 affected" {
							t.Errorf("what follows: %s", got)
						}
					}
				})
			}
		}
	}
}
