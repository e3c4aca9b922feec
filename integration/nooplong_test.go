package integration

import (
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// Long data that is compared first is stored as it is without the comparison:
// bytes stay bytes.
func TestNoopLongData(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		for _, noop := range []string{"bump", "skip"} {
			shop := s.Database(t)
			db := session(t, s, "root", shop, "")
			execute(t, db, "CREATE TABLE t(id INT PRIMARY KEY, c VARCHAR(20) CHARACTER SET latin1, n INT, v INT NOT NULL DEFAULT 1)")
			execute(t, db, "INSERT INTO t(id, c) VALUES (1, 'x')")
			p := start(t, s, "tables: {"+shop+".t: {version: v, noop: "+noop+"}}")
			r := dial(t, p.Addr, shop, plainCaps)
			id := r.prepare("UPDATE t SET n=?, c=? WHERE id=?").ID
			r.long(id, 1, "\xc3")
			r.long(id, 1, "\xa9")
			blob := wire.Param{Type: wire.TypeLongBlob, Long: true}
			if got := r.outcomeOf(r.execute(id, wire.NewInt(1), blob, wire.NewInt(1))); got != "1 affected" {
				t.Errorf("noop: %s: %s", noop, got)
			}
			if wrong := gives("C3A9|1|2")(run(db, "SELECT HEX(c), n, v FROM t", shop)); wrong != "" {
				t.Errorf("noop: %s: %s", noop, wrong)
			}
		}
	})
}
