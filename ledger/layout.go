package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// Schema is the name of the ledger's schema at the backend.
const Schema = "ifmatch"

// Layout is the version of the ledger's tables that this build reads and writes.
// A change of a table raises it and brings the statements that lead there.
const Layout = 1

// Statement makes a part of the ledger, and does nothing where it is there.
type Statement struct {
	Name string // of the table or routine, "" for the schema itself
	For  string // what the part is for
	SQL  string // without semicolon
}

// layout lists what makes the ledger, in this order.
var layout = []Statement{
	{"", "the schema of pending rows and counters", "CREATE DATABASE IF NOT EXISTS `ifmatch`"},
	{"layout", "the version of the ledger's tables", "CREATE TABLE IF NOT EXISTS `ifmatch`.`layout` (\n" +
		"  `version` INT UNSIGNED NOT NULL PRIMARY KEY\n" +
		") ENGINE=InnoDB"},
	{"pending", "rows that are taken, and what they were before", pendingTable},
	{"counters", "the counters of numbering", "CREATE TABLE IF NOT EXISTS `ifmatch`.`counters` (\n" +
		"  `name` VARBINARY(1024) NOT NULL PRIMARY KEY,\n" +
		"  `value` BIGINT NOT NULL,\n" +
		"  `turns` BIGINT UNSIGNED NOT NULL DEFAULT 0,\n" +
		"  `first` BIGINT,\n" +
		"  `last` BIGINT,\n" +
		"  `ends` TINYINT NOT NULL DEFAULT 0\n" +
		") ENGINE=InnoDB ROW_FORMAT=DYNAMIC"},
	routine("allocids", "n BIGINT"),
	routine("addids", "n BIGINT"),
	routine("getids", ""),
	routine("setids", "v BIGINT"),
	routine("rangeids", "numbers VARCHAR(64)"),
}

// LayoutError is a ledger that another version of ifmatch has made.
type LayoutError struct{ Found int }

// Error says who has made the ledger.
func (e *LayoutError) Error() string {
	return fmt.Sprintf("the tables in schema ifmatch are of layout %d, which a newer ifmatch has made; this one knows layout %d", e.Found, Layout)
}

// Missing gives the statements that make what is not there of the ledger at the
// backend behind db, nil where it is whole. The error is a *LayoutError where it
// is of another version.
func Missing(ctx context.Context, db *sql.DB) ([]Statement, error) {
	rows, err := db.QueryContext(ctx, "SELECT LOWER(TABLE_NAME) FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?"+
		" UNION ALL SELECT LOWER(ROUTINE_NAME) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ?"+
		" UNION ALL SELECT '' FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?", Schema, Schema, Schema)
	if err != nil {
		return nil, fmt.Errorf("look for schema ifmatch: %w", err)
	}
	defer func() { _ = rows.Close() }()
	there := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("look for schema ifmatch: %w", err)
		}
		there[name] = true
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("look for schema ifmatch: %w", err)
	}
	if there["layout"] {
		var found sql.NullInt64
		if err := db.QueryRowContext(ctx, "SELECT MAX(version) FROM `ifmatch`.`layout`").Scan(&found); err != nil {
			return nil, fmt.Errorf("read the version of schema ifmatch: %w", err)
		}
		if found.Int64 > Layout {
			return nil, &LayoutError{int(found.Int64)}
		}
	}
	var missing []Statement
	for _, s := range layout {
		if !there[s.Name] {
			missing = append(missing, s)
		}
	}
	return missing, nil
}

// Make makes what is missing of the ledger. Several proxies may do so at once.
// The error is a *RightsError where the service account may not.
func (l *Ledger) Make(ctx context.Context) error {
	missing, err := Missing(ctx, l.db)
	if err != nil {
		return err
	}
	for _, s := range missing {
		if _, err := l.db.ExecContext(ctx, s.SQL); err != nil && number(err) != errRoutineExists {
			return rights(fmt.Errorf("make %s: %w", strings.TrimSuffix(Schema+"."+s.Name, "."), err))
		}
	}
	if _, err := l.db.ExecContext(ctx, "INSERT IGNORE INTO `ifmatch`.`layout` (version) VALUES (?)", Layout); err != nil {
		return rights(fmt.Errorf("note the version of schema ifmatch: %w", err))
	}
	return nil
}

// RightsError is what the service account lacks a right for.
type RightsError struct{ err error }

// Error gives the server's error and what would help.
func (e *RightsError) Error() string {
	return fmt.Sprintf("%v; the service account wants ALL PRIVILEGES ON `ifmatch`.*", e.err)
}

// Unwrap gives the server's error.
func (e *RightsError) Unwrap() error { return e.err }

// Errors of the server that mean that a right is missing: ER_DBACCESS_DENIED_ERROR,
// ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR.
var deniedCodes = map[uint16]bool{1044: true, 1142: true, 1143: true, 1227: true}

// rights makes a RightsError of an error that is about rights.
func rights(err error) error {
	var my *mysql.MySQLError
	if errors.As(err, &my) && deniedCodes[my.Number] {
		return &RightsError{err}
	}
	return err
}
