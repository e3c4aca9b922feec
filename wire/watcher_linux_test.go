package wire

import (
	"sync"
	"testing"
	"time"
)

func TestWatcher(t *testing.T) {
	w, err := NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	watch := func(t *testing.T, c *Conn) (called chan struct{}, stop func()) {
		t.Helper()
		called = make(chan struct{}, 10)
		stop, err := w.Watch(c, func() { called <- struct{}{} })
		if err != nil {
			t.Fatal(err)
		}
		return called, stop
	}
	for _, name := range []string{"tcp", "unix", "tls over tcp"} {
		t.Run(name+": a peer that hangs up", func(t *testing.T) {
			a, b := transports[name](t)
			called, stop := watch(t, a)
			defer stop()
			b.WritePacket([]byte("last words"))
			b.Flush()
			select {
			case <-called:
				t.Error("called though the peer is there")
			case <-time.After(20 * time.Millisecond):
			}
			b.Close()
			within(t, "the call", func() { <-called })
			if p, err := a.ReadPayload(100); string(p) != "last words" {
				t.Errorf("the Watcher took what was to be read: %q, %v", p, err)
			}
		})
	}
	t.Run("a peer that has hung up before", func(t *testing.T) {
		a, b := conns(t)
		b.Close()
		called, stop := watch(t, a)
		defer stop()
		within(t, "the call", func() { <-called })
	})
	t.Run("not after stop", func(t *testing.T) {
		a, b := conns(t)
		called, stop := watch(t, a)
		stop()
		stop()
		b.Close()
		other, ob := conns(t) // its call comes after any for a would have
		second, stop := watch(t, other)
		defer stop()
		ob.Close()
		within(t, "the other call", func() { <-second })
		if len(called) != 0 {
			t.Error("called after stop")
		}
	})
	t.Run("descriptors that are closed and used again", func(t *testing.T) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 50 {
					x, y := pair(t)
					a := NewConn(x)
					stop, err := w.Watch(a, func() { a.Close() })
					if err != nil {
						t.Error(err)
						return
					}
					go y.Close()
					a.Next()
					a.Close()
					stop()
				}
			})
		}
		within(t, "the churn", wg.Wait)
		w.poll.mu.Lock()
		defer w.poll.mu.Unlock()
		if n := len(w.poll.waiting); n != 0 {
			t.Errorf("%d watches are left", n)
		}
	})
	t.Run("other connections are not watched", func(t *testing.T) {
		a, _ := transports["pipe"](t)
		_, stop := watch(t, a)
		stop()
	})
	t.Run("closed", func(t *testing.T) {
		w, err := NewWatcher()
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		a, _ := conns(t)
		if _, err := w.Watch(a, func() {}); err == nil {
			t.Error("a closed Watcher watches")
		}
	})
}
