package main

import (
	"context"
	"database/sql"
	"errors"

	"ifmatch/proxy"
)

// ready gives the question behind /readyz: whether the proxy takes clients, and
// the backend answers the service account. Without one there is nobody to ask: a
// connection that hangs up at the greeting would count as a failed handshake at the
// server, and too many of these block the proxy's host.
func ready(server *proxy.Server, db *sql.DB) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		if server.Draining() {
			return errors.New("the proxy is shutting down")
		}
		if db == nil {
			return nil
		}
		if err := db.PingContext(ctx); err != nil {
			return errors.New("the backend does not answer the service account")
		}
		return nil
	}
}
