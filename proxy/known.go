package proxy

import (
	"bytes"

	"ifmatch/rewrite"
	"ifmatch/wire"
)

// columns are those of an answer whose rows are remembered: where keys and tokens
// are, and how they are read.
type columns struct {
	layout rewrite.Layout
	types  []wire.FieldType
	infos  []columnInfo
}

// knownAnswer is the beginning of an answer to a statement: number and definitions of
// its columns, as servers have sent them before. The same bytes mean the same, so
// they are not read again. It is immutable, and shared by all sessions.
type knownAnswer struct {
	server   []byte // packets with their headers
	client   []byte // the same, without the hidden columns
	columns  columns
	keep     int  // columns that the client sees
	extended bool // they have MariaDB's extended metadata
}

// What is known of the answers to a plan is bounded. There is more than one where
// clients have different character sets.
const (
	maxKnown      = 2
	maxKnownBytes = 2 << 10
)

// knownAnswers are those to one plan.
type knownAnswers struct{ all []*knownAnswer }

// answersTo gives what is known of the answers to a plan.
func answersTo(c *rewrite.Capture) *knownAnswers {
	known, _ := c.Known.Load().(*knownAnswers)
	return known
}

// known finds the beginning of the answer that has come among those that are known,
// and passes it on. The first packet of the answer is current.
func (s *session) known(c *rewrite.Capture) (*knownAnswer, error) {
	known := answersTo(c)
	if known == nil || s.client.Seq() != 1 {
		return nil, nil
	}
	extended := s.caps.Has(wire.MariaDBExtendedMetadata)
	for _, k := range known.all {
		if k.extended != extended {
			continue
		}
		same, err := s.backend.SkipSame(k.server, 1+len(k.columns.types))
		if err != nil {
			return nil, &backendError{err}
		}
		if same {
			return k, s.client.WriteFramed(k.client, 1+k.keep)
		}
	}
	return nil, nil
}

// learnAnswer begins to take down the beginning of an answer, unless enough is known
// of the statement. It gives nil then.
func (s *session) learnAnswer(c *rewrite.Capture, columns int) *knownAnswer {
	if known := answersTo(c); known != nil && len(known.all) >= maxKnown || columns > maxKnownBytes/16 {
		return nil
	}
	k := &knownAnswer{keep: columns - c.Hidden, extended: s.caps.Has(wire.MariaDBExtendedMetadata)}
	k.server = appendPacket(k.server, 1, wire.AppendLenInt(nil, uint64(columns)))
	k.client = appendPacket(k.client, 1, wire.AppendLenInt(nil, uint64(k.keep)))
	return k
}

// definition takes down the definition of column i. It gives nil where there is too
// much of it.
func (k *knownAnswer) definition(i int, p []byte) *knownAnswer {
	if k == nil || len(k.server)+len(p) > maxKnownBytes {
		return nil
	}
	k.server = appendPacket(k.server, byte(2+i), p)
	if i < k.keep {
		k.client = appendPacket(k.client, byte(2+i), p)
	}
	return k
}

// publish lets all sessions know an answer whose columns were read.
func (k *knownAnswer) publish(c *rewrite.Capture, read *columns) {
	if k == nil {
		return
	}
	k.columns = columns{read.layout.Clone(), append([]wire.FieldType(nil), read.types...), append([]columnInfo(nil), read.infos...)}
	was, now := answersTo(c), &knownAnswers{}
	if was == nil {
		now.all = []*knownAnswer{k}
		c.Known.CompareAndSwap(nil, now)
		return
	}
	for _, other := range was.all {
		if other.extended == k.extended && bytes.Equal(other.server, k.server) {
			return // it was one of several results, and not looked for
		}
	}
	// Where another session has been faster this one is found another time.
	now.all = append(append(now.all, was.all...), k)
	c.Known.CompareAndSwap(was, now)
}

// appendPacket appends a packet as it is sent.
func appendPacket(dst []byte, seq byte, p []byte) []byte {
	return append(append(dst, byte(len(p)), byte(len(p)>>8), byte(len(p)>>16), seq), p...)
}
