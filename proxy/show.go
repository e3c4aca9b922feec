package proxy

import (
	"encoding/binary"
	"strconv"
	"time"

	"ifmatch/control"
	"ifmatch/readset"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// table is a result set of the proxy's own.
type table struct {
	columns []wire.Column
	rows    [][]wire.Value
}

// Collations in column definitions.
const (
	utf8mb4Collation = 45
	binaryCollation  = 63
)

func textColumn(name string, length uint32) wire.Column {
	return wire.Column{Catalog: []byte("def"), Name: []byte(name), Charset: utf8mb4Collation, Length: length * 4, Type: wire.TypeVarString, Decimals: 31}
}

// textTable is a table of text columns with these names.
func textTable(names ...string) table {
	var t table
	for _, n := range names {
		t.columns = append(t.columns, textColumn(n, 1024))
	}
	return t
}

// add appends a row; an empty string is NULL.
func (t *table) add(values ...string) {
	row := make([]wire.Value, len(values))
	for i, v := range values {
		row[i] = wire.Value{Text: v, Null: v == ""}
	}
	t.rows = append(t.rows, row)
}

// diagnostics gives the answer to SHOW WARNINGS and its like where the server has
// none.
func (s *session) diagnostics(t *sqltext.Text, stmt sqltext.Span) table {
	i := int(stmt.Start)
	count := t.Is(i+1, "COUNT")
	errorsOnly := t.Is(i+1, "ERRORS") || count && t.Is(i+5, "ERRORS")
	level, message := textColumn("Level", 7), textColumn("Message", 512)
	level.Flags, message.Flags = wire.FlagNotNull, wire.FlagNotNull
	code := wire.Column{Catalog: []byte("def"), Name: []byte("Code"), Charset: binaryCollation, Length: 4, Type: wire.TypeLong, Flags: wire.FlagNotNull | wire.FlagUnsigned | wire.FlagBinary}
	d := table{columns: []wire.Column{level, code, message}}
	for _, w := range s.diag.warnings {
		if !errorsOnly || w.level == "Error" {
			d.add(w.level, w.code, w.message)
		}
	}
	if !count {
		return d
	}
	name := "@@session.warning_count"
	if errorsOnly {
		name = "@@session.error_count"
	}
	column := wire.Column{Catalog: []byte("def"), Name: []byte(name), Charset: binaryCollation, Length: 21, Type: wire.TypeLongLong, Flags: wire.FlagUnsigned | wire.FlagBinary}
	return table{[]wire.Column{column}, [][]wire.Value{{{Text: strconv.Itoa(len(d.rows))}}}}
}

// show gives the answer to SHOW IFMATCH what. ok is false where there is no such thing.
func (s *session) show(what string) (t table, ok bool) {
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
	return table{}, false
}

func (s *session) showConflict() table {
	t := textTable("kind", "table", "key", "expected", "found", "reason", "statement")
	if c := s.last; c != nil {
		t.add(c.Kind.String(), c.Table.Label, c.Key, c.Expected, c.Found, c.Reason, c.shape)
	}
	return t
}

// maxShownReads bounds the rows of SHOW IFMATCH READS.
const maxShownReads = 10_000

// showReads gives what the session's scopes have read, the newest first.
func (s *session) showReads() table {
	t := textTable("scope", "table", "key", "token", "seconds")
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
				t.add(name, g.Label, g.ParsedKeyText(key), g.TokenText(token), strconv.Itoa(int(time.Since(at)/time.Second)))
			}
			return len(t.rows) < maxShownReads
		})
	}
	return t
}

func (s *session) showPolicy() table {
	t := textTable("table", "key", "version", "mode", "scope", "capture", "unread", "relative", "noop", "on_conflict", "missing", "own_version", "read_ttl", "max_reads")
	for _, g := range s.rules.All() {
		set := g.Settings
		t.add(g.Label, g.KeyNames(), g.VersionText(), set.Mode.String(), set.Scope.String(), set.Capture.String(), set.Unread.String(),
			set.Relative.String(), set.Noop.String(), set.OnConflict.String(), set.Missing.String(), set.OwnVersion.String(),
			set.ReadTTL.String(), strconv.Itoa(set.MaxReads))
	}
	return t
}

func (s *session) showStatus() table {
	c := &s.srv.counters
	plans := s.srv.PlanStats()
	t := textTable("name", "value")
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
		t.add(v.name, strconv.FormatInt(v.n, 10))
	}
	return t
}

// noSuchShow answers SHOW IFMATCH of something that there is not.
func (s *session) noSuchShow() error {
	return s.answerError(1064, "42000", "ifmatch: SHOW IFMATCH knows CONFLICT, PENDING, POLICY, READS and STATUS")
}

// answerTable answers a statement of the text protocol with a table.
func (s *session) answerTable(t table) error {
	if err := wire.WriteResult(s.client, s.caps, s.clientStatus(), t.columns, t.rows); err != nil {
		return err
	}
	return s.answered()
}

// answerBinary answers the execution of a prepared statement with a table.
func (s *session) answerBinary(t table) error {
	if err := s.client.WritePacket(wire.AppendLenInt(nil, uint64(len(t.columns)))); err != nil {
		return err
	}
	if err := s.writeColumns(t.columns); err != nil {
		return err
	}
	for _, row := range t.rows {
		if err := s.client.WritePacket(binaryRow(t.columns, row)); err != nil {
			return err
		}
	}
	end := wire.AppendEOF(nil, 0, s.clientStatus())
	if s.caps.Has(wire.ClientDeprecateEOF) {
		end = wire.OK{Header: wire.EOFHeader, Status: s.clientStatus()}.Append(nil, s.caps)
	}
	if err := s.client.WritePacket(end); err != nil {
		return err
	}
	return s.answered()
}

// writeColumns writes definitions and the EOF behind them.
func (s *session) writeColumns(columns []wire.Column) error {
	for i := range columns {
		if err := s.client.WritePacket(columns[i].Append(nil, s.caps)); err != nil {
			return err
		}
	}
	if s.caps.Has(wire.ClientDeprecateEOF) {
		return nil
	}
	return s.client.WritePacket(wire.AppendEOF(nil, 0, s.clientStatus()))
}

// binaryRow encodes a row for the binary protocol.
// Source: "Binary Protocol Resultset Row".
func binaryRow(columns []wire.Column, row []wire.Value) []byte {
	p := make([]byte, 1+(len(columns)+9)/8)
	for i, v := range row {
		if v.Null {
			p[1+(i+2)/8] |= 1 << ((i + 2) % 8)
			continue
		}
		n, _ := strconv.ParseUint(v.Text, 10, 64)
		if signed, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
			n = uint64(signed)
		}
		switch columns[i].Type {
		case wire.TypeLong:
			p = binary.LittleEndian.AppendUint32(p, uint32(n))
		case wire.TypeLongLong:
			p = binary.LittleEndian.AppendUint64(p, n)
		default:
			p = wire.AppendLenBytes(p, v.Text)
		}
	}
	return p
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
	if err := s.client.WritePacket(wire.PrepareOK{ID: st.id, Columns: uint16(len(t.columns))}.Append(nil)); err != nil {
		return err
	}
	if err := s.writeColumns(t.columns); err != nil {
		return err
	}
	return s.answered()
}

// ownTable gives the answer to a prepared statement that the proxy answers itself.
func (s *session) ownTable(st *statement) (table, bool) {
	switch {
	case st.kind == control.ShowIfmatch:
		return s.show(st.name)
	case s.diag != nil:
		return s.diagnostics(st.text, st.stmt), true
	}
	none := textTable("Level", "Code", "Message")
	none.columns[1].Type, none.columns[1].Charset = wire.TypeLong, binaryCollation
	return none, true
}
