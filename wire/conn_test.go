package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
)

const unlimited = 1 << 30

// sizes of payloads at the borders of blocks and of physical packets.
var sizes = []int{0, 1, 250, smallSize - headerSize - 1, smallSize - headerSize, smallSize, smallSize + 1, blockSize - headerSize, blockSize - 1, blockSize, blockSize + 1, 3 * blockSize, 1 << 20,
	1<<24 - 2, 1<<24 - 1, 1 << 24, 2*(1<<24-1) - 1, 2 * (1<<24 - 1), 40 << 20}

func TestPacketsOfAllSizes(t *testing.T) {
	for _, size := range sizes {
		payload := pattern(size)
		wired := stream(0, payload)
		t.Run(fmt.Sprint("write ", size), func(t *testing.T) {
			var out bytes.Buffer
			c := into(&out)
			if err := errors.Join(c.WritePacket(payload), c.Flush()); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), wired) {
				t.Error("WritePacket frames it differently")
			}
			out.Reset()
			c = into(&out)
			a, b := size/3, size/2
			if err := errors.Join(c.WritePieces(payload[:a], payload[a:b], nil, payload[b:]), c.Flush()); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), wired) {
				t.Error("WritePieces frames it differently")
			}
		})
		for _, chunk := range []int{1 << 30, 1000003, 4099} {
			if chunk < 1<<20 && size > 1<<20 {
				continue
			}
			from := func(stream []byte, chunk int) *Conn {
				c := from(stream, chunk)
				if chunk < 1<<30 {
					c.ExpectFew()
				}
				return c
			}
			after := []byte{7}
			both := append(bytes.Clone(wired), stream(uint8(size/(1<<24-1)+1), after)...)
			t.Run(fmt.Sprint("payload ", size, " in reads of ", chunk), func(t *testing.T) {
				c := from(both, chunk)
				got, err := c.ReadPayload(unlimited)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, payload) {
					t.Error("the payload is another")
				}
				wantAfter(t, c, after)
			})
			t.Run(fmt.Sprint("pass ", size, " in reads of ", chunk), func(t *testing.T) {
				var out bytes.Buffer
				c, dst := from(both, chunk), into(&out)
				first, n, err := c.Next()
				if err != nil {
					t.Fatal(err)
				}
				if n != min(size, 1<<24-1) || size > 0 && first != payload[0] {
					t.Errorf("Next = %d, %d", first, n)
				}
				if err := errors.Join(c.Pass(dst), dst.Flush()); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(out.Bytes(), wired) {
					t.Error("another stream comes out")
				}
				wantAfter(t, c, after)
			})
			t.Run(fmt.Sprint("drop ", size, " in reads of ", chunk), func(t *testing.T) {
				c := from(both, chunk)
				if _, _, err := c.Next(); err != nil {
					t.Fatal(err)
				}
				wantAfter(t, c, after)
			})
		}
	}
}

// wantAfter checks that the next packet is this one and the last.
func wantAfter(t *testing.T, c *Conn, payload []byte) {
	t.Helper()
	got, err := c.ReadPayload(unlimited)
	if err != nil || !bytes.Equal(got, payload) {
		t.Fatalf("the packet behind it: %v, %v", got, err)
	}
	if _, _, err := c.Next(); err != io.EOF {
		t.Fatalf("behind the last packet: %v, want EOF", err)
	}
}

func TestPassAfterPayload(t *testing.T) {
	for _, size := range []int{10, blockSize + 1, 1<<24 - 1, 1 << 24, 40 << 20} {
		for _, limit := range []int{size, size - 1, 1<<24 + 5} {
			var out bytes.Buffer
			wired := stream(0, pattern(size))
			c, dst := from(wired, 1<<30), into(&out)
			_, err := c.ReadPayload(limit)
			var large *TooLargeError
			if (size > limit) != errors.As(err, &large) || errors.Is(err, ErrTooLarge) != (err != nil) {
				t.Fatalf("payload of %d with limit %d: %v", size, limit, err)
			}
			if large != nil && (large.Limit != limit || large.Size <= limit || large.Size > size) {
				t.Errorf("error says %+v", large)
			}
			if err := errors.Join(c.Pass(dst), dst.Flush()); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), wired) {
				t.Errorf("passing on %d bytes after a limit of %d gives another stream", size, limit)
			}
		}
	}
}

func TestClaimedLengthAllocatesNothing(t *testing.T) {
	c := from([]byte{0xff, 0xff, 0xff, 0, 1, 2, 3}, 100)
	if _, err := c.ReadPayload(unlimited); err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
	if got := cap(*c.cur.joined); got > joinSizes[0] {
		t.Errorf("a claim of 16 MiB and 3 bytes hold %d bytes", got)
	}
}

func TestSequence(t *testing.T) {
	type step struct {
		do   func(c *Conn) error
		want error
	}
	read := func(c *Conn) error { _, _, err := c.Next(); return err }
	write := func(c *Conn) error { return c.WritePacket([]byte{1}) }
	reset := func(c *Conn) error { c.ResetSeq(); return nil }
	tests := map[string]struct {
		stream []byte
		steps  []step
	}{
		"counts reads": {append(stream(0, []byte{1}), stream(1, []byte{2})...), []step{{read, nil}, {read, nil}}},
		"counts writes too": {append(stream(0, []byte{1}), stream(2, []byte{2})...),
			[]step{{read, nil}, {write, nil}, {read, nil}}},
		"starts at 0":     {stream(1, []byte{1}), []step{{read, &SequenceError{Want: 0, Got: 1}}}},
		"must not repeat": {append(stream(0, []byte{1}), stream(0, []byte{2})...), []step{{read, nil}, {read, &SequenceError{Want: 1, Got: 0}}}},
		"a new command starts again": {append(stream(0, []byte{1}), stream(0, []byte{2})...),
			[]step{{read, nil}, {reset, nil}, {read, nil}}},
		"wraps": {stream(255, []byte{1}, []byte{2}),
			[]step{{func(c *Conn) error { c.SetSeq(255); return nil }, nil}, {read, nil}, {read, nil}}},
		"an error stays": {stream(1, []byte{1}),
			[]step{{read, &SequenceError{Want: 0, Got: 1}}, {read, &SequenceError{Want: 0, Got: 1}}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := from(test.stream, 100)
			for i, s := range test.steps {
				err := s.do(c)
				if s.want == nil && err != nil || s.want != nil && (err == nil || err.Error() != s.want.Error()) {
					t.Fatalf("step %d: %v, want %v", i, err, s.want)
				}
			}
		})
	}
	t.Run("of a continuation", func(t *testing.T) {
		wired := stream(0, pattern(1<<24))
		wired[headerSize+MaxPhysical+3] = 9
		for what, do := range map[string]func(c *Conn) error{
			"Payload":  func(c *Conn) error { _, err := c.Payload(unlimited); return err },
			"Pass":     func(c *Conn) error { return c.Pass(into(io.Discard)) },
			"Drop":     (*Conn).Drop,
			"PassRows": func(c *Conn) error { _, _, err := c.PassRows(into(io.Discard)); return err },
		} {
			c := from(wired, 1<<20)
			if _, _, err := c.Next(); err != nil {
				t.Fatal(err)
			}
			var wrong *SequenceError
			if err := do(c); !errors.As(err, &wrong) || *wrong != (SequenceError{Want: 1, Got: 9}) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

func TestEndOfStream(t *testing.T) {
	whole := stream(0, []byte("abc"))
	for n := range len(whole) + 1 {
		want := io.ErrUnexpectedEOF
		switch n {
		case 0:
			want = io.EOF
		case len(whole):
			want = nil
		}
		c := from(whole[:n], 100)
		if _, err := c.ReadPayload(10); err != want {
			t.Errorf("stream ends after %d bytes: %v, want %v", n, err, want)
		}
	}
}

func TestBuffered(t *testing.T) {
	c := from(stream(0, []byte("abc"), []byte("de")), 100)
	const behind = headerSize + 2
	check := func(when string, want int) {
		t.Helper()
		if got := c.Buffered(); got != want {
			t.Errorf("%s: %d buffered, want %d", when, got, want)
		}
	}
	check("before", 0)
	c.Next()
	check("with a current packet", behind)
	c.Payload(10)
	check("with its payload taken", behind)
	c.Drop()
	check("without it", behind)
	c.Next()
	check("at the last packet", 0)
}

func TestUseWithoutPacket(t *testing.T) {
	c := from(nil, 1)
	if _, err := c.Payload(1); err == nil {
		t.Error("Payload has no error")
	}
	if err := c.Pass(c); err == nil {
		t.Error("Pass has no error")
	}
	if err := c.Drop(); err != nil {
		t.Error("Drop:", err)
	}
}

// broken fails after some bytes.
type broken struct{ room int }

func (b *broken) Write(p []byte) (int, error) {
	if len(p) > b.room {
		return 0, errors.New("broken")
	}
	b.room -= len(p)
	return len(p), nil
}

func TestWriteErrorsAreTheDestinations(t *testing.T) {
	wired := stream(0, pattern(1<<20))
	for what, do := range map[string]func(c, dst *Conn) error{
		"Pass":     func(c, dst *Conn) error { c.Next(); return c.Pass(dst) },
		"PassRows": func(c, dst *Conn) error { _, _, err := c.PassRows(dst); return err },
		"WritePacket": func(_, dst *Conn) error {
			return dst.WritePacket(pattern(1 << 20))
		},
	} {
		dst := into(&broken{room: 100})
		err := do(from(wired, 1<<20), dst)
		var of *WriteError
		if !errors.As(err, &of) {
			t.Errorf("%s: %v is no WriteError", what, err)
		}
		if again := dst.Flush(); again != err {
			t.Errorf("%s: the error does not stay: %v", what, again)
		}
	}
}

// A Conn from which nothing is expected holds no buffer; one in the middle of a
// packet, or with the next one in its buffer, loses nothing of it.
func TestRest(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	c := NewConn(b)
	defer c.Close()
	sent := make(chan struct{}, 1)
	send := func(p string) {
		go func() {
			a.Write([]byte(p))
			sent <- struct{}{}
		}()
	}
	send("\x02\x00\x00\x00ab\x03\x00\x00\x01cde")
	if _, err := c.ReadPayload(10); err != nil {
		t.Fatal(err)
	}
	<-sent
	c.Rest()
	if c.rbuf == nil {
		t.Fatal("the next packet is dropped")
	}
	p, err := c.ReadPayload(10)
	if err != nil || string(p) != "cde" {
		t.Fatalf("%q, %v", p, err)
	}
	c.Rest()
	if c.rbuf != nil {
		t.Error("a buffer is held with nothing in it")
	}
	send("\x04\x00\x00\x02f")
	if first, n, err := c.Next(); first != 'f' || n != 4 || err != nil {
		t.Fatalf("%q, %d, %v", first, n, err)
	}
	<-sent
	c.Rest()
	send("ghi")
	if p, err := c.Payload(10); err != nil || string(p) != "fghi" {
		t.Errorf("%q, %v", p, err)
	}
	<-sent
}

// What was not written when a Conn is given up is not written later.
func TestRelease(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	c := NewConn(b)
	c.WritePacket([]byte("half"))
	c.Close()
	c.Release()
	if c.rbuf != nil || c.wbuf != nil {
		t.Error("buffers are held")
	}
	if err := c.Flush(); err == nil {
		t.Error("a Conn that was given up still writes")
	}
}
