package integration

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// differing is what two runs on one server do not have in common: the server
// counts statements, and prepared ones, over all sessions.
var differing = regexp.MustCompile(`(handler \(|statement_id\\x0\d)\d+`)

// packetsOf gives the packets of answers as texts, with what a run cannot repeat
// taken out.
func packetsOf(what string, answer [][]byte) (texts []string) {
	for i, p := range answer {
		text := differing.ReplaceAllString(fmt.Sprintf("%q", p), "${1}id")
		texts = append(texts, fmt.Sprintf("%s: packet %d: %s", what, i, text))
	}
	return texts
}

// binary prepares a text, executes it and closes it: all packets of that.
func (r *raw) binary(text string) [][]byte {
	r.t.Helper()
	r.command(wire.ComStmtPrepare, []byte(text))
	p := r.packet()
	if p[0] == wire.ERRHeader {
		return r.seen
	}
	ok, err := wire.ParsePrepareOK(p)
	if err != nil {
		r.t.Fatal(err)
	}
	clear(p[1:5]) // the statement's id
	for _, n := range []int{int(ok.Params), int(ok.Columns)} {
		if n > 0 && !r.caps.Has(wire.ClientDeprecateEOF) {
			n++
		}
		for range n {
			r.packet()
		}
	}
	all := r.seen
	params := make([]wire.Param, ok.Params)
	for i := range params {
		params[i] = wire.NewInt(int64(i))
	}
	all = append(all, r.execute(ok.ID, params...)...)
	r.command(wire.ComStmtClose, statementID(ok.ID))
	return all
}

// sameHere runs a script directly and through the proxy and holds the packets of
// one against those of the other. before makes the database as it was.
func sameHere(t *testing.T, before func(), direct, proxied string, script func(addr string) []string) {
	t.Helper()
	before()
	want := script(direct)
	before()
	got := script(proxied)
	wrong := 0
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			if wrong++; wrong < 20 {
				t.Errorf("directly %s\n  proxied %s", want[i], got[i])
			}
		}
	}
	if len(want) != len(got) {
		t.Errorf("%d packets directly, %d proxied", len(want), len(got))
	}
}

// differentialDialects are the clients that are played.
var differentialDialects = map[string]wire.Capability{
	"as an old client":    plainCaps | wire.ClientFoundRows | wire.ClientIgnoreSpace | wire.ClientInteractive | wire.ClientODBC,
	"as MySQL's client":   plainCaps | wire.ClientDeprecateEOF | wire.ClientSessionTrack | wire.ClientQueryAttributes,
	"as MariaDB's client": plainCaps&^wire.ClientMySQL | wire.ClientDeprecateEOF | wire.ClientSessionTrack | wire.MariaDBExtendedMetadata,
}

// A few hundred statements give the same packets directly and through the proxy,
// as text and prepared.
func TestDifferential(t *testing.T) {
	file, err := os.ReadFile("testdata/differential/statements.sql")
	if err != nil {
		t.Fatal(err)
	}
	setup, err := os.ReadFile("testdata/differential/setup.sql")
	if err != nil {
		t.Fatal(err)
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		var texts, prepared []string
		for text := range strings.Lines(string(file)) {
			text = strings.TrimSuffix(text, "\n")
			switch of, rest, _ := strings.Cut(text, ": "); {
			case strings.HasPrefix(text, "#"):
			case of == "prepared":
				prepared = append(prepared, rest)
			case of == s.Flavor:
				texts, prepared = append(texts, rest), append(prepared, rest)
			case of != server.FlavorMariaDB && of != server.FlavorMySQL:
				texts, prepared = append(texts, text), append(prepared, text)
			}
		}
		db := s.Database(t)
		root := session(t, s, "root", db, "")
		before := func() {
			for q := range strings.SplitSeq(string(setup), ";\n") {
				if q != "" {
					execute(t, root, q)
				}
			}
		}
		before()
		p := start(t, s, "tables: {"+db+".guarded: {version: version}}")
		for name, caps := range differentialDialects {
			t.Run("text, "+name, func(t *testing.T) {
				sameHere(t, before, s.Addr, p.Addr, func(addr string) (packets []string) {
					r := dial(t, addr, db, caps)
					for _, q := range texts {
						packets = append(packets, packetsOf(q, r.query(q))...)
					}
					return packets
				})
			})
			t.Run("prepared, "+name, func(t *testing.T) {
				sameHere(t, before, s.Addr, p.Addr, func(addr string) (packets []string) {
					r := dial(t, addr, db, caps)
					for _, q := range prepared {
						packets = append(packets, packetsOf(q, r.binary(q))...)
					}
					return packets
				})
			})
		}
	})
}
