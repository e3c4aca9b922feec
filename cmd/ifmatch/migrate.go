package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"ifmatch/conf"
	"ifmatch/migrate"
	"ifmatch/policy"
	"ifmatch/ruleset"
	"ifmatch/schema"
)

// migration is what the command line says beside the configuration.
type migration struct {
	migrate.Options
	apply, allowCopy bool
}

func migrateCommand() *cobra.Command {
	cfg := conf.Default()
	var m migration
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Print, or with --apply run, the DDL that a policy needs",
		Long: "Print the DDL that a policy needs and the backend lacks, as SQL for the mariadb and mysql clients:\n" +
			"version columns, invisible, whose default a row that is inserted again does not repeat; the schema\n" +
			"ifmatch; with --triggers, triggers that bump the version for writers that go around the proxy.\n" +
			"Each statement says what it costs and names its algorithm, so that it fails rather than costs more.\n" +
			"With --apply the service account runs it. Run again, it does what is still missing.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := conf.Load(cmd.Flags(), &cfg, os.Getenv); err != nil {
				return err
			}
			return m.run(cmd.Context(), &cfg, cmd.OutOrStdout())
		},
	}
	someFlags(cmd, &cfg, "policy", "backend", "service-user", "service-password", "backend-tls", "backend-ca", "config")
	cmd.Flags().BoolVar(&m.Triggers, "triggers", false, "triggers as well, for writers that go around the proxy")
	cmd.Flags().BoolVar(&m.apply, "apply", false, "run the statements instead of printing them")
	cmd.Flags().BoolVar(&m.allowCopy, "allow-copy", false, "with --apply: copy a table where the server has no other way, while writes to it wait")
	return cmd
}

func (m *migration) run(ctx context.Context, cfg *conf.Config, out io.Writer) error {
	if cfg.ServiceUser == "" {
		return usage(fmt.Errorf("migrate needs --service-user, the account that reads the schema and, with --apply, changes it"))
	}
	if m.allowCopy && !m.apply {
		return usage(fmt.Errorf("--allow-copy goes with --apply"))
	}
	p, err := policy.Load(cfg.Policy)
	if err != nil {
		return err
	}
	db, err := openPatient(cfg)
	if err != nil {
		return usage(err)
	}
	defer db.Close()
	plan, err := m.plan(ctx, cfg, p, db)
	if err != nil {
		return err
	}
	if !m.apply {
		return plan.Print(out)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", cfg.Backend, err)
	}
	defer conn.Close()
	report := plan.Report(out)
	if err := plan.Apply(ctx, conn, m.allowCopy, report.Done); err != nil {
		return err
	}
	report.End()
	return nil
}

// plan holds the policy against the backend.
func (m *migration) plan(ctx context.Context, cfg *conf.Config, p *policy.Policy, db *sql.DB) (*migrate.Plan, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	names := ruleset.Names(p)
	c, err := schema.Read(ctx, db, names)
	if err != nil {
		return nil, fmt.Errorf("read the schema of %s: %w", cfg.Backend, err)
	}
	b, err := migrate.Read(ctx, db, c, names)
	if err != nil {
		return nil, fmt.Errorf("read the schema of %s: %w", cfg.Backend, err)
	}
	plan, faults := migrate.Make(p, c, b, m.Options)
	return plan, faults.Err()
}
