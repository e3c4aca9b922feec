package proxy

import (
	"bytes"

	"ifmatch/wire"
)

// This file is about DELETE … RETURNING, which answers with the row that it has deleted.

// maxHead bounds what is held of an answer with rows until it is known whether there is
// one, in bytes: its column definitions.
const maxHead = maxAnswer

// writeReturning carries out a guarded DELETE … RETURNING of one row. That the answer has
// no row is known before the client sees any of it.
func (s *session) writeReturning(g *guarded) error {
	if g.once() {
		return s.refuse(g.plan.Table, "parameters", "DELETE … RETURNING with long parameters cannot be guarded")
	}
	s.build(g)
	for try := 1; ; try++ {
		if err := s.sendGuarded(g); err != nil {
			return err
		}
		head, met, failed, err := s.returningHead()
		if failed || err != nil {
			return err
		}
		if met || !g.plan.Needed(&s.binding) {
			return s.relayReturned(g, head, met)
		}
		ok, err := s.noRow()
		if err != nil {
			return err
		}
		if done, err := s.explain(g, ok, nil, try); done || err != nil {
			return err
		}
		s.srv.counters.retried.Add(1)
	}
}

// returningHead reads an answer with rows up to where the first of them would stand, and
// tells whether it does. failed is whether there was an error, which the client then has.
func (s *session) returningHead() (head [][]byte, met, failed bool, err error) {
	first, _, err := s.next()
	if err != nil {
		return nil, false, false, err
	}
	if first == wire.ERRHeader {
		return nil, false, true, s.failWrite()
	}
	p, err := s.payload()
	if err != nil {
		return nil, false, false, err
	}
	columns, size := wire.ReadLenInt(p)
	if size == 0 || columns == 0 {
		return nil, false, false, &backendError{&wire.MalformedError{What: "DELETE … RETURNING was answered without columns"}}
	}
	head, held := append(head, bytes.Clone(p)), 0
	for range columns {
		instead, err := s.nextDefinition()
		if err != nil {
			return nil, false, false, err
		}
		if instead {
			return nil, false, true, s.failWrite()
		}
		if p, err = s.payload(); err != nil {
			return nil, false, false, err
		}
		if held += len(p); held > maxHead {
			return nil, false, false, &backendError{&wire.TooLargeError{Size: held, Limit: maxHead}}
		}
		head = append(head, bytes.Clone(p))
	}
	if !s.caps.Has(wire.ClientDeprecateEOF) {
		if first, _, err = s.next(); err != nil {
			return nil, false, false, err
		}
		if first == wire.ERRHeader {
			return nil, false, true, s.failWrite()
		}
		eof, p, err := s.thisEOF()
		if err != nil {
			return nil, false, false, err
		}
		head = append(head, bytes.Clone(s.clientEOF(eof, p)))
	}
	first, n, err := s.next()
	if err != nil {
		return nil, false, false, err
	}
	if first == wire.ERRHeader {
		return nil, false, true, s.failWrite()
	}
	return head, !wire.EndsRows(first, n), false, nil
}

// relayReturned passes on an answer whose head was read.
func (s *session) relayReturned(g *guarded, head [][]byte, met bool) error {
	for _, p := range head {
		if err := s.client.WritePacket(p); err != nil {
			return err
		}
	}
	var a answer
	if _, err := s.relayToEnd(&a); err != nil {
		return err
	}
	s.failed = a.failed != nil
	if met && a.failed == nil {
		if err := s.renew(g, true); err != nil {
			return err
		}
	}
	return s.answered()
}

// noRow reads the end of an answer that has no row.
func (s *session) noRow() (*wire.OK, error) {
	p, err := s.payload()
	if err != nil {
		return nil, err
	}
	if s.caps.Has(wire.ClientDeprecateEOF) {
		ok, err := wire.ParseOK(bytes.Clone(p), s.caps)
		if err != nil {
			return nil, &backendError{err}
		}
		s.note(&ok)
		return &ok, nil
	}
	eof, err := wire.ParseEOF(p)
	if err != nil {
		return nil, &backendError{err}
	}
	s.noteStatus(eof.Status)
	return &wire.OK{Header: wire.EOFHeader, Status: eof.Status, Warnings: eof.Warnings}, nil
}
