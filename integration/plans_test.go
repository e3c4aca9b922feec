package integration

import (
	"fmt"
	"strings"
	"testing"

	"ifmatch/integration/server"
)

// Statements that differ in constants share a plan, over all sessions; other
// shapes, databases and modes do not; and no more plans are kept than is said.
func TestPlansAreShared(t *testing.T) {
	s := server.MariaDB(t)
	shop, p := shopOf(t, s, products, byVersion, "--plan-cache", "3")
	// counts gives hits, misses, evictions and plans.
	counts := func() (c [4]int) {
		metrics := get(t, "http://"+p.Admin+"/metrics")
		for i, name := range []string{"hits_total", "misses_total", "evictions_total", "plans"} {
			for line := range strings.Lines(metrics) {
				if _, err := fmt.Sscanf(line, "ifmatch_plan_cache_"+name+" %d", &c[i]); err == nil {
					break
				}
			}
		}
		return c
	}
	a, b := session(t, p.server(s), "root", shop, ""), session(t, p.server(s), "root", shop, "")
	for _, step := range []struct {
		what string
		do   func()
		adds [4]int // to hits, misses, evictions, plans
	}{
		{"a new shape", func() { execute(t, a, "UPDATE products SET price=1 WHERE id=100") }, [4]int{0, 1, 0, 1}},
		{"with other constants", func() { execute(t, a, "UPDATE products SET price=2 WHERE id=101") }, [4]int{1, 0, 0, 0}},
		{"in another session, with other blanks and a comment", func() { execute(t, b, "UPDATE products  SET price = 3 /* x */ WHERE id=102") }, [4]int{1, 0, 0, 0}},
		{"nothing of a guarded table", func() { execute(t, a, "DO 1") }, [4]int{}},
		{"with an expectation", func() { execute(t, a, "UPDATE products SET price=1 WHERE id=100 AND version=2") }, [4]int{0, 1, 0, 1}},
		{"in another mode", func() {
			execute(t, b, "SET sql_mode = 'PIPES_AS_CONCAT'")
			execute(t, b, "UPDATE products SET name='a' WHERE id=101")
		}, [4]int{0, 1, 0, 1}},
		{"one too many", func() { execute(t, a, "DELETE FROM products WHERE id=5") }, [4]int{0, 1, 1, 0}},
	} {
		before := counts()
		step.do()
		after := counts()
		for i := range after {
			after[i] -= before[i]
		}
		if after != step.adds {
			t.Errorf("%s: hits, misses, evictions and plans change by %d, expected %d", step.what, after, step.adds)
		}
	}
}
