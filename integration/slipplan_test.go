package integration

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
)

// Whatever statement comes, it is planned, bound and written without a panic,
// which would end its session.
func TestSlipsArePlannedWithoutPanic(t *testing.T) {
	count := fromEnv(t, envSlipCount, 3000)
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := s.OpenAs(t, "root", shop, "multiStatements=true")
		if _, err := db.Exec(slipTables); err != nil {
			t.Fatal(err)
		}
		maria := s.Flavor == server.FlavorMariaDB
		lx := sqltext.Lexis{Flavor: sqltext.MySQL, Version: 90700}
		if maria {
			lx = sqltext.Lexis{Flavor: sqltext.MariaDB, Version: 101100}
		}
		rules := []*rewrite.Rules{rulesOf(t, s, strings.ReplaceAll(slipBlind, "shop", shop)), rulesOf(t, s, strings.ReplaceAll(slipSighted, "shop", shop))}
		g := &slipGen{r: rand.New(rand.NewPCG(uint64(fromEnv(t, envSlipSeed, 1)), 9)), maria: maria, shop: shop}
		written, panics := 0, 0
		for range 10 * count {
			sql := g.next().sql
			lx.ANSIQuotes, lx.NoBackslashEscapes = g.ansi, g.raw
			var text sqltext.Text
			if text.Lex([]byte(sql), &lx) != nil {
				continue
			}
			for _, span := range text.Statements(nil) {
				from, to := text.Range(span)
				var one sqltext.Text
				if one.Lex(text.SQL[from:to], &lx) != nil {
					continue
				}
				guarded, stack := writes(rules[g.n(2)], &one, shop)
				if stack != "" {
					if panics++; panics < 5 {
						t.Errorf("%q: %s", one.SQL, stack)
					}
				}
				if guarded {
					written++
				}
			}
		}
		if written < count/10 {
			t.Errorf("only %d statements are guarded", written)
		}
	})
}

// writes plans a statement and writes all that can be sent for it. stack is where it
// has panicked.
func writes(rules *rewrite.Rules, t *sqltext.Text, db string) (guarded bool, stack string) {
	defer func() {
		if r := recover(); r != nil {
			stack = fmt.Sprintf("%v\n%s", r, debug.Stack())
		}
	}()
	spans := t.Statements(nil)
	if len(spans) != 1 {
		return false, ""
	}
	plan := rules.Plan(t, spans[0], rewrite.Env{DB: db, UTF8: true}).For(t)
	if plan.Verdict != rewrite.Guard {
		return false, ""
	}
	plan.Prepared(t)
	if plan.Params() > 0 {
		return true, ""
	}
	var b rewrite.Binding
	if !plan.Several() {
		refused := plan.Bind(t, nil, nil, &b)
		if refused == nil {
			plan.AppendText(nil, t, &b)
			if plan.Strategy == rewrite.LockAndCheck && plan.Upserts() {
				plan.SelectHits(t, &b)
			}
			return true, ""
		}
		if !refused.Wider || plan.Wider() == nil {
			return true, ""
		}
		plan = plan.Wider()
	}
	if bound, refused := plan.BindSeveral(t, nil, nil, nil); refused == nil {
		plan.AppendSeveral(nil, t, bound)
		plan.Lock(t, bound, rewrite.LockingMySQL)
	}
	return true, ""
}
