package wire

import "sync"

// blockSize is the size of a Conn's read and write buffers in bytes. Servers
// flush their own buffer at net_buffer_length, which is 16 KiB too.
const blockSize = 16 << 10

// A block is one such buffer. Conns borrow blocks only while bytes are in them.
type block [blockSize]byte

var blocks = sync.Pool{New: func() any { return new(block) }}

// slice is b[i:j], also of a nil block, where both are 0.
func (b *block) slice(i, j int) []byte {
	if b == nil {
		return nil
	}
	return b[i:j]
}

func getBlock() *block  { return blocks.Get().(*block) }
func putBlock(b *block) { blocks.Put(b) }

// joinSizes are the capacities of pooled buffers for packets that must be held
// whole and do not fit a block. Larger ones are allocated and left to the
// garbage collector.
var joinSizes = [...]int{64 << 10, 256 << 10, 1 << 20}

var joinPools [len(joinSizes)]sync.Pool

// getJoin returns an empty buffer with a capacity of at least n bytes.
func getJoin(n int) *[]byte {
	for i, size := range joinSizes {
		if n > size {
			continue
		}
		if b, _ := joinPools[i].Get().(*[]byte); b != nil {
			return b
		}
		b := make([]byte, 0, size)
		return &b
	}
	b := make([]byte, 0, n)
	return &b
}

// putJoin gives a buffer of getJoin back.
func putJoin(b *[]byte) {
	for i, size := range joinSizes {
		if cap(*b) == size {
			*b = (*b)[:0]
			joinPools[i].Put(b)
			return
		}
	}
}

// growJoin returns a buffer with the content of b and at least twice the room,
// and gives b back. The growth follows the bytes that have arrived, so a header
// that claims 16 MiB costs nothing until they come.
func growJoin(b *[]byte) *[]byte {
	grown := getJoin(2 * cap(*b))
	*grown = append(*grown, *b...)
	putJoin(b)
	return grown
}
