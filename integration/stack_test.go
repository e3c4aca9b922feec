package integration

import (
	"context"
	"strconv"
	"testing"

	"ifmatch/integration/racing"
	"ifmatch/integration/server"
)

// What sessions wait on fits into stacks of 4 KiB, whatever they have done before: there
// may be ten thousand of them. A few more bytes on the way to the wait, and the garbage
// collector leaves 8 KiB to each that has ever needed more than 4.
func TestSessionsWaitOnSmallStacks(t *testing.T) {
	const (
		sessions = 300
		most     = 7 << 10 // with what the runtime keeps at hand
	)
	shop, p := shopOf(t, server.MariaDB(t), products, byVersion, "--log-level=info")
	stacks := func() int {
		get(t, "http://"+p.Admin+"/debug/pprof/heap?gc=1")
		f, err := strconv.ParseFloat(p.metric(t, "go_memstats_stack_inuse_bytes"), 64)
		if err != nil {
			t.Fatal(err)
		}
		return int(f)
	}
	before := stacks()
	for range sessions {
		conn := session(t, p.server(server.MariaDB(t)), "root", shop, "")
		for _, sql := range []string{
			"SELECT * FROM products",
			"UPDATE products SET price=price+1 WHERE id=100",
			"UPDATE products SET price=6 WHERE id=101",
			"DELETE FROM products WHERE id=102",
			"INSERT INTO products(id) VALUES (102)",
			"SELECT 1",
		} {
			if o := run(conn, sql, shop); o.err != nil {
				t.Fatalf("%s: %v", sql, o.err)
			}
		}
		for _, sql := range []string{"SELECT name FROM products WHERE id=?", "UPDATE products SET price=7 WHERE id=?"} {
			st, err := conn.PrepareContext(context.Background(), sql)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := st.ExecContext(context.Background(), 101); err != nil {
				t.Fatal(err)
			}
		}
	}
	if each := (stacks() - before) / sessions; each > most && !racing.Wanted() { // whose frames are larger
		t.Errorf("a session takes %d bytes of stack, of at most %d", each, most)
	}
}
