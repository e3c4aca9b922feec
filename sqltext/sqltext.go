// Package sqltext reads SQL as the server at hand lexes it: tokens, statement
// ends, executable comments, constants and hints, under the session's sql_mode
// and character set.
//
// It follows lex_one_token() of MySQL's and MariaDB's sql/sql_lex.cc and the
// character maps of their strings/ folder. Where the two servers differ, or two
// versions of one, [Lexis] says which one is meant. A text of which the reading
// is not certain is an error, never a guess.
package sqltext

import (
	"fmt"
	"math"
)

// Flavor is the family of the server.
type Flavor uint8

// The families whose lexers are followed.
const (
	MySQL Flavor = iota
	MariaDB
)

// String returns the family's name as its makers write it.
func (f Flavor) String() string {
	if f == MariaDB {
		return "MariaDB"
	}
	return "MySQL"
}

// Lexis is what of a session decides how the server reads its text. The zero
// value is MySQL with no sql_mode, utf8mb4 and no version: versioned executable
// comments are all skipped.
type Lexis struct {
	ANSIQuotes         bool // sql_mode ANSI_QUOTES: "x" is an identifier
	NoBackslashEscapes bool // sql_mode NO_BACKSLASH_ESCAPES: \ is a character like others
	IgnoreSpace        bool // sql_mode IGNORE_SPACE: changes which words are function names, not where tokens end
	PipesAsConcat      bool // sql_mode PIPES_AS_CONCAT: changes what || means, not where tokens end
	Charset            Charset
	Flavor             Flavor
	Version            int // as in executable comments: 101106, 90700
}

// Kind is the class of a [Token].
type Kind uint8

// The kinds of tokens.
const (
	Word       Kind = iota // unquoted identifier or keyword, also after a dot; \N where the server knows it
	Quoted                 // `x`, or "x" under ANSI_QUOTES
	String                 // 'x', "x", n'x', MySQL's $$x$$; adjacent strings are separate tokens
	Introducer             // _utf8mb4 before a String, Hex or Bit
	Number                 // 1, 1.5, .5, 1e3; the sign is an Op
	Hex                    // 0x1F, x'1F'
	Bit                    // 0b1, b'1'
	Param                  // ?
	UserVar                // @x, @'x', @`x`, @"x"; also a lone @, and the @host of an account
	SysVar                 // @@; the words of the name follow as tokens of their own
	Op                     // one operator or punctuation mark
)

// String returns the kind's name in lower case.
func (k Kind) String() string {
	names := [...]string{"word", "quoted", "string", "introducer", "number", "hex", "bit", "param", "uservar", "sysvar", "op"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Constant reports whether a token of this kind is a literal value.
func (k Kind) Constant() bool {
	return k == String || k == Number || k == Hex || k == Bit
}

// Token is one lexical unit, as offsets into the text it was read from.
type Token struct {
	Kind       Kind
	Exec       bool // stands inside an executable comment
	Start, End int32
}

// Span is a half-open range: of bytes or of token indexes, as its user says.
type Span struct{ Start, End int32 }

// Text is a lexed SQL text. It holds the bytes it was given, does not copy
// them, and is reused from one call of [Text.Lex] to the next. It belongs to one
// goroutine.
type Text struct {
	SQL    []byte
	Tokens []Token
	// Hints are the byte ranges of the hints, without the marker "ifmatch:" and
	// the blanks around: what [ParseHint] takes.
	Hints []Span
	// Executable is set where an executable comment was opened whose content
	// the server runs.
	Executable bool

	lx      Lexis
	scratch []byte
	strings Strings
}

// LexError says where a text cannot be read with certainty: it is not SQL to
// the server, or what the server would make of it cannot be told. It never
// quotes the text.
type LexError struct {
	Offset int    // in bytes, from 0
	What   string // what is wrong there
}

// Error returns what is wrong and where.
func (e *LexError) Error() string {
	return fmt.Sprintf("reading sql: %s at byte %d", e.What, e.Offset)
}

// Hold makes t hold sql without reading it: it then has no tokens.
func (t *Text) Hold(sql []byte, lx *Lexis) {
	t.SQL = sql
	t.Tokens = t.Tokens[:0]
	t.Hints = t.Hints[:0]
	t.Executable = false
	t.lx = *lx
}

// Lex reads sql as the server would under lx. Whatever t held before is gone,
// its slices are reused: in steady state nothing is allocated. The error is a
// [*LexError]; t then holds the tokens before it. sql must not change while t
// is in use.
func (t *Text) Lex(sql []byte, lx *Lexis) error {
	t.Hold(sql, lx)
	if len(sql) > math.MaxInt32 {
		return &LexError{Offset: math.MaxInt32, What: "text longer than 2 GiB"}
	}
	l := lexer{t: t, src: sql, cs: lx.Charset.info()}
	return l.run()
}
