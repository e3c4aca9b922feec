package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// Packets that have come before are known by their bytes, however they arrive, and
// others are left as they are.
func TestSkipSame(t *testing.T) {
	known := [][]byte{{2}, pattern(60), pattern(300)}
	rest := [][]byte{{7, 7, 7}, pattern(20)}
	whole := stream(1, known...)
	for _, chunk := range []int{1, 3, 64, 100, 1 << 20} {
		c := from(append(whole[:len(whole):len(whole)], stream(4, rest...)...), chunk)
		c.SetSeq(1)
		if _, _, err := c.Next(); err != nil {
			t.Fatal(err)
		}
		if same, err := c.SkipSame(whole, len(known)); !same || err != nil {
			t.Fatalf("by %d bytes: %v, %v", chunk, same, err)
		}
		for _, want := range rest {
			if p, err := c.ReadPayload(1 << 10); err != nil || !bytes.Equal(p, want) {
				t.Errorf("by %d bytes: %q follows, %v", chunk, p, err)
			}
		}
		for at := range whole {
			if at%5 != 0 && at > 8 {
				continue
			}
			other := bytes.Clone(whole)
			other[at] ^= 1
			c := from(append(whole[:len(whole):len(whole)], stream(4, rest...)...), chunk)
			c.SetSeq(1)
			if _, _, err := c.Next(); err != nil {
				t.Fatal(err)
			}
			if same, err := c.SkipSame(other, len(known)); same || err != nil {
				t.Fatalf("by %d bytes, with another byte %d: %v, %v", chunk, at, same, err)
			}
			for i, want := range append(known, rest...) {
				if i > 0 {
					if _, _, err := c.Next(); err != nil {
						t.Fatal(err)
					}
				}
				if p, err := c.Payload(1 << 10); err != nil || !bytes.Equal(p, want) {
					t.Fatalf("by %d bytes, with another byte %d: packet %d is %q, %v", chunk, at, i, p, err)
				}
			}
		}
	}
}

// A connection that ends amid them is cut short, and packets that are fewer and others
// are not waited for.
func TestSkipSameOfLess(t *testing.T) {
	known := [][]byte{{2}, pattern(60), pattern(300)}
	whole := stream(1, known...)
	for _, chunk := range []int{1, 1 << 20} {
		c := from(whole[:len(whole)-1], chunk)
		c.SetSeq(1)
		c.Next()
		if same, err := c.SkipSame(whole, len(known)); same || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut short: %v, %v", same, err)
		}
		c = from(stream(1, []byte{2}, []byte{0xff, 1, 2}), chunk)
		c.SetSeq(1)
		c.Next()
		if same, err := c.SkipSame(whole, len(known)); same || err != nil {
			t.Errorf("an error instead: %v, %v", same, err)
		}
		if p, err := c.ReadPayload(10); err != nil || p[0] != 0xff {
			t.Errorf("an error instead: %q, %v", p, err)
		}
		c = from(whole, chunk)
		c.SetSeq(1)
		c.Next()
		c.Payload(10)
		if same, err := c.SkipSame(whole, len(known)); same || err != nil {
			t.Errorf("a packet that was taken: %v, %v", same, err)
		}
	}
}

func TestWriteFramed(t *testing.T) {
	var out bytes.Buffer
	c := into(&out)
	c.SetSeq(1)
	c.WriteFramed(stream(1, []byte{1}, []byte{2, 2}), 2)
	c.WritePacket([]byte{3})
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := stream(1, []byte{1}, []byte{2, 2}, []byte{3}); !bytes.Equal(out.Bytes(), want) {
		t.Errorf("%q, want %q", out.Bytes(), want)
	}
}
