package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ifmatch/conf"
	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/ruleset"
	"ifmatch/sqltext"
)

func explainCommand() *cobra.Command {
	cfg := conf.Default()
	var format, database string
	cmd := &cobra.Command{
		Use:   "explain [SQL]",
		Short: "Say what becomes of a statement, and why",
		Long: "Say what becomes of statements (given as argument or on standard input): verdict, strategy,\n" +
			"the SQL that would be sent, and why. Without --service-user the policy must have key: for each table.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage(fmt.Errorf("explain takes one text, in quotes; it has %d arguments", len(args)))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := conf.Load(cmd.Flags(), &cfg, os.Getenv); err != nil {
				return err
			}
			if format != "text" && format != "json" {
				return usage(fmt.Errorf("--format is text or json, not %q", format))
			}
			sql, err := statementText(cmd, args)
			if err != nil {
				return err
			}
			rules, err := explainRules(cmd.Context(), &cfg)
			if err != nil {
				return err
			}
			if database == "" {
				database = onlySchema(rules)
			}
			explained, err := explain(rules, sql, database)
			if err != nil {
				return err
			}
			return printExplained(cmd.OutOrStdout(), explained, format)
		},
	}
	someFlags(cmd, &cfg, "policy", "backend", "service-user", "service-password", "backend-tls", "backend-ca", "config")
	cmd.Flags().StringVar(&format, "format", "text", "`format` of the answer: text or json")
	cmd.Flags().StringVar(&database, "database", "", "current `database`; default: that of the policy's tables, if they are in one")
	return cmd
}

// explanation is what explain says of one statement.
type explanation struct {
	Statement   string `json:"statement"`
	Verdict     string `json:"verdict"`
	Strategy    string `json:"strategy,omitempty"`
	Table       string `json:"table,omitempty"`
	Expectation string `json:"expectation,omitempty"`
	SQL         string `json:"sql,omitempty"`
	Prepared    string `json:"prepared,omitempty"`
	Lock        string `json:"lock,omitempty"` // what locks the rows first, where something is expected of them
	Why         string `json:"why"`
}

func statementText(cmd *cobra.Command, args []string) (string, error) {
	if len(args) == 1 && args[0] != "-" {
		return args[0], nil
	}
	b, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 64<<20))
	if err != nil {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	if strings.TrimSpace(string(b)) == "" {
		return "", usage(errors.New("explain wants a statement, as an argument or on standard input"))
	}
	return string(b), nil
}

// explainRules reads policy and, with a service account, the schema.
func explainRules(ctx context.Context, cfg *conf.Config) (*rewrite.Rules, error) {
	if cfg.ServiceUser == "" {
		p, err := policy.Load(cfg.Policy)
		if err != nil {
			return nil, err
		}
		catalog, err := ruleset.Offline(p)
		if err != nil {
			return nil, err
		}
		return rewrite.Compile(p, catalog), nil
	}
	db, err := openService(cfg, nil)
	if err != nil {
		return nil, usage(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return (&ruleset.Source{PolicyFile: cfg.Policy, DB: db}).Load(ctx)
}

// onlySchema gives the schema that all guarded tables are in, or "".
func onlySchema(rules *rewrite.Rules) string {
	only := ""
	for _, t := range rules.All() {
		if only != "" && only != t.Name.Schema {
			return ""
		}
		only = t.Name.Schema
	}
	return only
}

func explain(rules *rewrite.Rules, sql, database string) ([]explanation, error) {
	lexis := sqltext.Lexis{Flavor: rules.Catalog.Flavor, Version: rules.Catalog.Version}
	var whole sqltext.Text
	if err := whole.Lex([]byte(sql), &lexis); err != nil {
		return nil, usage(err)
	}
	env := rewrite.Env{DB: database, UTF8: true}
	var all []explanation
	for _, span := range whole.Statements(nil) {
		from, to := whole.Range(span)
		one := strings.TrimSpace(sql[from:to])
		var t sqltext.Text
		if err := t.Lex([]byte(one), &lexis); err != nil {
			return nil, usage(err)
		}
		all = append(all, explainOne(rules, &t, env))
	}
	return all, nil
}

func explainOne(rules *rewrite.Rules, t *sqltext.Text, env rewrite.Env) explanation {
	e := explanation{Statement: strings.TrimSpace(string(t.SQL))}
	plan := rules.Plan(t, t.Statements(nil)[0], env).For(t)
	if plan.ListsColumns() {
		var listed sqltext.Text
		if err := listed.Lex(plan.AppendListed(nil, t), &sqltext.Lexis{Flavor: rules.Catalog.Flavor, Version: rules.Catalog.Version}); err == nil {
			as := explainOne(rules, &listed, env)
			as.Statement = e.Statement
			return as
		}
	}
	e.Verdict, e.Strategy, e.Why = plan.Verdict.String(), plan.Strategy.String(), plan.Why
	if plan.Table != nil {
		e.Table = plan.Table.Name.String()
	}
	switch plan.Verdict {
	case rewrite.Pass, rewrite.Observe:
		e.Verdict, e.SQL = rewrite.Pass.String(), e.Statement
		if plan.HoldsInitial() && sqltext.Placeholders(t, 0, len(t.Tokens)) == 0 {
			if conflict := plan.BindInsert(t, nil); conflict != nil {
				e.Verdict, e.SQL, e.Why = rewrite.Refuse.String(), "", conflict.Message
			}
		}
	case rewrite.Refuse:
		e.Why = plan.Reason
	case rewrite.Guard:
		explainGuard(&e, plan, t, rules.Catalog.Flavor)
	}
	if counter, numbers := plan.Counter(); numbers && e.Verdict != rewrite.Refuse.String() {
		explainNumbers(&e, plan, t, counter)
	}
	return e
}

// explainNumbers shows an INSERT as it is with numbers in it. It is then judged like
// one that has come so.
func explainNumbers(e *explanation, plan *rewrite.Plan, t *sqltext.Text, counter string) {
	rows, _ := plan.Wanting(t, nil, true)
	if refused := plan.RefusesNumbers(); refused != "" && len(rows) > 0 {
		e.Verdict, e.SQL, e.Why = rewrite.Refuse.String(), "", refused
		return
	}
	if len(rows) == 0 {
		return
	}
	sql, _ := plan.AppendNumbered(nil, t, rows, func(dst []byte, _ int) []byte { return append(append(append(dst, "<next of "...), counter...), '>') })
	e.SQL = string(sql)
}

// explainGuard adds the SQL that would be sent: with the constants of the
// statement, or for one with parameters what would be prepared.
func explainGuard(e *explanation, plan *rewrite.Plan, t *sqltext.Text, flavor sqltext.Flavor) {
	if plan.Params() > 0 {
		sql, _ := plan.Prepared(t)
		e.Prepared = string(sql)
		return
	}
	var hint []sqltext.Pair
	if len(t.Hints) == 1 {
		var err error
		if hint, err = sqltext.ParseHint(string(t.SQL[t.Hints[0].Start:t.Hints[0].End])); err != nil {
			e.Verdict, e.Strategy, e.Why = rewrite.Refuse.String(), "", err.Error()
			return
		}
	}
	var b rewrite.Binding
	var refused *rewrite.Refusal
	if !plan.Several() {
		if refused = plan.Bind(t, nil, hint, &b); refused != nil && refused.Wider && plan.Wider() != nil {
			plan, refused = plan.Wider(), nil
			e.Strategy, e.Why = plan.Strategy.String(), plan.Why
		}
	}
	if plan.Several() {
		explainSeveral(e, plan, t, hint, flavor)
		return
	}
	if refused == nil && !plan.Upserts() {
		refused = plan.BindUnread(&b)
	}
	if refused != nil {
		e.Verdict, e.Strategy, e.Why = rewrite.Refuse.String(), "", refused.Text
		return
	}
	e.Expectation = b.Source.String()
	e.SQL = string(plan.AppendText(nil, t, &b))
	if plan.Strategy == rewrite.LockAndCheck && plan.Upserts() {
		lock, _ := plan.SelectHits(t, &b)
		e.Lock = string(lock)
	}
}

// explainSeveral is for a write of several rows: where something is expected of
// them they are locked first, and the write is confined to them.
func explainSeveral(e *explanation, plan *rewrite.Plan, t *sqltext.Text, hint []sqltext.Pair, flavor sqltext.Flavor) {
	bound, refused := plan.BindSeveral(t, nil, hint, nil)
	if refused != nil {
		e.Verdict, e.Strategy, e.Why = rewrite.Refuse.String(), "", refused.Text
		return
	}
	e.Expectation = bound[0].Source.String()
	e.SQL = string(plan.AppendSeveral(nil, t, bound))
	if why := plan.Unsure(); why != "" {
		e.Why += "; refused where they have to be checked, because of " + why
		return
	}
	if plan.Strategy == rewrite.LockAndCheck {
		locking := rewrite.LockingMySQL
		if flavor == sqltext.MariaDB {
			locking = rewrite.LockingMaria
		}
		e.Lock = string(plan.Lock(t, bound, locking).SQL)
	}
}

func printExplained(out io.Writer, all []explanation, format string) error {
	if format == "json" {
		enc := json.NewEncoder(out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if len(all) == 1 {
			return enc.Encode(all[0])
		}
		return enc.Encode(all)
	}
	for i, e := range all {
		if i > 0 {
			fmt.Fprintln(out)
		}
		line := func(name, value string) {
			if value != "" {
				fmt.Fprintf(out, "%-12s %s\n", name+":", value)
			}
		}
		if len(all) > 1 {
			line("statement", e.Statement)
		}
		line("verdict", e.Verdict)
		line("strategy", e.Strategy)
		line("table", e.Table)
		line("expectation", e.Expectation)
		line("sql", e.SQL)
		line("prepared", e.Prepared)
		line("lock", e.Lock)
		line("why", e.Why)
	}
	return nil
}
