package integration

import (
	"fmt"
	"math/rand/v2"
	"strconv"

	"ifmatch/wire"
)

// What the sessions of a random walk do, and on what.

// guardedAs is a table and how the policy guards it.
type guardedAs struct {
	table      string
	token      tokenKind
	scope      string
	unread     string
	relative   string
	onConflict string
	missing    string
	noop       string
}

// tokenKind is how the policy versions a table.
type tokenKind int

const (
	counted  tokenKind = iota // a number
	timed                     // a time
	unique                    // a UUID
	digested                  // no column: a digest of the others
)

// row is a row of a guarded table, all but its key.
type row struct {
	a, n, seen int
	version    string // of a digested table always ""
}

func (g guardedAs) tokenOf(id int, r row) string {
	if g.token == digested {
		return fmt.Sprintf("%d,%d,%d", id, r.a, r.n)
	}
	return r.version
}

// act is one statement of one session.
type act struct {
	who      int
	do       deed
	id, to   int
	a, n     int
	least    int // with AND n >= least, if it is not 0
	by       source
	pick     int    // of the tokens that the writer may believe in
	given    string // the token picked
	name     string // of a savepoint or context
	prepared bool
}

type deed int

const (
	selectRow deed = iota
	selectHidden
	selectSome
	selectJoined
	selectLocking
	selectCount
	selectDerived
	updateValue
	updateRelative
	updateMixed
	updateIgnored
	updateKey
	deleteRow
	insertRow
	begin
	commit
	rollback
	setSavepoint
	rollbackTo
	release
	autocommitOff
	autocommitOn
	commitByDDL
	reset
	setContext
)

// source is where a write takes its expectation from.
type source int

const (
	byRead source = iota
	byHint
	byVariable
	byWhere
	bySet
)

func (a act) isSelect() bool    { return a.do <= selectDerived }
func (a act) isUpdate() bool    { return a.do >= updateValue && a.do <= updateKey }
func (a act) touchesRows() bool { return a.do <= insertRow }
func (a act) locks() bool       { return a.do == selectLocking || a.do >= updateValue && a.do <= insertRow }

// guardedTables gives every scope with every kind of token, twice, with the other
// keys of the policy dealt out among them.
func guardedTables() []guardedAs {
	r := rand.New(rand.NewPCG(7, 7))
	either := func(a, b string) string { return []string{a, b}[r.IntN(2)] }
	var all []guardedAs
	for range 2 {
		for _, scope := range []string{"session", "transaction", "context"} {
			for token := counted; token <= digested; token++ {
				g := guardedAs{table: fmt.Sprintf("t%d", len(all)), token: token, scope: scope, unread: either("allow", "refuse"),
					relative: either("pass", "guard"), missing: either("pass", "conflict"), noop: either("bump", "skip"),
					onConflict: []string{"doom", "doom", "rollback", "statement"}[r.IntN(4)]}
				if token == digested {
					g.noop = "bump"
				}
				all = append(all, g)
			}
		}
	}
	return all
}

func (g guardedAs) create() string {
	version := map[tokenKind]string{
		counted: ", version BIGINT UNSIGNED NOT NULL DEFAULT 1",
		timed:   ", version DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)",
		unique:  ", version VARCHAR(36) NOT NULL DEFAULT (UUID())",
	}
	return fmt.Sprintf("CREATE TABLE %s(id INT PRIMARY KEY, a INT NOT NULL, n INT NOT NULL, seen INT NOT NULL DEFAULT 0%s)", g.table, version[g.token])
}

func (g guardedAs) policy() string {
	version := map[tokenKind]string{
		counted: "version", timed: "{column: version, bump: now}", unique: "{column: version, bump: uuid}", digested: "{digest: all}",
	}
	return fmt.Sprintf("%s: {version: %s, ignore: [seen], scope: %s, unread: %s, relative: %s, on_conflict: %s, missing: %s, noop: %s}",
		g.table, version[g.token], g.scope, g.unread, g.relative, g.onConflict, g.missing, g.noop)
}

// walk makes a random walk.
func (g guardedAs) walk(r *rand.Rand) []act {
	often := []deed{selectRow, selectRow, selectHidden, selectHidden, selectSome, selectJoined, selectLocking, selectCount, selectDerived,
		updateValue, updateValue, updateValue, updateValue, updateRelative, updateRelative, updateMixed, updateIgnored, updateKey, updateKey,
		deleteRow, insertRow, insertRow, begin, begin, commit, commit, rollback, rollback, setSavepoint, setSavepoint, rollbackTo, rollbackTo,
		release, autocommitOff, autocommitOn}
	around := []deed{updateValue, updateValue, deleteRow, insertRow}
	var acts []act
	for range walkLength {
		a := act{who: r.IntN(walkers + 1), id: 1 + r.IntN(topID), to: 1 + r.IntN(topID), a: r.IntN(3), n: 1 + r.IntN(2), pick: r.IntN(3),
			name: string('a' + rune(r.IntN(2))), prepared: r.IntN(2) == 0}
		switch {
		case a.who == walkers:
			a.do = around[r.IntN(len(around))]
		case r.IntN(40) == 0:
			a.do = []deed{reset, commitByDDL}[r.IntN(2)]
		case g.scope == "context" && r.IntN(8) == 0:
			a.do = setContext
		default:
			a.do = often[r.IntN(len(often))]
			if (a.isUpdate() || a.do == deleteRow) && (g.token == counted || g.token == unique) && a.do != updateIgnored && r.IntN(4) == 0 {
				a.by = []source{byHint, byVariable, byWhere, bySet}[r.IntN(4)]
				if a.do == deleteRow && a.by == bySet {
					a.by = byWhere
				}
			}
			if a.do == insertRow && g.token == counted && r.IntN(3) == 0 {
				a.by = bySet
			}
			if (a.isUpdate() || a.do == selectSome) && r.IntN(6) == 0 {
				a.least = 2
			}
		}
		acts = append(acts, a)
	}
	return acts
}

// sql gives the statement of an act. With prepared its constants are parameters.
func (a act) sql(g guardedAs, direct bool) (text string, params []wire.Param) {
	v := func(x any) string {
		if a.prepared {
			switch x := x.(type) {
			case int:
				params = append(params, wire.NewInt(int64(x)))
			case string:
				params = append(params, wire.NewBytes([]byte(x)))
			}
			return "?"
		}
		if s, ok := x.(string); ok {
			return "'" + s + "'"
		}
		return fmt.Sprint(x)
	}
	token := func() string {
		if n, err := strconv.Atoi(a.given); err == nil {
			return v(n)
		}
		return v(a.given)
	}
	t := g.table
	switch a.do {
	case selectRow:
		return "SELECT * FROM " + t + " WHERE id=" + v(a.id), params
	case selectHidden:
		return "SELECT a FROM " + t + " WHERE id=" + v(a.id), params
	case selectLocking:
		return "SELECT a FROM " + t + " WHERE id=" + v(a.id) + " FOR UPDATE", params
	case selectSome:
		return "SELECT x.n, x.a AS y FROM " + t + " x WHERE n>=" + v(a.least) + " ORDER BY x.id", params
	case selectJoined:
		return "SELECT p.a, q.n FROM " + t + " p LEFT JOIN " + t + " AS q ON q.id = p.id + 1 WHERE p.id=" + v(a.id), params
	case selectCount:
		return "SELECT COUNT(*) FROM " + t, params
	case selectDerived:
		return "SELECT d.a FROM (SELECT a FROM " + t + " WHERE id=" + v(a.id) + ") d", params
	case begin:
		return "BEGIN", nil
	case commit:
		return "COMMIT", nil
	case rollback:
		return "ROLLBACK", nil
	case setSavepoint:
		return "SAVEPOINT " + a.name, nil
	case rollbackTo:
		return "ROLLBACK TO " + a.name, nil
	case release:
		return "RELEASE SAVEPOINT " + a.name, nil
	case autocommitOff:
		return "SET autocommit=0", nil
	case autocommitOn:
		return "SET autocommit=1", nil
	case reset:
		return "RESET_CONNECTION", nil // a command
	case commitByDDL:
		return fmt.Sprintf("ALTER TABLE side COMMENT='%d'", a.a), nil
	case setContext:
		return "SET @ifmatch_context = " + v("ctx-"+a.name), params
	case insertRow:
		columns, version := "id, a, n", ""
		if a.by != byRead {
			columns, version = columns+", version", ", 5"
		}
		return "INSERT INTO " + t + "(" + columns + ") VALUES (" + v(a.id) + ", " + v(a.a) + ", " + v(a.n) + version + ")", params
	}
	hint := ""
	if a.by == byHint {
		hint = "/* ifmatch: version=" + g.constant(a.given) + " */ "
	}
	if a.do == deleteRow {
		text = "DELETE " + hint + "FROM " + t
	} else {
		text = "UPDATE " + hint + t + " SET "
		if a.by == bySet { // behind other assignments it would always be a change
			text += "version=" + token() + ", "
		}
		switch a.do {
		case updateValue:
			text += "a=" + v(a.a)
		case updateRelative:
			text += "n=n+" + v(a.n)
		case updateMixed:
			text += "n=n+" + v(a.n) + ", a=" + v(a.a)
		case updateIgnored:
			text += "seen=" + v(a.a)
		case updateKey:
			text += "id=" + v(a.to)
		}
		if direct {
			text += map[tokenKind]string{counted: ", version=version+1", timed: ", version=CURRENT_TIMESTAMP(6)", unique: ", version=UUID()"}[g.token]
		}
	}
	text += " WHERE id=" + v(a.id)
	if a.least > 0 {
		text += " AND n>=" + v(a.least)
	}
	if a.by == byWhere {
		text += " AND version=" + token()
	}
	return text, params
}

func (g guardedAs) constant(token string) string {
	if g.token == counted {
		return token
	}
	return "'" + token + "'"
}
