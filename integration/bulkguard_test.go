package integration

import (
	"fmt"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// said gives an answer as one text: what its OK packet says, an error, or rows.
func (r *raw) said(answer [][]byte) string {
	r.t.Helper()
	last := answer[len(answer)-1]
	if last[0] == wire.ERRHeader {
		return r.outcomeOf(answer)
	}
	if len(answer) > 1 {
		columns, _ := wire.ReadLenInt(answer[0])
		rows := answer[int(columns)+2 : len(answer)-1]
		return fmt.Sprintf("%q", rows)
	}
	ok, err := wire.ParseOK(last, r.caps)
	if err != nil {
		r.t.Fatal(err)
	}
	text := fmt.Sprintf("%d affected", ok.AffectedRows)
	if ok.LastInsertID != 0 {
		text += fmt.Sprintf(", id %d", ok.LastInsertID)
	}
	return text
}

// What becomes of bulk executions on guarded tables.
func TestBulkExecutionIsGuarded(t *testing.T) {
	s := server.MariaDB(t)
	const save = "UPDATE products SET price=? WHERE id=? AND version=?"
	const all = "SELECT GROUP_CONCAT(id, ':', IFNULL(price, ''), '@', version ORDER BY id) FROM products"
	const volumes = "CREATE TABLE volumes(id INT PRIMARY KEY, status VARCHAR(20), version BIGINT UNSIGNED NOT NULL DEFAULT 1); INSERT INTO volumes VALUES (1, 'creating', 1), (2, 'creating', 1), (3, 'ready', 1)"
	const allVolumes = "SELECT GROUP_CONCAT(id, ':', status, '@', version ORDER BY id) FROM volumes"
	type act struct {
		direct bool // by another, around the proxy
		text   string
		sets   []set
		want   string // what the answer has in it
	}
	stale := []set{{11, 100, 1}, {12, 101, 7}, {13, 102, 1}}
	cases := []struct {
		name, setup, policy string
		acts                []act
	}{
		{"all rows fit", products, byVersion, []act{
			{text: save, sets: []set{{11, 100, 1}, {12, 101, 1}, {13, 102, 1}}, want: "3 affected"},
			{direct: true, text: all, want: "100:11@2,101:12@2,102:13@2"},
		}},
		{"a conflict in autocommit: the rows before it stay, as behind any error", products, byVersion, []act{
			{text: save, sets: stale, want: "1020 ifmatch: version conflict on shop.products id=101: expected version=7, found version=1"},
			{direct: true, text: all, want: "100:11@2,101:5@1,102:7@1"},
			{text: "SHOW WARNINGS", want: "version conflict"},
			{text: save, sets: []set{{21, 100, 2}}, want: "1 affected"},
		}},
		{"a conflict dooms the transaction", products, byVersion, []act{
			{text: "BEGIN", want: "0 affected"},
			{text: save, sets: stale, want: "1020 "},
			{text: save, sets: []set{{1, 100, 1}}, want: "3101 "},
			{text: "COMMIT", want: "3101 "},
			{direct: true, text: all, want: "100:99@1,101:5@1,102:7@1"},
		}},
		{"on_conflict: statement", products, "tables: {shop.products: {version: version, on_conflict: statement}}", []act{
			{text: "BEGIN", want: "0 affected"},
			{text: save, sets: stale, want: "1020 "},
			{text: "COMMIT", want: "0 affected"},
			{direct: true, text: all, want: "100:11@2,101:5@1,102:7@1"},
		}},
		{"on_conflict: rollback", products, "tables: {shop.products: {version: version, on_conflict: rollback}}", []act{
			{text: "BEGIN", want: "0 affected"},
			{text: save, sets: stale, want: "1020 "},
			{text: "COMMIT", want: "0 affected"},
			{direct: true, text: all, want: "100:99@1,101:5@1,102:7@1"},
		}},
		{"what was read", products, byVersion, []act{
			{text: "SELECT id, price FROM products", want: "100"},
			{direct: true, text: "UPDATE products SET price=50, version=2 WHERE id=101", want: ""},
			{text: "UPDATE products SET price=? WHERE id=?", sets: []set{{1, 100}, {2, 101}, {3, 102}}, want: "1020 ifmatch: version conflict on shop.products id=101: expected version=1, found version=2"},
			{text: "DELETE FROM products WHERE id=?", sets: []set{{102}, {101}}, want: "1020 "},
			{direct: true, text: all, want: "100:1@2,101:50@2"},
		}},
		{"a hint is for each row", products, byVersion, []act{
			{text: "UPDATE /* ifmatch: version=1 */ products SET price=? WHERE id=?", sets: []set{{1, 100}, {2, 101}}, want: "2 affected"},
			{text: "SET @ifmatch='version=2'", want: ""},
			{text: "UPDATE products SET price=? WHERE id=?", sets: []set{{3, 100}, {4, 101}}, want: "2 affected"},
			{text: "SET @ifmatch='version=2'", want: ""},
			{text: "UPDATE products SET price=? WHERE id=?", sets: []set{{5, 100}, {6, 101}}, want: "expected version=2, found version=3"},
			{direct: true, text: all, want: "100:3@3,101:4@3,102:7@1"},
		}},
		{"several rows a set", products, byVersion, []act{
			{text: "SELECT id FROM products", want: "100"},
			{text: "UPDATE products SET price=? WHERE id>=?", sets: []set{{1, 100}, {2, 102}}, want: "4 affected"},
			{direct: true, text: all, want: "100:1@2,101:1@2,102:2@3"},
			{direct: true, text: "UPDATE products SET version=9 WHERE id=102", want: ""},
			{text: "UPDATE products SET price=? WHERE id>=?", sets: []set{{8, 102}, {9, 100}}, want: "1020 "},
			{direct: true, text: all, want: "100:1@2,101:1@2,102:2@9"},
		}},
		{"inserted rows count as read", products, byVersion, []act{
			{text: "INSERT INTO products(id, price) VALUES (?, ?)", sets: []set{{1, 1}, {2, 2}}, want: "2 affected"},
			{direct: true, text: "UPDATE products SET version=9 WHERE id=2", want: ""},
			{text: "UPDATE products SET price=? WHERE id=?", sets: []set{{3, 1}, {4, 2}}, want: "1020 ifmatch: version conflict on shop.products id=2: expected version=1, found version=9"},
		}},
		{"inserted rows count as read where their token is a digest", products, "tables: {shop.products: {version: {digest: all}, unread: refuse}}", []act{
			{text: "INSERT INTO products(id, price) VALUES (?, ?)", sets: []set{{1, 1}, {2, 2}}, want: "2 affected"},
			{text: "INSERT INTO products(id, price) VALUES (?, ?)", sets: []set{{3, 1}, {2, 2}}, want: "1062 "},
			{direct: true, text: "UPDATE products SET price=9 WHERE id=2", want: ""},
			{text: "UPDATE products SET price=? WHERE id=?", sets: []set{{3, 1}, {4, 2}}, want: "1020 "},
			{direct: true, text: "SELECT GROUP_CONCAT(id, ':', price ORDER BY id) FROM products", want: "1:3,2:9,100:"},
		}},
		{"an upsert that meets a row that has changed makes none", products, byVersion, []act{
			{text: "SELECT id FROM products", want: "100"},
			{direct: true, text: "UPDATE products SET price=50, version=2 WHERE id=101", want: ""},
			{text: "INSERT INTO products(id, price) VALUES (?, ?) ON DUPLICATE KEY UPDATE price=VALUES(price)", sets: []set{{1, 1}, {100, 2}, {101, 3}}, want: "1020 "},
			{text: "REPLACE INTO products(id, price) VALUES (?, ?)", sets: []set{{1, 1}, {100, 2}, {101, 3}}, want: "1020 "},
			{direct: true, text: all, want: "100:99@1,101:50@2,102:7@1"},
			{text: "BEGIN", want: ""},
			{text: "SAVEPOINT mine", want: ""},
			{text: "REPLACE INTO products(id, price) VALUES (?, ?)", sets: []set{{1, 1}, {101, 3}}, want: "1020 "},
			{text: "SELECT 1", want: "3101 "},
			{text: "ROLLBACK TO mine", want: ""},
			{text: "REPLACE INTO products(id, price) VALUES (?, ?)", sets: []set{{1, 1}, {102, 3}}, want: "3 affected"},
			{text: "COMMIT", want: "0 affected"},
			{direct: true, text: all, want: "1:1@1,100:99@1,101:50@2,102:3@2"},
		}},
		{"an upsert in a transaction, on_conflict: statement", products, "tables: {shop.products: {version: version, on_conflict: statement}}", []act{
			{text: "SELECT id FROM products", want: "100"},
			{direct: true, text: "UPDATE products SET price=50, version=2 WHERE id=101", want: ""},
			{text: "BEGIN", want: ""},
			{text: "INSERT INTO products(id, price) VALUES (?, ?) ON DUPLICATE KEY UPDATE price=VALUES(price)", sets: []set{{1, 1}, {100, 2}, {101, 3}}, want: "1020 "},
			{text: "UPDATE products SET price=? WHERE id=?", sets: []set{{8, 100}}, want: "1 affected"},
			{text: "COMMIT", want: "0 affected"},
			{direct: true, text: all, want: "100:8@2,101:50@2,102:7@1"},
		}},
		{"an upsert as the first statement without autocommit", products, "tables: {shop.products: {version: version, on_conflict: statement}}", []act{
			{text: "SELECT id FROM products", want: "100"},
			{direct: true, text: "UPDATE products SET price=50, version=2 WHERE id=101", want: ""},
			{text: "SET autocommit=0", want: ""},
			{text: "REPLACE INTO products(id, price) VALUES (?, ?)", sets: []set{{1, 1}, {101, 3}}, want: "1020 "},
			{text: "REPLACE INTO products(id, price) VALUES (?, ?)", sets: []set{{2, 1}, {102, 3}}, want: "3 affected"},
			{text: "COMMIT", want: "0 affected"},
			{direct: true, text: all, want: "2:1@1,100:99@1,101:50@2,102:3@2"},
		}},
		{"a doomed transaction holds no locks", products, byVersion, []act{
			{text: "SELECT id FROM products", want: "100"},
			{direct: true, text: "UPDATE products SET price=50, version=2 WHERE id=101", want: ""},
			{text: "BEGIN", want: ""},
			{text: "REPLACE INTO products(id, price) VALUES (?, ?)", sets: []set{{100, 1}, {101, 3}}, want: "1020 "},
			{direct: true, text: "UPDATE products SET price=60, version=2 WHERE id=100", want: ""},
			{text: "COMMIT", want: "3101 "},
			{direct: true, text: all, want: "100:60@2,101:50@2,102:7@1"},
			{text: "INSERT INTO products(id, price) VALUES (?, ?)", sets: []set{{1, 1}, {2, 2}}, want: "2 affected"},
		}},
		{"states", volumes, "tables: {shop.volumes: {version: version, status: {column: status, initial: [creating], transitions: [{to: ready, from: [creating]}]}}}", []act{
			{text: "UPDATE volumes SET status=? WHERE id=?", sets: []set{{"ready", 1}, {"ready", 3}, {"ready", 2}}, want: "1644 ifmatch: status conflict on shop.volumes id=3"},
			{direct: true, text: allVolumes, want: "1:ready@2,2:creating@1,3:ready@1"},
			{text: "INSERT INTO volumes(id, status) VALUES (?, ?)", sets: []set{{11, "creating"}, {12, "ready"}}, want: "1644 ifmatch: status conflict on shop.volumes id=12"},
			{text: "INSERT INTO volumes(id, status) VALUES (?, ?)", sets: []set{{11, "creating"}, {12, preset}}, want: "1644 "},
			{direct: true, text: allVolumes, want: "1:ready@2,2:creating@1,3:ready@1"},
			{text: "INSERT INTO volumes(id, status) VALUES (?, ?)", sets: []set{{11, "creating"}, {12, "creating"}}, want: "2 affected"},
		}},
		{"rows that are taken", volumes, "tables: {shop.volumes: {version: version, status: {column: status, initial: [creating, PENDING], otherwise: allow}, pending: {value: PENDING, on_abandon: restore}}}", []act{
			{text: "UPDATE volumes SET status=? WHERE id=?", sets: []set{{"PENDING", 1}, {"PENDING", 2}}, want: "2 affected"},
			{text: "INSERT INTO volumes(id, status) VALUES (?, ?)", sets: []set{{11, "PENDING"}, {12, "creating"}}, want: "2 affected"},
			{text: "INSERT INTO volumes(id, status) VALUES (?, ?)", sets: []set{{13, "PENDING"}, {12, "creating"}}, want: "1062 "},
			{text: "SHOW IFMATCH PENDING", want: `id=11`},
			{text: "UPDATE volumes SET status=? WHERE id=?", sets: []set{{"done", 1}, {"done", 11}}, want: "2 affected"},
			{direct: true, text: allVolumes, want: "1:done@3,2:PENDING@2,3:ready@1,11:done@2,12:creating@1"},
		}},
		{"numbers", "CREATE TABLE orders(id BIGINT PRIMARY KEY, total INT)", "tables: {shop.orders: {number: {column: id, counter: /bulk/shop}}}", []act{
			{text: "INSERT INTO orders(total) VALUES (?)", sets: []set{{5}, {6}, {7}}, want: "3 affected, id 1"},
			{text: "SELECT LAST_INSERT_ID()", want: `["\x011"]`},
			{text: "INSERT INTO orders(total, id) VALUES (?, ?)", sets: []set{{8, 0}, {9, unset}}, want: "2 affected"},
			{direct: true, text: "SELECT GROUP_CONCAT(id, ':', total ORDER BY id) FROM orders", want: "1:5,2:6,3:7,4:8,5:9"},
		}},
		{"DEFAULT and IGNORE", products, byVersion, []act{
			{text: "UPDATE products SET price=? WHERE id=?", sets: []set{{1, 100}, {preset, 101}, {3, 102}}, want: "1290 ifmatch: refused: DEFAULT or IGNORE as a parameter of a bulk execution"},
			{text: "UPDATE products SET price=? WHERE id=?", sets: []set{{2, 100}, {ignore, 101}}, want: "1290 "},
			{text: "INSERT INTO products(id, price, version) VALUES (?, ?, ?)", sets: []set{{1, 1, 4}, {2, preset, preset}}, want: "2 affected"},
			{direct: true, text: all, want: "1:1@4,2:@1,100:2@3,101:5@1,102:7@1"},
		}},
		{"RETURNING", products, byVersion, []act{
			{text: "INSERT INTO products(id, price) VALUES (?, ?) RETURNING id", sets: []set{{1, 1}, {2, 2}}, want: `["\x00\x00\x01\x00\x00\x00" "\x00\x00\x02\x00\x00\x00"]`},
			{text: "INSERT INTO products(id, price) VALUES (?, ?) RETURNING id", sets: []set{{3, 1}, {2, 2}}, want: "1062 "},
			{direct: true, text: "UPDATE products SET version=9 WHERE id=2", want: ""},
			{text: "DELETE FROM products WHERE id=? RETURNING id", sets: []set{{1}, {77}, {100}}, want: `["\x00\x00\x01\x00\x00\x00" "\x00\x00d\x00\x00\x00"]`},
			{text: "DELETE FROM products WHERE id=? RETURNING id", sets: []set{{101}, {2}}, want: "1020 "},
			{direct: true, text: all, want: "2:2@9,102:7@1"},
		}},
		{"warnings", products, byVersion, []act{
			{text: "SET sql_mode=''", want: ""},
			{text: "UPDATE products SET price=? WHERE id=?", sets: []set{{"1x", 100}, {"2", 101}, {"3x", 102}}, want: "3 affected"},
			{text: "SHOW WARNINGS", want: `"\aWarning\x041265*Data truncated for column 'price' at row 1" "\aWarning\x041265*Data`},
			{text: "SHOW COUNT(*) WARNINGS", want: `["\x012"]`},
			{text: "INSERT INTO products(id, price) VALUES (?, ?) ON DUPLICATE KEY UPDATE price=VALUES(price)", sets: []set{{1, "4x"}, {100, "5x"}}, want: "3 affected"},
			{text: "SHOW WARNINGS", want: `"\aWarning\x041265*Data truncated for column 'price' at row 1" "\aWarning\x041265*Data`},
		}},
		{"numbers of the server's", "CREATE TABLE products(id INT PRIMARY KEY AUTO_INCREMENT, n INT UNIQUE, price INT, version INT NOT NULL DEFAULT 1); INSERT INTO products(id, n) VALUES (7, 7)", byVersion, []act{
			{text: "INSERT INTO products(n, price) VALUES (?, ?) ON DUPLICATE KEY UPDATE price=VALUES(price)", sets: []set{{1, 1}, {2, 2}, {7, 3}}, want: "4 affected, id 8"},
			{text: "SELECT LAST_INSERT_ID()", want: `["\x018"]`},
			{text: "REPLACE INTO products(id, n) VALUES (?, ?)", sets: []set{{20, 20}, {21, 21}}, want: "2 affected, id 21"},
			{text: "SELECT LAST_INSERT_ID()", want: `["\x018"]`},
			{text: "REPLACE INTO products(n) VALUES (?)", sets: []set{{30}, {31}, {7}}, want: "4 affected, id 22"},
			{text: "SELECT LAST_INSERT_ID()", want: `["\x0222"]`},
		}},
		{"under LOCK TABLES", products, byVersion, []act{
			{text: "LOCK TABLES products WRITE", want: ""},
			{text: save, sets: []set{{11, 100, 1}, {12, 101, 1}}, want: "2 affected"},
			{text: "REPLACE INTO products(id, price) VALUES (?, ?)", sets: []set{{1, 1}, {101, 3}}, want: "1290 ifmatch: refused: a bulk execution of INSERT or REPLACE under LOCK TABLES"},
			{text: "UNLOCK TABLES", want: ""},
		}},
		{"observed", products, "tables: {shop.products: {version: version, mode: observe}}", []act{
			{text: save, sets: stale, want: "2 affected"},
			{text: "SHOW IFMATCH STATUS", want: `\x0fobserve_dropped\x011`},
			{direct: true, text: all, want: "100:11@1,101:5@1,102:13@1"},
		}},
	}
	// One proxy has the policies of all.
	var shops, policies []string
	for _, c := range cases {
		shop := s.Database(t)
		db := session(t, s, "root", shop, "")
		for _, q := range statements(c.setup) {
			execute(t, db, q)
		}
		shops = append(shops, shop)
		tables := strings.TrimSuffix(strings.TrimPrefix(c.policy, "tables: {"), "}")
		policies = append(policies, strings.ReplaceAll(tables, "shop", shop))
	}
	p := start(t, s, "tables: {"+strings.Join(policies, ", ")+"}")
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			shop := shops[i]
			r, root := dial(t, p.Addr, shop, mariaDBCaps), session(t, s, "root", shop, "")
			for _, a := range c.acts {
				want := strings.ReplaceAll(a.want, "shop", shop)
				var got string
				switch {
				case a.direct:
					o := run(root, a.text, "")
					if got = strings.Join(o.rows, "; "); o.err != nil {
						got = o.err.Error()
					}
				case a.sets != nil:
					got = r.said(r.bulk(a.text, a.sets...))
				default:
					got = r.said(r.query(a.text))
				}
				if !strings.Contains(got, want) {
					t.Errorf("%s %v: %s, want %s", a.text, a.sets, got, want)
				}
			}
		})
	}
}
