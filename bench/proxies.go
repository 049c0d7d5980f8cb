package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/peer"
)

// chooseProxies finds the proxies that are there, of those that are wanted.
func (b *bench) chooseProxies() error {
	var err error
	if b.caddy, err = program(b.caddy); err != nil {
		return err
	}
	if b.traefik, err = program(b.traefik); err != nil {
		return err
	}
	all := append(peer.Caddys(b.caddy), peer.HAProxy(), peer.Nginx(), peer.Traefik(b.traefik))
	for _, name := range b.only {
		if !slices.ContainsFunc(all, func(p peer.Proxy) bool { return p.Name == name }) {
			return fmt.Errorf("proxy %q: there is none of that name", name)
		}
	}
	for _, p := range all {
		wanted := slices.Contains(b.only, p.Name)
		if len(b.only) > 0 && !wanted || p.Name == peer.Floor && !b.built && !wanted {
			continue
		}
		missing := p.Missing()
		switch {
		case missing == "":
			b.proxies = append(b.proxies, p)
		case wanted:
			return errors.New(missing)
		default:
			progress("left out: %s", missing)
		}
	}
	return nil
}

// buildCaddy builds the Caddy of the module that this one is part of.
func buildCaddy(ctx context.Context, binary string) error {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	root := filepath.Dir(filepath.Dir(strings.TrimSpace(string(mod))))
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "floor", "-o", binary, "./cmd/caddy")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build Caddy in %s: %w: %s", root, err, bytes.TrimSpace(out))
	}
	return nil
}

// program makes a name that is a path absolute, since processes run in
// directories of their own.
func program(name string) (string, error) {
	if !strings.ContainsRune(name, filepath.Separator) {
		return name, nil
	}
	return filepath.Abs(name)
}
