package integration

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"ifmatch/integration/server"
)

// attack is a way of writing a guarded row so that it does not look like a write
// of it. Its statements go over one connection, errors or not.
type attack struct {
	name   string
	only   string   // a flavor
	params string   // of the data source name
	global string   // sql_mode that the server gives to new connections
	texts  []string // @shop stands for the database's name; asBinary and executeIt are about those of the binary protocol
	// vain is set where the server does not do it either: it was thought of, and
	// another version may.
	vain bool
}

// asBinary begins a text that is prepared by the binary protocol, and executeIt
// stands for its execution.
const (
	asBinary  = "binary: "
	executeIt = "execute it"
)

// attackWorld is a database behind a proxy that lets no row be known, and its
// twin that has no proxy, which tells whether an attack is one.
type attackWorld struct {
	s          *server.Server
	proxy      *Proxy
	shop, twin string
	direct     *sql.DB
}

const attackSetup = `
CREATE TABLE goods(id INT PRIMARY KEY, name VARBINARY(200) DEFAULT '', price INT DEFAULT 0, version BIGINT UNSIGNED NOT NULL DEFAULT 1) ENGINE=InnoDB;
CREATE TABLE other(id INT PRIMARY KEY, x INT, note VARBINARY(200) DEFAULT '') ENGINE=InnoDB;
CREATE VIEW cheap AS SELECT id AS pid, price AS p FROM goods;
CREATE PROCEDURE talk() SET NAMES gbk;
CREATE PROCEDURE chat() SET NAMES latin1;
CREATE PROCEDURE hush() SET session_track_system_variables='', session_track_schema=0;
CREATE PROCEDURE speak() SET SESSION sql_mode='NO_BACKSLASH_ESCAPES';
CREATE PROCEDURE wipe() UPDATE goods SET price=0;
CREATE FUNCTION wiped() RETURNS INT RETURN 1`

const attackRows = `
DELETE FROM goods; INSERT INTO goods(id, name, price, version) VALUES (1, 'pen', 99, 5), (2, 'ink', 5, 5);
DELETE FROM other; INSERT INTO other(id, x) VALUES (1, 1), (2, 2)`

const attackPolicy = "defaults: {unread: refuse, relative: guard, capture: off}\ntables: {shop.goods: {version: version}}"

func newAttackWorld(t *testing.T, s *server.Server, policy string) *attackWorld {
	w := &attackWorld{s: s, shop: s.Database(t), twin: s.Database(t)}
	w.direct = s.OpenAs(t, "root", "", "multiStatements=true")
	for _, db := range []string{w.shop, w.twin} {
		w.exec(t, "USE "+db+";"+attackSetup+";"+attackRows)
	}
	w.proxy = start(t, s, strings.ReplaceAll(policy, "shop", w.shop))
	return w
}

func (w *attackWorld) exec(t *testing.T, text string) {
	t.Helper()
	if _, err := w.direct.Exec(text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// rows gives the guarded rows of a database.
func (w *attackWorld) rows(t *testing.T, db string) string {
	t.Helper()
	var rows string
	err := w.direct.QueryRow("SELECT IFNULL(GROUP_CONCAT(CONCAT_WS('|', id, HEX(name), price, version) ORDER BY id SEPARATOR ' '), 'none') FROM " + db + ".goods").Scan(&rows)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// run carries out an attack with and without the proxy.
func (w *attackWorld) run(t *testing.T, a attack) {
	if a.only != "" && a.only != w.s.Flavor {
		return
	}
	w.exec(t, "USE "+w.shop+";"+attackRows+"; USE "+w.twin+";"+attackRows)
	before := w.rows(t, w.shop)
	var said [2]string
	for i, to := range []*server.Server{w.proxy.server(w.s), w.s} {
		db := []string{w.shop, w.twin}[i]
		if a.global != "" {
			w.exec(t, "SET GLOBAL sql_mode='"+a.global+"'")
		}
		pool := to.OpenAs(t, "root", db, a.params)
		conn, err := pool.Conn(context.Background())
		if a.global != "" {
			w.exec(t, "SET GLOBAL sql_mode=DEFAULT")
		}
		if err != nil {
			t.Fatal(err)
		}
		var stmt *sql.Stmt
		for _, text := range a.texts {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			var err error
			text = strings.NewReplacer("@shop", db, "@SHOP", strings.ToUpper(db)).Replace(text)
			if binary, ok := strings.CutPrefix(text, asBinary); ok {
				stmt, err = conn.PrepareContext(ctx, binary)
			} else if text != executeIt {
				_, err = conn.ExecContext(ctx, text)
			} else if stmt != nil {
				_, err = stmt.ExecContext(ctx)
			}
			cancel()
			said[i] += fmt.Sprintf("\n  %q: %v", text, err)
		}
		conn.Close()
		pool.Close()
	}
	if after := w.rows(t, w.shop); after != before {
		t.Errorf("the rows were %s and are %s after%s", before, after, said[0])
	}
	if does := w.rows(t, w.twin) != before; does == a.vain {
		t.Errorf("without the proxy the rows change: %v; want %v; after%s", does, !a.vain, said[1])
	}
}
