package ledger

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strconv"

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
	conns  *counterConns
}

// mend makes what an error says is missing of the schema, which somebody has dropped
// while the proxy runs. It gives whether that was done.
func (s *counterStore) mend(err error) bool {
	if !lost(err) {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	return s.ledger.Make(ctx) == nil
}

// read gives the state of a counter.
func (s *counterStore) read(name string) (at state, err error) {
	for again := true; ; again = false {
		err = s.conns.with(func(c *counterConn) error {
			at, err = c.read(readCounter, name)
			return err
		})
		if again && s.mend(err) {
			continue
		}
		return at, failed(err)
	}
}

// read gives the state of a counter by one of the statements that read it.
func (c *counterConn) read(text, name string) (state, error) {
	st, err := c.statement(text)
	if err != nil {
		return state{}, err
	}
	rows, err := st.(driver.StmtQueryContext).QueryContext(context.Background(), named(name))
	if err != nil {
		return state{}, err
	}
	defer rows.Close()
	row := make([]driver.Value, 5)
	switch err := rows.Next(row); {
	case err == io.EOF:
		return state{}, nil
	case err != nil:
		return state{}, err
	}
	var s state
	for _, column := range []struct {
		value driver.Value
		into  *int64
	}{{row[0], &s.value}, {row[2], &s.First}, {row[3], &s.Last}} {
		if column.value == nil {
			continue // no range
		}
		n, ok := column.value.(int64)
		if !ok {
			return state{}, fmt.Errorf("a counter's row has a %T", column.value)
		}
		*column.into = n
	}
	// The driver gives what is beyond the BIGINT as text.
	if s.turns, err = strconv.ParseUint(fmt.Sprint(row[1]), 10, 64); err != nil {
		return state{}, fmt.Errorf("a counter's turns: %w", err)
	}
	s.there, s.Ends = true, row[4] != int64(0)
	return s, nil // closing reads over the rest
}

// named gives arguments as drivers take them.
func named(values ...driver.Value) []driver.NamedValue {
	args := make([]driver.NamedValue, len(values))
	for i, v := range values {
		args[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return args
}

// columns appends a state as the statements take it.
func (s *state) columns(dst []driver.Value) []driver.Value {
	var first, last driver.Value
	if s.Given() {
		first, last = s.First, s.Last
	}
	return append(dst, s.value, s.turns, first, last, s.Ends)
}

// swap writes a state in the place of another. done is false where it was not
// there any longer.
func (s *counterStore) swap(name string, before state, after *state) (done bool, err error) {
	after.there = true
	args := append(after.columns(make([]driver.Value, 0, 11)), name)
	text := makeCounter
	if before.there {
		text, args = swapCounter, before.columns(args)
	}
	err = s.conns.with(func(c *counterConn) error {
		n, err := c.exec(text, named(args...))
		done = n > 0
		return err
	})
	if number(err) == errDuplicate || retriable(err) || s.mend(err) {
		return false, nil
	}
	return done && err == nil, outcome(err)
}

// locked writes what change makes of the row, which is locked meanwhile. done is
// false where somebody else has made it.
func (s *counterStore) locked(name string, change func(state) state) (done bool, err error) {
	committing := false
	err = s.conns.with(func(c *counterConn) error {
		if err := c.say("BEGIN"); err != nil {
			return err
		}
		err := c.change(name, change)
		if err != nil {
			if number(err) != 0 {
				if rollback := c.say("ROLLBACK"); rollback != nil {
					return rollback
				}
			}
			return err
		}
		committing = true
		err = c.say("COMMIT")
		if errors.Is(err, driver.ErrBadConn) {
			committing = false // it was not sent
		}
		return err
	})
	switch {
	case err == nil:
		return true, nil
	case committing:
		return false, outcome(err)
	case number(err) == errDuplicate, retriable(err), s.mend(err):
		return false, nil
	}
	return false, failed(err) // not committed
}

// change writes what change makes of the row in the transaction at hand.
func (c *counterConn) change(name string, change func(state) state) error {
	before, err := c.read(lockCounter, name)
	if err != nil {
		return err
	}
	after := change(before)
	if after == before {
		return nil
	}
	text := putCounter
	if !before.there {
		text = makeCounter
	}
	_, err = c.exec(text, named(append(after.columns(make([]driver.Value, 0, 6)), name)...))
	return err
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
// time.
func retriable(err error) bool {
	n := number(err)
	return n == errLockWait || n == errDeadlock || n == errNeedPrepare
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
	var dial *dialError
	if err == nil || errors.As(err, &known) || number(err) != 0 || errors.Is(err, driver.ErrBadConn) || errors.As(err, &dial) || errors.Is(err, errClosed) {
		return failed(err)
	}
	return &CounterError{Kind: Uncertain, Text: "the connection to the ledger broke, and numbers may have been taken that nobody gets", err: err}
}
