package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"
)

// demoProgram is the embedded engine with the played scenario. It is a program
// of its own, so that the proxy does not carry a database engine with it.
const demoProgram = "ifmatch-demo"

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
			play := exec.CommandContext(cmd.Context(), program, "--ifmatch", self)
			play.Stdin, play.Stdout, play.Stderr = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
			var exit *exec.ExitError
			if err := play.Run(); errors.As(err, &exit) {
				return fmt.Errorf("the demo ended: %s", exit)
			} else if err != nil {
				return fmt.Errorf("run the demo: %w", err)
			}
			return nil
		},
	}
	return cmd
}
