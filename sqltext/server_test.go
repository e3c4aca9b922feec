//go:build integration

package sqltext

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

// session is a connection to a real server, and how that server lexes.
type session struct {
	conn *sql.Conn
	lx   Lexis
}

var servers = []struct {
	env    string
	flavor Flavor
}{{"IFMATCH_TEST_MYSQL", MySQL}, {"IFMATCH_TEST_MARIADB", MariaDB}}

// connect opens a session on the server that env names.
func connect(t *testing.T, env string, flavor Flavor) *session {
	t.Helper()
	dsn := os.Getenv(env)
	if dsn == "" {
		t.Fatalf("%s is not set: give the DSN of a %s server, as in root@tcp(127.0.0.1:3306)/", env, flavor)
	}
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var version string
	if err := conn.QueryRowContext(context.Background(), "SELECT VERSION()").Scan(&version); err != nil {
		t.Fatal(err)
	}
	s := &session{conn: conn, lx: Lexis{Flavor: flavor}}
	for i, part := range strings.SplitN(strings.SplitN(version, "-", 2)[0], ".", 3) {
		n, err := strconv.Atoi(part)
		if err != nil {
			t.Fatalf("version %q: %v", version, err)
		}
		s.lx.Version += n * []int{10000, 100, 1}[i]
	}
	return s
}

// mode sets the session's character set and sql_mode. It reports false where
// the server does not know the character set.
func (s *session) mode(t *testing.T, c Charset, ansi, noEscapes bool) bool {
	t.Helper()
	if c == GB18030 && s.lx.Flavor == MariaDB {
		return false
	}
	var modes []string
	if ansi {
		modes = append(modes, "ANSI_QUOTES")
	}
	if noEscapes {
		modes = append(modes, "NO_BACKSLASH_ESCAPES")
	}
	for _, q := range []string{"SET NAMES " + c.String(), "SET sql_mode='" + strings.Join(modes, ",") + "'"} {
		if _, err := s.conn.ExecContext(context.Background(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	s.lx.Charset, s.lx.ANSIQuotes, s.lx.NoBackslashEscapes = c, ansi, noEscapes
	return true
}

// ask runs a query and returns the values of its first row, or the number of
// the server's error.
func (s *session) ask(t *testing.T, query []byte) string {
	t.Helper()
	rows, err := s.conn.QueryContext(context.Background(), string(query))
	if err == nil {
		defer rows.Close()
		var columns []string
		if columns, err = rows.Columns(); err == nil {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(sql.RawBytes)
			}
			answer := "no row"
			if rows.Next() {
				if err := rows.Scan(values...); err != nil {
					t.Fatalf("%q: %v", query, err)
				}
				answer = ""
				for _, v := range values {
					answer += fmt.Sprintf("%q,", *v.(*sql.RawBytes))
				}
			}
			for rows.Next() {
			}
			if err = rows.Err(); err == nil {
				return answer
			}
		}
	}
	var serverErr *mysql.MySQLError
	if !errors.As(err, &serverErr) {
		t.Fatalf("%q: %v", query, err)
	}
	return fmt.Sprintf("error %d", serverErr.Number)
}

// Every literal that the server takes has the value that StringValue says.
func TestServerStrings(t *testing.T) {
	charsets := []Charset{UTF8MB4, UTF8MB3, Latin1, Binary, GBK, GB18030, Big5, SJIS, CP932, EUCKR, GB2312, UJIS, EUCJPMS, CP1251}
	bytes := []byte("'\"`\\aA0n%_@|~ \x00\n\x80\x81\x83\x8e\x8f\x95\xa1\xa4\xb1\xbf\xe0\xf9\xfc\xfe\xff3[")
	for _, server := range servers {
		t.Run(server.flavor.String(), func(t *testing.T) {
			s := connect(t, server.env, server.flavor)
			r := rand.New(rand.NewPCG(1, 2))
			taken := 0
			for _, c := range charsets {
				for _, noEscapes := range []bool{false, true} {
					if !s.mode(t, c, false, noEscapes) {
						continue
					}
					for range 1500 {
						lit := []byte{"'\""[r.IntN(2)]}
						for range r.IntN(7) {
							lit = append(lit, bytes[r.IntN(len(bytes))])
						}
						lit = append(lit, lit[0])
						query := append(append([]byte("SELECT HEX("), lit...), ')')
						answer := s.ask(t, query)
						if strings.HasPrefix(answer, "error") {
							continue
						}
						var text Text
						if err := text.Lex(query, &s.lx); err != nil {
							t.Errorf("%s %q: the server says %s, Lex %v", c, query, answer, err)
							continue
						}
						if len(text.Tokens) != 5 {
							continue // adjacent strings, which the server joins
						}
						taken++
						value, ok := text.StringValue(nil, 3)
						if want := fmt.Sprintf("%q,", strings.ToUpper(hex.EncodeToString(value))); !ok || answer != want {
							t.Errorf("%s %q: the server says %s, StringValue %s", c, query, answer, want)
						}
					}
				}
			}
			if taken < 2000 {
				t.Errorf("only %d literals were compared", taken)
			}
		})
	}
}

// Executable comments run where Lex says so.
func TestServerExecutableComments(t *testing.T) {
	for _, server := range servers {
		t.Run(server.flavor.String(), func(t *testing.T) {
			s := connect(t, server.env, server.flavor)
			s.mode(t, UTF8MB4, false, false)
			v := s.lx.Version
			versions := []string{"", "0", "1234", "12345", "012345", "99999", "099999", "50699", "50700", "050700", "1000000"}
			for _, n := range []int{v - 1, v, v + 1, 10 * v, 80036, 100000, 101100, 110000} {
				versions = append(versions, strconv.Itoa(n), "0"+strconv.Itoa(n))
			}
			for _, mark := range []string{"!", "M!", "m!", "+", " !", "!M"} {
				for _, version := range versions {
					for _, body := range []string{" +1", "+1", "\t+1 /* +1 */ +1", " +1 /*!99990 +1 */ +1", " +1 /*!50000 +1 */ +1", "", " -- */\n +1"} {
						s.compare(t, []byte("SELECT 1 /*"+mark+version+body+"*/ + 8"))
					}
				}
			}
		})
	}
}

// compare checks that the server takes the text as it takes the same tokens
// without comments, and with blanks between them.
func (s *session) compare(t *testing.T, query []byte) (compared bool) {
	t.Helper()
	var text Text
	if err := text.Lex(query, &s.lx); err != nil {
		return false // refused, whatever the server makes of it
	}
	want := s.ask(t, query)
	if want == "error 1064" {
		return false // nothing is read that could be read otherwise
	}
	for _, other := range [][]byte{text.Normalize(nil), spaced(&text)} {
		if got := s.ask(t, other); got != want {
			t.Errorf("%s %s %q is %s, and %q is %s", s.lx.Flavor, s.lx.Charset, query, want, other, got)
		}
	}
	return !strings.HasPrefix(want, "error")
}

// spaced writes the tokens with a blank between them wherever that does not
// change what they mean.
func spaced(t *Text) []byte {
	var b []byte
	for i, tok := range t.Tokens {
		if i > 0 {
			p := t.Tokens[i-1]
			if p.End != tok.Start || !t.glued(i) && p.Kind != SysVar {
				b = append(b, ' ')
			}
		}
		b = append(b, t.Bytes(i)...)
	}
	return b
}

// Random texts of telling pieces are read by the server as by Lex.
func TestServerTokens(t *testing.T) {
	pieces := []string{
		"1", "0x41", "0x4", "0b1", "0xg", "x'41'", "X'4'", "b'1'", "1e1", "1.", ".5", "1.5", "1e", "e", "a", "n", "N", "x", "b", "_utf8mb4", "_latin1",
		"'a'", "\"a\"", "`a`", "'", "\"", "`", "''", "\\", "\\'", "\\N", "NULL", "select", "AS", "+", "-", "--", "-- ", "--\n", "#", "\n", " ", "\t", "\v",
		"*", "/", "/*", "*/", "/**/", "/*!", "/*!50000", "/*!99999", "/*!050000 ", "/*M!", "/*+", "<", ">", "=", "!", "<=>", "<>", "<<", ">=", "|", "||", "&", "&&",
		":", ":=", "@", "@@", "@a", "@'a'", "@`a`", ".", "..", ",", "(", ")", "$", "$a", "$$", "a$", "{", "}", "~", "^", "%", "?", "[", "é", "\xbf", "\xa0", "\x81",
		"!!", "@@sql_mode", "@@session.sql_mode", "->", "->>", "is", "null", "and", "or", "not", "div", "case when 1 then", "end", "concat(", "hex(", "if(1,",
	}
	charsets := []Charset{UTF8MB4, Latin1, GBK, SJIS}
	for _, server := range servers {
		t.Run(server.flavor.String(), func(t *testing.T) {
			s := connect(t, server.env, server.flavor)
			r := rand.New(rand.NewPCG(3, 4))
			compared := 0
			for round := range 24 {
				s.mode(t, charsets[round%len(charsets)], round&4 != 0, round&8 != 0)
				for range 1500 {
					query := []byte("SELECT 1")
					for range 1 + r.IntN(6) {
						query = append(query, pieces[r.IntN(len(pieces))]...)
						if r.IntN(3) == 0 {
							query = append(query, ' ')
						}
					}
					if s.compare(t, query) {
						compared++
					}
				}
			}
			if compared < 500 {
				t.Errorf("only %d texts that the server takes were compared", compared)
			}
		})
	}
}
