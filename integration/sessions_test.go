package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"ifmatch/integration/racing"
	"ifmatch/integration/server"
	"ifmatch/wire"
)

// greeted connects and reads the first packet, that of the server or an error.
func greeted(t *testing.T, addr string) (net.Conn, []byte) {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	p, err := wire.NewConn(nc).ReadPayload(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	return nc, p
}

// However a session ends, and whether or not it had begun, its place is free again.
func TestMaxSessionsCountsWhatIsThere(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		p := start(t, s, "tables: {}", "--max-sessions", "1")
		// The server's own form: code and text, and no SQLSTATE before capabilities are known.
		const full = "\xff\x10\x04ifmatch: Too many connections (--max-sessions)"
		for _, c := range []struct {
			name string
			come func() (leave func())
		}{
			{"quits", func() func() {
				r := dial(t, p.Addr, "", plainCaps)
				return func() { r.command(wire.ComQuit) }
			}},
			{"hangs up", func() func() {
				r := dial(t, p.Addr, "", plainCaps)
				return func() { r.c.Close() }
			}},
			{"resets the connection in a transaction", func() func() {
				r := dial(t, p.Addr, "", plainCaps)
				r.query("BEGIN")
				return func() {
					r.c.NetConn().(*net.TCPConn).SetLinger(0)
					r.c.Close()
				}
			}},
			{"is killed", func() func() {
				r := dial(t, p.Addr, "", plainCaps)
				return func() { execute(t, session(t, s, "root", "", ""), fmt.Sprint("KILL ", r.id)) }
			}},
			{"hangs up before it answers", func() func() {
				nc, _ := greeted(t, p.Addr)
				return func() { nc.Close() }
			}},
			{"hangs up within its answer", func() func() {
				nc, _ := greeted(t, p.Addr)
				nc.Write([]byte{100, 0, 0, 1, 5, 5})
				return func() { nc.Close() }
			}},
			{"sends rubbish", func() func() {
				nc, _ := greeted(t, p.Addr)
				return func() { io.WriteString(nc, "GET / HTTP/1.1\r\n\r\n") }
			}},
			{"is refused by the server", func() func() {
				return func() {
					if _, refused := (credentials{user: "nobody", password: secret}).login(t, p.Addr, plainCaps); refused == nil {
						t.Error("let in")
					}
				}
			}},
		} {
			t.Run(c.name, func(t *testing.T) {
				if leave := c.come(); c.name == "is refused by the server" {
					leave()
				} else {
					nc, second := greeted(t, p.Addr)
					if string(second) != full {
						t.Errorf("the second is answered %q, want %q", second, full)
					}
					if rest, err := io.ReadAll(nc); len(rest) != 0 || err != nil {
						t.Errorf("and then %q, %v", rest, err)
					}
					leave()
				}
				if !await(func() bool {
					nc, first := greeted(t, p.Addr)
					defer nc.Close()
					return first[0] != wire.ERRHeader
				}) {
					t.Fatal("its place is not free again")
				}
				if !await(func() bool { return contains(get(t, "http://"+p.Admin+"/metrics"), "ifmatch_sessions 0") }) {
					t.Fatal("a session is left")
				}
			})
		}
	})
}

// A server that closes an idle session is heard as without the proxy.
func TestServerEndsAnIdleSession(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		p := start(t, s, "tables: {}")
		heard := func(addr string) string {
			r := dial(t, addr, "", plainCaps)
			r.query("SET SESSION wait_timeout = 1")
			r.c.ResetSeq() // nobody has asked
			if p, err := r.c.ReadPayload(1 << 20); err == nil {
				return fmt.Sprintf("%q", p)
			}
			return "the end"
		}
		if direct, got := heard(s.Addr), heard(p.Addr); got != direct {
			t.Errorf("the client hears %s, directly %s", got, direct)
		}
	})
}

// A client that reads nothing slows the server down: what the proxy holds of its
// answer is bounded, and nobody else notices.
func TestSlowReader(t *testing.T) {
	const most = 40 << 20
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, another, guardOfAnother)
		db := session(t, s, "root", shop, "")
		execute(t, db, "INSERT INTO t(id) VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)")
		const rows, width = 1000, 80_000 // 80 MB
		var slow []*raw
		for _, captured := range []string{"0", "a.id"} {
			r := dial(t, p.Addr, shop, plainCaps)
			r.command(wire.ComQuery, fmt.Appendf(nil, "SELECT %s, REPEAT('x', %d) FROM t a, t b, t c", captured, width))
			slow = append(slow, r)
		}
		if !await(func() bool { return strings.Count(processes(t, s), "REPEAT") == 2 }) {
			t.Fatal("the statements do not run")
		}
		app := session(t, p.server(s), "root", shop, "")
		for range 200 {
			if wrong := gives("1")(run(app, "SELECT 1", shop)); wrong != "" {
				t.Fatal(wrong)
			}
		}
		if n := strings.Count(processes(t, s), "REPEAT"); n != 2 {
			t.Errorf("the server has ended %d of 2 statements whose answer nobody reads", 2-n)
		}
		if rss := p.resident(t); rss > most && !racing.Wanted() {
			t.Errorf("the proxy has had %d MiB, more than %d", rss>>20, most>>20)
		}
		for _, r := range slow {
			if n := len(r.answer()); n != rows+5 {
				t.Errorf("%d packets of the answer arrive in the end", n)
			}
		}
	})
}

// When the time of a drain is over, transactions are rolled back and those who
// wait are told.
func TestDrainIsOver(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products, byVersion, "--drain", "1s")
		idle, running := dial(t, p.Addr, shop, plainCaps), dial(t, p.Addr, shop, plainCaps)
		silent, deaf := dial(t, p.Addr, shop, plainCaps), dial(t, p.Addr, shop, plainCaps)
		idle.query("BEGIN")
		idle.query("UPDATE products SET price=1 WHERE id=100")
		running.command(wire.ComQuery, []byte("SELECT SLEEP(100)"))
		deaf.command(wire.ComQuery, []byte("SELECT REPEAT('x', 50000000)")) // and reads nothing
		silent.query("BEGIN")
		silent.c.NetConn().Write([]byte{100, 0, 0, 0, 3, 'S'}) // and nothing more
		if !await(func() bool { return strings.Contains(processes(t, s), "SLEEP(100)") }) {
			t.Fatal("the statement does not run")
		}
		if text := get(t, "http://"+p.Admin+"/readyz"); !strings.Contains(text, "ready") {
			t.Errorf("before: %s", text)
		}
		p.cmd.Process.Signal(syscall.SIGTERM)
		if !await(func() bool {
			answer, err := http.Get("http://" + p.Admin + "/readyz")
			if err != nil {
				return false
			}
			answer.Body.Close()
			return answer.StatusCode == http.StatusServiceUnavailable
		}) {
			t.Error("it says that it is ready while it drains")
		}
		idle.c.ResetSeq() // nobody has asked
		for _, c := range []struct {
			r    *raw
			want string
		}{
			{idle, "\xff\x1d\x04#08S01ifmatch: the proxy is shutting down; --drain is over, its transaction is rolled back"},
			{running, "\xff\x1d\x04#08S01ifmatch: the proxy is shutting down; --drain is over, the statement is not waited for"},
		} {
			if got := c.r.packet(); string(got) != c.want {
				t.Errorf("a client is told %q, want %q", got, c.want)
			}
			if p, err := c.r.c.ReadPayload(1 << 20); err != io.EOF {
				t.Errorf("and then %q, %v", p, err)
			}
		}
		if code := p.wait(t); code != 0 {
			t.Errorf("exit code %d", code)
		}
		db := session(t, s, "root", shop, "innodb_lock_wait_timeout=20")
		execute(t, db, "UPDATE products SET name='free' WHERE id=100") // waits until the server has rolled back
		if wrong := gives("99|free")(run(db, "SELECT price, name FROM products WHERE id=100", shop)); wrong != "" {
			t.Error(wrong)
		}
	})
}

// shutsDown expects that a server that is shut down in order ends its sessions as
// without the proxy, and that new ones are told.
func shutsDown(t *testing.T, s *server.Server, p *Proxy) {
	t.Helper()
	type pair [2]*raw // directly, and through the proxy
	var idle, open pair
	for i, addr := range []string{s.Addr, p.Addr} {
		idle[i], open[i] = dial(t, addr, "", plainCaps), dial(t, addr, "", plainCaps)
		open[i].query("BEGIN")
	}
	execute(t, session(t, s, "root", "", ""), "SHUTDOWN")
	heard := func(r *raw) string {
		r.c.ResetSeq() // nobody has asked
		if p, err := r.c.ReadPayload(1 << 20); err == nil {
			return fmt.Sprintf("%q", p)
		}
		return "the end"
	}
	for name, clients := range map[string]pair{"idle": idle, "in a transaction": open} {
		if direct, got := heard(clients[0]), heard(clients[1]); got != direct {
			t.Errorf("%s: the client hears %s, directly %s", name, got, direct)
		}
	}
	var e *mysql.MySQLError
	if !await(func() bool {
		_, err := p.server(s).Open(t, "").Conn(context.Background())
		return errors.As(err, &e) && e.Number == 2003
	}) || !strings.HasPrefix(e.Message, "ifmatch: can't connect to the server at "+s.Addr+": ") {
		t.Errorf("a new session: %v, want error 2003 with %s", e, s.Addr)
	}
}
