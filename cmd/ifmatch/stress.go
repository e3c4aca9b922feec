package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"ifmatch/stress"
)

// envStressPassword has the password of a DSN that names none.
const envStressPassword = "IFMATCH_STRESS_PASSWORD"

// stressing is what the command line says.
type stressing struct {
	load          stress.Config
	mode          string
	dsn, compare  string
	table         string
	key, column   string
	prepare, json bool
}

func stressCommand() *cobra.Command {
	s := &stressing{load: stress.Config{Clients: 16, Keys: 10, For: 10 * time.Second, Retries: -1}, mode: string(stress.Forms)}
	cmd := &cobra.Command{
		Use:   "stress DSN",
		Short: "Make read-modify-write load on a DSN and count the updates that are lost",
		Long: "Make read-modify-write load on a DSN, through the proxy or not, and count the updates that were\n" +
			"acknowledged and are not in the data afterwards. Each update adds one to an integer, so the sums of\n" +
			"the rows prove it. Conflicts are tried again from the read on.\n\n" +
			"The DSN looks like user:password@tcp(host:port)/database or mysql://user:password@host:port/database;\n" +
			"a password may come from " + envStressPassword + ". The table " + stress.OwnTable + " is made where no other is given and stays;\n" +
			"--init makes it alone and prints the entry that guards it in a policy.\n\n" +
			"Exit code: 0 nothing lost, 1 lost or failed, 2 wrong usage. Ctrl-C reports what there is so far.",
		Example: "  ifmatch stress --init 'root@tcp(127.0.0.1:3306)/shop'\n" +
			"  ifmatch stress 'root@tcp(127.0.0.1:4406)/shop' --keys 3 --compare 'root@tcp(127.0.0.1:3306)/shop'",
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 1:
				return usage(fmt.Errorf("stress takes one DSN, has %d arguments", len(args)))
			case len(args) == 0:
				return usage(errors.New("stress wants a DSN: user:password@tcp(host:port)/database"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s.dsn = args[0]
			return s.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&s.load.Clients, "clients", s.load.Clients, "connections that make load")
	flags.IntVar(&s.load.Keys, "keys", s.load.Keys, "rows that they share: the fewer, the more conflicts")
	flags.DurationVar(&s.load.For, "for", s.load.For, "how long")
	flags.StringVar(&s.mode, "mode", s.mode, "forms (read, save), transactions (the same within one), or relative (n = n + 1)")
	flags.BoolVar(&s.load.Prepared, "prepared", false, "prepared statements instead of text")
	flags.DurationVar(&s.load.Think, "think", 0, "time between read and write of an update")
	flags.IntVar(&s.load.Retries, "retries", s.load.Retries, "how often an update that met a conflict is tried again; -1 for as often as it takes")
	flags.StringVar(&s.compare, "compare", "", "DSN of the database itself: the same load runs there as well")
	flags.StringVar(&s.table, "table", "", "a table of yours; its column is written to")
	flags.StringVar(&s.key, "key", "", "with --table: column that names a row; the primary key if not given")
	flags.StringVar(&s.column, "column", "", "with --table: integer column that is added to")
	flags.BoolVar(&s.prepare, "init", false, "make the table, print the entry for the policy, and end")
	flags.BoolVar(&s.json, "json", false, "the result as JSON; progress goes to standard error")
	return cmd
}

// report is the result as JSON: the run's own, and that of the comparison.
type report struct {
	*stress.Result
	Compare *stress.Result `json:"compare,omitempty"`
}

func (s *stressing) run(ctx context.Context, out, errOut io.Writer) error {
	s.load.Mode = stress.Mode(s.mode)
	if err := s.load.Check(); err != nil {
		return usage(err)
	}
	through, err := s.target("DSN", s.dsn)
	if err != nil {
		return err
	}
	// The first signal ends the load, and a later one the program. Some senders
	// send each twice, to the process and to its group.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	if s.prepare {
		entry, err := stress.Init(ctx, through, s.load.Keys)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "tables:\n  %s\n", entry)
		return err
	}
	progress := out
	if s.json {
		progress = errOut
	}
	var r report
	if s.compare != "" {
		direct, err := s.target("--compare", s.compare)
		if err != nil {
			return err
		}
		if r.Compare, err = s.stress(ctx, direct, progress); err != nil {
			return err
		}
	}
	if ctx.Err() == nil {
		if r.Result, err = s.stress(ctx, through, progress); err != nil {
			return err
		}
	}
	if err := s.print(out, &r); err != nil {
		return err
	}
	return r.verdict()
}

// target reads a DSN.
func (s *stressing) target(what, dsn string) (*stress.Target, error) {
	t, err := stress.ParseTarget(dsn, os.Getenv(envStressPassword))
	if err != nil {
		return nil, usage(fmt.Errorf("%s: %w", what, err))
	}
	switch {
	case s.table == "" && (s.key != "" || s.column != ""):
		return nil, usage(errors.New("--key and --column go with --table"))
	case s.table != "" && s.column == "":
		return nil, usage(errors.New("--table needs --column, the integer column that is added to"))
	case s.table != "" && s.prepare:
		return nil, usage(errors.New("--init makes the table of stress itself, so --table does not go with it"))
	}
	t.Table, t.Key, t.Column = s.table, s.key, s.column
	return t, nil
}

func (s *stressing) stress(ctx context.Context, t *stress.Target, progress io.Writer) (*stress.Result, error) {
	bar := stress.NewBar(progress, t.Address())
	defer bar.Done()
	load := s.load
	load.Target, load.Progress = t, bar.Show
	r, err := stress.Run(ctx, load)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Address(), err)
	}
	return r, nil
}

func (s *stressing) print(out io.Writer, r *report) error {
	if s.json {
		to := json.NewEncoder(out)
		to.SetIndent("", "  ")
		return to.Encode(r)
	}
	var runs []*stress.Result
	for _, run := range []*stress.Result{r.Compare, r.Result} {
		if run != nil {
			runs = append(runs, run)
		}
	}
	for _, run := range runs {
		if err := run.Print(out); err != nil {
			return err
		}
	}
	for _, run := range runs {
		if _, err := fmt.Fprintln(out, run.Verdict()); err != nil {
			return err
		}
	}
	return nil
}

// verdict is the error that the exit code tells. What the database loses by
// itself is no fault of the run.
func (r *report) verdict() error {
	switch {
	case r.Compare != nil && r.Compare.Error != "":
		return fmt.Errorf("the comparison: %s", r.Compare.Error)
	case r.Result == nil:
		return errors.New("interrupted before the load on the DSN itself began")
	case r.Error != "":
		return errors.New(r.Error)
	case r.Lost > 0:
		return fmt.Errorf("%d acknowledged updates are lost", r.Lost)
	case r.Unexplained > 0:
		return fmt.Errorf("%d updates are in the data that nobody has acknowledged", r.Unexplained)
	case !r.OK():
		return errors.New("the load failed")
	}
	return nil
}
