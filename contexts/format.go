package contexts

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"

	"ifmatch/rewrite"
)

// A context is two keys of the server, PREFIX{NAME}r and PREFIX{NAME}t; the braces
// keep them in one slot of a cluster. NAME is a digest of account and name, so that
// neither is in the server. The first is a hash with a field for each row, the
// second a sorted set of the fields by the time of the read, of which the oldest go
// when there are too many.
//
// The field of a row is, in bytes:
//
//	0 fingerprint of the table, and of what its keys and tokens are
//	12 key
//
// and its value:
//
//	0 what is known: 1 the token, 0 nothing (see readset.Never)
//	1 time of the read by the server's clock, milliseconds since 1970, big endian
//	7 the one request that has read it, a random number; 0 for several, or a write
//	15 token
//
// Another format has another prefix, so that proxies of two versions share nothing
// rather than something that one of them misreads.
const (
	version = "1"

	timeLength  = 6
	byLength    = 8
	valueHeader = 1 + timeLength + byLength
)

// What is known of a row.
const (
	blotted byte = iota
	known
)

// maxRow bounds key and token of a row together, in bytes. Longer ones are not kept.
const maxRow = 4096

// request names a request, of any process.
type request [byLength]byte

// row is a row that a context has read.
type row struct {
	table rewrite.Fingerprint
	key   []byte
	known bool   // what was seen
	at    uint64 // milliseconds since 1970 by the server's clock
	by    request
	token []byte
}

// errRubbish says that what the server has is not of this package.
var errRubbish = errors.New("the server has something else under the key of a context")

// keysOf gives the keys of a context.
func keysOf(prefix, account, name string) (rows, times string) {
	h := sha256.New()
	h.Write(binary.AppendUvarint(nil, uint64(len(account))))
	h.Write([]byte(account))
	h.Write([]byte(name))
	base := prefix + version + ":{" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18]) + "}"
	return base + "r", base + "t"
}

// appendField appends the field of a row.
func appendField(b []byte, table rewrite.Fingerprint, key []byte) []byte {
	return append(append(b, table[:]...), key...)
}

// appendValue appends the value of a row, as the script makes it.
func (r *row) appendValue(b []byte) []byte {
	flag := blotted
	if r.known {
		flag = known
	}
	b = append(b, flag)
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], r.at)
	b = append(b, at[8-timeLength:]...)
	b = append(b, r.by[:]...)
	return append(b, r.token...)
}

// decode reads field and value of a row. It keeps both.
func (r *row) decode(field, value []byte) error {
	if len(field) < len(r.table) || len(value) < valueHeader || value[0] > known {
		return errRubbish
	}
	copy(r.table[:], field)
	r.key = field[len(r.table):]
	r.known = value[0] == known
	var at [8]byte
	copy(at[8-timeLength:], value[1:])
	r.at = binary.BigEndian.Uint64(at[:])
	copy(r.by[:], value[1+timeLength:])
	r.token = value[valueHeader:]
	if !r.known && len(r.token) > 0 {
		return errRubbish
	}
	return nil
}

// alone reports whether one request has read the row.
func (r *row) alone() bool { return !bytes.Equal(r.by[:], make([]byte, byLength)) }
