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
