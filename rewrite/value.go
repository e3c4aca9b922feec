package rewrite

import (
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ValueKind says what is known of a value that a statement carries.
type ValueKind uint8

const (
	// NoValue is the absence of a value, unlike Null, which is SQL's NULL.
	NoValue ValueKind = iota
	// Null is SQL's NULL.
	Null
	// Integer is a whole number between -2^64 and 2^64.
	Integer
	// Decimal is an exact number with a point, kept as text.
	Decimal
	// Text is a character string.
	Text
	// Bytes is a binary string.
	Bytes
	// Opaque is a value whose text the proxy does not know (floating point,
	// hexadecimal, bit, temporal parameters, strings in another character set).
	Opaque
)

// Value is a constant of a statement, a parameter of an execution or a part of
// a token, as far as the proxy has to understand it.
type Value struct {
	Kind ValueKind
	Neg  bool   // of an Integer
	Abs  uint64 // of an Integer
	Text string // of Decimal, Text and Bytes; of Opaque how it was written, if that is known
}

// IntegerValue returns n as a Value.
func IntegerValue(n int64) Value {
	if n < 0 {
		return Value{Kind: Integer, Neg: true, Abs: -uint64(n)}
	}
	return Value{Kind: Integer, Abs: uint64(n)}
}

// UintValue returns n as a Value.
func UintValue(n uint64) Value { return Value{Kind: Integer, Abs: n} }

// TextValue returns the character string s as a Value.
func TextValue(s string) Value { return Value{Kind: Text, Text: s} }

// BytesValue returns the binary string s as a Value.
func BytesValue(s string) Value { return Value{Kind: Bytes, Text: s} }

// NumberValue reads an unsigned number as SQL writes it. A number with an
// exponent is approximate and therefore Opaque.
func NumberValue(s string, neg bool) Value {
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		return Value{Kind: Integer, Neg: neg && n != 0, Abs: n}
	}
	// Put together anew, so that s need not outlive the call: for a whole number,
	// which most are, the caller can make it of bytes without an allocation.
	sign := ""
	if neg {
		sign = "-"
	}
	text := sign + s
	if strings.ContainsAny(s, "eE") {
		return Value{Kind: Opaque, Text: text}
	}
	return Value{Kind: Decimal, Text: text}
}

// DecimalValue reads an exact number with or without sign and point.
func DecimalValue(s string) Value {
	if v, ok := TextValue(s).integer(); ok {
		return v
	}
	return Value{Kind: Decimal, Text: s}
}

// integer reads v as a whole number: an Integer, or Text that is nothing but
// its digits. A client that quotes every constant writes numbers as text.
func (v Value) integer() (Value, bool) {
	switch v.Kind {
	case Integer:
		return v, true
	case Text:
		s, neg := strings.CutPrefix(v.Text, "-")
		if s == "" || len(s) > 20 {
			return Value{}, false
		}
		for i := 0; i < len(s); i++ {
			if s[i] < '0' || s[i] > '9' {
				return Value{}, false
			}
		}
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return Value{}, false
		}
		return Value{Kind: Integer, Neg: neg && n != 0, Abs: n}, true
	}
	return Value{}, false
}

// greater reports whether a is provably greater than b: both are whole numbers.
func greater(a, b Value) bool {
	x, ok := a.integer()
	y, ok2 := b.integer()
	switch {
	case !ok || !ok2:
		return false
	case x.Neg != y.Neg:
		return y.Neg
	case x.Neg:
		return x.Abs < y.Abs
	}
	return x.Abs > y.Abs
}

// String gives v as conflict messages show it: numbers bare, strings quoted.
func (v Value) String() string {
	switch v.Kind {
	case Null:
		return "NULL"
	case Integer:
		s := strconv.FormatUint(v.Abs, 10)
		if v.Neg {
			s = "-" + s
		}
		return s
	case Decimal:
		return v.Text
	case Text:
		return "'" + strings.ReplaceAll(v.Text, "'", "''") + "'"
	case Bytes:
		return "0x" + strings.ToUpper(hex.EncodeToString([]byte(v.Text)))
	}
	if v.Text != "" {
		return v.Text
	}
	return "?"
}

// appendLiteral writes v as SQL that reads the same under every sql_mode and
// character set of the session.
func (v Value) appendLiteral(dst []byte) []byte {
	switch v.Kind {
	case Null, NoValue:
		return append(dst, "NULL"...)
	case Integer:
		if v.Neg {
			dst = append(dst, '-')
		}
		return strconv.AppendUint(dst, v.Abs, 10)
	case Decimal:
		return append(dst, v.Text...)
	}
	if v.Kind != Bytes && plain(v.Text) {
		dst = append(dst, '\'')
		dst = append(dst, v.Text...)
		return append(dst, '\'')
	}
	charset := "_binary"
	if v.Kind == Text && utf8.ValidString(v.Text) {
		charset = "_utf8mb4"
	}
	if v.Kind != Bytes {
		dst = append(dst, charset...)
		dst = append(dst, ' ')
	}
	dst = append(dst, "x'"...)
	const digits = "0123456789abcdef"
	for i := 0; i < len(v.Text); i++ {
		dst = append(dst, digits[v.Text[i]>>4], digits[v.Text[i]&15])
	}
	return append(dst, '\'')
}

// plain reports whether s between single quotes is one string for every lexer.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c > '~' || c == '\'' || c == '\\' {
			return false
		}
	}
	return true
}

// quoteName writes an identifier. Backticks quote in every sql_mode.
func quoteName(dst []byte, name string) []byte {
	dst = append(dst, '`')
	for i := 0; i < len(name); i++ {
		if name[i] == '`' {
			dst = append(dst, '`')
		}
		dst = append(dst, name[i])
	}
	return append(dst, '`')
}
