package integration

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// gauge gives a metric of the proxy that has no labels.
func (p *Proxy) gauge(t *testing.T, name string) int {
	t.Helper()
	for line := range strings.Lines(get(t, "http://"+p.Admin+"/metrics")) {
		if text, found := strings.CutPrefix(line, name+" "); found {
			n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// However sessions end, young or old, nothing of them is left while the proxy goes on:
// no descriptor, and no goroutine.
func TestNothingIsLeftOfSessions(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, byVersion)
		open := func() *raw {
			r := dial(t, p.Addr, shop, plainCaps)
			r.query("SELECT version FROM products WHERE id=100")
			return r
		}
		reset := func(r *raw) {
			r.c.NetConn().(*net.TCPConn).SetLinger(0)
			r.c.Close()
		}
		killer := s.Open(t, "")
		kill := func(r *raw) { must(t, killer, fmt.Sprint("KILL ", r.id)) }
		wait := func() { time.Sleep(120 * time.Millisecond) } // until peers are watched
		ways := []func(){
			func() { open().command(wire.ComQuit) },
			func() { open().c.Close() },
			func() { reset(open()) },
			func() { kill(open()) },
			func() {
				quits, closes, resets, dies := open(), open(), open(), open()
				busy, within, running := open(), open(), open()
				resets.query("BEGIN")
				resets.query("UPDATE products SET price=price+1 WHERE id=100")
				wait()
				quits.command(wire.ComQuit)
				closes.c.Close()
				reset(resets)
				kill(dies)
				busy.command(wire.ComQuery, []byte("SELECT SLEEP(0.01)"))
				busy.c.Close()
				io.WriteString(within.c.NetConn(), "\x64\x00\x00\x00\x03S")
				within.c.Close()
				running.command(wire.ComQuery, []byte("SELECT SLEEP(100)"))
				kill(running)
			},
			func() { nc, _ := greeted(t, p.Addr); nc.Close() },
			func() { nc, _ := greeted(t, p.Addr); io.WriteString(nc, "GET / HTTP/1.1\r\n\r\n") },
			func() {
				nc, err := net.Dial("tcp", p.Addr)
				if err != nil {
					t.Fatal(err)
				}
				nc.Close()
			},
		}
		var descriptors, goroutines int
		for round := range 4 {
			for _, end := range ways {
				end()
			}
			if !await(func() bool { return p.gauge(t, "ifmatch_sessions") == 0 }) {
				t.Fatalf("%d sessions are left", p.gauge(t, "ifmatch_sessions"))
			}
			if round == 0 {
				wait() // and until what looks at young sessions has come to rest
				descriptors, goroutines = p.gauge(t, "process_open_fds"), p.gauge(t, "go_goroutines")
			}
		}
		if !await(func() bool { return p.gauge(t, "process_open_fds") <= descriptors }) {
			t.Errorf("%d descriptors are open, %d after the first round", p.gauge(t, "process_open_fds"), descriptors)
		}
		if !await(func() bool { return p.gauge(t, "go_goroutines") <= goroutines }) {
			t.Errorf("there are %d goroutines, %d after the first round:\n%s", p.gauge(t, "go_goroutines"), goroutines,
				get(t, "http://"+p.Admin+"/debug/pprof/goroutine?debug=1"))
		}
	})
}
