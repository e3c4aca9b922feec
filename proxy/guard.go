package proxy

import (
	"bytes"
	"strings"
	"time"

	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// maxTries is how often a write is sent at most. It is sent again only where it
// met no row, and so had no effect, and would meet one now.
const maxTries = 4

// errDeadlock is ER_LOCK_DEADLOCK.
const errDeadlock = 1213

// guarded is a write on its way. What is sent stands in the session's out.
type guarded struct {
	plan   *rewrite.Plan
	attrs  []byte        // query attributes of one that came as text
	st     *statement    // nil for one that came as text
	opened bool          // what was read did not hold, and the write does not need it
	read   rewrite.Token // that was read, of one that was opened
	tries  int           // how often rows were locked for one of several rows
	// unkeyed is whether what one of several rows is confined to must not be taken for a
	// key of the client's own (sql_safe_updates).
	unkeyed bool
}

// valuesOf gives the parameters of a guarded statement, nil for one that came as text.
func (s *session) valuesOf(g *guarded) []rewrite.Value {
	if g.st == nil {
		return nil
	}
	return s.values
}

// guardQuery carries out a guarded statement of the text protocol.
func (s *session) guardQuery(plan *rewrite.Plan, attrs []byte) error {
	s.srv.counters.guarded.Add(1)
	return s.bindWrite(&guarded{plan: plan, attrs: attrs})
}

// build makes what is sent of a write that is bound.
func (s *session) build(g *guarded) {
	if g.st == nil {
		s.out = g.plan.AppendText(s.out[:0], &s.text, &s.binding)
		return
	}
	if g.st.crowded {
		return // when it is sent
	}
	e := s.exec
	e.ID = g.st.backend
	e.Params = s.backendParams(g.st)
	s.out = e.Append(s.out[:0], s.caps)
}

// sendGuarded sends the write to the backend.
func (s *session) sendGuarded(g *guarded) error {
	if g.st != nil {
		if g.st.crowded {
			return s.sendCrowded(g)
		}
		s.executed = true
		return s.send(comStmtExecute, s.out)
	}
	return s.send(comQuery, g.attrs, s.out)
}

// probe asks the backend for the row that the write is about.
func (s *session) probe(g *guarded, lock rewrite.Lock) ([]rewrite.Row, *wire.ERR, error) {
	if g.st == nil {
		return s.ask(g.plan.Probe(&s.text, &s.binding, false, lock).SQL)
	}
	probe := g.plan.Probe(g.st.text, &s.binding, true, lock)
	if g.st.crowded {
		probe = g.plan.BoundProbe(g.st.text, &s.binding, lock)
	}
	return s.askPrepared(probe.SQL, s.valueParams(g.st, probe.Args))
}

// unbound answers a statement that is not sent because of its constants,
// parameters or expectation.
func (s *session) unbound(plan *rewrite.Plan, r *rewrite.Refusal) error {
	kind := rewrite.Refused
	if r.Unread {
		kind = rewrite.UnreadConflict
	}
	c := &rewrite.Conflict{Kind: kind, Table: plan.Table, Key: plan.KeyText(&s.binding), Reason: "binding", Message: r.Text}
	if err := s.doom(c); err != nil {
		return err
	}
	return s.answerConflict(c)
}

// write holds a guarded write against what the scope knows, sends it and answers
// for it.
func (s *session) write(g *guarded) (result error) {
	if g.plan.Upserts() {
		return s.upsert(g)
	}
	refused, failed, err := s.expect(g)
	if failed != nil || err != nil {
		return s.orError(failed, err)
	}
	if refused != nil {
		return s.writeUnread(g, refused)
	}
	if s.binding.Unread {
		s.noteUnread(g.plan.Table.Label)
	}
	if s.binding.Soft && g.once() {
		s.unhold(g)
	}
	if g.plan.Returns() {
		return s.writeReturning(g)
	}
	if g.plan.Table.Pending() {
		if done, err := s.prepareTaking(g); done || err != nil {
			return err
		}
		defer func() { s.takingEnded(result) }()
	}
	if !s.own && s.needsOwn(g) {
		if failed, err := s.enterOwn(); failed != nil || err != nil {
			return s.orError(failed, err)
		}
	}
	s.build(g)
	for try := 1; ; try++ {
		done, err := s.try(g, try)
		if done || err != nil {
			return err
		}
		s.srv.counters.retried.Add(1)
	}
}

// writeUnread refuses a write to a row of which nothing is expected, unless its own
// condition picks no row: nobody's update can be lost then, and it is carried out
// under a lock, in case a row has come meanwhile. Who has read the row, if long ago, is
// refused whatever became of it.
func (s *session) writeUnread(g *guarded, refused *rewrite.Refusal) error {
	if refused.Outlived || g.plan.Wider() == nil || g.once() {
		return s.unbound(g.plan, refused)
	}
	rows, failed, err := s.current(g)
	if err != nil {
		return err
	}
	if failed == nil {
		if outcome, _ := g.plan.Judge(&s.binding, rows); outcome == rewrite.OwnCondition {
			g.plan = g.plan.Wider()
			return s.bindSeveral(g, nil)
		}
	}
	return s.unbound(g.plan, refused)
}

// unhold takes an expectation back that the write does not need.
func (s *session) unhold(g *guarded) {
	if s.binding.Source == rewrite.FromRead {
		g.opened, g.read = true, s.binding.Expected
	}
	s.binding.Open()
}

// orError answers with an error of the server's to a statement of the proxy's own.
func (s *session) orError(failed *wire.ERR, err error) error {
	if err != nil || failed == nil {
		return err
	}
	s.diag = diagnoseError(failed.Code, failed.Message)
	return s.answerError(failed.Code, failed.State, failed.Message)
}

// try sends the write once. done is false where it is to be sent again.
func (s *session) try(g *guarded, try int) (done bool, err error) {
	start := time.Now()
	if err := s.sendGuarded(g); err != nil {
		return true, err
	}
	first, _, err := s.next()
	if err != nil {
		return true, err
	}
	if first == wire.ERRHeader {
		if done, err := s.outrun(g); done || err != nil {
			return true, err
		}
	}
	ok, p, failed, err := s.writeOK(first)
	if failed || err != nil {
		return true, err
	}
	s.srv.cfg.Meter.Seconds(stageBackend, time.Since(start))
	switch {
	case matched(&ok, g.plan.Verb):
		return true, s.succeed(g, &ok, p)
	case s.binding.Soft && s.binding.Source == rewrite.FromRead:
		s.unhold(g)
		s.build(g)
		return false, nil
	case g.opened && !g.once():
		// The row was read, so that it is gone would be a conflict.
		s.binding.Expect(g.read)
	case !g.plan.Needed(&s.binding):
		return true, s.unmet(&ok, p)
	}
	return s.explainAnswer(g, bytes.Clone(p), try)
}

// explainAnswer is explain of an answer that is kept.
func (s *session) explainAnswer(g *guarded, p []byte, try int) (done bool, err error) {
	ok, err := wire.ParseOK(p, s.caps)
	if err != nil {
		return true, &backendError{err}
	}
	return s.explain(g, &ok, p, try)
}

// writeAnswer reads the server's answer to a write. failed is whether it was an
// error, which the client then has; else p is the packet of ok, until the next one.
func (s *session) writeAnswer() (ok wire.OK, p []byte, failed bool, err error) {
	first, _, err := s.next()
	if err != nil {
		return ok, nil, false, err
	}
	return s.writeOK(first)
}

// writeOK is writeAnswer for an answer whose first byte is known.
func (s *session) writeOK(first byte) (ok wire.OK, p []byte, failed bool, err error) {
	switch first {
	case wire.OKHeader:
	case wire.ERRHeader:
		return ok, nil, true, s.failWrite()
	default:
		return ok, nil, false, &backendError{&wire.MalformedError{What: "a write was answered by a result set"}}
	}
	if p, err = s.payload(); err != nil {
		return ok, nil, false, err
	}
	if ok, err = wire.ParseOK(p, s.caps); err != nil {
		return ok, nil, false, &backendError{err}
	}
	s.note(&ok)
	return ok, p, false, nil
}

// unmet answers with the server's OK to a write that met no row, and should not.
func (s *session) unmet(ok *wire.OK, p []byte) error {
	if !s.own {
		return s.finish(ok, p)
	}
	p = bytes.Clone(p)
	kept, err := wire.ParseOK(p, s.caps)
	if err != nil {
		return &backendError{err}
	}
	if err := s.diagnose(&kept); err != nil {
		return err
	}
	return s.finishOwn(&kept, p, true)
}

// failWrite answers with the server's error to a write.
func (s *session) failWrite() error {
	failed, err := s.passERR()
	if err != nil {
		return err
	}
	s.failed = true
	if s.own {
		s.diag = diagnoseError(failed.Code, failed.Message)
		if _, err := s.leaveOwn(false); err != nil {
			return err
		}
	}
	s.takingEnded(nil)
	return s.answered()
}

// succeed takes over what a write that met its row has left, and answers.
func (s *session) succeed(g *guarded, ok *wire.OK, p []byte) error {
	if changed(ok, s.caps) {
		s.takingWritten()
	}
	moves, _ := g.plan.Moves(s.cur, s.valuesOf(g), &s.binding)
	if s.own || s.keeps(g.plan.Table) && s.row.known && (moves || !g.plan.Foretells(s.cur, s.valuesOf(g), &s.binding)) {
		return s.succeedReading(g, bytes.Clone(p))
	}
	if err := s.renew(g, changed(ok, s.caps)); err != nil {
		return err
	}
	return s.finish(ok, p)
}

// succeedReading is succeed where the server is asked before the client has its
// answer, which p keeps.
func (s *session) succeedReading(g *guarded, p []byte) error {
	own := s.own
	ok, err := wire.ParseOK(p, s.caps)
	if err != nil {
		return &backendError{err}
	}
	if err := s.diagnose(&ok); err != nil {
		return err
	}
	if err := s.renew(g, changed(&ok, s.caps)); err != nil {
		return err
	}
	return s.finishOwn(&ok, p, own)
}

// finishOwn ends the proxy's own transaction and answers with the server's OK to
// the write in it.
func (s *session) finishOwn(ok *wire.OK, p []byte, own bool) error {
	if own {
		failed, err := s.leaveOwn(true)
		if failed != nil || err != nil {
			return s.orError(failed, err)
		}
		ok.Status &^= wire.StatusInTrans
		p = ok.Append(nil, s.caps)
	}
	return s.finish(ok, p)
}

// finish answers with the server's OK.
func (s *session) finish(ok *wire.OK, p []byte) error {
	s.takingAnswered()
	if err := s.client.WritePacket(s.clientOK(ok, p)); err != nil {
		return err
	}
	return s.answered()
}

// explain finds out why a write met no row. done is false where it is to be
// sent again.
func (s *session) explain(g *guarded, ok *wire.OK, p []byte, try int) (done bool, err error) {
	start := time.Now()
	rows, failed, err := s.current(g)
	if err != nil {
		return true, err
	}
	s.srv.cfg.Meter.Seconds(stageExplain, time.Since(start))
	if failed != nil && failed.Code == errDeadlock {
		// The server has rolled the transaction back and the client must know.
		if _, err := s.leaveOwn(false); err != nil {
			return true, err
		}
		return true, s.answerError(failed.Code, failed.State, failed.Message)
	}
	if failed != nil && g.opened {
		// It need not have met a row.
		return true, s.unmet(ok, p)
	}
	if failed != nil {
		s.log.Info("no reason could be proved for a write that met no row", "table", g.plan.Table.Label, "code", failed.Code)
		return true, s.conflict(g.plan.Unknown(&s.binding))
	}
	if g.opened && len(rows) > 0 {
		s.binding.Open()
	}
	outcome, c := g.plan.Judge(&s.binding, rows)
	switch outcome {
	case rewrite.InConflict, rewrite.Full:
		if err := s.forgetMisnamed(g); err != nil {
			return true, err
		}
		return true, s.conflict(c)
	case rewrite.HoldsNow:
		if try >= maxTries || g.once() {
			return true, s.conflict(g.plan.Unknown(&s.binding))
		}
		return false, nil
	}
	if g.once() || s.takings.write != nil {
		return true, s.unmet(ok, p)
	}
	if _, err := s.leaveOwn(false); err != nil {
		return true, err
	}
	return true, s.again(g)
}

// once reports whether the write can be sent only once: the server forgets what
// came as long data when it has executed the statement.
func (g *guarded) once() bool { return g.st != nil && len(g.st.long) > 0 }

// again repeats a write whose own condition picks no row: what ROW_COUNT() and
// SHOW WARNINGS say afterwards is then the write's and not the probe's.
func (s *session) again(g *guarded) error {
	if err := s.sendGuarded(g); err != nil {
		return err
	}
	a, err := s.relay()
	if err != nil {
		return err
	}
	if scope := s.scope(g.plan.Table, s.reads.open); scope != nil && a.ok.AffectedRows > 0 && s.row.known {
		scope.Forget(g.plan.Table.ID, s.row.form)
	}
	return s.answered()
}

// conflict dooms the transaction as the policy has it and answers with the conflict.
func (s *session) conflict(c *rewrite.Conflict) error {
	if _, err := s.leaveOwn(false); err != nil {
		return err
	}
	s.takingEnded(nil)
	s.takeBackRead(c.Table)
	if err := s.doom(c); err != nil {
		return err
	}
	return s.answerConflict(c)
}

// Bounds of the wait for a lock that a probe takes. MySQL's NOWAIT fails at once
// and is tried again; MariaDB waits by itself.
const (
	lockTries = 20
	lockPause = 50 * time.Millisecond
)

// current runs a probe: a current read under a lock, with a bounded wait.
func (s *session) current(g *guarded) (rows []rewrite.Row, failed *wire.ERR, err error) {
	lock := rewrite.LockMySQL
	if s.state.Lex.Flavor == sqltext.MariaDB {
		lock = rewrite.LockMaria
	}
	for range lockTries {
		rows, failed, err = s.probe(g, lock)
		switch {
		case err != nil || failed == nil:
			return rows, failed, err
		case failed.Code == 3572: // ER_LOCK_NOWAIT
			time.Sleep(lockPause)
		case unknownSyntax(failed) && lock != rewrite.LockPlain:
			lock = rewrite.LockPlain // a server that knows neither
		default:
			return rows, failed, err
		}
	}
	return rows, failed, err
}

// unknownSyntax reports whether the server could not parse a statement: by
// ER_PARSE_ERROR, or as servers with Vitess's parser say it, by
// ER_UNKNOWN_ERROR and their parser's words (go/vt/sqlparser/token.go, Error).
func unknownSyntax(e *wire.ERR) bool {
	return e.Code == 1064 || e.Code == 1105 && strings.HasPrefix(e.Message, "syntax error")
}

// matched reports whether a write met a row. For an UPDATE the number of rows
// that were changed does not tell: the text has the number of rows matched.
func matched(ok *wire.OK, verb rewrite.Verb) bool {
	if ok.AffectedRows > 0 {
		return true
	}
	if verb != rewrite.Update {
		return false
	}
	for _, c := range ok.Info {
		if c >= '0' && c <= '9' {
			if c != '0' {
				return true
			}
			return false // the first number is 0
		}
	}
	return false
}

// changed reports whether an UPDATE has changed a value, as the server says: by
// the number of rows, or by the second number of the text where the client has
// asked for that of the rows found.
func changed(ok *wire.OK, caps wire.Capability) bool {
	if !caps.Has(wire.ClientFoundRows) {
		return ok.AffectedRows > 0
	}
	numbers, in := 0, false
	for _, c := range ok.Info {
		digit := c >= '0' && c <= '9'
		if digit && !in {
			numbers++
		}
		if in = digit; digit && numbers == 2 && c != '0' {
			return true
		}
	}
	return numbers < 2
}
