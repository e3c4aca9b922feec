package wire

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// A recorded packet of a real server.
type recorded struct {
	server, kind string
	caps         Capability
	payload      []byte
}

// recordings reads testdata/servers.txt: the server (MariaDB 10.11 or MySQL
// 9.7), the capabilities in force, the message, its payload. They come from DDL,
// DML, errors, transactions, session state changes, prepared statements and
// COM_FIELD_LIST, over a table with a column of every common type.
func recordings(t testing.TB) []recorded {
	t.Helper()
	f, err := os.Open("testdata/servers.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []recorded
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		caps, err := strconv.ParseUint(fields[1], 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		payload, err := hex.DecodeString(fields[3])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, recorded{fields[0], fields[2], Capability(caps), payload})
	}
	return all
}

// again parses a message and appends it.
func again(kind string, p []byte, caps Capability) (out []byte, err error) {
	switch kind {
	case "greeting":
		m, err := ParseGreeting(p)
		if err != nil {
			return nil, err
		}
		return m.Append(nil), nil
	case "response":
		m, err := ParseHandshakeResponse(p)
		if err != nil {
			return nil, err
		}
		return m.Append(nil), nil
	case "changeuser":
		m, err := ParseChangeUser(p, caps)
		if err != nil {
			return nil, err
		}
		return m.Append(nil, caps), nil
	case "authswitch":
		m, err := ParseAuthSwitch(p)
		return m.Append(nil), err
	case "ok":
		m, err := ParseOK(p, caps)
		return m.Append(nil, caps), err
	case "err":
		m, err := ParseERR(p, caps)
		return m.Append(nil, caps), err
	case "eof":
		m, err := ParseEOF(p)
		return AppendEOF(nil, m.Warnings, m.Status), err
	case "column":
		m, err := ParseColumn(p, caps)
		return m.Append(nil, caps), err
	case "prepareok":
		m, err := ParsePrepareOK(p)
		return m.Append(nil), err
	case "textrow":
		row := NewTextRow(p)
		fields := [][]byte{}
		for {
			v, null, ok := row.Next()
			if !ok {
				break
			}
			if null {
				v = nil
			}
			fields = append(fields, v)
		}
		return AppendTextRow(nil, fields...), row.Err()
	}
	return nil, fmt.Errorf("no such message: %s", kind)
}

func TestServersPacketsComeOutByteForByte(t *testing.T) {
	seen := map[string]int{}
	for _, r := range recordings(t) {
		if r.kind == "binaryrow" {
			continue // below
		}
		got, err := again(r.kind, r.payload, r.caps)
		if err != nil || !bytes.Equal(got, r.payload) {
			t.Errorf("%s %s with %s:\n%x\ncomes out as\n%x, %v", r.server, r.kind, r.caps, r.payload, got, err)
		}
		seen[r.server+" "+r.kind]++
	}
	for _, server := range []string{"mariadb", "mysql"} {
		for _, kind := range []string{"greeting", "ok", "err", "eof", "column", "prepareok", "textrow"} {
			if seen[server+" "+kind] == 0 {
				t.Errorf("no %s of %s is recorded", kind, server)
			}
		}
	}
}

func TestServersBinaryRows(t *testing.T) {
	types := []FieldType{TypeLong, TypeLongLong, TypeVarString, TypeNewDecimal, TypeDatetime, TypeTime, TypeDouble, TypeBlob, TypeTiny,
		TypeYear, TypeDate, TypeFloat, TypeBit, TypeString, TypeJSON, TypeTimestamp, TypeShort, TypeInt24}
	want := []string{"01000000", "ffffffffffffffff", hex.EncodeToString([]byte(strings.Repeat("é", 140))), "312e3235",
		"e807021d0c2238080a0c00", "0104000000040102", "000000000000f83f", "00ff", "ff",
		"e807", "e807021d", "00002040", "0005", "79", "5b315d", "e807021d010203", "fdfe", "70110100"}
	rows := 0
	for _, r := range recordings(t) {
		if r.kind != "binaryrow" {
			continue
		}
		rows++
		row := NewBinaryRow(r.payload, types)
		for i := range types {
			v, null, ok := row.Next()
			if !ok {
				t.Fatalf("%s: no column %d: %v", r.server, i, row.Err())
			}
			switch types[i] {
			case TypeShort: // the recording changes it
				continue
			case TypeVarString: // in the character set of the session
				if null || len(v) != 140 && len(v) != 280 {
					t.Errorf("%s: column %d is %x", r.server, i, v)
				}
			case TypeJSON: // servers print it differently
				if null || len(v) != 3 {
					t.Errorf("%s: column %d is %x", r.server, i, v)
				}
			default:
				if null || hex.EncodeToString(v) != want[i] {
					t.Errorf("%s: column %d is %x, want %s", r.server, i, v, want[i])
				}
			}
		}
		if _, _, ok := row.Next(); ok || row.Err() != nil {
			t.Errorf("%s: the row does not end: %v", r.server, row.Err())
		}
	}
	if rows == 0 {
		t.Error("no row is recorded")
	}
}

func TestServersStateChanges(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range recordings(t) {
		if r.kind != "ok" {
			continue
		}
		ok, err := ParseOK(r.payload, r.caps)
		if err != nil {
			t.Fatal(err)
		}
		for c, err := range ok.StateChanges() {
			if err != nil {
				t.Errorf("%s: %x: %v", r.server, ok.State, err)
			}
			seen[fmt.Sprintf("%s %d %s=%s", r.server, c.Type, c.Name, c.Value)] = true
		}
	}
	for _, server := range []string{"mariadb", "mysql"} {
		for _, want := range []string{
			"0 character_set_client=latin1", "0 sql_mode=ANSI_QUOTES", "1 =wt", "2 =1",
			"4 =SET TRANSACTION ISOLATION LEVEL READ COMMITTED; START TRANSACTION;", "5 =T_______", "5 =________",
		} {
			if !seen[server+" "+want] {
				t.Errorf("%s does not report %q", server, want)
			}
		}
	}
}
