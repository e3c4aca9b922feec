package dialect

import (
	"bytes"
	"strconv"
	"strings"

	"ifmatch/sqltext"
	"ifmatch/wire"
)

// State is what of the backend's session decides how statements are read, as far as it is
// known.
type State struct {
	DB string // the current database, "" for none
	// Tracked is set where the server reports changes of session state.
	Tracked bool
	Lex     sqltext.Lexis
	// CharsetKnown is false while character_set_client is one that no lexer here
	// knows: then no byte beyond ASCII can be judged.
	CharsetKnown bool
	// Stale is set while sql_mode or the character set may differ from Lex in
	// what the server does not report by itself.
	Stale bool
	// Untold is set while the server may have been told to report less: then it
	// is not sure that changes of character set and database are heard of.
	Untold bool
	// adrift is set while DB may be another one for that reason.
	adrift bool
}

// Greeted takes flavor and version from a greeting.
func (st *State) Greeted(g *wire.Greeting) {
	text := g.ServerVersion
	if strings.Contains(text, "MariaDB") || !g.Capabilities.Has(wire.ClientMySQL) {
		st.Lex.Flavor = sqltext.MariaDB
	}
	st.Lex.Version = versionNumber(text)
	// A trigger of the connection (init_connect) may have set other modes.
	st.Stale, st.Untold = true, true
}

// Unseen says that something has run which may have set anything.
func (st *State) Unseen() {
	st.adrift = st.adrift || st.Untold
	st.Stale, st.Untold = true, true
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

// SetCharset takes over the character set of a collation, by its number.
func (st *State) SetCharset(id int) {
	st.Lex.Charset, st.CharsetKnown = sqltext.CharsetByID(id)
}

// SetModes takes over an sql_mode.
func (st *State) SetModes(list string) {
	l := &st.Lex
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

// tellsQuotes reports whether the server's status flags tell of ANSI_QUOTES:
// those of MariaDB do, since a version before 10.3.
func (st *State) tellsQuotes() bool {
	return st.Lex.Flavor == sqltext.MariaDB && st.Lex.Version >= 100300
}

// Undecided reports whether sql may read differently under a mode or character
// set that the proxy is not sure of. Status flags tell of NO_BACKSLASH_ESCAPES,
// MariaDB's of ANSI_QUOTES too.
func (st *State) Undecided(sql []byte) bool {
	if !st.Stale {
		return false
	}
	if st.adrift && st.Tracked {
		return true
	}
	if !st.tellsQuotes() && bytes.IndexByte(sql, '"') >= 0 || bytes.Contains(sql, []byte("||")) {
		return true
	}
	if st.Tracked && !st.Untold {
		return false
	}
	for _, c := range sql {
		if c >= 0x80 {
			return true
		}
	}
	return false
}

// Doubt says what of the lexis is not sure: what makes a text undecided, as far as
// it matters to where its words are.
func (st *State) Doubt() sqltext.Doubt {
	return sqltext.Doubt{
		Quotes:  st.Stale && !st.tellsQuotes(),
		Charset: !st.CharsetKnown || st.Stale && (!st.Tracked || st.Untold),
	}
}

// Reset says that the server has made its session as new, whatever modes that has then.
func (st *State) Reset() { st.Stale, st.Untold, st.adrift = true, true, false }

// Use takes over a change of database, unless the server reports it by itself.
func (st *State) Use(db string) {
	if !st.Tracked || st.Untold {
		st.DB = db
	}
}

// Reported takes over a change that the server reports.
func (st *State) Reported(change wire.StateChange) {
	switch change.Type {
	case wire.StateSchema:
		st.DB = string(change.Value)
	case wire.StateSystemVariable:
		switch string(change.Name) {
		case "character_set_client":
			st.Lex.Charset, st.CharsetKnown = sqltext.CharsetByName(string(change.Value))
		case "sql_mode":
			st.SetModes(string(change.Value))
		}
	}
}

// SetFlags takes over the status flags of an answer.
func (st *State) SetFlags(status wire.Status) {
	st.Lex.NoBackslashEscapes = status.Has(wire.StatusNoBackslashEscapes)
	if st.tellsQuotes() {
		st.Lex.ANSIQuotes = status.Has(wire.StatusANSIQuotes)
	}
}

// Question gives a SELECT that asks the server for all that may not be sure.
func (st *State) Question() []byte {
	ask := "SELECT @@session.sql_mode, @@session.character_set_client"
	if st.Tracked {
		ask += ", DATABASE(), @@session.session_track_schema, @@session.session_track_system_variables"
	}
	return []byte(ask)
}

// Answered takes over the row that answers that question. Any other is passed over.
func (st *State) Answered(row [][]byte) {
	if len(row) != 2 && !st.Tracked || len(row) != 5 && st.Tracked {
		return
	}
	st.SetModes(string(row[0]))
	st.Lex.Charset, st.CharsetKnown = sqltext.CharsetByName(string(row[1]))
	st.Stale = false
	if st.Tracked {
		st.DB = string(row[2])
		reported := string(row[4])
		st.adrift = false
		st.Untold = string(row[3]) != "1" || !strings.Contains(reported, "character_set_client") && reported != "*"
	}
}
