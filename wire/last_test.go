package wire

import (
	"bytes"
	"io"
	"testing"
)

// The last word arrives whole, and then the end of the stream.
func TestCloseAfter(t *testing.T) {
	for name, ends := range transports {
		for _, size := range []int{1, blockSize - headerSize, 10 * blockSize} {
			t.Run(name, func(t *testing.T) {
				a, b := ends(t)
				word := bytes.Repeat([]byte("w"), size)
				closed := make(chan struct{})
				go func() {
					defer close(closed)
					a.WritePacket(word)
					a.FlushLate()
					if err := a.CloseAfter(); err != nil {
						t.Errorf("CloseAfter: %v", err)
					}
				}()
				within(t, "the reads", func() {
					if p, err := b.ReadPayload(unlimited); err != nil || !bytes.Equal(p, word) {
						t.Errorf("%d bytes, %v", len(p), err)
					}
					if _, _, err := b.Next(); err != io.EOF {
						t.Errorf("behind it: %v", err)
					}
					<-closed
				})
				if a.Close() == nil && name == "tcp" {
					t.Error("the connection was not closed")
				}
			})
		}
	}
}

// A peer that is gone does not keep the connection open.
func TestCloseAfterPeer(t *testing.T) {
	a, b := conns(t)
	b.Close()
	a.WritePacket([]byte("word"))
	a.CloseAfter()
	if a.NetConn().Close() == nil {
		t.Error("the connection was not closed")
	}
}
