package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ifmatch/conf"
	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/ruleset"
	"ifmatch/schema"
)

func checkCommand() *cobra.Command {
	cfg := conf.Default()
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check a policy, with --backend against the real schema",
		Long: "Check a policy: every fault is listed. With --backend and --service-user it is held against\n" +
			"the real schema, and what can write guarded tables behind the proxy's back is named.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := conf.Load(cmd.Flags(), &cfg, os.Getenv); err != nil {
				return err
			}
			return check(cmd, &cfg)
		},
	}
	someFlags(cmd, &cfg, "policy", "backend", "service-user", "service-password", "backend-tls", "backend-ca", "config")
	return cmd
}

// someFlags gives a command those of the configuration's flags that it needs.
func someFlags(cmd *cobra.Command, cfg *conf.Config, names ...string) {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	cfg.Flags(all)
	for _, name := range names {
		cmd.Flags().AddFlag(all.Lookup(name))
	}
}

func check(cmd *cobra.Command, cfg *conf.Config) error {
	out := cmd.OutOrStdout()
	p, faults, err := policy.LoadRight(cfg.Policy)
	if err != nil {
		return err
	}
	if cfg.ServiceUser == "" {
		if cmd.Flags().Changed("backend") {
			return usage(fmt.Errorf("--backend needs --service-user, the account that reads the schema"))
		}
		faults = append(faults, rewrite.CheckSQL(p, ruleset.Unknown())...)
		if err := faults.Err(); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: right, %d guarded tables; give --backend and --service-user to hold it against the schema\n", cfg.Policy, len(p.Tables))
		return nil
	}
	db, err := openService(cfg, nil)
	if err != nil {
		return usage(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), startTimeout)
	defer cancel()
	c, err := schema.Read(ctx, db, ruleset.Names(p))
	if err != nil {
		if wrong := faults.Err(); wrong != nil {
			return wrong
		}
		return fmt.Errorf("read the schema of %s: %w", cfg.Backend, err)
	}
	faults = append(faults, ruleset.Check(c, p)...)
	for _, w := range c.Writers(ruleset.Names(p)) {
		fmt.Fprintf(out, "warning: %s %s can write %s behind the proxy's back: %s\n", w.Kind, w.Name, w.Table, w.Detail)
	}
	for _, unseen := range c.Unseen {
		fmt.Fprintf(out, "warning: not seen: %s\n", unseen)
	}
	if err := faults.Err(); err != nil {
		return err
	}
	if err := warnOfStuck(ctx, out, db, rewrite.Compile(p, c)); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: right, %d guarded tables, on %s %s at %s\n", cfg.Policy, len(p.Tables), c.Flavor, c.VersionText, cfg.Backend)
	return nil
}

// maxWarned bounds the rows that are named one by one.
const maxWarned = 20

// warnOfStuck names the rows that are pending with nobody known to have taken them:
// nobody will give them back.
func warnOfStuck(ctx context.Context, out io.Writer, db *sql.DB, rules *rewrite.Rules) error {
	rows, err := stuckRows(ctx, db, rules)
	if err != nil {
		return err
	}
	for i, r := range rows {
		if i == maxWarned {
			fmt.Fprintf(out, "warning: and %d rows more; ifmatch pending list has them\n", len(rows)-i)
			break
		}
		fmt.Fprintf(out, "warning: %s %s is pending (%s) and there is no record of who has taken it; ifmatch pending release gives it back\n",
			r.table.Label, r.Text, r.Pending)
	}
	return nil
}
