package sqltext

import "bytes"

// Statements appends the token ranges of the statements between top-level
// semicolons; empty ones are left out. A compound body belongs to its
// statement, and as only the parser knows where it ends, from the start of a
// statement that has one everything to the end of the text is one range. So a
// range in which a ; stands may hold more than its first words say.
func (t *Text) Statements(dst []Span) []Span {
	n := len(t.Tokens)
	if n > 0 && bytes.IndexByte(t.SQL, ';') < 0 {
		return append(dst, Span{0, int32(n)})
	}
	for start := 0; start < n; {
		if t.semicolon(start) {
			start++
			continue
		}
		end := start
		for end < n && !t.semicolon(end) {
			end++
		}
		if end < n && t.compound(start, end) {
			end = n
			for t.semicolon(end - 1) {
				end--
			}
		}
		dst = append(dst, Span{int32(start), int32(end)})
		start = end + 1
	}
	return dst
}

// semicolon reports whether token i, which there is, is a semicolon.
func (t *Text) semicolon(i int) bool {
	tok := t.Tokens[i]
	return tok.Kind == Op && t.SQL[tok.Start] == ';'
}

// compound reports whether the statement that starts at start, of which the
// tokens up to the first ; are given, has a body in which ; may stand.
func (t *Text) compound(start, end int) bool {
	switch {
	case t.Is(start, "BEGIN"):
		// BEGIN, BEGIN WORK: a transaction.
		return end > start+1 && !t.Is(start+1, "WORK")
	case t.Is(start, "CREATE"), t.Is(start, "ALTER"):
		return t.program(start+1, end) && t.hasBlock(start+1, end)
	case t.IsOp(start+1, ":"): // a label
		return true
	}
	return t.opensBlock(start) || t.Is(start, "DECLARE")
}

// program reports whether a stored program is made: one of its keywords comes
// before that of another object.
func (t *Text) program(start, end int) bool {
	for i := start; i < end; i++ {
		for _, w := range [...]string{"PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "PACKAGE", "LIBRARY"} {
			if t.Is(i, w) {
				return true
			}
		}
		for _, w := range [...]string{"TABLE", "VIEW", "DATABASE", "SCHEMA", "INDEX", "USER", "ROLE", "SERVER", "SEQUENCE", "TABLESPACE"} {
			if t.Is(i, w) {
				return false
			}
		}
	}
	return false
}

// hasBlock reports whether a word that may open a block stands in the tokens.
func (t *Text) hasBlock(start, end int) bool {
	for i := start; i < end; i++ {
		if t.Is(i, "BEGIN") || t.Is(i, "PACKAGE") || t.opensBlock(i) {
			// FOR EACH ROW is part of every trigger.
			if t.Is(i, "FOR") && t.Is(i+1, "EACH") {
				continue
			}
			return true
		}
	}
	return false
}

func (t *Text) opensBlock(i int) bool {
	for _, w := range [...]string{"IF", "CASE", "LOOP", "REPEAT", "WHILE", "FOR"} {
		if t.Is(i, w) {
			return true
		}
	}
	return false
}

// Range returns the bytes of a statement that Statements has found, with the
// comments around it, which may be hints: from the ; before it to the one behind.
func (t *Text) Range(stmt Span) (from, to int32) {
	if stmt.Start > 0 {
		from = t.Tokens[stmt.Start-1].End
	}
	if int(stmt.End) < len(t.Tokens) {
		return from, t.Tokens[stmt.End].Start
	}
	return from, int32(len(t.SQL))
}
