package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestPassRows(t *testing.T) {
	large := pattern(1<<24 + 100)
	fat := append([]byte{0xfe, 0, 0, 0, 1, 0, 0, 0, 0}, pattern(1<<24)...) // one value of 16 MiB
	eof := []byte{0xfe, 0, 0, 2, 0}
	failure := []byte{0xff, 1, 2, '#', 'H', 'Y', '0', '0', '0'}
	many := make([][]byte, 5000)
	for i := range many {
		many[i] = pattern(i%300 + 1)
	}
	tests := map[string]struct {
		rows [][]byte
		end  []byte
	}{
		"no rows":                    {nil, eof},
		"an error at once":           {nil, failure},
		"one row":                    {[][]byte{{1, 'a'}}, eof},
		"an error amid rows":         {[][]byte{{1, 'a'}, {1, 'b'}}, failure},
		"an OK as end":               {[][]byte{{1, 'a'}}, append([]byte{0xfe}, pattern(5000)...)},
		"rows that begin with NULL":  {[][]byte{{0xfb}, {0xfb, 0xfb}}, eof},
		"binary rows":                {[][]byte{{0, 0, 1}, {0, 0, 2}}, eof},
		"an empty packet is a row":   {[][]byte{{}, {1, 'a'}, {}}, eof},
		"many rows":                  {many, eof},
		"a row beyond 16 MiB":        {[][]byte{{1, 'a'}, large, {1, 'b'}}, eof},
		"a row of exactly one piece": {[][]byte{pattern(1<<24 - 1), {1, 'b'}}, eof},
		"a value of 16 MiB":          {[][]byte{fat, {1, 'b'}}, failure},
		"a piece that looks an end":  {[][]byte{append(pattern(1<<24-1), eof...), {1, 'b'}}, eof},
	}
	for name, test := range tests {
		for _, chunk := range []int{1 << 30, blockSize - 3, 4099, 7} {
			if chunk == 7 && len(test.rows) > 0 && len(test.rows[0])+len(test.rows[min(1, len(test.rows)-1)]) > 1<<20 {
				continue // would read 16 MiB by 7 bytes
			}
			for _, peek := range []bool{false, true} {
				t.Run(name, func(t *testing.T) {
					var out bytes.Buffer
					c := from(stream(3, append(test.rows[:len(test.rows):len(test.rows)], test.end)...), chunk)
					c.SetSeq(3)
					dst := into(&out)
					dst.SetSeq(250) // so that numbers differ and wrap
					if peek {
						if _, _, err := c.Next(); err != nil {
							t.Fatal(err)
						}
					}
					first, n, err := c.PassRows(dst)
					if err != nil {
						t.Fatal(err)
					}
					if first != test.end[0] || n != len(test.end) {
						t.Errorf("ended with %#x, %d", first, n)
					}
					if end, err := c.Payload(unlimited); err != nil || !bytes.Equal(end, test.end) {
						t.Errorf("the end is %v, %v", end, err)
					}
					if err := dst.Flush(); err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(out.Bytes(), stream(250, test.rows...)) {
						t.Error("other rows come out")
					}
					if c.Drop(); c.Buffered() != 0 {
						t.Error("bytes are left")
					}
				})
			}
		}
	}
}

func TestPassRowsAfterPayload(t *testing.T) {
	var out bytes.Buffer
	c, dst := from(stream(0, []byte("head"), []byte("row"), []byte{0xff}), 100), into(&out)
	if _, err := c.ReadPayload(10); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.PassRows(dst); err != nil {
		t.Fatal(err)
	}
	dst.Flush()
	if !bytes.Equal(out.Bytes(), stream(0, []byte("row"))) {
		t.Errorf("a packet whose payload was taken is not a row: %q", out.Bytes())
	}
}

func TestPassRowsCutShort(t *testing.T) {
	whole := stream(0, []byte("abc"), []byte("d"))
	for n := range len(whole) + 1 {
		want := io.ErrUnexpectedEOF
		if n == 0 || n == 7 || n == len(whole) {
			want = io.EOF
		}
		_, _, err := from(whole[:n], 100).PassRows(into(io.Discard))
		if err != want {
			t.Errorf("stream ends after %d bytes: %v, want %v", n, err, want)
		}
	}
	wrong := stream(0, []byte("abc"), []byte("d"))
	wrong[7+3] = 5
	var out bytes.Buffer
	dst := into(&out)
	_, _, err := from(wrong, 100).PassRows(dst)
	var seq *SequenceError
	if !errors.As(err, &seq) || *seq != (SequenceError{Want: 1, Got: 5}) {
		t.Errorf("a row out of sequence: %v", err)
	}
	dst.Flush()
	if !bytes.Equal(out.Bytes(), stream(0, []byte("abc"))) {
		t.Error("the row before it is lost")
	}
}

// A source that has nothing more to give must not keep back what it gave.
func TestPassRowsFlushesBeforeItWaits(t *testing.T) {
	server, up := conns(t)
	down, client := conns(t)
	result := make(chan error, 1)
	go func() {
		_, _, err := up.PassRows(down)
		result <- err
	}()
	within(t, "the first row", func() {
		server.WritePacket([]byte("slow row"))
		server.Flush()
		row, err := client.ReadPayload(100)
		if string(row) != "slow row" {
			t.Errorf("the client sees %q, %v", row, err)
		}
		server.WritePacket([]byte{0xff})
		server.Flush()
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}
