package proxy

import (
	"bytes"
	"strconv"
	"strings"

	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// state is what of the backend's session decides how statements are read.
type state struct {
	db  string
	lex sqltext.Lexis
	// charset is false while character_set_client is one that no lexer here
	// knows: then no byte beyond ASCII can be judged.
	charset bool
	// stale is set while sql_mode or the character set may differ from lex in
	// what the server does not report by itself.
	stale bool
	// untold is set while the server may have been told to report less: then it
	// is not sure that changes of character set and database are heard of.
	untold bool
	// adrift is set while db may be another one for that reason.
	adrift bool
}

// server takes flavor and version from the greeting.
func (st *state) server(r *rewrite.Rules, g *wire.Greeting) {
	text := g.ServerVersion
	if strings.Contains(text, "MariaDB") || !g.Capabilities.Has(wire.ClientMySQL) {
		st.lex.Flavor = sqltext.MariaDB
	}
	st.lex.Version = versionNumber(text)
	if !r.Catalog.Offline() {
		st.modes(r.Catalog.SQLMode)
	}
	// A trigger of the connection (init_connect) may have set other modes.
	st.stale, st.untold = true, true
}

// unseen says that something has run which may have set anything.
func (st *state) unseen() {
	st.adrift = st.adrift || st.untold
	st.stale, st.untold = true, true
}

// versionNumber gives a version as executable comments count it: 101106 for
// 5.5.5-10.11.6-MariaDB, 90700 for 9.7.0.
func versionNumber(text string) int {
	text = strings.TrimPrefix(text, "5.5.5-")
	version := 0
	for i, part := range strings.SplitN(text, ".", 3) {
		end := 0
		for end < len(part) && part[end] >= '0' && part[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(part[:end])
		if err != nil {
			break
		}
		version += n * []int{10000, 100, 1}[i]
	}
	return version
}

func (st *state) handshakeCharset(id int) {
	st.lex.Charset, st.charset = sqltext.CharsetByID(id)
}

// modes takes over an sql_mode.
func (st *state) modes(list string) {
	l := &st.lex
	l.ANSIQuotes, l.NoBackslashEscapes, l.IgnoreSpace, l.PipesAsConcat = false, false, false, false
	for m := range strings.SplitSeq(strings.ToUpper(list), ",") {
		switch m {
		case "ANSI_QUOTES":
			l.ANSIQuotes = true
		case "NO_BACKSLASH_ESCAPES":
			l.NoBackslashEscapes = true
		case "IGNORE_SPACE":
			l.IgnoreSpace = true
		case "PIPES_AS_CONCAT":
			l.PipesAsConcat = true
		}
	}
}

// note takes over what an OK packet says of the session.
func (s *session) note(ok *wire.OK) {
	s.noteStatus(ok.Status)
	if len(ok.State) == 0 {
		return
	}
	for change, err := range ok.StateChanges() {
		if err != nil {
			s.state.stale = true
			return
		}
		switch change.Type {
		case wire.StateSchema:
			s.state.db = string(change.Value)
		case wire.StateSystemVariable:
			switch string(change.Name) {
			case "character_set_client":
				s.state.lex.Charset, s.state.charset = sqltext.CharsetByName(string(change.Value))
			case "sql_mode":
				s.state.modes(string(change.Value))
			}
		}
	}
}

// noteStatus takes over the status flags of an answer.
func (s *session) noteStatus(status wire.Status) {
	s.transactionOver(status)
	was, is := s.status.Has(wire.StatusInTrans), status.Has(wire.StatusInTrans)
	s.status = status
	switch {
	case was && !is:
		s.tx.ended()
		s.takingsEnded(s.reads.end(s.ends))
	case !was && is:
		s.recallBegun()
		s.reads.begin(s.tx.savepoints)
	case !is && status.Has(wire.StatusAutocommit):
		s.tx.ended() // savepoints that SET autocommit=1 has taken away
	}
	s.state.lex.NoBackslashEscapes = status.Has(wire.StatusNoBackslashEscapes)
	if s.state.tellsQuotes() {
		s.state.lex.ANSIQuotes = status.Has(wire.StatusANSIQuotes)
	}
}

// tellsQuotes reports whether the server's status flags tell of ANSI_QUOTES:
// those of MariaDB do, since a version before 10.3.
func (st *state) tellsQuotes() bool {
	return st.lex.Flavor == sqltext.MariaDB && st.lex.Version >= 100300
}

// undecided reports whether sql may read differently under a mode or character
// set that the proxy is not sure of. Status flags tell of NO_BACKSLASH_ESCAPES,
// MariaDB's of ANSI_QUOTES too; tracked is whether the server reports changes of
// the character set.
func (st *state) undecided(sql []byte, tracked bool) bool {
	if !st.stale {
		return false
	}
	if st.adrift && tracked {
		return true
	}
	if !st.tellsQuotes() && bytes.IndexByte(sql, '"') >= 0 || bytes.Contains(sql, []byte("||")) {
		return true
	}
	if tracked && !st.untold {
		return false
	}
	for _, c := range sql {
		if c >= 0x80 {
			return true
		}
	}
	return false
}

// doubt says what of the lexis is not sure: what makes a text undecided, as far as
// it matters to where its words are.
func (st *state) doubt(tracked bool) sqltext.Doubt {
	return sqltext.Doubt{
		Quotes:  st.stale && !st.tellsQuotes(),
		Charset: !st.charset || st.stale && (!tracked || st.untold),
	}
}

// askState asks the backend for modes and character set. It changes nothing
// that the client can see but FOUND_ROWS(), and is done only where a statement
// depends on the answer.
func (s *session) askState() error {
	ask := "SELECT @@session.sql_mode, @@session.character_set_client"
	columns := 2
	if s.tracked {
		ask += ", DATABASE(), @@session.session_track_schema, @@session.session_track_system_variables"
		columns = 5
	}
	// SET TRANSACTION is for the client's next statement: this one does not end it.
	once := s.isolation.once
	rows, failed, err := s.ask([]byte(ask))
	s.isolation.once = s.isolation.once || once
	if err != nil {
		return err
	}
	if failed != nil || len(rows) != 1 || len(rows[0]) != columns {
		return nil // still stale: what depends on it is refused
	}
	s.state.modes(string(rows[0][0]))
	s.state.lex.Charset, s.state.charset = sqltext.CharsetByName(string(rows[0][1]))
	s.state.stale = false
	if s.tracked {
		s.state.db = string(rows[0][2])
		reported := string(rows[0][4])
		s.state.adrift = false
		s.state.untold = string(rows[0][3]) != "1" || !strings.Contains(reported, "character_set_client") && reported != "*"
	}
	return nil
}
