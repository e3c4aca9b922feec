package sqltext

import "testing"

func TestNormalizeMaskShape(t *testing.T) {
	tests := []struct {
		name, sql               string
		normalized, mask, shape string
	}{
		{
			"constants",
			"UPDATE  t SET a='x y', b = 1.5,c=x'41' WHERE d=?",
			"UPDATE  t SET a='x y', b = 1.5,c=x'41' WHERE d=?",
			"UPDATE  t SET a='xxx', b = 1.5,c=x'41' WHERE d=?",
			"UPDATE t SET a = ? , b = ? , c = ? WHERE d = ?",
		},
		{
			"comments",
			"a/*b*/c -- d\n# e\n/*+ f*/g",
			"a     c                 g",
			"a     c                 g",
			"a c g",
		},
		{
			"executable comments",
			"a /*!50000 b*/ /*!99999 c*/ /*!d*/",
			"a          b                   d  ",
			"a          b                   d  ",
			"a b d",
		},
		{
			"strings",
			`"it's" 'it''s' n'\'' _utf8'é' "" 'a' 'b'`,
			`"it's" 'it''s' n'\'' _utf8'é' "" 'a' 'b'`,
			`'xxxx' 'xxxxx' n'xx'      'xx' '' 'x' 'x'`,
			"? ? ? ? ? ? ?",
		},
		{
			"what is no constant stays",
			"`a b`  @'c' @@d \"e\"",
			"`a b`  @'c' @@d \"e\"",
			"`a b`  @'c' @@d 'x'",
			"`a b` @'c' @@ d ?",
		},
		{
			"dollar quotes",
			"AS $x$ 'a' $x$",
			"AS $x$ 'a' $x$",
			"AS 'xxxxxxxxx'",
			"AS ?",
		},
		{"empty", "", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := lex(t, tt.sql, mysql97)
			if got := string(text.Normalize([]byte("<"))); got != "<"+tt.normalized {
				t.Errorf("Normalize\n got %q\nwant %q", got, "<"+tt.normalized)
			}
			if got := string(text.Mask([]byte("<"))); got != "<"+tt.mask {
				t.Errorf("Mask\n got %q\nwant %q", got, "<"+tt.mask)
			}
			if got := string(text.Shape([]byte("<"))); got != "<"+tt.shape {
				t.Errorf("Shape\n got %q\nwant %q", got, "<"+tt.shape)
			}
		})
	}
}

func TestHash(t *testing.T) {
	tests := []struct {
		a, b string
		same bool
	}{
		{"SELECT a FROM t WHERE b=1", "SELECT  a /* c */ FROM t\nWHERE b = 22", true},
		{"SELECT a FROM t WHERE b='x'", "SELECT a FROM t WHERE b=\"yy\"", true},
		{"SELECT a /*!50000 FROM*/ t", "SELECT a FROM t", true},
		{"SELECT a FROM t WHERE b=1", "SELECT a FROM t WHERE b='1'", false},
		{"SELECT a FROM t WHERE b=1", "SELECT a FROM t WHERE b=?", false},
		{"SELECT a", "SELECT b", false},
		{"SELECT a", "SELECT `a`", false},
		{"SELECT ab, c", "SELECT a, bc", false},
		{"SELECT _utf8'a'", "SELECT 'a'", false},
		{"SELECT _utf8'a'", "SELECT _latin1'a'", false},
		{"SELECT t.key", "SELECT t. key", false},
		{"SELECT f(1)", "SELECT f (1)", false},
		{"SELECT 'a' 'b'", "SELECT 'a'", false},
		{"SELECT @a", "SELECT @b", false},
	}
	for _, tt := range tests {
		a, b := lex(t, tt.a, mysql97), lex(t, tt.b, mysql97)
		ah, al := a.Hash(0, len(a.Tokens))
		bh, bl := b.Hash(0, len(b.Tokens))
		if (ah == bh) != tt.same || (al == bl) != tt.same {
			t.Errorf("%q and %q: same is %v %v, want %v", tt.a, tt.b, ah == bh, al == bl, tt.same)
		}
	}
	text := lex(t, "SELECT 1; SELECT 2; SELECT a", mysql97)
	h1, _ := text.Hash(0, 2)
	h2, _ := text.Hash(3, 5)
	h3, _ := text.Hash(6, 8)
	if h1 != h2 || h1 == h3 {
		t.Error("the hash of a statement depends on where it stands, or not on what it is")
	}
}
