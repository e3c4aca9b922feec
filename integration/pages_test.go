package integration

import (
	"database/sql"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"ifmatch/integration/server"
)

// The pages in testdata/pages are a form and what it is sent to. Each request
// has a database connection of its own, so only the name of the user's context
// ties what was shown to what is saved.

const pagesTable = `CREATE TABLE products(id INT PRIMARY KEY, name VARCHAR(50), price DECIMAL(8,2), in_stock INT, note TEXT);
	INSERT INTO products VALUES (100, 'pen', 9.90, 6, 'it''s new')`

const pagesPolicy = "defaults: {scope: context}\ntables: {shop.products: {version: version}}"

// pages is the site in front of a database, and the database.
type pages struct {
	*site
	t  *testing.T
	db *sql.Conn
}

// form is what a user has been shown, and has changed.
type form url.Values

var input = regexp.MustCompile(`<input name="(\w+)" value="([^"]*)">`)

// edit shows the form of product 100.
func (p *pages) edit(b *browser) form {
	p.t.Helper()
	shown := b.get(p.url + "/edit.php?id=100")
	f := form{}
	for _, m := range input.FindAllStringSubmatch(shown.body, -1) {
		f[m[1]] = []string{html.UnescapeString(m[2])}
	}
	if shown.err != nil || shown.code != http.StatusOK || len(f) != 5 {
		p.t.Fatalf("the form: %s", shown)
	}
	return f
}

// with gives the form with one field changed.
func (f form) with(field, value string) form {
	f[field] = []string{value}
	return f
}

// saves expects that the form is saved.
func (p *pages) saves(b *browser, f form) {
	p.t.Helper()
	if got := b.post(p.url+"/save.php", url.Values(f)); got.code != http.StatusOK || got.body != "saved" {
		p.t.Fatalf("the form is not saved: %s", got)
	}
}

// conflicts expects that the form is not saved, because of these facts.
func (p *pages) conflicts(b *browser, f form, facts string) {
	p.t.Helper()
	got := b.post(p.url+"/save.php", url.Values(f))
	if got.code != http.StatusConflict || !strings.HasPrefix(got.body, "1020 ifmatch: version conflict on ") || !strings.HasSuffix(got.body, ".products id=100: "+facts) {
		p.t.Fatalf("the form is answered %s\nwant a conflict, %s", got, facts)
	}
}

// holds expects the row as it is.
func (p *pages) holds(want string) {
	p.t.Helper()
	if wrong := gives(want)(run(p.db, "SELECT name, price, in_stock, note FROM products WHERE id=100", "")); wrong != "" {
		p.t.Fatal(wrong)
	}
}

// moved says how a version that began as 1 has gone on.
func moved(expected, found int) string {
	return fmt.Sprintf("expected version=%d, found version=%d", expected, found)
}

var pagesCases = []struct {
	name   string
	direct bool // without the proxy
	run    func(p *pages, ann, ben *browser)
}{
	{"without the proxy the first change is lost", true, func(p *pages, ann, ben *browser) {
		anns, bens := p.edit(ann), p.edit(ben)
		p.saves(ann, anns.with("price", "12.50"))
		p.saves(ben, bens.with("in_stock", "7"))
		p.holds("pen|9.90|7|it's new")
	}},
	{"the second is told, and saves after a new look", false, func(p *pages, ann, ben *browser) {
		anns, bens := p.edit(ann), p.edit(ben)
		p.saves(ann, anns.with("price", "12.50"))
		p.conflicts(ben, bens.with("in_stock", "7"), moved(1, 2))
		p.holds("pen|12.50|6|it's new")
		p.saves(ben, p.edit(ben).with("in_stock", "7"))
		p.holds("pen|12.50|7|it's new")
	}},
	// The request that conflicted has read the row too, and that must not help.
	{"sending the same form again does not help", false, func(p *pages, ann, ben *browser) {
		anns, bens := p.edit(ann), p.edit(ben)
		p.saves(ann, anns.with("price", "12.50"))
		for range 3 {
			p.conflicts(ben, bens.with("in_stock", "7"), moved(1, 2))
		}
		p.holds("pen|12.50|6|it's new")
	}},
	{"the same user sends a form twice", false, func(p *pages, ann, ben *browser) {
		f := p.edit(ann).with("price", "12.50")
		p.saves(ann, f)
		p.saves(ann, f)
		p.holds("pen|12.50|6|it's new")
		// Ben has been shown the row between the two.
		bens := p.edit(ben)
		p.saves(ann, f)
		p.conflicts(ben, bens.with("in_stock", "7"), moved(3, 4))
	}},
	{"the same user sends a form again after another has saved", false, func(p *pages, ann, ben *browser) {
		f := p.edit(ann).with("price", "12.50")
		p.saves(ann, f)
		p.saves(ben, p.edit(ben).with("in_stock", "7"))
		p.conflicts(ann, f, moved(2, 3))
		p.holds("pen|12.50|7|it's new")
	}},
	// A context is a user, not a window: what was shown last counts.
	{"a user has the form open in two windows", false, func(p *pages, ann, ben *browser) {
		first := p.edit(ann)
		p.saves(ben, p.edit(ben).with("in_stock", "7"))
		p.edit(ann)
		p.saves(ann, first.with("price", "12.50"))
		p.holds("pen|12.50|6|it's new")
	}},
	{"a form that was never shown is held against what saving it reads", false, func(p *pages, ann, ben *browser) {
		f := p.edit(ann)
		p.saves(ben, f.with("in_stock", "7"))
		p.holds("pen|9.90|7|it's new")
		p.conflicts(ann, f, moved(1, 2))
	}},
	{"the row is gone", false, func(p *pages, ann, ben *browser) {
		f := p.edit(ann)
		execute(p.t, p.db, "DELETE FROM products")
		if got := ann.post(p.url+"/save.php", url.Values(f)); got.code != http.StatusNotFound {
			p.t.Fatalf("the form is answered %s", got)
		}
	}},
	{"somebody writes around the proxy", false, func(p *pages, ann, ben *browser) {
		f := p.edit(ann)
		execute(p.t, p.db, "UPDATE products SET price=1, version=version+1")
		p.conflicts(ann, f.with("in_stock", "7"), moved(1, 2))
		p.holds("pen|1.00|6|it's new")
	}},
}

// Two users of a pair of pages whose requests share no connection.
func TestPagesOfContexts(t *testing.T) {
	php := debian(t, "php", "php-cli and php-mysql")
	server.Each(t, func(t *testing.T, s *server.Server) {
		account(t, s, "pages", map[string]string{
			server.FlavorMariaDB: "BY 'p4ss'", server.FlavorMySQL: "WITH caching_sha2_password BY 'p4ss'"}[s.Flavor])
		for _, prepares := range []string{"emulated", "native"} {
			for _, transaction := range []string{"no", "yes"} {
				t.Run(prepares+" prepares, transaction "+transaction, func(t *testing.T) {
					shop := s.Database(t)
					db := session(t, s, "root", shop, "")
					must(t, db, pagesTable)
					policy := strings.ReplaceAll(pagesPolicy, "shop", shop)
					migrated(t, s, policy, "--apply")
					visit := func(addr string) *site {
						return serve(t, func(listen string) *exec.Cmd {
							host, port, _ := net.SplitHostPort(addr)
							cmd := exec.Command(php, "-d", "session.save_path="+t.TempDir(), "-S", listen, "-t", folder(t, "pages"))
							cmd.Env = append(cmd.Environ(), "DATABASE=mysql:host="+host+";port="+port+";dbname="+shop,
								"DATABASE_USER=pages", "DATABASE_PASSWORD=p4ss", "PREPARES="+prepares, "TRANSACTION="+transaction)
							return cmd
						})
					}
					direct, guarded := visit(s.Addr), visit(start(t, s, policy).Addr)
					for _, c := range pagesCases {
						t.Run(c.name, func(t *testing.T) {
							must(t, db, "DELETE FROM products; INSERT INTO products(id, name, price, in_stock, note, version) VALUES (100, 'pen', 9.90, 6, 'it''s new', 1)")
							p := &pages{guarded, t, db}
							if c.direct {
								p.site = direct
							}
							c.run(p, newBrowser(t), newBrowser(t))
						})
					}
				})
			}
		}
	})
}
