package proxy

import (
	"bytes"
	"strings"

	"ifmatch/control"
	"ifmatch/numbering"
	"ifmatch/plans"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// query carries out COM_QUERY.
func (s *session) query() error {
	p, err := s.client.Payload(maxCommand)
	if err != nil {
		return err
	}
	attrs, sql, err := wire.ParseQuery(p[1:], s.caps)
	if err != nil {
		return err
	}
	s.srv.counters.statements.Add(1)
	s.cur = &s.text
	if s.names = s.scan(sql); s.names == rewrite.Nothing {
		return s.passScanned(sql)
	}
	if err := s.decide(sql); err != nil {
		return err
	}
	if err := s.text.Lex(sql, &s.state.Lex); err != nil {
		return s.unlexed(sql)
	}
	s.spans = s.text.Statements(s.spans[:0])
	switch len(s.spans) {
	case 0:
		if s.tx.doomed != nil {
			return s.answerConflict(s.doomedError())
		}
		return s.passQuery()
	case 1:
		if !s.multi || !s.trails(sql) {
			return s.statement(attrs, s.spans[0])
		}
	}
	return s.several(attrs, sql)
}

// trails reports whether anything but spaces stands behind the ; of the only
// statement: to the server that is another one, with a result of its own, even if it
// is a comment.
func (s *session) trails(sql []byte) bool {
	end := int(s.spans[0].End)
	return end < len(s.text.Tokens) && len(bytes.TrimSpace(sql[s.text.Tokens[end].End:])) > 0
}

// decide makes sure of modes and character set where sql depends on them and
// could concern a guarded table or a counter.
func (s *session) decide(sql []byte) error {
	if s.blind() && s.state.Stale && !diagnosing(sql) {
		return s.askState()
	}
	if s.state.Undecided(sql) && !diagnosing(sql) && (s.rules.MentionsRaw(sql) && s.enforces() || numbering.Mentioned(sql)) {
		return s.askState()
	}
	return nil
}

// diagnosing reports whether sql is one statement that begins with GET or SHOW and
// has nothing that modes or character sets could make read otherwise. It need not
// be decided, and must not: to ask the server anything before it would clear the
// diagnostics that it may be about.
func diagnosing(sql []byte) bool {
	word, _, _ := bytes.Cut(bytes.TrimLeft(sql, " \t\r\n"), []byte(" "))
	if !bytes.EqualFold(word, []byte("GET")) && !bytes.EqualFold(word, []byte("SHOW")) {
		return false
	}
	return !bytes.ContainsFunc(sql, func(c rune) bool { return c >= 0x80 || strings.ContainsRune(";\"'`\\", c) })
}

// unlexed is for a text that the lexer cannot read: one that cannot name a
// guarded table goes to the server, which will say what is wrong with it.
func (s *session) unlexed(sql []byte) error {
	if s.tx.doomed != nil {
		return s.answerConflict(s.doomedError())
	}
	if (s.rules.MentionsRaw(sql) || s.blind()) && s.refuses("unreadable") {
		return s.refuse(nil, "unreadable", "the statement cannot be read (unclosed string or comment, or a byte that its character set does not have), and the name of a guarded table is in it")
	}
	s.sendsUnread()
	return s.passQuery()
}

// sendsUnread says that what is sent next was not read: it may change modes and
// character set, and do anything to the transaction.
func (s *session) sendsUnread() {
	s.recall(nil, control.Set)
	s.state.Unseen()
	s.reads.doubt = s.reads.open
	s.ends = control.Uncertain
}

// several carries out a text of several statements. Where none concerns the
// proxy it goes to the server as it is; else each goes by itself, in order,
// and after an error the rest is not run.
func (s *session) several(attrs, sql []byte) error {
	if !s.multi {
		// The server refuses such a text without the capability.
		return s.passQuery()
	}
	concern := s.tx.doomed != nil || s.blind()
	for _, span := range s.spans {
		kind, _ := control.Classify(&s.text, span)
		concern = concern || kind != control.Plain || s.rules.Mentions(&s.text, span)
	}
	if !concern {
		s.recall(&s.text, control.Plain)
		return s.passQuery()
	}
	defer func() { s.more = false }()
	s.names = rewrite.Unsure
	// LOCAL INFILE in one of them reads over the client's packet.
	attrs, sql = bytes.Clone(attrs), bytes.Clone(sql)
	for len(sql) > 0 {
		if err := s.decide(sql); err != nil {
			return err
		}
		if err := s.text.Lex(sql, &s.state.Lex); err != nil {
			s.more = false
			return s.unlexedRest(attrs, sql)
		}
		s.spans = s.text.Statements(s.spans[:0])
		if len(s.spans) == 0 {
			return nil
		}
		from, to := s.text.Range(s.spans[0])
		s.more = len(s.spans) > 1
		one, rest := sql[from:to], []byte(nil)
		if s.more {
			end := s.text.Tokens[s.spans[0].End]
			if end.Exec {
				s.more = false
				return s.refuse(nil, "unreadable", "a ; in an executable comment cannot be judged; send the statements one by one")
			}
			rest = sql[end.End:]
		}
		if err := s.text.Lex(one, &s.state.Lex); err != nil {
			return s.unlexedRest(attrs, one)
		}
		s.spans = s.text.Statements(s.spans[:0])
		s.cur = &s.text
		s.takeRules() // the statement before may have changed the schema
		s.failed = false
		s.part, s.partAttrs = one, attrs
		err := s.statement(attrs, s.spans[0])
		s.part, s.partAttrs = nil, nil
		if err != nil || s.failed {
			return err
		}
		sql = rest
	}
	return nil
}

// unlexedRest is unlexed for what is left of a text of several statements.
func (s *session) unlexedRest(attrs, sql []byte) error {
	if (s.rules.MentionsRaw(sql) || s.blind()) && s.refuses("unreadable") {
		return s.refuse(nil, "unreadable", "the rest of the statements cannot be read, and the name of a guarded table is in it")
	}
	s.sendsUnread()
	if err := s.send(comQuery, attrs, sql); err != nil {
		return err
	}
	if _, err := s.relay(); err != nil {
		return err
	}
	return s.answered()
}

// statement carries out one statement, which is the whole of s.text.
func (s *session) statement(attrs []byte, stmt sqltext.Span) error {
	kind, name := control.Classify(&s.text, stmt)
	s.recall(&s.text, kind)
	if kind == control.ShowDiagnosis && s.diag != nil && !s.text.Is(int(stmt.Start), "GET") {
		return s.answerTable(s.diagnostics(&s.text, stmt))
	}
	if kind != control.ShowIfmatch && kind != control.ShowDiagnosis {
		if err := s.settleShaken(); err != nil {
			return err
		}
	}
	if s.tx.doomed != nil {
		if done, err := s.inDoom(kind, name); done {
			return err
		}
	}
	if kind != control.ShowIfmatch && kind != control.ShowDiagnosis {
		if s.diag != nil {
			if sql, found := s.withRowCount(&s.text, stmt); found {
				s.diag = nil
				return s.replaced(attrs, sql)
			}
			s.diag = nil
		}
	}
	s.ends = s.endingOf(&s.text, stmt, kind, name)
	if s.blind() && s.mayName(kind, stmt) {
		return s.refuse(nil, "unreadable", unnameable)
	}
	switch kind {
	case control.Plain, control.Block, control.Begin, control.Commit, control.Rollback, control.RollbackTo, control.Savepoint, control.Release, control.Use, control.Set, control.LockTables, control.UnlockTables:
		if s.names != rewrite.Something && !s.rules.Mentions(&s.text, stmt) {
			return s.passQueryOf(kind, name, stmt, nil)
		}
	case control.ShowIfmatch, control.SetOwn, control.Prepare, control.Immediate, control.Execute, control.Call:
		if done, err := s.uncommon(kind, name, stmt, attrs); done || err != nil {
			return err
		}
	}
	plan := s.plan(&s.text, stmt, s.state.DB)
	switch plan.Verdict {
	case rewrite.Refuse:
		s.hint = nil
		return s.refuse(plan.Table, "statement", plan.Reason)
	}
	if plan.Params() > 0 && s.isWrong(stmt) {
		s.hint = nil
		return s.passQueryOf(kind, name, stmt, nil)
	}
	if plan.ListsColumns() {
		return s.replaced(attrs, plan.AppendListed(nil, &s.text))
	}
	if done, err := s.numberInsert(plan, attrs); done {
		return err
	}
	switch plan.Verdict {
	case rewrite.Guard:
		return s.guardQuery(plan, attrs)
	case rewrite.Observe:
		return s.observeQuery(plan, kind, name, stmt)
	}
	if plan.HoldsInitial() {
		if done, err := s.holdInsert(plan, &s.text, nil); done || err != nil {
			return err
		}
	}
	if plan.Inserts() {
		return s.insertQuery(plan, attrs)
	}
	if capture, err := s.remembers(plan); capture != nil || err != nil {
		if err != nil {
			return err
		}
		return s.captureQuery(plan, capture, attrs)
	}
	return s.passQueryOf(kind, name, stmt, plan)
}

// uncommon is the part of statement that is about kinds of which there are few: it
// would take room on the stack of each session.
func (s *session) uncommon(kind control.Kind, name string, stmt sqltext.Span, attrs []byte) (done bool, err error) {
	switch kind {
	case control.ShowIfmatch:
		if t, ok := s.show(name); ok {
			return true, s.answerTable(t)
		}
		return true, s.noSuchShow()
	case control.SetOwn:
		if refused := s.takeVariables(stmt, nil); refused != "" && s.enforces() {
			return true, s.refuse(nil, "hint", refused)
		}
	case control.Prepare, control.Immediate:
		if done, err := s.dynamic(kind, name, stmt); done {
			return true, err
		}
		if kind == control.Prepare && s.running.noted != nil {
			return true, s.prepareNoted(name, stmt, attrs)
		}
		if kind == control.Prepare && (s.running.bars() || s.running.inserts) {
			return true, s.prepareNamed(name)
		}
		if kind == control.Immediate && s.running.counts != nil {
			return true, s.numberNamed(stmt, int(stmt.Start)+3)
		}
		if kind == control.Immediate && (s.running.held || s.running.inserts) {
			if done, err := s.executeImmediate(stmt, int(stmt.Start)+3); done || err != nil {
				return true, err
			}
		}
	case control.Execute:
		if done, err := s.executeDynamic(name); done {
			return true, err
		}
		if s.running.counts != nil {
			return true, s.numberNamed(stmt, int(stmt.Start)+2)
		}
		if s.running.st != nil {
			if done, err := s.executeNamed(s.running, stmt, int(stmt.Start)+2); done || err != nil {
				return true, err
			}
		}
	case control.Call:
		if n, ok := numbering.Parse(&s.text, stmt, s.state.DB); ok {
			return true, s.numberQuery(&n)
		}
		if !s.rules.Mentions(&s.text, stmt) {
			return true, s.passQueryOf(kind, name, stmt, nil)
		}
	}
	if (kind == control.Execute || kind == control.Immediate) && s.running.noted != nil {
		if done, err := s.executeNotedSQL(kind, name, stmt, attrs); done {
			return true, err
		}
	}
	return false, nil
}

// replaced carries out a statement in place of the client's.
func (s *session) replaced(attrs, sql []byte) error {
	if err := s.text.Lex(sql, &s.state.Lex); err != nil {
		return s.unlexed(sql)
	}
	part, partAttrs := s.part, s.partAttrs
	s.part, s.partAttrs, s.names = sql, attrs, rewrite.Unsure
	s.spans = s.text.Statements(s.spans[:0])
	err := s.statement(attrs, s.spans[0])
	s.part, s.partAttrs = part, partAttrs
	return err
}

// env gives what of the session decides how a statement is planned.
func (s *session) env(db string) rewrite.Env {
	mode, ok := s.accountMode()
	return rewrite.Env{DB: db, Mode: mode, AccountMode: ok, PipesAsConcat: s.state.Lex.PipesAsConcat, UTF8: s.utf8(), Multi: s.multi}
}

// plan gives the plan of a statement, from the cache where it is there.
func (s *session) plan(t *sqltext.Text, stmt sqltext.Span, db string) *rewrite.Plan {
	key := plans.Key{Generation: s.rules.Generation, Charset: s.state.Lex.Charset.Class(), Env: s.env(db)}
	key.Hi, key.Lo = t.Hash(int(stmt.Start), int(stmt.End))
	kept := s.srv.plans.Get(&key)
	if kept == nil {
		plan := s.rules.Plan(t, stmt, key.Env)
		kept = s.srv.plans.Add(key, plan, s.counting(plan))
	}
	plan, count := kept.Plan.For(t), kept.Count
	if plan != kept.Plan {
		count = s.counting(plan)
	}
	if count != nil && !s.numbered {
		count()
	}
	return plan
}

// counting gives what counts a statement with a plan, nil where that is about no table.
func (s *session) counting(plan *rewrite.Plan) func() {
	if plan.Table == nil {
		return nil
	}
	return s.srv.cfg.Meter.Statements(plan.Table.Label, plan.Label())
}

// passQuery sends the client's packet as it came and relays the answer.
func (s *session) passQuery() error {
	s.diag = nil
	if _, err := s.forward(); err != nil {
		return err
	}
	return s.answered()
}

// forward sends the statement at hand as it came, the client's own packet or its
// part of a text of several statements, and relays the answer without flushing it.
func (s *session) forward() (answer, error) {
	if s.part != nil {
		if err := s.send(comQuery, s.partAttrs, s.part); err != nil {
			return answer{}, err
		}
		return s.relay()
	}
	if err := s.passCommand(); err != nil {
		return answer{}, err
	}
	return s.relay()
}

// passQueryOf passes a statement and takes over what it changes in the session.
func (s *session) passQueryOf(kind control.Kind, name string, stmt sqltext.Span, plan *rewrite.Plan) error {
	changes := control.ChangesOf(kind, &s.text, stmt)
	a, err := s.forward()
	if err != nil {
		return err
	}
	s.settle(kind, name, changes, &a)
	if plan != nil && plan.Table != nil && insertsOf(&s.text, stmt) {
		s.reads.writesUntold()
	}
	ddl := plan != nil && plan.DDL || (kind == control.Execute || kind == control.Immediate) && s.running.ddl
	if ddl && a.failed == nil {
		// Before the client hears of it: what it tells others is then true.
		s.changed()
	}
	s.renewObserved()
	return s.answered()
}

// settleSavepoint takes over what a statement has done with a savepoint.
func (s *session) settleSavepoint(kind control.Kind, name string) {
	all, n := s.reads.scopes()
	switch kind {
	case control.Savepoint:
		if !s.transactional() {
			return
		}
		s.tx.save(name)
		s.takings.deeds.Save(name)
		s.reads.watch.Save(name)
		for _, scope := range all[:n] {
			scope.Savepoint(name)
		}
	case control.RollbackTo:
		s.tx.doomed = nil
		s.tx.backTo(name, false)
		s.takingsBackTo(name)
		s.reads.undone++
		s.reads.watch.BackTo(name)
		for _, scope := range all[:n] {
			scope.RollbackTo(name)
			s.reads.forgetUntold(scope)
		}
	case control.Release:
		s.tx.backTo(name, true)
		s.takings.deeds.Release(name)
		for _, scope := range all[:n] {
			scope.Release(name)
		}
	}
}

// settleEnd takes over that a transaction has ended. Where one is open it is a
// new one: BEGIN and AND CHAIN leave no other trace.
func (s *session) settleEnd() {
	s.tx.ended()
	if s.reads.open {
		s.recallBegun()
		s.takingsEnded(s.reads.end(s.ends))
		s.reads.begin(nil)
	}
}

// settleDynamic takes over what a statement that was prepared at SQL level has
// changed, as far as the server's answer does not tell.
func (s *session) settleDynamic() {
	s.settleChanges(s.running.changes)
	kind := s.running.kind
	if kind == control.Rollback || kind == control.XARollback {
		s.tx.doomed = nil
	}
	switch kind {
	case control.Commit, control.Rollback, control.XARollback:
		s.settleEnd() // AND CHAIN, or completion_type, has begun another one
	case control.LockTables, control.UnlockTables:
		s.tableLocks = kind == control.LockTables
	}
}

// settle takes over what a statement of a kind has changed in the session.
func (s *session) settle(kind control.Kind, name string, c control.Changes, a *answer) {
	s.failed = a.failed != nil
	if s.ends == control.Uncertain && kind != control.XAPrepare || kind == control.DDL && s.failed {
		s.reads.doubt = s.reads.open
		s.reads.writesUntold()
	}
	switch kind {
	case control.Call, control.Block, control.Execute, control.Immediate:
		// What a routine, a block or a prepared statement sets is not seen.
		s.state.Unseen()
		s.isolation.known = false
		s.reads.writesUntold()
		s.takings.deeds.Doubt()
	case control.Set, control.SetOwn:
		s.settleChanges(c)
	}
	if a.failed != nil {
		if kind == control.Prepare {
			s.unnamed(name)
		}
		return
	}
	if kind == control.Execute || kind == control.Immediate {
		s.settleDynamic()
	}
	switch kind {
	case control.Savepoint, control.RollbackTo, control.Release:
		s.settleSavepoint(kind, name)
	case control.Begin, control.Rollback, control.XARollback:
		s.tx.doomed = nil
		s.tableLocks = s.tableLocks && kind != control.Begin
		s.settleEnd()
	case control.LockTables, control.UnlockTables:
		s.tableLocks = kind == control.LockTables
	case control.Commit:
		// DDL tells by the status flags whether it has committed: what is about
		// temporary tables has not.
		s.settleEnd()
	case control.Use:
		s.state.Use(name)
	case control.Prepare:
		s.keep(name, s.running)
	case control.Deallocate:
		s.drop(name)
	}
}
