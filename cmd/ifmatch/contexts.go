package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"

	"ifmatch/admin"
	"ifmatch/conf"
	"ifmatch/contexts"
)

// openContexts opens what keeps named contexts, nil where that is the memory. A
// server that refuses what is asked of it is an error; one that is not there is
// waited for while others are served.
func openContexts(cfg *conf.Config, metrics *admin.Metrics, log *slog.Logger) (*contexts.Store, error) {
	redis, ok := cfg.Redis()
	if !ok {
		return nil, nil
	}
	var tlsConfig *tls.Config
	if redis.TLS {
		tlsConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		if redis.CA != "" {
			pem, err := os.ReadFile(redis.CA)
			if err != nil {
				return nil, usage(fmt.Errorf("authorities of --contexts: %w", err))
			}
			tlsConfig.RootCAs = x509.NewCertPool()
			if !tlsConfig.RootCAs.AppendCertsFromPEM(pem) {
				return nil, usage(fmt.Errorf("authorities of --contexts: %s has no PEM certificate", redis.CA))
			}
		}
	}
	store := contexts.Open(contexts.Config{
		Address: redis.Address, User: redis.User, Password: redis.Password, DB: redis.DB, TLS: tlsConfig, Prefix: redis.Prefix, Timeout: redis.Timeout,
		Meter: metrics.Contexts(), Log: log,
	})
	return store, store.Check()
}
