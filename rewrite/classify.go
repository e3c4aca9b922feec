package rewrite

import (
	"strings"

	"ifmatch/schema"
	"ifmatch/sqltext"
)

// plan decides by the first words what kind of statement it is. Whatever is not
// known here and names a guarded table is refused.
func (p *planner) plan() *Plan {
	i := p.stmt.from
	for p.op(i, "(") {
		i++
	}
	switch {
	case p.stmt.empty() || i >= p.stmt.to:
		return pass("nothing in it")
	case p.word(i, "UPDATE"):
		return p.planUpdate()
	case p.word(i, "DELETE"):
		return p.planDelete()
	case p.oneOf(i, "INSERT", "REPLACE"):
		return p.planInsert()
	case p.word(i, "LOAD"):
		return p.planLoad()
	case p.oneOf(i, "SELECT", "TABLE", "VALUES", "DO", "SET", "CALL"):
		return p.planReader(i)
	case p.oneOf(i, "SHOW", "DESC", "DESCRIBE", "EXPLAIN", "USE", "HELP", "KILL", "HANDLER",
		"BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "XA",
		"LOCK", "UNLOCK", "FLUSH", "CHECK", "CHECKSUM", "OPTIMIZE", "REPAIR", "CACHE",
		"GRANT", "REVOKE", "DEALLOCATE", "BINLOG", "PURGE", "RESET", "CHANGE", "STOP"):
		return p.planAdmin(i)
	case p.oneOf(i, "TRUNCATE", "DROP", "RENAME", "ALTER", "CREATE"):
		return p.planDDL(i)
	case p.oneOf(i, "ANALYZE"):
		return p.planAnalyze(i)
	case p.oneOf(i, "PREPARE", "EXECUTE"):
		return p.planDynamic()
	}
	if t := p.mentioned(p.stmt); t != nil {
		if p.has(p.stmt, "UPDATE", "DELETE", "INSERT", "REPLACE", "TRUNCATE", "LOAD", "DROP", "ALTER", "RENAME") || !p.word(i, "WITH") {
			return refuse(t, "a statement that begins with %s and names %s cannot be guarded", strings.ToUpper(string(p.Bytes(i))), t.Name)
		}
	}
	return pass("it writes no guarded table")
}

// planReader is for statements that write only through the routines they call.
func (p *planner) planReader(i int) *Plan {
	if p.word(i, "SET") && p.word(i+1, "STATEMENT") {
		if t := p.mentioned(p.stmt); t != nil && p.has(p.stmt, "UPDATE", "DELETE", "INSERT", "REPLACE", "TRUNCATE", "LOAD", "DROP", "ALTER", "RENAME", "CREATE") {
			return refuse(t, "SET STATEMENT … FOR a write on %s cannot be guarded", t.Name)
		}
	}
	if refused := p.calls(p.stmt); refused != nil {
		return refused
	}
	return pass("it writes no guarded table")
}

// calls refuses where a routine is called that may write a guarded table. A name
// counts as called where a parenthesis follows it, or behind CALL.
func (p *planner) calls(in part) *Plan {
	if len(p.rules.routines) == 0 {
		return nil
	}
	for i := in.from; i < in.to; i++ {
		if k := p.Tokens[i].Kind; k != sqltext.Word && k != sqltext.Quoted {
			continue
		}
		if !p.op(i+1, "(") && !p.calledHere(in, i) {
			continue
		}
		name, _ := p.Name(i)
		n := schema.Name{Schema: p.env.DB, Name: name}
		if i-2 >= in.from && p.op(i-1, ".") {
			n.Schema, _ = p.Name(i - 2)
		}
		if base, ok := p.rules.routines[foldRoutine(n)]; ok {
			if t := p.active(p.rules.Table(base, "")); t != nil {
				return refuse(t, "the routine %s may write %s", n, t.Name)
			}
		}
	}
	return nil
}

// calledHere reports whether token i ends the name behind CALL: CALL p, CALL db.p.
func (p *planner) calledHere(in part, i int) bool {
	if i-2 >= in.from && p.op(i-1, ".") {
		i -= 2
	}
	return i-1 >= in.from && p.word(i-1, "CALL")
}

// planAdmin is for statements that change no row of a table.
func (p *planner) planAdmin(i int) *Plan {
	if p.word(i, "BEGIN") && p.word(i+1, "NOT") {
		if t := p.mentioned(p.stmt); t != nil {
			return refuse(t, "a compound statement that names %s cannot be guarded", t.Name)
		}
	}
	if p.oneOf(i, "EXPLAIN", "DESC", "DESCRIBE") {
		if refused := p.calls(p.stmt); refused != nil {
			return refused
		}
	}
	return pass("it writes no table")
}

// planAnalyze tells ANALYZE TABLE from MariaDB's ANALYZE, which runs the statement behind it.
func (p *planner) planAnalyze(i int) *Plan {
	if t := p.mentioned(p.stmt); t != nil && p.has(p.stmt, "UPDATE", "DELETE", "INSERT", "REPLACE") {
		return refuse(t, "ANALYZE runs the statement behind it, and a write on %s in it cannot be guarded", t.Name)
	}
	return pass("it writes no table")
}

// planDynamic is for a text that the statement names. The session reads it out
// where it is not a literal and asks again.
func (p *planner) planDynamic() *Plan {
	return pass("the session plans what is prepared")
}

// planInsert passes a plain INSERT. What replaces rows that are there is refused.
func (p *planner) planInsert() *Plan {
	replace := p.word(p.stmt.from, "REPLACE")
	i := p.stmt.from + 1
	for p.oneOf(i, "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO") {
		i++
	}
	t, _, _, ok := p.tableName(i)
	if refused := p.calls(p.stmt); refused != nil {
		return refused
	}
	switch {
	case !ok:
		if t := p.mentioned(p.stmt); t != nil {
			return refuse(t, "the table of this INSERT cannot be read, and %s is named in it", t.Name)
		}
		return pass("it writes no guarded table")
	case t == nil:
		return pass("it writes no guarded table")
	case replace:
		return refuse(t, "REPLACE on %s cannot be guarded yet; write UPDATE or INSERT", t.Name)
	case p.duplicateKey():
		return refuse(t, "INSERT … ON DUPLICATE KEY UPDATE on %s cannot be guarded yet; write UPDATE or INSERT", t.Name)
	}
	return pass("an INSERT takes nobody's update away")
}

// duplicateKey reports whether ON DUPLICATE KEY UPDATE stands in the statement.
func (p *planner) duplicateKey() bool {
	for i := p.stmt.from; i < p.stmt.to; i++ {
		if p.word(i, "DUPLICATE") && p.word(i-1, "ON") {
			return true
		}
	}
	return false
}

// planLoad refuses LOAD DATA … REPLACE.
func (p *planner) planLoad() *Plan {
	for i := p.stmt.from; i+1 < p.stmt.to; i++ {
		if !p.word(i, "INTO") || !p.word(i+1, "TABLE") {
			continue
		}
		t, _, _, ok := p.tableName(i + 2)
		if !ok || t == nil {
			break
		}
		if p.word(i-1, "REPLACE") {
			return refuse(t, "LOAD DATA … REPLACE into %s cannot be guarded", t.Name)
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
