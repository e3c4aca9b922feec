package integration

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"ifmatch/integration/server"
)

// The store in testdata/django is a Django application that knows nothing of
// versions and of the proxy. Its pages load a product, ask a supplier and save
// the product, which Django does with an UPDATE of all fields.

// python is Debian's, for which Debian's package of Django is.
const python = "/usr/bin/python3"

// django is the store's database, and what its processes are started with.
type django struct {
	shop     string
	user     string // and its password is "p4ss"
	db       *sql.Conn
	supplier *supplier
}

// options are Django's settings of its connection that a case varies.
type options struct {
	atomic     bool           // ATOMIC_REQUESTS: a transaction for each request
	persistent bool           // CONN_MAX_AGE: connections outlive requests
	driver     map[string]any // OPTIONS: what the driver gets
}

// newDjango makes the database as a deployment does: Django makes its tables,
// and the version comes to them without Django.
func newDjango(t *testing.T, s *server.Server) *django {
	t.Helper()
	if out, err := exec.Command(python, "-c", "import django, MySQLdb").CombinedOutput(); err != nil {
		t.Fatalf("no Django (Debian's packages python3-django and python3-mysqldb; integration/server/install installs them): %v\n%s", err, out)
	}
	d := &django{shop: s.Database(t), user: "store", supplier: newSupplier(t)}
	d.db = session(t, s, "root", d.shop, "")
	account(t, s, d.user, map[string]string{
		server.FlavorMariaDB: "BY 'p4ss'", server.FlavorMySQL: "WITH caching_sha2_password BY 'p4ss'"}[s.Flavor])
	if out, err := d.manage(t, s.Addr, options{}, "migrate").CombinedOutput(); err != nil {
		t.Fatalf("Django's migrate: %v\n%s", err, out)
	}
	migrated(t, s, d.policy(""), "--apply")
	return d
}

// policy guards the products, with further keys.
func (d *django) policy(keys string) string {
	return "tables: {" + d.shop + ".store_product: {version: version" + keys + "}}"
}

// manage is a command of Django's on the database at addr.
func (d *django) manage(t *testing.T, addr string, o options, args ...string) *exec.Cmd {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	database := map[string]any{"NAME": d.shop, "USER": d.user, "PASSWORD": "p4ss", "HOST": host, "PORT": port,
		"ATOMIC_REQUESTS": o.atomic, "CONN_MAX_AGE": 0, "OPTIONS": map[string]any{}}
	if o.persistent {
		database["CONN_MAX_AGE"] = nil // without end
	}
	if o.driver != nil {
		database["OPTIONS"] = o.driver
	}
	text, err := json.Marshal(database)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, append([]string{"-B", "manage.py"}, args...)...)
	cmd.Dir = folder(t, "django")
	cmd.Env = append(cmd.Environ(), "DATABASE="+string(text), "SUPPLIER="+d.supplier.url)
	return cmd
}

// site runs the store on the database at addr.
func (d *django) site(t *testing.T, addr string, o options) *site {
	t.Helper()
	return serve(t, func(listen string) *exec.Cmd { return d.manage(t, addr, o, "runserver", "--noreload", listen) })
}

// product puts a product into the store, behind the proxy's back.
func (d *django) product(t *testing.T) (id, version int64) {
	t.Helper()
	res, err := d.db.ExecContext(t.Context(), "INSERT INTO store_product(name, price, in_stock, note, weight, changed) VALUES ('pen', 9.90, 6, 'new', 0.1, '2024-01-01')")
	if err == nil {
		id, err = res.LastInsertId()
	}
	if err != nil {
		t.Fatal(err)
	}
	return id, d.version(t, id)
}

// version gives the version of a product, 0 where it is gone.
func (d *django) version(t *testing.T, id int64) (v int64) {
	t.Helper()
	err := d.db.QueryRowContext(t.Context(), "SELECT version FROM store_product WHERE id=?", id).Scan(&v)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
	return v
}

// holds expects the fields of a product, or "" for none.
func (d *django) holds(t *testing.T, id int64, want string) {
	t.Helper()
	o := run(d.db, "SELECT name, price, in_stock, note FROM store_product WHERE id=?", d.shop, id)
	if got := strings.Join(o.rows, "\n"); o.err != nil || got != want {
		t.Errorf("the product is %q, error %v; want %q", got, o.err, want)
	}
}

// conflict expects the page of an exception that no code of the store handles.
func (d *django) conflict(t *testing.T, p page, id int64, facts string) {
	t.Helper()
	want := fmt.Sprintf("(1020, 'ifmatch: version conflict on %s.store_product id=%d: %s')", d.shop, id, facts)
	if p.err != nil || p.code != http.StatusInternalServerError || !strings.Contains(p.body, "OperationalError") || !strings.Contains(p.body, want) {
		t.Errorf("answer %s\nwant an OperationalError %s", p, want)
	}
}

func answersOK(t *testing.T, p page) {
	t.Helper()
	if p.err != nil || p.code != http.StatusOK {
		t.Errorf("answer %s\nwant 200", p)
	}
}

// supplier answers what the store asks, when the test says so. So a request can
// be held between its load and its save.
type supplier struct {
	url   string
	asked chan question
}

type question struct {
	path   string
	answer chan string
}

func newSupplier(t *testing.T) *supplier {
	s := &supplier{asked: make(chan question)}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := question{r.URL.Path, make(chan string)}
		select {
		case s.asked <- q:
		case <-r.Context().Done():
			return
		}
		select {
		case answer := <-q.answer:
			fmt.Fprint(w, answer)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(web.Close)
	s.url = web.URL
	return s
}

// visit is a request that is under way.
type visit struct {
	t     *testing.T
	done  chan page
	asked question // what it waits for; no answer where it has ended without asking
	ended page
}

// visit begins a request, and comes back when it asks the supplier or ends.
func (d *django) visit(t *testing.T, b *browser, url string) *visit {
	v := &visit{t: t, done: make(chan page, 1)}
	go func() { v.done <- b.post(url, nil) }()
	select {
	case v.asked = <-d.supplier.asked:
	case v.ended = <-v.done:
	}
	return v
}

// finish has the supplier answer and gives the page.
func (v *visit) finish(answer string) page {
	v.t.Helper()
	if v.asked.answer == nil {
		return v.ended
	}
	ctx, cancel := context.WithTimeout(v.t.Context(), patience)
	defer cancel()
	select {
	case v.asked.answer <- answer:
	case <-ctx.Done():
		v.t.Fatal("nobody waits for the supplier any more")
	}
	return <-v.done
}

// errand is a page of the store, and what the supplier answers it.
type errand struct{ page, answer string }

// overlap is a case of two requests to the same product: the second loads it,
// then the first loads and saves, then the second saves.
type overlap struct {
	name          string
	first, second errand
	direct        string // the product thereafter, without the proxy
	guarded       string // and through it
	conflict      string // what the second is told through the proxy; "" where it saves
}

// A product begins as pen|9.90|6|new. V is its version then, W the one that the
// first request has left.
var overlaps = []overlap{
	{"two fields", errand{"reprice", "12.50"}, errand{"restock", "7"},
		"pen|9.90|7|new", "pen|12.50|6|new", "expected version=V, found version=W"},
	{"the same field", errand{"restock", "5"}, errand{"restock", "7"},
		"pen|9.90|7|new", "pen|9.90|5|new", "expected version=V, found version=W"},
	{"the first by a QuerySet", errand{"announce", ""}, errand{"reprice", "8"},
		"pen|8.00|6|new", "pen|9.90|6|on sale", "expected version=V, found version=W"},
	// Where Django finds no row to update it inserts one.
	{"the first removes it", errand{"remove", "yes"}, errand{"restock", "7"},
		"pen|9.90|7|new", "", "expected version=V, found no row"},
	{"the second removes it", errand{"reprice", "12.50"}, errand{"remove", "yes"},
		"", "pen|12.50|6|new", "expected version=V, found version=W"},
	{"the second refreshes before it saves", errand{"reprice", "12.50"}, errand{"describe", "fine"},
		"pen|12.50|6|fine", "pen|12.50|6|fine", ""},
	{"the second is relative", errand{"reprice", "12.50"}, errand{"sell", "paid"},
		"pen|12.50|5|new", "pen|12.50|5|new", ""},
	{"both are relative", errand{"sell", "paid"}, errand{"sell", "paid"},
		"pen|9.90|4|new", "pen|9.90|4|new", ""},
}

// play has the two requests overlap. It gives the product's version before and
// after the first, and what the second was told.
func (c overlap) play(t *testing.T, d *django, store *site) (id, before, after int64, second page) {
	t.Helper()
	id, before = d.product(t)
	at := fmt.Sprintf("%s/products/%d/", store.url, id)
	slow := d.visit(t, newBrowser(t), at+c.second.page)
	answersOK(t, d.visit(t, newBrowser(t), at+c.first.page).finish(c.first.answer))
	after = d.version(t, id)
	return id, before, after, slow.finish(c.second.answer)
}

// Two requests of an application that knows nothing of versions.
func TestDjango(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		d := newDjango(t, s)
		p := start(t, s, d.policy(""))
		for name, o := range map[string]options{
			"autocommit":                              {},
			"atomic requests":                         {atomic: true},
			"persistent connections":                  {persistent: true},
			"atomic requests, persistent connections": {atomic: true, persistent: true},
		} {
			t.Run(name, func(t *testing.T) {
				direct, guarded := d.site(t, s.Addr, o), d.site(t, p.Addr, o)
				for _, c := range overlaps {
					t.Run(c.name+", direct", func(t *testing.T) {
						id, _, _, second := c.play(t, d, direct)
						answersOK(t, second)
						d.holds(t, id, c.direct)
					})
					t.Run(c.name, func(t *testing.T) {
						id, before, after, second := c.play(t, d, guarded)
						if c.conflict == "" {
							answersOK(t, second)
						} else {
							d.conflict(t, second, id, strings.NewReplacer("V", fmt.Sprint(before), "W", fmt.Sprint(after)).Replace(c.conflict))
						}
						d.holds(t, id, c.guarded)
					})
				}
				t.Run("the second tries again", func(t *testing.T) { d.again(t, guarded) })
				t.Run("create, then save", func(t *testing.T) { d.createThenSave(t, guarded, o) })
				t.Run("a QuerySet without a read", func(t *testing.T) { d.updateUnread(t, guarded) })
			})
		}
	})
}

// A request that was told of a conflict leaves nothing that hinders the next one,
// over the same connection where those persist.
func (d *django) again(t *testing.T, store *site) {
	id, before := d.product(t)
	at := fmt.Sprintf("%s/products/%d/", store.url, id)
	slow := newBrowser(t)
	v := d.visit(t, slow, at+"restock")
	answersOK(t, d.visit(t, newBrowser(t), at+"reprice").finish("12.50"))
	d.conflict(t, v.finish("7"), id, fmt.Sprintf("expected version=%d, found version=%d", before, before+1))
	answersOK(t, d.visit(t, slow, at+"restock").finish("7"))
	d.holds(t, id, "pen|12.50|7|new")
	if v := d.version(t, id); v != before+2 {
		t.Errorf("version %d after two saves from %d", v, before)
	}
}

// A row that a request has inserted counts as read by it.
func (d *django) createThenSave(t *testing.T, store *site, o options) {
	created := func(v *visit) (id int64) {
		t.Helper()
		if _, err := fmt.Sscanf(v.asked.path, "/note/%d", &id); err != nil {
			t.Fatalf("the supplier was asked %q: %v, answer %s", v.asked.path, err, v.ended)
		}
		return id
	}
	v := d.visit(t, newBrowser(t), store.url+"/products")
	id := created(v)
	answersOK(t, v.finish("first of its kind"))
	d.holds(t, id, "cap|7.00|3|first of its kind")
	if o.atomic {
		return // nobody else sees the row before it is saved again
	}
	v = d.visit(t, newBrowser(t), store.url+"/products")
	id = created(v)
	before := d.version(t, id)
	answersOK(t, d.visit(t, newBrowser(t), fmt.Sprintf("%s/products/%d/announce", store.url, id)).finish(""))
	d.conflict(t, v.finish("second of its kind"), id, fmt.Sprintf("expected version=%d, found version=%d", before, before+1))
	d.holds(t, id, "cap|7.00|3|on sale")
}

// A QuerySet's update of one row by its key needs no read.
func (d *django) updateUnread(t *testing.T, store *site) {
	id, before := d.product(t)
	p := newBrowser(t).post(fmt.Sprintf("%s/products/%d/announce", store.url, id), nil)
	answersOK(t, p)
	if p.body != `{"changed": 1}` {
		t.Errorf("answer %s", p)
	}
	d.holds(t, id, "pen|9.90|6|on sale")
	if v := d.version(t, id); v != before+1 {
		t.Errorf("version %d after a save from %d", v, before)
	}
}

// What a write without a read of its own is held against where connections
// outlive requests: with scope session, what an earlier request has read over
// the same connection; with scope transaction, nothing.
func TestDjangoPersistentConnections(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		d := newDjango(t, s)
		for _, c := range []struct {
			name     string
			scope    string
			options  options
			conflict bool
		}{
			{"a connection for each request", "session", options{}, false},
			{"persistent, scope session", "session", options{persistent: true}, true},
			{"persistent, scope transaction", "transaction", options{persistent: true, atomic: true}, false},
		} {
			t.Run(c.name, func(t *testing.T) {
				store := d.site(t, start(t, s, d.policy(", scope: "+c.scope)).Addr, c.options)
				id, before := d.product(t)
				at := fmt.Sprintf("%s/products/%d", store.url, id)
				old, other := newBrowser(t), newBrowser(t)
				answersOK(t, old.get(at))
				answersOK(t, d.visit(t, other, at+"/reprice").finish("12.50"))
				p := old.post(at+"/announce", nil)
				if c.conflict {
					d.conflict(t, p, id, fmt.Sprintf("expected version=%d, found version=%d", before, before+1))
					d.holds(t, id, "pen|12.50|6|new")
				} else {
					answersOK(t, p)
					d.holds(t, id, "pen|12.50|6|on sale")
				}
				// Requests that overlap are told apart in any case.
				overlapping := overlaps[0]
				id, before, after, second := overlapping.play(t, d, store)
				d.conflict(t, second, id, fmt.Sprintf("expected version=%d, found version=%d", before, after))
				d.holds(t, id, overlapping.guarded)
			})
		}
	})
}

// Django's driver is made with MariaDB's client library, which knows the
// passwords of MySQL, with TLS and without.
func TestDjangoLogsIn(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		d := newDjango(t, s)
		root := session(t, s, "root", "", "")
		tls := map[string]any{"ssl": map[string]any{"cipher": "HIGH"}}
		for _, c := range []struct {
			name   string
			flags  []string
			driver map[string]any
		}{
			{"plain", nil, nil},
			{"plain, TLS to the server", []string{"--backend-tls", "required"}, nil},
			{"TLS", []string{"--require-tls", "--backend-tls", "disabled"}, tls},
			{"TLS on both sides", []string{"--require-tls", "--backend-tls", "required"}, tls},
		} {
			t.Run(c.name, func(t *testing.T) {
				p := start(t, s, d.policy(""), c.flags...)
				execute(t, root, "FLUSH PRIVILEGES") // empties MySQL's cache of passwords
				for _, way := range []string{"full", "fast"} {
					out, err := d.manage(t, p.Addr, options{driver: c.driver}, "migrate", "--check").CombinedOutput()
					if err != nil {
						t.Errorf("%s: %v\n%s", way, err, out)
					}
				}
			})
		}
	})
}
