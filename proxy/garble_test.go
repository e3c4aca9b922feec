package proxy

import (
	"bytes"
	"sync"
	"testing"
	"time"
)

// Either side of a conversation goes silent at each byte of its stream, or sends
// another byte there. Whatever comes of it, that session ends when its client
// does, nobody else notices, and nothing is left.
func TestStallAndGarbleAtEveryByte(t *testing.T) {
	const atOnce = 24
	b := newBench(t)
	defer b.close()
	defer b.discreet()
	b.srv.handshake = 2 * time.Second // a backend that does not greet cannot be told from a slow one
	bystander := b.open()
	defer bystander.Close()
	undisturbed, err := bystander.query("SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	var sent, got bytes.Buffer
	b.backend.record.Store(&got)
	c := b.dial(nil, &sent)
	if err := conversation(c); err != nil {
		t.Fatalf("undamaged: %v\n%s", err, b.logs)
	}
	c.Close()
	b.ended(1)

	// A backend's damage belongs to the connection that is made next.
	var dialing sync.Mutex
	fromClient := func(d *damage) *client { return b.dial(d, nil) }
	fromBackend := func(d *damage) *client {
		dialing.Lock()
		defer dialing.Unlock()
		b.backend.damage.Store(d)
		c := b.dial(nil, nil)
		for deadline := time.Now().Add(long); b.backend.damage.Load() != nil && time.Now().Before(deadline); {
			time.Sleep(50 * time.Microsecond)
		}
		return c
	}
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	try := func(dial func(*damage) *client, d damage) {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			c := dial(&d)
			defer c.Close()
			c.silent = 20 * time.Millisecond
			conversation(c)
			c.abort()
		})
	}
	for _, side := range []struct {
		name   string
		stream []byte
		dial   func(*damage) *client
	}{{"client", sent.Bytes(), fromClient}, {"backend", got.Bytes(), fromBackend}} {
		for i, was := range side.stream {
			try(side.dial, damage{at: i, stall: true})
			try(side.dial, damage{at: i, patch: []byte{was ^ 0x55}})
		}
		wg.Wait()
		b.ended(1)
		b.sound()
		if text, err := bystander.query("SELECT 1"); err != nil || text != undisturbed {
			t.Fatalf("%s: the other session answers %q, %v", side.name, text, err)
		}
		t.Logf("%s: %d bytes", side.name, len(side.stream))
	}
}
