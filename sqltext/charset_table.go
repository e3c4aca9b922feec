package sqltext

// charsets is indexed by Charset. The bits for single bytes are those of the
// servers' ctype maps (strings/ctype-*.cc and share/charsets/*.xml). Where a
// byte is missing, a name that has it is refused.
var charsets = [...]charset{
	UTF8MB4:  {name: "utf8mb4", utf8: true, charLen: utf8mb4Len},
	UTF8MB3:  {name: "utf8mb3", utf8: true, charLen: utf8mb3Len},
	ASCII:    {name: "ascii"},
	Binary:   {name: "binary"},
	ARMSCII8: {name: "armscii8", letters: [2]uint64{0xFFFC000000000000, 0x3FFFFFFFFFFFFFFF}, blanks: [2]uint64{0x100000000, 0}},
	Big5:     {name: "big5", trailASCII: true, charLen: big5Len},
	CP1250:   {name: "cp1250", letters: [2]uint64{0xD60884A8F400F400, 0x7F7FFFFFFF7FFFFF}, blanks: [2]uint64{0x100000000, 0}},
	CP1251:   {name: "cp1251", letters: [2]uint64{0xF51C852EF401F40B, 0xFFFFFFFFFFFFFFFF}},
	CP1256:   {name: "cp1256", letters: [2]uint64{0x1001700A, 0x1F7FFFFFFF7FFFFE}},
	CP1257:   {name: "cp1257", letters: [2]uint64{0x8500850000000000, 0x7F7FFFFFFF7FFFFF}},
	CP850:    {name: "cp850", letters: [2]uint64{0xE0003F2FFFFFFF, 0x3FBF41FF00C0}},
	CP852:    {name: "cp852", letters: [2]uint64{0x61E03BFFBFFFFFFF, 0x38007FFF61FF00C0}, blanks: [2]uint64{0, 0x8000000000000000}},
	CP866:    {name: "cp866", letters: [2]uint64{0xFFFFFFFFFFFF, 0xFFFFFF00000000}, blanks: [2]uint64{0, 0x8000000000000000}},
	CP932:    {name: "cp932", trailASCII: true, charLen: sjisLen},
	DEC8:     {name: "dec8", letters: [2]uint64{0, 0x3F7EFFFFBF7EFFFF}, blanks: [2]uint64{0x100000000, 0}},
	EUCJPMS:  {name: "eucjpms", charLen: eucJPLen},
	EUCKR:    {name: "euckr", trailASCII: true, charLen: eucKRLen},
	GB18030:  {name: "gb18030", trailASCII: true, charLen: gb18030Len},
	GB2312:   {name: "gb2312", charLen: gb2312Len},
	GBK:      {name: "gbk", trailASCII: true, charLen: gbkLen},
	GEOSTD8:  {name: "geostd8", letters: [2]uint64{0, 0x3FFFFFFFFF}, blanks: [2]uint64{0x100000000, 0}},
	Greek:    {name: "greek", letters: [2]uint64{0xD740000000000000, 0x7FFFFFFFFFFBFFFF}, blanks: [2]uint64{0x100000000, 0}},
	Hebrew:   {name: "hebrew", letters: [2]uint64{0, 0x7FFFFFF00000000}, blanks: [2]uint64{0x100000000, 0}},
	HP8:      {name: "hp8", letters: [2]uint64{0, 0x1D99D020}},
	Keybcs2:  {name: "keybcs2", letters: [2]uint64{0xFFFFFFFFFFF, 0x6FBF00000000}, blanks: [2]uint64{0, 0x8000000000000000}},
	KOI8R:    {name: "koi8r", letters: [2]uint64{0x8000800000000, 0xFFFFFFFFFFFFFFFF}},
	KOI8U:    {name: "koi8u", letters: [2]uint64{0x20D820D800000000, 0xFFFFFFFFFFFFFFFF}},
	Latin1:   {name: "latin1", letters: [2]uint64{0xD4005408, 0xFF7FFFFFFF7FFFFF}, blanks: [2]uint64{0x100000000, 0}},
	Latin2:   {name: "latin2", letters: [2]uint64{0xDE6ADE6A00000000, 0x7F7FFFFF7F7EFFFF}, blanks: [2]uint64{0x100000000, 0}},
	Latin5:   {name: "latin5", letters: [2]uint64{0, 0xFF7FFFFFFF7FFFFF}, blanks: [2]uint64{0x100000000, 0}},
	Latin7:   {name: "latin7", letters: [2]uint64{0x8400840000000001, 0x7F7FFFFFFF7FFFFF}, blanks: [2]uint64{0x100000000, 0}},
	Macce:    {name: "macce", letters: [2]uint64{0xFF33C884FFFFFFFF, 0x7FFFFFF3CF00F833}},
	Macroman: {name: "macroman", letters: [2]uint64{0xC000C080FFFFFFFE, 0x3EFFC003003010}},
	SJIS:     {name: "sjis", trailASCII: true, charLen: sjisLen},
	TIS620:   {name: "tis620"},
	UJIS:     {name: "ujis", charLen: eucJPLen},
}

// unusable are the character sets that exist and that Lex cannot be used with.
var unusable = [...]string{"ucs2", "utf16", "utf16le", "utf32", "swe7"}

// CharsetByName returns the character set that SET NAMES or
// character_set_client names, in any case of letters; utf8 is utf8mb3, as
// with both servers. False for unknown ones and for those that a client cannot
// use or this package cannot read: see the constants.
func CharsetByName(name string) (Charset, bool) {
	if len(name) == 4 && foldPrefix([]byte(name), "utf8") {
		return UTF8MB3, true
	}
	for i := range charsets {
		if n := charsets[i].name; len(n) == len(name) && foldPrefix([]byte(name), n) {
			return Charset(i), true
		}
	}
	return 0, false
}

// introducer reports whether name, without its underscore, names a character
// set of the server.
func introducer(name []byte, f Flavor) bool {
	same := func(s string) bool { return len(s) == len(name) && foldPrefix(name, s) }
	for i := range charsets {
		if same(charsets[i].name) {
			return f == MySQL || Charset(i) != GB18030
		}
	}
	for _, n := range unusable {
		if same(n) {
			return true
		}
	}
	return same("utf8")
}

// CharsetByID returns the character set of the collation with that id, as it
// stands in the handshake. False where [CharsetByName] is false of its name.
func CharsetByID(id int) (Charset, bool) {
	if id < 0 || id >= len(charsetOf) || charsetOf[id] == 0 {
		return 0, false
	}
	return Charset(charsetOf[id] - 1), true
}

// charsetOf is 1 + the character set by the id of a collation, 0 for none: it is
// asked for every column of every answer that is looked into.
var charsetOf = func() (of [4096]uint8) {
	for id := range of {
		if cs, ok := CharsetByName(CharsetName(id)); ok {
			of[id] = 1 + uint8(cs)
		}
	}
	return of
}()

// CharsetName returns the name of the character set of the collation with that
// id, as in information_schema.COLLATIONS of either server; empty where neither
// has it.
func CharsetName(id int) string {
	if id > 1024 && id < 2048 {
		id -= 1024 // MariaDB's NOPAD collations
	}
	for _, r := range collations {
		if id >= r.first && id <= r.last {
			return r.charset
		}
	}
	return ""
}

// collations are the ids of both servers' collations by character set. No id
// means two character sets.
var collations = [...]struct {
	first, last int
	charset     string
}{
	{1, 1, "big5"},
	{2, 2, "latin2"},
	{3, 3, "dec8"},
	{4, 4, "cp850"},
	{5, 5, "latin1"},
	{6, 6, "hp8"},
	{7, 7, "koi8r"},
	{8, 8, "latin1"},
	{9, 9, "latin2"},
	{10, 10, "swe7"},
	{11, 11, "ascii"},
	{12, 12, "ujis"},
	{13, 13, "sjis"},
	{14, 14, "cp1251"},
	{15, 15, "latin1"},
	{16, 16, "hebrew"},
	{18, 18, "tis620"},
	{19, 19, "euckr"},
	{20, 20, "latin7"},
	{21, 21, "latin2"},
	{22, 22, "koi8u"},
	{23, 23, "cp1251"},
	{24, 24, "gb2312"},
	{25, 25, "greek"},
	{26, 26, "cp1250"},
	{27, 27, "latin2"},
	{28, 28, "gbk"},
	{29, 29, "cp1257"},
	{30, 30, "latin5"},
	{31, 31, "latin1"},
	{32, 32, "armscii8"},
	{33, 33, "utf8mb3"},
	{34, 34, "cp1250"},
	{35, 35, "ucs2"},
	{36, 36, "cp866"},
	{37, 37, "keybcs2"},
	{38, 38, "macce"},
	{39, 39, "macroman"},
	{40, 40, "cp852"},
	{41, 42, "latin7"},
	{43, 43, "macce"},
	{44, 44, "cp1250"},
	{45, 46, "utf8mb4"},
	{47, 49, "latin1"},
	{50, 52, "cp1251"},
	{53, 53, "macroman"},
	{54, 55, "utf16"},
	{56, 56, "utf16le"},
	{57, 57, "cp1256"},
	{58, 59, "cp1257"},
	{60, 61, "utf32"},
	{62, 62, "utf16le"},
	{63, 63, "binary"},
	{64, 64, "armscii8"},
	{65, 65, "ascii"},
	{66, 66, "cp1250"},
	{67, 67, "cp1256"},
	{68, 68, "cp866"},
	{69, 69, "dec8"},
	{70, 70, "greek"},
	{71, 71, "hebrew"},
	{72, 72, "hp8"},
	{73, 73, "keybcs2"},
	{74, 74, "koi8r"},
	{75, 75, "koi8u"},
	{76, 76, "utf8mb3"},
	{77, 77, "latin2"},
	{78, 78, "latin5"},
	{79, 79, "latin7"},
	{80, 80, "cp850"},
	{81, 81, "cp852"},
	{82, 82, "swe7"},
	{83, 83, "utf8mb3"},
	{84, 84, "big5"},
	{85, 85, "euckr"},
	{86, 86, "gb2312"},
	{87, 87, "gbk"},
	{88, 88, "sjis"},
	{89, 89, "tis620"},
	{90, 90, "ucs2"},
	{91, 91, "ujis"},
	{92, 93, "geostd8"},
	{94, 94, "latin1"},
	{95, 96, "cp932"},
	{97, 98, "eucjpms"},
	{99, 99, "cp1250"},
	{101, 124, "utf16"},
	{128, 151, "ucs2"},
	{159, 159, "ucs2"},
	{160, 183, "utf32"},
	{192, 215, "utf8mb3"},
	{223, 223, "utf8mb3"},
	{224, 247, "utf8mb4"},
	{248, 250, "gb18030"},
	{255, 323, "utf8mb4"},
	{576, 578, "utf8mb3"},
	{608, 610, "utf8mb4"},
	{640, 642, "ucs2"},
	{672, 674, "utf16"},
	{736, 738, "utf32"},
	{2048, 2303, "utf8mb3"},
	{2304, 2559, "utf8mb4"},
	{2560, 2815, "ucs2"},
	{2816, 3071, "utf16"},
	{3072, 3327, "utf32"},
}
