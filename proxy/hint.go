package proxy

import (
	"ifmatch/rewrite"
	"ifmatch/sqltext"
)

// expectation gives the hint of the statement at hand: its own, or the one that
// SET @ifmatch left for the next guarded write. Either serves once.
func (s *session) expectation() (hint []sqltext.Pair, refused string) {
	hint, s.hint = s.hint, nil
	switch len(s.cur.Hints) {
	case 0:
		return hint, ""
	case 1:
		h := s.cur.Hints[0]
		pairs, err := sqltext.ParseHint(string(s.cur.SQL[h.Start:h.End]))
		if err != nil {
			return nil, "the hint cannot be read: " + err.Error()
		}
		return pairs, ""
	}
	return nil, "the statement has several hints"
}

// takeHint reads SET @ifmatch = literal or parameter. It gives the reason where
// it cannot.
func (s *session) takeHint(stmt sqltext.Span, params []rewrite.Value) (refused string) {
	t, param := s.cur, 0
	for i := int(stmt.Start); i < int(stmt.End); i++ {
		if t.Tokens[i].Kind == sqltext.Param {
			param++
		}
		if !isHintVariable(t, i) || !t.IsOp(i+1, "=") && !t.IsOp(i+1, ":=") {
			continue
		}
		v := i + 2
		if v >= int(stmt.End) || v+1 < int(stmt.End) && !t.IsOp(v+1, ",") {
			return "SET @ifmatch takes a literal or a parameter"
		}
		text := ""
		switch t.Tokens[v].Kind {
		case sqltext.String:
			b, _ := t.StringValue(nil, v)
			text = string(b)
		case sqltext.Param:
			if param >= len(params) {
				return "SET @ifmatch has no value for its parameter"
			}
			if p := params[param]; p.Kind == rewrite.Text {
				text = p.Text
			} else if p.Kind != rewrite.Null {
				return "SET @ifmatch takes a string, as 'version=9'"
			}
		default:
			if !t.Is(v, "NULL") {
				return "SET @ifmatch takes a literal or a parameter"
			}
		}
		s.hint = nil
		if text == "" {
			continue
		}
		pairs, err := sqltext.ParseHint(text)
		if err != nil {
			return "SET @ifmatch cannot be read: " + err.Error()
		}
		s.hint = pairs
	}
	return ""
}
