package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// progressScript is what MariaDB reports the progress of, before the answer or among its
// rows, and what it does not.
var progressScript = []struct {
	text    string
	reports bool
}{
	{"ALTER TABLE big ADD x INT, ALGORITHM=COPY", true},
	{"ALTER TABLE big ENGINE=Aria", true},
	{"REPAIR TABLE big, big2", true},
	{"CHECK TABLE big2", true},
	{"OPTIMIZE TABLE big", false},
	{"SELECT COUNT(*) FROM big", false},
	{"ALTER TABLE big ADD CONSTRAINT positive CHECK (id < 5), ALGORITHM=COPY", false}, // fails before
	{"ALTER TABLE products ADD y INT, ALGORITHM=COPY", true},
	{"UPDATE products SET price=1 WHERE id=100 AND version=9", false},
}

// MariaDB's reports of progress reach a client that has asked for them, before the answer,
// and no other; none is taken for an error.
func TestProgressReports(t *testing.T) {
	s := server.MariaDB(t)
	const setup = products + `;
CREATE TABLE big(id INT PRIMARY KEY, n INT NOT NULL, s VARCHAR(50), KEY (n), KEY (s)); INSERT INTO big SELECT seq, seq % 100, MD5(seq) FROM seq_1_to_200;
CREATE TABLE big2(id INT PRIMARY KEY, n INT NOT NULL, s VARCHAR(50), KEY (n), KEY (s)) ENGINE=Aria; INSERT INTO big2 SELECT * FROM big`
	shop, p := shopOf(t, s, setup, byVersion)
	var again []string
	for _, name := range []string{"big2", "big", "products"} {
		again = append(again, "DROP TABLE "+name)
	}
	again = append(again, statements(setup)...)
	root := session(t, s, "root", shop, "")
	// play carries out the script as text and prepared, and gives its packets with the reports
	// in front of an answer, or among its rows, as one: how many there are is a matter of time.
	play := func(addr string, caps wire.Capability) (packets []string) {
		for _, prepared := range []bool{false, true} {
			for _, q := range again {
				execute(t, root, q)
			}
			r := dial(t, addr, shop, caps)
			for _, step := range progressScript {
				answer := r.query
				if prepared {
					answer = r.binary
				}
				var seen []string
				for _, p := range answer(step.text) {
					if text := "a report of progress"; !wire.IsProgress(p) {
						seen = append(seen, strings.Join(packetsOf("", [][]byte{p}), ""))
					} else if !slices.Contains(seen, text) {
						seen = append(seen, text)
					}
				}
				packets = append(packets, fmt.Sprintf("%s, prepared %v: %q", step.text, prepared, seen))
			}
			r.c.NetConn().Close()
		}
		return packets
	}
	for name, caps := range map[string]wire.Capability{
		"asked for":                           plainCaps&^wire.ClientMySQL | wire.MariaDBProgress,
		"asked for, with the new form of EOF": plainCaps&^wire.ClientMySQL | wire.MariaDBProgress | wire.ClientDeprecateEOF | wire.ClientSessionTrack,
		"not asked for":                       plainCaps &^ wire.ClientMySQL,
	} {
		t.Run(name, func(t *testing.T) {
			want, got := play(s.Addr, caps), play(p.Addr, caps)
			for i := range got {
				step := progressScript[i%len(progressScript)]
				if reports := strings.Contains(got[i], "report of progress"); reports != (step.reports && caps.Has(wire.MariaDBProgress)) {
					t.Errorf("%s\nreports: %v", got[i], reports)
				}
				if got[i] != want[i] && !strings.HasPrefix(step.text, "UPDATE") {
					t.Errorf("%s\ndirectly %s", got[i], want[i])
				}
				if strings.HasPrefix(step.text, "UPDATE") && !strings.Contains(got[i], "version conflict") {
					t.Errorf("%s", got[i])
				}
			}
		})
	}
}
