package integration

import (
	"context"
	"strings"
	"testing"

	"ifmatch/integration/server"
)

// In swe7 the letter ä is the byte of {, so a text of ASCII names a table that is
// none. Nothing gets past the guard of one so, and other character sets are as ever.
func TestLettersInPlaceOfASCII(t *testing.T) {
	const hush = "SET session_track_system_variables='', session_track_schema=0"
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, twin := s.Database(t), s.Database(t)
		direct := s.OpenAs(t, "root", shop, "multiStatements=true")
		for _, db := range []string{shop, twin} {
			if _, err := direct.Exec("USE " + db + "; CREATE TABLE `ägod`(id INT PRIMARY KEY, price INT, version BIGINT NOT NULL DEFAULT 1) ENGINE=InnoDB; CREATE TABLE other(id INT)"); err != nil {
				t.Fatal(err)
			}
		}
		p := start(t, s, "defaults: {unread: refuse, relative: guard, capture: off}\ntables: {"+shop+".ägod: {version: version}}")
		for _, tt := range []struct {
			name, params string
			texts        []string
			vain         string // a flavor that reads the text otherwise
		}{
			{"SET NAMES", "", []string{"SET NAMES swe7", "UPDATE `{god` SET price=price+1"}, ""},
			{"the handshake", "collation=swe7_swedish_ci", []string{"UPDATE `{god` SET price=price+1"}, ""},
			{"unreported", "", []string{hush, "SET NAMES swe7", "UPDATE `{god` SET price=price+1"}, ""},
			{"two statements", "multiStatements=true", []string{"SET NAMES swe7; UPDATE `{god` SET price=price+1"}, ""},
			{"two statements, then", "multiStatements=true", []string{"SET NAMES swe7", "SELECT 1; UPDATE `{god` SET price=price+1"}, ""},
			{"prepared", "", []string{"SET NAMES swe7", asBinary + "UPDATE `{god` SET price=price+1"}, ""},
			{"prepared by SQL", "", []string{"SET NAMES swe7", "PREPARE q FROM 'UPDATE `{god` SET price=price+1'", "EXECUTE q"}, server.FlavorMySQL},
			{"UTF-8", "", []string{"UPDATE `ägod` SET price=price+1"}, ""},
			{"latin1", "", []string{"SET NAMES latin1", "UPDATE `\xe4god` SET price=price+1"}, ""},
		} {
			t.Run(tt.name, func(t *testing.T) {
				for i, to := range []*server.Server{p.server(s), s} {
					db := []string{shop, twin}[i]
					if _, err := direct.Exec("REPLACE INTO " + db + ".`ägod` VALUES (1, 99, 5)"); err != nil {
						t.Fatal(err)
					}
					pool := to.OpenAs(t, "root", db, tt.params)
					pool.SetMaxOpenConns(1)
					for _, text := range tt.texts {
						if sql, ok := strings.CutPrefix(text, asBinary); ok {
							if stmt, err := pool.PrepareContext(context.Background(), sql); err == nil {
								stmt.Exec()
								stmt.Close()
							}
							continue
						}
						pool.Exec(text)
					}
					if _, err := pool.Exec("SET NAMES utf8mb4"); err != nil {
						t.Errorf("the session does not get out of its character set: %v", err)
					}
					if _, err := pool.Exec("UPDATE other SET id = 1"); err != nil {
						t.Errorf("behind it: %v", err)
					}
					pool.Close()
					var price int
					if err := direct.QueryRow("SELECT price FROM " + db + ".`ägod`").Scan(&price); err != nil {
						t.Fatal(err)
					}
					if want := []int{99, 100}[i]; price != want && (i == 0 || tt.vain != s.Flavor) {
						t.Errorf("price is %d, want %d", price, want)
					}
				}
			})
		}
	})
}
