package readset

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestSet(t *testing.T) {
	for _, c := range []struct{ rule, script, want string }{
		{"nothing is read at first", "", ""},
		{"a read is expected", "read a 1", "a=1"},
		{"the last read counts", "read a 1; read a 2", "a=2"},
		{"a token may be longer than the last one", "read a 9; read b 1; read a 10", "a=10 b=1"},
		{"reads are given from the newest to the oldest", "read a 1; read b 1; read c 1; read a 2", "a=2 c=1 b=1"},
		{"an own write renews", "read a 1; wrote a 2", "a=2"},
		{"an inserted row counts as read", "wrote a 1", "a=1"},
		{"a touched row keeps its expectation", "read a 1; touched a", "a=1"},
		{"a touched row that was unread stays so", "touched a", ""},
		{"a forgotten row is unread", "read a 1; read b 1; forget a", "b=1"},
		{"a deleted row is unread", "read a 1; gone a", ""},
		{"the expectation moves with the key", "read a 1; move a b 2", "b=2"},
		{"a key may be changed to itself", "read a 1; move a a 2", "a=2"},

		{"beyond the limit the oldest is unread", "read a 1; read b 1; read c 1; read d 1", "d=1 c=1 b=1"},
		{"a row that was read again is not the oldest", "read a 1; read b 1; read c 1; read a 1; read d 1", "d=1 a=1 c=1"},
		{"a write counts like a read", "read a 1; read b 1; read c 1; wrote a 2; read d 1", "d=1 a=2 c=1"},

		{"ROLLBACK takes a write back", "read a 1; begin; wrote a 2; rollback", "a=1"},
		{"COMMIT keeps it", "read a 1; begin; wrote a 2; commit; rollback", "a=2"},
		{"BEGIN commits", "read a 1; begin; wrote a 2; begin; rollback", "a=2"},
		{"outside a transaction nothing is taken back", "read a 1; wrote a 2; rollback", "a=2"},
		{"a foreign row that was read stays read", "begin; read a 1; rollback", "a=1"},
		{"also where it had been read before", "read a 1; begin; read a 2; rollback", "a=2"},
		{"a read of an own uncommitted row goes", "read a 1; begin; wrote a 2; read a 2; rollback", "a=1"},
		{"also of one that was unread", "begin; forget a; read a 2; rollback", ""},
		{"also of one whose write renewed nothing", "read a 1; begin; touched a; read a 3; rollback", "a=1"},
		{"also of one that was inserted", "begin; wrote a 1; read a 1; rollback", ""},
		{"what was read before the write comes back", "read a 1; begin; read a 2; wrote a 3; rollback", "a=2"},
		{"two writes are taken back", "read a 1; begin; wrote a 2; wrote a 3; rollback", "a=1"},
		{"a delete is taken back", "read a 1; begin; gone a; rollback", "a=1"},
		{"a delete and an INSERT are taken back", "read a 1; begin; gone a; wrote a 7; rollback", "a=1"},
		{"a key change is taken back", "read a 1; read b 5; begin; move a b 2; rollback", "b=5 a=1"},
		{"a row that comes back has the place of its read", "read a 1; read b 1; begin; wrote a 2; read c 1; rollback", "c=1 b=1 a=1"},
		{"it may be too old to be kept", "read a 1; begin; wrote a 2; forget a; read b 1; read c 1; read d 1; rollback", "d=1 c=1 b=1"},
		{"a written row that was evicted comes back", "begin; read a 1; wrote a 2; wrote b 1; read c 1; read d 1; rollback", "d=1 c=1 a=1"},

		{"ROLLBACK TO takes back what came after", "read a 1; begin; wrote a 2; savepoint s; wrote a 3; rollbackTo s", "a=2"},
		{"ROLLBACK then takes back the rest", "read a 1; begin; wrote a 2; savepoint s; wrote a 3; rollbackTo s; rollback", "a=1"},
		{"the savepoint stays", "begin; savepoint s; wrote a 1; rollbackTo s; wrote a 2; rollbackTo s", ""},
		{"savepoints after it do not", "begin; savepoint s; savepoint u; wrote a 1; rollbackTo s; wrote a 2; rollbackTo u", ""},
		{"a read of a row written before it stays", "begin; wrote a 2; savepoint s; read a 2; rollbackTo s", "a=2"},
		{"a row whose write was taken back may be read anew", "read a 1; begin; savepoint s; wrote a 2; rollbackTo s; read a 5; rollback", "a=5"},
		{"names have no case", "read a 1; begin; savepoint S; wrote a 2; rollbackTo s", "a=1"},
		{"a second savepoint of a name replaces the first", "begin; savepoint s; wrote a 1; savepoint s; wrote a 2; rollbackTo s", "a=1"},
		{"a released savepoint keeps what came after", "read a 1; begin; savepoint s; wrote a 2; release s; wrote a 3; commit", "a=3"},
		{"and ROLLBACK takes it back", "read a 1; begin; savepoint s; wrote a 2; release s; wrote a 3; rollback", "a=1"},
		{"RELEASE removes those after it", "read a 1; begin; savepoint s; savepoint u; wrote a 2; release s; rollbackTo u", ""},
		{"an unknown savepoint makes unread what was written", "read a 1; read b 1; begin; wrote a 2; rollbackTo x", "b=1"},
		{"and leaves ROLLBACK right", "read a 1; begin; wrote a 2; rollbackTo x; rollback", "a=1"},
		{"a savepoint outside a transaction is none", "savepoint s; read a 1; wrote a 2; rollbackTo s", "a=2"},

		{"a fate that is not proved makes unread what was written", "read a 1; read b 1; begin; wrote a 2; uncertain", "b=1"},
		{"and what was read of it", "begin; forget a; read a 2; uncertain", ""},
		{"and not what was only read", "begin; read a 1; uncertain", "a=1"},
		{"it ends the transaction", "begin; wrote a 1; uncertain; read a 2; rollback", "a=2"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s := New(3)
			for i, step := range steps(c.script) {
				do(t, s, step, start.Add(time.Duration(i)*time.Second))
			}
			if got := all(t, s); got != c.want {
				t.Errorf("%s\ngives %q, want %q", c.script, got, c.want)
			}
		})
	}
}

func TestSetTellsTheTimeOfReads(t *testing.T) {
	s := New(2)
	s.Read(1, []byte("a"), []byte("1"), start)
	s.Read(1, []byte("b"), []byte("1"), start.Add(time.Minute))
	s.Begin()
	s.Wrote(1, []byte("a"), []byte("2"), start.Add(time.Hour))
	if _, at, _ := s.Expect(1, []byte("a")); !at.Equal(start.Add(time.Hour)) {
		t.Errorf("the write renewed a at %v", at)
	}
	s.Rollback()
	if _, at, _ := s.Expect(1, []byte("a")); !at.Equal(start) {
		t.Errorf("after the rollback a was read at %v", at)
	}
}

func TestTablesHaveTheirOwnRows(t *testing.T) {
	s := New(10)
	s.Read(1, []byte("a"), []byte("1"), start)
	s.Read(2, []byte("a"), []byte("2"), start)
	s.Forget(3, []byte("a"))
	for table, want := range map[uint32]string{1: "1", 2: "2", 3: ""} {
		if token, _, ok := s.Expect(table, []byte("a")); string(token) != want || ok != (want != "") {
			t.Errorf("table %d: %q, %v", table, token, ok)
		}
	}
}

func TestAnEmptyTokenIsAnExpectation(t *testing.T) {
	s := New(1)
	s.Read(1, nil, nil, start)
	if token, _, ok := s.Expect(1, nil); !ok || len(token) != 0 {
		t.Errorf("%q, %v", token, ok)
	}
}

func TestSetKeepsNoSliceOfTheCaller(t *testing.T) {
	s := New(1)
	key, token := []byte("a"), []byte("1")
	s.Read(1, key, token, start)
	key[0], token[0] = 'x', 'x'
	if got := all(t, s); got != "a=1" {
		t.Error(got)
	}
}

func TestRowsThatAreTooLongAreUnread(t *testing.T) {
	s := New(10)
	long := bytes.Repeat([]byte("x"), maxLength+1)
	s.Read(1, []byte("a"), []byte("1"), start)
	s.Read(1, []byte("b"), long[1:], start)
	if s.Len() != 2 {
		t.Fatalf("%d rows at the limit of length", s.Len())
	}
	s.Begin()
	s.Wrote(1, []byte("a"), long, start)
	s.Wrote(1, long, []byte("1"), start)
	if s.Len() != 1 || s.Evicted() != 2 {
		t.Errorf("%d rows, %d evicted", s.Len(), s.Evicted())
	}
	s.Rollback()
	if token, _, _ := s.Expect(1, []byte("a")); string(token) != "1" {
		t.Errorf("after the rollback a=%q", token)
	}
}

// Rows of any length together take no more than the bytes that a set may have.
func TestLongRowsAreBounded(t *testing.T) {
	s := New(1000)
	token := bytes.Repeat([]byte("x"), 3000)
	var key [8]byte
	s.Begin()
	for n := range 5000 {
		s.Wrote(1, numbered(&key, n), token[:len(token)-n%1000], start.Add(time.Duration(n)))
	}
	if s.Len() < 100 || s.Len()+int(s.Evicted()) != 5000 {
		t.Errorf("%d rows, %d evicted", s.Len(), s.Evicted())
	}
	if most := int64(5 * 1000 * bytesPerRow); s.Bytes() > most {
		t.Errorf("%d bytes, want %d at most", s.Bytes(), most)
	}
	checkSlab(t, s)
}

func TestATransactionLargerThanTheUndoListForgetsWhenRolledBack(t *testing.T) {
	s := New(3)
	s.Read(1, []byte("a"), []byte("1"), start)
	s.Begin()
	for i, key := range strings.Fields("b c d e f") {
		s.Wrote(1, []byte(key), []byte("2"), start.Add(time.Duration(i)))
	}
	if got := all(t, s); got != "f=2 e=2 d=2" {
		t.Errorf("before: %q", got)
	}
	s.Rollback()
	if got := all(t, s); got != "" {
		t.Errorf("after: %q", got)
	}
	s.Begin()
	s.Wrote(1, []byte("a"), []byte("1"), start)
	s.Commit()
	if got := all(t, s); got != "a=1" {
		t.Errorf("the next transaction: %q", got)
	}
}

func TestMoreSavepointsThanAreKept(t *testing.T) {
	s := New(10)
	s.Read(1, []byte("a"), []byte("1"), start)
	s.Begin()
	for n := range maxSavepoints + 1 {
		s.Savepoint(strings.Repeat("s", n+1))
	}
	s.Wrote(1, []byte("a"), []byte("2"), start)
	s.RollbackTo("s")
	if got := all(t, s); got != "" {
		t.Errorf("after ROLLBACK TO one that was given up: %q", got)
	}
	s.RollbackTo("ss")
	if got := all(t, s); got != "a=1" {
		t.Errorf("after ROLLBACK TO one that was kept: %q", got)
	}
}

func TestClear(t *testing.T) {
	s := New(100)
	empty := s.Bytes()
	s.Begin()
	for n := range 200 {
		s.Wrote(1, []byte{byte(n)}, []byte("1"), start)
	}
	if s.Bytes() <= empty {
		t.Errorf("%d bytes with rows, %d without", s.Bytes(), empty)
	}
	s.Clear()
	s.Rollback()
	if got := all(t, s); got != "" || s.Evicted() != 100 || s.Bytes() != empty {
		t.Errorf("%q, %d evicted, %d bytes", got, s.Evicted(), s.Bytes())
	}
	s.Read(1, []byte("a"), []byte("1"), start)
	if got := all(t, s); got != "a=1" {
		t.Errorf("then: %q", got)
	}
}

func TestAllStops(t *testing.T) {
	s := New(10)
	s.Read(1, []byte("a"), []byte("1"), start)
	s.Read(1, []byte("b"), []byte("1"), start)
	n := 0
	s.All(func(uint32, []byte, []byte, time.Time) bool { n++; return false })
	if n != 1 {
		t.Errorf("%d rows after yield said to stop", n)
	}
}

// Steady state: what a session does again and again takes no memory.
func TestNothingIsAllocatedOnceWarm(t *testing.T) {
	s := filled(rowsOfSession)
	var key, token [8]byte
	n := rowsOfSession
	work := func() {
		for range 100 {
			n++
			at := start.Add(time.Duration(n))
			s.Read(1, numbered(&key, n), numbered(&token, n), at)
			s.Read(1, numbered(&key, n-5), numbered(&token, n), at)
			s.Expect(1, key[:])
			s.Begin()
			s.Wrote(1, key[:], numbered(&token, n), at)
			s.Savepoint("s")
			s.Wrote(1, key[:], numbered(&token, n+1), at)
			s.RollbackTo("S")
			s.Rollback()
		}
	}
	work()
	// Names of savepoints are copied.
	if got := testing.AllocsPerRun(20, work); got > 100 {
		t.Errorf("%v allocations", got)
	}
}
