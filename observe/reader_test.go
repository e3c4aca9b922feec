package observe

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"testing"
	"time"
)

// long is enough for anything here.
const long = 20 * time.Second

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
func TestReaderDoesNotWaitForWhatIsLate(t *testing.T) {
	db := &slowDB{begun: make(chan struct{}, 10), free: make(chan struct{})}
	pool := sql.OpenDB(db)
	defer pool.Close()
	b := NewReader(pool)
	if _, ok := b.Read("SELECT 1", time.Millisecond); ok {
		t.Fatal("a reading is there before it has ended")
	}
	<-db.begun
	if _, ok := b.Read("SELECT 2", long); ok || len(db.begun) > 0 {
		t.Fatal("another reading was begun while one is late")
	}
	close(db.free)
	for deadline := time.Now().Add(long); b.late.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the late reading does not end")
		}
	}
	rows, ok := b.Read("SELECT 3", long)
	if !ok || len(rows) != 1 || len(rows[0]) != 2 || string(rows[0][0]) != "x" || rows[0][1] != nil {
		t.Fatalf("got %q, %t", rows, ok)
	}
}

// More than the slots are not begun, and an error is no answer.
func TestReaderIsBounded(t *testing.T) {
	db := &slowDB{begun: make(chan struct{}, 10), free: make(chan struct{}), err: errors.New("gone")}
	pool := sql.OpenDB(db)
	defer pool.Close()
	b := NewReader(pool)
	answers := make(chan bool, slots)
	for range slots {
		go func() {
			_, ok := b.Read("SELECT 1", long)
			answers <- ok
		}()
	}
	for range slots {
		<-db.begun
	}
	if _, ok := b.Read("SELECT 2", time.Millisecond); ok || len(db.begun) > 0 {
		t.Error("a reading was begun without a slot")
	}
	close(db.free)
	for range slots {
		if <-answers {
			t.Error("an error was taken for an answer")
		}
	}
	if _, ok := (*Reader)(nil).Read("SELECT 3", long); ok {
		t.Error("there is an answer without a service account")
	}
}
