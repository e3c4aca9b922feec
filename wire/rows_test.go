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

// A server flushes its buffer wherever it is full, also within a row or a header.
// Rows that came before must not wait for the rest of it.
func TestRowsFlushBeforeTheyWaitWithinARow(t *testing.T) {
	pass := func(c, dst *Conn) error {
		_, _, err := c.PassRows(dst)
		return err
	}
	next := func(c, dst *Conn) error {
		for {
			first, n, err := c.NextRow(dst)
			if err != nil {
				return err
			}
			if EndsRows(first, n) {
				return nil
			}
			p, err := c.Payload(unlimited)
			if err != nil {
				return err
			}
			if err := dst.WritePacket(p); err != nil {
				return err
			}
		}
	}
	small, filling, large := []byte("row"), pattern(blockSize-headerSize), pattern(3*blockSize)
	tests := map[string]struct {
		first, second []byte
		cut           int // bytes of the second row, header included, that come at first
	}{
		"between rows":                     {small, small, 0},
		"within a header":                  {small, small, 2},
		"before the first byte":            {small, small, headerSize},
		"within a row":                     {small, small, headerSize + 2},
		"within a header behind a block":   {filling, small, 2},
		"behind a header behind a block":   {filling, small, headerSize},
		"within a row behind a block":      {filling, small, headerSize + 2},
		"within a row of a whole block":    {small, filling, 100},
		"within a row of several blocks":   {small, large, 100},
		"near the end of a row of several": {small, large, 3 * blockSize},
	}
	for name, test := range tests {
		for what, run := range map[string]func(c, dst *Conn) error{"PassRows": pass, "NextRow": next} {
			t.Run(what+"/"+name, func(t *testing.T) {
				server, up := pair(t)
				down, client := conns(t)
				wired := stream(0, test.first, test.second, []byte{0xff})
				cut := headerSize + len(test.first) + test.cut
				if _, err := server.Write(wired[:cut]); err != nil {
					t.Fatal(err)
				}
				result := make(chan error, 1)
				go func() { result <- run(NewConn(up), down) }()
				within(t, "the result", func() {
					row, err := client.ReadPayload(unlimited)
					if err != nil || !bytes.Equal(row, test.first) {
						t.Errorf("the client sees %d bytes, %v", len(row), err)
					}
					if _, err := server.Write(wired[cut:]); err != nil {
						t.Error(err)
					}
					if err := <-result; err != nil {
						t.Error(err)
					}
					if err := down.Flush(); err != nil {
						t.Error(err)
					}
					row, err = client.ReadPayload(unlimited)
					if err != nil || !bytes.Equal(row, test.second) {
						t.Errorf("then the client sees %d bytes, %v", len(row), err)
					}
				})
			})
		}
	}
}

// counting counts how often something is written.
type counting struct{ n int }

func (c *counting) Write(p []byte) (int, error) {
	c.n++
	return len(p), nil
}

func TestNextRow(t *testing.T) {
	large := pattern(1<<24 + 100)
	rows := [][]byte{[]byte("one"), {}, pattern(blockSize - headerSize), pattern(blockSize - headerSize + 1), large, []byte("last"), {0xfe, 0, 0, 2, 0}}
	for _, chunk := range []int{1 << 30, blockSize - 3, 4099} {
		for look, of := range map[string]func(i int) bool{
			"into all": func(int) bool { return true }, "into none": func(int) bool { return false }, "into some": func(i int) bool { return i%2 == 0 },
		} {
			t.Run(look, func(t *testing.T) {
				c, dst := from(stream(250, rows...), chunk), into(io.Discard)
				c.SetSeq(250)
				for i, want := range rows {
					first, n, err := c.NextRow(dst)
					if err != nil {
						t.Fatal(err)
					}
					if n != min(len(want), MaxPhysical) || n > 0 && first != want[0] || n == 0 && first != 0 {
						t.Fatalf("row %d is announced as %#x, %d", i, first, n)
					}
					if !of(i) {
						continue // the next drops it
					}
					if got, err := c.Payload(unlimited); err != nil || !bytes.Equal(got, want) {
						t.Fatalf("row %d is %d bytes, %v", i, len(got), err)
					}
				}
				if _, _, err := c.NextRow(dst); err != io.EOF {
					t.Errorf("behind the last row: %v", err)
				}
			})
		}
	}
}

// Rows that are there are written together.
func TestNextRowGathersRows(t *testing.T) {
	var rows [][]byte
	for i := range 500 {
		rows = append(rows, pattern(i%20+1))
	}
	var writes counting
	c, dst := from(stream(0, rows...), 1<<30), into(&writes)
	for range rows {
		if _, _, err := c.NextRow(dst); err != nil {
			t.Fatal(err)
		}
		if err := c.Pass(dst); err != nil {
			t.Fatal(err)
		}
	}
	// One block of rows is read, after the transport's first few bytes.
	if writes.n > 2 {
		t.Errorf("%d writes for %d rows that have arrived", writes.n, len(rows))
	}
}

func TestNextRowCutShort(t *testing.T) {
	whole := stream(0, []byte("abc"), []byte("d"))
	for n := range len(whole) {
		want := io.ErrUnexpectedEOF
		if n == 0 || n == 7 {
			want = io.EOF
		}
		c, dst := from(whole[:n], 100), into(io.Discard)
		var err error
		for err == nil {
			_, _, err = c.NextRow(dst)
		}
		if err != want {
			t.Errorf("stream ends after %d bytes: %v, want %v", n, err, want)
		}
	}
	wrong := stream(5, []byte("abc"))
	_, _, err := from(wrong, 100).NextRow(into(io.Discard))
	var seq *SequenceError
	if !errors.As(err, &seq) || *seq != (SequenceError{Want: 0, Got: 5}) {
		t.Errorf("a row out of sequence: %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// What is written while a large row is current does not wait for the rest of it.
func TestNextRowFlushesBeforeItDrops(t *testing.T) {
	server, up := pair(t)
	down, client := conns(t)
	wired := stream(0, pattern(3*blockSize), []byte{0xff})
	if _, err := server.Write(wired[:100]); err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		c := NewConn(up)
		_, _, err := c.NextRow(down)
		if err == nil {
			err = down.WritePacket([]byte("in its place"))
		}
		if err == nil {
			_, _, err = c.NextRow(down)
		}
		result <- err
	}()
	within(t, "the result", func() {
		if p, err := client.ReadPayload(100); string(p) != "in its place" {
			t.Errorf("the client sees %q, %v", p, err)
		}
		if _, err := server.Write(wired[100:]); err != nil {
			t.Error(err)
		}
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}

// A client that has gone ends the walk as a failure to write, not to read.
func TestNextRowToldOfTheClient(t *testing.T) {
	c, dst := from(stream(0, []byte("abc"), pattern(2*blockSize)), 7), into(failing{})
	if _, _, err := c.NextRow(dst); err != nil {
		t.Fatal(err)
	}
	if err := c.Pass(dst); err != nil {
		t.Fatal(err)
	}
	_, _, err := c.NextRow(dst)
	var write *WriteError
	if !errors.As(err, &write) || !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("gives %v", err)
	}
}
