package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"

	"github.com/go-sql-driver/mysql"
)

// Statements about the rows of counters.
const (
	readCounter = "SELECT value, turns, first, last, ends FROM `ifmatch`.`counters` WHERE name = ?"
	lockCounter = readCounter + " FOR UPDATE"
	makeCounter = "INSERT INTO `ifmatch`.`counters` (value, turns, first, last, ends, name) VALUES (?, ?, ?, ?, ?, ?)"
	putCounter  = "UPDATE `ifmatch`.`counters` SET value = ?, turns = ?, first = ?, last = ?, ends = ? WHERE name = ?"
	// The row as it was is the condition, and not a version of it: where it is the
	// same, what was made out of it is right, whatever has happened in between.
	swapCounter = putCounter + " AND value = ? AND turns = ? AND first <=> ? AND last <=> ? AND ends = ?"
)

// counterStore reads and writes the rows of counters.
type counterStore struct {
	ledger *Ledger

	mu       sync.Mutex
	prepared map[string]*sql.Stmt
}

// statement gives a statement, prepared on each connection that it is used on.
func (c *counterStore) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if st := c.prepared[text]; st != nil {
		return st, nil
	}
	st, err := c.ledger.db.PrepareContext(ctx, text)
	if lost(err) {
		// The schema was dropped while the proxy runs.
		if err := c.ledger.Make(ctx); err != nil {
			return nil, failed(err)
		}
		st, err = c.ledger.db.PrepareContext(ctx, text)
	}
	if err != nil {
		return nil, failed(err)
	}
	if c.prepared == nil {
		c.prepared = map[string]*sql.Stmt{}
	}
	c.prepared[text] = st
	return st, nil
}

// again drops what is prepared where the error says that a table is gone: to
// prepare anew makes it.
func (c *counterStore) again(err error) bool {
	if !lost(err) {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, st := range c.prepared {
		st.Close()
	}
	clear(c.prepared)
	return true
}

// read gives the state of a counter.
func (c *counterStore) read(ctx context.Context, name string) (state, error) {
	for again := true; ; again = false {
		st, err := c.statement(ctx, readCounter)
		if err != nil {
			return state{}, err
		}
		s, err := scan(st.QueryRowContext(ctx, name))
		if again && c.again(err) {
			continue
		}
		return s, failed(err)
	}
}

func scan(row *sql.Row) (state, error) {
	var s state
	var first, last sql.NullInt64
	switch err := row.Scan(&s.value, &s.turns, &first, &last, &s.Ends); {
	case errors.Is(err, sql.ErrNoRows):
		return state{}, nil
	case err != nil:
		return state{}, err
	}
	s.there, s.First, s.Last = true, first.Int64, last.Int64
	return s, nil
}

// columns gives a state as the statements take it.
func (s *state) columns() []any {
	first := sql.NullInt64{Int64: s.First, Valid: s.Given()}
	last := sql.NullInt64{Int64: s.Last, Valid: s.Given()}
	return []any{s.value, s.turns, first, last, s.Ends}
}

// swap writes a state in the place of another. done is false where it was not
// there any longer.
func (c *counterStore) swap(ctx context.Context, name string, before state, after *state) (done bool, err error) {
	after.there = true
	if !before.there {
		_, err := c.exec(ctx, nil, makeCounter, append(after.columns(), name)...)
		if number(err) == errDuplicate {
			return false, nil
		}
		return err == nil, outcome(err)
	}
	args := append(append(after.columns(), name), before.columns()...)
	n, err := c.exec(ctx, nil, swapCounter, args...)
	if retriable(err) {
		return false, nil
	}
	return n > 0, outcome(err)
}

// exec runs a write, in tx or by itself.
func (c *counterStore) exec(ctx context.Context, tx *sql.Tx, text string, args ...any) (rows int64, err error) {
	st, err := c.statement(ctx, text)
	if err != nil {
		return 0, err
	}
	if tx != nil {
		st = tx.StmtContext(ctx, st)
	}
	result, err := st.ExecContext(ctx, args...)
	if err != nil {
		c.again(err)
		return 0, err
	}
	return result.RowsAffected()
}

// locked writes what change makes of the row, which is locked meanwhile. done is
// false where somebody else has made it.
func (c *counterStore) locked(ctx context.Context, name string, change func(state) state) (done bool, err error) {
	lock, err := c.statement(ctx, lockCounter)
	if err != nil {
		return false, err
	}
	tx, err := c.ledger.db.BeginTx(ctx, nil)
	if err != nil {
		return false, failed(err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing behind a COMMIT
	before, err := scan(tx.StmtContext(ctx, lock).QueryRowContext(ctx, name))
	if err != nil {
		c.again(err)
		if retriable(err) {
			return false, nil
		}
		return false, failed(err)
	}
	after := change(before)
	if after == before {
		return true, nil
	}
	text := putCounter
	if !before.there {
		text = makeCounter
	}
	if _, err := c.exec(ctx, tx, text, append(after.columns(), name)...); err != nil {
		if number(err) == errDuplicate || retriable(err) {
			return false, nil
		}
		return false, failed(err) // not committed
	}
	if err := tx.Commit(); err != nil {
		return false, outcome(err)
	}
	return true, nil
}

// Errors of the server that are acted on.
const (
	errDuplicate   = 1062
	errLockWait    = 1205
	errDeadlock    = 1213
	errNoDatabase  = 1049
	errNoTable     = 1146
	errNeedPrepare = 1615
)

// number gives the number of a server's error, 0 for others.
func number(err error) uint16 {
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		return my.Number
	}
	return 0
}

// lost reports whether the schema or a table of it is not there.
func lost(err error) bool { n := number(err); return n == errNoDatabase || n == errNoTable }

// retriable reports whether the server has undone all of it, and may do it next
// time. What is missing was made anew by then.
func retriable(err error) bool {
	n := number(err)
	return n == errLockWait || n == errDeadlock || n == errNeedPrepare || lost(err)
}

// failed makes a CounterError of an error of which it is sure that nothing was taken.
func failed(err error) error {
	var known *CounterError
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &CounterError{Kind: Failed, Text: "the ledger cannot be asked", err: err}
}

// outcome makes a CounterError of the error of a write. What the server answers, or
// what was not sent, has taken nothing.
func outcome(err error) error {
	var known *CounterError
	if err == nil || errors.As(err, &known) || number(err) != 0 || errors.Is(err, driver.ErrBadConn) {
		return failed(err)
	}
	return &CounterError{Kind: Uncertain, Text: "the connection to the ledger broke, and numbers may have been taken that nobody gets", err: err}
}
