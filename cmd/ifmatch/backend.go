package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-sql-driver/mysql"

	"ifmatch/certs"
	"ifmatch/conf"
	"ifmatch/ledger"
	"ifmatch/policy"
)

// openService opens the service account's connections, or gives nil where there
// is no such account. A nil backend is made of cfg.
func openService(cfg *conf.Config, backend *certs.Backend) (*sql.DB, error) {
	if cfg.ServiceUser == "" {
		return nil, nil
	}
	return openAccount(cfg, backend, 30*time.Second)
}

// openPatient opens the service account's connections for statements that take
// as long as they take.
func openPatient(cfg *conf.Config) (*sql.DB, error) { return openAccount(cfg, nil, 0) }

// openAccount opens the service account's connections. They wait for an answer
// as long as readTimeout says, for ever with 0.
func openAccount(cfg *conf.Config, backend *certs.Backend, readTimeout time.Duration) (*sql.DB, error) {
	connector, err := accountConnector(cfg, backend, readTimeout)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(2)
	db.SetConnMaxIdleTime(time.Minute)
	return db, nil
}

// accountConnector makes the service account's connections, over TLS as backend
// has it.
func accountConnector(cfg *conf.Config, backend *certs.Backend, readTimeout time.Duration) (driver.Connector, error) {
	dsn, err := accountConfig(cfg, backend)
	if err != nil {
		return nil, err
	}
	dsn.Timeout, dsn.ReadTimeout, dsn.WriteTimeout = 5*time.Second, readTimeout, 30*time.Second
	connector, err := mysql.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("service account: %w", err)
	}
	return connector, nil
}

// accountConfig is how the service account connects, without timeouts.
func accountConfig(cfg *conf.Config, backend *certs.Backend) (*mysql.Config, error) {
	dsn := mysql.NewConfig()
	dsn.User, dsn.Passwd = cfg.ServiceUser, cfg.ServicePassword
	dsn.Net, dsn.Addr = "tcp", cfg.Backend
	dsn.Logger = quiet{}
	if backend == nil {
		var err error
		if backend, err = certs.NewBackend(cfg.BackendTLS, cfg.BackendCA, cfg.Backend); err != nil {
			return nil, err
		}
	}
	if tlsConfig := backend.Config(); tlsConfig != nil {
		dsn.TLS = tlsConfig
		dsn.AllowFallbackToPlaintext = cfg.BackendTLS == conf.TLSPreferred
	}
	return dsn, nil
}

// openBeside opens connections of the service account on which the tokens of
// observed rows are read, or gives nil where there is no such account. A reading
// waits for no lock for long, and sees what is committed.
func openBeside(cfg *conf.Config, backend *certs.Backend) (*sql.DB, error) {
	if cfg.ServiceUser == "" {
		return nil, nil
	}
	connector, err := accountConnector(cfg, backend, 10*time.Second)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(committedReads{connector})
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(4) // to connect takes longer than a client would wait
	db.SetConnMaxLifetime(time.Hour)
	return db, nil
}

// openLedger opens the ledger of the backend, or gives nil where there is no
// service account.
func openLedger(cfg *conf.Config, backend *certs.Backend) (*ledger.Ledger, error) {
	if cfg.ServiceUser == "" {
		return nil, nil
	}
	connector, err := accountConnector(cfg, backend, 10*time.Second)
	if err != nil {
		return nil, err
	}
	dsn, err := accountConfig(cfg, backend)
	if err != nil {
		return nil, err
	}
	dsn.Timeout, dsn.DialFunc = 5*time.Second, ledger.Dial
	counting, err := mysql.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("service account: %w", err)
	}
	l := ledger.Open(connector)
	l.CountOver(counting)
	return l, nil
}

// makeLedger makes what is missing of the ledger. Where it cannot, that is an
// error only where the policy needs it.
func makeLedger(ctx context.Context, l *ledger.Ledger, p *policy.Policy, log *slog.Logger) error {
	if l == nil {
		return nil
	}
	err := l.Make(ctx)
	if err != nil && !p.NeedsLedger() {
		log.Warn("the ledger is not there, and numbers cannot be had", "error", err)
		return nil
	}
	return err
}

// committedReads is a connector whose connections read what is committed, each
// statement by itself, whatever the server's defaults are.
type committedReads struct{ driver.Connector }

// Connect opens a connection.
func (c committedReads) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, set := range []string{
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
		"SET SESSION autocommit = 1, lock_wait_timeout = 1",
	} {
		if _, err := conn.(driver.ExecerContext).ExecContext(ctx, set, nil); err != nil {
			conn.Close()
			return nil, fmt.Errorf("service account: %w", err)
		}
	}
	return conn, nil
}

// quiet drops what the driver would print: its errors come back as errors.
type quiet struct{}

func (quiet) Print(...any) {}

// newLogger makes the logger that the configuration asks for.
func newLogger(cfg *conf.Config, to interface{ Write([]byte) (int, error) }) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	opts := &slog.HandlerOptions{Level: level}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(to, opts))
	}
	return slog.New(slog.NewTextHandler(to, opts))
}
