package proxy

import (
	"context"
	"errors"
	"time"

	"ifmatch/ledger"
	"ifmatch/numbering"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// numberQuery answers CALL of a numbering routine in the text protocol.
func (s *session) numberQuery(call *numbering.Call) error {
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
	return s.number(st.numbering, st.text, s.values[:st.params], params, s.answerBinary)
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
	return s.number(d.counts, d.countsIn, s.values, s.exec.Params, s.answerTable)
}

// number answers a call. values and params are those of a prepared one.
func (s *session) number(call *numbering.Call, t *sqltext.Text, values []rewrite.Value, params []wire.Param, answer func(wire.Result) error) error {
	if s.srv.cfg.Ledger == nil {
		return s.refuse(nil, "numbering", noLedger)
	}
	failed, err := s.mayNumber(call.Routine)
	if failed != nil || err != nil {
		return s.orError(failed, err)
	}
	args, failed, err := s.arguments(call, t, values, params)
	if failed != nil || err != nil {
		return s.orError(failed, err)
	}
	counter, op, err := call.Routine.Op(args)
	if err != nil {
		return s.answerNumberError(err)
	}
	n, err := s.srv.cfg.Ledger.Count(counter, op)
	if err != nil {
		return s.answerNumberError(err)
	}
	// The right and the arguments may have been asked for: the server says what it
	// knows of that.
	s.diag = &diagnosis{rowCount: -1}
	return answer(call.Routine.Result(n))
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
func (s *session) mayNumber(r *numbering.Routine) (failed *wire.ERR, err error) {
	if time.Since(s.rights[r]) < rightFor {
		return nil, nil
	}
	for made := false; ; made = true {
		_, failed, err = s.ask([]byte(r.Probe))
		switch {
		case err != nil:
			return nil, err
		case failed == nil:
			return &wire.ERR{Code: 1644, State: "45000", Message: "ifmatch: the procedure ifmatch." + r.Name + " is not the one that the proxy has made; drop it"}, nil
		case failed.Code == 1644 && ledger.IsDirectCall(failed.Message):
			if s.rights == nil {
				s.rights = map[*numbering.Routine]time.Time{}
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

// arguments gives the values of a call's arguments, texts in UTF-8. What is not a
// constant or a parameter is for the server to evaluate, in the client's session.
func (s *session) arguments(call *numbering.Call, t *sqltext.Text, values []rewrite.Value, params []wire.Param) ([]rewrite.Value, *wire.ERR, error) {
	if args, ok := call.Values(t, values, s.utf8() && s.state.CharsetKnown); ok {
		return args, nil, nil
	}
	var rows []rewrite.Row
	var failed *wire.ERR
	var err error
	if sql := call.AppendSelect(nil, t); len(params) > 0 {
		rows, failed, err = s.askPrepared(sql, params)
	} else {
		rows, failed, err = s.ask(sql)
	}
	if failed != nil || err != nil {
		return nil, failed, err
	}
	args, ok := call.Selected(rows)
	if !ok {
		return nil, &wire.ERR{Code: 1210, State: "HY000", Message: "ifmatch: the arguments could not be evaluated"}, nil
	}
	return args, nil, nil
}
