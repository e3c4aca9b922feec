package proxy

import (
	"io"
	"net"
	"testing"

	"ifmatch/wire"
)

// The memory that a session may allocate for what a peer sends: a sum, and so
// much for each byte.
const (
	fuzzMemory  = 16 << 20
	fuzzPerByte = 4 << 10
)

// frames gives the bytes that a peer sends for an input of the fuzzer. With an odd
// first byte that is the rest of the input as it is; else the rest is cut into
// packets, each after a byte that says how long it is, numbered as from seq on.
func frames(data []byte, seq func(i int) byte) []byte {
	if len(data) == 0 {
		return nil
	}
	raw, data := data[0]%2 == 1, data[1:]
	if raw {
		return data
	}
	var out []byte
	for i := 0; len(data) > 0; i++ {
		n := min(int(data[0]), len(data)-1)
		out = append(out, byte(n), 0, 0, seq(i))
		out = append(out, data[1:1+n]...)
		data = data[1+n:]
	}
	return out
}

// framed is the inverse of frames for packets.
func framed(payloads ...[]byte) []byte {
	out := []byte{0}
	for _, p := range payloads {
		out = append(out, byte(min(len(p), 255)))
		out = append(out, p[:min(len(p), 255)]...)
	}
	return out
}

// session runs one session to its end and checks what holds of every one.
func (b *bench) session(size int, run func(c *client)) {
	b.t.Helper()
	b.logs.reset()
	before := heap()
	c := b.open()
	run(c)
	if err := hungUp(c); err != nil {
		b.t.Error(err)
	}
	c.Close()
	b.ended(0)
	b.sound()
	if grown := heap() - before; grown > fuzzMemory+fuzzPerByte*uint64(size) {
		b.t.Errorf("%d bytes were allocated for %d that a peer sent", grown, size)
	}
}

// FuzzClient sends anything after authentication and then no more. The session
// ends, without a panic and without more memory than what came deserves.
func FuzzClient(f *testing.F) {
	query := func(sql string) []byte { return []byte("\x03\x00\x01" + sql) }
	f.Add(framed([]byte{byte(wire.ComPing)}, query("SELECT 1"), []byte{byte(wire.ComQuit)}))
	f.Add(framed(query("UPDATE shop.products SET name='x' WHERE id=100 AND version=9"), query("SHOW WARNINGS"), query("SHOW IFMATCH CONFLICT")))
	f.Add(framed(query("BEGIN; UPDATE shop.products SET name='x' WHERE id=100 AND version=9; COMMIT"), query("ROLLBACK TO a")))
	f.Add(framed([]byte("\x16UPDATE shop.products SET name=? WHERE id=? AND version=?"),
		[]byte("\x18\x03\x00\x00\x00\x00\x00long"),
		[]byte("\x17\x03\x00\x00\x00\x00\x01\x00\x00\x00\x03\x00\x01\xfd\x00\x00\x08\x00\x00\x08\x00\x00\x64\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00"),
		[]byte("\x1a\x03\x00\x00\x00"), []byte("\x1c\x03\x00\x00\x00\x01\x00\x00\x00"), []byte("\x19\x03\x00\x00\x00")))
	f.Add(framed([]byte("\x16SHOW IFMATCH STATUS"), []byte("\x17\x00\x00\x00\x80\x00\x01\x00\x00\x00"), []byte("\x17\xff\xff\xff\xff\x00\x01\x00\x00\x00")))
	f.Add(framed(query("PREPARE s FROM @a"), query("EXECUTE s"), query("EXECUTE IMMEDIATE 'x'"), query("SET @ifmatch = 'version=9'")))
	f.Add(framed(query("LOAD DATA LOCAL INFILE 'f' INTO TABLE t"), []byte("\x1b\x00\x00"), []byte("\x02db"), []byte("\x04t\x00"), []byte("\x1f"), []byte("\x09")))
	f.Add(framed([]byte("\x11user\x00\x00db\x00\x2d\x00mysql_native_password\x00\x00"), []byte("answer")))
	f.Add([]byte("\x01\xff\xff\xff\x00\x03SELECT"))
	f.Add([]byte("\x01\x00\x00\x00\x00"))
	b := newBench(f)
	defer func() {
		b.t = f
		b.stop()
	}()
	f.Fuzz(func(t *testing.T, data []byte) {
		b.t = t
		sent := frames(data, func(int) byte { return 0 })
		b.session(len(sent), func(c *client) {
			c.nc.Write(sent)
			c.nc.(*net.TCPConn).CloseWrite()
		})
	})
}

// commands that FuzzBackend answers with anything.
var fuzzedCommands = []string{
	"\x03\x00\x01SELECT a FROM t",
	"\x03\x00\x01UPDATE shop.products SET name='x' WHERE id=100 AND version=9",
	"\x03\x00\x01BEGIN; UPDATE shop.products SET name='x' WHERE id=100 AND version=9; COMMIT",
	"\x03\x00\x01PREPARE s FROM @a",
	"\x03\x00\x01LOAD DATA LOCAL INFILE 'f' INTO TABLE t",
	"\x16SELECT a FROM t WHERE b=?",
	"\x16UPDATE shop.products SET name=? WHERE id=?",
	"\x0e",
	"\x09",
	"\x04t\x00",
	"\x1f",
	"\x11user\x00\x00db\x00\x2d\x00mysql_native_password\x00\x00",
}

// FuzzBackend answers a command with anything, and then hangs up. What holds of
// FuzzClient holds here.
func FuzzBackend(f *testing.F) {
	for which := range fuzzedCommands {
		for _, caps := range capabilities {
			f.Add(uint8(which), framed(okPacket(caps, 0)))
			f.Add(uint8(which), framed(errPacket(1064, "no")))
			f.Add(uint8(which), framed(textResult(caps, 0, []string{"a", "b"})...))
			f.Add(uint8(which), framed(textResult(caps, wire.StatusMoreResults, []string{"a"})...))
			f.Add(uint8(which), framed(append([][]byte{wire.PrepareOK{ID: 1, Params: 1, Columns: 1}.Append(nil)}, append(definitions(caps, 1), definitions(caps, 1)...)...)...))
		}
	}
	f.Add(uint8(0), []byte("\x01\xff\xff\xff\x01\x01"))
	f.Add(uint8(1), []byte("\x01\x00\x00\x00\x01"))
	f.Add(uint8(4), framed([]byte("\xfbfile"), okPacket(serverCaps, 0)))
	b := newBench(f)
	defer func() {
		b.t = f
		b.stop()
	}()
	b.srv.farewell = short // for an answer that the client would have to reply to
	answers := make(chan []byte, 1)
	b.backend.serve = after(func(_ *wire.Conn, nc net.Conn, _ wire.Capability) {
		nc.Write(<-answers)
		nc.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, nc)
	})
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		b.t = t
		sent := frames(data, func(i int) byte { return byte(i + 1) })
		answers <- sent
		b.session(len(sent), func(c *client) {
			c.ResetSeq()
			send(c.Conn, []byte(fuzzedCommands[int(which)%len(fuzzedCommands)]))
		})
	})
}
