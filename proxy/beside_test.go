package proxy

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"testing"
	"time"
)

// slowDB is a database whose queries end when they are let go.
type slowDB struct {
	begun, free chan struct{}
	err         error
}

func (d *slowDB) Connect(context.Context) (driver.Conn, error) { return slowConn{d}, nil }
func (d *slowDB) Driver() driver.Driver                        { return nil }

type slowConn struct{ db *slowDB }

func (c slowConn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("no statements here") }
func (c slowConn) Begin() (driver.Tx, error)           { return nil, errors.New("no transactions here") }
func (c slowConn) Close() error                        { return nil }

func (c slowConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	c.db.begun <- struct{}{}
	<-c.db.free
	return &oneRow{}, c.db.err
}

// oneRow is an answer of one row, of a value and NULL.
type oneRow struct{ done bool }

func (r *oneRow) Columns() []string { return []string{"a", "b"} }
func (r *oneRow) Close() error      { return nil }
func (r *oneRow) Next(into []driver.Value) error {
	if r.done {
		return io.EOF
	}
	r.done = true
	into[0], into[1] = []byte("x"), nil
	return nil
}

// A reading that is late is given up, and while it is not over no other is begun.
func TestBesideDoesNotWaitForWhatIsLate(t *testing.T) {
	db := &slowDB{begun: make(chan struct{}, 10), free: make(chan struct{})}
	pool := sql.OpenDB(db)
	defer pool.Close()
	b := newBeside(pool, time.Millisecond)
	if _, ok := b.read("SELECT 1", b.wait); ok {
		t.Fatal("a reading is there before it has ended")
	}
	<-db.begun
	if _, ok := b.read("SELECT 2", long); ok || len(db.begun) > 0 {
		t.Fatal("another reading was begun while one is late")
	}
	close(db.free)
	for deadline := time.Now().Add(long); b.late.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the late reading does not end")
		}
	}
	rows, ok := b.read("SELECT 3", long)
	if !ok || len(rows) != 1 || len(rows[0]) != 2 || string(rows[0][0]) != "x" || rows[0][1] != nil {
		t.Fatalf("got %q, %t", rows, ok)
	}
}

// More than the slots are not begun, and an error is no answer.
func TestBesideIsBounded(t *testing.T) {
	db := &slowDB{begun: make(chan struct{}, 10), free: make(chan struct{}), err: errors.New("gone")}
	pool := sql.OpenDB(db)
	defer pool.Close()
	b := newBeside(pool, long)
	answers := make(chan bool, besideSlots)
	for range besideSlots {
		go func() {
			_, ok := b.read("SELECT 1", long)
			answers <- ok
		}()
	}
	for range besideSlots {
		<-db.begun
	}
	if _, ok := b.read("SELECT 2", time.Millisecond); ok || len(db.begun) > 0 {
		t.Error("a reading was begun without a slot")
	}
	close(db.free)
	for range besideSlots {
		if <-answers {
			t.Error("an error was taken for an answer")
		}
	}
	if _, ok := (*beside)(nil).read("SELECT 3", long); ok {
		t.Error("there is an answer without a service account")
	}
}
