package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"

	"ifmatch/failpoint"
)

// Outcome is what was found of a taking, and what has become of it.
type Outcome uint8

const (
	// Absent is that there is no such taking, or its lease has not run out.
	Absent Outcome = iota
	// Busy is that the row, or the record, is locked; it has to be tried again.
	Busy
	// Restored is that the row has its status of before again.
	Restored
	// Removed is that the row, which was inserted as pending, was deleted.
	Removed
	// Over is that there was nothing to undo: the row was given back, or never taken.
	Over
	// Owned is that the row is taken.
	Owned
	// Kept is that the policy wants the row to stay taken.
	Kept
	// Changed is that the row is not as the taker left it, and was left alone.
	Changed
)

// String gives the outcome as metrics name it.
func (o Outcome) String() string {
	return [...]string{"absent", "busy", "restored", "removed", "over", "owned", "kept", "changed"}[o]
}

// States of a record.
const (
	StateHeld    = "held"
	StateKept    = "kept"
	StateChanged = "changed"
)

// Record is an intent as the ledger has it.
type Record struct {
	ID uint64
	Intent
	Proxy   string
	State   string
	TakenAt string  // UTC
	Left    float64 // of the lease, in seconds; negative where it has run out
}

// Found is what Undo and Settle have found.
type Found struct {
	Outcome Outcome
	Record  Record // where the outcome is neither Absent nor Busy
	First   bool   // that the row stays as it is was not known before
}

// recheck is how long, in seconds, a record of a row that stays as it is has to
// wait until the row is looked at again.
const recheck = 60

// Due gives the takings whose leases have run out, the oldest first.
func (l *Ledger) Due(ctx context.Context, limit int) (ids []uint64, err error) {
	rows, err := l.db.QueryContext(ctx, "SELECT id FROM `ifmatch`.`pending` WHERE lease_end <= UTC_TIMESTAMP(6) ORDER BY lease_end LIMIT ?", limit)
	if err != nil {
		return nil, fmt.Errorf("look for leases that have run out: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id uint64
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("look for leases that have run out: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// Undo undoes a taking whose lease has run out, or with force any. Of several that
// try one succeeds. It waits for no lock.
func (l *Ledger) Undo(ctx context.Context, id uint64, force bool) (Found, error) {
	return l.resolve(ctx, id, force, true)
}

// Settle finds out whether a row is taken: whether the transaction that took it has
// been committed. Where it is not the intent ends.
func (l *Ledger) Settle(ctx context.Context, id uint64) (Found, error) {
	return l.resolve(ctx, id, true, false)
}

// resolve holds a record against its row, both locked, in one transaction.
func (l *Ledger) resolve(ctx context.Context, id uint64, whatever, undo bool) (f Found, err error) {
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return f, fmt.Errorf("undo a taking: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if f, err = decide(ctx, tx, id, whatever, undo); err == nil {
		failpoint.Here("undo.done")
		err = tx.Commit()
		failpoint.Here("undo.committed")
	}
	switch {
	case busy(err):
		return Found{Outcome: Busy}, nil
	case err != nil:
		return f, fmt.Errorf("undo the taking of %s.%s %s: %w", f.Record.Schema, f.Record.Table, f.Record.Text, err)
	}
	return f, nil
}

func decide(ctx context.Context, tx *sql.Tx, id uint64, whatever, undo bool) (f Found, err error) {
	r, due, err := lockRecord(ctx, tx, id)
	if f.Record = r; errors.Is(err, sql.ErrNoRows) || err == nil && !due && !whatever {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	failpoint.Here("undo.locked")
	status, version, n, err := lockRow(ctx, tx, &r.Row)
	switch {
	case gone(err):
		n = 0 // and its table with it
	case err != nil:
		return f, err
	}
	switch {
	case n != 1, !status.Valid, status.String != r.Pending:
		f.Outcome = Over
		return f, remove(ctx, tx, id)
	case !slices.Contains(r.Versions, version.String):
		f.Outcome = Changed
		return f, stays(ctx, tx, &f, StateChanged)
	case !undo:
		f.Outcome = Owned
		return f, nil
	case r.Keep && !whatever:
		f.Outcome = Kept
		return f, stays(ctx, tx, &f, StateKept)
	case r.Before == "":
		f.Outcome = Removed
		err = one(tx.ExecContext(ctx, "DELETE FROM "+r.name()+r.where()+" AND "+quote(r.Version)+" = "+version.String))
	default:
		f.Outcome = Restored
		err = one(tx.ExecContext(ctx, "UPDATE "+r.name()+" SET "+quote(r.Status)+" = "+r.Before+", "+
			quote(r.Version)+" = "+quote(r.Version)+" + 1"+r.where()+" AND "+quote(r.Version)+" = "+version.String))
	}
	if err != nil {
		return f, err
	}
	return f, remove(ctx, tx, id)
}

// recordColumns are the columns of a Record.
const recordColumns = "id, table_schema, table_name, row_key, row_text, status_column, version_column, pending_value, status_before," +
	" versions, keep_abandoned, taker, proxy, connection, state, taken_at, TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), lease_end) / 1000000"

// scan reads a Record.
func (r *Record) scan(scan func(...any) error) error {
	var key, versions string
	var before sql.NullString
	err := scan(&r.ID, &r.Schema, &r.Table, &key, &r.Text, &r.Status, &r.Version, &r.Pending, &before,
		&versions, &r.Keep, &r.Taker, &r.Proxy, &r.Connection, &r.State, &r.TakenAt, &r.Left)
	if err != nil {
		return err
	}
	r.Before, r.Versions = before.String, strings.Split(versions, ",")
	if err := json.Unmarshal([]byte(key), &r.Key); err != nil {
		return fmt.Errorf("record %d: its key cannot be read: %w", r.ID, err)
	}
	return r.valid(before.Valid)
}

// literal is what a literal of a record may be: what becomes part of a statement
// is never more than a constant, whatever somebody has written into the ledger.
var literal = regexp.MustCompile(`^(NULL|-?[0-9]+(\.[0-9]+)?|'[ -&(-\[\]-~]*'|(_utf8mb4 |_binary )?x'[0-9a-f]*')$`)

// valid checks what becomes part of statements.
func (r *Record) valid(hasBefore bool) error {
	ok := len(r.Key) > 0 && (!hasBefore || literal.MatchString(r.Before))
	for _, k := range r.Key {
		ok = ok && literal.MatchString(k.Literal)
	}
	for _, v := range r.Versions {
		ok = ok && digits.MatchString(v)
	}
	if !ok {
		return fmt.Errorf("record %d of %s.%s has been changed by somebody", r.ID, r.Schema, r.Table)
	}
	return nil
}

var digits = regexp.MustCompile(`^-?[0-9]+$`)

// lockRecord locks a record; due is whether its lease has run out.
func lockRecord(ctx context.Context, tx *sql.Tx, id uint64) (r Record, due bool, err error) {
	row := tx.QueryRowContext(ctx, "SELECT "+recordColumns+", lease_end <= UTC_TIMESTAMP(6) FROM `ifmatch`.`pending` WHERE id = ? FOR UPDATE NOWAIT", id)
	err = r.scan(func(into ...any) error { return row.Scan(append(into, &due)...) })
	return r, due, err
}

// lockRow locks the rows that a key names and reads one of them.
func lockRow(ctx context.Context, tx *sql.Tx, r *Row) (status, version sql.NullString, n int, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT CAST(CAST("+quote(r.Status)+" AS CHAR CHARACTER SET utf8mb4) AS BINARY), CAST("+quote(r.Version)+" AS CHAR) FROM "+
		r.name()+r.where()+" FOR UPDATE NOWAIT")
	if err != nil {
		return status, version, 0, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		n++
		if err := rows.Scan(&status, &version); err != nil {
			return status, version, n, err
		}
	}
	return status, version, n, rows.Err()
}

func remove(ctx context.Context, tx *sql.Tx, id uint64) error {
	_, err := tx.ExecContext(ctx, "DELETE FROM `ifmatch`.`pending` WHERE id = ?", id)
	return err
}

// stays notes that the row is left as it is.
func stays(ctx context.Context, tx *sql.Tx, f *Found, state string) error {
	f.First = f.Record.State != state
	_, err := tx.ExecContext(ctx, "UPDATE `ifmatch`.`pending` SET state = ?, lease_end = UTC_TIMESTAMP(6) + INTERVAL ? SECOND WHERE id = ?", state, recheck, f.Record.ID)
	return err
}

// one is the error of a statement that has not changed one row.
func one(r sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	if err == nil && n != 1 {
		err = fmt.Errorf("%d rows were changed", n)
	}
	return err
}

// gone reports whether an error says that there is no such table or schema:
// ER_NO_SUCH_TABLE, ER_BAD_DB_ERROR.
func gone(err error) bool {
	var my *mysql.MySQLError
	return errors.As(err, &my) && (my.Number == 1146 || my.Number == 1049)
}

// name gives the row's table as SQL.
func (r *Row) name() string { return quote(r.Schema) + "." + quote(r.Table) }

// where gives the condition that names the row.
func (r *Row) where() string {
	var b strings.Builder
	for i, k := range r.Key {
		if i == 0 {
			b.WriteString(" WHERE ")
		} else {
			b.WriteString(" AND ")
		}
		b.WriteString(quote(k.Column) + " = " + k.Literal)
	}
	return b.String()
}

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// List gives the records of the ledger, the oldest first, at most limit of them; none
// where there is no ledger.
func (l *Ledger) List(ctx context.Context, limit int) ([]Record, error) {
	rows, err := l.db.QueryContext(ctx, "SELECT "+recordColumns+" FROM `ifmatch`.`pending` ORDER BY id LIMIT ?", limit)
	if gone(err) {
		return nil, nil // it was not made yet
	}
	if err != nil {
		return nil, fmt.Errorf("list the takings: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var all []Record
	for rows.Next() {
		var r Record
		if err := r.scan(rows.Scan); err != nil {
			return all, fmt.Errorf("list the takings: %w", err)
		}
		all = append(all, r)
	}
	return all, rows.Err()
}
