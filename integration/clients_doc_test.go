package integration

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"ifmatch/integration/server"
)

// findings are what a run of TestClients has found, for docs/clients.md.
type findings struct {
	mu       sync.Mutex
	servers  map[string]string // version by flavor
	versions map[string]string // by client
	worked   map[string]bool   // by client, way, flavor and connection
}

func newFindings() *findings {
	return &findings{servers: map[string]string{}, versions: map[string]string{}, worked: map[string]bool{}}
}

func (f *findings) server(flavor, version string) { f.servers[flavor] = version }

func (f *findings) add(client, version, way, flavor, tls string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.versions[client] = version
	f.worked[strings.Join([]string{client, way, flavor, tls}, "\n")] = true
}

// bulk gives how often the ways that have worked with MariaDB execute in bulk.
func (f *findings) bulk(all []tried, tls string) (n int) {
	for _, c := range all {
		for _, w := range c.ways {
			if f.worked[strings.Join([]string{c.name, w.name, server.FlavorMariaDB, tls}, "\n")] {
				n += w.bulk
			}
		}
	}
	return n
}

// complete says whether all was tried, and not only what -run has picked.
func (f *findings) complete(all []tried) bool {
	ways := 0
	for _, c := range all {
		ways += len(c.ways)
	}
	return len(f.worked) == 4*ways
}

const clientsHead = `# Clients

What was tried with ifmatch. ` + "`go test ./integration -run TestClients`" + ` runs it, and fails where a line of this page does not hold; with
` + "`-update`" + ` it writes the page anew. The programs are in ` + "`integration/clients`" + `.

Each client logs in with a password that the server has not cached, plain while ifmatch speaks TLS to the server, and over TLS, with the
certificate verified, while ifmatch speaks plain to the server. Then it updates a guarded row with the version in its WHERE, is refused the second
time, reads the row over the same connection, does the same with parameters, and is refused an update of a row that it has read and that another
connection has changed since. ORMs load, are overtaken, are refused, load again and save.

The conflict is error 1020 with SQLSTATE 40001; the last column is how the client names it, and says where the client does not know the SQLSTATE.

`

// page writes the document.
func (f *findings) page(all []tried) string {
	var b strings.Builder
	b.WriteString(clientsHead)
	fmt.Fprintf(&b, "Servers: MariaDB %s, MySQL %s.\n\n", f.servers[server.FlavorMariaDB], f.servers[server.FlavorMySQL])
	b.WriteString("| client | version | used as | prepared statements | MariaDB | MySQL | the conflict |\n|---|---|---|---|---|---|---|\n")
	for _, c := range all {
		for i, w := range c.ways {
			name, version := c.name, f.versions[c.name]
			if i > 0 {
				name, version = "", ""
			}
			used := "`" + w.name + "`"
			if len(c.ways) == 1 && !strings.HasPrefix(w.name, "-") {
				used = ""
			}
			seen := "`" + w.exception + "`"
			switch {
			case strings.Contains(w.name, "own_version: pass"):
				seen += ", the ORM's own"
			case !w.state:
				seen += ", no SQLSTATE"
			}
			prepares := w.prepares
			if w.bulk > 0 {
				prepares += "; MariaDB's in bulk"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", name, version, used, prepares,
				f.connections(c.name, w.name, server.FlavorMariaDB), f.connections(c.name, w.name, server.FlavorMySQL), seen)
		}
	}
	b.WriteString(clientsFoot)
	return b.String()
}

const clientsFoot = `
Django has tests of its own (` + "`integration/django_test.go`" + `): requests of a whole site that overlap, over plain and TLS connections; the conflict is
` + "`django.db.utils.OperationalError`" + `.

- The command line clients send comments, and with them hints, only with ` + "`--comments`" + `.
- A batch that is sent in bulk is COM_STMT_BULK_EXECUTE at MariaDB, which the test counts; MySQL has no such thing, and the client executes row by row.
- With ` + "`own_version: pass`" + ` an ORM that has optimistic locking of its own sees what it sees without ifmatch: no row, and its own exception.
- Perl's conflict is what ` + "`die`" + ` was given; ` + "`$DBI::err`" + ` and ` + "`$DBI::state`" + ` have code and SQLSTATE.
`

// connections says over which connections a way has worked.
func (f *findings) connections(client, way, flavor string) string {
	var worked []string
	for _, tls := range []string{"plain", "TLS"} {
		if f.worked[strings.Join([]string{client, way, flavor, tls}, "\n")] {
			worked = append(worked, tls)
		}
	}
	return strings.Join(worked, ", ")
}

// facts is the page without versions, which change with the machine.
func facts(page string) string {
	page = regexp.MustCompile(`(?m)^Servers: .*$`).ReplaceAllString(page, "")
	return regexp.MustCompile(`(?m)^(\| [^|]*\|)[^|]*\|`).ReplaceAllString(page, "$1 |")
}

// compare holds docs/clients.md against what was found.
func (f *findings) compare(t *testing.T, all []tried) {
	t.Helper()
	const path = "../docs/clients.md"
	page := f.page(all)
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if facts(string(old)) != facts(page) {
		t.Errorf("docs/clients.md is out of date: go test ./integration -run TestClients -update writes it anew\n%s", page)
	}
}
