package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// demoProgram is the embedded engine with the played scenario. It is a program
// of its own, so that the proxy does not carry a database engine with it.
const demoProgram = "ifmatch-demo"

// demoTidies is the time that the demo has to end its engine and its proxy.
const demoTidies = 10 * time.Second

func demoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Play a lost update and a refused one on an embedded engine, then stay up",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("find the proxy's own program: %w", err)
			}
			program := filepath.Join(filepath.Dir(self), demoProgram)
			if _, err := os.Stat(program); err != nil {
				return fmt.Errorf("the demo's engine %s is not there; `make demo` builds it", program)
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			play := exec.CommandContext(ctx, program, "--ifmatch", self)
			play.Stdin, play.Stdout, play.Stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			play.Cancel = func() error { return play.Process.Signal(syscall.SIGTERM) }
			play.WaitDelay = demoTidies
			err = play.Run()
			var exit *exec.ExitError
			switch {
			case err == nil, ctx.Err() != nil:
				return nil
			case errors.As(err, &exit):
				return fmt.Errorf("the demo ended: %s", exit)
			}
			return fmt.Errorf("run the demo: %w", err)
		},
	}
	return cmd
}
