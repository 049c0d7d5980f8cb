package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/backend"
	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/peer"
	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/proc"
	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/report"
)

// files is how many files a process may have to open: two for each of 10,000
// clients, one for each of 10,000 backends, and some.
const files = 40_000

// bench is a run.
type bench struct {
	options
	dir      string // temporary
	cert     backend.Certificate
	caddy    string
	proxies  []peer.Proxy
	backends *backend.Backends
	report   *report.Report
}

func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	b := &bench{options: o, dir: dir, caddy: o.caddy, report: &report.Report{Subject: peer.LoadBalance}}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	defer b.backends.Stop()
	for _, w := range b.works {
		b.do(ctx, w)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
	}
	b.report.Finish()
	if err := write(b.report, o); err != nil {
		return err
	}
	if n := len(b.report.Problems); n > 0 {
		return fmt.Errorf("%d problems, see the end of the report", n)
	}
	return nil
}

// prepare does what comes before the first work.
func (b *bench) prepare(ctx context.Context) (err error) {
	limit, err := proc.RaiseFileLimit(files)
	if err != nil {
		return err
	}
	if b.cert, err = backend.WriteCertificate(b.dir); err != nil {
		return err
	}
	if b.caddy == "" {
		b.caddy = filepath.Join(b.dir, "caddy")
		progress("building Caddy with this module")
		if err := buildCaddy(ctx, b.caddy); err != nil {
			return err
		}
	}
	if err := b.chooseProxies(); err != nil {
		return err
	}
	if err := b.describe(ctx); err != nil {
		return err
	}
	b.backends, err = backend.Start(ctx, backend.Options{Dir: b.dir, Certificate: b.cert, FileLimit: limit})
	if err != nil {
		b.backends.Stop()
	}
	return err
}

// do has a work done by all proxies, in alternating rounds. A proxy that
// cannot do it is a problem that the report names; the others go on.
func (b *bench) do(ctx context.Context, w work) {
	result := &report.Work{Name: w.name, Title: w.title, Connections: b.clients(w)}
	b.report.Works = append(b.report.Works, result)
	failed := make(map[string]bool)
	for round := 1; round <= b.rounds; round++ {
		for _, p := range b.proxies {
			if ctx.Err() != nil || failed[p.Name] || (p.FrontOnly && !w.frontOnly) {
				continue
			}
			sample, err := b.round(ctx, w, p)
			if err != nil {
				failed[p.Name] = true
				b.problem("%s, %s: %v", w.title, p.Name, err)
				continue
			}
			progress("%s, round %d, %s: %s", w.title, round, p.Name, sample)
			if n := sample[report.Errors]; n > 0 {
				b.problem("%s, round %d, %s: %.0f errors", w.title, round, p.Name, n)
			}
			result.Add(p.Name, sample)
		}
	}
}

// problem notes what makes the report less than it should be.
func (b *bench) problem(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	b.report.Problems = append(b.report.Problems, text)
	progress("%s", text)
}

// progress says what is going on, apart from the report.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}
