package main

import (
	"database/sql"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-sql-driver/mysql"

	"ifmatch/certs"
	"ifmatch/conf"
)

// openService opens the service account's connections, or gives nil where there
// is no such account.
func openService(cfg *conf.Config) (*sql.DB, error) {
	if cfg.ServiceUser == "" {
		return nil, nil
	}
	dsn := mysql.NewConfig()
	dsn.User, dsn.Passwd = cfg.ServiceUser, cfg.ServicePassword
	dsn.Net, dsn.Addr = "tcp", cfg.Backend
	dsn.Timeout, dsn.ReadTimeout, dsn.WriteTimeout = 5*time.Second, 30*time.Second, 30*time.Second
	dsn.Logger = quiet{}
	tlsConfig, err := certs.Backend(cfg.BackendTLS, cfg.BackendCA, cfg.Backend)
	if err != nil {
		return nil, err
	}
	if tlsConfig != nil {
		dsn.TLS = tlsConfig
		dsn.AllowFallbackToPlaintext = cfg.BackendTLS == conf.TLSPreferred
	}
	connector, err := mysql.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("service account: %w", err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(4)
	db.SetMaxIdleConns(2)
	db.SetConnMaxIdleTime(time.Minute)
	return db, nil
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
