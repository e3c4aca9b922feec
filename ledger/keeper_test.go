package ledger

import (
	"context"
	"database/sql/driver"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// overheard is a backend that takes every statement and has no rows. It calls heard
// with each.
type overheard struct{ heard func(statement string) }

func (o overheard) Connect(context.Context) (driver.Conn, error) { return overheardConn{o}, nil }
func (o overheard) Driver() driver.Driver                        { return nil }

type overheardConn struct{ overheard }

func (overheardConn) Prepare(string) (driver.Stmt, error) { return nil, errors.ErrUnsupported }
func (overheardConn) Begin() (driver.Tx, error)           { return nil, errors.ErrUnsupported }
func (overheardConn) Close() error                        { return nil }

func (c overheardConn) ExecContext(_ context.Context, statement string, _ []driver.NamedValue) (driver.Result, error) {
	c.heard(statement)
	return driver.RowsAffected(1), nil
}

// A taking that is abandoned while its lease is renewed is not left with the new lease,
// for which nobody could write its row.
func TestAbandonedWhileRenewed(t *testing.T) {
	renewing, abandoned, again := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	renewed, ended := false, 0
	l := Open(overheard{func(statement string) {
		renews := strings.Contains(statement, "INTERVAL lease_us")
		switch {
		case renews && !renewed:
			close(renewing)
			<-abandoned
		case renews || !strings.Contains(statement, "SET lease_end = UTC_TIMESTAMP(6)"):
			return
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case renews:
			renewed = true
		case !renewed:
			if ended++; ended == 1 {
				close(abandoned) // and only now the renewal arrives
			}
		default:
			if ended++; ended == 2 {
				close(again)
			}
		}
	}})
	defer l.Close()
	k := NewKeeper(l, slog.New(slog.DiscardHandler), nil, nil)
	k.Hold(1, 100*time.Millisecond)
	<-renewing
	k.Abandon(1)
	select {
	case <-again:
	case <-time.After(20 * time.Second):
		t.Error("the lease that was renewed last is not ended")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	k.Close(ctx)
}
