package proxy

import (
	"slices"
	"strconv"

	"ifmatch/control"
	"ifmatch/ledger"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// numberedStatement is what a prepared INSERT into a table with a numbered column
// was before parameters for the numbers were added to it.
type numberedStatement struct {
	plan  *rewrite.Plan
	text  *sqltext.Text // the client's own
	rows  []int         // those that want a number in every execution
	own   []bool        // by parameter of the statement as it is prepared: it is a number
	types []wire.ParamType
}

// numberInsert carries out an INSERT of the text protocol with numbers in it. done is
// false where none are wanted.
func (s *session) numberInsert(plan *rewrite.Plan, attrs []byte) (done bool, err error) {
	if _, numbers := plan.Counter(); !numbers || s.numbered {
		return false, nil
	}
	rows, failed, err := s.wanting(plan, &s.text, []rewrite.Value{})
	if failed != nil || err != nil {
		return true, s.orError(failed, err)
	}
	if len(rows) == 0 {
		return false, nil
	}
	n, taken, err := s.take(plan, len(rows))
	if !taken || err != nil {
		return true, err
	}
	sql, _ := plan.AppendNumbered(nil, &s.text, rows, func(dst []byte, i int) []byte {
		if i > 0 {
			return strconv.AppendInt(dst, n.At(i), 10)
		}
		// This is how the server tells it as it tells that of AUTO_INCREMENT.
		dst = strconv.AppendInt(append(dst, "LAST_INSERT_ID("...), n.First, 10)
		return append(dst, ')')
	})
	s.numbered = true
	defer func() { s.numbered = false }()
	return true, s.replaced(attrs, sql)
}

// wanting gives the rows of an INSERT that want a number, with 0 read as sql_mode
// has it.
func (s *session) wanting(plan *rewrite.Plan, t *sqltext.Text, values []rewrite.Value) (rows []int, failed *wire.ERR, err error) {
	rows, hasZero := plan.Wanting(t, values, true)
	if !hasZero {
		return rows, nil, nil
	}
	answer, failed, err := s.ask([]byte("SELECT FIND_IN_SET('NO_AUTO_VALUE_ON_ZERO', @@SESSION.sql_mode)"))
	if failed != nil || err != nil {
		return nil, failed, err
	}
	if len(answer) != 1 || string(answer[0][0]) != "0" {
		rows, _ = plan.Wanting(t, values, false)
	}
	return rows, nil, nil
}

// take takes numbers for n rows. taken is false where the client has an error.
func (s *session) take(plan *rewrite.Plan, n int) (numbers ledger.Numbers, taken bool, err error) {
	if refused := plan.RefusesNumbers(); refused != "" {
		return numbers, false, s.refuse(plan.Table, "numbering", refused)
	}
	if s.srv.cfg.Ledger == nil {
		return numbers, false, s.refuse(plan.Table, "numbering", noLedger)
	}
	counter, _ := plan.Counter()
	if numbers, err = s.srv.cfg.Ledger.Count(counter, ledger.Alloc(int64(n))); err != nil {
		return numbers, false, s.answerNumberError(err)
	}
	for i := range n {
		if at := numbers.At(i); !plan.NumberFits(at) {
			return numbers, false, s.answerNumberError(&ledger.CounterError{Kind: ledger.Refused, Counter: counter,
				Text: "number " + strconv.FormatInt(at, 10) + " does not fit into " + plan.NumberedColumn() + ", which holds numbers from 1 on; set the counter"})
		}
	}
	return numbers, true, nil
}

// prepareNumbered adds parameters for numbers to a statement that is prepared.
// refused is the plan of one that is refused.
func (s *session) prepareNumbered(st *statement) (refused *rewrite.Plan, failed *wire.ERR, err error) {
	plan := st.counted
	if plan == nil {
		return nil, nil, nil
	}
	rows, failed, err := s.wanting(plan, st.text, nil)
	if failed != nil || err != nil || len(rows) == 0 && !plan.NumbersParams() {
		return nil, failed, err
	}
	if text := plan.RefusesNumbers(); text != "" && len(rows) > 0 {
		return &rewrite.Plan{Verdict: rewrite.Refuse, Table: plan.Table, Reason: text}, nil, nil
	}
	n := &numberedStatement{plan: plan, text: st.text, rows: rows}
	sql := st.text.SQL
	var markers []int32 // where those of the numbers stand
	if len(rows) > 0 {
		const first = "LAST_INSERT_ID("
		var at []int
		sql, at = plan.AppendNumbered(nil, st.text, rows, func(dst []byte, i int) []byte {
			if i == 0 && !plan.NumbersParams() {
				return append(dst, first+"?)"...)
			}
			return append(dst, '?')
		})
		for i, offset := range at {
			if i == 0 && !plan.NumbersParams() {
				offset += len(first)
			}
			markers = append(markers, int32(offset))
		}
	}
	if st.text, err = copyText(sql, &s.state.Lex); err != nil {
		return &rewrite.Plan{Verdict: rewrite.Refuse, Table: plan.Table, Reason: "the statement with numbers in it cannot be read"}, nil, nil
	}
	for _, tok := range st.text.Tokens {
		if tok.Kind == sqltext.Param {
			n.own = append(n.own, slices.Contains(markers, tok.Start))
		}
	}
	s.cur = st.text
	refused = s.planStatement(st)
	st.numbered = n
	return refused, nil, nil
}

// renumber holds a prepared statement against rules that came after it. It gives why
// it has to be prepared again, or "".
func (s *session) renumber(st *statement) string {
	const again = "the policy has changed what it numbers since it was prepared; prepare it again"
	text := st.text
	if st.numbered != nil {
		text = st.numbered.text
	}
	if text == nil || st.kind != control.Plain || st.numbered == nil && st.counted == nil {
		return ""
	}
	plan := s.plan(text, text.Statements(nil)[0], st.db)
	_, numbers := plan.Counter()
	switch {
	case st.numbered == nil && !numbers:
		return ""
	case st.numbered == nil || !numbers:
		return again
	}
	rows, _ := plan.Wanting(text, nil, true)
	if len(rows) > 0 != (len(st.numbered.rows) > 0) || plan.NumbersParams() != st.numbered.plan.NumbersParams() {
		return again
	}
	st.numbered.plan = plan
	return ""
}

// added gives the number of parameters that the client does not know of.
func (st *statement) added() (n int) {
	if st.numbered != nil {
		for _, own := range st.numbered.own {
			if own {
				n++
			}
		}
	}
	return n
}

// isAdded reports whether a parameter is one that the client does not know of.
func (st *statement) isAdded(i int) bool {
	return st.numbered != nil && i < len(st.numbered.own) && st.numbered.own[i]
}

// placeOf gives the place of a parameter of the client's among all.
func (st *statement) placeOf(param int) int {
	if st.numbered == nil {
		return param
	}
	for i, own := range st.numbered.own {
		if own {
			continue
		}
		if param == 0 {
			return i
		}
		param--
	}
	return st.params
}

// numberExecution takes the numbers of an execution and gives the packet with them
// in it. done is true where the client has its answer.
func (s *session) numberExecution(st *statement, p []byte) (numbered []byte, done bool, err error) {
	n := st.numbered
	var e wire.Execute
	long := func(i int) bool { return st.isLong(st.placeOf(i)) }
	if err := e.Parse(p[1:], st.params-st.added(), n.types, long, s.caps); err != nil {
		if err == wire.ErrParamTypes {
			err = s.answerError(1210, "HY000", "ifmatch: the first execution has to give the types of the parameters")
		}
		return nil, true, err
	}
	n.types = e.Types(n.types[:0])
	if done, err := s.numberParams(st, &e); done || err != nil {
		return nil, true, err
	}
	return e.Append([]byte{byte(wire.ComStmtExecute)}, s.caps), false, nil
}

// numberParams takes the numbers of an execution and puts them among its parameters, or
// in the place of them. done is true where the client has its answer.
func (s *session) numberParams(st *statement, e *wire.Execute) (done bool, err error) {
	n := st.numbered
	values := make([]rewrite.Value, len(e.Params))
	for i, param := range e.Params {
		if values[i] = s.paramValue(param); param.Long {
			values[i] = rewrite.Value{Kind: rewrite.Opaque}
		}
	}
	wanted, failed, err := s.wanting(n.plan, n.text, values)
	if failed != nil || err != nil {
		return true, s.orError(failed, err)
	}
	rows := slices.Clone(n.rows)
	for _, row := range wanted {
		if n.plan.NumberedParam(row) >= 0 {
			rows = append(rows, row)
		}
	}
	slices.Sort(rows)
	var taken ledger.Numbers
	if len(rows) > 0 {
		var ok bool
		if taken, ok, err = s.take(n.plan, len(rows)); !ok || err != nil {
			return true, err
		}
		if n.plan.NumbersParams() {
			// Where no LAST_INSERT_ID() stands in the statement.
			if _, failed, err := s.ask([]byte("DO LAST_INSERT_ID(" + strconv.FormatInt(taken.First, 10) + ")")); failed != nil || err != nil {
				return true, s.orError(failed, err)
			}
			s.insertID = uint64(taken.First)
		}
	}
	var added []wire.Param
	for i, row := range rows {
		param, _ := valueParam(nil, rewrite.IntegerValue(taken.At(i)))
		if at := n.plan.NumberedParam(row); at >= 0 && !slices.Contains(n.rows, row) {
			e.Params[at] = param
			continue
		}
		added = append(added, param)
	}
	params := make([]wire.Param, 0, st.params)
	own := e.Params
	for i := range st.params {
		from := &own
		if st.isAdded(i) {
			from = &added
		}
		params, *from = append(params, (*from)[0]), (*from)[1:]
	}
	e.Params = params
	return false, nil
}
