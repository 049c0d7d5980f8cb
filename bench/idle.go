package main

import (
	"context"
	"fmt"

	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/backend"
	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/load"
	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/proc"
	"github.com/caddy-loadbalance/caddy-loadbalance/bench/internal/report"
)

// Idle clients come with as many idle backend connections, and send so many
// requests per second between them.
const (
	idleBackends = 1000
	trickle      = 100
)

// measureIdle has clients that do next to nothing, and accounts for the memory
// that a proxy has for them. There is no warm-up: what it would leave on the
// heap could then be used for connections.
func (b *bench) measureIdle(ctx context.Context, w work, process *proc.Process, job load.Job) (report.Sample, error) {
	before, err := process.Usage()
	if err != nil {
		return nil, err
	}
	idle, err := load.OpenIdle(ctx, job)
	if err != nil {
		return nil, err
	}
	defer idle.Close()
	if err := idle.Burst(idleBackends, backend.Delay); err != nil {
		return nil, fmt.Errorf("%d requests at once: %w", idleBackends, err)
	}
	if err := idle.Trickle(ctx, trickle, job.Duration); err != nil {
		return nil, err
	}
	after, err := process.Usage()
	if err != nil {
		return nil, err
	}
	connections, err := proc.Connections(b.backends.Port(w.server))
	if err != nil {
		return nil, err
	}
	return report.Sample{
		report.MemoryBefore:        float64(before.Memory) / mib,
		report.MemoryIdle:          float64(after.Memory) / mib,
		report.MemoryPerConnection: float64(after.Memory-before.Memory) / 1024 / float64(job.Connections),
		report.PeakMemory:          float64(after.PeakMemory) / mib,
		report.BackendConnections:  float64(connections),
	}, nil
}
