package wire

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestLengthEncodedIntegers(t *testing.T) {
	for v, want := range map[uint64][]byte{
		0:              {0},
		250:            {250},
		251:            {0xfc, 251, 0},
		65535:          {0xfc, 0xff, 0xff},
		65536:          {0xfd, 0, 0, 1},
		1<<24 - 1:      {0xfd, 0xff, 0xff, 0xff},
		1 << 24:        {0xfe, 0, 0, 0, 1, 0, 0, 0, 0},
		math.MaxUint64: {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		if got := AppendLenInt(nil, v); !bytes.Equal(got, want) {
			t.Errorf("%d is written % x, want % x", v, got, want)
		}
		if got, n := ReadLenInt(want); got != v || n != len(want) {
			t.Errorf("% x is read %d (%d bytes)", want, got, n)
		}
		for cut := range want {
			if _, n := ReadLenInt(want[:cut]); n != 0 {
				t.Errorf("% x cut to %d bytes is read", want, cut)
			}
		}
	}
	for _, p := range [][]byte{{0xfb}, {0xff}, {0xff, 1, 2, 3, 4, 5, 6, 7, 8}} {
		if _, n := ReadLenInt(p); n != 0 {
			t.Errorf("% x is no integer", p)
		}
	}
	if _, n := ReadLenBytes([]byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}); n != 0 {
		t.Error("a string is longer than its packet")
	}
}

func TestHandshakeResponse(t *testing.T) {
	const all = ClientProtocol41 | ClientMySQL | ClientConnectWithDB | ClientSecureConnection | ClientPluginAuth |
		ClientPluginAuthLenencData | ClientConnectAttrs | ClientZstdCompression
	full := HandshakeResponse{Capabilities: all, MaxPacket: 1 << 24, Charset: 45, User: "u", Auth: bytes.Repeat([]byte{0, 1}, 200),
		Database: "shop", Plugin: "caching_sha2_password", Attributes: []byte("\x03_os\x05Linux\x00\x00"), Zstd: 3}
	with := func(change func(h *HandshakeResponse)) HandshakeResponse {
		h := full
		change(&h)
		return h
	}
	for name, h := range map[string]HandshakeResponse{
		"everything":     full,
		"no database":    with(func(h *HandshakeResponse) { h.Capabilities &^= ClientConnectWithDB; h.Database = "" }),
		"no attributes":  with(func(h *HandshakeResponse) { h.Capabilities &^= ClientConnectAttrs; h.Attributes = nil }),
		"no compression": with(func(h *HandshakeResponse) { h.Capabilities &^= ClientZstdCompression; h.Zstd = 0 }),
		"one byte of length": with(func(h *HandshakeResponse) {
			h.Capabilities &^= ClientPluginAuthLenencData
			h.Auth = []byte("12345678901234567890")
		}),
		"NUL-terminated": with(func(h *HandshakeResponse) {
			h.Capabilities &^= ClientPluginAuthLenencData | ClientSecureConnection
			h.Auth = []byte("secret")
		}),
		"no plug-in": with(func(h *HandshakeResponse) { h.Capabilities &^= ClientPluginAuth; h.Plugin = "" }),
		"MariaDB's capabilities": with(func(h *HandshakeResponse) {
			h.Capabilities = h.Capabilities&^ClientMySQL | MariaDBCacheMetadata | MariaDBProgress
			h.Filler[22-3] = byte((MariaDBCacheMetadata | MariaDBProgress) >> 32)
		}),
		"bytes in the filler": with(func(h *HandshakeResponse) { h.Filler = [23]byte{1, 2, 22: 9} }),
	} {
		p := h.Append(nil)
		got, err := ParseHandshakeResponse(p)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if out := got.Append(nil); !bytes.Equal(out, p) {
			t.Errorf("%s: comes out as %x, not %x", name, out, p)
		}
		if got.Capabilities != h.Capabilities || got.User != h.User || !bytes.Equal(got.Auth, h.Auth) || got.Database != h.Database ||
			got.Plugin != h.Plugin || !bytes.Equal(got.Attributes, h.Attributes) || got.Zstd != h.Zstd || got.Filler != h.Filler ||
			got.Charset != h.Charset || got.MaxPacket != h.MaxPacket {
			t.Errorf("%s: %+v\nis read as\n%+v", name, h, got)
		}
		if IsSSLRequest(p) {
			t.Errorf("%s: is taken for an SSLRequest", name)
		}
	}
	if got := ConnectAttributes(full.Attributes); !slices.Equal(got, []Pair{{"_os", "Linux"}, {"", ""}}) {
		t.Errorf("attributes are %q", got)
	}
	if got := ConnectAttributes([]byte("\x03_os\x09Linux")); got != nil {
		t.Errorf("attributes cut short are %q", got)
	}
	var malformed *MalformedError
	_, err := ParseHandshakeResponse([]byte("\x85\x04\x00\x00\x00root\x00"))
	if !errors.As(err, &malformed) || !strings.Contains(err.Error(), "before 4.1") {
		t.Errorf("an old client: %v", err)
	}
	for _, caps := range []Capability{ClientProtocol41, ClientProtocol41 | ClientMySQL, ClientProtocol41 | MariaDBProgress} {
		p := AppendSSLRequest(nil, caps, 1<<24, 45)
		if !IsSSLRequest(p) || len(p) != 32 {
			t.Errorf("no SSLRequest: %x", p)
		}
	}
}

func TestChangeUser(t *testing.T) {
	const caps = ClientProtocol41 | ClientSecureConnection | ClientPluginAuth | ClientConnectAttrs
	want := ChangeUser{User: "u", Auth: []byte{1, 0, 2}, Database: "shop", Charset: 255, Plugin: "mysql_native_password", Attributes: []byte("\x01a\x01b")}
	const wired = "u\x00\x03\x01\x00\x02shop\x00\xff\x00mysql_native_password\x00\x04\x01a\x01b"
	if p := want.Append(nil, caps); string(p) != wired {
		t.Errorf("is written %q, want %q", p, wired)
	}
	got, err := ParseChangeUser([]byte(wired), caps)
	if err != nil || got.User != "u" || !bytes.Equal(got.Auth, want.Auth) || got.Database != "shop" || got.Charset != 255 ||
		got.Plugin != want.Plugin || !bytes.Equal(got.Attributes, want.Attributes) {
		t.Errorf("is read %+v, %v", got, err)
	}
	if got, err = ParseChangeUser([]byte("u\x00\x00shop\x00"), caps); err != nil || got.User != "u" || got.Database != "shop" {
		t.Errorf("an old client: %+v, %v", got, err)
	}
	if _, err = ParseChangeUser([]byte("u\x00\x09short"), caps); err == nil {
		t.Error("an answer longer than the packet is read")
	}
}

func TestOKForms(t *testing.T) {
	const track = ClientProtocol41 | ClientSessionTrack
	schema := []byte{1, 3, 2, 'w', 't'}
	tests := map[string]struct {
		ok   OK
		caps Capability
		want string
	}{
		"plain":               {OK{Status: StatusAutocommit}, ClientProtocol41, "\x00\x00\x00\x02\x00\x00\x00"},
		"plain, tracking":     {OK{Status: StatusAutocommit}, track, "\x00\x00\x00\x02\x00\x00\x00"},
		"end of rows":         {OK{Header: EOFHeader, Warnings: 1}, track, "\xfe\x00\x00\x00\x00\x01\x00"},
		"info":                {OK{Info: []byte("ab")}, ClientProtocol41, "\x00\x00\x00\x00\x00\x00\x00\x02ab"},
		"info, tracking":      {OK{Info: []byte("ab")}, track, "\x00\x00\x00\x00\x00\x00\x00\x02ab"},
		"state":               {OK{Status: StatusSessionStateChanged, State: schema}, track, "\x00\x00\x00\x00\x40\x00\x00\x00\x05\x01\x03\x02wt"},
		"state and info":      {OK{Status: StatusSessionStateChanged, Info: []byte("i"), State: schema}, track, "\x00\x00\x00\x00\x40\x00\x00\x01i\x05\x01\x03\x02wt"},
		"large numbers":       {OK{AffectedRows: 300, LastInsertID: 1 << 24}, ClientProtocol41, "\x00\xfc\x2c\x01\xfe\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00"},
		"before protocol 4.1": {OK{Status: StatusInTrans}, ClientTransactions, "\x00\x00\x00\x01\x00"},
	}
	for name, test := range tests {
		got := test.ok.Append(nil, test.caps)
		if string(got) != test.want {
			t.Errorf("%s: is written %q, want %q", name, got, test.want)
		}
		back, err := ParseOK([]byte(test.want), test.caps)
		if err != nil || !bytes.Equal(back.Append(nil, test.caps), got) || string(back.Info) != string(test.ok.Info) ||
			string(back.State) != string(test.ok.State) || back.Header != test.ok.Header || back.AffectedRows != test.ok.AffectedRows {
			t.Errorf("%s: is read %+v, %v", name, back, err)
		}
	}
	if ok, err := ParseOK([]byte("\x00\x00\x00\x02\x00\x00\x00hello"), ClientProtocol41); err != nil || string(ok.Info) != "hello" {
		t.Errorf("info without a length: %q, %v", ok.Info, err)
	}
	if _, err := ParseOK([]byte("\x00\x00\x00\x02\x00\x00\x00hello"), track); err == nil {
		t.Error("info without a length passes where its length is sure")
	}
}

func TestERRForms(t *testing.T) {
	tests := map[string]struct {
		p    string
		caps Capability
		want ERR
	}{
		"usual":                       {"\xff\xfc\x03#40001gone", ClientProtocol41, ERR{1020, "40001", "gone"}},
		"before the handshake":        {"\xff\x10\x04Too many connections", 0, ERR{1040, "", "Too many connections"}},
		"there, but with a SQLSTATE":  {"\xff\x10\x04#08004Too many", 0, ERR{1040, "08004", "Too many"}},
		"a message that begins so":    {"\xff\x10\x04#08", 0, ERR{1040, "", "#08"}},
		"a progress report":           {"\xff\xff\xff\x01\x02\x01\x00\x00\x00\x04copy", ClientProtocol41, ERR{0xffff, "", "\x01\x02\x01\x00\x00\x00\x04copy"}},
		"neither SQLSTATE nor reason": {"\xff\x10\x04", ClientProtocol41, ERR{1040, "", ""}},
	}
	for name, test := range tests {
		got, err := ParseERR([]byte(test.p), test.caps)
		if err != nil || got != test.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if progress := IsProgress([]byte(test.p)); progress != (test.want.Code == 0xffff) {
			t.Errorf("%s: is a progress report: %t", name, progress)
		}
	}
	e := ERR{1020, "40001", "gone"}
	if got := e.Append(nil, 0); string(got) != "\xff\xfc\x03gone" {
		t.Errorf("before the handshake it is written %q", got)
	}
	if got := (ERR{1, "x", "m"}).Append(nil, ClientProtocol41); string(got) != "\xff\x01\x00#HY000m" {
		t.Errorf("with a wrong SQLSTATE it is written %q", got)
	}
	if e.Error() != "ERROR 1020 (40001): gone" {
		t.Errorf("reads %q", e.Error())
	}
}

func TestAuthSwitch(t *testing.T) {
	for p, want := range map[string]AuthSwitch{
		"\xfe":                                 {},
		"\xfemysql_native_password\x00abc\x00": {"mysql_native_password", []byte("abc\x00")},
		"\xfedialog\x00":                       {"dialog", nil},
	} {
		got, err := ParseAuthSwitch([]byte(p))
		if err != nil || got.Plugin != want.Plugin || !bytes.Equal(got.Data, want.Data) || string(got.Append(nil)) != p {
			t.Errorf("%q: %+v, %v, comes out as %q", p, got, err, got.Append(nil))
		}
	}
	if got := (AuthSwitch{Data: []byte("abc\x00")}).Scramble(); string(got) != "abc" {
		t.Errorf("scramble %q", got)
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		ComQuery.String(): "COM_QUERY",
		ComSubscribeGroupReplicationStream.String(): "COM_SUBSCRIBE_GROUP_REPLICATION_STREAM",
		ComStmtBulkExecute.String():                 "COM_STMT_BULK_EXECUTE",
		Command(0x2a).String():                      "COM_0x2a",
		Capability(0).String():                      "0",
		(ClientMySQL | ClientDeprecateEOF).String(): "CLIENT_LONG_PASSWORD|CLIENT_DEPRECATE_EOF",
		(MariaDBBulkUnitResults | 1<<50).String():   "MARIADB_CLIENT_BULK_UNIT_RESULTS|0x4000000000000",
		(StatusInTrans | StatusANSIQuotes).String(): "SERVER_STATUS_IN_TRANS|SERVER_STATUS_ANSI_QUOTES",
		(StatusMoreResults | 1<<2).String():         "SERVER_MORE_RESULTS_EXISTS|0x4",
		TypeVarString.String():                      "VAR_STRING",
		FieldType(100).String():                     "0x64",
		(FlagNotNull | FlagNum).String():            "NOT_NULL|NUM",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	// A slip in the list of constants would move all that follow.
	if ClientRememberOptions != 1<<31 || MariaDBExtendedMetadata != 1<<35 || ComResetConnection != 31 || ComStmtPrepare != 22 || FlagNum != 1<<15 {
		t.Error("a constant has moved")
	}
}

func TestQuery(t *testing.T) {
	const sql = "SELECT 1"
	attrs := "\x02\x01" + "\x02" + "\x01" + // two, one set; the second NULL; types follow
		"\xfd\x00\x05trace" + "\x08\x80\x01n" + "\x02ab"
	tests := map[string]struct {
		p          string
		caps       Capability
		attrs, sql string
		bad        bool
	}{
		"without the capability":      {p: sql, sql: sql},
		"none":                        {p: "\x00\x01" + sql, caps: ClientQueryAttributes, attrs: "\x00\x01", sql: sql},
		"some":                        {p: attrs + sql, caps: ClientQueryAttributes, attrs: attrs, sql: sql},
		"empty":                       {p: "", caps: ClientQueryAttributes, bad: true},
		"no text":                     {p: "\x00\x01", caps: ClientQueryAttributes, attrs: "\x00\x01"},
		"two sets":                    {p: "\x00\x02" + sql, caps: ClientQueryAttributes, bad: true},
		"types that do not follow":    {p: "\x01\x01\x00\x00" + sql, caps: ClientQueryAttributes, bad: true},
		"an unknown type":             {p: "\x01\x01\x00\x01\x64\x00\x00" + sql, caps: ClientQueryAttributes, bad: true},
		"undefined bits in the type":  {p: "\x01\x01\x00\x01\x01\x01\x00\x07" + sql, caps: ClientQueryAttributes, bad: true},
		"a value that goes on and on": {p: "\x01\x01\x00\x01\xfd\x00\x00\xfa" + sql, caps: ClientQueryAttributes, bad: true},
		"more attributes than bytes":  {p: "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01" + sql, caps: ClientQueryAttributes, bad: true},
	}
	for name, test := range tests {
		gotAttrs, gotSQL, err := ParseQuery([]byte(test.p), test.caps)
		if test.bad {
			var malformed *MalformedError
			if !errors.As(err, &malformed) {
				t.Errorf("%s: %q, %q, %v, want an error", name, gotAttrs, gotSQL, err)
			}
			continue
		}
		if err != nil || string(gotAttrs) != test.attrs || string(gotSQL) != test.sql {
			t.Errorf("%s: %q, %q, %v", name, gotAttrs, gotSQL, err)
		}
	}
}

func TestResult(t *testing.T) {
	r := Result{
		[]Column{TextColumn("kind", 64), {Name: []byte("n"), Type: TypeLongLong}, {Name: []byte("code"), Type: TypeLong}},
		[][]Value{{{Text: "version"}, {Null: true}, {Text: "9"}}, {{Text: ""}, {Text: "-2"}, {Null: true}}},
	}
	head := func(count ...byte) [][]byte {
		return append([][]byte{count}, r.Columns[0].Append(nil, 0), r.Columns[1].Append(nil, 0), r.Columns[2].Append(nil, 0))
	}
	text := [][]byte{[]byte("\x07version\xfb\x019"), []byte("\x00\x02-2\xfb")}
	binary := [][]byte{{0, 1 << 3, 7, 'v', 'e', 'r', 's', 'i', 'o', 'n', 9, 0, 0, 0}, {0, 1 << 4, 0, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
	eof, ok := []byte{0xfe, 0, 0, 2, 0}, []byte{0xfe, 0, 0, 2, 0, 0, 0}
	for name, test := range map[string]struct {
		write func(*Result, *Conn, Capability, Status) error
		caps  Capability
		want  [][]byte
	}{
		"with EOF":          {(*Result).Write, ClientProtocol41, slices.Concat(head(3), [][]byte{eof}, text, [][]byte{eof})},
		"without":           {(*Result).Write, ClientProtocol41 | ClientDeprecateEOF, slices.Concat(head(3), text, [][]byte{ok})},
		"optional metadata": {(*Result).Write, ClientProtocol41 | ClientDeprecateEOF | ClientOptionalResultsetMetadata, slices.Concat(head(3, 1), text, [][]byte{ok})},
		"binary, with EOF":  {(*Result).WriteBinary, ClientProtocol41, slices.Concat(head(3), [][]byte{eof}, binary, [][]byte{eof})},
		"binary, without":   {(*Result).WriteBinary, ClientProtocol41 | ClientDeprecateEOF, slices.Concat(head(3), binary, [][]byte{ok})},
	} {
		var out bytes.Buffer
		c := into(&out)
		c.SetSeq(1)
		if err := errors.Join(test.write(&r, c, test.caps, StatusAutocommit), c.Flush()); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), stream(1, test.want...)) {
			t.Errorf("%s: %q", name, out.Bytes())
		}
	}
}
