package integration

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"ifmatch/integration/server"
)

// The sessions of a scenario: two clients of the proxy, and one that goes
// around it, all of root. What follows userPrefix is the name of another user.
const (
	A          = "A"
	B          = "B"
	direct     = "direct"
	userPrefix = "user "
)

// scenario is a case of a table: in a database of its own, which its texts call
// shop, setup is run, a proxy with the policy is started, and then the steps
// happen one after the other.
type scenario struct {
	name   string
	setup  string // statements, separated by ';'
	policy string
	params string   // of the clients' data source name
	only   string   // a flavor, where a case makes sense for one alone
	flags  []string // of the proxy
	steps  []step
}

// step is one statement on one session and what must come of it. With args it
// goes through the binary protocol.
type step struct {
	on    string
	sql   string
	want  want
	args  []any
	again bool // it is done until it gives what is wanted
}

func do(on, sql string, want want, args ...any) step {
	return step{on: on, sql: sql, want: want, args: args}
}

// hangUp is the statement of a session that leaves.
const hangUp = "(hang up)"

// eventually is do for what happens after a while.
func eventually(on, sql string, want want) step {
	return step{on: on, sql: sql, want: want, again: true}
}

// want judges the outcome of a statement: it gives what is wrong, or "".
type want func(o outcome) string

// outcome is what a client has seen of a statement.
type outcome struct {
	affected, insertID int64
	rows               []string // values of a row, separated by '|'
	columns            []string
	err                error
	shop               string // the database that the case calls shop
}

// fine is a statement without error.
func fine(o outcome) string {
	if o.err != nil {
		return fmt.Sprintf("error %v", o.err)
	}
	return ""
}

// affects is a write that reports n affected rows.
func affects(n int64) want {
	return func(o outcome) string {
		if o.err != nil || o.affected != n {
			return fmt.Sprintf("%d rows affected, error %v; want %d", o.affected, o.err, n)
		}
		return ""
	}
}

// gives is a query with these rows, their values separated by '|'.
func gives(rows ...string) want {
	return func(o outcome) string {
		if o.err != nil || strings.Join(o.rows, "\n") != strings.ReplaceAll(strings.Join(rows, "\n"), "shop", o.shop) {
			return fmt.Sprintf("rows %q, error %v; want %q", o.rows, o.err, rows)
		}
		return ""
	}
}

// named is a query with these columns.
func named(columns ...string) want {
	return func(o outcome) string {
		if o.err != nil || strings.Join(o.columns, ",") != strings.Join(columns, ",") {
			return fmt.Sprintf("columns %q, error %v; want %q", o.columns, o.err, columns)
		}
		return ""
	}
}

// matches is a query whose one row begins with these values.
func matches(values ...string) want {
	return func(o outcome) string {
		want := strings.ReplaceAll(strings.Join(values, "|"), "shop", o.shop)
		if o.err != nil || len(o.rows) != 1 || !strings.HasPrefix(o.rows[0], want) {
			return fmt.Sprintf("rows %q, error %v; want one that begins with %q", o.rows, o.err, want)
		}
		return ""
	}
}

// fails is an error with this code and SQLSTATE whose text has all of has.
func fails(code uint16, state string, has ...string) want {
	return func(o outcome) string {
		var e *mysql.MySQLError
		if !errors.As(o.err, &e) {
			return fmt.Sprintf("error %v; want %d", o.err, code)
		}
		if e.Number != code || string(e.SQLState[:]) != state {
			return fmt.Sprintf("error %v; want %d (%s)", e, code, state)
		}
		for _, h := range has {
			if !strings.Contains(e.Message, strings.ReplaceAll(h, "shop", o.shop)) {
				return fmt.Sprintf("error %q; want %q in it", e.Message, h)
			}
		}
		return ""
	}
}

// hides is fails, and the text must not have secret.
func hides(code uint16, state, secret string, has ...string) want {
	return func(o outcome) string {
		if wrong := fails(code, state, has...)(o); wrong != "" {
			return wrong
		}
		if strings.Contains(o.err.Error(), secret) {
			return fmt.Sprintf("error %v tells %q", o.err, secret)
		}
		return ""
	}
}

// The errors of the contract, by kind.
func conflict(has ...string) want { return fails(1020, "40001", has...) }
func unread(has ...string) want   { return fails(1644, "45000", has...) }
func refused(has ...string) want  { return fails(1290, "HY000", has...) }
func doomed(has ...string) want   { return fails(3101, "40000", has...) }

// play runs scenarios against both servers.
func play(t *testing.T, scenarios []scenario) {
	t.Helper()
	server.Each(t, func(t *testing.T, s *server.Server) {
		for _, c := range scenarios {
			if c.only != "" && c.only != s.Flavor {
				continue
			}
			t.Run(c.name, func(t *testing.T) { c.play(t, s) })
		}
	})
}

func (c scenario) play(t *testing.T, s *server.Server) {
	shop := s.Database(t)
	name := func(text string) string { return strings.ReplaceAll(text, "shop", shop) }
	db := s.Open(t, shop)
	for _, q := range statements(c.setup) {
		if _, err := db.Exec(name(q)); err != nil {
			t.Fatalf("setup: %s: %v", q, err)
		}
	}
	p := start(t, s, name(c.policy), c.flags...)
	sessions := map[string]*sql.Conn{}
	for i, st := range c.steps {
		conn := sessions[st.on]
		if st.sql == hangUp {
			conn.Raw(func(any) error { return driver.ErrBadConn })
			delete(sessions, st.on)
			continue
		}
		if conn == nil {
			to, params := p.server(s), c.params
			if st.on == direct {
				to, params = s, ""
			}
			user, named := strings.CutPrefix(st.on, userPrefix)
			if !named {
				user = "root"
			}
			conn = session(t, to, user, shop, params)
			sessions[st.on] = conn
		}
		args := slices.Clone(st.args)
		for i, arg := range args {
			if path, ok := arg.(string); ok && strings.HasPrefix(path, "/shop/") { // the name of a counter
				args[i] = name(path)
			}
		}
		wrong := st.want(run(conn, name(st.sql), shop, args...))
		for deadline := time.Now().Add(patience); wrong != "" && st.again && time.Now().Before(deadline); {
			time.Sleep(20 * time.Millisecond)
			wrong = st.want(run(conn, name(st.sql), shop, args...))
		}
		if wrong != "" {
			t.Fatalf("step %d, %s: %s %v:\n  %s", i+1, st.on, st.sql, st.args, wrong)
		}
	}
}

// statements splits a setup at the ends of its statements.
func statements(text string) []string {
	var all []string
	for q := range strings.SplitSeq(text, ";") {
		if q = strings.TrimSpace(q); q != "" {
			all = append(all, q)
		}
	}
	return all
}

// session opens one connection that lasts until the test ends.
func session(t testing.TB, s *server.Server, user, db, params string) *sql.Conn {
	t.Helper()
	conn, err := s.OpenAs(t, user, db, params).Conn(context.Background())
	if err != nil {
		t.Fatalf("connect to %s: %v", s, err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// run carries out a statement, as a query if it reads like one.
func run(conn *sql.Conn, q, shop string, args ...any) outcome {
	o := outcome{shop: shop}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	word, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(q)), " ")
	if strings.Contains(q, " RETURNING ") || strings.Contains(q, "/* rows */") {
		word = "SELECT"
	}
	switch word {
	case "SELECT", "SHOW", "CALL", "CHECK":
		o.query(ctx, conn, q, args)
		return o
	}
	res, err := conn.ExecContext(ctx, q, args...)
	if err != nil {
		o.err = err
		return o
	}
	o.affected, _ = res.RowsAffected()
	o.insertID, _ = res.LastInsertId()
	return o
}

// runQuery carries out a statement that gives rows, whatever it begins with.
func runQuery(conn *sql.Conn, q, shop string, args ...any) outcome {
	o := outcome{shop: shop}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	o.query(ctx, conn, q, args)
	return o
}

func (o *outcome) query(ctx context.Context, conn *sql.Conn, q string, args []any) {
	rows, err := conn.QueryContext(ctx, q, args...)
	if err != nil {
		o.err = err
		return
	}
	defer rows.Close()
	o.columns, _ = rows.Columns()
	for rows.Next() {
		values := make([]sql.NullString, len(o.columns))
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			o.err = err
			return
		}
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = "NULL"
			if v.Valid {
				texts[i] = v.String
			}
		}
		o.rows = append(o.rows, strings.Join(texts, "|"))
	}
	o.err = rows.Err()
}
