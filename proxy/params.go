package proxy

import (
	"encoding/binary"
	"math"

	"ifmatch/rewrite"
	"ifmatch/wire"
)

// bindValues gives the values of the client's parameters as plans understand them.
func (s *session) bindValues(st *statement) {
	s.values = s.values[:0]
	for i, p := range s.exec.Params {
		if p.Long {
			s.values = append(s.values, st.long[i].asValue())
			continue
		}
		s.values = append(s.values, s.paramValue(p))
	}
}

// asValue gives a long parameter as plans understand it.
func (l *longParam) asValue() rewrite.Value {
	if l == nil {
		return rewrite.TextValue("")
	}
	if l.more {
		return rewrite.Value{Kind: rewrite.Opaque}
	}
	return rewrite.TextValue(string(l.value))
}

// paramValue gives a parameter as plans understand it.
func (s *session) paramValue(p wire.Param) rewrite.Value {
	if p.Null {
		return rewrite.Value{Kind: rewrite.Null}
	}
	if v, negative, ok := p.Integer(); ok {
		if negative {
			return rewrite.IntegerValue(int64(v))
		}
		return rewrite.UintValue(v)
	}
	if b, ok := p.Bytes(); ok {
		if p.Type == wire.TypeDecimal || p.Type == wire.TypeNewDecimal {
			return rewrite.DecimalValue(string(b))
		}
		return rewrite.TextValue(s.strings.Of(b))
	}
	if p.Type == wire.TypeDouble && len(p.Value) == 8 {
		// Clients without integers send whole numbers so. Below 2^53 a double is
		// as good as an integer.
		f := math.Float64frombits(binary.LittleEndian.Uint64(p.Value))
		if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return rewrite.IntegerValue(int64(f))
		}
	}
	return rewrite.Value{Kind: rewrite.Opaque, Text: "?"}
}

// backendParams gives the parameters of a guarded statement in the backend's
// order: the client's, and those of the guard.
func (s *session) backendParams(st *statement) []wire.Param {
	s.params, s.added = s.params[:0], s.added[:0]
	for _, a := range st.args {
		if a.Kind != rewrite.ArgClient {
			var p wire.Param
			p, s.added = valueParam(s.added, s.binding.Value(a))
			s.params = append(s.params, p)
			continue
		}
		p := s.exec.Params[a.Client]
		if a.Again && p.Long {
			// The backend has the long data for the first use only.
			p = longAgain(p.Type, st.long[a.Client])
		}
		s.params = append(s.params, p)
	}
	return s.params
}

// valueParams gives the parameters of a probe, which has no long data.
func (s *session) valueParams(st *statement, args []rewrite.Arg) []wire.Param {
	params := make([]wire.Param, len(args))
	for i, a := range args {
		switch {
		case a.Kind != rewrite.ArgClient:
			params[i], _ = valueParam(nil, s.binding.Value(a))
		case s.exec.Params[a.Client].Long:
			params[i] = wire.NewBytes(st.long[a.Client].bytes())
		default:
			params[i] = s.exec.Params[a.Client]
		}
	}
	return params
}

// longAgain gives a long parameter for a use beyond the first. Bytes stay bytes,
// which no character set converts.
func longAgain(t wire.FieldType, l *longParam) wire.Param {
	p := wire.NewBytes(l.bytes())
	switch t {
	case wire.TypeTinyBlob, wire.TypeMediumBlob, wire.TypeLongBlob, wire.TypeBlob:
		p.Type = t
	}
	return p
}

func (l *longParam) bytes() []byte {
	if l == nil {
		return nil
	}
	return l.value
}

// valueParam gives a value of ours as a parameter. Its bytes are appended to buf.
func valueParam(buf []byte, v rewrite.Value) (wire.Param, []byte) {
	start := len(buf)
	switch v.Kind {
	case rewrite.Integer:
		n := v.Abs
		if v.Neg {
			n = -n
		}
		buf = binary.LittleEndian.AppendUint64(buf, n)
		return wire.Param{Type: wire.TypeLongLong, Unsigned: !v.Neg, Value: buf[start:]}, buf
	case rewrite.Null, rewrite.NoValue:
		return wire.NewNull(), buf
	case rewrite.Bytes:
		buf = wire.AppendLenBytes(buf, v.Text)
		return wire.Param{Type: wire.TypeBlob, Value: buf[start:]}, buf
	}
	buf = wire.AppendLenBytes(buf, v.Text)
	return wire.Param{Type: wire.TypeVarString, Value: buf[start:]}, buf
}

func (st *statement) isLong(i int) bool {
	_, ok := st.long[i]
	return ok
}

// keepLong keeps the beginning of a long parameter, which may be a key.
func (st *statement) keepLong(param int, data []byte) {
	if st.long == nil {
		st.long = map[int]*longParam{}
	}
	l := st.long[param]
	if l == nil {
		l = &longParam{}
		st.long[param] = l
	}
	keep := min(len(data), maxLongKept-len(l.value))
	l.value = append(l.value, data[:keep]...)
	l.more = l.more || keep < len(data)
}

// backendParam gives the first place of the client's parameter among the
// backend's. used is false where it has none.
func (st *statement) backendParam(param int) (at int, used bool) {
	for i, a := range st.args {
		if a.Kind == rewrite.ArgClient && a.Client == param {
			return i, true
		}
	}
	return 0, false
}
