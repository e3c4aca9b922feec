package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"time"

	"ifmatch/admin"
	"ifmatch/conf"
	"ifmatch/contexts"
	"ifmatch/policy"
	"ifmatch/proxy"
	"ifmatch/rewrite"
)

// openContexts opens what keeps named contexts, nil where that is the memory. A
// server that refuses what is asked of it is an error; one that is not there is
// waited for while others are served.
func openContexts(cfg *conf.Config, rules *rewrite.Rules, metrics *admin.Metrics, log *slog.Logger) (*contexts.Store, error) {
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
	store.Bound(contextBounds(rules))
	return store, store.Check()
}

// contextBounds gives how many rows of a context are kept, and for how long one is that
// is not used: longer than what was read counts, so that a read that does not count any
// longer is known to be one.
func contextBounds(rules *rewrite.Rules) (rows int, age time.Duration) {
	age = proxy.ContextAge
	for _, t := range rules.All() {
		age = max(age, 2*t.Settings.ReadTTL)
	}
	return rules.MaxReads(policy.ScopeContext), age
}
