package wire

import (
	"bytes"
	"errors"
	"net"
	"testing"
)

func TestBulkExecute(t *testing.T) {
	types := []ParamType{{Type: TypeLongLong}, {Type: TypeVarString}}
	head := (&BulkExecute{ID: 7}).AppendHead(nil, types)
	rows := AppendRow(nil, []Param{NewInt(-1), NewBytes([]byte("a"))}, nil)
	rows = AppendRow(rows, []Param{NewNull(), NewBytes(nil)}, nil)
	rows = AppendRow(rows, []Param{NewInt(2), {}}, []Indicator{IndicatorDefault, IndicatorIgnore})
	p := append(head, rows...)

	var e BulkExecute
	if err := e.Parse(p, 2); err != nil {
		t.Fatal(err)
	}
	if e.ID != 7 || e.Flags != BulkTypes || len(e.Types) != 2 || e.Types[0] != types[0] || !bytes.Equal(e.Rest(), rows) {
		t.Errorf("head: %+v", e)
	}
	var again []byte
	sets := 0
	for ; e.More(); sets++ {
		if err := e.Next(e.Types); err != nil {
			t.Fatal(err)
		}
		again = AppendRow(again, e.Params, e.Indicators)
	}
	if sets != 3 || !bytes.Equal(again, rows) {
		t.Errorf("%d rows, written again as %x, want %x", sets, again, rows)
	}
	if e.Next(e.Types) == nil {
		t.Error("a row behind the last")
	}

	// Cut anywhere but between rows it is malformed.
	ends := map[int]bool{len(head): true, len(p): true}
	for n := range len(p) {
		var cut BulkExecute
		err := cut.Parse(p[:n], 2)
		for err == nil && cut.More() {
			err = cut.Next(cut.Types)
			if err == nil {
				ends[n-len(cut.Rest())] = true
			}
		}
		var malformed *MalformedError
		if err == nil && !ends[n] || err != nil && !errors.As(err, &malformed) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	if err := e.Parse(append(head, 4), 2); err != nil {
		t.Fatal(err)
	}
	if e.Next(types) == nil {
		t.Error("an unknown indicator is taken")
	}
}

// What is diverted comes back as it would have gone out, packets of more than one
// physical one too, and the peer has none of it.
func TestDiversion(t *testing.T) {
	x, y := net.Pipe()
	defer x.Close()
	defer y.Close()
	a, b := NewConn(x), NewConn(y)
	big := pattern(MaxPhysical + 5)
	a.SetSeq(1)
	d := a.Divert(len(big) + 100)
	for round := range 2 {
		a.WritePacket([]byte("one"))
		a.Flush()
		a.WritePacket(big)
		a.WritePacket(nil)
		got, err := d.Take()
		if err != nil || len(got) != 3 || string(got[0]) != "one" || !bytes.Equal(got[1], big) || len(got[2]) != 0 {
			t.Fatalf("round %d: %d packets, %v", round, len(got), err)
		}
	}
	a.WritePacket(big)
	a.WritePacket(big)
	if _, err := d.Take(); !errors.Is(err, ErrDiverted) {
		t.Errorf("beyond the limit: %v", err)
	}
	a.WritePacket([]byte("dropped"))
	d.End()
	if a.Seq() != 1 {
		t.Errorf("sequence number %d behind it", a.Seq())
	}
	a.WritePacket([]byte("sent"))
	go a.Flush()
	b.SetSeq(1)
	if p, err := b.ReadPayload(100); err != nil || string(p) != "sent" {
		t.Errorf("the peer has %q, %v", p, err)
	}
}

func FuzzBulkExecute(f *testing.F) {
	types := []ParamType{{Type: TypeLongLong}, {Type: TypeVarString}}
	head := (&BulkExecute{ID: 7}).AppendHead(nil, types)
	f.Add(AppendRow(head, []Param{NewInt(-1), NewBytes([]byte("a"))}, nil), uint8(2))
	f.Fuzz(func(t *testing.T, p []byte, nparams uint8) {
		var e BulkExecute
		if e.Parse(p, int(nparams)) != nil || e.Types == nil {
			return
		}
		again := e.AppendHead(nil, e.Types)
		for e.More() {
			if e.Next(e.Types) != nil {
				return
			}
			again = AppendRow(again, e.Params, e.Indicators)
		}
		if !bytes.Equal(again, p) {
			t.Errorf("%x is written %x", p, again)
		}
	})
}
