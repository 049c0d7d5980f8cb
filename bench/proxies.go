package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

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
	for _, name := range b.options.proxies {
		if !slices.ContainsFunc(all, func(p peer.Proxy) bool { return p.Name == name }) {
			return fmt.Errorf("proxy %q: there is none of that name", name)
		}
	}
	for _, p := range all {
		wanted := slices.Contains(b.options.proxies, p.Name)
		if len(b.options.proxies) > 0 && !wanted {
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

// describe notes where and with what the run is made.
func (b *bench) describe(ctx context.Context) error {
	e := &b.report.Environment
	e.Describe(time.Now())
	e.Rounds, e.Seconds = b.rounds, b.seconds
	for _, p := range b.proxies {
		if p.Program == b.caddy {
			continue
		}
		version, err := p.Version(ctx)
		if err != nil {
			return err
		}
		e.Add(p.Name, version)
	}
	info, err := buildinfo.ReadFile(b.caddy)
	if err != nil {
		return fmt.Errorf("versions in %s: %w", b.caddy, err)
	}
	for _, dep := range info.Deps {
		if dep.Path == "github.com/caddyserver/caddy/v2" {
			e.Add("caddy", dep.Version)
		}
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			e.Add("this module", setting.Value)
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
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/caddy")
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
