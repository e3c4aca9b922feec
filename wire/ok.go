package wire

import (
	"encoding/binary"
	"iter"
)

// First bytes of the packets that end a command or its rows.
const (
	OKHeader          = 0x00
	EOFHeader         = 0xfe
	ERRHeader         = 0xff
	LocalInfileHeader = 0xfb // the server asks for a file; its name is the rest
)

// OK is the packet of success. With ClientDeprecateEOF it also ends the rows,
// then with EOFHeader as its first byte.
// Sources: "OK_Packet", net_send_ok in both servers.
type OK struct {
	Header       byte
	AffectedRows uint64
	LastInsertID uint64
	Status       Status
	Warnings     uint16
	Info         []byte // as "Rows matched: 1  Changed: 1  Warnings: 0"
	State        []byte // the raw block of session state changes, see StateChanges
}

// ParseOK reads an OK packet. Info and State point into p. caps are the
// capabilities in force between the two.
//
// Info has its length before it, with ClientSessionTrack and without: the
// documentation says otherwise of the latter, the servers do so. Where what is
// there is no such string, all of it is taken, for the sake of other servers.
func ParseOK(p []byte, caps Capability) (OK, error) {
	r := cursor{p: p}
	ok := OK{Header: r.u8()}
	if ok.Header != OKHeader && ok.Header != EOFHeader {
		return OK{}, &MalformedError{What: "OK has a wrong first byte"}
	}
	ok.AffectedRows = r.lenInt()
	ok.LastInsertID = r.lenInt()
	switch {
	case caps.Has(ClientProtocol41):
		ok.Status = Status(r.u16())
		ok.Warnings = r.u16()
	case caps.Has(ClientTransactions):
		ok.Status = Status(r.u16())
	}
	switch {
	case r.bad || len(r.p) == 0:
	case caps.Has(ClientSessionTrack):
		ok.Info = r.lenBytes()
		if ok.Status.Has(StatusSessionStateChanged) && len(r.p) > 0 {
			ok.State = r.lenBytes()
		}
	default:
		if info, n := ReadLenBytes(r.p); n == len(r.p) {
			ok.Info = info
		} else {
			ok.Info = r.rest()
		}
	}
	if err := r.err("OK"); err != nil {
		return OK{}, err
	}
	return ok, nil
}

// Append appends the packet's payload to dst, as the servers write it for caps.
func (ok OK) Append(dst []byte, caps Capability) []byte {
	dst = append(dst, ok.Header)
	dst = AppendLenInt(dst, ok.AffectedRows)
	dst = AppendLenInt(dst, ok.LastInsertID)
	switch {
	case caps.Has(ClientProtocol41):
		dst = binary.LittleEndian.AppendUint16(dst, uint16(ok.Status))
		dst = binary.LittleEndian.AppendUint16(dst, ok.Warnings)
	case caps.Has(ClientTransactions):
		dst = binary.LittleEndian.AppendUint16(dst, uint16(ok.Status))
	}
	changed := caps.Has(ClientSessionTrack) && ok.Status.Has(StatusSessionStateChanged)
	if changed || len(ok.Info) > 0 {
		dst = AppendLenBytes(dst, ok.Info)
	}
	if changed {
		dst = AppendLenBytes(dst, ok.State)
	}
	return dst
}

// A StateType says what a StateChange is about.
// Source: enum_session_state_type in include/mysql_com.h.
type StateType byte

// The kinds of session state that servers report.
const (
	StateSystemVariable             StateType = iota // Name and Value
	StateSchema                                      // Value: the new default database
	StateChanged                                     // Value: "1"
	StateGTIDs                                       // Value: the GTIDs
	StateTransactionCharacteristics                  // Value: statements that would start the next transaction likewise
	StateTransaction                                 // Value: 8 letters, see "Session State: transaction state"
)

// A StateChange is one change of session state. Its parts point into the OK.
type StateChange struct {
	Type  StateType
	Name  []byte // of a system variable, else nil
	Value []byte // of an unknown type: the raw data
}

// StateChanges walks ok.State. A block that cannot be read yields an error and
// ends the walk.
func (ok OK) StateChanges() iter.Seq2[StateChange, error] {
	return func(yield func(StateChange, error) bool) {
		r := cursor{p: ok.State}
		for len(r.p) > 0 {
			typ := StateType(r.u8())
			data := cursor{p: r.lenBytes()}
			for first := true; first || len(data.p) > 0; first = false {
				change := StateChange{Type: typ}
				switch typ {
				case StateSystemVariable: // one or more pairs
					change.Name, change.Value = data.lenBytes(), data.lenBytes()
				case StateSchema, StateTransactionCharacteristics, StateTransaction:
					change.Value = data.lenBytes()
				case StateGTIDs:
					data.u8() // the encoding: 0, as text
					change.Value = data.lenBytes()
				default: // StateChanged has no second length, unlike its documentation
					change.Value = data.rest()
				}
				if r.bad || data.bad {
					yield(StateChange{}, &MalformedError{What: "session state change is cut short or has a wrong length"})
					return
				}
				if !yield(change, nil) {
					return
				}
			}
		}
	}
}
