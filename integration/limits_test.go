package integration

import (
	"database/sql"
	"os"
	"regexp"
	"strings"
	"testing"

	"ifmatch/integration/server"
)

// limit is a row of docs/limits.md.
type limit struct {
	section, what, example, advice string
}

// readLimits gives the code blocks and the rows of docs/limits.md.
func readLimits(t *testing.T) (setup, policy string, rows []limit) {
	t.Helper()
	text, err := os.ReadFile("../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(language string) string {
		_, rest, _ := strings.Cut(string(text), "```"+language+"\n")
		code, _, ok := strings.Cut(rest, "```")
		if !ok {
			t.Fatalf("docs/limits.md has no block of %s", language)
		}
		return code
	}
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			section = heading
		}
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| what |") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if len(cells) != 3 {
			t.Errorf("docs/limits.md: a row has %d cells: %s", len(cells), line)
			continue
		}
		rows = append(rows, limit{section, cells[0], cells[1], cells[2]})
	}
	return block("sql"), block("yaml"), rows
}

var codeSpan = regexp.MustCompile("(?:([A-Za-z]+): )?`([^`]+)`(?: |$)")

// statements gives the statements of a row's example, each with the word before
// it: who sends it, or the server on which it is one.
func (l limit) statements(t *testing.T) (all [][2]string) {
	t.Helper()
	left := codeSpan.ReplaceAllString(l.example, "")
	for _, m := range codeSpan.FindAllStringSubmatch(l.example, -1) {
		all = append(all, [2]string{m[1], strings.ReplaceAll(m[2], `\x00`, "\x00")})
	}
	if left != "" || len(all) == 0 || l.advice == "" {
		t.Fatalf("the row %q of docs/limits.md has no example that can be read: %q is left", l.what, left)
	}
	return all
}

// What docs/limits.md says is refused is, with the reason that it gives, and what
// it says cannot be seen happens.
func TestLimits(t *testing.T) {
	setup, policy, rows := readLimits(t)
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := s.OpenAs(t, "root", shop, "multiStatements=true")
		exec := func(t *testing.T, text string) {
			t.Helper()
			if _, err := db.Exec(text); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		refresh := func(t *testing.T) {
			exec(t, "SET foreign_key_checks=0; DROP DATABASE "+shop+"; CREATE DATABASE "+shop+"; USE "+shop)
			for _, q := range strings.SplitAfter(setup, ";\n") {
				if strings.TrimSpace(q) != "" {
					exec(t, q)
				}
			}
			exec(t, "INSERT INTO shelves VALUES (1, 1); INSERT INTO products(id, sku, price, shelf) VALUES (1, 'a', 5, 1), (2, 'b', 6, 1); INSERT INTO volumes(id, status) VALUES (1, 'creating'); INSERT INTO items(id) VALUES (1)")
		}
		db.SetMaxOpenConns(1)
		exec(t, "CREATE USER IF NOT EXISTS keeper; GRANT ALL ON *.* TO keeper; SET GLOBAL event_scheduler = ON")
		refresh(t)
		p := start(t, s, strings.ReplaceAll(policy, "shop", shop), "--schema-refresh", "1h")
		for _, row := range rows {
			all := row.statements(t)
			if only := strings.ToLower(all[0][0]); (only == server.FlavorMariaDB || only == server.FlavorMySQL) && only != s.Flavor {
				continue
			}
			t.Run(row.what, func(t *testing.T) {
				unseen := strings.HasPrefix(row.section, "What cannot")
				before := guardedRows(t, db)
				sessions := map[string]*sql.DB{}
				for i, st := range all {
					text := strings.ReplaceAll(st[1], "shop", shop)
					conn := sessions[st[0]]
					if conn == nil {
						to, user := p.server(s), "root"
						if st[0] == "around" {
							to = s
						} else if st[0] == "keeper" {
							user = st[0]
						}
						conn = to.OpenAs(t, user, shop, "multiStatements=true")
						conn.SetMaxOpenConns(1)
						sessions[st[0]] = conn
					}
					_, err := conn.Exec(text)
					switch {
					case unseen && err != nil:
						t.Errorf("%s: %v", text, err)
					case unseen:
					case err == nil && (i == len(all)-1 || !settles(st[1])):
						t.Errorf("%s: not refused", text)
					case err != nil && !strings.Contains(err.Error(), "ifmatch: refused: "):
						t.Errorf("%s: %v", text, err)
					}
				}
				for _, conn := range sessions {
					conn.Close()
				}
				if !unseen {
					if after := guardedRows(t, db); after != before {
						t.Errorf("the rows were %s and are %s", before, after)
					}
					return
				}
				if !await(func() bool { return guardedRows(t, db) != before }) {
					t.Errorf("no guarded row has changed")
				}
				if after := guardedRows(t, db); strings.Contains(after, "version 2") {
					t.Errorf("a version was raised: %s", after)
				}
				refresh(t)
			})
		}
	})
}

// settles reports whether a statement of an example only prepares for the last.
func settles(text string) bool {
	return strings.HasPrefix(text, "SET ") || strings.HasPrefix(text, "PREPARE ")
}

// guardedRows gives the rows of products.
func guardedRows(t *testing.T, db *sql.DB) string {
	t.Helper()
	var rows string
	if err := db.QueryRow("SELECT GROUP_CONCAT('id ', id, ' price ', IFNULL(price, 'NULL'), ' shelf ', IFNULL(shelf, 'NULL'), ' version ', version ORDER BY id) FROM products").Scan(&rows); err != nil {
		t.Fatal(err)
	}
	return rows
}
