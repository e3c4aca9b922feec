// Command ifmatch is HTTP's If-Match for MySQL: a proxy that reports a write
// that would have lost somebody's update as a conflict.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"ifmatch/conf"
	"ifmatch/fault"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run carries out a command line and gives its exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	root := &cobra.Command{
		Use:           "ifmatch",
		Short:         "HTTP's If-Match for MySQL: lost updates come back as conflict errors",
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SetOut(errOut)
			cmd.Help()
			return usage(errors.New("a command is missing"))
		},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(fmt.Errorf("unknown command %q; see ifmatch --help", args[0]))
			}
			return nil
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(serveCommand(), checkCommand(), explainCommand(), migrateCommand(), pendingCommand(), stressCommand(), demoCommand(), versionCommand())
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	fmt.Fprintln(errOut, message(err))
	return exitCode(err)
}

// usageError marks an error of the command line.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usage(err error) error { return &usageError{err} }

// message gives an error as a person reads it: faults with their positions
// alone, others behind the program's name.
func message(err error) string {
	var faults fault.List
	if errors.As(err, &faults) {
		return faults.Error()
	}
	return "ifmatch: " + err.Error()
}

// exitCode tells wrong usage and configuration from failure.
func exitCode(err error) int {
	var onUsage *usageError
	var onConf *conf.UsageError
	var faults fault.List
	var path *fs.PathError
	if errors.As(err, &onUsage) || errors.As(err, &onConf) || errors.As(err, &faults) || errors.As(err, &path) {
		return exitUsage
	}
	return exitFailed
}

// noArgs refuses arguments, as a fault of usage.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(fmt.Errorf("%s takes no argument, has %q", cmd.Name(), args[0]))
	}
	return nil
}
