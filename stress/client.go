package stress

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// client is one connection that makes load.
type client struct {
	*load
	random *rand.Rand
	conn   *sql.Conn // nil while there is none

	read, write *sql.Stmt // of conn, where statements are prepared

	// By the number of the key: updates that were acknowledged, and those of which
	// it is not known whether they happened, since the connection was lost.
	acknowledged, unknown []int64

	conflicting, retried, givenUp, aborted, failed, reconnected int64
	failure                                                     error // the last error that was no conflict

	updates, reads, writes histogram
}

func newClient(l *load, random *rand.Rand) *client {
	return &client{load: l, random: random, acknowledged: make([]int64, len(l.table.keys)), unknown: make([]int64, len(l.table.keys))}
}

// outcome is how a try to update a row has ended.
type outcome int

const (
	done       outcome = iota // acknowledged
	conflict                  // ifmatch has refused it: the row is another than was read
	aborted                   // the server has undone it: a deadlock, or a wait for a lock
	failed                    // the server has refused it for another reason
	lostBefore                // the connection was lost, and the update has not happened
	lostAmid                  // the connection was lost, and it may have happened
)

// When a load gives up.
const (
	failuresInARow = 3  // of the server
	losesInARow    = 12 // of connections; with their backoff, about 15 s
)

// work updates rows until ctx is done. What has been sent is waited for.
func (c *client) work(ctx context.Context) {
	defer c.disconnect()
	failures, losses := 0, 0
	for ctx.Err() == nil {
		if c.conn == nil {
			if err := c.connect(ctx); err != nil {
				c.failure = err
				if losses++; ctx.Err() == nil && losses >= losesInARow {
					c.stop(fmt.Errorf("connect: %w", err))
				}
				pause(ctx, lossBackoff(losses))
				continue
			}
		}
		switch c.update(ctx) {
		case failed:
			c.failed++
			if failures++; failures >= failuresInARow {
				c.stop(c.failure)
			}
			pause(ctx, lossBackoff(failures))
		case lostBefore, lostAmid:
			c.disconnect()
			c.reconnected++
			if losses++; losses >= losesInARow {
				c.stop(c.failure)
			}
			pause(ctx, lossBackoff(losses))
		case done:
			failures, losses = 0, 0
		}
	}
}

// lossBackoff is how long a client waits after it failed for the nth time in a row.
func lossBackoff(n int) time.Duration {
	return min(25*time.Millisecond<<min(n, 10), 2*time.Second)
}

// Bounds of the wait before an update is tried again, which doubles from try to
// try and is random, so that those that met do not meet again.
const (
	leastBackoff = time.Millisecond
	mostBackoff  = 100 * time.Millisecond
)

// update updates one row, and tries again after a conflict.
func (c *client) update(ctx context.Context) outcome {
	key := c.random.IntN(len(c.table.keys))
	began := time.Now()
	for try := 0; ; try++ {
		o := c.try(ctx, key)
		switch o {
		case done:
			c.acknowledged[key]++
			c.load.acknowledged.Add(1)
			c.updates.add(time.Since(began))
			return o
		case conflict:
			c.conflicting++
			c.load.conflicting.Add(1)
			if c.Retries >= 0 && try >= c.Retries {
				c.givenUp++
				return o
			}
		case aborted:
			c.aborted++
		case lostAmid:
			c.unknown[key]++
			return o
		default:
			return o
		}
		pause(ctx, time.Duration(c.random.Int64N(int64(min(leastBackoff<<min(try, 20), mostBackoff))+1)))
		if ctx.Err() != nil {
			return o
		}
		c.retried++
	}
}

// try tries once.
func (c *client) try(ctx context.Context, key int) outcome {
	if c.Mode == Relative {
		return c.save(c.table.keys[key])
	}
	if c.Mode == Transactions {
		if o := c.control("BEGIN", lostBefore); o != done {
			return o
		}
	}
	began := time.Now()
	var value any
	var err error
	if c.read != nil {
		err = c.read.QueryRow(c.table.keys[key]).Scan(&value)
	} else {
		err = c.conn.QueryRowContext(context.Background(), c.readSQL(), c.table.keys[key]).Scan(&value)
	}
	if err != nil {
		return c.undo(c.judge(err, lostBefore))
	}
	c.reads.add(time.Since(began))
	n, err := integer(value)
	if err != nil {
		c.failure = err
		return c.undo(failed)
	}
	if c.Think > 0 {
		if pause(ctx, c.Think); ctx.Err() != nil {
			return c.undo(aborted)
		}
	}
	if o := c.save(c.table.keys[key], n+1); o != done || c.Mode != Transactions {
		return c.undo(o)
	}
	return c.control("COMMIT", lostAmid)
}

// undo ends a transaction in which something went wrong.
func (c *client) undo(o outcome) outcome {
	if c.Mode == Transactions && o != lostBefore && o != lostAmid {
		if c.control("ROLLBACK", lostBefore) == lostBefore {
			return lostBefore
		}
	}
	if c.Mode == Transactions && o == lostAmid {
		return lostBefore // what was not committed is undone
	}
	return o
}

// control sends a statement that begins or ends a transaction.
func (c *client) control(sql string, lost outcome) outcome {
	if _, err := c.conn.ExecContext(context.Background(), sql); err != nil {
		return c.judge(err, lost)
	}
	return done
}

// save writes a row: a value that was computed, or none where the server adds.
func (c *client) save(key any, value ...any) outcome {
	began := time.Now()
	var r sql.Result
	var err error
	args := append(value, key)
	if c.write != nil {
		r, err = c.write.Exec(args...)
	} else {
		r, err = c.conn.ExecContext(context.Background(), c.writeSQL(), args...)
	}
	if err != nil {
		return c.judge(err, lostAmid)
	}
	c.writes.add(time.Since(began))
	if n, err := r.RowsAffected(); err != nil || n != 1 {
		c.failure = fmt.Errorf("an update of one row met %d rows", n)
		return failed
	}
	return done
}

func (c *client) readSQL() string {
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s = ?", quote(c.table.column), c.table.quoted(), quote(c.table.key))
}

func (c *client) writeSQL() string {
	value := "?"
	if c.Mode == Relative {
		value = quote(c.table.column) + " + 1"
	}
	return fmt.Sprintf("UPDATE %s SET %s = %s WHERE %s = ?", c.table.quoted(), quote(c.table.column), value, quote(c.table.key))
}

// Errors of the server and of ifmatch by which a connection ends. The statement
// may have been carried out.
var endings = []uint16{1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1927, 2006, 2013, 4031}

// judge says what an error means. lost is what it means if the connection is gone.
func (c *client) judge(err error, lost outcome) outcome {
	var e *mysql.MySQLError
	switch {
	case errors.As(err, &e):
		for _, number := range endings {
			if e.Number == number {
				c.failure = err
				return lost
			}
		}
		switch {
		case isConflict(e):
			return conflict
		case e.Number == errDeadlock || e.Number == errLockWait:
			return aborted
		}
		c.failure = err
		return failed
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone):
		c.failure = err
		return lostBefore // the driver says so only where it has sent nothing
	case errors.Is(err, sql.ErrNoRows):
		c.failure = errors.New("a row is gone: somebody else writes the table")
		return failed
	}
	c.failure = err
	return lost
}

// isConflict says whether ifmatch has refused a write for the state of its row.
// Its codes are up to the policy, the beginnings of its messages are not.
func isConflict(e *mysql.MySQLError) bool {
	for _, beginning := range []string{"ifmatch: version conflict ", "ifmatch: status conflict ", "ifmatch: transaction doomed "} {
		if strings.HasPrefix(e.Message, beginning) {
			return true
		}
	}
	return false
}

// connect connects and prepares.
func (c *client) connect(ctx context.Context) (err error) {
	if c.conn, err = c.db.Conn(ctx); err != nil {
		c.conn = nil
		return err
	}
	if !c.Prepared {
		return nil
	}
	if c.Mode != Relative {
		if c.read, err = c.conn.PrepareContext(ctx, c.readSQL()); err != nil {
			c.disconnect()
			return err
		}
	}
	if c.write, err = c.conn.PrepareContext(ctx, c.writeSQL()); err != nil {
		c.disconnect()
	}
	return err
}

// disconnect ends the connection.
func (c *client) disconnect() {
	if c.conn == nil {
		return
	}
	c.conn.Raw(func(any) error { return driver.ErrBadConn }) // not back to the pool
	c.conn.Close()
	c.conn, c.read, c.write = nil, nil, nil
}

// pause waits, but not longer than ctx.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
