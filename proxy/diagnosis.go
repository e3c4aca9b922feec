package proxy

import (
	"ifmatch/policy"
	"ifmatch/rewrite"
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
