package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// payloadsOf cuts data into payloads: each begins with a byte that says how long
// it is, in steps that reach over blocks.
func payloadsOf(data []byte) (payloads [][]byte) {
	for len(data) > 0 {
		n := min(int(data[0]), len(data)-1)
		p := data[1 : 1+n]
		data = data[1+n:]
		if n%5 == 4 { // some are larger than a block
			p = bytes.Repeat(p, 400)
		}
		payloads = append(payloads, p)
	}
	return payloads
}

// isRow is what PassRows says of a payload.
func isRow(p []byte) bool { return len(p) == 0 || !EndsRows(p[0], min(len(p), MaxPhysical)) }

// FuzzFraming sends valid packets in reads of any size. Payload, Pass, PassRows
// and NextRow must agree on what the packets are.
func FuzzFraming(f *testing.F) {
	f.Add([]byte("\x03abc\x00\x02\xfbx"), uint16(3))
	f.Add([]byte("\x04abcd\x09123456789\xffabc"), uint16(5000))
	f.Add([]byte{1, 'a', 2, 0xfe, 0, 1, 'b', 1, 0xff}, uint16(1))
	f.Fuzz(func(t *testing.T, data []byte, chunk uint16) {
		payloads := payloadsOf(data)
		wired := stream(0, payloads...)
		size := int(chunk) + 1

		whole := from(wired, size)
		for i, want := range payloads {
			got, err := whole.ReadPayload(unlimited)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("packet %d: %x, %v, want %x", i, got, err, want)
			}
		}
		if _, _, err := whole.Next(); err != io.EOF {
			t.Fatalf("behind the last packet: %v", err)
		}

		for what, step := range map[string]func(c, dst *Conn) error{
			"Pass": func(c, dst *Conn) error {
				if _, _, err := c.Next(); err != nil {
					return err
				}
				return c.Pass(dst)
			},
			"PassRows": func(c, dst *Conn) error {
				first, n, err := c.PassRows(dst)
				if err != nil {
					return err
				}
				p, err := c.Payload(unlimited)
				if err != nil {
					return err
				}
				if isRow(p) || p[0] != first || n != len(p) {
					t.Fatalf("rows ended at %x as %#x, %d", p, first, n)
				}
				return c.Pass(dst)
			},
			"NextRow": func(c, dst *Conn) error {
				first, n, err := c.NextRow(dst)
				if err != nil {
					return err
				}
				p, err := c.Payload(unlimited)
				if err != nil {
					return err
				}
				if n != len(p) || n > 0 && p[0] != first {
					t.Fatalf("NextRow says %#x, %d of %x", first, n, p)
				}
				if n%2 == 0 {
					return c.Pass(dst)
				}
				return dst.WritePacket(p)
			},
		} {
			var out bytes.Buffer
			c, dst := from(wired, size), into(&out)
			dst.SetSeq(77)
			var err error
			for err == nil {
				err = step(c, dst)
			}
			if err != io.EOF {
				t.Fatalf("%s: %v", what, err)
			}
			if err := dst.Flush(); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), stream(77, payloads...)) {
				t.Fatalf("%s: other packets come out", what)
			}
		}
	})
}

// FuzzGarbage reads anything as packets. It must end with an error that is
// meant, hold no more than has arrived, and never panic.
func FuzzGarbage(f *testing.F) {
	f.Add([]byte{0xff, 0xff, 0xff, 0, 1}, []byte{0, 1, 2})
	f.Add(stream(0, []byte("abc"), []byte{0xfe}), []byte{3, 1, 0})
	f.Fuzz(func(t *testing.T, data, steps []byte) {
		c, dst := from(data, 1000), into(io.Discard)
		var err error
		for i := 0; err == nil; i++ {
			step := byte(0)
			if i < len(steps) {
				step = steps[i]
			}
			switch step % 6 {
			case 0:
				_, _, err = c.Next()
			case 1:
				_, err = c.Payload(100_000)
				if err == errNoPacket || errors.Is(err, ErrTooLarge) {
					err = nil
				}
			case 2:
				if err = c.Pass(dst); err == errNoPacket {
					err = nil
				}
			case 3:
				if _, _, err = c.PassRows(dst); err == nil {
					err = c.Drop()
				}
			case 4:
				err = c.Drop()
			case 5:
				_, _, err = c.NextRow(dst)
			}
			if c.cur.joined != nil && cap(*c.cur.joined) > max(joinSizes[0], 4*len(data)) {
				t.Fatalf("%d bytes are held for %d", cap(*c.cur.joined), len(data))
			}
		}
		var seq *SequenceError
		if err != io.EOF && err != io.ErrUnexpectedEOF && !errors.As(err, &seq) {
			t.Fatalf("ends with %v", err)
		}
	})
}

// fuzzMessage checks that what a parser accepts is written, read and written
// again without a change, and that it refuses all else with a MalformedError.
func fuzzMessage(f *testing.F, kinds ...string) {
	for _, r := range recordings(f) {
		for i, kind := range kinds {
			if r.kind == kind {
				f.Add(r.payload, uint64(r.caps), uint8(i))
			}
		}
	}
	f.Fuzz(func(t *testing.T, p []byte, caps uint64, which uint8) {
		kind := kinds[int(which)%len(kinds)]
		if kind == "err" {
			// Before the handshake an error is written without the SQLSTATE that
			// it may come with.
			caps |= uint64(ClientProtocol41)
		}
		once, err := again(kind, p, Capability(caps))
		if err != nil {
			var malformed *MalformedError
			if !errors.As(err, &malformed) {
				t.Fatalf("%s: %v", kind, err)
			}
			return
		}
		twice, err := again(kind, once, Capability(caps))
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s: %x\nis written\n%x\nand then\n%x, %v", kind, p, once, twice, err)
		}
	})
}

func FuzzHandshake(f *testing.F) {
	h := HandshakeResponse{Capabilities: ClientProtocol41 | ClientPluginAuth | ClientSecureConnection | ClientConnectWithDB | ClientConnectAttrs,
		User: "u", Auth: []byte("12345678901234567890"), Database: "d", Plugin: "p", Attributes: []byte("\x01a\x01b")}
	f.Add(h.Append(nil), uint64(0), uint8(1))
	f.Add(AppendSSLRequest(nil, ClientProtocol41, 1, 45), uint64(0), uint8(1))
	u := ChangeUser{User: "u", Auth: []byte("12345678901234567890"), Database: "d", Charset: 45, Plugin: "p", Attributes: []byte("\x01a\x01b")}
	f.Add(u.Append(nil, h.Capabilities), uint64(h.Capabilities), uint8(3))
	fuzzMessage(f, "greeting", "response", "authswitch", "changeuser")
}

func FuzzAnswer(f *testing.F) { fuzzMessage(f, "ok", "err", "eof", "column", "prepareok", "textrow") }

// FuzzStateChanges walks a block of session state. It must end, and yield no
// more than there is.
func FuzzStateChanges(f *testing.F) {
	for _, r := range recordings(f) {
		if ok, err := ParseOK(r.payload, r.caps); r.kind == "ok" && err == nil && len(ok.State) > 0 {
			f.Add(ok.State)
		}
	}
	f.Fuzz(func(t *testing.T, state []byte) {
		size := 0
		for c, err := range (OK{State: state}).StateChanges() {
			if err != nil {
				break
			}
			size += 2 + len(c.Name) + len(c.Value)
		}
		if size > 2*len(state) {
			t.Fatalf("%d bytes yield %d", len(state), size)
		}
	})
}

// FuzzBinaryRow walks a row of any column types. Values must lie inside the row,
// one behind the other, and a row read to its end must be used up.
func FuzzBinaryRow(f *testing.F) {
	types := []byte{3, 8, 253, 246, 12, 11, 5, 252, 1, 13, 10, 4, 16, 254, 245, 7, 2, 9}
	for _, r := range recordings(f) {
		if r.kind == "binaryrow" {
			f.Add(r.payload, types)
		}
	}
	f.Fuzz(func(t *testing.T, p, raw []byte) {
		types := make([]FieldType, len(raw))
		for i, b := range raw {
			types[i] = FieldType(b)
		}
		row, values, size := NewBinaryRow(p, types), 0, 0
		for {
			v, null, ok := row.Next()
			if !ok {
				break
			}
			if null && v != nil {
				t.Fatal("NULL has a value")
			}
			values++
			size += len(v)
		}
		if size > len(p) {
			t.Fatalf("values of %d bytes in a row of %d", size, len(p))
		}
		if values != len(types) && row.Err() == nil {
			t.Fatalf("%d values of %d, and no error", values, len(types))
		}
	})
}

// FuzzExecute reads executions. What is accepted must be written in a form that
// is read as the same.
func FuzzExecute(f *testing.F) {
	trace := Param{Type: TypeVarString, Name: []byte("trace"), Value: []byte("\x02ab")}
	for _, e := range []Execute{
		{ID: 1, Iterations: 1},
		{ID: 1, Iterations: 1, Params: []Param{NewInt(1), NewNull()}},
		{ID: 1, Iterations: 1, Flags: ParamCountAvailable, Params: []Param{NewBytes([]byte("a")), {Type: TypeDate, Value: []byte{0}}}, Attributes: []Param{trace}},
	} {
		for _, attributes := range []bool{false, true} {
			var caps Capability
			if attributes {
				caps = ClientQueryAttributes
			}
			f.Add(e.Append(nil, caps), uint8(len(e.Params)), attributes, uint64(0), []byte{8, 253})
		}
	}
	f.Fuzz(func(t *testing.T, p []byte, nparams uint8, attributes bool, long uint64, known []byte) {
		var caps Capability
		if attributes {
			caps = ClientQueryAttributes
		}
		var types []ParamType
		for _, b := range known {
			types = append(types, ParamType{Type: FieldType(b), Unsigned: b%2 == 0})
		}
		isLong := func(i int) bool { return long>>(i%64)&1 != 0 }
		var e Execute
		if err := e.Parse(p, int(nparams), types, isLong, caps); err != nil {
			var malformed *MalformedError
			if !errors.As(err, &malformed) && !errors.Is(err, ErrParamTypes) {
				t.Fatal(err)
			}
			return
		}
		if len(e.Params) != int(nparams) && !(nparams == 0 && e.Params == nil) {
			t.Fatalf("%d parameters, want %d", len(e.Params), nparams)
		}
		for _, p := range e.Params {
			p.Integer()
			p.Bytes()
			if p.Type == TypeVarString && !p.Null && !p.Long {
				if _, ok := p.Bytes(); !ok {
					t.Fatalf("a string that was accepted has no bytes: %x", p.Value)
				}
			}
		}
		once := e.Append(nil, caps)
		var again Execute
		if err := again.Parse(once, int(nparams), nil, isLong, caps); err != nil {
			t.Fatalf("%x is written %x: %v", p, once, err)
		}
		if twice := again.Append(nil, caps); !bytes.Equal(once, twice) {
			t.Fatalf("%x is written\n%x\nand then\n%x", p, once, twice)
		}
	})
}

// FuzzQuery splits queries. Attributes and text must be the whole packet.
func FuzzQuery(f *testing.F) {
	f.Add([]byte("\x00\x01SELECT 1"), true)
	f.Add([]byte("\x02\x01\x02\x01\xfd\x00\x05trace\x08\x80\x01n\x02abSELECT 1"), true)
	f.Add([]byte("SELECT 1"), false)
	f.Fuzz(func(t *testing.T, p []byte, attributes bool) {
		var caps Capability
		if attributes {
			caps = ClientQueryAttributes
		}
		attrs, sql, err := ParseQuery(p, caps)
		if err != nil {
			return
		}
		if !bytes.Equal(append(attrs, sql...), p) {
			t.Fatalf("%x falls into %x and %x", p, attrs, sql)
		}
		if _, rest, err := ParseQuery(append(attrs, "DO 0"...), caps); err != nil || string(rest) != "DO 0" {
			t.Fatalf("before another text the attributes are read differently: %q, %v", rest, err)
		}
	})
}

// FuzzResult walks anything as a result set, as a relay does: the column count,
// definitions, rows, the end. It must end with an error or the end of the stream.
func FuzzResult(f *testing.F) {
	var out bytes.Buffer
	for _, caps := range []Capability{ClientProtocol41, ClientProtocol41 | ClientDeprecateEOF} {
		out.Reset()
		c := into(&out)
		(&Result{[]Column{{Name: []byte("a")}, {Name: []byte("b")}}, [][]Value{{{Text: "1"}, {Null: true}}}}).Write(c, caps, StatusAutocommit)
		c.Flush()
		f.Add(bytes.Clone(out.Bytes()), uint64(caps))
	}
	f.Fuzz(func(t *testing.T, data []byte, raw uint64) {
		caps := Capability(raw)
		c := from(data, 100)
		p, err := c.ReadPayload(1 << 20)
		if err != nil {
			return
		}
		columns, n := ReadLenInt(p)
		if n == 0 {
			return
		}
		for range columns {
			if p, err = c.ReadPayload(1 << 20); err != nil {
				return
			}
			if _, err := ParseColumn(p, caps); err != nil {
				return
			}
		}
		for {
			first, n, err := c.Next()
			if err != nil {
				return
			}
			p, err := c.Payload(1 << 20)
			if err != nil {
				return
			}
			if n != len(p) || n > 0 && p[0] != first {
				t.Fatalf("Next says %#x, %d of %x", first, n, p)
			}
			if n > 0 && EndsRows(first, n) {
				if ok, err := ParseOK(p, caps); err == nil && len(ok.Info) > len(p) {
					t.Fatal("more info than packet")
				}
				ParseERR(p, caps)
				ParseEOF(p)
				continue
			}
			row, size := NewTextRow(p), 0
			for {
				v, _, ok := row.Next()
				if !ok {
					break
				}
				size += len(v) + 1
			}
			if size > len(p) {
				t.Fatalf("values of %d bytes in a row of %d", size, len(p))
			}
		}
	})
}
