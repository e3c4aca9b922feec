package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

// patience is how long, in seconds, a statement waits for transactions that use
// its table. While it waits, who comes later waits behind it.
const patience = "10"

// setPatience is run before the steps.
const setPatience = "SET SESSION lock_wait_timeout = " + patience

// CopyError says that a step works only by copying its table, which was not
// allowed.
type CopyError struct {
	Step Step
	Err  error // what the server said to all else
}

// Error names the table and the way out.
func (e *CopyError) Error() string {
	return fmt.Sprintf("%s: the server adds the column only by copying the table (%s), while writes wait; allow it with --allow-copy, or use a tool that copies online: %v",
		e.Step.On, e.Step.Size, e.Err)
}

// Unwrap gives the server's answer.
func (e *CopyError) Unwrap() error { return e.Err }

// Apply runs the steps in their order on conn, each in the cheapest way that the
// server takes, and tells done of each one when it is. A table is copied only
// with allowCopy, else it is a *[CopyError]. It ends at the first step that
// fails; those before it are done, and a new plan holds the others.
//
// An ALTER TABLE may take as long as the table is big: the connection must have
// no read timeout. Where ctx ends, the server may still carry on.
func (p *Plan) Apply(ctx context.Context, conn *sql.Conn, allowCopy bool, done func(Step, Cost)) error {
	if len(p.Steps) == 0 {
		return nil
	}
	if _, err := conn.ExecContext(ctx, setPatience); err != nil {
		return fmt.Errorf("%s: %w", setPatience, err)
	}
	for _, s := range p.Steps {
		cost, err := s.apply(ctx, conn, allowCopy)
		if err != nil {
			return err
		}
		done(s, cost)
	}
	return nil
}

// apply runs one step. A try that the server refuses has changed nothing.
func (s *Step) apply(ctx context.Context, conn *sql.Conn, allowCopy bool) (Cost, error) {
	if use := s.use(); use != "" {
		if _, err := conn.ExecContext(ctx, use); err != nil {
			return s.Cost, fmt.Errorf("%s: %w", use, err)
		}
	}
	if s.Able != "" {
		if _, err := conn.ExecContext(ctx, s.Able); err != nil {
			return s.Cost, fmt.Errorf("%s: %s: the trigger would run with the rights of this account, which cannot write the table, and so nobody could: %w; grant it UPDATE, or have an account that has it run the printed SQL", s.On, s.For, err)
		}
	}
	for cost := Instant; ; cost++ {
		_, err := conn.ExecContext(ctx, s.Statement(cost))
		switch {
		case err == nil:
			return cost, nil
		case !s.Alter || !tooCheap(err):
			return cost, fmt.Errorf("%s: %s: %w%s", s.On, s.For, err, advice(err))
		case cost == Shared && !allowCopy:
			return cost, &CopyError{*s, err}
		case cost == Copy:
			return cost, fmt.Errorf("%s: %s: %w", s.On, s.For, err)
		}
	}
}

// Errors of the servers that somebody acts on: share/messages_to_clients.txt of
// MySQL, sql/share/errmsg-utf8.txt of MariaDB.
const (
	errLockWait          = 1205 // ER_LOCK_WAIT_TIMEOUT
	errTriggersNeedSuper = 1419 // ER_BINLOG_CREATE_ROUTINE_NEED_SUPER
	errAlgorithm         = 1845 // ER_ALTER_OPERATION_NOT_SUPPORTED
	errAlgorithmReason   = 1846 // ER_ALTER_OPERATION_NOT_SUPPORTED_REASON
	errRowVersions       = 4092 // ER_INNODB_MAX_ROW_VERSION: too many instant changes
	errRowSize           = 4158 // ER_INNODB_INSTANT_ADD_NOT_SUPPORTED_MAX_SIZE
)

// tooCheap says whether the server refuses only the way, not the change.
func tooCheap(err error) bool {
	var answer *mysql.MySQLError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.Number {
	case errAlgorithm, errAlgorithmReason, errRowVersions, errRowSize:
		return true
	}
	return false
}

// advice says what helps against an error of the server.
func advice(err error) string {
	var answer *mysql.MySQLError
	if errors.As(err, &answer) {
		switch answer.Number {
		case errLockWait:
			return "; a transaction that is open uses the table, end it and run this again"
		case errTriggersNeedSuper:
			return "; with a binary log the server wants log_bin_trust_function_creators=1, or an account with SUPER, before it makes triggers"
		}
	}
	return ""
}
