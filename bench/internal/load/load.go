// Package load has the clients that drive a proxy and measure how long it
// takes to answer.
package load

import (
	"context"
	"time"
)

// Job is what a client does.
type Job struct {
	URL         string
	Method      string // GET if empty
	BodySize    int    // bytes that each request sends
	Connections int
	Duration    time.Duration
	Rate        int    // requests per second, for open loop
	Dir         string // for files that the client needs
}

// Result is what a client saw.
type Result struct {
	Requests int64
	Errors   int64 // connections, time-outs and statuses other than 2xx
	Elapsed  time.Duration
	Latency  Latency
}

// Latency is how long answers took, by the share of requests that took no
// longer.
type Latency struct {
	P50, P99, P999 time.Duration
}

// Driver is a client.
type Driver func(context.Context, Job) (Result, error)
