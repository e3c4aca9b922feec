package ledger

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"sync"
	"time"

	"ifmatch/wire"
)

const (
	// maxCounterConns bounds the connections for counters: as many counters are written
	// at once.
	maxCounterConns = 8
	// unsureAfter is for how long an idle connection is taken for good.
	unsureAfter = time.Second
)

// dialed is the key of a context by which Dial tells of the connection it has made.
type dialed struct{}

// Dial connects to the backend for counters (see Ledger.CountOver). The ledger itself
// ends what takes too long on such a connection, so that no call has to set a timer.
func Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if into, ok := ctx.Value(dialed{}).(*net.Conn); ok {
		*into = nc
	}
	return wire.NewStream(nc), nil
}

// counterConn is a connection for counters. It is used without database/sql, which
// would cost as much as the rest of a call.
type counterConn struct {
	conn       driver.Conn
	under      net.Conn // nil where it was not made by Dial
	statements map[string]driver.Stmt
	made       time.Time
	used       time.Time // when it was taken or given back
}

// counterConns are the connections for counters.
type counterConns struct {
	connector driver.Connector
	slots     chan struct{} // one for each connection in use

	mu     sync.Mutex
	free   []*counterConn
	busy   map[*counterConn]bool
	stop   chan struct{} // ends the watch; nil while there is none
	closed bool
}

func newCounterConns(connector driver.Connector) *counterConns {
	return &counterConns{connector: connector, slots: make(chan struct{}, maxCounterConns), busy: map[*counterConn]bool{}}
}

// errClosed is the error of a ledger that is used behind its end.
var errClosed = errors.New("the ledger is closed")

// with calls f with a connection. Where the connection was dead before anything was
// sent on it, f is called again with another.
func (p *counterConns) with(f func(c *counterConn) error) error {
	p.slots <- struct{}{}
	defer func() { <-p.slots }()
	for again := true; ; again = false {
		c, err := p.take()
		if err != nil {
			return err
		}
		err = f(c)
		p.give(c, err)
		if again && errors.Is(err, driver.ErrBadConn) {
			continue
		}
		return err
	}
}

// take gives a connection that was alive a moment ago.
func (p *counterConns) take() (*counterConn, error) {
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, errClosed
		}
		if p.stop == nil {
			p.stop = make(chan struct{})
			go p.watch(p.stop)
		}
		n := len(p.free)
		if n == 0 {
			p.mu.Unlock()
			return p.open()
		}
		c := p.free[n-1]
		p.free = p.free[:n-1]
		now := time.Now()
		idle := now.Sub(c.used)
		c.used = now
		p.busy[c] = true
		p.mu.Unlock()
		switch {
		case now.Sub(c.made) > connLife, idle > connIdle:
		case idle < unsureAfter:
			return c, nil
		default:
			if pinger, ok := c.conn.(driver.Pinger); ok && pinger.Ping(context.Background()) == nil {
				return c, nil
			}
		}
		p.give(c, driver.ErrBadConn)
	}
}

// dialError is that no connection could be had: nothing was sent.
type dialError struct{ err error }

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// open opens a connection.
func (p *counterConns) open() (*counterConn, error) {
	c := &counterConn{statements: map[string]driver.Stmt{}, made: time.Now(), used: time.Now()}
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), dialed{}, &c.under), countTimeout)
	defer cancel()
	var err error
	if c.conn, err = (session{p.connector}).Connect(ctx); err != nil {
		return nil, &dialError{err}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy[c] = true
	return c, nil
}

// give takes a connection back. One on which something other than the server's own
// error has happened is closed.
func (p *counterConns) give(c *counterConn, err error) {
	p.mu.Lock()
	delete(p.busy, c)
	c.used = time.Now()
	keep := !p.closed && (err == nil || number(err) != 0)
	if keep {
		p.free = append(p.free, c)
	}
	p.mu.Unlock()
	if !keep {
		c.conn.Close()
	}
}

// watch ends connections on which something takes too long.
func (p *counterConns) watch(stop chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			p.mu.Lock()
			for c := range p.busy {
				if now.Sub(c.used) > countTimeout && c.under != nil {
					c.under.Close()
				}
			}
			p.mu.Unlock()
		}
	}
}

// close ends the connections that are idle now, and the others when they are given back.
func (p *counterConns) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.stop != nil {
		close(p.stop)
		p.stop = nil
	}
	for _, c := range p.free {
		c.conn.Close()
	}
	p.free = nil
}

// statement gives a prepared statement.
func (c *counterConn) statement(text string) (driver.Stmt, error) {
	if st := c.statements[text]; st != nil {
		return st, nil
	}
	st, err := c.conn.(driver.ConnPrepareContext).PrepareContext(context.Background(), text)
	if err != nil {
		return nil, err
	}
	c.statements[text] = st
	return st, nil
}

// exec runs a write.
func (c *counterConn) exec(text string, args []driver.NamedValue) (rows int64, err error) {
	st, err := c.statement(text)
	if err != nil {
		return 0, err
	}
	result, err := st.(driver.StmtExecContext).ExecContext(context.Background(), args)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// say runs a statement that has no result.
func (c *counterConn) say(text string) error {
	_, err := c.conn.(driver.ExecerContext).ExecContext(context.Background(), text, nil)
	return err
}
