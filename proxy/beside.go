package proxy

import (
	"context"
	"database/sql"
	"sync/atomic"
	"time"

	"ifmatch/rewrite"
)

// Bounds of what is read beside the clients' sessions.
const (
	// besideEnd bounds a reading that nobody waits for any longer.
	besideEnd = 5 * time.Second
	// besideSlots bounds how many run at once.
	besideSlots = 4
	// besideRows bounds the rows of one.
	besideRows = 1000
)

// beside reads on the service account's connections, so that nothing of a
// client's session is disturbed. It never makes a client wait for long: while a
// reading is late, others are not begun.
type beside struct {
	db    *sql.DB
	wait  time.Duration // for all reading beside one statement
	slots chan struct{}
	late  atomic.Int32 // readings that were given up and have not ended
}

// newBeside gives nil where there is no service account.
func newBeside(db *sql.DB, wait time.Duration) *beside {
	if db == nil {
		return nil
	}
	return &beside{db: db, wait: wait, slots: make(chan struct{}, besideSlots)}
}

// besideAnswer is what a reading gives.
type besideAnswer struct {
	rows []rewrite.Row
	err  error
}

// read runs a SELECT of binary strings and waits for it no longer than wait. ok
// is false where it could not be had in that time.
func (b *beside) read(query string, wait time.Duration) (rows []rewrite.Row, ok bool) {
	if b == nil || wait <= 0 || b.late.Load() > 0 {
		return nil, false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case b.slots <- struct{}{}:
	case <-timer.C:
		return nil, false
	}
	done := make(chan besideAnswer, 1)
	go func() {
		defer func() { <-b.slots }()
		rows, err := b.query(query)
		done <- besideAnswer{rows, err}
	}()
	select {
	case a := <-done:
		return a.rows, a.err == nil
	case <-timer.C:
	}
	b.late.Add(1)
	go func() {
		<-done
		b.late.Add(-1)
	}()
	return nil, false
}

// query runs a SELECT to its end.
func (b *beside) query(query string) ([]rewrite.Row, error) {
	ctx, cancel := context.WithTimeout(context.Background(), besideEnd)
	defer cancel()
	rows, err := b.db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var all []rewrite.Row
	for rows.Next() {
		row := make(rewrite.Row, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}
