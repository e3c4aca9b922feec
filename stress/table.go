package stress

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// OwnTable is the table that the load makes where none is given.
const OwnTable = "ifmatch_stress"

// The columns of the table that the load makes.
const (
	ownKey     = "id"
	ownColumn  = "n"
	ownVersion = "version"
)

// Errors of the server that the load acts on.
const (
	errDuplicate   = 1062
	errParse       = 1064
	errNoTable     = 1146
	errLockWait    = 1205
	errDeadlock    = 1213
	errTableExists = 1050
)

// table is the rows that are updated.
type table struct {
	database, name, key, column string

	keys  []any   // of the rows that are updated
	first []int64 // what they held before
	lock  *sql.Conn
}

// String gives the table as the policy names it.
func (t *table) String() string { return t.database + "." + t.name }

func (t *table) quoted() string { return quote(t.database) + "." + quote(t.name) }

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// Init makes the load's own table with its rows, where they are missing, and
// gives the entry that guards it in a policy.
func Init(ctx context.Context, target *Target, keys int) (entry string, err error) {
	db, err := target.open(false)
	if err != nil {
		return "", err
	}
	defer db.Close()
	t := &table{database: target.dsn.DBName, name: OwnTable, key: ownKey, column: ownColumn}
	if err := t.make(ctx, db, keys); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: {key: [%s], version: %s}", t, ownKey, ownVersion), nil
}

// openTable finds the rows, makes them where the table is the load's own, and
// reads what they hold. No two loads are on one table at a time: each would take
// the other's updates for its own.
func openTable(ctx context.Context, db *sql.DB, target *Target, keys int) (*table, error) {
	t := &table{database: target.dsn.DBName, name: target.Table, key: target.Key, column: target.Column}
	own := t.name == ""
	if own {
		t.name, t.key, t.column = OwnTable, ownKey, ownColumn
	} else if database, name, qualified := strings.Cut(t.name, "."); qualified {
		t.database, t.name = database, name
	}
	if err := t.acquire(ctx, db); err != nil {
		return nil, err
	}
	err := t.prepare(ctx, db, own, keys)
	if err != nil {
		t.release()
		return nil, err
	}
	return t, nil
}

func (t *table) prepare(ctx context.Context, db *sql.DB, own bool, keys int) error {
	if own {
		if err := t.make(ctx, db, keys); err != nil {
			return err
		}
	}
	if t.key == "" {
		if err := t.findKey(ctx, db); err != nil {
			return err
		}
	}
	return t.read(ctx, db, keys)
}

// lockPatience is for how many seconds the lock of a table is waited for: the server, or a
// proxy before it, may not have noticed yet that the last load has ended.
const lockPatience = 5

// acquire takes a lock on the server that another load on the table would want.
func (t *table) acquire(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	const longest = 64 // characters of such a name
	name := "ifmatch stress " + t.String()
	if r := []rune(name); len(r) > longest {
		name = string(r[:longest])
	}
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, ?)", name, lockPatience).Scan(&got); err != nil {
		conn.Close()
		return fmt.Errorf("take the lock of %s: %w", t, err)
	}
	if got.Int64 != 1 {
		conn.Close()
		return fmt.Errorf("another ifmatch stress is at work on %s", t)
	}
	t.lock = conn
	return nil
}

// release gives the lock back. The connection is ended for it: a pool would keep it.
func (t *table) release() {
	t.lock.Raw(func(any) error { return driver.ErrBadConn })
	t.lock.Close()
}

// make makes the load's own table and its rows.
func (t *table) make(ctx context.Context, db *sql.DB, keys int) error {
	var have int
	err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+t.quoted()+" WHERE id BETWEEN 1 AND ?", keys).Scan(&have)
	if is(err, errNoTable) {
		_, err = db.ExecContext(ctx, "CREATE TABLE "+t.quoted()+" (id INT NOT NULL PRIMARY KEY, n BIGINT NOT NULL DEFAULT 0, "+
			"version BIGINT UNSIGNED NOT NULL DEFAULT 1) ENGINE=InnoDB")
		if is(err, errTableExists) {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("make %s: %w", t, err)
	}
	for id := 1; have < keys && id <= keys; id++ {
		_, err := db.ExecContext(ctx, "INSERT INTO "+t.quoted()+" (id, n) VALUES (?, 0)", id)
		if err != nil && !is(err, errDuplicate) {
			return fmt.Errorf("fill %s: %w", t, err)
		}
	}
	return nil
}

// findKey takes the primary key of a table that was given.
func (t *table) findKey(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, "SELECT column_name FROM information_schema.key_column_usage "+
		"WHERE table_schema = ? AND table_name = ? AND constraint_name = 'PRIMARY'", t.database, t.name)
	if err != nil {
		return fmt.Errorf("read the key of %s: %w", t, err)
	}
	defer rows.Close()
	var columns []string
	for rows.Next() {
		var column string
		if err := rows.Scan(&column); err != nil {
			return fmt.Errorf("read the key of %s: %w", t, err)
		}
		columns = append(columns, column)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the key of %s: %w", t, err)
	}
	if len(columns) != 1 {
		return fmt.Errorf("%s has no primary key of one column: name a unique column with --key", t)
	}
	t.key = columns[0]
	return nil
}

// read takes the first rows by their key, and what they hold.
func (t *table) read(ctx context.Context, db *sql.DB, keys int) error {
	values, names, err := t.values(ctx, db, t.selection(keys))
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", t, err)
	case len(values) == 0:
		return fmt.Errorf("%s has no row that could be updated", t)
	}
	t.keys, t.first = names, values
	return nil
}

// selection is the SELECT of the first rows.
func (t *table) selection(rows int) string {
	return fmt.Sprintf("SELECT %[1]s, %[2]s FROM %[3]s WHERE %[2]s IS NOT NULL ORDER BY %[1]s LIMIT %[4]d", quote(t.key), quote(t.column), t.quoted(), rows)
}

// values carries out a selection. Keys are as the driver takes them again.
func (t *table) values(ctx context.Context, db *sql.DB, query string) (values []int64, keys []any, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var key, value any
		if err := rows.Scan(&key, &value); err != nil {
			return nil, nil, err
		}
		n, err := integer(value)
		if err != nil {
			return nil, nil, fmt.Errorf("column %s: %w", t.column, err)
		}
		if text, isText := key.([]byte); isText {
			key = string(text)
		}
		values, keys = append(values, n), append(keys, key)
	}
	return values, keys, rows.Err()
}

// valuesInTheEnd gives what the rows hold after the load. The read waits for
// writes whose client has lost its connection, and is tried again for a while.
func (t *table) valuesInTheEnd(ctx context.Context, db *sql.DB) ([]int64, error) {
	query := t.selection(len(t.keys)) + " LOCK IN SHARE MODE"
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		values, keys, err := t.values(ctx, db, query)
		if err == nil {
			if len(keys) != len(t.keys) {
				return nil, fmt.Errorf("%s had %d rows to update and now has %d: somebody else writes it", t, len(t.keys), len(keys))
			}
			for i := range keys {
				if keys[i] != t.keys[i] {
					return nil, fmt.Errorf("other rows are in %s than before: somebody else writes it", t)
				}
			}
			return values, nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// integer gives the value of an integer column.
func integer(value any) (int64, error) {
	switch n := value.(type) {
	case int64:
		return n, nil
	case uint64:
		if n <= math.MaxInt64 {
			return int64(n), nil
		}
		return 0, errors.New("its value is too large to be added to")
	}
	return 0, errors.New("it has to be of an integer type")
}

// is says whether err is the server's error of that number.
func is(err error, number uint16) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && e.Number == number
}
