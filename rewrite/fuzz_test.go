package rewrite

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"ifmatch/sqltext"
)

// session is what a fuzzer's flags make of a session.
func session(flags byte) (sqltext.Lexis, Env) {
	lx := sqltext.Lexis{Flavor: sqltext.MySQL, Version: 90700, ANSIQuotes: flags&1 != 0, PipesAsConcat: flags&2 != 0, NoBackslashEscapes: flags&4 != 0}
	if flags&8 != 0 {
		lx.Flavor, lx.Version = sqltext.MariaDB, 101106
	}
	if flags&16 != 0 {
		lx.Charset, _ = sqltext.CharsetByName("gbk")
	}
	env := Env{DB: "shop", PipesAsConcat: lx.PipesAsConcat, UTF8: flags&16 == 0, Multi: flags&32 != 0}
	if flags&64 != 0 {
		env.DB = "search"
	}
	return lx, env
}

// somePlan plans the only statement of sql, nil if it is not one.
func somePlan(r *Rules, text *sqltext.Text, sql []byte, lx *sqltext.Lexis, env Env) *Plan {
	if text.Lex(sql, lx) != nil {
		return nil
	}
	stmts := text.Statements(nil)
	if len(stmts) != 1 {
		return nil
	}
	return r.Plan(text, stmts[0], env)
}

// FuzzText: no text and no parameters make the planner panic, and what it sends
// keeps the client's tokens.
func FuzzText(f *testing.F) {
	rules := world(f)
	for _, line := range goldenStatements(f) {
		f.Add(line, byte(0), int64(5))
	}
	f.Fuzz(func(t *testing.T, sql []byte, flags byte, param int64) {
		lx, env := session(flags)
		var text sqltext.Text
		plan := somePlan(rules, &text, sql, &lx, env)
		if plan == nil || plan.Verdict != Guard {
			return
		}
		sent(t, plan, &text, &lx, param)
	})
}

// sent binds a plan and holds what it sends against the client's text.
func sent(t *testing.T, plan *Plan, text *sqltext.Text, lx *sqltext.Lexis, param int64) {
	var params []Value
	for i := range plan.Params() {
		params = append(params, []Value{IntegerValue(param), TextValue("x"), {Kind: Null}, {Kind: Opaque}}[(int(param&3)+i)%4])
	}
	if plan.Several() {
		sentSeveral(t, plan, text, params, lx)
		return
	}
	if plan.Upserts() {
		sentUpsert(t, plan, text, params, lx)
		return
	}
	var b Binding
	for _, hint := range [][]sqltext.Pair{nil, {{Name: "version", Value: "9"}}, {{Name: "version", Null: true}}} {
		if plan.Bind(text, params, hint, &b) != nil {
			continue
		}
		keep := b.keep
		if plan.Params() == 0 {
			keeps(t, plan, text, plan.AppendText(nil, text, &b), lx, keep)
		}
		sql, args := plan.Prepared(text)
		keeps(t, plan, text, sql, lx, false)
		plan.Probe(text, &b, true, LockPlain)
		plan.Probe(text, &b, false, LockMaria)
		var out sqltext.Text
		if err := out.Lex(sql, lx); err != nil {
			t.Fatalf("%q is prepared: %v", sql, err)
		}
		if n := sqltext.Placeholders(&out, 0, len(out.Tokens)); n != len(args) {
			t.Fatalf("%q has %d markers and %d arguments", sql, n, len(args))
		}
	}
}

// sentUpsert is sent for an upsert: before and after rows were locked for it.
func sentUpsert(t *testing.T, plan *Plan, text *sqltext.Text, params []Value, lx *sqltext.Lexis) {
	markers := func(sql []byte, args []Arg) {
		var out sqltext.Text
		if err := out.Lex(sql, lx); err != nil {
			t.Fatalf("%q is prepared: %v", sql, err)
		}
		if n := sqltext.Placeholders(&out, 0, len(out.Tokens)); n != len(args) {
			t.Fatalf("%q has %d markers and %d arguments", sql, n, len(args))
		}
	}
	var b Binding
	for _, hint := range [][]sqltext.Pair{nil, {{Name: "version", Value: "9"}}} {
		if plan.Bind(text, params, hint, &b) != nil {
			continue
		}
		sql, args := plan.Prepared(text)
		keeps(t, plan, text, sql, lx, false)
		markers(sql, args)
		markers(plan.SelectHits(text, &b))
		plan.RowKeys(text, params)
		h := Hit{}
		for range plan.Table.Key {
			h.Key = AppendForm(h.Key, []byte("5"), false)
		}
		if v := plan.Table.Version; v != nil {
			h.Token = AppendForm(h.Token, []byte("9"), false)
			if v.Term != nil {
				h.Token = AppendForm(h.Token, []byte("1"), false)
			}
		}
		b.Meets(&Met{Hits: []Hit{h}})
		sql, args = plan.AppendUpsert(nil, text, &b)
		keeps(t, plan, text, sql, lx, false)
		markers(sql, args)
	}
}

// gaveWay lists the parts of an upsert that may not be sent: the client's own
// assignment of the version, and the version of each row of a REPLACE.
func (u *upsert) gaveWay() (all []part) {
	if u.own >= 0 {
		all = append(all, u.items[u.own].whole)
	}
	if u.replace != nil {
		all = append(all, u.replace.cells...)
	}
	return all
}

// sentSeveral is sent for a write of several rows.
func sentSeveral(t *testing.T, plan *Plan, text *sqltext.Text, params []Value, lx *sqltext.Lexis) {
	bs, refused := plan.BindSeveral(text, params, nil, nil)
	if refused != nil {
		return
	}
	markers := func(sql []byte, args []Arg) {
		var out sqltext.Text
		if err := out.Lex(sql, lx); err != nil {
			t.Fatalf("%q is prepared: %v", sql, err)
		}
		if n := sqltext.Placeholders(&out, 0, len(out.Tokens)); n != len(args) {
			t.Fatalf("%q has %d markers and %d arguments", sql, n, len(args))
		}
	}
	sql, args := plan.Prepared(text)
	keeps(t, plan, text, sql, lx, false)
	markers(sql, args)
	if plan.Unsure() != "" {
		return
	}
	only := make([]Confinement, len(bs))
	sql, args = plan.Confined(nil, text, bs, only)
	keeps(t, plan, text, sql, lx, bs[0].keep)
	markers(sql, args)
	lock := plan.Lock(text, bs, LockingMaria)
	markers(lock.SQL, lock.Args)
}

// keeps checks that the client's tokens are all in sql, in their order. The
// value of an assignment of the version may be replaced, and assignments give way
// to what the policy sets.
func keeps(t *testing.T, plan *Plan, text *sqltext.Text, sql []byte, lx *sqltext.Lexis, keep bool) {
	t.Helper()
	var out sqltext.Text
	if err := out.Lex(sql, lx); err != nil {
		t.Fatalf("%q became %q: %v", text.SQL, sql, err)
	}
	if n := len(out.Statements(nil)); n != 1 {
		t.Fatalf("%q became %d statements: %q", text.SQL, n, sql)
	}
	base, at := len(text.Tokens)-len(tokens(text)), 0
	for i := range text.Tokens {
		if a := plan.assigned.value; !keep && i-base >= a.from && i-base < a.to {
			continue
		}
		if u := plan.upsert; u != nil && (slices.ContainsFunc(u.gaveWay(), func(a part) bool { return i-base >= a.from && i-base < a.to }) || text.IsOp(i, ",")) {
			continue
		}
		if givenWay(plan, text, i-base) {
			continue
		}
		for at < len(out.Tokens) && (out.Tokens[at].Kind != text.Tokens[i].Kind || !bytes.Equal(out.Bytes(at), text.Bytes(i))) {
			at++
		}
		if at == len(out.Tokens) {
			t.Fatalf("%q became %q, which has lost %q", text.SQL, sql, text.Bytes(i))
		}
		at++
	}
}

// givenWay reports whether a token is part of an assignment in whose place the
// policy sets the column, or a comma beside one.
func givenWay(plan *Plan, text *sqltext.Text, i int) bool {
	to := plan.targetOf(text, new([]byte))
	if plan.change == nil || !plan.setsColumns(to) {
		return false
	}
	w := writer{Plan: plan, target: to}
	for _, item := range plan.change.items {
		if i >= item.whole.from && i < item.whole.to {
			return w.givesWay(item.column)
		}
	}
	return i >= plan.set.from && i < plan.set.to
}

// FuzzGrammar: statements of a grammar that write a guarded table never pass, by
// the judgement of another parser; what is sent is guarded when planned again;
// and the plan of one statement serves every other of its shape.
func FuzzGrammar(f *testing.F) {
	rules := world(f)
	for i := range 64 {
		f.Add(bytes.Repeat([]byte{byte(i), byte(i * 7), byte(i * 13), 5, 4}, 16), byte(i))
	}
	f.Fuzz(func(t *testing.T, choices []byte, flags byte) {
		flags &^= 16 | 32
		lx, env := session(flags)
		one := (&grammar{choices: choices, ansi: lx.ANSIQuotes}).statement()
		var text sqltext.Text
		plan := somePlan(rules, &text, []byte(one), &lx, env)
		if plan == nil {
			return
		}
		if written, read := (judge{rules, env.DB}).written(&text, lx); read && written != nil && plan.Verdict == Pass {
			t.Fatalf("%s\npasses (%s), but writes %s", one, plan.Why, written.Name)
		}
		if plan.Verdict != Pass && !rules.Mentions(&text, text.Statements(nil)[0]) {
			t.Fatalf("%s\nis not mentioned", one)
		}
		if plan.Verdict == Guard {
			sent(t, plan, &text, &lx, 5)
			again(t, rules, plan, &text, &lx, env)
		}
		two := (&grammar{choices: choices, constants: 1, ansi: lx.ANSIQuotes}).statement()
		sameShape(t, rules, plan, &text, []byte(two), &lx, env)
	})
}

// TestGrammar does what FuzzGrammar does with statements of a fixed seed, and
// makes sure that they are of every kind.
func TestGrammar(t *testing.T) {
	rules := world(t)
	random := rand.New(rand.NewPCG(1, 2))
	verdicts := map[Verdict]int{}
	judged := 0
	for range 20000 {
		choices := make([]byte, 200)
		for i := range choices {
			choices[i] = byte(random.Uint32())
		}
		lx, env := session(byte(random.Uint32()) &^ (16 | 32))
		sql := (&grammar{choices: choices, ansi: lx.ANSIQuotes}).statement()
		var text sqltext.Text
		plan := somePlan(rules, &text, []byte(sql), &lx, env)
		if plan == nil {
			continue
		}
		verdicts[plan.Verdict]++
		written, read := (judge{rules, env.DB}).written(&text, lx)
		if read && written != nil {
			judged++
			if plan.Verdict == Pass {
				t.Errorf("%s\npasses (%s), but writes %s", sql, plan.Why, written.Name)
			}
		}
		if plan.Verdict == Guard {
			sent(t, plan, &text, &lx, 5)
			again(t, rules, plan, &text, &lx, env)
		}
	}
	if verdicts[Guard] < 300 || verdicts[Pass] < 3000 || verdicts[Refuse] < 3000 || judged < 3000 {
		t.Errorf("too few of a kind: %v, %d judged", verdicts, judged)
	}
	t.Logf("%v, %d judged", verdicts, judged)
}

// again plans what a plan sends: it is a guarded write on the same row.
func again(t *testing.T, rules *Rules, plan *Plan, text *sqltext.Text, lx *sqltext.Lexis, env Env) {
	if plan.Several() {
		bs, refused := plan.BindSeveral(text, nil, nil, nil)
		if refused != nil || plan.Params() > 0 {
			return
		}
		sql := plan.AppendSeveral(nil, text, bs)
		var out sqltext.Text
		if second := somePlan(rules, &out, sql, lx, env); second == nil || second.Verdict != Guard {
			t.Fatalf("%s\nis sent as\n%s\nwhich is refused: %+v", text.SQL, sql, second)
		}
		return
	}
	var b, b2 Binding
	if plan.Bind(text, nil, nil, &b) != nil {
		return
	}
	sql := plan.AppendText(nil, text, &b)
	var out sqltext.Text
	second := somePlan(rules, &out, sql, lx, env)
	if second == nil || second.Verdict != Guard {
		t.Fatalf("%s\nis sent as\n%s\nwhich is refused: %+v", text.SQL, sql, second)
	}
	if refused := second.Bind(&out, nil, nil, &b2); refused != nil && b.Source != NoExpectation && b.Expected.Version.Kind != Null {
		t.Fatalf("%s\nis sent as\n%s\nwhich is refused: %v", text.SQL, sql, refused)
	}
	if plan.KeyText(&b) != second.KeyText(&b2) {
		t.Fatalf("%s\nis sent as\n%s\nfor another row", text.SQL, sql)
	}
}

// sameShape uses the plan of one text for another of the same shape.
func sameShape(t *testing.T, rules *Rules, plan *Plan, text *sqltext.Text, sql []byte, lx *sqltext.Lexis, env Env) {
	var other sqltext.Text
	fresh := somePlan(rules, &other, sql, lx, env)
	if fresh == nil {
		return
	}
	a, b := text.Statements(nil)[0], other.Statements(nil)[0]
	hi, lo := text.Hash(int(a.Start), int(a.End))
	hi2, lo2 := other.Hash(int(b.Start), int(b.End))
	if hi != hi2 || lo != lo2 {
		return
	}
	if plan.Verdict != fresh.Verdict || plan.Reason != fresh.Reason {
		t.Fatalf("%s\n%s\nhave one shape and two plans: %s %q, %s %q", text.SQL, sql, plan.Verdict, plan.Reason, fresh.Verdict, fresh.Reason)
	}
	if plan.Verdict != Guard {
		return
	}
	if plan.Several() != fresh.Several() {
		t.Fatalf("%s\n%s\nhave one shape and are of one row and of several", text.SQL, sql)
	}
	if plan.Several() {
		x, r1 := plan.BindSeveral(&other, nil, nil, nil)
		y, r2 := fresh.BindSeveral(&other, nil, nil, nil)
		if (r1 == nil) != (r2 == nil) {
			t.Fatalf("%s\nis bound as %v and %v", sql, r1, r2)
		}
		if r1 == nil {
			if got, want := plan.AppendSeveral(nil, &other, x), fresh.AppendSeveral(nil, &other, y); !bytes.Equal(got, want) {
				t.Fatalf("%s\nis sent as\n%s\nand\n%s", sql, got, want)
			}
		}
		return
	}
	var x, y Binding
	r1, r2 := plan.Bind(&other, nil, nil, &x), fresh.Bind(&other, nil, nil, &y)
	switch {
	case (r1 == nil) != (r2 == nil):
		t.Fatalf("%s\nis bound as %v and %v", sql, r1, r2)
	case r1 != nil:
		return
	}
	if got, want := plan.AppendText(nil, &other, &x), fresh.AppendText(nil, &other, &y); !bytes.Equal(got, want) {
		t.Fatalf("%s\nis sent as\n%s\nand\n%s", sql, got, want)
	}
}

// One plan serves all character sets of a class: it is the same whichever of them the
// statement came in that it was made of.
func TestPlansOfACharsetClass(t *testing.T) {
	rules := world(t)
	random := rand.New(rand.NewPCG(13, 14))
	pieces := []string{"\xbf", "\xe4", "\x83\x5c", "\xc3\xa4", "`\xe4`", "`\x81```", "`pro\xa5ducts`", " AS `\xe4\xf6` ", "'\xbf\\'", "'\xe4'", "_gbk'\xe4'", ", \xc3\xa4"}
	compared, beyond := 0, 0
	for _, line := range goldenStatements(t) {
		for round := range 3 {
			sql := bytes.TrimSpace(line)
			if round > 0 {
				at := random.IntN(len(sql) + 1)
				sql = slices.Concat(sql[:at], []byte(pieces[random.IntN(len(pieces))]), sql[at:])
			}
			plans := map[sqltext.Charset]*Plan{}
			hashes := map[sqltext.Charset][2]uint64{}
			for cs := sqltext.UTF8MB4; cs <= sqltext.UJIS; cs++ {
				lx := sqltext.Lexis{Flavor: sqltext.MySQL, Version: 90700, Charset: cs}
				class := cs.Class()
				var text sqltext.Text
				plan := somePlan(rules, &text, sql, &lx, Env{DB: "shop", UTF8: class == sqltext.UTF8MB4, Multi: true})
				if plan == nil {
					continue
				}
				var hash [2]uint64
				hash[0], hash[1] = text.Hash(0, len(text.Tokens))
				first, found := plans[class]
				if !found {
					plans[class], hashes[class] = plan, hash
					continue
				}
				if hashes[class] != hash {
					continue // other tokens, and another key
				}
				if !reflect.DeepEqual(first, plan) {
					t.Fatalf("%q in %s: the plan is another than that of its class", sql, cs)
				}
				if compared++; !ascii(sql) {
					beyond++
				}
			}
		}
	}
	if compared < 20_000 || beyond < 5000 {
		t.Errorf("%d plans are compared, %d of texts beyond ASCII: little was tested", compared, beyond)
	}
}
