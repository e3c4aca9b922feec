package proxy

import (
	"strconv"
	"time"

	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/wire"
)

// diagnosis is an error of the proxy's own, which the server knows nothing of.
type diagnosis struct {
	code    policy.Code
	message string
}

// lastConflict is what SHOW IFMATCH CONFLICT shows.
type lastConflict struct {
	*rewrite.Conflict
	shape string
}

// answerConflict answers with an error of the guard and keeps it for SHOW WARNINGS.
func (s *session) answerConflict(c *rewrite.Conflict) error {
	errors := s.rules.Policy.Errors
	if c.Table != nil {
		errors = c.Table.Errors
	}
	code := c.Kind.Code(errors)
	s.diag = &diagnosis{code, c.Message}
	s.count(c)
	return s.answerError(code.Code, code.State, c.Message)
}

// count counts, logs and keeps a conflict.
func (s *session) count(c *rewrite.Conflict) {
	table := ""
	if c.Table != nil {
		table = c.Table.Name.String()
	}
	meter := s.srv.cfg.Meter
	switch c.Kind {
	case rewrite.Doomed:
		return
	case rewrite.Refused:
		s.srv.counters.refused.Add(1)
		meter.Refused(c.Reason)
		s.log.Warn("statement refused", "table", table, "reason", c.Reason, "shape", s.shape())
		return
	case rewrite.UnreadConflict:
		s.srv.counters.unread.Add(1)
		meter.Unread(table)
	default:
		s.srv.counters.conflicts.Add(1)
	}
	meter.Conflict(table, c.Kind)
	shape := s.shape()
	s.last = &lastConflict{c, shape}
	args := []any{"kind", c.Kind.String(), "table", table, "shape", shape, "user", s.user}
	if c.Table != nil && c.Table.Settings.Disclose {
		args = append(args, "key", c.Key, "expected", c.Expected, "found", c.Found)
	}
	s.log.Info("conflict", args...)
}

// refuse answers a statement that is not sent.
func (s *session) refuse(t *rewrite.Table, reason, text string) error {
	return s.answerConflict(&rewrite.Conflict{Kind: rewrite.Refused, Table: t, Reason: reason, Message: "ifmatch: refused: " + text})
}

// diagnosisColumns are those of SHOW WARNINGS.
func diagnosisColumns() []wire.Column {
	return []wire.Column{
		textColumn("Level", 7),
		{Catalog: []byte("def"), Name: []byte("Code"), Charset: binaryCollation, Length: 4, Type: wire.TypeLong, Flags: wire.FlagNotNull | wire.FlagUnsigned | wire.FlagBinary},
		textColumn("Message", 512),
	}
}

// Collations in column definitions.
const (
	utf8mb4Collation = 45
	binaryCollation  = 63
)

func textColumn(name string, length uint32) wire.Column {
	return wire.Column{Catalog: []byte("def"), Name: []byte(name), Charset: utf8mb4Collation, Length: length * 4, Type: wire.TypeVarString, Flags: wire.FlagNotNull, Decimals: 31}
}

// answerResult answers with a result set of the proxy's own.
func (s *session) answerResult(columns []wire.Column, rows [][]wire.Value) error {
	if err := wire.WriteResult(s.client, s.caps, s.clientStatus(), columns, rows); err != nil {
		return err
	}
	return s.client.Flush()
}

// showDiagnosis answers SHOW WARNINGS and its like after an error of the proxy's own.
func (s *session) showDiagnosis() error {
	t := &s.text
	i := int(s.spans[0].Start)
	if t.Is(i+1, "COUNT") {
		name := "@@session.warning_count"
		if t.Is(i+5, "ERRORS") {
			name = "@@session.error_count"
		}
		column := wire.Column{Catalog: []byte("def"), Name: []byte(name), Charset: binaryCollation, Length: 21, Type: wire.TypeLongLong, Flags: wire.FlagUnsigned | wire.FlagBinary}
		return s.answerResult([]wire.Column{column}, [][]wire.Value{{{Text: "1"}}})
	}
	row := []wire.Value{{Text: "Error"}, {Text: strconv.Itoa(int(s.diag.code.Code))}, {Text: s.diag.message}}
	return s.answerResult(diagnosisColumns(), [][]wire.Value{row})
}

// show answers SHOW IFMATCH CONFLICT, POLICY and STATUS.
func (s *session) show(what string) error {
	switch what {
	case "CONFLICT":
		return s.showConflict()
	case "POLICY":
		return s.showPolicy()
	case "STATUS":
		return s.showStatus()
	}
	return s.answerError(1064, "42000", "ifmatch: SHOW IFMATCH knows CONFLICT, POLICY and STATUS")
}

func (s *session) showConflict() error {
	names := []string{"kind", "table", "key", "expected", "found", "reason", "statement"}
	var rows [][]wire.Value
	if c := s.last; c != nil {
		row := []wire.Value{{Text: c.Kind.String()}, {Text: c.Table.Name.String()}}
		for _, v := range []string{c.Key, c.Expected, c.Found, c.Reason, c.shape} {
			row = append(row, wire.Value{Text: v, Null: v == ""})
		}
		rows = append(rows, row)
	}
	return s.answerResult(textColumns(names, 1024), rows)
}

func (s *session) showPolicy() error {
	names := []string{"table", "key", "version", "mode", "unread", "relative", "on_conflict", "missing", "own_version"}
	var rows [][]wire.Value
	for _, t := range s.rules.All() {
		rows = append(rows, []wire.Value{
			{Text: t.Name.String()}, {Text: t.KeyNames()}, {Text: t.VersionText(), Null: t.Version == nil}, {Text: t.Settings.Mode.String()},
			{Text: t.Settings.Unread.String()}, {Text: t.Settings.Relative.String()}, {Text: t.Settings.OnConflict.String()},
			{Text: t.Settings.Missing.String()}, {Text: t.Settings.OwnVersion.String()},
		})
	}
	return s.answerResult(textColumns(names, 256), rows)
}

func (s *session) showStatus() error {
	c := &s.srv.counters
	var rows [][]wire.Value
	add := func(name string, n int64) {
		rows = append(rows, []wire.Value{{Text: name}, {Text: strconv.FormatInt(n, 10)}})
	}
	add("sessions", c.sessions.Load())
	add("statements", c.statements.Load())
	add("guarded", c.guarded.Load())
	add("conflicts", c.conflicts.Load())
	add("unread", c.unread.Load())
	add("refused", c.refused.Load())
	add("retried", c.retried.Load())
	add("guarded_tables", int64(s.rules.Tables()))
	add("policy_generation", int64(s.rules.Generation))
	add("uptime_seconds", int64(time.Since(s.srv.started)/time.Second))
	return s.answerResult(textColumns([]string{"name", "value"}, 256), rows)
}

func textColumns(names []string, length uint32) []wire.Column {
	columns := make([]wire.Column, len(names))
	for i, n := range names {
		columns[i] = textColumn(n, length)
		columns[i].Flags = 0
	}
	return columns
}
