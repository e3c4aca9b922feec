package proxy

// handles are the prepared statements of a session by the id that the client
// knows. The zero value has none.
type handles struct {
	all  map[uint32]*statement
	near [16]*statement // those found or kept last, by the last bits of their ids: one place in memory, not a map's four or five
}

// find gives a statement, nil where there is none of that id.
func (h *handles) find(id uint32) *statement {
	near := &h.near[id%uint32(len(h.near))]
	if st := *near; st != nil && st.id == id {
		return st
	}
	st := h.all[id]
	if st != nil {
		*near = st
	}
	return st
}

func (h *handles) keep(st *statement) {
	if h.all == nil {
		h.all = map[uint32]*statement{}
	}
	h.all[st.id] = st
	h.near[st.id%uint32(len(h.near))] = st
}

func (h *handles) drop(st *statement) {
	delete(h.all, st.id)
	if near := &h.near[st.id%uint32(len(h.near))]; *near == st {
		*near = nil
	}
}

// clear drops all, and keeps the map.
func (h *handles) clear() {
	clear(h.all)
	clear(h.near[:])
}
