package proxy

import (
	"strconv"
	"strings"

	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// diagnosis is what SHOW WARNINGS and ROW_COUNT() say after a statement where the
// server cannot: it knows nothing of an error of the proxy's own, and has lost
// what it knew of a statement behind which the proxy has run others.
type diagnosis struct {
	warnings []warning
	rowCount int64
}

// warning is a row of SHOW WARNINGS.
type warning struct{ level, code, message string }

// diagnoseError is the diagnosis of an error.
func diagnoseError(code uint16, message string) *diagnosis {
	return &diagnosis{[]warning{{"Error", strconv.Itoa(int(code)), message}}, -1}
}

// diagnose keeps what the server says of a statement that has succeeded, before
// the proxy runs others.
func (s *session) diagnose(ok *wire.OK) error { return s.diagnoseAll(ok, ok.Warnings > 0) }

// diagnoseAll is diagnose for a statement of which warned is whether it may have
// warned: MariaDB's answer to a DELETE IGNORE that leaves rows counts no warnings.
func (s *session) diagnoseAll(ok *wire.OK, warned bool) error {
	d := &diagnosis{rowCount: int64(ok.AffectedRows)}
	if warned {
		rows, failed, err := s.ask([]byte("SHOW WARNINGS"))
		if err != nil {
			return err
		}
		for _, row := range rows {
			if failed == nil && len(row) == 3 {
				d.warnings = append(d.warnings, warning{string(row[0]), string(row[1]), string(row[2])})
			}
		}
	}
	s.diag = d
	return nil
}

// withRowCount gives a statement behind one with a diagnosis as it is sent: with
// numbers in place of ROW_COUNT() and of the counts of warnings and errors, under
// the same names.
func (s *session) withRowCount(t *sqltext.Text, stmt sqltext.Span) (sql []byte, found bool) {
	at := int32(0) // of the client's text, copied so far
	for i := int(stmt.Start); i < int(stmt.End); i++ {
		n, end := s.diagnosed(t, i)
		if end < 0 || end >= int(stmt.End) {
			continue
		}
		from, to := t.Tokens[i].Start, t.Tokens[end].End
		sql = append(sql, t.SQL[at:from]...)
		sql = strconv.AppendInt(sql, n, 10)
		next := end + 1
		if (t.Is(i-1, "SELECT") || found && t.IsOp(i-1, ",")) && (next >= int(stmt.End) || t.IsOp(next, ",")) {
			sql = append(sql, " AS `"...)
			sql = append(sql, t.SQL[from:to]...)
			sql = append(sql, '`')
		}
		found, at = true, to
		i = end
	}
	if !found {
		return nil, false
	}
	return append(sql, t.SQL[at:]...), true
}

// diagnosed gives the number that stands for what is written from token i to end:
// ROW_COUNT(), @@warning_count or @@error_count. end is negative for all else.
func (s *session) diagnosed(t *sqltext.Text, i int) (n int64, end int) {
	if t.Is(i, "ROW_COUNT") && t.IsOp(i+1, "(") && t.IsOp(i+2, ")") {
		return s.diag.rowCount, i + 2
	}
	if i >= len(t.Tokens) || t.Tokens[i].Kind != sqltext.SysVar {
		return 0, -1
	}
	end = i + 1
	if (t.Is(end, "SESSION") || t.Is(end, "LOCAL")) && t.IsOp(end+1, ".") {
		end += 2
	}
	switch name, _ := t.Name(end); strings.ToLower(name) {
	case "warning_count":
		return int64(len(s.diag.warnings)), end
	case "error_count":
		for _, w := range s.diag.warnings {
			if w.level == "Error" {
				n++
			}
		}
		return n, end
	}
	return 0, -1
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
	s.diag = diagnoseError(code.Code, c.Message)
	s.count(c)
	return s.answerError(code.Code, code.State, c.Message)
}

// count counts, logs and keeps a conflict.
func (s *session) count(c *rewrite.Conflict) {
	table := ""
	if c.Table != nil {
		table = c.Table.Label
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
		s.noteUnread(table)
	default:
		s.srv.counters.conflicts.Add(1)
	}
	meter.Conflict(table, c.Kind)
	shape := s.shape()
	s.last = &lastConflict{c, shape}
	args := []any{"kind", c.Kind.String(), "table", table, "shape", shape, "user", s.user}
	if c.Table != nil && c.Table.Settings.Disclose {
		args = append(args, "key", c.Key)
	}
	s.log.Info("conflict", args...)
}

// noteUnread counts a write to a row with no expectation, allowed or refused.
func (s *session) noteUnread(table string) {
	s.srv.counters.unread.Add(1)
	s.srv.cfg.Meter.Unread(table)
}

// refuse answers a statement that is not sent.
func (s *session) refuse(t *rewrite.Table, reason, text string) error {
	return s.answerConflict(&rewrite.Conflict{Kind: rewrite.Refused, Table: t, Reason: reason, Message: "ifmatch: refused: " + text})
}
