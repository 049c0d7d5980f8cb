package load

import (
	"context"
	"slices"
	"sync"
	"time"
)

// client sends one request and waits for its answer.
type client func(context.Context) error

// closedLoop has each client send one request after another for some time. A
// client whose request fails has lost its connection, and stops.
func closedLoop(ctx context.Context, clients []client, duration time.Duration) Result {
	took := make([][]time.Duration, len(clients))
	failed := make([]bool, len(clients))
	start := time.Now()
	var running sync.WaitGroup
	for i, send := range clients {
		running.Go(func() {
			for began := time.Now(); began.Sub(start) < duration; {
				if err := send(ctx); err != nil {
					failed[i] = true
					return
				}
				now := time.Now()
				took[i] = append(took[i], now.Sub(began))
				began = now
			}
		})
	}
	running.Wait()
	result := Result{Elapsed: time.Since(start)}
	for _, f := range failed {
		if f {
			result.Errors++
		}
	}
	all := slices.Concat(took...)
	result.Requests = int64(len(all))
	result.Latency = latencyOf(all)
	return result
}

// latencyOf sorts what requests took.
func latencyOf(took []time.Duration) Latency {
	slices.Sort(took)
	return Latency{P50: quantile(took, 500), P99: quantile(took, 990), P999: quantile(took, 999)}
}

// quantile returns the smallest of some sorted durations that perMille of
// 1,000 do not exceed.
func quantile(sorted []time.Duration, perMille int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*perMille + 999) / 1000
	return sorted[max(rank, 1)-1]
}
