package proxy

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"ifmatch/ledger"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// numberingCall is CALL of one of the numbering routines in schema ifmatch.
type numberingCall struct {
	routine *numberingRoutine
	args    []sqltext.Span // tokens of the arguments
}

// numberingRoutine is a routine that the proxy answers itself.
type numberingRoutine struct {
	name    string
	params  int
	columns []wire.Column
	// may is a call that the server answers by ledger.DirectCall where the caller has
	// the right to call the routine.
	may string
	// op says what is asked of the counter by the argument behind its name.
	op func(arg rewrite.Value) (ledger.Op, error)
	// row gives the result.
	row func(n ledger.Numbers) []wire.Value
}

// maxAllocated bounds the numbers of one call of allocids.
const maxAllocated = 500

var numberingRoutines = map[string]*numberingRoutine{
	"allocids": {
		params: 2, columns: []wire.Column{numberColumn("first"), numberColumn("last")},
		op: func(arg rewrite.Value) (ledger.Op, error) {
			n, err := wholeNumber(arg)
			if err == nil && (n < 1 || n > maxAllocated) {
				err = badArgument("allocids takes 1 to 500 numbers, not " + strconv.FormatInt(n, 10))
			}
			return ledger.Alloc(n), err
		},
		row: func(n ledger.Numbers) []wire.Value { return []wire.Value{numberValue(n.First), numberValue(n.Value)} },
	},
	"addids": {
		params: 2, columns: []wire.Column{numberColumn("value")}, row: valueRow,
		op: func(arg rewrite.Value) (ledger.Op, error) {
			n, err := wholeNumber(arg)
			return ledger.Add(n), err
		},
	},
	"getids": {
		params: 1, columns: []wire.Column{numberColumn("value")}, row: valueRow,
		op: func(rewrite.Value) (ledger.Op, error) { return ledger.Op{}, nil },
	},
	"setids": {
		params: 2, columns: []wire.Column{numberColumn("value")}, row: valueRow,
		op: func(arg rewrite.Value) (ledger.Op, error) {
			v, err := wholeNumber(arg)
			return ledger.Set(v), err
		},
	},
	"rangeids": {
		params: 2, columns: []wire.Column{wire.TextColumn("range", 64)},
		op: func(arg rewrite.Value) (ledger.Op, error) {
			if arg.Kind != rewrite.Text && arg.Kind != rewrite.Bytes {
				return ledger.Op{}, badArgument("a range is a string, '1000-2000' or '1000-2000!', or '' for none")
			}
			r, err := ledger.ParseRange(arg.Text)
			return ledger.Confine(r), err
		},
		row: func(n ledger.Numbers) []wire.Value { return []wire.Value{{Text: n.Range.String()}} },
	},
}

func init() {
	for name, r := range numberingRoutines {
		r.name = name
		r.may = "CALL `ifmatch`.`" + name + "` (NULL" + strings.Repeat(", NULL", r.params-1) + ")"
	}
}

func numberColumn(name string) wire.Column {
	return wire.Column{Catalog: []byte("def"), Name: []byte(name), Charset: wire.BinaryCollation, Length: 20, Type: wire.TypeLongLong, Flags: wire.FlagNotNull | wire.FlagBinary}
}

func numberValue(n int64) wire.Value { return wire.Value{Text: strconv.FormatInt(n, 10)} }

func valueRow(n ledger.Numbers) []wire.Value { return []wire.Value{numberValue(n.Value)} }

// badArgument is an argument that no counter takes.
type badArgument string

// Error says what is wrong with it.
func (e badArgument) Error() string { return string(e) }

// maybeNumbers reports whether a text that is not read yet may call a numbering
// routine: their names end alike.
func maybeNumbers(sql []byte) bool {
	lower := bytes.ToLower(sql)
	return bytes.Contains(lower, []byte("call")) && bytes.Contains(lower, []byte("ids"))
}

// readNumbering reads CALL of a numbering routine. ok is false for all else, of which
// the server is to say what it thinks: a wrong number of arguments too.
func readNumbering(t *sqltext.Text, stmt sqltext.Span, db string) (call numberingCall, ok bool) {
	i := int(stmt.Start) + 1 // behind CALL
	name, ok := t.Name(i)
	if !ok || i >= int(stmt.End) {
		return call, false
	}
	if i++; t.IsOp(i, ".") {
		if db = name; i+1 >= int(stmt.End) {
			return call, false
		}
		if name, ok = t.Name(i + 1); !ok {
			return call, false
		}
		i += 2
	}
	if !strings.EqualFold(db, ledger.Schema) {
		return call, false
	}
	if call.routine, ok = numberingRoutines[strings.ToLower(name)]; !ok || !t.IsOp(i, "(") || !t.IsOp(int(stmt.End)-1, ")") {
		return call, false
	}
	depth, from := 0, i+1
	for i++; i < int(stmt.End); i++ {
		switch {
		case t.IsOp(i, "("), t.IsOp(i, "{"):
			depth++
		case depth > 0 && (t.IsOp(i, ")") || t.IsOp(i, "}")):
			depth--
		case depth == 0 && t.IsOp(i, ","), depth == 0 && t.IsOp(i, ")"):
			if i == from {
				return call, false
			}
			call.args = append(call.args, sqltext.Span{Start: int32(from), End: int32(i)})
			if t.IsOp(i, ")") && i != int(stmt.End)-1 {
				return call, false
			}
			from = i + 1
		}
	}
	return call, depth == 0 && from == int(stmt.End) && len(call.args) == call.routine.params
}

// numberQuery answers CALL of a numbering routine in the text protocol.
func (s *session) numberQuery(call numberingCall) error {
	return s.number(call, &s.text, nil, nil, s.answerTable)
}

// executeNumbering answers the execution of a prepared CALL of a numbering routine.
func (s *session) executeNumbering(st *statement, p []byte) error {
	if st.params > 0 {
		if err := s.exec.Parse(p[1:], st.params, st.types, st.isLong, s.caps); err != nil {
			if errors.Is(err, wire.ErrParamTypes) {
				return s.answerError(1210, "HY000", "ifmatch: the first execution has to give the types of the parameters")
			}
			return err
		}
		st.types = s.exec.Types(st.types[:0])
		s.bindValues(st)
	}
	params := make([]wire.Param, st.params)
	for i := range params {
		if params[i] = s.exec.Params[i]; params[i].Long {
			params[i] = longAgain(params[i].Type, st.long[i])
		}
	}
	return s.number(*st.numbering, st.text, s.values[:st.params], params, s.answerBinary)
}

// numberNamed answers EXECUTE or EXECUTE IMMEDIATE of a call that was prepared at SQL
// level. Its values begin at token at.
func (s *session) numberNamed(stmt sqltext.Span, at int) error {
	d := s.running
	refused, failed, err := s.using(&s.text, sqltext.Span{Start: int32(at), End: stmt.End})
	switch {
	case failed != nil || err != nil:
		return s.orError(failed, err)
	case refused != "":
		return s.refuse(nil, "dynamic", refused)
	case len(s.exec.Params) != sqltext.Placeholders(d.countsIn, 0, len(d.countsIn.Tokens)):
		return s.answerError(1210, "HY000", "Incorrect arguments to EXECUTE")
	}
	s.bindValues(&statement{})
	return s.number(*d.counts, d.countsIn, s.values, s.exec.Params, s.answerTable)
}

// number answers a call. values and params are those of a prepared one.
func (s *session) number(call numberingCall, t *sqltext.Text, values []rewrite.Value, params []wire.Param, answer func(wire.Result) error) error {
	if s.srv.cfg.Ledger == nil {
		return s.refuse(nil, "numbering", noLedger)
	}
	failed, err := s.mayNumber(call.routine)
	if failed != nil || err != nil {
		return s.orError(failed, err)
	}
	args, failed, err := s.arguments(call, t, values, params)
	if failed != nil || err != nil {
		return s.orError(failed, err)
	}
	n, err := s.countOn(call.routine, args)
	if err != nil {
		return s.answerNumberError(err)
	}
	// The right and the arguments may have been asked for: the server says what it
	// knows of that.
	s.diag = &diagnosis{rowCount: -1}
	return answer(wire.Result{Columns: call.routine.columns, Rows: [][]wire.Value{call.routine.row(n)}})
}

// noLedger is why there are no numbers without a service account.
const noLedger = "numbers are kept by the service account, and there is none (--service-user)"

// lacksLedger gives the plan that refuses a call where there is no ledger.
func (s *session) lacksLedger() *rewrite.Plan {
	if s.srv.cfg.Ledger != nil {
		return nil
	}
	return &rewrite.Plan{Verdict: rewrite.Refuse, Reason: noLedger}
}

// makePatience bounds a client's wait for a ledger that has to be made anew.
const makePatience = 20 * time.Second

// countOn asks the counter that the first argument names.
func (s *session) countOn(r *numberingRoutine, args []rewrite.Value) (ledger.Numbers, error) {
	if k := args[0].Kind; k != rewrite.Text && k != rewrite.Bytes {
		return ledger.Numbers{}, badArgument("the name of a counter is a string, not " + args[0].String())
	}
	var arg rewrite.Value
	if len(args) > 1 {
		arg = args[1]
	}
	op, err := r.op(arg)
	if err != nil {
		return ledger.Numbers{}, err
	}
	return s.srv.cfg.Ledger.Count(args[0].Text, op)
}

// answerNumberError answers a call that gave no number.
func (s *session) answerNumberError(err error) error {
	code, state := uint16(1210), "HY000" // ER_WRONG_ARGUMENTS
	var known *ledger.CounterError
	if errors.As(err, &known) {
		switch known.Kind {
		case ledger.Refused:
			code, state = 1644, "45000" // ER_SIGNAL_EXCEPTION
		case ledger.Failed, ledger.Uncertain:
			code, state = 1105, "HY000" // ER_UNKNOWN_ERROR
			s.log.Error("no number could be given", "error", errors.Unwrap(err), "uncertain", known.Kind == ledger.Uncertain)
		}
	}
	message := "ifmatch: " + err.Error()
	s.diag = diagnoseError(code, message)
	return s.answerError(code, state, message)
}

// rightFor is how long it counts that the server let the session call a routine.
const rightFor = time.Second

// mayNumber has the server say, in the client's own session, whether the client may
// execute a routine. failed is its error where the client may not.
func (s *session) mayNumber(r *numberingRoutine) (failed *wire.ERR, err error) {
	if time.Since(s.rights[r]) < rightFor {
		return nil, nil
	}
	for made := false; ; made = true {
		_, failed, err = s.ask([]byte(r.may))
		switch {
		case err != nil:
			return nil, err
		case failed == nil:
			return &wire.ERR{Code: 1644, State: "45000", Message: "ifmatch: the procedure ifmatch." + r.name + " is not the one that the proxy has made; drop it"}, nil
		case failed.Code == 1644 && ledger.IsDirectCall(failed.Message):
			if s.rights == nil {
				s.rights = map[*numberingRoutine]time.Time{}
			}
			s.rights[r] = time.Now()
			return nil, nil
		case made || failed.Code != errNoRoutine && failed.Code != errNoDatabase:
			return failed, nil
		}
		if !s.makeLedger() {
			return failed, nil
		}
	}
}

// Errors of the server that say that the ledger is not there.
const (
	errNoRoutine  = 1305
	errNoDatabase = 1049
)

// makeLedger makes the ledger anew, which somebody has dropped while the proxy runs.
func (s *session) makeLedger() bool {
	ctx, cancel := context.WithTimeout(context.Background(), makePatience)
	defer cancel()
	if err := s.srv.cfg.Ledger.Make(ctx); err != nil {
		s.log.Error("the ledger could not be made", "error", err)
		return false
	}
	return true
}

// arguments gives the values of a call's arguments, strings in UTF-8. What is not a
// constant or a parameter is for the server to evaluate, in the client's session.
func (s *session) arguments(call numberingCall, t *sqltext.Text, values []rewrite.Value, params []wire.Param) ([]rewrite.Value, *wire.ERR, error) {
	args := make([]rewrite.Value, len(call.args))
	for i, span := range call.args {
		v, ok := s.plainArgument(t, span, values)
		if !ok {
			return s.evaluate(call, t, params)
		}
		args[i] = v
	}
	return args, nil, nil
}

// plainArgument gives the value of an argument that is a constant or a parameter.
func (s *session) plainArgument(t *sqltext.Text, span sqltext.Span, values []rewrite.Value) (v rewrite.Value, ok bool) {
	i, neg := int(span.Start), false
	if span.End-span.Start == 2 && (t.IsOp(i, "-") || t.IsOp(i, "+")) && t.Tokens[i+1].Kind == sqltext.Number {
		neg = t.IsOp(i, "-")
		i++
	}
	if i != int(span.End)-1 {
		return v, false
	}
	switch t.Tokens[i].Kind {
	case sqltext.Number:
		v = rewrite.NumberValue(string(t.Bytes(i)), neg)
	case sqltext.String:
		text, readable := t.StringValue(nil, i)
		if b := t.Bytes(i)[0]; !readable || b == 'n' || b == 'N' {
			return v, false
		}
		v = rewrite.TextValue(string(text))
	case sqltext.Param:
		at := sqltext.Placeholders(t, 0, i)
		if at >= len(values) {
			return v, false
		}
		v = values[at]
	case sqltext.Word:
		return rewrite.Value{Kind: rewrite.Null}, t.Is(i, "NULL")
	default:
		return v, false
	}
	return v, v.Kind != rewrite.Opaque && (v.Kind != rewrite.Text || s.utf8() && s.state.charset || plainText(v.Text))
}

// plainText reports whether a string means the same in every character set.
func plainText(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

// evaluate has the server evaluate the arguments.
func (s *session) evaluate(call numberingCall, t *sqltext.Text, params []wire.Param) ([]rewrite.Value, *wire.ERR, error) {
	sql := []byte("SELECT ")
	for i, span := range call.args {
		if i > 0 {
			sql = append(sql, ", "...)
		}
		from, to := t.Tokens[span.Start].Start, t.Tokens[span.End-1].End
		sql = append(sql, "CAST(CONVERT(("...)
		sql = append(sql, t.SQL[from:to]...)
		sql = append(sql, ") USING utf8mb4) AS BINARY)"...)
	}
	var rows []rewrite.Row
	var failed *wire.ERR
	var err error
	if len(params) > 0 {
		rows, failed, err = s.askPrepared(sql, params)
	} else {
		rows, failed, err = s.ask(sql)
	}
	if failed != nil || err != nil {
		return nil, failed, err
	}
	if len(rows) != 1 || len(rows[0]) != len(call.args) {
		return nil, &wire.ERR{Code: 1210, State: "HY000", Message: "ifmatch: the arguments could not be evaluated"}, nil
	}
	args := make([]rewrite.Value, len(call.args))
	for i, b := range rows[0] {
		if args[i] = rewrite.TextValue(string(bytes.Clone(b))); b == nil {
			args[i] = rewrite.Value{Kind: rewrite.Null}
		}
	}
	return args, nil, nil
}

// wholeNumber gives an argument as a BIGINT: a number, or a string that is one.
// What would have to be rounded is none.
func wholeNumber(v rewrite.Value) (int64, error) {
	text := v.Text
	switch v.Kind {
	case rewrite.Null, rewrite.NoValue:
		return 0, badArgument("a whole number is wanted, not NULL")
	case rewrite.Integer:
		text = v.String()
	}
	text = strings.TrimSpace(text)
	digits, fraction, _ := strings.Cut(text, ".")
	if strings.Trim(fraction, "0") == "" && digits != "" {
		n, err := strconv.ParseInt(digits, 10, 64)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, strconv.ErrRange):
			return 0, badArgument("the number is beyond BIGINT")
		}
	}
	// Approximate numbers come as 1e2.
	if f, err := strconv.ParseFloat(text, 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 && strings.ContainsAny(text, "eE") {
		return int64(f), nil
	}
	return 0, badArgument("a whole number is wanted")
}
