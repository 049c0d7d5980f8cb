package metrics

import "sync/atomic"

// Probe is the result of a health check.
type Probe uint8

const (
	// Passed probes found what they expect.
	Passed Probe = iota
	// NotPassed probes did not.
	NotPassed
	// Void probes say nothing about the backend: this machine lacked something.
	Void

	numProbes = iota
)

var probeResults = [numProbes]string{"passed", "failed", "void"}

// Probes counts health checks by result.
type Probes [numProbes]atomic.Uint64

// Count counts one health check.
func (p *Probes) Count(result Probe) { p[result].Add(1) }
