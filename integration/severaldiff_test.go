package integration

import (
	"bytes"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// severalWays are statements of several rows, each of which changes every row that it
// picks, and errors of the server's own.
var severalWays = []struct {
	sql  string
	args []string
}{
	{sql: "UPDATE stock SET n=n+1"},
	{sql: "UPDATE stock SET n=n*2 WHERE id IN (1, 2, 9)"},
	{sql: "UPDATE stock SET n=7 WHERE n>100"},
	{sql: "UPDATE stock SET n=n+id ORDER BY id DESC LIMIT 2"},
	{sql: "UPDATE stock SET n=LAST_INSERT_ID(n+5) WHERE id>1"},
	{sql: "UPDATE stock SET n=n+1, kind=CONCAT(kind, id) WHERE id IN (SELECT x FROM picks)"},
	{sql: "UPDATE stock SET n=? WHERE kind=? AND id<?", args: []string{"77", "a", "3"}},
	{sql: "UPDATE IGNORE stock SET code='x', n=n+1 WHERE id>1"},
	{sql: "UPDATE stock SET code='x' WHERE id>1"},
	{sql: "UPDATE stock SET n='5x' WHERE id>1"},
	{sql: "UPDATE stock SET kind=REPEAT(id, 20) WHERE id<3"},
	{sql: "UPDATE stock SET nothing=1 WHERE id>1"},
	{sql: "UPDATE stock SET n=1 WHERE id>1 AND nothing=1"},
	{sql: "UPDATE stock SET n=(SELECT x FROM picks) WHERE id>1"},
	{sql: "UPDATE stock SET id=id+10 WHERE id<3"},
	{sql: "UPDATE stock s JOIN picks p ON p.x=s.id SET s.n=p.x+100, p.x=p.x+50"},
	{sql: "UPDATE stock s LEFT JOIN picks p ON p.x=s.id SET s.n=COALESCE(p.x, 0)+100"},
	{sql: "UPDATE stock s JOIN orders o ON o.stock=s.id SET s.n=s.n+1, o.what='sent' WHERE o.id<?", args: []string{"3"}},
	{sql: "UPDATE picks p JOIN stock s ON s.id=p.x SET p.x=p.x+1"},
	{sql: "UPDATE stock s JOIN picks p ON p.x=s.id SET s.kind=REPEAT('long', 9)"},
	{sql: "DELETE FROM stock WHERE id>1"},
	{sql: "DELETE FROM stock"},
	{sql: "DELETE FROM stock WHERE n=? ORDER BY id LIMIT ?", args: []string{"10", "2"}},
	{sql: "DELETE FROM stock WHERE id IN (4, 5)"},
	{sql: "DELETE s, o FROM stock s JOIN orders o ON o.stock=s.id WHERE s.id=1"},
	{sql: "DELETE FROM s USING stock s LEFT JOIN orders o ON o.stock=s.id WHERE o.id IS NULL"},
	{sql: "DELETE IGNORE FROM stock WHERE id IN (2, 3)"},
	{sql: "UPDATE stock SET n=1/0 WHERE id>1"},
}

// Writes of several rows answer as without the proxy, to the byte: rows, text,
// warnings, flags, and what the session says of them afterwards. The session has read
// the rows, so that they are locked and checked, or has not.
func TestSeveralRowsAnswerAsDirectly(t *testing.T) {
	settings := []string{"", "SET sql_mode=''", "BEGIN", "SET autocommit=0", "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"}
	forms := []wire.Capability{0, wire.ClientFoundRows, wire.ClientDeprecateEOF | wire.ClientSessionTrack | wire.ClientQueryAttributes}
	server.Each(t, func(t *testing.T, s *server.Server) {
		names := [2]string{s.Database(t), s.Database(t)}
		var reset [2]*raw
		for i, name := range names {
			reset[i] = dial(t, s.Addr, name, plainCaps)
			for _, q := range statements(stockroom) {
				reset[i].query(q)
			}
			reset[i].query("CREATE TABLE kids(id INT PRIMARY KEY, s INT, FOREIGN KEY (s) REFERENCES stock(id) ON UPDATE CASCADE)")
		}
		p := start(t, s, strings.ReplaceAll(byStock, "shop", names[1]))
		for n, form := range forms {
			for m, setting := range append(settings, settings...) {
				known := m < len(settings)
				pair := [2]*raw{dial(t, s.Addr, names[0], plainCaps|form), dial(t, p.Addr, names[1], plainCaps|form)}
				for k, w := range severalWays {
					if (k+n+m)%3 > 0 {
						continue
					}
					for i, r := range reset {
						pair[i].query("COMMIT")
						r.query("DELETE FROM kids; DELETE FROM stock; DELETE FROM orders; DELETE FROM picks; " +
							"INSERT INTO stock(id, n, code) VALUES (1, 10, 'x'), (2, 10, 'y'), (3, 10, 'z'); " +
							"INSERT INTO orders(id, stock, what) VALUES (1, 1, 'pen'), (2, 1, 'ink'), (3, 3, 'cap'); " +
							"INSERT INTO picks VALUES (1, 1), (2, 2); INSERT INTO kids VALUES (1, 2)")
						if setting != "" {
							pair[i].query(setting)
						}
						if known {
							pair[i].query("SELECT * FROM stock")
							pair[i].query("SELECT * FROM orders")
						}
						pair[i].query("SELECT LAST_INSERT_ID(3)")
					}
					severalSame(t, pair, names, setting, w.sql, w.args, k%2 > 0)
				}
				for _, r := range pair {
					r.query("ROLLBACK")
					r.command(wire.ComQuit)
				}
			}
		}
	})
}

// severalSame sends one write to both and compares all that can be asked of it.
func severalSame(t *testing.T, pair [2]*raw, names [2]string, setting, sql string, args []string, warnings bool) {
	t.Helper()
	var said [2][]string
	for i, r := range pair {
		say := func(what string, packets [][]byte) {
			if strings.HasPrefix(what, "SHOW") || strings.Contains(what, "ROW_COUNT") {
				packets = packets[1+packets[0][0]:] // the proxy's definitions of these are of other types
			}
			if p := packets[0]; p[0] == wire.OKHeader {
				ok, err := wire.ParseOK(p, r.caps)
				if err != nil {
					t.Fatal(err)
				}
				ok.Status &^= 0x30 // whether an index was used is the proxy's affair
				packets = [][]byte{ok.Append(nil, r.caps)}
			}
			text := bytes.ReplaceAll(bytes.Join(packets, []byte("\n")), []byte(names[1]), []byte(names[0]))
			said[i] = append(said[i], what+": "+string(text))
		}
		if args == nil {
			say(sql, r.query(sql))
		} else {
			st := r.prepare(sql)
			params := make([]wire.Param, len(args))
			for k, arg := range args {
				params[k] = wire.Param{Type: wire.TypeVarString, Value: wire.AppendLenBytes(nil, arg)}
			}
			say(sql, r.execute(st.ID, params...))
			r.command(wire.ComStmtClose, statementID(st.ID))
		}
		first := []string{"SELECT ROW_COUNT()"}
		if warnings {
			first = []string{"SHOW WARNINGS", "SHOW COUNT(*) WARNINGS"}
		}
		for _, q := range append(first, "SELECT LAST_INSERT_ID()",
			// No rows that are remembered.
			"SELECT GROUP_CONCAT(id, ' ', n, kind, COALESCE(code, '-') ORDER BY id) FROM stock",
			"SELECT GROUP_CONCAT(id, ' ', stock, what ORDER BY id) FROM orders", "SELECT GROUP_CONCAT(id, ' ', x ORDER BY id) FROM picks") {
			say(q, r.query(q))
		}
	}
	for k := range said[0] {
		if said[0][k] != said[1][k] {
			t.Errorf("%q, %s\ngives\n  %q\nwithout the proxy, and with it\n  %q", setting, sql, said[0][k], said[1][k])
			return
		}
	}
}
