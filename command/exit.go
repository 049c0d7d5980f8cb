package command

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// Exit codes. Scripts decide on them: they do not change. Those of Caddy are
// from 0 to 3.
const (
	exitUsage       = caddy.ExitCodeFailedStartup // also if `run` cannot start
	exitRefused     = 4                           // by the API, or there is no such pool or backend: nothing has changed
	exitUnreachable = 5                           // nobody has answered
	exitServer      = 6                           // the API has answered with an error of its own
	exitUnfinished  = 7                           // what was to be waited for has not come
	exitFailures    = 8                           // of requests, in `try`
	exitInterrupted = 130                         // by Ctrl-C, as shells have it
)

// exitError is an error with the code to exit with.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func exitf(code int, format string, args ...any) error {
	return &exitError{code, fmt.Errorf(format, args...)}
}

// exitCode returns the code that stands for the error.
func exitCode(err error) int {
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	if e, ok := errors.AsType[*apiError](err); ok {
		if e.status >= 500 {
			return exitServer
		}
		return exitRefused
	}
	return exitUsage
}

// action makes f what a command runs. Its error goes to standard error as it
// is: Caddy would log it, with a time and as JSON if nobody watches.
func action(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := f(cmd, args)
		if err == nil {
			return nil
		}
		cmd.SilenceErrors = true
		fmt.Fprintln(cmd.ErrOrStderr(), "Error: "+printable(err.Error()))
		code := exitCode(err)
		if code == exitUsage {
			return err
		}
		// only Caddy can make the error that carries an exit code
		return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return code, nil })(cmd, args)
	}
}
