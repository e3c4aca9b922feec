package proxy

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"

	"ifmatch/wire"
)

// Definitions that have come before are not read again, and those that differ from
// them are: what a client sees and what is remembered is the same either way.
func TestDefinitionsThatChange(t *testing.T) {
	// other gives the definitions of the hidden columns another table's name, so
	// that they tell of no guarded row.
	other := func(packets [][]byte) [][]byte {
		for i := 2; i < 4; i++ {
			packets[i] = bytes.ReplaceAll(packets[i], []byte("products"), []byte("producers"))
		}
		// Its length is behind that of the schema.
		for i := 2; i < 4; i++ {
			packets[i] = bytes.ReplaceAll(packets[i], []byte("\x08producers"), []byte("\x09producers"))
		}
		return packets
	}
	longer := func(packets [][]byte) [][]byte {
		packets[1] = bytes.Replace(packets[1], []byte("\x04name\x04name"), []byte("\x05label\x04name"), 1)
		return packets
	}
	failing := func(packets [][]byte) [][]byte {
		return append(packets[:2:2], []byte("\xff\x01\x04#HY000no"))
	}
	same := func(packets [][]byte) [][]byte { return packets }
	eachProtocol(t, func(t *testing.T, caps wire.Capability, prepared bool) {
		b := newBench(t)
		defer b.close()
		var as atomic.Pointer[func([][]byte) [][]byte]
		var id atomic.Int32
		b.backend.serve = shopOf(func(p product, caps wire.Capability) [][]byte {
			packets := p.defined(caps, false)
			packets = (*as.Load())(append(packets, p.row(byte(id.Load())), endPacket(caps, 0)))
			return packets
		})
		c := b.dial(nil, nil)
		defer c.Close()
		c.caps &= caps
		if err := c.login(); err != nil {
			t.Fatal(err)
		}
		if prepared {
			if err := c.prepare("SELECT name FROM products"); err != nil {
				t.Fatal(err)
			}
		}
		reads := 0
		for n, step := range []struct {
			name   string
			change func([][]byte) [][]byte
			read   int
		}{
			{"first", same, 1}, {"again", same, 1}, {"and again", same, 1},
			{"of another table", other, 0}, {"and again of another table", other, 0}, {"as at first", same, 1},
			{"an error instead", failing, 0}, {"as before it", same, 1},
			{"with a longer name", longer, 1}, {"with that again", longer, 1}, {"as at the beginning", same, 1},
		} {
			id.Store(int32(n + 1))
			as.Store(&step.change)
			plain := product{name: "pen", binary: prepared}
			want := step.change(append(plain.defined(c.caps, false), plain.row(byte(n+1)), endPacket(c.caps, 0), nil))
			want = want[:len(want)-1]
			if step.name == "an error instead" {
				want = append(want[:1:1], want[1], []byte("\xff\x01\x04#HY000no"))
			}
			command, body := wire.ComQuery, c.noAttributes()+"SELECT name FROM products"
			if prepared {
				command, body = wire.ComStmtExecute, "\x01\x00\x00\x00\x00\x01\x00\x00\x00"
			}
			got, err := c.take(len(want), c.command(command, body))
			if err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			for i := range want {
				if !bytes.Equal(got[i], want[i]) {
					t.Errorf("%s: packet %d is %q, want %q", step.name, i, got[i], want[i])
				}
			}
			reads += step.read
			if n := c.reads(t); n != reads {
				t.Errorf("%s: %d rows are remembered, want %d", step.name, n, reads)
			}
		}
	})
}

// What is known of the answers to a plan is bounded.
func TestKnownAnswersAreBounded(t *testing.T) {
	b := newBench(t)
	defer b.close()
	var kind atomic.Int32
	b.backend.serve = shopOf(func(p product, caps wire.Capability) [][]byte {
		packets := p.answer(caps, 1)
		packets[1] = productColumn(caps, "products", "name", fmt.Sprint("name", kind.Load()))
		return packets
	})
	c := b.open()
	defer c.Close()
	for range 3 {
		for n := range int32(10) {
			kind.Store(n)
			if _, err := c.fetched(false, 4); err != nil {
				t.Fatal(err)
			}
		}
	}
	known := 0
	for _, p := range b.srv.plans.All() {
		if c := p.Capture(); c != nil {
			known += len(answersTo(c).all)
		}
	}
	if known != maxKnown {
		t.Errorf("%d answers are known, want %d", known, maxKnown)
	}
}
