package dialect

import (
	"testing"

	"ifmatch/sqltext"
	"ifmatch/wire"
)

func TestGreeted(t *testing.T) {
	for text, want := range map[string]sqltext.Lexis{
		"5.5.5-10.11.6-MariaDB": {Flavor: sqltext.MariaDB, Version: 101106},
		"11.8.2-MariaDB-1":      {Flavor: sqltext.MariaDB, Version: 110802},
		"9.7.0":                 {Flavor: sqltext.MySQL, Version: 90700},
		"8.0.36-0ubuntu0":       {Flavor: sqltext.MySQL, Version: 80036},
		"unknown":               {Flavor: sqltext.MySQL},
	} {
		var st State
		st.Greeted(&wire.Greeting{ServerVersion: text, Capabilities: wire.ClientMySQL})
		if st.Lex != want || !st.Stale || !st.Untold {
			t.Errorf("%s: %+v, want %+v and nothing sure", text, st, want)
		}
	}
}

func TestUndecided(t *testing.T) {
	const plain, quotes, pipes, beyond = "SELECT 'a'", `SELECT "a"`, "SELECT a || b", "SELECT 'ä'"
	mariadb := sqltext.Lexis{Flavor: sqltext.MariaDB, Version: 101106}
	for _, c := range []struct {
		name      string
		state     State
		undecided string
	}{
		{"sure", State{}, ""},
		{"modes of MySQL", State{Stale: true, Tracked: true}, quotes + pipes},
		{"modes of MariaDB, whose status flags tell of quotes", State{Stale: true, Tracked: true, Lex: mariadb}, pipes},
		{"a character set of which the server may not tell", State{Stale: true, Tracked: true, Untold: true, Lex: mariadb}, pipes + beyond},
		{"or of which it cannot", State{Stale: true, Lex: mariadb}, pipes + beyond},
		{"the database too", State{Stale: true, Tracked: true, Untold: true, adrift: true, Lex: mariadb}, plain + quotes + pipes + beyond},
	} {
		all := ""
		for _, sql := range []string{plain, quotes, pipes, beyond} {
			if c.state.Undecided([]byte(sql)) {
				all += sql
			}
		}
		if all != c.undecided {
			t.Errorf("%s: %q, want %q", c.name, all, c.undecided)
		}
	}
}

func row(values ...string) (row [][]byte) {
	for _, v := range values {
		row = append(row, []byte(v))
	}
	return row
}

func TestAnswered(t *testing.T) {
	for _, c := range []struct {
		name  string
		state State
		row   [][]byte
		want  State
	}{
		{"a server that reports nothing", State{DB: "shop"}, row("ANSI_QUOTES,PIPES_AS_CONCAT", "utf8mb4"),
			State{DB: "shop", CharsetKnown: true, Untold: true, Lex: sqltext.Lexis{ANSIQuotes: true, PipesAsConcat: true, Charset: sqltext.UTF8MB4}}},
		{"one that reports", State{Tracked: true, DB: "shop"}, row("", "utf8mb4", "other", "1", "autocommit,character_set_client"),
			State{Tracked: true, DB: "other", CharsetKnown: true, Lex: sqltext.Lexis{Charset: sqltext.UTF8MB4}}},
		{"one that was told not to", State{Tracked: true, DB: "shop"}, row("", "utf8mb4", "other", "0", "*"),
			State{Tracked: true, DB: "other", CharsetKnown: true, Untold: true, Lex: sqltext.Lexis{Charset: sqltext.UTF8MB4}}},
		{"no answer to the question", State{Tracked: true, DB: "shop"}, row("", "utf8mb4"), State{Tracked: true, DB: "shop", Stale: true, Untold: true, adrift: true}},
	} {
		st := c.state
		st.Unseen()
		st.Unseen()
		if st.Answered(c.row); !st.Tracked {
			c.want.adrift = true // which it does not ask for
		}
		if st != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, st, c.want)
		}
	}
}

// USE and COM_INIT_DB tell the database where the server does not.
func TestUse(t *testing.T) {
	for name, c := range map[string]struct {
		state State
		want  string
	}{
		"not tracked":      {State{DB: "a"}, "b"},
		"tracked":          {State{DB: "a", Tracked: true}, "a"},
		"tracked, perhaps": {State{DB: "a", Tracked: true, Untold: true}, "b"},
	} {
		st := c.state
		if st.Use("b"); st.DB != c.want {
			t.Errorf("%s: %q, want %q", name, st.DB, c.want)
		}
	}
}
