package wire

import "sync"

const (
	// blockSize is the size of a Conn's read and write buffers in bytes. Servers
	// flush their own buffer at net_buffer_length, which is 16 KiB too.
	blockSize = 16 << 10
	// smallSize is that of a read buffer of which little is expected.
	smallSize = 4 << 10
)

// Conns borrow buffers only while bytes are in them.
var (
	blocks = sync.Pool{New: func() any { return new([blockSize]byte) }}
	smalls = sync.Pool{New: func() any { return new([smallSize]byte) }}
)

func getBlock() []byte { return blocks.Get().(*[blockSize]byte)[:] }
func getSmall() []byte { return smalls.Get().(*[smallSize]byte)[:] }

// putBlock gives back a buffer of getBlock or getSmall.
func putBlock(b []byte) {
	if len(b) == smallSize {
		smalls.Put((*[smallSize]byte)(b))
		return
	}
	blocks.Put((*[blockSize]byte)(b))
}

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
