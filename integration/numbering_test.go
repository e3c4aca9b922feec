package integration

import (
	"context"
	"database/sql/driver"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// Counters outlive a case, so their names have that of its database in them.
func TestNumbering(t *testing.T) {
	const setup, policy = "CREATE TABLE t(id INT PRIMARY KEY)", "tables: {}"
	wrong := func(has ...string) want { return fails(1210, "HY000", has...) }
	over := func(has ...string) want { return fails(1644, "45000", has...) }
	both := func(wants ...want) want {
		return func(o outcome) string {
			for _, w := range wants {
				if wrong := w(o); wrong != "" {
					return wrong
				}
			}
			return ""
		}
	}
	play(t, []scenario{
		{name: "the five calls", setup: setup, policy: policy, steps: []step{
			do(A, "CALL ifmatch.getids('/shop/c')", both(named("value"), gives("0"))),
			do(A, "CALL ifmatch.allocids('/shop/c', 3)", both(named("first", "last"), gives("1|3"))),
			do(B, "CALL ifmatch.addids('/shop/c', 5)", both(named("value"), gives("8"))),
			do(A, "CALL ifmatch.addids('/shop/c', -10)", gives("-2")),
			do(A, "CALL ifmatch.setids('/shop/c', 100)", both(named("value"), gives("100"))),
			do(A, "CALL ifmatch.rangeids('/shop/c', '10-12')", both(named("range"), gives("10-12"))),
			do(B, "CALL ifmatch.getids('/shop/c')", gives("9")),
			do(B, "CALL ifmatch.allocids('/shop/c', 2)", gives("10|11")),
			do(B, "CALL ifmatch.allocids('/shop/c', 2)", gives("12|10")),
			do(B, "CALL ifmatch.rangeids('/shop/c', '10-12!')", gives("10-12!")),
			do(B, "CALL ifmatch.allocids('/shop/c', 4)", over(`ifmatch: counter "/shop/c": range 10-12! has 3 numbers, 4 are more`)),
			do(B, "CALL ifmatch.rangeids('/shop/c', '')", gives("")),
			do(B, "CALL ifmatch.getids('/shop/c')", gives("9")),
		}},
		{name: "the same, prepared", setup: setup, policy: policy, steps: []step{
			do(A, "CALL ifmatch.getids(?)", gives("0"), "/shop/c"),
			do(A, "CALL ifmatch.allocids(?, ?)", gives("1|3"), "/shop/c", 3),
			do(B, "CALL ifmatch.addids(?, ?)", gives("-2"), "/shop/c", int64(-5)),
			do(A, "CALL ifmatch.setids('/shop/c', ?)", gives("-9223372036854775808"), int64(-9223372036854775808)),
			do(A, "CALL ifmatch.addids(?, -1)", over("beyond BIGINT"), "/shop/c"),
			do(A, "CALL ifmatch.rangeids(?, ?)", gives("-12--10"), "/shop/c", "-12--10"),
			do(A, "CALL ifmatch.allocids(?, ?)", gives("-12|-10"), "/shop/c", "3"),
			do(A, "CALL ifmatch.allocids(?, ?)", wrong("not NULL"), "/shop/c", nil),
			do(A, "CALL ifmatch.allocids(?, ?)", wrong("whole number"), "/shop/c", 1.5),
			do(A, "CALL ifmatch.allocids(?, 1 + ?)", gives("-12|-11"), "/shop/c", 1),
			do(A, "CALL ifmatch.getids(?)", wrong("the name of a counter is a string, not NULL"), nil),
			do(A, "CALL ifmatch.getids(?)", wrong("string, not 7"), 7),
			do(A, "CALL ifmatch.getids(?)", wrong("at most 1024 bytes"), strings.Repeat("x", 1025)),
			do(A, "CALL ifmatch.getids(?)", gives("0"), "/shop/"+strings.Repeat("x", 900)),
			do(A, "CALL ifmatch.getids(?)", wrong("at most 1024 bytes"), strings.Repeat("x", 5000)),
		}},
		{name: "arguments in every form", setup: setup, policy: policy, steps: []step{
			do(A, "SET @c = '/shop/c', @n = 2, @d = 2.0, @f = 2e0, @z = NULL", fine),
			do(A, "CALL ifmatch.allocids(@c, @n)", gives("1|2")),
			do(A, "CALL ifmatch.allocids(@c, @d)", gives("3|4")),
			do(A, "CALL ifmatch.allocids(@c, @f)", gives("5|6")),
			do(A, "CALL ifmatch.allocids(CONCAT('/shop', '/c'), (SELECT 1 + 1))", gives("7|8")),
			do(A, "CALL ifmatch.allocids('/shop/c', '2')", gives("9|10")),
			do(A, "CALL ifmatch.allocids('/shop/c', 2.0)", gives("11|12")),
			do(A, "CALL ifmatch.allocids('/shop/c', +2)", gives("13|14")),
			do(A, "CALL ifmatch.allocids('/shop/c', 0x02)", wrong("whole number")),
			do(A, "CALL ifmatch.allocids(_utf8mb4'/shop/c', 1e0)", gives("15|15")),
			do(A, "call /* c */ `IfMatch` . `AllocIDs` ( '/shop/c' , 1 ) -- the next", gives("16|16")),
			do(A, "CALL /*!50000 ifmatch.*/addids(N'/shop/c', 0);", gives("16")),
			do(A, "CALL ifmatch.allocids(@c, @z)", wrong("not NULL")),
			do(A, "CALL ifmatch.allocids(@z, 1)", wrong("not NULL")),
			do(A, "CALL ifmatch.allocids(NULL, 1)", wrong("not NULL")),
			do(A, "CALL ifmatch.allocids('', 1)", wrong("needs a name")),
			do(A, "CALL ifmatch.allocids('/shop/c', 0)", wrong("1 to 500 numbers, not 0")),
			do(A, "CALL ifmatch.allocids('/shop/c', 501)", wrong("1 to 500 numbers, not 501")),
			do(A, "CALL ifmatch.allocids('/shop/c', -1)", wrong("1 to 500")),
			do(A, "CALL ifmatch.allocids('/shop/c', 2.5)", wrong("whole number")),
			do(A, "CALL ifmatch.allocids('/shop/c', 'two')", wrong("whole number")),
			do(A, "CALL ifmatch.allocids('/shop/c', '')", wrong("whole number")),
			do(A, "CALL ifmatch.addids('/shop/c', 9223372036854775808)", wrong("beyond BIGINT")),
			do(A, "CALL ifmatch.addids('/shop/c', -9223372036854775809)", wrong("beyond BIGINT")),
			do(A, "CALL ifmatch.addids('/shop/c', 9223372036854775807)", over("beyond BIGINT")),
			do(A, "CALL ifmatch.rangeids('/shop/c', NULL)", wrong("a range is a string")),
			do(A, "CALL ifmatch.rangeids('/shop/c', 5)", wrong("a range is a string")),
			do(A, "CALL ifmatch.rangeids('/shop/c', '9-9')", wrong("greater")),
			do(A, "CALL ifmatch.rangeids('/shop/c', '1-2-3')", wrong("not of the form")),
			do(A, "CALL ifmatch.allocids(missing, 1)", func(o outcome) string {
				if o.err == nil {
					return "no error"
				}
				return ""
			}),
			do(A, "CALL ifmatch.getids('/shop/c')", gives("16")),
		}},
		{name: "what is no such call is the server's", setup: setup, policy: policy, steps: []step{
			do(A, "CALL ifmatch.allocids('/shop/c')", fails(1318, "42000", "expected 2, got 1")),
			do(A, "CALL ifmatch.allocids('/shop/c', 1, 2)", fails(1318, "42000", "expected 2, got 3")),
			do(A, "CALL ifmatch.getids()", fails(1318, "42000")),
			do(A, "CALL ifmatch.getids", fails(1318, "42000")),
			do(A, "CALL ifmatch.newids('/shop/c')", fails(1305, "42000")),
			do(A, "CALL allocids('/shop/c', 1)", fails(1305, "42000", "shop.allocids")),
			do(A, "CALL ifmatch.allocids('/shop/c', )", fails(1064, "42000")),
			do(A, "CALL ifmatch.allocids('/shop/c', 1) + 1", fails(1064, "42000")),
			do(A, "{CALL ifmatch.allocids('/shop/c', 1)}", fails(1064, "42000")),
			do(A, "USE ifmatch", fine),
			do(A, "CALL allocids('/shop/c', 1)", gives("1|1")),
			do(A, "USE shop", fine),
			do(direct, "CALL ifmatch.allocids('/shop/c', 1)", over("numbers are given by the proxy")),
		}},
		{name: "names are bytes", setup: setup, policy: policy, steps: []step{
			do(A, "CALL ifmatch.allocids('/shop/a', 1)", gives("1|1")),
			do(A, "CALL ifmatch.allocids('/shop/A', 1)", gives("1|1")),
			do(A, "CALL ifmatch.allocids('/shop/a ', 1)", gives("1|1")),
			do(A, `CALL ifmatch.allocids('/shop/it''s "a" \\ `+"`quote`"+`', 1)`, gives("1|1")),
			do(A, "CALL ifmatch.allocids(?, 1)", gives("2|2"), `/shop/it's "a" \ `+"`quote`"),
			do(A, "CALL ifmatch.allocids('/shop/ä日😀', 1)", gives("1|1")),
			do(A, "CALL ifmatch.allocids(?, 1)", gives("2|2"), "/shop/ä日😀"),
			do(A, "SET NAMES latin1", fine),
			do(A, "CALL ifmatch.allocids('/shop/\xe4', 1)", gives("1|1")),
			do(A, "SET NAMES utf8mb4", fine),
			do(A, "CALL ifmatch.allocids('/shop/ä', 1)", gives("2|2")),
			do(A, "SET NAMES gbk", fine),
			do(A, "CALL ifmatch.allocids('/shop/\x95\\', 1)", gives("1|1")), // 昞, whose second byte is a backslash
			do(A, "CALL ifmatch.allocids(?, 1)", gives("2|2"), "/shop/\x95\\"),
			do(A, "SET NAMES utf8mb4", fine),
			do(A, "CALL ifmatch.allocids('/shop/昞', 1)", gives("3|3")),
			do(A, "SET sql_mode = 'ANSI_QUOTES'", fine),
			do(A, `CALL "ifmatch"."allocids"('/shop/a', 1)`, gives("2|2")),
			do(A, `CALL ifmatch.allocids("/shop/a", 1)`, fails(1054, "42S22")),
			do(A, "SET sql_mode = ''", fine),
			do(A, `CALL ifmatch.allocids("/shop/a", 1)`, gives("3|3")),
			do(A, "SET sql_mode = 'NO_BACKSLASH_ESCAPES'", fine),
			do(A, `CALL ifmatch.allocids('/shop/\n', 1)`, gives("1|1")),
			do(A, "SET sql_mode = ''", fine),
			do(A, `CALL ifmatch.allocids('/shop/\n', 1)`, gives("1|1")),
			do(A, `CALL ifmatch.allocids('/shop/\\n', 1)`, gives("2|2")),
		}},
		{name: "is no part of a transaction", setup: setup, policy: policy, steps: []step{
			do(A, "BEGIN", fine),
			do(A, "INSERT INTO t VALUES (1)", affects(1)),
			do(A, "CALL ifmatch.allocids('/shop/c', 3)", gives("1|3")),
			do(B, "CALL ifmatch.allocids('/shop/c', 1)", gives("4|4")),
			do(A, "CALL ifmatch.allocids('/shop/c', 501)", wrong("1 to 500")),
			do(A, "INSERT INTO t VALUES (2)", affects(1)),
			do(A, "ROLLBACK", fine),
			do(A, "SELECT COUNT(*) FROM t", gives("0")),
			do(A, "CALL ifmatch.allocids('/shop/c', 2)", gives("5|6")),
			do(A, "SET autocommit = 0", fine),
			do(A, "CALL ifmatch.allocids('/shop/c', 2)", gives("7|8")),
			do(A, "ROLLBACK", fine),
			do(A, "START TRANSACTION READ ONLY", fine),
			do(A, "CALL ifmatch.allocids('/shop/c', 2)", gives("9|10")),
			do(A, "COMMIT", fine),
			do(A, "LOCK TABLES t WRITE", fine),
			do(A, "CALL ifmatch.allocids('/shop/c', 2)", gives("11|12")),
			do(A, "UNLOCK TABLES", fine),
		}},
		{name: "a doomed transaction gives none", setup: products, policy: byVersion, steps: []step{
			do(A, "BEGIN", fine),
			do(A, "UPDATE /* ifmatch: version=7 */ products SET price=1 WHERE id=100", conflict()),
			do(A, "CALL ifmatch.allocids('/shop/c', 3)", doomed()),
			do(A, "CALL ifmatch.allocids(?, 3)", doomed(), "/shop/c"),
			do(A, "ROLLBACK", fine),
			do(A, "CALL ifmatch.allocids('/shop/c', 3)", gives("1|3")),
		}},
		{name: "prepared at SQL level", setup: setup, policy: policy, steps: []step{
			do(A, "PREPARE p FROM 'CALL ifmatch.allocids(?, ?)'", fine),
			do(A, "SET @c = '/shop/c', @n = 3", fine),
			do(A, "EXECUTE p USING @c, @n /* rows */", gives("1|3")),
			do(A, "EXECUTE p USING @c, @n /* rows */", gives("4|6")),
			do(A, "EXECUTE p USING @c /* rows */", fails(1210, "HY000")),
			do(A, "SET @text = \"CALL ifmatch.addids('/shop/c', -1)\"", fine),
			do(A, "PREPARE p FROM @text", fine),
			do(A, "EXECUTE p /* rows */", gives("5")),
			do(A, "DEALLOCATE PREPARE p", fine),
			do(A, "EXECUTE p /* rows */", fails(1243, "HY000")),
		}},
		{name: "EXECUTE IMMEDIATE", setup: setup, policy: policy, only: server.FlavorMariaDB, steps: []step{
			do(A, "EXECUTE IMMEDIATE 'CALL ifmatch.allocids(?, 2)' USING '/shop/c' /* rows */", gives("1|2")),
			do(A, "EXECUTE IMMEDIATE 'CALL ifmatch.getids(\"/shop/c\")' /* rows */", gives("2")),
		}},
		{name: "what is said of it afterwards", setup: setup, policy: policy, steps: []step{
			do(A, "CALL ifmatch.allocids('/shop/c', 3)", gives("1|3")),
			do(A, "SHOW WARNINGS", gives()),
			do(A, "SELECT ROW_COUNT()", gives("-1")),
			do(A, "CALL ifmatch.allocids('/shop/c', 'x')", wrong()),
			do(A, "SHOW WARNINGS", gives("Error|1210|ifmatch: a whole number is wanted")),
		}},
	})
}

// The columns and parameters of a call, byte by byte the same in both protocols.
func TestNumberingInPackets(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, "", "tables: {}")
		for name, caps := range map[string]wire.Capability{"with EOF": plainCaps, "without EOF": plainCaps | wire.ClientDeprecateEOF, "with attributes": plainCaps | wire.ClientQueryAttributes} {
			r := dial(t, p.Addr, shop, caps)
			answer := r.query("CALL ifmatch.allocids('/" + shop + "/" + name + "', 2)")
			for i, want := range []string{"first", "last"} {
				c, err := wire.ParseColumn(answer[1+i], r.caps)
				if err != nil {
					t.Fatal(err)
				}
				if string(c.Name) != want || c.Type != wire.TypeLongLong || c.Flags.Has(wire.FlagUnsigned) {
					t.Errorf("%s: column %d is %+v", name, i, c)
				}
			}
			prepared := r.prepare("CALL ifmatch.addids(?, ?)")
			if prepared.Params != 2 {
				t.Errorf("%s: %d parameters", name, prepared.Params)
			}
			// The two in one text, the second of them with what the first has left.
			answer = r.query("CALL ifmatch.allocids('/" + shop + "/m" + name + "', 2); CALL ifmatch.addids('/" + shop + "/m" + name + "', 40); SELECT 7")
			var rows []string
			for _, packet := range answer {
				if len(packet) < 10 && packet[0] < 10 && len(packet) > 1 {
					rows = append(rows, string(packet))
				}
			}
			if got := strings.Join(rows, " "); !strings.Contains(got, "\x011\x012") || !strings.Contains(got, "\x0242") || !strings.Contains(got, "\x017") {
				t.Errorf("%s: rows %q", name, rows)
			}
			// After an error the rest is not run.
			r.query("CALL ifmatch.addids('/" + shop + "/e" + name + "', 'x'); CALL ifmatch.addids('/" + shop + "/e" + name + "', 1)")
			answer = r.query("CALL ifmatch.getids('/" + shop + "/e" + name + "')")
			if row := string(answer[len(answer)-2]); row != "\x010" {
				t.Errorf("%s: after an error %q", name, row)
			}
		}
		app := session(t, p.server(s), "root", shop, "")
		err := app.Raw(func(c any) error {
			stmt, err := c.(driver.ConnPrepareContext).PrepareContext(context.Background(), "CALL ifmatch.allocids(?, ?)")
			if err != nil {
				return err
			}
			defer stmt.Close()
			if n := stmt.NumInput(); n != 2 {
				t.Errorf("%d parameters", n)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// Whoever may not execute the routines at the server gets the server's error.
func TestNumberingWantsExecute(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, "", "tables: {}")
		root := session(t, s, "root", "", "")
		execute(t, root, "DROP USER IF EXISTS 'counts'@'%'")
		execute(t, root, "CREATE USER 'counts'@'%'")
		t.Cleanup(func() { s.Open(t, "").Exec("DROP USER 'counts'@'%'") })
		execute(t, root, "GRANT SELECT ON `"+shop+"`.* TO 'counts'@'%'")
		app := session(t, p.server(s), "counts", shop, "")
		call := "CALL ifmatch.allocids('/" + shop + "', 1)"
		denied := fails(1370, "42000", "execute command denied to user 'counts'", "'ifmatch.allocids'")
		if wrong := denied(run(app, call, shop)); wrong != "" {
			t.Errorf("without the right: %s", wrong)
		}
		if o := run(app, "CALL ifmatch.allocids(?, ?)", shop, "/"+shop, 1); o.err == nil {
			t.Error("without the right, prepared: no error")
		}
		execute(t, root, "GRANT EXECUTE ON `ifmatch`.* TO 'counts'@'%'")
		if wrong := gives("1|1")(run(app, call, shop)); wrong != "" {
			t.Errorf("with the right: %s", wrong)
		}
		execute(t, root, "REVOKE EXECUTE ON `ifmatch`.* FROM 'counts'@'%'")
		if !await(func() bool { return denied(run(app, call, shop)) == "" }) {
			t.Error("once the right is revoked numbers are still given")
		}
		execute(t, root, "GRANT EXECUTE ON PROCEDURE `ifmatch`.`getids` TO 'counts'@'%'")
		if o := run(app, "CALL ifmatch.getids('/"+shop+"')", shop); o.err != nil {
			t.Errorf("with the right to one routine: %v", o.err)
		}
		if wrong := denied(run(app, call, shop)); wrong != "" {
			t.Errorf("with the right to another routine: %s", wrong)
		}
	})
}

// A proxy without a service account keeps no counters, and says so.
func TestNumberingWithoutAnAccount(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, "", "tables: {}", "--service-user", "")
		app := session(t, p.server(s), "root", shop, "")
		for _, args := range [][]any{nil, {"/c", 1}} {
			call := "CALL ifmatch.allocids('/c', 1)"
			if args != nil {
				call = "CALL ifmatch.allocids(?, ?)"
			}
			if wrong := refused("--service-user")(run(app, call, shop, args...)); wrong != "" {
				t.Error(wrong)
			}
		}
	})
}
