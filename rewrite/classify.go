package rewrite

import (
	"strings"

	"ifmatch/policy"
	"ifmatch/schema"
)

// plan decides by the first words what kind of statement it is. Whatever is not
// known here and names a guarded table is refused.
func (p *planner) plan() *Plan {
	i := p.stmt.from
	for p.op(i, "(") {
		i++
	}
	if i >= p.stmt.to {
		return pass("nothing in it")
	}
	if refused := p.outOfSight(i); refused != nil {
		return refused
	}
	switch {
	case p.word(i, "WITH"):
		return p.planWith(i)
	case p.defines(i):
		return p.planDDL(i)
	case p.oneOf(i, "PREPARE", "EXECUTE"):
		return pass("the session judges what is prepared")
	case p.oneOf(i, "SHOW", "DESC", "DESCRIBE", "EXPLAIN", "USE", "HELP", "KILL", "HANDLER",
		"BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "XA",
		"LOCK", "UNLOCK", "FLUSH", "CHECK", "CHECKSUM", "OPTIMIZE", "REPAIR", "CACHE",
		"GRANT", "REVOKE", "DEALLOCATE", "PURGE", "RESET", "CHANGE", "STOP"):
		return pass("it writes no table")
	case p.word(i, "BINLOG") && p.rules.Tables() > 0:
		return refuse(nil, "BINLOG runs events that cannot be judged; let an account with mode off do it")
	case p.word(i, "ANALYZE"):
		return p.planAnalyze()
	}
	return p.planRows(i)
}

// planRows is for statements that read or write rows.
func (p *planner) planRows(i int) *Plan {
	switch {
	case p.word(i, "UPDATE"):
		return p.planUpdate(i)
	case p.word(i, "DELETE"):
		return p.planDelete(i)
	case p.oneOf(i, "INSERT", "REPLACE"):
		return p.unlisted(i, p.numbered(i, p.planInsert(i)))
	case p.word(i, "LOAD"):
		return p.numberedLoad(p.planLoad())
	case p.word(i, "SELECT") && i == p.stmt.from:
		return p.planSelect(i)
	case p.oneOf(i, "SELECT", "TABLE", "VALUES", "DO", "SET", "CALL"), p.op(i, "("):
		return pass("it writes no guarded table")
	}
	if t := p.mentioned(p.stmt); t != nil {
		return refuse(t, "a statement that begins with %s and names %s cannot be guarded", strings.ToUpper(string(p.Bytes(i))), t.Name)
	}
	return pass("it writes no guarded table")
}

// planWith plans the statement behind WITH name AS (…), ….
func (p *planner) planWith(i int) *Plan {
	i++
	if p.word(i, "RECURSIVE") && !p.word(i+1, "AS") {
		i++
	}
	for {
		i++ // the name
		if p.op(i, "(") {
			i = p.closing(i, p.stmt.to) + 1
		}
		if !p.word(i, "AS") || !p.op(i+1, "(") {
			break
		}
		if i = p.closing(i+1, p.stmt.to) + 1; !p.op(i, ",") {
			return p.planRows(min(i, p.stmt.to-1))
		}
		i++
	}
	return p.unreadable("WITH")
}

// planAnalyze tells ANALYZE TABLE from MariaDB's ANALYZE, which runs the statement behind it.
func (p *planner) planAnalyze() *Plan {
	if t := p.mentioned(p.stmt); t != nil && p.writes(p.stmt) {
		return refuse(t, "ANALYZE runs the statement behind it, and a write in it that may be of %s cannot be guarded; EXPLAIN can", t.Name)
	}
	return pass("it writes no guarded table")
}

// writes reports whether a word that begins a write stands anywhere in p.
func (p *planner) writes(in part) bool {
	return p.has(in, "UPDATE", "DELETE", "INSERT", "REPLACE", "TRUNCATE", "LOAD", "DROP", "ALTER", "RENAME", "CREATE")
}

// planLoad refuses LOAD DATA … REPLACE.
func (p *planner) planLoad() *Plan {
	for i := p.stmt.from; i+1 < p.stmt.to; i++ {
		if !p.word(i, "INTO") || !p.word(i+1, "TABLE") {
			continue
		}
		t, _, _, ok := p.tableName(i + 2)
		if !ok {
			break
		}
		switch {
		case t == nil:
			return pass("it writes no guarded table")
		case p.word(i-1, "REPLACE") && t.Settings.Upsert != policy.UpsertAllow:
			return refuse(t, "LOAD DATA … REPLACE into %s cannot be guarded; LOAD DATA … IGNORE can", t.Name)
		case t.pending != nil:
			return refuse(t, "LOAD DATA into %s, whose rows may be taken by their %s: which state its rows get cannot be known; write INSERT", t.Name, t.status.column.Name)
		case t.status != nil && t.status.hasInitial:
			return refuse(t, "LOAD DATA into %s, whose %s may only be %s at first: which state its rows get cannot be known; write INSERT",
				t.Name, t.status.column.Name, statesText(t.status.initial))
		}
		if p.word(i-1, "REPLACE") {
			return pass("the policy lets it pass unchecked (upsert: allow); rows that it replaces begin with a version of their own")
		}
		return pass("LOAD DATA without REPLACE takes nobody's update away")
	}
	if t := p.mentioned(p.stmt); t != nil && p.has(p.stmt, "REPLACE") {
		return refuse(t, "LOAD DATA … REPLACE that names %s cannot be guarded", t.Name)
	}
	return pass("it writes no guarded table")
}

// tableName reads [schema.]table at i. t is nil where it is not guarded.
func (p *planner) tableName(i int) (t *Table, view bool, next int, ok bool) {
	ref, next, ok := p.column(i)
	if !ok || ref.schema != "" {
		return nil, false, next, false
	}
	t, view = p.guarded(schema.Name{Schema: ref.table, Name: ref.column})
	return t, view, next, true
}
