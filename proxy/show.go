package proxy

import (
	"strconv"
	"time"

	"ifmatch/control"
	"ifmatch/readset"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// diagnostics gives the answer to SHOW WARNINGS and its like where the server has
// none.
func (s *session) diagnostics(t *sqltext.Text, stmt sqltext.Span) wire.Result {
	i := int(stmt.Start)
	count := t.Is(i+1, "COUNT")
	errorsOnly := t.Is(i+1, "ERRORS") || count && t.Is(i+5, "ERRORS")
	level, message := wire.TextColumn("Level", 7), wire.TextColumn("Message", 512)
	level.Flags, message.Flags = wire.FlagNotNull, wire.FlagNotNull
	code := wire.Column{Catalog: []byte("def"), Name: []byte("Code"), Charset: wire.BinaryCollation, Length: 4, Type: wire.TypeLong, Flags: wire.FlagNotNull | wire.FlagUnsigned | wire.FlagBinary}
	d := wire.Result{Columns: []wire.Column{level, code, message}}
	for _, w := range s.diag.warnings {
		if !errorsOnly || w.level == "Error" {
			d.Add(w.level, w.code, w.message)
		}
	}
	if !count {
		return d
	}
	name := "@@session.warning_count"
	if errorsOnly {
		name = "@@session.error_count"
	}
	column := wire.Column{Catalog: []byte("def"), Name: []byte(name), Charset: wire.BinaryCollation, Length: 21, Type: wire.TypeLongLong, Flags: wire.FlagUnsigned | wire.FlagBinary}
	return wire.Result{Columns: []wire.Column{column}, Rows: [][]wire.Value{{{Text: strconv.Itoa(len(d.Rows))}}}}
}

// show gives the answer to SHOW IFMATCH what. ok is false where there is no such thing.
func (s *session) show(what string) (t wire.Result, ok bool) {
	switch what {
	case "CONFLICT":
		return s.showConflict(), true
	case "PENDING":
		return s.showPending(), true
	case "POLICY":
		return s.showPolicy(), true
	case "READS":
		return s.showReads(), true
	case "STATUS":
		return s.showStatus(), true
	}
	return wire.Result{}, false
}

func (s *session) showConflict() wire.Result {
	t := wire.TextResult("kind", "table", "key", "expected", "found", "reason", "statement")
	if c := s.last; c != nil {
		t.Add(c.Kind.String(), c.Table.Label, c.Key, c.Expected, c.Found, c.Reason, c.shape)
	}
	return t
}

// maxShownReads bounds the rows of SHOW IFMATCH READS.
const maxShownReads = 10_000

// showReads gives what the session's scopes have read, the newest first.
func (s *session) showReads() wire.Result {
	t := wire.TextResult("scope", "table", "key", "token", "seconds")
	byID := map[uint32]*rewrite.Table{}
	for _, g := range s.rules.All() {
		byID[g.ID] = g
		if twin := g.Twin(); twin != nil {
			byID[twin.ID] = twin
		}
	}
	all, n := s.reads.scopes()
	for _, scope := range all[:n] {
		name := "session"
		switch scope {
		case readset.Scope(s.reads.transaction):
			name = "transaction"
		case readset.Scope(s.reads.request):
			name = "context " + s.reads.context
		}
		scope.All(func(id uint32, key, token []byte, at time.Time) bool {
			// One of a table that is no longer guarded, or by another token, is not shown.
			if g := byID[id]; g != nil {
				if readset.IsNever(at) {
					t.Add(name, g.Label, g.ParsedKeyText(key), "not known", "")
				} else {
					t.Add(name, g.Label, g.ParsedKeyText(key), g.TokenText(token), strconv.Itoa(int(time.Since(at)/time.Second)))
				}
			}
			return len(t.Rows) < maxShownReads
		})
	}
	return t
}

func (s *session) showPolicy() wire.Result {
	t := wire.TextResult("table", "key", "version", "mode", "scope", "capture", "unread", "relative", "noop", "on_conflict", "missing", "own_version", "read_ttl", "max_reads")
	for _, g := range s.rules.All() {
		set := g.Settings
		t.Add(g.Label, g.KeyNames(), g.VersionText(), set.Mode.String(), set.Scope.String(), set.Capture.String(), set.Unread.String(),
			set.Relative.String(), set.Noop.String(), set.OnConflict.String(), set.Missing.String(), set.OwnVersion.String(),
			set.ReadTTL.String(), strconv.Itoa(set.MaxReads))
	}
	return t
}

func (s *session) showStatus() wire.Result {
	c := &s.srv.counters
	plans := s.srv.PlanStats()
	t := wire.TextResult("name", "value")
	for _, v := range []struct {
		name string
		n    int64
	}{
		{"sessions", c.sessions.Load()},
		{"statements", c.statements.Load()},
		{"guarded", c.guarded.Load()},
		{"conflicts", c.conflicts.Load()},
		{"unread", c.unread.Load()},
		{"refused", c.refused.Load()},
		{"retried", c.retried.Load()},
		{"bulk_executions", c.bulk.Load()},
		{"reads_evicted", c.evicted.Load()},
		{"selects_not_remembered", c.uncaptured.Load()},
		{"idle_transactions_warned", c.idleWarned.Load()},
		{"idle_transactions_ended", c.idleEnded.Load()},
		{"observed_conflicts", c.observed.conflicts.Load()},
		{"observed_unread", c.observed.unread.Load()},
		{"observed_refused", c.observed.refused.Load()},
		{"observe_dropped", c.observed.dropped.Load()},
		{"pending_abandoned", c.abandoned.Load()},
		{"contexts", int64(s.srv.contexts.Len())},
		{"plans", int64(plans.Plans)},
		{"plan_hits", int64(plans.Hits)},
		{"plan_misses", int64(plans.Misses)},
		{"plan_evictions", int64(plans.Evictions)},
		{"guarded_tables", int64(s.rules.Tables())},
		{"policy_generation", int64(s.rules.Generation)},
		{"uptime_seconds", int64(time.Since(s.srv.started) / time.Second)},
	} {
		t.Add(v.name, strconv.FormatInt(v.n, 10))
	}
	return t
}

// noSuchShow answers SHOW IFMATCH of something that there is not.
func (s *session) noSuchShow() error {
	return s.answerError(1064, "42000", "ifmatch: SHOW IFMATCH knows CONFLICT, PENDING, POLICY, READS and STATUS")
}

// answerTable answers a statement of the text protocol with a table.
func (s *session) answerTable(t wire.Result) error {
	if err := t.Write(s.client, s.caps, s.clientStatus()); err != nil {
		return err
	}
	return s.answered()
}

// answerBinary answers the execution of a prepared statement with a table.
func (s *session) answerBinary(t wire.Result) error {
	if err := t.WriteBinary(s.client, s.caps, s.clientStatus()); err != nil {
		return err
	}
	return s.answered()
}

// firstOwn is the first id of a prepared statement that the proxy answers
// itself. The backend counts its own from 1.
const firstOwn = 1 << 31

// maxOwn bounds those of one session. The others count towards the server's
// max_prepared_stmt_count.
const maxOwn = 1000

func (s *session) ownStatements() (n int) {
	for _, st := range s.stmts.all {
		if st.own {
			n++
		}
	}
	return n
}

// prepareOwn prepares SHOW IFMATCH, or SHOW WARNINGS after an error of the
// proxy's own, of which the backend knows nothing.
func (s *session) prepareOwn(st *statement) error {
	t, ok := s.ownTable(st)
	if !ok {
		return s.noSuchShow()
	}
	if s.ownStatements() >= maxOwn {
		return s.answerError(1461, "42000", "ifmatch: more than "+strconv.Itoa(maxOwn)+" prepared statements of the proxy's own")
	}
	st.own = true
	st.id = firstOwn + s.owns
	s.owns++
	s.stmts.keep(st)
	s.lastStmt = st.id
	if err := s.client.WritePacket(wire.PrepareOK{ID: st.id, Columns: uint16(len(t.Columns))}.Append(nil)); err != nil {
		return err
	}
	if err := wire.WriteColumns(s.client, s.caps, s.clientStatus(), t.Columns); err != nil {
		return err
	}
	return s.answered()
}

// ownTable gives the answer to a prepared statement that the proxy answers itself.
func (s *session) ownTable(st *statement) (wire.Result, bool) {
	switch {
	case st.kind == control.ShowIfmatch:
		return s.show(st.name)
	case s.diag != nil:
		return s.diagnostics(st.text, st.stmt), true
	}
	none := wire.TextResult("Level", "Code", "Message")
	none.Columns[1].Type, none.Columns[1].Charset = wire.TypeLong, wire.BinaryCollation
	return none, true
}
