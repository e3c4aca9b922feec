package wire

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"
)

func TestExecuteRoundTrip(t *testing.T) {
	many := make([]Param, maxParams)
	for i := range many {
		many[i] = NewInt(int64(i))
		if i%3 == 0 {
			many[i] = NewNull()
		}
	}
	trace := Param{Type: TypeVarString, Name: []byte("trace"), Value: []byte("\x02ab")}
	tests := map[string]struct {
		e    Execute
		caps Capability
	}{
		"no parameters":             {Execute{ID: 1, Iterations: 1}, 0},
		"integers and NULL":         {Execute{ID: 1, Flags: CursorReadOnly, Iterations: 1, Params: []Param{NewInt(-1), NewUint(math.MaxUint64), NewNull()}}, 0},
		"a long string":             {Execute{ID: math.MaxUint32, Iterations: 1, Params: []Param{NewBytes(pattern(70000))}}, 0},
		"65,535 parameters":         {Execute{ID: 1, Iterations: 1, Params: many}, 0},
		"the same with attributes":  {Execute{ID: 1, Iterations: 1, Flags: ParamCountAvailable, Params: many}, ClientQueryAttributes},
		"attributes":                {Execute{ID: 1, Iterations: 1, Flags: ParamCountAvailable, Params: []Param{NewInt(1)}, Attributes: []Param{trace}}, ClientQueryAttributes},
		"attributes alone":          {Execute{ID: 1, Iterations: 1, Flags: ParamCountAvailable, Attributes: []Param{trace}}, ClientQueryAttributes},
		"a count of none":           {Execute{ID: 1, Iterations: 1, Flags: ParamCountAvailable}, ClientQueryAttributes},
		"a count without its flag":  {Execute{ID: 1, Iterations: 1, Params: []Param{NewInt(1)}}, ClientQueryAttributes},
		"neither count nor flag":    {Execute{ID: 1, Iterations: 1}, ClientQueryAttributes},
		"a flag without capability": {Execute{ID: 1, Iterations: 1, Params: []Param{NewInt(1)}}, 0},
	}
	for name, test := range tests {
		p := test.e.Append(nil, test.caps)
		var got Execute
		if err := got.Parse(p, len(test.e.Params), nil, nil, test.caps); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		same := func(a, b Param) bool {
			return a.Type == b.Type && a.Unsigned == b.Unsigned && a.Null == b.Null && bytes.Equal(a.Name, b.Name) && bytes.Equal(a.Value, b.Value)
		}
		if got.ID != test.e.ID || got.Flags != test.e.Flags || got.Iterations != test.e.Iterations ||
			!slices.EqualFunc(got.Params, test.e.Params, same) || !slices.EqualFunc(got.Attributes, test.e.Attributes, same) {
			t.Errorf("%s: comes out differently", name)
		}
		if out := got.Append(nil, test.caps); !bytes.Equal(out, p) {
			t.Errorf("%s: is written differently the second time", name)
		}
		for cut := range min(len(p), 300) {
			var e Execute
			err := e.Parse(p[:cut], len(test.e.Params), nil, nil, test.caps)
			var malformed *MalformedError
			if !errors.As(err, &malformed) {
				t.Errorf("%s cut to %d bytes: %v", name, cut, err)
			}
		}
	}
}

func TestExecuteWithoutTypes(t *testing.T) {
	first := Execute{ID: 1, Iterations: 1, Params: []Param{NewInt(5), NewBytes([]byte("a"))}}
	p := first.Append(nil, 0)
	again := append(p[:10:10], 0)        // the same head and bitmap; no types
	again = append(again, p[11+2*2:]...) // the values
	var e Execute
	if err := e.Parse(again, 2, nil, nil, 0); !errors.Is(err, ErrParamTypes) {
		t.Errorf("without types from before: %v", err)
	}
	if err := e.Parse(again, 2, []ParamType{{Type: TypeLongLong}}, nil, 0); !errors.Is(err, ErrParamTypes) {
		t.Errorf("with too few types from before: %v", err)
	}
	if err := e.Parse(again, 2, first.Types(nil), nil, 0); err != nil {
		t.Fatal(err)
	}
	if out := e.Append(nil, 0); !bytes.Equal(out, p) {
		t.Errorf("is written %x, want it with types %x", out, p)
	}
}

func TestExecuteLongData(t *testing.T) {
	// The second came before, by COM_STMT_SEND_LONG_DATA: it has a type, no value.
	p := []byte("\x01\x00\x00\x00\x00\x01\x00\x00\x00" + "\x00" + "\x01" + "\x01\x00" + "\xfc\x00" + "\x02\x00" + "\x07" + "\x08\x00")
	var e Execute
	if err := e.Parse(p, 3, nil, func(i int) bool { return i == 1 }, 0); err != nil {
		t.Fatal(err)
	}
	if !e.Params[1].Long || e.Params[1].Null || len(e.Params[1].Value) != 0 {
		t.Errorf("%+v", e.Params[1])
	}
	if v, _, ok := e.Params[2].Integer(); !ok || v != 8 {
		t.Errorf("the one behind it is %d, %t", v, ok)
	}
	if out := e.Append(nil, 0); !bytes.Equal(out, p) {
		t.Errorf("comes out as %x", out)
	}
	if _, ok := e.Params[1].Bytes(); ok {
		t.Error("long data has no bytes here")
	}
}

func TestExecuteMalformed(t *testing.T) {
	head := "\x01\x00\x00\x00\x00\x01\x00\x00\x00"
	for name, test := range map[string]struct {
		p    string
		caps Capability
	}{
		"bytes behind the values":      {head + "\x00\x01\x01\x00\x07\x07", 0},
		"an unknown type":              {head + "\x00\x01\x64\x00\x07", 0},
		"undefined type bits":          {head + "\x00\x01\x01\x40\x07", 0},
		"a strange flag":               {head + "\x00\x02\x01\x00\x07", 0},
		"a count below the parameters": {head + "\x00\x00\x01\x01\x00\x07", ClientQueryAttributes},
		"a count without end":          {head + "\xfe\xff\xff\xff\xff\xff\xff\xff\xff", ClientQueryAttributes},
	} {
		var e Execute
		err := e.Parse([]byte(test.p), 1, []ParamType{{Type: TypeTiny}}, nil, test.caps)
		var malformed *MalformedError
		if !errors.As(err, &malformed) {
			t.Errorf("%s: %v", name, err)
		}
		if e.Params != nil {
			t.Errorf("%s: parameters are left", name)
		}
	}
}

func TestParamValues(t *testing.T) {
	type integer struct {
		v        uint64
		negative bool
		ok       bool
	}
	minus := func(v int64) integer { return integer{uint64(v), true, true} }
	for name, test := range map[string]struct {
		p    Param
		want integer
	}{
		"tiny":              {Param{Type: TypeTiny, Value: []byte{0xff}}, minus(-1)},
		"unsigned tiny":     {Param{Type: TypeTiny, Unsigned: true, Value: []byte{0xff}}, integer{255, false, true}},
		"short":             {Param{Type: TypeShort, Value: []byte{0, 0x80}}, minus(math.MinInt16)},
		"long":              {Param{Type: TypeLong, Value: []byte{1, 0, 0, 0}}, integer{1, false, true}},
		"negative":          {NewInt(math.MinInt64), minus(math.MinInt64)},
		"largest signed":    {NewInt(math.MaxInt64), integer{math.MaxInt64, false, true}},
		"largest unsigned":  {NewUint(math.MaxUint64), integer{math.MaxUint64, false, true}},
		"NULL":              {NewNull(), integer{}},
		"a typed NULL":      {Param{Type: TypeLong, Null: true}, integer{}},
		"a string":          {NewBytes([]byte("1")), integer{}},
		"of a wrong length": {Param{Type: TypeLong, Value: []byte{1}}, integer{}},
	} {
		v, negative, ok := test.p.Integer()
		if got := (integer{v, negative, ok}); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
	for name, test := range map[string]struct {
		p    Param
		want string
		ok   bool
	}{
		"a string":          {NewBytes([]byte("abc")), "abc", true},
		"an empty string":   {NewBytes(nil), "", true},
		"a decimal":         {Param{Type: TypeNewDecimal, Value: []byte("\x041.50")}, "1.50", true},
		"NULL":              {Param{Type: TypeVarString, Null: true}, "", false},
		"an integer":        {NewInt(1), "", false},
		"a date":            {Param{Type: TypeDate, Value: []byte{4, 0xe8, 7, 2, 29}}, "", false},
		"of a wrong length": {Param{Type: TypeString, Value: []byte("\x05abc")}, "", false},
	} {
		if got, ok := test.p.Bytes(); string(got) != test.want || ok != test.ok {
			t.Errorf("%s: %q, %t", name, got, ok)
		}
	}
}
