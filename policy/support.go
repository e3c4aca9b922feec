package policy

import "ifmatch/fault"

// unsupported is what the language has and this build does not do yet. A value
// of "" stands for the key whatever its value. What is built is deleted here.
var unsupported = []struct{ path, value string }{
}

// Observing gives the positions at which the policy says mode: observe.
func (p *Policy) Observing() []Position {
	var all []Position
	for _, m := range p.marks {
		if m.path == "mode" && m.value == observing {
			all = append(all, m.pos)
		}
	}
	return all
}

// observing is the word for ModeObserve.
var observing = ModeObserve.String()

// Unsupported lists what the policy says outright and this build does not do,
// with its positions: "not supported yet: …". Defaults that are not written are
// never in it. A policy for which it is not empty must not be served: it would
// promise what is not kept.
func (p *Policy) Unsupported() Faults {
	var list fault.List
	for _, m := range p.marks {
		for _, u := range unsupported {
			switch {
			case m.path != u.path:
			case u.value == "":
				list.Add(m.pos, "not supported yet: %s", m.path)
			case u.value == m.value:
				list.Add(m.pos, "not supported yet: %s: %s", m.path, m.value)
			}
		}
	}
	list.Sort()
	return list
}
