package rewrite

import (
	"fmt"

	"ifmatch/sqltext"
)

// planSelect passes the SELECT that begins at token i, and says what of its
// answer is remembered. What it is not sure of is not remembered: a SELECT is
// never refused for it.
func (p *planner) planSelect(i int) *Plan {
	plan := pass("it writes no guarded table")
	s := &selection{planner: p}
	if !s.read(i) || !s.guards() || !s.sameSelect() {
		return plan
	}
	c := s.capture()
	if c == nil {
		return plan
	}
	if len(c.ordinals) > 0 {
		plan.bare = pass(plan.Why)
	}
	plan.Table, plan.capture = c.Origins[0].Table, c
	plan.Why = fmt.Sprintf("its rows are remembered; hidden columns: %d", c.Hidden)
	return plan
}

// selection is a SELECT as its tokens read, of a kind of which rows can be
// remembered: one row of the answer is one row of each table.
type selection struct {
	*planner
	columns  part // what is selected
	items    []item
	refs     []tableRef // in the order of FROM
	merged   bool       // NATURAL or USING makes one column of two
	distinct bool
	closed   bool // nothing can be added to what is selected
	order    part // ORDER BY, empty without one
	end      int  // of what the second reading is given
}

// item is one of a select list.
type item struct {
	part
	kind itemKind
	ref  columnRef // of a column; of a wildcard what is before the star
	// renamed is set of a column that has another's name in the answer.
	renamed bool
}

type itemKind uint8

const (
	itemExpression itemKind = iota
	itemColumn              // a column by its name
	itemWildcard            // *, t.* or db.t.*
)

// clauses are the words that can begin what comes behind FROM.
var clauses = []string{"WHERE", "GROUP", "HAVING", "WINDOW", "QUALIFY", "ORDER", "LIMIT", "PROCEDURE", "INTO", "FOR", "LOCK",
	"FETCH", "OFFSET", "UNION", "EXCEPT", "INTERSECT", "MINUS", "RETURNING"}

// read reads the SELECT at token i. It is false where it is of a kind whose rows
// are not those of its tables, or cannot be read.
func (s *selection) read(i int) bool {
	for j := s.stmt.from; j < s.stmt.to; j++ {
		if s.op(j, "?") {
			// Directly before a name it is no parameter to the server.
			return false
		}
	}
	for i++; ; i++ {
		switch {
		case s.oneOf(i, "DISTINCT", "DISTINCTROW"):
			s.distinct = true
		case !s.oneOf(i, "ALL", "HIGH_PRIORITY", "STRAIGHT_JOIN", "SQL_SMALL_RESULT", "SQL_BIG_RESULT", "SQL_BUFFER_RESULT",
			"SQL_NO_CACHE", "SQL_CACHE", "SQL_CALC_FOUND_ROWS"):
			return s.readList(i) && s.readFrom(s.columns.to+1) && s.rowByRow()
		}
	}
}

// readList reads what is selected, from token i on.
func (s *selection) readList(i int) bool {
	to := s.find(part{i, s.stmt.to}, "FROM", "INTO", "UNION", "EXCEPT", "INTERSECT", "MINUS")
	s.columns = part{i, to}
	if s.columns.empty() || !s.word(to, "FROM") {
		return false
	}
	for _, at := range s.list(s.columns) {
		if at.empty() {
			return false
		}
		s.items = append(s.items, s.item(at))
	}
	return len(s.items) > 0
}

// item reads one item of the select list.
func (s *selection) item(at part) item {
	it := item{part: at}
	last := at.to - 1
	if s.op(last, "*") && last == at.from {
		it.kind = itemWildcard
		return it
	}
	if s.op(last, "*") && s.op(last-1, ".") && s.isName(last-2) {
		names, start := s.dotted(at.from, last-2)
		if n := len(names); start == at.from && (n == 1 || n == 2) {
			it.kind, it.ref.table = itemWildcard, names[n-1]
			if n == 2 {
				it.ref.schema = names[0]
			}
		}
		return it
	}
	ref, next, ok := s.column(at.from)
	if !ok || next > at.to {
		return it
	}
	if next < at.to && s.word(next, "AS") {
		next++
	}
	if next == at.to || next == last && (s.isName(last) || s.Tokens[last].Kind == sqltext.String) {
		it.kind, it.ref = itemColumn, ref
		name, ok := s.Name(last)
		it.renamed = next <= last && !(ok && sameName(name, ref.column))
	}
	return it
}

// rowByRow reads what is behind FROM, and reports whether a row of the answer is
// a row of each table: nothing is grouped, united or sent elsewhere.
func (s *selection) rowByRow() bool {
	tail := part{s.end, s.stmt.to}
	if s.find(tail, "GROUP", "HAVING", "WINDOW", "QUALIFY", "UNION", "EXCEPT", "INTERSECT", "MINUS", "INTO", "PROCEDURE", "RETURNING") < tail.to {
		return false
	}
	asOf := false
	s.top(tail, func(i int) bool {
		asOf = asOf || s.word(i, "FOR") && !s.oneOf(i+1, "UPDATE", "SHARE") // the rows of another time
		return !asOf
	})
	if asOf {
		return false
	}
	// What is behind has words that only one of the servers, and not the second
	// reading, knows of. It changes which rows there are, not what they are.
	s.end = s.find(tail, "LIMIT", "FOR", "LOCK", "FETCH")
	s.top(part{tail.from, s.end}, func(i int) bool {
		if s.word(i, "OFFSET") && s.oneOf(i+2, "ROW", "ROWS") {
			s.end = i
			return false
		}
		return true
	})
	s.order = part{s.find(part{tail.from, s.end}, "ORDER"), s.end}
	return s.scalar(s.columns) && s.scalar(s.order)
}

// guards reports whether a table in FROM is one whose rows are remembered.
func (s *selection) guards() bool {
	for i := range s.refs {
		if s.refs[i].table != nil {
			return true
		}
	}
	return false
}
