package integration

import (
	"context"
	"crypto/tls"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// A way in is how somebody comes to the server, or is refused. It gives what the
// client sees as one text; through the proxy that is what it is directly.
type wayIn struct {
	name   string
	only   string // a flavor
	before string // run by root at the server
	alone  bool   // depends on what the server has cached of passwords
	come   func(t *testing.T, addr string, config *tls.Config) string
	want   string // what the text begins with
}

// comes logs in as c.
func comes(c credentials) func(*testing.T, string, *tls.Config) string {
	return func(t *testing.T, addr string, config *tls.Config) string {
		c := c // it comes several times at once
		c.tls = config
		r, refused := c.login(t, addr, plainCaps)
		return r.whoever(refused)
	}
}

// turnsInto logs in as root and changes the user to c.
func turnsInto(c credentials) func(*testing.T, string, *tls.Config) string {
	return func(t *testing.T, addr string, config *tls.Config) string {
		r, refused := credentials{user: "root", tls: config}.login(t, addr, plainCaps)
		if refused != nil {
			t.Fatalf("root is refused: %q", refused)
		}
		return r.whoever(r.changeUser(c))
	}
}

// whoever says who the server takes the client for, or with which packet it has
// refused.
func (r *raw) whoever(refused []byte) string {
	r.t.Helper()
	if refused != nil {
		e, err := wire.ParseERR(refused, r.caps)
		if err != nil {
			r.t.Fatal(err)
		}
		return fmt.Sprintf("%d %q", e.Code, refused)
	}
	answer := r.query("SELECT CONCAT(CURRENT_USER(), ' in ', IFNULL(DATABASE(), 'none'))")
	row := answer[len(answer)-2]
	return string(row[1:])
}

// drives logs in with a driver as user, who may carry a password.
func drives(user string) func(*testing.T, string, *tls.Config) string {
	return func(t *testing.T, addr string, config *tls.Config) string {
		cfg := mysql.NewConfig()
		cfg.User, cfg.Passwd, _ = strings.Cut(user, ":")
		cfg.Net, cfg.Addr, cfg.TLS = "tcp", addr, config
		conn, err := mysql.NewConnector(cfg)
		if err != nil {
			t.Fatal(err)
		}
		c, err := conn.Connect(context.Background())
		if err != nil {
			return err.Error()
		}
		c.Close()
		return "let in"
	}
}

const secret = "p4ss w0rd"

// waysIn are those of one account: with the right and a wrong password, from the
// first answer on or after a switch of the plug-in, at once or as another user
// before.
func waysIn(name, only, user, plugin, before string, alone bool) (ways []wayIn) {
	right := credentials{user: user, password: secret, plugin: plugin}
	wrong, switched := right, right
	wrong.password, switched.plugin = "wr0ng", noPlugin
	wrongSwitched := switched
	wrongSwitched.password = wrong.password
	let, denied := user+"@% in none", "1045 "
	return []wayIn{
		{name, only, before, alone, comes(right), let},
		{name + ", wrong password", only, before, alone, comes(wrong), denied},
		{name + ", auth switch", only, before, alone, comes(switched), let},
		{name + ", auth switch, wrong password", only, before, alone, comes(wrongSwitched), denied},
		{name + ", COM_CHANGE_USER", only, before, alone, turnsInto(right), let},
		{name + ", COM_CHANGE_USER, wrong password", only, before, alone, turnsInto(wrong), denied},
		{name + ", COM_CHANGE_USER, auth switch", only, before, alone, turnsInto(switched), let},
		{name + ", COM_CHANGE_USER, auth switch, wrong password", only, before, alone, turnsInto(wrongSwitched), denied},
		{name + ", go-sql-driver", only, before, alone, drives(user + ":" + secret), "let in"},
		{name + ", go-sql-driver, wrong password", only, before, alone, drives(user + ":wr0ng"), "Error 1045 (28000): Access denied"},
	}
}

// everyWayIn is the first side of the matrix. parsec says whether the server has it.
func everyWayIn(parsec bool) (ways []wayIn) {
	const flush = "FLUSH PRIVILEGES" // empties the cache of passwords
	maria, my := server.FlavorMariaDB, server.FlavorMySQL
	ways = append(ways, waysIn("mysql_native_password", maria, "native", "mysql_native_password", "", false)...)
	ways = append(ways, waysIn("ed25519", maria, "ed", "client_ed25519", "", false)...)
	if parsec {
		ways = append(ways, slices.DeleteFunc(waysIn("parsec", maria, "par", "parsec", "", false), func(w wayIn) bool {
			return strings.Contains(w.name, "go-sql-driver") // does not know it
		})...)
	}
	ways = append(ways, waysIn("caching_sha2_password, full", my, "sha2", "caching_sha2_password", flush, true)...)
	ways = append(ways, wayIn{"caching_sha2_password, to be cached", my, "", true, drives("sha2:" + secret), "let in"})
	ways = append(ways, waysIn("caching_sha2_password, cached", my, "sha2", "caching_sha2_password", "", true)...)
	ways = append(ways, waysIn("sha256_password", my, "sha256", "sha256_password", "", false)...)
	native := map[string]string{maria: "mysql_native_password", my: "caching_sha2_password"}
	for flavor, plugin := range native {
		ways = append(ways,
			wayIn{"empty password", flavor, "", false, comes(credentials{user: "empty", plugin: plugin}), "empty@% in none"},
			wayIn{"empty password, auth switch", flavor, "", false, comes(credentials{user: "empty", plugin: noPlugin}), "empty@% in none"},
			wayIn{"empty password, another is given", flavor, flush, true, comes(credentials{user: "empty", password: "wr0ng", plugin: plugin}), "1045 "},
			wayIn{"empty password, COM_CHANGE_USER", flavor, "", false, turnsInto(credentials{user: "empty", plugin: plugin}), "empty@% in none"},
			wayIn{"no password is given", flavor, flush, true, comes(credentials{user: map[string]string{maria: "native", my: "sha2"}[flavor], plugin: plugin}), "1045 "},
		)
	}
	return append(ways,
		wayIn{"sha256_password, empty password", my, "", false, comes(credentials{user: "empty256", plugin: noPlugin}), "empty256@% in none"},
		wayIn{"sha256_password, no password is given", my, "", false, comes(credentials{user: "sha256", plugin: "sha256_password"}), "1045 "},
		wayIn{"unknown user", "", "", false, comes(credentials{user: "nobody", password: secret}), "1045 "},
		wayIn{"unknown user without a password", "", "", false, comes(credentials{user: "nobody"}), "1045 "},
		wayIn{"unknown user, COM_CHANGE_USER", "", "", false, turnsInto(credentials{user: "nobody", password: secret, plugin: noPlugin}), "1045 "},
		wayIn{"default database", "", "", false, comes(credentials{user: "empty", db: "mysql"}), "empty@% in mysql"},
		wayIn{"unknown default database", "", "", false, comes(credentials{user: "root", db: "no_such_database"}), "1049 "},
		wayIn{"unknown default database, COM_CHANGE_USER", "", "", false, turnsInto(credentials{user: "root", db: "no_such_database", plugin: noPlugin}), "1049 "},
		// Over TCP it cannot be: the server itself says so.
		wayIn{"unix_socket", maria, "", false, comes(credentials{user: "socket", password: secret}), "1698 "},
		wayIn{"auth_socket", my, "", false, comes(credentials{user: "socket", password: secret}), "1698 "},
	)
}

// matrixAccounts makes the accounts of the matrix. MariaDB has parsec from 11.6 on.
func matrixAccounts(t *testing.T, s *server.Server) (parsec bool) {
	t.Helper()
	root := session(t, s, "root", "", "")
	plugin := "INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'"
	accounts := map[string]string{
		"sha2":     "WITH caching_sha2_password BY '" + secret + "'",
		"sha256":   "WITH sha256_password BY '" + secret + "'",
		"empty":    "WITH caching_sha2_password BY ''",
		"empty256": "WITH sha256_password BY ''",
		"socket":   "WITH auth_socket",
	}
	if s.Flavor == server.FlavorMariaDB {
		plugin = "INSTALL SONAME 'auth_ed25519'"
		accounts = map[string]string{
			"native": "BY '" + secret + "'",
			"ed":     "VIA ed25519 USING PASSWORD('" + secret + "')",
			"empty":  "BY ''",
			"socket": "VIA unix_socket",
		}
		var version string
		if err := root.QueryRowContext(context.Background(), "SELECT VERSION()").Scan(&version); err != nil {
			t.Fatal(err)
		}
		var major, minor int
		if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
			t.Fatal(err)
		}
		if parsec = major > 11 || major == 11 && minor >= 6; parsec {
			accounts["par"] = "VIA parsec USING PASSWORD('" + secret + "')"
			if _, err := root.ExecContext(context.Background(), "INSTALL SONAME 'auth_parsec'"); err != nil && !strings.Contains(err.Error(), "already") {
				t.Fatal(err)
			}
		}
	}
	if _, err := root.ExecContext(context.Background(), plugin); err != nil && !strings.Contains(err.Error(), "already") {
		t.Fatal(err)
	}
	for name, identified := range accounts {
		account(t, s, name, identified)
	}
	return parsec
}

// A client with a copy of the server's public key does not ask for the proxy's.
func TestClientHasTheServersKey(t *testing.T) {
	s := server.MySQL(t)
	matrixAccounts(t, s)
	root := session(t, s, "root", "", "")
	var name, key string
	if err := root.QueryRowContext(context.Background(), "SHOW STATUS LIKE 'Caching_sha2_password_rsa_public_key'").Scan(&name, &key); err != nil {
		t.Fatal(err)
	}
	private := filepath.Join(filepath.Dir(s.CAFile), "data", "private_key.pem")
	const let, told = " in none", "1045 \"\\xff\\x15\\x04#28000ifmatch: the password is encrypted with another key"
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--backend-tls", "disabled"}, let},
		{[]string{"--backend-tls", "required"}, told},
		{[]string{"--backend-tls", "disabled", "--rsa-key", private}, let},
		{[]string{"--backend-tls", "required", "--rsa-key", private}, let},
	} {
		p := start(t, s, "tables: {}", c.flags...)
		for _, plugin := range []string{"caching_sha2_password", "sha256_password"} {
			user := map[string]string{"caching_sha2_password": "sha2", "sha256_password": "sha256"}[plugin]
			for _, first := range []string{plugin, noPlugin} {
				execute(t, root, "FLUSH PRIVILEGES") // empties the cache of passwords
				who := credentials{user: user, password: secret, plugin: first, key: []byte(key)}
				if got := comes(who)(t, p.Addr, nil); !strings.Contains(got, c.want) {
					t.Errorf("%v, %s, first %s: %s, want %s", c.flags, plugin, first, got, c.want)
				}
				who.password = "wr0ng"
				if got := comes(who)(t, p.Addr, nil); !strings.HasPrefix(got, "1045 ") {
					t.Errorf("%v, %s, first %s, wrong password: %s", c.flags, plugin, first, got)
				}
			}
		}
	}
}

// Every way in, by clients with and without TLS, to a backend with and without.
func TestAuthenticationMatrix(t *testing.T) {
	tlsOf := func(version uint16) *tls.Config {
		return &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version}
	}
	const directly = "directly"
	clients := map[string]*tls.Config{"plain": nil, "TLS 1.2": tlsOf(tls.VersionTLS12), "TLS 1.3": tlsOf(tls.VersionTLS13)}
	server.Each(t, func(t *testing.T, s *server.Server) {
		parsec := matrixAccounts(t, s)
		root := session(t, s, "root", "", "")
		modes := []string{"disabled", "preferred", "required", "verify-ca", "verify-identity"}
		addrs := map[string]string{directly: s.Addr}
		for _, mode := range modes {
			flags := []string{"--backend-tls", mode}
			if strings.HasPrefix(mode, "verify") {
				flags = append(flags, "--backend-ca", s.CAFile)
			}
			addrs[mode] = start(t, s, "tables: {}", flags...).Addr
		}
		ways := slices.DeleteFunc(everyWayIn(parsec), func(w wayIn) bool { return w.only != "" && w.only != s.Flavor })
		type cell struct{ way, client, mode string }
		seen := map[cell]string{}
		var mu sync.Mutex
		come := func(way wayIn, client string, mode string) {
			if way.before != "" {
				execute(t, root, way.before)
			}
			text := way.come(t, addrs[mode], clients[client])
			for tries := 0; tries < 3 && strings.HasPrefix(way.name, "ed25519") && text == mysql.ErrMalformPkt.Error(); tries++ {
				// The driver takes a zero at the end of the server's random bytes for a
				// mark of their end, once in 256 logins, directly as well.
				text = way.come(t, addrs[mode], clients[client])
			}
			mu.Lock()
			defer mu.Unlock()
			seen[cell{way.name, client, mode}] = text
		}
		// At once where that can be, because MariaDB takes a second to refuse COM_CHANGE_USER.
		var wg sync.WaitGroup
		for _, way := range ways {
			for client := range clients {
				for mode := range addrs {
					if !way.alone {
						wg.Go(func() { come(way, client, mode) })
					}
				}
			}
		}
		wg.Wait()
		for client := range clients {
			for _, way := range ways {
				for mode := range addrs {
					if way.alone {
						come(way, client, mode)
					}
				}
			}
		}
		for client, config := range clients {
			for _, way := range ways {
				for _, mode := range modes {
					t.Run(fmt.Sprintf("%s/client %s/backend TLS %s", way.name, client, mode), func(t *testing.T) {
						direct, got := seen[cell{way.name, client, directly}], seen[cell{way.name, client, mode}]
						if !strings.HasPrefix(direct, way.want) {
							t.Errorf("directly: %s, want %s", direct, way.want)
						}
						if got != direct {
							t.Errorf("%s\ndirectly %s", got, direct)
						}
					})
				}
			}
			for _, mode := range modes {
				t.Run(fmt.Sprintf("cipher of the backend's connection/client %s/backend TLS %s", client, mode), func(t *testing.T) {
					r, refused := credentials{user: "root", tls: config}.login(t, addrs[mode], plainCaps)
					if refused != nil {
						t.Fatalf("%q", refused)
					}
					answer := r.query("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
					row := string(answer[len(answer)-2])
					if has, want := row != "\nSsl_cipher\x00", mode != "disabled"; has != want {
						t.Errorf("%q", row)
					}
				})
			}
		}
	})
}
