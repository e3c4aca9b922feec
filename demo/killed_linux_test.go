package main

import (
	"net"
	"testing"
	"time"
)

// A demo that is killed cannot end its proxy; the kernel does. To connect would
// disturb the proxy, so its end is seen by its addresses being free.
func TestKilled(t *testing.T) {
	p := newProgram(t, "demo", "--ifmatch", ifmatch, "--listen", "127.0.0.1:0")
	page := p.up(t)
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.Wait()
	deadline := time.Now().Add(within)
	for _, address := range anyAddress.FindAllString(page, -1) {
		for {
			ln, err := net.Listen("tcp", address)
			if err == nil {
				ln.Close()
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s is not free: %v", address, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}
