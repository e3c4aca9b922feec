package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// inserts is an INSERT that reports rows affected and the first number.
func inserts(rows, first int64) want {
	return func(o outcome) string {
		if o.err != nil || o.affected != rows || o.insertID != first {
			return fmt.Sprintf("%d rows affected, insert id %d, error %v; want %d and %d", o.affected, o.insertID, o.err, rows, first)
		}
		return ""
	}
}

func TestNumberedInsert(t *testing.T) {
	const setup = `CREATE TABLE orders(id BIGINT PRIMARY KEY, name VARCHAR(20) NOT NULL DEFAULT 'none', n INT NULL, version INT NOT NULL DEFAULT 1);
		CREATE TABLE hidden(name VARCHAR(20), id INT INVISIBLE NOT NULL DEFAULT 0 UNIQUE, k INT PRIMARY KEY DEFAULT 7);
		CREATE TABLE small(id TINYINT UNSIGNED PRIMARY KEY, name VARCHAR(20) UNIQUE);
		CREATE TABLE plain(id BIGINT PRIMARY KEY, name VARCHAR(20));
		CREATE VIEW v AS SELECT id, name FROM orders`
	const policy = `defaults: {unread: refuse}
tables:
  shop.orders: {version: version, number: {column: id, counter: /shop/orders}}
  shop.hidden: {number: {column: id, counter: /shop/hidden}}
  shop.small: {number: {column: id, counter: /shop/small}}
accounts: {numbers_off: off}
`
	all := do(direct, "SELECT id, name FROM orders ORDER BY id", nil)
	holds := func(rows ...string) step { s := all; s.want = gives(rows...); return s }
	play(t, []scenario{
		{name: "fills the column where it is left out", setup: setup, policy: policy, steps: []step{
			do(A, "INSERT INTO orders (name) VALUES ('a')", inserts(1, 1)),
			do(A, "SELECT LAST_INSERT_ID()", gives("1")),
			do(A, "UPDATE orders SET name = 'a2' WHERE id = 1", affects(1)), // its row counts as read
			do(B, "INSERT INTO shop.orders (name, n) VALUES ('b', 1), ('c', NULL), ('d', (SELECT 2))", inserts(3, 2)),
			do(B, "SELECT LAST_INSERT_ID()", gives("2")),
			do(A, "SELECT LAST_INSERT_ID()", gives("1")),
			do(A, "INSERT orders SET name = 'e'", inserts(1, 5)),
			do(A, "INSERT INTO orders () VALUES ()", inserts(1, 6)),
			do(A, "INSERT INTO orders VALUES ()", inserts(1, 7)),
			do(A, "INSERT INTO orders VALUE (), ()", inserts(2, 8)),
			do(A, "INSERT IGNORE INTO `orders` (`name`) /* c */ VALUES ( 'f' /* ) */ )", inserts(1, 10)),
			holds("1|a2", "2|b", "3|c", "4|d", "5|e", "6|none", "7|none", "8|none", "9|none", "10|f"),
			do(A, "CALL ifmatch.getids('/shop/orders')", gives("10")),
		}},
		{name: "NULL, DEFAULT and 0 are numbered as AUTO_INCREMENT does", setup: setup, policy: policy, steps: []step{
			do(A, "INSERT INTO orders (id, name) VALUES (NULL, 'a'), (DEFAULT, 'b'), (0, 'c'), ('0', 'd'), (100, 'e')", inserts(5, 1)),
			do(A, "INSERT INTO orders VALUES (NULL, 'f', NULL, 1)", inserts(1, 5)),
			do(A, "INSERT INTO orders SET id = NULL, name = 'g'", inserts(1, 6)),
			do(A, "INSERT INTO orders SET name = 'h', id = DEFAULT", inserts(1, 7)),
			do(A, "INSERT INTO orders (id, name) VALUES (50, 'i')", affects(1)),
			do(A, "INSERT INTO orders (id, name) VALUES (60 + 1, 'j')", affects(1)),
			do(A, "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'", fine),
			do(A, "INSERT INTO orders (id, name) VALUES (NULL, 'k'), (0, 'l')", inserts(2, 8)),
			holds("0|l", "1|a", "2|b", "3|c", "4|d", "5|f", "6|g", "7|h", "8|k", "50|i", "61|j", "100|e"),
		}},
		{name: "prepared", setup: setup, policy: policy, steps: []step{
			do(A, "INSERT INTO orders (name) VALUES (?)", inserts(1, 1), "a"),
			do(A, "SELECT LAST_INSERT_ID()", gives("1")),
			do(A, "UPDATE orders SET name = ? WHERE id = ?", affects(1), "a2", 1),
			do(A, "INSERT INTO orders (name, n) VALUES (?, ?), (?, ?)", inserts(2, 2), "b", 1, "c", nil),
			do(A, "INSERT INTO orders SET name = ?", inserts(1, 4), "d"),
			do(A, "INSERT INTO orders (id, name) VALUES (?, ?)", inserts(1, 5), nil, "e"),
			do(A, "SELECT LAST_INSERT_ID()", gives("5")),
			do(A, "UPDATE orders SET name = ? WHERE id = ?", affects(1), "e2", 5),
			do(A, "INSERT INTO orders (id, name) VALUES (?, ?), (?, ?), (?, ?)", inserts(3, 6), 0, "f", 90, "g", "0", "h"),
			do(A, "INSERT INTO orders (id, name) VALUES (?, ?)", affects(1), 91, "i"),
			do(A, "INSERT INTO orders (id, name) VALUES (NULL, ?), (?, ?)", inserts(2, 8), "j", nil, "k"),
			do(A, "INSERT INTO orders (name) VALUES (?)", inserts(1, 10), strings.Repeat("x", 20)),
			do(A, "INSERT INTO orders VALUES (?, ?, ?, ?)", inserts(1, 11), nil, "l", nil, 1),
			holds("1|a2", "2|b", "3|c", "4|d", "5|e2", "6|f", "7|h", "8|j", "9|k", "10|"+strings.Repeat("x", 20), "11|l", "90|g", "91|i"),
		}},
		{name: "prepared at SQL level", setup: setup, policy: policy, steps: []step{
			do(A, "PREPARE p FROM 'INSERT INTO orders (name) VALUES (?)'", fine),
			do(A, "SET @a = 'a', @z = 0, @n = NULL", fine),
			do(A, "EXECUTE p USING @a", inserts(1, 1)),
			do(A, "EXECUTE p USING @a", inserts(1, 2)),
			do(A, "SELECT LAST_INSERT_ID()", gives("2")),
			do(A, "UPDATE orders SET name = 'b' WHERE id = 2", affects(1)),
			do(A, "PREPARE p FROM 'INSERT INTO orders (id, name) VALUES (?, \"c\"), (?, \"d\"), (7, \"e\")'", fine),
			do(A, "EXECUTE p USING @z, @n", inserts(3, 3)),
			do(A, "PREPARE p FROM 'INSERT INTO small (name) VALUES (?)'", fine),
			do(A, "EXECUTE p USING @a", inserts(1, 1)),
			do(A, "PREPARE p FROM 'INSERT INTO orders (name) SELECT 1'", fine),
			do(A, "EXECUTE p", refused("INSERT … SELECT")),
			holds("1|a", "2|b", "3|c", "4|d", "7|e"),
		}},
		{name: "invisible columns", setup: setup, policy: policy, steps: []step{
			do(A, "INSERT INTO hidden VALUES ('a', 1), ('b', 2)", inserts(2, 1)),
			do(A, "INSERT INTO hidden VALUES (?, ?)", inserts(1, 3), "c", 3),
			do(A, "INSERT INTO hidden (name, k) SELECT 'd', 4", refused("shop.hidden: id is filled from counter /shop/hidden where it is left out", "INSERT … SELECT")),
			do(A, "INSERT INTO hidden SELECT 'd', 4", refused("INSERT … SELECT")),
			do(A, "INSERT INTO hidden (name, id, k) SELECT 'd', 44, 4", affects(1)),
			do(A, "INSERT INTO hidden VALUES ('x', 8), ()", refused("not sure")),
			do(direct, "SELECT id, name, k FROM hidden ORDER BY k", gives("1|a|1", "2|b|2", "3|c|3", "44|d|4")),
		}},
		{name: "what cannot be numbered rightly is refused, and nothing is taken", setup: setup, policy: policy, steps: []step{
			do(A, "INSERT INTO orders (name) SELECT 'x'", refused("INSERT … SELECT")),
			do(A, "INSERT INTO v (name) VALUES ('x')", refused("through a view")),
			do(A, "INSERT INTO small (name) VALUES ('x') ON DUPLICATE KEY UPDATE name = 'y'", refused("ON DUPLICATE KEY UPDATE")),
			do(A, "INSERT INTO small (id, name) VALUES (?, 'x') ON DUPLICATE KEY UPDATE name = 'y'", refused("ON DUPLICATE KEY UPDATE"), nil),
			do(A, "CALL ifmatch.getids('/shop/orders')", gives("0")),
			do(A, "CALL ifmatch.getids('/shop/small')", gives("0")),
		}},
		{name: "numbers that do not fit", setup: setup, policy: policy, steps: []step{
			do(A, "SET sql_mode = ''", fine),
			do(A, "CALL ifmatch.setids('/shop/small', 254)", fine),
			do(A, "INSERT INTO small (name) VALUES ('a'), ('b')", fails(1644, "45000", `counter "/shop/small": number 256 does not fit into shop.small.id`)),
			do(A, "INSERT INTO small (name) VALUES ('a')", fails(1644, "45000", "number 257 does not fit")),
			do(A, "CALL ifmatch.setids('/shop/small', -1)", fine),
			do(A, "INSERT INTO small (name) VALUES (?)", fails(1644, "45000", "number 0 does not fit"), "a"),
			do(A, "INSERT INTO small (name) VALUES (?)", inserts(1, 1), "a"),
			do(A, "CALL ifmatch.rangeids('/shop/small', '9-10!')", fine),
			do(A, "INSERT INTO small (name) VALUES ('b'), ('c'), ('d')", fails(1644, "45000", "range 9-10! has 2 numbers, 3 are more")),
			do(A, "INSERT INTO small (name) VALUES ('b'), ('c')", inserts(2, 9)),
			do(A, "INSERT INTO small (name) VALUES ('d')", fails(1644, "45000", "0 numbers left")),
			do(A, "CALL ifmatch.rangeids('/shop/small', '20-22')", fine),
			do(A, "INSERT INTO small (name) VALUES ('e'), ('f')", inserts(2, 20)),
			do(A, "DELETE FROM small WHERE id = 20", affects(1)),
			do(A, "INSERT INTO small (name) VALUES ('g'), ('h')", inserts(2, 22)),
			do(direct, "SELECT GROUP_CONCAT(id, name ORDER BY id) FROM small", gives("1a,9b,10c,20h,21f,22g")),
		}},
		{name: "an INSERT that fails or is rolled back has used its numbers", setup: setup, policy: policy, steps: []step{
			do(A, "BEGIN", fine),
			do(A, "INSERT INTO orders (name) VALUES ('a')", inserts(1, 1)),
			do(A, "ROLLBACK", fine),
			do(A, "INSERT INTO orders (name, missing) VALUES ('a', 1)", func(o outcome) string {
				if o.err == nil {
					return "no error"
				}
				return ""
			}),
			do(A, "INSERT INTO small (name) VALUES ('x')", inserts(1, 1)),
			do(A, "INSERT INTO small (name) VALUES ('x')", fails(1062, "23000")),
			do(A, "INSERT INTO small (name) VALUES ('y')", inserts(1, 3)),
			do(A, "INSERT INTO orders (name) VALUES ('b')", matchesID(2, 3)),
			do(A, "CALL ifmatch.setids('/shop/orders', 9)", fine),
		}},
		{name: "other tables are left alone", setup: setup, policy: policy, steps: []step{
			do(A, "INSERT INTO plain (id, name) VALUES (0, 'a')", inserts(1, 0)),
			do(A, "INSERT INTO plain (id, name) SELECT 5, 'b'", affects(1)),
		}},
	})
}

// matchesID is an INSERT whose number is one of two.
func matchesID(either, or int64) want {
	return func(o outcome) string {
		if o.err != nil || o.insertID != either && o.insertID != or {
			return fmt.Sprintf("insert id %d, error %v; want %d or %d", o.insertID, o.err, either, or)
		}
		return ""
	}
}

// A client that prepares a numbered INSERT sees its own parameters, and executes it
// again without their types.
func TestNumberedInsertInPackets(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, "CREATE TABLE orders(id BIGINT PRIMARY KEY, a INT, b TEXT)",
			"tables: {shop.orders: {number: {column: id, counter: /shop/packets}}}")
		eachForm(t, func(t *testing.T, caps wire.Capability) {
			r := dial(t, p.Addr, shop, caps)
			r.query("DELETE FROM orders")
			r.query("CALL ifmatch.setids('/" + shop + "/packets', 0)")
			for text, params := range map[string]uint16{
				"INSERT INTO orders (a) VALUES (1), (2)":          0,
				"INSERT INTO orders (a) VALUES (?), (?)":          2,
				"INSERT INTO orders (id, a, b) VALUES (?, ?, ?)":  3,
				"INSERT INTO orders SET a = ?":                    1,
				"INSERT INTO orders (a, b) VALUES (?, ?), (3, ?)": 3,
			} {
				if ok := r.prepare(text); ok.Params != params {
					t.Errorf("%s has %d parameters, want %d", text, ok.Params, params)
				}
			}
			inserts := func(what string, answer [][]byte, first uint64) {
				t.Helper()
				if ok, err := wire.ParseOK(answer[0], r.caps); err != nil || answer[0][0] != wire.OKHeader || ok.LastInsertID != first || ok.AffectedRows != 1 {
					t.Fatalf("%s: %q, want insert id %d", what, answer[0], first)
				}
			}
			one := wire.NewBytes([]byte("one"))
			left := r.prepare("INSERT INTO orders (b, a) VALUES (?, ?)")
			inserts("first", r.execute(left.ID, one, wire.NewInt(7)), 1)
			inserts("without types", r.executeAgain(left.ID, one, wire.NewInt(8)), 2)
			r.long(left.ID, 0, "long")
			inserts("with a long parameter", r.execute(left.ID, wire.Param{Type: wire.TypeBlob, Long: true}, wire.NewInt(9)), 3)
			given := r.prepare("INSERT INTO orders (id, b) VALUES (?, ?)")
			inserts("NULL given", r.execute(given.ID, wire.NewNull(), one), 4)
			inserts("a zero given, without types", r.execute(given.ID, wire.NewInt(0), one), 5)
			inserts("a zero given again, without types", r.executeAgain(given.ID, wire.NewInt(0), one), 6)
			inserts("a number given, without types", r.executeAgain(given.ID, wire.NewInt(70), one), 0)
			inserts("left out again", r.executeAgain(left.ID, one, wire.NewInt(1)), 7)
			rows := r.query("SELECT GROUP_CONCAT(id, b, IFNULL(a, '-') ORDER BY id) FROM orders")
			if row := string(rows[len(rows)-2]); !strings.HasSuffix(row, "1one7,2one8,3long9,4one-,5one-,6one-,7one1,70one-") {
				t.Errorf("the table holds %q", row)
			}
		})
	})
}

// A prepared INSERT whose table is numbered, or no longer, by a policy that came
// after it has to be prepared again; one whose counter is another counts there.
func TestNumberedInsertUnderANewPolicy(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		const policy = "tables: {shop.orders: {number: {column: id, counter: /shop/first}}}"
		shop, p := shopOf(t, s, "CREATE TABLE orders(id BIGINT PRIMARY KEY, a INT)", policy)
		name := func(text string) string { return strings.ReplaceAll(text, "shop", shop) }
		conn := session(t, p.server(s), "root", shop, "")
		insert, err := conn.PrepareContext(t.Context(), "INSERT INTO orders (a) VALUES (?)")
		if err != nil {
			t.Fatal(err)
		}
		defer insert.Close()
		for _, c := range []struct {
			policy string
			want   want
		}{
			{policy, inserts(1, 1)},
			{"tables: {shop.orders: {number: {column: id, counter: /shop/second}}}", inserts(1, 1)},
			{"tables: {}", refused("prepare it again")},
			{policy, inserts(1, 2)},
		} {
			execute(t, conn, "DELETE FROM orders")
			p.reload(t, name(c.policy))
			if wrong := c.want(executed(insert, shop, 1)); wrong != "" {
				t.Errorf("%s: %s", c.policy, wrong)
			}
		}
	})
}

// What the other commands say of a numbered column.
func TestCommandsOfNumbering(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		execute(t, session(t, s, "root", shop, ""), "CREATE TABLE orders(id BIGINT PRIMARY KEY, a INT)")
		file := filepath.Join(t.TempDir(), "policy.yaml")
		policy := "tables: {" + shop + ".orders: {number: {column: id, counter: /orders}}}"
		if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			args []string
			want string
		}{
			{[]string{"explain", "INSERT INTO orders (a) VALUES (1), (2)"}, "sql:         INSERT INTO orders (a, `id`) VALUES (1, <next of /orders>), (2, <next of /orders>)\nwhy:         it writes no guarded table; id is filled from counter /orders\n"},
			{[]string{"explain", "INSERT INTO orders (id, a) VALUES (5, 1)"}, "why:         it writes no guarded table; id is filled from counter /orders where it is NULL or 0"},
			{[]string{"explain", "INSERT INTO orders (a) SELECT 1"}, "verdict:     refuse"},
			{[]string{"check"}, "right, 1 guarded tables"},
			{[]string{"migrate"}, "GRANT EXECUTE ON `ifmatch`.* TO 'app'@'%';"},
		} {
			args := append([]string{c.args[0], "--policy", file, "--backend", s.Addr, "--service-user", "root"}, c.args[1:]...)
			if out, err := exec.Command(program(t), args...).CombinedOutput(); err != nil || !strings.Contains(string(out), c.want) {
				t.Errorf("%q says, with error %v,\n%s\nwant in it\n%s", c.args, err, out, c.want)
			}
		}
	})
}
