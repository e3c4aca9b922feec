package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"ifmatch/admin"
	"ifmatch/certs"
	"ifmatch/conf"
	"ifmatch/proxy"
	"ifmatch/readset"
	"ifmatch/rewrite"
	"ifmatch/ruleset"
)

func serveCommand() *cobra.Command {
	cfg := conf.Default()
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the proxy",
		Long:  "Run the proxy. It listens once policy and schema have been checked.\nSIGHUP reads policy and certificates again; SIGTERM and SIGINT drain and stop.",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := conf.Load(cmd.Flags(), &cfg, os.Getenv); err != nil {
				return err
			}
			setUpProcess()
			signals := make(chan os.Signal, 4)
			signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)
			defer signal.Stop(signals)
			return serve(cmd.Context(), &cfg, signals, cmd.ErrOrStderr())
		},
	}
	cfg.Flags(cmd.Flags())
	return cmd
}

// startTimeout bounds the reading of the schema at start and on reload.
const startTimeout = 30 * time.Second

// serve runs the proxy until a signal or ctx ends it.
func serve(ctx context.Context, cfg *conf.Config, signals <-chan os.Signal, logTo io.Writer) error {
	log := newLogger(cfg, logTo)
	metrics := admin.NewMetrics()
	backendTLS, err := certs.NewBackend(cfg.BackendTLS, cfg.BackendCA, cfg.Backend)
	if err != nil {
		return usage(err)
	}
	db, err := openService(cfg, backendTLS)
	if err != nil {
		return usage(err)
	}
	if db != nil {
		defer db.Close()
	}
	beside, err := openBeside(cfg, backendTLS)
	if err != nil {
		return usage(err)
	}
	if beside != nil {
		defer beside.Close()
	}
	source := &ruleset.Source{PolicyFile: cfg.Policy, DB: db, Log: log}
	loadCtx, cancel := context.WithTimeout(ctx, startTimeout)
	rules, err := source.Load(loadCtx)
	cancel()
	if err != nil {
		return err
	}
	metrics.Reloaded(true)
	book, err := openLedger(cfg, backendTLS)
	if err != nil {
		return usage(err)
	}
	if book != nil {
		defer book.Close()
	}
	ledgerCtx, cancel := context.WithTimeout(ctx, startTimeout)
	err = makeLedger(ledgerCtx, book, rules.Policy, log)
	cancel()
	if err != nil {
		return err
	}
	store, err := openContexts(cfg, metrics, log)
	if err != nil {
		return err
	}
	var kept readset.Store
	if store != nil {
		kept = store
		defer store.Close()
	}
	clientTLS := &atomic.Pointer[tls.Config]{}
	tlsConfig, err := certs.Server(cfg.TLSCert, cfg.TLSKey)
	if err != nil {
		return usage(err)
	}
	clientTLS.Store(tlsConfig)
	key, err := certs.RSAKey(cfg.RSAKey)
	if err != nil {
		return usage(err)
	}
	server, err := proxy.New(proxy.Config{
		Backend: cfg.Backend, ClientTLS: clientTLS.Load, RequireTLS: cfg.RequireTLS,
		BackendTLS: backendTLS.Config(), TLSOptional: cfg.BackendTLS == conf.TLSPreferred, RSAKey: key,
		MaxSessions: cfg.MaxSessions, PlanCache: cfg.PlanCache, Rules: rules,
		SchemaChanged: func(ctx context.Context) error { return refresh(ctx, source, log) },
		Service:       beside, ObserveWait: cfg.ObserveWait, Ledger: book, Contexts: kept,
		IdleWarn: cfg.IdleTransactionWarn, IdleEnd: cfg.IdleTransactionEnd,
		Meter: metrics, Log: log,
	})
	if err != nil {
		return err
	}
	source.Use = func(r *rewrite.Rules) {
		server.SetRules(r)
	}
	metrics.Plans(func() admin.PlanStats { return admin.PlanStats(server.PlanStats()) })
	releaseStart(log)
	ln, err := proxy.Listen(cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on --listen %s: %w", cfg.Listen, err)
	}
	stopAdmin, err := serveAdmin(cfg, ready(server, db), metrics, log)
	if err != nil {
		ln.Close()
		return err
	}
	defer stopAdmin()
	log.Info("listening", "address", ln.Addr().String(), "backend", cfg.Backend, "tables", rules.Tables(), "policy", cfg.Policy)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	tick := time.NewTicker(cfg.SchemaRefresh)
	defer tick.Stop()
	for {
		select {
		case err := <-served:
			return err
		case <-tick.C:
			ctx, cancel := context.WithTimeout(ctx, startTimeout)
			if err := refresh(ctx, source, log); err != nil {
				log.Error("schema could not be read again; the old one is kept", "error", err)
			}
			cancel()
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				reloadPolicy(ctx, source, metrics, log)
				reloadCertificates(cfg, clientTLS, backendTLS, log)
				continue
			}
			log.Info("draining", "signal", sig.String(), "for", cfg.Drain)
			drain(server, cfg.Drain)
			return nil
		case <-ctx.Done():
			drain(server, cfg.Drain)
			return nil
		}
	}
}

func drain(server *proxy.Server, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	server.Shutdown(ctx)
}

// refresh reads the schema again.
func refresh(ctx context.Context, source *ruleset.Source, log *slog.Logger) error {
	rules, changed, err := source.Refresh(ctx)
	if err != nil || !changed {
		return err
	}
	log.Info("schema has changed", "generation", rules.Generation)
	return nil
}

// reloadPolicy reads the policy again and keeps the old one where the new is wrong.
func reloadPolicy(ctx context.Context, source *ruleset.Source, metrics *admin.Metrics, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	rules, err := source.Load(ctx)
	if err != nil {
		metrics.Reloaded(false)
		log.Error("policy is wrong; the old one is kept", "error", err)
		return
	}
	metrics.Reloaded(true)
	log.Info("policy read again", "tables", rules.Tables(), "generation", rules.Generation)
}

// reloadCertificates reads the certificate for clients and the backend's
// authorities again, each by itself, and keeps the old where the new are wrong.
// Open connections go on as they are.
func reloadCertificates(cfg *conf.Config, clientTLS *atomic.Pointer[tls.Config], backendTLS *certs.Backend, log *slog.Logger) {
	if cfg.TLSCert != "" {
		tlsConfig, err := certs.Server(cfg.TLSCert, cfg.TLSKey)
		if err != nil {
			log.Error("certificate is wrong; the old one is kept", "error", err)
		} else {
			clientTLS.Store(tlsConfig)
			log.Info("certificate read again")
		}
	}
	if cfg.BackendCA != "" {
		if err := backendTLS.Reload(); err != nil {
			log.Error("the backend's authorities are wrong; the old ones are kept", "error", err)
		} else {
			log.Info("the backend's authorities read again")
		}
	}
}

// serveAdmin starts the admin listener, unless there is none.
func serveAdmin(cfg *conf.Config, ready func(context.Context) error, metrics *admin.Metrics, log *slog.Logger) (stop func(), err error) {
	if cfg.Admin == "" {
		return func() {}, nil
	}
	ln, err := net.Listen("tcp", cfg.Admin)
	if err != nil {
		return nil, fmt.Errorf("listen on --admin %s: %w", cfg.Admin, err)
	}
	server := &http.Server{Handler: admin.Handler(metrics, ready), ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := server.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
			log.Error("admin listener failed", "error", err)
		}
	}()
	return func() { server.Close() }, nil
}
