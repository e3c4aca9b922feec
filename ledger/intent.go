package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// pendingTable has one record for each row that is taken, or about to be. Names
// of columns and values are in it, so that any proxy can undo a taking, whatever
// its own policy says. Times are UTC, by the server's clock.
const pendingTable = "CREATE TABLE IF NOT EXISTS `ifmatch`.`pending` (\n" +
	"  `id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,\n" +
	"  `row_hash` BINARY(32) NOT NULL,\n" +
	"  `table_schema` VARCHAR(64) NOT NULL,\n" +
	"  `table_name` VARCHAR(64) NOT NULL,\n" +
	"  `row_key` TEXT NOT NULL COMMENT 'columns and literals, JSON',\n" +
	"  `row_text` TEXT NOT NULL COMMENT 'for people',\n" +
	"  `status_column` VARCHAR(64) NOT NULL,\n" +
	"  `version_column` VARCHAR(64) NOT NULL,\n" +
	"  `pending_value` VARCHAR(255) NOT NULL,\n" +
	"  `status_before` TEXT NULL COMMENT 'literal; NULL: the row was inserted as pending',\n" +
	"  `versions` TEXT NOT NULL COMMENT 'that the taker has given the row, or may have',\n" +
	"  `keep_abandoned` BOOLEAN NOT NULL,\n" +
	"  `lease_us` BIGINT UNSIGNED NOT NULL,\n" +
	"  `taker` VARCHAR(255) NOT NULL,\n" +
	"  `proxy` CHAR(32) NOT NULL,\n" +
	"  `connection` BIGINT UNSIGNED NOT NULL,\n" +
	"  `taken_at` DATETIME(6) NOT NULL,\n" +
	"  `lease_end` DATETIME(6) NOT NULL,\n" +
	"  `state` VARCHAR(16) NOT NULL DEFAULT 'held',\n" +
	"  UNIQUE KEY `row_hash` (`row_hash`),\n" +
	"  KEY `lease_end` (`lease_end`)\n" +
	") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"

// Row is a row that can be taken.
type Row struct {
	Schema, Table string
	Key           []KeyColumn
	Text          string // the key for people: id=100
	Form          []byte // the key in one form, by which rows are told apart
	Status        string // the status column
	Version       string // the version column, of whole numbers
	Pending       string // the status of a taken row, as text
}

// KeyColumn fixes a column of a key.
type KeyColumn struct {
	Column  string `json:"c"`
	Literal string `json:"v"` // SQL that reads the same under every sql_mode
}

// Intent is that somebody takes a row. It is written before the taking can be
// seen.
type Intent struct {
	Row
	Before     string   // literal of the status before the taking; "" of a row that is inserted as pending
	Versions   []string // that the taker gives the row, in digits
	Keep       bool     // the row stays as it is when it is abandoned
	Lease      time.Duration
	Taker      string // for people
	Connection uint64 // of the taker at the backend, for people
}

// MaxVersions bounds the versions that one intent names.
const MaxVersions = 1000

// hash tells the rows of all tables apart.
func (r *Row) hash() []byte {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(r.Schema), []byte(r.Table), r.Form} {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write(part)
	}
	return h.Sum(nil)
}

// busyTries is how often a change of the ledger's own records is tried that lost
// against another one.
const busyTries = 5

// Take writes intents down, all or none, and gives their numbers. Every row has to
// be locked by the transaction that takes it, from before its status was read
// until that transaction ends: an older intent for it is then one that came to
// nothing, and gives way.
func (l *Ledger) Take(ctx context.Context, intents []Intent) (ids []uint64, err error) {
	for range busyTries {
		if ids, err = l.take(ctx, intents); !busy(err) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("write the intent: %w", err)
	}
	return ids, nil
}

func (l *Ledger) take(ctx context.Context, intents []Intent) (ids []uint64, err error) {
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	for i := range intents {
		in := &intents[i]
		key, err := json.Marshal(in.Key)
		if err != nil {
			return nil, err
		}
		before := sql.NullString{String: in.Before, Valid: in.Before != ""}
		lease := in.Lease.Microseconds()
		r, err := tx.ExecContext(ctx, "REPLACE INTO `ifmatch`.`pending` (row_hash, table_schema, table_name, row_key, row_text,"+
			" status_column, version_column, pending_value, status_before, versions, keep_abandoned, lease_us, taker, proxy, connection,"+
			" taken_at, lease_end) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND)",
			in.hash(), in.Schema, in.Table, string(key), in.Text, in.Status, in.Version, in.Pending, before,
			strings.Join(in.Versions, ","), in.Keep, lease, in.Taker, l.proxy, in.Connection, lease)
		if err != nil {
			return nil, err
		}
		id, err := r.LastInsertId()
		if err != nil {
			return nil, err
		}
		ids = append(ids, uint64(id))
	}
	return ids, tx.Commit()
}

// Announce says which versions the taker may give the row from now on, with those
// that it may have now, and renews its lease. ok is false where the taking is no
// longer the taker's.
func (l *Ledger) Announce(ctx context.Context, id uint64, versions []string) (ok bool, err error) {
	for range busyTries {
		var r sql.Result
		// Time goes on between two statements, so that a row that is found is changed.
		r, err = l.db.ExecContext(ctx, "UPDATE `ifmatch`.`pending` SET versions = ?, lease_end = UTC_TIMESTAMP(6) + INTERVAL lease_us MICROSECOND"+
			" WHERE id = ? AND state = 'held'", strings.Join(versions, ","), id)
		if busy(err) {
			continue
		}
		if err != nil {
			break
		}
		n, err := r.RowsAffected()
		return n == 1, err
	}
	return false, fmt.Errorf("announce a version: %w", err)
}

// End ends takings: the rows have been given back, or were not taken after all.
func (l *Ledger) End(ctx context.Context, ids ...uint64) (err error) {
	for range busyTries {
		if err = l.each(ctx, "DELETE FROM `ifmatch`.`pending` WHERE id IN ", ids); !busy(err) {
			break
		}
	}
	return err
}

// Renew renews the leases of takings that are still there.
func (l *Ledger) Renew(ctx context.Context, ids []uint64) error {
	return l.each(ctx, "UPDATE `ifmatch`.`pending` SET lease_end = UTC_TIMESTAMP(6) + INTERVAL lease_us MICROSECOND WHERE state = 'held' AND id IN ", ids)
}

// Abandon ends the leases of takings: any proxy may undo them at once.
func (l *Ledger) Abandon(ctx context.Context, ids []uint64) error {
	return l.each(ctx, "UPDATE `ifmatch`.`pending` SET lease_end = UTC_TIMESTAMP(6) WHERE state = 'held' AND id IN ", ids)
}

// maxIDs bounds the numbers in one statement.
const maxIDs = 500

// each runs a statement for all ids.
func (l *Ledger) each(ctx context.Context, statement string, ids []uint64) error {
	for len(ids) > 0 {
		some := ids[:min(len(ids), maxIDs)]
		ids = ids[len(some):]
		args := make([]any, len(some))
		for i, id := range some {
			args[i] = id
		}
		if _, err := l.db.ExecContext(ctx, statement+"(?"+strings.Repeat(", ?", len(some)-1)+")", args...); err != nil {
			return fmt.Errorf("change the ledger: %w", err)
		}
	}
	return nil
}

// Errors of the servers for a lock that somebody else has: ER_LOCK_WAIT_TIMEOUT,
// ER_LOCK_DEADLOCK, ER_LOCK_NOWAIT.
var busyCodes = map[uint16]bool{1205: true, 1213: true, 3572: true}

// busy reports whether an error says that somebody else has a lock; nothing was done.
func busy(err error) bool {
	var my *mysql.MySQLError
	return errors.As(err, &my) && busyCodes[my.Number]
}
