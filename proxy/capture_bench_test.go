package proxy

import (
	"fmt"
	"io"
	"net"
	"testing"

	"ifmatch/wire"
)

// An endless is a connection of which bytes are read again and again, and to
// which whatever is written is lost: what a benchmark then measures is the session.
type endless struct {
	net.Conn
	bytes []byte
	at    int
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.bytes) == 0 {
		return 0, io.EOF
	}
	n := copy(p, e.bytes[e.at:])
	e.at = (e.at + n) % len(e.bytes)
	return n, nil
}

func (e *endless) Write(p []byte) (int, error) { return len(p), nil }

// stream is packets as they are sent, the first with sequence number seq.
func stream(seq byte, payloads ...[]byte) (bytes []byte) {
	for _, p := range payloads {
		bytes = append(append(bytes, byte(len(p)), byte(len(p)>>8), byte(len(p)>>16), seq), p...)
		seq++
	}
	return bytes
}

// BenchmarkCapture is the way of an answer through a session, to and from memory:
// for each row what it costs beside the statement that brings a thousand of them, or
// ten times as many as a scope remembers,
// and what a statement of one row costs.
func BenchmarkCapture(b *testing.B) {
	const caps = serverCaps
	wide := []string{"name", "price", "in_stock", "note", "made", "seen"}
	for _, kind := range []struct {
		name  string
		table string
		list  []string // columns that the client selects
		added []string // columns that the proxy adds
	}{
		{"plain", "plain", []string{"name", "price"}, nil},
		{"hidden", "products", []string{"name", "price"}, []string{"id", "version"}},
		{"visible", "products", []string{"id", "name", "version"}, nil},
		{"wide hidden", "products", wide, []string{"id", "version"}},
	} {
		for _, prepared := range []bool{false, true} {
			for _, rows := range []int{1, 1000, 100_000} {
				b.Run(fmt.Sprintf("%s/prepared=%v/rows=%d", kind.name, prepared, rows), func(b *testing.B) {
					s, e := alone(b, caps)
					text := "SELECT "
					for i, name := range kind.list {
						if i > 0 {
							text += ", "
						}
						text += name
					}
					text += " FROM " + kind.table
					list, aliases := append(kind.list[:len(kind.list):len(kind.list)], kind.added...), kind.list
					for i := range kind.added {
						aliases = append(aliases[:len(aliases):len(aliases)], fmt.Sprintf("ifmatch %d", i+1))
					}
					var definitions [][]byte
					for i := range list {
						definitions = append(definitions, productColumn(caps, kind.table, list[i], aliases[i]))
					}
					answer := append([][]byte{{byte(len(list))}}, definitions...)
					for n := range rows {
						answer = append(answer, productRow(list, n, prepared))
					}
					answer = append(answer, endPacket(caps, 0))
					command := append([]byte{byte(wire.ComQuery), 0, 1}, text...)
					if prepared {
						ok := wire.PrepareOK{ID: 1, Columns: uint16(len(list))}
						e.backend.bytes = stream(1, append([][]byte{ok.Append(nil)}, definitions...)...)
						e.client.bytes = stream(0, append([]byte{byte(wire.ComStmtPrepare)}, text...))
						s.step(b)
						command = []byte{byte(wire.ComStmtExecute), 1, 0, 0, 0, 0, 1, 0, 0, 0}
					}
					e.backend.bytes, e.backend.at = stream(1, answer...), 0
					e.client.bytes, e.client.at = stream(0, command), 0
					s.step(b)
					if known := s.reads.session; kind.table == "products" && (known == nil || known.Len() != min(rows, 10_000)) {
						b.Fatal("the rows are not remembered")
					}
					b.SetBytes(int64(len(e.backend.bytes)))
					b.ReportAllocs()
					for b.Loop() {
						s.step(b)
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
				})
			}
		}
	}
}

// ends are both connections of a session that has nobody to talk to.
type ends struct{ client, backend *endless }

// lone is a session that does one command after another.
type lone struct{ *session }

// alone gives a session between two endless connections.
func alone(b testing.TB, caps wire.Capability, setup ...func(*Config)) (lone, *ends) {
	bench := newBench(b, setup...)
	b.Cleanup(bench.stop)
	e := &ends{&endless{}, &endless{}}
	s := newSession(bench.srv, e.client)
	s.backend = wire.NewConn(e.backend)
	s.caps, s.status, s.rules = caps, autocommit, bench.srv.rules.Load()
	s.state.DB, s.user, s.multi = "shop", "app", true
	s.isolation = s.beginIsolation()
	s.isolation.known = true
	return lone{s}, e
}

// step carries out the next command.
func (s lone) step(b *testing.B) {
	s.client.ResetSeq()
	s.backend.ResetSeq()
	first, n, err := s.client.Next()
	if err == nil {
		err = s.command(wire.Command(first), n)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// productColumn defines a column of a table of the schema shop. Those that have
// numbers are id, version, price and in_stock.
func productColumn(caps wire.Capability, table, name, alias string) []byte {
	c := wire.Column{Catalog: []byte("def"), Schema: []byte("shop"), Table: []byte(table), OrgTable: []byte(table), Name: []byte(alias),
		OrgName: []byte(name), Charset: 45, Length: 400, Type: wire.TypeVarString}
	if isNumber(name) {
		c.Charset, c.Length, c.Type, c.Flags = wire.BinaryCollation, 20, wire.TypeLongLong, wire.FlagNotNull|wire.FlagNum
	}
	return c.Append(nil, caps)
}

func isNumber(name string) bool {
	return name == "id" || name == "version" || name == "price" || name == "in_stock"
}

// productRow is row n of columns that productColumn defines.
func productRow(list []string, n int, binary bool) []byte {
	var row []byte
	if binary {
		row = append(row, 0)
		row = append(row, make([]byte, (len(list)+9)/8)...)
	}
	for _, name := range list {
		switch {
		case !isNumber(name):
			row = wire.AppendLenBytes(row, fmt.Appendf(nil, "%s of row %d", name, n))
		case binary:
			row = append(row, byte(n), byte(n>>8), byte(n>>16), 0, 0, 0, 0, 0)
		default:
			row = wire.AppendLenBytes(row, fmt.Append(nil, n))
		}
	}
	return row
}
