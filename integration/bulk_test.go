package integration

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

const mariaDBCaps = plainCaps&^wire.ClientMySQL | wire.MariaDBStmtBulkOperations

// bulkDialects are clients that execute in bulk.
var bulkDialects = map[string]wire.Capability{
	"as an old client":       mariaDBCaps | wire.ClientFoundRows,
	"as Connector/J 2.7":     mariaDBCaps | wire.ClientSessionTrack,
	"as the npm client does": mariaDBCaps | wire.ClientDeprecateEOF | wire.ClientSessionTrack | wire.MariaDBExtendedMetadata,
}

// Parameters of a bulk execution that have no value.
const (
	unset  = wire.IndicatorNull
	preset = wire.IndicatorDefault
	ignore = wire.IndicatorIgnore
)

// set is a row of parameters: integers, strings and indicators.
type set []any

// A bulkStep is a text, or a bulk execution of one.
type bulkStep struct {
	text string
	sets []set
}

// bulkPacket gives a bulk execution, with the types that the first row has.
func bulkPacket(id uint32, flags uint16, sets ...set) []byte {
	e := wire.BulkExecute{ID: id, Flags: flags}
	var types []wire.ParamType
	var rows []byte
	for i, one := range sets {
		var params []wire.Param
		var indicators []wire.Indicator
		for _, v := range one {
			p, indicator := wire.Param{Type: wire.TypeVarString, Null: true}, wire.IndicatorValue
			switch v := v.(type) {
			case int:
				p = wire.NewInt(int64(v))
			case string:
				p = wire.NewBytes([]byte(v))
			case wire.Indicator:
				indicator = v
			}
			params, indicators = append(params, p), append(indicators, indicator)
			if i == 0 {
				types = append(types, wire.ParamType{Type: p.Type})
			}
		}
		rows = wire.AppendRow(rows, params, indicators)
	}
	head := e.AppendHead(nil, types)
	if flags&wire.BulkTypes == 0 {
		head = head[:6]
	}
	binary.LittleEndian.PutUint16(head[4:], flags)
	return append(head, rows...)
}

// bulk prepares a text, executes it in bulk and closes it: the packets of the execution.
func (r *raw) bulk(text string, sets ...set) [][]byte {
	r.t.Helper()
	r.command(wire.ComStmtPrepare, []byte(text))
	if got := r.prepared(); !strings.HasPrefix(got, "prepared") {
		return r.seen
	}
	id := lastID(r)
	answer := r.bulkAgain(id, wire.BulkTypes, sets...)
	r.command(wire.ComStmtClose, statementID(id))
	return answer
}

func (r *raw) bulkAgain(id uint32, flags uint16, sets ...set) [][]byte {
	r.t.Helper()
	r.command(wire.ComStmtBulkExecute, bulkPacket(id, flags, sets...))
	return r.answer()
}

// steps carries out a script and gives the packets of all answers.
func (r *raw) steps(script []bulkStep) (packets []string) {
	for _, step := range script {
		if step.sets == nil {
			packets = append(packets, packetsOf(step.text, r.query(step.text))...)
			continue
		}
		packets = append(packets, packetsOf(fmt.Sprint(step.text, step.sets), r.bulk(step.text, step.sets...))...)
	}
	return packets
}

const goods = `
CREATE TABLE goods(id INT PRIMARY KEY AUTO_INCREMENT, n INT NOT NULL DEFAULT 7, s VARCHAR(5), version INT NOT NULL DEFAULT 1, UNIQUE (n));
INSERT INTO goods(id, n, s) VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c'), (4, 4, 'd');
CREATE TABLE kept(id INT, FOREIGN KEY (id) REFERENCES goods(id));
INSERT INTO kept VALUES (3)`

// goodsAre shows what is in the table but versions, and what the server says of the last statement.
const goodsAre = "SELECT GROUP_CONCAT(id, '-', n, '-', IFNULL(s, 'NULL') ORDER BY id) FROM goods"

// bulkScript is what the server executes in bulk, what it refuses so, and what is left
// where a row fails.
var bulkScript = []bulkStep{
	{"UPDATE goods SET s=? WHERE id=?", []set{{"x", 1}, {"y", 2}, {"z", 99}}},
	{"UPDATE goods SET s=? WHERE id=?", []set{{"x1", 1}}},
	{"UPDATE goods SET s=? WHERE id=?", []set{{"w", 1}, {"too long", 2}, {"v", 4}}},
	{"UPDATE goods SET s=?, n=? WHERE id=?", []set{{"p", 11, 1}, {"p", 11, 2}, {"p", 13, 4}}},
	{"UPDATE goods SET s=?, n=? WHERE id=?", []set{{"p", 12, 1}, {unset, 14, 2}}},
	{"DELETE FROM goods WHERE id=?", []set{{1}, {3}, {4}}},
	{"DELETE FROM goods WHERE id=?", []set{{4}, {99}}},
	{"INSERT INTO goods(id, n, s) VALUES (?, ?, ?)", []set{{21, 21, "i"}, {22, 22, unset}}},
	{"INSERT INTO goods(id, n, s) VALUES (?, ?, ?)", []set{{31, 31, "i"}, {32, 31, "j"}}},
	{"INSERT INTO goods(n, s) VALUES (?, ?)", []set{{41, "i"}, {42, "j"}}},
	{"SET @n=ROW_COUNT()", nil},
	{"SELECT LAST_INSERT_ID(), @n", nil},
	{"INSERT IGNORE INTO goods(n, s) VALUES (?, ?)", []set{{42, "i"}, {43, "j"}}},
	{"INSERT INTO goods(id, n, s) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE s=?", []set{{51, 51, "u", "v"}, {22, 22, "u", "v"}}},
	{"SET @n=ROW_COUNT()", nil},
	{"SELECT @n", nil},
	{"REPLACE INTO goods(id, n, s) VALUES (?, ?, ?)", []set{{51, 51, "r"}, {52, 52, "r"}}},
	{"SET @n=ROW_COUNT()", nil},
	{"SELECT @n", nil},
	{"INSERT INTO goods(id, n, s) VALUES (?, ?, ?), (?, ?, ?)", []set{{61, 61, "a", 62, 62, "b"}, {63, 63, "c", 64, 64, "d"}}},
	{"INSERT INTO goods SET id=?, n=?", []set{{71, 71}}},
	{"INSERT INTO goods(n, s) VALUES (?, ?)", []set{{unset, "x"}}},
	{"INSERT INTO goods(id, n, s) VALUES (?, ?, ?)", []set{{81, 81, "x"}, {82, preset, "y"}, {83, 83, ignore}}},
	{"SELECT ?", []set{{1}}},
	{"INSERT INTO goods(n) SELECT ?+n FROM goods WHERE id=2", []set{{900}}},
	{"DELETE g FROM goods g JOIN kept k ON g.id=k.id WHERE g.id=?", []set{{1}}},
	{"DELETE FROM g USING goods g JOIN kept k ON g.id=k.id WHERE g.id=?", []set{{1}}},
	{"UPDATE goods SET s='s' WHERE id=2", []set{{}}},
	{"UPDATE goods SET s=? WHERE id=?", []set{}},
	{goodsAre, nil},
}

// inTransactions is the script by itself, and in transactions of each kind.
func inTransactions(script []bulkStep) map[string][]bulkStep {
	around := func(before string) (all []bulkStep) {
		for _, text := range strings.Split(before, "; ") {
			all = append(all, bulkStep{text: text})
		}
		all = append(all, script...)
		return append(all, bulkStep{text: "ROLLBACK"}, bulkStep{text: goodsAre}, bulkStep{text: "ROLLBACK"})
	}
	return map[string][]bulkStep{
		"in autocommit": script, "in a transaction": around("BEGIN; SAVEPOINT mine"), "without autocommit": around("SET autocommit=0"),
	}
}

// What concerns no guarded table is executed in bulk by the server itself.
func TestBulkExecutionOfWhatIsNotGuarded(t *testing.T) {
	s := server.MariaDB(t)
	shop, p := shopOf(t, s, products, byVersion)
	root := session(t, s, "root", shop, "")
	before := func() {
		for _, q := range statements("DROP TABLE IF EXISTS kept, goods; " + goods) {
			execute(t, root, q)
		}
	}
	further := []bulkStep{
		{"UPDATE goods SET s=?, n=? WHERE id=?", []set{{"k", preset, 2}, {ignore, ignore, 1}}},
		{"INSERT INTO goods(n, s) VALUES (?, ?) RETURNING id, s", []set{{91, "r"}, {92, unset}}},
		{"DELETE FROM goods WHERE n=? RETURNING id", []set{{91}, {999}}},
		{"UPDATE goods a JOIN goods b ON a.id=b.id SET a.s=? WHERE a.id=?", []set{{"m", 2}, {"n", 3}}},
		{"SET @a=?", []set{{1}}},
		{"SHOW WARNINGS", nil},
		{"DO ?", []set{{1}}},
	}
	for name, caps := range bulkDialects {
		for when, script := range inTransactions(append(further, bulkScript...)) {
			t.Run(name+", "+when, func(t *testing.T) {
				sameHere(t, before, s.Addr, p.Addr, func(addr string) []string { return dial(t, addr, shop, caps).steps(script) })
			})
		}
	}
	t.Run("by packet", func(t *testing.T) {
		sameHere(t, before, s.Addr, p.Addr, func(addr string) []string { return dial(t, addr, shop, mariaDBCaps).bulkPackets() })
	})
}

// bulkPackets sends what clients seldom send, and gives the packets of all answers.
func (r *raw) bulkPackets() (packets []string) {
	say := func(what string, answer [][]byte) { packets = append(packets, packetsOf(what, answer)...) }
	id := r.prepare("UPDATE goods SET s=? WHERE id=?").ID
	say("types", r.bulkAgain(id, wire.BulkTypes, set{"x", 1}))
	say("types of before", r.bulkAgain(id, 0, set{"y", 1}, set{"z", 2}))
	say("one row, with the types of the bulk execution", r.executeAgain(id, wire.NewBytes([]byte("one")), wire.NewInt(1)))
	say("unit results, which were not agreed", r.bulkAgain(id, wire.BulkTypes|wire.BulkUnitResults, set{"x", 1}))
	say("unknown flags", r.bulkAgain(id, wire.BulkTypes|1, set{"x", 1}))
	say("no such statement", r.bulkAgain(9999, wire.BulkTypes, set{"x", 1}))
	r.command(wire.ComStmtBulkExecute, bulkPacket(id, wire.BulkTypes, set{"x", 1})[:9])
	say("cut within the types", r.answer())
	r.command(wire.ComStmtBulkExecute, bulkPacket(id, wire.BulkTypes, set{"x", 1}, set{"y", 2})[:26])
	say("cut within a row", r.answer())
	say("what is left", r.query(goodsAre))
	r.long(id, 0, "long")
	say("long data", r.bulkAgain(id, wire.BulkTypes, set{"x2", 1}))
	say("behind it", r.execute(id, wire.NewBytes([]byte("last")), wire.NewInt(1)))
	say("what is left", r.query(goodsAre))

	// As Connector/J does: all is sent before the first answer is read.
	last := bulkPacket(lastPrepared, wire.BulkTypes, set{"p", 1}, set{"q", 2})
	r.c.NetConn().Write(frames(
		r.text(wire.ComStmtPrepare, "UPDATE goods SET s=? WHERE id=?"),
		append([]byte{byte(wire.ComStmtBulkExecute)}, last...),
		append([]byte{byte(wire.ComStmtClose)}, statementID(lastPrepared)...),
		append([]byte{byte(wire.ComStmtBulkExecute)}, last...),
		r.text(wire.ComQuery, goodsAre)))
	for _, read := range []func(){
		func() { packets = append(packets, r.prepared()) },
		func() { say("pipelined", r.answer()) },
		func() { say("pipelined behind its end", r.answer()) },
		func() { say("what is left", r.answer()) },
	} {
		r.c.SetSeq(1)
		r.seen = nil
		read()
	}
	return packets
}

// On a guarded table a bulk execution gives what it gives at the server, and leaves what it
// leaves there: where a row fails, those before it stay of UPDATE and DELETE, and none of
// INSERT and REPLACE.
func TestBulkExecutionOnAGuardedTable(t *testing.T) {
	s := server.MariaDB(t)
	shop, p := shopOf(t, s, goods, "tables: {shop.goods: {version: version}}")
	root := session(t, s, "root", shop, "")
	before := func() {
		for _, q := range statements("DROP TABLE IF EXISTS kept, goods; " + goods) {
			execute(t, root, q)
		}
	}
	for name, caps := range bulkDialects {
		for when, script := range inTransactions(bulkScript) {
			t.Run(name+", "+when, func(t *testing.T) {
				sameHere(t, before, s.Addr, p.Addr, func(addr string) []string { return dial(t, addr, shop, caps).steps(script) })
			})
		}
	}
	t.Run("by packet", func(t *testing.T) {
		sameHere(t, before, s.Addr, p.Addr, func(addr string) []string { return dial(t, addr, shop, mariaDBCaps).bulkPackets() })
	})
}

// A client that has not asked for it, and one of MySQL, cannot execute in bulk, and goes on.
func TestBulkExecutionThatWasNotAgreed(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, byVersion)
		outcome := func(addr string) string {
			r := dial(t, addr, shop, plainCaps)
			id := r.prepare("UPDATE products SET price=? WHERE id=?").ID
			return r.outcomeOf(r.bulkAgain(id, wire.BulkTypes, set{1, 100})) + "; " + r.outcomeOf(r.query("UPDATE products SET price=2 WHERE id=100"))
		}
		want := outcome(s.Addr)
		if s.Flavor == server.FlavorMySQL {
			want = "1047 ifmatch: COM_STMT_BULK_EXECUTE is not known to MySQL; 1 affected"
		}
		execute(t, session(t, s, "root", shop, ""), "UPDATE products SET price=0")
		if got := outcome(p.Addr); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// A statement that is prepared anew under another policy has had no types of parameters.
func TestBulkExecutionsFollowTheReload(t *testing.T) {
	s := server.MariaDB(t)
	shop, p := shopOf(t, s, products, "tables: {}")
	r := dial(t, p.Addr, shop, mariaDBCaps)
	id := r.prepare("UPDATE products SET price=? WHERE id=?").ID
	for i, c := range []struct{ policy, want string }{
		{"tables: {}", "100:1@1,101:1@1"},
		{byVersion, "100:2@2,101:2@2"},
		{byVersion + " # again", "100:3@3,101:3@3"},
		{"tables: {}", "100:4@3,101:4@3"},
	} {
		if !p.reload(t, strings.ReplaceAll(c.policy, "shop", shop)) {
			t.Fatal("the policy is not taken")
		}
		flags := uint16(0)
		if i == 0 {
			flags = wire.BulkTypes
		}
		if got := r.outcomeOf(r.bulkAgain(id, flags, set{i + 1, 100}, set{i + 1, 101})); got != "2 affected" {
			t.Errorf("under policy %d: %s", i, got)
		}
		o := run(session(t, s, "root", shop, ""), "SELECT GROUP_CONCAT(id, ':', price, '@', version ORDER BY id) FROM products WHERE id<102", "")
		if wrong := gives(c.want)(o); wrong != "" {
			t.Errorf("under policy %d: %s", i, wrong)
		}
	}
}

// Many rows at once, in a packet of more than 16 MiB.
func TestBulkExecutionOfManyRows(t *testing.T) {
	s := server.MariaDB(t)
	shop, p := shopOf(t, s, products+"; ALTER TABLE products MODIFY name VARCHAR(2000); CREATE TABLE plain LIKE products", byVersion)
	r := dial(t, p.Addr, shop, mariaDBCaps)
	name := strings.Repeat("n", 1500)
	var rows, saves []set
	for i := range 12_000 {
		rows = append(rows, set{1000 + i, name})
		saves = append(saves, set{i, 1000 + i, 1})
	}
	for _, c := range []struct {
		text, want string
		sets       []set
	}{
		{"INSERT INTO plain(id, name) VALUES (?, ?)", "12000 affected", rows},
		{"INSERT INTO products(id, name) VALUES (?, ?)", "12000 affected", rows},
		{"UPDATE products SET price=? WHERE id=? AND version=?", "3000 affected", saves[:3000]},
		{"UPDATE products SET price=? WHERE id=? AND version=?", "1020 ", saves[2999:]},
		{"REPLACE INTO products(id, name) VALUES (?, ?)", "2000 affected", rows[:1000]},
	} {
		if got := r.outcomeOf(r.bulk(c.text, c.sets...)); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s, want %s", c.text, got, c.want)
		}
	}
}
