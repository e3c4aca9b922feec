package stress

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// Guard is what stands between the load and its table.
type Guard string

// The guards.
const (
	NoProxy   Guard = "none"      // the load talks to a server
	Unguarded Guard = "unguarded" // to ifmatch, which does not enforce a policy on the table
	Guarded   Guard = "guarded"   // to ifmatch, which does
)

// guardOf asks the other end whether it is ifmatch and guards the table.
func guardOf(ctx context.Context, db *sql.DB, t *table) (Guard, error) {
	rows, err := db.QueryContext(ctx, "SHOW IFMATCH POLICY")
	if is(err, errParse) {
		return NoProxy, nil
	}
	if err != nil {
		return "", fmt.Errorf("ask for the policy: %w", err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return "", fmt.Errorf("ask for the policy: %w", err)
	}
	fields := make([]sql.NullString, len(names))
	into := make([]any, len(names))
	for i := range fields {
		into[i] = &fields[i]
	}
	guard := Unguarded
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return "", fmt.Errorf("ask for the policy: %w", err)
		}
		row := map[string]string{}
		for i, name := range names {
			row[name] = fields[i].String
		}
		if strings.EqualFold(row["table"], t.String()) && row["mode"] == "enforce" {
			guard = Guarded
		}
	}
	return guard, rows.Err()
}
