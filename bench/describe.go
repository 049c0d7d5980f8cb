package main

import (
	"cmp"
	"context"
	"debug/buildinfo"
	"fmt"
	"os/exec"
	"runtime/debug"
	"strings"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/peer"
)

// describe notes where and with what the run is made.
func (b *bench) describe(ctx context.Context) error {
	e := &b.report.Environment
	e.Describe(time.Now())
	e.Rounds, e.Seconds = b.rounds, b.seconds
	if err := b.describeCaddy(); err != nil {
		return err
	}
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
	backends := "this program"
	if b.backends.Nginx {
		var err error
		if backends, err = peer.Nginx().Version(ctx); err != nil {
			return err
		}
	}
	e.Add("backends", backends)
	// wrk has no option that only shows its version, and so fails
	out, _ := exec.CommandContext(ctx, "wrk", "--version").CombinedOutput()
	line, _, _ := strings.Cut(string(out), " Copyright")
	e.Add("wrk", line)
	if info, ok := debug.ReadBuildInfo(); ok {
		e.Add("vegeta", moduleVersion(info, "github.com/tsenart/vegeta/v12"))
	}
	return nil
}

// describeCaddy notes what the Caddy with this module was built from.
func (b *bench) describeCaddy() error {
	info, err := buildinfo.ReadFile(b.caddy)
	if err != nil {
		return fmt.Errorf("versions in %s: %w", b.caddy, err)
	}
	e := &b.report.Environment
	settings := make(map[string]string)
	for _, setting := range info.Settings {
		settings[setting.Key] = setting.Value
	}
	revision := cmp.Or(settings["vcs.revision"], info.Main.Version)
	if settings["vcs.modified"] == "true" {
		revision += ", modified"
	}
	e.Add(peer.LoadBalance, revision)
	e.Add("caddy", fmt.Sprintf("%s, %s", moduleVersion(info, "github.com/caddyserver/caddy/v2"), info.GoVersion))
	return nil
}

func moduleVersion(info *debug.BuildInfo, path string) string {
	for _, dep := range info.Deps {
		if dep.Path == path {
			return dep.Version
		}
	}
	return "unknown"
}
