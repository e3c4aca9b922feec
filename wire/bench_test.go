package wire

import (
	"testing"
)

// BenchmarkPass is a round trip of a small packet from a client through a relay
// of two Conns to a server that echoes it, and back, over TCP loopback.
func BenchmarkPass(b *testing.B) {
	client, front := conns(b)
	back, server := conns(b)
	go func() {
		for {
			server.ResetSeq()
			if _, _, err := server.Next(); err != nil {
				return
			}
			if server.Pass(server) != nil || server.Flush() != nil {
				return
			}
		}
	}()
	go func() {
		for {
			front.ResetSeq()
			back.ResetSeq()
			if _, _, err := front.Next(); err != nil {
				return
			}
			if front.Pass(back) != nil || back.Flush() != nil {
				return
			}
			if _, _, err := back.Next(); err != nil {
				return
			}
			if back.Pass(front) != nil || front.Flush() != nil {
				return
			}
		}
	}()
	statement := []byte("\x03SELECT c FROM sbtest1 WHERE id = 4711")
	b.ReportAllocs()
	for b.Loop() {
		client.ResetSeq()
		if err := client.WritePacket(statement); err != nil {
			b.Fatal(err)
		}
		if err := client.Flush(); err != nil {
			b.Fatal(err)
		}
		if _, err := client.ReadPayload(1 << 10); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPassRows passes a result of 100,000 rows of 20 bytes over TCP
// loopback, through two Conns.
func BenchmarkPassRows(b *testing.B) {
	const rows = 100_000
	var result []byte
	for i := range rows {
		result = append(result, stream(uint8(i), []byte("\x06471100\x0csome text..."))...)
	}
	result = append(result, stream(uint8(rows%256), []byte{0xfe, 0, 0, 2, 0})...)
	server, back := conns(b)
	front, client := conns(b)
	go func() {
		for {
			server.ResetSeq()
			if _, _, err := server.Next(); err != nil {
				return
			}
			if _, err := server.NetConn().Write(result); err != nil {
				return
			}
		}
	}()
	go func() {
		for {
			back.ResetSeq()
			front.ResetSeq()
			if _, _, err := front.Next(); err != nil {
				return
			}
			if front.Pass(back) != nil || back.Flush() != nil {
				return
			}
			back.ResetSeq()
			front.ResetSeq()
			if _, _, err := back.PassRows(front); err != nil {
				return
			}
			if back.Pass(front) != nil || front.Flush() != nil {
				return
			}
		}
	}()
	discard := into(discarding{})
	command := []byte{byte(ComQuery)}
	b.SetBytes(int64(len(result)))
	b.ReportAllocs()
	for b.Loop() {
		client.ResetSeq()
		if err := client.WritePacket(command); err != nil {
			b.Fatal(err)
		}
		if err := client.Flush(); err != nil {
			b.Fatal(err)
		}
		client.ResetSeq()
		if _, _, err := client.PassRows(discard); err != nil {
			b.Fatal(err)
		}
		if err := client.Drop(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkReadRows reads a result of 100,000 rows of five columns, takes out the
// last two and passes it on, as a relay does that looks at the rows. The figure
// for a row is of interest, and that nothing is allocated.
func BenchmarkReadRows(b *testing.B) {
	const rows = 100_000
	columns, values := benchmarkRow()
	for _, binary := range []bool{false, true} {
		b.Run(protocolName(binary), func(b *testing.B) {
			row := AppendTextRow(nil, values...)
			if binary {
				row = appendBinaryRow(nil, columns, values)
			}
			var result []byte
			for i := range rows {
				result = append(result, stream(uint8(i), row)...)
			}
			source := &chunks{}
			c, dst := NewConn(scripted{Reader: source}), into(discarding{})
			var r RowReader
			var read [5]RowValue
			b.SetBytes(int64(len(result)))
			b.ReportAllocs()
			for b.Loop() {
				*source = chunks{p: result, size: blockSize}
				c.ResetSeq()
				r.Reset(columns, 3, binary)
				for range rows {
					if _, _, err := c.NextRow(dst); err != nil {
						b.Fatal(err)
					}
					p, err := c.Payload(1 << 20)
					if err != nil {
						b.Fatal(err)
					}
					if err := r.Read(p, 4, read[:]); err != nil {
						b.Fatal(err)
					}
					if err := r.WriteKept(dst, p); err != nil {
						b.Fatal(err)
					}
				}
				if err := c.Drop(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}

func protocolName(binary bool) string {
	if binary {
		return "binary"
	}
	return "text"
}

// benchmarkRow is a row of five columns as a legacy application selects it.
func benchmarkRow() ([]FieldType, [][]byte) {
	return []FieldType{TypeLongLong, TypeVarString, TypeVarString, TypeDatetime, TypeLongLong},
		[][]byte{[]byte("12345678"), []byte("a name of a product"), nil, []byte("2024-02-29"), []byte("87654321")}
}

// BenchmarkRowReader reads a row of five columns and writes the first three.
func BenchmarkRowReader(b *testing.B) {
	columns, values := benchmarkRow()
	for _, binary := range []bool{false, true} {
		b.Run(protocolName(binary), func(b *testing.B) {
			row := AppendTextRow(nil, values...)
			if binary {
				row = appendBinaryRow(nil, columns, values)
			}
			dst := into(discarding{})
			var r RowReader
			var read [5]RowValue
			r.Reset(columns, 3, binary)
			b.ReportAllocs()
			for b.Loop() {
				if err := r.Read(row, 4, read[:]); err != nil {
					b.Fatal(err)
				}
				if err := r.WriteKept(dst, row); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAppendInteger makes the digits of a key.
func BenchmarkAppendInteger(b *testing.B) {
	for _, binary := range []bool{false, true} {
		b.Run(protocolName(binary), func(b *testing.B) {
			v := []byte("12345678")
			var out []byte
			b.ReportAllocs()
			for b.Loop() {
				var ok bool
				if out, ok = AppendInteger(out[:0], v, TypeLongLong, false, binary); !ok {
					b.Fatal("no integer")
				}
			}
		})
	}
}

// BenchmarkColumn reads a column definition.
func BenchmarkColumn(b *testing.B) {
	in := Column{Catalog: []byte("def"), Schema: []byte("shop"), Table: []byte("p"), OrgTable: []byte("products"),
		Name: []byte("name"), OrgName: []byte("name"), Charset: 45, Length: 400, Type: TypeVarString}
	for _, caps := range []Capability{0, MariaDBExtendedMetadata} {
		p := in.Append(nil, caps)
		b.Run(caps.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseColumn(p, caps); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type discarding struct{}

func (discarding) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkExecute reads an execution of four parameters and writes it again.
func BenchmarkExecute(b *testing.B) {
	in := Execute{ID: 1, Iterations: 1, Params: []Param{NewInt(1), NewBytes([]byte("text")), NewNull(), NewUint(7)}}
	p := in.Append(nil, 0)
	var e Execute
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Parse(p, 4, nil, nil, 0); err != nil {
			b.Fatal(err)
		}
		out = e.Append(out[:0], 0)
	}
}

// BenchmarkOK reads an OK packet and writes it again.
func BenchmarkOK(b *testing.B) {
	const caps = ClientProtocol41 | ClientSessionTrack
	p := OK{AffectedRows: 1, Status: StatusAutocommit, Info: []byte("Rows matched: 1  Changed: 1  Warnings: 0")}.Append(nil, caps)
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		ok, err := ParseOK(p, caps)
		if err != nil {
			b.Fatal(err)
		}
		out = ok.Append(out[:0], caps)
	}
}
