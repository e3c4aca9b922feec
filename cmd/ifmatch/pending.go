package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ifmatch/conf"
	"ifmatch/ledger"
	"ifmatch/proxy"
	"ifmatch/rewrite"
	"ifmatch/ruleset"
)

// maxListed bounds what ifmatch pending looks at: takings, and of each table the
// rows that are pending.
const maxListed = 500

// pendingTimeout bounds one command.
const pendingTimeout = 30 * time.Second

func pendingCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pending",
		Short: "List rows that are taken, and release them",
		Long: "List rows that are taken, and release them: those that the ledger knows, by their numbers, and\n" +
			"those that are pending with no record of who has taken them.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage(errors.New("pending needs list or release"))
		},
	}
	cmd.AddCommand(pendingListCommand(), pendingReleaseCommand())
	return cmd
}

// nightShift is what these commands work with.
type nightShift struct {
	cfg   conf.Config
	out   io.Writer
	db    *sql.DB
	book  *ledger.Ledger
	rules *rewrite.Rules
}

// open connects and reads the policy.
func (n *nightShift) open(cmd *cobra.Command) (ctx context.Context, closeAll func(), err error) {
	if err := conf.Load(cmd.Flags(), &n.cfg, os.Getenv); err != nil {
		return nil, nil, err
	}
	if n.cfg.ServiceUser == "" {
		return nil, nil, usage(errors.New("pending needs --service-user, the account that owns the ledger"))
	}
	n.out = cmd.OutOrStdout()
	if n.db, err = openService(&n.cfg, nil); err != nil {
		return nil, nil, usage(err)
	}
	if n.book, err = openLedger(&n.cfg, nil); err != nil {
		n.db.Close()
		return nil, nil, usage(err)
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), pendingTimeout)
	closeAll = func() {
		cancel()
		n.db.Close()
		n.book.Close()
	}
	source := &ruleset.Source{PolicyFile: n.cfg.Policy, DB: n.db, Log: slog.New(slog.DiscardHandler)}
	if n.rules, err = source.Load(ctx); err != nil {
		closeAll()
		return nil, nil, err
	}
	return ctx, closeAll, nil
}

func nightShiftFlags(cmd *cobra.Command, cfg *conf.Config) {
	someFlags(cmd, cfg, "policy", "backend", "service-user", "service-password", "backend-tls", "backend-ca", "config")
}

func pendingListCommand() *cobra.Command {
	n := &nightShift{cfg: conf.Default()}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List rows that are taken",
		Long: "List rows that are taken: those that the ledger knows, and of the policy's tables those that are\n" +
			"pending with no record of who has taken them.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, closeAll, err := n.open(cmd)
			if err != nil {
				return err
			}
			defer closeAll()
			return n.list(ctx)
		},
	}
	nightShiftFlags(cmd, &n.cfg)
	return cmd
}

func (n *nightShift) list(ctx context.Context) error {
	records, err := n.book.List(ctx, maxListed)
	if err != nil {
		return err
	}
	orphans, err := stuckRows(ctx, n.db, n.rules)
	if err != nil {
		return err
	}
	if len(records)+len(orphans) == 0 {
		fmt.Fprintln(n.out, "no row is taken")
		return nil
	}
	w := tabwriter.NewWriter(n.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "number\ttable\tkey\tbefore\tstate\tlease\tsince (UTC)\ttaker")
	for _, r := range records {
		before := r.Before
		if before == "" {
			before = "no row"
		}
		fmt.Fprintf(w, "%d\t%s.%s\t%s\t%s\t%s\t%.0fs\t%s\t%s\n", r.ID, r.Schema, r.Table, r.Text, before, r.State, r.Left, r.TakenAt, r.Taker)
	}
	for _, o := range orphans {
		fmt.Fprintf(w, "-\t%s.%s\t%s\t?\tno record\t-\t-\t-\n", o.Schema, o.Table, o.Text)
	}
	return w.Flush()
}

// stuck is a row that is pending, and of which the ledger knows nothing.
type stuck struct {
	ledger.Row
	table   *rewrite.Table
	version string
}

// stuckRows gives the rows of the policy's tables that are pending with no record.
func stuckRows(ctx context.Context, db *sql.DB, rules *rewrite.Rules) ([]stuck, error) {
	var all []stuck
	for _, t := range rules.All() {
		if !t.Pending() {
			continue
		}
		found, err := takenRows(ctx, db, t)
		if err != nil {
			return nil, fmt.Errorf("look for rows of %s that are pending: %w", t.Label, err)
		}
		rows := make([]ledger.Row, len(found))
		for i := range found {
			rows[i] = proxy.LedgerRow(t, found[i])
		}
		known, err := ledger.Known(ctx, db, rows)
		if err != nil {
			return nil, err
		}
		for i, r := range rows {
			if !known[i] {
				all = append(all, stuck{r, t, found[i].Version.String()})
			}
		}
	}
	return all, nil
}

// takenRows reads the rows of a table that are taken.
func takenRows(ctx context.Context, db *sql.DB, t *rewrite.Table) ([]*rewrite.TakenRow, error) {
	rows, err := db.QueryContext(ctx, t.TakenRows(maxListed))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var all []*rewrite.TakenRow
	for rows.Next() {
		row := make(rewrite.Row, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		if r, ok := t.TakenRow(row); ok {
			all = append(all, r)
		}
	}
	return all, rows.Err()
}

func pendingReleaseCommand() *cobra.Command {
	n := &nightShift{cfg: conf.Default()}
	var force bool
	var table, status string
	cmd := &cobra.Command{
		Use:   "release NUMBER... | release --table SCHEMA.TABLE --status STATUS KEY...",
		Short: "Give back rows that are taken",
		Long: "Give back rows that are taken. By its number a row gets the status that it had before it was taken,\n" +
			"or goes where it was inserted as pending; one whose taker still renews its lease only with --force.\n" +
			"With --table and --status rows that are pending and of which there is no record, or that were changed\n" +
			"since they were taken, get that status; their keys are written as ifmatch pending list shows them.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || (table == "") != (status == "") {
				return usage(errors.New("release wants numbers, or --table and --status with keys, as ifmatch pending list shows them"))
			}
			ctx, closeAll, err := n.open(cmd)
			if err != nil {
				return err
			}
			defer closeAll()
			if table != "" {
				return n.free(ctx, table, status, args)
			}
			return n.release(ctx, args, force)
		},
	}
	nightShiftFlags(cmd, &n.cfg)
	cmd.Flags().BoolVar(&force, "force", false, "also a row whose taker still renews its lease; its next write is refused")
	cmd.Flags().StringVar(&table, "table", "", "`table` of rows that are pending with no record")
	cmd.Flags().StringVar(&status, "status", "", "`status` that they get")
	return cmd
}

// release gives back rows by their numbers.
func (n *nightShift) release(ctx context.Context, numbers []string, force bool) error {
	records, err := n.book.List(ctx, maxListed)
	if err != nil {
		return err
	}
	byID := map[uint64]ledger.Record{}
	for _, r := range records {
		byID[r.ID] = r
	}
	var failed error
	for _, text := range numbers {
		id, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return usage(fmt.Errorf("%q is no number of ifmatch pending list", text))
		}
		r, ok := byID[id]
		what := fmt.Sprintf("%d: %s.%s %s: ", id, r.Schema, r.Table, r.Text)
		switch {
		case !ok:
			failed = fmt.Errorf("%d: no row is taken by that number", id)
		case r.State == ledger.StateHeld && r.Left > 0 && !force:
			failed = errors.New(what + "its taker is alive; --force gives it back all the same")
		default:
			f, err := n.book.Undo(ctx, id, true)
			switch {
			case err != nil:
				failed = err
			case f.Outcome == ledger.Restored:
				fmt.Fprintln(n.out, what+"given back")
				continue
			case f.Outcome == ledger.Removed:
				fmt.Fprintln(n.out, what+"deleted, as it was inserted as pending")
				continue
			case f.Outcome == ledger.Over, f.Outcome == ledger.Absent:
				fmt.Fprintln(n.out, what+"was not taken any longer")
				continue
			case f.Outcome == ledger.Busy:
				failed = errors.New(what + "it is locked by a transaction; try again")
			default:
				failed = errors.New(what + "it was changed since it was taken; say which status it gets with --table and --status")
			}
		}
		fmt.Fprintln(n.out, failed)
	}
	return failed
}

// free gives rows a status that are pending with no record that could be undone.
func (n *nightShift) free(ctx context.Context, table, status string, keys []string) error {
	schemaName, name, _ := strings.Cut(table, ".")
	var t *rewrite.Table
	for _, g := range n.rules.All() {
		if g.Pending() && strings.EqualFold(g.Name.Schema, schemaName) && strings.EqualFold(g.Name.Name, name) {
			t = g
		}
	}
	if t == nil {
		return usage(fmt.Errorf("--table: the policy has no pending rows in %q", table))
	}
	literal, ok := t.StateLiteral(status)
	if !ok || status == t.PendingText() {
		return usage(fmt.Errorf("--status: rows of %s cannot be released with %q", table, status))
	}
	found, err := takenRows(ctx, n.db, t)
	if err != nil {
		return err
	}
	changed, err := n.changed(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		failed := fmt.Errorf("%s %s: no such row is pending with no record", table, key)
		for _, row := range found {
			r := proxy.LedgerRow(t, row)
			if r.Text != key {
				continue
			}
			known, err := ledger.Known(ctx, n.db, []ledger.Row{r})
			if err != nil {
				return err
			}
			if known[0] && !changed[t.Label+" "+key] {
				failed = fmt.Errorf("%s %s: there is a record of who has taken it; release it by its number", table, key)
				break
			}
			done, err := n.book.Free(ctx, r, row.Version.String(), literal)
			switch {
			case err != nil:
				return err
			case done:
				failed = nil
				fmt.Fprintf(n.out, "%s %s: %s is %s now\n", table, key, t.Status(), literal)
			default:
				failed = fmt.Errorf("%s %s: it has been changed meanwhile; look again", table, key)
			}
		}
		if failed != nil {
			return failed
		}
	}
	return nil
}

// changed gives the rows that were changed since they were taken, by table and key.
func (n *nightShift) changed(ctx context.Context) (map[string]bool, error) {
	records, err := n.book.List(ctx, maxListed)
	if err != nil {
		return nil, err
	}
	changed := map[string]bool{}
	for _, r := range records {
		if r.State == ledger.StateChanged {
			changed[r.Schema+"."+r.Table+" "+r.Text] = true
		}
	}
	return changed, nil
}
