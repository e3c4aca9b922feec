package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// This file is for people who look after rows that are taken.

// Known says of each of the rows, at most a few hundred, whether the ledger has a
// record of it. db is the service account's; a ledger that was not made knows none.
func Known(ctx context.Context, db *sql.DB, rows []Row) ([]bool, error) {
	known := make([]bool, len(rows))
	if len(rows) == 0 {
		return known, nil
	}
	at := map[string]int{}
	args := make([]any, len(rows))
	for i := range rows {
		hash := rows[i].hash()
		at[string(hash)], args[i] = i, hash
	}
	found, err := db.QueryContext(ctx, "SELECT row_hash FROM `ifmatch`.`pending` WHERE row_hash IN (?"+strings.Repeat(", ?", len(rows)-1)+")", args...)
	if gone(err) {
		return known, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for takings: %w", err)
	}
	defer func() { _ = found.Close() }()
	for found.Next() {
		var hash string
		if err := found.Scan(&hash); err != nil {
			return nil, fmt.Errorf("look for takings: %w", err)
		}
		known[at[hash]] = true
	}
	return known, found.Err()
}

// Free gives a row that is taken, at the version that was seen of it, another
// status, a literal. done is false where it is not as it was seen.
func (l *Ledger) Free(ctx context.Context, r Row, version, status string) (done bool, err error) {
	if !digits.MatchString(version) || !literal.MatchString(status) {
		return false, fmt.Errorf("free %s.%s %s: no constant", r.Schema, r.Table, r.Text)
	}
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }()
	was, is, n, err := lockRow(ctx, tx, &r)
	if err != nil || n != 1 || was.String != r.Pending || is.String != version {
		return false, err
	}
	err = one(tx.ExecContext(ctx, "UPDATE "+r.name()+" SET "+quote(r.Status)+" = "+status+", "+
		quote(r.Version)+" = "+quote(r.Version)+" + 1"+r.where()+" AND "+quote(r.Version)+" = "+version))
	if err == nil {
		_, err = tx.ExecContext(ctx, "DELETE FROM `ifmatch`.`pending` WHERE row_hash = ?", r.hash())
	}
	if err == nil {
		err = tx.Commit()
	}
	return err == nil, err
}
