package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/backend"
	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/peer"
	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/proc"
	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/report"
)

// files is how many files processes would like to be allowed: HAProxy wants
// two for each of 10,000 clients, and more. Few works need that many.
const files = 40_000

// bench is a run.
type bench struct {
	options
	dir       string // temporary
	cert      backend.Certificate
	proxies   []peer.Proxy
	backends  *backend.Backends
	report    *report.Report
	fileLimit int
	openRate  int // of the open loop at hand
}

func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	b := &bench{options: o, dir: dir, report: &report.Report{Subject: peer.LoadBalance}}
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
		return fmt.Errorf("problems, at the end of the report: %d", n)
	}
	return nil
}

// prepare does what comes before the first work.
func (b *bench) prepare(ctx context.Context) (err error) {
	if _, err := exec.LookPath("wrk"); err != nil {
		return errors.New("wrk is not installed: apt-get install wrk")
	}
	if b.fileLimit, err = proc.RaiseFileLimit(files); err != nil {
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
		b.built = true
	}
	if err := b.chooseProxies(); err != nil {
		return err
	}
	b.backends, err = backend.Start(ctx, backend.Options{Dir: b.dir, Certificate: b.cert, FileLimit: b.fileLimit})
	if err == nil {
		err = b.describe(ctx)
	}
	if err != nil {
		b.backends.Stop()
	}
	return err
}

// do has a work done by all proxies, in alternating rounds. A proxy that
// cannot do it is a problem that the report names; the others go on.
func (b *bench) do(ctx context.Context, w work) {
	result := &report.Work{Name: w.name, Title: w.title, Idle: w.drive == nil, Connections: b.clients(w)}
	b.report.Works = append(b.report.Works, result)
	if need := b.files(w); need > b.fileLimit {
		b.problem("%s: takes %d open files, and the limit is %d: ulimit -n", w.title, need, b.fileLimit)
		return
	}
	if w.open {
		if err := b.setRate(ctx, w); err != nil {
			b.problem("%s: find the rate: %v", w.title, err)
			return
		}
		result.Rate = b.openRate
	}
	failed := make(map[string]bool)
	for round := 1; round <= b.rounds; round++ {
		for _, p := range b.proxies {
			if ctx.Err() != nil || failed[p.Name] || (p.FrontOnly && !w.frontOnly) || (p.PlainOnly && !w.plain) {
				continue
			}
			sample, err := b.round(ctx, w, p)
			if err != nil {
				failed[p.Name] = true
				b.problem("%s, %s: %v", w.title, p.Name, err)
				continue
			}
			progress("%s, round %d, %s: %s", w.title, round, p.Name, sample)
			b.judge(fmt.Sprintf("%s, round %d, %s", w.title, round, p.Name), sample, result.Rate)
			result.Add(p.Name, sample)
		}
	}
}

// judge notes what is wrong with a sample.
func (b *bench) judge(what string, sample report.Sample, rate int) {
	if n := sample[report.Errors]; n > 0 {
		b.problem("%s: %.0f errors", what, n)
	}
	if got := sample[report.Throughput]; got < 0.95*float64(rate) {
		b.problem("%s: %.0f requests/s instead of %d: client or proxy did not keep up", what, got, rate)
	}
}

// problem notes what makes the report less than it should be.
func (b *bench) problem(format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
	b.report.Problems = append(b.report.Problems, text)
	progress("%s", text)
}

// progress says what is going on, apart from the report.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}
