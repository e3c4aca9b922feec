package rewrite

import (
	"crypto/sha256"
	"sync"
)

// Fingerprint tells, in every process, a table with a form of key and token from
// every other: what was read of rows of one fingerprint can be compared.
type Fingerprint [12]byte

// forms is part of every fingerprint. It is to be raised when the same key or token
// gets other bytes (canon.go, form.go), or when what the ids are made of is written
// in another way.
const forms = "1 "

// identities are the numbers of tables, by what makes their tokens comparable. A
// process sees as many as its policy has had tables and ways to know their rows.
type identities struct {
	mu     sync.RWMutex
	byWhat map[string]uint32
	prints []Fingerprint // by number
	byID   map[Fingerprint]uint32
}

var ids = identities{byWhat: map[string]uint32{}, prints: make([]Fingerprint, 1), byID: map[Fingerprint]uint32{}}

// of gives the number of a table that is described by what.
func (i *identities) of(what string) uint32 {
	i.mu.Lock()
	defer i.mu.Unlock()
	id, ok := i.byWhat[what]
	if !ok {
		id = uint32(len(i.prints))
		sum := sha256.Sum256([]byte(forms + what))
		p := Fingerprint(sum[:])
		i.byWhat[what], i.byID[p] = id, id
		i.prints = append(i.prints, p)
	}
	return id
}

// FingerprintOf gives the fingerprint of the table that has a number in this
// process (Table.ID).
func FingerprintOf(id uint32) (Fingerprint, bool) {
	ids.mu.RLock()
	defer ids.mu.RUnlock()
	if id == 0 || int(id) >= len(ids.prints) {
		return Fingerprint{}, false
	}
	return ids.prints[id], true
}

// TableOf gives the number that the table of a fingerprint has in this process. ok
// is false where it has not been guarded, or not in this form.
func TableOf(p Fingerprint) (id uint32, ok bool) {
	ids.mu.RLock()
	defer ids.mu.RUnlock()
	id, ok = ids.byID[p]
	return id, ok
}
