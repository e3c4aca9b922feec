package wire

// ParseQuery splits COM_QUERY, after the command byte, into the query attributes
// and the text. With ClientQueryAttributes attrs is the raw block, to be put
// before the text of any query that takes the place of this one; without, it is
// empty. Both point into p. Source: "COM_QUERY".
func ParseQuery(p []byte, caps Capability) (attrs, sql []byte, err error) {
	if !caps.Has(ClientQueryAttributes) {
		return nil, p, nil
	}
	r := cursor{p: p}
	count := r.lenInt()
	sets := r.lenInt()
	if sets != 1 {
		r.fail()
	}
	if count > 0 && !r.bad {
		r.skipAttributes(count)
	}
	if err := r.err("query attributes"); err != nil {
		return nil, nil, err
	}
	n := len(p) - len(r.p)
	return p[:n:n], r.p, nil
}

// skipAttributes reads over count attributes: a bitmap of NULLs, a byte that
// says types follow, types and names, values.
func (r *cursor) skipAttributes(count uint64) {
	// Each takes two bytes and more, so this is no limit but keeps count sane.
	if count > uint64(len(r.p)) {
		r.fail()
		return
	}
	n := int(count)
	nulls := r.bytes((n + 7) / 8)
	if r.u8() != 1 {
		r.fail()
	}
	types := *r
	for range n {
		r.paramType()
		r.lenBytes()
	}
	for i := 0; i < n && !r.bad; i++ {
		t := types.paramType().Type
		types.lenBytes()
		if !nullBit(nulls, i) {
			r.binaryValue(t)
		}
	}
}
