package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/backend"
	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/load"
	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/peer"
	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/proc"
	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/report"
)

// patience is how long a round may take beyond its load.
const patience = time.Minute

// round has a proxy do a work once. No other proxy runs meanwhile, and each
// round has a fresh process, so that a lucky or unlucky one does not decide.
func (b *bench) round(ctx context.Context, w work, p peer.Proxy) (report.Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, b.warmupOf(w)+b.duration()+patience)
	defer cancel()
	dir, err := os.MkdirTemp(b.dir, p.Name+"-")
	if err != nil {
		return nil, err
	}
	site, err := b.site(ctx, w)
	if err != nil {
		return nil, err
	}
	process, err := p.Start(ctx, dir, site)
	if err != nil {
		return nil, err
	}
	defer process.Stop()

	job := b.job(w, site, dir)
	if err := ready(ctx, w, job); err != nil {
		return nil, err
	}
	if w.drive == nil {
		return b.measureIdle(ctx, w, process, job)
	}
	return b.measure(ctx, w, process, job)
}

// ready waits until a proxy answers as it should.
func ready(ctx context.Context, w work, job load.Job) error {
	path := w.path
	if path == backend.Echo {
		path = backend.Small // the client of the other checks what it gets
		job.URL = strings.TrimSuffix(job.URL, w.path) + path
	}
	return load.Ready(ctx, job, backend.Size(path))
}

// measure drives a running proxy, and accounts for what it uses.
func (b *bench) measure(ctx context.Context, w work, process *proc.Process, job load.Job) (report.Sample, error) {
	if warmup := b.warmupOf(w); warmup > 0 {
		before := job
		before.Duration = warmup
		if _, err := w.drive(ctx, before); err != nil {
			return nil, fmt.Errorf("warm-up: %w", err)
		}
	}
	before, err := process.Usage()
	if err != nil {
		return nil, err
	}
	result, err := w.drive(ctx, job)
	if err != nil {
		return nil, err
	}
	after, err := process.Usage()
	if err != nil {
		return nil, err
	}
	return report.Sample{
		report.Throughput: float64(result.Requests) / result.Elapsed.Seconds(),
		report.CPU:        float64((after.CPU - before.CPU).Nanoseconds()) / 1000 / float64(result.Requests),
		report.P50:        milliseconds(result.Latency.P50),
		report.P99:        milliseconds(result.Latency.P99),
		report.P999:       milliseconds(result.Latency.P999),
		report.PeakMemory: float64(after.PeakMemory) / mib,
		report.Errors:     float64(result.Errors),
	}, nil
}

func milliseconds(d time.Duration) float64 {
	return float64(d) / float64(time.Millisecond)
}

// mib is a MiB.
const mib = 1 << 20

// warmupOf is how long a work is done unmeasured.
func (b *bench) warmupOf(w work) time.Duration {
	return max(b.warmup, w.warmup)
}

// duration is how long a work is done measured.
func (b *bench) duration() time.Duration {
	return time.Duration(b.seconds) * time.Second
}

// clients is how many connections the clients of a work have.
func (b *bench) clients(w work) int {
	return cmp.Or(w.connections, b.connections)
}

// files is how many files the busiest process of a work has open, roughly.
func (b *bench) files(w work) int {
	const spare = 200
	if w.drive == nil {
		return b.clients(w) + idleBackends + spare
	}
	return b.clients(w) + max(b.clients(w), w.backends) + spare
}

// site is what a proxy has to serve for a work.
func (b *bench) site(ctx context.Context, w work) (peer.Site, error) {
	port, err := proc.FreePort(ctx)
	if err != nil {
		return peer.Site{}, err
	}
	site := peer.Site{
		Port:       port,
		TLS:        w.tls,
		Cert:       b.cert.Cert,
		Key:        b.cert.Key,
		Both:       b.cert.Both,
		Backends:   b.backends.Addresses(w.server, cmp.Or(w.backends, 3)),
		BackendTLS: w.backendTLS,
		Body:       backend.Body(w.path),
		LeastConn:  w.slow,
		Clients:    b.clients(w),
	}
	if w.slow {
		site.Backends[0] = b.backends.Addresses(backend.Late, 1)[0]
	}
	if w.drive == nil {
		site.Idle = idleBackends
	}
	return site, nil
}

// job is what the client does.
func (b *bench) job(w work, site peer.Site, dir string) load.Job {
	scheme := "http"
	if w.tls {
		scheme = "https"
	}
	return load.Job{
		URL:         fmt.Sprintf("%s://127.0.0.1:%d%s", scheme, site.Port, w.path),
		Method:      w.method,
		BodySize:    w.bodySize,
		Connections: b.clients(w),
		Duration:    b.duration(),
		Rate:        b.openRate,
		Dir:         dir,
	}
}
