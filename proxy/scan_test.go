package proxy

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"ifmatch/control"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// Which statements go on without being lexed.
func TestOverlooks(t *testing.T) {
	tests := []struct {
		sql  string
		want bool
	}{
		{"SELECT c FROM sbtest1 WHERE id=5023", true},
		{"select 1", true},
		{"/* app:web */ INSERT INTO logs (at, text) VALUES (NOW(), 'products are out')", true},
		{"UPDATE `shop`.`customers` SET name = 'x' WHERE id = 1;", true},
		{"Delete from t", true},
		{"REPLACE INTO t VALUES (1)", true},
		{"WITH c AS (SELECT 1) SELECT * FROM c", true},
		{"SELECT @products, @@products_x, product FROM products_old", true},

		{"SELECT * FROM products", false},
		{"SELECT * FROM shop.Orders", false},
		{"SELECT * FROM `products`", false},
		{"SELECT products FROM t", false},
		{"SELECT * FROM t /*! , products */", false},
		{"SELECT * FROM t, größe", false},
		{"SELECT drop FROM t", false},

		{"", false},
		{"SELECT 1; SELECT 2", false},
		{"(SELECT 1)", false},
		{"SELECT 'a", false},
		{"COMMIT", false},
		{"BEGIN", false},
		{"SET a = 1", false},
		{"SETECT 1", false},
		{"USE t", false},
		{"SHOW WARNINGS", false},
		{"CALL p()", false},
		{"INSERTS", false},
		{"REPEAT SELECT 1; UNTIL 1 END REPEAT", false},
		{"WITI x", false},
		{"SELECT: BEGIN SELECT 1; END", false},
		{"XA START 'a'", false},
		{"LOAD DATA INFILE 'x' INTO TABLE t", false},
		{"CREATE TABLE t (a INT)", false},
		{"EXECUTE s", false},
		{"TRUNCATE t", false},
	}
	s, _ := alone(t, serverCaps)
	for _, tt := range tests {
		if got := s.scan([]byte(tt.sql)) == rewrite.Nothing; got != tt.want {
			t.Errorf("%q: %v, want %v", tt.sql, got, tt.want)
		}
	}

	// Nothing is overlooked while the session has something to say of whatever comes.
	sql := []byte("SELECT 1")
	for what, change := range map[string]func(s *session){
		"doom":                     func(s *session) { s.tx.doomed = &rewrite.Conflict{} },
		"diagnosis":                func(s *session) { s.diag = &diagnosis{} },
		"an error to be looked at": func(s *session) { s.reads.shaken = &wire.ERR{} },
	} {
		s, _ := alone(t, serverCaps)
		if change(s.session); s.scan(sql) == rewrite.Nothing {
			t.Errorf("%s: a statement is overlooked", what)
		}
	}
}

// What may read otherwise under modes or a character set that the session is not
// sure of is not overlooked.
func TestOverlooksNothingInDoubt(t *testing.T) {
	const ascii, quotes, beyond = `SELECT 'a' FROM t`, `SELECT "a" FROM t`, `SELECT 'ä' FROM t`
	for _, tt := range []struct {
		name                 string
		mariadb              bool
		tracked              bool
		stale, untold, known bool
		want                 []string
	}{
		{name: "sure", tracked: true, known: true, want: []string{ascii, quotes, beyond}},
		{name: "a character set that is not known", tracked: true, want: []string{ascii, quotes}},
		{name: "stale", tracked: true, known: true, stale: true, want: []string{ascii, beyond}},
		{name: "MariaDB tells of quotes", mariadb: true, tracked: true, known: true, stale: true, want: []string{ascii, quotes, beyond}},
		{name: "stale and untold", tracked: true, known: true, stale: true, untold: true, want: []string{ascii}},
		{name: "stale and not tracked", known: true, stale: true, want: []string{ascii}},
	} {
		s, _ := alone(t, serverCaps)
		s.state.Lex.Version, s.state.Tracked = 90700, tt.tracked
		if tt.mariadb {
			s.state.Lex.Version, s.state.Lex.Flavor = 101119, sqltext.MariaDB
		}
		s.state.CharsetKnown, s.state.Stale, s.state.Untold = tt.known, tt.stale, tt.untold
		for _, sql := range []string{ascii, quotes, beyond} {
			if got, want := s.scan([]byte(sql)) == rewrite.Nothing, slices.Contains(tt.want, sql); got != want {
				t.Errorf("%s: %s: %v, want %v", tt.name, sql, got, want)
			}
			if s.scan([]byte(sql)) == rewrite.Nothing && s.state.Undecided([]byte(sql)) {
				t.Errorf("%s: %s is undecided and overlooked", tt.name, sql)
			}
		}
	}
}

// checkOverlooks holds what is overlooked against the long way: it is one statement
// that the session need not know of, and of no guarded table.
func checkOverlooks(t *testing.T, s *session, sql []byte) (overlooked bool) {
	t.Helper()
	switch s.scan(sql) {
	case rewrite.Unsure:
		return false
	case rewrite.Something:
		if s.text.Lex(sql, &s.state.Lex) == nil && !s.rules.Mentions(&s.text, s.text.Statements(nil)[0]) {
			t.Fatalf("%q is said to name something guarded", sql)
		}
		return false
	}
	if err := s.text.Lex(sql, &s.state.Lex); err != nil {
		t.Fatalf("%q is overlooked: %v", sql, err)
	}
	s.spans = s.text.Statements(s.spans[:0])
	if len(s.spans) != 1 || s.trails(sql) {
		t.Fatalf("%q is overlooked, and has %d statements", sql, len(s.spans))
	}
	kind, name := control.Classify(&s.text, s.spans[0])
	if kind != control.Plain || name != "" || opens(&s.text) || s.endingOf(&s.text, s.spans[0], kind, name) != control.Committed {
		t.Fatalf("%q is overlooked, and is of kind %d %q", sql, kind, name)
	}
	if s.rules.Mentions(&s.text, s.spans[0]) {
		t.Fatalf("%q is overlooked, and names something guarded", sql)
	}
	if plan := s.rules.Plan(&s.text, s.spans[0], s.env("shop")); plan.Verdict != rewrite.Pass || plan.DDL {
		t.Fatalf("%q is overlooked, and its verdict is %s", sql, plan.Verdict)
	}
	return true
}

// modes gives a session modes, a character set and a server by three bytes.
func (s *session) fuzzed(mode, cset, server byte) {
	s.state.Lex = sqltext.Lexis{
		ANSIQuotes: mode&1 != 0, NoBackslashEscapes: mode&2 != 0, Charset: sqltext.Charset(cset) % (sqltext.UJIS + 1),
		Flavor: sqltext.Flavor(server & 1), Version: []int{90700, 101119, 50744, 80036}[server&3],
	}
	s.state.CharsetKnown = true
}

// Of the statements of the rewriter's golden files, each with other tables and with
// something put into it, those that are overlooked pass the long way, too.
func TestOverlooksWhatPasses(t *testing.T) {
	files, err := filepath.Glob("../rewrite/testdata/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	random := rand.New(rand.NewPCG(11, 12))
	names := regexp.MustCompile(`\b(products|orders)\b`)
	pieces := []string{"products", "`products`", `"products"`, "'", `"`, "`", `\`, "/*", "*/", "/*!", "/*!50000 ", "/*!99999 ", "/*M!", "-- ", "--", "#", "\n", ";", ":", ".", "@", "@@",
		"n'", "x'", "_gbk'\xbf'", "\xbf\\", "\xbf'", "1", "0x", "$$", "\x00", "PREPARE ", "BEGIN ", "é"}
	s, _ := alone(t, serverCaps)
	overlooked := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(content) {
			for round := range 3 {
				sql := bytes.TrimRight(line, "\n")
				if random.IntN(4) > 0 {
					sql = names.ReplaceAll(sql, []byte("customers"))
				}
				if round > 0 {
					at, piece := random.IntN(len(sql)+1), pieces[random.IntN(len(pieces))]
					sql = slices.Concat(sql[:at], []byte(piece), sql[at:])
				}
				s.fuzzed(byte(random.IntN(4)), byte(random.IntN(256)), byte(random.IntN(4)))
				if checkOverlooks(t, s.session, sql) {
					overlooked++
				}
			}
		}
	}
	if overlooked < 300 {
		t.Errorf("only %d statements are overlooked: little was tested", overlooked)
	}
}

func FuzzOverlooks(f *testing.F) {
	for server := range byte(4) {
		f.Add([]byte("SELECT a, 'x''y', `b` FROM customers -- c\nWHERE id = 1.5 /* products */;"), byte(0), byte(0), server)
		f.Add([]byte("UPDATE customers SET a = @b, c = x'41', d = _utf8'e' WHERE f.g <> \"products\""), byte(3), byte(19), server)
	}
	s, _ := alone(f, serverCaps)
	f.Fuzz(func(t *testing.T, sql []byte, mode, cset, server byte) {
		s.fuzzed(mode, cset, server)
		checkOverlooks(t, s.session, sql)
	})
}

// A statement that was overlooked is lexed where its shape is wanted.
func TestShapeOfWhatIsOverlooked(t *testing.T) {
	s, _ := alone(t, serverCaps)
	s.text.Hold([]byte("SELECT a FROM t WHERE b = 'secret' AND c = 17"), &s.state.Lex)
	s.cur = &s.text
	if got, want := s.shape(), "SELECT a FROM t WHERE b = ? AND c = ?"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	s.text.Hold([]byte("SELECT a FROM 'secret"), &s.state.Lex)
	if got, want := s.shape(), "SELECT a FROM"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
