package rewrite

import (
	"fmt"

	"ifmatch/policy"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// Verdict is what becomes of a statement.
type Verdict uint8

const (
	// Pass sends the statement as it came.
	Pass Verdict = iota
	// Guard sends it with pieces added.
	Guard
	// Refuse answers with an error and sends nothing.
	Refuse
	// Observe sends it as it came, and notes what would have become of it.
	Observe
)

// String gives the verdict as explain and the metrics name it.
func (v Verdict) String() string { return [...]string{"pass", "guard", "refuse", "observe"}[v] }

// Strategy is how a guard works.
type Strategy uint8

const (
	// NoStrategy is that of a statement without guard.
	NoStrategy Strategy = iota
	// Predicate adds the guard to WHERE; zero rows tell.
	Predicate
	// Raise has the guard raise an error inside the statement, which the server
	// then undoes whole.
	Raise
	// LockAndCheck locks the rows that would be written, holds each against its
	// guard, and writes them, in one transaction.
	LockAndCheck
)

// RaiseConstant stands in the message of the error that a guard raises: the
// greatest BIGINT UNSIGNED, to which the guard adds one.
const RaiseConstant = "18446744073709551615"

// String gives the strategy as explain names it.
func (s Strategy) String() string { return [...]string{"", "predicate", "raise", "lock-and-check"}[s] }

// Verb is the kind of a statement, as far as plans differ by it.
type Verb uint8

const (
	// Other is a statement of which no plan is made.
	Other Verb = iota
	// Update is UPDATE of one table.
	Update
	// Delete is DELETE from one table.
	Delete
	// Upsert is INSERT … ON DUPLICATE KEY UPDATE.
	Upsert
	// Replace is REPLACE.
	Replace
)

// String gives the verb as the statement has it.
func (v Verb) String() string {
	return [...]string{"statement", "UPDATE", "DELETE", "INSERT … ON DUPLICATE KEY UPDATE", "REPLACE"}[v]
}

// Env is what of a session decides how a statement is read. It is comparable:
// plans are kept by it.
type Env struct {
	DB            string      // current database, "" if none
	AccountMode   bool        // whether the policy gives the account a mode, which then goes over every table's
	Mode          policy.Mode // that mode
	PipesAsConcat bool        // sql_mode
	Multi         bool        // whether one text may hold several statements
	UTF8          bool        // whether names beyond ASCII can be added in the client's character set
}

// Plan is what becomes of the statements of one shape. It is immutable and
// speaks of tokens by their index from the start of the statement.
type Plan struct {
	Verdict  Verdict
	Strategy Strategy
	Verb     Verb
	Table    *Table
	// Reason says why a statement is refused; Why explains the other verdicts.
	Reason string
	Why    string
	// DDL is set where a statement that passes may change what the rules rest on.
	DDL bool

	params    []int32       // tokens of the parameter markers
	target    part          // table reference, alias included
	with      bool          // WITH stands before the verb
	returns   bool          // RETURNING stands at the end
	qualifier string        // name by which added columns are qualified
	set       part          // assignments of an UPDATE, without SET
	where     part          // condition, without WHERE
	wrap      bool          // the condition needs parentheses before AND
	key       []keyPart     // one for each key column
	rest      []part        // conjuncts that are neither key nor the row's version
	own       *Operand      // version = operand in WHERE
	ownTerm   *Operand      // term = operand in WHERE
	ownParts  []part        // the conjuncts of own and ownTerm, where they are guards
	assigned  assignment    // what the statement itself does to the version column
	setTerm   *Operand      // term = constant in SET
	relative  bool          // every assignment is n = n ± operand
	steps     []Operand     // these operands
	changes   []change      // all assignments but the version's, where noop: skip can compare them
	moves     []move        // assignments to key columns
	termSet   bool          // the statement itself sets the term
	limit     *Operand      // LIMIT
	capture   *Capture      // of a SELECT that shows guarded rows
	bare      *Plan         // in its place, see For
	insert    *insertion    // of an INSERT whose rows are known
	number    *numbering    // of an INSERT some of whose rows may want a number
	unlisted  *unlisted     // of an INSERT that is to name its columns
	change    *statusChange // of the status column
	held      []string      // guards of require and status, ready to be added
	heldSets  []string      // by group, what its transitions set
	initial   *initialCheck // of an INSERT that has to give certain states
	upsert    *upsert       // of an INSERT … ON DUPLICATE KEY UPDATE or a REPLACE
	several   *several      // of a write that may be of other rows than one by its whole key
	wider     *Plan         // in its place where a constant may pick several rows
	observed  *Plan         // what would become of the statement if its tables were enforced
}

// keyPart is the conjunct that fixes a key column.
type keyPart struct {
	conjunct part
	operand  Operand
}

// assignmentKind is what is known of the value that a statement gives to a version.
type assignmentKind uint8

const (
	unassigned assignmentKind = iota
	constant                  // version = operand
	raised                    // version = version + operand
	unknown                   // anything else
)

// assignment is the client's own assignment of the version column.
type assignment struct {
	kind    assignmentKind
	value   part // the expression
	operand Operand
	bare    bool // no parameter marker in value: it can be replaced as a whole
}

// Params gives the number of parameter markers that the client wrote.
func (p *Plan) Params() int { return len(p.params) }

// Returns reports whether the statement, a DELETE of one row, answers with the row that it
// has deleted.
func (p *Plan) Returns() bool { return p.returns }

// refuse is a plan that says why. The text goes to the client after "ifmatch: refused: ".
func refuse(t *Table, format string, args ...any) *Plan {
	return &Plan{Verdict: Refuse, Table: t, Reason: fmt.Sprintf(format, args...)}
}

// pass is a plan for a statement that goes as it came.
func pass(why string) *Plan { return &Plan{Verdict: Pass, Why: why} }

// Plan decides what becomes of the statement stmt of t. Nothing but semicolons
// may stand before stmt in a text that its plan is bound to.
func (r *Rules) Plan(t *sqltext.Text, stmt sqltext.Span, env Env) *Plan {
	one := *t
	one.Tokens = t.Tokens[stmt.Start:stmt.End]
	rd := &reader{Text: &one, stmt: part{0, len(one.Tokens)}}
	p := &planner{reader: rd, rules: r, env: env}
	if env.AccountMode && env.Mode == policy.ModeOff {
		plan := pass("the account's mode is off")
		plan.DDL = p.defines(0)
		return plan
	}
	return p.observe(p.plan())
}

// tokens gives the tokens of t from the start of its statement on, to which the
// parts of a plan refer: semicolons may stand before it.
func tokens(t *sqltext.Text) []sqltext.Token {
	i := 0
	for t.IsOp(i, ";") {
		i++
	}
	return t.Tokens[i:]
}

// planner makes one plan.
type planner struct {
	*reader
	rules *Rules
	env   Env
	of    policy.Mode // tables of another mode are as if they were not guarded
	// returning is RETURNING and its list, of the statement at hand: the parser of the whole
	// grammar does not know it.
	returning part
	given     part // what an upsert's new row gives to the status, where its update takes that over
}

// guarded resolves a name that a statement writes to, directly or through a
// view. view is set where it is a view on the table given.
func (p *planner) guarded(n schema.Name) (t *Table, view bool) {
	if n.Schema == "" {
		n.Schema = p.env.DB
	}
	n = p.rules.fold(n)
	if t := p.rules.tables[n]; t != nil {
		return p.active(t), false
	}
	if base, ok := p.rules.views[n]; ok {
		return p.active(p.rules.Table(base, "")), true
	}
	return nil, false
}

// active gives t if there is something to guard, and it is of the mode that is
// planned for.
func (p *planner) active(t *Table) *Table {
	if t == nil || !t.guards() || p.env.mode(t) != p.of {
		return nil
	}
	return t
}

// mentioned gives a guarded table that p names in any way, or that it reaches by a view.
func (p *planner) mentioned(in part) *Table {
	for i := in.from; i < in.to; i++ {
		if !p.isName(i) {
			continue
		}
		names, _ := p.dotted(in.from, i)
		if len(names) == 0 {
			continue
		}
		n := schema.Name{Name: names[len(names)-1]}
		if len(names) == 1 || p.Tokens[i-2].End != p.Tokens[i-1].Start {
			// MariaDB takes the dot of "UPDATE .t" for part of the table's name.
			if t, _ := p.guarded(n); t != nil {
				return t
			}
		}
		if len(names) > 1 {
			n.Schema = names[len(names)-2]
			if t, _ := p.guarded(n); t != nil {
				return t
			}
		}
	}
	return nil
}
