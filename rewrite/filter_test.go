package rewrite

import (
	"slices"
	"strings"
	"testing"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// volumes is the table of these tests; without columns where the schema is not known.
func volumes(known bool) *Table {
	t := &Table{Name: schema.Name{Schema: "cinder", Name: "volumes"}}
	if known {
		t.columns = &schema.Table{Name: t.Name}
		for _, c := range []string{"id", "status", "size", "previous_status", "größe"} {
			t.columns.Columns = append(t.columns.Columns, &schema.Column{Name: c})
		}
	}
	return t
}

func TestFilterPrints(t *testing.T) {
	for _, c := range []struct{ name, sql, want string }{
		{"a column", "status", "(v.`status`)"},
		{"a column of the table", "volumes.status = 1", "(v.`status` = 1)"},
		{"a column of the table, in full", "cinder.`volumes`.Status = 1", "(v.`Status` = 1)"},
		{"a text", "status = 'in-use'", "(v.`status` = _utf8mb4'in-use')"},
		{"a text in double quotes", `status = "in-use"`, "(v.`status` = _utf8mb4'in-use')"},
		{"a text with a quote", `status = 'it''s'`, "(v.`status` = _utf8mb4 x'69742773')"},
		{"a text with a backslash", `status = 'a\\b\n'`, "(v.`status` = _utf8mb4 x'615c620a')"},
		{"a text beyond ASCII", "status = 'é'", "(v.`status` = _utf8mb4 x'c3a9')"},
		{"an empty text", "status = ''", "(v.`status` = _utf8mb4 x'')"},
		{"a text in two", "status = 'a' 'b'", "(v.`status` = _utf8mb4'ab')"},
		{"a text with its character set", "status = _latin1'é'", "(v.`status` = _latin1 x'c3a9')"},
		{"a national text", "status = N'a'", "(v.`status` = _utf8mb4'a')"},
		{"bytes", "status = x'4142'", "(v.`status` = x'4142')"},
		{"bytes with a character set", "status = _utf8mb4 x'4142'", "(v.`status` = _utf8mb4 x'4142')"},
		{"bytes as bytes", "status = _binary 'ab'", "(v.`status` = _binary'ab')"},
		{"numbers", "size IN (1, -1, 1.50, 1e3, 18446744073709551615)", "(v.`size` IN (1,-1,1.50,1e+03,18446744073709551615))"},
		{"null, true, false", "(NULL IS NULL) = TRUE AND FALSE", "((NULL IS NULL) = TRUE AND FALSE)"},
		{"or as pipes", "size = 1 || size = 2 && size = 3", "(v.`size` = 1 OR v.`size` = 2 AND v.`size` = 3)"},
		{"NOT binds weakly", "NOT size BETWEEN 1 AND 2", "((NOT (v.`size` BETWEEN 1 AND 2)))"},
		{"! binds strongly", "!size = 1", "((NOT (v.`size`)) = 1)"},
		{"two signs", "- -size = 1", "(-(-(v.`size`)) = 1)"},
		{"LIKE", "status LIKE 'error%'", "(v.`status` LIKE _utf8mb4'error%')"},
		{"LIKE with an escape", `status NOT LIKE 'error\_%'`, "(v.`status` NOT LIKE _utf8mb4 x'6572726f725c5f25' ESCAPE _utf8mb4 x'5c')"},
		{"LIKE with an escape of its own", `status LIKE 'error|_%' ESCAPE '|'`, "(v.`status` LIKE _utf8mb4'error|_%' ESCAPE _utf8mb4'|')"},
		{"LIKE of a column", `status LIKE previous_status`, "(v.`status` LIKE v.`previous_status` ESCAPE _utf8mb4 x'5c')"},
		{"CAST to characters", "CAST(size AS CHAR) = '1'", "(CAST(v.`size` AS CHAR CHARSET UTF8MB4) = _utf8mb4'1')"},
		{"CAST to characters of a set", "CAST(size AS CHAR(3) CHARACTER SET latin1) = '1'", "(CAST(v.`size` AS CHAR(3) CHARSET LATIN1) = _utf8mb4'1')"},
		{"CONVERT", "CONVERT(status USING utf8mb4) = CONVERT(size, CHAR)", "(CONVERT(v.`status` USING utf8mb4) = CONVERT(v.`size`, CHAR CHARSET UTF8MB4))"},
		{"a time", "NOW() > DATE '2026-01-31' + INTERVAL 1 DAY", "(NOW() > DATE_ADD(DATE '2026-01-31', INTERVAL 1 DAY))"},
		{"CASE", "CASE WHEN size > 1 THEN 'a' ELSE status END", "(CASE WHEN v.`size` > 1 THEN _utf8mb4'a' ELSE v.`status` END)"},
		{"a comment", "size /* gigabytes */ = 1 -- no more", "(v.`size` = 1)"},
		{"another table", "EXISTS (SELECT 1 FROM snapshots s WHERE s.volume_id = volumes.id)",
			"(EXISTS (SELECT 1 FROM `cinder`.`snapshots` AS `s` WHERE `s`.`volume_id` = v.`id`))"},
		{"another table by its own name", "EXISTS (SELECT * FROM snapshots WHERE snapshots.volume_id = volumes.id)",
			"(EXISTS (SELECT 1 FROM `cinder`.`snapshots` AS `snapshots` WHERE `snapshots`.`volume_id` = v.`id`))"},
		{"a table of another database", "NOT EXISTS (SELECT nova.bdm.id FROM nova.bdm WHERE nova.bdm.volume = volumes.id)",
			"(NOT EXISTS (SELECT 1 FROM `nova`.`bdm` AS `bdm` WHERE `bdm`.`volume` = v.`id`))"},
		{"a join", "size > (SELECT COUNT(*) FROM a JOIN b ON a.x = b.y LEFT JOIN c USING (z))",
			"(v.`size` > (SELECT COUNT(1) FROM (`cinder`.`a` AS `a` JOIN `cinder`.`b` AS `b` ON `a`.`x` = `b`.`y`) LEFT JOIN `cinder`.`c` AS `c` USING (`z`)))"},
		{"the table itself", "EXISTS (SELECT 1 FROM volumes v2 WHERE v2.source_id = volumes.id)",
			"(EXISTS (SELECT 1 FROM (SELECT * FROM `cinder`.`volumes` LIMIT 18446744073709551615) AS `v2` WHERE `v2`.`source_id` = v.`id`))"},
		{"a union", "size IN (SELECT a.x FROM a UNION ALL SELECT b.y FROM b)",
			"(v.`size` IN ((SELECT `a`.`x` FROM `cinder`.`a` AS `a`) UNION ALL (SELECT `b`.`y` FROM `cinder`.`b` AS `b`)))"},
		{"a sub-select in a sub-select", "EXISTS (SELECT 1 FROM a WHERE a.x IN (SELECT b.y FROM b WHERE b.z = a.z AND b.w = volumes.id))",
			"(EXISTS (SELECT 1 FROM `cinder`.`a` AS `a` WHERE `a`.`x` IN (SELECT `b`.`y` FROM `cinder`.`b` AS `b` WHERE `b`.`z` = `a`.`z` AND `b`.`w` = v.`id`)))"},
		{"words of the server as names", "`select` = 1", "(v.`select` = 1)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := compileFilter(c.sql, policy.Position{}, volumes(false), schema.Offline(sqltext.MySQL, 90700), false)
			if err != nil {
				t.Fatal(err)
			}
			got := string(f.append(nil, "v"))
			if got != c.want {
				t.Fatalf("%s gives\n%s, want\n%s", c.sql, got, c.want)
			}
		})
	}
}

func TestFilterFaults(t *testing.T) {
	catalog := schema.Offline(sqltext.MySQL, 90700)
	for _, c := range []struct{ sql, want string }{
		{"", "ends too early"},
		{"a = ", "this SQL ends too early; one condition is wanted"},
		{"size = = 1", `this SQL cannot be read at its character 8, near "= 1"`},
		{"size = 1 AND\n  size = = 1", `at its line 2, character 10, near "= 1"`},
		{"size = 1) OR (1", `at its character 9, near ") OR (1"`},
		{"(size = 1", "ends too early"},
		{"status = 'a", "at its character 10: unclosed string"},
		{"größe = = 1", "at its character 9"},
		{"size = 1; DELETE FROM volumes", "a semicolon at its character 9"},
		{"size = 1;", "a semicolon"},
		{"size = 1, 2", "this is a list"},
		{"size = ?", "a parameter at its character 8"},
		{"size = @x", "the variable @x"},
		{"size = @@sql_mode", "the variable @sql_mode"},
		{"(@x := 1)", "the variable @x"},
		{"size = RAND()", "RAND() is not taken"},
		{"SLEEP(1)", "SLEEP() is not taken"},
		{"size = shop.f(1)", "the stored function shop.f is not taken"},
		{"size = my_func(1)", "MY_FUNC() is no function that both servers are known to have"},
		{"size = 1 /*! OR 1 */", "a comment that servers take for more"},
		{"size = 1 /*M! OR 1 */", "a comment that servers take for more"},
		{"size IN (SELECT /*+ NO_MERGE(a) */ 1 FROM a)", "a comment that servers take for more"},
		{"COUNT(*) > 1", "COUNT() counts over rows"},
		{"EXISTS (SELECT 1 FROM s WHERE x.id = 1)", `"x" is neither the table cinder.volumes nor one of a sub-select`},
		{"volume.size = 1", `did you mean "volumes"?`},
		{"EXISTS (SELECT x.* FROM s)", `no table "x" in FROM`},
		{"EXISTS (SELECT 1 FROM s FOR UPDATE)", "a lock in a policy's condition"},
		{"EXISTS (WITH x AS (SELECT 1) SELECT 1 FROM x)", "WITH is not taken"},
		{"size IN (TABLE s)", "TABLE and VALUES are not taken"},
		{"size = DEFAULT(size)", "DEFAULT and VALUES are not taken"},
		{"size = VALUES(size)", "DEFAULT and VALUES are not taken"},
		{"status ILIKE 'a'", "ILIKE is not taken"},
		{"status LIKE 'a' ESCAPE ''", "ESCAPE wants one character"},
		{"status = DATE 'soon'", "digits in quotes"},
		{"status = '\x02'", "a control character at its character 11"},
		{"status = CHAR(65)", "CHAR is not taken"},
		{"EXISTS (SELECT SUM(s.x) OVER () FROM s)", "is not taken"},
	} {
		pos := policy.Position{File: "p.yaml", Line: 3, Column: 7}
		_, err := compileFilter(c.sql, pos, volumes(false), catalog, false)
		if err == nil {
			t.Errorf("%q is taken", c.sql)
			continue
		}
		if !strings.HasPrefix(err.Error(), "p.yaml:3:7: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q gives\n%v, want\n… %s", c.sql, err, c.want)
		}
	}
}

// With the columns known, a name that is nothing is a fault, and whose a name in
// a sub-select is does not depend on the statement.
func TestFilterColumns(t *testing.T) {
	catalog := schema.Offline(sqltext.MySQL, 90700)
	for _, c := range []struct {
		sql   string
		known bool
		want  []string
	}{
		{"Status = 'x' AND volumes.SIZE > 1 OR status = 'y'", true, []string{"status", "size"}},
		{"EXISTS (SELECT 1 FROM snapshots s WHERE s.size = volumes.id)", true, []string{"id"}},
		{"EXISTS (SELECT 1 FROM snapshots s WHERE size = 1 AND volume_id = 1)", true, []string{"size"}},
		{"EXISTS (SELECT 1 FROM snapshots s WHERE size = 1 AND volume_id = 1)", false, []string{"size", "volume_id"}},
		{"EXISTS (SELECT 1 FROM volumes v2 WHERE v2.size = status)", true, nil},
		{"EXISTS (SELECT 1 AS size FROM snapshots s ORDER BY size)", true, nil},
		{"1", true, nil},
	} {
		f, err := compileFilter(c.sql, policy.Position{}, volumes(c.known), catalog, true)
		if err != nil {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		if got := f.columns(); !slices.Equal(got, c.want) {
			t.Errorf("%s reads %q, want %q", c.sql, got, c.want)
		}
	}
	for sql, want := range map[string]string{
		"staus = 1": `cinder.volumes has no column "staus", did you mean "status"?`,
		"EXISTS (SELECT 1 FROM volumes v2 WHERE v2.sise = volumes.id)": `cinder.volumes has no column "sise", did you mean "size"?`,
		"EXISTS (SELECT 1 FROM volumes v2 WHERE sise = volumes.id)":    `cinder.volumes has no column "sise", did you mean "size"?`,
	} {
		_, err := compileFilter(sql, policy.Position{}, volumes(true), catalog, false)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v, want … %s", sql, err, want)
		}
	}
}

func TestFilterQualifier(t *testing.T) {
	f, err := compileFilter("EXISTS (SELECT 1 FROM snapshots s WHERE s.volume_id = volumes.id)", policy.Position{}, volumes(true), schema.Offline(sqltext.MySQL, 90700), false)
	if err != nil {
		t.Fatal(err)
	}
	const (
		plain   = "(EXISTS (SELECT 1 FROM `cinder`.`snapshots` AS `s` WHERE `s`.`volume_id` = Q.`id`))"
		renamed = "(EXISTS (SELECT 1 FROM `cinder`.`snapshots` AS `ifmatch_s` WHERE `ifmatch_s`.`volume_id` = Q.`id`))"
	)
	for q, want := range map[string]string{
		"v": plain, "volumes": plain, "cinder.volumes": plain, "`v`": plain, "ss": plain,
		"s": renamed, "S": renamed, "`s`": renamed, `"s"`: renamed, "cinder.s": renamed,
		"`a.s`": renamed, "`cinder`.`volumes`": renamed, "`a``b`": renamed,
	} {
		if got := string(f.append(nil, q)); got != strings.ReplaceAll(want, "Q", q) {
			t.Errorf("as %s it is\n%s, want\n%s", q, got, strings.ReplaceAll(want, "Q", q))
		}
	}
	if got, want := string(f.append(nil, "")), strings.ReplaceAll(plain, "Q", "`volumes`"); got != want {
		t.Errorf("without a qualifier it is\n%s, want\n%s", got, want)
	}
	locked := "(EXISTS (SELECT 1 FROM `cinder`.`snapshots` AS `s` WHERE `s`.`volume_id` = v.`id` FOR SHARE NOWAIT))"
	if got := string(f.appendLocked(nil, "v", LockMySQL)); got != locked {
		t.Errorf("with a lock it is\n%s, want\n%s", got, locked)
	}
	if !f.ascii() {
		t.Error("it has names beyond ASCII")
	}
	f, err = compileFilter("größe = 1", policy.Position{}, volumes(true), schema.Offline(sqltext.MySQL, 90700), false)
	if err != nil || f.ascii() {
		t.Errorf("a name beyond ASCII is not seen: %v", err)
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{"status = 'a' AND NOT size LIKE 'b'", "EXISTS (SELECT 1 FROM snapshots s WHERE s.x = volumes.id)", "a = x'41' || !b"} {
		f.Add(s)
	}
	catalog := schema.Offline(sqltext.MySQL, 90700)
	f.Fuzz(func(t *testing.T, sql string) {
		c, err := compileFilter(sql, policy.Position{}, volumes(false), catalog, false)
		if err != nil {
			return
		}
		// What is printed is one expression in every sql_mode: the lexer sees
		// the same tokens, balanced, without comments and parameters.
		out := c.append(nil, "v")
		var plain, other sqltext.Text
		if err := plain.Lex(out, &sqltext.Lexis{}); err != nil {
			t.Fatalf("%q gives %q: %v", sql, out, err)
		}
		if err := other.Lex(out, &sqltext.Lexis{ANSIQuotes: true, NoBackslashEscapes: true, Flavor: sqltext.MariaDB, Version: 101106}); err != nil {
			t.Fatalf("%q gives %q: %v", sql, out, err)
		}
		if !slices.Equal(plain.Tokens, other.Tokens) {
			t.Fatalf("%q gives %q, which can be read in two ways", sql, out)
		}
		depth := 0
		for i, tok := range plain.Tokens {
			switch {
			case tok.Kind == sqltext.Param, plain.IsOp(i, ";"):
				t.Fatalf("%q gives %q", sql, out)
			case plain.IsOp(i, "("):
				depth++
			case plain.IsOp(i, ")"):
				if depth--; depth == 0 && i != len(plain.Tokens)-1 || depth < 0 {
					t.Fatalf("%q gives %q, which ends early", sql, out)
				}
			}
		}
		if depth != 0 {
			t.Fatalf("%q gives %q, which is not balanced", sql, out)
		}
	})
}
