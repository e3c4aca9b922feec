package integration

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// frames gives commands as the bytes that a client sends that waits for no answer.
func frames(commands ...[]byte) (stream []byte) {
	for _, p := range commands {
		stream = append(stream, byte(len(p)), byte(len(p)>>8), byte(len(p)>>16), 0)
		stream = append(stream, p...)
	}
	return stream
}

// lastPrepared is how MariaDB's clients name the statement that they have just
// sent to be prepared.
const lastPrepared = 1<<32 - 1

func (r *raw) text(c wire.Command, text string) []byte {
	if c == wire.ComQuery && r.caps.Has(wire.ClientQueryAttributes) {
		text = "\x00\x01" + text
	}
	return append([]byte{byte(c)}, text...)
}

func (r *raw) execution(id uint32, params ...wire.Param) []byte {
	e := wire.Execute{ID: id, Iterations: 1, Params: params}
	return e.Append([]byte{byte(wire.ComStmtExecute)}, r.caps)
}

// A client that pipelines sends what follows before it has an answer: MariaDB
// Connector/J sends PREPARE and EXECUTE together, and batches whole.
func TestPipelining(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products+"; CREATE TABLE plain LIKE products; INSERT INTO plain SELECT * FROM products", byVersion)
		db := session(t, s, "root", shop, "")
		for _, caps := range []wire.Capability{plainCaps, plainCaps | wire.ClientDeprecateEOF | wire.ClientSessionTrack | wire.ClientQueryAttributes} {
			// burst sends all at once and gives the outcome of each answer.
			burst := func(addr string, close bool, commands func(r *raw) [][]byte) (outcomes []string) {
				execute(t, db, "UPDATE products SET version=1, price=0")
				execute(t, db, "UPDATE plain SET version=1, price=0")
				r := dial(t, addr, shop, caps)
				all := commands(r)
				if _, err := r.c.NetConn().Write(frames(all...)); err != nil {
					t.Fatal(err)
				}
				if close {
					r.c.NetConn().(*net.TCPConn).CloseWrite()
				}
				for _, c := range all {
					r.c.SetSeq(1) // each command has a sequence of its own
					r.seen = nil
					switch wire.Command(c[0]) {
					case wire.ComStmtClose, wire.ComStmtSendLongData:
					case wire.ComStmtPrepare:
						outcomes = append(outcomes, r.prepared())
					default:
						outcomes = append(outcomes, r.outcomeOf(r.answer()))
					}
				}
				return outcomes
			}
			save := func(table string) string { return "UPDATE " + table + " SET price=? WHERE id=? AND version=?" }
			cases := []struct {
				name     string
				flavor   string // empty for either
				commands func(r *raw) [][]byte
				want     []string
			}{
				{"texts", "", func(r *raw) [][]byte {
					return [][]byte{
						r.text(wire.ComQuery, "UPDATE products SET price=1 WHERE id=100 AND version=1"),
						r.text(wire.ComQuery, "UPDATE products SET price=2 WHERE id=100 AND version=1"),
						r.text(wire.ComQuery, "SELECT id FROM products"),
						{byte(wire.ComPing)},
						r.text(wire.ComQuery, "UPDATE products SET price=3 WHERE id=100 AND version=2"),
					}
				}, []string{"1 affected", "1020 ", "packets", "0 affected", "1 affected"}},
				{"the last prepared", server.FlavorMariaDB, func(r *raw) [][]byte {
					return [][]byte{
						r.text(wire.ComStmtPrepare, save("products")),
						r.execution(lastPrepared, wire.NewInt(1), wire.NewInt(100), wire.NewInt(1)),
						r.execution(lastPrepared, wire.NewInt(2), wire.NewInt(100), wire.NewInt(1)),
						r.text(wire.ComStmtPrepare, save("plain")),
						r.execution(lastPrepared, wire.NewInt(3), wire.NewInt(101), wire.NewInt(1)),
						append([]byte{byte(wire.ComStmtClose)}, statementID(lastPrepared)...),
						r.execution(lastPrepared, wire.NewInt(4), wire.NewInt(101), wire.NewInt(1)),
					}
				}, []string{"prepared, 3 parameters", "1 affected", "1020 ", "prepared, 3 parameters", "1 affected", "1243 "}},
				{"the last that could not be prepared", server.FlavorMariaDB, func(r *raw) [][]byte {
					return [][]byte{
						r.text(wire.ComStmtPrepare, save("plain")),
						r.text(wire.ComStmtPrepare, "UPDATE nosuch SET price=? WHERE id=? AND version=?"),
						r.execution(lastPrepared, wire.NewInt(9), wire.NewInt(100), wire.NewInt(1)),
						r.text(wire.ComQuery, "UPDATE plain SET name='written' WHERE price=9"),
					}
				}, []string{"prepared, 3 parameters", "1146 ", "1243 ", "0 affected"}},
				{"the last that was refused", server.FlavorMariaDB, func(r *raw) [][]byte {
					return [][]byte{
						r.text(wire.ComStmtPrepare, save("plain")),
						r.text(wire.ComStmtPrepare, "ALTER TABLE products DROP COLUMN version"),
						r.execution(lastPrepared, wire.NewInt(9), wire.NewInt(100), wire.NewInt(1)),
					}
				}, []string{"prepared, 3 parameters", "1290 ", "1243 "}},
				{"long data of the last prepared", server.FlavorMariaDB, func(r *raw) [][]byte {
					long := append(statementID(lastPrepared), 0, 0)
					return [][]byte{
						r.text(wire.ComStmtPrepare, "UPDATE products SET name=? WHERE id=? AND version=?"),
						append(append([]byte{byte(wire.ComStmtSendLongData)}, long...), "a long name"...),
						r.execution(lastPrepared, wire.Param{Type: wire.TypeBlob, Long: true}, wire.NewInt(100), wire.NewInt(1)),
						r.text(wire.ComQuery, "SELECT id FROM products WHERE name = 'a long name'"),
					}
				}, []string{"prepared, 3 parameters", "1 affected", ""}},
			}
			for _, c := range cases {
				if c.flavor != "" && c.flavor != s.Flavor {
					continue
				}
				for _, close := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s, half closed: %v, %v", c.name, close, caps&^plainCaps), func(t *testing.T) {
						got := burst(p.Addr, close, c.commands)
						for i, want := range c.want {
							if !strings.Contains(got[i], want) {
								t.Errorf("answer %d: %s, want %s", i, got[i], want)
							}
						}
					})
				}
			}
		}
	})
}

// prepared reads the answer to a PREPARE.
func (r *raw) prepared() string {
	r.t.Helper()
	p := r.packet()
	if p[0] == wire.ERRHeader {
		return r.outcomeOf(r.seen)
	}
	ok, err := wire.ParsePrepareOK(p)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, n := range []int{int(ok.Params), int(ok.Columns)} {
		if n > 0 && !r.caps.Has(wire.ClientDeprecateEOF) {
			n++
		}
		for range n {
			r.packet()
		}
	}
	return fmt.Sprintf("prepared, %d parameters", ok.Params)
}

// attributes gives the query attributes of a command.
func attributes(pairs ...string) (all []wire.Param) {
	for i := 0; i < len(pairs); i += 2 {
		a := wire.NewBytes([]byte(pairs[i+1]))
		a.Name = []byte(pairs[i])
		all = append(all, a)
	}
	return all
}

// attributed is COM_QUERY with query attributes.
// Source: "COM_QUERY" of MySQL's protocol documentation.
func attributed(text string, pairs ...string) []byte {
	all := attributes(pairs...)
	p := wire.AppendLenInt(nil, uint64(len(all)))
	p = append(p, 1)
	p = append(p, make([]byte, (len(all)+7)/8)...)
	p = append(p, 1)
	for _, a := range all {
		p = binary.LittleEndian.AppendUint16(p, uint16(a.Type))
		p = wire.AppendLenBytes(p, a.Name)
	}
	for _, a := range all {
		p = append(p, a.Value...)
	}
	return append(p, text...)
}

// Query attributes reach the server, and are not mistaken for the statement's text
// or its parameters.
func TestQueryAttributes(t *testing.T) {
	s := server.MySQL(t)
	root := session(t, s, "root", "", "")
	if o := run(root, "INSTALL COMPONENT 'file://component_query_attributes'", ""); o.err != nil && !strings.Contains(o.err.Error(), "already") {
		t.Fatal(o.err)
	}
	shop, p := shopOf(t, s, products, byVersion)
	r := dial(t, p.Addr, shop, plainCaps|wire.ClientQueryAttributes)
	ask := func(text string, pairs ...string) [][]byte {
		t.Helper()
		r.command(wire.ComQuery, nil, attributed(text, pairs...))
		return r.answer()
	}
	const hint = "/* ifmatch: version=1 */ UPDATE products SET price=9 WHERE id=100"
	if got := ask("SELECT mysql_query_attribute_string('who')", "who", "me", "other", "UPDATE products SET price=0"); string(got[len(got)-2]) != "\x02me" {
		t.Errorf("an attribute reaches the server as %q", got)
	}
	for _, c := range []struct{ text, want string }{
		{"UPDATE products SET price=1 WHERE id=100 AND version=1", "1 affected"},
		{hint, "1020 "},
		{"UPDATE products SET name=mysql_query_attribute_string('who') WHERE id=100 AND version=2", "1 affected"},
		{"SELECT 1; UPDATE products SET price=3 WHERE id=100 AND version=2", "1020 "},
		{"SELECT 1; UPDATE products SET name=CONCAT(mysql_query_attribute_string('who'), '!') WHERE id=100 AND version=3", "packets"},
	} {
		if got := r.outcomeOf(ask(c.text, "who", "me", "hint", "ifmatch: version=77")); !strings.Contains(got, c.want) {
			t.Errorf("%s: %s, want %s", c.text, got, c.want)
		}
	}
	if wrong := gives("me!|4")(run(session(t, s, "root", shop, ""), "SELECT name, version FROM products WHERE id=100", "")); wrong != "" {
		t.Error(wrong)
	}

	save := r.prepare("UPDATE products SET name=mysql_query_attribute_string(?) WHERE id=? AND version=?")
	execution := func(version int64) [][]byte {
		return r.executeWith(wire.Execute{ID: save.ID, Iterations: 1, Flags: wire.ParamCountAvailable, Attributes: attributes("who", "they", "more", "1"),
			Params: []wire.Param{wire.NewBytes([]byte("who")), wire.NewInt(100), wire.NewInt(version)}})
	}
	if got := r.outcomeOf(execution(4)); got != "1 affected" {
		t.Errorf("an execution with attributes: %s", got)
	}
	if got := r.outcomeOf(execution(4)); !strings.Contains(got, "expected version=4, found version=5") {
		t.Errorf("a stale one: %s", got)
	}
	if wrong := gives("they|5")(run(session(t, s, "root", shop, ""), "SELECT name, version FROM products WHERE id=100", "")); wrong != "" {
		t.Error(wrong)
	}

	// One that has no room for parameters of the guard.
	crowded := r.prepare("UPDATE products SET name=mysql_query_attribute_string(?) WHERE id=? AND version=? AND price NOT IN (?" + strings.Repeat(",?", most-5) + ")")
	params := []wire.Param{wire.NewBytes([]byte("who")), wire.NewInt(100), wire.NewInt(5)}
	for len(params) < most-1 {
		params = append(params, wire.NewInt(int64(len(params)+1000)))
	}
	e := wire.Execute{ID: crowded.ID, Iterations: 1, Flags: wire.ParamCountAvailable, Attributes: attributes("who", "crowd"), Params: params}
	if got := r.outcomeOf(r.executeWith(e)); got != "1 affected" {
		t.Errorf("an execution of many parameters with an attribute: %s", got)
	}
	if wrong := gives("crowd|6")(run(session(t, s, "root", shop, ""), "SELECT name, version FROM products WHERE id=100", "")); wrong != "" {
		t.Error(wrong)
	}
}
