package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var subcommands = []string{"run", "status", "add", "remove", "drain", "ready", "maintenance", "weight", "try", "explain", "events"}

func TestHelp(t *testing.T) {
	s := &server{t: t, home: t.TempDir(), admin: closedAddr(t)}
	contains(t, "caddy help", s.caddyCommand("help").out, "load-balance ", "Runs and operates a load balancer")
	top := s.must("--help")
	same(t, "without a command", s.must(), top)
	contains(t, "caddy load-balance --help", top, "Examples:", "exit code", "CADDY_ADMIN")
	for _, name := range subcommands {
		contains(t, "list of commands", top, "\n  "+name+" ")
		help := s.must(name, "--help")
		contains(t, name, help, "caddy load-balance "+name, "Examples:\n  $ caddy load-balance "+name)
		for line := range strings.Lines(help) {
			if before, _, _ := strings.Cut(line, "load-balance"); len(line) > 101 && strings.HasPrefix(before, "  $") {
				t.Errorf("%s: a long example: %s", name, line)
			}
		}
	}
}

func TestManualPages(t *testing.T) {
	s := &server{t: t, home: t.TempDir(), admin: closedAddr(t)}
	if got := s.caddyCommand("manpage", "--directory", s.home); got.code != 0 {
		t.Fatal(got.errOut)
	}
	for _, name := range subcommands {
		if _, err := os.Stat(filepath.Join(s.home, "caddy-load-balance-"+name+".8")); err != nil {
			t.Error(err)
		}
	}
}

func TestCompletion(t *testing.T) {
	a, b := backend(t, "a"), backend(t, "b")
	s := serve(t, "--backend", a, "--backend", b)
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		got := s.caddyCommand("completion", shell)
		same(t, shell, got.code, 0)
		contains(t, shell, got.out, "caddy")
	}
	contains(t, "bash", s.caddyCommand("completion", "bash").out, "caddy_load-balance_drain", "--deadline")
	proposed := func(args ...string) string {
		return s.caddyCommand(append([]string{"__complete", "load-balance"}, args...)...).out
	}
	same(t, "backends", proposed("remove", ""), a+"\tup, "+a+"\n"+b+"\tup, "+b+"\n:4\n")
	same(t, "those that are left", proposed("remove", a, ""), b+"\tup, "+b+"\n:4\n")
	same(t, "pools", proposed("status", "--pool", ""), "web\n:4\n")
	contains(t, "policies", proposed("run", "--policy", ""), "least_conn\n", "peak_ewma\n")
	contains(t, "commands", proposed(""), "status\t", "maintenance\t")
}
