package wire

import "encoding/binary"

// Flags of an execution.
const (
	CursorReadOnly  = 1 << 0
	CursorForUpdate = 1 << 1
	CursorScroll    = 1 << 2
	// ParamCountAvailable says, with ClientQueryAttributes, that the number of
	// parameters is in the packet even if the statement has none: there may be
	// attributes. If the statement has some the number is there with the flag and
	// without (seen on MySQL 9.7).
	ParamCountAvailable = 1 << 3
)

// maxParams is the most parameters that a statement can have: their number has
// two bytes in the answer to COM_STMT_PREPARE. Attributes are counted in.
const maxParams = 1<<16 - 1

// Execute is COM_STMT_EXECUTE after its command byte.
// Sources: "COM_STMT_EXECUTE"; parse_query_bind_params in protocol_classic.cc;
// setup_conversion_functions and insert_params in MariaDB's sql_prepare.cc.
type Execute struct {
	ID         uint32
	Flags      byte
	Iterations uint32  // always 1
	Params     []Param // as many as the statement has
	Attributes []Param // query attributes, with ClientQueryAttributes

	all []Param // both, for reuse
}

// Parse reads p, which begins after the command byte, into e and reuses its
// slices. Values point into p.
//
// nparams is the number of parameters that the statement has. types are those of
// its last execution, as Types gave them, nil if there was none: a client need
// not send them again; ErrParamTypes if it does not and they are missing. long
// tells which parameters came by COM_STMT_SEND_LONG_DATA, which leaves no value
// here; nil if none did.
func (e *Execute) Parse(p []byte, nparams int, types []ParamType, long func(i int) bool, caps Capability) error {
	const what = "COM_STMT_EXECUTE"
	r := cursor{p: p}
	e.ID, e.Flags, e.Iterations = r.u32(), r.u8(), r.u32()
	e.Params, e.Attributes = nil, nil
	if err := r.err(what); err != nil {
		return err
	}
	attributes := caps.Has(ClientQueryAttributes)
	if nparams == 0 && !(attributes && e.Flags&ParamCountAvailable != 0) {
		return nil
	}
	count := nparams
	if attributes {
		n := r.lenInt()
		if r.bad || n < uint64(nparams) || n > maxParams {
			return &MalformedError{What: what + " has a wrong number of parameters"}
		}
		count = int(n)
	}
	if count == 0 {
		return nil
	}
	nulls := r.bytes((count + 7) / 8)
	bound := r.u8()
	if err := r.err(what); err != nil {
		return err
	}
	if cap(e.all) < count {
		e.all = make([]Param, count)
	}
	all := e.all[:count]
	switch {
	case bound == 1:
		for i := range all {
			t := r.paramType()
			all[i] = Param{Type: t.Type, Unsigned: t.Unsigned}
			if attributes {
				all[i].Name = r.lenBytes()
			}
		}
	case bound != 0:
		r.fail()
	case len(types) < count:
		return ErrParamTypes
	default:
		for i := range all {
			all[i] = Param{Type: types[i].Type, Unsigned: types[i].Unsigned}
		}
	}
	for i := range all {
		all[i].Null = nullBit(nulls, i)
		switch {
		case i < nparams && long != nil && long(i):
			all[i].Long = true
		case !all[i].Null:
			all[i].Value, _ = r.binaryValue(all[i].Type)
		}
	}
	if len(r.p) > 0 {
		r.fail()
	}
	if err := r.err(what); err != nil {
		return err
	}
	e.Params, e.Attributes = all[:nparams:nparams], all[nparams:]
	return nil
}

// Types appends the types of all parameters and attributes to dst, for the Parse
// of the next execution.
func (e *Execute) Types(dst []ParamType) []ParamType {
	for _, params := range [2][]Param{e.Params, e.Attributes} {
		for _, p := range params {
			dst = append(dst, ParamType{Type: p.Type, Unsigned: p.Unsigned})
		}
	}
	return dst
}

// Append appends the execution to dst, without the command byte and always with
// types. Attributes are left out without ClientQueryAttributes; where there are
// some, ParamCountAvailable is set.
func (e *Execute) Append(dst []byte, caps Capability) []byte {
	attributes := caps.Has(ClientQueryAttributes)
	flags, params := e.Flags, [2][]Param{e.Params}
	if attributes {
		params[1] = e.Attributes
		if len(e.Attributes) > 0 {
			flags |= ParamCountAvailable
		}
	} else {
		flags &^= ParamCountAvailable
	}
	dst = binary.LittleEndian.AppendUint32(dst, e.ID)
	dst = append(dst, flags)
	dst = binary.LittleEndian.AppendUint32(dst, e.Iterations)
	count := len(params[0]) + len(params[1])
	if attributes && (count > 0 || flags&ParamCountAvailable != 0) {
		dst = AppendLenInt(dst, uint64(count))
	}
	if count == 0 {
		return dst
	}
	nulls := len(dst)
	for range (count + 7) / 8 {
		dst = append(dst, 0)
	}
	dst = append(dst, 1)
	i := 0
	for _, some := range params {
		for _, p := range some {
			if p.Null {
				dst[nulls+i/8] |= 1 << (i % 8)
			}
			i++
			dst = appendParamType(dst, p.Type, p.Unsigned)
			if attributes {
				dst = AppendLenBytes(dst, p.Name)
			}
		}
	}
	for _, some := range params {
		for _, p := range some {
			if !p.Null && !p.Long {
				dst = append(dst, p.Value...)
			}
		}
	}
	return dst
}
