package sqltext

// Charset is a character_set_client, as far as it matters to the lexer. The
// zero value is utf8mb4.
type Charset uint8

// The character sets that a client of either server may use. Those whose text
// is no superset of ASCII are left out: ucs2, utf16, utf16le and utf32, which
// the servers refuse for clients, and swe7, whose letters stand where others
// have brackets and the backslash.
const (
	UTF8MB4 Charset = iota
	UTF8MB3
	ASCII
	Binary
	ARMSCII8
	Big5
	CP1250
	CP1251
	CP1256
	CP1257
	CP850
	CP852
	CP866
	CP932
	DEC8
	EUCJPMS
	EUCKR
	GB18030
	GB2312
	GBK
	GEOSTD8
	Greek
	Hebrew
	HP8
	Keybcs2
	KOI8R
	KOI8U
	Latin1
	Latin2
	Latin5
	Latin7
	Macce
	Macroman
	SJIS
	TIS620
	UJIS
)

// charset is what the lexer knows of a character set.
type charset struct {
	name string
	utf8 bool
	// trailASCII: a later byte of a character may be an ASCII one, and so a
	// quote mark's neighbour, a backslash or a backquote.
	trailASCII bool
	// charLen returns the length of the multi-byte character that b starts
	// with, 0 where b starts with none. It is nil for single-byte sets.
	charLen func(b []byte) int
	// letters and blanks are the bytes from 0x80 on that the servers take for
	// part of a name and for a blank, one bit each. Single-byte sets only.
	letters, blanks [2]uint64
}

func (c Charset) info() *charset {
	if int(c) < len(charsets) {
		return &charsets[c]
	}
	return &charsets[Binary]
}

// String returns the name that the servers know the character set by.
func (c Charset) String() string { return c.info().name }

// Class gives one character set for all those in which names of the same bytes say
// the same, by [Text.Name] and [Text.UTF8]: what is known of a text by its
// [Text.Hash] holds in all of them. Where tokens end and what strings say is another
// question.
func (c Charset) Class() Charset {
	switch cs := c.info(); {
	case cs.utf8:
		return UTF8MB4
	case !cs.trailASCII:
		return Binary
	}
	return c // a quote in a name may be half a character
}

// blank reports whether the byte c, which is 0x80 or more, is a blank.
func (cs *charset) blank(c byte) bool {
	return cs.blanks[(c-0x80)>>6]&(1<<(c&63)) != 0
}

// identLen returns how many bytes of a name b, which starts with a byte from
// 0x80 on, starts with: the length of one character, or 0.
func (cs *charset) identLen(b []byte) int {
	if cs.charLen != nil {
		if n := cs.charLen(b); n > 1 {
			return n
		}
		return 0
	}
	return int(cs.letters[(b[0]-0x80)>>6] >> (b[0] & 63) & 1)
}

// variableByte reports whether the byte c, which is 0x80 or more, is surely
// part of the name of an unquoted user variable, where the servers go by bytes.
func (cs *charset) variableByte(c byte) bool {
	if cs.charLen != nil {
		return cs.utf8 && c < 0xFF
	}
	return cs.letters[(c-0x80)>>6]&(1<<(c&63)) != 0
}

func in(c, lo, hi byte) bool { return c >= lo && c <= hi }

// The functions below follow the ismbchar() of the servers'
// strings/ctype-*.cc.

func utf8mb4Len(b []byte) int {
	if n := utf8mb3Len(b); n > 0 {
		return n
	}
	if len(b) < 4 || !in(b[0], 0xF0, 0xF4) || !in(b[1], 0x80, 0xBF) || !in(b[2], 0x80, 0xBF) || !in(b[3], 0x80, 0xBF) ||
		b[0] == 0xF0 && b[1] < 0x90 || b[0] == 0xF4 && b[1] > 0x8F {
		return 0
	}
	return 4
}

func utf8mb3Len(b []byte) int {
	switch {
	case len(b) >= 2 && in(b[0], 0xC2, 0xDF) && in(b[1], 0x80, 0xBF):
		return 2
	case len(b) >= 3 && in(b[0], 0xE0, 0xEF) && in(b[1], 0x80, 0xBF) && in(b[2], 0x80, 0xBF) &&
		(b[0] != 0xE0 || b[1] >= 0xA0) && (b[0] != 0xED || b[1] < 0xA0):
		return 3
	}
	return 0
}

func big5Len(b []byte) int {
	if len(b) >= 2 && in(b[0], 0xA1, 0xF9) && (in(b[1], 0x40, 0x7E) || in(b[1], 0xA1, 0xFE)) {
		return 2
	}
	return 0
}

func sjisLen(b []byte) int {
	if len(b) >= 2 && (in(b[0], 0x81, 0x9F) || in(b[0], 0xE0, 0xFC)) && (in(b[1], 0x40, 0x7E) || in(b[1], 0x80, 0xFC)) {
		return 2
	}
	return 0
}

func eucKRLen(b []byte) int {
	if len(b) >= 2 && in(b[0], 0x81, 0xFE) && (in(b[1], 0x41, 0x5A) || in(b[1], 0x61, 0x7A) || in(b[1], 0x81, 0xFE)) {
		return 2
	}
	return 0
}

func gb2312Len(b []byte) int {
	if len(b) >= 2 && in(b[0], 0xA1, 0xF7) && in(b[1], 0xA1, 0xFE) {
		return 2
	}
	return 0
}

func gbkLen(b []byte) int {
	if len(b) >= 2 && in(b[0], 0x81, 0xFE) && (in(b[1], 0x40, 0x7E) || in(b[1], 0x80, 0xFE)) {
		return 2
	}
	return 0
}

func gb18030Len(b []byte) int {
	if n := gbkLen(b); n > 0 {
		return n
	}
	if len(b) >= 4 && in(b[0], 0x81, 0xFE) && in(b[1], 0x30, 0x39) && in(b[2], 0x81, 0xFE) && in(b[3], 0x30, 0x39) {
		return 4
	}
	return 0
}

func eucJPLen(b []byte) int {
	switch {
	case len(b) < 2:
	case in(b[0], 0xA1, 0xFE) && in(b[1], 0xA1, 0xFE), b[0] == 0x8E && in(b[1], 0xA0, 0xDF):
		return 2
	case len(b) >= 3 && b[0] == 0x8F && in(b[1], 0xA1, 0xFE) && in(b[2], 0xA1, 0xFE):
		return 3
	}
	return 0
}
