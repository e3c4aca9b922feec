package integration

import (
	"fmt"
	"strings"
	"testing"

	"ifmatch/integration/server"
)

// A policy that is read again bounds what sessions and contexts have read already.
func TestMaxReadsFollowThePolicy(t *testing.T) {
	s := server.MariaDB(t)
	shop, p := shopOf(t, s, products, "tables: {}")
	for _, c := range []struct{ scope, begin string }{
		{"session", "DO 0"},
		{"context", "SET @ifmatch_context = 'ann'"},
	} {
		t.Run(c.scope, func(t *testing.T) {
			app := session(t, p.server(s), "root", shop, "")
			for _, most := range []int{2, 1, 3} {
				policy := fmt.Sprintf("tables:\n  shop.products: {version: version, scope: %s, max_reads: %d}\n", c.scope, most)
				if !p.reload(t, strings.ReplaceAll(policy, "shop", shop)) {
					t.Fatal("the policy is not taken")
				}
				run(app, c.begin, shop)
				if o := run(app, "SHOW IFMATCH READS", shop); len(o.rows) > most {
					t.Errorf("%d rows are remembered with max_reads: %d", len(o.rows), most)
				}
				run(app, "SELECT * FROM products", shop)
				if o := run(app, "SHOW IFMATCH READS", shop); len(o.rows) != most {
					t.Errorf("of three rows that were read with max_reads: %d, %d are remembered: %q", most, len(o.rows), o.rows)
				}
			}
		})
	}
}
