package observe

import (
	"context"
	"database/sql"
	"sync/atomic"
	"time"

	"ifmatch/rewrite"
)

// Bounds of what is read beside the clients' sessions.
const (
	// readingEnd bounds a reading that nobody waits for any longer.
	readingEnd = 5 * time.Second
	// slots bounds how many run at once.
	slots = 4
	// MaxRows bounds the rows that one asks for; who asks keeps it.
	MaxRows = 1000
)

// A Reader reads on the service account's connections, so that nothing of a
// client's session is disturbed. It never makes a client wait for long: while a
// reading is late, others are not begun.
type Reader struct {
	db    *sql.DB
	slots chan struct{}
	late  atomic.Int32 // readings that were given up and have not ended
}

// NewReader gives a Reader that uses a pool of such connections, nil where there is none.
func NewReader(db *sql.DB) *Reader {
	if db == nil {
		return nil
	}
	return &Reader{db: db, slots: make(chan struct{}, slots)}
}

// answer is what a reading gives.
type answer struct {
	rows []rewrite.Row
	err  error
}

// Read runs a SELECT of binary strings and waits for it no longer than wait. ok is false
// where it could not be had in that time, or there is no Reader.
func (r *Reader) Read(query string, wait time.Duration) (rows []rewrite.Row, ok bool) {
	if r == nil || wait <= 0 || r.late.Load() > 0 {
		return nil, false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case r.slots <- struct{}{}:
	case <-timer.C:
		return nil, false
	}
	done := make(chan answer, 1)
	go func() {
		defer func() { <-r.slots }()
		rows, err := r.query(query)
		done <- answer{rows, err}
	}()
	select {
	case a := <-done:
		return a.rows, a.err == nil
	case <-timer.C:
	}
	r.late.Add(1)
	go func() {
		<-done
		r.late.Add(-1)
	}()
	return nil, false
}

// query runs a SELECT to its end.
func (r *Reader) query(query string) ([]rewrite.Row, error) {
	ctx, cancel := context.WithTimeout(context.Background(), readingEnd)
	defer cancel()
	rows, err := r.db.QueryContext(ctx, query)
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
