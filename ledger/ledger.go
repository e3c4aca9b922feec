// Package ledger is what must outlive a process: pending rows and counters, in
// the schema ifmatch of the backend. It is written by the service account, never
// as part of a client's transaction.
package ledger

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"time"
)

// Ledger keeps its records at one backend. It is safe for concurrent use.
type Ledger struct {
	db       *sql.DB
	counters *counters
	proxy    string // tells this process from others
}

// Connections of the service account that a ledger has at most, and how long
// one is used and may be idle.
const (
	maxConns = 16
	connLife = time.Hour
	connIdle = 5 * time.Minute
)

// Open makes a ledger of the service account's connections. It does not connect.
func Open(connector driver.Connector) *Ledger {
	db := sql.OpenDB(session{connector})
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxConns) // to connect takes longer than to write a record
	db.SetConnMaxLifetime(connLife)
	db.SetConnMaxIdleTime(connIdle)
	var id [16]byte
	rand.Read(id[:])
	l := &Ledger{db: db, proxy: hex.EncodeToString(id[:])}
	l.counters = newCounters(l, connector)
	return l
}

// CountOver has counters use connections of another connector, one that dials by Dial
// and sets no timeouts of its own. It is for a ledger that is not used yet.
func (l *Ledger) CountOver(connector driver.Connector) { l.counters = newCounters(l, connector) }

// Close closes the connections.
func (l *Ledger) Close() error {
	l.counters.store.conns.close()
	return l.db.Close()
}

// session is a connector whose connections mean the same whatever the server's
// defaults are: each statement by itself, reading what is committed, in UTC and
// UTF-8, with errors rather than warnings, and a wait for locks that ends.
type session struct{ driver.Connector }

// Connect opens a connection.
func (c session) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, set := range []string{
		"SET NAMES utf8mb4",
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
		"SET SESSION autocommit = 1, completion_type = 0, time_zone = '+00:00', lock_wait_timeout = 5, innodb_lock_wait_timeout = 5," +
			" sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
	} {
		if _, err := conn.(driver.ExecerContext).ExecContext(ctx, set, nil); err != nil {
			conn.Close()
			return nil, fmt.Errorf("service account: %w", err)
		}
	}
	return conn, nil
}
