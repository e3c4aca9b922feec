package integration

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"ifmatch/integration/server"
)

// These tests are about contexts that several proxies share by a Redis server.

// sharing is two proxies before one server that share contexts.
type sharing struct {
	t      *testing.T
	redis  *server.Redis
	shop   string
	direct *sql.Conn
	a, b   *sql.Conn // clients of the first and the second proxy
	proxyA *Proxy
	proxyB *Proxy
	s      *server.Server
	policy string
}

// share starts them in front of the products. options are those of the Redis server.
func share(t *testing.T, s *server.Server, policy string, options ...string) *sharing {
	t.Helper()
	r := server.OwnRedis(t, options...)
	h := &sharing{t: t, redis: r, s: s, shop: s.Database(t)}
	h.direct = session(t, s, "root", h.shop, "")
	must(t, h.direct, products)
	h.policy = strings.ReplaceAll(policy, "shop", h.shop)
	h.proxyA = start(t, s, h.policy, "--contexts", h.url())
	h.proxyB = start(t, s, h.policy, "--contexts", h.url())
	h.a = session(t, h.proxyA.server(s), "root", h.shop, "")
	h.b = session(t, h.proxyB.server(s), "root", h.shop, "")
	return h
}

// url gives the place of the contexts. Nothing here depends on who is faster, the
// server where it is there or its time.
func (h *sharing) url() string { return "redis://" + h.redis.Addr + "?timeout=2s" }

// do carries out a statement and holds its outcome against what is wanted.
func (h *sharing) do(on *sql.Conn, q string, want want) {
	h.t.Helper()
	if wrong := want(run(on, q, h.shop)); wrong != "" {
		h.t.Fatalf("%s: %s", q, wrong)
	}
}

// page is a request that shows row 100 to a user.
func (h *sharing) page(on *sql.Conn, user string) {
	h.t.Helper()
	h.do(on, "SET @ifmatch_context = '"+user+"'", fine)
	h.do(on, "SELECT name, price FROM products WHERE id=100", fine)
}

// save is a request that saves it, and reads it again before, as many apps do.
func (h *sharing) save(on *sql.Conn, user string, want want) {
	h.t.Helper()
	h.do(on, "SET @ifmatch_context = '"+user+"'", fine)
	h.do(on, "SELECT name FROM products WHERE id=100", fine)
	h.do(on, "UPDATE products SET price=5 WHERE id=100", want)
}

// elsewhere is a write that goes around.
func (h *sharing) elsewhere() {
	h.t.Helper()
	h.do(h.direct, "UPDATE products SET in_stock=in_stock+1, version=version+1 WHERE id=100", affects(1))
}

// ask asks the Redis server.
func (h *sharing) ask(command string, args ...any) any {
	h.t.Helper()
	c, err := redis.Dial("tcp", h.redis.Addr)
	if err != nil {
		h.t.Fatal(err)
	}
	defer c.Close()
	reply, err := c.Do(command, args...)
	if err != nil {
		h.t.Fatalf("%s: %v", command, err)
	}
	return reply
}

// metric gives the line of a metric.
func (p *Proxy) metric(t testing.TB, name string) string {
	t.Helper()
	body := get(t, "http://"+p.Admin+"/metrics")
	for line := range strings.Lines(body) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

var (
	staleSave = conflict("expected version=1, found version=2")
	notKnown  = unread("what this context has read of it is not known")
)

const ofSharedContexts = "defaults: {scope: context, relative: guard}\ntables: {shop.products: {version: version}}"

func TestContextsAreShared(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		t.Run("a page shown over one proxy is saved over the other", func(t *testing.T) {
			h := share(t, s, ofSharedContexts)
			h.page(h.a, "ann")
			h.save(h.b, "ann", affects(1))
			h.page(h.b, "ann")
			h.elsewhere()
			h.save(h.a, "ann", conflict("expected version=2, found version=3"))
			h.save(h.b, "ann", conflict("expected version=2, found version=3")) // the same form again
			h.page(h.b, "ann")
			h.save(h.a, "ann", affects(1))
		})
		t.Run("contexts are of a name and an account", func(t *testing.T) {
			h := share(t, s, ofSharedContexts)
			h.page(h.a, "ann")
			h.elsewhere()
			h.save(h.b, "ben", affects(1))
			h.save(h.b, "ann", conflict("expected version=1, found version=3"))
		})
		t.Run("a proxy that is started again knows what was read", func(t *testing.T) {
			h := share(t, s, ofSharedContexts)
			h.page(h.a, "ann")
			h.a.Close()
			h.proxyA.stop(t)
			h.elsewhere()
			again := start(t, s, h.policy, "--contexts", h.url())
			h.save(session(t, again.server(s), "root", h.shop, ""), "ann", staleSave)
		})
		t.Run("what a transaction wrote counts when it is committed", func(t *testing.T) {
			h := share(t, s, ofSharedContexts)
			h.page(h.a, "ann")
			h.do(h.a, "BEGIN", fine)
			h.save(h.a, "ann", affects(1))
			h.do(h.a, "ROLLBACK", fine)
			h.save(h.b, "ann", affects(1))
			h.do(h.a, "SET @ifmatch_context = 'ann'", fine)
			h.do(h.a, "SHOW IFMATCH READS", matches("context ann|shop.products|id=100|version=2"))
			h.do(h.a, "BEGIN", fine)
			h.save(h.a, "ann", affects(1))
			h.do(h.a, "COMMIT", fine)
			h.do(h.b, "SET @ifmatch_context = 'ann'", fine)
			h.do(h.b, "SHOW IFMATCH READS", matches("context ann|shop.products|id=100|version=3"))
		})
		t.Run("what was read by another token is nobody's expectation", func(t *testing.T) {
			h := share(t, s, ofSharedContexts)
			h.page(h.a, "ann")
			h.elsewhere()
			if !h.proxyB.reload(t, strings.ReplaceAll("defaults: {scope: context}\ntables: {shop.products: {version: {digest: all}}}", "shop", h.shop)) {
				t.Fatal("the policy is not taken")
			}
			h.do(h.b, "SET @ifmatch_context = 'ann'", fine)
			h.do(h.b, "SHOW IFMATCH READS", gives())
			h.save(h.a, "ann", staleSave)
		})
	})
}

func TestSharedContextsWithoutTheirServer(t *testing.T) {
	s := server.MariaDB(t)
	for _, c := range []struct {
		name      string
		stop, run func(h *sharing)
	}{
		{"that is stuck", func(h *sharing) { h.redis.Pause() }, func(h *sharing) { h.redis.Resume() }},
		{"that was killed and has kept all", func(h *sharing) { h.redis.Kill() }, func(h *sharing) { h.redis.Restart(h.t) }},
		{"that is full", func(h *sharing) { h.ask("CONFIG", "SET", "maxmemory", "1") }, func(h *sharing) { h.ask("CONFIG", "SET", "maxmemory", "0") }},
		{"that is read only", func(h *sharing) { h.ask("REPLICAOF", "127.0.0.1", "1") }, func(h *sharing) { h.ask("REPLICAOF", "NO", "ONE") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := share(t, s, ofSharedContexts, "--appendonly", "yes", "--appendfsync", "always")
			h.page(h.a, "ann")
			h.page(h.a, "ben")
			h.elsewhere()
			c.stop(h)
			h.page(h.a, "cid") // noticed here at the latest
			h.save(h.a, "ann", notKnown)
			h.do(h.a, "DELETE FROM products WHERE price > 0", notKnown)
			h.do(h.a, "INSERT INTO products(id, name, price, in_stock) VALUES (100, 'pen', 1, 1) ON DUPLICATE KEY UPDATE price=2", unread("not known"))
			h.do(h.a, "SET @ifmatch_context = 'eve'", fine)
			h.do(h.a, "UPDATE /* ifmatch: version=2 */ products SET in_stock=9 WHERE id=100", affects(1)) // says itself what it expects
			h.do(h.a, "INSERT INTO products(id, name, price, in_stock) VALUES (7, 'ink', 1, 1)", affects(1))
			h.do(h.a, "UPDATE products SET price=2 WHERE id=7", affects(1)) // its own
			h.page(h.a, "dan")
			h.do(h.a, "SET @ifmatch_context = ''", fine)
			h.do(h.a, "UPDATE products SET price=3 WHERE id=100", affects(1)) // of no context
			if up := h.proxyA.metric(t, "ifmatch_context_store_up"); up != "0" {
				t.Errorf("ifmatch_context_store_up is %q", up)
			}
			c.run(h)
			if !await(func() bool { return h.proxyA.metric(t, "ifmatch_context_store_up") == "1" }) {
				t.Fatal("the proxy does not notice that the server is there again")
			}
			// The page before, the same form that was refused, the page meanwhile.
			h.save(h.b, "ben", conflict("expected version=1, found version=4"))
			h.save(h.b, "ann", notKnown)
			h.save(h.b, "ann", notKnown)
			h.page(h.b, "ann")
			h.save(h.a, "dan", conflict("expected version=3, found version=4"))
			h.save(h.a, "cid", conflict("expected version=2, found version=4"))
			h.save(h.a, "ann", affects(1))
			for _, p := range []*Proxy{h.proxyA, h.proxyB} {
				if lost := p.metric(t, "ifmatch_context_changes_lost_total"); lost != "0" {
					t.Errorf("%s changes are lost", lost)
				}
			}
			if n := h.proxyA.Log.Count("the server of contexts is not there"); n != 1 {
				t.Errorf("the log says %d times that the server is not there", n)
			}
		})
	}
	t.Run("that has lost what it had", func(t *testing.T) {
		h := share(t, s, ofSharedContexts)
		h.page(h.a, "ann")
		h.redis.Kill()
		h.redis.Restart(t)
		h.page(h.a, "ben") // over a new connection
		if !await(func() bool { return h.proxyA.metric(t, "ifmatch_context_store_forgot_total") == "1" }) {
			t.Error("the proxy does not notice")
		}
		if h.proxyA.Log.Count("has lost what they had read") == 0 {
			t.Error("the log says nothing")
		}
	})
	t.Run("when the proxy starts", func(t *testing.T) {
		h := share(t, s, ofSharedContexts)
		h.page(h.a, "ann")
		h.elsewhere()
		h.redis.Pause()
		late := start(t, s, h.policy, "--contexts", h.url())
		conn := session(t, late.server(s), "root", h.shop, "")
		h.save(conn, "ann", notKnown)
		h.redis.Resume()
		if !await(func() bool { return late.metric(t, "ifmatch_context_store_up") == "1" }) {
			t.Fatal("the proxy does not notice that the server is there again")
		}
		h.save(conn, "ben", affects(1))
	})
	t.Run("when the proxy ends", func(t *testing.T) {
		h := share(t, s, ofSharedContexts)
		h.page(h.a, "ann")
		h.redis.Pause()
		h.page(h.a, "ben")
		h.a.Close()
		h.proxyA.stop(t)
		if h.proxyA.Log.Count("what contexts have read is lost") != 1 {
			t.Error("the log does not say what is lost")
		}
		h.redis.Resume()
		h.elsewhere()
		h.save(h.b, "ann", staleSave)
	})
	t.Run("of one context that has rubbish", func(t *testing.T) {
		h := share(t, s, ofSharedContexts)
		h.page(h.a, "ann")
		for _, key := range h.ask("KEYS", "*}r").([]any) {
			h.ask("HSET", key, "rubbish", "rubbish")
		}
		h.save(h.b, "ann", notKnown)
		h.page(h.a, "ben")
		h.save(h.b, "ben", affects(1))
		for _, key := range h.ask("KEYS", "*}r").([]any) {
			h.ask("SET", key, "rubbish")
		}
		h.save(h.b, "ann", notKnown)
		h.page(h.a, "cid")
		h.save(h.b, "cid", affects(1))
	})
}

func TestSharedContextsHaveBounds(t *testing.T) {
	s := server.MariaDB(t)
	t.Run("rows", func(t *testing.T) {
		h := share(t, s, strings.Replace(ofSharedContexts, "scope: context", "scope: context, max_reads: 20", 1))
		var values []string
		for i := range 50 {
			values = append(values, fmt.Sprintf("(%d, 'x', 1, 1)", 1000+i))
		}
		h.do(h.direct, "INSERT INTO products(id, name, price, in_stock) VALUES "+strings.Join(values, ","), affects(50))
		h.do(h.a, "SET @ifmatch_context = 'ann'", fine)
		for i := range 50 {
			h.do(h.a, fmt.Sprintf("SELECT name FROM products WHERE id=%d", 1000+i), gives("x"))
			if i%10 == 9 {
				time.Sleep(5 * time.Millisecond) // the server tells times by the millisecond
			}
		}
		h.do(h.b, "SET @ifmatch_context = 'ann'", fine)
		o := run(h.b, "SHOW IFMATCH READS", h.shop)
		if len(o.rows) != 20 || !strings.Contains(strings.Join(o.rows, "\n"), "id=1049|") || strings.Contains(strings.Join(o.rows, "\n"), "id=1010|") {
			t.Errorf("%d rows: %q; want the 20 that were read last", len(o.rows), o.rows)
		}
		if n := h.proxyA.metric(t, "ifmatch_reads_evicted_total"); n != "30" {
			t.Errorf("%s rows are counted as evicted", n)
		}
	})
	t.Run("time", func(t *testing.T) {
		h := share(t, s, strings.Replace(ofSharedContexts, "scope: context", "scope: context, read_ttl: 50ms", 1))
		h.page(h.a, "ann")
		time.Sleep(60 * time.Millisecond)
		for range 2 {
			h.do(h.b, "SET @ifmatch_context = 'ann'", fine)
			h.do(h.b, "UPDATE products SET price=2 WHERE id=100", unread("reads count for 50ms"))
		}
		for _, key := range h.ask("KEYS", "*}*").([]any) {
			if left, _ := redis.Int64(h.ask("PTTL", key), nil); left < 23*60*60*1000 || left > 24*60*60*1000 {
				t.Errorf("%s lives for %d ms", key, left)
			}
		}
		h.ask("FLUSHALL")
		h.do(h.b, "SET @ifmatch_context = 'ann'", fine)
		h.do(h.b, "UPDATE products SET price=2 WHERE id=100", affects(1))
	})
	t.Run("what is in the keys", func(t *testing.T) {
		h := share(t, s, ofSharedContexts)
		h.page(h.a, "ann-secret")
		for _, key := range h.ask("KEYS", "*").([]any) {
			if k := string(key.([]byte)); !strings.HasPrefix(k, "ifmatch:1:") || strings.Contains(k, "ann") || strings.Contains(k, "root") {
				t.Errorf("a key is %s", k)
			}
		}
	})
}

func TestLoginToTheServerOfContexts(t *testing.T) {
	s := server.MariaDB(t)
	shop := s.Database(t)
	direct := session(t, s, "root", shop, "")
	must(t, direct, products)
	policy := strings.ReplaceAll(ofSharedContexts, "shop", shop)
	r := server.OwnRedis(t, "--requirepass", "s3cret")
	for _, c := range []struct{ url, want string }{
		{"redis://:wr0ng@" + r.Addr, "the server answers WRONGPASS"},
		{"redis://" + r.Addr, "the server answers NOAUTH"},
		{"redis://:s3cret@" + r.Addr + "/99", "the server answers ERR"},
	} {
		p := launch(t, s, policy, "--contexts", c.url)
		if code := p.wait(t); code != 1 || !strings.Contains(p.Log.String(), c.want) {
			t.Errorf("with %s the proxy ends with %d:\n%s", c.url, code, p.Log)
		}
		if strings.Contains(p.Log.String(), "wr0ng") || strings.Contains(p.Log.String(), "s3cret") {
			t.Errorf("the log has the password:\n%s", p.Log)
		}
	}
	shows := func(p *Proxy) {
		t.Helper()
		conn := session(t, p.server(s), "root", shop, "")
		for _, q := range []string{"SET @ifmatch_context = 'ann'", "SELECT name FROM products WHERE id=100", "SET @ifmatch_context = 'ann'"} {
			if wrong := fine(run(conn, q, shop)); wrong != "" {
				t.Fatal(wrong)
			}
		}
		if wrong := matches("context ann|shop.products|id=100|version=1")(run(conn, "SHOW IFMATCH READS", shop)); wrong != "" {
			t.Error(wrong)
		}
		if strings.Contains(p.Log.String(), "s3cret") {
			t.Errorf("the log has the password:\n%s", p.Log)
		}
	}
	shows(start(t, s, policy, "--contexts", "redis://:s3cret@"+r.Addr+"/5?timeout=10s"))
	program := exec.Command(program(t))
	program.Env = append(program.Environ(), "IFMATCH_CONTEXTS_PASSWORD=s3cret")
	p := launchAs(t, program, s, policy, "--contexts", "redis://"+r.Addr+"/6?timeout=10s")
	if !p.listens(t) {
		t.Fatalf("the proxy does not listen:\n%s", p.Log)
	}
	t.Cleanup(func() { p.stop(t) })
	shows(p)

	secure := server.OwnRedis(t, "--tls-port", "${PORT}", "--port", "0", "--tls-cert-file", "${DIR}/cert.pem", "--tls-key-file", "${DIR}/key.pem",
		"--tls-ca-cert-file", "${DIR}/ca.pem", "--tls-auth-clients", "no", "--requirepass", "s3cret")
	shows(start(t, s, policy, "--contexts", "rediss://:s3cret@"+secure.Addr+"?timeout=10s&ca="+secure.CAFile))
	untrusted := launch(t, s, policy, "--contexts", "rediss://:s3cret@"+secure.Addr)
	if code := untrusted.wait(t); code != 1 || !strings.Contains(untrusted.Log.String(), "certificate") {
		t.Errorf("with a certificate that is not trusted the proxy ends with %d:\n%s", code, untrusted.Log)
	}
}

// Walks whose sessions go through two proxies come out as the model of one says.
func TestSharedContextsAgainstAModel(t *testing.T) {
	s := server.MariaDB(t)
	r := server.OwnRedis(t)
	shop := s.Database(t)
	l := &lab{t: t, shop: shop, db: session(t, s, "root", shop, "")}
	l.exec("SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")
	l.exec("CREATE TABLE side(id INT)")
	policy := "tables:\n"
	var ofContext []guardedAs
	for _, g := range guardedTables() {
		if g.scope == "context" {
			l.exec(g.create())
			policy += fmt.Sprintf("  %s.%s\n", shop, g.policy())
			ofContext = append(ofContext, g)
		}
	}
	l.around = s.Addr
	for range 2 {
		l.also = append(l.also, start(t, s, policy, "--contexts", "redis://"+r.Addr+"?timeout=10s").Addr)
	}
	for seed := *walkSeed; seed < *walkSeed+uint64(*walks)/3; seed++ {
		g := ofContext[seed%uint64(len(ofContext))]
		acts := g.walk(rand.New(rand.NewPCG(seed, 0)))
		if failed := l.walk(g, acts); failed != "" {
			t.Fatalf("walk %d on %+v:\n%s", seed, g, l.shortest(g, acts, failed))
		}
	}
}

// Two requests of a context at once, over two proxies, whose reads and conflicts meet
// in the server.
func TestRequestsOfAContextAtOnce(t *testing.T) {
	s := server.MariaDB(t)
	h := share(t, s, ofSharedContexts)
	begin := func(on *sql.Conn) { h.do(on, "SET @ifmatch_context = 'ann'", fine) }
	read := func(on *sql.Conn) { h.do(on, "SELECT name FROM products WHERE id=100", fine) }
	shows := func(version string) {
		t.Helper()
		c := session(t, h.proxyA.server(s), "root", h.shop, "")
		h.do(c, "SET @ifmatch_context = 'ann'", fine)
		h.do(c, "SHOW IFMATCH READS", matches("context ann|shop.products|id=100|version="+version))
	}
	h.page(h.a, "ann") // at 1
	h.elsewhere()
	begin(h.a)
	begin(h.b)
	read(h.b) // a poll in the background, at 2
	shows("2")
	h.do(h.a, "UPDATE products SET price=2 WHERE id=100", staleSave)
	shows("2") // the poll has read it
	begin(h.a)
	begin(h.b)
	h.elsewhere()
	read(h.a) // at 3
	read(h.b)
	h.do(h.a, "UPDATE products SET price=2 WHERE id=100", conflict("expected version=2, found version=3"))
	shows("3") // the other has read it too
	begin(h.a)
	h.elsewhere()
	read(h.a) // at 4, alone
	shows("4")
	h.do(h.a, "UPDATE products SET price=2 WHERE id=100", conflict("expected version=3, found version=4"))
	shows("3")
	h.ask("FLUSHALL")
	begin(h.a)
	read(h.a)
	begin(h.b)
	h.do(h.b, "UPDATE products SET price=2 WHERE id=100", affects(1))
	shows("5")
	begin(h.a)
	h.do(h.a, "DELETE FROM products WHERE id=100", affects(1))
	c := session(t, h.proxyB.server(s), "root", h.shop, "")
	h.do(c, "SET @ifmatch_context = 'ann'", fine)
	h.do(c, "SHOW IFMATCH READS", gives())
}
