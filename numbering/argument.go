package numbering

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"ifmatch/rewrite"
	"ifmatch/sqltext"
)

// ArgumentError says why an argument is one that no counter takes.
type ArgumentError string

func (e ArgumentError) Error() string { return string(e) }

// Values gives the values of the arguments, texts in UTF-8, where they are constants and
// parameters. values are those of the parameters, utf8 is whether the session's texts are in
// UTF-8. ok is false where the server has to evaluate them: see [Call.AppendSelect].
func (c *Call) Values(t *sqltext.Text, values []rewrite.Value, utf8 bool) (args []rewrite.Value, ok bool) {
	args = make([]rewrite.Value, len(c.args))
	for i, span := range c.args {
		v, ok := constant(t, span, values)
		if !ok || v.Kind == rewrite.Opaque || v.Kind == rewrite.Text && !utf8 && !plainText(v.Text) {
			return nil, false
		}
		args[i] = v
	}
	return args, true
}

// AppendSelect appends a SELECT of the arguments, as their bytes in UTF-8.
func (c *Call) AppendSelect(dst []byte, t *sqltext.Text) []byte {
	dst = append(dst, "SELECT "...)
	for i, span := range c.args {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		from, to := t.Tokens[span.Start].Start, t.Tokens[span.End-1].End
		dst = append(dst, "CAST(CONVERT(("...)
		dst = append(dst, t.SQL[from:to]...)
		dst = append(dst, ") USING utf8mb4) AS BINARY)"...)
	}
	return dst
}

// Selected gives the values of the arguments from the answer to that SELECT. ok is false
// where it is no answer to it.
func (c *Call) Selected(rows []rewrite.Row) (args []rewrite.Value, ok bool) {
	if len(rows) != 1 || len(rows[0]) != len(c.args) {
		return nil, false
	}
	args = make([]rewrite.Value, len(c.args))
	for i, b := range rows[0] {
		if args[i] = rewrite.TextValue(string(b)); b == nil {
			args[i] = rewrite.Value{Kind: rewrite.Null}
		}
	}
	return args, true
}

// constant gives the value of an argument that is a constant or a parameter.
func constant(t *sqltext.Text, span sqltext.Span, values []rewrite.Value) (v rewrite.Value, ok bool) {
	i, neg := int(span.Start), false
	if span.End-span.Start == 2 && (t.IsOp(i, "-") || t.IsOp(i, "+")) && t.Tokens[i+1].Kind == sqltext.Number {
		neg = t.IsOp(i, "-")
		i++
	}
	if i != int(span.End)-1 {
		return v, false
	}
	switch t.Tokens[i].Kind {
	case sqltext.Number:
		v = rewrite.NumberValue(string(t.Bytes(i)), neg)
	case sqltext.String:
		text, readable := t.StringValue(nil, i)
		if b := t.Bytes(i)[0]; !readable || b == 'n' || b == 'N' {
			return v, false
		}
		v = rewrite.TextValue(string(text))
	case sqltext.Param:
		at := sqltext.Placeholders(t, 0, i)
		if at >= len(values) {
			return v, false
		}
		v = values[at]
	case sqltext.Word:
		return rewrite.Value{Kind: rewrite.Null}, t.Is(i, "NULL")
	default:
		return v, false
	}
	return v, true
}

// plainText reports whether a string means the same in every character set.
func plainText(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

// wholeNumber gives an argument as a BIGINT: a number, or a string that is one.
// What would have to be rounded is none.
func wholeNumber(v rewrite.Value) (int64, error) {
	text := v.Text
	switch v.Kind {
	case rewrite.Null, rewrite.NoValue:
		return 0, ArgumentError("a whole number is wanted, not NULL")
	case rewrite.Integer:
		text = v.String()
	}
	text = strings.TrimSpace(text)
	digits, fraction, _ := strings.Cut(text, ".")
	if strings.Trim(fraction, "0") == "" && digits != "" {
		n, err := strconv.ParseInt(digits, 10, 64)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, strconv.ErrRange):
			return 0, ArgumentError("the number is beyond BIGINT")
		}
	}
	// Approximate numbers come as 1e2.
	if f, err := strconv.ParseFloat(text, 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 && strings.ContainsAny(text, "eE") {
		return int64(f), nil
	}
	return 0, ArgumentError("a whole number is wanted")
}
