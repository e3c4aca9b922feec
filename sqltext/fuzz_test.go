package sqltext

import (
	"bytes"
	"errors"
	"testing"
)

// fuzzLexis makes a lexis of three fuzzed bytes.
func fuzzLexis(mode, charset, server byte) Lexis {
	lx := []Lexis{mysql97, mariadb, mysql80, mysql57}[int(server)%4]
	lx.ANSIQuotes = mode&1 != 0
	lx.NoBackslashEscapes = mode&2 != 0
	lx.Charset = Charset(int(charset) % len(charsets))
	return lx
}

// blankGap takes the blanks and comments off the front of b and reports what
// is left: nothing, where the lexer was right to read no token there.
func blankGap(b []byte, cs *charset, exec bool) []byte {
	for len(b) > 0 {
		switch c := b[0]; {
		case c < 0x80 && class[c] == blank, c >= 0x80 && cs.blank(c):
			b = b[1:]
		case c == '#', c == '-' && len(b) > 1 && b[1] == '-':
			n := bytes.IndexByte(b, '\n')
			if n < 0 {
				return nil
			}
			b = b[n:]
		case bytes.HasPrefix(b, []byte("/*!")), bytes.HasPrefix(b, []byte("/*M!")):
			return nil // its rules are in tables; the tokens are checked by Normalize
		case bytes.HasPrefix(b, []byte("/*")):
			n := bytes.Index(b[2:], closing)
			if n < 0 {
				return b
			}
			b = b[n+4:]
		case exec && bytes.HasPrefix(b, closing):
			b = b[2:]
		default:
			return b
		}
	}
	return nil
}

func FuzzLex(f *testing.F) {
	for _, s := range []string{
		"UPDATE t SET a='x', b=\"y\" WHERE id = 1 /* ifmatch: version=9 */",
		"SELECT /*!50000 a*/ /*!99999 b /* c */ */ FROM t -- d\n# e\n;",
		"a.1b `x``y`.2 @'a' @@global.x 0x1F x'41' b'1' 1.5e3 _utf8'x' n'y'",
		"a->>b <=> c := d && e || f << g >> h != i <> j <= k >= l",
		"'\xbf\\' \x81` \xa0 $a$ x $a$ \\N ?",
		"CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET a=1; END; SELECT 1",
	} {
		for server := range byte(4) {
			f.Add([]byte(s), byte(0), byte(0), server)
		}
		f.Add([]byte(s), byte(3), byte(GBK), byte(1))
	}
	f.Fuzz(func(t *testing.T, sql []byte, mode, cset, server byte) {
		lx := fuzzLexis(mode, cset, server)
		var text Text
		if err := text.Lex(sql, &lx); err != nil {
			var lexErr *LexError
			if !errors.As(err, &lexErr) || lexErr.Offset < 0 || lexErr.Offset > len(sql) {
				t.Fatalf("error %v", err)
			}
			return
		}
		cs := lx.Charset.info()
		end, exec := int32(0), false
		for i, tok := range text.Tokens {
			if tok.Start < end || tok.End <= tok.Start || int(tok.End) > len(sql) {
				t.Fatalf("token %d is [%d,%d) after %d", i, tok.Start, tok.End, end)
			}
			if rest := blankGap(sql[end:tok.Start], cs, exec); rest != nil {
				t.Fatalf("%q was skipped before token %d", rest, i)
			}
			end, exec = tok.End, tok.Exec
		}
		if rest := blankGap(sql[end:], cs, exec); rest != nil {
			t.Fatalf("%q was skipped at the end", rest)
		}
		checkNormalize(t, &text, &lx)
		checkViews(t, &text)
	})
}

// checkNormalize: the normalized text has the same tokens at the same places
// and nothing else, and Mask has the same length.
func checkNormalize(t *testing.T, text *Text, lx *Lexis) {
	norm := text.Normalize(nil)
	if len(norm) != len(text.SQL) {
		t.Fatalf("Normalize made %d bytes of %d", len(norm), len(text.SQL))
	}
	var again Text
	if err := again.Lex(norm, lx); err != nil {
		t.Fatalf("normalized text %q: %v", norm, err)
	}
	if again.Executable || len(again.Hints) != 0 || len(again.Tokens) != len(text.Tokens) {
		t.Fatalf("%q is %s, normalized %q is %s", text.SQL, dump(text), norm, dump(&again))
	}
	for i, tok := range again.Tokens {
		was := text.Tokens[i]
		was.Exec = false
		if tok != was {
			t.Fatalf("token %d is %+v, and %+v in the normalized text", i, was, tok)
		}
	}
	ah, al := text.Hash(0, len(text.Tokens))
	bh, bl := again.Hash(0, len(again.Tokens))
	if ah != bh || al != bl {
		t.Fatal("normalizing changed the hash")
	}
	if mask := text.Mask(nil); len(mask) != len(text.SQL) {
		t.Fatalf("Mask made %d bytes of %d", len(mask), len(text.SQL))
	}
}

// checkViews: what is asked of a token never panics, and statements are in
// order and not empty.
func checkViews(t *testing.T, text *Text) {
	text.Shape(nil)
	Placeholders(text, 0, len(text.Tokens))
	for i, tok := range text.Tokens {
		text.Is(i, "SELECT")
		if _, ok := text.Name(i); ok && tok.Kind != Word && tok.Kind != Quoted {
			t.Fatalf("token %d of kind %s has a name", i, tok.Kind)
		}
		if _, ok := text.StringValue(nil, i); ok != (tok.Kind == String) {
			t.Fatalf("token %d of kind %s: string value is %v", i, tok.Kind, ok)
		}
	}
	end := int32(0)
	for _, s := range text.Statements(nil) {
		if s.Start < end || s.End <= s.Start || int(s.End) > len(text.Tokens) {
			t.Fatalf("statement [%d,%d) after %d", s.Start, s.End, end)
		}
		end = s.End
	}
}

// quote writes value as a literal in q's, as a client would.
func quote(value []byte, q byte, escapes bool, cs *charset) []byte {
	b := []byte{q}
	for i := 0; i < len(value); {
		c := value[i]
		n := 1
		if c >= 0x80 && cs.trailASCII {
			n = max(1, cs.charLen(value[i:]))
		}
		switch {
		case n > 1:
			b = append(b, value[i:i+n]...)
		case c == q:
			b = append(b, q, q)
		case c == '\\' && escapes:
			b = append(b, '\\', '\\')
		case c == 0 && escapes:
			b = append(b, '\\', '0')
		default:
			b = append(b, c)
		}
		i += n
	}
	return append(b, q)
}

func FuzzStringValue(f *testing.F) {
	for _, s := range []string{"", "a", "it's", `a\`, `\'"`, "\xbf\\", "\xbf'", "\x81\x30\x81\x30\\", "\x00\n", `\%`} {
		f.Add([]byte(s), byte(0), byte(0))
		f.Add([]byte(s), byte(2), byte(GBK))
		f.Add([]byte(s), byte(4), byte(GB18030))
	}
	f.Fuzz(func(t *testing.T, value []byte, mode, cset byte) {
		lx := fuzzLexis(mode&2, cset, 0)
		q := byte('\'')
		if mode&4 != 0 {
			q = '"'
		}
		sql := quote(value, q, !lx.NoBackslashEscapes, lx.Charset.info())
		var text Text
		err := text.Lex(sql, &lx)
		if cs := lx.Charset.info(); cs.trailASCII && !wellFormed(value, cs) {
			// A byte that starts a character may take an escape's
			// backslash for its second, with the server as here.
			return
		}
		if err != nil || len(text.Tokens) != 1 {
			t.Fatalf("%q is %s, error %v", sql, dump(&text), err)
		}
		if got, ok := text.StringValue(nil, 0); !ok || !bytes.Equal(got, value) {
			t.Fatalf("%q was quoted as %q and read as %q %v", value, sql, got, ok)
		}
	})
}

// wellFormed reports whether value is made of whole characters.
func wellFormed(value []byte, cs *charset) bool {
	for i := 0; i < len(value); {
		if value[i] < 0x80 {
			i++
			continue
		}
		n := cs.charLen(value[i:])
		if n == 0 {
			return false
		}
		i += n
	}
	return true
}
