package readset

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math"
	"slices"
)

// slab stores rows without a pointer in them: a set of ten thousand rows is
// three allocations, which the garbage collector does not look into.
//
// A row is an entry, named by its slot, and a block of bytes with its key and
// token. The index finds the slot by table and key. Entries in the index are
// linked by the time of their read. Entries outside it are the undo list's.
type slab struct {
	entries []entry  // entries[0] is no row: its older is the newest row, its newer the oldest
	index   []uint64 // open addressing, linear probing: hash<<32 | slot, 0 where empty
	blocks  []byte
	free    uint32 // slots to be taken again, linked by newer
	live    int    // rows in the index
	dead    int    // bytes of blocks that no row uses
}

// entry is a row but for its bytes.
type entry struct {
	at    int64 // nanoseconds since the set's epoch
	block uint32
	hash  uint32
	table uint32
	newer uint32
	older uint32
	undo  uint32 // 1 + place of the row's last record in the undo list, 0 for none
}

// A block is owner (4 bytes), length of the key (2), length of the token (2),
// key, token. The owner lets compact find the entry that points to it.
const (
	blockHeader = 8
	noBlock     = math.MaxUint32
	maxLength   = math.MaxUint16 // of a key, and of a token
)

// seed keeps clients from choosing keys that collide.
var seed = maphash.MakeSeed()

func hashOf(table uint32, key []byte) uint32 {
	h := maphash.Bytes(seed, key) ^ uint64(table)*0x9e3779b97f4a7c15
	return uint32(h) ^ uint32(h>>32)
}

// find gives the slot of an indexed row, 0 for none.
func (s *slab) find(hash, table uint32, key []byte) uint32 {
	if s.live == 0 {
		return 0
	}
	mask := uint32(len(s.index) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		x := s.index[i]
		if x == 0 {
			return 0
		}
		if slot := uint32(x); uint32(x>>32) == hash && s.entries[slot].table == table && bytes.Equal(s.key(slot), key) {
			return slot
		}
	}
}

func (s *slab) key(slot uint32) []byte {
	key, _ := s.bytes(slot)
	return key
}

func (s *slab) token(slot uint32) []byte {
	_, token := s.bytes(slot)
	return token
}

// bytes gives key and token of a row, valid until the slab next stores one.
func (s *slab) bytes(slot uint32) (key, token []byte) {
	b := s.blocks[s.entries[slot].block:]
	k := blockHeader + int(binary.LittleEndian.Uint16(b[4:]))
	t := k + int(binary.LittleEndian.Uint16(b[6:]))
	return b[blockHeader:k:k], b[k:t:t]
}

// size is what a block takes.
func (s *slab) size(block uint32) int {
	b := s.blocks[block : block+blockHeader]
	return blockHeader + int(binary.LittleEndian.Uint16(b[4:])) + int(binary.LittleEndian.Uint16(b[6:]))
}

// take gives a slot that is in neither index nor list. It may still have the
// block of its last row, counted as dead.
func (s *slab) take() uint32 {
	if slot := s.free; slot != 0 {
		s.free = s.entries[slot].newer
		return slot
	}
	if len(s.entries) == 0 {
		s.entries = append(s.entries, entry{block: noBlock})
	}
	s.entries = append(s.entries, entry{block: noBlock})
	return uint32(len(s.entries) - 1)
}

// fill makes a slot that take gave into a row outside index and list.
func (s *slab) fill(slot, hash, table uint32, key, token []byte, at int64) {
	e := &s.entries[slot]
	*e = entry{at: at, block: e.block, hash: hash, table: table, newer: slot, older: slot}
	n := blockHeader + len(key) + len(token)
	if e.block != noBlock && s.size(e.block) == n {
		s.dead -= n // rows of one kind take each other's places
	} else {
		e.block = noBlock
		s.reserve(n)
		e.block = uint32(len(s.blocks))
		s.blocks = s.blocks[:len(s.blocks)+n]
	}
	b := s.blocks[e.block:]
	binary.LittleEndian.PutUint32(b, slot)
	binary.LittleEndian.PutUint16(b[4:], uint16(len(key)))
	binary.LittleEndian.PutUint16(b[6:], uint16(len(token)))
	copy(b[blockHeader+copy(b[blockHeader:], key):], token)
}

// copyOf makes a copy of a row outside index and list.
func (s *slab) copyOf(slot uint32) uint32 {
	s.reserve(s.size(s.entries[slot].block)) // so that key and token stay where they are
	to := s.take()
	from := s.entries[slot]
	key, token := s.bytes(slot)
	s.fill(to, from.hash, from.table, key, token, from.at)
	return to
}

// retoken replaces the token of a row.
func (s *slab) retoken(slot uint32, token []byte) {
	old := s.token(slot)
	if len(old) == len(token) {
		copy(old, token)
		return
	}
	n := blockHeader + len(s.key(slot)) + len(token)
	s.reserve(n)
	e := &s.entries[slot]
	from := s.blocks[e.block:]
	k := blockHeader + len(s.key(slot))
	s.dead += s.size(e.block)
	e.block = uint32(len(s.blocks))
	s.blocks = s.blocks[:len(s.blocks)+n]
	b := s.blocks[e.block:]
	copy(b, from[:k])
	binary.LittleEndian.PutUint16(b[6:], uint16(len(token)))
	copy(b[k:], token)
}

// release gives a slot back that is in neither index nor list. Its key and
// token stay readable until the next row is stored.
func (s *slab) release(slot uint32) {
	e := &s.entries[slot]
	s.dead += s.size(e.block)
	e.newer, s.free = s.free, slot
}

// reserve makes room for n bytes of blocks behind the last one.
func (s *slab) reserve(n int) {
	if cap(s.blocks)-len(s.blocks) >= n {
		return
	}
	if s.dead >= len(s.blocks)/4 {
		s.compact()
	}
	s.blocks = slices.Grow(s.blocks, n)
}

// compact moves the blocks that are in use together. It costs as many steps as
// there are blocks, and is called when a quarter of the bytes is dead, so it
// costs each stored row a few steps.
func (s *slab) compact() {
	for f := s.free; f != 0; f = s.entries[f].newer {
		s.entries[f].block = noBlock
	}
	to := 0
	for from := 0; from < len(s.blocks); {
		n := s.size(uint32(from))
		owner := binary.LittleEndian.Uint32(s.blocks[from:])
		if e := &s.entries[owner]; e.block == uint32(from) {
			copy(s.blocks[to:], s.blocks[from:from+n])
			e.block = uint32(to)
			to += n
		}
		from += n
	}
	s.blocks = s.blocks[:to]
	s.dead = 0
}

// enter puts a row into the index, which must not have one of its key.
func (s *slab) enter(slot uint32) {
	if s.live >= len(s.index)/4*3 {
		old := s.index
		s.index = make([]uint64, max(8, 2*len(old)))
		for _, x := range old {
			if x != 0 {
				s.place(x)
			}
		}
	}
	s.live++
	s.place(uint64(s.entries[slot].hash)<<32 | uint64(slot))
}

func (s *slab) place(x uint64) {
	mask := uint32(len(s.index) - 1)
	i := uint32(x>>32) & mask
	for s.index[i] != 0 {
		i = (i + 1) & mask
	}
	s.index[i] = x
}

// leave takes a row out of the index. What collided with it moves up, so that
// the index has no marks of former rows.
func (s *slab) leave(slot uint32) {
	mask := uint32(len(s.index) - 1)
	i := s.entries[slot].hash & mask
	for uint32(s.index[i]) != slot {
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; s.index[j] != 0; j = (j + 1) & mask {
		if home := uint32(s.index[j]>>32) & mask; (j-home)&mask >= (j-i)&mask {
			s.index[i], i = s.index[j], j
		}
	}
	s.index[i] = 0
	s.live--
}

// link puts a row into the list, next to p on its newer side; p is 0 for the
// oldest place.
func (s *slab) link(slot, p uint32) {
	newer := s.entries[p].newer
	s.entries[slot].older, s.entries[slot].newer = p, newer
	s.entries[p].newer, s.entries[newer].older = slot, slot
}

// unlink takes a row out of the list. A row that is in none is its own
// neighbour.
func (s *slab) unlink(slot uint32) {
	e := &s.entries[slot]
	s.entries[e.newer].older, s.entries[e.older].newer = e.older, e.newer
	e.newer, e.older = slot, slot
}

func (s *slab) newest() uint32 { return s.entries[0].older }

func (s *slab) oldest() uint32 { return s.entries[0].newer }

// used is how many bytes the rows have in blocks.
func (s *slab) used() int { return len(s.blocks) - s.dead }
