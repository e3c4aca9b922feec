package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// Where a packet could be passed on in part only, nothing may follow it: it
// would be read as the rest of that packet.
func TestNothingFollowsAPacketThatWasCutShort(t *testing.T) {
	row := pattern(3 * blockSize)
	huge := pattern(MaxPhysical + 10)
	tests := map[string]struct {
		stream []byte
		lost   int // bytes at the end of the stream that never come
	}{
		"within a small packet":        {stream(0, pattern(100)), 10},
		"within a large one":           {stream(0, row), 50},
		"within a continuation":        {stream(0, huge), 5},
		"in front of its continuation": {stream(0, huge), 14},
	}
	passes := map[string]func(c, dst *Conn) error{
		"Pass": func(c, dst *Conn) error {
			if _, _, err := c.Next(); err != nil {
				return err
			}
			return c.Pass(dst)
		},
		"PassRows": func(c, dst *Conn) error { _, _, err := c.PassRows(dst); return err },
	}
	for name, test := range tests {
		for how, pass := range passes {
			t.Run(name+", "+how, func(t *testing.T) {
				var out bytes.Buffer
				c, dst := from(test.stream[:len(test.stream)-test.lost], 4099), into(&out)
				if err := pass(c, dst); err != io.ErrUnexpectedEOF {
					t.Fatalf("passing gives %v", err)
				}
				before := out.Len()
				var cut *WriteError
				if err := dst.WritePacket([]byte("an error packet")); !errors.As(err, &cut) {
					t.Errorf("a packet behind it: %v", err)
				}
				if err := dst.Flush(); !errors.As(err, &cut) || out.Len() != before {
					t.Errorf("%d bytes behind it, error %v", out.Len()-before, err)
				}
			})
		}
	}
}

// A stream that ends between packets leaves the destination as it was.
func TestAnErrorPacketFollowsWholePackets(t *testing.T) {
	var out bytes.Buffer
	c, dst := from(stream(0, pattern(10), pattern(20)), 1<<30), into(&out)
	if _, _, err := c.PassRows(dst); err != io.EOF {
		t.Fatalf("passing gives %v", err)
	}
	if err := errors.Join(dst.WritePacket([]byte("lost")), dst.Flush()); err != nil {
		t.Fatal(err)
	}
	if want := stream(0, pattern(10), pattern(20), []byte("lost")); !bytes.Equal(out.Bytes(), want) {
		t.Errorf("wrote %q", out.Bytes())
	}
}
