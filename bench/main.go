// Command bench measures this module side by side with other proxies: on one
// machine, in alternating rounds, with the same backends and the same clients.
// It starts all of them, and ends them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/backend"
)

func main() {
	if err := command(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// command is this program, or one of its backends.
func command(args []string) error {
	if len(args) > 0 && args[0] == backend.Command {
		return backend.Serve(args[1:])
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parseOptions(args, os.Stderr)
	if err != nil {
		return err
	}
	return run(ctx, o)
}
