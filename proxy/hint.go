package proxy

import (
	"ifmatch/control"
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

// takeVariables reads SET @ifmatch = … and SET @ifmatch_context = …, of a literal
// or parameter. It gives the reason where it cannot.
func (s *session) takeVariables(stmt sqltext.Span, params []rewrite.Value) (refused string) {
	t, param := s.cur, 0
	for i := int(stmt.Start); i < int(stmt.End); i++ {
		if t.Tokens[i].Kind == sqltext.Param {
			param++
		}
		name := control.OwnVariable(t, i)
		if name == "" || !t.IsOp(i+1, "=") && !t.IsOp(i+1, ":=") {
			continue
		}
		v := i + 2
		if v >= int(stmt.End) || v+1 < int(stmt.End) && !t.IsOp(v+1, ",") {
			return "SET @" + name + " takes a literal or a parameter"
		}
		value, refused := literal(t, v, param, params)
		if refused != "" {
			return "SET @" + name + refused
		}
		if name == control.ContextVariable {
			if value.Kind != rewrite.Text && value.Kind != rewrite.Integer && value.Kind != rewrite.Null {
				return "SET @" + name + " takes a string, as 'user-42'"
			}
			s.setContext(contextName(value))
			continue
		}
		if refused := s.setHint(value); refused != "" {
			return refused
		}
	}
	return ""
}

// contextName gives the name of a context; NULL and the empty string are none.
func contextName(v rewrite.Value) string {
	switch v.Kind {
	case rewrite.Text:
		return v.Text
	case rewrite.Integer:
		return v.String()
	}
	return ""
}

// setHint takes over SET @ifmatch = value.
func (s *session) setHint(value rewrite.Value) (refused string) {
	s.hint = nil
	switch {
	case value.Kind == rewrite.Null, value.Kind == rewrite.Text && value.Text == "":
		return ""
	case value.Kind != rewrite.Text:
		return "SET @ifmatch takes a string, as 'version=9'"
	}
	pairs, err := sqltext.ParseHint(value.Text)
	if err != nil {
		return "SET @ifmatch cannot be read: " + err.Error()
	}
	s.hint = pairs
	return ""
}

// literal gives the constant at token i, or the value of the parameter there.
func literal(t *sqltext.Text, i, param int, params []rewrite.Value) (value rewrite.Value, refused string) {
	switch t.Tokens[i].Kind {
	case sqltext.String:
		b, _ := t.StringValue(nil, i)
		return rewrite.TextValue(string(b)), ""
	case sqltext.Number:
		return rewrite.NumberValue(string(t.Bytes(i)), false), ""
	case sqltext.Param:
		if param >= len(params) {
			return value, " has no value for its parameter"
		}
		return params[param], ""
	}
	if t.Is(i, "NULL") {
		return rewrite.Value{Kind: rewrite.Null}, ""
	}
	return value, " takes a literal or a parameter"
}
