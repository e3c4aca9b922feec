package readset

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"math"
	"slices"
)

// slab stores rows without a pointer in them: a set of ten thousand rows is two
// allocations, which the garbage collector does not look into.
//
// A row is a record, named by where it stands. The index finds it by table and key.
// So a row that is read again is two places in memory, one of the index and the
// record, which mostly are in no cache. Rows are in no order: only from when one has
// had to go is there a queue of them.
type slab struct {
	index   []uint64    // open addressing, linear probing: hash<<32 | row, 0 where empty
	records []byte      // each of a multiple of 8 bytes; row 1 is the first, row 2 would be 8 bytes behind
	free    [16]uint32  // records that may be taken again, by their size, linked by link
	live    int         // rows in the index
	dead    int         // bytes of records that are no rows
	queued  bool        // whether queue is kept: from when a row had to go
	queue   []candidate // all rows by the time of their read, and what they were before
	next    int         // place in queue
}

// candidate is a row that is to go when it is the oldest, unless it has been read since.
type candidate struct {
	at   int64
	row  uint32
	hash uint32
}

// A record is, in bytes:
//
//	0 at, nanoseconds since the set's epoch
//	8 table
//	12 link: of a row in the index 1 + place of its last record in the undo list, 0
//	   for none; of a shadow 1 + its own place there; of a free record the next one
//	16 length of the key
//	18 length of the token
//	20 state
//	21 key, token, and up to 7 bytes that nobody uses
const (
	recordHeader = 21
	recordUnit   = 8
	maxLength    = math.MaxUint16 // of a key, and of a token
)

// States of a record.
const (
	unused  byte = iota
	indexed      // a row
	shadow       // what a row was: the undo list's
)

// seed keeps clients from choosing keys that collide.
var seed = maphash.MakeSeed()

// hashOf puts keys that differ in the last two bits only beside one another, in one
// line of a cache, which has room for as many others: rows are often read in the order
// of their keys, which are numbers. Who chooses keys can have no more than these four
// in one place, as all the other bits are hashed.
func hashOf(table uint32, key []byte) uint32 {
	var last byte
	if n := len(key) - 1; n >= 0 {
		key, last = key[:n], key[n]
	}
	h := maphash.Bytes(seed, key) + uint64(table)*0x9e3779b97f4a7c15 + uint64(last>>2)*0xd6e8feb86659fd93
	return (uint32(h)^uint32(h>>32))&^7 | uint32(last&3)
}

// sizeOf is what a record takes.
func sizeOf(key, token int) int {
	return (recordHeader + key + token + recordUnit - 1) &^ (recordUnit - 1)
}

// raw gives the bytes of a record and of all behind it.
func (s *slab) raw(row uint32) []byte { return s.records[int(row-1)*recordUnit:] }

// find gives an indexed row, 0 for none.
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
		if uint32(x>>32) != hash {
			continue
		}
		b := s.raw(uint32(x))
		n := int(binary.LittleEndian.Uint16(b[16:]))
		if n == len(key) && binary.LittleEndian.Uint32(b[8:]) == table && bytes.Equal(b[recordHeader:recordHeader+n], key) {
			return uint32(x)
		}
	}
}

func (s *slab) key(row uint32) []byte {
	key, _ := s.bytes(row)
	return key
}

func (s *slab) token(row uint32) []byte {
	_, token := s.bytes(row)
	return token
}

// bytes gives key and token of a row, valid until the slab next stores one.
func (s *slab) bytes(row uint32) (key, token []byte) {
	b := s.raw(row)
	k := recordHeader + int(binary.LittleEndian.Uint16(b[16:]))
	t := k + int(binary.LittleEndian.Uint16(b[18:]))
	return b[recordHeader:k:k], b[k:t:t]
}

func (s *slab) size(row uint32) int {
	b := s.raw(row)
	return sizeOf(int(binary.LittleEndian.Uint16(b[16:])), int(binary.LittleEndian.Uint16(b[18:])))
}

func (s *slab) at(row uint32) int64     { return int64(binary.LittleEndian.Uint64(s.raw(row))) }
func (s *slab) table(row uint32) uint32 { return binary.LittleEndian.Uint32(s.raw(row)[8:]) }
func (s *slab) link(row uint32) uint32  { return binary.LittleEndian.Uint32(s.raw(row)[12:]) }
func (s *slab) state(row uint32) byte   { return s.raw(row)[20] }

func (s *slab) setLink(row, link uint32) { binary.LittleEndian.PutUint32(s.raw(row)[12:], link) }
func (s *slab) setState(row uint32, state byte) {
	s.raw(row)[20] = state
}

// fits reports whether n bytes of records can be added without moving any.
func (s *slab) fits(n int) bool { return cap(s.records)-len(s.records) >= n }

// add makes a record. There must be room for it.
func (s *slab) add(state byte, table, link uint32, key, token []byte, at int64) uint32 {
	n := sizeOf(len(key), len(token))
	row := s.take(n)
	b := s.raw(row)[:n]
	binary.LittleEndian.PutUint64(b, uint64(at))
	binary.LittleEndian.PutUint32(b[8:], table)
	binary.LittleEndian.PutUint32(b[12:], link)
	binary.LittleEndian.PutUint16(b[16:], uint16(len(key)))
	binary.LittleEndian.PutUint16(b[18:], uint16(len(token)))
	b[20] = state
	copy(b[recordHeader+copy(b[recordHeader:], key):], token)
	return row
}

// take gives a record of n bytes: a free one where there is one, so that rows of
// one kind take each other's places.
func (s *slab) take(n int) uint32 {
	list := &s.free[n/recordUnit%len(s.free)]
	if row := *list; row != 0 && s.size(row) == n {
		*list = s.link(row)
		s.dead -= n
		return row
	}
	row := uint32(len(s.records)/recordUnit) + 1
	s.records = s.records[:len(s.records)+n]
	return row
}

// release gives a record back that is not in the index. Its key and token stay
// readable until the next row is stored.
func (s *slab) release(row uint32) {
	n := s.size(row)
	list := &s.free[n/recordUnit%len(s.free)]
	s.setState(row, unused)
	s.setLink(row, *list)
	*list = row
	s.dead += n
}

// renew gives a row another token and time, and gives the row, which may be another
// record. There must be room for it.
func (s *slab) renew(row, hash uint32, token []byte, at int64) uint32 {
	b := s.raw(row)
	k, t := int(binary.LittleEndian.Uint16(b[16:])), int(binary.LittleEndian.Uint16(b[18:]))
	if sizeOf(k, t) == sizeOf(k, len(token)) {
		binary.LittleEndian.PutUint64(b, uint64(at))
		binary.LittleEndian.PutUint16(b[18:], uint16(len(token)))
		copy(b[recordHeader+k:], token)
		return row
	}
	to := s.add(indexed, s.table(row), s.link(row), b[recordHeader:recordHeader+k], token, at)
	s.index[s.place(row, hash)] = uint64(hash)<<32 | uint64(to)
	s.release(row)
	return to
}

// compact moves the records that are in use together, and tells of shadows where
// they are now. It costs as many steps as there are records, and is called when a
// quarter of the bytes is dead, so it costs each stored row a few steps.
func (s *slab) compact(moved func(link, row uint32)) {
	clear(s.index)
	clear(s.free[:])
	s.unqueue()
	to := 0
	for from := 0; from < len(s.records); {
		row := uint32(from/recordUnit) + 1
		n := s.size(row)
		if state := s.state(row); state != unused {
			copy(s.records[to:], s.records[from:from+n])
			now := uint32(to/recordUnit) + 1
			if state == shadow {
				moved(s.link(now), now)
			} else {
				s.point(hashOf(s.table(now), s.key(now)), now)
			}
			to += n
		}
		from += n
	}
	s.records = s.records[:to]
	s.dead = 0
}

// enter puts a row into the index, which must not have one of its key.
func (s *slab) enter(row, hash uint32) {
	if s.live >= len(s.index)/4*3 {
		old := s.index
		s.index = make([]uint64, max(8, 2*len(old)))
		for _, x := range old {
			if x != 0 {
				s.point(uint32(x>>32), uint32(x))
			}
		}
	}
	s.live++
	s.point(hash, row)
}

// point makes the index point to a row.
func (s *slab) point(hash, row uint32) {
	mask := uint32(len(s.index) - 1)
	i := hash & mask
	for s.index[i] != 0 {
		i = (i + 1) & mask
	}
	s.index[i] = uint64(hash)<<32 | uint64(row)
}

// place gives where in the index a row is.
func (s *slab) place(row, hash uint32) uint32 {
	mask := uint32(len(s.index) - 1)
	i := hash & mask
	for uint32(s.index[i]) != row {
		i = (i + 1) & mask
	}
	return i
}

// leave takes a row out of the index. What collided with it moves up, so that
// the index has no marks of former rows.
func (s *slab) leave(row, hash uint32) {
	mask := uint32(len(s.index) - 1)
	i := s.place(row, hash)
	for j := (i + 1) & mask; s.index[j] != 0; j = (j + 1) & mask {
		if home := uint32(s.index[j]>>32) & mask; (j-home)&mask >= (j-i)&mask {
			s.index[i], i = s.index[j], j
		}
	}
	s.index[i] = 0
	s.live--
}

// used is how many bytes the records have that are in use.
func (s *slab) used() int { return len(s.records) - s.dead }

// rows gives all indexed rows.
func (s *slab) rows(yield func(row uint32)) {
	for from := 0; from < len(s.records); {
		row := uint32(from/recordUnit) + 1
		if s.state(row) == indexed {
			yield(row)
		}
		from += s.size(row)
	}
}

// newestFirst gives all indexed rows, sorted.
func (s *slab) newestFirst() []candidate {
	all := make([]candidate, 0, s.live)
	s.rows(func(row uint32) { all = append(all, candidate{at: s.at(row), row: row}) })
	slices.SortFunc(all, func(a, b candidate) int { return b.compare(a) })
	return all
}

func (c candidate) compare(d candidate) int {
	return cmp.Or(cmp.Compare(c.at, d.at), cmp.Compare(c.row, d.row))
}

// oldest gives the row that was read first, other than one. There must be such.
func (s *slab) oldest(other uint32) (row, hash uint32) {
	var kept candidate // other, taken out of the queue
	for {
		for s.next < len(s.queue) {
			c := s.queue[s.next]
			s.next++
			switch {
			case s.state(c.row) != indexed || s.at(c.row) != c.at: // it was read again, or is unread
			case c.row == other:
				kept = c
			default:
				if kept.row != 0 {
					s.came(kept.row, kept.hash, kept.at)
				}
				return c.row, c.hash
			}
		}
		s.enqueue()
	}
}

// enqueue makes the queue anew.
func (s *slab) enqueue() {
	s.queued, s.queue, s.next = true, s.queue[:0], 0
	if cap(s.queue) < s.live {
		s.queue = make([]candidate, 0, s.live+s.live/2)
	}
	s.rows(func(row uint32) {
		s.queue = append(s.queue, candidate{s.at(row), row, hashOf(s.table(row), s.key(row))})
	})
	slices.SortFunc(s.queue, candidate.compare)
}

// unqueue drops the queue, and keeps its memory.
func (s *slab) unqueue() { s.queued, s.queue, s.next = false, s.queue[:0], 0 }

// came notes that a row has come into the index, or has another time. Where nothing
// has had to go for so long that the queue is mostly of former reads, it is dropped.
func (s *slab) came(row, hash uint32, at int64) {
	if !s.queued {
		return
	}
	if len(s.queue) == cap(s.queue) {
		if s.next < len(s.queue)/4 {
			s.unqueue()
			return
		}
		s.queue, s.next = append(s.queue[:0], s.queue[s.next:]...), 0
	}
	c := candidate{at, row, hash}
	if n := len(s.queue); n == s.next || s.queue[n-1].at <= at {
		s.queue = append(s.queue, c)
		return
	}
	i, _ := slices.BinarySearchFunc(s.queue[s.next:], c, candidate.compare)
	s.queue = slices.Insert(s.queue, s.next+i, c)
}
